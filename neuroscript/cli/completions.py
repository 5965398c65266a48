"""Completions of what is typed in an interactive session: words of the language, names, tools, keys of maps."""

from __future__ import annotations

import re

from neuroscript.runtime.operators import BUILTINS
from neuroscript.syntax.tables import WORDS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

    from neuroscript.interpreter import Interpreter

_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_.]*\Z")


def completions(
    interpreter: Interpreter, variables: Mapping[str, Any], before: str, names: Iterable[str] = ()
) -> tuple[str, list[str]]:
    """Completes the word that ends a text.

    Args:
        interpreter: whose tools and procedures there are.
        variables: those of the session.
        before: the text before the cursor.
        names: further names that may be meant, such as those that the same text sets.

    Returns:
        the word, empty if the text ends with none; and the words that it may become.
    """
    match = _WORD.search(before)
    if match is None:
        return "", []
    word = match.group()
    folded = word.lower()
    if folded.startswith("tool."):
        tools = (f"tool.{name}" for name in interpreter.tools.names())
        return word, sorted(name for name in tools if name.lower().startswith(folded))
    path, dot, _ = word.rpartition(".")
    if dot:
        known: Iterable[str] = (f"{path}.{key}" for key in _keys(variables, path.split(".")))
    else:
        procedures = (procedure["name"] for procedure in interpreter.procedures())
        known = (*WORDS, *BUILTINS, *variables, *procedures, *names)
    return word, sorted({name for name in known if name.startswith(word)})


def _keys(variables: Mapping[str, Any], path: list[str]) -> Iterable[str]:
    """The keys of the map at a path of keys from a variable, those that may stand after a dot."""
    value: Any = variables
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    return filter(str.isidentifier, value) if isinstance(value, dict) else ()
