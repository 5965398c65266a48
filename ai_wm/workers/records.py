"""Performance records: logging them, judging the tasks, and finding the records of a definition."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ai_wm.data.record_filter import RecordFilter
from ai_wm.data.types import AIWorkerPerformanceSummary, PerformanceRecord, SupervisorFeedback
from ai_wm.store import Store
from ai_wm.support.clock import Clock
from ai_wm.workers.definitions import Definitions


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

    def select(self, id_or_name: str, filters: Mapping[str, Any] | RecordFilter | None) -> list[PerformanceRecord]:
        """Returns the records of a definition that pass the filters, the newest first.

        Raises:
            NeuroScriptError: 9 unknown definition; 4 for an unknown filter, or a value that does not fit it.
        """
        return self._store.records(self._id_of(id_or_name), RecordFilter.parse(filters))

    def select_maps(self, id_or_name: str, filters: Mapping[str, Any] | RecordFilter | None) -> list[dict[str, Any]]:
        """Returns the same records as maps with snake_case keys, several times as fast."""
        return self._store.record_maps(self._id_of(id_or_name), RecordFilter.parse(filters))

    def summary(self, id_or_name: str) -> AIWorkerPerformanceSummary:
        """Returns the current summary of a definition's tasks; error 9 if there is no such definition."""
        return self._store.summary(self._id_of(id_or_name))

    def count(self) -> int:
        """Counts the records that are stored."""
        return sum(len(entry.performance_records) for entry in self._store.entries())

    def _id_of(self, id_or_name: str) -> str:
        return self._definitions.find(id_or_name).definition_id
