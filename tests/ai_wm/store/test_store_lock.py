"""The lock of a store and Ctrl-C: wherever it comes, the next thread and the next process get the lock."""

from __future__ import annotations

import gc
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from ai_wm.store.files import FileSystem
from ai_wm.store.store_lock import StoreLock
from neuroscript import NeuroScriptError
from tests.ai_wm.interrupts import InterruptAt

fcntl = pytest.importorskip("fcntl", reason="two locks of one process exclude each other by flock")


def once(lock: StoreLock) -> None:
    with lock.held():
        pass


def nested(lock: StoreLock) -> None:
    with lock.held(), lock.held():
        pass


def failing(lock: StoreLock) -> None:
    try:
        with lock.held():
            raise LookupError
    except LookupError:
        pass


def renewed(lock: StoreLock) -> None:
    lock._path.unlink()
    with lock.held():
        pass


def free(lock: StoreLock) -> bool:
    """Whether another thread gets the lock."""
    got = []

    def take() -> None:
        with lock.held():
            got.append(True)

    thread = threading.Thread(target=take)
    thread.start()
    thread.join(30)
    return bool(got)


@pytest.mark.parametrize("use", [once, nested, failing, renewed])
def test_an_interrupt_at_any_line_leaves_it_free(tmp_path: Path, use: Callable[[StoreLock], None]) -> None:
    path = tmp_path / "state" / "store.lock"
    lock, other = StoreLock(path, FileSystem(), 1), StoreLock(path, FileSystem(), 1)
    at = 0
    while True:
        interrupt = InterruptAt(at)
        try:
            with interrupt:
                use(lock)
        except KeyboardInterrupt:
            pass
        if not interrupt.where:
            break
        gc.collect()
        assert free(lock), interrupt.where
        assert free(other), interrupt.where
        at += 1
    assert at > 15
    lock.close()
    other.close()


def test_a_thread_holds_it_as_often_as_it_likes_and_keeps_others_out(tmp_path: Path) -> None:
    path = tmp_path / "state" / "store.lock"
    lock, other = StoreLock(path, FileSystem(), 0.05), StoreLock(path, FileSystem(), 0.05)
    with lock.held():
        with lock.held():
            pass
        for each, whose in ((lock, "another thread of this process"), (other, "process")):
            failures: list[str] = []

            def take(each: StoreLock = each, failures: list[str] = failures) -> None:
                try:
                    with each.held():
                        pass
                except NeuroScriptError as error:
                    failures.append(error.message)

            thread = threading.Thread(target=take)
            thread.start()
            thread.join(30)
            assert len(failures) == 1
            assert whose in failures[0]
    assert free(lock)
    assert free(other)
    lock.close()
    other.close()
