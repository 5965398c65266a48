"""The wait queue of a definition: callers wait for room in order of arrival, without a busy wait."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import replace
from queue import Empty, SimpleQueue
from threading import Lock
from time import monotonic
from typing import Protocol

from ai_wm.ratelimit.base import MICROSECONDS, Refusal, Reservation, refused
from neuroscript import ErrorCode, NeuroScriptError

GRACE = 0.05
"""How many seconds later than asked for a wait ends: a caller that may wait for 60 s is served when a window of 60 s
has passed, and one that may not wait at all learns what the callers before it wait for."""

CANCEL_POLL = 0.1
"""How often a waiting caller checks whether it was cancelled, in seconds."""

FOREIGN_CLOCK_POLL = 0.05
"""How often, in seconds, the first caller looks at a clock that the host passed in, which may jump at any time."""

LONGEST_SLEEP = 3600.0
"""The longest sleep in seconds; a wait without a limit asks for more than some systems' clocks can count."""


class PollInterval(Protocol):
    """How many seconds the first caller of a queue may sleep between two attempts.

    Args:
        refusal: what it was refused.
        turn: how many attempts it has made since it was last woken, from 0.
    """

    def __call__(self, refusal: Refusal, turn: int) -> float: ...


def no_polling(refusal: Refusal, turn: int) -> float:
    """The interval for a queue that every change wakes: as long as it takes."""
    return LONGEST_SLEEP


class WaitQueue:
    """The callers of one definition that wait for room, in order of arrival.

    Only the first of them tries; it sleeps until the moment when its call will fit, or until `wake` tells of room that
    came free before.  Whoever leaves, served or not, wakes the next.  A caller's place is a `SimpleQueue`: its ``put``
    may be called from a destructor, and no wake-up is lost.
    """

    __slots__ = ("_closed", "_lock", "_places", "blocked")

    def __init__(self) -> None:
        self._lock = Lock()
        self._places: deque[SimpleQueue[None]] = deque()
        self._closed = ""
        self.blocked: Refusal | None = None
        """What the first caller was refused, or ``None`` if nobody waits."""

    def __len__(self) -> int:
        return len(self._places)

    def wake(self) -> None:
        """Let the first caller try again.  May be called from a destructor."""
        try:
            self._places[0].put(None)
        except IndexError:
            return

    def close(self, reason: str) -> None:
        """End all waits, with error 19 that gives the reason."""
        with self._lock:
            self._closed = reason
            places = list(self._places)
        for place in places:
            place.put(None)

    def reserve_now(self, attempt: Callable[[], Reservation | Refusal], subject: str) -> Reservation:
        """Reserve now or not at all; whoever waits already comes first.

        Args:
            attempt: reserves, or says why not.
            subject: names the definition in messages.

        Raises:
            RateLimitedError: 20 or 46.
        """
        if not self._places:
            outcome = attempt()
            if isinstance(outcome, Reservation):
                return outcome
            raise refused(outcome, subject)
        blocked = self.blocked
        if blocked is None:
            return self.wait(attempt, subject, 0.0, None, no_polling)
        raise refused(replace(blocked, need=0), subject, note=f"{len(self)} wait for it already")

    def wait(
        self,
        attempt: Callable[[], Reservation | Refusal],
        subject: str,
        wait_seconds: float,
        cancelled: Callable[[], None] | None,
        poll_interval: PollInterval,
    ) -> Reservation:
        """Wait at the end of the queue for a reservation.

        Args:
            attempt: reserves, or says why not.
            subject: names the definition in messages.
            wait_seconds: how long to wait at most, 0 or more.
            cancelled: called ten times a second; raises to end the wait.
            poll_interval: how long the first caller may sleep between two attempts.

        Raises:
            RateLimitedError: 20 or 46 when the time is over, or as soon as it is certain to be too short.
            StateError: 19 if the queue is closed meanwhile.
        """
        place: SimpleQueue[None] = SimpleQueue()
        deadline = monotonic() + wait_seconds + GRACE
        with self._lock:
            self._places.append(place)
        try:
            return self._wait(place, attempt, subject, wait_seconds, deadline, cancelled, poll_interval)
        finally:
            self._leave(place)

    def _wait(
        self,
        place: SimpleQueue[None],
        attempt: Callable[[], Reservation | Refusal],
        subject: str,
        wait_seconds: float,
        deadline: float,
        cancelled: Callable[[], None] | None,
        poll_interval: PollInterval,
    ) -> Reservation:
        turn = 0
        while True:
            if self._closed:
                message = f"{subject}: {self._closed} while this call waited for its limits"
                raise NeuroScriptError(ErrorCode.PRECONDITION_FAILED, message)
            remaining = deadline - monotonic()
            sleep = min(remaining, LONGEST_SLEEP)
            if self._places[0] is place:
                outcome = attempt()
                if isinstance(outcome, Reservation):
                    return outcome
                self.blocked = outcome
                sleep = min(sleep, self._until(outcome, subject, wait_seconds, remaining))
                sleep = min(sleep, poll_interval(outcome, turn))
            if remaining <= 0:
                # Where the first caller is just about to learn what it waits for, this one wants to know it too.
                if self.blocked is not None or remaining < -1:
                    raise self._too_late(place, subject, wait_seconds)
                sleep = CANCEL_POLL
            if cancelled is not None:
                cancelled()
                sleep = min(sleep, CANCEL_POLL)
            turn = 0 if _woken(place, sleep) else turn + 1

    def _until(self, refusal: Refusal, subject: str, wait_seconds: float, remaining: float) -> float:
        """Seconds until the call fits by itself.  With nothing in flight nothing else helps, and a wait that is too
        short for it ends at once."""
        if refusal.retry_after is None:
            raise refused(refusal, subject)
        seconds = refusal.retry_after / MICROSECONDS
        if not refusal.in_flight and seconds > max(remaining, 0):
            raise refused(refusal, subject, note=f"the call may wait {wait_seconds:g} s at most")
        return seconds

    def _too_late(self, place: SimpleQueue[None], subject: str, wait_seconds: float) -> NeuroScriptError:
        with self._lock:
            before, refusal = self._places.index(place), self.blocked
        note = f"the call waited {wait_seconds:g} s"
        if before:
            note += f", and {before} still wait before it"
        if refusal is not None:
            # What the first caller needs says nothing about this one.
            return refused(replace(refusal, need=0) if before else refusal, subject, note=note)
        return NeuroScriptError(
            ErrorCode.RATE_LIMITED, f"{subject}: its limits are used up, and {note}; try again later"
        )

    def _leave(self, place: SimpleQueue[None]) -> None:
        with self._lock:
            first = self._places[0] is place
            if first:
                # The next caller has not tried yet, and will not before it is the first.
                self.blocked = None
            self._places.remove(place)
        if first:
            self.wake()


def _woken(place: SimpleQueue[None], seconds: float) -> bool:
    try:
        place.get(timeout=max(seconds, 0.0))
    except Empty:
        return False
    return True
