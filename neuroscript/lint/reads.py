"""Which variables are read and set where."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import TYPE_CHECKING

from neuroscript.compiler.traversal import (
    assigned_by,
    children,
    expressions,
    nil_tolerant_operands,
    statements,
    stored_in,
    walk,
)
from neuroscript.runtime.operators import BUILTINS
from neuroscript.syntax import nodes as n
from neuroscript.syntax.placeholders import placeholder_spans, placeholders

if TYPE_CHECKING:
    from neuroscript.compiler.resolve import Body


SEQUENCE_FIELDS = frozenset({"first", "last", "length", "len"})
"""What other languages read of a list or text as of a field."""


class Uses:
    """Where the variables of one body are read and set, outside of its error handlers."""

    def __init__(self, body: Body) -> None:
        self._body = body

    @cached_property
    def last_read(self) -> dict[str, tuple[int, int]]:
        """The place of the last statement that reads each name."""
        found: dict[str, tuple[int, int]] = {}
        for statement in statements(self._body.block):
            for whole in expressions(statement):
                for name, _, _ in reads(whole):
                    found[name] = statement.span[:2]
        return found

    @cached_property
    def assigned(self) -> dict[str, list[n.Stmt]]:
        """The statements that assign each variable as a whole."""
        found: dict[str, list[n.Stmt]] = {}
        for statement in statements(self._body.block):
            for name in assigned_by(statement):
                found.setdefault(name, []).append(statement)
        return found

    @cached_property
    def joined(self) -> set[str]:
        """The variables that are operands of ``+``, or stand in placeholders."""
        found = set()
        for whole in self._wholes():
            for part in walk(whole):
                match part:
                    case n.Chain(first=first, rest=[("+", _, _), *_] as rest):
                        found |= {
                            each.name for each in (first, *(one for _, one, _ in rest)) if isinstance(each, n.Name)
                        }
                    case n.Raw(text=text):
                        found |= {piece[0] for piece in placeholders(text) if not isinstance(piece, str)}
        return found

    @cached_property
    def valued(self) -> set[str]:
        """The variables that are used as a text, a list, a map or a number, apart from `joined`."""
        found = set()
        for statement in statements(self._body.block):
            if isinstance(statement, n.ForEach) and isinstance(statement.collection, n.Name):
                found.add(statement.collection.name)
        for whole in self._wholes():
            for part in walk(whole):
                match part:
                    case n.Index(value=n.Name(name=name)):
                        found.add(name)
                    case n.ToolCall(name=tool, args=args) if tool.lower().startswith(("str.", "list.", "fs.", "json.")):
                        found |= {each.value.name for each in args if isinstance(each.value, n.Name)}
                    case n.Chain(
                        first=first, rest=[("-" | "*" | "/" | "%" | "<" | ">" | "<=" | ">=", _, _), *_] as rest
                    ):
                        found |= {
                            each.name for each in (first, *(one for _, one, _ in rest)) if isinstance(each, n.Name)
                        }
        return found

    @cached_property
    def listed(self) -> set[str]:
        """The variables that are used as lists or texts, and of which no field is read."""
        found, keyed = set(), set()
        for statement in statements(self._body.block):
            match statement:
                case n.ForEach(collection=n.Name(name=name), key=None):
                    found.add(name)
                case n.Set(targets=targets):
                    keyed |= {target.name for target in targets if target.path}
        for whole in self._wholes():
            for part in walk(whole):
                match part:
                    case n.Index(value=n.Name(name=name), index=n.Literal(value=str() as key)):
                        if key not in SEQUENCE_FIELDS:
                            keyed.add(name)
                    case n.Index(value=n.Name(name=name), index=n.Literal(value=int()) | n.Chain()):
                        found.add(name)
                    case n.Call(name="len", args=[n.Argument(value=n.Name(name=name))]):
                        found.add(name)
                    case n.ToolCall(name=tool, args=[n.Argument(value=n.Name(name=name)), *_]):
                        if tool.lower().startswith("list."):
                            found.add(name)
                        elif tool.lower().startswith("map."):
                            keyed.add(name)
        return found - keyed

    def _wholes(self) -> Iterator[n.Expr]:
        for statement in statements(self._body.block):
            yield from expressions(statement)

    def is_read_below(self, name: str, place: tuple[int, int]) -> bool:
        """Whether a statement below a place reads a name."""
        return self.last_read.get(name, (0, 0)) > place


def reads(expression: n.Expr) -> Iterator[tuple[str, n.Span, bool]]:
    """The names that an expression reads, those in placeholders too; whether nil will do where each stands."""
    loose = {id(operand) for part in walk(expression) for operand in nil_tolerant_operands(part)}
    for part in walk(expression):
        match part:
            case n.Name(name=name, span=span):
                yield name, span, id(part) in loose
            case n.Call(name=name, name_span=span) if name != "len" and name not in BUILTINS:
                yield name, span, False
            case n.Raw(text=text, span=span) | n.Eval(text=n.Literal(value=str() as text, span=span)):
                names = [piece[0] for piece in placeholders(text) if not isinstance(piece, str)]
                spans = placeholder_spans(text, span, raw=isinstance(part, n.Raw))
                yield from ((name, place, False) for name, place in zip(names, spans, strict=True))


def entries_read(expression: n.Expr) -> dict[n.Span, object]:
    """The key of each name in an expression of which one entry is read, by the name's place; ``...`` if it varies."""
    found: dict[n.Span, object] = {}
    for part in walk(expression):
        match part:
            case n.Index(value=n.Name(span=span), index=index):
                found[span] = index.value if isinstance(index, n.Literal) else ...
    return found


def evaluated(expression: n.Expr, truth: bool | None = None) -> set[str]:
    """The names that were certainly read, and so are set, once an expression has been evaluated.

    Args:
        expression: the expression.
        truth: whether it was true or false, which tells what `and` and `or` have evaluated; None if that is not known.
    """
    match expression:
        case n.Name(name=name):
            return {name}
        case n.Unary(op="not", operand=operand):
            return evaluated(operand, None if truth is None else not truth)
        case n.Chain(first=first, rest=[("and" | "or" as operator, _, _), *_] as rest):
            if truth is (operator == "and"):
                return evaluated(first, truth).union(*(evaluated(operand, truth) for _, operand, _ in rest))
            return evaluated(first)
    loose = {id(operand) for operand in nil_tolerant_operands(expression)}
    return {name for child in children(expression) if id(child) not in loose for name in evaluated(child)}


def set_by(statement: n.Stmt) -> Iterator[str]:
    """The variables that a statement sets or makes, apart from its inner blocks."""
    yield from assigned_by(statement)
    if not isinstance(statement, n.If | n.While | n.ForEach):
        yield from stored_in([statement])
