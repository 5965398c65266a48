"""A store that keeps everything in memory: what a manager without a directory uses, and tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from threading import RLock
from types import MappingProxyType
from typing import Any, TypeVar

from ai_wm.data.record_filter import RecordFilter
from ai_wm.data.totals import Totals, to_nanoseconds, tokens_of
from ai_wm.data.types import (
    STATELESS_PREFIX,
    AIWorkerDefinition,
    AIWorkerInstance,
    AIWorkerInstanceStatus,
    AIWorkerPerformanceSummary,
    PerformanceRecord,
    RetiredInstanceInfo,
    SupervisorFeedback,
    Timestamp,
    TokenUsageMetrics,
)
from neuroscript import ErrorCode, NeuroScriptError

T = TypeVar("T")


@dataclass(slots=True)
class _Entry:
    """An instance, live or retired, or one stateless task; its records by their ids, in the order logged."""

    definition_id: str
    created: Timestamp
    files: list[str] = field(default_factory=list)
    usage: TokenUsageMetrics = field(default_factory=TokenUsageMetrics)
    tasks: list[str] = field(default_factory=list)
    end: tuple[AIWorkerInstanceStatus, str, Timestamp] | None = None
    """Final status, reason and moment; None while it lives."""
    owner: str = ""


class MemoryStore:
    """A `Store` of this process alone, which ends with it.  See there for what each method does."""

    def __init__(self) -> None:
        self._lock = RLock()
        self._definitions: dict[str, AIWorkerDefinition] = {}
        self._entries: dict[str, _Entry] = {}
        self._records: dict[str, PerformanceRecord] = {}
        self._by_definition: dict[str, dict[str, None]] = {}

    # Definitions

    def definitions(self) -> Mapping[str, AIWorkerDefinition]:
        """See `Store.definitions`."""
        return MappingProxyType(self._definitions)

    def change_definitions(self, change: Callable[[dict[str, AIWorkerDefinition]], T]) -> T:
        """See `Store.change_definitions`."""
        with self._lock:
            after = dict(self._definitions)
            result = change(after)
            self._definitions = after
            return result

    # Live instances

    def start_instance(self, instance: AIWorkerInstance) -> None:
        """See `Store.start_instance`."""
        with self._lock:
            if instance.instance_id in self._entries:
                raise NeuroScriptError(ErrorCode.DUPLICATE, f"there is an instance {instance.instance_id!r} already")
            self._entries[instance.instance_id] = _Entry(
                instance.definition_id,
                instance.creation_timestamp,
                list(instance.active_file_contexts),
                instance.session_token_usage,
                owner=instance.owner,
            )

    def set_session_usage(self, instance_id: str, usage: TokenUsageMetrics) -> None:
        """See `Store.set_session_usage`."""
        with self._lock:
            self._live(instance_id).usage = usage

    def retire_instance(
        self,
        instance_id: str,
        *,
        final_status: AIWorkerInstanceStatus,
        reason: str,
        retired_at: Timestamp,
        usage: TokenUsageMetrics | None = None,
        records: Sequence[PerformanceRecord] | None = None,
    ) -> RetiredInstanceInfo:
        """See `Store.retire_instance`."""
        with self._lock:
            entry = self._live(instance_id)
            if records is not None:
                self._replace(entry, records)
            if usage is not None:
                entry.usage = usage
            entry.end = (final_status, reason, retired_at)
            # It comes last now, as in a file, whenever it was started.
            self._entries[instance_id] = self._entries.pop(instance_id)
            return self._info(instance_id, entry)

    # Records

    def add_record(self, record: PerformanceRecord, usage: TokenUsageMetrics | None = None) -> None:
        """See `Store.add_record`."""
        with self._lock:
            if record.task_id in self._records:
                raise _known_task(record.task_id)
            made = _Entry(
                record.definition_id,
                record.timestamp_start,
                end=(AIWorkerInstanceStatus.RETIRED_COMPLETED, "", record.timestamp_end),
                owner=record.owner,
            )
            entry = self._entries.setdefault(record.instance_id, made)
            self._put(entry, record)
            if usage is not None and entry.end is None:
                entry.usage = usage

    def add_feedback(self, task_id: str, feedback: SupervisorFeedback) -> PerformanceRecord:
        """See `Store.add_feedback`."""
        with self._lock:
            record = self._records.get(task_id)
            if record is None:
                raise NeuroScriptError(ErrorCode.KEY_NOT_FOUND, f"there is no record of a task {task_id!r}")
            self._records[task_id] = judged = record.model_copy(update={"supervisor_feedback": feedback})
            return judged

    def record(self, task_id: str) -> PerformanceRecord | None:
        """See `Store.record`."""
        return self._records.get(task_id)

    def records(self, definition_id: str, where: RecordFilter | None = None) -> list[PerformanceRecord]:
        """See `Store.records`."""
        wanted = where or RecordFilter()
        with self._lock:
            mine = [self._records[task] for task in self._by_definition.get(definition_id, ())]
        found = [record for record in reversed(mine) if _passes(record, wanted)]
        found.sort(key=lambda record: record.timestamp_start, reverse=True)
        return found if wanted.limit is None else found[: wanted.limit]

    def record_maps(self, definition_id: str, where: RecordFilter | None = None) -> list[dict[str, Any]]:
        """See `Store.record_maps`."""
        return [record.to_script() for record in self.records(definition_id, where)]

    def instance_records(self, instance_id: str) -> list[PerformanceRecord]:
        """See `Store.instance_records`."""
        with self._lock:
            entry = self._entries.get(instance_id)
            return [self._records[task] for task in entry.tasks] if entry is not None else []

    def entries(self) -> Iterator[RetiredInstanceInfo]:
        """See `Store.entries`."""
        with self._lock:
            stored = [self._info(name, entry) for name, entry in self._entries.items() if entry.end is not None]
        return iter(stored)

    def summary(self, definition_id: str) -> AIWorkerPerformanceSummary:
        """See `Store.summary`."""
        totals = Totals()
        with self._lock:
            for task in self._by_definition.get(definition_id, ()):
                _count(totals, self._records[task])
            instances = [
                entry
                for name, entry in self._entries.items()
                if entry.definition_id == definition_id and not name.startswith(STATELESS_PREFIX)
            ]
        totals.spawned = len(instances)
        return totals.summary(sum(entry.end is None for entry in instances))

    # The whole

    def reload(self) -> None:
        """See `Store.reload`.  There is nothing to read."""

    def save(self) -> None:
        """See `Store.save`.  There is nothing to write."""

    def close(self) -> None:
        """See `Store.close`.  There is nothing to close."""

    # Inside

    def _live(self, instance_id: str) -> _Entry:
        entry = self._entries.get(instance_id)
        if entry is None or entry.end is not None:
            raise NeuroScriptError(ErrorCode.KEY_NOT_FOUND, f"there is no live instance {instance_id!r} in this store")
        return entry

    def _put(self, entry: _Entry, record: PerformanceRecord) -> None:
        self._records[record.task_id] = record
        self._by_definition.setdefault(record.definition_id, {})[record.task_id] = None
        entry.tasks.append(record.task_id)

    def _replace(self, entry: _Entry, records: Sequence[PerformanceRecord]) -> None:
        """Puts other records in the place of an entry's."""
        own = set(entry.tasks)
        ids = [record.task_id for record in records]
        for task in ids:
            if ids.count(task) > 1 or (task in self._records and task not in own):
                raise _known_task(task)
        for task in entry.tasks:
            del self._by_definition[self._records.pop(task).definition_id][task]
        entry.tasks.clear()
        for record in records:
            self._put(entry, record)

    def _info(self, instance_id: str, entry: _Entry) -> RetiredInstanceInfo:
        assert entry.end is not None
        status, reason, moment = entry.end
        return RetiredInstanceInfo(
            instance_id=instance_id,
            definition_id=entry.definition_id,
            creation_timestamp=entry.created,
            retirement_timestamp=moment,
            final_status=status,
            retirement_reason=reason,
            session_token_usage=entry.usage,
            initial_file_contexts=entry.files,
            performance_records=[self._records[task] for task in entry.tasks],
            owner=entry.owner,
        )


def _known_task(task_id: str) -> NeuroScriptError:
    return NeuroScriptError(ErrorCode.DUPLICATE, f"there is a record of the task {task_id!r} already")


def _count(totals: Totals, record: PerformanceRecord) -> None:
    totals.tasks += 1
    totals.successes += record.success
    totals.duration_ms.add(record.duration_ms)
    totals.tokens += tokens_of(record.llm_metrics)
    totals.cost.add(record.cost_incurred)
    if record.supervisor_feedback is not None:
        totals.rated += 1
        totals.rating.add(record.supervisor_feedback.rating)
    totals.last = max(totals.last, to_nanoseconds(record.timestamp_end))


def _passes(record: PerformanceRecord, where: RecordFilter) -> bool:
    start = to_nanoseconds(record.timestamp_start)
    return (
        (where.owners is None or record.owner in where.owners)
        and (where.task_id is None or record.task_id == where.task_id)
        and (where.instance_id is None or record.instance_id == where.instance_id)
        and (where.stateless is None or record.is_stateless == where.stateless)
        and (where.success is None or record.success == where.success)
        and (where.duration_ms_gt is None or record.duration_ms > where.duration_ms_gt)
        and (where.duration_ms_lt is None or record.duration_ms < where.duration_ms_lt)
        and (where.cost_incurred_gt is None or record.cost_incurred > where.cost_incurred_gt)
        and (where.cost_incurred_lt is None or record.cost_incurred < where.cost_incurred_lt)
        and (where.since is None or start >= where.since)
        and (where.until is None or start <= where.until)
    )
