"""Rate limits and budgets of worker definitions: each call reserves room in sliding windows and settles after it.

`MemoryRateLimiter` counts in one process; `SQLiteRateLimiter` shares its counters with other processes through a file
and keeps them over restarts.  `base` has the rules that both follow.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ai_wm.ratelimit.base import Demand, LimitPolicy, RateLimiter, Refusal, Reservation
from ai_wm.ratelimit.memory import MemoryRateLimiter

if TYPE_CHECKING:
    from ai_wm.ratelimit.sqlite import SQLiteRateLimiter

__all__ = ["Demand", "LimitPolicy", "MemoryRateLimiter", "RateLimiter", "Refusal", "Reservation", "SQLiteRateLimiter"]


def __getattr__(name: str) -> Any:
    # sqlite3 and filelock are imported only by those who share a file.
    if name == "SQLiteRateLimiter":
        from ai_wm.ratelimit.sqlite import SQLiteRateLimiter

        return SQLiteRateLimiter
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
