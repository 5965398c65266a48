"""Checks that values can be put in an order."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from neuroscript.errors import ErrorCode
from neuroscript.stdlib.declare import fail, optional
from neuroscript.tools.spec import ArgType
from neuroscript.tools.validation import given
from neuroscript.values import TimeDate

MAX_COMPARED = 250_000_000
"""Characters of the strings that are put in an order, those that occur several times counted each time.

Comparing two strings reads as far as they are equal, in one go: so many take a second at worst.
"""

DESCENDING = optional("descending", ArgType.BOOL, "true for the largest first.", False)


are_numbers: Callable[[Iterable[type]], bool] = frozenset({int, float}).issuperset
"""Whether all of some types are those of numbers, which can be put in an order."""

_are_strings: Callable[[Iterable[type]], bool] = frozenset({str}).issuperset


def can_be_ordered(values: Sequence[Any]) -> bool:
    """Whether values are numbers or strings that can be put in an order; False for timedates, which can be, too."""
    if not values or (type(values[0]) is not str and are_numbers(map(type, values))):
        return True
    return _are_strings(map(type, values)) and sum(map(len, values)) <= MAX_COMPARED


def check_ordered(values: list[Any], tool: str, what: str = "items") -> None:
    """Raises error 7 unless the values can be put in an order, and 37 if that may take very long."""
    if can_be_ordered(values):
        return
    kinds = set(map(type, values))
    if kinds == {TimeDate}:
        return
    if kinds == {str}:
        size = sum(map(len, values))
        message = f"the {what} have {size} characters together; at most {MAX_COMPARED} can be compared"
        fail(ErrorCode.RESOURCE_EXHAUSTION, tool, message)
    first = values[0]
    # The first value that does not go with the very first one, or that has no order itself.
    group = next((g for g in ((int, float), (str,), (TimeDate,)) if type(first) in g), ())
    odd = next((i for i, value in enumerate(values) if type(value) not in group), 0)
    against = f"{given(first)} is item 0 and " if odd else ""
    fail(
        ErrorCode.TYPE,
        tool,
        f"the {what} must be all numbers, all strings or all timedates, "
        f"but {against}{given(values[odd])} is item {odd}",
    )
