"""The time of the shared file: a clock that is fast, or jumps, frees nothing while another limiter knows better."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ai_wm.ratelimit import SQLiteRateLimiter, clocks
from neuroscript.errors import RateLimitedError

from .support import Clock, Policy
from .test_shared_file import line_of, worker

ONCE = Policy(max_requests_per_day=1)
DAY = 86_400


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "limits.sqlite3"


@pytest.fixture
def make(path: Path) -> Iterator[Callable[[Callable[[], float] | None], SQLiteRateLimiter]]:
    """Makes limiters, which are closed after the test."""
    made = []

    def limiter(clock: Callable[[], float] | None) -> SQLiteRateLimiter:
        made.append(SQLiteRateLimiter(path, clock))
        return made[-1]

    yield limiter
    for each in made:
        each.close()


Make = Callable[[Callable[[], float] | None], SQLiteRateLimiter]


def use(limiter: SQLiteRateLimiter) -> None:
    limiter.reserve("d", ONCE, tokens=1).settle(1)


def is_used(limiter: SQLiteRateLimiter) -> bool:
    try:
        limiter.reserve("d", ONCE, tokens=1).release()
    except RateLimitedError:
        return True
    return False


def test_a_fast_clock_frees_nothing_of_another_ones_day(make: Make) -> None:
    true = make(None)
    use(true)
    fast = make(lambda: time.time() + 2 * DAY)
    assert is_used(fast)
    assert is_used(true)
    assert fast.usage("d")["requests_last_day"] == 1


def test_a_clock_that_jumps_frees_nothing_while_another_is_there(
    make: Make, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    ahead = Clock()
    use(make(clock))
    jumping = make(ahead)
    assert is_used(jumping)
    ahead.pass_(DAY)
    with caplog.at_level(logging.WARNING):
        assert is_used(jumping)
    assert "the clock of this process went forward by 86400 s at once" in caplog.text
    for _ in range(10):
        ahead.pass_(DAY)
        assert is_used(jumping)
    clock.pass_(DAY)
    ahead.pass_(DAY)
    assert not is_used(jumping)


def test_a_clock_that_runs_fast_ages_nothing_before_its_time(make: Make, clock: Clock) -> None:
    policy = Policy(max_requests_per_day=3)
    start, others = clock(), make(clock)
    fast = make(lambda: start + 10 * (clock() - start))
    others.reserve("d", policy, tokens=1).settle(1)
    fast.reserve("d", policy, tokens=1).settle(1)
    for _ in range(23):
        clock.pass_(3600)
        assert fast.usage("d")["requests_last_day"] == 2
    clock.pass_(3601)
    assert fast.usage("d")["requests_last_day"] == 0


def test_the_fast_clock_of_another_process_frees_nothing(path: Path) -> None:
    with worker("hold", path, 90) as other:
        assert line_of(other) == "held"
        fast = SQLiteRateLimiter(path, lambda: time.time() + 2 * DAY)
        with pytest.raises(RateLimitedError):
            fast.reserve("d", Policy(max_tokens_per_day=95), tokens=1)
        assert fast.usage("d")["requests_last_day"] == 2
        fast.close()


def test_the_systems_clock_may_jump_while_nobody_else_is_there(
    make: Make, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    limiter = make(None)
    use(limiter)
    real = time.time
    monkeypatch.setattr(clocks.time, "time", lambda: real() + 2 * DAY)
    with caplog.at_level(logging.WARNING):
        assert is_used(limiter)
    assert "went forward by 172800 s at once" in caplog.text
    later = make(None)
    assert is_used(later), "one that starts meanwhile goes by those that are there"


def test_among_clocks_that_differ_time_passes_as_they_do(make: Make, clock: Clock) -> None:
    skewed = [make(lambda skew=skew: clock() + skew) for skew in (0, 3600, -7200, 2 * DAY)]  # type: ignore[misc]
    for number, limiter in enumerate(skewed):
        limiter.reserve("d", Policy(max_requests_per_day=9), tokens=1).settle(1)
        assert limiter.usage("d")["requests_last_day"] == number + 1
        clock.pass_(1)
    for limiter in skewed:
        assert limiter.usage("d")["requests_last_day"] == 4
    clock.pass_(DAY - 4)
    assert [limiter.usage("d")["requests_last_day"] for limiter in skewed] == [3] * 4
    clock.pass_(4)
    assert [limiter.usage("d")["requests_last_day"] for limiter in skewed] == [0] * 4


def test_clocks_that_are_all_set_back_let_time_stand_still(make: Make, clock: Clock) -> None:
    first, second = make(clock), make(clock)
    use(first)
    clock.pass_(-7200)
    assert is_used(second)
    clock.pass_(DAY - 1)
    assert is_used(first)
    clock.pass_(1)
    assert not is_used(second)


def test_a_clock_of_the_past_that_a_process_left_holds_nobody_back(make: Make, path: Path, clock: Clock) -> None:
    slow = make(lambda: clock() - 5 * DAY)
    use(slow)
    slow.close()
    limiter = make(clock)
    assert not is_used(limiter)
