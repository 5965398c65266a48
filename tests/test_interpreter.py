"""The interpreter as a host uses it: loading, running, and the values that go in and come out."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest

from neuroscript import (
    ArgumentError,
    ErrorValue,
    EventValue,
    Interpreter,
    LimitError,
    Limits,
    NeuroScriptError,
    NeuroScriptSyntaxError,
    NotFoundError,
    ToolContext,
    ToolRegistry,
)

from .compiler.support import procedure

GREET = """:: title: greetings

func greet(needs name optional greeting returns text) means
  :: description: says hello
  if greeting == nil
    set greeting = "Hello"
  endif
  return greeting + ", " + name
endfunc
"""


@pytest.fixture
def interpreter() -> Interpreter:
    return Interpreter(plugins=False, emit=lambda value: None)


# --- running ---------------------------------------------------------------------------------------------------------


def test_a_procedure_is_called_with_python_values(interpreter: Interpreter) -> None:
    assert interpreter.load(GREET, name="greet.ns") == ["greet"]
    assert interpreter.run("greet", "you") == "Hello, you"
    assert interpreter.run("greet", "you", "Hi") == "Hi, you"
    assert interpreter.run("greet", greeting="Hi", name="you") == "Hi, you"


@pytest.mark.parametrize(
    ("args", "named", "message"),
    [
        ((), {}, r"greet\(\) needs 'name'; it is greet\(name, greeting\?\)"),
        ((1, 2, 3), {}, r"takes at most 2 arguments, not 3"),
        ((1,), {"name": 2}, r"gets 'name' twice"),
        ((1,), {"nam": 2}, r"has no parameter 'nam'"),
    ],
)
def test_wrong_arguments_are_refused_with_the_signature(
    interpreter: Interpreter, args: tuple[Any, ...], named: dict[str, Any], message: str
) -> None:
    interpreter.load(GREET, name="greet.ns")
    with pytest.raises(ArgumentError, match=message) as raised:
        interpreter.run("greet", *args, **named)
    assert (raised.value.code, raised.value.location) == (4, "greet.ns:3:1")


def test_a_procedure_that_is_not_there_is_named_with_the_nearest(interpreter: Interpreter) -> None:
    interpreter.load(GREET)
    with pytest.raises(NotFoundError, match="there is no procedure 'gret'; did you mean 'greet'") as raised:
        interpreter.run("gret")
    assert raised.value.code == 2


def test_command_blocks_run_in_order_and_once() -> None:
    emitted: list[Any] = []
    interpreter = Interpreter(plugins=False, emit=emitted.append)
    interpreter.execute("command\n  emit 1\nendcommand\ncommand\n  emit 2\nendcommand\n")
    assert emitted == [1, 2]
    assert not interpreter.has_commands
    interpreter.run_commands()
    assert emitted == [1, 2]


def test_a_failing_command_block_ends_the_script() -> None:
    emitted: list[Any] = []
    interpreter = Interpreter(plugins=False, emit=emitted.append)
    with pytest.raises(NeuroScriptError, match="stop"):
        interpreter.execute('command\n  emit 1\n  fail "stop"\nendcommand\ncommand\n  emit 2\nendcommand\n')
    assert emitted == [1]


def test_emit_prints_by_default(capsys: pytest.CaptureFixture[str]) -> None:
    Interpreter(plugins=False).execute('command\n  emit [1.0, "a", nil]\n  emit nil\nendcommand\n')
    assert capsys.readouterr().out == '[1, "a", nil]\nnil\n'


def test_interpreters_share_nothing() -> None:
    first, second = Interpreter(plugins=False), Interpreter(plugins=False)
    first.load("func only means\n  return 1\nendfunc\n")
    first.tool("mine.Tool")(lambda: 1)
    assert "mine.Tool" in first.tools
    assert "mine.Tool" not in second.tools
    with pytest.raises(NotFoundError):
        second.run("only")


# --- loading ---------------------------------------------------------------------------------------------------------


def names(interpreter: Interpreter) -> list[str]:
    return [procedure["name"] for procedure in interpreter.procedures()]


@pytest.mark.parametrize(
    ("source", "code"),
    [
        ("func new means\n  set x = = 1\nendfunc\n", 15),
        ("func new means\nendfunc\nfunc new means\nendfunc\n", 42),
        ("func new means\nendfunc\nfunc greet means\nendfunc\n", 42),
        ("func new means\n  break\nendfunc\n", 39),
        ("func new means\nendfunc\non event 1 / 0 do\nendon\n", 14),
        ('func new means\nendfunc\non event "a" do\nendon\non event nil do\nendon\n', 7),
        ("func new means\n  return 1\nendfunc\non event new() do\nendon\n", 7),
        ("func new means\n  while true\n  endwhile\nendfunc\non event new() do\nendon\n", 37),
        ('func new means\nendfunc\non event tool.script.LoadScript("func more means\\nendfunc\\n") do\nendon\n', 7),
    ],
)
def test_a_load_is_all_or_nothing(source: str, code: int) -> None:
    emitted: list[Any] = []
    interpreter = Interpreter(plugins=False, emit=emitted.append, limits=Limits(max_steps=1000))
    interpreter.load(GREET + 'on event "a" do\n  emit "kept"\nendon\n')
    with pytest.raises(NeuroScriptError) as raised:
        interpreter.load(source, replace=False)
    assert raised.value.code == code
    assert names(interpreter) == ["greet"]
    assert len(interpreter.programs) == 1
    interpreter.emit_event("a")
    assert emitted == ["kept"]
    assert interpreter.run("greet", "you") == "Hello, you"


def test_a_failed_replacement_leaves_the_old_procedure(interpreter: Interpreter) -> None:
    interpreter.load(GREET)
    with pytest.raises(NeuroScriptError):
        interpreter.load("func greet means\n  return 5\nendfunc\non event 5 do\nendon\n", replace=True)
    assert interpreter.run("greet", "you") == "Hello, you"


def test_a_duplicate_says_where_the_first_one_is(interpreter: Interpreter) -> None:
    interpreter.load(GREET, name="first.ns")
    with pytest.raises(NeuroScriptSyntaxError, match=r"already, in first\.ns on line 3") as raised:
        interpreter.load("\nfunc greet means\nendfunc\n", name="second.ns")
    assert raised.value.location == "second.ns:2:6"


def test_a_replaced_procedure_is_called_by_code_that_was_there_before(interpreter: Interpreter) -> None:
    interpreter.load("func f(needs a) means\n  return a\nendfunc\nfunc g means\n  return f(1)\nendfunc\n")
    interpreter.load("func f(needs a) means\n  return a + 1\nendfunc\n", replace=True)
    assert interpreter.run("g") == 2


CALLERS = """
func f(needs a) means
  return a
endfunc
func one means
  return f(1)
endfunc
func two means
  return f(1, 2)
endfunc
func by_name means
  return f(a: 5)
endfunc
"""


def test_a_replacement_may_have_another_signature(interpreter: Interpreter) -> None:
    interpreter.load(CALLERS, "callers.ns")
    assert interpreter.run("by_name") == 5
    with pytest.raises(ArgumentError, match="takes 1 argument, not 2"):
        interpreter.run("two")
    interpreter.load("func f(needs b, c) means\n  return [b, c]\nendfunc\n", "new.ns", replace=True)
    assert interpreter.run("two") == [1, 2]
    with pytest.raises(ArgumentError, match=r"f\(\) needs 'c'; it is f\(b, c\)") as raised:
        interpreter.run("one")
    assert raised.value.location == "callers.ns:6:10"
    with pytest.raises(ArgumentError, match="has no parameter 'a'"):
        interpreter.run("by_name")
    interpreter.load(CALLERS.partition("func one")[0], replace=True)
    assert [interpreter.run("one"), interpreter.run("by_name")] == [1, 5]


def test_a_procedure_may_be_loaded_after_its_callers(interpreter: Interpreter) -> None:
    interpreter.load("func caller means\n  return later(2)\nendfunc\n")
    with pytest.raises(NotFoundError, match="there is no procedure 'later'"):
        interpreter.run("caller")
    interpreter.load("func later(needs x) means\n  return x * 2\nendfunc\n")
    assert interpreter.run("caller") == 4


def test_files_are_loaded_by_their_path(interpreter: Interpreter, tmp_path: Path) -> None:
    path = tmp_path / "greet.ns"
    path.write_text("\ufeff" + GREET, encoding="utf-8")
    assert interpreter.load_file(path) == ["greet"]
    with pytest.raises(NotFoundError, match="there is no file") as missing:
        interpreter.load_file(tmp_path / "missing.ns")
    assert missing.value.code == 22
    with pytest.raises(NeuroScriptError) as directory:
        interpreter.load_file(tmp_path)
    assert directory.value.code == 26


def test_a_host_reads_the_metadata(interpreter: Interpreter) -> None:
    interpreter.load(GREET, "greet.ns")
    [program] = interpreter.programs
    assert program.metadata == [("title", "greetings")]
    assert program.procedures[0].metadata == [("description", "says hello")]
    assert interpreter.procedures() == [
        {
            "name": "greet",
            "signature": "greet(name, greeting?)",
            "needs": ["name"],
            "optional": ["greeting"],
            "returns": ["text"],
            "metadata": {"description": "says hello"},
            "file": "greet.ns",
            "line": 3,
        }
    ]


def test_check_finds_everything_and_loads_nothing(interpreter: Interpreter) -> None:
    source = "func f means\n  emit nothing\n  return 1\n  emit 2\nendfunc\nfunc f means\nendfunc\n"
    found = [(one.line, one.severity, one.code) for one in interpreter.check(source, "f.ns")]
    assert found == [(2, "warning", 9), (4, "warning", 39), (6, "error", 42)]
    assert names(interpreter) == []


@pytest.mark.parametrize("name", ["\0", "a\nb", "", "\ud800", "x" * 5000])
def test_a_program_may_have_any_name(interpreter: Interpreter, name: str) -> None:
    interpreter.load("func main means\n  return 1 / 0\nendfunc\n", name)
    with pytest.raises(NeuroScriptError) as raised:
        interpreter.run("main")
    assert raised.value.line == 2
    str(raised.value).encode()


# --- values ----------------------------------------------------------------------------------------------------------

SHOWN = """
on event "e" as ev do
  emit ev
  emit ev.payload
endon
func main means
  set e = tool.host.Error()
  emit e
  emit e.list
  set xs = [1]
  emit xs
  emit xs
endfunc
"""
KEEP = """
func change(needs xs) means
  set xs[0] = "changed"
  return xs
endfunc
func twice means
  set row = [1]
  return [row, row]
endfunc
func host means
  emit KEPT
  set copy = KEPT
  set copy.list[0] = 9
  emit KEPT
endfunc
"""


def test_what_a_program_does_to_its_arguments_the_host_does_not_see(interpreter: Interpreter) -> None:
    interpreter.load(KEEP)
    mine = [1, [2]]
    result = interpreter.run("change", mine)
    assert (mine, result) == ([1, [2]], ["changed", [2]])
    result[1].append(3)
    assert mine == [1, [2]]


def test_parts_that_a_value_holds_twice_are_two_for_the_host(interpreter: Interpreter) -> None:
    interpreter.load(KEEP)
    result = interpreter.run("twice")
    result[0].append(2)
    assert result == [[1, 2], [1]]


def test_globals_are_copied_and_stay_as_they_are() -> None:
    emitted: list[Any] = []
    mine = {"list": [1]}
    interpreter = Interpreter(plugins=False, emit=emitted.append, globals={"KEPT": mine})
    mine["list"].append(2)
    interpreter.load(KEEP)
    interpreter.run("host")
    emitted[0]["list"].append(5)
    interpreter.run("host")
    assert emitted[1:] == [{"list": [1]}] * 3


def test_what_a_sink_does_to_a_value_no_program_sees() -> None:
    seen: list[Any] = []

    def sink(value: Any) -> None:
        seen.append(repr(value))
        if isinstance(value, EventValue):
            value.payload.append(9)
        elif isinstance(value, ErrorValue):
            value.details["list"].append(9)
        elif isinstance(value, list):
            value.append(9)

    interpreter = Interpreter(plugins=False, emit=sink)

    @interpreter.tool("host.Error")
    def error() -> ErrorValue:
        return ErrorValue(1234, "mine", {"list": [1]})

    interpreter.load(SHOWN)
    interpreter.emit_event("e", [1])
    interpreter.run("main")
    assert seen[1] == seen[3] == seen[4] == seen[5] == "[1]"


def test_what_a_tool_does_to_its_arguments_no_program_sees(interpreter: Interpreter) -> None:
    kept: list[Any] = []

    @interpreter.tool("host.Change")
    def change(xs: list[Any]) -> list[Any]:
        xs[0].append(5)
        kept.append(xs)
        return kept[0]  # type: ignore[no-any-return]

    text = "set row = [1]\nset xs = [row, row]\nset a = tool.host.Change(xs)\nset b = tool.host.Change(xs)"
    interpreter.load(procedure(text + "\nset a[0][0] = 7\nreturn [row, xs, a, b]"))
    assert interpreter.run("main") == [[1], [[1], [1]], [[7, 5], [1]], [[1, 5], [1]]]


def test_a_value_that_would_grow_without_end_for_the_host_is_refused(interpreter: Interpreter) -> None:
    text = "set x = [1]\nfor each i in tool.list.Range(0, 40)\n  set x = [x, x]\nendfor\nreturn x"
    interpreter.load(procedure(text))
    with pytest.raises(LimitError, match="holds the same parts so often"):
        interpreter.run("main")


@pytest.mark.parametrize(
    ("value", "code"),
    [(object(), 7), (float("nan"), 41), (2**5000, 41), ({1: {(1,): 2}}, 7), (lambda: None, 7), (complex(1, 2), 7)],
)
def test_what_is_no_value_is_refused(interpreter: Interpreter, value: Any, code: int) -> None:
    interpreter.load(KEEP)
    with pytest.raises(NeuroScriptError) as raised:
        interpreter.run("change", value)
    assert raised.value.code == code
    with pytest.raises(NeuroScriptError) as raised:
        interpreter.emit_event("x", value)
    assert raised.value.code == code


# --- what belongs to an interpreter ----------------------------------------------------------------------------------


def test_a_sandbox_must_be_a_directory(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError) as raised:
        Interpreter(sandbox=tmp_path / "missing")
    assert raised.value.code == 22
    (tmp_path / "file").write_text("")
    with pytest.raises(NeuroScriptError) as other:
        Interpreter(sandbox=tmp_path / "file")
    assert other.value.code == 23


def test_the_environment_is_what_the_host_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEEN", "yes")
    monkeypatch.setenv("HIDDEN", "no")
    source = "func main(needs name) means\n  return tool.os.Getenv(name)\nendfunc\n"
    for environment in (["SEEN", "UNKNOWN"], {"SEEN": "yes"}):
        interpreter = Interpreter(plugins=False, environment=environment)
        interpreter.load(source)
        assert interpreter.run("main", "SEEN") == "yes"
        assert "no" not in str(interpreter.context.environment)


def test_closing_calls_back_the_last_one_first_and_once(caplog: pytest.LogCaptureFixture) -> None:
    closed: list[int] = []

    def fails() -> None:
        raise ValueError("bad")

    with Interpreter(plugins=False) as interpreter:
        for number in range(3):
            interpreter.on_close(lambda number=number: closed.append(number))
            interpreter.on_close(fails)
        with caplog.at_level(logging.CRITICAL):
            interpreter.close()
        assert closed == [2, 1, 0]
    assert closed == [2, 1, 0]


def test_handles_are_stale_after_closing() -> None:
    interpreter = Interpreter(plugins=False)
    handle = interpreter.handles.create("door", object())
    interpreter.close()
    with pytest.raises(NeuroScriptError, match="stale") as raised:
        interpreter.handles.get(handle, "door")
    assert raised.value.code == 19


def test_events_that_fail_go_to_the_callback_and_stop_nobody() -> None:
    emitted: list[Any] = []
    failed: list[NeuroScriptError] = []
    log = logging.Logger("quiet")
    interpreter = Interpreter(plugins=False, emit=emitted.append, on_error=failed.append, log=log)
    interpreter.load(
        'on event "e" do\n  emit 1\n  fail "first"\nendon\non event "e" as ev do\n  emit ev.source\nendon\n', "e.ns"
    )
    interpreter.emit_event("e", source="me")
    assert emitted == [1, "me"]
    assert [(error.message, error.location) for error in failed] == [("first", "e.ns:3:3")]


def test_whispers_reach_the_host_by_name() -> None:
    heard: list[tuple[str, Any]] = []
    interpreter = Interpreter(plugins=False, whisper=lambda name, value: heard.append((name, value)))
    interpreter.execute('command\n  whisper self, [1]\n  whisper "notes", nil\nendcommand\n')
    assert heard == [("self", [1]), ("notes", None)]


def test_whispered_values_are_those_at_the_time() -> None:
    asked: list[Any] = []

    def ask(ctx: ToolContext, who: Any, prompt: str, config: Any, whispered: list[Any]) -> str:
        asked.append((who, prompt, config, whispered))
        return "reply"

    interpreter = Interpreter(plugins=False)
    interpreter.set_asker(ask)
    interpreter.load(
        'func main means\n  set xs = [1]\n  whisper self, xs\n  set xs[0] = 2\n  ask "w", "q" with {"t": xs} into r\n'
        '  ask "again"\n  return [r, last, xs]\nendfunc\n'
    )
    assert interpreter.run("main") == ["reply", "reply", [2]]
    assert asked == [("w", "q", {"t": [2]}, [[1]]), (None, "again", None, [])]


def test_a_registry_may_be_the_hosts_own() -> None:
    registry = ToolRegistry()
    registry.tool("only.One")(lambda: 1)
    interpreter = Interpreter(plugins=False, tools=registry)
    interpreter.load(procedure("return tool.only.One()") + procedure('return tool.str.ToUpper("a")', "other"))
    assert interpreter.run("main") == 1
    with pytest.raises(NotFoundError) as raised:
        interpreter.run("other")
    assert raised.value.code == 3


def test_no_procedure_is_replaced_while_a_run_is_going_on() -> None:
    with Interpreter(plugins=False) as interpreter:

        @interpreter.tool("host.Replace")
        def replace() -> None:
            interpreter.load("func f means\n  return 2\nendfunc\n", "new.ns", replace=True)

        interpreter.load("func f means\n  call tool.host.Replace()\n  return 1\nendfunc\n")
        with pytest.raises(NeuroScriptError, match="'f' cannot be replaced while a run is going on") as raised:
            interpreter.run("f")
        assert (raised.value.code, raised.value.line) == (43, 2)
        replace()
        assert interpreter.run("f") == 2
