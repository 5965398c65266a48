"""What a procedure changes and gives back is changed in place, and nobody else sees it."""

from __future__ import annotations

import pytest

from neuroscript import Interpreter

from .support import mentioned, watch

LIBRARY = """
func push(needs xs, x) means
  set xs[len(xs)] = x
  return xs
endfunc

func grow(needs node, depth) means
  if depth == 0
    return node
  endif
  if node == nil
    set node = {"n": 0, "left": nil}
  endif
  set node.n = node.n + 1
  set node.left = grow(node.left, depth - 1)
  return node
endfunc

func push_or_fail(needs xs, x) means
  set xs[len(xs)] = x
  if x == 3
    fail "three"
  endif
  return xs
endfunc

func inner() means
  set xs = []
  set i = 0
  while i < 9
    set xs = push_or_fail(xs, i)
    set i = i + 1
  endwhile
  return xs
endfunc
"""

CASES = [
    ("set xs = [1]\nset xs = push(xs, 2)\nreturn xs", [1, 2]),
    ("set xs = [1]\nset ys = xs\nset xs = push(xs, 2)\nreturn [xs, ys]", [[1, 2], [1]]),
    ('set xs = [1]\nset m = {"k": xs}\nset m.k = push(m.k, 2)\nreturn [m, xs]', [{"k": [1, 2]}, [1]]),
    ('set m = {"k": [1]}\nset old = m\nset m.k = push(m.k, 2)\nreturn [m, old]', [{"k": [1, 2]}, {"k": [1]}]),
    ("set ls = [[1], [2]]\nset ls[1] = push(ls[1], 3)\nreturn ls", [[1], [2, 3]]),
    ("set xs = [1]\nset xs = push(xs, xs)\nreturn xs", [1, [1]]),
    ("set xs = [1]\nset xs = push(x: 2, xs: xs)\nreturn xs", [1, 2]),
    ("set xs = [1]\nset xs = push(xs, len(xs))\nreturn xs", [1, 1]),
    ("set xs = [1, 2]\nfor each x in xs\nset xs = push(xs, x)\nendfor\nreturn xs", [1, 2, 1, 2]),
    ("set t = grow(nil, 2)\nset u = t\nset t = grow(t, 2)\nreturn [t.n, t.left.n, u.n, u.left.n]", [2, 2, 1, 1]),
    ('set t = {"n": 5, "left": nil, "z": 1}\nset t = grow(t, 3)\nreturn tool.map.Keys(t)', ["n", "left", "z"]),
]


@pytest.mark.parametrize(("body", "result"), CASES)
def test_values_are_nobody_elses(body: str, result: object) -> None:
    interpreter = Interpreter(plugins=False)
    interpreter.load(f"{LIBRARY}\nfunc main() means\n{body}\nendfunc\n")
    assert interpreter.run("main") == result


def test_a_variable_keeps_its_value_where_the_procedure_fails() -> None:
    body = (
        "on error do\nset failed = system_error_message\nclear_error\nendon\nset xs = [1]\nset xs = push_or_fail(xs, 3)"
    )
    interpreter = Interpreter(plugins=False)
    interpreter.load(f"{LIBRARY}\nfunc main() means\n{body}\nreturn [xs, failed]\nendfunc\n")
    assert interpreter.run("main") == [[1], "three"]


def test_the_error_of_a_body_that_had_moved_a_value_is_whole() -> None:
    body = (
        "on error do\nset failed = [system_error_message, system_error.procedure]\nclear_error\nendon\nset r = inner()"
    )
    interpreter = Interpreter(plugins=False)
    interpreter.load(f"{LIBRARY}\nfunc main() means\nset r = 7\n{body}\nreturn [r, failed]\nendfunc\n")
    assert interpreter.run("main") == [7, ["three", "push_or_fail"]]


HEAP = """
func push(needs heap, item) means
  set heap = tool.list.Append(heap, item)
  set i = len(heap) - 1
  while i > 0
    if heap[i - 1] <= heap[i]
      break
    endif
    set swap = heap[i - 1]
    set heap[i - 1] = heap[i]
    set heap[i] = swap
    set i = i - 1
  endwhile
  return heap
endfunc

func main(needs n) means
  set heap = []
  while n > 0
    set heap = push(heap, n)
    call tool.probe.See(heap)
    set n = n - 1
  endwhile
  return heap
endfunc
"""


def test_what_is_handed_over_to_a_specialised_body_is_not_copied() -> None:
    assert mentioned(HEAP, "t_push")
    with Interpreter(plugins=False) as interpreter:
        seen = watch(interpreter)
        interpreter.load(HEAP)
        assert interpreter.run("main", 20) == list(range(1, 21))
    assert len(seen.identities) == 20
    assert seen.copies == 0


RESULTS = """
func step(needs table, key) means
  set table["k" + key] = key
  call tool.probe.See(table)
  return {"table": table, "sum": len(table)}
endfunc

func recursive(needs n, table) means
  if n <= 0
    return {"table": table, "sum": 0}
  endif
  set a = recursive(n - 1, table)
  set b = recursive(0, a.table)
  set sum = a.sum + b.sum + 1
  set table = b.table
  set table["k" + n] = n
  call tool.probe.See(table)
  return {"table": table, "sum": sum}
endfunc

func by_results(needs n) means
  set table = {}
  set total = 0
  while n > 0
    set result = step(table, n)
    set table = result.table
    set total = total + result.sum
    set n = n - 1
  endwhile
  return total
endfunc

func emptied(needs n) means
  set result = {"table": {}, "sum": 0}
  while n > 0
    set table = result.table
    set result = step(table, n)
    set n = n - 1
  endwhile
  return result.sum
endfunc

func renamed(needs n) means
  set table = {}
  while n > 0
    set other = table
    set other["k" + n] = n
    call tool.probe.See(other)
    set table = other
    set n = n - 1
  endwhile
  return len(table)
endfunc

func main(needs n, way) means
  if way == "recursive"
    set result = recursive(n, {})
    return result.sum
  endif
  if way == "by_results"
    return by_results(n)
  endif
  if way == "emptied"
    return emptied(n)
  endif
  return renamed(n)
endfunc
"""


@pytest.mark.parametrize(("way", "result"), [("by_results", 210), ("recursive", 20), ("emptied", 20), ("renamed", 20)])
def test_what_nothing_reads_again_is_not_copied(way: str, result: int) -> None:
    with Interpreter(plugins=False) as interpreter:
        seen = watch(interpreter)
        interpreter.load(RESULTS)
        assert interpreter.run("main", 20, way) == result
    assert len(seen.identities) == 20
    assert seen.copies == 0


@pytest.mark.parametrize("rest", ["emit system_error_message", "return 0", "return [system_error_code]"])
def test_a_handler_that_ends_the_body_and_reads_nothing_costs_no_copies(rest: str) -> None:
    source = HEAP.replace("  set heap = []\n", f"  on error do\n    {rest}\n  endon\n  set heap = []\n")
    with Interpreter(emit=lambda value: None, plugins=False) as interpreter:
        seen = watch(interpreter)
        interpreter.load(source)
        interpreter.run("main", 40)
    assert (len(seen.identities), seen.copies) == (40, 0)


@pytest.mark.parametrize(
    ("handler", "result"),
    [
        ("return xs", [1]),
        ("return ```{{xs}}```", "[1]"),
        ("return len(xs)", 1),
        ("set xs[1] = 2\nreturn xs", [1, 2]),
        ("set xs = xs + [5]\nreturn xs", [1, 5]),
        ('return eval("{{xs}}")', "[1]"),
        ("clear_error", [1]),
        ("if system_error_code == 1\nclear_error\nendif", [1]),
    ],
)
def test_a_handler_that_reads_a_variable_sees_what_it_held(handler: str, result: object) -> None:
    body = f"on error do\n{handler}\nendon\nset xs = [1]\nset xs = push_or_fail(xs, 3)\nreturn xs"
    interpreter = Interpreter(plugins=False)
    interpreter.load(f"{LIBRARY}\nfunc main() means\n{body}\nendfunc\n")
    assert interpreter.run("main") == result


@pytest.mark.parametrize(("jump", "result"), [("break", [1]), ("continue", [1, 2, 4])])
def test_a_handler_that_goes_on_in_a_loop_keeps_what_there_was(jump: str, result: object) -> None:
    body = f"on error do\n{jump}\nendon\nset xs = [1]\nfor each n in [3, 2, 4]\nset xs = push_or_fail(xs, n)\nendfor"
    interpreter = Interpreter(plugins=False)
    interpreter.load(f"{LIBRARY}\nfunc main() means\n{body}\nreturn xs\nendfunc\n")
    assert interpreter.run("main") == result
