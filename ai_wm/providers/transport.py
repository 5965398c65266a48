"""The HTTP transport: sends requests and reads replies within the time limit of a call.

Requests go through an ``httpx`` transport: the host's, else `Connections`, which are kept and used again, straight to
the server or by the proxy that the environment names for it.  Redirects are not followed, cookies are not kept, a body
is read up to a bound (also when it is compressed), and every failure comes out as an `AttemptFailed`.
"""

from __future__ import annotations

import ssl
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from functools import cache, lru_cache
from threading import Lock
from typing import Self

import httpx

from ai_wm.providers.adapter import BadReply
from ai_wm.providers.connections import Connections
from ai_wm.providers.errors import AttemptFailed
from ai_wm.providers.failed_connections import UNSENT, broken, failed_connection, out_of_time, silent
from ai_wm.providers.network import has_written, interruptible
from ai_wm.providers.proxies import proxy_for
from ai_wm.providers.retry import Attempts
from ai_wm.support.recent import Recent
from neuroscript import ErrorCode

# Far above any reply of a model; what is larger is a mistake or an attack.
MAX_REPLY_BYTES = 32 * 1024 * 1024
_PIECE = 64 * 1024
_ANY_HEADER = 32 + zlib.MAX_WBITS  # of gzip or zlib, whichever there is
_KEPT = 4096
"""The bytes of a body that are kept for messages."""
# A connection that takes longer than this is tried again rather than waited for.
CONNECT_SECONDS = 10.0

MOST_ORIGINS = 1024
"""Origins for which it is remembered what carries requests to them; a program may name ever new ones."""

_ERRORS = (httpx.TransportError, httpx.InvalidURL)
_HEADERS = {
    b"accept": b"*/*",
    b"accept-encoding": b"identity",
    b"connection": b"keep-alive",
    b"content-type": b"application/json",
    b"user-agent": b"neuroscript",
}


class Reply:
    """A reply whose body has not been read yet; a context manager that closes it."""

    def __init__(self, response: httpx.Response, attempts: Attempts, timeout: dict[str, float] | None = None) -> None:
        self._timeout = timeout if timeout is not None else {}
        self.status = response.status_code
        self.headers: Mapping[str, str] = response.headers
        self.came = bytearray()
        """The beginning of the body, as far as it has come and can be read, for messages."""
        self._response = response
        self._attempts = attempts

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._response.close()

    def wait_at_most(self, seconds: float) -> None:
        """Bounds the silence that is waited through from now on, where there may be nothing more to come."""
        self._timeout["read"] = min(self._timeout.get("read", seconds), seconds)

    def chunks(self, limit: int = MAX_REPLY_BYTES) -> Iterator[bytes]:
        """Reads the body in chunks as they come, decompressed.

        Raises:
            AttemptFailed: the connection fails, time is over, the body is too large or not validly compressed.
        """
        if self._response.is_stream_consumed:  # a host's transport may give whole replies, already decompressed
            chunks: Iterable[bytes] = [self._response.content]
        else:
            chunks = self._raw()
            encoding = self.headers.get("content-encoding", "identity").strip().lower()
            if encoding not in ("", "identity"):
                chunks = _decoded(chunks, encoding, limit, self._attempts)
        total = 0
        for chunk in chunks:
            total += len(chunk)
            if len(self.came) < _KEPT:
                self.came += chunk[:_KEPT]
            if total > limit:
                raise AttemptFailed(ErrorCode.LLM_ERROR, f"the reply is larger than {limit // 2**20} MiB")
            yield chunk

    def body(self, limit: int = MAX_REPLY_BYTES) -> bytes:
        """Reads the whole body."""
        return b"".join(self.chunks(limit))

    def beginning(self, limit: int = 256 * 1024) -> bytes:
        """Reads the beginning of the body, up to about ``limit`` bytes, for an error report."""
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
        chunks = iter(stream)
        check = _check_of(self._attempts)
        try:
            while True:
                with interruptible(check):
                    chunk = next(chunks, None)
                if chunk is None:
                    return
                check()
                yield chunk
        except httpx.ReadTimeout as error:
            attempts = self._attempts
            if attempts.stall is None or attempts.remaining() <= 0:
                raise failed_connection(error, attempts) from None
            raise silent(attempts) from None
        except _ERRORS as error:
            raise failed_connection(error, self._attempts) from None


class Transport:
    """Sends requests to any address.  Safe for use from many threads.

    Args:
        transport: an ``httpx`` transport that everything goes through; it is closed with this one.
        environ: where the variables that name proxies are looked up; by default the process's own.
    """

    def __init__(self, transport: httpx.BaseTransport | None = None, environ: Mapping[str, str] | None = None) -> None:
        self._given = transport
        self._environ = environ
        self._lock = Lock()
        self._carriers: Recent[str, httpx.BaseTransport] = Recent(MOST_ORIGINS)
        self._connections: dict[str | None, Connections] = {}

    def carrier(self, origin: str) -> httpx.BaseTransport:
        """Returns the HTTP transport for an origin, ``https://host:port``, chosen at the first request to it."""
        carrier = self._carriers.get(origin)
        if carrier is None:
            with self._lock:
                carrier = self._choose(origin)
                self._carriers.put(origin, carrier)
        return carrier

    def send(
        self,
        url: str,
        headers: Mapping[str, str],
        content: bytes | None,
        attempts: Attempts,
    ) -> Reply:
        """Sends one request and returns its reply, whatever its status; the body is read by the caller.

        ``attempts.sent`` says from then on whether anything was sent, ``attempts.asked`` and ``attempts.proxy`` where.

        Args:
            url: where it is sent.
            headers: its headers, besides those that every request has.
            content: the body of a POST; None for a GET.
            attempts: the time that is left, and the check for cancelling.

        Raises:
            AttemptFailed: there is no reply.
        """
        attempts.asked, attempts.proxy = url.partition("?")[0], ""
        remaining = attempts.remaining()
        if remaining <= 0:
            raise out_of_time(attempts)
        timeout = {"connect": min(remaining, CONNECT_SECONDS), "read": remaining, "write": remaining, "pool": remaining}
        try:
            with interruptible(_check_of(attempts)):
                request = _request(url, headers, content, timeout)
                carrier = self.carrier(_origin(request.url))
                attempts.proxy = carrier.proxy if isinstance(carrier, Connections) else ""
                try:
                    attempts.sent = True  # unless it turns out otherwise: an interrupt may come before that
                    response = carrier.handle_request(request)
                except BaseException:
                    # What a host's own transport has written nobody sees.
                    attempts.sent = self._given is not None or has_written()
                    raise
        except _ERRORS as error:
            attempts.sent = attempts.sent and not isinstance(error, UNSENT)
            raise failed_connection(error, attempts) from None
        # The time that waiting for the head has taken is gone for the body too.
        remaining = max(0.001, attempts.remaining())
        timeout["read"] = remaining if attempts.stall is None else min(remaining, attempts.stall)
        return Reply(response, attempts, timeout if self._given is None else None)  # a host's is its own matter

    def close(self) -> None:
        """Closes every connection."""
        with self._lock:
            self._carriers.clear()
            made, self._connections = [*self._connections.values()], {}
        for carrier in made if self._given is None else [self._given]:
            carrier.close()

    def _choose(self, origin: str) -> httpx.BaseTransport:
        """Returns one of a few connection pools, which are kept: forgetting an origin closes no connection.

        The connections of each origin are bounded by `Connections`.
        """
        if self._given is not None:
            return self._given
        proxy = _proxy_of(origin, self._environ)
        if proxy not in self._connections:
            self._connections[proxy] = _connections(proxy)
        return self._connections[proxy]


def _request(url: str, headers: Mapping[str, str], content: bytes | None, timeout: dict[str, float]) -> httpx.Request:
    """Builds the ``httpx`` request.  ``timeout`` is read whenever the request waits."""
    made = _url(url)
    fields = _HEADERS | {name.lower().encode("ascii"): value.encode("ascii") for name, value in headers.items()}
    fields[b"host"] = made.netloc
    if content is None:
        method, stream = "GET", httpx.ByteStream(b"")
        del fields[b"content-type"]
    else:
        method, stream = "POST", httpx.ByteStream(content)
        fields[b"content-length"] = b"%d" % len(content)
    return httpx.Request(method, made, headers=[*fields.items()], stream=stream, extensions={"timeout": timeout})


def _proxy_of(origin: str, environ: Mapping[str, str] | None) -> str | None:
    try:
        return proxy_for(origin, environ)
    except ValueError as error:
        # Of other errors nothing is shown: the address may hold a password.
        raise _unusable(str(error) if "kind" in str(error) else "it is not a valid address") from None


def _connections(proxy: str | None) -> Connections:
    try:
        return Connections(_tls(), proxy)
    except ImportError:
        raise AttemptFailed(
            ErrorCode.CONFIGURATION,
            "the usual variables name a SOCKS proxy, which needs the optional extra 'socks': "
            "pip install 'neuroscript[socks]' (NO_PROXY exempts servers from it)",
        ) from None
    except (ValueError, httpx.InvalidURL):
        raise _unusable("it is not a valid address") from None


def _unusable(why: str) -> AttemptFailed:
    return AttemptFailed(ErrorCode.CONFIGURATION, f"the proxy that the usual variables name cannot be used: {why}")


def in_time(body: bytes, attempts: Attempts) -> Iterator[bytes]:
    """Yields a body that has been received already in pieces, and raises once time is over.

    Raises:
        AttemptFailed: time is over.
    """
    check = _check_of(attempts)
    for start in range(0, len(body), _PIECE):
        check()
        yield body[start : start + _PIECE]


def _check_of(attempts: Attempts) -> Callable[[], None]:
    """Returns a check that raises if the call is cancelled or its time is over."""

    def check() -> None:
        attempts.check()
        if attempts.remaining() <= 0:
            raise out_of_time(attempts)

    return check


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


def _decoded(chunks: Iterable[bytes], encoding: str, limit: int, attempts: Attempts) -> Iterator[bytes]:
    if encoding not in ("gzip", "x-gzip", "deflate"):
        raise BadReply(f"the reply is compressed as {encoding[:20]!r}, which was not asked for")
    decoder = zlib.decompressobj(_ANY_HEADER)
    came = bytearray()
    for chunk in chunks:
        if len(came) < _KEPT:
            came += chunk[:_KEPT]
        pending = chunk
        while pending:
            try:
                # Bounded, so that a small body cannot become a huge one at once.
                yield decoder.decompress(pending, min(limit, 1 << 20))
            except zlib.error:
                sample = _readable_part(came).decode(errors="replace")
                raise BadReply("the reply is not validly compressed", sample) from None
            pending = decoder.unconsumed_tail
    if not decoder.eof:
        raise broken("the compressed reply is incomplete", attempts)


def _readable_part(came: bytes | bytearray) -> bytes:
    """What can be decompressed of the beginning of a body; if nothing can, it may not be compressed at all."""
    decoder, read = zlib.decompressobj(_ANY_HEADER), bytearray()
    with suppress(zlib.error):
        for start in range(0, len(came), 16):  # an error takes what the same call has read along with it
            read += decoder.decompress(came[start : start + 16], _KEPT)
            if len(read) >= _KEPT:
                break
    return bytes(read or came)
