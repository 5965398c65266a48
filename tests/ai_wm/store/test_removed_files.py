"""Files and directories of a store that somebody removes while it is in use: nothing acknowledged is lost."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ai_wm.data.types import SupervisorFeedback, TokenUsageMetrics
from ai_wm.store import JsonStore, json_store
from ai_wm.store.files import FileSystem
from ai_wm.store.state_directory import STATE_DIRECTORY
from ai_wm.store.store_lock import StoreLock
from ai_wm.support.waiting import cancellable
from neuroscript import CancelToken
from neuroscript.errors import NeuroScriptError

from .support import Files, add, record, reopened, retire, spawn, tasks, worker
from .test_faults import OPERATIONS

fcntl = pytest.importorskip("fcntl", reason="on Windows no file can be removed that is open")


@pytest.fixture
def pair(directory: Path) -> Iterator[tuple[JsonStore, JsonStore]]:
    """Two stores on a directory, as two processes have them, with something in every file."""
    first, second = JsonStore(directory, files=Files()), JsonStore(directory, files=Files())
    add(first, worker())
    first.add_record(record("t0"))
    for store, live in ((first, "live"), (second, "other")):
        spawn(store, live)
    first.add_record(record("l0", "live"))
    second.add_record(record("o0", "other"))
    spawn(first, "ended")
    first.add_record(record("e0", "ended"))
    retire(first, "ended")
    first.add_feedback("e0", SupervisorFeedback(rating=4))
    first.add_record(record("e1", "ended"))
    yield first, second
    for store in (first, second):
        store.close()


def rated(store: JsonStore) -> dict[str, float | None]:
    """The rating of each task."""
    return {
        one.task_id: one.supervisor_feedback.rating if one.supervisor_feedback else None
        for one in store.records("def-1")
    }


def files_in(directory: Path) -> None:
    for path in (directory / STATE_DIRECTORY).iterdir():
        path.unlink()


REMOVALS: dict[str, Callable[[Path], Any]] = {
    "the lock": lambda directory: (directory / STATE_DIRECTORY / "store.lock").unlink(),
    "the locks of the processes": lambda directory: [
        each.unlink() for each in (directory / STATE_DIRECTORY).glob("*.lock") if each.name != "store.lock"
    ],
    "the note": lambda directory: (directory / STATE_DIRECTORY / "store.note").unlink(),
    "the journals": lambda directory: [each.unlink() for each in (directory / STATE_DIRECTORY).glob("*.jsonl")],
    "all files of the state directory": files_in,
    "the state directory": lambda directory: shutil.rmtree(directory / STATE_DIRECTORY),
}


@pytest.mark.parametrize("remove", REMOVALS.values(), ids=REMOVALS)
@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS)
def test_nothing_is_lost(
    pair: tuple[JsonStore, JsonStore],
    directory: Path,
    tmp_path: Path,
    remove: Callable[[Path], Any],
    operation: Callable[[JsonStore], Any],
) -> None:
    remove(directory)
    operation(pair[0])
    pair[1].add_record(record("o1", "other"))
    pair[1].add_feedback("o0", SupervisorFeedback(rating=2))
    expected = rated(pair[0])
    assert {"t0", "l0", "e0", "e1", "o0", "o1"} <= expected.keys()
    assert (expected["o0"], expected["e1"]) == (2, None)
    assert rated(pair[1]) == expected
    assert pair[0].summary("def-1") == pair[1].summary("def-1")
    again = reopened(directory, tmp_path / "copy")
    assert rated(again) == expected
    assert list(again.definitions()) == list(pair[0].definitions())
    again.close()


@pytest.mark.parametrize("remove", REMOVALS.values(), ids=REMOVALS)
def test_whoever_is_alive_is_not_taken_for_dead(
    pair: tuple[JsonStore, JsonStore], directory: Path, remove: Callable[[Path], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(json_store, "_DEAD_SECONDS", 0)
    remove(directory)
    for _ in range(2):
        for number, live in enumerate(("live", "other")):
            assert pair[1 - number].summary("def-1").active_instances_count in (1, 2)
            pair[number].set_session_usage(live, TokenUsageMetrics())
    assert [store.summary("def-1").active_instances_count for store in pair] == [2, 2]
    assert retire(pair[1], "other").retirement_reason == retire(pair[0], "live").retirement_reason == "done"


@pytest.mark.parametrize("remove", REMOVALS.values(), ids=REMOVALS)
def test_a_reload_loses_nothing_either(
    pair: tuple[JsonStore, JsonStore], directory: Path, remove: Callable[[Path], Any]
) -> None:
    before = rated(pair[0])
    remove(directory)
    for store in pair:
        store.reload()
    assert rated(pair[0]) == rated(pair[1]) == before
    assert retire(pair[1], "other").performance_records != []


def test_amendments_that_another_process_took_into_the_file_are_not_written_again(
    pair: tuple[JsonStore, JsonStore], directory: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Those of an older state would take the place of newer ones."""
    assert rated(pair[1])["e0"] == 4
    pair[0].add_feedback("e0", SupervisorFeedback(rating=1))
    pair[0].save()
    for ask in (lambda: None, pair[1].reload):
        ask()
        assert rated(pair[1])["e0"] == rated(pair[0])["e0"] == 1
    assert "journals were removed" not in caplog.text
    assert not (directory / STATE_DIRECTORY / "amendments.jsonl").exists()


def log_many(directory: str, name: str) -> None:
    store = JsonStore(directory)
    for number in range(200):
        store.add_record(record(f"{name}-{number}"))
    store.close()


def test_two_processes_while_the_state_directory_is_removed_again_and_again(tmp_path: Path) -> None:
    context = multiprocessing.get_context("forkserver")
    running = [context.Process(target=log_many, args=(str(tmp_path), str(number))) for number in range(2)]
    for process in running:
        process.start()
    while any(process.is_alive() for process in running):
        shutil.rmtree(tmp_path / STATE_DIRECTORY, ignore_errors=True)
        time.sleep(0.01)
    for process in running:
        process.join(60)
        assert process.exitcode == 0
    found = tasks(tmp_path)
    assert len(found) == len(set(found)) == 400


class TestTheWholeDirectory:
    @pytest.mark.parametrize("again", [False, True], ids=["removed", "replaced"])
    def test_whoever_writes_is_told(self, pair: tuple[JsonStore, JsonStore], directory: Path, again: bool) -> None:
        shutil.rmtree(directory)
        if again:
            directory.mkdir()
        for change in (*OPERATIONS.values(), JsonStore.save, JsonStore.reload, JsonStore.close):
            with pytest.raises(NeuroScriptError, match="while the store of AI workers in it was open") as caught:
                change(pair[0])
            assert caught.value.code == 26
        assert list(directory.glob("*")) == []
        later = JsonStore(directory)
        later.add_record(record("t0"))
        assert tasks(directory) == ["t0"]
        later.close()
        with pytest.raises(NeuroScriptError, match="replaced by another"):
            pair[1].close()


class TestWaiting:
    @pytest.fixture
    def lock(self, tmp_path: Path) -> Iterator[StoreLock]:
        (tmp_path / "state").mkdir()
        made = StoreLock(tmp_path / "state" / "store.lock", FileSystem(), seconds=0.2)
        yield made
        made.close()

    @pytest.fixture
    def held(self, lock: StoreLock, tmp_path: Path) -> Iterator[None]:
        """The lock is held by somebody else."""
        descriptor = os.open(tmp_path / "state" / "store.lock", os.O_RDWR)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
        os.close(descriptor)

    @pytest.mark.usefixtures("held")
    def test_it_ends_with_who_holds_the_lock(self, lock: StoreLock) -> None:
        with pytest.raises(NeuroScriptError) as caught, lock.held():
            pass
        assert caught.value.code == 26
        assert "not free for 0.2 seconds" in caught.value.message
        if os.path.exists("/proc/locks"):
            assert f"locked by process {os.getpid()}," in caught.value.message

    @pytest.mark.usefixtures("held")
    def test_it_ends_when_the_caller_is_cancelled(self, lock: StoreLock) -> None:
        token = CancelToken()
        token.cancel("enough")
        with pytest.raises(NeuroScriptError, match="enough") as caught, lock.held(token.check):
            pass
        assert caught.value.code == 44

    def test_another_thread_of_the_process_counts_too(self, lock: StoreLock) -> None:
        inside, done = threading.Event(), threading.Event()

        def hold() -> None:
            with lock.held():
                inside.set()
                done.wait(10)

        thread = threading.Thread(target=hold)
        thread.start()
        inside.wait(10)
        with pytest.raises(NeuroScriptError, match="another thread of this process"), lock.held():
            pass
        done.set()
        thread.join()
        with lock.held(), lock.held():
            pass

    @pytest.mark.parametrize(
        "call",
        [
            lambda store: add(store, worker()),
            lambda store: spawn(store, "i"),
            lambda store: store.add_feedback("t0", SupervisorFeedback(rating=1)),
            JsonStore.save,
        ],
    )
    def test_a_store_obeys_the_cancellation_of_its_caller(
        self, tmp_path: Path, call: Callable[[JsonStore], Any]
    ) -> None:
        store = JsonStore(tmp_path)
        store.add_record(record("t0"))
        token = CancelToken()
        token.cancel()
        descriptor = os.open(tmp_path / STATE_DIRECTORY / "store.lock", os.O_RDWR)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        with cancellable(token.check), pytest.raises(NeuroScriptError) as caught:
            call(store)
        assert caught.value.code == 44
        os.close(descriptor)
        call(store)
        store.close()

    def test_a_record_of_what_happened_is_stored_all_the_same(self, tmp_path: Path) -> None:
        store = JsonStore(tmp_path)
        token = CancelToken()
        token.cancel()
        descriptor = os.open(tmp_path / STATE_DIRECTORY / "store.lock", os.O_RDWR)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        later = threading.Timer(0.1, os.close, [descriptor])
        later.start()
        with cancellable(token.check):
            store.add_record(record("t0"))
        later.join()
        store.close()
        assert tasks(tmp_path) == ["t0"]
