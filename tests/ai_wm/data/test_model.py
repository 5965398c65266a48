"""The manager against a simple model of the design document, driven by random sequences of operations."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)

from ai_wm import AIWorkerManager
from tests.ai_wm.helpers import FakeClock, raises_code, scripted

NAMES = st.sampled_from(["a", "b", "c"])
STATES = st.sampled_from(["active", "active", "active", "disabled", "archived"])
LIMITS = st.sampled_from([0, 0, 1, 3])
# Replies in turn: the model knows from the number of calls in a session what comes next.
REPLIES: list[Any] = ["one two", {"error": {"code": 16, "message": "down"}}, "three"]
STEP = 7.0
"""Seconds by which time moves: 60 is no multiple of it, so no request is ever exactly a minute old."""


@dataclass
class Task:
    success: bool
    instance: str
    rating: float | None = None


@dataclass
class Worker:
    """What the model knows of a definition."""

    name: str
    status: str
    per_minute: int
    instances: int
    spawned: int = 0
    tasks: dict[str, Task] = field(default_factory=dict)
    requests: list[float] = field(default_factory=list)
    stateless_calls: int = 0


@dataclass
class Live:
    """What the model knows of an instance."""

    worker: str
    calls: int = 0
    history: int = 0


class ManagerMachine(RuleBasedStateMachine):
    """Runs the same operations on a manager and on the model."""

    ids = Bundle("ids")
    instances = Bundle("instances")
    tasks = Bundle("tasks")

    @initialize()
    def start(self) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="ai_wm-model-"))
        self.clock = FakeClock()
        self.workers: dict[str, Worker] = {}
        self.live: dict[str, Live] = {}
        self.retired: set[str] = set()
        self.removed: list[str] = []
        self.manager = AIWorkerManager(self.directory, clock=self.clock)

    def teardown(self) -> None:
        if hasattr(self, "manager"):
            self.manager.close()
            shutil.rmtree(self.directory)

    # --- definitions ---

    def _unused(self, name: str) -> str:
        """A name that no removed definition had: the limits of one that is added again go on from what it used."""
        return name + "'" * sum(removed.rstrip("'") == name for removed in self.removed)

    def _taken(self, name: str, but: str = "") -> bool:
        return any(
            worker.name == name and worker.status != "archived" for id_, worker in self.workers.items() if id_ != but
        )

    @rule(target=ids, name=NAMES, status=STATES, per_minute=LIMITS, instances=LIMITS)
    def add(self, name: str, status: str, per_minute: int, instances: int) -> Any:
        name = self._unused(name)
        limits = {"max_requests_per_minute": per_minute, "max_concurrent_active_instances": instances}
        data = scripted(name, REPLIES, status=status, rate_limits=limits, cost_metrics={"cost_per_call": 0.25})
        if status != "archived" and self._taken(name):
            with raises_code(42):
                self.manager.add_worker_definition(data)
            return multiple()
        id_ = self.manager.add_worker_definition(data)
        self.workers[id_] = Worker(name, status, per_minute, instances)
        return id_

    @rule(id_=ids, name=NAMES, status=STATES)
    def update(self, id_: str, name: str, status: str) -> None:
        name = self._unused(name)
        updates = {"name": name, "status": status}
        if id_ not in self.workers:
            expected = 9
        elif status != "archived" and self._taken(name, but=id_):
            expected = 42
        else:
            self.manager.update_worker_definition(id_, updates)
            self.workers[id_].name, self.workers[id_].status = name, status
            return
        with raises_code(expected):
            self.manager.update_worker_definition(id_, updates)

    @rule(id_=consumes(ids))
    def remove(self, id_: str) -> None:
        if id_ not in self.workers:
            expected = 9
        elif any(live.worker == id_ for live in self.live.values()):
            expected = 19
        else:
            self.manager.remove_worker_definition(id_)
            self.removed.append(self.workers.pop(id_).name)
            return
        with raises_code(expected):
            self.manager.remove_worker_definition(id_)

    # --- instances ---

    @rule(target=instances, id_=ids)
    def spawn(self, id_: str) -> Any:
        worker = self.workers.get(id_)
        active = sum(live.worker == id_ for live in self.live.values())
        if worker is None or worker.status != "active" or (worker.instances and active >= worker.instances):
            with raises_code(9 if worker is None else 19 if worker.status != "active" else 20):
                self.manager.spawn_worker_instance(id_)
            return multiple()
        worker.spawned += 1
        instance = self.manager.spawn_worker_instance(id_).instance_id
        self.live[instance] = Live(id_)
        return instance

    def _room(self, worker: Worker) -> bool:
        recent = [moment for moment in worker.requests if moment > self.clock.seconds - 60]
        return not worker.per_minute or len(recent) < worker.per_minute

    @rule(target=tasks, instance=instances)
    def turn(self, instance: str) -> Any:
        live = self.live.get(instance)
        if live is None:
            # Those of an earlier run are not known any more.
            with raises_code(19 if instance in self.retired else 9):
                self.manager.conversation(instance)
            return multiple()
        worker = self.workers[live.worker]
        conversation = self.manager.conversation(instance)
        if not self._room(worker):
            with raises_code(20):
                conversation.ask("hello")
            return multiple()
        reply = REPLIES[live.calls % len(REPLIES)]
        live.calls += 1
        worker.requests.append(self.clock.seconds)
        if isinstance(reply, str):
            assert conversation.ask("hello") == reply
            live.history += 2
        else:
            with raises_code(16):
                conversation.ask("hello")
        record = self.manager.get_performance_records_for_definition(live.worker, {"instance_id": instance})[0]
        worker.tasks[record.task_id] = Task(isinstance(reply, str), instance)
        return (live.worker, record.task_id)

    @rule(instance=instances)
    def clear(self, instance: str) -> None:
        if instance in self.live:
            self.manager.conversation(instance).clear()
            self.live[instance].history = 0

    @rule(instance=instances, status=st.sampled_from(["retired_completed", "retired_error", "context_full"]))
    def retire(self, instance: str, status: str) -> None:
        live = self.live.pop(instance, None)
        if live is None:
            with raises_code(19 if instance in self.retired else 9):
                self.manager.retire_worker_instance(instance, "done", status)
            return
        self.retired.add(instance)
        info = self.manager.retire_worker_instance(instance, "done", status)
        mine = [task for task in self.workers[live.worker].tasks.values() if task.instance == instance]
        assert (info.final_status, len(info.performance_records)) == (status, len(mine))

    # --- tasks ---

    @rule(target=tasks, id_=ids)
    def stateless(self, id_: str) -> Any:
        worker = self.workers.get(id_)
        if worker is None or worker.status != "active" or not self._room(worker):
            with raises_code(9 if worker is None else 19 if worker.status != "active" else 20):
                self.manager.execute_stateless_task(id_, "hello")
            return multiple()
        reply = REPLIES[worker.stateless_calls % len(REPLIES)]
        worker.stateless_calls += 1
        worker.requests.append(self.clock.seconds)
        if isinstance(reply, str):
            output, record = self.manager.execute_stateless_task(id_, "hello")
            assert output == reply
        else:
            with raises_code(16):
                self.manager.execute_stateless_task(id_, "hello")
            record = self.manager.get_performance_records_for_definition(id_, {"instance_id": "stateless"})[0]
        worker.tasks[record.task_id] = Task(record.success, record.instance_id)
        return (id_, record.task_id)

    @rule(task=tasks, rating=st.sampled_from([1, 2.5, 5]))
    def feedback(self, task: tuple[str, str], rating: float) -> None:
        id_, task_id = task
        self.manager.log_feedback(task_id, rating)
        if id_ in self.workers:
            self.workers[id_].tasks[task_id].rating = rating

    # --- time and restarts ---

    @rule(steps=st.integers(1, 10))
    def wait(self, steps: int) -> None:
        self.clock.seconds += STEP * steps

    @rule()
    def save_and_load(self) -> None:
        self.manager.save_worker_definitions_to_file()
        assert self.manager.load_worker_definitions_from_file() == len(self.workers)

    @rule()
    def restart(self) -> None:
        self.manager.close()
        self.live.clear()
        self.retired.clear()
        for worker in self.workers.values():
            worker.stateless_calls = 0
        self.manager = AIWorkerManager(self.directory, clock=self.clock)

    # --- what must always hold ---

    @invariant()
    def the_definitions_are_those_of_the_model(self) -> None:
        found = {item.definition_id: (item.name, item.status.value) for item in self.manager.list_worker_definitions()}
        assert found == {id_: (worker.name, worker.status) for id_, worker in self.workers.items()}

    @invariant()
    def the_instances_are_those_of_the_model(self) -> None:
        found = {item.instance_id: item for item in self.manager.list_active_worker_instances()}
        assert found.keys() == self.live.keys()
        for instance, live in self.live.items():
            assert len(self.manager.conversation(instance).history) == live.history

    @invariant()
    def the_summaries_are_what_the_records_add_up_to(self) -> None:
        for id_, worker in self.workers.items():
            summary = self.manager.performance_summary(id_)
            tasks = list(worker.tasks.values())
            good = [task for task in tasks if task.success]
            ratings = [task.rating for task in tasks if task.rating is not None]
            assert summary.total_tasks_attempted == len(tasks)
            assert summary.successful_tasks == len(good)
            assert summary.total_cost_incurred == 0.25 * len(tasks)
            assert summary.average_quality_score == (sum(ratings) / len(ratings) if ratings else 0)
            assert summary.total_instances_spawned == worker.spawned
            assert summary.active_instances_count == sum(live.worker == id_ for live in self.live.values())
            records = self.manager.get_performance_records_for_definition(id_)
            assert {record.task_id for record in records} == worker.tasks.keys()


QUICK = settings(max_examples=15, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck))
THOROUGH = settings(QUICK, max_examples=300, stateful_step_count=60)


def check_random_operations(how: settings) -> None:
    run_state_machine_as_test(ManagerMachine, settings=how)


def test_random_operations() -> None:
    check_random_operations(QUICK)


@pytest.mark.slow
def test_many_random_operations() -> None:
    check_random_operations(THOROUGH)
