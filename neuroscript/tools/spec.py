"""Tool specs: a tool's name, its arguments with their types, and its result."""

from __future__ import annotations

from neuroscript.errors import ErrorCode, NeuroScriptError
from neuroscript.records import field, record
from neuroscript.tools.arguments import SHAPED, ArgSpec, ArgType, arg_type, is_identifier
from neuroscript.values import from_host, to_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from neuroscript.tools.python_types import PythonType
    from neuroscript.tools.recovery import Recovery
    from neuroscript.tools.shapes import Shape

__all__ = ["ArgSpec", "ArgType", "ToolSpec"]

_EFFECTS = ("pure", "read", "idempotent", "once")


@record(frozen=True, kw_only=True)
class ToolSpec:
    """The description of a tool, for scripts, models and documents.

    Args:
        name: group and name, ``str.ToUpper``; a leading ``tool.`` is dropped.
        description: a description of the tool in a sentence or two.
        category: the heading that it stands under; the group if left out.
        args: its arguments in positional order.  Optional ones may stand before required ones.
        return_type: the type of its result.
        python_result: the Python type that results are converted from, where it is none of those that ``return_type``
            names; `from_function` finds it in the annotation.
        return_help: a description of the result.
        result_shape: the keys of the map that it gives, or of the maps in the list that it gives.  With the type
            ``any`` or ``slice_any`` there may be nil or an error value in place of such a map.
        example: a call that works, ``tool.str.ToUpper("a") = "A"``.
        error_conditions: when it fails, and with which codes.
        variadic: the last argument takes all positional arguments that are left, each of that argument's type; the
            function gets them as one list.
        capabilities: the capabilities that a host must grant, such as ``fs:read``.
        pure: a function over values alone: it never keeps or changes its arguments and returns exact values of the
            language, so that neither arguments nor result are copied.  One that takes the context may call functions
            of the script that it is given as arguments of type ``function`` or ``function_or_key``.
        administers: whether it changes what the host or other programs rely on rather than doing a task, so that models
            get it only where they are given it by its full name.
        effect: what a journaled run does about it: ``pure`` (nothing: its result depends on its arguments alone),
            ``read`` (it changes nothing: its result is kept, and a call whose end is unknown is made again),
            ``idempotent`` (likewise, since to make it twice is to make it once), ``once`` (a call whose end is unknown
            is for a person to decide).  By default ``pure`` for pure tools, else ``once``.
        recovery: how a call whose end is unknown finds out itself whether it was done.
        primer: lines that the primer adds where the tool may be called, about what its signature does not tell: keys
            of maps, formats, what is nil.
        brief: of a pure function: that a call is over at once however large its arguments are, or checks the run's
            limits itself (``ctx.check()``), and that its result is nested no deeper than they are.
    """

    name: str
    description: str = ""
    category: str = ""
    args: tuple[ArgSpec, ...] = ()
    return_type: ArgType = ArgType.ANY
    return_help: str = ""
    result_shape: Shape | None = field(default=None, repr=False, compare=False)
    example: str = ""
    error_conditions: str = ""
    variadic: bool = False
    capabilities: tuple[str, ...] = ()
    pure: bool = False
    brief: bool = False
    administers: bool = False
    effect: str = ""
    recovery: Recovery | None = field(default=None, repr=False, compare=False)
    primer: str = ""
    python_result: PythonType | None = field(default=None, repr=False, compare=False)
    checks_result: bool = field(default=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        fix = object.__setattr__
        name = self.name
        if name[:5].lower() == "tool.":
            name = name[5:]
            fix(self, "name", name)
        if "." not in name or "__" in name or not all(map(is_identifier, name.split("."))):
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
        if not self.effect:
            fix(self, "effect", "pure" if self.pure else "once")
        elif self.effect not in _EFFECTS or (self.pure and self.effect != "pure"):
            wanted = "pure" if self.pure else " or ".join(_EFFECTS)
            raise NeuroScriptError(
                ErrorCode.INVALID_VALUE, f"tool.{name} has the effect {self.effect!r}; expected {wanted}"
            )
        if type(self.return_type) is not ArgType:
            fix(self, "return_type", arg_type(self.return_type, f"the result of {name}"))
        if self.result_shape is not None and self.return_type not in SHAPED:
            message = f"tool.{name} gives {self.return_type.expected}, which has no shape; leave out result_shape"
            raise NeuroScriptError(ErrorCode.INVALID_VALUE, message)
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
        """The name in scripts: ``tool.str.ToUpper``."""
        return f"tool.{self.name}"

    @property
    def group(self) -> str:
        """The group of the tool, its name without the last part: ``str``."""
        return self.name.rpartition(".")[0]

    @property
    def usage(self) -> str:
        """The call syntax in scripts: ``tool.str.Replace(input_string, old_substring, new_substring, count?)``."""
        names = [arg.name + ("" if arg.required else "?") for arg in self.args]
        if self.variadic:
            names[-1] = self.args[-1].name + "…"
        return f"{self.full_name}({', '.join(names)})"

    @property
    def signature(self) -> str:
        """The call syntax with types: ``tool.str.Length(input_string: string) -> int``."""
        parts = [f"{arg.name}{'' if arg.required else '?'}: {arg.type_text}" for arg in self.args]
        if self.variadic:
            parts[-1] = f"{self.args[-1].name}…: {self.args[-1].type_text}"
        return f"{self.full_name}({', '.join(parts)}) -> {self.result_text}"

    @property
    def result_text(self) -> str:
        """The type of the result as shown to people."""
        return str(self.return_type) if self.python_result is None else self.python_result.text

    @property
    def is_plain(self) -> bool:
        """Whether arguments and result need no conversion to or from Python types."""
        return self.python_result is None and all(arg.is_plain for arg in self.args)

    @property
    def function_name(self) -> str:
        """The name for model providers, which allow no dots: ``str__ToUpper``."""
        return self.name.replace(".", "__")

    def to_json_schema(self) -> dict[str, Any]:
        """Returns the JSON Schema of the arguments as one object."""
        properties: dict[str, Any] = {}
        found, definitions = self._python_schemas()
        for index, arg in enumerate(self.args):
            schema = found[arg.name] if arg.name in found else arg.json_schema()
            if self.variadic and index == len(self.args) - 1:
                schema = {"type": "array", "items": schema}
            if arg.description:
                schema["description"] = arg.description
            schema.pop("default", None)
            default = _default_in_json(arg)
            if default is not None:
                schema["default"] = default
            properties[arg.name] = schema
        whole = {
            "type": "object",
            "properties": properties,
            "required": [arg.name for arg in self.args if arg.required],
            "additionalProperties": False,
        }
        return {**whole, "$defs": definitions} if definitions else whole

    def _python_schemas(self) -> tuple[dict[str, dict[str, Any]], dict[str, Any]]:
        """The schemas of the arguments with Python types, and the definitions that they refer to."""
        types = {arg.name: arg.python_type for arg in self.args if arg.python_type is not None}
        if not types:
            return {}, {}
        from neuroscript.tools.python_types import argument_schemas

        return argument_schemas(types)

    def to_function_schema(self) -> dict[str, Any]:
        """Returns the function schema for models that call tools: ``name``, ``description``, ``parameters``."""
        return {
            "name": self.function_name,
            "description": self.description,
            "parameters": self.to_json_schema(),
        }

    def to_map(self) -> dict[str, Any]:
        """Returns the whole spec as JSON values, for documents and for scripts."""
        return {
            "name": self.name,
            "full_name": self.full_name,
            "signature": self.signature,
            "description": self.description,
            "category": self.category,
            "args": [
                {
                    "name": arg.name,
                    "type": arg.type_text,
                    "description": arg.description,
                    "required": arg.required,
                    "default": _default_in_json(arg),
                    **({"keys": arg.shape.to_map()} if arg.shape is not None else {}),
                }
                for arg in self.args
            ],
            "variadic": self.variadic,
            "return_type": self.result_text,
            "return_help": self.return_help,
            **({"return_keys": self.result_shape.to_map()} if self.result_shape is not None else {}),
            "example": self.example,
            "error_conditions": self.error_conditions,
            "capabilities": list(self.capabilities),
        }

    @classmethod
    def from_function(cls, name: str, function: Callable[..., Any], **fields: Any) -> ToolSpec:
        """Makes the spec of a Python function from its type hints and docstring.

        Args:
            name: the tool's name.
            function: its parameters become the arguments, in order; a first parameter that is the call context is left
                out.  The docstring's first paragraph is the description; the sections ``Args:``, ``Returns:``,
                ``Raises:`` and ``Example:`` are read as Google's style has them.
            fields: further fields of the spec, which override what was found.

        Raises:
            NeuroScriptError: 41 for a parameter whose type no script value fits.
        """
        from neuroscript.tools.from_function import describe

        found = describe(function)
        if "return_type" in fields:
            del found["python_result"], found["checks_result"], found["result_shape"]
        return cls(**{"name": name, **found, **fields})


def _default_in_json(arg: ArgSpec) -> Any:
    """The default of an argument as JSON values; None if there is none, or JSON cannot represent it."""
    if arg.required or arg.default is None or arg.default_factory is not None:
        return None
    if arg.python_type is None:
        return to_json(from_host(arg.default))
    return arg.python_type.in_json(arg.default)
