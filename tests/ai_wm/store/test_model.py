"""Random sequences of operations, restarts and crashes included, against a model that keeps all in dictionaries."""

from __future__ import annotations

import math
import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from ai_wm.data.record_filter import RecordFilter
from ai_wm.data.types import AIWorkerInstanceStatus, PerformanceRecord, SupervisorFeedback, TokenUsageMetrics
from ai_wm.store import JsonStore
from neuroscript.errors import ConflictError, NotFoundError

from .support import Files, add, definitions, entries, record, reopened, retire, spawn, tasks, worker

DEFINITIONS = ["def-1", "def-2"]


class StoreMachine(RuleBasedStateMachine):
    """Two stores on one directory, as two processes would have it, and what should be in it."""

    def __init__(self) -> None:
        super().__init__()
        self.root = Path(tempfile.mkdtemp())
        self.directory = self.root / "0"
        self.stores: list[JsonStore] = []
        self.records: dict[str, PerformanceRecord] = {}
        self.holder: dict[str, str] = {}
        """The instance, or "" for a stateless task, of each task."""
        self.live: dict[str, int] = {}
        """Which of the stores holds each live instance."""
        self.ended: dict[str, str] = {}
        self.amending: set[str] = set()
        """The tasks logged for ended instances that the performance file may not hold yet."""
        self.count = 0

    @initialize()
    def begin(self) -> None:
        self.stores = [JsonStore(self.directory, files=Files()) for _ in range(2)]
        add(self.stores[0], *(worker(name, name) for name in DEFINITIONS))

    def teardown(self) -> None:
        for store in self.stores:
            store.close()
        for name in self.live:
            self.ended[name] = AIWorkerInstanceStatus.RETIRED_ERROR
        if self.directory.exists():
            last = JsonStore(self.directory, files=Files())
            last.close()
            assert sorted(tasks(self.directory)) == sorted(self.records)
            written = {
                one["definitionID"]: one.get("aggregatePerformanceSummary", {}) for one in definitions(self.directory)
            }
            for name in DEFINITIONS:
                mine = [one for one in self.records.values() if one.definition_id == name]
                assert written[name].get("total_tasks_attempted", 0) == len(mine)
        shutil.rmtree(self.root)

    def new(self, prefix: str) -> str:
        self.count += 1
        return f"{prefix}{self.count}"

    @rule(
        which=st.integers(0, 1),
        definition=st.sampled_from(DEFINITIONS),
        data=st.data(),
        success=st.booleans(),
        duration=st.integers(0, 10**6),
        cost=st.floats(0, 10),
        size=st.sampled_from([0, 0, 0, 700, 20_000]),
    )
    def log(
        self, which: int, definition: str, data: st.DataObject, success: bool, duration: int, cost: float, size: int
    ) -> None:
        instance = data.draw(st.sampled_from(["", *self.live, *self.ended]), label="instance")
        more = {"success": success, "duration_ms": duration, "cost_incurred": cost, "input_context": {"x": "y" * size}}
        made = record(self.new("t"), instance, definition, **more)
        self.stores[which].add_record(made)
        self.records[made.task_id], self.holder[made.task_id] = made, instance
        if instance in self.ended:
            self.amending.add(made.task_id)

    @precondition(lambda self: self.records)
    @rule(which=st.integers(0, 1), data=st.data())
    def log_again(self, which: int, data: st.DataObject) -> None:
        task = data.draw(st.sampled_from(sorted(self.records)))
        with pytest.raises(ConflictError):
            self.stores[which].add_record(record(task))

    @precondition(lambda self: self.records)
    @rule(which=st.integers(0, 1), data=st.data(), rating=st.floats(0, 5))
    def judge(self, which: int, data: st.DataObject, rating: float) -> None:
        task = data.draw(st.sampled_from(sorted(self.records)))
        feedback = SupervisorFeedback(rating=rating)
        given = self.stores[which].add_feedback(task, feedback)
        self.records[task] = self.records[task].model_copy(update={"supervisor_feedback": feedback})
        assert given == self.records[task]

    @rule(which=st.integers(0, 1), definition=st.sampled_from(DEFINITIONS))
    def start(self, which: int, definition: str) -> None:
        name = spawn(self.stores[which], self.new("i"), definition)
        self.live[name] = which

    @precondition(lambda self: self.live)
    @rule(data=st.data(), given=st.booleans())
    def end(self, data: st.DataObject, given: bool) -> None:
        name = data.draw(st.sampled_from(sorted(self.live)))
        mine = [task for task, holder in self.holder.items() if holder == name]
        more = {}
        if given:
            made = record(self.new("t"), name)
            for task in mine:
                del self.records[task], self.holder[task]
            self.records[made.task_id], self.holder[made.task_id] = made, name
            more = {"records": [made], "usage": TokenUsageMetrics(input_tokens=1)}
            mine = [made.task_id]
        info = retire(self.stores[self.live.pop(name)], name, **more)
        self.ended[name] = info.final_status
        assert [one.task_id for one in info.performance_records] == mine

    @precondition(lambda self: self.live)
    @rule(data=st.data())
    def end_from_the_other_process(self, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(sorted(self.live)))
        with pytest.raises(NotFoundError, match="held by another process"):
            retire(self.stores[1 - self.live[name]], name)

    @rule(which=st.integers(0, 1))
    def save(self, which: int) -> None:
        self.stores[which].save()
        self._tidied()

    def _tidied(self) -> None:
        """The performance file holds everything that is stored, and nothing twice."""
        self.amending.clear()
        found = {one["task_id"]: one for entry in entries(self.directory) for one in entry["performance_records"]}
        assert len(found) == len(tasks(self.directory))
        for task, holder in self.holder.items():
            if holder not in self.live:
                assert PerformanceRecord.parse(found.pop(task)) == self.records[task]
        assert not found

    @rule(which=st.integers(0, 1))
    def reload(self, which: int) -> None:
        self.stores[which].reload()

    @rule(which=st.integers(0, 1))
    def restart_one(self, which: int) -> None:
        self.stores[which].close()
        self.stores[which] = JsonStore(self.directory, files=Files())
        self._lost(which)
        self._tidied()

    @rule()
    def crash(self) -> None:
        """The machine stops: what is on the disk at this moment goes on elsewhere."""
        before, self.directory = self.directory, self.root / self.new("")
        first = reopened(before, self.directory)
        for store in self.stores:
            store.close()
        self.stores = [first, JsonStore(self.directory, files=Files())]
        self._lost(0)
        self._lost(1)
        self._tidied()

    def _lost(self, which: int) -> None:
        """The live instances of a process that ended are stored as errors."""
        for name in [name for name, holder in self.live.items() if holder == which]:
            del self.live[name]
            self.ended[name] = AIWorkerInstanceStatus.RETIRED_ERROR

    @invariant()
    def both_files_are_valid_and_complete(self) -> None:
        if not self.stores:
            return
        stored = {task for task, holder in self.holder.items() if holder not in self.live}
        assert stored - self.amending <= set(tasks(self.directory)) <= stored
        states = {one["instance_id"]: one["final_status"] for one in entries(self.directory)}
        assert {name: states.get(name) for name in self.ended} == self.ended

    @invariant()
    def both_stores_count_everything_once(self) -> None:
        for store in self.stores:
            for name in DEFINITIONS:
                mine = {task: one for task, one in self.records.items() if one.definition_id == name}
                found = store.summary(name)
                ratings = [one.supervisor_feedback.rating for one in mine.values() if one.supervisor_feedback]
                assert found.total_tasks_attempted == len(mine)
                assert found.successful_tasks == sum(one.success for one in mine.values())
                assert found.total_cost_incurred == math.fsum(one.cost_incurred for one in mine.values())
                assert found.average_duration_ms == sum(one.duration_ms for one in mine.values()) / max(1, len(mine))
                assert found.average_quality_score == pytest.approx(math.fsum(ratings) / max(1, len(ratings)))
                assert {one.task_id: one for one in store.records(name)} == mine
                slow = RecordFilter(duration_ms_gt=500_000, success=True)
                expected = {task for task, one in mine.items() if one.success and one.duration_ms > 500_000}
                assert {one["task_id"] for one in store.record_maps(name, slow)} == expected
            assert sum(store.summary(name).active_instances_count for name in DEFINITIONS) == len(self.live)
            assert sum(store.summary(name).total_instances_spawned for name in DEFINITIONS) == len(self.live) + len(
                self.ended
            )


checks = [HealthCheck.too_slow, HealthCheck.filter_too_much]
TestStore = StoreMachine.TestCase
TestStore.settings = settings(max_examples=25, stateful_step_count=25, deadline=None, suppress_health_check=checks)


@pytest.mark.slow
class TestStoreAtLength(StoreMachine.TestCase):  # type: ignore[name-defined,misc]
    """The same for longer."""

    settings = settings(max_examples=400, stateful_step_count=50, deadline=None, suppress_health_check=checks)
