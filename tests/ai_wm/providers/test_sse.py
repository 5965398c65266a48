"""Reading events out of bytes, however the network cuts them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ai_wm.providers import Clients
from ai_wm.providers.adapter import BadReply
from ai_wm.providers.sse import json_lines, read_lines, sse_events
from tests.ai_wm.providers.loopback import Loopback, reply, streamed
from tests.ai_wm.providers.support import at, body_of, collect


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


# --- What the standard says (WHATWG HTML, 9.2.6), in its own examples and by its rules ---


STANDARD: list[tuple[str, list[tuple[str, Any]]]] = [
    ('data: "YHOO"\ndata\n\n', [("", "YHOO")]),
    (": test stream\n\ndata: 1\nid: 1\n\ndata:2\nid\n\ndata:  3\n\n", [("", 1), ("", 2), ("", 3)]),
    ("data\n\ndata\ndata\n\ndata:", []),
    ("data:1\n\ndata: 1\n\n", [("", 1), ("", 1)]),
    ("event: a\ndata: 1\n\ndata: 2\n\n", [("a", 1), ("", 2)]),  # the name is the event's alone
    ("event: a\n\ndata: 2\n\n", [("", 2)]),  # also where the event has no data
    ("event: a\nevent: b\ndata: 1\n\n", [("b", 1)]),
    ("data: [\ndata: 1]\n\n", [("", [1])]),
    ("unknown: field\nand another\ndata: 1\nretry: soon\n\n", [("", 1)]),
    ("\ufeffdata: 1\n\n", [("", 1)]),
    ('data: "\ufeff"\n\n', [("", "\ufeff")]),
    ("data: 1\r\rdata: 2\r\n\r\ndata: 3\n\n", [("", 1), ("", 2), ("", 3)]),
    ('data: "a\u2028b\u0085c"\n\n', [("", "a\u2028b\u0085c")]),  # which end no line here
]


@pytest.mark.parametrize(("stream", "expected"), STANDARD)
@pytest.mark.parametrize("size", [1, 3, 10_000])
def test_the_standard(stream: str, expected: list[tuple[str, Any]], size: int) -> None:
    assert list(sse_events(cut(stream.encode(), size))) == expected


def test_bytes_that_are_not_utf_8_become_replacement_characters() -> None:
    assert list(sse_events([b'data: "a\xffb"\n\n'])) == [("", "a\ufffdb")]
    assert list(json_lines([b'"a\xffb"\n'])) == [("", "a\ufffdb")]


# --- What servers do ---


SERVERS: list[tuple[str, list[tuple[str, Any]]]] = [
    (": OPENROUTER PROCESSING\n\n: OPENROUTER PROCESSING\n\ndata: 1\n\n", [("", 1)]),
    ("event: ping\ndata: 2026-01-01 00:00:00\n\nevent: heartbeat\ndata: {}\n\ndata: 1\n\n", [("", 1)]),
    ("data: 1\ndata: 2\ndata: [DONE]\n", [("", 1), ("", 2), ("", "[DONE]")]),  # no empty lines at all
    ("data: data: 1\n\n", [("", 1)]),
    ("data:[DONE]\n\n", [("", "[DONE]")]),
    ("data: [DONE] \n\n", [("", "[DONE]")]),
    ("data: 1\n\n[DONE]\n\n", [("", 1), ("", "[DONE]")]),
    (" data: 1\n\n", [("", 1)]),
    ("event: error\ndata: out of memory\n\n", [("error", "out of memory")]),
    ('event: error\ndata: {"a": 1}\n\n', [("error", {"a": 1})]),
    ('data: 1\n\n{"error": "late"}\n', [("", 1), ("whole", {"error": "late"})]),
    ('{"a": 1}', [("whole", {"a": 1})]),
    ('\n\n{\n  "a": [\n    1\n  ]\n}\n', [("whole", {"a": [1]})]),
    ('[{"a": 1},\n{"a": 2}]', [("whole", [{"a": 1}, {"a": 2}])]),
    ('{"a": 1}\n{"a": 2}\n', [("", {"a": 1}), ("", {"a": 2})]),
    ('{"a": 1}\n\n{"a": 2}\n\ndata: [DONE]\n\n', [("", {"a": 1}), ("", {"a": 2})]),
]


@pytest.mark.parametrize(("stream", "expected"), SERVERS)
@pytest.mark.parametrize("size", [1, 7, 10_000])
def test_what_servers_make_of_it(stream: str, expected: list[tuple[str, Any]], size: int) -> None:
    assert list(sse_events(cut(stream.encode(), size))) == expected


@pytest.mark.parametrize(
    ("stream", "expected"),
    [
        ('{\n "a": 1\n}\n', [{"a": 1}]),
        ('data: {"a": 1}\n\ndata: {"a": 2}\n\n', [{"a": 1}, {"a": 2}]),
        ('event: message\ndata: {"a": 1}\n\n', [{"a": 1}]),
        (': alive\n\ndata: {"a": 1}\n\n', [{"a": 1}]),
    ],
)
def test_lines_of_json_that_are_something_else(stream: str, expected: list[Any]) -> None:
    assert [event for _, event in json_lines([stream.encode()])] == expected


@pytest.mark.parametrize("size", [1, 2, 1000])
def test_a_character_in_two_halves(size: int, clients: Clients, server: Loopback) -> None:
    halves = [r'"Hi \ud83d"', r'"\ude00 and "', r'"\ud83d"', r'"\udc4b"', r'" \ud83d lost"', r'"\ud83d"']
    pieces = [b'data: {"choices": [{"index": 0, "delta": {"content": %s}}]}\n\n' % half.encode() for half in halves]
    raw = b"".join(pieces) + b'data: {"choices": [{"delta": {}, "finish_reason": "stop"}]}\n\ndata: [DONE]\n\n'
    server.will(streamed(cut(raw, size)))
    text, response = collect(clients.for_provider("custom").stream(at(server, "custom")))
    assert text == response.text == "Hi 😀 and 👋 \ufffd lost\ufffd"


def test_a_character_in_two_halves_in_one_reply(clients: Clients, server: Loopback) -> None:
    body = json.dumps(body_of("custom", "😀 \ud83d!"))
    assert clients.for_provider("custom").complete(at(server.will(reply(body)), "custom")).text == "😀 \ufffd!"
