"""Requests that a server refuses for their form, and that are sent once more as it wants them."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from ai_wm.providers import Clients, anthropic, google, openai, responses
from ai_wm.providers.adapter import NO_SIGNATURE, ErrorReply
from ai_wm.providers.amend import amended, amendment_for
from ai_wm.providers.amendments import AMENDMENTS
from ai_wm.providers.base import LLMRequest, Message, ToolCallRequest
from tests.ai_wm.helpers import raises_code
from tests.ai_wm.providers.loopback import Loopback, Received, events, reply
from tests.ai_wm.providers.response_wire import message, response, stream_events
from tests.ai_wm.providers.support import WEATHER, at, body_of, error_of, request, stream_of, user

CALL = ToolCallRequest(id="call00001", name="weather.Now", arguments={"city": "Rome"})


def turn(provider: str, data: dict[str, Any] | None = None, *, answered: bool = True, **config: Any) -> LLMRequest:
    """A conversation in which a tool was called, and perhaps another message has come since."""
    own = f"{provider} m-1 {config.get('base_url') or ''}"
    calling = Message(role="assistant", content="", tool_calls=(CALL,), provider_data=data and {"origin": own, **data})
    result = Message(role="tool", content="20 C", tool_call_id=CALL.id, name=CALL.name)
    rest = (Message(role="assistant", content="20 C."), user("And now?")) if answered else ()
    return request(provider, user("How warm is it?"), calling, result, *rest, tools=(WEATHER,), config=config)


def keys_in(value: Any) -> set[str]:
    if isinstance(value, dict):
        return set(value) | {key for item in value.values() for key in keys_in(item)}
    return {key for item in value for key in keys_in(item)} if isinstance(value, list) else set()


def says_json(body: dict[str, Any]) -> bool:
    return "JSON" in json.dumps(body.get("messages", body.get("systemInstruction")))


SCHEMA = {"type": "object", "properties": {"n": {"type": "integer"}}}
REASONED = {"reasoning": {"reasoning_content": "hm"}}
SIGNED = {
    "content": [
        {"type": "thinking", "thinking": "hm", "signature": "sig"},
        {"type": "tool_use", "id": CALL.id, "name": "weather_Now", "input": CALL.arguments},
    ]
}
SIGNED_PARTS = {"parts": [{"functionCall": {"name": "weather_Now", "args": CALL.arguments}, "thoughtSignature": "s"}]}
THINKING = {"type": "enabled", "budget_tokens": 2000}

Wants = Callable[[dict[str, Any]], bool]
CASES: list[tuple[str, LLMRequest, str, Wants]] = [
    (
        "LM Studio knows a JSON Schema alone (lmstudio-bug-tracker#189)",
        request("custom", config={"response_format": "json"}),
        "'response_format.type' must be 'json_schema' or 'text'",
        lambda body: "response_format" not in body and says_json(body),
    ),
    (
        "Groq has no JSON mode beside tools",
        request("custom", tools=(WEATHER,), config={"response_format": "json"}),
        "json mode cannot be combined with tool/function calling",
        lambda body: "response_format" not in body and says_json(body),
    ),
    (
        "Groq has models without a JSON Schema",
        request("custom", config={"response_format": SCHEMA}),
        "This model does not support response format `json_schema`. See supported models",
        lambda body: body["response_format"] == {"type": "json_object"} and says_json(body),
    ),
    (
        "a model without any of them (o1-mini)",
        request("openai", config={"response_format": "json"}),
        "Invalid parameter: 'response_format' of type 'json_object' is not supported with this model.",
        lambda body: "response_format" not in body and says_json(body),
    ),
    (
        "Cerebras gives reasoning and does not take it back (Kilo-Org/kilocode#10403)",
        turn("custom", REASONED),
        "messages.1.assistant.reasoning_content: property 'messages.1.assistant.reasoning_content' is unsupported",
        lambda body: "reasoning_content" not in keys_in(body),
    ),
    (
        "Mistral takes no unknown keys in a message",
        turn("custom", {**REASONED, "calls": [{"google": {}}]}),
        "body.messages.1.assistant.reasoning_content: Extra inputs are not permitted",
        lambda body: keys_in(body).isdisjoint({"reasoning_content", "extra_content"}),
    ),
    (
        "DeepSeek wants the reasoning of calls that were another's",
        turn("custom"),
        "The `reasoning_content` in the thinking mode must be passed back to the API.",
        lambda body: body["messages"][1].get("reasoning_content") == "",
    ),
    (
        "a text is wanted beside the calls",
        turn("custom"),
        "messages[1].content: Input should be a valid string, got null",
        lambda body: body["messages"][1]["content"] == "",
    ),
    (
        "Gemma's template has no system prompt",
        request("custom", system="Be brief."),
        "System role not supported",
        lambda body: body["messages"] == [{"role": "user", "content": "Be brief.\n\nhello"}],
    ),
    (
        "o1-mini has none either",
        request("openai", system="Be brief."),
        "Unsupported value: 'messages[0].role' does not support 'system' with this model.",
        lambda body: body["messages"] == [{"role": "user", "content": "Be brief.\n\nhello"}],
    ),
    (
        "Gemini's compatible endpoint wants a signature with each first call",
        turn("custom"),
        "Function call is missing a thought_signature in functionCall parts. This is required for tools to work",
        lambda body: NO_SIGNATURE in json.dumps(body["messages"][1]["tool_calls"][0]),
    ),
    (
        "a gateway has changed who answers behind it (tombii/better-ccflare#52)",
        turn("anthropic", SIGNED, thinking=THINKING),
        "messages.1.content.0: Invalid `signature` in `thinking` block",
        lambda body: "signature" not in keys_in(body) and "thinking" not in body,
    ),
    (
        "thinking in a turn that another model began (Antigravity-Manager#139)",
        turn("anthropic", answered=False, thinking=THINKING),
        "messages.1.content.0.type: Expected `thinking` or `redacted_thinking`, but found `tool_use`.",
        lambda body: "thinking" not in body,
    ),
    (
        "Gemini 2.5 has no JSON mode beside tools (js-genai#727)",
        request("google", tools=(WEATHER,), config={"response_format": SCHEMA}),
        "Function calling with a response mime type: 'application/json' is unsupported",
        lambda body: not body["generationConfig"] and says_json(body) and "integer" in json.dumps(body),
    ),
    (
        "Gemma at Google has no system instruction",
        request("google", system="Be brief."),
        "Developer instruction is not enabled for models/gemma-3-27b-it",
        lambda body: body["contents"] == [{"role": "user", "parts": [{"text": "Be brief."}, {"text": "hello"}]}],
    ),
    (
        "Google does not know a signature again",
        turn("google", SIGNED_PARTS),
        "Thought signature is not valid.",
        lambda body: body["contents"][1]["parts"][0]["thoughtSignature"] == NO_SIGNATURE,
    ),
]
CASES += [
    (
        "DashScope thinks in streams alone (langchain4j#3974)",
        request("custom"),
        "parameter.enable_thinking must be set to false for non-streaming calls",
        lambda body: body.get("stream") is True,
    ),
    (
        "QwQ answers in streams alone",
        request("custom"),
        "This model only support stream mode, please enable the stream parameter to access the model.",
        lambda body: body.get("stream") is True,
    ),
    (
        "a gateway to Anthropic wants a stream for a long reply",
        request("anthropic", config={"max_output_tokens": 60_000}),
        "Streaming is required for operations that may take longer than 10 minutes.",
        lambda body: body.get("stream") is True,
    ),
]

RESPONSES: list[tuple[str, LLMRequest, str, Wants]] = [
    (
        "ChatGPT's server for Codex answers in streams alone",
        request("openai"),
        "Stream must be set to true",
        lambda body: body.get("stream") is True,
    ),
    (
        "OpenAI has models with a JSON mode alone",
        request("openai", config={"response_format": SCHEMA}),
        "Invalid parameter: 'text.format' of type 'json_schema' is not supported with this model.",
        lambda body: body["text"] == {"format": {"type": "json_object"}} and "integer" in json.dumps(body["input"][0]),
    ),
    (
        "a server in front of LM Studio knows a JSON Schema alone",
        request("openai", system="Be brief.", config={"response_format": "json", "verbosity": "low"}),
        "'response_format.type' must be 'json_schema' or 'text'",
        lambda body: (
            body["text"] == {"verbosity": "low"} and "Be brief.\n\nReply with one JSON" in body["instructions"]
        ),
    ),
    (
        "a server that takes no format",
        request("openai", config={"response_format": SCHEMA}),
        "Unknown parameter: 'text.format'.",
        lambda body: "text" not in body and "integer" in body["instructions"],
    ),
]


BUILD = {"anthropic": anthropic.build, "custom": openai.build, "google": google.build, "openai": openai.build}
DIALECT = {"custom": "openai"}


def asked_at(server: Loopback, asked: LLMRequest) -> LLMRequest:
    """The same request to a server, whose own the replies in its history then are."""
    provider = asked.provider
    base = at(server, provider).config["base_url"]
    messages = tuple(
        message
        if message.provider_data is None
        else replace(message, provider_data={**message.provider_data, "origin": f"{provider} m-1 {base}"})
        for message in asked.messages
    )
    return replace(asked, messages=messages, config=json.loads(json.dumps(asked.config)) | {"base_url": base})


@pytest.mark.parametrize(("asked", "refusal", "wants"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_a_refused_request_is_sent_as_the_server_wants_it(
    asked: LLMRequest, refusal: str, wants: Wants, clients: Clients, server: Loopback
) -> None:
    provider = asked.provider
    good = body_of(provider, '{"n": 1}')

    def judge(received: Received) -> bytes:
        if not wants(received.json):
            return reply(error_of(provider, refusal), 400)
        if not received.json.get("stream"):
            return reply(good)
        return reply(b"".join(stream_of(provider, '{"n": ', "1}")), content_type="text/event-stream")

    again = asked_at(server.judges(judge), asked)
    response = clients.for_provider(provider).complete(again)
    assert (response.text, len(server.received)) == ('{"n": 1}', 2)


@pytest.mark.parametrize(
    ("asked", "refusal", "wants"), [case[1:] for case in RESPONSES], ids=[case[0] for case in RESPONSES]
)
def test_a_refused_request_in_responses_is_sent_as_the_server_wants_it(
    asked: LLMRequest, refusal: str, wants: Wants, clients: Clients, server: Loopback
) -> None:
    good = response(message('{"n": 1}'))

    def judge(received: Received) -> bytes:
        if not wants(received.json):
            return reply(error_of("openai", refusal), 400)
        if not received.json.get("stream"):
            return reply(good)
        return reply(b"".join(events(*stream_events(good))), content_type="text/event-stream")

    base = at(server.judges(judge), "openai", api="responses").config
    again = request("openai", system=asked.system, config={**asked.config, **base})
    client = clients.for_provider("openai")
    for _ in range(2):
        assert client.complete(again).text == '{"n": 1}'
    assert len(server.received) == 3, "it is asked so from then on"


def test_what_one_api_wants_is_not_kept_for_the_other(clients: Clients, server: Loopback) -> None:
    def judge(received: Received) -> bytes:
        if received.path.endswith("/responses"):
            return reply(response(message()))
        if received.json["messages"][0]["role"] == "system":
            return reply(error_of("custom", "System role not supported"), 400)
        return reply(body_of("custom"))

    base = at(server.judges(judge), "custom").config
    for api in ("chat", "responses", "chat"):
        asked = request("custom", system="Be brief.", config={**base, "api": api})
        assert clients.for_provider("custom").complete(asked).text == "Hi there"
    assert [received.path for received in server.received] == [
        *("/v1/chat/completions",) * 2,
        "/v1/responses",
        "/v1/chat/completions",
    ]
    assert server.received[2].json["instructions"] == "Be brief."


@pytest.mark.parametrize(("asked", "refusal"), [case[1:3] for case in CASES], ids=[case[0] for case in CASES])
def test_a_request_that_already_is_as_wanted_is_not_sent_again(asked: LLMRequest, refusal: str) -> None:
    body, said = BUILD[asked.provider](asked).body, ErrorReply(message=refusal)
    dialect = DIALECT.get(asked.provider, asked.provider)
    found = amendment_for(body, said, dialect=dialect)
    assert found is not None
    assert found.name not in {
        getattr(amendment_for(amended(body, [found.name]), said, [found.name], dialect), "name", "")
    }
    assert amendment_for(body, said, dialect="ollama") is None


@pytest.mark.parametrize(
    "refusal",
    [
        "Invalid schema for response_format 'reply': In context=(), 'required' must be an array",
        "max_tokens is too large",
        "Invalid value: 'messages' must contain the word 'json' in some form, to use 'response_format'",
        "",
    ],
)
def test_other_refusals_change_nothing(refusal: str) -> None:
    body = openai.build(turn("custom", REASONED, response_format="json", max_output_tokens=9)).body
    assert amendment_for(body, ErrorReply(message=refusal)) is None


@pytest.mark.parametrize(
    "refusal",
    [
        "Response input messages must contain the word 'json' in some form to use 'text.format' of type 'json_object'.",
        "Invalid schema for text.format 'reply': In context=(), 'required' must be an array",
        "System role not supported",
        "",
    ],
)
def test_other_refusals_change_nothing_in_responses(refusal: str) -> None:
    body = responses.build(turn("openai", response_format="json", max_output_tokens=16)).body
    assert amendment_for(body, ErrorReply(message=refusal), dialect="responses") is None


def test_every_amendment_has_a_name_of_its_own() -> None:
    assert len({item.name for item in AMENDMENTS}) == len(AMENDMENTS)


def test_what_one_history_wants_is_not_kept_for_the_next(clients: Clients, server: Loopback) -> None:
    def judge(received: Received) -> bytes:
        blocks = [block for message in received.json["messages"] for block in message["content"]]
        if any(block.get("signature") == "old" for block in blocks):
            return reply(error_of("anthropic", "messages.1.content.0: Invalid `signature` in `thinking` block"), 400)
        return reply(body_of("anthropic"))

    client = clients.for_provider("anthropic")
    base = at(server.judges(judge), "anthropic").config["base_url"]
    for signature in ("old", "new"):
        content = [{**SIGNED["content"][0], "signature": signature}, SIGNED["content"][1]]
        client.complete(turn("anthropic", {"content": content}, base_url=base, thinking=THINKING))
    assert "thinking" not in server.received[1].json
    assert server.received[-1].json["thinking"] == THINKING
    assert len(server.received) == 3


def test_a_server_that_refuses_every_form_is_believed(clients: Clients, server: Loopback) -> None:
    server.will(reply(error_of("custom", "System role not supported"), 400))
    asked = request("custom", system="Be brief.", config=at(server, "custom").config)
    with raises_code(16, "System role not supported"):
        clients.for_provider("custom").complete(asked)
    assert len(server.received) == 2
