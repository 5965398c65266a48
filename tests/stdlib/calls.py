"""Calls of standard tools as tests write them."""

from __future__ import annotations

from typing import Any

import pytest

from neuroscript.errors import NeuroScriptError
from neuroscript.limits import Limits
from neuroscript.stdlib import standard_registry


class Small:
    """A call context with limits of its own, whose function values are Python functions."""

    def __init__(self, **limits: int | None) -> None:
        self.limits = Limits(**limits)  # type: ignore[arg-type]
        self.checked = 0

    def call(self, function: Any, *args: Any) -> Any:
        return function.call(*args)

    def tool_code(self, function: Any, count: int) -> None:
        """No function value is a library function here."""

    def procedure(self, function: Any, count: int) -> None:
        """No function value is a procedure of the script here."""

    def check(self) -> None:
        self.checked += 1


def tool(name: str, *args: Any, context: Any = None, **named: Any) -> Any:
    """The result of a tool, called as a host calls it."""
    return standard_registry().call(name, *args, context=context, **named)


def raw(name: str, *args: Any, context: Any = None) -> Any:
    """The result of a tool, called as a program calls it: arguments are shared, not copied."""
    found = standard_registry().lookup(name)
    return found.invoke(context, found.validator(list(args)))


def code(name: str, *args: Any, context: Any = None, **named: Any) -> int:
    """The code of the error that a call ends in."""
    with pytest.raises(NeuroScriptError) as caught:
        tool(name, *args, context=context, **named)
    assert caught.value.message.startswith("tool.")
    return int(caught.value.code)


def code_of(call: Any) -> int:
    """The code of the error that a function ends in."""
    with pytest.raises(NeuroScriptError) as caught:
        call()
    return int(caught.value.code)


def outcome(call: Any) -> str:
    """The result of a call in a form that tells types apart, or its error."""
    try:
        return repr(call())
    except NeuroScriptError as error:
        return f"{int(error.code)} {error.message}"
