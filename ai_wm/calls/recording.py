"""Performance records of turns, and the events that report them."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

from ai_wm.calls.fallbacks import Tried
from ai_wm.calls.pricing import PriceSource, cost_of_call
from ai_wm.calls.turn import Turn
from ai_wm.data.bounds import MOST_TOKENS, bounded_cost, check_record, short, storable
from ai_wm.data.totals import OUTPUT_SUMMARY_CHARACTERS, output_summary
from ai_wm.data.types import STATELESS_PREFIX, ZERO_TIME, AIWorkerDefinition, PerformanceRecord, Timestamp
from ai_wm.keys import Secret, redact
from ai_wm.providers.base import Usage
from ai_wm.support.clock import Span
from ai_wm.support.events import RATE_LIMITED, TASK_COMPLETED, TASK_FAILED
from ai_wm.support.ids import new_id
from neuroscript import ErrorCode, NeuroScriptError

MOST_ERROR_CHARACTERS: Final = 4000
"""The most characters of an error's message that a record keeps."""

Event = tuple[str, dict[str, Any]]
"""An event's name and payload."""


def record_of(turn: Turn, span: Span, tried: Sequence[Tried], error: BaseException | None = None) -> PerformanceRecord:
    """Makes the record of a finished turn, with facts about its input but not the input itself, and no key.

    Args:
        turn: the turn.
        span: when it was.
        tried: the definitions that were tried before.
        error: the error that it failed with; None if it succeeded.
    """
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
        details = f"interrupted{_cause_of(error)}"
    clearance = turn.task.options.clearance
    # More than is kept of the reply, so that a key at the end of that is recognised.
    reply = turn.response.text[: 2 * OUTPUT_SUMMARY_CHARACTERS] if turn.response is not None else ""
    if turn.secrets:
        metrics, reply, details = _redacted(metrics, reply, details, turn.secrets)
    values = {
        "task_id": turn.task_id,
        "instance_id": turn.instance_id,
        "definition_id": turn.definition.definition_id,
        "timestamp_start": span.start,
        "timestamp_end": span.end,
        "duration_ms": span.duration_ms,
        "success": error is None,
        "input_context": dict(turn.task.known),
        "llm_metrics": metrics,
        "cost_incurred": turn.cost,
        "output_summary": storable(output_summary(reply)),
        "error_details": short(details, MOST_ERROR_CHARACTERS) if details else "",
    }
    if clearance is not None:
        values["owner"] = clearance.owner
    return PerformanceRecord.of_valid(values) if _is_plain(values) else PerformanceRecord(**values)


def in_flight(turn: Turn, start: float) -> dict[str, Any]:
    """Makes a provisional record of a running turn, in case the process dies: its use so far plus the reservation.

    Args:
        turn: the turn, whose next round is about to be sent.
        start: when it began, in seconds since 1970.
    """
    # It is made for each call, so nothing is put together here that `lost_record` can put together.
    usage, (given, produced), clearance = turn.usage, turn.reserved_tokens, turn.task.options.clearance
    values = {
        "task_id": turn.task_id,
        "instance_id": turn.instance_id,
        "definition_id": turn.definition.definition_id,
        "timestamp_start": start,
        "input_context": dict(turn.task.known),
        "llm_metrics": {
            "input_tokens": usage.input_tokens + given,
            "output_tokens": usage.output_tokens + produced,
            "total_tokens": usage.input_tokens + usage.output_tokens + given + produced,
            "model_used": turn.definition.model_name,
            "attempts": turn.attempts + 1,
            "tool_rounds": turn.tool_rounds,
        },
        "cost_incurred": turn.cost + turn.reserved_cost,
    }
    return values if clearance is None else values | {"owner": clearance.owner}


def attempt_in_flight(turn: Turn, start: float) -> dict[str, Any]:
    """Makes a provisional record of the round that is about to be sent, by itself, as a journal keeps it.

    Args:
        turn: the turn.
        start: when the round begins, in seconds since 1970.
    """
    given, produced = turn.reserved_tokens
    metrics = {"input_tokens": given, "output_tokens": produced, "total_tokens": given + produced, "attempts": 1}
    instance = turn.task.instance_id or f"{STATELESS_PREFIX}{new_id()}"
    return in_flight(turn, start) | {
        "task_id": new_id(),
        "instance_id": instance,
        "llm_metrics": {**metrics, "model_used": turn.definition.model_name, "tool_rounds": max(0, turn.tool_rounds)},
        "cost_incurred": turn.reserved_cost,
        "charged": turn.reserved_cost,
    }


LOST: Final = "lost: the process that made this call ended before the call did"
"""The error message in the record of such a call."""

INTERRUPTED: Final = "lost: the run ended during this call, which is made again when the run goes on"
"""The same of a call that was cut off in a run that has a journal."""


def lost_record(
    call: Mapping[str, Any],
    definition: AIWorkerDefinition | None,
    prices: PriceSource | None,
    now: Timestamp,
    why: str = LOST,
) -> PerformanceRecord:
    """Makes the record of a call whose process died during it; its use is taken to be the amount reserved.

    Args:
        call: the provisional record made by `in_flight`, as a file has it that may come from anywhere.
        definition: who was asked; None if it is gone.
        prices: published prices.
        now: the present time.
        why: what became of it.

    Raises:
        NeuroScriptError: 4 for anything but such a record.
    """
    found, seconds, cost = call.get("llm_metrics"), call.get("timestamp_start"), call.get("cost_incurred")
    given: Mapping[str, Any] = found if isinstance(found, dict) else {}
    tokens = {name: _count(given.get(name)) for name in ("input_tokens", "output_tokens")}
    counts = {name: _count(given.get(name)) for name in ("attempts", "tool_rounds")}
    moment = Timestamp.from_unix(seconds) if type(seconds) is float and 0 <= seconds < 1e10 else ZERO_TIME
    booked, source = (bounded_cost(cost) if type(cost) is float else 0.0), ""
    if not booked and definition is not None:
        model, claimed = [definition.model_name], bool(definition.owner)
        usage = Usage(input_tokens=tokens["input_tokens"], output_tokens=tokens["output_tokens"])
        booked, source = cost_of_call(definition, [usage], model, prices, claimed=claimed)
    metrics = {
        **tokens,
        **counts,
        "total_tokens": sum(tokens.values()),
        "model_used": given.get("model_used", ""),
        "finish_reason": "error",
        "usage_estimated": True,
        "lost": True,
        **({"cost_source": source} if source else {}),
    }
    names = ("task_id", "instance_id", "definition_id", "input_context", "owner")
    record = PerformanceRecord(
        **{name: call[name] for name in names if name in call},
        timestamp_start=moment,
        timestamp_end=moment,
        error_details=why,
        llm_metrics=metrics,
        cost_incurred=booked,
    )
    check_record(record, now)
    return record


def _count(value: object) -> int:
    return value if type(value) is int and 0 <= value < MOST_TOKENS else 0


def _cause_of(error: BaseException) -> str:
    """The reason why a call was interrupted, in words for a script's author: never the name of a class."""
    if isinstance(error, KeyboardInterrupt):
        return " by the user"
    ended = getattr(error, "error", None)  # what ends a run carries the error that it ends with
    return f": error {int(ended.code)} ({ended.name}): {ended.message}" if isinstance(ended, NeuroScriptError) else ""


def _redacted(
    metrics: dict[str, Any], reply: str, details: str, secrets: Collection[Secret]
) -> tuple[dict[str, Any], str, str]:
    # One look at all that a server may have said tells mostly that there is nothing to do.
    said = "\n".join([reply, details, *map(str, metrics.values())])
    if redact(said, secrets) == said:
        return metrics, reply, details
    return redact(metrics, secrets), redact(reply, secrets), redact(details, secrets)


def _is_plain(values: Mapping[str, Any]) -> bool:
    """Whether all values from a model's client or price source are of built-in types.  Other values are
    checked closely, and refused if a file cannot hold them."""
    metrics, known = values["llm_metrics"], values["input_context"]
    return (
        type(values["output_summary"]) is str
        and type(values["cost_incurred"]) is float
        and 0 <= values["cost_incurred"] < math.inf
        and _PLAIN.issuperset(map(type, metrics.values()))
        and _PLAIN.issuperset(map(type, known.values()))
    )


_PLAIN: Final = frozenset({str, int, bool})


def completed(definition: AIWorkerDefinition, record: PerformanceRecord) -> Event:
    """Makes the event of a task that succeeded."""
    return TASK_COMPLETED, _payload(definition, record)


def failed(
    definition: AIWorkerDefinition, instance_id: str, error: NeuroScriptError, record: PerformanceRecord | None
) -> Event:
    """Makes the event of a task that failed or was refused by its limits.

    Args:
        definition: who was asked.
        instance_id: the instance, or the id made up for a stateless task.
        error: why.
        record: the record of the failed call; None if no call was begun, or none could be stored.
    """
    payload = (
        _payload(definition, record)
        if record is not None
        else {"definition_id": definition.definition_id, "name": definition.name, "instance_id": instance_id}
    )
    payload |= {"code": int(error.code), "message": error.message}
    if record is None and error.code in (ErrorCode.RATE_LIMITED, ErrorCode.BUDGET_EXCEEDED):
        known = ("limit", "value", "used", "retry_after_seconds")
        return RATE_LIMITED, payload | {key: error.details.get(key) for key in known}
    return TASK_FAILED, payload


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
