"""The wire format of Ollama's chat."""

from __future__ import annotations

from typing import Any

import pytest

from ai_wm.providers import ollama
from ai_wm.providers.adapter import BadReply, StreamError
from ai_wm.providers.base import LLMResponse, Message, ToolCallRequest, Usage
from tests.ai_wm.providers.support import WEATHER, body_of, request, user
from tests.ai_wm.providers.test_openai import SCHEMA, TURN


def body(*messages: Message, **config: Any) -> dict[str, Any]:
    return ollama.build(request("ollama", *messages, config=config, tools=(WEATHER,), system="Be brief.")).body


def parse(**changes: Any) -> LLMResponse:
    return ollama.parse({**body_of("ollama"), **changes}, request("ollama", tools=(WEATHER,)))


def test_a_turn_with_two_tool_calls_and_their_results() -> None:
    call = ollama.build(request("ollama", *TURN, tools=(WEATHER,), system="Be brief."))
    assert call.path == "api/chat"
    function = {"name": "weather_Now", "description": "The weather at a place.", "parameters": WEATHER.parameters}
    assert call.body == {
        "model": "m-1",
        "stream": False,
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "Weather in Rome and Oslo?"},
            {
                "role": "assistant",
                "content": "Let me look.",
                "tool_calls": [
                    {"function": {"name": "weather_Now", "arguments": {"city": "Rome"}}},
                    {"function": {"name": "weather_Now", "arguments": {"city": "Oslo"}}},
                ],
            },
            {"role": "tool", "content": "20 C", "tool_name": "weather_Now"},
            {"role": "tool", "content": "no such place", "tool_name": "weather_Now"},
        ],
        "tools": [{"type": "function", "function": function}],
    }


def test_options_stand_where_ollama_wants_them() -> None:
    sent = body(temperature=0, max_output_tokens=50, stop="END", seed=7, num_ctx=8192, keep_alive="10m", think=False)
    assert sent["options"] == {"temperature": 0, "num_predict": 50, "stop": ["END"], "seed": 7, "num_ctx": 8192}
    assert (sent["keep_alive"], sent["think"]) == ("10m", False)


def test_a_whole_map_of_options_is_merged() -> None:
    assert body(temperature=0, options={"mirostat": 2})["options"] == {"temperature": 0, "mirostat": 2}


def test_response_format() -> None:
    assert body(response_format="json")["format"] == "json"
    assert body(response_format=SCHEMA)["format"] == SCHEMA


def test_tool_choice_can_only_take_tools_away() -> None:
    assert "tools" not in body(tool_choice="none")
    assert len(body(tool_choice="required")["tools"]) == 1
    assert "tool_choice" not in body(tool_choice="weather.Now")


@pytest.mark.parametrize(
    ("changes", "counted"),
    [
        pytest.param(
            {"prompt_eval_count": 11, "eval_count": 18}, Usage(input_tokens=11, output_tokens=18), id="chat example"
        ),
        pytest.param(
            {"prompt_eval_count": 900, "prompt_eval_cached_count": 850, "eval_count": 5},
            Usage(input_tokens=900, cache_read_tokens=850, output_tokens=5),
            id="cached prompt",
        ),
    ],
)
def test_usage(changes: dict[str, int], counted: Usage) -> None:
    assert parse(**changes).usage == counted


@pytest.mark.parametrize(
    ("reason", "word"), [("stop", "stop"), ("length", "length"), ("load", "unknown"), (None, "unknown")]
)
def test_done_reasons(reason: str | None, word: str) -> None:
    assert parse(done_reason=reason).finish_reason == word


CALL = {"function": {"name": "weather_Now", "arguments": {"city": "Rome"}}}


def test_tool_calls_without_ids_get_some() -> None:
    response = parse(message={"role": "assistant", "content": "", "thinking": "hm", "tool_calls": [CALL, CALL]})
    assert response.finish_reason == "tool_calls"
    assert len({call.id for call in response.tool_calls}) == 2
    assert response.tool_calls[0].arguments == {"city": "Rome"}
    sent = body(user("hi"), response.as_message())["messages"][-1]
    assert sent["thinking"] == "hm"


def test_the_ids_of_newer_versions_are_kept() -> None:
    response = parse(message={"role": "assistant", "content": "", "tool_calls": [{"id": "call_x1", **CALL}]})
    assert response.tool_calls == (ToolCallRequest(id="call_x1", name="weather.Now", arguments={"city": "Rome"}),)


def test_a_stream_gives_the_same_as_one_reply() -> None:
    parser = ollama.stream_parser(request("ollama", tools=(WEATHER,)))
    whole = body_of("ollama", "")
    texts = [
        parser.feed("", {"message": {"role": "assistant", "content": "", "thinking": "hm"}, "done": False}),
        parser.feed("", {"message": {"role": "assistant", "content": "Let me"}, "done": False}),
        parser.feed("", {"message": {"role": "assistant", "content": " look.", "tool_calls": [CALL]}, "done": False}),
    ]
    assert not parser.ended()
    parser.feed("", whole)
    assert parser.ended()
    assert "".join(texts) == "Let me look."
    message = {"role": "assistant", "content": "Let me look.", "thinking": "hm", "tool_calls": [CALL]}
    assert parser.response() == parse(message=message)


def test_errors() -> None:
    with pytest.raises(StreamError, match="fell over"):
        ollama.stream_parser(request("ollama")).feed("", {"error": "the model fell over"})
    with pytest.raises(BadReply, match="not marked as done"):
        parse(done=False)
