"""The fields of an error as scripts see them: ``system_error`` in a handler, and the result of ``error.Try``."""

from __future__ import annotations

from neuroscript.errors import NeuroScriptError, StackFrame
from neuroscript.values.host_conversion import from_host

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


def handler_fields(error: NeuroScriptError) -> dict[str, Any]:
    """The fields of ``system_error`` in an error handler (language reference, section 6)."""
    return {
        **{str(key): _shown_detail(value) for key, value in error.details.items()},
        **_fields(int(error.code), error.message, error.stack),
        "line": error.line,
        "column": error.column,
    }


def later_fields(error: NeuroScriptError) -> dict[str, Any] | Callable[[], dict[str, Any]]:
    """The same fields, or what makes them: without details they need no more of the error than its place."""
    stack = error.stack_later
    if error.details or stack is None:
        return handler_fields(error)
    code, message = int(error.code), error.message
    return lambda: _fields(code, message, stack())


def _fields(code: int, message: str, stack: tuple[StackFrame, ...]) -> dict[str, Any]:
    return {
        "code": code,
        "message": message,
        "line": stack[0].line if stack else 0,
        "column": stack[0].column if stack else 0,
        "procedure": stack[0].procedure if stack else "",
        "stack": [str(frame) for frame in stack],
    }


def _shown_detail(value: Any) -> Any:
    """A detail of an error as a script sees it; one that is no value of the language is shown as its type."""
    try:
        return from_host(value)
    except NeuroScriptError:
        return f"<{type(value).__name__}>"
