"""Processes killed at random moments: every restart succeeds by itself, and nothing acknowledged is lost or doubled."""

from __future__ import annotations

import json
import math
import multiprocessing
import os
import random
import threading
import time
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import pytest

from ai_wm.data.types import (
    AIWorkerDefinition,
    AIWorkerInstance,
    AIWorkerInstanceStatus,
    PerformanceRecord,
    SupervisorFeedback,
    Timestamp,
    TokenUsageMetrics,
)
from ai_wm.store import JsonStore

DEFINITION = "def-1"
PROCESSES = 2
THREADS = 2


def define(store: JsonStore, name: str) -> None:
    auth = {"method": "none"}
    made = AIWorkerDefinition.parse(
        {"definition_id": name, "name": name, "provider": "local", "model_name": "echo", "auth": auth}
    )
    store.change_definitions(lambda all_: all_.update({name: made}))


def log(store: JsonStore, task: str, instance: str = "") -> None:
    made = PerformanceRecord(
        task_id=task,
        instance_id=instance,
        definition_id=DEFINITION,
        success=True,
        cost_incurred=0.1,
        output_summary="x" * random.choice([10, 200, 9000]),
        llm_metrics={"total_tokens": 3},
    )
    store.add_record(made, TokenUsageMetrics(total_tokens=3) if instance else None)


def work(directory: str, name: str, acknowledge: Connection) -> None:
    """What a process does until it is killed; it says so each time that something is done."""
    store = JsonStore(directory)
    saying = threading.Lock()

    def done(kind: str, *what: Any) -> None:
        with saying:
            acknowledge.send((kind, *what))

    def one_thread(number: int) -> None:
        for turn in range(10_000):
            mark = f"{name}-{number}-{turn}"
            log(store, f"task-{mark}")
            done("task", f"task-{mark}")
            store.start_instance(AIWorkerInstance(instance_id=f"live-{mark}", definition_id=DEFINITION))
            done("instance", f"live-{mark}")
            for part in range(2):
                log(store, f"turn-{mark}-{part}", f"live-{mark}")
                done("task", f"turn-{mark}-{part}")
            store.add_feedback(f"turn-{mark}-1", SupervisorFeedback(rating=4))
            done("feedback", f"turn-{mark}-1")
            store.retire_instance(
                f"live-{mark}",
                final_status=AIWorkerInstanceStatus.RETIRED_COMPLETED,
                reason="done",
                retired_at=Timestamp.from_unix(time.time()),
            )
            done("retired", f"live-{mark}")
            store.add_feedback(f"task-{mark}", SupervisorFeedback(rating=2))
            done("feedback", f"task-{mark}")
            if turn % 5 == 4:
                define(store, f"def-{mark}")
                done("definition", f"def-{mark}")
            if turn % 7 == 6:
                store.save()

    for number in range(THREADS):
        threading.Thread(target=one_thread, args=(number,)).start()


class Acknowledged:
    """All that any process ever acknowledged."""

    def __init__(self) -> None:
        self.all: dict[str, set[str]] = {
            kind: set() for kind in ("definition", "task", "instance", "feedback", "retired")
        }

    def drain(self, connection: Connection, wait: float) -> int:
        """Take what is there, waiting at most so many seconds for the first; returns how much it was."""
        count = 0
        try:
            while connection.poll(wait if count == 0 else 0):
                kind, what = connection.recv()
                self.all[kind].add(what)
                count += 1
        except (EOFError, OSError):  # the process was killed while it spoke: that was not acknowledged
            pass
        return count

    def check(self, directory: Path) -> None:
        """What a start finds and leaves."""
        store = JsonStore(directory)
        records = {record.task_id: record for record in store.records(DEFINITION)}
        summary = store.summary(DEFINITION)
        store.close()
        entries = json.loads((directory / "ai_worker_performance_data.json").read_bytes())
        definitions = {
            one["definitionID"]: one for one in json.loads((directory / "ai_worker_definitions.json").read_bytes())
        }
        stored = [record["task_id"] for entry in entries for record in entry["performance_records"]]
        states = {entry["instance_id"]: entry["final_status"] for entry in entries}
        assert len(states) == len(entries)
        assert self.all["definition"] <= definitions.keys()
        assert self.all["task"] <= set(stored)
        assert self.all["instance"] <= states.keys()
        assert {states[name] for name in self.all["retired"]} <= {"retired_completed"}
        assert not [task for task in self.all["feedback"] if records[task].supervisor_feedback is None]
        assert len(stored) == len(set(stored)) == len(records)
        assert summary.total_tasks_attempted == len(records)
        assert summary.total_cost_incurred == math.fsum(record.cost_incurred for record in records.values())
        assert summary.total_instances_spawned == sum(name.startswith("live-") for name in states)
        assert summary.active_instances_count == 0
        if records:
            written = definitions[DEFINITION]["aggregatePerformanceSummary"]
            assert written["total_tasks_attempted"] == len(records)
            assert written["total_cost_incurred"] == summary.total_cost_incurred
        left = set(os.listdir(directory / "ai_worker_state"))
        assert {"store.lock", "store.note"} <= left
        assert left <= {"amendments.jsonl", "definitions.log", "index", "store.lock", "store.note"}


def kill_at_random(directory: Path, rounds: int, seed: int) -> Acknowledged:
    """Run processes on a directory and kill them, again and again."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["ai_wm.store", "tests.ai_wm.test_crash"])
    chance = random.Random(seed)
    known = Acknowledged()
    store = JsonStore(directory)
    define(store, DEFINITION)
    store.close()
    for number in range(rounds):
        running = []
        for part in range(PROCESSES):
            ours, theirs = context.Pipe(duplex=False)
            process = context.Process(target=work, args=(str(directory), f"{number}-{part}", theirs))
            process.start()
            theirs.close()
            running.append((process, ours))
        wanted = chance.choice([0, 1, chance.randrange(60), chance.randrange(200)])
        chance.shuffle(running)
        while wanted > 0 and all(process.is_alive() for process, _ in running):
            wanted -= sum(known.drain(connection, 0.01) for _, connection in running)
        for process, connection in running:
            threading.Event().wait(chance.random() * 0.01)
            process.kill()
            process.join()
            known.drain(connection, 0)
            connection.close()
            process.close()
        known.check(directory)
    return known


def test_killed_a_few_times(tmp_path: Path) -> None:
    known = kill_at_random(tmp_path, rounds=5, seed=1)
    assert known.all["task"]


@pytest.mark.slow
def test_killed_three_hundred_times(tmp_path: Path) -> None:
    known = kill_at_random(tmp_path, rounds=300, seed=2)
    assert all(known.all.values())
