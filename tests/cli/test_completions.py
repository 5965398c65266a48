"""``neuroscript completions``: the scripts for shells, and the words that they are given."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from neuroscript.cli.app import command_names
from neuroscript.cli.shells import SCRIPTS
from tests.cli.conftest import Command


def words(neuroscript: Command, *typed: str) -> list[str]:
    done = neuroscript("completions", "--words", stdin="".join(f"{word}\n" for word in typed))
    assert (done.status, done.err) == (0, "")
    return [line.partition("\t")[0] for line in done.out.splitlines()]


def test_the_first_word_is_a_command_one_of_a_package_too(neuroscript: Command) -> None:
    assert words(neuroscript, "") == command_names()
    assert words(neuroscript, "r") == ["run", "repl", "runs"]
    assert "workers" in words(neuroscript, "w")
    assert words(neuroscript, "nosuch", "") == []


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        (("run", "--expl"), ["--explain-policy"]),
        (("run", "--format", ""), ["text", "jsonl"]),
        (("run", "--format", "j"), ["jsonl"]),
        (("run", "--format=j"), ["--format=jsonl"]),
        (("run", "--format", "=", "j"), ["jsonl"]),  # bash's way to hand it over
        (("run", "--format", "="), ["text", "jsonl"]),
        (("run", ""), [":files"]),
        (("run", "x.ns", ""), []),
        (("run", "--stream", ""), [":files"]),
        (("run", "--sandbox", ""), [":directories"]),
        (("run", "--sandbox=d"), [":directories"]),
        (("run", "--max-steps", ""), []),
        (("run", "--", "-"), [":files"]),
        (("check", "a.ns", ""), [":files"]),
        (("completions", ""), list(SCRIPTS)),
        (("completions", "--w"), []),
        (("workers", "rec"), ["records"]),
        (("workers", "--workers", "d", "rec"), ["records"]),
        (("workers", "list", "--sta"), ["--status"]),
        (("workers", "list", "--status", "ar"), ["archived"]),
        (("workers", "nosuch", "--sta"), []),
        (("explain", "stale"), ["stale-value"]),
        (("tools", "math.Ma"), ["math.Max"]),
    ],
)
def test_what_may_come_next(neuroscript: Command, typed: tuple[str, ...], found: list[str]) -> None:
    assert words(neuroscript, *typed) == found


def test_workers_are_those_of_the_directory_that_is_named(neuroscript: Command, tmp_path: Path) -> None:
    for name in ("reader", "writer"):
        neuroscript("workers", "add", name, "--model", "local/echo", "--sandbox", "team")
    assert words(neuroscript, "workers", "show", "--workers", "team", "") == ["reader", "writer"]
    assert words(neuroscript, "workers", "show", "--workers=team", "w") == ["writer"]
    assert words(neuroscript, "ask", "--sandbox", "team", "-w", "r") == ["reader"]
    assert words(neuroscript, "workers", "show", "--workers", "none", "") == []
    assert not (tmp_path / "none").exists()


def test_an_option_comes_with_what_it_does(neuroscript: Command) -> None:
    done = neuroscript("completions", "--words", stdin="run\n--entr\n")
    assert done.out == "--entry\tthe procedure of a library to run, whose result is shown\n"


def test_a_shell_is_wanted_that_there_is_a_script_for(neuroscript: Command) -> None:
    assert neuroscript("completions").err.startswith("neuroscript: which shell?")
    done = neuroscript("completions", "fihs")
    assert (done.status, done.out) == (2, "")
    assert "did you mean 'fish'?" in done.err
    for shell, script in SCRIPTS.items():
        assert neuroscript("completions", shell).out == script.lstrip("\n")


LINES = [
    (["neuroscript", "r"], ["run", "repl"]),
    (["neuroscript", "run", "--format", "="], ["text", "jsonl"]),
    (["neuroscript", "run", "pro"], ["program one.ns", "program.ns"]),
    (["neuroscript", "run", "--sandbox", "fo"], ["folder"]),
    (["neuroscript", "workers", "list", "--"], ["--help", "--workers", "--sandbox"]),
]


@pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not here")
@pytest.mark.parametrize(("line", "found"), LINES)
def test_bash_completes_with_its_script(tmp_path: Path, line: list[str], found: list[str]) -> None:
    (tmp_path / "bin").mkdir()
    command = tmp_path / "bin" / "neuroscript"
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -m neuroscript "$@"\n')
    command.chmod(0o755)
    (tmp_path / "folder").mkdir()
    for name in ("program.ns", "program one.ns"):
        (tmp_path / name).touch()
    script = 'source <(neuroscript completions bash)\nCOMP_WORDS=("$@")\nCOMP_CWORD=$(($#-1))\n_neuroscript\n'
    done = subprocess.run(
        ["bash", "-c", script + 'printf "%s\\n" "${COMPREPLY[@]}"', "bash", *line],
        cwd=tmp_path,
        env={"PATH": f"{command.parent}:/usr/bin:/bin", "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.stderr == ""
    assert done.stdout.splitlines()[: len(found)] == found
