"""Equality: what ``==`` means, and equality inside lists and maps."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from neuroscript import ErrorValue, Fuzzy, Handle, NeuroScriptError
from neuroscript.values import equal, same

HANDLE = Handle("door")


@pytest.mark.parametrize(
    ("a", "b"),
    [
        (1, 1.0),
        (3, " 3 "),
        ("3.0", 3),
        ("1e2", 100),
        (0.5, ".5"),
        ("a", "a"),
        (None, None),
        ([1, [2.0]], [1.0, [2]]),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
        (ErrorValue(7, "x"), ErrorValue(7, "x")),
        (HANDLE, HANDLE),
        (Fuzzy(0.5), Fuzzy(0.5)),
        (2**70, float(2**70)),
    ],
)
def test_equal(a: Any, b: Any) -> None:
    assert equal(a, b)
    assert equal(b, a)


@pytest.mark.parametrize(
    ("a", "b"),
    [
        (None, False),
        (None, 0),
        (None, ""),
        (True, 1),
        (False, 0),
        ("true", True),
        ("3", "3.0"),
        ("x", 3),
        ("", 0),
        ([5], ["5"]),
        ([True], [1]),
        ([], {}),
        ([1, 2], [1]),
        ({"a": 1}, {"b": 1}),
        ({"a": None}, {}),
        (Handle("door"), Handle("door")),
        (ErrorValue(7, "x"), ErrorValue(8, "x")),
        (b"a", "a"),
        (2**70 + 1, float(2**70)),
    ],
)
def test_not_equal(a: Any, b: Any) -> None:
    assert not equal(a, b)
    assert not equal(b, a)


values = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.floats(-2, 2) | st.text(max_size=2),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=1), inner, max_size=3),
    max_leaves=8,
)


@given(values, values)
def test_it_is_symmetric_and_reflexive(a: Any, b: Any) -> None:
    assert equal(a, a)
    assert equal(a, b) == equal(b, a)
    assert same(a, b) == same(b, a)


@given(values, values, st.integers(1, 9))
def test_long_lists_compare_item_by_item(a: Any, b: Any, times: int) -> None:
    assert same([a] * 9, [b] * 9) == same(a, b)
    assert same([1, "x", a] * times, [1, "x", b] * times) == same(a, b)


def test_shared_parts_are_compared_once() -> None:
    def tower() -> Any:
        value: Any = [1]
        for _ in range(90):
            value = [value, value]
        return value

    assert equal(tower(), tower())
    assert equal([[*range(100_000)]] * 10_000, [[*range(100_000)]] * 10_000)
    assert equal(["x" * 1_000_000] * 10_000, ["".join(["x"] * 1_000_000)] * 10_000)


def test_nesting_is_bounded() -> None:
    def deep() -> Any:
        value: Any = []
        for _ in range(300):
            value = [value]
        return value

    with pytest.raises(NeuroScriptError) as raised:
        equal(deep(), deep())
    assert raised.value.code == 38
