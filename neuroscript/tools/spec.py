"""What a tool is: its name, its arguments with their types, and what it gives back."""

from __future__ import annotations

from enum import StrEnum

from neuroscript.errors import ErrorCode, NeuroScriptError
from neuroscript.records import record
from neuroscript.values import from_host, to_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


class ArgType(StrEnum):
    """The type of an argument or result.  The values are the words that specs and documents use."""

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
        """The type in the words of an error message: ``a whole number``."""
        return _EXPECTED[self]

    @property
    def item_type(self) -> ArgType | None:
        """The type of a list's items; None for what is not a list."""
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


def _json_type(kind: ArgType) -> dict[str, Any]:
    item = kind.item_type
    if item is None or kind is ArgType.SLICE_ANY:
        return dict(_JSON_TYPES[kind])
    return {"type": "array", "items": _json_type(item)}


@record(frozen=True)
class ArgSpec:
    """One argument of a tool.

    Args:
        name: an identifier; scripts may pass the argument by it.
        type: an `ArgType`, or its word (``"string"``, ``"slice_map"``, ``"list"``).
        description: a sentence for readers and models.
        required: False lets the argument be left out, or be nil; it is then ``default``.
        default: the value of an optional argument that is not given.
    """

    name: str
    type: ArgType = ArgType.ANY
    description: str = ""
    required: bool = True
    default: Any = None

    def __post_init__(self) -> None:
        if type(self.type) is not ArgType:
            object.__setattr__(self, "type", _arg_type(self.type, f"argument {self.name!r}"))
        if not _is_identifier(self.name):
            raise NeuroScriptError(ErrorCode.INVALID_VALUE, f"an argument's name is an identifier, not {self.name!r}")


@record(frozen=True, kw_only=True)
class ToolSpec:
    """The description of a tool: what scripts may call, what models are told, and what documents show.

    Args:
        name: group and name, ``str.ToUpper``; a leading ``tool.`` is dropped.
        description: what it does, in a sentence or two.
        category: the heading that it stands under; the group if left out.
        args: its arguments in positional order.  Optional ones may stand before required ones.
        return_type: the type of its result.
        return_help: what the result is.
        example: a call that works, ``tool.str.ToUpper("a") = "A"``.
        error_conditions: when it fails, and with which codes.
        variadic: the last argument takes all positional arguments that are left, each of that argument's type; the
            function gets them as one list.
        capabilities: what a host must grant, such as ``fs:read``.
        pure: a function over values alone: it never keeps or changes its arguments and returns exact values of the
            language, so that neither arguments nor result are copied.  One that takes the context may call functions
            of the script that it is given as arguments of type ``function`` or ``function_or_key``.
        brief: of a pure function: that a call is over at once however large its arguments are, or looks at the run's
            clock itself (``ctx.check()``), and that its result is nested no deeper than they are.
    """

    name: str
    description: str = ""
    category: str = ""
    args: tuple[ArgSpec, ...] = ()
    return_type: ArgType = ArgType.ANY
    return_help: str = ""
    example: str = ""
    error_conditions: str = ""
    variadic: bool = False
    capabilities: tuple[str, ...] = ()
    pure: bool = False
    brief: bool = False

    def __post_init__(self) -> None:
        fix = object.__setattr__
        name = self.name
        if name[:5].lower() == "tool.":
            name = name[5:]
            fix(self, "name", name)
        if "." not in name or "__" in name or not all(map(_is_identifier, name.split("."))):
            raise NeuroScriptError(
                ErrorCode.INVALID_VALUE,
                f"a tool's name is a group and a name with a dot between, like 'str.ToUpper', and has no '__'; "
                f"not {self.name!r}",
            )
        if not self.category:
            fix(self, "category", name.rpartition(".")[0])
        if type(self.args) is not tuple:
            fix(self, "args", tuple(self.args))
        if type(self.capabilities) is not tuple:
            words = (self.capabilities,) if isinstance(self.capabilities, str) else tuple(self.capabilities)
            fix(self, "capabilities", words)
        if type(self.return_type) is not ArgType:
            fix(self, "return_type", _arg_type(self.return_type, f"the result of {name}"))
        names = [arg.name for arg in self.args]
        if len(set(names)) != len(names):
            raise NeuroScriptError(ErrorCode.DUPLICATE, f"tool.{name} has two arguments of one name: {names}")
        if self.variadic and not names:
            raise NeuroScriptError(ErrorCode.INVALID_VALUE, f"tool.{name} is variadic and has no arguments")
        if self.variadic and not isinstance(self.args[-1].default, list | tuple | None):
            raise NeuroScriptError(
                ErrorCode.INVALID_VALUE, f"tool.{name}: the default of the variadic argument {names[-1]} must be a list"
            )

    @property
    def full_name(self) -> str:
        """The name as scripts write it: ``tool.str.ToUpper``."""
        return f"tool.{self.name}"

    @property
    def group(self) -> str:
        """All of the name but its last part: ``str``."""
        return self.name.rpartition(".")[0]

    @property
    def usage(self) -> str:
        """How it is called: ``tool.str.Replace(input_string, old_substring, new_substring, count?)``."""
        names = [arg.name + ("" if arg.required else "?") for arg in self.args]
        if self.variadic:
            names[-1] = self.args[-1].name + "…"
        return f"{self.full_name}({', '.join(names)})"

    @property
    def signature(self) -> str:
        """The usage with types: ``tool.str.Length(input_string: string) -> int``."""
        parts = [f"{arg.name}{'' if arg.required else '?'}: {arg.type}" for arg in self.args]
        if self.variadic:
            parts[-1] = f"{self.args[-1].name}…: {self.args[-1].type}"
        return f"{self.full_name}({', '.join(parts)}) -> {self.return_type}"

    @property
    def function_name(self) -> str:
        """The name for model providers, which allow no dots: ``str__ToUpper``."""
        return self.name.replace(".", "__")

    def to_json_schema(self) -> dict[str, Any]:
        """The JSON Schema of the arguments, passed by name as one object."""
        properties: dict[str, Any] = {}
        for index, arg in enumerate(self.args):
            schema = _json_type(arg.type)
            if self.variadic and index == len(self.args) - 1:
                schema = {"type": "array", "items": schema}
            if arg.description:
                schema["description"] = arg.description
            if not arg.required and arg.default is not None:
                schema["default"] = to_json(from_host(arg.default))
            properties[arg.name] = schema
        return {
            "type": "object",
            "properties": properties,
            "required": [arg.name for arg in self.args if arg.required],
            "additionalProperties": False,
        }

    def to_function_schema(self) -> dict[str, Any]:
        """The tool as models are told of it: ``name``, ``description``, ``parameters``."""
        return {
            "name": self.function_name,
            "description": self.description,
            "parameters": self.to_json_schema(),
        }

    def to_map(self) -> dict[str, Any]:
        """The whole spec as JSON values, for documents and for scripts."""
        return {
            "name": self.name,
            "full_name": self.full_name,
            "signature": self.signature,
            "description": self.description,
            "category": self.category,
            "args": [
                {
                    "name": arg.name,
                    "type": str(arg.type),
                    "description": arg.description,
                    "required": arg.required,
                    "default": to_json(from_host(arg.default)),
                }
                for arg in self.args
            ],
            "variadic": self.variadic,
            "return_type": str(self.return_type),
            "return_help": self.return_help,
            "example": self.example,
            "error_conditions": self.error_conditions,
            "capabilities": list(self.capabilities),
        }

    @classmethod
    def from_function(cls, name: str, function: Callable[..., Any], **fields: Any) -> ToolSpec:
        """The spec of a Python function, from its type hints and docstring.

        Args:
            name: the tool's name.
            function: its parameters become the arguments, in order; a first parameter that is the call context is left
                out.  The docstring's first paragraph is the description; the sections ``Args:``, ``Returns:``,
                ``Raises:`` and ``Example:`` are read as Google's style has them.
            fields: further fields of the spec, which override what was found.

        Raises:
            NeuroScriptError: 41 for a parameter whose type no script value fits.
        """
        from neuroscript.tools.signatures import describe

        return cls(**{"name": name, **describe(function), **fields})


def _is_identifier(name: str) -> bool:
    return name.isascii() and name.isidentifier()


def _arg_type(word: str, what: str) -> ArgType:
    try:
        return ArgType(word)
    except ValueError:
        raise NeuroScriptError(
            ErrorCode.INVALID_VALUE, f"{what} has the type {word!r}; the types are {', '.join(ArgType)}"
        ) from None
