"""What every store does for its callers: what is stored, what is counted, what is found again."""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable
from typing import Any

import pytest

from ai_wm.data.record_filter import RecordFilter
from ai_wm.data.types import (
    AIWorkerInstanceStatus,
    RetiredInstanceInfo,
    SupervisorFeedback,
    Timestamp,
    TokenUsageMetrics,
)
from ai_wm.store import Store
from neuroscript.errors import ArgumentError, ConflictError, NotFoundError, StateError

from .support import add, record, retire, spawn, worker


class TestDefinitions:
    def test_a_change_that_fails_changes_nothing(self, store: Store) -> None:
        add(store, worker("a", "1"))

        def change(all_: dict[str, Any]) -> None:
            all_.clear()
            raise ValueError("no")

        with pytest.raises(ValueError, match="no"):
            store.change_definitions(change)
        assert list(store.definitions()) == ["1"]

    def test_what_change_returns_is_returned(self, store: Store) -> None:
        assert store.change_definitions(len) == 0

    def test_the_mapping_cannot_be_changed(self, store: Store) -> None:
        with pytest.raises(TypeError):
            store.definitions()["x"] = worker()  # type: ignore[index]

    def test_a_summary_that_comes_with_a_definition_is_ignored(self, store: Store) -> None:
        add(store, worker(aggregatePerformanceSummary={"total_tasks_attempted": 5}))
        assert store.definitions()["def-1"].aggregate_performance_summary.total_tasks_attempted == 0
        store.add_record(record("t1"))
        assert store.summary("def-1").total_tasks_attempted == 1


class TestRecords:
    @pytest.mark.parametrize(
        ("instance", "success", "status", "reason"),
        [
            ("", True, AIWorkerInstanceStatus.RETIRED_COMPLETED, "stateless task"),
            ("", False, AIWorkerInstanceStatus.RETIRED_ERROR, "stateless task"),
            ("unknown", True, AIWorkerInstanceStatus.RETIRED_COMPLETED, "task logged"),
        ],
    )
    def test_a_task_of_no_instance_is_an_entry_of_its_own(
        self, store: Store, instance: str, success: bool, status: AIWorkerInstanceStatus, reason: str
    ) -> None:
        logged = record("t1", instance, success=success)
        store.add_record(logged)
        assert list(store.entries()) == [
            RetiredInstanceInfo(
                instance_id=instance or "stateless-t1",
                definition_id="def-1",
                creation_timestamp=logged.timestamp_start,
                retirement_timestamp=logged.timestamp_end,
                final_status=status,
                retirement_reason=reason,
                session_token_usage=TokenUsageMetrics(input_tokens=2, output_tokens=1, total_tokens=3),
                performance_records=[logged],
            )
        ]

    def test_records_without_an_instance_are_stateless_each_by_itself(self, store: Store) -> None:
        for task in ("t1", "t2"):
            store.add_record(record(task).model_copy(update={"instance_id": ""}))
        assert [entry.is_stateless for entry in store.entries()] == [True, True]
        assert [one.is_stateless for one in store.records("def-1")] == [True, True]
        assert [one.instance_id for one in store.records("def-1")] == [e.instance_id for e in store.entries()][::-1]

    def test_the_same_task_twice_is_refused(self, store: Store) -> None:
        store.add_record(record("t1"))
        with pytest.raises(ConflictError, match="task 't1'"):
            store.add_record(record("t1", "another"))
        assert [one.task_id for one in store.records("def-1")] == ["t1"]
        assert [entry.instance_id for entry in store.entries()] == ["stateless-t1"]

    def test_what_is_given_out_may_be_changed(self, store: Store) -> None:
        spawn(store, "i")
        spawn(store, "ended")
        retire(store, "ended")
        for task, instance in (("t1", ""), ("t2", "i"), ("t3", "ended")):
            store.add_record(record(task, instance, input_context={"a": {"b": 1}}))
        before = copy.deepcopy(store.record_maps("def-1"))
        stored = [one for entry in store.entries() for one in entry.performance_records]
        given = [store.record("t1"), *store.records("def-1"), *store.instance_records("i"), *stored]
        for one in [*given, store.add_feedback("t2", SupervisorFeedback(rating=1))]:
            assert one is not None
            one.success = False
            one.input_context["a"]["b"] = 2
            one.supervisor_feedback = SupervisorFeedback(rating=9)
        for one_map in store.record_maps("def-1"):
            one_map["input_context"]["a"]["b"] = 2
        before[1]["supervisor_feedback"] = SupervisorFeedback(rating=1).to_script()
        assert store.record_maps("def-1") == before

    def test_the_record_comes_back_as_it_was(self, store: Store) -> None:
        given = record(
            "t1",
            input_context={"a": [1, {"b": None}]},
            cost_incurred=0.25,
            error_details="é",
            timestamp_end="2025-06-15T09:30:00.123456789Z",
            novel={"kept": True},
        )
        store.add_record(given)
        assert store.record("t1") == given
        assert store.records("def-1") == [given]
        assert store.record_maps("def-1") == [given.to_script()]
        assert store.record("t2") is None

    def test_a_key_in_two_spellings_is_refused(self, store: Store) -> None:
        with pytest.raises(ArgumentError, match="two spellings"):
            store.add_record(record("t1", taskID="t2"))
        spawn(store, "i")
        with pytest.raises(ArgumentError, match="two spellings"):
            retire(store, "i", records=[record("t1", "i", taskID="t2")])
        assert store.records("def-1") == []
        assert retire(store, "i").performance_records == []

    def test_filters_and_order(self, store: Store) -> None:
        spawn(store, "i")
        for number in range(6):
            start = Timestamp.from_unix(1_750_000_000 + number)
            instance = "i" if number % 3 == 0 else ""
            more = {
                "timestamp_start": start,
                "success": number != 2,
                "duration_ms": number,
                "cost_incurred": number / 4,
            }
            store.add_record(record(f"t{number}", instance, **more))
        store.add_record(record("other", definition_id="def-2"))

        def found(**filters: Any) -> list[str]:
            where = RecordFilter.parse(filters)
            maps = store.record_maps("def-1", where)
            assert [one.task_id for one in store.records("def-1", where)] == [one["task_id"] for one in maps]
            return [one["task_id"] for one in maps]

        assert found() == ["t5", "t4", "t3", "t2", "t1", "t0"]
        assert found(limit=2) == ["t5", "t4"]
        assert found(success=False) == ["t2"]
        assert found(instance_id="i") == ["t3", "t0"]
        assert found(instance_id="stateless") == ["t5", "t4", "t2", "t1"]
        assert found(stateless=False) == ["t3", "t0"]
        assert found(duration_ms_gt=3) == ["t5", "t4"]
        assert found(duration_ms_gt=1, duration_ms_lt=3) == ["t2"]
        assert found(cost_incurred_gt=0.99, cost_incurred_lt=1.01) == ["t4"]
        assert found(since=str(Timestamp.from_unix(1_750_000_004))) == ["t5", "t4"]
        assert found(until=Timestamp.from_unix(1_750_000_001)) == ["t1", "t0"]
        assert found(task_id="t3") == ["t3"]
        assert found(task_id="t3", instance_id="i") == ["t3"]
        assert found(task_id="t3", instance_id="j") == []
        assert found(task_id="other") == []


class TestInstances:
    def test_an_instance_is_stored_with_its_records_when_it_is_retired(self, store: Store) -> None:
        spawn(store, "i")
        store.add_record(record("t1", "i"), TokenUsageMetrics(input_tokens=5, total_tokens=5))
        assert list(store.entries()) == []
        assert [one.task_id for one in store.instance_records("i")] == ["t1"]
        info = retire(store, "i")
        assert info.session_token_usage.input_tokens == 5
        assert (info.retirement_reason, info.final_status) == ("done", AIWorkerInstanceStatus.RETIRED_COMPLETED)
        assert [one.task_id for one in store.instance_records("i")] == ["t1"]
        assert list(store.entries()) == [info]

    def test_entries_come_in_the_order_in_which_they_were_stored(self, store: Store) -> None:
        spawn(store, "first")
        spawn(store, "second")
        store.add_record(record("t1"))
        retire(store, "second")
        retire(store, "first")
        store.add_record(record("t2", "second"))
        assert [entry.instance_id for entry in store.entries()] == ["stateless-t1", "second", "first"]

    def test_records_given_that_name_another_instance_belong_to_the_one_that_is_retired(self, store: Store) -> None:
        spawn(store, "i")
        retire(store, "i", records=[record("t1", "elsewhere"), record("t2")])

        def found(**filters: Any) -> list[str]:
            return [one.task_id for one in store.records("def-1", RecordFilter.parse(filters))]

        assert sorted(found(instance_id="i")) == sorted(found(stateless=False)) == ["t1", "t2"]
        assert found(instance_id="elsewhere") == found(instance_id="stateless") == []

    def test_usage_and_records_are_stored_as_given(self, store: Store) -> None:
        spawn(store, "i")
        store.add_record(record("t1", "i"))
        store.set_session_usage("i", TokenUsageMetrics(input_tokens=1))
        info = retire(store, "i", usage=TokenUsageMetrics(output_tokens=7), records=[record("t2", "i")])
        assert info.session_token_usage.output_tokens == 7
        assert [one.task_id for one in store.records("def-1")] == ["t2"]
        assert store.summary("def-1").total_tasks_attempted == 1

    def test_records_of_others_are_not_taken(self, store: Store) -> None:
        spawn(store, "i")
        store.add_record(record("t1"))
        for given in ([record("t1", "i")], [record("t2", "i"), record("t2", "i")]):
            with pytest.raises(ConflictError):
                retire(store, "i", records=given)
        assert retire(store, "i").performance_records == []

    def test_once_retired_it_is_over(self, store: Store) -> None:
        spawn(store, "i")
        retire(store, "i")
        with pytest.raises(NotFoundError, match="'i' is not live"):
            retire(store, "i")
        with pytest.raises(NotFoundError):
            store.set_session_usage("i", TokenUsageMetrics())
        with pytest.raises(ConflictError):
            spawn(store, "i")

    def test_a_record_that_comes_late_is_added_to_what_is_stored(self, store: Store) -> None:
        spawn(store, "i")
        store.add_record(record("t1", "i"))
        retire(store, "i")
        store.add_record(record("t2", "i"), TokenUsageMetrics(input_tokens=9))
        assert [one.task_id for one in store.instance_records("i")] == ["t1", "t2"]
        store.save()
        [entry] = store.entries()
        assert [one.task_id for one in entry.performance_records] == ["t1", "t2"]
        assert entry.session_token_usage == TokenUsageMetrics(), "what a session used is known when it ends"


class TestFeedback:
    def test_it_is_attached_and_counted_wherever_the_record_is(self, store: Store) -> None:
        spawn(store, "live")
        spawn(store, "ended")
        for task, instance in (("t1", ""), ("t2", "live"), ("t3", "ended"), ("t4", "ended")):
            store.add_record(record(task, instance))
        retire(store, "ended")
        for task, rating in (("t1", 1), ("t2", 2), ("t3", 4.5)):
            given = store.add_feedback(task, SupervisorFeedback(rating=rating, comments="c"))
            assert given.supervisor_feedback == SupervisorFeedback(rating=rating, comments="c")
            assert store.record(task) == given
        assert store.summary("def-1").average_quality_score == 2.5
        store.add_feedback("t1", SupervisorFeedback(rating=7))
        assert store.summary("def-1").average_quality_score == 4.5
        retire(store, "live")
        store.save()
        given = [one.supervisor_feedback for entry in store.entries() for one in entry.performance_records]
        assert sorted(one.rating for one in given if one is not None) == [2, 4.5, 7]
        assert given.count(None) == 1

    def test_of_an_unknown_task_is_refused(self, store: Store) -> None:
        with pytest.raises(NotFoundError, match="task 'nope'"):
            store.add_feedback("nope", SupervisorFeedback(rating=1))


class TestSummaries:
    def test_it_counts_stored_and_live(self, store: Store) -> None:
        add(store, worker())
        spawn(store, "i")
        store.add_record(record("t1", "i", duration_ms=30, cost_incurred=0.1))
        store.add_record(record("t2", duration_ms=10, cost_incurred=0.2, success=False))
        found = store.summary("def-1")
        assert (found.total_tasks_attempted, found.successful_tasks, found.failed_tasks) == (2, 1, 1)
        assert (found.average_success_rate, found.average_duration_ms) == (0.5, 20)
        assert (found.total_tokens_processed, found.total_cost_incurred) == (6, 0.1 + 0.2)
        assert (found.total_instances_spawned, found.active_instances_count) == (1, 1)
        assert str(found.last_activity_timestamp) == "2025-06-15T15:06:41Z"


class TestClosing:
    def test_a_closed_store_says_so(self, store: Store) -> None:
        store.close()
        store.close()
        calls: list[Callable[[], object]] = [
            store.definitions,
            lambda: add(store, worker()),
            lambda: spawn(store, "i"),
            lambda: store.set_session_usage("i", TokenUsageMetrics()),
            lambda: retire(store, "i"),
            lambda: store.add_record(record("t")),
            lambda: store.add_feedback("t", SupervisorFeedback()),
            lambda: store.record("t"),
            lambda: store.records("def-1"),
            lambda: store.record_maps("def-1"),
            lambda: store.instance_records("i"),
            lambda: list(store.entries()),
            lambda: store.summary("def-1"),
            store.reload,
            store.save,
        ]
        for call in calls:
            with pytest.raises(StateError, match="is closed"):
                call()


def work_in_threads(store: Store) -> None:
    """Spawn, log, judge and retire from sixteen threads at once: 240 tasks of 17 instances and of none."""
    failures: list[BaseException] = []

    def work(number: int) -> None:
        try:
            mine = spawn(store, f"i{number}")
            for turn in range(5):
                store.add_record(record(f"s{number}-{turn}", cost_incurred=0.1))
                store.add_record(record(f"m{number}-{turn}", mine, cost_incurred=0.1))
                store.add_record(record(f"h{number}-{turn}", "shared", cost_incurred=0.1))
                store.add_feedback(f"s{number}-{turn}", SupervisorFeedback(rating=turn))
                assert store.record(f"h{number}-{turn}") is not None
            retire(store, mine)
        except BaseException as error:  # shown by the assertion below
            failures.append(error)

    spawn(store, "shared")
    threads = [threading.Thread(target=work, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    retire(store, "shared")


class TestThreads:
    def test_sixteen_threads_lose_and_double_nothing(self, store: Store) -> None:
        work_in_threads(store)
        found = store.summary("def-1")
        assert found.total_tasks_attempted == 240
        assert found.total_cost_incurred == pytest.approx(24)
        assert found.average_quality_score == 2
        assert found.total_instances_spawned == 17
        stored = [one.task_id for entry in store.entries() for one in entry.performance_records]
        assert len(stored) == len(set(stored)) == 240
