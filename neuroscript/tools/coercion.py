"""Detects lossy conversions by pydantic.

The language converts only what loses nothing: a boolean is never a number, a number never a moment, and only some text
reads as a number.  Pydantic's lax mode takes ``true`` for 1, ``"yes"`` for ``True`` and 5 for a moment in 1970.  Its
strict mode takes too little instead: no map for a model, no list for a set.  So a value is validated in lax mode, and
where a part of the result may be such a conversion, strict mode is asked about that part.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence, Set
from datetime import date, datetime, time
from decimal import Decimal
from enum import Enum
from typing import Any, TypeAlias

from pydantic import TypeAdapter, ValidationError
from pydantic_core import to_json

from neuroscript.values import TimeDate, read_number, text_of

Path: TypeAlias = tuple[str | int, ...]

_MOMENTS = (date, time)  # a datetime is a date
_NUMBERS = (int, float, Decimal)
_EXACT_INTS = 1 << 53


def lossy_parts(adapter: TypeAdapter[Any], value: Any, made: Any) -> list[tuple[Path, str]]:
    """Returns the parts of a value that pydantic converted with loss, with the type expected for each.

    Args:
        adapter: the pydantic adapter that converted the value.
        value: a value of the language.
        made: the result of the conversion.
    """
    doubtful = dict(_doubtful(value, made, ()))
    if not doubtful:
        return []
    lossy = {path: expected for path, (leaf, part, expected) in doubtful.items() if _is_certain(leaf, part)}
    try:
        adapter.validate_json(to_json(_as_json(value), fallback=str, bytes_mode="base64"), strict=True)
    except ValidationError as error:
        for item in error.errors(include_url=False, include_context=False):
            path, _ = data_path(value, item["loc"])
            if path in doubtful:
                lossy[path] = doubtful[path][2]
    return list(lossy.items())


def data_path(value: Any, location: tuple[str | int, ...]) -> tuple[Path, list[str]]:
    """Splits the location of a pydantic error into the path of a part of a value and the rest, like union members."""
    path: list[str | int] = []
    rest: list[str] = []
    for step in location:
        places = value if type(value) is dict else range(len(value)) if type(value) is list else ()
        if step in places:
            path.append(step)
            value = value[step]
        else:
            rest.append(str(step))
    return tuple(path), rest


def part_at(value: Any, path: Path) -> Any:
    """Returns the part of a value at a path from `data_path`."""
    for step in path:
        value = value[step]
    return value


_Doubt: TypeAlias = tuple[Any, Any, str]


def _doubtful(value: Any, made: Any, path: Path) -> Iterator[tuple[Path, _Doubt]]:
    """The paths of parts whose conversion may be lossy, with the part, its result and the type expected."""
    if type(value) is dict:
        if isinstance(made, Mapping):
            for key, item in value.items():
                if key in made:
                    yield from _doubtful(item, made[key], (*path, key))
        else:
            for key, attribute in _keys_of(made).items():
                if key in value:
                    yield from _doubtful(value[key], getattr(made, attribute, None), (*path, key))
    elif type(value) is list:
        if isinstance(made, Set):
            for index, item in enumerate(value):
                found = [list(_doubtful(item, part, (*path, index))) for part in made]
                if found and all(found):
                    yield from found[0]
        elif isinstance(made, Sequence) and not isinstance(made, str | bytes):
            for index, (item, part) in enumerate(zip(value, made, strict=False)):
                yield from _doubtful(item, part, (*path, index))
    else:
        expected = _doubt(value, _scalar(made))
        if expected:
            yield path, (value, made, expected)


def _scalar(made: Any) -> Any:
    """The plain value of an enumeration member or a numpy scalar."""
    if isinstance(made, Enum):
        return made.value
    numpy: Any = sys.modules.get("numpy")
    return made.item() if numpy is not None and isinstance(made, numpy.generic) else made


def _keys_of(made: Any) -> dict[str, str]:
    """The attributes of a model, dataclass or named tuple, by their keys in the input."""
    models = getattr(type(made), "model_fields", None) or {}
    aliases = {getattr(field, "validation_alias", None) or field.alias or name: name for name, field in models.items()}
    named = [*getattr(type(made), "__dataclass_fields__", ()), *getattr(type(made), "_fields", ())]
    return {key: name for key, name in aliases.items() if isinstance(key, str)} | {name: name for name in named}


def _doubt(leaf: Any, made: Any) -> str:
    """The type that may have been expected instead of a part; empty if the conversion is certainly lossless."""
    kind = type(leaf)
    if isinstance(made, bool):
        return "a boolean" if kind is not bool and kind in (int, float, str, bytes) else ""
    if isinstance(made, _NUMBERS):
        expected = "a whole number" if isinstance(made, int) else "a number"
        if kind is bool or kind is bytes or (kind is str and read_number(leaf) is None):
            return expected
        if kind is int and isinstance(made, float) and abs(leaf) > _EXACT_INTS and made != leaf:
            return "a number that a double holds exactly"
    if isinstance(made, _MOMENTS) and (kind in (int, float, bool) or (kind is str and read_number(leaf) is not None)):
        return moment(made)
    if isinstance(made, str) and kind is bytes:
        return "a string"
    return ""


def moment(made: date | time | type) -> str:
    """Returns the kind of a date or time for error messages."""
    kind = made if isinstance(made, type) else type(made)
    if issubclass(kind, datetime):
        return "a date and time such as 2026-01-31T12:00:00Z"
    return "a date such as 2026-01-31" if issubclass(kind, date) else "a time such as 12:30:00"


def _is_certain(leaf: Any, made: Any) -> bool:
    """Whether pydantic converted a part as its strict mode would too.

    Such are the member of an enumeration, a rounded number, text of bytes, a `Decimal` of ``1_000``, and a moment of a
    number, or of text of one: the seconds since 1970.  A validator of the host's own makes something else of the part.
    """
    kind = type(leaf)
    if kind is bool and isinstance(made, Enum):  # which finds the member of 1 by ``true``
        return True
    if kind is int and isinstance(made, float):
        return float(leaf) == made
    if kind is bytes and isinstance(made, str):
        return bool(leaf == made.encode(errors="surrogatepass"))
    if kind not in (str, int, float) or not isinstance(made, (*_MOMENTS, Decimal)):
        return False
    wanted = next(wanted for wanted in (Decimal, datetime, date, time) if isinstance(made, wanted))
    try:
        return bool(TypeAdapter[Any](wanted).validate_python(leaf) == made)
    except (ValidationError, TypeError):  # it was made in another way, or in another time zone
        return False


def _as_json(value: Any) -> Any:
    """A value with text in place of parts that JSON cannot represent; integral floats become integers."""
    if type(value) is dict:
        return {key: _as_json(item) for key, item in value.items()}
    if type(value) is list:
        return [_as_json(item) for item in value]
    if type(value) is float and value.is_integer():
        return int(value)
    return text_of(value) if type(value) is TimeDate else value
