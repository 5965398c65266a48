"""Several processes on one directory: what one has done, all see, and nothing is lost or counted twice."""

from __future__ import annotations

import multiprocessing
import os
import threading
import time
from collections.abc import Iterator
from multiprocessing.synchronize import Event
from pathlib import Path
from types import SimpleNamespace

import pytest

from ai_wm.data.types import SupervisorFeedback, TokenUsageMetrics
from ai_wm.store import JsonStore, journal
from neuroscript.errors import NotFoundError

from .support import Files, add, definitions, record, retire, spawn, tasks, worker

PROCESSES = 4
THREADS = 4
TURNS = 6


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[tuple[JsonStore, JsonStore]]:
    """Two stores on a directory; to each other they are as those of two processes."""
    first, second = JsonStore(tmp_path, files=Files()), JsonStore(tmp_path, files=Files())
    yield first, second
    first.close()
    second.close()


def work(directory: str, name: str) -> None:
    """What each process does, in several threads at once."""
    store = JsonStore(directory)

    def one_thread(thread: int) -> None:
        mine = spawn(store, f"i-{name}-{thread}")
        for turn in range(TURNS):
            mark = f"{name}-{thread}-{turn}"
            store.add_record(record(f"s-{mark}", cost_incurred=0.1))
            store.add_record(record(f"l-{mark}", mine, cost_incurred=0.1))
            store.add_feedback(f"s-{mark}", SupervisorFeedback(rating=turn))
        retire(store, mine)
        add(store, worker(f"w-{name}-{thread}", f"def-{name}-{thread}"))
        store.save()

    threads = [threading.Thread(target=one_thread, args=(thread,)) for thread in range(THREADS)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    store.close()


def test_many_processes_with_many_threads(tmp_path: Path) -> None:
    watching = JsonStore(tmp_path)
    add(watching, worker())
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["ai_wm.store"])
    running = [context.Process(target=work, args=(str(tmp_path), str(number))) for number in range(PROCESSES)]
    for process in running:
        process.start()
    for process in running:
        process.join(120)
        assert process.exitcode == 0
    expected = PROCESSES * THREADS * TURNS * 2
    found = watching.summary("def-1")
    assert found.total_tasks_attempted == expected
    assert found.average_quality_score == (TURNS - 1) / 2
    assert (found.total_instances_spawned, found.active_instances_count) == (PROCESSES * THREADS, 0)
    assert len(watching.definitions()) == 1 + PROCESSES * THREADS
    watching.close()
    assert len(tasks(tmp_path)) == len(set(tasks(tmp_path))) == expected
    assert definitions(tmp_path)[0]["aggregatePerformanceSummary"]["total_tasks_attempted"] == expected


def hold_an_instance(directory: str, ready: Event) -> None:
    """Spawn an instance, log a task of it, and wait to be killed."""
    store = JsonStore(directory)
    spawn(store, "i")
    store.add_record(record("t1", "i"))
    ready.set()
    threading.Event().wait()


@pytest.mark.parametrize("asked", [True, False])
def test_an_instance_of_a_process_that_was_killed_is_active_no_more(tmp_path: Path, asked: bool) -> None:
    """Whoever asks is told so within a second; the file says so when anything else makes it be written, too."""
    store = JsonStore(tmp_path)
    add(store, worker())
    context = multiprocessing.get_context("forkserver")
    ready = context.Event()
    process = context.Process(target=hold_an_instance, args=(str(tmp_path), ready))
    process.start()
    assert ready.wait(60)
    assert store.summary("def-1").active_instances_count == 1
    store.save()
    assert definitions(tmp_path)[0]["aggregatePerformanceSummary"]["active_instances_count"] == 1
    process.kill()
    process.join(60)
    time.sleep(1)
    if asked:
        assert store.summary("def-1").active_instances_count == 0
        assert [one.task_id for one in store.instance_records("i")] == ["t1"]
    else:
        store.add_record(record("t2"))
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        written = definitions(tmp_path)[0]["aggregatePerformanceSummary"]
        if not written.get("active_instances_count"):
            break
        time.sleep(0.05)
    assert not written.get("active_instances_count")
    assert tasks(tmp_path) == (["t1"] if asked else ["t2", "t1"])
    store.close()


class TestTwo:
    def test_definitions(self, pair: tuple[JsonStore, JsonStore]) -> None:
        add(pair[0], worker("a", "1"))
        add(pair[1], worker("b", "2"))
        assert list(pair[0].definitions()) == list(pair[1].definitions()) == ["1", "2"]

    def test_records(self, pair: tuple[JsonStore, JsonStore]) -> None:
        for number in range(6):
            pair[number % 2].add_record(record(f"t{number}"))
        for store in pair:
            assert len(store.records("def-1")) == 6
            assert store.summary("def-1").total_tasks_attempted == 6

    def test_live_instances_and_their_records(self, pair: tuple[JsonStore, JsonStore]) -> None:
        spawn(pair[0], "i")
        pair[0].add_record(record("t1", "i"), TokenUsageMetrics(input_tokens=1))
        assert pair[1].summary("def-1").active_instances_count == 1
        assert [one.task_id for one in pair[1].instance_records("i")] == ["t1"]
        with pytest.raises(NotFoundError, match="held by another process"):
            retire(pair[1], "i")

    def test_a_journal_made_in_the_same_moment_as_another(
        self, pair: tuple[JsonStore, JsonStore], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The directory's time, which tells whether there are new ones, does not show it."""
        spawn(pair[0], "i")
        state = tmp_path / "ai_worker_state"
        moment = state.stat().st_mtime_ns
        monkeypatch.setattr(journal, "time", SimpleNamespace(time_ns=lambda: moment + 1000))
        reader = JsonStore(tmp_path, files=Files())
        os.utime(state, ns=(moment, moment))
        assert reader.summary("def-1").active_instances_count == 1
        spawn(pair[1], "j")
        os.utime(state, ns=(moment, moment))
        assert reader.summary("def-1").active_instances_count == 2
        reader.close()

    def test_feedback_and_records_for_an_instance_that_lives_elsewhere(self, pair: tuple[JsonStore, JsonStore]) -> None:
        spawn(pair[0], "i")
        pair[0].add_record(record("t1", "i"))
        pair[1].add_feedback("t1", SupervisorFeedback(rating=3))
        pair[1].add_record(record("t2", "i"))
        pair[0].add_record(record("t3", "i"))
        info = retire(pair[0], "i")
        assert [one.task_id for one in info.performance_records] == ["t1", "t2", "t3"]
        assert info.performance_records[0].supervisor_feedback == SupervisorFeedback(rating=3)
        assert pair[1].summary("def-1").average_quality_score == 3

    def test_one_tidies_up_while_the_other_reads_and_writes(self, pair: tuple[JsonStore, JsonStore]) -> None:
        for number in range(4):
            pair[0].add_record(record(f"t{number}"))
            pair[1].add_feedback(f"t{number}", SupervisorFeedback(rating=number))
            half_read = pair[0].entries()
            next(half_read)
            pair[1].save()
            assert len(list(half_read)) == number
        pair[0].add_record(record("t9"))
        assert len(pair[1].records("def-1")) == 5
        assert pair[0].summary("def-1") == pair[1].summary("def-1")

    def test_one_closes_while_the_other_goes_on(self, pair: tuple[JsonStore, JsonStore], tmp_path: Path) -> None:
        spawn(pair[1], "i")
        pair[0].add_record(record("t1"))
        pair[0].close()
        pair[1].add_record(record("t2"))
        pair[1].add_record(record("t3", "i"))
        assert tasks(tmp_path) == ["t1", "t2"]
        assert pair[1].summary("def-1").total_tasks_attempted == 3
        assert pair[1].summary("def-1").active_instances_count == 1

    def test_what_the_other_appended_is_read_without_reading_all_again(
        self, pair: tuple[JsonStore, JsonStore], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        pair[0].add_record(record("t1"))
        assert pair[1].summary("def-1").total_tasks_attempted == 1
        monkeypatch.setattr(pair[1]._engine, "load", lambda: pytest.fail("it read everything again"))
        for number in range(30):
            pair[0].add_record(record(f"u{number}", output_summary="x" * 250))
            assert pair[1].summary("def-1").total_tasks_attempted == number + 2
        pair[1].add_record(record("v"))

    def test_a_process_that_starts_leaves_the_instances_of_the_living_alone(
        self, pair: tuple[JsonStore, JsonStore], tmp_path: Path
    ) -> None:
        spawn(pair[0], "i")
        third = JsonStore(tmp_path, files=Files())
        third.save()
        third.close()
        assert retire(pair[0], "i").retirement_reason == "done"
