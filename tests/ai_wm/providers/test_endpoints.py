"""Where a call goes."""

from __future__ import annotations

import pytest

from ai_wm.providers import anthropic, google, ollama, openai
from ai_wm.providers.adapter import Endpoint
from ai_wm.providers.endpoints import base_url
from neuroscript.errors import NeuroScriptError

ENDPOINTS = {"anthropic": anthropic, "google": google, "ollama": ollama, "openai": openai}


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
    assert base_url(provider, ENDPOINTS[provider].endpoint, {}, {}) == public


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
    assert base_url(provider, endpoint, {}, {variable: "http://proxy:8080/x/"}) == "http://proxy:8080/x"
    given = {"base_url": "http://mine:1"}
    assert base_url(provider, endpoint, given, {variable: "http://proxy:8080"}) == "http://mine:1"
    assert base_url(provider, endpoint, {}, {variable: ""}) == endpoint.default


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
    ],
)
def test_ollama_host_is_written_as_ollama_takes_it(value: str, address: str) -> None:
    assert base_url("ollama", ollama.endpoint, {}, {"OLLAMA_HOST": value}) == address


def test_custom_needs_an_address() -> None:
    with pytest.raises(NeuroScriptError, match=r"baseConfig\.base_url") as caught:
        base_url("custom", Endpoint(""), {}, {})
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
        "http://[::1",
    ],
)
def test_what_is_no_address(value: object) -> None:
    with pytest.raises(NeuroScriptError) as caught:
        base_url("custom", Endpoint(""), {"base_url": value}, {})
    assert caught.value.code == 18
    assert "hunter2" not in caught.value.message


def test_a_port_that_is_no_number() -> None:
    with pytest.raises(NeuroScriptError, match="OLLAMA_HOST"):
        base_url("ollama", ollama.endpoint, {}, {"OLLAMA_HOST": "host:port"})
