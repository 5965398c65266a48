"""What OpenAI's Responses API sends: response objects, and the same as streams, event by event."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import httpx

from tests.ai_wm.providers.loopback import Answer, Loopback, events, streamed

USAGE = {
    "input_tokens": 9,
    "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
    "output_tokens": 3,
    "output_tokens_details": {"reasoning_tokens": 0},
    "total_tokens": 12,
}


def message(text: str = "Hi there", number: int = 1, **more: Any) -> dict[str, Any]:
    """A message of the model's; a ``refusal`` takes the place of the text."""
    part: dict[str, Any] = {"type": "output_text", "text": text, "annotations": [], "logprobs": []}
    if "refusal" in more:
        part = {"type": "refusal", "refusal": more.pop("refusal")}
    head = {"id": f"msg_{number}", "type": "message", "role": "assistant", "status": "completed"}
    return {**head, "content": [part], **more}


def reasoning(number: int = 1, *summary: str, encrypted: str | None = "gAAAAABtaGlua2luZw==") -> dict[str, Any]:
    """The model's reasoning, as it comes with ``reasoning.encrypted_content``."""
    texts = [{"type": "summary_text", "text": text} for text in summary]
    return {"id": f"rs_{number}", "type": "reasoning", "summary": texts, "encrypted_content": encrypted}


def called(arguments: Any, number: int = 1, name: str = "weather_Now", **more: Any) -> dict[str, Any]:
    """A function call; arguments that are no text are written as JSON."""
    text = arguments if isinstance(arguments, str) else json.dumps(arguments)
    head = {"id": f"fc_{number}", "type": "function_call", "status": "completed", "call_id": f"call_{number}"}
    return {**head, "name": name, "arguments": text, **more}


def response(*items: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A ``response`` object with these items as its output."""
    return {
        "id": "resp_1",
        "object": "response",
        "created_at": 1_780_000_000,
        "status": "completed",
        "error": None,
        "incomplete_details": None,
        "model": "m-1-2026",
        "output": list(items),
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
        "service_tier": "default",
        "usage": USAGE,
        **more,
    }


def stream_events(whole: dict[str, Any], pieces: int = 2) -> list[dict[str, Any]]:
    """The events that stream a response, each text cut into so many pieces."""
    opening = {**whole, "status": "in_progress", "output": [], "usage": None, "error": None, "incomplete_details": None}
    made: list[dict[str, Any]] = [
        {"type": "response.created", "response": opening},
        {"type": "response.in_progress", "response": opening},
    ]
    for index, item in enumerate(whole["output"]):
        made.append({"type": "response.output_item.added", "output_index": index, "item": _opening(item)})
        made.extend({**event, "item_id": item["id"], "output_index": index} for event in _events_of(item, pieces))
        made.append({"type": "response.output_item.done", "output_index": index, "item": item})
    made.append({"type": f"response.{whole['status']}", "response": whole})
    return [{**event, "sequence_number": number} for number, event in enumerate(made)]


def _opening(item: dict[str, Any]) -> dict[str, Any]:
    empty: dict[str, Any] = {
        "message": {"content": []},
        "function_call": {"arguments": ""},
        "reasoning": {"summary": []},
    }
    status = {} if item["type"] == "reasoning" else {"status": "in_progress"}
    return {**item, **empty.get(item["type"], {}), **status}


def _events_of(item: dict[str, Any], pieces: int) -> Iterator[dict[str, Any]]:
    match item["type"]:
        case "function_call":
            kind = "response.function_call_arguments"
            yield from ({"type": f"{kind}.delta", "delta": piece} for piece in _cut(item["arguments"], pieces))
            yield {"type": f"{kind}.done", "arguments": item["arguments"], "name": item["name"]}
        case "reasoning":
            for number, part in enumerate(item["summary"]):
                at = {"summary_index": number}
                yield {"type": "response.reasoning_summary_part.added", "part": {**part, "text": ""}, **at}
                for piece in _cut(part["text"], pieces):
                    yield {"type": "response.reasoning_summary_text.delta", "delta": piece, **at}
                yield {"type": "response.reasoning_summary_text.done", "text": part["text"], **at}
                yield {"type": "response.reasoning_summary_part.done", "part": part, **at}
        case "message":
            for number, part in enumerate(item["content"]):
                key = "text" if part["type"] == "output_text" else "refusal"
                at = {"content_index": number} | ({"logprobs": []} if key == "text" else {})
                kind = f"response.{part['type']}"
                yield {"type": "response.content_part.added", "part": {**part, key: ""}, "content_index": number}
                yield from ({"type": f"{kind}.delta", "delta": piece, **at} for piece in _cut(part[key], pieces))
                yield {"type": f"{kind}.done", key: part[key], **at}
                yield {"type": "response.content_part.done", "part": part, "content_index": number}


def _cut(text: str, pieces: int) -> list[str]:
    size = max(1, -(-len(text) // pieces))
    return [text[start : start + size] for start in range(0, len(text), size)]


def sse(*data: Mapping[str, Any]) -> Answer:
    """A stream of these events, each under its name."""
    return streamed(events(*data, names=[event["type"] for event in data]))


class Public(httpx.BaseTransport):
    """Sends what goes to OpenAI's public address to a loopback server, path and headers as they are."""

    def __init__(self, server: Loopback) -> None:
        self._server = server
        self._inner = httpx.HTTPTransport()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        assert (request.url.scheme, request.url.host) == ("https", "api.openai.com")
        here = httpx.URL(self._server.url)
        request.url = request.url.copy_with(scheme="http", host=here.host, port=here.port)
        return self._inner.handle_request(request)

    def close(self) -> None:
        self._inner.close()
