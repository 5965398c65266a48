"""Every token that was billed is counted, wherever a server says so and whatever became of the reply."""

from __future__ import annotations

import json
import socket
from typing import Any

import pytest

from ai_wm.providers import Clients, google, openai
from ai_wm.providers.base import Usage
from ai_wm.providers.chat_usage import usage_in
from neuroscript import NeuroScriptError
from tests.ai_wm.helpers import raises_code
from tests.ai_wm.providers.loopback import Loopback, events, reply, streamed
from tests.ai_wm.providers.support import REMOTE, at, body_of, collect, request, stream_of, stream_type
from tests.ai_wm.providers.wire import asking, chunk, completion, record_of, sse

COUNTS = {"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110}
COUNTED = Usage(input_tokens=100, output_tokens=10)


@pytest.mark.parametrize(
    ("body", "counted"),
    [
        pytest.param({"usage": COUNTS}, COUNTED, id="OpenAI"),
        pytest.param({"choices": [{"usage": COUNTS}]}, COUNTED, id="in the choice (Moonshot)"),
        pytest.param({"usage": None, "x_groq": {"id": "r", "usage": COUNTS}}, COUNTED, id="a vendor's key (Groq)"),
        pytest.param({"usage": {}, "choices": [{"usage": COUNTS}]}, COUNTED, id="empty here, full there"),
        pytest.param(
            {"usage": {"prompt_tokens": 0, "completion_tokens": 0}, "x_groq": {"usage": COUNTS}},
            COUNTED,
            id="zeros here",
        ),
        pytest.param({"usage": {"input_tokens": 100, "output_tokens": 10}}, COUNTED, id="Anthropic's words"),
        pytest.param(
            {"amazon-bedrock-invocationMetrics": {"inputTokenCount": 100, "outputTokenCount": 10}},
            COUNTED,
            id="Bedrock",
        ),
        pytest.param(
            {"timings": {"prompt_n": 20, "cache_n": 80, "predicted_n": 10, "prompt_ms": 3.5}},
            Usage(input_tokens=100, cache_read_tokens=80, output_tokens=10),
            id="llama.cpp's timings",
        ),
        pytest.param(
            {"usage": {**COUNTS, "cached_tokens": 80}},
            Usage(input_tokens=100, cache_read_tokens=80, output_tokens=10),
            id="cached tokens on top",
        ),
        pytest.param(
            {"usage": {**COUNTS, "total_tokens": 300}},
            Usage(input_tokens=100, output_tokens=200, reasoning_tokens=190),
            id="thinking in the total alone",
        ),
        pytest.param(
            {"usage": {**COUNTS, "total_tokens": 160, "completion_tokens_details": {"reasoning_tokens": 50}}},
            Usage(input_tokens=100, output_tokens=60, reasoning_tokens=50),
            id="reasoning apart",
        ),
        pytest.param(
            {"usage": {**COUNTS, "total_tokens": 110, "completion_tokens_details": {"reasoning_tokens": 8}}},
            Usage(input_tokens=100, output_tokens=10, reasoning_tokens=8),
            id="reasoning included",
        ),
        pytest.param(
            {"usage": {**COUNTS, "total_tokens": 190, "cache_read_input_tokens": 80}},
            Usage(input_tokens=180, cache_read_tokens=80, output_tokens=10),
            id="cached input beside the prompt",
        ),
        pytest.param({"usage": {**COUNTS, "total_tokens": 5}}, COUNTED, id="a total that is too small"),
        pytest.param({"usage": "100"}, Usage(), id="no map"),
        pytest.param({}, Usage(), id="nothing"),
    ],
)
def test_where_the_tokens_are(body: dict[str, Any], counted: Usage) -> None:
    assert usage_in(body) == counted


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("finish", ["stop", "error"])
def test_a_total_alone_is_the_total(stream: bool, finish: str, clients: Clients, server: Loopback) -> None:
    usage, client = {"total_tokens": 150}, clients.for_provider("custom")
    server.will(
        sse(chunk({"content": "x"}, finish, usage=usage))
        if stream
        else reply({**completion("x", finish), "usage": usage})
    )
    asked = at(server, "custom", max_retries=0)
    try:
        found = collect(client.stream(asked))[1].usage if stream else client.complete(asked).usage
    except NeuroScriptError as error:
        found = error.details["usage"]
    assert found.total_tokens == 150
    assert found.input_tokens > 0
    assert (found.reasoning_tokens, found.estimated) == (0, True)


@pytest.mark.parametrize("stream", [False, True])
def test_googles_total_alone_is_the_total(stream: bool, clients: Clients, server: Loopback) -> None:
    body, client = {**body_of("google"), "usageMetadata": {"totalTokenCount": 150}}, clients.for_provider("google")
    asked = at(server.will(streamed(events(body)) if stream else reply(body)), "google")
    usage = collect(client.stream(asked))[1].usage if stream else client.complete(asked).usage
    assert (usage.total_tokens, usage.reasoning_tokens) == (150, 0)


def test_a_later_total_covers_what_was_counted_before() -> None:
    later = usage_in({"usage": {"total_tokens": 150}})
    assert COUNTED.updated(later) == Usage(input_tokens=100, output_tokens=50)
    assert later.updated(COUNTED) == COUNTED


def test_googles_total_has_the_last_word() -> None:
    body = {**body_of("google"), "usageMetadata": {"promptTokenCount": 10, "totalTokenCount": 100}}
    assert google.parse(body, request("google")).usage == Usage(input_tokens=10, output_tokens=90, reasoning_tokens=90)


@pytest.mark.parametrize(
    "chunks",
    [
        pytest.param([chunk({"content": "x"}), chunk({}, "stop"), {"choices": [], "usage": COUNTS}], id="a last chunk"),
        pytest.param(
            [chunk({"content": "x"}), chunk({}, "stop"), {"choices": None, "usage": COUNTS}], id="null choices"
        ),
        pytest.param([chunk({"content": "x"}), chunk({}, "stop", usage=COUNTS)], id="with the finish reason"),
        pytest.param(
            [
                chunk({"content": "x"}, usage={"prompt_tokens": 100, "completion_tokens": 1}),
                chunk({}, "stop", usage=COUNTS),
                chunk({}, usage=None),
            ],
            id="growing with every chunk",
        ),
        pytest.param(
            [chunk({"content": "x"}, x_groq={"id": "r"}), chunk({}, "stop", x_groq={"usage": COUNTS})],
            id="a vendor's key",
        ),
        pytest.param([chunk({"content": "x"}, usage=COUNTS), chunk({}, "stop", usage={})], id="and then nothing"),
    ],
)
def test_where_the_tokens_of_a_stream_are(chunks: list[Any], clients: Clients, server: Loopback) -> None:
    _, response = collect(clients.for_provider("custom").stream(at(server.will(sse(*chunks)), "custom")))
    assert (response.text, response.usage) == ("x", COUNTED)


@pytest.mark.parametrize("provider", REMOTE)
def test_a_count_of_half_a_reply_is_filled_up(provider: str, clients: Clients, server: Loopback) -> None:
    body = body_of(provider, "twelve chars")
    for key in ("usage", "usageMetadata"):
        body.pop(key, None)
    match provider:
        case "anthropic":
            body["usage"] = {"input_tokens": 50}
        case "google":
            body["usageMetadata"] = {"promptTokenCount": 50}
        case "ollama":
            body.pop("eval_count")
            body["prompt_eval_count"] = 50
        case _:
            body["usage"] = {"prompt_tokens": 50}
    usage = clients.for_provider(provider).complete(at(server.will(reply(body)), provider)).usage
    assert (usage.input_tokens, usage.output_tokens) == (50, 3)


# --- Of replies that cannot be used, and of attempts that were cut ---


@pytest.mark.parametrize(
    "body",
    [
        completion(message={"content": 7}),
        {**completion(), "choices": []},
        {**completion(), "choices": {"a": 1}},
        {**completion(), "choices": [{"index": 0, "finish_reason": "stop"}]},
        completion(message={"tool_calls": [{"id": "a", "function": {"name": 7}}]}),
        completion(message={"tool_calls": "none"}),
        completion("x", "content_filter"),
        completion("x", "error"),
        completion("", "tool_calls"),
        completion(error={"message": "late failure", "code": 400}),
    ],
)
def test_a_reply_that_cannot_be_used_was_billed_all_the_same(body: dict[str, Any], server: Loopback) -> None:
    with asking(server.will(reply({**body, "usage": COUNTS})), base_config={"max_retries": 0}) as manager:
        with raises_code(16) as caught:
            manager.execute_stateless_task("w", "hello")
        metrics = record_of(manager).llm_metrics
        assert (metrics["input_tokens"], metrics["output_tokens"]) == (100, 10)
        assert manager.limit_usage("w")["tokens_last_minute"] == 110
        assert "usage" not in caught.value.details  # which scripts see


@pytest.mark.usefixtures("quick")
def test_each_request_that_was_billed_is_counted_by_itself(clients: Clients, server: Loopback) -> None:
    bad = {**completion("", "error"), "usage": COUNTS}
    server.will(reply(bad), reply({"error": "busy"}, 503), reply(completion()))
    response = clients.for_provider("custom").complete(at(server, "custom"))
    assert response.usages == (COUNTED, Usage(input_tokens=9, output_tokens=3))
    assert response.usage == Usage(input_tokens=109, output_tokens=13)
    assert response.attempts == 3
    assert clients.for_provider("custom").complete(at(server, "custom")).usages == ()


@pytest.mark.usefixtures("quick")
def test_what_a_reply_cost_that_was_cut_on_its_way_nobody_knows(clients: Clients, server: Loopback) -> None:
    whole = reply(completion("a long answer"))

    def cut(connection: socket.socket) -> None:
        connection.sendall(whole[:-20])
        connection.shutdown(socket.SHUT_RDWR)

    response = clients.for_provider("custom").complete(at(server.will(cut, whole), "custom"))
    assert response.attempts == 2
    assert len(response.usages) == 2
    assert response.usages[0] is None
    assert response.usages[1] is not None


HIDDEN: dict[str, list[bytes]] = {
    "custom": events(
        chunk({"reasoning_content": "x" * 400}),
        chunk({"tool_calls": [{"index": 0, "id": "a", "function": {"name": "look", "arguments": '{"at": "'}}]}),
        chunk({"tool_calls": [{"index": 0, "function": {"arguments": "y" * 400}}]}),
    ),
    "anthropic": events(
        {"type": "message_start", "message": {**body_of("anthropic"), "content": [], "stop_reason": None}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "thinking", "thinking": ""}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "thinking_delta", "thinking": "x" * 400}},
        {"type": "content_block_start", "index": 1, "content_block": {"type": "tool_use", "id": "a", "name": "look"}},
        {"type": "content_block_delta", "index": 1, "delta": {"type": "input_json_delta", "partial_json": "y" * 400}},
    ),
    "google": events(
        {"candidates": [{"content": {"parts": [{"text": "x" * 400, "thought": True}]}}]},
        {"candidates": [{"content": {"parts": [{"functionCall": {"name": "look", "args": {"at": "y" * 400}}}]}}]},
    ),
    "ollama": [
        json.dumps({"message": {"role": "assistant", "content": "", **more}, "done": False}).encode() + b"\n"
        for more in (
            {"thinking": "x" * 400},
            {"tool_calls": [{"function": {"name": "look", "arguments": {"at": "y" * 400}}}]},
        )
    ],
}


@pytest.mark.parametrize("provider", sorted(HIDDEN))
@pytest.mark.usefixtures("quick")
def test_thinking_and_calls_of_a_stream_that_was_cut_are_counted(
    provider: str, clients: Clients, server: Loopback
) -> None:
    kind = stream_type(provider)
    server.will(
        streamed(HIDDEN[provider], end=False, content_type=kind), streamed(stream_of(provider, "Hi"), content_type=kind)
    )
    _, response = collect(clients.for_provider(provider).stream(at(server, provider)))
    assert response.usages[0] is not None
    assert 250 <= response.usages[0].output_tokens < 325  # what came and a quarter more
    assert response.text == "Hi"


def test_a_stream_whose_arguments_were_cut_is_not_asked_for_again(clients: Clients, server: Loopback) -> None:
    call = {"index": 0, "id": "a", "function": {"name": "look", "arguments": '{"at": "her'}}
    server.will(sse(chunk({"tool_calls": [call]}), chunk({}, "length", usage=COUNTS)))
    with raises_code(16, "max_output_tokens") as caught:
        collect(clients.for_provider("custom").stream(at(server, "custom")))
    assert (len(server.received), caught.value.details["usage"]) == (1, COUNTED)


def test_openai_and_its_usage_are_read_alike_in_a_reply_and_a_stream() -> None:
    parser = openai.stream_parser(request("openai"))
    for each in (chunk({"content": "Hi there"}), chunk({}, "stop"), {"choices": [], "usage": COUNTS}, "[DONE]"):
        parser.feed("", each)
    assert (
        parser.response().usage == openai.parse({**completion(), "usage": COUNTS}, request("openai")).usage == COUNTED
    )


# --- Behind the end marker ---


@pytest.mark.parametrize("after", [[{"choices": [], "usage": COUNTS}], [{"note": 1}, {"choices": [], "usage": COUNTS}]])
def test_usage_behind_the_end_marker(after: list[Any], clients: Clients, server: Loopback) -> None:
    server.will(streamed(events(chunk({"content": "x"}, "stop"), "[DONE]", *after)))
    text, response = collect(clients.for_provider("custom").stream(at(server, "custom")))
    assert (text, response.usage, response.usage.estimated) == ("x", COUNTED, False)


@pytest.mark.parametrize("after", ["nonsense", {"error": "late"}, chunk({"content": "more"})])
def test_nothing_else_behind_the_end_marker_matters(after: Any, clients: Clients, server: Loopback) -> None:
    server.will(streamed(events(chunk({"content": "x"}, "stop"), "[DONE]", after)))
    text, response = collect(clients.for_provider("custom").stream(at(server, "custom")))
    assert (text, response.text, response.attempts) == ("x", "x", 1)
