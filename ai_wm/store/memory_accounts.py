"""The sums of one definition's records in memory, which are made when somebody asks for them."""

from __future__ import annotations

from collections.abc import Mapping

from ai_wm.data.totals import NEVER, Totals, to_nanoseconds, tokens_of
from ai_wm.data.types import AIWorkerPerformanceSummary, PerformanceRecord, SupervisorFeedback


class Account:
    """The tasks of one definition, in the order logged, and what they add up to.

    A record is added to the sums when these are asked for next, and once: who logs a task does not wait for that.

    Attributes:
        tasks: the ids of the tasks.
        active: how many instances of the definition live.
        spawned: how many there were.
    """

    __slots__ = ("_last_is_stale", "_totals", "_uncounted", "active", "spawned", "tasks")

    def __init__(self) -> None:
        self.tasks: dict[str, None] = {}
        self.active = 0
        self.spawned = 0
        self._totals = Totals()
        self._uncounted: dict[str, None] = {}
        self._last_is_stale = False

    def add(self, task_id: str) -> None:
        """Add a task."""
        self.tasks[task_id] = self._uncounted[task_id] = None

    def take_out(self, record: PerformanceRecord) -> None:
        """Take a task out again, with its record as it is."""
        del self.tasks[record.task_id]
        if record.task_id in self._uncounted:
            del self._uncounted[record.task_id]
            return
        totals = self._totals
        totals.tasks -= 1
        totals.successes -= record.success
        totals.tokens -= tokens_of(record.llm_metrics)
        totals.duration_ms.remove(record.duration_ms)
        totals.cost.remove(record.cost_incurred)
        self._rate(record.supervisor_feedback, -1)
        self._last_is_stale = True

    def judge(self, old: PerformanceRecord, feedback: SupervisorFeedback) -> None:
        """Put feedback in the place of what a record had."""
        if old.task_id not in self._uncounted:
            self._rate(old.supervisor_feedback, -1)
            self._rate(feedback, 1)

    def summary(self, records: Mapping[str, PerformanceRecord]) -> AIWorkerPerformanceSummary:
        """Add up the tasks, whose records are in ``records``."""
        totals = self._totals
        for task_id in self._uncounted:
            record = records[task_id]
            totals.tasks += 1
            totals.successes += record.success
            totals.tokens += tokens_of(record.llm_metrics)
            totals.duration_ms.add(record.duration_ms)
            totals.cost.add(record.cost_incurred)
            totals.last = max(totals.last, to_nanoseconds(record.timestamp_end))
            self._rate(record.supervisor_feedback, 1)
        self._uncounted = {}
        if self._last_is_stale:
            self._last_is_stale = False
            totals.last = max((to_nanoseconds(records[task].timestamp_end) for task in self.tasks), default=NEVER)
        totals.spawned = self.spawned
        return totals.summary(self.active)

    def _rate(self, feedback: SupervisorFeedback | None, by: int) -> None:
        if feedback is not None:
            self._totals.rated += by
            (self._totals.rating.add if by > 0 else self._totals.rating.remove)(feedback.rating)
