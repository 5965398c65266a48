"""NeuroScript: an embeddable runtime for a small language in which programs drive AI models, safely."""

from __future__ import annotations

from neuroscript.errors import (
    AccessError,
    ArgumentError,
    CancelledError,
    ConflictError,
    Diagnostic,
    ErrorCode,
    EvaluationError,
    LimitError,
    ModelError,
    NeuroScriptError,
    NeuroScriptSyntaxError,
    NotFoundError,
    RateLimitedError,
    ScriptFailureError,
    StackFrame,
    StateError,
    ToolError,
)
from neuroscript.interpreter import Interpreter
from neuroscript.runtime.context import ToolContext
from neuroscript.runtime.limits import Limits
from neuroscript.session import Session
from neuroscript.tools.policy import Policy
from neuroscript.tools.registry import ToolRegistry
from neuroscript.tools.spec import ArgSpec, ArgType, ToolSpec
from neuroscript.tools.validation import map_validated_args_by_name, validate_and_convert_args
from neuroscript.values import ErrorValue, EventValue, Function, Fuzzy, Handle, TimeDate, ToolValue

__version__ = "0.1.0"

__all__ = [
    "AccessError",
    "ArgSpec",
    "ArgType",
    "ArgumentError",
    "CancelledError",
    "ConflictError",
    "Diagnostic",
    "ErrorCode",
    "ErrorValue",
    "EvaluationError",
    "EventValue",
    "Function",
    "Fuzzy",
    "Handle",
    "Interpreter",
    "LimitError",
    "Limits",
    "ModelError",
    "NeuroScriptError",
    "NeuroScriptSyntaxError",
    "NotFoundError",
    "Policy",
    "RateLimitedError",
    "ScriptFailureError",
    "Session",
    "StackFrame",
    "StateError",
    "TimeDate",
    "ToolContext",
    "ToolError",
    "ToolRegistry",
    "ToolSpec",
    "ToolValue",
    "map_validated_args_by_name",
    "validate_and_convert_args",
]
