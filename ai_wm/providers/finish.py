"""Finish reasons: maps each provider's words for the end of a reply to the common ones.

One table serves all wire formats, since gateways pass on the words of whoever answers behind them.  A word that means
failure, a filter or a refusal makes the call fail; a word that nobody knows is handed on as ``unknown`` and logged.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final, Literal

from ai_wm.providers.adapter import BadReply, ErrorReply, StreamError
from ai_wm.providers.base import LLMResponse
from ai_wm.providers.error_bodies import status_of

Ending = Literal["stop", "length", "tool_calls", "pause", "content_filter", "failure", "malformed_call", "context"]

PAUSED: Final = "pause_turn"
"""The finish reason of a reply that the model goes on with."""

_WORDS: Final[dict[Ending, tuple[str, ...]]] = {
    "stop": (
        "stop",  # OpenAI, Google (STOP), Ollama
        "end_turn",  # Anthropic
        "stop_sequence",  # Anthropic
        "eos",  # Together, TGI
        "eos_token",  # TGI
        "complete",  # Cohere
        "completed",
        "end",
        "endoftext",  # AI21
        "finish",
        "finished",
        "normal",  # Baidu
    ),
    "length": (
        "length",  # OpenAI, Ollama
        "max_tokens",  # Anthropic, Google (MAX_TOKENS)
        "max_output_tokens",  # OpenAI's responses, behind gateways
        "model_length",  # Mistral
        "continuation",  # Google
        "max_length",
        "max_output",  # MiniMax
        "token_limit",
    ),
    "tool_calls": (
        "tool_calls",  # OpenAI
        "tool_call",  # Cohere
        "function_call",  # OpenAI, deprecated
        "tool_use",  # Anthropic
    ),
    "pause": (PAUSED,),  # Anthropic, within the work of its own tools
    "content_filter": (
        "content_filter",  # OpenAI, Mistral
        "content_filtered",  # Bedrock
        "guardrail_intervened",  # Bedrock
        "refusal",  # Anthropic
        "sensitive",  # Zhipu
        "safety",  # Google, from here on
        "recitation",
        "language",
        "blocklist",
        "prohibited_content",
        "spii",
        "escalation",
        "pup_limited_disabled",
        "model_armor",
        "jailbreak",
        "image_safety",
        "image_prohibited_content",
        "image_recitation",
        "error_toxic",  # Cohere
        "moderation",
        "blocked",
        "flagged",
        "guardrail",
        "guardrails",
    ),
    "failure": (
        "error",  # OpenRouter, Cohere
        "failed",
        "failure",
        "network_error",  # Zhipu
        "insufficient_system_resource",  # DeepSeek
        "engine_overloaded",
        "abort",  # vLLM, SGLang
        "aborted",
        "cancelled",
        "canceled",
        "server_error",
        "timeout",
        "too_many_tool_calls",  # Google
        "missing_thought_signature",  # Google
        "user_cancel",  # Cohere
        "exception",  # gateways, from here on
        "overloaded",
        "rate_limit",
        "rate_limited",
        "rate_limit_exceeded",
        "too_many_requests",
        "bad_gateway",
        "gateway_timeout",
        "service_unavailable",
        "unavailable",
        "timed_out",
    ),
    "malformed_call": (
        "malformed_function_call",  # Google, from here on
        "malformed_response",
        "malformed_tool_use",  # Bedrock
        "malformed_model_output",  # Bedrock
        "unexpected_tool_call",
    ),
    "context": (
        "model_context_window_exceeded",  # Anthropic, Zhipu
        "context_length_exceeded",
        "error_limit",  # Cohere
    ),
}
_ENDINGS: Final[dict[str, Ending]] = {word: ending for ending, words in _WORDS.items() for word in words}


def ending_of(word: str) -> Ending | None:
    """Looks up the meaning of a provider's finish reason; ``None`` if it is unknown."""
    plain = word.strip().lower().replace("-", "_").replace(" ", "_")
    known = _ENDINGS.get(plain)
    if known is None and ":" in plain:  # Google's compatible endpoint: function_call_filter: MALFORMED_…
        known = _ENDINGS.get(plain.rpartition(":")[2].strip("_"))
    if known is None and "malformed" in plain:
        return "malformed_call"
    if known is None and plain.endswith("error"):  # upstream_error, internal_error, ModelError, …
        return "failure"
    return known


def finished(
    response: LLMResponse,
    word: object,
    said: str = "",
    *,
    cut_call: str = "",
    full: bool = False,
    may_be_empty: bool = False,
) -> LLMResponse:
    """Returns ``response`` with its finish reason, or raises an error if that makes the reply unusable.

    Args:
        response: the reply with its text, tool calls and usage.
        word: the provider's finish reason, whatever it gave for one.
        said: what the provider says about the end: its message, the model's refusal.
        cut_call: the tool whose arguments cannot be read or are empty, in the last call of the reply; where the reply
            was cut at its length limit, they are not whole.
        full: whether the reply has used all of its limit of output; servers in front of others do not always say that a
            call was cut there.
        may_be_empty: whether the model may have nothing to say, as after the results of its tools.

    Raises:
        StreamError: the reply failed, was filtered or refused, or holds nothing.
        BadReply: the length limit has cut the arguments of a tool call, or left nothing of the reply.
    """
    given = word.strip() if isinstance(word, str) else "" if word is None else str(word)
    ending = ending_of(given)
    if full and cut_call and ending in ("stop", "tool_calls"):
        ending = "length"
    shown = given.replace("_", " ").lower()
    match ending:
        case "content_filter":
            message = said or f"the provider ended it as {shown!r}"
            raise _error(response, ErrorReply(message=message, kind=given, final=True, cause="content_filter"))
        case "failure":
            message = said or f"the reply ended with {shown!r}"
            raise _error(response, ErrorReply(message=message, kind=given, status=status_of(given)))
        case "malformed_call":
            raise _error(response, ErrorReply(message=said or f"the reply ended with {shown!r}", kind=given, once=True))
        case "context" if not response.text and not response.tool_calls:
            message = said or "the conversation leaves no room for a reply"
            raise _error(response, ErrorReply(message=message, kind=given, cause="context"))
        case "length" | "context" if cut_call:
            raise BadReply(
                f"the reply was cut at its length limit within the arguments of a call of {cut_call}; "
                "raise max_output_tokens",
                usage=response.usage,
                text=response.text,
                final=True,
            )
        case "length" if not response.text and not response.tool_calls:
            raise BadReply(
                "the reply was cut at its length limit before it had any text, which thinking counts towards; "
                "raise max_output_tokens",
                usage=response.usage,
                final=True,
            )
        case "stop" if not response.text and not response.tool_calls and not may_be_empty:
            # Mostly the model's mistake (livekit/agents#4066, google/adk-js#344), which it seldom repeats.
            raise _error(
                response, ErrorReply(message=said or "the reply is empty", kind=given, once=True, cause="empty")
            )
    if response.tool_calls:
        return replace(response, finish_reason="tool_calls")
    if ending == "pause":
        return replace(response, finish_reason="pause")
    if ending == "context":
        return replace(response, finish_reason="length")
    if ending == "stop" or ending == "length":
        return replace(response, finish_reason=ending)
    if not response.text:
        if ending == "tool_calls":
            message = said or "the provider says that the model calls a tool, but gives no call"
            raise _error(response, ErrorReply(message=message, kind=given, once=True))
        reason = f"has the finish reason {given!r}" if given else "gives no finish reason"
        raise _error(response, ErrorReply(message=said or f"the reply is empty and {reason}", kind=given))
    return replace(response, finish_reason="unknown", provider_finish_reason=given)


def _error(response: LLMResponse, reply: ErrorReply) -> StreamError:
    return StreamError(reply, usage=response.usage, text=response.text)
