"""Code generation for string concatenation: ``+`` where an operand is a string."""

from __future__ import annotations

import ast

from neuroscript.compiler.analysis.types import BOOL, FLOAT, INT, STR, Type
from neuroscript.compiler.codegen import pyast as py
from neuroscript.compiler.codegen.context import Expressions, FunctionContext
from neuroscript.compiler.codegen.forms import once
from neuroscript.runtime import abi
from neuroscript.syntax import nodes as n

_SHORT = 4096  # characters


class TextGenerator:
    """Generates code for concatenations."""

    def __init__(self, context: FunctionContext, expressions: Expressions) -> None:
        self.context = context
        self.expressions = expressions

    def piece(self, expression: n.Expr) -> tuple[ast.expr, bool]:
        """Code that gives the text of an operand, and whether it certainly is short."""
        kind = self.context.type_of(expression)
        made = self.expressions.value(expression)
        if isinstance(expression, n.Literal) and isinstance(expression.value, str):
            return made, len(expression.value) < _SHORT
        if kind.within(STR):
            return made, False
        if kind.within(INT):
            return py.call("str", made), True
        if kind.within(INT | FLOAT | BOOL):
            return py.call(abi.TEXT, made), True
        if self.context.is_repeatable(expression):
            again = self.expressions.value(expression)
            return py.either(py.kind_is(made, "str"), again, py.call(abi.TEXT, made)), False
        return py.call(abi.TEXT, made), False

    def join(self, first: ast.expr, kind: Type, operand: n.Expr) -> ast.expr:
        """``a + b`` where one operand is a string."""
        right, short = self.piece(operand)
        left = once(first)
        left_short = isinstance(left, ast.Constant) and len(str(left.value)) < _SHORT
        if kind.within(INT):
            left, left_short = py.call("str", left), True
        elif not kind.within(STR):
            left = py.call(abi.TEXT, left)
        if short and left_short:
            return py.binary(left, "+", right)
        return py.call(abi.JOIN, left, right)

    def concatenation(self, made: ast.expr, rest: list[tuple[str, n.Expr, n.Span]]) -> ast.expr:
        """``made + a + b …`` where ``made`` gives a string, as one call."""
        pieces = [made]
        for _, operand, span in rest:
            piece, _ = self.piece(operand)
            py.place(piece, span)
            pieces.append(piece)
        return py.call(abi.JOIN_ALL, *pieces)
