"""Declares standard tools, each function beside its spec, and checks limits before memory is taken."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Any, NoReturn, Protocol, TypeVar

from neuroscript.cancellation import CancelToken
from neuroscript.errors import ErrorCode, NeuroScriptError
from neuroscript.limits import Limits
from neuroscript.tools.shapes import Shape
from neuroscript.tools.spec import ArgSpec, ArgType, ToolSpec

F = TypeVar("F", bound=Callable[..., Any])

ToolList = list[tuple[ToolSpec, Callable[..., Any]]]

_DEFAULTS = Limits()
MUCH = 4096
"""Items or characters from which on the run's limits are checked."""

_MANY = 512  # new items from which on it is: they may be strings or lists, which take memory of their own


class Context(Protocol):
    """The part of the call context that tools over values use."""

    @property
    def limits(self) -> Limits:
        """The limits of the run."""

    @property
    def cancel_token(self) -> CancelToken:
        """What ends the run."""

    def call(self, function: Any, *args: Any) -> Any:
        """Calls a function value of the script."""

    def procedure(self, function: Any, count: int) -> Callable[..., Any] | None:
        """The code of a procedure, for ``count`` values; what it raises goes to `raise_script_error`."""

    def tool_code(self, function: Any, count: int) -> Callable[..., Any] | None:
        """The code of a library function that is a value, as `procedure`; it wants a `check` now and then."""

    def raise_script_error(self, exception: Exception) -> NoReturn:
        """Raises the script's own error, for what came out of its code."""

    def check(self) -> None:
        """Raises when the run is cancelled or out of time."""


class Group:
    """The tools of one group of pure functions; ``tools`` is what the module exports as ``TOOLS``."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.tools: ToolList = []

    def tool(
        self,
        name: str,
        *args: ArgSpec,
        returns: ArgType,
        result: str,
        example: str,
        errors: str = "",
        variadic: bool = False,
        brief: bool = False,
        shape: Shape | None = None,
        primer: str = "",
    ) -> Callable[[F], F]:
        """Declares the function as a tool; its docstring is the description.

        Args:
            name: the name within the group.
            args: the arguments, in order.
            returns: the type of the result.
            result: what the result is.
            example: a call and its result, ``tool.str.ToUpper("a") = "A"``; the tests evaluate it.
            errors: the errors beside that of wrong arguments.
            variadic: whether the last argument takes all that are left.
            brief: as `ToolSpec.brief`.
            shape: the keys of the map, or of the maps, that it gives.
            primer: as `ToolSpec.primer`.
        """

        def declare(function: F) -> F:
            wrong = "Error 4 for wrong arguments"
            spec = ToolSpec(
                name=f"{self.name}.{name}",
                description=" ".join((function.__doc__ or "").split()),
                args=args,
                return_type=returns,
                return_help=result,
                result_shape=shape,
                example=example,
                error_conditions=f"{wrong}; {errors}." if errors else f"{wrong}.",
                variadic=variadic,
                pure=True,
                brief=brief,
                primer=primer,
            )
            self.tools.append((spec, function))
            return function

        return declare


def required(name: str, kind: ArgType, description: str) -> ArgSpec:
    """An argument that must be given."""
    return ArgSpec(name, kind, description)


def optional(name: str, kind: ArgType, description: str, default: Any = None) -> ArgSpec:
    """An argument that may be left out."""
    return ArgSpec(name, kind, description, required=False, default=default)


def fail(code: ErrorCode, tool: str, problem: str) -> NoReturn:
    """Raises the error of a standard tool."""
    raise NeuroScriptError(code, f"tool.{tool}: {problem}")


# --- limits -----------------------------------------------------------------------------------------------------------


def limits_of(ctx: Context | None) -> Limits:
    """The limits of the run; the defaults where a host calls outside one."""
    return _DEFAULTS if ctx is None else ctx.limits


def max_characters(ctx: Context | None) -> int:
    """The most characters that a string may have."""
    limit = limits_of(ctx).max_string
    return sys.maxsize if limit is None else limit


def max_items(ctx: Context | None) -> int:
    """The most items that a list, and entries that a map, may have."""
    limit = limits_of(ctx).max_items
    return sys.maxsize if limit is None else limit


def max_nesting(ctx: Context | None) -> int:
    """How deep lists and maps may stand inside one another."""
    return max_nesting_of(limits_of(ctx))


def max_nesting_of(limits: Limits) -> int:
    """As `max_nesting`, of some limits."""
    limit = limits.max_nesting
    # Functions over nested values recurse, so without a limit of the host's there is still one of the stack's.
    return 400 if limit is None else min(limit, 400)


def check_run(ctx: Context | None, count: int) -> None:
    """Checks the run's limits where there are many items or characters to deal with."""
    if count > MUCH and ctx is not None:
        ctx.check()


def check_characters(ctx: Context | None, count: int, tool: str) -> None:
    """Raises error 37 if a string of ``count`` characters would be too long.  To be asked before it is made."""
    most = (_DEFAULTS if ctx is None else ctx.limits).max_string
    if most is not None and count > most:
        fail(
            ErrorCode.RESOURCE_EXHAUSTION,
            tool,
            f"the result would have {count} characters; a string has at most {most}",
        )
    check_run(ctx, count)


def check_items(ctx: Context | None, count: int, tool: str, what: str = "list") -> None:
    """Raises error 37 if a list or map of ``count`` items would be too long.  To be asked before it is made."""
    most = (_DEFAULTS if ctx is None else ctx.limits).max_items
    if most is not None and count > most:
        items = "items" if what == "list" else "entries"
        fail(
            ErrorCode.RESOURCE_EXHAUSTION,
            tool,
            f"the result would have {count} {items}; a {what} has at most {most}",
        )
    if count > _MANY and ctx is not None:
        ctx.check()


def joined(ctx: Context | None, parts: Sequence[str], separator: str, tool: str) -> str:
    """The parts as one string, its length checked before."""
    check_characters(ctx, sum(map(len, parts)) + len(separator) * max(0, len(parts) - 1), tool)
    return separator.join(parts)
