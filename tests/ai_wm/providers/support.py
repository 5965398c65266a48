"""What the provider tests share: requests, keys, and each provider's wire form of one and the same reply."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ai_wm.keys import Secret
from ai_wm.providers.base import Delta, LLMRequest, LLMResponse, Message, ToolDefinition
from tests.ai_wm.providers import loopback

KEY = "sk-very-secret-0123456789abcdef"
REMOTE = ("anthropic", "custom", "google", "ollama", "openai")

WEATHER = ToolDefinition(
    name="weather.Now",
    description="The weather at a place.",
    parameters={"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
)

CITY = ToolDefinition(
    name="weather.Now",
    description="The weather in one of two cities.",
    parameters={
        "type": "object",
        "properties": {"city": {"type": "string", "enum": ["Rome", "Oslo"]}},
        "required": ["city"],
        "additionalProperties": False,
    },
)
"""A tool whose arguments an engine can enforce: a model that may write nothing else must name one of the two."""


class Clock:
    """A clock that sleeping moves."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


def user(text: str) -> Message:
    return Message(role="user", content=text)


def request(provider: str, *messages: Message, **more: Any) -> LLMRequest:
    """A request with a key; ``config`` and the other fields of `LLMRequest` may be given."""
    fields: dict[str, Any] = {"model": "m-1", "api_key": Secret(KEY), "config": {}, **more}
    return LLMRequest(provider=provider, messages=messages or (user("hello"),), **fields)


def at(server: loopback.Loopback, provider: str, **config: Any) -> LLMRequest:
    """A request to a loopback server."""
    base = server.url + ("/v1" if provider in ("openai", "custom") else "")
    return request(provider, config={"base_url": base, **config})


def collect(deltas: Iterable[Delta]) -> tuple[str, LLMResponse]:
    """The text of the pieces and the response that the last one carries."""
    pieces = list(deltas)
    response = pieces[-1].response
    assert response is not None
    assert all(piece.response is None for piece in pieces[:-1])
    return "".join(piece.text for piece in pieces), response


def body_of(provider: str, text: str = "Hi there") -> dict[str, Any]:
    """A successful reply of ``provider`` with 9 tokens in and 3 out."""
    bodies: dict[str, dict[str, Any]] = {
        "openai": {
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "model": "m-1-2026",
            "choices": [{"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 9, "completion_tokens": 3, "total_tokens": 12},
        },
        "anthropic": {
            "id": "msg_1",
            "type": "message",
            "role": "assistant",
            "model": "m-1-2026",
            "content": [{"type": "text", "text": text}],
            "stop_reason": "end_turn",
            "usage": {"input_tokens": 9, "output_tokens": 3},
        },
        "google": {
            "responseId": "resp-1",
            "modelVersion": "m-1-2026",
            "candidates": [{"content": {"role": "model", "parts": [{"text": text}]}, "finishReason": "STOP"}],
            "usageMetadata": {"promptTokenCount": 9, "candidatesTokenCount": 3, "totalTokenCount": 12},
        },
        "ollama": {
            "model": "m-1-2026",
            "message": {"role": "assistant", "content": text},
            "done": True,
            "done_reason": "stop",
            "prompt_eval_count": 9,
            "eval_count": 3,
        },
    }
    return bodies["openai" if provider == "custom" else provider]


def stream_of(provider: str, *pieces: str) -> list[bytes]:
    """The same reply as a stream that gives its text in ``pieces``."""
    if provider == "google":
        chunks = [body_of("google", piece) for piece in pieces]
        for early in chunks[:-1]:
            del early["candidates"][0]["finishReason"], early["usageMetadata"]
        return loopback.events(*chunks)
    if provider == "ollama":
        whole = body_of("ollama", "")
        start = [
            {"model": "m-1-2026", "message": {"role": "assistant", "content": piece}, "done": False} for piece in pieces
        ]
        return loopback.lines(*start, whole)
    if provider == "anthropic":
        whole = body_of("anthropic")
        opening = {**whole, "content": [], "stop_reason": None, "usage": {"input_tokens": 9, "output_tokens": 1}}
        sent: list[dict[str, Any]] = [
            {"type": "message_start", "message": opening},
            {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
            {"type": "ping"},
            *(
                {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": piece}}
                for piece in pieces
            ),
            {"type": "content_block_stop", "index": 0},
            {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 3}},
            {"type": "message_stop"},
        ]
        return loopback.events(*sent, names=[str(event["type"]) for event in sent])
    head = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "model": "m-1-2026"}

    def chunk(delta: dict[str, Any], finish: str | None = None) -> dict[str, Any]:
        return {**head, "choices": [{"index": 0, "delta": delta, "finish_reason": finish}], "usage": None}

    usage = {**head, "choices": [], "usage": body_of("openai")["usage"]}
    return loopback.events(
        chunk({"role": "assistant", "content": ""}),
        *(chunk({"content": piece}) for piece in pieces),
        chunk({}, "stop"),
        usage,
        "[DONE]",
    )


def stream_type(provider: str) -> str:
    return "application/x-ndjson" if provider == "ollama" else "text/event-stream"


def error_of(provider: str, message: str, kind: str = "", status: int = 400) -> Any:
    """The body with which ``provider`` reports an error."""
    return {
        "openai": {"error": {"message": message, "type": "invalid_request_error", "code": kind or None}},
        "anthropic": {"type": "error", "error": {"type": kind or "invalid_request_error", "message": message}},
        "google": {"error": {"code": status, "message": message, "status": kind or "INVALID_ARGUMENT"}},
        "ollama": {"error": message},
    }["openai" if provider == "custom" else provider]
