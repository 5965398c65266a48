"""What can be done to the performance data, each as the lines that make it durable and what it does to the index.

A change is planned with the store locked and up to date, so it sees what every other process has finished; it is
applied after its lines are on the disk.  Changes that touch the same instance or task are never planned together.
"""

from __future__ import annotations

import uuid
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from ai_wm.data.totals import tokens_of
from ai_wm.data.types import (
    STATELESS_PREFIX,
    AIWorkerInstance,
    AIWorkerInstanceStatus,
    PerformanceRecord,
    RetiredInstanceInfo,
    SupervisorFeedback,
    Timestamp,
    TokenUsageMetrics,
)
from ai_wm.store import journal
from ai_wm.store.index import LiveInstance, RecordIndex
from ai_wm.store.rows import Extract, Row, extract_record, row_of
from ai_wm.store.scan import write_line
from neuroscript import ErrorCode, NeuroScriptError

RECOVERED = "the process that held this instance ended without retiring it; stored when its records were next read"
"""Why an instance found in a dead process's journal was retired."""


@dataclass(slots=True)
class View:
    """What a change is planned with."""

    index: RecordIndex
    journals: journal.Journals
    entry: Callable[[str], dict[str, Any]]
    """Reads an entry that is in the file, by its id."""


@dataclass(slots=True)
class Plan:
    """How a change is made: by a line for the file, or lines for a journal, and then ``apply``; what it results in."""

    line: bytes = b""
    extract: Extract | None = None
    journal: str = ""
    journal_lines: list[tuple[str, bytes]] = field(default_factory=list)
    apply: Callable[[], None] | None = None
    result: Any = None


def _stored(entry: dict[str, Any], rows: list[Row], result: Any = None) -> Plan:
    extract = Extract(entry["instance_id"], entry.get("definition_id", ""), rows)
    return Plan(line=write_line(entry), extract=extract, result=result)


class Change(ABC):
    """One change to the performance data."""

    @abstractmethod
    def touches(self, index: RecordIndex) -> tuple[str, ...]:
        """The ids of the instances and tasks that it is about."""

    @property
    def concerns_live(self) -> bool:
        """Whether it may be about a live instance, so that the journals of other processes matter to it."""
        return True

    @abstractmethod
    def plan(self, view: View) -> Plan:
        """Find out how to make it.

        Raises:
            NeuroScriptError: if it cannot be made as things are.
        """


@dataclass(slots=True)
class StartInstance(Change):
    """An instance was spawned."""

    instance: AIWorkerInstance

    def touches(self, index: RecordIndex) -> tuple[str, ...]:
        return (self.instance.instance_id,)

    def plan(self, view: View) -> Plan:
        instance = self.instance
        if view.index.live(instance.instance_id) or view.index.stored_at(instance.instance_id):
            raise NeuroScriptError(ErrorCode.DUPLICATE, f"there is an instance {instance.instance_id!r} already")
        live = LiveInstance(
            instance_id=instance.instance_id,
            definition_id=instance.definition_id,
            creation_timestamp=str(instance.creation_timestamp),
            initial_file_contexts=list(instance.active_file_contexts),
            owner=view.journals.own_name,
            usage=instance.session_token_usage.to_file(),
            scripts=instance.owner,
        )
        lines = [(live.instance_id, journal.start_line(live))]
        return Plan(journal=live.owner, journal_lines=lines, apply=lambda: view.index.start(live))


@dataclass(slots=True)
class SetUsage(Change):
    """The token usage of a live session."""

    instance_id: str
    usage: TokenUsageMetrics

    def touches(self, index: RecordIndex) -> tuple[str, ...]:
        return (self.instance_id,)

    def plan(self, view: View) -> Plan:
        live, usage = own_live(view, self.instance_id), self.usage.to_file()
        lines = [(live.instance_id, journal.usage_line(live.instance_id, usage))]
        return Plan(journal=live.owner, journal_lines=lines, apply=lambda: setattr(live, "usage", usage))


@dataclass(slots=True)
class AddRecord(Change):
    """A task was done."""

    record: PerformanceRecord
    usage: TokenUsageMetrics | None

    def touches(self, index: RecordIndex) -> tuple[str, ...]:
        return (self.record.instance_id, self.record.task_id) if self.record.instance_id else (self.record.task_id,)

    @property
    def concerns_live(self) -> bool:
        return not self.record.is_stateless

    def plan(self, view: View) -> Plan:
        record, index = self.record, view.index
        data, row = file_record(record)
        if index.knows_task(record.task_id):
            raise NeuroScriptError(ErrorCode.DUPLICATE, f"there is a record of task {record.task_id!r} already")
        live = index.live(record.instance_id)
        if live is not None:
            return self._of_live(index, live, data, row)
        if index.stored_at(record.instance_id) is not None:
            entry = view.entry(record.instance_id)
            entry["performance_records"] = [*entry.get("performance_records", ()), data]
            return _stored(entry, [*index.extract(record.instance_id).rows, row])
        return _stored(_entry_of_its_own(record, data), [row])

    def _of_live(self, index: RecordIndex, live: LiveInstance, data: dict[str, Any], row: Row) -> Plan:
        usage = None if self.usage is None else self.usage.to_file()

        def apply() -> None:
            index.add_live(live, data, row)
            if usage is not None:
                live.usage = usage

        lines = [(live.instance_id, journal.record_line(live.instance_id, data, usage))]
        return Plan(journal=live.owner, journal_lines=lines, apply=apply)


def _entry_of_its_own(record: PerformanceRecord, data: dict[str, Any]) -> dict[str, Any]:
    metrics = record.llm_metrics
    if not record.instance_id:
        data["instance_id"] = f"{STATELESS_PREFIX}{uuid.uuid4()}"
    status = AIWorkerInstanceStatus.RETIRED_COMPLETED if record.success else AIWorkerInstanceStatus.RETIRED_ERROR
    return {
        "instance_id": data["instance_id"],
        "definition_id": data["definition_id"],
        "creation_timestamp": data["timestamp_start"],
        "retirement_timestamp": data["timestamp_end"],
        "final_status": status.value,
        "retirement_reason": "stateless task" if record.is_stateless or not record.instance_id else "task logged",
        "session_token_usage": {
            "input_tokens": tokens_of({"total_tokens": metrics.get("input_tokens")}),
            "output_tokens": tokens_of({"total_tokens": metrics.get("output_tokens")}),
            "total_tokens": tokens_of(metrics),
        },
        "performance_records": [data],
    } | ({"owner": record.owner} if record.owner else {})


@dataclass(slots=True)
class AddFeedback(Change):
    """A task was judged."""

    task_id: str
    feedback: SupervisorFeedback

    def touches(self, index: RecordIndex) -> tuple[str, ...]:
        place = index.find_task(self.task_id)
        return (self.task_id,) if place is None else (self.task_id, index.instance_of(place))

    def plan(self, view: View) -> Plan:
        index = view.index
        place = index.find_task(self.task_id)
        if place is None:
            raise NeuroScriptError(ErrorCode.KEY_NOT_FOUND, f"there is no record of a task {self.task_id!r}")
        instance_id = index.instance_of(place)
        entry = {} if place.live is not None else view.entry(instance_id)
        records = place.live.records if place.live is not None else entry["performance_records"]
        changed = records[place.ordinal] | {"supervisor_feedback": self.feedback.to_file()}
        result = PerformanceRecord.parse(changed)
        row = extract_record(changed)
        if row is None:
            raise AssertionError(f"the changed record of task {self.task_id} has no row")
        if place.live is not None:
            live = place.live
            return Plan(
                journal=live.owner,
                journal_lines=[(instance_id, journal.changed_line(instance_id, changed))],
                apply=lambda: index.replace_live(live, place.ordinal, changed, row),
                result=result,
            )
        entry["performance_records"] = [*records[: place.ordinal], changed, *records[place.ordinal + 1 :]]
        rows = index.extract(instance_id).rows
        rows[place.ordinal] = row
        return _stored(entry, rows, result)


@dataclass(slots=True)
class RetireInstance(Change):
    """A live instance ended."""

    instance_id: str
    final_status: AIWorkerInstanceStatus
    reason: str
    retired_at: Timestamp
    usage: TokenUsageMetrics | None
    records: Sequence[PerformanceRecord] | None

    def touches(self, index: RecordIndex) -> tuple[str, ...]:
        return (self.instance_id, *(record.task_id for record in self.records or ()))

    def plan(self, view: View) -> Plan:
        live = own_live(view, self.instance_id)
        entry = entry_of(live, self.final_status, self.reason, self.retired_at)
        if self.usage is not None:
            entry["session_token_usage"] = self.usage.to_file()
        if self.records is not None:
            self._check_tasks(view.index, self.records)
            entry["performance_records"] = [file_record(record)[0] for record in self.records]
        result = RetiredInstanceInfo.parse(entry)
        return _stored(entry, rows_in(entry), result)

    def _check_tasks(self, index: RecordIndex, records: Sequence[PerformanceRecord]) -> None:
        """Each task is counted once: none twice here, none that belongs to another instance."""
        seen: set[str] = set()
        for record in records:
            place = index.find_task(record.task_id)
            if record.task_id in seen or (place is not None and index.instance_of(place) != self.instance_id):
                raise NeuroScriptError(ErrorCode.DUPLICATE, f"there is a record of task {record.task_id!r} already")
            seen.add(record.task_id)


def own_live(view: View, instance_id: str) -> LiveInstance:
    """A live instance of this store.

    Raises:
        NeuroScriptError: 9 if there is none of that id, or another process holds it.
    """
    live = view.index.live(instance_id)
    if live is None or live.owner != view.journals.own_name:
        what = "is held by another process" if live is not None else "is not live"
        raise NeuroScriptError(ErrorCode.KEY_NOT_FOUND, f"instance {instance_id!r} {what}")
    return live


def file_record(record: PerformanceRecord) -> tuple[dict[str, Any], Row]:
    """A record in the form of the files, and its row.

    Raises:
        NeuroScriptError: 4 if it has a key in two spellings.
    """
    row = row_of(record)
    if row is None:
        message = f"performance record of task {record.task_id!r}: a key is given in two spellings; give each once"
        raise NeuroScriptError(ErrorCode.ARG_MISMATCH, message)
    return record.to_file(), row


def entry_of(live: LiveInstance, status: AIWorkerInstanceStatus, reason: str, retired_at: Timestamp) -> dict[str, Any]:
    """The entry that a live instance becomes."""
    entry: dict[str, Any] = {
        "instance_id": live.instance_id,
        "definition_id": live.definition_id,
        "creation_timestamp": live.creation_timestamp,
        "retirement_timestamp": str(retired_at),
        "final_status": status.value,
        "retirement_reason": reason,
        "session_token_usage": live.usage,
        "initial_file_contexts": live.initial_file_contexts,
        "performance_records": list(live.records),
        "owner": live.scripts,
    }
    return {key: value for key, value in entry.items() if value or key not in _LEFT_OUT}


_LEFT_OUT = frozenset({"retirement_reason", "initial_file_contexts", "owner"})


def rows_in(entry: dict[str, Any]) -> list[Row]:
    """The rows of an entry that this program made."""
    return [row for record in entry["performance_records"] if (row := extract_record(record)) is not None]


def recovered(live: LiveInstance, now: Timestamp) -> tuple[Extract, bytes]:
    """The extract and the line of an instance whose process died."""
    entry = entry_of(live, AIWorkerInstanceStatus.RETIRED_ERROR, RECOVERED, now)
    return Extract(live.instance_id, live.definition_id, rows_in(entry)), write_line(entry)
