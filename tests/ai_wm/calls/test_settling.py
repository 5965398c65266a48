"""Settling a call under its limits once its record is committed: who waits for what, and what a failure leaves."""

from __future__ import annotations

import errno
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from ai_wm import AIWorkerManager, LLMRequest, PerformanceRecord, ToolHost
from ai_wm.ratelimit import MemoryRateLimiter, counters, exclusive
from ai_wm.wiring import LIMITS_FILE
from neuroscript import ErrorCode, Interpreter, NeuroScriptError
from tests.ai_wm.helpers import Answers, Gate, raises_code, scripted, worker

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


def test_limits_that_cannot_be_settled_fail_the_call_but_not_its_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    told: list[tuple[str, dict[str, Any]]] = []
    with AIWorkerManager(tmp_path) as manager:
        limits = {"max_requests_per_minute": 100}
        manager.add_worker_definition(worker("w", interaction_models=["both"], rate_limits=limits))
        manager.on_event(lambda name, payload: told.append((name, payload)))
        instance = manager.spawn_worker_instance("w").instance_id
        with monkeypatch.context() as patch:
            patch.setattr(counters, "settle", broken)
            patch.setattr(exclusive, "BUSY_SECONDS", 0.0)  # each call is settled in the file
            with raises_code(26):
                manager.execute_stateless_task("w", "hello there")
            with raises_code(26):
                manager.conversation(instance).ask("hello there")
        records = manager.get_performance_records_for_definition("w")
        assert [record.success for record in records] == [True, True]
        assert manager.get_worker_instance(instance).session_token_usage.total_tokens == 5
        assert told[-1][0] == "ai_wm.task.failed"
        assert told[-1][1]["task_id"] == records[0].task_id
        manager.execute_stateless_task("w", "hello there")
        assert manager.limit_usage("w")["calls_in_flight"] == 0
        assert manager.limit_usage("w")["tokens_last_minute"] == 15


class Watched:
    """A host's own limiter, which calls a function with the tokens before it settles a call."""

    def __init__(self, before_settling: Callable[[int], object]) -> None:
        self._inner = MemoryRateLimiter()
        self._before_settling = before_settling

    def reserve(self, *args: Any, **named: Any) -> Any:
        hold, before = self._inner.reserve(*args, **named), self._before_settling

        class Hold:
            def settle(self, tokens: int, cost: float = 0.0) -> None:
                before(tokens)
                hold.settle(tokens, cost)

            def release(self) -> None:
                hold.release()

        return Hold()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


def away(tokens: int) -> None:
    raise OSError("the limiter is away")


def failing_with(error: BaseException) -> Answers:
    def fail(request: LLMRequest) -> str:
        raise error

    return Answers(fail)


@pytest.mark.parametrize(
    "error", [NeuroScriptError(ErrorCode.TIMEOUT, "too slow"), KeyboardInterrupt()], ids=["failed", "interrupted"]
)
def test_what_ended_a_call_is_raised_even_if_it_cannot_be_settled(
    error: BaseException, caplog: pytest.LogCaptureFixture
) -> None:
    limiter: Any = Watched(away)
    with AIWorkerManager(limiter=limiter, clients={"openai": failing_with(error)}) as manager:
        manager.add_worker_definition(worker("w", provider="openai"))
        with pytest.raises(type(error)) as caught:
            manager.execute_stateless_task("w", "hello")
        assert caught.value is error
        (record,) = manager.get_performance_records_for_definition("w")
        assert not record.success
    assert "a call of worker 'w' is not settled under its limits yet: the limiter is away" in caplog.text


@pytest.mark.parametrize(
    ("error", "code"),
    [(NeuroScriptError(ErrorCode.TIMEOUT, "too slow"), 26), (KeyboardInterrupt(), None)],
    ids=["failed", "interrupted"],
)
def test_an_interruption_goes_before_a_record_that_cannot_be_stored_and_a_failure_does_not(
    error: BaseException, code: int | None, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(*_: object) -> None:
        raise NeuroScriptError(ErrorCode.IO_FAILED, "the disk is full")

    told: list[dict[str, Any]] = []
    with AIWorkerManager(clients={"openai": failing_with(error)}) as manager:
        manager.add_worker_definition(worker("w", provider="openai", rate_limits=LIMITS))
        manager.on_event(lambda name, payload: told.append(payload))
        monkeypatch.setattr(manager._store, "add_record", full)
        if code is None:
            with pytest.raises(KeyboardInterrupt):
                manager.execute_stateless_task("w", "hello")
            assert "the interrupted call of worker 'w' has no record: error 26" in caplog.text
        else:
            with raises_code(code, "the disk is full"):
                manager.execute_stateless_task("w", "hello")
        assert [payload["code"] for payload in told] == ([] if code is None else [code])
        assert manager.limit_usage("w")["calls_in_flight"] == 0


def test_each_round_of_tool_calls_is_settled_before_its_tools_run() -> None:
    settled: list[int] = []
    seen: list[int] = []
    limiter: Any = Watched(settled.append)
    with AIWorkerManager(limiter=limiter) as manager, Interpreter(plugins=False) as interpreter:

        @interpreter.tool("probe.Look")
        def look() -> int:
            seen.append(len(settled))
            return 1

        call = {"tool_calls": [{"name": "probe__Look"}], "usage": {"input_tokens": 3, "output_tokens": 2}}
        manager.add_worker_definition(scripted("w", [call, call, "done"], tool_allowlist=["probe.*"]))
        tools = ToolHost(interpreter.tools, None, interpreter.host_context())
        assert manager.execute_stateless_task("w", "hello", tools=tools).output == "done"
        assert manager.limit_usage("w")["calls_in_flight"] == 0
    assert seen == [1, 2]
    assert settled[:2] == [5, 5]
    assert len(settled) == 3
