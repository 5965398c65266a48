"""Expressions to Python expressions.

An operand that is needed twice is bound to a temporary (``t1``) where it is evaluated.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from itertools import pairwise

from neuroscript.compiler.analysis.infer import ANY, INT, LIST, MAP, OTHER, STR, Type
from neuroscript.compiler.codegen import pyast as py
from neuroscript.compiler.codegen.operations import CHAIN_DEPTH, Operations, once
from neuroscript.syntax import nodes as n
from neuroscript.syntax.placeholders import placeholders
from neuroscript.values import TYPE_CONSTANTS


class Expressions(Operations):
    """Makes Python expressions for one body of code."""

    # --- entry points ------------------------------------------------------------------------------------------------

    def value(self, expression: n.Expr) -> ast.expr:
        """Code that gives the expression's value."""
        made = self._value(expression)
        py.place(made, expression.span)
        return made

    def stored(self, expression: n.Expr) -> ast.expr:
        """Code that gives a value to be stored in a list or map, whose nesting is looked at where it may be one."""
        made = self.value(expression)
        if isinstance(expression, n.ListExpr | n.MapExpr) or not self.type_of(expression).kinds & (LIST | MAP):
            return made
        made = py.call("_nested", made)
        py.place(made, expression.span)
        return made

    def condition(self, expression: n.Expr) -> ast.expr:
        """Code whose Python truth is the expression's truth: `and` and `or` need no boolean here."""
        if isinstance(expression, n.Chain) and expression.rest[0][0] in ("and", "or"):
            made = self._joined_conditions(expression)
        elif isinstance(expression, n.Unary) and expression.op == "not" and self.never_fuzzy(expression.operand):
            made = ast.UnaryOp(ast.Not(), self.condition(expression.operand))
        else:
            return self.value(expression)
        py.place(made, expression.span)
        return made

    def _joined_conditions(self, chain: n.Chain) -> ast.expr:
        """``a and b``, ``a or b`` where only the truth matters.

        An operand that may be fuzzy is looked at twice: if it is one, the right side is evaluated in any case.
        """
        joins_all = chain.rest[0][0] == "and"
        join: ast.boolop = ast.And() if joins_all else ast.Or()
        parts = [chain.first, *(operand for _, operand, _ in chain.rest)]
        if all(self.never_fuzzy(part) for part in parts[:-1]):
            return ast.BoolOp(join, [self.condition(part) for part in parts])
        if len(parts) > CHAIN_DEPTH:
            return self.chain(chain)
        made = self.condition(parts[0])
        for before, part in pairwise(parts):
            right = self.condition(part)
            if self.never_fuzzy(before):
                made = ast.BoolOp(join, [made, right])
                continue
            temporary = self.temporary()
            bound = py.bind(temporary, made)
            self.holds(bound, ANY)
            kind = py.compare(py.call("type", py.name(temporary)), "is" if joins_all else "is not", py.name("Fuzzy"))
            decided = ast.BoolOp(ast.Or() if joins_all else ast.And(), [bound, kind])
            made = ast.BoolOp(join, [decided, right, py.name(temporary)])
        return made

    def type_of(self, expression: n.Expr) -> Type:
        """What the value may be."""
        return self.types.of(expression)

    def never_fuzzy(self, expression: n.Expr) -> bool:
        """Whether the value is certainly no fuzzy."""
        return not self.type_of(expression).kinds & OTHER

    # --- names -------------------------------------------------------------------------------------------------------

    def simple(self, expression: n.Expr) -> bool:
        """Whether the expression can be written twice: a literal, or a variable whose local can be read as it is."""
        if isinstance(expression, n.Literal):
            return not isinstance(expression.value, str) or len(expression.value) < 64
        return isinstance(expression, n.Name) and self.is_set(expression.name)

    def settled(self, expression: n.Expr) -> bool:
        """Whether the expression cannot fail and does nothing, so that it may be evaluated out of turn."""
        if isinstance(expression, n.Name):
            return expression.name in self.assigned and expression.name in self.body.variables
        return isinstance(expression, n.Literal)

    def is_set(self, name: str) -> bool:
        """Whether a variable's local can be read as it is.

        A name that may turn out not to be set is noted; the code is then made once more with that name guarded.
        """
        if name not in self.body.variables:
            return False
        if name not in self.assigned and name not in self.guarded:
            self.unsure.add(name)
        return name in self.assigned or name not in self.guarded

    def operand(self, expression: n.Expr) -> tuple[ast.expr, ast.expr]:
        """The expression where it is evaluated, and again where its value is needed a second time."""
        if self.simple(expression):
            return self.value(expression), self.value(expression)
        temporary = self.temporary()
        return py.bind(temporary, self.value(expression)), py.name(temporary)

    def _name(self, name: str) -> ast.expr:
        if self.is_set(name):
            return py.name(f"v_{name}")
        if name in self.body.variables:
            read = py.name(f"v_{name}")
            other = py.call("_name" if name in self.foreign else "_unset", py.const(name))
            return py.either(py.compare(read, "is not", py.name("UNSET")), read, other)
        if name in TYPE_CONSTANTS and name not in self.unit.globals and name not in self.unit.procedures:
            return py.const(TYPE_CONSTANTS[name])
        return py.call("_name", py.const(name))

    def loose(self, expression: n.Expr) -> ast.expr:
        """An operand of ``== != typeof no some``: a variable that is not set counts as nil."""
        if not isinstance(expression, n.Name) or self.is_set(expression.name):
            return self.value(expression)
        name = expression.name
        if name not in self.body.variables:
            made: ast.expr = self._name(name)
            if isinstance(made, ast.Call):
                made = py.call("_name_or_nil", py.const(name))
        else:
            read = py.name(f"v_{name}")
            other = py.call("_name_or_nil", py.const(name)) if name in self.foreign else py.const(None)
            made = py.either(py.compare(read, "is not", py.name("UNSET")), read, other)
        py.place(made, expression.span)
        return made

    # --- each kind ---------------------------------------------------------------------------------------------------

    def _value(self, expression: n.Expr) -> ast.expr:
        match expression:
            case n.Literal(value=value):
                return py.const(value)
            case n.Name(name=name):
                return self._name(name)
            case n.Last():
                return py.name("latest")
            case n.Raw(text=text) | n.Eval(text=n.Literal(value=str() as text)):
                return self._raw(text)
            case n.Eval(text=text):
                return py.call("_eval", self.value(text), py.call("scope") if self.scoped else self.scope())
            case n.ListExpr(items=items):
                listed = ast.List([self.stored(item) for item in items], py.LOAD)
                return listed if len(items) <= self.unit.max_items else py.call("_too_many", py.const("list"), listed)
            case n.MapExpr(entries=entries):
                return self._map(entries)
            case n.Unary(op=op, operand=operand):
                return self._unary(op, operand)
            case n.Chain():
                return self.chain(expression)
            case n.Power(base=base, exponent=exponent, op_span=span):
                made = py.call("_pow", self.value(base), self.value(exponent))
                py.place(made, span)
                return made
            case n.Index(value=value, index=index):
                return self._index(value, index)
            case n.Call():
                return self.procedure_call(expression)
            case n.CallValue(callee=callee, args=args):
                return self.value_call(self.value(callee), py.const(None), args)
            case n.ToolCall():
                return self.tool_call(expression)
        raise AssertionError(expression)  # pragma: no cover - every kind of node is above

    def _raw(self, text: str) -> ast.expr:
        pieces: list[ast.expr] = []
        for piece in placeholders(text):
            if isinstance(piece, str):
                pieces.append(py.const(piece))
                continue
            name, path = piece
            value = py.name("latest") if name == "last" else self._name(name)
            if path:
                value = py.call("_walk", value, py.const(tuple(path)))
            pieces.append(py.call("_joined", value))
        if all(isinstance(piece, ast.Constant) for piece in pieces):
            return py.const("".join(piece.value for piece in pieces))  # type: ignore[attr-defined]
        return py.call("_pieces", *pieces)

    def scope(self) -> ast.expr:
        """The variables by name, for ``eval``."""
        names = sorted(self.body.variables)
        keys: list[ast.expr | None] = [*map(py.const, names), py.const("last")]
        values: list[ast.expr] = [py.name(f"v_{name}") for name in names]
        return ast.Dict(keys, [*values, py.name("latest")])

    def _map(self, entries: list[tuple[n.Expr, n.Expr]]) -> ast.expr:
        keys: list[ast.expr | None] = []
        for key, _ in entries:
            text = self.value(key)
            keys.append(text if self.type_of(key).within(STR) else py.call("_map_key", text))
        made = ast.Dict(keys, [self.stored(value) for _, value in entries])
        return made if len(entries) <= self.unit.max_items else py.call("_too_many", py.const("map"), made)

    def _unary(self, op: str, operand: n.Expr) -> ast.expr:
        match op:
            case "typeof":
                return py.call("_typeof", self.loose(operand))
            case "no":
                return ast.UnaryOp(ast.Not(), self._loose_condition(operand))
            case "some":
                return py.either(self._loose_condition(operand), py.const(True), py.const(False))
            case "not":
                if self.never_fuzzy(operand):
                    return ast.UnaryOp(ast.Not(), self.condition(operand))
                return py.call("_not", self.value(operand))
            case "~":
                return py.call("_bit_not", self.value(operand))
        if isinstance(operand, n.Literal) and type(operand.value) in (int, float):
            return py.const(-operand.value if type(operand.value) is int else -operand.value + 0.0)
        if self.type_of(operand).within(INT):
            return ast.UnaryOp(ast.USub(), self.value(operand))
        return py.call("_neg", self.value(operand))

    def _loose_condition(self, operand: n.Expr) -> ast.expr:
        return self.loose(operand) if isinstance(operand, n.Name) else self.condition(operand)

    # --- reading items -----------------------------------------------------------------------------------------------

    def _index(self, value: n.Expr, index: n.Expr) -> ast.expr:
        """``value[index]``: inline for what it mostly is, and one call for the rest.

        The value is evaluated before the index, and each of them once, whichever way is taken.
        """
        kind, key = self.type_of(value), self.type_of(index)
        known = self.simple(index) or key.within(INT | STR)
        if self.passing() or not known or not kind.kinds & (LIST | MAP | STR) or not key.kinds & (INT | STR):
            return py.call("_index", self.value(value), self.value(index))
        first, again = self.operand(value)
        self.holds(first, kind)
        if kind.within(MAP) and key.within(STR):
            return py.call("_get", once(first), self.value(index))
        if kind.within(LIST | STR) and key.within(INT):
            return self._list_item(first, again, index, key)
        if self._repeatable(index):
            return self._either_item(kind, first, again, key, lambda: self.value(index))
        evaluated, place = self.operand(index)
        made = self._either_item(kind, again, again, key, lambda: place)
        return py.item(ast.Tuple([first, evaluated, made], py.LOAD), py.const(-1))

    def _either_item(
        self, kind: Type, first: ast.expr, again: ast.expr, key: Type, index: Callable[[], ast.expr]
    ) -> ast.expr:
        """An item of what may be a map, list or string; ``first`` is its first mention."""
        ways: list[tuple[list[str], ast.expr]] = []
        if key.kinds & STR and kind.kinds & MAP:
            found: ast.expr = py.call("_get", again, index())
            if not key.within(STR):
                found = py.either(py.kind_is(index(), "str"), found, py.call("_index", again, index()))
            ways.append((["dict"], found))
        if key.kinds & INT and kind.kinds & (LIST | STR):
            found = self._inside(again, again, index, key)
            if not key.within(INT):
                found = py.either(py.kind_is(index(), "int"), found, py.call("_index", again, index()))
            ways.append(([word for word, bit in (("list", LIST), ("str", STR)) if kind.kinds & bit], found))
        made: ast.expr = py.call("_index", again if ways else first, index())
        for number, (words, found) in reversed(list(enumerate(ways))):
            tests: list[ast.expr] = [py.kind_is(again, word) for word in words]
            if number == 0:
                tests[0] = py.kind_is(first, words[0])
            made = py.either(tests[0] if len(tests) == 1 else ast.BoolOp(ast.Or(), tests), found, made)
        return made

    def _list_item(self, first: ast.expr, again: ast.expr, index: n.Expr, key: Type) -> ast.expr:
        """An item of what is known to be a list or string, by a whole number."""
        place, place_again = self.operand(index)
        places = iter((place, place_again, place_again))
        return self._inside(first, again, lambda: next(places), key)

    def _inside(self, first: ast.expr, again: ast.expr, index: Callable[[], ast.expr], key: Type) -> ast.expr:
        """``x[i] if len(x) > i > -1 else _index(x, i)``."""
        bounds: list[object] = [">", index()] if key.natural else [">", index(), ">", py.const(-1)]
        inside = py.compare(py.call("len", first), *bounds)
        return py.either(inside, py.item(again, index()), py.call("_index", again, index()))

    def _repeatable(self, expression: n.Expr) -> bool:
        """Whether an expression is so short that its code may stand in several branches."""
        if isinstance(expression, n.Chain) and len(expression.rest) <= 2:
            return all(
                self.simple(part) for part in (expression.first, *(operand for _, operand, _ in expression.rest))
            )
        return self.simple(expression)
