"""Removed definitions: their names are kept as long as there are records, whatever comes between."""

from __future__ import annotations

import stat
import sys
from pathlib import Path

import pytest

from ai_wm.data.record_filter import RecordFilter
from ai_wm.data.types import SupervisorFeedback, Timestamp
from ai_wm.store import JsonStore, Store, engine
from ai_wm.store.removed_definitions import REMOVED_FILE
from ai_wm.store.state_directory import STATE_DIRECTORY
from neuroscript import ErrorCode, NeuroScriptError

from .support import NOON, Files, add, record, retire, spawn, worker


def remove(store: Store, definition_id: str) -> None:
    store.change_definitions(lambda all_: all_.pop(definition_id))


def removed(store: Store) -> list[tuple[str, str]]:
    return [(each.definition_id, each.name) for each in store.removed()]


def test_a_removed_definition_with_records_keeps_its_name(store: Store) -> None:
    add(store, worker("helper", "a", owner="scripts of x"), worker("idle", "b"), worker("kept", "c"))
    for definition_id in ("a", "c"):
        store.add_record(record(f"task of {definition_id}", definition_id=definition_id))
    assert store.removed() == []
    remove(store, "a")
    remove(store, "b")
    (found,) = store.removed()
    assert (found.definition_id, found.name, found.owner) == ("a", "helper", "scripts of x")
    assert Timestamp.parse(found.removed)
    assert [each.task_id for each in store.records("a")] == ["task of a"]


def test_one_that_is_added_again_is_not_removed(store: Store) -> None:
    add(store, worker("helper", "a"))
    store.add_record(record("t", definition_id="a"))
    remove(store, "a")
    add(store, worker("other name", "a"))
    assert store.removed() == []
    remove(store, "a")
    assert removed(store) == [("a", "other name")]


def test_other_processes_and_later_ones_know_it(directory: Path) -> None:
    store, other = JsonStore(directory, files=Files()), JsonStore(directory, files=Files())
    add(store, worker("helper", "a"))
    spawn(store, "i", "a")
    store.add_record(record("t", "i", definition_id="a"))
    retire(store, "i")
    remove(store, "a")
    assert removed(other) == [("a", "helper")]
    store.close()
    other.close()
    again = JsonStore(directory, files=Files())
    assert removed(again) == [("a", "helper")]
    again.close()
    if sys.platform != "win32":
        assert stat.S_IMODE((directory / STATE_DIRECTORY / REMOVED_FILE).stat().st_mode) == 0o600


def test_what_was_taken_out_of_the_file_by_hand_has_no_name(directory: Path) -> None:
    store = JsonStore(directory, files=Files())
    add(store, worker("helper", "a"))
    store.add_record(record("t", definition_id="a"))
    store.close()
    (directory / engine.DEFINITIONS_FILE).write_text("[]", encoding="utf-8")
    again = JsonStore(directory, files=Files())
    assert removed(again) == [("a", "")]
    again.close()


@pytest.mark.parametrize(
    "spoilt", [b'\n{"definition_id": "x", "na', b"\n[1]\n", b"\n\xff\xfe\n", b"\n" + b"[" * 99_999]
)
def test_a_spoilt_line_spoils_no_other(directory: Path, spoilt: bytes) -> None:
    store = JsonStore(directory, files=Files())
    for name in ("a", "b"):
        add(store, worker(f"worker {name}", name))
        store.add_record(record(name, definition_id=name))
    remove(store, "a")
    with (directory / STATE_DIRECTORY / REMOVED_FILE).open("ab") as file:
        file.write(spoilt)
    remove(store, "b")
    assert sorted(removed(store)) == [("a", "worker a"), ("b", "worker b")]
    store.close()


def test_a_removal_whose_name_cannot_be_kept_is_refused(directory: Path) -> None:
    store = JsonStore(directory, files=Files())
    add(store, worker("helper", "a"))
    store.add_record(record("t", definition_id="a"))
    (directory / STATE_DIRECTORY / REMOVED_FILE).mkdir()
    with pytest.raises(NeuroScriptError) as raised:
        remove(store, "a")
    assert raised.value.code in (ErrorCode.PATH_TYPE_MISMATCH, ErrorCode.PERMISSION_DENIED)
    assert "a" in store.definitions()
    store.close()


def test_rows_are_the_figures_of_the_records(store: Store) -> None:
    add(store, worker("helper", "a"))
    for number in range(6):
        made = {"timestamp_start": Timestamp.from_unix(NOON + number), "cost_incurred": number / 4}
        store.add_record(record(f"t{number}", definition_id="a", success=number % 2 == 0, **made))
    store.add_feedback("t4", SupervisorFeedback(rating=3.5))
    for where in (
        RecordFilter(),
        RecordFilter(success=True),
        RecordFilter(limit=2),
        RecordFilter(cost_incurred_gt=0.6),
    ):
        rows, records = store.rows("a", where), store.records("a", where)
        assert [(row.task_id, row.cost, row.success, row.duration_ms) for row in rows] == [
            (each.task_id, each.cost_incurred, each.success, each.duration_ms) for each in records
        ]
    assert [row.rating for row in store.rows("a")] == [None, 3.5, None, None, None, None]
    assert {row.tokens for row in store.rows("a")} == {3}


def test_rows_and_removed_definitions_that_are_on_disk(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "MOVE_ROWS", 1)
    store = JsonStore(directory, files=Files())
    add(store, worker("helper", "a"))
    for number in range(8):
        start = Timestamp.from_unix(NOON + number)
        store.add_record(record(f"t{number}", definition_id="a", timestamp_start=start))
    store.add_feedback("t2", SupervisorFeedback(rating=1.0))
    remove(store, "a")
    store.close()
    again = JsonStore(directory, files=Files())
    assert [row.task_id for row in again.rows("a", RecordFilter(limit=3))] == ["t7", "t6", "t5"]
    assert [row.rating for row in again.rows("a") if row.rating is not None] == [1.0]
    assert removed(again) == [("a", "helper")]
    again.close()
