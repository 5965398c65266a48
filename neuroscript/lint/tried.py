"""Results of ``tool.error.Try`` that are used without a look at whether they are error values."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, TypeAlias

from neuroscript.compiler.traversal import expressions, nil_tolerant_operands, statements, walk
from neuroscript.lint.failing import names_in
from neuroscript.lint.holding import Holding
from neuroscript.lint.shapes import ERROR
from neuroscript.syntax import nodes as n

if TYPE_CHECKING:
    from neuroscript.compiler.resolve import Body

Found: TypeAlias = tuple[str, n.Span, str]


def unchecked(body: Body, holding: Holding) -> Iterator[Found]:
    """The first use, for each such variable that the body never asks about, of what an error value does not have."""
    tried = {
        name
        for name, values in holding.values.items()
        if any(isinstance(each, n.ToolCall) and each.name.lower() == "error.try" for each in values)
    }
    if not tried:
        return
    tried -= _asked(body)
    for statement in statements(body.block):
        for whole in expressions(statement):
            for part in walk(whole):
                for name, span in _used(part):
                    if name in tried:
                        tried.remove(name)
                        told = f"'{name}' is an error value where the call failed: ask `if is_error({name})` first"
                        yield "unchecked-try", span, f"{told}, or `must {name}`"


def _asked(body: Body) -> set[str]:
    """The variables of which a condition, ``must``, a comparison or another call may ask whether they are errors."""
    asked: set[str] = set()
    for block in (body.block, *(handler.body for handler in body.handlers)):
        for statement in statements(block):
            wholes = list(expressions(statement))
            if isinstance(statement, n.If | n.While | n.Must):
                asked |= names_in(wholes)
            for whole in wholes:
                for part in walk(whole):
                    if isinstance(part, n.Call | n.CallValue):
                        asked |= names_in(argument.value for argument in part.args)
                    asked |= names_in(nil_tolerant_operands(part))
                    if isinstance(part, n.Unary):
                        asked |= names_in([part.operand])
    return asked


def _used(part: n.Expr) -> Iterator[tuple[str, n.Span]]:
    """The variables that an expression takes for a map, a list or a number."""
    match part:
        case n.Index(value=n.Name(name=name, span=span), index=index):
            if not (isinstance(index, n.Literal) and index.value in ERROR.fields):
                yield name, span
        case n.Chain(first=first, rest=[("+" | "-" | "*" | "/" | "%" | "**", _, _), *_] as rest):
            for operand in (first, *(operand for _, operand, _ in rest)):
                if isinstance(operand, n.Name):
                    yield operand.name, operand.span
