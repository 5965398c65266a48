"""The tools of group ``list``."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from neuroscript.stdlib.equality import Classes, find_equal
from neuroscript.values import Function, Handle, TimeDate, same
from tests.stdlib.calls import Small, code, code_of, raw, tool

EARLY, LATE = TimeDate(2025, 1, 1), TimeDate(2026, 1, 1)
DOUBLE = Function("double", lambda x: x * 2)
EVEN = Function("even", lambda x: x % 2 == 0)


@pytest.mark.parametrize(
    ("name", "args", "result"),
    [
        ("Get", [[10, 20], 5], None),
        ("Get", [[10, 20], -1, "neg"], "neg"),
        ("Get", [[10, 20], "1"], 20),
        ("Head", [[]], None),
        ("Rest", [[]], []),
        ("Tail", [[1, 2, 3], 9], [1, 2, 3]),
        ("Tail", [[1, 2, 3], 0], []),
        ("Tail", [[1, 2, 3], -1], []),
        ("Slice", [[1, 2, 3], 0, 99], [1, 2, 3]),
        ("Slice", [[1, 2, 3], 2, 1], []),
        ("Slice", [[1, 2, 3], -2, 2], [1, 2]),
        ("Slice", [[1, 2, 3], -2, -1], []),
        ("Slice", [[], 0, 1], []),
        ("Contains", [[1, "a"], "1"], False),
        ("Contains", [[True], 1], False),
        ("Contains", [[1], True], False),
        ("Contains", [[1.0], 1], True),
        ("Contains", [[None], None], True),
        ("Contains", [[[5]], ["5"]], False),
        ("Contains", [[{"a": [1.0]}], {"a": [1]}], True),
        ("IndexOf", [[0, 1, 1], 1], 1),
        ("IndexOf", [[], 1], -1),
        ("Append", [[], [1]], [[1]]),
        ("Append", [[1], None], [1, None]),
        ("Insert", [[1, 2], 2, 3], [1, 2, 3]),
        ("Remove", [[1, 2], 0], [2]),
        ("Concat", [[]], []),
        ("Concat", [[1], [], [[2]], [3]], [1, [2], 3]),
        ("Push", [[], [1]], [[1]]),
        ("Pop", [[[1]]], [[], [1]]),
        ("Pop", [[1, None]], [[1], None]),
        ("Enumerate", [[]], []),
        ("Enumerate", [["a", [1]]], [[0, "a"], [1, [1]]]),
        ("Flatten", [[1, [2, [3]]], 0], [1, [2, [3]]]),
        ("Flatten", [[[], [[]], 1, [2, [3, [4]]]], 2], [1, 2, 3, [4]]),
        ("Flatten", [[1, [2, [3, [4]]]], 10**30], [1, 2, 3, 4]),
        ("Zip", [[1, 2], []], []),
        ("Zip", [[1]], [[1]]),
        ("Chunk", [[1, 2, 3], 10**30], [[1, 2, 3]]),
        ("Chunk", [[], 2], []),
        ("Range", [0, -1], []),
        ("Range", [3, 0, -1], [3, 2, 1]),
        ("Range", [0, 10, 3], [0, 3, 6, 9]),
        ("Range", [10**40, 10**40 + 2], [10**40, 10**40 + 1]),
        ("Repeat", [None, 2], [None, None]),
        ("Sort", [[]], []),
        ("Sort", [[3, 1.5, 2]], [1.5, 2, 3]),
        ("Sort", [["b", "a", "Z", "10", "9"]], ["10", "9", "Z", "a", "b"]),
        ("Sort", [[1, 3, 2], True], [3, 2, 1]),
        ("Sort", [[LATE, EARLY]], [EARLY, LATE]),
        ("Unique", [[1, 1.0, True, "1", None, None]], [1, True, "1", None]),
        ("Unique", [[[1], [1.0], {"a": [1]}, {"a": [1.0]}, {"a": ["1"]}]], [[1], {"a": [1]}, {"a": ["1"]}]),
        ("Sum", [[]], 0),
        ("Sum", [[2**70, 1]], 2**70 + 1),
        ("Min", [[]], None),
        ("Max", [["a", "b"]], "b"),
    ],
)
def test_results(name: str, args: list[Any], result: Any) -> None:
    found = tool(f"list.{name}", *args)
    assert same(found, result)


@pytest.mark.parametrize(
    ("name", "args", "error"),
    [
        ("Length", ["abc"], 4),
        ("Append", [5, 1], 4),
        ("Get", ["notalist", 0], 4),
        ("Get", [[1, 2], "x"], 4),
        ("Get", [[1, 2], True], 4),
        ("Slice", [[1, 2], 0], 4),
        ("Sort", [[3, "a"]], 7),
        ("Sort", [[True, False]], 7),
        ("Sort", [[None]], 7),
        ("Sort", [[{}, {}]], 7),
        ("Sum", [[1, "2"]], 7),
        ("Sum", [[True]], 7),
        ("Sum", [[1e308, 1e308]], 41),
        ("Sum", [[2**4095, 2**4095]], 41),
        ("Sum", [[2**4000, 0.5]], 41),
        ("Min", [[1, "a"]], 7),
        ("Insert", [[1], 2, 0], 8),
        ("Insert", [[1], -1, 0], 8),
        ("Remove", [[1], 1], 8),
        ("Pop", [[]], 8),
        ("Flatten", [[], -1], 8),
        ("Chunk", [[1], 0], 8),
        ("Repeat", [1, -1], 8),
        ("Range", [0, 5, 0], 41),
        ("Map", [[1], "double"], 7),
        ("Map", [[1], DOUBLE], 18),
    ],
)
def test_errors(name: str, args: list[Any], error: int) -> None:
    assert code(f"list.{name}", *args) == error


# --- functions --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "args", "result"),
    [
        ("Map", [[1, 2], DOUBLE], [2, 4]),
        ("Filter", [[1, 2, 4], EVEN], [2, 4]),
        ("Reduce", [[1, 2, 3], Function("plus", lambda a, b: a + b), 10], 16),
        ("Find", [[1, 3], EVEN, "none"], "none"),
        ("FindIndex", [[1, 3, 4], EVEN], 2),
        ("FindIndex", [[1], EVEN], -1),
        ("Any", [[], EVEN], False),
        ("All", [[], EVEN], True),
        ("SortBy", [["bb", "a", "cc"], Function("length", len)], ["a", "bb", "cc"]),
        ("SortBy", [["bb", "a", "cc"], Function("length", len), True], ["bb", "cc", "a"]),
        ("GroupBy", [[1, 2, 3], EVEN], {"false": [1, 3], "true": [2]}),
    ],
)
def test_functions_over_items(name: str, args: list[Any], result: Any) -> None:
    assert tool(f"list.{name}", *args, context=Small()) == result


def test_keys_without_an_order_and_groups_without_a_key() -> None:
    nothing = Function("nothing", lambda x: None)
    assert code("list.SortBy", [1, 2], nothing, context=Small()) == 7
    assert code("list.GroupBy", [1, 2], nothing, context=Small()) == 7


def test_any_stops_at_the_first_yes() -> None:
    asked: list[int] = []
    spy = Function("spy", lambda x: asked.append(x) or x == 2)
    assert tool("list.Any", [1, 2, 3], spy, context=Small())
    assert asked == [1, 2]


# --- nothing is changed, items are shared -----------------------------------------------------------------------------

nested = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from([0.5, 1.0, "a", "1"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("ab"), inner, max_size=2),
    max_leaves=8,
)
lists = st.lists(nested, max_size=5)


@given(lists, nested)
def test_the_arguments_stay_as_they_are(items: list[Any], element: Any) -> None:
    before = copy.deepcopy((items, element))
    for name, args in (
        ("Append", (element,)),
        ("Push", (element,)),
        ("Concat", ([element],)),
        ("Enumerate", ()),
        ("Prepend", (element,)),
        ("Insert", (0, element)),
        ("Reverse", ()),
        ("Rest", ()),
        ("Tail", (2,)),
        ("Slice", (0, 9)),
        ("Flatten", (3,)),
        ("Unique", ()),
        ("Contains", (element,)),
    ):
        result = raw(f"list.{name}", items, *args)
        assert result is not items
    assert same([items, element], list(before))


def test_items_are_shared_and_not_copied() -> None:
    inner = [1]
    for name, args in (("Append", (2,)), ("Reverse", ()), ("Slice", (0, 1)), ("Unique", ()), ("Flatten", (0,))):
        assert raw(f"list.{name}", [inner], *args)[0] is inner


# --- equality ---------------------------------------------------------------------------------------------------------


@given(nested, nested)
def test_classes_tell_equality(a: Any, b: Any) -> None:
    classes = Classes()
    assert (classes.of(a) == classes.of(b)) == same(a, b)
    assert (find_equal([a], b) == 0) == same(a, b)


def test_equality_of_other_values() -> None:
    handle = Handle("x")
    assert tool("list.Contains", [handle], handle)
    assert not tool("list.Contains", [handle], Handle("x"))
    assert tool("list.Unique", [EARLY, EARLY, LATE, handle, handle]) == [EARLY, LATE, handle]


def doubled(levels: int) -> list[Any]:
    """A list that shares its parts: small to hold, with 2 ** levels items when spelled out."""
    value: list[Any] = [1]
    for _ in range(levels):
        value = [value, value]
    return value


def test_shared_parts_are_looked_at_once() -> None:
    assert raw("list.Contains", [doubled(80)], doubled(80))
    assert not raw("list.Contains", [doubled(80)], doubled(79))
    assert len(raw("list.Unique", [doubled(80), doubled(80), doubled(79)])) == 2
    assert code_of(lambda: raw("list.Flatten", doubled(60), 100)) == 37


def test_too_deep_a_value_is_an_error() -> None:
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    assert code_of(lambda: raw("list.Unique", [deep])) == 38
    assert raw("list.Flatten", deep, 10**9) == []


# --- limits -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "args"),
    [
        ("Append", [[1, 2, 3], 4]),
        ("Push", [[1, 2, 3], 4]),
        ("Prepend", [[1, 2, 3], 4]),
        ("Insert", [[1, 2, 3], 1, 4]),
        ("Concat", [[1, 2], [3, 4]]),
        ("Flatten", [[[1, 2], [3, 4]]]),
        ("Zip", [[1, 2], [3, 4]]),
        ("Range", [0, 10**30]),
        ("Range", [0, -(10**30), -1]),
        ("Repeat", [0, 10**30]),
    ],
)
def test_what_would_be_too_long_is_not_made(name: str, args: list[Any]) -> None:
    assert code(f"list.{name}", *args, context=Small(max_items=3)) == 37
