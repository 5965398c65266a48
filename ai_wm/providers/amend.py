"""Amends a refused OpenAI-compatible request to the form that the server's refusal asks for.

Servers differ in the names of options and in the combinations of options that they accept.  If one refuses a request
and says what it expects instead, the request is sent again in that form, and so are later ones to the same model, where
the refusal was about the model and not about the conversation.  A request is not amended if that would change its
meaning: then the refusal is the error.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final

from ai_wm.logs import CALLS
from ai_wm.providers.adapter import ErrorReply
from ai_wm.providers.options import JSON_INSTRUCTION

Body = dict[str, Any]

ENCRYPTED: Final = "reasoning.encrypted_content"
"""The part of a reply of OpenAI's Responses API that holds the model's reasoning, to be sent back by the caller."""

_UNKNOWN = r"(unsupported|not supported|unknown|unrecognized|unexpected|not permitted|not allowed|extra)"


@dataclass(frozen=True, slots=True)
class Amendment:
    """A change to the body of a request, and the kind of refusal that it answers.

    Args:
        name: by which it is remembered.
        words: the refusal that asks for it.
        applies: whether a request has what it is about.
        made: the request sent differently.
        warning: what is logged, where the reply will be another for it; empty for nothing.
        lasting: whether later requests to the same model are sent in that form too.
    """

    name: str
    words: re.Pattern[str]
    applies: Callable[[Body], bool]
    made: Callable[[Body], Body]
    warning: str = ""
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


def _with_schema_in_words(body: Body) -> Body:
    schema = body["response_format"]["json_schema"].get("schema")
    text = f"{JSON_INSTRUCTION} The value fits this JSON Schema:\n{json.dumps(schema, ensure_ascii=False)}"
    messages = list(body["messages"])
    if messages and messages[0]["role"] == "system":
        messages[0] = {**messages[0], "content": f"{messages[0]['content']}\n\n{text}"}
    else:
        messages.insert(0, {"role": "system", "content": text})
    return {**body, "messages": messages, "response_format": {"type": "json_object"}}


def _lacks_reasoning(body: Body) -> bool:
    return any(_wants_reasoning(message) for message in body.get("messages", ()))


def _wants_reasoning(message: Body) -> bool:
    return message["role"] == "assistant" and "reasoning_content" not in message


def _with_empty_reasoning(body: Body) -> Body:
    messages = [
        {**message, "reasoning_content": ""} if _wants_reasoning(message) else message for message in body["messages"]
    ]
    return {**body, "messages": messages}


def _includes_reasoning(body: Body) -> bool:
    return ENCRYPTED in (body.get("include") or ())


def _without_encryption(body: Body) -> Body:
    others = [each for each in body["include"] if each != ENCRYPTED]
    made = {key: value for key, value in body.items() if key != "include"}
    return {**made, "include": others} if others else made


def _has_reasoning(body: Body) -> bool:
    return any(item.get("type") == "reasoning" for item in body.get("input", ()))


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
        lasting=False,
    ),
)
_BY_NAME: Final = {amendment.name: amendment for amendment in AMENDMENTS}


def amendment_for(body: Body, refusal: ErrorReply, tried: Iterable[str] = ()) -> Amendment | None:
    """Finds the amendment that a refusal asks for, if one applies and has not been tried."""
    said = f"{refusal.kind} {refusal.message}"
    found = (item for item in AMENDMENTS if item.words.search(said) and item.applies(body) and item.name not in tried)
    return next(found, None)


def lasting(names: Iterable[str]) -> tuple[str, ...]:
    """Returns those of the named amendments that later requests to the same model need too."""
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
