"""The index of records on disk: what it spares, and that nothing depends on it."""

from __future__ import annotations

import json
import shutil
import sqlite3
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ai_wm.data.record_filter import RecordFilter
from ai_wm.data.types import SupervisorFeedback, Timestamp
from ai_wm.store import JsonStore, engine, filling, performance_file
from ai_wm.store.engine import PERFORMANCE_FILE
from ai_wm.store.index import RecordIndex
from ai_wm.store.index_directory import INDEX_DIRECTORY
from ai_wm.store.index_file import IndexFile
from ai_wm.store.new_file import NewFile
from ai_wm.store.state_directory import STATE_DIRECTORY
from neuroscript.errors import StateError

from .support import (
    FULL,
    NOON,
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

COUNT = 40


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """A closed store with records of two definitions, some of them of retired instances, some with feedback."""
    directory = tmp_path / "sandbox"
    store = JsonStore(directory, files=Files())
    add(store, worker(), worker("x", "def-2"))
    for number in range(COUNT):
        definition = f"def-{number % 2 + 1}"
        instance = spawn(store, f"i{number}", definition) if number % 4 == 0 else ""
        store.add_record(record(f"t{number}", instance, definition, duration_ms=number, success=number % 3 == 0))
        if instance:
            store.add_record(record(f"u{number}", instance, definition, cost_incurred=0.1))
            retire(store, instance)
        if number % 5 == 0:
            store.add_feedback(f"t{number}", SupervisorFeedback(rating=number))
    store.close()
    return directory


def index_files(directory: Path) -> list[Path]:
    return sorted((directory / STATE_DIRECTORY / INDEX_DIRECTORY).glob("*.sqlite3"))


def answers(store: JsonStore) -> Any:
    """What a store answers to questions of every kind."""
    slow = RecordFilter(duration_ms_gt=10, success=True, limit=7)
    return (
        [store.summary(name) for name in ("def-1", "def-2", "unknown")],
        [store.records(name) for name in ("def-1", "def-2")],
        store.record_maps("def-1", slow),
        store.record_maps("def-1", RecordFilter(stateless=True)),
        store.record_maps("def-2", RecordFilter(owners=frozenset({"", "x"}), limit=3)),
        store.instance_records("i4"),
        store.record("t8"),
        store.record("unknown"),
        [(entry.instance_id, len(entry.performance_records)) for entry in store.entries()],
    )


@pytest.fixture
def expected(directory: Path, tmp_path: Path) -> Any:
    """What a store answers that never had an index on disk."""
    copy = tmp_path / "plain"
    shutil.copytree(directory, copy)
    shutil.rmtree(copy / STATE_DIRECTORY / INDEX_DIRECTORY)
    store = JsonStore(copy, files=Files())
    assert store._engine.index.disk is None
    result = answers(store)
    store.close()
    return result


def answered(directory: Path) -> Any:
    store = JsonStore(directory, files=Files())
    result = answers(store)
    store.close()
    return result


def read_entries(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The ids of the entries that are read from the file from now on."""
    found, put = [], RecordIndex.put

    def noting(self: RecordIndex, indexed: Any, offset: int, length: int) -> None:
        found.append(indexed.instance_id)
        put(self, indexed, offset, length)

    monkeypatch.setattr(RecordIndex, "put", noting)
    return found


class TestStarting:
    def test_no_entry_is_read_that_the_index_knows(
        self, directory: Path, expected: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        found = read_entries(monkeypatch)
        assert answered(directory) == expected
        assert found == []

    def test_after_a_crash_only_what_came_since_is_read(
        self, directory: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        store = JsonStore(directory, files=Files())
        store.add_record(record("late"))
        store.add_feedback("t0", SupervisorFeedback(rating=1))
        known = answers(store)
        found = read_entries(monkeypatch)
        again = reopened(directory, tmp_path / "copy")
        assert found == ["stateless-late"]
        assert answers(again) == known
        again.close()
        store.close()

    def test_nothing_is_written_to_it_by_looking(self, directory: Path) -> None:
        before = [(path.read_bytes(), path.stat().st_mtime_ns) for path in index_files(directory)]
        answered(directory)
        assert [(path.read_bytes(), path.stat().st_mtime_ns) for path in index_files(directory)] == before

    def test_a_directory_that_is_only_read_uses_it(
        self, directory: Path, expected: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        found = read_entries(monkeypatch)
        files = Files()
        files.fail = lambda _call, _data: system_error(30)
        store = JsonStore(directory, files=files)
        assert answers(store) == expected
        store.close()
        assert found == []

    def test_a_large_file_is_compared_with_it_or_read_before_the_store_is_locked(
        self, directory: Path, expected: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("ai_wm.store.index_directory._AHEAD_BYTES", 1)
        monkeypatch.setattr(filling, "MOST_IN_MEMORY", 5)
        shutil.rmtree(directory / STATE_DIRECTORY / INDEX_DIRECTORY)
        load, at_lock = engine.StorageEngine.load, []

        def locked(self: engine.StorageEngine, *arguments: Any, **more: Any) -> None:
            at_lock.append(list(found))
            load(self, *arguments, **more)
            at_lock.append(list(found))

        monkeypatch.setattr(engine.StorageEngine, "load", locked)
        found = read_entries(monkeypatch)
        assert answered(directory) == expected
        assert len(at_lock[0]) == COUNT
        assert at_lock[1] == at_lock[0]


def damage(change: Callable[[bytes], bytes]) -> Callable[[Path], object]:
    return lambda path: path.write_bytes(change(path.read_bytes()))


def of_another_version(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 77")
    connection.close()


def without_a_table(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("DROP TABLE places")
    connection.close()


STATES: dict[str, Callable[[Path], object]] = {
    "removed": Path.unlink,
    "empty": damage(lambda _data: b""),
    "cut": damage(lambda data: data[:5000]),
    "no database": damage(lambda data: b"x" * len(data)),
    "overwritten behind the head": damage(lambda data: data[:4096] + b"\xff" * (len(data) - 4096)),
    "of another version": of_another_version,
    "without a table": without_a_table,
    "a directory": lambda path: (path.unlink(), path.mkdir()),
    "a link": lambda path: (path.rename(path.with_name("x")), path.symlink_to(path.with_name("x"))),
}


class TestAnyState:
    @pytest.mark.parametrize("change", STATES.values(), ids=STATES)
    def test_it_is_made_anew(self, directory: Path, expected: Any, change: Callable[[Path], object]) -> None:
        [path] = index_files(directory)
        change(path)
        assert answered(directory) == expected
        assert answered(directory) == expected

    @pytest.mark.parametrize("change", STATES.values(), ids=STATES)
    def test_while_it_is_in_use(
        self, directory: Path, expected: Any, change: Callable[[Path], object], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(engine, "MOVE_ROWS", 1)
        store, other = JsonStore(directory, files=Files()), JsonStore(directory, files=Files())
        assert answers(store) == expected
        [path] = index_files(directory)
        change(path)
        for number, each in enumerate((store, other, store, other)):
            each.add_record(record(f"late-{number}", definition_id="def-3"))
            each._flush()
            assert answers(store) == answers(other)
            assert answers(store)[:2] == expected[:2]
            assert each.summary("def-3").total_tasks_attempted == number + 1
        store.close()
        other.close()

    def test_that_of_another_store(self, directory: Path, expected: Any, tmp_path: Path) -> None:
        other = JsonStore(tmp_path / "other", files=Files())
        for number in range(COUNT):
            other.add_record(record(f"o{number}"))
        other.close()
        shutil.rmtree(directory / STATE_DIRECTORY / INDEX_DIRECTORY)
        shutil.copytree(
            tmp_path / "other" / STATE_DIRECTORY / INDEX_DIRECTORY, directory / STATE_DIRECTORY / INDEX_DIRECTORY
        )
        store = JsonStore(directory, files=Files())
        with pytest.raises(StateError, match=f"{COUNT} entries that were stored are not in it any more: stateless-o0"):
            store.summary("def-1")
        assert answers(store) == expected
        store.close()

    def test_a_file_that_was_edited_in_place(self, directory: Path) -> None:
        path = directory / PERFORMANCE_FILE
        path.write_bytes(path.read_bytes().replace(b'"duration_ms":39', b'"duration_ms":99'))
        store = JsonStore(directory, files=Files())
        assert store.record_maps("def-2", RecordFilter(duration_ms_gt=90))[0]["task_id"] == "t39"
        store.close()

    def test_a_disk_too_full_for_it(self, directory: Path, expected: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        shutil.rmtree(directory / STATE_DIRECTORY / INDEX_DIRECTORY)
        monkeypatch.setattr(filling, "MOST_IN_MEMORY", 5)

        monkeypatch.setattr("ai_wm.store.index_file.IndexFile.create", classmethod(_only_elsewhere(directory)))
        store = JsonStore(directory, files=Files())
        assert answers(store) == expected
        store.add_record(record("late"))
        assert store.summary("def-1").total_tasks_attempted == expected[0][0].total_tasks_attempted + 1
        store.close()


def _only_elsewhere(directory: Path) -> Any:
    create = IndexFile.create.__func__  # type: ignore[attr-defined]

    def made(kind: type[IndexFile], place: Path, *more: str) -> IndexFile:
        if place.is_relative_to(directory):
            raise system_error(FULL)
        result: IndexFile = create(kind, place, *more)
        return result

    return made


class TestGrowing:
    def test_memory_keeps_what_is_behind_the_mark_only(self, directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(engine, "MOVE_ROWS", 10)
        store, other = JsonStore(directory, files=Files()), JsonStore(directory, files=Files())
        for number in range(60):
            store.add_record(record(f"late-{number}"))
            if number % 7 == 0:
                store.add_feedback(f"late-{number}", SupervisorFeedback(rating=2))
            store._flush()
            answers(other)
            for each in (store, other):
                assert each._engine.index.pending < 30
        assert answers(store) == answers(other)
        assert store.summary("def-1").total_tasks_attempted == len(store.records("def-1"))
        known = answers(store)
        store.close()
        other.close()
        assert answered(directory) == known

    @pytest.mark.parametrize("superseded", [False, True])
    def test_a_whole_file_is_read_in_pieces(
        self, directory: Path, expected: Any, monkeypatch: pytest.MonkeyPatch, superseded: bool
    ) -> None:
        path = directory / PERFORMANCE_FILE
        if superseded:
            lines = path.read_bytes()[2:-3].split(b",\n")
            old = [line.replace(b'"duration_ms":', b'"duration_ms":1') for line in lines]
            path.write_bytes(b"[\n" + b",\n".join([*old, *lines[::-1]]) + b"\n]\n")
            shutil.rmtree(directory / STATE_DIRECTORY / INDEX_DIRECTORY)
        monkeypatch.setattr(filling, "MOST_IN_MEMORY", 7)
        found = answered(directory)
        assert found[0] == expected[0]
        assert found[-1] == expected[-1]
        assert {one.task_id: one for one in found[1][0]} == {one.task_id: one for one in expected[1][0]}


@pytest.mark.usefixtures("eager")
class TestTidyingUp:
    def test_others_write_and_read_while_the_new_file_is_written(
        self, directory: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        store, other = JsonStore(directory, files=Files()), JsonStore(directory, files=Files())
        spawn(other, "live")
        store.add_feedback("t0", SupervisorFeedback(rating=1))
        flush, copies = NewFile.flush, []

        def at_work(self: NewFile, *, sync: bool = False) -> None:
            flush(self, sync=sync)
            if sync and not copies:
                copies.append(tmp_path / "copy")
                worker_thread = threading.Thread(target=work)
                worker_thread.start()
                worker_thread.join(60)
                assert not worker_thread.is_alive()
                shutil.copytree(directory, copies[0])  # the machine stops

        def work() -> None:
            for each, name, start in ((store, "a", NOON + 1), (other, "b", NOON + 3)):
                each.add_record(record(f"late-{name}", timestamp_start=Timestamp.from_unix(start)))
                each.add_record(record(f"more-{name}", "i4", timestamp_start=Timestamp.from_unix(start + 1)))
                each.add_feedback("t0", SupervisorFeedback(rating=2))
                each.add_feedback("t9", SupervisorFeedback(rating=3))
                each._engine.move()
            retire(other, "live")

        monkeypatch.setattr(NewFile, "flush", at_work)
        store.save()
        assert copies
        monkeypatch.setattr(NewFile, "flush", flush)
        for number, each in enumerate((store, other)):
            each.add_record(record(f"last-{number}", timestamp_start=Timestamp.from_unix(NOON + 10 + number)))
        assert answers(store) == answers(other)
        assert store.record("t0").supervisor_feedback == SupervisorFeedback(rating=2)  # type: ignore[union-attr]
        assert {"late-a", "late-b", "more-a", "more-b"} <= {one.task_id for one in other.records("def-1")}
        known = answers(store)
        store.close()
        other.close()
        assert answered(directory) == known
        again = JsonStore(copies[0], files=Files())
        assert [one.task_id for one in again.instance_records("i4")] == ["t4", "u4", "more-a", "more-b"]
        again.close()
        assert not list(copies[0].glob("*.tmp"))

    def test_a_file_that_another_program_writes_meanwhile_is_left(
        self, directory: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        store = JsonStore(directory, files=Files())
        store.add_feedback("t0", SupervisorFeedback(rating=1))
        flush = NewFile.flush

        def at_work(self: NewFile, *, sync: bool = False) -> None:
            flush(self, sync=sync)
            if sync:
                (directory / PERFORMANCE_FILE).write_text(json.dumps(entries(directory)[:3], indent=1))

        monkeypatch.setattr(NewFile, "flush", at_work)
        with pytest.raises(StateError, match="entries that were stored are not in it any more"):
            store.save()
        monkeypatch.setattr(NewFile, "flush", flush)
        store.save()
        assert sorted(tasks(directory)) == ["t0", "t1", "t2", "u0"]
        store.close()
        assert not list(directory.glob("*.tmp"))

    def test_another_process_goes_on_with_the_same_index(self, directory: Path) -> None:
        """Though it has the amendments open that were taken into the new file, and there are new ones."""
        store, other = JsonStore(directory, files=Files()), JsonStore(directory, files=Files())
        before = index_files(directory)
        for rating in range(3):
            store.add_feedback("t0", SupervisorFeedback(rating=rating))
            assert other.record("t0") == store.record("t0")
            store.save()
            store.add_feedback("t4", SupervisorFeedback(rating=rating))
            assert store._engine.move()
            assert answers(other) == answers(store)
            assert index_files(directory) == before
        store.close()
        other.close()

    def test_one_at_a_time(self, directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        store, other = JsonStore(directory, files=Files()), JsonStore(directory, files=Files())
        store.add_feedback("t0", SupervisorFeedback(rating=1))
        flush = NewFile.flush

        def at_work(self: NewFile, *, sync: bool = False) -> None:
            flush(self, sync=sync)
            if sync:
                before = (directory / PERFORMANCE_FILE).read_bytes()
                monkeypatch.setattr(NewFile, "flush", flush)
                other.save()
                assert (directory / PERFORMANCE_FILE).read_bytes() == before

        monkeypatch.setattr(NewFile, "flush", at_work)
        store.save()
        assert store.record("t0") == other.record("t0")
        store.close()
        other.close()


def test_what_is_written_is_linear_in_what_is_given(directory: Path) -> None:
    """Also when every rating comes from a process of its own, which tidies up at its start and end."""
    size, given, sizes = (directory / PERFORMANCE_FILE).stat().st_size, 0, list[int]()
    for number in range(120):
        files = Files()

        def count(call: str, data: bytes) -> None:
            if call == "write" and b"task_id" in data:
                sizes.append(len(data))

        files.fail = count
        store = JsonStore(directory, files=files)
        store.add_feedback(f"t{number % COUNT}", SupervisorFeedback(rating=number))
        given += len(json.dumps(store.record(f"t{number % COUNT}").to_file()))  # type: ignore[union-attr]
        store.close()
    assert sum(sizes) < 8 * given + 2 * size
    assert (directory / PERFORMANCE_FILE).stat().st_size < 2 * size


class TestLostEntries:
    """An old copy saved over newer records is told of once: in the log, and to whoever asks next."""

    @pytest.fixture
    def store(self, directory: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[JsonStore]:
        monkeypatch.setattr(performance_file, "_LOOK_SECONDS", 0)
        made = JsonStore(directory, files=Files())
        yield made
        made.close()

    @pytest.mark.parametrize("in_place", [True, False])
    @pytest.mark.parametrize("moved", [True, False])
    def test_while_it_is_open(
        self, store: JsonStore, directory: Path, in_place: bool, moved: bool, caplog: pytest.LogCaptureFixture
    ) -> None:
        path = directory / PERFORMANCE_FILE
        old = path.read_bytes()
        for number in range(7):
            store.add_record(record(f"new-{number}"))
        if moved:
            assert store._engine.move()
        store.summary("def-1")
        if in_place:
            path.write_bytes(old)
        else:
            path.with_name("edited").write_bytes(old)
            path.with_name("edited").replace(path)
        store.add_record(record("later"))  # what was done is stored, whatever else is wrong
        with pytest.raises(StateError) as caught:
            store.records("def-1")
        told = caught.value.message
        assert f"{path}: 7 entries that were stored are not in it any more: stateless-new-0, stateless-new-1" in told
        assert "if they were taken out on purpose, go on: this is said once" in told
        assert told in caplog.text
        assert store.record("later") is not None
        assert store.record("new-0") is None
        assert tasks(directory)[-1] == "later"

    def test_between_two_runs(self, store: JsonStore, directory: Path) -> None:
        path = directory / PERFORMANCE_FILE
        old = path.read_bytes()
        store.add_record(record("new"))
        store.close()
        path.write_bytes(old)
        for expected in (True, False):
            again = JsonStore(directory, files=Files())
            if expected:
                with pytest.raises(
                    StateError, match="1 entries that were stored are not in it any more: stateless-new"
                ):
                    again.save()
            again.save()
            again.close()

    def test_after_a_crash_the_summaries_tell_how_many(
        self, store: JsonStore, directory: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        """What was stored since the index was brought up to date is in no index."""
        old = (directory / PERFORMANCE_FILE).read_bytes()
        store.add_record(record("new"))
        store._flush()
        assert definitions(directory)[0]["aggregatePerformanceSummary"]["counted"]
        shutil.copytree(directory, tmp_path / "copy")
        (tmp_path / "copy" / PERFORMANCE_FILE).write_bytes(old)
        for expected in (True, False):
            caplog.clear()
            again = JsonStore(tmp_path / "copy", files=Files())
            told = "1 records that the summaries of ai_worker_definitions.json count are not in it" in caplog.text
            assert told is expected
            again.summary("def-1")
            again.close()
