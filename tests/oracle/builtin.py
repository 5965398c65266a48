"""The built-in functions (language reference, section 5)."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from neuroscript.errors import ErrorCode, NeuroScriptError
from neuroscript.values import ErrorValue, type_name

from .operators import as_number, checked, is_number, whole


def length(value: Any) -> int:
    """``len``: characters, items, entries, bytes; nil is 0."""
    if value is None:
        return 0
    if type(value) in (str, bytes, list, dict):
        return len(value)
    raise NeuroScriptError(ErrorCode.TYPE, f"len does not apply to {type_name(value)}")


def _mathematical(name: str, function: Callable[[float], float]) -> Callable[[Any], Any]:
    def apply(value: Any) -> Any:
        number = as_number(value)
        if number is None:
            raise NeuroScriptError(ErrorCode.TYPE, f"{name} needs a number, not {type_name(value)}")
        try:
            return checked(function(number))
        except (ValueError, OverflowError) as error:
            # A whole number too large for a double lies outside the domain as well.
            raise NeuroScriptError(ErrorCode.ARG_MISMATCH, f"{name} of {number} is not defined") from error

    return apply


BUILTINS: dict[str, Callable[[Any], Any]] = {
    "len": length,
    "ln": _mathematical("ln", math.log),
    "log": _mathematical("log", math.log10),
    "sin": _mathematical("sin", math.sin),
    "cos": _mathematical("cos", math.cos),
    "tan": _mathematical("tan", math.tan),
    "asin": _mathematical("asin", math.asin),
    "acos": _mathematical("acos", math.acos),
    "atan": _mathematical("atan", math.atan),
    "is_string": lambda value: type(value) is str,
    "is_number": is_number,
    "is_int": lambda value: whole(value) is not None,
    "is_float": lambda value: is_number(value) and whole(value) is None,
    "is_bool": lambda value: type(value) is bool,
    "is_list": lambda value: type(value) is list,
    "is_map": lambda value: type(value) is dict,
    "is_error": lambda value: type(value) is ErrorValue,
    "is_nil": lambda value: value is None,
    "not_empty": bool,
}


def call_builtin(name: str, args: list[Any], named: list[tuple[str, Any]]) -> Any:
    """Calls a built-in; every one takes a single argument."""
    if named or len(args) != 1:
        raise NeuroScriptError(ErrorCode.ARG_MISMATCH, f"{name} takes one argument")
    return BUILTINS[name](args[0])
