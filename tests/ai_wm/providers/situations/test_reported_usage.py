"""Token counts as servers report them: in which place, in which parts, in how many pieces."""

from __future__ import annotations

from typing import Any

import pytest

from ai_wm.providers import Clients
from ai_wm.providers.base import Usage
from ai_wm.providers.chat_usage import usage_in
from tests.ai_wm.helpers import raises_code
from tests.ai_wm.providers.loopback import Loopback, events, reply, streamed
from tests.ai_wm.providers.support import at, body_of, collect
from tests.ai_wm.providers.wire import chunk, completion, sse

PLAIN = {"prompt_tokens": 9, "completion_tokens": 3, "total_tokens": 12}
COUNTED = Usage(input_tokens=9, output_tokens=3)

PLACES: list[tuple[str, dict[str, Any]]] = [
    ("at the top", {"usage": PLAIN}),
    ("in the choice (Moonshot)", {"choices": [{"usage": PLAIN}]}),
    ("in the delta", {"choices": [{"delta": {"usage": PLAIN}}]}),
    ("in the message", {"choices": [{"message": {"usage": PLAIN}}]}),
    ("in a vendor's key (Groq)", {"x_groq": {"id": "r", "usage": PLAIN}}),
    ("in another vendor's key", {"metadata": {"usage": PLAIN}}),
    ("behind a usage of null", {"usage": None, "x_vendor": {"usage": PLAIN}}),
    ("behind an empty usage", {"usage": {}, "choices": [{"usage": PLAIN}]}),
    ("behind a usage of zeros", {"usage": {"prompt_tokens": 0, "completion_tokens": 0}, "choices": [{"usage": PLAIN}]}),
    ("in Google's words", {"usageMetadata": {"promptTokenCount": 9, "candidatesTokenCount": 3, "totalTokenCount": 12}}),
    ("in Bedrock's", {"amazon-bedrock-invocationMetrics": {"inputTokenCount": 9, "outputTokenCount": 3}}),
    ("in llama.cpp's", {"timings": {"prompt_n": 4, "cache_n": 5, "predicted_n": 3}}),
    ("as texts", {"usage": {"prompt_tokens": "9", "completion_tokens": "3"}}),
    ("as numbers with a point", {"usage": {"prompt_tokens": 9.0, "completion_tokens": 3.0}}),
    ("in the words of responses", {"usage": {"input_tokens": 9, "output_tokens": 3}}),
]


@pytest.mark.parametrize("body", [place[1] for place in PLACES], ids=[place[0] for place in PLACES])
def test_places(body: dict[str, Any]) -> None:
    found = usage_in(body)
    assert (found.input_tokens, found.output_tokens, found.unusable) == (9, 3, "")


PARTS: list[tuple[str, dict[str, int | dict[str, int] | None], Usage]] = [
    (
        "reasoning counted apart, as the total tells (xAI)",
        {
            "prompt_tokens": 9,
            "completion_tokens": 3,
            "total_tokens": 112,
            "completion_tokens_details": {"reasoning_tokens": 100},
        },
        Usage(input_tokens=9, output_tokens=103, reasoning_tokens=100),
    ),
    (
        "reasoning counted apart, without a total",
        {"prompt_tokens": 9, "completion_tokens": 3, "completion_tokens_details": {"reasoning_tokens": 100}},
        Usage(input_tokens=9, output_tokens=103, reasoning_tokens=100),
    ),
    (
        "reasoning within (OpenAI)",
        {
            "prompt_tokens": 9,
            "completion_tokens": 103,
            "total_tokens": 112,
            "completion_tokens_details": {"reasoning_tokens": 100},
        },
        Usage(input_tokens=9, output_tokens=103, reasoning_tokens=100),
    ),
    (
        "DeepSeek's parts of the prompt",
        {"prompt_cache_hit_tokens": 8, "prompt_cache_miss_tokens": 1, "completion_tokens": 3},
        Usage(input_tokens=9, cache_read_tokens=8, output_tokens=3),
    ),
    (
        "Anthropic's way to count, behind a gateway (future-agi#1122)",
        {"input_tokens": 4, "cache_read_input_tokens": 1000, "cache_creation_input_tokens": 50, "output_tokens": 3},
        Usage(input_tokens=1054, cache_read_tokens=1000, cache_write_tokens=50, output_tokens=3),
    ),
    (
        "the same, with a total (Portkey-AI/gateway#1754)",
        {"prompt_tokens": 4, "cache_read_input_tokens": 1000, "completion_tokens": 3, "total_tokens": 1007},
        Usage(input_tokens=1004, cache_read_tokens=1000, output_tokens=3),
    ),
    (
        "details that are null",
        {"prompt_tokens": 9, "completion_tokens": 3, "prompt_tokens_details": None, "completion_tokens_details": None},
        COUNTED,
    ),
]


@pytest.mark.parametrize(("usage", "counted"), [part[1:] for part in PARTS], ids=[part[0] for part in PARTS])
def test_parts(usage: dict[str, Any], counted: Usage, clients: Clients, server: Loopback) -> None:
    client = clients.for_provider("custom")
    assert client.complete(at(server.will(reply(completion(usage=usage))), "custom")).usage == counted
    server.will(sse(chunk({"content": "x"}), chunk({}, "stop"), {"choices": [], "usage": usage}))
    assert collect(client.stream(at(server, "custom")))[1].usage == counted


PIECES: list[tuple[str, list[Any]]] = [
    ("null but for the last", [None, None, PLAIN]),
    ("zeros behind it (opencode#42918)", [PLAIN, {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}]),
    ("growing", [{"prompt_tokens": 9, "completion_tokens": 1}, {"prompt_tokens": 9, "completion_tokens": 3}]),
    ("one part each", [{"prompt_tokens": 9}, {"prompt_tokens": 0, "completion_tokens": 3}]),
    ("nonsense behind it", [PLAIN, "none"]),
]


@pytest.mark.parametrize("usages", [item[1] for item in PIECES], ids=[item[0] for item in PIECES])
def test_pieces(usages: list[Any], clients: Clients, server: Loopback) -> None:
    pieces = [chunk({"content": "x"}, usage=usage) for usage in usages]
    server.will(sse(*pieces, chunk({}, "stop")))
    used = collect(clients.for_provider("custom").stream(at(server, "custom")))[1].usage
    assert (used.input_tokens, used.output_tokens) == (9, 3)


@pytest.mark.parametrize(
    ("first", "last"),
    [
        ({"input_tokens": 9, "output_tokens": 1}, {"output_tokens": 3}),
        ({"input_tokens": 9, "output_tokens": 1}, {"input_tokens": 0, "output_tokens": 3}),
        ({"input_tokens": 0, "output_tokens": 0}, {"input_tokens": 9, "output_tokens": 3}),
        ({}, {"input_tokens": 9, "output_tokens": 3}),
        ({"input_tokens": 9}, {"output_tokens": 3, "input_tokens": None}),
    ],
)
def test_pieces_of_anthropics(first: dict[str, Any], last: dict[str, Any], clients: Clients, server: Loopback) -> None:
    """Gateways leave counts out, or zero what the beginning said."""
    begun = {**body_of("anthropic"), "content": [], "stop_reason": None, "usage": first}
    stream = [
        {"type": "message_start", "message": begun},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": "x"}},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": last},
        {"type": "message_stop"},
    ]
    response = collect(
        clients.for_provider("anthropic").stream(at(server.will(streamed(events(*stream))), "anthropic"))
    )
    assert response[1].usage == COUNTED


def test_pieces_of_googles(clients: Clients, server: Loopback) -> None:
    part = {"content": {"role": "model", "parts": [{"text": "x"}]}}
    stream = [
        {"candidates": [part], "usageMetadata": {"promptTokenCount": 9, "totalTokenCount": 9}},
        {
            "candidates": [{**part, "finishReason": "STOP"}],
            "usageMetadata": {"candidatesTokenCount": 3, "promptTokenCount": 0},
        },
    ]
    response = collect(clients.for_provider("google").stream(at(server.will(streamed(events(*stream))), "google")))
    assert response[1].usage == COUNTED


@pytest.mark.parametrize("usage", ["none", [1], {"prompt_tokens": -1}, {"prompt_tokens": "many"}, 7])
def test_a_count_that_is_none_costs_no_reply(usage: Any, clients: Clients, server: Loopback) -> None:
    response = clients.for_provider("custom").complete(at(server.will(reply(completion(usage=usage))), "custom"))
    assert (response.text, bool(response.usage.total_tokens), bool(response.usage.unusable)) == ("Hi there", True, True)


UNUSABLE: list[tuple[str, dict[str, Any]]] = [
    ("filtered", completion("x", "content_filter")),
    ("failed on its way", completion("x", "error")),
    ("refused", completion("", message={"refusal": "no"})),
    ("empty", completion("")),
    ("all of it thought", completion("", "length")),
    ("beside an error", completion("x", error={"message": "late"})),
    ("a call without a name", completion(None, "tool_calls", message={"tool_calls": [{"id": 1}]})),
    ("no JSON where it was asked for", completion("one")),
]


@pytest.mark.parametrize("body", [item[1] for item in UNUSABLE], ids=[item[0] for item in UNUSABLE])
def test_replies_that_cannot_be_used_are_counted(body: dict[str, Any], clients: Clients, server: Loopback) -> None:
    asked = at(server.will(reply(body)), "custom", max_retries=0, response_format="json")
    with raises_code(16) as caught:
        clients.for_provider("custom").complete(asked)
    assert caught.value.details["usage"] == COUNTED
