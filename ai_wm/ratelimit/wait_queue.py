"""The wait queue of a definition: callers wait for room in order of arrival, without a busy wait."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import replace
from queue import Empty, SimpleQueue
from threading import Lock
from time import monotonic
from typing import Protocol, Self

from ai_wm.ratelimit.base import MICROSECONDS, Refusal, Reservation, refused
from ai_wm.support.parking import Parked, parking
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
    came free before.  Whoever leaves, served or not, wakes the next.  A waiter has a `SimpleQueue`: its ``put`` may
    be called from a destructor, and no wake-up is lost.
    """

    __slots__ = ("_closed", "_lock", "_waiters", "blocked")

    def __init__(self) -> None:
        self._lock = Lock()
        self._waiters: deque[Waiter] = deque()
        self._closed = ""
        self.blocked: Refusal | None = None
        """What the first caller was refused, or ``None`` if nobody waits."""

    def __len__(self) -> int:
        return len(self._waiters)

    def wake(self) -> None:
        """Let the first caller try again.  May be called from a destructor."""
        try:
            self._waiters[0].wake()
        except IndexError:
            return

    def wake_all(self) -> None:
        """Let all callers look again."""
        with self._lock:
            waiters = list(self._waiters)
        for waiter in waiters:
            waiter.wake()

    def close(self, reason: str) -> None:
        """End all waits, with error 19 that gives the reason."""
        self._closed = reason
        self.wake_all()

    def reserve_now(self, attempt: Callable[[], Reservation | Refusal], subject: str) -> Reservation:
        """Reserve now or not at all; whoever waits already comes first.

        Args:
            attempt: reserves, or says why not.
            subject: names the definition in messages.

        Raises:
            RateLimitedError: 20 or 46.
        """
        if not self._waiters:
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
        parked = parking.get()
        if parked is None:
            with self._enter(Waiter(self, attempt, subject, wait_seconds, cancelled, poll_interval)) as waiter:
                while (reservation := waiter.attempt()) is None:
                    waiter.sleep()
                return reservation
        # The caller does not wait in this thread; its place is kept until it has a reservation.
        place = parked.places.get(self)
        if isinstance(place, Waiter):
            place.retry(attempt)
        else:
            place = Waiter(self, attempt, subject, wait_seconds, parked.check, poll_interval)
            parked.places[self] = self._enter(place)
        reservation = place.attempt()
        if reservation is None:
            raise Parked(place)
        del parked.places[self]
        place.leave()
        return reservation

    def _enter(self, waiter: Waiter) -> Waiter:
        with self._lock:
            self._waiters.append(waiter)
        return waiter

    def leave(self, waiter: Waiter) -> None:
        """Give a place up; it does nothing if that was done before."""
        with self._lock:
            if waiter not in self._waiters:
                return
            first = self._waiters[0] is waiter
            if first:
                # The next caller has not tried yet, and will not before it is the first.
                self.blocked = None
            self._waiters.remove(waiter)
        if first:
            self.wake()

    def is_first(self, waiter: Waiter) -> bool:
        """Whether it is a caller's turn."""
        return self._waiters[0] is waiter

    def check_open(self, subject: str) -> None:
        """Refuse a caller whose queue was closed.

        Raises:
            StateError: 19.
        """
        if self._closed:
            message = f"{subject}: {self._closed} while this call waited for its limits"
            raise NeuroScriptError(ErrorCode.PRECONDITION_FAILED, message)

    def too_late(self, waiter: Waiter, subject: str, wait_seconds: float) -> NeuroScriptError:
        """Make the error of a caller whose time is over."""
        with self._lock:
            before, refusal = self._waiters.index(waiter), self.blocked
        note = f"the call waited {wait_seconds:g} s"
        if before:
            note += f", and {before} still wait before it"
        if refusal is not None:
            # What the first caller needs says nothing about this one.
            return refused(replace(refusal, need=0) if before else refusal, subject, note=note)
        return NeuroScriptError(
            ErrorCode.RATE_LIMITED, f"{subject}: its limits are used up, and {note}; try again later"
        )


class Waiter:
    """A caller's place in a queue: a context manager that gives it up at the end.

    ``while waiter.attempt() is None: waiter.sleep()`` is the whole wait.  A caller that must not block its thread does
    not `sleep`, but waits as long as `seconds` says, or until what it gave to `call_when_woken` is called.
    """

    __slots__ = (
        "_attempt", "_cancelled", "_deadline", "_place", "_poll_interval", "_queue", "_subject", "_turn",
        "_wait_seconds", "_wake", "seconds",
    )  # fmt: skip

    def __init__(
        self,
        queue: WaitQueue,
        attempt: Callable[[], Reservation | Refusal],
        subject: str,
        wait_seconds: float,
        cancelled: Callable[[], None] | None,
        poll_interval: PollInterval,
    ) -> None:
        self._queue = queue
        self._attempt = attempt
        self._subject = subject
        self._wait_seconds = wait_seconds
        self._cancelled = cancelled
        self._poll_interval = poll_interval
        self._deadline = monotonic() + wait_seconds + GRACE
        self._place: SimpleQueue[None] = SimpleQueue()
        self._wake: Callable[[], object] | None = None
        self._turn = 0
        self.seconds = 0.0
        """How long to sleep until the next attempt."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.leave()

    def leave(self) -> None:
        """Give the place up."""
        self._queue.leave(self)

    def retry(self, attempt: Callable[[], Reservation | Refusal]) -> None:
        """Make another attempt from now on: the call has begun anew."""
        self._attempt = attempt

    def attempt(self) -> Reservation | None:
        """Try to reserve, if it is this caller's turn; None if it has to wait on, as long as `seconds` says.

        Raises:
            NeuroScriptError: as `WaitQueue.wait` does.
        """
        queue, subject = self._queue, self._subject
        queue.check_open(subject)
        remaining = self._deadline - monotonic()
        sleep = min(remaining, LONGEST_SLEEP)
        if queue.is_first(self):
            outcome = self._attempt()
            if isinstance(outcome, Reservation):
                return outcome
            queue.blocked = outcome
            sleep = min(sleep, self._until(outcome, remaining), self._poll_interval(outcome, self._turn))
        if remaining <= 0:
            # Where the first caller is just about to learn what it waits for, this one wants to know it too.
            if queue.blocked is not None or remaining < -1:
                raise queue.too_late(self, subject, self._wait_seconds)
            sleep = CANCEL_POLL
        if self._cancelled is not None:
            self._cancelled()
            sleep = min(sleep, CANCEL_POLL)
        self.seconds = max(sleep, 0.0)
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
        """Whether the caller was woken since it last asked; for one that does not `sleep`."""
        try:
            self._place.get_nowait()
        except Empty:
            self._turn += 1
            return False
        self._turn = 0
        return True

    def _until(self, refusal: Refusal, remaining: float) -> float:
        """Seconds until the call fits by itself.  With nothing in flight nothing else helps, and a wait that is too
        short for it ends at once."""
        if refusal.retry_after is None:
            raise refused(refusal, self._subject)
        seconds = refusal.retry_after / MICROSECONDS
        if not refusal.in_flight and seconds > max(remaining, 0):
            note = f"the call may wait {self._wait_seconds:g} s at most"
            raise refused(refusal, self._subject, note=note)
        return seconds
