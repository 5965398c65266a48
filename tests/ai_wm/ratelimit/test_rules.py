"""The rules of rate limiting, one example each; they hold for both limiters."""

from __future__ import annotations

import gc
import threading

import pytest

from ai_wm.data.types import RateLimitPolicy
from neuroscript.errors import ErrorCode, NeuroScriptError, RateLimitedError, StateError

from .support import ROOMY, AnyLimiter, Clock, Policy


def refusal(limiter: AnyLimiter, policy: Policy, tokens: int = 1, cost: float = 0.0) -> NeuroScriptError:
    with pytest.raises(RateLimitedError) as caught:
        limiter.reserve("d", policy, tokens=tokens, cost=cost)
    return caught.value


def call(limiter: AnyLimiter, policy: Policy, tokens: int = 1, cost: float = 0.0) -> None:
    limiter.reserve("d", policy, tokens=tokens, cost=cost).settle(tokens, cost)


def test_a_window_is_the_last_minute_sliding(limiter: AnyLimiter, clock: Clock) -> None:
    policy = Policy(max_requests_per_minute=2)
    call(limiter, policy)
    clock.pass_(20)
    call(limiter, policy)
    clock.pass_(10)
    error = refusal(limiter, policy)
    assert error.code == ErrorCode.RATE_LIMITED
    assert error.details == {
        "limit": "max_requests_per_minute",
        "value": 2,
        "used": 2,
        "retry_after_seconds": pytest.approx(30),
    }
    clock.pass_(29.999999)
    refusal(limiter, policy)
    clock.pass_(0.000001)
    call(limiter, policy)
    assert refusal(limiter, policy).details["retry_after_seconds"] == 20


@pytest.mark.parametrize(
    ("policy", "limit", "seconds"),
    [
        (Policy(max_requests_per_day=1), "max_requests_per_day", 86_400),
        (Policy(max_tokens_per_minute=10), "max_tokens_per_minute", 60),
        (Policy(max_tokens_per_day=10), "max_tokens_per_day", 86_400),
        (Policy(max_cost_per_day=0.5), "max_cost_per_day", 86_400),
    ],
)
def test_every_limit_refuses_what_exceeds_it(
    limiter: AnyLimiter, clock: Clock, policy: Policy, limit: str, seconds: int
) -> None:
    call(limiter, policy, tokens=8, cost=0.4)
    clock.pass_(5)
    error = refusal(limiter, policy, tokens=4, cost=0.2)
    assert error.details["limit"] == limit
    assert error.details["value"] == getattr(policy, limit)
    assert error.details["retry_after_seconds"] == seconds - 5
    clock.pass_(seconds - 5)
    call(limiter, policy, tokens=4, cost=0.2)


def test_the_budget_has_an_error_of_its_own(limiter: AnyLimiter) -> None:
    policy = Policy(max_cost_per_day=1.0)
    for _ in range(10):
        call(limiter, policy, cost=0.1)
    error = refusal(limiter, policy, cost=0.1)
    assert error.code == ErrorCode.BUDGET_EXCEEDED
    assert error.details["used"] == 1.0
    assert "1.0 of 1.0 currency units are used in the last day" in error.message


def test_the_limit_that_frees_up_last_is_named(limiter: AnyLimiter) -> None:
    policy = Policy(max_requests_per_minute=1, max_tokens_per_day=5)
    call(limiter, policy, tokens=5)
    assert refusal(limiter, policy).details["limit"] == "max_tokens_per_day"


def test_a_refusal_reserves_nothing_in_any_window(limiter: AnyLimiter) -> None:
    policy = Policy(max_requests_per_minute=10, max_tokens_per_day=5)
    call(limiter, policy, tokens=4)
    before = limiter.usage("d")
    refusal(limiter, policy, tokens=3)
    assert limiter.usage("d") == before


def test_a_call_larger_than_the_limit_is_told_that_it_never_fits(limiter: AnyLimiter) -> None:
    error = refusal(limiter, Policy(max_tokens_per_minute=100), tokens=101)
    assert error.details == {"limit": "max_tokens_per_minute", "value": 100, "used": 0}
    assert "never succeed" in error.message
    assert "max_output_tokens" in error.message


def test_waiting_for_what_never_fits_ends_at_once(limiter: AnyLimiter) -> None:
    with pytest.raises(RateLimitedError, match="never succeed"):
        limiter.reserve("d", Policy(max_tokens_per_minute=100), tokens=101, wait_seconds=1000)


def test_settling_counts_the_real_tokens_and_cost(limiter: AnyLimiter) -> None:
    reservation = limiter.reserve("d", ROOMY, tokens=1000, cost=2.0)
    assert limiter.usage("d")["tokens_last_minute"] == 1000
    assert limiter.usage("d")["calls_in_flight"] == 1
    reservation.settle(120, 0.25)
    assert limiter.usage("d") == {
        "requests_last_minute": 1,
        "requests_last_day": 1,
        "tokens_last_minute": 120,
        "tokens_last_day": 120,
        "cost_last_day": 0.25,
        "calls_in_flight": 0,
        "active_instances": 0,
        "waiting": 0,
    }


def test_releasing_gives_everything_back_the_request_included(limiter: AnyLimiter) -> None:
    policy = Policy(max_requests_per_minute=1)
    limiter.reserve("d", policy, tokens=5, cost=1.0).release()
    usage = limiter.usage("d")
    assert not any(usage.values())
    call(limiter, policy)


def test_a_block_releases_what_was_not_settled(limiter: AnyLimiter) -> None:
    with pytest.raises(RuntimeError), limiter.reserve("d", ROOMY, tokens=5):
        raise RuntimeError("the call failed before it was sent")
    with limiter.reserve("d", ROOMY, tokens=5) as reservation:
        reservation.settle(3)
    assert limiter.usage("d")["requests_last_minute"] == 1
    assert limiter.usage("d")["tokens_last_minute"] == 3


def test_a_forgotten_reservation_is_given_back(limiter: AnyLimiter) -> None:
    limiter.reserve("d", ROOMY, tokens=5)
    gc.collect()
    assert limiter.usage("d")["requests_last_minute"] == 0


def test_settling_twice_is_an_error_and_releasing_late_is_not(limiter: AnyLimiter) -> None:
    reservation = limiter.reserve("d", ROOMY, tokens=5)
    assert reservation.open
    reservation.settle(4)
    assert not reservation.open
    reservation.release()
    with pytest.raises(StateError, match="settled or released before"):
        reservation.settle(4)
    assert limiter.usage("d")["tokens_last_minute"] == 4


def test_calls_in_flight_never_exceed_a_limit_together_however_long_they_run(limiter: AnyLimiter, clock: Clock) -> None:
    policy = Policy(max_tokens_per_minute=100)
    slow = limiter.reserve("d", policy, tokens=80)
    clock.pass_(61)
    assert limiter.usage("d")["requests_last_minute"] == 0
    error = refusal(limiter, policy, tokens=30)
    assert error.details["used"] == 80
    slow.settle(90)
    assert limiter.usage("d")["tokens_last_minute"] == 0
    assert limiter.usage("d")["tokens_last_day"] == 90
    call(limiter, policy, tokens=30)


def test_a_call_that_runs_for_more_than_a_day_leaves_nothing_behind(limiter: AnyLimiter, clock: Clock) -> None:
    policy = Policy(max_tokens_per_day=100, max_cost_per_day=1)
    settled, released = (limiter.reserve("d", policy, tokens=10, cost=0.1) for _ in range(2))
    clock.pass_(90_000)
    assert limiter.usage("d")["tokens_last_day"] == 20
    settled.settle(50, 0.5)
    released.release()
    assert not any(limiter.usage("d").values())
    clock.pass_(90_000)
    assert not any(limiter.usage("d").values())


def test_an_estimate_of_nothing_still_needs_room(limiter: AnyLimiter) -> None:
    policy = Policy(max_tokens_per_minute=10)
    limiter.reserve("d", policy, tokens=0).settle(10)
    refusal(limiter, policy, tokens=0)


def test_one_definition_never_touches_another(limiter: AnyLimiter) -> None:
    policy = Policy(max_requests_per_minute=1, max_concurrent_active_instances=1)
    limiter.reserve("a", policy, tokens=1).settle(1)
    limiter.acquire_slot("a", policy, "one")
    limiter.reserve("b", policy, tokens=1).settle(1)
    limiter.acquire_slot("b", policy, "two")
    limiter.forget("a")
    assert limiter.usage("b")["requests_last_minute"] == 1
    assert limiter.active_slots("b") == 1


def test_removing_a_definition_and_adding_it_again_gives_no_second_allowance(limiter: AnyLimiter, clock: Clock) -> None:
    policy = Policy(max_requests_per_day=1)
    call(limiter, policy)
    limiter.forget("d")
    refusal(limiter, policy)
    clock.pass_(86_400)
    call(limiter, policy)


def test_slots_bound_the_active_instances(limiter: AnyLimiter) -> None:
    policy = Policy(max_concurrent_active_instances=2)
    limiter.acquire_slot("d", policy, "one")
    limiter.acquire_slot("d", policy, "two")
    limiter.acquire_slot("d", policy, "two")
    with pytest.raises(RateLimitedError, match="2 of 2 instances are active") as caught:
        limiter.acquire_slot("d", policy, "three", name="writer")
    assert caught.value.details == {"limit": "max_concurrent_active_instances", "value": 2, "used": 2}
    assert "'writer'" in caught.value.message
    limiter.release_slot("d", "one")
    limiter.release_slot("d", "never taken")
    limiter.acquire_slot("d", policy, "three")
    assert limiter.active_slots("d") == 2
    assert limiter.active_slots("unknown") == 0


def test_a_call_that_is_over_after_its_definition_was_removed_still_counts(limiter: AnyLimiter) -> None:
    late, later = (limiter.reserve("d", ROOMY, tokens=5) for _ in range(2))
    limiter.forget("d")
    limiter.reserve("d", ROOMY, tokens=7).settle(7)
    late.settle(6)
    later.release()
    assert limiter.usage("d")["tokens_last_minute"] == 13
    assert limiter.usage("d")["requests_last_minute"] == 2


def test_a_clock_that_goes_backwards_stands_still_instead(limiter: AnyLimiter, clock: Clock) -> None:
    policy = Policy(max_requests_per_minute=1)
    call(limiter, policy)
    clock.pass_(-7200)
    assert refusal(limiter, policy).details["retry_after_seconds"] == 60
    clock.pass_(60)
    call(limiter, policy)


def test_a_limit_added_later_counts_what_was_used_before(limiter: AnyLimiter, clock: Clock) -> None:
    for _ in range(5):
        call(limiter, ROOMY, tokens=10)
        clock.pass_(3600)
    refusal(limiter, Policy(max_requests_per_day=5))
    refusal(limiter, Policy(max_tokens_per_day=50))
    call(limiter, Policy(max_requests_per_day=6))


def test_without_a_limit_by_the_day_the_day_is_kept_by_the_minute(limiter: AnyLimiter, clock: Clock) -> None:
    for _ in range(100):
        call(limiter, ROOMY, tokens=2, cost=0.5)
        clock.pass_(10)
    usage = limiter.usage("d")
    assert usage["requests_last_day"] == 100
    assert usage["tokens_last_day"] == 200
    assert usage["cost_last_day"] == 50.0
    clock.pass_(86_400 - 300)
    assert 30 <= limiter.usage("d")["requests_last_day"] <= 36
    clock.pass_(400)
    assert limiter.usage("d")["requests_last_day"] == 0


def test_the_policy_of_a_definition_will_do(limiter: AnyLimiter) -> None:
    policy = RateLimitPolicy.model_validate({"max_requests_per_minute": 1})
    limiter.reserve("d", policy, tokens=3).settle(3)
    with pytest.raises(RateLimitedError, match=r"1 of 1 requests are used in the last minute"):
        limiter.reserve("d", policy, tokens=3)


def test_closing_twice_and_settling_after_it_are_harmless(limiter: AnyLimiter) -> None:
    reservation = limiter.reserve("d", ROOMY, tokens=3)
    limiter.close()
    limiter.close()
    reservation.settle(3)
    assert not reservation.open


def test_no_more_calls_are_in_flight_than_may_be(limiter: AnyLimiter, clock: Clock) -> None:
    policy = Policy(max_concurrent_calls=2)
    first, second = (limiter.reserve("ceiling-x", policy, tokens=1, name="this program") for _ in range(2))
    with pytest.raises(RateLimitedError, match="all workers of this program together: 2 of 2 calls are in flight") as e:
        limiter.reserve("ceiling-x", policy, tokens=1, name="this program")
    assert e.value.details == {"limit": "max_concurrent_calls", "value": 2, "used": 2, "retry_after_seconds": 1}
    first.settle(1)
    limiter.reserve("ceiling-x", policy, tokens=1).release()
    second.release()


def test_a_call_waits_until_another_is_over(limiter: AnyLimiter) -> None:
    policy = Policy(max_concurrent_calls=1)
    held = limiter.reserve("d", policy, tokens=1)
    timer = threading.Timer(0.1, held.settle, (1,))
    timer.start()
    limiter.reserve("d", policy, tokens=1, wait_seconds=10).release()
    assert not held.open
    timer.join()


@pytest.mark.parametrize("cost", [1e308, float("inf"), 1e15])
def test_a_cost_beyond_all_measure_uses_the_budget_up(limiter: AnyLimiter, cost: float) -> None:
    policy = Policy(max_cost_per_day=1e6, max_tokens_per_day=1 << 60)
    limiter.reserve("d", policy, tokens=1).settle(10**300, cost)
    assert limiter.usage("d")["cost_last_day"] > 1e6
    assert refusal(limiter, policy).code == ErrorCode.BUDGET_EXCEEDED
