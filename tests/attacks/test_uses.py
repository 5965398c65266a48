"""Attacks by ``:: uses:``: a way out of the sandbox, into the host's own files, or to use up the machine."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from neuroscript import Interpreter, NeuroScriptError, NeuroScriptSyntaxError, Policy
from neuroscript.sandbox import directory as folders

SECRET = "hunter2-host-password"
LOADER = "func load(needs text, name) means\n  return tool.script.LoadScript(text, name)\nendfunc\n"
PROCEDURE = 'func stolen() means\n  return "x"\nendfunc\n'

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows has no pipes, and links only for some")


@pytest.fixture
def box(tmp_path: Path) -> Path:
    """A sandbox directory with a file, beside a directory with secrets."""
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "secret.ns").write_text(f"{SECRET}\n")
    (tmp_path / "outside" / "procedure.ns").write_text(PROCEDURE)
    folder = tmp_path / "box"
    folder.mkdir()
    (folder / "main.ns").write_text("# a text\n")
    return folder


def by_the_host(box: Path, text: str, **options: object) -> NeuroScriptError | None:
    """The error of a program in the directory that the host loads."""
    (box / "main.ns").write_text(text)
    with Interpreter(**options) as interpreter:  # type: ignore[arg-type]
        return error_of(lambda: interpreter.load(box / "main.ns"))


def by_a_script(box: Path, text: str, **options: object) -> NeuroScriptError | None:
    """The error of the same text that a script loads."""
    with Interpreter(sandbox=box, **options) as interpreter:  # type: ignore[arg-type]
        interpreter.load(LOADER)
        return error_of(lambda: interpreter.run("load", text, "main.ns"))


def error_of(action: Callable[[], object]) -> NeuroScriptError | None:
    """The error that an action raises, which tells nothing of the secret."""
    raised: list[NeuroScriptError] = []
    try:
        action()
    except NeuroScriptError as error:
        raised.append(error)
    for error in raised:
        shown = error.render() if isinstance(error, NeuroScriptSyntaxError) else str(error)
        assert SECRET not in shown + str(error)
        return error
    return None


DOORS = {"the host": by_the_host, "a script": by_a_script}
door = pytest.mark.parametrize("load", DOORS.values(), ids=DOORS)


# --- out of the directory --------------------------------------------------------------------------------------------

WAYS_OUT = [
    "../outside/secret.ns",
    "./../outside/secret.ns",
    "sub/../../outside/secret.ns",
    "sub/up/outside/secret.ns",
    "link.ns",
    "folder/secret.ns",
    "twice.ns",
    "absolute.ns",
    "/etc/passwd",
    "/etc/passwd.ns",
    "//etc/passwd.ns",
    "passwd.ns",
    "..\\outside\\secret.ns",
    "C:\\secret.ns",
    "\\\\server\\secret.ns",
    "proc/environ.ns",
    "~/secret.ns",
    "$HOME/secret.ns",
    "%2e%2e/outside/secret.ns",
    "file:///etc/passwd.ns",
    "x" * 5000 + ".ns",
    "a/" * 3000 + "x.ns",
    "../" * 3000 + "x.ns",
]


@door
@pytest.mark.parametrize("platform", ["anchored", "checked"])
@pytest.mark.parametrize("path", WAYS_OUT, ids=lambda path: path[:30])
def test_no_path_and_no_link_leads_out(
    box: Path, monkeypatch: pytest.MonkeyPatch, load: Callable[..., NeuroScriptError | None], platform: str, path: str
) -> None:
    monkeypatch.setattr(folders, "ANCHORED", platform == "anchored")
    (box / "sub").mkdir()
    (box / "sub" / "up").symlink_to("../..")
    (box / "link.ns").symlink_to("../outside/secret.ns")
    (box / "twice.ns").symlink_to("link.ns")
    (box / "absolute.ns").symlink_to(box.parent / "outside" / "secret.ns")
    (box / "folder").symlink_to("../outside")
    (box / "passwd.ns").symlink_to("/etc/passwd")
    (box / "proc").symlink_to("/proc/self")
    error = load(box, f":: uses: {path}\n", plugins=False)
    if path == "/etc/passwd":  # a remark
        assert error is None
        return
    assert error is not None
    assert error.code in (22, 26, 34, 37)


@door
def test_a_link_to_a_procedure_outside_defines_nothing(box: Path, load: Callable[..., NeuroScriptError | None]) -> None:
    (box / "link.ns").symlink_to("../outside/procedure.ns")
    error = load(box, ":: uses: link.ns\n", plugins=False)
    assert error is not None
    assert error.code == 34


def test_what_lies_outside_is_not_told(box: Path) -> None:
    """A file, a folder and nothing at all are refused in the same words."""
    told = set()
    for name in ("secret", "missing"):
        error = by_the_host(box, f":: uses: ../outside/{name}.ns\n", plugins=False)
        assert error is not None
        told.add(error.message.replace(name, "it"))
    assert len(told) == 1


@pytest.mark.skipif(not folders.ANCHORED, reason="only an anchored walk holds against another process")
def test_a_folder_that_flickers_between_itself_and_a_link_is_never_left(box: Path) -> None:
    (box / "lib").mkdir()
    (box / "lib" / "secret.ns").write_text("func harmless() means\nendfunc\n")
    (box / "link").symlink_to("../outside")
    (box / "main.ns").write_text(":: uses: lib/secret.ns\n")
    stop = threading.Event()

    def flicker() -> None:
        while not stop.is_set():
            (box / "lib").rename(box / "kept")
            (box / "link").rename(box / "lib")
            (box / "lib").rename(box / "link")
            (box / "kept").rename(box / "lib")

    thread = threading.Thread(target=flicker)
    thread.start()
    try:
        for _ in range(100):
            with Interpreter(plugins=False) as interpreter:
                error = error_of(lambda: interpreter.load(box / "main.ns"))
                assert error is None or error.code in (22, 23, 34)
    finally:
        stop.set()
        thread.join()


@pytest.mark.parametrize("is_lasting", [False, True])
def test_a_link_that_is_gone_before_it_is_read_is_looked_for_again(
    box: Path, monkeypatch: pytest.MonkeyPatch, is_lasting: bool
) -> None:
    (box / "link").symlink_to("../outside")
    real, gone = os.path.realpath, [FileNotFoundError("gone")] * (1_000 if is_lasting else 3)

    def changing(path: str) -> str:
        if "link" in path and gone:
            raise gone.pop()
        return real(path)

    monkeypatch.setattr(os.path, "realpath", changing)
    error = by_the_host(box, ":: uses: link/secret.ns\n", plugins=False)
    assert error is not None
    assert error.code == (22 if is_lasting else 34)


def test_a_file_exchanged_for_a_link_before_it_is_opened_is_not_followed(
    box: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (box / "lib.ns").write_text("")
    opener = folders.Directory.open

    def exchanged(self: folders.Directory, name: str, flags: int, mode: int) -> int:
        if name == "lib.ns" and not (box / name).is_symlink():
            (box / name).unlink()
            (box / name).symlink_to("../outside/secret.ns")
        return opener(self, name, flags, mode)

    monkeypatch.setattr(folders.Directory, "open", exchanged)
    error = by_the_host(box, ":: uses: lib.ns\n", plugins=False)
    assert error is not None
    assert error.code == 34


# --- the host's own files --------------------------------------------------------------------------------------------


@door
@pytest.mark.parametrize("how", ["a hard link", "a link", "a name", "another case", "a directory's name"])
def test_protected_files_stay_out_of_reach(box: Path, load: Callable[..., NeuroScriptError | None], how: str) -> None:
    name = "ai_worker_definitions.json"
    (box / name).write_text(SECRET)
    (box / "neuroscript.toml").write_text(f"# {SECRET}")
    (box / "ai_worker_state").mkdir()
    (box / "ai_worker_state" / "x.ns").write_text(SECRET)
    (box / "ai_worker_x.ns").write_text(SECRET)
    paths = {
        "a hard link": ("x.ns", "y.ns"),
        "a link": ("x.ns", "y.ns"),
        "a name": ("ai_worker_x.ns", "./ai_worker_x.ns"),
        "another case": ("AI_Worker_x.ns", "NeuroScript.toml/x.ns"),
        "a directory's name": ("ai_worker_state/x.ns", "AI_WORKER_STATE/x.ns"),
    }[how]
    for path, target in zip(paths, (name, "neuroscript.toml"), strict=True):
        if how == "a hard link":
            os.link(box / target, box / path)
        elif how == "a link":
            (box / path).symlink_to(target)
        error = load(box, f":: uses: {path}\n")
        assert error is not None
        assert error.code == 10


@door
def test_other_kinds_of_files_are_not_read_by_a_link(box: Path, load: Callable[..., NeuroScriptError | None]) -> None:
    (box / ".env").write_text(f"PASSWORD={SECRET}\n")
    (box / "env.ns").symlink_to(".env")
    error = load(box, ":: uses: env.ns\n", plugins=False)
    assert error is not None
    assert error.code == 10


@door
def test_a_program_without_leave_to_read_sees_no_line(box: Path, load: Callable[..., NeuroScriptError | None]) -> None:
    (box / "notes.ns").write_text(f"the password is {SECRET}\n")
    (box / "broken.ns").write_text(f":: uses: missing.ns, or else {SECRET}\n")
    for path in ("notes.ns", "broken.ns"):
        for policy in (Policy(deny=("fs.*",)), Policy(deny=("fs.Read",)), Policy(grants=("fs:write",))):
            error = load(box, f":: uses: {path}\n", plugins=False, policy=policy)
            assert error is not None
            assert error.code in (10, 15, 22)


# --- what would block or use up the machine --------------------------------------------------------------------------


@door
@pytest.mark.parametrize("kind", ["pipe", "link to a pipe", "device", "directory", "endless", "huge"])
def test_special_and_huge_files(box: Path, load: Callable[..., NeuroScriptError | None], kind: str) -> None:
    path = box / "x.ns"
    match kind:
        case "pipe":
            os.mkfifo(path)
        case "link to a pipe":
            os.mkfifo(box / "pipe.ns")
            path.symlink_to("pipe.ns")
        case "device":
            path.symlink_to("/dev/zero")
        case "directory":
            path.mkdir()
        case "endless":
            path.symlink_to("x.ns")
        case "huge":
            with path.open("wb") as file:
                file.truncate(1 << 40)  # it takes no room
    error = load(box, ":: uses: x.ns\n", plugins=False)
    assert error is not None
    assert error.code == {"device": 34, "endless": 34, "huge": 37}.get(kind, 23)


@door
def test_a_thousand_names_of_one_file_read_it_once(box: Path, load: Callable[..., NeuroScriptError | None]) -> None:
    (box / "lib.ns").write_text("#" * 500_000 + "\n")
    names = ", ".join(["./" * (number % 50) + "lib.ns" for number in range(1000)])
    assert load(box, f":: uses: {names}\n", plugins=False) is None


@door
def test_too_many_uses(box: Path, load: Callable[..., NeuroScriptError | None]) -> None:
    (box / "lib.ns").write_text("")
    assert load(box, ":: uses: lib.ns\n" * 10_000, plugins=False) is None
    error = load(box, ":: uses: lib.ns\n" * 10_001, plugins=False)
    assert error is not None
    assert error.code == 37


@door
def test_deep_chains_and_folders(box: Path, load: Callable[..., NeuroScriptError | None]) -> None:
    deep = min(sys.getrecursionlimit() + 100, 1500)
    for number in range(deep):
        (box / f"f{number}.ns").write_text(f":: uses: f{number + 1}.ns\n")
    (box / f"f{deep}.ns").write_text(":: uses: f0.ns\n")
    error = load(box, ":: uses: f0.ns\n", plugins=False)
    assert error is not None
    assert error.code in (37, 39)  # a script may not load so many texts
    error = load(box, f":: uses: {'d/' * 150}x.ns\n", plugins=False)
    assert error is not None
    assert error.code in (22, 37)


@door
def test_a_diamond_of_diamonds_is_walked_once(box: Path, load: Callable[..., NeuroScriptError | None]) -> None:
    """Each file uses all those below it: as many ways to the last one as there are subsets."""
    for number in range(60):
        below = ", ".join(f"f{other}.ns" for other in range(number))
        (box / f"f{number}.ns").write_text(f":: uses: {below}\n")
    assert load(box, ":: uses: f59.ns\n", plugins=False) is None


@pytest.mark.parametrize("path", ["LIB.ns", "Lib.ns", "lib.NS", "lib.ns.", "lib.ns ", "l\u0131b.ns"])
def test_other_spellings_are_the_file_or_none(box: Path, path: str) -> None:
    """Where the file system takes them for one name, they are one file, loaded once."""
    (box / "lib.ns").write_text(PROCEDURE)
    error = by_the_host(box, f":: uses: lib.ns, {path}\n", plugins=False)
    assert error is None or error.code == 22


def test_names_cannot_forge_messages(box: Path) -> None:
    error = by_the_host(box, ":: uses: x\x1b[2J\u202e\u2028y.ns\n", plugins=False)
    assert isinstance(error, NeuroScriptSyntaxError)
    assert error.code == 22
    assert not {"\x1b", "\u202e", "\u2028"} & set(error.render())
