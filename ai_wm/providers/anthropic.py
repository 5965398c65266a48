"""Wire adapter for Anthropic's Messages API.

Written after Anthropic's API reference as its own Python SDK 2.12 carries it (``types``), and its pages on API versions
and errors.  Version 2026-10-21 of the API refuses ``temperature``, ``top_p`` and ``top_k``, at whatever value; models
that still honour them do so under 2023-06-01, which stays available.  So a request that sets one of them is sent under
the older version, and every other under the newer.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal

from ai_wm.logs import CALLS
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
    later_counts,
    not_sent,
    whole_text,
)
from ai_wm.providers.argument_pieces import ArgumentPieces
from ai_wm.providers.base import LLMRequest, LLMResponse, Message, Usage, provider_options
from ai_wm.providers.block_places import Places
from ai_wm.providers.caching import mark
from ai_wm.providers.content_parts import anthropic_blocks
from ai_wm.providers.error_bodies import read_error, reports_error
from ai_wm.providers.estimates import byte_length
from ai_wm.providers.finish import finished
from ai_wm.providers.history import Form, conversation
from ai_wm.providers.json_schema import NotExpressible, for_anthropic
from ai_wm.providers.options import (
    ToolNames,
    beta_names,
    check_budget,
    check_stop,
    is_full,
    response_format,
    sampling,
    system_with_json,
    tool_choice,
    with_output_limit,
)
from ai_wm.providers.tool_calls import cut_call, follows_tools, read_arguments, tool_calls
from ai_wm.providers.wire_json import Kept

endpoint = Endpoint("https://api.anthropic.com", "ANTHROPIC_BASE_URL")
stream_format: Literal["sse", "ndjson", "aws"] = "sse"
key_header = "x-api-key"
key_prefix = ""
request_id_headers: tuple[str, ...] = ("request-id",)

VERSION = "2026-10-21"
VERSION_WITH_SAMPLING = "2023-06-01"
# The API wants a limit; this one is below that of every model now served, thinking included.
DEFAULT_MAX_TOKENS = 8192

_MADE_HERE = frozenset({"messages", "model", "stream", "system", "tools"})
_EVENT = ("type", "usage")
_FORM = Form(call_id=re.compile(r"[a-zA-Z0-9_-]{1,64}"), blank_prompt=False, user_first=True)


def build(request: LLMRequest, *, stream: bool = False) -> WireRequest:
    """Builds the request: ``POST v1/messages``."""
    names = ToolNames(request)
    config = with_output_limit(request.config, "max_tokens")
    options = sampling(config)
    messages = conversation(request, _FORM)
    body: dict[str, Any] = {
        "model": request.model,
        "max_tokens": _output_limit(options.pop("max_output_tokens", None), config),
        "messages": _messages(messages, names),
    }
    system = request.system_text
    shape = response_format(config)
    if shape is not None:
        schema = _wire_schema(shape.schema)
        if schema is not None:
            body["output_config"] = {"format": {"type": "json_schema", "schema": schema}}
        else:
            system = system_with_json(request, shape)
    if system.strip():
        body["system"] = system
    _add_tools(body, request, names, messages)
    if "seed" in options:
        not_sent(request, "seed", "the messages API does not take it")
        del options["seed"]
    check_stop(options.get("stop"), "Anthropic", 1000, blank=False)
    if "stop" in options:
        body["stop_sequences"] = options.pop("stop")
    body.update(options)
    if stream:
        body["stream"] = True
    mark(body, config)
    body = add_options(body, provider_options(config), _MADE_HERE)
    sampled = {"temperature", "top_p", "top_k"} & set(body)
    headers = {"anthropic-version": VERSION_WITH_SAMPLING if sampled else VERSION}
    betas = body.pop("betas", None)
    if betas is not None:  # as the SDK has them
        headers["anthropic-beta"] = ",".join(beta_names(betas))
    return WireRequest("v1/messages", body, headers)


def _output_limit(limit: int | None, config: Mapping[str, Any]) -> int:
    """``max_tokens``, of which thinking is a part: without a limit of its own a definition's budget comes on top."""
    thinking = config.get("thinking")
    budget = thinking.get("budget_tokens") if isinstance(thinking, Mapping) else None
    check_budget(limit or config.get("max_tokens"), budget, "thinking.budget_tokens")
    if limit is not None:
        return limit
    return DEFAULT_MAX_TOKENS + (budget if type(budget) is int and budget > 0 else 0)


def _wire_schema(schema: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """The schema as the API takes it; ``None`` where there is none or the API has nothing for it: then the model is
    told, and its reply checked."""
    if schema is None:
        return None
    try:
        return for_anthropic(schema)
    except NotExpressible as error:
        CALLS.warning("Anthropic's structured output does not know %s; the schema goes into the system prompt", error)
        return None


def _add_tools(body: dict[str, Any], request: LLMRequest, names: ToolNames, messages: Sequence[Message]) -> None:
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
        return
    called = dict.fromkeys(call.name for message in messages for call in message.tool_calls)
    if called:
        # A history with calls wants tools; a worker that has none by now must not use them.
        schema = {"type": "object"}
        body["tools"] = [{"name": names.wire(name), "input_schema": schema} for name in called]
        body["tool_choice"] = {"type": "none"}


def parse(reply: Any, request: LLMRequest) -> LLMResponse:
    """Parses a ``message`` object."""
    body = expect_map(reply, "the reply")
    usage = _usage(body.get("usage"))
    with costing(usage):
        given = body.get("content")
        if reports_error(body):
            raise StreamError(parse_error(body), usage=usage, text=_text_of(given))
        if given is None and read_error(body).message:
            raise StreamError(parse_error(body), usage=usage)
        content = [expect_map(block, "a content block") for block in expect_list(given, "content")]
        return _response(body, content, usage, request)


def _response(body: dict[str, Any], content: list[dict[str, Any]], usage: Usage, request: LLMRequest) -> LLMResponse:
    blocks = [block for block in content if block.get("type") == "tool_use"]
    calls = tool_calls(((block.get("id"), block.get("name"), block.get("input")) for block in blocks), request)
    content = [_with_valid_input(block) for block in content]
    # Thinking must go back exactly as it came, in its place among the other blocks.
    signed = any(block.get("type") not in ("text", "tool_use") for block in content)
    word = expect_text(body.get("stop_reason"), "stop_reason")
    paused = word == "pause_turn" and not calls
    details = body.get("stop_details")
    said = details.get("explanation") or details.get("category") if isinstance(details, Mapping) else None
    response = LLMResponse(
        text=whole_text(
            "".join(
                expect_text(block.get("text"), "text of a content block")
                for block in content
                if block.get("type") == "text"
            )
        ),
        finish_reason="unknown",
        usage=usage,
        model=expect_text(body.get("model"), "model") or request.model,
        tool_calls=calls,
        request_id=expect_text(body.get("id"), "id"),
        service_tier=_tier(body.get("usage")),
        provider_data=kept(request, {"content": content} if signed or paused else {}, calls=bool(calls)),
    )
    if paused and response.provider_data is not None:
        response.provider_data["paused"] = True
    return finished(
        response,
        word,
        said if isinstance(said, str) else "",
        cut_call=cut_call(calls),
        full=is_full(request, usage, _output_limit(None, request.config)),
        may_be_empty=follows_tools(request) or request.messages[-1].role == "assistant",
    )


def _with_valid_input(block: dict[str, Any]) -> dict[str, Any]:
    """A content block that can go back: the input of a tool that the provider runs itself is read as any other."""
    if block.get("type") not in ("server_tool_use", "mcp_tool_use"):
        return block
    return {**block, "input": read_arguments(block.get("input"))[0]}


def _text_of(content: Any) -> str:
    """The text of a failed reply, if any can be read."""
    blocks = content if isinstance(content, list) else []
    texts = [block.get("text") for block in blocks if isinstance(block, Mapping)]
    return "".join(text for text in texts if isinstance(text, str))


def parse_error(reply: Any) -> ErrorReply:
    """Reads the failure in ``{"type": "error", "error": {"type", "message", "details"}}``, or in a gateway's form."""
    return read_error(reply)


def stream_parser(request: LLMRequest) -> MessageStream:
    """Makes a parser for the events of one stream."""
    return MessageStream(request)


# What the blocks and the pieces of a stream hold; blocks of other kinds have their input in pieces.
_KINDS: Final = {
    "text": "text",
    "thinking": "thinking",
    "text_delta": "text",
    "thinking_delta": "thinking",
    "signature_delta": "thinking",
    "input_json_delta": "input",
}


class MessageStream:
    """Assembles a ``message`` from the named events of a stream."""

    def __init__(self, request: LLMRequest) -> None:
        self.done = False
        self.usage = Usage()
        self.produced = 0
        self._request = request
        self._message: dict[str, Any] | None = None
        self._usage: dict[str, Any] = {}
        self._places = Places()
        self._blocks: dict[int, dict[str, Any]] = {}
        self._pieces: dict[int, dict[str, list[str]]] = {}  # of the texts of each block, by key
        self._json: dict[int, ArgumentPieces] = {}
        self._kept = Kept()

    def feed(self, name: str, event: Any) -> str:
        """Processes one event.  Unknown events are ignored, as the API requires."""
        if name == "error":
            raise self._error(event)
        if event is None or event == "[DONE]":  # of gateways, which add it after the end
            return ""
        body = expect_map(event, "an event of the stream")
        if reports_error(body, () if name else _EVENT):
            raise self._error(body)
        match body.get("type", name):
            case "message":  # the whole reply, where a stream was asked for
                return self._take_whole(body)
            case "message_start":
                self._message = dict(expect_map(body.get("message"), "message"))
                self._count(self._message.get("usage"))
            case "content_block_start":
                block = dict(expect_map(body.get("content_block"), "content_block"))
                if self._is_known(body.get("index"), block):
                    return ""
                self._begin(body.get("index"), block)
                if block.get("type") != "text":
                    return ""
                text = expect_text(block.get("text"), "text")
                self.produced += byte_length(text)
                return text
            case "content_block_delta":
                return self._delta(body.get("index"), expect_map(body.get("delta"), "delta"))
            case "message_delta":
                if self._message is None:
                    raise BadReply("message_delta came before message_start")
                self._kept.add(body)
                self._message.update(expect_map(body.get("delta") or {}, "delta"))
                self._count(body.get("usage"))
            case "message_stop":
                if self._message is None:
                    raise BadReply("the stream stopped before it started")
                self.done = True
        return ""

    def ended(self) -> bool:
        """Whether the stream is complete, which only ``message_stop`` tells."""
        return self.done

    def response(self) -> LLMResponse:
        """Returns the reply in the form of `parse`."""
        content = []
        for index in sorted(self._blocks):
            block = self._block(index)
            pieces = self._json.get(index)
            if pieces:
                # What cannot be read goes back as the result; the block must hold an object all the same.
                text = pieces.text()
                arguments, problem = read_arguments(text)
                block = {**block, "input": text if problem else arguments}
            content.append(block)
        with costing(self.usage):
            return _response({**(self._message or {}), "usage": self._usage}, content, self.usage, self._request)

    def _take_whole(self, body: dict[str, Any]) -> str:
        self._message, self.done = body, True
        self._count(body.get("usage"))
        blocks = expect_list(body.get("content"), "content")
        self._blocks = {number: expect_map(block, "a content block") for number, block in enumerate(blocks)}
        self._pieces = {number: {} for number in self._blocks}
        text = _text_of(blocks)
        self.produced += byte_length(text)
        return text

    def _is_known(self, index: Any, block: Mapping[str, Any]) -> bool:
        """Whether the start of a block only repeats that of a call."""
        place = self._places.started(index)
        return place is not None and bool(block.get("id")) and self._blocks[place].get("id") == block["id"]

    def _begin(self, index: Any, block: dict[str, Any]) -> int:
        self._kept.add(block)
        place = self._places.begin(index, _KINDS.get(str(block.get("type")), "input"))
        self._blocks[place], self._pieces[place] = block, {}
        return place

    def _delta(self, index: Any, delta: dict[str, Any]) -> str:
        given = delta.get("type")
        kind = _KINDS.get(given, "") if isinstance(given, str) else ""
        if not kind:
            return ""
        place = self._places.find(index, kind)
        if place is None:
            if kind == "input":
                raise BadReply(f"a piece of content block {index} came before its start")
            place = self._begin(index, {"type": kind})
        match given:
            case "text_delta":
                return self._append(place, delta, "text")
            case "input_json_delta":
                piece = expect_text(delta.get("partial_json"), "partial_json")
                self.produced += byte_length(piece)
                self._json.setdefault(place, ArgumentPieces()).add(piece)
            case "thinking_delta":
                self._append(place, delta, "thinking")
            case "signature_delta":
                self._add(place, "signature", expect_text(delta.get("signature"), "signature"))
        return ""

    def _append(self, index: int, delta: dict[str, Any], key: str) -> str:
        piece = expect_text(delta.get(key), key)
        self.produced += byte_length(piece)
        self._add(index, key, piece)
        return piece

    def _add(self, index: int, key: str, piece: str) -> None:
        self._pieces[index].setdefault(key, []).append(piece)

    def _block(self, index: int) -> dict[str, Any]:
        """A content block, with the pieces of text received after its start."""
        block = self._blocks[index]
        more = {key: expect_text(block.get(key), key) + "".join(found) for key, found in self._pieces[index].items()}
        return {**block, **more}

    def _count(self, usage: Any) -> None:
        # Counts are cumulative, and a later event leaves out what has not changed, or has 0 for it behind gateways.
        if isinstance(usage, Mapping):
            self._usage = later_counts(self._usage, usage)
            self.usage = _usage(self._usage)
        else:
            self.usage += _usage(usage)

    def _error(self, event: Any) -> StreamError:
        text = _text_of([self._block(index) for index in sorted(self._blocks)])
        return StreamError(parse_error(event), usage=self.usage, text=whole_text(text))


def _messages(messages: Sequence[Message], names: ToolNames) -> list[dict[str, Any]]:
    made: list[dict[str, Any]] = []
    for message in messages:
        blocks = _blocks(message, names)
        role = "assistant" if message.role == "assistant" else "user"
        if made and made[-1]["role"] == role:
            made[-1]["content"].extend(blocks)
        else:
            made.append({"role": role, "content": blocks})
    return made


def _blocks(message: Message, names: ToolNames) -> list[dict[str, Any]]:
    if message.role == "tool":
        # Nothing may be said, but not with an empty text, and servers that speak the same API want the key (Kimi's).
        said = message.content if message.content.strip() else []
        result: dict[str, Any] = {"type": "tool_result", "tool_use_id": message.tool_call_id, "content": said}
        return [{**result, "is_error": True} if message.is_error else result]
    # The API refuses texts that are empty or white space only.
    text = [{"type": "text", "text": message.content}] if message.content.strip() else []
    calls: list[dict[str, Any]] = [
        {"type": "tool_use", "id": call.id, "name": names.wire(call.name), "input": call.arguments}
        for call in message.tool_calls
    ]
    content = (message.provider_data or {}).get("content")
    return _as_it_came(content, calls) if content else [*anthropic_blocks(message), *text, *calls]


def _as_it_came(content: list[dict[str, Any]], calls: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The content blocks of a reply with thinking, unchanged except for empty texts and invalid calls."""
    made: list[dict[str, Any]] = []
    rest = iter(calls)
    for block in content:
        if block.get("type") == "tool_use":
            made.append(next(rest))
        elif block.get("type") != "text" or str(block.get("text") or "").strip():
            made.append(block)
    return made


def _tier(usage: Any) -> str:
    """The service level of the request: ``fast`` for the fast mode, else the tier."""
    if not isinstance(usage, Mapping):
        return ""
    if usage.get("speed") == "fast":
        return "fast"
    tier = usage.get("service_tier")
    return tier if isinstance(tier, str) else ""


def _usage(usage: Any) -> Usage:
    """The tokens of a reply with those of its compactions, which the counts at the top leave out."""
    iterations = usage.get("iterations") if isinstance(usage, Mapping) else None
    compactions = [
        each
        for each in (iterations if isinstance(iterations, list) else ())
        if isinstance(each, Mapping) and each.get("type") == "compaction"
    ]
    return sum(map(_counted, compactions), _counted(usage))


def _counted(usage: Any) -> Usage:
    count = Counts(usage)
    written, read = count("cache_creation_input_tokens"), count("cache_read_input_tokens")
    long = count("cache_creation", "ephemeral_1h_input_tokens")
    written = written or long + count("cache_creation", "ephemeral_5m_input_tokens")
    return Usage(
        # input_tokens counts only what is neither read from the cache nor written to it.
        input_tokens=count("input_tokens") + written + read,
        cache_read_tokens=read,
        cache_write_tokens=written,
        cache_write_1h_tokens=min(long, written),
        output_tokens=count("output_tokens"),
        reasoning_tokens=count("output_tokens_details", "thinking_tokens"),
        unusable=count.unusable,
    )
