"""Tools: what a script may call, with their specs, their validation and the host's policy."""

from neuroscript.tools.policy import DEFAULT_GRANTS, Policy
from neuroscript.tools.registry import Tool, ToolRegistry, run_to_completion
from neuroscript.tools.spec import ArgSpec, ArgType, ToolSpec
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
    "run_to_completion",
    "validate_and_convert_args",
]
