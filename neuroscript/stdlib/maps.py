"""The tools of group ``map``.  None changes its arguments; entries keep their order."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import compress
from typing import Any

from neuroscript.errors import ErrorCode
from neuroscript.stdlib.declare import MUCH, Context, Group, check_items, fail, max_nesting, optional, required
from neuroscript.stdlib.keys import MORE, all_results, calls
from neuroscript.tools.spec import ArgType
from neuroscript.tools.validation import given
from neuroscript.values import text_of

_are_lists: Callable[[Iterable[type]], bool] = frozenset({list}).issuperset
_are_strings: Callable[[Iterable[type]], bool] = frozenset({str}).issuperset

_group = Group("map")
TOOLS = _group.tools

_MAP = required("map", ArgType.MAP, "The map.")
_KEY = required("key", ArgType.ANY, "The key: a string, number or boolean.")
_BAD_KEY = "7 if a key is not a string, number or boolean"


def key_text(key: Any, tool: str) -> str:
    """The text form that a map keeps a key as."""
    if type(key) not in (str, int, float, bool):
        fail(ErrorCode.TYPE, tool, f"a key is a string, a number or a boolean, not {given(key)}")
    return text_of(key)


def _key_texts(ctx: Context | None, keys: list[Any], tool: str) -> Iterator[str]:
    """The text form of each key, one after the other; that of a long number takes its time."""
    for count, key in enumerate(keys, 1):
        if ctx is not None and not count & 1023:
            ctx.check()
        yield key_text(key, tool)


@_group.tool(
    "Length",
    _MAP,
    returns=ArgType.INT,
    result="The number of entries.",
    example='tool.map.Length({"a": 1}) = 1',
    brief=True,
)
def length(mapping: dict[str, Any]) -> int:
    """Counts the entries of a map."""
    return len(mapping)


@_group.tool(
    "IsEmpty",
    _MAP,
    returns=ArgType.BOOL,
    result="Whether it has no entries.",
    example="tool.map.IsEmpty({}) = true",
    brief=True,
)
def is_empty(mapping: dict[str, Any]) -> bool:
    """Tells whether a map is empty."""
    return not mapping


@_group.tool(
    "Keys",
    _MAP,
    returns=ArgType.SLICE_STRING,
    result="The keys, in order.",
    example='tool.map.Keys({"a": 1, "b": 2}) = ["a", "b"]',
)
def keys(mapping: dict[str, Any]) -> list[str]:
    """Lists the keys of a map."""
    return list(mapping)


@_group.tool(
    "Values",
    _MAP,
    returns=ArgType.SLICE_ANY,
    result="The values, in order.",
    example='tool.map.Values({"a": 1, "b": 2}) = [1, 2]',
)
def values(mapping: dict[str, Any]) -> list[Any]:
    """Lists the values of a map."""
    return list(mapping.values())


@_group.tool(
    "Entries",
    _MAP,
    returns=ArgType.SLICE_ANY,
    result="A list [key, value] for each entry, in order.",
    primer="→[[key,value],…]",
    example='tool.map.Entries({"a": 1}) = [["a", 1]]',
)
def entries(mapping: dict[str, Any]) -> list[list[Any]]:
    """Lists the entries of a map."""
    return [[key, value] for key, value in mapping.items()]


@_group.tool(
    "FromEntries",
    required("entries", ArgType.SLICE_ANY, "Lists of a key and a value."),
    returns=ArgType.MAP,
    result="The map; of a key given twice, the last value counts.",
    example='tool.map.FromEntries([["a", 1], ["b", 2]]) = {"a": 1, "b": 2}',
    errors=f"7 if an item is not a list of a key and a value; {_BAD_KEY}",
)
def from_entries(ctx: Context | None, entries: list[Any]) -> dict[str, Any]:
    """Makes a map of entries."""
    tool = "map.FromEntries"
    made = _made_of_pairs(entries)
    if made is not None:
        return made
    for index, entry in enumerate(entries):
        if type(entry) is not list or len(entry) != 2:
            fail(ErrorCode.TYPE, tool, f"item {index} must be a list of a key and a value, not {given(entry)}")
    names = _key_texts(ctx, [entry[0] for entry in entries], tool)
    return {name: entry[1] for name, entry in zip(names, entries, strict=True)}


def _made_of_pairs(entries: list[Any]) -> dict[str, Any] | None:
    """The map of lists of a string and a value; None if they are others."""
    if not _are_lists(map(type, entries)):
        return None
    try:
        # What is no string may be many numbers that are all one to Python's hashes.
        return dict(entries) if _are_strings([type(entry[0]) for entry in entries]) else None
    except (IndexError, ValueError):  # a list that is no pair
        return None


@_group.tool(
    "Has",
    _MAP,
    _KEY,
    returns=ArgType.BOOL,
    result="Whether there is an entry, even if its value is nil.",
    example='tool.map.Has({"a": nil}, "a") = true',
    errors=_BAD_KEY,
    brief=True,
)
def has(mapping: dict[str, Any], key: Any) -> bool:
    """Tells whether a map has a key."""
    return key_text(key, "map.Has") in mapping


@_group.tool(
    "Get",
    _MAP,
    _KEY,
    optional("default", ArgType.ANY, "What to give where there is no such entry."),
    returns=ArgType.ANY,
    result="The value, or the default.",
    example='tool.map.Get({"a": 1}, "b", 0) = 0',
    errors=_BAD_KEY,
    brief=True,
)
def get(mapping: dict[str, Any], key: Any, default: Any) -> Any:
    """Reads an entry of a map."""
    return mapping.get(key_text(key, "map.Get"), default)


@_group.tool(
    "Set",
    _MAP,
    _KEY,
    required("value", ArgType.ANY, "The value."),
    returns=ArgType.MAP,
    result="The map with that entry.",
    example='tool.map.Set({"a": 1}, "b", 2) = {"a": 1, "b": 2}',
    errors=f"{_BAD_KEY}; 37 if there would be too many entries",
)
def put(ctx: Context | None, mapping: dict[str, Any], key: Any, value: Any) -> dict[str, Any]:
    """Gives a map with an entry added or replaced."""
    name = key_text(key, "map.Set")
    check_items(ctx, len(mapping) + (name not in mapping), "map.Set", "map")
    return {**mapping, name: value}


@_group.tool(
    "Delete",
    _MAP,
    _KEY,
    returns=ArgType.MAP,
    result="The map without that entry; the same entries where there is none.",
    example='tool.map.Delete({"a": 1, "b": 2}, "a") = {"b": 2}',
    errors=_BAD_KEY,
)
def delete(mapping: dict[str, Any], key: Any) -> dict[str, Any]:
    """Gives a map without an entry."""
    rest = dict(mapping)
    rest.pop(key_text(key, "map.Delete"), None)
    return rest


@_group.tool(
    "Merge",
    required("maps", ArgType.MAP, "The maps; a later one wins."),
    returns=ArgType.MAP,
    result="All entries.",
    example='tool.map.Merge({"a": 1, "b": 2}, {"b": 3}) = {"a": 1, "b": 3}',
    errors="37 if there would be too many entries",
    variadic=True,
)
def merge(ctx: Context | None, maps: list[dict[str, Any]]) -> dict[str, Any]:
    """Puts maps together. Maps inside them are not merged."""
    merged: dict[str, Any] = {}
    for each in maps:
        merged.update(each)
        check_items(ctx, len(merged), "map.Merge", "map")
    return merged


@_group.tool(
    "DeepMerge",
    required("maps", ArgType.MAP, "The maps; a later one wins."),
    returns=ArgType.MAP,
    result="All entries. Where both have a map, these are merged in the same way; all else is replaced, by nil too.",
    example='tool.map.DeepMerge({"a": {"x": 1, "y": [1]}}, {"a": {"y": [2]}}) = {"a": {"x": 1, "y": [2]}}',
    errors="37 if there would be too many entries; 38 if maps are nested too deeply",
    variadic=True,
)
def deep_merge(ctx: Context | None, maps: list[dict[str, Any]]) -> dict[str, Any]:
    """Puts maps together, and the maps inside them."""
    merged = maps[0]
    for each in maps[1:]:
        merged = _merged(ctx, merged, each, max_nesting(ctx), {})
    return merged


def _merged(
    ctx: Context | None,
    old: dict[str, Any],
    new: dict[str, Any],
    depth: int,
    done: dict[tuple[int, int], dict[str, Any]],
) -> dict[str, Any]:
    """``old`` with the entries of ``new``; ``done`` has the pairs merged already, since maps may share parts."""
    made = done.get((id(old), id(new)))
    if made is not None:
        return made
    if depth <= 0:
        fail(ErrorCode.NESTING_DEPTH_EXCEEDED, "map.DeepMerge", "the maps are nested too deeply")
    made = old.copy()
    for name, value in new.items():
        before: Any = made.get(name)
        both = type(before) is dict and type(value) is dict
        made[name] = _merged(ctx, before, value, depth - 1, done) if both else value
    check_items(ctx, len(made), "map.DeepMerge", "map")
    done[id(old), id(new)] = made
    return made


_KEYS = required("keys", ArgType.SLICE_ANY, "The keys.")


@_group.tool(
    "Pick",
    _MAP,
    _KEYS,
    returns=ArgType.MAP,
    result="Those entries, in the order of the keys; keys that are not there are left out.",
    example='tool.map.Pick({"a": 1, "b": 2}, ["b", "x"]) = {"b": 2}',
    errors=_BAD_KEY,
)
def pick(ctx: Context | None, mapping: dict[str, Any], keys: list[Any]) -> dict[str, Any]:
    """Gives a map with some entries only."""
    names = keys if _are_strings(map(type, keys)) else _key_texts(ctx, keys, "map.Pick")
    return {name: mapping[name] for name in names if name in mapping}


@_group.tool(
    "Omit",
    _MAP,
    _KEYS,
    returns=ArgType.MAP,
    result="The other entries.",
    example='tool.map.Omit({"a": 1, "b": 2}, ["b", "x"]) = {"a": 1}',
    errors=_BAD_KEY,
)
def omit(ctx: Context | None, mapping: dict[str, Any], keys: list[Any]) -> dict[str, Any]:
    """Gives a map without some entries."""
    if _are_strings(map(type, keys)) and len(keys) <= MUCH:
        left = mapping.copy()
        for name in keys:
            left.pop(name, None)
        return left
    names = {name for name in _key_texts(ctx, keys, "map.Omit") if name in mapping}
    return {name: value for name, value in mapping.items() if name not in names}


@_group.tool(
    "MapValues",
    _MAP,
    required(
        "function",
        ArgType.FUNCTION_OR_KEY,
        "Takes a value and gives the new one, or a key's name (`team.name` too) or a list of them, which is read of "
        "each value.",
    ),
    MORE,
    returns=ArgType.MAP,
    result="The map with the same keys and the function's results.",
    example='tool.map.MapValues({"a": 1, "b": 2}, double) = {"a": 2, "b": 4}',
    errors="7 for a key of what is no map; those of the function",
    variadic=True,
)
def map_values(ctx: Context | None, mapping: dict[str, Any], function: Any, more: list[Any]) -> dict[str, Any]:
    """Calls a function for each value of a map, or reads a key of each."""
    values = list(mapping.values())
    made = all_results(ctx, values, function, more, "map.MapValues")
    return dict(zip(mapping, made))  # noqa: B905  # there is one for each, and to name it takes as long as the rest


@_group.tool(
    "Filter",
    _MAP,
    required("predicate", ArgType.FUNCTION, "Takes a key and a value."),
    MORE,
    returns=ArgType.MAP,
    result="The entries for which the predicate is truthy.",
    example='tool.map.Filter({"a": 1, "b": 2}, is_even_value) = {"b": 2}',
    errors="those of the predicate",
    variadic=True,
)
def keep(ctx: Context | None, mapping: dict[str, Any], predicate: Any, more: list[Any]) -> dict[str, Any]:
    """Keeps the entries that a function says yes to."""
    answers = calls(ctx, (mapping.keys(), mapping.values()), predicate, more, "map.Filter")
    return dict(compress(mapping.items(), answers))
