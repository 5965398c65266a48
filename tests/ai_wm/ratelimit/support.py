"""What the tests of rate limits share: a policy, a clock that stands still, and limiters of both kinds."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from ai_wm.ratelimit import MemoryRateLimiter, SQLiteRateLimiter
from ai_wm.ratelimit.past_uses import PastUse

AnyLimiter = MemoryRateLimiter | SQLiteRateLimiter


@dataclass(frozen=True, kw_only=True)
class Policy:
    """A policy with only the limits that a test names."""

    max_requests_per_minute: int = 0
    max_requests_per_day: int = 0
    max_tokens_per_minute: int = 0
    max_tokens_per_day: int = 0
    max_cost_per_day: float = 0
    max_concurrent_active_instances: int = 0
    max_concurrent_calls: int = 0


NO_LIMITS = Policy()
ROOMY = Policy(max_tokens_per_minute=1 << 50)
"""Limits that are looked at, and that no call comes near."""


class Clock:
    """Seconds that pass only when a test says so, in whole microseconds."""

    def __init__(self, seconds: float = 1_700_000_000.0) -> None:
        self.microseconds = round(seconds * 1_000_000)

    def __call__(self) -> float:
        return self.microseconds / 1_000_000

    def pass_(self, seconds: float) -> None:
        """Let time pass; a negative number sets the clock back."""
        self.microseconds += round(seconds * 1_000_000)


def make_limiter(kind: str, directory: Path, clock: Callable[[], float] | None = None) -> AnyLimiter:
    """A limiter of a kind: ``memory``, ``sqlite``, or ``exclusive``, which counts in memory while it is busy."""
    if kind == "memory":
        return MemoryRateLimiter(clock)
    past_uses = nothing_recorded if kind == "exclusive" else None
    return SQLiteRateLimiter(directory / "limits.sqlite3", clock, past_uses)


def nothing_recorded(counted: Mapping[str, float] | None) -> Iterable[PastUse]:
    """The past uses where there are no records."""
    return ()


def until(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    """Wait for something that another thread or process does."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "nothing happened in time"
        time.sleep(0.002)
