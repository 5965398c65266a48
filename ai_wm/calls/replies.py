"""The replies of models without the keys that their servers were sent, and may repeat anywhere in them."""

from __future__ import annotations

import logging
from collections.abc import Collection
from dataclasses import replace
from typing import Any, Final

from ai_wm.data.bounds import short
from ai_wm.keys import Secret, redact, without_keys
from ai_wm.providers.base import LLMResponse, ToolCallRequest

_SHOWN: Final = ("finish_reason", "model", "provider_finish_reason", "request_id", "service_tier")
"""What a reply says of itself, which goes into records, events and messages."""

_log = logging.getLogger("ai_wm")


def safe_reply(response: LLMResponse, secrets: Collection[Secret], *, for_script: bool) -> LLMResponse:
    """A reply as it may be used: keys masked in its tool calls and what it says of itself.

    Args:
        response: the reply as the client gives it.
        secrets: what the server was sent.
        for_script: whether a script gets it: then they are masked in its text too, which a host gets as it came.
    """
    if secrets:
        changes: dict[str, Any] = {name: redact(getattr(response, name), secrets) for name in _SHOWN}
        if for_script:
            changes["text"] = without_keys(response.text, secrets)
        if response.tool_calls:
            changes["tool_calls"] = tuple(_safe_call(call, secrets) for call in response.tool_calls)
        if any(getattr(response, name) != value for name, value in changes.items()):
            response = replace(response, **changes)
    if response.finish_reason == "unknown":
        word = response.provider_finish_reason
        ended = f"the finish reason {short(word, 60)!r}" if word else "no finish reason"
        _log.warning("%r ended a reply with %s; it is noted as unknown", short(response.model, 60), ended)
    return response


def _safe_call(call: ToolCallRequest, secrets: Collection[Secret]) -> ToolCallRequest:
    return replace(
        call,
        id=without_keys(call.id, secrets),
        name=without_keys(call.name, secrets),
        arguments=without_keys(call.arguments, secrets),
        problem=redact(call.problem, secrets),
    )
