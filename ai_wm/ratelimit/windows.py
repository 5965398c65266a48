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
    """One call in the windows.

    ``left`` counts the windows that it has aged out of: none, the minute, both; -1 while it is in neither.
    """

    __slots__ = ("cost", "in_flight", "left", "requests", "stamp", "tokens")

    def __init__(self, stamp: int, tokens: int, cost: int) -> None:
        self.stamp = stamp
        self.requests = 1
        self.tokens = tokens
        self.cost = cost
        self.in_flight = True
        self.left = -1


class Windows:
    """The sliding windows of one definition, in memory.

    Every call is in one of two queues, ``recent`` (the last minute) or ``older`` (the rest of the day), and moves
    on as it ages; the sums are kept up as it does, so each operation costs amortised constant time.  Without a limit
    by the day, ``older`` keeps one entry a minute.

    An interrupt may come between any two steps of a change.  So the sums are ``dirty`` during each, and if they still
    are when the next one begins, they are added up anew from the queues; a call moves to another queue before it leaves
    the one that it was in.
    """

    __slots__ = (
        "_merged", "_overdue", "day_cost", "day_requests", "day_tokens", "dirty", "exact", "flight_cost",
        "flight_tokens", "in_flight", "minute_requests", "minute_tokens", "now", "older", "recent",
    )  # fmt: skip

    def __init__(self) -> None:
        self.now = 0
        self.exact = False
        self.dirty = False
        self.recent: deque[Hold] = deque()
        self.older: deque[Hold] = deque()
        self._overdue: set[Hold] = set()  # in flight for longer than a day
        self._merged: tuple[Hold, Hold, int, int, int, int] | None = None
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
        if self.dirty:
            self._recount()
        self.now = now
        recent, older = self.recent, self.older
        if recent and recent[0].stamp <= now - MINUTE:
            self._expire_from_minute(now - MINUTE)
        if older and older[0].stamp <= now - DAY:
            self._expire_from_day(now - DAY)

    def add(self, hold: Hold) -> None:
        """Count one more call, which was made just now."""
        tokens, cost = hold.tokens, hold.cost
        self.dirty = True
        self.recent.append(hold)
        hold.left = 0
        self.minute_requests += 1
        self.minute_tokens += tokens
        self.day_requests += 1
        self.day_tokens += tokens
        self.day_cost += cost
        self.in_flight += 1
        self.flight_tokens += tokens
        self.flight_cost += cost
        self.dirty = False

    def settle(self, hold: Hold, tokens: int, cost: int) -> None:
        """Replace a call's estimates by what it really used.  A call that is over already stays as it is."""
        if not hold.in_flight:
            return
        if self.dirty or hold.left < 0:
            self._correct(hold, 1, tokens, cost)
            return
        self.dirty = True
        self.in_flight -= 1
        self.flight_tokens -= hold.tokens
        self.flight_cost -= hold.cost
        self.minute_tokens += tokens - hold.tokens if hold.left == 0 else -hold.tokens
        if hold.left == 2:
            self.day_tokens -= hold.tokens
            self.day_cost -= hold.cost
            self._overdue.discard(hold)
        else:
            self.day_tokens += tokens - hold.tokens
            self.day_cost += cost - hold.cost
        hold.tokens = tokens
        hold.cost = cost
        hold.in_flight = False
        self.dirty = False

    def release(self, hold: Hold) -> None:
        """Take a call back, as if it had never been made.  A call that is over already stays as it is."""
        if not hold.in_flight:
            return
        if self.dirty or hold.left < 0:
            self._correct(hold, 0, 0, 0)
        else:
            self.dirty = True
            self.in_flight -= 1
            self.flight_tokens -= hold.tokens
            self.flight_cost -= hold.cost
            self.minute_requests -= hold.requests if hold.left == 0 else 0
            self.minute_tokens -= hold.tokens
            self.day_requests -= hold.requests if hold.left < 2 else 0
            self.day_tokens -= hold.tokens
            self.day_cost -= hold.cost
            hold.requests = hold.tokens = hold.cost = 0
            hold.in_flight = False
            self._overdue.discard(hold)
            self.dirty = False
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

    def _expire_from_minute(self, edge: int) -> None:
        recent, older = self.recent, self.older
        self.dirty = True
        while recent and recent[0].stamp <= edge:
            hold = recent[0]
            self.minute_requests -= hold.requests
            if hold.in_flight:
                hold.left = 1
                older.append(hold)
            else:
                self.minute_tokens -= hold.tokens
                last = older[-1] if older and hold.requests and not self.exact else None
                if last is not None and not last.in_flight and last.stamp // MINUTE == hold.stamp // MINUTE:
                    # Leaves with the youngest of its minute: up to a minute late, never early.
                    self._merged = hold, last, last.stamp, last.requests, last.tokens, last.cost
                    last.stamp = hold.stamp
                    last.requests += hold.requests
                    last.tokens += hold.tokens
                    last.cost += hold.cost
                elif hold.requests:
                    older.append(hold)
            recent.popleft()
        self._merged = None
        self.dirty = False

    def _expire_from_day(self, edge: int) -> None:
        older = self.older
        self.dirty = True
        while older and older[0].stamp <= edge:
            hold = older[0]
            self.day_requests -= hold.requests
            if hold.in_flight:
                hold.left = 2
                self._overdue.add(hold)
            else:
                self.day_tokens -= hold.tokens
                self.day_cost -= hold.cost
            older.popleft()
        self.dirty = False

    def _correct(self, hold: Hold, requests: int, tokens: int, cost: int) -> None:
        """End a call whose share of the sums is not known."""
        self.dirty = True
        hold.requests = requests
        hold.tokens = tokens
        hold.cost = cost
        hold.in_flight = False
        self._recount()

    def _recount(self) -> None:
        """Add the sums up anew, since a change was cut short."""
        self._tidy_queues()
        recent, older, overdue = self.recent, self.older, self._overdue
        counted = [*recent, *older]
        flying = [hold for hold in (*counted, *overdue) if hold.in_flight]
        self.in_flight = len(flying)
        self.flight_tokens = sum(hold.tokens for hold in flying)
        self.flight_cost = sum(hold.cost for hold in flying)
        late = sum(hold.tokens for hold in overdue)
        self.minute_requests = sum(hold.requests for hold in recent)
        self.minute_tokens = late + sum(hold.tokens for hold in recent)
        self.minute_tokens += sum(hold.tokens for hold in older if hold.in_flight)
        self.day_requests = sum(hold.requests for hold in counted)
        self.day_tokens = late + sum(hold.tokens for hold in counted)
        self.day_cost = sum(hold.cost for hold in (*counted, *overdue))
        self.dirty = False

    def _tidy_queues(self) -> None:
        """Take back the last step of a call from one queue to the next, if it did not leave the first."""
        recent, older, merged = self.recent, self.older, self._merged
        if merged is not None and recent and recent[0] is merged[0]:
            last = merged[1]
            last.stamp, last.requests, last.tokens, last.cost = merged[2:]
        self._merged = None
        if recent and older and recent[0] is older[-1]:
            older.pop()
        if older:
            self._overdue.discard(older[0])
        self._overdue = {hold for hold in self._overdue if hold.in_flight}
        for hold in recent:
            hold.left = 0
        for hold in older:
            hold.left = 1
