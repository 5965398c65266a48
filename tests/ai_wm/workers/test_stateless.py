"""Stateless tasks."""

from __future__ import annotations

import errno
import os
import time
from enum import StrEnum
from pathlib import Path
from typing import Any

import pytest

from ai_wm import AIWorkerManager, LLMRequest, LLMResponse, PerformanceRecord, RateLimiter, Usage
from ai_wm.ratelimit import MemoryRateLimiter
from neuroscript import ErrorCode, NeuroScriptError
from tests.ai_wm.helpers import Answers, FakeClock, raises_code, scripted, worker

# --- one task ---


def test_a_task_gives_the_output_and_its_record(manager: AIWorkerManager) -> None:
    id_ = manager.add_worker_definition(worker("w"))
    output, record = manager.execute_stateless_task("w", "hello there")
    assert output == "echo: hello there"
    assert record.instance_id.startswith("stateless-")
    assert (record.definition_id, record.success) == (id_, True)
    assert record.llm_metrics["total_tokens"] == 2 + 3
    assert manager.get_performance_records_for_definition(id_) == [record]
    assert manager.performance_summary("w").total_tasks_attempted == 1


def test_a_task_runs_by_id_and_by_name_and_has_no_memory(tmp_path: Path) -> None:
    client = Answers()
    with AIWorkerManager(tmp_path, clients={"openai": client}) as manager:
        id_ = manager.add_worker_definition(worker("w", provider="openai", base_config={"top_p": 1}))
        manager.execute_stateless_task(id_, "one", {"temperature": 0})
        manager.execute_stateless_task("w", "two")
    assert [[message.content for message in request.messages] for request in client.requests] == [["one"], ["two"]]
    assert [request.config for request in client.requests] == [{"top_p": 1, "temperature": 0}, {"top_p": 1}]


@pytest.mark.parametrize("change", [{"status": "disabled"}, {"interaction_models": ["conversational"]}])
def test_the_definition_must_be_active_and_for_tasks(manager: AIWorkerManager, change: dict[str, Any]) -> None:
    manager.add_worker_definition(worker("w", **change))
    with raises_code(19):
        manager.execute_stateless_task("w", "hello")
    with raises_code(9):
        manager.execute_stateless_task("nobody", "hello")
    with raises_code(19):
        manager.execute_batch("w", ["hello"])


@pytest.mark.parametrize(("prompt", "overrides"), [(7, None), ("x", ["temperature"]), ("x", {"on_limit": "maybe"})])
def test_arguments_that_do_not_fit_are_error_4(manager: AIWorkerManager, prompt: Any, overrides: Any) -> None:
    manager.add_worker_definition(worker("w"))
    with raises_code(4):
        manager.execute_stateless_task("w", prompt, overrides)


class Watched:
    """A limiter that tells what happens in what order, and what is left open."""

    def __init__(self, told: list[str]) -> None:
        self._inner: RateLimiter = MemoryRateLimiter()
        self._told = told

    def reserve(self, *args: Any, **named: Any) -> Any:
        hold = self._inner.reserve(*args, **named)
        self._told.append("reserve")
        told = self._told

        class Told:
            def settle(self, tokens: int, cost: float = 0.0) -> None:
                told.append(f"settle {tokens}")
                hold.settle(tokens, cost)

            def release(self) -> None:
                told.append("release")
                hold.release()

        return Told()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


def test_the_steps_of_a_task_come_in_the_order_of_the_design(tmp_path: Path) -> None:
    """Section 2.4: "Checks rate limits … Resolves the API key … Makes a direct call … Creates and logs a
    PerformanceRecord … Updates the relevant rate limit counters … Returns the model's output"."""
    told: list[str] = []

    class Environment(dict[str, str]):
        def __contains__(self, name: object) -> bool:
            told.append("key")
            return super().__contains__(name)

    def answer(request: LLMRequest) -> str:
        assert request.api_key is not None
        assert request.api_key.get() == "sk-1"
        told.append("call")
        return "yes"

    limiter: Any = Watched(told)
    manager = AIWorkerManager(limiter=limiter, clients={"openai": Answers(answer)}, environ=Environment(KEY="sk-1"))
    manager.add_worker_definition(worker("w", provider="openai", auth={"method": "env_var", "value": "KEY"}))
    store = manager._store
    log = store.add_record

    def add_record(*args: Any, **named: Any) -> None:
        told.append("record")
        log(*args, **named)

    store.add_record = add_record  # type: ignore[method-assign]
    manager.execute_stateless_task("w", "hello")
    assert told == ["reserve", "key", "call", "record", "settle 15"]


def test_a_record_that_is_made_of_what_is_known_to_fit_is_what_validation_makes_of_it(manager: AIWorkerManager) -> None:
    manager.add_worker_definition(worker("w"))
    _, made = manager.execute_stateless_task("w", "hello there")
    given = {name: getattr(made, name) for name in made.model_fields_set}
    validated = PerformanceRecord(**given)
    assert made == validated
    assert (repr(made), made.model_fields_set) == (repr(validated), validated.model_fields_set)
    assert list(made.to_file().items()) == list(validated.to_file().items())
    assert made.to_script() == validated.to_script()
    assert made.model_copy(deep=True).model_dump() == validated.model_dump()
    made.error_details = "may be changed"
    with raises_code(4, "success"):
        made.success = "yes"  # type: ignore[assignment]


class Odd(StrEnum):
    STOP = "stop"


@pytest.mark.parametrize("odd", [Odd.STOP, {"why": ("a", 1.5)}])
def test_what_a_hosts_own_client_makes_of_a_response_is_looked_at(odd: Any, tmp_path: Path) -> None:
    class Client:
        def complete(self, request: LLMRequest) -> LLMResponse:
            return LLMResponse(text="yes", finish_reason=odd, usage=Usage(), model="m")

    client: Any = Client()
    with AIWorkerManager(tmp_path, clients={"openai": client}) as manager:
        manager.add_worker_definition(worker("w", provider="openai"))
        _, record = manager.execute_stateless_task("w", "hello")
        (stored,) = manager.get_performance_records_for_definition("w")
    assert record == stored
    assert stored.llm_metrics["finish_reason"] == ("stop" if odd is Odd.STOP else {"why": ["a", 1.5]})


def test_what_no_file_can_hold_is_refused(tmp_path: Path) -> None:
    class Client:
        def complete(self, request: LLMRequest) -> LLMResponse:
            return LLMResponse(text="yes", finish_reason="stop", usage=Usage(), model="m", request_id=unfit)

    unfit: Any = object()
    client: Any = Client()
    with AIWorkerManager(tmp_path, clients={"openai": client}) as manager:
        manager.add_worker_definition(worker("w", provider="openai"))
        with raises_code(4, "llm_metrics"):
            manager.execute_stateless_task("w", "hello")
        assert manager.limit_usage("w")["calls_in_flight"] == 0


def test_the_counters_are_right_when_a_task_is_over_and_whatever_becomes_of_its_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with AIWorkerManager(tmp_path) as manager:
        manager.add_worker_definition(worker("w"))
        manager.execute_stateless_task("w", "hello there")
        usage = manager.limit_usage("w")
        assert (usage["calls_in_flight"], usage["tokens_last_minute"]) == (0, 5)
        with monkeypatch.context() as patch:
            patch.setattr("os.fdatasync" if hasattr(os, "fdatasync") else "os.fsync", _full)
            with raises_code(26):
                manager.execute_stateless_task("w", "hello there")
        usage = manager.limit_usage("w")
        assert (usage["calls_in_flight"], usage["tokens_last_minute"]) == (0, 10)
        assert len(manager.get_performance_records_for_definition("w")) == 1


def _full(descriptor: int) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_missing_key_is_error_18_and_releases_what_was_reserved(manager: AIWorkerManager) -> None:
    auth = {"method": "env_var", "value": "NO_SUCH_VARIABLE"}
    manager.add_worker_definition(worker("w", provider="openai", auth=auth, rate_limits={"max_requests_per_day": 1}))
    for _ in range(2):
        with raises_code(18, "NO_SUCH_VARIABLE"):
            manager.execute_stateless_task("w", "hello")
    assert manager.limit_usage("w")["requests_last_day"] == 0
    assert manager.performance_summary("w").total_tasks_attempted == 0


@pytest.mark.parametrize(
    ("error", "code", "tokens"),
    [
        (ValueError("?"), 16, 0),
        (NeuroScriptError(ErrorCode.TIMEOUT, "slow"), 31, 6 + 256),
        (KeyboardInterrupt(), None, 6 + 256),
    ],
)
def test_whatever_a_call_raises_nothing_stays_in_flight(
    tmp_path: Path, error: BaseException, code: int | None, tokens: int
) -> None:
    """Where the call was given up the model may have answered, and what was reserved for it is counted."""

    def fail(request: LLMRequest) -> str:
        raise error

    with AIWorkerManager(tmp_path, clients={"openai": Answers(fail)}) as manager:
        manager.add_worker_definition(worker("w", provider="openai", rate_limits={"max_tokens_per_minute": 1000}))
        for _ in range(3):
            with pytest.raises(type(error) if code is None else NeuroScriptError):
                manager.execute_stateless_task("w", "hello")
        usage = manager.limit_usage("w")
        counted = usage["calls_in_flight"], usage["tokens_last_minute"], usage["requests_last_minute"]
        assert counted == (0, 3 * tokens, 3)
        summary = manager.performance_summary("w")
        assert (summary.failed_tasks, summary.total_tasks_attempted) == (3, 3)


def test_an_unknown_provider_of_a_package_is_error_40(manager: AIWorkerManager) -> None:
    manager.add_worker_definition(scripted("w", [{"error": {"code": 40, "message": "no such model"}}]))
    with raises_code(40):
        manager.execute_stateless_task("w", "hello")
    assert manager.performance_summary("w").failed_tasks == 1


def test_settling_replaces_the_estimate(tmp_path: Path) -> None:
    def long_answer(request: LLMRequest) -> LLMResponse:
        usage = Usage(input_tokens=100, output_tokens=400)
        return LLMResponse(text="…", finish_reason="stop", usage=usage, model="m")

    with AIWorkerManager(tmp_path, clients={"openai": Answers(long_answer)}) as manager:
        limits = {"max_tokens_per_minute": 500}
        manager.add_worker_definition(worker("w", provider="openai", rate_limits=limits))
        manager.execute_stateless_task("w", "hello")
        assert manager.limit_usage("w")["tokens_last_minute"] == 500
        with raises_code(20):
            manager.execute_stateless_task("w", "hello")


def test_a_window_slides_and_its_counters_survive_a_restart(tmp_path: Path) -> None:
    clock = FakeClock()
    with AIWorkerManager(tmp_path, clock=clock) as manager:
        manager.add_worker_definition(worker("w", rate_limits={"max_requests_per_minute": 1}))
        manager.execute_stateless_task("w", "hello")
    clock.seconds += 20
    with AIWorkerManager(tmp_path, clock=clock) as manager:
        with raises_code(20) as error:
            manager.execute_stateless_task("w", "hello")
        assert error.value.details["retry_after_seconds"] == pytest.approx(40, abs=0.01)
        clock.seconds += 41
        assert manager.execute_stateless_task("w", "hello").record.timestamp_start.timestamp() == clock.seconds


def test_a_clock_decides_time_stamps_and_durations() -> None:
    clock = FakeClock(1_750_000_000.25)

    def slow(request: LLMRequest) -> str:
        clock.seconds += 1.5
        return "yes"

    with AIWorkerManager(clock=clock, clients={"openai": Answers(slow)}) as manager:
        manager.add_worker_definition(worker("w", provider="openai"))
        record = manager.execute_stateless_task("w", "hello").record
    assert (str(record.timestamp_start), str(record.timestamp_end)) == (
        "2025-06-15T15:06:40.25Z",
        "2025-06-15T15:06:41.75Z",
    )
    assert record.duration_ms == 1500


def test_waiting_for_room_instead_of_a_refusal(manager: AIWorkerManager) -> None:
    manager.add_worker_definition(
        worker("w", rate_limits={"max_requests_per_minute": 1}, base_config={"on_limit": "wait"})
    )
    manager.execute_stateless_task("w", "hello")
    before = time.monotonic()
    with raises_code(20):
        manager.execute_stateless_task("w", "hello", {"limit_wait_seconds": 0.2})
    assert time.monotonic() - before < 5
    assert manager.limit_usage("w")["calls_in_flight"] == 0


def test_prices_of_the_host(tmp_path: Path) -> None:
    asked = []

    def price(provider: str, model: str, usage: Any) -> float:
        asked.append((provider, model, usage.input_tokens, usage.output_tokens))
        return 0.25

    with AIWorkerManager(tmp_path, clients={"openai": Answers()}, price_source=price) as manager:
        manager.add_worker_definition(worker("w", provider="openai", model_name="m1"))
        record = manager.execute_stateless_task("w", "hello").record
    assert (record.cost_incurred, record.llm_metrics["cost_source"]) == (0.25, "published")
    assert asked == [("openai", "m1", 10, 5)]


def test_an_unknown_price_is_marked(manager: AIWorkerManager) -> None:
    manager.add_worker_definition(worker("w"))
    record = manager.execute_stateless_task("w", "hello").record
    assert (record.cost_incurred, record.llm_metrics["cost_source"]) == (0, "unknown")


# --- feedback and records ---


def test_feedback_goes_to_the_record_and_to_the_quality_score(manager: AIWorkerManager) -> None:
    manager.add_worker_definition(worker("w"))
    first = manager.execute_stateless_task("w", "a").record
    second = manager.execute_stateless_task("w", "b").record
    manager.log_feedback(first.task_id, 4.5, comments="good", supervisor_agent_id="ada")
    manager.log_feedback(second.task_id, 1)
    changed = manager.log_feedback(second.task_id, 3.5)
    assert changed.supervisor_feedback is not None
    assert changed.supervisor_feedback.rating == 3.5
    assert manager.performance_summary("w").average_quality_score == 4.0
    with raises_code(9):
        manager.log_feedback("nobody", 1)
    with raises_code(4):
        manager.log_feedback(first.task_id, "high")  # type: ignore[arg-type]


def test_a_record_of_elsewhere_is_logged_once(manager: AIWorkerManager) -> None:
    id_ = manager.add_worker_definition(worker("w"))
    record = {
        "task_id": "mine",
        "instance_id": "stateless-mine",
        "definition_id": "w",
        "timestamp_start": "2025-06-15T09:30:00Z",
        "timestamp_end": "2025-06-15T09:30:01Z",
        "duration_ms": 1000,
        "success": True,
        "llm_metrics": {"total_tokens": 12},
    }
    assert manager.log_performance_record(record) == "mine"
    (found,) = manager.get_performance_records_for_definition("w", {"task_id": "mine"})
    assert (found.definition_id, found.duration_ms) == (id_, 1000)
    assert manager.performance_summary("w").total_tokens_processed == 12
    with raises_code(42):
        manager.log_performance_record(record)
    with raises_code(9):
        manager.log_performance_record({**record, "task_id": "other", "definition_id": "nobody"})
    with raises_code(4):
        manager.log_performance_record({**record, "task_id": "other", "duration_ms": -1})
    assert manager.load_performance_data() == manager.save_performance_data() == 1


def test_records_of_live_instances_are_found_too(manager: AIWorkerManager) -> None:
    manager.add_worker_definition(worker("w"))
    instance = manager.spawn_worker_instance("w").instance_id
    manager.conversation(instance).ask("in a conversation")
    manager.execute_stateless_task("w", "on its own")
    found = manager.get_performance_records_for_definition
    assert [record.output_summary for record in found("w")] == ["echo: on its own", "echo: in a conversation"]
    assert len(found("w", {"instance_id": instance})) == 1
    assert len(found("w", {"instance_id": "stateless"})) == 1
    assert len(found("w", {"limit": 1})) == 1
    assert found("w", {"success": False}) == []
    with raises_code(4):
        found("w", {"colour": "red"})
