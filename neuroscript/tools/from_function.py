"""Derives a tool's spec from the type hints and the docstring of a Python function."""

from __future__ import annotations

import functools
import inspect
import re
import types
import typing
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from neuroscript.errors import ErrorCode, NeuroScriptError
from neuroscript.tools.arguments import SHAPED, ArgSpec, ArgType
from neuroscript.tools.signatures import (
    default_of,
    defining_frame,
    field_of,
    hints_of,
    is_context_type,
    name_of,
    plain_function,
    split_context,
    without_none,
)
from neuroscript.values import ErrorValue, Function, Fuzzy, Handle, TimeDate

if TYPE_CHECKING:
    from neuroscript.tools.python_types import PythonType
    from neuroscript.tools.shapes import Shape

_SIMPLE: dict[Any, ArgType] = {
    Any: ArgType.ANY,
    object: ArgType.ANY,
    inspect.Parameter.empty: ArgType.ANY,
    None: ArgType.NIL,
    type(None): ArgType.NIL,
    str: ArgType.STRING,
    int: ArgType.INT,
    float: ArgType.FLOAT,
    bool: ArgType.BOOL,
    bytes: ArgType.BYTES,
    list: ArgType.SLICE_ANY,
    tuple: ArgType.SLICE_ANY,
    dict: ArgType.MAP,
    Sequence: ArgType.SLICE_ANY,
    Iterable: ArgType.SLICE_ANY,
    Mapping: ArgType.MAP,
    Handle: ArgType.HANDLE,
    Function: ArgType.FUNCTION,
    TimeDate: ArgType.TIMEDATE,
    datetime: ArgType.TIMEDATE,
    Fuzzy: ArgType.FUZZY,
    ErrorValue: ArgType.ERROR,
}
_LISTS = (list, tuple, Sequence, Iterable)
_SLICES = {kind.item_type: kind for kind in ArgType if kind.item_type is not None}


def describe(function: Callable[..., Any]) -> dict[str, Any]:
    """Derives the fields of a spec from a function's signature and docstring."""
    try:
        signature = inspect.signature(function)
    except (ValueError, TypeError) as error:
        message = f"{name_of(function)} has no signature that can be read; describe it with ToolSpec(…)"
        raise NeuroScriptError(ErrorCode.INVALID_VALUE, message) from error
    hints = hints_of(function)
    _, parameters = split_context(list(signature.parameters.values()))
    partial = isinstance(function, functools.partial)
    text = _parse_docstring(inspect.getdoc(plain_function(function) if partial else function) or "")
    variadic = False
    args = []
    for parameter in parameters:
        if is_context_type(parameter.annotation):
            message = f"{name_of(function)}: {parameter.name} is the call context, which must be the first parameter"
            raise NeuroScriptError(ErrorCode.INVALID_VALUE, message)
        if parameter.kind is parameter.VAR_KEYWORD:
            raise _unsupported(function, parameter.name, "collects keywords; name each argument")
        hint = hints.get(parameter.name, parameter.annotation)
        info = field_of(parameter)
        hint = hint if info is None else typing.Annotated[Any if hint is parameter.empty else hint, info]
        collects = parameter.kind is parameter.VAR_POSITIONAL
        kind, optional, note, options, python_type = _arg_type(function, parameter.name, hint, collects)
        if variadic:
            raise _unsupported(function, parameter.name, "stands after *args, which must be the last argument")
        variadic = collects
        default, factory = _default_of(parameter, hint)
        has_default = default is not parameter.empty
        args.append(
            ArgSpec(
                parameter.name,
                kind,
                note or text.args.get(parameter.name, ""),
                required=not (has_default or optional or collects),
                default=default if has_default else None,
                default_factory=factory,
                options=options,
                python_type=python_type,
                shape=_shape(python_type, parameter.name, kind),
            )
        )
    returned = hints.get("return", signature.return_annotation)
    python_result, return_type = _python_result(function, returned), _return_type(returned)
    return {
        "python_result": python_result,
        "result_shape": _shape(python_result, "result", return_type, given=False),
        "checks_result": returned in _CHECKED,
        "description": text.description,
        "args": tuple(args),
        "return_type": return_type,
        "return_help": text.sections.get("returns", ""),
        "error_conditions": text.sections.get("raises", ""),
        "example": text.sections.get("example", text.sections.get("examples", "")),
        "variadic": variadic,
    }


def _arg_type(
    function: Callable[..., Any], name: str, hint: Any, collects: bool
) -> tuple[ArgType, bool, str, tuple[ArgType, ...], PythonType | None]:
    """The type of a parameter, whether it may be None, its description, its union's options, and its Python type."""
    plain, notes = hint, ()
    if typing.get_origin(hint) is typing.Annotated:
        plain, notes = hint.__origin__, hint.__metadata__
    note = next(filter(None, map(_note, notes)), "")
    simple, optional = _simplified(plain)
    kind = _type_of(simple)
    if _is_plain(hint):
        return kind or ArgType.ANY, optional, note, _options(plain) if kind is ArgType.ANY else (), None
    wanted = hint if collects or plain is not hint else without_none(hint)[0]
    python_type, problem = _python_type(function, wanted)
    if python_type is not None:
        return kind or _kind_of(python_type), optional, note, (), python_type
    if kind is None or not _is_of_language(plain):
        raise _unsupported(function, name, f"is annotated {hint!r}, {problem}")
    return kind, optional, note, (), None


def _options(hint: Any) -> tuple[ArgType, ...]:
    """The types of a union's members; none if any type is allowed."""
    if typing.get_origin(hint) not in (typing.Union, types.UnionType):
        return ()
    kinds = [_type_of(option) for option in typing.get_args(hint) if option is not type(None)]
    return () if None in kinds or ArgType.ANY in kinds else tuple(dict.fromkeys(kind for kind in kinds if kind))


def _note(extra: Any) -> str:
    """The description in the metadata of an ``Annotated`` hint: a string, or that of a ``Field`` or ``Doc``."""
    text = extra if isinstance(extra, str) else getattr(extra, "description", None)
    text = getattr(extra, "documentation", None) if text is None else text
    return " ".join(text.split()) if isinstance(text, str) else ""


def _default_of(parameter: inspect.Parameter, hint: Any) -> tuple[Any, Callable[[], Any] | None]:
    """As `default_of`, or the default of a ``Field`` in the annotation."""
    default, factory = default_of(parameter)
    if default is parameter.empty and typing.get_origin(hint) is typing.Annotated:
        for extra in hint.__metadata__:
            if hasattr(extra, "is_required") and hasattr(extra, "default_factory") and not extra.is_required():
                return (None, extra.default_factory) if extra.default_factory is not None else (extra.default, None)
    return default, factory


def _python_type(function: Callable[..., Any], hint: Any) -> tuple[PythonType | None, str]:
    """The Python type of an annotation, or None and the reason why there is none."""
    if isinstance(hint, str | typing.ForwardRef):
        return None, "a name that cannot be found when the program runs"
    from neuroscript.tools.python_types import NotUnderstood, PythonType

    try:
        return PythonType(hint, defining_frame(function)), ""
    except NotUnderstood as error:
        return None, f"which no value of a script fits: {error}"


def _python_result(function: Callable[..., Any], hint: Any) -> PythonType | None:
    """The Python type of a result; None if results are converted by their own type."""
    return None if _is_plain(hint) or _is_of_language(hint) else _python_type(function, hint)[0]


def _shape(python_type: PythonType | None, name: str, kind: ArgType, *, given: bool = True) -> Shape | None:
    """The keys of the map, or of the maps in the list, that an argument or result of a Python type is."""
    return None if python_type is None or kind not in SHAPED else python_type.shape(name, kind, given=given)


def _kind_of(python_type: PythonType) -> ArgType:
    """The language's type from whose values a Python type is built, if there is one."""
    schema = python_type.schema
    if "$ref" in schema:
        schema = schema["$defs"][schema["$ref"].rpartition("/")[2]]
    return ArgType.ANY if "format" in schema else _KINDS.get(schema.get("type"), ArgType.ANY)


_KINDS: dict[Any, ArgType] = {
    "string": ArgType.STRING,
    "integer": ArgType.INT,
    "number": ArgType.FLOAT,
    "boolean": ArgType.BOOL,
    "object": ArgType.MAP,
    "array": ArgType.SLICE_ANY,
}
_CHECKED = (int, float, str, bool, None, type(None))
"""The plain annotations whose results are compared with them."""

_OWN = (Handle, Function, TimeDate, Fuzzy, ErrorValue)


def _is_plain(hint: Any) -> bool:
    """Whether the language's types fully describe an annotation, so that no Python type is needed."""
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Annotated:
        return all(isinstance(extra, str) or hasattr(extra, "documentation") for extra in hint.__metadata__) and (
            _is_plain(hint.__origin__)
        )
    if origin in (typing.Union, types.UnionType):
        return all(map(_is_plain, args))
    if origin is not None and not args:  # `typing.List` alone
        return origin is not tuple and origin in _SIMPLE
    if origin in (dict, Mapping):
        return args[0] in (str, Any) and args[1] in (Any, object)
    if origin in (list, Sequence, Iterable):
        item = args[0]
        alone = _is_plain(item) and _simplified(item) == (item, False)
        return item in _NUMBERS or (alone and _type_of(item) in _SLICES)
    if origin is not None:
        return origin is Callable
    try:
        return hint in _SIMPLE and hint not in (tuple, datetime)
    except TypeError:  # an unhashable annotation
        return False


_NUMBERS = (int | float, float | int)


def _is_of_language(hint: Any) -> bool:
    """Whether an annotation contains the language's types, or a mapping class of the host, which pydantic lacks."""
    if isinstance(hint, type) and typing.get_origin(hint) is None:
        return issubclass(hint, (*_OWN, dict)) and not _is_typed_dict(hint)
    return typing.get_origin(hint) is Callable or any(map(_is_of_language, typing.get_args(hint)))


def _is_typed_dict(hint: Any) -> bool:
    """Whether a class is a ``TypedDict``, which `typing.is_typeddict` does not say of one of ``typing_extensions``."""
    return typing.is_typeddict(hint) or hasattr(hint, "__required_keys__")


def _simplified(hint: Any) -> tuple[Any, bool]:
    """As `without_none`, with a union of several types replaced by the type that covers them."""
    hint, optional = without_none(hint)
    if typing.get_origin(hint) not in (typing.Union, types.UnionType):
        return hint, optional
    options = [option for option in typing.get_args(hint) if option is not type(None)]
    kinds = {_type_of(option) for option in options}
    if None in kinds:
        return hint, optional
    if kinds <= {ArgType.INT, ArgType.FLOAT}:
        return _NumberHint, optional
    return (Any, optional) if len(kinds) > 1 else (options[0], optional)


class _NumberHint:
    """Stands for ``int | float``."""


def _type_of(hint: Any) -> ArgType | None:
    if hint is _NumberHint:
        return ArgType.NUMBER
    origin = typing.get_origin(hint)
    if origin is typing.Annotated:
        return _type_of(hint.__origin__)
    if origin is typing.Literal:
        kinds = {_SIMPLE.get(type(value)) for value in typing.get_args(hint)}
        return kinds.pop() if len(kinds) == 1 else ArgType.ANY
    if origin in (typing.Union, types.UnionType):
        plain, _ = _simplified(hint)
        return _type_of(plain) if plain is not hint else None
    if origin is None:
        try:
            known = _SIMPLE.get(hint)
        except TypeError:  # an unhashable annotation
            return None
        if known is not None:
            return known
        is_map = isinstance(hint, type) and (hasattr(hint, "model_validate") or issubclass(hint, dict))
        return ArgType.MAP if is_map or _is_typed_dict(hint) else None
    if origin in _LISTS:
        items = [item for item in typing.get_args(hint) if item is not Ellipsis]
        item = _type_of(items[0]) if len(items) == 1 else ArgType.ANY
        return _SLICES.get(item or ArgType.ANY, ArgType.SLICE_ANY)
    if origin is Callable:
        return ArgType.FUNCTION
    return _SIMPLE.get(origin)


def _return_type(hint: Any) -> ArgType:
    plain, optional = _simplified(hint)
    return ArgType.ANY if optional else _type_of(plain) or ArgType.ANY


def _unsupported(function: Callable[..., Any], name: str, problem: str) -> NeuroScriptError:
    return NeuroScriptError(
        ErrorCode.INVALID_VALUE,
        f"{name_of(function)}: parameter {name} {problem}; use str, int, float, bool, bytes, list[…], dict[…], Any, or "
        f"another type that pydantic understands",
    )


# --- docstrings -------------------------------------------------------------------------------------------------------

_SECTION = re.compile(r"(Args|Arguments|Parameters|Returns|Raises|Examples?|Yields|Note|Notes):\s*$")
_ITEM = re.compile(r"\*{0,2}(\w+)\s*(?:\([^)]*\))?:\s*(.*)")


@dataclass(frozen=True, slots=True)
class _Text:
    description: str
    args: dict[str, str]
    sections: dict[str, str]


def _parse_docstring(text: str) -> _Text:
    """Parses a docstring in Google's style: the text before the sections, the arguments, and the other sections."""
    sections: dict[str, list[str]] = {"": []}
    current = ""
    for line in text.splitlines():
        heading = _SECTION.match(line)
        if heading:
            current = heading[1].lower()
            sections[current] = []
        elif line.strip() and not line[0].isspace() and current:
            current = ""
            sections[""].append(line)
        else:
            sections[current].append(line)
    lines = next((sections[key] for key in ("args", "arguments", "parameters") if key in sections), [])
    paragraphs = "\n".join(sections.pop("")).strip().split("\n\n")
    description = " ".join(paragraphs[0].split())
    return _Text(description, _items(lines), {key: " ".join(" ".join(part).split()) for key, part in sections.items()})


def _items(lines: list[str]) -> dict[str, str]:
    """Parses ``name: text`` entries; a line indented further continues the one before."""
    indent = min((len(line) - len(line.lstrip()) for line in lines if line.strip()), default=0)
    found: dict[str, str] = {}
    name = ""
    for line in lines:
        entry = _ITEM.match(line[indent:]) if line.strip() and not line[indent : indent + 1].isspace() else None
        if entry:
            name = entry[1]
            found[name] = entry[2].strip()
        elif name and line.strip():
            found[name] += " " + line.strip()
    return found
