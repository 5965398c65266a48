"""The specs of the worker tools: whole, as the design has them, and with examples that run."""

from __future__ import annotations

import json

from ai_wm.tools import worker_registry
from neuroscript import Interpreter
from tests.ai_wm.helpers import Run, manager_of, worker


def test_every_tool_has_a_whole_spec() -> None:
    specs = worker_registry().specs()
    assert len(specs) == 28
    for spec in specs:
        assert spec.description.endswith("."), spec.name
        assert spec.category.startswith("AI "), spec.name
        assert spec.return_help, spec.name
        assert f"tool.{spec.name}" in spec.example or "tool." in spec.example, spec.name
        assert "ask" in spec.capabilities, spec.name
        for arg in spec.args:
            assert arg.description.endswith((".", "…")), f"{spec.name}: {arg.name}"


def test_the_arguments_are_those_of_the_design_in_order() -> None:
    registry = worker_registry()
    for name, arguments in ARGUMENTS.items():
        spec = registry.lookup(name).spec
        assert [arg.name + ("" if arg.required else "?") for arg in spec.args] == arguments.split(), name


ARGUMENTS = {
    "AIWorkerDefinition.Add": "definition_id? name? provider model_name auth? interaction_models? capabilities? "
    "base_config? cost_metrics? rate_limits? status? default_file_contexts? metadata? tool_allowlist? tool_denylist? "
    "data_source_refs? default_supervisory_ai_ref?",
    "AIWorkerDefinition.Ensure": "definition_id? name? provider model_name auth? interaction_models? capabilities? "
    "base_config? cost_metrics? rate_limits? status? default_file_contexts? metadata? tool_allowlist? tool_denylist? "
    "data_source_refs? default_supervisory_ai_ref?",
    "AIWorkerDefinition.Get": "definition_id",
    "AIWorkerDefinition.List": "filters?",
    "AIWorkerDefinition.Update": "definition_id updates",
    "AIWorkerDefinition.Remove": "definition_id",
    "AIWorkerDefinition.LoadAll": "",
    "AIWorkerDefinition.SaveAll": "",
    "AIWorkerInstance.Spawn": "definition_id config_overrides? file_contexts?",
    "AIWorkerInstance.Get": "instance_id",
    "AIWorkerInstance.ListActive": "filters?",
    "AIWorkerInstance.Retire": "instance_id conversation_manager_handle reason final_status "
    "final_session_token_usage? performance_records?",
    "AIWorkerInstance.UpdateStatus": "instance_id status last_error?",
    "AIWorkerInstance.UpdateTokenUsage": "instance_id input_tokens output_tokens",
    "AIWorker.ExecuteStatelessTask": "name prompt config_overrides?",
    "AIWorker.ExecuteBatch": "name prompts max_parallel? config_overrides?",
    "AIWorker.ExecuteAll": "tasks max_parallel?",
    "AIWorker.LogPerformance": "task_id instance_id definition_id timestamp_start timestamp_end duration_ms success "
    "input_context? llm_metrics? cost_incurred? output_summary? error_details?",
    "AIWorker.LogFeedback": "task_id rating comments? correction_instructions? supervisor_agent_id?",
    "AIWorker.GetPerformanceRecords": "definition_id filters?",
    "AIWorker.SavePerformanceData": "",
    "AIWorker.LoadPerformanceData": "",
    "Conversation.Ask": "handle message config_overrides?",
    "Conversation.AddUserMessage": "handle text",
    "Conversation.AddModelMessage": "handle text",
    "Conversation.History": "handle",
    "Conversation.Clear": "handle",
}


def test_the_examples_in_the_specs_run(interpreter: Interpreter, run: Run) -> None:
    """Every example is a statement that works where its names stand for what they say."""
    manager = manager_of(interpreter)
    for spec in worker_registry().specs():
        if any(item.name == "helper" for item in manager.list_worker_definitions()):
            manager.remove_worker_definition("helper")
        if spec.name not in ("AIWorkerDefinition.Add", "AIWorkerDefinition.Ensure"):
            interpreter.tools.call("AIWorkerDefinition.Add", **worker("helper"), context=interpreter.host_context())
        run(
            f"""
  set inst = tool.AIWorkerInstance.Spawn("w")
  set id = inst.instance_id
  set chat = inst.conversation_manager_handle
  call tool.Conversation.Ask(chat, "hello")
  set result = tool.AIWorker.ExecuteStatelessTask("w", "hello")
{spec.example}
"""
        )
        for instance in manager.list_active_worker_instances():
            manager.retire_worker_instance(instance.instance_id)
    assert manager.performance_summary("w").failed_tasks == 0


def test_the_meta_tools_show_them(run: Run) -> None:
    assert "tool.AIWorkerInstance.Spawn(definition_id: string" in run("return tool.Meta.ListTools()")
    assert "conversation_manager_handle" in run('return tool.Meta.ToolsHelp("AIWorkerInstance.Spawn")')
    specs = json.loads(run("return tool.Meta.GetToolSpecificationsJSON()"))
    assert set(ARGUMENTS) <= {spec["name"].removeprefix("tool.") for spec in specs}
