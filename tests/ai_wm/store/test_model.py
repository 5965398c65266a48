"""Random sequences of operations on every kind of store, against a model that keeps all in dictionaries.

Of the store in files there are two on one directory, as two processes would have it; restarts and crashes are among
the operations there, and the files are looked at after each.
"""

from __future__ import annotations

import math
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from ai_wm.data.record_filter import RecordFilter
from ai_wm.data.types import (
    AIWorkerInstance,
    AIWorkerInstanceStatus,
    PerformanceRecord,
    RetiredInstanceInfo,
    SupervisorFeedback,
    Timestamp,
    TokenUsageMetrics,
)
from ai_wm.store import JsonStore, Store, engine, filling
from ai_wm.store.changes import RECOVERED
from ai_wm.store.index_directory import INDEX_DIRECTORY
from ai_wm.store.state_directory import STATE_DIRECTORY
from neuroscript.errors import ConflictError, NotFoundError

from .support import NOON, add, definitions, entries, open_store, record, reopened, retire, tasks, worker

DEFINITIONS = ["def-1", "def-2"]
EAGER = 10**9
"""Anything wasted is more than one part in so many."""
DONE = AIWorkerInstanceStatus.RETIRED_COMPLETED
ERROR = AIWorkerInstanceStatus.RETIRED_ERROR


@dataclass
class Session:
    """What should be known of an instance, or of a task that is an entry of its own."""

    definition_id: str
    usage: TokenUsageMetrics = field(default_factory=TokenUsageMetrics)
    files: list[str] = field(default_factory=list)
    tasks: list[str] = field(default_factory=list)
    end: tuple[AIWorkerInstanceStatus, str] | None = None


def usages() -> st.SearchStrategy[TokenUsageMetrics]:
    return st.builds(TokenUsageMetrics, input_tokens=st.integers(0, 9), total_tokens=st.integers(0, 9))


class StoreMachine(RuleBasedStateMachine):
    """What every store does."""

    kind = "memory"

    def __init__(self) -> None:
        super().__init__()
        self.root = Path(tempfile.mkdtemp())
        self.directory = self.root / "0"
        self.stores: list[Store] = []
        self.records: dict[str, PerformanceRecord] = {}
        self.sessions: dict[str, Session] = {}
        """By instance id, the retired ones in the order in which they were stored."""
        self.owner: dict[str, int] = {}
        """Which of the stores each live instance belongs to."""
        self.count = 0

    @initialize()
    def begin(self) -> None:
        first = open_store(self.kind, self.directory)
        self.stores = [first, first if self.kind == "memory" else open_store(self.kind, self.directory)]
        add(self.stores[0], *(worker(name, name) for name in DEFINITIONS))

    def teardown(self) -> None:
        for store in self.stores:
            store.close()
        shutil.rmtree(self.root)

    def new(self, prefix: str) -> str:
        self.count += 1
        return f"{prefix}{self.count}"

    def some_task(self, data: st.DataObject) -> str:
        return data.draw(st.sampled_from(sorted(self.records)), label="task")

    def some_live(self, data: st.DataObject) -> str:
        return data.draw(st.sampled_from(sorted(self.owner)), label="live instance")

    # Operations

    @rule(
        which=st.integers(0, 1),
        definition=st.sampled_from(DEFINITIONS),
        data=st.data(),
        second=st.integers(0, 3),
        success=st.booleans(),
        duration=st.integers(0, 10**6),
        cost=st.floats(0, 10),
        size=st.sampled_from([0, 0, 0, 700, 20_000]),
        usage=st.none() | usages(),
        unknown=st.sampled_from([{}, {}, {"novel": {"kept": [1.5, None]}}]),
    )
    def log(
        self,
        which: int,
        definition: str,
        data: st.DataObject,
        second: int,
        success: bool,
        duration: int,
        cost: float,
        size: int,
        usage: TokenUsageMetrics | None,
        unknown: dict[str, Any],
    ) -> None:
        instance = data.draw(st.sampled_from(["", "elsewhere", *self.sessions]), label="instance")
        made = record(
            self.new("t"),
            instance,
            definition,
            timestamp_start=Timestamp.from_unix(NOON + second),
            success=success,
            duration_ms=duration,
            cost_incurred=cost,
            input_context={"x": "y" * size} if size else {},
            **unknown,
        )
        self.stores[which].add_record(made, usage)
        session = self.sessions.get(made.instance_id)
        if session is None:
            reason = "task logged" if instance else "stateless task"
            used = TokenUsageMetrics(input_tokens=2, output_tokens=1, total_tokens=3)
            session = Session(definition, used, end=(DONE if success else ERROR, reason))
            self.sessions[made.instance_id] = session
        elif usage is not None and session.end is None:
            session.usage = usage
        session.tasks.append(made.task_id)
        self.records[made.task_id] = made

    @precondition(lambda self: self.records)
    @rule(which=st.integers(0, 1), data=st.data())
    def log_again(self, which: int, data: st.DataObject) -> None:
        with pytest.raises(ConflictError, match="there is a record of task"):
            self.stores[which].add_record(record(self.some_task(data)))

    @precondition(lambda self: self.records)
    @rule(which=st.integers(0, 1), data=st.data(), rating=st.floats(0, 5))
    def judge(self, which: int, data: st.DataObject, rating: float) -> None:
        task = self.some_task(data)
        feedback = SupervisorFeedback(rating=rating)
        given = self.stores[which].add_feedback(task, feedback)
        self.records[task] = self.records[task].model_copy(update={"supervisor_feedback": feedback})
        assert given == self.records[task]

    @rule(which=st.integers(0, 1))
    def judge_what_is_unknown(self, which: int) -> None:
        with pytest.raises(NotFoundError, match="there is no record of a task 'unknown'"):
            self.stores[which].add_feedback("unknown", SupervisorFeedback())

    @rule(which=st.integers(0, 1), definition=st.sampled_from(DEFINITIONS), files=st.sampled_from([[], ["a", "b"]]))
    def start(self, which: int, definition: str, files: list[str]) -> None:
        name = self.new("i")
        self.stores[which].start_instance(
            AIWorkerInstance(
                instance_id=name,
                definition_id=definition,
                creation_timestamp=Timestamp.from_unix(NOON),
                active_file_contexts=files,
            )
        )
        self.sessions[name], self.owner[name] = Session(definition, files=files), which

    @precondition(lambda self: self.sessions)
    @rule(which=st.integers(0, 1), data=st.data())
    def start_again(self, which: int, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(sorted(self.sessions)))
        with pytest.raises(ConflictError, match="there is an instance"):
            self.stores[which].start_instance(AIWorkerInstance(instance_id=name, definition_id="def-1"))

    @precondition(lambda self: self.owner)
    @rule(data=st.data(), usage=usages())
    def use(self, data: st.DataObject, usage: TokenUsageMetrics) -> None:
        name = self.some_live(data)
        self.stores[self.owner[name]].set_session_usage(name, usage)
        self.sessions[name].usage = usage

    @precondition(lambda self: self.owner)
    @rule(data=st.data(), given_records=st.booleans(), usage=st.none() | usages())
    def end(self, data: st.DataObject, given_records: bool, usage: TokenUsageMetrics | None) -> None:
        name = self.some_live(data)
        session = self.sessions[name]
        given = [record(self.new("t"), name), record(self.new("t"), "elsewhere")] if given_records else None
        info = retire(self.stores[self.owner.pop(name)], name, usage=usage, records=given)
        if given is not None:
            for task in session.tasks:
                del self.records[task]
            session.tasks = [one.task_id for one in given]
            self.records |= {one.task_id: one for one in given}
        session.usage = usage or session.usage
        self.ended(name, DONE, "done")
        assert info == self.entry(name)

    def ended(self, name: str, status: AIWorkerInstanceStatus, reason: str) -> None:
        """An instance was stored; it comes last."""
        self.sessions[name].end = (status, reason)
        self.sessions[name] = self.sessions.pop(name)

    @precondition(lambda self: self.owner and self.records)
    @rule(data=st.data())
    def end_with_records_of_others(self, data: st.DataObject) -> None:
        name = self.some_live(data)
        others = sorted(self.records.keys() - set(self.sessions[name].tasks))
        given = [record("same", name)] * 2 if not others else [record(data.draw(st.sampled_from(others)), name)]
        with pytest.raises(ConflictError, match="there is a record of task"):
            retire(self.stores[self.owner[name]], name, records=given)

    @precondition(lambda self: self.sessions.keys() - self.owner.keys())
    @rule(which=st.integers(0, 1), data=st.data())
    def end_what_is_over(self, which: int, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(sorted(self.sessions.keys() - self.owner.keys())))
        with pytest.raises(NotFoundError, match="is not live"):
            retire(self.stores[which], name)

    @rule(which=st.integers(0, 1))
    def save(self, which: int) -> None:
        self.stores[which].save()

    @rule(which=st.integers(0, 1))
    def reload(self, which: int) -> None:
        self.stores[which].reload()

    # What must be true after each

    def entry(self, name: str) -> RetiredInstanceInfo:
        """What should be stored of an instance."""
        session = self.sessions[name]
        assert session.end is not None
        records = [self.records[task] for task in session.tasks]
        alone = session.end[1] in ("task logged", "stateless task")
        return RetiredInstanceInfo(
            instance_id=name,
            definition_id=session.definition_id,
            creation_timestamp=records[0].timestamp_start if alone else Timestamp.from_unix(NOON),
            retirement_timestamp=records[0].timestamp_end if alone else Timestamp.from_unix(NOON + 60),
            final_status=session.end[0],
            retirement_reason=session.end[1],
            session_token_usage=session.usage,
            initial_file_contexts=session.files,
            performance_records=records,
        )

    def stored(self) -> Iterator[RetiredInstanceInfo]:
        return (self.entry(name) for name, session in self.sessions.items() if session.end is not None)

    @invariant()
    def entries_are_as_they_were_stored(self) -> None:
        for store in self.stores:
            assert list(store.entries()) == list(self.stored())
            for name, session in self.sessions.items():
                assert store.instance_records(name) == [self.records[task] for task in session.tasks]

    @invariant()
    def queries_find_what_they_should(self) -> None:
        for store in self.stores:
            for name in DEFINITIONS:
                mine = {task: one for task, one in self.records.items() if one.definition_id == name}
                found, maps = store.records(name), store.record_maps(name)
                assert {one.task_id: one for one in found} == mine
                assert maps == [one.to_script() for one in found]
                starts = [one.timestamp_start for one in found]
                assert starts == sorted(starts, reverse=True)
                slow = RecordFilter(duration_ms_gt=500_000, success=True)
                expected = {task for task, one in mine.items() if one.success and one.duration_ms > 500_000}
                assert {one["task_id"] for one in store.record_maps(name, slow)} == expected
                alone = {task for key, one in self.sessions.items() if key.startswith("s") for task in one.tasks}
                stateless = RecordFilter(stateless=True)
                assert {one.task_id for one in store.records(name, stateless)} == alone & mine.keys()
                for instance, session in self.sessions.items():
                    its = store.records(name, RecordFilter(instance_id=instance))
                    assert {one.task_id for one in its} == set(session.tasks) & mine.keys()

    @invariant()
    def everything_counts_once(self) -> None:
        for store in self.stores:
            for name in DEFINITIONS:
                mine = [one for one in self.records.values() if one.definition_id == name]
                instances = [key for key, one in self.sessions.items() if one.definition_id == name and key[0] != "s"]
                found = store.summary(name)
                ratings = [one.supervisor_feedback.rating for one in mine if one.supervisor_feedback]
                assert found.total_tasks_attempted == len(mine)
                assert found.successful_tasks == sum(one.success for one in mine)
                assert found.total_cost_incurred == math.fsum(one.cost_incurred for one in mine)
                assert found.average_duration_ms == sum(one.duration_ms for one in mine) / max(1, len(mine))
                assert found.average_quality_score == pytest.approx(math.fsum(ratings) / max(1, len(ratings)))
                assert found.total_instances_spawned == len(instances)
                assert found.active_instances_count == sum(key in self.owner for key in instances)


class JsonStoreMachine(StoreMachine):
    """What the store in files does besides."""

    kind = "json"
    limits = engine.WASTE_SHARE, engine.MOVE_ROWS, filling.MOST_IN_MEMORY

    @initialize(
        share=st.sampled_from([engine.WASTE_SHARE, EAGER]),
        rows=st.sampled_from([1, 5]),
        most=st.sampled_from([1, 3, 99]),
    )
    def begin(self, share: int, rows: int, most: int) -> None:
        """The index is on disk from the beginning, and filled in pieces of some size."""
        engine.WASTE_SHARE, engine.MOVE_ROWS, filling.MOST_IN_MEMORY = share, rows, most  # type: ignore[misc]
        super().begin()

    def teardown(self) -> None:
        try:
            self.end_all()
        finally:
            engine.WASTE_SHARE, engine.MOVE_ROWS, filling.MOST_IN_MEMORY = self.limits  # type: ignore[misc]
            super().teardown()

    def end_all(self) -> None:
        for store in self.stores:
            store.close()
        if self.directory.exists():
            last = open_store(self.kind, self.directory)
            if engine.WASTE_SHARE == EAGER:
                last.save()
                assert sorted(tasks(self.directory)) == sorted(self.records)
            assert {one.task_id for name in DEFINITIONS for one in last.records(name)} == self.records.keys()
            last.close()
            written = {
                one["definitionID"]: one.get("aggregatePerformanceSummary", {}) for one in definitions(self.directory)
            }
            for name in DEFINITIONS:
                mine = [one for one in self.records.values() if one.definition_id == name]
                assert written[name].get("total_tasks_attempted", 0) == len(mine)

    @precondition(lambda self: self.owner)
    @rule(data=st.data())
    def end_from_the_other_process(self, data: st.DataObject) -> None:
        name = self.some_live(data)
        with pytest.raises(NotFoundError, match="held by another process"):
            retire(self.stores[1 - self.owner[name]], name)

    @rule(which=st.integers(0, 1))
    def save(self, which: int) -> None:
        super().save(which)
        self.tidied()

    @rule(which=st.integers(0, 1))
    def restart_one(self, which: int) -> None:
        self.stores[which].close()
        self.stores[which] = open_store(self.kind, self.directory)
        self.recovered(which)

    @rule(which=st.integers(0, 1))
    def flush(self, which: int) -> None:
        """What the timer does."""
        flushed = self.stores[which]
        assert isinstance(flushed, JsonStore)
        flushed._flush()

    @rule(whole=st.booleans())
    def lose_the_index(self, whole: bool) -> None:
        """Somebody removes the index on disk while it is in use."""
        place = self.directory / STATE_DIRECTORY / INDEX_DIRECTORY
        for path in place.glob("*.sqlite3"):
            path.unlink()
        if whole:
            shutil.rmtree(place, ignore_errors=True)

    @rule()
    def damage_the_index(self) -> None:
        """Somebody writes into the index on disk while it is not in use."""
        for store in self.stores:
            store.close()
        for path in (self.directory / STATE_DIRECTORY / INDEX_DIRECTORY).glob("*.sqlite3"):
            path.write_bytes(path.read_bytes()[:-1000].replace(b"stateless", b"stateful!"))
        self.stores = [open_store(self.kind, self.directory) for _ in range(2)]
        self.recovered(0, 1)

    @rule()
    def crash(self) -> None:
        """The machine stops: what is on the disk at this moment goes on elsewhere."""
        before, self.directory = self.directory, self.root / self.new("")
        first = reopened(before, self.directory)
        for store in self.stores:
            store.close()
        self.stores = [first, open_store(self.kind, self.directory)]
        self.recovered(0, 1)

    def recovered(self, *which: int) -> None:
        """The live instances of processes that ended are stored as errors."""
        lost = {name for name, owner in self.owner.items() if owner in which}
        for name in [entry.instance_id for entry in self.stores[0].entries() if entry.instance_id in lost]:
            del self.owner[name]
            lost.remove(name)
            self.ended(name, ERROR, RECOVERED)
        assert not lost
        self.tidied()

    def entry(self, name: str) -> RetiredInstanceInfo:
        expected = super().entry(name)
        if expected.retirement_reason != RECOVERED:
            return expected
        # The moment is that of the restart.
        found = next(entry for entry in self.stores[0].entries() if entry.instance_id == name)
        return expected.model_copy(update={"retirement_timestamp": found.retirement_timestamp})

    def tidied(self) -> None:
        """The performance file holds everything that is stored, and nothing twice, if nothing may be wasted."""
        if engine.WASTE_SHARE == EAGER:
            assert [RetiredInstanceInfo.parse(entry) for entry in entries(self.directory)] == list(self.stored())

    @invariant()
    def both_files_are_valid(self) -> None:
        if self.stores:
            expected = [entry.instance_id for entry in self.stored()]
            assert list(dict.fromkeys(entry["instance_id"] for entry in entries(self.directory))) == expected
            assert set(tasks(self.directory)) <= self.records.keys()


checks = [HealthCheck.too_slow, HealthCheck.filter_too_much]
short = settings(max_examples=25, stateful_step_count=25, deadline=None, suppress_health_check=checks)
long = settings(max_examples=400, stateful_step_count=50, deadline=None, suppress_health_check=checks)

TestMemoryStore = StoreMachine.TestCase
TestMemoryStore.settings = short
TestJsonStore = JsonStoreMachine.TestCase
TestJsonStore.settings = short


@pytest.mark.slow
class TestMemoryStoreAtLength(StoreMachine.TestCase):  # type: ignore[name-defined,misc]
    """The same for longer."""

    settings = long


@pytest.mark.slow
class TestJsonStoreAtLength(JsonStoreMachine.TestCase):  # type: ignore[name-defined,misc]
    """The same for longer."""

    settings = long
