"""The text form of values (language reference, section 4)."""

from __future__ import annotations

import functools

from neuroscript.errors import ErrorCode, NeuroScriptError
from neuroscript.values.holders import ITEM_IN_HELPER, refcount
from neuroscript.values.kinds import (
    DEFAULT_NESTING,
    DEFAULT_STRING,
    ErrorValue,
    EventValue,
    Function,
    Fuzzy,
    Handle,
    ToolValue,
)
from neuroscript.values.numbers import number_text
from neuroscript.values.timedate import TimeDate

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, NoReturn


_FEW = 64  # whole numbers whose texts are put together at once
_are_whole = frozenset({int}).issuperset


def time_text(moment: TimeDate) -> str:
    """A moment in RFC 3339, with no more digits of the second's fraction than needed, and ``Z`` for UTC."""
    text = moment.isoformat(timespec="seconds")
    if moment.fraction:
        text = f"{text[:19]}.{moment.fraction:09}".rstrip("0") + text[19:]
    return text[:-6] + "Z" if text.endswith("+00:00") else text


def text_of(value: Any, *, max_string: int | None = DEFAULT_STRING, max_nesting: int | None = DEFAULT_NESTING) -> str:
    """The text form of a value, as ``emit`` shows it: nil is ``nil``.  In ``+`` and placeholders use `joined_text`.

    Raises:
        NeuroScriptError: 37 if the text would be longer than ``max_string``, 38 if the value is nested too deeply.
    """
    kind = type(value)
    if kind is str:
        return value  # type: ignore[no-any-return]
    if kind is int or kind is float:
        return number_text(value)
    if kind is list or kind is dict:
        longest = max_string if max_string is not None else 1 << 62
        return _Writer(longest).text(value, max_nesting or 1 << 30)
    return _scalar_text(value)


def joined_text(value: Any, **limits: int | None) -> str:
    """The text form of a value inside ``+`` and placeholders: nil is empty."""
    return "" if value is None else text_of(value, **limits)


def _scalar_text(value: Any) -> str:
    match value:
        case None:
            return "nil"
        case bool():
            return "true" if value else "false"
        case bytes():
            return f"bytes({len(value)})"
        case Function():
            return f"function<{value.name}>"
        case ToolValue():
            return f"tool<{value.name}>"
        case ErrorValue():
            return f"error: {value.message}"
        case EventValue():
            return f"event: {value.name}"
        case TimeDate():
            return time_text(value)
        case Fuzzy():
            return number_text(value.value)
        case _:
            return repr(value) if isinstance(value, Handle) else f"<{type(value).__name__}>"


@functools.cache
def _quote() -> Callable[[str], str]:
    from json.encoder import encode_basestring  # not before a list or map is written

    return encode_basestring


class _Writer:
    """Writes the text of one list or map.

    What is held in several places is written once: a value that contains itself twice over, thirty levels deep, has a
    text of a thousand million characters, and is refused as soon as its parts are known.
    """

    def __init__(self, longest: int) -> None:
        self.quote = _quote()
        self.longest = longest
        self.kept: dict[int, str] = {}
        self.room = longest

    def text(self, value: Any, depth: int) -> str:
        if depth <= 0:
            raise NeuroScriptError(ErrorCode.NESTING_DEPTH_EXCEEDED, "lists and maps are nested too deeply to be shown")
        is_list = type(value) is list
        if is_list and 0 < len(value) <= _FEW and _are_whole(map(type, value)):
            text = f"[{', '.join(map(str, value))}]"
            if len(text) > self.longest:
                self._too_long()
            return text
        quote = self.quote
        parts: list[str] = []
        length = 0
        for item in value:
            key = ""
            if not is_list:
                key = quote(item) + ": "
                item = value[item]
            kind = type(item)
            if kind is str:
                text = quote(item)
            elif kind is int:
                text = str(item)
            elif kind is list or kind is dict:
                text = self._part(item, depth - 1)
            else:
                text = text_of(item)
            parts.append(key + text if key else text)
            length += len(key) + len(text) + 2
            if length > self.longest:
                self._too_long()
        inside = ", ".join(parts)
        return f"[{inside}]" if is_list else f"{{{inside}}}"

    def _too_long(self) -> NoReturn:
        raise NeuroScriptError(ErrorCode.RESOURCE_EXHAUSTION, "the text of a value is longer than the limit")

    def _part(self, item: Any, depth: int) -> str:
        if len(item) == 0 or refcount(item) <= ITEM_IN_HELPER:
            return self.text(item, depth)
        text = self.kept.get(id(item))
        if text is None:
            text = self.text(item, depth)
            if len(text) <= self.room:
                self.room -= len(text)
                self.kept[id(item)] = text
        return text
