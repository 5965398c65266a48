"""The effects of the tools for workers, by which journaled runs go on."""

from __future__ import annotations

import pytest

from ai_wm.tools import worker_registry
from neuroscript import ToolSpec

EFFECTS = {
    # Nothing but the history changes, which is a value of the run and comes back with it.
    "Conversation.AddModelMessage": "pure",
    "Conversation.AddUserMessage": "pure",
    "Conversation.Clear": "pure",
    "Conversation.History": "pure",
    # They change nothing.
    "AIWorker.GetPerformanceRecords": "read",
    "AIWorkerDefinition.Get": "read",
    "AIWorkerDefinition.List": "read",
    "AIWorkerInstance.Get": "read",
    "AIWorkerInstance.ListActive": "read",
    # To do them twice is to do them once; calls of models go on with the round that was in flight.
    "AIWorker.Embed": "idempotent",
    "AIWorker.ExecuteAll": "idempotent",
    "AIWorker.ExecuteBatch": "idempotent",
    "AIWorker.ExecuteStatelessTask": "idempotent",
    "AIWorker.LoadPerformanceData": "idempotent",
    "AIWorker.LogFeedback": "idempotent",
    "AIWorker.SavePerformanceData": "idempotent",
    "AIWorkerDefinition.Ensure": "idempotent",
    "AIWorkerDefinition.LoadAll": "idempotent",
    "AIWorkerDefinition.SaveAll": "idempotent",
    "AIWorkerDefinition.Update": "idempotent",
    "AIWorkerInstance.Retire": "idempotent",
    "AIWorkerInstance.Spawn": "idempotent",
    "AIWorkerInstance.UpdateStatus": "idempotent",
    "Conversation.Ask": "idempotent",
    # They find out themselves whether they were done.
    "AIWorker.LogPerformance": "once",
    "AIWorkerDefinition.Add": "once",
    "AIWorkerDefinition.Remove": "once",
    "AIWorkerInstance.UpdateTokenUsage": "once",
}


def specs() -> list[ToolSpec]:
    return worker_registry().specs()


def test_each_tool_has_an_effect_that_was_thought_about() -> None:
    assert {spec.name: spec.effect for spec in specs()} == EFFECTS


@pytest.mark.parametrize("spec", specs(), ids=lambda spec: spec.name)
def test_none_leaves_a_person_with_a_call_that_it_could_have_decided_itself(spec: ToolSpec) -> None:
    assert (spec.effect == "once") == (spec.recovery is not None)
