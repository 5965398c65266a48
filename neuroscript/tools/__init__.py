"""Tools: Python functions that scripts may call, with their specs, argument validation and the host's policy."""

from __future__ import annotations

from neuroscript.tools.policy import DEFAULT_GRANTS, Policy
from neuroscript.tools.registry import Tool, ToolRegistry
from neuroscript.tools.spec import ArgSpec, ArgType, ToolSpec

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from neuroscript.tools.validation import (
        compile_validator,
        inline_check,
        map_validated_args_by_name,
        validate_and_convert_args,
    )

__all__ = [
    "DEFAULT_GRANTS",
    "ArgSpec",
    "ArgType",
    "Policy",
    "Tool",
    "ToolRegistry",
    "ToolSpec",
    "compile_validator",
    "inline_check",
    "map_validated_args_by_name",
    "validate_and_convert_args",
]


def __getattr__(name: str) -> Any:
    """Imports a name of the validation module when it is first used, to keep the start fast."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from neuroscript.tools import validation

    return getattr(validation, name)
