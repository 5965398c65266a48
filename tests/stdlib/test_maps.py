"""The tools of group ``map``."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from neuroscript.stdlib import maps as map_tools
from neuroscript.values import Function
from tests.stdlib.calls import Small, code, outcome, raw, tool


@pytest.mark.parametrize(
    ("name", "args", "result"),
    [
        ("Keys", [{}], []),
        ("Has", [{"1": "x"}, 1], True),
        ("Has", [{"1.5": "x"}, 1.5], True),
        ("Has", [{"true": "x"}, True], True),
        ("Get", [{"a": None}, "a", 5], None),
        ("Get", [{}, "a"], None),
        ("Set", [{"a": 1, "b": 2}, "a", 3], {"a": 3, "b": 2}),
        ("Set", [{}, -1, 3], {"-1": 3}),
        ("Delete", [{"a": 1}, "x"], {"a": 1}),
        ("Merge", [{"a": {"x": 1}}, {"a": {"y": 2}}], {"a": {"y": 2}}),
        ("DeepMerge", [{"a": 1}], {"a": 1}),
        (
            "DeepMerge",
            [{"a": {"x": 1, "y": [1]}, "b": 1}, {"a": {"y": [2], "z": None}}],
            {"a": {"x": 1, "y": [2], "z": None}, "b": 1},
        ),
        ("DeepMerge", [{"a": {"x": 1}}, {"a": None}], {"a": None}),
        ("DeepMerge", [{"a": None}, {"a": {"x": 1}}], {"a": {"x": 1}}),
        ("DeepMerge", [{"a": {"x": 1}}, {"a": [1]}, {"a": {"y": 2}}], {"a": {"y": 2}}),
        (
            "DeepMerge",
            [{"a": {"b": {"c": 1}}}, {"a": {"b": {"d": 2}}}, {"a": {"b": {"c": 3}}}],
            {"a": {"b": {"c": 3, "d": 2}}},
        ),
        ("DeepMerge", [{"a": [{"x": 1}]}, {"a": [{"y": 2}]}], {"a": [{"y": 2}]}),
        ("FromEntries", [[["a", 1], ["a", 2]]], {"a": 2}),
        ("Pick", [{"a": 1, "b": 2, "c": 3}, ["c", "a"]], {"c": 3, "a": 1}),
        ("Omit", [{"a": 1, "1": 2}, [1]], {"a": 1}),
    ],
)
def test_results(name: str, args: list[Any], result: Any) -> None:
    found = tool(f"map.{name}", *args)
    assert found == result
    assert not isinstance(found, dict) or list(found) == list(result)


@pytest.mark.parametrize(
    ("name", "args", "error"),
    [
        ("Keys", [[]], 4),
        ("Keys", [None], 4),
        ("Has", [{}, None], 7),
        ("Get", [{}, []], 7),
        ("Set", [{}, {}, 1], 7),
        ("Delete", [{}, None], 7),
        ("Pick", [{}, [None]], 7),
        ("FromEntries", [[["a"]]], 7),
        ("FromEntries", [["ab"]], 7),
        ("FromEntries", [[[None, 1]]], 7),
        ("Merge", [], 4),
        ("Merge", [{}, 5], 4),
        ("DeepMerge", [], 4),
        ("DeepMerge", [{}, [1]], 4),
    ],
)
def test_errors(name: str, args: list[Any], error: int) -> None:
    assert code(f"map.{name}", *args) == error


def test_functions_over_entries() -> None:
    double = Function("double", lambda x: x * 2)
    assert tool("map.MapValues", {"a": 1, "b": 2}, double, context=Small()) == {"a": 2, "b": 4}
    first = Function("first", lambda key, value: key < "b")
    assert tool("map.Filter", {"a": 1, "b": 2}, first, context=Small()) == {"a": 1}


def test_nothing_is_changed_and_values_are_shared() -> None:
    inner = [1]
    given_map = {"a": inner}
    for name, args in (("Set", ("b", 2)), ("Delete", ("b",)), ("Merge", ()), ("Pick", (["a"],)), ("Omit", ([],))):
        result = raw(f"map.{name}", given_map, *args)
        assert result is not given_map
        assert result["a"] is inner
    assert given_map == {"a": [1]}


def test_limits() -> None:
    small = Small(max_items=2)
    assert tool("map.Set", {"a": 1, "b": 2}, "a", 3, context=small) == {"a": 3, "b": 2}
    assert code("map.Set", {"a": 1, "b": 2}, "c", 3, context=small) == 37
    assert code("map.Merge", {"a": 1, "b": 2}, {"c": 3}, context=small) == 37


# --- DeepMerge --------------------------------------------------------------------------------------------------------

maps = st.recursive(
    st.none() | st.integers(0, 3) | st.lists(st.integers(0, 1), max_size=2),
    lambda inner: st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=8,
).map(lambda value: value if isinstance(value, dict) else {"a": value})


def spelled_out(old: Any, new: Any) -> Any:
    """What DeepMerge gives, by its rule."""
    if not (isinstance(old, dict) and isinstance(new, dict)):
        return new
    names = [*old, *(name for name in new if name not in old)]
    return {name: spelled_out(old.get(name), new[name]) if name in new else old[name] for name in names}


@given(maps, maps)
def test_merging_follows_its_rule(a: dict[str, Any], b: dict[str, Any]) -> None:
    merged = tool("map.DeepMerge", a, b)
    assert merged == spelled_out(a, b)
    assert list(merged) == list(spelled_out(a, b))


@given(maps, maps)
def test_laws_of_merging(a: dict[str, Any], b: dict[str, Any]) -> None:
    def merge(*each: dict[str, Any]) -> Any:
        return tool("map.DeepMerge", *each)

    assert merge(a, {}) == merge({}, a) == merge(a, a) == a
    assert merge(merge(a, b), b) == merge(a, b)
    assert merge(a, b, a) == merge(merge(a, b), a)


@given(maps, maps)
def test_merging_changes_neither_map(a: dict[str, Any], b: dict[str, Any]) -> None:
    before = copy.deepcopy((a, b))
    raw("map.DeepMerge", a, b)
    assert (a, b) == before


def test_parts_that_are_shared_are_merged_once() -> None:
    def shared(levels: int, leaf: str) -> dict[str, Any]:
        value: dict[str, Any] = {leaf: 1}
        for _ in range(levels):
            value = {"l": value, "r": value}
        return value

    merged = raw("map.DeepMerge", shared(60, "x"), shared(60, "y"))
    for _ in range(60):
        merged = merged["r"]
    assert merged == {"x": 1, "y": 1}


def test_merging_has_limits() -> None:
    small = Small(max_items=2)
    assert code("map.DeepMerge", {"a": {"x": 1, "y": 2}}, {"a": {"z": 3}}, context=small) == 37
    deep: dict[str, Any] = {}
    for _ in range(20):
        deep = {"a": deep}
    assert code("map.DeepMerge", deep, deep, context=Small(max_nesting=10)) == 38


_PAIRS = st.tuples(st.sampled_from(["a", "b", "1", 1, True, 2.0, None, [1]]), st.integers(0, 3)).map(list)


@given(st.lists(_PAIRS | st.sampled_from(["ab", [], ["a"], ["a", 1, 2], {"a": 1, "b": 2}]), max_size=4))
def test_pairs_of_strings_make_the_map_that_others_make(entries: list[Any]) -> None:
    made = outcome(lambda: tool("map.FromEntries", entries))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(map_tools, "_made_of_pairs", lambda entries: None)
        assert made == outcome(lambda: tool("map.FromEntries", entries))
