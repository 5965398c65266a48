"""Sub-commands that installed packages bring: tiny packages are installed in a directory on ``sys.path``."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from neuroscript.cli.app import BUILT_IN
from tests.cli.conftest import Command

GREET = """
from neuroscript import NeuroScriptError
from neuroscript.cli import FAILED, OK, UsageError, add_format, print_json, write_line
import sys

SUMMARY = "greet somebody"


def configure(parser):
    parser.add_argument("name", help="whom to greet")
    parser.add_argument("--how", default="plainly")
    add_format(parser)


def run(options):
    match options.how:
        case "wrongly":
            raise UsageError("nobody is greeted wrongly")
        case "never":
            raise NeuroScriptError(1000, "no greeting")
        case "badly":
            raise ZeroDivisionError("oops")
        case "coldly":
            return FAILED
    if options.format == "jsonl":
        print_json({"greeting": f"hello {options.name}"})
    else:
        write_line(sys.stdout, f"hello {options.name}")
    return OK
"""

GREET_COMMAND = "the command 'greet' (greet_tools, of the package greet-tools)"
LACKS = "lacks one of SUMMARY, configure(parser) and run(options)"

Install = Callable[..., None]


@pytest.fixture
def place(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A directory for packages, which Python imports from during the test."""
    folder = tmp_path_factory.mktemp("site")
    before = set(sys.modules)
    monkeypatch.syspath_prepend(str(folder))
    yield folder
    for name in [name for name in set(sys.modules) - before if name.startswith("greet")]:
        del sys.modules[name]


def line_of(neuroscript: Command, name: str) -> str:
    """What the help says of a command."""
    [line] = [line for line in neuroscript("--help").out.splitlines() if line.startswith(f"  {name} ")]
    return line.split(None, 1)[1]


@pytest.fixture
def install(place: Path) -> Install:
    """Installs a package: a module, and commands that are named to be in it."""

    def installed(source: str, *commands: str, package: str = "greet_tools") -> None:
        (place / f"{package}.py").write_text(source)
        information = place / f"{package}-1.0.dist-info"
        information.mkdir()
        (information / "METADATA").write_text(f"Name: {package.replace('_', '-')}\nVersion: 1.0\n")
        lines = [f"{command} = {package}" for command in commands]
        (information / "entry_points.txt").write_text("[neuroscript.commands]\n" + "\n".join(lines) + "\n")

    return installed


def test_a_command_of_a_package(neuroscript: Command, install: Install) -> None:
    install(GREET, "greet")
    done = neuroscript("greet", "ann")
    assert (done.status, done.out, done.err) == (0, "hello ann\n", "")
    assert neuroscript("greet", "ann", "--format", "jsonl").rows == [{"greeting": "hello ann"}]
    assert neuroscript("greet", "ann", "--how", "coldly").status == 1
    wrong = neuroscript("greet", "ann", "--how", "wrongly")
    assert (wrong.status, wrong.err) == (2, "neuroscript: nobody is greeted wrongly\n")
    assert neuroscript("greet").status == 2
    help_ = neuroscript("greet", "--help")
    assert help_.out.startswith("usage: neuroscript greet [-h]")
    assert "Greet somebody.\n" in help_.out


def test_the_help_lists_it_and_a_wrong_name_is_compared_with_it(neuroscript: Command, install: Install) -> None:
    install(GREET, "greet")
    assert line_of(neuroscript, "greet") == "greet somebody"
    assert neuroscript("gret").err == "neuroscript: there is no command 'gret'; did you mean 'greet'?\n"
    names = [*BUILT_IN, "ask", "chat", "greet", "keys", "log", "workers"]
    assert neuroscript("zzz").err.endswith(f"there are {', '.join(names)}\n")


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        ("import no_such_module", "cannot be loaded: ModuleNotFoundError: No module named 'no_such_module'"),
        ("1 / 0", "cannot be loaded: ZeroDivisionError: division by zero"),
        ("SUMMARY = 'x'\ndef run(options): ...", LACKS),
        (
            "def configure(parser): ...\ndef run(options): ...",
            "lacks one of SUMMARY, configure(parser) and run(options)",
        ),
    ],
)
def test_a_broken_command_is_one_line_that_names_the_package(
    neuroscript: Command, install: Install, source: str, problem: str
) -> None:
    install(source, "greet")
    done = neuroscript("greet")
    assert done.status == 1
    assert done.err.startswith(f"neuroscript: error 18 (CONFIGURATION): {GREET_COMMAND} {problem}")
    assert done.err.count("\n") == 1
    help_ = neuroscript("--help")
    assert help_.status == 0
    assert f" {GREET_COMMAND} {problem}" in help_.out
    assert neuroscript("tools", "str.ToUpper").status == 0


def test_its_failures_are_told_as_its_own(neuroscript: Command, install: Install) -> None:
    install(GREET, "greet")
    done = neuroscript("greet", "ann", "--how", "badly")
    assert done.status == 1
    assert done.err == f"neuroscript: error 6 (INTERNAL): {GREET_COMMAND} failed: ZeroDivisionError: oops\n"
    assert neuroscript("greet", "ann", "--how", "never").err == "neuroscript: error 1000 (TOOL): no greeting\n"
    install("SUMMARY = 'x'\ndef configure(parser): 1 / 0\ndef run(options): ...", "other", package="greet_others")
    assert "(greet_others, of the package greet-others) failed: ZeroDivisionError" in neuroscript("other").err


@pytest.mark.parametrize("name", BUILT_IN)
def test_a_built_in_command_cannot_be_replaced(neuroscript: Command, install: Install, name: str) -> None:
    install("raise SystemExit('imported')", name)
    done = neuroscript(name, "--help")
    assert done.out.startswith(f"usage: neuroscript {name}")
    lines = [each.split(None, 1) for each in neuroscript("--help").out.splitlines() if each.startswith(f"  {name} ")]
    assert lines[-1][1].startswith(f"not used, since that name is built in: '{name}' (greet_tools")


def test_two_packages_with_one_command_are_both_named(neuroscript: Command, install: Install) -> None:
    install(GREET, "greet")
    install(GREET, "greet", package="greet_others")
    done = neuroscript("greet", "ann")
    assert done.status == 1
    assert "(greet_tools, of the package greet-tools)" in done.err
    assert "(greet_others, of the package greet-others)" in done.err
    assert "uninstall all but one" in done.err
    assert neuroscript("--help").status == 0


def test_it_works_in_a_process_of_its_own(install: Install, place: Path) -> None:
    install(GREET, "greet")
    environment = {**os.environ, "PYTHONPATH": str(place)}
    command = [sys.executable, "-m", "neuroscript", "greet", "ann"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "hello ann\n", "")


def test_built_in_commands_do_not_look_for_plugins(
    neuroscript: Command, script: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def looked(**_: object) -> None:
        raise AssertionError("entry points were read")

    monkeypatch.setattr("importlib.metadata.entry_points", looked)
    path = script('func main() means\n  emit tool.str.ToUpper("x")\nendfunc\n')
    assert neuroscript("run", path).out == "X\n"
    assert neuroscript("check", path).status == 0
    assert neuroscript("repl", "--help").status == 0
    assert "entry points were read" in neuroscript("unknown").err
