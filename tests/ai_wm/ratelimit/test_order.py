"""Order of arrival between processes: nobody is overtaken, nothing is exceeded, and nearly all of it is used."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import threading
import time
from bisect import bisect_right
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest

from ai_wm.ratelimit import Demand, SQLiteRateLimiter
from ai_wm.ratelimit.tickets import Patience, Waiting
from neuroscript.errors import RateLimitedError

from .support import Policy, until
from .test_shared_file import line_of, worker

ALL = Policy(max_tokens_per_minute=100)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "limits.sqlite3"


def waiting(path: Path) -> int:
    """How many callers of all processes wait."""
    with sqlite3.connect(path) as connection:
        (number,) = connection.execute("SELECT COUNT(*) FROM tickets").fetchone()
    connection.close()
    return int(number)


def test_a_large_call_is_not_starved_by_a_stream_of_small_ones_of_another_process(path: Path) -> None:
    with worker("stream", path, 30) as other:
        assert line_of(other) == "ready"
        limiter = SQLiteRateLimiter(path)
        until(lambda: limiter.usage("d")["requests_last_minute"] > 0)
        for _ in range(20):
            limiter.reserve("d", ALL, tokens=60, wait_seconds=20).release()
        limiter.close()


def test_a_call_that_fits_waits_behind_one_of_another_process(path: Path) -> None:
    limiter = SQLiteRateLimiter(path)
    held = limiter.reserve("d", ALL, tokens=50)
    with worker("wait", path, 60) as other:
        assert line_of(other) == "ready"
        until(lambda: waiting(path) == 1)
        assert limiter.usage("d")["waiting"] == 1
        with pytest.raises(RateLimitedError, match="1 wait for it already") as caught:
            limiter.reserve("d", ALL, tokens=10)
        assert caught.value.details["limit"] == "max_tokens_per_minute"
        held.release()
        assert line_of(other) == "served"
    limiter.reserve("d", ALL, tokens=10).release()
    limiter.close()


@pytest.mark.parametrize("ending", [signal.SIGKILL, signal.SIGINT])
def test_the_place_of_a_process_that_ends_is_free(path: Path, ending: signal.Signals) -> None:
    limiter = SQLiteRateLimiter(path)
    held = limiter.reserve("d", ALL, tokens=50)
    with worker("wait", path, 60) as other:
        assert line_of(other) == "ready"
        until(lambda: waiting(path) == 1)
        other.send_signal(ending)
        other.wait(10)
        limiter.reserve("d", ALL, tokens=10, wait_seconds=20).release()
    assert waiting(path) == 0
    held.release()
    limiter.close()


def stop_between_transactions(pid: int, path: Path) -> None:
    """Stop a process while it has the file not locked, since nobody could go on then."""
    connection = sqlite3.connect(path, timeout=0.2, isolation_level=None)
    while True:
        os.kill(pid, signal.SIGSTOP)
        try:
            connection.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:
            os.kill(pid, signal.SIGCONT)
            time.sleep(0.01)
        else:
            connection.execute("ROLLBACK")
            connection.close()
            return


@pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="the platform stops no process")
def test_a_process_that_stands_still_holds_nobody_up_for_ever(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ai_wm.ratelimit.stored_tickets.TICKET_SECONDS", 2.0)
    limiter = SQLiteRateLimiter(path)
    held = limiter.reserve("d", ALL, tokens=50)
    with worker("wait", path, 60) as other:
        assert line_of(other) == "ready"
        until(lambda: waiting(path) == 1)
        stop_between_transactions(other.pid, path)
        limiter.reserve("d", ALL, tokens=10, wait_seconds=20).release()
        os.kill(other.pid, signal.SIGCONT)
        held.release()
        assert line_of(other) == "served"
    limiter.close()


def test_a_caller_that_is_not_heard_of_loses_its_place(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One thread hangs in what it was given to call; those behind it go on without it."""
    monkeypatch.setattr("ai_wm.ratelimit.wait_queue.TICKET_SECONDS", 0.5)
    monkeypatch.setattr("ai_wm.ratelimit.wait_queue.HEARTBEAT", 0.1)
    limiter = SQLiteRateLimiter(path)
    held = limiter.reserve("d", ALL, tokens=50)
    goes_on = threading.Event()

    def wait() -> None:
        limiter.reserve("d", ALL, tokens=100, wait_seconds=60, cancelled=lambda: goes_on.wait() and None).release()

    stuck = threading.Thread(target=wait)
    stuck.start()
    until(lambda: limiter.usage("d")["waiting"] == 1)
    limiter.reserve("d", ALL, tokens=10, wait_seconds=20).release()
    held.release()
    goes_on.set()
    stuck.join(20)
    assert not stuck.is_alive()
    limiter.close()


def test_a_ticket_that_nobody_holds_any_more_is_given_back(path: Path) -> None:
    limiter = SQLiteRateLimiter(path)
    held = limiter.reserve("d", ALL, tokens=50)
    waits = limiter._accounts["d"].attempt(Demand(ALL, 100, 0.0), None, Patience.ALL, None)
    assert isinstance(waits, Waiting)
    assert waiting(path) == 1
    del waits
    assert waiting(path) == 0
    held.release()
    limiter.close()


class Competition:
    """Processes that make calls under a policy which changes meanwhile, and what came of it."""

    def __init__(self, directory: Path, processes: int, threads: int, hold: float) -> None:
        self.path, self.policy_file = directory / "limits.sqlite3", directory / "policy.json"
        self.processes, self.threads, self.hold = processes, threads, hold
        self.policies: list[tuple[int, Policy]] = []
        self.calls: list[tuple[float, float, int, float]] = []
        """When each was asked for, had its ticket, was reserved (in microseconds of the file's time), and was over."""

    def set(self, **limits: int) -> None:
        """Change the policy."""
        new = self.policy_file.with_suffix(".new")
        new.write_text(json.dumps(limits))
        new.replace(self.policy_file)
        self.policies.append((round(time.time() * 1e6), Policy(**limits)))

    def run(self, during: Callable[[], None]) -> None:
        with ExitStack() as stack:
            running: list[subprocess.Popen[str]] = [
                stack.enter_context(worker("compete", self.path, self.policy_file, self.threads, self.hold))
                for _ in range(self.processes)
            ]
            assert [line_of(process) for process in running] == ["ready"] * self.processes
            for process in running:
                assert process.stdin is not None
                process.stdin.write("go\n")
                process.stdin.flush()
            during()
            self.policy_file.unlink()
            for process in running:
                self.calls += [tuple(call) for thread in json.loads(line_of(process)) for call in thread]
        self.calls.sort(key=lambda call: call[2])

    def overtaken(self) -> int:
        """How many callers had their ticket before another one even asked, and were served after it."""
        count, last_asked = 0, 0.0
        for asked, drawn, _, _ in self.calls:
            count += 0 < drawn < last_asked
            last_asked = max(last_asked, asked)
        return count

    def limit_at(self, name: str, moment: int, slack: int = 0) -> int:
        """The highest value of a limit from so long before a moment until then."""
        times = [since for since, _ in self.policies]
        first, last = bisect_right(times, moment - slack) - 1, bisect_right(times, moment) - 1
        return max(int(getattr(policy, name)) for _, policy in self.policies[max(first, 0) : last + 1])


SEEN = 1_000_000
"""How long a change may take to be seen by all, on a busy machine, in microseconds; 250,000 where nothing else runs."""


def test_two_processes_use_what_changing_limits_allow_in_order_of_arrival(tmp_path: Path) -> None:
    race = Competition(tmp_path, 2, 4, 0.002)

    def change() -> None:
        for limit in (60, 90, 30, 120, 200):
            race.set(max_requests_per_day=limit, max_concurrent_calls=3)
            time.sleep(0.7)

    race.set(max_requests_per_day=30, max_concurrent_calls=3)
    race.run(change)
    assert len(race.calls) == 200
    assert race.overtaken() == 0
    for number, (_, _, stamp, _) in enumerate(race.calls, 1):
        assert number <= race.limit_at("max_requests_per_day", stamp, SEEN)
    assert waiting(race.path) == 0


@pytest.mark.slow
def test_8_processes_of_16_threads_use_what_changing_limits_allow_in_order_of_arrival(tmp_path: Path) -> None:
    """A minute's window, twice over, with limits that rise and fall: none exceeded, nobody overtaken, 95 % used."""
    race = Competition(tmp_path, 8, 16, 0.01)

    def change() -> None:
        for seconds, limit in [(15, 4000), (10, 6000), (10, 5000), (30, 7000), (65, 6000)]:
            race.set(max_tokens_per_minute=limit, max_requests_per_day=1_000_000)
            time.sleep(seconds)

    race.set(max_tokens_per_minute=4000, max_requests_per_day=1_000_000)
    race.run(change)
    assert race.overtaken() == 0
    stamps = [stamp for _, _, stamp, _ in race.calls]
    idle = []
    for moment in range(stamps[0], stamps[-1], 100_000):
        used = 10 * (bisect_right(stamps, moment) - bisect_right(stamps, moment - 60_000_000))
        highest = race.limit_at("max_tokens_per_minute", moment, 61_000_000)
        assert used <= highest
        now = race.limit_at("max_tokens_per_minute", moment)
        idle.append(max(0.0, 1 - used / now))
    for number, stamp in enumerate(stamps):
        used = 10 * (number + 1 - bisect_right(stamps, stamp - 60_000_000))
        assert used <= race.limit_at("max_tokens_per_minute", stamp, SEEN)
    assert sum(idle) / len(idle) <= 0.05
