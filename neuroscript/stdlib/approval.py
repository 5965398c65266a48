"""The tools of group ``approval``: a person's yes before something is done."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from neuroscript.errors import ErrorCode, NeuroScriptError
from neuroscript.tools.shapes import Shape, ShapeField
from neuroscript.tools.spec import ArgSpec, ArgType, ToolSpec

if TYPE_CHECKING:
    from neuroscript.runtime.context import ToolContext


def request(ctx: ToolContext, what: str, details: Any, timeout_seconds: float | None) -> dict[str, Any]:
    if not what.strip():
        raise NeuroScriptError(ErrorCode.ARG_MISMATCH, "tool.approval.Request: what is to be approved has no words")
    if timeout_seconds is not None and not 0 < timeout_seconds < float("inf"):
        message = f"tool.approval.Request: timeout_seconds is {timeout_seconds:g}; expected more than 0"
        raise NeuroScriptError(ErrorCode.ARG_MISMATCH, message)
    given = ctx.request_approval(what, details, timeout_seconds)
    return {"by": given.by, "why": given.why}


TOOLS: list[tuple[ToolSpec, Callable[..., Any]]] = [
    (
        ToolSpec(
            name="approval.Request",
            description="Asks a person for a yes, and goes on when there is one. A journaled run is suspended until "
            "somebody has answered, and its process may end.",
            category="approval",
            args=(
                ArgSpec("what", ArgType.STRING, "What is to be done, in words."),
                ArgSpec("details", ArgType.ANY, "More that the person should see.", required=False),
                ArgSpec(
                    "timeout_seconds",
                    ArgType.FLOAT,
                    "The time after which a suspended run takes silence for a refusal.",
                    required=False,
                ),
            ),
            return_type=ArgType.MAP,
            return_help="Who said yes, and what they said about it.",
            result_shape=Shape("approval", (ShapeField("by", ArgType.STRING), ShapeField("why", ArgType.STRING))),
            example='call tool.approval.Request("Write the report?", {"file": "report.md"})',
            error_conditions="48 if it is refused; 18 if there is nobody to ask.",
            effect="pure",
        ),
        request,
    ),
]
