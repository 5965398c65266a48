"""The tools of group ``math``."""

from __future__ import annotations

import math
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from neuroscript.values import Fuzzy, number_text
from tests.stdlib.calls import Small, code, tool


@pytest.mark.parametrize(
    ("name", "args", "result"),
    [
        ("Add", ["1", 2], 3),
        ("Add", [0.1, 0.2], 0.30000000000000004),
        ("Add", [2**100, 1], 2**100 + 1),
        ("Multiply", [-2, 2.5], -5.0),
        ("Divide", [6, 2], 3),
        ("Divide", [7, 2], 3.5),
        ("Divide", [10**30, 10**10], 10**20),
        ("Divide", [1, 3], 1 / 3),
        ("Modulo", [-7, 3], -1),
        ("Modulo", [7, -3], 1),
        ("Modulo", [10**30, 7], 10**30 % 7),
        ("Modulo", ["7", 4.0], 3),
        ("Pow", [2, 0], 1),
        ("Pow", [0, 0], 1),
        ("Pow", [0, 10**30], 0),
        ("Pow", [-1, 10**30 + 1], -1),
        ("Pow", [2, 4095], 2**4095),
        ("Pow", [2, -1], 0.5),
        ("Pow", [2, 3.0], 8),
        ("Pow", [4, 0.5], 2.0),
        ("Sqrt", [10**40], 10**20),
        ("Sqrt", [2], math.sqrt(2)),
        ("Round", [2.5], 3),
        ("Round", [-2.5], -3),
        ("Round", [1.005, 2], 1.01),
        ("Round", [12345, -2], 12300),
        ("Round", [0.5, -400], 0),
        ("Round", [1.7e308, -308], 2 * 10**308),
        ("Round", [0.1, 10**30], 0.1),
        ("Round", [10**30, 2], 10**30),
        ("Floor", [-1.5], -2),
        ("Floor", [1e300], int(1e300)),
        ("Ceil", [1.2], 2),
        ("Truncate", [-1.9], -1),
        ("Abs", [-(2**70)], 2**70),
        ("Sign", [0], 0),
        ("Min", [3], 3),
        ("Max", [1, "2", 1.5], 2),
        ("Clamp", [-1, 0, 10], 0),
        ("Fuzzy", [1], Fuzzy(1)),
    ],
)
def test_results(name: str, args: list[Any], result: Any) -> None:
    found = tool(f"math.{name}", *args)
    assert found == result
    assert type(found) is type(result)


@pytest.mark.parametrize(
    ("name", "args", "error"),
    [
        ("Add", [True, 1], 4),
        ("Add", ["x", 1], 4),
        ("Add", [None, 1], 4),
        ("Add", [1e308, 1e308], 41),
        ("Add", [2**4095, 2**4095], 41),
        ("Add", [2**4000, 0.5], 41),
        ("Multiply", [2**4000, 2**4000], 41),
        ("Multiply", [1e200, 1e200], 41),
        ("Divide", [1, 0], 21),
        ("Divide", [1, 0.0], 21),
        ("Divide", [2**4000, 3], 41),
        ("Modulo", [5, 0], 21),
        ("Modulo", [2.5, 1], 4),
        ("Pow", [2, 10**30], 41),
        ("Pow", [2, 4096], 41),
        ("Pow", [10, 1e308], 41),
        ("Pow", [-8, 0.5], 41),
        ("Pow", [0, -1], 41),
        ("Sqrt", [-1], 41),
        ("Sqrt", [2**4001], 41),
        ("Exp", [1000], 41),
        ("Min", [], 4),
        ("Max", ["a"], 4),
        ("Clamp", [1, 5, 0], 41),
        ("Fuzzy", [2], 4),
        ("RandomInt", [2, 1], 41),
    ],
)
def test_errors(name: str, args: list[Any], error: int) -> None:
    assert code(f"math.{name}", *args) == error


def test_a_negative_zero_is_zero() -> None:
    for name, args in (("Multiply", (-1, 0.0)), ("Divide", (-1e-308, 1e308)), ("Round", (-0.2,)), ("Abs", (-0.0,))):
        assert math.copysign(1, tool(f"math.{name}", *args)) == 1


@given(st.floats(allow_nan=False, allow_infinity=False), st.integers(0, 12))
def test_rounding_is_to_the_nearest(number: float, digits: int) -> None:
    rounded = tool("math.Round", number, digits)
    # The result is a double again, so its own half digit is allowed on top.
    assert abs(Fraction(rounded) - Fraction(number)) <= Fraction(1, 2 * 10**digits) + Fraction(math.ulp(number))


def near_halves() -> st.SearchStrategy[float]:
    """Numbers whose digits end with a half of some place, and their neighbours among doubles."""
    halves = st.builds(
        lambda whole, place: float(f"{whole}5e-{place}"), st.integers(-(10**9), 10**9), st.integers(1, 8)
    )
    return halves | halves.map(lambda number: math.nextafter(number, 0)) | halves.map(lambda x: math.nextafter(x, 9e9))


@given(near_halves() | st.floats(-1e7, 1e7), st.integers(0, 8))
def test_what_is_shown_is_rounded_half_away_from_zero(number: float, digits: int) -> None:
    wanted = Decimal(number_text(number)).quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP)
    rounded = tool("math.Round", number, digits)
    assert (rounded, type(rounded)) == ((float if digits else int)(wanted), float if digits else int)
    assert math.copysign(1, rounded) > 0 or rounded < 0
    assert tool("str.FormatNumber", number, digits) == format(wanted or abs(wanted), "f")


@given(st.integers(-(10**30), 10**30), st.integers(-(10**30), 10**30).filter(bool))
def test_a_division_and_its_remainder(a: int, b: int) -> None:
    remainder = tool("math.Modulo", a, b)
    assert (a - remainder) % b == 0
    assert abs(remainder) < abs(b)
    assert remainder == 0 or (remainder < 0) == (a < 0)


class Interpreter:
    """Stands for the interpreter that a context belongs to."""


def context() -> Small:
    made = Small()
    made.interpreter = Interpreter()  # type: ignore[attr-defined]
    return made


def test_random_numbers() -> None:
    assert all(0 <= tool("math.Random") < 1 for _ in range(100))
    assert {tool("math.RandomInt", 1, 3) for _ in range(200)} == {1, 2, 3}


def test_a_seed_makes_random_numbers_repeat_in_its_interpreter_alone() -> None:
    one, other = context(), context()
    tool("math.Seed", 7, context=one)
    first = [tool("math.RandomInt", 1, 10**9, context=one) for _ in range(5)]
    tool("math.Seed", 7, context=one)
    again = []
    for _ in range(5):
        again.append(tool("math.RandomInt", 1, 10**9, context=one))
        tool("math.Random", context=other)
    assert again == first
