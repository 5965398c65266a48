"""Members in the manner of other languages: ``text.upper()``, ``items.length``, ``json.loads(text)``."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from neuroscript.compiler.traversal import expressions, statements, walk
from neuroscript.foreign_names import method_cure
from neuroscript.lint.reads import SEQUENCE_FIELDS
from neuroscript.syntax import nodes as n

if TYPE_CHECKING:
    from neuroscript.compiler.resolve import Body, Resolved

_PLACE = re.compile(r"\{\{|[$#]\{|^\{\w+\}$|^\$\w+$")
_LENGTHS = frozenset({"length", "size", "len", "count"})


def members_of(expression: n.Expr) -> dict[int, tuple[str, bool]]:
    """The member that is read of each name in an expression, by the name's identity, and whether it is called."""
    found: dict[int, tuple[str, bool]] = {}
    for part in walk(expression):  # a call comes before what it calls
        match part:
            case n.CallValue(callee=n.Index(value=n.Name() as owner, index=n.Literal(value=str() as member))):
                found[id(owner)] = member, True
            case n.Index(value=n.Name() as owner, index=n.Literal(value=str() as member), dotted=True):
                found.setdefault(id(owner), (member, False))
    return found


def keys_written(resolved: Resolved) -> set[str]:
    """The keys that a program writes into maps: a member of such a name may be a function of its own."""
    written: list[n.Expr] = []
    for body in resolved.bodies:
        for statement in _statements(body):
            if isinstance(statement, n.Set):
                written += (step for target in statement.targets for step in target.path)
            for part in _parts(statement):
                if isinstance(part, n.MapExpr):
                    written += (key for key, _ in part.entries)
                elif isinstance(part, n.ToolCall):
                    written += (argument.value for argument in part.args)
    return {key.value for key in written if isinstance(key, n.Literal) and type(key.value) is str}


def replaces_placeholders(resolved: Resolved) -> bool:
    """Whether a program replaces placeholders by tools over text, which are given them as they are written."""
    return any(
        isinstance(part, n.ToolCall)
        and part.name.lower().startswith(("str.", "regex."))
        and any(isinstance(each.value, n.Literal) and _PLACE.search(str(each.value.value)) for each in part.args)
        for body in resolved.bodies
        for statement in _statements(body)
        for part in _parts(statement)
    )


def _statements(body: Body) -> Iterator[n.Stmt]:
    for block in (body.block, *(handler.body for handler in body.handlers)):
        yield from statements(block)


def _parts(statement: n.Stmt) -> Iterator[n.Expr]:
    for expression in expressions(statement):
        yield from walk(expression)


def foreign_methods(expression: n.Expr, keys: set[str]) -> Iterator[tuple[n.Expr, n.Span, str]]:
    """The calls of other languages' methods: the value that each is called on, its place, and what to write.

    Args:
        expression: the expression.
        keys: names that may be the program's own.
    """
    called = {id(part.callee) for part in walk(expression) if isinstance(part, n.CallValue)}
    for part in walk(expression):
        match part:
            case n.CallValue(
                callee=n.Index(value=owner, index=n.Literal(value=str() as name), dotted=True) as callee
            ) if name not in keys:
                cure = method_cure(name)
                if cure:
                    yield owner, callee.index.span, cure
            case n.Index(value=owner, index=n.Literal(value=str() as name) as key, dotted=True) if (
                name in _WITHOUT_PARENTHESES and name not in keys and method_cure(name)
            ):
                if id(part) not in called:
                    yield owner, key.span, method_cure(name)


def lengths(expression: n.Expr, sized: set[str]) -> Iterator[tuple[str, n.Span]]:
    """The members ``length`` and the like of variables that hold texts or lists alone, each with its place."""
    called = {id(part.callee) for part in walk(expression) if isinstance(part, n.CallValue)}
    for part in walk(expression):
        match part:
            case n.Index(value=n.Name(name=name), index=n.Literal(value=str() as member), dotted=True) if (
                member in _LENGTHS and name in sized and id(part) not in called
            ):
                yield name, part.index.span


def sequence_fields(expression: n.Expr, listed: set[str], keys: set[str]) -> Iterator[tuple[n.Span, str]]:
    """The members ``first``, ``last`` and ``length`` of what is used as a list, each with what is wrong.

    Args:
        expression: the expression.
        listed: the variables that are used as lists or texts.
        keys: names that may be the program's own.
    """
    called = {id(part.callee) for part in walk(expression) if isinstance(part, n.CallValue)}
    for part in walk(expression):
        match part:
            case n.Index(value=n.Name(name=name), index=n.Literal(value=str() as key), dotted=True):
                known = key in SEQUENCE_FIELDS and (name in listed or key == "len")
                if not known or key in keys or id(part) in called:
                    continue
                code = {"first": f"{name}[0]", "last": f"{name}[len({name}) - 1]"}.get(key, f"len({name})")
                own = f', or `{name}["{key}"]` for a key of a map' if name not in listed else ""
                yield part.index.span, f"a list or text has no field '{key}'; write `{code}`{own}"


_WITHOUT_PARENTHESES = frozenset(
    ("to_i", "to_f", "to_s", "to_sym", "upcase", "downcase", "chomp", "strip", "capitalize", "reverse")
)
"""Methods of Ruby, which are called without parentheses."""


def foreign_lengths(expression: n.Expr, keys: set[str]) -> Iterator[tuple[str, n.Span]]:
    """The members ``length`` that are used as the length of a list or text: less one, or as the end of a range."""
    for part in walk(expression):
        match part:
            case n.Chain(first=n.Index() as member, rest=[("-", n.Literal(value=1), _)]):
                pass
            case n.ToolCall(name=name, args=[_, n.Argument(value=n.Index() as member)]) if name.lower() == "list.range":
                pass
            case _:
                continue
        match member:
            case n.Index(value=n.Name(name=owner), index=n.Literal(value=str() as key), dotted=True):
                if key in ("length", "len") and key not in keys:
                    yield owner, member.index.span


def unquoted_names(expression: n.Expr) -> dict[int, str]:
    """The names that may be meant as text, by their identity, with what to write: ``{name: 1}`` and ``[[name]]``."""
    found: dict[int, str] = {}
    for part in walk(expression):
        match part:
            case n.MapExpr(entries=entries):
                for key, _ in entries:
                    if isinstance(key, n.Name):
                        found[id(key)] = f'a key that is text stands in quotes: `{{"{key.name}": …}}`'
            case n.ListExpr(items=[n.ListExpr(items=[n.Name() as name])]):
                found[id(name)] = "`[[` begins a list in a list; text stands in quotes"
    return found
