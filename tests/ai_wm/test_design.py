"""The design document, section by section: each test quotes the rule that it checks.

``docs/design.md`` says where each section lives; finer tests are in the modules named after the parts.
"""

from __future__ import annotations

import json
import logging
import threading
from pathlib import Path
from typing import Any

import pytest

import ai_wm
from ai_wm import (
    AIWorkerDefinitionStatus,
    AIWorkerInstanceStatus,
    AIWorkerManager,
    AIWorkerProvider,
    APIKeySourceMethod,
    InteractionModelType,
    PerformanceRecord,
    register_ai_worker_tools,
)
from neuroscript import ErrorCode, Interpreter, NeuroScriptError, map_validated_args_by_name, validate_and_convert_args
from neuroscript.errors import NotFoundError, RateLimitedError
from tests.ai_wm.helpers import Answers, FakeClock, raises_code, scripted, worker

DEFINITIONS = "ai_worker_definitions.json"
PERFORMANCE = "ai_worker_performance_data.json"


def test_1_both_stateful_conversations_and_one_shot_tasks(manager: AIWorkerManager) -> None:
    """1: "support both stateful, instance-based interactions (e.g., for ongoing conversations) and stateless, one-shot
    task executions"."""
    manager.add_worker_definition(worker("w"))
    conversation = manager.conversation(manager.spawn_worker_instance("w").instance_id)
    assert conversation.ask("hello") == manager.execute_stateless_task("w", "hello").output == "echo: hello"


def test_2_1_the_manager_loads_what_there_is_and_stores_it_in_its_sandbox(tmp_path: Path) -> None:
    """2.1: "attempts to load existing definitions and historical performance data from the sandbox" … "These files are
    stored within a specified sandbox directory"."""
    with AIWorkerManager(tmp_path) as manager:
        manager.add_worker_definition(worker("w"))
        manager.execute_stateless_task("w", "hello")
    assert {DEFINITIONS, PERFORMANCE} <= {path.name for path in tmp_path.iterdir()}
    with AIWorkerManager(tmp_path) as manager:
        assert manager.performance_summary("w").total_tasks_attempted == 1


def test_2_1_thread_safe_access(manager: AIWorkerManager) -> None:
    """2.1: "ensure thread-safe access and modification of its internal state"."""
    failures: list[BaseException] = []

    def work(number: int) -> None:
        try:
            for turn in range(5):
                id_ = manager.add_worker_definition(worker(f"w-{number}-{turn}"))
                manager.execute_stateless_task(id_, "hello")
                manager.list_worker_definitions({"name": f"w-{number}"})
                manager.remove_worker_definition(id_)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert manager.list_worker_definitions() == []


def test_2_2_all_changes_are_persisted(manager: AIWorkerManager) -> None:
    """2.2: "CRUD (Create, Read, Update, Delete) operations on definitions. All changes are persisted to the JSON
    file."."""
    assert manager.sandbox_dir is not None
    path = manager.sandbox_dir / DEFINITIONS

    def names() -> list[tuple[str, str]]:
        return [(entry["name"], entry["status"]) for entry in json.loads(path.read_text())]

    manager.add_worker_definition(worker("w"))
    assert names() == [("w", "active")]
    manager.update_worker_definition("w", {"status": "disabled"})
    assert names() == [("w", "disabled")]
    manager.remove_worker_definition("w")
    assert names() == []


def test_2_2_only_active_definitions_spawn(manager: AIWorkerManager) -> None:
    """2.2: "Only active definitions can spawn new instances."."""
    manager.add_worker_definition(worker("w", status="disabled"))
    with raises_code(19):
        manager.spawn_worker_instance("w")


def test_2_2_conversational_if_empty(manager: AIWorkerManager) -> None:
    """2.2: "Defaults to conversational if empty."."""
    manager.add_worker_definition(worker("w", interaction_models=[]))
    assert manager.get_worker_definition("w").interaction_models == [InteractionModelType.CONVERSATIONAL]


def test_2_3_spawning_checks_the_status_and_the_concurrent_instances(manager: AIWorkerManager) -> None:
    """2.3: "This process checks the definition's status and rate limits (specifically
    MaxConcurrentActiveInstances)."."""
    manager.add_worker_definition(worker("w", rate_limits={"max_concurrent_active_instances": 1}))
    manager.spawn_worker_instance("w")
    with raises_code(20):
        manager.spawn_worker_instance("w")


def test_2_3_the_current_configuration_is_the_base_with_the_overrides(manager: AIWorkerManager) -> None:
    """2.3: "The effective configuration for this instance, derived from the definition's BaseConfig and any overrides
    applied at spawn time."."""
    manager.add_worker_definition(worker("w", base_config={"a": 1, "b": 1}))
    assert manager.spawn_worker_instance("w", {"b": 2}).current_config == {"a": 1, "b": 2}


def test_2_3_the_history_is_not_stored(manager: AIWorkerManager) -> None:
    """2.3: "it's not directly persisted with the instance metadata"."""
    manager.add_worker_definition(scripted("w", ["ok"]))
    id_ = manager.spawn_worker_instance("w").instance_id
    manager.conversation(id_).ask("a memorable sentence")
    manager.retire_worker_instance(id_)
    assert manager.sandbox_dir is not None
    for path in manager.sandbox_dir.rglob("*"):
        assert path.is_dir() or b"memorable" not in path.read_bytes()


def test_2_3_retirement_persists_metadata_usage_and_records(manager: AIWorkerManager) -> None:
    """2.3: "persisting the instance's final metadata, session token usage, and all associated PerformanceRecords into
    RetiredInstanceInfo"."""
    manager.add_worker_definition(worker("w"))
    id_ = manager.spawn_worker_instance("w").instance_id
    manager.conversation(id_).ask("hello")
    manager.retire_worker_instance(id_, "done", "retired_exhausted")
    assert manager.sandbox_dir is not None
    (entry,) = json.loads((manager.sandbox_dir / PERFORMANCE).read_text())
    assert (entry["instance_id"], entry["final_status"], entry["retirement_reason"]) == (
        id_,
        "retired_exhausted",
        "done",
    )
    assert entry["session_token_usage"] == {"input_tokens": 1, "output_tokens": 2, "total_tokens": 3}
    assert len(entry["performance_records"]) == 1


def test_2_3_the_handle_is_returned_by_the_spawn_tool() -> None:
    """2.3: "The ConversationManager handle is returned by the spawn tool, allowing the script to manage the
    dialogue."."""
    with Interpreter() as interpreter:
        interpreter.services["ai_wm"].add_worker_definition(worker("w"))
        interpreter.load(
            """
func main() means
  set chat = tool.AIWorkerInstance.Spawn("w").conversation_manager_handle
  return tool.Conversation.Ask(chat, "hello")
endfunc
"""
        )
        assert interpreter.run("main") == "echo: hello"


def test_2_4_a_temporary_minimal_history(tmp_path: Path) -> None:
    """2.4: "A temporary, minimal conversation history is constructed for the call."."""
    client = Answers()
    with AIWorkerManager(tmp_path, clients={"openai": client}) as manager:
        manager.add_worker_definition(worker("w", provider="openai"))
        manager.execute_stateless_task("w", "one")
        manager.execute_stateless_task("w", "two")
    assert [len(request.messages) for request in client.requests] == [1, 1]


def test_2_4_cost_record_counters_and_result(manager: AIWorkerManager) -> None:
    """2.4: "Calculates the cost … Creates and logs a PerformanceRecord … Updates the relevant rate limit counters …
    Returns the model's output and the generated PerformanceRecord."."""
    manager.add_worker_definition(
        worker(
            "w",
            cost_metrics={"input_cost_per_token": 1, "output_cost_per_token": 2},
            rate_limits={"max_tokens_per_day": 100},
        )
    )
    output, record = manager.execute_stateless_task("w", "one two three")
    assert (output, record.cost_incurred) == ("echo: one two three", 3 + 8)
    assert manager.performance_summary("w").total_cost_incurred == 11
    assert manager.limit_usage("w")["tokens_last_day"] == 7


def test_2_5_a_record_has_everything_the_design_lists(manager: AIWorkerManager) -> None:
    """2.5: "Identifiers … Timings … Outcome … Context … LLM Metrics … Cost … Output … Feedback"."""
    manager.add_worker_definition(worker("w"))
    record = manager.execute_stateless_task("w", "hello").record
    record = manager.log_feedback(record.task_id, 5, comments="good")
    assert isinstance(record, PerformanceRecord)
    assert record.task_id
    assert record.instance_id.startswith("stateless-")
    assert record.timestamp_start <= record.timestamp_end
    assert (record.success, record.error_details) == (True, "")
    assert record.input_context
    assert {"total_tokens", "finish_reason"} <= record.llm_metrics.keys()
    assert record.output_summary == "echo: hello"
    assert record.supervisor_feedback is not None


def test_2_5_the_summary_aggregates_all_records(manager: AIWorkerManager) -> None:
    """2.5: "It aggregates data from all PerformanceRecords associated with that definition" – of instances and of
    stateless tasks."""
    manager.add_worker_definition(scripted("w", ["fine", {"error": "down"}]))
    conversation = manager.conversation(manager.spawn_worker_instance("w").instance_id)
    conversation.ask("a")
    with raises_code(16):
        conversation.ask("b")
    manager.execute_stateless_task("w", "c")
    summary = manager.performance_summary("w")
    assert (summary.total_tasks_attempted, summary.successful_tasks, summary.failed_tasks) == (3, 2, 1)
    assert summary.average_success_rate == pytest.approx(2 / 3)
    assert (summary.total_instances_spawned, summary.active_instances_count) == (1, 1)
    assert not summary.last_activity_timestamp.is_zero


@pytest.mark.parametrize("limit", ["max_requests_per_minute", "max_tokens_per_minute", "max_tokens_per_day"])
def test_2_6_limits_hold_for_tasks_and_for_turns(limit: str) -> None:
    """2.6: "Request and token limits (per minute/day) are checked by ExecuteStatelessTask and potentially by
    instance-based operations before making LLM calls."."""
    clock = FakeClock()
    with AIWorkerManager(clock=clock) as manager:
        manager.add_worker_definition(worker("w", rate_limits={limit: 1 if "requests" in limit else 3}))
        conversation = manager.conversation(manager.spawn_worker_instance("w").instance_id)
        manager.execute_stateless_task("w", "x")
        for call in (lambda: manager.execute_stateless_task("w", "x"), lambda: conversation.ask("x")):
            with raises_code(20):
                call()
        clock.seconds += 61 if "minute" in limit else 86_401
        assert conversation.ask("x") == "echo: x"


def test_2_7_where_keys_come_from(tmp_path: Path) -> None:
    """2.7: "Key is read from an environment variable" … "Key is provided directly" … "No API key is required" … and
    from "dedicated config files"."""
    (tmp_path / "keys.toml").write_text('[openai]\nkey = "from a file"\n')
    client = Answers(lambda request: request.api_key.get() if request.api_key is not None else "no key")
    with AIWorkerManager(clients={"openai": client}, environ={"KEY": "from outside"}, config_dir=tmp_path) as manager:
        found = {}
        for auth in (
            {"method": "env_var", "value": "KEY"},
            {"method": "inline", "value": "given"},
            {"method": "config_path", "value": "keys.toml#openai.key"},
            {"method": "none"},
        ):
            id_ = manager.add_worker_definition(worker("", provider="openai", auth=auth))
            found[auth["method"]] = manager.execute_stateless_task(id_, "which key?").output
    assert found == {
        "env_var": "from outside",
        "inline": "given",
        "config_path": "from a file",
        "none": "no key",
    }


def test_3_the_enums_and_types() -> None:
    """3: "AIWorkerProvider: Enum (google, openai, anthropic, ollama, local, custom)" and so on."""
    assert {"google", "openai", "anthropic", "ollama", "local", "custom"} <= set(AIWorkerProvider)
    assert set(InteractionModelType) == {"conversational", "stateless_task", "both"}
    assert set(AIWorkerDefinitionStatus) == {"active", "disabled", "archived"}
    assert {"initializing", "idle", "busy", "retired_completed", "error"} <= set(AIWorkerInstanceStatus)
    assert {"env_var", "inline", "none", "config_path", "vault"} <= set(APIKeySourceMethod)
    for name in (
        "AIWorkerDefinition",
        "AIWorkerInstance",
        "AIWorkerPerformanceSummary",
        "APIKeySource",
        "LLMCallMetrics",
        "PerformanceRecord",
        "RateLimitPolicy",
        "RetiredInstanceInfo",
        "SupervisorFeedback",
        "TokenUsageMetrics",
    ):
        assert hasattr(getattr(ai_wm, name), "model_fields"), name


def test_4_the_two_files(manager: AIWorkerManager) -> None:
    """4: "ai_worker_definitions.json: Stores an array of AIWorkerDefinition objects. This file includes the
    AggregatePerformanceSummary for each definition" … "ai_worker_performance_data.json: Stores an array of
    RetiredInstanceInfo objects."."""
    id_ = manager.add_worker_definition(worker("w"))
    manager.execute_stateless_task("w", "hello")
    manager.save_worker_definitions_to_file()
    assert manager.sandbox_dir is not None
    (definition,) = json.loads((manager.sandbox_dir / DEFINITIONS).read_text())
    assert (definition["definitionID"], definition["modelName"]) == (id_, "echo")
    assert definition["aggregatePerformanceSummary"]["total_tasks_attempted"] == 1
    (entry,) = json.loads((manager.sandbox_dir / PERFORMANCE).read_text())
    assert entry["performance_records"][0]["definition_id"] == id_


def test_4_a_reload_sees_what_another_program_wrote(manager: AIWorkerManager) -> None:
    """4: "AIWorkerManager attempts to load data from these files" – a bad one leaves what was loaded."""
    manager.add_worker_definition(worker("w"))
    assert manager.sandbox_dir is not None
    path = manager.sandbox_dir / DEFINITIONS
    good = path.read_text()
    path.write_text(good.replace('"w"', '"renamed"'))
    assert manager.load_worker_definitions_from_file() == 1
    assert manager.get_worker_definition("renamed").name == "renamed"
    path.write_text("[{]")
    with raises_code(18):
        manager.load_worker_definitions_from_file()
    assert manager.get_worker_definition("renamed").name == "renamed"
    assert path.read_text() == "[{]"
    path.write_text(good)


def test_5_registering_ensures_a_manager() -> None:
    """5: "it also ensures that an AIWorkerManager instance is initialized and associated with the interpreter"."""
    with Interpreter(plugins=False) as interpreter:
        register_ai_worker_tools(interpreter)
        assert isinstance(interpreter.services["ai_wm"], AIWorkerManager)
        assert "AIWorkerDefinition.Add" in interpreter.tools


def test_5_arguments_are_validated_and_mapped_by_name() -> None:
    """5: "Tool functions utilize ValidateAndConvertArgs … mapValidatedArgsListToMapByName"."""
    with Interpreter() as interpreter:
        spec = interpreter.tools.lookup("AIWorkerInstance.UpdateTokenUsage").spec
    validated = validate_and_convert_args(spec, ["id", 3.0], {"output_tokens": 4})
    assert map_validated_args_by_name(spec, validated) == {
        "instance_id": "id",
        "input_tokens": 3,
        "output_tokens": 4,
    }
    with raises_code(4, "input_tokens"):
        validate_and_convert_args(spec, ["id", "many", 4])


def test_6_structured_errors(tmp_path: Path) -> None:
    """6: "encapsulates an ErrorCode … a descriptive message, and an optional wrapped underlying error"."""

    def broken(request: Any) -> str:
        raise OSError("cable cut")

    with AIWorkerManager(tmp_path, clients={"openai": Answers(broken)}) as manager:
        manager.add_worker_definition(worker("w", provider="openai", rate_limits={"max_requests_per_minute": 1}))
        with pytest.raises(NotFoundError):
            manager.get_worker_definition("nobody")
        with pytest.raises(NeuroScriptError) as error:
            manager.execute_stateless_task("w", "hello")
        assert error.value.code == ErrorCode.LLM_ERROR
        assert isinstance(error.value.__cause__, OSError)
        with pytest.raises(RateLimitedError):
            manager.execute_stateless_task("w", "hello")


def test_7_extensible_maps_are_kept(manager: AIWorkerManager) -> None:
    """7: "BaseConfig and Metadata fields (maps) in AIWorkerDefinition offer flexibility for provider-specific settings
    and custom annotations."."""
    settings = {"safety": {"level": "high"}, "list": [1, None, True]}
    manager.add_worker_definition(worker("w", base_config=settings, metadata=settings))
    found = manager.get_worker_definition("w")
    assert found.base_config == found.metadata == settings


def test_7_monitoring_says_what_went_wrong(manager: AIWorkerManager, caplog: pytest.LogCaptureFixture) -> None:
    """7: "Integrated performance tracking … enables monitoring of worker effectiveness and cost."."""
    manager.add_worker_definition(scripted("w", [{"error": "down"}]))
    with caplog.at_level(logging.ERROR), raises_code(16):
        manager.execute_stateless_task("w", "hello")
    (record,) = manager.get_performance_records_for_definition("w", {"success": False})
    assert record.error_details == "error 16 (LLM_ERROR): down"
