"""Tests of a hostile project: a file of tests is a script, and what it says cannot look like the runner's own words."""

from __future__ import annotations

import json
import os
from pathlib import Path
from xml.etree import ElementTree

import pytest

from neuroscript.cli import main

FORGED = "\\n  ok    test_other\\n\\n99 passed\\n\\x1b[2J\\x1b]0;title\\x07"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty project beside a secret."""
    (tmp_path / "secret").write_text("secret")
    directory = tmp_path / "project"
    directory.mkdir()
    monkeypatch.chdir(directory)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "user"))
    monkeypatch.setenv("SECRET_VARIABLE", "secret")
    return directory


def test_no_line_can_be_forged(
    project: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (project / "a_test.ns").write_text(
        f"""\
func test_a() means
  emit "{FORGED}"
  set value = "{FORGED}"
  must value == ""
endfunc
func test_b() means
  fail "{FORGED}"
endfunc
func test_c() means
  emit "{FORGED}"
endfunc
"""
    )
    (project / "a_test.test_c.golden").write_text("x\n")
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("NO_COLOR", "1")
    assert main(["test"]) == 1
    out = capsys.readouterr().out
    lines = out.splitlines()
    assert "  ok    test_other" not in lines
    assert "99 passed" not in lines
    assert "\x1b" not in out
    assert "\x07" not in out
    assert lines[-1] == "0 passed, 3 failed"


def test_reports_cannot_be_forged(project: Path) -> None:
    (project / "a_test.ns").write_text(
        'func test_a() means\n  emit "</system-out></testcase>\\x1b[2J\\x00"\n  fail "]]></failure>"\nendfunc\n'
    )
    assert main(["test", "--junit", "out.xml", "--coverage-html", "out.html"]) == 1
    text = Path("out.xml").read_text()
    assert "\x1b" not in text
    assert [case.get("name") for case in ElementTree.fromstring(text).iter("testcase")] == ["test_a"]


@pytest.mark.parametrize(
    ("statement", "code"),
    [
        ('call tool.fs.Read("../secret")', 34),
        ('call tool.fs.Read("/etc/passwd")', 34),
        ('call tool.os.Getenv("SECRET_VARIABLE")', 10),
        ('ask "any", "x" into y', 18),
        ('call tool.AIWorker.ExecuteStatelessTask("w", "x")', 18),
        ('call tool.AIWorker.Embed("w", ["x"])', 18),
        ('set i = tool.AIWorkerInstance.Spawn("w")\n  ask i.conversation_manager_handle, "x" into y', 18),
    ],
)
def test_what_a_test_may_not_do(
    project: Path, statement: str, code: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-the-user-0123456789")
    worker = 'provider: "openai", model_name: "gpt-x", auth: {"method": "env_var", "value": "OPENAI_API_KEY"}'
    (project / "a_test.ns").write_text(
        f"""\
func setup() means
  call tool.AIWorkerDefinition.Add(name: "w", {worker}, interaction_models: ["both"])
endfunc
func test_a() means
  {statement}
endfunc
"""
    )
    assert main(["test", "--format", "jsonl"]) == 1
    row = json.loads(capsys.readouterr().out.splitlines()[0])
    assert (row["failures"][0]["phase"], row["failures"][0]["error"]["code"]) == ("test", code)
    assert "sk-of-the-user" not in json.dumps(row)


def test_links_lead_nowhere(project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = ":: uses: lib.ns\nfunc test_a() means\nendfunc\n"
    (project / "a_test.ns").write_text(text)
    (project / "lib.ns").symlink_to(tmp_path / "secret")
    assert main(["test"]) == 3
    assert "secret" not in capsys.readouterr().out.replace(str(tmp_path), "").replace("lib.ns", "")
    (project / "lib.ns").unlink()
    (project / "lib.ns").write_text("")
    (project / "a_test.ns").write_text('func test_a() means\n  emit "new"\nendfunc\n')
    golden = project / "a_test.test_a.golden"
    golden.symlink_to(tmp_path / "secret")
    assert main(["test", "--update"]) == 1
    assert (tmp_path / "secret").read_text() == "secret"
    out = project / "out.xml"
    out.symlink_to(tmp_path / "secret")
    main(["test", "--junit", "out.xml"])
    assert (tmp_path / "secret").read_text() == "secret"
    assert not os.path.islink(out)
