"""The record of a task, and what is told about it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from ai_wm.calls.turn import Turn
from ai_wm.data.totals import output_summary
from ai_wm.data.types import AIWorkerDefinition, PerformanceRecord
from ai_wm.support.clock import Span
from ai_wm.support.events import RATE_LIMITED, TASK_COMPLETED, TASK_FAILED, Events
from ai_wm.support.ids import new_id
from neuroscript.errors import ErrorCode, NeuroScriptError


@dataclass(frozen=True, slots=True)
class Tried:
    """A definition that was tried before the one that a record is of, and why it gave no answer."""

    definition_id: str
    name: str
    code: int
    message: str

    def to_map(self) -> dict[str, Any]:
        """As ``llm_metrics.fallback_from`` holds it."""
        return {"definition_id": self.definition_id, "name": self.name, "code": self.code, "error": self.message}


def record_of(
    turn: Turn,
    span: Span,
    instance_id: str,
    input_context: Mapping[str, Any],
    *,
    error: BaseException | None = None,
    tried: Sequence[Tried] = (),
) -> PerformanceRecord:
    """The record of a turn that is over: it holds what is known of the input, never the input itself."""
    metrics = turn.metrics()
    if tried:
        metrics["fallback_from"] = [item.to_map() for item in tried]
    details = ""
    if isinstance(error, NeuroScriptError):
        details = f"error {int(error.code)} ({error.name}): {error.message}"
        text = error.details.get("text")
        if isinstance(text, str) and text:
            details += f"; the text so far: {output_summary(text)!r}"
    elif error is not None:
        details = f"interrupted: {type(error).__name__}"
    values = {
        "task_id": new_id(),
        "instance_id": instance_id,
        "definition_id": turn.definition.definition_id,
        "timestamp_start": span.start,
        "timestamp_end": span.end,
        "duration_ms": span.duration_ms,
        "success": error is None,
        "input_context": dict(input_context),
        "llm_metrics": metrics,
        "cost_incurred": turn.cost,
        "output_summary": output_summary(turn.response.text) if turn.response is not None else "",
        "error_details": details,
    }
    return PerformanceRecord.of_valid(values) if _is_plain(values) else PerformanceRecord(**values)


def _is_plain(values: Mapping[str, Any]) -> bool:
    """Whether all that a model's client or a source of prices had a hand in is of the usual kinds.  What is not is
    looked at closely, and refused if a file cannot hold it."""
    metrics, known = values["llm_metrics"], values["input_context"]
    return (
        type(values["output_summary"]) is str
        and type(values["cost_incurred"]) is float
        and 0 <= values["cost_incurred"] < math.inf
        and _PLAIN.issuperset(map(type, metrics.values()))
        and _PLAIN.issuperset(map(type, known.values()))
    )


_PLAIN: Final = frozenset({str, int})


def tell_completed(events: Events, definition: AIWorkerDefinition, record: PerformanceRecord) -> None:
    """Fires the event of a task that succeeded."""
    events.fire(TASK_COMPLETED, _payload(definition, record))


def tell_failed(
    events: Events,
    definition: AIWorkerDefinition,
    instance_id: str,
    error: NeuroScriptError,
    record: PerformanceRecord | None,
) -> None:
    """Fires the event of a refusal by the limits, or of a task that failed; ``record`` is None if no call was begun."""
    if error.code in (ErrorCode.RATE_LIMITED, ErrorCode.BUDGET_EXCEEDED) and record is None:
        known = ("limit", "value", "used", "retry_after_seconds")
        payload = {
            "definition_id": definition.definition_id,
            "name": definition.name,
            "instance_id": instance_id,
            "code": int(error.code),
            "message": error.message,
        }
        events.fire(RATE_LIMITED, {**payload, **{key: error.details.get(key) for key in known}})
        return
    payload = (
        _payload(definition, record)
        if record is not None
        else {"definition_id": definition.definition_id, "name": definition.name, "instance_id": instance_id}
    )
    events.fire(TASK_FAILED, {**payload, "code": int(error.code), "message": error.message})


def _payload(definition: AIWorkerDefinition, record: PerformanceRecord) -> dict[str, Any]:
    metrics = record.llm_metrics
    return {
        "task_id": record.task_id,
        "definition_id": definition.definition_id,
        "name": definition.name,
        "instance_id": record.instance_id,
        "duration_ms": record.duration_ms,
        "cost": record.cost_incurred,
        "input_tokens": metrics.get("input_tokens", 0),
        "output_tokens": metrics.get("output_tokens", 0),
        "finish_reason": metrics.get("finish_reason", ""),
    }
