"""Conversion between numbers and text (language reference, section 4)."""

from __future__ import annotations

import functools
import math

from neuroscript.values.kinds import INT_LIMIT

TYPE_CHECKING = False
if TYPE_CHECKING:
    import re
    from decimal import Decimal

_SURE_DIGITS = 1200  # what so many digits say is below `INT_LIMIT`
_SURE_DECIMALS = 300  # what so many digits say is in the range of floats
_MOST_DIGITS = 1300  # more than any number below it has
_BLANKS = " \t\n\r\f\v"
_FIRST = frozenset("0123456789+-." + _BLANKS)
_LAST = frozenset("0123456789." + _BLANKS)


@functools.cache
def _number() -> re.Pattern[str]:
    import re  # not before a string is read as a number

    return re.compile(r"\s*[+-]?(?:[0-9]+(\.[0-9]*)?|(\.[0-9]+))([eE][+-]?[0-9]+)?\s*", re.ASCII)


def _match(text: str) -> re.Match[str] | None:
    # Most texts show at an end that they are no number; the pattern takes eight times as long to tell.
    if not text or text[0] not in _FIRST or text[-1] not in _LAST:
        return None
    return _number().fullmatch(text)


def read_number(text: str) -> int | float | None:
    """The number that a string reads as (section 4), or None: no ``inf``, ``nan``, ``_``, hexadecimal."""
    if text.isdigit() and text.isascii() and len(text) < _SURE_DIGITS:
        return int(text)
    if "." in text and len(text) < _SURE_DECIMALS and text.replace(".", "", 1).isdigit() and text.isascii():
        return float(text)
    if text[:1] == "-" and text[1:].isdigit() and text.isascii() and len(text) < _SURE_DIGITS:
        return int(text)
    match = _match(text)
    if match is None:
        return None
    if match.lastindex is not None:  # a point or an exponent
        number = float(text)
        return number if math.isfinite(number) else None
    if len(text) > _SURE_DIGITS:
        # Python itself reads 4,300 digits at most, and counts the zeros in front.
        digits = text.strip(_BLANKS)
        sign = "-" if digits[0] == "-" else ""
        text = sign + (digits.lstrip("+-0") or "0")
        if len(text) > _MOST_DIGITS:
            return None
    whole = int(text)
    return whole if -INT_LIMIT < whole < INT_LIMIT else None


def read_for_order(text: str) -> int | float | Decimal | None:
    """The number that a string reads as, for ``<``: beyond the range of numbers too, where it has a place in the order.

    None if the string does not read as a number.
    """
    number = read_number(text)
    if number is not None or _match(text) is None:
        return number
    from decimal import Decimal, InvalidOperation

    try:
        return Decimal(text)
    except InvalidOperation:  # an exponent that no memory holds
        return -math.inf if text.lstrip(_BLANKS)[0] == "-" else math.inf


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
