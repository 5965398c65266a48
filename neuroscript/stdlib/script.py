"""The tools of group ``script``: procedures by name, and more program text at run time."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from neuroscript.errors import ErrorCode, NeuroScriptError, NeuroScriptSyntaxError
from neuroscript.tools.shapes import Shape, ShapeField
from neuroscript.tools.spec import ArgSpec, ArgType, ToolSpec
from neuroscript.tools.validation import given

if TYPE_CHECKING:
    from neuroscript.runtime.context import ToolContext


MAX_NAME = 200
"""Characters of what a text is called; every error and every line of a stack shows it."""


def load_script(ctx: ToolContext, source: str, name: str) -> list[str]:
    if len(name) > MAX_NAME:
        message = f"tool.script.LoadScript: the name has {len(name)} characters; it may have {MAX_NAME}"
        raise NeuroScriptError(ErrorCode.INVALID_VALUE, message)
    try:
        return ctx.load(source, name)
    except NeuroScriptSyntaxError as error:  # its place is in the text, its stack that of the call
        error.details = {"file": error.file}
        raise


def list_functions(ctx: ToolContext) -> list[dict[str, Any]]:
    return ctx.procedures()


def call(ctx: ToolContext, name: str, args: Any) -> Any:
    if args is None or type(args) is list:
        return ctx.call_procedure(name, args or [], {})
    if type(args) is not dict:
        problem = f"args is a list for positions or a map for names, not {given(args)}"
        raise NeuroScriptError(ErrorCode.ARG_MISMATCH, f"tool.script.Call: {problem}")
    return ctx.call_procedure(name, [], args)


_PROCEDURE = Shape(
    "map of a procedure",
    [
        ShapeField("name", ArgType.STRING, "Its name."),
        ShapeField("signature", ArgType.STRING, "How it is called: `f(a, b?)`."),
        ShapeField("needs", ArgType.SLICE_STRING, "The names of the arguments that must be given."),
        ShapeField("optional", ArgType.SLICE_STRING, "The names of the others."),
        ShapeField("returns", ArgType.SLICE_STRING, "The names of what it returns."),
        ShapeField("metadata", ArgType.MAP, "Its metadata by name."),
        ShapeField("file", ArgType.STRING, "The file that it stands in."),
        ShapeField("line", ArgType.INT, "The line that it begins on."),
    ],
)

TOOLS: list[tuple[ToolSpec, Callable[..., Any]]] = [
    (
        ToolSpec(
            name="script.LoadScript",
            description="Loads the text of a procedure library, all of it or nothing.",
            category="script",
            args=(
                ArgSpec("source", ArgType.STRING, "The program text, not a file's name."),
                ArgSpec(
                    "name",
                    ArgType.STRING,
                    "What errors call the text; with the path of a file in the sandbox it may use files there.",
                    required=False,
                    default="loaded script",
                ),
            ),
            return_type=ArgType.SLICE_STRING,
            return_help="The names of its procedures.",
            example='tool.script.LoadScript("func twice(needs x) means\\n return x * 2\\nendfunc\\n") = ["twice"]',
            error_conditions="15 and the other codes of a program that cannot be loaded; 42 for a procedure that "
            f"exists already; 41 if the name has more than {MAX_NAME} characters; for a text that uses files 18 if "
            "the name is no file in the sandbox, 10 without fs:read, and the codes of files.",
            administers=True,
            effect="pure",
        ),
        load_script,
    ),
    (
        ToolSpec(
            name="script.ListFunctions",
            description="Lists the procedures that are loaded.",
            category="script",
            return_type=ArgType.SLICE_MAP,
            return_help="A map for each procedure.",
            result_shape=_PROCEDURE,
            example="for each f in tool.script.ListFunctions()\n  emit f.signature\nendfor",
            effect="pure",
        ),
        list_functions,
    ),
    (
        ToolSpec(
            name="script.Call",
            description="Calls a procedure by its name.",
            category="script",
            args=(
                ArgSpec("name", ArgType.STRING, "The procedure's name."),
                ArgSpec("args", ArgType.ANY, "Its arguments: a list by position, a map by name.", required=False),
            ),
            return_type=ArgType.ANY,
            return_help="What the procedure returns.",
            example='tool.script.Call("half", [8]) = 4',
            error_conditions="2 if there is no such procedure; 4 if the arguments do not fit it; those of the "
            "procedure.",
            administers=True,
            effect="pure",
        ),
        call,
    ),
]
