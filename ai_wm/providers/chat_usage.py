"""Reads the token counts of OpenAI-compatible replies, from any of the places where servers put them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ai_wm.providers.adapter import Counts
from ai_wm.providers.base import Usage


def usage_in(body: Mapping[str, Any]) -> Usage:
    """Reads the tokens that a reply or a chunk of a stream reports; an empty usage if it reports none."""
    unusable = Counts(body.get("usage")).unusable
    for source in _sources(body):
        usage = _usage(source)
        if usage.total_tokens:
            return usage
        unusable = unusable or usage.unusable
    return Usage(unusable=unusable)


def _sources(body: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    choices = body.get("choices")
    choice = choices[0] if isinstance(choices, list) and choices else None
    choice = choice if isinstance(choice, dict) else {}
    vendors = (part for key, part in body.items() if key != "choices")  # x_groq of Groq's streams, metadata, …
    for holder in (body, choice, choice.get("delta"), choice.get("message"), *vendors):  # the choice: Moonshot
        usage = holder.get("usage") if isinstance(holder, dict) else None
        if isinstance(usage, dict):
            yield usage
    for name in ("usageMetadata", "amazon-bedrock-invocationMetrics", "timings"):
        usage = body.get(name)  # timings: llama.cpp, where it was not asked for usage
        if isinstance(usage, dict):
            yield usage


def _usage(source: Mapping[str, Any]) -> Usage:
    count = Counts(source)
    given = _first(count, source, "prompt_tokens", "input_tokens", "inputTokenCount", "promptTokenCount")
    if not given and "prompt_n" in source:  # of llama.cpp, which counts what it has kept apart
        given = count("prompt_n") + count("cache_n")
    if not given:  # DeepSeek's two parts of it
        given = count("prompt_cache_hit_tokens") + count("prompt_cache_miss_tokens")
    out = _first(
        count, source, "completion_tokens", "output_tokens", "outputTokenCount", "candidatesTokenCount", "predicted_n"
    )
    read = _first(
        count,
        source,
        ("prompt_tokens_details", "cached_tokens"),
        ("input_tokens_details", "cached_tokens"),
        "prompt_cache_hit_tokens",  # DeepSeek
        "cached_tokens",  # Moonshot
        "cache_read_input_tokens",  # Anthropic's word, behind gateways
        "cachedContentTokenCount",
        "cache_n",
    )
    written = _first(
        count,
        source,
        ("prompt_tokens_details", "cache_write_tokens"),
        ("input_tokens_details", "cache_write_tokens"),
        "cache_creation_input_tokens",
    )
    reasoning = _first(
        count,
        source,
        ("completion_tokens_details", "reasoning_tokens"),
        ("output_tokens_details", "reasoning_tokens"),
        "reasoning_tokens",
        "thoughtsTokenCount",
    )
    # What the total has more than its parts was spent too: on reasoning that xAI counts apart and Google's compatible
    # endpoint not at all, or on input that came from a cache.
    more = _first(count, source, "total_tokens", "totalTokenCount") - given - out
    undivided = more > 0 and not (given or out or read or written or reasoning)
    if undivided:
        out = more
    elif more > 0 and more == read + written:
        given += more
    elif more > 0:
        out += more
        reasoning = max(reasoning, more)
    elif read + written > given:  # a part can't be more than the whole: Anthropic's way to count, behind gateways
        given += read + written
    if reasoning > out:
        out += reasoning
    return Usage(
        input_tokens=given,
        cache_read_tokens=read,
        cache_write_tokens=written,
        output_tokens=out,
        reasoning_tokens=reasoning,
        by_kind=_by_kind(source, count),
        unusable=count.unusable,
        undivided=undivided,
    )


def _by_kind(source: Mapping[str, Any], count: Counts) -> tuple[tuple[str, int], ...]:
    """The tokens that are no text; see `Usage.by_kind`."""
    found: dict[str, int] = {}
    for side, names in (
        ("input", ("prompt_tokens_details", "input_tokens_details")),
        ("output", ("completion_tokens_details", "output_tokens_details")),
    ):
        for name in names:
            if isinstance(source.get(name), Mapping):
                kinds = {f"{side}_{kind}_tokens": count(name, f"{kind}_tokens") for kind in ("audio", "image", "video")}
                found |= {key: tokens for key, tokens in kinds.items() if tokens}
    return tuple(found.items())


def _first(count: Counts, source: Mapping[str, Any], *paths: str | tuple[str, ...]) -> int:
    for path in paths:
        keys = (path,) if isinstance(path, str) else path
        if keys[0] in source and (found := count(*keys)):
            return found
    return 0
