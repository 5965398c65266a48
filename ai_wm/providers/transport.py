"""Sending HTTP requests and reading the replies.

Requests go through an ``httpx`` transport: the host's, else `Connections`, which are kept and used again, else that of
an ``httpx.Client`` where the environment names a proxy.  Redirects are not followed, cookies are not kept, a body is
read up to a bound (also when it is compressed), and every failure comes out as an `AttemptFailed`.
"""

from __future__ import annotations

import math
import ssl
import zlib
from collections.abc import Iterable, Iterator, Mapping
from functools import cache, lru_cache
from threading import Lock
from typing import Self
from urllib.request import getproxies

import httpx

from ai_wm.providers.adapter import BadReply
from ai_wm.providers.connections import KEEP_CONNECTIONS, KEEP_SECONDS, Connections
from ai_wm.providers.errors import AttemptFailed
from ai_wm.providers.retry import Attempts
from neuroscript import ErrorCode

# Far above any reply of a model; what is larger is a mistake or an attack.
MAX_REPLY_BYTES = 32 * 1024 * 1024
# A connection that takes longer than this is tried again rather than waited for.
CONNECT_SECONDS = 10.0
# Once a stream has begun, silence of this length means that it has stalled; providers send pings more often.
STALL_SECONDS = 60.0

MOST_ORIGINS = 1024
"""Origins for which it is remembered what carries requests to them."""

_ERRORS = (httpx.TransportError, httpx.InvalidURL)
_HEADERS = {
    b"accept": b"*/*",
    b"accept-encoding": b"identity",
    b"connection": b"keep-alive",
    b"content-type": b"application/json",
    b"user-agent": b"neuroscript",
}


class Reply:
    """A reply whose body has not been read yet.  As a context manager it is closed at the end of the block."""

    def __init__(self, response: httpx.Response, attempts: Attempts) -> None:
        self.status = response.status_code
        self.headers: Mapping[str, str] = response.headers
        self._response = response
        self._attempts = attempts

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._response.close()

    def chunks(self, limit: int = MAX_REPLY_BYTES) -> Iterator[bytes]:
        """The body as it comes, decompressed.

        Raises:
            AttemptFailed: the connection fails, time is over, the body is too large or not validly compressed.
        """
        if self._response.is_stream_consumed:  # a host's transport may give whole replies, already decompressed
            chunks: Iterable[bytes] = [self._response.content]
        else:
            chunks = self._raw()
            encoding = self.headers.get("content-encoding", "identity").strip().lower()
            if encoding not in ("", "identity"):
                chunks = _decoded(chunks, encoding, limit)
        total = 0
        for chunk in chunks:
            total += len(chunk)
            if total > limit:
                raise AttemptFailed(ErrorCode.LLM_ERROR, f"the reply is larger than {limit // 2**20} MiB")
            yield chunk

    def body(self, limit: int = MAX_REPLY_BYTES) -> bytes:
        """The whole body."""
        return b"".join(self.chunks(limit))

    def beginning(self, limit: int = 256 * 1024) -> bytes:
        """What can be had of the body, up to about ``limit`` bytes: enough to read what went wrong."""
        read = bytearray()
        try:
            for chunk in self.chunks():
                read += chunk
                if len(read) >= limit:
                    break
        except (AttemptFailed, BadReply):
            pass  # the reply is an unsuccessful one already, and its status says more than this
        return bytes(read)

    def _raw(self) -> Iterator[bytes]:
        stream = self._response.stream
        assert isinstance(stream, httpx.SyncByteStream)
        try:
            for chunk in stream:
                self._attempts.check()
                if self._attempts.remaining() <= 0:
                    raise out_of_time(self._attempts)
                yield chunk
        except _ERRORS as error:
            raise _failure(error, self._attempts) from None


class Transport:
    """Sends requests to any address.  Safe for use from many threads.

    Args:
        transport: an ``httpx`` transport that everything goes through; it is closed with this one.
    """

    def __init__(self, transport: httpx.BaseTransport | None = None) -> None:
        self._given = transport
        self._lock = Lock()
        self._carriers: dict[str, httpx.BaseTransport] = {}
        self._connections: Connections | None = None
        self._proxied: _Proxied | None = None

    def carrier(self, origin: str) -> httpx.BaseTransport:
        """What carries the requests to an origin, ``https://host:port``; chosen when it is first asked for."""
        carrier = self._carriers.get(origin)
        if carrier is None:
            with self._lock:
                if len(self._carriers) >= MOST_ORIGINS:  # a program may name ever new ones
                    self._carriers.clear()
                carrier = self._carriers[origin] = self._choose(origin)
        return carrier

    def post(
        self,
        url: str,
        headers: Mapping[str, str],
        content: bytes,
        attempts: Attempts,
        *,
        stream: bool = False,
    ) -> Reply:
        """Sends one request and gives its reply, whatever its status; the body is read by the caller.

        A ``stream`` may not fall silent for long once it has begun.

        Raises:
            AttemptFailed: there is no reply.
        """
        remaining = attempts.remaining()
        if remaining <= 0:
            raise out_of_time(attempts)
        timeout = {"connect": min(remaining, CONNECT_SECONDS), "read": remaining, "write": remaining, "pool": remaining}
        try:
            request = _request(url, headers, content, timeout)
            response = self.carrier(_origin(request.url)).handle_request(request)
        except _ERRORS as error:
            raise _failure(error, attempts) from None
        # The time that waiting for the head has taken is gone for the body too.
        timeout["read"] = max(0.001, min(attempts.remaining(), STALL_SECONDS if stream else math.inf))
        return Reply(response, attempts)

    def close(self) -> None:
        """Closes every connection."""
        with self._lock:
            self._carriers = {}
            made = [self._given, self._connections, self._proxied]
            self._connections = self._proxied = None
        for carrier in made:
            if carrier is not None:
                carrier.close()

    def _choose(self, origin: str) -> httpx.BaseTransport:
        """One of a few: what each origin has of its own are its connections, which are bounded."""
        if self._given is not None:
            return self._given
        if _goes_by_proxy(origin):
            if self._proxied is None:
                self._proxied = _Proxied()
            return self._proxied
        if self._connections is None:
            self._connections = Connections(_tls())
        return self._connections


class _Proxied(httpx.BaseTransport):
    """What ``httpx`` does of itself where a proxy is in the environment: it also knows what is exempt from it."""

    def __init__(self) -> None:
        # Batches make many calls at once: the pool must not be what limits them, and what is idle is worth keeping.
        limits = httpx.Limits(
            max_connections=None, max_keepalive_connections=KEEP_CONNECTIONS, keepalive_expiry=KEEP_SECONDS
        )
        self._client = httpx.Client(limits=limits, follow_redirects=False, verify=_tls())

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        return self._client.send(request, stream=True)

    def close(self) -> None:
        self._client.close()


def _request(url: str, headers: Mapping[str, str], content: bytes, timeout: dict[str, float]) -> httpx.Request:
    """The request as ``httpx`` has it.  ``timeout`` counts as it is when something is waited for."""
    made = _url(url)
    fields = _HEADERS | {name.lower().encode("ascii"): value.encode("ascii") for name, value in headers.items()}
    fields |= {b"host": made.netloc, b"content-length": b"%d" % len(content)}
    return httpx.Request(
        "POST", made, headers=[*fields.items()], stream=httpx.ByteStream(content), extensions={"timeout": timeout}
    )


def _goes_by_proxy(origin: str) -> bool:
    """Whether the usual variables name a proxy; ``httpx``'s own transport knows what is exempt from it."""
    return not getproxies().keys().isdisjoint((origin.partition(":")[0], "all"))


def _origin(url: httpx.URL) -> str:
    return f"{url.scheme}://{url.netloc.decode('ascii')}"


@lru_cache(maxsize=1024)
def _url(text: str) -> httpx.URL:
    # Reading an address takes a tenth of the time of a whole local call, and there are few of them.
    return httpx.URL(text)


@cache
def _tls() -> ssl.SSLContext:
    # Reading the certificates takes longer (20 ms) than all the rest of making a client.
    return httpx.create_ssl_context()


def out_of_time(attempts: Attempts) -> AttemptFailed:
    """The failure of a call whose time is over."""
    return AttemptFailed(ErrorCode.TIMEOUT, f"no complete reply within {attempts.timeout:g} s (timeout_seconds)")


def _failure(error: Exception, attempts: Attempts) -> AttemptFailed:
    """What an error of ``httpx`` means.  The error itself goes no further: it holds the request and so the key."""
    match error:
        case httpx.ConnectTimeout():
            return AttemptFailed(ErrorCode.LLM_ERROR, "the connection could not be made in time", retry=True)
        case httpx.TimeoutException():
            return _stalled(attempts)
        case httpx.ConnectError() | httpx.ProxyError():
            return AttemptFailed(ErrorCode.LLM_ERROR, f"the connection could not be made: {error}", retry=True)
        case httpx.UnsupportedProtocol() | httpx.InvalidURL() | httpx.LocalProtocolError():
            # Not shown: what is wrong may be the key itself, as a header value.
            return AttemptFailed(
                ErrorCode.CONFIGURATION, "the request cannot be sent: its address or a header is not valid"
            )
    return AttemptFailed(ErrorCode.LLM_ERROR, f"the connection broke: {error}", retry=True)


def _stalled(attempts: Attempts) -> AttemptFailed:
    if attempts.remaining() > 0.05:
        return AttemptFailed(ErrorCode.TIMEOUT, f"the reply stalled: nothing came for {STALL_SECONDS:g} s")
    return out_of_time(attempts)


def _decoded(chunks: Iterable[bytes], encoding: str, limit: int) -> Iterator[bytes]:
    if encoding not in ("gzip", "x-gzip", "deflate"):
        raise BadReply(f"the reply is compressed as {encoding[:20]!r}, which was not asked for")
    # 32 + 15: a gzip or zlib header, whichever there is.
    decoder = zlib.decompressobj(32 + zlib.MAX_WBITS)
    for chunk in chunks:
        pending = chunk
        while pending:
            try:
                # Bounded, so that a small body cannot become a huge one at once.
                yield decoder.decompress(pending, min(limit, 1 << 20))
            except zlib.error:
                raise BadReply("the reply is not validly compressed") from None
            pending = decoder.unconsumed_tail
    if not decoder.eof:
        raise AttemptFailed(ErrorCode.LLM_ERROR, "the connection broke: the compressed reply is incomplete", retry=True)
