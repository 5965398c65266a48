"""A connection pool for many concurrent calls: connections are kept in a stack for each origin.

The pool of `httpx` checks all of its connections at every request, under one lock: with 64 threads that is more work
than the requests themselves.  Straight to a server a connection is one of `http1`; those by a proxy are `httpcore`'s.
"""

from __future__ import annotations

import ssl
import time
from collections import OrderedDict, deque
from collections.abc import Iterable, Iterator
from importlib import import_module
from threading import Lock
from typing import Final, Protocol

import httpcore
import httpx

from ai_wm.providers.http1 import DirectConnection, Origin
from ai_wm.providers.network import Network, closed_on_failure
from ai_wm.providers.proxies import without_credentials

KEEP_SECONDS: Final = 30.0
"""How long a connection is kept without being used."""

KEEP_CONNECTIONS: Final = 256
"""How many connections are kept, to all servers together: each takes a file descriptor."""

_PORTS: Final = {b"http": 80, b"https": 443}

# What httpcore cannot do has the same name in httpx.
_FAILURES: Final = (httpcore.TimeoutException, httpcore.NetworkError, httpcore.ProtocolError, httpcore.ProxyError)


class Connection(Protocol):
    """A connection to one server.  One thread uses it at a time."""

    def send(self, request: httpx.Request) -> tuple[int, list[tuple[bytes, bytes]], Iterator[bytes]]:
        """Sends a request; returns the status, the headers and the body of the reply, which is read as it is iterated.

        What it raises of `httpcore` is converted by whoever calls it.
        """

    def finish(self) -> bool:
        """Ends an exchange; returns whether another one may follow."""

    def is_usable(self) -> bool:
        """Whether the idle connection still stands."""

    def close(self) -> None:
        """Closes the connection."""


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
        self._tls = tls
        tls.set_alpn_protocols(["http/1.1"])
        self._proxies: httpcore.ConnectionPool | None = None
        self._refusal: tuple[type[Exception], ...] = ()
        if proxy:
            self._proxies, self._refusal = _proxies(tls, proxy)
        self._lock = Lock()
        self._idle: OrderedDict[Origin, deque[tuple[float, Connection]]] = OrderedDict()
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
        connection = self._take(origin)
        try:
            status, headers, body = connection.send(request)
        except BaseException as error:  # whatever it is, it goes on; only the connection must not stay open
            connection.close()
            if isinstance(error, _FAILURES):
                raise _failure(error) from error
            if isinstance(error, self._refusal):
                raise httpx.ProxyError(f"it does not speak SOCKS 5: {error}") from error
            raise
        return httpx.Response(status, headers=headers, stream=_Body(body, connection, origin, self))

    def close(self) -> None:
        """Closes the idle connections; those in use are closed with their replies."""
        with self._lock:
            self._closed = True
            idle = [connection for kept in self._idle.values() for _, connection in kept]
            self._idle.clear()
            self._kept = 0
        for connection in idle:
            connection.close()

    def _take(self, origin: Origin) -> Connection:
        while True:
            with self._lock:
                kept = self._idle.get(origin)
                if not kept:
                    break
                since, connection = kept.pop()
                self._kept -= 1
                if not kept:
                    del self._idle[origin]
            if time.monotonic() - since <= KEEP_SECONDS and connection.is_usable():
                return connection
            connection.close()
        if self._proxies is None:
            return DirectConnection(origin, self._tls)
        return _ProxiedConnection(self._proxies.create_connection(httpcore.Origin(*origin)))

    def give_back(self, connection: Connection, origin: Origin) -> None:
        """Keeps a connection for the next request, and closes connections that have been idle for long."""
        now = time.monotonic()
        old: list[Connection] = []
        with self._lock:
            if self._closed:
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

    def _drop_oldest(self, origin: Origin) -> Connection:
        kept = self._idle[origin]
        _, connection = kept.popleft()
        self._kept -= 1
        if not kept:
            del self._idle[origin]
        return connection


class _Body(httpx.SyncByteStream):
    """The body of a reply, which returns its connection to the pool when it is closed."""

    def __init__(self, chunks: Iterator[bytes], connection: Connection, origin: Origin, owner: Connections) -> None:
        self._chunks = chunks
        self._connection = connection
        self._origin = origin
        self._owner = owner
        self._open = True
        self._is_sound = True
        """Whether the connection is what it says that it is: an interrupt may leave one that seems to be idle."""

    def __iter__(self) -> Iterator[bytes]:
        try:
            yield from self._chunks
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
        is_kept = False
        try:
            is_kept = self._is_sound and self._connection.finish()
        finally:
            if is_kept:
                self._owner.give_back(self._connection, self._origin)
            else:
                self._connection.close()


class _ProxiedConnection:
    """A connection by a proxy."""

    __slots__ = ("_connection", "_response")

    def __init__(self, connection: httpcore.ConnectionInterface) -> None:
        self._connection = connection
        self._response: httpcore.Response | None = None

    def send(self, request: httpx.Request) -> tuple[int, list[tuple[bytes, bytes]], Iterator[bytes]]:
        url = request.url
        assert isinstance(request.stream, httpx.SyncByteStream)
        wanted = httpcore.Request(
            method=request.method,
            url=httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path),
            headers=request.headers.raw,
            content=request.stream,
            extensions=request.extensions,
        )
        with closed_on_failure():
            self._response = response = self._connection.handle_request(wanted)
        assert isinstance(response.stream, Iterable)
        return response.status, response.headers, iter(response.stream)

    def finish(self) -> bool:
        response, self._response = self._response, None
        if response is not None:
            response.close()
        return self._connection.is_idle()

    def is_usable(self) -> bool:
        return not self._connection.has_expired()

    def close(self) -> None:
        self._connection.close()


def _proxies(tls: ssl.SSLContext, proxy: str) -> tuple[httpcore.ConnectionPool, tuple[type[Exception], ...]]:
    """The pool of `httpcore` that makes the connections by a proxy, and the errors of what a SOCKS proxy says, which it
    does not convert."""
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
