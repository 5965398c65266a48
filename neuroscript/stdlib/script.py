"""The tools of group ``script``: more program text at run time."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from neuroscript.tools.spec import ArgSpec, ArgType, ToolSpec

if TYPE_CHECKING:
    from neuroscript.runtime.context import ToolContext


def load_script(ctx: ToolContext, source: str, name: str) -> list[str]:
    return ctx.load(source, name)


def list_functions(ctx: ToolContext) -> list[dict[str, Any]]:
    return ctx.procedures()


TOOLS: list[tuple[ToolSpec, Callable[..., Any]]] = [
    (
        ToolSpec(
            name="script.LoadScript",
            description="Loads the text of a procedure library, all of it or nothing.",
            category="script",
            args=(
                ArgSpec("source", ArgType.STRING, "The program text, not a file's name."),
                ArgSpec("name", ArgType.STRING, "What errors call the text.", required=False, default="loaded script"),
            ),
            return_type=ArgType.SLICE_STRING,
            return_help="The names of its procedures.",
            example='tool.script.LoadScript("func twice(needs x) means\\n return x * 2\\nendfunc\\n") = ["twice"]',
            error_conditions="15 and the other codes of a program that cannot be loaded; 42 for a procedure that "
            "exists already.",
            administers=True,
        ),
        load_script,
    ),
    (
        ToolSpec(
            name="script.ListFunctions",
            description="Lists the procedures that are loaded.",
            category="script",
            return_type=ArgType.SLICE_MAP,
            return_help="For each procedure a map with its `name`, `signature`, `needs`, `optional`, `returns`, "
            "`metadata`, `file` and `line`.",
            example="for each f in tool.script.ListFunctions()\n  emit f.signature\nendfor",
        ),
        list_functions,
    ),
]
