"""Error handlers that end their body, or leave a loop: one ``try`` around what they cover, and nothing else changes."""

from __future__ import annotations

import pytest

from tests.compiler.support import mentioned, procedure, run

ENDING = "on error do\n  {}\nendon\n"
FAILS = "set xs = [1, 2, 3]\nset i = 0\nwhile i < len(xs)\n"
FAILS += "  set sum = 10 / (xs[i] - 2)\n  set i = i + 1\nendwhile\nreturn i"


@pytest.mark.parametrize(
    ("handler", "result", "code"),
    [
        ("clear_error\n  return [i, sum, xs]", [1, -10, [1, 2, 3]], 0),
        ("return i", 1, 0),
        ("clear_error\n  if i == 1\n    return i\n  else\n    fail i\n  endif", 1, 0),
        ("set i = i + 10\n  clear_error\n  return i", 11, 0),
        ("set xs[0] = i\n  return xs", [1, 2, 3], 0),
        ("emit i", None, 14),
        ("clear_error\n  fail i", None, 1),
        ("clear_error\n  return missing", None, 9),
        ("return unset", None, 9),
        ("return system_error.line", 8, 0),
        ("return [system_error_code, system_error.procedure]", [14, "main"], 0),
        ("clear_error\n  break", 1, 0),
    ],
)
def test_a_handler_sees_what_the_variables_held(handler: str, result: object, code: int) -> None:
    outcome = run(ENDING.format(handler) + FAILS)
    assert (outcome.result, outcome.code) == (result, code)


def test_a_handler_with_continue_goes_on_with_the_next_turn() -> None:
    text = ENDING.format("set bad = bad + 1\n  clear_error\n  continue")
    text += "set bad = 0\nset out = []\nfor each x in [1, 0, 2, 0]\n  set out = tool.list.Append(out, 2 / x)\nendfor\n"
    assert run(text + "return [bad, out]").result == [2, [2, 1]]


def test_a_handler_leaves_the_loop_around_a_condition_that_fails() -> None:
    text = ENDING.format("emit system_error.line\n  clear_error\n  break")
    text += (
        "set n = 0\nwhile n < 3\n  set n = n + 1\n  while 1 / (n - 2) < 0\n    break\n  endwhile\nendwhile\nreturn n"
    )
    outcome = run(text)
    assert (outcome.result, outcome.emitted) == (2, [10])


@pytest.mark.parametrize("ending", ["", "fail 3", "set y = nil.a", "break"])
def test_a_handler_runs_once_however_many_loops_are_around(ending: str) -> None:
    text = ENDING.format(
        f"emit n\n  if n > 2\n    {ending or 'emit 0'}\n  else\n    clear_error\n    continue\n  endif"
    )
    text += "set n = 0\nfor each a in [1, 2]\n  for each b in [1, 2]\n"
    text += "    set n = n + 1\n    set q = 1 / 0\n  endfor\nendfor"
    outcome = run(text)
    wanted = [1, 2, 3, *[0] * (not ending)]
    assert outcome.emitted == wanted
    assert outcome.code == {"": 14, "fail 3": 1, "set y = nil.a": 7, "break": 0}[ending]


def test_an_error_outside_of_loops_goes_on_though_the_handler_says_break() -> None:
    text = ENDING.format("emit n\n  clear_error\n  break") + "set n = 0\nwhile n < 1\n  set n = n + 1\nendwhile\nfail n"
    outcome = run(text)
    assert (outcome.code, outcome.emitted) == (1, [1])


def test_the_error_of_a_handler_has_the_old_one_as_its_cause() -> None:
    error = run(ENDING.format("fail 2") + "for each x in [1]\n  set y = 1 / 0\nendfor").error
    assert error is not None
    assert (int(error.code), error.line) == (1, 3)
    assert getattr(error.__cause__, "code", 0) == 14


def test_each_statement_has_the_nearest_handler_above_it() -> None:
    first, second = ENDING.format("return 1"), ENDING.format("return 2")
    assert run(f"set x = 1 / a\n{first}set y = 1 / b\n{second}return 1 / 0", 0, 1).result == 1
    assert run(f"set x = 1 / a\n{first}set y = 1 / b\n{second}return 1 / 0", 1, 0).result == 1
    assert run(f"set x = 1 / a\n{first}set y = 1 / b\n{second}return 1 / 0", 1, 1).result == 2


def test_what_a_handler_reads_is_not_let_go_of() -> None:
    more = procedure("set a[0] = b\nif b == 3\n  fail 3\nendif\nreturn a", "put")
    text = ENDING.format("return xs") + "set xs = [1]\nset xs = put(xs, 2)\nset xs = put(xs, 3)\nreturn 0"
    assert run(text, more=more).result == [2]


@pytest.mark.parametrize(
    ("handler", "counts"),
    [
        ("clear_error\n  return 1", True),
        ("emit 1", True),
        ("clear_error\n  break", True),
        ("clear_error\n  continue", False),
        ("set i = 3\n  clear_error\n  break", False),
        ("clear_error", False),
        ("if a\n    clear_error\n  endif", False),
    ],
)
def test_loops_count_where_execution_does_not_go_on(handler: str, counts: bool) -> None:
    text = ENDING.format(handler) + "set i = 0\nwhile i < 9\n  emit 1 / i\n  set i = i + 1\nendwhile"
    assert ("_range" in mentioned(procedure(text))) is counts


FAILURES = {
    "fail": "fail 'no'",
    "index": "set y = [1][a]",
    "nil": "set y = nil.a",
    "unset": "set y = b + missing",
    "tool": "call tool.str.Repeat('a', 0 - 1)",
    "own code": "must tool.error.New(1234, 'own')",
    "deep": "call deeper(2)",
    "again": "call again()",
}
DEEPER = "func deeper(needs n) means\n  if n == 0\n    return 1 / n\n  endif\n  return deeper(n - 1)\nendfunc\n"
DEEPER += "func again() means\n  on error do\n    emit system_error.line\n  endon\n  call deeper(1)\nendfunc\n"


@pytest.mark.parametrize("failure", FAILURES)
@pytest.mark.parametrize("field", ["code", "message", "line", "column", "procedure", "stack", "other"])
def test_a_field_of_an_error_is_the_same_where_it_is_all_that_is_read(field: str, failure: str) -> None:
    forms = (
        f"set e = 0\n  return [system_error.{field}, system_error['{field}']]",
        f"set e = system_error\n  return [e.{field}, e['{field}']]",
        f"set e = [system_error]\n  return [e[0].{field}, e[0].{field}]",  # which may show all of them
    )
    seen = [run(ENDING.format(form) + FAILURES[failure], 3, more=DEEPER) for form in forms]
    assert seen[0].result[0] is not None or field == "other"
    assert all((it.result, it.emitted) == (seen[2].result, seen[2].emitted) for it in seen)


@pytest.mark.parametrize("then", ["set e.code = 5", "set e = {'more': 1}", "for each e in [e]\n  endfor", "emit [e]"])
def test_another_name_of_an_error_holds_all_its_fields_where_it_may_be_seen(then: str) -> None:
    handler = f"set e = system_error\n  {then}\n  return [e.code, e.more, len(e)]"
    fields = {"set e.code = 5": [5, None, 6], "set e = {'more': 1}": [None, 1, 1]}
    assert run(ENDING.format(handler) + "fail 'no'").result == fields.get(then, [1, None, 6])


@pytest.mark.parametrize(
    "handler", ["continue", "clear_error\n  break", "emit system_error.line\n  return n", "emit 0"]
)
@pytest.mark.parametrize("outside", ["", "fail n"])
def test_one_handler_covers_the_body_wherever_it_stands(handler: str, outside: str) -> None:
    loop = "{}set n = 0\nfor each x in [2, 0, 1, 0]\n  {}set n = n + 6 / x\nendfor\n" + f"{outside}\nreturn n"
    comment = "# " + "\n# ".join(ENDING.format(handler).splitlines()) + "\n"
    seen = [
        run(loop.format(*places)) for places in ((ENDING.format(handler), comment), (comment, ENDING.format(handler)))
    ]
    assert [(it.result, it.code) for it in seen] == [(seen[0].result, seen[0].code)] * 2
    assert len(seen[0].emitted) == len(seen[1].emitted)
