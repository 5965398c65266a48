"""Operators and built-in functions, where generated code has no shorter way (language reference, section 5).

Generated code handles the common types inline and calls these for the rest; so each of these is complete by itself.
"""

from __future__ import annotations

import math
from itertools import count, takewhile
from operator import add, mul, sub, truediv

from neuroscript.errors import ErrorCode, NeuroScriptError, plain_error, script_failure
from neuroscript.limits import Limits
from neuroscript.runtime.errors import NilOperandError
from neuroscript.values import (
    INT_LIMIT,
    MAX_INT_BITS,
    ErrorValue,
    Fuzzy,
    TimeDate,
    equal,
    number_text,
    read_for_order,
    read_number,
    text_of,
    type_name,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any, NoReturn

LONG_LIST = 1 << 12  # items from which on joining checks the limits
LONG_TEXT = 1 << 15
"""Characters from which on joining strings checks the limits."""

WORD = 1 << 64
HALF_WORD = 1 << 63


class Operations:
    """The operators, with the limits of one interpreter."""

    def __init__(self, limits: Limits) -> None:
        self.max_string = limits.max_string if limits.max_string is not None else 1 << 62
        self.watched = min(LONG_TEXT, self.max_string)
        self.max_items = limits.max_items if limits.max_items is not None else 1 << 62
        self.max_nesting = limits.max_nesting if limits.max_nesting is not None else 1 << 30
        self.check_limits: Callable[[], object] = lambda: None

    # --- text --------------------------------------------------------------------------------------------------------

    def text(self, value: Any) -> str:
        """The text form of a value, as ``emit`` shows it."""
        return text_of(value, max_string=self.max_string, max_nesting=self.max_nesting)

    def joined(self, value: Any) -> str:
        """The text form of a value inside ``+`` and placeholders."""
        if type(value) is int:
            return str(value)
        return "" if value is None else self.text(value)

    def long_string(self, *_: Any) -> NoReturn:
        """Raises the error of a string beyond the limit."""
        raise NeuroScriptError(
            ErrorCode.RESOURCE_EXHAUSTION, f"a string would be longer than the limit of {self.max_string} characters"
        )

    def join(self, left: str, right: str) -> str:
        """Two strings joined."""
        length = len(left) + len(right)
        if length > self.watched:
            self.check_limits()
            if length > self.max_string:
                self.long_string()
        return left + right

    def pieces(self, *parts: str) -> str:
        """Several strings joined."""
        length = sum(map(len, parts))
        if length > self.watched:
            self.check_limits()
            if length > self.max_string:
                self.long_string()
        return "".join(parts)

    # --- arithmetic --------------------------------------------------------------------------------------------------

    def add(self, a: Any, b: Any) -> Any:
        """``a + b``."""
        left, right = type(a), type(b)
        if (left is float and (right is float or right is int)) or (left is int and right is float):
            try:
                result = a + b
            except OverflowError:
                return _mixed(add, a, b)
            return result + 0.0 if result - result == 0.0 else finite(result)
        if left is str or right is str:
            return self.join(self.joined(a), self.joined(b))
        if left is int and right is int:
            return in_range(a + b)
        if left is list and right is list:
            return self.joined_lists(a, b)
        raise type_error("+", a, b, "two numbers, two lists, or anything with a string")

    def joined_lists(self, a: list[Any], b: list[Any]) -> list[Any]:
        """The list of the items of both."""
        size = len(a) + len(b)
        if size > self.max_items:
            message = f"a list would have more than the limit of {self.max_items} items"
            raise NeuroScriptError(ErrorCode.RESOURCE_EXHAUSTION, message)
        if size > LONG_LIST:
            self.check_limits()
        return a + b

    def multiply(self, a: Any, b: Any) -> Any:
        """``a * b``: numbers, or a string and how often to repeat it."""
        left, right = type(a), type(b)
        if left is int and right is int:
            return in_range(a * b)
        if (left is float and (right is float or right is int)) or (left is int and right is float):
            try:
                result = a * b
            except OverflowError:
                return _mixed(mul, a, b)
            return result + 0.0 if result - result == 0.0 else finite(result)
        if left is str and right is int and b >= 0:
            return self.repeat(a, b)
        if left is str and (count := repeat_count(b)) is not None:
            return self.repeat(a, count)
        if right is str and (count := repeat_count(a)) is not None:
            return self.repeat(b, count)
        x, y = number(a), number(b)
        if x is None or y is None:
            raise type_error("*", a, b, "two numbers, or a string and a whole number of 0 or more")
        return _mixed(mul, x, y)

    def repeat(self, text: str, count: int) -> str:
        """``text`` repeated."""
        if not text:
            return ""  # whatever the count, which may be larger than Python repeats by
        length = len(text) * count
        if length > self.watched:
            if length > self.max_string:
                self.long_string()
            self.check_limits()
        return text * count

    def length(self, value: Any) -> int:
        """``len(value)``."""
        if value is None:
            return 0
        if type(value) in (str, list, dict, bytes):
            return len(value)
        raise NeuroScriptError(ErrorCode.TYPE, f"len() takes a string, list, map, bytes or nil, not {describe(value)}")

    def map_key(self, key: Any) -> str:
        """A key of a map literal: its text form, whatever it is."""
        return key if type(key) is str else self.text(key)

    def fail(self, value: Any, given: bool) -> NoReturn:
        """Raises the error of a ``fail`` statement; ``given`` tells whether it has a value."""
        if not given:
            value = "fail statement executed"
        if type(value) is ErrorValue:
            raise value.error()
        raise script_failure(value if type(value) is str else self.text(value))


# --- numbers ---------------------------------------------------------------------------------------------------------


def number(value: Any) -> int | float | None:
    """A number, or what a string reads as; None for anything else."""
    kind = type(value)
    if kind is int or kind is float:
        return value  # type: ignore[no-any-return]
    return read_number(value) if kind is str else None


def whole(value: Any) -> int | None:
    """A whole number, from a double or a string too; None for anything else."""
    found = number(value)
    if isinstance(found, float):
        return int(found) if found.is_integer() else None
    return found


def repeat_count(value: Any) -> int | None:
    """How often to repeat a string: a whole number of 0 or more, not from a string."""
    count = whole(value) if type(value) is not str else None
    return count if count is not None and count >= 0 else None


def in_range(result: Any) -> Any:
    """A result, if it is a number that the language has."""
    if type(result) is int:
        if -INT_LIMIT < result < INT_LIMIT:
            return result
        raise NeuroScriptError(
            ErrorCode.INVALID_VALUE, f"the result is a whole number of more than {MAX_INT_BITS} bits"
        )
    if math.isfinite(result):
        return result + 0.0  # a negative zero is 0
    raise not_finite()


def finite(result: float) -> float:
    """A double, if it is finite; a negative zero is 0."""
    if result - result == 0.0:
        return result + 0.0
    raise not_finite()


def _mixed(apply: Callable[[Any, Any], Any], x: int | float, y: int | float) -> Any:
    """The result of an operation.  A whole number too large for a double still has an exact place in it."""
    try:
        return in_range(apply(x, y))
    except OverflowError:
        pass
    from fractions import Fraction

    try:
        return in_range(float(apply(Fraction(x), Fraction(y))))
    except OverflowError:
        raise not_finite() from None


def not_finite(*_: Any) -> NeuroScriptError:
    """The error of a double result that is infinite or not a number."""
    return NeuroScriptError(ErrorCode.INVALID_VALUE, "the result is not a finite number")


def infinite(*_: Any) -> NoReturn:
    """Raises the error of a result that is infinite or not a number."""
    raise not_finite()


def describe(value: Any) -> str:
    """Describes a value for an error message: its type, and the value itself where it is short."""
    name = type_name(value)
    match value:
        case None:
            return "nil"
        case bool():
            return "true" if value else "false"
        case int() | float():
            text = number_text(value)
            return f"number {text if len(text) <= 24 else text[:20] + '…'}"
        case str():
            shown = value if len(value) <= 24 else value[:20] + "…"
            return "string " + text_of([shown])[1:-1]
        case list() | dict():
            return f"{'an empty' if not value else 'a'} {name}"
    return f"{'an' if name[0] in 'aeiou' else 'a'} {name}"


def type_error(operator: str, a: Any, b: Any, wanted: str) -> NeuroScriptError:
    """The error of a binary operator that does not apply, which says which operand is nil."""
    which = ""
    if (a is None) != (b is None):
        which = f": its {'left' if a is None else 'right'} operand is nil"
    message = f"'{operator}' takes {wanted}, not {describe(a)} and {describe(b)}{which}"
    if a is None or b is None:
        return NilOperandError(ErrorCode.TYPE, message)
    return plain_error(ErrorCode.TYPE, message)


def subtract(a: Any, b: Any) -> Any:
    """``a - b``."""
    left, right = type(a), type(b)
    if (left is float and (right is float or right is int)) or (left is int and right is float):
        try:
            result = a - b
        except OverflowError:
            return _mixed(sub, a, b)
        return result + 0.0 if result - result == 0.0 else finite(result)
    x, y = number(a), number(b)
    if x is None or y is None:
        raise type_error("-", a, b, "two numbers")
    return _mixed(sub, x, y)


def divide(a: Any, b: Any) -> Any:
    """``a / b``: exact where both are whole and it goes even."""
    left, right = type(a), type(b)
    if b and ((left is float and (right is float or right is int)) or (left is int and right is float)):
        try:
            result = a / b
        except OverflowError:
            return _mixed(truediv, a, b)
        return result + 0.0 if result - result == 0.0 else finite(result)
    x, y = number(a), number(b)
    if x is None or y is None:
        raise type_error("/", a, b, "two numbers")
    if y == 0:
        raise division_by_zero()
    if type(x) is int and type(y) is int:
        quotient, rest = divmod(x, y)
        if not rest:
            return quotient
    return _mixed(truediv, x, y)


def division_by_zero(*_: Any) -> NeuroScriptError:
    """The error of ``/`` and ``%``."""
    return plain_error(ErrorCode.DIVISION_BY_ZERO, "division by zero")


def modulo(a: Any, b: Any) -> int:
    """``a % b`` of whole numbers; the sign follows the dividend."""
    if type(a) is int and type(b) is int and a >= 0 and b > 0:
        return a % b
    x, y = whole(a), whole(b)
    if x is None or y is None:
        raise type_error("%", a, b, "two whole numbers")
    if y == 0:
        raise division_by_zero()
    rest = abs(x) % abs(y)
    return -rest if x < 0 else rest


def power(a: Any, b: Any) -> Any:
    """``a ** b``."""
    x, y = number(a), number(b)
    if x is None or y is None:
        raise type_error("**", a, b, "two numbers")
    if type(x) is int and type(y) is int:
        if x in (1, -1):
            return x if y % 2 else 1  # exact for a negative power too
        if y >= 0:
            if (x.bit_length() - 1) * y > MAX_INT_BITS:
                return in_range(INT_LIMIT)
            return in_range(x ** min(y, 1)) if x == 0 else in_range(x**y)
    if y == 0:
        return 1.0
    try:
        result = x**y
    except ZeroDivisionError:
        raise not_finite() from None
    except OverflowError:
        # Too large is the result, or only a whole number on the way to it: then infinity stands for that one.
        try:
            result = math.pow(_double(x), _double(y))
        except (OverflowError, ValueError):
            raise not_finite() from None
    if type(result) is complex:
        raise NeuroScriptError(ErrorCode.INVALID_VALUE, f"{describe(a)} ** {describe(b)} is not a real number")
    return in_range(result)


def _double(x: int | float) -> float:
    """The double nearest to a number; infinite where no double is that large."""
    try:
        return float(x)
    except OverflowError:
        return math.inf if x > 0 else -math.inf


def negate(a: Any) -> Any:
    """``-a``."""
    x = number(a)
    if x is None:
        kind = NilOperandError if a is None else NeuroScriptError
        raise kind(ErrorCode.TYPE, f"'-' takes a number, not {describe(a)}")
    return -x if type(x) is int else -x + 0.0


def _word(operator: str, a: Any, b: Any = 0) -> tuple[int, int]:
    x, y = whole(a), whole(b)
    if x is None or y is None:
        if operator == "~":
            raise NeuroScriptError(ErrorCode.TYPE, f"'~' takes a whole number, not {describe(a)}")
        raise type_error(operator, a, b, "two whole numbers")
    return x, y


def _signed(x: int) -> int:
    x %= WORD
    return x - WORD if x >= HALF_WORD else x


def bit_and(a: Any, b: Any) -> int:
    """``a & b``, as 64-bit two's complement."""
    x, y = _word("&", a, b)
    return _signed(x & y)


def bit_or(a: Any, b: Any) -> int:
    """``a | b``, as 64-bit two's complement."""
    x, y = _word("|", a, b)
    return _signed(x | y)


def bit_xor(a: Any, b: Any) -> int:
    """``a ^ b``, as 64-bit two's complement."""
    x, y = _word("^", a, b)
    return _signed(x ^ y)


def bit_not(a: Any) -> int:
    """``~a``, as 64-bit two's complement."""
    return _signed(~_word("~", a)[0])


# --- comparison and logic --------------------------------------------------------------------------------------------


_NUMBERS = frozenset({int, float})
_FUZZY_ORDER = (Fuzzy, int, float)


def _ordered(operator: str, a: Any, b: Any) -> tuple[Any, Any]:
    """The two sides in a form that Python orders as the language does."""
    left, right = type(a), type(b)
    if left is str and right is str:
        first = read_for_order(a)
        second = read_for_order(b) if first is not None else None
        return (a, b) if second is None else (first, second)
    first, second = _in_order(a), _in_order(b)
    if first is not None and second is not None:
        return first, second
    if left is TimeDate and right is TimeDate:
        return a, b
    if (left is Fuzzy) != (right is Fuzzy) and left in _FUZZY_ORDER and right in _FUZZY_ORDER:
        return a.value if left is Fuzzy else a, b.value if right is Fuzzy else b
    raise type_error(operator, a, b, "two numbers, two strings or two times")


def _in_order(value: Any) -> Any:
    """A number, or what a string reads as, however large; None for anything else."""
    kind = type(value)
    if kind is int or kind is float:
        return value
    return read_for_order(value) if kind is str else None


def less(a: Any, b: Any) -> bool:
    """``a < b``."""
    if type(a) in _NUMBERS and type(b) in _NUMBERS:
        return a < b  # type: ignore[no-any-return]
    x, y = _ordered("<", a, b)
    return bool(x < y)


def less_equal(a: Any, b: Any) -> bool:
    """``a <= b``."""
    if type(a) in _NUMBERS and type(b) in _NUMBERS:
        return a <= b  # type: ignore[no-any-return]
    x, y = _ordered("<=", a, b)
    return bool(x <= y)


def greater(a: Any, b: Any) -> bool:
    """``a > b``."""
    if type(a) in _NUMBERS and type(b) in _NUMBERS:
        return a > b  # type: ignore[no-any-return]
    x, y = _ordered(">", a, b)
    return bool(x > y)


def greater_equal(a: Any, b: Any) -> bool:
    """``a >= b``."""
    if type(a) in _NUMBERS and type(b) in _NUMBERS:
        return a >= b  # type: ignore[no-any-return]
    x, y = _ordered(">=", a, b)
    return bool(x >= y)


def counted(test: Callable[[Any, Any], bool], start: int, bound: Any, step: int) -> Iterable[int]:
    """The values of a counter for as long as ``test(counter, bound)`` holds, where `range` does not give them."""
    return takewhile(lambda value: test(value, bound), count(start, step))


def not_equal(a: Any, b: Any) -> bool:
    """``a != b``."""
    return not equal(a, b)


def _degree(value: Any) -> float:
    return value.value if type(value) is Fuzzy else float(bool(value))


def both(a: Any, b: Any) -> Any:
    """``a and b``, once ``b`` has been evaluated."""
    if type(a) is Fuzzy or type(b) is Fuzzy:
        return Fuzzy(min(_degree(a), _degree(b)))
    return bool(a) and bool(b)


def either(a: Any, b: Any) -> Any:
    """``a or b``, once ``b`` has been evaluated."""
    if type(a) is Fuzzy or type(b) is Fuzzy:
        return Fuzzy(max(_degree(a), _degree(b)))
    return bool(a) or bool(b)


def negation(a: Any) -> Any:
    """``not a``."""
    return Fuzzy(1 - a.value) if type(a) is Fuzzy else not a


# --- built-ins -------------------------------------------------------------------------------------------------------


def _function(name: str, function: Callable[[float], float], wanted: str) -> Callable[[Any], float]:
    def apply(value: Any) -> float:
        x = number(value)
        if x is None:
            raise NeuroScriptError(ErrorCode.TYPE, f"{name}() takes a number, not {describe(value)}")
        try:
            return function(x) + 0.0
        except (ValueError, OverflowError):
            raise NeuroScriptError(ErrorCode.ARG_MISMATCH, f"{name}() takes {wanted}, not {describe(value)}") from None

    return apply


def is_int(value: Any) -> bool:
    """Whether a value is a number and whole."""
    return type(value) is int or (type(value) is float and value.is_integer())


BUILTINS: dict[str, Callable[[Any], Any]] = {
    "ln": _function("ln", math.log, "a number above 0"),
    "log": _function("log", math.log10, "a number above 0"),
    "sin": _function("sin", math.sin, "a finite number"),
    "cos": _function("cos", math.cos, "a finite number"),
    "tan": _function("tan", math.tan, "a finite number"),
    "asin": _function("asin", math.asin, "a number from -1 to 1"),
    "acos": _function("acos", math.acos, "a number from -1 to 1"),
    "atan": _function("atan", math.atan, "a finite number"),
    "is_string": lambda value: type(value) is str,
    "is_number": lambda value: type(value) is int or type(value) is float,
    "is_int": is_int,
    "is_float": lambda value: type(value) is float and not value.is_integer(),
    "is_bool": lambda value: type(value) is bool,
    "is_list": lambda value: type(value) is list,
    "is_map": lambda value: type(value) is dict,
    "is_error": lambda value: type(value) is ErrorValue,
    "is_nil": lambda value: value is None,
    "not_empty": bool,
}
"""The built-in functions but ``len``, which needs the limits' messages; each takes one value."""

FIXED_BUILTINS = frozenset({"len", "ln", "log", "sin", "cos", "tan", "asin", "acos", "atan"})
"""Those that no procedure can have the name of."""

REPLACEABLE_BUILTINS = {name: function for name, function in BUILTINS.items() if name not in FIXED_BUILTINS}
"""The others, whose place a procedure takes by being defined."""

BUILTIN_SHAPE = (1, ())
"""The arguments of a call of a built-in function: how many positional ones, and the names of the others."""
