"""Maps to which statements add keys: what is known of the others stays known, and the added ones may be missing."""

from __future__ import annotations

from typing import Any

import pytest

from neuroscript import Interpreter

from .support import mentioned, procedure, run

LIBRARY = """
func opened(needs id) means
  set account = {}
  set account.id = id
  set account.log = []
  if id % 2 == 0
    set account.limit = id * 10
  endif
  return account
endfunc

func marked(needs account, word) means
  set account.mark = word
  return account
endfunc

func figure(needs n) means
  if n == 0
    return {"kind": "circle", "r": 2}
  endif
  if n == 1
    return {"kind": "square", "side": "3"}
  endif
  return {"kind": "line"}
endfunc

func stretched(needs figure) means
  if figure.kind == "circle"
    set figure.r = figure.r * 1.5
  else if figure.kind == "square"
    set figure.side = figure.side * 2
    set figure.area.square = figure.side * figure.side
  else
    set figure.length = 1
  endif
  set figure.kind = figure.kind + "!"
  return figure
endfunc
"""

COUNTED = """
set a = {}
for each w in ["x", "y", "x"]
  if a[w] == nil
    set a[w] = 0
  endif
  set a[w] = a[w] + 1
endfor
set a.total = 3
return a
"""
NESTED = """
set t = nil
set i = 0
while i < 3
  set u = {}
  set u.n = i
  set u.left = t
  set t = u
  set i = i + 1
endwhile
return t.left.left.n
"""

CASES: list[tuple[str, Any]] = [
    ("return opened(1)", {"id": 1, "log": []}),
    ("return opened(2)", {"id": 2, "log": [], "limit": 20}),
    ("set a = opened(1)\nreturn [a.limit, a.limit == nil, typeof a.limit]", [None, True, "nil"]),
    ("set a = opened(2)\nreturn [a.limit + 1, a.id + 1]", [21, 3]),
    ("set a = marked(opened(1), 5)\nset b = marked(opened(2), a)\nreturn [a.mark, b.mark.mark + 1]", [5, 6]),
    ('set a = marked(opened(1), "x")\nset a.log = tool.list.Append(a.log, a.mark)\nreturn a.log', ["x"]),
    ("set a = opened(1)\nset b = a\nset b.more = 1\nreturn [a.more, b.more]", [None, 1]),
    ('set a = {}\nset a.n = 1\nset a.n = a.n + 1\nset k = "n"\nset a[k] = "s"\nreturn a.n + 1', "s1"),
    (
        COUNTED,
        {"x": 2, "y": 1, "total": 3},
    ),
    ("set a = {}\nset a[1] = 2\nset a.b[0] = 3\nreturn a", {"1": 2, "b": [3]}),
    ('set a = {"n": 1}\nset a.m = 2\nset a = tool.map.Delete(a, "n")\nreturn [a.n, a.m]', [None, 2]),
    ('set a = {"n": 1}\nset a = tool.map.Set(a, "m", "x")\nset a.o = a.m + a.n\nreturn a.o', "x1"),
    ("return stretched(figure(0))", {"kind": "circle!", "r": 3}),
    ("return stretched(figure(1))", {"kind": "square!", "side": "33", "area": {"square": 1089}}),
    ("return stretched(figure(2))", {"kind": "line!", "length": 1}),
    ("set f = stretched(stretched(figure(2)))\nreturn [f.length, f.r, f.kind]", [1, None, "line!!"]),
    (
        NESTED,
        0,
    ),
    ("set a = {}\n" + "".join(f"set a.k{i} = {i}\n" for i in range(40)) + "return a.k0 + a.k20 + a.k39 + len(a)", 99),
]


@pytest.mark.parametrize(("body", "result"), CASES)
def test_what_added_fields_hold(body: str, result: Any) -> None:
    interpreter = Interpreter(plugins=False)
    interpreter.load(f"{LIBRARY}\nfunc main() means\n{body}\nendfunc\n")
    assert interpreter.run("main") == result


def test_a_field_that_is_not_added_is_nil_and_no_number() -> None:
    outcome = run("set a = opened(1)\nreturn a.limit + 1", more=LIBRARY)
    assert (outcome.code, outcome.place[0]) == (7, 3)


def test_known_fields_are_looked_up_directly_though_others_are_added() -> None:
    body = "set a.n = a.n + 1\nset a.more = a.n\nreturn a"
    main = 'set m = grown({"n": 1})\nset m = grown(m)\nreturn [m.n, m.more]'
    source = procedure(body, "grown", "(needs a)") + procedure(main)
    assert "_get" not in mentioned(source, "t1_grown")
    assert run(main, more=procedure(body, "grown", "(needs a)")).result == [3, 3]


def test_what_a_procedure_builds_by_counting_down_is_known_where_it_is_walked() -> None:
    leaf = 'return {"kind": "leaf", "value": n}'
    build = (
        "if n <= 0\n  return leaf(seed % 7)\nendif\n"
        'return {"kind": "node", "left": build(n - 1, seed * 3 + 1), "right": build(n - 1, seed * 5 + 2)}'
    )
    total = 'if tree.kind == "leaf"\n  return tree.value\nendif\nreturn total(tree.left) + total(tree.right)'
    procedures = procedure(leaf, "leaf", "(needs n)") + procedure(build, "build", "(needs n, seed)")
    procedures += procedure(total, "total", "(needs tree)")
    main = "return total(build(3, 1))"
    assert "_infinite" not in mentioned(procedures + procedure(main), "t1_total")  # they are whole numbers
    assert run(main, more=procedures).result == 22
