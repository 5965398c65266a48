"""Describes in text what a name in an interactive session means."""

from __future__ import annotations

import difflib
import re
import shutil
import sys
import textwrap
from collections.abc import Mapping
from typing import Any

from neuroscript.cli.interactive import shown
from neuroscript.cli.reference import page_of
from neuroscript.cli.status import UsageError
from neuroscript.cli.tools import find_tools, table
from neuroscript.interpreter import Interpreter
from neuroscript.language_server.words import BUILTINS, KEYWORDS, SYSTEM
from neuroscript.output import columns_of
from neuroscript.stdlib.meta import help_text
from neuroscript.values import type_name

_WORDS = {**KEYWORDS, **BUILTINS, **SYSTEM}
_CALLED = re.compile(r"\s*\(.*\)\s*\Z", re.DOTALL)
_MOST_SHOWN = 2_000
_NARROWEST, _WIDEST = 40, 100


def describe(interpreter: Interpreter, variables: Mapping[str, Any], name: str) -> str:
    """What a name is: a variable, a procedure, a tool or a group of them, a word of the language, an error's code.

    Raises:
        UsageError: if it is none of these; it names the nearest.
    """
    name = _CALLED.sub("", name).strip()
    if name in variables:
        value = variables[name]
        return f"{name}: a variable, {type_name(value)}\n\n  {shown(value, _MOST_SHOWN)}"
    for procedure in interpreter.procedures():
        if procedure["name"] == name:
            return _procedure(procedure)
    if name in _WORDS:
        return filled(f"{_WORDS[name].form}\n\n{_WORDS[name].text}")
    if re.fullmatch(r"\d+|[A-Z]+\d+|[a-z]+(-[a-z]+)+|[A-Z_]+", name):
        return page_of(name)
    try:
        specs = find_tools(interpreter.tools, name)
    except UsageError as error:
        near = difflib.get_close_matches(
            name, [*variables, *_WORDS, *(one["name"] for one in interpreter.procedures())], 1
        )
        hint = f"; did you mean {near[0]!r}?" if near else str(error).partition(repr(name))[2]
        raise UsageError(f"there is nothing called {name!r}{hint}") from None
    if len(specs) == 1:
        return filled(help_text(specs[0]).removeprefix("## "))
    return table(specs, columns_of(sys.stdout))


def _procedure(procedure: Mapping[str, Any]) -> str:
    metadata = procedure["metadata"]
    rows = [procedure["signature"]]
    if "description" in metadata:
        rows += ["", str(metadata["description"])]
    told = [(name, metadata.get(f"param:{name}")) for name in (*procedure["needs"], *procedure["optional"])]
    rows += ["", *(f"- `{name}`: {about}" for name, about in told if about)] if any(about for _, about in told) else []
    rows += ["", f"In {procedure['file']}, line {procedure['line']}"]
    return filled("\n".join(rows))


def filled(text: str, indent: int = 0) -> str:
    """A text whose lines are no longer than the terminal is wide, and than can be read well, but for those of code.

    Args:
        text: the text.
        indent: what the further lines of one are indented by.
    """
    width = max(min(shutil.get_terminal_size().columns - 1, _WIDEST), _NARROWEST)
    return "\n".join(
        line if line.startswith("    ") or len(line) <= width else _wrapped(line, width, indent)
        for line in text.split("\n")
    )


def _wrapped(line: str, width: int, indent: int) -> str:
    blanks = " " * (indent or (2 if line.startswith("- ") else 0))
    return textwrap.fill(line, width, subsequent_indent=blanks, break_on_hyphens=False, break_long_words=False)
