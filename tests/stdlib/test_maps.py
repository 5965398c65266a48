"""The tools of group ``map``."""

from __future__ import annotations

from typing import Any

import pytest

from neuroscript.values import Function
from tests.stdlib.calls import Small, code, raw, tool


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
