"""The tools of group ``event``: events from scripts."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from neuroscript.errors import ErrorCode, NeuroScriptError
from neuroscript.tools.spec import ArgSpec, ArgType, ToolSpec

if TYPE_CHECKING:
    from neuroscript.runtime.context import ToolContext

SOURCE = "script"


def reserved_event(name: str) -> NeuroScriptError:
    """The error of a script that fires an event which only the host's own parts may fire."""
    message = f"the event {name!r} is one that the host's own parts fire; scripts cannot: choose another name"
    return NeuroScriptError(ErrorCode.SECURITY, message)


def emit_event(ctx: ToolContext, name: str, payload: Any) -> None:
    if ctx.is_reserved_event(name):
        raise reserved_event(name)
    if ctx.has_handlers(name):  # else a large payload would be copied for nobody
        ctx.emit_event(name, payload, SOURCE)


TOOLS: list[tuple[ToolSpec, Callable[..., Any]]] = [
    (
        ToolSpec(
            name="event.Emit",
            description="Fires an event: its handlers run at once, in the order in which they were registered.",
            category="event",
            args=(
                ArgSpec("name", ArgType.STRING, "The event's name."),
                ArgSpec("payload", ArgType.ANY, "What the handlers get as `payload`.", required=False),
            ),
            return_type=ArgType.NIL,
            return_help="nil. An error in a handler goes to the host, not to the emitter.",
            example='call tool.event.Emit("order.paid", {"id": 17})',
            error_conditions="10 for a name that is kept for the host's own parts, such as `ai_wm.task.completed`; 37 "
            "if handlers fire events in each other without end.",
            effect="pure",
        ),
        emit_event,
    )
]
