"""Amendments of requests in OpenAI's Responses API."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from ai_wm.providers.amendments.base import UNKNOWN, WANTS_STREAM, Amendment, Body, is_plain, words

ENCRYPTED: Final = "reasoning.encrypted_content"
"""The part of a reply that holds the model's reasoning, to be sent back by the caller."""


def _includes_reasoning(body: Body) -> bool:
    return ENCRYPTED in (body.get("include") or ())


def _without_encryption(body: Body) -> Body:
    others = [each for each in body["include"] if each != ENCRYPTED]
    made = {key: value for key, value in body.items() if key != "include"}
    return {**made, "include": others} if others else made


def _has_reasoning(body: Body) -> bool:
    return any(item.get("type") == "reasoning" for item in body["input"])


def _without_reasoning_items(body: Body) -> Body:
    return {**body, "input": without_reasoning(body["input"])}


def without_reasoning(items: Iterable[Body]) -> list[Body]:
    """Returns the items of a conversation without the reasoning.

    Their ids are left out too, since OpenAI refuses an item whose id belongs to reasoning that is missing.
    """
    return [
        {key: value for key, value in item.items() if key != "id"} for item in items if item.get("type") != "reasoning"
    ]


AMENDMENTS: Final = (
    Amendment(  # ChatGPT's server for Codex, and servers in front of it
        "stream_response",
        WANTS_STREAM,
        is_plain,
        lambda body: {**body, "stream": True},
        dialect="responses",
    ),
    Amendment(  # models that do not reason
        "include",
        words(rf"encrypted content is not supported|{UNKNOWN}.{{0,60}}include\b|include\b.{{0,60}}{UNKNOWN}"),
        _includes_reasoning,
        _without_encryption,
        dialect="responses",
    ),
    Amendment(  # reasoning of another account, or that has lost the item behind it
        "reasoning_items",
        words(
            r"invalid_encrypted_content|encrypted content.{0,200}could not be (verified|decrypted)"
            r"|\bitem\b.{0,200}was provided without its required"
        ),
        _has_reasoning,
        _without_reasoning_items,
        "does not take the reasoning of this conversation back: it goes on without it",
        dialect="responses",
        lasting=False,
    ),
)
