"""The rate limiter of one process, in memory."""

from __future__ import annotations

import os
import time
from bisect import bisect_left
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from itertools import count
from threading import Lock
from weakref import WeakSet

from ai_wm.ratelimit.base import (
    CEILING,
    MICROSECONDS,
    Demand,
    LimitPolicy,
    Reservation,
    Use,
    cost_units,
    slots_refused,
    subject_of,
    token_count,
)
from ai_wm.ratelimit.deferred import limits_nothing
from ai_wm.ratelimit.tickets import Patience, Ticket, Waiting
from ai_wm.ratelimit.wait_queue import FOREIGN_CLOCK_POLL, Check, PollInterval, WaitQueue, no_polling
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
        self._forgotten: deque[_Tracker] = deque()
        self._removed: dict[str, str] = {}
        _limiters.add(self)

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
        tracker = self._trackers.get(definition_id) or self._tracker(definition_id)
        demand = Demand(policy, tokens, cost)
        return tracker.queue.reserve(
            tracker.attempt, demand, definition_id, name, wait_seconds, flight_seconds, again, cancelled
        )

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
        for known_as, tracker in list(self._trackers.items()):
            if known_as == definition_id or known_as.startswith(CEILING):
                tracker.queue.wake_all()

    def forget(self, definition_id: str, known_as: str = "") -> None:
        """End the waits of a definition that was removed; see `RateLimiter.forget`."""
        tracker = self._trackers.get(definition_id)
        if tracker is not None:
            tracker.removed()
            self._forgotten.append(tracker)
            if known_as:
                self._removed[known_as] = definition_id
        # What was used stays counted; here it leaves memory once it has aged out.
        for _ in range(min(2, len(self._forgotten))):
            if self._forgotten[0].usage()["requests_last_day"]:
                self._forgotten.rotate(-1)
            else:
                self._forgotten.popleft()

    def inherit(self, definition_id: str, known_as: str) -> None:
        """Count on what a removed definition used; see `RateLimiter.inherit`."""
        with self._lock:
            removed, trackers = self._removed.get(known_as, definition_id), self._trackers
            used = trackers.get(removed)
            # At every moment there is a way to what was used: an interrupt may come.
            if removed != definition_id and used is not None and trackers.setdefault(definition_id, used) is used:
                trackers.pop(removed, None)
            self._removed.pop(known_as, None)

    def close(self) -> None:
        """Do nothing; see `RateLimiter.close`.  There is nothing to close."""

    def _tracker(self, definition_id: str) -> _Tracker:
        tracker = self._trackers.get(definition_id)
        if tracker is None:
            with self._lock:
                tracker = self._trackers.setdefault(definition_id, _Tracker(self._clock, self._poll_interval))
        return tracker


# In the child of a fork there is none of the threads that waited, or held a lock.
_limiters: WeakSet[MemoryRateLimiter] = WeakSet()


def _after_fork() -> None:
    for limiter in list(_limiters):
        limiter._lock = Lock()
        for tracker in limiter._trackers.values():
            tracker.forked()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def _poll_foreign_clock(outcome: Waiting, turn: int) -> float:
    return FOREIGN_CLOCK_POLL


class _Tracker:
    """The rate tracker of one definition: its windows, its slots and the callers that wait."""

    __slots__ = (
        "_abandoned", "_clock", "_issued", "_offset", "_poll_interval", "_tickets", "lock", "queue", "slots", "windows",
    )  # fmt: skip

    def __init__(self, clock: Callable[[], float], poll_interval: PollInterval) -> None:
        self._clock = clock
        self._poll_interval = poll_interval
        self._issued = count(1)
        self._tickets: list[int] = []  # of those that wait, in order; changed by single operations, without the lock
        self._offset = 0
        self._abandoned: deque[tuple[Hold, Use | None]] = deque()
        self.lock = Lock()
        self.windows = Windows()
        self.slots: set[str] = set()
        self.queue = WaitQueue(poll_interval)

    def attempt(
        self, demand: Demand, ticket: Ticket | None, patience: Patience, check: Check = None
    ) -> Reservation | Waiting:
        """Reserve a call if there is room in every window and nobody waits before it."""
        windows, policy = self.windows, demand.policy
        tokens, cost = token_count(demand.tokens), cost_units(demand.cost)
        with self.lock:
            self._advance()
            before = self._before(ticket) if self._tickets and not limits_nothing(policy) else 0
            refusal = windows.refusal(policy, tokens, cost)
            if refusal is None and not before:
                windows.exact = exact_day(policy)
                if ticket is not None:
                    self._leave(ticket.number)
                hold = Hold(windows.now, tokens, cost)
                reservation = Reservation(self, hold)  # made before it counts: an interrupt may come
                windows.add(hold)
                return reservation
            if before:
                refusal = self.queue.blocked.refusal if self.queue.blocked is not None else refusal
            if ticket is None and not patience.ends_with(refusal, before):
                ticket = Ticket(self, next(self._issued))
                self._tickets.append(ticket.number)
            return Waiting(refusal, before, ticket)

    def _before(self, ticket: Ticket | None) -> int:
        tickets = self._tickets
        return len(tickets) if ticket is None else bisect_left(tickets, ticket.number)

    def _leave(self, number: int) -> None:
        with suppress(ValueError):
            self._tickets.remove(number)

    def abandon_ticket(self, number: int) -> None:
        self._leave(number)
        self.queue.wake()

    def removed(self) -> None:
        """End the waits; what was used stays counted."""
        old, new = self.queue, WaitQueue(self._poll_interval)
        try:
            self.queue = new
            old.close("the definition was removed")
        except BaseException:  # raised again; only no half of this must be done
            if self.queue is new:
                old.close("the definition was removed")
            raise

    def forked(self) -> None:
        """Begin anew in the child of a fork, where nobody waits."""
        self.lock = Lock()
        self._tickets.clear()

    def settle_hold(self, hold: Hold, tokens: int, cost: int) -> None:
        with self.lock:
            self.windows.settle(hold, tokens, cost)
        if self._tickets:
            self.queue.wake()

    def release_hold(self, hold: Hold) -> None:
        with self.lock:
            self.windows.release(hold)
        if self._tickets:
            self.queue.wake()

    def write_hold(self, hold: Hold) -> None:
        pass  # nothing outlives the process

    def abandon_hold(self, hold: Hold, use: Use | None) -> None:
        # A destructor may run in the very thread that holds the lock, so it must never wait for it.  Whoever takes the
        # lock next ends the call.
        self._abandoned.append((hold, use))
        self.queue.wake()

    def usage(self) -> dict[str, float]:
        """The counters at this moment, in the form of `RateLimiter.usage`."""
        with self.lock:
            self._advance()
            return usage_of(self.windows, len(self.slots), len(self.queue))

    def _advance(self) -> None:
        now = round(self._clock() * MICROSECONDS) + self._offset
        if now < self.windows.now:
            self._offset += self.windows.now - now
            now = self.windows.now
        self.windows.advance(now)
        if self._abandoned:
            self._sweep()

    def _sweep(self) -> None:
        """End the calls that were abandoned, with the lock held."""
        while self._abandoned:
            hold, use = self._abandoned[0]
            if use is None:
                self.windows.release(hold)
            else:
                self.windows.settle(hold, *use)
            self._abandoned.popleft()
