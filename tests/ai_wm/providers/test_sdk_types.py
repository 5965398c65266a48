"""What is sent fits the types of the providers' own SDKs, and what those SDKs send is the same."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic import TypeAdapter

from ai_wm.providers import anthropic, google, ollama, openai, responses
from ai_wm.providers.base import LLMRequest, Message
from tests.ai_wm.providers import response_wire
from tests.ai_wm.providers.loopback import Loopback, reply
from tests.ai_wm.providers.response_wire import stream_events
from tests.ai_wm.providers.support import KEY, WEATHER, body_of, request, user
from tests.ai_wm.providers.test_openai import SCHEMA, TURN
from tests.ai_wm.providers.test_responses import CALLING, RESULTS, TWO_MESSAGES

OPTIONS: dict[str, Any] = {"max_output_tokens": 100, "stop": ["END"], "response_format": SCHEMA}
SAMPLING = {"temperature": 0.5, "top_p": 0.9, "top_k": 40, "seed": 7}


def ask(provider: str, **config: Any) -> LLMRequest:
    return request(provider, *TURN, system="Be brief.", tools=(WEATHER,), config={**OPTIONS, **config})


def consumed(value: Any) -> Any:
    """``value`` with every lazy part looked at, since pydantic checks an ``Iterable`` only when it is read."""
    if isinstance(value, dict):
        return {key: consumed(item) for key, item in value.items()}
    return value if isinstance(value, str | int | float | bool | None) else [consumed(item) for item in value]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("choice", ["auto", "weather.Now"])
def test_openai(stream: bool, choice: str) -> None:
    types = pytest.importorskip("openai.types.chat.completion_create_params", reason="the openai package is missing")
    wanted = types.CompletionCreateParamsStreaming if stream else types.CompletionCreateParamsNonStreaming
    body = openai.build(ask("openai", **SAMPLING, tool_choice=choice), stream=stream).body
    assert consumed(TypeAdapter(wanted).validate_python(body)) == body
    assert set(body) <= set(wanted.__annotations__) | set(types.CompletionCreateParamsBase.__annotations__)


# Of the Responses API: it takes no stop sequences.
RESPONSES: dict[str, Any] = {
    "max_output_tokens": 100,
    "response_format": SCHEMA,
    "temperature": 0.5,
    "top_p": 0.9,
    "verbosity": "low",
    "reasoning_effort": "low",
    "logprobs": True,
    "top_logprobs": 2,
    "service_tier": "flex",
}


def ask_responses(*more: Message, **config: Any) -> LLMRequest:
    said = responses.parse(CALLING, request("openai", tools=(WEATHER,))).as_message()
    history = (*TURN, user("And now?"), said, *RESULTS, *more)
    return request("openai", *history, system="Be brief.", tools=(WEATHER,), config={**RESPONSES, **config})


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("choice", ["auto", "weather.Now"])
@pytest.mark.parametrize("shape", [SCHEMA, "json"], ids=["schema", "json"])
def test_responses(stream: bool, choice: str, shape: Any) -> None:
    types = pytest.importorskip("openai.types.responses.response_create_params", reason="the openai package is missing")
    wanted = types.ResponseCreateParamsStreaming if stream else types.ResponseCreateParamsNonStreaming
    body = responses.build(ask_responses(tool_choice=choice, response_format=shape), stream=stream).body
    assert consumed(TypeAdapter(wanted).validate_python(body)) == body
    assert set(body) <= set(wanted.__annotations__) | set(types.ResponseCreateParamsBase.__annotations__)


REFUSED = response_wire.response(response_wire.message(refusal="No."))


@pytest.mark.parametrize("whole", [CALLING, TWO_MESSAGES, REFUSED], ids=["calls", "text", "refusal"])
def test_the_events_that_the_tests_of_responses_play_are_the_apis(whole: dict[str, Any]) -> None:
    types = pytest.importorskip("openai.types.responses", reason="the openai package is missing")
    for event in stream_events(whole):
        read = TypeAdapter(types.ResponseStreamEvent).validate_python(event, strict=True)
        assert read.to_dict(mode="json", exclude_unset=True) == event


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("choice", ["auto", "required", "weather.Now"])
def test_anthropic(stream: bool, choice: str) -> None:
    types = pytest.importorskip("anthropic.types.message_create_params", reason="the anthropic package is missing")
    wanted = types.MessageCreateParamsStreaming if stream else types.MessageCreateParamsNonStreaming
    body = anthropic.build(ask("anthropic", tool_choice=choice), stream=stream).body
    assert consumed(TypeAdapter(wanted).validate_python(body)) == body
    assert set(body) <= set(wanted.__annotations__) | set(types.MessageCreateParamsBase.__annotations__)


def test_the_version_of_anthropics_api_is_that_of_its_sdk() -> None:
    constants = pytest.importorskip("anthropic._constants", reason="the anthropic package is missing")
    assert anthropic.VERSION == constants.ANTHROPIC_API_VERSION


@pytest.mark.parametrize("choice", ["auto", "weather.Now"])
def test_google(choice: str) -> None:
    types = pytest.importorskip("google.genai.types", reason="the google-genai package is missing")
    body = google.build(ask("google", **SAMPLING, tool_choice=choice)).body
    for content in body.pop("contents"):
        types.Content.model_validate(content)
    types.Content.model_validate(body.pop("systemInstruction"))
    for tool in body.pop("tools"):
        types.Tool.model_validate(tool)
    types.ToolConfig.model_validate(body.pop("toolConfig"))
    types.GenerationConfig.model_validate(body.pop("generationConfig"))
    assert not body


def test_ollama() -> None:
    types = pytest.importorskip("ollama", reason="the ollama package is missing")
    body = ollama.build(ask("ollama", **SAMPLING)).body
    checked = types._types.ChatRequest.model_validate(body)
    assert checked.model_dump(exclude_none=True)["options"] == body["options"]
    for message in body["messages"]:
        assert types.Message.model_validate(message).model_dump(exclude_none=True) == message


class TestTheSameRequest:
    """The SDK and the adapter are asked for the same and send the same body to the same path."""

    def test_openai(self, server: Loopback) -> None:
        sdk = pytest.importorskip("openai", reason="the openai package is missing")
        server.will(reply(body_of("openai")))
        ours = openai.build(ask("openai", temperature=0.5))
        with sdk.OpenAI(base_url=f"{server.url}/v1", api_key=KEY) as client:
            client.chat.completions.create(**ours.body)
        assert server.received[0].json == ours.body
        assert server.received[0].path == f"/v1/{ours.path}"
        assert server.received[0].headers["authorization"] == f"Bearer {KEY}"

    def test_responses(self, server: Loopback) -> None:
        sdk = pytest.importorskip("openai", reason="the openai package is missing")
        server.will(reply(response_wire.response(response_wire.message())))
        ours = responses.build(ask_responses())
        with sdk.OpenAI(base_url=f"{server.url}/v1", api_key=KEY) as client:
            assert client.responses.create(**ours.body).output_text == "Hi there"
        assert server.received[0].json == ours.body
        assert server.received[0].path == f"/v1/{ours.path}"

    def test_anthropic(self, server: Loopback) -> None:
        sdk = pytest.importorskip("anthropic", reason="the anthropic package is missing")
        server.will(reply(body_of("anthropic")))
        ours = anthropic.build(ask("anthropic"))
        with sdk.Anthropic(base_url=server.url, api_key=KEY) as client:
            client.messages.create(**ours.body)
        assert server.received[0].json == ours.body
        assert server.received[0].path == f"/{ours.path}"
        assert server.received[0].headers["anthropic-version"] == ours.headers["anthropic-version"]

    def test_google(self, server: Loopback) -> None:
        sdk = pytest.importorskip("google.genai", reason="the google-genai package is missing")
        server.will(reply(body_of("google")))
        ours = google.build(ask("google", **SAMPLING))
        generation = ours.body["generationConfig"]
        # The SDK of today asks for v1; v1beta is the version that has everything, and serves the same methods.
        client = sdk.Client(api_key=KEY, http_options={"base_url": server.url, "api_version": "v1beta"})
        client.models.generate_content(
            model="m-1",
            contents=ours.body["contents"],
            config={
                "system_instruction": ours.body["systemInstruction"],
                "tools": ours.body["tools"],
                "temperature": generation["temperature"],
                "top_p": generation["topP"],
                "top_k": generation["topK"],
                "seed": generation["seed"],
                "max_output_tokens": generation["maxOutputTokens"],
                "stop_sequences": generation["stopSequences"],
                "response_mime_type": generation["responseMimeType"],
                "response_json_schema": generation["responseJsonSchema"],
                "automatic_function_calling": {"disable": True},
            },
        )
        client.close()
        sent = server.received[0]
        assert sent.path == f"/{ours.path}"
        assert sent.headers["x-goog-api-key"] == KEY
        # The API takes fields in both spellings; here the SDK uses the other one.
        theirs = json.loads(sent.body.replace(b"parameters_json_schema", b"parametersJsonSchema"))
        assert theirs.pop("systemInstruction")["parts"] == ours.body.pop("systemInstruction")["parts"]
        assert theirs == ours.body

    def test_ollama(self, server: Loopback) -> None:
        sdk = pytest.importorskip("ollama", reason="the ollama package is missing")
        server.will(reply(body_of("ollama")))
        ours = ollama.build(ask("ollama", **SAMPLING))
        with sdk.Client(host=server.url) as client:
            client.chat(**ours.body)
        assert server.received[0].json == ours.body
        assert server.received[0].path == f"/{ours.path}"
