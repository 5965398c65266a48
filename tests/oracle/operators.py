"""Operators on values (language reference, section 5), written out one rule at a time."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from fractions import Fraction
from typing import Any

from neuroscript.errors import ErrorCode, NeuroScriptError
from neuroscript.values import (
    ErrorValue,
    EventValue,
    Fuzzy,
    TimeDate,
    read_for_order,
    read_number,
    text_of,
    type_name,
)

from .budget import Budget

WHOLE_LIMIT = 1 << 4096

Number = int | float


def is_number(value: Any) -> bool:
    """Whether a value is of the type number.  Booleans are not."""
    return type(value) in (int, float)


def as_number(value: Any) -> Number | None:
    """A number, or the number that a string reads as, or None."""
    if is_number(value):
        return value  # type: ignore[no-any-return]
    return read_number(value) if type(value) is str else None


def numbers(op: str, a: Any, b: Any) -> tuple[Number, Number]:
    """Both operands as numbers; error 7 if one is none."""
    left, right = as_number(a), as_number(b)
    if left is None or right is None:
        raise NeuroScriptError(ErrorCode.TYPE, f"{op} does not apply to {type_name(a)} and {type_name(b)}")
    return left, right


def whole(value: Any) -> int | None:
    """The whole number that a number is, None where it has a fraction or is no number."""
    if type(value) is int:
        return value
    return int(value) if type(value) is float and value.is_integer() else None


def checked(result: Any) -> Number:
    """A result as the language allows it: finite, real, at most 4,096 bits, no negative zero; else error 41."""
    if type(result) is int:
        if abs(result) < WHOLE_LIMIT:
            return result
    elif type(result) is float and math.isfinite(result):
        return result + 0.0  # takes the sign off a zero
    raise NeuroScriptError(ErrorCode.INVALID_VALUE, "the result is not a number of the language")


def arithmetic(operation: Callable[[Any, Any], Any], a: Number, b: Number) -> Number:
    """The result of ``+ - * /``; error 41 where it is out of range."""
    try:
        try:
            return checked(operation(a, b))
        except OverflowError:
            # A whole number is too large for a double; the result need not be.
            return checked(float(operation(Fraction(a), Fraction(b))))
    except (OverflowError, ZeroDivisionError) as error:
        raise NeuroScriptError(ErrorCode.INVALID_VALUE, "the result is out of range") from error


# --- arithmetic ------------------------------------------------------------------------------------------------------


def add(a: Any, b: Any, budget: Budget) -> Any:
    """``+``: two numbers add, two lists make one, a string joins."""
    if is_number(a) and is_number(b):
        return arithmetic(operator.add, a, b)
    if type(a) is str or type(b) is str:
        joined = "".join("" if part is None else text_of(part) for part in (a, b))
        budget.text(len(joined))
        return joined
    if type(a) is list and type(b) is list:
        budget.items(len(a) + len(b))
        budget.working(len(a) + len(b))
        return [*a, *b]
    raise NeuroScriptError(ErrorCode.TYPE, f"+ does not apply to {type_name(a)} and {type_name(b)}")


def subtract(a: Any, b: Any, budget: Budget) -> Any:
    left, right = numbers("-", a, b)
    return arithmetic(operator.sub, left, right)


def multiply(a: Any, b: Any, budget: Budget) -> Any:
    """``*``: a string and a whole number of 0 or more repeat, all else are numbers."""
    for text, count in ((a, b), (b, a)):
        times = whole(count)
        if type(text) is str and times is not None and times >= 0:
            budget.text(len(text) * times)
            return text * times if text else ""
    left, right = numbers("*", a, b)
    return arithmetic(operator.mul, left, right)


def divide(a: Any, b: Any, budget: Budget) -> Any:
    """``/``: exact where both are whole and it goes without remainder."""
    left, right = numbers("/", a, b)
    if right == 0:
        raise NeuroScriptError(ErrorCode.DIVISION_BY_ZERO, "division by zero")
    if type(left) is int and type(right) is int and left % right == 0:
        return checked(left // right)
    return arithmetic(operator.truediv, left, right)


def modulo(a: Any, b: Any, budget: Budget) -> Any:
    """``%``: whole numbers only; the sign follows the dividend."""
    left, right = (whole(number) for number in numbers("%", a, b))
    if left is None or right is None:
        raise NeuroScriptError(ErrorCode.TYPE, "% needs whole numbers")
    if right == 0:
        raise NeuroScriptError(ErrorCode.DIVISION_BY_ZERO, "modulo by zero")
    rest = abs(left) % abs(right)
    return -rest if left < 0 else rest


def power(a: Any, b: Any) -> Any:
    """``**``: whole numbers to a whole power of 0 or more are exact."""
    base, exponent = numbers("**", a, b)
    if type(base) is int and type(exponent) is int:
        if base in (0, 1, -1):
            if base == 0 and exponent < 0:
                raise NeuroScriptError(ErrorCode.INVALID_VALUE, "0 has no negative power")
            return int(exponent == 0) if base == 0 else base ** (exponent % 2)
        if exponent >= 0:
            if exponent * (base.bit_length() - 1) > 4096:
                raise NeuroScriptError(ErrorCode.INVALID_VALUE, "the power is beyond 4,096 bits")
            return checked(base**exponent)
    try:
        return checked(math.pow(_double(base), _double(exponent)))
    except (OverflowError, ValueError) as error:
        raise NeuroScriptError(ErrorCode.INVALID_VALUE, "the power is not a real finite number") from error


def _double(number: Number) -> float:
    """The double nearest to a number: infinite where it is too large, which a power may still bring back."""
    try:
        return float(number)
    except OverflowError:
        return math.inf if number > 0 else -math.inf


def negate(a: Any) -> Any:
    """Unary ``-``."""
    number = as_number(a)
    if number is None:
        raise NeuroScriptError(ErrorCode.TYPE, f"- does not apply to {type_name(a)}")
    return checked(-number)


def _bits(value: Any) -> int:
    number = as_number(value)
    integer = None if number is None else whole(number)
    if integer is None:
        raise NeuroScriptError(ErrorCode.TYPE, f"bit operators need whole numbers, not {type_name(value)}")
    return _signed(integer)


def _signed(integer: int) -> int:
    integer &= (1 << 64) - 1
    return integer - (1 << 64) if integer >> 63 else integer


def bitwise(op: str, a: Any, b: Any) -> int:
    """``& | ^`` as 64-bit two's complement."""
    left, right = _bits(a), _bits(b)
    if op == "&":
        return _signed(left & right)
    return _signed(left | right if op == "|" else left ^ right)


def invert(a: Any) -> int:
    """``~`` as 64-bit two's complement."""
    return _signed(~_bits(a))


# --- comparison ------------------------------------------------------------------------------------------------------


def equal(a: Any, b: Any) -> bool:
    """``==``."""
    if is_number(a) and type(b) is str:
        number = read_number(b)
        return number is not None and bool(a == number)
    if is_number(b) and type(a) is str:
        return equal(b, a)
    return same(a, b)


def same(a: Any, b: Any) -> bool:
    """Equality inside lists and maps, where only equal types are equal."""
    if is_number(a) and is_number(b):
        return bool(a == b)
    if type(a) is not type(b):
        return False
    if type(a) is list:
        return len(a) == len(b) and all(same(x, y) for x, y in zip(a, b, strict=True))
    if type(a) is dict:
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    return bool(a == b)


def compare(op: str, a: Any, b: Any) -> bool:
    """``< > <= >=``."""
    left: Any
    right: Any
    left = read_for_order(a) if type(a) is str else as_number(a)
    right = read_for_order(b) if type(b) is str else as_number(b)
    if left is None or right is None:
        if (type(a), type(b)) in ((str, str), (TimeDate, TimeDate)):
            left, right = a, b
        elif type(a) is Fuzzy and is_number(b):
            left, right = a.value, b
        elif is_number(a) and type(b) is Fuzzy:
            left, right = a, b.value
        else:
            raise NeuroScriptError(ErrorCode.TYPE, f"{op} does not apply to {type_name(a)} and {type_name(b)}")
    if op in ("<", ">="):
        return bool(left < right) == (op == "<")
    return bool(left > right) == (op == ">")


# --- indexes ---------------------------------------------------------------------------------------------------------


def key_text(key: Any) -> str:
    """The text that a map keeps a key as."""
    return text_of(key)


def index(value: Any, key: Any) -> Any:
    """``x[i]``."""
    kind = type(value)
    if kind is list or kind is str:
        position = whole(key)
        if position is None:
            raise NeuroScriptError(ErrorCode.TYPE, f"an index is a whole number, not {type_name(key)}")
        if not 0 <= position < len(value):
            raise NeuroScriptError(ErrorCode.BOUNDS, f"index {position} is out of range")
        return value[position]
    if kind is dict:
        return value.get(key_text(key))
    if kind is ErrorValue or kind is EventValue:
        return value.fields().get(key_text(key))
    raise NeuroScriptError(ErrorCode.TYPE, f"{type_name(value)} cannot be indexed")
