"""What the plugin reads of the policy that a host leaves in a service."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from ai_wm import AIWorkerManager, WorkerPolicy, register_ai_worker_tools
from ai_wm.plugin import policy_of
from neuroscript import Interpreter, Policy, ToolSpec
from neuroscript.cli.repl.session import ReplSession
from tests.ai_wm.helpers import raises_code, scripted, worker


def test_a_mapping_becomes_a_policy() -> None:
    policy, default_ceiling = policy_of({"ask": ["helper"], "max_cost_per_run": 5, "default_ceiling": True})
    assert policy == WorkerPolicy(ask=("helper",), max_cost_per_run=5)
    assert default_ceiling
    assert policy_of({}) == (WorkerPolicy(), False)


def test_a_field_that_is_misspelt_is_refused_with_the_nearest_one() -> None:
    with raises_code(4, "did you mean 'origins'"):
        policy_of({"origin": ["http://127.0.0.1:8080"]})
    with raises_code(4, "default_ceiling"):
        policy_of({"default_ceiling": 5})


# --- a policy that changes while programs run ---


def calls(tool: str, **arguments: Any) -> dict[str, Any]:
    """A reply of a model that calls a tool."""
    return {"tool_calls": [{"name": tool.replace(".", "__"), "arguments": arguments}]}


ADDING = calls(
    "AIWorkerDefinition.Add",
    name="made",
    provider="local",
    model_name="echo",
    auth={"method": "none"},
    interaction_models=["both"],
)
ASKING = 'func go() means\n  ask "agent", "go" into said\n  return said\nendfunc'


class Cockpit:
    """An interpreter whose workers' models call a tool that administers, and one that needs a capability."""

    def __init__(self) -> None:
        self.launched = 0
        self.interpreter = Interpreter(plugins=False)
        register_ai_worker_tools(self.interpreter)
        self.interpreter.tools.register(ToolSpec(name="rocket.Launch", capabilities=("rocket",)), self.launch)
        self.manager: AIWorkerManager = self.interpreter.services["ai_wm"]
        allow = ["AIWorkerDefinition.Add", "rocket.*"]
        for name, reply in (("agent", ADDING), ("pilot", calls("rocket.Launch"))):
            self.manager.add_worker_definition(scripted(name, [reply, "done"], tool_allowlist=allow))
        self.interpreter.load(ASKING + "\n" + ASKING.replace("go()", "fly()").replace('"agent"', '"pilot"'))

    def launch(self) -> None:
        self.launched += 1

    @property
    def added(self) -> bool:
        return any(definition.name == "made" for definition in self.manager.list_worker_definitions())


@pytest.fixture
def cockpit() -> Iterator[Cockpit]:
    made = Cockpit()
    with made.interpreter:
        yield made


@pytest.fixture
def interpreter(cockpit: Cockpit) -> Interpreter:
    return cockpit.interpreter


def test_what_is_granted_in_a_session_reaches_the_tools_of_models(cockpit: Cockpit) -> None:
    written: list[str] = []
    interpreter = cockpit.interpreter
    session = ReplSession(lambda: interpreter, written.append)
    for procedure in ("go", "fly"):
        interpreter.run(procedure)
    assert (cockpit.added, cockpit.launched) == (False, 0)
    for tool in ("AIWorkerDefinition.Add", "rocket.Launch"):
        session.feed(f":allow tool {tool}")
    assert written == []
    for procedure in ("go", "fly"):
        interpreter.run(procedure)
    assert (cockpit.added, cockpit.launched) == (True, 1)


def test_what_is_granted_reaches_the_models_that_the_host_asks(cockpit: Cockpit) -> None:
    interpreter, manager = cockpit.interpreter, cockpit.manager
    for worker_name in ("agent", "pilot"):
        manager.execute_stateless_task(worker_name, "go")
    assert (cockpit.added, cockpit.launched) == (False, 0)
    interpreter.services["worker_policy_changed"]({"model_tools": ("AIWorkerDefinition.Add",)})
    interpreter.policy = Policy(exempt=("rocket.Launch",))
    for worker_name in ("agent", "pilot"):
        manager.execute_stateless_task(worker_name, "go")
    assert (cockpit.added, cockpit.launched) == (True, 1)


def test_a_policy_that_changed_is_the_one_that_the_service_says(interpreter: Interpreter) -> None:
    services = interpreter.services
    policy = {"ask": ("other",)}
    services["worker_policy"] = policy
    with raises_code(10, "--ask"):
        interpreter.run("go")
    policy["ask"] = ("agent",)
    services["worker_policy_changed"](policy)
    interpreter.run("go")
    assert services["worker_policy"] == {"ask": ("agent",)}
    with raises_code(4, "did you mean 'ask'"):
        services["worker_policy_changed"]({"asks": ()})
    interpreter.run("go")
    assert services["worker_policy"] == {"ask": ("agent",)}


def test_a_policy_that_python_gave_is_said_by_the_service_and_can_be_changed() -> None:
    given = WorkerPolicy(ask=("other",), keys={"env:A": ("https://a.example",)}, max_cost_per_run=2)
    with AIWorkerManager() as manager, Interpreter(plugins=False) as interpreter:
        manager.add_worker_definition(worker("agent"))
        register_ai_worker_tools(interpreter, manager, policy=given)
        interpreter.load(ASKING)
        assert policy_of(interpreter.services["worker_policy"]) == (given, False)
        with raises_code(10, "--ask"):
            interpreter.run("go")
        interpreter.services["worker_policy_changed"]({"ask": ("agent",)})
        assert interpreter.run("go") == "echo: go"
