"""The wire format of Anthropic's messages."""

from __future__ import annotations

from typing import Any

import pytest

from ai_wm.providers import anthropic
from ai_wm.providers.adapter import BadReply, StreamError
from ai_wm.providers.base import LLMResponse, Message, ToolCallRequest, Usage
from tests.ai_wm.providers.support import WEATHER, body_of, request, user
from tests.ai_wm.providers.test_openai import SCHEMA, TURN


def body(*messages: Message, **config: Any) -> dict[str, Any]:
    return anthropic.build(request("anthropic", *messages, config=config, tools=(WEATHER,), system="Be brief.")).body


def parse(**changes: Any) -> LLMResponse:
    return anthropic.parse({**body_of("anthropic"), **changes}, request("anthropic", tools=(WEATHER,)))


def streamed(*events: dict[str, Any]) -> LLMResponse:
    parser = anthropic.stream_parser(request("anthropic", tools=(WEATHER,)))
    for event in events:
        parser.feed(event["type"], event)
    assert parser.ended()
    return parser.response()


def test_a_turn_with_two_tool_calls_and_their_results() -> None:
    call = anthropic.build(request("anthropic", *TURN, tools=(WEATHER,), system="Be brief."))
    assert call.path == "v1/messages"
    assert call.body == {
        "model": "m-1",
        "max_tokens": anthropic.DEFAULT_MAX_TOKENS,
        "system": "Be brief.",
        "messages": [
            {"role": "user", "content": [{"type": "text", "text": "Weather in Rome and Oslo?"}]},
            {
                "role": "assistant",
                "content": [
                    {"type": "text", "text": "Let me look."},
                    {"type": "tool_use", "id": "call_a", "name": "weather_Now", "input": {"city": "Rome"}},
                    {"type": "tool_use", "id": "call_b", "name": "weather_Now", "input": {"city": "Oslo"}},
                ],
            },
            {
                "role": "user",
                "content": [
                    {"type": "tool_result", "tool_use_id": "call_a", "content": "20 C"},
                    {"type": "tool_result", "tool_use_id": "call_b", "content": "no such place", "is_error": True},
                ],
            },
        ],
        "tools": [
            {"name": "weather_Now", "description": "The weather at a place.", "input_schema": WEATHER.parameters}
        ],
    }


def test_options() -> None:
    sent = body(max_output_tokens=50, stop=["END"], seed=1, thinking={"type": "adaptive"})
    assert (sent["max_tokens"], sent["stop_sequences"], sent["thinking"]) == (50, ["END"], {"type": "adaptive"})
    assert "seed" not in sent


@pytest.mark.parametrize("option", ["temperature", "top_p", "top_k"])
def test_sampling_options_need_the_older_version_of_the_api(option: str) -> None:
    call = anthropic.build(request("anthropic", config={option: 1}))
    assert call.headers == {"anthropic-version": "2023-06-01"}
    assert call.body[option] == 1


def test_everything_else_uses_the_current_version() -> None:
    assert anthropic.build(request("anthropic")).headers == {"anthropic-version": "2026-10-21"}


def test_turns_alternate_and_none_is_empty() -> None:
    sent = body(user("a"), user("b"), Message(role="assistant", content=""), user("c"))
    assert [(turn["role"], len(turn["content"])) for turn in sent["messages"]] == [("user", 3)]


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ("auto", {"type": "auto"}),
        ("none", {"type": "none"}),
        ("required", {"type": "any"}),
        ("weather.Now", {"type": "tool", "name": "weather_Now"}),
    ],
)
def test_tool_choice(given: str, sent: dict[str, str]) -> None:
    assert body(tool_choice=given)["tool_choice"] == sent


def test_response_format() -> None:
    sent = body(response_format=SCHEMA, output_config={"effort": "low"})
    closed = {**SCHEMA, "additionalProperties": False}
    assert sent["output_config"] == {"format": {"type": "json_schema", "schema": closed}, "effort": "low"}
    # There is no JSON mode without a schema: the model is told instead.
    assert body(response_format="json")["system"].startswith("Be brief.\n\nReply with one JSON value")


@pytest.mark.parametrize(
    ("reason", "word"),
    [
        ("end_turn", "stop"),
        ("stop_sequence", "stop"),
        ("max_tokens", "length"),
        ("model_context_window_exceeded", "length"),
        ("pause_turn", "pause"),
    ],
)
def test_stop_reasons(reason: str, word: str) -> None:
    assert parse(stop_reason=reason).finish_reason == word


@pytest.mark.parametrize(
    ("usage", "counted"),
    [
        pytest.param(
            {
                "cache_creation_input_tokens": 188086,
                "cache_read_input_tokens": 0,
                "input_tokens": 21,
                "output_tokens": 393,
            },
            Usage(input_tokens=188107, cache_write_tokens=188086, output_tokens=393),
            id="prompt caching guide: first call",
        ),
        pytest.param(
            {
                "cache_creation_input_tokens": 0,
                "cache_read_input_tokens": 188086,
                "input_tokens": 21,
                "output_tokens": 393,
            },
            Usage(input_tokens=188107, cache_read_tokens=188086, output_tokens=393),
            id="prompt caching guide: second call",
        ),
        pytest.param(
            {"input_tokens": 10, "output_tokens": 500, "output_tokens_details": {"thinking_tokens": 450}},
            Usage(input_tokens=10, output_tokens=500, reasoning_tokens=450),
            id="thinking",
        ),
        pytest.param(
            {"input_tokens": 10, "output_tokens": 5, "cache_read_input_tokens": None},
            Usage(input_tokens=10, output_tokens=5),
            id="null",
        ),
        pytest.param(
            {
                "input_tokens": 10,
                "output_tokens": 5,
                "iterations": [
                    {"type": "compaction", "input_tokens": 1000, "output_tokens": 200},
                    {"type": "message", "input_tokens": 10, "output_tokens": 5},
                ],
            },
            Usage(input_tokens=1010, output_tokens=205),
            id="compaction",
        ),
        pytest.param(
            {
                "input_tokens": 10,
                "output_tokens": 5,
                "iterations": [
                    {"type": "compaction", "input_tokens": 7, "cache_read_input_tokens": 900, "output_tokens": 200},
                    {"type": "compaction", "input_tokens": 8, "cache_creation_input_tokens": 50, "output_tokens": 20},
                    None,
                ],
            },
            Usage(input_tokens=975, cache_read_tokens=900, cache_write_tokens=50, output_tokens=225),
            id="compactions and a cache",
        ),
    ],
)
def test_usage(usage: dict[str, Any], counted: Usage) -> None:
    assert parse(usage=usage).usage == counted
    at_the_start = {**usage, "output_tokens": 1, "iterations": None}
    response = streamed(
        {"type": "message_start", "message": {**body_of("anthropic"), "content": [], "usage": at_the_start}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": "Hi"}},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": usage},
        {"type": "message_stop"},
    )
    assert response.usage == counted


def test_thinking_goes_back_exactly_as_it_came_with_its_tool_calls() -> None:
    content = [
        {"type": "thinking", "thinking": "hm", "signature": "sig=="},
        {"type": "text", "text": "Let me look."},
        {"type": "tool_use", "id": "toolu_1", "name": "weather_Now", "input": {"city": "Rome"}},
    ]
    response = parse(content=content, stop_reason="tool_use")
    assert response.text == "Let me look."
    assert response.tool_calls == (ToolCallRequest(id="toolu_1", name="weather.Now", arguments={"city": "Rome"}),)
    assert body(user("hi"), response.as_message())["messages"][1] == {"role": "assistant", "content": content}


def test_the_documented_stream_of_a_tool_call() -> None:
    # From "Streaming messages": fragments of JSON, cumulative usage, a ping, an event that nobody knows yet.
    response = streamed(
        {
            "type": "message_start",
            "message": {
                "id": "msg_014p7gG3wDgGV9EUtLvnow3U",
                "type": "message",
                "role": "assistant",
                "model": "m-1-2026",
                "stop_sequence": None,
                "usage": {"input_tokens": 472, "output_tokens": 2, "cache_read_input_tokens": 28},
                "content": [],
                "stop_reason": None,
            },
        },
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "ping"},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Okay"}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": ", let's check."}},
        {"type": "content_block_stop", "index": 0},
        {"type": "brand_new_event", "anything": 1},
        {
            "type": "content_block_start",
            "index": 1,
            "content_block": {"type": "tool_use", "id": "toolu_01T1", "name": "weather_Now", "input": {}},
        },
        {"type": "content_block_delta", "index": 1, "delta": {"type": "input_json_delta", "partial_json": ""}},
        {"type": "content_block_delta", "index": 1, "delta": {"type": "input_json_delta", "partial_json": '{"city":'}},
        {"type": "content_block_delta", "index": 1, "delta": {"type": "input_json_delta", "partial_json": ' "Rome"}'}},
        {"type": "content_block_stop", "index": 1},
        {
            "type": "message_delta",
            "delta": {"stop_reason": "tool_use", "stop_sequence": None},
            "usage": {"output_tokens": 89},
        },
        {"type": "message_stop"},
    )
    assert response == LLMResponse(
        text="Okay, let's check.",
        finish_reason="tool_calls",
        usage=Usage(input_tokens=500, cache_read_tokens=28, output_tokens=89),
        model="m-1-2026",
        tool_calls=(ToolCallRequest(id="toolu_01T1", name="weather.Now", arguments={"city": "Rome"}),),
        request_id="msg_014p7gG3wDgGV9EUtLvnow3U",
    )


def test_streamed_thinking_keeps_its_signature() -> None:
    start = {**body_of("anthropic"), "content": [], "stop_reason": None}
    response = streamed(
        {"type": "message_start", "message": start},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "thinking", "thinking": ""}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "thinking_delta", "thinking": "hm"}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "signature_delta", "signature": "sig=="}},
        {"type": "content_block_stop", "index": 0},
        {
            "type": "content_block_start",
            "index": 1,
            "content_block": {"type": "tool_use", "id": "t", "name": "weather_Now", "input": {}},
        },
        {"type": "content_block_stop", "index": 1},
        {"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": {"output_tokens": 3}},
        {"type": "message_stop"},
    )
    assert response.text == ""
    sent = body(user("hi"), response.as_message())["messages"][1]["content"]
    assert sent[0] == {"type": "thinking", "thinking": "hm", "signature": "sig=="}


def test_an_error_within_a_stream() -> None:
    event = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
    with pytest.raises(StreamError, match="Overloaded") as caught:
        anthropic.stream_parser(request("anthropic")).feed("error", event)
    assert caught.value.reply.status == 529


@pytest.mark.parametrize(
    "event",
    [
        {"type": "message_stop"},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "input_json_delta", "partial_json": "{}"}},
        {"type": "content_block_start", "content_block": []},
        {"type": "message_start"},
        [],
    ],
)
def test_events_out_of_place(event: Any) -> None:
    with pytest.raises(BadReply):
        anthropic.stream_parser(request("anthropic")).feed("", event)


def test_the_code_of_an_error_is_kept() -> None:
    error = {"type": "not_found_error", "message": "m", "details": {"error_code": "skill_not_found"}}
    reply = anthropic.parse_error({"type": "error", "error": error, "request_id": "req_1"})
    assert (reply.message, reply.kind, reply.status) == ("m", "not_found_error skill_not_found", 404)
