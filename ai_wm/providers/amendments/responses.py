"""Amendments of requests in OpenAI's Responses API."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from ai_wm.providers.amendments.base import (
    FORMAT_IN_WORDS,
    NO_FORMAT,
    NO_SCHEMA,
    SCHEMA_IN_WORDS,
    UNKNOWN,
    WANTS_STREAM,
    Amendment,
    Body,
    is_plain,
    json_in_words,
    words,
)

ENCRYPTED: Final = "reasoning.encrypted_content"
"""The part of a reply that holds the model's reasoning, to be sent back by the caller."""


def _format_of(body: Body) -> Body:
    text = body.get("text")
    given = text.get("format") if isinstance(text, dict) else None
    return given if isinstance(given, dict) else {}


def _with_schema_in_words(body: Body) -> Body:
    # The JSON mode wants the word in the conversation, and does not look into the instructions.
    told = {"role": "developer", "content": json_in_words(_format_of(body).get("schema"))}
    return {**body, "input": [told, *body["input"]], "text": {**body["text"], "format": {"type": "json_object"}}}


def _without_format(body: Body) -> Body:
    asked = json_in_words(_format_of(body).get("schema"))
    said = body.get("instructions", "")
    left = {key: value for key, value in body["text"].items() if key != "format"}
    made = {key: value for key, value in body.items() if key != "text"}
    return {**made, "instructions": f"{said}\n\n{asked}" if said else asked, **({"text": left} if left else {})}


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
    Amendment(  # OpenAI's older models, which have a JSON mode alone
        "text_json_object",
        NO_SCHEMA,
        lambda body: _format_of(body).get("type") == "json_schema",
        _with_schema_in_words,
        SCHEMA_IN_WORDS,
        dialect="responses",
    ),
    Amendment(  # servers in front of others, which have a JSON Schema alone, or nothing
        "text_format",
        NO_FORMAT,
        lambda body: _format_of(body).get("type") in ("json_object", "json_schema"),
        _without_format,
        FORMAT_IN_WORDS,
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
