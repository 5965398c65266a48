"""One HTTP/1.1 connection straight to a server (RFC 9112): a request of known length, and its reply.

A request goes out in one piece, head and body together, so that the server is woken once.  Libraries of the protocol
for both sides, in any order of events, take longer than all the rest of a call to a server on this machine.
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Iterator
from contextlib import suppress
from typing import Final, NamedTuple

import httpcore
import httpx

from ai_wm.providers.network import Network, closed_on_failure

MOST_HEAD_BYTES: Final = 100 * 1024
"""The longest head of a reply that is read, and the longest line between the chunks of its body."""

_READ_BYTES: Final = 64 * 1024
_MOST_DIGITS: Final = 20
_TOKEN: Final = re.compile(rb"[-!#$%&'*+.^_`|~0-9a-zA-Z]+")
_TARGET: Final = re.compile(rb"[\x21-\x7e]+")
_UNPRINTABLE: Final = re.compile(rb"[\x00\r\n\x0b\x0c]")
_STATUS: Final = re.compile(rb"HTTP/(\d\.\d) (\d{3})(?: [^\x00\r\n\x0b\x0c]*)?")
_CHUNK: Final = re.compile(rb"([0-9a-fA-F]{1,20})[ \t]*(?:;.*)?")
_FOLD: Final = re.compile(rb"\r?\n[ \t]+")
_HEAD_ENDS: Final = re.compile(rb"\n\r?\n")

Origin = tuple[bytes, bytes, int]
"""The scheme, the host and the port of a server."""

Fields = list[tuple[bytes, bytes]]
"""The names and the values of headers."""


class Framing(NamedTuple):
    """How the body of a reply ends.

    Args:
        length: its bytes; None: nobody says.
        is_chunked: whether it comes in chunks that say so themselves, whatever the length.
        goes_on: whether another reply may follow on the same connection.
    """

    length: int | None
    is_chunked: bool
    goes_on: bool


class DirectConnection:
    """A connection to one server, opened by the first request.  One thread uses it at a time.

    Args:
        origin: the server.
        tls: the TLS context, if the scheme is https.
    """

    __slots__ = ("_body", "_came", "_is_ending", "_is_free", "_origin", "_stream", "_tls")

    def __init__(self, origin: Origin, tls: ssl.SSLContext) -> None:
        self._origin = origin
        self._tls = tls
        self._stream: httpcore.NetworkStream | None = None
        self._came = bytearray()
        """What was received and not read yet."""
        self._is_free = False
        """Whether the last reply was read to its end, and another request may follow."""
        self._body: Iterator[bytes] = iter(())
        self._is_ending = False
        """Whether nothing more is waited for."""

    def send(self, request: httpx.Request) -> tuple[int, Fields, Iterator[bytes]]:
        """Sends a request; returns the status, the headers and the body of the reply, which is read as it is iterated.

        Raises:
            httpx.LocalProtocolError: the request is not valid.
            httpcore.NetworkError, httpcore.TimeoutException, httpcore.ProtocolError: there is no reply.
        """
        timeout, data = request.extensions.get("timeout", {}), _encoded(request)
        stream = self._stream or self._open(timeout.get("connect"))
        self._is_free = self._is_ending = False
        is_kept = True
        try:
            stream.write(data, timeout.get("write"))
        except httpcore.WriteError:
            is_kept = False  # a server may refuse a request before it has read it all, and say why
        status = 100
        while status < 200:  # until then it only informs
            status, fields, framing = self._head(stream, timeout)
            if status == 101:
                raise httpcore.RemoteProtocolError("the server switches to another protocol, which was not asked for")
        if request.method == "HEAD" or status in (204, 304):
            body = self._exactly(0, stream, timeout)
        elif framing.is_chunked:
            body = self._chunks(stream, timeout)
        elif framing.length is not None:
            body = self._exactly(framing.length, stream, timeout)
        else:
            body, is_kept = self._rest(stream, timeout), False
        self._body = self._to_the_end(body, is_kept and framing.goes_on)
        return status, fields, self._body

    def finish(self) -> bool:
        """Ends an exchange; returns whether another one may follow."""
        if not self._is_free:
            # A stream is left at its end marker, and what ends the body has mostly come along with that.
            self._is_ending = True
            with suppress(httpcore.RemoteProtocolError):
                for _ in self._body:
                    pass
        # What came behind the end of a reply must not be taken for the reply to another request.
        return self._is_free and not self._came

    def is_usable(self) -> bool:
        """Whether the idle connection still stands: a server that sends anything now has ended it."""
        return self._stream is not None and not self._stream.get_extra_info("is_readable")

    def close(self) -> None:
        """Closes the connection."""
        if self._stream is not None:
            self._stream.close()

    def __del__(self) -> None:
        self.close()  # an interrupt may have lost it between any two steps

    def _open(self, seconds: float | None) -> httpcore.NetworkStream:
        scheme, host, port = self._origin
        name = host.decode("ascii")
        with closed_on_failure():
            stream = Network().connect_tcp(name, port, seconds)
            if scheme == b"https":
                stream = stream.start_tls(self._tls, name, seconds)
            self._stream = stream
        return stream

    def _receive(self, stream: httpcore.NetworkStream, timeout: dict[str, float]) -> bool:
        """Waits for more; False at the end of the connection."""
        if self._is_ending:
            return False
        data = stream.read(_READ_BYTES, timeout.get("read"))
        self._came += data
        return bool(data)

    def _head(self, stream: httpcore.NetworkStream, timeout: dict[str, float]) -> tuple[int, Fields, Framing]:
        """Reads a head: the status, the headers, and what they say of the body."""
        came, start = self._came, 0
        while (end := _HEAD_ENDS.search(came, start)) is None:
            if len(came) > MOST_HEAD_BYTES:
                raise httpcore.RemoteProtocolError("the head of the reply is too long")
            start = max(0, len(came) - 2)
            if not self._receive(stream, timeout):
                raise httpcore.RemoteProtocolError("Server disconnected without sending a response.")
        first, _, lines = bytes(came[: end.start()]).partition(b"\n")
        del came[: end.end()]
        found = _STATUS.fullmatch(first.removesuffix(b"\r"))
        if found is None or int(found[2]) < 100:
            raise httpcore.RemoteProtocolError("illegal status line")
        fields = _fields(lines)
        return int(found[2]), fields, _framing(fields, found[1])

    def _to_the_end(self, body: Iterator[bytes], is_kept: bool) -> Iterator[bytes]:
        yield from body
        self._is_free = is_kept

    def _exactly(self, length: int, stream: httpcore.NetworkStream, timeout: dict[str, float]) -> Iterator[bytes]:
        came, left = self._came, length
        while left:
            if not came and not self._receive(stream, timeout):
                raise _incomplete(f"received {length - left} bytes, expected {length}")
            piece = bytes(came[:left])
            del came[:left]
            left -= len(piece)
            yield piece

    def _rest(self, stream: httpcore.NetworkStream, timeout: dict[str, float]) -> Iterator[bytes]:
        while self._came or self._receive(stream, timeout):
            piece = bytes(self._came)
            self._came.clear()
            yield piece

    def _chunks(self, stream: httpcore.NetworkStream, timeout: dict[str, float]) -> Iterator[bytes]:
        while True:
            found = _CHUNK.fullmatch(self._line(stream, timeout))
            if found is None:
                raise httpcore.RemoteProtocolError("illegal chunk header")
            size = int(found[1], 16)
            if not size:
                break
            try:
                yield from self._exactly(size, stream, timeout)
            except httpcore.RemoteProtocolError:
                raise _incomplete("incomplete chunked read") from None
            if self._line(stream, timeout):
                raise httpcore.RemoteProtocolError("a chunk is longer than its header says")
        trailers, length = list[bytes](), 0
        while line := self._line(stream, timeout):
            trailers.append(line)
            length += len(line)
            if length > MOST_HEAD_BYTES:
                raise httpcore.RemoteProtocolError("the trailer of the reply is too long")
        _fields(b"\n".join(trailers))

    def _line(self, stream: httpcore.NetworkStream, timeout: dict[str, float]) -> bytes:
        """Reads a line of a body in chunks, without its end."""
        came, start = self._came, 0
        while (end := came.find(b"\n", start)) < 0:
            if len(came) > MOST_HEAD_BYTES:
                raise httpcore.RemoteProtocolError("a line between the chunks of the reply is too long")
            start = len(came)
            if not self._receive(stream, timeout):
                raise _incomplete("incomplete chunked read")
        line = bytes(came[:end])
        del came[: end + 1]
        return line.removesuffix(b"\r")


def _encoded(request: httpx.Request) -> bytes:
    """Encodes a request.

    Raises:
        httpx.LocalProtocolError: it would not be one, or another than it seems.
    """
    assert isinstance(request.stream, httpx.SyncByteStream)
    method, target, body = request.method.encode("ascii"), request.url.raw_path, b"".join(request.stream)
    if not _TOKEN.fullmatch(method) or not _TARGET.fullmatch(target):
        raise httpx.LocalProtocolError("illegal method or target")
    parts, length = [b"%b %b HTTP/1.1\r\n" % (method, target)], b"0"
    for name, value in request.headers.raw:
        if not _TOKEN.fullmatch(name) or _UNPRINTABLE.search(value) or value != value.strip():
            raise httpx.LocalProtocolError("illegal header")
        parts.append(b"%b: %b\r\n" % (name, value))
        if name.lower() == b"content-length":
            length = value
    if length != b"%d" % len(body):
        raise httpx.LocalProtocolError("a request is sent in one piece, whose length its head says")
    parts += (b"\r\n", body)
    return b"".join(parts)


def _fields(lines: bytes) -> Fields:
    """Reads the lines of headers.

    Raises:
        httpcore.RemoteProtocolError: one is none.
    """
    fields: Fields = []
    for line in _FOLD.sub(b" ", lines).split(b"\n") if lines else ():
        name, colon, value = line.partition(b":")
        value = value.removesuffix(b"\r").strip(b" \t")
        if not colon or not _TOKEN.fullmatch(name) or _UNPRINTABLE.search(value):
            raise httpcore.RemoteProtocolError("illegal header line")
        fields.append((name, value))
    return fields


def _framing(fields: Fields, version: bytes) -> Framing:
    """Reads from the headers of a reply how its body ends.

    Raises:
        httpcore.RemoteProtocolError: they do not tell, or contradict each other.
    """
    lengths, codings, goes_on = set[bytes](), list[bytes](), version >= b"1.1"
    for name, value in fields:
        match name.lower():
            case b"content-length":
                lengths.update(map(bytes.strip, value.split(b",")))
            case b"transfer-encoding":
                codings.append(value.lower())
            case b"connection" if b"close" in map(bytes.strip, value.lower().split(b",")):
                goes_on = False
    if codings and codings != [b"chunked"]:
        raise httpcore.RemoteProtocolError("the reply has a Transfer-Encoding that was not asked for")
    length = min(lengths, default=b"0")
    if len(lengths) > 1 or not length.isdigit() or len(length) > _MOST_DIGITS:
        raise httpcore.RemoteProtocolError("the reply has conflicting or bad Content-Length headers")
    return Framing(int(length) if lengths else None, bool(codings), goes_on)


def _incomplete(how: str) -> httpcore.RemoteProtocolError:
    return httpcore.RemoteProtocolError(f"peer closed connection without sending complete message body ({how})")
