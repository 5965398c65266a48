"""Google's Gemini API: ``generateContent`` and ``streamGenerateContent`` of ``v1beta``.

Written after Google's API reference, its pages on function calling and thought signatures, and its own Python SDK
3.4 (``google/genai/types.py`` and the converters in ``models.py``).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Literal
from urllib.parse import quote

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
)
from ai_wm.providers.base import LLMRequest, LLMResponse, Message, ToolCallRequest, Usage, provider_options
from ai_wm.providers.openai import read_arguments
from ai_wm.providers.options import ToolNames, response_format, sampling, tool_choice
from neuroscript import ErrorCode, NeuroScriptError

endpoint = Endpoint("https://generativelanguage.googleapis.com", "GOOGLE_GEMINI_BASE_URL")
stream_format: Literal["sse", "ndjson"] = "sse"
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
_FINISH = {
    "STOP": "stop",
    "MAX_TOKENS": "length",
    "CONTINUATION": "length",
    **dict.fromkeys(
        (
            "BLOCKLIST",
            "ESCALATION",
            "LANGUAGE",
            "MODEL_ARMOR",
            "PROHIBITED_CONTENT",
            "PUP_LIMITED_DISABLED",
            "RECITATION",
            "SAFETY",
            "SPII",
        ),
        "content_filter",
    ),
}
# The documented stand-in where a call was not made by this model and so has no signature of its own.
_NO_SIGNATURE = "skip_thought_signature_validator"
_MODES = {"auto": "AUTO", "none": "NONE", "required": "ANY", "tool": "ANY"}


def build(request: LLMRequest, *, stream: bool = False) -> WireRequest:
    """Builds the request: ``POST v1beta/models/{model}:generateContent``."""
    names = ToolNames(request)
    generation = {_GENERATION[key]: value for key, value in sampling(request.config).items()}
    shape = response_format(request.config)
    if shape is not None:
        generation["responseMimeType"] = "application/json"
        if shape.schema is not None:
            generation["responseJsonSchema"] = shape.schema
    body: dict[str, Any] = {"contents": _contents(request, names)}
    if request.system_text:
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
    options = provider_options(request.config)
    beside = {_camel(key): value for key, value in options.items() if _camel(key) in _BESIDE}
    inside = {_camel(key): value for key, value in options.items() if _camel(key) not in _BESIDE}
    for key in inside:
        if key in _MADE_HERE:
            add_options(body, {key: inside[key]}, _MADE_HERE)
    generation = add_options(generation, inside, frozenset())
    if generation:
        body["generationConfig"] = generation
    action = "streamGenerateContent?alt=sse" if stream else "generateContent"
    return WireRequest(f"v1beta/{_model_path(request.model)}:{action}", add_options(body, beside, _MADE_HERE))


def parse(reply: Any, request: LLMRequest) -> LLMResponse:
    """Reads the response in the first candidate of a ``GenerateContentResponse``."""
    body = expect_map(reply, "the reply")
    if "error" in body:
        raise StreamError(parse_error(body))
    usage = _usage(body.get("usageMetadata"))
    model = expect_text(body.get("modelVersion"), "modelVersion") or request.model
    request_id = expect_text(body.get("responseId"), "responseId")
    candidates = expect_list(body.get("candidates") or [], "candidates")
    if not candidates:
        feedback = body.get("promptFeedback")
        if not isinstance(feedback, Mapping) or not feedback.get("blockReason"):
            raise BadReply("there are no candidates, and no reason why")
        return LLMResponse(text="", finish_reason="content_filter", usage=usage, model=model, request_id=request_id)
    candidate = expect_map(candidates[0], "candidates[0]")
    content = expect_map(candidate.get("content") or {}, "candidates[0].content")
    parts = [expect_map(part, "a part") for part in expect_list(content.get("parts") or [], "content.parts")]
    calls = _tool_calls(parts, request)
    text = "".join(expect_text(part.get("text"), "text") for part in parts if not part.get("thought"))
    reason = expect_text(candidate.get("finishReason"), "finishReason")
    return LLMResponse(
        text=text,
        finish_reason="tool_calls" if calls else _FINISH.get(reason, "other"),
        usage=usage,
        model=model,
        tool_calls=calls,
        request_id=request_id,
    )


def parse_error(reply: Any) -> ErrorReply:
    """Reads the failure in ``{"error": {"code", "message", "status", "details"}}``, or in a list with that alone."""
    if isinstance(reply, list) and reply:
        reply = reply[0]
    error = reply.get("error") if isinstance(reply, Mapping) else None
    if not isinstance(error, Mapping):
        return ErrorReply()
    code, status = error.get("code"), str(error.get("status", ""))
    wait, final = None, False
    given = error.get("details")
    for detail in given if isinstance(given, list) else []:
        if not isinstance(detail, Mapping):
            continue
        if isinstance(detail.get("reason"), str):
            status = f"{detail['reason']} {status}"
        match = re.fullmatch(r"(\d+(?:\.\d+)?)s", str(detail.get("retryDelay", "")))
        if match:
            wait = float(match[1])
        violations = detail.get("violations")
        for violation in violations if isinstance(violations, list) else []:
            # A quota of the day does not come back within any wait worth making.
            final = final or (isinstance(violation, Mapping) and "PerDay" in str(violation.get("quotaId", "")))
    return ErrorReply(
        message=str(error.get("message", "")),
        kind=status,
        status=code if type(code) is int and 400 <= code < 600 else 0,
        retry_after=wait,
        final=final,
    )


def stream_parser(request: LLMRequest) -> ContentStream:
    """Makes a parser for the chunks of one stream."""
    return ContentStream(request)


class ContentStream:
    """Assembles a ``GenerateContentResponse`` from the chunks of a stream."""

    def __init__(self, request: LLMRequest) -> None:
        self.done = False  # there is no end marker: the stream ends after the finish reason
        self.usage = Usage()
        self._request = request
        self._body: dict[str, Any] = {}
        self._parts: list[dict[str, Any]] = []
        self._finish = ""
        self._blocked = False

    def feed(self, name: str, event: Any) -> str:
        """Takes one chunk, and returns the text in it."""
        chunk = expect_map(event, "a chunk of the stream")
        if "error" in chunk:
            raise StreamError(parse_error(chunk))
        for key in ("modelVersion", "responseId", "usageMetadata", "promptFeedback"):
            if chunk.get(key) is not None:
                self._body[key] = chunk[key]
        if "usageMetadata" in chunk:
            self.usage = _usage(chunk["usageMetadata"])
        feedback = chunk.get("promptFeedback")
        self._blocked = self._blocked or (isinstance(feedback, Mapping) and bool(feedback.get("blockReason")))
        text = ""
        for candidate in expect_list(chunk.get("candidates") or [], "candidates")[:1]:
            content = expect_map(expect_map(candidate, "a candidate").get("content") or {}, "content")
            for part in expect_list(content.get("parts") or [], "content.parts"):
                text += self._take(expect_map(part, "a part"))
            self._finish = expect_text(candidate.get("finishReason"), "finishReason") or self._finish
        return text

    def ended(self) -> bool:
        """Whether the stream was complete: with a finish reason, or where the prompt was blocked."""
        return bool(self._finish) or self._blocked

    def response(self) -> LLMResponse:
        """Returns the reply as `parse` gives it."""
        body = dict(self._body)
        if self._parts or self._finish:
            body["candidates"] = [{"content": {"parts": self._parts}, "finishReason": self._finish}]
        return parse(body, self._request)

    def _take(self, part: dict[str, Any]) -> str:
        last = self._parts[-1] if self._parts else None
        plain = set(part) <= {"text", "thought"} and "text" in part
        if plain and last is not None and set(last) == set(part) and last.get("thought") == part.get("thought"):
            last["text"] = expect_text(last["text"], "text") + expect_text(part["text"], "text")
        else:
            self._parts.append(dict(part))
        return "" if part.get("thought") else expect_text(part.get("text"), "text")


def _model_path(model: str) -> str:
    path = model if model.startswith(("models/", "tunedModels/")) else f"models/{model}"
    if ".." in path.split("/") or not model.strip():
        raise NeuroScriptError(ErrorCode.ARG_MISMATCH, f"{model!r} is not the name of a model")
    return quote(path, safe="/")


def _camel(key: str) -> str:
    head, *rest = key.split("_")
    return head + "".join(word[:1].upper() + word[1:] for word in rest)


def _contents(request: LLMRequest, names: ToolNames) -> list[dict[str, Any]]:
    called = {call.id: call for message in request.messages for call in message.tool_calls}
    made: list[dict[str, Any]] = []
    for message in request.messages:
        role = "model" if message.role == "assistant" else "user"
        parts = _parts(message, names, called)
        if not parts:
            continue
        if made and made[-1]["role"] == role:
            made[-1]["parts"].extend(parts)
        else:
            made.append({"role": role, "parts": parts})
    return made


def _parts(message: Message, names: ToolNames, called: Mapping[str, ToolCallRequest]) -> list[dict[str, Any]]:
    if message.role == "tool":
        call = called.get(message.tool_call_id)
        response: dict[str, Any] = {
            "name": names.wire(message.name or (call.name if call else "")),
            "response": {"error" if message.is_error else "output": message.content},
        }
        given = ((call.provider_data if call else None) or {}).get("google", {}).get("id")
        return [{"functionResponse": {"id": given, **response} if given else response}]
    if not message.tool_calls:
        return [{"text": message.content}] if message.content else []
    kept = (message.tool_calls[0].provider_data or {}).get("google", {}).get("parts")
    if kept:
        return list(kept)
    parts: list[dict[str, Any]] = [{"text": message.content}] if message.content else []
    for number, call in enumerate(message.tool_calls):
        part: dict[str, Any] = {"functionCall": {"name": names.wire(call.name), "args": call.arguments}}
        if number == 0:
            part["thoughtSignature"] = _NO_SIGNATURE
        parts.append(part)
    return parts


def _tool_calls(parts: list[dict[str, Any]], request: LLMRequest) -> tuple[ToolCallRequest, ...]:
    names = ToolNames(request)
    made: list[ToolCallRequest] = []
    for part in parts:
        if part.get("functionCall") is None:
            continue
        function = expect_map(part["functionCall"], "functionCall")
        name = expect_text(function.get("name"), "the name of a function call")
        given = expect_text(function.get("id"), "the id of a function call")
        # The first call keeps the whole turn: signatures stand on any of its parts and go back where they were.
        kept: dict[str, Any] = {} if made else {"parts": parts}
        if given:
            kept["id"] = given
        made.append(
            ToolCallRequest(
                id=given or made_up_id(request, len(made) + 1),
                name=names.original(name),
                arguments=read_arguments(function.get("args"), name),
                provider_data={"google": kept},
            )
        )
    return tuple(made)


def _usage(usage: Any) -> Usage:
    if usage is None:
        return Usage()
    source = expect_map(usage, "usageMetadata")
    thoughts = count(source, "thoughtsTokenCount")
    # The total is the sum of prompt, candidates, tool use prompt and thoughts; the prompt includes its cached part.
    return Usage(
        input_tokens=count(source, "promptTokenCount") + count(source, "toolUsePromptTokenCount"),
        cache_read_tokens=count(source, "cachedContentTokenCount"),
        output_tokens=count(source, "candidatesTokenCount") + thoughts,
        reasoning_tokens=thoughts,
    )
