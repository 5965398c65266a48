"""Fallbacks: the definitions that are asked in turn, the one named first and then those in its ``fallbacks``."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ai_wm.calls import call_log
from ai_wm.calls.turn import Task
from ai_wm.data.settings import CallSettings
from ai_wm.data.types import AIWorkerDefinition
from ai_wm.logs import CALLS, INFO
from neuroscript import ErrorCode, NeuroScriptError

FALLBACK_CODES = frozenset(
    {ErrorCode.LLM_ERROR, ErrorCode.RATE_LIMITED, ErrorCode.TIMEOUT, ErrorCode.PROVIDER_NOT_FOUND}
)
"""The failures after which the next definition is asked."""


def asks_next(error: NeuroScriptError, *, is_fallback: bool) -> bool:
    """Whether the next definition is asked after a failure: also where a fallback was one that may not be asked."""
    return error.code in FALLBACK_CODES or (is_fallback and error.code == ErrorCode.SECURITY)


@dataclass(frozen=True, slots=True)
class Tried:
    """A definition that was tried before another one, and why it gave no answer."""

    definition_id: str
    name: str
    code: int
    message: str

    def to_map(self) -> dict[str, Any]:
        """Converts to the map that ``llm_metrics.fallback_from`` holds."""
        return {"definition_id": self.definition_id, "name": self.name, "code": self.code, "error": self.message}


def workers_of(task: Task, tried: list[Tried]) -> Iterator[AIWorkerDefinition]:
    """Iterates over the definitions to ask, in order; each is looked up when its turn comes.

    Args:
        task: what they are to answer; ``fallbacks`` of the first one's configuration names the others, whose own do
            not count.
        tried: gets the fallbacks that cannot be used, and why.

    Raises:
        NeuroScriptError: what ``task.ready`` raises for the definition asked for.
    """
    first = task.ready(task.worker)
    yield first
    for name in CallSettings.of(task.configure(first)).fallbacks:
        try:
            fallback = task.ready(name)
        except NeuroScriptError as error:
            tried.append(Tried("", name, int(error.code), error.message))
            if CALLS.isEnabledFor(INFO):
                call_log.passed_over(name, first, error)
        else:
            yield fallback
