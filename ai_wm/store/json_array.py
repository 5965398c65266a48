"""JSON arrays in files: one entry a line, as this program writes them, or in any layout; and torn tails.

As this program writes it, the file is a JSON array with one entry a line::

    [
    {"instance_id":"…",…},
    {"instance_id":"…",…}
    ]
    <padding: spaces and line ends>

An append overwrites the closing bracket and some of the padding with ``,``, the new lines and a new bracket, in one
call.  If the process dies in the middle, what is there is a beginning of those bytes, and behind it old padding.  If
the power goes, any of the disk's sectors may have its old content, which is padding, or zeros.  Both leave marks that
no editor and no other program leaves, so a torn tail can be told from a file that is broken (`is_torn`): the one is cut
at a line, the other is refused and never written to.  Damage in the middle may leave the same marks, so the whole
entries in a torn tail are kept, and whatever else is cut is kept in the quarantine.
"""

from __future__ import annotations

import codecs
import json
import math
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pydantic_core import from_json, to_json

from ai_wm.store.files import read_at
from ai_wm.store.rows import IndexedEntry, normal_entry
from neuroscript import ErrorCode, NeuroScriptError

HEAD: Final = b"[\n"
PADDING_LINE: Final = b" " * 63 + b"\n"
"""Every sector of padding holds whole ones of these."""

SECTOR: Final = 512
"""The smallest piece that a disk writes whole or not at all."""

_ENTRY_START: Final = b'{"instance_id":"'
_BLANK: Final = b" \t\r\n\0"
_CHUNK: Final = 1 << 20

Put = Callable[[IndexedEntry, int, int], None]
"""Receives what the index keeps of an entry, and the offset and length in bytes of its line without the comma."""

SetAside = Callable[[bytes, int, int, int, str], None]
"""Receives an element that is JSON but no entry: its bytes, its line, column and number from 1, and what is wrong."""


@dataclass(slots=True)
class ScanResult:
    """How far a file has the form in which this program writes it.

    ``tail`` is the offset just behind the last entry, where the next append starts.  ``closed`` says that the closing
    bracket follows and nothing else; ``usual``, that no entry was in another spelling.
    """

    tail: int
    count: int
    closed: bool
    usual: bool = True


def scan_lines(descriptor: int, put: Put, start: int, entry: int, set_aside: SetAside) -> ScanResult:
    """Read entries, one a line, up to the first line that does not have the form in which this program writes them.

    Args:
        descriptor: the file.
        put: called for every entry that was read.
        start: the offset to begin at: behind the head, or where an earlier scan found the tail.
        entry: how many entries come before that.
        set_aside: called for every line that is a JSON object but no entry; it is passed over.
    """
    result = ScanResult(tail=start, count=entry, closed=False)
    first, comma = start, False
    if entry:
        if read_at(descriptor, 2, start) != b",\n":
            result.closed = _closes(descriptor, start)
            return result
        first, comma = start + 2, True
    for offset, line in _lines(descriptor, first):
        body = line.rstrip()
        if body == b"]" and not comma:
            result.closed = _closes(descriptor, offset)
            return result
        if not comma and result.count:
            return result
        # The second is the first byte of an append over the bracket behind an entry that is whole.
        comma, cut = body.endswith(b"},"), body.endswith(b"},]")
        body = body[:-1] if comma else body[:-2] if cut else body
        value = _entry_of(body)
        if value is None:
            return result
        try:
            if isinstance(value, str):
                raise NeuroScriptError(ErrorCode.ARG_MISMATCH, value)
            usual, indexed = normal_entry(value)
        except NeuroScriptError as error:
            # One entry a line, behind the line of the opening bracket.
            set_aside(body, result.count + 2, 1, result.count + 1, error.message)
        else:
            result.usual = result.usual and usual is value
            put(indexed, offset, len(body))
        result.tail = offset + len(body)
        result.count += 1
        if cut:
            return result
    return result


def _lines(descriptor: int, offset: int) -> Iterator[tuple[int, bytes]]:
    """The lines from an offset on, each with its own offset."""
    rest = b""
    while chunk := read_at(descriptor, _CHUNK, offset + len(rest)):
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            yield offset, line
            offset += len(line) + 1
    if rest:
        yield offset, rest


def read_line(body: bytes) -> dict[str, Any]:
    """Parse a line that holds a JSON object.

    Raises:
        ValueError: if it is not a JSON object, or a number in it is no finite float.
    """
    try:
        value = from_json(body, allow_inf_nan=False)
    except ValueError:  # pydantic's reader stops at 200 levels
        value = _DECODER.decode(body.decode("utf-8"))
    else:
        # It reads 1e999 as infinity; to write the value is the fastest way to find that.
        if b"Infinity" in to_json(value, inf_nan_mode="constants"):
            _DECODER.decode(body.decode("utf-8"))
    if not isinstance(value, dict):
        raise ValueError("not an object")
    return value


def write_line(entry: dict[str, Any]) -> bytes:
    """Write a JSON object as one line, without the line end.  Halves of surrogate pairs become U+FFFD, as in Go."""
    try:
        return to_json(entry, inf_nan_mode="strings")
    except ValueError:
        text = json.dumps(entry, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").encode("utf-8")


def _entry_of(body: bytes) -> dict[str, Any] | str | None:
    """Parse a line; None if it is no JSON object, and why where it is one that Python does not read."""
    if not body.startswith(b"{"):
        return None
    try:
        return read_line(body)
    except json.JSONDecodeError:
        return None
    except (ValueError, RecursionError) as error:
        text = body.decode("utf-8", "replace")
        return why_unreadable(error) if "\ufffd" not in text and end_of(text, 0) == len(text) else None


def why_unreadable(error: Exception) -> str:
    """Say why a value that is complete is not read."""
    return "it is nested too deeply" if isinstance(error, RecursionError) else str(error).partition(";")[0]


_MARKS: Final = re.compile(r'"(?:[^"\\]|\\.)*"|["{}\[\]]', re.DOTALL)
_SCALAR: Final = re.compile(r"[^\s,\]}]+")


def end_of(text: str, position: int) -> int | None:
    """Where a JSON value ends, by its brackets and strings alone; None if that is behind the end of the text."""
    if text[position : position + 1] not in ("{", "["):
        scalar = _SCALAR.match(text, position)
        return None if scalar is None or scalar.end() == len(text) else scalar.end()
    depth = 0
    for found in _MARKS.finditer(text, position):
        mark = found.group()
        if mark == '"':
            return None
        depth += 1 if mark in ("{", "[") else -1 if mark in ("}", "]") else 0
        if depth == 0:
            return found.end()
    return None


def _closes(descriptor: int, offset: int) -> bool:
    """Whether nothing but the closing bracket and blanks follow."""
    rest = read_from(descriptor, offset)
    return rest.lstrip(b" \t\r\n").startswith(b"]") and rest.strip(b" \t\r\n") == b"]"


def read_from(descriptor: int, offset: int) -> bytes:
    """Read everything from ``offset`` to the end of the file."""
    return read_at(descriptor, max(0, os.fstat(descriptor).st_size - offset), offset)


def is_torn(rest: bytes, offset: int) -> bool:
    """Whether the end of a file that lacks its closing bracket was left by an append that a crash broke off.

    It was if there is nothing, or the first bytes of an append with nothing but blanks behind them; or, after a loss of
    power, anything with a sector of old padding or of zeros in it.

    Args:
        rest: everything from behind the last whole entry to the end of the file.
        offset: where that begins in the file.
    """
    if not rest.strip(_BLANK):
        return True
    if b"\0" in rest or PADDING_LINE in rest.rstrip(_BLANK):
        return True
    # The sector of the old bracket, or of its beginning, stayed as it was, and one behind it was written.
    here = rest[: -offset % SECTOR]
    if here and rest[len(here) :].strip(_BLANK) and here[:3] == b"\n]\n"[: len(here)] and not here[3:].strip(_BLANK):
        return True
    if rest.strip(_BLANK) in (b",", b",]"):
        return True  # the comma stands where the line end before the bracket stood
    piece, _, behind = rest.removeprefix(b",").removeprefix(b"\n").partition(b"\n")
    begun = piece.rstrip(b" ")
    return not behind.strip(_BLANK) and (begun.startswith(_ENTRY_START) or _ENTRY_START.startswith(begun))


def whole_entries(rest: bytes) -> tuple[list[tuple[IndexedEntry, bytes]], bytes]:
    """Find the entries in a torn tail that are whole.

    Args:
        rest: everything from behind the last whole entry that was read to the end of the file.

    Returns:
        what the index keeps of each, with its line in the usual spelling; and the bytes that are in none.
    """
    found, broken = list[tuple[IndexedEntry, bytes]](), []
    for piece in rest.split(b"\n"):
        body = piece.strip(_BLANK)
        value = _entry_of(body.removesuffix(b"]").removesuffix(b",") if body.endswith((b"},", b"},]")) else body)
        try:
            if not isinstance(value, dict):
                raise NeuroScriptError(ErrorCode.ARG_MISMATCH, "no entry")
            usual, indexed = normal_entry(value)
        except NeuroScriptError:
            if body not in (b"", b",", b"]"):
                broken.append(body)
        else:
            found.append((indexed, write_line(usual)))
    return found, b"\n".join(broken)


def bad_file(path: Path, what: str, line: int = 0, column: int = 0, entry: int = 0) -> NeuroScriptError:
    """Make error 18 for a file that is not valid.

    Args:
        path: the file.
        what: what is wrong.
        line: where, from 1; 0 if that is not known.
        column: where in the line, from 1.
        entry: in which entry, from 1; 0 if in none.
    """
    place = f"line {line}, column {column}" if line else ""
    if entry:
        place = f"{place} (entry {entry})" if place else f"entry {entry}"
    message = (
        f"{path}: {place + ': ' if place else ''}{what}; the file is left as it is: correct it there and start again, "
        "or move it away to start without it"
    )
    return NeuroScriptError(
        ErrorCode.CONFIGURATION, message, details={"path": str(path), "line": line, "column": column, "entry": entry}
    )


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError(f"{text[:20]} is too large for a number")
    return number


_DECODER: Final = json.JSONDecoder(parse_constant=_refuse_constant, parse_float=_finite)


@dataclass(frozen=True, slots=True)
class Unreadable:
    """An element of an array that is complete, but of which Python makes no value: too deep, or too long a number."""

    why: str


class ArrayReader:
    """Iterator over a JSON array of any layout, which reads it element by element and never whole.

    It gives each element with its line and column, from 1; one that Python does not read as an `Unreadable`.

    Args:
        descriptor: the file.
        path: its name, for errors.
        start: the offset of the array in bytes.

    Raises:
        NeuroScriptError: 18 where the file is not valid JSON in UTF-8, or no array.
    """

    def __init__(self, descriptor: int, path: Path, start: int = 0) -> None:
        self._descriptor = descriptor
        self._path = path
        self._offset = start
        self._decoder = codecs.getincrementaldecoder("utf-8-sig")()
        self._text = ""
        self._position = 0
        self._ended = False
        self._undecodable = ""
        """What is wrong at the end of the text, if it is not the end of the file."""
        self._line = 1
        self._column = 1
        self.count = 0
        """How many elements were read so far."""
        self._begin = 0

    @property
    def raw(self) -> bytes:
        """The bytes of the element that was given last."""
        return self._text[self._begin : self._position].encode("utf-8", "surrogatepass")

    def first(self) -> str:
        """The first character that is not blank; "" if there is none.  Nothing is consumed but blanks."""
        return self._skip_blanks()

    def __iter__(self) -> Iterator[tuple[Any, int, int]]:
        if self._skip_blanks() != "[":
            raise self._error("expected an array, which begins with [")
        self._advance(self._position + 1)
        if self._skip_blanks() == "]":
            self._advance(self._position + 1)
        else:
            yield from self._elements()
        if self._skip_blanks():
            raise self._error("there is something behind the end of the array")

    def _elements(self) -> Iterator[tuple[Any, int, int]]:
        while True:
            self._skip_blanks()
            line, column = self._line, self._column
            value = self._element()
            self.count += 1
            yield value, line, column
            following = self._skip_blanks()
            if following not in (",", "]"):
                raise self._error("expected , or ] after an element" if following else "the array is not closed")
            self._advance(self._position + 1)
            if following == "]":
                return

    def _element(self) -> Any:
        while True:
            try:
                value, end = _DECODER.raw_decode(self._text, self._position)
            except json.JSONDecodeError as error:
                if not self._read():
                    self._advance(len(self._text) if self._undecodable else error.pos)
                    raise self._error(self._undecodable or error.msg[:1].lower() + error.msg[1:]) from error
                continue
            except (ValueError, RecursionError) as error:
                behind = end_of(self._text, self._position)
                if behind is None:
                    if not self._read():
                        raise self._error(why_unreadable(error)) from error
                    continue
                value, end = Unreadable(why_unreadable(error)), behind
            self._begin = self._position
            self._advance(end)
            return value

    def _skip_blanks(self) -> str:
        while True:
            text, position = self._text, self._position
            while position < len(text) and text[position] in " \t\r\n":
                position += 1
            self._advance(position)
            if position < len(text):
                return text[position]
            if self._undecodable:
                raise self._error(self._undecodable)
            if not self._read() and not self._undecodable:
                return ""

    def _advance(self, position: int) -> None:
        lines = self._text.count("\n", self._position, position)
        if lines:
            self._line += lines
            self._column = position - self._text.rindex("\n", self._position, position)
        else:
            self._column += position - self._position
        self._position = position

    def _read(self) -> bool:
        """Read more text behind what is there; drops what was dealt with.  False at the end."""
        if self._ended:
            return False
        # As much again as is there, so that an element of any length is tried only a few times.
        data = read_at(self._descriptor, max(_CHUNK, len(self._text) - self._position), self._offset)
        self._offset += len(data)
        self._ended = not data
        try:
            text = self._decoder.decode(data, final=self._ended)
        except UnicodeDecodeError as error:
            text, self._ended = error.object[: error.start].decode("utf-8"), True
            self._undecodable = f"a byte here is not UTF-8: {error.reason}"
        self._text, self._position = self._text[self._position :] + text, 0
        return True

    def _error(self, what: str) -> NeuroScriptError:
        return bad_file(self._path, what, self._line, self._column, self.count + 1)
