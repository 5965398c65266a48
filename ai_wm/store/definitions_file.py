"""The file of the definitions: an indented JSON array, which is always written whole and replaced in one step.

The older form, an object with ``aiWorkerDefinitions`` beside other sections, is read as well.  If those sections hold
anything the file keeps that form when it is written, since an array has no place for them; if not it becomes an array.

An entry that is JSON but no definition keeps nobody from using the others: its bytes are set aside in the quarantine,
and only when they are there for good may the file be written without it.  A file that is not JSON is never overwritten.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from ai_wm.data.totals import Totals
from ai_wm.data.types import AIWorkerDefinition, AIWorkerPerformanceSummary
from ai_wm.store.definitions_journal import SUMMARY_KEY, Signature
from ai_wm.store.files import Descriptor, FileSystem, atomic_write, io_error, signature, signature_at
from ai_wm.store.json_array import Unreadable, bad_file, end_of, read_from, why_unreadable
from ai_wm.store.quarantine import set_aside
from neuroscript import ErrorCode, NeuroScriptError, get_logger

OLDER_FORM_KEY: Final = "aiWorkerDefinitions"
"""The key of the definitions in the object of the older form."""

_INDENT: Final = 2
_BLANK: Final = re.compile(r"[ \t\r\n]*")
_LONGEST_INTEGER: Final = 4000
"""The digits from which on a whole number is read as infinite, which no field takes; Python reads 4,300."""

_LOG = get_logger("ai_wm.store")


@dataclass(slots=True)
class FileContent:
    """The content of the file: the definitions by id, in order."""

    definitions: dict[str, AIWorkerDefinition] = field(default_factory=dict)
    sections: dict[str, Any] | None = None
    """The object of the older form; None for an array."""
    incomplete: bool = False
    """Whether ids were missing and given here: they must be written, or the next start gives others."""
    seen: Signature | None = None
    """The signature of the file; None if there is none."""
    digest: str = ""
    """The digest of its bytes; "" if there is none."""
    length: int = 0
    """Its length in bytes."""
    texts: dict[str, str] = field(default_factory=dict)
    """The text of each definition in it, which is as `text_of` gives it if this program wrote the file as an array."""
    blank: bool = False
    """Whether there is a file with nothing in it, as an editor leaves it for a moment, which says nothing."""
    aside: list[bytes] = field(default_factory=list)
    """The entries that are no definitions, which must be in the quarantine before the file is written."""


class DefinitionsFile:
    """The file of the definitions.  Writing it needs the store's lock.

    Args:
        path: the file.
        state: the state directory, for what is set aside.
        files: the calls to write with.
        providers: gives the names of the providers that definitions may have besides the built-in ones.
        writable: whether anything may be written.
    """

    def __init__(
        self,
        path: Path,
        state: Path,
        files: FileSystem,
        providers: Callable[[], Iterable[str]],
        *,
        writable: bool = True,
    ) -> None:
        self.path = path
        self._name = str(path)
        self._state = state
        self._files = files
        self._providers = providers
        self.writable = writable

    def signature(self) -> Signature | None:
        """The `signature` of the file at this moment; None if there is no file."""
        return signature_at(self._name)

    # Reading

    def load(self) -> FileContent:
        """Read the file; one that does not exist or is empty holds no definitions.

        Raises:
            NeuroScriptError: 18 if it is not JSON of its form, 23 if it is no regular file, 25 or 26 if it cannot be
                read.
        """
        try:
            file = Descriptor(self._files.open(self.path, os.O_RDONLY))
        except FileNotFoundError:
            return FileContent()
        except OSError as error:
            raise io_error(error, "read the worker definitions", self.path) from error
        content = FileContent(seen=signature(os.fstat(file.number)))
        data = read_from(file.number, 0)
        file.close()
        content.digest, content.length = digest_of_file(data), len(data)
        reader = _Reader(data, self.path)
        begin = reader.skip_blanks(0)
        if begin == len(reader.text) and not reader.undecodable:
            content.digest, content.length, content.blank = "", 0, True
            return content
        if reader.text[begin : begin + 1] == "{":
            content.sections, begin = reader.older_form(begin)
        if begin >= 0 and begin < len(reader.text):
            for number, (value, start, end) in enumerate(reader.elements(begin, whole=content.sections is None), 1):
                self._take(content, value, reader, start, end, number)
        reader.check()
        return content

    def _take(self, content: FileContent, value: Any, reader: _Reader, start: int, end: int, number: int) -> None:
        """Take an entry in, or set it aside."""

        def where() -> str:
            line, column = reader.place(start)
            return f"{self.path}: line {line}, column {column} (entry {number})"

        raw = reader.text[start:end]
        if isinstance(value, Unreadable):
            self._reject(content, raw, f"{where()}: {_named(value, number)}: {value.why}; the others are used")
            return
        try:
            definition = self._parse(value, number)
        except NeuroScriptError as error:
            rest = self._without_summary(value, number)
            if rest is None:
                self._reject(content, raw, f"{where()}: {error.message}; the other definitions are used")
                return
            self._reject(content, raw, f"{where()}: {error.message}; the summary is added up from the records")
            definition = rest
        if definition.definition_id in content.definitions:
            what = f"the id {definition.definition_id} belongs to an earlier definition"
            self._reject(content, raw, f"{where()}: {what}, which is used")
            return
        try:
            definition.check_provider(self._providers, _named(value, number))
        except NeuroScriptError as error:
            _LOG.warning("%s: %s; nothing can be asked of it until its provider is installed", where(), error.message)
        content.incomplete = content.incomplete or "definition_id" not in definition.model_fields_set
        content.definitions[definition.definition_id] = _with_valid_mark(definition, where)
        content.texts[definition.definition_id] = " " * _INDENT + raw

    def _parse(self, value: Any, number: int) -> AIWorkerDefinition:
        try:
            return AIWorkerDefinition.parse(value, _named(value, number))
        except OverflowError as error:  # from a number that no float is large enough for
            message = f"{_named(value, number)}: a number is too large ({error})"
            raise NeuroScriptError(ErrorCode.ARG_MISMATCH, message) from error

    def _without_summary(self, value: Any, number: int) -> AIWorkerDefinition | None:
        """The definition of an entry in which nothing is wrong but the summary."""
        if not isinstance(value, dict):
            return None
        spelled = {SUMMARY_KEY, "aggregate_performance_summary", "aggregatePerformanceSummary"}
        rest = {key: item for key, item in value.items() if key not in spelled}
        if len(rest) == len(value):
            return None
        try:
            return self._parse(rest, number)
        except NeuroScriptError:
            return None

    def _reject(self, content: FileContent, text: str, why: str) -> None:
        raw = text.encode()
        content.aside.append(raw)
        try:
            place = f"it is kept in {self.set_aside(raw)}" if self.writable else "it is left in the file"
        except OSError as error:
            place = f"it could not be set aside ({error.strerror}), so the file is not written"
        _LOG.warning("%s; %s", why, place)

    def set_aside(self, raw: bytes) -> Path:
        """Keep an entry in the quarantine.

        Raises:
            OSError: if it could not be stored for good.
        """
        return set_aside(self._files, self._state, "definition", raw)

    # Writing

    def write(
        self, texts: Iterable[str], content: FileContent, prepare: Callable[[str, Signature], None]
    ) -> FileContent:
        """Replace the file by one with some definitions.

        Args:
            texts: the definitions, each as `text_of` gives it.
            content: what is known of the file as it is.
            prepare: called with the digest and the signature of the new file before it is put in place.

        Returns:
            what is known of the new file, apart from the definitions.

        Raises:
            NeuroScriptError: 25 or 26 if that failed; then the file is as it was.
        """
        joined = ",\n".join(texts)
        text = f"[\n{joined}\n]\n" if joined else "[]\n"
        sections = content.sections
        if sections is not None and any(value for key, value in sections.items() if key != OLDER_FORM_KEY):
            text = json.dumps(sections | {OLDER_FORM_KEY: json.loads(text)}, ensure_ascii=False, indent=_INDENT) + "\n"
        data = _utf8(text)
        digest = digest_of_file(data)
        temporary = self._name + ".tmp"
        try:
            for raw in content.aside:
                self.set_aside(raw)
            with atomic_write(
                self._files, self.path, release=lambda: prepare(digest, signature(os.lstat(temporary)))
            ) as descriptor:
                self._files.write_at(descriptor, data, 0)
        except OSError as error:
            raise io_error(error, "write the worker definitions", self.path) from error
        return FileContent(sections=sections, seen=self.signature(), digest=digest, length=len(data))


def digest_of_file(data: bytes) -> str:
    """The digest of the bytes of the file."""
    return hashlib.sha256(data).hexdigest()


def text_of(definition: AIWorkerDefinition) -> str:
    """A definition as a piece of the text of the file."""
    text = json.dumps(definition.to_file(), ensure_ascii=False, indent=_INDENT, allow_nan=False)
    return " " * _INDENT + text.replace("\n", "\n" + " " * _INDENT)


def _utf8(text: str) -> bytes:
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError:  # half of a surrogate pair becomes U+FFFD, as in Go
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").encode("utf-8")


def _with_valid_mark(definition: AIWorkerDefinition, where: Callable[[], str]) -> AIWorkerDefinition:
    """The definition, without the mark of its summary if that is none."""
    summary = definition.aggregate_performance_summary
    mark = summary.counted
    if not mark:
        return definition
    try:
        if type(mark.get("records")) is not int:
            raise TypeError("records must be a whole number")
        Totals.from_mark(mark.get("beyond", {}))
    except (AttributeError, TypeError, ValueError, OverflowError) as error:
        _LOG.warning(
            "%s: aggregatePerformanceSummary.counted is not a mark that this program writes (%s); the summary counts "
            "as written elsewhere",
            where(),
            error,
        )
        blank: AIWorkerPerformanceSummary = summary.model_copy(update={"counted": {}})
        return definition.model_copy(update={"aggregate_performance_summary": blank})
    return definition


def _named(value: Any, number: int) -> str:
    name = value.get("name") if isinstance(value, dict) else None
    return (
        f"definition {number} ({json.dumps(name)[:60]})" if isinstance(name, str) and name else f"definition {number}"
    )


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _integer(digits: str) -> int | float:
    return int(digits) if len(digits) < _LONGEST_INTEGER else math.inf


_DECODER: Final = json.JSONDecoder(parse_constant=_refuse_constant, parse_int=_integer)


class _Reader:
    """Reads the JSON of the file, and tells where in it a piece is."""

    def __init__(self, data: bytes, path: Path) -> None:
        self._path = path
        self.undecodable = ""
        try:
            self.text = data.decode("utf-8-sig")
        except UnicodeDecodeError as error:  # of what comes before it, an error is told first
            self.text = data[: error.start].decode("utf-8-sig")
            self.undecodable = f"a byte here is not UTF-8: {error.reason}"
        self._count = 0

    def check(self) -> None:
        """Make sure that all of the file was text."""
        if self.undecodable:
            raise self._error(self.undecodable, len(self.text))

    def place(self, position: int) -> tuple[int, int]:
        """The line and the column of a position, from 1."""
        return self.text.count("\n", 0, position) + 1, position - self.text.rfind("\n", 0, position)

    def skip_blanks(self, position: int) -> int:
        """The position of the first character from there on that is not blank."""
        match = _BLANK.match(self.text, position)
        return match.end() if match else position

    def elements(self, position: int, *, whole: bool) -> Iterator[tuple[Any, int, int]]:
        """The elements of an array, each with the positions where it begins and ends.

        Args:
            position: where the array begins.
            whole: whether nothing may follow it.
        """
        if self.text[position : position + 1] != "[":
            raise self._error("expected an array, which begins with [", position)
        position = self.skip_blanks(position + 1)
        if self.text[position : position + 1] == "]":
            position += 1
        else:
            while True:
                value, end = self._decode(position)
                self._count += 1
                yield value, position, end
                position = self.skip_blanks(end)
                following = self.text[position : position + 1]
                if following not in (",", "]") or not following:
                    what = "expected , or ] after an element" if following else "the array is not closed"
                    raise self._error(self.undecodable or what, position)
                if following == "]":
                    position += 1
                    break
                position = self.skip_blanks(position + 1)
        position = self.skip_blanks(position)
        if whole and position < len(self.text):
            raise self._error("there is something behind the end of the array", position)

    def _decode(self, position: int) -> tuple[Any, int]:
        try:
            return _DECODER.raw_decode(self.text, position)
        except json.JSONDecodeError as error:
            if self.undecodable:
                raise self._error(self.undecodable, len(self.text)) from error
            raise self._error(error.msg[:1].lower() + error.msg[1:], error.pos) from error
        except (ValueError, RecursionError) as error:
            end = end_of(self.text, position)
            if end is None:
                raise self._error(why_unreadable(error), position) from error
            return Unreadable(why_unreadable(error)), end

    def older_form(self, position: int) -> tuple[dict[str, Any], int]:
        """The object of the older form, and where the array of the definitions begins; -1 if that is null."""
        begun = re.compile(rf'"{OLDER_FORM_KEY}"\s*:\s*').search(self.text)
        try:
            sections, end = self._decode(position)
        except NeuroScriptError as error:
            at = self._entry_at(begun.end(), error.details["line"], error.details["column"]) if begun else 0
            raise bad_file(self._path, self._what, *self._where, at) from error
        if isinstance(sections, Unreadable):
            raise self._error(sections.why, position)
        expected = f"expected an array of definitions, or an object with {OLDER_FORM_KEY}"
        if OLDER_FORM_KEY not in sections or not isinstance(sections[OLDER_FORM_KEY], list | None):
            raise bad_file(self._path, expected, 1, 1)
        if self.skip_blanks(end) < len(self.text):
            raise self._error("there is something behind the end of the object", self.skip_blanks(end))
        if sections[OLDER_FORM_KEY] is None or begun is None:
            return sections, -1
        return sections, begun.end()

    def _entry_at(self, position: int, line: int, column: int) -> int:
        """Which definition of the older form a place is in, counted from 1; 0 if it is in none."""
        number = 1
        position = self.skip_blanks(position)
        if self.text[position : position + 1] != "[" or self.place(position) > (line, column):
            return 0
        position += 1
        while True:
            while position < len(self.text) and self.text[position] in " \t\r\n,":
                position += 1
            try:
                _, position = _DECODER.raw_decode(self.text, position)
            except (ValueError, RecursionError):
                return number if self.place(position) <= (line, column) else 0
            if self.place(position) > (line, column):
                return number
            number += 1

    def _error(self, what: str, position: int) -> NeuroScriptError:
        self._what, self._where = what, self.place(position)
        return bad_file(self._path, what, *self._where, self._count + 1)
