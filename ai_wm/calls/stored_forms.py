"""Replies, messages and usages as values of the language, in which a journal keeps them."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import fields
from typing import Any, Final

from ai_wm.data.attachments import Attachment
from ai_wm.keys import Secret, redact
from ai_wm.providers.base import LLMResponse, Message, ToolCallRequest, Usage

_PLAIN_IN_REPLY: Final = (
    "text", "finish_reason", "model", "request_id", "attempts", "service_tier", "provider_finish_reason",
    "other_choices",
)  # fmt: skip
_PLAIN_IN_USAGE: Final = tuple(each.name for each in fields(Usage) if each.name != "by_kind")
_PLAIN_IN_ATTACHMENT: Final = tuple(each.name for each in fields(Attachment))
_PLAIN_IN_MESSAGE: Final = ("role", "content", "tool_call_id", "name", "is_error")


def usage_map(usage: Usage) -> dict[str, Any]:
    """Writes a usage."""
    found = {name: getattr(usage, name) for name in _PLAIN_IN_USAGE}
    return {name: value for name, value in found.items() if value} | {"by_kind": [list(kind) for kind in usage.by_kind]}


def usage_of(stored: Mapping[str, Any]) -> Usage:
    """Reads what `usage_map` gives."""
    return Usage(**{**stored, "by_kind": tuple((name, count) for name, count in stored["by_kind"])})


def reply_map(reply: LLMResponse, secrets: Collection[Secret]) -> dict[str, Any]:
    """Writes a reply, without the keys that its server was sent."""
    found: dict[str, Any] = {name: getattr(reply, name) for name in _PLAIN_IN_REPLY}
    found["usage"] = usage_map(reply.usage)
    found["usages"] = [None if usage is None else usage_map(usage) for usage in reply.usages]
    found["tool_calls"] = [_call_map(call) for call in reply.tool_calls]
    found["vectors"] = [list(vector) for vector in reply.vectors]
    found["provider_data"] = plain(reply.provider_data)
    return redact(found, secrets) if secrets else found


def reply_of(stored: Mapping[str, Any]) -> LLMResponse:
    """Reads what `reply_map` gives."""
    return LLMResponse(
        **{name: stored[name] for name in _PLAIN_IN_REPLY},
        usage=usage_of(stored["usage"]),
        usages=tuple(None if usage is None else usage_of(usage) for usage in stored["usages"]),
        tool_calls=tuple(ToolCallRequest(**call) for call in stored["tool_calls"]),
        vectors=tuple(map(tuple, stored["vectors"])),
        provider_data=stored["provider_data"],
    )


def message_map(message: Message, secrets: Collection[Secret] = ()) -> dict[str, Any]:
    """Writes a message of a conversation with its attachments."""
    found: dict[str, Any] = {name: getattr(message, name) for name in _PLAIN_IN_MESSAGE}
    found["tool_calls"] = [_call_map(call) for call in message.tool_calls]
    found["provider_data"] = plain(message.provider_data)
    if secrets:
        found = redact(found, secrets)
    found["attachments"] = [
        {name: getattr(each, name) for name in _PLAIN_IN_ATTACHMENT} for each in message.attachments
    ]
    return found


def message_of(stored: Mapping[str, Any]) -> Message:
    """Reads what `message_map` gives."""
    return Message(
        **{name: stored[name] for name in _PLAIN_IN_MESSAGE},
        tool_calls=tuple(ToolCallRequest(**call) for call in stored["tool_calls"]),
        provider_data=stored["provider_data"],
        attachments=tuple(Attachment(**each) for each in stored["attachments"]),
    )


def _call_map(call: ToolCallRequest) -> dict[str, Any]:
    return {"id": call.id, "name": call.name, "arguments": plain(call.arguments), "problem": call.problem}


def plain(value: Any) -> Any:
    """What came as JSON in the types of the language alone, whatever a client has made of it."""
    return json.loads(json.dumps(value))
