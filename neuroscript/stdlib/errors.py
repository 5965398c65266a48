"""The tools of group ``error``: errors as values."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from neuroscript.errors import UNCATCHABLE, ErrorCode, NeuroScriptError
from neuroscript.tools.spec import ArgSpec, ArgType, ToolSpec
from neuroscript.values import ErrorValue
from neuroscript.values.error_fields import later_fields

if TYPE_CHECKING:
    from neuroscript.runtime.context import ToolContext

MAX_CODE = 2**31 - 1


def new_error(code: int, message: str) -> ErrorValue:
    if not 0 <= code <= MAX_CODE:
        text = f"tool.error.New: an error's code is from 0 to {MAX_CODE}, not {code}; own codes start at 1000"
        raise NeuroScriptError(ErrorCode.INVALID_VALUE, text)
    return ErrorValue(code, message)


def _value_of(error: NeuroScriptError) -> ErrorValue:
    return ErrorValue(error.code, error.message, later_fields(error))


def attempt(ctx: ToolContext, function: Any, args: list[Any]) -> Any:
    try:
        code = ctx.procedure(function, len(args)) or ctx.tool_code(function, len(args))
        if code is None:
            return ctx.call(function, *args)
    except NeuroScriptError as error:
        if error.code in UNCATCHABLE:
            raise
        return _value_of(error)
    try:
        return code(*args)
    except Exception as exception:
        return _value_of(ctx.script_error(exception))


TOOLS: list[tuple[ToolSpec, Callable[..., Any]]] = [
    (
        ToolSpec(
            name="error.New",
            description="Makes an error value. It is falsy; `must` and `fail` raise it with its code and message.",
            category="error",
            args=(
                ArgSpec("code", ArgType.INT, "The code; 1000 and up are free for scripts and tools."),
                ArgSpec("message", ArgType.STRING, "What happened."),
            ),
            return_type=ArgType.ERROR,
            return_help="The error value, with the fields `code` and `message`.",
            example='tool.error.New(1001, "no such customer").code = 1001',
            error_conditions="41 if the code is negative or beyond 31 bits.",
            pure=True,
        ),
        new_error,
    ),
    (
        ToolSpec(
            name="error.Try",
            description="Calls a function and gives what it gives, or the error that it ends in as a value.",
            category="error",
            args=(
                ArgSpec("function", ArgType.FUNCTION, "A procedure, a tool or a built-in function."),
                ArgSpec("args", ArgType.ANY, "Its arguments.", required=False),
            ),
            return_type=ArgType.ANY,
            return_help="The function's result, or an error value: it is falsy, and has the fields that `system_error` "
            "has in an error handler (`code`, `message`, `line`, `column`, `procedure`, `stack`).",
            example='tool.error.Try(half, "six").code = 7',
            error_conditions="What cannot be caught goes on: 37 and 38 for a limit, 44 when the run is cancelled.",
            variadic=True,
            pure=True,
        ),
        attempt,
    ),
]
