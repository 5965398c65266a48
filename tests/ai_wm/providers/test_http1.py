"""HTTP/1.1 straight to a server: what is read of a reply, however it comes, is what `httpcore` reads of it."""

from __future__ import annotations

import ssl
from itertools import pairwise
from typing import Any

import httpcore
import httpx
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ai_wm.providers.http1 import MOST_HEAD_BYTES, DirectConnection

ORIGIN = (b"http", b"127.0.0.1", 80)
TLS = ssl.create_default_context()
FRAMING = (b"content-length", b"transfer-encoding")


class Replayed(httpcore.NetworkStream):
    """A stream that receives given pieces, one at a time, and then ends."""

    def __init__(self, pieces: list[bytes]) -> None:
        self.pieces = list(pieces)
        self.written = b""
        self.has_ended = False

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        self.has_ended = not self.pieces
        return b"" if self.has_ended else self.pieces.pop(0)

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self.written += buffer

    def close(self) -> None:
        pass

    def get_extra_info(self, info: str) -> Any:
        return None


Outcome = tuple[int, list[tuple[bytes, bytes]], bytes, bool] | str
"""Status, headers, body and whether the connection is kept; or that it failed, and where."""


def request(**options: Any) -> httpx.Request:
    return httpx.Request("POST", "http://127.0.0.1/v1?x=1", **({"content": b"{}"} | options))


def connected(*pieces: bytes) -> tuple[DirectConnection, Replayed]:
    made, stream = DirectConnection(ORIGIN, TLS), Replayed(list(pieces))
    made._stream = stream
    return made, stream


def shown(fields: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """The headers but those of the framing, which `h11` writes anew."""
    return [(name.lower(), value) for name, value in fields if name.lower() not in FRAMING]


def read_here(pieces: list[bytes]) -> Outcome:
    made, _ = connected(*pieces)
    try:
        status, fields, body = made.send(request())
    except httpcore.RemoteProtocolError:
        return "no head"
    try:
        return status, shown(fields), b"".join(body), made.finish()
    except httpcore.RemoteProtocolError:
        return "no body"


def read_by_httpcore(pieces: list[bytes]) -> Outcome:
    stream = Replayed(pieces)
    made = httpcore.HTTP11Connection(httpcore.Origin(*ORIGIN), stream)
    asked = request()
    try:
        response = made.handle_request(
            httpcore.Request("POST", "http://127.0.0.1/", headers=asked.headers.raw, content=b"{}")
        )
    except httpcore.RemoteProtocolError:
        return "no head"
    try:
        body = response.read()
        is_at_end = not made._h11_state.trailing_data[0] and not stream.has_ended
        response.close()
    except httpcore.RemoteProtocolError:
        return "no body"
    return (
        response.status,
        shown(response.headers),
        body,
        is_at_end and made.is_idle(),
    )


def pieces_of(data: bytes, cuts: list[int]) -> list[bytes]:
    places = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    return [data[start:end] for start, end in pairwise(places) if start < end]


ends = st.sampled_from([b"\r\n", b"\r\n", b"\r\n", b"\n"])
odd = st.sampled_from([b"\0", b"\x0b", b"\t", b" ", b"\r", b"\n", b":", b"\xe9", b"x", b""])
names = st.sampled_from([b"x-a", b"Content-Type", b"SET-COOKIE", b"connection", b"a b", b"", b"x-\xe9", b"~!#"])
values = st.one_of(st.sampled_from([b"1", b"close", b"keep-alive, close", b" a  b ", b""]), st.lists(odd).map(b"".join))
framings = st.lists(
    st.sampled_from(
        [
            b"content-length: 5",
            b"Content-Length: 5",
            b"content-length: 5, 5",
            b"content-length: 4",
            b"content-length: +5",
            b"content-length: 123456789012345678901",
            b"content-length:",
            b"transfer-encoding: chunked",
            b"Transfer-Encoding: Chunked",
            b"transfer-encoding: gzip, chunked",
            b"transfer-encoding: identity",
        ]
    ),
    max_size=2,
)
chunks = st.sampled_from(
    [
        b"5\r\nhello\r\n",
        b"5;ext=1\r\nhello\r\n",
        b"5  \r\nhello\r\n",
        b"05\nhello\n",
        b"0000000000000000000000000000005\r\nhello\r\n",
        b"5\r\nhelloo\r\n",
        b"5\r\nhel",
        b"-1\r\n",
        b"0\r\n\r\n",
        b"0\r\nx-trailer: 1\r\n\r\n",
        b"0\r\nno trailer\r\n\r\n",
        b"",
    ]
)


@st.composite
def replies(draw: st.DrawFn) -> bytes:
    """A reply, mostly a good one, or several."""
    end = draw(ends)
    version = draw(st.sampled_from([b"HTTP/1.1", b"HTTP/1.1", b"HTTP/1.0", b"HTTP/1.2", b"HTTP/2", b"ICY"]))
    status = draw(st.sampled_from([b"200", b"200", b"204", b"304", b"100", b"500", b"99", b"2000"]))
    reason = draw(st.sampled_from([b" OK", b"", b" ", b" not \xe9 ok", b" \0", b"x"]))
    lines = [version + b" " + status + reason]
    fields = [name + b":" + value for name, value in draw(st.lists(st.tuples(names, values), max_size=2))]
    folded = draw(st.sampled_from([[], [], [], [b"  and on"], [b"\t"]]))
    lines += [*draw(framings), *fields, *folded]
    body = (
        b"".join(draw(st.lists(chunks, max_size=3)))
        if draw(st.booleans())
        else draw(st.sampled_from([b"hello", b"hell", b""]))
    )
    before = draw(st.sampled_from([b"", b"", b"HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n"]))
    after = draw(st.sampled_from([b"", b"", b"", b"HTTP/1.1 200 OK\r\n\r\n"]))
    return before + end.join([*lines, b"", b""]) + body + after


@settings(max_examples=500, deadline=None)
@given(replies(), st.lists(st.integers(0, 1000), max_size=6))
@example(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello", list(range(60)))
@example(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", list(range(80)))
def test_a_reply_is_read_as_httpcore_reads_it(reply: bytes, cuts: list[int]) -> None:
    assert read_here(pieces_of(reply, cuts)) == read_by_httpcore(pieces_of(reply, cuts))


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=80), st.lists(st.integers(0, 1000), max_size=3))
def test_what_is_no_reply_is_refused(data: bytes, cuts: list[int]) -> None:
    assert read_here(pieces_of(data, cuts)) == read_by_httpcore(pieces_of(data, cuts)) == "no head"


def test_a_request_is_written_as_it_is() -> None:
    made, stream = connected(b"HTTP/1.1 204 No Content\r\n\r\n")
    made.send(request(headers={"X-Key": "a b"}))
    assert stream.written == (b"POST /v1?x=1 HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Key: a b\r\nContent-Length: 2\r\n\r\n{}")


@pytest.mark.parametrize(
    "options",
    [
        {"headers": [(b"x", b"a\r\ny: b")]},
        {"headers": [(b"x", b"a\0")]},
        {"headers": [(b"x", b" a")]},
        {"headers": [(b"x y", b"a")]},
        {"headers": [(b"", b"a")]},
        {"headers": {"content-length": "1"}},
        {"content": iter([b"{}"])},
    ],
    ids=["line end", "zero", "space", "name", "no name", "length", "no length"],
)
def test_a_request_that_would_be_another_than_it_seems_is_not_sent(options: dict[str, Any]) -> None:
    made, stream = connected()
    with pytest.raises(httpx.LocalProtocolError):
        made.send(request(**options))
    assert not stream.written


def test_the_reply_to_head_has_no_body() -> None:
    made, _ = connected(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n")
    _, _, body = made.send(httpx.Request("HEAD", "http://127.0.0.1/"))
    assert list(body) == []
    assert made.finish()


@pytest.mark.parametrize(
    "begins",
    [
        b"HTTP/1.1 200 OK\r\nx: ",
        b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 1000,
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5;",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n",
    ],
    ids=["field", "fields", "chunk", "trailer"],
)
def test_no_line_is_read_for_ever(begins: bytes) -> None:
    more = b"x: y\r\n" * 1000 if begins.endswith(b"\r\n") else b"y" * 6000
    made, stream = connected(begins, *[more] * 100)
    with pytest.raises(httpcore.RemoteProtocolError, match="too long"):
        b"".join(made.send(request())[2])
    assert len(b"".join(stream.pieces)) > 600_000 - 2 * MOST_HEAD_BYTES
