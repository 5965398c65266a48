"""Fallbacks: other definitions that are tried where one fails."""

from __future__ import annotations

from typing import Any

import pytest

from ai_wm import AIWorkerInstanceStatus, AIWorkerManager
from tests.ai_wm.helpers import raises_code, scripted, worker


def failing(code: int) -> dict[str, Any]:
    return {"error": {"code": code, "message": f"failure {code}"}}


@pytest.mark.parametrize("code", [16, 20, 31, 40])
def test_the_next_definition_answers_and_the_record_says_so(manager: AIWorkerManager, code: int) -> None:
    first = manager.add_worker_definition(scripted("first", [failing(code)], base_config={"fallbacks": ["second"]}))
    second = manager.add_worker_definition(worker("second", cost_metrics={"cost_per_call": 2}))
    output, record = manager.execute_stateless_task("first", "hello")
    assert output == "echo: hello"
    assert (record.definition_id, record.cost_incurred) == (second, 2)
    assert record.llm_metrics["fallback_from"] == [
        {"definition_id": first, "name": "first", "code": code, "error": f"failure {code}"}
    ]
    (failed,) = manager.get_performance_records_for_definition("first")
    assert not failed.success
    assert manager.performance_summary("first").failed_tasks == 1
    assert manager.performance_summary("second").successful_tasks == 1


@pytest.mark.parametrize("code", [45, 47])
def test_other_failures_are_the_callers(manager: AIWorkerManager, code: int) -> None:
    manager.add_worker_definition(scripted("first", [failing(code)], base_config={"fallbacks": ["second"]}))
    manager.add_worker_definition(worker("second"))
    with raises_code(code):
        manager.execute_stateless_task("first", "hello")
    assert manager.get_performance_records_for_definition("second") == []


def test_a_refusal_by_the_limits_falls_back_without_a_record(manager: AIWorkerManager) -> None:
    manager.add_worker_definition(
        worker("first", base_config={"fallbacks": ["second"]}, rate_limits={"max_requests_per_minute": 1})
    )
    second = manager.add_worker_definition(worker("second"))
    manager.execute_stateless_task("first", "one")
    assert manager.execute_stateless_task("first", "two").record.definition_id == second
    assert len(manager.get_performance_records_for_definition("first")) == 1


def test_what_cannot_be_used_is_passed_over_and_the_first_error_is_raised(manager: AIWorkerManager) -> None:
    names = ["nobody", "asleep", "chatty", "broken"]
    manager.add_worker_definition(scripted("first", [failing(16)], base_config={"fallbacks": names}))
    manager.add_worker_definition(worker("asleep", status="disabled"))
    manager.add_worker_definition(worker("chatty", interaction_models=["conversational"]))
    manager.add_worker_definition(scripted("broken", [failing(31)]))
    with raises_code(16, "failure 16") as error:
        manager.execute_stateless_task("first", "hello")
    tried = error.value.details["fallbacks"]
    assert [(item["name"], item["code"]) for item in tried] == [
        ("nobody", 9),
        ("asleep", 19),
        ("chatty", 19),
        ("broken", 31),
    ]


def test_a_fallbacks_own_fallbacks_do_not_count(manager: AIWorkerManager) -> None:
    manager.add_worker_definition(scripted("a", [failing(16)], base_config={"fallbacks": ["b"]}))
    manager.add_worker_definition(scripted("b", [failing(16)], base_config={"fallbacks": ["a", "c"]}))
    manager.add_worker_definition(worker("c"))
    with raises_code(16):
        manager.execute_stateless_task("a", "hello")
    assert manager.get_performance_records_for_definition("c") == []


def test_a_fallback_has_its_own_configuration_with_the_callers_overrides(manager: AIWorkerManager) -> None:
    manager.add_worker_definition(scripted("first", [failing(16)], base_config={"fallbacks": ["second"]}))
    manager.add_worker_definition(scripted("second", ["its own reply"]))
    assert manager.execute_stateless_task("first", "hello").output == "its own reply"
    with raises_code(16):
        manager.execute_stateless_task("first", "hello", {"fallbacks": []})


def test_a_turn_falls_back_too_and_keeps_its_history(manager: AIWorkerManager) -> None:
    manager.add_worker_definition(
        scripted("first", ["from the first", failing(16)], base_config={"fallbacks": ["second"]})
    )
    second = manager.add_worker_definition(scripted("second", ["from the second"]))
    instance = manager.spawn_worker_instance("first").instance_id
    conversation = manager.conversation(instance)
    assert [conversation.ask("one"), conversation.ask("two")] == ["from the first", "from the second"]
    assert [message.content for message in conversation.history] == ["one", "from the first", "two", "from the second"]
    assert manager.get_worker_instance(instance).status is AIWorkerInstanceStatus.IDLE
    info = manager.retire_worker_instance(instance)
    assert [(record.success, record.definition_id == second) for record in info.performance_records] == [
        (True, False),
        (False, False),
        (True, True),
    ]
    assert manager.performance_summary("first").total_tasks_attempted == 2
    assert manager.performance_summary("second").total_tasks_attempted == 1
