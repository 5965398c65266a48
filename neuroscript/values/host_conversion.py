"""Host conversion: Python values to values of the language, and back."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence, Set
from datetime import UTC, date, datetime
from math import isfinite

from neuroscript.errors import ErrorCode, NeuroScriptError
from neuroscript.output import whole_text
from neuroscript.values.flat_maps import may_nest
from neuroscript.values.holders import IN_COPIED_LIST, IN_COPIED_MAP, refcount
from neuroscript.values.kinds import (
    DEFAULT_NESTING,
    INT_LIMIT,
    MAX_INT_BITS,
    ErrorValue,
    EventValue,
    Function,
    Fuzzy,
    Handle,
    ToolValue,
)
from neuroscript.values.text import text_of
from neuroscript.values.timedate import TimeDate

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_MOST_REPEATED = 1_000_000  # items that copying may add to a value that holds some of its parts several times
_SHORT = 8  # items that are looked at one by one as soon as by a set
_LEAST, _MOST = 1 - INT_LIMIT, INT_LIMIT - 1
_TOO_DEEP = "a value from the host is nested too deeply"
_EXACT = frozenset({type(None), bool, int, str, bytes, Function, ToolValue, TimeDate, Fuzzy, Handle})
_SCALARS = _EXACT | {float}


def from_host(value: Any, depth: int = DEFAULT_NESTING, made: dict[int, Any] | None = None) -> Any:
    """Converts a host's value to one of the language: exact types, numbers in range, containers copied.

    Accepts what JSON has, tuples, sets, mappings, bytes, dates, enums of numbers and strings, dataclasses and pydantic
    models, scalars and arrays of numpy, exceptions of this package, and the value classes of this module.

    Raises:
        NeuroScriptError: 7 for a value that the language has no type for; 41 for a number out of range; 38 for nesting
            (cycles included).
    """
    kind = type(value)
    if kind is str:
        return value if value.isascii() else whole_text(value)
    if kind is dict or kind is list:
        if depth <= 0:
            raise NeuroScriptError(ErrorCode.NESTING_DEPTH_EXCEEDED, _TOO_DEEP)
        if made is None:
            return (_map_from_host if kind is dict else _list_from_host)(value, depth - 1, made)
        key = id(value)
        if key not in made:
            # What the host holds in several places is converted once, and shared here too.
            made[key] = (_map_from_host if kind is dict else _list_from_host)(value, depth - 1, made)
        return made[key]
    if kind is int:
        return value if _LEAST <= value <= _MOST else _out_of_range(value)
    if kind in _EXACT:
        return value
    if kind is float:
        return value if isfinite(value) else _out_of_range(value)
    if depth <= 0:
        raise NeuroScriptError(ErrorCode.NESTING_DEPTH_EXCEEDED, _TOO_DEEP)
    if kind is ErrorValue:
        return ErrorValue(value.code, whole_text(value.message), from_host(value.details, depth - 1))
    if kind is EventValue:
        name, source = whole_text(value.name), whole_text(value.source)
        return EventValue(name, from_host(value.payload, depth - 1), source, value.timestamp, value.id)
    return _convert(value, depth)


def _list_from_host(values: list[Any], depth: int, made: dict[int, Any] | None) -> list[Any]:
    """A copy of a list, with the items converted that need it.

    The common items are tested here, and in `_map_from_host`, since a call of `from_host` for each takes twice as
    long.  A list or map that nothing else holds need not be kept in ``made``: it does not come again.
    """
    copy = values.copy()
    for index, item in enumerate(copy):
        kind = type(item)
        if kind is str:
            if item.isascii():
                continue
        elif kind is int:
            if _LEAST <= item <= _MOST:
                continue
        elif item is None or kind is bool or (kind is float and isfinite(item)):
            continue
        if made is None:
            made = {}
        try:
            if depth > 0 and (kind is dict or kind is list) and refcount(item) == IN_COPIED_LIST:
                copy[index] = (_map_from_host if kind is dict else _list_from_host)(item, depth - 1, made)
            else:
                copy[index] = from_host(item, depth, made)
        except NeuroScriptError as error:
            at_part(error, f"[{index}]")
            raise
    return copy


def _map_from_host(mapping: dict[Any, Any], depth: int, made: dict[int, Any] | None) -> dict[str, Any]:
    """A copy of a map, with the keys and items converted that need it."""
    copy = mapping.copy()
    for key, item in copy.items():
        if type(key) is not str or not key.isascii():
            return _map_of(mapping, depth, {} if made is None else made)
        kind = type(item)
        if kind is str:
            if item.isascii():
                continue
        elif kind is int:
            if _LEAST <= item <= _MOST:
                continue
        elif item is None or kind is bool or (kind is float and isfinite(item)):
            continue
        if made is None:
            made = {}
        try:
            if depth > 0 and (kind is dict or kind is list) and refcount(item) == IN_COPIED_MAP:
                copy[key] = (_map_from_host if kind is dict else _list_from_host)(item, depth - 1, made)
            else:
                copy[key] = from_host(item, depth, made)
        except NeuroScriptError as error:
            at_part(error, _key_path(key))
            raise
    return copy


def _map_of(mapping: dict[Any, Any], depth: int, made: dict[int, Any]) -> dict[str, Any]:
    """A copy of a map whose keys are converted too."""
    copy = {}
    for key, item in mapping.items():
        name = _host_key(key)
        try:
            copy[name] = from_host(item, depth, made)
        except NeuroScriptError as error:
            at_part(error, _key_path(name))
            raise
    return copy


def _key_path(key: str) -> str:
    return f".{key}" if key.isidentifier() else f"[{text_of([key])[1:-1]}]"


def at_part(error: NeuroScriptError, part: str, *, outermost: bool = False) -> None:
    """Notes in an error of conversion which part of a value it is about.

    Args:
        error: of `from_host`.
        part: the part, as a path goes on to it (``.name``, ``[0]``), or what the whole value is.
        outermost: whether it is what the whole value is (``argument 1``).
    """
    if error.code not in (ErrorCode.TYPE, ErrorCode.INVALID_VALUE):
        return
    path: str = getattr(error, "path", "")
    problem = error.message.removeprefix(f"{path.removeprefix('.')}: ") if path else error.message
    if outermost:
        shown = f"{part}: {path.removeprefix('.')}" if path else part
    else:
        path = part + path
        shown = path.removeprefix(".")
        error.path = path  # type: ignore[attr-defined]
    error.message = f"{shown}: {problem}"
    error.args = (error.code, error.message)


def named_from_host(value: Any, what: str) -> Any:
    """As `from_host`, with ``what`` the value is in the error: ``argument 1: orders[0].price: …``."""
    try:
        return from_host(value)
    except NeuroScriptError as error:
        at_part(error, what, outermost=True)
        raise


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
            return from_host(ErrorValue.of(value), depth)
    # Where there is a Decimal, its module has been imported.
    if "decimal" in sys.modules and isinstance(value, sys.modules["decimal"].Decimal):
        whole = value == value.to_integral_value() if value.is_finite() else False
        return from_host(int(value) if whole else float(value), depth)
    numpy = sys.modules.get("numpy")
    if numpy is not None and isinstance(value, (numpy.ndarray, numpy.generic)):
        return from_host(_of_numpy(value, numpy), depth)
    if hasattr(type(value), "model_dump"):
        return from_host(value.model_dump(), depth)
    if hasattr(type(value), "__dataclass_fields__") and not isinstance(value, type):
        return from_host({name: getattr(value, name) for name in value.__dataclass_fields__}, depth)
    if isinstance(value, Iterable) and not isinstance(value, type):
        return from_host(list(value), depth)
    raise NeuroScriptError(ErrorCode.TYPE, f"a {type(value).__name__} cannot be a value of a script")


def _of_numpy(value: Any, numpy: Any) -> Any:
    """An array of numpy as lists, a scalar as Python's own."""
    kind = value.dtype.kind
    if kind == "M":
        if value.ndim:
            return [_of_numpy(item, numpy) for item in value]
        return None if numpy.isnat(value) else _moment_of(value.astype("datetime64[s]"), value, numpy)
    if kind == "f" and value.itemsize > 8:
        value = value.astype(float)  # a longer one gives itself
    plain = value.tolist()
    if isinstance(plain, numpy.generic):
        raise NeuroScriptError(ErrorCode.TYPE, f"a numpy.{type(plain).__name__} cannot be a value of a script")
    return plain


def _moment_of(second: Any, value: Any, numpy: Any) -> TimeDate:
    rest = int((value - second) / numpy.timedelta64(1, "ns"))
    try:
        return TimeDate.from_unix_nanoseconds(int(second.astype("int64")) * 1_000_000_000 + rest)
    except OverflowError:
        message = f"{value} is no moment of the language, which ends with the year 9999"
        raise NeuroScriptError(ErrorCode.INVALID_VALUE, message) from None


def _host_key(key: Any) -> str:
    if isinstance(key, str):
        return whole_text(str(key))
    if isinstance(key, bool | int | float):
        return text_of(from_host(key))
    raise NeuroScriptError(ErrorCode.TYPE, f"a map's keys are strings, numbers and booleans, not {type(key).__name__}")


def _out_of_range(number: int | float) -> Any:
    if isinstance(number, int):
        raise NeuroScriptError(ErrorCode.INVALID_VALUE, f"a whole number has at most {MAX_INT_BITS} bits")
    raise NeuroScriptError(ErrorCode.INVALID_VALUE, f"{number} is not a number of the language")


def to_host(value: Any) -> Any:
    """Converts a value for the host; containers are copied, so that no script sees what the host does to them.

    A part that the value holds in several places becomes as many copies, as it would be if lists and maps were copied
    whenever they are stored.

    Raises:
        NeuroScriptError: 38 for nesting; 37 if parts that are held in several places would become too much.
    """
    kind = type(value)
    if kind in _SCALARS:
        return value
    if kind is list:
        return _list_to_host(value, DEFAULT_NESTING - 1, None)
    if kind is dict:
        return _map_to_host(value, DEFAULT_NESTING - 1, None)
    return _Copier().copy(value, DEFAULT_NESTING)


def _list_to_host(values: list[Any], depth: int, copier: _Copier | None) -> list[Any]:
    """A copy of a list; ``copier`` does the parts that something else holds too, which may come again."""
    copy = values.copy()
    if len(copy) > _SHORT and _SCALARS.issuperset(map(type, copy)):
        return copy
    for index, item in enumerate(copy):
        kind = type(item)
        if kind in _SCALARS:
            continue
        is_alone = depth > 0 and refcount(item) == IN_COPIED_LIST
        if is_alone and kind is dict and not may_nest(item):
            copy[index] = item.copy()
            continue
        if copier is None:
            copier = _Copier()
        if is_alone and kind is dict:
            copy[index] = _map_to_host(item, depth - 1, copier)
        elif is_alone and kind is list:
            copy[index] = _list_to_host(item, depth - 1, copier)
        else:
            copy[index] = copier.copy(item, depth)
    return copy


def _map_to_host(entries: dict[str, Any], depth: int, copier: _Copier | None) -> dict[str, Any]:
    """As `_list_to_host`, of a map."""
    copy = entries.copy()
    if not may_nest(entries):
        return copy
    for key, item in copy.items():
        kind = type(item)
        if kind in _SCALARS:
            continue
        is_alone = depth > 0 and refcount(item) == IN_COPIED_MAP
        if copier is None:
            copier = _Copier()
        if is_alone and kind is dict:
            copy[key] = _map_to_host(item, depth - 1, copier)
        elif is_alone and kind is list:
            copy[key] = _list_to_host(item, depth - 1, copier)
        else:
            copy[key] = copier.copy(item, depth)
    return copy


class _Copier:
    """Copies parts of one value.  Those that it holds several times are copied each time, up to a limit."""

    def __init__(self) -> None:
        self.seen: set[int] = set()
        self.room = _MOST_REPEATED

    def copy(self, value: Any, depth: int) -> Any:
        kind = type(value)
        if kind is not list and kind is not dict:
            return self._parts_of(value, depth)
        if depth <= 0:
            raise NeuroScriptError(ErrorCode.NESTING_DEPTH_EXCEEDED, "a value is nested too deeply for the host")
        if id(value) in self.seen:
            self.room -= len(value) + 1
            if self.room < 0:
                message = f"a value holds the same parts so often that it would have over {_MOST_REPEATED} items more"
                raise NeuroScriptError(ErrorCode.RESOURCE_EXHAUSTION, message)
        self.seen.add(id(value))
        copied = value.copy()
        for key, item in enumerate(copied) if kind is list else copied.items():
            if type(item) not in _SCALARS:
                copied[key] = self.copy(item, depth - 1)
        return copied

    def _parts_of(self, value: Any, depth: int) -> Any:
        """A copy of an error or event, which may hold containers; any other value as it is."""
        if type(value) is ErrorValue and value.details:
            return ErrorValue(value.code, value.message, self.copy(value.details, depth))
        if type(value) is EventValue:
            return EventValue(value.name, self.copy(value.payload, depth), value.source, value.timestamp, value.id)
        return value


def to_json(value: Any, depth: int = DEFAULT_NESTING, made: dict[int, Any] | None = None) -> Any:
    """Converts a value to JSON's types: what JSON lacks becomes its text form, a whole double a whole number.

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
