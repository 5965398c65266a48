"""Moments as text, and text as moments, by layouts of ``%`` sequences.

The system's ``strftime`` is not used: what it accepts, and the language of its names, differ from machine to machine,
and some accept widths (``%999999999d``) that fill the memory.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from neuroscript.errors import ErrorCode, NeuroScriptError
from neuroscript.values import TimeDate, time_text

DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)

MAX_LAYOUT = 1_000
"""Characters of a layout."""

_RFC_3339 = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)(?:[Tt ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)?\s?([Zz]|[+-]\d\d:?\d\d)?)?", re.ASCII
)
_SEQUENCE = re.compile(r"%(.?)|[^%]+", re.DOTALL)


def _offset_text(time: datetime) -> str:
    minutes = round((time.utcoffset() or timedelta()).total_seconds() / 60)
    sign = "-" if minutes < 0 else "+"
    return f"{sign}{abs(minutes) // 60:02}{abs(minutes) % 60:02}"


_WRITERS: dict[str, Callable[[datetime], str]] = {
    "Y": lambda time: f"{time.year:04}",
    "y": lambda time: f"{time.year % 100:02}",
    "m": lambda time: f"{time.month:02}",
    "d": lambda time: f"{time.day:02}",
    "H": lambda time: f"{time.hour:02}",
    "I": lambda time: f"{time.hour % 12 or 12:02}",
    "M": lambda time: f"{time.minute:02}",
    "S": lambda time: f"{time.second:02}",
    "f": lambda time: f"{time.microsecond:06}",
    "j": lambda time: f"{time.timetuple().tm_yday:03}",
    "p": lambda time: "AM" if time.hour < 12 else "PM",
    "A": lambda time: DAYS[time.weekday()],
    "a": lambda time: DAYS[time.weekday()][:3],
    "B": lambda time: MONTHS[time.month - 1],
    "b": lambda time: MONTHS[time.month - 1][:3],
    "z": _offset_text,
    "%": lambda _: "%",
}

_PATTERNS = {
    "Y": r"\d{4}",
    "y": r"\d\d",
    "m": r"\d\d?",
    "d": r"\d\d?",
    "H": r"\d\d?",
    "I": r"\d\d?",
    "M": r"\d\d?",
    "S": r"\d\d?",
    "f": r"\d{1,6}",
    "j": r"\d{1,3}",
    "p": r"[AaPp][Mm]",
    "A": "|".join(DAYS),
    "a": "|".join(day[:3] for day in DAYS),
    "B": "|".join(MONTHS),
    "b": "|".join(month[:3] for month in MONTHS),
    "z": r"[Zz]|[+-]\d\d:?\d\d",
}


def format_time(time: TimeDate, layout: str) -> str:
    """``time`` by ``layout``; an empty layout is RFC 3339.

    Raises:
        NeuroScriptError: 41 for an unknown ``%`` sequence, or a layout of more than `MAX_LAYOUT` characters.
    """
    if not layout:
        return time_text(time)
    return "".join(text if letter is None else _WRITERS[letter](time) for letter, text in _sequences(layout))


def parse_time(text: str, layout: str) -> TimeDate:
    """The moment that ``text`` names by ``layout``; an empty layout is RFC 3339, or a date alone.

    Raises:
        NeuroScriptError: 41 if the text has another form or is no date, for an unknown ``%`` sequence, or a layout of
            more than `MAX_LAYOUT` characters.
    """
    fields = _read(text, layout) if layout else _read_rfc_3339(text)
    if fields is None:
        form = f"the layout {_short(layout)}" if layout else "RFC 3339, like 2025-03-01T12:00:00Z or 2025-03-01"
        raise NeuroScriptError(ErrorCode.INVALID_VALUE, f"{_short(text)} does not have the form of {form}")
    try:
        return _moment(fields)
    except (ValueError, OverflowError) as error:
        raise NeuroScriptError(ErrorCode.INVALID_VALUE, f"{_short(text)} is no date: {error}") from error


def _sequences(layout: str) -> list[tuple[str | None, str]]:
    """The layout in pieces: the letter of a ``%`` sequence, or None and plain text."""
    if len(layout) > MAX_LAYOUT:
        message = f"the layout has {len(layout)} characters; it may have {MAX_LAYOUT}"
        raise NeuroScriptError(ErrorCode.INVALID_VALUE, message)
    pieces: list[tuple[str | None, str]] = []
    for match in _SEQUENCE.finditer(layout):
        letter = match.group(1)
        if letter is not None and letter not in _WRITERS:
            known = " ".join(f"%{name}" for name in _WRITERS)
            message = f"the layout {_short(layout)} holds {match.group()!r}; known are {known}"
            raise NeuroScriptError(ErrorCode.INVALID_VALUE, message)
        pieces.append((letter, match.group()))
    return pieces


def _read(text: str, layout: str) -> dict[str, str] | None:
    pattern: list[str] = []
    names: list[str] = []
    for letter, piece in _sequences(layout):
        if letter is None or letter == "%":
            pattern.append(re.escape(piece if letter is None else "%"))
        elif letter in names:
            # Also what keeps matching cheap: each sequence has a few ways to match, and there are few of them.
            message = f"the layout {_short(layout)} holds {piece!r} twice, so that no text can be read by it"
            raise NeuroScriptError(ErrorCode.INVALID_VALUE, message)
        else:
            names.append(letter)
            pattern.append(f"({_PATTERNS[letter]})")
    match = re.fullmatch("".join(pattern), text.strip(), re.ASCII | re.IGNORECASE)
    return None if match is None else dict(zip(names, match.groups(), strict=True))


def _read_rfc_3339(text: str) -> dict[str, str] | None:
    match = _RFC_3339.fullmatch(text.strip())
    if match is None:
        return None
    return {name: part for name, part in zip("YmdHMSfz", match.groups(), strict=True) if part is not None}


def _moment(fields: dict[str, str]) -> TimeDate:
    """Builds the moment; what is not given is the first of its kind, the year 1970."""
    number = {name: int(part) for name, part in fields.items() if part.isdigit()}
    year = number.get("Y", 1970)
    if "y" in number and "Y" not in number:
        # The POSIX rule: 69 to 99 are of the last century.
        year = number["y"] + (1900 if number["y"] >= 69 else 2000)
    month = number.get("m", 1)
    for letter in "Bb":
        if letter in fields:
            month = 1 + [name[:3].lower() for name in MONTHS].index(fields[letter][:3].lower())
    moment = datetime(
        year,
        month,
        number.get("d", 1),
        _hour(number, fields),
        number.get("M", 0),
        number.get("S", 0),
        int(fields.get("f", "0")[:6].ljust(6, "0")),
        tzinfo=_zone(fields.get("z", "Z")),
    )
    if "j" in number and "m" not in number:
        if not 1 <= number["j"] <= 366:
            raise ValueError("the day of the year must be in 1..366")
        moment += timedelta(days=number["j"] - 1)
    return TimeDate.of(moment)


def _hour(number: dict[str, int], fields: dict[str, Any]) -> int:
    if "I" not in number:
        return number.get("H", 0)
    if not 1 <= number["I"] <= 12:
        raise ValueError("an hour of the 12-hour clock must be in 1..12")
    return number["I"] % 12 + (12 if fields.get("p", "").lower() == "pm" else 0)


def _zone(text: str) -> timezone:
    if text in "Zz":
        return UTC
    hours, minutes = int(text[1:3]), int(text[-2:])
    if minutes > 59:
        raise ValueError("minutes of an offset must be in 0..59")
    offset = timedelta(hours=hours, minutes=minutes)
    return timezone(-offset if text[0] == "-" else offset)


def _short(text: str) -> str:
    return repr(text if len(text) <= 60 else text[:57] + "…")
