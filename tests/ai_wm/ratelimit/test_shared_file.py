"""The shared file: restarts, several limiters, dead processes, forks, and a disk that fails."""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from ai_wm.ratelimit import SQLiteRateLimiter, counters
from neuroscript.errors import ErrorCode, NeuroScriptError, RateLimitedError

from .support import ROOMY, Clock, Policy, until

REPOSITORY = Path(__file__).parents[3]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ai_worker_limits.sqlite3"


@contextmanager
def worker(action: str, path: Path, *arguments: object) -> Iterator[subprocess.Popen[str]]:
    """A process that runs a function of `workers`; killed at the end of the block if it still runs."""
    command = [sys.executable, "-m", f"{__package__}.workers", action, str(path), *map(str, arguments)]
    process = subprocess.Popen(command, cwd=REPOSITORY, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def line_of(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def test_counters_survive_a_restart(path: Path, clock: Clock) -> None:
    policy = Policy(max_requests_per_day=2)
    first = SQLiteRateLimiter(path, clock)
    first.reserve("d", policy, tokens=5, cost=0.25).settle(6, 0.5)
    first.close()
    assert os.listdir(path.parent) == [path.name]
    clock.pass_(3600)
    second = SQLiteRateLimiter(path, clock)
    assert second.usage("d")["tokens_last_day"] == 6
    assert second.usage("d")["cost_last_day"] == 0.5
    second.reserve("d", policy, tokens=5).settle(5)
    with pytest.raises(RateLimitedError) as caught:
        second.reserve("d", policy, tokens=5)
    assert caught.value.details["retry_after_seconds"] == 86_400 - 3600
    second.close()


def test_a_clock_that_was_set_back_while_nothing_ran_frees_nothing_early(path: Path, clock: Clock) -> None:
    policy = Policy(max_requests_per_minute=1)
    first = SQLiteRateLimiter(path, clock)
    first.reserve("d", policy, tokens=5).settle(6)
    first.close()
    clock.pass_(-3600)
    second = SQLiteRateLimiter(path, clock)
    with pytest.raises(RateLimitedError) as caught:
        second.reserve("d", policy, tokens=5)
    assert caught.value.details["retry_after_seconds"] == 60
    clock.pass_(60)
    second.reserve("d", policy, tokens=5).settle(5)
    second.close()


def test_nothing_is_written_before_it_is_needed(path: Path) -> None:
    limiter = SQLiteRateLimiter(path)
    assert limiter.active_slots("d") == 0
    limiter.release_slot("d", "one")
    limiter.forget("d")
    assert not any(limiter.usage("d").values())
    limiter.close()
    assert not path.exists()


def test_limiters_of_one_process_share_the_file_and_know_who_is_alive(path: Path, clock: Clock) -> None:
    policy = Policy(max_tokens_per_minute=10, max_concurrent_active_instances=1)
    first, second = SQLiteRateLimiter(path, clock), SQLiteRateLimiter(path, clock)
    held = first.reserve("d", policy, tokens=10)
    first.acquire_slot("d", policy, "one")
    with pytest.raises(RateLimitedError):
        second.reserve("d", policy, tokens=1)
    with pytest.raises(RateLimitedError):
        second.acquire_slot("d", policy, "two")
    assert second.active_slots("d") == 1
    first.close()
    assert second.active_slots("d") == 0
    second.acquire_slot("d", policy, "two")
    with pytest.raises(RateLimitedError):  # nobody will know what became of a call that was in flight at the end
        second.reserve("d", policy, tokens=1)
    assert second.usage("d")["calls_in_flight"] == 0
    held.release()
    clock.pass_(60)
    second.reserve("d", policy, tokens=10).release()
    second.close()


def test_a_slot_is_given_back_by_whoever_retires_the_instance(path: Path) -> None:
    first, second = SQLiteRateLimiter(path), SQLiteRateLimiter(path)
    first.acquire_slot("d", ROOMY, "one")
    second.release_slot("d", "one")
    assert first.active_slots("d") == 0
    first.close()
    second.close()


def test_the_calls_of_a_killed_process_count_as_reserved_and_its_slots_are_given_back(path: Path) -> None:
    policy = Policy(max_tokens_per_minute=100, max_concurrent_active_instances=1)
    with worker("hold", path, 90) as process:
        assert line_of(process) == "held"
        limiter = SQLiteRateLimiter(path)
        assert limiter.usage("d")["tokens_last_minute"] == 95
        assert limiter.active_slots("d") == 1
        with pytest.raises(RateLimitedError):
            limiter.reserve("d", policy, tokens=50)
        with pytest.raises(RateLimitedError):
            limiter.acquire_slot("d", policy, "mine")
        process.send_signal(signal.SIGKILL)
        process.wait(10)
    limiter.acquire_slot("d", policy, "mine")
    with pytest.raises(RateLimitedError):
        limiter.reserve("d", policy, tokens=50)
    limiter.reserve("d", policy, tokens=5).settle(5)
    usage = limiter.usage("d")
    assert usage["tokens_last_minute"] == 100
    assert (usage["requests_last_minute"], usage["calls_in_flight"]) == (3, 0)
    limiter.close()


def test_a_restart_ends_what_a_killed_process_held(path: Path) -> None:
    with worker("hold", path, 90) as process:
        assert line_of(process) == "held"
        process.send_signal(signal.SIGKILL)
        process.wait(10)
    assert list(path.parent.glob("*.lease"))
    limiter = SQLiteRateLimiter(path)
    limiter.reserve("d", ROOMY, tokens=1).settle(1)
    assert limiter.usage("d")["calls_in_flight"] == 0
    assert limiter.usage("d")["tokens_last_minute"] == 96
    assert limiter.active_slots("d") == 0
    limiter.close()
    assert os.listdir(path.parent) == [path.name]


@pytest.mark.slow
def test_kills_at_any_moment_lose_no_call_and_leave_no_hold(path: Path) -> None:
    chance, tokens, requests = random.Random(7), 0, 0
    for _ in range(25):
        with worker("churn", path) as process:
            acknowledged = [line_of(process) for _ in range(chance.randrange(1, 400))][-1]
            process.send_signal(signal.SIGKILL)
            assert process.stdout is not None
            acknowledged = (process.stdout.read().split() or [acknowledged])[-1]
        limiter = SQLiteRateLimiter(path)
        limiter.acquire_slot("d", ROOMY, "one")
        usage = limiter.usage("d")
        assert usage["calls_in_flight"] == 0
        # Up to three calls were in flight, and count as reserved; the last one that was over may not have said so.
        in_flight, over = divmod(int(usage["tokens_last_day"]) - tokens, 1000)
        assert in_flight <= 3
        assert over - int(acknowledged) in (0, 1)
        assert usage["requests_last_day"] - requests == over + in_flight
        tokens, requests = int(usage["tokens_last_day"]), int(usage["requests_last_day"])
        limiter.close()


def test_waiting_for_a_process_that_is_killed_ends_when_it_is(path: Path) -> None:
    with worker("hold", path, 100) as process:
        assert line_of(process) == "held"
        limiter = SQLiteRateLimiter(path)
        policy = Policy(max_concurrent_calls=1)
        with pytest.raises(RateLimitedError, match=r"waited 0.05 s"):
            limiter.reserve("d", policy, tokens=50, wait_seconds=0.05)
        os.kill(process.pid, signal.SIGKILL)
        limiter.reserve("d", policy, tokens=50, wait_seconds=20).release()
    limiter.close()


def test_processes_that_wait_for_each_other_all_get_their_turns(path: Path) -> None:
    with worker("take_turns", path, 30) as first, worker("take_turns", path, 30) as second:
        assert [line_of(first), line_of(second)] == ["30", "30"]


@pytest.mark.parametrize(
    ("processes", "threads", "limit"), [(3, 4, 400), pytest.param(8, 16, 20_000, marks=pytest.mark.slow)]
)
def test_processes_together_use_the_limits_exactly(path: Path, processes: int, threads: int, limit: int) -> None:
    tokens = limit * 7 - 5 * 7
    commands = [worker("exhaust", path, threads, limit, tokens) for _ in range(processes)]
    running = [command.__enter__() for command in commands]
    try:
        assert [line_of(process) for process in running] == ["ready"] * processes
        for process in running:
            assert process.stdin is not None
            process.stdin.write("go\n")
            process.stdin.flush()
        made = [int(line_of(process)) for process in running]
        assert [process.wait(30) for process in running] == [0] * processes
    finally:
        for command in commands:
            command.__exit__(None, None, None)
    assert sum(made) == limit - 5
    limiter = SQLiteRateLimiter(path)
    assert limiter.usage("d")["tokens_last_day"] == tokens
    assert limiter.usage("d")["requests_last_day"] == limit - 5
    limiter.close()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_forked_child_is_somebody_else(path: Path) -> None:
    limiter = SQLiteRateLimiter(path)
    held = limiter.reserve("d", ROOMY, tokens=10)
    context = multiprocessing.get_context("fork")
    answers = context.SimpleQueue()

    def child() -> None:
        limiter.reserve("d", ROOMY, tokens=1).settle(1)
        answers.put(limiter.usage("d")["tokens_last_minute"])
        limiter.close()

    process = context.Process(target=child)
    process.start()
    process.join(20)
    assert process.exitcode == 0
    assert answers.get() == 11
    other = SQLiteRateLimiter(path)
    assert other.usage("d")["calls_in_flight"] == 1, "the end of the child gives nothing of its parent's back"
    held.settle(20)
    assert other.usage("d")["tokens_last_minute"] == 21
    answers.close()
    limiter.close()
    other.close()


def test_without_a_limit_by_the_day_the_file_stays_small(path: Path, clock: Clock) -> None:
    limiter = SQLiteRateLimiter(path, clock)
    for _ in range(300):
        limiter.reserve("d", ROOMY, tokens=1).settle(1)
        clock.pass_(2)
    assert limiter.usage("d")["requests_last_day"] == 300
    limiter.close()
    with sqlite3.connect(path) as connection:
        rows = connection.execute("SELECT (SELECT COUNT(*) FROM entries) + (SELECT COUNT(*) FROM buckets)").fetchone()
    connection.close()
    assert rows[0] <= 30 + 11


def test_calls_of_yesterday_leave_the_file(path: Path, clock: Clock) -> None:
    limiter = SQLiteRateLimiter(path, clock)
    policy = Policy(max_requests_per_day=100)
    for _ in range(10):
        limiter.reserve("d", policy, tokens=1).settle(1)
    clock.pass_(86_400)
    limiter.reserve("d", policy, tokens=1).settle(1)
    limiter.close()
    with sqlite3.connect(path) as connection:
        assert connection.execute("SELECT COUNT(*) FROM entries").fetchone() == (1,)
    connection.close()


def test_definitions_that_were_removed_leave_the_file_once_they_have_aged_out(path: Path, clock: Clock) -> None:
    limiter = SQLiteRateLimiter(path, clock)
    for policy in (ROOMY, Policy(max_requests_per_day=2000)):
        for number in range(5):
            limiter.reserve(f"{policy}-{number}", policy, tokens=1).settle(1)
    for _ in range(1500):
        limiter.reserve("many", Policy(max_requests_per_day=2000), tokens=1).settle(1)
    in_flight = limiter.reserve("in flight", ROOMY, tokens=1)
    limiter.acquire_slot("slot", ROOMY, "one")
    limiter.forget("many")
    clock.pass_(86_399)
    limiter.reserve("young", ROOMY, tokens=1).settle(1)
    clock.pass_(1)
    for _ in range(3):
        limiter.forget("many")
    with closing(sqlite3.connect(path)) as connection:
        left = connection.execute("SELECT id FROM definitions ORDER BY id").fetchall()
        calls = connection.execute("SELECT COUNT(*) FROM entries").fetchone()
    assert left == [("in flight",), ("slot",), ("young",)]
    assert calls == (2,)
    in_flight.release()
    limiter.close()


@pytest.mark.parametrize("seed", range(12))
def test_another_limiter_adds_up_what_the_first_has_counted(path: Path, clock: Clock, seed: int) -> None:
    """Its first call takes the sums from the calls themselves, and finds what calls at work have left of them."""
    choose = random.Random(seed)
    policy = Policy(max_tokens_per_minute=1 << 40, max_requests_per_day=1 << 40) if seed % 2 else ROOMY
    first = SQLiteRateLimiter(path, clock)
    held = []
    for _ in range(120):
        clock.pass_(choose.choice([0, 0.001, 1, 7, 61, 4000, 30_000]))
        if held and choose.random() < 0.5:
            reservation = held.pop(choose.randrange(len(held)))
            if choose.random() < 0.3:
                reservation.release()
            else:
                reservation.settle(choose.randrange(50), choose.random())
        else:
            held.append(first.reserve("d", policy, tokens=choose.randrange(100), cost=choose.random()))
    expected = first.usage("d")
    second = SQLiteRateLimiter(path, clock)
    second.reserve("d", policy, tokens=3).release()
    assert second.usage("d") == expected
    for reservation in held:
        reservation.settle(1)
    clock.pass_(3 * 86_400)
    assert all(value == 0 for value in second.usage("d").values())
    first.close()
    second.close()


VERSION_1 = """
CREATE TABLE definitions(
  key INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE,
  clock_offset INTEGER NOT NULL DEFAULT 0, now INTEGER NOT NULL DEFAULT 0, sequence INTEGER NOT NULL DEFAULT 0,
  exact INTEGER NOT NULL DEFAULT 0, minute_edge INTEGER NOT NULL DEFAULT -4611686018427387904,
  day_edge INTEGER NOT NULL DEFAULT -4611686018427387904,
  minute_requests INTEGER NOT NULL DEFAULT 0, minute_tokens INTEGER NOT NULL DEFAULT 0,
  day_requests INTEGER NOT NULL DEFAULT 0, day_tokens INTEGER NOT NULL DEFAULT 0, day_cost INTEGER NOT NULL DEFAULT 0,
  in_flight INTEGER NOT NULL DEFAULT 0);
CREATE TABLE entries(
  definition INTEGER NOT NULL, stamp INTEGER NOT NULL, sequence INTEGER NOT NULL,
  tokens INTEGER NOT NULL, cost INTEGER NOT NULL, holder INTEGER NOT NULL,
  PRIMARY KEY(definition, stamp, sequence)) WITHOUT ROWID;
CREATE INDEX held ON entries(holder, definition) WHERE holder > 0;
CREATE TABLE buckets(
  definition INTEGER NOT NULL, stamp INTEGER NOT NULL,
  requests INTEGER NOT NULL, tokens INTEGER NOT NULL, cost INTEGER NOT NULL,
  PRIMARY KEY(definition, stamp)) WITHOUT ROWID;
CREATE TABLE slots(
  definition INTEGER NOT NULL, instance TEXT NOT NULL, holder INTEGER NOT NULL,
  PRIMARY KEY(definition, instance)) WITHOUT ROWID;
CREATE TABLE holders(id INTEGER PRIMARY KEY AUTOINCREMENT, lease TEXT NOT NULL UNIQUE);
INSERT INTO definitions VALUES(1, 'd', 0, {now}, 3, 1, {now} - 60000000, {now} - 86400000000, 2, 17, 3, 47, 5, 1);
INSERT INTO entries VALUES(1, {now} - 70000000, 1, 30, 3, 0), (1, {now} - 9, 2, 10, 2, 0), (1, {now}, 3, 7, 0, 4);
INSERT INTO holders VALUES(4, 'of a process that is gone');
PRAGMA user_version = 1;
"""


VERSION_2 = (
    VERSION_1.replace(" sequence INTEGER NOT NULL DEFAULT 0,", "")
    .replace("CREATE INDEX held ON entries(holder, definition) WHERE holder > 0;", "")
    .replace("{now}, 3, 1,", "{now}, 1,")
    .replace("user_version = 1", "user_version = 2")
    + """
CREATE TRIGGER added AFTER INSERT ON entries BEGIN
  UPDATE definitions SET now = new.stamp,
    minute_requests = minute_requests + 1, minute_tokens = minute_tokens + new.tokens,
    day_requests = day_requests + 1, day_tokens = day_tokens + new.tokens, day_cost = day_cost + new.cost,
    in_flight = in_flight + 1
  WHERE key = new.definition;
END;
CREATE TRIGGER ended AFTER UPDATE OF holder ON entries WHEN old.holder > 0 BEGIN
  UPDATE definitions SET in_flight = in_flight - 1,
    minute_tokens = minute_tokens - old.tokens + CASE WHEN new.stamp > minute_edge THEN new.tokens ELSE 0 END,
    day_tokens = day_tokens - old.tokens + CASE WHEN new.stamp > day_edge THEN new.tokens ELSE 0 END,
    day_cost = day_cost - old.cost + CASE WHEN new.stamp > day_edge THEN new.cost ELSE 0 END
  WHERE key = new.definition;
END;
CREATE TRIGGER taken_back AFTER DELETE ON entries WHEN old.holder > 0 BEGIN
  UPDATE definitions SET in_flight = in_flight - 1,
    minute_requests = minute_requests - (old.stamp > minute_edge), minute_tokens = minute_tokens - old.tokens,
    day_requests = day_requests - (old.stamp > day_edge), day_tokens = day_tokens - old.tokens,
    day_cost = day_cost - old.cost
  WHERE key = old.definition;
END;
"""
)


@pytest.mark.parametrize("version", [VERSION_1, VERSION_2], ids=["1", "2"])
def test_a_file_of_an_older_version_is_taken_over(path: Path, clock: Clock, version: str) -> None:
    connection = sqlite3.connect(path)
    connection.executescript(version.format(now=round(clock() * 1_000_000)))
    connection.close()
    policy = Policy(max_requests_per_day=4, max_tokens_per_minute=100)
    limiter = SQLiteRateLimiter(path, clock)
    assert limiter.usage("d")["tokens_last_day"] == 47
    held = limiter.reserve("d", policy, tokens=20)
    with pytest.raises(RateLimitedError, match=r"20 of it by calls in flight"):
        limiter.reserve("d", Policy(max_tokens_per_minute=50), tokens=20)
    held.settle(25, 0.5)
    usage = limiter.usage("d")
    # One call was in flight when its process died, and counts as it was reserved.
    assert (usage["requests_last_minute"], usage["tokens_last_minute"], usage["calls_in_flight"]) == (3, 42, 0)
    assert (usage["requests_last_day"], usage["tokens_last_day"]) == (4, 72)
    with pytest.raises(RateLimitedError):
        limiter.reserve("d", policy, tokens=20)
    clock.pass_(60)
    assert limiter.usage("d")["tokens_last_minute"] == 0
    limiter.close()
    again = SQLiteRateLimiter(path, clock)
    assert again.usage("d")["tokens_last_day"] == 72
    again.close()
    with sqlite3.connect(path) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (3,)
    connection.close()


def test_the_calls_in_flight_of_an_older_version_are_known_as_such(path: Path, clock: Clock) -> None:
    connection = sqlite3.connect(path)
    connection.executescript(VERSION_2.format(now=round(clock() * 1_000_000)))
    connection.close()
    with closing(SQLiteRateLimiter(path, clock)) as limiter:
        with limiter._database.transaction() as connection:
            row = counters.Counters.find(connection, "d")
        assert row is not None
        assert (row.in_flight, row.flight_tokens, row.flight_cost) == (1, 7, 0)


def test_a_settlement_that_the_disk_refused_is_made_up_for_with_the_next_call(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    limiter = SQLiteRateLimiter(path)
    limiter.reserve("d", ROOMY, tokens=1).settle(1)
    held = limiter.reserve("d", ROOMY, tokens=5)
    with monkeypatch.context() as patch:
        patch.setattr(counters, "settle", lambda *_: (_ for _ in ()).throw(OSError("disk I/O error")))
        with pytest.raises(NeuroScriptError, match="disk I/O error"):
            held.settle(9)
    limiter.reserve("d", ROOMY, tokens=1).settle(1)
    usage = limiter.usage("d")
    assert (usage["tokens_last_minute"], usage["calls_in_flight"]) == (11, 0)
    limiter.close()


def test_a_damaged_file_is_named_and_left_alone(path: Path) -> None:
    path.write_bytes(b"this is not a database, but long enough to be looked at" * 20)
    limiter = SQLiteRateLimiter(path)
    with pytest.raises(NeuroScriptError, match="is damaged") as caught:
        limiter.reserve("d", ROOMY, tokens=1)
    assert caught.value.code == ErrorCode.CONFIGURATION
    assert str(path) in caught.value.message
    assert path.read_bytes().startswith(b"this is not")
    limiter.close()


def test_a_file_of_a_newer_version_is_refused(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    limiter = SQLiteRateLimiter(path)
    with pytest.raises(NeuroScriptError, match="newer version") as caught:
        limiter.reserve("d", ROOMY, tokens=1)
    assert caught.value.code == ErrorCode.CONFIGURATION
    limiter.close()


def test_a_place_that_cannot_be_written_is_an_error_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a directory")
    limiter = SQLiteRateLimiter(tmp_path / "file" / "limits.sqlite3")
    with pytest.raises(NeuroScriptError) as caught:
        limiter.reserve("d", ROOMY, tokens=1)
    assert caught.value.code == ErrorCode.IO_FAILED
    assert "limits.sqlite3" in caught.value.message
    limiter.close()


def test_a_full_disk_is_reported_and_goes_on_when_there_is_room(path: Path) -> None:
    limiter = SQLiteRateLimiter(path)
    limiter.reserve("d", ROOMY, tokens=1).settle(1)
    connection = limiter._database._connection
    assert connection is not None
    # SQLite refuses to let the file grow beyond its size, as a full disk would.
    pages = connection.execute("PRAGMA page_count").fetchone()[0]
    connection.execute(f"PRAGMA max_page_count = {pages}")
    made = 1

    def fill() -> None:
        nonlocal made
        while made < 10_000:
            limiter.reserve("d", ROOMY, tokens=1).settle(1)
            made += 1

    with pytest.raises(NeuroScriptError, match="make room on the disk") as caught:
        fill()
    assert caught.value.code == ErrorCode.IO_FAILED
    connection.execute("PRAGMA max_page_count = 1000000")
    limiter.reserve("d", ROOMY, tokens=1).settle(1)
    assert limiter.usage("d")["requests_last_day"] == made + 1
    limiter.close()


def test_another_program_that_reads_the_file_disturbs_nobody(path: Path) -> None:
    limiter = SQLiteRateLimiter(path)
    limiter.reserve("d", ROOMY, tokens=1).settle(1)
    reader = sqlite3.connect(path)
    reader.execute("BEGIN")
    assert reader.execute("SELECT COUNT(*) FROM entries").fetchone() == (1,)
    limiter.reserve("d", ROOMY, tokens=1).settle(1)
    assert limiter.usage("d")["requests_last_day"] == 2
    reader.close()
    limiter.close()


def test_the_exact_moment_is_known_across_limiters(path: Path, clock: Clock) -> None:
    first, second = SQLiteRateLimiter(path, clock), SQLiteRateLimiter(path, clock)
    policy = Policy(max_requests_per_minute=1)
    first.reserve("d", policy, tokens=1).settle(1)
    clock.pass_(15)
    with pytest.raises(RateLimitedError) as caught:
        second.reserve("d", policy, tokens=1)
    assert caught.value.details["retry_after_seconds"] == 45
    first.close()
    second.close()
    until(lambda: not list(path.parent.glob("*.lease")))


def test_a_definition_that_was_never_written_is_not_taken_for_another(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    limiter = SQLiteRateLimiter(path)
    limiter.reserve("first", ROOMY, tokens=1).settle(1)
    commit = counters.reserve

    def broken(*arguments: Any, first: bool) -> object:
        commit(*arguments, first=first)
        limiter._accounts["a"].known = counters.CachedRow(2, 0)
        raise OSError("disk I/O error")

    with monkeypatch.context() as patch:
        patch.setattr(counters, "reserve", broken)
        with pytest.raises(NeuroScriptError):
            limiter.reserve("a", ROOMY, tokens=1)
    limiter.reserve("b", ROOMY, tokens=2).settle(2)
    limiter.reserve("a", ROOMY, tokens=4).settle(4)
    assert (limiter.usage("a")["tokens_last_day"], limiter.usage("b")["tokens_last_day"]) == (4, 2)
    limiter.close()
