"""What servers do with OpenAI's Responses API: failures in any place, empty replies, counts, headers."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ai_wm.providers import Clients
from ai_wm.providers.base import LLMRequest, Message, ToolCallRequest, Usage
from neuroscript import NeuroScriptError
from tests.ai_wm.helpers import raises_code
from tests.ai_wm.providers.loopback import Answer, Loopback, events, reply, streamed
from tests.ai_wm.providers.response_wire import USAGE, Public, called, message, reasoning, response, sse, stream_events
from tests.ai_wm.providers.support import KEY, WEATHER, at, collect, request, user
from tests.ai_wm.providers.wire import sent

COUNTED = Usage(input_tokens=9, output_tokens=3)
WHOLE = stream_events(response(message("The answer")))
HALF = WHOLE[:5]
"""The events of a stream up to its first words."""


def asking(server: Loopback, provider: str = "custom", **config: Any) -> LLMRequest:
    return at(server, provider, api="responses", **config)


def named(name: str, data: str) -> bytes:
    return f"event: {name}\ndata: {data}\n\n".encode()


def after_half(*pieces: bytes) -> Answer:
    return streamed([*events(*HALF), *pieces])


def ending(**more: Any) -> dict[str, Any]:
    return {**WHOLE[-1], "response": {**WHOLE[-1]["response"], **more}}


OVERLOADED = {"message": "Overloaded", "code": 529}
REFUSAL = message(refusal="Not that.", number=2)

IN_STREAMS: list[tuple[str, Answer, int, str]] = [
    ("the API's own event", sse(*HALF, {"type": "error", "code": "server_error", "message": "O no"}), 16, "O no"),
    ("an error without a type", streamed(events(*HALF, {"error": OVERLOADED})), 16, "Overloaded"),
    ("a flat error", streamed(events(*HALF, {"code": 500, "msg": "network busy"})), 16, "network busy"),
    (
        "an error in a vendor's key",
        streamed(events(*HALF, {"x_groq": {"error": "over capacity"}})),
        16,
        "over capacity",
    ),
    ("an error by name, in plain words", after_half(named("error", "engine died")), 16, "engine died"),
    ("an error by name, without a word", after_half(named("error", "")), 16, ""),
    (
        "an error as a bare body over many lines",
        after_half(json.dumps({"error": {"message": "upstream gone"}}, indent=2).encode()),
        16,
        "upstream gone",
    ),
    (
        "the limit without its wrapping",
        streamed(events({"type": "rate_limit_error", "message": "slow down"})),
        20,
        "slow down",
    ),
    (
        "a context that does not fit",
        streamed(events({"error": {"message": "Context size has been exceeded."}})),
        47,
        "Context size",
    ),
    ("nothing but the end", streamed([b"data: [DONE]\n\n"]), 16, "end marker"),
    ("an empty answer", sse(*stream_events(response())), 16, "empty"),
    ("a refusal beside text", sse(*stream_events(response(message("Well."), REFUSAL))), 16, "Not that."),
    (
        "a filter after text",
        sse(*HALF, {**ending(status="incomplete", incomplete_details={"reason": "content_filter"})}),
        16,
        "refused or filtered",
    ),
]


@pytest.mark.parametrize(("answer", "code", "words"), [c[1:] for c in IN_STREAMS], ids=[c[0] for c in IN_STREAMS])
def test_no_failure_in_a_stream_is_a_success(
    answer: Answer, code: int, words: str, clients: Clients, server: Loopback
) -> None:
    with raises_code(code) as caught:
        collect(clients.for_provider("custom").stream(asking(server.will(answer), max_retries=0)))
    assert words in caught.value.message


IN_REPLIES: list[tuple[str, Any, int, int, str]] = [
    ("beside a whole message", response(message(), error=OVERLOADED), 200, 16, "Overloaded"),
    ("in a vendor's key", response(message(), x_groq={"error": "over capacity"}), 200, 16, "over capacity"),
    ("in words alone", {"success": False, "message": "no capacity", "code": "E1"}, 200, 16, "no capacity"),
    ("no reason at all", "", 500, 16, "status 500"),
    ("an empty answer", response(), 200, 16, "the reply is empty"),
    ("an empty text", response(message("")), 200, 16, "the reply is empty"),
    ("reasoning alone", response(reasoning()), 200, 16, "the reply is empty"),
    (
        "all of it thought",
        response(reasoning(), status="incomplete", incomplete_details={"reason": "max_output_tokens"}),
        200,
        16,
        "raise max_output_tokens",
    ),
    ("a refusal beside text", response(message("Well."), REFUSAL), 200, 16, "Not that."),
    ("spent credit", {"error": {"message": "Insufficient Balance"}}, 402, 16, "no credit"),
    ("a context", {"error": {"message": "m", "code": "context_length_exceeded"}}, 400, 47, "m"),
]


@pytest.mark.parametrize(
    ("body", "status", "code", "words"), [c[1:] for c in IN_REPLIES], ids=[c[0] for c in IN_REPLIES]
)
def test_no_failure_in_a_reply_is_a_success(
    body: Any, status: int, code: int, words: str, clients: Clients, server: Loopback
) -> None:
    with raises_code(code) as caught:
        clients.for_provider("custom").complete(asking(server.will(reply(body, status)), max_retries=0))
    assert words in caught.value.message


def test_the_text_so_far_and_the_tokens_are_with_the_error(clients: Clients, server: Loopback) -> None:
    counted = {"type": "response.in_progress", "response": {**WHOLE[0]["response"], "usage": USAGE}}
    answer = sse(*HALF, counted, {"type": "error", "message": "O no"})
    with pytest.raises(NeuroScriptError) as caught:
        collect(clients.for_provider("custom").stream(asking(server.will(answer), max_retries=0)))
    assert caught.value.details["text"] == "The a"
    assert caught.value.details["usage"].input_tokens == 9


# --- Empty replies ---


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("streaming", [False, True])
@pytest.mark.parametrize("empty", [response(), response(reasoning())], ids=["nothing", "reasoning alone"])
def test_an_empty_answer_is_asked_for_once_more(
    empty: dict[str, Any], streaming: bool, clients: Clients, server: Loopback
) -> None:
    client = clients.for_provider("custom")

    def answer(body: dict[str, Any]) -> Answer:
        return sse(*stream_events(body)) if streaming else reply(body)

    def ask(**config: Any) -> Any:
        asked = asking(server, **config)
        return collect(client.stream(asked))[1] if streaming else client.complete(asked)

    server.will(answer(empty), answer(response(message())))
    given = ask()
    assert (given.text, given.attempts, given.usage.total_tokens) == ("Hi there", 2, 24)
    server.received.clear()
    server.will(answer(empty))
    with raises_code(16, "gave no answer"):
        ask(max_retries=5)
    assert len(server.received) == 2


@pytest.mark.parametrize("streaming", [False, True])
def test_after_the_results_of_tools_nothing_may_be_said(streaming: bool, clients: Clients, server: Loopback) -> None:
    call = ToolCallRequest(id="call_1", name="weather.Now", arguments={"city": "Rome"})
    calling = Message(role="assistant", content=" \n", tool_calls=(call,))
    result = Message(role="tool", content="20 C", tool_call_id=call.id, name=call.name)
    asked = request(
        "custom", user("Look it up."), calling, result, tools=(WEATHER,), config=dict(asking(server).config)
    )
    client = clients.for_provider("custom")
    server.will(sse(*stream_events(response())) if streaming else reply(response()))
    given = collect(client.stream(asked))[1] if streaming else client.complete(asked)
    assert (given.text, given.finish_reason, len(server.received)) == ("", "stop", 1)
    # White space beside the call is no message of its own.
    kinds = [item.get("type") or item["role"] for item in sent(server)["input"]]
    assert kinds == ["user", "function_call", "function_call_output"]


# --- Token counts ---

CHAT = {"prompt_tokens": 9, "completion_tokens": 3, "total_tokens": 12}
ZEROS = {"input_tokens": 0, "output_tokens": 0, "total_tokens": 0}
PLACES: list[tuple[str, dict[str, Any]]] = [
    ("the API's own", {"usage": USAGE}),
    ("in the words of chat completions", {"usage": CHAT}),
    ("in a vendor's key", {"usage": None, "x_groq": {"usage": CHAT}}),
    ("behind zeros", {"usage": ZEROS, "x_vendor": {"usage": USAGE}}),
    ("as texts", {"usage": {"input_tokens": "9", "output_tokens": "3"}}),
]


@pytest.mark.parametrize("more", [place[1] for place in PLACES], ids=[place[0] for place in PLACES])
@pytest.mark.parametrize("streaming", [False, True])
def test_places_of_token_counts(streaming: bool, more: dict[str, Any], clients: Clients, server: Loopback) -> None:
    client, body = clients.for_provider("custom"), response(message(), **more)
    server.will(sse(*stream_events(body)) if streaming else reply(body))
    given = collect(client.stream(asking(server)))[1] if streaming else client.complete(asking(server))
    assert given.usage == COUNTED


@pytest.mark.parametrize(
    ("first", "last"),
    [
        (USAGE, None),
        (USAGE, ZEROS),
        (USAGE, "none"),
        ({"input_tokens": 9}, {"input_tokens": 0, "output_tokens": 3}),
        (ZEROS, USAGE),
    ],
    ids=["left out later", "zeros later", "nonsense later", "one part each", "zeros first"],
)
def test_token_counts_in_pieces(first: Any, last: Any, clients: Clients, server: Loopback) -> None:
    begun = {**WHOLE[0], "response": {**WHOLE[0]["response"], "usage": first}}
    server.will(sse(begun, *WHOLE[1:-1], ending(usage=last)))
    used = collect(clients.for_provider("custom").stream(asking(server)))[1].usage
    assert (used.input_tokens, used.output_tokens) == (9, 3)


def test_token_counts_beside_the_last_event(clients: Clients, server: Loopback) -> None:
    server.will(sse(*WHOLE[:-1], {**ending(usage=None), "usage": USAGE}))
    assert collect(clients.for_provider("custom").stream(asking(server)))[1].usage == COUNTED


# --- Texts and names ---


@pytest.mark.parametrize(
    "content",
    [["Hi ", "there"], [{"type": "text", "text": "Hi there"}], ["Hi ", {"type": "output_text", "text": "there"}]],
)
def test_a_text_in_parts(content: list[Any], clients: Clients, server: Loopback) -> None:
    server.will(reply(response(message(content=content))))
    assert clients.for_provider("custom").complete(asking(server)).text == "Hi there"


@pytest.mark.parametrize("name", ["functions.weather_Now:0", "default_api.weather_Now", "weather_Now<|channel|>json"])
def test_marks_around_the_name_of_a_tool(name: str, clients: Clients, server: Loopback) -> None:
    server.will(reply(response(called({"city": "Rome"}, name=name))))
    asked = request("custom", tools=(WEATHER,), config=dict(asking(server).config))
    (call,) = clients.for_provider("custom").complete(asked).tool_calls
    assert (call.name, call.arguments) == ("weather.Now", {"city": "Rome"})


# --- Headers ---


def test_openai_organisation_and_project(server: Loopback) -> None:
    server.will(reply(response(message())))
    environ = {"OPENAI_ORG_ID": "org-1", "OPENAI_PROJECT_ID": "proj-1"}
    with Clients(transport=Public(server), environ=environ) as clients:
        client = clients.for_provider("openai")
        client.complete(request("openai"))
        client.complete(request("openai", environment=False))
    assert [received.path for received in server.received] == ["/v1/responses"] * 2
    first, second = (received.headers for received in server.received)
    assert (first["openai-organization"], first["openai-project"]) == ("org-1", "proj-1")
    assert second.keys().isdisjoint({"openai-organization", "openai-project"})


def test_headers_and_the_header_of_the_key(clients: Clients, server: Loopback) -> None:
    asked = asking(
        server.will(reply(response(message()))),
        auth_header="api-key",
        extra_headers={"X-Gateway-Token": "gw-1"},
        extra_body={"truncation": "auto"},
    )
    clients.for_provider("custom").complete(asked)
    received = server.received[-1]
    assert (received.headers["api-key"], received.headers["x-gateway-token"]) == (KEY, "gw-1")
    assert "authorization" not in received.headers
    body = sent(server)
    assert body["truncation"] == "auto"
    assert body.keys().isdisjoint({"api", "auth_header", "extra_headers", "extra_body", "headers"})
