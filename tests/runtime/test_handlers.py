"""Error handlers: what they cover, what they see, and where execution goes on."""

from __future__ import annotations

import pickle
from typing import Any

import pytest

from neuroscript import ErrorCode, Interpreter, NeuroScriptError
from tests.compiler.support import procedure, run

CLEAR = "on error do\n  emit system_error_code\n  clear_error\nendon\n"


@pytest.mark.parametrize(
    ("text", "emitted"),
    [
        ("set x = 1 / 0\nemit 1", [14, 1]),
        ("if 1 / 0\n  emit 1\nelse\n  emit 2\nendif\nemit 3", [14, 3]),
        ("if false\nelse if 1 / 0\n  emit 1\nelse if true\n  emit 2\nelse\n  emit 4\nendif\nemit 3", [14, 3]),
        ("if true\n  set x = 1 / 0\n  emit 1\nendif", [14, 1]),
        ("while 1 / 0\n  emit 1\nendwhile\nemit 2", [14, 2]),
        ("set i = 0\nwhile i < 2\n  set i = i + 1\n  call nothing()\n  emit i\nendwhile", [2, 1, 2, 2]),
        ("for each x in 5\n  emit 1\nendfor\nemit 2", [7, 2]),
        ("for each x in [1, 2]\n  set y = [x][1]\n  emit x\nendfor", [8, 1, 8, 2]),
        ("return 1 / 0\nemit 1", [14, 1]),
        ("emit 1 / 0\nemit 1", [14, 1]),
        ("must false\nemit 1", [5, 1]),
        ('fail "x"\nemit 1', [1, 1]),
        ("call inner()\nemit 1", [8, 1]),
        ("set a, b = [1]\nemit typeof a", [36, "nil"]),
        ("set a, b[nil] = [1, 2]\nemit a", [7, 1]),
        ("set x = 1 / 0\nemit typeof x", [14, "nil"]),
        ("set x = 5\nset x = 1 / 0\nemit x", [14, 5]),
        ("set m = {}\nset m.a[1 / 0] = 1\nemit m", [14, {}]),
        ('set s = "a"\nset s = s + [1][1]\nemit s', [8, "a"]),
        ("set xs = [1]\nset xs = tool.list.Append(xs, [1][1])\nemit xs", [8, [1]]),
        ("set xs = 5\nset xs = tool.list.Append(xs, 1)\nemit xs", [4, 5]),
        ("whisper unset, 1\nemit 1", [9, 1]),
        ('ask "x"\nemit 1', [18, 1]),
        ('promptuser "x" into y\nemit typeof y', [18, "nil"]),
        ("clear event 5\nemit 1", [7, 1]),
        ("on event 5 do\nendon\nemit 1", [7, 1]),
    ],
)
def test_execution_goes_on_after_the_failing_statement(text: str, emitted: list[Any]) -> None:
    outcome = run(CLEAR + text, more="func inner means\n  return [1][1]\nendfunc\n")
    assert (outcome.code, outcome.emitted) == (0, emitted), outcome.error


def test_the_nearest_handler_above_holds_or_the_first() -> None:
    text = """
set a = 1 / 0
on error do
  emit "first"
  clear_error
endon
set b = 1 / 0
if true
  on error do
    emit "second"
    clear_error
  endon
  set c = 1 / 0
endif
set d = 1 / 0
"""
    assert run(text).emitted == ["first", "first", "second", "second"]


def test_a_handler_runs_once_for_the_innermost_statement() -> None:
    loops = "for each x in [1]\n  while true\n    if true\n{}      break\n    endif\n  endwhile\nendfor\nemit 1"
    text = CLEAR + loops.format("      set y = 1 / 0\n")
    assert run(text).emitted == [14, 1]


def test_without_clear_error_the_error_goes_on() -> None:
    outcome = run('on error do\n  emit "seen"\nendon\nset x = 1 / 0\nemit "never"')
    assert (outcome.emitted, outcome.code, outcome.place) == (["seen"], 14, (5, 13))


def test_what_a_handler_sees() -> None:
    seen = "[system_error_message, system_error_code, system_error]"
    text = f"on error do\n  emit {seen}\n  clear_error\nendon\ncall inner()\nemit system_error_code"
    outcome = run(text, more="func inner means\n  return 1 / 0\nendfunc\n")
    message, code, fields = outcome.emitted[0]
    assert (message, code) == ("division by zero", 14)
    assert fields == {
        "code": 14,
        "message": "division by zero",
        "line": 10,
        "column": 12,
        "procedure": "inner",
        "stack": ["inner (main.ns:10:12)", "main (main.ns:6:8)"],
    }
    assert outcome.emitted[1] == 14


def test_a_handler_shares_the_variables() -> None:
    text = (
        "set n = 0\nset xs = [1]\non error do\n  set n = n + 1\n  set xs[n] = n\n  set new = n\n  clear_error\nendon\n"
    )
    text += "set ys = xs\nset a = 1 / 0\nset b = 1 / 0\nreturn [n, xs, ys, new]"
    assert run(text).result == [2, [1, 1, 2], [1], 2]


def test_a_condition_that_failed_sets_nothing() -> None:
    text = CLEAR + "if 1 / 0\n  set x = 1\nelse\n  set x = 2\nendif\nemit typeof x\nemit x"
    assert run(text).emitted == [14, "nil", 9]


def test_variables_set_before_the_failure_are_set() -> None:
    text = CLEAR + "set x = 1\nset y = x\nset z = []\nset w = 1 / 0\nemit [x, y, z, typeof w]"
    assert run(text).emitted == [14, [1, 1, [], "nil"]]


def test_an_error_in_a_handler_takes_its_place() -> None:
    outcome = run("on error do\n  clear_error\n  set x = [1][1]\nendon\nset y = 1 / 0")
    assert (outcome.code, outcome.place) == (8, (4, 13))
    assert outcome.error is not None
    assert isinstance(outcome.error.__cause__, NeuroScriptError)
    assert outcome.error.__cause__.code == 14


def test_the_error_itself_may_be_raised_again() -> None:
    text = "on error do\n  fail tool.error.New(system_error_code, system_error_message)\nendon\nset x = 1 / 0"
    outcome = run(text)
    assert (outcome.code, outcome.place) == (14, (3, 5))


def test_handlers_in_loops_keep_lists_unshared() -> None:
    text = CLEAR + "set xs = []\nfor each x in [1, 0, 2]\n  set xs = tool.list.Append(xs, 4 / x)\nendfor\nreturn xs"
    assert run(text).result == [4, 2]


def test_a_handler_that_recurses_is_each_calls_own() -> None:
    text = "on error do\n  emit a\n  clear_error\nendon\nif a > 0\n  call main(a - 1)\nendif\nset x = 1 / 0\nreturn a"
    outcome = run(text, 2)
    assert (outcome.emitted, outcome.result) == ([0, 1, 2], 2)


@pytest.mark.parametrize("code", [ErrorCode.RESOURCE_EXHAUSTION, ErrorCode.NESTING_DEPTH_EXCEEDED, ErrorCode.CANCELLED])
def test_limits_pass_by(code: ErrorCode) -> None:
    def stop(x: int) -> int:
        raise NeuroScriptError(code, "stop")

    emitted: list[Any] = []
    with Interpreter(plugins=False, emit=emitted.append) as interpreter:
        interpreter.tool("host.Stop")(stop)
        interpreter.load(procedure(CLEAR + "call tool.host.Stop(1)"))
        with pytest.raises(NeuroScriptError, match="stop") as raised:
            interpreter.run("main")
    assert (raised.value.code, emitted) == (code, [])


@pytest.mark.parametrize(
    ("text", "code", "line"),
    [
        ("on error do\n  on error do\n  endon\nendon", 15, 3),
        ("on error do\n  break\nendon", 39, 3),
        ("clear_error", 13, 2),
        ("on error do\n  while true\n    continue\n  endwhile\n  continue\nendon", 39, 6),
        ("on error do\n  while true\n    break\n  endwhile\nendon\ncontinue", 39, 7),
    ],
)
def test_what_may_not_stand_there_is_found_at_load(text: str, code: int, line: int) -> None:
    outcome = run(text)
    assert (outcome.code, outcome.place[0]) == (code, line)


def deep(count: int, inside: str) -> str:
    """Statements in so many loops of one turn inside one another."""
    return "".join(f"for each d{n} in [1]\n" for n in range(count)) + inside + "endfor\n" * count


@pytest.mark.parametrize("depth", [0, 1, 14, 15, 16, 17, 18, 31, 32, 33])
@pytest.mark.parametrize(
    ("failing", "emitted"),
    [
        ("emit 1 / x", {"break": ["again"], "continue": ["again", "again"]}),
        ("if 1 / x\nendif", {"break": ["again"], "continue": ["again", "again"]}),
        ("while 1 / x\nbreak\nendwhile", {"break": ["again"], "continue": ["again", "again"]}),
        ("for each y in [1 / x]\nendfor", {"break": ["again"], "continue": ["again", "again"]}),
        ("return 1 / x", {"break": ["again"], "continue": ["again", "again"]}),
    ],
)
@pytest.mark.parametrize("jump", ["break", "continue"])
def test_a_handler_leaves_the_innermost_loop_around_what_failed(
    depth: int, failing: str, emitted: dict[str, list[str]], jump: str
) -> None:
    loop = f'for each x in [0, 0]\nemit "again"\n{failing}\nemit "not reached"\nendfor\nemit "after"\n'
    outcome = run(f"on error do\n{jump}\nendon\n{deep(depth, loop)}")
    assert (outcome.code, outcome.emitted) == (0, [*emitted[jump], "after"]), outcome.error


@pytest.mark.parametrize("depth", [0, 1, 15, 16, 17, 33])
@pytest.mark.parametrize(
    "failing", ["emit 1 / 0", "while 1 / 0\nendwhile", "for each y in 5\nendfor", "if [][0]\nendif"]
)
def test_a_handler_returns_from_its_body(depth: int, failing: str) -> None:
    handler = f"on error do\n{deep(depth, 'return [system_error_code]' + chr(10))}endon\n"
    for inside in (0, depth):
        outcome = run(handler + deep(inside, failing + "\nemit 1\n") + "emit 2")
        assert (outcome.code, outcome.emitted) == (0, []), outcome.error
        assert outcome.result in ([14], [7], [8])


def test_a_handler_returns_as_many_values_as_are_declared() -> None:
    source = "func main(needs n returns a, b) means\non error do\n{}\nendon\nreturn 1 / n, 2\nendfunc\n"
    with Interpreter(plugins=False) as interpreter:
        interpreter.load(source.format("return 3, 4"))
        assert (interpreter.run("main", 1), interpreter.run("main", 0)) == ([1, 2], [3, 4])
    with Interpreter(plugins=False) as interpreter:
        interpreter.load(source.format("return 3"))
        with pytest.raises(NeuroScriptError) as raised:
            interpreter.run("main", 0)
    assert (raised.value.code, raised.value.line) == (ErrorCode.RETURN_VIOLATION, 3)
    assert isinstance(raised.value.__cause__, NeuroScriptError)
    assert raised.value.__cause__.code == ErrorCode.DIVISION_BY_ZERO


def test_a_handler_of_an_event_handler_returns_too() -> None:
    emitted: list[Any] = []
    failures: list[Any] = []
    with Interpreter(plugins=False, emit=emitted.append, on_error=lambda *args: failures.append(args)) as interpreter:
        interpreter.load('on event "e" as x\non error do\nemit 1\nreturn\nendon\nemit 1 / 0\nemit 2\nendevent\n')
        interpreter.emit_event("e")
    assert (emitted, failures) == ([1], [])


def test_both_spellings_and_command_blocks() -> None:
    emitted: list[Any] = []
    with Interpreter(plugins=False, emit=emitted.append) as interpreter:
        interpreter.execute(
            "command\n  on_error means\n    emit 1\n    clear_error\n  endon\n  set x = 1 / 0\n  emit 2\nendcommand\n"
        )
    assert emitted == [1, 2]


def test_the_place_of_an_error_is_that_of_the_failure_whenever_it_is_read() -> None:
    source = """
func inner(needs x) means
  return 1 / x
endfunc
func outer(needs x) means
  return inner(x)
endfunc
func main() means
  set kept = []
  for each x in [0, 1, 0]
    set kept = tool.list.Append(kept, tool.error.Try(outer, x))
  endfor
  set first = kept[0]
  return [first.code, first.line, first.column, first.procedure, first.stack, kept[2].line, kept[1]]
endfunc
"""
    with Interpreter(plugins=False) as interpreter:
        interpreter.load(source, "t.ns")
        code, line, column, procedure, stack, other, value = interpreter.run("main")
    assert (code, line, column, procedure, other, value) == (14, 3, 12, "inner", 3, 1)
    assert stack == ["inner (t.ns:3:12)", "outer (t.ns:6:10)", "main (t.ns:11:39)"]


def test_an_error_is_pickled_with_its_place() -> None:
    with Interpreter(plugins=False) as interpreter:
        interpreter.load("func main() means\n  return 1 / 0\nendfunc\n", "t.ns")
        with pytest.raises(NeuroScriptError) as caught:
            interpreter.run("main")
    again = pickle.loads(pickle.dumps(caught.value))
    assert (again.file, again.line, again.column) == ("t.ns", 2, 12)
    assert again.stack == caught.value.stack != ()
