"""The files of the host that lie in the sandbox directory: worker files, configuration, compiled code, keys.

Whatever a script calls them and whichever tool it uses, they cannot be read, changed, moved, removed or seen.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ai_wm import AIWorkerManager, register_ai_worker_tools
from ai_wm.plugin import register
from ai_wm.ratelimit import SQLiteRateLimiter
from neuroscript import Interpreter, NeuroScriptError
from neuroscript.sandbox import directory as folders
from neuroscript.sandbox import protection
from neuroscript.sandbox.protection import Protection, folded
from tests.ai_wm.helpers import worker

KEY = "sk-the-key"

FILES = [
    "ai_worker_definitions.json",
    "ai_worker_performance_data.json",
    "ai_worker_limits.sqlite3",
    "ai_worker_limits.sqlite3-wal",
    "ai_worker_state/store.lock",
    "ai_worker_state/journals/1.json",
    "neuroscript.toml",
    "project/deep/neuroscript.toml",
    "project/deep/ai_worker_definitions.json",
    "project/ai_worker_state/store.lock",
]
ABSENT = [
    ".ai_worker_definitions.json.swp",
    "#ai_worker_definitions.json#",
    "project/.#ai_worker_definitions.json",
    "ai_worker_limits.sqlite3-journal",
    "ai_worker_definitions.json.tmp",
    "ai_worker_state/new",
    "ai_worker_state/new/new",
    "project/neuroscript.toml",
]

REFUSED, MISSING = 10, 22
NOT_SEEN: tuple[object, ...] = (MISSING, False)

CHANGING: dict[str, Callable[[Caller, str], object]] = {
    "read": lambda call, path: call("Read", path),
    "read bytes": lambda call, path: call("ReadBytes", path),
    "count lines": lambda call, path: call("LineCount", path),
    "write": lambda call, path: call("Write", path, "forged"),
    "append": lambda call, path: call("Append", path, "forged"),
    "make a folder": lambda call, path: call("Mkdir", path),
    "delete": lambda call, path: call("Delete", path),
    "delete all": lambda call, path: call("Delete", path, True),
    "move away": lambda call, path: call("Move", path, "stolen"),
    "move here": lambda call, path: call("Move", "own.txt", path),
    "move a folder here": lambda call, path: call("Move", "folder", path),
}
LOOKING: dict[str, Callable[[Caller, str], object]] = {
    "stat": lambda call, path: call("Stat", path),
    "exists": lambda call, path: call("Exists", path),
    "hash": lambda call, path: call("Hash", path),
    "list": lambda call, path: call("List", path),
    "walk": lambda call, path: call("Walk", path),
}


class Caller:
    """Calls file tools; gives the result, or the number of the error."""

    def __init__(self, interpreter: Interpreter) -> None:
        self.interpreter = interpreter

    def __call__(self, tool: str, *args: Any) -> Any:
        try:
            return self.interpreter.tools.call(f"fs.{tool}", *args, context=self.interpreter.host_context())
        except NeuroScriptError as error:
            return KEY if KEY in error.message else int(error.code)


@pytest.fixture(params=["anchored", "checked"], autouse=True)
def platform(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Each test runs twice: where folders are opened relative to one another, and where they are not."""
    if request.param == "anchored" and not folders.ANCHORED:
        pytest.skip("this platform cannot open names relative to a folder")
    monkeypatch.setattr(folders, "ANCHORED", request.param == "anchored")
    return str(request.param)


def contents(root: Path) -> dict[str, bytes]:
    return {path: (root / path).read_bytes() for path in FILES}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    box = tmp_path / "box"
    for path in (*FILES, "own.txt", "folder/inner.txt"):
        (box / path).parent.mkdir(parents=True, exist_ok=True)
        (box / path).write_text(KEY if path in FILES else "own")
    return box


@pytest.fixture
def call(root: Path) -> Iterator[Caller]:
    before = contents(root)
    with Interpreter(plugins=False, sandbox=root) as interpreter:
        register(interpreter)
        yield Caller(interpreter)
    # Whatever a test tried, what is protected is as it was, and nothing has joined it.
    assert contents(root) == before
    for path in ABSENT:
        assert not os.path.lexists(root / path), path


# --- by name ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("operation", CHANGING.values(), ids=CHANGING)
@pytest.mark.parametrize("path", [*FILES, *ABSENT])
def test_nothing_reaches_them(call: Caller, path: str, operation: Callable[[Caller, str], object]) -> None:
    """A key would be read, a limit reset by deleting the counters, a definition planted before it is loaded."""
    assert operation(call, path) == REFUSED


@pytest.mark.parametrize("operation", CHANGING.values(), ids=CHANGING)
def test_nothing_makes_one_in_a_folder_that_is_not_there(
    call: Caller, root: Path, operation: Callable[[Caller, str], object]
) -> None:
    """The folders on the way are made with what is in them, so the name is looked at before it can lie anywhere."""
    assert operation(call, "new/folder/neuroscript.toml") in (REFUSED, MISSING)
    assert not (root / "new" / "folder" / "neuroscript.toml").exists()


@pytest.mark.parametrize("operation", LOOKING.values(), ids=LOOKING)
@pytest.mark.parametrize("path", [*FILES, *ABSENT, "ai_worker_state"])
def test_nothing_sees_them(call: Caller, path: str, operation: Callable[[Caller, str], object]) -> None:
    """Which workers there are, and whether a call was recorded just now, would show in names, sizes and times."""
    assert operation(call, path) in NOT_SEEN


def test_no_listing_shows_them(call: Caller) -> None:
    assert [entry["path"] for entry in call("List", ".")] == ["folder", "own.txt", "project"]
    assert [entry["path"] for entry in call("Walk", ".")] == [
        *("folder", "folder/inner.txt", "own.txt", "project", "project/deep"),
    ]
    assert call("List", "project/deep") == []


SPELLINGS = {
    "a dot": "./{}",
    "slashes": ".//{}",
    "a detour": "folder/../{}",
    "a detour that is not there": "folder/./../{}",
    "as a folder": "{}/",
    "from inside": "{}/.",
    "through itself": "{0}/../{0}",
    "upper case": "{upper}",
    "mixed case": "{mixed}",
    "a dot at the end": "{}.",
    "blanks at the end": "{} . ",
    "a zero width joiner": "{first}\u200d{rest}",
    "a soft hyphen": "{first}\u00ad{rest}",
    "a variation selector": "{}\ufe0f",
    "full width": "{wide}",
    "a long s": "{long_s}",
    "a Kelvin sign": "{kelvin}",
}


@pytest.mark.parametrize("spelling", SPELLINGS.values(), ids=SPELLINGS)
@pytest.mark.parametrize("name", ["ai_worker_definitions.json", "ai_worker_state", "neuroscript.toml"])
def test_no_other_spelling_reaches_them(call: Caller, name: str, spelling: str) -> None:
    """File systems that ignore case, composition, unseen characters or dots at the end take these for the file."""
    path = spelling.format(
        name,
        upper=name.upper(),
        mixed=name.title(),
        first=name[0],
        rest=name[1:],
        wide="".join(chr(ord(char) + 0xFEE0) if char.isalpha() else char for char in name),
        long_s=name.replace("s", "\u017f"),
        kelvin=name.replace("k", "\u212a"),
    )
    assert call("Write", path, "forged") == REFUSED
    assert call("Read", path) == REFUSED
    assert call("Exists", path) in NOT_SEEN


@pytest.mark.parametrize(
    "name", ["ai_worker", "my_ai_worker_definitions.json", "neuroscript.toml.md", "x-neuroscript.toml", "ai_workers"]
)
def test_other_names_are_the_program_s(call: Caller, root: Path, name: str) -> None:
    assert call("Write", name, "mine") == name
    assert call("Read", name) == "mine"
    assert call("Delete", name) == name


def test_worker_files_deeper_down_are_out_of_reach_too(call: Caller, root: Path) -> None:
    """With a directory of projects as its sandbox, a script read and changed the workers, and the keys, of each."""
    (root / "project").mkdir(exist_ok=True)
    for name in ("ai_worker_definitions.json", "ai_worker_extra.json"):
        assert call("Write", f"project/{name}", "[]") == REFUSED
        assert call("Move", "own.txt", f"project/{name}") == REFUSED


# --- the folders round them -------------------------------------------------------------------------------------------


def test_a_folder_round_them_stays(call: Caller) -> None:
    """Deleted or moved with its folder, the configuration would be gone, or be read under another name."""
    for path in ("project", "project/deep", "folder/../project"):
        assert call("Delete", path, True) == REFUSED
        assert call("Move", path, "elsewhere") == REFUSED
    assert call("Delete", "project/deep") == REFUSED
    assert call("Delete", "folder", True) == "folder"


def test_a_refused_removal_removes_nothing(call: Caller, root: Path) -> None:
    """What stands before the protected file in the order of names would be gone already."""
    (root / "project" / "aaa.txt").write_text("first")
    assert call("Delete", "project", True) == REFUSED
    assert (root / "project" / "aaa.txt").read_text() == "first"


# --- links ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def links(root: Path) -> None:
    (root / "link.txt").symlink_to("ai_worker_definitions.json")
    (root / "absolute").symlink_to(root / "ai_worker_definitions.json")
    (root / "state").symlink_to("ai_worker_state")
    (root / "chain").symlink_to("folder/back")
    (root / "folder" / "back").symlink_to("../link.txt")
    (root / "here").symlink_to(".")
    (root / "new.json").symlink_to("ai_worker_definitions.json.tmp")
    os.link(root / "ai_worker_definitions.json", root / "hard.txt")
    os.link(root / "ai_worker_state" / "journals" / "1.json", root / "folder" / "hard.json")
    os.link(root / "neuroscript.toml", root / "folder" / "hard.toml")


LINKS = ["link.txt", "absolute", "state/store.lock", "state/journals/1.json", "chain", "new.json", "state/new"]
LINKS += ["here/ai_worker_definitions.json", "here/here/state/store.lock"]
HARD_LINKS = ["hard.txt", "folder/hard.json", "folder/hard.toml", "here/hard.txt"]


@pytest.mark.usefixtures("links")
@pytest.mark.parametrize("path", [*LINKS, *HARD_LINKS])
def test_no_link_reaches_them(call: Caller, path: str) -> None:
    """A link that came with an archive or a repository would be another name for the file of keys."""
    for operation in ("Read", "ReadBytes", "LineCount"):
        assert call(operation, path) == REFUSED
    assert call("Write", path, "forged") == REFUSED
    assert call("Append", path, "forged") == REFUSED
    assert call("Hash", path) == MISSING
    assert call("Stat", path) == MISSING
    assert call("Exists", path) is False


@pytest.mark.usefixtures("links")
@pytest.mark.parametrize("path", HARD_LINKS)
def test_another_name_of_a_protected_file_stays_where_it_is(call: Caller, path: str) -> None:
    assert call("Move", path, "stolen.txt") == REFUSED
    assert call("Delete", path) == REFUSED
    assert call("Delete", "folder", True) == REFUSED
    listed = {entry["path"] for entry in call("Walk", ".")}
    assert not listed & set(HARD_LINKS)


@pytest.mark.usefixtures("links")
def test_a_link_itself_is_the_program_s(call: Caller, root: Path) -> None:
    assert call("Delete", "link.txt") == "link.txt"
    assert call("Move", "state", "folder/state") == "folder/state"
    assert call("Read", "folder/state/store.lock") in (REFUSED, MISSING)
    assert (root / "ai_worker_state" / "store.lock").read_text() == KEY


def test_files_with_several_names_that_are_not_protected_are_files_like_others(call: Caller, root: Path) -> None:
    os.link(root / "own.txt", root / "twin.txt")
    assert call("Read", "twin.txt") == "own"
    assert call("Append", "twin.txt", "!") == "twin.txt"


@pytest.mark.skipif(sys.platform == "win32", reason="files are exchanged otherwise there")
def test_a_file_exchanged_for_another_name_of_a_protected_one(
    call: Caller, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The exchange happens after the name was looked at and before it is opened."""
    opener = folders.Directory.open

    def exchanged(self: folders.Directory, name: str, flags: int, mode: int) -> int:
        if name == "own.txt":
            (root / name).unlink()
            os.link(root / "ai_worker_definitions.json", root / name)
        return opener(self, name, flags, mode)

    monkeypatch.setattr(folders.Directory, "open", exchanged)
    assert call("Read", "own.txt") == REFUSED


def test_where_names_are_not_exact_a_file_is_known_by_what_it_is(
    call: Caller, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """FAT and NTFS find a file by a short name that is nothing like its own."""
    short, own = "AI_WOR~1.JSO", folders.Directory._at

    def at(self: folders.Directory, name: str, option: str = "dir_fd") -> tuple[str, dict[str, Any]]:
        return own(self, "ai_worker_definitions.json" if name == short else name, option)

    monkeypatch.setattr(folders.Directory, "_at", at)
    assert call("Read", short) == REFUSED
    assert call("Write", short, "forged") == REFUSED
    assert call("Exists", short) is False
    monkeypatch.setattr(protection, "_EXACT_NAMES", False)
    short = "anything"
    assert call("Read", short) == REFUSED
    assert call("Read", "own.txt") == "own"


# --- whose they are ---------------------------------------------------------------------------------------------------


def test_they_are_protected_although_nothing_was_asked_of_the_workers(root: Path) -> None:
    """The plugin is loaded when the first file tool is called; before that it cannot have said what is its own."""
    with Interpreter(sandbox=root) as interpreter:
        interpreter.load('func main means\n  return tool.fs.Read("ai_worker_definitions.json")\nendfunc\n')
        with pytest.raises(NeuroScriptError) as caught:
            interpreter.run("main")
    assert caught.value.code == REFUSED


def test_a_manager_s_directory_inside_the_sandbox(root: Path) -> None:
    """The host keeps its workers in a folder of the sandbox; its files are there, not at the top."""
    with AIWorkerManager(root / "team") as manager, Interpreter(plugins=False, sandbox=root) as interpreter:
        register_ai_worker_tools(interpreter, manager)
        manager.add_worker_definition(worker("w"))
        call = Caller(interpreter)
        assert call("Read", "team/ai_worker_definitions.json") == REFUSED
        assert call("List", "team") == []
        assert call("Delete", "team", True) == REFUSED
        assert call("Move", "team", "mine") == REFUSED
        assert call("Read", "ai_worker_definitions.json") == REFUSED


@pytest.mark.parametrize("where", ["conf", "deep/conf", "link"])
def test_files_of_keys_that_the_host_keeps_in_the_sandbox(tmp_path: Path, where: str) -> None:
    """The host's configuration directory lay in the sandbox, and a script read, or replaced, the keys in it."""
    root = tmp_path / "plain"
    (root / "folder").mkdir(parents=True)
    (root / "own.txt").write_text("own")
    config = root / ("elsewhere" if where == "link" else where)
    config.mkdir(parents=True)
    (config / "keys.toml").write_text(KEY)
    if where == "link":
        (root / "link").symlink_to("elsewhere")
    with (
        AIWorkerManager(root, config_dir=root / where) as manager,
        Interpreter(plugins=False, sandbox=root) as interpreter,
    ):
        register_ai_worker_tools(interpreter, manager)
        call = Caller(interpreter)
        path = config.relative_to(root).as_posix()
        for name, operation in CHANGING.items():
            assert operation(call, f"{path}/keys.toml") == REFUSED, name
        for name, operation in LOOKING.items():
            assert operation(call, f"{path}/keys.toml") in NOT_SEEN, name
        assert call("Write", f"{path}/more.toml", "forged") == REFUSED
        assert call("Delete", path, True) == REFUSED
        assert call("Move", path, "mine") == REFUSED
        assert path not in [entry["path"] for entry in call("Walk", ".")]
        # Nor does a model get to see them that the host itself asks.
        manager.add_worker_definition({**worker("w"), "default_file_contexts": [f"{path}/keys.toml"]})
        session = manager.spawn_worker_instance("w")
        with pytest.raises(NeuroScriptError) as caught:
            manager.conversation(session.instance_id).ask("hello")
        assert caught.value.code == REFUSED
    assert (config / "keys.toml").read_text() == KEY


def test_counters_that_the_host_keeps_in_the_sandbox(root: Path) -> None:
    """The host gave the file of the limits a name of its own, and a script deleted it to begin anew."""
    limits = root / "counted.sqlite3"
    with (
        AIWorkerManager(limiter=SQLiteRateLimiter(limits)) as manager,
        Interpreter(plugins=False, sandbox=root) as interpreter,
    ):
        register_ai_worker_tools(interpreter, manager)
        manager.add_worker_definition({**worker("w"), "rate_limits": {"max_requests_per_day": 10}})
        manager.execute_stateless_task("w", "hello")
        call = Caller(interpreter)
        for path in [path.name for path in root.glob("counted*")]:
            assert call("Delete", path) == REFUSED
            assert call("Read", path) == REFUSED
            assert call("Exists", path) is False
        assert limits.exists()


def test_a_host_protects_what_it_likes(root: Path) -> None:
    with Interpreter(plugins=False, sandbox=root) as interpreter:
        call = Caller(interpreter)
        assert call("Read", "own.txt") == "own"
        interpreter.protect(root / "own.txt")
        interpreter.protect("inner*")
        interpreter.protect(str(root / "secret" / "not-there"))
        assert call("Read", "own.txt") == REFUSED
        assert call("Read", "folder/inner.txt") == REFUSED
        assert call("Write", "secret/not-there/x", "") == REFUSED
        for path in ("relative/path", "", "*", "./x"):
            with pytest.raises(ValueError, match="absolute"):
                interpreter.protect(path)


def test_a_sandbox_that_is_itself_protected_has_nothing(root: Path) -> None:
    with Interpreter(plugins=False, sandbox=root) as interpreter:
        interpreter.protect(root)
        call = Caller(interpreter)
        assert call("Read", "own.txt") == REFUSED
        assert call("Write", "new.txt", "") == REFUSED
        assert call("List", ".") == MISSING


# --- the user's own directories ---------------------------------------------------------------------------------------


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    if sys.platform != "linux":
        pytest.skip("the directories are elsewhere there")
    made = tmp_path / "home"
    made.mkdir()
    monkeypatch.setenv("HOME", str(made))
    for kind in ("CACHE", "CONFIG", "DATA", "STATE"):
        monkeypatch.delenv(f"XDG_{kind}_HOME", raising=False)
    return made


OWN = [
    ".config/neuroscript/config.toml",
    ".config/neuroscript",
    ".local/share/neuroscript/keys.toml",
    ".local/state/neuroscript/repl_history",
    ".cache/neuroscript/0123",
    ".cache/neuroscript.key",
    ".cache/neuroscript.key.1.draft",
]


@pytest.mark.parametrize("path", OWN)
@pytest.mark.parametrize("there", [True, False])
def test_a_sandbox_that_is_the_home_directory(home: Path, path: str, there: bool) -> None:
    """A script run with ``--sandbox ~`` would read keys, or leave a configuration that grants everything."""
    if there:
        (home / path).parent.mkdir(parents=True)
        (home / path).write_text(KEY)
    with Interpreter(plugins=False, sandbox=home) as interpreter:
        call = Caller(interpreter)
        call("Write", "own.txt", "own")
        call("Mkdir", "folder")
        for name, operation in CHANGING.items():
            assert operation(call, path) == REFUSED or (not there and operation(call, path) == MISSING), name
        for name, operation in LOOKING.items():
            assert operation(call, path) in NOT_SEEN, name
        if there:
            above = path.partition("/")[0]
            assert call("Delete", above, True) == REFUSED
            assert call("Move", above, "elsewhere") == REFUSED
            assert (home / path).read_text() == KEY
        else:
            assert not (home / path).exists()


def test_a_link_on_the_way_to_the_configuration_stays(home: Path) -> None:
    """Without the link the user's configuration would not be found, and with it what it denies; or another would."""
    real = home / "dotfiles" / "config"
    (real / "neuroscript").mkdir(parents=True)
    (real / "neuroscript" / "config.toml").write_text(KEY)
    (home / ".config").symlink_to("dotfiles/config")
    with Interpreter(plugins=False, sandbox=home) as interpreter:
        call = Caller(interpreter)
        for path in (".config/neuroscript/config.toml", "dotfiles/config/neuroscript/config.toml"):
            assert call("Read", path) == REFUSED
            assert call("Write", path, "") == REFUSED
        for path in (".config", "dotfiles/config", "dotfiles"):
            assert call("Delete", path, True) == REFUSED
            assert call("Move", path, "elsewhere") == REFUSED
    assert (home / ".config").is_symlink()


def test_another_process_s_directories_count_too(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A script run where ``XDG_CONFIG_HOME`` is set would leave a configuration for runs where it is not."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home / "etc"))
    with Interpreter(plugins=False, sandbox=home) as interpreter:
        call = Caller(interpreter)
        for path in ("etc/neuroscript/config.toml", ".config/neuroscript/config.toml"):
            assert call("Write", path, "") == REFUSED


def test_a_sandbox_inside_a_protected_directory_is_the_host_s_choice(home: Path) -> None:
    box = home / ".local" / "share" / "neuroscript" / "boxes" / "1"
    box.mkdir(parents=True)
    with Interpreter(plugins=False, sandbox=box) as interpreter:
        assert Caller(interpreter)("Write", "x", "y") == "x"


# --- the mechanism ----------------------------------------------------------------------------------------------------


def test_what_protects_does_not_look_at_contents(root: Path, call: Caller) -> None:
    """A definition without an inline key is as much the host's as one with it."""
    assert call("Write", "copy.json", '{"auth": {"method": "inline", "value": "x"}}') == "copy.json"
    assert call("Read", "copy.json") != REFUSED


@pytest.mark.parametrize(
    ("one", "other"),
    [("Straße", "STRASSE"), ("é", "e\u0301"), ("ﬁle", "FILE"), ("x" * 300, "X" * 300), ("a/B", "A/b"), (".", ".")],
)
def test_names_that_some_file_system_takes_for_one(one: str, other: str) -> None:
    assert folded(one) == folded(other)


def test_the_same_protection_serves_several_directories(root: Path, tmp_path: Path) -> None:
    shared = Protection(root / "own.txt")
    assert shared.inside(str(root)).covers("", "own.txt", None)
    assert not shared.inside(str(tmp_path)).covers("", "own.txt", None)
    assert shared.inside(str(tmp_path)).covers("box", "OWN.TXT", None)


@pytest.mark.skipif(not hasattr(os, "symlink"), reason="the platform has no links")
@pytest.mark.parametrize("folder", ["", "policies"])
def test_what_the_links_in_the_users_directories_lead_to_is_out_of_reach(
    folder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who keeps ``config.toml`` in a directory of dotfiles ran a script there, and it granted itself a key."""
    own, dotfiles = tmp_path / "config" / folder, tmp_path / "dotfiles"
    own.mkdir(parents=True)
    dotfiles.mkdir()
    kept = dotfiles / "settings.toml"
    kept.write_text("[policy]\n")
    (own / "config.toml").symlink_to(kept)
    monkeypatch.setattr(protection, "own_paths", lambda: [str(tmp_path / "config")])
    with Interpreter(plugins=False, sandbox=dotfiles) as interpreter:
        call = Caller(interpreter)
        assert call("Write", "settings.toml", "forged") == REFUSED
        assert call("Read", "settings.toml") == REFUSED
    assert kept.read_text() == "[policy]\n"


@pytest.mark.parametrize("what", ["folder", "link"])
@pytest.mark.parametrize("place", ["home/.config", "home", "home/.local", "home/.local/share"])
def test_no_folder_is_moved_to_where_it_would_hold_the_configuration(tmp_path: Path, what: str, place: str) -> None:
    """A script made a folder with a configuration in it, and moved it to where the user's is looked for."""
    forged = tmp_path / "forged"
    for below in ("app", ".config/app", "share/app", ".local/share/app"):
        (forged / below).mkdir(parents=True)
        (forged / below / "config.toml").write_text("granted = true")
    (tmp_path / "link").symlink_to("forged")
    with Interpreter(plugins=False, sandbox=tmp_path) as interpreter:
        for path in ("home/.config/app", "home/.local/share/app"):
            interpreter.protect(tmp_path / path)
        with pytest.raises(NeuroScriptError) as raised:
            interpreter.tools.call(
                "fs.Move", "forged" if what == "folder" else "link", place, context=interpreter.context
            )
        assert raised.value.code == REFUSED
        interpreter.tools.call("fs.Move", "forged", "elsewhere", context=interpreter.context)
