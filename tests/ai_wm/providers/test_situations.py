"""Situations that users of other programs have met with real providers, played by small servers.

Each test is named after its situation.  The kinds behind them have their own tests: see the modules that they name.
"""

from __future__ import annotations

import json
import socket
import threading
import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import anyio
import httpx
import pytest

from ai_wm import AIWorkerManager
from ai_wm.providers import Clients
from ai_wm.providers.base import LLMRequest, Message, Usage, estimate_text, estimate_tokens
from neuroscript import Interpreter, NeuroScriptError
from tests.ai_wm.helpers import manager_of, raises_code, worker
from tests.ai_wm.providers.loopback import Loopback, Received, events, reply, serve, streamed
from tests.ai_wm.providers.support import REMOTE, at, body_of, collect, request, stream_of, stream_type, user
from tests.ai_wm.providers.wire import (
    UPPER,
    USAGE,
    asking,
    call,
    calling,
    chunk,
    completion,
    plain,
    record_of,
    sent,
    sse,
)

TOOLS = {"tool_allowlist": ["str.*"]}


# --- A turn survives what a model does ---


def test_openai_tools_need_responses(server: Loopback) -> None:
    message = (
        "Function tools with reasoning_effort are not supported for gpt-5.6 in /v1/chat/completions. "
        "To use function tools, use /v1/responses or set reasoning_effort to 'none'."
    )
    refusal = {"message": message, "type": "invalid_request_error", "param": "reasoning_effort", "code": None}

    def judge(received: Received) -> bytes:
        body = received.json
        if body.get("tools") and body.get("reasoning_effort") != "none":
            return reply({"error": refusal}, 400)
        if body["messages"][-1]["role"] == "tool":
            return reply(completion("It is HEY."))
        return reply(calling(call({"input_string": "hey"})))

    with asking(server.judges(judge), "openai", model_name="gpt-5.6", **TOOLS) as manager:
        assert manager.execute_stateless_task("w", "Shout hey.").output == "It is HEY."
        refused = [received for received in server.received if received.json.get("reasoning_effort") != "none"]
        assert len(refused) == 1  # what was learnt is kept
        # A definition's own choice is not overruled: then the error says what to set.
        with raises_code(16, "set baseConfig.reasoning_effort to 'none'"):
            manager.execute_stateless_task("w", "Shout hey.", {"reasoning_effort": "low"})


def test_malformed_args_kill_turn(server: Loopback) -> None:
    for broken in ('{"input_string":', "[1]", '"hey"', '{"input_string": hey}'):
        server.will(*plain(calling(call(broken)), calling(call({"input_string": "hey"})), completion("It is HEY.")))
        with asking(server, **TOOLS) as manager:
            conversation = manager.conversation(manager.spawn_worker_instance("w").instance_id)
            assert conversation.ask("Shout hey.") == "It is HEY."
            result = conversation.history[2]
        assert (result.role, result.is_error) == ("tool", True)
        assert "JSON" in result.content
        assert broken in result.content
        assert conversation_text(server, -2) == ["Shout hey.", None, result.content]
        json.loads(sent(server, -2)["messages"][1]["tool_calls"][0]["function"]["arguments"])


def conversation_text(server: Loopback, number: int) -> list[Any]:
    return [message["content"] for message in sent(server, number)["messages"]]


@pytest.mark.parametrize("index", [{"index": 0}, {}], ids=["one index", "no index"])
@pytest.mark.parametrize("ids", [("", ""), (None, None), ("a", "b"), ("same", "same")], ids=str)
@pytest.mark.parametrize("together", [True, False])
def test_parallel_calls_one_index(
    index: dict[str, int], ids: tuple[str | None, str | None], together: bool, server: Loopback
) -> None:
    calls = [call({"input_string": text}, given, **index) for text, given in zip("ab", ids, strict=True)]
    deltas = [{"tool_calls": calls}] if together else [{"tool_calls": [each]} for each in calls]
    first = sse(chunk({"role": "assistant"}), *map(chunk, deltas), chunk({}, "tool_calls"))
    server.will(first, sse(chunk({"content": "A and B"}), chunk({}, "stop")))
    with asking(server, **TOOLS) as manager:
        manager.execute_stateless_task("w", "Shout a and b.", stream=lambda piece: None)
        assert record_of(manager).llm_metrics["tool_calls"] == [UPPER, UPPER]
    messages = sent(server)["messages"]
    assert [message["content"] for message in messages[2:]] == ["A", "B"]
    assert len({message["tool_call_id"] for message in messages[2:]}) == 2
    assert [message["tool_call_id"] for message in messages[2:]] == [item["id"] for item in messages[1]["tool_calls"]]


@pytest.mark.parametrize("reason", ["MALFORMED_FUNCTION_CALL", "MALFORMED_RESPONSE", "UNEXPECTED_TOOL_CALL"])
@pytest.mark.usefixtures("quick")
def test_gemini_malformed_call(reason: str, clients: Clients, server: Loopback) -> None:
    usage = {"promptTokenCount": 20, "totalTokenCount": 25, "thoughtsTokenCount": 5}
    said = "Malformed function call: print(default_api.weather_now("
    bad = {"candidates": [{"content": {}, "finishReason": reason, "finishMessage": said}], "usageMetadata": usage}
    client = clients.for_provider("google")
    response = client.complete(at(server.will(reply(bad), reply(body_of("google"))), "google"))
    assert (response.text, response.attempts) == ("Hi there", 2)
    assert response.usages == (
        Usage(input_tokens=20, output_tokens=5, reasoning_tokens=5),
        Usage(input_tokens=9, output_tokens=3),
    )
    server.received.clear()
    with raises_code(16, "default_api") as caught:
        client.complete(at(server.will(reply(bad)), "google"))
    assert len(server.received) == 2
    assert caught.value.details["usage"] == Usage(input_tokens=40, output_tokens=10, reasoning_tokens=10)


# --- A conversation never breaks by its own history ---


def test_deepseek_v4_reasoning_final(server: Loopback) -> None:
    def judge(received: Received) -> bytes:
        messages = received.json["messages"]
        turns = with_tools = 0
        for message in messages:
            turns += message["role"] == "user"
        called = [number for number, message in enumerate(messages) if message.get("tool_calls")]
        for number, message in enumerate(messages):
            later_user = next((n for n, m in enumerate(messages) if m["role"] == "user" and n > number), len(messages))
            earlier_user = max(n for n, m in enumerate(messages) if m["role"] == "user" and n <= number)
            with_tools = any(earlier_user < place < later_user for place in called)
            if message["role"] == "assistant" and with_tools and "reasoning_content" not in message:
                error = "The `reasoning_content` in the thinking mode must be passed back to the API."
                return reply({"error": {"message": error, "type": "invalid_request_error", "param": None}}, 400)
        if messages[-1]["role"] == "tool":
            return reply(completion("It is HEY.", message={"reasoning_content": "I have it."}))
        if turns == 1:
            return reply(calling(call({"input_string": "hey"}), message={"reasoning_content": "A tool will do."}))
        return reply(completion("You are welcome.", message={"reasoning_content": ""}))

    with asking(server.judges(judge), **TOOLS) as manager:
        conversation = manager.conversation(manager.spawn_worker_instance("w").instance_id)
        assert conversation.ask("Shout hey.") == "It is HEY."
        assert conversation.ask("Thanks.") == "You are welcome."
        assert conversation.ask("Bye.") == "You are welcome."
    kept = [message.get("reasoning_content") for message in sent(server)["messages"]]
    assert kept == [None, "A tool will do.", None, "I have it.", None, None, None]


def test_vllm_reasoning_field(server: Loopback) -> None:
    first = calling(call({"input_string": "hey"}), message={"reasoning": "A tool will do."})
    with asking(server.will(*plain(first, completion("HEY"))), **TOOLS) as manager:
        manager.execute_stateless_task("w", "Shout hey.")
    assert sent(server)["messages"][1]["reasoning"] == "A tool will do."
    assert "reasoning_content" not in sent(server)["messages"][1]
    pieces = [chunk({"reasoning": "A tool "}), chunk({"reasoning": "will do."})]
    server.will(
        sse(*pieces, chunk({"tool_calls": [call({"input_string": "hey"}, index=0)]}), chunk({}, "tool_calls")),
        sse(chunk({"content": "HEY"}), chunk({}, "stop")),
    )
    with asking(server, **TOOLS) as manager:
        manager.execute_stateless_task("w", "Shout hey.", stream=lambda piece: None)
    assert sent(server)["messages"][1]["reasoning"] == "A tool will do."


def test_anthropic_whitespace_text(server: Loopback) -> None:
    def judge(received: Received) -> bytes:
        for message in received.json["messages"]:
            for block in message["content"]:
                if block["type"] == "text" and not block["text"].strip():
                    text = "messages: text content blocks must contain non-whitespace text"
                    return reply({"type": "error", "error": {"type": "invalid_request_error", "message": text}}, 400)
        return reply(body_of("anthropic", "\n\n"))

    with asking(server.judges(judge), "anthropic") as manager:
        conversation = manager.conversation(manager.spawn_worker_instance("w").instance_id)
        conversation.ask("One.")
        conversation.add_user_message(" ")
        conversation.add_model_message("\t")
        conversation.ask("Two.")
    assert [[block["text"] for block in message["content"]] for message in sent(server)["messages"]] == [
        ["One.", "Two."]
    ]


# --- No failure is a success ---


PARTIAL = {"error": {"code": 502, "message": "Upstream idle timeout exceeded"}}


@pytest.mark.parametrize("mode", ["plain", "stream"])
@pytest.mark.usefixtures("quick")
def test_openrouter_finish_error(mode: str, server: Loopback) -> None:
    stream = (lambda piece: None) if mode == "stream" else None
    if mode == "plain":
        bad, good = plain(completion("The answer is", "error", choice=PARTIAL), completion("42"))
    else:
        bad = sse(chunk({"content": "The answer is"}), chunk({"content": ""}, "error", choice=PARTIAL))
        good = sse(chunk({"content": "The answer is 42"}), chunk({}, "stop", usage=USAGE))
    with asking(server.will(bad, good)) as manager:
        assert manager.execute_stateless_task("w", "?", stream=stream).output.endswith("42")
        assert record_of(manager).llm_metrics["attempts"] == 2
        server.will(bad)
        with raises_code(16, "Upstream idle timeout"):
            manager.execute_stateless_task("w", "?", {"max_retries": 0}, stream=stream)
        record = record_of(manager)
        assert (record.success, record.output_summary) == (False, "")
        assert "The answer is" in record.error_details
        assert record.llm_metrics["total_tokens"] > 0


@pytest.mark.parametrize("provider", REMOTE)
@pytest.mark.parametrize("indent", [None, 2], ids=["one line", "many lines"])
def test_stream_answered_plain(provider: str, indent: int | None, clients: Clients, server: Loopback) -> None:
    body = json.dumps(body_of(provider, "Hi 😀 there"), indent=indent, ensure_ascii=False)
    for content_type in ("application/json", "text/event-stream"):
        server.will(reply(body, content_type=content_type))
        text, response = collect(clients.for_provider(provider).stream(at(server, provider)))
        assert (text, response.text) == ("Hi 😀 there", "Hi 😀 there")
        assert (response.finish_reason, response.usage) == ("stop", Usage(input_tokens=9, output_tokens=3))


def test_stream_answered_plain_with_tool_calls_and_with_an_error(clients: Clients, server: Loopback) -> None:
    client = clients.for_provider("custom")
    server.will(reply(calling(call({"a": 1}), call({"b": 2}, "call_2"))))
    _, response = collect(client.stream(at(server, "custom")))
    assert [item.arguments for item in response.tool_calls] == [{"a": 1}, {"b": 2}]
    server.will(reply({"error": {"message": "Insufficient Balance", "code": 402}}))
    with raises_code(16, "Insufficient Balance"):
        collect(client.stream(at(server, "custom", max_retries=0)))


@pytest.mark.parametrize("provider", REMOTE)
def test_a_stream_where_a_plain_reply_was_asked_for(provider: str, clients: Clients, server: Loopback) -> None:
    client = clients.for_provider(provider)
    server.will(streamed(stream_of(provider, "Hi ", "there"), content_type=stream_type(provider)))
    response = client.complete(at(server, provider))
    assert (response.text, response.finish_reason) == ("Hi there", "stop")
    assert response.usage == Usage(input_tokens=9, output_tokens=3)
    server.will(streamed(stream_of(provider, "Hi ", "there")[:1], content_type=stream_type(provider)))
    with raises_code(16, "not what the API promises"):
        client.complete(at(server, provider, max_retries=0))


def test_pieces_of_a_reply_in_one_list(clients: Clients, server: Loopback) -> None:
    first, last = body_of("google", "Hi "), body_of("google", "there")
    del first["candidates"][0]["finishReason"]
    client = clients.for_provider("google")
    assert client.complete(at(server.will(reply([first, last])), "google")).text == "Hi there"


# --- Errors say why ---


def test_a_refusal_in_the_form_of_an_event(clients: Clients, server: Loopback) -> None:
    error = {"error": {"message": "Failed to call a function.", "code": "tool_use_failed", "failed_generation": "<x>"}}
    body = b"".join(events(error, names=["error"]))
    server.will(reply(body, 400, content_type="text/event-stream"), *plain(completion()))
    assert clients.for_provider("custom").complete(at(server, "custom")).attempts == 2


def test_words_far_behind_in_a_body_that_is_no_json(clients: Clients, server: Loopback) -> None:
    text = "upstream says: " + "details, " * 60 + "prompt is too long"
    with raises_code(47):
        clients.for_provider("custom").complete(at(server.will(reply(text, 400)), "custom"))


GROQ_413 = {
    "error": {
        "message": "Request too large for model `llama-3.1-8b-instant` in organization `org_1` service tier "
        "`on_demand` on tokens per minute (TPM): Limit 6000, Requested 7324, please reduce your message size.",
        "type": "tokens",
        "code": "rate_limit_exceeded",
    }
}


def test_groq_413_tpm(server: Loopback) -> None:
    with serve() as other, asking(server.will(reply(GROQ_413, 413)), base_config={"fallbacks": ["spare"]}) as manager:
        other.will(reply(completion("from the spare")))
        config = {"base_url": f"{other.url}/v1"}
        manager.add_worker_definition(worker("spare", provider="custom", model_name="m-2", base_config=config))
        assert manager.execute_stateless_task("w", "hello").output == "from the spare"
        assert len(server.received) == 1  # no wait makes 7324 fit into 6000
        conversation = manager.conversation(manager.spawn_worker_instance("w").instance_id)
        with raises_code(20, "tokens per minute"):
            conversation.ask("hello", {"fallbacks": []})
        server.will(reply(completion("now it fits")))
        assert conversation.ask("hello again") == "now it fits"


WRAPPED = "This endpoint's maximum context length is 32768 tokens. However, you requested about 42832 tokens"


@pytest.mark.parametrize(
    ("provider", "status", "body"),
    [
        (
            "custom",
            400,
            {
                "code": "Client specified an invalid argument",
                "error": "This model's maximum prompt length is 131072 but the request contains 537812 tokens.",
            },
        ),
        (
            "custom",
            400,
            {
                "error": {
                    "message": "Invalid request: Your request exceeded model token limit: 262144 (requested: 271827)",
                    "type": "invalid_request_error",
                }
            },
        ),
        (
            "custom",
            400,
            {
                "object": "error",
                "message": "The decoder prompt (length 25938) is longer than the maximum model length of 4096. "
                "Make sure that `max_model_len` is no smaller than the number of text tokens.",
                "type": "BadRequestError",
                "param": None,
                "code": 400,
            },
        ),
        (
            "custom",
            400,
            {
                "error": {
                    "message": "Provider returned error",
                    "code": 400,
                    "metadata": {"raw": json.dumps({"error": {"message": WRAPPED}}), "provider_name": "xAI"},
                }
            },
        ),
        ("ollama", 400, {"error": "prompt too long; exceeded max context length by 512 tokens"}),
        ("custom", 400, {"code": 20015, "message": "length of prompt_tokens (1) must be less than max_seq_len (0)."}),
    ],
)
def test_context_words(provider: str, status: int, body: Any, server: Loopback) -> None:
    with asking(server.will(reply(body, status)), provider) as manager:
        instance = manager.spawn_worker_instance("w")
        with raises_code(47):
            manager.conversation(instance.instance_id).ask("hello")
        assert manager.get_worker_instance(instance.instance_id).status == "context_full"
    assert len(server.received) == 1


@pytest.mark.parametrize("form", ["text", "JSON text", "object"])
def test_openrouter_metadata_raw(form: str, clients: Clients, server: Loopback) -> None:
    inner = {"error": {"code": 400, "message": "API key not valid. Please pass a valid API key.", "status": "X"}}
    raw = {"text": inner["error"]["message"], "JSON text": json.dumps(inner), "object": inner}[form]
    metadata = {"raw": raw, "provider_name": "Google AI Studio"}
    server.will(reply({"error": {"message": "Provider returned error", "code": 400, "metadata": metadata}}, 400))
    with raises_code(45, "API key not valid") as caught:
        clients.for_provider("custom").complete(at(server, "custom"))
    assert "Google AI Studio" in caught.value.message


# --- Options mean the same for every provider ---


def test_anthropic_schema(clients: Clients, server: Loopback) -> None:
    transform = pytest.importorskip("anthropic.lib._parse._transform", reason="the anthropic package is missing")
    schema = {
        "type": "object",
        "properties": {
            "count": {"type": "integer", "minimum": 1, "maximum": 10, "description": "How many."},
            "tags": {"type": "array", "items": {"type": "string", "minLength": 2}, "minItems": 1},
        },
        "required": ["count"],
    }
    client = clients.for_provider("anthropic")
    server.will(reply(body_of("anthropic", '{"count": 3}')))
    assert client.complete(at(server, "anthropic", response_format=schema)).text == '{"count": 3}'
    assert sent(server)["output_config"] == {
        "format": {"type": "json_schema", "schema": transform.transform_schema(schema)}
    }
    # What the API does not check is checked here.
    server.will(reply(body_of("anthropic", '{"count": 30}')))
    with raises_code(16, "above the maximum of 10") as caught:
        client.complete(at(server, "anthropic", response_format=schema))
    assert caught.value.details["text"] == '{"count": 30}'
    assert caught.value.details["usage"] == Usage(input_tokens=9, output_tokens=3)


@pytest.mark.parametrize("provider", ["openai", "custom"])
def test_json_word(provider: str, clients: Clients, server: Loopback) -> None:
    def judge(received: Received) -> bytes:
        body = received.json
        if "json" not in json.dumps(body["messages"]).lower():
            message = "'messages' must contain the word 'json' in some form, to use 'response_format' of 'json_object'."
            return reply({"error": {"message": message, "type": "invalid_request_error", "param": "messages"}}, 400)
        return reply(completion('{"a": 1}'))

    client = clients.for_provider(provider)
    asked = at(server.judges(judge), provider, response_format="json")
    assert client.complete(asked).text == '{"a": 1}'
    assert sent(server)["response_format"] == {"type": "json_object"}
    # A prompt that speaks of JSON itself is left as it is.
    own = request(provider, user("Give me json."), config=asked.config)
    client.complete(own)
    assert sent(server)["messages"] == [{"role": "user", "content": "Give me json."}]


# --- Every token that was billed is counted ---


CUT = {
    "custom": calling(call('{"input_string": "he')) | {"usage": {"prompt_tokens": 50, "completion_tokens": 100}},
    "anthropic": {
        **body_of("anthropic"),
        "content": [{"type": "tool_use", "id": "toolu_1", "name": UPPER, "input": {}}],
        "stop_reason": "max_tokens",
        "usage": {"input_tokens": 50, "output_tokens": 100},
    },
    "google": {
        "candidates": [{"content": {"parts": [{"functionCall": {"name": UPPER}}]}, "finishReason": "MAX_TOKENS"}],
        "usageMetadata": {"promptTokenCount": 50, "candidatesTokenCount": 100, "totalTokenCount": 150},
    },
    "ollama": {
        **body_of("ollama"),
        "message": {"role": "assistant", "content": "", "tool_calls": [{"function": {"name": UPPER, "arguments": {}}}]},
        "done_reason": "length",
        "prompt_eval_count": 50,
        "eval_count": 100,
    },
}
CUT["custom"]["choices"][0]["finish_reason"] = "length"


@pytest.mark.parametrize("provider", sorted(CUT))
def test_plain_failure_usage_lost(provider: str, server: Loopback) -> None:
    with asking(server.will(reply(CUT[provider])), provider, **TOOLS) as manager:
        with raises_code(16, "max_output_tokens"):
            manager.execute_stateless_task("w", "Shout hey.")
        metrics = record_of(manager).llm_metrics
        assert (metrics["input_tokens"], metrics["output_tokens"], metrics["attempts"]) == (50, 100, 1)
        assert manager.limit_usage("w")["tokens_last_minute"] == 150
    assert len(server.received) == 1  # it would be cut at the same place again


def gemini_stream(*pieces: str, prompt: int, finish: str | None) -> list[bytes]:
    usage = {"promptTokenCount": prompt, "totalTokenCount": prompt}
    chunks: list[dict[str, Any]] = [
        {"candidates": [{"content": {"role": "model", "parts": [{"text": piece}]}}], "usageMetadata": usage}
        for piece in pieces
    ]
    if finish:
        chunks[-1]["candidates"][0]["finishReason"] = finish
    return events(*chunks)


@pytest.mark.usefixtures("quick")
def test_tier_price_of_summed_attempts(server: Loopback) -> None:
    pytest.importorskip("genai_prices", reason="the extra 'prices' is not installed")
    server.will(
        streamed(gemini_stream("a", prompt=150_000, finish=None), end=False),
        streamed(gemini_stream("a", prompt=150_000, finish="STOP")),
    )
    with asking(server, "google", model_name="gemini-2.5-pro") as manager:
        _, record = manager.execute_stateless_task("w", "a long text", stream=lambda piece: None)
    assert record.llm_metrics["input_tokens"] == 300_000
    # Twice 150,000 at 1.25 a million; 300,000 in one request would be above the step, at 2.50.
    assert record.cost_incurred == pytest.approx(0.375, abs=0.0001)


def test_gemini_compat_thinking(clients: Clients, server: Loopback) -> None:
    usage = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 115}
    counted = Usage(input_tokens=10, output_tokens=105, reasoning_tokens=100)
    client = clients.for_provider("custom")
    assert client.complete(at(server.will(reply(completion(usage=usage))), "custom")).usage == counted
    server.will(sse(chunk({"content": "x"}), chunk({}, "stop", usage=usage)))
    assert collect(client.stream(at(server, "custom")))[1].usage == counted


def test_moonshot_usage(clients: Clients, server: Loopback) -> None:
    usage = {"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110, "cached_tokens": 80}
    counted = Usage(input_tokens=100, cache_read_tokens=80, output_tokens=10)
    client = clients.for_provider("custom")
    server.will(reply({**completion(choice={"usage": usage}), "usage": None}))
    assert client.complete(at(server, "custom")).usage == counted
    server.will(sse(chunk({"content": "x"}), chunk({}, "stop", choice={"usage": usage})))
    assert collect(client.stream(at(server, "custom")))[1].usage == counted


def test_budget_unknown_price(server: Loopback) -> None:
    server.will(reply(completion()))
    limits = {"max_cost_per_day": 1.0}
    with asking(server, rate_limits=limits) as manager:
        with raises_code(46, "cost_metrics"):
            manager.execute_stateless_task("w", "hello")
        assert server.received == []
        manager.update_worker_definition("w", {"cost_metrics": {"cost_per_call": 0}})
        assert manager.execute_stateless_task("w", "hello").output == "Hi there"
    misspelt = "gbt-4o-mini"
    with asking(server, "openai", model_name=misspelt, rate_limits=limits) as manager, raises_code(46, misspelt):
        manager.execute_stateless_task("w", "hello")


@pytest.mark.parametrize("echoed", ["openai/gpt-4o-2024-08-06", "my-deployment", "gpt-4o-2024-08-06"])
def test_price_of_echoed_name(echoed: str, server: Loopback) -> None:
    pytest.importorskip("genai_prices", reason="the extra 'prices' is not installed")
    usage = {"prompt_tokens": 1_000_000, "completion_tokens": 0, "total_tokens": 1_000_000}
    server.will(reply(completion(model=echoed, usage=usage)))
    with asking(server, "openai", model_name="gpt-4o") as manager:
        _, record = manager.execute_stateless_task("w", "hello")
    assert (record.llm_metrics["cost_source"], record.llm_metrics["model_used"]) == ("published", echoed)
    assert record.cost_incurred == pytest.approx(2.5, abs=0.001)


def test_cache_write_1h(server: Loopback) -> None:
    pytest.importorskip("genai_prices", reason="the extra 'prices' is not installed")
    usage = {
        "input_tokens": 0,
        "output_tokens": 1,
        "cache_creation_input_tokens": 100_000,
        "cache_creation": {"ephemeral_1h_input_tokens": 100_000, "ephemeral_5m_input_tokens": 0},
    }
    server.will(reply({**body_of("anthropic"), "model": "claude-sonnet-4-5", "usage": usage}))
    with asking(server, "anthropic", model_name="claude-sonnet-4-5") as manager:
        _, record = manager.execute_stateless_task("w", "hello")
    assert record.cost_incurred == pytest.approx(0.60, abs=0.001)
    assert record.llm_metrics["cache_write_tokens"] == 100_000


TIERED: list[tuple[str, str, str, dict[str, Any], float | None]] = [
    ("openai", "gpt-5.4", "priority", {"service_tier": "priority"}, 5.0),
    ("openai", "gpt-5.4", "flex", {"service_tier": "flex"}, 1.25),
    ("openai", "gpt-5.4", "the usual", {"service_tier": "default"}, 2.5),
    ("openai", "gpt-5.4", "unheard of", {"service_tier": "gold"}, None),
    ("anthropic", "claude-sonnet-4-5", "priority", {"usage": {"service_tier": "priority"}}, None),
    ("anthropic", "claude-sonnet-4-5", "the usual", {"usage": {"service_tier": "standard"}}, 3.0),
    ("google", "gemini-2.5-pro", "priority", {"usageMetadata": {"trafficType": "ON_DEMAND_PRIORITY"}}, None),
    ("google", "gemini-2.5-pro", "the usual", {"usageMetadata": {"trafficType": "ON_DEMAND"}}, 1.25),
]


@pytest.mark.parametrize(("provider", "model", "tier", "more", "price"), TIERED)
def test_service_tier_price(
    provider: str, model: str, tier: str, more: dict[str, Any], price: float | None, server: Loopback
) -> None:
    pytest.importorskip("genai_prices", reason="the extra 'prices' is not installed")
    counts = {
        "openai": {"usage": {"prompt_tokens": 100_000, "completion_tokens": 1}},
        "anthropic": {"usage": {"input_tokens": 100_000, "output_tokens": 1}},
        "google": {"usageMetadata": {"promptTokenCount": 100_000, "candidatesTokenCount": 1}},
    }[provider]
    name = {"google": "modelVersion"}.get(provider, "model")
    body = {**body_of(provider), **counts, name: model}
    for key, value in more.items():
        body[key] = {**body[key], **value} if isinstance(value, dict) else value
    with asking(server.will(reply(body)), provider, model_name=model) as manager:
        _, record = manager.execute_stateless_task("w", "hello")
    if price is None:
        assert (record.cost_incurred, record.llm_metrics["cost_source"]) == (0, "unknown")
    else:
        assert record.cost_incurred == pytest.approx(price / 10, rel=0.01)
    assert record.llm_metrics.get("service_tier", "") in ("", *map(str.lower, (tier, "default", "standard", "gold")))


def test_cjk_estimate() -> None:
    chinese = "今天的天气非常好我们一起去公园散步然后喝一杯热茶吧" * 72
    assert len(chinese) == 1800
    assert 1100 <= estimate_text(chinese) <= 1800
    asked = LLMRequest(provider="openai", model="m", messages=(Message(role="user", content=chinese),))
    assert estimate_tokens(asked) > 1100 * 2  # the reply may be as long
    assert estimate_text("four letters each ") == 5


# --- Server-sent events and the network ---


@pytest.mark.parametrize("provider", ["anthropic", "custom", "google", "openai"])
@pytest.mark.parametrize(
    "pulse", [b"event: ping\ndata:\n\n", b"data: \n\n", b"event: ping\ndata: pong\n\n", b": alive\n\n", b"data:\n\n\n"]
)
def test_sse_empty_data(provider: str, pulse: bytes, clients: Clients, server: Loopback) -> None:
    pieces = [pulse, *(part for piece in stream_of(provider, "Hi ", "there") for part in (piece, pulse))]
    text, response = collect(clients.for_provider(provider).stream(at(server.will(streamed(pieces)), provider)))
    assert (text, response.finish_reason) == ("Hi there", "stop")


@pytest.mark.parametrize("provider", ["custom", "ollama"])
@pytest.mark.parametrize("exempt", ["localhost,127.0.0.1", "127.0.0.0/8", "*"])
def test_socks_variable(
    provider: str, exempt: str, clients: Clients, server: Loopback, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALL_PROXY", "socks5://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", exempt)
    server.will(reply(body_of(provider)))
    assert clients.for_provider(provider).complete(at(server, provider)).text == "Hi there"


def test_stall_60_silence_has_the_whole_time_of_the_call() -> None:
    waits: list[dict[str, float]] = []

    def answer(asked: httpx.Request) -> httpx.Response:
        waits.append(asked.extensions["timeout"])
        return httpx.Response(
            200, content=b"".join(stream_of("custom", "Hi")), headers={"content-type": "text/event-stream"}
        )

    with Clients(transport=httpx.MockTransport(answer)) as clients:
        config = {"base_url": "http://models.invalid/v1", "timeout_seconds": 600}
        collect(clients.for_provider("custom").stream(request("custom", config=config)))
    assert waits[0]["read"] > 500


@pytest.mark.slow
@pytest.mark.parametrize("provider", REMOTE)
def test_stall_60(provider: str, clients: Clients, server: Loopback) -> None:
    pieces = stream_of(provider, "Hi ", "there")

    def think(connection: socket.socket) -> None:
        connection.sendall(
            b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-type: %s\r\n\r\n" % stream_type(provider).encode()
        )
        connection.sendall(pieces[0])
        server.stopping.wait(63)
        connection.sendall(b"".join(pieces[1:]))
        connection.shutdown(socket.SHUT_RDWR)

    asked = at(server.will(think), provider, timeout_seconds=600)
    assert collect(clients.for_provider(provider).stream(asked))[0] == "Hi there"


class Silent:
    """A server that reads a request, perhaps begins to answer, and then says nothing; ``left`` is set when the client
    has closed the connection."""

    def __init__(self, server: Loopback, beginning: bytes = b"") -> None:
        self.asked, self.left = threading.Event(), threading.Event()

        def wait(connection: socket.socket) -> None:
            connection.sendall(beginning)
            self.asked.set()
            connection.settimeout(30)
            try:
                gone = connection.recv(1) == b""
            except ConnectionResetError:  # closed with something unread
                gone = True
            if gone:
                self.left.set()

        server.will(wait)


BEGUN = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n" + stream_of("custom", "Hi")[1]


@pytest.mark.parametrize("beginning", [b"", BEGUN], ids=["no reply", "a stream begun"])
def test_cancel_silent(beginning: bytes, server: Loopback) -> None:
    silent = Silent(server, beginning)
    with Interpreter() as interpreter:
        manager_of(interpreter).add_worker_definition(
            worker("w", provider="custom", model_name="m", base_config={"base_url": f"{server.url}/v1"})
        )
        interpreter.load('func main() means\nask "w", "hello" into answer\nreturn answer\nendfunc')
        threading.Thread(target=lambda: silent.asked.wait(10) and interpreter.cancel()).start()
        with raises_code(44):
            interpreter.run("main")
    assert silent.left.wait(5)


def test_cancel_silent_by_check_and_from_asyncio(server: Loopback) -> None:
    class Cancelled(Exception):
        pass

    def check() -> None:
        if silent.asked.is_set():
            raise Cancelled

    silent = Silent(server)
    asked = at(server, "custom")
    object.__setattr__(asked, "check", check)
    with Clients() as clients, pytest.raises(Cancelled):
        clients.for_provider("custom").complete(asked)
    assert silent.left.wait(5)

    async def impatient(manager: AIWorkerManager) -> None:
        with anyio.move_on_after(0.3):
            await manager.aexecute_stateless_task("w", "hello")

    again = Silent(server)
    with asking(server) as manager:
        anyio.run(impatient, manager)
        assert again.left.wait(5)


def test_retry_after_herd(clients: Clients, server: Loopback) -> None:
    let_through: deque[float] = deque(maxlen=5)
    lock = threading.Lock()

    def judge(received: Received) -> bytes:
        with lock:
            now = time.monotonic()
            if len(let_through) == 5 and now - let_through[0] < 1:
                return reply({"error": {"message": "Rate limit reached"}}, 429, {"retry-after": "1"})
            let_through.append(now)
        return reply(completion())

    client = clients.for_provider("custom")
    asked = at(server.judges(judge), "custom")
    with ThreadPoolExecutor(20) as pool:
        replies = list(pool.map(lambda _: client.complete(asked), range(20)))
    assert [response.text for response in replies] == ["Hi there"] * 20


def test_no_situation_leaves_a_key_in_a_message(clients: Clients, server: Loopback) -> None:
    asked = at(server, "custom", max_retries=0)
    assert asked.api_key is not None
    key = asked.api_key.get()
    raw = json.dumps({"error": {"message": f"Incorrect API key provided: {key}."}})
    for body in (
        {"error": {"message": "Provider returned error", "metadata": {"raw": raw}}},
        completion(f"the key is {key}", "error", choice={"error": {"message": f"bad key {key}"}}),
        {"detail": [{"loc": ["header"], "msg": f"bad key {key}"}]},
    ):
        with pytest.raises(NeuroScriptError) as caught:
            clients.for_provider("custom").complete(at(server.will(reply(body)), "custom", max_retries=0))
        assert key not in f"{caught.value} {caught.value.details}"
