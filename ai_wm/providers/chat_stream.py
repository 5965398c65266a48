"""Assembles the replies of chat completions from streams."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from ai_wm.providers.adapter import (
    ErrorReply,
    StreamError,
    costing,
    expect_list,
    expect_map,
    first_choice,
    is_first,
    whole_text,
)
from ai_wm.providers.base import LLMRequest, LLMResponse, Usage
from ai_wm.providers.chat_reply import (
    content_text,
    failed_part,
    refusal_in,
    response_of,
    see_other,
    text_of,
    with_calls_of,
)
from ai_wm.providers.chat_usage import usage_in
from ai_wm.providers.error_bodies import read_error, reports_error
from ai_wm.providers.estimates import byte_length
from ai_wm.providers.options import ToolNames
from ai_wm.providers.other_choices import OtherChoices
from ai_wm.providers.reasoning_pieces import ReasoningPieces
from ai_wm.providers.tool_calls import CallPieces
from ai_wm.providers.wire_json import too_many

_NO_REASON = (None, "", "null")
# A chunk has one of these; what has none may be an error without a wrapping.
_CONTENT = ("choices", "usage")
_MOST_CHOICES: Final = 128  # as many as OpenAI lets a request ask for


class ChatStream:
    """Assembles a ``chat.completion`` from the ``chat.completion.chunk`` events of a stream.

    The answer is the choice with the index 0, or, where a request asks for one and a server counts otherwise, the first
    that comes.
    """

    def __init__(self, request: LLMRequest) -> None:
        self.done = False
        self.usage = Usage()
        self._request = request
        self._offered = ToolNames(request).offered
        self._single = request.config.get("n") in (None, 1)
        self._head: dict[str, Any] = {}
        self._answer = 0
        self._choices: dict[int, _Choice] = {}
        self._others = OtherChoices()

    @property
    def produced(self) -> int:
        """The number of bytes of text, reasoning and arguments received so far."""
        return sum(choice.produced for choice in self._choices.values())

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
        usage = usage_in(chunk)
        if usage.is_reported:
            self.usage = self.usage.updated(usage)
        bare = chunk.get("object") != "chat.completion.chunk" and reports_error(chunk, _CONTENT)
        failed = chunk if bare else failed_part(chunk)
        if failed is not None:
            raise self._error(read_error(failed), first_choice(_listed(chunk.get("choices"))))
        for key in ("id", "model", "service_tier"):
            if chunk.get(key):
                self._head[key] = chunk[key]
        choices = [expect_map(choice, "a choice") for choice in expect_list(chunk.get("choices") or [], "choices")]
        if choices:
            self._choose(choices)
        return "".join([self._take(choice) for choice in choices])

    def ended(self) -> bool:
        """Whether the stream is complete: with ``[DONE]`` or a finish reason, after which some servers send nothing."""
        answer = self._choices.get(self._answer)
        return self.done or (answer is not None and answer.finish is not None)

    def response(self) -> LLMResponse:
        """Returns the reply in the form of `parse`."""
        answer = self._choices.get(self._answer) or _Choice(self._offered)
        others = [choice.whole() for choice in self._choices.values() if choice is not answer]
        with costing(self.usage):
            choice = with_calls_of(others, answer.whole())
            response = response_of(self._head, choice, choice["message"], self.usage, self._request)
        return replace(response, other_choices=self._others.failures)

    def _choose(self, choices: Sequence[dict[str, Any]]) -> None:
        """Chooses the answer, among choices of which any that was shown has to stay it."""
        shown = self._choices.get(self._answer)
        if not self._single or (shown is not None and (self._answer == 0 or shown.text)):
            return
        if any(map(is_first, choices)):
            self._answer = 0
        elif shown is None:
            self._answer = choices[0]["index"]

    def _take(self, given: dict[str, Any]) -> str:
        """Adds a piece of a choice, and returns the text in it if the choice is the answer."""
        index = 0 if is_first(given) else given["index"]
        if index not in self._choices and not _says(given) and self._may_end():
            index = self._answer  # the end of a reply that is counted otherwise than its pieces
        choice = self._choices.get(index)
        if choice is None:
            choice = self._choices[index] = _Choice(self._offered)
            if len(self._choices) > _MOST_CHOICES:
                raise too_many("choices", _MOST_CHOICES)
        if index != self._answer:
            see_other(self._others, given)
            choice.take(given)
            return ""
        failed = failed_part({}, given, given.get("delta") or given.get("message"))
        if failed is not None:
            raise self._error(read_error(failed), given)
        text = choice.take(given)
        self.done = self.done or choice.came_whole
        return text

    def _may_end(self) -> bool:
        answer = self._choices.get(self._answer)
        return self._single and answer is not None and answer.finish is None

    def _error(self, error: ErrorReply, given: Any = None) -> StreamError:
        """Makes the failure of the reply, in whose last chunk the choice ``given`` may have more text."""
        answer = self._choices.get(self._answer)
        text = "".join(answer.text) if answer is not None else ""
        if isinstance(given, dict):
            text += text_of(given.get("delta")) or text_of(given.get("message"))
        return StreamError(error, usage=self.usage, text=whole_text(text))


class _Choice:
    """One choice of a streamed reply, as far as it has come."""

    def __init__(self, offered: Collection[str]) -> None:
        self.text: list[str] = []
        self.finish: str | None = None
        self.came_whole = False
        self._refusal: list[str] = []
        self._reasoning = ReasoningPieces()
        self._calls = CallPieces(offered)
        self._old_calls = CallPieces(offered)  # in the form before tools
        self._filtered: Any = None
        self._bytes = 0

    @property
    def produced(self) -> int:
        calls = self._calls if self._calls else self._old_calls
        return self._bytes + self._reasoning.produced + calls.produced

    def take(self, given: dict[str, Any]) -> str:
        """Adds a piece, and returns the text in it."""
        delta = expect_map(given.get("delta") or {}, "delta")
        ended = given.get("finish_reason") not in _NO_REASON
        if not _brings(delta) and isinstance(given.get("message"), dict):
            delta = self._from_whole(given["message"], ended=ended)
        if ended:
            self.finish = str(given["finish_reason"])
            self._filtered = given.get("content_filter_results")  # Azure
        text = content_text(delta.get("content"))
        if text:
            self.text.append(text)
        self._refusal.append(refusal_in(delta))
        self._bytes += byte_length(text)
        self._reasoning.take(delta)
        self._calls.take(expect_list(delta.get("tool_calls") or [], "delta.tool_calls"))
        old = delta.get("function_call")
        if isinstance(old, dict) and any(old.values()):
            self._old_calls.take([{"function": dict(old)}])
        return text

    def whole(self) -> dict[str, Any]:
        """The choice in the form of a reply without streaming."""
        message: dict[str, Any] = {"content": "".join(self.text), "refusal": "".join(self._refusal) or None}
        message |= self._reasoning.fields
        calls = self._calls.calls or self._old_calls.calls
        if calls:
            message["tool_calls"] = calls
        return {"message": message, "finish_reason": self.finish, "content_filter_results": self._filtered}

    def _from_whole(self, whole: dict[str, Any], *, ended: bool) -> dict[str, Any]:
        """What a whole message brings where a stream was asked for; some servers give its pieces under that name."""
        calling = bool(self._calls or self._old_calls)
        begun = bool(self.text) or calling
        self.came_whole = ended and not begun
        if ended and begun and text_of(whole).startswith("".join(self.text)):  # the same again
            return {} if calling else {key: whole[key] for key in ("tool_calls", "function_call") if key in whole}
        return whole


def _says(choice: Mapping[str, Any]) -> bool:
    """Whether a piece of a choice brings anything but its end."""
    return any(_brings(choice.get(key)) for key in ("delta", "message")) or bool(choice.get("error"))


def _brings(message: Any) -> bool:
    """Whether a piece of a message brings anything but its role."""
    return isinstance(message, dict) and any(value for key, value in message.items() if key != "role")


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
