"""Conversion between numbers and text (language reference, section 4)."""

from __future__ import annotations

import functools
import math

from neuroscript.values.kinds import INT_LIMIT

TYPE_CHECKING = False
if TYPE_CHECKING:
    import re

_LONGEST = 20_000  # characters; no number of the language needs as many
_SURE_DIGITS = 1200  # what so many digits say is below `INT_LIMIT`
_BLANKS = " \t\n\r\f\v"
_FIRST = frozenset("0123456789+-." + _BLANKS)
_LAST = frozenset("0123456789." + _BLANKS)


@functools.cache
def _number() -> re.Pattern[str]:
    import re  # not before a string is read as a number

    return re.compile(r"\s*[+-]?(?:[0-9]+(\.[0-9]*)?|(\.[0-9]+))([eE][+-]?[0-9]+)?\s*", re.ASCII)


def read_number(text: str) -> int | float | None:
    """The number that a string reads as (section 4), or None: no ``inf``, ``nan``, ``_``, hexadecimal."""
    # Most texts are digits, or show at an end that they are no number; the pattern takes eight times as long to tell.
    if text.isdigit() and text.isascii() and len(text) < _SURE_DIGITS:
        return int(text)
    if not text or text[0] not in _FIRST or text[-1] not in _LAST:
        return None
    if len(text) > _LONGEST and len(text.strip()) > _LONGEST:
        return None
    match = _number().fullmatch(text)
    if match is None:
        return None
    if match.lastindex is not None:  # a point or an exponent
        number = float(text)
        return number if math.isfinite(number) else None
    if len(text) > 1300:
        return None
    whole = int(text)
    return whole if -INT_LIMIT < whole < INT_LIMIT else None


def number_text(number: int | float) -> str:
    """Decimal digits without exponent or trailing ``.0``, the shortest that read back the same."""
    if type(number) is int:
        return str(number)
    if number == 0:
        return "0"
    text = repr(number)
    if "e" in text:
        from decimal import Decimal

        text = format(Decimal(text), "f")
    return text.removesuffix(".0")
