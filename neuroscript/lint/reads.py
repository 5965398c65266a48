"""The variables that an expression reads, each with its place, and those that a statement sets."""

from __future__ import annotations

from collections.abc import Iterator

from neuroscript.compiler.traversal import assigned_by, nil_tolerant_operands, stored_in, walk
from neuroscript.runtime.operators import BUILTINS
from neuroscript.syntax import nodes as n
from neuroscript.syntax.placeholders import placeholder_spans, placeholders


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
