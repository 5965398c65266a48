"""Assembles the replies of chat completions from streams."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ai_wm.data.presets import REASONING
from ai_wm.providers.adapter import ErrorReply, StreamError, costing, expect_list, expect_map, is_first, whole_text
from ai_wm.providers.base import LLMRequest, LLMResponse, Usage
from ai_wm.providers.chat_reply import content_text, failed_part, refusal_in, response_of, see_other, text_of
from ai_wm.providers.chat_usage import usage_in
from ai_wm.providers.error_bodies import read_error, reports_error
from ai_wm.providers.estimates import byte_length
from ai_wm.providers.options import ToolNames
from ai_wm.providers.other_choices import OtherChoices
from ai_wm.providers.tool_calls import CallPieces
from ai_wm.providers.wire_json import Kept

_NO_REASON = (None, "", "null")
# A chunk has one of these; what has none may be an error without a wrapping.
_CONTENT = ("choices", "usage")


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
        self._old_calls = CallPieces(ToolNames(request).offered)  # in the form before tools
        self._finish: str | None = None
        self._filtered: Any = None
        self._hidden = 0
        self._others = OtherChoices()

    @property
    def produced(self) -> int:
        """The number of bytes of text, reasoning and arguments received so far."""
        return self._hidden + (self._calls if self._calls else self._old_calls).produced

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
                self._hidden += byte_length(text_of(choice.get("delta")))
                see_other(self._others, choice)
        return text

    def ended(self) -> bool:
        """Whether the stream is complete: with ``[DONE]`` or a finish reason, after which some servers send nothing."""
        return self.done or self._finish is not None

    def response(self) -> LLMResponse:
        """Returns the reply in the form of `parse`."""
        message: dict[str, Any] = {"content": "".join(self._text), "refusal": "".join(self._refusal) or None}
        message |= {key: "".join(pieces) for key, pieces in self._reasoning.items()}
        message |= self._thoughts
        calls = self._calls.calls or self._old_calls.calls
        if calls:
            message["tool_calls"] = calls
        choice = {"message": message, "finish_reason": self._finish, "content_filter_results": self._filtered}
        with costing(self.usage):
            response = response_of(self._head, choice, message, self.usage, self._request)
        return replace(response, other_choices=self._others.failures)

    def _take(self, choice: dict[str, Any]) -> str:
        delta = expect_map(choice.get("delta") or {}, "delta")
        whole = choice.get("message")
        if not delta and isinstance(whole, dict):
            # One chat.completion where a stream was asked for, or its pieces under another name.
            begun = any(self._text) or bool(self._calls)
            ended = choice.get("finish_reason") not in _NO_REASON
            self.done = ended and not begun
            repeated = ended and begun and text_of(whole).startswith("".join(self._text))
            delta = {} if repeated else whole
        failed = failed_part({}, choice, delta)
        if failed is not None:
            raise self._error(read_error(failed))
        if choice.get("finish_reason") not in _NO_REASON:
            self._finish = str(choice["finish_reason"])
            self._filtered = choice.get("content_filter_results")  # Azure
        text = content_text(delta.get("content"))
        self._text.append(text)
        self._refusal.append(refusal_in(delta))
        self._hidden += byte_length(text)
        for key in REASONING:
            self._take_reasoning(key, delta.get(key))
        self._calls.take(expect_list(delta.get("tool_calls") or [], "delta.tool_calls"))
        old = delta.get("function_call")
        if isinstance(old, Mapping) and any(old.values()):
            self._old_calls.take([{"function": dict(old)}])
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
