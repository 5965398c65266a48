"""Amendments of requests in Anthropic's Messages API."""

from __future__ import annotations

from typing import Final

from ai_wm.providers.amendments.base import (
    BAD_SIGNATURE,
    NO_THINKING_YET,
    UNSIGNED,
    UNTHOUGHT,
    WANTS_STREAM,
    Amendment,
    Body,
    is_plain,
)

_THINKING: Final = ("thinking", "redacted_thinking")


def _has_thinking(body: Body) -> bool:
    return any(block.get("type") in _THINKING for message in body["messages"] for block in message["content"])


def _without_thinking_blocks(body: Body) -> Body:
    messages = []
    for message in body["messages"]:
        left = [block for block in message["content"] if block.get("type") not in _THINKING]
        messages.append({**message, "content": left})
    # With thinking on, the turn that is under way would have to begin with it.
    return _without_thinking({**body, "messages": [message for message in messages if message["content"]]})


def _without_thinking(body: Body) -> Body:
    return {key: value for key, value in body.items() if key != "thinking"}


AMENDMENTS: Final = (
    Amendment(  # gateways to Anthropic, for a long reply
        "stream_messages",
        WANTS_STREAM,
        is_plain,
        lambda body: {**body, "stream": True},
        dialect="anthropic",
    ),
    Amendment(  # Anthropic, where a gateway has changed who answers behind it, or a key its account
        "thinking_blocks",
        BAD_SIGNATURE,
        _has_thinking,
        _without_thinking_blocks,
        UNSIGNED,
        dialect="anthropic",
        lasting=False,
    ),
    Amendment(  # Anthropic, where the turn was begun by another model, before a fallback
        "thinking",
        NO_THINKING_YET,
        lambda body: "thinking" in body,
        _without_thinking,
        UNTHOUGHT,
        dialect="anthropic",
        lasting=False,
    ),
)
