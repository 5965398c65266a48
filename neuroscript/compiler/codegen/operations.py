"""Operators to Python expressions.

Every operator has a fast path written inline for the types that it mostly meets, guarded as far as inference leaves
doubt, and one call of `neuroscript.runtime.operators` for the rest.
"""

from __future__ import annotations

import ast

from neuroscript.compiler.analysis import infer
from neuroscript.compiler.analysis.infer import ANY, BOOL, FLOAT, INT, NIL, NUM, OTHER, STR, Type
from neuroscript.compiler.codegen import pyast as py
from neuroscript.compiler.codegen.calls import DIGIT, Calls, in_range
from neuroscript.syntax import nodes as n
from neuroscript.values import read_number

CHAIN_DEPTH = 24  # Longer chains are cut into pieces, since Python's compiler walks a tree recursively.
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


class Operations(Calls):
    """The part of the expression maker that makes operations; `value` and the rest come from `Expressions`."""

    def simple(self, expression: n.Expr) -> bool:
        raise AssertionError  # pragma: no cover - given by Expressions

    def is_set(self, name: str) -> bool:
        raise AssertionError  # pragma: no cover - given by Expressions

    def loose(self, expression: n.Expr) -> ast.expr:
        raise AssertionError  # pragma: no cover - given by Expressions

    def condition(self, expression: n.Expr) -> ast.expr:
        raise AssertionError  # pragma: no cover - given by Expressions

    # --- chains ------------------------------------------------------------------------------------------------------

    def chain(self, chain: n.Chain) -> ast.expr:
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
            right_kind = self.type_of(operand)
            if operator not in ("and", "or") and (number >= _FAST or self._better_short(kind, right_kind)):
                read = self.loose if operator in ("==", "!=") else self.value
                made = py.call(
                    helpers.get(operator, _HELPERS[operator]), made if left is None else read(left), read(operand)
                )
            else:
                first, again = self.operand(left) if left is not None else self._computed(made)
                made = self._operation(operator, (left, first, again, kind), operand)
            py.place(made, span)
            kind = infer.binary(operator, kind, right_kind)
            left = None
            if number % CHAIN_DEPTH == CHAIN_DEPTH - 1 and number + 1 < len(chain.rest):
                temporary = self.temporary()
                pieces.append(py.bind(temporary, made))
                made = py.name(temporary)
        if pieces:
            made = py.item(ast.Tuple([*pieces, made], py.LOAD), py.const(-1))
        return made

    def _better_short(self, left: Type, right: Type) -> bool:
        """Whether an operation that would need a look at the types is a call: in long code that runs through once."""
        sure = (left.within(INT) and right.within(INT)) or left.within(STR) or right.within(STR)
        return self.passing() and not sure

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
        return py.call(_HELPERS[operator], once(first), self.value(operand))

    def _and(self, first: ast.expr, again: ast.expr, kind: Type, operand: n.Expr) -> ast.expr:
        right = self.type_of(operand)
        if not (kind.kinds | right.kinds) & OTHER and kind.kinds and right.kinds:
            if kind.within(BOOL) and right.within(BOOL):
                return ast.BoolOp(ast.And(), [once(first), self.value(operand)])
            test = ast.BoolOp(ast.And(), [once(first), self.condition(operand)])
            return py.either(test, py.const(True), py.const(False))
        self.holds(first, kind)
        test_left = ast.BoolOp(ast.Or(), [first, py.kind_is(again, "Fuzzy")])
        return py.either(test_left, py.call("_and", again, self.value(operand)), py.const(False))

    def _or(self, first: ast.expr, again: ast.expr, kind: Type, operand: n.Expr) -> ast.expr:
        right = self.type_of(operand)
        if not (kind.kinds | right.kinds) & OTHER and kind.kinds and right.kinds:
            if kind.within(BOOL) and right.within(BOOL):
                return ast.BoolOp(ast.Or(), [once(first), self.value(operand)])
            test = ast.BoolOp(ast.Or(), [once(first), self.condition(operand)])
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
            if never or isinstance(once(first), ast.Constant):  # Python warns of `is` between constants
                return py.call(_HELPERS[operator], once(first), self.value(operand))
            return py.compare(once(first), same, self.value(operand))
        right = self._loose_type(operand, self.type_of(operand))
        if (kind.within(NUM) and right.within(NUM)) or (kind.within(STR) and right.within(STR)):
            return py.compare(once(first), operator, self.value(operand))
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
        own = expression.name in self.body.variables and expression.name not in self.foreign
        return kind.union(Type(NIL)) if own else ANY

    def _loose_operand(self, expression: n.Expr) -> tuple[ast.expr, ast.expr]:
        if self.simple(expression) or not isinstance(expression, n.Name):
            return self.operand(expression)
        temporary = self.temporary()
        return py.bind(temporary, self.loose(expression)), py.name(temporary)

    def _comparison(self, operator: str, first: ast.expr, again: ast.expr, kind: Type, operand: n.Expr) -> ast.expr:
        right = self.type_of(operand)
        if kind.within(NUM) and right.within(NUM):
            return py.compare(once(first), operator, self.value(operand))
        if isinstance(operand, n.Literal) and isinstance(operand.value, str):
            return self._text_comparison(operator, first, again, operand)
        second, second_again = self.operand(operand)
        test = self._whole_test(first, kind, second, right)
        helper = py.call(_HELPERS[operator], again, second_again)
        return py.either(test, py.compare(again, operator, second_again), helper)

    def _text_comparison(self, operator: str, first: ast.expr, again: ast.expr, literal: n.Literal) -> ast.expr:
        """A comparison with a text: strings are compared by their characters, unless both read as numbers.

        A string of one character that reads as a number is a digit, and digits are ordered like the numbers.
        """
        text = self.value(literal)
        helper = py.call(_HELPERS[operator], again, text)
        tests: list[ast.expr] = [py.kind_is(first, "str")]
        if read_number(str(literal.value)) is not None:
            if len(str(literal.value)) != 1:
                return py.call(_HELPERS[operator], once(first), text)
            tests.append(py.compare(py.call("len", again), "==", py.const(1)))
        return py.either(py.both(*tests), py.compare(again, operator, text), helper)

    def _arithmetic(self, operator: str, first: ast.expr, again: ast.expr, kind: Type, operand: n.Expr) -> ast.expr:
        right = self.type_of(operand)
        if operator == "+" and (kind.within(STR) or right.within(STR)):
            return self._join(first, again, kind, operand)
        second, second_again = self.operand(operand)
        whole = kind.within(INT) and right.within(INT)
        if whole and infer.binary(operator, kind, right).bits is not None:
            return py.binary(once(first), operator, once(second))
        if _fits_double(kind) and _fits_double(right) and (kind.within(FLOAT) or right.within(FLOAT)):
            result = self.temporary()
            finite = py.compare(
                py.binary(py.bind(result, py.binary(once(first), operator, once(second))), "-", py.name(result)),
                "==",
                py.const(0.0),
            )
            return py.either(finite, py.binary(py.name(result), "+", py.const(0.0)), py.call("_infinite"))
        helper = py.call(_HELPERS[operator], again, second_again)
        if not whole and infer.binary(operator, kind.only(INT), right.only(INT)).bits is not None:
            test = self._whole_test(first, kind, second, right)
            return py.either(test, py.binary(again, operator, second_again), helper)
        literal = operand.value if isinstance(operand, n.Literal) and type(operand.value) is int else None
        if literal is not None and operator != "*" and 0 <= literal < DIGIT and not whole:
            bound = (
                py.compare(again, "<", py.const(DIGIT)) if operator == "+" else py.compare(again, ">", py.const(-DIGIT))
            )
            test = py.both(py.kind_is(first, "int"), bound)
            return py.either(test, py.binary(again, operator, second_again), helper)
        result = self.temporary()
        made = py.binary(first if whole else again, operator, second if whole else second_again)
        tests = [] if whole else [self._whole_test(first, kind, second, right)]
        fits = in_range(py.bind(result, made), py.name(result))
        return py.either(py.both(*tests, fits), py.name(result), helper)

    def _modulo(self, first: ast.expr, again: ast.expr, kind: Type, operand: n.Expr) -> ast.expr:
        if not self.simple(operand):
            return py.call("_mod", once(first), self.value(operand))
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
            return self._is_whole(second, right)
        if not isinstance(second, ast.NamedExpr):
            if right.within(INT):
                return self._is_whole(first, kind)
            if kind.within(INT | NIL) and right.within(INT | NIL):
                return py.both(self._is_whole(first, kind), self._is_whole(second, right))
        return py.compare(py.call("type", first), "is", py.call("type", second), "is", py.name("int"))

    def _is_whole(self, made: ast.expr, kind: Type) -> ast.expr:
        """Whether a value is a whole number: looking for nil costs least, where it is nothing else."""
        if kind.within(INT | NIL):
            return py.compare(made, "is not", py.const(None))
        return py.kind_is(made, "int")

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
        left = once(first)
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


def once(first: ast.expr) -> ast.expr:
    """An operand that turned out to be needed once: without its temporary."""
    return first.value if isinstance(first, ast.NamedExpr) else first


def _fits_double(kind: Type) -> bool:
    """Whether a value is certainly a number that a double can hold, if not exactly."""
    return kind.within(FLOAT) or (kind.within(INT) and kind.bits is not None and kind.bits < 1000)
