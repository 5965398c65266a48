"""Calls of definitions without limits: they touch the shared file later, and count all the same."""

from __future__ import annotations

import gc
import logging
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ai_wm.ratelimit import SQLiteRateLimiter, deferred
from neuroscript.errors import NeuroScriptError

from .support import NO_LIMITS, Policy, until


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "limits.sqlite3"


@pytest.fixture
def limiter(path: Path) -> Iterator[SQLiteRateLimiter]:
    made = SQLiteRateLimiter(path)
    yield made
    made.close()


def requests(path: Path) -> float:
    other = SQLiteRateLimiter(path)
    try:
        return other.usage("d")["requests_last_minute"]
    finally:
        other.close()


def test_a_call_does_not_wait_for_the_file_and_is_in_it_soon(limiter: SQLiteRateLimiter, path: Path) -> None:
    reservation = limiter.reserve("d", NO_LIMITS, tokens=10)
    assert not path.exists()
    reservation.settle(7, 0.5)
    assert not path.exists()
    until(lambda: path.exists() and requests(path) == 1)


def test_whoever_looks_sees_all_calls(limiter: SQLiteRateLimiter) -> None:
    held = limiter.reserve("d", NO_LIMITS, tokens=10)
    limiter.reserve("d", NO_LIMITS, tokens=10).settle(7, 0.5)
    limiter.reserve("d", NO_LIMITS, tokens=10).release()
    usage = limiter.usage("d")
    assert (usage["requests_last_minute"], usage["tokens_last_day"], usage["cost_last_day"]) == (1, 7, 0.5)
    assert usage["calls_in_flight"] == 1
    held.release()
    assert limiter.usage("d")["calls_in_flight"] == 0


def test_a_call_that_is_forgotten_is_not_in_flight_for_ever(limiter: SQLiteRateLimiter) -> None:
    limiter.reserve("d", NO_LIMITS, tokens=10)
    gc.collect()
    assert not any(limiter.usage("d").values())


def test_a_limit_that_is_set_counts_what_was_used_before(limiter: SQLiteRateLimiter) -> None:
    limiter.reserve("d", NO_LIMITS, tokens=10).settle(10)
    with pytest.raises(NeuroScriptError, match="max_requests_per_minute"):
        limiter.reserve("d", Policy(max_requests_per_minute=1), tokens=1)


def test_the_calls_of_many_threads_and_definitions_are_all_counted(limiter: SQLiteRateLimiter, path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        names = [f"d{number % 3}" for number in range(3 * deferred.MAX_CALLS)]
        list(pool.map(lambda name: limiter.reserve(name, NO_LIMITS, tokens=1).settle(2), names))
    limiter.close()
    again = SQLiteRateLimiter(path)
    assert [again.usage(f"d{number}")["tokens_last_day"] for number in range(3)] == [2 * deferred.MAX_CALLS] * 3
    again.close()


def test_the_calls_of_a_removed_definition_stay_counted(limiter: SQLiteRateLimiter) -> None:
    limiter.reserve("d", NO_LIMITS, tokens=1).settle(1)
    limiter.forget("d")
    assert limiter.usage("d")["tokens_last_day"] == 1


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the platform has no fork")
def test_a_forked_child_does_not_count_its_parents_calls(path: Path) -> None:
    program = f"""
import os, sys
from ai_wm.ratelimit import SQLiteRateLimiter
from tests.ai_wm.ratelimit.support import NO_LIMITS
limiter = SQLiteRateLimiter({str(path)!r})
limiter.reserve("d", NO_LIMITS, tokens=1).settle(1)
child = os.fork()
if not child:
    limiter.reserve("d", NO_LIMITS, tokens=1).settle(1)
    limiter.close()
    os._exit(0)
os.waitpid(child, 0)
limiter.close()
"""
    subprocess.run([sys.executable, "-W", "ignore", "-c", program], check=True, cwd=Path(__file__).parents[3])
    assert requests(path) == 2


def test_what_cannot_be_written_is_told_and_tried_again(
    path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(deferred, "FLUSH_SECONDS", 0.01)
    path.mkdir()
    limiter = SQLiteRateLimiter(path)
    with caplog.at_level(logging.WARNING):
        limiter.reserve("d", NO_LIMITS, tokens=1).settle(1)
        until(lambda: "not counted yet" in caplog.text)
    path.rmdir()
    assert limiter.usage("d")["requests_last_minute"] == 1
    limiter.close()


def test_no_thread_stays_behind(limiter: SQLiteRateLimiter) -> None:
    before = threading.active_count()
    limiter.reserve("d", NO_LIMITS, tokens=1).settle(1)
    limiter.close()
    until(lambda: threading.active_count() <= before)
