"""Fallbacks: the definitions that are asked one after another until one answers, as ``fallbacks`` lists them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ai_wm.calls import call_log
from ai_wm.calls.task import Task
from ai_wm.data.settings import CallSettings
from ai_wm.data.types import AIWorkerDefinition
from ai_wm.logs import CALLS, INFO
from neuroscript import ErrorCode, NeuroScriptError

FALLBACK_CODES = frozenset(
    {ErrorCode.LLM_ERROR, ErrorCode.RATE_LIMITED, ErrorCode.TIMEOUT, ErrorCode.PROVIDER_NOT_FOUND}
)
"""The failures after which the next definition is asked."""

_PASSED_OVER = frozenset({ErrorCode.SECURITY, ErrorCode.NOT_IMPLEMENTED})
"""The failures of a fallback after which the next one is asked."""


def asks_next(error: NeuroScriptError, is_fallback: bool) -> bool:
    """Whether the next fallback is asked after an error.

    It is also asked after a call that is too large for its limits, and after a fallback that may not be used, or that
    does not take what is attached.
    """
    too_large = error.code == ErrorCode.RESOURCE_EXHAUSTION and "limit" in error.details
    return error.code in FALLBACK_CODES or too_large or (is_fallback and error.code in _PASSED_OVER)


@dataclass(frozen=True, slots=True)
class Tried:
    """A definition that was tried before another one, and the reason why it gave no answer."""

    definition_id: str
    name: str
    code: int
    message: str

    def to_map(self) -> dict[str, Any]:
        """Converts to an entry of ``llm_metrics.fallback_from``."""
        return {"definition_id": self.definition_id, "name": self.name, "code": self.code, "error": self.message}


def workers_of(task: Task, tried: list[Tried]) -> Iterator[AIWorkerDefinition]:
    """Iterates over the definitions to ask, in order; each is looked up only when it is needed.

    Args:
        task: the prompt to answer; ``fallbacks`` in the first definition's configuration names the others, whose own
            ``fallbacks`` are ignored.
        tried: a list to which the fallbacks that cannot be used are added, with the reason.

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
