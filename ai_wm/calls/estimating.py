"""The room that a call needs under its limits, and the limit of output that it is sent with for their sake.

A limit or a budget binds only if the call cannot use more than what was reserved for it.  So a call whose configuration
states no limit of output is sent with one, which depends on the whole limit and never on what is left of it: a reply is
not shorter because it comes late in the day.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from ai_wm.providers.base import LLMRequest
from ai_wm.providers.estimates import (
    ORDINARY_OUTPUT,
    answers_asked,
    built_in_output,
    input_size,
    is_built_in,
    published_output,
    stated_output,
    states_several,
    thinking_allowance,
    thinking_budget,
)
from ai_wm.providers.options import sampling
from ai_wm.ratelimit import LimitPolicy
from neuroscript import ErrorCode, NeuroScriptError

LEAST_OUTPUT: Final = 256
"""The tokens of output that a call is sent with at least, however small its limits are."""

_SHARE: Final = 4
"""A call may use one part in so many of a whole limit for its output."""

Cost = Callable[[int, int], float]
"""The highest cost of a call with so many tokens of input and of output."""


class Bound(NamedTuple):
    """A limit by tokens or by cost that a call must fit under.

    Args:
        name: its key, such as ``max_tokens_per_day``.
        value: the whole limit, in tokens or in the currency.
        holder: the name of the worker or of the others that it is over.
    """

    name: str
    value: float
    holder: str


class Estimate(NamedTuple):
    """An estimate of the room that a call needs.

    Args:
        input_tokens: the estimate of its input, for limits by tokens.
        input_most: the upper bound of its input in tokens, for its cost.
        output_tokens: the most output that it may have.
        cost: the most that it may cost; 0 where nobody asks.
        cap: the limit of output that it is to be sent with; None: that of its configuration, or none.
    """

    input_tokens: int
    input_most: int
    output_tokens: int
    cost: float = 0.0
    cap: int | None = None

    @property
    def tokens(self) -> int:
        """The tokens of input and output together."""
        return self.input_tokens + self.output_tokens


def token_bounds(policy: LimitPolicy, holder: str) -> list[Bound]:
    """The limits by tokens of a policy."""
    bounds = []
    if a_minute := policy.max_tokens_per_minute:
        bounds.append(Bound("max_tokens_per_minute", a_minute, holder))
    if a_day := policy.max_tokens_per_day:
        bounds.append(Bound("max_tokens_per_day", a_day, holder))
    return bounds


def estimate_of(
    request: LLMRequest,
    config: Mapping[str, Any],
    limits: Sequence[Bound],
    budgets: Sequence[Bound],
    cost: Cost | None,
    *,
    again: bool = False,
) -> Estimate:
    """Works out what a call needs.

    Args:
        request: the call.
        config: its configuration, without a limit of output that was given to an earlier request.
        limits: the limits by tokens that it is under.
        budgets: the budgets that it is under.
        cost: its highest cost; None where no budget asks.
        again: whether another request of the same turn was sent before, for messages.

    Raises:
        NeuroScriptError: 37 if its input alone is more than one of them, or its thinking leaves no room for an answer.
    """
    size = input_size(request)
    for bound in limits:
        if size.tokens > bound.value:
            raise _too_large(_unasked(request, again), bound, f"about {size.tokens} tokens", f"{bound.value:g}")
    if is_built_in(request) and not request.embed:
        output = built_in_output(request, size)
        return Estimate(size.tokens, size.most, output, 0.0 if cost is None else cost(size.most, output))
    fixed = 0.0 if cost is None else cost(size.most, 0)
    for bound in budgets:
        if fixed > bound.value > 0:
            raise _too_large(
                _unasked(request, again), bound, f"up to {fixed:.6g}, at {size.most} tokens", f"{bound.value:g}"
            )
    if request.embed:
        return Estimate(size.tokens, size.most, 0, fixed)
    answers, stated = answers_asked(config), stated_output(config)
    if (given := config.get("max_output_tokens")) is not None:
        sampling({"max_output_tokens": given})  # which refuses what would limit nothing
    if stated is None and (limits or (budgets and cost is not None)):
        stated = cap = _cap(request, config, limits, budgets, cost, size.most, answers, again)
    else:
        cap = stated if stated is not None and states_several(config) else None
    output = answers * stated if stated is not None else min(1024, max(16, size.tokens))
    return Estimate(size.tokens, size.most, output, 0.0 if cost is None else cost(size.most, output), cap)


def _cap(
    request: LLMRequest,
    config: Mapping[str, Any],
    limits: Sequence[Bound],
    budgets: Sequence[Bound],
    cost: Cost | None,
    given: int,
    answers: int,
    again: bool,
) -> int | None:
    """The limit of output for a call that states none; None where only budgets ask, and its output costs nothing."""
    ordinary = ORDINARY_OUTPUT + thinking_allowance(config)
    shares = [(bound, int(bound.value) // _SHARE // answers) for bound in limits]
    price = 0.0 if cost is None else (cost(given, ordinary) - cost(given, 0)) / ordinary
    if price > 0:
        shares += ((bound, int(min(bound.value / _SHARE / price, 1e15)) // answers) for bound in budgets)
    if not shares:
        return None
    bound, share = min(shares, key=lambda pair: pair[1])
    most, thinking = max(LEAST_OUTPUT, share), thinking_budget(config)
    if most <= thinking:
        raise NeuroScriptError(
            ErrorCode.RESOURCE_EXHAUSTION,
            f"{_unasked(request, again)}: thinking may take {thinking} tokens, but {bound.name} "
            f"of {bound.holder} ({bound.value:g}) allows one call {most} tokens of output; lower the thinking budget, "
            f"set max_output_tokens, or raise {bound.name}",
            details={"limit": bound.name, "value": bound.value, "need": thinking},
        )
    return min(most, ordinary, published_output(request.provider, request.model) or ordinary)


def _unasked(request: LLMRequest, again: bool) -> str:
    return f"{request.provider}/{request.model} was not asked{' again' * again}"


def _too_large(unasked: str, bound: Bound, need: str, value: str) -> NeuroScriptError:
    quantity = "the input alone may cost" if "cost" in bound.name else "the input alone is"
    return NeuroScriptError(
        ErrorCode.RESOURCE_EXHAUSTION,
        f"{unasked}: {quantity} {need}, and {bound.name} of {bound.holder} is "
        f"{value}; shorten the prompt, the conversation or the tools, or raise {bound.name}",
        details={"limit": bound.name, "value": bound.value},
    )
