"""The types and descriptions of a tool's arguments."""

from __future__ import annotations

from enum import StrEnum

from neuroscript.errors import ErrorCode, NeuroScriptError
from neuroscript.records import field, record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from neuroscript.tools.python_types import PythonType
    from neuroscript.tools.shapes import Shape


class ArgType(StrEnum):
    """The type of an argument or result, as a word of specs and documents."""

    ANY = "any"
    NIL = "nil"
    STRING = "string"
    INT = "int"
    FLOAT = "float"
    NUMBER = "number"
    BOOL = "bool"
    BYTES = "bytes"
    MAP = "map"
    SLICE_ANY = "slice_any"
    SLICE_STRING = "slice_string"
    SLICE_INT = "slice_int"
    SLICE_FLOAT = "slice_float"
    SLICE_NUMBER = "slice_number"
    SLICE_BOOL = "slice_bool"
    SLICE_MAP = "slice_map"
    HANDLE = "handle"
    FUNCTION = "function"
    FUNCTION_OR_KEY = "function_or_key"
    TIMEDATE = "timedate"
    FUZZY = "fuzzy"
    ERROR = "error"
    LIST = "slice_any"

    @classmethod
    def _missing_(cls, value: object) -> ArgType | None:
        return cls.SLICE_ANY if value == "list" else None

    @property
    def expected(self) -> str:
        """The type's name in error messages: ``a whole number``."""
        return _EXPECTED[self]

    @property
    def item_type(self) -> ArgType | None:
        """The type of a list's items; None for other types."""
        return ArgType(self.removeprefix("slice_")) if self.startswith("slice_") else None


_EXPECTED = {
    ArgType.ANY: "any value",
    ArgType.NIL: "nil",
    ArgType.STRING: "a string",
    ArgType.INT: "a whole number",
    ArgType.FLOAT: "a number",
    ArgType.NUMBER: "a number",
    ArgType.BOOL: "a boolean",
    ArgType.BYTES: "bytes or a string",
    ArgType.MAP: "a map",
    ArgType.SLICE_ANY: "a list",
    ArgType.SLICE_STRING: "a list of strings",
    ArgType.SLICE_INT: "a list of whole numbers",
    ArgType.SLICE_FLOAT: "a list of numbers",
    ArgType.SLICE_NUMBER: "a list of numbers",
    ArgType.SLICE_BOOL: "a list of booleans",
    ArgType.SLICE_MAP: "a list of maps",
    ArgType.HANDLE: "a handle",
    ArgType.FUNCTION: "a function",
    ArgType.FUNCTION_OR_KEY: "a function, a key's name or a list of names",
    ArgType.TIMEDATE: "a timedate",
    ArgType.FUZZY: "a fuzzy, or a number from 0 to 1",
    ArgType.ERROR: "an error value",
}

_JSON_TYPES: dict[ArgType, dict[str, Any]] = {
    ArgType.ANY: {},
    ArgType.NIL: {"type": "null"},
    ArgType.STRING: {"type": "string"},
    ArgType.INT: {"type": "integer"},
    ArgType.FLOAT: {"type": "number"},
    ArgType.NUMBER: {"type": "number"},
    ArgType.BOOL: {"type": "boolean"},
    ArgType.BYTES: {"type": "string"},
    ArgType.MAP: {"type": "object"},
    ArgType.SLICE_ANY: {"type": "array", "items": {}},
    ArgType.FUZZY: {"type": "number", "minimum": 0, "maximum": 1},
    ArgType.FUNCTION_OR_KEY: {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]},
    # What JSON cannot hold has no JSON type: a model can name such an argument, but not fill it.
    ArgType.HANDLE: {},
    ArgType.FUNCTION: {},
    ArgType.TIMEDATE: {},
    ArgType.ERROR: {},
}


SHAPED = frozenset({ArgType.MAP, ArgType.SLICE_MAP, ArgType.ANY, ArgType.SLICE_ANY})
"""The types of values that may be maps of a known shape, or lists of such maps."""


def json_type(kind: ArgType) -> dict[str, Any]:
    """Returns the JSON Schema of an argument of a type."""
    item = kind.item_type
    if item is None or kind is ArgType.SLICE_ANY:
        return dict(_JSON_TYPES[kind])
    return {"type": "array", "items": json_type(item)}


@record(frozen=True)
class ArgSpec:
    """One argument of a tool.

    Args:
        name: an identifier; scripts may pass the argument by it.
        type: an `ArgType`, or its word (``"string"``, ``"slice_map"``, ``"list"``).
        description: a sentence for readers and models.
        required: False lets the argument be left out, or be nil; it is then ``default``.
        default: the value of an optional argument that is not given.
        default_factory: makes that value for each call, in place of ``default``.
        options: the types of which a value has one; ``type`` is then ``any``.
        python_type: the Python type that values are converted to, where it is none of those that ``type`` names;
            `ToolSpec.from_function` finds it in the annotation.
        shape: the keys of the map that it is, or of the maps in the list that it is.  They are not checked when a tool
            is called, which is the tool's own affair; `check` warns of others, and models are told them.
    """

    name: str
    type: ArgType = ArgType.ANY
    description: str = ""
    required: bool = True
    default: Any = None
    default_factory: Callable[[], Any] | None = field(default=None, repr=False, compare=False)
    options: tuple[ArgType, ...] = ()
    python_type: PythonType | None = field(default=None, repr=False, compare=False)
    shape: Shape | None = field(default=None, repr=False, compare=False)

    def __post_init__(self) -> None:
        if type(self.type) is not ArgType:
            object.__setattr__(self, "type", arg_type(self.type, f"argument {self.name!r}"))
        if self.shape is not None and self.type not in SHAPED:
            message = f"argument {self.name!r} has a shape, and so is a map or a list of maps, not {self.type.expected}"
            raise NeuroScriptError(ErrorCode.INVALID_VALUE, message)
        if not is_identifier(self.name):
            raise NeuroScriptError(ErrorCode.INVALID_VALUE, f"an argument's name is an identifier, not {self.name!r}")

    @property
    def type_text(self) -> str:
        """The type as shown to people: ``int``, ``"small" | "large"``, ``Order``."""
        if self.python_type is not None:
            return self.python_type.text
        return " | ".join(self.options) if self.options else str(self.type)

    @property
    def expected(self) -> str:
        """The type's description in error messages: ``a whole number or a string``."""
        return " or ".join(option.expected for option in self.options) if self.options else self.type.expected

    def json_schema(self) -> dict[str, Any]:
        """Returns the JSON Schema of the value, without regard to a Python type."""
        if self.shape is not None and self.type in (ArgType.MAP, ArgType.SLICE_MAP):
            return self.shape.json_schema(self.type)
        return {"anyOf": [json_type(option) for option in self.options]} if self.options else json_type(self.type)

    @property
    def is_plain(self) -> bool:
        """Whether the value and the default are passed to the function without conversion."""
        return self.python_type is None and self.default_factory is None

    def default_value(self) -> Any:
        """Returns the default value for one call."""
        return self.default if self.default_factory is None else self.default_factory()


def is_identifier(name: str) -> bool:
    """Whether a name consists of ASCII letters, digits and underscores and does not begin with a digit."""
    return name.isascii() and name.isidentifier()


def arg_type(word: str, what: str) -> ArgType:
    """Converts the name of a type to an `ArgType`.

    Raises:
        NeuroScriptError: 41 if it stands for none; ``what`` says whose type it was to be.
    """
    try:
        return ArgType(word)
    except ValueError:
        raise NeuroScriptError(
            ErrorCode.INVALID_VALUE, f"{what} has the type {word!r}; the types are {', '.join(ArgType)}"
        ) from None
