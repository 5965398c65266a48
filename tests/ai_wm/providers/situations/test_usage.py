"""Every token that was billed is counted, at its price."""

from __future__ import annotations

from typing import Any

import pytest

from ai_wm.providers import Clients
from ai_wm.providers.base import Usage
from ai_wm.providers.estimates import estimate_text
from tests.ai_wm.helpers import raises_code
from tests.ai_wm.providers.loopback import Loopback, events, reply, streamed
from tests.ai_wm.providers.support import at, body_of, collect
from tests.ai_wm.providers.wire import (
    TOOLS,
    UPPER,
    asking,
    call,
    calling,
    chunk,
    completion,
    record_of,
    sse,
)

CUT = {
    "custom": calling(call('{"input_string": "he')) | {"usage": {"prompt_tokens": 50, "completion_tokens": 100}},
    "anthropic": {
        **body_of("anthropic"),
        "content": [{"type": "tool_use", "id": "toolu_1", "name": UPPER, "input": {}}],
        "stop_reason": "max_tokens",
        "usage": {"input_tokens": 50, "output_tokens": 100},
    },
    "google": {
        "candidates": [{"content": {"parts": [{"functionCall": {"name": UPPER}}]}, "finishReason": "MAX_TOKENS"}],
        "usageMetadata": {"promptTokenCount": 50, "candidatesTokenCount": 100, "totalTokenCount": 150},
    },
    "ollama": {
        **body_of("ollama"),
        "message": {"role": "assistant", "content": "", "tool_calls": [{"function": {"name": UPPER, "arguments": {}}}]},
        "done_reason": "length",
        "prompt_eval_count": 50,
        "eval_count": 100,
    },
}
CUT["custom"]["choices"][0]["finish_reason"] = "length"


@pytest.mark.parametrize("provider", sorted(CUT))
def test_plain_failure_usage_lost(provider: str, server: Loopback) -> None:
    with asking(server.will(reply(CUT[provider])), provider, **TOOLS) as manager:
        with raises_code(16, "max_output_tokens"):
            manager.execute_stateless_task("w", "Shout hey.")
        metrics = record_of(manager).llm_metrics
        assert (metrics["input_tokens"], metrics["output_tokens"], metrics["attempts"]) == (50, 100, 1)
        assert manager.limit_usage("w")["tokens_last_minute"] == 150
    assert len(server.received) == 1  # it would be cut at the same place again


def gemini_stream(*pieces: str, prompt: int, finish: str | None) -> list[bytes]:
    usage = {"promptTokenCount": prompt, "totalTokenCount": prompt}
    chunks: list[dict[str, Any]] = [
        {"candidates": [{"content": {"role": "model", "parts": [{"text": piece}]}}], "usageMetadata": usage}
        for piece in pieces
    ]
    if finish:
        chunks[-1]["candidates"][0]["finishReason"] = finish
    return events(*chunks)


@pytest.mark.usefixtures("quick")
def test_tier_price_of_summed_attempts(server: Loopback) -> None:
    pytest.importorskip("genai_prices", reason="the extra 'prices' is not installed")
    server.will(
        streamed(gemini_stream("a", prompt=150_000, finish=None), end=False),
        streamed(gemini_stream("a", prompt=150_000, finish="STOP")),
    )
    with asking(server, "google", model_name="gemini-2.5-pro") as manager:
        _, record = manager.execute_stateless_task("w", "a long text", on_stream=lambda event: None)
    assert record.llm_metrics["input_tokens"] == 300_000
    # Twice 150,000 at 1.25 a million; 300,000 in one request would be above the step, at 2.50.
    # The first was cut off, so that it counts 64 tokens of output, at 10 a million.
    assert record.cost_incurred == pytest.approx(0.375 + 64 * 10 / 1_000_000, abs=0.0001)


def test_gemini_compat_thinking(clients: Clients, server: Loopback) -> None:
    usage = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 115}
    counted = Usage(input_tokens=10, output_tokens=105, reasoning_tokens=100)
    client = clients.for_provider("custom")
    assert client.complete(at(server.will(reply(completion(usage=usage))), "custom")).usage == counted
    server.will(sse(chunk({"content": "x"}), chunk({}, "stop", usage=usage)))
    assert collect(client.stream(at(server, "custom")))[1].usage == counted


def test_moonshot_usage(clients: Clients, server: Loopback) -> None:
    usage = {"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110, "cached_tokens": 80}
    counted = Usage(input_tokens=100, cache_read_tokens=80, output_tokens=10)
    client = clients.for_provider("custom")
    server.will(reply({**completion(choice={"usage": usage}), "usage": None}))
    assert client.complete(at(server, "custom")).usage == counted
    server.will(sse(chunk({"content": "x"}), chunk({}, "stop", choice={"usage": usage})))
    assert collect(client.stream(at(server, "custom")))[1].usage == counted


def test_budget_unknown_price(server: Loopback) -> None:
    server.will(reply(completion()))
    limits = {"max_cost_per_day": 1.0}
    with asking(server, rate_limits=limits) as manager:
        with raises_code(46, "cost_metrics"):
            manager.execute_stateless_task("w", "hello")
        assert server.received == []
        manager.update_worker_definition("w", {"cost_metrics": {"cost_per_call": 0}})
        assert manager.execute_stateless_task("w", "hello").output == "Hi there"
    misspelt = "gbt-4o-mini"
    with asking(server, "openai", model_name=misspelt, rate_limits=limits) as manager, raises_code(46, misspelt):
        manager.execute_stateless_task("w", "hello")


@pytest.mark.parametrize("echoed", ["openai/gpt-4o-2024-08-06", "my-deployment", "gpt-4o-2024-08-06"])
def test_price_of_echoed_name(echoed: str, server: Loopback) -> None:
    pytest.importorskip("genai_prices", reason="the extra 'prices' is not installed")
    usage = {"prompt_tokens": 1_000_000, "completion_tokens": 0, "total_tokens": 1_000_000}
    server.will(reply(completion(model=echoed, usage=usage)))
    with asking(server, "openai", model_name="gpt-4o") as manager:
        _, record = manager.execute_stateless_task("w", "hello")
    assert (record.llm_metrics["cost_source"], record.llm_metrics["model_used"]) == ("published", echoed)
    assert record.cost_incurred == pytest.approx(2.5, abs=0.001)


def test_cache_write_1h(server: Loopback) -> None:
    pytest.importorskip("genai_prices", reason="the extra 'prices' is not installed")
    usage = {
        "input_tokens": 0,
        "output_tokens": 1,
        "cache_creation_input_tokens": 100_000,
        "cache_creation": {"ephemeral_1h_input_tokens": 100_000, "ephemeral_5m_input_tokens": 0},
    }
    server.will(reply({**body_of("anthropic"), "model": "claude-sonnet-4-5", "usage": usage}))
    with asking(server, "anthropic", model_name="claude-sonnet-4-5") as manager:
        _, record = manager.execute_stateless_task("w", "hello")
    assert record.cost_incurred == pytest.approx(0.60, abs=0.001)
    assert record.llm_metrics["cache_write_tokens"] == 100_000


TIERED: list[tuple[str, str, str, dict[str, Any], float | None]] = [
    ("openai", "gpt-5.4", "priority", {"service_tier": "priority"}, 5.0),
    ("openai", "gpt-5.4", "flex", {"service_tier": "flex"}, 1.25),
    ("openai", "gpt-5.4", "the usual", {"service_tier": "default"}, 2.5),
    ("openai", "gpt-5.4", "unheard of", {"service_tier": "gold"}, None),
    ("anthropic", "claude-sonnet-4-5", "priority", {"usage": {"service_tier": "priority"}}, None),
    ("anthropic", "claude-sonnet-4-5", "the usual", {"usage": {"service_tier": "standard"}}, 3.0),
    ("google", "gemini-2.5-pro", "priority", {"usageMetadata": {"trafficType": "ON_DEMAND_PRIORITY"}}, None),
    ("google", "gemini-2.5-pro", "the usual", {"usageMetadata": {"trafficType": "ON_DEMAND"}}, 1.25),
]


@pytest.mark.parametrize(("provider", "model", "tier", "more", "price"), TIERED)
def test_service_tier_price(
    provider: str, model: str, tier: str, more: dict[str, Any], price: float | None, server: Loopback
) -> None:
    pytest.importorskip("genai_prices", reason="the extra 'prices' is not installed")
    counts = {
        "openai": {"usage": {"prompt_tokens": 100_000, "completion_tokens": 1}},
        "anthropic": {"usage": {"input_tokens": 100_000, "output_tokens": 1}},
        "google": {"usageMetadata": {"promptTokenCount": 100_000, "candidatesTokenCount": 1}},
    }[provider]
    name = {"google": "modelVersion"}.get(provider, "model")
    body = {**body_of(provider), **counts, name: model}
    for key, value in more.items():
        body[key] = {**body[key], **value} if isinstance(value, dict) else value
    with asking(server.will(reply(body)), provider, model_name=model) as manager:
        _, record = manager.execute_stateless_task("w", "hello")
    if price is None:
        assert (record.cost_incurred, record.llm_metrics["cost_source"]) == (0, "unknown")
    else:
        assert record.cost_incurred == pytest.approx(price / 10, rel=0.01)
    assert record.llm_metrics.get("service_tier", "") in ("", *map(str.lower, (tier, "default", "standard", "gold")))


@pytest.mark.parametrize(
    ("text", "least", "most"),
    [
        ("今天的天气非常好我们一起去公园散步然后喝一杯热茶吧" * 72, 1100, 1800),
        ("昨日は雨が降ったので家で本を読んでいました" * 10, 150, 220),
        ("The quick brown fox jumps over the lazy dog. " * 100, 1000, 1500),
        ("Größere Äpfel schmecken süß und überraschend würzig. " * 100, 1200, 2200),
        ('{"name": "value", "list": [1, 2, 3], "flag": true}' * 100, 1500, 2600),
    ],
)
def test_cjk_estimate_is_near_the_count_of_present_tokenizers(text: str, least: int, most: int) -> None:
    assert least <= estimate_text(text) <= most
