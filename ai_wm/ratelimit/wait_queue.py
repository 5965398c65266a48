"""The wait queue of a definition: the callers of one process that wait for room, without a busy wait.

The order of arrival is that of their tickets, which the limiter gives out (`tickets`); the queue lets them sleep, wakes
them, and ends their waits.
"""

from __future__ import annotations

import contextlib
import os
from bisect import insort
from collections.abc import Callable
from dataclasses import replace
from queue import Empty, SimpleQueue
from threading import Lock
from time import monotonic
from typing import Any, NamedTuple, Protocol
from weakref import WeakSet

from ai_wm.ratelimit.base import MICROSECONDS, Demand, Refusal, Reservation, refused, subject_of
from ai_wm.ratelimit.tickets import HEARTBEAT, TICKET_SECONDS, Patience, Ticket, Waiting
from ai_wm.support.parking import Parked, parking
from neuroscript import ErrorCode, NeuroScriptError

GRACE = 0.05
"""How many seconds later than asked for a wait ends: a caller that may wait for 60 s is served when a window of 60 s
has passed."""

CANCEL_POLL = 0.1
"""How often a waiting caller checks whether it was cancelled, in seconds."""

AGAIN_POLL = 0.2
"""How often, in seconds, the first caller looks whether what the callers ask for has changed."""

FOREIGN_CLOCK_POLL = 0.05
"""How often, in seconds, the first caller looks at a clock that the host passed in, which may jump at any time."""

Check = Callable[[], None] | None
"""Called while waiting; raises to end that."""

Attempt = Callable[[Demand, Ticket | None, Patience, Check], Reservation | Waiting]
"""Reserves, or says why not, and gives a caller that may wait a ticket unless it has one.  One that has a ticket is
served only if no lower number waits."""


class PollInterval(Protocol):
    """How many seconds the first caller of a queue may sleep between two attempts.

    Args:
        outcome: what it was told.
        turn: how many attempts it has made since it was last woken, from 0.
    """

    def __call__(self, outcome: Waiting, turn: int) -> float: ...


def no_polling(outcome: Waiting, turn: int) -> float:
    """The interval for a queue that every change wakes: as long as it takes."""
    return HEARTBEAT


class Request(NamedTuple):
    """What a caller asks a queue for: the arguments of `RateLimiter.reserve` that a wait depends on."""

    definition_id: str
    name: str
    wait_seconds: float | None
    flight_seconds: float
    again: Callable[[], Demand] | None
    cancelled: Check

    @property
    def seconds(self) -> float:
        """How long it waits at most."""
        return max(0.0, self.flight_seconds if self.wait_seconds is None else self.wait_seconds)

    @property
    def patience(self) -> Patience:
        """What it waits for."""
        return _patience(self.wait_seconds, self.flight_seconds)

    @property
    def subject(self) -> str:
        """How messages name the definition."""
        return subject_of(self.definition_id, self.name)


class WaitQueue:
    """The callers of one definition in this process that wait for room, in order of arrival.

    Only the first of them tries; it sleeps until the moment when its call will fit, or until `wake` tells of room that
    came free before.  Whoever leaves, served or not, wakes the next.  A waiter has a `SimpleQueue`: its ``put`` may
    be called from a destructor, and no wake-up is lost.
    """

    __slots__ = ("__weakref__", "_closed", "_lock", "_looked", "_poll_interval", "_waiters", "blocked")

    def __init__(self, poll_interval: PollInterval) -> None:
        self._poll_interval = poll_interval
        self._closed = ""
        self._begin()
        _queues.add(self)

    def _begin(self) -> None:
        self._lock = Lock()
        self._waiters: list[Waiter] = []
        self._looked = 0.0
        self.blocked: Waiting | None = None
        """What the first caller was told, or ``None`` if nobody waits."""

    def __len__(self) -> int:
        return len(self._waiters)

    def wake(self) -> None:
        """Let the first caller try again.  May be called from a destructor."""
        for first in self._waiters[:1]:
            first.wake()

    def wake_all(self) -> None:
        """Let all callers look again."""
        for waiter in list(self._waiters):
            waiter.wake()

    def close(self, reason: str) -> None:
        """End all waits, with error 19 that gives the reason."""
        self._closed = reason
        self.wake_all()

    def reserve(
        self,
        attempt: Attempt,
        demand: Demand,
        definition_id: str,
        name: str,
        wait_seconds: float | None,
        flight_seconds: float,
        again: Callable[[], Demand] | None,
        cancelled: Check,
    ) -> Reservation:
        """Reserve, waiting for it as long as asked; the arguments are those of `RateLimiter.reserve`.

        Raises:
            RateLimitedError: 20 or 46 if there is no room, when the time is over, or as soon as it is certain to be too
                short.
            StateError: 19 if the queue is closed meanwhile.
        """
        parked = parking.get()
        place = None if parked is None else parked.places.get(self)
        if isinstance(place, Waiter):
            request = Request(definition_id, name, wait_seconds, flight_seconds, again, cancelled)
            place.retry(attempt, demand, request)
            return self._resumed(place)
        outcome = attempt(demand, None, _patience(wait_seconds, flight_seconds), cancelled)
        if isinstance(outcome, Reservation):
            return outcome
        request = Request(definition_id, name, wait_seconds, flight_seconds, again, cancelled)
        if outcome.ticket is None:
            raise _refused(outcome, request.subject)
        waiter = Waiter(self, attempt, demand, request, outcome.ticket, self._poll_interval)
        if parked is not None:
            # The caller does not wait in this thread; its place is kept until it has a reservation.
            waiter.check = parked.check
            parked.places[self] = waiter
            self.enter(waiter)
            return self._resumed(waiter)
        try:
            try:
                self.enter(waiter)
                while (reservation := waiter.attempt()) is None:
                    waiter.sleep()
                return reservation
            finally:
                waiter.leave()
        except BaseException:  # raised again; an interrupt may have come while it left
            waiter.leave()
            raise

    def _resumed(self, place: Waiter) -> Reservation:
        """Make another attempt for a caller that does not wait in its thread."""
        try:
            reservation = place.attempt()
            if reservation is not None:
                self._give_up(place)
        except BaseException:  # raised again
            self._give_up(place)
            raise
        if reservation is None:
            raise Parked(place)
        return reservation

    def _give_up(self, place: Waiter) -> None:
        place.leave()
        parked = parking.get()
        if parked is not None:
            parked.places.pop(self, None)

    def enter(self, waiter: Waiter) -> None:
        """Let a caller in, where its ticket says."""
        with self._lock:
            waiter.placed = True
            insort(self._waiters, waiter, key=_number)
            if self._waiters[0] is waiter:
                self.blocked = None

    def leave(self, waiter: Waiter) -> None:
        """Let a caller out; it does nothing if that was done before, and finishes what an interrupt cut short."""
        with self._lock:
            if not waiter.placed:
                return
            waiters = self._waiters
            inside = waiter in waiters
            first = not inside or waiters[0] is waiter
            if first:
                # The next caller has not tried yet, and will not before it is the first.
                self.blocked = None
            if inside:
                waiters.remove(waiter)
            if first:
                self.wake()
            waiter.placed = False

    def is_first(self, waiter: Waiter) -> bool:
        """Whether it is a caller's turn."""
        return self._waiters[:1] == [waiter]

    def place_of(self, waiter: Waiter) -> int:
        """How many callers of this process wait before one."""
        with self._lock:
            return self._waiters.index(waiter) if waiter in self._waiters else 0

    def numbers(self) -> list[int]:
        """The tickets of the callers that wait here and have been heard of."""
        since = monotonic() - TICKET_SECONDS
        return [waiter.ticket.number for waiter in list(self._waiters) if waiter.seen > since]

    def tell(self, outcome: Waiting) -> bool:
        """Note what the first caller was told; returns whether the order before it has moved."""
        before, self.blocked = self.blocked, outcome
        if outcome.refusal is not None and outcome.refusal.settled:
            # Those that wait for calls in flight alone need not wait for this.
            for waiter in list(self._waiters):
                if waiter.waits_for_flights:
                    waiter.wake()
        return before is None or before.before != outcome.before

    def look_around(self, first: Waiter) -> float:
        """Wake the callers that now ask for something else, from time to time; returns the seconds until the next.

        The first one does this for the others, so that they can sleep.
        """
        waiters = list(self._waiters)
        if not any(waiter.asks_again for waiter in waiters):
            return HEARTBEAT
        now = monotonic()
        if now - self._looked >= AGAIN_POLL:
            self._looked = now
            for waiter in waiters:
                if waiter is not first and waiter.is_outdated():
                    waiter.wake()
        return AGAIN_POLL

    def drop_silent(self) -> None:
        """Take the place of the first caller from it if it has not been heard of for long."""
        with contextlib.suppress(IndexError):
            first = self._waiters[0]
            if first.seen < monotonic() - TICKET_SECONDS:
                first.leave()

    def check_open(self, subject: str) -> None:
        """Refuse a caller whose queue was closed.

        Raises:
            StateError: 19.
        """
        if self._closed:
            message = f"{subject}: {self._closed} while this call waited for its limits"
            raise NeuroScriptError(ErrorCode.PRECONDITION_FAILED, message)


class Waiter:
    """A caller's place in a queue, until it is given up.

    ``while waiter.attempt() is None: waiter.sleep()`` is the whole wait.  A caller that must not block its thread does
    not `sleep`, but waits as long as `seconds` says, or until what it gave to `call_when_woken` is called.
    """

    __slots__ = (
        "_attempt", "_began", "_deadline", "_place", "_poll_interval", "_queue", "_request", "_turn", "_wake", "check",
        "demand", "placed", "seconds", "seen", "ticket",
    )  # fmt: skip

    def __init__(
        self,
        queue: WaitQueue,
        attempt: Attempt,
        demand: Demand,
        request: Request,
        ticket: Ticket,
        poll_interval: PollInterval,
    ) -> None:
        self._queue = queue
        self._attempt = attempt
        self._request = request
        self._poll_interval = poll_interval
        self._began = monotonic()
        self._deadline = self._began + request.seconds + GRACE
        self._place: SimpleQueue[None] = SimpleQueue()
        self._wake: Callable[[], object] | None = None
        self._turn = 0
        self.ticket = ticket
        self.check = request.cancelled
        self.demand = demand
        self.placed = False
        """Whether it is in the queue."""
        self.seconds = 0.0
        """How long to sleep until the next attempt."""
        self.seen = self._began
        """When it was last heard of."""

    def leave(self) -> None:
        """Give the place up."""
        try:
            self.ticket.give_back()
        finally:
            self._queue.leave(self)

    def retry(self, attempt: Attempt, demand: Demand, request: Request) -> None:
        """Make another attempt from now on: the call has begun anew."""
        self._attempt, self._request, self.demand = attempt, request, demand

    @property
    def asks_again(self) -> bool:
        """Whether what it asks for may change."""
        return self._request.again is not None

    @property
    def waits_for_flights(self) -> bool:
        """Whether it waits for calls in flight alone."""
        return self._request.wait_seconds is None

    def is_outdated(self) -> bool:
        """Whether it asks for something else by now, or for nothing any more."""
        again = self._request.again
        if again is None:
            return False
        try:
            return again() != self.demand
        except Exception:  # whatever it is, it is raised where that caller waits, when it asks again itself
            return True

    def attempt(self) -> Reservation | None:
        """Try to reserve, if it is this caller's turn; None if it has to wait on, as long as `seconds` says.

        Raises:
            NeuroScriptError: as `WaitQueue.reserve` does.
        """
        queue, request = self._queue, self._request
        queue.check_open(request.subject)
        self.seen = monotonic()
        if request.again is not None:
            self.demand = request.again()
        # Whoever was silent for long has lost its place, and comes last.
        lost = not self.placed
        first = lost or queue.is_first(self)
        if first:
            served = self._attempt(self.demand, None if lost else self.ticket, request.patience, self.check)
            if isinstance(served, Reservation):
                self.ticket.used()
                return served
            outcome: Waiting | None = served
            if served.ticket is not None and served.ticket is not self.ticket:
                self._take(served.ticket)
            if queue.tell(served):
                self._turn = 0
            sleep = queue.look_around(self)
        else:
            outcome, sleep = queue.blocked, HEARTBEAT
            queue.drop_silent()
        remaining = self._deadline - monotonic()
        if outcome is not None:
            before = outcome.before if first else 1
            if request.patience.ends_with(outcome.refusal, before):
                raise self._refused(outcome.refusal, before)
            if first:
                sleep = min(sleep, self._until(outcome, remaining), self._poll_interval(outcome, self._turn))
        if remaining <= 0:
            raise self._too_late(outcome, first)
        if self.check is not None:
            self.check()
            sleep = min(sleep, CANCEL_POLL)
        self.seconds = max(min(sleep, remaining), 0.0)
        return None

    def sleep(self) -> None:
        """Wait for `seconds`, or until the queue wakes this caller."""
        try:
            self._place.get(timeout=self.seconds)
        except Empty:
            self._turn += 1
        else:
            self._turn = 0

    def wake(self) -> None:
        """Let the caller try again.  May be called from a destructor."""
        self._place.put(None)
        wake = self._wake
        if wake is not None:
            wake()

    def call_when_woken(self, wake: Callable[[], object]) -> None:
        """Have ``wake`` called, at any moment and in any thread, when it is worth another attempt."""
        self._wake = wake
        if not self._place.empty():
            wake()

    def woken(self) -> bool:
        """Whether another attempt is worthwhile, for a caller that does not `sleep`."""
        self.seen = monotonic()
        try:
            self._place.get_nowait()
        except Empty:
            self._turn += 1
        else:
            self._turn = 0
            return True
        if self.check is not None:
            try:
                self.check()
            except Exception:  # whatever it is, it is raised where the call begins anew
                return True
        return self._queue.is_first(self) or not self.placed or self.seen >= self._deadline

    def _take(self, ticket: Ticket) -> None:
        self._queue.leave(self)
        self.ticket = ticket
        self._queue.enter(self)

    def _until(self, outcome: Waiting, remaining: float) -> float:
        """Seconds until the call fits by itself.  With nothing in flight nothing else helps, and a wait that is too
        short for it ends at once."""
        refusal = outcome.refusal
        if outcome.before or refusal is None or refusal.retry_after is None:
            return HEARTBEAT
        seconds = refusal.retry_after / MICROSECONDS
        if not refusal.in_flight and seconds > max(remaining, 0):
            note = f"the call may wait {self._request.seconds:g} s at most"
            raise refused(refusal, self._request.subject, note=note)
        return seconds

    def _refused(self, refusal: Refusal | None, before: int) -> NeuroScriptError:
        return _refused(Waiting(refusal, before), self._request.subject)

    def _too_late(self, outcome: Waiting | None, first: bool) -> NeuroScriptError:
        """Make the error of a caller whose time is over."""
        before = self._queue.place_of(self) + (outcome.before if outcome is not None else 0)
        note = f"the call waited {self._request.seconds:g} s"
        if self._request.patience is Patience.FLIGHTS:
            note += " for calls in flight"
        if before:
            note += f", and {before} still wait before it"
        return _refused(outcome or Waiting(None), self._request.subject, note=note, anothers=bool(before))


def _patience(wait_seconds: float | None, flight_seconds: float) -> Patience:
    if wait_seconds is None:
        return Patience.FLIGHTS if flight_seconds > 0 else Patience.NONE
    return Patience.ALL if wait_seconds > 0 else Patience.NONE


def _refused(outcome: Waiting, subject: str, *, note: str = "", anothers: bool = False) -> NeuroScriptError:
    """Make the error of a caller that does not wait, or not any longer."""
    refusal = outcome.refusal
    if not note and outcome.before:
        note = f"{outcome.before} wait for it already"
    if refusal is None:
        what = note or "others are served before it"
        return NeuroScriptError(
            ErrorCode.RATE_LIMITED, f"{subject}: its limits are used up, and {what}; try again later"
        )
    # What the first caller needs says nothing about this one.
    return refused(replace(refusal, need=0) if anothers or outcome.before else refusal, subject, note=note)


def _number(waiter: Waiter) -> Any:
    return waiter.ticket.number


# In the child of a fork there is none of the threads that waited.
_queues: WeakSet[WaitQueue] = WeakSet()


def _after_fork() -> None:
    for queue in list(_queues):
        queue._begin()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
