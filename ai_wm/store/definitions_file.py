"""The file of the definitions: an indented JSON array, which is always written whole and replaced in one step.

The older form, an object with ``aiWorkerDefinitions`` beside other sections, is read as well.  If those sections hold
anything the file keeps that form when it is written, since an array has no place for them; if not it becomes an array.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from ai_wm.data.totals import Totals
from ai_wm.data.types import AIWorkerDefinition
from ai_wm.store.files import Descriptor, FileSystem, atomic_write, io_error, signature, signature_at
from ai_wm.store.json_array import ArrayReader, bad_file, read_from
from neuroscript import NeuroScriptError

OLDER_FORM_KEY: Final = "aiWorkerDefinitions"
"""The key of the definitions in the object of the older form."""

_INDENT: Final = 2


@dataclass(slots=True)
class DefinitionsState:
    """The content of the file: the definitions by id, in order."""

    definitions: dict[str, AIWorkerDefinition] = field(default_factory=dict)
    sections: dict[str, Any] | None = None
    """The object of the older form; None for an array."""
    incomplete: bool = False
    """Whether ids were missing and given here: they must be written, or the next start gives others."""
    seen: tuple[int, int, int] | None = None
    """The signature of the file; None if there is none."""


class DefinitionsFile:
    """The file of the definitions.  Writing it needs the store's lock.

    Args:
        path: the file.
        files: the calls to write with.
        providers: gives the names of the providers that definitions may have besides the built-in ones.
    """

    def __init__(self, path: Path, files: FileSystem, providers: Callable[[], Iterable[str]]) -> None:
        self.path = path
        self._name = str(path)
        self._files = files
        self._providers = providers

    def signature(self) -> tuple[int, int, int] | None:
        """The `signature` of the file at this moment; None if there is no file."""
        return signature_at(self._name)

    def load(self) -> DefinitionsState:
        """Read the file; one that does not exist or is empty holds no definitions.

        Raises:
            NeuroScriptError: 18 if it is not valid, 23 if it is no regular file, 25 or 26 if it cannot be read.
        """
        try:
            file = Descriptor(self._files.open(self.path, os.O_RDONLY))
        except FileNotFoundError:
            return DefinitionsState()
        except OSError as error:
            raise io_error(error, "read the worker definitions", self.path) from error
        state = DefinitionsState(seen=signature(os.fstat(file.number)))
        reader = ArrayReader(file.number, self.path)
        match reader.first():
            case "":
                pass
            case "{":
                state.sections = self._read_object(file)
                self._take(state, ((value, 0, 0) for value in state.sections[OLDER_FORM_KEY] or ()))
            case _:
                self._take(state, reader)
        return state

    def _read_object(self, file: Descriptor) -> dict[str, Any]:
        text = read_from(file.number, 0).decode("utf-8-sig", "replace")
        try:
            sections = json.loads(text)
        except (ValueError, RecursionError) as error:
            line, column, what = getattr(error, "lineno", 0), getattr(error, "colno", 0), getattr(error, "msg", error)
            raise bad_file(self.path, str(what), line, column, _entry_at(text, getattr(error, "pos", 0))) from error
        if not isinstance(sections, dict) or not isinstance(sections.get(OLDER_FORM_KEY, None), list | None):
            raise bad_file(self.path, f"expected an array of definitions, or an object with {OLDER_FORM_KEY}", 1, 1)
        if OLDER_FORM_KEY not in sections:
            raise bad_file(self.path, f"expected an array of definitions, or an object with {OLDER_FORM_KEY}", 1, 1)
        return sections

    def _take(self, state: DefinitionsState, found: Iterable[tuple[Any, int, int]]) -> None:
        for number, (value, line, column) in enumerate(found, 1):
            try:
                definition = AIWorkerDefinition.parse(value, _named(value, number))
                definition.check_provider(self._providers, _named(value, number))
            except NeuroScriptError as error:
                raise bad_file(self.path, error.message, line, column, number) from error
            if definition.definition_id in state.definitions:
                what = f"the id {definition.definition_id} belongs to an earlier definition"
                raise bad_file(self.path, what, line, column, number)
            _check_mark(self.path, definition, line, column, number)
            state.incomplete = state.incomplete or "definition_id" not in definition.model_fields_set
            state.definitions[definition.definition_id] = definition

    def write(self, state: DefinitionsState) -> None:
        """Replace the file by one with these definitions, and note its signature in ``state``.

        Raises:
            NeuroScriptError: 25 or 26 if that failed; then the file is as it was.
        """
        entries: Any = [definition.to_file() for definition in state.definitions.values()]
        if state.sections is not None and any(value for key, value in state.sections.items() if key != OLDER_FORM_KEY):
            entries = state.sections | {OLDER_FORM_KEY: entries}
        text = json.dumps(entries, ensure_ascii=False, indent=_INDENT, allow_nan=False) + "\n"
        try:
            with atomic_write(self._files, self.path) as descriptor:
                self._files.write_at(descriptor, _utf8(text), 0)
        except OSError as error:
            raise io_error(error, "write the worker definitions", self.path) from error
        state.seen = self.signature()
        state.incomplete = False


def _check_mark(path: Path, definition: AIWorkerDefinition, line: int, column: int, number: int) -> None:
    mark = definition.aggregate_performance_summary.counted
    if not mark:
        return
    try:
        if not isinstance(mark.get("records"), int):
            raise TypeError("records must be a whole number")
        Totals.from_mark(mark.get("beyond", {}))
    except (AttributeError, TypeError, ValueError) as error:
        what = (
            f"aggregatePerformanceSummary.counted is not a mark that this program writes ({error}); without that key "
            "the summary counts as written elsewhere"
        )
        raise bad_file(path, what, line, column, number) from error


def _named(value: Any, number: int) -> str:
    name = value.get("name") if isinstance(value, dict) else None
    return (
        f"definition {number} ({json.dumps(name)[:60]})" if isinstance(name, str) and name else f"definition {number}"
    )


def _utf8(text: str) -> bytes:
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError:  # half of a surrogate pair becomes U+FFFD, as in Go
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").encode("utf-8")


def _entry_at(text: str, position: int) -> int:
    """Which definition of the older form a position is in, counted from 1; 0 if it is in none."""
    begun = re.search(rf'"{OLDER_FORM_KEY}"\s*:\s*\[', text[:position])
    if begun is None:
        return 0
    decoder, at, number = json.JSONDecoder(), begun.end(), 1
    while True:
        while at < position and text[at] in " \t\r\n,":
            at += 1
        try:
            _, end = decoder.raw_decode(text, at)
        except ValueError:
            return number if at <= position else 0
        if end > position:
            return number
        at, number = end, number + 1
