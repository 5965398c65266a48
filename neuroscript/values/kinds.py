"""The types of the language's values: their Python classes and their names."""

from __future__ import annotations

from functools import partial
from time import time_ns

from neuroscript.errors import ErrorCode, NeuroScriptError, known_code
from neuroscript.records import field, record
from neuroscript.values.timedate import TimeDate

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

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


@record(frozen=True)
class Function:
    """A procedure as a value.

    ``call`` is set by the interpreter that it belongs to, as are, for the code that this interpreter generates,
    ``owner``, which marks it as one of its procedures, ``entries``, the code to enter by the number of arguments, and
    ``fitting``, the code for what the procedure's own program passes.
    """

    name: str
    call: Callable[..., Any] = field(repr=False, compare=False)
    owner: object = field(default=None, repr=False, compare=False)
    entries: list[Callable[..., Any]] = field(default_factory=list, repr=False, compare=False)
    fitting: list[Callable[..., Any]] = field(default_factory=list, repr=False, compare=False)


@record(frozen=True)
class ToolValue:
    """A tool as a value, by its full name."""

    name: str


class ErrorValue:
    """An error as a value: falsy, with the fields ``code``, ``message`` and whatever ``details`` it carries."""

    __slots__ = ("_details", "code", "message")

    def __init__(
        self, code: int, message: str, details: Mapping[str, Any] | Callable[[], dict[str, Any]] | None = None
    ) -> None:
        self.code = known_code(code)
        self.message = message
        self._details = details if callable(details) else dict(details or {})

    @property
    def details(self) -> dict[str, Any]:
        """What the error carries besides its code and message; made now, if only what makes it was given."""
        if callable(self._details):
            self._details = self._details()
        return self._details

    @classmethod
    def of(cls, error: NeuroScriptError) -> ErrorValue:
        """The error value of an exception."""
        error.trim()
        return cls(error.code, error.message, error.details)

    def error(self) -> NeuroScriptError:
        """The exception of this value: its code and message are kept."""
        return NeuroScriptError(self.code, self.message, details=self.details)

    def fields(self) -> dict[str, Any]:
        """The fields that a script can read."""
        return {**self.details, "code": int(self.code), "message": self.message}

    def field(self, name: str) -> Any:
        """One of the fields, nil for any other name; the code and the message are there without the details."""
        if name == "code":
            return int(self.code)
        return self.message if name == "message" else self.details.get(name)

    def __bool__(self) -> bool:
        return False

    def __repr__(self) -> str:
        return f"ErrorValue({int(self.code)}, {self.message!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ErrorValue) and self.fields() == other.fields()

    def __hash__(self) -> int:
        return hash((int(self.code), self.message))


class EventValue:
    """An event as its handlers see it.

    Args:
        name: the event's name.
        payload: what was fired with it.
        source: who fired it: ``script``, ``host``, or a name that the host's part gives.
        timestamp: the moment of the firing; in nanoseconds since 1970, or a function that gives them, it becomes a
            time when somebody reads it.
        id: the event's own id, or a function that gives one; one is made when somebody reads it.
    """

    __slots__ = ("_id", "_timestamp", "name", "payload", "source")

    def __init__(
        self,
        name: str,
        payload: Any,
        source: str,
        timestamp: TimeDate | int | Callable[[], int],
        id: str | Callable[[], str] | None = None,
    ) -> None:
        self.name = name
        self.payload = payload
        self.source = source
        self._timestamp = timestamp
        self._id = id

    @property
    def timestamp(self) -> TimeDate:
        """The moment of the firing."""
        moment = self._timestamp
        if not isinstance(moment, TimeDate):
            moment = TimeDate.from_unix_nanoseconds(moment if isinstance(moment, int) else moment())
            self._timestamp = moment
        return moment

    @property
    def id(self) -> str:
        """The event's own id, the same for all its handlers."""
        found = self._id
        if found is None:
            import uuid  # few programs read it

            found = str(uuid.uuid4())
        elif not isinstance(found, str):
            found = found()
        self._id = found
        return found

    def field(self, key: str) -> Any:
        """The value of a field; None if there is none of that name."""
        return getattr(self, key) if key in _EVENT_FIELDS else None

    def fields(self) -> dict[str, Any]:
        """The fields that a script can read."""
        return {key: getattr(self, key) for key in _EVENT_FIELDS}

    def __eq__(self, other: object) -> bool:
        return isinstance(other, EventValue) and self.fields() == other.fields()

    def __hash__(self) -> int:
        return hash(self.id)

    def __repr__(self) -> str:
        return f"EventValue(name={self.name!r}, payload={self.payload!r}, source={self.source!r}, id={self.id!r})"


def script_event(name: str, payload: Any) -> EventValue:
    """The event that a script fires now, made in one step instead of two: scripts fire many."""
    event = _new_event()
    event.name = name
    event.payload = payload
    event.source = "script"
    event._timestamp = time_ns()
    event._id = None
    return event


_new_event: Callable[[], EventValue] = partial(object.__new__, EventValue)


_EVENT_FIELDS = ("name", "payload", "source", "timestamp", "id")


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
    """A script's reference to a host object.  It shows its kind; the object itself only the interpreter can find.

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
    """The name of a value's type, as ``typeof`` gives it: one of `TYPE_NAMES`."""
    return _NAMES.get(type(value), "unknown")
