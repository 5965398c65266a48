"""Full disks, directories that are only to be read, and failures in the middle: a clear error, and nothing lost."""

from __future__ import annotations

import errno
import json
import logging
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ai_wm.data.types import SupervisorFeedback, TokenUsageMetrics
from ai_wm.store import JsonStore
from ai_wm.store.engine import DEFINITIONS_FILE, PERFORMANCE_FILE
from neuroscript.errors import AccessError, NeuroScriptError, ToolError

from .support import (
    FULL,
    READ_ONLY,
    Files,
    add,
    definitions,
    entries,
    record,
    reopened,
    retire,
    spawn,
    system_error,
    tasks,
    worker,
)


@pytest.fixture
def files() -> Files:
    return Files()


@pytest.fixture
def store(tmp_path: Path, files: Files) -> Iterator[JsonStore]:
    made = JsonStore(tmp_path / "sandbox", files=files)
    add(made, worker())
    made.add_record(record("t0"))
    spawn(made, "live")
    made.add_record(record("l0", "live"))
    spawn(made, "ended")
    made.add_record(record("e0", "ended"))
    retire(made, "ended")
    made.save()  # so that nothing is left for the timer to write while a test looks
    yield made
    files.fail = lambda _call, _data: None
    made.close()


OPERATIONS: dict[str, Callable[[JsonStore], Any]] = {
    "record": lambda store: store.add_record(record("t1")),
    "large record": lambda store: store.add_record(record("t1", input_context={"x": "y" * 40_000})),
    "record of a live instance": lambda store: store.add_record(record("t1", "live"), TokenUsageMetrics()),
    "usage": lambda store: store.set_session_usage("live", TokenUsageMetrics(input_tokens=9)),
    "start": lambda store: spawn(store, "another"),
    "retire": lambda store: retire(store, "live"),
    "feedback": lambda store: store.add_feedback("t0", SupervisorFeedback(rating=3)),
    "feedback of a live instance": lambda store: store.add_feedback("l0", SupervisorFeedback(rating=3)),
    "record of a retired instance": lambda store: store.add_record(record("t1", "ended")),
    "feedback of a retired instance": lambda store: store.add_feedback("e0", SupervisorFeedback(rating=3)),
    "definition": lambda store: add(store, worker("b", "def-2")),
}


def seen(store: JsonStore) -> Any:
    """All that a store knows."""
    return (
        store.summary("def-1"),
        sorted(store.records("def-1"), key=lambda one: one.task_id),
        list(store.definitions()),
        store.instance_records("live"),
    )


@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS)
@pytest.mark.parametrize("call", ["write", "sync"])
@pytest.mark.parametrize("partly", [0, 1, 2, 3, 50])
def test_a_full_disk_refuses_and_loses_nothing(
    store: JsonStore,
    files: Files,
    directory: Path,
    tmp_path: Path,
    operation: Callable[[JsonStore], Any],
    call: str,
    partly: int,
) -> None:
    before = seen(store)
    valid = json.dumps(entries(directory)), json.dumps(definitions(directory))
    failures = iter([True, True])  # the second is for a write that is tried again without padding
    files.partly = partly
    files.fail = lambda name, _data: system_error(FULL) if name == call and next(failures, False) else None
    with pytest.raises(ToolError) as caught:
        operation(store)
    assert caught.value.code == 26
    assert "No space left on device; nothing was changed; free some space and try again" in caught.value.message
    files.fail = lambda _call, _data: None
    assert seen(store) == before
    assert (json.dumps(entries(directory)), json.dumps(definitions(directory))) == valid
    operation(store)
    after = seen(store)
    assert after != before or operation is OPERATIONS["usage"]
    again = reopened(directory, tmp_path / "copy")
    assert seen(again)[1] == after[1]
    assert list(again.definitions()) == after[2]
    again.close()


@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS)
def test_a_disk_that_stays_full_leaves_what_was_stored(
    store: JsonStore, files: Files, directory: Path, tmp_path: Path, operation: Callable[[JsonStore], Any]
) -> None:
    """Not even what was half written can be taken back: the next start cuts it."""
    before = seen(store)
    files.partly = 30
    files.fail = lambda _call, _data: system_error(FULL)
    with pytest.raises(ToolError):
        operation(store)
    again = reopened(directory, tmp_path / "copy")
    assert seen(again)[1] == before[1]
    assert list(again.definitions()) == before[2]
    again.close()
    files.fail = lambda _call, _data: None
    assert seen(store) == before
    operation(store)


@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS)
def test_a_directory_that_became_read_only(
    store: JsonStore, files: Files, directory: Path, operation: Callable[[JsonStore], Any]
) -> None:
    files.fail = lambda _call, _data: system_error(READ_ONLY)
    with pytest.raises(AccessError) as caught:
        operation(store)
    assert caught.value.code == 25
    assert "Read-only file system; make the file and its directory writable" in caught.value.message
    assert str(directory) in caught.value.message


def test_a_directory_that_is_read_only_from_the_start(
    store: JsonStore, files: Files, directory: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store.close()
    before = {path: path.read_bytes() for path in directory.glob("*.json")}
    files.fail = lambda _call, _data: system_error(READ_ONLY)
    with caplog.at_level(logging.WARNING):
        reader = JsonStore(directory, files=files)
    assert "the store is only read" in caplog.text
    assert [one.task_id for one in reader.records("def-1")] == ["l0", "e0", "t0"]
    assert list(reader.definitions()) == ["def-1"]
    for operation in OPERATIONS.values():
        with pytest.raises(AccessError, match="was not writable when it was opened") as caught:
            operation(reader)
        assert caught.value.code == 25
    with pytest.raises(AccessError):
        reader.save()
    reader.close()
    assert {path: path.read_bytes() for path in directory.glob("*.json")} == before


def test_a_directory_that_cannot_be_made(tmp_path: Path, files: Files) -> None:
    files.fail = lambda call, _data: system_error(errno.EACCES) if call == "make_directory" else None
    with pytest.raises(AccessError, match="cannot open the store"):
        JsonStore(tmp_path / "sandbox", files=files)


def test_a_start_on_a_full_disk_reads_and_recovers_later(
    store: JsonStore, files: Files, directory: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    copy = tmp_path / "copy"
    reopened_files = Files()
    shutil.copytree(directory, copy)
    reopened_files.fail = lambda call, _data: system_error(FULL) if call == "write" else None
    with caplog.at_level(logging.WARNING):
        again = JsonStore(copy, files=reopened_files)
    assert "not everything could be brought up to date" in caplog.text
    assert [one.task_id for one in again.records("def-1")] == ["l0", "e0", "t0"]
    assert again.summary("def-1").total_tasks_attempted == 3
    reopened_files.fail = lambda _call, _data: None
    again.reload()
    assert sorted(tasks(copy)) == ["e0", "l0", "t0"]
    assert again.summary("def-1").active_instances_count == 0
    again.close()


def test_closing_on_a_full_disk_says_so_and_loses_nothing(tmp_path: Path, files: Files) -> None:
    store = JsonStore(tmp_path, files=files)
    add(store, worker())
    store.add_record(record("t1"))
    files.fail = lambda call, _data: system_error(FULL) if call == "write" else None
    with pytest.raises(ToolError, match="No space left"):
        store.close()
    files.fail = lambda _call, _data: None
    again = JsonStore(tmp_path, files=files)
    assert again.summary("def-1").total_tasks_attempted == 1
    again.close()


def test_padding_is_left_out_where_there_is_no_room_for_it(tmp_path: Path, files: Files) -> None:
    store = JsonStore(tmp_path, files=files)
    store.add_record(record("t1"))
    files.fail = lambda call, data: system_error(FULL) if call == "write" and len(data) > 10_000 else None
    while (tmp_path / PERFORMANCE_FILE).stat().st_size <= 16384:
        store.add_record(record(f"u{len(tasks(tmp_path))}"))
    assert (tmp_path / PERFORMANCE_FILE).stat().st_size < 20000
    assert len(tasks(tmp_path)) > 20
    store.close()


def test_a_rename_that_fails_leaves_the_file_and_the_change_is_kept(
    store: JsonStore, files: Files, directory: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    add(store, worker("a", "def-0"))  # so that there is a journal to which the next change is appended
    before = (directory / DEFINITIONS_FILE).read_bytes()
    files.fail = lambda call, _data: system_error(errno.EIO) if call == "replace" else None
    with caplog.at_level(logging.WARNING):
        add(store, worker("b", "def-2"))
    assert "is stored, but not in their file yet" in caplog.text
    assert (directory / DEFINITIONS_FILE).read_bytes() == before
    assert not list(directory.glob("*.tmp"))
    again = reopened(directory, tmp_path / "copy")
    assert list(again.definitions()) == ["def-1", "def-0", "def-2"]
    assert [one["name"] for one in definitions(tmp_path / "copy")] == ["w", "a", "b"]
    again.close()
    with pytest.raises(NeuroScriptError) as caught:
        store.save()
    assert caught.value.code == 26


def test_what_a_crash_left_of_a_temporary_file_is_no_hindrance(store: JsonStore, directory: Path) -> None:
    left = directory / f"{DEFINITIONS_FILE}.tmp"
    left.write_text("half")
    add(store, worker("b", "def-2"))
    assert not left.exists()
    assert len(definitions(directory)) == 2


def test_a_link_in_the_place_of_a_file_is_not_followed(tmp_path: Path, files: Files) -> None:
    outside, sandbox = tmp_path / "outside", tmp_path / "sandbox"
    sandbox.mkdir()
    outside.write_text("[]")
    (sandbox / PERFORMANCE_FILE).symlink_to(outside)
    with pytest.raises(NeuroScriptError, match="symbolic link, which is not followed"):
        JsonStore(sandbox, files=files)
    assert outside.read_text() == "[]"


def test_an_interruption_in_the_middle_leaves_a_store_that_works(store: JsonStore, files: Files) -> None:
    def interrupt(call: str, _data: bytes) -> OSError | None:
        if call == "sync":
            files.fail = lambda _call, _data: None
            raise KeyboardInterrupt
        return None

    files.fail = interrupt
    with pytest.raises(KeyboardInterrupt):
        store.add_record(record("t1"))
    store.add_record(record("t2"))
    assert [one.task_id for one in store.records("def-1")] == ["t2", "l0", "e0", "t0"]


def test_a_task_that_stands_twice_in_a_journal_counts_once(store: JsonStore, directory: Path, tmp_path: Path) -> None:
    """As after a write that failed and could not be taken back, and was made again behind what it left."""
    shutil.copytree(directory, tmp_path / "copy")
    [journal] = (tmp_path / "copy" / "ai_worker_state").glob("*.jsonl")
    [line] = [line for line in journal.read_bytes().splitlines() if b'"l0"' in line]
    with journal.open("ab") as file:
        file.write(b"\n" + line + b"\n")
    again = JsonStore(tmp_path / "copy")
    assert again.summary("def-1").total_tasks_attempted == 3
    assert [one.task_id for one in again.instance_records("live")] == ["l0"]
    again.close()
    assert sorted(tasks(tmp_path / "copy")) == ["e0", "l0", "t0"]


LIMITED = """
import resource, signal, sys
from pathlib import Path
from ai_wm.store import JsonStore
from ai_wm.data.types import PerformanceRecord
from neuroscript.errors import NeuroScriptError
store = JsonStore(Path(sys.argv[1]))
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, resource.RLIM_INFINITY))
number = 0
try:
    while True:
        store.add_record(PerformanceRecord(task_id=f"t{number}", output_summary="x" * 200))
        number += 1
except NeuroScriptError as error:
    print(number, int(error.code), error.message)
store.close()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="the system has no limit to the size of files")
def test_a_file_that_may_not_grow(tmp_path: Path) -> None:
    """With the system's own limit, and its own partial writes."""
    assert signal.getsignal(signal.SIGXFSZ) == signal.SIG_IGN
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, str(tmp_path)], check=True, capture_output=True, text=True, timeout=60
    )
    number, code, message = done.stdout.split(" ", 2)
    assert (code, "File too large" in message) == ("26", True)
    assert tasks(tmp_path) == [f"t{index}" for index in range(int(number))]
    assert int(number) > 20
