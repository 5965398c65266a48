"""Parsers of streamed replies: server-sent events and newline-delimited JSON.

Server-sent events are read as the WHATWG HTML standard defines them (section 9.2.6, "Interpreting an event stream"):
lines may end in LF, CR or CRLF, bytes that are not UTF-8 become replacement characters, a line that starts with a colon
is a comment, several ``data`` lines make one event, an event without data is none.  Servers do other things as well,
which are read as they are meant: the last event without its empty line, events without empty lines between them, data
that names its field twice, a pulse whose data is no JSON, one JSON body where a stream was asked for.  A line of text
among the events is a gateway's report of a failure.  What was really cut does not pass as JSON.
"""

from __future__ import annotations

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
_NO_EVENT = "the stream holds a line that is no server-sent event"
# Events that only keep a connection alive, whatever they hold.
_PULSES = frozenset({"ping", "heartbeat", "keepalive", "keep-alive", "keep_alive"})


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
        if not line.strip():
            continue
        if line.startswith(("data:", "event:", ":")):  # a gateway that makes server-sent events of them
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
    strange, begun = "", False
    for line in lines:
        if not line:
            for event in _event(name, data):
                begun = True
                yield event
            name, data = "", []
            continue
        field, _, value = line.partition(":")
        field = field.lstrip(" ")
        value = value.removeprefix(" ")
        if field == "data" or line.strip() == "[DONE]":
            data.append(value if field == "data" else line)
            if len(data) > MOST_VALUES:
                raise too_many("lines in one event")
        elif field == "event":
            name = value.strip()
        elif not data and field.startswith(("{", "[")):
            found = _json(line) if begun else _NO_JSON
            if found is _NO_JSON:
                yield from _bare(line, lines)
                return
            yield WHOLE, found
        elif _is_text(line, field):
            yield from _event(name, data)
            raise BadReply(_NO_EVENT, line)
        elif field and field not in _FIELDS:  # the standard passes unknown fields over
            strange = strange or line
    for event in _event(name, data):
        begun = True
        yield event
    if strange and not begun:
        raise BadReply("the stream holds no server-sent event", strange)


def _is_text(line: str, field: str) -> bool:
    """Whether a line is a text that a gateway has written into the stream, mostly why it ends, rather than a field.

    The standard passes over fields that it does not know, and a line without a colon is one without a value.  No server
    of a model has a field of its own, but many write ``Internal Server Error``, or ``upstream error: timeout``.
    """
    if not field or field in _FIELDS or field in _PULSES:
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
        if len(data) < 2:
            raise
        yield from ((name, _decode(line)) for line in data if line.strip())


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
    if text == "[DONE]":
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
