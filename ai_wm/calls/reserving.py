"""Reserves each call under its definition's limits, under the ceilings that apply, and in the budget of its run."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from time import monotonic
from typing import Final

from ai_wm.calls.ceilings import Ceiling, CeilingLimits, Holds
from ai_wm.calls.estimating import Bound, Cost, Estimate, estimate_of, token_bounds
from ai_wm.calls.pricing import (
    CACHE_WRITE,
    CACHE_WRITE_1H,
    PriceSource,
    TokenCounts,
    fallback_cost,
    is_priced,
    most_cost,
)
from ai_wm.calls.run_budget import MAX_COST, MAX_TOKENS
from ai_wm.calls.streaming import in_callback
from ai_wm.calls.turn import Turn
from ai_wm.data.presets import PRESETS
from ai_wm.data.types import AIWorkerDefinition, APIKeySourceMethod
from ai_wm.keys.approvals import Server, Standing
from ai_wm.providers.base import provider_options
from ai_wm.providers.caching import writes_cache
from ai_wm.providers.estimates import is_built_in
from ai_wm.ratelimit import Demand, RateLimiter
from ai_wm.ratelimit.deferred import limits_nothing
from neuroscript import ErrorCode, NeuroScriptError

_PAID_BY_NOBODY = frozenset({APIKeySourceMethod.NONE, APIKeySourceMethod.INLINE})
"""The key sources that cost the host nothing: no key, and a script's own."""

_REFUSALS: Final = frozenset({ErrorCode.RATE_LIMITED, ErrorCode.BUDGET_EXCEEDED, ErrorCode.RESOURCE_EXHAUSTION})
"""The errors by which a limit refuses a request."""

_NO_LIMITS: Final = CeilingLimits()
_WRITES: Final = frozenset({CACHE_WRITE, CACHE_WRITE_1H})


@dataclass(frozen=True, slots=True)
class Reserving:
    """Reserves tokens and cost for the calls of one manager.

    Args:
        limiter: counts what each definition uses.
        price_source: published prices; None takes those of the price library, if it is installed.
    """

    limiter: RateLimiter
    price_source: PriceSource | None

    def reserve(self, turn: Turn, within: float = math.inf) -> Holds:
        """Reserves tokens and cost for the next request of a turn, under all limits that apply or under none.

        Where the configuration states no limit of output and a limit or a budget wants one, the turn is given one.

        Args:
            turn: the turn.
            within: the most seconds to wait for room.

        Raises:
            NeuroScriptError: 20 or 46 if a limit has no room; 46 also if a budget applies and the price is unknown; 37
                if the input alone is more than a limit.
        """
        definition, options = turn.definition, turn.task.options
        if options.clearance is None and options.budget is None and limits_nothing(definition.rate_limits):
            return self._reserve_without_limits(turn)
        claim = _Claim(self, turn)
        estimate, wait, flight = claim.estimate, turn.settings.wait_seconds, turn.settings.flight_seconds
        if in_callback.get():  # what waits for the call that it is told of would wait for itself
            flight = 0.0
        if within < math.inf:
            wait, flight = None if wait is None else min(wait, within), min(flight, within)
        began = monotonic() if claim.has_more else 0.0
        own = self.limiter.reserve(
            definition.limits_id,
            definition.rate_limits,
            tokens=estimate.tokens,
            cost=estimate.cost,
            wait_seconds=wait,
            flight_seconds=flight,
            again=claim.own,
            cancelled=options.check,
            name=definition.name,
        )
        held = Holds(own, [], claim.estimate, claim.assumed)
        if claim.has_more:
            try:
                self._reserve_above(claim, held, wait is not None, began + (flight if wait is None else wait))
            except BaseException:  # whatever it was, what was reserved before it is given back
                held.release()
                raise
        turn.limit_output(held.estimate.cap)
        return held

    def _reserve_without_limits(self, turn: Turn) -> Holds:
        definition, estimate = turn.definition, estimate_of(turn.request(), turn.config, (), (), None)
        turn.limit_output(None)
        own = self.limiter.reserve(definition.limits_id, definition.rate_limits, tokens=estimate.tokens)
        return Holds(own, [], estimate)

    def _reserve_above(self, claim: _Claim, held: Holds, waits: bool, end: float) -> None:
        """Reserves under the ceilings and in the budget of the run, in this order, until ``end`` at most."""
        options, tokens, cost = claim.turn.task.options, held.tokens, held.cost
        for number, ceiling in enumerate(claim.ceilings):
            left = max(0.0, end - monotonic())
            reservation = self.limiter.reserve(
                ceiling.limits_id,
                ceiling.limits,
                tokens=tokens,
                cost=cost,
                wait_seconds=left if waits else None,
                flight_seconds=left,
                again=partial(claim.ceiling, number, tokens, cost),
                cancelled=options.check,
                name=ceiling.subject,
            )
            held.above.append(reservation)
        if options.budget is not None:
            left = max(0.0, end - monotonic())
            held.above.append(options.budget.reserve(cost, tokens, claim.turn.unasked, left, options.check))

    def _is_priced(self, turn: Turn, somebodys: bool) -> bool:
        """Whether the price of a turn is known; False if it is to be assumed.

        Raises:
            NeuroScriptError: 46 if it is unknown and a budget that was set explicitly requires it.
        """
        definition, clearance = turn.definition, turn.task.options.clearance
        model = f"{definition.provider}/{definition.model_name}"
        hosts = not definition.owner and (clearance is None or clearance.standing(definition) is Standing.HOST)
        if hosts and definition.base_config.get("allow_unknown_price") is True:
            return True
        # What a script says that calls on the host's key cost is no reason to believe it.
        vouched = not definition.owner or definition.auth.method in _PAID_BY_NOBODY
        if is_priced(definition, definition.model_name, self.price_source, vouched=vouched):
            return True
        if clearance is not None and clearance.assumes_prices and not somebodys:
            clearance.tell_assumed_price(model)
            return False
        advice = (
            "give its definition cost_metrics (0 is a price), or allow_unknown_price in its base_config"
            if vouched
            else "have the host define the worker with cost_metrics, since a script's count for nothing on its key"
        )
        raise NeuroScriptError(
            ErrorCode.BUDGET_EXCEEDED,
            f"{turn.unasked}: nobody knows the price of {model}, so no budget could be kept; {advice}, "
            "or install the published prices: pip install 'neuroscript[prices]'",
            details={"limit": "price", "model": model},
        )


class _Claim:
    """The room that one request of a turn asks for, under limits that may change while it waits for them."""

    __slots__ = ("_reserving", "assumed", "ceilings", "estimate", "turn")

    def __init__(self, reserving: Reserving, turn: Turn) -> None:
        self._reserving = reserving
        self.turn = turn
        self.assumed = False
        """Whether the ceilings are charged by an assumed price, since the model's price is unknown."""
        clearance = turn.task.options.clearance
        self.ceilings: Sequence[Ceiling] = () if clearance is None else clearance.ceilings(turn.definition)
        self.estimate = self._estimated()

    @property
    def has_more(self) -> bool:
        """Whether more applies than the limits of the worker."""
        return bool(self.ceilings) or self.turn.task.options.budget is not None

    def own(self) -> Demand:
        """The limits of the worker as they are now, and what the request needs under them."""
        turn = self.turn
        turn.refresh()
        self.estimate = estimate = self._estimated()
        return Demand(turn.definition.rate_limits, estimate.tokens, estimate.cost)

    def ceiling(self, number: int, tokens: int, cost: float) -> Demand:
        """A ceiling as it is now; what was reserved before it is what it is asked for as well."""
        turn, before = self.turn, self.ceilings[number]
        turn.refresh()
        clearance = turn.task.options.clearance
        now: Sequence[Ceiling] = () if clearance is None else clearance.ceilings(turn.definition)
        limits = next((each.limits for each in now if each.limits_id == before.limits_id), _NO_LIMITS)
        return Demand(limits, tokens, cost)

    def _estimated(self) -> Estimate:
        turn, definition = self.turn, self.turn.definition
        run = turn.task.options.budget
        run_cost, run_tokens = (None, None) if run is None else run.limits()
        is_unlimited = run_cost is None and not run_tokens and not self.ceilings
        if is_unlimited and limits_nothing(definition.rate_limits):
            return estimate_of(turn.request(), turn.config, (), (), None)
        limits, budgets = token_bounds(definition.rate_limits, definition.name), list[Bound]()
        if most := definition.rate_limits.max_cost_per_day:
            budgets.append(Bound("max_cost_per_day", most, definition.name))
        for each in self.ceilings:
            limits += token_bounds(each.limits, each.subject)
            if each.limits.max_cost_per_day:
                budgets.append(Bound("max_cost_per_day", each.limits.max_cost_per_day, each.subject))
        somebodys = bool(budgets)
        if run_cost is not None:
            budgets.append(Bound(MAX_COST, run_cost, "this run"))
        if run_tokens:  # under none at all, the budget refuses the call
            limits.append(Bound(MAX_TOKENS, run_tokens, "this run"))
        cost = self._cost(somebodys, bool(budgets))
        return estimate_of(turn.request(), turn.config, limits, budgets, cost, again=turn.rounds > 0)

    def _cost(self, somebodys: bool, budgeted: bool) -> Cost | None:
        """What computes the highest cost of the request; None if it costs nothing, or nobody asks."""
        turn, reserving = self.turn, self._reserving
        definition, source = turn.definition, reserving.price_source
        if budgeted and not is_free(definition, turn.server):  # published prices take a while to look up
            known = (definition.cost_metrics and not definition.owner) or reserving._is_priced(turn, somebodys)
            self.assumed = not known
            if self.assumed:
                return fallback_cost
        elif definition.cost_metrics and not limits_nothing(definition.rate_limits):
            source = _no_price  # no budget asks; but one may be set later, when the call has been lost
        else:
            return None
        options = provider_options(turn.config)
        writes = not _WRITES.isdisjoint(definition.cost_metrics) or (bool(options) and "cache_control" in repr(options))
        writes = writes or writes_cache(str(definition.provider), turn.config)
        tier = options.get("service_tier") or options.get("serviceTier") or options.get("speed") or ""
        find = most_cost(
            definition,
            definition.model_name,
            price_source=source,
            claimed=bool(definition.owner),
            tier=tier if isinstance(tier, str) else "",
            written=writes,
        )
        if not is_built_in(turn.request()):
            return find

        def cost(input_tokens: int, output_tokens: int) -> float:
            total = input_tokens + output_tokens  # which part of it is what, a scripted reply may state as it likes
            return max(find(total, 0), find(0, total))

        return cost


def explain_refusal(turn: Turn, error: NeuroScriptError) -> None:
    """Adds to the refusal of a later round what was not sent for it, and what the rounds before it used."""
    if not turn.rounds or error.code not in _REFUSALS:
        return
    spent = f" and cost {turn.cost:g}" if turn.cost else ""
    error.message += f"; {_unsent(turn)} (the call has used {turn.usage.total_tokens} tokens{spent})"


def _unsent(turn: Turn) -> str:
    """Says what the next request of a turn was to do."""
    if turn.embedded is not None:
        return "the rest of the texts was not embedded"
    if turn.continuations.is_to_go_on:
        return "its reply has paused, and it was not asked to go on"
    if turn.structured is not None and turn.structured.is_to_send_back:
        return "its reply, which does not fit the schema, was not sent back"
    return "the results of its tools were not sent back"


def _no_price(provider: str, model: str, usage: TokenCounts) -> None:
    """A source that knows no published price, and takes no time for it."""


def is_free(definition: AIWorkerDefinition, server: Server | None) -> bool:
    """Whether calls cost nothing unless a price is stated: models in this process and on this machine."""
    provider = str(definition.provider)
    if not definition.cost_metrics and provider == "local":
        return True
    own = provider == "ollama" or (provider in PRESETS and PRESETS[provider].is_local)
    return not definition.cost_metrics and own and server is not None and server.address.is_loopback
