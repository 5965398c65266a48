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
        for name in ("calls", "max_calls", "seconds", "deadline", "cost", "max_cost", "tokens", "max_tokens")
    ),
)


def budget(ctx: ToolContext) -> dict[str, Any]:
    return ctx.run_budget()


TOOLS: list[tuple[ToolSpec, Callable[..., Any]]] = [
    (
        ToolSpec(
            name="run.Budget",
            description="Tells what a journaled run has used over all its starts, and what it may use.",
            category="run",
            return_type=ArgType.MAP,
            return_help="calls and max_calls, seconds since the first start and the deadline, cost and max_cost, "
            "tokens and max_tokens; nil where nothing is counted or there is no limit.",
            result_shape=_BUDGET,
            example="set left = tool.run.Budget()",
            error_conditions="None.",
            effect="read",
        ),
        budget,
    ),
]
