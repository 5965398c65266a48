"""The file of the limits of a directory: what becomes of the limits when somebody removes it."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ai_wm import AIWorkerManager, register_ai_worker_tools
from ai_wm.data.policy import WorkerPolicy
from ai_wm.ratelimit import Demand, SQLiteRateLimiter
from ai_wm.ratelimit.past_uses import PastUse
from ai_wm.wiring import LIMITS_FILE
from neuroscript import ErrorCode, Interpreter, NeuroScriptError

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


def crashed_copy(directory: Path, to: Path) -> Path:
    """A copy of what a running manager has on the disk, as a process that is killed leaves it."""
    return Path(shutil.copytree(directory, to))


def emptied(limits: Path, older: Path) -> None:
    remove_counters(limits.parent)
    limits.touch()


def without_its_log(limits: Path, older: Path) -> None:
    limits.with_name(limits.name + "-wal").unlink()


def with_half_of_its_log(limits: Path, older: Path) -> None:
    log = limits.with_name(limits.name + "-wal")
    os.truncate(log, log.stat().st_size // 2)


def replaced_by_an_older_copy(limits: Path, older: Path) -> None:
    remove_counters(limits.parent)
    for path in older.glob(f"{LIMITS_FILE}*"):
        shutil.copy(path, limits.parent)


def removed_altogether(limits: Path, older: Path) -> None:
    remove_counters(limits.parent)


@pytest.mark.parametrize(
    "fate", [emptied, without_its_log, with_half_of_its_log, replaced_by_an_older_copy, removed_altogether]
)
def test_a_file_that_knows_less_than_the_records_is_brought_up_to_them(
    tmp_path: Path, fate: Callable[[Path, Path], None], caplog: pytest.LogCaptureFixture
) -> None:
    limits = {"max_requests_per_day": 8, "max_tokens_per_day": 1000}
    with AIWorkerManager(tmp_path / "run") as manager:
        for name in ("w", "other"):
            manager.add_worker_definition(worker(name, rate_limits=limits))
        for _ in range(2):
            manager.execute_stateless_task("w", "hello there")
        older = crashed_copy(tmp_path / "run", tmp_path / "older")
        for _ in range(4):
            manager.execute_stateless_task("w", "hello there")
        manager.execute_stateless_task("other", "hello there")
        expected = manager.limit_usage("w")
        copy = crashed_copy(tmp_path / "run", tmp_path / "copy")
    fate(copy / LIMITS_FILE, older)
    for expect_warning in (True, False):
        caplog.clear()
        with AIWorkerManager(copy) as manager:
            usage = manager.limit_usage("w")
            assert manager.limit_usage("other")["requests_last_day"] == 1
        assert {**usage, "waiting": 0} == {**expected, "waiting": 0}
        assert ("knew less of the last day" in caplog.text) is expect_warning
    with AIWorkerManager(copy) as manager:
        for _ in range(2):
            manager.execute_stateless_task("w", "hello")
        with raises_code(20):
            manager.execute_stateless_task("w", "hello")


def test_a_complete_file_is_left_as_it_is(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with AIWorkerManager(tmp_path) as manager:
        manager.add_worker_definition(worker("w", rate_limits={"max_requests_per_day": 8}))
        for _ in range(3):
            manager.execute_stateless_task("w", "hello")
        expected = manager.limit_usage("w")
        with AIWorkerManager(tmp_path) as another:  # while the first one has the file open
            assert another.limit_usage("w") == expected
    with AIWorkerManager(tmp_path) as manager:
        assert manager.limit_usage("w") == expected
    assert "knew less" not in caplog.text


def ask_by_script(manager: AIWorkerManager, times: int) -> None:
    with Interpreter() as interpreter:
        register_ai_worker_tools(interpreter, manager)
        interpreter.load(
            'func main() means\n  return tool.AIWorker.ExecuteStatelessTask("w", "hello")\nendfunc\n', name="team.ns"
        )
        for _ in range(times):
            interpreter.run("main")


def test_calls_under_the_ceilings_of_a_policy_are_counted_again_too(tmp_path: Path) -> None:
    policy = WorkerPolicy(max_requests_per_minute=4)
    with AIWorkerManager(tmp_path, policy=policy) as manager:
        manager.add_worker_definition(worker("w"))
        ask_by_script(manager, 3)
    remove_counters(tmp_path)
    (tmp_path / LIMITS_FILE).touch()
    with AIWorkerManager(tmp_path, policy=policy) as manager:
        ask_by_script(manager, 1)
        with raises_code(20):
            ask_by_script(manager, 1)


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


@pytest.mark.parametrize("limits", [{}, {"max_requests_per_day": 100}], ids=["no limits", "limits"])
def test_a_call_whose_record_could_not_be_stored_counts_once(
    tmp_path: Path, limits: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise NeuroScriptError(ErrorCode.IO_FAILED, "the disk is full")

    with AIWorkerManager(tmp_path) as manager:
        manager.add_worker_definition(worker("w", definition_id="w", rate_limits=limits))
        manager.execute_stateless_task("w", "hello")
        with monkeypatch.context() as patch:
            patch.setattr(manager._wiring.store, "add_record", full)
            for _ in range(3):
                with raises_code(26, "the disk is full"):
                    manager.execute_stateless_task("w", "hello")
        manager.execute_stateless_task("w", "hello")
        assert manager.limit_usage("w")["requests_last_day"] == 5
    with AIWorkerManager(tmp_path) as manager:
        assert len(manager.get_performance_records_for_definition("w")) == 5
        assert manager.limit_usage("w")["requests_last_day"] == 5


def test_usage_is_known_before_the_first_call(tmp_path: Path) -> None:
    with AIWorkerManager(tmp_path) as manager:
        manager.add_worker_definition(worker("w"))
        manager.execute_stateless_task("w", "hello")
        expected = manager.limit_usage("w")
    remove_counters(tmp_path)
    with AIWorkerManager(tmp_path) as manager:
        assert manager.limit_usage("w") == expected


def test_short_runs_without_limits_say_nothing_and_leave_what_is_missing_to_be_found(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Their calls are counted when they close: the records are not read for that, and are not needed."""
    run = tmp_path / "run"
    with AIWorkerManager(run) as manager:
        manager.add_worker_definition(worker("free"))
        manager.add_worker_definition(worker("limited", rate_limits={"max_requests_per_day": 2}))
        manager.execute_stateless_task("limited", "hello")
        older = crashed_copy(run, tmp_path / "older")
        manager.execute_stateless_task("limited", "hello")
    replaced_by_an_older_copy(run / LIMITS_FILE, older)
    caplog.clear()
    for _ in range(3):
        with AIWorkerManager(run) as manager:
            manager.execute_stateless_task("free", "hello")
    assert not caplog.messages
    with AIWorkerManager(run) as manager:
        with raises_code(20):
            manager.execute_stateless_task("limited", "hello")
        assert manager.limit_usage("free")["requests_last_day"] == 3
    assert "knew less of the last day" in caplog.text


def test_records_that_cannot_be_read_are_told_of_unless_the_limiter_ends(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A read that closing overtakes is given up at the next record; any other failure is said."""
    reading, closed = threading.Event(), threading.Event()

    def closed_meanwhile() -> Iterator[PastUse]:
        reading.set()
        assert closed.wait(20)
        yield PastUse("d", 0.0, 1, 0.0)
        raise NeuroScriptError(ErrorCode.PRECONDITION_FAILED, "the store is closed")

    def broken() -> Iterator[PastUse]:
        yield PastUse("d", 0.0, 1, 0.0)
        raise NeuroScriptError(ErrorCode.IO_FAILED, "the disk does not answer")

    limiter = SQLiteRateLimiter(tmp_path / "broken.sqlite3", None, lambda counted: broken())
    limiter.usage("d")
    limiter.close()
    assert "since it cannot be read: error 26" in caplog.text
    caplog.clear()
    limiter = SQLiteRateLimiter(tmp_path / "closed.sqlite3", None, lambda counted: closed_meanwhile())
    caller = threading.Thread(target=limiter.usage, args=["d"])
    caller.start()
    assert reading.wait(20)
    limiter.close()
    closed.set()
    caller.join(20)
    assert not caller.is_alive()
    assert not caplog.messages
