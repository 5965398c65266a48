"""Operators on bits: those of 64-bit words, whichever code makes them."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from .support import run

EDGES = [0, 1, -1, 7, 2**30, 2**31 - 1, -(2**31), 2**62, 2**63 - 1, -(2**63), 2**63, 2**64 - 1, 2**64, -(2**70) + 3]
OPERATORS = {"&": int.__and__, "|": int.__or__, "^": int.__xor__}


def word(value: int) -> int:
    """A whole number as 64-bit two's complement has it."""
    return (value + 2**63) % 2**64 - 2**63


def literal(value: int) -> str:
    """A number as the language writes it."""
    return str(value) if value >= 0 else f"(-{-value})"


def value_of(text: str, *args: Any) -> Any:
    """The value of an expression of `a` and `b`, or the code of its error."""
    outcome = run(f"return {text}", *args)
    return outcome.code or outcome.result


@pytest.mark.parametrize("operator", OPERATORS)
def test_the_operators_are_those_of_words(operator: str) -> None:
    for a, b in itertools.product(EDGES, EDGES):
        wanted = word(OPERATORS[operator](a, b))
        assert value_of(f"a {operator} b", a, b) == wanted, (a, operator, b)
    for a in EDGES:
        for b in (7, -7, 2**63, -(2**63)):
            wanted = word(OPERATORS[operator](a, b))
            assert value_of(f"a {operator} {literal(b)}", a, None) == wanted, (a, operator, b)
            assert value_of(f"{literal(a)} {operator} {literal(b)}", None, None) == wanted, (a, operator, b)


def test_the_complement_is_that_of_a_word() -> None:
    for a in EDGES:
        assert value_of("~a", a, None) == word(~a), a
        assert value_of(f"~{literal(a)}", None, None) == word(~a), a
        assert value_of("~(a & 255)", a, None) == ~(a & 255), a


@pytest.mark.parametrize("operator", OPERATORS)
@pytest.mark.parametrize(
    ("a", "b", "value"),
    [
        (6.0, 3, ...),
        (6, 3.0, ...),
        ("6", 3, ...),
        (6, " 3 ", ...),
        (True, 1, 7),
        (1, False, 7),
        (None, 1, 7),
        (1.5, 1, 7),
        ([1], 1, 7),
        ("x", 1, 7),
    ],
)
def test_what_reads_as_a_whole_number_counts_and_nothing_else(operator: str, a: Any, b: Any, value: Any) -> None:
    wanted = OPERATORS[operator](6, 3) if value is ... else value
    found = value_of(f"a {operator} b", a, b)
    assert found == wanted
    assert type(found) is int


def test_a_loop_of_shifts_and_masks_stays_exact() -> None:
    outcome = run(
        """set hash = 14695981039346656037
set i = 0
while i < a
  set hash = hash ^ i * 97
  set hash = (hash * 1099511628211) & 4294967295
  set hash = hash | (i & -i)
  set i = i + 1
endwhile
return hash""",
        50,
    )
    wanted = 14695981039346656037
    for i in range(50):
        wanted = word(wanted ^ i * 97)
        wanted = word((wanted * 1099511628211) & 4294967295)
        wanted = word(wanted | (i & -i))
    assert outcome.result == wanted
