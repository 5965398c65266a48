"""What listeners are told."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from ai_wm import AIWorkerManager
from tests.ai_wm.helpers import raises_code, scripted, worker

Told = list[tuple[str, dict[str, Any]]]


@pytest.fixture
def told(manager: AIWorkerManager) -> Told:
    events: Told = []
    manager.on_event(lambda name, payload: events.append((name, payload)))
    return events


def test_an_instances_life(manager: AIWorkerManager, told: Told) -> None:
    id_ = manager.add_worker_definition(worker("w"))
    instance = manager.spawn_worker_instance("w").instance_id
    manager.conversation(instance).ask("hello")
    manager.retire_worker_instance(instance, "done")
    assert [name for name, _ in told] == ["ai_wm.instance.spawned", "ai_wm.task.completed", "ai_wm.instance.retired"]
    assert all(payload["instance_id"] == instance and payload["definition_id"] == id_ for _, payload in told)
    assert told[1][1]["output_tokens"] == 2
    assert (told[2][1]["final_status"], told[2][1]["reason"]) == ("retired_completed", "done")


def test_a_task_that_fails_and_one_that_is_refused(manager: AIWorkerManager, told: Told) -> None:
    manager.add_worker_definition(scripted("w", [{"error": "broken"}], rate_limits={"max_requests_per_minute": 1}))
    with raises_code(16):
        manager.execute_stateless_task("w", "hello")
    with raises_code(20):
        manager.execute_stateless_task("w", "hello")
    assert [name for name, _ in told] == ["ai_wm.task.failed", "ai_wm.rate_limited"]
    (record,) = manager.get_performance_records_for_definition("w")
    assert (told[0][1]["task_id"], told[0][1]["code"], told[0][1]["message"]) == (record.task_id, 16, "broken")
    assert told[1][1]["limit"] == "max_requests_per_minute"
    assert told[1][1]["retry_after_seconds"] > 0


def test_a_spawn_beyond_the_limit_is_told(manager: AIWorkerManager, told: Told) -> None:
    manager.add_worker_definition(worker("w", rate_limits={"max_concurrent_active_instances": 1}))
    manager.spawn_worker_instance("w")
    with raises_code(20):
        manager.spawn_worker_instance("w")
    assert told[-1][0] == "ai_wm.rate_limited"
    assert told[-1][1]["limit"] == "max_concurrent_active_instances"


def test_a_batchs_events_come_in_the_callers_thread(manager: AIWorkerManager) -> None:
    threads = []
    manager.on_event(lambda name, payload: threads.append(threading.get_ident()))
    manager.add_worker_definition(worker("w"))
    manager.execute_batch("w", ["a", "b", "c"])
    assert threads == [threading.get_ident()] * 3


def test_a_listener_that_fails_stops_nobody(
    manager: AIWorkerManager, told: Told, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(name: str, payload: dict[str, Any]) -> None:
        raise ValueError("no")

    manager.on_event(broken)
    manager.on_event(lambda name, payload: told.append(("again", payload)))
    manager.add_worker_definition(worker("w"))
    assert manager.execute_stateless_task("w", "hello").output == "echo: hello"
    assert [name for name, _ in told] == ["ai_wm.task.completed", "again"]
    assert "a listener failed on the event ai_wm.task.completed" in caplog.text


def test_a_listener_that_has_gone_is_told_nothing(manager: AIWorkerManager) -> None:
    events: Told = []
    stop = manager.on_event(lambda name, payload: events.append((name, payload)))
    stop()
    manager.add_worker_definition(worker("w"))
    manager.execute_stateless_task("w", "hello")
    assert events == []


def test_a_listener_may_go_on_with_the_conversation_that_failed(manager: AIWorkerManager) -> None:
    manager.add_worker_definition(scripted("w", [{"error": "down"}, "up again"]))
    conversation = manager.conversation(manager.spawn_worker_instance("w").instance_id)
    replies = []

    def again(name: str, payload: dict[str, Any]) -> None:
        if name == "ai_wm.task.failed":
            replies.append(conversation.ask("are you there?"))

    manager.on_event(again)
    with raises_code(16):
        conversation.ask("hello")
    assert replies == ["up again"]


def test_a_listener_may_use_the_manager(manager: AIWorkerManager) -> None:
    seen = []

    def look(name: str, payload: dict[str, Any]) -> None:
        if name == "ai_wm.task.completed":
            seen.append(manager.get_performance_records_for_definition("w", {"task_id": payload["task_id"]}))

    manager.on_event(look)
    manager.add_worker_definition(worker("w"))
    record = manager.execute_stateless_task("w", "hello").record
    assert seen == [[record]]
