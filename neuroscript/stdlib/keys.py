"""The function or key that tools apply to each item: a function of the script, or the name of a key to read.

A name is a key of the item; if there is no such key and the name has dots, it is a path through maps (``team.name``).
If no item has either and the name begins with ``-``, it is the name without it, in descending order.  A key that is
missing reads as nil.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import islice, repeat
from typing import Any

from neuroscript.errors import ErrorCode, NeuroScriptError
from neuroscript.stdlib.declare import MUCH, Context, check_run, fail, limits_of, optional
from neuroscript.tools.spec import ArgType
from neuroscript.tools.validation import given
from neuroscript.values import ErrorValue, EventValue, Function, ToolValue

MORE = optional("more", ArgType.ANY, "Further arguments of the function.")
"""The variadic argument of the tools that call a function."""

CALLS_AT_ONCE = 64
"""Calls of tools that are values between two looks at the run's limits."""

_are_maps: Callable[[Iterable[type]], bool] = frozenset({dict}).issuperset
_MISSING: Any = object()
_AT_ONCE = 1024  # values that are read between two looks at the run's limits
_POINTER, _READER = 8, 400  # bytes that an item takes in a list, and what reads a key of every item
_MOST_STEPS = 1000  # parts of a path; values are not nested as deeply


def is_function(chosen: Any) -> bool:
    """Whether a value of type ``function_or_key`` is a function."""
    return type(chosen) is Function or type(chosen) is ToolValue


def caller(ctx: Context | None, function: Any, more: Sequence[Any], tool: str) -> Callable[..., Any]:
    """A function value as Python calls it; ``more`` is passed after the arguments of each call.

    Raises:
        NeuroScriptError: 18 if there is no interpreter that could call it.
    """
    if ctx is None:
        message = f"tool.{tool} needs an interpreter; pass context=interpreter.host_context()"
        raise NeuroScriptError(ErrorCode.CONFIGURATION, message)
    call = partial(ctx.call, function)
    return call if not more else lambda *args: call(*args, *more)


def results(ctx: Context | None, items: Sequence[Any], chosen: Any, more: Sequence[Any], tool: str) -> Iterator[Any]:
    """Yields the result of a function, a key or a list of keys for each item.

    Raises:
        NeuroScriptError: 4 for further arguments of a key; 7 for an item without keys; what the function raises.
    """
    if is_function(chosen):
        return _calls(ctx, items, chosen, more, tool)
    refuse_more(more, tool)
    if type(chosen) is str:
        return read(ctx, items, key_and_order(ctx, items, chosen)[0], tool)
    count = len(items) * len(chosen)
    most = limits_of(ctx).max_memory
    if most is not None and count * _POINTER + len(chosen) * _READER > most:
        problem = f"{len(chosen)} keys of {len(items)} items would take more than {most} bytes"
        fail(ErrorCode.RESOURCE_EXHAUSTION, tool, problem)
    columns = []
    seen = 0
    for name in chosen:
        columns.append(_read(items, key_and_order(ctx, items, name)[0], tool))
        seen += len(items)
        if seen > MUCH:
            check_run(ctx, seen)
            seen = 0
    rows = map(list, zip(*columns, strict=True))
    return rows if count <= MUCH else _watched(ctx, rows, max(1, _AT_ONCE // len(chosen)))


def all_results(ctx: Context | None, items: Sequence[Any], chosen: Any, more: Sequence[Any], tool: str) -> list[Any]:
    """As `results`, all of them at once, which for a procedure is faster than one after the other."""
    if ctx is not None and not more and is_function(chosen):
        procedure = None
        if type(chosen) is Function:
            procedure = ctx.procedure(chosen, 1)
        elif len(items) <= CALLS_AT_ONCE:
            procedure = ctx.tool_code(chosen, 1)
        if procedure is not None:
            try:
                return list(map(procedure, items))
            except Exception as exception:
                ctx.raise_script_error(exception)
    if is_function(chosen):
        return calls(ctx, (items,), chosen, more, tool)
    values = values_of(items, chosen) if type(chosen) is str and not more else None
    return values if values is not None else list(results(ctx, items, chosen, more, tool))


def first_index(
    ctx: Context | None, items: Sequence[Any], chosen: Any, more: Sequence[Any], tool: str, *, truth: bool = True
) -> int:
    """The index of the first item for which a function's answer, or a key, is truthy, or else falsy; -1 if none is.

    Raises:
        NeuroScriptError: as `results`, for the items up to that one.
    """
    procedure = ctx.procedure(chosen, 1 + len(more)) if type(chosen) is Function and ctx is not None else None
    if procedure is None or ctx is None:
        answers = enumerate(results(ctx, items, chosen, more, tool))
        return next((index for index, answer in answers if bool(answer) is truth), -1)
    try:
        for index, answer in enumerate(map(procedure, items, *map(repeat, more))):
            if bool(answer) is truth:
                return index
        return -1
    except Exception as exception:
        ctx.raise_script_error(exception)


def calls(
    ctx: Context | None, columns: Sequence[Collection[Any]], function: Any, more: Sequence[Any], tool: str
) -> list[Any]:
    """The results of a function, called with one item of each column at a time, and further arguments.

    Raises:
        NeuroScriptError: 18 if there is no interpreter that could call it; what the function raises.
    """
    procedure, count = None, len(columns) + len(more)
    if ctx is not None and type(function) is Function:
        procedure = ctx.procedure(function, count)
    elif ctx is not None and type(function) is ToolValue and len(columns[0]) <= CALLS_AT_ONCE:
        procedure = ctx.tool_code(function, count)
    if ctx is None or procedure is None:
        if len(columns) == 1:
            return list(_calls(ctx, columns[0], function, more, tool))
        return list(map(caller(ctx, function, more, tool), *columns))
    try:
        return list(map(procedure, *columns, *map(repeat, more)))
    except Exception as exception:
        ctx.raise_script_error(exception)


def values_of(items: Sequence[Any], name: str) -> list[Any] | None:
    """The value of a key of each item where all are maps that have it and they are not many; else None."""
    if len(items) > MUCH or not _are_maps(map(type, items)):
        return None
    try:
        return [item[name] for item in items]
    except KeyError:
        return None


def _calls(ctx: Context | None, items: Collection[Any], function: Any, more: Sequence[Any], tool: str) -> Iterator[Any]:
    count = 1 + len(more)
    library = None if ctx is None or type(function) is Function else ctx.tool_code(function, count)
    code = ctx.procedure(function, count) if ctx is not None and library is None else library
    if ctx is None or code is None:
        yield from map(caller(ctx, function, more, tool), items)
        return
    values = map(code, items, *map(repeat, more))
    try:
        if library is None:
            yield from values
            return
        for number, value in enumerate(values, 1):  # one at a time: whoever has found something asks no further
            yield value
            if not number % CALLS_AT_ONCE:
                ctx.check()
    except Exception as exception:
        ctx.raise_script_error(exception)


def read(ctx: Context | None, items: Sequence[Any], key: str, tool: str) -> Iterator[Any]:
    """The value of a key, or at the end of a dotted path, of each item; nil where it is missing.

    Raises:
        NeuroScriptError: 7 for an item, or a value on the path, that has no keys.
    """
    values = _read(items, key, tool)
    return values if len(items) <= MUCH else _watched(ctx, values)


def _watched(ctx: Context | None, values: Iterator[Any], at_once: int = _AT_ONCE) -> Iterator[Any]:
    """Many values, with a look at the run's limits after so many."""
    while part := list(islice(values, at_once)):
        yield from part
        if ctx is not None:
            ctx.check()


def refuse_more(more: Sequence[Any], tool: str) -> None:
    """Raises error 4 where a key was given arguments."""
    if more:
        fail(ErrorCode.ARG_MISMATCH, tool, "further arguments are for a function; a key's name takes none")


def key_and_order(ctx: Context | None, items: Sequence[Any], name: str) -> tuple[str, bool]:
    """The key that a name means for these items, and whether it says descending order."""
    if name[:1] == "-" and len(name) > 1:
        path = _path(name)
        if len(path) == 1 and len(items) <= MUCH and _are_maps(map(type, items)):
            return (name, False) if True in [name in item for item in items] else (name[1:], True)
        candidates = iter(items) if len(items) <= MUCH else _watched(ctx, iter(items))
        if not any(_has(item, name, path) for item in candidates):
            return name[1:], True
    return name, False


def _read(items: Sequence[Any], key: str, tool: str) -> Iterator[Any]:
    path = _path(key) if "." in key else None
    for index, item in enumerate(items):
        fields = item if type(item) is dict else _fields(item)
        if fields is None:
            hint = ""
            if index == 0 and key.isidentifier():
                hint = "; the name of a procedure that is to be called has no quotes"
            fail(ErrorCode.TYPE, tool, f"item {index} is {given(item)}, which has no key {key!r}{hint}")
        value = fields.get(key, _MISSING)
        if value is _MISSING:
            value = None if path is None else _follow(fields, path, index, tool)
        yield value


def _follow(fields: Mapping[str, Any], path: list[str], index: int, tool: str) -> Any:
    value: Any = fields
    for step, name in enumerate(path):
        inner = value if type(value) is dict else _fields(value)
        if inner is None:
            place = ".".join(path[:step])
            fail(ErrorCode.TYPE, tool, f"{place!r} of item {index} is {given(value)}, which has no key {name!r}")
        value = inner.get(name)
        if value is None:
            return None
    return value


def _fields(value: Any) -> Mapping[str, Any] | None:
    """The keys of what is no map but has some."""
    if type(value) is ErrorValue or type(value) is EventValue:
        return value.fields()
    return value if type(value) is dict else None


def _path(key: str) -> list[str]:
    """The parts of a path; what is beyond the depth of any value is left as one."""
    return key.split(".", _MOST_STEPS)


def _has(item: Any, name: str, path: list[str]) -> bool:
    """Whether an item has a key of exactly this name, or a path along its dots."""
    value = _fields(item)
    if value is None or name in value:
        return value is not None
    for part in path:
        fields = _fields(value)
        if fields is None or part not in fields:
            return False
        value = fields[part]
    return True
