"""Values of the language: their Python types, names, text form, equality, and the border to the host.

    nil None · boolean bool · number int or float · string str · bytes bytes · list list · map dict with str keys
    function Function · tool ToolValue · error ErrorValue · event EventValue · timedate TimeDate · fuzzy Fuzzy
    handle Handle

Inside the runtime a value has exactly one of these types, never a subclass, so that generated code may test with
``type(x) is …``.  `from_host` makes it so.  Truthiness is Python's own: each class here defines ``__bool__`` as the
language has it (section 4).
"""

from __future__ import annotations

import json
import math
import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timezone
from decimal import Decimal
from typing import Any

from neuroscript.errors import ErrorCode, NeuroScriptError, known_code

getrefcount: Callable[[object], int] = getattr(sys, "getrefcount", lambda _: 1 << 30)
_HELD_ONCE = 4  # the count of an item that only its container and two frames of `_Writer` hold

MAX_INT_BITS = 4096
INT_LIMIT = 1 << MAX_INT_BITS
DEFAULT_NESTING = 100
DEFAULT_STRING = 16 * 1024 * 1024

TYPE_NAMES = [
    "nil",
    "boolean",
    "number",
    "string",
    "bytes",
    "list",
    "map",
    "function",
    "tool",
    "error",
    "event",
    "timedate",
    "fuzzy",
    "handle",
    "unknown",
]
TYPE_CONSTANTS = {f"TYPE_{name.upper()}": name for name in TYPE_NAMES}


@dataclass(frozen=True, slots=True)
class Function:
    """A procedure as a value.  ``call`` is set by the interpreter that it belongs to."""

    name: str
    call: Callable[..., Any] = field(repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class ToolValue:
    """A tool as a value, by its full name."""

    name: str


class ErrorValue:
    """An error as a value: falsy, with the fields ``code``, ``message`` and whatever ``details`` it carries."""

    __slots__ = ("code", "details", "message")

    def __init__(self, code: int, message: str, details: Mapping[str, Any] | None = None) -> None:
        self.code = known_code(code)
        self.message = message
        self.details = dict(details or {})

    @classmethod
    def of(cls, error: NeuroScriptError) -> ErrorValue:
        """The error value of an exception."""
        return cls(error.code, error.message, error.details)

    def error(self) -> NeuroScriptError:
        """The exception of this value: its code and message are kept."""
        return NeuroScriptError(self.code, self.message, details=self.details)

    def fields(self) -> dict[str, Any]:
        """The fields that a script can read."""
        return {**self.details, "code": int(self.code), "message": self.message}

    def __bool__(self) -> bool:
        return False

    def __repr__(self) -> str:
        return f"ErrorValue({int(self.code)}, {self.message!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ErrorValue) and self.fields() == other.fields()

    def __hash__(self) -> int:
        return hash((int(self.code), self.message))


@dataclass(frozen=True, slots=True)
class EventValue:
    """An event as its handlers see it."""

    name: str
    payload: Any
    source: str
    timestamp: TimeDate
    id: str

    def fields(self) -> dict[str, Any]:
        """The fields that a script can read."""
        return {
            "name": self.name,
            "payload": self.payload,
            "source": self.source,
            "timestamp": self.timestamp,
            "id": self.id,
        }


class TimeDate(datetime):
    """A moment with its offset from UTC, to the microsecond.  The zero time (year 1) is falsy."""

    def __bool__(self) -> bool:
        return self.year > 1 or self.replace(tzinfo=None) != datetime.min

    @classmethod
    def of(cls, moment: datetime) -> TimeDate:
        """``moment`` as a value; without an offset it counts as UTC."""
        zone = moment.tzinfo or UTC
        return cls(
            moment.year,
            moment.month,
            moment.day,
            moment.hour,
            moment.minute,
            moment.second,
            moment.microsecond,
            timezone(zone.utcoffset(moment) or UTC.utcoffset(None)) if zone is not UTC else UTC,
        )


class Fuzzy:
    """A degree of truth from 0 to 1.  More than 0.5 is truthy."""

    __slots__ = ("value",)

    def __init__(self, value: float) -> None:
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
            raise NeuroScriptError(ErrorCode.INVALID_VALUE, f"a fuzzy is a number from 0 to 1, not {value!r}")
        self.value = float(value)

    def __bool__(self) -> bool:
        return self.value > 0.5

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Fuzzy) and self.value == other.value

    def __hash__(self) -> int:
        return hash((Fuzzy, self.value))

    def __repr__(self) -> str:
        return f"Fuzzy({self.value})"


class Handle:
    """A script's hold on a host object.  It shows its kind; what it stands for only the interpreter knows.

    Handles are equal by identity alone, so one cannot be forged from text or guessed.
    """

    __slots__ = ("__weakref__", "kind")

    def __init__(self, kind: str) -> None:
        self.kind = kind

    def __repr__(self) -> str:
        return f"<handle {self.kind}>"


_NAMES: dict[type, str] = {
    type(None): "nil",
    bool: "boolean",
    int: "number",
    float: "number",
    str: "string",
    bytes: "bytes",
    list: "list",
    dict: "map",
    Function: "function",
    ToolValue: "tool",
    ErrorValue: "error",
    EventValue: "event",
    TimeDate: "timedate",
    Fuzzy: "fuzzy",
    Handle: "handle",
}


def type_name(value: object) -> str:
    """What ``typeof`` gives: one of `TYPE_NAMES`."""
    return _NAMES.get(type(value), "unknown")


# --- numbers ---------------------------------------------------------------------------------------------------------

_NUMBER = re.compile(r"\s*[+-]?(?:[0-9]+(\.[0-9]*)?|(\.[0-9]+))([eE][+-]?[0-9]+)?\s*", re.ASCII)


def read_number(text: str) -> int | float | None:
    """The number that a string reads as (section 4), or None: no ``inf``, ``nan``, ``_``, hexadecimal."""
    match = _NUMBER.fullmatch(text)
    if match is None:
        return None
    if any(match.groups()):
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
        text = format(Decimal(text), "f")
    return text.removesuffix(".0")


# --- text form -------------------------------------------------------------------------------------------------------


def time_text(moment: datetime) -> str:
    """RFC 3339, with the fraction of the second as far as it goes, UTC as ``Z``."""
    text = moment.isoformat(timespec="microseconds" if moment.microsecond else "seconds")
    if moment.microsecond:
        head, fraction, tail = text[:20], text[20:26].rstrip("0"), text[26:]
        text = head + fraction + tail
    return text.removesuffix("+00:00") + "Z" if text.endswith("+00:00") else text


def text_of(value: Any, *, max_string: int | None = DEFAULT_STRING, max_nesting: int | None = DEFAULT_NESTING) -> str:
    """The text form (section 4), as ``emit`` shows it: nil is ``nil``.  In ``+`` and placeholders use `joined_text`.

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
    """The text form inside ``+`` and placeholders: nil is empty."""
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


_quote = json.JSONEncoder(ensure_ascii=False).encode


class _Writer:
    """Writes the text of one list or map.

    What is held in several places is written once: a value that contains itself twice over, thirty levels deep, has a
    text of a thousand million characters, and is refused as soon as its parts are known.
    """

    def __init__(self, longest: int) -> None:
        self.longest = longest
        self.kept: dict[int, str] = {}
        self.room = longest

    def text(self, value: Any, depth: int) -> str:
        if depth <= 0:
            raise NeuroScriptError(ErrorCode.NESTING_DEPTH_EXCEEDED, "lists and maps are nested too deeply to be shown")
        is_list = type(value) is list
        parts: list[str] = []
        length = 0
        for item in value:
            key = ""
            if not is_list:
                key = _quote(item) + ": "
                item = value[item]
            kind = type(item)
            if kind is list or kind is dict:
                text = self._part(item, depth - 1)
            else:
                text = _quote(item) if kind is str else text_of(item)
            parts.append(key + text if key else text)
            length += len(key) + len(text) + 2
            if length > self.longest:
                raise NeuroScriptError(ErrorCode.RESOURCE_EXHAUSTION, "the text of a value is longer than the limit")
        inside = ", ".join(parts)
        return f"[{inside}]" if is_list else f"{{{inside}}}"

    def _part(self, item: Any, depth: int) -> str:
        if len(item) == 0 or getrefcount(item) <= _HELD_ONCE:
            return self.text(item, depth)
        text = self.kept.get(id(item))
        if text is None:
            text = self.text(item, depth)
            if len(text) <= self.room:
                self.room -= len(text)
                self.kept[id(item)] = text
        return text


# --- equality --------------------------------------------------------------------------------------------------------


def same(a: Any, b: Any, depth: int = DEFAULT_NESTING, seen: set[tuple[int, int]] | None = None) -> bool:
    """Equality inside lists and maps: equal types and equal content; all numbers are one type.

    ``seen`` holds the pairs that are known to be equal, so that values that share their parts cost no more than those
    parts.
    """
    kind = type(a)
    if kind is not type(b):
        return (kind is int or kind is float) and type(b) in (int, float) and bool(a == b)
    if kind is list or kind is dict:
        if a is b:
            return True
        if len(a) != len(b):
            return False
        if depth <= 0:
            raise NeuroScriptError(ErrorCode.NESTING_DEPTH_EXCEEDED, "values are nested too deeply to be compared")
        if seen is None:
            seen = set()
        elif (id(a), id(b)) in seen:
            return True
        if kind is list:
            equals = all(same(x, y, depth - 1, seen) for x, y in zip(a, b, strict=True))
        else:
            equals = all(key in b and same(item, b[key], depth - 1, seen) for key, item in a.items())
        if equals:
            seen.add((id(a), id(b)))
        return equals
    return bool(a == b)


def equal(a: Any, b: Any) -> bool:
    """What ``==`` means (section 5): a number and a string that reads as a number compare as numbers."""
    left, right = type(a), type(b)
    if left is right or (left in (int, float) and right in (int, float)):
        return same(a, b)
    if left is str and right in (int, float):
        number = read_number(a)
        return number is not None and number == b
    if right is str and left in (int, float):
        number = read_number(b)
        return number is not None and number == a
    if left is Fuzzy and right in (int, float):
        return bool(a.value == b)
    if right is Fuzzy and left in (int, float):
        return bool(b.value == a)
    return False


# --- the border to the host ------------------------------------------------------------------------------------------

_EXACT = frozenset({type(None), bool, int, str, bytes, Function, ToolValue, TimeDate, Fuzzy, Handle})


def from_host(value: Any, depth: int = DEFAULT_NESTING, made: dict[int, Any] | None = None) -> Any:
    """A host's value as a value of the language: exact types, whole numbers and doubles in range, containers copied.

    Accepts what JSON has, tuples, sets, mappings, bytes, dates, enums of numbers and strings, dataclasses and pydantic
    models, exceptions of this package, and the value classes of this module.

    Raises:
        NeuroScriptError: 7 for a value that the language has no type for; 41 for a number out of range; 38 for nesting
            (cycles included).
    """
    kind = type(value)
    if kind is int:
        return value if -INT_LIMIT < value < INT_LIMIT else _out_of_range(value)
    if kind in _EXACT:
        return _whole_text(value) if kind is str and not value.isascii() else value
    if kind is float:
        return value if math.isfinite(value) else _out_of_range(value)
    if depth <= 0:
        raise NeuroScriptError(ErrorCode.NESTING_DEPTH_EXCEEDED, "a value from the host is nested too deeply")
    if kind is list or kind is dict:
        # What the host holds in several places is converted once, and shared here too.
        if made is None:
            made = {}
        elif id(value) in made:
            return made[id(value)]
        if kind is list:
            converted: Any = [from_host(item, depth - 1, made) for item in value]
        else:
            converted = {_host_key(key): from_host(item, depth - 1, made) for key, item in value.items()}
        made[id(value)] = converted
        return converted
    if kind is ErrorValue:
        return ErrorValue(value.code, value.message, from_host(value.details, depth - 1))
    if kind is EventValue:
        return EventValue(value.name, from_host(value.payload, depth - 1), value.source, value.timestamp, value.id)
    return _convert(value, depth)


def _convert(value: Any, depth: int) -> Any:
    match value:
        case bool() | int() | float() | str() | bytes():
            base: Any = next(t for t in (bool, int, float, str, bytes) if isinstance(value, t))
            return from_host(base(value), depth)
        case bytearray() | memoryview():
            return bytes(value)
        case datetime():
            return TimeDate.of(value)
        case date():
            return TimeDate(value.year, value.month, value.day, tzinfo=UTC)
        case Mapping():
            return from_host(dict(value), depth)
        case Sequence() | Set():
            return from_host(list(value), depth)
        case NeuroScriptError():
            return ErrorValue(value.code, value.message, from_host(value.details, depth - 1))
        case Decimal():
            whole = value == value.to_integral_value() if value.is_finite() else False
            return from_host(int(value) if whole else float(value), depth)
    if hasattr(type(value), "model_dump"):
        return from_host(value.model_dump(), depth)
    if hasattr(type(value), "__dataclass_fields__") and not isinstance(value, type):
        return from_host({name: getattr(value, name) for name in value.__dataclass_fields__}, depth)
    if isinstance(value, Iterable) and not isinstance(value, type):
        return from_host(list(value), depth)
    raise NeuroScriptError(ErrorCode.TYPE, f"a {type(value).__name__} cannot be a value of a script")


def _host_key(key: Any) -> str:
    if type(key) is str:
        return key if key.isascii() else _whole_text(key)
    if isinstance(key, str):
        return _whole_text(str(key))
    if isinstance(key, bool | int | float):
        return text_of(from_host(key))
    raise NeuroScriptError(ErrorCode.TYPE, f"a map's keys are strings, numbers and booleans, not {type(key).__name__}")


def _whole_text(text: str) -> str:
    """A host's string; lone surrogates, which no UTF-8 output can hold, become U+FFFD."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def _out_of_range(number: int | float) -> Any:
    if isinstance(number, int):
        raise NeuroScriptError(ErrorCode.INVALID_VALUE, f"a whole number has at most {MAX_INT_BITS} bits")
    raise NeuroScriptError(ErrorCode.INVALID_VALUE, f"{number} is not a number of the language")


def to_host(value: Any, depth: int = DEFAULT_NESTING, made: dict[int, Any] | None = None) -> Any:
    """A value for the host: containers are copied, so that what the host does to them no script sees."""
    kind = type(value)
    if kind is not list and kind is not dict:
        return value
    if depth <= 0:
        raise NeuroScriptError(ErrorCode.NESTING_DEPTH_EXCEEDED, "a value is nested too deeply for the host")
    if made is None:
        made = {}
    elif id(value) in made:
        return made[id(value)]
    if kind is list:
        copied: Any = [to_host(item, depth - 1, made) for item in value]
    else:
        copied = {key: to_host(item, depth - 1, made) for key, item in value.items()}
    made[id(value)] = copied
    return copied


def to_json(value: Any, depth: int = DEFAULT_NESTING, made: dict[int, Any] | None = None) -> Any:
    """A value as JSON has it: what JSON lacks becomes its text form, a whole double a whole number.

    Parts that the value holds several times are shared in the result; whoever writes it out bounds the size first,
    which `text_of` does.
    """
    kind = type(value)
    if kind is list or kind is dict:
        if depth <= 0:
            raise NeuroScriptError(ErrorCode.NESTING_DEPTH_EXCEEDED, "a value is nested too deeply for JSON")
        if made is None:
            made = {}
        elif id(value) in made:
            return made[id(value)]
        if kind is list:
            written: Any = [to_json(item, depth - 1, made) for item in value]
        else:
            written = {key: to_json(item, depth - 1, made) for key, item in value.items()}
        made[id(value)] = written
        return written
    if value is None or kind in (bool, int, str):
        return value
    if kind is float:
        return int(value) if value.is_integer() and abs(value) < 2**53 else value
    if kind is ErrorValue:
        return to_json({"error": value.fields()}, depth)
    if kind is EventValue:
        return to_json(value.fields(), depth - 1)
    if kind is Fuzzy:
        return value.value
    return text_of(value)
