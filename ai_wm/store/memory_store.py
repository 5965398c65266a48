"""The store of a manager without a directory: everything is in memory."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field
from threading import RLock
from typing import Any

from ai_wm.data.record_filter import RecordFilter
from ai_wm.data.totals import to_nanoseconds
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
from ai_wm.store import rules
from ai_wm.store.base import T
from ai_wm.store.definition_table import DefinitionChanges, DefinitionTable
from ai_wm.store.memory_accounts import Account
from ai_wm.store.removed_definitions import RemovedDefinition, in_order, notes_on
from ai_wm.store.rows import Row, has_two_spellings, row_of
from neuroscript import ErrorCode, NeuroScriptError


@dataclass(slots=True)
class _Session:
    """An instance, live or retired; a task of none is one that was retired at once.

    ``tasks`` are the ids of its records, in the order logged.  ``end`` holds the fields of its entry apart from the
    records, or the task that it stands for; None while it lives.
    """

    definition_id: str
    created: Timestamp
    files: list[str] = field(default_factory=list)
    usage: TokenUsageMetrics = field(default_factory=TokenUsageMetrics)
    tasks: list[str] = field(default_factory=list)
    end: dict[str, Any] | PerformanceRecord | None = None
    owner: str = ""


class MemoryStore:
    """A `Store` of this process alone, which ends with it.

    It keeps the very records that it is given, and gives copies of them.
    """

    def __init__(self) -> None:
        self._lock = RLock()
        self._closed = False
        self._torn = False
        """Whether a change was begun and not ended, as an interrupt leaves it."""
        self._definitions = DefinitionTable()
        self._removed: list[RemovedDefinition] = []
        self._sessions: dict[str, _Session] = {}
        self._records: dict[str, PerformanceRecord] = {}
        self._holders: dict[str, str] = {}
        """The session that each task is in."""
        self._accounts: defaultdict[str, Account] = defaultdict(Account)

    # Definitions

    def definitions(self) -> Mapping[str, AIWorkerDefinition]:
        """Every definition by id; see `Store.definitions`."""
        self._check()
        return self._definitions

    def change_definitions(self, change: Callable[[MutableMapping[str, AIWorkerDefinition]], T]) -> T:
        """Change definitions in one step; see `Store.change_definitions`."""
        with self._lock:
            self._ready()
            after = DefinitionChanges(self._definitions)
            result = change(after)
            made = after.made()
            self._removed += notes_on(made, lambda each: self._accounts[each].tasks, time.time())
            for definition_id, _, new in made:
                if new is None:
                    self._definitions.remove(definition_id)
                else:
                    summary = {"aggregate_performance_summary": self.summary(definition_id)}
                    self._definitions.put(definition_id, new.model_copy(update=summary))
            return result

    # Live instances

    def start_instance(self, instance: AIWorkerInstance, run_id: str = "") -> None:
        """Note that an instance was spawned; see `Store.start_instance`."""
        with self._lock:
            self._ready()
            if instance.instance_id in self._sessions:
                raise rules.known_instance(instance.instance_id)
            session = _Session(
                instance.definition_id,
                instance.creation_timestamp,
                list(instance.active_file_contexts),
                instance.session_token_usage,
                owner=instance.owner,
            )
            self._torn = True
            self._sessions[instance.instance_id] = session
            account = self._accounts[instance.definition_id]
            account.active += 1
            account.spawned += _is_spawned(instance.instance_id)
            self._torn = False

    def set_session_usage(self, instance_id: str, usage: TokenUsageMetrics) -> None:
        """Note the token usage of a live instance; see `Store.set_session_usage`."""
        with self._lock:
            self._ready()
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
        is_resumed: bool = False,
    ) -> RetiredInstanceInfo:
        """End a live instance and store it as an entry; see `Store.retire_instance`."""
        with self._lock:
            self._ready()
            session = self._live(instance_id)
            if records is not None:
                self._check_replacement(session, records)
            entry = {
                "instance_id": instance_id,
                "definition_id": session.definition_id,
                "creation_timestamp": session.created,
                "retirement_timestamp": retired_at,
                "final_status": final_status,
                "retirement_reason": reason,
                "session_token_usage": session.usage if usage is None else usage,
                "initial_file_contexts": session.files,
                "owner": session.owner,
            }
            end = {key: value for key, value in entry.items() if value or key not in rules.LEFT_OUT}
            self._torn = True
            if records is not None:
                self._replace(instance_id, session, records)
            session.end = end
            # It comes last now, as in a file, whenever it was started.
            self._sessions |= {instance_id: self._sessions.pop(instance_id)}
            self._accounts[session.definition_id].active -= 1
            self._torn = False
            return self._info(session, end)

    # Records

    def add_record(
        self,
        record: PerformanceRecord,
        usage: TokenUsageMetrics | None = None,
        *,
        then: Callable[[], object] | None = None,
    ) -> None:
        """Store the record of one task; see `Store.add_record`.  There is no disk to wait for."""
        self._add(record, usage)
        if then is not None:
            then()

    def _add(self, record: PerformanceRecord, usage: TokenUsageMetrics | None) -> None:
        with self._lock:
            self._ready()
            if record.unknown and has_two_spellings(record):
                raise rules.two_spellings(record.task_id)
            if record.task_id in self._records:
                raise rules.known_task(record.task_id)
            session = self._sessions.get(record.instance_id)
            if session is None:
                if not record.instance_id:
                    record = record.model_copy(update={"instance_id": rules.new_stateless_id()})
                session = _Session(record.definition_id, record.timestamp_start, end=record)
                self._torn = True
                self._sessions[record.instance_id] = session
                self._accounts[record.definition_id].spawned += _is_spawned(record.instance_id)
            self._torn = True
            if usage is not None and session.end is None:
                session.usage = usage
            self._put(record.instance_id, session, record)
            self._torn = False

    def add_feedback(self, task_id: str, feedback: SupervisorFeedback) -> PerformanceRecord:
        """Attach feedback to the record of a task; see `Store.add_feedback`."""
        with self._lock:
            self._ready()
            record = self._records.get(task_id)
            if record is None:
                raise rules.unknown_task(task_id)
            judged = record.model_copy(update={"supervisor_feedback": feedback})
            self._torn = True
            self._records[task_id] = judged
            self._accounts[record.definition_id].judge(record, feedback)
            self._torn = False
            return judged.model_copy(deep=True)

    def record(self, task_id: str) -> PerformanceRecord | None:
        """The record of a task; see `Store.record`."""
        self._check()
        record = self._records.get(task_id)
        return None if record is None else record.model_copy(deep=True)

    def records(self, definition_id: str, where: RecordFilter | None = None) -> list[PerformanceRecord]:
        """The records of a definition, newest first; see `Store.records`."""
        return [record.model_copy(deep=True) for record in self._select(definition_id, where)]

    def record_maps(self, definition_id: str, where: RecordFilter | None = None) -> list[dict[str, Any]]:
        """The records of a definition as scripts see them; see `Store.record_maps`."""
        return [record.to_script() for record in self._select(definition_id, where)]

    def rows(self, definition_id: str, where: RecordFilter | None = None) -> list[Row]:
        """The figures of the records of a definition; see `Store.rows`."""
        return [row for record in self._select(definition_id, where) if (row := row_of(record)) is not None]

    def removed(self) -> list[RemovedDefinition]:
        """The removed definitions that have records; see `Store.removed`."""
        with self._lock:
            self._ready()
            recorded = {record.definition_id for record in self._records.values()}
            return in_order(self._removed, recorded, self._definitions)

    def instance_records(self, instance_id: str) -> list[PerformanceRecord]:
        """The records of one instance in the order logged; see `Store.instance_records`."""
        with self._lock:
            self._ready()
            session = self._sessions.get(instance_id)
            return [] if session is None else self._records_of(session)

    def entries(self) -> Iterator[RetiredInstanceInfo]:
        """Every stored entry, oldest first; see `Store.entries`."""
        with self._lock:
            self._ready()
            stored = [self._info(each, each.end) for each in self._sessions.values() if each.end is not None]
        return iter(stored)

    def summary(self, definition_id: str) -> AIWorkerPerformanceSummary:
        """Add up the tasks of a definition; see `Store.summary`."""
        with self._lock:
            self._ready()
            account = self._accounts.get(definition_id) or Account()
            self._torn = True
            summary = account.summary(self._records)
            self._torn = False
            return summary

    # The whole

    def sync(self) -> None:
        """There is no disk to wait for; see `Store.sync`."""

    def reload(self) -> None:
        """Do nothing: there is no file to read again."""
        self._check()

    def save(self) -> None:
        """Do nothing: there is no file to write."""
        self._check()

    def close(self) -> None:
        """Refuse everything from now on."""
        self._closed = True

    # Inside

    def _check(self) -> None:
        if self._closed:
            raise NeuroScriptError(ErrorCode.PRECONDITION_FAILED, "the store in memory is closed")

    def _ready(self) -> None:
        """Make sure that the store, whose lock is held, is open and in order."""
        self._check()
        if self._torn:
            self._mend()

    def _live(self, instance_id: str) -> _Session:
        session = self._sessions.get(instance_id)
        if session is None or session.end is not None:
            raise rules.not_live(instance_id)
        return session

    def _put(self, instance_id: str, session: _Session, record: PerformanceRecord) -> None:
        task_id = record.task_id
        self._holders[task_id] = instance_id
        self._records[task_id] = record  # from here on it is there, whatever comes between
        session.tasks.append(task_id)
        self._accounts[record.definition_id].add(task_id)

    def _check_replacement(self, session: _Session, records: Sequence[PerformanceRecord]) -> None:
        """Make sure that records may come in the place of a session's."""
        own = set(session.tasks)
        rules.check_tasks(records, lambda task: task in self._records and task not in own)
        for record in records:
            if has_two_spellings(record):
                raise rules.two_spellings(record.task_id)

    def _replace(self, instance_id: str, session: _Session, records: Sequence[PerformanceRecord]) -> None:
        for task_id in session.tasks:
            record = self._records.pop(task_id)
            del self._holders[task_id]
            self._accounts[record.definition_id].take_out(record)
        session.tasks.clear()
        for record in records:
            self._put(instance_id, session, record)

    def _mend(self) -> None:
        """Put everything that follows from the records and the sessions in order, after a change was broken off."""
        self._accounts = defaultdict(Account)
        self._holders = {task: holder for task, holder in self._holders.items() if task in self._records}
        sessions: dict[str, _Session] = {}
        tasks: defaultdict[str, list[str]] = defaultdict(list)
        for task, record in self._records.items():
            tasks[self._holders[task]].append(task)
            self._accounts[record.definition_id].add(task)
        for name, session in self._sessions.items():
            session.tasks = tasks[name]
            if session.tasks or not isinstance(session.end, PerformanceRecord):
                sessions[name] = session
                account = self._accounts[session.definition_id]
                account.spawned += _is_spawned(name)
                account.active += session.end is None
        self._sessions, self._torn = sessions, False

    def _records_of(self, session: _Session) -> list[PerformanceRecord]:
        return [self._records[task].model_copy(deep=True) for task in session.tasks]

    def _info(self, session: _Session, end: dict[str, Any] | PerformanceRecord) -> RetiredInstanceInfo:
        entry = end if isinstance(end, dict) else rules.task_entry(end, end.instance_id)
        return RetiredInstanceInfo(**entry, performance_records=self._records_of(session))

    def _select(self, definition_id: str, where: RecordFilter | None) -> list[PerformanceRecord]:
        wanted = where or RecordFilter()
        with self._lock:
            self._ready()
            account = self._accounts.get(definition_id) or Account()
            mine = [(self._records[task], self._holders[task]) for task in account.tasks]
        found = [record for record, holder in reversed(mine) if _passes(record, holder, wanted)]
        found.sort(key=lambda record: record.timestamp_start, reverse=True)
        return found if wanted.limit is None else found[: wanted.limit]


def _is_spawned(instance_id: str) -> bool:
    """Whether an entry of that id counts as an instance."""
    return not instance_id.startswith(STATELESS_PREFIX)


def _passes(record: PerformanceRecord, holder: str, where: RecordFilter) -> bool:
    start = to_nanoseconds(record.timestamp_start)
    return (
        (where.owners is None or record.owner in where.owners)
        and (where.task_id is None or record.task_id == where.task_id)
        and (where.instance_id is None or holder == where.instance_id)
        and (where.stateless is None or holder.startswith(STATELESS_PREFIX) == where.stateless)
        and (where.success is None or record.success == where.success)
        and (where.duration_ms_gt is None or record.duration_ms > where.duration_ms_gt)
        and (where.duration_ms_lt is None or record.duration_ms < where.duration_ms_lt)
        and (where.cost_incurred_gt is None or record.cost_incurred > where.cost_incurred_gt)
        and (where.cost_incurred_lt is None or record.cost_incurred < where.cost_incurred_lt)
        and (where.since is None or start >= where.since)
        and (where.until is None or start <= where.until)
    )
