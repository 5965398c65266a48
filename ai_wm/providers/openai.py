"""OpenAI's chat completions, which other servers speak too (``custom``).

Written after OpenAI's API reference as its own Python SDK 3.54 carries it (``types/chat``), and for ``custom``
after the documentation of vLLM, llama.cpp, LM Studio, OpenRouter and DeepSeek where they differ.
"""

from __future__ import annotations

import json
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
from ai_wm.providers.options import ToolNames, response_format, sampling, tool_choice

endpoint = Endpoint("https://api.openai.com/v1", "OPENAI_BASE_URL")
stream_format: Literal["sse", "ndjson"] = "sse"
key_header = "Authorization"
key_prefix = "Bearer "
request_id_headers: tuple[str, ...] = ("x-request-id",)

_MADE_HERE = frozenset({"messages", "model", "stream", "tools"})
_FINISH = {
    "stop": "stop",
    "length": "length",
    "tool_calls": "tool_calls",
    "function_call": "tool_calls",
    "content_filter": "content_filter",
    # Other servers' words.
    "eos": "stop",
    "eos_token": "stop",
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "tool_use": "tool_calls",
}
# What a reasoning model behind a compatible server wants back with its tool calls (OpenRouter, DeepSeek).
_REPLAYED = ("reasoning_details", "reasoning_content")
# 429 means "slow down" or "pay": waiting does not help with the second.
_FINAL_KINDS = frozenset({"insufficient_quota", "billing_hard_limit_reached", "billing_not_active"})


def build(request: LLMRequest, *, stream: bool = False) -> WireRequest:
    """Builds the request: ``POST chat/completions``."""
    names = ToolNames(request)
    body: dict[str, Any] = {"model": request.model, "messages": _messages(request, names)}
    if request.tools:
        body["tools"] = [
            {
                "type": "function",
                "function": {
                    "name": names.wire(tool.name),
                    "description": tool.description,
                    "parameters": tool.parameters,
                },
            }
            for tool in request.tools
        ]
        choice = tool_choice(request)
        if choice is not None:
            body["tool_choice"] = (
                {"type": "function", "function": {"name": names.wire(choice.name)}}
                if choice.kind == "tool"
                else choice.kind
            )
    options = sampling(request.config)
    limit = options.pop("max_output_tokens", None)
    if limit is not None:
        # OpenAI has replaced max_tokens, which compatible servers still expect.
        body["max_completion_tokens" if _is_openai(request) else "max_tokens"] = limit
    if "top_k" in options and _is_openai(request):
        not_sent("openai", "top_k", "chat completions do not take it")
        del options["top_k"]
    body.update(options)
    shape = response_format(request.config)
    if shape is not None and shape.schema is None:
        body["response_format"] = {"type": "json_object"}
    elif shape is not None:
        schema: dict[str, Any] = {"name": shape.name, "schema": shape.schema}
        if shape.strict is not None:
            schema["strict"] = shape.strict
        body["response_format"] = {"type": "json_schema", "json_schema": schema}
    if stream:
        body["stream"] = True
        body["stream_options"] = {"include_usage": True}
    return WireRequest("chat/completions", add_options(body, provider_options(request.config), _MADE_HERE))


def parse(reply: Any, request: LLMRequest) -> LLMResponse:
    """Reads the response in the first choice of a ``chat.completion``."""
    body = expect_map(reply, "the reply")
    if "choices" not in body and "error" in body:
        raise StreamError(parse_error(body))
    choices = expect_list(body.get("choices"), "choices")
    if not choices:
        raise BadReply("choices is empty")
    choice = expect_map(choices[0], "choices[0]")
    if "message" not in choice and "error" in choice:
        raise StreamError(parse_error(choice))
    message = expect_map(choice.get("message"), "choices[0].message")
    text = _content_text(message.get("content"))
    refusal = expect_text(message.get("refusal"), "message.refusal")
    reason = choice.get("finish_reason")
    calls = _tool_calls(message, request, str(reason))
    if calls:
        finish = "tool_calls"
    elif refusal and not text:
        text, finish = refusal, "content_filter"
    else:
        finish = _FINISH.get(str(reason), "other")
    return LLMResponse(
        text=text,
        finish_reason=finish,
        usage=_usage(body.get("usage")),
        model=expect_text(body.get("model"), "model") or request.model,
        tool_calls=calls,
        request_id=expect_text(body.get("id"), "id"),
    )


def parse_error(reply: Any) -> ErrorReply:
    """Reads the failure in ``{"error": {"message", "type", "code"}}``, or in the shapes of compatible servers."""
    if not isinstance(reply, Mapping):
        return ErrorReply()
    error = reply.get("error", reply)
    if isinstance(error, str):
        return ErrorReply(message=error)
    if not isinstance(error, Mapping):
        return ErrorReply()
    message = error.get("message", error.get("detail", ""))
    code, kind = error.get("code"), error.get("type")
    words = [str(word) for word in (code, kind) if isinstance(word, str) and word]
    return ErrorReply(
        message=message if isinstance(message, str) else json.dumps(message),
        kind=" ".join(words),
        status=code if type(code) is int and 400 <= code < 600 else 0,
        final=bool(_FINAL_KINDS & set(words)),
    )


def stream_parser(request: LLMRequest) -> ChatStream:
    """Makes a parser for the chunks of one stream."""
    return ChatStream(request)


class ChatStream:
    """Assembles a ``chat.completion`` from the ``chat.completion.chunk`` events of a stream."""

    def __init__(self, request: LLMRequest) -> None:
        self.done = False
        self.usage = Usage()
        self._request = request
        self._head: dict[str, Any] = {}
        self._text: list[str] = []
        self._refusal: list[str] = []
        self._replayed: dict[str, Any] = {}
        self._calls: list[dict[str, Any]] = []
        self._by_index: dict[int, dict[str, Any]] = {}
        self._finish: str | None = None
        self._usage: Any = None

    def feed(self, name: str, event: Any) -> str:
        """Takes one chunk, or the text ``[DONE]``, and returns the text in it."""
        if event == "[DONE]":
            if self._finish is None and _is_openai(self._request):
                raise BadReply("the stream says [DONE] but gave no finish reason")
            self.done = True
            return ""
        chunk = expect_map(event, "a chunk of the stream")
        if chunk.get("error") is not None:
            raise StreamError(parse_error(chunk))
        for key in ("id", "model"):
            if chunk.get(key):
                self._head[key] = chunk[key]
        if chunk.get("usage") is not None:
            self._usage = chunk["usage"]
            self.usage = _usage(self._usage)
        for choice in expect_list(chunk.get("choices", []), "choices"):
            if expect_map(choice, "a choice").get("index", 0) == 0:
                return self._take(choice)
        return ""

    def ended(self) -> bool:
        """Whether the stream was complete: with ``[DONE]``, which compatible servers may leave out."""
        return self.done or (self._finish is not None and not _is_openai(self._request))

    def response(self) -> LLMResponse:
        """Returns the reply as `parse` gives it."""
        message: dict[str, Any] = {"content": "".join(self._text), "refusal": "".join(self._refusal) or None}
        message.update(self._replayed)
        if self._calls:
            message["tool_calls"] = self._calls
        choice = {"message": message, "finish_reason": self._finish}
        return parse({**self._head, "choices": [choice], "usage": self._usage}, self._request)

    def _take(self, choice: dict[str, Any]) -> str:
        if choice.get("error") is not None:
            raise StreamError(parse_error(choice))
        delta = expect_map(choice.get("delta") or {}, "delta")
        if choice.get("finish_reason") is not None:
            self._finish = str(choice["finish_reason"])
        text = _content_text(delta.get("content"))
        self._text.append(text)
        self._refusal.append(expect_text(delta.get("refusal"), "delta.refusal"))
        for key in _REPLAYED:
            piece = delta.get(key)
            before = self._replayed.get(key)
            if isinstance(piece, str) and isinstance(before, str | None):
                self._replayed[key] = (before or "") + piece
            elif isinstance(piece, list) and isinstance(before, list | None):
                self._replayed[key] = [*(before or ()), *piece]
        for call in expect_list(delta.get("tool_calls") or [], "delta.tool_calls"):
            self._take_call(expect_map(call, "a tool call"))
        return text

    def _take_call(self, piece: dict[str, Any]) -> None:
        index = piece.get("index")
        known = self._by_index.get(index) if isinstance(index, int) else (self._calls[-1] if self._calls else None)
        # Some servers give no index, or the same one to every parallel call: a new id then starts a new call.
        if known is None or (piece.get("id") and known["id"] and piece["id"] != known["id"]):
            known = {"id": "", "function": {"name": "", "arguments": ""}}
            self._calls.append(known)
            if isinstance(index, int):
                self._by_index[index] = known
        known["id"] = piece.get("id") or known["id"]
        if piece.get("extra_content") is not None:
            known["extra_content"] = piece["extra_content"]
        function = expect_map(piece.get("function") or {}, "function")
        known["function"]["name"] = function.get("name") or known["function"]["name"]
        arguments = function.get("arguments")
        if isinstance(arguments, Mapping):
            known["function"]["arguments"] = arguments
        elif arguments:
            begun = expect_text(known["function"]["arguments"], "function.arguments")
            known["function"]["arguments"] = begun + expect_text(arguments, "function.arguments")


def _is_openai(request: LLMRequest) -> bool:
    return request.provider == "openai"


def _messages(request: LLMRequest, names: ToolNames) -> list[dict[str, Any]]:
    made: list[dict[str, Any]] = []
    if request.system_text:
        made.append({"role": "system", "content": request.system_text})
    for message in request.messages:
        if message.role == "tool":
            made.append({"role": "tool", "tool_call_id": message.tool_call_id, "content": message.content})
        elif message.role == "assistant":
            made.append(_assistant(message, names, replay=not _is_openai(request)))
        elif made and made[-1]["role"] == "user" and not _is_openai(request):
            # Chat templates behind compatible servers want user and assistant to alternate.
            made[-1]["content"] += f"\n\n{message.content}"
        else:
            made.append({"role": "user", "content": message.content})
    return made


def _assistant(message: Message, names: ToolNames, *, replay: bool) -> dict[str, Any]:
    made: dict[str, Any] = {"role": "assistant", "content": message.content}
    if not message.tool_calls:
        return made
    made["content"] = message.content or None
    made["tool_calls"] = []
    for call in message.tool_calls:
        wire: dict[str, Any] = {
            "id": call.id,
            "type": "function",
            "function": {"name": names.wire(call.name), "arguments": json.dumps(call.arguments)},
        }
        kept = (call.provider_data or {}).get("openai") if replay else None
        if kept:
            made.update(kept.get("message", {}))
            wire.update(kept.get("call", {}))
        made["tool_calls"].append(wire)
    return made


def _content_text(content: Any) -> str:
    if isinstance(content, list):  # parts, as Mistral sends them for reasoning models
        return "".join(
            expect_text(part.get("text"), "a text part")
            for part in content
            if isinstance(part, Mapping) and part.get("type", "text") == "text"
        )
    return expect_text(content, "message.content")


def _tool_calls(message: dict[str, Any], request: LLMRequest, reason: str) -> tuple[ToolCallRequest, ...]:
    names = ToolNames(request)
    made: list[ToolCallRequest] = []
    kept = {key: message[key] for key in _REPLAYED if message.get(key)}
    for number, call in enumerate(expect_list(message.get("tool_calls") or [], "message.tool_calls"), start=1):
        function = expect_map(expect_map(call, "a tool call").get("function"), "function of a tool call")
        name = expect_text(function.get("name"), "the name of a tool call")
        extra = {"extra_content": call["extra_content"]} if call.get("extra_content") else {}
        made.append(
            ToolCallRequest(
                id=expect_text(call.get("id"), "the id of a tool call") or made_up_id(request, number),
                name=names.original(name),
                arguments=read_arguments(function.get("arguments"), name, reason),
                provider_data={"openai": {"message": kept, "call": extra}} if kept or extra else None,
            )
        )
    return tuple(made)


def read_arguments(arguments: Any, name: str, reason: str = "") -> dict[str, Any]:
    """Reads the arguments of a tool call, which models write as JSON text."""
    if isinstance(arguments, str) and arguments.strip():
        try:
            arguments = json.loads(arguments)
        except ValueError:
            cut = " (the reply was cut at its length limit)" if reason in ("length", "max_tokens") else ""
            raise BadReply(f"the model called the tool {name} with arguments that are not JSON{cut}") from None
    if arguments is None or arguments == "":
        return {}
    return expect_map(arguments, f"the arguments of the tool call {name}")


def _usage(usage: Any) -> Usage:
    if usage is None:
        return Usage()
    source = expect_map(usage, "usage")
    given, out = count(source, "prompt_tokens"), count(source, "completion_tokens")
    reasoning = count(source, "completion_tokens_details", "reasoning_tokens")
    if reasoning and count(source, "total_tokens") == given + out + reasoning:
        out += reasoning  # servers that count reasoning apart, such as xAI's; OpenAI's completion tokens include it
    return Usage(
        input_tokens=given,
        cache_read_tokens=count(source, "prompt_tokens_details", "cached_tokens")
        or count(source, "prompt_cache_hit_tokens"),
        cache_write_tokens=count(source, "prompt_tokens_details", "cache_write_tokens"),
        output_tokens=out,
        reasoning_tokens=reasoning,
    )
