from __future__ import annotations

from collections.abc import Iterator

import pytest

from ai_wm.providers import Clients
from tests.ai_wm.providers import loopback

_VARIABLES = (
    "ANTHROPIC_BASE_URL",
    "AWS_BEARER_TOKEN_BEDROCK",
    "AWS_DEFAULT_REGION",
    "AWS_ENDPOINT_URL_BEDROCK_RUNTIME",
    "AWS_REGION",
    "AZURE_OPENAI_ENDPOINT",
    "CLOUD_ML_REGION",
    "GOOGLE_CLOUD_LOCATION",
    "GOOGLE_CLOUD_PROJECT",
    "GOOGLE_GEMINI_BASE_URL",
    "GOOGLE_VERTEX_BASE_URL",
    "OLLAMA_HOST",
    "OPENAI_API_VERSION",
    "OPENAI_BASE_URL",
)


@pytest.fixture(autouse=True)
def _no_addresses_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    for name in _VARIABLES:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def server() -> Iterator[loopback.Loopback]:
    with loopback.serve() as running:
        yield running


@pytest.fixture
def clients() -> Iterator[Clients]:
    with Clients() as made:
        yield made


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waits between attempts take no time to speak of."""
    monkeypatch.setattr("ai_wm.providers.retry._FIRST_WAIT", 0.001)
