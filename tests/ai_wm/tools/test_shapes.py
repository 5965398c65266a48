"""The keys that the specs of the worker tools declare: those that they give, and those that they take."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from ai_wm.data.script_settings import WIRE_NAMES
from ai_wm.data.setting_names import SETTINGS
from ai_wm.tools import worker_registry
from neuroscript import Interpreter, Shape, ToolSpec
from tests.ai_wm.helpers import Run, manager_of, raises_code, worker
from tests.shape_differences import result_differences

SCHEMA = '{"schema": {"type": "string"}}'
RESULTS = {
    "AIWorker.ExecuteBatch": f'tool.AIWorker.ExecuteBatch("full", ["one", "two"], config_overrides: {SCHEMA})',
    "AIWorker.ExecuteAll": 'tool.AIWorker.ExecuteAll([{"worker": "full", "prompt": "x", "config_overrides": '
    f"{SCHEMA}}}])",
    "AIWorker.ExecuteStatelessTask": f'tool.AIWorker.ExecuteStatelessTask("full", "hello", {SCHEMA})',
    "AIWorker.GetPerformanceRecords": 'tool.AIWorker.GetPerformanceRecords("full")',
    "AIWorkerDefinition.Get": 'tool.AIWorkerDefinition.Get("full")',
    "AIWorkerDefinition.List": 'tool.AIWorkerDefinition.List({"name": "full"})',
    "AIWorkerInstance.Get": "tool.AIWorkerInstance.Get(inst.instance_id)",
    "AIWorkerInstance.ListActive": "tool.AIWorkerInstance.ListActive()",
    "AIWorkerInstance.Spawn": 'tool.AIWorkerInstance.Spawn("full")',
    "Conversation.History": "tool.Conversation.History(inst.conversation_manager_handle)",
}
"""Calls that give maps, after a conversation and a judged task of the worker ``full``, which has all prices."""


def spec_of(name: str) -> ToolSpec:
    return worker_registry().lookup(name).spec


def shape_of(tool: str, argument: str) -> Shape:
    shape = next(arg.shape for arg in spec_of(tool).args if arg.name == argument)
    assert shape is not None
    return shape


def prices() -> dict[str, float]:
    return dict.fromkeys(shape_of("AIWorkerDefinition.Add", "cost_metrics").fields, 0.001)


def test_every_tool_that_gives_maps_says_with_which_keys() -> None:
    giving = {spec.name for spec in worker_registry().specs() if spec.return_type in ("map", "slice_map")}
    declared = {spec.name for spec in worker_registry().specs() if spec.result_shape is not None}
    assert giving <= declared
    assert declared == RESULTS.keys()


@pytest.mark.parametrize("name", RESULTS)
def test_the_declared_keys_are_those_given(name: str, interpreter: Interpreter, run: Run) -> None:
    manager_of(interpreter).add_worker_definition(worker("full", cost_metrics=prices()))
    result = run(
        f"""
  set inst = tool.AIWorkerInstance.Spawn("full")
  call tool.Conversation.Ask(inst.conversation_manager_handle, "hello")
  set task = tool.AIWorker.ExecuteStatelessTask("full", "hello")
  call tool.AIWorker.LogFeedback(task.task_id, 4)
  return {RESULTS[name]}
"""
    )
    assert result_differences(spec_of(name), result) == []


def test_every_key_has_a_sentence() -> None:
    specs = worker_registry().specs()
    found = [arg.shape for spec in specs for arg in spec.args] + [spec.result_shape for spec in specs]
    for shape in {inner for each in found if each is not None for inner in each.walk()}:
        for field in shape.fields.values():
            assert field.description.endswith((".", "…")), f"{shape.name}: {field.name}"


def test_the_configuration_has_the_settings_and_their_other_names() -> None:
    shape = shape_of("AIWorkerDefinition.Add", "base_config")
    assert shape.fields.keys() == SETTINGS
    for wire, usual in WIRE_NAMES.items():
        assert shape.field(wire) is shape.fields[usual]


GIVEN: list[tuple[str, str, dict[str, Any]]] = [
    ("AIWorkerDefinition.Add", "auth", {"method": "none"}),
    ("AIWorkerDefinition.Add", "cost_metrics", {"input_cost_per_token": 1}),
    ("AIWorkerDefinition.Add", "rate_limits", {"max_requests_per_day": 1, "maxTokensPerDay": 9}),
    ("AIWorkerDefinition.List", "filters", {"id": "x", "capabilities_contains_all": ["a"]}),
    ("AIWorkerInstance.ListActive", "filters", {"status": "busy"}),
    ("AIWorker.GetPerformanceRecords", "filters", {"stateless": True, "limit": 3}),
]


@pytest.mark.parametrize(("tool", "argument", "value"), GIVEN)
def test_a_key_is_declared_just_where_the_tool_takes_it(
    interpreter: Interpreter, tool: str, argument: str, value: dict[str, Any]
) -> None:
    manager_of(interpreter).add_worker_definition(worker())
    given = {
        "AIWorkerDefinition.Add": worker("new"),
        "AIWorker.GetPerformanceRecords": {"definition_id": "w"},
    }.get(tool, {})
    shape = shape_of(tool, argument)
    assert [shape.problem(key) for key in value] == [""] * len(value)
    call = {**given, argument: value}
    interpreter.tools.call(tool, context=interpreter.host_context(), **call)
    wrong = {**call, argument: {**value, "lmit": 1}}
    assert shape.problem("lmit")
    with raises_code(4):
        interpreter.tools.call(tool, context=interpreter.host_context(), **wrong)


def test_the_filters_of_records_are_all_declared() -> None:
    from dataclasses import fields

    from ai_wm.data.record_filter import RecordFilter

    names = {item.name for item in fields(RecordFilter)} - {"owners"}
    assert shape_of("AIWorker.GetPerformanceRecords", "filters").fields.keys() == names


def test_specs_are_made_without_the_data_models() -> None:
    code = (
        "import sys; from ai_wm.tools import worker_registry; worker_registry().specs(); "
        "sys.exit('pydantic' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode == 0
