"""Golden files: what a test emits is compared with a file beside."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.testing.conftest import RunTests

TEXT = 'func test_a() means\n  emit "one"\n  emit [2]\nendfunc\n'


def test_output_is_compared_where_there_is_a_file(outcomes: RunTests, tmp_path: Path) -> None:
    file = tmp_path / "some_test.test_a.golden"
    assert outcomes(TEXT)["test_a"].passed
    assert outcomes(TEXT, update=True)["test_a"].golden == "written"
    assert file.read_bytes() == b"one\n[2]\n"
    assert outcomes(TEXT, update=True)["test_a"].golden == ""
    assert outcomes(TEXT)["test_a"].passed
    [failure] = outcomes(TEXT.replace("one", "two"))["test_a"].failures
    assert failure.phase == "output"
    assert failure.error is None
    assert "-one\n+two\n [2]" in failure.text
    assert file.read_bytes() == b"one\n[2]\n"
    assert outcomes(TEXT.replace("emit", "set x ="), update=True)["test_a"].golden == "removed"
    assert not file.exists()


def test_a_failed_test_changes_no_file(outcomes: RunTests, tmp_path: Path) -> None:
    failing = TEXT.replace("endfunc", "  fail\nendfunc")
    [failure] = outcomes(failing, update=True)["test_a"].failures
    assert failure.phase == "test"
    assert list(tmp_path.glob("*.golden")) == []


@pytest.mark.parametrize("update", [False, True])
def test_what_is_no_plain_file_is_not_read(outcomes: RunTests, tmp_path: Path, update: bool) -> None:
    file, secret = tmp_path / "some_test.test_a.golden", tmp_path / "secret"
    secret.write_text("secret")
    file.symlink_to(secret)
    [failure] = outcomes(TEXT, update=update)["test_a"].failures
    assert failure.text == f"{file} cannot be read: it is a symbolic link, which is not followed"
    assert secret.read_text() == "secret"
    file.unlink()
    os.mkfifo(file)
    [failure] = outcomes(TEXT, update=update)["test_a"].failures
    assert failure.text == f"{file} cannot be read: it is a pipe, not a regular file"
    file.unlink()
    file.write_bytes(b"\xff")
    [failure] = outcomes(TEXT, update=update)["test_a"].failures
    assert "is not UTF-8" in failure.text


def test_a_name_too_long_for_a_file_has_none(outcomes: RunTests) -> None:
    name = f"test_{'x' * 300}"
    text = TEXT.replace("test_a", name)
    assert outcomes(text)[name].passed
    [failure] = outcomes(text, update=True)[name].failures
    assert "File name too long" in failure.text


def test_long_outputs_that_differ_everywhere_take_no_time(outcomes: RunTests) -> None:
    loop = "  while n < 5000\n    emit n % 7 + START\n    set n = n + 1\n  endwhile\n"
    text = f"func test_a() means\n  set n = 0\n{loop}endfunc\n"
    outcomes(text.replace("START", "0"), update=True)
    [failure] = outcomes(text.replace("START", "1"))["test_a"].failures
    name = "some_test.test_a.golden"
    assert failure.text.endswith(f"from line 1 on; {name} has 5000 lines, and 5000 were emitted")
