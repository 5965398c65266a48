"""``neuroscript run``, inside this process."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from neuroscript import Interpreter, StreamEvent, ToolContext
from neuroscript.cli import main
from tests.cli.conftest import Command

Script = Callable[..., str]

LIBRARY = """\
func main(returns r) means
  emit "hello"
  emit nil
  emit [1, 2.50, {"k": "v"}]
  return 42
endfunc

func add(needs a, b) means
  return a + b
endfunc

func half(needs x) means
  return 1 / x
endfunc

func deep(needs x) means
  return half(x)
endfunc
"""


def test_main_runs_and_its_emits_are_printed(neuroscript: Command, script: Script) -> None:
    done = neuroscript("run", script(LIBRARY))
    assert (done.status, done.err) == (0, "")
    assert done.out == 'hello\nnil\n[1, 2.5, {"k": "v"}]\n'


def test_lines_of_json_have_values_and_texts(neuroscript: Command, script: Script) -> None:
    done = neuroscript("run", "--format", "jsonl", script(LIBRARY))
    assert done.status == 0
    assert done.rows == [
        {"emit": "hello", "text": "hello"},
        {"emit": None, "text": "nil"},
        {"emit": [1, 2.5, {"k": "v"}], "text": '[1, 2.5, {"k": "v"}]'},
        {"result": 42, "text": "42"},
    ]


def test_lines_of_json_are_ascii_and_single(neuroscript: Command, script: Script) -> None:
    done = neuroscript("run", "--format=jsonl", script('command\nemit "ü\\u2028\\n"\nendcommand'))
    assert done.out.isascii()
    assert done.rows[0]["emit"] == "ü\u2028\n"


def test_entry_and_arguments(neuroscript: Command, script: Script) -> None:
    done = neuroscript("run", "--entry", "add", "--args", '["a", "ü"]', script(LIBRARY))
    assert (done.status, done.out) == (0, "aü\n")
    done = neuroscript("run", "--entry", "add", "--args", "[1, 2]", "--format", "jsonl", script(LIBRARY))
    assert done.rows == [{"result": 3, "text": "3"}]


def test_command_blocks_run_in_order(neuroscript: Command, script: Script) -> None:
    done = neuroscript("run", script("command\nemit 1\nendcommand\ncommand\nemit 2\nendcommand\n"))
    assert (done.status, done.out) == (0, "1\n2\n")


def test_events_fire_before_the_run(neuroscript: Command, script: Script) -> None:
    program = """\
on event "start" as e do
  emit e.payload
endon
func main() means
  emit "main"
endfunc
"""
    name = script(program)
    done = neuroscript("run", "--event", 'start={"a": [1]}', "--event", "start", "--event", "other=1", name)
    assert (done.status, done.out) == (0, '{"a": [1]}\nnil\nmain\n')


def test_the_error_of_an_event_handler_is_told_and_ends_nothing(
    neuroscript: Command, script: Script, caplog: pytest.LogCaptureFixture
) -> None:
    program = 'on event "e" do\n  fail "broken"\nendon\nfunc main() means\n  emit "main"\nendfunc\n'
    done = neuroscript("run", "--event", "e", script(program))
    assert (done.status, done.out) == (1, "main\n")
    assert "broken" in caplog.text


@pytest.mark.parametrize(
    ("body", "status"),
    [('fail "broken"', 1), ('on error do\n    clear_error\n  endon\n  fail "broken"', 0), ('emit "handled"', 0)],
)
@pytest.mark.parametrize("format_name", ["text", "jsonl"])
def test_an_event_that_a_program_fires_counts_too(
    neuroscript: Command, script: Script, body: str, status: int, format_name: str
) -> None:
    handler = f'on event "e" do\n  {body}\nendon\n'
    program = handler + 'func main() means\n  call tool.event.Emit("e")\n  emit "goes on"\n  return 5\nendfunc\n'
    done = neuroscript("run", "--format", format_name, script(program))
    assert done.status == status
    assert "goes on" in done.out


# --- errors ----------------------------------------------------------------------------------------------------------


def test_an_error_shows_the_line_a_caret_and_the_scripts_own_stack(neuroscript: Command, script: Script) -> None:
    done = neuroscript("run", "--entry", "deep", "--args", "[0]", script(LIBRARY))
    assert done.status == 1
    assert done.out == ""
    lines = done.err.splitlines()
    assert lines[0].startswith("program.ns:13:")
    assert "error 14 (DIVISION_BY_ZERO)" in lines[0]
    assert lines[1] == "  13 |   return 1 / x"
    assert lines[2].strip("| ^") == ""
    assert "^" in lines[2]
    assert lines[3].startswith("  in half (program.ns:13:")
    assert lines[4].startswith("  in deep (program.ns:17:")
    assert "Traceback" not in done.err


def test_an_error_as_json_has_place_and_stack(neuroscript: Command, script: Script) -> None:
    done = neuroscript("run", "--entry", "deep", "--args", "[0]", "--format", "jsonl", script(LIBRARY))
    assert done.status == 1
    (row,) = done.rows
    error = row["error"]
    assert (error["code"], error["name"]) == (14, "DIVISION_BY_ZERO")
    assert (error["file"], error["line"]) == ("program.ns", 13)
    assert error["column"] >= 1
    assert error["message"]
    assert [frame["procedure"] for frame in error["stack"]] == ["half", "deep"]
    assert error["stack"][1]["line"] == 17


def test_a_recursion_is_shown_once(neuroscript: Command, script: Script) -> None:
    done = neuroscript("run", script("func f() means\n  return f()\nendfunc\nfunc main() means\n  return f()\nendfunc"))
    assert done.status == 1
    assert ", 4" in done.err
    assert len(done.err.splitlines()) < 10


def test_what_caused_an_error_is_shown(neuroscript: Command, script: Script) -> None:
    program = """\
command
  on error do
    fail "while handling"
  endon
  set x = 1 / 0
endcommand
"""
    done = neuroscript("run", script(program))
    assert done.status == 1
    assert "error 1 (FAIL_STATEMENT): while handling" in done.err
    assert "caused by error 14 (DIVISION_BY_ZERO)" in done.err


def test_emits_before_an_error_are_kept(neuroscript: Command, script: Script) -> None:
    done = neuroscript("run", "--format", "jsonl", script("command\nemit 1\nfail\nendcommand"))
    assert done.rows[0] == {"emit": 1, "text": "1"}
    assert done.rows[1]["error"]["code"] == 1
    assert done.rows[1]["error"]["line"] == 3


def test_a_syntax_error_is_status_3(neuroscript: Command, script: Script) -> None:
    name = script("func main() means\n  set = 3\nendfunc\n")
    done = neuroscript("run", name)
    assert (done.status, done.out) == (3, "")
    assert done.err.startswith("program.ns:2:7: error: ")
    assert "  2 |   set = 3\n" in done.err
    done = neuroscript("run", "--format", "jsonl", name)
    assert done.status == 3
    (row,) = done.rows
    assert (row["error"]["code"], row["error"]["line"], row["error"]["column"]) == (15, 2, 7)
    assert row["error"]["diagnostics"][0]["severity"] == "error"


@pytest.mark.parametrize(
    ("program", "code", "line"),
    [
        ("command\nreturn 1\nendcommand", 12, 2),
        ("func main() means\nclear_error\nendfunc", 13, 2),
        ("func main() means\nbreak\nendfunc", 39, 2),
        ("func main() means\nreturn 1e999\nendfunc", 41, 2),
        ("func f() means\nendfunc\nfunc f() means\nendfunc", 42, 3),
    ],
)
def test_other_errors_of_loading_are_status_3_too(
    neuroscript: Command, script: Script, program: str, code: int, line: int
) -> None:
    done = neuroscript("run", "--format", "jsonl", script(program))
    assert done.status == 3
    assert (done.rows[-1]["error"]["code"], done.rows[-1]["error"]["line"]) == (code, line)


def test_bytes_that_are_no_text_are_a_syntax_error(neuroscript: Command, tmp_path: Path) -> None:
    (tmp_path / "binary.ns").write_bytes(b"command\nemit \xff\nendcommand")
    done = neuroscript("run", "--format", "jsonl", "binary.ns")
    assert done.status == 3
    assert (done.rows[0]["error"]["code"], done.rows[0]["error"]["line"]) == (15, 2)


def test_a_library_without_main_says_so(neuroscript: Command, script: Script) -> None:
    done = neuroscript("run", script("func other() means\nendfunc\n"))
    assert done.status == 1
    assert "error 2 (PROC_NOT_FOUND)" in done.err


# --- the host's side -------------------------------------------------------------------------------------------------


def test_limits_end_a_run(neuroscript: Command, script: Script) -> None:
    name = script("command\nwhile true\nendwhile\nendcommand")
    for limit in (("--max-steps", "1000"), ("--max-seconds", "0.1")):
        done = neuroscript("run", "--format", "jsonl", *limit, name)
        assert done.status == 1
        assert done.rows[-1]["error"]["code"] == 37


def test_files_need_a_sandbox_which_is_made(neuroscript: Command, script: Script, tmp_path: Path) -> None:
    name = script('command\ncall tool.fs.Write("a.txt", "x")\nemit tool.fs.Read("a.txt")\nendcommand')
    done = neuroscript("run", "--sandbox", "deep/box", name)
    assert (done.status, done.out) == (0, "x\n")
    assert (tmp_path / "deep" / "box" / "a.txt").read_text() == "x"
    assert neuroscript("run", name).status != 0


def test_only_named_variables_are_readable(
    neuroscript: Command, script: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLOUR", "blue")
    monkeypatch.delenv("SHADE", raising=False)
    name = script('command\nemit tool.os.Getenv("COLOUR")\nemit tool.os.Getenv("SHADE")\nendcommand')
    assert neuroscript("run", "--env", "COLOUR", "--env", "SHADE", name).out == "blue\n\n"
    done = neuroscript("run", "--format", "jsonl", name)
    assert done.rows[-1]["error"]["code"] == 10


def test_a_person_answers_on_standard_input(
    neuroscript: Command, script: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = 'command\npromptuser "Name? " into n\nemit "hello " + n\nemit tool.io.Input("?")\nendcommand'
    monkeypatch.setattr(sys, "stdin", io.StringIO("Ada\r\n"))
    done = neuroscript("run", "--format", "jsonl", script(program))
    assert done.rows[0]["emit"] == "hello Ada"
    assert done.rows[1]["error"]["code"] == 18
    assert done.err == "Name? ?"


def test_a_program_from_standard_input_has_nobody_to_ask(neuroscript: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    program = b'command\nemit "from stdin"\npromptuser "Name? " into n\nendcommand'
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(program)))
    done = neuroscript("run", "--format", "jsonl", "-")
    assert done.rows[0]["emit"] == "from stdin"
    error = done.rows[1]["error"]
    assert (error["code"], error["file"], error["line"]) == (18, "<stdin>", 3)


def test_pieces_of_a_models_reply_are_shown(
    neuroscript: Command, script: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    def register(interpreter: Interpreter) -> None:
        def asker(ctx: ToolContext, who: object, prompt: str, config: object, whispered: object) -> str:
            if ctx.on_stream is not None:
                for piece in ("it ", "is"):
                    ctx.on_stream(StreamEvent(kind="delta", call_id="7", worker="w", text=piece))
                ctx.on_stream(StreamEvent(kind="done", call_id="7", worker="w"))
            return "it is"

        interpreter.set_asker(asker)

    monkeypatch.setattr("neuroscript.interpreter._plugins", lambda: (register,))
    name = script('command\nask "what?" into reply\nemit reply\nendcommand')
    done = neuroscript("run", "--stream", name)
    assert (done.status, done.out, done.err) == (0, "it is\n", "| it is\n")
    done = neuroscript("run", "--stream", "--format", "jsonl", name)
    used = {"input_tokens": 0, "output_tokens": 0, "cost": 0.0}
    assert done.rows == [
        {"delta": "it ", "worker": "w", "call": "7"},
        {"delta": "is", "worker": "w", "call": "7"},
        {"done": {"ok": True, "code": 0, "task_id": "", **used}, "worker": "w", "call": "7"},
        {"emit": "it is", "text": "it is"},
        {"result": None, "text": "nil"},
    ]
    done = neuroscript("run", name)
    assert (done.status, done.out, done.err) == (0, "it is\n", "")


# --- usage -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("missing.ns",), "there is no file 'missing.ns'"),
        ((".",), "directory"),
        (("nul\0.ns",), "no file name"),
        ((), "FILE"),
        (("--args", "3", "program.ns"), "JSON list"),
        (("--args", '{"cancel": 1}', "program.ns"), "write a list"),
        (("--args", "[1", "program.ns"), "is not JSON"),
        (("--args", "[NaN]", "program.ns"), "NaN"),
        (("--args", "[" * 100_000, "program.ns"), "is not JSON"),
        (("--event", "=1", "program.ns"), "name"),
        (("--event", "e=x", "program.ns"), "is not JSON"),
        (("--max-steps", "0", "program.ns"), "to lift the limit write none"),
        (("--max-seconds", "0", "program.ns"), "to lift the limit write none"),
        (("--max-steps", "-1", "program.ns"), "whole number"),
        (("--max-seconds", "nan", "program.ns"), "seconds"),
        (("--format", "xml", "program.ns"), "xml"),
        (("--sandbox", "program.ns", "program.ns"), "not a directory"),
        (("--entry", "main", "commands.ns"), "command blocks"),
        (("--args", "[]", "commands.ns"), "command blocks"),
        (("--fast", "program.ns"), "--fast"),
    ],
)
def test_wrong_usage_is_status_2(
    neuroscript: Command, script: Script, arguments: tuple[str, ...], message: str
) -> None:
    script(LIBRARY)
    script("command\nendcommand", "commands.ns")
    done = neuroscript("run", *arguments)
    assert (done.status, done.out) == (2, "")
    assert message in done.err
    assert "Traceback" not in done.err


HANDLERS = {
    "no handler": "",
    "one that goes on to the caller": "  on error do\n    emit system_error.file\n  endon\n",
    "one that fails with it": "  on error do\n    call tool.script.LoadScript(text, 'part.ns')\n  endon\n",
}


@pytest.mark.parametrize("text", ["x = 1", "func len", "func a() means\\nbreak\\nendfunc", ":: uses: other.ns"])
@pytest.mark.parametrize("handler", HANDLERS.values(), ids=HANDLERS)
def test_a_text_that_a_running_program_cannot_load_is_its_failure(
    neuroscript: Command, script: Script, text: str, handler: str
) -> None:
    load = "  call tool.script.LoadScript(text, 'part.ns')\n"
    path = script(f'func main() means\n  set text = "{text}"\n{handler}{load}endfunc\n')
    line = 3 + handler.count("\n")
    done = neuroscript("run", path)
    assert done.status == 1
    assert "part.ns:1:" in done.err or "part.ns:2:" in done.err
    assert f"  in main (program.ns:{line}:8)" in done.err or "  in main (program.ns:4:10)" in done.err
    [error] = [row["error"] for row in neuroscript("run", "--format", "jsonl", path).rows if "error" in row]
    assert error["file"] == "part.ns"
    assert [frame["procedure"] for frame in error["stack"]] == ["main"]
    assert error["stack"][0]["file"] == path


def test_a_program_that_cannot_be_loaded_is_status_3(neuroscript: Command, script: Script) -> None:
    assert neuroscript("run", script("x = 1")).status == 3


@pytest.mark.parametrize("source", ["x = 1", "func len"])
def test_the_fields_of_a_text_that_cannot_be_loaded_agree(source: str) -> None:
    emitted: list[object] = []
    program = (
        "command\non error do\nset e = system_error\nemit [e.file, e.line, e.procedure, e.stack]\nclear_error\n"
        f"endon\ncall tool.script.LoadScript('{source}', 'part.ns')\nendcommand"
    )
    with Interpreter(emit=emitted.append) as interpreter:
        interpreter.execute(program, "main.ns")
    assert emitted == [["part.ns", 1, "command", ["command (main.ns:7:6)"]]]


@pytest.mark.parametrize("arguments", ["[1, 2, 3]", '[{"a": 1}, {}]'])
def test_arguments_that_do_not_fit_are_the_scripts_error(neuroscript: Command, script: Script, arguments: str) -> None:
    done = neuroscript("run", "--entry", "add", "--args", arguments, script(LIBRARY))
    assert done.status == 1
    assert "Traceback" not in done.err


def test_main_takes_the_arguments_of_the_process(
    script: Script, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["neuroscript", "run", script(LIBRARY)])
    told: list[object] = []
    monkeypatch.setattr("gc.set_threshold", lambda *numbers: told.append(numbers))
    monkeypatch.setattr("gc.freeze", lambda: told.append("freeze"))
    assert main() == 0
    assert told == [(20_000, 10, 10), "freeze"]  # a process that ends looks for no garbage
    assert capsys.readouterr().out.startswith("hello\n")


def test_a_reply_that_does_not_fit_its_schema_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    program = tmp_path / "ask.ns"
    program.write_text('command\nask "one" with {"schema": {"type": "integer"}} into n\nendcommand\n')
    assert main(["run", "--stream", "--format", "jsonl", str(program)]) == 1
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    kinds = [next(iter(row)) for row in rows if "delta" not in row]
    assert kinds == ["usage", "repair", "usage", "done", "error"]
    assert next(row["repair"] for row in rows if "repair" in row) == "there is no object or array of JSON in the text"
    assert rows[-1]["error"]["code"] == 16


def test_replies_are_shown_while_they_come(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    program = tmp_path / "ask.ns"
    program.write_text('command\nask "one two" into reply\nemit reply\nendcommand\n')
    assert main(["run", "--stream", "--format", "jsonl", str(program)]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    pieces = [row["delta"] for row in rows if "delta" in row]
    assert len(pieces) > 1
    assert "".join(pieces) == "echo: one two"
    emitted = rows.index({"emit": "echo: one two", "text": "echo: one two"})
    told = rows[:emitted]
    assert [next(iter(row)) for row in told] == ["delta"] * len(pieces) + ["usage", "done"]
    assert {row["worker"] for row in told} == {"built-in echo"}
    assert len({row["call"] for row in told}) == 1
    assert told[-2]["usage"] == {"input_tokens": 2, "output_tokens": 3, "cost": 0.0}
    assert told[-1]["done"]["ok"]
