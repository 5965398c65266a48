"""Descriptions of tools, procedures, variables and words, in Markdown, for all features that show them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

from neuroscript.compiler.analysis import types as t
from neuroscript.language_server.words import BUILTINS, KEYWORDS, SYSTEM, Word

if TYPE_CHECKING:
    from neuroscript.lint.shapes import Held
    from neuroscript.syntax import nodes as n
    from neuroscript.tools.shapes import Shape
    from neuroscript.tools.spec import ToolSpec

_KINDS = (
    (t.BOOL, "bool"),
    (t.STR, "string"),
    (t.LIST, "list"),
    (t.MAP, "map"),
    (t.NIL, "nil"),
)
_MOST_KINDS = 2  # besides nil, in the name of a type
_DEEPEST = 3  # lists and maps in one another, in the name of a type
_MOST_KEYS = 24  # of a shape
_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|])")


def code(text: str) -> str:
    """A block of code in the language."""
    return f"```neuroscript\n{text}\n```"


def plain(text: str) -> str:
    """A text from a program or a host, with nothing in it that Markdown would take for more than text."""
    return _SPECIAL.sub(r"\\\1", text)


def tool_text(spec: ToolSpec, *, refused: bool = False) -> str:
    """What a tool does, takes and gives.

    Args:
        spec: of the tool.
        refused: whether the policy does not permit it.
    """
    parts = [code(spec.signature)]
    if refused:
        parts.append("**The policy does not permit this tool.**")
    if spec.description:
        parts.append(spec.description)
    arguments = [_argument(arg.name, arg.type_text, arg.description, arg.required, arg.shape) for arg in spec.args]
    if arguments:
        parts.append("\n".join(arguments))
    if spec.return_help:
        parts.append(f"**Gives** {spec.return_help}{_keys(spec.result_shape)}")
    elif spec.result_shape is not None:
        parts.append(f"**Gives** the {spec.result_shape.name}{_keys(spec.result_shape)}")
    if spec.error_conditions:
        parts.append(f"**Fails** {spec.error_conditions}")
    if spec.example:
        parts.append(code(spec.example))
    return "\n\n".join(parts)


def argument_text(spec: ToolSpec, number: int) -> str:
    """What one argument of a tool is."""
    arg = spec.args[number]
    return f"{arg.description}{_keys(arg.shape)}"


def procedure_text(procedure: n.Procedure, path: str = "") -> str:
    """What a procedure's header and metadata tell.

    Args:
        procedure: the procedure.
        path: of the file that it is in, if that is another one.
    """
    metadata = dict(reversed(procedure.metadata))
    parts = [code(header_of(procedure))]
    if description := metadata.get("description"):
        parts.append(plain(description))
    arguments = [
        _argument(param.name, metadata.get(f"type:{param.name}", ""), plain(metadata[f"param:{param.name}"]), required)
        for params, required in ((procedure.needs, True), (procedure.optional, False))
        for param in params
        if f"param:{param.name}" in metadata
    ]
    if arguments:
        parts.append("\n".join(arguments))
    if path:
        parts.append(f"In `{path.replace('`', '')}`")
    return "\n\n".join(parts)


def header_of(procedure: n.Procedure) -> str:
    """The header of a procedure, in the usual form."""
    clauses = (("needs", procedure.needs), ("optional", procedure.optional), ("returns", procedure.returns))
    inner = " ".join(f"{word} {', '.join(p.name for p in names)}" for word, names in clauses if names)
    return f"func {procedure.name}({inner}) means"


def word_text(word: str) -> str:
    """What a word of the language does; empty for any other."""
    found: Word | None = BUILTINS.get(word) or SYSTEM.get(word) or KEYWORDS.get(word)
    return f"{code(found.form)}\n\n{found.text}" if found is not None else ""


def variable_text(name: str, kind: str, type_name: str, held: Held | None) -> str:
    """What a variable is, and holds.

    Args:
        name: of the variable.
        kind: what to call it: ``variable``, ``parameter``.
        type_name: its type in words; empty if that is not known.
        held: the shape of the map, or of the maps in the list, that it holds.
    """
    parts = [code(f"{name}: {type_name}" if type_name else name), f"A {kind}."]
    if held is not None:
        parts.append(f"{'Each item' if held.is_list else 'It'} is the {held.shape.name}{_keys(held.shape)}")
    return "\n\n".join(parts)


def type_name(found: t.Type, depth: int = _DEEPEST) -> str:
    """An inferred type in words; empty where it says little.

    Args:
        found: the type.
        depth: how deep it is told what lists and maps hold, which may hold their like.
    """
    kinds = found.kinds
    if not kinds or kinds == t.ANY_KINDS or kinds & t.OTHER:
        return ""
    names = []
    if kinds & t.NUM:
        names.append({t.INT: "int", t.FLOAT: "float"}.get(kinds & t.NUM, "number"))
    names += [name for bit, name in _KINDS if kinds & bit]
    if len([name for name in names if name != "nil"]) > _MOST_KINDS:
        return ""
    inner = found.items() if kinds & t.CONTAINER and depth > 0 else None
    item = type_name(inner, depth - 1) if inner is not None else ""
    if item:
        names = [f"{name} of {item}" if name in ("list", "map") and " or " not in item else name for name in names]
    return " or ".join(names)


def shape_text(shape: Shape) -> str:
    """The keys of a map, one a line."""
    return "\n".join(_argument(field.name, str(field.type), field.description, True) for field in shape.fields.values())


def _argument(name: str, kind: str, text: str, required: bool, shape: Shape | None = None) -> str:
    told = f": {kind}" if kind else ""
    name = name.replace("`", "")  # which ends a piece of code, and a program may write into a key
    return f"- `{name}{'' if required else '?'}{told}`{' – ' if text else ''}{text}{_keys(shape)}"


def _keys(shape: Shape | None) -> str:
    if shape is None or not shape.fields:
        return ""
    names: Iterable[str] = list(shape.fields)
    shown = " ".join(f"`{name.replace('`', '')}`" for name in list(names)[:_MOST_KEYS])
    return f" (keys: {shown}{' …' if len(shape.fields) > _MOST_KEYS else ''})"
