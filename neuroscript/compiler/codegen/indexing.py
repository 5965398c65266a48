"""Code generation for reading items of lists, maps and strings."""

from __future__ import annotations

import ast
from collections.abc import Callable

from neuroscript.compiler.analysis.types import INT, LIST, MAP, NIL, STR, Type
from neuroscript.compiler.codegen import pyast as py
from neuroscript.compiler.codegen.context import Expressions, FunctionContext
from neuroscript.compiler.codegen.forms import once
from neuroscript.compiler.codegen.hopeful import likely_item
from neuroscript.runtime import abi
from neuroscript.syntax import nodes as n

_EVENT_FIELDS = ("name", "payload", "source")  # those that are there before anybody reads them
_WORDS = {LIST: "list", MAP: "dict", STR: "str"}


class IndexGenerator:
    """Generates code for ``value[index]``."""

    def __init__(self, context: FunctionContext, expressions: Expressions) -> None:
        self.context = context
        self.expressions = expressions

    def item(self, value: n.Expr, index: n.Expr) -> ast.expr:
        """``value[index]``: a fast path inline for the likely types, and one call for the rest.

        The value is evaluated before the index, and each of them once, whichever way is taken.
        """
        if self._is_event(value) and isinstance(index, n.Literal) and index.value in _EVENT_FIELDS:
            event = self.expressions.value(value)
            field = py.attribute(event, str(index.value))
            return py.either(py.kind_is(event, abi.EVENT), field, self._item(value, index))
        return self._item(value, index)

    def _is_event(self, value: n.Expr) -> bool:
        """Whether a value most likely is the event that a handler was called with."""
        body = self.context.body
        return body.kind == "event" and isinstance(value, n.Name) and value.name in body.params

    def _item(self, value: n.Expr, index: n.Expr) -> ast.expr:
        expressions = self.expressions
        kind, key = self.context.type_of(value), self.context.type_of(index)
        if self.context.hopeful:
            made = likely_item(self.context, expressions, value, index)
            if made is not None:
                return made
        if isinstance(index, n.Literal) and kind.has(index.value):
            if not kind.kinds & NIL:
                return py.item(expressions.value(value), expressions.value(index))
            first, again = expressions.operand(value)
            self.context.temporaries.hold(first, kind)
            nil = py.call(abi.INDEX, again, expressions.value(index))
            there = py.compare(first, "is not", py.const(None))
            return py.either(there, py.item(again, expressions.value(index)), nil)
        if kind.within(LIST | STR) and key.within(INT) and key.natural and self.context.is_below_length(index, value):
            return py.item(expressions.value(value), expressions.value(index))
        known = self.context.is_repeatable(index) or key.within(INT | STR)
        if not known and not self.context.compact and self.context.is_pure(value):
            return self._by_any(value, kind, index, key)
        if self.context.compact or not known or not kind.kinds & (LIST | MAP | STR) or not key.kinds & (INT | STR):
            return py.call(abi.INDEX, expressions.value(value), expressions.value(index))
        first, again = expressions.operand(value)
        self.context.temporaries.hold(first, kind)
        if kind.within(MAP) and key.within(STR):
            return py.call(abi.DICT_GET, once(first), expressions.value(index))
        if kind.within(LIST | STR) and key.within(INT):
            place, place_again = expressions.operand(index)
            places = iter((place, place_again, place_again))
            return _inside(first, again, lambda: next(places), key)
        if self._repeatable(index):

            def place_of() -> tuple[ast.expr, ast.expr]:
                operand = expressions.operand(index)
                self.context.temporaries.hold(operand[0], key)
                return operand

            return _either_item(kind, first, again, key, place_of)
        evaluated, place = expressions.operand(index)
        made = _either_item(kind, again, again, key, lambda: (place, place))
        return py.item(py.items([first, evaluated, made]), py.const(-1))

    def _by_any(self, value: n.Expr, kind: Type, index: n.Expr, key: Type) -> ast.expr:
        """An item of a variable's value, by an index of a type that is not known, and that takes long to evaluate."""
        evaluated, place = self.expressions.operand(index)
        self.context.temporaries.hold(evaluated, key)
        held = self.expressions.value(value)
        made: ast.expr = py.call(abi.INDEX, held, place)
        if kind.kinds & MAP and key.kinds & STR:
            tests = [py.kind_is(place, "str")] + ([] if kind.within(MAP) else [py.kind_is(held, "dict")])
            made = py.either(py.both(*tests), py.call(abi.DICT_GET, held, place), made)
        if kind.kinds & (LIST | STR) and key.kinds & INT:
            words = [word for word, bit in (("list", LIST), ("str", STR)) if kind.kinds & bit]
            types = [] if kind.within(LIST | STR) else [py.some(*(py.kind_is(held, word) for word in words))]
            made = py.either(py.both(py.kind_is(place, "int"), *types), _inside(held, held, lambda: place, key), made)
        if not isinstance(made, ast.IfExp):
            return py.call(abi.INDEX, held, once(evaluated))
        first = made.test.values[0] if isinstance(made.test, ast.BoolOp) else made.test
        assert isinstance(first, ast.Compare)  # the test of the index's type, where it is evaluated
        first.left = py.call("type", evaluated)
        return made

    def _repeatable(self, expression: n.Expr) -> bool:
        """Whether the code of an expression is so short that it may stand in several branches."""
        if isinstance(expression, n.Chain) and len(expression.rest) <= 2:
            parts = (expression.first, *(operand for _, operand, _ in expression.rest))
            return all(self.context.is_repeatable(part) for part in parts)
        return self.context.is_repeatable(expression)


def _either_item(
    kind: Type, first: ast.expr, again: ast.expr, key: Type, index: Callable[[], tuple[ast.expr, ast.expr]]
) -> ast.expr:
    """An item of a value that may be a map, list or string.

    Args:
        kind: the type of the value.
        first: the value's code at the first mention.
        again: its code at the others.
        key: the type of the index.
        index: generates the index's code, anew for each branch: at the first mention, and at the others.
    """
    ways: list[tuple[list[int], ast.expr]] = []
    if key.kinds & STR and kind.kinds & MAP:
        place, place_again = index()
        if key.within(STR):
            found: ast.expr = py.call(abi.DICT_GET, again, once(place))
        else:
            found = py.call(abi.DICT_GET, again, place_again)
            found = py.either(py.kind_is(place, "str"), found, py.call(abi.INDEX, again, place_again))
        ways.append(([MAP], found))
    if key.kinds & INT and kind.kinds & (LIST | STR):
        place, place_again = index()
        places = iter([place if key.within(INT) else place_again, place_again, place_again])
        found = _inside(again, again, lambda: next(places), key)
        if not key.within(INT):
            found = py.either(py.kind_is(place, "int"), found, py.call(abi.INDEX, again, place_again))
        ways.append(([bit for bit in (LIST, STR) if kind.kinds & bit], found))
    made: ast.expr = py.call(abi.INDEX, again if ways else first, once(index()[0]))
    for number, (bits, found) in reversed(list(enumerate(ways))):
        tests: list[ast.expr] = [_is(again, kind, bit) for bit in bits]
        if number == 0:
            tests[0] = _is(first, kind, bits[0])
        made = py.either(py.some(*tests), found, made)
    return made


def _is(made: ast.expr, kind: Type, wanted: int) -> ast.expr:
    """The test that a value is of one kind; a test for nil is the cheapest where it may be nothing else."""
    if kind.within(wanted | NIL):
        return py.compare(made, "is not", py.const(None))
    return py.kind_is(made, _WORDS[wanted])


def _inside(first: ast.expr, again: ast.expr, index: Callable[[], ast.expr], key: Type) -> ast.expr:
    """``x[i] if len(x) > i > -1 else _index(x, i)``."""
    bounds: list[object] = [">", index()] if key.natural else [">", index(), ">", py.const(-1)]
    inside = py.compare(py.call("len", first), *bounds)
    return py.either(inside, py.item(again, index()), py.call(abi.INDEX, again, index()))
