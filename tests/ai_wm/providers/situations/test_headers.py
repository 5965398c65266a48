"""Headers: of a definition, under the names of SDKs, from their variables, and those that carry keys."""

from __future__ import annotations

from typing import Any

import pytest

from ai_wm.data.headers import joined_headers, key_header_of
from ai_wm.data.sdk_options import with_own_names
from ai_wm.providers import Clients
from ai_wm.providers.base import LLMRequest
from ai_wm.providers.environment import environment_headers
from tests.ai_wm.helpers import raises_code, worker
from tests.ai_wm.providers.loopback import Loopback, reply
from tests.ai_wm.providers.support import KEY, REMOTE, at, body_of, request
from tests.ai_wm.providers.wire import asking, completion, plain, sent


@pytest.mark.parametrize("name", ["headers", "extra_headers", "default_headers"])
@pytest.mark.parametrize("provider", REMOTE)
def test_extra_headers(provider: str, name: str, clients: Clients, server: Loopback) -> None:
    headers = {"HTTP-Referer": "https://ours.example", "X-Gateway-Token": "gw-1"}
    server.will(reply(body_of(provider)))
    clients.for_provider(provider).complete(at(server, provider, **{name: headers}))
    received = server.received[-1]
    assert {key.lower(): value for key, value in headers.items()}.items() <= received.headers.items()
    assert b"headers" not in received.body


@pytest.mark.parametrize("name", ["extra_headers", "default_headers"])
def test_extra_headers_of_a_definition_are_headers_everywhere(name: str, server: Loopback) -> None:
    definition = {"base_config": {name: {"X-Gateway-Token": "gw-0123456789"}}}
    with asking(server.will(*plain(completion())), **definition) as manager:
        manager.execute_stateless_task("w", "hello")
        manager.execute_stateless_task("w", "hello", {"extra_headers": {"x-gateway-token": "gw-other"}})
        shown = manager.get_worker_definition("w")
        assert shown.base_config["headers"] == {"X-Gateway-Token": "gw-0123456789"}
        assert "gw-0123456789" not in f"{shown.to_script()} {shown!r}"
    assert [received.headers["x-gateway-token"] for received in server.received] == ["gw-0123456789", "gw-other"]
    with asking(server, base_config={}) as manager, raises_code(4, "headers"):
        manager.add_worker_definition(worker("bad", base_config={name: ["X: 1"]}))
        manager.execute_stateless_task("bad", "hello")


def test_the_names_of_headers_in_their_order() -> None:
    config = {"default_headers": {"A": "1", "B": "1"}, "headers": {"a": "2"}, "extra_headers": {"b": "3"}, "top_p": 1}
    assert with_own_names(config) == {"headers": {"a": "2", "b": "3"}, "top_p": 1}
    assert with_own_names({"extra_headers": None}) == {}
    assert joined_headers({"anthropic-beta": "a"}, {"Anthropic-Beta": "b, a"}, {"x": "1"}, {"X": "2"}) == {
        "anthropic-beta": "a,b",
        "x": "2",
    }


def test_extra_body(clients: Clients, server: Loopback) -> None:
    server.will(reply(completion()))
    clients.for_provider("custom").complete(at(server, "custom", extra_body={"chat_template_kwargs": {"think": False}}))
    assert sent(server)["chat_template_kwargs"] == {"think": False}
    assert "extra_body" not in sent(server)
    for wrong in ({"messages": []}, "text"):
        with raises_code(4):
            clients.for_provider("custom").complete(at(server, "custom", extra_body=wrong))


def test_betas(clients: Clients, server: Loopback) -> None:
    server.will(reply(body_of("anthropic")))
    client = clients.for_provider("anthropic")
    client.complete(at(server, "anthropic", betas=["a-2026", "b-2026"], headers={"anthropic-beta": "c-2026"}))
    assert server.received[-1].headers["anthropic-beta"] == "a-2026,b-2026,c-2026"
    assert "betas" not in sent(server)
    with raises_code(4, "betas"):
        client.complete(at(server, "anthropic", betas=[1]))


KEY_HEADERS: list[tuple[str, str, dict[str, Any], tuple[str, str]]] = [
    ("Anthropic's own", "anthropic", {}, ("x-api-key", KEY)),
    (
        "a service with Anthropic's API",
        "anthropic",
        {"auth_header": "Authorization"},
        ("authorization", f"Bearer {KEY}"),
    ),
    ("a scheme of its own", "custom", {"auth_header": "authorization: Token"}, ("authorization", f"Token {KEY}")),
    ("a gateway", "custom", {"auth_header": "X-Portkey-Api-Key"}, ("x-portkey-api-key", KEY)),
    ("Azure", "custom", {"auth_header": "api-key"}, ("api-key", KEY)),
]


@pytest.mark.parametrize(
    ("provider", "config", "header"), [case[1:] for case in KEY_HEADERS], ids=[case[0] for case in KEY_HEADERS]
)
def test_the_header_of_the_key(
    provider: str, config: dict[str, Any], header: tuple[str, str], clients: Clients, server: Loopback
) -> None:
    clients.for_provider(provider).complete(at(server.will(reply(body_of(provider))), provider, **config))
    received = server.received[-1]
    keys = {name: value for name, value in received.headers.items() if KEY in value}
    assert (keys, "auth_header" in sent(server)) == (dict([header]), False)


def test_azure_deployments_want_their_own_header(clients: Clients, server: Loopback) -> None:
    base = f"{server.url}/openai/deployments/gpt-4o?api-version=2024-10-21"
    server.will(reply(completion()))
    clients.for_provider("custom").complete(request("custom", config={"base_url": base}))
    received = server.received[-1]
    assert received.path == "/openai/deployments/gpt-4o/chat/completions?api-version=2024-10-21"
    assert (received.headers["api-key"], "authorization" in received.headers) == (KEY, False)


@pytest.mark.parametrize("wrong", ["", "a b", "Host", "x:y z", 7, "Content-Length", "a\r\nb"])
def test_a_key_is_sent_in_no_header_that_is_none(wrong: Any) -> None:
    with raises_code(4, "auth_header"):
        key_header_of({"auth_header": wrong})


# --- The variables of the SDKs ---


def asked(server: Loopback, provider: str, **fields: Any) -> LLMRequest:
    return request(provider, **{"config": {}, **fields})


def test_openai_organisation_and_project(clients: Clients, server: Loopback, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", f"{server.url}/v1")
    monkeypatch.setenv("OPENAI_ORG_ID", "org-1")
    monkeypatch.setenv("OPENAI_PROJECT_ID", "proj-1")
    client = clients.for_provider("openai")
    client.complete(asked(server.will(reply(completion())), "openai"))
    received = server.received[-1].headers
    assert (received["openai-organization"], received["openai-project"]) == ("org-1", "proj-1")
    # Another server is none of the provider's own; a compatible one neither.
    client.complete(asked(server, "openai", config={"base_url": f"{server.url}/other/v1"}))
    clients.for_provider("custom").complete(at(server, "custom"))
    client.complete(asked(server, "openai", environment=False))
    assert all("openai-organization" not in each.headers for each in server.received[1:])
    assert len(server.received) == 4


def test_anthropic_variables(clients: Clients, server: Loopback, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_BASE_URL", server.url)
    monkeypatch.setenv("ANTHROPIC_AUTH_TOKEN", "token-0123456789")
    monkeypatch.setenv("ANTHROPIC_CUSTOM_HEADERS", "X-Tenant: a: b\n\nno header here\nanthropic-beta: from-env")
    client = clients.for_provider("anthropic")
    server.will(reply(body_of("anthropic")))
    client.complete(asked(server, "anthropic", config={"headers": {"anthropic-beta": "own"}}))
    received = server.received[-1].headers
    assert (received["x-tenant"], received["anthropic-beta"], received["x-api-key"]) == ("a: b", "from-env,own", KEY)
    assert "authorization" not in received  # as in the SDK, a key comes before the token
    client.complete(asked(server, "anthropic", api_key=None))
    assert server.received[-1].headers["authorization"] == "Bearer token-0123456789"
    client.complete(asked(server, "anthropic", api_key=None, config={"headers": {"Authorization": "Bearer mine"}}))
    assert server.received[-1].headers["authorization"] == "Bearer mine"
    # What the server repeats of them is masked.
    server.will(reply({"type": "error", "error": {"type": "api_error", "message": "no token-0123456789, a: b"}}, 400))
    with raises_code(16) as caught:
        client.complete(asked(server, "anthropic", api_key=None))
    assert "token-0123456789" not in f"{caught.value} {caught.value.details}"


@pytest.mark.parametrize("bad", ["Host: x", "X-A: é", "X A: 1"])
def test_variables_that_cannot_be_sent_are_told_without_their_values(bad: str) -> None:
    with raises_code(18, "ANTHROPIC_CUSTOM_HEADERS") as caught:
        environment_headers("anthropic", {"ANTHROPIC_CUSTOM_HEADERS": f"{bad} secret"})
    assert "secret" not in caught.value.message
