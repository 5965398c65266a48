"""The tools of group ``io``: text to and from the person at the host."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from neuroscript.stdlib.declare import check_characters
from neuroscript.tools.spec import ArgSpec, ArgType, ToolSpec
from neuroscript.values import text_of

if TYPE_CHECKING:
    from neuroscript.runtime.context import ToolContext


def print_values(ctx: ToolContext, values: list[Any]) -> None:
    limits = ctx.limits
    texts: list[str] = []
    length = -1
    for value in values:
        text = text_of(value, max_string=limits.max_string, max_nesting=limits.max_nesting)
        texts.append(text)
        length += 1 + len(text)
        check_characters(ctx, length, "io.Print")  # before they are joined
    ctx.emit(" ".join(texts))


def read_input(ctx: ToolContext, prompt: str) -> str:
    return ctx.prompt(prompt)


TOOLS: list[tuple[ToolSpec, Callable[..., Any]]] = [
    (
        ToolSpec(
            name="io.Print",
            description="Prints values on one line, with a space between them, where `emit` prints.",
            category="io",
            args=(ArgSpec("values", ArgType.ANY, "What to print.", required=False),),
            variadic=True,
            return_type=ArgType.NIL,
            return_help="nil",
            example='call tool.io.Print("total:", 3)',
            error_conditions="37 if the line is longer than a string may be, or more is printed than the host allows.",
            effect="pure",
        ),
        print_values,
    ),
    (
        ToolSpec(
            name="io.Input",
            description="Asks the person at the host for a line of text, as `promptuser` does.",
            category="io",
            args=(ArgSpec("prompt", ArgType.STRING, "What the person is asked.", required=False, default=""),),
            return_type=ArgType.STRING,
            return_help="The line, without its end.",
            example='set name = tool.io.Input("Your name? ")',
            error_conditions="18 if the host has nobody to ask.",
            effect="pure",
        ),
        read_input,
    ),
]
