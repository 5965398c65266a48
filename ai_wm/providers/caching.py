"""Prompt caching: the setting ``cache``, in the form of each provider.

``"auto"`` asks for the cache that the provider usually has, ``"1h"`` for one that is kept for an hour, ``"off"`` (as
without the setting) for nothing.  Anthropic caches up to marks in the request, of which there are at most four;
OpenAI caches by itself, and a key for each conversation leads its requests to the server that holds the beginning of
it.  Google, DeepSeek, Ollama and most compatible servers cache by themselves and take no word about it.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import blake2b
from typing import Any, Final

from ai_wm.data.settings import check_cache
from ai_wm.logs import CALLS
from ai_wm.providers.base import LLMRequest
from neuroscript import ErrorCode, NeuroScriptError

MOST_MARKS: Final = 4
"""Marks that a request to Anthropic may have."""

_NEVER_OFF: Final = frozenset({"google", "openai"})
"""The providers whose own caching no request turns off."""

_FOR_AN_HOUR: Final = frozenset({"anthropic"})


def check_caching(provider: str, config: Mapping[str, Any], worker: str) -> None:
    """Says at the definition of a worker what its provider cannot do.

    Raises:
        NeuroScriptError: 4 for a value of ``cache`` that is none, for an hour where the provider has no such cache, and
            for ``cache`` beside a ``cache_control`` of one's own.
    """
    check_cache(config)
    cache = config.get("cache")
    if cache == "1h" and provider not in _FOR_AN_HOUR:
        raise _bad(f"{provider} has no cache that is kept for an hour; expected 'auto' or 'off'")
    if cache in ("auto", "1h") and provider == "anthropic" and config.get("cache_control") is not None:
        raise _bad("cache_control says it too; give one of the two")
    if cache == "off" and provider in _NEVER_OFF:
        CALLS.warning("%s caches prompts by itself, and no setting of worker %r turns that off", provider, worker)


def _bad(problem: str) -> NeuroScriptError:
    message = f"base_config.cache cannot be kept: {problem}"
    return NeuroScriptError(ErrorCode.ARG_MISMATCH, message, details={"field": "base_config.cache"})


def writes_cache(provider: str, config: Mapping[str, Any]) -> bool:
    """Whether a call asks for a cache whose writing has a price of its own."""
    return provider == "anthropic" and config.get("cache") in ("auto", "1h")


def cache_key(request: LLMRequest) -> str | None:
    """Returns OpenAI's ``prompt_cache_key``: the same for all calls that begin alike; None if none is asked for."""
    if request.provider != "openai" or request.config.get("cache") != "auto":
        return None
    return f"ns-{blake2b(request.session.encode('utf-8', 'replace'), digest_size=12).hexdigest()}"


def mark(body: dict[str, Any], config: Mapping[str, Any]) -> None:
    """Marks what is the same in the next request to Anthropic: its tools, its system prompt and the conversation.

    A conversation is marked at its end, where the next turn continues it, and at the end of the user's message before,
    where the turn before has been marked.  Of a single message, all but its last block is marked: files ahead of the
    prompt stay the same, and a prompt does not.
    """
    cache = config.get("cache")
    if cache not in ("auto", "1h"):
        return
    control = {"type": "ephemeral", **({"ttl": "1h"} if cache == "1h" else {})}
    tools, system, messages = body.get("tools"), body.get("system"), body["messages"]
    if tools:
        tools[-1] = {**tools[-1], "cache_control": control}
    if system:
        body["system"] = [{"type": "text", "text": system, "cache_control": control}]
    users = [message["content"] for message in messages if message["role"] == "user"]
    if len(messages) == 1:
        _mark_block(users[0], len(users[0]) - 2, control)
        return
    for content in users[-2:]:
        _mark_block(content, len(content) - 1, control)


def _mark_block(content: list[dict[str, Any]], place: int, control: dict[str, str]) -> None:
    if place >= 0:
        content[place] = {**content[place], "cache_control": control}
