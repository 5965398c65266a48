"""Ceilings: limits shared by several definitions, and the cost limit of a run, reserved before each call.

A call is reserved under its definition's own limits, under the limits of the host's definitions whose key it uses,
under the limits of its owner and of the directory, and in the budget of the run, always in this order, so that no two
calls wait for each other.  If one reservation fails, the earlier ones are released.
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from threading import Condition
from time import monotonic
from typing import Final, Protocol

from ai_wm.calls.estimating import Estimate
from ai_wm.data.policy import WorkerPolicy
from ai_wm.ratelimit import LimitPolicy
from ai_wm.ratelimit.base import CEILING, COST_UNITS, cost_units
from neuroscript import ErrorCode, NeuroScriptError

_SMALLEST_BUDGET: Final = 1 / COST_UNITS


@dataclass(frozen=True, slots=True)
class CeilingLimits:
    """The limits that a policy sets on all calls together."""

    max_requests_per_minute: int | None = None
    max_requests_per_day: int | None = None
    max_tokens_per_minute: int | None = None
    max_tokens_per_day: int | None = None
    max_cost_per_day: float | None = None
    max_concurrent_active_instances: int | None = None
    max_concurrent_calls: int | None = None


@dataclass(frozen=True, slots=True)
class Ceiling:
    """A shared limit under which a call is reserved.

    Args:
        limits_id: the id that the limiter counts use under.
        limits: the limits.
        subject: the name of the limits' holder in the message of a refusal.
    """

    limits_id: str
    limits: LimitPolicy
    subject: str


def ceilings_of(policy: WorkerPolicy, owner: str) -> tuple[Ceiling, ...]:
    """Returns the ceilings of a policy: one over the calls of its owner's scripts, and one over those in the directory.

    Raises:
        NeuroScriptError: 20 for a ceiling of 0, under which there is no call.
    """
    limits = CeilingLimits(
        max_requests_per_minute=policy.max_requests_per_minute,
        max_tokens_per_day=policy.max_tokens_per_day,
        # What is free fits under a budget of nothing; a limit of 0 would be none.
        max_cost_per_day=_SMALLEST_BUDGET if policy.max_cost_per_day == 0 else policy.max_cost_per_day,
        max_concurrent_calls=policy.max_concurrent_calls,
    )
    for name in ("max_requests_per_minute", "max_tokens_per_day", "max_concurrent_calls"):
        if getattr(policy, name) == 0:
            message = f"the host permits no calls of models: {name} of its policy is 0"
            raise NeuroScriptError(ErrorCode.RATE_LIMITED, message, details={"limit": name, "value": 0, "used": 0})
    if limits == CeilingLimits():
        return ()
    # Hashed, since it is mostly a path, which is nobody's business where the counters are.
    known_as = hashlib.blake2b(owner.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
    return (
        Ceiling(f"{CEILING}owner-{known_as}", limits, "this owner"),
        Ceiling(f"{CEILING}directory", limits, "this directory"),
    )


class RunBudget:
    """The cost budget of one run: how much it may still spend.  Safe to use from many threads.

    Args:
        most: the most that all of its calls may cost together, in the currency.
    """

    def __init__(self, most: float) -> None:
        self.most = most
        self._units = cost_units(most)
        self._changed = Condition()
        self._waiting: deque[object] = deque()
        self._used = 0
        self._in_flight = 0

    def reserve(
        self, cost: float, subject: str, wait_seconds: float = 0.0, check: Callable[[], None] | None = None
    ) -> Share:
        """Reserves the highest cost that a call may have.

        Where calls in flight hold what is left, it waits for them, in order of arrival.

        Args:
            cost: that cost, in the currency.
            subject: the name of the worker, for messages.
            wait_seconds: how long to wait at most.
            check: called ten times a second while waiting; raises to end the wait.

        Raises:
            NeuroScriptError: 46 if so much is not left.
        """
        units, place = cost_units(cost), object()
        end = monotonic() + wait_seconds
        with self._changed:
            self._waiting.append(place)
            try:
                while True:
                    fits = self._used + units <= self._units
                    if fits and self._waiting[0] is place:
                        share = Share(self, units)
                        self._used += units
                        self._in_flight += units
                        return share
                    settled, left = self._used - self._in_flight, end - monotonic()
                    if settled + units > self._units or left <= 0:
                        raise self._spent(cost, subject, wait_seconds)
                    self._changed.wait(min(left, _CHECK_SECONDS))
                    if check is not None:
                        check()
            finally:
                self._waiting.remove(place)
                self._changed.notify_all()

    def _spent(self, cost: float, subject: str, waited: float) -> NeuroScriptError:
        spent, held = (self._used - self._in_flight) / COST_UNITS, self._in_flight / COST_UNITS
        flight = f" and calls in flight may cost {held:g} more" if held else ""
        note = f"; it waited {waited:g} s for them" if held and waited else ""
        return NeuroScriptError(
            ErrorCode.BUDGET_EXCEEDED,
            f"{subject} was not asked: this run may cost {self.most:g} (max_cost_per_run); {spent:g} are spent"
            f"{flight}, and this call may cost {cost:g}{note}; raise it with --max-cost or "
            "WorkerPolicy(max_cost_per_run=…)",
            details={"limit": "max_cost_per_run", "value": self.most, "used": spent + held},
        )

    def end(self, reserved: int, used: int) -> None:
        """Replaces what was reserved for a call by what it used, both in billionths of the currency."""
        with self._changed:
            self._used += used - reserved
            self._in_flight -= reserved
            self._changed.notify_all()


_CHECK_SECONDS: Final = 0.1


class Share:
    """The part of a run's budget that is reserved for one call."""

    __slots__ = ("_budget", "_units")

    def __init__(self, budget: RunBudget, units: int) -> None:
        self._budget: RunBudget | None = budget
        self._units = units

    def settle(self, tokens: int, cost: float) -> None:
        """Replaces the reserved cost by the actual cost of the call; it does nothing the second time."""
        budget, self._budget = self._budget, None
        if budget is not None:
            budget.end(self._units, cost_units(cost))

    def release(self) -> None:
        """Returns the whole reservation to the budget."""
        self.settle(0, 0.0)


class Held(Protocol):
    """Protocol of a reservation for one call, which is settled with the actual use or released."""

    def settle(self, tokens: int, cost: float) -> None: ...
    def release(self) -> None: ...


class Holds:
    """All reservations of one request: under its definition's limits, the ceilings and the run's budget.

    Args:
        own: the reservation under the limits of its definition.
        above: the reservations under the ceilings and in the budget of the run.
        estimate: what is reserved.
        fallback_price: whether the ceilings are charged by an assumed price, since the model's price is unknown.
    """

    __slots__ = ("above", "estimate", "fallback_price", "own")

    def __init__(self, own: Held, above: list[Held], estimate: Estimate, fallback_price: bool = False) -> None:
        self.own = own
        self.above = above
        self.estimate = estimate
        self.fallback_price = fallback_price

    @property
    def tokens(self) -> int:
        """The number of tokens reserved."""
        return self.estimate.tokens

    @property
    def cost(self) -> float:
        """The cost reserved."""
        return self.estimate.cost

    def settle(self, tokens: int, cost: float, charged: float, lost: bool = False) -> None:
        """Replaces the reserved tokens and cost by the actual use of the request.

        Args:
            tokens: the tokens that it used.
            cost: its cost according to its record.
            charged: its cost as charged to the ceilings.
            lost: whether its use is unknown, since it was cut off; then at least the reserved amount is charged, or
                aborting calls would be a way round the limits.
        """
        if lost:
            tokens, cost, charged = max(tokens, self.tokens), max(cost, self.cost), max(charged, self.cost)
        if self.above:
            ends = (partial(held.settle, tokens, charged) for held in self.above)
            _each([lambda: self.own.settle(tokens, cost), *ends])
        else:
            self.own.settle(tokens, cost)

    def release(self) -> None:
        """Releases all reservations, as if the call had never been reserved."""
        _each([self.own.release, *(held.release for held in self.above)])


def _each(ends: list[Callable[[], None]]) -> None:
    """Calls all functions even if some raise, then raises the first error."""
    failures: list[Exception] = []
    for end in ends:
        try:
            end()
        except Exception as error:  # a host's own limiter may raise anything; the others are ended too
            failures.append(error)
    if failures:
        raise failures[0]
