"""What is kept of values is read back as it was, and agrees with what `json` writes and reads."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from neuroscript.journal.codec import decode, encode, from_text, to_bytes, to_text

TEXTS = st.text(st.characters(codec=None), max_size=8)  # halves of characters too
SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXTS
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4), max_leaves=12
)


@given(VALUES)
def test_json_values_come_back(value: Any) -> None:
    text = to_text(value)
    assert json.loads(text) == value
    assert from_text(text) == value
    assert from_text(to_bytes(value)) == value
    assert from_text(json.dumps(value)) == value  # as an earlier release wrote it


@given(VALUES)
def test_values_of_the_language_come_back(value: Any) -> None:
    assert decode(encode(value)) == value


@pytest.mark.parametrize("value", [float("inf"), float("-inf")])
def test_infinite_numbers_come_back(value: float) -> None:
    assert decode(encode(value)) == value


def test_what_is_no_number_stays_so() -> None:
    value = decode(encode(float("nan")))
    assert value != value


def test_whole_and_fractional_numbers_stay_apart() -> None:
    assert list(map(type, decode(encode([1, 1.0, True, 10**30, -0.0])))) == [int, float, bool, int, float]


@pytest.mark.parametrize("depth", [10, 300, 900])
def test_what_is_nested_deeply_comes_back(depth: int) -> None:
    value: Any = "inside"
    for _ in range(depth):
        value = [value]
    assert decode(encode(value)) == value
