"""Code generation for arithmetic with floats.

A double result that is not finite is an error, and a negative zero is 0.  What is not finite stays so through ``+``,
``-`` and ``*``, and there the sign of a zero changes nothing but signs of zeros; so the result of a whole tree of these
operators is tested once, at its root.  If it is not finite the tree is evaluated once more, with a test of every
operation, so that the error is placed at the one that is to blame.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from neuroscript.compiler.analysis import types
from neuroscript.compiler.analysis.types import FLOAT, INT, NUM, Type
from neuroscript.compiler.codegen import pyast as py
from neuroscript.compiler.codegen.context import Expressions, FunctionContext
from neuroscript.runtime import abi
from neuroscript.syntax import nodes as n

_OPERATORS = frozenset("+-*")
_DOUBLE_BITS = 1000  # of whole numbers that certainly are in the range of doubles
LARGEST_DOUBLE = 2.0**_DOUBLE_BITS
"""Whole numbers below it have a double."""

_MOST = 16  # operations of a tree, since its code stands there twice


class FloatGenerator:
    """Generates code for operations on what certainly are floats, or whole numbers of their size."""

    def __init__(self, context: FunctionContext, expressions: Expressions) -> None:
        self.context = context
        self.expressions = expressions
        self.temporaries = context.temporaries

    def checked(self, made: ast.expr) -> ast.expr:
        """The result of an operation on floats, if it is finite.

        A finite number minus itself is zero; adding zero turns a negative zero into a positive one.
        """
        return self._finite_or(made, py.call(abi.INFINITE), 0.0)

    def checked_number(self, made: ast.expr) -> ast.expr:
        """The result of an operation on floats or whole numbers, if it is finite; adding 0 leaves the latter whole."""
        return self._finite_or(made, py.call(abi.INFINITE), 0)

    def power(self, base: n.Expr, exponent: n.Expr) -> ast.expr | None:
        """``base ** exponent`` of floats, inline where the base is positive; None where the types are not known."""
        kinds = self.context.type_of(base), self.context.type_of(exponent)
        if not kinds[0].within(FLOAT) or not fits_double(kinds[1]):
            return None
        first, again = self.expressions.operand(base)
        second, second_again = self.expressions.operand(exponent)
        if isinstance(second, ast.NamedExpr):
            return None  # both would have to be evaluated before the first is looked at
        made: ast.expr = py.binary(again, "**", second)
        power = exponent.value if isinstance(exponent, n.Literal) else None
        if not isinstance(power, int | float) or not 0 < power <= 1:  # roots are never too large
            made = self.checked(made)
        return py.either(py.compare(first, ">", py.const(0.0)), made, py.call(abi.POW, again, second_again))

    def is_tree(self, chain: n.Chain) -> bool:
        """Whether a chain is more than one operation on what certainly are floats and small numbers."""
        kind = self.context.type_of(chain)
        if not kind.within(NUM) or kind.within(INT) or not 1 < self._operations(chain) <= _MOST:
            return False
        # What is evaluated after an operation must not be able to fail, nor have effects: the operation may fail first.
        steps = list(self._steps(chain))
        return all(leaf is None or self.context.is_certain(leaf) for leaf in steps[steps.index(None) :])

    def tree(self, chain: n.Chain) -> ast.expr:
        """The result of a tree, tested at its root."""
        leaves = [self.expressions.operand(leaf) for leaf in self._leaves(chain)]
        made = self._plain(chain, iter([first for first, _ in leaves]))
        again = self._tested(chain, iter([again for _, again in leaves]))
        return self._finite_or(made, again, 0.0 if self.context.type_of(chain).within(FLOAT) else 0)

    def _finite_or(self, made: ast.expr, otherwise: ast.expr, zero: float) -> ast.expr:
        result = self.temporaries.fresh()
        signed = may_be_negative_zero(made)
        finite = is_finite(py.bind(result, made), py.name(result))
        value = py.binary(py.name(result), "+", py.const(zero)) if signed else py.name(result)
        return py.either(finite, value, otherwise)

    def _is_inner(self, expression: n.Expr) -> bool:
        """Whether an operand is part of the tree: a chain of the same operators, on operands that fit."""
        return isinstance(expression, n.Chain) and self._operations(expression) > 0

    def _operations(self, chain: n.Chain) -> int:
        """The number of operations of the tree that a chain is; 0 if it is none."""
        kind = self.context.type_of(chain.first)
        if not fits_double(kind) or len(chain.rest) > _MOST:
            return 0
        count = self._operations(chain.first) if isinstance(chain.first, n.Chain) else 0
        for operator, operand, _ in chain.rest:
            right = self.context.type_of(operand)
            if operator not in _OPERATORS or not fits_double(right):
                return 0
            kind = types.binary(operator, kind, right)
            if not fits_double(kind):
                return 0
            count += 1 + (self._operations(operand) if isinstance(operand, n.Chain) else 0)
        return count

    def _leaves(self, chain: n.Chain) -> Iterator[n.Expr]:
        for part in (chain.first, *(operand for _, operand, _ in chain.rest)):
            if isinstance(part, n.Chain) and self._is_inner(part):
                yield from self._leaves(part)
            else:
                yield part

    def _steps(self, chain: n.Chain) -> Iterator[n.Expr | None]:
        """The leaves of a tree in the order of their evaluation, with None for each operation."""
        for number, part in enumerate((chain.first, *(operand for _, operand, _ in chain.rest))):
            if isinstance(part, n.Chain) and self._is_inner(part):
                yield from self._steps(part)
            else:
                yield part
            if number:
                yield None

    def _plain(self, expression: n.Expr, leaves: Iterator[ast.expr]) -> ast.expr:
        if not isinstance(expression, n.Chain) or not self._is_inner(expression):
            return next(leaves)
        made = self._plain(expression.first, leaves)
        for operator, operand, place in expression.rest:
            made = py.binary(made, operator, self._plain(operand, leaves))
            py.place(made, place)
        return made

    def _tested(self, expression: n.Expr, leaves: Iterator[ast.expr]) -> ast.expr:
        if not isinstance(expression, n.Chain) or not self._is_inner(expression):
            return next(leaves)
        made = self._tested(expression.first, leaves)
        for operator, operand, place in expression.rest:
            made = py.call(abi.FINITE, py.binary(made, operator, self._tested(operand, leaves)))
            py.place(made, place)
        return made


def is_finite(first: ast.expr, again: ast.expr) -> ast.expr:
    """The test that a number is finite: only then it minus itself is zero, which Python finds out fastest as its truth.

    Args:
        first: its code at the first mention.
        again: its code at the others.
    """
    return py.negated(py.binary(first, "-", again))


def may_be_negative_zero(made: ast.expr) -> bool:
    """Whether an operation on numbers that are no negative zeros may give one.

    A square does not, a sum only of two of them, and a difference only from one.
    """
    match made:
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            return may_be_negative_zero(left) and may_be_negative_zero(right)
        case ast.BinOp(left=left, op=ast.Sub()):
            return may_be_negative_zero(left)
        case ast.BinOp(left=ast.Name(id=one), op=ast.Mult(), right=ast.Name(id=other)):
            return one != other
    return isinstance(made, ast.BinOp)


def fits_double(kind: Type) -> bool:
    """Whether a value certainly is a number in the range of floats."""
    if not kind.within(NUM):
        return False
    return not kind.kinds & INT or (kind.bits is not None and kind.bits < _DOUBLE_BITS)
