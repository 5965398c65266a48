"""No failure is a success, and errors say why."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ai_wm.providers import Clients
from ai_wm.providers.base import Usage
from neuroscript import NeuroScriptError
from tests.ai_wm.helpers import raises_code, worker
from tests.ai_wm.providers.loopback import Loopback, events, reply, serve, streamed
from tests.ai_wm.providers.support import REMOTE, at, body_of, collect, stream_of, stream_type
from tests.ai_wm.providers.wire import (
    USAGE,
    asking,
    call,
    calling,
    chunk,
    completion,
    plain,
    record_of,
    sse,
)

# --- No failure is a success ---


PARTIAL = {"error": {"code": 502, "message": "Upstream idle timeout exceeded"}}


@pytest.mark.parametrize("mode", ["plain", "stream"])
@pytest.mark.usefixtures("quick")
def test_openrouter_finish_error(mode: str, server: Loopback) -> None:
    stream = (lambda event: None) if mode == "stream" else None
    if mode == "plain":
        bad, good = plain(completion("The answer is", "error", choice=PARTIAL), completion("42"))
    else:
        bad = sse(chunk({"content": "The answer is"}), chunk({"content": ""}, "error", choice=PARTIAL))
        good = sse(chunk({"content": "The answer is 42"}), chunk({}, "stop", usage=USAGE))
    with asking(server.will(bad, good)) as manager:
        assert manager.execute_stateless_task("w", "?", on_stream=stream).output.endswith("42")
        assert record_of(manager).llm_metrics["attempts"] == 2
        server.will(bad)
        with raises_code(16, "Upstream idle timeout"):
            manager.execute_stateless_task("w", "?", {"max_retries": 0}, on_stream=stream)
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
