"""Arithmetic with what may be whole or not: plain where sizes are moderate, and exact and checked beyond."""

from __future__ import annotations

from typing import Any

import pytest

from .support import run

UNKNOWN = """set x = a
set y = b
set x = x - 0
set y = y - 0
{}"""


def result(expression: str, a: object, b: object) -> Any:
    """The value of an expression of two numbers that may be whole or not, or the code of its error."""
    outcome = run(UNKNOWN.format(f"return {expression}"), a, b)
    return outcome.code or outcome.result


@pytest.mark.parametrize(
    ("expression", "a", "b", "value"),
    [
        ("x * x + y * y", 3, 4, 25),
        ("x * x - y * y + 0.5", 3, 1.5, 7.25),
        ("2 * x * y + 1", 1.5, 2, 7.0),
        ("x ** 2 - y", -3, 0.5, 8.5),
        ("x ** 2 * 0", -1.5, 0, 0.0),
        ("x * y", 0, -1.5, 0.0),
        ("-x", 0.0, 0, 0.0),
        ("-x - y", 5, 7, -12),
        ("x ** 0.5 + y", 16, 1, 5.0),
        ("x * 2 + y", 2**3000, 1, 2**3001 + 1),
        ("x - x + y", 2**3000, 0.5, 0.5),
        ("x * x - x * x + y", 2**4000, 0.5, 41),
        ("x * x + y", 1e200, 1, 41),
        ("x * y * 0 + 1", 1e200, 1e200, 41),
        ("x ** 2 + y", 1e200, 1, 41),
        ("x * y", 2**1100, 2e-308, 2.7165970580987715e23),
        ("x ** 0.5", -4, 0, 41),
        ("tool.math.Sqrt(x * 1.0)", 16, 0, 4.0),
        ("tool.math.Sqrt(x - y)", 16, 7, 3),
        ("tool.math.Sqrt(x * 1.0)", -1, 0, 41),
    ],
)
def test_results_are_those_of_the_operators(expression: str, a: object, b: object, value: object) -> None:
    found = result(expression, a, b)
    assert found == value
    assert type(found) is type(value)
    assert str(found) != "-0.0"


@pytest.mark.parametrize("value", [None, "x", True, [1]])
def test_what_is_no_number_fails_at_its_operator(value: object) -> None:
    outcome = run(
        "set t = 1.5\nset i = 0\nwhile i < 2\nset t = t * 2 + a * t\nset i = i + 1\nendwhile\nreturn t", value
    )
    assert outcome.code == 7
    assert outcome.place == (5, 21)


def test_strings_that_read_as_numbers_count() -> None:
    assert run('set x = a - 0\nreturn x * x + "3" * 1.5', "1.5").result == 6.75


def test_the_operator_to_blame() -> None:
    outcome = run("set x = a - 0\nset y = 1\nset y = x * 2 + x * x - x", 1e200)
    assert (outcome.code, outcome.place) == (41, (4, 21))


def test_operands_are_evaluated_once_and_in_order() -> None:
    more = "func told(needs v) means\nemit v\nreturn v / 2\nendfunc\n"
    outcome = run("return told(a) * told(b) + 1", 3, 5, more=more)
    assert (outcome.emitted, outcome.result) == ([3, 5], 4.75)


def test_a_large_operand_is_evaluated_once_too() -> None:
    more = "func told(needs v) means\nemit 1\nreturn v - 0\nendfunc\n"
    outcome = run("return told(a) * told(b) - 0.5", 2**300, 2**300, more=more)
    assert (outcome.emitted, outcome.result) == ([1, 1], float(2**600))


LOOP = """
set x = 0
set y = 0
while CONDITION
  set t = x * x - y * y + a
  set y = 2 * x * y + 0.5
  set x = t
endwhile
return x
"""


@pytest.mark.parametrize(
    "condition", ["x ** 2 + y * y < 4", "not (x * x + y * y >= 4)", "x * x + y * y < 4 and y > -9"]
)
def test_squares_that_are_small(condition: str) -> None:
    expected = run(LOOP.replace("CONDITION", "x * x < 4 - y * y"), 0.5)
    assert expected.error is None
    assert run(LOOP.replace("CONDITION", condition), 0.5).result == expected.result


COLLATZ = """
set n = a
set c = 0
while n != 1
  if n % 2 == 0
    set n = n / 2
  else
    set n = 3 * n + 1
  endif
  set c = c + 1
endwhile
return c
"""
REVERSED = """
set n = a
set t = 0
while n > 0
  set t = t * 10 + n % 10
  set n = (n - n % 10) / 10
endwhile
return t
"""


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (COLLATZ, 111),
        (REVERSED, 72),
        ("return (-a - -a % 5) / 5", -5),
        ("if a % b == 0\nreturn a / b\nendif\nreturn (a - a % b) / b", 6),
    ],
)
def test_whole_quotients(text: str, value: int) -> None:
    found = run(text, 27, 4).result
    assert found == value
    assert type(found) is int


@pytest.mark.parametrize("value", [27.0, "27", 27.5])
def test_whole_quotients_of_what_is_no_whole_number(value: object) -> None:
    outcome = run("set n = a\nreturn [(n - n % 2) / 2, n / 2]", value)
    assert (outcome.code or outcome.result) == (7 if value == 27.5 else [13, 13.5])


def test_a_quotient_is_not_whole_once_its_variable_has_changed() -> None:
    assert run("if a % 2 == 0\nset a = a + 1\nreturn a / 2\nendif", 4).result == 2.5


@pytest.mark.parametrize(
    "text",
    [
        "set i = 1\nwhile i < 3\nset i = i - 2\nset y = xs[i]\nendwhile",
        "set i = 1\nwhile i > -3\nset y = xs[i]\nset i = i - 1\nendwhile",
        "set j = 2\nwhile j >= 0 and xs[j] > 0\nset j = j - 1\nendwhile\nreturn xs[j]",
        "set j = a\nif j >= 0 or j < -5\nreturn 0\nendif\nreturn xs[j]",
        "set i = 0\nfor each i in [0, -1]\nset y = xs[i]\nendfor",
        "set i = 1\nif a < 0\nset i = a\nendif\nreturn xs[i]",
        "set i = 0\nwhile i < 2\nset y = xs[i - 1]\nset i = i + 1\nendwhile",
        "for each i, x in xs\nset i = a\nset y = xs[i]\nendfor",
    ],
)
def test_a_negative_index_is_found_out(text: str) -> None:
    assert run(f"set xs = [1, 2, 3]\n{text}", -1).code == 8


def test_an_index_that_is_not_negative_is_not_tested() -> None:
    loop = "set t = 0\nset i = 1\nwhile i < len(xs)\nset t = t + xs[i - 1]\nset i = i + 1\nendwhile"
    assert run(f"set xs = [1, 2, 3]\n{loop}\nset i = i - 9\nreturn t").result == 3


@pytest.mark.parametrize(("text", "value"), [('"ab" * a + "c"', "ababc"), ('a * "ab"', "abab"), ('"2" * a', "22")])
def test_repeated_text(text: str, value: str) -> None:
    assert run(f"return {text}", 2).result == value


@pytest.mark.parametrize("count", [-1, 1.5, "x", None])
def test_text_is_not_repeated_that_often(count: object) -> None:
    assert run('return "ab" * a', count).code == 7
