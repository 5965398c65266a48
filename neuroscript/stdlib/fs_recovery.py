"""What the file tools keep before they write, and how a run that was stopped goes on from it."""

from __future__ import annotations

from neuroscript.errors import ErrorCode, NeuroScriptError
from neuroscript.tools.recovery import NOT_DONE, UNKNOWN, Recovery

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from neuroscript.runtime.context import ToolContext


def _size(ctx: ToolContext, path: str) -> int:
    return ctx.files.stat(path).size if ctx.files.exists(path) else 0


def _before_append(ctx: ToolContext, args: list[Any]) -> Any:
    return _size(ctx, args[0])


def _after_append(ctx: ToolContext, before: Any, args: list[Any]) -> Any:
    """An end that was cut off is completed; one that is another's is left alone."""
    path, content = args[0], args[1].encode() if isinstance(args[1], str) else args[1]
    now = _size(ctx, path)
    if now == before:
        return NOT_DONE
    if not before < now <= before + len(content):
        return UNKNOWN
    tail, place = b"", 0
    for chunk in ctx.files.chunks(path):
        tail += chunk[max(before - place, 0) :]
        place += len(chunk)
    return ctx.files.append(path, content[len(tail) :]) if content.startswith(tail) else UNKNOWN


def _before_delete(ctx: ToolContext, args: list[Any]) -> Any:
    return ctx.files.stat(args[0]).path


def _after_delete(ctx: ToolContext, path: Any, args: list[Any]) -> Any:
    return NOT_DONE if ctx.files.exists(args[0]) else path


def _before_move(ctx: ToolContext, args: list[Any]) -> Any:
    return ctx.files.exists(args[1])


def _after_move(ctx: ToolContext, was_there: Any, args: list[Any]) -> Any:
    source, destination = ctx.files.exists(args[0]), ctx.files.exists(args[1])
    if source and destination == was_there:
        return NOT_DONE
    return ctx.files.stat(args[1]).path if destination and not source else UNKNOWN


def _before_mkdir(ctx: ToolContext, args: list[Any]) -> Any:
    return ctx.files.exists(args[0])


def _after_mkdir(ctx: ToolContext, was_there: Any, args: list[Any]) -> Any:
    try:
        found = ctx.files.stat(args[0])
    except NeuroScriptError as error:
        if error.code != ErrorCode.FILE_NOT_FOUND:
            raise
        return NOT_DONE
    return found.path if not was_there else NOT_DONE


APPEND = Recovery(_before_append, _after_append)
DELETE = Recovery(_before_delete, _after_delete)
MOVE = Recovery(_before_move, _after_move)
MKDIR = Recovery(_before_mkdir, _after_mkdir)
