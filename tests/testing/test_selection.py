"""Selecting tests by words."""

from __future__ import annotations

import pytest

from neuroscript.testing.selection import selection

NAMES = ["cart_test.ns::test_total", "cart_test.ns::test_slow_total", "user_test.ns::test_name"]


@pytest.mark.parametrize(
    ("text", "chosen"),
    [
        ("cart", [0, 1]),
        ("TOTAL", [0, 1]),
        ("cart and not slow", [0]),
        ("not cart", [2]),
        ("slow or name", [1, 2]),
        ("(slow or name) and user", [2]),
        ("not (slow or name)", [0]),
        ("not not slow", [1]),
        ("user_test.ns::test_name", [2]),
        ("nowhere", []),
    ],
)
def test_words(text: str, chosen: list[int]) -> None:
    assert [number for number, name in enumerate(NAMES) if selection(text)(name)] == chosen


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "not an empty text"),
        ("a and", "a word is missing at the end"),
        ("or a", "a word is missing before 'or'"),
        ("(a", "a ')' is missing"),
        ("a b", "'and' or 'or' is missing before 'b'"),
        ("a)", "'and' or 'or' is missing before ')'"),
        ("(" * 1000, "nested too deeply"),
    ],
)
def test_what_is_no_expression(text: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem.replace(")", r"\)")):
        selection(text)
