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
from typing import Any

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
        if callable(replies):
            return _response(replies(request), request, "the reply of the callable")
        if not isinstance(replies, Sequence) or isinstance(replies, str | bytes) or not replies:
            given = "nothing" if replies is None else f"{type(replies).__name__} {str(replies)[:60]!r}"
            raise NeuroScriptError(
                ErrorCode.CONFIGURATION,
                f"the scripted model needs a list in baseConfig.replies with at least one reply, but there is {given}",
            )
        index = self._next(request, replies)
        return _response(replies[index], request, f"replies[{index}]")

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


def _response(reply: object, request: LLMRequest, where: str) -> LLMResponse:
    if isinstance(reply, LLMResponse):
        return reply
    if isinstance(reply, str):
        reply = {"text": reply}
    if not isinstance(reply, Mapping):
        raise _bad(where, f"is {type(reply).__name__}; expected a text or a map")
    unknown = sorted(set(map(str, reply)) - _KEYS)
    if unknown:
        raise _bad(where, f"has the unknown key {unknown[0]!r}; known keys are {', '.join(sorted(_KEYS))}")
    if "error" in reply:
        raise _failure(reply["error"], where)
    text = reply.get("text", "")
    if not isinstance(text, str):
        raise _bad(where, f"has a text of type {type(text).__name__}")
    # Numbered from the length of the conversation, so that ids stay unique over its turns.
    calls = _tool_calls(reply.get("tool_calls", ()), where, first=len(request.messages))
    finish = reply.get("finish_reason", "tool_calls" if calls else "stop")
    if finish not in FINISH_REASONS:
        raise _bad(where, f"has the finish_reason {finish!r}; expected one of {', '.join(sorted(FINISH_REASONS))}")
    return LLMResponse(
        text=text,
        finish_reason=finish,
        usage=_usage(reply.get("usage"), where)
        or Usage(input_tokens=count_input(request), output_tokens=count_words(text)),
        model=str(reply.get("model", request.model)),
        tool_calls=calls,
    )


def _tool_calls(calls: object, where: str, first: int) -> tuple[ToolCallRequest, ...]:
    if not isinstance(calls, Sequence) or isinstance(calls, str | bytes):
        raise _bad(where, f"has tool_calls of type {type(calls).__name__}; expected a list of maps")
    made = []
    for number, call in enumerate(calls, start=first):
        arguments = call.get("arguments", {}) if isinstance(call, Mapping) else None
        if not isinstance(call, Mapping) or not isinstance(call.get("name"), str) or not isinstance(arguments, Mapping):
            raise _bad(where, f"has a tool call {str(call)[:80]}; expected a map with name and arguments (a map)")
        made.append(
            ToolCallRequest(id=str(call.get("id", f"call_{number}")), name=call["name"], arguments=dict(arguments))
        )
    return tuple(made)


def _usage(usage: object, where: str) -> Usage | None:
    if usage is None:
        return None
    if not isinstance(usage, Mapping) or not set(usage) <= _USAGE_KEYS:
        raise _bad(
            where, f"has the usage {str(usage)[:80]}; expected a map with keys of {', '.join(sorted(_USAGE_KEYS))}"
        )
    wrong = next((key for key, value in usage.items() if type(value) is not int or value < 0), None)
    if wrong is not None:
        raise _bad(where, f"has usage.{wrong} = {usage[wrong]!r}; expected a whole number that is not negative")
    return Usage(**usage)


def _failure(error: object, where: str) -> NeuroScriptError:
    if isinstance(error, str):
        error = {"message": error}
    if not isinstance(error, Mapping):
        raise _bad(where, f"has an error of type {type(error).__name__}; expected a text or a map")
    code = error.get("code", int(ErrorCode.LLM_ERROR))
    if type(code) is not int and not isinstance(code, ErrorCode):
        raise _bad(where, f"has the error code {code!r}; expected a number")
    details = dict(error.get("details") or {})
    details.setdefault("attempts", 1)
    if isinstance(details.get("usage"), Mapping):
        details["usage"] = _usage(details["usage"], where)
    return NeuroScriptError(code, str(error.get("message", "scripted failure")), details=details)


def _bad(where: str, what: str) -> NeuroScriptError:
    return NeuroScriptError(ErrorCode.CONFIGURATION, f"{where} of the scripted model {what}")
