"""The one place where HTTP is spoken.

One ``httpx.Client`` per base URL is made when it is first needed and kept with its pool.  Redirects are not followed, a
body is read up to a bound (also when it is compressed), every failure comes out as an `AttemptFailed`.
"""

from __future__ import annotations

import ssl
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache, lru_cache
from threading import Lock
from typing import Self

import httpx

from ai_wm.providers.adapter import BadReply
from ai_wm.providers.connections import Connections
from ai_wm.providers.endpoints import joined
from ai_wm.providers.errors import AttemptFailed, Attempts
from ai_wm.providers.network import interruptible
from ai_wm.providers.proxies import proxy_for
from neuroscript.errors import ErrorCode

# Far above any reply of a model; what is larger is a mistake or an attack.
MAX_REPLY_BYTES = 32 * 1024 * 1024
# A connection that takes longer than this is tried again rather than waited for.
CONNECT_SECONDS = 10.0

_ERRORS = (httpx.TransportError, httpx.InvalidURL)


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
        except _ERRORS as error:
            raise _failure(error, self._attempts) from None


class Transport:
    """Sends calls.  Safe for use from many threads.

    Args:
        transport: an ``httpx`` transport that everything goes through; default ``httpx``'s own.
    """

    def __init__(self, transport: httpx.BaseTransport | None = None) -> None:
        self._transport = transport
        self._lock = Lock()
        self._clients: dict[str, httpx.Client] = {}

    def client(self, base_url: str) -> httpx.Client:
        """The client for ``base_url``, made if there is none yet."""
        client = self._clients.get(base_url)
        if client is None:
            with self._lock:
                client = self._clients.get(base_url)
                if client is None:
                    client = self._clients[base_url] = self._new_client(base_url)
        return client

    def post(
        self,
        base_url: str,
        path: str,
        headers: Mapping[str, str],
        content: bytes,
        attempts: Attempts,
    ) -> Reply:
        """Sends one call and gives its reply, whatever its status; the body is read by the caller.

        Raises:
            AttemptFailed: there is no reply.
        """
        remaining = attempts.remaining()
        if remaining <= 0:
            raise out_of_time(attempts)
        client = self.client(base_url)
        timeout = {"connect": min(remaining, CONNECT_SECONDS), "read": remaining, "write": remaining, "pool": remaining}
        try:
            with interruptible(_check_of(attempts)):
                wanted = _request(client, joined(base_url, path), headers, content, timeout)
                response = client.send(wanted, stream=True)
        except _ERRORS as error:
            raise _failure(error, attempts) from None
        # The time that waiting for the head has taken is gone for the body too.
        timeout["read"] = max(0.001, attempts.remaining())
        return Reply(response, attempts)

    def close(self) -> None:
        """Closes every connection."""
        with self._lock:
            clients, self._clients = list(self._clients.values()), {}
        for client in clients:
            client.close()

    def _new_client(self, base_url: str) -> httpx.Client:
        headers = {"accept-encoding": "identity", "content-type": "application/json", "user-agent": "neuroscript"}
        transport = self._transport if self._transport is not None else _connections(base_url)
        # Which proxy a call goes by is settled: nothing else of the environment is asked.
        return _Client(headers=headers, follow_redirects=False, transport=transport, verify=_tls(), trust_env=False)


class _NoCookies(httpx.Cookies):
    def extract_cookies(self, response: httpx.Response) -> None:
        """Leave them where they are."""


_NO_COOKIES = _NoCookies()


class _Client(httpx.Client):
    """A client without cookies: nothing of one call goes into another, and looking for some takes 17 µs a call."""

    @property
    def cookies(self) -> httpx.Cookies:
        return _NO_COOKIES

    @cookies.setter
    def cookies(self, cookies: object) -> None:
        raise AttributeError("this client keeps no cookies")


def _request(
    client: httpx.Client, url: str, headers: Mapping[str, str], content: bytes, timeout: dict[str, float]
) -> httpx.Request:
    """What ``client.build_request`` makes, without merging what never differs (3 µs instead of 26).

    ``timeout`` counts as it is when something is waited for.
    """
    made = _url(url)
    fields = {name.lower(): value for name, value in client.headers.raw}
    fields |= {name.lower().encode("ascii"): value.encode("ascii") for name, value in headers.items()}
    fields |= {b"host": made.netloc, b"content-length": b"%d" % len(content)}
    return httpx.Request(
        "POST", made, headers=[*fields.items()], stream=httpx.ByteStream(content), extensions={"timeout": timeout}
    )


def _connections(base_url: str) -> Connections:
    """The connections to a server: straight, or by the proxy that the usual variables name for it."""
    try:
        proxy = proxy_for(base_url)
        return Connections(_tls(), proxy)
    except ImportError:
        raise AttemptFailed(
            ErrorCode.CONFIGURATION,
            "the usual variables name a SOCKS proxy, which needs the optional extra 'socks': "
            "pip install 'neuroscript[socks]' (NO_PROXY exempts servers from it)",
        ) from None
    except (ValueError, httpx.InvalidURL) as error:
        # Of the library's own errors nothing is shown: the address may hold a password.
        why = str(error) if isinstance(error, ValueError) and "kind" in str(error) else "it is not a valid address"
        raise AttemptFailed(
            ErrorCode.CONFIGURATION, f"the proxy that the usual variables name cannot be used: {why}"
        ) from None


def _check_of(attempts: Attempts) -> Callable[[], None]:
    """What ends a wait early: who called has cancelled, or time is over."""

    def check() -> None:
        attempts.check()
        if attempts.remaining() <= 0:
            raise out_of_time(attempts)

    return check


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
            return out_of_time(attempts)
        case httpx.ConnectError() | httpx.ProxyError():
            return AttemptFailed(ErrorCode.LLM_ERROR, f"the connection could not be made: {error}", retry=True)
        case httpx.UnsupportedProtocol() | httpx.InvalidURL() | httpx.LocalProtocolError():
            # Not shown: what is wrong may be the key itself, as a header value.
            return AttemptFailed(
                ErrorCode.CONFIGURATION, "the request cannot be sent: its address or a header is not valid"
            )
    return AttemptFailed(ErrorCode.LLM_ERROR, f"the connection broke: {error}", retry=True)


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
