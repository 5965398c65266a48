"""The loaded definitions and their summaries: what these count beyond the records, and when they are out of date."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from ai_wm.data.totals import Totals, beyond_records, mark_of
from ai_wm.data.types import AIWorkerDefinition, AIWorkerPerformanceSummary
from ai_wm.store.definitions_file import DefinitionsFile, DefinitionsState
from ai_wm.store.index import RecordIndex
from neuroscript import NeuroScriptError, get_logger

_LOG = get_logger("ai_wm.store")

_NUMBERS: Final = tuple(name for name in AIWorkerPerformanceSummary.model_fields if name != "counted")


class Summaries:
    """The loaded definitions, with what their summaries count beyond the records.

    The caller holds the store's mutex, and for `write` its lock.

    Args:
        file: the file that they are in.
    """

    def __init__(self, file: DefinitionsFile) -> None:
        self._file = file
        self.state = DefinitionsState()
        self._beyond: dict[str, Totals] = {}
        self._bad: tuple[tuple[int, int, int] | None, NeuroScriptError] | None = None
        self._warned: set[str] = set()
        self.unmarked = False
        """Whether a summary in the file counts tasks beyond the records, and no mark there says which."""

    def changed(self) -> bool:
        """Whether the file was changed since it was last read or written.  Needs no lock."""
        now = self._file.signature()
        return now != self.state.seen and (self._bad is None or self._bad[0] != now)

    def read(self) -> DefinitionsState:
        """Read the file; what is loaded stays as it is.

        Raises:
            NeuroScriptError: 18 if it is not valid, 25 or 26 if it cannot be read.
        """
        return self._file.load()

    def take(self, index: RecordIndex, state: DefinitionsState) -> None:
        """Load what was read.  The index must be up to date: the marks are compared with it."""
        beyond = {
            definition_id: beyond_records(
                definition.aggregate_performance_summary,
                index.stored_records(definition_id),
                index.totals(definition_id),
            )
            for definition_id, definition in state.definitions.items()
        }
        if state is not self.state:
            self.state, self._bad = state, None
        self._beyond = beyond
        self.unmarked = any(not self._is_marked(index, definition) for definition in state.definitions.values())

    def _is_marked(self, index: RecordIndex, definition: AIWorkerDefinition) -> bool:
        """Whether the file's mark tells what the summary counts beyond the records; no mark says that it is nothing."""
        beyond = self._beyond[definition.definition_id]
        mark = definition.aggregate_performance_summary.counted
        if not mark:
            return beyond == Totals()
        covered = index.stored_records(definition.definition_id)
        return bool(mark["records"] <= covered and mark.get("beyond", {}) == beyond.to_mark())

    def reload(self, index: RecordIndex) -> None:
        """Read what another program wrote.

        If it is not valid, the definitions stay as they were, and a warning is logged; the file is not overwritten
        before it is valid (`check_file`).
        """
        now = self._file.signature()
        try:
            state = self.read()
        except NeuroScriptError as error:
            self._bad = (now, error)
            _LOG.warning("the worker definitions were changed, but not taken in: %s", error.message)
        else:
            self.take(index, state)

    def check_file(self) -> None:
        """Make sure that the file may be overwritten.

        Raises:
            NeuroScriptError: 18 if its content is not valid.
        """
        if self._bad is not None and self._bad[0] == self._file.signature():
            raise self._bad[1]

    def summary(self, index: RecordIndex, definition_id: str) -> AIWorkerPerformanceSummary:
        """Add up the tasks of a definition, as they are now."""
        totals = self._beyond.get(definition_id, Totals()).plus(index.totals(definition_id))
        return totals.summary(index.active_count(definition_id))

    def outdated(self, index: RecordIndex) -> bool:
        """Whether a summary in the file is not what the tasks add up to."""
        return any(self._current(index, definition) is not definition for definition in self.state.definitions.values())

    def write(self, index: RecordIndex, definitions: dict[str, AIWorkerDefinition] | None = None) -> None:
        """Write the definitions with the summaries as they are now.

        Args:
            index: the records.
            definitions: those to write; None: those loaded.

        Raises:
            NeuroScriptError: 25 or 26 if it failed; then all is as it was.
        """
        wanted = self.state.definitions if definitions is None else definitions
        beyond = {definition_id: self._beyond.get(definition_id, Totals()) for definition_id in wanted}
        current = {
            definition_id: self._current(index, definition, always=True) for definition_id, definition in wanted.items()
        }
        state = replace(self.state, definitions=current)
        self._warn(current)
        self._file.write(state)
        self.state, self._beyond, self._bad, self.unmarked = state, beyond, None, False

    def _current(
        self, index: RecordIndex, definition: AIWorkerDefinition, *, always: bool = False
    ) -> AIWorkerDefinition:
        """The definition with its summary as it is now; itself if the one that it has is right.

        Args:
            always: bring the mark up to date too, though an older one says the same.
        """
        definition_id, old = definition.definition_id, definition.aggregate_performance_summary
        beyond = self._beyond.get(definition_id, Totals())
        new = self.summary(index, definition_id)
        update = {name: value for name in _NUMBERS if (value := getattr(new, name)) != getattr(old, name)}
        if not update and not (always and (old.counted or beyond != Totals())):
            return definition
        mark = mark_of(index.stored_records(definition_id), beyond)
        return definition.model_copy(
            update={"aggregate_performance_summary": old.model_copy(update=update | {"counted": mark})}
        )

    def _warn(self, definitions: dict[str, AIWorkerDefinition]) -> None:
        for definition_id, definition in definitions.items():
            if definition.holds_inline_key and definition_id not in self._warned:
                self._warned.add(definition_id)
                _LOG.warning(
                    "the key of worker definition %r is written to the definitions file, readable by its owner only; "
                    "the method env_var keeps it out of files",
                    definition.name,
                )
