"""The tools of group ``os``: the environment variables that the host allows, and its clock."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from neuroscript.errors import ErrorCode, NeuroScriptError
from neuroscript.output import MOST_SHOWN, shortened
from neuroscript.stdlib.time import sleep, sleep_spec
from neuroscript.tools.spec import ArgSpec, ArgType, ToolSpec

if TYPE_CHECKING:
    from neuroscript.runtime.context import ToolContext


def get_variable(ctx: ToolContext, name: str) -> str:
    if name not in ctx.environment:
        shown = shortened(name, MOST_SHOWN)
        message = f"the environment variable {shown!r} is not allowed to scripts; the host names those that are"
        raise NeuroScriptError(ErrorCode.SECURITY, f"{message} (neuroscript run --env {shown})")
    return ctx.environment[name]


def unix_now() -> int:
    return int(time.time())


TOOLS: list[tuple[ToolSpec, Callable[..., Any]]] = [
    (
        ToolSpec(
            name="os.Getenv",
            description="Reads an environment variable that the host allows to scripts.",
            category="os",
            args=(ArgSpec("name", ArgType.STRING, "The variable's name."),),
            return_type=ArgType.STRING,
            return_help="Its value; empty if the variable is allowed and not set.",
            example='emit tool.os.Getenv("LANG")',
            error_conditions="10 if the host does not allow the variable.",
            capabilities=("env",),
            effect="read",
        ),
        get_variable,
    ),
    (
        ToolSpec(
            name="os.Now",
            description="Reads the clock.",
            category="os",
            return_type=ArgType.INT,
            return_help="Whole seconds since 1970-01-01 00:00 UTC.",
            primer="→unix_seconds",
            example="set started = tool.os.Now()",
            effect="read",
        ),
        unix_now,
    ),
    (sleep_spec("os.Sleep"), sleep),
]
