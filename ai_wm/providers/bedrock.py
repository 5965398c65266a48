"""Wire adapter for Amazon Bedrock: ``Converse`` and ``ConverseStream``, which are the same for all its models.

Written after the model of the service in botocore 1.44 (``bedrock-runtime``, 2023-09-30) and AWS's API reference.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Literal
from urllib.parse import quote

from ai_wm.providers.adapter import (
    Counts,
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
from ai_wm.providers.argument_pieces import joined
from ai_wm.providers.base import LLMRequest, LLMResponse, Message, Usage, provider_options
from ai_wm.providers.bedrock_json import JSON_TOOL, answered, is_json_tool, with_schema
from ai_wm.providers.block_places import Places
from ai_wm.providers.error_bodies import read_error, reports_error
from ai_wm.providers.estimates import byte_length
from ai_wm.providers.finish import finished
from ai_wm.providers.history import Form, conversation
from ai_wm.providers.options import (
    ToolNames,
    beta_names,
    check_budget,
    response_format,
    sampling,
    system_with_json,
    tool_choice,
    with_output_limit,
)
from ai_wm.providers.sse import WHOLE
from ai_wm.providers.tool_calls import cut_call, follows_tools, read_arguments, tool_calls
from ai_wm.providers.wire_json import Kept
from neuroscript import ErrorCode, NeuroScriptError

stream_format: Literal["sse", "ndjson", "aws"] = "aws"
key_header = "Authorization"
key_prefix = "Bearer "
request_id_headers: tuple[str, ...] = ("x-amzn-requestid",)

_MADE_HERE = frozenset({"messages", "modelId", "system", "toolConfig"})
# What stands beside the model's own options in a request; both spellings are accepted.
_BESIDE = frozenset(
    {
        "additionalModelRequestFields",
        "additionalModelResponseFieldPaths",
        "guardrailConfig",
        "inferenceConfig",
        "outputConfig",
        "performanceConfig",
        "projectIdentifier",
        "promptVariables",
        "requestMetadata",
        "serviceTier",
    }
)
_INFERENCE = {
    "max_output_tokens": "maxTokens",
    "temperature": "temperature",
    "top_p": "topP",
    "stop": "stopSequences",
}
_FORM = Form(call_id=re.compile(r"[a-zA-Z0-9_-]{1,64}"), blank_prompt=False, user_first=True)


def build(request: LLMRequest, *, stream: bool = False) -> WireRequest:
    """Builds the request: ``POST model/{model}/converse``."""
    names = ToolNames(request)
    config = with_output_limit(request.config)
    chosen = sampling(config)
    messages = conversation(request, _FORM)
    body: dict[str, Any] = {"messages": _messages(messages, names)}
    _add_tools(body, request, names, messages)
    system, shape = request.system_text, response_format(config)
    if shape is not None:
        shaped = None if shape.schema is None or JSON_TOOL in names.offered else with_schema(body, shape)
        body, system = (body, system_with_json(request, shape)) if shaped is None else (shaped, system)
    if system.strip():
        body["system"] = [{"text": system}]
    if "seed" in chosen:
        not_sent(request, "seed", "Converse does not take it")
    inference = {wire: chosen[key] for key, wire in _INFERENCE.items() if key in chosen}
    if inference:
        body["inferenceConfig"] = inference
    options = provider_options(config)
    if options.get("betas") is not None:  # Anthropic's, under the name that its models have for them here
        options["anthropic_beta"] = beta_names(options.pop("betas"))
    own = {key: value for key, value in options.items() if _camel(key) not in _BESIDE | _MADE_HERE}
    fields = {"top_k": chosen["top_k"], **own} if "top_k" in chosen else own
    thinking = own.get("thinking")
    if isinstance(thinking, Mapping):
        check_budget(chosen.get("max_output_tokens"), thinking.get("budget_tokens"), "thinking.budget_tokens")
    fields = {key: value for key, value in fields.items() if value is not None}
    if fields:
        body["additionalModelRequestFields"] = fields
    beside = {_camel(key): value for key, value in options.items() if _camel(key) in _BESIDE | _MADE_HERE}
    if not request.model.strip() or request.model in (".", ".."):
        raise NeuroScriptError(ErrorCode.ARG_MISMATCH, f"{request.model!r} is not the name of a model")
    path = f"model/{quote(request.model, safe='')}/{'converse-stream' if stream else 'converse'}"
    return WireRequest(path, add_options(body, beside, _MADE_HERE))


def _add_tools(body: dict[str, Any], request: LLMRequest, names: ToolNames, messages: Sequence[Message]) -> None:
    called = dict.fromkeys(call.name for message in messages for call in message.tool_calls)
    choice = tool_choice(request)
    if choice is not None and choice.kind == "none":
        if not called:
            return
        not_sent(request, "tool_choice 'none'", "Converse does not take it where tools were called before")
        choice = None
    tools: list[dict[str, Any]] = []
    for tool in request.tools:
        spec: dict[str, Any] = {"name": names.wire(tool.name), "inputSchema": {"json": tool.parameters}}
        if tool.description.strip():
            spec["description"] = tool.description
        tools.append({"toolSpec": spec})
    if not tools:  # a history with calls wants tools
        schema = {"json": {"type": "object"}}
        tools = [{"toolSpec": {"name": names.wire(name), "inputSchema": schema}} for name in called]
    if not tools:
        return
    body["toolConfig"] = {"tools": tools}
    if choice is not None:
        kinds: dict[str, dict[str, Any]] = {"auto": {"auto": {}}, "required": {"any": {}}}
        wanted = {"tool": {"name": names.wire(choice.name)}} if choice.kind == "tool" else kinds[choice.kind]
        body["toolConfig"]["toolChoice"] = wanted


def parse(reply: Any, request: LLMRequest) -> LLMResponse:
    """Parses a ``ConverseResponse``."""
    body = expect_map(reply, "the reply")
    usage = _usage(body.get("usage"))
    with costing(usage):
        output = body.get("output")
        if reports_error(body) or (output is None and read_error(body).message):
            raise StreamError(parse_error(body), usage=usage, text=_text_of(output))
        message = expect_map(expect_map(output, "output").get("message"), "output.message")
        content = [expect_map(block, "a content block") for block in expect_list(message.get("content"), "content")]
        return _response(body, content, usage, request)


def _response(body: Mapping[str, Any], content: list[dict[str, Any]], usage: Usage, request: LLMRequest) -> LLMResponse:
    stop = expect_text(body.get("stopReason"), "stopReason")
    content, stop = answered(content, stop, ToolNames(request).offered)
    uses = [expect_map(block["toolUse"], "toolUse") for block in content if block.get("toolUse") is not None]
    calls = tool_calls(((use.get("toolUseId"), use.get("name"), use.get("input")) for use in uses), request)
    # Reasoning and its signature must go back exactly as they came, in their place among the other blocks.
    signed = any("text" not in block and "toolUse" not in block for block in content)
    tier = body.get("serviceTier")
    given = tier.get("type") if isinstance(tier, Mapping) else None
    response = LLMResponse(
        text=whole_text("".join(expect_text(block.get("text"), "text of a content block") for block in content)),
        finish_reason="unknown",
        usage=usage,
        model=request.model,
        tool_calls=calls,
        service_tier=given if isinstance(given, str) else "",
        provider_data=kept(request, {"content": content} if signed else {}, calls=bool(calls)),
    )
    return finished(
        response,
        stop,
        cut_call=cut_call(calls),
        may_be_empty=follows_tools(request),
    )


def _text_of(output: Any) -> str:
    """The text of a failed reply, if any can be read."""
    message = output.get("message") if isinstance(output, Mapping) else None
    content = message.get("content") if isinstance(message, Mapping) else None
    blocks = content if isinstance(content, list) else []
    texts = [block.get("text") for block in blocks if isinstance(block, Mapping)]
    return whole_text("".join(text for text in texts if isinstance(text, str)))


def parse_error(reply: Any) -> ErrorReply:
    """Reads the failure in ``{"message"}``; its type is in a header, or in a stream in the event's headers."""
    return read_error(reply)


def stream_parser(request: LLMRequest) -> ConverseStream:
    """Makes a parser for the events of one stream."""
    return ConverseStream(request)


class ConverseStream:
    """Assembles a ``ConverseResponse`` from the events of a stream."""

    def __init__(self, request: LLMRequest) -> None:
        self.done = False
        self.usage = Usage()
        self.produced = 0
        self._request = request
        self._head: dict[str, Any] = {}
        self._usage: Any = {}
        self._places = Places()
        self._blocks: dict[int, _Block] = {}
        self._kept = Kept()
        self._offered = ToolNames(request).offered
        shape = response_format(request.config)
        self._may_be_a_call = shape is not None and shape.schema is not None
        self._held = ""

    def feed(self, name: str, event: Any) -> str:
        """Processes one event; unknown ones are ignored."""
        if name == "error":
            raise self._error(event)
        if event is None:
            return ""
        body = expect_map(event, "an event of the stream")
        if name != WHOLE and reports_error(body):
            raise self._error(body)
        match name:
            case "contentBlockStart":
                start = expect_map(body.get("start") or {}, "start")
                self._kept.add(start)
                if isinstance(start.get("toolUse"), Mapping):
                    self._start(body.get("contentBlockIndex"), dict(start["toolUse"]))
            case "contentBlockDelta":
                return self._delta(body.get("contentBlockIndex"), expect_map(body.get("delta") or {}, "delta"))
            case "messageStop":
                self._head["stopReason"] = body.get("stopReason")
                return "" if self._json_block() is not None else self._held
            case "metadata":
                self._kept.add(body)
                self._head.update({key: body[key] for key in ("serviceTier",) if key in body})
                # What a later event leaves out stays, as behind gateways, which may repeat it.
                self._usage = later_counts(self._usage, body.get("usage") or {})
                self.usage = _usage(self._usage)
                self.done = self.ended()
            case _ if name == WHOLE:
                return self._take_whole(body)
        return ""

    def ended(self) -> bool:
        """Whether the stream is complete: with a stop reason, after which only the usage comes."""
        return "stopReason" in self._head

    def response(self) -> LLMResponse:
        """Returns the reply in the form of `parse`."""
        with costing(self.usage):
            spoken = self._json_block()
            content = [self._blocks[index].whole(as_it_came=spoken is not None) for index in sorted(self._blocks)]
            return _response(self._head, content, self.usage, self._request)

    def _take_whole(self, body: dict[str, Any]) -> str:
        whole = parse(body, self._request)  # it says what is wrong with it, if anything is
        self._head = {key: body[key] for key in ("stopReason", "serviceTier") if key in body}
        self.usage, self.done = whole.usage, True
        self._blocks = {index: _Block(given=block) for index, block in enumerate(body["output"]["message"]["content"])}
        self.produced += byte_length(whole.text)
        return whole.text

    def _start(self, index: Any, tool: dict[str, Any]) -> None:
        place = self._places.started(index)
        known = None if place is None else self._blocks[place].tool
        if known is None or not tool.get("toolUseId") or known.get("toolUseId") != tool["toolUseId"]:  # no repetition
            self._begin(index, "tool").tool = tool

    def _begin(self, index: Any, kind: str) -> _Block:
        self._kept.add({})
        block = self._blocks[self._places.begin(index, kind)] = _Block()
        return block

    def _block(self, index: Any, kind: str) -> _Block:
        """The block that a piece belongs to."""
        place = self._places.find(index, kind)
        return self._blocks[place] if place is not None else self._begin(index, kind)

    def _delta(self, index: Any, delta: dict[str, Any]) -> str:
        text = expect_text(delta.get("text"), "text")
        use = expect_map(delta.get("toolUse") or {}, "toolUse")
        piece = expect_text(use.get("input"), "toolUse.input")
        reasoning = expect_map(delta.get("reasoningContent") or {}, "reasoningContent")
        self.produced += byte_length(text) + byte_length(piece)
        if "text" in delta:
            self._block(index, "text").add("text", text)
        if piece:
            block = self._block(index, "tool")
            block.add("input", piece)
            if block is self._json_block():
                return piece
        for key in ("text", "signature", "redactedContent"):
            if key in reasoning:
                more = expect_text(reasoning[key], f"reasoningContent.{key}")
                self.produced += byte_length(more) if key == "text" else 0
                self._block(index, "reasoning").add(f"reasoning {key}", more)
        return self._shown(text)

    def _shown(self, text: str) -> str:
        """The text to be delivered now: words before a reply in JSON wait until it is known whether they are one."""
        if not self._may_be_a_call:
            return text
        text, self._held = self._held + text, ""
        if text.lstrip()[:1] in ("{", "["):
            self._may_be_a_call = False
            return text
        self._held = text
        return ""

    def _json_block(self) -> _Block | None:
        """The block that is the reply as the arguments of a tool, if there is one, and the reply is no other call."""
        calls = [block for _, block in sorted(self._blocks.items()) if block.tool is not None]
        mine = [block for block in calls if is_json_tool(block.tool, self._offered)]
        return mine[0] if mine and len(mine) == len(calls) else None

    def _error(self, event: Any) -> StreamError:
        return StreamError(parse_error(event), usage=self.usage, text=whole_text(self._text()))

    def _text(self) -> str:
        return "".join(block.text("text") for _, block in sorted(self._blocks.items()))


class _Block:
    """A content block that comes in pieces."""

    def __init__(self, given: dict[str, Any] | None = None) -> None:
        self.tool: dict[str, Any] | None = None
        self._given = given
        self._pieces: dict[str, list[str]] = {}

    def add(self, key: str, piece: str) -> None:
        """Adds a piece of one of the block's texts."""
        self._pieces.setdefault(key, []).append(piece)

    def text(self, key: str) -> str:
        """Returns what has come of one of the block's texts."""
        return "".join(self._pieces.get(key, ()))

    def whole(self, *, as_it_came: bool = False) -> dict[str, Any]:
        """Returns the block as a reply without streaming holds it, its arguments as a text if they are to be that."""
        if self._given is not None:
            return self._given
        if self.tool is not None:
            text = joined(self._pieces.get("input", ()))
            if as_it_came:
                return {"toolUse": {**self.tool, "input": text or {}}}
            arguments, problem = read_arguments(text) if text else ({}, "")
            # What cannot be read goes back as the result; the block must hold an object all the same.
            return {"toolUse": {**self.tool, "input": text if problem else arguments}}
        if "reasoning redactedContent" in self._pieces:
            return {"reasoningContent": {"redactedContent": self.text("reasoning redactedContent")}}
        if self._pieces.keys() & {"reasoning text", "reasoning signature"}:
            reasoning = {"text": self.text("reasoning text")}
            if "reasoning signature" in self._pieces:
                reasoning["signature"] = self.text("reasoning signature")
            return {"reasoningContent": {"reasoningText": reasoning}}
        return {"text": self.text("text")}


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
        result: dict[str, Any] = {"toolUseId": message.tool_call_id, "content": []}
        if message.content.strip():
            result["content"] = [{"text": message.content}]
        return [{"toolResult": {**result, "status": "error"} if message.is_error else result}]
    calls: list[dict[str, Any]] = [
        {"toolUse": {"toolUseId": call.id, "name": names.wire(call.name), "input": call.arguments}}
        for call in message.tool_calls
    ]
    content = (message.provider_data or {}).get("content")
    if not content:
        return [*([{"text": message.content}] if message.content.strip() else []), *calls]
    rest = iter(calls)
    content = [block for block in content if "toolUse" not in block or block["toolUse"] is not None]
    made = [next(rest) if "toolUse" in block else block for block in content]
    return [block for block in made if "text" not in block or str(block["text"] or "").strip()]


def _usage(usage: Any) -> Usage:
    count = Counts(usage)
    written, read = count("cacheWriteInputTokens"), count("cacheReadInputTokens")
    return Usage(
        # inputTokens counts only what is neither read from the cache nor written to it.
        input_tokens=count("inputTokens") + written + read,
        cache_read_tokens=read,
        cache_write_tokens=written,
        cache_write_1h_tokens=min(_long(usage), written),
        output_tokens=count("outputTokens"),
        unusable=count.unusable,
    )


def _long(usage: Any) -> int:
    """The tokens written to the cache for an hour."""
    details = usage.get("cacheDetails") if isinstance(usage, Mapping) else None
    details = details if isinstance(details, list) else []
    return sum(Counts(each)("inputTokens") for each in details if isinstance(each, Mapping) and each.get("ttl") == "1h")


def _camel(key: str) -> str:
    head, *rest = key.split("_")
    return head + "".join(word[:1].upper() + word[1:] for word in rest)
