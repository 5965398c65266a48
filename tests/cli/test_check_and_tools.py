"""``neuroscript check`` and ``neuroscript tools``."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from types import SimpleNamespace

import pytest

from tests.cli.conftest import Command

Script = Callable[..., str]

GOOD = "func main() means\n  return 1\nendfunc\n"
BAD = "func main() means\n  set = 3\n  if\nendfunc\n"
DOUBTFUL = "func main() means\n  emit never_set\nendfunc\n"


def test_a_file_is_a_line_of_json(neuroscript: Command, script: Script) -> None:
    files = script(GOOD, "good.ns"), script(BAD, "bad.ns"), script(DOUBTFUL, "doubtful.ns")
    done = neuroscript("check", "--format", "jsonl", *files)
    assert done.status == 3
    good, bad, doubtful = done.rows
    assert good == {"file": "good.ns", "valid": True, "diagnostics": []}
    assert (bad["file"], bad["valid"]) == ("bad.ns", False)
    assert bad["diagnostics"][0].keys() == {"line", "column", "severity", "code", "message"}
    assert (bad["diagnostics"][0]["line"], bad["diagnostics"][0]["severity"]) == (2, "error")
    assert doubtful["valid"] is True
    assert [(found["severity"], found["line"]) for found in doubtful["diagnostics"]] == [("warning", 2)]


def test_text_shows_lines_and_carets(neuroscript: Command, script: Script) -> None:
    done = neuroscript("check", script(BAD, "bad.ns"), script(DOUBTFUL, "doubtful.ns"))
    assert done.status == 3
    assert "bad.ns:2:7: error: " in done.out
    assert "  2 |   set = 3\n    |       ^" in done.out
    assert "doubtful.ns:2:8: warning: " in done.out
    assert done.out.splitlines()[-1].startswith("2 files checked: ")


def test_warnings_alone_are_status_0(neuroscript: Command, script: Script) -> None:
    done = neuroscript("check", script(DOUBTFUL))
    assert done.status == 0
    assert done.out.splitlines()[-1] == "1 file checked: 1 warning"
    done = neuroscript("check", script(GOOD))
    assert (done.status, done.out) == (0, "1 file checked: nothing found\n")


@pytest.mark.parametrize("other", [GOOD, BAD])
def test_a_missing_file_is_status_3_and_the_others_are_checked(
    neuroscript: Command, script: Script, other: str
) -> None:
    done = neuroscript("check", "--format", "jsonl", "missing.ns", script(other))
    assert done.status == 3
    assert [row["file"] for row in done.rows] == ["program.ns"]
    assert "there is no file 'missing.ns'" in done.err


def test_strict_lets_warnings_count(neuroscript: Command, script: Script) -> None:
    done = neuroscript("check", "--strict", script(DOUBTFUL))
    assert done.status == 3
    assert done.out.splitlines()[-1] == "1 file checked: 1 warning"
    assert neuroscript("check", "--strict", script(GOOD)).status == 0
    silenced = DOUBTFUL.replace("never_set", "never_set # ns: ignore NS105")
    assert neuroscript("check", "--strict", script(silenced)).status == 0


@pytest.mark.parametrize("line", ["call tool.no.Such()", 'emit tool.str.ToUpper("a", "b")', "call main(1)"])
def test_what_is_certain_to_fail_is_an_error(neuroscript: Command, script: Script, line: str) -> None:
    body = f"func main() means\n  on error do\n    clear_error\n  endon\n  {line}\nendfunc\n"
    done = neuroscript("check", "--format", "jsonl", script(body))
    assert done.status == 3
    assert [found["severity"] for found in done.rows[0]["diagnostics"]] == ["error"]
    assert done.rows[0]["valid"] is True  # it can be loaded, and
    assert neuroscript("run", script(body)).status == 0  # the handler clears the error


def test_a_finding_has_its_rule(neuroscript: Command, script: Script) -> None:
    (found,) = neuroscript("check", "--format", "jsonl", script(DOUBTFUL)).rows[0]["diagnostics"]
    assert (found["rule"], found["name"], found["code"]) == ("NS105", "never-set", 9)
    assert "is never set [NS105 never-set]\n" in neuroscript("check", script(DOUBTFUL)).out


def test_globals_of_the_host_are_named(neuroscript: Command, script: Script) -> None:
    program = script("command\nemit region + limits + zone\nset region = 1\nendcommand\n")
    done = neuroscript("check", "--format", "jsonl", "--globals", "region, limits", "--globals=zone", program)
    assert [(found["line"], found["name"]) for found in done.rows[0]["diagnostics"]] == [(3, "host-name")]


@pytest.mark.parametrize("names", ["", "a,,b", "a b", "1", "a.b"])
def test_a_global_is_a_name(neuroscript: Command, script: Script, names: str) -> None:
    done = neuroscript("check", "--globals", names, script(GOOD))
    assert done.status == 2
    assert "names with commas between them are wanted" in done.err


def test_a_program_from_standard_input(neuroscript: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(BAD.encode())))
    done = neuroscript("check", "-")
    assert done.status == 3
    assert "<stdin>:2:7" in done.out


def test_tools_are_listed_by_group(neuroscript: Command) -> None:
    done = neuroscript("tools", "--no-plugins")
    assert done.status == 0
    lines = done.out.splitlines()
    assert "fs" in lines
    assert any(line.startswith("  tool.fs.Read(filepath) ") for line in lines)
    assert lines.index("fs") < lines.index("str")


def test_a_tool_is_explained_whatever_its_case(neuroscript: Command) -> None:
    for name in ("fs.Read", "tool.FS.read"):
        done = neuroscript("tools", name)
        assert done.status == 0
        assert done.out.startswith("## tool.fs.Read(filepath: string) -> string\n")


def test_a_group_is_listed(neuroscript: Command) -> None:
    done = neuroscript("tools", "os")
    assert done.out.splitlines()[0] == "os"
    assert "tool.os.Getenv(name)" in done.out
    assert "tool.fs." not in done.out


def test_tools_as_json_have_schemas(neuroscript: Command) -> None:
    rows = neuroscript("tools", "--format", "jsonl", "--no-plugins").rows
    names = [row["name"] for row in rows]
    assert "fs.Read" in names
    assert len(set(names)) == len(names)
    (row,) = neuroscript("tools", "--format", "jsonl", "fs.Read").rows
    assert row["parameters"]["required"] == ["filepath"]


def test_an_unknown_tool_names_the_nearest(neuroscript: Command) -> None:
    done = neuroscript("tools", "fs.Raed")
    assert done.status == 2
    assert "tool.fs.Read" in done.err


def test_nothing_is_cut_where_the_output_is_no_terminal(neuroscript: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "…\n" in neuroscript("tools").out
    monkeypatch.delenv("COLUMNS")
    assert "…\n" not in neuroscript("tools").out
    name, model = "a-long-name" * 12, "custom/" + "long-model-" * 12
    neuroscript("workers", "add", name, "--model", model, "--base-url", "http://127.0.0.1:9", "--sandbox", "team")
    line = neuroscript("workers", "list", "--sandbox", "team").out.splitlines()[-1]
    assert name in line
    assert model in line
