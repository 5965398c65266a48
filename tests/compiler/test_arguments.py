"""Arguments that are items: they are evaluated in hope, from left to right, before the procedure is called."""

from __future__ import annotations

import pytest

from neuroscript.runtime import abi

from .support import mentioned, run

LEAST = """
func least(needs a, b, c) means
  set m = a
  if b < m
    set m = b
  endif
  if c < m
    set m = c
  endif
  return m
endfunc

func pushed(needs xs, x) means
  set xs = xs + [x]
  return xs
endfunc

func noted(needs text, x) means
  emit text
  return x
endfunc
"""
GRID = 'set grid = [[1, 2], [3, 4]]\nset i = 1\nset m = {"k": 5}\n'


@pytest.mark.parametrize(
    ("body", "result"),
    [
        ("set x = least(grid[i][0], grid[i - 1][i], grid[0][0] + 7)\nreturn x", 2),
        ("return least(grid[i][0], grid[i - 1][1], m.k)", 2),
        ("set grid[i][i] = least(grid[i][0], grid[i][i], m.k + 1)\nreturn grid", [[1, 2], [3, 3]]),
        ("set grid[0] = pushed(grid[0], grid[i][0])\nreturn grid", [[1, 2, 3], [3, 4]]),
        ("set grid = pushed(grid, grid[i][0] + 1)\nreturn grid", [[1, 2], [3, 4], 4]),
        ("set old = grid\nset grid = pushed(grid, grid[i][0])\nreturn [len(old), len(grid)]", [2, 3]),
        ('set grid[0][4] = 1\nset x = noted("t", grid[0][3])\nreturn x', None),
        ('set grid[1][0] = "9"\nset x = least(grid[1][0] + 1, grid[1][1], "5")\nreturn x', 4),
        ("set grid[0][0] = 2.5\nset x = least(grid[0][0] * 2, grid[i][1] * 2, 9)\nreturn x", 5),
        ("set grid[0][0] = true\nset x = noted(grid[0][0], grid[0][0])\nreturn x", True),
        ('set x = least(m.k, m["k"] - 1, len(grid[i]) + m.k)\nreturn x', 4),
    ],
)
def test_a_call_gets_the_values_of_its_arguments(body: str, result: object) -> None:
    outcome = run(GRID + body, more=LEAST)
    assert outcome.error is None
    assert outcome.result == result


@pytest.mark.parametrize(
    ("body", "code", "line", "column"),
    [
        ("set x = least(grid[i][0], grid[i + 1][0], grid[9][9])", 8, 5, 29),
        ("set x = least(grid[i][0], grid[0][0 - i], nil + 1)", 8, 5, 29),
        ("set x = least(1, grid[i][0] + nil, grid[9][9])", 7, 5, 31),
        ("set x = least(m.x.y, grid[9][9], 1)", 7, 5, 17),
        ("return least(grid[i][2], 1, m.x.y)", 8, 5, 16),
        ("set grid[i][0] = least(grid[i][0], grid[i][i], grid[2][0])", 8, 5, 50),
    ],
)
def test_the_first_argument_that_fails_is_told(body: str, code: int, line: int, column: int) -> None:
    outcome = run(GRID + body, more=LEAST)
    assert (outcome.code, outcome.place) == (code, (line, column))


def test_calls_among_arguments_are_made_once() -> None:
    outcome = run(GRID + 'return least(grid[i][0], noted("once", 9), grid[5][0])', more=LEAST)
    assert (outcome.emitted, outcome.code) == (["once"], 8)


@pytest.mark.parametrize(
    ("call", "hopes"),
    [
        ("least(grid[i][0], grid[i - 1][1], 1)", True),
        ('least(grid[i][0], noted("t", 1), 1)', False),  # what is called may not be called twice
        ("least(grid[0], i, 1)", False),  # a list that a temporary would hold
        ("unknown(grid[i][0], 1)", False),
        ("least(grid[i][0], 1)", False),  # which fails as a whole
        ("least(c: grid[i][0], a: 1, b: 2)", False),
    ],
)
def test_items_without_effects_are_read_in_hope(call: str, hopes: bool) -> None:
    source = f"func main() means\n{GRID}return {call}\nendfunc\n{LEAST}"
    assert (abi.MISSED in mentioned(source)) is hopes
