"""Performance records: logging them, judging the tasks, and finding the records of a definition."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from ai_wm.data.record_filter import RecordFilter
from ai_wm.data.types import AIWorkerPerformanceSummary, PerformanceRecord, SupervisorFeedback
from ai_wm.store import Store
from ai_wm.store.removed_definitions import RemovedDefinition
from ai_wm.store.rows import Row
from ai_wm.support.clock import Clock
from ai_wm.workers.definitions import Definitions
from neuroscript import ErrorCode, NeuroScriptError

_MOST_NAMED: Final = 5
"""So many ids are named in an error."""


class PerformanceRecords:
    """Logs and finds the performance records in a store; a definition goes by its id or its name.

    Args:
        store: keeps the records.
        definitions: finds the definition whose records are wanted.
        clock: for the time stamps of feedback.
    """

    def __init__(self, store: Store, definitions: Definitions, clock: Clock) -> None:
        self._store = store
        self._definitions = definitions
        self._clock = clock

    def log(self, record: PerformanceRecord | Mapping[str, Any]) -> str:
        """Logs the record of a task done elsewhere, and returns the task's id.

        Raises:
            NeuroScriptError: 4 for a value that does not fit; 9 unknown definition; 42 if the task has a record
                already; 25 and 26 if it cannot be written.
        """
        made = PerformanceRecord.parse(record)
        owner = self._id_of(made.definition_id)
        if owner != made.definition_id:
            made = made.model_copy(update={"definition_id": owner})
        self._store.add_record(made)
        return made.task_id

    def add_feedback(self, task_id: str, **feedback: Any) -> PerformanceRecord:
        """Attaches a judgement to a task, in place of an earlier one, and returns the task's record with it.

        Args:
            task_id: the task.
            feedback: the fields of `SupervisorFeedback` but the time stamp.

        Raises:
            NeuroScriptError: 9 if there is no such task; 4 for a value that does not fit; 25 and 26 if it cannot be
                written.
        """
        made = SupervisorFeedback(**feedback, feedback_timestamp=self._clock.now())
        return self._store.add_feedback(task_id, made)

    def removed(self) -> list[RemovedDefinition]:
        """Returns the removed definitions that have records, the last removed first."""
        return self._store.removed()

    def find_removed(self, id_or_name: str) -> RemovedDefinition | None:
        """Returns the removed definition whose records an id or a name stands for; None where there is one by it still.

        Raises:
            NeuroScriptError: 9 if there is none, nor was; or several had the name, which their ids tell apart.
        """
        try:
            self._definitions.find(id_or_name)
        except NeuroScriptError as error:
            if error.code != ErrorCode.KEY_NOT_FOUND:
                raise
            found = find_removed(self._store.removed(), id_or_name)
            several = any(each.name == id_or_name for each in self._store.definitions().values())
            if found is None or (several and found.definition_id != id_or_name):
                raise
            return found
        return None

    def select(self, id_or_name: str, filters: Mapping[str, Any] | RecordFilter | None) -> list[PerformanceRecord]:
        """Returns the records of a definition, removed or not, that pass the filters, the newest first.

        Raises:
            NeuroScriptError: 9 unknown definition; 4 for an unknown filter, or a value that does not fit it.
        """
        return self._store.records(self._any_id_of(id_or_name), RecordFilter.parse(filters))

    def select_maps(self, id_or_name: str, filters: Mapping[str, Any] | RecordFilter | None) -> list[dict[str, Any]]:
        """Returns the same records as maps with snake_case keys, several times as fast."""
        return self._store.record_maps(self._any_id_of(id_or_name), RecordFilter.parse(filters))

    def rows(self, id_or_name: str, filters: Mapping[str, Any] | RecordFilter | None) -> list[Row]:
        """Returns the figures of the same records, for which no record is read."""
        return self._store.rows(self._any_id_of(id_or_name), RecordFilter.parse(filters))

    def summary(self, id_or_name: str) -> AIWorkerPerformanceSummary:
        """Returns the current summary of a definition's tasks; error 9 if there is no such definition."""
        return self._store.summary(self._any_id_of(id_or_name))

    def count(self) -> int:
        """Counts the records that are stored."""
        return sum(len(entry.performance_records) for entry in self._store.entries())

    def _id_of(self, id_or_name: str) -> str:
        return self._definitions.find(id_or_name).definition_id

    def _any_id_of(self, id_or_name: str) -> str:
        removed = self.find_removed(id_or_name)
        return self._id_of(id_or_name) if removed is None else removed.definition_id


def find_removed(removed: Sequence[RemovedDefinition], id_or_name: str) -> RemovedDefinition | None:
    """Returns the removed definition with an id, or else the one that had a name.

    Raises:
        NeuroScriptError: 9 if several had the name, naming their ids.
    """
    named = [each for each in removed if each.name == id_or_name]
    found = [each for each in removed if each.definition_id == id_or_name] or named
    if len(found) > 1:
        ids = ", ".join(each.definition_id for each in found[:_MOST_NAMED]) + (", …" if found[_MOST_NAMED:] else "")
        message = f"{len(found)} removed workers were named {id_or_name!r}; name the one you mean by its id: {ids}"
        raise NeuroScriptError(ErrorCode.KEY_NOT_FOUND, message)
    return found[0] if found else None
