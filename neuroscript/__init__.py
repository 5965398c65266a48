"""NeuroScript: an embeddable runtime for a small language in which programs drive AI models, safely."""

from __future__ import annotations

from neuroscript.errors import (
    Diagnostic,
    ErrorCode,
    NeuroScriptError,
    NeuroScriptSyntaxError,
)
from neuroscript.interpreter import Interpreter
from neuroscript.runtime.limits import Limits
from neuroscript.tools.registry import ToolRegistry
from neuroscript.tools.spec import ArgSpec, ArgType, ToolSpec
from neuroscript.tools.validation import map_validated_args_by_name, validate_and_convert_args

__version__ = "0.1.0"
