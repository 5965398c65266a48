"""The rate limiter of one process, in memory."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from threading import Lock

from ai_wm.ratelimit.base import (
    MICROSECONDS,
    Demand,
    LimitPolicy,
    Refusal,
    Reservation,
    cost_units,
    slots_refused,
    subject_of,
    token_count,
)
from ai_wm.ratelimit.wait_queue import FOREIGN_CLOCK_POLL, WaitQueue, no_polling
from ai_wm.ratelimit.windows import Hold, Windows, exact_day, usage_of


class MemoryRateLimiter:
    """A `RateLimiter` in memory: nothing survives the process, and nothing is shared with another.

    Args:
        clock: seconds from any fixed moment; by default the system's monotonic clock.  One that goes backwards stands
            still instead until it goes on, so that no window is ever cut short.
    """

    def __init__(self, clock: Callable[[], float] | None = None) -> None:
        self._clock = clock or time.monotonic
        self._poll_interval = no_polling if clock is None else _poll_foreign_clock
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
        flight_seconds: float = 0.0,
        again: Callable[[], Demand] | None = None,
        cancelled: Callable[[], None] | None = None,
        name: str = "",
    ) -> Reservation:
        """Reserve one call in all windows, or nothing; see `RateLimiter.reserve`."""
        tracker = self._tracker(definition_id)
        tokens, units = token_count(tokens), cost_units(cost)
        subject = subject_of(definition_id, name)

        later = False

        def attempt() -> Reservation | Refusal:
            nonlocal later
            if later and again is not None:
                demand = again()
                return tracker.attempt(demand.policy, token_count(demand.tokens), cost_units(demand.cost))
            later = True
            return tracker.attempt(policy, tokens, units)

        seconds = flight_seconds if wait_seconds is None else wait_seconds
        if seconds <= 0:
            return tracker.queue.reserve_now(attempt, subject)
        return tracker.queue.wait(attempt, subject, seconds, cancelled, self._poll_interval)

    def acquire_slot(self, definition_id: str, policy: LimitPolicy, instance_id: str, *, name: str = "") -> None:
        """Take a slot for an active instance; see `RateLimiter.acquire_slot`."""
        tracker = self._tracker(definition_id)
        limit = policy.max_concurrent_active_instances
        with tracker.lock:
            slots = tracker.slots
            if limit and len(slots) >= limit and instance_id not in slots:
                raise slots_refused(subject_of(definition_id, name), limit, len(slots))
            slots.add(instance_id)

    def release_slot(self, definition_id: str, instance_id: str) -> None:
        """Give an instance's slot back; see `RateLimiter.release_slot`."""
        tracker = self._trackers.get(definition_id)
        if tracker is not None:
            with tracker.lock:
                tracker.slots.discard(instance_id)

    def active_slots(self, definition_id: str) -> int:
        """Count the slots that are taken; see `RateLimiter.active_slots`."""
        tracker = self._trackers.get(definition_id)
        return 0 if tracker is None else len(tracker.slots)

    def usage(self, definition_id: str) -> dict[str, float]:
        """Read the counters of a definition; see `RateLimiter.usage`."""
        return self._tracker(definition_id).usage()

    def changed(self, definition_id: str) -> None:
        """Let all waiting callers of a definition look again; see `RateLimiter.changed`."""
        tracker = self._trackers.get(definition_id)
        if tracker is not None:
            tracker.queue.wake_all()

    def forget(self, definition_id: str) -> None:
        """Drop the counters of a definition; see `RateLimiter.forget`."""
        with self._lock:
            tracker = self._trackers.pop(definition_id, None)
        if tracker is not None:
            tracker.queue.close("the definition was removed")

    def close(self) -> None:
        """Do nothing; see `RateLimiter.close`.  There is nothing to close."""

    def _tracker(self, definition_id: str) -> _Tracker:
        tracker = self._trackers.get(definition_id)
        if tracker is None:
            with self._lock:
                tracker = self._trackers.setdefault(definition_id, _Tracker(self._clock))
        return tracker


def _poll_foreign_clock(refusal: Refusal, turn: int) -> float:
    return FOREIGN_CLOCK_POLL


class _Tracker:
    """The rate tracker of one definition: its windows, its slots and the callers that wait."""

    __slots__ = ("_abandoned", "_clock", "_offset", "lock", "queue", "slots", "windows")

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._offset = 0
        self._abandoned: deque[Hold] = deque()
        self.lock = Lock()
        self.windows = Windows()
        self.slots: set[str] = set()
        self.queue = WaitQueue()

    def attempt(self, policy: LimitPolicy, tokens: int, cost: int) -> Reservation | Refusal:
        """Reserve a call of ``tokens`` and ``cost`` (in billionths) if there is room in every window."""
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
        self.queue.wake()

    def usage(self) -> dict[str, float]:
        """The counters at this moment, in the form of `RateLimiter.usage`."""
        if self._abandoned:
            self._sweep()
        windows = self.windows
        with self.lock:
            self._advance()
            return usage_of(windows, len(self.slots), len(self.queue))

    def _advance(self) -> None:
        now = round(self._clock() * MICROSECONDS) + self._offset
        if now < self.windows.now:
            self._offset += self.windows.now - now
            now = self.windows.now
        self.windows.advance(now)

    def _changed(self) -> None:
        if self._abandoned:
            self._sweep()
        if self.queue:
            self.queue.wake()

    def _sweep(self) -> None:
        # Whoever holds the lock looks at the queue again after letting go of it, so nothing stays behind.
        while self._abandoned and self.lock.acquire(blocking=False):
            try:
                while self._abandoned:
                    self.windows.release(self._abandoned.popleft())
            finally:
                self.lock.release()
