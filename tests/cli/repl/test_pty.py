"""The REPL as a process on a terminal of its own, and in a pipe."""

from __future__ import annotations

import os
import re
import select
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic

import pytest

if sys.platform == "win32":
    pytest.skip("there are no pseudo-terminals", allow_module_level=True)

import pty
import termios

TIMEOUT = 60
REPL = [sys.executable, "-m", "neuroscript", "repl"]
ON_TERMINAL = 'exec "$@" < "$0" > "$0" 2>&1'
"""Opens a terminal by its name in a session of its own, so that it is the one whose Ctrl-C the process gets."""

_CONTROLS = re.compile(r"\x1b\][^\x07]*\x07|\x1b\[[0-9;?]*[A-Za-z]|\x1b[=>]")
CTRL_C, CTRL_D = "\x03", "\x04"
SIGN = re.compile(r"[⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏] \d+ s")


class Screen:
    """A person at a terminal: types, and waits for what is to appear."""

    def __init__(self, process: subprocess.Popen[bytes], descriptor: int) -> None:
        self.process = process
        self._descriptor = descriptor
        self._seen = b""
        self._read_to = 0

    @property
    def text(self) -> str:
        """All that appeared, without what moves the cursor and colours."""
        return _CONTROLS.sub("", self._seen.decode(errors="replace"))

    def type(self, keys: str) -> None:
        os.write(self._descriptor, keys.encode())

    def wait_for(self, pattern: str | re.Pattern[str]) -> str:
        """Waits for a text, or what fits a pattern, behind what was waited for before; returns it."""
        wanted = re.compile(re.escape(pattern)) if isinstance(pattern, str) else pattern
        end = monotonic() + TIMEOUT
        while True:
            found = wanted.search(self.text, self._read_to)
            if found is not None:
                self._read_to = found.end()
                return found.group()
            if not select.select([self._descriptor], [], [], max(end - monotonic(), 0))[0]:
                raise AssertionError(f"{pattern!r} did not appear; there is {self.text[self._read_to :]!r}")
            if not self._read():
                found = wanted.search(self.text, self._read_to)
                assert found is not None, f"it ended without {pattern!r}: {self.text!r}"

    def _read(self) -> bool:
        """Reads what has come, and answers where the cursor is if that is asked; false if the process has ended."""
        try:
            piece = os.read(self._descriptor, 65536)
        except OSError:
            return False
        self._seen += piece
        for _ in range(piece.count(b"\x1b[6n")):
            os.write(self._descriptor, b"\x1b[1;1R")
        return True

    def status(self) -> int:
        """The exit status, once it has ended."""
        end = monotonic() + TIMEOUT
        while self.process.poll() is None:
            assert monotonic() < end, f"it does not end: {self.text!r}"
            if select.select([self._descriptor], [], [], 0.05)[0] and not self._read():
                break
        return self.process.wait(TIMEOUT)


Open = Callable[..., "contextmanager[Screen]"]


@pytest.fixture
def home(tmp_path: Path) -> dict[str, str]:
    """The environment of a user without files."""
    names = ("DATA", "CONFIG", "STATE", "CACHE")
    places = {f"XDG_{name}_HOME": str(tmp_path / name.lower()) for name in names}
    return {**os.environ, **places, "TERM": "xterm-256color", "PYTHONUTF8": "1"}


@contextmanager
def terminal(home: dict[str, str], cwd: Path, *options: str, columns: int = 100) -> Iterator[Screen]:
    """A REPL on a terminal, at its first prompt."""
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (30, columns))
    command = ["sh", "-c", ON_TERMINAL, os.ttyname(theirs), *REPL, *options]
    process = subprocess.Popen(command, cwd=cwd, env=home, start_new_session=True)
    screen = Screen(process, ours)
    try:
        screen.wait_for("Ctrl-D leaves.")
        screen.wait_for(">")
        yield screen
    finally:
        if process.poll() is None:
            process.kill()
        process.wait(TIMEOUT)
        os.close(theirs)
        os.close(ours)


def test_it_evaluates_until_somebody_leaves(home: dict[str, str], tmp_path: Path) -> None:
    with terminal(home, tmp_path) as screen:
        screen.type("20 + 1\r")
        screen.wait_for("\n21")
        screen.type("last * 2\r")
        screen.wait_for("\n42")
        screen.type("1 / 0\r")
        screen.wait_for("error 14")
        screen.type("exit\r")
        assert screen.status() == 0
    history = tmp_path / "data" / "neuroscript" / "repl_history"
    assert history.stat().st_mode & 0o777 == 0o600
    with terminal(home, tmp_path) as screen:
        screen.type("\x1b[A\x1b[A\x1b[A\x1b[A\r")
        screen.wait_for("\n21")
        screen.wait_for("\n>")
        screen.type(CTRL_D)
        assert screen.status() == 0


@pytest.mark.parametrize(
    "busy",
    ["while true\rendwhile\r", "call tool.time.Sleep(600)\r", 'promptuser "what? " into x\r'],
    ids=["loop", "sleep", "question"],
)
def test_ctrl_c_ends_the_run_and_not_the_session(home: dict[str, str], tmp_path: Path, busy: str) -> None:
    with terminal(home, tmp_path, "--max-steps", "100000000000") as screen:
        screen.type(busy)
        screen.wait_for("\nwhat? " if "promptuser" in busy else SIGN)
        screen.type(CTRL_C)
        screen.wait_for("interrupted at <input 1>:1")
        screen.wait_for(">")
        screen.type("set half = 1" + CTRL_C)
        screen.type("40 + 2\r")
        screen.wait_for("\n42")
        screen.type("half\r")
        screen.wait_for("error 9")
        screen.wait_for("\n>")
        screen.type(CTRL_D)
        assert screen.status() == 0


def test_a_request_to_terminate_ends_the_run_and_the_session(home: dict[str, str], tmp_path: Path) -> None:
    with terminal(home, tmp_path, "--max-steps", "100000000000") as screen:
        screen.type("while true\rendwhile\r")
        screen.wait_for(SIGN)
        screen.process.send_signal(signal.SIGTERM)
        assert screen.status() == 143


def test_questions_are_answered_by_the_person(home: dict[str, str], tmp_path: Path) -> None:
    with terminal(home, tmp_path) as screen:
        screen.type('promptuser "name? " into name\r')
        screen.wait_for("\nname? ")
        screen.type("Ada\r")
        screen.wait_for(">")
        screen.type('"<" + name + ">"\r')
        screen.wait_for('\n"<Ada>"')


def test_several_definitions_and_statements_are_pasted(home: dict[str, str], tmp_path: Path) -> None:
    text = (
        "func f() means\r  return 20\rendfunc\r\r# and\rfunc g() means\r\treturn f() + 1\rendfunc\rset x = g()\rx * 2\r"
    )
    with terminal(home, tmp_path) as screen:
        screen.type(f"\x1b[200~{text}\x1b[201~")
        screen.wait_for("x * 2")
        screen.type("\r")
        screen.wait_for("\n42")
        # A terminal that does not mark what is pasted types it.
        screen.type(text.replace("20", "30"))
        screen.wait_for("\n62")


def test_tab_completes_and_the_call_is_explained(home: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "library.ns").write_text("func twice(needs number) means\n  return number * 2\nendfunc\n")
    with terminal(home, tmp_path) as screen:
        screen.type("emit tool.str.Replace('abc', ")
        screen.wait_for("old_substring: string")
        screen.type(CTRL_C)
        screen.type("emit tool.str.toup")
        screen.wait_for("ToUpper(input_string)")
        screen.type("\t")
        screen.wait_for("Upper")
        screen.type('("done")\r')
        screen.wait_for("\nDONE")
        screen.type(":load li")
        screen.wait_for("library.ns")
        screen.type("\t")
        screen.type("\r")
        screen.type("\r")
        screen.wait_for("loaded twice")
        screen.type("twi")
        screen.wait_for("twice(number)")
        screen.type(CTRL_C)


@pytest.mark.parametrize("columns", [20, 40])
def test_a_narrow_terminal_is_enough(home: dict[str, str], tmp_path: Path, columns: int) -> None:
    with terminal(home, tmp_path, columns=columns) as screen:
        screen.type("help\r")
        screen.wait_for("half typed.")
        screen.type('tool.str.Replace("abc", "b", ')
        screen.wait_for("new_substring")
        screen.type('"x")\r')
        screen.wait_for('\n"axc"')


def test_what_a_program_says_is_shown_and_not_obeyed(home: dict[str, str], tmp_path: Path) -> None:
    with terminal(home, tmp_path) as screen:
        screen.type('"\\x1b]0;mine\\x07" + "end"\r')
        screen.wait_for("\\u001b]0;mine\\u0007end")
        screen.type('emit "\\x1b[2J" + "end"\r')
        screen.wait_for("\n\\x1b[2Jend")


# --- in a pipe -------------------------------------------------------------------------------------------------------


def test_a_signal_ends_what_comes_in_a_pipe(home: dict[str, str], tmp_path: Path) -> None:
    for number, status in ((signal.SIGINT, 130), (signal.SIGTERM, 143)):
        process = subprocess.Popen(
            [*REPL, "--max-steps", "100000000000"],
            cwd=tmp_path,
            env={**home, "PYTHONUNBUFFERED": "1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        with process:
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write("command\nemit 'started'\nwhile true\nendwhile\nendcommand\nemit 'never'\n")
            process.stdin.flush()
            assert process.stdout.readline() == "started\n"
            process.send_signal(number)
            out, err = process.communicate(timeout=TIMEOUT)
        assert (process.returncode, out) == (status, "")
        assert re.fullmatch(r"interrupted at <input 1>:[23]\n", err)


def test_a_pipe_gets_what_is_said_and_the_errors_apart(home: dict[str, str], tmp_path: Path) -> None:
    done = subprocess.run(
        REPL, cwd=tmp_path, env=home, input="emit 'a'\n1 / 0\n'b'\n", capture_output=True, text=True, timeout=TIMEOUT
    )
    assert (done.returncode, done.stdout) == (1, 'a\n"b"\n')
    assert done.stderr.startswith("<input 2>:1:3: error 14")
