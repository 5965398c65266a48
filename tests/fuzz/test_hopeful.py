"""Code that hopes for the likely types does the same as the tree walker where it is disappointed."""

from __future__ import annotations

from itertools import product

import pytest

from .outcome import difference, interpret, walk
from .programs import Case

HOLDERS = (
    "[3, 4, 5]",
    "[[1, 2], [3, 4]]",
    '{"a": 1, "0": 2, "true": 3}',
    '{"a": {"a": 1, "n": 2}, "1": {"a": 5}}',
    '[{"a": 1}, {"a": 2}]',
    '{"a": [7, 8]}',
    '"word"',
    "nil",
    "5",
    "true",
    'tool.error.New(1, "e")',
    "[true, nil, 1.5]",
)
KEYS = ('"a"', "0", "1", "-1", "3", "true", "false", "1.0", "0.5", "nil", '"0"', "[1]", "2 ** 70")
STATEMENTS = (
    "emit c[k]",
    "set x = c[k]\n    emit x",
    "set x = c[k] + 1\n    emit x",
    "set x = c[k] % 2\n    emit x",
    "set x = c[k] / 2 - c[k] * 3\n    emit x",
    "set x = c[k][k]\n    emit x",
    "set x = c.a[k] * 2\n    emit x",
    "set x = c[k].a - 1\n    emit x",
    "if c[k] == 1\n      emit true\n    else\n      emit false\n    endif",
    "if c[k] < 4 and c[k] > 1\n      emit true\n    else if c[k] == nil\n      emit nil\n    endif",
    "while c[k] < 1\n      emit 1\n      break\n    endwhile",
    "set c[k] = c[k] + 1",
    "set c[k] = [c[k]]",
    "set c[k][k] = c[k][k] + 1",
    "set c[k].a = c[k].a + 1",
    'set c[k].a = "new"',
    "set c.a[k] = c.a[k] - 1",
    "set c.a[k] = c",
    "set c.a.n = c.a.n * 2",
    "set c[k][0] = c[k][1]",
    "set c[i] = c[i] + c[k]",
    "set c[k] = len(c)",
)
HANDLER = """on error do
    emit system_error_code
    emit system_error.line
    clear_error
  endon"""
PROCEDURE = """
func f{number}(needs i) means
  {handler}
  set c = {holder}
  set k = {key}
  set n = 0
  while n < 2
    set n = n + 1
    {statement}
  endwhile
  return c
endfunc
"""
PASSED = """
func main(needs i) means
  {handler}
  for each c in [{holders}]
    for each k in [{keys}]
      emit use(c, k, i)
    endfor
  endfor
endfunc
func use(needs c, k, i) means
  set n = 0
  while n < 2
    set n = n + 1
    {statement}
  endwhile
  return c
endfunc
"""


def agree(source: str) -> None:
    case = Case(source, "main", (0,))
    assert not difference(walk(case), interpret(case)), source


@pytest.mark.parametrize("statement", STATEMENTS)
def test_values_of_known_types(statement: str) -> None:
    pairs = list(product(HOLDERS[::2], KEYS[:6]))
    calls = "".join(f"  emit f{number}(i)\n" for number in range(len(pairs)))
    source = f"func main(needs i) means\n  {HANDLER}\n{calls}endfunc\n"
    for number, (holder, key) in enumerate(pairs):
        handler = HANDLER if number % 7 == 0 else ""
        source += PROCEDURE.format(number=number, handler=handler, holder=holder, key=key, statement=statement)
    agree(source)


@pytest.mark.parametrize("statement", STATEMENTS)
def test_values_of_any_type(statement: str) -> None:
    lists = {"holders": ", ".join(HOLDERS), "keys": ", ".join(KEYS)}
    agree(PASSED.format(handler=HANDLER, statement=statement, **lists))


@pytest.mark.parametrize(
    ("bound", "turns"), [("n - 1", 3), ("len(xs) - 2", 1), ("n + len(xs) - 6", 1), ("1 - n", 0), ("len(xs) + m - 2", 3)]
)
def test_loops_up_to_sums(bound: str, turns: int) -> None:
    source = f"""
func main(needs n, m) means
  set xs = [1, 2, 3]
  return count(xs, n, m)
endfunc
func count(needs xs, n, m) means
  set turns = 0
  set i = 0
  while i < {bound}
    set turns = turns + 1
    set i = i + 1
  endwhile
  return [turns, i]
endfunc
"""
    case = Case(source, "main", (4, 2))
    assert not difference(walk(case), interpret(case))


@pytest.mark.parametrize("bits", [29, 30, 31, 61, 62, 63, 64, 2047, 2048, 4094, 4095])
@pytest.mark.parametrize(
    "operation",
    ["a + a", "a * a", "0 - a - a", "a + 1", "a - 0 - 1", "(a + a) / 2", "(a + 1) / 2", "a % (m + 2)"],
)
def test_large_whole_numbers(bits: int, operation: str) -> None:
    source = f"""
func main(needs bits, m) means
  set a = 2 ** bits
  set xs = [a]
  set xs[0] = xs[0] - 1 + 1
  set a = xs[0]
  return {operation}
endfunc
"""
    case = Case(source, "main", (bits, 5))
    assert not difference(walk(case), interpret(case))
