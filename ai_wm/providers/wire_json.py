"""Parses JSON from servers, with limits that are checked before any value is built."""

from __future__ import annotations

import json
from functools import partial
from typing import Any

from ai_wm.providers.adapter import BadReply
from ai_wm.providers.estimates import byte_length

MOST_VALUES = 1_000_000
"""Objects, lists and items that one reply may hold.  Each takes up to some hundred bytes, and two or three on the wire;
a reply of a model has some thousands."""

# An option of any kind, even the default, makes `json.loads` build a decoder for each call.
_loads_with_control_characters = partial(json.loads, strict=False)


def read_json(text: str | bytes, *, strict: bool = True) -> Any:
    """Parses JSON text from a server, within limits.  Bytes that are not UTF-8 become replacement characters.

    Raises:
        BadReply: it holds more than `MOST_VALUES`.
        ValueError: it is not JSON, or holds a number that cannot be read; `problem_of` tells which.
        RecursionError: it is nested too deeply.
    """
    if len(text) > MOST_VALUES:
        check_values(text)
    loads = json.loads if strict else _loads_with_control_characters
    try:
        return loads(text)
    except UnicodeDecodeError:
        return loads(bytes(text).decode("utf-8", "replace"))  # type: ignore[arg-type]


def check_values(text: str | bytes) -> None:
    """Raises an error for a text with too many JSON values."""
    marks = (b"{", b"[", b",") if isinstance(text, bytes) else ("{", "[", ",")
    if sum(map(text.count, marks)) > MOST_VALUES:  # type: ignore[arg-type]
        raise too_many("values")


def too_many(what: str, most: int = MOST_VALUES) -> BadReply:
    """Makes the failure of a reply with implausibly many of something, which a retry would not improve."""
    return BadReply(f"it holds more than {most} {what}", final=True)


def problem_of(error: ValueError | RecursionError) -> str:
    """Describes why a text cannot be parsed as JSON."""
    if isinstance(error, json.JSONDecodeError):
        return f"{error.msg} at character {error.pos}"
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    return "a whole number in it has too many digits to be read"


class Kept:
    """Counts the JSON values in the parts of a stream that are kept until its end."""

    def __init__(self) -> None:
        self._values = 0

    def add(self, part: Any) -> int:
        """Counts one more part, and returns the bytes of its JSON.

        Raises:
            BadReply: the parts hold more than `MOST_VALUES`.
        """
        text = json.dumps(part, ensure_ascii=False)
        self._values += 1 + text.count("{") + text.count("[") + text.count(",")
        if self._values > MOST_VALUES:
            raise too_many("values")
        return byte_length(text)
