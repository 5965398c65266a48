"""Changing a list or map that nothing else holds copies nothing, whatever the program looks like round it.

What is counted is how often a variable holds another object than before; no clock is looked at.
"""

from __future__ import annotations

import pytest

from neuroscript import Interpreter

from .support import procedure, run, watch

HANDLER = "on error do\n  clear_error\nendon\n"


def copies(text: str, more: str = "", turns: int = 40) -> int:
    """How often the list that ``tool.probe.See`` is shown was exchanged while the program ran."""
    with Interpreter(emit=lambda value: None, plugins=False) as interpreter:
        seen = watch(interpreter)
        interpreter.load(procedure(text) + more)
        interpreter.run("main", turns)
    assert len(seen.identities) == turns
    return seen.copies


GROW = "set i = 0\nwhile i < a\n  {statement}\n  call tool.probe.See({shown})\n  set i = i + 1\nendwhile\n"


@pytest.mark.parametrize("before", ["", HANDLER], ids=["plain", "under a handler"])
@pytest.mark.parametrize(
    ("start", "statement", "shown"),
    [
        ("set xs = []", "set xs[i] = i", "xs"),
        ("set xs = []", "set xs = tool.list.Append(xs, i)", "xs"),
        ("set xs = []", "set xs = tool.list.Append(xs, [i])", "xs"),
        ("set xs = []", "set xs = tool.list.Push(xs, i)", "xs"),
        ("set xs = tool.list.Reverse([])", "set xs = tool.list.Append(xs, i)", "xs"),
        ("set xs = []", "set xs = xs + [i]", "xs"),
        ("set xs = []", "set xs = xs + [i, [i], i + 1]", "xs"),
        ("set xs = tool.list.Reverse([])", "set xs = xs + []", "xs"),
        ("set m = {}", 'set m["k" + i] = i', "m"),
        ("set m = {}", "set m[i] = i", "m"),
        ("set m = {}", "set m.k = i", "m"),
        ('set m = {"xs": []}', "set m.xs[i] = i", "m.xs"),
        ("set g = [[], []]", "set g[0][i] = i", "g[0]"),
        ('set m = {"xs": []}', "set m.xs = tool.list.Append(m.xs, i)", "m.xs"),
        ('set m = {"a": [{"xs": []}]}', "set m.a[0].xs = tool.list.Append(m.a[0].xs, [i])", "m.a[0].xs"),
        ('set m = {}\nset k = "key"\nset m[k] = []', "set m[k] = tool.list.Append(m[k], i * 2)", "m[k]"),
        ('set m = {"a": {"b": []}}', "set m.a.b[i] = {}", "m.a.b"),
    ],
)
def test_growing_in_a_loop_copies_nothing(before: str, start: str, statement: str, shown: str) -> None:
    assert copies(before + start + "\n" + GROW.format(statement=statement, shown=shown)) == 0


RETURNED = [
    ("xs + [i]", []),
    ("xs + [i, [i]]", []),
    ("tool.list.Append(xs, [i])", []),
    ("tool.list.Prepend(xs, i)", []),
    ("tool.map.Set(xs, i, i)", {}),
]


@pytest.mark.parametrize(("value", "start"), RETURNED)
def test_what_a_procedure_adds_where_it_returns_is_no_copy(value: str, start: object) -> None:
    more = procedure(f"return {value}", "added", "(needs xs, i)")
    made = f"set xs = {start}\n"
    assert copies(made + GROW.format(statement="set xs = added(xs, i)", shown="xs"), more=more) == 0
    assert copies(made + GROW.format(statement="set f = added\n  set xs = f(xs, i)", shown="xs"), more=more) == 0
    kept = f"set xs = {start}\nset ys = added(xs, 1)\nset zs = added(xs, 1)\nreturn [xs, ys == zs, len(ys) > 0]"
    assert run(kept, more=more).result == [start, True, True]
    failing = procedure(
        f"on error do\n  return xs\nendon\nreturn {value.replace('i', '1 / i', 1)}", "added", "(needs xs, i)"
    )
    assert run(f"return added({start}, 0)", more=failing).result == start


@pytest.mark.parametrize("fails", ["set d = xs.k.x", "set d = m.x.y", "set d = 1 + m.x"])
def test_the_message_of_a_failure_holds_no_variable(fails: str) -> None:
    """An operation on nil is explained by the variables as they are then, which are let go of again."""
    loop = GROW.format(statement=f"set xs[i] = i\n  {fails}", shown="xs")
    assert copies(f"{HANDLER}set m = {{}}\nset xs = []\n{loop}") == 0


def test_last_holds_no_list_that_is_appended_to() -> None:
    assert (
        copies("set xs = []\n" + GROW.format(statement="set xs = tool.list.Append(xs, i)", shown="xs") + "emit last")
        == 0
    )


def test_a_text_with_placeholders_elsewhere_costs_nothing() -> None:
    text = "set xs = []\n" + GROW.format(statement="set xs = tool.list.Append(xs, i)", shown="xs")
    assert copies(text + 'set t = "{{i}}"\nemit eval(t)') == 0


def test_a_list_that_is_first_set_in_a_branch_is_appended_to_in_place() -> None:
    statement = "if i == 0\n    set xs = []\n  endif\n  set xs = tool.list.Append(xs, i)"
    assert copies(GROW.format(statement=statement, shown="xs")) == 0


POPPED = """set xs, i, sum = [tool.list.Range(0, 50), 0, 0]
{before}
while i < a
  call tool.probe.See(xs)
  set rest, item = tool.list.Pop(xs)
  {between}
  set xs = rest
  set sum = sum + item
  set i = i + 1
endwhile
must xs == tool.list.Range(0, 50 - a) and sum == 49 * a - a * (a - 1) / 2
"""


@pytest.mark.parametrize(
    ("before", "between", "copied"),
    [("", "", 0), ("", "set twice = item * 2", 0), ("set old = xs", "", 1), ("", "must len(xs) == len(rest) + 1", 39)],
)
def test_a_list_may_be_popped_into_another_name(before: str, between: str, copied: int) -> None:
    assert copies(POPPED.format(before=before, between=between)) == copied


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("set xs = [1, 2]\nset rest, x = tool.list.Pop(xs)\nreturn [rest, x, last]", [[1], 2, [[1], 2]]),
        ("set xs = [1, 2]\nset x, rest = tool.list.Pop(xs)\nreturn [x, rest]", [[1], 2]),
        ("set xs = [1, [2]]\nset rest, xs = tool.list.Pop(xs)\nreturn [rest, xs]", [[1], [2]]),
        ('set xs = [1, 2]\nset rest, x = tool.list.Pop(xs)\nreturn eval("{{xs}} {{rest}}")', "[1, 2] [1]"),
        ("on error do\nreturn xs\nendon\nset xs = [1, 2]\nset rest, x = tool.list.Pop(xs)\nfail x", [1, 2]),
        ("on error do\nreturn xs\nendon\nset xs = []\nset rest, x = tool.list.Pop(xs)\nreturn x", []),
    ],
)
def test_what_popping_gives(text: str, result: object) -> None:
    assert run(text).result == result


def test_what_another_name_holds_is_copied_once() -> None:
    text = "set xs = [0]\nset ys = xs\ncall tool.probe.See(xs)\nset j = 1\n"
    text += "while j < a\n  set xs = tool.list.Append(xs, j)\n  call tool.probe.See(xs)\n  set j = j + 1\nendwhile"
    assert copies(text) == 1


def test_a_list_given_to_a_procedure_that_changes_it_is_copied_once_there() -> None:
    more = (
        "func grow(needs xs) means\n"
        + GROW.replace("< a", "< 39").format(statement="set xs[i] = i", shown="xs")
        + "endfunc\n"
    )
    text = "set xs = []\ncall tool.probe.See(xs)\ncall grow(xs)"
    assert copies(f"{text}\nreturn xs", more) == 1
    assert copies(text, more) == 0  # nothing reads it again, so nobody needs what it was


@pytest.mark.parametrize("before", ["", HANDLER], ids=["plain", "under a handler"])
@pytest.mark.parametrize(
    "statement",
    [
        "set n = tool.list.Length(m.xs)\n  set m.xs[i] = n",
        "set m.xs[i] = tool.list.Length(m.xs)",
        "set m.xs[tool.list.Length(m.xs)] = i",
        "set m.xs[len(m.xs)] = i",
        "call tool.list.Contains(m.xs, i)\n  set m.xs[i] = i",
        "set same = m.xs == a\n  set m.xs[i] = i",
        "set some_items = m.xs and true\n  set m.xs[i] = i",
        "set some_items = m.xs or true\n  set m.xs[i] = i",
        "if tool.list.Length(m.xs) < a\n    set m.xs[i] = i\n  endif",
        "if tool.list.Length(m.xs) > a\n  else\n    set m.xs[i] = i\n  endif",
        "if m.xs == a\n  else if m.xs == nothing\n  else\n    set m.xs[i] = i\n  endif",
        "while tool.list.Length(m.xs) == i\n    set m.xs[i] = i\n  endwhile",
        "for each n in [tool.list.Length(m.xs)]\n    set m.xs[n] = i\n  endfor",
        "if m.xs or i < a or a\n    set m.xs[i] = i\n  endif",
        "if i < 0 or m.xs == nil or a\n    set m.xs[i] = i\n  endif",
        "must tool.list.Length(m.xs) < a\n  set m.xs[i] = i",
        "if is_list(m.xs)\n    set m.xs[i] = i\n  endif",
        "set same = is_map(m.xs) or is_number(m.xs)\n  set m.xs[i] = i",
        "must is_list(m.xs) and not is_map(m.xs)\n  set m.xs[i] = i",
        "while is_list(m.xs) and len(m.xs) == i\n    set m.xs[i] = i\n  endwhile",
    ],
)
def test_looking_at_a_list_does_not_hold_it(before: str, statement: str) -> None:
    assert copies(before + 'set m = {"xs": []}\n' + GROW.format(statement=statement, shown="m.xs")) == 0


@pytest.mark.parametrize(
    ("text", "result"),
    [
        (
            'set m = {"xs": [1]}\nset n = m\nset m.xs = tool.list.Append(m.xs, 2)\nreturn [m, n]',
            [{"xs": [1, 2]}, {"xs": [1]}],
        ),
        (
            'set m = {"xs": [1]}\nset ys = m.xs\nset m.xs = tool.list.Append(m.xs, 2)\nreturn [m, ys]',
            [{"xs": [1, 2]}, [1]],
        ),
        ('set m = {"xs": [1]}\nset m.xs = tool.list.Append(m.xs, m)\nreturn m', {"xs": [1, {"xs": [1]}]}),
        ('set m = {"xs": [1]}\nset m.xs = tool.list.Append(m.xs, m.xs)\nreturn m', {"xs": [1, [1]]}),
        (
            'set m = {"xs": [1]}\nfor each x in m.xs\n  set m.xs = tool.list.Append(m.xs, x)\nendfor\nreturn m',
            {"xs": [1, 1]},
        ),
        ("set m = [[1], [2]]\nset m[1.0] = tool.list.Append(m[1.0], 3)\nreturn m", [[1], [2, 3]]),
        ("set xs = [1]\nset ys = xs\nset xs = tool.list.Append(xs, xs)\nreturn [xs, ys]", [[1, [1]], [1]]),
        ("set xs = [[1]]\nset xs = tool.list.Append(xs, xs[0])\nset xs[0][0] = 2\nreturn xs", [[2], [1]]),
        ("set xs = [1]\nset xs[0], xs[1] = [xs, 2]\nreturn xs", [[1], 2]),
        ("set m = {}\nset m.a = [1]\nset m.b = m.a\nset m.a[0] = 2\nreturn m", {"a": [2], "b": [1]}),
        ("set row = [0]\nset g = [row, row]\nset g[0][0] = 1\nset row[0] = 2\nreturn [g, row]", [[[1], [0]], [2]]),
        ("set xs = [[1], [2]]\nfor each x in xs\n  set x[0] = 9\n  set xs[1] = x\nendfor\nreturn xs", [[1], [9]]),
        (
            'set m = {"a": {"b": [1]}}\nset p = m.a\nset m.a.b[0] = 2\nset q = p.b\nreturn [m, p, q]',
            [{"a": {"b": [2]}}, {"b": [1]}, [1]],
        ),
        (
            "set f = tool.list.Reverse([1, 2])\nset g = tool.list.Get([f], 0)\nset g[0] = 9\nreturn [f, g]",
            [[2, 1], [9, 1]],
        ),
        ("set xs = [1]\nwhisper self, xs\nset xs[0] = 2\nreturn xs", [2]),
        (
            'set xs = [{"v": 1}, {"v": 2}]\nset b = xs[1]\nset xs[1].v = 5\nset xs[1].v = b.v + 1\nreturn [xs, b]',
            [[{"v": 1}, {"v": 3}], {"v": 2}],
        ),
        (
            'set g = {"a": {"b": {"n": 1}}}\nset h, x = [g, g.a]\nset g.a.b.n = 2\nset g.a.b.n = 3\nreturn [g, h, x]',
            [{"a": {"b": {"n": 3}}}, {"a": {"b": {"n": 1}}}, {"b": {"n": 1}}],
        ),
        (
            'set m = {"1": {"n": 1}}\nset p = m["1"]\nset i = 1\nset m[i].n = 2\nset m[1.0].n = p.n + 2\nreturn [m, p]',
            [{"1": {"n": 3}}, {"n": 1}],
        ),
        (
            "set g = [[1], [2]]\nset h = g\nset i = 1\nset g[i][0] = h[0][0] + 8\nreturn [g, h]",
            [[[1], [9]], [[1], [2]]],
        ),
    ],
)
@pytest.mark.parametrize("before", ["", HANDLER], ids=["plain", "under a handler"])
def test_values_never_share_their_changes(before: str, text: str, result: object) -> None:
    assert run(before + text).result == result
