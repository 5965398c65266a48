"""Errors are placed by line and column, where the failing part of an expression stands, with the script's stack."""

from __future__ import annotations

from typing import Any

import pytest

from neuroscript import Interpreter, Limits, NeuroScriptError, NeuroScriptSyntaxError

from .support import procedure, run


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("set x = 1 + 2 / 0", (2, 17)),
        ("set x = [1,\n  2 - nil,\n  3]", (3, 7)),
        ('set x = {"a": 1,\n "b": a.c.d}', (3, 9)),
        ("set x = 1 + \\\n  unset", (3, 5)),
        ("emit unset", (2, 8)),
        ("emit 5[1]", (2, 8)),
        ("emit [1][4]", (2, 8)),
        ("set x = tool.str.ToUpper(5)", (2, 11)),
        ("set x = tool.str.ToUpper(\n  [1][2])", (3, 5)),
        ("set x = 5\nset x = tool.list.Append(x, 1)", (3, 11)),
        ("set m.x = 5\nset m.x = tool.list.Append(m.x, 1)", (3, 13)),
        ("call missing(1)", (2, 8)),
        ("set x = 1 +\\\n  main(\n    1, 2, 3)", (3, 5)),
        ("must 1 > 2", (2, 8)),
        ("fail [1][1]", (2, 8)),
        ('fail "x"', (2, 3)),
        ("if 1 < nil\nendif", (2, 8)),
        ("if false\nelse if 1 < nil\nendif", (3, 13)),
        ("while [1] > 2\nendwhile", (2, 13)),
        ("for each x in 5\nendfor", (2, 17)),
        ("set a.b.c = [1][1]", (2, 15)),
        ("set q = 5\nset q.x = 1", (3, 7)),
        ('set q["a"][nil] = 1', (2, 7)),
        ("set m, k = [1]", (2, 3)),
        ("set x = -nil", (2, 11)),
        ("set x = not unset", (2, 15)),
        ("set x = ~1.5", (2, 11)),
        ("set x = 2 ** (1 / 0)", (2, 19)),
        ("set x = len(5)", (2, 11)),
        ("set x = (1 + 2) * (3 - [])", (2, 24)),
        ("return main(1 % 0)", (2, 17)),
        ("emit ```{{unset}}```", (2, 11)),
        ("set x = 1\nemit ```{{x}}\n é {{unset}} {{x}}```", (4, 6)),
        ("emit ```a\n{{ a.b.c }}```", (3, 3)),
        ('emit eval("é {{unset}}")', (2, 16)),
        ('emit eval("\\t{{unset}}")', (2, 13)),
        ("call tool.event.Emit(5)", (2, 8)),
        ("set LIMIT = 1", (2, 3)),
        ("clear event 5", (2, 3)),
        ("promptuser 1 into x", (2, 3)),
        ("set x = must nil", (2, 3)),
    ],
)
def test_the_place_of_an_error(text: str, place: tuple[int, int]) -> None:
    outcome = run(text, globals={"LIMIT": 3})
    assert outcome.error is not None
    assert (outcome.place, outcome.error.file) == (place, "main.ns"), outcome.error
    handled = run("on error do\n  emit [system_error.line, system_error.column]\nendon\n" + text, globals={"LIMIT": 3})
    assert handled.emitted == [[place[0] + 3, place[1]]]
    assert handled.place == (place[0] + 3, place[1])


LIBRARY = """func outer(needs x) means
  set y = 1
  return inner(
    x,
    y)
endfunc

func inner(needs x, y) means
  on error do
    set seen = system_error.stack
  endon
  for each z in [1]
    while true
      set q = tool.list.Map([x], third)
    endwhile
  endfor
endfunc
"""
THIRD = """func third(needs x) means
  if true
    return x /
  endif
endfunc
"""


def test_the_stack_names_procedures_files_and_lines() -> None:
    with Interpreter(plugins=False) as interpreter:
        interpreter.load(LIBRARY, "library.ns")
        interpreter.load(THIRD.replace("x /", "x / 0"), "third.ns")
        interpreter.load(procedure("return outer(5)"), "main.ns")
        with pytest.raises(NeuroScriptError) as raised:
            interpreter.run("main")
    assert [str(frame) for frame in raised.value.stack] == [
        "third (third.ns:3:14)",
        "inner (library.ns:14:15)",
        "outer (library.ns:3:10)",
        "main (main.ns:2:10)",
    ]
    assert (raised.value.file, raised.value.line, raised.value.column) == ("third.ns", 3, 14)


def test_a_recursion_is_on_the_stack_once_a_call() -> None:
    text = "if a == 0\n  return 1 / 0\nendif\nreturn main(a - 1)"
    error = run(text, 3).error
    assert error is not None
    assert [frame.line for frame in error.stack] == [3, 5, 5, 5]


def test_handlers_and_deep_loops_are_part_of_their_procedure() -> None:
    loops, ends = "while true\n" * 30, "endwhile\n" * 30
    text = f'on error do\n{loops}fail "again"\n{ends}endon\n{loops}fail 1\n{ends}'
    error = run(text).error
    assert error is not None
    assert [(frame.procedure, frame.line) for frame in error.stack] == [("main", 33)]
    assert isinstance(error.__cause__, NeuroScriptError)
    assert error.__cause__.line == 95


def test_event_handlers_commands_and_loads_have_names() -> None:
    failed: list[NeuroScriptError] = []
    with Interpreter(plugins=False, on_error=failed.append) as interpreter:
        interpreter.load(
            'on event "e" do\n  fail "x"\nendon\nfunc main means\n  call tool.event.Emit("e")\nendfunc\n', "e.ns"
        )
        interpreter.run("main")
        interpreter.emit_event("e")
        with pytest.raises(NeuroScriptError) as command:
            interpreter.execute("command\nendcommand\ncommand\n  fail 1\nendcommand\n", "c.ns")
        with pytest.raises(NeuroScriptError) as load:
            interpreter.load("on event 1 / 0 do\nendon\n", "l.ns")
    assert [str(frame) for frame in failed[0].stack] == ["event handler (e.ns:2:3)", "main (e.ns:5:8)"]
    assert [str(frame) for frame in failed[1].stack] == ["event handler (e.ns:2:3)"]
    assert [str(frame) for frame in command.value.stack] == ["command (c.ns:4:3)"]
    assert [str(frame) for frame in load.value.stack] == ["load (l.ns:1:12)"]


def test_an_error_in_loaded_text_is_placed_there() -> None:
    with Interpreter(plugins=False) as interpreter:
        text = 'call tool.script.LoadScript("func f means\\n  return 1 / 0\\nendfunc\\n", "inner.ns")\nreturn f()'
        interpreter.load(procedure(text), "main.ns")
        with pytest.raises(NeuroScriptError) as raised:
            interpreter.run("main")
        assert [str(frame) for frame in raised.value.stack] == ["f (inner.ns:2:12)", "main (main.ns:3:10)"]
        interpreter.load(
            procedure('call tool.script.LoadScript("func g means\\n  set = 1\\nendfunc\\n", "bad.ns")', "second"),
            "main.ns",
        )
        with pytest.raises(NeuroScriptSyntaxError) as syntax:
            interpreter.run("second")
    assert syntax.value.location == "bad.ns:2:7"
    assert [str(frame) for frame in syntax.value.stack] == ["second (main.ns:2:8)"]


def test_an_error_through_the_host_keeps_its_place_and_the_whole_stack() -> None:
    with Interpreter(plugins=False) as interpreter:

        @interpreter.tool("host.Run")
        def through(name: str) -> Any:
            return interpreter.run(name)

        interpreter.load(procedure('return tool.host.Run("inner")') + procedure("return 1 / 0", "inner"), "main.ns")
        with pytest.raises(NeuroScriptError) as raised:
            interpreter.run("main")
    assert [str(frame) for frame in raised.value.stack] == ["inner (main.ns:5:12)", "main (main.ns:2:10)"]


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_every_kind_of_newline_counts_once(newline: str) -> None:
    source = newline.join(["func main means", "  set x = '''a", "b'''", "  return 1 +\\", "    x /", ""]).replace(
        "x /", "x / 0"
    )
    with Interpreter(plugins=False) as interpreter:
        interpreter.load(source + "endfunc")
        with pytest.raises(NeuroScriptError) as raised:
            interpreter.run("main")
    assert (raised.value.line, raised.value.column) == (5, 7)


def test_columns_count_characters() -> None:
    outcome = run('set x = "😀é" + [1][1]')
    assert outcome.place == (2, 18)


# A procedure called with whole numbers runs its specialised body, and with doubles the general one.
RECURSION = """func outer(needs n) means
  set x = inner(n,
    n)
  return x
endfunc

func inner(needs n, k) means
  if n < 1
    {failing}
  endif
  set y = 1 + \\
    inner(n - 1, k)
  return y
endfunc
"""


@pytest.mark.parametrize(
    ("failing", "column"),
    [
        ("return k / (n - n)", 14),
        ("return 2 + k % (n * 0)", 18),
        ("return n + unset", 16),
        ("return n < [k]", 14),
        ("set n = n + [k]", 15),
        ("return -[]", 12),
        ("must n > 5", 10),
        ("fail 1", 5),
        ("return inner(1)", 12),
        ("return inner(n, m: k)", 12),
        ("return 1 + missing(n)", 16),
        ("set i = 0\n    while i < n\n      set i = i + 1\n    endwhile\n    return n + [i]", 14),
    ],
)
def test_either_version_of_a_procedure_fails_at_the_same_place(failing: str, column: int) -> None:
    stacks = []
    with Interpreter(plugins=False) as interpreter:
        interpreter.load(RECURSION.format(failing=failing), "x.ns")
        interpreter.loader.compile_all()
        assert "t1_inner" in interpreter.runtime.namespace
        for argument in (2, 2.0):
            with pytest.raises(NeuroScriptError) as raised:
                interpreter.run("outer", argument)
            stacks.append([str(frame) for frame in raised.value.stack])
            assert (raised.value.line, raised.value.column) == (9 + failing.count("\n"), column)
    shift = failing.count("\n")
    calls = [f"inner (x.ns:{12 + shift}:5)"] * 2
    assert stacks[0] == [f"inner (x.ns:{9 + shift}:{column})", *calls, "outer (x.ns:2:11)"]
    assert stacks[1] == stacks[0]


@pytest.mark.parametrize("argument", [5, 5.0])
def test_too_deep_a_call_is_reported_where_it_is_made(argument: float) -> None:
    limits = Limits(max_depth=4)
    with Interpreter(plugins=False, limits=limits) as interpreter:
        interpreter.load(RECURSION.format(failing="return n"), "x.ns")
        with pytest.raises(NeuroScriptError, match="more than 4 deep") as raised:
            interpreter.run("outer", argument)
        assert [str(frame) for frame in raised.value.stack] == ["inner (x.ns:12:5)"] * 3 + ["outer (x.ns:2:11)"]
        assert interpreter.run("outer", argument - 3) == 2


@pytest.mark.parametrize(
    ("loop", "place"),
    [
        ("while i < a\n  set i = i + 1\nendwhile", (3, 11)),
        ("while i <= len(a)\n  set i = i + 1\nendwhile", (3, 14)),
        ("while i > a\n  set i = i - 2\nendwhile", (3, 11)),
        ("while i <\\\n a\n  set i = i + 1\nendwhile", (3, 11)),
        ("while i < 3\n  set x = 1 / (i - 2)\n  set i = i + 1\nendwhile", (4, 15)),
        ("while i < 3\n  set x = [1][i]\n  set i = i + 1\nendwhile", (4, 13)),
        ("while i < 3\n  set xs[1 - i] = i\n  set i = i + 1\nendwhile", (4, 9)),
        ("while i < 3\n  while i < a\n    set i = i + 1\n  endwhile\n  set i = i + 1\nendwhile", (4, 13)),
        ("while i < 3\n  set j = 0\n  while j < a\n    set j = j + 1\n  endwhile\n  set i = i + 1\nendwhile", (5, 13)),
        ("while unset < 3\n  set unset = unset + 1\nendwhile", (3, 9)),
        ("while i < unset\n  set i = i + 1\nendwhile", (3, 13)),
    ],
)
def test_the_place_of_an_error_in_a_loop_that_counts(loop: str, place: tuple[int, int]) -> None:
    outcome = run("set i = 0\n" + loop, True)
    assert outcome.error is not None
    assert outcome.place == place
    # Under an error handler it is no loop that counts.
    assert run("on error do\nendon\nset i = 0\n" + loop, True).place == (place[0] + 2, place[1])
