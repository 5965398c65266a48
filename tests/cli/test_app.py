"""The command itself: help, version, and commands that are not there."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from neuroscript import __version__
from neuroscript.cli import app
from tests.cli.conftest import Command


def test_version(neuroscript: Command) -> None:
    done = neuroscript("--version")
    assert (done.status, done.out) == (0, f"neuroscript {__version__}\n")


def test_help_lists_the_commands(neuroscript: Command) -> None:
    done = neuroscript("--help")
    assert done.status == 0
    for name in (*app.BUILT_IN, "workers"):
        assert f"\n  {name} " in done.out


def test_without_a_command_the_help_is_shown_as_wrong_usage(neuroscript: Command) -> None:
    done = neuroscript()
    assert (done.status, done.out) == (2, "")
    assert "run a program" in done.err


@pytest.mark.parametrize("name", ["run", "check", "tools", "repl"])
def test_every_command_explains_itself(neuroscript: Command, name: str) -> None:
    done = neuroscript(name, "--help")
    assert done.status == 0
    assert done.out.startswith(f"usage: neuroscript {name}")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("rum",), "did you mean 'run'?"),
        (("zzz",), "there are run, check"),
        (("help",), "did you mean 'neuroscript --help'?"),
        (("version",), "did you mean 'neuroscript --version'?"),
        (("--wrong",), "--wrong"),
    ],
)
def test_wrong_usage(neuroscript: Command, arguments: tuple[str, ...], message: str) -> None:
    done = neuroscript(*arguments)
    assert done.status == 2
    assert message in done.err


def test_a_file_in_place_of_a_command_is_explained(neuroscript: Command, script: Callable[..., str]) -> None:
    script("command\nendcommand")
    done = neuroscript("program.ns")
    assert done.status == 2
    assert "neuroscript run program.ns" in done.err


def test_an_interrupt_outside_a_run_is_no_traceback(neuroscript: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(_: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr("neuroscript.cli.tools.run", interrupted)
    done = neuroscript("tools")
    assert (done.status, done.err) == (130, "neuroscript: interrupted\n")


def test_a_defect_is_one_line_and_no_traceback(neuroscript: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    def defective(_: object) -> int:
        raise ZeroDivisionError("oops")

    monkeypatch.setattr("neuroscript.cli.tools.run", defective)
    done = neuroscript("tools")
    assert done.status == 1
    assert done.err.startswith("neuroscript: internal error: ZeroDivisionError: oops\n")
    assert "Traceback" not in done.err
