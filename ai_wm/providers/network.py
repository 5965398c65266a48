"""Interruptible sockets: a call that was cancelled does not wait for a silent server.

A read waits in short slices and looks in between whether the call goes on.  What a slice has not brought is not lost:
the next one takes up where it ended.
"""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import httpcore

# How long a cancelled call may go on waiting.
_SLICE_SECONDS = 0.1
# A connection whose other end is gone is noticed, however long a reply may take.
_OPTIONS = ((socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),)

_current = threading.local()


@contextmanager
def interruptible(check: Callable[[], None] | None) -> Iterator[None]:
    """Context manager in which reads of this thread call ``check`` now and then; what it raises ends them."""
    before = getattr(_current, "check", None)
    _current.check = check
    try:
        yield
    finally:
        _current.check = before


@contextmanager
def closed_on_failure() -> Iterator[None]:
    """Context manager that closes the connections which its thread has opened in it, if the block fails.

    A connection that fails on its way through a SOCKS proxy is not yet known to whom it is made for.
    """
    opened: list[httpcore.NetworkStream] = []
    _current.opened = opened
    try:
        yield
    except BaseException:  # whatever it is, it goes on
        for stream in opened:
            stream.close()
        raise
    finally:
        _current.opened = None


class Network(httpcore.SyncBackend):
    """Opens the connections of `httpcore` as ones that `interruptible` ends."""

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        """Opens a connection to a server."""
        options = [*(socket_options or ()), *_OPTIONS]
        stream = _Stream(super().connect_tcp(host, port, timeout, local_address, options))
        opened = getattr(_current, "opened", None)
        if opened is not None:
            opened.append(stream)
        return stream


class _Stream(httpcore.NetworkStream):
    def __init__(self, stream: httpcore.NetworkStream) -> None:
        self._stream = stream

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        check = getattr(_current, "check", None)
        if check is None:
            return self._stream.read(max_bytes, timeout)
        end = time.monotonic() + (timeout if timeout is not None else threading.TIMEOUT_MAX)
        while True:
            check()
            left = end - time.monotonic()
            try:
                return self._stream.read(max_bytes, max(0.001, min(left, _SLICE_SECONDS)))
            except httpcore.ReadTimeout:
                if left <= _SLICE_SECONDS:
                    raise

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, timeout)

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        return _Stream(self._stream.start_tls(ssl_context, server_hostname, timeout))

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)
