"""The wire format of Google's generateContent."""

from __future__ import annotations

from typing import Any

import pytest

from ai_wm.providers import google
from ai_wm.providers.adapter import StreamError
from ai_wm.providers.base import LLMResponse, Message, ToolCallRequest, Usage
from neuroscript.errors import NeuroScriptError
from tests.ai_wm.providers.support import WEATHER, body_of, request, user
from tests.ai_wm.providers.test_openai import SCHEMA, TURN


def body(*messages: Message, **config: Any) -> dict[str, Any]:
    return google.build(request("google", *messages, config=config, tools=(WEATHER,), system="Be brief.")).body


def parse(candidate: dict[str, Any] | None = None, **changes: Any) -> LLMResponse:
    reply = {**body_of("google"), **changes}
    if candidate is not None:
        reply["candidates"] = [candidate]
    return google.parse(reply, request("google", tools=(WEATHER,)))


def streamed(*chunks: dict[str, Any]) -> LLMResponse:
    parser = google.stream_parser(request("google", tools=(WEATHER,)))
    for chunk in chunks:
        parser.feed("", chunk)
    assert parser.ended()
    return parser.response()


def test_a_turn_with_two_tool_calls_and_their_results() -> None:
    call = google.build(request("google", *TURN, tools=(WEATHER,), system="Be brief."))
    assert call.path == "v1beta/models/m-1:generateContent"
    assert call.body == {
        "contents": [
            {"role": "user", "parts": [{"text": "Weather in Rome and Oslo?"}]},
            {
                "role": "model",
                "parts": [
                    {"text": "Let me look."},
                    {
                        "functionCall": {"name": "weather_Now", "args": {"city": "Rome"}},
                        # Another provider made this call, so there is no signature of it.
                        "thoughtSignature": "skip_thought_signature_validator",
                    },
                    {"functionCall": {"name": "weather_Now", "args": {"city": "Oslo"}}},
                ],
            },
            {
                "role": "user",
                "parts": [
                    {"functionResponse": {"name": "weather_Now", "response": {"output": "20 C"}}},
                    {"functionResponse": {"name": "weather_Now", "response": {"error": "no such place"}}},
                ],
            },
        ],
        "systemInstruction": {"parts": [{"text": "Be brief."}]},
        "tools": [
            {
                "functionDeclarations": [
                    {
                        "name": "weather_Now",
                        "description": "The weather at a place.",
                        "parametersJsonSchema": WEATHER.parameters,
                    }
                ]
            }
        ],
    }


def test_the_address_of_a_stream_and_of_a_tuned_model() -> None:
    assert google.build(request("google"), stream=True).path == "v1beta/models/m-1:streamGenerateContent?alt=sse"
    tuned = request("google", model="tunedModels/my model")
    assert google.build(tuned).path == "v1beta/tunedModels/my%20model:generateContent"
    for model in ("models/../../v1/secrets", " ", "a/../b"):
        with pytest.raises(NeuroScriptError, match="not the name of a model"):
            google.build(request("google", model=model))


def test_options() -> None:
    sent = body(
        temperature=0,
        top_p=0.9,
        top_k=40,
        max_output_tokens=50,
        seed=7,
        stop=["END"],
        thinkingConfig={"thinkingBudget": 0},
        presence_penalty=0.5,
        safetySettings=[{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "BLOCK_NONE"}],
        cached_content="cachedContents/1",
    )
    assert sent["generationConfig"] == {
        "temperature": 0,
        "topP": 0.9,
        "topK": 40,
        "maxOutputTokens": 50,
        "seed": 7,
        "stopSequences": ["END"],
        "thinkingConfig": {"thinkingBudget": 0},
        "presencePenalty": 0.5,
    }
    assert sent["safetySettings"][0]["threshold"] == "BLOCK_NONE"
    assert sent["cachedContent"] == "cachedContents/1"


def test_a_whole_generation_config_is_merged() -> None:
    sent = body(temperature=0, generationConfig={"candidateCount": 1})
    assert sent["generationConfig"] == {"temperature": 0, "candidateCount": 1}


@pytest.mark.parametrize("key", ["contents", "system_instruction", "tools"])
def test_what_the_program_makes_cannot_be_set(key: str) -> None:
    with pytest.raises(NeuroScriptError, match="cannot be set"):
        body(**{key: []})


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ("auto", {"mode": "AUTO"}),
        ("none", {"mode": "NONE"}),
        ("required", {"mode": "ANY"}),
        ("weather.Now", {"mode": "ANY", "allowedFunctionNames": ["weather_Now"]}),
    ],
)
def test_tool_choice(given: str, sent: dict[str, Any]) -> None:
    assert body(tool_choice=given)["toolConfig"] == {"functionCallingConfig": sent}


def test_response_format() -> None:
    assert body(response_format="json")["generationConfig"] == {"responseMimeType": "application/json"}
    assert body(response_format=SCHEMA)["generationConfig"]["responseJsonSchema"] == SCHEMA


@pytest.mark.parametrize(
    ("reason", "word"),
    [
        ("STOP", "stop"),
        ("MAX_TOKENS", "length"),
        ("CONTINUATION", "length"),
        ("OTHER", "unknown"),
    ],
)
def test_finish_reasons(reason: str, word: str) -> None:
    assert parse({"content": {"parts": [{"text": "x"}]}, "finishReason": reason}).finish_reason == word


def test_a_blocked_prompt_has_no_candidates() -> None:
    with pytest.raises(StreamError, match="SAFETY") as caught:
        parse(candidates=[], promptFeedback={"blockReason": "SAFETY"})
    assert (caught.value.reply.cause, caught.value.reply.final) == ("content_filter", True)
    with pytest.raises(StreamError, match="no candidates") as caught:
        parse(candidates=[])
    assert (caught.value.reply.cause, caught.value.reply.once) == ("empty", True)


@pytest.mark.parametrize(
    ("usage", "counted"),
    [
        pytest.param(
            {"promptTokenCount": 4, "candidatesTokenCount": 715, "totalTokenCount": 719},
            Usage(input_tokens=4, output_tokens=715),
            id="plain",
        ),
        pytest.param(
            {
                "promptTokenCount": 696219,
                "cachedContentTokenCount": 696190,
                "candidatesTokenCount": 214,
                "totalTokenCount": 696433,
            },
            Usage(input_tokens=696219, cache_read_tokens=696190, output_tokens=214),
            id="caching guide",
        ),
        pytest.param(
            {"promptTokenCount": 8, "candidatesTokenCount": 50, "thoughtsTokenCount": 900, "totalTokenCount": 958},
            Usage(input_tokens=8, output_tokens=950, reasoning_tokens=900),
            id="thinking",
        ),
        pytest.param(
            {"promptTokenCount": 8, "toolUsePromptTokenCount": 100, "candidatesTokenCount": 5, "totalTokenCount": 113},
            Usage(input_tokens=108, output_tokens=5),
            id="tools run by the provider",
        ),
    ],
)
def test_usage(usage: dict[str, Any], counted: Usage) -> None:
    response = parse(usageMetadata=usage)
    assert response.usage == counted
    assert response.usage.total_tokens == usage["totalTokenCount"]


PARTS: list[dict[str, Any]] = [
    {"text": "thinking about it", "thought": True},
    {"text": "Let me look."},
    {"functionCall": {"id": "fc-1", "name": "weather_Now", "args": {"city": "Rome"}}, "thoughtSignature": "c2ln"},
    {"functionCall": {"name": "weather_Now", "args": {"city": "Oslo"}}},
]


def test_calls_go_back_exactly_as_they_came_and_their_ids_with_the_results() -> None:
    response = parse({"content": {"role": "model", "parts": PARTS}, "finishReason": "STOP"})
    assert (response.text, response.finish_reason) == ("Let me look.", "tool_calls")
    first, second = response.tool_calls
    assert first == ToolCallRequest(id="fc-1", name="weather.Now", arguments={"city": "Rome"})
    assert second.arguments == {"city": "Oslo"}
    results = [Message(role="tool", content="ok", tool_call_id=call.id, name=call.name) for call in (first, second)]
    sent = body(user("hi"), response.as_message(), *results)["contents"]
    assert sent[1] == {"role": "model", "parts": PARTS}
    assert [part["functionResponse"].get("id") for part in sent[2]["parts"]] == ["fc-1", None]


def test_a_stream_gives_the_same_as_one_reply() -> None:
    whole = parse({"content": {"role": "model", "parts": PARTS}, "finishReason": "STOP"})

    def chunk(*parts: dict[str, Any], **more: Any) -> dict[str, Any]:
        return {
            "candidates": [{"content": {"role": "model", "parts": list(parts)}, **more}],
            "modelVersion": "m-1-2026",
        }

    response = streamed(
        chunk({"text": "thinking ", "thought": True}),
        chunk({"text": "about it", "thought": True}, {"text": "Let me "}),
        chunk({"text": "look."}),
        chunk(PARTS[2]),
        {
            **chunk(PARTS[3], finishReason="STOP"),
            "usageMetadata": body_of("google")["usageMetadata"],
            "responseId": "resp-1",
        },
    )
    assert response == whole
    assert response.provider_data == whole.provider_data


def test_a_stream_that_is_blocked_at_once() -> None:
    with pytest.raises(StreamError, match="SAFETY"):
        streamed({"promptFeedback": {"blockReason": "SAFETY"}})


def test_errors() -> None:
    error = {"code": 503, "message": "The model is overloaded.", "status": "UNAVAILABLE"}
    with pytest.raises(StreamError, match="overloaded") as caught:
        google.stream_parser(request("google")).feed("", {"error": error})
    assert caught.value.reply.status == 503
    assert google.parse_error([{"error": error}]).message == "The model is overloaded."
    violation = {"quotaId": "GenerateRequestsPerDayPerProjectPerModel-FreeTier"}
    details = [
        {"@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": [violation]},
        {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "34.5s"},
    ]
    quota = google.parse_error({"error": {"code": 429, "message": "quota", "details": details}})
    assert (quota.final, quota.retry_after) == (True, 34.5)
