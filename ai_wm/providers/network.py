"""Interruptible sockets, so that a call that is cancelled or out of time does not wait for a silent server.

Whatever waits for the network (the look-up of a name, connecting, the handshake of TLS, writing, reading) waits in
short slices and looks in between whether the call goes on.  What a slice has not brought is not lost: the next one
takes up where it ended.
"""

from __future__ import annotations

import errno
import os
import selectors
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from enum import IntEnum
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

import httpcore

# How long a cancelled call may go on waiting.
_SLICE_SECONDS = 0.1
_PIECE = 16 * 1024
# Without a file descriptor of its own, where the system has such a one.
_Selector: type[selectors.BaseSelector] = getattr(selectors, "PollSelector", selectors.SelectSelector)
_BEGUN = frozenset({errno.EINPROGRESS, errno.EWOULDBLOCK, errno.EALREADY})
# A connection whose other end is gone is noticed, however long a reply may take.
_OPTIONS = ((socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),)

_current = threading.local()

T = TypeVar("T")


class Reached(IntEnum):
    """How far a new connection has come, on the way through a proxy or straight to its server."""

    NOTHING = 0
    CONNECTING = 1
    CONNECTED = 2
    FIRST_HANDSHAKE = 3
    SECOND_HANDSHAKE = 4


class interruptible:
    """Context manager in which network waits of this thread call ``check`` at intervals.

    What it raises ends the wait.
    """

    __slots__ = ("_before", "_check")

    def __init__(self, check: Callable[[], None] | None) -> None:
        self._check = check

    def __enter__(self) -> None:
        self._before = getattr(_current, "check", None)
        _current.check, _current.written, _current.reached = self._check, False, Reached.NOTHING

    def __exit__(self, *exception: object) -> None:
        _current.check = self._before


def has_written() -> bool:
    """Whether this thread has written to a connection since it last entered `interruptible`."""
    return bool(getattr(_current, "written", False))


def reached() -> Reached:
    """How far this thread has come with a connection since it last entered `interruptible`."""
    return Reached(getattr(_current, "reached", Reached.NOTHING))


@contextmanager
def closed_on_failure() -> Iterator[None]:
    """Context manager that closes the connections opened by its thread if the block fails.

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
    """A network backend of `httpcore` whose connections are interruptible with `interruptible`."""

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        """Opens a connection to a server."""
        wait = _Wait(timeout)
        _current.reached = Reached.CONNECTING
        connected = _connected(host, port, local_address, wait)
        _current.reached = Reached.CONNECTED
        for option in (*(socket_options or ()), *_OPTIONS, (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)):
            connected.setsockopt(*option)
        stream = _Stream(connected)
        opened = getattr(_current, "opened", None)
        if opened is not None:
            opened.append(stream)
        return stream


class _Wait:
    """A wait that ends at its timeout, or earlier if the check of `interruptible` raises."""

    __slots__ = ("_check", "_end")

    def __init__(self, timeout: float | None) -> None:
        self._check = getattr(_current, "check", None)
        self._end = time.monotonic() + (timeout if timeout is not None else threading.TIMEOUT_MAX)

    def slice(self) -> float:
        """Returns the seconds of the next slice of the wait, more than 0.

        Raises:
            TimeoutError: the time is over.
        """
        if self._check is not None:
            self._check()
        left = self._end - time.monotonic()
        if left <= 0:
            raise TimeoutError("timed out")
        return min(left, _SLICE_SECONDS)


class _Stream(httpcore.NetworkStream):
    """A TCP connection."""

    def __init__(self, connected: socket.socket) -> None:
        self._socket = connected
        self._seconds: float | None = None
        """How long the socket waits at most at a time, as it was last told."""

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        wait = _Wait(timeout)
        try:
            while True:
                try:
                    self._wait_for(wait.slice())
                    return self._socket.recv(max_bytes)
                except TimeoutError:
                    wait.slice()
        except TimeoutError as error:
            raise httpcore.ReadTimeout(error) from error
        except OSError as error:
            raise httpcore.ReadError(error) from error

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        if buffer:
            _current.written = True
        wait, rest = _Wait(timeout), memoryview(buffer)
        try:
            while rest:
                try:
                    self._wait_for(wait.slice())
                    rest = rest[self._socket.send(rest) :]
                except TimeoutError:
                    wait.slice()
        except TimeoutError as error:
            raise httpcore.WriteTimeout(error) from error
        except OSError as error:
            raise httpcore.WriteError(error) from error

    def _wait_for(self, seconds: float) -> None:
        if seconds != self._seconds:
            self._socket.settimeout(seconds)
            self._seconds = seconds

    def _is_readable(self) -> bool:
        """Whether something came, or the connection has ended."""
        try:
            self._wait_for(0)
            self._socket.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            return False
        except OSError:
            return True
        return True

    def close(self) -> None:
        self._socket.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        return _secured(self, ssl_context, server_hostname, timeout)

    def get_extra_info(self, info: str) -> Any:
        match info:
            case "socket":
                return self._socket
            case "client_addr":
                return self._socket.getsockname()
            case "server_addr":
                return self._socket.getpeername()
            case "is_readable":
                return self._is_readable()
        return None


class _SecureStream(httpcore.NetworkStream):
    """TLS over another stream, which may itself be TLS to a proxy."""

    def __init__(self, under: httpcore.NetworkStream, context: ssl.SSLContext, server_hostname: str | None) -> None:
        self._under = under
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=server_hostname)

    def shake_hands(self, timeout: float | None) -> None:
        """Performs the TLS handshake, which checks the server's certificate."""
        self._do(self._tls.do_handshake, timeout)

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        try:
            return self._do(lambda: self._tls.read(max_bytes), timeout)
        except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
            return b""  # whether a reply is complete is for those to say who read it
        except OSError as error:
            raise httpcore.ReadError(error) from error

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        rest = memoryview(buffer)
        try:
            while rest:
                piece = rest[:_PIECE]
                rest = rest[self._do(lambda piece=piece: self._tls.write(piece), timeout) :]  # type: ignore[misc]
        except OSError as error:
            raise httpcore.WriteError(error) from error

    def close(self) -> None:
        self._under.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        return _secured(self, ssl_context, server_hostname, timeout)

    def get_extra_info(self, info: str) -> Any:
        if info == "ssl_object":
            return self._tls
        if info == "is_readable" and (self._incoming.pending or self._tls.pending()):
            return True  # a close_notify, say, which came together with the reply
        return self._under.get_extra_info(info)

    def _do(self, step: Callable[[], T], timeout: float | None) -> T:
        """Performs one TLS operation, with all sending and receiving that it needs."""
        end = None if timeout is None else time.monotonic() + timeout
        while True:
            left = None if end is None else max(0.001, end - time.monotonic())
            try:
                done = step()
            except ssl.SSLWantReadError:
                self._send(left)
                received = self._under.read(_PIECE, left)
                if received:
                    self._incoming.write(received)
                else:
                    self._incoming.write_eof()
            else:
                self._send(left)
                return done

    def _send(self, timeout: float | None) -> None:
        if self._outgoing.pending:
            self._under.write(self._outgoing.read(), timeout)


def _secured(
    under: httpcore.NetworkStream, context: ssl.SSLContext, server_hostname: str | None, timeout: float | None
) -> _SecureStream:
    _current.reached = min(Reached.SECOND_HANDSHAKE, max(reached(), Reached.CONNECTED) + 1)
    try:
        stream = _SecureStream(under, context, server_hostname)
        stream.shake_hands(timeout)
    except BaseException as error:  # whatever it is, it goes on; only the connection must not stay open
        under.close()
        match error:
            case httpcore.TimeoutException():
                raise httpcore.ConnectTimeout(error) from error
            case OSError() | httpcore.NetworkError():
                raise httpcore.ConnectError(error) from error
        raise
    finally:
        _current.written = False  # nothing of a request has been sent yet
    return stream


def _connected(host: str, port: int, local_address: str | None, wait: _Wait) -> socket.socket:
    """Connects to the first reachable address of a host."""
    failure: OSError | None = None
    try:
        for family, kind, protocol, _, address in _addresses(host, port, wait):
            made = socket.socket(family, kind, protocol)
            try:
                made.setblocking(False)
                if local_address is not None:
                    made.bind((local_address, 0))
                number = made.connect_ex(address)
                if number in _BEGUN:
                    while not _is_ready(made, selectors.EVENT_WRITE, wait.slice()):
                        pass
                    number = made.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
                if number == 0:
                    return made
                failure = OSError(number, os.strerror(number))
            except BaseException:  # raised again
                made.close()
                raise
            made.close()
    except TimeoutError as error:
        raise httpcore.ConnectTimeout(error) from error
    except OSError as error:
        raise httpcore.ConnectError(error) from error
    failure = failure or OSError("the name has no address")
    raise httpcore.ConnectError(failure) from failure


def _addresses(host: str, port: int, wait: _Wait) -> list[Any]:
    """The addresses of a host.  The system's name look-up cannot be interrupted, so a thread waits for it."""
    try:
        return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
    except socket.gaierror:
        pass  # a name
    found: SimpleQueue[list[Any] | Exception] = SimpleQueue()

    def look_up() -> None:
        try:
            found.put(list(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)))
        except Exception as error:  # whatever it is, it is raised where it is waited for
            found.put(error)

    threading.Thread(target=look_up, name="ai_wm-name-look-up", daemon=True).start()
    while True:
        try:
            outcome = found.get(timeout=wait.slice())
        except Empty:
            continue
        if isinstance(outcome, Exception):
            raise outcome
        return outcome


def _is_ready(made: socket.socket, event: int, seconds: float) -> bool:
    with _Selector() as selector:
        selector.register(made, event)
        return bool(selector.select(seconds))
