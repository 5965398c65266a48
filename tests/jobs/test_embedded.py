"""The embedded engine keeps to the suite of all engines, and to what its files and processes need besides."""

from __future__ import annotations

import os
import shutil
import socket
import sqlite3
import stat
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from neuroscript import ErrorCode, Interpreter, NeuroScriptError
from neuroscript.jobs import EmbeddedEngine, Job
from neuroscript.jobs.embedded import attempts, clock, maintenance, wakeups
from neuroscript.jobs.embedded.database import FILE
from neuroscript.sandbox.protection import JOBS_DIRECTORY

from .embedded_place import EmbeddedPlace
from .other import echo

# Their asserts are rewritten first.
pytest.register_assert_rewrite("tests.jobs.conformance")

from .conformance import JobEngineConformance  # noqa: E402
from .conformance.support import BRISK, SLOW, ended, fail, hold, refused, until  # noqa: E402


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[EmbeddedPlace]:
    made = EmbeddedPlace(tmp_path, monkeypatch)
    yield made
    made.close()


class TestEmbeddedEngine(JobEngineConformance):
    """All of the suite."""


# --- its files --------------------------------------------------------------------------------------------------------


def test_its_files_are_the_users_alone(place: EmbeddedPlace, tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        engine = place.open()
        engine.create(SLOW)
        engine.serve("q", echo)
    finally:
        os.umask(before)
    files = tmp_path / JOBS_DIRECTORY
    assert engine.private_paths() == [str(files)]
    found = [files, *files.rglob("*")]
    assert {"jobs.sqlite3", "jobs.sqlite3-wal", "processes"} < {path.name for path in found}
    for path in found:
        assert stat.S_IMODE(path.lstat().st_mode) == (0o700 if path.is_dir() else 0o600), path


def test_scripts_do_not_reach_them(place: EmbeddedPlace, tmp_path: Path) -> None:
    place.open()
    with Interpreter(sandbox=tmp_path) as interpreter:
        for path in (JOBS_DIRECTORY, f"{JOBS_DIRECTORY}/{FILE}", "x/../NEUROSCRIPT_JOBS"):
            with pytest.raises(NeuroScriptError):
                interpreter.execute(f'call tool.fs.Delete("{path}")')
    assert (tmp_path / JOBS_DIRECTORY / FILE).exists()


@pytest.mark.parametrize("name", [".", FILE, "processes"])
def test_links_are_not_followed(tmp_path: Path, name: str) -> None:
    files, target = tmp_path / "engine" / JOBS_DIRECTORY, tmp_path / "target"
    if name == FILE:
        target.write_bytes(b"")
    else:
        target.mkdir()
    link = files / name
    link.parent.mkdir(parents=True)
    link.symlink_to(target)
    with refused(ErrorCode.IO_FAILED, "symbolic link"):
        EmbeddedEngine.open(tmp_path / "engine")
    assert target.read_bytes() == b"" if name == FILE else list(target.iterdir()) == []


def test_a_file_of_a_later_version_is_refused_by_name(place: EmbeddedPlace, tmp_path: Path) -> None:
    place.open().close()
    path = tmp_path / JOBS_DIRECTORY / FILE
    with closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA user_version = 7")
    with refused(ErrorCode.CONFIGURATION, str(path), "version 7", "version 1"):
        EmbeddedEngine.open(tmp_path)


@pytest.mark.parametrize("content", ["text", "other tables"])
def test_what_is_no_such_file_is_left_alone(tmp_path: Path, content: str) -> None:
    path = tmp_path / JOBS_DIRECTORY / FILE
    path.parent.mkdir()
    if content == "text":
        path.write_text("no database at all " * 100)
    else:
        with closing(sqlite3.connect(path)) as database:
            database.execute("CREATE TABLE mine (x)")
    with refused(ErrorCode.CONFIGURATION, str(path)):
        EmbeddedEngine.open(tmp_path)
    if content == "text":
        assert path.read_text() == "no database at all " * 100


def test_a_file_that_was_removed_takes_nothing_more(place: EmbeddedPlace, tmp_path: Path) -> None:
    engine = place.open()
    engine.create(SLOW)
    (tmp_path / JOBS_DIRECTORY / FILE).unlink()
    with refused(ErrorCode.IO_FAILED, "removed or replaced"):
        engine.submit("a", "q", 1)


FULL = """
import resource, sys, threading, time
from neuroscript import NeuroScriptError
from neuroscript.jobs import EmbeddedEngine, Outcome, Queue
engine = EmbeddedEngine.open(sys.argv[1])
engine.create(Queue(name="q"))
may_go, whole = threading.Event(), resource.getrlimit(resource.RLIMIT_FSIZE)
def body(attempt):
    may_go.wait(60)
    return Outcome(state="done", result="x" * 200_000)
engine.submit("a", "q", 1)
engine.serve("q", body)
while engine.get("", "a").state != "running":
    time.sleep(0.01)
resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 16, whole[1]))
try:
    engine.submit("b", "q", "y" * 200_000)
except NeuroScriptError as error:
    print(int(error.code), engine.get("", "a").state)
may_go.set()
time.sleep(0.5)
print(engine.get("", "a").state)
resource.setrlimit(resource.RLIMIT_FSIZE, whole)
print(engine.wait("", "a", 60).state, engine.submit("b", "q", 1), engine.wait("", "b", 60).state)
engine.close()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such limit")
def test_a_full_disk_gives_errors_and_loses_no_end(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", FULL, tmp_path], capture_output=True, text=True, timeout=120)
    assert done.stdout.splitlines() == ["26 running", "running", "done True done"], done.stderr


# --- its processes ----------------------------------------------------------------------------------------------------


@pytest.fixture
def messages_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody looks by himself: who is not woken waits for ever."""
    monkeypatch.setattr(wakeups, "FALLBACK_SECONDS", 1000.0)


@pytest.fixture
def short() -> Iterator[Path]:
    """A directory whose path is short enough for a socket's."""
    directory = Path(tempfile.mkdtemp(prefix="jobs-"))
    yield directory
    shutil.rmtree(directory)


@pytest.mark.usefixtures("messages_alone")
@pytest.mark.parametrize("suffix", [".socket", ".port"])
def test_processes_wake_one_another(short: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str) -> None:
    directory = short if suffix == ".socket" else tmp_path / ("long" * 30)
    with closing(EmbeddedPlace(directory, monkeypatch)) as place:
        asking, doing = place.open(), place.open()
        asking.create(SLOW)
        doing.serve("q", lambda attempt: hold(attempt) if attempt.job.payload == "hold" else echo(attempt))
        assert {path.suffix for path in (directory / JOBS_DIRECTORY / "processes").iterdir()} == {".lock", suffix}
        for n in range(20):
            asking.submit(f"{n}", "q", n)
            assert ended(asking, f"{n}").result == n
        asking.submit("soon", "q", 1, not_before=time.time() + 0.1)
        assert ended(asking, "soon").state == "done"
        asking.submit("a", "q", "hold", deadline=time.time() + 0.2)
        assert ended(asking, "a").state == "expired"
        asking.submit("b", "q", "hold")
        until(lambda: asking.get("", "b").state == "running")
        asking.pause("", "q")
        asking.cancel("", "b")
        assert ended(asking, "b").state == "cancelled"


def test_a_lost_message_costs_some_seconds_and_nothing_else(
    place: EmbeddedPlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wakeups.Sender, "send", lambda sender, topics: None)
    asking, doing = place.open(), place.open()
    asking.create(SLOW)
    doing.serve("q", echo)
    asking.submit("a", "q", 1)
    assert ended(asking, "a").state == "done"


def test_messages_that_nobody_sent_in_earnest_do_no_harm(short: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with closing(EmbeddedPlace(short, monkeypatch)) as place:
        engine = place.open()
        engine.create(SLOW)
        engine.serve("q", echo)
        [path] = (short / JOBS_DIRECTORY / "processes").glob("*.socket")
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            for content in (b"x", b"12345678" * 100, b"", b"12345678", b"end "):
                sender.sendto(content, str(path))
        engine.submit("a", "q", 1)
        assert ended(engine, "a").state == "done"


def test_nobody_wakes_often_while_there_is_nothing_to_do(place: EmbeddedPlace, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = place.open()
    engine.create(SLOW)
    for _ in range(2):
        engine.serve("q", echo)
    engine.submit("a", "q", 1)
    assert ended(engine, "a").state == "done"
    time.sleep(0.3)
    waits: list[float] = []
    wait = wakeups.Waiter.wait

    def counted(waiter: wakeups.Waiter, seconds: float) -> bool:
        waits.append(seconds)
        return wait(waiter, seconds)

    monkeypatch.setattr(wakeups.Waiter, "wait", counted)
    time.sleep(1)
    assert len(waits) <= 3, "one that looks after all, and two that dispatch, each at most once in two seconds"
    assert all(seconds == wakeups.FALLBACK_SECONDS for seconds in waits)


def test_what_the_dead_leave_is_cleaned_up(place: EmbeddedPlace) -> None:
    engine = place.open()
    engine.create(SLOW)
    processes = place.directory / JOBS_DIRECTORY / "processes"
    other = place.other()
    other.ask("serve", queue="q", body="echo")
    engine.serve("q", echo)
    assert len(list(processes.iterdir())) == 4
    other.kill()
    until(lambda: len(list(processes.iterdir())) == 2)
    engine.close()
    assert list(processes.iterdir()) == []


def test_a_process_whose_sign_was_removed_holds_nothing_for_ever(place: EmbeddedPlace) -> None:
    engine = place.open()
    engine.create(SLOW)
    engine.submit("a", "q", 1)
    engine.cancel("", "a")
    other = place.other()
    assert other.ask("take", queue="q", timeout=0) == "a"
    other.kill()
    for path in (place.directory / JOBS_DIRECTORY / "processes").iterdir():
        path.unlink()
    found = engine.wait_next("", "q", 60)
    assert found is not None
    assert found.id == "a"


def test_a_process_that_others_take_for_dead_is_told(place: EmbeddedPlace) -> None:
    engine = place.open()
    engine.create(SLOW)
    engine.submit("a", "q", 1)
    assert engine.wait_next("", "q", 0) is None
    for path in (place.directory / JOBS_DIRECTORY / "processes").iterdir():
        path.unlink()
    assert place.open().stats("", "q")["pending"] == 1
    engine.cancel("", "a")
    with refused(ErrorCode.PRECONDITION_FAILED, "taken for dead"):
        engine.wait_next("", "q", 0)


def test_there_may_be_no_threads(place: EmbeddedPlace, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = place.open()
    engine.create(replace(BRISK, attempts=1))
    serving = engine.serve("q", echo)
    start, refusals = threading.Thread.start, iter([True, True])

    def refusing(thread: threading.Thread) -> None:
        if thread.name == "neuroscript-job-q" and next(refusals, False):
            raise RuntimeError("can't start new thread")
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", refusing)
    engine.submit("a", "q", 1)
    job = ended(engine, "a")
    assert (job.state, job.attempt, job.used) == ("done", 3, 1)
    until(lambda: serving.busy == 0)


def test_a_new_boot_frees_what_ran_before(place: EmbeddedPlace, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = place.open()
    engine.create(SLOW)
    engine.submit("rests", "q", 1)
    engine.serve("q", fail).stop(60)
    until(lambda: engine.get("", "rests").error is not None)
    engine.submit("runs", "q", 1)
    other = place.other()
    other.ask("serve", queue="q", body="hold")
    other.hear()
    engine.close()
    monkeypatch.setattr(clock, "boot", lambda: "another boot")
    with refused(ErrorCode.PRECONDITION_FAILED, "another machine"):
        EmbeddedEngine.open(place.directory)
    other.kill()
    monkeypatch.setattr(clock, "machine", lambda: time.monotonic() - 10**9)
    engine = place.open()
    assert engine.get("", "runs").state == "pending"
    engine.serve("q", echo)
    for id in ("runs", "rests"):
        assert (ended(engine, id).state, engine.get("", id).attempt) == ("done", 2)


def test_a_forked_process_opens_its_own(place: EmbeddedPlace, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = place.open()
    with monkeypatch.context() as patch:
        patch.setattr(os, "getpid", lambda: 1)
        with refused(ErrorCode.PRECONDITION_FAILED, "forked"):
            engine.queues()
        engine.close()
    assert engine.queues() == [], "the other process's close is none here"


LEFT_OPEN = """
import sys, time
from neuroscript.jobs import EmbeddedEngine, Outcome, Queue
engine = EmbeddedEngine.open(sys.argv[1])
engine.create(Queue(name="q", attempts=1))
for id in ("polite", "deaf"):
    engine.submit(id, "q", id)
def body(attempt):
    if attempt.job.id == "deaf":
        time.sleep(1000)
    attempt.cancel.wait(1000)
    return Outcome(state="failed")
engine.serve("q", body)
while any(engine.get("", id).state != "running" for id in ("polite", "deaf")):
    time.sleep(0.01)
"""


def test_a_program_that_ends_leaves_its_jobs_to_others_in_silence(place: EmbeddedPlace) -> None:
    done = subprocess.run(
        [sys.executable, "-X", "dev", "-c", LEFT_OPEN, place.directory], capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    engine = place.open()
    for id in ("polite", "deaf"):
        job = engine.get("", id)
        assert (job.state, job.used) == ("pending", 0)


def test_many_threads_use_one_engine(place: EmbeddedPlace) -> None:
    engine = place.open()
    engine.create(SLOW)
    engine.serve("q", echo)
    found: list[Any] = []

    def use(name: str) -> None:
        for n in range(10):
            engine.submit(f"{name}-{n}", "q", n)
            found.append(ended(engine, f"{name}-{n}").result)

    threads = [threading.Thread(target=use, args=(name,)) for name in "abcdefgh"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == sorted(list(range(10)) * 8)


def test_no_operation_takes_longer_with_many_jobs(place: EmbeddedPlace) -> None:
    engine = place.open()
    steps = 0

    def count() -> None:
        nonlocal steps
        steps += 1

    database = engine._database
    for connection in (database._reader, database._writer):
        connection.set_progress_handler(count, 1)
    work: dict[str, Callable[[], object]] = {
        "submit": lambda: engine.submit("new", "q", 1, submitter="me"),
        "stats": lambda: engine.stats("", "q"),
        "get": lambda: engine.get("", "new"),
        "list": lambda: engine.list("", "q", limit=5),
        "next of mine": lambda: engine.wait_next("", "q", 0, submitter="me"),
        "claim": lambda: database.write(lambda work: attempts.claim(work, 1, "q", "", 1), durable=False),
        "cancel": lambda: engine.cancel("", "new"),
        "next": lambda: engine.wait_next("", "q", 0),
        "acknowledge": lambda: engine.acknowledge("", ["new"]),
        "due": lambda: maintenance.apply_due_timers(database),
    }
    taken: list[dict[str, int]] = []
    for size in (50, 2000):
        engine.create(SLOW)
        now = time.time()
        jobs = [Job(id=f"{n}", queue="q", not_before=now + 900 if n % 5 == 0 else 0) for n in range(size)]
        engine.submit_all([replace(job, deadline=now + 9000 if n % 3 else 0) for n, job in enumerate(jobs)])
        for n in range(0, 40, 2):
            engine.cancel("", f"{n}")
        taken.append({})
        for name, operation in work.items():
            steps = 0
            operation()
            taken[-1][name] = steps
        database.write(lambda work: work.execute("UPDATE jobs SET stage = 'done' WHERE end_number = 0"), durable=False)
        engine.delete("", "q")
    for name, few in taken[0].items():
        assert taken[1][name] < few * 1.5 + 200, (name, taken)


INTERRUPTED = """
import os, signal, sys, threading, time
from neuroscript.jobs import EmbeddedEngine, Outcome, Queue
engine = EmbeddedEngine.open(sys.argv[1])
engine.create(Queue(name="q"))
engine.serve("q", lambda attempt: Outcome(state="done"))
over = threading.Event()
def interrupt():
    for n in range(60):
        time.sleep(0.003 + n % 7 * 0.0007)
        os.kill(os.getpid(), signal.SIGINT)
    over.set()
number = interrupts = 0
inside = False  # the block in which an interrupt is handled; one comes at a time
def stop(*_):
    global inside
    if inside:
        inside = False
        raise KeyboardInterrupt
signal.signal(signal.SIGINT, stop)
threading.Thread(target=interrupt, daemon=True).start()
while not over.is_set():
    try:
        inside = True
        engine.submit(f"{number}", "q", number)
        engine.wait("", f"{number}", 60)
        engine.acknowledge("", [f"{number}"])
        number += 1
        inside = False
    except KeyboardInterrupt:
        interrupts += 1
engine.submit("last", "q", 1)
print(interrupts > 0, engine.wait("", "last", 60).state, engine.stats("", "q")["done"] >= number + 1)
engine.close()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="signals of Windows are others")
def test_an_interrupt_leaves_an_engine_that_works(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", INTERRUPTED, tmp_path], capture_output=True, text=True, timeout=120)
    assert (done.stdout, done.stderr) == ("True done True\n", "")
