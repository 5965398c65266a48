"""Sliding windows: how much of each is used, whether a call fits, and when it will.

Pure arithmetic, with no locks, clock or files.  Moments are in microseconds, costs in billionths of the currency.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import chain
from typing import Protocol

from ai_wm.ratelimit.base import CALLS_LIMIT, COST_UNITS, DAY, MINUTE, LimitPolicy, Refusal, cost_units

OVERDUE_RETRY = 1_000_000
"""When to try again, in microseconds, while a call is in flight for longer than the window: it may end at any time."""


class Counts(Protocol):
    """The sums over the windows of one definition; ``day_cost`` in billionths of the currency."""

    minute_requests: int
    minute_tokens: int
    day_requests: int
    day_tokens: int
    day_cost: int
    in_flight: int
    flight_tokens: int
    flight_cost: int


@dataclass(frozen=True, slots=True)
class Excess:
    """One limit that a call does not fit under.

    Args:
        limit: the policy's key.
        value: the limit.
        used: how much is used.
        need: how much the call needs.
        reserved: how much of what is used calls in flight hold.
    """

    limit: str
    value: int
    used: int
    need: int
    reserved: int = 0

    @property
    def settled(self) -> bool:
        """Whether what is used for good leaves no room."""
        return self.used - self.reserved + self.need > self.value


def exceeded(policy: LimitPolicy, counts: Counts, tokens: int, cost: int) -> list[Excess]:
    """Find the limits that a call of ``tokens`` and ``cost`` (in billionths) would exceed now.

    A call whose estimate is 0 still needs a rest of the limit, however small: it will use something.
    """
    found: list[Excess] = []
    if (limit := policy.max_concurrent_calls) and counts.in_flight >= limit:
        found.append(Excess(CALLS_LIMIT, limit, counts.in_flight, 1, counts.in_flight))
    if (limit := policy.max_requests_per_minute) and counts.minute_requests >= limit:
        found.append(Excess("max_requests_per_minute", limit, counts.minute_requests, 1))
    if (limit := policy.max_requests_per_day) and counts.day_requests >= limit:
        found.append(Excess("max_requests_per_day", limit, counts.day_requests, 1))
    need = tokens or 1
    if (limit := policy.max_tokens_per_minute) and counts.minute_tokens + need > limit:
        found.append(Excess("max_tokens_per_minute", limit, counts.minute_tokens, need, counts.flight_tokens))
    if (limit := policy.max_tokens_per_day) and counts.day_tokens + need > limit:
        found.append(Excess("max_tokens_per_day", limit, counts.day_tokens, need, counts.flight_tokens))
    if budget := policy.max_cost_per_day:
        limit, need = cost_units(budget), cost or 1
        if counts.day_cost + need > limit:
            found.append(Excess("max_cost_per_day", limit, counts.day_cost, need, counts.flight_cost))
    return found


def refusal_of(found: list[Excess], frees: Callable[[str, int], int], in_flight: bool) -> Refusal:
    """Make the refusal for the limits found.

    It is about the one that a call can never meet, else the one that frees up last: of those that are used for good,
    if there are any, else of those that calls in flight hold.

    Args:
        found: at least one excess.
        frees: the microseconds until so much of a limit's window is free again.
        in_flight: whether calls in flight may give something back before.
    """
    for excess in found:
        if excess.need > excess.value:
            return Refusal(excess.limit, excess.value, excess.used, excess.need, None, in_flight, excess.reserved)
    settled = [excess for excess in found if excess.settled]
    waits = [(frees(each.limit, each.used + each.need - each.value), each) for each in settled or found]
    wait, last = max(waits, key=lambda pair: pair[0])
    return Refusal(last.limit, last.value, last.used, last.need, wait, in_flight, last.reserved)


def exact_day(policy: LimitPolicy) -> bool:
    """Whether every call of the day must be kept by itself, which only a limit by the day needs."""
    return bool(policy.max_requests_per_day or policy.max_tokens_per_day or policy.max_cost_per_day)


def usage_of(counts: Counts, slots: int, waiting: int) -> dict[str, float]:
    """Put sums, slots and waiting callers into the form of `RateLimiter.usage`."""
    return {
        "requests_last_minute": counts.minute_requests,
        "requests_last_day": counts.day_requests,
        "tokens_last_minute": counts.minute_tokens,
        "tokens_last_day": counts.day_tokens,
        "cost_last_day": counts.day_cost / COST_UNITS,
        "calls_in_flight": counts.in_flight,
        "active_instances": slots,
        "waiting": waiting,
    }


class Hold:
    """One call in the windows.  ``left`` counts the windows that it has aged out of: none, the minute, both."""

    __slots__ = ("cost", "in_flight", "left", "requests", "stamp", "tokens")

    def __init__(self, stamp: int, tokens: int, cost: int) -> None:
        self.stamp = stamp
        self.requests = 1
        self.tokens = tokens
        self.cost = cost
        self.in_flight = True
        self.left = 0


class Windows:
    """The sliding windows of one definition, in memory.

    Every call is in one of two queues, ``recent`` (the last minute) or ``older`` (the rest of the day), and moves
    on as it ages; the sums are kept up as it does, so each operation costs amortised constant time.  Without a limit
    by the day, ``older`` keeps one entry a minute.
    """

    __slots__ = (
        "day_cost",
        "day_requests",
        "day_tokens",
        "exact",
        "flight_cost",
        "flight_tokens",
        "in_flight",
        "minute_requests",
        "minute_tokens",
        "now",
        "older",
        "recent",
    )

    def __init__(self) -> None:
        self.now = 0
        self.exact = False
        self.recent: deque[Hold] = deque()
        self.older: deque[Hold] = deque()
        self.minute_requests = 0
        self.minute_tokens = 0
        self.day_requests = 0
        self.day_tokens = 0
        self.day_cost = 0
        self.in_flight = 0
        self.flight_tokens = 0
        self.flight_cost = 0

    def advance(self, now: int) -> None:
        """Take calls that are too old out of the windows.  ``now`` is in microseconds, never smaller than before."""
        self.now = now
        recent, older = self.recent, self.older
        limit = now - MINUTE
        while recent and recent[0].stamp <= limit:
            self._expire_from_minute(recent.popleft())
        limit = now - DAY
        while older and older[0].stamp <= limit:
            self._expire_from_day(older.popleft())

    def add(self, tokens: int, cost: int) -> Hold:
        """Count one more call, now."""
        hold = Hold(self.now, tokens, cost)
        self.recent.append(hold)
        self.minute_requests += 1
        self.minute_tokens += tokens
        self.day_requests += 1
        self.day_tokens += tokens
        self.day_cost += cost
        self.in_flight += 1
        self.flight_tokens += tokens
        self.flight_cost += cost
        return hold

    def settle(self, hold: Hold, tokens: int, cost: int) -> None:
        """Replace a call's estimates by what it really used.  A call that is over already stays as it is."""
        if not hold.in_flight:
            return
        hold.in_flight = False
        self.in_flight -= 1
        self.flight_tokens -= hold.tokens
        self.flight_cost -= hold.cost
        self.minute_tokens += tokens - hold.tokens if hold.left == 0 else -hold.tokens
        if hold.left == 2:
            self.day_tokens -= hold.tokens
            self.day_cost -= hold.cost
        else:
            self.day_tokens += tokens - hold.tokens
            self.day_cost += cost - hold.cost
        hold.tokens, hold.cost = tokens, cost

    def release(self, hold: Hold) -> None:
        """Take a call back, as if it had never been made.  A call that is over already stays as it is."""
        if not hold.in_flight:
            return
        if hold.left == 0:
            self.minute_requests -= 1
        if hold.left < 2:
            self.day_requests -= 1
        self.settle(hold, 0, 0)
        hold.requests = 0
        recent = self.recent
        while recent and not recent[-1].requests:
            recent.pop()

    def refusal(self, policy: LimitPolicy, tokens: int, cost: int) -> Refusal | None:
        """The refusal of a call that does not fit now, or ``None`` if it does."""
        found = exceeded(policy, self, tokens, cost)
        return refusal_of(found, self._frees, self.in_flight > 0) if found else None

    def _frees(self, limit: str, amount: int) -> int:
        if limit == CALLS_LIMIT:
            return OVERDUE_RETRY
        window = MINUTE if limit.endswith("_minute") else DAY
        entries: Iterable[Hold] = self.recent if window == MINUTE else chain(self.older, self.recent)
        for hold in entries:
            if "requests" in limit:
                amount -= hold.requests
            else:
                amount -= hold.cost if "cost" in limit else hold.tokens
            if amount <= 0:
                return hold.stamp + window - self.now
        return OVERDUE_RETRY

    def _expire_from_minute(self, hold: Hold) -> None:
        self.minute_requests -= hold.requests
        if hold.in_flight:
            hold.left = 1
        else:
            self.minute_tokens -= hold.tokens
            if not hold.requests:
                return
            last = self.older[-1] if self.older and not self.exact else None
            if last is not None and not last.in_flight and last.stamp // MINUTE == hold.stamp // MINUTE:
                # Leaves with the youngest of its minute: up to a minute late, never early.
                last.stamp = hold.stamp
                last.requests += hold.requests
                last.tokens += hold.tokens
                last.cost += hold.cost
                return
        self.older.append(hold)

    def _expire_from_day(self, hold: Hold) -> None:
        self.day_requests -= hold.requests
        if hold.in_flight:
            hold.left = 2
        else:
            self.day_tokens -= hold.tokens
            self.day_cost -= hold.cost
