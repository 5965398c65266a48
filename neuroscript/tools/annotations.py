"""Replaces type annotations that pydantic does not support by equivalent ones that it does."""

from __future__ import annotations

import functools
import sys
import types
import typing
from collections.abc import Mapping
from enum import Enum
from typing import Annotated, Any

import typing_extensions
from pydantic import BeforeValidator
from pydantic_core import core_schema


def understandable(hint: Any, names: Mapping[str, Any] | None = None, within: tuple[Any, ...] = ()) -> Any:
    """Returns an annotation with unsupported types replaced: those of numpy, and the `TypedDict` of Python 3.11.

    Args:
        hint: the annotation.
        names: what strings in the annotations of a local class may mean.
        within: the types that it stands in.

    Raises:
        TypeError: for a `TypedDict` of 3.11 that holds itself.
    """
    if typing.is_typeddict(hint):
        return _typed_dict(hint, names, within) if _is_old_typed_dict(hint) else hint
    hint = _named(hint)
    array = _numpy_type(hint)
    if array is not None:
        return array
    origin = typing.get_origin(hint)
    if origin is typing.Literal:
        return Annotated[hint, BeforeValidator(functools.partial(_option, typing.get_args(hint)))]
    if origin is None:
        return hint
    if origin is Annotated:
        return Annotated[understandable(hint.__origin__, names, within), *hint.__metadata__]
    args = typing.get_args(hint)
    replaced = tuple(understandable(arg, names, within) for arg in args)
    if all(new is old for new, old in zip(replaced, args, strict=True)):
        return hint
    if origin in (typing.Union, types.UnionType):
        return typing.Union[replaced]  # noqa: UP007 - of a tuple
    return hint.copy_with(replaced) if hasattr(hint, "copy_with") else origin[replaced]


def _named(hint: Any) -> Any:
    """What a parametrized ``type`` alias stands for, such as numpy's ``NDArray[float64]``; any other hint as it is."""
    origin = typing.get_origin(hint)
    alias = getattr(typing, "TypeAliasType", None)
    if alias is None or not isinstance(origin, alias):
        return hint
    return origin.__value__[typing.get_args(hint)]


def _option(options: tuple[Any, ...], value: Any) -> Any:
    """The option of a `Literal` that equals a boolean or number, since Python takes ``True`` and 1 to be equal."""
    if not isinstance(value, bool | int | float) or isinstance(value, Enum):
        return value
    return next((one for one in options if one == value and isinstance(one, bool) is isinstance(value, bool)), _NONE)


_NONE = object()  # which is no option


def _is_old_typed_dict(hint: Any) -> bool:
    return sys.version_info < (3, 12) and type(hint).__module__ == "typing"


def _typed_dict(hint: Any, names: Mapping[str, Any] | None, within: tuple[Any, ...]) -> Any:
    """Converts a `TypedDict` of Python 3.11 to a later form, from which pydantic can tell the required keys."""
    if hint in within:
        raise TypeError(f"{hint.__name__} holds itself; on Python 3.11 make it with typing_extensions.TypedDict")
    fields = {}
    for key, item in typing.get_type_hints(hint, localns=dict(names or {}), include_extras=True).items():
        if typing.get_origin(item) in (typing.Required, typing.NotRequired):
            item = typing.get_args(item)[0]
        needed = typing_extensions.Required if key in hint.__required_keys__ else typing_extensions.NotRequired
        fields[key] = needed[understandable(item, names, (*within, hint))]
    made: Any = typing_extensions.TypedDict(hint.__name__, fields)  # type: ignore[misc]  # the name is known to pydantic
    made.__doc__, made.__module__ = hint.__doc__, hint.__module__
    return made


def _numpy_type(hint: Any) -> Any:
    """A type built from a list or a number, in place of a numpy array or scalar; None for any other type."""
    numpy: Any = sys.modules.get("numpy")
    origin = typing.get_origin(hint) or hint
    if numpy is None or not isinstance(origin, type):
        return None
    if issubclass(origin, numpy.ndarray):
        items = [arg for arg in typing.get_args(hint) if typing.get_origin(arg) is numpy.dtype]
        dtype = next((arg for one in items for arg in typing.get_args(one) if isinstance(arg, type)), None)
        return Annotated[hint, _Made(core_schema.list_schema(), functools.partial(_array, numpy, dtype))]
    plain: list[tuple[Any, Any]] = [
        (numpy.bool_, core_schema.bool_schema()),
        (numpy.integer, core_schema.int_schema()),
        (numpy.floating, core_schema.float_schema()),
    ]
    if not issubclass(origin, numpy.generic):
        return None
    return next((Annotated[hint, _Made(schema, origin)] for kind, schema in plain if issubclass(origin, kind)), None)


_KINDS = {"i": "iufU", "u": "iufU", "f": "iufU", "c": "iufcU", "b": "b", "U": "U"}
"""The kinds of numpy's types whose values an array of another kind may hold."""


def _array(numpy: Any, dtype: Any, value: list[Any]) -> Any:
    """An array that holds just what a list holds.

    Raises:
        ValueError: if it would hold something else.
    """
    wanted = "" if dtype is None else numpy.dtype(dtype).kind
    try:
        with numpy.errstate(over="raise"):
            natural, made = numpy.asarray(value), numpy.asarray(value, dtype)
    except (ValueError, TypeError, ArithmeticError):
        fits = False
    else:
        kind = natural.dtype.kind
        read = wanted and kind == "U"  # numbers in text, which arguments of number types may be too
        exact = wanted in ("", "i", "u") and not read
        held = kind in _KINDS.get(wanted, kind) and (not exact or made.tolist() == value)
        fits = held or not natural.size
    if not fits:
        raise ValueError(f"does not fit an array{'' if dtype is None else f' of {numpy.dtype(dtype)}'}")
    return made


class _Made:
    """Tells pydantic how to build an object from a plain value."""

    def __init__(self, schema: Any, make: Any) -> None:
        self.schema = schema
        self.make = make

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> Any:
        def made(value: Any) -> Any:
            try:
                return self.make(value)
            except (OverflowError, TypeError) as error:
                raise ValueError(str(error)) from error

        return core_schema.no_info_after_validator_function(made, self.schema)
