"""Amendments of requests in Google's Gemini API."""

from __future__ import annotations

from typing import Final

from ai_wm.providers.adapter import NO_SIGNATURE
from ai_wm.providers.amendments.base import Amendment, Body, json_in_words, words


def _with_google_json_in_words(body: Body) -> Body:
    generation = dict(body["generationConfig"])
    generation.pop("responseMimeType")
    text = json_in_words(generation.pop("responseJsonSchema", None))
    parts = [*body.get("systemInstruction", {}).get("parts", ()), {"text": text}]
    return {**body, "generationConfig": generation, "systemInstruction": {"parts": parts}}


def _without_system_instruction(body: Body) -> Body:
    left = {key: value for key, value in body.items() if key != "systemInstruction"}
    first, *rest = body["contents"]
    first = {**first, "parts": [*body["systemInstruction"]["parts"], *first["parts"]]}
    return {**left, "contents": [first, *rest]}


def _calls_functions(body: Body) -> bool:
    return any("functionCall" in part for content in body["contents"] for part in content["parts"])


def _with_unchecked_signatures(body: Body) -> Body:
    contents = []
    for content in body["contents"]:
        parts, signed = [], False
        for part in content["parts"]:
            plain = {key: value for key, value in part.items() if key != "thoughtSignature"}
            if "functionCall" in part and not signed:
                plain, signed = {**plain, "thoughtSignature": NO_SIGNATURE}, True
            if plain:
                parts.append(plain)
        contents.append({**content, "parts": parts})
    return {**body, "contents": contents}


AMENDMENTS: Final = (
    Amendment(  # Google, before Gemini 3
        "mime_type",
        words(r"function calling with.{0,40}mime type.{0,40}unsupported"),
        lambda body: "responseMimeType" in body.get("generationConfig", {}),
        _with_google_json_in_words,
        "has no JSON mode beside tools: it is told in the system prompt, and its replies are checked",
        dialect="google",
    ),
    Amendment(  # Google's Gemma
        "system_instruction",
        words(r"(developer|system) instruction is not (enabled|supported)"),
        lambda body: "systemInstruction" in body,
        _without_system_instruction,
        dialect="google",
    ),
    Amendment(  # Google, where the history is that of another account or model
        "signatures",
        words(r"thought.?signature.{0,60}(not valid|invalid|corrupt)|(corrupt\w*|invalid|missing a).{0,3}thought.?sig"),
        _calls_functions,
        _with_unchecked_signatures,
        dialect="google",
        lasting=False,
    ),
)
