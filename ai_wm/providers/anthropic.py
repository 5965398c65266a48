"""Anthropic's messages API.

Written after Anthropic's API reference as its own Python SDK 2.12 carries it (``types``), and its pages on API versions
and errors.  Version 2026-10-21 of the API refuses ``temperature``, ``top_p`` and ``top_k``, at whatever value; models
that still honour them do so under 2023-06-01, which stays available.  So a request that sets one of them is sent under
the older version, and every other under the newer.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from ai_wm.providers.adapter import (
    BadReply,
    Endpoint,
    ErrorReply,
    StreamError,
    WireRequest,
    add_options,
    count,
    expect_list,
    expect_map,
    expect_text,
    made_up_id,
    not_sent,
)
from ai_wm.providers.base import LLMRequest, LLMResponse, Message, ToolCallRequest, Usage, provider_options
from ai_wm.providers.openai import read_arguments
from ai_wm.providers.options import ToolNames, response_format, sampling, tool_choice

endpoint = Endpoint("https://api.anthropic.com", "ANTHROPIC_BASE_URL")
stream_format: Literal["sse", "ndjson"] = "sse"
key_header = "x-api-key"
key_prefix = ""
request_id_headers: tuple[str, ...] = ("request-id",)

VERSION = "2026-10-21"
VERSION_WITH_SAMPLING = "2023-06-01"
# The API wants a limit; this one is below that of every model now served, thinking included.
DEFAULT_MAX_TOKENS = 8192

_MADE_HERE = frozenset({"messages", "model", "stream", "system", "tools"})
_FINISH = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "refusal": "content_filter",
}
_STATUS = {
    "invalid_request_error": 400,
    "authentication_error": 401,
    "billing_error": 402,
    "permission_error": 403,
    "not_found_error": 404,
    "request_too_large": 413,
    "rate_limit_error": 429,
    "api_error": 500,
    "timeout_error": 504,
    "overloaded_error": 529,
}
_JSON_INSTRUCTION = "Reply with one JSON value and nothing else: no explanation, no code fence."


def build(request: LLMRequest, *, stream: bool = False) -> WireRequest:
    """Builds the request: ``POST v1/messages``."""
    names = ToolNames(request)
    options = sampling(request.config)
    body: dict[str, Any] = {
        "model": request.model,
        "max_tokens": options.pop("max_output_tokens", DEFAULT_MAX_TOKENS),
        "messages": _messages(request, names),
    }
    system = request.system_text
    shape = response_format(request.config)
    if shape is not None and shape.schema is not None:
        body["output_config"] = {"format": {"type": "json_schema", "schema": shape.schema}}
    elif shape is not None:
        system = f"{system}\n\n{_JSON_INSTRUCTION}" if system else _JSON_INSTRUCTION
    if system:
        body["system"] = system
    if request.tools:
        body["tools"] = [
            {"name": names.wire(tool.name), "description": tool.description, "input_schema": tool.parameters}
            for tool in request.tools
        ]
        choice = tool_choice(request)
        if choice is not None and choice.kind == "tool":
            body["tool_choice"] = {"type": "tool", "name": names.wire(choice.name)}
        elif choice is not None:
            body["tool_choice"] = {"type": "any" if choice.kind == "required" else choice.kind}
    if "seed" in options:
        not_sent("anthropic", "seed", "the messages API does not take it")
        del options["seed"]
    if "stop" in options:
        body["stop_sequences"] = options.pop("stop")
    body.update(options)
    if stream:
        body["stream"] = True
    body = add_options(body, provider_options(request.config), _MADE_HERE)
    sampled = {"temperature", "top_p", "top_k"} & set(body)
    return WireRequest("v1/messages", body, {"anthropic-version": VERSION_WITH_SAMPLING if sampled else VERSION})


def parse(reply: Any, request: LLMRequest) -> LLMResponse:
    """Reads the response in a ``message``."""
    body = expect_map(reply, "the reply")
    if body.get("type") == "error":
        raise StreamError(parse_error(body))
    content = expect_list(body.get("content"), "content")
    reason = expect_text(body.get("stop_reason"), "stop_reason")
    names = ToolNames(request)
    text: list[str] = []
    calls: list[ToolCallRequest] = []
    # Thinking must go back exactly as it came, in its place among the other blocks.
    signed = any(isinstance(block, Mapping) and block.get("type") not in ("text", "tool_use") for block in content)
    for block in content:
        kind = expect_map(block, "a content block").get("type")
        if kind == "text":
            text.append(expect_text(block.get("text"), "text of a content block"))
        elif kind == "tool_use":
            name = expect_text(block.get("name"), "the name of a tool call")
            calls.append(
                ToolCallRequest(
                    id=expect_text(block.get("id"), "the id of a tool call") or made_up_id(request, len(calls) + 1),
                    name=names.original(name),
                    arguments=read_arguments(block.get("input"), name, reason),
                    provider_data={"anthropic": content} if signed and not calls else None,
                )
            )
    return LLMResponse(
        text="".join(text),
        finish_reason="tool_calls" if calls else _FINISH.get(reason, "other"),
        usage=_usage(body.get("usage")),
        model=expect_text(body.get("model"), "model") or request.model,
        tool_calls=tuple(calls),
        request_id=expect_text(body.get("id"), "id"),
    )


def parse_error(reply: Any) -> ErrorReply:
    """Reads the failure in ``{"type": "error", "error": {"type", "message", "details"}}``."""
    error = reply.get("error") if isinstance(reply, Mapping) else None
    if isinstance(error, str):
        return ErrorReply(message=error)
    if not isinstance(error, Mapping):
        return ErrorReply()
    kind = error.get("type")
    details = error.get("details")
    code = details.get("error_code") if isinstance(details, Mapping) else None
    return ErrorReply(
        message=str(error.get("message", "")),
        kind=" ".join(str(word) for word in (code, kind) if isinstance(word, str)),
        status=_STATUS.get(str(kind), 0),
    )


def stream_parser(request: LLMRequest) -> MessageStream:
    """Makes a parser for the events of one stream."""
    return MessageStream(request)


class MessageStream:
    """Assembles a ``message`` from the named events of a stream."""

    def __init__(self, request: LLMRequest) -> None:
        self.done = False
        self.usage = Usage()
        self._request = request
        self._message: dict[str, Any] | None = None
        self._usage: dict[str, Any] = {}
        self._blocks: dict[int, dict[str, Any]] = {}
        self._json: dict[int, list[str]] = {}

    def feed(self, name: str, event: Any) -> str:
        """Takes one event.  Unknown ones are passed over, as the API asks for."""
        body = expect_map(event, "an event of the stream")
        match body.get("type", name):
            case "error":
                raise StreamError(parse_error(body))
            case "message_start":
                self._message = dict(expect_map(body.get("message"), "message"))
                self._count(self._message.get("usage"))
            case "content_block_start":
                block = dict(expect_map(body.get("content_block"), "content_block"))
                self._blocks[_index(body)] = block
                return expect_text(block.get("text"), "text") if block.get("type") == "text" else ""
            case "content_block_delta":
                return self._delta(_index(body), expect_map(body.get("delta"), "delta"))
            case "message_delta":
                if self._message is None:
                    raise BadReply("message_delta came before message_start")
                self._message.update(expect_map(body.get("delta") or {}, "delta"))
                self._count(body.get("usage"))
            case "message_stop":
                if self._message is None or not self._message.get("stop_reason"):
                    raise BadReply("the stream stopped without a stop reason")
                self.done = True
        return ""

    def ended(self) -> bool:
        """Whether the stream was complete: only with ``message_stop``."""
        return self.done

    def response(self) -> LLMResponse:
        """Returns the reply as `parse` gives it."""
        content = []
        for index, block in sorted(self._blocks.items()):
            pieces = self._json.get(index)
            content.append({**block, "input": _tool_input(pieces, block, self._message)} if pieces else block)
        return parse({**(self._message or {}), "content": content, "usage": self._usage}, self._request)

    def _delta(self, index: int, delta: dict[str, Any]) -> str:
        block = self._blocks.get(index)
        if block is None:
            raise BadReply(f"a piece of content block {index} came before its start")
        match delta.get("type"):
            case "text_delta":
                return _append(block, delta, "text")
            case "input_json_delta":
                self._json.setdefault(index, []).append(expect_text(delta.get("partial_json"), "partial_json"))
            case "thinking_delta":
                _append(block, delta, "thinking")
            case "signature_delta":
                _append(block, delta, "signature")
        return ""

    def _count(self, usage: Any) -> None:
        # Counts are cumulative, and a later event leaves out what has not changed.
        if isinstance(usage, Mapping):
            self._usage.update({key: value for key, value in usage.items() if value is not None})
            self.usage = _usage(self._usage)


def _append(block: dict[str, Any], delta: dict[str, Any], key: str) -> str:
    piece = expect_text(delta.get(key), key)
    block[key] = expect_text(block.get(key), key) + piece
    return piece


def _index(body: dict[str, Any]) -> int:
    index = body.get("index")
    if type(index) is not int:
        raise BadReply(f"an event of the stream has the index {index!r}, not a number")
    return index


def _tool_input(pieces: list[str], block: dict[str, Any], message: dict[str, Any] | None) -> dict[str, Any]:
    return read_arguments("".join(pieces), str(block.get("name")), str((message or {}).get("stop_reason")))


def _messages(request: LLMRequest, names: ToolNames) -> list[dict[str, Any]]:
    made: list[dict[str, Any]] = []
    for message in request.messages:
        blocks = _blocks(message, names)
        if not blocks:
            continue  # the API refuses an empty message; one says nothing anyway
        role = "assistant" if message.role == "assistant" else "user"
        if made and made[-1]["role"] == role:
            made[-1]["content"].extend(blocks)
        else:
            made.append({"role": role, "content": blocks})
    return made


def _blocks(message: Message, names: ToolNames) -> list[dict[str, Any]]:
    if message.role == "tool":
        result = {"type": "tool_result", "tool_use_id": message.tool_call_id, "content": message.content}
        return [{**result, "is_error": True} if message.is_error else result]
    text = [{"type": "text", "text": message.content}] if message.content else []
    if message.role == "user" or not message.tool_calls:
        return text
    kept = (message.tool_calls[0].provider_data or {}).get("anthropic")
    if kept:
        return list(kept)
    return [
        *text,
        *(
            {"type": "tool_use", "id": call.id, "name": names.wire(call.name), "input": call.arguments}
            for call in message.tool_calls
        ),
    ]


def _usage(usage: Any) -> Usage:
    if usage is None:
        return Usage()
    source = expect_map(usage, "usage")
    written, read = count(source, "cache_creation_input_tokens"), count(source, "cache_read_input_tokens")
    return Usage(
        # input_tokens counts only what is neither read from the cache nor written to it.
        input_tokens=count(source, "input_tokens") + written + read,
        cache_read_tokens=read,
        cache_write_tokens=written,
        output_tokens=count(source, "output_tokens"),
        reasoning_tokens=count(source, "output_tokens_details", "thinking_tokens"),
    )
