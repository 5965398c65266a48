"""Sums of numbers as the language has them."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from neuroscript.errors import ErrorCode
from neuroscript.stdlib.declare import fail
from neuroscript.stdlib.ordering import are_numbers
from neuroscript.tools.validation import given
from neuroscript.values import INT_LIMIT, MAX_INT_BITS

_SUM_ROUNDS = sys.version_info >= (3, 12)  # each sum of doubles in another way than additions one by one

_are_whole: Callable[[Iterable[type]], bool] = frozenset({int}).issuperset

NOT_A_NUMBER = "7 if an item is not a number; 41 if the sum is out of range"
"""The errors of `sum_of`, for specs."""


def sum_of(items: Sequence[Any], tool: str, what: str = "item") -> int | float:
    """The sum of numbers, from the left; 0 of none.

    Raises:
        NeuroScriptError: 7 for what is no number; 41 if the sum is out of the range of a number.
    """
    if _are_whole(map(type, items)):
        whole: int = sum(items)
        if -INT_LIMIT < whole < INT_LIMIT:
            return whole
    elif not are_numbers(map(type, items)):
        index = next(i for i, item in enumerate(items) if type(item) not in (int, float))
        hint = "; tool.str.ToNumber makes a number of a text" if type(items[index]) is str else ""
        fail(ErrorCode.TYPE, tool, f"{what} {index} must be a number, not {given(items[index])}{hint}")
    result: int | float = 0
    try:
        if _SUM_ROUNDS:
            for item in items:
                result += item
        else:
            result = sum(items)
    except OverflowError:
        result = math.inf
    if type(result) is int:
        if not -INT_LIMIT < result < INT_LIMIT:
            fail(ErrorCode.INVALID_VALUE, tool, f"the sum has more than {MAX_INT_BITS} bits")
        return result
    if not math.isfinite(result):
        fail(ErrorCode.INVALID_VALUE, tool, "the sum is out of the range of a number")
    return result + 0.0
