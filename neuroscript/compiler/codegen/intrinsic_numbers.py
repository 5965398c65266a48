"""Code of the standard tools for numbers that Python does in a step or two."""

from __future__ import annotations

import ast
from collections.abc import Callable

from neuroscript.compiler.analysis.types import FLOAT, INT
from neuroscript.compiler.codegen import pyast as py
from neuroscript.compiler.codegen.context import Expressions, FunctionContext
from neuroscript.compiler.codegen.intrinsic_call import IntrinsicCall, Maker
from neuroscript.runtime import abi
from neuroscript.syntax import nodes as n

_DOUBLE_BITS = 53
_WHOLE = 1e15  # below it a double tells whether it is a half
_FEW_DECIMALS = 6
_SCALED = 1e12  # below it a double is exact to a thousandth
_MOST_POWER = 4
_MODERATE_BITS = 200  # of a number whose powers up to that are in the range of whole numbers, and of floats


def floor_of_quotient(
    context: FunctionContext, expressions: Expressions, call: n.ToolCall, floor: Callable[[ast.expr], ast.expr]
) -> ast.expr | None:
    """``tool.math.Floor(a / b)`` of whole numbers, without the double; None for other calls.

    Up to 53 bits a quotient that is rounded to a double is never carried over a whole number.

    Args:
        context: of the function.
        expressions: generates code for expressions.
        call: a call of a standard tool.
        floor: makes code that rounds the value of code down.
    """
    match call:
        case n.ToolCall(name=name, args=[n.Argument(value=n.Chain(span=span, first=left, rest=[*more, last]))]) if (
            name.lower() == "math.floor" and not context.compact
        ):
            operator, divisor, place = last
        case _:
            return None
    kind = context.type_of(divisor)
    if operator != "/" or not context.is_pure(divisor) or not context.is_repeatable(divisor) or not kind.kinds & INT:
        return None
    value = left if not more else context.made(n.Chain(span, left, more))
    left_kind, by = context.type_of(value), expressions.value(divisor)
    if not left_kind.kinds & INT:
        return None
    first, again = expressions.operand(value)
    tests: list[ast.expr] = []
    if not left_kind.within(INT):
        tests.append(py.kind_is(first, "int"))
    if left_kind.bits is None or left_kind.bits > _DOUBLE_BITS or not left_kind.within(INT):
        most = 1 << _DOUBLE_BITS
        tests.append(py.compare(py.const(-most), "<", again if tests else first, "<", py.const(most)))
    if not tests and isinstance(first, ast.NamedExpr):
        tests.append(py.compare(first, "is not", py.const(None)))
    if not (isinstance(divisor, n.Literal) and type(divisor.value) is int and divisor.value > 0):
        tests += [] if kind.within(INT) else [py.kind_is(by, "int")]
        tests.append(py.compare(by, ">", py.const(0)))
    quotient = py.call(abi.DIV, again, by)
    py.place(quotient, place)
    whole = py.binary(again, "//", by)
    return py.either(py.both(*tests), whole, floor(quotient)) if tests else whole


def _rounded(call: IntrinsicCall, function: str) -> ast.expr | None:
    """A number made whole."""
    number = call.operands[0]
    if number.kind.within(INT):
        return number.code
    return py.either(py.kind_is(number.code, "int"), number.code, py.call(function, number.code))


def _root(call: IntrinsicCall) -> ast.expr | None:
    """The square root of a float."""
    number = call.operands[0]
    if not number.kind.kinds & FLOAT:
        return None
    tests: list[ast.expr] = [] if number.kind.within(FLOAT) else [py.kind_is(number.code, "float")]
    return call.either([*tests, py.compare(number.code, ">=", py.const(0.0))], py.call(abi.SQRT, number.code))


def _absolute(call: IntrinsicCall) -> ast.expr | None:
    """A number without its sign."""
    number = call.operands[0].code
    return py.either(py.compare(number, "<", py.const(0)), ast.UnaryOp(ast.USub(), number), number)


def _chosen(call: IntrinsicCall, operator: str) -> ast.expr | None:
    """The smaller or the larger of two numbers: the first of equal ones."""
    first, second = call.operands[0].code, call.operands[1].code
    return py.either(py.compare(second, operator, first), second, first)


def _nearest(call: IntrinsicCall) -> ast.expr | None:
    """The nearest whole number; the tool itself decides halves."""
    number = call.operands[0]
    if number.kind.within(INT):
        return number.code
    tests: list[ast.expr] = [] if number.kind.within(FLOAT) else [py.kind_is(number.code, "float")]
    tests.append(py.compare(py.const(-_WHOLE), "<", number.code, "<", py.const(_WHOLE)))
    tests.append(py.compare(py.binary(number.code, "%", py.const(1.0)), "!=", py.const(0.5)))
    made = call.either(tests, py.call(abi.ROUND, number.code))
    if made is None or number.kind.within(FLOAT):
        return made
    return py.either(py.kind_is(number.code, "int"), number.code, made)


def _nearest_decimal(call: IntrinsicCall) -> ast.expr | None:
    """A number with a few decimals; the tool itself decides what is near a half."""
    number, digits = call.operands[0], call.operands[1].literal(int)
    if number.kind.within(INT) or not isinstance(digits, int) or not 0 < digits <= _FEW_DECIMALS:
        return None
    last = call.temporaries.fresh()
    scaled = py.bind(last, py.binary(number.code, "*", py.const(10**digits)))
    near = py.compare(py.const(0.4999), "<", py.binary(py.name(last), "%", py.const(1.0)), "<", py.const(0.5001))
    tests: list[ast.expr] = [] if number.kind.within(FLOAT) else [py.kind_is(number.code, "float")]
    tests += [py.compare(py.const(-_SCALED), "<", scaled, "<", py.const(_SCALED)), py.negated(near)]
    return call.either(tests, py.binary(py.call(abi.ROUND, number.code, py.const(digits)), "+", py.const(0.0)))


def _power(call: IntrinsicCall) -> ast.expr | None:
    """A small power of a number that is not large."""
    base, exponent = call.operands[0], call.operands[1].literal(int)
    if not isinstance(exponent, int) or not 0 < exponent <= _MOST_POWER:
        return None
    most = 1 << _MODERATE_BITS
    power = py.binary(base.code, "**", py.const(exponent))
    if base.kind.within(INT) and base.kind.bits is not None and base.kind.bits <= _MODERATE_BITS:
        return power
    moderate = py.compare(py.const(-most), "<", base.code, "<", py.const(most))
    fractional = [py.compare(py.const(-float(most)), "<", base.code, "<", py.const(float(most)))]
    made = None if base.kind.within(INT) else call.either(fractional, py.binary(power, "+", py.const(0.0)))
    if base.kind.within(FLOAT):
        return made
    tests = [moderate] if base.kind.within(INT) else [py.kind_is(base.code, "int"), moderate]
    return py.either(
        py.both(*tests),
        power,
        call.tool() if made is None else py.either(py.kind_is(base.code, "float"), made, call.tool()),
    )


MAKERS: dict[tuple[str, int], Maker] = {
    ("math.floor", 1): lambda call: _rounded(call, abi.FLOOR),
    ("math.ceil", 1): lambda call: _rounded(call, abi.CEIL),
    ("math.truncate", 1): lambda call: _rounded(call, abi.TRUNCATE),
    ("math.round", 1): _nearest,
    ("math.round", 2): _nearest_decimal,
    ("math.abs", 1): _absolute,
    ("math.sqrt", 1): _root,
    ("math.pow", 2): _power,
    ("math.min", 2): lambda call: _chosen(call, "<"),
    ("math.max", 2): lambda call: _chosen(call, ">"),
}
"""How the code of a call is made, by the tool's name in lower case and the number of arguments."""
