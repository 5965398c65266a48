"""The built-in ``scripted`` model, which gives prepared answers, for tests and demonstrations.

The replies stand in ``replies`` of the configuration, a list, taken in order.  Each session (a conversation, or all
stateless tasks of a definition) has its own place in the list; after the last reply the list starts again, so one reply
serves any number of calls.  To find out that a program asks more often than it should, end the list with an error.

A reply is a text, or a map with any of these keys:

* ``text``: the reply's text;
* ``tool_calls``: a list of maps ``name``, ``arguments`` (a map, default empty), ``id`` (default made up);
* ``finish_reason``: default ``tool_calls`` with tool calls, else ``stop``;
* ``usage``: a map with any fields of `Usage`; default the words of input and reply;
* ``model``: the model that is said to have answered;
* ``error``: instead of a reply, a failure: a text (error 16) or a map ``code``, ``message``, ``details``.

From Python a callable works as well: ``ScriptedClient(lambda request: "…")`` given as a client, or as ``replies``.  It
takes the `LLMRequest` and returns a reply in one of these forms, or an `LLMResponse`; what it raises is raised.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import fields
from threading import Lock
from typing import Any, NamedTuple

from ai_wm.data.spelling import nearest
from ai_wm.providers.base import (
    FINISH_REASONS,
    Delta,
    LLMRequest,
    LLMResponse,
    ToolCallRequest,
    Usage,
    check_request,
    count_words,
)
from ai_wm.providers.echo import check_settings, count_input, in_pieces
from neuroscript import ErrorCode, NeuroScriptError

Reply = str | Mapping[str, Any] | LLMResponse
Replies = Sequence[Reply] | Callable[[LLMRequest], Reply]

_MOST_PLACES = 10_000
_KEYS = frozenset({"text", "tool_calls", "finish_reason", "usage", "model", "error"})
_CALL_KEYS = frozenset({"name", "arguments", "id"})
_ERROR_KEYS = frozenset({"code", "message", "details"})
_USAGE_KEYS = frozenset(item.name for item in fields(Usage) if item.compare)


class ScriptedClient:
    """A model client that answers from a list or a callable.

    Args:
        replies: what to answer; without it ``replies`` of each request's configuration is used.

    Raises (from its calls):
        NeuroScriptError: 18 where there are no replies or one is not in a known form; else what a reply says.
    """

    def __init__(self, replies: Replies | None = None) -> None:
        self._replies = replies
        self._lock = Lock()
        self._places: dict[tuple[str, str], int] = {}

    def complete(self, request: LLMRequest) -> LLMResponse:
        """Returns the next reply."""
        check_request(request)
        check_settings(request)
        replies = self._replies if self._replies is not None else request.config.get("replies")
        try:
            if callable(replies):
                return _response(replies(request), request, "the reply of the callable")
            listed = _listed(replies)
            index = self._next(request, listed)
            return _response(listed[index], request, f"replies[{index}]")
        except _BadReply as error:
            raise NeuroScriptError(ErrorCode.CONFIGURATION, f"the scripted model: {error}") from None

    def stream(self, request: LLMRequest) -> Iterator[Delta]:
        """Yields the next reply word by word."""
        yield from in_pieces(self.complete(request))

    def _next(self, request: LLMRequest, replies: Sequence[Reply]) -> int:
        # A session may change its replies through overrides; a different list starts at its own beginning.
        key = (request.session, "" if self._replies is not None else json.dumps(replies, sort_keys=True, default=repr))
        with self._lock:
            place = self._places.pop(key, 0)
            self._places[key] = place + 1  # the last used comes last
            if len(self._places) > _MOST_PLACES:
                del self._places[next(iter(self._places))]
        return place % len(replies)


def check_replies(replies: object) -> None:
    """Checks the replies in the ``base_config`` of a scripted worker.

    Raises:
        NeuroScriptError: 4 for what is no list of replies, naming the reply by its index and what is wrong in it.
    """
    where = "replies"
    try:
        for index, reply in enumerate(_listed(replies)):
            where = f"replies[{index}]"
            _read(reply, where, first=1)
    except _BadReply as error:
        raise NeuroScriptError(
            ErrorCode.ARG_MISMATCH, f"worker definition: base_config.{error}", details={"field": f"base_config.{where}"}
        ) from None


class _BadReply(Exception):
    """A reply, or a list of them, in no form that is known here: where it stands, and what is wrong."""

    def __init__(self, where: str, what: str) -> None:
        super().__init__(f"{where} {what}")


class _Parts(NamedTuple):
    """The parts of a reply; None for those that are made up from the request."""

    text: str
    calls: tuple[ToolCallRequest, ...]
    finish_reason: str
    usage: Usage | None
    model: str | None


def _listed(replies: Any) -> Sequence[Reply]:
    if not isinstance(replies, Sequence) or isinstance(replies, str | bytes) or not replies:
        given = "nothing" if replies is None else f"{type(replies).__name__} {str(replies)[:60]!r}"
        raise _BadReply("replies", f"must be a list with at least one reply, but there is {given}")
    return replies


def _response(reply: object, request: LLMRequest, where: str) -> LLMResponse:
    if isinstance(reply, LLMResponse):
        return reply
    # Numbered from the length of the conversation, so that ids stay unique over its turns.
    parts = _read(reply, where, first=len(request.messages))
    if isinstance(parts, NeuroScriptError):
        raise parts
    return LLMResponse(
        text=parts.text,
        finish_reason=parts.finish_reason,
        usage=parts.usage or Usage(input_tokens=count_input(request), output_tokens=count_words(parts.text)),
        model=request.model if parts.model is None else parts.model,
        tool_calls=parts.calls,
    )


def _read(reply: object, where: str, first: int) -> _Parts | NeuroScriptError:
    """Reads a reply: its parts, or the failure that it stands for.

    Raises:
        _BadReply: if it is in no form that is known here.
    """
    if isinstance(reply, str):
        reply = {"text": reply}
    if not isinstance(reply, Mapping):
        raise _BadReply(where, f"is {type(reply).__name__}; expected a text or a map")
    _check_keys(reply, _KEYS, where)
    if "error" in reply:
        return _failure(reply["error"], where)
    text = reply.get("text", "")
    if not isinstance(text, str):
        raise _BadReply(where, f"has a text of type {type(text).__name__}")
    calls = _tool_calls(reply.get("tool_calls", ()), where, first)
    finish = reply.get("finish_reason", "tool_calls" if calls else "stop")
    if finish not in FINISH_REASONS:
        known = ", ".join(sorted(FINISH_REASONS))
        raise _BadReply(where, f"has the finish_reason {str(finish)[:60]!r}; expected one of {known}")
    usage = _usage(reply.get("usage"), where)
    return _Parts(text, calls, finish, usage, str(reply["model"]) if "model" in reply else None)


def _check_keys(given: Mapping[Any, Any], known: frozenset[str], where: str) -> None:
    unknown = sorted(set(map(str, given)) - known)
    if unknown:
        near = nearest(unknown[0], known)
        hint = f"did you mean {near!r}?" if near else f"known keys are {', '.join(sorted(known))}"
        raise _BadReply(where, f"has the unknown key {unknown[0][:60]!r}; {hint}")


def _tool_calls(calls: object, where: str, first: int) -> tuple[ToolCallRequest, ...]:
    if not isinstance(calls, Sequence) or isinstance(calls, str | bytes):
        raise _BadReply(where, f"has tool_calls of type {type(calls).__name__}; expected a list of maps")
    made = []
    for number, call in enumerate(calls):
        place = f"{where}.tool_calls[{number}]"
        if not isinstance(call, Mapping):
            raise _BadReply(place, f"is {type(call).__name__}, no tool call; expected a map with name and arguments")
        _check_keys(call, _CALL_KEYS, place)
        if not isinstance(call.get("name"), str):
            raise _BadReply(place, "is no tool call: its name must be a text, the name of a tool")
        arguments = call.get("arguments", {})
        if not isinstance(arguments, Mapping):
            raise _BadReply(place, f"has arguments of type {type(arguments).__name__}; expected a map")
        call_id = str(call.get("id", f"call_{first + number}"))
        made.append(ToolCallRequest(id=call_id, name=call["name"], arguments=dict(arguments)))
    return tuple(made)


def _usage(usage: object, where: str) -> Usage | None:
    if usage is None:
        return None
    if not isinstance(usage, Mapping):
        raise _BadReply(where, f"has a usage of type {type(usage).__name__}; expected a map of tokens")
    _check_keys(usage, _USAGE_KEYS, f"{where}.usage")
    wrong = next((key for key, value in usage.items() if type(value) is not int or value < 0), None)
    if wrong is not None:
        raise _BadReply(
            where, f"has usage.{wrong} = {str(usage[wrong])[:60]!r}; expected a whole number that is not negative"
        )
    return Usage(**usage)


def _failure(error: object, where: str) -> NeuroScriptError:
    if isinstance(error, str):
        error = {"message": error}
    if not isinstance(error, Mapping):
        raise _BadReply(where, f"has an error of type {type(error).__name__}; expected a text or a map")
    _check_keys(error, _ERROR_KEYS, f"{where}.error")
    code = error.get("code", int(ErrorCode.LLM_ERROR))
    if type(code) is not int and not isinstance(code, ErrorCode):
        raise _BadReply(where, f"has the error code {str(code)[:60]!r}; expected a number")
    details = error.get("details") or {}
    if not isinstance(details, Mapping):
        raise _BadReply(where, f"has error details of type {type(details).__name__}; expected a map")
    details = {"attempts": 1, **details}
    if isinstance(details.get("usage"), Mapping):
        details["usage"] = _usage(details["usage"], where)
    return NeuroScriptError(code, str(error.get("message", "scripted failure")), details=details)
