"""Moments as text, and text as moments, by layouts of ``%`` sequences.

The system's ``strftime`` is not used: what it accepts, and the language of its names, differ from machine to machine,
and some accept widths (``%999999999d``) that fill the memory.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone
from functools import lru_cache

from neuroscript.errors import ErrorCode, NeuroScriptError
from neuroscript.stdlib.foreign_layouts import in_our_form
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
    r"(\d{4})-(\d\d)-(\d\d)(?:[Tt ](\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?\s?([Zz]|[+-]\d\d:?\d\d)?)?", re.ASCII
)
_EXAMPLE = 'in a layout, "%d.%m.%Y %H:%M" reads 01.03.2025 14:30'
_SEQUENCE = re.compile(r"%(.?)|[^%]+", re.DOTALL)


def _offset_text(time: datetime) -> str:
    minutes = round((time.utcoffset() or timedelta()).total_seconds() / 60)
    sign = "-" if minutes < 0 else "+"
    return f"{sign}{abs(minutes) // 60:02}{abs(minutes) % 60:02}"


def _fraction_text(time: TimeDate) -> str:
    return f"{time.fraction:09}" if time.nanosecond else f"{time.microsecond:06}"


_WRITERS: dict[str, Callable[[TimeDate], str]] = {
    "Y": lambda time: f"{time.year:04}",
    "y": lambda time: f"{time.year % 100:02}",
    "m": lambda time: f"{time.month:02}",
    "d": lambda time: f"{time.day:02}",
    "H": lambda time: f"{time.hour:02}",
    "I": lambda time: f"{time.hour % 12 or 12:02}",
    "M": lambda time: f"{time.minute:02}",
    "S": lambda time: f"{time.second:02}",
    "f": _fraction_text,
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
    "f": r"\d{1,9}",
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
    if not layout:
        moment = _plain_moment(text)
        if moment is not None:
            return moment
    fields = _read(text, layout) if layout else _read_rfc_3339(text)
    if fields is None:
        form = f"the layout {_short(layout)}" if layout else "RFC 3339, like 2025-03-01T12:00:00Z or 2025-03-01"
        if layout and "%" not in layout:
            meant = in_our_form(layout)
            cure = f": write {meant!r}" if meant else ""
            form += f", which has no % sequence and so reads nothing but itself{cure}"
        raise NeuroScriptError(ErrorCode.INVALID_VALUE, f"{_short(text)} does not have the form of {form}; {_EXAMPLE}")
    try:
        return _moment(fields)
    except (ValueError, OverflowError) as error:
        raise NeuroScriptError(ErrorCode.INVALID_VALUE, f"{_short(text)} is no moment: {error}") from error


def _sequences(layout: str) -> list[tuple[str | None, str]]:
    """The layout in pieces: the letter of a ``%`` sequence, or None and plain text."""
    if len(layout) > MAX_LAYOUT:
        message = f"the layout has {len(layout)} characters; it may have {MAX_LAYOUT}"
        raise NeuroScriptError(ErrorCode.INVALID_VALUE, message)
    return _pieces(layout)


@lru_cache(64)
def _pieces(layout: str) -> list[tuple[str | None, str]]:
    pieces: list[tuple[str | None, str]] = []
    for match in _SEQUENCE.finditer(layout):
        letter = match.group(1)
        if letter is not None and letter not in _WRITERS:
            known = " ".join(f"%{name}" for name in _WRITERS)
            message = f"the layout {_short(layout)} holds {match.group()!r}; known are {known}; {_EXAMPLE}"
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
    if "y" in names and "Y" in names:
        message = f"the layout {layout!r} holds the year twice, as '%y' and '%Y'; leave one out"
        raise NeuroScriptError(ErrorCode.INVALID_VALUE, message)
    match = re.fullmatch("".join(pattern), text.strip(), re.ASCII | re.IGNORECASE)
    return None if match is None else dict(zip(names, match.groups(), strict=True))


def _read_rfc_3339(text: str) -> dict[str, str] | None:
    match = _RFC_3339.fullmatch(text.strip())
    if match is None:
        return None
    return {name: part for name, part in zip("YmdHMSfz", match.groups(), strict=True) if part is not None}


_PLAIN = re.compile(r"(\d{4})-(\d\d)-(\d\d)(?:[Tt ](\d\d):(\d\d)(?::(\d\d))?[Zz]?)?", re.ASCII)


def _plain_moment(text: str) -> TimeDate | None:
    """The moment that a text names in RFC 3339, in UTC and whole seconds; None for any other, and if there is none."""
    match = _PLAIN.fullmatch(text)
    if match is None:
        return None
    year, month, day, hour, minute, second = match.groups("0")
    try:
        return TimeDate(int(year), int(month), int(day), int(hour), int(minute), int(second))
    except ValueError:
        return None


def _moment(fields: dict[str, str]) -> TimeDate:
    """Builds the moment; what is not given is the first of its kind, the year 1970.

    Raises:
        ValueError: for fields that no moment has, or that contradict one another.
    """
    number = {name: int(part) for name, part in fields.items() if part.isdigit()}
    day = _date(number, fields)
    fraction = fields.get("f", "").ljust(9, "0")
    return TimeDate(
        day.year,
        day.month,
        day.day,
        _hour(number, fields.get("p", "").lower()),
        number.get("M", 0),
        number.get("S", 0),
        int(fraction[:6]),
        _zone(fields.get("z", "Z")),
        nanosecond=int(fraction[6:]),
    )


def _date(number: dict[str, int], fields: dict[str, str]) -> date:
    year = number.get("Y", 1970)
    if "y" in number:
        # The POSIX rule: 69 to 99 are of the last century.
        year = number["y"] + (1900 if number["y"] >= 69 else 2000)
    months = [number["m"]] if "m" in number else []
    months += [1 + _place(fields[letter], MONTHS) for letter in "Bb" if letter in fields]
    month, day = _one("month", months), number.get("d")
    found = date(year, 1 if month is None else month, 1 if day is None else day)
    if "j" in number:
        found = _day_of_year(year, number["j"])
        if month not in (None, found.month) or day not in (None, found.day):
            raise ValueError(f"day {number['j']} of {year} is {found}, not the day that it names besides")
    weekday = _one("weekday", [_place(fields[letter], DAYS) for letter in "Aa" if letter in fields])
    whole = ("Y" in number or "y" in number) and ("j" in number or None not in (month, day))
    if whole and weekday is not None and weekday != found.weekday():
        raise ValueError(f"{found} is a {DAYS[found.weekday()]}, not a {DAYS[weekday]}")
    return found


def _place(name: str, names: tuple[str, ...]) -> int:
    """The index of a name of which the first three letters are given at least."""
    return [each[:3].lower() for each in names].index(name[:3].lower())


def _one(what: str, given: list[int]) -> int | None:
    """The one value of what may be given in several ways."""
    if len(set(given)) > 1:
        raise ValueError(f"it names two different {what}s")
    return given[0] if given else None


def _day_of_year(year: int, day: int) -> date:
    first = date(year, 1, 1)
    found = first + timedelta(days=day - 1) if day <= 366 else None
    if day < 1 or found is None or found.year != year:
        raise ValueError(f"the year {year} has no day {day}")
    return found


def _hour(number: dict[str, int], half: str) -> int:
    """The hour, from 24-hour and 12-hour forms that agree; ``half`` is ``am``, ``pm`` or empty."""
    hour, twelfth = number.get("H"), number.get("I")
    if twelfth is not None:
        if not 1 <= twelfth <= 12:
            raise ValueError("an hour of the 12-hour clock must be in 1..12")
        if hour is None:
            return twelfth % 12 + 12 * (half == "pm")
        if hour % 12 != twelfth % 12:
            raise ValueError(f"it names two different hours, {hour} and {twelfth}")
    if half and (hour is None or (hour >= 12) != (half == "pm")):
        what = "an hour" if hour is None else f"hour {hour} of the 24-hour clock"
        raise ValueError(f"{half.upper()} does not go with {what}; %I reads an hour of the 12-hour clock")
    return hour or 0


def _zone(text: str) -> timezone:
    if text in "Zz":
        return UTC
    hours, minutes = int(text[1:3]), int(text[-2:])
    if minutes > 59:
        raise ValueError("minutes of an offset must be in 0..59")
    if hours > 23:
        raise ValueError("hours of an offset must be in 0..23")
    offset = timedelta(hours=hours, minutes=minutes)
    return timezone(-offset if text[0] == "-" else offset)


def _short(text: str) -> str:
    return repr(text if len(text) <= 60 else text[:57] + "…")
