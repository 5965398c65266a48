"""Which variables are read and set where."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import TYPE_CHECKING

from neuroscript.compiler.traversal import (
    assigned_by,
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


def set_by(statement: n.Stmt) -> Iterator[str]:
    """The variables that a statement sets or makes, apart from its inner blocks."""
    yield from assigned_by(statement)
    if not isinstance(statement, n.If | n.While | n.ForEach):
        yield from stored_in([statement])
