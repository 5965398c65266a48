"""Text that steers a terminal, and text that passes for a diagnostic, on every way out of the command.

The command runs on a pseudo-terminal, as it does for a person; what arrives there is looked at byte by byte.
"""

from __future__ import annotations

import json
import logging
import os
import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from neuroscript import Interpreter, NeuroScriptError, NeuroScriptSyntaxError, StreamEvent
from neuroscript.cli import main
from neuroscript.cli.log import _Formatter
from neuroscript.cli.report import TextReport
from neuroscript.output import MOST_SHOWN, one_line, shortened, visible

pty = pytest.importorskip("pty", reason="the platform has no pseudo-terminals")
termios = pytest.importorskip("termios")

COMMAND = [sys.executable, "-m", "neuroscript"]
TIMEOUT = 60

TRICKS = {
    "\x1b]0;owned\x07": "\\x1b]0;owned\\x07",  # sets the window's title
    "\x1b[2J": "\\x1b[2J",  # clears the screen
    "\x1b]52;c;ZXZpbA==\x1b\\": "\\x1b]52;c;ZXZpbA==\\x1b\\",  # fills the clipboard
    "\x9b31m": "\\x9b31m",  # the same as ESC [, in one character
    "\x90q\x9c": "\\x90q\\x9c",
    "\rhidden": "\\rhidden",  # writes over the line
    "\x08\x08": "\\x08\\x08",
    "\x7f": "\\x7f",
    "\x0e": "\\x0e",  # another character set
    "\x0c": "\\x0c",
    "\x85": "\\x85",
    "\u202eevil": "\\u202eevil",  # reads backwards
    "\u2066x\u2069": "\\u2066x\\u2069",
    "\u2028": "\\u2028",
    "\u200b": "\\u200b",
    "\ufeff": "\\ufeff",
    "\U000e0041": "\\U000e0041",  # an invisible letter
}
EVIL = "<" + "".join(TRICKS) + ">"
SHOWN = "<" + "".join(TRICKS.values()) + ">"
RAW = re.compile("[^\x20-\x7e\n\t]")  # what is neither printable ASCII nor one of our own line ends


def terminal(
    *arguments: str, cwd: Path, stdin: str | None = None, check: str = "all", command: Sequence[str] = COMMAND
) -> str:
    """What the command shows on a terminal.

    Args:
        arguments: its arguments.
        cwd: where it runs.
        stdin: its standard input; None: the terminal.
        check: ``all``: both outputs are the terminal; ``stdout`` or ``stderr``: that one alone.
        command: what is run.
    """
    reader, writer = pty.openpty()
    attributes = termios.tcgetattr(writer)
    attributes[1] &= ~termios.OPOST  # as it is written, without carriage returns of the terminal's own
    termios.tcsetattr(writer, termios.TCSANOW, attributes)
    streams: dict[str, Any] = {
        "stdin": writer if stdin is None else subprocess.PIPE,
        "stdout": writer if check != "stderr" else subprocess.DEVNULL,
        "stderr": writer if check != "stdout" else subprocess.DEVNULL,
    }
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "500", "PYTHONUTF8": "1", "NEUROSCRIPT_NO_CACHE": "1"}
    with subprocess.Popen([*command, *arguments], cwd=cwd, env=environment, **streams) as process:
        os.close(writer)
        if stdin is not None:
            assert process.stdin is not None
            process.stdin.write(stdin.encode())
            process.stdin.close()
        parts = []
        while True:
            try:
                part = os.read(reader, 65536)
            except OSError:  # on Linux the end of a terminal
                break
            if not part:
                break
            parts.append(part)
        process.wait(TIMEOUT)
    os.close(reader)
    return b"".join(parts).decode()


def literal(text: str) -> str:
    """A string of the language, written with escapes."""
    return json.dumps(text).replace("\x7f", "\\u007f")


def write(folder: Path, body: str, name: str = "program.ns") -> str:
    lines = "\n".join(f"  {line}" for line in body.split("\n"))
    (folder / name).write_text(f"func main(optional text) means\n{lines}\nendfunc\n")
    return name


# --- what a program shows ---------------------------------------------------------------------------------------------

OUTPUTS = {
    "emit": f"emit {literal(EVIL)}",
    "emit within a text": f'emit "a " + {literal(EVIL)} + " b"',
    "print": f"call tool.io.Print({literal(EVIL)})",
    "a raw string": f"emit ```{EVIL.replace(chr(13), '')}```",
    "fail": f"fail {literal(EVIL)}",
    "an error value": f"fail tool.error.New(1001, {literal(EVIL)})",
    "an error as cause": f"on error do\n  fail {literal(EVIL)}\nendon\nfail {literal(EVIL)}",
    "a question": f"promptuser {literal(EVIL)} into answer",
    "a refused path": f"set x = tool.fs.Read({literal(EVIL)})",
    "a refused variable": f"set x = tool.os.Getenv({literal(EVIL)})",
    "a regular expression": f"set x = tool.regex.Match({literal('(' + chr(27) + '[2J]' + chr(0x202E))}, '')",
    "a layout": f"set x = tool.time.Format(tool.time.Now(), {literal('%' + EVIL)})",
    "a loaded text": f"call tool.script.LoadScript({literal('func ' + EVIL)}, {literal(EVIL)})",
    "an event's handler": f"on event {literal(EVIL)} do\n  fail {literal(EVIL)}\nendon\n"
    f"call tool.event.Emit({literal(EVIL)})",
}


@pytest.mark.parametrize("body", OUTPUTS.values(), ids=OUTPUTS)
def test_nothing_that_a_program_says_steers_the_terminal(tmp_path: Path, body: str) -> None:
    """An emitted text or an error's message would set the title, fill the clipboard, hide or reverse lines."""
    arguments = ["run", "--sandbox", ".", write(tmp_path, body)]
    stdin = "\n" if "promptuser" in body else None
    shown = terminal(*arguments, cwd=tmp_path, stdin=stdin)
    assert not RAW.findall(shown.replace("…", "").replace("é", "")), ascii(shown)
    assert "\\x1b[2J" in shown
    assert "\\u202e" in shown


def test_each_trick_is_shown_as_it_is_written(tmp_path: Path) -> None:
    name = write(tmp_path, "\n".join(f"emit {literal(trick)}\nemit [{literal(trick)}]" for trick in TRICKS))
    lines = terminal("run", name, cwd=tmp_path).split("\n")
    assert lines[:-1:2] == list(TRICKS.values())
    assert not RAW.findall("".join(lines[1::2]))


def test_a_host_without_a_sink_of_its_own(tmp_path: Path) -> None:
    """By default an interpreter prints what is emitted."""
    program = f"command\nemit {literal(EVIL)}\nendcommand\n"
    host = f"from neuroscript import Interpreter\nInterpreter(plugins=False).execute({program!r})\n"
    (tmp_path / "neuroscript_host.py").write_text(host)
    shown = terminal(cwd=tmp_path, command=[sys.executable, "neuroscript_host.py"])
    assert shown == SHOWN + "\n"


def test_what_is_harmless_stays_as_it_is(tmp_path: Path) -> None:
    """Line ends, tabs, other scripts, emoji of several characters, and the joiners that Persian is written with."""
    harmless = "a\tb\r\nc\né 变量 👨\u200d👩 می\u200cخواهم\u00a0!"
    name = write(tmp_path, f"emit {literal(harmless)}")
    assert terminal("run", name, cwd=tmp_path) == harmless + "\n"


def test_a_result_on_the_terminal(tmp_path: Path) -> None:
    shown = terminal("run", "--entry", "main", write(tmp_path, f"return {literal(EVIL)}"), cwd=tmp_path)
    assert shown == SHOWN + "\n"


def test_a_pipe_gets_what_was_emitted(tmp_path: Path) -> None:
    """A file is to hold the text that a program made; whoever shows it later sees to his own terminal."""
    name = write(tmp_path, f"emit {literal(EVIL)}")
    done = subprocess.run([*COMMAND, "run", name], cwd=tmp_path, capture_output=True, timeout=TIMEOUT)
    assert done.stdout.decode() == EVIL + "\n"


def test_lines_of_json_hold_no_control_character(tmp_path: Path) -> None:
    name = write(tmp_path, f"emit {literal(EVIL)}\nfail {literal(EVIL)}")
    shown = terminal("run", "--format", "jsonl", name, cwd=tmp_path)
    assert not RAW.findall(shown)
    emitted, error = map(json.loads, shown.splitlines())
    assert emitted["emit"] == error["error"]["message"] == EVIL


# --- what the command says of programs --------------------------------------------------------------------------------


def test_source_lines_and_file_names(tmp_path: Path) -> None:
    """The line that an error shows, and the name of the file, are the program's author's."""
    evil = EVIL.replace("\r", "").replace("/", "")
    name = f"{evil[:40]}.ns"
    write(tmp_path, f'set x = 1 / 0 # {evil}\nset y = "{evil}" +', name)
    for command in ("run", "check"):
        shown = terminal(command, name, cwd=tmp_path)
        assert not RAW.findall(shown.replace("…", "")), ascii(shown)
        assert "\\x1b]0;owned\\x07" in shown
    string = evil.replace("\\", "")[:60]
    write(tmp_path, f'set x = len("{string}") - nil', name)
    shown = terminal("run", name, cwd=tmp_path)
    assert not RAW.findall(shown), ascii(shown)
    # The caret stands under what is shown, not where it would stand if the line were obeyed.
    line, caret = shown.split("\n")[1:3]
    assert line[caret.index("^") :] == "- nil"


USAGES = {
    "a file": ["run", f"{EVIL}.ns".replace("/", "")],
    "an option": ["run", f"--{EVIL}", "x.ns"],
    "a number": ["run", "--max-steps", EVIL, "x.ns"],
    "arguments": ["run", "--args", EVIL, "program.ns"],
    "an event": ["run", "--event", f"e={EVIL}", "program.ns"],
    "a command": [EVIL],
    "a tool": ["tools", EVIL],
    "a file to check": ["check", f"{EVIL}.ns".replace("/", "")],
    "a directory": ["workers", "list", "--sandbox", EVIL],
    "a worker": ["workers", "show", EVIL, "--workers", "."],
    "a moment": ["workers", "records", "w", "--since", EVIL],
}


@pytest.mark.parametrize("arguments", USAGES.values(), ids=USAGES)
def test_nothing_that_is_wrong_with_the_arguments_steers_the_terminal(tmp_path: Path, arguments: list[str]) -> None:
    """A pattern such as ``*.ns`` puts the names that others gave to files on the command line."""
    write(tmp_path, "emit 1")
    (tmp_path / "ai_worker_definitions.json").write_text("[]")
    shown = terminal(*arguments, cwd=tmp_path)
    assert not RAW.findall(shown.replace("…", "")), ascii(shown)
    assert "\\x1b" in shown


# --- a conversation ---------------------------------------------------------------------------------------------------


def test_values_of_a_conversation(tmp_path: Path) -> None:
    """What a value shows is in quotes, where JSON lets some control characters stand."""
    lines = [literal(EVIL), f"set x = {literal(EVIL)}", "x", ":vars", f"fail {literal(EVIL)}", f":load {EVIL}", EVIL]
    typed = "\n".join(line.replace("\r", "") for line in lines) + "\n"
    shown = terminal("repl", cwd=tmp_path, stdin=typed)
    assert not RAW.findall(shown.replace("…", "")), ascii(shown)
    assert shown.count("\\u202e") >= 5


# --- workers ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def workers(tmp_path: Path) -> Path:
    """A directory with a worker whose definition and reply are full of tricks."""
    definition = {
        "name": "w",
        "provider": "local",
        "model_name": "scripted",
        "auth": {"method": "none"},
        "interaction_models": ["both"],
        "base_config": {"replies": [EVIL, EVIL], "system_prompt": EVIL},
        "metadata": {EVIL: EVIL},
    }
    assert main(["workers", "add", json.dumps(definition), "--sandbox", str(tmp_path)]) == 0
    write(tmp_path, 'ask "w", "hello" into reply\nemit "done"')
    return tmp_path


def test_a_reply_while_it_comes(workers: Path) -> None:
    """``--stream`` shows what the model says before any program has seen it."""
    shown = terminal("run", "--stream", "--sandbox", ".", "program.ns", cwd=workers, check="stderr")
    assert shown.startswith(f"| {SHOWN}")
    assert not RAW.findall(shown), ascii(shown)


def test_a_reply_that_looks_like_a_diagnostic(capsys: pytest.CaptureFixture[str]) -> None:
    """A model would show an error of its own making, in the words and the place of a real one."""
    report = TextReport()
    forged = "fine\nprogram.ns:1:1: error 10 (SECURITY): grant it with --manage all"
    for piece in [*forged, "\r", "\n\n", "\rprogram.ns:2:2: error", "\u2028", "x"]:
        report.stream(StreamEvent(kind="delta", call_id="1", worker="w", text=piece))
    report.error(NeuroScriptError(18, "real"), {})
    lines = capsys.readouterr().err.split("\n")
    assert lines == [
        "| fine",
        "| program.ns:1:1: error 10 (SECURITY): grant it with --manage all\\r",
        "| ",
        "| \\rprogram.ns:2:2: error\\u2028x",
        "neuroscript: error 18 (CONFIGURATION): real",
        "",
    ]


@pytest.mark.parametrize(
    "action", [["show", "w"], ["records", "w"], ["records", "w", "--format", "csv"], ["list"], ["summary"]], ids=str
)
def test_tables_of_workers(workers: Path, action: list[str]) -> None:
    """A table has colours of its own; what stands in its cells has none."""
    terminal("run", "--sandbox", ".", "program.ns", cwd=workers)
    shown = terminal("workers", *action, "--workers", ".", cwd=workers)
    colours = re.compile("\x1b\\[[0-9;]*m")
    assert not RAW.findall(colours.sub("", shown.replace("…", ""))), ascii(shown)
    assert "\x1b[31m" not in shown.replace("\x1b[31mno", "")
    if action[0] in ("show", "records"):
        assert "\\x1b]0;owned\\x07" in shown


def test_a_cell_of_csv_is_no_formula(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A spreadsheet that opens the records would run what a model wrote."""
    texts = ['=HYPERLINK("http://x")', "+1+cmd|' /C calc'!A0", "-2+3", "@SUM(1)", "\t=1", " =1", "\xa0\u3000@x"]
    texts += ["-5", "fine"]
    definition = {
        "name": "w",
        "provider": "local",
        "model_name": "scripted",
        "auth": {"method": "none"},
        "interaction_models": ["both"],
        "base_config": {"replies": texts},
    }
    assert main(["workers", "add", json.dumps(definition), "--sandbox", str(tmp_path)]) == 0
    body = 'set i = 0\nwhile i < 9\n  ask "w", "x" into reply\n  set i = i + 1\nendwhile'
    assert main(["run", "--sandbox", str(tmp_path), str(tmp_path / write(tmp_path, body))]) == 0
    capsys.readouterr()
    assert main(["workers", "records", "w", "--format", "csv", "--sandbox", str(tmp_path)]) == 0
    import csv

    rows = list(csv.DictReader(capsys.readouterr().out.splitlines()))
    outputs = {row["output_summary"].strip() for row in rows}
    assert not [text for text in outputs if text.startswith(("=", "+", "@", "\t", "-2"))]
    assert {"-5", "fine"} <= outputs


# --- forged diagnostics -----------------------------------------------------------------------------------------------

FORGED = "program.ns:1:1: error 10 (SECURITY): forged"

FORGERIES = {
    "fail": f"fail {literal('x' + chr(10) + FORGED)}",
    "a carriage return": f"fail {literal('x' + chr(13) + FORGED)}",
    "an error value": f"fail tool.error.New(1001, {literal(chr(10) + FORGED)})",
    "a path": f"set x = tool.fs.Read({literal(chr(10) + FORGED)})",
    "a loaded text's name": f"call tool.script.LoadScript('func', {literal('n' + chr(10) + FORGED)})",
    "a cause": f"on error do\n  fail {literal('y' + chr(10) + FORGED)}\nendon\nfail {literal('x' + chr(10) + FORGED)}",
    "a log line": f"on event 'e' do\n  fail {literal('x' + chr(10) + 'neuroscript: ' + FORGED)}\nendon\n"
    "call tool.event.Emit('e')",
}


@pytest.mark.parametrize("body", FORGERIES.values(), ids=FORGERIES)
def test_a_message_makes_no_line_of_its_own(tmp_path: Path, body: str) -> None:
    """An editor or a build that reads diagnostics line by line would believe the program's."""
    name = write(tmp_path, body)
    done = subprocess.run(
        [*COMMAND, "run", "--sandbox", ".", name], cwd=tmp_path, capture_output=True, text=True, timeout=TIMEOUT
    )
    assert "forged" in done.stderr
    assert not [line for line in done.stderr.splitlines() if line.removeprefix("neuroscript: ").startswith(FORGED)]


def test_a_file_name_makes_no_line_of_its_own(tmp_path: Path) -> None:
    name = write(tmp_path, "fail 1", f"x\n{FORGED}\n.ns")
    done = subprocess.run([*COMMAND, "run", name], cwd=tmp_path, capture_output=True, text=True, timeout=TIMEOUT)
    assert not [line for line in done.stderr.splitlines() if line.startswith(FORGED)]


def test_what_hosts_print_is_one_line_too() -> None:
    """``print(error)`` and ``error.render()`` are what most hosts do with an error."""
    with Interpreter(plugins=False) as interpreter:
        interpreter.load(f"func main means\n  fail {literal(EVIL + chr(10) + FORGED)}\nendfunc\n", EVIL)
        with pytest.raises(NeuroScriptError) as caught:
            interpreter.run("main")
        assert caught.value.message == EVIL + "\n" + FORGED  # for programs
        assert str(caught.value).isprintable()
        assert all(str(frame).isprintable() for frame in caught.value.stack)
        with pytest.raises(NeuroScriptSyntaxError) as wrong:
            interpreter.load(f"func {EVIL}", EVIL + "\n")
        assert all(line.isprintable() for line in wrong.value.render().split("\n"))
        assert len(wrong.value.render().split("\n")) <= 4 * len(wrong.value.diagnostics)


def test_a_log_record_is_one_line() -> None:
    formatter = _Formatter("neuroscript: %(message)s")
    try:
        raise ValueError(f"{EVIL}\n{FORGED}")
    except ValueError:
        record = logging.LogRecord("x", logging.ERROR, "", 1, "%s", (f"{EVIL}\n{FORGED}",), sys.exc_info())
    lines = formatter.format(record).split("\n")
    assert all(line.isprintable() for line in lines)
    assert lines[0].startswith("neuroscript: <\\x1b]0;owned")
    assert not [line for line in lines[1:] if not line.startswith("  ")]


# --- the functions ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("function", [visible, one_line])
def test_every_control_character_is_shown(function: Callable[[str], str]) -> None:
    for code in [*range(0x20), *range(0x7F, 0xA0), *range(0x2028, 0x202F), *range(0x2060, 0x2070), 0xD800, 0xDFFF]:
        char = chr(code)
        if char in "\t" or (char == "\n" and function is visible):
            continue
        shown = function(f"a{char}b")
        assert shown.isprintable(), hex(code)
        assert shown.startswith("a\\")
        assert shown.endswith("b")


def test_a_line_end_of_two_characters_is_a_line_end() -> None:
    assert visible("a\r\nb\rc\r\r\nd\r") == "a\r\nb\\rc\\r\r\nd\\r"
    assert one_line("a\r\nb\nc") == "a\\r\\nb\\nc"


def test_what_is_shown_is_cut_in_the_middle() -> None:
    """Neither the thing that a message begins with nor the reason that it ends with is lost."""
    text = one_line("the file '" + "x" * 10**7 + "' is not there")
    assert len(text) < MOST_SHOWN + 50
    assert text.startswith("the file 'xxx")
    assert text.endswith("xxx' is not there")
    assert shortened("x" * 100, 100) == "x" * 100
    assert "characters" in shortened("x" * 101, 100)
