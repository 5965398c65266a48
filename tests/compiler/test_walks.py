"""A loop that changes the items it comes to copies nothing, and nobody else sees the changes."""

from __future__ import annotations

from itertools import pairwise

import pytest

from neuroscript import Interpreter

from .support import run, watch

MORE = """
func older(needs r, years) means
  set r.age = r.age + years
  return r
endfunc

func older_and_tell(needs r) means
  set r.age = r.age + 1
  return r, r.age > 30
endfunc
"""

WORLD = """
func world(needs size) means
  set w = {"rows": [], "by_name": {}, "clock": 0}
  set i = 0
  while i < size
    set row = {"name": "n" + i, "age": i, "pos": {"x": i, "y": 0}, "marks": [i]}
    set w.rows[i] = row
    set w.by_name["n" + i] = row
    set i = i + 1
  endwhile
  for each i, row in w.rows
    set w.rows[i].marks = [i]
  endfor
  return w
endfunc
"""

TURNS = {
    "a changed item": "set v.age = v.age + 1\nset {place}[k] = v\ncall tool.probe.See({place}[k])",
    "a changed item in an item": "set v.pos.x = v.pos.x + 1\nset {place}[k] = v\ncall tool.probe.See({place}[k].pos)",
    "a list in an item": "set v.marks = v.marks + [1]\nset {place}[k] = v\ncall tool.probe.See({place}[k].marks)",
    "an item set in its place": "set {place}[k].age = v.age + 1\ncall tool.probe.See({place}[k])",
    "a procedure": "set v = older(v, 2)\nset {place}[k] = v\ncall tool.probe.See({place}[k])",
    "a procedure that reads the whole": (
        "set v = older(v, w.clock)\nset {place}[k] = v\ncall tool.probe.See({place}[k])"
    ),
    "a procedure with two results": (
        "set v, old = older_and_tell(v)\nset {place}[k] = v\ncall tool.probe.See({place}[k])"
    ),
    "one of two ways": (
        "if v.age % 2 == 0\nset v.age = v.age + 1\nset {place}[k] = v\nendif\ncall tool.probe.See({place}[k])"
    ),
}


@pytest.mark.parametrize("place", ["w.rows", "w.by_name"])
@pytest.mark.parametrize("turn", TURNS)
def test_nothing_is_copied(turn: str, place: str) -> None:
    body = TURNS[turn].format(place=place)
    source = f"""{MORE}{WORLD}
func grow(needs w) means
  for each k, v in {place}
{body}
  endfor
  set w.clock = w.clock + 1
  return w
endfunc

func main(needs turns) means
  set w = world(3)
  set i = 0
  while i < turns
    set w = grow(w)
    set i = i + 1
  endwhile
  return w.clock
endfunc
"""
    with Interpreter(plugins=False) as interpreter:
        seen = watch(interpreter)
        interpreter.load(source)
        assert interpreter.run("main", 10) == 10
    first, *others = (seen.identities[start : start + 3] for start in range(0, 30, 3))
    if turn != "one of two ways":  # where what is seen has been stored in two places at first
        assert len(set(first)) == 3
    assert all(one == another for one, another in pairwise(others))


START = """set m = {"a": {"n": 1}, "b": {"n": 5}, "c": {"n": 7}}
set xs = [[1], [2], [3]]
"""


@pytest.mark.parametrize(
    ("body", "result"),
    [
        ("for each k, v in m\nset v.n = v.n + 1\nset m[k] = v\nendfor\nreturn [m.a.n, m.b.n, m.c.n]", [2, 6, 8]),
        ("set old = m\nfor each k, v in m\nset v.n = 0\nset m[k] = v\nendfor\nreturn [m.b.n, old.b.n]", [0, 5]),
        ("set old = m.b\nfor each k, v in m\nset v.n = 0\nset m[k] = v\nendfor\nreturn [m.b.n, old.n]", [0, 5]),
        ("for each k, v in m\nset o = v\nset v.n = 0\nset m[k] = v\nendfor\nreturn [m.c.n, o.n, v.n]", [0, 7, 0]),
        ("for each k, v in m\nset m[k].n = 0\nendfor\nreturn [m.c.n, v.n, k]", [0, 7, "c"]),
        ("for each k, v in m\nset m[k].n = v.n * 2\nset v.n = 1\nendfor\nreturn [m.c.n, v.n]", [14, 1]),
        ("for each k, v in m\nset m[k] = v.n\nendfor\nreturn m", {"a": 1, "b": 5, "c": 7}),
        ("for each k, v in m\nset m[k] = m\nendfor\nreturn [m.c.a.n, m.c.b.a.n, m.c.b.b.n]", [None, None, 5]),
        ("for each i, x in xs\nset x[1] = i\nset xs[i] = x\nendfor\nreturn xs", [[1, 0], [2, 1], [3, 2]]),
        ("for each i, x in xs\nset xs[i] = xs\nendfor\nreturn [len(xs[2]), xs[2][1][1]]", [3, [2]]),
        ("for each i, x in xs\nset xs[i] = xs[len(xs) - 1 - i]\nendfor\nreturn xs", [[3], [2], [3]]),
        ("for each i, x in xs\nset x[1] = len(xs)\nset xs[i] = x\nendfor\nreturn xs[2]", [3, 3]),
        ("for each i, x in xs\nif i == 1\ncontinue\nendif\nset xs[i] = 0\nendfor\nreturn xs", [0, [2], 0]),
        ("for each i, x in xs\nset xs[i] = 0\nif i == 1\nbreak\nendif\nendfor\nreturn [xs, x]", [[0, 0, [3]], [2]]),
        (
            "for each i, x in xs\nset x[0] = 0\nif i == 1\nreturn [xs, x]\nendif\nset xs[i] = x\nendfor",
            [[[0], [2], [3]], [0]],
        ),
        (
            'for each k, v in m\nif k == "b"\nreturn m\nendif\nset m[k] = 0\nendfor',
            {"a": 0, "b": {"n": 5}, "c": {"n": 7}},
        ),
        (
            "for each k, v in m\nfor each k2, w in m\nset w.n = w.n + v.n\nset m[k2] = w\nendfor\nendfor\nreturn m.c.n",
            20,
        ),
        ("for each k, v in m\nset m[k] = v\nset m.z = 1\nendfor\nreturn len(m)", 4),
        ("for each i, x in xs\nset xs[i + 1] = 0\nset xs[i] = x\nendfor\nreturn xs", [[1], [2], [3], 0]),
        (
            "set w.xs = xs\nfor each i, x in w.xs\nset w.xs[i] = i\nset w.n = i\nendfor\nreturn [w.xs, w.n, xs]",
            [[0, 1, 2], 2, [[1], [2], [3]]],
        ),
        ("set e = {}\nfor each k, v in e\nset e[k] = 1\nendfor\nreturn [e, k == nil]", [{}, True]),
        (
            'set last_key = ""\nfor each k, v in m\nset m[k] = v\nset last_key = k\nendfor\nreturn [k, last_key, v.n]',
            ["c", "c", 7],
        ),
        ('set s = "ab"\nfor each i, x in s\nemit x\nendfor\nreturn i', 1),
        ("for each i, x in xs\non error do\nendon\nset xs[i] = 1\nendfor\nreturn xs", [1, 1, 1]),
        (
            "on error do\nclear_error\nendon\nfor each i, x in xs\nset x = nil + 1\nset xs[i] = i\nendfor\nreturn xs",
            [0, 1, 2],
        ),
        ('for each i, x in xs\nset xs[i] = eval("{{i}}")\nendfor\nreturn xs', ["0", "1", "2"]),
    ],
)
def test_values_are_nobody_elses(body: str, result: object) -> None:
    outcome = run(START + body, more=MORE)
    assert outcome.error is None
    assert outcome.result == result


@pytest.mark.parametrize("collection", ["m", "xs", "w.xs"])
def test_steps_are_those_of_any_loop(collection: str) -> None:
    def steps(turn: str) -> int:
        body = START + f'set w = {{"xs": xs}}\nfor each k, v in {collection}\n{turn}\nendfor\nreturn 1'
        return next(most for most in range(50) if run(body, limits={"max_steps": most}).error is None)

    assert steps(f"set {collection}[k] = v") == steps("set j = v")


def test_a_loop_over_many_entries_that_is_left_early_takes_no_keys() -> None:
    """What was constant time stays so: the first of many entries is found without a look at the others."""
    source = """
func first(needs m) means
  for each k, v in m
    if v > 0
      return k
    endif
    set m[k] = 1
  endfor
endfunc
"""
    with Interpreter(plugins=False) as interpreter:
        interpreter.load(source)
        many = {str(number): 1 for number in range(100_000)}
        assert interpreter.run("first", many) == "0"
