"""A limiter that is busy and alone with the file counts in memory: nothing is lost, and nobody else is misled."""

from __future__ import annotations

import multiprocessing
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from ai_wm.ratelimit import SQLiteRateLimiter
from ai_wm.ratelimit.leases import try_exclusive
from ai_wm.ratelimit.past_uses import PastUse
from neuroscript.errors import NeuroScriptError, RateLimitedError

from .support import ROOMY, Policy, nothing_recorded, until

REPOSITORY = Path(__file__).parents[3]
LIMITS = Policy(max_requests_per_day=100, max_tokens_per_day=10_000, max_cost_per_day=100.0)


@pytest.fixture(autouse=True)
def _is_always_busy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ai_wm.ratelimit.exclusive.BUSY_SECONDS", 3600.0)
    monkeypatch.setattr("ai_wm.ratelimit.exclusive._AGAIN_SECONDS", 0.0)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ai_worker_limits.sqlite3"


@pytest.fixture
def limiter(path: Path) -> Iterator[SQLiteRateLimiter]:
    with closing(SQLiteRateLimiter(path, past_uses=nothing_recorded)) as made:
        yield made


def call(limiter: SQLiteRateLimiter, times: int = 1, definition: str = "d") -> None:
    for _ in range(times):
        limiter.reserve(definition, LIMITS, tokens=10, cost=0.5).settle(5, 0.25)


def in_file(path: Path) -> int:
    """How many calls the file knows, whatever is to be written."""
    with closing(sqlite3.connect(path)) as connection:
        return int(connection.execute("SELECT COUNT(*) FROM entries").fetchone()[0])


def counts_in_memory(limiter: SQLiteRateLimiter, definition: str = "d") -> bool:
    return limiter._exclusive is not None and limiter._exclusive.knows(definition)


def test_the_calls_of_a_busy_limiter_reach_the_file_together(
    limiter: SQLiteRateLimiter, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ai_wm.ratelimit.exclusive.WRITE_SECONDS", 3600.0)
    call(limiter, 20)
    assert counts_in_memory(limiter)
    assert in_file(path) < 5
    assert limiter.usage("d")["requests_last_day"] == 20  # whoever asks has them written
    assert in_file(path) == 20


def test_they_are_written_a_moment_later_by_themselves(limiter: SQLiteRateLimiter, path: Path) -> None:
    call(limiter, 20)
    until(lambda: in_file(path) == 20)


def test_a_limiter_that_makes_a_call_now_and_then_writes_each(
    limiter: SQLiteRateLimiter, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ai_wm.ratelimit.exclusive.BUSY_SECONDS", 0.0)
    call(limiter, 5)
    assert in_file(path) == 5
    assert not path.with_name(f"{path.name}.exclusive").exists()


def test_calls_in_flight_are_written_and_end_in_the_file(limiter: SQLiteRateLimiter, path: Path) -> None:
    call(limiter, 3)
    settled, released, flying = (limiter.reserve("d", LIMITS, tokens=100, cost=1.0) for _ in range(3))
    until(lambda: in_file(path) == 6)
    settled.settle(7, 0.5)
    released.release()
    assert counts_in_memory(limiter)
    call(limiter, 3)
    usage = limiter.usage("d")
    assert usage["calls_in_flight"] == 1
    assert (usage["requests_last_day"], usage["tokens_last_day"]) == (8, 6 * 5 + 7 + 100)
    assert usage["cost_last_day"] == 6 * 0.25 + 0.5 + 1.0
    flying.settle(0, 0.0)
    assert limiter.usage("d")["tokens_last_day"] == 6 * 5 + 7


def test_a_reservation_can_be_written_at_once(
    limiter: SQLiteRateLimiter, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ai_wm.ratelimit.exclusive.WRITE_SECONDS", 3600.0)
    call(limiter, 5)
    held = limiter.reserve("d", LIMITS, tokens=10)
    assert in_file(path) < 6
    held.write()
    assert in_file(path) == 6
    held.settle(3)
    held.write()  # over already
    assert limiter.usage("d")["tokens_last_day"] == 5 * 5 + 3


@pytest.mark.parametrize("limit", ["max_requests_per_day", "max_tokens_per_day", "max_cost_per_day"])
def test_limits_bind_to_the_last_call(limiter: SQLiteRateLimiter, limit: str) -> None:
    policy = Policy(**{limit: 50})
    for _ in range(50):
        limiter.reserve("d", policy, tokens=1, cost=1.0).settle(1, 1.0)
    with pytest.raises(RateLimitedError):
        limiter.reserve("d", policy, tokens=1, cost=1.0)


def test_so_do_limits_of_calls_at_once(limiter: SQLiteRateLimiter) -> None:
    policy = Policy(max_concurrent_calls=3)
    for _ in range(5):
        limiter.reserve("d", policy, tokens=1).settle(1)
    held = [limiter.reserve("d", policy, tokens=1) for _ in range(3)]
    with pytest.raises(RateLimitedError):
        limiter.reserve("d", policy, tokens=1)
    held[0].settle(1)
    limiter.reserve("d", policy, tokens=1).settle(1)


def test_a_call_that_waits_is_served_by_the_end_of_one_in_memory(limiter: SQLiteRateLimiter) -> None:
    policy = Policy(max_concurrent_calls=1)
    for _ in range(5):
        limiter.reserve("d", policy, tokens=1).settle(1)
    assert counts_in_memory(limiter)
    held = limiter.reserve("d", policy, tokens=1)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(lambda: limiter.reserve("d", policy, tokens=1, wait_seconds=60).settle(1))
        until(lambda: limiter.usage("d")["waiting"] == 1)
        held.settle(1)
        waiting.result(20)


def test_another_limiter_counts_on_from_what_was_in_memory(
    limiter: SQLiteRateLimiter, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    call(limiter, 60)
    assert counts_in_memory(limiter)
    with closing(SQLiteRateLimiter(path, past_uses=nothing_recorded)) as other:
        call(other, 20)
        call(limiter, 20)  # the first one sees that it is not alone
        assert not counts_in_memory(limiter)
        for each in (limiter, other):
            with pytest.raises(RateLimitedError):
                call(each)
            assert each.usage("d")["requests_last_day"] == 100
    call(limiter, 3, "e")
    assert counts_in_memory(limiter, "e")  # alone again


def test_whoever_only_looks_sees_all_of_it(limiter: SQLiteRateLimiter, path: Path) -> None:
    call(limiter, 20)
    with closing(SQLiteRateLimiter(path)) as other:
        assert other.usage("d")["requests_last_day"] == 20
        call(limiter)
        assert other.usage("d")["requests_last_day"] == 21  # from the first look on, the other one writes each call
        assert not counts_in_memory(limiter)


def test_several_definitions_are_counted_in_memory_at_the_same_time(
    limiter: SQLiteRateLimiter, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ai_wm.ratelimit.exclusive.WRITE_SECONDS", 3600.0)
    for _ in range(20):
        for definition in ("own", "ceiling:owner", "ceiling:directory"):
            call(limiter, 1, definition)
    assert in_file(path) < 15
    assert [limiter.usage(each)["requests_last_day"] for each in ("own", "ceiling:owner")] == [20, 20]


def test_a_stopped_process_that_holds_the_lock_is_not_waited_for_for_ever(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ai_wm.ratelimit.leases.LONGEST_WAIT", 0.05)
    with closing(SQLiteRateLimiter(path)) as stopped:
        call(stopped)
        lock = try_exclusive(path)
        assert lock is not None
        with closing(SQLiteRateLimiter(path, past_uses=nothing_recorded)) as other:
            call(other)
            assert other.usage("d")["requests_last_day"] == 2
        lock.remove()


def test_a_limiter_that_was_stopped_counts_no_more_in_memory(
    limiter: SQLiteRateLimiter, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ai_wm.ratelimit.exclusive.WRITE_SECONDS", 3600.0)
    monkeypatch.setattr("ai_wm.ratelimit.exclusive._TRUST_SECONDS", 0.05)
    monkeypatch.setattr("ai_wm.ratelimit.leases.LONGEST_WAIT", 0.1)
    call(limiter, 5)
    with closing(SQLiteRateLimiter(path, past_uses=nothing_recorded)) as other:
        call(other, 95)
        with pytest.raises(RateLimitedError):
            call(limiter, 6)


def test_calls_that_have_a_record_before_they_are_in_the_file_are_not_counted_twice(
    limiter: SQLiteRateLimiter, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ai_wm.ratelimit.exclusive.WRITE_SECONDS", 0.3)
    recorded = []
    for _ in range(20):
        call(limiter)
        recorded.append(PastUse("d", time.time(), 5, 0.25))
    with closing(SQLiteRateLimiter(path, past_uses=lambda counted: recorded)) as other:
        usage = other.usage("d")
        assert (usage["requests_last_day"], usage["tokens_last_day"]) == (20, 100)
    assert limiter.usage("d")["requests_last_day"] == 20


def test_a_lost_file_is_told_of_a_moment_later(limiter: SQLiteRateLimiter, path: Path) -> None:
    call(limiter, 5)
    path.unlink()

    def is_told() -> bool:
        try:
            call(limiter)
        except NeuroScriptError as error:
            return "was removed while this program used it" in error.message
        return False

    until(is_told)
    assert not counts_in_memory(limiter)


def test_calls_that_could_not_be_written_are_written_with_the_next(limiter: SQLiteRateLimiter, path: Path) -> None:
    call(limiter, 3)
    connection = limiter._database._connection
    assert connection is not None
    pages = connection.execute("PRAGMA page_count").fetchone()[0]
    connection.execute(f"PRAGMA max_page_count = {pages}")  # as if the disk were full
    made = 3

    def fill() -> None:
        nonlocal made
        while made < 1_000_000:
            held = limiter.reserve("d", ROOMY, tokens=1)
            made += 1
            held.settle(1)

    with pytest.raises(NeuroScriptError, match="make room on the disk"):
        fill()
    connection.execute("PRAGMA max_page_count = 1000000")
    limiter.reserve("d", ROOMY, tokens=1).settle(1)
    assert limiter.usage("d")["requests_last_minute"] == made + 1


def test_a_fork_counts_for_itself_and_loses_nothing(limiter: SQLiteRateLimiter) -> None:
    call(limiter, 10)
    assert counts_in_memory(limiter)

    def work() -> None:
        call(limiter, 10)
        limiter.close()

    child = multiprocessing.get_context("fork").Process(target=work)
    child.start()
    call(limiter, 10)
    child.join(20)
    assert child.exitcode == 0
    assert limiter.usage("d")["requests_last_day"] == 30


def run(program: str, path: Path, *, kill: bool = False) -> None:
    """Runs a program that makes calls until it prints a line; killed then, if told so."""
    head = f"""
import sys, time
from pathlib import Path
from ai_wm.ratelimit import SQLiteRateLimiter
from tests.ai_wm.ratelimit.support import Policy, nothing_recorded
limiter = SQLiteRateLimiter(Path({str(path)!r}), past_uses=nothing_recorded)
policy = Policy(max_requests_per_day=1000)
"""
    process = subprocess.Popen(
        [sys.executable, "-c", head + program], cwd=REPOSITORY, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    process.stdout.readline()
    if kill:
        process.kill()
    process.communicate()


MADE = """
for _ in range(20):
    limiter.reserve("d", policy, tokens=10).settle(5)
print("made", flush=True)
"""


def test_a_program_that_ends_without_closing_it_loses_nothing(path: Path) -> None:
    run(MADE, path)
    with closing(SQLiteRateLimiter(path)) as limiter:
        usage = limiter.usage("d")
        assert (usage["requests_last_day"], usage["tokens_last_day"]) == (20, 100)


def test_what_a_killed_process_took_with_it_is_counted_from_the_records(path: Path) -> None:
    began = time.time()
    run(MADE + "time.sleep(60)", path, kill=True)
    recorded = [PastUse("d", began + number / 1000, 5, 0.0) for number in range(20)]
    with closing(SQLiteRateLimiter(path, past_uses=lambda counted: recorded)) as limiter:
        usage = limiter.usage("d")
        assert (usage["requests_last_day"], usage["tokens_last_day"]) == (20, 100)
        assert usage["calls_in_flight"] == 0


def test_processes_that_come_and_go_use_a_limit_exactly(path: Path) -> None:
    program = f"""
import random
made = 0
try:
    while True:
        limiter.reserve("d", Policy(max_requests_per_day=4000), tokens=1).settle(1)
        time.sleep(0.0001)
        made += 1
except Exception as error:
    assert "max_requests_per_day" in str(error), error
Path({str(path.parent)!r}, f"{{random.random()}}.made").write_text(str(made))
limiter.close()
"""
    with ThreadPoolExecutor(4) as pool:

        def later(number: int) -> None:
            time.sleep(0.1 * number)
            run(program, path)

        list(pool.map(later, range(4)))
    made = [int(each.read_text()) for each in path.parent.glob("*.made")]
    assert len(made) == 4
    assert sum(made) == 4000
    assert min(made) > 0


def test_threads_reserve_in_memory_and_in_the_file_at_once(limiter: SQLiteRateLimiter) -> None:
    """Some calls fit for certain, some are looked at in the file, some end after they were written."""
    policy = Policy(max_requests_per_day=2000, max_tokens_per_day=100_000)

    def work(number: int) -> int:
        made = 0
        while True:
            try:
                reservation = limiter.reserve("d", policy, tokens=20)
            except RateLimitedError:
                return made
            if number == 0 and made % 50 == 0:
                limiter.usage("d")
            if number == 1 and made % 40 == 0:
                time.sleep(0.12)
            reservation.settle(10)
            made += 1

    with ThreadPoolExecutor(8) as pool:
        made = sum(pool.map(work, range(8)))
    assert made == 2000
    usage = limiter.usage("d")
    assert (usage["requests_last_day"], usage["tokens_last_day"]) == (2000, 20_000)
    assert usage["calls_in_flight"] == 0
