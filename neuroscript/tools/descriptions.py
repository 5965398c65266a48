"""Describes values for error messages: briefly, and without revealing secrets."""

from __future__ import annotations

import functools

from neuroscript.errors import ErrorCode, NeuroScriptError
from neuroscript.values import number_text, type_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    import re
    from typing import Any


def given(value: Any) -> str:
    """Describes a value for an error message: its type, and the value itself if it is short."""
    kind = type(value)
    if value is None:
        return "nil"
    if kind is list:
        return f"a list of {len(value)} item{'' if len(value) == 1 else 's'}"
    if kind is dict:
        return f"a map of {len(value)} entr{'y' if len(value) == 1 else 'ies'}"
    if kind is str:
        text: str = value if len(value) <= 40 else value[:40] + "…"
        return "string " + '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'
    if kind is int and value.bit_length() > 128:
        return f"number of {value.bit_length()} bits"
    if kind is int or kind is float:
        text = number_text(value)
        return "number " + (text if len(text) <= 40 else text[:40] + "…")
    if kind is bool:
        return f"boolean {'true' if value else 'false'}"
    return type_name(value)


def given_as(name: str, value: Any) -> str:
    """As `given`, but omits a string that may be a secret according to its name."""
    if type(value) is str and is_secret(name):
        return "a string"
    return given(value)


def failure_of(tool: str, error: Exception) -> NeuroScriptError:
    """Makes the error that a script gets when host code raised, in a tool or in a validator of its types."""
    if isinstance(error, NeuroScriptError):
        return error
    if isinstance(error, RecursionError | MemoryError):
        resource = "memory" if isinstance(error, MemoryError) else "stack"
        return NeuroScriptError(ErrorCode.RESOURCE_EXHAUSTION, f"{tool} ran out of {resource}")
    return NeuroScriptError(ErrorCode.TOOL_EXECUTION_FAILED, f"{tool} failed: {type(error).__name__}: {error}")


def is_secret(name: str) -> bool:
    """Whether a name is typical for secrets."""
    return _secret().search(name) is not None


@functools.cache
def _secret() -> re.Pattern[str]:
    import re  # not before a call is refused

    return re.compile(r"(?:^|_)(?:auth|key|password|secret|credential|token)s?(?:$|_)", re.IGNORECASE)
