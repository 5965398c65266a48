"""The tools of group ``list`` that call a function of the script for the items."""

from __future__ import annotations

from typing import Any

from neuroscript.stdlib.declare import Context, Group, optional, required
from neuroscript.stdlib.maps import key_text
from neuroscript.stdlib.ordering import DESCENDING, check_ordered
from neuroscript.tools.spec import ArgType

_group = Group("list")
TOOLS = _group.tools

_LIST = required("list", ArgType.SLICE_ANY, "The list.")
_PREDICATE = required("predicate", ArgType.FUNCTION, "Takes an item; truthy means yes.")
_OF_FUNCTION = "those of the function"


@_group.tool(
    "SortBy",
    _LIST,
    required("key_function", ArgType.FUNCTION, "Takes an item and gives what to sort by."),
    DESCENDING,
    returns=ArgType.SLICE_ANY,
    result="The items in the order of their keys.",
    example="tool.list.SortBy([3, -1, 2], negate) = [3, 2, -1]",
    errors="7 if the keys are not all numbers, all strings or all timedates; those of the function",
)
def sort_by(ctx: Context, items: list[Any], key_function: Any, descending: bool) -> list[Any]:
    """Sorts a list by what a function gives for each item. Items with equal keys keep their order."""
    keys = [ctx.call(key_function, item) for item in items]
    check_ordered(keys, "list.SortBy", "keys")
    order = sorted(range(len(items)), key=keys.__getitem__, reverse=descending)
    return [items[index] for index in order]


@_group.tool(
    "GroupBy",
    _LIST,
    required("key_function", ArgType.FUNCTION, "Takes an item and gives the key of its group."),
    returns=ArgType.MAP,
    result="A map from each key to the list of its items.",
    example='tool.list.GroupBy([1, 2, 3], parity) = {"odd": [1, 3], "even": [2]}',
    errors="7 if a key is not a string, number or boolean; those of the function",
)
def group_by(ctx: Context, items: list[Any], key_function: Any) -> dict[str, list[Any]]:
    """Sorts items into groups by what a function gives for each."""
    groups: dict[str, list[Any]] = {}
    for item in items:
        groups.setdefault(key_text(ctx.call(key_function, item), "list.GroupBy"), []).append(item)
    return groups


@_group.tool(
    "Map",
    _LIST,
    required("function", ArgType.FUNCTION, "Takes an item and gives the new one."),
    returns=ArgType.SLICE_ANY,
    result="The function's results, in order.",
    example="tool.list.Map([1, 2], double) = [2, 4]",
    errors=_OF_FUNCTION,
)
def apply(ctx: Context, items: list[Any], function: Any) -> list[Any]:
    """Calls a function for each item of a list."""
    return [ctx.call(function, item) for item in items]


@_group.tool(
    "Filter",
    _LIST,
    _PREDICATE,
    returns=ArgType.SLICE_ANY,
    result="The items for which the predicate is truthy.",
    example="tool.list.Filter([1, 2, 4], is_even) = [2, 4]",
    errors=_OF_FUNCTION,
)
def keep(ctx: Context, items: list[Any], predicate: Any) -> list[Any]:
    """Keeps the items that a function says yes to."""
    return [item for item in items if ctx.call(predicate, item)]


@_group.tool(
    "Reduce",
    _LIST,
    required("function", ArgType.FUNCTION, "Takes the result so far and an item, and gives the new result."),
    required("initial", ArgType.ANY, "The result of an empty list."),
    returns=ArgType.ANY,
    result="The last result.",
    example="tool.list.Reduce([1, 2, 3], plus, 10) = 16",
    errors=_OF_FUNCTION,
)
def reduce(ctx: Context, items: list[Any], function: Any, initial: Any) -> Any:
    """Folds a list to one value, from the left."""
    result = initial
    for item in items:
        result = ctx.call(function, result, item)
    return result


@_group.tool(
    "Find",
    _LIST,
    _PREDICATE,
    optional("default", ArgType.ANY, "What to give where there is no such item."),
    returns=ArgType.ANY,
    result="The first item for which the predicate is truthy, or the default.",
    example="tool.list.Find([1, 2, 4], is_even) = 2",
    errors=_OF_FUNCTION,
)
def find(ctx: Context, items: list[Any], predicate: Any, default: Any) -> Any:
    """Finds the first item that a function says yes to."""
    return next((item for item in items if ctx.call(predicate, item)), default)


@_group.tool(
    "FindIndex",
    _LIST,
    _PREDICATE,
    returns=ArgType.INT,
    result="The index of the first item for which the predicate is truthy, or -1.",
    example="tool.list.FindIndex([1, 2, 4], is_even) = 1",
    errors=_OF_FUNCTION,
)
def find_index(ctx: Context, items: list[Any], predicate: Any) -> int:
    """Finds the index of the first item that a function says yes to."""
    return next((index for index, item in enumerate(items) if ctx.call(predicate, item)), -1)


@_group.tool(
    "Any",
    _LIST,
    _PREDICATE,
    returns=ArgType.BOOL,
    result="Whether the predicate is truthy for at least one item; it is not asked further then.",
    example="tool.list.Any([1, 2], is_even) = true",
    errors=_OF_FUNCTION,
)
def any_item(ctx: Context, items: list[Any], predicate: Any) -> bool:
    """Tells whether a function says yes to any item."""
    return any(ctx.call(predicate, item) for item in items)


@_group.tool(
    "All",
    _LIST,
    _PREDICATE,
    returns=ArgType.BOOL,
    result="Whether the predicate is truthy for every item; of an empty list true.",
    example="tool.list.All([1, 2], is_even) = false",
    errors=_OF_FUNCTION,
)
def all_items(ctx: Context, items: list[Any], predicate: Any) -> bool:
    """Tells whether a function says yes to every item."""
    return all(ctx.call(predicate, item) for item in items)
