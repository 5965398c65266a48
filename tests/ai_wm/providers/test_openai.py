"""The wire format of chat completions, for OpenAI itself and for the servers that speak it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ai_wm.providers import openai
from ai_wm.providers.adapter import StreamError
from ai_wm.providers.base import LLMResponse, Message, ToolCallRequest, Usage
from neuroscript.errors import NeuroScriptError
from tests.ai_wm.providers.support import WEATHER, body_of, request, user

TURN = (
    user("Weather in Rome and Oslo?"),
    Message(
        role="assistant",
        content="Let me look.",
        tool_calls=(
            ToolCallRequest(id="call_a", name="weather.Now", arguments={"city": "Rome"}),
            ToolCallRequest(id="call_b", name="weather.Now", arguments={"city": "Oslo"}),
        ),
    ),
    Message(role="tool", content="20 C", tool_call_id="call_a", name="weather.Now"),
    Message(role="tool", content="no such place", tool_call_id="call_b", name="weather.Now", is_error=True),
)


def body(provider: str, *messages: Message, **config: Any) -> dict[str, Any]:
    return openai.build(request(provider, *messages, config=config, tools=(WEATHER,), system="Be brief.")).body


def parse(reply: dict[str, Any], provider: str = "openai") -> LLMResponse:
    return openai.parse(reply, request(provider, tools=(WEATHER,)))


def streamed(*chunks: Any, provider: str = "openai") -> LLMResponse:
    parser = openai.stream_parser(request(provider, tools=(WEATHER,)))
    for chunk in chunks:
        parser.feed("", chunk)
    assert parser.ended()
    return parser.response()


def choice(delta: dict[str, Any], finish: str | None = None) -> dict[str, Any]:
    return {"id": "c-1", "model": "m-2", "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}


def test_a_turn_with_two_tool_calls_and_their_results() -> None:
    call = openai.build(request("openai", *TURN, tools=(WEATHER,), system="Be brief."))
    assert call.path == "chat/completions"
    assert call.body == {
        "model": "m-1",
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "Weather in Rome and Oslo?"},
            {
                "role": "assistant",
                "content": "Let me look.",
                "tool_calls": [
                    {
                        "id": "call_a",
                        "type": "function",
                        "function": {"name": "weather_Now", "arguments": '{"city": "Rome"}'},
                    },
                    {
                        "id": "call_b",
                        "type": "function",
                        "function": {"name": "weather_Now", "arguments": '{"city": "Oslo"}'},
                    },
                ],
            },
            {"role": "tool", "tool_call_id": "call_a", "content": "20 C"},
            {"role": "tool", "tool_call_id": "call_b", "content": "no such place"},
        ],
        "tools": [
            {
                "type": "function",
                "function": {
                    "name": "weather_Now",
                    "description": "The weather at a place.",
                    "parameters": WEATHER.parameters,
                },
            }
        ],
    }


def test_options_for_openai() -> None:
    config = {"temperature": 0.2, "top_p": 0.9, "top_k": 5, "max_output_tokens": 50, "seed": 7, "stop": "END"}
    sent = body("openai", **config, reasoning_effort="low", timeout_seconds=3, fallbacks=["b"], on_limit="wait")
    del sent["messages"], sent["tools"], sent["model"]
    assert sent == {
        "temperature": 0.2,
        "top_p": 0.9,
        "max_completion_tokens": 50,
        "seed": 7,
        "stop": ["END"],
        "reasoning_effort": "low",
    }


def test_options_for_compatible_servers() -> None:
    sent = body("custom", max_output_tokens=50, top_k=5, min_p=0.1)
    assert (sent["max_tokens"], sent["top_k"], sent["min_p"]) == (50, 5, 0.1)
    assert "max_completion_tokens" not in sent


def test_compatible_servers_get_alternating_turns() -> None:
    sent = body("custom", user("a file"), user("a question"))
    assert [message["role"] for message in sent["messages"]] == ["system", "user"]
    assert sent["messages"][1]["content"] == "a file\n\na question"
    assert len(body("openai", user("a file"), user("a question"))["messages"]) == 3


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ("auto", "auto"),
        ("none", "none"),
        ("required", "required"),
        ("any", "required"),
        ("weather.Now", {"type": "function", "function": {"name": "weather_Now"}}),
        ({"type": "tool", "name": "weather.Now"}, {"type": "function", "function": {"name": "weather_Now"}}),
    ],
)
def test_tool_choice(given: Any, sent: Any) -> None:
    assert body("openai", tool_choice=given)["tool_choice"] == sent


SCHEMA = {"type": "object", "properties": {"a": {"type": "integer"}}}
CLOSED = {**SCHEMA, "required": ["a"], "additionalProperties": False}


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ("json", {"type": "json_object"}),
        ({"type": "json_object"}, {"type": "json_object"}),
        (SCHEMA, {"type": "json_schema", "json_schema": {"name": "reply", "schema": SCHEMA}}),
        (
            {"type": "json_schema", "json_schema": {"name": "my thing", "schema": SCHEMA, "strict": True}},
            {"type": "json_schema", "json_schema": {"name": "my_thing", "schema": CLOSED, "strict": True}},
        ),
    ],
)
def test_response_format(given: Any, sent: Any) -> None:
    assert body("openai", response_format=given)["response_format"] == sent


def test_an_option_that_is_null_takes_its_key_away() -> None:
    call = openai.build(request("custom", config={"stream_options": None}), stream=True)
    assert "stream_options" not in call.body
    assert call.body["stream"] is True


@pytest.mark.parametrize("key", ["messages", "model", "tools", "stream"])
def test_what_the_program_makes_cannot_be_set(key: str) -> None:
    with pytest.raises(NeuroScriptError, match=f"base_config.{key}") as caught:
        body("openai", **{key: "x"})
    assert caught.value.code == 4


def test_a_reply_with_parallel_tool_calls() -> None:
    reply = body_of("openai")
    reply["choices"][0] = {
        "index": 0,
        "finish_reason": "tool_calls",
        "message": {
            "role": "assistant",
            "content": None,
            "tool_calls": [
                {
                    "id": "call_a",
                    "type": "function",
                    "function": {"name": "weather_Now", "arguments": '{"city":"Rome"}'},
                },
                {"id": "call_b", "type": "function", "function": {"name": "weather_Now", "arguments": ""}},
            ],
        },
    }
    response = parse(reply)
    assert (response.text, response.finish_reason) == ("", "tool_calls")
    assert response.tool_calls == (
        ToolCallRequest(id="call_a", name="weather.Now", arguments={"city": "Rome"}),
        ToolCallRequest(id="call_b", name="weather.Now", arguments={}),
    )


@pytest.mark.parametrize(
    ("reason", "word"),
    [
        ("stop", "stop"),
        ("length", "length"),
        ("eos", "stop"),
        ("something new", "unknown"),
        ("function_call", "unknown"),
        (None, "unknown"),
    ],
)
def test_finish_reasons(reason: str | None, word: str) -> None:
    reply = body_of("openai")
    reply["choices"][0]["finish_reason"] = reason
    assert parse(reply).finish_reason == word


@pytest.mark.parametrize("text", [None, "Well, "])
def test_a_refusal_is_a_failure_also_beside_text(text: str | None) -> None:
    reply = body_of("openai")
    reply["choices"][0]["message"] = {"role": "assistant", "content": text, "refusal": "I will not."}
    with pytest.raises(StreamError, match=r"I will not\.") as caught:
        parse(reply)
    assert (caught.value.text, caught.value.reply.cause) == (text or "", "content_filter")
    assert caught.value.usage == Usage(input_tokens=9, output_tokens=3)


@pytest.mark.parametrize(
    ("usage", "counted"),
    [
        pytest.param(
            {
                "prompt_tokens": 2006,
                "completion_tokens": 300,
                "total_tokens": 2306,
                "prompt_tokens_details": {"cached_tokens": 1920},
                "completion_tokens_details": {"reasoning_tokens": 0, "accepted_prediction_tokens": 0},
            },
            Usage(input_tokens=2006, cache_read_tokens=1920, output_tokens=300),
            id="prompt caching guide",
        ),
        pytest.param(
            {
                "prompt_tokens": 75,
                "completion_tokens": 1186,
                "total_tokens": 1261,
                "completion_tokens_details": {"reasoning_tokens": 1024},
            },
            Usage(input_tokens=75, output_tokens=1186, reasoning_tokens=1024),
            id="reasoning guide",
        ),
        pytest.param(
            {
                "prompt_tokens": 3000,
                "completion_tokens": 10,
                "total_tokens": 3010,
                "prompt_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 2900},
            },
            Usage(input_tokens=3000, cache_write_tokens=2900, output_tokens=10),
            id="written to the cache",
        ),
        pytest.param(
            {
                "prompt_tokens": 32,
                "completion_tokens": 9,
                "total_tokens": 135,
                "completion_tokens_details": {"reasoning_tokens": 94},
            },
            Usage(input_tokens=32, output_tokens=103, reasoning_tokens=94),
            id="reasoning counted apart",
        ),
        pytest.param(
            {"prompt_tokens": 100, "completion_tokens": 5, "prompt_cache_hit_tokens": 64},
            Usage(input_tokens=100, cache_read_tokens=64, output_tokens=5),
            id="DeepSeek",
        ),
        pytest.param({"prompt_tokens": 5, "completion_tokens": None}, Usage(input_tokens=5), id="null"),
    ],
)
def test_usage(usage: dict[str, Any], counted: Usage) -> None:
    assert parse({**body_of("openai"), "usage": usage}).usage == counted


@pytest.mark.parametrize(
    ("usage", "counted"),
    [
        ({"prompt_tokens": "many", "completion_tokens": 4}, Usage(output_tokens=4)),
        ({"prompt_tokens": -1, "completion_tokens": 4}, Usage(output_tokens=4)),
        ({"prompt_tokens": "12", "completion_tokens": 1.5}, Usage(input_tokens=12, output_tokens=2)),
        ({"prompt_tokens": True, "completion_tokens": 10**40}, Usage()),
        ({"prompt_tokens": {}, "prompt_tokens_details": []}, Usage()),
        (3, Usage()),
        ("12", Usage()),
        ([], Usage()),
    ],
)
def test_usage_that_is_no_count_does_not_lose_the_reply(usage: Any, counted: Usage) -> None:
    response = parse({**body_of("openai"), "usage": usage})
    assert (response.text, response.usage) == ("Hi there", counted)
    assert bool(response.usage.unusable) == bool(usage), "the numbers are not to be believed"


def test_a_streamed_tool_call_in_fragments() -> None:
    def piece(index: int, **call: Any) -> dict[str, Any]:
        return choice({"tool_calls": [{"index": index, **call}]})

    response = streamed(
        choice({"role": "assistant", "content": None}),
        piece(0, id="call_a", type="function", function={"name": "weather_Now", "arguments": ""}),
        piece(0, function={"arguments": '{"ci'}),
        piece(0, function={"arguments": 'ty":"Rome"}'}),
        piece(1, id="call_b", type="function", function={"name": "weather_Now", "arguments": "{}"}),
        choice({}, "tool_calls"),
        {"id": "c-1", "choices": [], "usage": {"prompt_tokens": 5, "completion_tokens": 6}},
        "[DONE]",
    )
    assert [(call.id, call.arguments) for call in response.tool_calls] == [("call_a", {"city": "Rome"}), ("call_b", {})]
    assert (response.finish_reason, response.usage.total_tokens) == ("tool_calls", 11)


def test_streamed_calls_without_an_index_or_all_with_the_same() -> None:
    for index in ({}, {"index": 0}):
        calls = [
            {**index, "id": name, "function": {"name": "weather_Now", "arguments": json.dumps({"city": name})}}
            for name in ("a", "b")
        ]
        response = streamed(
            choice({"tool_calls": calls[:1]}), choice({"tool_calls": calls[1:]}), choice({}, "stop"), provider="custom"
        )
        assert [call.arguments["city"] for call in response.tool_calls] == ["a", "b"]
        assert response.finish_reason == "tool_calls"


def test_other_servers_may_leave_out_the_end_marker_after_the_finish_reason() -> None:
    chunks = [choice({"content": "hi"}), choice({}, "stop")]
    assert streamed(*chunks, provider="custom").text == "hi"


def test_the_end_marker_without_a_finish_reason() -> None:
    assert streamed(choice({"content": "half"}), "[DONE]").finish_reason == "unknown"
    with pytest.raises(StreamError, match="empty"):
        streamed(choice({}), "[DONE]")


def test_an_error_within_a_stream_or_a_successful_reply() -> None:
    error = {"error": {"message": "Provider returned error", "code": 502}}
    with pytest.raises(StreamError, match="Provider returned error") as caught:
        openai.stream_parser(request("custom")).feed("", error)
    assert caught.value.reply.status == 502
    with pytest.raises(StreamError):
        parse(error, "custom")


@pytest.mark.parametrize("arguments", ["{broken", "[1]", '"text"', "3"])
def test_arguments_that_are_no_object(arguments: str) -> None:
    reply = body_of("openai")
    reply["choices"][0]["message"]["tool_calls"] = [{"id": "a", "function": {"name": "x", "arguments": arguments}}]
    (call,) = parse(reply).tool_calls
    assert (call.name, call.arguments) == ("x", {})
    assert "JSON" in call.problem
    assert arguments in call.problem
    sent = body("openai", user("hi"), parse(reply).as_message())["messages"][-1]
    assert sent["tool_calls"][0]["function"]["arguments"] == "{}"


def test_reasoning_goes_back_with_its_tool_calls_to_compatible_servers_only() -> None:
    reply = body_of("openai", "")
    reply["choices"][0]["message"].update(
        reasoning_content="hm",
        tool_calls=[{"id": "a", "function": {"name": "weather_Now", "arguments": "{}"}, "extra_content": {"s": 1}}],
    )
    message = parse(reply, "custom").as_message()
    sent = body("custom", user("hi"), message)["messages"][-1]
    assert sent["reasoning_content"] == "hm"
    assert sent["tool_calls"][0]["extra_content"] == {"s": 1}
    assert "reasoning_content" not in body("openai", user("hi"), message)["messages"][-1]


@pytest.mark.parametrize(
    ("reply", "message"),
    [
        ({"error": {"message": "m", "type": "t", "code": "c"}}, "m"),
        ({"error": "m"}, "m"),
        ({"object": "error", "message": "m", "code": 400}, "m"),
        ({"detail": "m"}, "m"),
        ({"detail": [{"msg": "m"}]}, "m"),
        ([], ""),
        ({"error": None}, ""),
    ],
)
def test_the_shapes_of_errors(reply: Any, message: str) -> None:
    assert openai.parse_error(reply).message == message
