"""Both limiters against the rules written down as plainly as possible: a list of calls, counted anew every time."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ai_wm.ratelimit import Demand, Reservation
from neuroscript.errors import RateLimitedError

from .support import NO_LIMITS, ROOMY, Clock, Policy, make_limiter

MINUTE = 60_000_000
DAY = 86_400_000_000


@dataclass
class Call:
    """One call: when it was reserved, and what it counts for."""

    stamp: int
    tokens: int
    cost: int
    in_flight: bool = True


@dataclass
class Model:
    """All calls that were not released, and the time; costs in thousandths."""

    now: int = 0
    calls: list[Call] = field(default_factory=list)

    def used(self, limit: str, now: int) -> float:
        window = MINUTE if limit.endswith("minute") else DAY
        if "requests" in limit:
            return sum(call.stamp > now - window for call in self.calls)
        counted = [call for call in self.calls if call.stamp > now - window or call.in_flight]
        return sum(call.cost if "cost" in limit else call.tokens for call in counted)

    def fits(self, policy: Policy, tokens: int, cost: int, now: int) -> bool:
        needs = {
            "max_requests_per_minute": 1,
            "max_requests_per_day": 1,
            "max_tokens_per_minute": max(tokens, 1),
            "max_tokens_per_day": max(tokens, 1),
            "max_cost_per_day": max(cost, 0.000001),
        }
        limits = {name: getattr(policy, name) * (1000 if "cost" in name else 1) for name in needs}
        return all(not limits[name] or self.used(name, now) + need <= limits[name] for name, need in needs.items())

    def settled_fits(self, policy: Policy, tokens: int, cost: int) -> bool:
        """Whether the call would fit if calls in flight gave back all that they hold but their requests."""
        kept = [replace(call, tokens=0, cost=0) if call.in_flight else call for call in self.calls]
        return Model(self.now, kept).fits(policy, tokens, cost, self.now)

    def can_succeed(self, policy: Policy, tokens: int, cost: int) -> bool:
        return Model(self.now).fits(policy, tokens, cost, self.now)

    def fits_after(self, policy: Policy, tokens: int, cost: int) -> int | None:
        """The first moment at which the call fits if nothing else happens."""
        moments = sorted({call.stamp + window for call in self.calls for window in (MINUTE, DAY)})
        later = (moment for moment in moments if moment > self.now)
        return next((moment - self.now for moment in later if self.fits(policy, tokens, cost, moment)), None)


policies = st.builds(
    Policy,
    max_requests_per_minute=st.sampled_from([0, 1, 3, 5]),
    max_requests_per_day=st.sampled_from([0, 1, 4, 20]),
    max_tokens_per_minute=st.sampled_from([0, 10, 40]),
    max_tokens_per_day=st.sampled_from([0, 30, 200]),
    max_cost_per_day=st.sampled_from([0, 0.02, 0.1]),
).map(lambda policy: ROOMY if policy == NO_LIMITS else policy)  # calls without limits: test_deferred.py
amounts = st.integers(0, 15)
others = (
    st.tuples(st.just("settle"), st.integers(0, 5), amounts),
    st.tuples(st.just("release"), st.integers(0, 5), st.just(0)),
    st.tuples(st.just("pass"), st.sampled_from([0, 1, 20, 40, 60, 3600, 43_200, 86_400]), st.integers(0, 999_999)),
    st.tuples(st.just("set back"), st.integers(1, 100_000), st.just(0)),
)
steps = st.one_of(
    st.tuples(st.just("reserve"), amounts, amounts),
    st.tuples(st.sampled_from(["call", "wait and call"]), amounts, amounts),
    *others,
)


@pytest.mark.parametrize("kind", ["memory", "sqlite", "exclusive"])
def test_random_calls_are_counted_as_the_rules_say(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ai_wm.ratelimit.exclusive.BUSY_SECONDS", 3600.0)

    @settings(max_examples=200 if kind == "memory" else 60, deadline=None)
    @given(policies, st.lists(steps, min_size=10, max_size=40))
    def run(policy: Policy, actions: list[tuple[str, int, int]]) -> None:
        with tempfile.TemporaryDirectory() as directory:
            _Run(kind, Path(directory), policy).play(actions)

    run()


class _Run:
    def __init__(self, kind: str, directory: Path, policy: Policy) -> None:
        self.clock = Clock()
        self.limiter = make_limiter(kind, directory, self.clock)
        # Whoever looks has all calls written, so what counts in memory is looked at more rarely.
        self.compares_each = 7 if kind == "exclusive" else 1
        self.policy = policy
        self.model = Model()
        self.open: list[tuple[Reservation, Call]] = []

    def play(self, actions: list[tuple[str, int, int]]) -> None:
        for turn, (action, first, second) in enumerate(actions):
            match action:
                case "reserve":
                    self.reserve(first, second)
                case "call" | "wait and call":
                    if self.reserve(first, second, wait=action != "call"):
                        self.end("settle", -1, second)
                case "pass":
                    self.clock.pass_(first + second / 1_000_000)
                    self.model.now += first * 1_000_000 + second
                case "set back":
                    self.limiter.usage("d")
                    self.clock.pass_(-first)
                    self.limiter.usage("d")
                case _ if self.open:
                    self.end(action, first % len(self.open), second)
            if turn % self.compares_each == 0:
                self.compare()
        self.compare()
        self.limiter.close()

    def reserve(self, tokens: int, cost: int, wait: bool = False) -> bool:
        """Reserve; with ``wait``, when refused, let the time pass that the refusal names, and succeed."""
        fits = self.model.fits(self.policy, tokens, cost, self.model.now)
        try:
            reservation = self.limiter.reserve("d", self.policy, tokens=tokens, cost=cost / 1000)
        except RateLimitedError as refused:
            assert not fits
            expected = self.model.fits_after(self.policy, tokens, cost)
            seconds = refused.details.get("retry_after_seconds")
            if any(call.in_flight for call in self.model.calls):
                return False
            assert seconds == (None if expected is None else expected / 1_000_000)
            if not wait or expected is None:
                return False
            self.clock.pass_(expected / 1_000_000)
            self.model.now += expected
            return self.reserve(tokens, cost)
        assert fits
        call = Call(self.model.now, tokens, cost)
        self.model.calls.append(call)
        self.open.append((reservation, call))
        return True

    def end(self, action: str, index: int, amount: int) -> None:
        reservation, call = self.open.pop(index)
        call.in_flight = False
        if action == "settle":
            reservation.settle(amount, amount / 1000)
            call.tokens = call.cost = amount
        else:
            reservation.release()
            self.model.calls.remove(call)

    def compare(self) -> None:
        usage, model = self.limiter.usage("d"), self.model
        assert usage["requests_last_minute"] == model.used("requests_minute", model.now)
        assert usage["tokens_last_minute"] == model.used("tokens_minute", model.now)
        assert usage["calls_in_flight"] == len(self.open)
        if not (self.policy.max_requests_per_day or self.policy.max_tokens_per_day or self.policy.max_cost_per_day):
            return  # Then the day is only known to the minute.
        assert usage["requests_last_day"] == model.used("requests_day", model.now)
        assert usage["tokens_last_day"] == model.used("tokens_day", model.now)
        assert usage["cost_last_day"] == model.used("cost_day", model.now) / 1000


def exact(policy: Policy) -> Policy:
    """The same limits, and one by the day, so that every call is kept by itself."""
    return replace(policy, max_tokens_per_day=policy.max_tokens_per_day or 1 << 40)


changing = st.one_of(
    *others,
    st.tuples(st.just("limits"), st.integers(0, 3), st.just(0)),
    st.tuples(st.just("forget"), st.just(0), st.just(0)),
    st.tuples(st.just("reserve and wait"), amounts, amounts),
    st.tuples(st.just("reserve and wait"), amounts, amounts),
)


@pytest.mark.parametrize("kind", ["memory", "sqlite"])
def test_calls_that_wait_under_changing_limits_are_counted_as_the_rules_say(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On several limiters, whose clocks differ; whoever may wait for calls in flight makes a second attempt."""
    monkeypatch.setattr("ai_wm.ratelimit.wait_queue.GRACE", 0.0)

    @settings(max_examples=200 if kind == "memory" else 60, deadline=None)
    @given(st.lists(policies.map(exact), min_size=4, max_size=4), st.lists(changing, min_size=10, max_size=40))
    def run(several: list[Policy], actions: list[tuple[str, int, int]]) -> None:
        with tempfile.TemporaryDirectory() as directory:
            _ChangingRun(kind, Path(directory), several).play(actions)

    run()


class _ChangingRun(_Run):
    def __init__(self, kind: str, directory: Path, policies: list[Policy]) -> None:
        super().__init__(kind, directory, policies[0])
        self.policies = policies
        self.limiters = [self.limiter]
        if kind == "sqlite":
            for skew in (172_800, -3600):
                self.limiters.append(make_limiter(kind, directory, lambda skew=skew: self.clock() + skew))  # type: ignore[misc]
        self.turn = 0

    def play(self, actions: list[tuple[str, int, int]]) -> None:
        for action, first, second in actions:
            self.turn += 1
            self.limiter = self.limiters[self.turn % len(self.limiters)]
            match action:
                case "limits":
                    self.policy = self.policies[first]
                case "forget":
                    self.limiter.forget("d")
                case "reserve and wait":
                    self.reserve_and_wait(first, second)
                case "pass":
                    self.clock.pass_(first + second / 1_000_000)
                    self.model.now += first * 1_000_000 + second
                case "set back":
                    for each in self.limiters:
                        each.usage("d")
                    self.clock.pass_(-first)
                    for each in self.limiters:
                        each.usage("d")
                case _ if self.open:
                    self.end(action, first % len(self.open), second)
            self.compare()
        for each in self.limiters:
            each.close()

    def reserve_and_wait(self, tokens: int, cost: int) -> None:
        """Reserve, and change what is asked for, and under which limits, while the call waits."""
        model, before = self.model, self.policy
        after, later = self.policies[self.turn % 4], (tokens + cost) % 16
        waits = model.can_succeed(before, tokens, cost) and model.settled_fits(before, tokens, cost)
        if model.fits(before, tokens, cost, model.now):
            expected: tuple[int, int] | None = (tokens, cost)
        else:
            expected = (later, cost) if waits and model.fits(after, later, cost, model.now) else None
        asked = 0

        def again() -> Demand:
            nonlocal asked
            asked += 1
            return Demand(after, later, cost / 1000)

        def reserve() -> Reservation:
            return self.limiter.reserve("d", before, tokens=tokens, cost=cost / 1000, flight_seconds=1e-6, again=again)

        if expected is None:
            with pytest.raises(RateLimitedError) as caught:
                reserve()
            assert (asked == 1) == waits
            waited = waits and model.can_succeed(after, later, cost) and model.settled_fits(after, later, cost)
            assert ("for calls in flight" in caught.value.message) == waited
            return
        held = reserve()
        call = Call(model.now, *expected)
        model.calls.append(call)
        self.open.append((held, call))
