"""Completions of what is typed in an interactive session: words of the language, names, tools, keys of maps."""

from __future__ import annotations

import re

from neuroscript.language_server.words import BUILTINS, KEYWORDS, SYSTEM
from neuroscript.records import record
from neuroscript.syntax.tables import WORDS
from neuroscript.values import type_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from typing import Any

    from neuroscript.interpreter import Interpreter
    from neuroscript.tools.spec import ToolSpec

_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_.]*\Z")
_KNOWN = {**KEYWORDS, **BUILTINS, **SYSTEM}
TOOL = "tool."


@record(frozen=True)
class Candidate:
    """What a word may become.

    Args:
        text: the whole word.
        form: how it is written with its arguments, for a list of candidates; empty where that is the text.
        about: what it is, in one line.
    """

    text: str
    form: str = ""
    about: str = ""


def completions(
    interpreter: Interpreter, variables: Mapping[str, Any], before: str, names: Iterable[str] = ()
) -> tuple[str, list[Candidate]]:
    """Completes the word that ends a text.

    Args:
        interpreter: whose tools and procedures there are.
        variables: those of the session.
        before: the text before the cursor.
        names: further names that may be meant, such as those that the same text sets.

    Returns:
        the word, empty if the text ends with none; and what it may become.
    """
    match = _WORD.search(before)
    if match is None:
        return "", []
    word = match.group()
    if word.lower().startswith(TOOL):
        return word, tools_like(interpreter, word)
    path, dot, begin = word.rpartition(".")
    if dot:
        fields = _fields(variables, path.split("."))
        found = {f"{path}.{key}": _about(value) for key, value in fields if key.startswith(begin)}
        return word, [Candidate(text, about=about) for text, about in sorted(found.items())]
    known = {one.text: one for one in _names(interpreter, variables, names) if one.text.startswith(word)}
    return word, [known[name] for name in sorted(known)]


def tools_like(interpreter: Interpreter, word: str) -> list[Candidate]:
    """The tools whose names begin with a word, in whatever case.

    For a word without a group these are the groups, if there are several; if there is none, the tools of all groups
    with that in their names.
    """
    folded = word.lower()
    specs = sorted(interpreter.tools.specs(), key=lambda spec: spec.full_name)
    found = [spec for spec in specs if spec.full_name.lower().startswith(folded)]
    if folded.count(".") > 1:
        return [_tool(spec) for spec in found]
    groups: dict[str, int] = {}
    for spec in found:
        groups[spec.group] = groups.get(spec.group, 0) + 1
    if len(groups) > 1:
        return [
            Candidate(f"{TOOL}{group}.", about=f"{count} tool{'' if count == 1 else 's'}")
            for group, count in groups.items()
        ]
    if not found:
        name = folded.removeprefix(TOOL)
        found = [spec for spec in specs if name in spec.name.lower().rpartition(".")[2]]
    return [_tool(spec) for spec in found]


def first_sentence(text: str) -> str:
    """The first sentence of a description, on one line."""
    sentence, dot, _ = " ".join(text.split()).partition(". ")
    return sentence + dot.strip()


def _tool(spec: ToolSpec) -> Candidate:
    return Candidate(spec.full_name, spec.usage, first_sentence(spec.description))


def _names(interpreter: Interpreter, variables: Mapping[str, Any], names: Iterable[str]) -> Iterator[Candidate]:
    """All that a word without a dot may be; where several have a name, the one that counts comes last."""
    for name in names:
        yield Candidate(name)
    for name in WORDS | _KNOWN.keys():
        known = _KNOWN.get(name)
        yield Candidate(name, known.form, first_sentence(known.text)) if known is not None else Candidate(name)
    for procedure in interpreter.procedures():
        about = first_sentence(str(procedure["metadata"].get("description", ""))) or "procedure"
        yield Candidate(procedure["name"], procedure["signature"], about)
    for name, value in variables.items():
        yield Candidate(name, about=_about(value))


def _about(value: Any) -> str:
    """What a value is, without the time that it takes to show a large one."""
    kind = type_name(value)
    return f"{kind} of {len(value)}" if isinstance(value, list | dict | str) else kind


def _fields(variables: Mapping[str, Any], path: list[str]) -> Iterator[tuple[str, Any]]:
    """The fields of the map at a path of keys from a variable, those whose keys may stand after a dot."""
    value: Any = variables
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    for key, inner in value.items() if isinstance(value, dict) else ():
        if key.isidentifier():
            yield key, inner
