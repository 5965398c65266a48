"""Amendments of requests in Bedrock's Converse, whose models differ in the fields that they take.

The service refuses a field with ``This model doesn't support the … field. Remove … and try again.``
"""

from __future__ import annotations

from typing import Any, Final

from ai_wm.providers.amendments.base import SCHEMA_IN_WORDS, Amendment, Body, json_in_words, words
from ai_wm.providers.bedrock_json import (
    json_tool_schema,
    schema_of,
    with_json_tool,
    without_json_tool,
    without_output_format,
)

_NOT: Final = (
    r"(does ?n[o']t support|not support(?:ed)?|unsupported|not permitted|not allowed|unrecognized|unknown|extra)"
)


def _with_system(body: Body, text: str) -> Body:
    return {**body, "system": [*body.get("system", []), {"text": text}]}


def _with_tool_or_words(body: Body) -> Body:
    schema, plain = schema_of(body), without_output_format(body)
    made = with_json_tool(plain, schema or {})
    return _with_system(plain, json_in_words(schema)) if made is None else made


def _with_words(body: Body) -> Body:
    return _with_system(without_json_tool(body), json_in_words(json_tool_schema(body)))


def _without_auto(body: Body) -> Body:
    return {**body, "toolConfig": {"tools": body["toolConfig"]["tools"]}}


def _without_system(body: Body) -> Body:
    """The request with the system prompt at the head of the first message, which is the user's."""
    first, *rest = body["messages"]
    left = {key: value for key, value in body.items() if key != "system"}
    return {**left, "messages": [{**first, "content": [*body["system"], *first["content"]]}, *rest]}


def _blocks(body: Body, key: str) -> list[Any]:
    return [block[key] for message in body["messages"] for block in message["content"] if key in block]


def _without_reasoning(body: Body) -> Body:
    messages = []
    for message in body["messages"]:
        content = [block for block in message["content"] if "reasoningContent" not in block]
        messages += [{**message, "content": content}] if content else []
    return {**body, "messages": messages}


def _without_status(body: Body) -> Body:
    def plain(block: dict[str, Any]) -> dict[str, Any]:
        result = block.get("toolResult")
        if result is None:
            return block
        return {**block, "toolResult": {key: value for key, value in result.items() if key != "status"}}

    messages = [{**message, "content": [*map(plain, message["content"])]} for message in body["messages"]]
    return {**body, "messages": messages}


AMENDMENTS: Final = (
    Amendment(  # models that do not enforce a schema
        "output_config",
        words(
            rf"(outputConfig|output_config|textFormat|structured outputs?).{{0,60}}{_NOT}"
            rf"|{_NOT}.{{0,60}}(outputConfig|output_config|textFormat|structured outputs?)"
        ),
        lambda body: schema_of(body) is not None,
        _with_tool_or_words,
        dialect="bedrock",
    ),
    Amendment(  # models that cannot be made to call a tool, have no tools, or think, which Claude cannot along with it
        "json_tool",
        words(
            rf"{_NOT}.{{0,40}}(toolConfig|toolChoice|tool ?use|tool_choice)|tool_choice forces tool use"
            rf"|(toolConfig|toolChoice|tool_choice).{{0,40}}{_NOT}"
        ),
        lambda body: json_tool_schema(body) is not None,
        _with_words,
        SCHEMA_IN_WORDS,
        dialect="bedrock",
    ),
    Amendment(  # models with tools, but without the choice, which is the same as none
        "tool_choice_auto",
        words(rf"{_NOT}.{{0,40}}toolChoice\.auto"),
        lambda body: "auto" in body.get("toolConfig", {}).get("toolChoice", {}),
        _without_auto,
        dialect="bedrock",
    ),
    Amendment(  # Titan, Mistral 7B, Gemma
        "system_messages",
        words(rf"{_NOT}.{{0,20}}system (messages?|prompts?|role)"),
        lambda body: bool(body.get("system")) and body["messages"][0]["role"] == "user",
        _without_system,
        dialect="bedrock",
    ),
    Amendment(  # models other than Claude and Nova, which learn of the failure from the text
        "tool_status",
        words(rf"{_NOT}.{{0,60}}\bstatus field"),
        lambda body: any("status" in result for result in _blocks(body, "toolResult")),
        _without_status,
        dialect="bedrock",
    ),
    Amendment(  # DeepSeek R1, which does not take back what it has thought
        "converse_reasoning",
        words(rf"{_NOT}.{{0,60}}reasoningContent|cannot contain reasoning content|remove the reasoning content"),
        lambda body: bool(_blocks(body, "reasoningContent")),
        _without_reasoning,
        dialect="bedrock",
    ),
)
