"""Batches: many prompts, several at once."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import pytest

from ai_wm import AIWorkerManager
from neuroscript import ErrorCode, NeuroScriptError
from tests.ai_wm.helpers import Gate, raises_code, scripted, worker


def test_a_batch_keeps_the_order_and_gives_errors_where_they_happened(manager: AIWorkerManager) -> None:
    manager.add_worker_definition(worker("w", rate_limits={"max_requests_per_minute": 3}))
    results = manager.execute_batch("w", [f"p{i}" for i in range(5)], max_parallel=1)
    assert [result.output for result in results[:3]] == ["echo: p0", "echo: p1", "echo: p2"]  # type: ignore[union-attr]
    for failed in results[3:]:
        assert isinstance(failed, NeuroScriptError)
        assert failed.code == ErrorCode.RATE_LIMITED
    assert manager.execute_batch("w", []) == []


def test_a_batch_runs_no_more_at_once_than_it_may(tmp_path: Path) -> None:
    gate = Gate()
    with AIWorkerManager(tmp_path, clients={"openai": gate}) as manager:
        manager.add_worker_definition(worker("w", provider="openai"))
        results: list[Any] = []
        prompts = [str(i) for i in range(12)]
        batch = threading.Thread(target=lambda: results.extend(manager.execute_batch("w", prompts, max_parallel=4)))
        batch.start()
        for _ in range(4):
            assert gate.entered.acquire(timeout=10)
        assert not gate.entered.acquire(timeout=0.1)
        gate.open.set()
        batch.join()
    assert [result.output for result in results] == prompts
    assert gate.most_at_once == 4


@pytest.mark.parametrize(
    ("prompts", "parallel"), [("text", 1), (["a", 7], 1), (["a"], 0), (["a"], 1000), (["a"], True), (["a"], 2.5)]
)
def test_a_batch_that_cannot_be_is_error_4(manager: AIWorkerManager, prompts: Any, parallel: Any) -> None:
    manager.add_worker_definition(worker("w"))
    with raises_code(4):
        manager.execute_batch("w", prompts, parallel)


def test_a_cancelled_batch_starts_no_more_and_returns_at_once(tmp_path: Path) -> None:
    gate = Gate()
    with AIWorkerManager(tmp_path, clients={"openai": gate}) as manager:
        manager.add_worker_definition(worker("w", provider="openai"))

        def check() -> None:
            if gate.entered.acquire(blocking=False):
                raise NeuroScriptError(ErrorCode.CANCELLED, "enough")

        with raises_code(44, "enough"):
            manager.execute_batch("w", [str(i) for i in range(20)], max_parallel=2, check=check)
        gate.open.set()
        deadline = time.monotonic() + 10
        while manager.limit_usage("w")["calls_in_flight"] and time.monotonic() < deadline:
            threading.Event().wait(0.01)
        assert manager.limit_usage("w")["calls_in_flight"] == 0
        assert manager.performance_summary("w").total_tasks_attempted <= 4


def test_progress_is_shown_where_asked_for(manager: AIWorkerManager, capsys: pytest.CaptureFixture[str]) -> None:
    manager.add_worker_definition(worker("w"))
    manager.execute_batch("w", ["a", "b"])
    assert capsys.readouterr().err == ""
    manager.execute_batch("w", ["a", "b"], show_progress=True)
    captured = capsys.readouterr()
    assert "asking" in captured.err
    assert captured.out == ""


def test_of_long_prompts_fewer_run_at_once(tmp_path: Path) -> None:
    gate = Gate()
    with AIWorkerManager(tmp_path, clients={"openai": gate}) as manager:
        manager.add_worker_definition(worker("w", provider="openai"))
        prompts = ["x" * 20_000_000] * 8
        batch = threading.Thread(target=lambda: manager.execute_batch("w", prompts, max_parallel=8))
        batch.start()
        for _ in range(3):
            assert gate.entered.acquire(timeout=10)
        assert not gate.entered.acquire(timeout=0.2)
        gate.open.set()
        batch.join()
    assert gate.most_at_once == 3


def test_a_batch_whose_results_come_fast_is_looked_at_all_the_same(manager: AIWorkerManager) -> None:
    """What they take was seen when the last was there."""
    manager.add_worker_definition(worker("w"))
    looks = 0

    def check() -> None:
        nonlocal looks
        looks += 1
        if looks > 20:
            raise NeuroScriptError(ErrorCode.RESOURCE_EXHAUSTION, "too much")

    with raises_code(37):
        manager.execute_batch("w", ["x"] * 5000, max_parallel=2, check=check)
    assert len(manager.get_performance_records_for_definition("w")) < 5000


# --- tasks of different workers ---


def task(name: str, prompt: str = "x", **overrides: Any) -> dict[str, Any]:
    return {"worker": name, "prompt": prompt} | ({"config_overrides": overrides} if overrides else {})


def test_tasks_of_different_workers_keep_the_order_and_give_errors_where_they_happened(
    manager: AIWorkerManager,
) -> None:
    manager.add_worker_definition(worker("a"))
    manager.add_worker_definition(worker("b", rate_limits={"max_requests_per_minute": 1}))
    manager.add_worker_definition(scripted("c", ["first"]))
    manager.add_worker_definition(worker("talker", interaction_models=["conversational"]))
    manager.add_worker_definition(
        worker("dear", cost_metrics={"cost_per_call": 2}, rate_limits={"max_cost_per_day": 1})
    )
    tasks = [
        task("a", "one"),
        task("nobody"),
        task("b", "two"),
        task("b", "three"),
        task("c", replies=["second"]),
        task("talker"),
        task("dear"),
        task("a", on_limit="maybe"),
    ]
    results: list[Any] = list(manager.execute_all(tasks, max_parallel=1))
    assert [results[place].output for place in (0, 2, 4)] == ["echo: one", "echo: two", "second"]
    assert [results[place].record.definition_id for place in (0, 2)] == [
        manager.get_worker_definition(name).definition_id for name in ("a", "b")
    ]
    assert [int(results[place].code) for place in (1, 3, 5, 6, 7)] == [9, 20, 19, 46, 4]
    assert manager.execute_all([]) == []


def test_different_workers_run_side_by_side(tmp_path: Path) -> None:
    gate = Gate()
    with AIWorkerManager(tmp_path, clients={"openai": gate}) as manager:
        for number in range(3):
            manager.add_worker_definition(worker(f"w{number}", provider="openai"))
        results: list[Any] = []
        tasks = [task(f"w{number % 3}", f"{number}") for number in range(12)]
        batch = threading.Thread(target=lambda: results.extend(manager.execute_all(tasks)))
        batch.start()
        for _ in range(8):
            assert gate.entered.acquire(timeout=10)
        assert not gate.entered.acquire(timeout=0.1)
        gate.open.set()
        batch.join()
    assert [result.output for result in results] == [str(number) for number in range(12)]
    assert gate.most_at_once == 8


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        ("text", r"tasks\[1\] is str; expected a map with worker, prompt"),
        ({}, r"tasks\[1\]: the key worker is missing"),
        ({"worker": "w"}, r"tasks\[1\]: the key prompt is missing"),
        ({"worker": 7, "prompt": "x"}, r"tasks\[1\]: worker is int; expected a string"),
        ({"worker": "w", "prompt": ["x"]}, r"tasks\[1\]: prompt is list"),
        ({"worker": "w", "promt": "x"}, r"tasks\[1\]: unknown key 'promt'; did you mean 'prompt'"),
        ({"worker": "w", "prompt": "x", "config": {}}, r"tasks\[1\]: unknown key 'config'"),
        ({"worker": "w", "prompt": "x", 7: 1}, r"tasks\[1\]: unknown key 'int'"),
        ({"worker": "w", "prompt": "x", "config_overrides": "y"}, r"tasks\[1\]: config_overrides is a map"),
    ],
)
def test_a_malformed_task_is_error_4_before_any_call(manager: AIWorkerManager, bad: Any, words: str) -> None:
    manager.add_worker_definition(worker("w"))
    with raises_code(4, words):
        manager.execute_all([task("w"), bad, task("w")])
    assert manager.performance_summary("w").total_tasks_attempted == 0


@pytest.mark.parametrize(("tasks", "parallel"), [("text", 1), ({}, 1), (7, 1), ([], 0), ([], 257), ([], True)])
def test_tasks_that_cannot_be_are_error_4(manager: AIWorkerManager, tasks: Any, parallel: Any) -> None:
    with raises_code(4):
        manager.execute_all(tasks, parallel)


def test_cancelling_ends_all_tasks(tmp_path: Path) -> None:
    gate = Gate()
    with AIWorkerManager(tmp_path, clients={"openai": gate}) as manager:
        for name in ("a", "b"):
            manager.add_worker_definition(worker(name, provider="openai"))

        def check() -> None:
            if gate.entered.acquire(blocking=False):
                raise NeuroScriptError(ErrorCode.CANCELLED, "enough")

        with raises_code(44, "enough"):
            manager.execute_all([task("ab"[number % 2]) for number in range(20)], max_parallel=2, check=check)
        gate.open.set()
        deadline = time.monotonic() + 10
        while any(manager.limit_usage(name)["calls_in_flight"] for name in "ab") and time.monotonic() < deadline:
            threading.Event().wait(0.01)
        assert sum(manager.performance_summary(name).total_tasks_attempted for name in "ab") <= 4
