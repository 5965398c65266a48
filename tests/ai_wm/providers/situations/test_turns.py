"""A turn survives what a model does, and a conversation never breaks by its own history."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ai_wm.providers import Clients
from ai_wm.providers.base import Usage
from tests.ai_wm.helpers import raises_code
from tests.ai_wm.providers.loopback import Loopback, Received, reply
from tests.ai_wm.providers.support import at, body_of
from tests.ai_wm.providers.wire import (
    TOOLS,
    UPPER,
    asking,
    call,
    calling,
    chunk,
    completion,
    plain,
    record_of,
    sent,
    sse,
)

# --- A turn survives what a model does ---


def test_openai_tools_need_responses(server: Loopback) -> None:
    message = (
        "Function tools with reasoning_effort are not supported for gpt-5.6 in /v1/chat/completions. "
        "To use function tools, use /v1/responses or set reasoning_effort to 'none'."
    )
    refusal = {"message": message, "type": "invalid_request_error", "param": "reasoning_effort", "code": None}

    def judge(received: Received) -> bytes:
        body = received.json
        if body.get("tools") and body.get("reasoning_effort") != "none":
            return reply({"error": refusal}, 400)
        if body["messages"][-1]["role"] == "tool":
            return reply(completion("It is HEY."))
        return reply(calling(call({"input_string": "hey"})))

    with asking(server.judges(judge), "openai", model_name="gpt-5.6", **TOOLS) as manager:
        assert manager.execute_stateless_task("w", "Shout hey.").output == "It is HEY."
        refused = [received for received in server.received if received.json.get("reasoning_effort") != "none"]
        assert len(refused) == 1  # what was learnt is kept
        # A definition's own choice is not overruled: then the error says what to set.
        with raises_code(16, "set base_config.reasoning_effort to 'none'"):
            manager.execute_stateless_task("w", "Shout hey.", {"reasoning_effort": "low"})


def test_malformed_args_kill_turn(server: Loopback) -> None:
    for broken in ('{"input_string":', "[1]", '"hey"', '{"input_string": hey}'):
        server.will(*plain(calling(call(broken)), calling(call({"input_string": "hey"})), completion("It is HEY.")))
        with asking(server, **TOOLS) as manager:
            conversation = manager.conversation(manager.spawn_worker_instance("w").instance_id)
            assert conversation.ask("Shout hey.") == "It is HEY."
            result = conversation.history[2]
        assert (result.role, result.is_error) == ("tool", True)
        assert "JSON" in result.content
        assert broken in result.content
        assert conversation_text(server, -2) == ["Shout hey.", None, result.content]
        json.loads(sent(server, -2)["messages"][1]["tool_calls"][0]["function"]["arguments"])


def conversation_text(server: Loopback, number: int) -> list[Any]:
    return [message["content"] for message in sent(server, number)["messages"]]


@pytest.mark.parametrize("index", [{"index": 0}, {}], ids=["one index", "no index"])
@pytest.mark.parametrize("ids", [("", ""), (None, None), ("a", "b"), ("same", "same")], ids=str)
@pytest.mark.parametrize("together", [True, False])
def test_parallel_calls_one_index(
    index: dict[str, int], ids: tuple[str | None, str | None], together: bool, server: Loopback
) -> None:
    calls = [call({"input_string": text}, given, **index) for text, given in zip("ab", ids, strict=True)]
    deltas = [{"tool_calls": calls}] if together else [{"tool_calls": [each]} for each in calls]
    first = sse(chunk({"role": "assistant"}), *map(chunk, deltas), chunk({}, "tool_calls"))
    server.will(first, sse(chunk({"content": "A and B"}), chunk({}, "stop")))
    with asking(server, **TOOLS) as manager:
        manager.execute_stateless_task("w", "Shout a and b.", on_stream=lambda event: None)
        assert record_of(manager).llm_metrics["tool_calls"] == [UPPER, UPPER]
    messages = sent(server)["messages"]
    assert [message["content"] for message in messages[2:]] == ["A", "B"]
    assert len({message["tool_call_id"] for message in messages[2:]}) == 2
    assert [message["tool_call_id"] for message in messages[2:]] == [item["id"] for item in messages[1]["tool_calls"]]


@pytest.mark.parametrize("reason", ["MALFORMED_FUNCTION_CALL", "MALFORMED_RESPONSE", "UNEXPECTED_TOOL_CALL"])
@pytest.mark.usefixtures("quick")
def test_gemini_malformed_call(reason: str, clients: Clients, server: Loopback) -> None:
    usage = {"promptTokenCount": 20, "totalTokenCount": 25, "thoughtsTokenCount": 5}
    said = "Malformed function call: print(default_api.weather_now("
    bad = {"candidates": [{"content": {}, "finishReason": reason, "finishMessage": said}], "usageMetadata": usage}
    client = clients.for_provider("google")
    response = client.complete(at(server.will(reply(bad), reply(body_of("google"))), "google"))
    assert (response.text, response.attempts) == ("Hi there", 2)
    assert response.usages == (
        Usage(input_tokens=20, output_tokens=5, reasoning_tokens=5),
        Usage(input_tokens=9, output_tokens=3),
    )
    server.received.clear()
    with raises_code(16, "default_api") as caught:
        client.complete(at(server.will(reply(bad)), "google"))
    assert len(server.received) == 2
    assert caught.value.details["usage"] == Usage(input_tokens=40, output_tokens=10, reasoning_tokens=10)


# --- A conversation never breaks by its own history ---


def test_deepseek_v4_reasoning_final(server: Loopback) -> None:
    def judge(received: Received) -> bytes:
        messages = received.json["messages"]
        turns = with_tools = 0
        for message in messages:
            turns += message["role"] == "user"
        called = [number for number, message in enumerate(messages) if message.get("tool_calls")]
        for number, message in enumerate(messages):
            later_user = next((n for n, m in enumerate(messages) if m["role"] == "user" and n > number), len(messages))
            earlier_user = max(n for n, m in enumerate(messages) if m["role"] == "user" and n <= number)
            with_tools = any(earlier_user < place < later_user for place in called)
            if message["role"] == "assistant" and with_tools and "reasoning_content" not in message:
                error = "The `reasoning_content` in the thinking mode must be passed back to the API."
                return reply({"error": {"message": error, "type": "invalid_request_error", "param": None}}, 400)
        if messages[-1]["role"] == "tool":
            return reply(completion("It is HEY.", message={"reasoning_content": "I have it."}))
        if turns == 1:
            return reply(calling(call({"input_string": "hey"}), message={"reasoning_content": "A tool will do."}))
        return reply(completion("You are welcome.", message={"reasoning_content": ""}))

    with asking(server.judges(judge), **TOOLS) as manager:
        conversation = manager.conversation(manager.spawn_worker_instance("w").instance_id)
        assert conversation.ask("Shout hey.") == "It is HEY."
        assert conversation.ask("Thanks.") == "You are welcome."
        assert conversation.ask("Bye.") == "You are welcome."
    kept = [message.get("reasoning_content") for message in sent(server)["messages"]]
    assert kept == [None, "A tool will do.", None, "I have it.", None, None, None]


def test_vllm_reasoning_field(server: Loopback) -> None:
    first = calling(call({"input_string": "hey"}), message={"reasoning": "A tool will do."})
    with asking(server.will(*plain(first, completion("HEY"))), **TOOLS) as manager:
        manager.execute_stateless_task("w", "Shout hey.")
    assert sent(server)["messages"][1]["reasoning"] == "A tool will do."
    assert "reasoning_content" not in sent(server)["messages"][1]
    pieces = [chunk({"reasoning": "A tool "}), chunk({"reasoning": "will do."})]
    server.will(
        sse(*pieces, chunk({"tool_calls": [call({"input_string": "hey"}, index=0)]}), chunk({}, "tool_calls")),
        sse(chunk({"content": "HEY"}), chunk({}, "stop")),
    )
    with asking(server, **TOOLS) as manager:
        manager.execute_stateless_task("w", "Shout hey.", on_stream=lambda event: None)
    assert sent(server)["messages"][1]["reasoning"] == "A tool will do."


def test_anthropic_whitespace_text(server: Loopback) -> None:
    def judge(received: Received) -> bytes:
        for message in received.json["messages"]:
            for block in message["content"]:
                if block["type"] == "text" and not block["text"].strip():
                    text = "messages: text content blocks must contain non-whitespace text"
                    return reply({"type": "error", "error": {"type": "invalid_request_error", "message": text}}, 400)
        return reply(body_of("anthropic", "\n\n"))

    with asking(server.judges(judge), "anthropic") as manager:
        conversation = manager.conversation(manager.spawn_worker_instance("w").instance_id)
        conversation.ask("One.")
        conversation.add_user_message(" ")
        conversation.add_model_message("\t")
        conversation.ask("Two.")
    assert [[block["text"] for block in message["content"]] for message in sent(server)["messages"]] == [
        ["One.", "Two."]
    ]
