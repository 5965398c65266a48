"""Wire adapter for Ollama's own chat API.

Written after Ollama's API reference (``docs/openapi.yaml`` and docs.ollama.com) and its own Python client 0.6.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from ai_wm.providers.adapter import (
    BadReply,
    Counts,
    Endpoint,
    ErrorReply,
    StreamError,
    WireRequest,
    add_options,
    costing,
    expect_list,
    expect_map,
    expect_text,
    kept,
    not_sent,
    whole_text,
)
from ai_wm.providers.base import LLMRequest, LLMResponse, Message, Usage, provider_options
from ai_wm.providers.content_parts import ollama_images
from ai_wm.providers.error_bodies import read_error, reports_error
from ai_wm.providers.estimates import byte_length
from ai_wm.providers.finish import finished
from ai_wm.providers.history import Form, conversation
from ai_wm.providers.options import (
    ToolNames,
    response_format,
    sampling,
    system_with_json,
    tool_choice,
    with_output_limit,
)
from ai_wm.providers.tool_calls import cut_call, follows_tools, tool_calls
from ai_wm.providers.wire_json import Kept

endpoint = Endpoint("http://127.0.0.1:11434", "OLLAMA_HOST")
stream_format: Literal["sse", "ndjson", "aws"] = "ndjson"
# A local server takes no key; Ollama's cloud does.
key_header = "Authorization"
key_prefix = "Bearer "
request_id_headers: tuple[str, ...] = ()

_MADE_HERE = frozenset({"messages", "model", "stream", "tools"})
# What stands beside options in a request; any other option of a definition belongs into it.
_BESIDE = frozenset({"format", "keep_alive", "logprobs", "options", "shift", "think", "top_logprobs", "truncate"})
# A line has one of these; what has none may be an error without a wrapping.
_CONTENT = ("created_at", "done", "model")
_FORM = Form()


def build(request: LLMRequest, *, stream: bool = False) -> WireRequest:
    """Builds the request: ``POST api/chat``."""
    names = ToolNames(request)
    config = with_output_limit(request.config, "num_predict")
    shape = response_format(config)
    # Without the instruction models fill the reply with white space (docs/api.md, "JSON mode").
    system = request.system_text if shape is None else system_with_json(request, shape, always=False)
    body: dict[str, Any] = {"model": request.model, "messages": _messages(request, system, names), "stream": stream}
    tools = list(request.tools)
    choice = tool_choice(request)
    if choice is not None and choice.kind == "none":
        tools = []
    elif choice is not None and choice.kind != "auto":
        not_sent(request, "tool_choice that forces a call", "the chat API does not take it")
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
    if shape is not None:
        body["format"] = shape.schema if shape.schema is not None else "json"
    chosen = sampling(config)
    if "max_output_tokens" in chosen:
        chosen["num_predict"] = chosen.pop("max_output_tokens")
    options = provider_options(config)
    if "repetition_penalty" in options:
        options["repeat_penalty"] = options.pop("repetition_penalty")
    inside = {key: value for key, value in options.items() if key not in _BESIDE | _MADE_HERE}
    chosen = add_options(chosen, inside, frozenset())
    if chosen:
        body["options"] = chosen
    beside = {key: value for key, value in options.items() if key not in inside}
    return WireRequest("api/chat", add_options(body, beside, _MADE_HERE))


def parse(reply: Any, request: LLMRequest) -> LLMResponse:
    """Parses a chat response with ``done``."""
    body = expect_map(reply, "the reply")
    usage = _usage(body)
    message = body.get("message")
    with costing(usage):
        if reports_error(body, _CONTENT):
            said = message.get("content") if isinstance(message, Mapping) else ""
            raise StreamError(read_error(body), usage=usage, text=said if isinstance(said, str) else "")
        message = expect_map(message, "message")
        if body.get("done") is not True:
            raise BadReply("the reply is not marked as done")
        wire = [expect_map(call, "a tool call") for call in expect_list(message.get("tool_calls") or [], "tool_calls")]
        functions = [expect_map(call.get("function"), "function of a tool call") for call in wire]
        # Newer servers give ids, but results are tied to calls by the tool's name and their order.
        calls = tool_calls(
            (
                (call.get("id"), function.get("name"), function.get("arguments"))
                for call, function in zip(wire, functions, strict=True)
            ),
            request,
        )
        thinking = expect_text(message.get("thinking"), "message.thinking")
        response = LLMResponse(
            text=whole_text(expect_text(message.get("content"), "message.content")),
            finish_reason="unknown",
            usage=usage,
            model=expect_text(body.get("model"), "model") or request.model,
            tool_calls=calls,
            provider_data=kept(request, {"thinking": thinking} if thinking and calls else {}, calls=bool(calls)),
        )
        return finished(
            response,
            body.get("done_reason"),
            cut_call=cut_call(calls),
            may_be_empty=follows_tools(request),
        )


def _usage(body: Mapping[str, Any]) -> Usage:
    count = Counts(body)
    return Usage(
        input_tokens=count("prompt_eval_count"),
        cache_read_tokens=count("prompt_eval_cached_count"),
        output_tokens=count("eval_count"),
        unusable=count.unusable,
    )


def parse_error(reply: Any) -> ErrorReply:
    """Reads the failure in ``{"error": "…"}``."""
    return read_error(reply)


def stream_parser(request: LLMRequest) -> LineStream:
    """Makes a parser for the lines of one stream."""
    return LineStream(request)


class LineStream:
    """Assembles a chat response from the lines of a stream."""

    def __init__(self, request: LLMRequest) -> None:
        self.done = False
        self.usage = Usage()
        self.produced = 0
        self._request = request
        self._last: dict[str, Any] = {}
        self._text: list[str] = []
        self._thinking: list[str] = []
        self._calls: list[Any] = []
        self._kept = Kept()

    def feed(self, name: str, event: Any) -> str:
        """Processes one line, and returns the text in it."""
        if name == "error":
            raise self._error(event)
        if event is None or event == "[DONE]":  # of gateways
            return ""
        body = expect_map(event, "a line of the stream")
        if reports_error(body, _CONTENT):
            raise self._error(body)
        usage = _usage(body)
        if usage.is_reported:
            self.usage = usage
        message = expect_map(body.get("message") or {}, "message")
        text = expect_text(message.get("content"), "message.content")
        thinking = expect_text(message.get("thinking"), "message.thinking")
        calls = expect_list(message.get("tool_calls") or [], "message.tool_calls")
        self._text.append(text)
        self._thinking.append(thinking)
        if calls:
            self._calls += calls
            self._kept.add(calls)
        self.produced += byte_length(text) + byte_length(thinking) + (len(str(calls)) if calls else 0)
        if body.get("done") is True:
            self.done, self._last = True, body
        return text

    def ended(self) -> bool:
        """Whether the stream is complete, which only ``done`` tells."""
        return self.done

    def response(self) -> LLMResponse:
        """Returns the reply in the form of `parse`."""
        message: dict[str, Any] = {"content": "".join(self._text), "tool_calls": self._calls}
        if any(self._thinking):
            message["thinking"] = "".join(self._thinking)
        return parse({**self._last, "message": message}, self._request)

    def _error(self, event: Any) -> StreamError:
        return StreamError(parse_error(event), usage=self.usage, text=whole_text("".join(self._text)))


def _messages(request: LLMRequest, system: str, names: ToolNames) -> list[dict[str, Any]]:
    made: list[dict[str, Any]] = []
    if system.strip():
        made.append({"role": "system", "content": system})
    for message in conversation(request, _FORM):
        if message.role == "tool":
            made.append({"role": "tool", "content": message.content, "tool_name": names.wire(message.name)})
        elif message.tool_calls:
            made.append(_assistant(message, names))
        else:
            made.append({"role": message.role, "content": message.content, **ollama_images(message)})
    return made


def _assistant(message: Message, names: ToolNames) -> dict[str, Any]:
    made: dict[str, Any] = {"role": "assistant", "content": message.content if message.content.strip() else ""}
    thinking = (message.provider_data or {}).get("thinking")
    if thinking:
        made["thinking"] = thinking
    made["tool_calls"] = [
        {"function": {"name": names.wire(call.name), "arguments": call.arguments}} for call in message.tool_calls
    ]
    return made
