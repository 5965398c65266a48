"""Stand-ins for models in tests: no model is asked unless the host says so, and replies may be recorded and replayed.

A recorded reply belongs to its request: the model, the messages, the tools and the settings, of which the recording
keeps a hash.  Equal requests get their replies in the order in which these were recorded, each once.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import fields
from threading import Lock
from typing import Any

from ai_wm.data.bounds import short
from ai_wm.keys import Secret, redact
from ai_wm.providers.base import (
    FINISH_REASONS,
    MANAGEMENT_KEYS,
    OUTPUT_LIMITS,
    Delta,
    LLMClient,
    LLMRequest,
    LLMResponse,
    ToolCallRequest,
    Usage,
    check_request,
)
from ai_wm.providers.echo import in_pieces
from neuroscript import ErrorCode, NeuroScriptError

_BUILT_IN = ("echo", "scripted")
_NOT_COMPARED = MANAGEMENT_KEYS | {"max_output_tokens", *OUTPUT_LIMITS}
_MOST_ASKED = 200  # characters of a prompt that a recording keeps, for people who look into it
_USAGE = tuple(item.name for item in fields(Usage) if item.compare and item.name != "by_kind")


class ModelFakes:
    """Stands between a manager and the models in a test.  Safe for use from many threads.

    Args:
        live: whether models may be asked; ``echo`` and ``scripted`` always may.
        recorded: the recorded replies that are given in place of theirs; None where nothing is replayed.
        record: keeps what is recorded of each reply: a map that is JSON.  None where nothing is recorded.
        budgets: keeps the budgets of runs, by their limits, so that all tests together have one; None: each run has its
            own.
        hint: how a person gets a reply that is missing; ``{name}`` in it stands for the worker's name.
    """

    def __init__(
        self,
        *,
        live: bool = False,
        recorded: Sequence[Mapping[str, Any]] | None = None,
        record: Callable[[Mapping[str, Any]], object] | None = None,
        budgets: dict[Any, Any] | None = None,
        hint: str = "give it replies of its own: the provider local, the model scripted, base_config.replies",
    ) -> None:
        self.live = live
        self.budgets = budgets
        self._recorded = recorded
        self._record = record
        self._hint = hint
        self._lock = Lock()
        self._places: dict[str, int] = {}

    @property
    def records(self) -> bool:
        """Whether replies are recorded."""
        return self._record is not None

    def client(self, provider: str, model: str) -> LLMClient | None:
        """Returns who answers in place of a model; None if it answers itself."""
        if self.live or (provider == "local" and model in _BUILT_IN):
            return None
        return _Replayed(self)

    def refusal(self, worker: str, who: str = "") -> NeuroScriptError:
        """Makes the error of an ``ask`` that nobody may answer.

        Args:
            worker: the worker's name, as a script would write it.
            who: what is known of the model.
        """
        message = f"{who or worker} was not asked: tests ask no model without --live"
        hint = self._hint.replace("{name}", json.dumps(worker, ensure_ascii=False))
        return NeuroScriptError(ErrorCode.CONFIGURATION, f"{message}; {hint}")

    def reply(self, request: LLMRequest) -> LLMResponse:
        """Returns the recorded reply to a request.

        Raises:
            NeuroScriptError: 18 if there is none.
        """
        model = f"{request.provider}/{request.model}"
        if self._recorded is None:
            raise self.refusal("NAME", f"the model {short(model, 100)}")
        key = request_hash(request)
        found = [row for row in self._recorded if row.get("request") == key]
        with self._lock:
            place = self._places.get(key, 0)
            self._places[key] = place + 1
        if place < len(found):
            return _response(found[place], request)
        asked = _asked(request)
        if found:
            times = "once" if len(found) == 1 else f"{len(found)} times"
            what = f"the test asks it more often than when it was recorded, which was {times}"
        else:
            what = "the test has no recorded reply to this request: the prompt, the tools or the settings have changed"
        message = f"the model {short(model, 100)} was not asked {asked!r}: {what}"
        raise NeuroScriptError(ErrorCode.CONFIGURATION, f"{message}; record the test anew (--live --record FILE)")

    def keep(self, request: LLMRequest, response: LLMResponse, secrets: Collection[Secret] = ()) -> None:
        """Records a reply, unless it is one of ``echo`` or ``scripted``.

        Args:
            request: what was asked.
            response: the reply, in which keys are masked.
            secrets: the keys, which are masked in what was asked.
        """
        if self._record is None or (request.provider == "local" and request.model in _BUILT_IN):
            return
        self._record(
            {
                "request": request_hash(request),
                "provider": request.provider,
                "model": request.model,
                "asked": redact(_asked(request), secrets),
                "reply": {
                    "text": response.text,
                    "finish_reason": response.finish_reason,
                    "usage": {name: getattr(response.usage, name) for name in _USAGE},
                    "model": response.model,
                    "tool_calls": [
                        {"id": call.id, "name": call.name, "arguments": call.arguments, "problem": call.problem}
                        for call in response.tool_calls
                    ],
                    "vectors": [list(vector) for vector in response.vectors],
                },
            }
        )


def request_hash(request: LLMRequest) -> str:
    """A hash of what a model answers: the model, the conversation, the tools, and the settings that are sent to it.

    The limit of output is no part of it: it may come from what is left of a budget.
    """
    settings = {key: value for key, value in request.config.items() if key not in _NOT_COMPARED}
    described = {
        "model": [request.provider, request.model],
        "system": request.system_text,
        "messages": [
            [
                message.role,
                message.content,
                [[call.id, call.name, call.arguments] for call in message.tool_calls],
                message.tool_call_id,
                message.name,
                [[each.media_type, hashlib.sha256(each.data).hexdigest()] for each in message.attachments],
            ]
            for message in request.messages
        ],
        "tools": [[tool.name, tool.description, tool.parameters] for tool in request.tools],
        "settings": settings,
        "embed": list(request.embed),
    }
    text = json.dumps(described, sort_keys=True, default=repr)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


class _Replayed:
    """A client that gives recorded replies."""

    takes_attachments = True
    embeds = True

    def __init__(self, fakes: ModelFakes) -> None:
        self._fakes = fakes

    def complete(self, request: LLMRequest) -> LLMResponse:
        """Returns the recorded reply."""
        check_request(request)
        return self._fakes.reply(request)

    def stream(self, request: LLMRequest) -> Iterator[Delta]:
        """Yields the recorded reply word by word."""
        yield from in_pieces(self.complete(request))


def _asked(request: LLMRequest) -> str:
    """The beginning of what a model is asked."""
    texts = [message.content for message in request.messages if message.role == "user"] or list(request.embed)
    return short(texts[-1], _MOST_ASKED) if texts else ""


def _response(row: Mapping[str, Any], request: LLMRequest) -> LLMResponse:
    """A recorded reply as the response of a client.

    Raises:
        NeuroScriptError: 18 if it is none.
    """
    try:
        reply = row["reply"]
        usage = {name: reply["usage"][name] for name in _USAGE}
        made = LLMResponse(
            text=reply["text"],
            finish_reason=reply["finish_reason"],
            usage=Usage(**usage),
            model=reply["model"],
            tool_calls=tuple(ToolCallRequest(**call) for call in reply["tool_calls"]),
            vectors=tuple(tuple(map(float, vector)) for vector in reply["vectors"]),
        )
        texts = (made.text, made.model, *(part for call in made.tool_calls for part in (call.id, call.name)))
        fits = (
            made.finish_reason in FINISH_REASONS
            and all(type(count) is int and count >= 0 for count in usage.values())
            and all(type(text) is str for text in texts)
            and all(type(call.arguments) is dict for call in made.tool_calls)
        )
    except (KeyError, TypeError, ValueError):
        fits = False
    if not fits:
        message = f"the recorded reply to {_asked(request)!r} is not in the form that --record writes; record it anew"
        raise NeuroScriptError(ErrorCode.CONFIGURATION, message)
    return made
