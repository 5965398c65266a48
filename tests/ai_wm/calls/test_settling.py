"""Settling a call under its limits once its record is committed: who waits for what, and what a failure leaves."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from ai_wm import AIWorkerManager, PerformanceRecord
from ai_wm.wiring import LIMITS_FILE
from tests.ai_wm.helpers import Gate, worker

LIMITS = {"max_requests_per_minute": 1000}


@contextmanager
def limits_locked(sandbox: Path) -> Iterator[None]:
    """Holds the write lock of the limits file, as another process may."""
    with closing(sqlite3.connect(sandbox / LIMITS_FILE, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        yield
        connection.execute("ROLLBACK")


def of_elsewhere(task_id: str) -> dict[str, Any]:
    moment = "2025-06-15T09:30:00Z"
    return {
        "task_id": task_id,
        "instance_id": f"stateless-{task_id}",
        "definition_id": "w",
        "timestamp_start": moment,
        "timestamp_end": moment,
        "duration_ms": 1,
        "success": True,
    }


def wait_for_records(manager: AIWorkerManager, count: int) -> list[PerformanceRecord]:
    deadline = time.monotonic() + 30
    while len(found := manager.get_performance_records_for_definition("w")) < count:
        assert time.monotonic() < deadline, "the record was not committed"
        threading.Event().wait(0.005)
    return found


@pytest.mark.parametrize("kind", ["task", "turn"])
def test_whoever_stores_a_record_does_not_wait_for_the_limits_of_another(tmp_path: Path, kind: str) -> None:
    gate = Gate()
    with AIWorkerManager(tmp_path, clients={"openai": gate}) as one, AIWorkerManager(tmp_path) as other:
        one.add_worker_definition(worker("w", provider="openai", rate_limits=LIMITS))
        one.log_performance_record(of_elsewhere("first"))
        conversation = one.conversation(one.spawn_worker_instance("w").instance_id)
        answers: list[str] = []

        def call() -> None:
            answers.append(one.execute_stateless_task("w", "hi").output if kind == "task" else conversation.ask("hi"))

        calling = threading.Thread(target=call)
        calling.start()
        assert gate.entered.acquire(timeout=10)
        with limits_locked(tmp_path):
            gate.open.set()
            wait_for_records(other, 2)
            assert other.log_performance_record(of_elsewhere("elsewhere")) == "elsewhere"
            assert calling.is_alive(), "the call was settled in a locked file"
        calling.join(30)
        assert answers == ["hi"]
        usage = one.limit_usage("w")
        assert (usage["calls_in_flight"], usage["requests_last_minute"], usage["tokens_last_minute"]) == (0, 1, 2)


def test_a_call_that_is_interrupted_while_its_record_is_stored_is_settled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    with AIWorkerManager(tmp_path) as manager:
        manager.add_worker_definition(worker("w", rate_limits=LIMITS))
        with monkeypatch.context() as patch:
            patch.setattr(manager._store, "add_record", interrupted)
            with pytest.raises(KeyboardInterrupt):
                manager.execute_stateless_task("w", "hello there")
        usage = manager.limit_usage("w")
        assert (usage["calls_in_flight"], usage["tokens_last_minute"]) == (0, 5)
