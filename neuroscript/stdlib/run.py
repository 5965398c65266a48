"""The tools of group ``run``: the run that is going on."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from neuroscript.tools.shapes import Shape, ShapeField
from neuroscript.tools.spec import ArgType, ToolSpec

if TYPE_CHECKING:
    from neuroscript.runtime.context import ToolContext


_BUDGET = Shape(
    "budget",
    tuple(  # of any type: each may be nil
        ShapeField(name)
        for name in (
            *("calls", "max_calls", "seconds", "deadline"),
            *("cost", "max_cost", "cost_left", "tokens", "max_tokens", "tokens_left"),
        )
    ),
)


def budget(ctx: ToolContext) -> dict[str, Any]:
    return ctx.run_budget()


TOOLS: list[tuple[ToolSpec, Callable[..., Any]]] = [
    (
        ToolSpec(
            name="run.Budget",
            description="Tells what the run has used, with a journal over all its starts, and what it may use.",
            category="run",
            return_type=ArgType.MAP,
            return_help="calls and max_calls, seconds since the first start and the deadline (of a run with a "
            "journal), cost, max_cost and cost_left, tokens, max_tokens and tokens_left, with those of the jobs that "
            "share its budget; nil where nothing is counted or there is no limit. Calls in flight are not left.",
            result_shape=_BUDGET,
            example="set left = tool.run.Budget()",
            error_conditions="None.",
            effect="read",
        ),
        budget,
    ),
]
