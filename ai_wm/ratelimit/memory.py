"""The rate limiter of one process, in memory."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from threading import Lock

from ai_wm.ratelimit.base import (
    MICROSECONDS,
    LimitPolicy,
    Refusal,
    Reservation,
    cost_units,
    slots_refused,
    subject_of,
    token_count,
)
from ai_wm.ratelimit.wait_queue import Line, unhurried
from ai_wm.ratelimit.windows import Hold, Windows, exact_day, usage_of

# A clock that was passed in may jump without telling anybody, so the first in line looks at it this often (seconds).
FOREIGN_CLOCK_POLL = 0.05


class MemoryRateLimiter:
    """Counts in memory: nothing survives the process, and nothing is shared with another.

    Args:
        clock: seconds from any fixed moment; by default the system's monotonic clock.  One that goes backwards stands
            still instead until it goes on, so that no window is ever cut short.
    """

    def __init__(self, clock: Callable[[], float] | None = None) -> None:
        self._clock = clock or time.monotonic
        self._pace = unhurried if clock is None else _watching_the_clock
        self._lock = Lock()
        self._trackers: dict[str, _Tracker] = {}

    def reserve(
        self,
        definition_id: str,
        policy: LimitPolicy,
        *,
        tokens: int,
        cost: float = 0.0,
        wait_seconds: float | None = None,
        cancelled: Callable[[], None] | None = None,
        name: str = "",
    ) -> Reservation:
        """See `RateLimiter.reserve`."""
        tracker = self._trackers.get(definition_id) or self._tracker(definition_id)
        tokens, units = token_count(tokens), cost_units(cost)
        subject = subject_of(definition_id, name)

        def attempt() -> Reservation | Refusal:
            return tracker.attempt(policy, tokens, units)

        if not wait_seconds or wait_seconds < 0:
            return tracker.line.pass_by(attempt, subject)
        return tracker.line.stand(attempt, subject, wait_seconds, cancelled, self._pace)

    def acquire_slot(self, definition_id: str, policy: LimitPolicy, instance_id: str, *, name: str = "") -> None:
        """See `RateLimiter.acquire_slot`."""
        tracker = self._tracker(definition_id)
        limit = policy.max_concurrent_active_instances
        with tracker.lock:
            slots = tracker.slots
            if limit and len(slots) >= limit and instance_id not in slots:
                raise slots_refused(subject_of(definition_id, name), limit, len(slots))
            slots.add(instance_id)

    def release_slot(self, definition_id: str, instance_id: str) -> None:
        """See `RateLimiter.release_slot`."""
        tracker = self._trackers.get(definition_id)
        if tracker is not None:
            with tracker.lock:
                tracker.slots.discard(instance_id)

    def active_slots(self, definition_id: str) -> int:
        """See `RateLimiter.active_slots`."""
        tracker = self._trackers.get(definition_id)
        return 0 if tracker is None else len(tracker.slots)

    def usage(self, definition_id: str) -> dict[str, float]:
        """See `RateLimiter.usage`."""
        return self._tracker(definition_id).usage()

    def forget(self, definition_id: str) -> None:
        """See `RateLimiter.forget`."""
        with self._lock:
            tracker = self._trackers.pop(definition_id, None)
        if tracker is not None:
            tracker.line.close("the definition was removed")

    def close(self) -> None:
        """See `RateLimiter.close`.  There is nothing to close."""

    def _tracker(self, definition_id: str) -> _Tracker:
        with self._lock:
            return self._trackers.setdefault(definition_id, _Tracker(self._clock))


def _watching_the_clock(refusal: Refusal, turn: int) -> float:
    return FOREIGN_CLOCK_POLL


class _Tracker:
    """The windows, slots and waiting callers of one definition; what the design calls its rate tracker."""

    __slots__ = ("_abandoned", "_clock", "_offset", "line", "lock", "slots", "windows")

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._offset = 0
        self._abandoned: deque[Hold] = deque()
        self.lock = Lock()
        self.windows = Windows()
        self.slots: set[str] = set()
        self.line = Line()

    def attempt(self, policy: LimitPolicy, tokens: int, cost: int) -> Reservation | Refusal:
        """Reserve if there is room in every window."""
        if self._abandoned:
            self._sweep()
        windows = self.windows
        with self.lock:
            self._advance()
            refusal = windows.refusal(policy, tokens, cost)
            if refusal is not None:
                return refusal
            windows.exact = exact_day(policy)
            return Reservation(self, windows.add(tokens, cost))

    def settle_hold(self, hold: Hold, tokens: int, cost: int) -> None:
        with self.lock:
            self.windows.settle(hold, tokens, cost)
        self._changed()

    def release_hold(self, hold: Hold) -> None:
        with self.lock:
            self.windows.release(hold)
        self._changed()

    def abandon_hold(self, hold: Hold) -> None:
        # A destructor may run in the very thread that holds the lock, so it must never wait for it.
        self._abandoned.append(hold)
        self._sweep()
        self.line.wake()

    def usage(self) -> dict[str, float]:
        """See `RateLimiter.usage`."""
        if self._abandoned:
            self._sweep()
        windows = self.windows
        with self.lock:
            self._advance()
            return usage_of(windows, len(self.slots), len(self.line))

    def _advance(self) -> None:
        now = round(self._clock() * MICROSECONDS) + self._offset
        if now < self.windows.now:
            self._offset += self.windows.now - now
            now = self.windows.now
        self.windows.advance(now)

    def _changed(self) -> None:
        if self._abandoned:
            self._sweep()
        if self.line:
            self.line.wake()

    def _sweep(self) -> None:
        # Whoever holds the lock looks at the queue again after letting go of it, so nothing stays behind.
        while self._abandoned and self.lock.acquire(blocking=False):
            try:
                while self._abandoned:
                    self.windows.release(self._abandoned.popleft())
            finally:
                self.lock.release()
