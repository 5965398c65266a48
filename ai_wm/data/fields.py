"""Field types of the data models, and the errors for values that do not fit them."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta, tzinfo
from enum import Enum
from typing import Annotated, Any, Final, Self, SupportsIndex

from pydantic import (
    AliasChoices,
    BaseModel,
    BeforeValidator,
    Field,
    GetCoreSchemaHandler,
    StrictBool,
    StrictStr,
    ValidationError,
)
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from ai_wm.data.type_words import described_type, type_word
from neuroscript import ErrorCode, NeuroScriptError

INT64_MAX = 2**63 - 1

_RFC3339 = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:\.(\d{1,9})\d*)?(?:([Zz])|([+-])(\d\d):(\d\d))", re.ASCII
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Timestamp(datetime):
    """A point in time in UTC with nanoseconds, which keeps the text that it was read from.

    Everything a `datetime` does works; comparisons include the nanoseconds, and ``str()`` gives the RFC 3339 text,
    exactly as it was read if it was read.  ``0001-01-01T00:00:00Z`` is "never" (`is_zero`).
    """

    __slots__ = ("_text", "nanosecond")

    nanosecond: int
    """Nanoseconds beyond ``microsecond``, 0 to 999."""
    _text: str

    def __new__(
        cls,
        year: SupportsIndex,
        month: SupportsIndex = 1,
        day: SupportsIndex = 1,
        hour: SupportsIndex = 0,
        minute: SupportsIndex = 0,
        second: SupportsIndex = 0,
        microsecond: SupportsIndex = 0,
        tzinfo: tzinfo | None = UTC,
        *,
        fold: int = 0,
        nanosecond: int = 0,
        text: str = "",
    ) -> Self:
        self = super().__new__(cls, year, month, day, hour, minute, second, microsecond, tzinfo or UTC, fold=fold)
        self.nanosecond = nanosecond
        self._text = text
        return self

    @classmethod
    def parse(cls, text: str) -> Timestamp:
        """Parses RFC 3339 text; an offset other than ``Z`` is converted to UTC, digits beyond nanoseconds are dropped.

        Raises:
            ValueError: if the text is not an RFC 3339 time.
        """
        match = _RFC3339.fullmatch(text)
        if match is None:
            raise ValueError(f"{text[:60]!r} is not an RFC 3339 time such as 2025-06-15T09:30:00Z")
        year, month, day, hour, minute, second, fraction, _zulu, sign, hours, minutes = match.groups()
        digits = (fraction or "").ljust(9, "0")
        # A leap second is the last moment that a datetime can show of that minute.
        seconds = min(int(second), 59)
        parts = (int(year), int(month), int(day), int(hour), int(minute), seconds, int(digits[:6]))
        if sign and (hours, minutes) != ("00", "00"):
            offset = timedelta(hours=int(hours), minutes=int(minutes))
            try:
                moment = datetime(*parts, tzinfo=UTC) + (-offset if sign == "+" else offset)
            except OverflowError as error:
                raise ValueError(f"{text!r} is outside the years 1 to 9999") from error
            parts = (moment.year, moment.month, moment.day, moment.hour, moment.minute, moment.second, parts[6])
        return cls(*parts, nanosecond=int(digits[6:]), text=text)

    @classmethod
    def of(cls, moment: datetime) -> Timestamp:
        """Converts a datetime; one without a time zone is taken to be in UTC."""
        if isinstance(moment, Timestamp):
            return moment
        if moment.tzinfo is not None and moment.tzinfo is not UTC:
            moment = moment.astimezone(UTC)
        return cls(moment.year, moment.month, moment.day, moment.hour, moment.minute, moment.second, moment.microsecond)

    @classmethod
    def from_unix(cls, seconds: float) -> Timestamp:
        """Converts seconds since 1970, as ``time.time`` returns them, with microsecond precision."""
        return cls.fromtimestamp(seconds)

    # These would take the moment from the local time zone, which a naive result does not name.

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> Self:
        """Returns the current moment; always in UTC."""
        return cls.fromtimestamp(datetime.now(UTC).timestamp())

    @classmethod
    def fromtimestamp(cls, timestamp: float, tz: tzinfo | None = None) -> Self:
        """Converts seconds since 1970; the result is always in UTC."""
        moment = _EPOCH + timedelta(seconds=timestamp)
        return cls(moment.year, moment.month, moment.day, moment.hour, moment.minute, moment.second, moment.microsecond)

    @property
    def is_zero(self) -> bool:
        """Whether this is Go's zero time, which means never."""
        return self == ZERO_TIME

    @property
    def unix_nanoseconds(self) -> int:
        """Nanoseconds since 1970; negative for earlier times."""
        delta = datetime.__sub__(self, _EPOCH)
        return ((delta.days * 86400 + delta.seconds) * 1_000_000 + delta.microseconds) * 1000 + self.nanosecond

    def __str__(self) -> str:
        if not self._text:
            utc = self if self.tzinfo is UTC else datetime.astimezone(self, UTC)
            digits = datetime.isoformat(utc, timespec="microseconds")[: -len("+00:00")]
            if self.nanosecond:
                digits += f"{self.nanosecond:03}"
            self._text = f"{digits.rstrip('0').rstrip('.')}Z"
        return self._text

    def __repr__(self) -> str:
        return f"Timestamp({str(self)!r})"

    def _order(self, other: datetime) -> int:
        """Negative, zero or positive, as this time is before, equal to or after ``other``."""
        mine, theirs = datetime.__sub__(self, other if other.tzinfo else other.replace(tzinfo=UTC)), timedelta()
        if mine != theirs:
            return -1 if mine < theirs else 1
        return self.nanosecond - (other.nanosecond if isinstance(other, Timestamp) else 0)

    def __eq__(self, other: object) -> bool:
        return self._order(other) == 0 if isinstance(other, datetime) else NotImplemented

    def __ne__(self, other: object) -> bool:  # datetime has one of its own, which does not ask __eq__
        return self._order(other) != 0 if isinstance(other, datetime) else NotImplemented

    def __lt__(self, other: datetime) -> bool:  # type: ignore[override]
        return self._order(other) < 0 if isinstance(other, datetime) else NotImplemented

    def __le__(self, other: datetime) -> bool:  # type: ignore[override]
        return self._order(other) <= 0 if isinstance(other, datetime) else NotImplemented

    def __gt__(self, other: datetime) -> bool:  # type: ignore[override]
        return self._order(other) > 0 if isinstance(other, datetime) else NotImplemented

    def __ge__(self, other: datetime) -> bool:  # type: ignore[override]
        return self._order(other) >= 0 if isinstance(other, datetime) else NotImplemented

    def __hash__(self) -> int:
        return datetime.__hash__(self)

    def __reduce_ex__(self, protocol: SupportsIndex) -> tuple[Any, ...]:
        return (Timestamp.parse, (str(self),))

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(
            _read_timestamp, serialization=core_schema.to_string_ser_schema()
        )


ZERO_TIME = Timestamp(1, text="0001-01-01T00:00:00Z")
"""Go's zero time: never."""


def _read_timestamp(value: Any) -> Timestamp:
    if isinstance(value, str):
        try:
            return Timestamp.parse(value)
        except ValueError as error:
            raise PydanticCustomError("timestamp", "an RFC 3339 time such as 2025-06-15T09:30:00Z") from error
    if isinstance(value, datetime):
        return Timestamp.of(value)
    raise PydanticCustomError("timestamp", "an RFC 3339 time such as 2025-06-15T09:30:00Z")


def _whole(value: Any) -> Any:
    """Converts a float without a fraction to an integer, since JSON does not tell them apart."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _number(value: Any) -> int | float:
    # Other than math.isfinite, a comparison takes whole numbers that are no floats.
    if isinstance(value, bool) or not isinstance(value, int | float) or not -math.inf < value < math.inf:
        raise PydanticCustomError("number", "a finite number")
    return value


def _positive_number(value: Any) -> int | float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < math.inf:
        raise PydanticCustomError("number", "a number from 0 up")
    return value


def _json_map(value: Any) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise PydanticCustomError("dict_type", "a map")
    return {_json_key(key, ""): _json_copy(item, f"{key}") for key, item in value.items()}


def _json_copy(value: Any, path: str, depth: int = 0) -> Any:
    """A copy of a JSON value; raises an error that names the place of any part that JSON cannot represent."""
    kind = type(value)
    if kind is str or kind is int or kind is bool or value is None:
        return value
    if depth > 100:
        raise PydanticCustomError("json_value", "values nested at most 100 deep")
    if isinstance(value, float) and math.isfinite(value):
        return float(value)
    if isinstance(value, Mapping):
        return {_json_key(key, path): _json_copy(item, f"{path}.{key}", depth + 1) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_json_copy(item, f"{path}[{index}]", depth + 1) for index, item in enumerate(value)]
    if isinstance(value, Enum):
        return _json_copy(value.value, path, depth + 1)
    if isinstance(value, str | int):
        return str(value) if isinstance(value, str) else int(value)
    shown = repr(value) if isinstance(value, float) else f"a {kind.__name__}"
    # The place goes in as an argument of the message, so that braces in it are not read as a format.
    raise PydanticCustomError(
        "json_value", "only JSON values; at {path} it has {shown}", {"path": path, "shown": shown}
    )


def _json_key(key: Any, path: str) -> str:
    if not isinstance(key, str):
        context = {"path": path or "the top", "shown": type_word(key)}
        raise PydanticCustomError("json_value", "only text as keys; at {path} it has a {shown}", context)
    return str(key)


def plain_validator(function: Callable[[Any], Any]) -> Any:
    """Makes a pydantic annotation of a validating function; other than pydantic's own, it may refuse to convert."""

    class _Schema:
        @classmethod
        def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
            return core_schema.no_info_plain_validator_function(function)

    return _Schema


def or_empty(empty: Callable[[], Any]) -> BeforeValidator:
    """Makes a validator that reads ``null`` as the empty value, since Go writes ``null`` for a nil slice or map."""
    return BeforeValidator(lambda value: empty() if value is None else value)


Text = StrictStr
Flag = StrictBool
Count = Annotated[int, Field(strict=True, ge=0, le=INT64_MAX), BeforeValidator(_whole)]
"""A whole number from 0 up, as wide as Go's int64."""
Number = Annotated[float, plain_validator(_number)]
"""A finite number; an int stays an int."""
PositiveNumber = Annotated[float, plain_validator(_positive_number)]
Texts = Annotated[list[StrictStr], or_empty(list)]
JsonMap = Annotated[dict[str, Any], plain_validator(lambda value: {} if value is None else _json_map(value))]
"""A map of JSON values, copied."""


def both_spellings(file_key: str) -> AliasChoices:
    """Returns every spelling in which a key is accepted: the file's, snake_case, camelCase, and with ID for Id."""
    snake = snake_case(file_key)
    head, *tail = snake.split("_")
    camel = head + "".join(part.capitalize() for part in tail)
    go = head + "".join("ID" if part == "id" else "AI" if part == "ai" else part.capitalize() for part in tail)
    return AliasChoices(*dict.fromkeys((file_key, snake, camel, go)))


def snake_case(key: str) -> str:
    """Converts a name to snake_case: ``defaultSupervisoryAIRef`` becomes ``default_supervisory_ai_ref``."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", key).lower()


def is_zero(value: Any) -> bool:
    """Whether a value is a zero value in Go, which ``omitempty`` leaves out."""
    if value is None or value is False:
        return True
    if isinstance(value, datetime):
        return value == ZERO_TIME
    if isinstance(value, int | float):
        return value == 0
    if isinstance(value, str | list | dict | tuple):
        return not value
    return isinstance(value, BaseModel) and all(is_zero(item) for _, item in value)


_KEYS: Final = frozenset({str})
_PLAIN: Final = frozenset({str, int, float, bool, type(None)})
"""The types of values that are plain as they are."""


def plain(value: Any, form: str) -> Any:
    """Converts to plain data: models by their method ``form``, enums and times to text; containers are copied."""
    kind = type(value)
    if kind in _PLAIN:
        return value
    if kind is Timestamp:
        return str(value)
    if kind is dict and _PLAIN.issuperset(map(type, value.values())) and _KEYS.issuperset(map(type, value)):
        return value.copy()
    if kind is dict or isinstance(value, Mapping):
        return {str(key): plain(item, form) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item, form) for item in value]
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, datetime):
        return str(Timestamp.of(value))
    if isinstance(value, BaseModel):
        return getattr(value, form)()
    return value if isinstance(value, bytes) else f"<{kind.__name__}>"


_LONGEST_SHOWN = 19
"""So many characters of a text are shown at most; the keys of all providers have more."""

_EXPECTED = {
    "missing": "a value; it is required",
    "string_type": "a string",
    "bool_type": "true or false",
    "int_type": "a whole number",
    "list_type": "a list",
    "dict_type": "a map",
    "model_type": "a map",
    "model_attributes_type": "a map",
    "string_too_short": "text that is not empty",
    "json_invalid": "valid JSON",
}


def explain(model: type[BaseModel], error: ValidationError, name: str = "", data: Any = None) -> NeuroScriptError:
    """Converts a pydantic error to error 4, which names the first invalid field, its value and what was expected.

    Args:
        model: the class of the model.
        error: pydantic's error.
        name: the object's name; by default what the model is called.
        data: what was read; a field is named as it is spelled there too, if that is not its name in snake_case.
    """
    first = error.errors(include_url=False)[0]
    path, spelled, secret = _labels(model, first["loc"], data)
    kind, context = first["type"], first.get("ctx", {})
    match kind:
        case "enum" | "literal_error":
            expected = "one of " + str(context.get("expected", "")).replace("'", "").replace(" or ", ", ")
        case "int_type" | "greater_than_equal" | "less_than_equal" | "int_from_float":
            expected = f"a whole number from 0 to {INT64_MAX}"
        case "timestamp" | "number" | "json_value":
            expected = first["msg"]
        case _:
            expected = _EXPECTED.get(kind) or first["msg"]
    given = "" if kind in ("missing", "json_invalid", "json_value") else f", got {shown(first.get('input'), secret)}"
    thing = name or getattr(model, "called", model.__name__)
    label = path if path == spelled else f"{path} ({spelled})"
    where = f"{thing}: field {label}" if label else thing
    return NeuroScriptError(ErrorCode.ARG_MISMATCH, f"{where}: expected {expected}{given}", details={"field": path})


def _labels(model: type[BaseModel], location: tuple[int | str, ...], data: Any) -> tuple[str, str, bool]:
    """The path of a field in snake_case and as it is spelled in the data, and whether its value may be a key."""
    path, spelled = "", ""
    secret = False
    for part in location:
        if isinstance(part, int):
            path, spelled = f"{path}[{part}]", f"{spelled}[{part}]"
            data = data[part] if isinstance(data, list | tuple) and part < len(data) else None
            continue
        key = _spelling(part, data)
        secret = secret or snake_case(part) == "auth" or model.__name__ == "APIKeySource"
        dot = "." if path else ""
        path, spelled = f"{path}{dot}{snake_case(part)}", f"{spelled}{dot}{key}"
        data = data.get(key) if isinstance(data, Mapping) else None
    return path, spelled, secret


def _spelling(key: str, data: Any) -> str:
    """How a key is spelled in the data; one that is missing, as files spell it, if that is how the others are."""
    if not isinstance(data, Mapping):
        return key
    snake, keys = snake_case(key), [each for each in data if isinstance(each, str)]
    missing = key if any(each != snake_case(each) for each in keys) else snake
    return next((each for each in keys if snake_case(each) == snake), missing)


def shown(value: Any, secret: bool = False) -> str:
    """Formats a value for a message: short, as JSON, with anything that may be a key masked."""
    if isinstance(value, Mapping):
        return "a map"
    if isinstance(value, list | tuple):
        return "a list"
    if value is None:
        return "nil"
    if isinstance(value, bool):
        return "true" if value else "false"
    if secret:
        return f"{described_type(value)} that is not shown"
    if isinstance(value, str) and len(value) > _LONGEST_SHOWN:
        return f"a string of {len(value)} characters"
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."
