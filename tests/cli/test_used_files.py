"""Programs that use files at the command line: ``run``, ``check`` and ``:load``."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.cli.conftest import Command

Script = Callable[..., str]

MAIN = ':: uses: lib/text.ns\nfunc main() means\n  emit shout("hey")\nendfunc\n'
LIBRARY = "\nfunc shout(needs s) means\n  return 1 / len(s)\nendfunc\n"


@pytest.fixture
def project(script: Script, tmp_path: Path) -> str:
    """A program with a library."""
    (tmp_path / "lib").mkdir()
    script(LIBRARY, "lib/text.ns")
    return script(MAIN, "main.ns")


def test_run_shows_the_line_of_the_used_file(
    neuroscript: Command, script: Script, project: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert neuroscript("run", project).out == "0.3333333333333333\n"
    script(MAIN.replace("hey", ""), "main.ns")
    done = neuroscript("run", project)
    assert done.status == 1
    assert done.err == (
        "lib/text.ns:3:12: error 14 (DIVISION_BY_ZERO): division by zero\n"
        "  3 |   return 1 / len(s)\n    |            ^\n"
        "  in shout (lib/text.ns:3:12)\n  in main (main.ns:3:8)\n"
    )
    denied = neuroscript("run", "--deny", "fs.*", project)
    assert denied.err.startswith("lib/text.ns:3:12: error 14 (DIVISION_BY_ZERO): division by zero\n  in shout")
    monkeypatch.chdir(tmp_path / "lib")
    assert neuroscript("run", "../main.ns").err.startswith("../lib/text.ns:3:12: error 14")


def test_run_cannot_load_a_program_whose_library_is_broken(neuroscript: Command, script: Script, project: str) -> None:
    script("func shout(]\n", "lib/text.ns")
    done = neuroscript("run", project)
    assert done.status == 3
    assert done.err.startswith("lib/text.ns:1:")
    assert "  1 | func shout(]\n" in done.err
    row = neuroscript("run", "--format", "jsonl", project).rows[0]["error"]
    assert (row["code"], row["file"], row["line"]) == (15, "lib/text.ns", 1)


def test_a_program_from_standard_input_uses_none(
    neuroscript: Command, project: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for command in ("run", "check"):
        monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(MAIN.encode())))
        done = neuroscript(command, "-")
        assert done.status == 3
        assert "<stdin>:1:10: error: this text is from no file" in done.out + done.err


def test_further_directories(neuroscript: Command, script: Script, project: str, tmp_path: Path) -> None:
    (tmp_path / "shared").mkdir()
    (tmp_path / "project").mkdir()
    script('func shared(returns r) means\n  return "s"\nendfunc\n', "shared/s.ns")
    main = script(":: uses: ../shared/s.ns\nfunc main() means\n  emit shared()\nendfunc\n", "project/main.ns")
    assert neuroscript("run", main).status == 3
    assert neuroscript("check", main).status == 3
    assert neuroscript("run", "--lib", "shared", main).out == "s\n"
    assert neuroscript("check", "--lib", "shared", main).out == "1 file checked: nothing found\n"
    for command in ("run", "check"):
        done = neuroscript(command, "--lib", "missing", main)
        assert (done.status, done.err) == (2, "neuroscript: --lib 'missing' is not a directory\n")


def test_check_tells_each_finding_once(neuroscript: Command, script: Script, project: str) -> None:
    other = script(MAIN, "other.ns")
    script(LIBRARY + "func wrong() means\n  emit never\nendfunc\n", "lib/text.ns")
    rows = neuroscript("check", "--format", "jsonl", project, other).rows
    assert [(row["file"], len(row["diagnostics"])) for row in rows] == [
        ("main.ns", 0),
        ("lib/text.ns", 1),
        ("other.ns", 0),
    ]
    rows = neuroscript("check", "--format", "jsonl", project, "./lib/text.ns", other).rows
    assert [(row["file"], len(row["diagnostics"])) for row in rows] == [
        ("main.ns", 0),
        ("./lib/text.ns", 1),
        ("other.ns", 0),
    ]
    done = neuroscript("check", project, other)
    assert done.status == 0
    assert done.out.splitlines()[-1] == "3 files checked: 1 warning"


def test_check_counts_no_notes(neuroscript: Command, script: Script) -> None:
    library = script("func helper() means\n  call unknown(1)\nendfunc\n")
    done = neuroscript("check", library)
    assert "program.ns:2:8: note: there is no procedure 'unknown' here" in done.out
    assert (done.status, done.out.splitlines()[-1]) == (0, "1 file checked: 1 note")
    beside = script(LIBRARY, "beside.ns")
    done = neuroscript("check", "--with", beside, library)
    assert "program.ns:2:8: warning: there is no procedure 'unknown' here" in done.out
    missing = neuroscript("check", "--with", "missing.ns", library)
    assert (missing.status, missing.err) == (2, "neuroscript: there is no file 'missing.ns'\n")


def test_a_session_loads_a_program_with_what_it_uses(
    neuroscript: Command, project: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        sys, "stdin", io.StringIO(":load main.ns\nmain()\n:load main.ns\nshout('')\n:: uses: main.ns\n\n")
    )
    done = neuroscript("repl")
    assert done.out == "loaded main\n0.3333333333333333\nloaded main\n"
    assert done.err.startswith("lib/text.ns:3:12: error 14")
    assert "  3 |   return 1 / len(s)\n" in done.err
    assert ":1:10: error: this text is from no file" in done.err


@pytest.mark.parametrize("also", [[], ["lib/text.ns"]])
@pytest.mark.parametrize("broken", ["func shout(]\n", LIBRARY + "func b() means\n  break\nendfunc\n"])
def test_a_program_whose_library_is_broken_is_not_valid(
    neuroscript: Command, script: Script, project: str, broken: str, also: list[str]
) -> None:
    script(broken, "lib/text.ns")
    script(":: uses: main.ns\n", "third.ns")
    done = neuroscript("check", "--format", "jsonl", project, "third.ns", *also)
    assert done.status == 3
    valid = {row["file"]: row["valid"] for row in done.rows}
    assert valid == {"main.ns": False, "lib/text.ns": False, "third.ns": False}


def test_a_used_file_with_warnings_alone_leaves_all_valid(neuroscript: Command, script: Script, project: str) -> None:
    script(LIBRARY + "func b() means\n  call tool.no.Such()\n  emit never\nendfunc\n", "lib/text.ns")
    rows = neuroscript("check", "--format", "jsonl", project).rows
    assert [(row["file"], row["valid"]) for row in rows] == [("main.ns", True), ("lib/text.ns", True)]


@pytest.mark.parametrize("format_name", ["text", "jsonl", "sarif"])
def test_standard_input_has_one_name(neuroscript: Command, monkeypatch: pytest.MonkeyPatch, format_name: str) -> None:
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(b"emit 1\n")))
    done = neuroscript("check", "--format", format_name, "-")
    if format_name == "text":
        assert done.out.startswith("<stdin>:1:1: ")
    elif format_name == "jsonl":
        assert done.rows[0]["file"] == "<stdin>"
    else:
        assert '{"uri": "%3Cstdin%3E"}' in done.out
