"""Ceilings, which are limits shared by several definitions, and all that is reserved before one request.

A call is reserved under its definition's own limits, under the limits of the host's definitions whose key it uses,
under the limits of its owner and of the directory, and in the budget of the run, always in this order, so that no two
calls wait for each other.  If one reservation fails, the earlier ones are released.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

from ai_wm.calls.estimating import Estimate
from ai_wm.calls.run_budget import Share
from ai_wm.data.policy import WorkerPolicy
from ai_wm.ratelimit import LimitPolicy, Reservation
from ai_wm.ratelimit.base import CEILING, COST_UNITS
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

    __slots__ = ("_ended", "above", "estimate", "fallback_price", "own")

    def __init__(self, own: Held, above: list[Held], estimate: Estimate, fallback_price: bool = False) -> None:
        self.own = own
        self.above = above
        self.estimate = estimate
        self.fallback_price = fallback_price
        self._ended: list[Held] = []

    @property
    def tokens(self) -> int:
        """The number of tokens reserved."""
        return self.estimate.tokens

    @property
    def cost(self) -> float:
        """The cost reserved."""
        return self.estimate.cost

    def sent(self) -> None:
        """Notes that the request is about to be sent: a reservation that is lost counts as reserved from now on."""
        for held in (self.own, *self.above):
            if isinstance(held, (Reservation, Share)):  # a union would be made anew at each call
                held.sent = True

    def write(self) -> None:
        """Has the request counted as reserved if the process dies now, under all limits that are kept in a file."""
        for held in (self.own, *self.above):
            if isinstance(held, Reservation):
                held.write()

    def settle(self, tokens: int, cost: float, charged: float, lost: bool = False) -> None:
        """Replaces the reserved tokens and cost by the actual use of the request; it may be called again.

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
            self._each(lambda held: held.settle(tokens, cost if held is self.own else charged))
        elif getattr(self.own, "open", True):
            self.own.settle(tokens, cost)

    def release(self) -> None:
        """Releases all reservations, as if the call had never been reserved; it may be called again."""
        self._each(lambda held: held.release())

    def _each(self, end: Callable[[Held], None]) -> None:
        """Ends all reservations that are not ended yet, even if some raise, and then raises the first error."""
        failures: list[Exception] = []
        for held in (self.own, *self.above):
            if held not in self._ended and getattr(held, "open", True):
                try:
                    end(held)
                except Exception as error:  # a host's own limiter may raise anything; the others are ended too
                    failures.append(error)
                self._ended.append(held)
        if failures:
            raise failures[0]
