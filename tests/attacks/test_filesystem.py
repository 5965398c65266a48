"""Every way out of the sandbox directory that was thought of, tried with every operation on files.

Each test runs twice: where folders are opened relative to one another, and where names are checked step by step.
"""

from __future__ import annotations

import os
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from neuroscript.errors import ErrorCode, NeuroScriptError
from neuroscript.sandbox import directory as folders
from neuroscript.sandbox.protection import Protection
from neuroscript.sandbox.sandbox import Sandbox

SECRET = "the secret"

OPERATIONS: dict[str, Callable[[Sandbox, str], object]] = {
    "read": lambda box, path: box.read_text(path),
    "read_bytes": lambda box, path: box.read_bytes(path),
    "read_if": lambda box, path: box.read_if(path, lambda identity: True),
    "chunks": lambda box, path: list(box.chunks(path)),
    "write": lambda box, path: box.write(path, b"overwritten"),
    "append": lambda box, path: box.append(path, b"added"),
    "stat": lambda box, path: box.stat(path),
    "exists": lambda box, path: box.exists(path),
    "entries": lambda box, path: box.entries(path, recursive=True),
    "make_directory": lambda box, path: box.make_directory(path),
    "delete": lambda box, path: box.delete(path, recursive=True),
    "move from": lambda box, path: box.move(path, "stolen"),
    "move to": lambda box, path: box.move("own.txt", path),
}
FOLLOWING = [name for name in OPERATIONS if name not in ("delete", "move from", "move to")]


@pytest.fixture(params=["anchored", "checked"], autouse=True)
def platform(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "anchored" and not folders.ANCHORED:
        pytest.skip("this platform cannot open names relative to a folder")
    monkeypatch.setattr(folders, "ANCHORED", request.param == "anchored")
    return str(request.param)


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    folder = tmp_path / "outside"
    folder.mkdir()
    (folder / "secret.txt").write_text(SECRET)
    return folder


@pytest.fixture
def root(tmp_path: Path, outside: Path) -> Path:
    folder = tmp_path / "box"
    (folder / "deep" / "er").mkdir(parents=True)
    (folder / "own.txt").write_text("own")
    # A neighbour whose name begins like the sandbox's.
    (tmp_path / "box-neighbour").mkdir()
    (tmp_path / "box-neighbour" / "secret.txt").write_text(SECRET)
    return folder


@pytest.fixture
def box(root: Path, outside: Path) -> Iterator[Sandbox]:
    yield Sandbox(root, Protection())
    # Whatever a test tried, what is outside is as it was.
    assert sorted(path.name for path in outside.iterdir()) == ["secret.txt"]
    assert (outside / "secret.txt").read_text() == SECRET


def code_of(operation: Callable[..., object], *arguments: object) -> ErrorCode | None:
    try:
        operation(*arguments)
    except NeuroScriptError as error:
        return ErrorCode(error.code)
    return None


def expect_error(code: ErrorCode, operation: Callable[..., object], *arguments: object) -> NeuroScriptError:
    with pytest.raises(NeuroScriptError) as caught:
        operation(*arguments)
    assert caught.value.code == code, caught.value.message
    return caught.value


@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS)
@pytest.mark.parametrize(
    "path",
    [
        "..",
        "../",
        "../outside/secret.txt",
        "../box-neighbour/secret.txt",
        "../box/../outside/secret.txt",
        "./../outside/secret.txt",
        "deep/../../outside/secret.txt",
        "deep/er/../../../outside/secret.txt",
        "missing/../../outside/secret.txt",
        "deep//..//..//outside//secret.txt",
        "deep/./.././../outside/secret.txt",
        "/etc/passwd",
        "//etc/passwd",
        "/",
        "..\\outside\\secret.txt",
        "deep\\..\\..\\outside\\secret.txt",
        "C:\\Windows\\win.ini",
        "\\\\server\\share\\file",
        "own.txt\0.png",
        "\0",
        "",
        "../" * 40 + "etc/passwd",
    ],
)
def test_no_path_leads_out(box: Sandbox, operation: Callable[[Sandbox, str], object], path: str) -> None:
    expect_error(ErrorCode.PATH_VIOLATION, lambda: operation(box, path))


def test_the_absolute_path_of_the_sandbox_itself_is_refused_too(box: Sandbox, root: Path) -> None:
    expect_error(ErrorCode.PATH_VIOLATION, lambda: box.read_text(str(root / "own.txt")))


@pytest.mark.parametrize(
    "path", ["~/secret", "$HOME/secret", "%2e%2e/outside/secret.txt", "…/secret", "file://etc/passwd"]
)
def test_nothing_in_a_path_is_expanded_or_decoded(box: Sandbox, path: str) -> None:
    expect_error(ErrorCode.FILE_NOT_FOUND, lambda: box.read_text(path))


# --- symbolic links --------------------------------------------------------------------------------------------------


@pytest.fixture
def links(root: Path, outside: Path) -> None:
    (root / "to_file").symlink_to(outside / "secret.txt")
    (root / "to_folder").symlink_to(outside)
    (root / "relative").symlink_to("../outside/secret.txt")
    (root / "deep" / "up").symlink_to("../../outside")
    (root / "chain").symlink_to("chain2")
    (root / "chain2").symlink_to("to_file")
    (root / "dangling").symlink_to(outside / "new.txt")
    (root / "to_root").symlink_to("/")
    (root / "to_parent").symlink_to("..")
    (root / "through").symlink_to("to_parent/outside/secret.txt")
    (root / "neighbour").symlink_to(str(root) + "-neighbour/secret.txt")
    (root / "cunning").symlink_to(f"{root}/../outside/secret.txt")


ESCAPING = [
    "to_file",
    "relative",
    "chain",
    "dangling",
    "to_folder",
    "to_root",
    "to_parent",
    "through",
    "neighbour",
    "cunning",
    "to_folder/secret.txt",
    "to_folder/new.txt",
    "to_folder/new/new.txt",
    "deep/up/secret.txt",
    "to_parent/outside/secret.txt",
    "to_parent/box/own.txt",
]


@pytest.mark.usefixtures("links")
@pytest.mark.parametrize("operation", [OPERATIONS[name] for name in FOLLOWING], ids=FOLLOWING)
@pytest.mark.parametrize("path", ESCAPING)
def test_no_link_leads_out(box: Sandbox, operation: Callable[[Sandbox, str], object], path: str) -> None:
    expect_error(ErrorCode.PATH_VIOLATION, lambda: operation(box, path))


@pytest.mark.usefixtures("links")
@pytest.mark.parametrize("path", [path for path in ESCAPING if "/" in path])
@pytest.mark.parametrize("name", ["delete", "move from", "move to"])
def test_no_link_on_the_way_leads_out(box: Sandbox, name: str, path: str) -> None:
    expect_error(ErrorCode.PATH_VIOLATION, lambda: OPERATIONS[name](box, path))


@pytest.mark.usefixtures("links")
def test_deleting_a_link_or_the_folder_round_it_leaves_its_target_alone(box: Sandbox, root: Path) -> None:
    for name in ("to_file", "to_folder", "dangling"):
        box.delete(name, recursive=True)
        assert not os.path.lexists(root / name)
    box.delete("deep", recursive=True)
    assert not (root / "deep").exists()


@pytest.mark.usefixtures("links")
def test_walking_lists_links_and_does_not_follow_them(box: Sandbox) -> None:
    entries = {entry.path: entry.kind for entry in box.entries(".", recursive=True)}
    assert entries["to_folder"] == entries["deep/up"] == "link"
    assert not any("secret" in path for path in entries)


@pytest.mark.usefixtures("links")
def test_a_moved_link_still_leads_nowhere(box: Sandbox) -> None:
    box.move("relative", "deep/relative")
    expect_error(ErrorCode.FILE_NOT_FOUND, lambda: box.read_text("deep/relative"))
    box.move("deep/up", "up")
    expect_error(ErrorCode.PATH_VIOLATION, lambda: box.read_text("up/outside/secret.txt"))


@pytest.mark.usefixtures("links")
def test_moving_onto_a_link_does_not_write_through_it(box: Sandbox) -> None:
    expect_error(ErrorCode.PATH_EXISTS, lambda: box.move("own.txt", "dangling"))


def test_links_that_stay_inside_are_followed(box: Sandbox, root: Path) -> None:
    (root / "deep" / "inner.txt").write_text("inner")
    (root / "deep" / "er" / "back").symlink_to("../inner.txt")
    (root / "absolute").symlink_to(root / "deep")
    (root / "here").symlink_to(".")
    (root / "home").symlink_to(root)
    (root / "own").symlink_to("deep/er/../../own.txt")
    assert box.read_text("deep/er/back") == "inner"
    assert box.read_text("absolute/inner.txt") == "inner"
    assert box.read_text("here/here/home/own.txt") == "own"
    assert box.read_text("own") == "own"
    assert box.write("absolute/er/back", b"new") == "deep/inner.txt"
    assert (root / "deep" / "er" / "back").is_symlink()
    assert (root / "deep" / "inner.txt").read_text() == "new"


def test_links_in_a_circle_end(box: Sandbox, root: Path) -> None:
    (root / "a").symlink_to("b")
    (root / "b").symlink_to("a")
    (root / "self").symlink_to("self/self")
    for path in ("a", "b/file", "self", "self/x"):
        expect_error(ErrorCode.PATH_VIOLATION, box.read_text, path)


def test_a_sandbox_that_is_a_link_itself_is_the_directory_it_points_to(
    box: Sandbox, root: Path, tmp_path: Path
) -> None:
    (tmp_path / "alias").symlink_to(root)
    aliased = Sandbox(tmp_path / "alias", Protection())
    assert aliased.read_text("own.txt") == "own"
    expect_error(ErrorCode.PATH_VIOLATION, lambda: aliased.read_text("../outside/secret.txt"))


# --- races -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("operation", ["read", "write", "append", "entries", "delete inside"])
def test_a_folder_exchanged_for_a_link_while_it_is_walked_leads_nowhere(
    box: Sandbox, root: Path, outside: Path, platform: str, monkeypatch: pytest.MonkeyPatch, operation: str
) -> None:
    """The exchange happens at the worst moment: after the name was looked at, before it is opened."""
    target = root / "deep" / "er"
    (target / "secret.txt").write_text("harmless")
    child = folders.Directory.child

    def exchanged(self: folders.Directory, name: str) -> folders.Directory:
        if name == "er" and not target.is_symlink():
            target.rename(root / "moved")
            target.symlink_to(outside)
        return child(self, name)

    monkeypatch.setattr(folders.Directory, "child", exchanged)
    path = "deep/er" if operation == "entries" else "deep/er/secret.txt"
    action = OPERATIONS["delete" if operation == "delete inside" else operation]
    with pytest.raises(NeuroScriptError) as caught:
        action(box, path)
    assert caught.value.code in (ErrorCode.PATH_VIOLATION, ErrorCode.PATH_TYPE_MISMATCH)


@pytest.mark.parametrize("flags", [os.O_RDONLY, os.O_WRONLY | os.O_APPEND | os.O_CREAT])
@pytest.mark.skipif(not hasattr(os, "O_NOFOLLOW"), reason="the platform has no O_NOFOLLOW")
def test_a_file_exchanged_for_a_link_before_it_is_opened_is_not_followed(
    box: Sandbox, root: Path, outside: Path, monkeypatch: pytest.MonkeyPatch, flags: int
) -> None:
    opener = folders.Directory.open

    def exchanged(self: folders.Directory, name: str, flags: int, mode: int) -> int:
        if name == "own.txt":
            (root / name).unlink()
            (root / name).symlink_to(outside / "secret.txt")
        return opener(self, name, flags, mode)

    monkeypatch.setattr(folders.Directory, "open", exchanged)
    action = box.read_text if flags == os.O_RDONLY else lambda path: box.append(path, b"added")
    expect_error(ErrorCode.PATH_VIOLATION, lambda: action("own.txt"))


def test_a_folder_that_flickers_between_itself_and_a_link_is_never_left(
    root: Path, outside: Path, box: Sandbox, platform: str
) -> None:
    if platform == "checked":
        pytest.skip("only an anchored walk holds against another process")
    (root / "deep" / "er" / "secret.txt").write_text("harmless")
    (root / "link").symlink_to(outside)
    stop = threading.Event()

    def flicker() -> None:
        while not stop.is_set():
            (root / "deep" / "er").rename(root / "kept")
            (root / "link").rename(root / "deep" / "er")
            (root / "deep" / "er").rename(root / "link")
            (root / "kept").rename(root / "deep" / "er")

    read: list[str] = []
    thread = threading.Thread(target=flicker)
    thread.start()
    try:
        seen = {code_of(lambda: read.append(box.read_text("deep/er/secret.txt"))) for _ in range(300)}
    finally:
        stop.set()
        thread.join()
    assert set(read) <= {"harmless"}
    assert seen <= {None, ErrorCode.PATH_VIOLATION, ErrorCode.FILE_NOT_FOUND, ErrorCode.PATH_TYPE_MISMATCH}


# --- special files, depth, names -------------------------------------------------------------------------------------


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="the platform has no named pipes")
@pytest.mark.parametrize("name", ["read", "read_bytes", "write", "append"])
def test_a_pipe_is_no_file_and_does_not_block(box: Sandbox, root: Path, name: str) -> None:
    os.mkfifo(root / "pipe")
    expect_error(ErrorCode.PATH_TYPE_MISMATCH, lambda: OPERATIONS[name](box, "pipe"))


@pytest.mark.skipif(sys.platform == "win32", reason="the platform has no socket files")
def test_a_socket_is_no_file(box: Sandbox, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(root)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("socket")
        expect_error(ErrorCode.PATH_TYPE_MISMATCH, lambda: box.read_text("socket"))
        assert box.stat("socket").kind == "other"


@pytest.mark.skipif(not os.path.exists("/dev/zero"), reason="the platform has no device files")
def test_a_sandbox_of_devices_gives_no_endless_file() -> None:
    expect_error(ErrorCode.PATH_TYPE_MISMATCH, lambda: Sandbox("/dev", Protection()).read_text("zero"))


def test_the_sandbox_itself_can_be_neither_deleted_nor_moved_nor_written(box: Sandbox, root: Path) -> None:
    for path in (".", "./", "deep/..", "deep/er/../.."):
        expect_error(ErrorCode.PATH_VIOLATION, box.delete, path, True)
        expect_error(ErrorCode.PATH_VIOLATION, box.move, path, "deep/x")
        expect_error(ErrorCode.PATH_TYPE_MISMATCH, box.write, path, b"")
    assert (root / "own.txt").read_text() == "own"


def test_deep_paths_and_trees_end_at_a_limit(box: Sandbox) -> None:
    path = "/".join("d" * 90)
    box.make_directory(path)
    expect_error(ErrorCode.RESOURCE_EXHAUSTION, lambda: box.make_directory("/".join("e" * 250)))
    # By moving, a tree can be made deeper than any one path.
    box.move("d", "top")
    box.make_directory("x/" * 89 + "x")
    box.move("top", "x/" * 89 + "x/top")
    for operation in (lambda: box.entries("x", recursive=True), lambda: box.delete("x", recursive=True)):
        expect_error(ErrorCode.RESOURCE_EXHAUSTION, operation)


def test_a_name_that_is_too_long_is_a_clear_failure(box: Sandbox) -> None:
    error = expect_error(ErrorCode.IO_FAILED, lambda: box.write("n" * 300, b""))
    assert "too long" in error.message


def test_no_message_shows_where_the_sandbox_is(box: Sandbox, root: Path, tmp_path: Path) -> None:
    (root / "out").symlink_to(tmp_path)
    for operation in OPERATIONS.values():
        for path in ("missing/file", "own.txt/file", "out/x", "../x", "n" * 300):
            try:
                operation(box, path)
            except NeuroScriptError as error:
                message = error.message
            else:
                message = ""
            assert str(tmp_path) not in message


def test_walking_stops_when_the_run_is_cancelled(root: Path) -> None:
    def cancelled() -> None:
        raise NeuroScriptError(ErrorCode.CANCELLED, "cancelled")

    stopped = Sandbox(root, Protection(), check=cancelled)
    expect_error(ErrorCode.CANCELLED, lambda: stopped.entries(".", recursive=True))
    expect_error(ErrorCode.CANCELLED, lambda: stopped.read_bytes("own.txt"))


def test_no_descriptor_is_left_open(box: Sandbox, root: Path) -> None:
    if not os.path.isdir("/proc/self/fd"):
        pytest.skip("open descriptors can be counted on Linux alone")
    (root / "loop").symlink_to("loop")
    (root / "home").symlink_to(root)
    before = len(os.listdir("/proc/self/fd"))
    for operation in OPERATIONS.values():
        for path in ("deep/er", "../x", "deep/er/../../x/y", "own.txt/x", "loop/x", "home/home/deep", "missing"):
            code_of(operation, box, path)
    assert len(os.listdir("/proc/self/fd")) == before
