"""Operands and arguments are evaluated from left to right, each once, whatever is known of their types."""

from __future__ import annotations

import pytest

from .support import run

NOISY = """
func boom means
  fail "boom"
endfunc
func one means
  emit "one"
  return 1
endfunc
func two means
  emit "two"
  return 2
endfunc
"""


@pytest.mark.parametrize(
    ("setting", "statement", "column"),
    [
        ("1", "set z = q + boom()", 11),
        ("1", "set z = q - boom()", 11),
        ("1", "set z = q * boom()", 11),
        ("1", "set z = q % boom()", 11),
        ("1", "set z = q < boom()", 11),
        ("1", "set z = q ** boom()", 11),
        ("1.5", "set z = q + boom()", 11),
        ('""', "set z = q + boom()", 11),
        ('""', "set q = q + boom()", 11),
        ('""', "set q = q + 1 + boom()", 11),
        ("[]", "set z = q[boom()]", 11),
        ("[1]", "set z = q[boom()] + 1", 11),
        ("1", "set z = [q, boom()]", 12),
        ("1", 'set z = {"k": q, "l": boom()}', 17),
        ("1", "set z = tool.math.Add(q, boom())", 25),
        ("[]", "set z = tool.list.Append(q, boom())", 28),
        ("[]", "set q = tool.list.Append(q, boom())", 28),
        ("1", "set z = main(q, boom())", 16),
        ("1", "set z = tool.list.Concat(q, boom())", 28),
        ("1", "return q, boom()", 10),
        ("1", "set z[boom()] = q", 19),
        ("1", "set z.a[boom()] = q", 21),
        ("1", "emit ```{{q}}``` + boom()", 11),
    ],
)
def test_a_variable_that_is_not_set_is_found_before_what_stands_right_of_it(
    setting: str, statement: str, column: int
) -> None:
    text = f"if a\n  set q = {setting}\nendif\n{statement}"
    outcome = run(text, False, more=NOISY)
    assert (outcome.code, outcome.place) == (9, (5, column)), outcome.error
    assert run(text, True, more=NOISY).code == 1


@pytest.mark.parametrize(
    "expression",
    [
        "one() + two()",
        "one() - two()",
        "one() < two()",
        "one() == two()",
        "one() % two()",
        "one() & two()",
        "one() ** two()",
        "[one(), two()]",
        "{one(): two()}",
        "tool.math.Add(one(), two())",
        "tool.math.Max(one(), two())",
        "main2(one(), two())",
        "main2(one(), second: two())",
        '"" + one() + two()',
        "[[5, 6, 7]][one() - 1][two()]",
        "one() and two()",
    ],
)
def test_operands_are_evaluated_once_and_from_left_to_right(expression: str) -> None:
    more = NOISY + "func main2(needs first, second) means\nendfunc\n"
    assert run(f"set z = {expression}", more=more).emitted == ["one", "two"]


def test_the_right_side_comes_before_the_places_it_is_put_in() -> None:
    assert run("set m[one()] = two()", more=NOISY).emitted == ["two", "one"]
    assert run("set m[one()][two()] = one() + 1", more=NOISY).emitted == ["one", "one", "two"]
    assert run("set a[one()], b[two()] = [one(), 5]", more=NOISY).emitted == ["one", "one", "two"]


def test_and_and_or_stop_where_the_result_is_known() -> None:
    assert run("set z = false and one()", more=NOISY).emitted == []
    assert run("set z = true or one()", more=NOISY).emitted == []
    assert run("if nil and one()\nendif\nif 5 or one()\nendif", more=NOISY).emitted == []


def test_arguments_are_evaluated_before_their_number_is_found_wrong() -> None:
    outcome = run("call two(one())", more=NOISY)
    assert (outcome.code, outcome.emitted) == (4, ["one"])


@pytest.mark.parametrize("operator", ["<", ">", "<=", ">="])
@pytest.mark.parametrize("literal", ["1e400", "-1e400", "5", "x", "95"])
@pytest.mark.parametrize("text", ["9223372036854775808", "1e401", "-1e401", "95", "x", ""])
def test_a_string_compares_with_a_literal_as_with_a_variable(text: str, operator: str, literal: str) -> None:
    """Both compare as numbers if both read as numbers, also beyond the range of numbers."""
    written = run(f'return a {operator} "{literal}"', text)
    held = run(f"return a {operator} b", text, literal)
    assert written.result == held.result
    assert isinstance(held.result, bool)
