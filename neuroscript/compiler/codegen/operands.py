"""Chooses the operands of an assertion whose values are worth telling when it fails."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from neuroscript.compiler.traversal import children
from neuroscript.syntax import nodes as n

_COMPARISONS: Final = frozenset({"==", "!=", "<", "<=", ">", ">="})
_LITERALS: Final = (n.Literal, n.ListExpr, n.MapExpr)
_MOST: Final = 20  # operands of one assertion


def operands_of(expression: n.Expr) -> list[tuple[n.Expr, str]]:
    """The operands of an assertion, each with its side of the comparison that the assertion is, else an empty text."""
    found: list[tuple[n.Expr, str]] = []
    if isinstance(expression, n.Chain) and len(expression.rest) == 1 and expression.rest[0][0] == "==":
        for side, operand in (("left", expression.first), ("right", expression.rest[0][1])):
            found.append((operand, side))
            found += [(inner, "") for inner in _parts(operand)]
    else:
        found += [(operand, "") for operand in _truths(expression)]
    return found[:_MOST]


def _truths(expression: n.Expr) -> Iterator[n.Expr]:
    """The operands of ``and``, ``or``, ``not``, ``no``, ``some`` and comparisons, and the parts of each."""
    match expression:
        case n.Chain(first=first, rest=[("and" | "or", _, _), *_] as rest):
            for operand in (first, *(operand for _, operand, _ in rest)):
                yield from _truths(operand)
        case n.Unary(op="not" | "no" | "some", operand=operand):
            yield from _truths(operand)
        case n.Chain(first=first, rest=rest) if all(operator in _COMPARISONS for operator, _, _ in rest):
            for operand in (first, *(operand for _, operand, _ in rest)):
                if not isinstance(operand, _LITERALS):
                    yield operand
                yield from _parts(operand)
        case _:
            if not isinstance(expression, _LITERALS):
                yield expression
            yield from _parts(expression)


def _parts(expression: n.Expr) -> Iterator[n.Expr]:
    """The variables, items and calls that an operand is made from, at any depth."""
    for inner in children(expression):
        if isinstance(inner, n.Name | n.Index | n.Call | n.ToolCall | n.CallValue):
            yield inner
        yield from _parts(inner)
