"""The protocol of rate limiters, with reservations and refusals.

Rules, the same for every limiter:

* A window is the last 60 s or the last 24 h, sliding.  A call counts in it from the moment it was reserved.
* A call reserves one request, an estimate of its tokens and of its cost in all windows at once, or nothing at all.
* Settling replaces the estimates by the real counts; releasing takes everything back, the request included.
* While a call is in flight its tokens and cost count in every window, however long it runs, so that calls in flight
  can never together exceed a limit by more than their estimates were off.
* What is used for good is *settled*: all requests, and the tokens and costs of calls that are over.  Where it leaves no
  room, the call is refused or waits, as it asks; where only calls in flight are in the way, it waits for them.
* Callers that wait are served in the order in which they came, whatever process they are of.
* 0 or ``None`` in a policy means no limit.  The limits of one definition never touch another's.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Any, NamedTuple, Protocol, Self

from neuroscript import ErrorCode, NeuroScriptError

MICROSECONDS = 1_000_000
"""In a second.  Moments and windows are counted in microseconds."""

MINUTE = 60 * MICROSECONDS
DAY = 24 * 60 * MINUTE

# Costs are added and taken back many times a day.  In whole billionths of a currency unit the sums stay exact.
COST_UNITS = 1_000_000_000

_MOST = 1 << 53
_MOST_COST = _MOST / COST_UNITS

SLOT_LIMIT = "max_concurrent_active_instances"
CALLS_LIMIT = "max_concurrent_calls"

CEILING = "ceiling-"
"""The prefix of the ids under which several definitions are counted together."""


class LimitPolicy(Protocol):
    """The limits of one definition, as `ai_wm.data.types.RateLimitPolicy` has them.

    Each is 0 or more, and 0 or ``None`` is no limit.  Tokens are input and output together; the cost is in the currency
    of the definition's prices.

    ``max_concurrent_calls``, the most calls in flight, is a limit of several definitions together.
    """

    @property
    def max_requests_per_minute(self) -> int | None: ...
    @property
    def max_requests_per_day(self) -> int | None: ...
    @property
    def max_tokens_per_minute(self) -> int | None: ...
    @property
    def max_tokens_per_day(self) -> int | None: ...
    @property
    def max_cost_per_day(self) -> float | None: ...
    @property
    def max_concurrent_active_instances(self) -> int | None: ...
    @property
    def max_concurrent_calls(self) -> int | None: ...


class Demand(NamedTuple):
    """What a waiting call asks for now: its limits, and the estimates of its tokens and of its cost in the currency."""

    policy: LimitPolicy
    tokens: int
    cost: float


class RateLimiter(Protocol):
    """Counts the calls, tokens and costs of every definition, and refuses what would exceed its limits.

    Every method may be called from any thread.
    """

    def reserve(
        self,
        definition_id: str,
        policy: LimitPolicy,
        *,
        tokens: int,
        cost: float = 0.0,
        wait_seconds: float | None = None,
        flight_seconds: float = 0.0,
        again: Callable[[], Demand] | None = None,
        cancelled: Callable[[], None] | None = None,
        name: str = "",
    ) -> Reservation:
        """Reserve one call in all windows, or nothing.

        Callers that wait are served in order of arrival, those of other processes included.

        Args:
            definition_id: whose limits these are.
            policy: the limits.
            tokens: the estimate of input and output tokens together, 0 or more.
            cost: the estimate of the cost, in the currency of the definition's prices, 0 or more.
            wait_seconds: how long to wait for room, whatever takes it; ``None`` waits for calls in flight alone.
            flight_seconds: how long to wait, with ``wait_seconds=None``, where only calls in flight (their tokens,
                their cost, their number) stand in the way, or callers that wait for them.
            again: called before each later attempt of a caller that had to wait, and four times a second while it
                waits, by any thread that waits for the same limits; returns what the call asks for by then, or raises
                to end the wait.  ``None``: it stays as it was.
            cancelled: called while waiting, at least every tenth of a second; ends the wait by raising.
            name: the definition's name, for the message of a refusal.

        Returns:
            the reservation, to be settled or released.

        Raises:
            RateLimitedError: 20, or 46 where the budget refuses.  ``details`` holds ``limit`` (the policy's key),
                ``value``, ``used`` and ``retry_after_seconds``: when enough of the window is free, if no other call
                comes first.  Without ``retry_after_seconds`` the call can never succeed: it is larger than the limit.
        """

    def acquire_slot(self, definition_id: str, policy: LimitPolicy, instance_id: str, *, name: str = "") -> None:
        """Take a slot for an active instance; taking it twice for one instance takes one.

        Raises:
            RateLimitedError: 20 if ``max_concurrent_active_instances`` are taken.
        """

    def release_slot(self, definition_id: str, instance_id: str) -> None:
        """Give an instance's slot back.  Does nothing if it has none."""

    def active_slots(self, definition_id: str) -> int:
        """How many slots of the definition are taken."""

    def usage(self, definition_id: str) -> dict[str, float]:
        """The counters of a definition at this moment.

        Returns:
            the keys ``requests_last_minute``, ``requests_last_day``, ``tokens_last_minute``, ``tokens_last_day``,
            ``cost_last_day`` (in the currency), ``calls_in_flight``, ``active_instances`` and ``waiting`` (callers
            that wait for room, those of other processes included).
        """

    def changed(self, definition_id: str) -> None:
        """Let all waiting callers of a definition look ``again``: its limits, its status or its existence changed."""

    def forget(self, definition_id: str, known_as: str = "") -> None:
        """End the waits of a definition that was removed, with error 19.

        What it used stays counted until it has aged out of the windows: adding it again gives no second allowance.

        Args:
            definition_id: whose limits these were.
            known_as: by what one that is added later under another id is known to be the same.
        """

    def inherit(self, definition_id: str, known_as: str) -> None:
        """Count on, for a definition that is added, what a removed one used that was known as the same."""

    def close(self) -> None:
        """Give back the slots that this limiter holds, and close its files.  May be called twice.

        Calls in flight count as they were reserved, for good.
        """


Use = tuple[int, int]
"""The tokens of a call, and its cost in billionths of the currency."""


class Ledger(Protocol):
    """The part of a limiter that a `Reservation` reports to.

    ``hold`` is the limiter's own record of it; its ``tokens`` and ``cost`` are what was reserved.
    """

    def settle_hold(self, hold: Any, tokens: int, cost: int) -> None:
        """Replace the estimates of a call by its real tokens and its real cost, in billionths of the currency.

        An interrupt may cut this short; doing it again finishes it.  Nothing happens if the call is over.
        """

    def release_hold(self, hold: Any) -> None:
        """Take a call back, as if it had never been reserved; for interrupts see `settle_hold`."""

    def write_hold(self, hold: Any) -> None:
        """Have a call counted as reserved if the process dies, where that is not so already."""

    def abandon_hold(self, hold: Any, use: Use | None) -> None:
        """End a call from a destructor: at any moment, in any thread, without waiting for a lock.

        Args:
            hold: the limiter's own record; it may not have been counted yet.
            use: what the call counts for; ``None``: it is taken back.
        """


class Reservation:
    """Room for one call in all windows of its definition.

    Settle it with the real counts when the call is over, or release it.  As a context manager it is ended at the end of
    the block unless it was settled; one that is forgotten is ended when it is garbage collected.  Such an end takes the
    call back unless it was `sent`: then it counts as it was reserved.

    What an interrupt cuts short is done by calling it again, and at the latest by such an end.
    """

    __slots__ = ("__weakref__", "_hold", "_ledger", "_use", "sent")

    def __init__(self, ledger: Ledger, hold: Any) -> None:
        self._ledger = ledger
        self._use: Use | None = None  # as it is to be settled, once that was begun
        self.sent = False
        """Whether the request was sent, to be set by whoever sends it, just before."""
        self._hold = hold

    @property
    def open(self) -> bool:
        """Whether it is neither settled nor released."""
        return self._hold is not None

    def write(self) -> None:
        """Have the call counted as reserved if the process dies now, rather than in a moment.

        For a call of which nothing but its reservation tells until it is over.
        """
        if self._hold is not None:
            self._ledger.write_hold(self._hold)

    def settle(self, tokens: int, cost: float = 0.0) -> None:
        """Replace the estimates by what the call really used.

        Args:
            tokens: input and output tokens together, 0 or more.
            cost: in the currency of the definition's prices, 0 or more.

        Raises:
            StateError: 19 if it was settled or released before.
        """
        hold = self._hold
        if hold is None:
            message = "this reservation was settled or released before; reserve again for another call"
            raise NeuroScriptError(ErrorCode.PRECONDITION_FAILED, message)
        tokens, units = token_count(tokens), cost_units(cost)
        self._use = tokens, units
        self._ledger.settle_hold(hold, tokens, units)
        self._hold = None  # not before: an interrupt may have come

    def release(self) -> None:
        """Give everything back, as if the call had never been reserved.

        Does nothing once settled or released; where settling was begun, that is finished instead.
        """
        hold, use = self._hold, self._use
        if hold is None:
            return
        self.sent = False
        if use is None:
            self._ledger.release_hold(hold)
        else:
            self._ledger.settle_hold(hold, *use)
        self._hold = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._hold is not None:
            self._use = self._left_to()
            self.release()

    def __del__(self) -> None:
        hold = getattr(self, "_hold", None)
        # While Python shuts down the limiter's parts may be gone; the end of the process gives back what is left.
        if hold is not None and not sys.is_finalizing():
            self._ledger.abandon_hold(hold, self._left_to())

    def _left_to(self) -> Use | None:
        """What it counts for if nobody settles it; ``None`` takes it back."""
        if self._use is None and self.sent:
            return self._hold.tokens, self._hold.cost
        return self._use


@dataclass(frozen=True, slots=True)
class Refusal:
    """The limit that a call does not fit under, and when it will.

    Args:
        limit: the policy's key of the limit that frees up last.
        value: that limit, in tokens, requests or billionths of the currency.
        used: what the window holds of it.
        need: what the call would add; 0 where that is not known.
        retry_after: microseconds until the call fits, or ``None`` if it never will.
        in_flight: whether calls in flight might give something back before that.
        reserved: how much of ``used`` calls in flight hold and may give back; 0 for requests, which are used for good.
    """

    limit: str
    value: int
    used: int
    need: int
    retry_after: int | None
    in_flight: bool
    reserved: int = 0

    @property
    def settled(self) -> bool:
        """Whether what is used for good leaves no room, whatever calls in flight give back."""
        return self.used - self.reserved + (self.need or 1) > self.value


def cost_units(cost: float) -> int:
    """``cost`` in whole billionths of the currency, from 0 to what sums of 64 bits have room for many times."""
    return round(min(max(0.0, cost), _MOST_COST) * COST_UNITS) if cost else 0


def token_count(tokens: float) -> int:
    """``tokens`` as a whole number, from 0 to what sums of 64 bits have room for many times."""
    return int(min(max(0, tokens), _MOST))


def refused(refusal: Refusal, subject: str, *, note: str = "") -> NeuroScriptError:
    """Make the error for a refusal: 46 for the budget, 20 for every other limit.

    Args:
        refusal: the limit, and how much of it is used.
        subject: names the definition.
        note: more about how it came to the refusal.
    """
    if refusal.limit == CALLS_LIMIT:
        return _calls_refused(refusal, subject, note)
    budget = refusal.limit == "max_cost_per_day"
    scale = COST_UNITS if budget else 1
    value, used, need = (_scaled(number, scale) for number in (refusal.value, refusal.used, refusal.need))
    quantity, window = _WORDS[refusal.limit]
    details: dict[str, Any] = {"limit": refusal.limit, "value": value, "used": used}
    if refusal.retry_after is None:
        message = (
            f"{subject}: one call needs {need} {quantity}, but {refusal.limit} is {value}; it can never succeed. "
            f"Make the call smaller (a shorter prompt or a lower max_output_tokens) or raise {refusal.limit}"
        )
    else:
        seconds = refusal.retry_after / MICROSECONDS
        details["retry_after_seconds"] = seconds
        reserved = f", {_scaled(refusal.reserved, scale)} of it by calls in flight" if refusal.reserved else ""
        message = (
            f"{subject}: {used} of {value} {quantity} are used in the last {window} ({refusal.limit}){reserved}"
            f"{f', and this call needs {need} more' if need > 1 or budget else ''}; try again in {_duration(seconds)}, "
            f'raise {refusal.limit}, or set on_limit to "wait"'
        )
    code = ErrorCode.BUDGET_EXCEEDED if budget else ErrorCode.RATE_LIMITED
    return NeuroScriptError(code, f"{message} ({note})" if note else message, details=details)


def _calls_refused(refusal: Refusal, subject: str, note: str) -> NeuroScriptError:
    message = (
        f"{subject}: {refusal.used} of {refusal.value} calls are in flight ({CALLS_LIMIT}); try again when one is "
        f'over, raise {CALLS_LIMIT}, or set on_limit to "wait"'
    )
    details = {"limit": CALLS_LIMIT, "value": refusal.value, "used": refusal.used}
    if refusal.retry_after is not None:
        details["retry_after_seconds"] = refusal.retry_after / MICROSECONDS
    return NeuroScriptError(ErrorCode.RATE_LIMITED, f"{message} ({note})" if note else message, details=details)


def slots_refused(subject: str, value: int, used: int) -> NeuroScriptError:
    """Make error 20 for a definition all of whose slots for active instances are taken."""
    message = (
        f"{subject}: {used} of {value} instances are active ({SLOT_LIMIT}); "
        f"retire one before spawning another, or raise {SLOT_LIMIT}"
    )
    return NeuroScriptError(
        ErrorCode.RATE_LIMITED, message, details={"limit": SLOT_LIMIT, "value": value, "used": used}
    )


def subject_of(definition_id: str, name: str) -> str:
    """The words by which messages name a definition, or the definitions that a ceiling is over."""
    if definition_id.startswith(CEILING):
        return f"all workers of {name} together"
    return f"worker definition {name or definition_id!r}"


_WORDS = {
    "max_requests_per_minute": ("requests", "minute"),
    "max_requests_per_day": ("requests", "day"),
    "max_tokens_per_minute": ("tokens", "minute"),
    "max_tokens_per_day": ("tokens", "day"),
    "max_cost_per_day": ("currency units", "day"),
}


def _scaled(number: int, scale: int) -> float:
    return number if scale == 1 else number / scale


def _duration(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.1f} s"
    if seconds < 7200:
        return f"{seconds / 60:.0f} minutes"
    return f"{seconds / 3600:.1f} hours"
