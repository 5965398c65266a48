"""Tokens of audio and images: counted where a provider tells them apart, and priced as the price list says."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ai_wm import AIWorkerDefinition
from ai_wm.calls.pricing import cost_of, published_price
from ai_wm.providers import Clients
from ai_wm.providers.base import Usage
from ai_wm.providers.chat_usage import usage_in
from tests.ai_wm.helpers import worker
from tests.ai_wm.providers.loopback import Loopback, events, reply, streamed
from tests.ai_wm.providers.support import at, body_of, collect

OPENAI = {
    "prompt_tokens": 1000,
    "completion_tokens": 50,
    "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 800},
    "completion_tokens_details": {"audio_tokens": 30},
}
GOOGLE = {
    "promptTokenCount": 1000,
    "candidatesTokenCount": 50,
    "totalTokenCount": 1050,
    "cachedContentTokenCount": 100,
    "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 200}, {"modality": "AUDIO", "tokenCount": 800}],
    "cacheTokensDetails": [{"modality": "AUDIO", "tokenCount": 100}],
    "candidatesTokensDetails": [{"modality": "IMAGE", "tokenCount": 40}, "none", {"modality": 7}],
}
KINDS = {
    "openai": {"input_audio_tokens": 800, "output_audio_tokens": 30},
    "google": {"input_audio_tokens": 800, "cache_audio_read_tokens": 100, "output_image_tokens": 40},
}


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("provider", ["openai", "google"])
def test_what_the_server_tells_apart_is_counted(
    provider: str, stream: bool, clients: Clients, server: Loopback
) -> None:
    body: dict[str, Any] = body_of(provider)
    body |= {"usage": OPENAI} if provider == "openai" else {"usageMetadata": GOOGLE}
    if stream and provider == "openai":
        body["choices"] = [{"index": 0, "delta": {"content": "Hi"}, "finish_reason": "stop"}]
    server.will(streamed(events(json.dumps(body))) if stream else reply(body))
    client, asked = clients.for_provider(provider), at(server, provider)
    response = collect(client.stream(asked))[1] if stream else client.complete(asked)
    assert dict(response.usage.by_kind) == KINDS[provider]
    assert (response.usage.input_tokens, response.usage.output_tokens) == (1000, 50)  # which include them


def test_a_total_of_several_calls() -> None:
    one = Usage(input_tokens=5, by_kind=(("input_audio_tokens", 3),))
    other = Usage(input_tokens=5, by_kind=(("input_audio_tokens", 1), ("input_image_tokens", 2)))
    assert dict((one + other).by_kind) == {"input_audio_tokens": 4, "input_image_tokens": 2}
    assert (one + Usage()).by_kind == one.by_kind
    assert one.updated(Usage(output_tokens=1)).by_kind == one.by_kind


def test_nothing_is_counted_where_nothing_is_told() -> None:
    assert usage_in({"usage": {"prompt_tokens": 1, "completion_tokens": 1}}).by_kind == ()
    assert usage_in({"usage": {"prompt_tokens": 1, "prompt_tokens_details": {"audio_tokens": "x"}}}).by_kind == ()


PRICED = [
    # per million tokens: text 0.30, audio 1.00, cached text 0.03, cached audio 0.10, output 2.50
    ("gemini-2.5-flash", {}, {}, 1000 * 0.3),
    ("gemini-2.5-flash", {}, {"input_audio_tokens": 800}, 200 * 0.3 + 800 * 1.0),
    ("gemini-2.5-flash", {}, {"input_audio_tokens": 5000}, 1000 * 1.0),  # a part is no more than the whole
    (
        "gemini-2.5-flash",
        {"cache_read_tokens": 300},
        {"input_audio_tokens": 800, "cache_audio_read_tokens": 300},
        200 * 0.3 + 500 * 1.0 + 300 * 0.1,
    ),
    (
        "gemini-2.5-flash",
        {"cache_read_tokens": 300},
        {"input_audio_tokens": 800},  # 200 of text are cached, and so 100 of audio
        200 * 0.03 + 700 * 1.0 + 100 * 0.1,
    ),
    ("gemini-2.5-flash", {}, {"input_image_tokens": 800}, 1000 * 0.3),  # images cost as text
]


@pytest.mark.parametrize(("model", "counts", "kinds", "millionths"), PRICED)
def test_published_prices(model: str, counts: dict[str, int], kinds: dict[str, int], millionths: float) -> None:
    pytest.importorskip("genai_prices", reason="the extra 'prices' is not installed")
    usage = Usage(input_tokens=1000, **counts, by_kind=tuple(kinds.items()))
    price = published_price("google", model, usage)
    assert price is not None
    assert float(price) * 1e6 == pytest.approx(millionths)


@pytest.mark.parametrize("model", ["gpt-audio", "gpt-4o", "gpt-4o-mini"])
@pytest.mark.parametrize("read", [0, 100, 900])
def test_it_is_never_cheaper_than_text(model: str, read: int) -> None:
    pytest.importorskip("genai_prices", reason="the extra 'prices' is not installed")
    counts = {"input_tokens": 1000, "output_tokens": 50, "cache_read_tokens": read}
    kinds = Usage(**counts, by_kind=(("input_audio_tokens", 800), ("output_audio_tokens", 30)))
    told, text = published_price("openai", model, kinds), published_price("openai", model, Usage(**counts))
    assert told is not None
    assert text is not None
    assert told >= text
    assert (told > text) == (model == "gpt-audio")


def test_a_definitions_own_price_is_that_of_input() -> None:
    definition = AIWorkerDefinition.model_validate(worker("w", cost_metrics={"input_cost_per_token": 0.5}))
    usage = Usage(input_tokens=10, by_kind=(("input_audio_tokens", 8),))
    assert cost_of(definition, usage, "m") == (5.0, "cost_metrics")
