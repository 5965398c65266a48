"""Many threads and processes on one sandbox: no limit exceeded, no record lost or counted twice."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import pytest

from ai_wm import AIWorkerManager
from neuroscript import ErrorCode, NeuroScriptError
from tests.ai_wm.helpers import worker

T = TypeVar("T")


def in_threads(count: int, work: Callable[[int], Any]) -> list[Any]:
    """Runs ``work(0)``, ``work(1)``, … at once; gives the results, or raises what one of them raised."""
    results: list[Any] = [None] * count
    failures: list[BaseException] = []
    ready = threading.Barrier(count)

    def run(number: int) -> None:
        try:
            ready.wait(30)
            results[number] = work(number)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
    return results


def unless(code: ErrorCode, function: Callable[..., T], *args: Any) -> T | None:
    """The result of a call, or None if it was refused with this code."""
    try:
        return function(*args)
    except NeuroScriptError as error:
        if error.code != code:
            raise
        return None


def until_refused(manager: AIWorkerManager) -> int:
    """Runs tasks until the limit says no; gives how many ran."""
    done = 0
    while unless(ErrorCode.RATE_LIMITED, manager.execute_stateless_task, "w", "hello"):
        done += 1
    return done


def test_threads_use_a_limit_up_and_never_exceed_it(manager: AIWorkerManager) -> None:
    manager.add_worker_definition(worker("w", rate_limits={"max_requests_per_minute": 50}))
    done = in_threads(8, lambda number: until_refused(manager))
    assert sum(done) == 50
    assert manager.performance_summary("w").total_tasks_attempted == 50
    records = manager.get_performance_records_for_definition("w")
    assert len({record.task_id for record in records}) == 50


def test_slots_are_never_taken_twice(manager: AIWorkerManager) -> None:
    manager.add_worker_definition(worker("w", rate_limits={"max_concurrent_active_instances": 3}))
    most = []

    def work(number: int) -> int:
        spawned = 0
        for _ in range(10):
            instance = unless(ErrorCode.RATE_LIMITED, manager.spawn_worker_instance, "w")
            if instance is not None:
                spawned += 1
                most.append(len(manager.list_active_worker_instances()))
                manager.conversation(instance.instance_id).ask("hello")
                manager.retire_worker_instance(instance.instance_id)
        return spawned

    spawned = sum(in_threads(8, work))
    assert max(most) <= 3
    summary = manager.performance_summary("w")
    assert (summary.total_instances_spawned, summary.active_instances_count) == (spawned, 0)
    assert summary.total_tasks_attempted == spawned


def test_one_instance_takes_one_turn_at_a_time(manager: AIWorkerManager) -> None:
    manager.add_worker_definition(worker("w"))
    conversation = manager.conversation(manager.spawn_worker_instance("w").instance_id)

    def work(number: int) -> int:
        replies = [unless(ErrorCode.PRECONDITION_FAILED, conversation.ask, f"{number}-{turn}") for turn in range(20)]
        return sum(reply is not None for reply in replies)

    done = sum(in_threads(6, work))
    history = [message.content for message in conversation.history]
    assert len(history) == 2 * done
    # Each question is followed by its own answer: no turn came between.
    assert history[1::2] == [f"echo: {question}" for question in history[::2]]
    assert manager.performance_summary("w").total_tasks_attempted == done


@pytest.mark.parametrize("repetition", range(5))
def test_no_instance_is_used_after_it_is_retired(manager: AIWorkerManager, repetition: int) -> None:
    manager.add_worker_definition(worker("w"))
    conversation = manager.conversation(manager.spawn_worker_instance("w").instance_id)
    retired = threading.Event()

    def ask() -> int:
        done = 0
        while True:
            over = retired.is_set()
            reply = unless(ErrorCode.PRECONDITION_FAILED, conversation.ask, "hello")
            assert not (over and reply)
            if over:
                return done
            done += reply is not None

    def end() -> int:
        info = None
        while info is None:
            info = unless(ErrorCode.PRECONDITION_FAILED, manager.retire_worker_instance, conversation.instance_id)
        retired.set()
        return len(info.performance_records)

    *asked, stored = in_threads(4, lambda number: end() if number == 3 else ask())
    assert sum(asked) == stored


@pytest.mark.parametrize("repetition", range(5))
def test_removing_and_spawning_at_once_leaves_no_orphan(manager: AIWorkerManager, repetition: int) -> None:
    manager.add_worker_definition(worker("w"))

    def remove() -> bool:
        unless(ErrorCode.PRECONDITION_FAILED, manager.remove_worker_definition, "w")
        return manager.list_worker_definitions() == []

    def spawn() -> bool:
        return unless(ErrorCode.KEY_NOT_FOUND, manager.spawn_worker_instance, "w") is not None

    *spawned, removed = in_threads(4, lambda number: remove() if number == 3 else spawn())
    assert removed is not any(spawned)


PROCESS = """
import json, sys, threading
from ai_wm import AIWorkerManager
from tests.ai_wm.test_concurrency import in_threads, until_refused

directory, threads = sys.argv[1], int(sys.argv[2])
with AIWorkerManager(directory) as manager:
    print("ready", flush=True)
    sys.stdin.readline()
    print(json.dumps(in_threads(threads, lambda number: until_refused(manager))), flush=True)
"""


def check_sharing(directory: Path, processes: int, threads: int, limit: int) -> None:
    """Processes with threads use one limit up together."""
    with AIWorkerManager(directory) as manager:
        manager.add_worker_definition(worker("w", rate_limits={"max_requests_per_day": limit}))
    started = [
        subprocess.Popen(
            [sys.executable, "-c", PROCESS, str(directory), str(threads)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[2],
        )
        for _ in range(processes)
    ]
    for process in started:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    outputs = []
    for process in started:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    for process in started:
        output, _ = process.communicate(timeout=300)
        assert process.returncode == 0
        outputs.append(sum(json.loads(output)))
    assert sum(outputs) == limit
    with AIWorkerManager(directory) as manager:
        assert manager.performance_summary("w").total_tasks_attempted == limit
        records = manager.get_performance_records_for_definition("w")
        assert len({record.task_id for record in records}) == len(records) == limit
        assert manager.limit_usage("w")["calls_in_flight"] == 0


def test_processes_share_a_limit(tmp_path: Path) -> None:
    check_sharing(tmp_path, processes=2, threads=3, limit=60)


@pytest.mark.slow
def test_many_processes_share_a_limit(tmp_path: Path) -> None:
    check_sharing(tmp_path, processes=8, threads=16, limit=2000)
