"""Options, event streams and addresses, as people write them and as servers take them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ai_wm.providers import Clients
from tests.ai_wm.helpers import raises_code
from tests.ai_wm.providers.loopback import Loopback, Received, reply, streamed
from tests.ai_wm.providers.support import (
    REMOTE,
    at,
    body_of,
    collect,
    error_of,
    request,
    stream_of,
    stream_type,
    user,
)
from tests.ai_wm.providers.wire import sent

NAMES = ["max_output_tokens", "max_tokens", "max_completion_tokens", "maxOutputTokens", "num_predict"]


@pytest.mark.parametrize("provider", REMOTE)
@pytest.mark.parametrize("name", NAMES)
def test_the_limit_of_output_by_any_name(provider: str, name: str, clients: Clients, server: Loopback) -> None:
    clients.for_provider(provider).complete(at(server.will(reply(body_of(provider))), provider, **{name: 77}))
    body = sent(server)
    found = [body, body.get("generationConfig", {}), body.get("options", {})]
    assert [part[key] for part in found for key in NAMES if key in part] == [77]


@pytest.mark.parametrize("provider", REMOTE)
def test_json_mode_asks_for_json_and_checks_it(provider: str, clients: Clients, server: Loopback) -> None:
    client = clients.for_provider(provider)
    for given in ("json", "json_object", {"type": "json_object"}, {"type": "json"}):
        client.complete(at(server.will(reply(body_of(provider, "{}"))), provider, response_format=given))
        body = json.dumps(sent(server))
        assert "JSON" in body or "application/json" in body
    with raises_code(16, "is not JSON") as caught:
        client.complete(at(server.will(reply(body_of(provider, "Sure! {}"))), provider, response_format="json"))
    assert caught.value.details["text"] == "Sure! {}"


@pytest.mark.parametrize(
    ("provider", "config"),
    [
        ("anthropic", {"thinking": {"type": "enabled", "budget_tokens": 2000}, "max_output_tokens": 2000}),
        ("google", {"thinkingConfig": {"thinkingBudget": 2000}, "max_output_tokens": 1000}),
        ("google", {"thinking_config": {"thinking_budget": 2000}, "max_tokens": 1000}),
        ("google", {"generationConfig": {"thinkingConfig": {"thinkingBudget": 2000}, "maxOutputTokens": 1000}}),
        ("custom", {"reasoning": {"max_tokens": 2000}, "max_tokens": 1000}),
        ("custom", {"thinking": {"type": "enabled", "budget_tokens": 2000}, "max_output_tokens": 1000}),
    ],
)
def test_a_budget_for_thinking_that_leaves_no_answer(provider: str, config: dict[str, Any], clients: Clients) -> None:
    with raises_code(4, "max_output_tokens"):
        clients.for_provider(provider).complete(request(provider, config={"base_url": "http://127.0.0.1:9", **config}))


@pytest.mark.parametrize(
    ("provider", "config", "words"),
    [
        ("openai", {"stop": list("abcde")}, "at most 4"),
        ("google", {"stop": list("abcdef")}, "at most 5"),
        ("anthropic", {"stop": ["\n"]}, "white space"),
        ("google", {"seed": 2**40}, "32 bits"),
        ("custom", {"stop": [""]}, "none of them empty"),
        ("custom", {"temperature": "hot"}, "a number"),
        ("custom", {"max_output_tokens": 0}, "at least 1"),
        ("custom", {"response_format": "xml"}, "response_format"),
        ("custom", {"n": 2, "messages": []}, "messages"),
    ],
)
def test_what_cannot_be_done_is_said_before_the_call(
    provider: str, config: dict[str, Any], words: str, clients: Clients, server: Loopback
) -> None:
    with raises_code(4, words):
        clients.for_provider(provider).complete(at(server, provider, **config))
    assert server.received == []


def test_an_option_that_a_model_refuses_is_said_in_its_words(clients: Clients, server: Loopback) -> None:
    said = "Unsupported value: 'temperature' does not support 0.2 with this model. Only the default (1) is supported."
    server.will(reply(error_of("openai", said, "unsupported_value"), 400))
    with raises_code(16, "temperature") as caught:
        clients.for_provider("openai").complete(at(server, "openai", temperature=0.2))
    assert len(server.received) == 1
    assert caught.value.details["status"] == 400


# --- Event streams ---

FORMS: list[tuple[str, Any]] = [
    ("as the standard has it", lambda text: text),
    ("CRLF", lambda text: text.replace("\n", "\r\n")),
    ("CR", lambda text: text.replace("\n", "\r")),
    ("a byte order mark", lambda text: "\ufeff" + text),
    ("comments between the lines", lambda text: text.replace("data:", ": pulse\ndata:")),
    ("no space behind the colon", lambda text: text.replace("data: ", "data:")),
    ("ids and retries", lambda text: text.replace("data:", "id: 1\nretry: 10\ndata:")),
    ("unknown fields", lambda text: text.replace("data:", "trace: x\ndata:")),
    ("the last event without its empty line", lambda text: text.rstrip("\n")),
    ("no empty lines", lambda text: text.replace("\n\n", "\n")),
    ("three empty lines", lambda text: text.replace("\n\n", "\n\n\n\n")),
    ("pulses without data", lambda text: "event: ping\n\n" + text.replace("\n\n", "\n\nevent: heartbeat\ndata:\n\n")),
    ("data in two lines", lambda text: text.replace('"model": ', '\ndata: "model": ')),
    ("a name before each", lambda text: text if "event:" in text else text.replace("data:", "event: message\ndata:")),
]


@pytest.mark.parametrize("form", [item[1] for item in FORMS], ids=[item[0] for item in FORMS])
@pytest.mark.parametrize("provider", ["anthropic", "custom", "google"])
@pytest.mark.parametrize("size", [1, 7, 10_000])
def test_streams_of_events(provider: str, size: int, form: Any, clients: Clients, server: Loopback) -> None:
    body = form(b"".join(stream_of(provider, "Grüße 😀 ", "there")).decode()).encode()
    pieces = [body[start : start + size] for start in range(0, len(body), size)]
    server.will(streamed(pieces, content_type=f"{stream_type(provider)}; charset=utf-8"))
    text, response = collect(clients.for_provider(provider).stream(at(server, provider)))
    assert (text, response.finish_reason, response.usage.total_tokens) == ("Grüße 😀 there", "stop", 12)


# --- Addresses ---


def api(prefix: str, provider: str) -> Any:
    """A server that has the API of a provider below a path, and nothing else."""

    def judge(received: Received) -> bytes:
        path = received.path.partition("?")[0]
        return reply(body_of(provider)) if path == prefix else reply({"detail": "Not Found"}, 404)

    return judge


ADDRESSES = [
    ("custom", "", "/v1/chat/completions"),
    ("custom", "/", "/v1/chat/completions"),
    ("custom", "", "/chat/completions"),
    ("custom", "/v1", "/v1/chat/completions"),
    ("custom", "/v1/", "/v1/chat/completions"),
    ("custom", "/v1/chat/completions", "/v1/chat/completions"),
    ("custom", "/v1/chat/completions/", "/v1/chat/completions"),
    ("custom", "/api/paas/v4", "/api/paas/v4/chat/completions"),
    ("custom", "/v1beta/openai/", "/v1beta/openai/chat/completions"),
    ("custom", "/compatible-mode/v1", "/compatible-mode/v1/chat/completions"),
    ("custom", "/api", "/api/v1/chat/completions"),
    ("custom", "/openai", "/openai/chat/completions"),
    ("custom", "/inference/v1/chat/completions", "/inference/v1/chat/completions"),
    ("custom", "/openai/v1?api-version=preview", "/openai/v1/chat/completions"),
    ("custom", "/openai/deployments/d?api-version=2024-10-21", "/openai/deployments/d/chat/completions"),
    (
        "custom",
        "/openai/deployments/d/chat/completions?api-version=2024-10-21",
        "/openai/deployments/d/chat/completions",
    ),
    ("anthropic", "", "/v1/messages"),
    ("anthropic", "/v1", "/v1/messages"),
    ("anthropic", "/v1/messages", "/v1/messages"),
    ("anthropic", "/anthropic/", "/anthropic/v1/messages"),
    ("anthropic", "/api/anthropic/v1/", "/api/anthropic/v1/messages"),
    ("google", "", "/v1beta/models/m-1:generateContent"),
    ("google", "/v1beta", "/v1beta/models/m-1:generateContent"),
    ("google", "/v1beta/models", "/v1beta/models/m-1:generateContent"),
    ("ollama", "/", "/api/chat"),
    ("ollama", "/api", "/api/chat"),
    ("ollama", "/v1", "/api/chat"),
    ("ollama", "/api/chat", "/api/chat"),
]


@pytest.mark.parametrize(("provider", "written", "path"), ADDRESSES)
def test_addresses_as_people_write_them(
    provider: str, written: str, path: str, clients: Clients, server: Loopback
) -> None:
    server.judges(api(path, provider))
    asked = request(provider, user("hello"), config={"base_url": server.url + written, "max_retries": 0})
    client = clients.for_provider(provider)
    assert client.complete(asked).text == "Hi there"
    known = len(server.received)
    client.complete(asked)
    assert len(server.received) == known + 1  # what was found is kept


@pytest.mark.parametrize("provider", REMOTE)
def test_an_address_that_is_none_is_told_with_the_answer(provider: str, clients: Clients, server: Loopback) -> None:
    server.will(reply("404 page not found", 404, content_type="text/plain"))
    with raises_code(40, r"404 page not found.*asked at http://127\.0\.0\.1") as caught:
        clients.for_provider(provider).complete(at(server, provider))
    assert "?" not in caught.value.details["address"]


@pytest.mark.parametrize("provider", REMOTE)
def test_a_redirect_is_not_followed_and_says_where_it_leads(provider: str, clients: Clients, server: Loopback) -> None:
    server.will(reply("", 301, {"location": "https://api.example/v1/chat?key=sk-1"}))
    with raises_code(16, r"redirects \(status 301\).*https://api\.example/v1/chat") as caught:
        clients.for_provider(provider).complete(at(server, provider))
    assert "sk-1" not in caught.value.message
    assert len(server.received) == 1
