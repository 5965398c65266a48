"""Matches the parameters of a Python function to the arguments of a spec: by position, by name or as a model."""

from __future__ import annotations

import inspect
import re
import types
import typing
from collections.abc import Callable
from dataclasses import dataclass
from inspect import Parameter
from typing import TYPE_CHECKING, Any

from neuroscript.errors import ErrorCode, NeuroScriptError
from neuroscript.tools.signatures import (
    CONTEXT_NAMES,
    POSITIONAL,
    default_of,
    defining_frame,
    hints_of,
    is_context_type,
    name_of,
    split_context,
    without_none,
)
from neuroscript.tools.spec import ArgSpec, ToolSpec
from neuroscript.values import from_host

if TYPE_CHECKING:
    from neuroscript.tools.python_types import PythonType

_READ_ONLY = re.compile(r"(?:\w+\.)*(?:Sequence|Mapping|Iterable|Collection)\b")


@dataclass(frozen=True, slots=True)
class CallShape:
    """How to pass the arguments of a spec to a function."""

    function: Callable[..., Any]
    takes_context: bool
    is_async: bool
    shared: frozenset[int]
    context_optional: bool = False

    @classmethod
    def of(cls, spec: ToolSpec, function: Callable[..., Any]) -> CallShape:
        """Reads a function's signature, and wraps it in an adapter if it takes its arguments in another way.

        Arguments go to the function by position, in the order of the spec.  One that has the name of a keyword-only
        parameter goes to that, and where no positional parameter is left, ``**kwargs`` takes the others by name.
        ``*args`` takes the values of a variadic argument one by one.

        Raises:
            NeuroScriptError: 41 if the function cannot take the spec's arguments, or would take them for others.
        """
        if not callable(function):
            raise NeuroScriptError(ErrorCode.INVALID_VALUE, f"{spec.full_name}: {function!r} is not a function")
        is_async = inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(
            getattr(function, "__call__", None)  # noqa: B004 - an object may have an async __call__
        )
        try:
            parameters = list(inspect.signature(function).parameters.values())
        except (ValueError, TypeError):  # some built-in functions have no signature to read
            return cls(function, False, is_async, frozenset())
        context, parameters = split_context(parameters)
        binding = _Binder(spec, function, parameters).bind()
        shared = frozenset(
            index for index, parameter in binding.parameters.items() if _is_read_only(parameter.annotation)
        )
        adapted = _adapted(spec, function, binding, context is not None)
        optional = context is not None and "None" in str(context.annotation)
        return cls(adapted, context is not None, is_async, shared, optional)


@dataclass(frozen=True, slots=True)
class _Binding:
    """The assignment of a spec's arguments to a function's parameters.

    Args:
        parameters: the parameter of each argument, by the argument's index.
        positional: the indexes of the arguments that are passed by position, in order.
        keywords: the indexes of the others, with the names that they are passed by.
        spreads: whether the last positional argument is a list whose items are passed one by one.
    """

    parameters: dict[int, Parameter]
    positional: list[int]
    keywords: dict[int, str]
    spreads: bool


class _Binder:
    """Assigns the arguments of one spec to a function's parameters."""

    def __init__(self, spec: ToolSpec, function: Callable[..., Any], parameters: list[Parameter]) -> None:
        self.spec = spec
        self.function = function
        self.parameters = parameters
        self.positional = [p for p in parameters if p.kind in POSITIONAL]
        self.by_name = {p.name: p for p in parameters if p.kind is p.KEYWORD_ONLY}
        self.rest = next((p for p in parameters if p.kind is p.VAR_POSITIONAL), None)
        self.more = next((p for p in parameters if p.kind is p.VAR_KEYWORD), None)

    def bind(self) -> _Binding:
        """Assigns all arguments.

        Raises:
            NeuroScriptError: 41 if there is none.
        """
        for parameter in self.parameters:
            unset = parameter.default is parameter.empty or parameter.default is None
            if unset and is_context_type(parameter.annotation):
                raise self._problem(f"{parameter.name} is the call context, {_CONTEXT_FIRST}")
        args = self.spec.args
        places = [index for index, arg in enumerate(args) if arg.name not in self.by_name]
        keywords = {index: arg.name for index, arg in enumerate(args) if arg.name in self.by_name}
        bound = {index: self.by_name[name] for index, name in keywords.items()}
        if len(places) > len(self.positional) and self.rest is None:
            left = places[len(self.positional) :]
            if self.more is None:
                raise self._problem()
            keywords |= {index: args[index].name for index in left}
            bound |= dict.fromkeys(left, self.more)
            del places[len(self.positional) :]
            for index in left:
                self._check_name(args[index], self.more)
        for place, index in enumerate(places):
            if place < len(self.positional):
                bound[index] = self.positional[place]
            elif self.rest is not None:
                bound[index] = self.rest
            self._check_name(args[index], bound[index])
        spreads = self.spec.variadic and self.rest is not None and places[-1:] == [len(args) - 1]
        self._check_missing(len(places) - (spreads and not args[-1].required), set(keywords.values()))
        for index, parameter in bound.items():
            if not (spreads and index == len(args) - 1):
                self._check_default(args[index], parameter)
        return _Binding(bound, places, keywords, spreads)

    def _check_name(self, arg: ArgSpec, taken: Parameter) -> None:
        """Raises an error if an argument would be passed to the parameter of another argument or of the context."""
        if arg.name == taken.name:
            return
        if any(parameter.name == arg.name for parameter in self.positional):
            raise self._problem(f"the argument {arg.name} would be passed as {taken.name}; give both the same order")
        if taken.kind in POSITIONAL and taken.name in CONTEXT_NAMES:
            raise self._problem(f"the argument {arg.name} would be passed as {taken.name}, {_CONTEXT_FIRST}")

    def _check_missing(self, given: int, names: set[str]) -> None:
        """Raises an error for a function that requires more than the spec's arguments."""
        if any(default_of(parameter)[0] is parameter.empty for parameter in self.positional[given:]):
            raise self._problem()
        for name, parameter in self.by_name.items():
            if default_of(parameter)[0] is parameter.empty and name not in names:
                raise self._problem(f"{name} can be passed by name alone, and the spec has no argument of that name")

    def _check_default(self, arg: ArgSpec, parameter: Parameter) -> None:
        """Raises an error for a parameter's default that the spec's own default would silently replace.

        A parameter whose default is None is made for being left out, and takes any value in its place.
        """
        own, _ = default_of(parameter)
        if arg.required or own is parameter.empty or own is None or _same(arg.default, own):
            return
        raise self._problem(
            f"the argument {arg.name} is {arg.default!r} by default, but {parameter.name} is {own!r}; "
            f"give both the same default, or make the argument required"
        )

    def _problem(self, why: str = "") -> NeuroScriptError:
        args = self.spec.args
        plural = "" if len(args) == 1 else "s"
        return NeuroScriptError(
            ErrorCode.INVALID_VALUE,
            f"{self.spec.full_name}: the spec has {len(args)} argument{plural} ({', '.join(a.name for a in args)}), "
            f"but {name_of(self.function)} takes {', '.join(map(_shown, self.parameters)) or 'none'}"
            + (f": {why}" if why else ""),
        )


_CONTEXT_FIRST = "which must be the first parameter to get the call context"


def _shown(parameter: Parameter) -> str:
    match parameter.kind:
        case Parameter.VAR_POSITIONAL:
            return f"*{parameter.name}"
        case Parameter.VAR_KEYWORD:
            return f"**{parameter.name}"
        case Parameter.KEYWORD_ONLY:
            return f"{parameter.name} (by name)"
    return parameter.name


def _same(default: Any, own: Any) -> bool:
    """Whether two defaults are the same value in the language, in which a list and a tuple may be equal."""
    try:
        return bool(from_host(default) == from_host(own))
    except NeuroScriptError:  # no value of the language
        return default is own


def _is_read_only(annotation: Any) -> bool:
    if isinstance(annotation, str):
        return _READ_ONLY.match(annotation.strip("\"'")) is not None
    origin = typing.get_origin(annotation) or annotation
    return getattr(origin, "__module__", "") == "collections.abc" and not hasattr(origin, "append")


def _adapted(
    spec: ToolSpec, function: Callable[..., Any], binding: _Binding, takes_context: bool
) -> Callable[..., Any]:
    """The function itself, or an adapter that unpacks a variadic list, passes arguments by name, or builds models."""
    models = _models(spec, function, binding.parameters)
    if not (models or binding.keywords or binding.spreads):
        return function
    first = 1 if takes_context else 0
    keywords, spreads = binding.keywords, binding.spreads
    places = binding.positional[:-1] if spreads else binding.positional

    def adapter(*values: Any) -> Any:
        head, args = values[:first], list(values[first:])
        for index, model in models.items():
            if args[index] is not None:
                args[index] = _make_model(spec, index, model, args[index])
        named = {name: args[index] for index, name in keywords.items()}
        return function(*head, *[args[index] for index in places], *(args[-1] if spreads else ()), **named)

    return adapter


def _models(spec: ToolSpec, function: Callable[..., Any], parameters: dict[int, Parameter]) -> dict[int, PythonType]:
    """The pydantic models in the parameters' annotations, by the index of the argument.

    Arguments that have a Python type come as such already.
    """
    plain = {int, float, str, bool, bytes, list, dict, Any, Parameter.empty, None}
    one_value = {
        index: parameter
        for index, parameter in parameters.items()
        if parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
        and spec.args[index].python_type is None
    }
    if all(not isinstance(p.annotation, str) and _hashable(p.annotation) in plain for p in one_value.values()):
        return {}
    hints = hints_of(function)
    found = {}
    for index, parameter in one_value.items():
        hint = hints.get(parameter.name, Any)
        if typing.get_origin(hint) is typing.Annotated:
            hint = hint.__origin__
        hint, _ = without_none(hint)
        if _has_model(hint):
            from neuroscript.tools.python_types import NotUnderstood, PythonType

            try:
                found[index] = PythonType(hint, defining_frame(function), described=False)
            except NotUnderstood as error:
                message = f"{spec.full_name}: {name_of(function)} takes {parameter.name} as {hint!r}: {error}"
                raise NeuroScriptError(ErrorCode.INVALID_VALUE, message) from error
    return found


def _has_model(hint: Any) -> bool:
    """Whether a type is a pydantic model, or a union that contains one."""
    options = typing.get_args(hint) if typing.get_origin(hint) in (typing.Union, types.UnionType) else (hint,)
    return any(isinstance(option, type) and hasattr(option, "model_validate") for option in options)


def _hashable(annotation: Any) -> Any:
    return annotation if isinstance(annotation, type) or annotation in (Any, None) else None


def _make_model(spec: ToolSpec, index: int, model: PythonType, value: Any) -> Any:
    from neuroscript.tools.python_types import Misfit

    name = spec.args[index].name
    try:
        return model.read(value, name)
    except Misfit as misfit:
        message = f"{spec.full_name}: argument {index + 1} ({name}) {misfit.predicate}"
        raise NeuroScriptError(ErrorCode.ARG_MISMATCH, message) from None
