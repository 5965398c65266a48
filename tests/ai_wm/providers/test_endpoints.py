"""Where a call goes."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from ai_wm.providers import anthropic, google, ollama, openai
from ai_wm.providers.adapter import Endpoint
from ai_wm.providers.endpoints import addresses, endpoint_of, joined, server_of, servers_of, shown, wire_format
from neuroscript.errors import NeuroScriptError
from tests.ai_wm.helpers import raises_code

ENDPOINTS = {"anthropic": anthropic, "google": google, "ollama": ollama, "openai": openai}


def urls(provider: str, endpoint: Endpoint, config: Mapping[str, object], environ: Mapping[str, str]) -> list[str]:
    return [server.url for server in addresses(provider, endpoint, config, environ)]


@pytest.mark.parametrize(
    ("provider", "public"),
    [
        ("anthropic", "https://api.anthropic.com"),
        ("google", "https://generativelanguage.googleapis.com"),
        ("ollama", "http://127.0.0.1:11434"),
        ("openai", "https://api.openai.com/v1"),
    ],
)
def test_the_public_address(provider: str, public: str) -> None:
    assert urls(provider, ENDPOINTS[provider].endpoint, {}, {}) == [public]


@pytest.mark.parametrize(
    ("provider", "variable"),
    [
        ("anthropic", "ANTHROPIC_BASE_URL"),
        ("google", "GOOGLE_GEMINI_BASE_URL"),
        ("ollama", "OLLAMA_HOST"),
        ("openai", "OPENAI_BASE_URL"),
    ],
)
def test_the_variable_of_the_providers_own_sdk_comes_before_it(provider: str, variable: str) -> None:
    endpoint = ENDPOINTS[provider].endpoint
    assert urls(provider, endpoint, {}, {variable: "http://proxy:8080/x/v2/"})[0] == "http://proxy:8080/x/v2"
    given = {"base_url": "http://mine:1/v2"}
    assert urls(provider, endpoint, given, {variable: "http://proxy:8080"})[0] == "http://mine:1/v2"
    assert urls(provider, endpoint, {}, {variable: ""}) == [endpoint.default]


@pytest.mark.parametrize(
    ("value", "address"),
    [
        ("example.com", "http://example.com:11434"),
        ("example.com:5000", "http://example.com:5000"),
        ("http://example.com", "http://example.com:80"),
        ("https://example.com", "https://example.com:443"),
        ("https://example.com:8000/path/", "https://example.com:8000/path"),
        ("0.0.0.0", "http://127.0.0.1:11434"),
        ("0.0.0.0:5000", "http://127.0.0.1:5000"),
        ("[::1]:5000", "http://[::1]:5000"),
        ("[::]", "http://127.0.0.1:11434"),
        (":5000", "http://127.0.0.1:5000"),
        ('"127.0.0.1:5000"', "http://127.0.0.1:5000"),
        ("'example.com'", "http://example.com:11434"),
        (' "https://example.com" ', "https://example.com:443"),
    ],
)
def test_ollama_host_is_written_as_ollama_takes_it(value: str, address: str) -> None:
    assert urls("ollama", ollama.endpoint, {}, {"OLLAMA_HOST": value}) == [address]


def test_custom_needs_an_address() -> None:
    with pytest.raises(NeuroScriptError, match=r"base_config\.base_url") as caught:
        addresses("custom", Endpoint(""), {}, {})
    assert caught.value.code == 18


@pytest.mark.parametrize(
    "value",
    [
        "",
        "ftp://x",
        "localhost:8080",
        "http://",
        "/v1",
        7,
        "http://user:hunter2@x/v1",
        "http://x/v1?key=1",
        "http://x/v1?api-version=1&token=2",
        "http://x/v1#part",
        "http://[::1",
    ],
)
def test_what_is_no_address(value: object) -> None:
    with pytest.raises(NeuroScriptError) as caught:
        addresses("custom", Endpoint(""), {"base_url": value}, {})
    assert caught.value.code == 18
    assert "hunter2" not in caught.value.message


def test_a_port_that_is_no_number() -> None:
    with pytest.raises(NeuroScriptError, match="OLLAMA_HOST"):
        addresses("ollama", ollama.endpoint, {}, {"OLLAMA_HOST": "host:port"})


@pytest.mark.parametrize(
    ("provider", "written", "asked"),
    [
        ("custom", "http://h:8000/v1", ["http://h:8000/v1/p"]),
        ("custom", "http://h:8000/v1/", ["http://h:8000/v1/p"]),
        ("custom", " http://h:8000/v1//", ["http://h:8000/v1/p"]),
        ("custom", "http://h:8000/v1/chat/completions", ["http://h:8000/v1/p"]),
        ("custom", "http://h:8000/chat/completions/", ["http://h:8000/p"]),
        # Without a version nobody knows; a bare server mostly has one.
        ("custom", "http://h:8000", ["http://h:8000/v1/p", "http://h:8000/p"]),
        ("custom", "http://h:8000/", ["http://h:8000/v1/p", "http://h:8000/p"]),
        ("custom", "http://h/openai", ["http://h/openai/p", "http://h/openai/v1/p"]),
        ("custom", "http://h/api/paas/v4/", ["http://h/api/paas/v4/p"]),
        ("custom", "http://h/v1beta/openai/", ["http://h/v1beta/openai/p"]),
        ("openai", "https://api.openai.com", ["https://api.openai.com/v1/p", "https://api.openai.com/p"]),
        (
            "custom",
            "http://h/openai/deployments/d/chat/completions?api-version=2024-10-21",
            ["http://h/openai/deployments/d/p?api-version=2024-10-21"],
        ),
        ("anthropic", "http://h", ["http://h/p"]),
        ("anthropic", "http://h/v1", ["http://h/p"]),
        ("anthropic", "http://h/v1/messages", ["http://h/p"]),
        ("anthropic", "http://h/anthropic/", ["http://h/anthropic/p"]),
        ("google", "http://h/v1beta", ["http://h/p"]),
        ("google", "http://h/v1beta/models/gemini:generateContent", ["http://h/p"]),
        ("google", "http://h/v1/", ["http://h/p"]),
        ("ollama", "http://h:1/api", ["http://h:1/p"]),
        ("ollama", "http://h:1/api/chat", ["http://h:1/p"]),
        ("ollama", "http://h:1/v1", ["http://h:1/p"]),
        ("ollama", "http://h:1/below/", ["http://h:1/below/p"]),
    ],
)
def test_addresses_as_people_write_them(provider: str, written: str, asked: list[str]) -> None:
    endpoint = Endpoint("") if provider == "custom" else ENDPOINTS[provider].endpoint
    assert [joined(address, "p") for address in urls(provider, endpoint, {"base_url": written}, {})] == asked


def test_queries_of_address_and_path_go_together() -> None:
    assert joined("http://h/v1?api-version=1", "p:x?alt=sse") == "http://h/v1/p:x?api-version=1&alt=sse"
    assert shown("http://h/v1?api-version=1", "p:x?alt=sse") == "http://h/v1/p:x"


@pytest.mark.parametrize(
    ("provider", "written", "approved"),
    [
        ("custom", "http://h", "http://h"),
        ("custom", "http://h/openai", "http://h/openai"),
        ("custom", "http://h/v1/chat/completions", "http://h/v1"),
        ("custom", "http://h/openai/deployments/d?api-version=1", "http://h/openai/deployments/d"),
        ("anthropic", "http://h/team/", "http://h/team"),
        ("anthropic", "http://h/v1/messages", "http://h/v1"),
        ("google", "http://h/v1/models", "http://h/v1beta"),
        ("ollama", "http://h/v1", "http://h/api"),
    ],
)
def test_what_is_approved_covers_all_that_may_be_asked_and_little_else(
    provider: str, written: str, approved: str
) -> None:
    endpoint = Endpoint("") if provider == "custom" else ENDPOINTS[provider].endpoint
    server = server_of(provider, endpoint, {"base_url": written}, {})
    assert server.address.text == approved
    assert all(server.address.covers(each.address) for each in addresses(provider, endpoint, {"base_url": written}, {}))


def test_the_operators_server_comes_before_the_public_one() -> None:
    named, public = servers_of("openai", {"OPENAI_BASE_URL": "https://h"})
    assert (named.address.text, named.by_operator) == ("https://h", True)
    assert (public.address.text, public.by_operator) == ("https://api.openai.com/v1", False)


@pytest.mark.parametrize(
    ("provider", "config", "environ", "module"),
    [
        ("openai", {}, {}, "responses"),
        ("openai", {"base_url": "https://api.openai.com"}, {}, "responses"),
        ("openai", {"base_url": "https://API.openai.com:443/v1/"}, {}, "responses"),
        ("openai", {"base_url": "https://api.openai.com/v1/chat/completions"}, {}, "responses"),
        ("openai", {}, {"OPENAI_BASE_URL": "https://api.openai.com/v1"}, "responses"),
        ("openai", {"api": "chat"}, {}, "openai"),
        ("openai", {"base_url": "http://api.openai.com/v1"}, {}, "openai"),
        ("openai", {"base_url": "https://api.openai.com:8443/v1"}, {}, "openai"),
        ("openai", {"base_url": "https://api.openai.com.evil.example/v1"}, {}, "openai"),
        ("openai", {"base_url": "http://127.0.0.1:8080/v1"}, {}, "openai"),
        ("openai", {"base_url": "http://127.0.0.1:8080/v1/responses"}, {}, "openai"),
        ("openai", {"base_url": "http://127.0.0.1:8080/v1", "api": "responses"}, {}, "responses"),
        ("openai", {}, {"OPENAI_BASE_URL": "http://127.0.0.1:8080/v1"}, "openai"),
        ("openai", {"api": "responses"}, {"OPENAI_BASE_URL": "http://127.0.0.1:8080/v1"}, "responses"),
        ("custom", {"base_url": "https://api.openai.com/v1"}, {}, "openai"),
        ("custom", {"base_url": "http://h/v1", "api": "responses"}, {}, "responses"),
        ("anthropic", {}, {}, "anthropic"),
        ("azure", {"base_url": "https://n.openai.azure.com"}, {}, "openai"),
        (
            "azure",
            {"base_url": "https://n.openai.azure.com/openai/responses?api-version=preview"},
            {},
            "responses",
        ),
        ("azure", {"base_url": "https://n.openai.azure.com/openai/v1/responses/"}, {}, "responses"),
        ("azure", {"base_url": "https://n.openai.azure.com/openai/v1/responses", "api": "chat"}, {}, "openai"),
        ("azure", {}, {"AZURE_OPENAI_ENDPOINT": "https://n.openai.azure.com/openai/v1/responses"}, "responses"),
    ],
)
def test_which_api_a_server_is_asked_in(
    provider: str, config: dict[str, str], environ: dict[str, str], module: str
) -> None:
    found = addresses(provider, endpoint_of(provider), config, environ)
    assert wire_format(provider, config, found, environ) == module


@pytest.mark.parametrize(
    ("provider", "api", "expected"),
    [
        ("openai", "completions", "'responses' or 'chat'"),
        ("custom", True, "'responses' or 'chat'"),
        ("google", "chat", "no such setting, since google has one API"),
    ],
)
def test_an_api_that_there_is_not(provider: str, api: object, expected: str) -> None:
    config = {"base_url": "http://127.0.0.1:1/v1", "api": api}
    with raises_code(4, rf"base_config\.api is .*; expected {expected}"):
        wire_format(provider, config, addresses(provider, endpoint_of(provider), config, {}))
