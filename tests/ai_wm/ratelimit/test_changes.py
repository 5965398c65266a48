"""Waiting under changing limits, and for calls in flight alone."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest

from ai_wm.ratelimit import Demand, Reservation
from neuroscript.errors import ErrorCode, NeuroScriptError, RateLimitedError, StateError

from .support import NO_LIMITS, AnyLimiter, Clock, Policy, until

TEN = Policy(max_tokens_per_minute=10)


class Caller(threading.Thread):
    """A caller that waits in a thread of its own, for what ``demand`` holds at the time."""

    def __init__(self, limiter: AnyLimiter, demand: Demand, **options: object) -> None:
        super().__init__(daemon=True)
        self.limiter, self.demand = limiter, demand
        self.options = {"wait_seconds": 30, **options}
        self.refuses: NeuroScriptError | None = None
        self.held: Reservation | None = None
        self.error: NeuroScriptError | None = None
        self.start()

    def again(self) -> Demand:
        if self.refuses is not None:
            raise self.refuses
        return self.demand

    def run(self) -> None:
        policy, tokens, cost = self.demand
        try:
            self.held = self.limiter.reserve(
                "d",
                policy,
                tokens=tokens,
                cost=cost,
                again=self.again,
                **self.options,  # type: ignore[arg-type]
            )
        except NeuroScriptError as error:
            self.error = error

    def over(self) -> None:
        self.join(10)
        assert not self.is_alive()


def waiters(limiter: AnyLimiter, number: int, demand: Demand, **options: object) -> list[Caller]:
    callers = []
    for before in range(number):
        callers.append(Caller(limiter, demand, **options))
        until(lambda before=before: limiter.usage("d")["waiting"] == before + 1)  # type: ignore[misc]
    return callers


def tell(limiter: AnyLimiter) -> None:
    limiter.changed("d")


def say_nothing(limiter: AnyLimiter) -> None:
    """As if another process had made the change."""


@pytest.mark.parametrize("told", [tell, say_nothing])
def test_a_limit_that_is_raised_lets_the_queue_go_on(limiter: AnyLimiter, told: Callable[[AnyLimiter], None]) -> None:
    held = limiter.reserve("d", TEN, tokens=10)
    callers = waiters(limiter, 3, Demand(TEN, 10, 0.0))
    for caller in callers:
        caller.demand = Demand(Policy(max_tokens_per_minute=30), 10, 0.0)
    told(limiter)
    for caller in callers[:2]:
        caller.over()
        assert caller.held is not None
    assert limiter.usage("d")["waiting"] == 1
    held.release()
    callers[2].over()
    assert callers[2].held is not None


@pytest.mark.parametrize("told", [tell, say_nothing])
def test_a_limit_that_is_taken_away_lets_all_go_on(limiter: AnyLimiter, told: Callable[[AnyLimiter], None]) -> None:
    held = limiter.reserve("d", TEN, tokens=10)
    callers = waiters(limiter, 3, Demand(TEN, 10, 0.0))
    for caller in callers:
        caller.demand = Demand(NO_LIMITS, 10, 0.0)
    limiter.reserve("d", NO_LIMITS, tokens=10).release()
    told(limiter)
    for caller in callers:
        caller.over()
        assert caller.held is not None
    held.release()


def test_a_limit_that_is_lowered_holds_for_those_that_wait(limiter: AnyLimiter) -> None:
    roomy = Policy(max_tokens_per_minute=40)
    held = [limiter.reserve("d", roomy, tokens=10) for _ in range(4)]
    (caller,) = waiters(limiter, 1, Demand(roomy, 10, 0.0))
    caller.demand = Demand(Policy(max_tokens_per_minute=20), 10, 0.0)
    limiter.changed("d")
    for each in held[:2]:
        each.release()
    caller.join(0.3)
    assert caller.held is None
    held[2].release()
    caller.over()
    assert caller.held is not None
    held[3].release()


def test_a_waiting_call_that_has_become_too_large_is_told_so(limiter: AnyLimiter) -> None:
    held = limiter.reserve("d", TEN, tokens=10)
    (caller,) = waiters(limiter, 1, Demand(TEN, 10, 0.0))
    caller.demand = Demand(Policy(max_tokens_per_minute=5), 10, 0.0)
    limiter.changed("d")
    caller.over()
    assert caller.error is not None
    assert "never succeed" in caller.error.message
    assert "retry_after_seconds" not in caller.error.details
    held.release()


@pytest.mark.parametrize("told", [tell, say_nothing])
def test_whoever_waits_for_a_definition_that_is_disabled_is_sent_home_in_whatever_place(
    limiter: AnyLimiter, told: Callable[[AnyLimiter], None]
) -> None:
    held = limiter.reserve("d", TEN, tokens=10)
    callers = waiters(limiter, 4, Demand(TEN, 10, 0.0))
    disabled = StateError(ErrorCode.PRECONDITION_FAILED, "the definition is disabled")
    for caller in callers[1:]:
        caller.refuses = disabled
    told(limiter)
    for caller in callers[1:]:
        caller.over()
        assert caller.error is disabled
    assert limiter.usage("d")["waiting"] == 1
    held.release()
    callers[0].over()
    assert callers[0].held is not None


def test_a_change_is_seen_by_those_that_wait_for_what_several_definitions_share(limiter: AnyLimiter) -> None:
    held = limiter.reserve("ceiling-x", TEN, tokens=10)
    seen = threading.Event()

    def again() -> Demand:
        seen.set()
        return Demand(TEN, 10, 0.0)

    def wait() -> None:
        limiter.reserve("ceiling-x", TEN, tokens=10, wait_seconds=30, again=again).release()

    caller = threading.Thread(target=wait)
    caller.start()
    until(lambda: limiter.usage("ceiling-x")["waiting"] == 1)
    seen.clear()
    limiter.changed("d")
    assert seen.wait(10)
    held.release()
    caller.join(10)


# --- calls in flight ---


@pytest.mark.parametrize(
    ("policy", "tokens", "cost"),
    [
        (TEN, 6, 0.0),
        (Policy(max_tokens_per_day=10), 6, 0.0),
        (Policy(max_cost_per_day=1.0), 0, 0.6),
        (Policy(max_concurrent_calls=1), 1, 0.0),
    ],
)
def test_where_only_calls_in_flight_are_in_the_way_a_call_waits_for_them(
    limiter: AnyLimiter, policy: Policy, tokens: int, cost: float
) -> None:
    held = limiter.reserve("d", policy, tokens=tokens, cost=cost)
    timer = threading.Timer(0.2, held.settle, (1, 0.1))
    timer.start()
    limiter.reserve("d", policy, tokens=tokens, cost=cost, flight_seconds=20).release()
    assert not held.open
    timer.join()


@pytest.mark.parametrize(("limit", "code"), [("max_tokens_per_day", 20), ("max_cost_per_day", 46)])
def test_after_that_time_it_is_refused_and_told_what_calls_in_flight_hold(
    limiter: AnyLimiter, limit: str, code: int
) -> None:
    policy = Policy(**{limit: 10})
    limiter.reserve("d", policy, tokens=3, cost=3).settle(3, 3)
    held = limiter.reserve("d", policy, tokens=5, cost=5)
    started = time.monotonic()
    with pytest.raises(RateLimitedError, match=r"the call waited 0.3 s for calls in flight") as caught:
        limiter.reserve("d", policy, tokens=6, cost=6, flight_seconds=0.3)
    assert time.monotonic() - started >= 0.3
    assert caught.value.code == code
    assert caught.value.details["used"] == 8
    assert ", 5" in caught.value.message
    assert "of it by calls in flight" in caught.value.message
    held.release()


def test_what_is_used_for_good_refuses_at_once(limiter: AnyLimiter) -> None:
    limiter.reserve("d", TEN, tokens=5).settle(6)
    held = limiter.reserve("d", TEN, tokens=2)
    started = time.monotonic()
    with pytest.raises(RateLimitedError, match=r"8 of 10 tokens are used"):
        limiter.reserve("d", TEN, tokens=5, flight_seconds=60)
    requests = Policy(max_requests_per_minute=2, max_concurrent_calls=1)
    with pytest.raises(RateLimitedError, match="max_requests_per_minute"):
        limiter.reserve("d", requests, tokens=1, flight_seconds=60)
    with pytest.raises(RateLimitedError, match="never succeed"):
        limiter.reserve("d", TEN, tokens=11, flight_seconds=60)
    assert time.monotonic() - started < 20
    held.release()


def test_whoever_waits_for_calls_in_flight_is_refused_once_they_have_used_it_up(limiter: AnyLimiter) -> None:
    held = limiter.reserve("d", TEN, tokens=6)
    callers = waiters(limiter, 3, Demand(TEN, 6, 0.0), wait_seconds=None, flight_seconds=60)
    held.settle(7)
    for caller in callers:
        caller.over()
        assert caller.error is not None
        assert caller.error.details["used"] == 7


def test_use_beyond_what_was_reserved_is_counted_in_full(limiter: AnyLimiter) -> None:
    limiter.reserve("d", TEN, tokens=1).settle(25)
    assert limiter.usage("d")["tokens_last_minute"] == 25
    with pytest.raises(RateLimitedError, match=r"25 of 10 tokens are used"):
        limiter.reserve("d", TEN, tokens=1, flight_seconds=60)


def test_behind_a_call_that_waits_for_time_to_pass_nobody_waits_for_calls_in_flight(
    limiter: AnyLimiter, clock: Clock
) -> None:
    limiter.reserve("d", TEN, tokens=9).settle(9)
    caller = Caller(limiter, Demand(TEN, 5, 0.0), wait_seconds=90)
    until(lambda: limiter.usage("d")["waiting"] == 1)
    with pytest.raises(RateLimitedError, match="1 wait for it already"):
        limiter.reserve("d", TEN, tokens=1, flight_seconds=60)
    clock.pass_(60)
    caller.over()
    assert caller.held is not None
