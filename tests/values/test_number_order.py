"""Strings that read as numbers compare as numbers, whatever their size."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from neuroscript import Interpreter
from neuroscript.values import equal, read_for_order

PROGRAM = """
func main(needs a, b) means
  return [a < b, a <= b, a > b, a >= b]
endfunc
"""
HUGE = "9" * 5000
LARGER = "1" + "0" * 5000


def compared(a: Any, b: Any) -> list[bool]:
    with Interpreter(plugins=False) as interpreter:
        interpreter.load(PROGRAM)
        result: list[bool] = interpreter.run("main", a, b)
        return result


@pytest.mark.parametrize(
    ("smaller", "larger"),
    [
        (HUGE, LARGER),
        ("-" + LARGER, "-" + HUGE),
        ("-" + HUGE, "5"),
        ("5", HUGE),
        (5, HUGE),
        (-0.5, HUGE),
        ("-" + HUGE, 0),
        (2**4000, HUGE),
        ("0" * 9000 + "5", HUGE),
        ("0" * 9000 + "5", "6"),
        ("1e400", "1e401"),
        ("9e400", "1e401"),
        ("-1e401", "-9e400"),
        ("1e308", "1e400"),
        (1e308, "1e400"),
        (HUGE, "1e5001"),
        (HUGE + ".25", HUGE + ".5"),
        (HUGE, "1e99999999999999999999"),
        ("-1e99999999999999999999", "-" + HUGE),
        (HUGE, "x"),  # no number: by code point
    ],
)
def test_a_number_of_any_size_has_its_place(smaller: Any, larger: Any) -> None:
    assert compared(smaller, larger) == [True, True, False, False]
    assert compared(larger, smaller) == [False, False, True, True]
    assert not equal(smaller, larger)


@pytest.mark.parametrize(("a", "b"), [(HUGE, " " + HUGE + "\n"), (HUGE, "000" + HUGE), ("1e5000", "10e4999")])
def test_two_spellings_of_a_number_are_neither_smaller_nor_larger(a: str, b: str) -> None:
    assert compared(a, b) == [False, True, False, True]


@pytest.mark.parametrize("text", ["0" * 5000 + "5", " +" + "0" * 30_000 + "5 ", "0" * 5000 + "5.0"])
def test_zeros_in_front_are_no_size(text: str) -> None:
    assert equal(text, 5)
    assert equal(5, text)


digits = st.integers(1, 3000).flatmap(lambda n: st.text("0123456789", min_size=n, max_size=n))


@given(digits, digits, st.booleans(), st.booleans())
def test_whole_numbers_are_ordered_as_their_values_are(a: str, b: str, minus_a: bool, minus_b: bool) -> None:
    x, y = -int(a) if minus_a else int(a), -int(b) if minus_b else int(b)
    left, right = read_for_order("-" * minus_a + a), read_for_order("-" * minus_b + b)
    assert left is not None
    assert right is not None
    assert (left < right, left == right) == (x < y, x == y)
    assert Fraction(left) == x
