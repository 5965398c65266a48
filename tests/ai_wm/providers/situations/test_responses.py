"""OpenAI's public address is asked in its Responses API, whose rules a server on this machine enforces."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from ai_wm import AIWorkerManager, ToolHost
from ai_wm.providers import Clients
from ai_wm.providers.base import LLMRequest, Usage
from neuroscript import Interpreter
from tests.ai_wm.helpers import raises_code, worker
from tests.ai_wm.providers.loopback import Loopback, Received, events, reply, streamed
from tests.ai_wm.providers.response_wire import Public, called, message, reasoning, response, sse, stream_events
from tests.ai_wm.providers.support import KEY, body_of, collect, request
from tests.ai_wm.providers.wire import TOOLS, UPPER, record_of

KNOWN = {
    *("include", "input", "instructions", "max_output_tokens", "model", "reasoning", "store", "stream"),
    *("temperature", "text", "tool_choice", "tools"),
}


def refused(text: str, code: str | None = None, status: int = 400) -> bytes:
    return reply({"error": {"message": text, "type": "invalid_request_error", "param": None, "code": code}}, status)


def problem_of(body: dict[str, Any]) -> bytes | None:
    """What the server finds wrong with a request, by the rules of the API."""
    if unknown := body.keys() - KNOWN:
        return refused(f"Unknown parameter: '{min(unknown)}'.", "unknown_parameter")
    items = body["input"]
    for place, item in enumerate(items):
        if item.get("type") == "reasoning":
            if not item.get("encrypted_content"):
                return refused(f"Item with id '{item['id']}' not found. Items are not persisted here.", status=404)
            if place + 1 == len(items) or items[place + 1].get("type") not in ("message", "function_call"):
                return refused(f"Item '{item['id']}' of type 'reasoning' was provided without its following item.")
        elif "id" in item and items[place - 1].get("type") != "reasoning":
            return refused(f"Item '{item['id']}' was provided without its required 'reasoning' item.")
    calls = [item["call_id"] for item in items if item.get("type") == "function_call"]
    results = [item["call_id"] for item in items if item.get("type") == "function_call_output"]
    if sorted(calls) != sorted(results):
        return refused("No tool output found for function call.")
    return None


def answer_to(body: dict[str, Any]) -> dict[str, Any]:
    """A call of a tool after a user's message, and an answer after its result."""
    number = sum(item.get("type") == "reasoning" for item in body["input"]) + 1
    if body["input"][-1].get("type") == "function_call_output" or "tools" not in body:
        return response(reasoning(number), message("It is HEY.", number))
    return response(reasoning(number), called({"input_string": "hey"}, number, UPPER))


def play(server: Loopback, first: Callable[[dict[str, Any]], bytes | None] = lambda body: None) -> Loopback:
    """Lets the server play the API; ``first`` may refuse a request before its rules do."""

    def send(connection: Any) -> None:
        body = server.received[-1].json
        problem = first(body) or problem_of(body)
        if problem is None and body.get("stream"):
            stream = sse(*stream_events(answer_to(body)))
            assert not isinstance(stream, bytes)
            stream(connection)
        else:
            connection.sendall(problem or reply(answer_to(body)))

    return server.will(send)


@contextmanager
def public(server: Loopback, **definition: Any) -> Iterator[AIWorkerManager]:
    """A manager with the worker ``w`` of OpenAI's public address, behind which is the loopback server."""
    with Interpreter() as interpreter:
        host = ToolHost(interpreter.tools, interpreter.policy, interpreter.host_context())
        with AIWorkerManager(tools=host, transport=Public(server)) as manager:
            manager.add_worker_definition(worker("w", provider="openai", **{"model_name": "gpt-5.6", **definition}))
            yield manager


def kinds(received: Received) -> list[str]:
    return [item.get("type") or item["role"] for item in received.json["input"]]


def test_tools_work_with_reasoning_models_without_any_setting(server: Loopback) -> None:
    with public(play(server), **TOOLS) as manager:
        assert manager.execute_stateless_task("w", "Shout hey.").output == "It is HEY."
        record = record_of(manager)
    assert [received.path for received in server.received] == ["/v1/responses"] * 2
    assert kinds(server.received[1]) == ["user", "reasoning", "function_call", "function_call_output"]
    assert (record.llm_metrics["input_tokens"], record.llm_metrics["output_tokens"]) == (18, 6)


@pytest.mark.parametrize("stream", [False, True])
def test_a_conversation_keeps_its_reasoning_over_its_turns(server: Loopback, stream: bool) -> None:
    with public(play(server), **TOOLS) as manager:
        conversation = manager.conversation(manager.spawn_worker_instance("w").instance_id)
        for _ in range(3):
            said = conversation.ask("Shout hey.", on_stream=(lambda event: None) if stream else None)
            assert str(said) == "It is HEY."
    turn = ["user", "reasoning", "function_call", "function_call_output", "reasoning", "message"]
    assert kinds(server.received[-1]) == [*turn, *turn, *turn[:4]]
    assert all(received.json.get("stream", False) == stream for received in server.received)
    assert [item["id"] for item in server.received[-1].json["input"] if item.get("type") == "reasoning"] == [
        f"rs_{number}" for number in range(1, 6)
    ]


def test_a_conversation_survives_that_its_reasoning_is_not_taken_back(server: Loopback) -> None:
    """As after a change of the account, to whose key the reasoning is encrypted."""
    strict = False

    def first(body: dict[str, Any]) -> bytes | None:
        if strict and any(item.get("type") == "reasoning" for item in body["input"]):
            return refused("The encrypted content gAAA... could not be verified.", "invalid_encrypted_content")
        return None

    with public(play(server, first)) as manager:
        conversation = manager.conversation(manager.spawn_worker_instance("w").instance_id)
        conversation.ask("One.")
        strict = True
        assert str(conversation.ask("Two.")) == "It is HEY."
        assert kinds(server.received[-1]) == ["user", "message", "user"]
        strict = False
        conversation.ask("Three.")
        assert kinds(server.received[-1])[-3:] == ["reasoning", "message", "user"], "it is tried again"


def test_a_model_that_does_not_reason_is_asked_without_it_from_then_on(server: Loopback) -> None:
    def first(body: dict[str, Any]) -> bytes | None:
        return refused("Encrypted content is not supported with this model.") if "include" in body else None

    with public(play(server, first), model_name="gpt-6-instant") as manager:
        for _ in range(2):
            assert manager.execute_stateless_task("w", "hi").output == "It is HEY."
    assert ["include" in received.json for received in server.received] == [True, False, False]


def test_a_refused_setting_is_told_with_the_providers_words(server: Loopback) -> None:
    def first(body: dict[str, Any]) -> bytes | None:
        return refused("Unsupported parameter: 'temperature' is not supported with this model.")

    with public(play(server, first)) as manager, raises_code(16, "'temperature' is not supported with this model"):
        manager.execute_stateless_task("w", "hi", {"temperature": 0})
    assert len(server.received) == 1


def test_a_stop_sequence_is_refused_before_anything_is_sent(server: Loopback) -> None:
    with public(play(server)) as manager, raises_code(4, r"takes no stop sequences.*api: 'chat'"):
        manager.execute_stateless_task("w", "hi", {"stop": ["END"]})
    assert server.received == []


def test_a_limit_is_kept_by_a_limit_of_output(server: Loopback) -> None:
    with public(play(server), rate_limits={"max_tokens_per_day": 8000}) as manager:
        manager.execute_stateless_task("w", "hi")
        assert server.received[0].json["max_output_tokens"] == 2000
        manager.execute_stateless_task("w", "hi", {"max_output_tokens": 16})
        assert server.received[1].json["max_output_tokens"] == 16


@contextmanager
def at_openai(server: Loopback, **config: Any) -> Iterator[tuple[Any, LLMRequest]]:
    """A client whose public address is the loopback server, and a request to it."""
    with Clients(transport=Public(server), environ={}) as clients:
        yield clients.for_provider("openai"), request("openai", config=config)


def test_the_key_goes_to_the_address_as_ever(server: Loopback) -> None:
    with at_openai(play(server)) as (client, asked):
        assert client.complete(asked).text == "It is HEY."
    assert server.received[0].headers["authorization"] == f"Bearer {KEY}"


def test_chat_completions_on_request(server: Loopback) -> None:
    server.will(reply(body_of("openai")))
    with at_openai(server, api="chat", stop="END") as (client, asked):
        assert client.complete(asked).text == "Hi there"
    assert server.received[0].path == "/v1/chat/completions"
    assert "api" not in server.received[0].json


def test_responses_of_another_server_on_request(server: Loopback, clients: Clients) -> None:
    server.will(reply(response(message())))
    asked = request("custom", config={"base_url": f"{server.url}/v1", "api": "responses"})
    assert clients.for_provider("custom").complete(asked).text == "Hi there"
    assert server.received[0].path == "/v1/responses"


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("streaming", [False, True])
@pytest.mark.parametrize(
    ("code", "attempts", "error"),
    [("server_error", 3, 16), ("rate_limit_exceeded", 3, 20), ("invalid_prompt", 1, 16), ("bio_policy", 1, 16)],
)
def test_failed_responses(server: Loopback, code: str, attempts: int, error: int, streaming: bool) -> None:
    failed = response(status="failed", error={"code": code, "message": f"It is {code}."}, usage=None)
    server.will(sse(*stream_events(failed)) if streaming else reply(failed))
    with at_openai(server) as (client, asked), raises_code(error, re.escape(f"It is {code}.")) as caught:
        collect(client.stream(asked)) if streaming else client.complete(asked)
    assert caught.value.details["attempts"] == attempts == len(server.received)


ONE_MESSAGE = stream_events(response(reasoning(1, "Hm."), message("Hi there")))


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("cut", range(1, len(ONE_MESSAGE)))
def test_a_stream_that_breaks_anywhere_is_asked_for_again(server: Loopback, cut: int) -> None:
    server.will(streamed(events(*ONE_MESSAGE[:cut]), end=False), sse(*ONE_MESSAGE))
    with at_openai(server) as (client, asked):
        text, last = collect(client.stream(asked))
    assert (text, last.text, last.attempts) == ("Hi there", "Hi there", 2)
    assert last.usages[-1] == Usage(input_tokens=9, output_tokens=3)


@pytest.mark.parametrize("code", ["context_length_exceeded", None])
@pytest.mark.parametrize("streaming", [False, True])
def test_a_conversation_that_does_not_fit(server: Loopback, code: str | None, streaming: bool) -> None:
    said = "Your input exceeds the context window of this model. Please adjust your input and try again."
    event = {"type": "error", "code": code, "message": said, "sequence_number": 2}
    server.will(sse(event) if streaming else refused(said, code))
    with at_openai(server) as (client, asked), raises_code(47, "context"):
        collect(client.stream(asked))
