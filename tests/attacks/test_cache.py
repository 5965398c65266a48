"""Every way to have code run that the compiler did not make, through the cache on disk."""

from __future__ import annotations

import hashlib
import marshal
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from neuroscript import Interpreter
from neuroscript import interpreter as interpreter_module
from neuroscript.cache import disk
from neuroscript.cache.disk import DiskCache
from neuroscript.cache.memory import Cache, Entry

SOURCE = "func main means\n  return 1\nendfunc\n"

posix = pytest.mark.skipif(sys.platform == "win32", reason="files have no owner and mode there")


@pytest.fixture(params=["anchored", "by path"], autouse=True)
def platform(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test runs twice: where files are opened relative to a directory, and where they are not."""
    if request.param == "anchored" and not disk._RELATIVE:
        pytest.skip("this platform cannot open names relative to a folder")
    monkeypatch.setattr(disk, "_RELATIVE", request.param == "anchored")
    monkeypatch.delenv(disk.SWITCH, raising=False)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The directory of a cache that has a program."""
    made = tmp_path / "caches" / "neuroscript"
    assert run(monkeypatch, made) == 1
    return made


def run(monkeypatch: pytest.MonkeyPatch, cache: Any, sandbox: Path | None = None) -> Any:
    """Runs the program as another process would."""
    monkeypatch.setattr(interpreter_module, "_CACHE", Cache())
    with Interpreter(plugins=False, cache=cache, sandbox=sandbox) as made:
        made.load(SOURCE, "program.ns")
        return made.run("main")


def forge(folder: Path) -> None:
    """Puts code of the attacker's in the place of the program's: well made, and with the right hash."""
    [path] = folder.iterdir()
    parts, (_, start, commands), links, length = marshal.loads(path.read_bytes()[32:])
    code = compile("def p_main(d):\n  return 666", "program.ns", "exec")
    content = marshal.dumps((parts, ((code,), start, commands), links, length))
    mode = path.stat().st_mode
    path.write_bytes(hashlib.sha256(path.name.encode() + content).digest() + content)
    path.chmod(mode)


def test_the_forgery_would_be_believed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the user writes there himself is his own; all other tests are about this one's success."""
    forge(folder)
    assert run(monkeypatch, folder) == 666


@pytest.mark.parametrize("where", [".", "..", "../..", "inside", "link"])
def test_a_cache_that_scripts_reach_is_not_used(folder: Path, monkeypatch: pytest.MonkeyPatch, where: str) -> None:
    forge(folder)
    sandbox = folder / where
    if where == "inside":
        sandbox.mkdir()
    elif where == "link":
        sandbox = folder.parent.parent / "link"
        sandbox.symlink_to(folder.parent, target_is_directory=True)
    assert run(monkeypatch, folder, sandbox) == 1


def test_a_cache_that_a_sandbox_would_hold_is_not_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run(monkeypatch, tmp_path / "box" / ".." / "deep" / "cache", tmp_path) == 1
    assert not (tmp_path / "deep").exists()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "caches"))
    monkeypatch.setenv("HOME", str(tmp_path))
    assert run(monkeypatch, True, tmp_path) == 1
    assert list(tmp_path.iterdir()) == []


def test_a_cache_behind_a_link_in_the_sandbox_is_elsewhere(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The sandbox holds a link to the cache, which the file tools do not follow, so the cache stays in use."""
    sandbox = folder.parent.parent / "box"
    sandbox.mkdir()
    (sandbox / "link").symlink_to(folder, target_is_directory=True)
    [path] = folder.iterdir()
    with Interpreter(plugins=False, sandbox=sandbox) as made:
        made.load('func main means\n  return tool.fs.Write("link/x", "y")\nendfunc\n')
        with pytest.raises(Exception, match="link"):
            made.run("main")
    assert list(folder.iterdir()) == [path]


@posix
@pytest.mark.parametrize("mode", [0o777, 0o770, 0o720, 0o702, 0o1777])
def test_a_directory_that_others_may_write_in(folder: Path, monkeypatch: pytest.MonkeyPatch, mode: int) -> None:
    forge(folder)
    folder.chmod(mode)
    before = sorted(folder.iterdir())
    assert run(monkeypatch, folder) == 1
    assert sorted(folder.iterdir()) == before


@posix
@pytest.mark.parametrize("mode", [0o666, 0o620, 0o602])
def test_a_file_that_others_may_write(folder: Path, monkeypatch: pytest.MonkeyPatch, mode: int) -> None:
    forge(folder)
    [path] = folder.iterdir()
    path.chmod(mode)
    assert run(monkeypatch, folder) == 1
    assert path.stat().st_mode & 0o777 == 0o600  # written anew


@posix
def test_a_directory_of_somebody_else(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    forge(folder)
    user = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: user + 1)
    assert run(monkeypatch, folder) == 1


@posix
def test_a_link_in_the_place_of_the_directory(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    forge(folder)
    moved = folder.rename(folder.with_name("moved"))
    folder.symlink_to(moved, target_is_directory=True)
    assert run(monkeypatch, folder) == 1


@posix
def test_a_link_in_the_place_of_the_file(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A script may write in a sandbox whatever it likes, a forged file too; a link to it leads nowhere."""
    forge(folder)
    [path] = folder.iterdir()
    moved = path.rename(folder.parent / "forged")
    path.symlink_to(moved)
    assert run(monkeypatch, folder) == 1


@posix
def test_what_is_made_is_the_user_s_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = os.umask(0)
    try:
        assert run(monkeypatch, tmp_path / "new" / "cache") == 1
    finally:
        os.umask(before)
    [path] = (tmp_path / "new" / "cache").iterdir()
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_name_is_never_a_path(tmp_path: Path) -> None:
    """Whatever a program is called and holds, its file's name is a hash."""
    cache = DiskCache(str(tmp_path / "cache"))
    made = Interpreter(plugins=False)
    program, compiled = made._compiled(SOURCE, "../../x", False)
    for source, circumstances in (("../x", ("..",)), ("a\0b\ud800", ("/etc/passwd\udcff",))):
        cache.keep(source, circumstances, Entry(program, compiled, {}, 1))
    names = [path.name for path in (tmp_path / "cache").iterdir()]
    assert len(names) == 2
    assert all(len(name) == 64 and set(name) <= set("0123456789abcdef") for name in names)
    assert len(list(tmp_path.iterdir())) == 1


def test_parts_do_not_run_into_one_another(tmp_path: Path) -> None:
    keys = {disk._key(source, given) for source, given in (("ab", ("c",)), ("b", ("a", "c")), ("", ("ab", "c")))}
    assert len(keys) == 3
