"""Amendments of requests in chat completions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from ai_wm.data.presets import REASONING
from ai_wm.providers.adapter import NO_SIGNATURE
from ai_wm.providers.amendments.base import (
    BAD_SIGNATURE,
    FORMAT_IN_WORDS,
    NO_FORMAT,
    NO_SCHEMA,
    NO_THINKING_YET,
    SCHEMA_IN_WORDS,
    UNKNOWN,
    UNSIGNED,
    UNTHOUGHT,
    WANTS_STREAM,
    Amendment,
    Body,
    is_plain,
    json_in_words,
    words,
)


def _renamed(old: str, new: str) -> Callable[[Body], Body]:
    return lambda body: {(new if key == old else key): value for key, value in body.items()}


def _without_reasoning(body: Body) -> Body:
    return {**body, "reasoning_effort": "none"}


def _has_schema(body: Body) -> bool:
    given = body.get("response_format")
    return isinstance(given, dict) and given.get("type") == "json_schema"


def _asking_for_json(body: Body) -> Body:
    """The request with what its ``response_format`` asks for in the system prompt."""
    given = body["response_format"]
    schema = given["json_schema"].get("schema") if given.get("type") == "json_schema" else None
    text = json_in_words(schema)
    messages = list(body["messages"])
    if messages and messages[0]["role"] == "system":
        if text not in messages[0]["content"]:
            messages[0] = {**messages[0], "content": f"{messages[0]['content']}\n\n{text}"}
    else:
        messages.insert(0, {"role": "system", "content": text})
    return {**body, "messages": messages}


def _with_schema_in_words(body: Body) -> Body:
    return {**_asking_for_json(body), "response_format": {"type": "json_object"}}


def _without_format(body: Body) -> Body:
    return {key: value for key, value in _asking_for_json(body).items() if key != "response_format"}


def _without_null_content(body: Body) -> Body:
    messages = [{**item, "content": ""} if item.get("content", "") is None else item for item in body["messages"]]
    return {**body, "messages": messages}


def _without_system(body: Body) -> Body:
    """The request with the system prompt at the head of the first user message."""
    first, *rest = body["messages"]
    at = next((place for place, message in enumerate(rest) if message["role"] == "user"), None)
    if at is None:
        return {**body, "messages": [{"role": "user", "content": first["content"]}, *rest]}
    rest[at] = {**rest[at], "content": f"{first['content']}\n\n{rest[at]['content']}"}
    return {**body, "messages": rest}


_REPLAYED: Final = ("extra_content", *REASONING)
_THINKING_OPTIONS: Final = ("reasoning", "reasoning_effort", "thinking")


def _replays(body: Body) -> bool:
    calls = [call for message in body["messages"] for call in message.get("tool_calls") or ()]
    return any(key in part for part in (*body["messages"], *calls) for key in _REPLAYED)


def _without_replay(body: Body) -> Body:
    def plain(part: Body) -> Body:
        return {key: value for key, value in part.items() if key not in _REPLAYED}

    messages = []
    for message in map(plain, body["messages"]):
        calls = message.get("tool_calls")
        messages.append({**message, "tool_calls": [*map(plain, calls)]} if calls else message)
    return {**body, "messages": messages}


def _has_reasoning(body: Body) -> bool:
    return any(key in message for message in body["messages"] for key in REASONING)


def _without_signed_reasoning(body: Body) -> Body:
    messages = [{key: value for key, value in message.items() if key not in REASONING} for message in body["messages"]]
    # With thinking on, the turn that is under way would have to begin with it.
    return {**_without_thinking(body), "messages": messages}


def _thinks(body: Body) -> bool:
    return any(key in body for key in _THINKING_OPTIONS)


def _without_thinking(body: Body) -> Body:
    return {key: value for key, value in body.items() if key not in _THINKING_OPTIONS}


def _lacks_signatures(body: Body) -> bool:
    return any(_first_call_is_unsigned(message) for message in body["messages"])


def _first_call_is_unsigned(message: Body) -> bool:
    calls = message.get("tool_calls") or [{"extra_content": None}]
    return "extra_content" not in calls[0]


def _with_no_signature(body: Body) -> Body:
    """The request with Google's stand-in for the signature of a call that another model made."""
    messages = []
    for message in body["messages"]:
        if _first_call_is_unsigned(message):
            first, *rest = message["tool_calls"]
            first = {**first, "extra_content": {"google": {"thought_signature": NO_SIGNATURE}}}
            message = {**message, "tool_calls": [first, *rest]}
        messages.append(message)
    return {**body, "messages": messages}


def _lacks_reasoning(body: Body) -> bool:
    return any(_wants_reasoning(message) for message in body["messages"])


def _wants_reasoning(message: Body) -> bool:
    return message["role"] == "assistant" and "reasoning_content" not in message


def _with_empty_reasoning(body: Body) -> Body:
    messages = [
        {**message, "reasoning_content": ""} if _wants_reasoning(message) else message for message in body["messages"]
    ]
    return {**body, "messages": messages}


AMENDMENTS: Final = (
    Amendment(  # DashScope's thinking models, which answer in streams alone; a stream is read as a reply, too
        "stream",
        WANTS_STREAM,
        is_plain,
        lambda body: {**body, "stream": True, "stream_options": {"include_usage": True}},
    ),
    Amendment(  # OpenAI's reasoning models, also behind gateways
        "max_completion_tokens",
        words(r"max_completion_tokens.{0,20} instead|\bmax_tokens\b.{0,60}not supported.{0,80}max_completion_tokens"),
        lambda body: "max_tokens" in body and "max_completion_tokens" not in body,
        _renamed("max_tokens", "max_completion_tokens"),
    ),
    Amendment(  # older servers
        "max_tokens",
        words(rf"{UNKNOWN}.{{0,60}}max_completion_tokens|max_completion_tokens.{{0,60}}{UNKNOWN}"),
        lambda body: "max_completion_tokens" in body and "max_tokens" not in body,
        _renamed("max_completion_tokens", "max_tokens"),
    ),
    Amendment(  # older servers
        "stream_options",
        words(rf"{UNKNOWN}.{{0,60}}stream_options|stream_options.{{0,60}}{UNKNOWN}"),
        lambda body: "stream_options" in body,
        lambda body: {key: value for key, value in body.items() if key != "stream_options"},
    ),
    Amendment(  # OpenAI, from gpt-5.4 on
        "reasoning_effort",
        words(r"function tools with reasoning_effort are not supported"),
        lambda body: "tools" in body and "reasoning_effort" not in body,
        _without_reasoning,
        "takes tools in chat completions only without reasoning: it is asked with reasoning_effort 'none'",
    ),
    Amendment(  # DeepSeek and others that have a JSON mode alone
        "json_object",
        NO_SCHEMA,
        _has_schema,
        _with_schema_in_words,
        SCHEMA_IN_WORDS,
    ),
    Amendment(  # LM Studio, which has a JSON Schema alone; Groq, which has no JSON mode with tools
        "response_format",
        NO_FORMAT,
        lambda body: isinstance(body.get("response_format"), dict),
        _without_format,
        FORMAT_IN_WORDS,
    ),
    Amendment(  # Cerebras, Groq, Mistral: what they gave they do not take back
        "no_reasoning",
        words(rf"({'|'.join(_REPLAYED)})\b.{{0,60}}{UNKNOWN}|{UNKNOWN}.{{0,60}}\b({'|'.join(_REPLAYED)})\b"),
        _replays,
        _without_replay,
    ),
    Amendment(  # Anthropic's models behind OpenRouter and other gateways
        "signed_reasoning",
        BAD_SIGNATURE,
        _has_reasoning,
        _without_signed_reasoning,
        UNSIGNED,
        lasting=False,
    ),
    Amendment(  # the same, where the turn was begun by another model
        "no_thinking",
        NO_THINKING_YET,
        _thinks,
        _without_thinking,
        UNTHOUGHT,
        lasting=False,
    ),
    Amendment(  # servers that want a text beside tool calls as well
        "content",
        words(
            r"\bcontent\b.{0,80}(\bnull\b|\bnone\b|nonetype|must be (a )?string|valid string|expected (a )?string"
            r"|is required|field required|missing)"
        ),
        lambda body: any(message.get("content", "") is None for message in body["messages"]),
        _without_null_content,
    ),
    Amendment(  # Gemma and others, whose chat templates have no system prompt
        "system",
        words(rf"system role.{{0,30}}{UNKNOWN}|{UNKNOWN}.{{0,30}}(system role|role.{{0,30}}system)"),
        lambda body: bool(body["messages"]) and body["messages"][0]["role"] == "system",
        _without_system,
    ),
    Amendment(  # Google's compatible endpoint, where the calls of the conversation are another's
        "thought_signature",
        words(r"missing a.{0,3}thought.?signature"),
        _lacks_signatures,
        _with_no_signature,
        lasting=False,
    ),
    Amendment(  # DeepSeek, where the calls of the conversation are another's
        "reasoning_content",
        words(r"reasoning_content.{0,60}(passed back|missing|required)|missing.{0,20}reasoning_content"),
        _lacks_reasoning,
        _with_empty_reasoning,
    ),
)
