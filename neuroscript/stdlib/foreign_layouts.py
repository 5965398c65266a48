"""Layouts of times as other languages write them, in ours: ``2006-01-02``, ``YYYY-MM-DD``."""

from __future__ import annotations

import re

_GO = {
    "January": "%B",
    "Monday": "%A",
    "Z07:00": "%z",
    "-07:00": "%z",
    "-0700": "%z",
    "2006": "%Y",
    "Jan": "%b",
    "Mon": "%a",
    "01": "%m",
    "02": "%d",
    "03": "%I",
    "04": "%M",
    "05": "%S",
    "06": "%y",
    "15": "%H",
    "PM": "%p",
    "2": "%d",
    "3": "%I",
}
"""The parts of Go's reference time, 2 January 2006 at 15:04:05."""

_LETTERS = {
    "YYYY": "%Y",
    "yyyy": "%Y",
    "YY": "%y",
    "yy": "%y",
    "MMMM": "%B",
    "MMM": "%b",
    "MM": "%m",
    "DDDD": "%j",
    "DD": "%d",
    "dddd": "%A",
    "ddd": "%a",
    "dd": "%d",
    "EEEE": "%A",
    "EEE": "%a",
    "HH": "%H",
    "hh": "%I",
    "mm": "%M",
    "SSSSSS": "%f",
    "SSS": "%f",
    "SS": "%S",
    "ss": "%S",
    "XXX": "%z",
    "ZZ": "%z",
    "A": "%p",
    "a": "%p",
    "Z": "%z",
    "T": "T",
}
"""The letters of Java, C# and JavaScript's libraries."""

_SINGLE = {"Y": "%Y", "y": "%y", "m": "%m", "d": "%d", "H": "%H", "i": "%M", "s": "%S", "M": "%M", "S": "%S"}
"""The letters of PHP, and ours without their ``%``."""

_MOST = 60  # characters of a layout that is translated
_QUOTED = re.compile(r"'([^']*)'|\[([^\]]*)\]")
_MINUTES = re.compile(r"(?<=%H:)%m|(?<=%I:)%m")


def in_our_form(layout: str) -> str:
    """Returns a layout without ``%`` in the form that `time.Format` takes; empty if its language is not recognised.

    >>> in_our_form("2006-01-02"), in_our_form("YYYY-MM-DD"), in_our_form("tomorrow")
    ('%Y-%m-%d', '%Y-%m-%d', '')
    """
    if len(layout) > _MOST:
        return ""
    for parts in (_GO, _LETTERS, _SINGLE):
        found = _translated(_QUOTED.sub(r"\1\2", layout) if parts is _LETTERS else layout, parts)
        if found:
            return found
    return ""


def _translated(layout: str, parts: dict[str, str]) -> str:
    """The layout with all parts replaced; empty if a letter or digit is left, or a part stands there twice."""
    pieces = re.split(f"({'|'.join(map(re.escape, sorted(parts, key=len, reverse=True)))})", layout)
    made = _MINUTES.sub("%M", "".join(parts.get(piece, piece) for piece in pieces))
    used = re.findall(r"%.", made)
    left = re.sub(r"%.|T", "", made)
    is_whole = used and len(set(used)) == len(used) and not re.search(r"[^\W_]", left)
    return made if is_whole else ""
