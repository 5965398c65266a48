"""Feedback on, and tasks of, instances that are stored: each costs the bytes of one record, and the file follows."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ai_wm.data.types import PerformanceRecord, SupervisorFeedback
from ai_wm.store import JsonStore
from ai_wm.store.engine import PERFORMANCE_FILE
from neuroscript.errors import StateError

from .support import FULL, Files, add, entries, record, reopened, retire, spawn, system_error, tasks, worker

AMENDMENTS = Path("ai_worker_state", "amendments.jsonl")


@pytest.fixture
def files() -> Files:
    return Files()


@pytest.fixture
def store(tmp_path: Path, files: Files) -> Iterator[JsonStore]:
    """A store with a retired instance of three tasks."""
    made = JsonStore(tmp_path / "sandbox", files=files)
    add(made, worker())
    retired(made, "i", 3)
    yield made
    files.fail = lambda _call, _data: None
    made.close()


def retired(store: JsonStore, instance_id: str, count: int, **more: Any) -> None:
    """Spawn an instance, log so many tasks (``i-0``, ``i-1``, …), and retire it."""
    spawn(store, instance_id)
    for number in range(count):
        store.add_record(record(f"{instance_id}-{number}", instance_id, **more))
    retire(store, instance_id)


def rate(store: JsonStore, task_id: str, rating: float) -> PerformanceRecord:
    return store.add_feedback(task_id, SupervisorFeedback(rating=rating, comments="c"))


def ratings(directory: Path) -> dict[str, float | None]:
    """What any other program reads: the rating of each task, None without one."""
    records = [one for entry in entries(directory) for one in entry["performance_records"]]
    assert len({one["task_id"] for one in records}) == len(records)
    return {one["task_id"]: one.get("supervisor_feedback", {}).get("rating") for one in records}


def count_records(files: Files) -> list[int]:
    """The sizes of all writes of records from now on, and not those of definitions, which follow when it suits them."""
    sizes: list[int] = []

    def count(call: str, data: bytes) -> None:
        if call == "write" and b"task_id" in data:
            sizes.append(len(data))

    files.fail = count
    return sizes


def test_a_rating_writes_one_record_however_many_the_instance_has(
    store: JsonStore, files: Files, directory: Path
) -> None:
    retired(store, "many", 1000)
    size = len(json.dumps(entries(directory)[-1]))
    one = len(json.dumps(record("many-0", "many").to_file()))
    sizes = count_records(files)
    for number in range(50):
        rate(store, f"many-{number}", 4)
    store.add_record(record("late", "many"))
    assert len(sizes) == 51
    assert max(sizes) < 2 * one
    assert store.summary("def-1").average_quality_score == 4
    store.close()
    assert sum(sizes[51:]) < 1.2 * size + 2000


def test_ratings_of_a_whole_instance_grow_nothing_beyond_their_own_size(
    store: JsonStore, files: Files, directory: Path
) -> None:
    """The file is written anew now and then, but never costs much more than what is kept of ratings meanwhile."""
    retired(store, "many", 800, output_summary="x" * 250)
    sizes, size = count_records(files), (directory / PERFORMANCE_FILE).stat().st_size
    for number in range(800):
        rate(store, f"many-{number}", 4)
        if number % 100 == 99:
            store._flush()  # as its timer does
    store.close()
    assert sum(sizes) < 10 * size
    assert (directory / PERFORMANCE_FILE).stat().st_size < 2 * size
    assert set(ratings(directory).values()) == {None, 4}


def test_the_file_follows_when_saved_closed_or_opened(store: JsonStore, directory: Path, tmp_path: Path) -> None:
    old = (directory / PERFORMANCE_FILE).read_bytes()
    rate(store, "i-0", 1)
    assert (directory / PERFORMANCE_FILE).read_bytes() == old
    reopened(directory, tmp_path / "copy").close()
    assert ratings(tmp_path / "copy") == {"i-0": 1, "i-1": None, "i-2": None}
    store.save()
    assert ratings(directory) == {"i-0": 1, "i-1": None, "i-2": None}
    assert not (directory / AMENDMENTS).exists()
    rate(store, "i-0", 2)
    store.add_record(record("late", "i"))
    rate(store, "late", 3)
    store.close()
    assert ratings(directory) == {"i-0": 2, "i-1": None, "i-2": None, "late": 3}
    assert not (directory / AMENDMENTS).exists()


def test_the_file_follows_by_itself_when_much_was_rated(store: JsonStore, directory: Path) -> None:
    retired(store, "large", 2, input_context={"x": "y" * 50_000})
    for task in ("large-0", "large-1"):
        rate(store, task, 5)
    deadline = time.monotonic() + 20
    while ratings(directory)["large-1"] != 5:
        assert time.monotonic() < deadline
        threading.Event().wait(0.05)
    assert rate(store, "large-1", 4) == store.record("large-1")


def test_everything_that_reads_sees_it_at_once(store: JsonStore) -> None:
    judged = rate(store, "i-1", 2)
    later = record("late", "i", success=False)
    store.add_record(later)
    assert store.record("i-1") == judged
    assert store.record("late") == later
    assert [one.task_id for one in store.instance_records("i")] == ["i-0", "i-1", "i-2", "late"]
    assert [one["supervisor_feedback"] for one in store.record_maps("def-1") if one["task_id"] == "i-1"] == [
        judged.to_script()["supervisor_feedback"]
    ]
    [entry] = store.entries()
    assert entry.performance_records == store.instance_records("i")
    found = store.summary("def-1")
    assert (found.total_tasks_attempted, found.failed_tasks, found.average_quality_score) == (4, 1, 2)
    before = store.records("def-1")
    store.save()
    assert store.records("def-1") == before
    store.reload()
    assert store.summary("def-1") == found


def test_entries_half_read_are_given_as_they_were(store: JsonStore) -> None:
    retired(store, "j", 1)
    rate(store, "j-0", 1)
    half_read = store.entries()
    next(half_read)
    rate(store, "j-0", 2)
    store.save()
    [rest] = half_read
    assert rest.performance_records[0].supervisor_feedback == SupervisorFeedback(rating=1, comments="c")


class TestCrashes:
    def test_between_writing_the_file_and_removing_what_it_holds_now(
        self, store: JsonStore, files: Files, directory: Path, tmp_path: Path
    ) -> None:
        rate(store, "i-0", 1)
        store.add_record(record("late", "i"))
        rate(store, "late", 2)
        files.fail = lambda call, _data: system_error(FULL) if call == "remove" else None
        with pytest.raises(Exception, match="No space left"):
            store.save()
        assert (directory / AMENDMENTS).exists()
        expected = {"i-0": 1, "i-1": None, "i-2": None, "late": 2}
        assert ratings(directory) == expected
        again = reopened(directory, tmp_path / "copy")
        assert again.summary("def-1") == store.summary("def-1")
        again.close()
        assert ratings(tmp_path / "copy") == expected
        files.fail = lambda _call, _data: None
        rate(store, "late", 5)
        store.save()
        assert ratings(directory) == expected | {"late": 5}

    def test_a_line_broken_off_spoils_no_other(self, store: JsonStore, directory: Path, tmp_path: Path) -> None:
        rate(store, "i-0", 1)
        whole = (directory / AMENDMENTS).read_bytes()
        rate(store, "i-1", 2)
        torn = (directory / AMENDMENTS).read_bytes()
        for length in range(len(whole), len(torn) - 2, 37):
            copy = tmp_path / str(length)
            other = reopened(directory, copy)
            other.close()
            (copy / PERFORMANCE_FILE).write_bytes((directory / PERFORMANCE_FILE).read_bytes())
            (copy / AMENDMENTS).write_bytes(torn[:length])
            again = JsonStore(copy, files=Files())
            rate(again, "i-2", 3)
            again.close()
            assert ratings(copy) == {"i-0": 1, "i-1": None, "i-2": 3}


class TestTwoProcesses:
    def test_each_sees_at_once_what_the_other_did(self, store: JsonStore, directory: Path) -> None:
        other = JsonStore(directory, files=Files())
        for number, (one, two) in enumerate([(store, other), (other, store)] * 3):
            judged = rate(one, "i-0", number)
            assert two.record("i-0") == judged
            two.add_record(record(f"late-{number}", "i"))
            assert [each.task_id for each in one.instance_records("i")][3:] == [f"late-{n}" for n in range(number + 1)]
            assert one.summary("def-1") == two.summary("def-1")
        other.close()
        assert ratings(directory)["i-0"] == 5
        rate(store, "i-0", 7)
        assert store.summary("def-1").average_quality_score == 7

    def test_one_tidies_up_while_the_other_rates(self, store: JsonStore, directory: Path) -> None:
        other = JsonStore(directory, files=Files())
        for number in range(4):
            rate(store, "i-0", number)
            other.save()
            rate(other, "i-1", number)
            store.save()
            assert ratings(directory) == {"i-0": number, "i-1": number, "i-2": None}
        rate(store, "i-2", 9)
        other.close()
        assert ratings(directory) == {"i-0": 3, "i-1": 3, "i-2": 9}
        assert store.summary("def-1").average_quality_score == 5

    def test_what_is_rated_elsewhere_is_read_without_reading_all_again(
        self, store: JsonStore, directory: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        other = JsonStore(directory, files=Files())
        monkeypatch.setattr(other._engine, "load", lambda *_: pytest.fail("it read everything again"))
        for number in range(5):
            rate(store, "i-0", number)
            assert other.summary("def-1").average_quality_score == number
        monkeypatch.undo()
        other.close()

    def test_a_task_that_another_has_in_a_live_instance_is_known(self, store: JsonStore, directory: Path) -> None:
        other = JsonStore(directory, files=Files())
        spawn(other, "live")
        other.add_record(record("t", "live"))
        with pytest.raises(Exception, match="there is a record of task 't' already"):
            store.add_record(record("t"))
        other.close()


class TestFilesOfOthers:
    def test_an_entry_written_anew_by_another_program_keeps_what_was_rated(
        self, store: JsonStore, directory: Path
    ) -> None:
        rate(store, "i-0", 1)
        text = (directory / PERFORMANCE_FILE).read_text()
        entry = json.loads(text)[0]
        entry["retirement_reason"] = "superseded"
        end = text.index("\n]")
        appended = text[:end] + ",\n" + json.dumps(entry) + "\n]\n"
        with (directory / PERFORMANCE_FILE).open("r+") as file:
            file.write(appended)
        assert store.summary("def-1").average_quality_score == 1
        assert [one.retirement_reason for one in store.entries()] == ["superseded"]
        store.save()
        assert ratings(directory) == {"i-0": 1, "i-1": None, "i-2": None}

    def test_a_file_of_another_layout(self, store: JsonStore, directory: Path) -> None:
        (directory / PERFORMANCE_FILE).write_text(json.dumps(entries(directory), indent=2))
        rate(store, "i-0", 1)
        store.add_record(record("late", "i"))
        assert store.summary("def-1").total_tasks_attempted == 4
        assert (directory / PERFORMANCE_FILE).read_text().startswith("[\n  {")
        store.add_record(record("another"))
        assert sorted(tasks(directory)) == ["another", "i-0", "i-1", "i-2", "late"]
        store.close()
        assert ratings(directory)["i-0"] == 1

    def test_an_entry_that_is_taken_out_by_hand_stays_out(self, store: JsonStore, directory: Path) -> None:
        retired(store, "j", 1)
        store.close()
        other = JsonStore(directory, files=Files())
        rate(other, "i-0", 1)
        rate(other, "j-0", 2)
        (directory / PERFORMANCE_FILE).write_text(json.dumps(entries(directory)[1:]))
        with pytest.raises(StateError, match="1 entries that were stored are not in it any more: i; "):
            other.records("def-1")
        assert [one.task_id for one in other.records("def-1")] == ["j-0"]
        other.close()
        assert ratings(directory) == {"j-0": 2}

    def test_a_task_that_a_file_holds_twice_is_rated_in_one_place(self, store: JsonStore, directory: Path) -> None:
        rate(store, "i-0", 1)
        entry = entries(directory)[0]
        (directory / PERFORMANCE_FILE).write_text(json.dumps([entry, entry | {"instance_id": "j"}]))
        for _ in range(2):
            assert [one.supervisor_feedback is not None for one in store.instance_records("i")] == [True, False, False]
            assert [one.supervisor_feedback is not None for one in store.instance_records("j")] == [False] * 3
            store.reload()
        rate(store, "i-0", 5)
        found = [one["supervisor_feedback"] for one in store.record_maps("def-1")]
        store.reload()
        assert [one["supervisor_feedback"] for one in store.record_maps("def-1")] == found
        assert sum(one is not None for one in found) == 2


@pytest.mark.parametrize("torn", [b"", b'{"kind": "changed", "rec'])
def test_the_journal_that_a_killed_process_had_just_begun_is_cleared_away(
    store: JsonStore, directory: Path, torn: bytes
) -> None:
    before = ratings(directory)
    store.close()
    (directory / AMENDMENTS).write_bytes(torn)
    JsonStore(directory).close()
    assert not (directory / AMENDMENTS).exists()
    assert ratings(directory) == before


def test_amendments_that_somebody_removes_are_written_anew(store: JsonStore, directory: Path, tmp_path: Path) -> None:
    rate(store, "i-0", 1)
    other = JsonStore(directory, files=Files())
    store.add_record(record("late", "i"))
    before = (directory / AMENDMENTS).read_bytes()
    (directory / AMENDMENTS).unlink()
    assert other.record("i-0") == store.record("i-0")
    assert (directory / AMENDMENTS).read_bytes() == before
    (directory / AMENDMENTS).unlink()
    rate(store, "i-1", 2)
    rate(other, "late", 3)
    again = reopened(directory, tmp_path / "copy")
    assert again.records("def-1") == store.records("def-1") == other.records("def-1")
    assert again.summary("def-1").average_quality_score == 2
    again.close()
    other.close()
