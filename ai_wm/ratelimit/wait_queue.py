"""Waiting for room, in order of arrival and without a busy wait."""

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

# So much later than asked for, in seconds, a wait ends: a caller that may wait for 60 s is served when a window of 60 s
# has passed, and one that may not wait at all learns what the callers before it wait for.
GRACE = 0.05

# How often a waiting caller looks whether it was cancelled, in seconds.
CANCEL_POLL = 0.1

# What no sleep exceeds, in seconds: more than some systems' clocks can count is asked for by a wait without a limit.
LONGEST_SLEEP = 3600.0


class Pace(Protocol):
    """How long the first in line sleeps between two attempts, at most, in seconds.

    ``turn`` counts the attempts since something last changed.
    """

    def __call__(self, refusal: Refusal, turn: int) -> float: ...


def unhurried(refusal: Refusal, turn: int) -> float:
    """The pace where every change wakes the line."""
    return LONGEST_SLEEP


class Line:
    """The callers of one definition that wait for room.

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
        """Why the first in line waits, or ``None`` if nobody does."""

    def __len__(self) -> int:
        return len(self._places)

    def wake(self) -> None:
        """Let the first in line try again.  Safe in destructors."""
        try:
            self._places[0].put(None)
        except IndexError:
            return

    def close(self, reason: str) -> None:
        """Send all home, with error 19 for ``reason``."""
        with self._lock:
            self._closed = reason
            places = list(self._places)
        for place in places:
            place.put(None)

    def pass_by(self, attempt: Callable[[], Reservation | Refusal], subject: str) -> Reservation:
        """Reserve at once or not at all; whoever waits already comes first.

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
            return self.stand(attempt, subject, 0.0, None, unhurried)
        raise refused(replace(blocked, need=0), subject, note=f"{len(self)} wait for it already")

    def stand(
        self,
        attempt: Callable[[], Reservation | Refusal],
        subject: str,
        wait_seconds: float,
        cancelled: Callable[[], None] | None,
        pace: Pace,
    ) -> Reservation:
        """Wait at the end of the line for a reservation.

        Args:
            attempt: reserves, or says why not.
            subject: names the definition in messages.
            wait_seconds: how long to wait at most.
            cancelled: raises to end the wait.
            pace: how long the first in line may sleep.

        Raises:
            RateLimitedError: 20 or 46 when the time is over, or as soon as it is certain to be too short.
            StateError: 19 if the line is closed meanwhile.
        """
        place: SimpleQueue[None] = SimpleQueue()
        deadline = monotonic() + wait_seconds + GRACE
        with self._lock:
            self._places.append(place)
        try:
            return self._wait(place, attempt, subject, wait_seconds, deadline, cancelled, pace)
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
        pace: Pace,
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
                sleep = min(sleep, pace(outcome, turn))
            if remaining <= 0:
                # Where the first in line is just about to learn what it waits for, this caller wants to know it too.
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
            # What the first in line needs says nothing about this call.
            return refused(replace(refusal, need=0) if before else refusal, subject, note=note)
        return NeuroScriptError(
            ErrorCode.RATE_LIMITED, f"{subject}: its limits are used up, and {note}; try again later"
        )

    def _leave(self, place: SimpleQueue[None]) -> None:
        with self._lock:
            first = self._places[0] is place
            if first:
                # The next in line has not tried yet, and will not before it is the first.
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
