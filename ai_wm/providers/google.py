"""Wire adapter for Google's Gemini API: ``generateContent`` and ``streamGenerateContent`` of ``v1beta``.

Written after Google's API reference, its pages on function calling and thought signatures, and its own Python SDK
3.4 (``google/genai/types.py`` and the converters in ``models.py``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Literal
from urllib.parse import quote

from ai_wm.providers.adapter import (
    NO_SIGNATURE,
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
    first_choice,
    is_first,
    kept,
    later_counts,
    whole_text,
)
from ai_wm.providers.base import LLMRequest, LLMResponse, Message, Usage, provider_options
from ai_wm.providers.content_parts import google_parts
from ai_wm.providers.error_bodies import read_error, reports_error
from ai_wm.providers.estimates import byte_length
from ai_wm.providers.finish import PAUSED, ending_of, finished
from ai_wm.providers.history import Form, conversation
from ai_wm.providers.json_schema import for_google
from ai_wm.providers.options import (
    ToolNames,
    bad_option,
    check_budget,
    check_stop,
    response_format,
    sampling,
    tool_choice,
    with_output_limit,
)
from ai_wm.providers.other_choices import OtherChoices
from ai_wm.providers.tool_calls import cut_call, follows_tools, tool_calls
from ai_wm.providers.wire_json import MOST_VALUES, Kept, too_many
from neuroscript import ErrorCode, NeuroScriptError

endpoint = Endpoint("https://generativelanguage.googleapis.com", "GOOGLE_GEMINI_BASE_URL")
stream_format: Literal["sse", "ndjson", "aws"] = "sse"
key_header = "x-goog-api-key"
key_prefix = ""
request_id_headers: tuple[str, ...] = ()

_MADE_HERE = frozenset({"contents", "model", "systemInstruction", "system_instruction", "tools"})
# What stands beside generationConfig in a request; any other option belongs into it.  Both spellings are accepted.
_BESIDE = frozenset(
    {
        "cachedContent",
        "continuationToken",
        "generationConfig",
        "labels",
        "safetySettings",
        "serviceTier",
        "store",
        "toolConfig",
    }
)
_GENERATION = {
    "temperature": "temperature",
    "top_p": "topP",
    "top_k": "topK",
    "max_output_tokens": "maxOutputTokens",
    "seed": "seed",
    "stop": "stopSequences",
}
# A chunk has one of these; what has none may be an error without a wrapping.
_CONTENT = ("candidates", "promptFeedback", "usageMetadata")
_KINDS = ("audio", "image", "video")
_DETAILS = {
    "promptTokensDetails": "input_{}_tokens",
    "toolUsePromptTokensDetails": "input_{}_tokens",
    "cacheTokensDetails": "cache_{}_read_tokens",
    "candidatesTokensDetails": "output_{}_tokens",
}
_OF_THE_END = ("finishReason", "finishMessage", "continuationToken")
_FORM = Form(blank_prompt=False, user_first=True)
_MOST_STOPS = 5
_MODES = {"auto": "AUTO", "none": "NONE", "required": "ANY", "tool": "ANY"}


def build(request: LLMRequest, *, stream: bool = False) -> WireRequest:
    """Builds the request: ``POST v1beta/models/{model}:generateContent``."""
    names = ToolNames(request)
    config = with_output_limit(request.config, "maxOutputTokens")
    chosen = sampling(config)
    check_stop(chosen.get("stop"), "Google", _MOST_STOPS)
    if not -(2**31) <= chosen.get("seed", 0) < 2**31:
        raise bad_option("seed", chosen["seed"], "a number of 32 bits, which is what Google takes")
    generation = {_GENERATION[key]: value for key, value in chosen.items()}
    shape = response_format(request.config)
    if shape is not None:
        generation["responseMimeType"] = "application/json"
        if shape.schema is not None:
            generation["responseJsonSchema"] = for_google(shape.schema)
    messages, token = _without_continued(conversation(request, _FORM))
    body: dict[str, Any] = {"contents": _contents(messages, names)}
    if request.system_text.strip():
        body["systemInstruction"] = {"parts": [{"text": request.system_text}]}
    if request.tools:
        body["tools"] = [
            {
                "functionDeclarations": [
                    {
                        "name": names.wire(tool.name),
                        "description": tool.description,
                        "parametersJsonSchema": tool.parameters,
                    }
                    for tool in request.tools
                ]
            }
        ]
        choice = tool_choice(request)
        if choice is not None:
            calling: dict[str, Any] = {"mode": _MODES[choice.kind]}
            if choice.kind == "tool":
                calling["allowedFunctionNames"] = [names.wire(choice.name)]
            body["toolConfig"] = {"functionCallingConfig": calling}
    options = provider_options(config)
    beside = {camel(key): value for key, value in options.items() if camel(key) in _BESIDE}
    inside = {camel(key): value for key, value in options.items() if camel(key) not in _BESIDE}
    for key in inside:
        if key in _MADE_HERE:
            add_options(body, {key: inside[key]}, _MADE_HERE)
    generation = add_options(generation, inside, frozenset())
    if generation:
        body["generationConfig"] = generation
    body = add_options(body, beside, _MADE_HERE)
    if token:
        body["continuationToken"] = token
    _check_thinking(body.get("generationConfig"))
    action = "streamGenerateContent?alt=sse" if stream else "generateContent"
    return WireRequest(f"v1beta/{model_path(request.model)}:{action}", body)


def _without_continued(messages: list[Message]) -> tuple[list[Message], str]:
    """The messages without replies at their end that are to be gone on with, and the token of the last of these.

    The same request is sent again with the token, which stands for what was said.
    """
    token = ""
    while messages and (found := (messages[-1].provider_data or {}).get("continuation")):
        token = token or found
        messages = messages[:-1]
    return messages, token


def _check_thinking(generation: Any) -> None:
    thinking = generation.get("thinkingConfig") if isinstance(generation, Mapping) else None
    if isinstance(thinking, Mapping):
        budget = thinking.get("thinkingBudget", thinking.get("thinking_budget"))
        check_budget(generation.get("maxOutputTokens"), budget, "thinkingConfig.thinkingBudget")


def parse(reply: Any, request: LLMRequest) -> LLMResponse:
    """Parses the first candidate of a ``GenerateContentResponse``, or of a list of its pieces."""
    if isinstance(reply, list) and reply:
        pieces = stream_parser(request)
        pieces.feed("", reply)
        return pieces.response()
    body = expect_map(reply, "the reply")
    usage = _usage(body.get("usageMetadata"))
    with costing(usage):
        if reports_error(body, _CONTENT):
            raise StreamError(parse_error(body), usage=usage, text=_text_of(body))
        candidates = expect_list(body.get("candidates") or [], "candidates")
        feedback = body.get("promptFeedback")
        feedback = feedback if isinstance(feedback, Mapping) else {}
        blocked = feedback.get("blockReason")
        if not candidates and blocked:
            said = expect_text(feedback.get("blockReasonMessage"), "blockReasonMessage")
            message = said or f"the prompt was blocked: {blocked}"
            error = ErrorReply(message=message, kind=str(blocked), final=True, cause="content_filter")
            raise StreamError(error, usage=usage)
        if not candidates:
            said = "there are no candidates, and no reason why"
            raise StreamError(ErrorReply(message=said, once=True, cause="empty"), usage=usage)
        candidate = expect_map(first_choice(candidates), "the first candidate")
        content = expect_map(candidate.get("content") or {}, "content of the first candidate")
        parts = [expect_map(part, "a part") for part in expect_list(content.get("parts") or [], "content.parts")]
        others = OtherChoices()
        for other in candidates:
            if other is not candidate and isinstance(other, Mapping):
                _see(others, other)
        return replace(_response(body, candidate, parts, usage, request), other_choices=others.failures)


def _see(others: OtherChoices, candidate: Mapping[str, Any]) -> None:
    said = candidate.get("finishMessage")
    failed = ending_of(str(candidate.get("finishReason") or "")) not in (None, "stop", "length")
    others.see(candidate, candidate.get("finishReason"), (said,) if failed and isinstance(said, str) else ())


def _response(
    body: dict[str, Any], candidate: dict[str, Any], parts: list[dict[str, Any]], usage: Usage, request: LLMRequest
) -> LLMResponse:
    functions = [expect_map(part["functionCall"], "functionCall") for part in _calls_in(parts)]
    calls = tool_calls(
        ((function.get("id"), function.get("name"), function.get("args")) for function in functions), request
    )
    signed = any("thoughtSignature" in part for part in parts)
    token = "" if calls else expect_text(candidate.get("continuationToken"), "continuationToken")
    paused = {"parts": parts, "paused": True, "continuation": token} if token else {}
    response = LLMResponse(
        text=whole_text("".join(expect_text(part.get("text"), "text") for part in parts if not part.get("thought"))),
        finish_reason="unknown",
        usage=usage,
        model=expect_text(body.get("modelVersion"), "modelVersion") or request.model,
        tool_calls=calls,
        request_id=expect_text(body.get("responseId"), "responseId"),
        service_tier=_tier(body, request),
        # Signatures stand on any of the parts and go back where they were.
        provider_data=kept(request, paused or ({"parts": parts} if calls or signed else {}), calls=bool(calls)),
    )
    said = expect_text(candidate.get("finishMessage"), "finishMessage")
    word = PAUSED if token else candidate.get("finishReason")  # CONTINUATION, which without a token is the end
    may_be_empty = follows_tools(request) or request.messages[-1].role == "assistant"
    return finished(response, word, said, cut_call=cut_call(calls), may_be_empty=may_be_empty)


def _calls_in(parts: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [part for part in parts if part.get("functionCall") is not None]


def _text_of(body: Mapping[str, Any]) -> str:
    """The text of a failed reply, if any can be read."""
    try:
        parts = first_choice(body["candidates"])["content"]["parts"]
        return "".join(part["text"] for part in parts if not part.get("thought"))
    except (AttributeError, IndexError, KeyError, TypeError):
        return ""


def _tier(body: Mapping[str, Any], request: LLMRequest) -> str:
    """The service tier of a reply if it names one, else the one requested."""
    metadata = body.get("usageMetadata")
    metadata = metadata if isinstance(metadata, Mapping) else {}
    traffic = str(metadata.get("trafficType") or "").removeprefix("ON_DEMAND").strip("_")
    asked = request.config.get("serviceTier", request.config.get("service_tier"))
    said = metadata.get("serviceTier") or body.get("serviceTier") or body.get("service_tier") or traffic or asked
    return said.lower() if isinstance(said, str) else ""


def parse_error(reply: Any) -> ErrorReply:
    """Reads the failure in ``{"error": {"code", "message", "status", "details"}}``, or in a list with that alone."""
    return read_error(reply)


def stream_parser(request: LLMRequest) -> ContentStream:
    """Makes a parser for the chunks of one stream."""
    return ContentStream(request)


class ContentStream:
    """Assembles a ``GenerateContentResponse`` from the chunks of a stream."""

    def __init__(self, request: LLMRequest) -> None:
        self.done = False  # there is no end marker: the stream ends after the finish reason
        self.usage = Usage()
        self.produced = 0
        self._request = request
        self._body: dict[str, Any] = {}
        self._parts: list[dict[str, Any]] = []
        self._texts: list[list[str]] = []  # of each part, in pieces
        self._kept = Kept()
        self._finish: dict[str, Any] = {}
        self._blocked = False
        self._single = request.config.get("candidateCount", request.config.get("candidate_count")) in (None, 1)
        self._others = OtherChoices()

    def feed(self, name: str, event: Any) -> str:
        """Processes one chunk, or a list of all chunks, as they come without ``alt=sse``; returns the text."""
        if name == "error":
            raise self._error(event)
        if event is None or event == "[DONE]":  # of gateways
            return ""
        if isinstance(event, list):
            return "".join([self.feed("", chunk) for chunk in event])
        chunk = expect_map(event, "a chunk of the stream")
        if chunk.get("usageMetadata") is not None:
            # Counts are cumulative, and what a later chunk leaves out stays.
            self._body["usageMetadata"] = later_counts(self._body.get("usageMetadata"), chunk["usageMetadata"])
            self.usage = _usage(self._body["usageMetadata"])
        if reports_error(chunk, _CONTENT):
            raise self._error(chunk)
        for key in ("modelVersion", "responseId", "promptFeedback", "serviceTier", "service_tier"):
            if chunk.get(key) is not None:
                self._body[key] = chunk[key]
        feedback = chunk.get("promptFeedback")
        self._blocked = self._blocked or (isinstance(feedback, Mapping) and bool(feedback.get("blockReason")))
        texts: list[str] = []
        candidates = expect_list(chunk.get("candidates") or [], "candidates")
        for candidate in candidates:
            if not is_first(expect_map(candidate, "a candidate")) and not (self._single and len(candidates) == 1):
                _see(self._others, candidate)
                self.produced += byte_length(_text_of({"candidates": [candidate]}))
                continue
            content = expect_map(candidate.get("content") or {}, "content")
            for part in expect_list(content.get("parts") or [], "content.parts"):
                texts.append(self._take(expect_map(part, "a part")))
            self._finish.update({key: candidate[key] for key in _OF_THE_END if candidate.get(key)})
        return "".join(texts)

    def ended(self) -> bool:
        """Whether the stream is complete: with a finish reason, or if the prompt was blocked."""
        return "finishReason" in self._finish or self._blocked

    def response(self) -> LLMResponse:
        """Returns the reply in the form of `parse`."""
        body = dict(self._body)
        if self._parts or self._finish:
            body["candidates"] = [{"content": {"parts": self._joined()}, **self._finish}]
        return replace(parse(body, self._request), other_choices=self._others.failures)

    def _take(self, part: dict[str, Any]) -> str:
        last = self._parts[-1] if self._parts else None
        plain = set(part) <= {"text", "thought"} and "text" in part
        text = expect_text(part.get("text"), "text")
        self.produced += byte_length(text)
        if not plain:
            self._kept.add(part)
        if part.get("functionCall"):
            self.produced += len(str(part["functionCall"]))
        if plain and last is not None and set(last) == set(part) and last.get("thought") == part.get("thought"):
            self._texts[-1].append(text)
        else:
            self._parts.append(dict(part))
            self._texts.append([text])
            if len(self._parts) > MOST_VALUES:
                raise too_many("parts")
        return "" if part.get("thought") else text

    def _joined(self) -> list[dict[str, Any]]:
        """The parts of the reply, with the pieces of each text joined."""
        return [
            part if len(texts) == 1 else {**part, "text": "".join(texts)}
            for part, texts in zip(self._parts, self._texts, strict=True)
        ]

    def _error(self, event: Any) -> StreamError:
        text = _text_of({"candidates": [{"content": {"parts": [part for part in self._joined() if "text" in part]}}]})
        return StreamError(parse_error(event), usage=self.usage, text=whole_text(text))


def model_path(model: str) -> str:
    """Returns the path of a model's resource.

    Raises:
        NeuroScriptError: 4 for a name that is none.
    """
    path = model if model.startswith(("models/", "tunedModels/")) else f"models/{model}"
    if ".." in path.split("/") or not model.strip():
        raise NeuroScriptError(ErrorCode.ARG_MISMATCH, f"{model!r} is not the name of a model")
    return quote(path, safe="/")


def camel(key: str) -> str:
    """Returns a key in the spelling of the API: camelCase."""
    head, *rest = key.split("_")
    return head + "".join(word[:1].upper() + word[1:] for word in rest)


def _contents(messages: list[Message], names: ToolNames) -> list[dict[str, Any]]:
    own_ids = _own_ids(messages)
    made: list[dict[str, Any]] = []
    for message in messages:
        role = "model" if message.role == "assistant" else "user"
        parts = _parts(message, names, own_ids)
        if made and made[-1]["role"] == role:
            made[-1]["parts"].extend(parts)
        else:
            made.append({"role": role, "parts": parts})
    return made


def _own_ids(messages: list[Message]) -> dict[str, str]:
    """The call ids that Google itself assigned; ids from elsewhere are not sent back."""
    found: dict[str, str] = {}
    for message in messages:
        parts = _calls_in((message.provider_data or {}).get("parts") or [])
        for call, part in zip(message.tool_calls, parts, strict=False):
            if part["functionCall"].get("id"):
                found[call.id] = part["functionCall"]["id"]
    return found


def _parts(message: Message, names: ToolNames, own_ids: Mapping[str, str]) -> list[dict[str, Any]]:
    if message.role == "tool":
        response: dict[str, Any] = {
            "name": names.wire(message.name),
            "response": {"error" if message.is_error else "output": message.content},
        }
        given = own_ids.get(message.tool_call_id)
        return [{"functionResponse": {"id": given, **response} if given else response}]
    own = (message.provider_data or {}).get("parts")
    if own:
        return _as_they_came(own, message)
    parts = google_parts(message)
    if message.content.strip():
        parts.append({"text": message.content})
    for number, call in enumerate(message.tool_calls):
        part: dict[str, Any] = {"functionCall": {"name": names.wire(call.name), "args": call.arguments}}
        if number == 0:
            part["thoughtSignature"] = NO_SIGNATURE
        parts.append(part)
    return parts


def _as_they_came(parts: list[dict[str, Any]], message: Message) -> list[dict[str, Any]]:
    """The parts of a reply unchanged, except for empty texts and call arguments that are not valid."""
    made: list[dict[str, Any]] = []
    calls = iter(message.tool_calls)
    for part in parts:
        if part.get("functionCall") is not None:
            call = next(calls)
            if call.problem:
                part = {**part, "functionCall": {**part["functionCall"], "args": call.arguments}}
            made.append(part)
        elif set(part) - {"text", "thought"} or str(part.get("text") or "").strip():
            made.append(part)
    return made


def _usage(usage: Any) -> Usage:
    count = Counts(usage)
    given = count("promptTokenCount") + count("toolUsePromptTokenCount")
    thoughts = count("thoughtsTokenCount")
    out = count("candidatesTokenCount") + thoughts
    # The total is the sum of prompt, candidates, tool use prompt and thoughts; what it has more was spent on output.
    more = max(0, count("totalTokenCount") - given - out)
    undivided = more > 0 and not (given or out)
    return Usage(
        input_tokens=given,
        cache_read_tokens=count("cachedContentTokenCount"),
        output_tokens=out + more,
        reasoning_tokens=thoughts + (0 if undivided else more),
        by_kind=_by_kind(usage),
        unusable=count.unusable,
        undivided=undivided,
    )


def _by_kind(usage: Any) -> tuple[tuple[str, int], ...]:
    """The tokens that are no text, by the modalities of Google's details; see `Usage.by_kind`."""
    found: dict[str, int] = {}
    for name, key in _DETAILS.items():
        details = usage.get(name) if isinstance(usage, Mapping) else None
        for each in details if isinstance(details, list) else ():
            kind = str(each.get("modality", "")).lower() if isinstance(each, Mapping) else ""
            tokens = Counts(each)("tokenCount") if kind in _KINDS else 0
            if tokens:
                found[key.format(kind)] = found.get(key.format(kind), 0) + tokens
    return tuple(found.items())
