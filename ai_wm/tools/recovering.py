"""How the tools that change definitions and records find out, after a crash, whether a call was done.

Each keeps before the call whether the thing is there, and compares that with what is there now.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ai_wm.tools.access import access_of
from neuroscript import NeuroScriptError, Recovery

if TYPE_CHECKING:
    from neuroscript import ToolContext


def _definition(ctx: ToolContext, arguments: list[Any]) -> str | None:
    """The id of the definition that a call names; None where there is none, or it names none."""
    named = [name for name in reversed(arguments[:2]) if isinstance(name, str)]
    try:
        return str(access_of(ctx).definitions.get(named[0])["definition_id"]) if named else None
    except NeuroScriptError:
        return None


def _record(ctx: ToolContext, arguments: list[Any]) -> str | None:
    """The id of the task that a call logs; None where there is no record of it."""
    task_id, definition_id = arguments[0], arguments[2]
    try:
        found = access_of(ctx).records.find(definition_id, {"task_id": task_id})
    except NeuroScriptError:
        return None
    return str(found[0]["task_id"]) if found else None


def _made(find: Callable[[ToolContext, list[Any]], str | None]) -> Recovery:
    """The recovery of a call that makes something and gives its id."""

    def recover(ctx: ToolContext, before: Any, arguments: list[Any]) -> Any:
        from neuroscript.journal import NOT_DONE, UNKNOWN  # only where a run goes on, since it is a lot

        if before != "absent":
            return UNKNOWN
        found = find(ctx, arguments)
        return NOT_DONE if found is None else found

    def prepare(ctx: ToolContext, arguments: list[Any]) -> str:
        return "absent" if find(ctx, arguments) is None else "present"

    return Recovery(prepare, recover)


def _prepare_usage(ctx: ToolContext, arguments: list[Any]) -> int:
    return _tokens(ctx, arguments[0])


def _recover_usage(ctx: ToolContext, before: Any, arguments: list[Any]) -> Any:
    """Adding is done again: what a process counts for its instances ends with it."""
    from neuroscript.journal import NOT_DONE, UNKNOWN  # only where a run goes on, since it is a lot

    return NOT_DONE if type(before) is int and _tokens(ctx, arguments[0]) == before else UNKNOWN


def _tokens(ctx: ToolContext, instance_id: str) -> int:
    return int(access_of(ctx).instances.get(instance_id)["session_token_usage"]["total_tokens"])


def _recover_removal(ctx: ToolContext, before: Any, arguments: list[Any]) -> Any:
    from neuroscript.journal import NOT_DONE

    if before is None:
        return NOT_DONE  # it fails again
    return NOT_DONE if _definition(ctx, arguments) == before else None


ADDED = _made(_definition)
"""The recovery of a call that adds a definition."""

LOGGED = _made(_record)
"""The recovery of a call that logs a record."""

REMOVED = Recovery(_definition, _recover_removal)
"""The recovery of a call that removes a definition."""

USAGE_ADDED = Recovery(_prepare_usage, _recover_usage)
"""The recovery of a call that adds to the usage of an instance, which a new process counts from what its run did."""
