"""The power is lost before any call to the disk, or after the last: nothing acknowledged is lost, all is whole."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from ai_wm.data.types import PerformanceRecord, SupervisorFeedback
from ai_wm.store import JsonStore, json_store
from ai_wm.store.engine import PERFORMANCE_FILE

from .support import Disk, Files, PowerLost, add, entries, record, retire, spawn, tasks, worker
from .test_faults import OPERATIONS

pytestmark = pytest.mark.usefixtures("eager")


def begin_journal_anew(store: JsonStore) -> None:
    """Retire an instance that most of the journal is about."""
    spawn(store, "large")
    store.add_record(record("t1", "large", input_context={"x": "y" * 1_100_000}))
    retire(store, "large")


STEPS: dict[str, Callable[[JsonStore], Any]] = OPERATIONS | {
    "save": lambda store: store.save(),
    "close": lambda store: store.close(),
    "journal begun anew": begin_journal_anew,
}


STEP_TASKS = {"t0", "t1", "l0", "e0"}
"""The tasks that a step may add or judge."""


def opened(directory: Path, disk: Disk) -> JsonStore:
    """A store with a task, a live instance with one, and a retired one with two and a third that was logged later."""
    store = JsonStore(directory, files=disk)
    add(store, worker())
    store.add_record(record("t0"))
    for instance in ("live", "ended"):
        spawn(store, instance)
    store.add_record(record("l0", "live"))
    for number in range(2):
        store.add_record(record(f"e{number}", "ended"))
    retire(store, "ended")
    store.add_record(record("e2", "ended"))
    store.add_feedback("e0", SupervisorFeedback(rating=1))
    return store


def known(store: JsonStore) -> tuple[dict[str, PerformanceRecord], list[str], set[str]]:
    """What must never be lost: records with their feedback, definitions, instances."""
    records = {one.task_id: one for one in store.records("def-1")}
    live = {one.instance_id for one in store._engine.index.live_instances()}
    return records, list(store.definitions()), live | {one.instance_id for one in store.entries()}


def found(disk: Disk, directory: Path, into: Path) -> tuple[dict[str, PerformanceRecord], list[str], set[str]]:
    """What the next start finds of it; both files are right when that is closed."""
    lost = disk.lose(directory, into)
    store = JsonStore(lost, files=Files())
    result = known(store)
    summary = store.summary("def-1")
    store.close()
    assert sorted(tasks(lost)) == sorted(result[0])
    assert {one["instance_id"] for one in entries(lost)} == result[2]
    assert summary.total_tasks_attempted == len(result[0])
    return result


@pytest.mark.parametrize("step", STEPS.values(), ids=STEPS)
def test_power_lost_after_any_step(tmp_path: Path, step: Callable[[JsonStore], Any]) -> None:
    disk = Disk()
    store = opened(tmp_path / "sandbox", disk)
    before = known(store)
    step(store)
    after = before if step in (STEPS["save"], STEPS["close"]) else known(store)
    assert found(disk, tmp_path / "sandbox", tmp_path / "lost") == after
    store.close()


@pytest.mark.parametrize("step", STEPS.values(), ids=STEPS)
def test_power_lost_before_any_call_of_a_step(tmp_path: Path, step: Callable[[JsonStore], Any]) -> None:
    at, over = 0, False
    while not over:
        disk, place = Disk(), tmp_path / str(at)
        store = opened(place / "sandbox", disk)
        before = known(store)
        disk.left = at
        try:
            step(store)
        except PowerLost:
            pass
        else:
            over = True
        state = found(disk, place / "sandbox", place / "lost")
        disk.left = 1_000_000
        if over and step is not STEPS["close"]:
            assert state == known(store)
        else:
            changed = {task for task, one in state[0].items() if before[0].get(task) != one}
            assert changed <= STEP_TASKS
            assert before[0].keys() <= state[0].keys()
        store.close()
        at += 1
    assert at > 1


@pytest.mark.parametrize("holder", ["", "ended"])
def test_a_summary_counts_nothing_that_another_process_left_unsynced(tmp_path: Path, holder: str) -> None:
    """A process dies between writing and syncing; another takes in what it wrote, counts it, and the power is lost."""
    disk, directory = Disk(), tmp_path / "sandbox"
    store, dying = opened(directory, disk), JsonStore(directory, files=disk)
    disk.left = 3 if holder else 1  # the file of the amendments is made first, and its name synced
    with pytest.raises(PowerLost):
        dying.add_record(record("t1", holder))
    disk.left = 1_000_000
    assert store.summary("def-1").total_tasks_attempted == 6
    add(store, worker("another", "def-2"))
    assert "t1" in found(disk, directory, tmp_path / "lost")[0]
    store.close()
    dying.close()


def test_what_a_person_writes_into_a_file_that_was_saved_holds(tmp_path: Path) -> None:
    disk, directory, lost = Disk(), tmp_path / "sandbox", tmp_path / "lost"
    store = opened(directory, disk)
    store.save()
    disk.lose(directory, lost)
    written = entries(lost)
    records = {one["task_id"]: one for entry in written for one in entry["performance_records"]}
    assert records["e0"]["supervisor_feedback"]["rating"] == 1
    records["e0"]["supervisor_feedback"]["rating"] = 5
    (lost / PERFORMANCE_FILE).write_text(json.dumps(written))
    again = JsonStore(lost, files=Files())
    assert again.summary("def-1").average_quality_score == 5
    again.close()
    store.close()


def test_a_journal_that_was_begun_anew_holds_what_the_old_one_held(tmp_path: Path) -> None:
    """Also when the removal of the old one is on the disk, because another process made its own beside it."""
    disk, directory = Disk(), tmp_path / "sandbox"
    store, other = opened(directory, disk), JsonStore(directory, files=disk)
    begin_journal_anew(store)
    spawn(other, "elsewhere")
    records, _, instances = found(disk, directory, tmp_path / "lost")
    assert "l0" in records
    assert {"live", "large", "elsewhere"} <= instances
    store.close()
    other.close()


@pytest.mark.parametrize(
    "make_durable",
    [lambda store: store.add_record(record("t1")), JsonStore.sync, JsonStore.close],
    ids=["a record that is waited for", "sync", "close"],
)
def test_a_record_that_nobody_waits_for_is_durable_when_its_caller_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make_durable: Callable[[JsonStore], None]
) -> None:
    monkeypatch.setattr(json_store, "_FLUSH_SECONDS", 60)
    disk, told = Disk(), list[str]()
    store = opened(tmp_path / "sandbox", disk)
    before = known(store)
    later = ["later 0", "later 1"]
    for task in later:
        store.add_record(record(task), then=partial(told.append, task))
    after = known(store)
    assert after[0].keys() == {*before[0], *later}
    assert told == []
    assert before[0].keys() <= found(disk, tmp_path / "sandbox", tmp_path / "lost before")[0].keys()
    make_durable(store)
    assert told == later
    assert found(disk, tmp_path / "sandbox", tmp_path / "lost")[0].keys() - {"t1"} == after[0].keys()
    store.close()
