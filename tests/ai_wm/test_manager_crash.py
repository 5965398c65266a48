"""A manager's process killed at random moments: the next one starts by itself and finds all that was acknowledged."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from ai_wm import AIWorkerManager
from tests.ai_wm.helpers import worker

PROGRAM = """
import json, os, sys
from ai_wm import AIWorkerManager
from tests.ai_wm.helpers import worker

manager = AIWorkerManager(sys.argv[1])

def say(*what):
    os.write(1, (json.dumps(what) + "\\n").encode())

say("started")
for turn in range(100_000):
    added = manager.add_worker_definition(worker(f"{os.getpid()}-{turn}"))
    say("definition", added)
    record = manager.execute_stateless_task("w", f"task {turn}").record
    say("task", record.task_id)
    manager.log_feedback(record.task_id, 4)
    say("feedback", record.task_id)
    instance = manager.spawn_worker_instance("w").instance_id
    say("spawned", instance)
    for _ in range(2):
        manager.conversation(instance).ask("hello")
        newest = manager.get_performance_records_for_definition("w", {"instance_id": instance})[0]
        say("task", newest.task_id)
    manager.retire_worker_instance(instance, "done")
    say("retired", instance)
    say("removing", added)
    manager.remove_worker_definition(added)
    say("removed", added)
"""

BUSY = """
import os, sys
from concurrent.futures import ThreadPoolExecutor
from ai_wm import AIWorkerManager

manager = AIWorkerManager(sys.argv[1])
os.write(1, b'["started"]\\n')

def work(number):
    while True:
        manager.execute_stateless_task("w", "x" * number)

with ThreadPoolExecutor(int(sys.argv[2])) as pool:
    list(pool.map(work, range(1, 1 + int(sys.argv[2]))))
"""

SLOTS = 3


def killed_after(directory: Path, seconds: float, program: str = PROGRAM, *arguments: str) -> list[list[Any]]:
    """Runs a program, kills it so long after its start, and gives what it acknowledged."""
    process = subprocess.Popen(
        [sys.executable, "-c", program, str(directory), *arguments],
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[2],
    )
    assert process.stdout is not None
    first = process.stdout.readline()
    assert json.loads(first) == ["started"]
    time.sleep(seconds)  # the moment is what is random
    os.kill(process.pid, signal.SIGKILL)
    rest = process.stdout.read()
    process.wait()
    process.stdout.close()
    # A last line may have been cut.
    return [json.loads(line) for line in rest.split(b"\n")[:-1]]


def check_crashes(directory: Path, times: int, chance: random.Random) -> None:
    limits = {"max_concurrent_active_instances": SLOTS, "max_tokens_per_minute": 10**9}
    with AIWorkerManager(directory) as manager:
        manager.add_worker_definition(worker("w", rate_limits=limits))
    acknowledged: dict[str, set[str]] = {
        kind: set() for kind in ("definition", "task", "feedback", "spawned", "retired", "removing", "removed")
    }
    for kills in range(1, times + 1):
        for kind, what in killed_after(directory, chance.uniform(0, 0.15)):
            acknowledged[kind].add(what)
        with AIWorkerManager(directory) as manager:
            check(manager, acknowledged, kills)
            held = [manager.spawn_worker_instance("w").instance_id for _ in range(SLOTS)]
            assert len(held) == SLOTS
        for name in ("ai_worker_definitions.json", "ai_worker_performance_data.json"):
            assert isinstance(json.loads((directory / name).read_text()), list)
    assert acknowledged["retired"]


def check(manager: AIWorkerManager, acknowledged: dict[str, set[str]], kills: int) -> None:
    definitions = {item.definition_id for item in manager.list_worker_definitions()}
    assert acknowledged["definition"] - acknowledged["removing"] <= definitions
    assert not acknowledged["removed"] & definitions
    records = manager.get_performance_records_for_definition("w")
    counts = Counter(record.task_id for record in records)
    assert set(counts.values()) <= {1}
    assert acknowledged["task"] <= counts.keys()
    judged = {record.task_id for record in records if record.supervisor_feedback is not None}
    assert acknowledged["feedback"] <= judged
    summary = manager.performance_summary("w")
    assert summary.total_tasks_attempted == len(records)
    assert summary.active_instances_count == 0
    usage = manager.limit_usage("w")
    assert (usage["calls_in_flight"], usage["active_instances"]) == (0, 0)
    # Whatever a process had counted in memory alone when it was killed is counted from the records.  A call that was
    # in flight then has no record, and is counted where the file had it already: the provider may count it too.
    assert 0 <= usage["requests_last_day"] - len(records) <= kills


def test_a_few_kills(tmp_path: Path) -> None:
    check_crashes(tmp_path, 4, random.Random(1))


def check_counters(directory: Path, times: int, chance: random.Random) -> None:
    """Kills processes that count in memory, since they are busy and alone: limits and records agree all the same."""
    with AIWorkerManager(directory) as manager:
        manager.add_worker_definition(worker("w", rate_limits={"max_tokens_per_day": 10**9}))
    may_be_lost = 0
    for _ in range(times):
        threads = chance.choice("148")
        killed_after(directory, chance.uniform(0, 0.4), BUSY, threads)
        may_be_lost += int(threads)
        with AIWorkerManager(directory) as manager:
            records, usage = manager.get_performance_records_for_definition("w"), manager.limit_usage("w")
            lost = usage["requests_last_day"] - len(records)  # in flight, and in the file, at one of the kills
            assert 0 <= lost <= may_be_lost
            tokens = sum(record.llm_metrics["total_tokens"] for record in records)
            assert usage["tokens_last_day"] >= tokens if lost else usage["tokens_last_day"] == tokens
            assert usage["calls_in_flight"] == 0


def test_counters_after_a_few_kills(tmp_path: Path) -> None:
    check_counters(tmp_path, 4, random.Random(2))


@pytest.mark.slow
def test_counters_after_a_hundred_kills(tmp_path: Path) -> None:
    check_counters(tmp_path, 100, random.Random())


@pytest.mark.slow
def test_three_hundred_kills(tmp_path: Path) -> None:
    check_crashes(tmp_path, 300, random.Random())
