"""Files of the system that somebody else put there: links, pipes, directories, and counters that came with a clone."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import signal
import socket
import sqlite3
import stat
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ai_wm import AIWorkerManager
from ai_wm.ratelimit import SQLiteRateLimiter, database
from neuroscript import NeuroScriptError
from neuroscript.private_files import NotAPlainFileError, open_private
from tests.ai_wm.helpers import worker
from tests.ai_wm.ratelimit.support import Policy

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has neither pipes with names nor modes")

TEXT = '[{"name": "theirs", "auth": {"method": "inline", "value": "sk-of-another-file"}}, '
"""What a file of the user's holds that a link leads to: hardly JSON, and its key in the first line."""

DEFINITIONS = "ai_worker_definitions.json"
PERFORMANCE = "ai_worker_performance_data.json"
LIMITS = "ai_worker_limits.sqlite3"
LEASE = "0123456789abcdef0123456789abcdef"


@pytest.fixture(autouse=True)
def in_time() -> Iterator[None]:
    """Whoever opens a pipe and waits for its other end is interrupted."""

    def stop(*_: object) -> None:
        raise AssertionError("it waited for the other end of a pipe")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(30)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


def link(path: Path) -> None:
    path.symlink_to(path.parent.parent / "victim")


def link_to_nothing(path: Path) -> None:
    path.symlink_to(path.parent.parent / "new")


def pipe(path: Path) -> None:
    os.mkfifo(path)


def directory(path: Path) -> None:
    path.mkdir()


def plug(path: Path) -> None:
    with contextlib.chdir(path.parent), socket.socket(socket.AF_UNIX) as made:  # a socket's path is short
        made.bind(path.name)


def device(path: Path) -> None:
    try:
        os.mknod(path, stat.S_IFCHR | 0o600, os.makedev(1, 3))  # /dev/null
    except PermissionError:
        pytest.skip("only the system's administrator makes devices")


THINGS: dict[str, Callable[[Path], None]] = {
    "a link": link,
    "a link to nothing": link_to_nothing,
    "a pipe": pipe,
    "a directory": directory,
    "a socket": plug,
    "a device": device,
}
WORDS = {"a link": "a symbolic link", "a link to nothing": "a symbolic link"}
FILES = [DEFINITIONS, PERFORMANCE, LIMITS, "ai_worker_state/store.lock", "ai_worker_state/store.note"]
PLANTED = [(name, thing) for name in FILES for thing in THINGS]
PLANTED += [("ai_worker_state", thing) for thing in THINGS if thing != "a directory"]


@pytest.fixture
def box(tmp_path: Path) -> Path:
    (tmp_path / "victim").write_text(TEXT)
    made = tmp_path / "box"
    made.mkdir()
    return made


def use(box: Path) -> None:
    """Starts a manager, and has it read and write all of its files."""
    with AIWorkerManager(box) as manager:
        limits = {"max_requests_per_day": 10}
        manager.add_worker_definition({**worker("w"), "rate_limits": limits})
        manager.execute_stateless_task("w", "hello")
        manager.spawn_worker_instance("w")
        manager.save_performance_data()


@pytest.mark.parametrize(("name", "thing"), PLANTED)
def test_what_is_no_file_is_an_error_at_once(box: Path, name: str, thing: str) -> None:
    """A link had another file's text shown in an error, or overwritten; a pipe had the start wait for ever."""
    path = box / name
    path.parent.mkdir(exist_ok=True)
    THINGS[thing](path)
    with pytest.raises(NeuroScriptError) as caught:
        use(box)
    message = caught.value.message
    assert int(caught.value.code) == 23, message
    assert str(path) in message
    assert f"it is {WORDS.get(thing, thing)}" in message
    assert "sk-of-another-file" not in message
    assert (box.parent / "victim").read_text() == TEXT
    assert sorted(each.name for each in box.parent.iterdir()) == ["box", "victim"]


@pytest.mark.parametrize("name", [DEFINITIONS, PERFORMANCE])
@pytest.mark.parametrize("thing", THINGS)
def test_nor_is_one_that_takes_its_place_later(box: Path, name: str, thing: str) -> None:
    """The next task failed with "the model failed: IsADirectoryError", or was recorded in another file."""
    with AIWorkerManager(box) as manager:
        manager.add_worker_definition(worker("w"))
        manager.execute_stateless_task("w", "hello")
        (box / name).unlink()
        THINGS[thing](box / name)
        with contextlib.suppress(NeuroScriptError):
            manager.execute_stateless_task("w", "hello")
        with pytest.raises(NeuroScriptError) as caught:
            manager.save_performance_data()
        assert int(caught.value.code) == 23, caught.value.message
        assert f"it is {WORDS.get(thing, thing)}" in caught.value.message
        with contextlib.suppress(NeuroScriptError):
            manager.close()
    assert (box.parent / "victim").read_text() == TEXT


@pytest.mark.parametrize("thing", ["a link", "a link to nothing", "a pipe", "a directory"])
@pytest.mark.parametrize("suffix", ["-wal", "-shm", "-journal"])
def test_nothing_beside_the_counters_is_followed(box: Path, suffix: str, thing: str) -> None:
    """SQLite would have written its log over the file that a link leads to."""
    use(box)
    path = box / f"{LIMITS}{suffix}"
    THINGS[thing](path)
    with contextlib.suppress(NeuroScriptError):
        use(box)
    assert (box.parent / "victim").read_text() == TEXT
    assert not (box.parent / "new").exists()


@pytest.mark.parametrize("thing", THINGS)
@pytest.mark.parametrize("name", [f"{LEASE}.lock", f"{LEASE}-000001.jsonl", "amendments.jsonl"])
def test_no_journal_is_followed_and_no_lock(box: Path, name: str, thing: str) -> None:
    """The lock of a process that died was a link; taking it emptied the file that it led to."""
    use(box)
    THINGS[thing](box / "ai_worker_state" / name)
    with contextlib.suppress(NeuroScriptError), AIWorkerManager(box) as manager:
        manager.spawn_worker_instance("w")
        manager.log_feedback(manager.execute_stateless_task("w", "hello").record.task_id, rating=0.5)
    assert (box.parent / "victim").read_text() == TEXT
    assert not (box.parent / "new").exists()


def test_a_lease_is_a_name_and_no_path(box: Path) -> None:
    """Counters that came with a clone named another file as the lease of their process, which was then removed."""
    use(box)
    (box.parent / "x.lease").write_text("mine")
    (box / f"{LIMITS}.").mkdir()
    for name in ("/../../x", f"../{LEASE}", f"{LEASE}/x", 7, b"x", ""):
        with contextlib.closing(sqlite3.connect(box / LIMITS)) as connection, connection:
            connection.execute("INSERT INTO holders(lease) VALUES (?)", (name,))
    (box / f"{LIMITS}.{LEASE}.lease").symlink_to(box.parent / "victim")
    with contextlib.closing(sqlite3.connect(box / LIMITS)) as connection, connection:
        connection.execute("INSERT INTO holders(lease) VALUES (?)", (LEASE,))
    with AIWorkerManager(box) as manager:
        manager.execute_stateless_task("w", "hello")
    assert (box.parent / "x.lease").read_text() == "mine"
    assert (box.parent / "victim").read_text() == TEXT


def test_the_directory_may_be_reached_through_a_link(box: Path) -> None:
    (box.parent / "workers").symlink_to(box)
    use(box.parent / "workers")
    assert (box / DEFINITIONS).is_file()


KEY = "sk-9f8e7d6c5b4a39281706"

MISPLACED = {
    "as a definition": KEY,
    "as an authentication": {"auth": KEY},
    "in a list": {"auth": [KEY]},
    "as a method": {"auth": {"method": KEY, "value": KEY}},
    "deeper than it is looked for": {"auth": {"method": "inline", "value": {"key": KEY}}},
    "as a configuration": {"base_config": KEY},
    "as a provider": {"provider": KEY},
    "as a status": {"status": KEY},
    "as a use": {"interaction_models": [KEY]},
    "as a limit": {"rate_limits": {"max_requests_per_minute": KEY}},
    "as a price": {"cost_metrics": {"cost_per_call": KEY}},
    "as metadata": {"metadata": KEY},
    "as a summary": {"aggregate_performance_summary": KEY},
    "as what a summary counts": {"aggregate_performance_summary": {"counted": KEY}},
    "as a moment": {"created_timestamp": KEY},
}


@pytest.mark.parametrize("older", [False, True])
@pytest.mark.parametrize("place", MISPLACED)
def test_an_error_in_a_file_shows_no_key(box: Path, place: str, older: bool, caplog: pytest.LogCaptureFixture) -> None:
    """A key that stood where something else belongs was shown in the error that said so, and in every log of it."""
    found = MISPLACED[place]
    entry = {**worker("w"), **found} if isinstance(found, dict) else found
    (box / DEFINITIONS).write_text(json.dumps({"aiWorkerDefinitions": [entry]} if older else [entry]))
    with AIWorkerManager(box):
        pass
    assert f"{DEFINITIONS}: line 1, column" in caplog.text
    assert KEY not in caplog.text
    assert all(KEY not in repr(record.__dict__) for record in caplog.records)


NOT_JSON = [KEY, f'"{KEY}"', f'{{"{KEY}": 1}}', f'[{{"value": "{KEY}" x}}]', f'["{KEY}\\q"]', f"[1, {KEY}"]


@pytest.mark.parametrize(
    ("name", "text"),
    [(name, text) for name in (DEFINITIONS, PERFORMANCE) for text in NOT_JSON],
)
def test_nor_does_one_in_a_file_that_is_no_json(box: Path, name: str, text: str) -> None:
    """What a file says in place of JSON was quoted in the error."""
    (box / name).write_text(text)
    with pytest.raises(NeuroScriptError) as caught:
        AIWorkerManager(box)
    assert int(caught.value.code) == 18
    assert KEY not in f"{caught.value} {caught.value!r} {caught.value.details}"


def test_nor_does_one_in_an_entry_that_is_none(box: Path, caplog: pytest.LogCaptureFixture) -> None:
    (box / PERFORMANCE).write_text(f'["{KEY}"]')
    with caplog.at_level(logging.WARNING, "ai_wm"), AIWorkerManager(box):
        assert "set aside" in caplog.text
    assert KEY not in caplog.text


# --- counters ---------------------------------------------------------------------------------------------------------

THREE = Policy(max_requests_per_day=3, max_tokens_per_day=1000, max_cost_per_day=1.0)

SCHEMAS = {
    "a trigger more": "CREATE TRIGGER free AFTER INSERT ON entries BEGIN UPDATE definitions SET day_requests = 0; END",
    "a trigger that does nothing": "CREATE TRIGGER added2 AFTER INSERT ON entries BEGIN SELECT 1; END",
    "a trigger fewer": "DROP TRIGGER added",
    "another trigger": (
        "DROP TRIGGER added; CREATE TRIGGER added AFTER INSERT ON entries BEGIN UPDATE definitions SET now = now; END"
    ),
    "a view": "CREATE VIEW seen AS SELECT * FROM holders",
    "a view for a table": (
        "DROP TABLE entries; CREATE VIEW entries AS SELECT 1 AS definition, 2 AS stamp, 3 AS sequence, 4 AS tokens, "
        "5 AS cost, 0 AS holder"
    ),
    "a table fewer": "DROP TABLE buckets",
    "a table more": "CREATE TABLE more(x)",
    "an index": "CREATE INDEX held ON entries(holder)",
    "a column more": "ALTER TABLE entries ADD COLUMN more INTEGER",
    "another table": "DROP TABLE slots; CREATE TABLE slots(definition, instance, holder)",
    "a generated column": (
        "DROP TABLE holders; "
        "CREATE TABLE holders(id INTEGER PRIMARY KEY AUTOINCREMENT, lease TEXT NOT NULL UNIQUE, x AS (id + 1))"
    ),
}
MENDED = ("a table fewer", "a trigger fewer", "an index")
"""What is made, or removed, where a file says that it is of an older version."""
CLONES: list[tuple[str, int | None]] = [(schema, None) for schema in SCHEMAS]
CLONES += [(schema, version) for schema in SCHEMAS if schema not in MENDED for version in (0, 1, -1)]


def clone(path: Path, script: str, version: int | None = None) -> None:
    """Makes counters as they are, and changes them with SQL."""
    limiter = SQLiteRateLimiter(path)
    limiter.reserve("d", THREE, tokens=1).settle(1)
    limiter.close()
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.executescript(script)
        if version is not None:
            connection.execute(f"PRAGMA user_version = {version}")


@pytest.mark.parametrize(("schema", "version"), CLONES)
def test_counters_that_count_otherwise_are_refused(box: Path, schema: str, version: int | None) -> None:
    """A file that came with a clone had a trigger that set the counters back to zero at every call."""
    clone(box / LIMITS, SCHEMAS[schema], version)
    limiter = SQLiteRateLimiter(box / LIMITS)
    for _ in range(2):
        with pytest.raises(NeuroScriptError) as caught:
            limiter.reserve("d", THREE, tokens=1)
        assert int(caught.value.code) in (18, 26), caught.value.message
        assert str(box / LIMITS) in caught.value.message
        assert version is not None or "tables or triggers that this program did not make" in caught.value.message
    limiter.close()
    (box / LIMITS).unlink()
    limiter = SQLiteRateLimiter(box / LIMITS)
    limiter.reserve("d", THREE, tokens=1).settle(1)
    limiter.close()


def test_a_file_as_the_program_makes_it_is_taken(box: Path) -> None:
    clone(box / LIMITS, "")
    clone(box / LIMITS, "", 0)
    clone(box / LIMITS, "", 1)
    assert database.SCHEMA_VERSION == 3


NOW = "(SELECT now FROM definitions)"
CONTENTS = {
    "less than nothing": (
        "UPDATE definitions SET minute_requests = -1000, minute_tokens = -1000000, day_requests = -1000, "
        "day_tokens = -1000000, day_cost = -1000000000000, in_flight = -5"
    ),
    "windows that are never left": (
        f"UPDATE definitions SET minute_edge = {1 << 62}, day_edge = {1 << 62}, day_requests = 0, day_cost = 0"
    ),
    "calls that are in no sum": (
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 500) "
        f"INSERT INTO entries SELECT 1, {NOW} - 86400000000 + 1000 * i, i, 9, 9, 0 FROM n; "
        "UPDATE definitions SET day_requests = 1, day_tokens = 1, day_cost = 0, minute_requests = 1, minute_tokens = 1"
    ),
    "calls in flight that are in no sum": (
        "INSERT INTO holders(id, lease) VALUES (99, 'gone'); "
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 500) "
        f"INSERT INTO entries SELECT 1, {NOW} - 1000 * i, i, 9, 9, 99 FROM n; "
        "UPDATE definitions SET day_requests = 1, day_tokens = 1, day_cost = 0, minute_requests = 1, minute_tokens = 1"
    ),
    "minutes that are in no sum": (
        f"INSERT INTO buckets VALUES (1, {NOW} - 86390000000, 500, 900000, 900000000); "
        "UPDATE definitions SET exact = 0, day_requests = 1"
    ),
    "calls with less than no tokens": "UPDATE entries SET tokens = -1000000, cost = -1000000000000",
    "calls with words for tokens": "UPDATE entries SET tokens = 'many'",
    "minutes with less than nothing": f"INSERT INTO buckets VALUES (1, {NOW}, -500, -900000, -900000000)",
    "words for sums": "UPDATE definitions SET day_requests = 'none', minute_requests = 'none'",
    "nothing for sums": "UPDATE definitions SET now = 'never'",
}


@pytest.mark.parametrize("content", CONTENTS)
def test_counters_that_came_with_a_clone_loosen_no_limit(box: Path, content: str) -> None:
    """Sums below zero, or calls that were in no sum and were taken from it as they grew old, gave room without end."""
    clone(box / LIMITS, CONTENTS[content])
    seconds = [0.0]
    begun = time.time()
    limiter = SQLiteRateLimiter(box / LIMITS, lambda: begun + seconds[0])
    codes = []
    for _ in range(20):
        seconds[0] += 2
        try:
            limiter.reserve("d", THREE, tokens=1, cost=0.01).settle(1, 0.01)
        except NeuroScriptError as error:
            codes.append(int(error.code))
    limiter.close()
    assert len(codes) >= 17
    assert set(codes) <= {18, 20}


# --- the opener -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("flags", [os.O_RDONLY, os.O_RDWR, os.O_WRONLY, os.O_RDWR | os.O_CREAT])
@pytest.mark.parametrize("thing", THINGS)
def test_no_way_to_open_a_file_opens_anything_else(box: Path, thing: str, flags: int) -> None:
    path = box / "file"
    THINGS[thing](path)
    with pytest.raises(NotAPlainFileError, match=f"it is {WORDS.get(thing, thing)}"):
        open_private(path, flags)
    assert not (box.parent / "new").exists()


def test_a_file_that_is_missing_or_there_already_is_said_to_be(box: Path) -> None:
    with pytest.raises(FileNotFoundError):
        open_private(box / "file", os.O_RDONLY)
    (box / "file").write_text("")
    with pytest.raises(FileExistsError):
        open_private(box / "file", os.O_RDWR | os.O_CREAT | os.O_EXCL)
