"""Equality of values for tools that search and remove duplicates (language reference, section 5).

Lists and maps may share parts, so that a small value can spell out to an enormous one.  Here every distinct list or map
is compared once: each gets the number of its equality class, and equal classes mean equal values.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

from neuroscript.errors import ErrorCode, NeuroScriptError
from neuroscript.values import DEFAULT_NESTING, ErrorValue, EventValue, ToolValue, same

_NUMBERS = (int, float)
_LARGE = 1 << 60  # whole numbers from here on may be chosen so that Python's hashes of them are all one
_LONG = 1000  # characters or bytes from which on it is worth to remember what has been compared


class Classes:
    """Numbers the equality classes of values: ``of(a) == of(b)`` exactly where ``a`` equals ``b``."""

    def __init__(self) -> None:
        self._numbers: dict[Hashable, int] = {}
        # The value itself is kept beside its class, so that its id stays its own.
        self._known: dict[int, tuple[Any, int]] = {}

    def of(self, value: Any, depth: int = DEFAULT_NESTING) -> int:
        """The number of the value's class.

        Raises:
            NeuroScriptError: 38 if the value is nested too deeply.
        """
        kind = type(value)
        key: Hashable
        if kind is int or kind is float:
            if -_LARGE < value < _LARGE or not (kind is int or value.is_integer()):
                # Equal numbers have equal hashes in Python, whichever type they are.
                key = (int, value)
            else:
                whole = int(value)
                key = (int, whole.to_bytes(whole.bit_length() // 8 + 1, "little", signed=True))
        elif kind is list or kind is dict or kind is ErrorValue or kind is EventValue:
            known = self._known.get(id(value))
            if known is not None:
                return known[1]
            if depth <= 0:
                raise NeuroScriptError(ErrorCode.NESTING_DEPTH_EXCEEDED, "values are nested too deeply to be compared")
            if kind is list:
                key = (list, tuple([self.of(item, depth - 1) for item in value]))
            else:
                fields = value if kind is dict else value.fields()
                key = (kind, frozenset([(name, self.of(item, depth - 1)) for name, item in fields.items()]))
            number = self._numbers.setdefault(key, len(self._numbers))
            self._known[id(value)] = (value, number)
            return number
        elif (kind is str or kind is bytes) and len(value) > _LONG:
            # Looking it up compares it with its equal, from end to end: once is enough.
            known = self._known.get(id(value))
            if known is None:
                number = self._numbers.setdefault((kind, value), len(self._numbers))
                known = self._known[id(value)] = (value, number)
            return known[1]
        else:
            key = (kind, value.name.lower() if kind is ToolValue else value)
        return self._numbers.setdefault(key, len(self._numbers))


def find_equal(items: list[Any], element: Any) -> int:
    """The index of the first item that equals the element, types and all; -1 if there is none."""
    kind = type(element)
    if kind in _NUMBERS:
        for index, item in enumerate(items):
            if item == element and type(item) in _NUMBERS:
                return index
        return -1
    if kind in (list, dict):
        classes = Classes()
        wanted = classes.of(element)
        for index, item in enumerate(items):
            if type(item) is kind and len(item) == len(element) and classes.of(item) == wanted:
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
