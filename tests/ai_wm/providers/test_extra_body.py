"""What ``extra_body`` says of an option known here is that option; everything else goes to the server as it is."""

from __future__ import annotations

from typing import Any

import pytest

from ai_wm.providers import Clients
from ai_wm.providers.base import LLMRequest
from ai_wm.providers.options import with_extra
from tests.ai_wm.helpers import raises_code
from tests.ai_wm.providers.loopback import Loopback, reply, streamed
from tests.ai_wm.providers.response_wire import message, response
from tests.ai_wm.providers.support import WEATHER, at, body_of, collect, stream_of, stream_type, user

PROVIDERS = ("anthropic", "custom", "google", "ollama", "responses")


def asking(server: Loopback, provider: str, **config: Any) -> LLMRequest:
    if provider == "responses":
        return at(server, "openai", api="responses", **config)
    return at(server, provider, **config)


def answer(provider: str, text: str = "Hi there") -> bytes:
    return reply(response(message(text)) if provider == "responses" else body_of(provider, text))


OPTIONS: list[dict[str, Any]] = [
    {"temperature": 0.5},
    {"top_p": 0.5},
    {"max_output_tokens": 50},
    {"max_tokens": 50},
    {"max_completion_tokens": 50},
    {"stop": ["X"]},
    {"seed": 3},
    {"top_k": 3},
    {"n": 3},
    {"logprobs": True},
    {"reasoning_effort": "low"},
    {"verbosity": "low"},
    {"include": ["x"]},
    {"background": True},
    {"system_prompt": "Be brief."},
    {"tool_choice": "none"},
    {"response_format": "json"},
    {"response_format": {"type": "object", "properties": {"a": {"type": "integer"}}}},
    {"thinking": {"type": "enabled", "budget_tokens": 20_000}},
    {"thinkingConfig": {"thinkingBudget": 0}},
    {"unknown_to_us": {"a": 1}},
    {"temperature": "hot"},
    {"stop": [""]},
]


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("option", OPTIONS, ids=str)
def test_an_option_means_the_same_in_extra_body(
    provider: str, option: dict[str, Any], clients: Clients, server: Loopback
) -> None:
    server.will(answer(provider, '{"a": 1}'))
    outcomes = []
    for config in (option, {"extra_body": option}):
        server.received.clear()
        asked = asking(server, provider, max_retries=0, **config)
        try:
            clients.for_provider(asked.provider).complete(asked)
            outcomes.append((server.received[0].json, server.received[0].headers.get("anthropic-version")))
        except Exception as error:
            assert not server.received
            outcomes.append((getattr(error, "code", None), str(error)))
    assert outcomes[0] == outcomes[1]


@pytest.mark.parametrize(
    ("provider", "config"),
    [
        ("responses", {"extra_body": {"n": 3}}),
        ("responses", {"extra_body": {"background": True}}),
        ("anthropic", {"max_output_tokens": 1000, "extra_body": {"thinking": {"budget_tokens": 1000}}}),
        ("google", {"max_output_tokens": 1000, "extra_body": {"thinkingConfig": {"thinkingBudget": 1000}}}),
        (
            "google",
            {
                "max_output_tokens": 1000,
                "extra_body": {"generationConfig": {"thinkingConfig": {"thinkingBudget": 1000}}},
            },
        ),
        ("custom", {"extra_body": {"max_output_tokens": 0}}),
        ("custom", {"extra_body": {"messages": []}}),
        ("custom", {"extra_body": [1]}),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_what_cannot_be_is_refused_before_anything_is_sent(
    provider: str, config: dict[str, Any], stream: bool, clients: Clients, server: Loopback
) -> None:
    asked = asking(server, provider, **config)
    client = clients.for_provider(asked.provider)
    with raises_code(4):
        collect(client.stream(asked)) if stream else client.complete(asked)
    assert server.received == []


@pytest.mark.parametrize("provider", ["anthropic", "custom", "google", "ollama"])
@pytest.mark.parametrize("stream", [False, True])
def test_json_that_is_asked_for_is_checked(provider: str, stream: bool, clients: Clients, server: Loopback) -> None:
    if stream:
        server.will(streamed(stream_of(provider, "no json"), content_type=stream_type(provider)))
    else:
        server.will(answer(provider, "no json"))
    asked = at(server, provider, max_retries=0, extra_body={"response_format": {"type": "json_object"}})
    client = clients.for_provider(provider)
    with raises_code(16, "not JSON"):
        collect(client.stream(asked)) if stream else client.complete(asked)


def test_a_budget_for_thinking_comes_on_top_of_the_default_limit(clients: Clients, server: Loopback) -> None:
    thinking = {"type": "enabled", "budget_tokens": 20_000}
    server.will(answer("anthropic"))
    clients.for_provider("anthropic").complete(at(server, "anthropic", extra_body={"thinking": thinking}))
    assert server.received[0].json["max_tokens"] == 28_192


@pytest.mark.parametrize("name", ["max_output_tokens", "max_tokens", "max_completion_tokens", "maxOutputTokens"])
def test_a_limit_in_extra_body_is_the_last_word(name: str, clients: Clients, server: Loopback) -> None:
    server.will(answer("anthropic"))
    asked = at(server, "anthropic", max_output_tokens=100, max_tokens=200, extra_body={name: 50})
    clients.for_provider("anthropic").complete(asked)
    assert server.received[0].json["max_tokens"] == 50


OWN: list[dict[str, Any]] = [
    {"response_format": {"type": "grammar", "grammar": "root ::= 'a'"}},
    {"tool_choice": {"type": "allowed_tools", "tools": []}},
    {"cache": True, "schema": "s", "timeout_seconds": 1, "api": "x", "base_url": "http://127.0.0.1:1"},
]


@pytest.mark.parametrize("extra", OWN, ids=str)
def test_what_only_the_server_knows_goes_as_it_is(extra: dict[str, Any], clients: Clients, server: Loopback) -> None:
    server.will(answer("custom"))
    base = at(server, "custom", extra_body=extra)
    asked = LLMRequest(provider="custom", model="m", messages=(user("hi"),), config=base.config, tools=(WEATHER,))
    clients.for_provider("custom").complete(asked)
    sent = server.received[0].json
    assert {key: sent[key] for key in extra} == extra


def test_a_configuration_without_it_is_the_same_one() -> None:
    config = {"temperature": 1}
    assert with_extra(config) is config
