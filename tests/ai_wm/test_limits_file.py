"""The file of the limits of a directory: what becomes of the limits when somebody removes it."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from ai_wm import AIWorkerManager
from ai_wm.ratelimit import Demand
from ai_wm.wiring import LIMITS_FILE

from .helpers import FakeClock, raises_code, worker
from .ratelimit.support import until

DAY = 86_400


def remove_counters(directory: Path) -> None:
    for path in directory.glob(f"{LIMITS_FILE}*"):
        path.unlink()


def test_limits_that_were_removed_between_two_runs_are_rebuilt_from_the_records(tmp_path: Path) -> None:
    clock = FakeClock()
    with AIWorkerManager(tmp_path, clock=clock) as manager:
        manager.add_worker_definition(worker("w", rate_limits={"max_requests_per_day": 3}))
        manager.execute_stateless_task("w", "hello there")
        clock.seconds += 3600
        manager.execute_stateless_task("w", "hello there")
        expected = manager.limit_usage("w")
    remove_counters(tmp_path)
    with AIWorkerManager(tmp_path, clock=clock) as manager:
        manager.execute_stateless_task("w", "hello there")
        usage = manager.limit_usage("w")
        assert usage["requests_last_day"] == 3
        assert usage["tokens_last_day"] == expected["tokens_last_day"] * 1.5
        assert usage["calls_in_flight"] == 0
        with raises_code(20):
            manager.execute_stateless_task("w", "hello there")
        clock.seconds += DAY - 3600
        manager.execute_stateless_task("w", "hello there")
        with raises_code(20):
            manager.execute_stateless_task("w", "hello there")


def test_limits_that_are_removed_while_a_manager_runs_are_refused_until_the_next_start(tmp_path: Path) -> None:
    with AIWorkerManager(tmp_path) as manager:
        manager.add_worker_definition(worker("w", rate_limits={"max_requests_per_day": 2}))
        manager.execute_stateless_task("w", "hello")
        remove_counters(tmp_path)
        with raises_code(26, "was removed while this program used it"):
            manager.execute_stateless_task("w", "hello")
    with AIWorkerManager(tmp_path) as manager:
        manager.execute_stateless_task("w", "hello")
        with raises_code(20):
            manager.execute_stateless_task("w", "hello")


def test_calls_before_the_file_is_made_count_once(tmp_path: Path) -> None:
    with AIWorkerManager(tmp_path) as manager:
        manager.add_worker_definition(worker("w"))
        for _ in range(3):
            manager.execute_stateless_task("w", "hello")
        assert not (tmp_path / LIMITS_FILE).exists()
        assert manager.limit_usage("w")["requests_last_day"] == 3
    remove_counters(tmp_path)
    with AIWorkerManager(tmp_path) as manager:
        manager.execute_stateless_task("w", "hello")
        assert manager.limit_usage("w")["requests_last_day"] == 4


def test_processes_that_start_together_rebuild_the_limits_once(tmp_path: Path) -> None:
    with AIWorkerManager(tmp_path) as manager:
        manager.add_worker_definition(worker("w", rate_limits={"max_requests_per_day": 100}))
        for _ in range(5):
            manager.execute_stateless_task("w", "hello")
    remove_counters(tmp_path)
    managers = [AIWorkerManager(tmp_path) for _ in range(4)]
    threads = [threading.Thread(target=each.execute_stateless_task, args=("w", "hello")) for each in managers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {each.limit_usage("w")["requests_last_day"] for each in managers} == {9}
    for each in managers:
        each.close()


@pytest.mark.parametrize("kept", ["in a file", "in memory"])
@pytest.mark.parametrize("definition_id", [{"definition_id": "one"}, {}], ids=["same id", "other id"])
def test_a_definition_that_is_removed_and_added_again_has_no_second_allowance(
    tmp_path: Path, kept: str, definition_id: dict[str, str]
) -> None:
    definition = worker("w", **definition_id, rate_limits={"max_requests_per_day": 2})
    with AIWorkerManager(tmp_path if kept == "in a file" else None) as manager:
        manager.add_worker_definition(definition)
        manager.execute_stateless_task("w", "hello")
        for _ in range(3):
            manager.remove_worker_definition("w")
            manager.add_worker_definition(definition)
        manager.add_worker_definition({**definition, "name": "another", "definition_id": "another"})
        manager.execute_stateless_task("another", "hello")
        manager.execute_stateless_task("w", "hello")
        with raises_code(20):
            manager.execute_stateless_task("w", "hello")


def test_an_update_is_seen_at_once_by_those_that_wait(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AGAIN_POLL", "HEARTBEAT"):
        monkeypatch.setattr(f"ai_wm.ratelimit.wait_queue.{name}", 600.0)  # nobody looks by himself
    monkeypatch.setattr("ai_wm.ratelimit.sqlite.LONGEST_POLL", 600.0)
    with AIWorkerManager(tmp_path) as manager:
        manager.add_worker_definition(worker("w", rate_limits={"max_requests_per_minute": 1}))
        manager.execute_stateless_task("w", "hello")
        limiter = manager._wiring.limiter

        def demand() -> Demand:
            return Demand(manager.get_worker_definition("w").rate_limits, 1, 0.0)

        def wait() -> None:
            limits_id, policy = manager.get_worker_definition("w").limits_id, demand().policy
            limiter.reserve(limits_id, policy, tokens=1, wait_seconds=600, again=demand).release()

        waiter = threading.Thread(target=wait)
        waiter.start()
        until(lambda: manager.limit_usage("w")["waiting"] == 1)
        manager.update_worker_definition("w", {"rate_limits": {"max_requests_per_minute": 2}})
        waiter.join(20)
        assert not waiter.is_alive()
