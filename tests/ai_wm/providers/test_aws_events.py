"""AWS's event streams, read as botocore reads them."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from typing import Any
from zlib import crc32

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ai_wm.providers.adapter import BadReply
from ai_wm.providers.aws_events import aws_events
from ai_wm.providers.sse import WHOLE


def header(name: str, value: Any) -> bytes:
    """A header of an event, of the type that the Python type stands for."""
    if isinstance(value, str):
        coded = b"\x07" + struct.pack(">H", len(value.encode())) + value.encode()
    elif isinstance(value, bytes):
        coded = b"\x06" + struct.pack(">H", len(value)) + value
    elif isinstance(value, bool):
        coded = b"\x00" if value else b"\x01"
    else:
        coded = b"\x05" + struct.pack(">q", value)
    return bytes([len(name)]) + name.encode() + coded


def message(payload: bytes, **headers: Any) -> bytes:
    """A whole message; an underscore in a header's name stands for a hyphen, and a colon is put before it."""
    block = b"".join(header(":" + name.replace("_", "-"), value) for name, value in headers.items())
    prelude = struct.pack(">II", len(payload) + len(block) + 16, len(block))
    framed = prelude + struct.pack(">I", crc32(prelude)) + block + payload
    return framed + struct.pack(">I", crc32(framed))


def event(kind: str, body: Any) -> bytes:
    """An event as Bedrock sends it."""
    content = json.dumps(body).encode()
    return message(content, event_type=kind, content_type="application/json", message_type="event")


def exception(kind: str, said: str) -> bytes:
    """An exception in the middle of a stream."""
    content = json.dumps({"message": said}).encode()
    return message(content, exception_type=kind, content_type="application/json", message_type="exception")


def pieces(stream: bytes, size: int) -> Iterator[bytes]:
    return (stream[at : at + size] for at in range(0, len(stream), size))


NAMES = st.text("abc-", min_size=1, max_size=5)
VALUES = st.text(max_size=9) | st.binary(max_size=9) | st.booleans() | st.integers(-(2**63), 2**63 - 1)


@given(st.lists(st.tuples(st.dictionaries(NAMES, VALUES, max_size=3), st.integers()), max_size=4), st.integers(1, 64))
def test_whatever_the_headers_and_the_pieces_it_is_read_as_botocore_reads_it(
    given_events: list[tuple[dict[str, Any], int]], size: int
) -> None:
    buffers = pytest.importorskip("botocore.eventstream", reason="botocore is missing")
    stream = b"".join(
        message(json.dumps(number).encode(), **headers, message_type="event", event_type="e")
        for headers, number in given_events
    )
    buffer = buffers.EventStreamBuffer()
    buffer.add_data(stream)
    expected = [(found.headers[":event-type"], json.loads(found.payload)) for found in buffer]
    assert list(aws_events(pieces(stream, size))) == expected == [("e", number) for _, number in given_events]


def test_exceptions_and_errors_are_the_event_error() -> None:
    unmodelled = message(b"", message_type="error", error_code="InternalError", error_message="broke")
    found = list(aws_events([exception("throttlingException", "slow down"), unmodelled]))
    assert found == [
        ("error", {"message": "slow down", "type": "throttlingException"}),
        ("error", {"message": "broke", "type": "InternalError"}),
    ]


def test_a_whole_body_where_a_stream_was_asked_for() -> None:
    assert list(aws_events([b'{"a"', b": 1}"])) == [(WHOLE, {"a": 1})]


def test_a_stream_that_is_cut_ends_before_the_message() -> None:
    stream = event("a", 1) + event("b", 2)
    for end in range(len(event("a", 1)), len(stream)):
        assert list(aws_events([stream[:end]])) == [("a", 1)]


@given(st.integers(0, len(event("messageStop", {"stopReason": "end_turn"})) - 1), st.integers(1, 255))
def test_a_changed_byte_is_never_read_as_something_else(at: int, change: int) -> None:
    good = event("messageStop", {"stopReason": "end_turn"})
    bad = bytearray(good)
    bad[at] ^= change
    if bad[:1] in (b"{", b"["):
        return
    with pytest.raises(BadReply):
        list(aws_events([bytes(bad)]))


@pytest.mark.parametrize(
    ("total", "headers"), [(15, 0), (16, 1), (2**31, 0), (24 * 2**20 + 1, 0), (2**20, 129 * 1024)], ids=str
)
def test_lengths_beyond_the_format_are_refused_before_anything_is_kept(total: int, headers: int) -> None:
    prelude = struct.pack(">II", total, headers)
    with pytest.raises(BadReply, match="length"):
        list(aws_events([prelude + struct.pack(">I", crc32(prelude))]))


@pytest.mark.parametrize(
    "block", [b"\x01", b"\x01a", b"\x01a\x07", b"\x01a\x07\x00\x09x", b"\x01a\x0a", b"\x01\xff\x07\x00\x00"]
)
def test_headers_that_cannot_be_read(block: bytes) -> None:
    prelude = struct.pack(">II", len(block) + 16, len(block))
    framed = prelude + struct.pack(">I", crc32(prelude)) + block
    with pytest.raises(BadReply, match="header"):
        list(aws_events([framed + struct.pack(">I", crc32(framed))]))


def test_a_payload_that_is_no_json() -> None:
    with pytest.raises(BadReply, match="not JSON"):
        list(aws_events([message(b"{", message_type="event", event_type="e")]))
