"""Log messages about calls: the model asked, the outcome, the cost and the reason of a failure, but no content.

The callers check first that the logger is enabled for the level.
"""

from __future__ import annotations

import logging
from typing import Any

from ai_wm.calls.streaming import code_of
from ai_wm.calls.turn import Turn
from ai_wm.data.types import AIWorkerDefinition, PerformanceRecord
from ai_wm.logs import CALLS, DEBUG, INFO, LIMITS, STORE, WARNING, tell
from ai_wm.support.clock import Span
from neuroscript import ErrorCode, NeuroScriptError

_OF_LIMITS = frozenset({ErrorCode.RATE_LIMITED, ErrorCode.BUDGET_EXCEEDED})
_LIMIT_DETAILS = ("limit", "value", "used", "retry_after_seconds")


def reserved(turn: Turn, tokens: int, cost: float) -> None:
    """Logs at DEBUG, for the limits, that room for a round was reserved."""
    fields = {"tokens": tokens, "cost": cost}
    _tell(turn, LIMITS, DEBUG, "reserved", "%s has room for %d tokens, cost %.6g", (turn.subject, tokens, cost), fields)


def asked(turn: Turn) -> None:
    """Logs at DEBUG that a round begins."""
    number, messages = turn.rounds + 1, len(turn.task.messages) + len(turn.messages)
    fields = {"round": number, "messages": messages, "streamed": turn.stream is not None}
    values = turn.subject, _model(turn), number, messages
    _tell(turn, CALLS, DEBUG, "asked", "%s (%s) is asked: round %d, %d messages", values, fields)


def round_over(turn: Turn) -> None:
    """Logs at DEBUG that a round was answered."""
    values = turn.subject, turn.rounds, turn.usage.input_tokens, turn.usage.output_tokens
    fields = {"round": turn.rounds, **_used(turn)}
    message = "%s has answered round %d; %d tokens in and %d out by now"
    _tell(turn, CALLS, DEBUG, "round_over", message, values, fields)


def recorded(turn: Turn, record: PerformanceRecord) -> None:
    """Logs at DEBUG, for the store, that the record of a turn was stored."""
    values, fields = (record.task_id, turn.subject), {"task_id": record.task_id}
    _tell(turn, STORE, DEBUG, "recorded", "the record %s of %s is stored", values, fields)


def cut_short(turn: Turn) -> None:
    """Logs a warning that a reply was cut at the limit of output that its worker's limits are the reason for."""
    fields, values = {"output_limit": turn.output_limit}, (turn.subject, turn.output_limit)
    message = (
        "the reply of %s was cut at %d tokens of output, which is what its limits and budgets allow a call that states "
        "none; set max_output_tokens"
    )
    _tell(turn, CALLS, WARNING, "cut_short", message, values, fields)


def answered(turn: Turn, record: PerformanceRecord) -> None:
    """Logs at INFO that a call has succeeded."""
    usage, cost, ms = turn.usage, record.cost_incurred, record.duration_ms
    values = turn.subject, _model(turn), usage.input_tokens, usage.output_tokens, cost, ms
    fields = {"duration_ms": ms, "task_id": record.task_id, "rounds": turn.rounds, **_used(turn)}
    message = "%s (%s) has answered: %d tokens in, %d out, cost %.6g, %d ms"
    _tell(turn, CALLS, INFO, "call_done", message, values, fields)


def ended(turn: Turn, span: Span, error: BaseException) -> None:
    """Logs at INFO that a call failed, was cut off, or was refused before it was made."""
    why, fields = _why(error)
    if turn.rounds:
        values = turn.subject, _model(turn), why, turn.attempts, span.duration_ms
        fields |= {"duration_ms": span.duration_ms, "rounds": turn.rounds, **_used(turn)}
        if turn.record is not None:
            fields["task_id"] = turn.record.task_id
        message = "the call of %s (%s) has failed: %s, attempts %d, %d ms"
        _tell(turn, CALLS, INFO, "call_failed", message, values, fields)
        return
    logger = LIMITS if fields["code"] in _OF_LIMITS else CALLS
    if logger.isEnabledFor(INFO):
        _tell(turn, logger, INFO, "refused", "%s was not asked: %s", (turn.subject, why), fields)


def not_spawned(definition: AIWorkerDefinition, error: NeuroScriptError) -> None:
    """Logs at INFO, for the limits, that there was no room for another instance."""
    why, fields = _why(error)
    fields |= {"worker": definition.name, "definition_id": definition.definition_id}
    tell(LIMITS, INFO, "refused", "no instance of worker %r was spawned: %s", (definition.name, why), fields)


def falls_back(turn: Turn, failed: str, error: NeuroScriptError) -> None:
    """Logs at INFO that a fallback is asked in place of a worker that failed."""
    why, fields = _why(error)
    values = turn.subject, failed, why
    message = "%s is asked in the place of worker %r, which has failed: %s"
    _tell(turn, CALLS, INFO, "fallback", message, values, fields | {"fallback_for": failed})


def passed_over(fallback: str, worker: AIWorkerDefinition, error: NeuroScriptError) -> None:
    """Logs at INFO that a fallback cannot be asked."""
    why, fields = _why(error)
    values = fallback, worker.name, why
    fields |= {"worker": fallback, "fallback_for": worker.name}
    tell(CALLS, INFO, "fallback_passed_over", "the fallback %r of worker %r cannot be asked: %s", values, fields)


def _tell(
    turn: Turn,
    logger: logging.Logger,
    level: int,
    event: str,
    message: str,
    arguments: tuple[object, ...],
    fields: dict[str, Any],
) -> None:
    definition = turn.definition
    names = {
        "worker": definition.name,
        "definition_id": definition.definition_id,
        "instance_id": turn.instance_id,
        "provider": str(definition.provider),
        "model": definition.model_name,
    }
    tell(logger, level, event, message, arguments, names | fields, turn.secrets)


def _why(error: BaseException) -> tuple[str, dict[str, Any]]:
    """Describes a failure in words and fields, without the error's message, which may quote anything."""
    code = code_of(error)
    fields: dict[str, Any] = {"code": code}
    if not isinstance(error, NeuroScriptError):
        return f"interrupted ({type(error).__name__})", fields
    why = f"error {code} ({error.name})"
    status, limit = error.details.get("status"), error.details.get("limit")
    if type(status) is int and status:
        fields["status"] = status
        why += f", status {status}"
    if code in _OF_LIMITS and isinstance(limit, str):
        why += f", {limit}"
        known = {name: error.details.get(name) for name in _LIMIT_DETAILS}
        fields |= {name: value for name, value in known.items() if isinstance(value, int | float | str)}
    return why, fields


def _model(turn: Turn) -> str:
    return f"{turn.definition.provider}/{turn.definition.model_name}"


def _used(turn: Turn) -> dict[str, Any]:
    usage = turn.usage
    return {
        "input_tokens": usage.input_tokens,
        "output_tokens": usage.output_tokens,
        "cost": turn.cost,
        "attempts": turn.attempts,
    }
