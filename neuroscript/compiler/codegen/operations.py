"""Code generation for binary operators.

Every operator has a fast path inline for the types that it mostly meets, guarded by type tests unless inference makes
them needless, and one call of `neuroscript.runtime.operators` for the rest.
"""

from __future__ import annotations

import ast

from neuroscript.compiler.analysis import types
from neuroscript.compiler.analysis.types import BOOL, FLOAT, INT, LIST, NIL, NUM, OTHER, STR, Type
from neuroscript.compiler.codegen import pyast as py
from neuroscript.compiler.codegen.context import Expressions, FunctionContext
from neuroscript.compiler.codegen.floats import LARGEST_DOUBLE, FloatGenerator, fits_double
from neuroscript.compiler.codegen.forms import DIGIT, in_range, once
from neuroscript.compiler.codegen.numbers import NumberGenerator
from neuroscript.compiler.codegen.text import Part, TextGenerator
from neuroscript.records import record
from neuroscript.runtime import abi
from neuroscript.runtime.operators import LONG_LIST
from neuroscript.syntax import nodes as n
from neuroscript.values import read_for_order, read_number

CHAIN_DEPTH = 24
"""Operators of one expression; longer ones are cut into pieces, since Python's compiler walks a tree recursively."""

_FAST = 64  # Beyond so many a chain is made short rather than fast: every fast path is a dozen nodes.
_QUOTIENT_BITS = 500
_HALF_WORD = 1 << (types.WORD_BITS - 1)
_HELPERS = {
    "+": abi.ADD,
    "-": abi.SUB,
    "*": abi.MUL,
    "/": abi.DIV,
    "%": abi.MOD,
    "&": abi.BIT_AND,
    "|": abi.BIT_OR,
    "^": abi.BIT_XOR,
    "==": abi.EQ,
    "!=": abi.NE,
    "<": abi.LT,
    "<=": abi.LE,
    ">": abi.GT,
    ">=": abi.GE,
}


@record()
class _Left:
    """The left operand of an operation.

    Attributes:
        source: the expression; None for the result of the operations before it.
        first: code that evaluates it.
        again: code that gives the value again.
        kind: its type.
    """

    source: n.Expr | None
    first: ast.expr
    again: ast.expr
    kind: Type


class OperationGenerator:
    """Generates code for binary operations."""

    def __init__(self, context: FunctionContext, expressions: Expressions) -> None:
        self.context = context
        self.expressions = expressions
        self.temporaries = context.temporaries

    @property
    def floats(self) -> FloatGenerator:
        """Generates operations on floats."""
        return FloatGenerator(self.context, self.expressions)

    def chain(self, chain: n.Chain) -> ast.expr:
        """``a + b - c …``, from left to right."""
        kind = self.context.type_of(chain)
        if kind.within(NUM) and not kind.within(INT) and (floats := self.floats).is_tree(chain):
            return floats.tree(chain)
        if not self.context.compact:
            numbers = NumberGenerator(self.context, self.expressions).tree(chain)
            if numbers is not None:
                return numbers
        pieces: list[ast.expr] = []
        left: n.Expr | None = chain.first
        made: ast.expr = py.const(None)
        kind = self.context.type_of(chain.first)
        helpers = (
            {operator: py.name(helper) for operator, helper in _HELPERS.items()} if len(chain.rest) > _FAST else {}
        )
        for number, (operator, operand, place) in enumerate(chain.rest):
            right_kind = self.context.type_of(operand)
            if operator == "+" and (kind.within(STR) or right_kind.within(STR)) and _all_plus(chain, number):
                text = TextGenerator(self.context, self.expressions)
                part = text.part(left, place) if left is not None else Part(made, kind, place)
                made = text.concatenation(part, chain.rest[number:])
                break
            if operator not in ("and", "or") and (number >= _FAST or self._better_short(operator, kind, right_kind)):
                read = self.expressions.value_or_nil if operator in ("==", "!=") else self.expressions.value
                helper = helpers.get(operator, _HELPERS[operator])
                made = py.call(helper, made if left is None else read(left), read(operand))
            elif operator == "/" and self._is_whole_quotient(place, kind, right_kind):
                made = py.binary(
                    made if left is None else self.expressions.value(left), "//", self.expressions.value(operand)
                )
            else:
                first, again = self.expressions.operand(left) if left is not None else self._computed(made)
                made = self._operation(operator, _Left(left, first, again, kind), operand, place)
            py.place(made, place)
            left = None
            if number + 1 == len(chain.rest):
                break
            kind = self.context.types.step(chain, number, kind)
            if number % CHAIN_DEPTH == CHAIN_DEPTH - 1:
                temporary = self.temporaries.fresh()
                pieces.append(py.bind(temporary, made))
                made = py.name(temporary)
        if pieces:
            made = py.item(py.items([*pieces, made]), py.const(-1))
        return made

    def _is_whole_quotient(self, place: n.Place, left: Type, right: Type) -> bool:
        return left.within(INT) and right.within(INT) and self.context.types.is_exact(place)

    def _better_short(self, operator: str, left: Type, right: Type) -> bool:
        """Whether an operation that would need tests is better a call, as in long code that runs once."""
        if not self.context.compact:
            return False
        if left.within(INT) and right.within(INT):
            checked = operator in ("+", "-", "*") and types.binary(operator, left, right).bits is None
            return checked and self.context.runs_once
        return not (left.within(STR) or right.within(STR))

    def _computed(self, made: ast.expr) -> tuple[ast.expr, ast.expr]:
        if isinstance(made, ast.Name):
            return made, made
        temporary = self.temporaries.fresh()
        return py.bind(temporary, made), py.name(temporary)

    def _operation(self, operator: str, left: _Left, operand: n.Expr, place: n.Place) -> ast.expr:
        match operator:
            case "and" | "or":
                return self._logical(operator, left, operand)
            case "==" | "!=":
                return self._equality(operator, left, operand)
            case "<" | "<=" | ">" | ">=":
                return self._comparison(operator, left, operand)
            case "+" if left.kind.within(STR) or self.context.type_of(operand).within(STR):
                pure, is_name = isinstance(left.first, ast.Name | ast.Constant), isinstance(left.source, n.Name)
                part = Part(once(left.first), left.kind, place, pure and self.context.is_pure_code(left.first), is_name)
                return TextGenerator(self.context, self.expressions).concatenation(part, [(operator, operand, place)])
            case "+" | "-" | "*":
                return self._arithmetic(operator, left, operand)
            case "/":
                return self._division(left, operand)
            case "%":
                return self._modulo(left, operand)
        return self._bitwise(operator, left, operand)

    # --- logic and comparison ----------------------------------------------------------------------------------------

    def _logical(self, operator: str, left: _Left, operand: n.Expr) -> ast.expr:
        """``and``, ``or``: short-circuit evaluation of booleans, unless an operand may be a fuzzy."""
        first, again, kind = left.first, left.again, left.kind
        right = self.context.type_of(operand)
        joins_all = operator == "and"
        join: ast.boolop = ast.And() if joins_all else ast.Or()
        if not (kind.kinds | right.kinds) & OTHER and kind.kinds and right.kinds:
            if kind.within(BOOL) and right.within(BOOL):
                return ast.BoolOp(join, [once(first), self.expressions.value(operand)])
            test = ast.BoolOp(join, [once(first), self.expressions.condition(operand)])
            return py.either(test, py.const(True), py.const(False))
        self.temporaries.hold(first, kind)
        undecided = py.some(first if joins_all else py.negated(first), py.kind_is(again, abi.FUZZY))
        helper = py.call(abi.AND if joins_all else abi.OR, again, self.expressions.value(operand))
        return py.either(undecided, helper, py.const(not joins_all))

    def _equality(self, operator: str, left: _Left, operand: n.Expr) -> ast.expr:
        source, first, again, kind = left.source, left.first, left.again, left.kind
        if isinstance(source, n.Name):
            first, again = self._operand_or_nil(source)
            kind = self.context.type_or_nil(source, kind)
        same = "is" if operator == "==" else "is not"
        if isinstance(operand, n.Literal) and (operand.value is None or type(operand.value) is bool):
            never = kind.kinds and not kind.kinds & (NIL | BOOL)
            if never or isinstance(once(first), ast.Constant):  # Python warns of `is` between constants
                return py.call(_HELPERS[operator], once(first), self.expressions.value(operand))
            return py.compare(once(first), same, self.expressions.value(operand))
        right = self.context.type_or_nil(operand, self.context.type_of(operand))
        if any(kind.within(same_kind | NIL) and right.within(same_kind | NIL) for same_kind in (NUM, STR, BOOL)):
            return py.compare(once(first), operator, self.expressions.value(operand))
        if _is_word(operand) or _is_word(source):
            return py.compare(once(first), operator, once(self._operand_or_nil(operand)[0]))  # equal to a string alone
        self.temporaries.hold(first, kind)
        if isinstance(operand, n.Literal) and type(operand.value) in (str, int):
            word = "str" if type(operand.value) is str else "int"
            helper = py.call(_HELPERS[operator], again, self.expressions.value(operand))
            equal = py.compare(again, operator, self.expressions.value(operand))
            return py.either(py.kind_is(first, word), equal, helper)
        second, second_again = self._operand_or_nil(operand)
        self.temporaries.hold(second, right)
        same_type = py.compare(
            py.bind(shared := self.temporaries.fresh(), py.call("type", first)), "is", py.call("type", second)
        )
        plain = [py.compare(py.name(shared), "is", py.name(word)) for word in ("str", "int")]
        helper = py.call(_HELPERS[operator], again, second_again)
        return py.either(py.both(same_type, py.some(*plain)), py.compare(again, operator, second_again), helper)

    def _operand_or_nil(self, expression: n.Expr) -> tuple[ast.expr, ast.expr]:
        if self.context.is_repeatable(expression) or not isinstance(expression, n.Name):
            return self.expressions.operand(expression)
        temporary = self.temporaries.fresh()
        return py.bind(temporary, self.expressions.value_or_nil(expression)), py.name(temporary)

    def _without_nil(self, kind: Type) -> Type:
        """The type of an operand in hope that it is not nil, of which Python makes no number either."""
        hoped = kind.restricted_to(~NIL) if self.context.hopeful else kind
        return hoped if hoped.within(NUM) else kind

    def _comparison(self, operator: str, left: _Left, operand: n.Expr) -> ast.expr:
        first, again, kind = left.first, left.again, self._without_nil(left.kind)
        right = self._without_nil(self.context.type_of(operand))
        if kind.within(NUM) and right.within(NUM):
            return py.compare(once(first), operator, self.expressions.value(operand))
        if isinstance(operand, n.Literal) and isinstance(operand.value, str):
            return self._text_comparison(operator, first, again, operand)
        second, second_again = self.expressions.operand(operand)
        otherwise: ast.expr = py.call(_HELPERS[operator], again, second_again)
        compared = py.compare(again, operator, second_again)
        if right.within(NUM) and kind.kinds & FLOAT and self.context.is_pure_code(second):
            return py.either(py.some(py.kind_is(first, "int"), py.kind_is(again, "float")), compared, otherwise)
        if kind.kinds & FLOAT and right.kinds & FLOAT:
            if not kind.kinds & right.kinds & INT:
                return py.either(_both_are("float", first, kind, second, right), compared, otherwise)
            test = _both_are("float", again, kind, second_again, right)
            otherwise = py.either(test, py.compare(again, operator, second_again), otherwise)
        return py.either(self._whole_test(first, kind, second, right), compared, otherwise)

    def _text_comparison(self, operator: str, first: ast.expr, again: ast.expr, literal: n.Literal) -> ast.expr:
        """A comparison with a string literal: strings compare by their characters, unless both read as numbers.

        A string of one character that reads as a number is a digit, and digits are ordered like the numbers.
        """
        text = self.expressions.value(literal)
        helper = py.call(_HELPERS[operator], again, text)
        tests: list[ast.expr] = [py.kind_is(first, "str")]
        if read_for_order(str(literal.value)) is not None:
            if len(str(literal.value)) != 1:
                return py.call(_HELPERS[operator], once(first), text)
            tests.append(py.compare(py.call("len", again), "==", py.const(1)))
        return py.either(py.both(*tests), py.compare(again, operator, text), helper)

    # --- arithmetic --------------------------------------------------------------------------------------------------

    def _arithmetic(self, operator: str, left: _Left, operand: n.Expr) -> ast.expr:
        """``+ - *`` of numbers."""
        first, again, kind = left.first, left.again, self._without_nil(left.kind)
        right = self._without_nil(self.context.type_of(operand))
        if kind.within(STR) or right.within(STR):
            return py.call(_HELPERS[operator], once(first), self.expressions.value(operand))
        second, second_again = self.expressions.operand(operand)
        if operator == "+" and kind.kinds & right.kinds & LIST:
            self.temporaries.hold(first, kind)
            self.temporaries.hold(second, right)
            if kind.within(LIST) or right.within(LIST):
                return self._joined_lists(first, again, kind, second, second_again, right)
        whole = kind.within(INT) and right.within(INT)
        if whole and types.binary(operator, kind, right).bits is not None:
            return py.binary(once(first), operator, once(second))
        if fits_double(kind) and fits_double(right) and not whole:
            check = self.floats.checked if kind.within(FLOAT) or right.within(FLOAT) else self.floats.checked_number
            return check(py.binary(once(first), operator, once(second)))
        mixed = self._mixed(operator, left, operand, first, second)
        if mixed is not None:
            return mixed
        otherwise: ast.expr = py.call(_HELPERS[operator], again, second_again)
        if kind.kinds & FLOAT and right.kinds & FLOAT:
            made = self.floats.checked(py.binary(again, operator, second_again))
            if not kind.kinds & right.kinds & INT:
                return py.either(_both_are("float", first, kind, second, right), made, otherwise)
            otherwise = py.either(_both_are("float", again, kind, second_again, right), made, otherwise)
        if not whole and types.binary(operator, kind.restricted_to(INT), right.restricted_to(INT)).bits is not None:
            test = self._whole_test(first, kind, second, right)
            return py.either(test, py.binary(again, operator, second_again), otherwise)
        literal = operand.value if isinstance(operand, n.Literal) and type(operand.value) is int else None
        if literal is not None and operator != "*" and 0 <= literal < DIGIT:
            tested = first if whole else again
            bound = (
                py.compare(tested, "<", py.const(DIGIT))
                if operator == "+"
                else py.compare(tested, ">", py.const(-DIGIT))
            )
            if whole:
                result = self.temporaries.fresh()
                made = py.bind(result, py.binary(again, operator, second_again))
                natural = types.binary(operator, kind, right).natural
                otherwise = py.either(in_range(made, py.name(result), natural=natural), py.name(result), otherwise)
            test = bound if whole else py.both(py.kind_is(first, "int"), bound)
            return py.either(test, py.binary(again, operator, second_again), otherwise)
        result = self.temporaries.fresh()
        made = py.binary(first if whole else again, operator, second if whole else second_again)
        tests = [] if whole else [self._whole_test(first, kind, second, right)]
        natural = types.binary(operator, kind.restricted_to(INT), right.restricted_to(INT)).natural
        fits = in_range(py.bind(result, made), py.name(result), natural=natural)
        return py.either(py.both(*tests, fits), py.name(result), otherwise)

    def _joined_lists(
        self, first: ast.expr, again: ast.expr, kind: Type, second: ast.expr, second_again: ast.expr, right: Type
    ) -> ast.expr:
        """``+`` of lists, given the code of each operand at the first mention and at others, and its type."""
        tests: list[ast.expr] = []
        sizes = first, second
        if not (kind.within(LIST) and right.within(LIST)):
            tests.append(_both_are("list", first, kind, second, right))
            sizes = again, second_again
        size = py.binary(py.call("len", sizes[0]), "+", py.call("len", sizes[1]))
        tests.append(py.compare(size, "<=", py.const(min(LONG_LIST, self.context.unit.max_items))))
        joined = py.binary(again, "+", second_again)
        return py.either(py.both(*tests), joined, py.call(abi.ADD, again, second_again))

    def _mixed(self, operator: str, left: _Left, operand: n.Expr, first: ast.expr, second: ast.expr) -> ast.expr | None:
        """``+ - *`` of a float and a number that may be too large for one; None where the operands are others."""
        kind, right = left.kind, self.context.type_of(operand)
        if not (kind.within(NUM) and right.within(NUM)) or not (kind.within(FLOAT) or right.within(FLOAT)):
            return None
        number, pure = (second, first) if kind.within(FLOAT) else (first, second)
        if not self.context.is_pure_code(pure):
            return None
        # Both are numbers; one that is too large for a double gets to its place in one by the call.
        again = left.again if number is first else self.expressions.operand(operand)[1]
        again = py.name(number.target.id) if isinstance(number, ast.NamedExpr) else again
        values = (again, second) if number is first else (first, again)
        made = self.floats.checked(py.binary(values[0], operator, values[1]))
        fits = py.compare(py.const(-LARGEST_DOUBLE), "<", number, "<", py.const(LARGEST_DOUBLE))
        return py.either(fits, made, py.call(_HELPERS[operator], *values))

    def _division(self, left: _Left, operand: n.Expr) -> ast.expr:
        """``/``: exact where both operands are whole and it goes even.  Python raises for a zero."""
        first, again, kind = left.first, left.again, self._without_nil(left.kind)
        right = self._without_nil(self.context.type_of(operand))
        second, second_again = self.expressions.operand(operand)
        if fits_double(kind) and fits_double(right) and (kind.within(FLOAT) or right.within(FLOAT)):
            return self.floats.checked(py.binary(once(first), "/", once(second)))
        made: ast.expr = py.call(abi.DIV, again, second_again)
        evaluated = False
        if kind.kinds & right.kinds & INT and _fit_unless_whole(kind, right):
            made = py.binary(again, "/", second_again)
            if isinstance(operand, n.Literal) and operand.value:  # a whole number: the result is no larger
                made = py.binary(made, "+", py.const(0.0))
            else:
                made = self.floats.checked(made)
        elif kind.kinds & right.kinds & FLOAT:
            test = _both_are("float", again, kind, second_again, right)
            made = py.either(test, self.floats.checked(py.binary(again, "/", second_again)), made)
        if kind.kinds & right.kinds & INT:
            quotient = self.temporaries.fresh()
            divided = py.bind(quotient, py.binary(again, "//", second_again))
            inexact = py.binary(again, "/", second_again)
            if not (_is_sized(kind) and _is_sized(right)):  # what is not 0 may be too small for a float
                inexact = py.binary(inexact, "+", py.const(0.0))
            if kind.within(INT) and right.within(INT):
                divided = py.bind(quotient, py.binary(first, "//", second))
            # To multiply is quicker than to divide once more for the rest.
            even = py.compare(py.binary(divided, "*", second_again), "==", again)
            exact = py.either(even, py.name(quotient), inexact)
            if kind.within(INT) and right.within(INT):
                return exact
            made = py.either(self._whole_test(first, kind, second, right), exact, made)
            evaluated = True
        if not evaluated:
            if not isinstance(made, ast.IfExp):
                return py.call(abi.DIV, once(first), once(second))
            made.test = _both_are("float", first, kind, second, right)
        return made

    def _modulo(self, left: _Left, operand: n.Expr) -> ast.expr:
        first, again, kind = left.first, left.again, self._without_nil(left.kind)
        right_kind = self._without_nil(self.context.type_of(operand))
        whole = kind.within(INT) and right_kind.within(INT)
        if not whole and not self.context.is_repeatable(operand):
            return py.call(abi.MOD, once(first), self.expressions.value(operand))
        second, second_again = self.expressions.operand(operand)
        natural = kind.natural and right_kind.natural
        if whole and natural:  # Python raises for a zero
            return py.binary(once(first), "%", once(second))
        tests = [] if whole else [self._whole_test(first, kind, second, right_kind)]
        tests.append(py.compare(again if tests else first, ">=", py.const(0)))
        if not (isinstance(operand, n.Literal) and type(operand.value) is int and operand.value > 0):
            tests.append(py.compare(second, ">", py.const(0)))
        otherwise = py.call(abi.MOD, again, second_again)
        if isinstance(second, ast.NamedExpr):  # both are evaluated before either is tested
            if isinstance(first, ast.NamedExpr):
                bound = py.item(py.items([first, second]), py.const(0))
                tests = [py.compare(bound, ">=", py.const(0)), py.compare(second_again, ">", py.const(0))]
            else:
                tests.reverse()
        return py.either(py.both(*tests), py.binary(again, "%", second_again), otherwise)

    # --- bits --------------------------------------------------------------------------------------------------------

    def _bitwise(self, operator: str, left: _Left, operand: n.Expr) -> ast.expr:
        """``& | ^``, which Python does on numbers without an end; where the result is a word's, it is the word's."""
        first, again, kind = left.first, left.again, self._without_nil(left.kind)
        right = self._without_nil(self.context.type_of(operand))
        if not kind.kinds & right.kinds & INT:
            return py.call(_HELPERS[operator], once(first), self.expressions.value(operand))
        second, second_again = self.expressions.operand(operand)
        whole = kind.within(INT) and right.within(INT)
        masks = operator == "&" and any(types.fits_word(one) and one.natural for one in (kind, right))
        if whole and (masks or (types.fits_word(kind) and types.fits_word(right))):
            return py.binary(once(first), operator, once(second))
        result = self.temporaries.fresh()
        made = py.binary(first if whole else again, operator, second if whole else second_again)
        fits = py.compare(py.const(-_HALF_WORD), "<=", py.bind(result, made), "<", py.const(_HALF_WORD))
        tests = [] if whole else [self._whole_test(first, kind, second, right)]
        return py.either(py.both(*tests, fits), py.name(result), py.call(_HELPERS[operator], again, second_again))

    def _whole_test(self, first: ast.expr, kind: Type, second: ast.expr, right: Type) -> ast.expr:
        """The test that both operands are whole numbers, as far as needed; it evaluates both, the left one first."""
        if kind.within(INT) and self.context.is_pure_code(first):
            return _is("int", second, right)
        return _both_are("int", first, kind, second, right)


def _is_word(expression: n.Expr | None) -> bool:
    """Whether the value certainly is a string that does not read as a number."""
    if isinstance(expression, n.Unary):
        return expression.op == "typeof"
    return (
        isinstance(expression, n.Literal)
        and isinstance(expression.value, str)
        and read_number(expression.value) is None
    )


def _fit_unless_whole(left: Type, right: Type) -> bool:
    """Whether two numbers, of which one is a float, certainly both are in the range of floats."""
    if not (left.within(NUM) and right.within(NUM)):
        return False
    return (fits_double(left) or right.within(INT)) and (fits_double(right) or left.within(INT))


def _is_sized(kind: Type) -> bool:
    """Whether a whole number is so small that its quotients by others of its kind are no smaller than floats can be."""
    return kind.bits is not None and kind.bits < _QUOTIENT_BITS


def _all_plus(chain: n.Chain, start: int) -> bool:
    return all(operator == "+" for operator, _, _ in chain.rest[start:])


_KINDS = {"int": INT, "float": FLOAT, "list": LIST}


def _is(word: str, made: ast.expr, kind: Type) -> ast.expr:
    """The test that a value is of a Python type; a test for nil is the cheapest where it may be nothing else."""
    if isinstance(made, ast.Constant):  # of which Python warns
        return py.const(type(made.value).__name__ == word)
    if kind.within(_KINDS[word] | NIL):
        return py.compare(made, "is not", py.const(None))
    return py.kind_is(made, word)


def _both_are(word: str, first: ast.expr, kind: Type, second: ast.expr, right: Type) -> ast.expr:
    """The test that both operands are of a Python type; it evaluates both, the left one first."""
    wanted = _KINDS[word]
    if not isinstance(second, ast.NamedExpr):
        if right.within(wanted):
            return _is(word, first, kind)
        if kind.within(wanted | NIL) and right.within(wanted | NIL):
            return py.both(_is(word, first, kind), _is(word, second, right))
    return py.compare(py.call("type", first), "is", py.call("type", second), "is", py.name(word))
