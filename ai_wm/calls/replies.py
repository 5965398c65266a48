"""Removes API keys from replies of models, since a server may repeat the key that it was sent anywhere in a reply."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Any, Final

from ai_wm.keys import Secret, redact, without_keys
from ai_wm.logs import CALLS
from ai_wm.providers.base import LLMResponse, ToolCallRequest

_SHOWN: Final = ("finish_reason", "model", "other_choices", "provider_finish_reason", "request_id", "service_tier")
"""The metadata of a reply, which goes into records, events and messages."""


def safe_reply(response: LLMResponse, secrets: Collection[Secret], *, for_script: bool) -> LLMResponse:
    """Returns a reply with the keys masked in its tool calls and its metadata.

    Args:
        response: the reply as the client gives it.
        secrets: the keys that the server was sent.
        for_script: whether a script gets the reply; then keys are masked in its text too, which a host gets unchanged.
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
        # Without the word itself, or the model's name, which are the server's: it may repeat what it was sent.
        CALLS.warning(
            "a reply ended with %s; it is noted as unknown, and the record has the provider's word for it",
            "a finish reason that nobody knows" if response.provider_finish_reason else "no finish reason",
        )
    return response


def _safe_call(call: ToolCallRequest, secrets: Collection[Secret]) -> ToolCallRequest:
    return replace(
        call,
        id=without_keys(call.id, secrets),
        name=without_keys(call.name, secrets),
        arguments=without_keys(call.arguments, secrets),
        problem=redact(call.problem, secrets),
    )
