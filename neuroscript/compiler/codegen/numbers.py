"""Code generation for arithmetic with numbers that may be whole or not.

A variable that begins as ``0`` and then adds up quotients holds a whole number or a float, and nothing tells which
before it runs.  Python's operators do the right thing for both, if no whole number is too large on the way, and no
float.  So in a tree of ``+``, ``-``, ``*`` and squares the operands are tested before anything is computed: with
operands of moderate size no operation inside can get out of range, and the tree is the plain Python expression.  Where
one is larger, or there is an infinity to be found out, the tree is evaluated by calls of the runtime.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from itertools import compress

from neuroscript.compiler.analysis import types
from neuroscript.compiler.analysis.types import FLOAT, INT, NIL, NUM, Type, bounded
from neuroscript.compiler.codegen import pyast as py
from neuroscript.compiler.codegen.context import Expressions, FunctionContext
from neuroscript.compiler.codegen.floats import is_finite, may_be_negative_zero
from neuroscript.compiler.codegen.hopeful import is_look_up
from neuroscript.records import record
from neuroscript.runtime import abi
from neuroscript.syntax import nodes as n

_MODERATE_BITS = 200
_MODERATE = float(1 << _MODERATE_BITS)
_MOST_BITS = 1000  # of any number inside a tree: floats go up to 1,024, and whole numbers further
_MOST_OPERATIONS = 16
_MOST_POWER = 4
_HELPERS = {"+": abi.ADD, "-": abi.SUB, "*": abi.MUL, "**": abi.POW}
_PLAIN = frozenset("+-*")


@record()
class _Node:
    """A part of a tree: an operation on two other parts, or an operand of the tree.

    Attributes:
        kind: the type of its value.
        bits: the most bits of its value, that of a float included, if the operands pass their tests.
        source: the expression of an operand.
        operator: of an operation.
        left: of an operation.
        right: of an operation.
        place: of the operator.
    """

    kind: Type
    bits: int
    source: n.Expr | None = None
    operator: str = ""
    left: _Node | None = None
    right: _Node | None = None
    place: n.Place | None = None


class NumberGenerator:
    """Generates code for trees of operations on numbers."""

    def __init__(self, context: FunctionContext, expressions: Expressions) -> None:
        self.context = context
        self.expressions = expressions
        self.temporaries = context.temporaries
        self._operations = 0
        self._powers = False

    def tree(self, expression: n.Expr) -> ast.expr | None:
        """Code of an operation whose operands may be whole or not; None where another way is as good."""
        if self.context.compact:
            return None
        root = self._node(expression)
        if root is None or root.source is not None or root.kind.within(INT) or self._operations > _MOST_OPERATIONS:
            return None
        parts = list(_in_order(root))
        leaves = [part for part in parts if part.source is not None]
        if self._operations == 1 and not any(map(self._is_tested, leaves)):
            return None
        begun = next(place for place, part in enumerate(parts) if part.source is None)
        # What is evaluated after an operation must not be able to fail in its stead, nor have effects.
        if not all(part.source is None or self._is_harmless(part.source) for part in parts[begun:]):
            return None
        operands = [self.expressions.operand(leaf.source) for leaf in leaves if leaf.source is not None]
        return self._made(root, leaves, operands)

    def power(self, power: n.Power) -> ast.expr | None:
        """``base ** exponent``; None where another way is as good."""
        exponent = power.exponent.value if isinstance(power.exponent, n.Literal) else None
        if type(exponent) is not float or not 0 < exponent <= _MOST_POWER:
            return self.tree(power)
        if self.context.compact or not self._hoped(power.base).within(NUM):
            return None
        first, again = self.expressions.operand(power.base)
        moderate = py.compare(py.const(0), "<", first, "<", py.const(_MODERATE))
        raised = py.binary(again, "**", py.const(exponent))
        return py.either(moderate, raised, py.call(abi.POW, again, py.const(exponent)))

    # --- the tree ----------------------------------------------------------------------------------------------------

    def _hoped(self, expression: n.Expr) -> Type:
        """The type of an operand, in hope that it is not nil where code is made in hope."""
        kind = self.context.type_of(expression)
        return kind.restricted_to(~NIL) if self.context.hopeful and kind.kinds & NIL else kind

    def _node(self, expression: n.Expr) -> _Node | None:
        """The tree of an expression; None if it is none of numbers, or a number in it may get out of range."""
        match expression:
            case n.Chain(first=first, rest=rest) if len(rest) <= _MOST_OPERATIONS and any(
                operator in _HELPERS for operator, _, _ in rest
            ):
                return self._chain(expression, first, rest)
            case n.Power(base=base, exponent=n.Literal(value=int() as power) as exponent, op_place=place) if (
                type(power) is int and 0 < power <= _MOST_POWER
            ):
                made = self._node(base)
                if made is None:
                    return None
                self._powers = True
                right = _Node(bounded(3, natural=True), 0, exponent)
                return self._operation("**", made, right, made.bits * power, self.context.type_of(expression), place)
        kind = self._hoped(expression)
        if not kind.within(NUM):
            return None
        if isinstance(expression, n.Literal):
            size = abs(expression.value)
            return _Node(kind, int(size).bit_length() + 1, expression) if size <= _MODERATE else None
        bits = kind.bits if kind.within(INT) and kind.bits is not None else _MODERATE_BITS
        return _Node(kind, min(bits, _MODERATE_BITS), expression)

    def _chain(self, chain: n.Chain, first: n.Expr, rest: list[tuple[str, n.Expr, n.Place]]) -> _Node | None:
        divided = max((place for place, (operator, _, _) in enumerate(rest, 1) if operator not in _HELPERS), default=0)
        if divided:  # its result is an operand
            first = self.context.made(n.Chain(chain.place, first, rest[:divided]))
            rest = rest[divided:]
            if not rest or self._hoped(first).within(INT):
                return None
        left = self._node(first)
        for operator, operand, place in rest:
            right = self._node(operand)
            if left is None or right is None:
                return None
            bits = left.bits + right.bits if operator == "*" else max(left.bits, right.bits) + 1
            left = self._operation(operator, left, right, bits, types.binary(operator, left.kind, right.kind), place)
        return left

    def _operation(
        self, operator: str, left: _Node, right: _Node, bits: int, kind: Type, place: n.Place
    ) -> _Node | None:
        self._operations += 1
        if not kind.within(NUM) or bits > _MOST_BITS:
            return None
        return _Node(kind, bits, None, operator, left, right, place)

    # --- operands ----------------------------------------------------------------------------------------------------

    def _is_tested(self, leaf: _Node) -> bool:
        """Whether the size of an operand has to be tested: of one that may be a large whole number."""
        kind = leaf.kind
        if self._is_small(leaf):
            return False
        if self._powers and kind.kinds & FLOAT:
            return True  # Python raises for a power that is not finite
        return bool(kind.kinds & INT) and (kind.bits is None or kind.bits > _MODERATE_BITS)

    def _is_small(self, leaf: _Node) -> bool:
        """Whether an operand certainly is of moderate size."""
        source = leaf.source
        return isinstance(source, n.Literal) or (
            isinstance(source, n.Name) and self.context.bounds.is_small(source.name)
        )

    def _is_harmless(self, expression: n.Expr) -> bool:
        """Whether an operand does nothing but read variables, and in code made in hope items, or miss."""
        if self.context.is_certain(expression):
            return True
        match expression:
            case n.Index(value=value, index=index) if self.context.hopeful:
                found = is_look_up(self.context, value, index)
                return found and self._is_harmless(value) and self._is_harmless(index)
            case n.Chain(first=first, rest=rest) if all(operator in _PLAIN for operator, _, _ in rest):
                kind = self.context.type_of(expression)
                operands = (first, *(operand for _, operand, _ in rest))
                return kind.within(INT) and kind.bits is not None and all(map(self._is_harmless, operands))
        return False

    # --- code --------------------------------------------------------------------------------------------------------

    def _made(self, root: _Node, leaves: list[_Node], operands: list[tuple[ast.expr, ast.expr]]) -> ast.expr:
        bound = [first for first, _ in operands if isinstance(first, ast.NamedExpr)]
        tested = [self._is_tested(leaf) for leaf in leaves]
        tests: list[ast.expr] = []
        values = [again for _, again in operands]
        if not any(tested):  # the tree itself evaluates all of them
            made = _applied(root, iter([first for first, _ in operands]), py.binary)
            bound = []
        else:
            made = _applied(root, iter(values), py.binary)
        if bound and (len(bound) > 1 or not any(first is bound[0] for first, _ in compress(operands, tested))):
            tests.append(_evaluating(bound))  # all of them, since the calls read them wherever the tests end
            bound = []
        names: set[str] = set()
        for first, again in compress(operands, tested):
            if bound and first is bound[0]:
                tests.insert(0, _moderate(first))
            elif isinstance(again, ast.Name) and again.id not in names:
                tests.append(_moderate(again))
                names.add(again.id)
        called = _applied(root, iter(values), lambda left, sign, right: py.call(_HELPERS[sign], left, right))
        zero = py.const(0.0 if root.kind.within(FLOAT) else 0)
        signed = may_be_negative_zero(made)
        untested = (leaf for leaf, test in zip(leaves, tested, strict=True) if not test)
        if any(leaf.kind.kinds & FLOAT and not self._is_small(leaf) for leaf in untested):
            result = self.temporaries.fresh()
            tests.append(is_finite(py.bind(result, made), py.name(result)))
            made = py.name(result)
        if signed:
            made = py.binary(made, "+", zero)
        return py.either(py.both(*tests), made, called)


def _applied(
    node: _Node, operands: Iterator[ast.expr], apply: Callable[[ast.expr, str, ast.expr], ast.expr]
) -> ast.expr:
    """Code of a tree, given that of its operands and what makes code of an operation."""
    if node.left is None or node.right is None or node.place is None:
        return next(operands)
    left = _applied(node.left, operands, apply)
    made = apply(left, node.operator, _applied(node.right, operands, apply))
    py.place(made, node.place)
    return made


def _in_order(node: _Node) -> Iterator[_Node]:
    """The parts of a tree in the order of their evaluation."""
    if node.left is not None and node.right is not None:
        yield from _in_order(node.left)
        yield from _in_order(node.right)
    yield node


def _moderate(made: ast.expr) -> ast.expr:
    """The test that a number is of moderate size."""
    return py.compare(py.const(-_MODERATE), "<", made, "<", py.const(_MODERATE))


def _evaluating(bound: list[ast.NamedExpr]) -> ast.expr:
    """A test that evaluates several operands, and holds whatever they are, or but for a single nil."""
    made: ast.expr = bound[0]
    for other in bound[1:]:
        made = py.compare(made, "is", other)
    return py.compare(made, "is not", py.const(None))
