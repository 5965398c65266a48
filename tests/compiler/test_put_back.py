"""What is read out of a list or map, changed and put back is changed in place, and nobody else sees it."""

from __future__ import annotations

import pytest

from neuroscript import Interpreter

from .support import mentioned, run, watch

PUSH = """
func push(needs r, x) means
  set r.list = tool.list.Append(r.list, x)
  set r.n = r.n + 1
  return r
endfunc

func push_and_tell(needs r, x) means
  set r.n = r.n + 1
  return r, r.n > x
endfunc

func pass_on(needs x, r) means
  return push(r, x)
endfunc

func more_than(needs number, all) means
  return number + len(all)
endfunc

func put(needs all, k, r) means
  set all[k] = r
  return all
endfunc

func count(needs all, k) means
  set all[k].n = all[k].n + 1
  return all
endfunc

func push_or_fail(needs all, k) means
  set r = all[k]
  set r.n = r.n + 1
  if r.n == 3
    fail "three"
  endif
  set all[k] = r
  return all
endfunc
"""

WAYS = {
    "a variable": "set r = all[k]\nset r.n = r.n + 1\ncall tool.probe.See(r)\nset all[k] = r",
    "one in the other": (
        "set r = all[k]\nset s = r.inner\nset s.n = 1\ncall tool.probe.See(s)\nset r.inner = s\nset all[k] = r"
    ),
    "a procedure": "set r = all[k]\nset r = push(r, 1)\ncall tool.probe.See(r)\nset all[k] = r",
    "through another": "set r = all[k]\nset r = pass_on(1, r)\ncall tool.probe.See(r)\nset all[k] = r",
    "an argument": "set all[k] = push(all[k], 1)\ncall tool.probe.See(all[k])",
    "an argument mentioned twice": "set r = all[k]\nset r = push(r, r.n)\ncall tool.probe.See(r)\nset all[k] = r",
    "a variable as argument": "set r = all[k]\nset all[k] = push(r, 1)\ncall tool.probe.See(all[k])",
    "a value that reads the whole": "set r = all[k]\nset r.n = len(all)\ncall tool.probe.See(r)\nset all[k] = r",
    "an item as argument": "set r = push(all[k], 1)\ncall tool.probe.See(r)\nset all[k] = r",
    "an item and more": "set r, more = push_and_tell(all[k], 1)\ncall tool.probe.See(r)\nset all[k] = r",
    "an item put back with more": "set all[k], more = push_and_tell(all[k], 1)\ncall tool.probe.See(all[k])",
    "a key that is an item": "set r = all[j.k]\nset r.n = r.n + 1\ncall tool.probe.See(r)\nset all[j.k] = r",
    "an idle name": "set r = all[k]\nset x = r.n\nset all[k].n = x + 1\ncall tool.probe.See(all[k])",
    "a computed key": 'set all["" + k].list = all["" + k].list + [1]\ncall tool.probe.See(all[k].list)',
    "a tool on a computed key": (
        'set all["" + k].list = tool.list.Slice(all["" + k].list, 0, 2)\ncall tool.probe.See(all[k].list)'
    ),
}


@pytest.mark.parametrize("way", WAYS)
def test_what_is_put_back_is_not_copied(way: str) -> None:
    body = "\n".join(f"    {line}" for line in WAYS[way].splitlines())
    record = '{"n": 0, "list": [1, 2], "inner": {"n": 0}}'
    source = f"""{PUSH}
func main(needs turns) means
  set all = {{"a": {record}, "b": {record}}}
  set k = "a"
  set j = {{"k": "a"}}
  set w = {{"all": {{"a": {record}}}, "key": "a", "n": 0}}
  set i = 0
  while i < turns
{body}
    set i = i + 1
  endwhile
  return all.b
endfunc
"""
    with Interpreter(plugins=False) as interpreter:
        seen = watch(interpreter)
        interpreter.load(source)
        assert interpreter.run("main", 20) == {"n": 0, "list": [1, 2], "inner": {"n": 0}}
    assert len(seen.identities) == 20
    assert seen.copies == 0


START = 'set m = {"a": {"n": 1, "list": [1]}, "b": {"n": 5, "list": []}}\nset k = "a"\n'


@pytest.mark.parametrize(
    ("body", "result"),
    [
        ("set r = m[k]\nset r.n = 2\nset m[k] = r\nreturn m.a.n", 2),
        ("set old = m\nset r = m[k]\nset r.n = 2\nset m[k] = r\nreturn [old.a.n, m.a.n]", [1, 2]),
        ("set s = m.a\nset r = m[k]\nset r.n = 2\nset m[k] = r\nreturn [s.n, m.a.n]", [1, 2]),
        ("set m.b = m.a\nset r = m[k]\nset r.n = 2\nset m[k] = r\nreturn [m.b.n, m.a.n]", [1, 2]),
        ("set r = m[k]\nset r.n = 2\nset m.b = r\nset r.n = 3\nset m[k] = r\nreturn [m.b.n, m.a.n]", [2, 3]),
        ('set r = m[k]\nset r.n = 2\nset k = "b"\nset m[k] = r\nreturn [m.a.n, m.b.n]', [1, 2]),
        ('set r = m.c\nif r == nil\nset r = {"n": 0}\nendif\nset r.n = 2\nset m.c = r\nreturn m.c', {"n": 2}),
        ('set k = "c"\nset r = m[k]\nset r.n = 2\nset m[k] = r\nreturn tool.map.Keys(m)', ["a", "b", "c"]),
        ("set r = m[k]\nset r.n = 2\nset m[k] = r\nreturn tool.map.Keys(m)", ["a", "b"]),
        ("for each r in m\nset r.n = r.n + 1\nset m[k] = r\nendfor\nreturn [m.a.n, m.b.n]", [6, 5]),
        ("for each k, r in m\nset t = m[k]\nset t.n = t.n + r.n\nset m[k] = t\nendfor\nreturn [m.a.n, m.b.n]", [2, 10]),
        ("set m[k] = push(m[k], m.b.n)\nreturn m.a", {"n": 2, "list": [1, 5]}),
        ("set m[k] = push(m[k], m[k].n)\nreturn m.a", {"n": 2, "list": [1, 1]}),
        ("set m[k] = push(m[k], m[k])\nreturn m.a.list[1].n", 1),
        ("set r = m[k]\nset m[k] = push(r, 7)\nreturn [r.n, m.a.n]", [1, 2]),
        ("set r, more = push_and_tell(m[k], 1)\nset m[k] = r\nreturn [m.a.n, more]", [2, True]),
        ("set r, more = push_and_tell(m[k], 1)\nif more\nset m[k] = r\nendif\nreturn [m.a.n, r.n]", [2, 2]),
        ("set r, more = push_and_tell(m[k], 9)\nif more\nset m[k] = r\nendif\nreturn [m.a.n, r.n]", [1, 2]),
        ("set r, k = push_and_tell(m[k], 1)\nset m[k] = r\nreturn [m.a.n, m[k].n]", [1, 2]),
        ("set m[k], k = push_and_tell(m[k], 1)\nreturn [m.a.n, k]", [2, True]),
        ("set m[k], m = push_and_tell(m[k], 1)\nreturn m", True),
        ("set m[k], m.b = push_and_tell(m[k], 1)\nreturn [m.a.n, m.b]", [2, True]),
        ("set m, more = push_and_tell(m[k], 1)\nreturn [m.n, more]", [2, True]),
        ("set old = m\nset m[k], more = push_and_tell(m[k], 1)\nreturn [old.a.n, m.a.n]", [1, 2]),
        ("set r = push(m.a, m)\nreturn [r.list[1].a.n, r.n]", [1, 2]),
        # two items, which may be the same
        (
            "set r = m[k]\nset s = m.b\nset r.n = 2\nset s.n = 3\nset m[k] = r\nset m.b = s\nreturn [m.a.n, m.b.n]",
            [2, 3],
        ),
        ("set r = m[k]\nset s = m[k]\nset r.n = 2\nset s.x = 3\nset m.a = s\nset m[k] = r\nreturn m.a.n", 2),
        (
            "set r = m[k]\nset s = m[k]\nset r.n = 2\nset s.x = 3\nset m[k] = r\nset m.a = s\nreturn [m.a.n, m.a.x]",
            [1, 3],
        ),
        (
            'set j = "a"\nset r = m[k]\nset r.n = 2\nset m[j] = {"n": 9}\nset m[k] = r\nreturn m.a',
            {"n": 2, "list": [1]},
        ),
        # results in a list
        ("set r = [m, 1]\nset m = r[0]\nset m.a.n = 2\nreturn [m.a.n, r[1]]", [2, 1]),
        ("set r = [m, 1]\nset m = r[0]\nset m.a.n = 2\nreturn [m.a.n, r[0].a.n]", [2, 1]),
        ("set r = [m, 1]\nset i = 0\nset m = r[0]\nset m.a.n = 2\nreturn [m.a.n, r[i].a.n]", [2, 1]),
        ('set r = {"0": m}\nset m = r[0]\nset m.a.n = 2\nset r.x = 1\nreturn [m.a.n, r["0"].a.n]', [2, 1]),
        # names that hold a part of what is changed
        ("set r = m[k]\nset m[k].n = r.n + 1\nreturn [m.a.n, m.b.n]", [2, 5]),
        ("set r = m[k]\nset s = r\nset m[k].n = r.n + 1\nreturn [m.a.n, s.n]", [2, 1]),
        ("set old = m\nset r = m[k]\nset m[k].n = r.n + 1\nreturn [m.a.n, old.a.n]", [2, 1]),
        ("set r = m[k]\nset x = r.n\nset m = count(m, k)\nreturn [m.a.n, x]", [2, 1]),
        ("set r = m[k]\nset m = count(m, k)\nreturn [m.a.n, r.n]", [2, 1]),
        ("set r = m[k]\nset r.n = 7\nset m = count(m, k)\nreturn [m.a.n, r.n]", [2, 7]),
        # keys that are in what is changed
        ("set w = [m, k, 0]\nset r = w[0][w[1]]\nset r.n = 2\nset w[0][w[1]] = r\nreturn [w[0].a.n, m.a.n]", [2, 1]),
        ('set m.k = "a"\nset r = m[m.k]\nset r.n = 2\nset m[m.k] = r\nreturn [m.a.n, m.b.n]', [2, 5]),
        (
            'set w = [m, k]\nset r = w[0][w[1]]\nset r.n = 2\nset w[1] = "b"\nset w[0][w[1]] = r\nreturn w[0].a.n',
            1,
        ),
        (
            'set w = {"m": {"1": {"n": 3}}, "k": 1}\nset r = w.m[w.k]\nset r.n = 2\nset w.m[w.k] = r\nreturn w.m',
            {"1": {"n": 2}},
        ),
        # arguments that read what the item is in
        ("set r = m[k]\nset r = push(r, m[k].n)\nset m[k] = r\nreturn m.a.list", [1, 1]),
        ("set r = m[k]\nset r = push(r, m[k].list)\nset m[k] = r\nreturn m.a.list", [1, [1]]),
        ("set r = m[k]\nset r = push(x: m.a.n, r: r)\nset m[k] = r\nreturn m.a.list", [1, 1]),
        ("set r = m[k]\nset r = push(r, r)\nset m[k] = r\nreturn m.a.list[1].n", 1),
        ("set old = m\nset r = m[k]\nset r = push(r, m.b.n)\nset m[k] = r\nreturn [old.a.n, m.a.n]", [1, 2]),
        ("set xs = [[1], [2]]\nset x = xs[1]\nset x[1] = 3\nset xs[1] = x\nreturn xs", [[1], [2, 3]]),
        ("set xs = [[1]]\nset i = true\nset x = xs[0]\nset x[1] = 3\nset xs[0] = x\nreturn xs", [[1, 3]]),
        (
            'set n = 7\nset m = {}\nset m[n] = {"x": 1}\nset r = m[n]\nset r.x = 2\nset m[n] = r\nreturn m',
            {"7": {"x": 2}},
        ),
        ("set m[m.b.n] = m[m.b.n]\nreturn m[5]", None),
        ("set m.b.list[m.a.n] = 4\nreturn m.b.list", [None, 4]),
        ('set c = {"a": 1}\nset w = ["a", "b"]\nset c[w[0]] = c[w[0]] + 1\nreturn c', {"a": 2}),
        ("set xs = [1, 2]\nset i = 0\nset xs[i + 1] = xs[i + 1] + 5\nreturn xs", [1, 7]),
    ],
)
def test_values_are_nobody_elses(body: str, result: object) -> None:
    outcome = run(START + body, more=PUSH)
    assert outcome.error is None
    assert outcome.result == result


@pytest.mark.parametrize(
    ("body", "code", "line", "column"),
    [
        ("set r = m[k]\nset r.n = r.n + nil\nset m[k] = r", 7, 5, 17),
        ("set r = m.x\nset r.n = r.n + 1\nset m.x = r", 7, 5, 13),
        ("set xs = [[1]]\nset r = xs[3]\nset r[0] = 1\nset xs[3] = r", 8, 5, 11),
        ("set xs = [[1]]\nset i = 0 - 1\nset r = xs[0]\nset r[0] = 2\nset xs[i] = r", 8, 8, 7),
        ("set m[m.x.y] = m[m.x.y] + 1", 7, 4, 20),
        ("set m[m.b.n] = m[m.b.n] + 1", 7, 4, 27),
        ("set m.x[k.z] = m.x[k.z] + 1", 7, 4, 22),
        ("set m.a[k] = m.a[k] + m", 7, 4, 23),
        ("set m.x.y = push(m.x.y, 1)", 7, 4, 20),
        ("set a, b, c = push_and_tell(m[k], 1)\nset m[k] = a", 36, 4, 3),
        ("set r = m[k]\nset r = push(r, m.x.n)\nset m[k] = r", 7, 5, 19),
        ("set r = m[k]\nset r = push(m.x.n, r)\nset m[k] = r", 7, 5, 16),
        ("set r = m[k]\nset m[k].n = r.n + nil", 7, 5, 20),
        ("set r = m.x\nset m[k].n = r.n + nil", 7, 5, 16),
        ('set w = {"m": m, "k": nil}\nset r = w.m.a\nset r.n = 1\nset w.m[w.k] = r', 7, 7, 7),
        ("set m[k], b, c = push_and_tell(m[k], 1)", 36, 4, 3),
        ("set k, m[k] = push_and_tell(m[k], 1)", 7, 4, 10),
    ],
)
def test_errors_are_those_of_the_plain_way(body: str, code: int, line: int, column: int) -> None:
    outcome = run(START + body, more=PUSH)
    assert (outcome.code, outcome.place) == (code, (line, column))


def test_a_caller_with_a_handler_keeps_what_it_had() -> None:
    body = (
        "on error do\nset failed = system_error_message\nclear_error\nendon\n"
        'set all = {"a": {"n": 1}}\nset k = "a"\nset all = push_or_fail(all, k)\nset all = push_or_fail(all, k)\n'
        "return [all, failed]"
    )
    assert run(body, more=PUSH).result == [{"a": {"n": 2}}, "three"]


def test_steps_are_the_same() -> None:
    body = START + "set i = 0\nwhile i < 5\nset r = m[k]\nset m[k] = push(r, r.n)\nset i = i + 1\nendwhile\nreturn i"
    # one of the run, six tests, five calls
    steps = next(steps for steps in range(50) if run(body, more=PUSH, limits={"max_steps": steps}).error is None)
    assert steps == 12


@pytest.mark.parametrize(
    ("value", "text", "equal"),
    [
        ('"x"', "x", True), ('"y"', "x", False), ("1", "x", False), ("1", "1", True), ("1.0", "1", True),
        ("1", "1x", False), ("true", "true", False), ("nil", "nil", False), ("nil", "", False), ('""', "", True),
        ("0", "", False), ("[]", "", False), ('["x"]', "x", False), ("{}", "{}", False), ("push", "push", False),
        ('tool.error.New(1, "x")', "x", False), ('tool.time.Now()', "x", False), ('tool.str.ToUpper("x")', "X", True),
        ("2", " 2 ", True), ("2", "2.0", True), ("2", "nan", False),
    ],
)  # fmt: skip
def test_a_literal_string_equals_what_it_equals_as_a_variable(value: str, text: str, equal: bool) -> None:
    body = f'set v = {value}\nset t = "{text}"\nreturn [v == "{text}", v != "{text}", v == t, a == t, a == "{text}"]'
    outcome = run(body, more=PUSH)
    assert outcome.result == [equal, not equal, equal, False, False]


def test_a_word_is_compared_with_what_is_not_set() -> None:
    assert run('return ["x" == unset, unset == "x", typeof a == unset, unset != "x"]').result == [
        False,
        False,
        False,
        True,
    ]
    assert (
        run("return [typeof a == TYPE_NUMBER, typeof unset == TYPE_NIL, typeof a == typeof b]", 1, 2).result
        == [True] * 3
    )


def test_a_map_that_is_set_keeps_its_shape() -> None:
    """The literal of another procedure tells the types of what a loop stores in and passes on."""
    source = """
func step(needs m) means
  set m.pc = m.pc + 1
  return m
endfunc
func main() means
  set m = {"pc": 0, "all": []}
  set i = 0
  while i < 3
    set m.pc = 0
    set m = step(m)
    set i = i + 1
  endwhile
  return m.pc
endfunc
"""
    assert "_get" not in mentioned(source, "p_main")
    with Interpreter(plugins=False) as interpreter:
        interpreter.load(source)
        assert interpreter.run("main") == 1


def test_a_map_that_may_not_be_set_has_no_shape_of_its_own() -> None:
    body = 'if a\nset m = {"pc": 0, "all": 1}\nendif\nset m.pc = 2\nreturn m'
    assert run(body, True).result == {"pc": 2, "all": 1}
    assert run(body, False).result == {"pc": 2}


def test_several_targets_take_a_list_of_their_number() -> None:
    body = "set x, y = a\nreturn [x, y]"
    assert run(body, [1, 2]).result == [1, 2]
    assert [run(body, value).code for value in ([1], [1, 2, 3], "ab", None)] == [36, 36, 7, 7]


def test_an_argument_of_a_type_that_is_not_known_is_tested_where_the_call_stands() -> None:
    source = """
func area(needs shape) means
  if shape.kind == "group"
    set total = 0
    for each child in shape.children
      set total = total + area(child)
    endfor
    return total
  endif
  return shape.size
endfunc
func main(needs shapes) means
  set sizes = []
  on error do
    set sizes = sizes + [system_error_code, system_error.procedure, len(system_error.stack)]
    clear_error
  endon
  for each shape in shapes
    set sizes = sizes + [area(shape)]
  endfor
  return sizes
endfunc
"""
    group = {"kind": "group", "children": [{"kind": "box", "size": 3}, {"kind": "box", "size": 4}]}
    with Interpreter(plugins=False) as interpreter:
        interpreter.load(source)
        assert interpreter.run("main", [group, {"kind": "group", "children": [group, group]}]) == [7, 14]
        broken = [{"kind": "group", "children": [group, 5]}, 5, group]
        assert interpreter.run("main", broken) == [7, "area", 3, 7, "area", 2, 7]
