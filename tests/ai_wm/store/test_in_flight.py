"""The log of calls in flight: whatever lies in its place, a manager starts; a full disk costs nothing but the log."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path
from typing import Any

import pytest

from ai_wm import AIWorkerManager
from ai_wm.store.in_flight import CallsInFlight, record_lost
from tests.ai_wm.helpers import worker

NOTES: list[Any] = [
    {"task_id": 5},
    {"task_id": "t"},
    {"task_id": "t", "definition_id": "w", "llm_metrics": {"total_tokens": "x"}},
    {"task_id": "t", "definition_id": "w", "llm_metrics": {"input_tokens": 10**30}},
    {"task_id": "t", "definition_id": "w", "llm_metrics": {"input_tokens": -5, "output_tokens": 1e300}},
    {"task_id": "t", "definition_id": "w", "llm_metrics": 7, "timestamp_start": "nonsense"},
    {"task_id": "t", "definition_id": "w", "timestamp_start": 9e9},
    {"task_id": "t", "definition_id": "w", "cost_incurred": 1e308},
    {"task_id": "t", "definition_id": "w", "cost_incurred": -1.0},
    {"task_id": "t", "definition_id": "w", "supervisor_feedback": {"rating": 9}, "output_summary": "forged"},
    {"task_id": "t", "definition_id": ["w"], "input_context": 5, "owner": None},
    [1],
    "t",
    None,
]


@pytest.mark.parametrize("limits", [{}, {"max_tokens_per_day": 1000}], ids=["no limits", "limits"])
@pytest.mark.parametrize("note", NOTES, ids=repr)
def test_no_note_keeps_a_manager_from_starting(tmp_path: Path, note: Any, limits: dict[str, int]) -> None:
    """A note that came with a repository, or that was damaged, would end every start."""
    with AIWorkerManager(tmp_path) as manager:
        manager.add_worker_definition(worker("w", definition_id="w", rate_limits=limits))
    path = tmp_path / "ai_worker_state" / "in-flight-0.log"
    path.write_text(f"{json.dumps(note)}\nnot JSON\n")
    with AIWorkerManager(tmp_path) as manager:
        assert not path.exists()
        for record in manager.get_performance_records_for_definition("w"):
            assert (record.success, record.output_summary, record.supervisor_feedback) == (False, "", None)
            assert record.llm_metrics["lost"] is True
        manager.execute_stateless_task("w", "hello")


def note(task_id: str) -> dict[str, Any]:
    return {"task_id": task_id, "text": "x" * 1000}


def test_what_is_in_flight_is_found_however_often_the_log_was_full(tmp_path: Path) -> None:
    calls = CallsInFlight(tmp_path)
    calls.begin(note("stays"))
    for number in range(500):
        calls.begin(note(str(number)))
        calls.end(str(number))
    (path,) = tmp_path.glob("in-flight-*.log")
    assert path.stat().st_size == 1 << 16
    found: list[str] = []
    record_lost(tmp_path, lambda call: found.append(call["task_id"]))
    assert found == []  # its owner is alive
    calls.close()
    record_lost(tmp_path, lambda call: found.append(call["task_id"]))
    assert found[0] == "stays"
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_costs_the_log_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = CallsInFlight(tmp_path)

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(calls._files, "write_at", full)
        for number in range(3):
            calls.begin(note(str(number)))
        assert list(tmp_path.iterdir()) == []
    for number in range(200):  # there is room again
        calls.begin(note(str(number)))
        calls.end(str(number))
    calls.close()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("suffix", ["log", "lock", "*"])
def test_a_file_that_was_removed_is_made_anew(tmp_path: Path, suffix: str) -> None:
    """As cleaners of temporary directories do, who go by the age of a file."""
    calls = CallsInFlight(tmp_path)
    calls.begin(note("before"))
    for path in tmp_path.glob(f"in-flight-*.{suffix}"):
        path.unlink()
    calls.begin(note("after"))
    found: list[str] = []
    record_lost(tmp_path, lambda call: found.append(call["task_id"]))
    assert found == []  # its owner is alive
    calls.close()
    record_lost(tmp_path, lambda call: found.append(call["task_id"]))
    assert sorted(found) == ["after", "before"]
    assert list(tmp_path.iterdir()) == []


def test_a_call_that_was_not_made_after_all_is_not_lost(tmp_path: Path) -> None:
    calls, found = CallsInFlight(tmp_path), list[str]()
    for name in ("made", "withdrawn"):
        calls.begin(note(name))
    calls.withdraw("withdrawn")
    calls.withdraw("never logged")
    calls.close()  # as it is when a process dies: the call that was made is in the file
    record_lost(tmp_path, lambda call: found.append(call["task_id"]))
    assert found == ["made"]
