"""The command itself: how it starts and ends, and what it tells where no editor is."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from neuroscript.cli import main
from tests.language_server.conftest import TIMEOUT, Editor, run_lsp


def test_an_editor_that_goes_away_ends_the_server() -> None:
    ended = run_lsp("--no-plugins", "--stdio")
    assert (ended.returncode, ended.stdout) == (0, b"")


def test_what_is_no_message_is_no_crash() -> None:
    ended = run_lsp("--no-plugins", stdin=b"hello\n")
    assert b"Traceback" not in ended.stderr


def test_a_wrong_flag_is_told_at_once(tmp_path: Path) -> None:
    ended = run_lsp("--tools", "gone.py", cwd=tmp_path)
    assert (ended.returncode, ended.stdout) == (2, b"")
    assert ended.stderr == b"neuroscript: --tools: there is no file 'gone.py'\n"
    ended = run_lsp("--sandbox", "gone", cwd=tmp_path)
    assert ended.stderr == b"neuroscript: --sandbox 'gone' is not a directory\n"
    assert not (tmp_path / "gone").exists()
    ended = run_lsp("--deny", "str.ToUper", cwd=tmp_path)
    assert b"--deny: there is no tool 'str.ToUper'; the nearest are" in ended.stderr


def test_the_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert main(["lsp"]) == 2
    assert "pip install 'neuroscript[lsp]'" in capsys.readouterr().err


@pytest.mark.skipif(sys.platform == "win32", reason="pseudo-terminals are of POSIX")
def test_on_a_terminal_it_says_what_it_is_for() -> None:
    import pty

    ours, theirs = pty.openpty()
    try:
        server = subprocess.Popen(
            [sys.executable, "-m", "neuroscript", "lsp", "--no-plugins"],
            stdin=theirs,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        os.write(ours, b"\x04")  # the end of the input
        out, err = server.communicate(timeout=TIMEOUT)
    finally:
        os.close(ours)
        os.close(theirs)
    assert out == b""
    assert b"an editor starts this command" in err


def test_the_server_is_not_imported_before_it_is_used() -> None:
    code = "import sys, neuroscript.cli.app as app; app.main(['--version']); print('pygls' in sys.modules)"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=TIMEOUT, check=False)
    assert ended.stdout.split()[-1] == "False"


def test_what_tools_print_does_not_get_between_the_messages(tmp_path: Path) -> None:
    (tmp_path / "tools.py").write_text(
        "import os, sys\nprint('hello')\nos.write(1, b'hello')\n"
        "def register(interpreter):\n    print('hello')\n    interpreter.tool('a.B')(lambda: 1)\n"
    )
    editor = Editor(tmp_path, "--no-plugins", "--tools", "tools.py")
    try:
        assert editor.open("func f means\n  emit tool.a.B()\nendfunc\n").findings == []
    finally:
        assert editor.close() == 0
