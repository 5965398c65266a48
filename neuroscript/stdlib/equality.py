"""Equality of values for tools that search and remove duplicates (language reference, section 5).

Lists and maps may share parts, so that a small value can spell out to an enormous one.  Here every distinct list or map
is compared once: each gets the number of its equality class, and equal classes mean equal values.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from typing import Any

from neuroscript.errors import ErrorCode, NeuroScriptError
from neuroscript.values import DEFAULT_NESTING, ErrorValue, EventValue, ToolValue, same

_NUMBERS = (int, float)
_are_numbers: Callable[[Iterable[type]], bool] = frozenset(_NUMBERS).issuperset
_are_strings: Callable[[Iterable[type]], bool] = frozenset({str}).issuperset
_LARGE = 1 << 60  # whole numbers from here on may be chosen so that Python's hashes of them are all one
_LONG = 1000  # characters or bytes from which on it is worth to remember what has been compared
_MANY = 1 << 24  # characters of all strings together that are compared again and again in no time
_REMEMBERED = (str, bytes, list, dict, ErrorValue, EventValue)


class Classes:
    """Numbers the equality classes of values: ``of(a) == of(b)`` exactly where ``a`` equals ``b``."""

    def __init__(self) -> None:
        self._count = 0
        self._numbers: dict[int | float, int] = {}
        self._texts: dict[str, int] = {}
        self._others: dict[Hashable, int] = {}
        # The value itself is kept beside its class, so that its id stays its own.
        self._known: dict[int, tuple[Any, int]] = {}

    def of(self, value: Any, depth: int = DEFAULT_NESTING) -> int:
        """The number of the value's class.

        Raises:
            NeuroScriptError: 38 if the value is nested too deeply.
        """
        kind = type(value)
        if kind is int or kind is float:
            if -_LARGE < value < _LARGE or not (kind is int or value.is_integer()):
                # Equal numbers have equal hashes in Python, whichever type they are.
                return self._class(self._numbers, value)
            whole = int(value)
            return self._class(self._others, whole.to_bytes(whole.bit_length() // 8 + 1, "little", signed=True))
        if kind is str and len(value) <= _LONG:
            return self._class(self._texts, value)
        if kind not in _REMEMBERED:
            return self._class(self._others, (kind, value.name.lower() if kind is ToolValue else value))
        known = self._known.get(id(value))
        if known is None:
            known = self._known[id(value)] = (value, self._class_of_large(kind, value, depth))
        return known[1]

    def _class_of_large(self, kind: type, value: Any, depth: int) -> int:
        """The class of a list, a map, or a long text: to look it up is to read it from end to end."""
        if kind is str:
            return self._class(self._texts, value)
        if kind is bytes:
            return self._class(self._others, (kind, value))
        if depth <= 0:
            raise NeuroScriptError(ErrorCode.NESTING_DEPTH_EXCEEDED, "values are nested too deeply to be compared")
        if kind is list:
            return self._class(self._others, (list, tuple([self.of(item, depth - 1) for item in value])))
        fields = value if kind is dict else value.fields()
        names = sorted(fields)
        return self._class(self._others, (kind, *names, *[self.of(fields[name], depth - 1) for name in names]))

    def _class(self, table: dict[Any, int], key: Hashable) -> int:
        number = table.get(key)
        if number is None:
            number = table[key] = self._count
            self._count += 1
        return number


def have_own_hashes(items: list[Any]) -> bool:
    """Whether Python's dictionaries tell the items apart as the language does, in time linear in their number.

    To find two strings equal takes a look at all of both, so there may not be too much of them together.
    """
    if _are_strings(map(type, items)):
        return sum(map(len, items)) <= _MANY
    return _are_numbers(map(type, items)) and min(items) > -_LARGE and max(items) < _LARGE


def find_equal(items: list[Any], element: Any) -> int:
    """The index of the first item that equals the element, types and all; -1 if there is none."""
    kind = type(element)
    if kind in _NUMBERS:
        if element not in items:
            return -1
        first = items.index(element)
        for index in range(first, len(items)):
            if items[index] == element and type(items[index]) in _NUMBERS:  # to Python true is 1 as well
                return index
        return -1
    if kind is str and len(element) <= _LONG:
        return items.index(element) if element in items else -1  # nothing but a string equals one
    if kind in (list, dict):
        classes = Classes()
        for index, item in enumerate(items):
            if type(item) is kind and len(item) == len(element) and classes.of(item) == classes.of(element):
                return index
        return -1
    if kind in (str, bytes) and len(element) > _LONG:
        # The same long string may stand here a million times, and differ from this one at its very end.
        others: set[int] = set()
        for index, item in enumerate(items):
            if type(item) is kind and len(item) == len(element) and id(item) not in others:
                if item == element:
                    return index
                others.add(id(item))
        return -1
    for index, item in enumerate(items):
        if type(item) is kind and same(item, element):
            return index
    return -1
