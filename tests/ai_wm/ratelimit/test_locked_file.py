"""The shared file while another program has it locked: everything waits for it, and says so if it stays locked."""

from __future__ import annotations

import contextlib
import functools
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ai_wm.ratelimit import SQLiteRateLimiter, database
from neuroscript.errors import ErrorCode, NeuroScriptError

from .support import Policy
from .test_shared_file import VERSION_1, VERSION_2

POLICY = Policy(max_tokens_per_minute=1000, max_concurrent_active_instances=2)


class Other:
    """Another program's connection to the file, which locks it just before a statement of the limiter's.

    It lets go when the limiter pauses for the first time.  ``statements`` are those that the limiter ran, ``stopped``
    the one that was kept waiting.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.at = -1
        self.statements: list[str] = []
        self.stopped = ""
        self.clock = SimpleNamespace(monotonic=lambda: 0.0, sleep=self.let_go)
        self._connection: sqlite3.Connection | None = None

    def before(self, statement: str) -> None:
        """Gets each statement before it is run."""
        self.statements.append(statement.strip())
        if len(self.statements) - 1 == self.at:
            for mode in ("EXCLUSIVE", "NORMAL"):
                # The second is for a file that the limiter has open already: then only writing can be kept from it.
                connection = sqlite3.connect(self.path, timeout=0, isolation_level=None)
                try:
                    connection.execute(f"PRAGMA locking_mode={mode}")
                    connection.execute("BEGIN EXCLUSIVE")
                except sqlite3.OperationalError:
                    connection.close()
                else:
                    self._connection = connection
                    return

    def let_go(self, _seconds: float = 0.0) -> None:
        """End the lock, if there is one."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()
            self.stopped = self.statements[-1]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ai_worker_limits.sqlite3"


@pytest.fixture
def other(path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Other]:
    made = Other(path)

    class Watched(sqlite3.Connection):
        def execute(self, statement: str, *arguments: Any) -> sqlite3.Cursor:
            made.before(statement)
            return super().execute(statement, *arguments)

    connect = functools.partial(sqlite3.connect, factory=Watched)
    watched = SimpleNamespace(**{**vars(sqlite3), "connect": connect})
    monkeypatch.setattr(database, "sqlite3", watched)
    monkeypatch.setattr(database, "time", made.clock)
    yield made
    made.let_go()


def nothing(path: Path) -> None:
    """There is no file yet."""


def without_tables(path: Path) -> None:
    """A process made the file and died before anything was in it."""
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")


def of_version_1(path: Path) -> None:
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.executescript(VERSION_1.format(now=1_700_000_000_000_000))


def of_version_2(path: Path) -> None:
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.executescript(VERSION_2.format(now=1_700_000_000_000_000))


def in_use(path: Path) -> None:
    limiter = SQLiteRateLimiter(path)
    limiter.reserve("d", POLICY, tokens=1).settle(1)
    limiter.close()


def life(path: Path) -> list[object]:
    """Everything that a limiter does with the file, and what it answered."""
    limiter = SQLiteRateLimiter(path)
    before = limiter.active_slots("d")
    limiter.acquire_slot("d", POLICY, "one")
    held, taken_back = limiter.reserve("d", POLICY, tokens=100), limiter.reserve("d", POLICY, tokens=200)
    held.settle(50)
    taken_back.release()
    limiter.reserve("e", Policy(), tokens=5).settle(7)
    found = [limiter.usage(name) for name in ("d", "e")]
    limiter.release_slot("d", "one")
    limiter.forget("e")
    limiter.reserve("d", POLICY, tokens=1)
    limiter.close()
    return [before, *(sorted(usage.items()) for usage in found)]


STATES: dict[str, Callable[[Path], None]] = {
    "no file": nothing,
    "no tables": without_tables,
    "version 1": of_version_1,
    "version 2": of_version_2,
    "in use": in_use,
}
AWAITED = ["PRAGMA journal_mode=WAL", "BEGIN IMMEDIATE", "INSERT INTO entries", "UPDATE entries", "DELETE FROM entries"]
"""What the lock must have kept waiting at least once: opening the file, and every way to write to it."""


@pytest.mark.parametrize("state", STATES)
def test_a_lock_of_a_moment_before_any_statement_delays_and_changes_nothing(
    path: Path, other: Other, state: str
) -> None:
    STATES[state](path)
    other.statements.clear()
    expected = life(path)
    everything, stopped = list(other.statements), set()
    for at in range(len(everything)):
        for left in path.parent.iterdir():
            left.unlink()
        STATES[state](path)
        other.statements.clear()
        other.at, other.stopped = at, ""
        assert life(path) == expected, f"locked before {everything[at]}"
        other.let_go()
        if other.stopped:
            stopped.add(other.stopped)
        other.at = -1
    for start in (*AWAITED, *(["PRAGMA user_version"] if state in ("no file", "version 1") else [])):
        assert any(statement.startswith(start) for statement in stopped), start


@pytest.mark.parametrize("state", STATES)
def test_a_file_that_stays_locked_is_said_to_be(
    path: Path, other: Other, state: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who has it, for how long, and what to do; and the limiter goes on when the other program is done."""
    seconds = iter(range(0, 1000, 7))
    monkeypatch.setattr(other.clock, "monotonic", lambda: float(next(seconds)))
    monkeypatch.setattr(other.clock, "sleep", lambda _seconds: None)
    STATES[state](path)
    other.statements.clear()
    other.at = 1
    limiter = SQLiteRateLimiter(path)
    with pytest.raises(NeuroScriptError) as caught:
        limiter.reserve("d", POLICY, tokens=1)
    assert caught.value.code == ErrorCode.IO_FAILED
    assert f"{path}, which counts what the workers use, is locked by another program" in caught.value.message
    assert "still was after 35.0 s; find the program that has it open" in caught.value.message
    other.let_go()
    limiter.reserve("d", POLICY, tokens=1).settle(1)
    limiter.close()


def test_a_lock_that_outlasts_the_end_of_a_call_leaves_it_to_be_ended_later(
    path: Path, other: Other, monkeypatch: pytest.MonkeyPatch
) -> None:
    limiter = SQLiteRateLimiter(path)
    held = limiter.reserve("d", POLICY, tokens=100)
    seconds = iter(range(0, 1000, 7))
    with monkeypatch.context() as patch:
        patch.setattr(other.clock, "monotonic", lambda: float(next(seconds)))
        patch.setattr(other.clock, "sleep", lambda _seconds: None)
        other.at = len(other.statements)
        with pytest.raises(NeuroScriptError, match="is locked by another program"):
            held.settle(50)
    other.let_go()
    limiter.reserve("d", POLICY, tokens=1).settle(1)
    assert limiter.usage("d")["calls_in_flight"] == 0
    assert limiter.usage("d")["tokens_last_minute"] == 51
    limiter.close()


HOLD = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN EXCLUSIVE")
print("held", flush=True)
sys.stdin.readline()
"""


def test_waiting_for_a_locked_file_can_be_cancelled(path: Path) -> None:
    limiter = SQLiteRateLimiter(path)
    limiter.reserve("d", POLICY, tokens=1).settle(1)
    command = [sys.executable, "-c", HOLD, str(path)]
    with (
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process,
        contextlib.ExitStack() as context,
    ):
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        context.callback(process.kill)  # or the end of the block would wait for it
        stop = threading.Event()

        def cancelled() -> None:
            if stop.is_set():
                raise NeuroScriptError(ErrorCode.CANCELLED, "the host cancelled the run")

        errors: list[NeuroScriptError] = []

        def wait(**options: Any) -> None:
            try:
                limiter.reserve("d", POLICY, tokens=1, **options).release()
            except NeuroScriptError as error:
                errors.append(error)

        cancellable = [threading.Thread(target=wait, kwargs={"cancelled": cancelled}) for _ in range(3)]
        patient = threading.Thread(target=wait)
        for thread in (*cancellable, patient):
            thread.start()
        stop.set()
        for thread in cancellable:
            thread.join(20)
            assert not thread.is_alive()
        assert [error.code for error in errors] == [ErrorCode.CANCELLED] * 3
        assert patient.is_alive()
        process.stdin.close()
        patient.join(20)
        assert not patient.is_alive()
    assert len(errors) == 3
    assert limiter.usage("d")["calls_in_flight"] == 0
    limiter.close()


def test_another_process_that_has_a_new_file_locked(path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        answers: list[object] = []
        waiting = threading.Thread(target=lambda: answers.append(life(path)))
        waiting.start()
        waiting.join(0.1)
        assert waiting.is_alive(), "it did not wait"
        process.stdin.close()
        waiting.join(30)
    assert answers == [life(path.with_name("another.sqlite3"))]
