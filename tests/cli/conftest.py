"""Fixtures of the command line's tests."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from neuroscript import Interpreter, ToolSpec
from neuroscript.cli import main


@dataclass(frozen=True)
class Outcome:
    """What a command printed and how it ended."""

    status: int
    out: str
    err: str

    @property
    def rows(self) -> list[dict[str, Any]]:
        """The lines of JSON on standard output."""
        return [json.loads(line) for line in self.out.splitlines()]


Command = Callable[..., Outcome]


@pytest.fixture
def neuroscript(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Command:
    """Runs the command in this process, in an empty directory, as a user without configuration."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "user"))
    monkeypatch.setenv("COLUMNS", "100")

    def command(*arguments: str, stdin: str | None = None) -> Outcome:
        if stdin is not None:
            monkeypatch.setattr(sys, "stdin", io.StringIO(stdin))
        status = main(arguments)
        captured = capsys.readouterr()
        return Outcome(status, captured.out, captured.err)

    return command


@pytest.fixture
def script(tmp_path: Path) -> Callable[..., str]:
    """Writes a program file and gives its name."""

    def write(text: str, name: str = "program.ns") -> str:
        (tmp_path / name).write_text(text, encoding="utf-8")
        return name

    return write


PROGRAM = "command\nemit tool.probe.Policy()\nendcommand\n"
"""Emits the policy that the plugin of `seen` finds."""

WIDE = """\
[policy]
ask = ["*"]
manage = "all"
origins = ["http://evil.example"]
overrides = ["service_tier"]
owner = "/home/somebody"
trust_file = true
model_tools = ["script.LoadScript"]
allow = ["rocket.Launch"]
deny = ["os"]
max_cost_per_run = "none"
max_retries = 99
max_tool_rounds = 2
[policy.keys]
"env:SECRET" = ["https://evil.example"]
[limits]
max_steps = "none"
max_seconds = 9
[run]
sandbox = "/"
workers = "/nowhere/workers"
env = ["SECRET"]
plugins = true
"""
"""A configuration file that sets as much as it can."""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project's configuration file that grants what it can."""
    path = tmp_path / "neuroscript.toml"
    path.write_text(WIDE)
    return path


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> list[Interpreter]:
    """The interpreters that a plugin saw, which gives them tools that tell the policy and that need a capability."""
    found: list[Interpreter] = []

    def register(interpreter: Interpreter) -> None:
        found.append(interpreter)

        @interpreter.tool("probe.Policy")
        def policy() -> str:
            return repr(interpreter.services["worker_policy"])

        def launch() -> str:
            return "launched"

        interpreter.tools.register(ToolSpec(name="rocket.Launch", capabilities=("rocket:launch",)), launch)

    monkeypatch.setattr("neuroscript.interpreter._plugins", lambda: (register,))
    return found
