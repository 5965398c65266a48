"""NeuroScript: an embeddable runtime for a small language in which programs drive AI models, safely."""

from __future__ import annotations

from neuroscript.cancellation import CancelRegistration, CancelToken
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
from neuroscript.limits import Limits
from neuroscript.runtime.context import ToolContext
from neuroscript.tools.policy import Policy
from neuroscript.tools.registry import Tool, ToolRegistry
from neuroscript.tools.spec import ArgSpec, ArgType, ToolSpec
from neuroscript.values import (
    ErrorValue,
    EventValue,
    Function,
    Fuzzy,
    Handle,
    TimeDate,
    ToolValue,
    text_of,
    to_json,
    type_name,
)
from neuroscript.version import __version__ as __version__

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from neuroscript.addresses import Address
    from neuroscript.approval import Approval
    from neuroscript.jobs import EmbeddedEngine, JobEngine, register_job_tools
    from neuroscript.journal import Journal, JournalStore, RunTerms
    from neuroscript.logs import get_logger
    from neuroscript.sandbox import Protection, Sandbox
    from neuroscript.session import Session
    from neuroscript.stdlib.json_host import check_schema, extract_json, schema_problems
    from neuroscript.streaming import StreamEvent
    from neuroscript.tools.recovery import Recovery
    from neuroscript.tools.shapes import Shape, ShapeField
    from neuroscript.tools.validation import map_validated_args_by_name, validate_and_convert_args

__all__ = [
    "AccessError",
    "Address",
    "Approval",
    "ArgSpec",
    "ArgType",
    "ArgumentError",
    "CancelRegistration",
    "CancelToken",
    "CancelledError",
    "ConflictError",
    "Diagnostic",
    "EmbeddedEngine",
    "ErrorCode",
    "ErrorValue",
    "EvaluationError",
    "EventValue",
    "Function",
    "Fuzzy",
    "Handle",
    "Interpreter",
    "JobEngine",
    "Journal",
    "JournalStore",
    "LimitError",
    "Limits",
    "ModelError",
    "NeuroScriptError",
    "NeuroScriptSyntaxError",
    "NotFoundError",
    "Policy",
    "Protection",
    "RateLimitedError",
    "Recovery",
    "RunTerms",
    "Sandbox",
    "ScriptFailureError",
    "Session",
    "Shape",
    "ShapeField",
    "StackFrame",
    "StateError",
    "StreamEvent",
    "TimeDate",
    "Tool",
    "ToolContext",
    "ToolError",
    "ToolRegistry",
    "ToolSpec",
    "ToolValue",
    "check_schema",
    "extract_json",
    "get_logger",
    "map_validated_args_by_name",
    "register_job_tools",
    "schema_problems",
    "text_of",
    "to_json",
    "type_name",
    "validate_and_convert_args",
]


def __getattr__(name: str) -> Any:
    """Imports a public name that most programs do without, when it is first used."""
    if name == "Address":
        from neuroscript.addresses import Address

        return Address
    if name == "Approval":
        from neuroscript.approval import Approval

        return Approval
    if name in ("EmbeddedEngine", "JobEngine", "register_job_tools"):
        from neuroscript import jobs

        return getattr(jobs, name)
    if name in ("Journal", "JournalStore", "RunTerms"):
        from neuroscript import journal

        return getattr(journal, name)
    if name == "Recovery":
        from neuroscript.tools.recovery import Recovery

        return Recovery
    if name in ("Protection", "Sandbox"):
        from neuroscript import sandbox

        return getattr(sandbox, name)
    if name == "Session":
        from neuroscript.session import Session

        return Session
    if name == "get_logger":
        from neuroscript.logs import get_logger

        return get_logger
    if name == "StreamEvent":
        from neuroscript.streaming import StreamEvent

        return StreamEvent
    if name in ("Shape", "ShapeField"):
        from neuroscript.tools import shapes

        return getattr(shapes, name)
    if name in ("check_schema", "extract_json", "schema_problems"):
        from neuroscript.stdlib import json_host

        return getattr(json_host, name)
    if name in ("map_validated_args_by_name", "validate_and_convert_args"):
        from neuroscript.tools import validation

        return getattr(validation, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def load_ipython_extension(shell: Any) -> None:
    """Adds ``%%neuroscript`` to a shell of IPython or Jupyter, which calls this for ``%load_ext neuroscript``."""
    _notebook().load(shell)


def unload_ipython_extension(shell: Any) -> None:
    """Takes ``%%neuroscript`` away again."""
    _notebook().unload(shell)


def _notebook() -> Any:
    # By its name: it is built on the command line, which is built on this package.
    from importlib import import_module

    return import_module("neuroscript.notebook")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
