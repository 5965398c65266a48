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

from ai_wm.data.presets import Preset, preset_of
from ai_wm.logs import CALLS
from ai_wm.providers.adapter import (
    BadReply,
    Endpoint,
    ErrorReply,
    StreamError,
    WireRequest,
    add_options,
    costing,
    expect_map,
    first_choice,
    not_sent,
)
from ai_wm.providers.base import LLMRequest, LLMResponse, Message, provider_options
from ai_wm.providers.caching import cache_key
from ai_wm.providers.chat_reply import failed_part, response_of, see_other, text_of, with_calls_of
from ai_wm.providers.chat_stream import ChatStream
from ai_wm.providers.chat_usage import usage_in
from ai_wm.providers.content_parts import chat_content
from ai_wm.providers.error_bodies import read_error
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
        said = choice.get("message") if isinstance(choice, dict) else None
        failed = failed_part(body, choice, said)
        if failed is not None:
            raise StreamError(read_error(failed), usage=usage, text=text_of(said))
        if choice is None:
            error = read_error(body)
            if error.message:
                raise StreamError(error, usage=usage)
            raise BadReply("choices is empty" if choices == [] else f"choices is no list but {type(choices).__name__}")
        expect_map(expect_map(choice, "the first choice").get("message"), "message of the first choice")
        others = OtherChoices()
        rest = [other for other in choices if other is not choice and isinstance(other, dict)]
        for other in rest:
            see_other(others, other)
        choice = with_calls_of(rest, choice)
        response = response_of(body, choice, choice["message"], usage, request)
        return replace(response, other_choices=others.failures) if others.failures else response


def _is_chunk(part: Any) -> bool:
    """Whether a part of a body is a chunk of a stream, which some gateways send as plain JSON."""
    choices = part.get("choices") if isinstance(part, dict) else None
    choice = choices[0] if isinstance(choices, list) and choices else None
    return isinstance(choice, dict) and "delta" in choice and "message" not in choice


def _joined(chunks: Sequence[Any], request: LLMRequest) -> LLMResponse:
    stream = ChatStream(request)
    for chunk in chunks:
        stream.feed("", chunk)
    if not stream.ended():
        raise BadReply("its chunks end before the reply does", usage=stream.usage)
    return stream.response()


def parse_error(reply: Any) -> ErrorReply:
    """Reads the failure in ``{"error": {"message", "type", "code"}}``, or in the shapes of compatible servers."""
    return read_error(reply)


def stream_parser(request: LLMRequest) -> ChatStream:
    """Makes a parser for the chunks of one stream."""
    return ChatStream(request)


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
