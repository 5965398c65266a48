"""Many calls at once over `httpx`: connections in a stack, each in a transport of its own.

A pool of `httpx` looks at every connection that it has at every request, under one lock: with 64 threads that is more
work than the requests themselves (640 µs a call instead of 260).  A transport of one connection has nothing to look at.
"""

from __future__ import annotations

import ssl
import time
from collections import deque
from collections.abc import Iterator
from threading import Lock
from typing import Final

import httpx

KEEP_SECONDS: Final = 30.0
"""How long a connection is kept without being used."""

KEEP_CONNECTIONS: Final = 256
"""How many connections are kept."""

_ONE: Final = httpx.Limits(max_connections=1, max_keepalive_connections=1, keepalive_expiry=KEEP_SECONDS)


class Connections(httpx.BaseTransport):
    """A transport that grows by a connection whenever all that it has are in use.  Safe for use from many threads.

    The last connection used is used first, so that those that are not needed any more are closed in time.

    Args:
        tls: what https connections are made with.
    """

    def __init__(self, tls: ssl.SSLContext) -> None:
        self._tls = tls
        self._lock = Lock()
        self._idle: deque[tuple[float, httpx.HTTPTransport]] = deque()
        self._closed = False

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """The reply to a request, its body unread.

        Raises:
            httpx.TransportError: where there is none.
        """
        transport = self._take()
        try:
            response = transport.handle_request(request)
        except BaseException:
            self.give_back(transport)  # it has closed its connection
            raise
        assert isinstance(response.stream, httpx.SyncByteStream)
        response.stream = _Body(response.stream, transport, self)
        return response

    def close(self) -> None:
        """Closes the connections that are not in use; those in use are closed when their replies are."""
        with self._lock:
            self._closed = True
            idle = [transport for _, transport in self._idle]
            self._idle.clear()
        for transport in idle:
            transport.close()

    def _take(self) -> httpx.HTTPTransport:
        with self._lock:
            if self._idle:
                return self._idle.pop()[1]
        return httpx.HTTPTransport(verify=self._tls, trust_env=False, limits=_ONE)

    def give_back(self, transport: httpx.HTTPTransport) -> None:
        """Keeps a transport for the next request, and closes those that nobody has needed for long."""
        now = time.monotonic()
        old: list[httpx.HTTPTransport] = []
        with self._lock:
            if self._closed:
                old.append(transport)
            else:
                self._idle.append((now, transport))
            while self._idle and (now - self._idle[0][0] > KEEP_SECONDS or len(self._idle) > KEEP_CONNECTIONS):
                old.append(self._idle.popleft()[1])
        for each in old:
            each.close()


class _Body(httpx.SyncByteStream):
    """The body of a reply, whose connection is free once it is closed."""

    def __init__(self, stream: httpx.SyncByteStream, transport: httpx.HTTPTransport, owner: Connections) -> None:
        self._stream = stream
        self._transport = transport
        self._owner = owner
        self._open = True

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._stream)

    def close(self) -> None:
        if not self._open:
            return
        self._open = False
        try:
            self._stream.close()
        finally:
            self._owner.give_back(self._transport)
