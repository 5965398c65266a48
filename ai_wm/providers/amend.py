"""Amends a refused request to the form that the server's refusal asks for.

Servers differ in the names of options, in the combinations of options that they accept, and in what they accept in a
history.  If one refuses a request and says what it expects instead, the request is sent again in that form, and so are
later ones to the same model where it is a matter of the model.  A request is not amended if that would change its
meaning: then the refusal is the error.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final

from ai_wm.logs import CALLS
from ai_wm.providers.adapter import NO_SIGNATURE, ErrorReply
from ai_wm.providers.options import JSON_INSTRUCTION

Body = dict[str, Any]

ENCRYPTED: Final = "reasoning.encrypted_content"
"""The part of a reply of OpenAI's Responses API that holds the model's reasoning, to be sent back by the caller."""

_UNKNOWN = (
    r"(unsupported|not support(?:ed)?\b|unknown|unrecognized|unexpected|not permitted|not allowed|\bextra\b|forbidden)"
)


@dataclass(frozen=True, slots=True)
class Amendment:
    """A change to the body of a request, and the kind of refusal that it answers.

    Args:
        name: by which it is remembered.
        words: the refusal that asks for it.
        applies: whether a request has what it is about.
        made: the request sent differently.
        warning: what is logged, where the reply will be another for it; empty for nothing.
        dialect: the wire format that it is for.
        lasting: whether later requests to the same model want it too; what one history holds, another may not.
    """

    name: str
    words: re.Pattern[str]
    applies: Callable[[Body], bool]
    made: Callable[[Body], Body]
    warning: str = ""
    dialect: str = "openai"
    lasting: bool = True


def _renamed(old: str, new: str) -> Callable[[Body], Body]:
    return lambda body: {(new if key == old else key): value for key, value in body.items()}


def _words(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE)


def _without_reasoning(body: Body) -> Body:
    return {**body, "reasoning_effort": "none"}


def _has_schema(body: Body) -> bool:
    given = body.get("response_format")
    return isinstance(given, dict) and given.get("type") == "json_schema"


def _asking_for_json(body: Body) -> Body:
    """The request with what its ``response_format`` asks for in the system prompt."""
    given = body["response_format"]
    schema = given["json_schema"].get("schema") if given.get("type") == "json_schema" else None
    text = _json_in_words(schema)
    messages = list(body["messages"])
    if messages and messages[0]["role"] == "system":
        if text not in messages[0]["content"]:
            messages[0] = {**messages[0], "content": f"{messages[0]['content']}\n\n{text}"}
    else:
        messages.insert(0, {"role": "system", "content": text})
    return {**body, "messages": messages}


def _json_in_words(schema: Any) -> str:
    if schema is None:
        return JSON_INSTRUCTION
    return f"{JSON_INSTRUCTION} The value fits this JSON Schema:\n{json.dumps(schema, ensure_ascii=False)}"


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


_REPLAYED: Final = ("extra_content", "reasoning", "reasoning_content", "reasoning_details")


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


def _with_google_json_in_words(body: Body) -> Body:
    generation = dict(body["generationConfig"])
    generation.pop("responseMimeType")
    text = _json_in_words(generation.pop("responseJsonSchema", None))
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


def _lacks_reasoning(body: Body) -> bool:
    return any(_wants_reasoning(message) for message in body["messages"])


def _wants_reasoning(message: Body) -> bool:
    return message["role"] == "assistant" and "reasoning_content" not in message


def _with_empty_reasoning(body: Body) -> Body:
    messages = [
        {**message, "reasoning_content": ""} if _wants_reasoning(message) else message for message in body["messages"]
    ]
    return {**body, "messages": messages}


_WANTS_STREAM: Final = _words(
    r"thinking.{0,60}(non-?stream|stream=`?false|非流式)|only supports? (the )?stream|streaming_required"
    r"|stream(ing)? (mode )?is (strongly )?(required|recommended)|must (set|use|enable) `?stream"
    r"|`?stream`? must be (set to )?`?true"
)


def _is_plain(body: Body) -> bool:
    return not body.get("stream")


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
    """Returns the items of a conversation in OpenAI's Responses API without the reasoning.

    Their ids are left out too, since OpenAI refuses an item whose id belongs to reasoning that is missing.
    """
    return [
        {key: value for key, value in item.items() if key != "id"} for item in items if item.get("type") != "reasoning"
    ]


AMENDMENTS: Final = (
    Amendment(  # DashScope's thinking models, which answer in streams alone; a stream is read as a reply, too
        "stream",
        _WANTS_STREAM,
        _is_plain,
        lambda body: {**body, "stream": True, "stream_options": {"include_usage": True}},
    ),
    Amendment(  # gateways to Anthropic, for a long reply
        "stream_messages",
        _WANTS_STREAM,
        _is_plain,
        lambda body: {**body, "stream": True},
        dialect="anthropic",
    ),
    Amendment(  # ChatGPT's server for Codex, and servers in front of it
        "stream_response",
        _WANTS_STREAM,
        _is_plain,
        lambda body: {**body, "stream": True},
        dialect="responses",
    ),
    Amendment(  # OpenAI's reasoning models, also behind gateways
        "max_completion_tokens",
        _words(r"max_completion_tokens.{0,20} instead|\bmax_tokens\b.{0,60}not supported.{0,80}max_completion_tokens"),
        lambda body: "max_tokens" in body and "max_completion_tokens" not in body,
        _renamed("max_tokens", "max_completion_tokens"),
    ),
    Amendment(  # older servers
        "max_tokens",
        _words(rf"{_UNKNOWN}.{{0,60}}max_completion_tokens|max_completion_tokens.{{0,60}}{_UNKNOWN}"),
        lambda body: "max_completion_tokens" in body and "max_tokens" not in body,
        _renamed("max_completion_tokens", "max_tokens"),
    ),
    Amendment(  # older servers
        "stream_options",
        _words(rf"{_UNKNOWN}.{{0,60}}stream_options|stream_options.{{0,60}}{_UNKNOWN}"),
        lambda body: "stream_options" in body,
        lambda body: {key: value for key, value in body.items() if key != "stream_options"},
    ),
    Amendment(  # OpenAI, from gpt-5.4 on
        "reasoning_effort",
        _words(r"function tools with reasoning_effort are not supported"),
        lambda body: "tools" in body and "reasoning_effort" not in body,
        _without_reasoning,
        "takes tools in chat completions only without reasoning: it is asked with reasoning_effort 'none'",
    ),
    Amendment(  # DeepSeek and others that have a JSON mode alone
        "json_object",
        _words(
            rf"^(?!.*invalid schema).*(response_format.{{0,60}}(unavailable|not available|{_UNKNOWN})"
            rf"|json_schema.{{0,60}}{_UNKNOWN}|{_UNKNOWN}.{{0,60}}json_schema)"
        ),
        _has_schema,
        _with_schema_in_words,
        "knows no JSON Schema: it is told in the system prompt, and its replies are checked",
    ),
    Amendment(  # LM Studio, which has a JSON Schema alone; Groq, which has no JSON mode with tools
        "response_format",
        _words(
            rf"^(?!.*invalid schema).*(response_format.{{0,60}}(must be|{_UNKNOWN})"
            rf"|{_UNKNOWN}.{{0,60}}(response_format|json_object)"
            rf"|json_object.{{0,60}}{_UNKNOWN}|json mode.{{0,40}}(combined|together|{_UNKNOWN}).{{0,40}}tool)"
        ),
        lambda body: isinstance(body.get("response_format"), dict),
        _without_format,
        "does not take this response_format: JSON is asked for in the system prompt, and its replies are checked",
    ),
    Amendment(  # Cerebras, Groq, Mistral: what they gave they do not take back
        "no_reasoning",
        _words(rf"({'|'.join(_REPLAYED)})\b.{{0,60}}{_UNKNOWN}|{_UNKNOWN}.{{0,60}}\b({'|'.join(_REPLAYED)})\b"),
        _replays,
        _without_replay,
    ),
    Amendment(  # servers that want a text beside tool calls as well
        "content",
        _words(
            r"\bcontent\b.{0,80}(\bnull\b|\bnone\b|nonetype|must be (a )?string|valid string|expected (a )?string"
            r"|is required|field required|missing)"
        ),
        lambda body: any(message.get("content", "") is None for message in body["messages"]),
        _without_null_content,
    ),
    Amendment(  # Gemma and others, whose chat templates have no system prompt
        "system",
        _words(rf"system role.{{0,30}}{_UNKNOWN}|{_UNKNOWN}.{{0,30}}(system role|role.{{0,30}}system)"),
        lambda body: bool(body["messages"]) and body["messages"][0]["role"] == "system",
        _without_system,
    ),
    Amendment(  # Google's compatible endpoint, where the calls of the conversation are another's
        "thought_signature",
        _words(r"missing a.{0,3}thought.?signature"),
        _lacks_signatures,
        _with_no_signature,
        lasting=False,
    ),
    Amendment(  # Anthropic, where a gateway has changed who answers behind it, or a key its account
        "thinking_blocks",
        _words(r"signature.{0,40}thinking|thinking.{0,60}(signature|cannot be modified)"),
        _has_thinking,
        _without_thinking_blocks,
        "refuses the signed thinking in the history: it is left out, and the reply made without thinking",
        dialect="anthropic",
        lasting=False,
    ),
    Amendment(  # Anthropic, where the turn was begun by another model, before a fallback
        "thinking",
        _words(r"expected .?thinking.{0,60}but found|must start with a thinking block"),
        lambda body: "thinking" in body,
        _without_thinking,
        "cannot think in a turn that was begun without: the reply is made without thinking",
        dialect="anthropic",
        lasting=False,
    ),
    Amendment(  # Google, before Gemini 3
        "mime_type",
        _words(r"function calling with.{0,40}mime type.{0,40}unsupported"),
        lambda body: "responseMimeType" in body.get("generationConfig", {}),
        _with_google_json_in_words,
        "has no JSON mode beside tools: it is told in the system prompt, and its replies are checked",
        dialect="google",
    ),
    Amendment(  # Google's Gemma
        "system_instruction",
        _words(r"(developer|system) instruction is not (enabled|supported)"),
        lambda body: "systemInstruction" in body,
        _without_system_instruction,
        dialect="google",
    ),
    Amendment(  # Google, where the history is that of another account or model
        "signatures",
        _words(
            r"thought.?signature.{0,60}(not valid|invalid|corrupt)|(corrupt\w*|invalid|missing a).{0,3}thought.?sig"
        ),
        _calls_functions,
        _with_unchecked_signatures,
        dialect="google",
        lasting=False,
    ),
    Amendment(  # DeepSeek, where the calls of the conversation are another's
        "reasoning_content",
        _words(r"reasoning_content.{0,60}(passed back|missing|required)|missing.{0,20}reasoning_content"),
        _lacks_reasoning,
        _with_empty_reasoning,
    ),
    Amendment(  # OpenAI's Responses API, from models that do not reason
        "include",
        _words(rf"encrypted content is not supported|{_UNKNOWN}.{{0,60}}include\b|include\b.{{0,60}}{_UNKNOWN}"),
        _includes_reasoning,
        _without_encryption,
        dialect="responses",
    ),
    Amendment(  # OpenAI's Responses API: reasoning of another account, or that has lost the item behind it
        "reasoning_items",
        _words(
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
_BY_NAME: Final = {amendment.name: amendment for amendment in AMENDMENTS}


def amendment_for(
    body: Body, refusal: ErrorReply, tried: Iterable[str] = (), dialect: str = "openai"
) -> Amendment | None:
    """Finds the amendment that a refusal asks for, if one applies and has not been tried."""
    said = f"{refusal.kind} {refusal.message}"
    for item in AMENDMENTS:
        if item.dialect == dialect and item.name not in tried and item.words.search(said) and item.applies(body):
            return item
    return None


def lasting(names: Iterable[str]) -> tuple[str, ...]:
    """Returns the amendments, of those named, that later requests to the same model want too."""
    return tuple(name for name in names if _BY_NAME[name].lasting)


def hint_for(body: Body, refusal: ErrorReply) -> str:
    """Returns advice if a refusal is about a setting of the definition; else an empty text."""
    effort = next(item for item in AMENDMENTS if item.name == "reasoning_effort")
    if effort.words.search(refusal.message) and body.get("reasoning_effort") not in (None, "none"):
        return "to use tools here, set base_config.reasoning_effort to 'none', or base_config.api to 'responses'"
    return ""


def amended(body: Body, names: Iterable[str], where: str = "") -> Body:
    """Applies the applicable amendments to the body of a request.

    Args:
        body: the request.
        names: of the amendments.
        where: the provider and model, for the warning; empty for none.
    """
    for name in names:
        amendment = _BY_NAME[name]
        if amendment.applies(body):
            body = amendment.made(body)
            if where and amendment.warning:
                CALLS.warning("%s %s", where, amendment.warning)
    return body
