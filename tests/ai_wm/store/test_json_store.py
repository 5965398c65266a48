"""The default store as its callers see it: what is stored, what is counted, what is found again."""

from __future__ import annotations

import json
import logging
import os
import stat
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from ai_wm.data.types import AIWorkerInstanceStatus, SupervisorFeedback, TokenUsageMetrics
from ai_wm.store import JsonStore
from ai_wm.store.engine import DEFINITIONS_FILE, PERFORMANCE_FILE
from neuroscript.errors import StateError

from .support import add, definitions, entries, record, reopened, retire, spawn, tasks, worker
from .test_store import work_in_threads


@pytest.fixture
def store(tmp_path: Path) -> Any:
    made = JsonStore(tmp_path / "sandbox")
    yield made
    made.close()


class TestDefinitions:
    def test_they_are_written_at_once_as_an_indented_array(self, store: JsonStore, directory: Path) -> None:
        add(store, worker("a", "1"), worker("b", "2"))
        text = (directory / DEFINITIONS_FILE).read_text("utf-8")
        assert text.startswith('[\n  {\n    "definitionID": "1",\n    "name": "a",')
        assert [one["name"] for one in definitions(directory)] == ["a", "b"]

    def test_a_missing_id_is_given_once(self, directory: Path) -> None:
        directory.mkdir()
        path = directory / DEFINITIONS_FILE
        path.write_text('[{"name": "a", "provider": "local", "modelName": "echo", "auth": {"method": "none"}}]')
        first, second = JsonStore(directory), JsonStore(directory)
        assert list(first.definitions()) == list(second.definitions())
        first.close()
        second.close()

    def test_an_inline_key_is_warned_of(
        self, store: JsonStore, directory: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        add(store, worker("open"))
        assert not caplog.records
        with caplog.at_level(logging.WARNING):
            add(store, worker("closed", "2", auth={"method": "inline", "value": "sk-secret"}))
        assert "'closed'" in caplog.text
        assert "sk-secret" not in caplog.text
        caplog.clear()
        store.save()
        assert not caplog.records

    def test_a_file_that_others_may_read_becomes_private_when_it_is_written(
        self, store: JsonStore, directory: Path
    ) -> None:
        add(store, worker("a", "1"))
        (directory / DEFINITIONS_FILE).chmod(0o640)
        add(store, worker("b", "2"))
        assert stat.S_IMODE(os.stat(directory / DEFINITIONS_FILE).st_mode) == 0o600


class TestOlderForm:
    def write(self, directory: Path, **sections: Any) -> None:
        directory.mkdir()
        one = {"definitionID": "1", "name": "a", "provider": "local", "modelName": "m", "auth": {"method": "none"}}
        form = {"aiWorkerDefinitions": [one], "globalDataSources": [], "workQueueDefinitions": None} | sections
        (directory / DEFINITIONS_FILE).write_text(json.dumps(form))

    def test_it_is_read_and_becomes_an_array(self, directory: Path) -> None:
        self.write(directory)
        store = JsonStore(directory)
        assert store.definitions()["1"].name == "a"
        store.save()
        assert isinstance(definitions(directory), list)
        store.close()

    def test_sections_that_hold_something_are_kept(self, directory: Path) -> None:
        self.write(directory, globalDataSources=[{"name": "docs"}])
        store = JsonStore(directory)
        add(store, worker("b", "2"))
        store.close()
        form: Any = definitions(directory)
        assert form["globalDataSources"] == [{"name": "docs"}]
        assert [one["name"] for one in form["aiWorkerDefinitions"]] == ["a", "b"]
        again = JsonStore(directory)
        assert list(again.definitions()) == ["1", "2"]
        again.close()


class TestRecords:
    def test_a_task_is_in_the_file_when_the_call_returns(self, store: JsonStore, directory: Path) -> None:
        store.add_record(record("t1"))
        [entry] = entries(directory)
        assert entry["instance_id"] == "stateless-t1"
        assert entry["final_status"] == "retired_completed"
        assert entry["session_token_usage"] == {"input_tokens": 2, "output_tokens": 1, "total_tokens": 3}
        assert [one["task_id"] for one in entry["performance_records"]] == ["t1"]

    def test_an_instance_is_in_the_file_when_it_is_retired(self, store: JsonStore, directory: Path) -> None:
        spawn(store, "i")
        store.add_record(record("t1", "i"))
        assert entries(directory) == []
        retire(store, "i")
        assert entries(directory)[0]["retirement_reason"] == "done"
        assert tasks(directory) == ["t1"]

    def test_one_entry_is_one_line(self, store: JsonStore, directory: Path) -> None:
        for number in range(3):
            store.add_record(record(f"t{number}", output_summary="two\nlines \u2028 ü"))
        lines = (directory / PERFORMANCE_FILE).read_bytes().rstrip().split(b"\n")
        assert lines[0] == b"["
        assert lines[-1] == b"]"
        assert len(lines) == 5

    def test_half_a_surrogate_pair_is_replaced_as_go_does(self, store: JsonStore) -> None:
        store.add_record(record("t1", output_summary="a\ud800b"))
        found = store.record("t1")
        assert found is not None
        assert found.output_summary == "a\ufffdb"


class TestInstances:
    def test_many_sessions_do_not_grow_the_journal_for_ever(self, store: JsonStore, directory: Path) -> None:
        spawn(store, "stays")
        store.add_record(record("first", "stays", output_summary="kept"))
        for number in range(30):
            spawn(store, f"i{number}")
            store.add_record(record(f"t{number}", f"i{number}", input_context={"x": "y" * 100_000}))
            retire(store, f"i{number}")
        [journal] = (directory / "ai_worker_state").glob("*.jsonl")
        assert journal.stat().st_size < 1_500_000
        copy = reopened(directory, directory.parent / "copy")
        found = copy.record("first")
        assert found is not None
        assert found.output_summary == "kept"
        assert copy.summary("def-1") == store.summary("def-1").model_copy(update={"active_instances_count": 0})
        copy.close()


class TestSummaries:
    def test_the_file_lags_by_less_than_a_second(self, store: JsonStore, directory: Path) -> None:
        add(store, worker())
        began = time.monotonic()
        store.add_record(record("t1"))
        while definitions(directory)[0].get("aggregatePerformanceSummary", {}).get("total_tasks_attempted") != 1:
            assert time.monotonic() - began < 5
            threading.Event().wait(0.05)
        assert time.monotonic() - began < 1.5

    def test_the_file_does_not_lag_after_closing(self, directory: Path) -> None:
        store = JsonStore(directory)
        add(store, worker())
        store.add_record(record("t1"))
        store.close()
        written = definitions(directory)[0]["aggregatePerformanceSummary"]
        assert written["total_tasks_attempted"] == 1
        assert "active_instances_count" not in written

    def test_the_file_does_not_lag_after_starting(self, store: JsonStore, directory: Path, tmp_path: Path) -> None:
        add(store, worker())
        store.add_record(record("t1"))
        reopened(directory, tmp_path / "copy").close()
        assert definitions(tmp_path / "copy")[0]["aggregatePerformanceSummary"]["total_tasks_attempted"] == 1

    def test_what_a_file_written_elsewhere_counts_is_kept_and_added_to(self, directory: Path, tmp_path: Path) -> None:
        directory.mkdir()
        written = worker(aggregatePerformanceSummary={"total_tasks_attempted": 10, "successful_tasks": 9})
        (directory / DEFINITIONS_FILE).write_text(json.dumps([written.to_file()]))
        store = JsonStore(directory)
        assert store.summary("def-1").total_tasks_attempted == 10
        store.add_record(record("t1"))
        again = reopened(directory, tmp_path / "copy")  # at once: before the summaries are written
        assert again.summary("def-1").total_tasks_attempted == 11
        assert again.summary("def-1") == store.summary("def-1")
        again.close()
        store.close()
        third = JsonStore(directory)
        assert third.summary("def-1").total_tasks_attempted == 11
        assert third.summary("def-1").successful_tasks == 10
        third.close()

    def test_records_taken_away_leave_the_summary(self, directory: Path) -> None:
        store = JsonStore(directory)
        add(store, worker())
        for number in range(5):
            store.add_record(record(f"t{number}"))
        store.close()
        (directory / PERFORMANCE_FILE).unlink()
        store = JsonStore(directory)
        with pytest.raises(StateError, match="5 entries that were stored are not in it any more"):
            store.summary("def-1")
        assert store.summary("def-1").total_tasks_attempted == 5
        store.add_record(record("t9"))
        store.close()
        store = JsonStore(directory)
        assert store.summary("def-1").total_tasks_attempted == 6
        store.close()

    def test_a_blank_summary_is_not_written(self, store: JsonStore, directory: Path) -> None:
        add(store, worker())
        store.save()
        assert "aggregatePerformanceSummary" not in definitions(directory)[0]


class TestStoppingAndStarting:
    def test_live_instances_of_the_dead_are_stored_as_errors(
        self, store: JsonStore, directory: Path, tmp_path: Path
    ) -> None:
        add(store, worker())
        spawn(store, "i")
        store.add_record(record("t1", "i"), TokenUsageMetrics(input_tokens=3))
        store.add_feedback("t1", SupervisorFeedback(rating=4))
        again = reopened(directory, tmp_path / "copy")
        [entry] = entries(tmp_path / "copy")
        assert entry["final_status"] == AIWorkerInstanceStatus.RETIRED_ERROR
        assert "ended without retiring it" in entry["retirement_reason"]
        assert entry["session_token_usage"]["input_tokens"] == 3
        assert again.summary("def-1").average_quality_score == 4
        assert again.summary("def-1").active_instances_count == 0
        assert again.summary("def-1").total_instances_spawned == 1
        left = sorted(os.listdir(tmp_path / "copy" / "ai_worker_state"))
        assert left == ["definitions.log", "store.lock", "store.note"]
        again.close()

    def test_closing_leaves_the_file_without_padding(self, store: JsonStore, directory: Path) -> None:
        store.add_record(record("t1"))
        assert (directory / PERFORMANCE_FILE).stat().st_size == 16384
        store.close()
        assert (directory / PERFORMANCE_FILE).read_bytes().endswith(b"}\n]\n")
        assert sorted(os.listdir(directory / "ai_worker_state")) == ["index", "store.lock", "store.note"]

    def test_both_files_are_there_from_the_start(self, store: JsonStore, directory: Path) -> None:
        assert definitions(directory) == entries(directory) == []
        assert sorted(os.listdir(directory)) == [DEFINITIONS_FILE, PERFORMANCE_FILE, "ai_worker_state"]

    def test_nothing_is_written_by_looking(self, store: JsonStore, directory: Path) -> None:
        add(store, worker())
        store.add_record(record("t1"))
        store.close()
        before = {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in directory.glob("*.json")}
        again = JsonStore(directory)
        again.records("def-1")
        again.close()
        assert {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in directory.glob("*.json")} == before

    def test_a_fork_is_told_to_open_its_own(self, store: JsonStore, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(os, "getpid", lambda: -1)
        with pytest.raises(StateError, match="open a store of its own"):
            store.definitions()


class TestReloading:
    def test_what_others_wrote_is_taken_in(self, store: JsonStore, directory: Path) -> None:
        add(store, worker("a", "1"))
        written = definitions(directory)
        written[0]["name"] = "renamed"
        (directory / DEFINITIONS_FILE).write_text(json.dumps(written))
        assert store.definitions()["1"].name == "renamed"

    def test_a_bad_file_leaves_what_was_loaded_and_is_not_written_to(
        self, store: JsonStore, directory: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        add(store, worker("a", "1"))
        store.add_record(record("t1", definition_id="1"))
        path = directory / DEFINITIONS_FILE
        path.write_text('[{"name": "half')
        for call in (store.reload, store.save, lambda: add(store, worker("b", "2"))):
            with pytest.raises(StateError) as caught:
                call()
            assert caught.value.code == 18
            assert f"{path}: line 1, column" in caught.value.message
            assert "(entry 1)" in caught.value.message
        assert store.definitions()["1"].name == "a"
        store.add_record(record("t2", definition_id="1"))
        assert store.summary("1").total_tasks_attempted == 2
        assert path.read_text() == '[{"name": "half'
        with pytest.raises(StateError):
            store.close()
        assert path.read_text() == '[{"name": "half'

    def test_live_instances_survive_a_reload(self, store: JsonStore) -> None:
        spawn(store, "i")
        store.add_record(record("t1", "i"))
        store.reload()
        store.add_record(record("t2", "i"))
        assert [one.task_id for one in retire(store, "i").performance_records] == ["t1", "t2"]


def test_sixteen_threads_lose_and_double_nothing_in_the_files(store: JsonStore, directory: Path) -> None:
    add(store, worker())
    work_in_threads(store)
    store.save()
    assert len(tasks(directory)) == len(set(tasks(directory))) == 240
    assert definitions(directory)[0]["aggregatePerformanceSummary"]["total_tasks_attempted"] == 240


class TestClosingWhileOthersWork:
    def test_what_was_acknowledged_is_there_and_the_rest_is_refused(self, directory: Path) -> None:
        store = JsonStore(directory)
        done: list[str] = []
        refused = threading.Event()

        def work(number: int) -> None:
            for turn in range(10_000):
                task = f"t{number}-{turn}"
                try:
                    store.add_record(record(task))
                except StateError:
                    refused.set()
                    return
                done.append(task)

        threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        while len(done) < 20:
            threading.Event().wait(0.001)
        store.close()
        for thread in threads:
            thread.join()
        assert refused.is_set()
        assert sorted(tasks(directory)) == sorted(done)


def test_a_bad_definitions_file_does_not_keep_records_from_being_stored(store: JsonStore, directory: Path) -> None:
    """Not even if all records must be read again, because another program wrote them anew."""
    add(store, worker())
    store.add_record(record("t1"))
    good = (directory / DEFINITIONS_FILE).read_text()
    (directory / DEFINITIONS_FILE).write_text("oops")
    (directory / PERFORMANCE_FILE).write_text(json.dumps(entries(directory), indent=2))
    store.add_record(record("t2"))
    assert store.summary("def-1").total_tasks_attempted == 2
    assert tasks(directory) == ["t1", "t2"]
    (directory / DEFINITIONS_FILE).write_text(good)
    assert store.summary("def-1").total_tasks_attempted == 2
