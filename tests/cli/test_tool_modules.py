"""``--tools module.py``: tools of a Python module that is no package."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable

import pytest

from tests.cli.conftest import Command

Script = Callable[..., str]

MODULE = '''
from dataclasses import dataclass

from beside import GREETING

@dataclass
class Person:
    name: str

def register(interpreter):
    @interpreter.tool("greet.Hello")
    def hello(person: Person) -> str:
        """Greets somebody."""
        return f"{GREETING} {person.name}"
'''
PROGRAM = 'func main() means\n  emit tool.greet.Hello({"name": "ann"})\nendfunc\n'


@pytest.fixture
def module(script: Script, monkeypatch: pytest.MonkeyPatch) -> str:
    """A module with a tool, which imports one beside it."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.delitem(sys.modules, "beside", raising=False)
    script('GREETING = "hello"\n', "beside.py")
    return script(MODULE, "my-tools.py")


def test_a_program_calls_its_tools(neuroscript: Command, script: Script, module: str) -> None:
    done = neuroscript("run", "--tools", module, script(PROGRAM))
    assert (done.status, done.out, done.err) == (0, "hello ann\n", "")
    assert neuroscript("run", script(PROGRAM)).status == 1


def test_check_knows_its_tools_and_their_signatures(neuroscript: Command, script: Script, module: str) -> None:
    assert neuroscript("check", script(PROGRAM)).status == 3
    assert neuroscript("check", "--tools", module, script(PROGRAM)).status == 0
    done = neuroscript("check", "--tools", module, script(PROGRAM.replace("})", "}, 2)")))
    assert done.status == 3
    assert "takes at most 1 argument" in done.out


def test_an_interactive_session_has_them_after_reset_too(
    neuroscript: Command, module: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    line = 'emit tool.greet.Hello({"name": "bob"})\n'
    monkeypatch.setattr(sys, "stdin", io.StringIO(f"{line}:reset\n{line}"))
    done = neuroscript("repl", "--tools", module)
    assert done.out.count("hello bob\n") == 2


def test_a_rule_against_its_tools_is_known(neuroscript: Command, script: Script, module: str) -> None:
    done = neuroscript("run", "--tools", module, "--deny", "greet.*", script(PROGRAM))
    assert done.status == 1
    assert "(SECURITY)" in done.err


@pytest.mark.parametrize("command", ["run", "check", "repl"])
@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("x = 1\n", "has no function 'register'; write `def register(interpreter): "),
        ("def register(interpreter): pass\n", "register() registers no tool"),
        ("def register(interpreter): return 1 / 0\n", "register() failed: ZeroDivisionError: division by zero"),
        ("def register(interpreter):\n  interpreter.tool('a')(len)\n", "'a'"),
        ("import no_such_module\n", "cannot be imported: ModuleNotFoundError: No module named 'no_such_module'"),
        ("def register(:\n", "cannot be imported: SyntaxError"),
        ("raise SystemExit(5)\n", "cannot be imported: SystemExit: 5"),
    ],
)
def test_a_module_that_does_not_work_is_wrong_usage(
    neuroscript: Command, script: Script, monkeypatch: pytest.MonkeyPatch, command: str, text: str, told: str
) -> None:
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(sys, "stdin", io.StringIO(""))
    files = [] if command == "repl" else [script(PROGRAM)]
    done = neuroscript(command, "--tools", script(text, "tools.py"), *files)
    assert done.status == 2
    assert "neuroscript: --tools 'tools.py'" in done.err
    assert told in done.err


def test_the_traceback_is_the_modules_own(
    neuroscript: Command, script: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "path", list(sys.path))
    text = "def fails():\n    return 1 / 0\n\ndef register(interpreter):\n    fails()\n"
    lines = neuroscript("check", "--tools", script(text, "tools.py"), script(PROGRAM)).err.splitlines()
    assert lines[0] == "Traceback (most recent call last):"
    assert [line.split(", ")[1:] for line in lines if line.startswith("  File ")] == [
        ["line 5", "in register"],
        ["line 2", "in fails"],
    ]


@pytest.mark.parametrize("name", ["missing.py", ".", "a\0b"])
def test_there_is_such_a_file(neuroscript: Command, script: Script, name: str) -> None:
    done = neuroscript("check", "--tools", name, script(PROGRAM))
    assert done.status == 2
    assert "--tools" in done.err
