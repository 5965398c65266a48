"""Of several choices that a request asks for, the first is the answer, however they come."""

from __future__ import annotations

from typing import Any

import pytest

from ai_wm.providers import Clients
from tests.ai_wm.providers.loopback import Loopback, events, reply, streamed
from tests.ai_wm.providers.support import at, collect
from tests.ai_wm.providers.wire import USAGE, sse

GOOGLE_USAGE = {"promptTokenCount": 9, "candidatesTokenCount": 3, "totalTokenCount": 12}

# The pieces of the choices as they come: of each event, the index and the text.
ORDERS: list[list[list[tuple[int, str]]]] = [
    [[(0, "A")], [(1, "x")], [(0, "B")]],
    [[(1, "x")], [(0, "A")], [(1, "y")], [(0, "B")]],
    [[(1, "x"), (0, "A")], [(0, "B"), (1, "y")]],
    [[(0, "A"), (0, "B")]],
]


def chat_event(pieces: list[tuple[int, str]]) -> dict[str, Any]:
    choices = [{"index": index, "delta": {"content": text}} for index, text in pieces]
    return {"object": "chat.completion.chunk", "choices": choices}


def google_event(pieces: list[tuple[int, str]]) -> dict[str, Any]:
    # Google leaves out an index of 0.
    candidates = [
        {"content": {"parts": [{"text": text}]}, **({"index": index} if index else {})} for index, text in pieces
    ]
    return {"candidates": candidates}


@pytest.mark.parametrize("order", ORDERS)
def test_a_chat_stream(server: Loopback, clients: Clients, order: list[list[tuple[int, str]]]) -> None:
    ends = [{"choices": [{"index": index, "delta": {}, "finish_reason": "stop"}]} for index in (1, 0)]
    server.will(sse(*map(chat_event, order), *ends, {"choices": [], "usage": USAGE}))
    text, response = collect(clients.for_provider("custom").stream(at(server, "custom", n=2)))
    assert (text, response.text) == ("AB", "AB")
    assert (response.usage.input_tokens, response.usage.output_tokens) == (9, 3)


@pytest.mark.parametrize("order", ORDERS)
def test_a_stream_of_google(server: Loopback, clients: Clients, order: list[list[tuple[int, str]]]) -> None:
    ends = [{"index": 1, "finishReason": "STOP"}, {"finishReason": "STOP"}]
    server.will(streamed(events(*map(google_event, order), {"candidates": ends, "usageMetadata": GOOGLE_USAGE})))
    text, response = collect(clients.for_provider("google").stream(at(server, "google", candidateCount=2)))
    assert (text, response.text) == ("AB", "AB")
    assert (response.usage.input_tokens, response.usage.output_tokens) == (9, 3)


def test_the_end_of_another_choice_is_not_the_end(server: Loopback, clients: Clients) -> None:
    early = {"choices": [{"index": 1, "delta": {"content": "x"}, "finish_reason": "length"}]}
    late = {"choices": [{"index": 0, "delta": {"content": "A"}, "finish_reason": "stop"}], "usage": USAGE}
    server.will(sse(early, late))
    text, response = collect(clients.for_provider("custom").stream(at(server, "custom", n=2)))
    assert (text, response.finish_reason) == ("A", "stop")


def test_a_whole_reply(server: Loopback, clients: Clients) -> None:
    choices = [
        {"index": index, "message": {"content": text}, "finish_reason": "stop"} for index, text in ((1, "x"), (0, "A"))
    ]
    server.will(reply({"choices": choices, "usage": USAGE}))
    assert clients.for_provider("custom").complete(at(server, "custom", n=2)).text == "A"


def test_a_whole_reply_of_google(server: Loopback, clients: Clients) -> None:
    candidates = [
        {"index": 1, "content": {"parts": [{"text": "x"}]}, "finishReason": "STOP"},
        {"content": {"parts": [{"text": "A"}]}, "finishReason": "STOP"},
    ]
    server.will(reply({"candidates": candidates, "usageMetadata": GOOGLE_USAGE}))
    assert clients.for_provider("google").complete(at(server, "google", candidateCount=2)).text == "A"


def test_the_only_choice_is_the_answer_whatever_its_index(server: Loopback, clients: Clients) -> None:
    server.will(sse({"choices": [{"index": 1, "delta": {"content": "A"}, "finish_reason": "stop"}], "usage": USAGE}))
    assert collect(clients.for_provider("custom").stream(at(server, "custom")))[0] == "A"
