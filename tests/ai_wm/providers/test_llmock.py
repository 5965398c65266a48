"""Against llmock, which breaks calls as providers do and judges how the client behaved: its strict verdict is clean."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from ai_wm.keys import Secret
from ai_wm.providers import Clients
from ai_wm.providers.base import LLMClient, LLMRequest, Message
from neuroscript.errors import NeuroScriptError
from tests.ai_wm.providers.support import KEY, WEATHER, collect, user

testing = pytest.importorskip("llmock.testing", reason="llmock is missing: pip install llmock==0.2.2")
scenarios = pytest.importorskip("llmock.scenarios")
verdict = pytest.importorskip("llmock.verdict")
ratelimit = pytest.importorskip("llmock.ratelimit")

PROVIDERS = {"openai": "openai", "anthropic": "anthropic", "google": "gemini", "responses": "openai"}
"""The part of llmock that speaks as each of our wire formats; ``responses`` is ``openai`` in that API."""
PRESETS = ("groq", "mistral", "together", "xai")
"""The services compatible with OpenAI that llmock has as well."""


@pytest.fixture(scope="module")
def running() -> Iterator[Any]:
    with testing.LLMockServer() as server:
        yield server


@pytest.fixture
def mock(running: Any) -> Iterator[Any]:
    running.state.reset()
    pace = running.state.stream_chaos
    yield running
    running.state.stream_chaos = pace
    running.state.limiter.configure(ratelimit.LimitSettings())
    running.state.reset()


@pytest.fixture(params=sorted(PROVIDERS))
def provider(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def ask(mock: Any, provider: str, text: str = "Tell me of the sea.", **more: Any) -> LLMRequest:
    config = {"base_url": mock.base_url(PROVIDERS.get(provider, provider)), **more.pop("config", {})}
    if provider == "responses":
        provider, config = "openai", {**config, "api": "responses"}
    fields: dict[str, Any] = {"messages": (user(text),), "system": "Be brief.", **more}
    return LLMRequest(provider=provider, model="some-model", config=config, api_key=Secret(KEY), **fields)


def client_of(clients: Clients, provider: str) -> LLMClient:
    return clients.for_provider("openai" if provider == "responses" else provider)


def assert_resilient(mock: Any) -> None:
    """llmock's strict verdict: no error and no warning about how the client behaved."""
    verdict.judge(mock.state.journal.records(wait=2.0)).assert_ok(strict=True)


def test_a_reply_and_the_same_streamed(mock: Any, provider: str, clients: Clients) -> None:
    client = client_of(clients, provider)
    whole = client.complete(ask(mock, provider))
    text, last = collect(client.stream(ask(mock, provider)))
    assert text == last.text == whole.text
    assert last.usage == whole.usage
    assert_resilient(mock)


@pytest.mark.parametrize("mode", ["complete", "stream"])
@pytest.mark.parametrize("seconds", [0.4])
def test_quotas_with_retry_after(mock: Any, provider: str, mode: str, seconds: float, clients: Clients) -> None:
    mock.state.scenarios.add(scenarios.Fail(429, retry_after=seconds))
    client, asked = client_of(clients, provider), ask(mock, provider)
    start = time.monotonic()
    response = client.complete(asked) if mode == "complete" else collect(client.stream(asked))[1]
    assert response.attempts == 2
    assert time.monotonic() - start >= seconds
    assert_resilient(mock)


def test_a_provider_that_is_down_for_a_moment(mock: Any, provider: str, clients: Clients) -> None:
    mock.state.scenarios.add(scenarios.Fail(503, times=2))
    assert client_of(clients, provider).complete(ask(mock, provider)).attempts == 3
    assert_resilient(mock)


def test_a_provider_that_stays_down(mock: Any, provider: str, clients: Clients) -> None:
    mock.state.scenarios.add(scenarios.Fail(500, times=None))
    with pytest.raises(NeuroScriptError) as caught:
        client_of(clients, provider).complete(ask(mock, provider))
    assert (caught.value.code, caught.value.details["attempts"]) == (16, 3)
    assert_resilient(mock)


@pytest.mark.parametrize(("status", "code"), [(400, 16), (401, 45), (403, 45), (404, 40), (422, 16)])
def test_what_cannot_succeed(mock: Any, provider: str, status: int, code: int, clients: Clients) -> None:
    mock.state.scenarios.add(scenarios.Fail(status))
    with pytest.raises(NeuroScriptError) as caught:
        client_of(clients, provider).complete(ask(mock, provider))
    assert caught.value.code == code
    assert_resilient(mock)


@pytest.mark.parametrize("after", [0, 3])
@pytest.mark.parametrize("kind", ["disconnect", "truncate", "malformed"])
def test_streams_that_break(mock: Any, provider: str, kind: str, after: int, clients: Clients) -> None:
    client = client_of(clients, provider)
    whole = client.complete(ask(mock, provider))
    mock.state.reset()
    if kind == "malformed":
        # The stream goes on behind the broken chunk.  Were it over before the server sees that the client hung up, the
        # verdict would take the chunk for one that was not minded.
        mock.state.stream_chaos = replace(mock.state.stream_chaos, chunk_delay_ms=50)
    mock.state.scenarios.add(scenarios.StreamFault(kind, after_chunks=after))
    text, response = collect(client.stream(ask(mock, provider)))
    assert text == response.text == whole.text
    assert response.attempts == 2
    assert response.usage.total_tokens >= whole.usage.total_tokens
    assert_resilient(mock)


def test_a_stream_that_stalls(mock: Any, provider: str, clients: Clients) -> None:
    mock.state.scenarios.add(scenarios.StreamFault("stall", after_chunks=6, stall_seconds=4))
    start = time.monotonic()
    with pytest.raises(NeuroScriptError) as caught:
        collect(client_of(clients, provider).stream(ask(mock, provider, config={"timeout_seconds": 0.5})))
    assert caught.value.code == 31
    assert time.monotonic() - start < 2
    assert caught.value.details["usage"].total_tokens > 0
    assert_resilient(mock)


@pytest.mark.parametrize("mode", ["complete", "stream"])
def test_a_turn_with_a_tool(mock: Any, provider: str, mode: str, clients: Clients) -> None:
    client = client_of(clients, provider)
    asked = ask(mock, provider, "What is the weather now?", tools=(WEATHER,))
    response = client.complete(asked) if mode == "complete" else collect(client.stream(asked))[1]
    assert response.finish_reason == "tool_calls"
    (call,) = response.tool_calls
    assert (call.name, set(call.arguments)) == ("weather.Now", {"city"})
    result = Message(role="tool", content="20 C", tool_call_id=call.id, name=call.name)
    turn = (*asked.messages, response.as_message(), result)
    final = client.complete(ask(mock, provider, messages=turn, tools=(WEATHER,)))
    assert (final.finish_reason, final.tool_calls) == ("stop", ())
    assert_resilient(mock)


def test_arguments_that_are_not_json(mock: Any, clients: Clients) -> None:
    mock.state.scenarios.add(scenarios.ToolFault("malformed_arguments"))
    (call,) = clients.for_provider("openai").complete(ask(mock, "openai", "weather now?", tools=(WEATHER,))).tool_calls
    assert call.arguments == {}
    assert "not JSON" in call.problem


def test_a_full_context(mock: Any, provider: str, clients: Clients) -> None:
    mock.state.limiter.configure(ratelimit.LimitSettings(context_window=50))
    with pytest.raises(NeuroScriptError) as caught:
        client_of(clients, provider).complete(ask(mock, provider, "word " * 500))
    assert (caught.value.code, caught.value.details["attempts"]) == (47, 1)
    assert_resilient(mock)


def test_a_real_quota_that_many_calls_share(mock: Any, provider: str, clients: Clients) -> None:
    mock.state.limiter.configure(ratelimit.LimitSettings(rpm=60))
    client = client_of(clients, provider)
    with ThreadPoolExecutor(4) as pool:
        replies = list(pool.map(client.complete, [ask(mock, provider, f"question {number}") for number in range(61)]))
    assert max(reply.attempts for reply in replies) == 2
    assert_resilient(mock)


@pytest.mark.parametrize("preset", PRESETS)
def test_a_preset_is_taken_by_the_service(mock: Any, preset: str, clients: Clients) -> None:
    client = client_of(clients, preset)
    options = {"max_output_tokens": 50, "seed": 7, "stop": ["END"], "temperature": 0.5}
    asked = ask(mock, preset, "What is the weather now?", config=options)
    whole = client.complete(asked)
    text, last = collect(client.stream(asked))
    assert text == last.text == whole.text
    if (
        preset != "mistral"
    ):  # which counts at the end of each stream without being asked, where llmock wants to be asked
        assert last.usage == whole.usage
    for mode in ("complete", "stream"):
        with_tool = replace(asked, tools=(WEATHER,))
        response = client.complete(with_tool) if mode == "complete" else collect(client.stream(with_tool))[1]
        assert [call.name for call in response.tool_calls] == ["weather.Now"]
    mock.state.scenarios.add(scenarios.Fail(429, retry_after=0.1))
    assert client.complete(asked).attempts == 2
    assert_resilient(mock)


def test_embeddings(mock: Any, clients: Clients) -> None:
    asked = replace(ask(mock, "openai"), messages=(), system="", embed=("one", "two", "three"))
    response = client_of(clients, "openai").complete(asked)
    assert len(response.vectors) == 3
    assert {len(vector) for vector in response.vectors} == {1536}
    assert response.usage.input_tokens > 0
    mock.state.scenarios.add(scenarios.Fail(503))
    assert client_of(clients, "openai").complete(asked).attempts == 2
    assert_resilient(mock)


@pytest.mark.parametrize("name", ["anthropic", "google", "openai", *PRESETS])
def test_the_list_of_models(mock: Any, name: str, clients: Clients) -> None:
    known = {
        "anthropic": "claude",
        "google": "gemini",
        "openai": "gpt",
        "groq": "llama",
        "together": "Qwen",
        "xai": "grok",
    }
    found = [model.id for model in clients.list_models(ask(mock, name))]
    assert any(known.get(name, name) in model for model in found), found
