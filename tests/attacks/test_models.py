"""Attacks by models: what a model does with tools, when whoever wrote the page that it read tells it what to do."""

from __future__ import annotations

from typing import Any

import pytest

from ai_wm import WorkerPolicy
from ai_wm.calls.tool_host import ToolHost, WorkerTools
from ai_wm.calls.turn import MOST_TOOL_CALLS
from neuroscript import Interpreter, Policy
from tests.ai_wm.helpers import scripted
from tests.attacks.world import World, adding, env, ids

ADMINISTRATION = (
    "AIWorker.LoadPerformanceData",
    "AIWorker.LogPerformance",
    "AIWorker.SavePerformanceData",
    "AIWorkerDefinition.Add",
    "AIWorkerDefinition.Ensure",
    "AIWorkerDefinition.LoadAll",
    "AIWorkerDefinition.Remove",
    "AIWorkerDefinition.SaveAll",
    "AIWorkerDefinition.Update",
    "AIWorkerInstance.UpdateStatus",
    "AIWorkerInstance.UpdateTokenUsage",
    "Job.Cancel",
    "Job.Submit",
    "Job.SubmitAll",
    "Job.WaitNext",
    "WorkQueue.Create",
    "WorkQueue.Delete",
    "WorkQueue.Pause",
    "WorkQueue.Resume",
    "script.Call",
    "script.LoadScript",
)
"""The tools that administer, and that no pattern gives to a model."""

PATTERNS = [
    "*",
    "AIWorker*",
    "AIWorkerDefinition.*",
    "tool.AIWorkerDefinition.*",
    "AIWorkerDefinition",
    "script.*",
    "Job.*",
    "WorkQueue.*",
    "?*",
]


def calls(tool: str, **arguments: Any) -> dict[str, Any]:
    """A reply of a model that calls a tool."""
    return {"tool_calls": [{"name": tool.replace(".", "__"), "arguments": arguments}]}


def results(world: World, script: Any, worker: str = "agent") -> list[str]:
    """What came back to the model: it repeats it as its reply."""
    return [str(value) for value in script.run(f'ask "{worker}", "go" into r\nreturn [r]')]


def test_the_tools_that_administer_say_so() -> None:
    with Interpreter() as interpreter:
        found = [spec.name for spec in interpreter.tools.specs() if spec.administers]
    assert sorted(found) == sorted(ADMINISTRATION)


@pytest.mark.parametrize("pattern", PATTERNS)
def test_no_pattern_gives_a_model_administration(pattern: str) -> None:
    """A worker whose tools were `*` could define workers: the page that it read told it with which key and where."""
    with Interpreter() as interpreter:
        for granted in ((), ADMINISTRATION, ("*",)):
            host = ToolHost(interpreter.tools, interpreter.policy, interpreter.host_context(), granted)
            offered = {tool.name.replace("__", ".") for tool in WorkerTools(host, [pattern], []).definitions}
            assert not offered & set(ADMINISTRATION)


@pytest.mark.parametrize("tool", ADMINISTRATION)
def test_administration_is_named_in_full_by_both(tool: str) -> None:
    """Either the script, which writes the allow list, or the host alone gave a model the tools that administer."""

    def offered(allow: list[str], granted: tuple[str, ...], deny: tuple[str, ...] = ()) -> bool:
        host = ToolHost(interpreter.tools, interpreter.policy, interpreter.host_context(), granted)
        return any(found.name == tool.replace(".", "__") for found in WorkerTools(host, allow, deny).definitions)

    with Interpreter() as interpreter:
        assert not offered([tool], ())
        assert not offered([tool.split(".")[0] + ".*"], (tool,))
        assert not offered([tool], (tool.split(".")[0] + ".*",))
        assert not offered([tool], (tool,), deny=(tool,))
        assert offered([tool], (tool,))
        assert offered([f"tool.{tool.upper()}"], (f"tool.{tool.lower()}",))


WAYS: list[tuple[str, dict[str, Any]]] = [
    (
        "The model defined a worker with the host's key and an address of its own.",
        calls("AIWorkerDefinition.Add", name="w", provider="openai", model_name="m", auth=env("OPENAI_API_KEY")),
    ),
    (
        "The model turned the script's worker to another address.",
        calls("AIWorkerDefinition.Update", definition_id="agent", updates={"status": "disabled"}),
    ),
    ("The model took a worker away.", calls("AIWorkerDefinition.Remove", definition_id="agent")),
    (
        "The model loaded a program of its own.",
        calls("script.LoadScript", source="func f() means\n  return 1\nendfunc\n"),
    ),
    (
        "The model wrote a record of a task that never was.",
        calls(
            "AIWorker.LogPerformance",
            task_id="t",
            instance_id="i",
            definition_id="agent",
            duration_ms=1,
            success=True,
            timestamp_start="2025-06-15T09:30:00Z",
            timestamp_end="2025-06-15T09:30:00Z",
        ),
    ),
]


@pytest.mark.parametrize(("says", "reply"), WAYS, ids=ids(WAYS))
def test_a_model_calls_what_it_was_not_offered(world: World, says: str, reply: dict[str, Any]) -> None:
    script = world.script(world.manager())
    script.run(
        adding(
            "agent",
            provider="local",
            model_name="scripted",
            tool_allowlist=["*"],
            base_config={"replies": [reply, "done"]},
        )
    )
    script.run('ask "agent", "go" into r')
    (record,) = script.manager.get_performance_records_for_definition("agent")
    assert record.llm_metrics["tool_calls"] == [reply["tool_calls"][0]["name"]]
    assert [item.name for item in script.manager.list_worker_definitions({"status": "active"})] == ["agent"], says
    assert script.manager.performance_summary("agent").total_tasks_attempted == 1
    assert "f" not in {found["name"] for found in script.interpreter.procedures()}


def test_a_model_gets_administration_where_both_name_it(world: World) -> None:
    manager = world.manager()
    add = calls("AIWorkerDefinition.Add", name="w", provider="local", model_name="echo", auth={"method": "none"})
    script = world.script(manager, WorkerPolicy(model_tools=("AIWorkerDefinition.Add",)))
    script.run(
        adding(
            "agent",
            provider="local",
            model_name="scripted",
            tool_allowlist=["AIWorkerDefinition.Add"],
            base_config={"replies": [add, "done"]},
        )
    )
    script.run('ask "agent", "go" into r')
    assert manager.get_worker_definition("w").owner == script.interpreter.services["ai_wm_access"]().rights.owner


def test_a_model_asks_other_workers_as_its_script_may(world: World) -> None:
    """By a tool the model asked a worker at another address, or one that its script may not ask."""
    manager = world.manager()
    world.host_adds(manager)
    ask = "AIWorker.ExecuteStatelessTask"
    replies = [
        calls(ask, name="helper", prompt="x", config_overrides={"base_url": f"{world.evil.url}/v1"}),
        calls(ask, name="helper", prompt="x"),
        "done",
    ]
    agent = scripted("agent", replies, tool_allowlist=[ask])
    manager.add_worker_definition(agent)
    script = world.script(manager, WorkerPolicy(ask=("agent",)))
    script.run('ask "agent", "go" into r')
    assert world.evil.received == world.friend.received == []
    world.script(manager).run('ask "agent", "go" into r')
    assert len(world.friend.received) == 1


def test_a_model_does_what_the_host_denies_its_script(world: World) -> None:
    """The script may not read files; the model that it asks could."""
    (world.directory / "secret.txt").write_text("hunter2-host-password")
    manager = world.manager()
    read = calls("fs.Read", filepath="secret.txt")
    manager.add_worker_definition(scripted("agent", [read, "done"], tool_allowlist=["*"]))
    script = world.script(manager, host=Policy(deny=("fs.*",)))
    history = script.run(
        'set c = tool.AIWorkerInstance.Spawn("agent").conversation_manager_handle\nask c, "go" into r\n'
        "return tool.Conversation.History(c)"
    )
    refused = (
        "error 10 (SECURITY): tool.fs.Read is denied by the host's policy; the host permits it by taking it out of "
        "--deny or Policy(deny=…)"
    )
    assert [(message["role"], message["content"]) for message in history[2:]] == [
        ("tool", refused),
        ("assistant", "done"),
    ]


def test_a_model_asks_for_very_many_tools_at_once(world: World) -> None:
    """One reply asked for a hundred thousand tools, each of which was run."""
    manager = world.manager()
    flood = {"tool_calls": [{"name": "math__Add", "arguments": {"num1": 1, "num2": 1}}] * (MOST_TOOL_CALLS + 1)}
    manager.add_worker_definition(scripted("agent", [flood], tool_allowlist=["math.*"]))
    assert world.script(manager).code('ask "agent", "go" into r') == 16


def test_a_model_asks_for_tools_without_end(world: World) -> None:
    """The script set the number of rounds, and the model called tools until the money was gone."""
    manager = world.manager()
    manager.add_worker_definition(scripted("agent", [calls("math.Add", num1=1, num2=1)], tool_allowlist=["math.*"]))
    script = world.script(manager, WorkerPolicy(max_tool_rounds=3))
    assert script.code('ask "agent", "go" with {"max_tool_rounds": 1000000} into r') == 16
    (record,) = manager.get_performance_records_for_definition("agent")
    assert record.llm_metrics["tool_rounds"] == 3


def test_a_model_fires_no_event_of_the_system(world: World) -> None:
    """A model told the host's handlers that a task was completed that never was."""
    manager = world.manager()
    manager.add_worker_definition(
        scripted(
            "agent",
            [calls("event.Emit", name="ai_wm.task.completed", payload={"cost": 0}), "ok"],
            tool_allowlist=["event.*"],
        )
    )
    script = world.script(manager)
    fired: list[Any] = []
    script.interpreter.emit_sink = fired.append
    script.interpreter.load('on event "ai_wm.task.completed" as e do\n  emit e.source\nendon\n')
    script.run('ask "agent", "go" into r')
    assert fired == ["ai_wm"]  # that of the task itself
