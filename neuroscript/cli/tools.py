"""``neuroscript tools``: the tools that programs may call."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from neuroscript.cli.options import add_format
from neuroscript.cli.parser import set_completer
from neuroscript.cli.report import print_json
from neuroscript.cli.status import OK, UsageError
from neuroscript.interpreter import Interpreter
from neuroscript.output import columns_of, write_line
from neuroscript.stdlib.meta import help_text, specification
from neuroscript.tools.registry import ToolRegistry
from neuroscript.tools.spec import ToolSpec

SUMMARY = "list the tools, or explain one"


def configure(parser: argparse.ArgumentParser) -> None:
    """Declares the arguments."""
    name = parser.add_argument(
        "name", metavar="NAME", nargs="?", help="a tool, such as fs.Read, or a group, such as fs"
    )
    set_completer(name, _names)
    parser.add_argument("--no-plugins", action="store_true", help="standard tools only")
    add_format(parser)


def _names(given: argparse.Namespace) -> list[str]:
    with Interpreter(plugins=not getattr(given, "no_plugins", False)) as interpreter:
        return list(interpreter.tools.names())


def run(options: argparse.Namespace) -> int:
    """Lists the tools, or explains those of the given name."""
    with Interpreter(plugins=not options.no_plugins) as interpreter:
        specs = find_tools(interpreter.tools, options.name)
    if options.format == "jsonl":
        for spec in specs:
            print_json(specification(spec))
    elif options.name and len(specs) == 1:
        write_line(sys.stdout, help_text(specs[0]))
    else:
        write_line(sys.stdout, table(specs, columns_of(sys.stdout)))
    return OK


def find_tools(tools: ToolRegistry, name: str | None) -> list[ToolSpec]:
    """All tools, the one called ``name``, or those of the group ``name``.

    Raises:
        UsageError: if there is no such tool; it names the nearest.
    """
    if not name:
        return tools.specs()
    tool = tools.get(name)
    if tool is not None:
        return [tool.spec]
    group = name.lower().removeprefix("tool.").rstrip(".*")
    specs = [spec for spec in tools.specs() if f"{spec.group.lower()}.".startswith(f"{group}.")]
    if specs and group:
        return specs
    near = ", ".join(f"tool.{other}" for other in tools.near(name))
    raise UsageError(f"there is no tool {name!r}" + (f"; the nearest are {near}" if near else ""))


def table(specs: Sequence[ToolSpec], width: int) -> str:
    """A table of tools by category, one line each: how it is called, and what it does, in ``width`` columns."""
    usage_width = min(max((len(spec.usage) for spec in specs), default=0), 56)
    rows: list[str] = []
    category = ""
    for spec in sorted(specs, key=lambda spec: (spec.category.lower(), spec.name.lower())):
        if spec.category != category:
            category = spec.category
            rows += ["", category] if rows else [category]
        line = f"  {spec.usage:{usage_width}}  "
        rows.append(line + shorten(spec.description, max(24, width - len(line))))
    return "\n".join(rows)


def shorten(text: str, width: int) -> str:
    """The first sentence of ``text``, cut at ``width`` characters."""
    sentence = text.replace("\n", " ").partition(". ")[0].removesuffix(".")
    return sentence if len(sentence) <= width else sentence[: width - 1].rstrip() + "…"
