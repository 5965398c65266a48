"""Every way to have code run that the compiler did not make, through the cache on disk."""

from __future__ import annotations

import hashlib
import marshal
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from neuroscript import Interpreter, NeuroScriptError
from neuroscript import loading as loading_module
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
    monkeypatch.setattr(loading_module, "_CACHE", Cache())
    with Interpreter(plugins=False, cache=cache, sandbox=sandbox) as made:
        made.load(SOURCE, "program.ns")
        return made.run("main")


def key_of(folder: Path) -> Path:
    return folder.with_name(folder.name + ".key")


def forge(folder: Path, key: bytes | None = None) -> None:
    """Puts code of the attacker's in the place of the program's: well made, and sealed with the right key."""
    [path] = folder.iterdir()
    key = key_of(folder).read_bytes() if key is None else key
    parts, (_, *rest), links, length = marshal.loads(path.read_bytes()[32:])
    code = compile("def p_main(d):\n  return 666", "program.ns", "exec")
    content = marshal.dumps((parts, ((code,), *rest), links, length))
    mode = path.stat().st_mode
    seal = hashlib.blake2b(path.name.encode() + content, key=key, digest_size=32).digest()
    path.write_bytes(seal + content)
    path.chmod(mode)


def test_the_forgery_would_be_believed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who has the key, and may write as the user, is believed; all other tests are about this one's success."""
    forge(folder)
    assert run(monkeypatch, folder) == 666


# --- without the key --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", [b"", b"k" * 32, b"\0" * 32])
def test_a_file_that_is_planted_is_not_believed(folder: Path, monkeypatch: pytest.MonkeyPatch, key: bytes) -> None:
    """A program in a sandbox above the cache would write code for the next run, which has no sandbox."""
    forge(folder, key)
    assert run(monkeypatch, folder) == 1


def test_a_bare_hash_is_no_seal(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Anybody can compute the hash of what they wrote."""
    forge(folder)
    [path] = folder.iterdir()
    content = path.read_bytes()[32:]
    path.write_bytes(hashlib.blake2b(path.name.encode() + content, digest_size=32).digest() + content)
    assert run(monkeypatch, folder) == 1


def test_a_seal_holds_for_one_name(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The code of a program that the user did run would take the place of another's."""
    [path] = folder.iterdir()
    other = folder / ("0" * 64)
    path.rename(other)
    other.rename(path)  # as it was: believed
    assert run(monkeypatch, folder) == 1
    content = path.read_bytes()
    with Interpreter(plugins=False, cache=folder) as made:
        made.load(SOURCE.replace("1", "2"), "program.ns")
    [second] = [found for found in folder.iterdir() if found != path]
    second.write_bytes(content)
    monkeypatch.setattr(loading_module, "_CACHE", Cache())
    with Interpreter(plugins=False, cache=folder) as made:
        made.load(SOURCE.replace("1", "2"), "program.ns")
        assert made.run("main") == 2


CHOSEN = b"c" * 32


def chosen_by_somebody(key: Path) -> None:
    key.write_bytes(CHOSEN)
    key.chmod(0o644)


def readable_by_the_group(key: Path) -> None:
    key.write_bytes(CHOSEN)
    key.chmod(0o640)


def writable_by_others(key: Path) -> None:
    key.write_bytes(CHOSEN)
    key.chmod(0o602)


def a_link(key: Path) -> None:
    (key.parent / "chosen").write_bytes(CHOSEN)
    (key.parent / "chosen").chmod(0o600)
    key.unlink()
    key.symlink_to("chosen")


def a_pipe(key: Path) -> None:
    key.unlink()
    os.mkfifo(key, 0o600)


def too_short(key: Path) -> None:
    key.write_bytes(CHOSEN[:5])


def empty(key: Path) -> None:
    key.write_bytes(b"")


def too_long(key: Path) -> None:
    key.write_bytes(CHOSEN * 2)


KEYS = [chosen_by_somebody, readable_by_the_group, writable_by_others, a_link, a_pipe, too_short, empty, too_long]


@posix
@pytest.mark.parametrize("swap", KEYS)
def test_a_key_that_others_may_know_counts_for_nothing(
    folder: Path, monkeypatch: pytest.MonkeyPatch, swap: Callable[[Path], None]
) -> None:
    """Code under a key that somebody else chose would be run; a pipe would have every start wait for ever."""
    key = key_of(folder)
    swap(key)
    for chosen in (CHOSEN, CHOSEN[:5], b"", CHOSEN * 2):
        forge(folder, chosen)
        assert run(monkeypatch, folder) == 1
    # Another key has taken its place, and what is kept under that one is found.
    assert key.lstat().st_mode & 0o177777 == 0o100600
    assert len(key.read_bytes()) == 32
    assert CHOSEN[:5] not in key.read_bytes()
    forge(folder)
    assert run(monkeypatch, folder) == 666


@posix
def test_a_folder_in_the_place_of_the_key(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The cache would fail where the program could be compiled."""
    key_of(folder).unlink()
    key_of(folder).mkdir()
    assert run(monkeypatch, folder) == 1
    assert sorted(folder.parent.iterdir()) == sorted([folder, key_of(folder)])
    assert list(key_of(folder).iterdir()) == []


@posix
def test_a_key_where_others_may_exchange_it(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who may rename files there could put a file of the user's own, whose bytes he knows, in the key's place."""
    forge(folder)
    folder.parent.chmod(0o777)
    assert run(monkeypatch, folder) == 1
    folder.parent.chmod(0o1777)  # where each may rename his own alone
    assert run(monkeypatch, folder) == 666


@posix
def test_a_key_of_somebody_else(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    forge(folder)
    status, user = os.fstat, os.geteuid()
    key = key_of(folder).stat().st_ino

    def of_another(descriptor: int) -> os.stat_result:
        found = status(descriptor)
        if found.st_ino != key:
            return found
        return os.stat_result((*found[:4], user + 1, *found[5:]))

    monkeypatch.setattr(os, "fstat", of_another)
    assert run(monkeypatch, folder) == 1


# --- through the file tools -------------------------------------------------------------------------------------------


@pytest.mark.skipif(sys.platform != "linux", reason="the cache is elsewhere there")
def test_a_script_whose_sandbox_is_the_home_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A script run with ``--sandbox ~`` would leave code that every later run of the user's program executes."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    assert run(monkeypatch, True) == 1
    folder = tmp_path / ".cache" / "neuroscript"
    [path] = folder.iterdir()
    kept = path.read_bytes()
    (tmp_path / "own.txt").write_text("forged")
    with Interpreter(plugins=False, sandbox=tmp_path, cache=True) as made:

        def code(tool: str, *args: Any) -> Any:
            try:
                return made.tools.call(f"fs.{tool}", *args, context=made.host_context())
            except NeuroScriptError as error:
                return int(error.code)

        for target in (f".cache/neuroscript/{path.name}", ".cache/neuroscript/new", ".cache/neuroscript.key"):
            assert [code(*call) for call in calls(target)] == [10, 10, 10, 10, 10, 10, 22, 22, False], target
        for above in (".cache/neuroscript", ".cache"):
            assert code("Delete", above, True) == 10
            assert code("Move", above, "moved") == 10
        assert code("List", ".cache") == []
    assert path.read_bytes() == kept
    forge(folder, b"k" * 32)
    assert run(monkeypatch, True) == 1


def calls(target: str) -> list[tuple[Any, ...]]:
    """One call of each file tool: those that read or change, and those that only look."""
    changing = ("Read", target), ("Write", target, "x"), ("Append", target, "x"), ("Delete", target)
    return [*changing, ("Move", target, "stolen"), ("Move", "own.txt", target), ("Hash", target), ("Stat", target),
            ("Exists", target)]  # fmt: skip


# --- where and whose it is --------------------------------------------------------------------------------------------


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
    assert key_of(path.parent).stat().st_mode & 0o777 == 0o600


def test_a_name_is_never_a_path(tmp_path: Path) -> None:
    """Whatever a program is called and holds, its file's name is a hash."""
    cache = DiskCache(str(tmp_path / "cache"))
    made = Interpreter(plugins=False)
    loaded = made.loader.entry(SOURCE, "../../x", False)
    program, compiled = loaded.program, loaded.compiled
    for source, circumstances in (("../x", ("..",)), ("a\0b\ud800", ("/etc/passwd\udcff",))):
        cache.keep(source, circumstances, Entry(program, compiled, {}, 1))
    names = [path.name for path in (tmp_path / "cache").iterdir()]
    assert len(names) == 2
    assert all(len(name) == 64 and set(name) <= set("0123456789abcdef") for name in names)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cache", "cache.key"]


def test_parts_do_not_run_into_one_another(tmp_path: Path) -> None:
    keys = {disk._name(source, given) for source, given in (("ab", ("c",)), ("b", ("a", "c")), ("", ("ab", "c")))}
    assert len(keys) == 3
