"""Ollama's own chat API.

Written after Ollama's API reference (``docs/openapi.yaml`` and docs.ollama.com) and its own Python client 0.6.
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

endpoint = Endpoint("http://127.0.0.1:11434", "OLLAMA_HOST")
stream_format: Literal["sse", "ndjson"] = "ndjson"
# A local server takes no key; Ollama's cloud does.
key_header = "Authorization"
key_prefix = "Bearer "
request_id_headers: tuple[str, ...] = ()

_MADE_HERE = frozenset({"messages", "model", "stream", "tools"})
# What stands beside options in a request; any other option of a definition belongs into it.
_BESIDE = frozenset({"format", "keep_alive", "logprobs", "options", "shift", "think", "top_logprobs", "truncate"})
_FINISH = {"stop": "stop", "length": "length"}


def build(request: LLMRequest, *, stream: bool = False) -> WireRequest:
    """``POST api/chat``."""
    names = ToolNames(request)
    body: dict[str, Any] = {"model": request.model, "messages": _messages(request, names), "stream": stream}
    tools = list(request.tools)
    choice = tool_choice(request)
    if choice is not None and choice.kind == "none":
        tools = []
    elif choice is not None and choice.kind != "auto":
        not_sent("ollama", "tool_choice that forces a call", "the chat API does not take it")
        tools = [tool for tool in tools if choice.kind == "required" or tool.name == choice.name]
    if tools:
        body["tools"] = [
            {
                "type": "function",
                "function": {
                    "name": names.wire(tool.name),
                    "description": tool.description,
                    "parameters": tool.parameters,
                },
            }
            for tool in tools
        ]
    shape = response_format(request.config)
    if shape is not None:
        body["format"] = shape.schema if shape.schema is not None else "json"
    chosen = sampling(request.config)
    if "max_output_tokens" in chosen:
        chosen["num_predict"] = chosen.pop("max_output_tokens")
    options = provider_options(request.config)
    if "repetition_penalty" in options:
        options["repeat_penalty"] = options.pop("repetition_penalty")
    inside = {key: value for key, value in options.items() if key not in _BESIDE | _MADE_HERE}
    chosen = add_options(chosen, inside, frozenset())
    if chosen:
        body["options"] = chosen
    beside = {key: value for key, value in options.items() if key not in inside}
    return WireRequest("api/chat", add_options(body, beside, _MADE_HERE))


def parse(reply: Any, request: LLMRequest) -> LLMResponse:
    """A chat response with ``done``."""
    body = expect_map(reply, "the reply")
    if body.get("error") is not None:
        raise StreamError(parse_error(body))
    message = expect_map(body.get("message"), "message")
    if body.get("done") is not True:
        raise BadReply("the reply is not marked as done")
    calls = _tool_calls(message, request)
    reason = expect_text(body.get("done_reason"), "done_reason")
    return LLMResponse(
        text=expect_text(message.get("content"), "message.content"),
        # Versions before done_reason was introduced stop without giving one.
        finish_reason="tool_calls" if calls else _FINISH.get(reason or "stop", "other"),
        usage=Usage(
            input_tokens=count(body, "prompt_eval_count"),
            cache_read_tokens=count(body, "prompt_eval_cached_count"),
            output_tokens=count(body, "eval_count"),
        ),
        model=expect_text(body.get("model"), "model") or request.model,
        tool_calls=calls,
    )


def parse_error(reply: Any) -> ErrorReply:
    """``{"error": "…"}``."""
    error = reply.get("error") if isinstance(reply, Mapping) else None
    if isinstance(error, Mapping):  # proxies in front of it
        error = error.get("message")
    return ErrorReply(message=error if isinstance(error, str) else "")


def stream_parser(request: LLMRequest) -> ChatStream:
    """A parser for the lines of one stream."""
    return ChatStream(request)


class ChatStream:
    """Puts the lines of a stream together to one chat response."""

    def __init__(self, request: LLMRequest) -> None:
        self.done = False
        self.usage = Usage()
        self._request = request
        self._last: dict[str, Any] = {}
        self._text: list[str] = []
        self._thinking: list[str] = []
        self._calls: list[Any] = []

    def feed(self, name: str, event: Any) -> str:
        """Takes one line."""
        body = expect_map(event, "a line of the stream")
        if body.get("error") is not None:
            raise StreamError(parse_error(body))
        message = expect_map(body.get("message") or {}, "message")
        text = expect_text(message.get("content"), "message.content")
        self._text.append(text)
        self._thinking.append(expect_text(message.get("thinking"), "message.thinking"))
        self._calls += expect_list(message.get("tool_calls") or [], "message.tool_calls")
        if body.get("done") is True:
            self.done, self._last = True, body
        return text

    def ended(self) -> bool:
        """Only with ``done``."""
        return self.done

    def response(self) -> LLMResponse:
        """The reply as `parse` gives it."""
        message: dict[str, Any] = {"content": "".join(self._text), "tool_calls": self._calls}
        if any(self._thinking):
            message["thinking"] = "".join(self._thinking)
        return parse({**self._last, "message": message}, self._request)


def _messages(request: LLMRequest, names: ToolNames) -> list[dict[str, Any]]:
    called = {call.id: call.name for message in request.messages for call in message.tool_calls}
    made: list[dict[str, Any]] = []
    if request.system_text:
        made.append({"role": "system", "content": request.system_text})
    for message in request.messages:
        if message.role == "tool":
            name = message.name or called.get(message.tool_call_id, "")
            made.append({"role": "tool", "content": message.content, "tool_name": names.wire(name)})
        elif message.tool_calls:
            made.append(_assistant(message, names))
        else:
            made.append({"role": message.role, "content": message.content})
    return made


def _assistant(message: Message, names: ToolNames) -> dict[str, Any]:
    made: dict[str, Any] = {"role": "assistant", "content": message.content}
    kept = (message.tool_calls[0].provider_data or {}).get("ollama", {})
    if kept.get("thinking"):
        made["thinking"] = kept["thinking"]
    made["tool_calls"] = [
        {"function": {"name": names.wire(call.name), "arguments": call.arguments}} for call in message.tool_calls
    ]
    return made


def _tool_calls(message: dict[str, Any], request: LLMRequest) -> tuple[ToolCallRequest, ...]:
    names = ToolNames(request)
    made: list[ToolCallRequest] = []
    thinking = message.get("thinking")
    for call in expect_list(message.get("tool_calls") or [], "message.tool_calls"):
        wire = expect_map(call, "a tool call")
        function = expect_map(wire.get("function"), "function of a tool call")
        name = expect_text(function.get("name"), "the name of a tool call")
        made.append(
            ToolCallRequest(
                # Newer servers give ids, but results are tied to calls by the tool's name and their order.
                id=expect_text(wire.get("id"), "the id of a tool call") or made_up_id(request, len(made) + 1),
                name=names.original(name),
                arguments=read_arguments(function.get("arguments"), name),
                provider_data={"ollama": {"thinking": thinking}} if thinking and not made else None,
            )
        )
    return tuple(made)
