"""Equality of values (language reference, section 5)."""

from __future__ import annotations

from neuroscript.errors import ErrorCode, NeuroScriptError
from neuroscript.values.kinds import DEFAULT_NESTING, ErrorValue, EventValue
from neuroscript.values.numbers import read_number

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_LONG = 1000  # characters or bytes from which on it is worth to remember what has been compared
_MANY = 8  # items from which on it is worth to look at the types of all
_MOST_TEXT = 1_000_000  # characters of all strings of a list, beyond which they may be the same ones over and over
_NUMBERS = frozenset({int, float, type(None)})


def same(a: Any, b: Any, depth: int = DEFAULT_NESTING, seen: set[tuple[int, int]] | None = None) -> bool:
    """Equality inside lists and maps: equal types and equal content; all numbers are one type.

    ``seen`` holds the pairs that are known to be equal, so that values that share their parts cost no more than those
    parts.
    """
    if a is b:
        return True
    kind = type(a)
    if kind is not type(b):
        return (kind is int or kind is float) and type(b) in (int, float) and bool(a == b)
    if kind is list or kind is dict:
        if len(a) != len(b):
            return False
        if depth <= 0:
            raise NeuroScriptError(ErrorCode.NESTING_DEPTH_EXCEEDED, "values are nested too deeply to be compared")
        if seen is None:
            seen = set()
        elif (id(a), id(b)) in seen:
            return True
        if kind is dict:
            below = depth - 1
            equals = all(key in b and ((y := b[key]) is x or same(x, y, below, seen)) for key, x in a.items())
        elif len(a) >= _MANY and _is_plain(a) and _is_plain(b):
            equals = bool(a == b)
        else:
            equals = all(x is y or same(x, y, depth - 1, seen) for x, y in zip(a, b, strict=True))
        if equals:
            seen.add((id(a), id(b)))
        return equals
    if kind is ErrorValue or kind is EventValue:
        return same(a.fields(), b.fields(), depth - 1, seen)
    if seen is not None and (kind is str or kind is bytes) and len(a) > _LONG:
        if (id(a), id(b)) in seen:
            return True
        if a == b:
            seen.add((id(a), id(b)))
            return True
        return False
    return bool(a == b)


def _is_plain(items: list[Any]) -> bool:
    """Whether Python compares a list of these items with another such one as the language does, and soon."""
    kinds = {*map(type, items)}
    return kinds <= _NUMBERS or (kinds == {str} and sum(map(len, items)) <= _MOST_TEXT)


def equal(a: Any, b: Any) -> bool:
    """Whether two values are equal by ``==``: a number and a string that reads as a number compare as numbers."""
    left, right = type(a), type(b)
    if left is right or (left in (int, float) and right in (int, float)):
        return same(a, b)
    if left is str and right in (int, float):
        number = read_number(a)
        return number is not None and number == b
    if right is str and left in (int, float):
        number = read_number(b)
        return number is not None and number == a
    return False
