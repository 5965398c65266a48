"""Expressions to Python expressions.

Every operator has a fast path written inline for the types that it mostly meets, guarded as far as inference leaves
doubt, and one call of `neuroscript.runtime.operators` for the rest.  An operand that is needed twice is bound to a
temporary (``t1``) where it is evaluated.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from itertools import pairwise

from neuroscript.compiler import infer
from neuroscript.compiler import pyast as py
from neuroscript.compiler.calls import Calls
from neuroscript.compiler.infer import ANY, BOOL, FLOAT, INT, LIST, MAP, NIL, NUM, OTHER, STR, Type
from neuroscript.syntax import nodes as n
from neuroscript.syntax.placeholders import placeholders
from neuroscript.values import TYPE_CONSTANTS

_SMALL = 1 << 62  # Sums and products inline are checked against this; beyond it the helper decides.
_DIGIT = (1 << 30) - 1  # One digit of CPython's integers, which compare fastest; for counting up and down.
_CHAIN_DEPTH = 24  # Longer chains are cut into pieces, since Python's compiler walks a tree recursively.
_FAST = 64  # Beyond so many a chain is made short rather than fast: every fast path is a dozen nodes.
_SHORT_TEXT = 4096
_HELPERS = {
    "+": "_add",
    "-": "_sub",
    "*": "_mul",
    "/": "_div",
    "%": "_mod",
    "&": "_bit_and",
    "|": "_bit_or",
    "^": "_bit_xor",
    "==": "_eq",
    "!=": "_ne",
    "<": "_lt",
    "<=": "_le",
    ">": "_gt",
    ">=": "_ge",
}


class Expressions(Calls):
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
        if len(parts) > _CHAIN_DEPTH:
            return self._chain(chain)
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
                return self._chain(expression)
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
            for key in path:
                value = py.call("_index", value, py.const(key))
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

    # --- chains ------------------------------------------------------------------------------------------------------

    def _chain(self, chain: n.Chain) -> ast.expr:
        pieces: list[ast.expr] = []
        left: n.Expr | None = chain.first
        made: ast.expr = py.const(None)
        kind = self.type_of(chain.first)
        helpers = (
            {operator: py.name(helper) for operator, helper in _HELPERS.items()} if len(chain.rest) > _FAST else {}
        )
        for number, (operator, operand, span) in enumerate(chain.rest):
            if operator == "+" and kind.within(STR) and left is None and self._all_plus(chain, number):
                made = self._concatenation(made, chain.rest[number:])
                break
            if number >= _FAST and operator not in ("and", "or"):
                right = self.loose(operand) if operator in ("==", "!=") else self.value(operand)
                made = py.call(helpers[operator], made, right)
            else:
                first, again = self.operand(left) if left is not None else self._computed(made)
                made = self._operation(operator, (left, first, again, kind), operand)
            py.place(made, span)
            kind = infer.binary(operator, kind, self.type_of(operand))
            left = None
            if number % _CHAIN_DEPTH == _CHAIN_DEPTH - 1 and number + 1 < len(chain.rest):
                temporary = self.temporary()
                pieces.append(py.bind(temporary, made))
                made = py.name(temporary)
        if pieces:
            made = py.item(ast.Tuple([*pieces, made], py.LOAD), py.const(-1))
        return made

    def _all_plus(self, chain: n.Chain, start: int) -> bool:
        return all(operator == "+" for operator, _, _ in chain.rest[start:])

    def _computed(self, made: ast.expr) -> tuple[ast.expr, ast.expr]:
        if isinstance(made, ast.Name):
            return made, made
        temporary = self.temporary()
        return py.bind(temporary, made), py.name(temporary)

    def _operation(
        self, operator: str, left: tuple[n.Expr | None, ast.expr, ast.expr, Type], operand: n.Expr
    ) -> ast.expr:
        _, first, again, kind = left
        match operator:
            case "and":
                return self._and(first, again, kind, operand)
            case "or":
                return self._or(first, again, kind, operand)
            case "==" | "!=":
                return self._equality(operator, left, operand)
            case "<" | "<=" | ">" | ">=":
                return self._comparison(operator, first, again, kind, operand)
            case "+" | "-" | "*":
                return self._arithmetic(operator, first, again, kind, operand)
            case "%":
                return self._modulo(first, again, kind, operand)
        return py.call(_HELPERS[operator], _once(first), self.value(operand))

    def _and(self, first: ast.expr, again: ast.expr, kind: Type, operand: n.Expr) -> ast.expr:
        right = self.type_of(operand)
        if not (kind.kinds | right.kinds) & OTHER and kind.kinds and right.kinds:
            if kind.within(BOOL) and right.within(BOOL):
                return ast.BoolOp(ast.And(), [_once(first), self.value(operand)])
            test = ast.BoolOp(ast.And(), [_once(first), self.condition(operand)])
            return py.either(test, py.const(True), py.const(False))
        self.holds(first, kind)
        test_left = ast.BoolOp(ast.Or(), [first, py.kind_is(again, "Fuzzy")])
        return py.either(test_left, py.call("_and", again, self.value(operand)), py.const(False))

    def _or(self, first: ast.expr, again: ast.expr, kind: Type, operand: n.Expr) -> ast.expr:
        right = self.type_of(operand)
        if not (kind.kinds | right.kinds) & OTHER and kind.kinds and right.kinds:
            if kind.within(BOOL) and right.within(BOOL):
                return ast.BoolOp(ast.Or(), [_once(first), self.value(operand)])
            test = ast.BoolOp(ast.Or(), [_once(first), self.condition(operand)])
            return py.either(test, py.const(True), py.const(False))
        self.holds(first, kind)
        test_left = ast.BoolOp(ast.Or(), [ast.UnaryOp(ast.Not(), first), py.kind_is(again, "Fuzzy")])
        return py.either(test_left, py.call("_or", again, self.value(operand)), py.const(True))

    def _equality(
        self, operator: str, left: tuple[n.Expr | None, ast.expr, ast.expr, Type], operand: n.Expr
    ) -> ast.expr:
        source, first, again, kind = left
        if isinstance(source, n.Name):
            first, again = self._loose_operand(source)
            kind = self._loose_type(source, kind)
        same = "is" if operator == "==" else "is not"
        if isinstance(operand, n.Literal) and (operand.value is None or type(operand.value) is bool):
            never = kind.kinds and not kind.kinds & (NIL | BOOL)
            if never or isinstance(_once(first), ast.Constant):  # Python warns of `is` between constants
                return py.call(_HELPERS[operator], _once(first), self.value(operand))
            return py.compare(_once(first), same, self.value(operand))
        right = self._loose_type(operand, self.type_of(operand))
        if (kind.within(NUM) and right.within(NUM)) or (kind.within(STR) and right.within(STR)):
            return py.compare(_once(first), operator, self.value(operand))
        self.holds(first, kind)
        if isinstance(operand, n.Literal) and type(operand.value) in (str, int):
            word = "str" if type(operand.value) is str else "int"
            helper = py.call(_HELPERS[operator], again, self.value(operand))
            return py.either(py.kind_is(first, word), py.compare(again, operator, self.value(operand)), helper)
        second, second_again = self._loose_operand(operand)
        self.holds(second, right)
        test = py.compare(py.call("type", first), "is", py.call("type", second), "is", py.name("int"))
        helper = py.call(_HELPERS[operator], again, second_again)
        return py.either(test, py.compare(again, operator, second_again), helper)

    def _loose_type(self, expression: n.Expr, kind: Type) -> Type:
        """The type of an operand that is nil where its variable is not set."""
        if not isinstance(expression, n.Name) or self.is_set(expression.name):
            return kind
        return kind.union(Type(NIL)) if expression.name in self.body.variables - self.foreign else ANY

    def _loose_operand(self, expression: n.Expr) -> tuple[ast.expr, ast.expr]:
        if self.simple(expression) or not isinstance(expression, n.Name):
            return self.operand(expression)
        temporary = self.temporary()
        return py.bind(temporary, self.loose(expression)), py.name(temporary)

    def _comparison(self, operator: str, first: ast.expr, again: ast.expr, kind: Type, operand: n.Expr) -> ast.expr:
        right = self.type_of(operand)
        if kind.within(NUM) and right.within(NUM):
            return py.compare(_once(first), operator, self.value(operand))
        second, second_again = self.operand(operand)
        test = self._whole_test(first, kind, second, right)
        helper = py.call(_HELPERS[operator], again, second_again)
        return py.either(test, py.compare(again, operator, second_again), helper)

    def _arithmetic(self, operator: str, first: ast.expr, again: ast.expr, kind: Type, operand: n.Expr) -> ast.expr:
        right = self.type_of(operand)
        if operator == "+" and (kind.within(STR) or right.within(STR)):
            return self._join(first, again, kind, operand)
        second, second_again = self.operand(operand)
        whole = kind.within(INT) and right.within(INT)
        if whole and infer.binary(operator, kind, right).bits is not None:
            return py.binary(_once(first), operator, _once(second))
        if _fits_double(kind) and _fits_double(right) and (kind.within(FLOAT) or right.within(FLOAT)):
            result = self.temporary()
            finite = py.compare(
                py.binary(py.bind(result, py.binary(_once(first), operator, _once(second))), "-", py.name(result)),
                "==",
                py.const(0.0),
            )
            return py.either(finite, py.binary(py.name(result), "+", py.const(0.0)), py.call("_infinite"))
        helper = py.call(_HELPERS[operator], again, second_again)
        literal = operand.value if isinstance(operand, n.Literal) and type(operand.value) is int else None
        if literal is not None and operator != "*" and 0 <= literal < _DIGIT and not whole:
            bound = (
                py.compare(again, "<", py.const(_DIGIT))
                if operator == "+"
                else py.compare(again, ">", py.const(-_DIGIT))
            )
            test = py.both(py.kind_is(first, "int"), bound)
            return py.either(test, py.binary(again, operator, second_again), helper)
        result = self.temporary()
        made = py.binary(first if whole else again, operator, second if whole else second_again)
        below = py.compare(py.bind(result, made), "<", py.const(_SMALL))
        above = py.compare(py.name(result), ">", py.const(-_SMALL))
        tests = [] if whole else [self._whole_test(first, kind, second, right)]
        return py.either(py.both(*tests, below, above), py.name(result), helper)

    def _modulo(self, first: ast.expr, again: ast.expr, kind: Type, operand: n.Expr) -> ast.expr:
        if not self.simple(operand):
            return py.call("_mod", _once(first), self.value(operand))
        right = self.value(operand)
        tests: list[ast.expr] = []
        if not (kind.within(INT) and self.type_of(operand).within(INT)):
            tests.append(self._whole_test(first, kind, right, self.type_of(operand)))
            first = again
        tests.append(py.compare(first, ">=", py.const(0)))
        if not (isinstance(operand, n.Literal) and type(operand.value) is int and operand.value > 0):
            tests.append(py.compare(right, ">", py.const(0)))
        return py.either(py.both(*tests), py.binary(again, "%", right), py.call("_mod", again, right))

    def _whole_test(self, first: ast.expr, kind: Type, second: ast.expr, right: Type) -> ast.expr:
        """``type(a) is type(b) is int``, as far as it is in doubt; evaluates both sides, the left one first."""
        if kind.within(INT) and self._is_settled(first):
            return py.kind_is(second, "int")
        if right.within(INT) and not isinstance(second, ast.NamedExpr):
            return py.kind_is(first, "int")
        return py.compare(py.call("type", first), "is", py.call("type", second), "is", py.name("int"))

    def _is_settled(self, made: ast.expr) -> bool:
        """`settled`, of code."""
        if isinstance(made, ast.Name):
            return made.id.removeprefix("v_") in self.assigned or not made.id.startswith("v_")
        return isinstance(made, ast.Constant)

    # --- joining text ------------------------------------------------------------------------------------------------

    def text_piece(self, expression: n.Expr) -> tuple[ast.expr, bool]:
        """Code for the text of an operand of ``+`` with a string, and whether it is certainly short."""
        kind = self.type_of(expression)
        made = self.value(expression)
        if isinstance(expression, n.Literal) and isinstance(expression.value, str):
            return made, len(expression.value) < _SHORT_TEXT
        if kind.within(STR):
            return made, False
        if kind.within(INT):
            return py.call("str", made), True
        if kind.within(INT | FLOAT | BOOL):
            return py.call("_joined", made), True
        if self.simple(expression):
            return py.either(py.kind_is(made, "str"), self.value(expression), py.call("_joined", made)), False
        return py.call("_joined", made), False

    def _join(self, first: ast.expr, again: ast.expr, kind: Type, operand: n.Expr) -> ast.expr:
        """``a + b`` where one side is a string."""
        right, short = self.text_piece(operand)
        left = _once(first)
        left_short = isinstance(left, ast.Constant) and len(str(left.value)) < _SHORT_TEXT
        if kind.within(INT):
            left, left_short = py.call("str", left), True
        elif not kind.within(STR):
            left = py.call("_joined", left)
        if short and left_short:
            return py.binary(left, "+", right)
        return py.call("_join", left, right)

    def _concatenation(self, made: ast.expr, rest: list[tuple[str, n.Expr, n.Span]]) -> ast.expr:
        """A string and all that is joined to it, made in one go."""
        pieces = [made]
        for _, operand, span in rest:
            piece, _ = self.text_piece(operand)
            py.place(piece, span)
            pieces.append(piece)
        return py.call("_pieces", *pieces)

    # --- reading items -----------------------------------------------------------------------------------------------

    def _index(self, value: n.Expr, index: n.Expr) -> ast.expr:
        key_kind = self.type_of(index)
        if not (isinstance(value, n.Name) and self.simple(value) and (self.settled(value) or self.settled(index))):
            return py.call("_index", self.value(value), self.value(index))
        kind = self.type_of(value)
        read: Callable[[], ast.expr] = lambda: self.value(value)  # noqa: E731 - a fresh node each time
        if key_kind.within(STR):
            if kind.within(MAP):
                return py.call("_get", read(), self.value(index))
            if self.simple(index):
                found = py.call("_get", read(), self.value(index))
                return py.either(py.kind_is(read(), "dict"), found, py.call("_index", read(), self.value(index)))
            return py.call("_index", read(), self.value(index))
        if key_kind.within(INT) or kind.within(LIST):
            return self._list_item(read, kind, index, key_kind)
        if kind.within(MAP):
            first, again = self.operand(index)
            return py.either(py.kind_is(first, "str"), py.call("_get", read(), again), py.call("_index", read(), again))
        return py.call("_index", read(), self.value(index))

    def _list_item(self, read: Callable[[], ast.expr], kind: Type, index: n.Expr, key_kind: Type) -> ast.expr:
        first, again = self.operand(index)
        tests: list[ast.expr] = []
        if not key_kind.within(INT):
            tests.append(py.kind_is(first, "int"))
            first = again
        if isinstance(first, ast.NamedExpr):
            tests.append(py.compare(py.const(-1), "<", first))
            first = again
        if not kind.within(LIST):
            tests.append(py.kind_is(read(), "list"))
        tests.append(py.compare(py.const(-1), "<", first, "<", py.call("len", read())))
        return py.either(py.both(*tests), py.item(read(), again), py.call("_index", read(), again))


def _once(first: ast.expr) -> ast.expr:
    """An operand that turned out to be needed once: without its temporary."""
    return first.value if isinstance(first, ast.NamedExpr) else first


def _fits_double(kind: Type) -> bool:
    """Whether a value is certainly a number that a double can hold, if not exactly."""
    return kind.within(FLOAT) or (kind.within(INT) and kind.bits is not None and kind.bits < 1000)
