"""Wire adapter for OpenAI's chat completions, which other servers speak too (``custom``).

Written after OpenAI's API reference as its own Python SDK carries it (``openai.types.chat``), and after the
documentation of vLLM, llama.cpp, LM Studio, OpenRouter, DeepSeek, Moonshot and Groq where they differ.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

from ai_wm.data.presets import REASONING, Preset, preset_of
from ai_wm.logs import CALLS
from ai_wm.providers.adapter import (
    BadReply,
    Endpoint,
    ErrorReply,
    StreamError,
    WireRequest,
    add_options,
    costing,
    expect_list,
    expect_map,
    expect_text,
    first_choice,
    is_first,
    kept,
    not_sent,
    whole_text,
)
from ai_wm.providers.base import LLMRequest, LLMResponse, Message, Usage, provider_options
from ai_wm.providers.caching import cache_key
from ai_wm.providers.chat_usage import usage_in
from ai_wm.providers.content_parts import chat_content
from ai_wm.providers.error_bodies import filtered_words, read_error, reports_error
from ai_wm.providers.estimates import byte_length
from ai_wm.providers.finish import finished
from ai_wm.providers.history import Form, conversation
from ai_wm.providers.json_schema import NotExpressible, for_strict
from ai_wm.providers.options import (
    ResponseFormat,
    ToolNames,
    check_budget,
    check_stop,
    response_format,
    sampling,
    system_with_json,
    tool_choice,
    with_output_limit,
)
from ai_wm.providers.other_choices import OtherChoices
from ai_wm.providers.tool_calls import CallPieces, cut_call, follows_tools, tool_calls
from ai_wm.providers.wire_json import Kept

endpoint = Endpoint("https://api.openai.com/v1", "OPENAI_BASE_URL")
stream_format: Literal["sse", "ndjson", "aws"] = "sse"
key_header = "Authorization"
key_prefix = "Bearer "
request_id_headers: tuple[str, ...] = ("x-request-id",)


_MADE_HERE = frozenset({"messages", "model", "stream", "tools"})
# OpenAI takes ids of up to 40 characters.  Nobody knows the rules of all the others, of which each takes its own.
_OPENAI_FORM = Form(call_id=re.compile(r"[\s\S]{1,40}"))
OTHERS_FORM = Form(own_ids=True, user_first=True, alternate=True)
_MOST_STOPS = 4
_NO_REASON = (None, "", "null")
_TEXTS = ("text", "output_text")
# A chunk has one of these; what has none may be an error without a wrapping.
_CONTENT = ("choices", "usage")


def build(request: LLMRequest, *, stream: bool = False) -> WireRequest:
    """Builds the request: ``POST chat/completions``."""
    names = ToolNames(request)
    shape = response_format(request.config)
    body: dict[str, Any] = {"model": request.model, "messages": _messages(request, names, shape)}
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
    body.update(_options(request))
    if shape is not None and not only_asked_for(request, shape):
        body["response_format"] = wire_format(request, shape)
    if stream:
        body["stream"] = True
        if preset_of(request.provider).stream_options:
            body["stream_options"] = {"include_usage": True}
    key = cache_key(request)
    if key is not None:
        body["prompt_cache_key"] = key
    own = with_output_limit(request.config, "max_tokens", "max_completion_tokens")
    return WireRequest("chat/completions", add_options(body, provider_options(own), _MADE_HERE))


def _options(request: LLMRequest) -> dict[str, Any]:
    config = with_output_limit(request.config, "max_tokens", "max_completion_tokens")
    preset = preset_of(request.provider)
    options = sampling(config)
    limit = options.pop("max_output_tokens", None)
    if limit is not None and config.get("max_tokens") is None and config.get("max_completion_tokens") is None:
        # OpenAI has replaced max_tokens, which compatible servers still expect.
        options["max_completion_tokens" if is_openai(request) else preset.output_limit] = limit
    if "seed" in options:
        options[preset.seed] = options.pop("seed")
    for name, key in (("reasoning", "max_tokens"), ("thinking", "budget_tokens")):  # OpenRouter; gateways to Anthropic
        budget = config.get(name)
        if isinstance(budget, Mapping):
            check_budget(limit or config.get("max_tokens"), budget.get(key), f"{name}.{key}")
    if is_openai(request):
        check_stop(options.get("stop"), "OpenAI", _MOST_STOPS)
        if "top_k" in options:
            not_sent(request, "top_k", "chat completions do not take it")
            del options["top_k"]
    return options


def wire_format(request: LLMRequest, shape: ResponseFormat) -> dict[str, Any]:
    """Returns the ``response_format`` of a request."""
    preset = preset_of(request.provider)
    if shape.schema is None or preset.schemas == "none":
        return {"type": "json_object"}
    schema, strict = shape.schema, shape.strict if preset.schemas == "strict" else None
    if strict:
        try:
            schema = for_strict(schema, nullable=request.takes_any_reply)
        except NotExpressible as error:
            CALLS.warning("the strict mode of response_format does not know %s; it is left out of the request", error)
            strict = None
    wire: dict[str, Any] = {"name": shape.name, "schema": schema}
    return {"type": "json_schema", "json_schema": wire if strict is None else {**wire, "strict": strict}}


def only_asked_for(request: LLMRequest, shape: ResponseFormat) -> bool:
    """Whether a schema is put into the prompt alone, since OpenAI accepts only schemas of objects."""
    schema = shape.schema
    return (
        is_openai(request)
        and schema is not None
        and not {"properties", "$ref"} & set(schema)
        and (schema.get("type") != "object")
    )


def parse(reply: Any, request: LLMRequest) -> LLMResponse:
    """Parses the first choice of a ``chat.completion``."""
    pieces = reply if isinstance(reply, list) else [reply]
    if any(map(_is_chunk, pieces)):
        return _joined(pieces, request)
    if isinstance(reply, list) and len(reply) == 1:  # Google's compatible endpoint puts errors into a list
        reply = reply[0]
    body = expect_map(reply, "the reply")
    usage = usage_in(body)
    with costing(usage):
        choices = body.get("choices") or []
        choice = first_choice(choices) if isinstance(choices, list) else None
        said = choice.get("message") if isinstance(choice, Mapping) else None
        failed = failed_part(body, choice, said)
        if failed is not None:
            raise StreamError(read_error(failed), usage=usage, text=_text_of(said))
        if choice is None:
            error = read_error(body)
            if error.message:
                raise StreamError(error, usage=usage)
            raise BadReply("choices is empty" if choices == [] else f"choices is no list but {type(choices).__name__}")
        message = expect_map(expect_map(choice, "the first choice").get("message"), "message of the first choice")
        others = OtherChoices()
        for other in choices:
            if other is not choice and isinstance(other, Mapping):
                _see(others, other)
        return replace(_response(body, choice, message, usage, request), other_choices=others.failures)


def _see(others: OtherChoices, choice: Mapping[str, Any]) -> None:
    failed = failed_part({}, choice, choice.get("message") or choice.get("delta"))
    said = () if failed is None else (read_error(failed).message, "error")
    others.see(choice, choice.get("finish_reason"), said)


def _is_chunk(part: Any) -> bool:
    """Whether a part of a body is a chunk of a stream, which some gateways send as plain JSON."""
    choices = part.get("choices") if isinstance(part, Mapping) else None
    choice = choices[0] if isinstance(choices, list) and choices else None
    return isinstance(choice, Mapping) and "delta" in choice and "message" not in choice


def _joined(chunks: Sequence[Any], request: LLMRequest) -> LLMResponse:
    stream = ChatStream(request)
    for chunk in chunks:
        stream.feed("", chunk)
    if not stream.ended():
        raise BadReply("its chunks end before the reply does", usage=stream.usage)
    return stream.response()


def _response(
    body: dict[str, Any], choice: dict[str, Any], message: dict[str, Any], usage: Usage, request: LLMRequest
) -> LLMResponse:
    wire = [expect_map(call, "a tool call") for call in expect_list(message.get("tool_calls") or [], "tool_calls")]
    if not wire and isinstance(message.get("function_call"), Mapping):  # the form before tools
        wire = [{"function": message["function_call"]}]
    # Some gateways leave the wrapping out.
    functions = [
        call if "name" in call else expect_map(call.get("function"), "function of a tool call") for call in wire
    ]
    calls = tool_calls(
        (
            (call.get("id"), function.get("name"), function.get("arguments"))
            for call, function in zip(wire, functions, strict=True)
        ),
        request,
    )
    extra = [raw.get("extra_content") or None for raw in wire]
    refusal = _refusal_in(message)
    tier = body.get("service_tier")
    response = LLMResponse(
        text=whole_text(_content_text(message.get("content"))),
        finish_reason="unknown",
        usage=usage,
        model=expect_text(body.get("model"), "model") or request.model,
        tool_calls=calls,
        request_id=expect_text(body.get("id"), "id"),
        service_tier=tier if isinstance(tier, str) else "",
        provider_data=kept(request, _reasoning(message) | ({"calls": extra} if any(extra) else {}), calls=bool(calls)),
    )
    said = refusal or filtered_words(choice.get("content_filter_results"))
    return finished(
        response,
        "refusal" if refusal else choice.get("finish_reason"),
        said,
        cut_call=cut_call(calls),
        may_be_empty=follows_tools(request),
    )


def _reasoning(message: Mapping[str, Any]) -> dict[str, Any]:
    """The reasoning of a reply, unchanged, to send back to the provider, even if it is empty."""
    found = {key: message[key] for key in REASONING if message.get(key) is not None and message[key] != []}
    if "reasoning_details" in found:  # OpenRouter gives the same twice, and wants the details if there are any
        found.pop("reasoning", None)
    return {"reasoning": found} if found else {}


def parse_error(reply: Any) -> ErrorReply:
    """Reads the failure in ``{"error": {"message", "type", "code"}}``, or in the shapes of compatible servers."""
    return read_error(reply)


def stream_parser(request: LLMRequest) -> ChatStream:
    """Makes a parser for the chunks of one stream."""
    return ChatStream(request)


class ChatStream:
    """Assembles a ``chat.completion`` from the ``chat.completion.chunk`` events of a stream."""

    def __init__(self, request: LLMRequest) -> None:
        self.done = False
        self.usage = Usage()
        self._request = request
        self._single = request.config.get("n") in (None, 1)  # then some servers count from 1
        self._head: dict[str, Any] = {}
        self._text: list[str] = []
        self._refusal: list[str] = []
        self._reasoning: dict[str, list[str]] = {}
        self._thoughts: dict[str, list[Any]] = {}
        self._kept = Kept()
        self._calls = CallPieces(ToolNames(request).offered)
        self._finish: str | None = None
        self._filtered: Any = None
        self._hidden = 0
        self._others = OtherChoices()

    @property
    def produced(self) -> int:
        """The number of bytes of text, reasoning and arguments received so far."""
        return self._hidden + self._calls.produced

    def feed(self, name: str, event: Any) -> str:
        """Processes one chunk, or the text ``[DONE]``, and returns the text in it."""
        if event == "[DONE]":
            self.done = True
            return ""
        if name == "error":
            raise self._error(read_error(event))
        if isinstance(event, list) and event:  # Google's compatible endpoint puts errors into a list
            return "".join([self.feed("", expect_map(chunk, "a chunk of the stream")) for chunk in event])
        if event is None:
            return ""
        chunk = expect_map(event, "a chunk of the stream")
        if chunk.get("object") != "chat.completion.chunk" and reports_error(chunk, _CONTENT):
            raise self._error(read_error(chunk))
        for key in ("id", "model", "service_tier"):
            if chunk.get(key):
                self._head[key] = chunk[key]
        usage = usage_in(chunk)
        if usage.is_reported:
            self.usage = self.usage.updated(usage)
        failed = failed_part(chunk)
        if failed is not None:
            raise self._error(read_error(failed))
        text = ""
        choices = expect_list(chunk.get("choices") or [], "choices")
        for choice in choices:
            if is_first(expect_map(choice, "a choice")) or (self._single and len(choices) == 1):
                text += self._take(choice)
            else:
                self._hidden += byte_length(_text_of(choice.get("delta")))
                _see(self._others, choice)
        return text

    def ended(self) -> bool:
        """Whether the stream is complete: with ``[DONE]`` or a finish reason, after which some servers send nothing."""
        return self.done or self._finish is not None

    def response(self) -> LLMResponse:
        """Returns the reply in the form of `parse`."""
        message: dict[str, Any] = {"content": "".join(self._text), "refusal": "".join(self._refusal) or None}
        message |= {key: "".join(pieces) for key, pieces in self._reasoning.items()}
        message |= self._thoughts
        if self._calls:
            message["tool_calls"] = self._calls.calls
        choice = {"message": message, "finish_reason": self._finish, "content_filter_results": self._filtered}
        with costing(self.usage):
            response = _response(self._head, choice, message, self.usage, self._request)
        return replace(response, other_choices=self._others.failures)

    def _take(self, choice: dict[str, Any]) -> str:
        delta = expect_map(choice.get("delta") or {}, "delta")
        whole = choice.get("message")
        if not delta and isinstance(whole, dict):
            # One chat.completion where a stream was asked for, or its pieces under another name.
            begun = any(self._text) or bool(self._calls)
            ended = choice.get("finish_reason") not in _NO_REASON
            self.done = ended and not begun
            repeated = ended and begun and _text_of(whole).startswith("".join(self._text))
            delta = {} if repeated else whole
        failed = failed_part({}, choice, delta)
        if failed is not None:
            raise self._error(read_error(failed))
        if choice.get("finish_reason") not in _NO_REASON:
            self._finish = str(choice["finish_reason"])
            self._filtered = choice.get("content_filter_results")  # Azure
        text = _content_text(delta.get("content"))
        self._text.append(text)
        self._refusal.append(_refusal_in(delta))
        self._hidden += byte_length(text)
        for key in REASONING:
            self._take_reasoning(key, delta.get(key))
        self._calls.take(expect_list(delta.get("tool_calls") or [], "delta.tool_calls"))
        if not self._calls and isinstance(delta.get("function_call"), Mapping):
            self._calls.take([{"function": delta["function_call"]}])
        return text

    def _take_reasoning(self, key: str, piece: Any) -> None:
        if not piece or not isinstance(piece, str | list):
            return
        if isinstance(piece, str) and key not in self._thoughts:
            self._hidden += byte_length(piece)
            self._reasoning.setdefault(key, []).append(piece)
        elif isinstance(piece, list) and key not in self._reasoning:
            self._hidden += self._kept.add(piece)
            self._thoughts.setdefault(key, []).extend(piece)

    def _error(self, error: ErrorReply) -> StreamError:
        return StreamError(error, usage=self.usage, text=whole_text("".join(self._text)))


def is_openai(request: LLMRequest) -> bool:
    """Whether a request follows OpenAI's own rules, which compatible servers need not share."""
    return request.provider in ("azure", "openai")


def _messages(request: LLMRequest, names: ToolNames, shape: ResponseFormat | None) -> list[dict[str, Any]]:
    messages = conversation(request, _OPENAI_FORM if is_openai(request) else OTHERS_FORM)
    system = request.system_text
    preset = preset_of(request.provider)
    if shape is not None and (shape.schema is None or preset.schemas == "none" or only_asked_for(request, shape)):
        # The JSON mode of OpenAI and DeepSeek wants the word in the conversation.
        system = system_with_json(request, shape, always=shape.schema is not None)
    made: list[dict[str, Any]] = []
    if system.strip():
        made.append({"role": "system", "content": system})
    with_tools = _in_turns_with_tools(messages)
    wants_content = any("reasoning_content" in _kept_reasoning(message, preset) for message in messages)
    for message, replay in zip(messages, with_tools, strict=True):
        if message.role == "tool":
            made.append({"role": "tool", "tool_call_id": message.tool_call_id, "content": message.content})
        elif message.role == "user":
            made.append({"role": "user", "content": chat_content(message)})
        else:
            sent = _assistant(message, names)
            if replay:
                # A server that gave reasoning with one call wants it with each, be it empty (DeepSeek).
                sent.update(({"reasoning_content": ""} if wants_content else {}) | _kept_reasoning(message, preset))
            made.append(sent)
    return made


def _kept_reasoning(message: Message, preset: Preset) -> dict[str, Any]:
    found = (message.provider_data or {}).get("reasoning", {})
    return {key: found[key] for key in preset.reasoning if key in found} if isinstance(found, dict) else {}


def _in_turns_with_tools(messages: Sequence[Message]) -> list[bool]:
    """For each message, whether it belongs to a turn in which the model called tools.

    In such a turn the reasoning of every reply goes back, that of the final answer too (DeepSeek, "Thinking Mode").
    """
    turns: list[int] = []
    calling: set[int] = set()
    for message in messages:
        turns.append((turns[-1] if turns else 0) + (message.role == "user"))
        if message.tool_calls:
            calling.add(turns[-1])
    return [turn in calling for turn in turns]


def _assistant(message: Message, names: ToolNames) -> dict[str, Any]:
    if not message.tool_calls:
        return {"role": "assistant", "content": message.content}
    extra = (message.provider_data or {}).get("calls") or [None] * len(message.tool_calls)
    calls = []
    for call, more in zip(message.tool_calls, extra, strict=True):
        wire: dict[str, Any] = {
            "id": call.id,
            "type": "function",
            "function": {"name": names.wire(call.name), "arguments": json.dumps(call.arguments)},
        }
        if more:
            wire["extra_content"] = more
        calls.append(wire)
    return {"role": "assistant", "content": message.content if message.content.strip() else None, "tool_calls": calls}


def failed_part(body: Mapping[str, Any], choice: Any = None, message: Any = None) -> Mapping[str, Any] | None:
    """Returns the part of a reply or chunk that reports a failure: all, a vendor's key, the choice, or its message."""
    if reports_error(body):
        return body
    vendors = (part for key, part in body.items() if key.startswith("x_"))  # x_groq
    for part in (*vendors, choice, message):
        if isinstance(part, Mapping) and part.get("error"):
            return part
    return None


def _text_of(message: Any) -> str:
    """The text of a failed reply, if any can be read."""
    try:
        return _content_text(message.get("content")) if isinstance(message, Mapping) else ""
    except BadReply:
        return ""


def _refusal_in(message: Mapping[str, Any]) -> str:
    """The model's refusal, which stands beside the content or is one of its parts."""
    content = message.get("content")
    parts = content if isinstance(content, list) else []
    said = [part.get("refusal") for part in parts if isinstance(part, Mapping) and part.get("type") == "refusal"]
    return "".join(expect_text(text, "a refusal") for text in (message.get("refusal"), *said))


def _content_text(content: Any) -> str:
    if isinstance(content, list):  # parts, as Mistral sends them for reasoning models
        return "".join(
            part if isinstance(part, str) else expect_text(part.get("text"), "a text part")
            for part in content
            if isinstance(part, str) or (isinstance(part, Mapping) and part.get("type", "text") in _TEXTS)
        )
    return expect_text(content, "message.content")
