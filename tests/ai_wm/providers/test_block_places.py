"""Streams of content blocks whose server numbers them wrongly or not at all: nothing of the reply is lost."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from ai_wm.providers import Clients, anthropic, bedrock
from ai_wm.providers.base import LLMResponse
from ai_wm.providers.block_places import Places
from tests.ai_wm.providers.loopback import Loopback, events, streamed
from tests.ai_wm.providers.support import WEATHER, at, collect, request

START: dict[str, Any] = {
    "type": "message_start",
    "message": {"role": "assistant", "content": [], "usage": {"input_tokens": 9, "output_tokens": 1}},
}
Block = tuple[str, str, str]
"""A block: its kind, what it holds, and the id of a call."""

REPLIES: dict[str, list[Block]] = {
    "two texts": [("text", "one ", ""), ("text", "two", "")],
    "two calls": [("call", '{"city": "Rome"}', "c1"), ("call", '{"city": "Oslo"}', "c2")],
    "two calls without ids": [("call", '{"city": "Rome"}', ""), ("call", '{"city": "Oslo"}', "")],
    "a text, a call": [("text", "I look.", ""), ("call", '{"city": "Rome"}', "c1")],
    "a call, a text": [("call", '{"city": "Rome"}', "c1"), ("text", "I look.", "")],
    "thought, text, call": [("thinking", "hm", ""), ("text", "I look.", ""), ("call", '{"city": "Rome"}', "c1")],
}
INDEXES: dict[str, list[Any]] = {
    "in order": [0, 1, 2],
    "all 0": [0, 0, 0],
    "0 again": [0, 1, 0],
    "none": [None, None, None],
    "texts": ["0", "1", "2"],
}


def pieces(text: str) -> list[str]:
    return [text[:3], text[3:]]


def of_anthropic(blocks: list[Block], indexes: list[Any], *, stops: bool = True) -> Iterator[dict[str, Any]]:
    key = {"text": "text", "thinking": "thinking", "call": "partial_json"}
    yield START
    for (kind, held, given), index in zip(blocks, indexes, strict=False):
        at_index = {} if index is None else {"index": index}
        block = {"type": kind, kind: ""}
        if kind == "call":
            block = {"type": "tool_use", "name": "weather_Now", "input": {}, **({"id": given} if given else {})}
        yield {"type": "content_block_start", **at_index, "content_block": block}
        for piece in pieces(held):
            name = "input_json_delta" if kind == "call" else f"{kind}_delta"
            yield {"type": "content_block_delta", **at_index, "delta": {"type": name, key[kind]: piece}}
        if stops:
            yield {"type": "content_block_stop", **at_index}
    calls = any(kind == "call" for kind, _, _ in blocks)
    delta = {"stop_reason": "tool_use" if calls else "end_turn"}
    yield {"type": "message_delta", "delta": delta, "usage": {"output_tokens": 7}}
    yield {"type": "message_stop"}


def of_bedrock(blocks: list[Block], indexes: list[Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for (kind, held, given), index in zip(blocks, indexes, strict=False):
        at_index = {} if index is None else {"contentBlockIndex": index}
        if kind == "call":
            use = {"name": "weather_Now", **({"toolUseId": given} if given else {})}
            yield "contentBlockStart", {**at_index, "start": {"toolUse": use}}
        for piece in pieces(held):
            delta: dict[str, Any] = {"text": piece}
            if kind == "call":
                delta = {"toolUse": {"input": piece}}
            elif kind == "thinking":
                delta = {"reasoningContent": delta}
            yield "contentBlockDelta", {**at_index, "delta": delta}
    yield "messageStop", {"stopReason": "tool_use" if any(kind == "call" for kind, _, _ in blocks) else "end_turn"}
    yield "metadata", {"usage": {"inputTokens": 9, "outputTokens": 7}}


def held_in(response: LLMResponse) -> tuple[str, list[Any]]:
    return response.text, [call.arguments for call in response.tool_calls]


def expected(blocks: list[Block]) -> tuple[str, list[Any]]:
    cities = [{"city": city} for _, held, _ in blocks for city in ("Rome", "Oslo") if city in held]
    return "".join(held for kind, held, _ in blocks if kind == "text"), cities


@pytest.mark.parametrize("stops", [True, False], ids=["", "without stops"])
@pytest.mark.parametrize("indexes", INDEXES.values(), ids=INDEXES)
@pytest.mark.parametrize("blocks", REPLIES.values(), ids=REPLIES)
def test_blocks_of_anthropics(
    blocks: list[Block], indexes: list[Any], stops: bool, clients: Clients, server: Loopback
) -> None:
    sent = list(of_anthropic(blocks, indexes, stops=stops))
    server.will(streamed(events(*sent, names=[event["type"] for event in sent])))
    asked = at(server, "anthropic").config
    text, response = collect(
        clients.for_provider("anthropic").stream(request("anthropic", tools=(WEATHER,), config=asked))
    )
    assert held_in(response) == expected(blocks)
    assert text == response.text
    thought = [block for block in (response.provider_data or {}).get("content", []) if block["type"] == "thinking"]
    assert [block["thinking"] for block in thought] == [held for kind, held, _ in blocks if kind == "thinking"]
    assert (response.attempts, response.usage.output_tokens) == (1, 7)


@pytest.mark.parametrize("indexes", INDEXES.values(), ids=INDEXES)
@pytest.mark.parametrize("blocks", REPLIES.values(), ids=REPLIES)
def test_blocks_of_bedrocks(blocks: list[Block], indexes: list[Any]) -> None:
    parser = bedrock.stream_parser(request("bedrock", tools=(WEATHER,)))
    text = "".join([parser.feed(name, event) for name, event in of_bedrock(blocks, indexes)])
    response = parser.response()
    assert held_in(response) == expected(blocks)
    assert text == response.text


@pytest.mark.parametrize("indexes", INDEXES.values(), ids=INDEXES)
def test_pieces_without_a_start(indexes: list[Any], clients: Clients, server: Loopback) -> None:
    blocks = REPLIES["two texts"]
    sent = [event for event in of_anthropic(blocks, indexes) if event["type"] != "content_block_start"]
    server.will(streamed(events(*sent, names=[event["type"] for event in sent])))
    text, response = collect(clients.for_provider("anthropic").stream(at(server, "anthropic")))
    assert (text, response.text, response.attempts) == ("one two", "one two", 1)


def test_the_start_of_a_call_that_comes_twice_is_one() -> None:
    sent = list(of_anthropic(REPLIES["two calls"], [0, 1]))
    parser = anthropic.stream_parser(request("anthropic", tools=(WEATHER,)))
    for event in sent:
        parser.feed(event["type"], event)
        if event["type"] == "content_block_start":
            parser.feed(event["type"], event)
    assert held_in(parser.response()) == ("", [{"city": "Rome"}, {"city": "Oslo"}])


def test_blocks_that_come_in_turns_keep_their_numbers() -> None:
    places = Places()
    assert [places.begin(index, "text") for index in (1, 0, 0, 2)] == [1, 0, 2, 3]
    assert [places.find(index, "text") for index in (0, 1, 2, 9, None)] == [2, 1, 3, None, 3]
