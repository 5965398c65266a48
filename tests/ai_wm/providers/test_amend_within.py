"""Requests whose form is refused within a reply of status 200, where nothing of the answer has come."""

from __future__ import annotations

from typing import Any

import pytest

from ai_wm.providers import Clients
from ai_wm.providers.base import LLMRequest, Usage
from tests.ai_wm.helpers import raises_code
from tests.ai_wm.providers.loopback import Loopback, Received, events, reply, streamed
from tests.ai_wm.providers.response_wire import message, response, stream_events
from tests.ai_wm.providers.support import WEATHER, at, body_of, collect, error_of, request, stream_of
from tests.ai_wm.providers.test_amend import CASES, RESPONSES, Wants, asked_at

BY_WHAT = [case[0] for case in CASES]
NO_SYSTEM = error_of("custom", "System role not supported")
TOOLS_WITHOUT_REASONING = (
    "Function tools with reasoning_effort are not supported for gpt-5.5 in /v1/chat/completions. "
    "To use function tools, use /v1/responses or set reasoning_effort to 'none'."
)


def in_stream(*data: Any) -> bytes:
    return reply(b"".join(events(*data)), content_type="text/event-stream")


@pytest.mark.parametrize("streaming", [False, True], ids=["plain", "streamed"])
@pytest.mark.parametrize(("asked", "refusal", "wants"), [case[1:] for case in CASES], ids=BY_WHAT)
def test_a_refusal_within_a_reply_is_one(
    asked: LLMRequest, refusal: str, wants: Wants, streaming: bool, clients: Clients, server: Loopback
) -> None:
    provider = asked.provider

    def judge(received: Received) -> bytes:
        asked_for_stream = received.json.get("stream") or "stream" in received.path
        refused = error_of(provider, refusal)
        if not wants(received.json):
            return in_stream(refused) if asked_for_stream else reply(refused)
        if not asked_for_stream:
            return reply(body_of(provider, '{"n": 1}'))
        return reply(b"".join(stream_of(provider, '{"n": ', "1}")), content_type="text/event-stream")

    again = asked_at(server.judges(judge), asked)
    client = clients.for_provider(provider)
    answer = collect(client.stream(again))[1] if streaming else client.complete(again)
    wants_stream = streaming and "stream" in refusal.lower()  # and has it
    assert (answer.text, len(server.received)) == ('{"n": 1}', 1 if wants_stream else 2)
    assert answer.usages == (), "a refusal costs nothing"


@pytest.mark.parametrize("begun", [False, True], ids=["at once", "after the response was begun"])
@pytest.mark.parametrize(
    ("asked", "refusal", "wants"), [case[1:] for case in RESPONSES], ids=[case[0] for case in RESPONSES]
)
def test_a_failed_response_is_a_refusal(
    asked: LLMRequest, refusal: str, wants: Wants, begun: bool, clients: Clients, server: Loopback
) -> None:
    good = response(message('{"n": 1}'))
    failed = response(status="failed", error={"code": "invalid_request_error", "message": refusal}, usage=None)

    def judge(received: Received) -> bytes:
        stream = received.json.get("stream")
        if wants(received.json):
            return in_stream(*stream_events(good)) if stream else reply(good)
        if not stream:
            return reply(failed)
        start = stream_events(good)[:1] if begun else []
        return in_stream(*start, {"type": "response.failed", "response": failed})

    base = at(server.judges(judge), "openai", api="responses").config
    again = request("openai", system=asked.system, config={**asked.config, **base})
    client = clients.for_provider("openai")
    assert client.complete(again).text == '{"n": 1}'
    text, answer = collect(client.stream(again))
    assert (text, answer.text, answer.usages) == ('{"n": 1}', '{"n": 1}', ())
    assert len(server.received) == 3, "it is asked so from then on"


def test_a_refusal_in_a_list_of_gateways_words(clients: Clients, server: Loopback) -> None:
    raw = (
        '{"error":{"message":"Unsupported parameter: \'max_tokens\' is not supported with this model. '
        "Use 'max_completion_tokens' instead.\"}}"
    )
    refused = {"error": {"message": "Provider returned error", "code": 400, "metadata": {"raw": raw}}}
    server.will(reply(refused), reply(body_of("openai")))
    asked = request("openrouter", config={"base_url": f"{server.url}/v1", "max_output_tokens": 100})
    assert clients.for_provider("openrouter").complete(asked).text == "Hi there"
    assert [received.json.get("max_completion_tokens") for received in server.received] == [None, 100]


def test_what_a_refused_stream_says_it_has_cost_is_counted(clients: Clients, server: Loopback) -> None:
    start = {"type": "message_start", "message": {**body_of("anthropic"), "content": []}}
    refused = error_of("anthropic", "messages.1: Expected `thinking` or `redacted_thinking`, but found `tool_use`")
    sent = [start, refused]
    refusal = streamed(events(*sent, names=["message_start", "error"]))
    server.will(refusal, streamed(stream_of("anthropic", "Hi")))
    asked = at(server, "anthropic", thinking={"type": "enabled", "budget_tokens": 2000})
    answer = collect(clients.for_provider("anthropic").stream(asked))[1]
    assert answer.usages == (Usage(input_tokens=9, output_tokens=3),) * 2


def test_a_reply_that_has_begun_is_not_asked_for_in_another_form(clients: Clients, server: Loopback) -> None:
    begun = stream_of("custom", "Hi ")[:2]
    server.will(streamed([*begun, *events({**NO_SYSTEM, "code": 400})]))
    asked = request("custom", system="Be brief.", config=at(server, "custom", max_retries=0).config)
    with raises_code(16, "System role not supported") as caught:
        collect(clients.for_provider("custom").stream(asked))
    assert (caught.value.details["text"], len(server.received)) == ("Hi ", 1)


def test_a_server_that_refuses_every_form_is_believed(clients: Clients, server: Loopback) -> None:
    server.will(reply({"error": {**NO_SYSTEM["error"], "code": 400}}))
    client = clients.for_provider("custom")
    asked = request("custom", system="Be brief.", config=at(server, "custom").config)
    with raises_code(16, "System role not supported"):
        client.complete(asked)
    assert len(server.received) == 2
    server.will(reply(body_of("custom")))
    client.complete(asked)
    assert server.received[-1].json["messages"][0]["role"] == "system", "only what helps is kept"


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "streamed"])
@pytest.mark.parametrize("status", [200, 400, 404])
@pytest.mark.parametrize(("api", "other"), [("chat", "responses"), ("responses", "chat")])
def test_a_model_of_the_other_api_names_the_setting(
    api: str, other: str, status: int, stream: bool, clients: Clients, server: Loopback
) -> None:
    paths = {"chat": "v1/chat/completions", "responses": "v1/responses"}
    words = f"This model is only supported in {paths[other]} and not in {paths[api]}."
    server.will(reply({"error": {"message": words, "type": "invalid_request_error", "code": 404}}, status))
    client, asked = clients.for_provider("openai"), at(server, "openai", api=api)
    with raises_code(16 if status == 400 else 40, f"set base_config.api to '{other}'"):
        collect(client.stream(asked)) if stream else client.complete(asked)
    assert len(server.received) == 1


def test_a_refusal_of_a_setting_names_the_setting(clients: Clients, server: Loopback) -> None:
    server.will(streamed(events({"error": {"message": TOOLS_WITHOUT_REASONING, "code": 400}})))
    config = at(server, "custom", reasoning_effort="high").config
    with raises_code(16, "set base_config.reasoning_effort to 'none', or base_config.api to 'responses'"):
        collect(clients.for_provider("custom").stream(request("custom", tools=(WEATHER,), config=config)))
