"""The fields of an error as scripts see them: ``system_error`` in a handler, and the result of ``error.Try``."""

from __future__ import annotations

from neuroscript.errors import NeuroScriptError
from neuroscript.values.host_conversion import from_host

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def handler_fields(error: NeuroScriptError) -> dict[str, Any]:
    """The fields of ``system_error`` in an error handler (language reference, section 6)."""
    return {
        **{str(key): _shown_detail(value) for key, value in error.details.items()},
        "code": int(error.code),
        "message": error.message,
        "line": error.line,
        "column": error.column,
        "procedure": error.stack[0].procedure if error.stack else "",
        "stack": [str(frame) for frame in error.stack],
    }


def _shown_detail(value: Any) -> Any:
    """A detail of an error as a script sees it; one that is no value of the language is shown as its type."""
    try:
        return from_host(value)
    except NeuroScriptError:
        return f"<{type(value).__name__}>"
