"""Waiting for room: in order of arrival, for a limited time, cancellable, and without turning a processor."""

from __future__ import annotations

import multiprocessing
import os
import threading
import time
from collections.abc import Callable

import pytest

from ai_wm.ratelimit import MemoryRateLimiter, Reservation
from neuroscript.errors import CancelledError, ErrorCode, NeuroScriptError, RateLimitedError, StateError

from .support import AnyLimiter, Clock, Policy, until

ONE_AT_A_TIME = Policy(max_tokens_per_minute=10)


class Waiter(threading.Thread):
    """A caller that waits in a thread of its own and keeps what came of it."""

    def __init__(self, limiter: AnyLimiter, served: Callable[[Reservation], None], **options: object) -> None:
        super().__init__(daemon=True)
        self.limiter, self.served = limiter, served
        self.options = {"tokens": 10, "wait_seconds": 30, **options}
        self.error: NeuroScriptError | None = None
        self.start()

    def run(self) -> None:
        try:
            self.served(self.limiter.reserve("d", ONE_AT_A_TIME, **self.options))  # type: ignore[arg-type]
        except NeuroScriptError as error:
            self.error = error

    def outcome(self) -> NeuroScriptError | None:
        self.join(10)
        assert not self.is_alive()
        return self.error


def line_up(limiter: AnyLimiter, count: int, serve: Callable[[int, Reservation], None]) -> list[Waiter]:
    """So many waiting callers, each in the queue before the next one comes."""
    waiters = []
    for number in range(count):

        def served(reservation: Reservation, number: int = number) -> None:
            serve(number, reservation)

        waiters.append(Waiter(limiter, served))
        until(lambda number=number: limiter.usage("d")["waiting"] == number + 1)  # type: ignore[misc]
    return waiters


def test_a_hundred_callers_are_served_in_order_of_arrival_without_a_busy_wait(limiter: AnyLimiter) -> None:
    order: list[int] = []

    def serve(number: int, reservation: Reservation) -> None:
        order.append(number)
        reservation.release()

    first = limiter.reserve("d", ONE_AT_A_TIME, tokens=10)
    waiters = line_up(limiter, 100, serve)
    before = time.process_time()
    threading.Event().wait(0.5)
    # A hundred callers that looked every 10 ms would take far more than this.
    assert time.process_time() - before < 0.25
    assert order == []
    first.release()
    assert [waiter.outcome() for waiter in waiters] == [None] * 100
    assert order == list(range(100))


def test_a_large_call_is_not_starved_by_small_ones(limiter: AnyLimiter) -> None:
    first = limiter.reserve("d", ONE_AT_A_TIME, tokens=6)
    large = Waiter(limiter, Reservation.release)
    until(lambda: limiter.usage("d")["waiting"] == 1)
    with pytest.raises(RateLimitedError, match=r"1 wait for it already|1 still wait before it"):
        limiter.reserve("d", ONE_AT_A_TIME, tokens=1)
    first.release()
    assert large.outcome() is None
    limiter.reserve("d", ONE_AT_A_TIME, tokens=1).release()


def test_time_that_passes_gives_room(limiter: AnyLimiter, clock: Clock) -> None:
    limiter.reserve("d", ONE_AT_A_TIME, tokens=10).settle(10)
    waiter = Waiter(limiter, Reservation.release, wait_seconds=60)
    until(lambda: limiter.usage("d")["waiting"] == 1)
    clock.pass_(60)
    assert waiter.outcome() is None


def test_a_wait_is_limited(limiter: AnyLimiter) -> None:
    held = limiter.reserve("d", ONE_AT_A_TIME, tokens=10)
    started = time.monotonic()
    with pytest.raises(RateLimitedError, match=r"the call waited 0.2 s") as caught:
        limiter.reserve("d", ONE_AT_A_TIME, tokens=5, wait_seconds=0.2)
    assert 0.2 <= time.monotonic() - started < 5
    assert caught.value.details["limit"] == "max_tokens_per_minute"
    assert caught.value.details["retry_after_seconds"] == 60
    held.release()


def test_the_second_in_line_also_waits_for_a_limited_time(limiter: AnyLimiter) -> None:
    held = limiter.reserve("d", ONE_AT_A_TIME, tokens=10)
    first = Waiter(limiter, Reservation.release)
    until(lambda: limiter.usage("d")["waiting"] == 1)
    with pytest.raises(RateLimitedError, match="1 still wait before it"):
        limiter.reserve("d", ONE_AT_A_TIME, tokens=5, wait_seconds=0.1)
    held.release()
    assert first.outcome() is None


def test_a_wait_that_is_certainly_too_short_ends_at_once(limiter: AnyLimiter) -> None:
    limiter.reserve("d", ONE_AT_A_TIME, tokens=10).settle(10)
    started = time.monotonic()
    with pytest.raises(RateLimitedError, match="the call may wait 30 s at most"):
        limiter.reserve("d", ONE_AT_A_TIME, tokens=10, wait_seconds=30)
    assert time.monotonic() - started < 5


def test_a_wait_can_be_cancelled(limiter: AnyLimiter) -> None:
    held = limiter.reserve("d", ONE_AT_A_TIME, tokens=10)
    stop = threading.Event()

    def cancelled() -> None:
        if stop.is_set():
            raise CancelledError(ErrorCode.CANCELLED, "the host cancelled the run")

    waiters = [Waiter(limiter, Reservation.release, cancelled=cancelled) for _ in range(3)]
    until(lambda: limiter.usage("d")["waiting"] == 3)
    patient = Waiter(limiter, Reservation.release)
    until(lambda: limiter.usage("d")["waiting"] == 4)
    stop.set()
    assert all(isinstance(waiter.outcome(), CancelledError) for waiter in waiters)
    held.release()
    assert patient.outcome() is None
    assert limiter.usage("d")["calls_in_flight"] == 0


def test_a_forgotten_reservation_lets_the_next_one_in(limiter: AnyLimiter) -> None:
    held = limiter.reserve("d", ONE_AT_A_TIME, tokens=10)
    waiter = Waiter(limiter, Reservation.release)
    until(lambda: limiter.usage("d")["waiting"] == 1)
    del held
    assert waiter.outcome() is None


def test_waiting_callers_of_a_removed_definition_are_sent_home(limiter: AnyLimiter) -> None:
    held = limiter.reserve("d", ONE_AT_A_TIME, tokens=10)
    waiters = [Waiter(limiter, Reservation.release) for _ in range(3)]
    until(lambda: limiter.usage("d")["waiting"] == 3)
    limiter.forget("d")
    for waiter in waiters:
        error = waiter.outcome()
        assert isinstance(error, StateError)
        assert "the definition was removed while this call waited" in error.message
    held.release()


def test_nobody_looks_at_the_clock_before_the_call_fits(clock: Clock) -> None:
    """The first in the queue sleeps; the rest sleep without ever looking."""
    looks = 0

    def look() -> float:
        nonlocal looks
        looks += 1
        return clock()

    watched = MemoryRateLimiter(look)
    held = watched.reserve("d", ONE_AT_A_TIME, tokens=10)
    waiters = line_up(watched, 20, lambda _number, reservation: reservation.release())
    before = looks
    threading.Event().wait(0.5)
    assert looks - before <= 12, "twenty times a second for a clock that may jump, by one caller"
    held.release()
    assert [waiter.outcome() for waiter in waiters] == [None] * 20


def test_a_wait_may_be_endless(limiter: AnyLimiter) -> None:
    held = limiter.reserve("d", ONE_AT_A_TIME, tokens=10)
    waiter = Waiter(limiter, Reservation.release, wait_seconds=float("inf"))
    until(lambda: limiter.usage("d")["waiting"] == 1)
    held.release()
    assert waiter.outcome() is None


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the platform has no fork")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_forked_child_has_none_of_the_callers_that_waited(limiter: AnyLimiter) -> None:
    held = limiter.reserve("d", ONE_AT_A_TIME, tokens=10)
    waiters = line_up(limiter, 3, lambda _number, reservation: reservation.release())
    context = multiprocessing.get_context("fork")
    answers = context.SimpleQueue()

    def child() -> None:
        roomy = Policy(max_tokens_per_minute=20)
        if isinstance(limiter, MemoryRateLimiter):
            limiter.reserve("d", roomy, tokens=10, wait_seconds=20).release()
        else:  # where the parent's callers still come first
            with pytest.raises(RateLimitedError, match=r"3 (wait for it already|still wait before it)"):
                limiter.reserve("d", roomy, tokens=10, wait_seconds=0.2)
        answers.put(limiter.usage("d")["waiting"])

    process = context.Process(target=child)
    process.start()
    process.join(20)
    assert process.exitcode == 0
    # The callers of its parent, of another process now, are told of where both share a file.
    assert answers.get() == (0 if isinstance(limiter, MemoryRateLimiter) else 3)
    answers.close()
    held.release()
    assert [waiter.outcome() for waiter in waiters] == [None] * 3
