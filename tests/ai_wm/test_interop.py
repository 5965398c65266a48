"""The files of the Go package in ``interop/``: everything is read, every value kept, and written as Go reads it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from ai_wm import AIWorkerManager
from ai_wm.data.types import SupervisorFeedback
from ai_wm.store import JsonStore
from ai_wm.store.engine import DEFINITIONS_FILE, PERFORMANCE_FILE

INTEROP = Path(__file__).parent / "interop"
REVIEWER, ECHO, RETIRED = (f"7d0f4a5e-2f5a-4f0e-9d6a-0a4c8f1f000{number}" for number in (1, 2, 3))


def read(directory: Path, name: str) -> Any:
    return json.loads((directory / name).read_text("utf-8"))


def without_summaries(definitions: list[dict[str, Any]]) -> str:
    """Definitions as text, so that 1 and 1.0 differ, but for the summaries, which Go left at zero."""
    rest = [{key: one for key, one in each.items() if key != "aggregatePerformanceSummary"} for each in definitions]
    return json.dumps(rest, indent=1)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy to work on."""
    shutil.copytree(INTEROP, tmp_path / "sandbox")
    return tmp_path / "sandbox"


def test_a_manager_reads_all_and_writes_it_back_value_for_value(copy: Path) -> None:
    with AIWorkerManager(sandbox_dir=copy) as manager:
        assert len(manager.list_worker_definitions()) == 3
        found = [manager.get_performance_records_for_definition(name) for name in ("reviewer", "local-echo")]
        assert [len(records) for records in found] == [12, 12]
        manager.save_worker_definitions_to_file()
    assert without_summaries(read(copy, DEFINITIONS_FILE)) == without_summaries(read(INTEROP, DEFINITIONS_FILE))


def test_the_store_keeps_every_value_its_kind_and_the_order_of_the_keys(copy: Path) -> None:
    store = JsonStore(copy)
    store.save()
    store.close()
    assert without_summaries(read(copy, DEFINITIONS_FILE)) == without_summaries(read(INTEROP, DEFINITIONS_FILE))
    assert json.dumps(read(copy, PERFORMANCE_FILE)) == json.dumps(read(INTEROP, PERFORMANCE_FILE))


def test_the_models_hold_what_the_files_say(copy: Path) -> None:
    store = JsonStore(copy)
    reviewer, retired = store.definitions()[REVIEWER], store.definitions()[RETIRED]
    assert reviewer.base_config["nested"] == {"a": 1, "b": None}
    assert reviewer.cost_metrics["input_cost_per_token"] == 0.00000125
    assert reviewer.rate_limits.max_concurrent_active_instances == 3
    assert reviewer.metadata["description"] == "ünïcode ✓"
    assert str(reviewer.created_timestamp) == "2025-06-15T09:30:00.123456789Z"
    assert retired.created_timestamp.is_zero
    assert retired.auth.shown_value == "***"
    first = next(store.entries())
    assert first.retirement_reason == 'done <&> "quoted"'
    assert str(first.creation_timestamp) == "2026-11-22T07:18:20.14849631Z"
    record = store.record("task-01-1")
    assert record is not None
    assert record.output_summary == "line one\nline two"
    assert record.supervisor_feedback is not None
    assert record.supervisor_feedback.rating == 4.5
    assert str(record.supervisor_feedback.feedback_timestamp) == "2025-06-15T09:31:01.123456789Z"
    assert record.timestamp_start.nanosecond == 789
    store.close()


def test_the_summaries_are_what_the_records_add_up_to(copy: Path) -> None:
    store = JsonStore(copy)
    records = [record for entry in read(INTEROP, PERFORMANCE_FILE) for record in entry["performance_records"]]
    for name in (REVIEWER, ECHO):
        mine = [record for record in records if record["definition_id"] == name]
        found = store.summary(name)
        assert found.total_tasks_attempted == len(mine) == 12
        assert found.successful_tasks == sum(record["success"] for record in mine)
        assert found.total_tokens_processed == sum(record["llm_metrics"]["total_tokens"] for record in mine)
        assert found.average_duration_ms == 1500
        assert found.average_quality_score == 4.5
        assert found.total_instances_spawned == 6
    assert store.summary(RETIRED).total_tasks_attempted == 0
    store.close()
    written = {one["definitionID"]: one for one in read(copy, DEFINITIONS_FILE)}
    assert written[REVIEWER]["aggregatePerformanceSummary"]["total_tasks_attempted"] == 12
    assert "aggregatePerformanceSummary" not in written[RETIRED]


def test_what_is_added_joins_what_was_there(copy: Path) -> None:
    store = JsonStore(copy)
    store.add_feedback("task-00-0", SupervisorFeedback(rating=2))
    assert store.summary(REVIEWER).average_quality_score == pytest.approx((2 + 4.5 * 4) / 5)
    store.close()
    before, after = read(INTEROP, PERFORMANCE_FILE), read(copy, PERFORMANCE_FILE)
    assert [entry["instance_id"] for entry in after] == [entry["instance_id"] for entry in before]
    before[0]["performance_records"][0]["supervisor_feedback"] = {"rating": 2}
    assert after == before
