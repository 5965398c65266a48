"""Options mean the same for every provider; what one cannot do is said."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from ai_wm.providers import Clients, adapter, anthropic, google, ollama, openai
from ai_wm.providers.adapter import Adapter
from ai_wm.providers.estimates import stated_output
from tests.ai_wm.helpers import raises_code
from tests.ai_wm.providers.loopback import Loopback, Received, reply
from tests.ai_wm.providers.support import REMOTE, WEATHER, at, collect, request
from tests.ai_wm.providers.wire import completion, sent, sse

ADAPTERS: dict[str, Adapter] = {
    "anthropic": anthropic,
    "custom": openai,
    "google": google,
    "ollama": ollama,
    "openai": openai,
}


def built(provider: str, **config: Any) -> dict[str, Any]:
    return ADAPTERS[provider].build(request(provider, config=config)).body


def limits(body: dict[str, Any]) -> dict[str, Any]:
    """What of a request limits the reply's length, wherever it stands."""
    names = ("max_tokens", "max_completion_tokens", "maxOutputTokens", "num_predict", "max_output_tokens")
    places = (body, body.get("options", {}), body.get("generationConfig", {}))
    return {name: place[name] for place in places for name in names if name in place}


NAMES = {
    "anthropic": "max_tokens",
    "custom": "max_tokens",
    "google": "maxOutputTokens",
    "ollama": "num_predict",
    "openai": "max_completion_tokens",
}


@pytest.mark.parametrize("provider", REMOTE)
@pytest.mark.parametrize(
    "name", ["max_output_tokens", "max_tokens", "max_completion_tokens", "maxOutputTokens", "num_predict"]
)
def test_the_output_limit_under_whichever_name(provider: str, name: str) -> None:
    body = built(provider, **{name: 50})
    own = (
        name
        if provider in ("custom", "openai") and name in ("max_tokens", "max_completion_tokens")
        else NAMES[provider]
    )
    assert limits(body) == {own: 50}
    assert stated_output({name: 50}) == stated_output({"max_output_tokens": 50}) == 50


def test_an_own_name_comes_before_the_common_one() -> None:
    assert limits(built("custom", max_output_tokens=50, max_completion_tokens=70)) == {"max_completion_tokens": 70}
    assert limits(built("anthropic", max_output_tokens=50, max_tokens=70)) == {"max_tokens": 70}


@pytest.mark.parametrize(
    ("provider", "config"),
    [
        ("anthropic", {"thinking": {"type": "enabled", "budget_tokens": 4000}, "max_output_tokens": 4000}),
        ("anthropic", {"thinking": {"type": "enabled", "budget_tokens": 4000}, "max_tokens": 2000}),
        ("google", {"thinkingConfig": {"thinkingBudget": 4000}, "max_output_tokens": 1000}),
        ("google", {"thinking_config": {"thinking_budget": 4000}, "max_output_tokens": 1000}),
        ("google", {"generationConfig": {"thinkingConfig": {"thinkingBudget": 9}, "maxOutputTokens": 9}}),
        ("custom", {"reasoning": {"max_tokens": 4000}, "max_output_tokens": 4000}),
        ("custom", {"thinking": {"type": "enabled", "budget_tokens": 4000}, "max_output_tokens": 400}),
    ],
)
def test_a_budget_for_thinking_that_leaves_nothing_for_an_answer(provider: str, config: dict[str, Any]) -> None:
    with raises_code(4, "max_output_tokens"):
        built(provider, **config)


@pytest.mark.parametrize(
    ("provider", "config", "limit"),
    [
        ("anthropic", {"thinking": {"type": "enabled", "budget_tokens": 16000}}, 16000 + 8192),
        ("anthropic", {"thinking": {"type": "enabled", "budget_tokens": 1024}, "max_output_tokens": 2000}, 2000),
        ("anthropic", {"thinking": {"type": "adaptive"}}, 8192),
        ("google", {"thinkingConfig": {"thinkingBudget": -1}, "max_output_tokens": 10}, 10),
        ("google", {"thinkingConfig": {"thinkingBudget": 0}, "max_output_tokens": 10}, 10),
        ("custom", {"reasoning": {"effort": "high"}, "max_output_tokens": 10}, 10),
    ],
)
def test_a_budget_for_thinking_that_fits(provider: str, config: dict[str, Any], limit: int) -> None:
    assert list(limits(built(provider, **config)).values()) == [limit]


@pytest.mark.parametrize(
    ("provider", "stop", "why"),
    [
        ("openai", list("abcde"), "at most 4 texts"),
        ("google", list("abcdef"), "at most 5 texts"),
        ("anthropic", ["END", "\n"], "white space only"),
        *((provider, ["END", ""], "none of them empty") for provider in REMOTE),
        *((provider, [1], "a text or a list of texts") for provider in REMOTE),
    ],
)
def test_stop_sequences_that_a_provider_does_not_take(provider: str, stop: list[Any], why: str) -> None:
    with raises_code(4, why):
        built(provider, stop=stop)


@pytest.mark.parametrize(
    ("provider", "most"), [("openai", 4), ("google", 5), ("custom", 9), ("ollama", 9), ("anthropic", 9)]
)
def test_stop_sequences_that_it_takes(provider: str, most: int) -> None:
    stop = [f"stop{number}" for number in range(most)]
    body = built(provider, stop=stop)
    places = (body, body.get("options", {}), body.get("generationConfig", {}))
    names = ("stop", "stop_sequences", "stopSequences")
    assert [place[name] for place in places for name in names if name in place] == [stop]


def test_seeds(caplog: pytest.LogCaptureFixture) -> None:
    with raises_code(4, "32 bits"):
        built("google", seed=2**31)
    assert built("google", seed=-(2**31))["generationConfig"] == {"seed": -(2**31)}
    assert built("openai", seed=2**40)["seed"] == 2**40
    adapter._say_once.cache_clear()
    with caplog.at_level(logging.WARNING):
        assert "seed" not in built("anthropic", seed=7)
    assert "anthropic has no seed" in caplog.text


@pytest.mark.parametrize(
    ("provider", "config", "said"),
    [
        ("openai", {"top_k": 5}, "openai has no top_k"),
        ("ollama", {"tool_choice": "required"}, "ollama has no tool_choice that forces a call"),
    ],
)
def test_what_is_left_out_is_said(
    provider: str, config: dict[str, Any], said: str, caplog: pytest.LogCaptureFixture
) -> None:
    adapter._say_once.cache_clear()
    with caplog.at_level(logging.WARNING):
        ADAPTERS[provider].build(request(provider, config=config, tools=(WEATHER,)))
    assert said in caplog.text


# --- What a server asks to be sent differently ---


def refusing(wrong: str, message: str, **more: Any) -> Any:
    """A server that refuses requests with ``wrong`` in them."""

    def judge(received: Received) -> bytes:
        if wrong in received.json:
            return reply({"error": {"message": message, "type": "invalid_request_error", **more}}, 400)
        return reply(completion('{"a": 1}'))

    return judge


def test_a_reasoning_model_behind_a_gateway_wants_the_new_name(clients: Clients, server: Loopback) -> None:
    message = (
        "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead."
    )
    server.judges(refusing("max_tokens", message, param="max_tokens", code="unsupported_parameter"))
    client = clients.for_provider("custom")
    response = client.complete(at(server, "custom", max_output_tokens=50))
    assert (response.attempts, limits(sent(server))) == (2, {"max_completion_tokens": 50})
    # The next call begins like that; another model of the server does not.
    assert client.complete(at(server, "custom", max_output_tokens=60)).attempts == 1
    other = request("custom", model="m-9", config=at(server, "custom", max_output_tokens=60).config)
    assert client.complete(other).attempts == 2


def test_an_older_server_wants_the_old_name(clients: Clients, server: Loopback) -> None:
    server.judges(refusing("max_completion_tokens", "Extra inputs are not permitted: max_completion_tokens"))
    clients.for_provider("openai").complete(at(server, "openai", max_output_tokens=50))
    assert limits(sent(server)) == {"max_tokens": 50}


def test_a_server_that_does_not_know_stream_options(clients: Clients, server: Loopback) -> None:
    def judge(received: Received) -> bytes:
        if "stream_options" in received.json:
            detail = [
                {"type": "extra_forbidden", "loc": ["body", "stream_options"], "msg": "Extra inputs not permitted"}
            ]
            return reply({"detail": detail}, 422)
        return reply(completion())

    text, response = collect(clients.for_provider("custom").stream(at(server.judges(judge), "custom")))
    assert (text, response.attempts) == ("Hi there", 2)
    assert "stream_options" not in sent(server)


def test_a_server_with_a_json_mode_alone(clients: Clients, server: Loopback, caplog: pytest.LogCaptureFixture) -> None:
    def judge(received: Received) -> bytes:
        body = received.json
        if body["response_format"]["type"] == "json_schema":
            message = "This response_format type is unavailable now"
            return reply({"error": {"message": message, "type": "invalid_request_error", "param": None}}, 400)
        assert '"properties"' in body["messages"][0]["content"]
        return reply(completion('{"a": "one"}'))

    schema = {"type": "object", "properties": {"a": {"type": "integer"}}}
    with raises_code(16, "does not fit the schema"):
        clients.for_provider("custom").complete(at(server.judges(judge), "custom", response_format=schema))
    assert "knows no JSON Schema" in caplog.text


def test_calls_of_another_where_the_server_wants_reasoning(clients: Clients, server: Loopback) -> None:
    from tests.ai_wm.providers.test_openai import TURN

    def judge(received: Received) -> bytes:
        lacking = [m for m in received.json["messages"] if m["role"] == "assistant" and "reasoning_content" not in m]
        if lacking:
            message = "The `reasoning_content` in the thinking mode must be passed back to the API."
            return reply({"error": {"message": message, "type": "invalid_request_error"}}, 400)
        return reply(completion())

    asked = request("custom", *TURN, config=at(server.judges(judge), "custom").config, tools=(WEATHER,))
    assert clients.for_provider("custom").complete(asked).text == "Hi there"


@pytest.mark.parametrize(
    "message",
    [
        "Unsupported value: 'temperature' does not support 0.2 with this model. Only the default (1) is supported.",
        "Invalid schema for response_format 'reply': 'required' must be supplied and is not permitted to lack a",
        "Unknown parameter: 'frobnicate'.",
    ],
)
def test_what_would_change_what_was_asked_for_is_the_callers_to_change(
    message: str, clients: Clients, server: Loopback
) -> None:
    schema = {"type": "object", "properties": {}}
    error = {"error": {"message": message, "type": "invalid_request_error"}}
    with raises_code(16):
        clients.for_provider("custom").complete(
            at(server.will(reply(error, 400)), "custom", temperature=0.2, response_format=schema, max_output_tokens=5)
        )
    assert len(server.received) == 1


def test_a_server_that_refuses_whatever_is_sent_is_not_asked_for_ever(clients: Clients, server: Loopback) -> None:
    message = "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead. stream_options not supported."
    server.will(reply({"error": {"message": message}}, 400))
    with raises_code(16):
        list(clients.for_provider("custom").stream(at(server, "custom", max_output_tokens=5)))
    assert len(server.received) <= 4


def test_streams_of_servers_that_were_asked_differently(clients: Clients, server: Loopback) -> None:
    message = "Unrecognized request argument supplied: stream_options"
    server.will(reply({"error": {"message": message}}, 400), sse(*[completion()]))
    assert collect(clients.for_provider("custom").stream(at(server, "custom")))[0] == "Hi there"


def test_a_request_under_another_name_is_sent_as_its_client_speaks(clients: Clients, server: Loopback) -> None:
    message = "Unrecognized request argument supplied: stream_options"
    server.will(reply({"error": {"message": message}}, 400), sse(*[completion()]))
    asked = request("my own", config=at(server, "custom").config)
    assert collect(clients.for_provider("custom").stream(asked))[0] == "Hi there"
    assert [received.path for received in server.received] == ["/v1/chat/completions"] * 2
