"""``fs``: files of the sandbox.  What tries to leave it is in ``tests/attacks/test_filesystem.py``."""

from __future__ import annotations

import hashlib
import os
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from neuroscript import Interpreter
from neuroscript.errors import ErrorCode, NeuroScriptError
from neuroscript.limits import Limits
from neuroscript.stdlib.fs import sanitize_filename
from neuroscript.values import TimeDate, text_of
from tests.stdlib.world import World


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "box"
    folder.mkdir()
    return folder


@pytest.fixture
def world(root: Path) -> World:
    return World(sandbox=root)


def expect_error(world: World, code: ErrorCode, name: str, *args: object) -> str:
    with pytest.raises(NeuroScriptError) as caught:
        world.call(name, *args)
    assert caught.value.code == code, caught.value.message
    return caught.value.message


def test_what_is_written_is_read_back(world: World, root: Path) -> None:
    assert world.call("fs.Write", "a/b/notes.txt", "grüße\r\n") == "a/b/notes.txt"
    assert (root / "a" / "b" / "notes.txt").read_bytes() == "grüße\r\n".encode()
    assert world.call("fs.Read", "a/./b//notes.txt") == "grüße\r\n"
    assert world.call("fs.ReadBytes", "a/b/../b/notes.txt") == "grüße\r\n".encode()


def test_writing_replaces_and_appending_adds(world: World) -> None:
    world.call("fs.Write", "log", "long first content")
    world.call("fs.Write", "log", b"one\n")
    world.call("fs.Append", "log", "two\n")
    assert world.call("fs.Append", "new/log", "first") == "new/log"
    assert world.call("fs.Read", "log") == "one\ntwo\n"
    assert world.call("fs.Read", "new/log") == "first"


def test_content_is_text_or_bytes(world: World) -> None:
    assert "string or bytes, not a map" in expect_error(world, ErrorCode.ARG_MISMATCH, "fs.Write", "x", {"a": 1})
    expect_error(world, ErrorCode.ARG_MISMATCH, "fs.Append", "x", 5)


@pytest.mark.skipif(sys.platform == "win32", reason="the platform has no such permissions")
def test_a_replaced_file_keeps_its_permissions(world: World, root: Path) -> None:
    (root / "tool.sh").write_text("old")
    (root / "tool.sh").chmod(0o750)
    world.call("fs.Write", "tool.sh", "new")
    assert (root / "tool.sh").stat().st_mode & 0o777 == 0o750


def test_a_write_that_fails_leaves_the_old_content_and_no_draft(
    world: World, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.call("fs.Write", "kept", "old")

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    message = expect_error(world, ErrorCode.IO_FAILED, "fs.Write", "kept", "new")
    assert message == "cannot write 'kept': no space is left on the device"
    assert [path.name for path in root.iterdir()] == ["kept"]
    assert (root / "kept").read_text() == "old"


def test_a_folder_is_listed_by_name(world: World) -> None:
    for path in ("b.txt", "a/inner.txt", "a b"):
        world.call("fs.Write", path, "12345")
    entries = world.call("fs.List")
    assert [entry["name"] for entry in entries] == ["a", "a b", "b.txt"]
    assert [entry["is_dir"] for entry in entries] == [True, False, False]
    assert [entry["size_bytes"] for entry in entries] == [0, 5, 5]
    assert [entry["path"] for entry in world.call("fs.List", "a")] == ["a/inner.txt"]
    assert [entry["path"] for entry in world.call("fs.Walk", ".")] == ["a", "a/inner.txt", "a b", "b.txt"]
    assert world.call("fs.List", ".", True) == world.call("fs.Walk")


def test_entries_have_the_names_of_go_programs_too(world: World, root: Path) -> None:
    for path in ("top.txt", "a/b/deep.txt", "a/b.txt"):
        world.call("fs.Write", path, "12345")
    moment = 1_700_000_000_123_456_789
    os.utime(root / "a" / "b" / "deep.txt", ns=(moment, moment))
    for entry in [*world.call("fs.Walk"), *world.call("fs.List", "a"), world.call("fs.Stat", "a/b.txt")]:
        assert entry["isDir"] is entry["is_dir"]
        assert entry["size"] == entry["size_bytes"]
        assert entry["mode_string"] == entry["mode"]
        assert entry["modTime"] == text_of(entry["modified"])
        assert entry["modified_unix"] == entry["modified"].unix_nanoseconds // 10**9
    deep = world.call("fs.Walk", "a/b")[0]
    assert (deep["modTime"], deep["modified_unix"]) == ("2023-11-14T22:13:20.123456789Z", 1_700_000_000)
    for name, path, expected in (
        ("Walk", ".", ["a", "a/b", "a/b/deep.txt", "a/b.txt", "top.txt"]),
        ("Walk", "a", ["b", "b/deep.txt", "b.txt"]),
        ("Walk", "./a//b/", ["deep.txt"]),
        ("List", "a", ["b", "b.txt"]),
    ):
        entries = world.call(f"fs.{name}", path)
        assert [entry["path_relative"] for entry in entries] == expected
        assert all((root / path / entry["path_relative"]).samefile(root / entry["path"]) for entry in entries)
    assert world.call("fs.Stat", "a/b.txt")["path_relative"] == "a/b.txt"


def test_stat_tells_what_there_is(world: World) -> None:
    world.call("fs.Write", "d/f", "123")
    entry = world.call("fs.Stat", "d/f")
    assert (entry["name"], entry["path"], entry["kind"], entry["size_bytes"]) == ("f", "d/f", "file", 3)
    assert type(entry["modified"]) is TimeDate
    assert entry["mode"].startswith("-rw")
    assert world.call("fs.Stat", "d")["kind"] == "directory"
    assert world.call("fs.Stat", ".")["is_dir"] is True
    assert world.call("fs.Exists", "d/f") is True
    assert world.call("fs.Exists", "d/f/g") is False
    assert world.call("fs.Exists", "nothing") is False


def test_folders_are_made_deleted_and_moved(world: World, root: Path) -> None:
    assert world.call("fs.Mkdir", "one/two") == "one/two"
    assert world.call("fs.Mkdir", "one/two/") == "one/two"
    world.call("fs.Write", "one/two/file", "x")
    assert "not empty" in expect_error(world, ErrorCode.PRECONDITION_FAILED, "fs.Delete", "one")
    assert world.call("fs.Move", "one/two", "deep/er/three") == "deep/er/three"
    assert world.call("fs.Delete", "one") == "one"
    assert world.call("fs.Delete", "deep", True) == "deep"
    assert list(root.iterdir()) == []


def test_digests_and_lines(world: World) -> None:
    content = b"one\ntwo\n\nfour"
    world.call("fs.Write", "f", content)
    world.call("fs.Write", "empty", "")
    assert world.call("fs.Hash", "f") == hashlib.sha256(content).hexdigest()
    assert world.call("fs.LineCount", "f") == 4
    assert world.call("fs.LineCount", "empty") == 0
    world.call("fs.Append", "f", "\n")
    assert world.call("fs.LineCount", "f") == 4


@pytest.mark.parametrize(
    ("code", "call"),
    [
        (ErrorCode.FILE_NOT_FOUND, ("fs.Read", "missing")),
        (ErrorCode.FILE_NOT_FOUND, ("fs.Read", "missing/file")),
        (ErrorCode.FILE_NOT_FOUND, ("fs.Delete", "missing")),
        (ErrorCode.FILE_NOT_FOUND, ("fs.Move", "missing", "x")),
        (ErrorCode.FILE_NOT_FOUND, ("fs.List", "missing")),
        (ErrorCode.FILE_NOT_FOUND, ("fs.Stat", "missing")),
        (ErrorCode.FILE_NOT_FOUND, ("fs.Hash", "missing")),
        (ErrorCode.PATH_TYPE_MISMATCH, ("fs.Read", "folder")),
        (ErrorCode.PATH_TYPE_MISMATCH, ("fs.Write", "folder", "x")),
        (ErrorCode.PATH_TYPE_MISMATCH, ("fs.Append", "folder", "x")),
        (ErrorCode.PATH_TYPE_MISMATCH, ("fs.List", "file")),
        (ErrorCode.PATH_TYPE_MISMATCH, ("fs.Read", "file/inside")),
        (ErrorCode.PATH_TYPE_MISMATCH, ("fs.Mkdir", "file/inside")),
        (ErrorCode.PATH_TYPE_MISMATCH, ("fs.Write", "file/inside/deep", "x")),
        (ErrorCode.PATH_EXISTS, ("fs.Mkdir", "file")),
        (ErrorCode.PATH_EXISTS, ("fs.Move", "file", "folder")),
        (ErrorCode.PATH_EXISTS, ("fs.Move", "file", "file")),
        (ErrorCode.PRECONDITION_FAILED, ("fs.Move", "folder", "folder/inside")),
        (ErrorCode.INVALID_VALUE, ("fs.Read", "binary")),
        (ErrorCode.ARG_MISMATCH, ("fs.Read", 5)),
    ],
)
def test_each_failure_has_its_code(world: World, root: Path, code: ErrorCode, call: tuple[str, ...]) -> None:
    (root / "folder").mkdir()
    (root / "file").write_text("x")
    (root / "binary").write_bytes(b"ok\xff")
    expect_error(world, code, *call)


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() == 0, reason="the superuser may do everything")
def test_permissions_of_the_system_are_error_25(world: World, root: Path) -> None:
    (root / "secret").write_text("x")
    (root / "secret").chmod(0)
    expect_error(world, ErrorCode.PERMISSION_DENIED, "fs.Read", "secret")
    (root / "secret").chmod(0o400)
    expect_error(world, ErrorCode.PERMISSION_DENIED, "fs.Write", "secret", "y")


def test_a_refusal_by_the_system_is_error_25(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> int:
        raise PermissionError(13, "Permission denied", "/home/someone/box/x")

    monkeypatch.setattr(os, "open", refuse)
    message = expect_error(world, ErrorCode.PERMISSION_DENIED, "fs.Read", "x")
    assert message == "cannot read 'x': the system does not permit it"


def test_without_a_sandbox_there_are_no_files() -> None:
    with Interpreter(plugins=False) as interpreter, pytest.raises(NeuroScriptError, match="--sandbox") as caught:
        interpreter.tools.call("fs.Read", "x", context=interpreter.host_context())
    assert caught.value.code == ErrorCode.CONFIGURATION


def test_a_sandbox_that_is_not_there_is_named(tmp_path: Path) -> None:
    world = World(sandbox=tmp_path / "gone")
    assert "gone" in expect_error(world, ErrorCode.CONFIGURATION, "fs.Write", "x", "")


def test_what_is_read_fits_the_limits(root: Path) -> None:
    world = World(sandbox=root, limits=Limits(max_string=10, max_items=3))
    world.call("fs.Write", "fits", "ä" * 10)
    world.call("fs.Write", "long", "a" * 11)
    world.call("fs.Write", "longer", "ä" * 50)
    assert world.call("fs.Read", "fits") == "ä" * 10
    assert world.call("fs.LineCount", "longer") == 1
    expect_error(world, ErrorCode.RESOURCE_EXHAUSTION, "fs.Read", "long")
    expect_error(world, ErrorCode.RESOURCE_EXHAUSTION, "fs.Read", "longer")
    expect_error(world, ErrorCode.RESOURCE_EXHAUSTION, "fs.ReadBytes", "long")
    assert len(world.call("fs.List")) == 3
    world.call("fs.Write", "fourth", "")
    expect_error(world, ErrorCode.RESOURCE_EXHAUSTION, "fs.List")


@pytest.mark.parametrize(
    ("name", "clean"),
    [
        ("report.txt", "report.txt"),
        ("Q1: profit/loss?.txt", "Q1_profit_loss.txt"),
        ("../../etc/passwd", "etc_passwd"),
        ("a\\b:c*d", "a_b_c_d"),
        ("many   blanks", "many_blanks"),
        (".hidden", "hidden"),
        ("con", "con_"),
        ("NUL.txt", "NUL_.txt"),
        ("com1.tar.gz", "com1_.tar.gz"),
        ("déjà vu.md", "déjà_vu.md"),
        ("", "unnamed"),
        ("...", "unnamed"),
        ("\0\n\t", "unnamed"),
        ("x" * 300 + ".txt", "x" * 89 + ".txt"),
    ],
)
def test_a_file_name_is_made_safe(name: str, clean: str) -> None:
    assert sanitize_filename(name) == clean


@given(st.text())
def test_every_name_made_safe_is_a_name(name: str) -> None:
    clean = sanitize_filename(name)
    assert clean
    assert len(clean.encode()) <= 101
    assert not set(clean) & set('/\\:*?"<>|\0')
    assert clean not in (".", "..")
