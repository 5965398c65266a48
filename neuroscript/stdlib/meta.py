"""The tools of group ``Meta``: what tools there are."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from neuroscript.output import MOST_SHOWN, shortened
from neuroscript.tools.shapes import Shape
from neuroscript.tools.spec import ArgSpec, ArgType, ToolSpec

if TYPE_CHECKING:
    from neuroscript.runtime.context import ToolContext


def help_text(spec: ToolSpec) -> str:
    """All that is known about a tool, in Markdown."""
    rows = [f"## {spec.signature}", "", spec.description]
    if spec.args:
        rows += ["", "Arguments:"]
        for arg in spec.args:
            optional = "" if arg.required else ", optional"
            rows.append(f"- `{arg.name}` ({arg.type_text}{optional}): {arg.description}".rstrip(": "))
            rows += _keys(arg.shape, "  ")
    for title, text in (
        ("Returns", spec.return_help),
        ("Errors", spec.error_conditions),
        ("Needs", ", ".join(spec.capabilities)),
    ):
        if text:
            rows += ["", f"{title}: {text}"]
        if title == "Returns":
            rows += _keys(spec.result_shape)
    if spec.example:
        rows += ["", "Example:", "", *(f"    {line}" for line in spec.example.splitlines())]
    return "\n".join(rows)


def _keys(shape: Shape | None, indent: str = "") -> list[str]:
    """The keys of a map, one on a line; of the maps in it the names of their keys alone."""
    rows = []
    for one in shape.fields.values() if shape is not None else ():
        names = ", ".join(f"`{name}`" for name in one.shape.fields) if one.shape is not None else ""
        told = f"{one.description} Keys: {names}." if names else one.description
        rows.append(f"{indent}- `{one.name}` ({one.type}): {told}".rstrip(": "))
    return rows


def specification(spec: ToolSpec) -> dict[str, Any]:
    """A spec as JSON values; ``parameters`` is the JSON Schema of its arguments."""
    return {**spec.to_map(), "parameters": spec.to_json_schema()}


def _specs(ctx: ToolContext) -> list[ToolSpec]:
    return sorted(ctx.interpreter.tools.specs(), key=lambda spec: spec.name.lower())


def list_tools(ctx: ToolContext) -> str:
    return "\n".join(spec.signature for spec in _specs(ctx))


def tools_help(ctx: ToolContext, filter_text: str) -> str:
    wanted = filter_text.strip().lower().removeprefix("tool.")
    found = [help_text(spec) for spec in _specs(ctx) if wanted in spec.name.lower()]
    return "\n\n".join(found) if found else f"No tool's name contains {shortened(filter_text, MOST_SHOWN)!r}."


def primer(ctx: ToolContext) -> str:
    return ctx.interpreter.primer()


def specifications_json(ctx: ToolContext) -> str:
    return json.dumps([specification(spec) for spec in _specs(ctx)], ensure_ascii=False)


TOOLS: list[tuple[ToolSpec, Callable[..., Any]]] = [
    (
        ToolSpec(
            name="Meta.ListTools",
            description="Lists every tool with its arguments and what it returns, one line each.",
            category="meta",
            return_type=ArgType.STRING,
            return_help="The lines, sorted by name; a `?` marks an argument that may be left out.",
            example="emit tool.Meta.ListTools()",
            effect="read",
        ),
        list_tools,
    ),
    (
        ToolSpec(
            name="Meta.ToolsHelp",
            description="Explains the tools whose name contains a text, in Markdown.",
            category="meta",
            args=(ArgSpec("filter", ArgType.STRING, "The text; empty for all tools.", required=False, default=""),),
            return_type=ArgType.STRING,
            return_help="The explanations; a line that says so if there is no such tool.",
            example='emit tool.Meta.ToolsHelp("fs.Read")',
            effect="read",
        ),
        tools_help,
    ),
    (
        ToolSpec(
            name="Meta.GetToolSpecificationsJSON",
            description="Gives the specifications of all tools as JSON, for models and other programs.",
            category="meta",
            return_type=ArgType.STRING,
            return_help="A JSON list of objects; `parameters` in each is the JSON Schema of its arguments.",
            example="set specs = tool.json.Parse(tool.Meta.GetToolSpecificationsJSON())",
            effect="read",
        ),
        specifications_json,
    ),
    (
        ToolSpec(
            name="Meta.Primer",
            description="Gives the page that a model needs to write programs for this host: the language in short, and "
            "the tools that the host permits.",
            category="meta",
            return_type=ArgType.STRING,
            return_help="Markdown of at most 10,000 characters, about 2,500 tokens.",
            example='set prompt = tool.Meta.Primer() + "Write a program that adds 1 and 2."',
            effect="read",
        ),
        primer,
    ),
]
