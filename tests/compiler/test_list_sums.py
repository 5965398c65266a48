"""Sums of lists in the middle of expressions: joined inline where both are short, and within the limits."""

from __future__ import annotations

from typing import Any

import pytest

from neuroscript import Limits

from .support import run

LENGTH = """
func length(needs xs) means
  return len(xs)
endfunc
"""


@pytest.mark.parametrize(
    ("sum_", "a", "value"),
    [
        ("a + [1]", [0], [0, 1]),
        ("[1] + a", [0], [1, 0]),
        ("[a] + [b]", 1, [1, None]),
        ("a + [1] + [2]", [0], [0, 1, 2]),
        ("a + [1]", "x", "x[1]"),
        ("a + [1]", 1, 7),
        ("[1] + a", None, 7),
        ("[len(a)] + [a[5]]", [0], 8),
    ],
)
def test_a_sum_has_the_items_of_both(sum_: str, a: Any, value: Any) -> None:
    outcome = run(f"return {sum_}", a)
    assert (outcome.code or outcome.result) == value


def test_operands_stay_what_they_are() -> None:
    assert run("set x = [1]\nset y = x + [2]\nset z = [x] + [y + x]\nreturn [x, y, z]").result == [
        [1],
        [1, 2],
        [[1], [1, 2, 1]],
    ]


@pytest.mark.parametrize("items", [9, 10])
def test_a_sum_is_bounded(items: int) -> None:
    outcome = run("return length(a + [1])", list(range(items)), more=LENGTH, limits=Limits(max_items=10))
    assert (outcome.code or outcome.result) == (10 if items == 9 else 37)


def test_a_long_sum_looks_at_the_memory_of_the_run() -> None:
    text = (
        "set xs = []\nset i = 0\nwhile i < 2000\n  set xs = xs + [a + [i]]\n  set i = i + 1\nendwhile\nreturn len(xs)"
    )
    assert run(text, list(range(50_000)), limits=Limits(max_memory=4_000_000)).code == 37
