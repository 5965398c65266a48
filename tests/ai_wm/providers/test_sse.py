"""Reading events out of bytes, however the network cuts them."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ai_wm.providers.adapter import BadReply
from ai_wm.providers.sse import json_lines, read_lines, sse_events


def cut(raw: bytes, size: int) -> Iterator[bytes]:
    return (raw[start : start + size] for start in range(0, len(raw), size))


STREAM = (
    "\ufeff: a comment\r\n"
    'event: greeting\rdata: {"text": "héllo €😀"}\n\n'
    'id: 7\nretry: 100\ndata:{"no": "space"}\r\n\r\n'
    "data: {\ndata: }\r\r"
    "\n\n"
    "event: ignored\n\n"
    "data: [DONE]\n\n"
).encode()
EXPECTED = [("greeting", {"text": "héllo €😀"}), ("", {"no": "space"}), ("", {}), ("", "[DONE]")]


@pytest.mark.parametrize("size", [1, 2, 3, 5, 7, 64, 10_000])
def test_events_do_not_depend_on_how_they_are_cut(size: int) -> None:
    assert list(sse_events(cut(STREAM, size))) == EXPECTED


@given(
    lines=st.lists(st.text(alphabet=st.characters(exclude_characters="\r\n", exclude_categories=["Cs"]), max_size=8)),
    ends=st.data(),
)
def test_lines_do_not_depend_on_their_ends_nor_on_how_they_are_cut(lines: list[str], ends: st.DataObject) -> None:
    raw = "".join(line + ends.draw(st.sampled_from(["\n", "\r\n"])) for line in lines).encode()
    size = ends.draw(st.integers(1, 9))
    read = list(read_lines(cut(raw, size)))
    assert read == [line.removeprefix("\ufeff") if number == 0 else line for number, line in enumerate(lines)]


def test_the_last_event_may_lack_its_empty_line() -> None:
    assert list(sse_events([b'data: {"a": 1}'])) == [("", {"a": 1})]
    assert list(sse_events([b'data: {"a": 1}\r'])) == [("", {"a": 1})]


def test_a_million_small_pieces_of_one_line_are_read_in_time() -> None:
    text = "x" * 400_000
    raw = b"data: " + json.dumps(text).encode() + b"\n\n"
    assert list(sse_events(cut(raw, 1))) == [("", text)]


@pytest.mark.parametrize(
    "raw", [b"data: {broken\n\n", b"{broken", b"<html>\n</html>\n", b"data: \xff\xfe\n\n", b"Bad gateway\n"]
)
def test_what_is_no_event_is_an_error(raw: bytes) -> None:
    with pytest.raises(BadReply):
        list(sse_events([raw]))


@pytest.mark.parametrize("size", [1, 4, 1000])
def test_json_lines(size: int) -> None:
    raw = '{"a": "é"}\n\n{"b": 2}\r\n{"c": 3}'.encode()
    assert [event for _, event in json_lines(cut(raw, size))] == [{"a": "é"}, {"b": 2}, {"c": 3}]
    with pytest.raises(BadReply):
        list(json_lines([b'{"a": 1}\n{"cut']))
