"""Nobody else on the machine reads what the system keeps, or writes to what it relies on."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ai_wm import AIWorkerManager
from neuroscript import loading
from neuroscript.cache.memory import Cache
from neuroscript.cli import app, plain_files
from neuroscript.cli.plain_files import NotPlain, read_plain
from neuroscript.cli.repl import terminal
from neuroscript.private_files import make_own_directory, make_private_directory, open_private
from tests.ai_wm.helpers import worker
from tests.user_key import key_file

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no modes")

PROGRAM = """
func main() means
  set none = {"method": "none"}
  set uses = ["both"]
  call tool.AIWorkerDefinition.Add(name: "w", provider: "local", model_name: "echo", auth: none,
    interaction_models: uses)
  ask "w", "hello" into answer
  return answer
endfunc
"""


@pytest.fixture(params=[0o000, 0o022, 0o277], ids=oct)
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home directory in which nothing is yet; the test's own files lie beside it."""
    if sys.platform != "linux":
        pytest.skip("the directories are elsewhere there")
    made = tmp_path / "home"
    made.mkdir(0o700)
    made.chmod(0o700)
    monkeypatch.setenv("HOME", str(made))
    monkeypatch.delenv("NEUROSCRIPT_NO_CACHE", raising=False)
    for kind, place in (("CACHE", "a/b/cache"), ("CONFIG", "c/d/config"), ("DATA", "e/f/data"), ("STATE", "g/h/state")):
        monkeypatch.setenv(f"XDG_{kind}_HOME", str(made / place))
    monkeypatch.setattr(loading, "_CACHE", Cache())  # with nothing in memory, programs are kept on the disk
    monkeypatch.chdir(tmp_path)
    return made


def modes(root: Path) -> dict[str, str]:
    """The modes of everything below a directory, by kind."""
    found = {}
    for path in sorted(root.rglob("*")):
        status = path.lstat()
        found[str(path.relative_to(root))] = stat.filemode(status.st_mode)
    return found


def check(root: Path) -> dict[str, str]:
    found = modes(root)
    wrong = {path: mode for path, mode in found.items() if mode not in ("-rw-------", "drwx------")}
    assert wrong == {}
    return found


def command(*arguments: str) -> None:
    assert app.main(list(arguments)) == 0


def test_whatever_is_made_is_the_user_s_alone(home: Path, tmp_path: Path, umask: int) -> None:
    """Other users of the machine read prompts and answers, keys that stand in definitions, and the REPL's history; with
    a loose umask they wrote there too."""
    (tmp_path / "program.ns").write_text(PROGRAM)
    (tmp_path / "neuroscript.toml").write_text("[limits]\nmax_steps = 1000\n")
    for path in ("program.ns", "neuroscript.toml"):
        (tmp_path / path).chmod(0o644)
    command("trust", "neuroscript.toml")
    command("run", "program.ns", "--sandbox", str(home / "new" / "box"))
    history = terminal._history()
    history.store_string("emit 1")
    workers = home / "team" / "workers"
    with AIWorkerManager(workers) as manager:
        manager.add_worker_definition({**worker("w"), "rate_limits": {"max_requests_per_day": 10}})
        live = manager.spawn_worker_instance("w")
        manager.conversation(live.instance_id).ask("hello")
        manager.save_performance_data()
        manager.log_feedback(manager.execute_stateless_task("w", "hello").record.task_id, rating=0.5)
        during = check(home)
    check(home)
    assert key_file().is_relative_to(home)
    names = {Path(path).name for path in during}
    names |= {Path(path).name[32:] for path in during}
    assert names >= {
        *("ai_worker_definitions.json", "ai_worker_performance_data.json", "ai_worker_state", "store.lock"),
        *("store.note", "-000001.jsonl", ".lock", "amendments.jsonl", "ai_worker_limits.sqlite3"),
        *("ai_worker_limits.sqlite3-wal", "ai_worker_limits.sqlite3-shm", "worker_marks.key", "repl_history"),
        *("trusted.json", "neuroscript.key", "box"),
    }
    assert any(path.endswith(".lease") for path in during)
    assert any(path.startswith("a/b/cache/neuroscript/") for path in during)


def test_what_others_may_read_becomes_private_when_it_is_used(home: Path) -> None:
    """Files that an earlier version had made stayed open to all for good."""
    workers = home / "workers"

    def use() -> None:
        with AIWorkerManager(workers) as manager:
            if not manager.list_worker_definitions():
                manager.add_worker_definition({**worker("w"), "rate_limits": {"max_requests_per_day": 10}})
            manager.spawn_worker_instance("w")
            manager.log_feedback(manager.execute_stateless_task("w", "hello").record.task_id, rating=0.5)
            manager.update_worker_definition("w", {"model_name": "echo", "metadata": {"n": os.urandom(4).hex()}})
            manager.save_performance_data()

    use()
    for path in workers.rglob("*"):
        path.chmod(0o777 if path.is_dir() else 0o666)
    terminal._history().store_string("x")
    history = home / "e/f/data/neuroscript/repl_history"
    history.chmod(0o666)
    use()
    terminal._history()
    check(home)


def test_a_directory_of_the_user_s_own_keeps_its_mode(tmp_path: Path) -> None:
    """Who shares the directory that workers are in, and not the workers, goes on sharing it."""
    tmp_path.chmod(0o755)
    with AIWorkerManager(tmp_path) as manager:
        manager.add_worker_definition(worker("w"))
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o755
    check(tmp_path)


def test_what_the_user_may_not_write_stays_so(tmp_path: Path) -> None:
    (tmp_path / "state").mkdir(0o755)
    (tmp_path / "state").chmod(0o555)
    assert make_own_directory(tmp_path / "state") == []
    assert stat.S_IMODE((tmp_path / "state").stat().st_mode) == 0o500


def test_directories_are_made_with_those_above_them(tmp_path: Path, umask: int) -> None:
    made = make_private_directory(tmp_path / "a" / "b" / "c")
    assert made == [str(tmp_path / path) for path in ("a", "a/b", "a/b/c")]
    os.close(open_private(tmp_path / "a" / "b" / "c" / "file", os.O_WRONLY | os.O_CREAT))
    check(tmp_path)
    assert make_private_directory(tmp_path / "a" / "b") == []
    with pytest.raises(FileExistsError):
        make_private_directory(tmp_path / "a" / "b" / "c" / "file")


# --- a configuration that others may write ----------------------------------------------------------------------------

GRANTED = b"[policy]\nmanage = 'all'\n"


def refusal(path: Path) -> str:
    """Why the user's configuration is not read; empty if it is."""
    try:
        assert read_plain(str(path), 1000, follow=True, own=True, private_group=True) == GRANTED
    except NotPlain as error:
        return str(error)
    return ""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "config.toml"
    path.write_bytes(GRANTED)
    return path


@pytest.mark.parametrize("mode", [0o600, 0o644, 0o640, 0o444, 0o755])
def test_a_configuration_that_others_may_read_is_read(config: Path, mode: int) -> None:
    config.chmod(mode)
    assert refusal(config) == ""


@pytest.mark.parametrize("mode", [0o666, 0o602, 0o622, 0o662, 0o646, 0o777])
def test_one_that_everybody_may_write_is_refused(config: Path, mode: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever shares the machine granted himself what the configuration grants to scripts."""
    monkeypatch.setattr(plain_files, "_is_private", lambda group: True)
    config.chmod(mode)
    assert refusal(config) == f"others may write in it (mode {mode:o}); take that from them: chmod go-w"


@pytest.mark.parametrize(
    ("number", "name", "members", "private"),
    [
        (1000, "ada", [], True),
        (1000, "ada", ["ada"], True),
        (1000, "other-name", [], True),  # of the user's own number
        (2000, "ada", [], True),
        (2000, "staff", [], False),
        (2000, "staff", ["ada"], False),
        (1000, "ada", ["ada", "eve"], False),
        (1000, "ada", ["eve"], False),
        (2000, None, [], False),
        (1000, None, [], True),
    ],
)
def test_one_that_a_group_may_write_is_refused_unless_the_user_alone_is_in_it(
    config: Path, monkeypatch: pytest.MonkeyPatch, number: int, name: str | None, members: list[str], private: bool
) -> None:
    """A colleague in the same group wrote into the configuration that grants keys; a umask of 002 is no reason for an
    error where each user has a group of his own."""
    import grp
    import pwd
    from types import SimpleNamespace

    def group(wanted: int) -> SimpleNamespace:
        assert wanted == number
        if name is None:
            raise KeyError(wanted)
        return SimpleNamespace(gr_name=name, gr_mem=members)

    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(pwd, "getpwuid", lambda user: SimpleNamespace(pw_name="ada"))
    monkeypatch.setattr(grp, "getgrgid", group)
    found = os.stat_result((stat.S_IFREG | 0o664, 0, 0, 1, 1000, number, 0, 0, 0, 0))
    if private:
        plain_files.check_own(found, private_group=True)
    else:
        with pytest.raises(NotPlain, match="others may write in it"):
            plain_files.check_own(found, private_group=True)
    with pytest.raises(NotPlain, match="others may write in it"):
        plain_files.check_own(found)
