"""The pytest plugin."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = """\
:: uses: cart.ns
func test_good() means
  must total([1, 2]) == 3
endfunc
func test_bad() means
  emit "so \\x1b[31mfar"
  must total([1, 2]) == 4
endfunc
func test_mail() means
  must tool.mail.Send("a") == "sent to a"
endfunc
"""
CONFTEST = """\
def pytest_neuroscript_interpreter(interpreter):
    @interpreter.tool("mail.Send")
    def send(to: str) -> str:
        return "sent to " + to
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with tests."""
    (tmp_path / "conftest.py").write_text(CONFTEST)
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "cart.ns").write_text(
        "func total(needs xs) means\n  set sum = 0\n  for each x in xs\n    set sum = sum + x\n  endfor\n"
        "  return sum\nendfunc\n"
    )
    (tmp_path / "sub" / "cart_test.ns").write_text(TESTS)
    return tmp_path


def run_pytest(project: Path, *arguments: str) -> tuple[int, str]:
    environment = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "COLUMNS": "100", "PYTHONPATH": os.getcwd()}
    command = [sys.executable, "-m", "pytest", "-p", "neuroscript.testing.pytest_plugin", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [*command, *arguments], cwd=project, capture_output=True, text=True, timeout=60, env=environment
    )
    return done.returncode, done.stdout + done.stderr


def test_tests_are_items(project: Path) -> None:
    status, out = run_pytest(project, "-v")
    assert status == 1
    for name, word in (("test_good", "PASSED"), ("test_bad", "FAILED"), ("test_mail", "PASSED")):
        assert f"sub/cart_test.ns::{name} {word}" in out
    assert "where total([1, 2]) is 3" in out
    assert "Captured emit call" in out
    assert "so \\x1b[31mfar" in out
    assert "Traceback" not in out
    assert "2 passed" in out or "1 failed, 2 passed" in out


def test_selection_is_pytest_s_own(project: Path) -> None:
    status, out = run_pytest(project, "-q", "sub/cart_test.ns::test_good")
    assert (status, "1 passed" in out) == (0, True)
    status, out = run_pytest(project, "-q", "-k", "mail")
    assert (status, "1 passed, 2 deselected" in out) == (0, True)


def test_a_file_that_cannot_be_loaded(project: Path) -> None:
    (project / "broken_test.ns").write_text("func test_a( means\nendfunc\n")
    status, out = run_pytest(project, "-q")
    assert status == 2
    assert "broken_test.ns:1:14: error: found `means`" in out
    assert "Traceback" not in out


def test_golden_files(project: Path) -> None:
    (project / "a_test.ns").write_text('func test_a() means\n  emit "one"\nendfunc\n')
    assert run_pytest(project, "-q", "a_test.ns", "--ns-update")[0] == 0
    assert (project / "a_test.test_a.golden").read_text() == "one\n"
    (project / "a_test.test_a.golden").write_text("two\n")
    status, out = run_pytest(project, "-q", "a_test.ns")
    assert (status, "-two" in out, "+one" in out) == (1, True, True)


def test_no_model_is_asked(project: Path) -> None:
    (project / "a_test.ns").write_text('func test_a() means\n  ask "x" into y\nendfunc\n')
    status, out = run_pytest(project, "-q", "a_test.ns")
    assert status == 1
    assert "error 18 (CONFIGURATION)" in out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--ns-record", "x"], "--ns-record needs --ns-live"),
        (["--ns-live", "--ns-replay", "x"], "--ns-replay and --ns-live exclude each other"),
        (["--ns-replay", "x"], "there is no file 'x'"),
    ],
)
def test_wrong_usage(project: Path, arguments: list[str], message: str) -> None:
    status, out = run_pytest(project, "-q", *arguments)
    assert status == 4
    assert message in out
