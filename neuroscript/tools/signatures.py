"""Python functions as tools: how they are called, and the spec that their hints and docstring make."""

from __future__ import annotations

import inspect
import re
import types
import typing
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from neuroscript.errors import ErrorCode, NeuroScriptError
from neuroscript.tools.spec import ArgSpec, ArgType, ToolSpec
from neuroscript.values import ErrorValue, Function, Fuzzy, Handle, TimeDate

_POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
_CONTEXT = re.compile(r"\bToolContext\b")
_READ_ONLY = re.compile(r"(?:\w+\.)*(?:Sequence|Mapping|Iterable|Collection)\b")


@dataclass(frozen=True, slots=True)
class CallShape:
    """How a function takes the arguments of a spec."""

    function: Callable[..., Any]
    takes_context: bool
    is_async: bool
    shared: frozenset[int]
    context_optional: bool = False

    @classmethod
    def of(cls, spec: ToolSpec, function: Callable[..., Any]) -> CallShape:
        """Reads the signature, and puts an adapter round a function that takes its arguments in another way.

        Raises:
            NeuroScriptError: 41 if the function cannot take the spec's arguments.
        """
        if not callable(function):
            raise NeuroScriptError(ErrorCode.INVALID_VALUE, f"{spec.full_name}: {function!r} is not a function")
        is_async = inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(
            getattr(function, "__call__", None)  # noqa: B004 - an object may have an async __call__
        )
        try:
            parameters = list(inspect.signature(function).parameters.values())
        except ValueError:  # some built-in functions have no signature to read
            return cls(function, False, is_async, frozenset())
        takes_context = bool(parameters) and _is_context(parameters[0])
        context_optional = takes_context and "None" in str(parameters[0].annotation)
        if takes_context:
            parameters = parameters[1:]
        _check_count(spec, function, parameters)
        shared = frozenset(i for i, p in enumerate(parameters[: len(spec.args)]) if _is_read_only(p.annotation))
        adapted = _adapted(spec, function, parameters, takes_context)
        return cls(adapted, takes_context, is_async, shared, context_optional)


def _is_context(parameter: inspect.Parameter) -> bool:
    annotation = parameter.annotation
    word = annotation if isinstance(annotation, str) else getattr(annotation, "__name__", str(annotation))
    named = parameter.name in ("ctx", "context") and parameter.kind in _POSITIONAL
    return named or _CONTEXT.search(word) is not None


def _is_read_only(annotation: Any) -> bool:
    if isinstance(annotation, str):
        return _READ_ONLY.match(annotation.strip("\"'")) is not None
    origin = typing.get_origin(annotation) or annotation
    return getattr(origin, "__module__", "") == "collections.abc" and not hasattr(origin, "append")


def _check_count(spec: ToolSpec, function: Callable[..., Any], parameters: list[inspect.Parameter]) -> None:
    wanted = len(spec.args)
    most = len(parameters)
    needed = [p for p in parameters if p.default is p.empty and p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
    spreads = any(p.kind is p.VAR_POSITIONAL for p in parameters)
    if len(needed) <= wanted and (wanted <= most or spreads):
        return
    name = getattr(function, "__qualname__", repr(function))
    raise NeuroScriptError(
        ErrorCode.INVALID_VALUE,
        f"{spec.full_name}: the spec has {wanted} arguments ({', '.join(a.name for a in spec.args)}), "
        f"but {name} takes {', '.join(p.name for p in parameters) or 'none'}",
    )


def _adapted(
    spec: ToolSpec, function: Callable[..., Any], parameters: list[inspect.Parameter], takes_context: bool
) -> Callable[..., Any]:
    """The function itself, or one that spreads a variadic list, passes keyword-only arguments, or makes models."""
    models = _models(function, parameters)
    keyword_only = [i for i, p in enumerate(parameters) if p.kind is p.KEYWORD_ONLY]
    spreads = spec.variadic and bool(parameters) and any(p.kind is p.VAR_POSITIONAL for p in parameters)
    if not (models or keyword_only or spreads):
        return function
    first = 1 if takes_context else 0
    names = {i: parameters[i].name for i in keyword_only if i < len(spec.args)}
    last = len(spec.args) - 1

    def adapter(*values: Any) -> Any:
        head, args = values[:first], list(values[first:])
        for index, model in models.items():
            if args[index] is not None:
                args[index] = _make_model(spec, index, model, args[index])
        keywords = {name: args[i] for i, name in names.items()}
        positional = [value for i, value in enumerate(args) if i not in names and not (spreads and i == last)]
        return function(*head, *positional, *(args[last] if spreads else ()), **keywords)

    return adapter


def _models(function: Callable[..., Any], parameters: list[inspect.Parameter]) -> dict[int, Any]:
    """The parameters annotated with a pydantic model, by position."""
    plain = {int, float, str, bool, bytes, list, dict, Any, inspect.Parameter.empty, None}
    if all(not isinstance(p.annotation, str) and _hashable(p.annotation) in plain for p in parameters):
        return {}
    try:
        hints = typing.get_type_hints(function)
    except (NameError, TypeError, AttributeError):  # hints under TYPE_CHECKING name no class at run time
        return {}
    found = {}
    for index, parameter in enumerate(parameters):
        hint = _without_none(hints.get(parameter.name, Any))[0]
        if isinstance(hint, type) and hasattr(hint, "model_validate"):
            found[index] = hint
    return found


def _hashable(annotation: Any) -> Any:
    return annotation if isinstance(annotation, type) or annotation in (Any, None) else None


def _make_model(spec: ToolSpec, index: int, model: Any, value: Any) -> Any:
    try:
        return model.model_validate(value)
    except ValueError as error:
        arg = spec.args[index]
        problems = [
            f"{'.'.join(map(str, item['loc'])) or arg.name}: {item['msg']}" for item in getattr(error, "errors", list)()
        ]
        raise NeuroScriptError(
            ErrorCode.ARG_MISMATCH,
            f"{spec.full_name}: argument {index + 1} ({arg.name}) is not a valid {model.__name__}: "
            f"{'; '.join(problems) or type(error).__name__}",
        ) from error


# --- a spec from a function -------------------------------------------------------------------------------------------

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
    """The fields of a spec that a function's signature and docstring tell."""
    signature = inspect.signature(function)
    try:
        hints = typing.get_type_hints(function, include_extras=True)
    except (NameError, TypeError, AttributeError):
        hints = {}
    parameters = list(signature.parameters.values())
    if parameters and _is_context(parameters[0]):
        parameters = parameters[1:]
    text = _parse_docstring(inspect.getdoc(function) or "")
    variadic = False
    args = []
    for parameter in parameters:
        if parameter.kind is parameter.VAR_KEYWORD:
            raise _unsupported(function, parameter.name, "collects keywords; name each argument")
        hint = hints.get(parameter.name, parameter.annotation)
        kind, optional, note = _arg_type(function, parameter.name, hint)
        collects = parameter.kind is parameter.VAR_POSITIONAL
        if variadic:
            raise _unsupported(function, parameter.name, "stands after *args, which must be the last argument")
        variadic = collects
        has_default = parameter.default is not parameter.empty
        args.append(
            ArgSpec(
                parameter.name,
                kind,
                note or text.args.get(parameter.name, ""),
                required=not (has_default or optional or collects),
                default=parameter.default if has_default else None,
            )
        )
    returned = hints.get("return", signature.return_annotation)
    return {
        "description": text.description,
        "args": tuple(args),
        "return_type": _return_type(returned),
        "return_help": text.sections.get("returns", ""),
        "error_conditions": text.sections.get("raises", ""),
        "example": text.sections.get("example", text.sections.get("examples", "")),
        "variadic": variadic,
    }


def _arg_type(function: Callable[..., Any], name: str, hint: Any) -> tuple[ArgType, bool, str]:
    """The type of a parameter, whether it may be None, and the description in an ``Annotated`` hint."""
    note = ""
    if typing.get_origin(hint) is typing.Annotated:
        note = next((extra for extra in hint.__metadata__ if isinstance(extra, str)), "")
        hint = hint.__origin__
    hint, optional = _without_none(hint)
    kind = _type_of(hint)
    if kind is None:
        raise _unsupported(function, name, f"is annotated {hint!r}, which no value of a script fits")
    return kind, optional, note


def _without_none(hint: Any) -> tuple[Any, bool]:
    """``X | None`` as X and True; anything else as it is and False."""
    if typing.get_origin(hint) not in (typing.Union, types.UnionType):
        return hint, False
    options = [option for option in typing.get_args(hint) if option is not type(None)]
    optional = len(options) < len(typing.get_args(hint))
    if len(options) == 1:
        return options[0], optional
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
        plain, _ = _without_none(hint)
        return _type_of(plain) if plain is not hint else None
    if origin is None:
        try:
            known = _SIMPLE.get(hint)
        except TypeError:  # an unhashable annotation
            return None
        if known is not None:
            return known
        is_map = isinstance(hint, type) and (hasattr(hint, "model_validate") or issubclass(hint, dict))
        return ArgType.MAP if is_map or typing.is_typeddict(hint) else None
    if origin in _LISTS:
        items = [item for item in typing.get_args(hint) if item is not Ellipsis]
        item = _type_of(items[0]) if len(items) == 1 else ArgType.ANY
        return _SLICES.get(item or ArgType.ANY, ArgType.SLICE_ANY)
    if origin is Callable:
        return ArgType.FUNCTION
    return _SIMPLE.get(origin)


def _return_type(hint: Any) -> ArgType:
    plain, optional = _without_none(hint)
    return ArgType.ANY if optional else _type_of(plain) or ArgType.ANY


def _unsupported(function: Callable[..., Any], name: str, problem: str) -> NeuroScriptError:
    label = getattr(function, "__qualname__", repr(function))
    return NeuroScriptError(
        ErrorCode.INVALID_VALUE,
        f"{label}: parameter {name} {problem}; use str, int, float, bool, bytes, list[…], dict, Sequence, Mapping, "
        f"Any, a pydantic model, or X | None of those",
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
    """A docstring in Google's style: the text before the sections, the arguments, and the other sections."""
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
    """``name: text`` entries; a line indented further goes on with the one before."""
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
