"""The command as a process of its own: pipes, signals, and what a start imports."""

from __future__ import annotations

import json
import shlex
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

COMMAND = [sys.executable, "-m", "neuroscript"]
TIMEOUT = 30

posix = pytest.mark.skipif(sys.platform == "win32", reason="the platform sends no such signals")


@pytest.fixture
def start(tmp_path: Path) -> Callable[..., subprocess.Popen[str]]:
    """Starts the command with a program."""

    def begin(program: str, *options: str) -> subprocess.Popen[str]:
        (tmp_path / "program.ns").write_text(program)
        return subprocess.Popen(
            [*COMMAND, "run", "--format", "jsonl", *options, "program.ns"],
            cwd=tmp_path,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    return begin


def test_python_m_runs_a_program_from_standard_input() -> None:
    program = 'command\nemit "grüße"\nendcommand'
    done = subprocess.run([*COMMAND, "run", "-"], input=program.encode(), capture_output=True, timeout=TIMEOUT)
    assert (done.returncode, done.stdout.decode().strip(), done.stderr) == (0, "grüße", b"")


def test_a_stream_that_cannot_show_a_character_gets_an_escape() -> None:
    done = subprocess.run(
        [*COMMAND, "run", "-"],
        input="command\nemit '→'\nendcommand".encode(),
        capture_output=True,
        timeout=TIMEOUT,
        env={"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0", "NEUROSCRIPT_NO_CACHE": "1"},
    )
    assert (done.returncode, done.stdout.split()) == (0, [b"\\u2192"])


def test_lines_of_json_come_at_once_and_answers_go_in(start: Callable[..., subprocess.Popen[str]]) -> None:
    with start('command\nemit "first"\nemit tool.io.Input("more? ")\nendcommand') as process:
        assert process.stdout is not None
        assert json.loads(process.stdout.readline())["emit"] == "first"
        out, err = process.communicate("yes\n", timeout=TIMEOUT)
    assert json.loads(out.splitlines()[0])["emit"] == "yes"
    assert (process.returncode, err) == (0, "more? ")


@posix
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize(
    "busy",
    ["while true\n  endwhile", "call tool.time.Sleep(60)", 'promptuser "? " into answer'],
    ids=["loop", "sleep", "question"],
)
def test_a_signal_cancels_the_run_in_order(
    start: Callable[..., subprocess.Popen[str]], number: signal.Signals, busy: str
) -> None:
    with start(f'command\n  emit "started"\n  {busy}\nendcommand', "--max-steps", "100000000000") as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        if "promptuser" in busy:
            assert process.stderr.read(2) == "? "
        process.send_signal(number)
        out, err = process.communicate(timeout=TIMEOUT)
    assert process.returncode == 128 + number
    assert json.loads(out)["error"]["code"] == 44
    assert err == ""


@posix
@pytest.mark.parametrize(
    ("command", "status", "told"),
    [
        ("tools >/dev/full", 1, "neuroscript: the output cannot be written: No space left on device\n"),
        ("workers list --format jsonl --workers team >/dev/full", 1, "neuroscript: the output cannot be written: "),
        ("run program.ns >&-", 0, ""),
        ("run program.ns <&-", 0, ""),
        ("run missing.ns 2>&-", 2, ""),
    ],
)
def test_an_output_that_is_full_or_closed(tmp_path: Path, command: str, status: int, told: str) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("there is no /dev/full here")
    (tmp_path / "program.ns").write_text("command\n  emit 1\nendcommand\n")
    prefix = f"{shlex.quote(sys.executable)} -m neuroscript"
    add = f"{prefix} workers add a --model local/echo --sandbox team >&2; " if "team" in command else ""
    done = subprocess.run(
        ["bash", "-c", f"{add}{prefix} {command}"], cwd=tmp_path, capture_output=True, text=True, timeout=TIMEOUT
    )
    assert done.returncode == status
    assert told in done.stderr
    assert "internal error" not in done.stderr


@posix
def test_a_reader_that_goes_away_ends_the_run_quietly(start: Callable[..., subprocess.Popen[str]]) -> None:
    program = 'command\n  while true\n    emit "line"\n  endwhile\nendcommand'
    with start(program, "--max-steps", "100000000000") as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == ""
        assert process.wait(TIMEOUT) == 141


def test_a_start_imports_nothing_but_python_and_the_language(tmp_path: Path) -> None:
    """The cold start: Lark, pydantic, httpx, rich and prompt_toolkit wait until something needs them."""
    (tmp_path / "hello.ns").write_text('func main() means\n  emit tool.str.ToUpper("hello")\nendfunc\n')
    probe = """
import sys
before = set(sys.modules)
from neuroscript.cli import main
status = main(["run", "hello.ns"])
packages = {name.partition(".")[0] for name in set(sys.modules) - before}
print(status, sorted(packages - sys.stdlib_module_names - {"neuroscript"}))
print(sorted(name for name in sys.modules if name.startswith(("neuroscript.cli.", "asyncio"))))
"""
    done = subprocess.run(
        [sys.executable, "-c", probe], cwd=tmp_path, capture_output=True, text=True, timeout=TIMEOUT, check=True
    )
    hello, packages, modules = done.stdout.splitlines()
    assert hello == "HELLO"
    assert packages == "0 []"
    wanted = ["app", "host", "interrupts", "journaling", "options", "parser", "report", "run", "source", "status"]
    assert modules == repr([f"neuroscript.cli.{name}" for name in wanted])
