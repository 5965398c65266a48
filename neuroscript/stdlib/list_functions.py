"""The tools of group ``list`` that call a function of the script for the items, or read a key of each."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator
from itertools import compress
from operator import itemgetter
from typing import Any

from neuroscript.stdlib.declare import MUCH, Context, Group, check_run, optional, required
from neuroscript.stdlib.keys import (
    CALLS_AT_ONCE,
    MORE,
    all_results,
    caller,
    first_index,
    is_function,
    key_and_order,
    read,
    refuse_more,
    results,
    values_of,
)
from neuroscript.stdlib.maps import key_text
from neuroscript.stdlib.ordering import DESCENDING, can_be_ordered, check_ordered
from neuroscript.stdlib.sums import NOT_A_NUMBER, sum_of
from neuroscript.tools.spec import ArgSpec, ArgType
from neuroscript.values import ToolValue

_are_strings = frozenset({str}).issuperset

_group = Group("list")
TOOLS = _group.tools

_KEYS = "or a key's name (`team.name` too) or a list of them, which is read of each item"
_OF_FUNCTION = "7 for a key of what is no map; those of the function"

_LIST = required("list", ArgType.SLICE_ANY, "The list.")


def _chosen(name: str, what: str) -> ArgSpec:
    """The argument that is a function of an item or the name of a key."""
    return required(name, ArgType.FUNCTION_OR_KEY, f"{what}, {_KEYS}.")


_PREDICATE = _chosen("predicate", "Takes an item, truthy means yes")


@_group.tool(
    "SortBy",
    _LIST,
    _chosen("key_function", "Takes an item and gives what to sort by"),
    DESCENDING,
    MORE,
    returns=ArgType.SLICE_ANY,
    result="The items in the order of their keys. A name that begins with `-` sorts by that key in descending order; "
    "of several names, a later one counts where the earlier ones are equal. Items whose key is nil come last.",
    primer='A key may stand for a function: Map(rows,"name"), SortBy(rows,["-price","team.name"]). '
    "Filter(rows,over,10) calls over(row,10).",
    example='tool.list.SortBy([{"n": 1}, {"n": 3}, {"n": 2}], "-n") = [{"n": 3}, {"n": 2}, {"n": 1}]',
    errors=f"7 if the keys are not all numbers, all strings or all timedates, or a function gives nil; {_OF_FUNCTION}",
    variadic=True,
)
def sort_by(ctx: Context | None, items: list[Any], key_function: Any, descending: bool, more: list[Any]) -> list[Any]:
    """Sorts a list by what a function gives for each item, or by keys. Items with equal keys keep their order."""
    tool = "list.SortBy"
    if is_function(key_function):
        keys = all_results(ctx, items, key_function, more, tool)
        check_ordered(keys, tool, "keys")
        order = sorted(range(len(items)), key=keys.__getitem__, reverse=descending)
        return [items[index] for index in order]
    refuse_more(more, tool)
    if type(key_function) is str:
        key, falling = key_and_order(ctx, items, key_function)
        values = values_of(items, key)
        if values is not None and None not in values and can_be_ordered(values):
            return sorted(items, key=itemgetter(key), reverse=falling is not descending)
    names = [key_function] if type(key_function) is str else key_function
    order = list(range(len(items)))
    compared = 0
    # Sorting keeps the order of what is equal, so the last key is sorted by first.
    for name in reversed(names):
        key, falling = key_and_order(ctx, items, name)
        keys = values_of(items, key) or list(read(ctx, items, key, tool))
        present = [index for index in order if keys[index] is not None]
        check_ordered([keys[index] for index in present], tool, f"values of {key!r}")
        absent = [index for index in order if keys[index] is None] if len(present) < len(order) else []
        order = sorted(present, key=keys.__getitem__, reverse=falling is not descending) + absent
        compared += len(items)
        if compared > MUCH:
            check_run(ctx, compared)
            compared = 0
    return [items[index] for index in order]


@_group.tool(
    "GroupBy",
    _LIST,
    _chosen("key_function", "Takes an item and gives the key of its group"),
    MORE,
    returns=ArgType.MAP,
    result="A map from each key to the list of its items.",
    primer="→{key:[items]}",
    example='tool.list.GroupBy([1, 2, 3], parity) = {"odd": [1, 3], "even": [2]}',
    errors=f"7 if a key is not a string, number or boolean; {_OF_FUNCTION}",
    variadic=True,
)
def group_by(ctx: Context | None, items: list[Any], key_function: Any, more: list[Any]) -> dict[str, list[Any]]:
    """Sorts items into groups by what a function gives for each, or by a key."""
    groups: dict[str, list[Any]] = {}
    names = _names(ctx, items, key_function, more, "list.GroupBy")
    for item, name in zip(items, names):  # noqa: B905  # there is one for each, and to name it takes as long
        groups.setdefault(name, []).append(item)
    return groups


@_group.tool(
    "CountBy",
    _LIST,
    _chosen("key_function", "Takes an item and gives the key that it counts for"),
    MORE,
    returns=ArgType.MAP,
    result="A map from each key to the number of its items.",
    primer="→{key:number}",
    example='tool.list.CountBy([1, 2, 3], parity) = {"odd": 2, "even": 1}',
    errors=f"7 if a key is not a string, number or boolean; {_OF_FUNCTION}",
    variadic=True,
)
def count_by(ctx: Context | None, items: list[Any], key_function: Any, more: list[Any]) -> dict[str, int]:
    """Counts items by what a function gives for each, or by a key."""
    counts: dict[str, int] = {}
    for name in _names(ctx, items, key_function, more, "list.CountBy"):
        counts[name] = counts.get(name, 0) + 1
    return counts


def _names(ctx: Context | None, items: list[Any], chosen: Any, more: list[Any], tool: str) -> Iterable[str]:
    """What a function or key gives for each item, as keys of a map."""
    found = values_of(items, chosen) if type(chosen) is str and not more else None
    if found is not None and _are_strings(map(type, found)):
        return found
    return _as_keys(results(ctx, items, chosen, more, tool) if found is None else found, tool)


def _as_keys(values: Iterable[Any], tool: str) -> Iterator[str]:
    for value in values:
        kind = type(value)
        yield value if kind is str else str(value) if kind is int else key_text(value, tool)


@_group.tool(
    "SumBy",
    _LIST,
    _chosen("key_function", "Takes an item and gives the number to add"),
    MORE,
    returns=ArgType.NUMBER,
    result="The sum; 0 of an empty list.",
    example='tool.list.SumBy([{"price": 2}, {"price": 3.5}], "price") = 5.5',
    errors=f"{NOT_A_NUMBER}; {_OF_FUNCTION}",
    variadic=True,
)
def sum_by(ctx: Context | None, items: list[Any], key_function: Any, more: list[Any]) -> int | float:
    """Adds up what a function gives for each item, or the values of a key."""
    tool = "list.SumBy"
    return sum_of(all_results(ctx, items, key_function, more, tool), tool, "the value of item")


@_group.tool(
    "Map",
    _LIST,
    _chosen("function", "Takes an item and gives the new one"),
    MORE,
    returns=ArgType.SLICE_ANY,
    result="The function's results, or the values of the key, in order.",
    example="tool.list.Map([1, 2], double) = [2, 4]",
    errors=_OF_FUNCTION,
    variadic=True,
)
def apply(ctx: Context | None, items: list[Any], function: Any, more: list[Any]) -> list[Any]:
    """Calls a function for each item of a list, or reads a key of each."""
    return all_results(ctx, items, function, more, "list.Map")


@_group.tool(
    "Filter",
    _LIST,
    _PREDICATE,
    MORE,
    returns=ArgType.SLICE_ANY,
    result="The items for which the predicate is truthy.",
    example="tool.list.Filter([1, 2, 4], is_even) = [2, 4]",
    errors=_OF_FUNCTION,
    variadic=True,
)
def keep(ctx: Context | None, items: list[Any], predicate: Any, more: list[Any]) -> list[Any]:
    """Keeps the items that a function says yes to, or whose key is truthy."""
    return list(compress(items, all_results(ctx, items, predicate, more, "list.Filter")))


@_group.tool(
    "Reduce",
    _LIST,
    required("function", ArgType.FUNCTION, "Takes the result so far and an item, and gives the new result."),
    required("initial", ArgType.ANY, "The result of an empty list."),
    MORE,
    returns=ArgType.ANY,
    result="The last result.",
    primer="Reduce calls f(total,item).",
    example="tool.list.Reduce([1, 2, 3], plus, 10) = 16",
    errors="those of the function",
    variadic=True,
)
def reduce(ctx: Context | None, items: list[Any], function: Any, initial: Any, more: list[Any]) -> Any:
    """Folds a list to one value, from the left."""
    code = None if ctx is None else ctx.procedure(function, 2 + len(more))
    is_procedure = code is not None
    if ctx is not None and type(function) is ToolValue:
        code = ctx.tool_code(function, 2 + len(more))
    if ctx is None or code is None:
        return functools.reduce(caller(ctx, function, more, "list.Reduce"), items, initial)
    try:
        if is_procedure and isinstance(code, functools.partial) and not more:
            return _folded(code.func, code.args[0], items, initial)
        call = code if not more else lambda result, item: code(result, item, *more)
        if is_procedure:
            return functools.reduce(call, items, initial)
        for start in range(0, len(items), CALLS_AT_ONCE):
            initial = functools.reduce(call, items[start : start + CALLS_AT_ONCE], initial)
            ctx.check()
        return initial
    except Exception as exception:
        ctx.raise_script_error(exception)


def _folded(code: Callable[..., Any], depth: int, items: list[Any], result: Any) -> Any:
    """Calls a procedure for each item, without holding the result meanwhile, so that it can be changed in place."""
    for item in items:
        result = code(depth, (result, (result := None))[0], item)
    return result


@_group.tool(
    "Find",
    _LIST,
    _PREDICATE,
    optional("default", ArgType.ANY, "What to give where there is no such item."),
    MORE,
    returns=ArgType.ANY,
    result="The first item for which the predicate is truthy, or the default.",
    primer="→item|nil",
    example="tool.list.Find([1, 2, 4], is_even) = 2",
    errors=_OF_FUNCTION,
    variadic=True,
)
def find(ctx: Context | None, items: list[Any], predicate: Any, default: Any, more: list[Any]) -> Any:
    """Finds the first item that a function says yes to, or whose key is truthy."""
    index = first_index(ctx, items, predicate, more, "list.Find")
    return items[index] if index >= 0 else default


@_group.tool(
    "FindIndex",
    _LIST,
    _PREDICATE,
    MORE,
    returns=ArgType.INT,
    result="The index of the first item for which the predicate is truthy, or -1.",
    primer="→index|-1",
    example="tool.list.FindIndex([1, 2, 4], is_even) = 1",
    errors=_OF_FUNCTION,
    variadic=True,
)
def find_index(ctx: Context | None, items: list[Any], predicate: Any, more: list[Any]) -> int:
    """Finds the index of the first item that a function says yes to, or whose key is truthy."""
    return first_index(ctx, items, predicate, more, "list.FindIndex")


@_group.tool(
    "Any",
    _LIST,
    _PREDICATE,
    MORE,
    returns=ArgType.BOOL,
    result="Whether the predicate is truthy for at least one item; it is not asked further then.",
    example="tool.list.Any([1, 2], is_even) = true",
    errors=_OF_FUNCTION,
    variadic=True,
)
def any_item(ctx: Context | None, items: list[Any], predicate: Any, more: list[Any]) -> bool:
    """Tells whether a function says yes to any item, or the key of any is truthy."""
    return first_index(ctx, items, predicate, more, "list.Any") >= 0


@_group.tool(
    "All",
    _LIST,
    _PREDICATE,
    MORE,
    returns=ArgType.BOOL,
    result="Whether the predicate is truthy for every item; of an empty list true.",
    example="tool.list.All([1, 2], is_even) = false",
    errors=_OF_FUNCTION,
    variadic=True,
)
def all_items(ctx: Context | None, items: list[Any], predicate: Any, more: list[Any]) -> bool:
    """Tells whether a function says yes to every item, or the key of every one is truthy."""
    return first_index(ctx, items, predicate, more, "list.All", truth=False) < 0
