"""The tools of group ``math``.  Whole numbers stay exact; what is not a finite number is an error."""

from __future__ import annotations

import math
import random
from decimal import ROUND_HALF_UP, Decimal
from decimal import Context as DecimalContext
from typing import Any, NoReturn

from neuroscript.errors import ErrorCode
from neuroscript.stdlib.declare import Context, Group, fail, optional, required
from neuroscript.tools.spec import ArgType
from neuroscript.tools.validation import given
from neuroscript.values import INT_LIMIT, MAX_INT_BITS, Fuzzy, number_text

_group = Group("math")
TOOLS = _group.tools

Number = int | float

_A = required("num1", ArgType.NUMBER, "The first number.")
_B = required("num2", ArgType.NUMBER, "The second number.")
_X = required("number", ArgType.NUMBER, "The number.")
_FEW_DIGITS = 6
_ROUNDED = 1e6  # below it, times a million, a double is exact to a thousandth
_RANGE = "41 if the result is out of range"


def _result(number: Number, tool: str) -> Number:
    """A result in the range of the language's numbers; a negative zero is zero."""
    if type(number) is int:
        if not -INT_LIMIT < number < INT_LIMIT:
            fail(
                ErrorCode.INVALID_VALUE,
                tool,
                f"the result has {number.bit_length()} bits; at most {MAX_INT_BITS} will do",
            )
        return number
    if not math.isfinite(number):
        fail(ErrorCode.INVALID_VALUE, tool, "the result is not a finite number")
    return number + 0.0


def _too_large(tool: str) -> NoReturn:
    fail(ErrorCode.INVALID_VALUE, tool, "the result is out of the range of a number")


# --- arithmetic -------------------------------------------------------------------------------------------------------


@_group.tool(
    "Add", _A, _B, returns=ArgType.NUMBER, result="num1 + num2.", example="tool.math.Add(1, 2) = 3", errors=_RANGE
)
def add(num1: Number, num2: Number) -> Number:
    """Adds two numbers."""
    try:
        return _result(num1 + num2, "math.Add")
    except OverflowError:
        _too_large("math.Add")


@_group.tool(
    "Subtract",
    _A,
    _B,
    returns=ArgType.NUMBER,
    result="num1 - num2.",
    example="tool.math.Subtract(2, 0.5) = 1.5",
    errors=_RANGE,
)
def subtract(num1: Number, num2: Number) -> Number:
    """Subtracts a number from another."""
    try:
        return _result(num1 - num2, "math.Subtract")
    except OverflowError:
        _too_large("math.Subtract")


@_group.tool(
    "Multiply",
    _A,
    _B,
    returns=ArgType.NUMBER,
    result="num1 * num2.",
    example="tool.math.Multiply(-2, 2.5) = -5",
    errors=_RANGE,
)
def multiply(num1: Number, num2: Number) -> Number:
    """Multiplies two numbers."""
    try:
        return _result(num1 * num2, "math.Multiply")
    except OverflowError:
        _too_large("math.Multiply")


@_group.tool(
    "Divide",
    _A,
    _B,
    returns=ArgType.NUMBER,
    result="num1 / num2: whole where two whole numbers divide evenly.",
    example="tool.math.Divide(7, 2) = 3.5",
    errors=f"21 if num2 is zero; {_RANGE}",
)
def divide(num1: Number, num2: Number) -> Number:
    """Divides a number by another."""
    if num2 == 0:
        fail(ErrorCode.TOOL_EXECUTION_FAILED, "math.Divide", f"cannot divide {number_text(num1)[:40]} by zero")
    try:
        if type(num1) is int and type(num2) is int and num1 % num2 == 0:
            return num1 // num2
        return _result(num1 / num2, "math.Divide")
    except OverflowError:
        _too_large("math.Divide")


@_group.tool(
    "Modulo",
    required("num1", ArgType.INT, "The dividend."),
    required("num2", ArgType.INT, "The divisor."),
    returns=ArgType.INT,
    result="The remainder; its sign is the dividend's.",
    example="tool.math.Modulo(-7, 3) = -1",
    errors="21 if num2 is zero",
)
def modulo(num1: int, num2: int) -> int:
    """Gives the remainder of a division of whole numbers."""
    if num2 == 0:
        fail(ErrorCode.TOOL_EXECUTION_FAILED, "math.Modulo", f"cannot divide {number_text(num1)[:40]} by zero")
    remainder = abs(num1) % abs(num2)
    return -remainder if num1 < 0 else remainder


@_group.tool(
    "Pow",
    required("base", ArgType.NUMBER, "The base."),
    required("exponent", ArgType.NUMBER, "The exponent."),
    returns=ArgType.NUMBER,
    result="base to the power of exponent; exact for whole numbers and an exponent of 0 or more.",
    example="tool.math.Pow(2, 10) = 1024",
    errors="41 if the result is out of range or not a real number",
)
def power(base: Number, exponent: Number) -> Number:
    """Raises a number to a power."""
    tool = "math.Pow"
    if type(exponent) is float and exponent.is_integer() and abs(exponent) < 2**53:
        exponent = int(exponent)
    whole = type(base) is int and type(exponent) is int and exponent >= 0
    # A power of n bits has at least (n - 1) times the exponent of them; what is too long is not computed first.
    if whole and abs(base) > 1 and (int(base).bit_length() - 1) * exponent >= MAX_INT_BITS:
        fail(ErrorCode.INVALID_VALUE, tool, f"the result would have more than {MAX_INT_BITS} bits")
    if whole and abs(base) <= 1:
        return base if exponent % 2 else base * base if exponent else 1
    result: Any
    try:
        result = base**exponent
    except (OverflowError, ZeroDivisionError):
        _too_large(tool)
    if type(result) is complex:
        fail(ErrorCode.INVALID_VALUE, tool, "a root of a negative number is not a real number")
    return _result(result, tool)


@_group.tool(
    "Sqrt",
    _X,
    returns=ArgType.NUMBER,
    result="The square root; whole for the square of a whole number.",
    example="tool.math.Sqrt(144) = 12",
    errors="41 if the number is negative",
)
def square_root(number: Number) -> Number:
    """Gives the square root of a number."""
    if number < 0:
        fail(ErrorCode.INVALID_VALUE, "math.Sqrt", f"{given(number)} is negative and has no real square root")
    if type(number) is int:
        root = math.isqrt(number)
        if root * root == number:
            return root
    try:
        return _result(math.sqrt(number), "math.Sqrt")
    except OverflowError:
        _too_large("math.Sqrt")


@_group.tool("Exp", _X, returns=ArgType.FLOAT, result="e to that power.", example="tool.math.Exp(0) = 1", errors=_RANGE)
def exponential(number: Number) -> Number:
    """Raises Euler's number to a power."""
    try:
        return _result(math.exp(number), "math.Exp")
    except OverflowError:
        _too_large("math.Exp")


@_group.tool("Pi", returns=ArgType.FLOAT, result="π.", example="tool.math.Round(tool.math.Pi(), 4) = 3.1416")
def pi() -> float:
    """Gives the ratio of a circle's circumference to its diameter."""
    return math.pi


# --- rounding and comparing -------------------------------------------------------------------------------------------


@_group.tool(
    "Round",
    _X,
    optional("digits", ArgType.INT, "Digits after the point; negative for tens, hundreds, …", 0),
    returns=ArgType.NUMBER,
    result="The nearest such number; halves are rounded away from zero.",
    example="tool.math.Round(2.345, 2) = 2.35",
    errors=_RANGE,
)
def round_number(number: Number, digits: int) -> Number:
    """Rounds a number, by its decimal digits as they are shown."""
    if type(number) is int and digits >= 0:
        return number
    if 0 <= digits <= _FEW_DIGITS and -_ROUNDED < number < _ROUNDED:
        if digits == 0:
            half = abs(number) % 1.0 == 0.5
            return round(number) if not half else math.ceil(number) if number > 0 else math.floor(number)
        power = 10**digits
        if not 0.4999 < number * power % 1.0 < 0.5001:  # where no half is near, the binary digits say the same
            return round(number, digits) + 0.0
        text = repr(number)
        _, _, decimals = text.partition(".")
        if "e" not in text:
            if len(decimals) == digits + 1 and text[-1] == "5":  # a half: what is a little more is rounded the same way
                number = float(f"{text[:-1]}6")
            # All others lie on the same side of a half as the shortest digits that tell them from their neighbours.
            return round(number, digits) + 0.0
    # Doubles have no digits beyond these; larger counts change nothing, smaller ones leave zero.
    digits = max(-1300, min(digits, 400))
    exact = Decimal(number_text(number))
    rounded = exact.quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP, DecimalContext(prec=2500))
    return _result(int(rounded) if digits <= 0 else float(rounded), "math.Round")


@_group.tool(
    "Floor",
    _X,
    returns=ArgType.INT,
    result="The largest whole number not above it.",
    example="tool.math.Floor(-1.5) = -2",
)
def floor(number: Number) -> int:
    """Rounds a number down."""
    return math.floor(number)


@_group.tool(
    "Ceil", _X, returns=ArgType.INT, result="The smallest whole number not below it.", example="tool.math.Ceil(1.2) = 2"
)
def ceil(number: Number) -> int:
    """Rounds a number up."""
    return math.ceil(number)


@_group.tool(
    "Truncate",
    _X,
    returns=ArgType.INT,
    result="The number without its fraction.",
    example="tool.math.Truncate(-1.5) = -1",
)
def truncate(number: Number) -> int:
    """Rounds a number towards zero."""
    return math.trunc(number)


@_group.tool("Abs", _X, returns=ArgType.NUMBER, result="The number without its sign.", example="tool.math.Abs(-3) = 3")
def absolute(number: Number) -> Number:
    """Gives the absolute value of a number."""
    return abs(number)


@_group.tool("Sign", _X, returns=ArgType.INT, result="-1, 0 or 1.", example="tool.math.Sign(-0.5) = -1")
def sign(number: Number) -> int:
    """Gives the sign of a number."""
    return (number > 0) - (number < 0)


_NUMBERS = required("numbers", ArgType.NUMBER, "One number or more. For a list, see tool.list.")


@_group.tool(
    "Min", _NUMBERS, returns=ArgType.NUMBER, result="The smallest.", example="tool.math.Min(3, 1, 2) = 1", variadic=True
)
def minimum(numbers: list[Number]) -> Number:
    """Gives the smallest of some numbers."""
    return min(numbers)


@_group.tool(
    "Max", _NUMBERS, returns=ArgType.NUMBER, result="The largest.", example="tool.math.Max(3, 1, 2) = 3", variadic=True
)
def maximum(numbers: list[Number]) -> Number:
    """Gives the largest of some numbers."""
    return max(numbers)


@_group.tool(
    "Clamp",
    _X,
    required("low", ArgType.NUMBER, "The least result."),
    required("high", ArgType.NUMBER, "The greatest result."),
    returns=ArgType.NUMBER,
    result="The number, or the bound that it is beyond.",
    example="tool.math.Clamp(15, 0, 10) = 10",
    errors="41 if low is above high",
)
def clamp(number: Number, low: Number, high: Number) -> Number:
    """Keeps a number within bounds."""
    if low > high:
        fail(ErrorCode.INVALID_VALUE, "math.Clamp", f"low ({given(low)}) is above high ({given(high)})")
    return max(low, min(number, high))


@_group.tool(
    "Fuzzy",
    required("number", ArgType.FUZZY, "A degree of truth, from 0 to 1."),
    returns=ArgType.FUZZY,
    result="The fuzzy value; more than 0.5 is truthy.",
    example="typeof tool.math.Fuzzy(0.7) = TYPE_FUZZY",
)
def fuzzy(number: Fuzzy) -> Fuzzy:
    """Makes a fuzzy truth value."""
    return number


# --- chance -----------------------------------------------------------------------------------------------------------

_shared = random.Random()


def _generator(ctx: Any) -> random.Random:
    """The generator of an interpreter's own, so that a seed in one is not disturbed by another."""
    found: random.Random | None = getattr(ctx, "chance", None)
    if found is None:
        found = vars(ctx).setdefault("chance", random.Random()) if hasattr(ctx, "interpreter") else _shared
    return found


@_group.tool(
    "Random",
    returns=ArgType.FLOAT,
    result="A number from 0 up to, not including, 1.",
    example="tool.math.Random() < 1 = true",
)
def random_number(ctx: Context | None) -> float:
    """Gives a random number. Not for secrets."""
    return _generator(ctx).random()


@_group.tool(
    "RandomInt",
    required("low", ArgType.INT, "The least result."),
    required("high", ArgType.INT, "The greatest result."),
    returns=ArgType.INT,
    result="A whole number from low to high, both included.",
    example="tool.math.RandomInt(5, 5) = 5",
    errors="41 if low is above high",
)
def random_whole(ctx: Context | None, low: int, high: int) -> int:
    """Gives a random whole number. Not for secrets."""
    if low > high:
        fail(ErrorCode.INVALID_VALUE, "math.RandomInt", f"low ({given(low)}) is above high ({given(high)})")
    return _generator(ctx).randint(low, high)


@_group.tool(
    "Seed",
    required("seed", ArgType.INT, "Any whole number."),
    returns=ArgType.NIL,
    result="nil.",
    example="tool.math.Seed(42) = nil",
)
def seed_generator(ctx: Context | None, seed: int) -> None:
    """Makes the random numbers that follow in this interpreter the same each time."""
    _generator(ctx).seed(seed)
