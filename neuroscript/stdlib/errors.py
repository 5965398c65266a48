"""The tools of group ``error``: errors as values."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from neuroscript.errors import ErrorCode, NeuroScriptError
from neuroscript.tools.spec import ArgSpec, ArgType, ToolSpec
from neuroscript.values import ErrorValue

MAX_CODE = 2**31 - 1


def new_error(code: int, message: str) -> ErrorValue:
    if not 0 <= code <= MAX_CODE:
        text = f"tool.error.New: an error's code is from 0 to {MAX_CODE}, not {code}; own codes start at 1000"
        raise NeuroScriptError(ErrorCode.INVALID_VALUE, text)
    return ErrorValue(code, message)


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
    )
]
