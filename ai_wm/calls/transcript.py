"""Entries of the log of prompts: what was said in a call, without its keys."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ai_wm.data.bounds import storable
from ai_wm.keys import redact

if TYPE_CHECKING:
    from ai_wm.calls.turn import Turn
    from ai_wm.data.types import PerformanceRecord
    from ai_wm.store.prompt_log import LoggedCall


def logged_call(turn: Turn, record: PerformanceRecord) -> LoggedCall:
    """Makes the entry of a turn that ended, well or not.

    Args:
        turn: the turn.
        record: its record.
    """
    from ai_wm.store.prompt_log import LoggedCall  # which needs SQLite

    task, definition, metrics = turn.task, turn.definition, record.llm_metrics
    prompt = task.messages[-1] if task.messages else None
    context = "\n\n".join(message.content for message in task.options.context)
    system = turn.config.get("system_prompt")
    texts = {
        "system": system if isinstance(system, str) else "",
        "context": context,
        "prompt": prompt.content if prompt is not None else "",
        "attachments": ", ".join(each.name for each in prompt.attachments) if prompt is not None else "",
        "reply": turn.response.text if turn.response is not None else "",
        "error": record.error_details,
        "worker": definition.name,
        "model": f"{definition.provider}/{metrics.get('model_used') or definition.model_name}",
    }
    return LoggedCall(
        task_id=record.task_id,
        conversation=turn.instance_id,
        time=str(record.timestamp_start),
        owner=record.owner,
        input_tokens=metrics.get("input_tokens", 0),
        output_tokens=metrics.get("output_tokens", 0),
        cost=record.cost_incurred,
        duration_ms=record.duration_ms,
        **{name: storable(redact(text, turn.secrets)) for name, text in texts.items()},
    )
