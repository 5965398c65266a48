"""Reserves each call under its definition's limits, under the ceilings that apply, and in the budget of its run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from time import monotonic

from ai_wm.calls.authorization import Authorization
from ai_wm.calls.ceilings import Ceiling, Held, Holds, hold_all
from ai_wm.calls.pricing import PriceSource, TokenCounts, estimate_cost, fallback_cost, is_priced
from ai_wm.calls.turn import Turn
from ai_wm.data.types import AIWorkerDefinition, APIKeySourceMethod
from ai_wm.keys.approvals import Server
from ai_wm.providers.base import estimate_input, estimate_tokens
from ai_wm.ratelimit import RateLimiter
from ai_wm.ratelimit.deferred import limits_nothing
from neuroscript import ErrorCode, NeuroScriptError

_PAID_BY_NOBODY = frozenset({APIKeySourceMethod.NONE, APIKeySourceMethod.INLINE})
"""The key sources that cost the host nothing: no key, and a script's own."""


@dataclass(frozen=True, slots=True)
class Reserving:
    """Reserves tokens and cost for the calls of one manager.

    Args:
        limiter: counts what each definition uses.
        price_source: published prices; None takes those of the price library, if it is installed.
    """

    limiter: RateLimiter
    price_source: PriceSource | None

    def reserve(self, turn: Turn, authorization: Authorization) -> Holds:
        """Reserves tokens and cost for the next round of a turn, under all limits that apply or under none.

        Raises:
            NeuroScriptError: 20 or 46 if a limit has no room; 46 also if a budget applies and the price is unknown.
        """
        definition, options = turn.definition, turn.task.options
        ceilings: Sequence[Ceiling] = ()
        somebodys = bool(definition.rate_limits.max_cost_per_day)
        if options.clearance is not None:
            ceilings = options.clearance.ceilings(definition)
            if ceilings and not somebodys:
                somebodys = any(each.limits.max_cost_per_day for each in ceilings)
        budgeted = somebodys or options.budget is not None
        request = turn.request()
        tokens, cost, assumed = estimate_tokens(request), 0.0, False
        if budgeted and not _is_free(definition, authorization.server):  # published prices take a while to look up
            assumed = not (definition.cost_metrics and not definition.owner) and not self._is_priced(turn, somebodys)
            if assumed:
                given = min(estimate_input(request), tokens)
                cost = fallback_cost(given, tokens - given)
            else:
                cost = estimate_cost(
                    definition,
                    definition.model_name,
                    tokens=tokens,
                    price_source=self.price_source,
                    claimed=bool(definition.owner),
                )
        elif definition.cost_metrics and not limits_nothing(definition.rate_limits):
            # No budget asks; but one may be set later, when the call has been lost.
            given = min(estimate_input(request), tokens)
            cost = estimate_cost(
                definition, definition.model_name, tokens=tokens, input_tokens=given, price_source=_no_price
            )
        wait, check = turn.settings.wait_seconds, options.check
        began = monotonic() if wait is not None else 0.0
        own = self.limiter.reserve(
            definition.limits_id,
            definition.rate_limits,
            tokens=tokens,
            cost=cost,
            wait_seconds=wait,
            cancelled=check,
            name=definition.name,
        )
        above: list[Held] = []
        if not ceilings and options.budget is None:
            return Holds(own, above, tokens, cost)
        try:
            if ceilings:
                if wait is not None:
                    wait = max(0.0, wait - (monotonic() - began))
                above = hold_all(self.limiter, ceilings, tokens=tokens, cost=cost, wait_seconds=wait, cancelled=check)
            if options.budget is not None:
                above.append(options.budget.reserve(cost, turn.subject))
        except BaseException:  # whatever it was, what was reserved before it is given back
            Holds(own, above, tokens, cost).release()
            raise
        return Holds(own, above, tokens, cost, assumed)

    def _is_priced(self, turn: Turn, somebodys: bool) -> bool:
        """Whether the price of a turn is known; False if it is to be assumed.

        Raises:
            NeuroScriptError: 46 if it is unknown and a budget that was set explicitly requires it.
        """
        definition, clearance = turn.definition, turn.task.options.clearance
        model = f"{definition.provider}/{definition.model_name}"
        # What a script says that calls on the host's key cost is no reason to believe it.
        vouched = not definition.owner or definition.auth.method in _PAID_BY_NOBODY
        if is_priced(definition, definition.model_name, self.price_source, vouched=vouched):
            return True
        if clearance is not None and clearance.assumes_prices and not somebodys:
            clearance.tell_assumed_price(model)
            return False
        advice = (
            "give its definition cost_metrics (0 is a price)"
            if vouched
            else "have the host define the worker with cost_metrics, since a script's count for nothing on its key"
        )
        raise NeuroScriptError(
            ErrorCode.BUDGET_EXCEEDED,
            f"{turn.subject} was not asked: nobody knows the price of {model}, so no budget could be kept; {advice}, "
            "or install the published prices: pip install neuroscript[prices]",
            details={"limit": "price", "model": model},
        )


def _no_price(provider: str, model: str, usage: TokenCounts) -> None:
    """A source that knows no published price, and takes no time for it."""


def _is_free(definition: AIWorkerDefinition, server: Server | None) -> bool:
    """Whether calls cost nothing unless a price is stated: models in this process and on this machine."""
    provider = str(definition.provider)
    if not definition.cost_metrics and provider == "local":
        return True
    return not definition.cost_metrics and provider == "ollama" and server is not None and server.address.is_loopback
