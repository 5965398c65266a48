"""How replies end: what can be used, what is a failure, and what nobody knows."""

from __future__ import annotations

from typing import Any

import pytest

from ai_wm.providers import Clients, anthropic, google, ollama, openai
from ai_wm.providers.adapter import BadReply, StreamError
from ai_wm.providers.base import LLMResponse, ToolCallRequest, Usage
from ai_wm.providers.finish import ending_of, finished
from tests.ai_wm.helpers import raises_code
from tests.ai_wm.providers.loopback import Answer, Loopback, events, lines, reply, streamed
from tests.ai_wm.providers.support import REMOTE, at, body_of, collect, request, stream_of, stream_type
from tests.ai_wm.providers.wire import USAGE, asking, chunk, completion, record_of, sse

USED = Usage(input_tokens=9, output_tokens=3)
CALL = ToolCallRequest(id="a", name="look", arguments={"at": "x"})
EMPTY_CALL = ToolCallRequest(id="a", name="look", arguments={})


def response(text: str = "so far", *calls: ToolCallRequest) -> LLMResponse:
    return LLMResponse(text=text, finish_reason="unknown", usage=USED, model="m", tool_calls=calls)


@pytest.mark.parametrize(
    ("word", "reason"),
    [
        ("stop", "stop"),
        ("STOP", "stop"),
        ("end_turn", "stop"),
        ("eos", "stop"),
        ("length", "length"),
        ("MAX_TOKENS", "length"),
        ("model_length", "length"),
        ("max_output", "length"),
        ("normal", "stop"),
        ("model_context_window_exceeded", "length"),
    ],
)
def test_words_for_replies_that_can_be_used(word: str, reason: str) -> None:
    assert finished(response(), word).finish_reason == reason
    assert finished(response("", CALL), word).finish_reason == "tool_calls"


@pytest.mark.parametrize(
    "word",
    ["content_filter", "SAFETY", "RECITATION", "refusal", "sensitive", "PROHIBITED_CONTENT", "guardrail_intervened"],
)
def test_words_for_filters_and_refusals(word: str) -> None:
    for reply_ in (response(), response("", CALL), response("")):
        with pytest.raises(StreamError) as caught:
            finished(reply_, word, "No, thank you.")
        error = caught.value
        assert (error.reply.cause, error.reply.kind, error.reply.final) == ("content_filter", word, True)
        assert (error.text, error.usage, str(error)) == (reply_.text, USED, "No, thank you.")


@pytest.mark.parametrize(
    ("word", "code", "retry"),
    [
        ("upstream_error", 16, True),
        ("internal_error", 16, True),
        ("model_error", 16, True),
        ("provider_error", 16, True),
        ("connection_error", 16, True),
        ("ModelError", 16, True),
        ("exception", 16, True),
        ("overloaded", 16, True),
        ("bad_gateway", 16, True),
        ("rate_limit", 20, True),
        ("rate-limit-exceeded", 20, True),
        ("invalid_request_error", 16, False),
        ("authentication_error", 45, False),
        ("guardrail", 16, False),
    ],
)
@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
@pytest.mark.usefixtures("quick")
def test_failures_of_whatever_name(
    word: str, code: int, retry: bool, stream: bool, clients: Clients, server: Loopback
) -> None:
    good = streamed(stream_of("custom", "so", " far")) if stream else reply(body_of("custom", "so far"))
    broken = sse(chunk({"content": "so"}), chunk({}, word)) if stream else reply(completion("so", word))
    client = clients.for_provider("custom")
    asked = at(server.will(broken, good), "custom", max_retries=1)
    if retry:
        answer = collect(client.stream(asked))[1] if stream else client.complete(asked)
        assert (answer.text, answer.attempts) == ("so far", 2)
    server.will(broken)
    once = at(server, "custom", max_retries=0)
    with raises_code(code) as caught:
        collect(client.stream(once)) if stream else client.complete(once)
    assert caught.value.details["text"] == "so"


@pytest.mark.parametrize("word", ["error", "network_error", "insufficient_system_resource", "abort", "ERROR"])
def test_words_for_failures(word: str) -> None:
    with pytest.raises(StreamError) as caught:
        finished(response(), word)
    assert (caught.value.reply.final, caught.value.reply.once, caught.value.text) == (False, False, "so far")


@pytest.mark.parametrize(
    "word",
    [
        "MALFORMED_FUNCTION_CALL",
        "malformed_tool_use",
        "function_call_filter: MALFORMED_FUNCTION_CALL",
        "UNEXPECTED_TOOL_CALL",
        "function_call_filter: UNEXPECTED_TOOL_CALL",
    ],
)
def test_words_for_malformed_calls(word: str) -> None:
    with pytest.raises(StreamError) as caught:
        finished(response(""), word, "print(")
    assert (caught.value.reply.once, str(caught.value)) == (True, "print(")


@pytest.mark.parametrize("word", ["something_new", "", None, 7, "OTHER", "load", "paused"])
def test_words_that_nobody_knows_are_told(word: Any) -> None:
    made = finished(response(), word)
    assert (made.finish_reason, made.provider_finish_reason) == ("unknown", str(word or ""))
    # Nothing was said at all: that is no answer.
    with pytest.raises(StreamError, match="empty"):
        finished(response(""), word)


def test_a_stop_for_tools_without_a_call() -> None:
    with pytest.raises(StreamError, match="gives no call") as caught:
        finished(response(""), "tool_calls")
    assert caught.value.reply.once
    assert finished(response(), "tool_calls").finish_reason == "unknown"


def test_the_length_limit_within_the_arguments_of_a_call() -> None:
    with pytest.raises(BadReply, match="max_output_tokens") as caught:
        finished(response("", CALL), "length", cut_call="look")
    assert (caught.value.final, caught.value.usage) == (True, USED)
    assert finished(response("", CALL), "length").finish_reason == "tool_calls"
    assert finished(response("", EMPTY_CALL), "stop", cut_call="look").finish_reason == "tool_calls"


def test_a_context_that_leaves_no_room_for_a_reply() -> None:
    with pytest.raises(StreamError) as caught:
        finished(response(""), "model_context_window_exceeded")
    assert caught.value.reply.cause == "context"


def test_every_word_has_one_meaning() -> None:
    assert ending_of("tool-calls") == ending_of(" Tool_Calls ") == "tool_calls"
    assert ending_of("anything else") is None


# --- Over the wire: whichever way a provider says it ---


def refused(provider: str, stream: bool) -> Answer:
    """A reply of ``provider`` that begins with ``Well, `` and ends with a filter."""
    if provider in ("openai", "custom"):
        if stream:
            return sse(chunk({"content": "Well, "}), chunk({}, "content_filter"), chunk(usage=USAGE))
        return reply(completion("Well, ", "content_filter"))
    body = body_of(provider, "Well, ")
    if provider == "anthropic":
        details = {"type": "refusal", "category": "cyber", "explanation": "That may do harm."}
        if not stream:
            return reply({**body, "stop_reason": "refusal", "stop_details": details})
        pieces = b"".join(stream_of(provider, "Well, "))
        end = b'{"stop_reason": "refusal", "stop_details": {"type": "refusal", "explanation": "That may do harm."}}'
        return streamed([pieces.replace(b'{"stop_reason": "end_turn"}', end)])
    if provider == "google":
        body["candidates"][0].update(finishReason="SAFETY", finishMessage="That may do harm.")
        return streamed(events(body)) if stream else reply(body)
    body["done_reason"] = "content_filter"
    return streamed(lines(body), content_type=stream_type(provider)) if stream else reply(body)


@pytest.mark.parametrize("provider", REMOTE)
@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
def test_a_filter_ends_the_call_and_the_record_has_the_text(provider: str, stream: bool, server: Loopback) -> None:
    with asking(server.will(refused(provider, stream)), provider) as manager:
        with raises_code(16, "refused or filtered") as caught:
            manager.execute_stateless_task("w", "?", on_stream=(lambda event: None) if stream else None)
        assert caught.value.details["text"] == "Well, "
        record = record_of(manager)
    assert len(server.received) == 1  # the same would be refused again
    assert (record.success, record.llm_metrics["total_tokens"]) == (False, 12)
    assert "Well, " in record.error_details


REFUSAL = [
    chunk({"content": "Well, "}),
    chunk({"refusal": "I cannot "}),
    chunk({"refusal": "help."}),
    chunk({}, "stop"),
]


def test_a_streamed_refusal_beside_text(clients: Clients, server: Loopback) -> None:
    with raises_code(16, r"I cannot help\.") as caught:
        collect(clients.for_provider("openai").stream(at(server.will(sse(*REFUSAL)), "openai")))
    assert caught.value.details["text"] == "Well, "


ERROR = {"message": "Overloaded, come back later", "type": "server_error", "code": 503}
REPORTS: dict[str, dict[str, list[bytes]]] = {
    "custom": {
        "an event": events({"error": ERROR}),
        "an event with null choices": events({"error": ERROR, "choices": None}),
        "in a choice": events(chunk({}, choice={"error": ERROR})),
        "in a delta": events(chunk({"error": ERROR})),
        "flat": events({"object": "error", **ERROR}),
        "flat without a type": events({"code": 503, "message": ERROR["message"]}),
        "by name": events(ERROR, names=["error"]),
        "by name, in plain words": [b"event: error\ndata: Overloaded, come back later\n\n"],
        "in a list": events([{"error": ERROR}]),
        "a vendor's key": events(chunk({}, x_groq={"error": ERROR["message"]})),
        "JSON that is no event": [b'\n{"error": {"message": "Overloaded, come back later", "code": 503}}\n'],
        "JSON over many lines": [b'{\n "error": {\n  "message": "Overloaded, come back later"\n }\n}\n'],
        "a detail": events({"detail": ERROR["message"]}),
    },
    "anthropic": {
        "an event": events({"type": "error", "error": {"type": "overloaded_error", "message": ERROR["message"]}}),
        "of a gateway": events({"error": ERROR}),
        "by name, in plain words": [b"event: error\ndata: Overloaded, come back later\n\n"],
    },
    "google": {
        "an event": events({"error": {"code": 503, "message": ERROR["message"], "status": "UNAVAILABLE"}}),
        "in a list": events([{"error": {"code": 503, "message": ERROR["message"], "status": "UNAVAILABLE"}}]),
        "by name": events(ERROR, names=["error"]),
    },
    "ollama": {
        "a line": lines({"error": ERROR["message"]}),
        "an object": lines({"error": ERROR}),
    },
}
SAID = [(provider, form) for provider, forms in REPORTS.items() for form in forms]


@pytest.mark.parametrize(("provider", "form"), SAID)
@pytest.mark.parametrize("after", [True, False], ids=["after text", "at once"])
@pytest.mark.usefixtures("quick")
def test_an_error_anywhere_in_a_stream(
    provider: str, form: str, after: bool, clients: Clients, server: Loopback
) -> None:
    whole = stream_of(provider, "The answer ", "is")
    begun = whole[: next(number for number, piece in enumerate(whole) if b"answer" in piece) + 1] if after else []
    report = REPORTS[provider][form]
    server.will(
        streamed([*begun, *report], content_type=stream_type(provider)),
        streamed(whole, content_type=stream_type(provider)),
    )
    client = clients.for_provider(provider)
    text, last = collect(client.stream(at(server, provider)))
    assert (text, last.attempts) == ("The answer is", 2)
    server.will(streamed([*begun, *report], content_type=stream_type(provider)))
    with raises_code(16, "Overloaded, come back later") as caught:
        collect(client.stream(at(server, provider, max_retries=0)))
    assert caught.value.details.get("text", "") == ("The answer " if after else "")
    assert ("usage" in caught.value.details) == after  # a refusal costs nothing


BODIES: dict[str, list[Any]] = {
    "custom": [
        {"error": ERROR},
        {"error": ERROR, "choices": None},
        {"error": ERROR, "choices": []},
        completion("The answer is", choice={"error": ERROR}),
        {"error": ERROR["message"]},
        {"object": "error", **ERROR},
        {"code": 503, "message": ERROR["message"], "data": None},
        {"detail": ERROR["message"]},
        {"choices": None, "base_resp": {"status_code": 1000, "status_msg": ERROR["message"]}},
        {"success": False, "errors": [{"code": 7000, "message": ERROR["message"]}]},
    ],
    "anthropic": [
        {"type": "error", "error": {"type": "overloaded_error", "message": ERROR["message"]}},
        {"error": ERROR},
        {**body_of("anthropic"), "error": ERROR},
        {"code": 503, "message": ERROR["message"]},
    ],
    "google": [{"error": {"code": 503, "message": ERROR["message"]}}, [{"error": {"message": ERROR["message"]}}]],
    "ollama": [{"error": ERROR["message"]}, {**body_of("ollama"), "error": ERROR["message"]}],
}


@pytest.mark.parametrize(("provider", "body"), [(name, body) for name, bodies in BODIES.items() for body in bodies])
@pytest.mark.usefixtures("quick")
def test_an_error_anywhere_in_a_reply(provider: str, body: Any, clients: Clients, server: Loopback) -> None:
    client = clients.for_provider(provider)
    assert client.complete(at(server.will(reply(body), reply(body_of(provider))), provider)).attempts == 2
    with raises_code(16, "Overloaded, come back later"):
        client.complete(at(server.will(reply(body)), provider, max_retries=0))


@pytest.mark.parametrize(
    ("error", "code", "attempts"),
    [
        ({"message": "Rate limit exceeded: free-models-per-minute", "code": 429}, 20, 3),
        ({"message": "Rate limit exceeded: free-models-per-day", "code": 429}, 20, 1),
        ({"message": "No auth credentials found", "code": 401}, 45, 1),
        ({"message": "Prompt is too long", "code": 400}, 47, 1),
        ({"message": "x is not a valid model ID", "code": 400}, 40, 1),
        ({"message": "Your input was flagged", "code": 403, "metadata": {"reasons": ["violence"]}}, 16, 1),
        ({"message": "Internal error", "code": "502"}, 16, 3),
        ({"message": "Internal error", "type": "server_error"}, 16, 3),
        ({"message": "Bad parameter", "type": "invalid_request_error"}, 16, 1),
    ],
)
@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
@pytest.mark.usefixtures("quick")
def test_a_failure_told_as_200_is_what_it_would_be_by_its_status(
    error: dict[str, Any], code: int, attempts: int, stream: bool, clients: Clients, server: Loopback
) -> None:
    client = clients.for_provider("custom")
    asked = at(server.will(sse({"error": error}) if stream else reply({"error": error})), "custom")
    with raises_code(code) as caught:
        _ = collect(client.stream(asked)) if stream else client.complete(asked)
    assert caught.value.details["attempts"] == len(server.received) == attempts


@pytest.mark.parametrize("error", [None, {}, "", []])
def test_an_empty_error_is_none(error: Any) -> None:
    assert openai.parse(completion(error=error), request("custom")).text == "Hi there"
    assert ollama.parse({**body_of("ollama"), "error": error}, request("ollama")).text == "Hi there"
    assert google.parse({**body_of("google"), "error": error}, request("google")).text == "Hi there"
    assert anthropic.parse({**body_of("anthropic"), "error": error}, request("anthropic")).text == "Hi there"


@pytest.mark.parametrize("provider", REMOTE)
def test_an_unknown_finish_reason_is_in_the_record(provider: str, server: Loopback) -> None:
    body = body_of(provider)
    match provider:
        case "anthropic":
            body["stop_reason"] = "brand_new"
        case "google":
            body["candidates"][0]["finishReason"] = "brand_new"
        case "ollama":
            body["done_reason"] = "brand_new"
        case _:
            body["choices"][0]["finish_reason"] = "brand_new"
    with asking(server.will(reply(body)), provider) as manager:
        output, record = manager.execute_stateless_task("w", "?")
    assert (output, record.llm_metrics["finish_reason"]) == ("Hi there", "unknown")
    assert record.llm_metrics["provider_finish_reason"] == "brand_new"


@pytest.mark.usefixtures("quick")
def test_the_reason_of_a_break_is_told_where_the_second_attempt_says_something_else(
    clients: Clients, server: Loopback
) -> None:
    server.will(
        sse(chunk({"content": "One"}), {"error": {"message": "Rate limit reached", "code": 429}}),
        sse(chunk({"content": "Two"}), chunk({}, "stop")),
    )
    with raises_code(20, "Rate limit reached.*another reply") as caught:
        collect(clients.for_provider("custom").stream(at(server, "custom")))
    assert caught.value.details["text"] == "One"


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize(("code", "words"), [(1026, "input new_sensitive"), (1027, "output new_sensitive")])
@pytest.mark.parametrize("form", ["whole", "whole with text", "stream", "stream after text"])
def test_the_filter_of_minimax(code: int, words: str, form: str, clients: Clients, server: Loopback) -> None:
    status = {"choices": None, "base_resp": {"status_code": code, "status_msg": words}}
    begun = [chunk({"content": "so far"})] if "text" in form else []
    whole = {**completion("so far"), **status, "choices": completion("so far")["choices"]} if begun else status
    server.will(reply(whole) if "whole" in form else sse(*begun, status))
    client, asked = clients.for_provider("custom"), at(server, "custom")
    with raises_code(16, words) as caught:
        collect(client.stream(asked)) if "stream" in form else client.complete(asked)
    details = caught.value.details
    assert (details["finish_reason"], details["refusal"]) == ("content_filter", words)
    assert details.get("text") == ("so far" if begun else None)
    assert len(server.received) == 1
