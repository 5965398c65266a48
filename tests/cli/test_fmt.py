"""``neuroscript fmt``: which files it writes, what it says, and its exit status."""

from __future__ import annotations

import io
import os
import stat
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.cli.conftest import Command

Script = Callable[..., str]

UNTIDY = "func main() means\nemit   1\nendfunc"
TIDY = "func main() means\n  emit 1\nendfunc\n"
BROKEN = "func main( means\n"


def test_files_are_written_again(neuroscript: Command, script: Script, tmp_path: Path) -> None:
    done = neuroscript("fmt", script(UNTIDY, "a.ns"), script(TIDY, "b.ns"), "a.ns")
    assert (done.status, done.out) == (0, "laid out a.ns\n")
    assert done.err == "1 file laid out, 1 file left as it was\n"
    assert (tmp_path / "a.ns").read_text() == (tmp_path / "b.ns").read_text() == TIDY


def test_a_program_with_errors_stays_as_it_is(neuroscript: Command, script: Script, tmp_path: Path) -> None:
    done = neuroscript("fmt", script(BROKEN, "bad.ns"), script(UNTIDY, "good.ns"), "missing.ns")
    assert done.status == 3
    assert "bad.ns:1:12: error: found `means`" in done.err
    assert "there is no file 'missing.ns'" in done.err
    assert done.err.endswith("1 file laid out, 2 files could not be laid out\n")
    assert (tmp_path / "bad.ns").read_text() == BROKEN
    assert (tmp_path / "good.ns").read_text() == TIDY


def test_a_file_that_cannot_be_written_is_not_counted_as_laid_out(
    neuroscript: Command, script: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "replace", refused)
    done = neuroscript("fmt", script(UNTIDY, "a.ns"))
    assert (done.status, done.out) == (3, "")
    assert "a.ns': Permission denied" in done.err
    assert done.err.endswith("\n1 file could not be laid out\n")


@pytest.mark.parametrize(("text", "status"), [(UNTIDY, 1), (TIDY, 0), (BROKEN, 3)])
def test_check_writes_nothing(neuroscript: Command, script: Script, tmp_path: Path, text: str, status: int) -> None:
    done = neuroscript("fmt", "--check", script(text))
    assert done.status == status
    assert done.out == ("would lay out program.ns\n" if status == 1 else "")
    assert (tmp_path / "program.ns").read_text() == text


def test_diff_shows_what_would_be_different(neuroscript: Command, script: Script, tmp_path: Path) -> None:
    done = neuroscript("fmt", "--diff", script(UNTIDY))
    lines = done.out.splitlines()
    assert (done.status, done.err) == (0, "")
    assert lines[:2] == ["--- program.ns", "+++ program.ns (laid out)"]
    assert "-emit   1" in lines
    assert "+  emit 1" in lines
    assert neuroscript("fmt", "--diff", "--check", "program.ns").status == 1
    assert (tmp_path / "program.ns").read_text() == UNTIDY


def test_a_directory_stands_for_the_programs_in_it(neuroscript: Command, tmp_path: Path) -> None:
    for name in ("a.ns", "sub/b.ns", "sub/c.txt", ".hidden/d.ns"):
        (tmp_path / "box" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "box" / name).write_text(UNTIDY)
    done = neuroscript("fmt", "box")
    assert done.out.splitlines() == [f"laid out {os.path.join('box', *name)}" for name in (["a.ns"], ["sub", "b.ns"])]
    assert (tmp_path / "box/.hidden/d.ns").read_text() == (tmp_path / "box/sub/c.txt").read_text() == UNTIDY
    (tmp_path / "empty").mkdir()
    done = neuroscript("fmt", "empty")
    assert (done.status, done.err) == (2, "neuroscript: there are no files that end in .ns in 'empty'\n")


@pytest.mark.parametrize(("text", "status"), [(UNTIDY, 0), (BROKEN, 3)])
def test_standard_input(neuroscript: Command, monkeypatch: pytest.MonkeyPatch, text: str, status: int) -> None:
    printed = io.BytesIO()
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(text.encode())))
    monkeypatch.setattr(sys.stdout, "isatty", lambda: False)
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(printed, encoding="ascii"))
    done = neuroscript("fmt", "-")
    assert done.status == status
    assert printed.getvalue().decode() == ("" if status else TIDY)
    assert done.err == "" if not status else "<stdin>:1:12: error: " in done.err


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_line_ends_and_a_byte_order_mark_stay(neuroscript: Command, tmp_path: Path, ending: str, mark: bytes) -> None:
    path = tmp_path / "a.ns"
    path.write_bytes(mark + UNTIDY.replace("\n", ending).encode())
    assert neuroscript("fmt", "a.ns").status == 0
    assert path.read_bytes() == mark + TIDY.replace("\n", ending).encode()


@pytest.mark.skipif(os.name == "nt", reason="Windows has other rights")
def test_rights_and_links_stay(neuroscript: Command, script: Script, tmp_path: Path) -> None:
    path = tmp_path / script(UNTIDY, "real.ns")
    path.chmod(0o751)
    (tmp_path / "link.ns").symlink_to("real.ns")
    assert neuroscript("fmt", "link.ns").status == 0
    assert (tmp_path / "link.ns").is_symlink()
    assert stat.S_IMODE(path.stat().st_mode) == 0o751
    assert path.read_text() == TIDY
    assert sorted(found.name for found in tmp_path.iterdir()) == ["link.ns", "real.ns"]


def test_a_file_in_another_encoding_stays_as_it_is(neuroscript: Command, tmp_path: Path) -> None:
    (tmp_path / "a.ns").write_bytes(b'func a() means\nemit "\xe9"\nendfunc')
    done = neuroscript("fmt", "a.ns")
    assert done.status == 3
    assert "byte 0xe9 is not valid UTF-8; save the file as UTF-8" in done.err
    assert (tmp_path / "a.ns").read_bytes().endswith(b"endfunc")


def test_a_pipe_in_a_directory_is_passed_over(neuroscript: Command, script: Script, tmp_path: Path) -> None:
    (tmp_path / "box").mkdir()
    (tmp_path / "box" / "a.ns").write_text(UNTIDY)
    os.mkfifo(tmp_path / "box" / "pipe.ns")
    (tmp_path / "box" / "z.ns").symlink_to("nowhere")
    done = neuroscript("fmt", "--check", "box")
    assert (done.status, done.out) == (3, f"would lay out {os.path.join('box', 'a.ns')}\n")
    assert "there is no file" in done.err


def test_a_name_is_one_line(neuroscript: Command, script: Script) -> None:
    done = neuroscript("fmt", "--check", script(UNTIDY, "a\nb\x1b[31m.ns"))
    assert done.out == "would lay out a\\nb\\x1b[31m.ns\n"
