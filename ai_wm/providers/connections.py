"""A connection pool for many concurrent calls: `httpcore` connections, kept in a stack for each origin.

The pool of `httpx` checks all of its connections at every request, under one lock: with 64 threads that is more work
than the requests themselves (640 µs a call instead of 230).
"""

from __future__ import annotations

import ssl
import time
from collections import OrderedDict, deque
from collections.abc import Iterable, Iterator
from importlib import import_module
from threading import Lock
from typing import Final

import httpcore
import httpx

from ai_wm.providers.network import Network, closed_on_failure
from ai_wm.providers.proxies import without_credentials

KEEP_SECONDS: Final = 30.0
"""How long a connection is kept without being used."""

KEEP_CONNECTIONS: Final = 256
"""How many connections are kept, to all servers together: each takes a file descriptor."""

_PORTS: Final = {b"http": 80, b"https": 443}

# What httpcore cannot do has the same name in httpx.
_FAILURES: Final = (httpcore.TimeoutException, httpcore.NetworkError, httpcore.ProtocolError, httpcore.ProxyError)

Origin = tuple[bytes, bytes, int]


class Connections(httpx.BaseTransport):
    """An ``httpx`` transport that opens a connection whenever all open ones are in use.  Safe to use from many threads.

    The most recently used connection is used first, so that connections no longer needed become idle and are closed.

    Args:
        tls: the TLS context of https connections.
        proxy: the address of a proxy for all connections; its scheme is http, https, socks5 or socks5h.

    Raises:
        ImportError: the proxy is one of SOCKS, and the package that speaks it is not installed.
    """

    def __init__(self, tls: ssl.SSLContext, proxy: str | None = None) -> None:
        self.proxy = without_credentials(proxy) if proxy else ""
        """The proxy as it may be shown; empty if there is none."""
        self._pool, self._refusal = _pool(tls, proxy)  # of the pool, only the making of connections is used
        self._lock = Lock()
        self._idle: OrderedDict[Origin, deque[tuple[float, httpcore.ConnectionInterface]]] = OrderedDict()
        """The idle connections of each server, the most recently used last; the servers in the same order."""
        self._kept = 0
        self._closed = False

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Sends a request and returns the reply with its body unread.

        Raises:
            httpx.TransportError: where there is none.
        """
        url = request.url
        scheme, host = url.raw_scheme, url.raw_host
        if scheme not in _PORTS:
            raise httpx.UnsupportedProtocol(f"{url.scheme!r} is not spoken here, but http and https")
        origin = scheme, host, url.port or _PORTS[scheme]
        assert isinstance(request.stream, httpx.SyncByteStream)
        wanted = httpcore.Request(
            method=request.method,
            url=httpcore.URL(scheme=scheme, host=host, port=url.port, target=url.raw_path),
            headers=request.headers.raw,
            content=request.stream,
            extensions=request.extensions,
        )
        connection = self._take(origin)
        try:
            with closed_on_failure():
                response = connection.handle_request(wanted)
        except BaseException as error:  # whatever it is, it goes on; only the connection must not stay open
            connection.close()
            if isinstance(error, _FAILURES):
                raise _failure(error) from error
            if isinstance(error, self._refusal):
                raise httpx.ProxyError(f"it does not speak SOCKS 5: {error}") from error
            raise
        body = _Body(response, connection, origin, self)
        return httpx.Response(response.status, headers=response.headers, stream=body, extensions=response.extensions)

    def close(self) -> None:
        """Closes the idle connections; those in use are closed with their replies."""
        with self._lock:
            self._closed = True
            idle = [connection for kept in self._idle.values() for _, connection in kept]
            self._idle.clear()
            self._kept = 0
        for connection in idle:
            connection.close()

    def _take(self, origin: Origin) -> httpcore.ConnectionInterface:
        while True:
            with self._lock:
                kept = self._idle.get(origin)
                connection = None
                if kept:
                    connection = kept.pop()[1]
                    self._kept -= 1
                    if not kept:
                        del self._idle[origin]
            if connection is None:
                return self._pool.create_connection(httpcore.Origin(*origin))
            if not connection.has_expired():
                return connection
            connection.close()

    def give_back(self, connection: httpcore.ConnectionInterface, origin: Origin) -> None:
        """Keeps a connection for the next request, and closes connections that have been idle for long."""
        now = time.monotonic()
        old: list[httpcore.ConnectionInterface] = []
        with self._lock:
            if self._closed or not connection.is_idle():
                old.append(connection)
            else:
                kept = self._idle.setdefault(origin, deque())
                kept.append((now, connection))
                self._kept += 1
                self._idle.move_to_end(origin)
                while kept and now - kept[0][0] > KEEP_SECONDS:
                    old.append(self._drop_oldest(origin))
                while self._kept > KEEP_CONNECTIONS or self._has_forgotten(now):
                    old.append(self._drop_oldest(next(iter(self._idle))))
        for each in old:
            each.close()

    def _has_forgotten(self, now: float) -> bool:
        """Whether the connections to the least recently used origin have been idle for too long."""
        first = next(iter(self._idle.values()), None)
        return first is not None and now - first[-1][0] > KEEP_SECONDS

    def _drop_oldest(self, origin: Origin) -> httpcore.ConnectionInterface:
        kept = self._idle[origin]
        _, connection = kept.popleft()
        self._kept -= 1
        if not kept:
            del self._idle[origin]
        return connection


class _Body(httpx.SyncByteStream):
    """The body of a reply, which returns its connection to the pool when it is closed."""

    def __init__(
        self, response: httpcore.Response, connection: httpcore.ConnectionInterface, origin: Origin, owner: Connections
    ) -> None:
        self._response = response
        self._connection = connection
        self._origin = origin
        self._owner = owner
        self._open = True
        self._is_sound = True
        """Whether the connection is what it says that it is: an interrupt may leave one that seems to be idle."""

    def __iter__(self) -> Iterator[bytes]:
        assert isinstance(self._response.stream, Iterable)
        try:
            yield from self._response.stream
        except BaseException as error:  # whatever it is, it goes on
            self._is_sound = False
            if isinstance(error, _FAILURES):
                raise _failure(error) from error
            raise

    def close(self) -> None:
        """Closes the body and returns its connection to the pool."""
        if not self._open:
            return
        self._open = False
        try:
            self._response.close()
        except BaseException:  # whatever it is, it goes on
            self._is_sound = False
            raise
        finally:
            if self._is_sound:
                self._owner.give_back(self._connection, self._origin)
            else:
                self._connection.close()


def _pool(tls: ssl.SSLContext, proxy: str | None) -> tuple[httpcore.ConnectionPool, tuple[type[Exception], ...]]:
    """The pool of `httpcore`, and the errors of what a SOCKS proxy says, which it does not convert."""
    if proxy is None:
        return httpcore.ConnectionPool(ssl_context=tls, keepalive_expiry=KEEP_SECONDS, network_backend=Network()), ()
    by = httpx.Proxy(proxy)
    url = httpcore.URL(scheme=by.url.raw_scheme, host=by.url.raw_host, port=by.url.port, target=by.url.raw_path)
    if by.url.scheme in ("socks5", "socks5h"):
        refusal: type[Exception] = import_module("socksio").SOCKSError
        pool = httpcore.SOCKSProxy(
            url, proxy_auth=by.raw_auth, ssl_context=tls, keepalive_expiry=KEEP_SECONDS, network_backend=Network()
        )
        return pool, (refusal,)
    return httpcore.HTTPProxy(
        url,
        proxy_auth=by.raw_auth,
        ssl_context=tls,
        proxy_ssl_context=tls if by.url.scheme == "https" else None,
        keepalive_expiry=KEEP_SECONDS,
        network_backend=Network(),
    ), ()


def _failure(error: Exception) -> httpx.TransportError:
    """Converts an error of `httpcore` to the one of `httpx`."""
    kind: type[httpx.TransportError] = getattr(httpx, type(error).__name__)
    return kind(str(error))
