"""Tests run apart from one another, and tell what failed in which phase."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest

from neuroscript import CancelToken, NeuroScriptError
from neuroscript.program_text import ProgramText
from neuroscript.testing.cases import test_files as files_in
from neuroscript.testing.runner import Runner
from tests.testing.conftest import RunTests, interpreter_of


def texts(outcome_text: str) -> list[str]:
    return [row.strip() for row in outcome_text.split("\n")]


def test_a_test_passes_if_nothing_fails(outcomes: RunTests) -> None:
    found = outcomes(
        """\
func test_sum() means
  must 1 + 1 == 2
  emit "done"
endfunc
func helper() means
  fail "nobody calls this"
endfunc
func test_failing() means
  must 1 + 1 == 3
endfunc
"""
    )
    assert list(found) == ["test_sum", "test_failing"]
    assert found["test_sum"].passed
    assert found["test_sum"].emitted == ["done"]
    [failure] = found["test_failing"].failures
    assert (failure.phase, failure.error.code if failure.error else None) == ("test", 5)


def test_setup_gives_a_value_to_tests_and_teardown(outcomes: RunTests) -> None:
    found = outcomes(
        """\
func setup(returns cart) means
  emit "setup"
  return [1, 2]
endfunc
func teardown(needs cart) means
  emit "teardown " + cart
endfunc
func test_with(needs cart) means
  set cart[0] = 9
  emit cart
endfunc
func test_without() means
endfunc
func test_failing(needs cart) means
  must no cart
endfunc
"""
    )
    assert found["test_with"].emitted == ["setup", "[9, 2]", "teardown [1, 2]"]
    assert found["test_without"].emitted == ["setup", "teardown [1, 2]"]
    assert found["test_failing"].emitted == ["setup", "teardown [1, 2]"]


def test_each_phase_may_fail(outcomes: RunTests) -> None:
    found = outcomes(
        """\
func setup() means
  must not tool.fs.Exists("x")
endfunc
func teardown() means
  fail "down"
endfunc
on event "go" do
  emit 1 / 0
endon
func test_a() means
  call tool.event.Emit("go")
  fail "test"
endfunc
"""
    )
    phases = [(failure.phase, int(failure.error.code)) for failure in found["test_a"].failures if failure.error]
    assert phases == [("test", 1), ("teardown", 1), ("event handler", 14)]
    assert "some_test.ns:8:10: error 14" in found["test_a"].failures[2].text

    found = outcomes("func setup() means\n  fail\nendfunc\nfunc test_a() means\n  emit 1\nendfunc\n")
    assert [failure.phase for failure in found["test_a"].failures] == ["setup"]
    assert found["test_a"].emitted == []


def test_tests_share_no_files_and_leave_none(
    outcomes: RunTests, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    text = ""
    for name in "ab":
        text += f'func test_{name}() means\n  must tool.fs.List(".") == []\n  call tool.fs.Write("x", "1")\nendfunc\n'
    assert all(outcome.passed for outcome in outcomes(text).values())
    assert os.listdir(tmp_path / "temporary") == []


def test_a_limit_ends_a_test_and_no_other(outcomes: RunTests) -> None:
    found = outcomes(
        "func test_loop() means\n  while true\n  endwhile\nendfunc\nfunc test_after() means\nendfunc\n",
    )
    [failure] = found["test_loop"].failures
    assert failure.error is not None
    assert failure.error.code == 37
    assert found["test_after"].passed


def test_a_cancelled_test_says_so() -> None:
    text = "func test_a() means\n  emit 1\nendfunc\n"
    runner = Runner(interpreter_of)
    token = CancelToken()
    token.cancel()
    outcome = runner.run(runner.collect(ProgramText(text, "x_test.ns"))[0], token)
    assert outcome.cancelled
    assert not outcome.passed


@pytest.mark.parametrize(
    ("text", "code", "message"),
    [
        ("command\nendcommand\n", 19, "a file of tests holds procedures, and this one command blocks"),
        ("func test_a(needs x) means\nendfunc\n", 4, "the file has no procedure setup; it is test_a(x)"),
        ("func setup() means\nendfunc\nfunc test_a(needs x, y) means\nendfunc\n", 4, "it may have one"),
        ("func setup(needs x) means\nendfunc\n", 4, "setup has parameters that nobody gives it: it takes none"),
        ("func teardown(needs x) means\nendfunc\n", 4, "the file has no procedure setup"),
        ("func test_a( means\nendfunc\n", 15, "found `means`"),
    ],
)
def test_a_file_that_cannot_be_loaded(text: str, code: int, message: str) -> None:
    with pytest.raises(NeuroScriptError) as caught:
        Runner(interpreter_of).collect(ProgramText(text, "x_test.ns"))
    assert caught.value.code == code
    assert message in caught.value.message
    assert caught.value.file == "x_test.ns"


def test_only_the_file_s_own_procedures_are_tests(tmp_path: Path) -> None:
    (tmp_path / "lib.ns").write_text(
        "func test_of_lib() means\nendfunc\n"
        'func setup() means\n  fail "of lib"\nendfunc\n'
        "func teardown(needs x) means\nendfunc\n"
    )
    path = tmp_path / "a_test.ns"
    path.write_text(":: uses: lib.ns\nfunc test_a() means\nendfunc\n")
    runner = Runner(interpreter_of)
    [case] = runner.collect(ProgramText(path.read_bytes(), "a_test.ns", str(path)))
    assert case.name == "test_a"
    assert runner.run(case).passed


def test_files_of_tests_are_found_below_a_directory(tmp_path: Path) -> None:
    for name in ("b_test.ns", "a/z_test.ns", "a/lib.ns", ".git/x_test.ns", "a/.hidden_test.ns"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("")
    (tmp_path / "link").symlink_to(tmp_path / "a")
    found = [os.path.relpath(path, tmp_path) for path in files_in(str(tmp_path))]
    assert found == ["b_test.ns", os.path.join("a", "z_test.ns")]
