"""Changes to the performance data, each planned as the lines that make it durable and the update of the index.

A change is planned with the store locked and up to date, so it sees what every other process has finished; it is
applied after its lines are on the disk.  Changes that touch the same instance or task are never planned together.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

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
from ai_wm.store import journal_lines, rules
from ai_wm.store.index import RecordIndex
from ai_wm.store.index_entries import JournaledInstance, Place
from ai_wm.store.index_tables import Span
from ai_wm.store.journal import Journals
from ai_wm.store.json_array import write_line
from ai_wm.store.rows import IndexedEntry, Row, has_two_spellings, record_row, row_of
from neuroscript import ErrorCode, NeuroScriptError

RECOVERED = "the process that held this instance ended without retiring it; stored when its records were next read"
"""The reason for retiring an instance that was found in a dead process's journal."""

SUSPENDED = "the run that spawned this instance was stopped, and may go on with it"
"""The reason of an entry that is suspended, ahead of the run."""


class PlanContext(Protocol):
    """What a change needs of a store's files and index to be planned; `StorageEngine` is one."""

    index: RecordIndex
    journals: Journals

    def record(self, place: Place) -> dict[str, Any]:
        """Read the record at a place."""

    def stored(self, instance_id: str) -> dict[str, Any] | None:
        """The entry, with all its records, of an instance that is not live; None if there is none."""


@dataclass(slots=True)
class Plan:
    """How a change is made durable and then applied.

    It is one ``line``, either for the performance file, and ``indexed`` says what the index keeps of it; or for the
    journal of the file name ``journal``, about the instance ``about``, and ``apply`` is called with its place when it
    is on the disk.  ``result`` is what the caller gets.  ``recovered`` says that the line is about a call of a process
    that died.
    """

    line: bytes = b""
    indexed: IndexedEntry | None = None
    journal: str = ""
    about: str = ""
    apply: Callable[[Span], None] | None = None
    result: Any = None
    recovered: bool = False


def _stored(entry: dict[str, Any], rows: list[Row], result: Any) -> Plan:
    indexed = IndexedEntry(entry["instance_id"], entry.get("definition_id", ""), rows)
    return Plan(line=write_line(entry), indexed=indexed, result=result)


class Change(ABC):
    """One change to the performance data, which a caller waits for.

    ``check`` raises when the caller was cancelled; it is called while the change waits for the store's lock.  ``then``
    is called when the change is durable, for a caller that does not wait for that.
    """

    check: Callable[[], None] | None = None
    then: Callable[[], object] | None = None

    @abstractmethod
    def touches(self, index: RecordIndex) -> tuple[str, ...]:
        """The ids of the instances and tasks that it reads or changes."""

    @abstractmethod
    def plan(self, context: PlanContext) -> Plan:
        """Decide how to make it; nothing is changed yet.

        Raises:
            NeuroScriptError: as the method of `Store` says that stands for it.
        """


@dataclass(slots=True)
class StartInstance(Change):
    """Start a live instance: `Store.start_instance`."""

    instance: AIWorkerInstance
    run_id: str = ""

    def touches(self, index: RecordIndex) -> tuple[str, ...]:
        return (self.instance.instance_id,)

    def plan(self, context: PlanContext) -> Plan:
        instance = self.instance
        if context.index.knows_instance(instance.instance_id):
            raise rules.known_instance(instance.instance_id)
        live = JournaledInstance(
            instance_id=instance.instance_id,
            definition_id=instance.definition_id,
            creation_timestamp=str(instance.creation_timestamp),
            initial_file_contexts=list(instance.active_file_contexts),
            owner=context.journals.own_name,
            usage=instance.session_token_usage.to_file(),
            scripts=instance.owner,
            run=self.run_id,
        )

        def apply(_place: Span) -> None:
            context.index.start(live)

        return Plan(line=journal_lines.start_line(live), journal=live.owner, about=live.instance_id, apply=apply)


@dataclass(slots=True)
class SetUsage(Change):
    """Note the token usage of a live instance: `Store.set_session_usage`."""

    instance_id: str
    usage: TokenUsageMetrics

    def touches(self, index: RecordIndex) -> tuple[str, ...]:
        return (self.instance_id,)

    def plan(self, context: PlanContext) -> Plan:
        live, usage = own_live(context, self.instance_id), self.usage.to_file()

        def apply(_place: Span) -> None:
            live.usage = usage

        line = journal_lines.usage_line(live.instance_id, usage)
        return Plan(line=line, journal=live.owner, about=live.instance_id, apply=apply)


class AddRecord(Change):
    """Log a task: `Store.add_record`.

    The line of a task of no known instance, which most are, is written when the change is made: then no other thread
    waits for that.

    Args:
        record: the task's.
        usage: the usage of its session with it; None for none.
        then: see `Store.add_record`.

    Raises:
        NeuroScriptError: 4 if the record cannot be stored so that it is read again.
    """

    def __init__(
        self, record: PerformanceRecord, usage: TokenUsageMetrics | None, then: Callable[[], object] | None = None
    ) -> None:
        self.then = then
        self._record = record
        self._usage = usage
        self._data, self._row = file_record(record)
        self._instance_id = record.instance_id or rules.new_stateless_id()
        self._entry_line = self._line_of_entry() if self._instance_id.startswith(STATELESS_PREFIX) else b""

    def touches(self, index: RecordIndex) -> tuple[str, ...]:
        return (self._instance_id, self._record.task_id)

    def plan(self, context: PlanContext) -> Plan:
        record, index, row = self._record, context.index, self._row
        if index.knows_task(record.task_id):
            raise rules.known_task(record.task_id)
        if not index.knows_instance(self._instance_id):
            indexed = IndexedEntry(self._instance_id, record.definition_id, [row])
            recovered = record.llm_metrics.get("lost") is True
            return Plan(self._entry_line or self._line_of_entry(), indexed, recovered=recovered)
        data, live = self._data, index.live(record.instance_id)
        usage = None if self._usage is None or live is None else self._usage.to_file()

        def apply(place: Span) -> None:
            index.add_record(record.instance_id, data, row, place)
            if live is not None and usage is not None:
                live.usage = usage

        line = journal_lines.record_line(record.instance_id, data, usage)
        name = journal_of(index, record.instance_id)
        return Plan(line=line, journal=name, about=record.instance_id, apply=apply)

    def _line_of_entry(self) -> bytes:
        """The line of the entry that stands for the task."""
        self._data["instance_id"] = self._instance_id
        return write_line(rules.task_entry(self._record, self._instance_id) | {"performance_records": [self._data]})


@dataclass(slots=True)
class AddFeedback(Change):
    """Attach feedback to a task: `Store.add_feedback`."""

    task_id: str
    feedback: SupervisorFeedback

    def touches(self, index: RecordIndex) -> tuple[str, ...]:
        place = index.find_task(self.task_id)
        return (self.task_id,) if place is None else (self.task_id, place.instance_id)

    def plan(self, context: PlanContext) -> Plan:
        index = context.index
        place = index.find_task(self.task_id)
        if place is None:
            raise rules.unknown_task(self.task_id)
        instance_id, ordinal = place.instance_id, place.ordinal
        changed = context.record(place) | {"supervisor_feedback": self.feedback.to_file()}
        row = record_row(changed)
        if row is None:
            raise out_of_bounds(self.task_id)
        return Plan(
            line=journal_lines.changed_line(instance_id, changed),
            journal=journal_of(index, instance_id),
            about=instance_id,
            apply=lambda place: index.replace_record(instance_id, ordinal, changed, row, place),
            result=PerformanceRecord.parse(changed),
        )


@dataclass(slots=True)
class RetireInstance(Change):
    """End a live instance and store it: `Store.retire_instance`."""

    instance_id: str
    final_status: AIWorkerInstanceStatus
    reason: str
    retired_at: Timestamp
    usage: TokenUsageMetrics | None
    records: Sequence[PerformanceRecord] | None
    is_resumed: bool = False

    def touches(self, index: RecordIndex) -> tuple[str, ...]:
        return (self.instance_id, *(record.task_id for record in self.records or ()))

    def plan(self, context: PlanContext) -> Plan:
        stored = context.stored(self.instance_id) if self.is_resumed else None
        if stored is None:
            live = own_live(context, self.instance_id)
            entry = entry_of(live, self.final_status, self.reason, self.retired_at)
        else:
            end = {"retirement_timestamp": str(self.retired_at), "final_status": self.final_status.value}
            entry = stored | end | {"retirement_reason": self.reason}
        if self.usage is not None:
            entry["session_token_usage"] = self.usage.to_file()
        if self.records is not None:
            rules.check_tasks(self.records, self._is_of_another(context.index))
            entry["performance_records"] = [file_record(record)[0] for record in self.records]
        result = RetiredInstanceInfo.parse(entry)
        return _stored(entry, rows_in(entry), result)

    def _is_of_another(self, index: RecordIndex) -> Callable[[str], bool]:
        def is_of_another(task_id: str) -> bool:
            place = index.find_task(task_id)
            return place is not None and place.instance_id != self.instance_id

        return is_of_another


def own_live(context: PlanContext, instance_id: str) -> JournaledInstance:
    """Find a live instance that this store owns.

    Raises:
        NeuroScriptError: 9 if there is none of that id, or another process holds it.
    """
    live = context.index.live(instance_id)
    if live is None or live.owner != context.journals.own_name:
        raise rules.not_live(instance_id, "is not live" if live is None else "is held by another process")
    return live


def journal_of(index: RecordIndex, instance_id: str) -> str:
    """The name of the journal for added and changed records of an instance, live or stored."""
    live = index.live(instance_id)
    return journal_lines.AMENDMENTS if live is None else live.owner


def file_record(record: PerformanceRecord) -> tuple[dict[str, Any], Row]:
    """Convert a record to the form of the files, and to its row in the index.

    Raises:
        NeuroScriptError: 4 if it has a key in two spellings, or a value that cannot be counted.
    """
    row = row_of(record)
    if row is None:
        raise rules.two_spellings(record.task_id) if has_two_spellings(record) else out_of_bounds(record.task_id)
    return record.to_file(), row


def out_of_bounds(task_id: str) -> NeuroScriptError:
    """Make error 4 for a record that cannot be stored so that it is read again."""
    message = (
        f"performance record of task {task_id[:60]!r}: a value cannot be stored: numbers must be finite, and ids text "
        "without halves of surrogate pairs"
    )
    return NeuroScriptError(ErrorCode.ARG_MISMATCH, message)


def entry_of(
    live: JournaledInstance, status: AIWorkerInstanceStatus, reason: str, retired_at: Timestamp
) -> dict[str, Any]:
    """Make the entry of a live instance that is retired."""
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
    return {key: value for key, value in entry.items() if value or key not in rules.LEFT_OUT}


def rows_in(entry: dict[str, Any]) -> list[Row]:
    """The rows of an entry in the form of the files."""
    return [row for record in entry["performance_records"] if (row := record_row(record)) is not None]


def recovered(live: JournaledInstance, now: Timestamp) -> tuple[IndexedEntry, bytes]:
    """Retire an instance whose process died: what the index keeps of its entry, and the line for the file."""
    if live.run:
        entry = entry_of(live, AIWorkerInstanceStatus.SUSPENDED, f"{SUSPENDED}: {live.run}", now)
    else:
        entry = entry_of(live, AIWorkerInstanceStatus.RETIRED_ERROR, RECOVERED, now)
    return IndexedEntry(live.instance_id, live.definition_id, rows_in(entry)), write_line(entry)
