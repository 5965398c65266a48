"""Bedrock's replies that fit a JSON Schema, by models that enforce it, call a tool with it, or do neither."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from ai_wm.providers import Clients, bedrock
from ai_wm.providers.base import LLMRequest, LLMResponse, Message, ToolCallRequest, ToolDefinition
from ai_wm.providers.bedrock_json import JSON_TOOL
from tests.ai_wm.helpers import raises_code
from tests.ai_wm.providers.loopback import Loopback, Received, reply
from tests.ai_wm.providers.support import WEATHER, collect, user
from tests.ai_wm.providers.test_aws_events import event
from tests.ai_wm.providers.test_bedrock import ask, converse

SCHEMA = {
    "type": "object",
    "properties": {"n": {"type": "integer", "minimum": 1}, "note": {"type": "string"}},
    "required": ["n"],
}
FREE = {"type": "object", "additionalProperties": {"type": "integer"}}


def at(server: Loopback, schema: Any = SCHEMA, **more: Any) -> LLMRequest:
    config = {"base_url": server.url, "aws_region": "eu-west-1", "max_retries": 0, **more.pop("config", {})}
    return ask(*more.pop("messages", ()), config={**config, "response_format": schema}, **more)


def refused(message: str) -> bytes:
    return reply({"message": message}, 400, {"x-amzn-errortype": "ValidationException:http://internal.amazon.com/"})


def unsupported(field: str) -> bytes:
    return refused(f"This model doesn't support the {field} field. Remove {field} and try again.")


def model(*lacks: str, stream: bool) -> Callable[[Received], bytes]:
    """A model that lacks these: ``outputConfig``, ``toolChoice``, ``tools``."""

    def judge(received: Received) -> bytes:
        body = received.json
        tools = body.get("toolConfig", {})
        if "outputConfig" in lacks and "outputConfig" in body:
            return unsupported("outputConfig.textFormat")
        if "tools" in lacks and tools:
            return refused("This model doesn't support tool use.")
        if "toolChoice" in lacks and "toolChoice" in tools:
            return unsupported(f"toolConfig.toolChoice.{next(iter(tools['toolChoice']))}")
        if JSON_TOOL in json.dumps(tools):
            return called(stream)
        return said('{"n": 3}', stream)

    return judge


def said(text: str, stream: bool) -> bytes:
    if not stream:
        return reply(converse({"text": text}))
    return streamed_reply(*({"delta": {"text": piece}} for piece in (text[:3], text[3:])), stop="end_turn")


def called(stream: bool, before: str = "Sure: ") -> bytes:
    use = {"toolUseId": "t1", "name": JSON_TOOL}
    if not stream:
        return reply(converse({"text": before}, {"toolUse": {**use, "input": {"n": 3}}}, stop="tool_use"))
    return streamed_reply(
        {"delta": {"text": before}},
        {"start": {"toolUse": use}, "contentBlockIndex": 1},
        {"delta": {"toolUse": {"input": '{"n":'}}, "contentBlockIndex": 1},
        {"delta": {"toolUse": {"input": " 3}"}}, "contentBlockIndex": 1},
        stop="tool_use",
    )


def streamed_reply(*parts: dict[str, Any], stop: str) -> bytes:
    events = [
        event("contentBlockStart" if "start" in part else "contentBlockDelta", {"contentBlockIndex": 0, **part})
        for part in parts
    ]
    metadata = {"usage": {"inputTokens": 9, "outputTokens": 3, "totalTokens": 12}}
    raw = b"".join([*events, event("messageStop", {"stopReason": stop}), event("metadata", metadata)])
    return reply(raw, content_type="application/vnd.amazon.eventstream")


def answer(clients: Clients, asked: LLMRequest, stream: bool) -> LLMResponse:
    client = clients.for_provider("bedrock")
    if not stream:
        return client.complete(asked)
    text, response = collect(client.stream(asked))
    assert text == response.text
    return response


def test_the_schema_is_sent_as_the_service_wants_it() -> None:
    body = bedrock.build(ask(config={"response_format": SCHEMA, "outputConfig": {"effort": "low"}})).body
    form = body["outputConfig"]["textFormat"]
    assert form["type"] == "json_schema"
    definition = form["structure"]["jsonSchema"]
    assert definition["name"] == "reply"
    sent = json.loads(definition["schema"])
    assert (sent["additionalProperties"], sent["required"]) == (False, ["n"])
    assert "minimum" in sent["properties"]["n"]["description"]
    assert body["outputConfig"]["effort"] == "low"
    assert "system" not in body
    assert "toolConfig" not in body


WAYS = [
    pytest.param((), 1, id="a model that enforces schemas"),
    pytest.param(("outputConfig",), 2, id="one that can be made to call a tool"),
    pytest.param(("outputConfig", "toolChoice"), 3, id="one that cannot"),
    pytest.param(("outputConfig", "tools"), 3, id="one without tools"),
]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(("lacks", "requests"), WAYS)
def test_every_model_is_asked_in_its_own_way(
    lacks: tuple[str, ...], requests: int, stream: bool, clients: Clients, server: Loopback
) -> None:
    server.judges(model(*lacks, stream=stream))
    response = answer(clients, at(server), stream)
    assert json.loads(response.text) == {"n": 3}
    assert (response.finish_reason, response.tool_calls) == ("stop", ())
    assert len(server.received) == requests
    last = server.received[-1].json
    assert ("JSON Schema" in json.dumps(last.get("system", ""))) == (requests == 3)  # in words only where need be
    answer(clients, at(server), stream)
    assert len(server.received) == requests + 1  # what the model wants is remembered


@pytest.mark.parametrize("stream", [False, True])
def test_tools_are_called_before_the_reply(stream: bool, clients: Clients, server: Loopback) -> None:
    server.judges(model("outputConfig", stream=stream))
    assert json.loads(answer(clients, at(server, tools=(WEATHER,)), stream).text) == {"n": 3}
    config = server.received[-1].json["toolConfig"]
    assert [tool["toolSpec"]["name"] for tool in config["tools"]] == ["weather_Now", JSON_TOOL]
    assert config["toolChoice"] == {"any": {}}


def test_calls_of_other_tools_come_first(clients: Clients, server: Loopback) -> None:
    uses = [
        {"toolUse": {"toolUseId": "a", "name": JSON_TOOL, "input": {"n": 1}}},
        {"toolUse": {"toolUseId": "b", "name": "weather_Now", "input": {"city": "Paris"}}},
    ]
    server.will(reply(converse(*uses, stop="tool_use")))
    response = answer(clients, at(server, tools=(WEATHER,)), stream=False)
    assert (response.text, response.finish_reason) == ("", "tool_calls")
    assert [call.name for call in response.tool_calls] == ["weather.Now"]


def test_a_tool_that_is_asked_for_by_name_is_called(clients: Clients, server: Loopback) -> None:
    server.judges(model("outputConfig", stream=False))
    answer(clients, at(server, tools=(WEATHER,), config={"tool_choice": "weather.Now"}), stream=False)
    last = server.received[-1].json
    assert last["toolConfig"]["toolChoice"] == {"tool": {"name": "weather_Now"}}
    assert "JSON Schema" in last["system"][0]["text"]


def test_a_map_with_free_keys_goes_to_the_tool_at_once(clients: Clients, server: Loopback) -> None:
    server.judges(model(stream=False))
    assert json.loads(answer(clients, at(server, FREE), stream=False).text) == {"n": 3}
    (received,) = server.received
    assert received.json["toolConfig"]["tools"][0]["toolSpec"]["inputSchema"]["json"] == FREE
    assert "outputConfig" not in received.json


@pytest.mark.parametrize("shape", ["json", {"type": "array", "items": {"type": "integer"}}])
def test_what_is_no_object_is_asked_for_in_words(shape: Any) -> None:
    body = bedrock.build(ask(config={"response_format": shape})).body
    assert "JSON" in body["system"][0]["text"]
    assert not body.keys() & {"outputConfig", "toolConfig"}


def test_a_tool_of_the_hosts_with_that_name_is_a_tool() -> None:
    tool = ToolDefinition(name=JSON_TOOL, description="", parameters={"type": "object"})
    asked = ask(tools=(tool,), config={"response_format": SCHEMA})
    assert "outputConfig" not in bedrock.build(asked).body
    use = {"toolUse": {"toolUseId": "a", "name": JSON_TOOL, "input": {"n": 1}}}
    assert bedrock.parse(converse(use, stop="tool_use"), asked).tool_calls[0].name == JSON_TOOL


@pytest.mark.parametrize("stream", [False, True])
def test_a_reply_by_tool_that_does_not_fit_is_a_failure(stream: bool, clients: Clients, server: Loopback) -> None:
    server.judges(model("outputConfig", stream=stream))
    with raises_code(16, "does not fit the schema"):
        answer(clients, at(server, {**SCHEMA, "properties": {"n": {"type": "string"}}}), stream)


def test_words_without_json_are_delivered_at_the_end(clients: Clients, server: Loopback) -> None:
    server.will(said("I would rather not.", stream=True))
    client = clients.for_provider("bedrock")
    pieces = [piece.text for piece in client.stream(LLMRequest(**{**fields(at(server)), "takes_any_reply": True}))]
    assert "".join(pieces) == "I would rather not."


def fields(asked: LLMRequest) -> dict[str, Any]:
    return {name: getattr(asked, name) for name in asked.__slots__}


# --- What models of the service do not take ---


CALLED = (
    user("hello"),
    Message(role="assistant", content="", tool_calls=(ToolCallRequest(id="t1", name="weather.Now", arguments={}),)),
    Message(role="tool", content="it broke", tool_call_id="t1", name="weather.Now", is_error=True),
)
REFUSALS = [
    pytest.param(
        {"system": "Be brief."},
        "This model doesn't support system messages. Try again without system messages or use a model that does.",
        lambda body: "system" in body,
        lambda body: body["messages"][0]["content"][:2] == [{"text": "Be brief."}, {"text": "hello"}],
        id="system messages",
    ),
    pytest.param(
        {"messages": CALLED, "tools": (WEATHER,)},
        "This model doesn't support the status field. Remove status and try again.",
        lambda body: '"status"' in json.dumps(body),
        lambda body: body["messages"][2]["content"][0]["toolResult"]["content"] == [{"text": "it broke"}],
        id="the status of a result",
    ),
    pytest.param(
        {"tools": (WEATHER,), "config": {"tool_choice": "auto"}},
        "This model doesn't support the toolConfig.toolChoice.auto field. Remove toolConfig.toolChoice.auto and try.",
        lambda body: "toolChoice" in body["toolConfig"],
        lambda body: len(body["toolConfig"]["tools"]) == 1,
        id="the choice of tools",
    ),
]


@pytest.mark.parametrize(("given", "message", "refuses", "holds"), REFUSALS)
def test_a_request_is_sent_as_the_model_takes_it(
    given: dict[str, Any],
    message: str,
    refuses: Callable[[Any], bool],
    holds: Callable[[Any], bool],
    clients: Clients,
    server: Loopback,
) -> None:
    server.judges(lambda received: refused(message) if refuses(received.json) else reply(converse()))
    assert answer(clients, at(server, "text", **given), stream=False).text == "Hi there"
    assert len(server.received) == 2
    assert holds(server.received[-1].json)


def test_a_model_that_is_not_shown_its_reasoning(clients: Clients, server: Loopback) -> None:
    thought = converse({"reasoningContent": {"reasoningText": {"text": "hm"}}}, {"text": "Hi"})
    message = "User messages cannot contain reasoning content. Please remove the reasoning content and try again."

    def judge(received: Received) -> bytes:
        return refused(message) if b"reasoningContent" in received.body else reply(thought)

    server.judges(judge)
    first = answer(clients, at(server, "text"), stream=False)
    again = at(server, "text", messages=(user("hello"), first.as_message(), user("and?")))
    assert answer(clients, again, stream=False).text == "Hi"
    assert len(server.received) == 3


@pytest.mark.parametrize("choice", ["required", "weather.Now"])
def test_a_choice_that_means_something_is_not_dropped(choice: str, clients: Clients, server: Loopback) -> None:
    server.judges(lambda received: unsupported("toolConfig.toolChoice.any"))
    with raises_code(16, "doesn't support the toolConfig.toolChoice"):
        answer(clients, at(server, "text", tools=(WEATHER,), config={"tool_choice": choice}), stream=False)
    assert len(server.received) == 1
