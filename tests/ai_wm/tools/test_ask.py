"""The statement ``ask``, and the plugin behind it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ai_wm import AIWorkerManager, register_ai_worker_tools
from neuroscript import Interpreter, Limits, Policy
from tests.ai_wm.helpers import Answers, raises_code, scripted, worker


@pytest.fixture
def client() -> Answers:
    return Answers(lambda request: f"reply to {request.messages[-1].content}")


@pytest.fixture
def manager(client: Answers) -> Iterator[AIWorkerManager]:
    with AIWorkerManager(clients={"openai": client}) as made:
        yield made


@pytest.fixture
def interpreter(manager: AIWorkerManager) -> Iterator[Interpreter]:
    with Interpreter(plugins=False) as made:
        register_ai_worker_tools(made, manager)
        yield made


def run(interpreter: Interpreter, body: str) -> Any:
    interpreter.load(f"func test() means\n{body}\nendfunc", replace=True)
    return interpreter.run("test")


# --- whom ---


def test_a_worker_by_name_and_by_id(interpreter: Interpreter, manager: AIWorkerManager) -> None:
    id_ = manager.add_worker_definition(worker("w", provider="openai"))
    manager.add_worker_definition(worker("other"))
    assert run(interpreter, 'ask "w", "hello" into r\nreturn r') == "reply to hello"
    assert run(interpreter, f'ask "{id_}", "hello" into r\nreturn r') == "reply to hello"
    assert run(interpreter, 'ask "other", "hello"\nreturn last') == "echo: hello"
    assert len(manager.get_performance_records_for_definition("w")) == 2


def test_a_conversation_by_its_handle(interpreter: Interpreter, manager: AIWorkerManager, client: Answers) -> None:
    manager.add_worker_definition(worker("w", provider="openai"))
    replies = run(
        interpreter,
        """
  set chat = tool.AIWorkerInstance.Spawn("w").conversation_manager_handle
  ask chat, "one" into a
  ask chat, "two" with {"temperature": 0} into b
  return [a, b]
""",
    )
    assert replies == ["reply to one", "reply to two"]
    assert [message.content for message in client.requests[1].messages] == ["one", "reply to one", "two"]
    assert client.requests[1].config == {"temperature": 0}


@pytest.mark.parametrize(
    ("who", "code"), [('"nobody"', 9), ("7", 7), ("nil", 7), ('{"conversation_manager_handle": 1}', 7)]
)
def test_nobody_to_ask(interpreter: Interpreter, who: str, code: int) -> None:
    with raises_code(code):
        run(interpreter, f'ask {who}, "hello" into r\nreturn r')


def test_a_configuration_overrides_for_one_call(
    interpreter: Interpreter, manager: AIWorkerManager, client: Answers
) -> None:
    manager.add_worker_definition(worker("w", provider="openai", base_config={"top_p": 1}))
    run(interpreter, 'ask "w", "one" with {"temperature": 0.5} into r\nask "w", "two" into r')
    assert [request.config for request in client.requests] == [{"top_p": 1, "temperature": 0.5}, {"top_p": 1}]


@pytest.mark.parametrize("grants", [(), ("ask",), ("net",)])
def test_ask_needs_what_the_host_grants(manager: AIWorkerManager, grants: tuple[str, ...]) -> None:
    with Interpreter(plugins=False, policy=Policy(grants=grants)) as interpreter:
        register_ai_worker_tools(interpreter, manager)
        with raises_code(10, "which the host does not grant"):
            run(interpreter, 'ask "hello" into r')


# --- the default worker ---


def test_without_any_worker_the_built_in_echo_answers(interpreter: Interpreter, manager: AIWorkerManager) -> None:
    assert run(interpreter, 'ask "hello" into r\nreturn r') == "echo: hello"
    assert manager.list_worker_definitions() == []


def test_the_only_active_worker_for_tasks_is_asked(interpreter: Interpreter, manager: AIWorkerManager) -> None:
    manager.add_worker_definition(worker("chatty", interaction_models=["conversational"]))
    manager.add_worker_definition(worker("asleep", status="disabled"))
    manager.add_worker_definition(worker("w", provider="openai"))
    assert run(interpreter, 'ask "hello" into r\nreturn r') == "reply to hello"


def test_the_worker_called_default_is_asked(interpreter: Interpreter, manager: AIWorkerManager) -> None:
    manager.add_worker_definition(worker("w"))
    manager.add_worker_definition(worker("default", provider="openai"))
    assert run(interpreter, 'ask "hello" into r\nreturn r') == "reply to hello"


def test_of_several_workers_none_is_guessed(interpreter: Interpreter, manager: AIWorkerManager) -> None:
    manager.add_worker_definition(worker("a"))
    manager.add_worker_definition(worker("b"))
    with raises_code(19, "2 active workers"):
        run(interpreter, 'ask "hello" into r')


def test_a_worker_for_conversations_alone_is_not_asked_by_default(
    interpreter: Interpreter, manager: AIWorkerManager
) -> None:
    manager.add_worker_definition(worker("chatty", interaction_models=["conversational"]))
    with raises_code(19, "none of the active workers is for stateless tasks"):
        run(interpreter, 'ask "hello" into r')


def test_the_hosts_choice_comes_first(manager: AIWorkerManager) -> None:
    manager.add_worker_definition(worker("default"))
    manager.add_worker_definition(worker("chosen", provider="openai"))
    with Interpreter(plugins=False) as interpreter:
        register_ai_worker_tools(interpreter, manager, default_worker="chosen")
        assert run(interpreter, 'ask "hello" into r\nreturn r') == "reply to hello"


def test_the_hosts_registration_holds_beside_the_installed_plugin(manager: AIWorkerManager) -> None:
    manager.add_worker_definition(worker("a"))
    manager.add_worker_definition(worker("b", provider="openai"))
    with Interpreter() as interpreter:
        register_ai_worker_tools(interpreter, manager, default_worker="b")
        assert interpreter.services["ai_wm"] is manager
        assert run(interpreter, 'ask "hello" into r\nreturn r') == "reply to hello"
        assert run(interpreter, "return len(tool.AIWorkerDefinition.List())") == 2
    assert manager.execute_stateless_task("a", "still open").output == "echo: still open"


# --- whispering ---


def test_what_was_whispered_goes_along_once(
    interpreter: Interpreter, manager: AIWorkerManager, client: Answers
) -> None:
    manager.add_worker_definition(worker("w", provider="openai"))
    run(
        interpreter,
        """
  whisper self, "it rains"
  whisper self, {"wind": 7}
  whisper "log", "not for the model"
  ask "one" into r
  ask "two" into r
""",
    )
    asked = [[message.content for message in request.messages] for request in client.requests]
    assert asked == [["it rains", '{"wind": 7}', "one"], ["two"]]


# --- tools ---


def test_a_worker_that_may_calls_the_tools_of_the_interpreter(
    interpreter: Interpreter, manager: AIWorkerManager
) -> None:
    @interpreter.tool("shop.Price")
    def price(article: str) -> float:
        """The price of an article."""
        return {"tea": 3.5}[article]

    call = {"tool_calls": [{"name": "shop__Price", "arguments": {"article": "tea"}}]}
    manager.add_worker_definition(scripted("w", [call, "Tea is 3.5."], tool_allowlist=["shop.*"]))
    assert run(interpreter, 'ask "w", "How much is tea?" into r\nreturn r') == "Tea is 3.5."
    (record,) = manager.get_performance_records_for_definition("w")
    assert record.llm_metrics["tool_calls"] == ["shop__Price"]


# --- the plugin ---


def test_the_plugin_is_there_without_being_asked_for(tmp_path: Path) -> None:
    with Interpreter(sandbox=tmp_path) as interpreter:
        assert run(interpreter, 'ask "hello" into r\nreturn r') == "echo: hello"
        assert isinstance(interpreter.services["ai_wm"], AIWorkerManager)


def test_without_plugins_there_is_nobody_to_ask() -> None:
    with Interpreter(plugins=False) as interpreter:
        with raises_code(18):
            run(interpreter, 'ask "hello" into r')
        with pytest.raises(KeyError):
            interpreter.services["ai_wm"]


def test_a_script_without_a_sandbox_writes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with Interpreter() as interpreter:
        interpreter.services["ai_wm"].add_worker_definition(worker("w"))
        assert run(interpreter, 'ask "w", "hello" into r\nreturn r') == "echo: hello"
    assert list(tmp_path.iterdir()) == []


def test_a_closed_interpreter_has_retired_its_instances_and_closed_its_manager(tmp_path: Path) -> None:
    with Interpreter(sandbox=tmp_path) as interpreter:
        interpreter.services["ai_wm"].add_worker_definition(worker("w"))
        run(interpreter, 'call tool.AIWorkerInstance.Spawn("w")\nset b = tool.AIWorkerInstance.Spawn("w")')
    entries = json.loads((tmp_path / "ai_worker_performance_data.json").read_text())
    assert [(entry["final_status"], entry["retirement_reason"]) for entry in entries] == [
        ("retired_completed", "interpreter closed")
    ] * 2
    with AIWorkerManager(tmp_path) as again:
        assert again.performance_summary("w").active_instances_count == 0


def test_the_hosts_manager_stays_open_and_keeps_its_own_instances(manager: AIWorkerManager) -> None:
    manager.add_worker_definition(worker("w"))
    mine = manager.spawn_worker_instance("w").instance_id
    with Interpreter(plugins=False) as interpreter:
        register_ai_worker_tools(interpreter, manager)
        run(interpreter, 'call tool.AIWorkerInstance.Spawn("w")')
        assert len(manager.list_active_worker_instances()) == 2
    assert [item.instance_id for item in manager.list_active_worker_instances()] == [mine]


def test_what_a_host_does_in_the_interpreters_thread_reaches_its_handlers(
    interpreter: Interpreter, manager: AIWorkerManager
) -> None:
    told: list[Any] = []
    interpreter.emit_sink = told.append
    interpreter.load('on event "ai_wm.task.completed" as e do\n  emit e.payload["name"]\nendon')
    manager.add_worker_definition(worker("w"))
    manager.execute_stateless_task("w", "hello")
    assert told == ["w"]


def test_a_step_limit_reached_in_a_handler_ends_the_run_and_nothing_stays_held(manager: AIWorkerManager) -> None:
    with Interpreter(plugins=False, limits=Limits(max_steps=20_000)) as interpreter:
        register_ai_worker_tools(interpreter, manager)
        manager.add_worker_definition(worker("w"))
        interpreter.load('on event "ai_wm.task.completed" as e do\n  while true\n  endwhile\nendon')
        with raises_code(37):
            run(interpreter, 'ask "w", "hello" into r\nreturn r')
        assert manager.limit_usage("w")["calls_in_flight"] == 0
        assert manager.performance_summary("w").successful_tasks == 1
        interpreter.load("func fine() means\n  return 1\nendfunc")
        assert interpreter.run("fine") == 1


def test_the_plugin_registers_without_importing_anything_heavy() -> None:
    """Neither the models nor the network are imported before a tool is called."""
    program = """
import sys
from neuroscript import Interpreter
with Interpreter() as interpreter:
    interpreter.tools.lookup("AIWorker.ExecuteStatelessTask")
    heavy = {name.partition(".")[0] for name in sys.modules} & {"pydantic", "httpx", "sqlite3", "rich", "anyio"}
print(sorted(heavy))
"""
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
