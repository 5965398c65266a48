"""The tools that a worker's model may call."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ai_wm import (
    AIWorkerManager,
    LLMRequest,
    LLMResponse,
    ToolCallRequest,
    ToolHost,
    Usage,
    register_ai_worker_tools,
)
from ai_wm.calls.turn import MOST_NESTED
from neuroscript import Interpreter, NeuroScriptError, Policy
from tests.ai_wm.helpers import Answers, raises_code, scripted, worker

UPPER = {"tool_calls": [{"name": "str__ToUpper", "arguments": {"input_string": "hey"}}]}


@pytest.fixture
def interpreter(tmp_path: Path) -> Iterator[Interpreter]:
    with Interpreter(sandbox=tmp_path) as made:
        yield made


@pytest.fixture
def manager(interpreter: Interpreter) -> Iterator[AIWorkerManager]:
    host = ToolHost(interpreter.tools, interpreter.policy, interpreter.host_context())
    with AIWorkerManager(tools=host) as made:
        yield made


def turn(manager: AIWorkerManager, replies: list[Any], **definition: Any) -> tuple[str, list[tuple[str, str]]]:
    """One turn of a scripted worker; gives its reply and the history."""
    manager.add_worker_definition(scripted("w", replies, **definition))
    conversation = manager.conversation(manager.spawn_worker_instance("w").instance_id)
    reply = conversation.ask("go")
    return reply, [(message.role, message.content) for message in conversation.history]


def test_a_tool_that_is_allowed_runs_and_its_result_goes_back(manager: AIWorkerManager) -> None:
    reply, history = turn(manager, [UPPER, "It is HEY."], tool_allowlist=["str.*"])
    assert reply == "It is HEY."
    assert history == [("user", "go"), ("assistant", ""), ("tool", "HEY"), ("assistant", "It is HEY.")]
    (record,) = manager.get_performance_records_for_definition("w")
    assert (record.llm_metrics["tool_rounds"], record.llm_metrics["tool_calls"]) == (1, ["str__ToUpper"])


@pytest.mark.parametrize(
    ("allow", "deny", "runs"),
    [
        (["str.*"], [], True),
        (["tool.str.ToUpper"], [], True),
        (["STR.toupper"], [], True),
        (["*"], [], True),
        (["*"], ["str.*"], False),
        (["str.ToUpper"], ["str.ToUpper"], False),
        (["fs.*"], [], False),
        ([], [], False),
    ],
)
def test_allow_and_deny_lists(manager: AIWorkerManager, allow: list[str], deny: list[str], runs: bool) -> None:
    """Deny wins, and nothing listed means no tools; what a refused tool gets back is the refusal."""
    _, history = turn(manager, [UPPER, "done"], tool_allowlist=allow, tool_denylist=deny)
    result = history[2][1]
    assert (result == "HEY") is runs
    if not runs:
        assert result.startswith("error 10 (SECURITY)")


def test_only_what_may_be_called_is_offered(interpreter: Interpreter) -> None:
    client = Answers()
    host = ToolHost(interpreter.tools, Policy(deny=("fs.Write",)))
    with AIWorkerManager(clients={"openai": client}) as manager:
        manager.add_worker_definition(
            worker("w", provider="openai", tool_allowlist=["fs.*", "Conversation.Ask"], tool_denylist=["fs.Delete"])
        )
        manager.execute_stateless_task("w", "hello", tools=host)
        manager.execute_stateless_task("w", "hello")
    offered = {tool.name: tool for tool in client.requests[0].tools}
    assert {"fs__Read", "fs__List"} <= offered.keys()
    # The host refuses the first, the deny list the second, and a model cannot write down the handle for the third.
    assert not {"fs__Write", "fs__Delete", "Conversation__Ask"} & offered.keys()
    assert offered["fs__Read"].parameters["type"] == "object"
    assert offered["fs__Read"].description
    assert client.requests[1].tools == ()


def test_the_hosts_policy_refuses_what_the_definition_allows(interpreter: Interpreter, tmp_path: Path) -> None:
    host = ToolHost(interpreter.tools, Policy(deny=("str.*",)), interpreter.host_context())
    with AIWorkerManager(tools=host) as manager:
        _, history = turn(manager, [UPPER, "done"], tool_allowlist=["*"])
    assert "denied by the host's policy" in history[2][1]


def test_a_capability_that_is_not_granted_is_refused(interpreter: Interpreter) -> None:
    host = ToolHost(interpreter.tools, Policy(grants=()), interpreter.host_context())
    call = {"tool_calls": [{"name": "fs__Read", "arguments": {"filepath": "a.txt"}}]}
    with AIWorkerManager(tools=host) as manager:
        _, history = turn(manager, [call, "done"], tool_allowlist=["*"])
    assert "fs:read" in history[2][1]


@pytest.mark.parametrize(
    ("call", "result"),
    [
        ({"name": "str.ToUpper", "arguments": {"input_string": "dots"}}, "DOTS"),
        ({"name": "tool.str.toupper", "arguments": {"input_string": "full"}}, "FULL"),
        ({"name": "list__Length", "arguments": {"list": [1, 2]}}, "2"),
        ({"name": "str__Split", "arguments": {"input_string": "a,b", "delimiter": ","}}, '["a", "b"]'),
        ({"name": "str__ToUpper", "arguments": {}}, "error 4 (ARG_MISMATCH)"),
        ({"name": "str__ToUpper", "arguments": {"input_string": 7}}, "error 4 (ARG_MISMATCH)"),
        ({"name": "fs__Read", "arguments": {"filepath": "../secret"}}, "error 34 (PATH_VIOLATION)"),
        ({"name": "no__Such", "arguments": {}}, "error 10 (SECURITY): there is no tool no__Such"),
    ],
)
def test_results_and_failures_go_back_as_text(manager: AIWorkerManager, call: dict[str, Any], result: str) -> None:
    _, history = turn(manager, [{"tool_calls": [call]}, "done"], tool_allowlist=["*"])
    assert history[2][1].startswith(result)


def test_several_calls_of_one_reply_run_in_order(manager: AIWorkerManager) -> None:
    calls = [
        {"id": "one", "name": "str__ToUpper", "arguments": {"input_string": "a"}},
        {"id": "two", "name": "str__ToUpper", "arguments": {"input_string": "b"}},
    ]
    manager.add_worker_definition(scripted("w", [{"tool_calls": calls}, "done"], tool_allowlist=["*"]))
    conversation = manager.conversation(manager.spawn_worker_instance("w").instance_id)
    conversation.ask("go")
    results = [(message.tool_call_id, message.content) for message in conversation.history if message.role == "tool"]
    assert results == [("one", "A"), ("two", "B")]


@pytest.mark.parametrize("rounds", [None, 0, 1, 3])
def test_no_more_rounds_than_allowed(manager: AIWorkerManager, rounds: int | None) -> None:
    config = {} if rounds is None else {"max_tool_rounds": rounds}
    manager.add_worker_definition(scripted("w", [UPPER], tool_allowlist=["*"], base_config=config))
    conversation = manager.conversation(manager.spawn_worker_instance("w").instance_id)
    with raises_code(16, "still asked for tools"):
        conversation.ask("go")
    assert conversation.history == []
    (record,) = manager.get_performance_records_for_definition("w")
    assert record.llm_metrics.get("tool_rounds", 0) == (8 if rounds is None else rounds)
    assert not record.success


def test_each_round_obeys_the_limits_and_is_paid(manager: AIWorkerManager) -> None:
    manager.add_worker_definition(
        scripted(
            "w",
            [UPPER, UPPER, "done"],
            tool_allowlist=["*"],
            cost_metrics={"cost_per_call": 1},
            rate_limits={"max_requests_per_minute": 4},
        )
    )
    record = manager.execute_stateless_task("w", "go").record
    assert (record.cost_incurred, record.llm_metrics["tool_rounds"], record.llm_metrics["attempts"]) == (3, 2, 3)
    assert manager.limit_usage("w")["requests_last_minute"] == 3
    with raises_code(20):
        manager.execute_stateless_task("w", "go")
    assert manager.limit_usage("w")["calls_in_flight"] == 0
    assert manager.performance_summary("w").total_tasks_attempted == 2


def test_what_the_provider_gave_with_a_call_goes_back_with_it(interpreter: Interpreter) -> None:
    call = ToolCallRequest(id="1", name="str__ToUpper", arguments={"input_string": "x"})
    signed = {"parts": ["signature"]}

    def answer(request: LLMRequest) -> Any:
        if len(request.messages) > 1:
            assert request.messages[1].tool_calls == (call,)
            assert request.messages[1].provider_data == signed
            return "done"
        return LLMResponse(
            text="", finish_reason="tool_calls", usage=Usage(), model="m", tool_calls=(call,), provider_data=signed
        )

    host = ToolHost(interpreter.tools, None, interpreter.host_context())
    with AIWorkerManager(clients={"openai": Answers(answer)}, tools=host) as manager:
        manager.add_worker_definition(worker("w", provider="openai", tool_allowlist=["*"]))
        assert manager.execute_stateless_task("w", "go").output == "done"


def test_a_tool_sees_the_instance_in_its_turn(interpreter: Interpreter) -> None:
    call = {"name": "AIWorkerInstance__ListActive", "arguments": {"filters": {"status": "busy"}}}
    interpreter.services["ai_wm"].add_worker_definition(
        scripted("w", [{"tool_calls": [call]}, "done"], tool_allowlist=["*"])
    )
    script = """
func talk() means
  set chat = tool.AIWorkerInstance.Spawn("w").conversation_manager_handle
  set reply = tool.Conversation.Ask(chat, "go")
  return [reply, tool.Conversation.History(chat)[2].content]
endfunc
"""
    interpreter.load(script)
    reply, seen = interpreter.run("talk")
    assert reply == "done"
    assert '"status": "busy"' in seen


def test_workers_that_ask_workers_end_somewhere(interpreter: Interpreter) -> None:
    call = ToolCallRequest(id="1", name="AIWorker__ExecuteStatelessTask", arguments={"name": "w", "prompt": "and you?"})

    def answer(request: LLMRequest) -> Any:
        if len(request.messages) > 1:
            return request.messages[-1].content
        return LLMResponse(text="", finish_reason="tool_calls", usage=Usage(), model="m", tool_calls=(call,))

    with AIWorkerManager(clients={"openai": Answers(answer)}) as manager:
        manager.add_worker_definition(worker("w", provider="openai", tool_allowlist=["*"]))
        with Interpreter() as other:
            register_ai_worker_tools(other, manager)
            output = other.tools.call("AIWorker.ExecuteStatelessTask", "w", "go", context=other.host_context())[
                "output"
            ]
        assert "8 deep already" in output
        assert manager.performance_summary("w").successful_tasks == 8


@pytest.mark.parametrize("way", ["one by one", "in batches"])
def test_workers_that_ask_workers_several_times_end_too(manager: AIWorkerManager, way: str) -> None:
    """Two calls a reply, and a reply for each result, are so many in all that no run ends."""
    arguments: dict[str, Any] = {"name": "w", "prompt": "and you?"}
    call = ToolCallRequest(id="1", name="AIWorker__ExecuteStatelessTask", arguments=arguments)
    if way == "in batches":
        batch = {"name": "w", "prompts": ["and you?", "and you?"], "max_parallel": 2}
        call = ToolCallRequest(id="1", name="AIWorker__ExecuteBatch", arguments=batch)
    asked = 0

    def answer(request: LLMRequest) -> LLMResponse:
        nonlocal asked
        asked += 1
        return LLMResponse(text="", finish_reason="tool_calls", usage=Usage(), model="m", tool_calls=(call, call))

    with AIWorkerManager(clients={"openai": Answers(answer)}) as endless:
        endless.add_worker_definition(worker("w", provider="openai", tool_allowlist=["*"]))
        with Interpreter() as other:
            register_ai_worker_tools(other, endless)
            with pytest.raises(NeuroScriptError) as raised:
                other.tools.call("AIWorker.ExecuteStatelessTask", "w", "go", context=other.host_context())
    assert raised.value.code == 16  # the rounds of the first are over
    assert asked <= MOST_NESTED + 9 + 2 * 2  # those of the first, and what begins side by side
