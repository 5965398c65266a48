"""Parsers of streamed replies: server-sent events and newline-delimited JSON.

Server-sent events are read as the WHATWG HTML standard defines them (section 9.2.6, "Interpreting an event stream"):
lines may end in LF, CR or CRLF, bytes that are not UTF-8 become replacement characters, a line that starts with a colon
is a comment, several ``data`` lines make one event, an event without data is none.  Servers do other things as well,
which are read as they are meant: the last event without its empty line, events without empty lines between them, data
that names its field twice, pulses as data, one JSON body where a stream was asked for.  A line of text among the events
is a gateway's report of a failure.  What was really cut does not pass as JSON.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from itertools import chain, islice
from typing import Any, Final

from ai_wm.providers.adapter import BadReply
from ai_wm.providers.wire_json import MOST_VALUES, read_json, too_many

WHOLE: Final = "whole"
"""The name of the event that a JSON body makes where a stream was asked for, and a line of JSON among events."""

# A CR at the very end may be half of a CRLF; it waits for the next piece.
_LINE_END = re.compile(rb"\r\n|\n|\r(?=[^\n])")
_PIECE = 64 * 1024
_BOM = b"\xef\xbb\xbf"
_FIELDS = frozenset({"data", "event", "id", "retry"})
_FIELD_NAME = re.compile(r"[\w.-]+")
DONE = "[DONE]"
"""The text, no JSON, by which many servers tell the end of a stream."""

_NO_EVENT = "the stream holds a line that is no server-sent event"
# Events that only keep a connection alive, whatever they hold.
_PULSES = frozenset({"ping", "heartbeat", "keepalive", "keep-alive", "keep_alive"})
# Data that only keeps a connection alive: a comment that a gateway has put behind ``data:``, a word, a time, or both.
_PULSE = re.compile(
    r"""
    : .*
    | (?=.*\w) ["'\[(<]*
      (ping | pong | heart[-_ ]?beat | keep[-_ ]?alive | alive | noop | processing | waiting | connected)?
      [\s:,-]* (\d{4}-\d\d-\d\d [T ]* \d\d:\d\d (:\d\d ([.,]\d+)?)? \s* (Z | UTC | [+-]\d\d:?\d\d)?)? [\])>"'.…]*
    """,
    re.IGNORECASE | re.VERBOSE | re.DOTALL,
)
_NO_EVENTS = "the stream holds no server-sent event"


def read_lines(chunks: Iterable[bytes]) -> Iterator[str]:
    """Splits a stream of bytes into lines, however the stream is chunked."""
    pending: list[bytes] = []
    first = True
    for chunk in _cut(chunks):
        held = pending[-1][-1:] == b"\r" if pending else False
        if not held and b"\n" not in chunk and b"\r" not in chunk:
            if chunk:
                pending.append(chunk)
            continue
        *complete, rest = _LINE_END.split(b"".join([*pending, chunk]))
        pending = [rest] if rest else []
        for line in complete:
            yield (line.removeprefix(_BOM) if first else line).decode(errors="replace")
            first = False
    rest = b"".join(pending)
    if rest:
        yield rest.removesuffix(b"\r").removeprefix(_BOM if first else b"").decode(errors="replace")


def _cut(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The stream in pieces of bounded length, since a whole body may have millions of lines."""
    for chunk in chunks:
        if len(chunk) <= _PIECE:
            yield chunk
        else:
            yield from (chunk[start : start + _PIECE] for start in range(0, len(chunk), _PIECE))


def sse_events(chunks: Iterable[bytes]) -> Iterator[tuple[str, Any]]:
    """Reads server-sent events: the name of each, empty if it has none, and its data, decoded from JSON.

    The text ``[DONE]``, which is not JSON, comes as it is, and so does what an ``error`` event says in plain words.

    Raises:
        BadReply: the data of an event is not JSON.
    """
    yield from _events(read_lines(chunks))


def json_lines(chunks: Iterable[bytes]) -> Iterator[tuple[str, Any]]:
    """Reads newline-delimited JSON: yields each object with an empty name.

    Raises:
        BadReply: a line is not JSON.
    """
    lines = read_lines(chunks)
    begun = False
    for line in lines:
        if not line.strip() or is_pulse(line):
            continue
        if line.startswith(("data:", "event:")):  # a gateway that makes server-sent events of them
            yield from _events(chain([line], lines))
            return
        value = _json(line)
        if value is _NO_JSON:
            # One object over many lines, or really broken.
            yield "", _decode(line if begun else "\n".join(_several(line, lines)))
            return
        begun = True
        yield "", value


def _events(lines: Iterator[str]) -> Iterator[tuple[str, Any]]:
    name, data = "", list[str]()
    strange, told, begun = "", "", False
    for line in lines:
        if not line:
            strange = strange or "".join(data[:1])
            for event in _event(name, data):
                if told and event[1] == DONE:
                    raise BadReply(_NO_EVENT, told)
                begun, told = True, ""
                yield event
            name, data = "", []
            continue
        field, _, value = line.partition(":")
        field = field.lstrip(" ")
        value = value.removeprefix(" ")
        if field == "data" or line.strip() == DONE:
            data.append(value if field == "data" else line)
            if len(data) > MOST_VALUES:
                raise too_many("lines in one event")
        elif field == "event":
            name = value.strip()
        elif field not in _FIELDS and is_pulse(line):
            strange = strange or (line if field else "")  # else a comment, which is no event of any kind
        elif not data and field.startswith(("{", "[")):
            found = _json(line) if begun else _NO_JSON
            if found is _NO_JSON:
                yield from _bare(line, lines)
                return
            yield WHOLE, found
        elif _is_text(line, field):
            told = told or line
        elif field and field not in _FIELDS:  # the standard passes unknown fields over
            strange = strange or line
    strange = strange or "".join(data[:1])
    for event in _event(name, data):
        if told and event[1] == DONE:
            break
        begun, told = True, ""
        yield event
    if told:
        raise BadReply(_NO_EVENT, told)
    if strange and not begun:
        raise BadReply(_NO_EVENTS, strange)


def _is_text(line: str, field: str) -> bool:
    """Whether a line is a text that a gateway has written into the stream, mostly why it ends, rather than a field.

    The standard passes over fields that it does not know, and a line without a colon is one without a value; so do we
    where the stream goes on.  But many gateways end one with ``Internal Server Error``, or ``upstream error: timeout``.
    """
    if not field or field in _FIELDS:
        return False
    return ":" not in line or field.lower() == "error" or _FIELD_NAME.fullmatch(field) is None


def _event(name: str, data: list[str]) -> Iterator[tuple[str, Any]]:
    """The events in the given data lines: usually one, none if they are empty, several if blank lines were missing."""
    text = "\n".join(data)
    if not text.strip():
        if name == "error":  # a failure without a reason is one all the same
            yield name, None
        return
    if name in _PULSES:
        return
    try:
        yield name, _decode(text)
    except BadReply:
        if name == "error":
            yield name, text
            return
        left = [line for line in data if line.strip() and not is_pulse(line)]
        if left and len(data) < 2:
            raise
        yield from ((name, _decode(line)) for line in left)


def is_pulse(text: str) -> bool:
    """Whether a text that is no JSON only keeps a connection alive: a comment, a word for a pulse, a time, or both."""
    return _PULSE.fullmatch(text.strip()) is not None


def without_pulses(events: Iterable[tuple[str, Any]]) -> Iterator[tuple[str, Any]]:
    """The events of a model's stream without those whose JSON is a bare value, of which no wire format has any.

    A text counts as a pulse only if it is a word for one, since another is mostly the reason of a failure.

    Raises:
        BadReply: there are no other events.
    """
    begun, passed = False, ""
    for name, event in events:
        bare = isinstance(event, int | float) or event in ("", []) or (isinstance(event, str) and is_pulse(event))
        if bare and name != "error":
            passed = passed or json.dumps(event)
            continue
        begun = True
        yield name, event
    if passed and not begun:
        raise BadReply(_NO_EVENTS, passed)


def _bare(first: str, lines: Iterator[str]) -> Iterator[tuple[str, Any]]:
    """Reads a body that is not an event stream: one JSON value, or one on each line."""
    body = _several(first, lines)
    value = _json("\n".join(body))
    if value is not _NO_JSON:
        yield WHOLE, value
        return
    texts = [line for line in body if line.strip() and line.strip() != "data: [DONE]"]
    if len(texts) < 2:
        raise BadReply(_NO_EVENT, first)
    for line in texts:
        yield "", _decode(line)


def _several(first: str, lines: Iterator[str]) -> list[str]:
    found = [first, *islice(lines, MOST_VALUES)]
    if len(found) > MOST_VALUES:
        raise too_many("lines")
    return found


def _decode(text: str) -> Any:
    text = text.strip()
    if text == DONE:
        return text
    value = _json(text.removeprefix("data:"))
    if value is _NO_JSON:
        raise BadReply("the stream holds an event that is not JSON", text)
    return value


_NO_JSON: Final = object()


def _json(text: str) -> Any:
    try:
        return read_json(text)
    except (ValueError, RecursionError):
        return _NO_JSON
