"""The stored form of the language's values: JSON in which what JSON lacks is an object with the key ``$``."""

from __future__ import annotations

import base64
import hashlib
import json
from datetime import datetime

from pydantic_core import from_json, to_json

from neuroscript.errors import ErrorCode, NeuroScriptError
from neuroscript.values import ErrorValue, EventValue, Function, Fuzzy, Handle, TimeDate, ToolValue, to_host

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Protocol

    class Border(Protocol):
        """What stands for the values that are more than their content."""

        def handle_name(self, handle: Handle) -> str:
            """A name by which `handle` finds what a handle stands for again; empty if nothing can."""
            ...

        def handle(self, kind: str, name: str) -> Handle:
            """The handle of what has that name."""
            ...

        def function(self, name: str) -> Any:
            """The procedure of that name, as a value."""
            ...


_MARK = "$"
# Made once: `json.dumps` makes an encoder for each call that wants anything but the usual.
_ascii_text = json.JSONEncoder(separators=(",", ":")).encode
_sorted_text = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode
_PLAIN = frozenset({type(None), bool, int, float, str})


def to_text(value: Any) -> str:
    """Writes JSON values as the text that a journal keeps; it has no halves of characters, which UTF-8 lacks."""
    return to_bytes(value).decode()


def to_bytes(value: Any) -> bytes:
    """Writes JSON values as `to_text` does, in UTF-8."""
    try:
        return to_json(value, inf_nan_mode="constants")
    except ValueError:  # for halves of characters, and what is nested deeply
        return _ascii_text(value).encode()


def from_text(text: str | bytes) -> Any:
    """Reads what `to_text` or `to_bytes` wrote."""
    try:
        return from_json(text)
    except ValueError:  # likewise
        return json.loads(text)


def encode(value: Any, border: Border | None = None) -> str:
    """Writes a value of the language.

    Raises:
        NeuroScriptError: 7 for a value that cannot be stored, such as a function of the host.
    """
    return to_text(_encoded(value, border))


def decode(text: str, border: Border | None = None) -> Any:
    """Reads what `encode` wrote; each time a new value."""
    return _decoded(from_text(text), border)


def plain(text: str) -> Any:
    """Reads what `encode` wrote as a Python value to look at; a function or handle is its name."""
    return to_host(decode(text, _Names()))


class _Names:
    """A border that gives names for what only a run has."""

    def handle_name(self, handle: Handle) -> str:
        return ""

    def handle(self, kind: str, name: str) -> Any:
        return f"handle {kind} {name}".rstrip()

    def function(self, name: str) -> Any:
        return f"function {name}"


def digest(value: Any, border: Border | None = None) -> str:
    """A short hash of a value, the same for equal ones in every process."""
    text = _sorted_text(_encoded(value, border))
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=12).hexdigest()


def encode_error(error: NeuroScriptError) -> str:
    """Writes an error: its code, message and details, without its place, which the replay finds again."""
    details = _encoded(_storable(error.details), None)
    return to_text([int(error.code), error.message, details])


def decode_error(text: str) -> NeuroScriptError:
    """Reads what `encode_error` wrote."""
    code, message, details = from_text(text)
    return NeuroScriptError(code, message, details=_decoded(details, None))


def _encoded(value: Any, border: Border | None) -> Any:
    kind = type(value)
    if kind in _PLAIN:
        return value
    if kind is list:
        return [_encoded(item, border) for item in value]
    if kind is dict:
        held = {key: _encoded(item, border) for key, item in value.items()}
        return {_MARK: "map", "v": held} if _MARK in held else held
    tag = _TAGS.get(kind)
    if tag is None:
        raise NeuroScriptError(ErrorCode.TYPE, f"a value of the type {kind.__name__} cannot be kept in a journal")
    return {_MARK: tag[0], "v": tag[1](value, border)}


def _decoded(value: Any, border: Border | None) -> Any:
    kind = type(value)
    if kind is list:
        return [_decoded(item, border) for item in value]
    if kind is not dict:
        return value
    tag = value.get(_MARK)
    if tag is None:
        return {key: _decoded(item, border) for key, item in value.items()}
    return _READERS[tag](value["v"], border)


def _storable(details: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in details.items() if type(value) in _PLAIN or type(value) in (list, dict)}


def _handle(value: Handle, border: Border | None) -> list[str]:
    return [value.kind, border.handle_name(value) if border is not None else ""]


def _function(value: Function, border: Border | None) -> str:
    return value.name


def _event(value: EventValue, border: Border | None) -> list[Any]:
    return [value.name, _encoded(value.payload, border), value.source, _moment(value.timestamp), value.id]


def _error_value(value: ErrorValue, border: Border | None) -> list[Any]:
    return [int(value.code), value.message, _encoded(value.details, border)]


_TAGS: dict[type, tuple[str, Callable[[Any, Border | None], Any]]] = {
    bytes: ("bytes", lambda value, border: base64.b64encode(value).decode()),
    TimeDate: ("time", lambda value, border: _moment(value)),
    Fuzzy: ("fuzzy", lambda value, border: value.value),
    ToolValue: ("tool", lambda value, border: value.name),
    ErrorValue: ("error", _error_value),
    EventValue: ("event", _event),
    Function: ("function", _function),
    Handle: ("handle", _handle),
}


def _moment(value: TimeDate) -> list[Any]:
    """A moment with its nanoseconds, and the name of its zone if it is one of a place."""
    return [datetime.isoformat(value), value.nanosecond, getattr(value.tzinfo, "key", "")]


def _read_moment(held: list[Any]) -> TimeDate:
    text, nanosecond, zone = held
    moment = TimeDate.of(datetime.fromisoformat(text))
    if zone:
        from zoneinfo import ZoneInfo

        moment = moment.astimezone(ZoneInfo(zone))
    return moment.replace(nanosecond=nanosecond)


def _need(border: Border | None) -> Border:
    if border is None:
        raise NeuroScriptError(
            ErrorCode.TYPE, "a function or handle of a journal is read where there is no interpreter"
        )
    return border


_READERS: dict[str, Callable[[Any, Border | None], Any]] = {
    "map": lambda held, border: {key: _decoded(item, border) for key, item in held.items()},
    "bytes": lambda held, border: base64.b64decode(held),
    "time": lambda held, border: _read_moment(held),
    "event": lambda held, border: EventValue(
        held[0], _decoded(held[1], border), held[2], _read_moment(held[3]), held[4]
    ),
    "fuzzy": lambda held, border: Fuzzy(held),
    "tool": lambda held, border: ToolValue(held),
    "error": lambda held, border: ErrorValue(held[0], held[1], _decoded(held[2], border)),
    "function": lambda held, border: _need(border).function(held),
    "handle": lambda held, border: _need(border).handle(held[0], held[1]),
}
