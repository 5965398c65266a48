"""Parsers of event streams: server-sent events and newline-delimited JSON.

Server-sent events are read as the WHATWG HTML standard defines them (section 9.2.6, "Interpreting an event stream"):
lines may end in LF, CR or CRLF, a line that starts with a colon is a comment, several ``data`` lines make one event.
One thing is read more kindly: an event that the end of the stream finishes instead of an empty line counts, since some
servers leave the last one out; an event that was really cut does not pass as JSON.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

from ai_wm.providers.adapter import BadReply

# A CR at the very end may be half of a CRLF; it waits for the next piece.
_LINE_END = re.compile(rb"\r\n|\n|\r(?=[^\n])")
_BOM = b"\xef\xbb\xbf"


def read_lines(chunks: Iterable[bytes]) -> Iterator[str]:
    """Splits a stream of bytes into lines, however it is cut into pieces.

    Raises:
        BadReply: a line is not UTF-8.
    """
    pending: list[bytes] = []
    first = True
    for chunk in chunks:
        held = pending[-1][-1:] == b"\r" if pending else False
        if not held and b"\n" not in chunk and b"\r" not in chunk:
            if chunk:
                pending.append(chunk)
            continue
        *complete, rest = _LINE_END.split(b"".join([*pending, chunk]))
        pending = [rest] if rest else []
        for line in complete:
            yield _text(line.removeprefix(_BOM) if first else line)
            first = False
    rest = b"".join(pending)
    if rest:
        yield _text(rest.removesuffix(b"\r").removeprefix(_BOM if first else b""))


def sse_events(chunks: Iterable[bytes]) -> Iterator[tuple[str, Any]]:
    """Reads server-sent events: the name of each, empty if it has none, and its data, decoded from JSON.

    The text ``[DONE]``, which is not JSON, comes as it is.

    Raises:
        BadReply: the data of an event is not JSON.
    """
    name = ""
    data: list[str] = []
    for line in read_lines(chunks):
        if not line:
            if data:
                yield name, _decode("\n".join(data))
            name, data = "", []
            continue
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if field == "data":
            data.append(value)
        elif field == "event":
            name = value
        elif field and not data and line.lstrip().startswith(("{", "[", "<")):
            raise BadReply("the stream holds a line that is no server-sent event", line)
    if data:
        yield name, _decode("\n".join(data))


def json_lines(chunks: Iterable[bytes]) -> Iterator[tuple[str, Any]]:
    """Reads a stream with one JSON object a line; each comes with an empty name.

    Raises:
        BadReply: a line is not JSON.
    """
    for line in read_lines(chunks):
        if line.strip():
            yield "", _decode(line)


def _decode(text: str) -> Any:
    if text == "[DONE]":
        return text
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise BadReply("the stream holds an event that is not JSON", text) from None


def _text(line: bytes) -> str:
    try:
        return line.decode()
    except UnicodeDecodeError:
        raise BadReply("the stream holds bytes that are not UTF-8") from None
