"""Instances through the manager: spawning, state, retirement."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import pytest

from ai_wm import AIWorkerInstanceStatus as Status
from ai_wm import AIWorkerManager
from tests.ai_wm.helpers import raises_code, worker


def entries(manager: AIWorkerManager) -> list[dict[str, Any]]:
    """What the file of performance data holds."""
    assert manager.sandbox_dir is not None
    return json.loads((manager.sandbox_dir / "ai_worker_performance_data.json").read_text())  # type: ignore[no-any-return]


# --- spawning ---


def test_an_instance_is_idle_and_has_the_effective_configuration(manager: AIWorkerManager) -> None:
    id_ = manager.add_worker_definition(worker("w", base_config={"temperature": 0.2, "top_p": 0.9}))
    instance = manager.spawn_worker_instance("w", {"temperature": 1})
    assert instance.status is Status.IDLE
    assert instance.definition_id == id_
    assert instance.current_config == {"temperature": 1, "top_p": 0.9}
    assert instance.creation_timestamp.year >= 2025
    assert manager.get_worker_definition("w").base_config["temperature"] == 0.2


@pytest.mark.parametrize("change", [{"status": "disabled"}, {"status": "archived"}])
def test_only_active_definitions_spawn(manager: AIWorkerManager, change: dict[str, Any]) -> None:
    manager.add_worker_definition(worker("w", **change))
    with raises_code(19):
        manager.spawn_worker_instance("w")


def test_a_definition_for_stateless_tasks_does_not_spawn(manager: AIWorkerManager) -> None:
    manager.add_worker_definition(worker("w", interaction_models=["stateless_task"]))
    with raises_code(19):
        manager.spawn_worker_instance("w")


def test_no_more_instances_than_the_limit(manager: AIWorkerManager) -> None:
    manager.add_worker_definition(worker("w", rate_limits={"max_concurrent_active_instances": 2}))
    first, _ = manager.spawn_worker_instance("w"), manager.spawn_worker_instance("w")
    with raises_code(20) as error:
        manager.spawn_worker_instance("w")
    assert error.value.details["limit"] == "max_concurrent_active_instances"
    manager.retire_worker_instance(first.instance_id)
    manager.spawn_worker_instance("w")
    assert len(manager.list_active_worker_instances()) == 2


@pytest.mark.parametrize(
    ("overrides", "files"),
    [({"on_limit": "maybe"}, None), (["temperature"], None), (None, "notes.txt"), (None, [1])],
)
def test_overrides_and_files_that_do_not_fit_are_error_4_and_take_no_slot(
    manager: AIWorkerManager, overrides: Any, files: Any
) -> None:
    manager.add_worker_definition(worker("w", rate_limits={"max_concurrent_active_instances": 1}))
    with raises_code(4):
        manager.spawn_worker_instance("w", overrides, files)
    manager.spawn_worker_instance("w")


def test_active_instances_are_listed_oldest_first_and_filtered(manager: AIWorkerManager) -> None:
    a = manager.add_worker_definition(worker("a"))
    manager.add_worker_definition(worker("b"))
    spawned = [manager.spawn_worker_instance(name).instance_id for name in ("a", "b", "a")]
    manager.update_instance_status(spawned[2], "error", "useless")

    def ids(filters: dict[str, Any] | None = None) -> list[str]:
        return [item.instance_id for item in manager.list_active_worker_instances(filters)]

    assert ids() == spawned
    assert ids({"definition_id": a}) == [spawned[0], spawned[2]]
    assert ids({"instance_id": spawned[1]}) == [spawned[1]]
    assert ids({"status": "error"}) == [spawned[2]]
    for wrong in ({"colour": "red"}, {"status": "asleep"}, {"status": 1}):
        with raises_code(4):
            ids(wrong)


def test_the_summary_counts_spawned_and_active_instances(manager: AIWorkerManager) -> None:
    manager.add_worker_definition(worker("w"))
    first, _ = manager.spawn_worker_instance("w"), manager.spawn_worker_instance("w")
    manager.retire_worker_instance(first.instance_id)
    summary = manager.performance_summary("w")
    assert (summary.total_instances_spawned, summary.active_instances_count) == (2, 1)


# --- state ---


def test_a_status_is_set_with_its_reason(manager: AIWorkerManager) -> None:
    manager.add_worker_definition(worker("w"))
    id_ = manager.spawn_worker_instance("w").instance_id
    manager.update_instance_status(id_, "error", "the reply was useless")
    found = manager.get_worker_instance(id_)
    assert (found.status, found.last_error) == (Status.ERROR, "the reply was useless")


def test_another_status_than_error_clears_the_last_error(manager: AIWorkerManager) -> None:
    manager.add_worker_definition(worker("w"))
    id_ = manager.spawn_worker_instance("w").instance_id
    for status, given, kept in [
        ("error", "one", "one"),
        ("error", None, "one"),
        ("error", "two", "two"),
        ("rate_limited", None, ""),
        ("error", "three", "three"),
        ("idle", "old", ""),
    ]:
        manager.update_instance_status(id_, status, given)
        assert manager.get_worker_instance(id_).last_error == kept


@pytest.mark.parametrize("status", ["asleep", "retired_completed", "", 3])
def test_a_status_must_be_one_of_a_live_instance(manager: AIWorkerManager, status: Any) -> None:
    manager.add_worker_definition(worker("w"))
    id_ = manager.spawn_worker_instance("w").instance_id
    with raises_code(4):
        manager.update_instance_status(id_, status)


def test_a_marked_instance_is_not_asked_until_it_is_idle(manager: AIWorkerManager) -> None:
    manager.add_worker_definition(worker("w"))
    id_ = manager.spawn_worker_instance("w").instance_id
    for status in ("busy", "context_full"):
        manager.update_instance_status(id_, status)
        with raises_code(19):
            manager.conversation(id_).ask("hello")
    manager.conversation(id_).clear()
    assert manager.conversation(id_).ask("hello") == "echo: hello"


def test_tokens_are_added_to_the_session(manager: AIWorkerManager) -> None:
    manager.add_worker_definition(worker("w"))
    id_ = manager.spawn_worker_instance("w").instance_id
    manager.update_instance_token_usage(id_, 10, 5)
    manager.update_instance_token_usage(id_, 1, 2)
    usage = manager.get_worker_instance(id_).session_token_usage
    assert (usage.input_tokens, usage.output_tokens, usage.total_tokens) == (11, 7, 18)
    for wrong in (-1, 1.5, True, "3"):
        with raises_code(4):
            manager.update_instance_token_usage(id_, wrong, 0)  # type: ignore[arg-type]


@pytest.mark.parametrize("method", ["get_worker_instance", "conversation", "retire_worker_instance"])
def test_unknown_is_error_9_and_retired_is_error_19(manager: AIWorkerManager, method: str) -> None:
    manager.add_worker_definition(worker("w"))
    id_ = manager.spawn_worker_instance("w").instance_id
    manager.retire_worker_instance(id_)
    with raises_code(19):
        getattr(manager, method)(id_)
    with raises_code(9):
        getattr(manager, method)("nobody")


# --- retirement ---


def test_a_retired_instance_is_stored_with_usage_and_records(manager: AIWorkerManager) -> None:
    manager.add_worker_definition(worker("w"))
    id_ = manager.spawn_worker_instance("w", file_contexts=[]).instance_id
    conversation = manager.conversation(id_)
    conversation.ask("one two")
    conversation.ask("three")
    info = manager.retire_worker_instance(id_, reason="done", final_status="retired_completed")
    assert (info.final_status, info.retirement_reason) == (Status.RETIRED_COMPLETED, "done")
    assert info.session_token_usage.total_tokens == 2 + 3 + 6 + 2
    assert [record.output_summary for record in info.performance_records] == ["echo: one two", "echo: three"]
    assert [entry["instance_id"] for entry in entries(manager)] == [id_]
    assert len(entries(manager)[0]["performance_records"]) == 2


@pytest.mark.parametrize(
    "status",
    ["retired_completed", "retired_exhausted", "retired_error", "context_full", "token_limit_reached"],
)
def test_the_final_states(manager: AIWorkerManager, status: str) -> None:
    manager.add_worker_definition(worker("w"))
    id_ = manager.spawn_worker_instance("w").instance_id
    assert manager.retire_worker_instance(id_, final_status=status).final_status == status


@pytest.mark.parametrize("status", ["idle", "asleep", ""])
def test_another_final_status_is_stored_as_exhausted_with_a_warning(
    manager: AIWorkerManager, status: str, caplog: pytest.LogCaptureFixture
) -> None:
    manager.add_worker_definition(worker("w"))
    id_ = manager.spawn_worker_instance("w").instance_id
    with caplog.at_level(logging.WARNING):
        info = manager.retire_worker_instance(id_, final_status=status)
    assert info.final_status is Status.RETIRED_EXHAUSTED
    assert "stored as retired_exhausted" in caplog.text


def test_usage_and_records_that_are_passed_are_stored_as_given(manager: AIWorkerManager) -> None:
    id_ = manager.add_worker_definition(worker("w"))
    instance = manager.spawn_worker_instance("w").instance_id
    manager.conversation(instance).ask("hello")
    record = {"task_id": "own", "success": True, "duration_ms": 7, "llm_metrics": {"total_tokens": 70}}
    info = manager.retire_worker_instance(
        instance,
        final_session_token_usage={"input_tokens": 40, "output_tokens": 30},
        performance_records=[record],
    )
    assert info.session_token_usage.total_tokens == 70
    assert [item.task_id for item in info.performance_records] == ["own"]
    assert [item.definition_id for item in info.performance_records] == [id_]
    assert manager.performance_summary("w").total_tokens_processed == 70


@pytest.mark.parametrize(
    "given",
    [
        {"final_session_token_usage": {"input_tokens": -1}},
        {"final_session_token_usage": "many"},
        {"performance_records": "none"},
        {"performance_records": [{"duration_ms": "long"}]},
        {"reason": 7},
    ],
)
def test_usage_and_records_that_do_not_fit_leave_the_instance_alive(
    manager: AIWorkerManager, given: dict[str, Any]
) -> None:
    manager.add_worker_definition(worker("w"))
    id_ = manager.spawn_worker_instance("w").instance_id
    with raises_code(4):
        manager.retire_worker_instance(id_, **given)
    assert manager.conversation(id_).ask("still there?") == "echo: still there?"


def test_closing_the_manager_retires_what_is_left(tmp_path: Path) -> None:
    with AIWorkerManager(tmp_path) as manager:
        manager.add_worker_definition(worker("w"))
        manager.conversation(manager.spawn_worker_instance("w").instance_id).ask("hello")
    (entry,) = json.loads((tmp_path / "ai_worker_performance_data.json").read_text())
    assert (entry["final_status"], entry["retirement_reason"]) == ("retired_completed", "manager closed")
    assert len(entry["performance_records"]) == 1
