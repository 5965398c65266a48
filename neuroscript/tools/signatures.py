"""Reads the signatures of Python functions that become tools: their parameters, type hints and call context."""

from __future__ import annotations

import functools
import inspect
import re
import sys
import types
import typing
from collections.abc import Callable
from typing import Any

POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
CONTEXT_NAMES = ("ctx", "context")

_CONTEXT_TYPE = re.compile(r"\bToolContext\b")


def name_of(function: Callable[..., Any]) -> str:
    """Returns the name of a function for error messages."""
    plain = plain_function(function)
    return getattr(plain, "__qualname__", None) or repr(plain)


def split_context(
    parameters: list[inspect.Parameter],
) -> tuple[inspect.Parameter | None, list[inspect.Parameter]]:
    """Returns the parameter for the call context, which is the first if any, and the other parameters."""
    if parameters and parameters[0].kind in POSITIONAL:
        first = parameters[0]
        if first.name in CONTEXT_NAMES or is_context_type(first.annotation):
            return first, parameters[1:]
    return None, parameters


def is_context_type(annotation: Any) -> bool:
    """Whether an annotation, which may be a string, names `ToolContext`."""
    word = annotation if isinstance(annotation, str) else getattr(annotation, "__name__", str(annotation))
    return _CONTEXT_TYPE.search(word) is not None


def hints_of(function: Callable[..., Any]) -> dict[str, Any]:
    """Returns the type hints of a function by parameter; hints that cannot be evaluated are left out.

    A hint may name a class that is imported for type checkers alone, as that of the call context often is.
    """
    frame = defining_frame(function)
    function = plain_function(function)
    local = dict(frame.f_locals) if frame is not None else {}
    names = getattr(inspect.unwrap(function), "__globals__", {})
    try:
        return typing.get_type_hints(function, localns=local or None, include_extras=True)
    except (NameError, TypeError, AttributeError):
        pass
    found: dict[str, Any] = {}
    for name, hint in getattr(function, "__annotations__", {}).items():
        one = types.SimpleNamespace(__annotations__={name: hint})
        try:
            found |= typing.get_type_hints(one, names, local, include_extras=True)
        except (NameError, TypeError, AttributeError):
            continue
    return found


def defining_frame(function: Callable[..., Any]) -> types.FrameType | None:
    """Finds the running frame in which a function was defined, whose local types its annotations may name.

    None for a function of a module, and where what defined it has returned.
    """
    code = getattr(inspect.unwrap(plain_function(function)), "__code__", None)
    frame: types.FrameType | None = sys._getframe(1)
    while code is not None and frame is not None:
        if frame.f_code.co_name != "<module>" and _holds(frame.f_code, code):
            return frame
        frame = frame.f_back
    return None


def _holds(outer: types.CodeType, inner: types.CodeType) -> bool:
    """Whether a function's code is nested in another's, perhaps in a class there."""
    return any(part is inner or _holds(part, inner) for part in outer.co_consts if isinstance(part, types.CodeType))


def default_of(parameter: inspect.Parameter) -> tuple[Any, Callable[[], Any] | None]:
    """Returns the default and the default factory of a parameter, which pydantic's ``Field(…)`` may give.

    The default is ``parameter.empty`` where there is neither.
    """
    info = field_of(parameter)
    if info is None:
        return parameter.default, None
    if info.default_factory is not None:
        return None, info.default_factory
    return (parameter.empty if info.is_required() else info.default), None


def field_of(parameter: inspect.Parameter) -> Any:
    """Returns the ``Field(…)`` given as a parameter's default; None if there is none."""
    fields = sys.modules.get("pydantic.fields")  # imported by whoever wrote one
    return parameter.default if fields is not None and isinstance(parameter.default, fields.FieldInfo) else None


def without_none(hint: Any) -> tuple[Any, bool]:
    """Splits ``X | None`` into X and True; returns any other hint unchanged, and False."""
    if typing.get_origin(hint) not in (typing.Union, types.UnionType):
        return hint, False
    options = [option for option in typing.get_args(hint) if option is not type(None)]
    optional = len(options) < len(typing.get_args(hint))
    return (options[0], optional) if len(options) == 1 else (hint, optional)


def plain_function(function: Callable[..., Any]) -> Callable[..., Any]:
    """Returns the function behind a partial application or a callable object, which has the annotations."""
    while isinstance(function, functools.partial):
        function = function.func
    if inspect.isroutine(function) or inspect.isclass(function):
        return function
    call: Callable[..., Any] = type(function).__call__
    return call
