"""Wire adapter for OpenAI's Responses API, which some compatible servers speak too.

Written after OpenAI's API reference as its own Python SDK 3.54 carries it (``openai.types.responses``).  Every request
holds the whole conversation, and nothing is stored at the server: the model's reasoning comes encrypted with each reply
and goes back with the next request, in its place among the other items.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ai_wm.providers.adapter import (
    BadReply,
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
from ai_wm.providers.amendments.responses import ENCRYPTED, without_reasoning
from ai_wm.providers.base import LLMRequest, LLMResponse, Message, Usage, provider_options
from ai_wm.providers.caching import cache_key
from ai_wm.providers.chat_reply import failed_part
from ai_wm.providers.chat_usage import usage_in
from ai_wm.providers.content_parts import responses_content
from ai_wm.providers.error_bodies import read_error, reports_error
from ai_wm.providers.estimates import byte_length
from ai_wm.providers.finish import finished
from ai_wm.providers.history import Form, conversation
from ai_wm.providers.openai import (
    OTHERS_FORM,
    endpoint,
    is_openai,
    key_header,
    key_prefix,
    only_asked_for,
    request_id_headers,
    stream_format,
    wire_format,
)
from ai_wm.providers.options import (
    JSON_INSTRUCTION,
    ResponseFormat,
    ToolNames,
    bad_option,
    check_budget,
    is_full,
    response_format,
    sampling,
    system_with_json,
    tool_choice,
    with_output_limit,
)
from ai_wm.providers.response_items import Item, Items
from ai_wm.providers.tool_calls import cut_call, follows_tools, tool_calls
from ai_wm.providers.wire_json import Kept

__all__ = [
    "build",
    "endpoint",
    "key_header",
    "key_prefix",
    "parse",
    "parse_error",
    "request_id_headers",
    "stream_format",
    "stream_parser",
]

LEAST_OUTPUT = 16
"""The lowest ``max_output_tokens`` that OpenAI takes."""

_MADE_HERE = frozenset(
    {"conversation", "input", "instructions", "messages", "model", "previous_response_id", "stream", "tools"}
)
_OPENAI_FORM = Form(call_id=re.compile(r"[\s\S]{1,64}"))
# What chat completions have for sampling, and Responses have not.
_NO_SAMPLING = (
    "frequency_penalty",
    "logit_bias",
    "min_p",
    "presence_penalty",
    "repetition_penalty",
    "seed",
    "top_k",
)
_HALF = re.compile(r"\\u[dD][89a-fA-F]|[\ud800-\udfff]")  # of a character, maybe with its other half
_LOGPROBS = "message.output_text.logprobs"
# The families of models that are known not to reason, and refuse to be asked for reasoning.
_NOT_REASONING = re.compile(r"(ft:)?(chatgpt|gpt-3|gpt-4)")


def build(request: LLMRequest, *, stream: bool = False) -> WireRequest:
    """Builds the request: ``POST responses``."""
    names = ToolNames(request)
    config = with_output_limit(request.config)
    shape = response_format(config)
    in_words = shape is not None and is_openai(request) and only_asked_for(request, shape)
    body: dict[str, Any] = {"model": request.model, "input": _input(request, names, shape), "store": False}
    system = system_with_json(request, shape) if shape is not None and in_words else request.system_text
    if system.strip():
        body["instructions"] = system
    _add_tools(body, request, names)
    body.update(_options(request, config))
    own = provider_options(config)
    _add_settings(body, request, own)
    if shape is not None and not in_words:
        # The same as in chat completions, a level higher.
        found = wire_format(request, shape)
        inner = found.pop("json_schema", {})
        body["text"] = {"format": {**found, **inner}, **body.get("text", {})}
    key = cache_key(request)
    if key is not None:
        body["prompt_cache_key"] = key
    if stream:
        body["stream"] = True
    return WireRequest("responses", add_options(body, own, _MADE_HERE))


def _add_tools(body: dict[str, Any], request: LLMRequest, names: ToolNames) -> None:
    if not request.tools:
        return
    body["tools"] = [
        {
            "type": "function",
            "name": names.wire(tool.name),
            "description": tool.description,
            "parameters": tool.parameters,
            "strict": False,  # else optional arguments become required ones
        }
        for tool in request.tools
    ]
    choice = tool_choice(request)
    if choice is not None:
        named = {"type": "function", "name": names.wire(choice.name)}
        body["tool_choice"] = named if choice.kind == "tool" else choice.kind


def _options(request: LLMRequest, config: Mapping[str, Any]) -> dict[str, Any]:
    """The common options, in the API's form."""
    options = sampling(config)
    limit = options.get("max_output_tokens")
    reasoning = config.get("reasoning")
    if isinstance(reasoning, Mapping):  # OpenRouter
        check_budget(limit, reasoning.get("max_tokens"), "reasoning.max_tokens")
    if not is_openai(request):
        return options
    if limit is not None and limit < LEAST_OUTPUT:
        expected = f"at least {LEAST_OUTPUT}, which is the least that OpenAI's Responses API takes"
        raise bad_option("max_output_tokens", limit, expected)
    if "stop" in options:
        expected = "none, since OpenAI's Responses API takes no stop sequences; chat completions do (api: 'chat')"
        raise bad_option("stop", options["stop"], expected)
    for name in _NO_SAMPLING:
        if name in options:
            del options[name]
            not_sent(request, name, "the Responses API does not take it")
    return options


def _add_settings(body: dict[str, Any], request: LLMRequest, own: dict[str, Any]) -> None:
    """Moves settings that have another place here than in chat completions from ``own`` to the body of a request."""
    answers = own.pop("n", None)
    if answers not in (None, 1):
        raise bad_option("n", answers, "1, since the Responses API gives one answer")
    if own.get("background"):
        raise bad_option("background", own["background"], "false, since every answer is waited for")
    for name, place, key in (("reasoning_effort", "reasoning", "effort"), ("verbosity", "text", "verbosity")):
        value = own.pop(name, None)
        if value is not None:
            body[place] = {**body.get(place, {}), key: value}
    include = [] if _NOT_REASONING.match(request.model) else [ENCRYPTED]
    if own.pop("logprobs", False):
        include.append(_LOGPROBS)
    given = own.get("include")
    if isinstance(given, list | tuple):
        include += [each for each in given if each not in include]
        del own["include"]
    if include:
        body["include"] = include
    if is_openai(request):
        for name in _NO_SAMPLING:
            if own.pop(name, None) is not None:
                not_sent(request, name, "the Responses API does not take it")


def _input(request: LLMRequest, names: ToolNames, shape: ResponseFormat | None) -> list[dict[str, Any]]:
    form = _OPENAI_FORM if is_openai(request) else OTHERS_FORM
    messages = conversation(request, form)
    made: list[dict[str, Any]] = []
    if shape is not None and shape.schema is None and not any("json" in each.content.lower() for each in messages):
        # The JSON mode wants the word in the conversation, and does not look into the instructions.
        made.append({"role": "developer", "content": JSON_INSTRUCTION})
    for message in messages:
        if message.role == "user":
            made.append({"role": "user", "content": responses_content(message)})
        elif message.role == "tool":
            result = {"type": "function_call_output", "call_id": message.tool_call_id, "output": message.content}
            made.append(result)
        else:
            made.extend(_replayed(message) or _assistant(message, request, names))
    return made


def _assistant(message: Message, request: LLMRequest, names: ToolNames) -> Iterator[dict[str, Any]]:
    """A reply as new items, for one that another model or API has given."""
    said = bool(message.content.strip())
    if said and is_openai(request):
        yield {"role": "assistant", "content": message.content}
    elif said:  # llama.cpp takes a text from the user alone
        content = [{"type": "output_text", "text": message.content, "annotations": []}]
        yield {"type": "message", "role": "assistant", "status": "completed", "content": content}
    for call in message.tool_calls:
        yield {
            "type": "function_call",
            "call_id": call.id,
            "name": names.wire(call.name),
            "arguments": json.dumps(call.arguments),
        }


def _replayed(message: Message) -> list[dict[str, Any]]:
    """A reply's own items, unchanged but for its calls' ids; empty where none were kept, or they are another text's."""
    items = (message.provider_data or {}).get("output") or []
    calls = list(message.tool_calls)
    if _text_of(items) != message.content or len(_calls_in(items)) != len(calls):
        return []
    made = []
    for item in items:
        if item.get("type") == "function_call":
            call = calls.pop(0)
            item = {**item, "call_id": call.id}
            if call.problem or _HALF.search(str(item.get("arguments"))):
                item["arguments"] = json.dumps(call.arguments)
        made.append(item)
    return made


def parse(reply: Any, request: LLMRequest) -> LLMResponse:
    """Parses a ``response`` object."""
    body = expect_map(reply, "the reply")
    return _parsed(body, usage_in(body), request)


def _parsed(body: dict[str, Any], usage: Usage, request: LLMRequest) -> LLMResponse:
    with costing(usage):
        given = body.get("output")
        failed = failed_part(body)
        if failed is not None or body.get("status") == "failed":
            raise StreamError(parse_error(failed or body), usage=usage, text=_readable_text(given))
        if given is None and (said := read_error(body)).message:
            raise StreamError(said, usage=usage)
        status = expect_text(body.get("status"), "status")
        if status in ("queued", "in_progress"):
            raise BadReply(f"its status is {status!r}: the server answers in the background", usage=usage, final=True)
        items = [expect_map(item, "an item of output") for item in expect_list(given, "output")]
        return _response(body, items, status, usage, request)


def _response(
    body: dict[str, Any], items: list[dict[str, Any]], status: str, usage: Usage, request: LLMRequest
) -> LLMResponse:
    calls = tool_calls(
        ((item.get("call_id") or item.get("id"), item.get("name"), item.get("arguments")) for item in _calls_in(items)),
        request,
    )
    details = body.get("incomplete_details")
    reason = details.get("reason") if isinstance(details, Mapping) else None
    refusal = _refusal_in(items)
    tier = body.get("service_tier")
    output = _to_keep(items, stored=request.config.get("store") is True)
    response = LLMResponse(
        text=whole_text(_text_of(items)),
        finish_reason="unknown",
        usage=usage,
        model=expect_text(body.get("model"), "model") or request.model,
        tool_calls=calls,
        request_id=expect_text(body.get("id"), "id"),
        service_tier=tier if isinstance(tier, str) else "",
        provider_data=kept(request, {"output": output} if output else {}, calls=bool(calls)),
    )
    word = reason if status == "incomplete" and reason else status
    full = is_full(request, usage)
    if status == "completed" and not is_openai(request) and full:
        word = "max_output_tokens"  # llama.cpp does not tell
    if refusal:
        word = "refusal"
    return finished(response, word, refusal, cut_call=cut_call(calls), full=full, may_be_empty=follows_tools(request))


def _to_keep(items: Sequence[dict[str, Any]], *, stored: bool) -> list[dict[str, Any]]:
    """The items of a reply to send back with it; empty where its text and its calls say the same."""
    made = [{key: value for key, value in item.items() if value is not None} for item in items]
    while made and made[-1].get("type") == "reasoning":  # it belongs to what would have come behind it
        made.pop()
    # Of reasoning that is neither stored nor given whole, the server knows nothing any more.
    lost = [
        item
        for item in made
        if item.get("type") == "reasoning" and not (stored or item.get("encrypted_content") or item.get("content"))
    ]
    if lost:
        made = without_reasoning(made)
    plain = all(item.get("type") in ("message", "function_call") and not item.get("phase") for item in made)
    return [] if plain else made


def _calls_in(items: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return [item for item in items if item.get("type") == "function_call"]


def _text_of(items: Sequence[Mapping[str, Any]]) -> str:
    texts = ("".join(_parts(item, "output_text", "text")) for item in items if item.get("type") == "message")
    return "\n\n".join(text for text in texts if text)


def _refusal_in(items: Sequence[Mapping[str, Any]]) -> str:
    return "".join(text for item in items for text in _parts(item, "refusal", "refusal"))


def _parts(item: Mapping[str, Any], kind: str, key: str) -> Iterator[str]:
    if item.get("type") != "message":
        return
    for given in expect_list(item.get("content") or [], "content"):
        # Some servers give a part as its text alone, or name it as chat completions do.
        part = {"type": "output_text", "text": given} if isinstance(given, str) else expect_map(given, "a content part")
        if part.get("type") == kind or (kind, part.get("type")) == ("output_text", "text"):
            yield expect_text(part.get(key), f"{key} of a content part")


def _says_nothing(output: Any) -> bool:
    """Whether the output of a response holds no text, no refusal and no call."""
    items = [item for item in expect_list(output, "output") if isinstance(item, Mapping)]
    return not (_text_of(items) or _refusal_in(items) or _calls_in(items))


def _readable_text(output: Any) -> str:
    """The text of a failed reply, if any can be read."""
    try:
        return whole_text(_text_of([expect_map(item, "an item") for item in expect_list(output or [], "output")]))
    except BadReply:
        return ""


_FILTERED = frozenset({"bio_policy", "image_content_policy_violation", "misalignment_policy_violation"})
# An event has one of these; what has none may be an error without a wrapping.
_EVENT = ("type", "response", "usage")
_TRANSIENT = frozenset({"rate_limit_exceeded", "server_error", "vector_store_timeout"})


def parse_error(reply: Any) -> ErrorReply:
    """Reads the failure in ``{"error": {"code", "message"}}``, of a refused request or of a ``response`` object."""
    response = isinstance(reply, Mapping) and reply.get("object") == "response"
    # Of a response, nothing else speaks of its failure: its metadata are the caller's own.
    found = read_error({"error": reply["error"]} if response and reply.get("error") else {} if response else reply)
    if not response:
        return found
    code = found.kind.partition(" ")[0]
    if code in _FILTERED:
        return replace(found, cause="content_filter", final=True)
    if code and not found.status and code not in _TRANSIENT:
        return replace(found, status=400)  # the request is at fault, and fails again
    return found if found.message else replace(found, message="the response failed and gives no reason")


def stream_parser(request: LLMRequest) -> ResponseStream:
    """Makes a parser for the events of one stream."""
    return ResponseStream(request)


class ResponseStream:
    """Assembles a ``response`` from the named events of a stream.

    The last event holds the whole response; the pieces before it are read for what is shown meanwhile, for a server
    whose last event has no output, and for what was received of a stream that broke.
    """

    def __init__(self, request: LLMRequest) -> None:
        self.done = False
        self.usage = Usage()
        self.produced = 0
        self._request = request
        self._response: dict[str, Any] = {}
        self._items = Items()
        self._said_last: Item | None = None
        self._kept = Kept()

    def feed(self, name: str, event: Any) -> str:
        """Processes one event, and returns the text in it.  Unknown events are ignored, as the API requires."""
        if name == "error":
            raise self._error(event)
        if event is None or event == "[DONE]":  # of gateways, which add it after the end
            return ""
        body = expect_map(event, "an event of the stream")
        self._count(body)
        if body.get("object") == "response":  # the whole reply, where a stream was asked for
            return self._finish(body)
        failed = body if reports_error(body, () if name else _EVENT) else failed_part(body)
        if failed is not None:
            raise self._error(failed)
        match body.get("type", name):
            case "response.created" | "response.in_progress" | "response.queued":
                self._begin(body.get("response"))
            case "response.output_item.added":
                self._items.begin(body)
            case "response.output_item.done":
                return self._complete(body)
            case "response.output_text.delta":
                return self._say(*self._add(body, "output_text"))
            case "response.refusal.delta":
                self._add(body, "refusal")
            case "response.function_call_arguments.delta":
                self._add(body, "arguments")
            case "response.reasoning_summary_text.delta" | "response.reasoning_text.delta":
                self.produced += byte_length(expect_text(body.get("delta"), "delta"))
            case "response.completed" | "response.incomplete":
                return self._finish(expect_map(body.get("response"), "response"))
            case "response.failed" | "response.cancelled":
                raise self._error(expect_map(body.get("response"), "response"))
        return ""

    def ended(self) -> bool:
        """Whether the stream is complete, which only its last event tells."""
        return self.done

    def response(self) -> LLMResponse:
        """Returns the reply in the form of `parse`."""
        with costing(self.usage):
            output, own = self._response.get("output"), self._items.whole()
            # Some servers end with an output that is empty, or that holds an empty message.
            if not output or (_says_nothing(output) and not _says_nothing(own)):
                output = own
            return _parsed({**self._response, "output": output}, self.usage, self._request)

    def _begin(self, response: Any) -> None:
        self._kept.add(response)
        self._response = expect_map(response or {}, "response")

    def _complete(self, body: Mapping[str, Any]) -> str:
        """Takes a whole item in the place of its pieces, and returns the text that had no piece."""
        item = self._items.complete(body)
        if item is None:
            return ""
        hidden = item.given.get("encrypted_content")
        if isinstance(hidden, str):
            self.produced += 3 * len(hidden) // 4  # base64
        whole, said = _text_of([item.given]), item.text("output_text")
        # What is left out of the whole was written all the same, and stays.
        if whole or _refusal_in([item.given]):
            item.drop("output_text", "refusal")
        if item.given.get("arguments"):
            item.drop("arguments")
        rest = whole.removeprefix(said) if whole.startswith(said) else ""
        self.produced += byte_length(rest)
        return self._say(item, rest)

    def _finish(self, response: dict[str, Any]) -> str:
        self._begin(response)
        self._count(response)
        self.done = True
        if self._items:
            return ""
        items = expect_list(response.get("output") or [], "output")
        return "".join([self._complete({"output_index": place, "item": item}) for place, item in enumerate(items)])

    def _count(self, response: Mapping[str, Any]) -> None:
        usage = usage_in(response)
        if usage.is_reported:
            self.usage = self.usage.updated(usage)

    def _add(self, body: dict[str, Any], kind: str) -> tuple[Item, str]:
        piece = expect_text(body.get("delta"), "delta")
        self.produced += byte_length(piece)
        return self._items.add(body, kind, piece), piece

    def _say(self, item: Item, piece: str) -> str:
        """The text of a piece, set off from that of the message before."""
        if not piece:
            return ""
        last, self._said_last = self._said_last, item
        return piece if last is None or last is item else f"\n\n{piece}"

    def _error(self, event: Any) -> StreamError:
        return StreamError(parse_error(event), usage=self.usage, text=_readable_text(self._items.whole()))
