"""Rules that every store follows: what it refuses, and the entry that stands for a task without an instance."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from typing import Any, Final

from ai_wm.data.totals import tokens_of
from ai_wm.data.types import STATELESS_PREFIX, AIWorkerInstanceStatus, PerformanceRecord
from neuroscript import ErrorCode, NeuroScriptError

LEFT_OUT: Final = frozenset({"retirement_reason", "initial_file_contexts", "owner"})
"""What an entry of an instance does not have where it is empty."""


def known_instance(instance_id: str) -> NeuroScriptError:
    """Make error 42 for an instance whose id is taken."""
    return NeuroScriptError(ErrorCode.DUPLICATE, f"there is an instance {instance_id!r} already")


def not_live(instance_id: str, why: str = "is not live") -> NeuroScriptError:
    """Make error 9 for an instance that is not live, or not this store's."""
    return NeuroScriptError(ErrorCode.KEY_NOT_FOUND, f"instance {instance_id!r} {why}")


def known_task(task_id: str) -> NeuroScriptError:
    """Make error 42 for a task that is logged again."""
    return NeuroScriptError(ErrorCode.DUPLICATE, f"there is a record of task {task_id!r} already")


def unknown_task(task_id: str) -> NeuroScriptError:
    """Make error 9 for a task that was never logged."""
    return NeuroScriptError(ErrorCode.KEY_NOT_FOUND, f"there is no record of a task {task_id!r}")


def two_spellings(task_id: str) -> NeuroScriptError:
    """Make error 4 for a record that holds a key in both spellings, so that no reader could tell which one counts."""
    message = f"performance record of task {task_id!r}: a key is given in two spellings; give each once"
    return NeuroScriptError(ErrorCode.ARG_MISMATCH, message)


def check_tasks(records: Sequence[PerformanceRecord], is_of_another: Callable[[str], bool]) -> None:
    """Make sure that every task is counted once when an instance is retired with these records.

    Args:
        records: what is stored in the place of what was logged.
        is_of_another: whether a task belongs to another instance.

    Raises:
        NeuroScriptError: 42 for a task that comes twice or belongs to another instance.
    """
    seen: set[str] = set()
    for record in records:
        if record.task_id in seen or is_of_another(record.task_id):
            raise known_task(record.task_id)
        seen.add(record.task_id)


def new_stateless_id() -> str:
    """Make the id of an entry for a record that names no instance."""
    return f"{STATELESS_PREFIX}{uuid.uuid4()}"


def task_entry(record: PerformanceRecord, instance_id: str) -> dict[str, Any]:
    """Make the entry that stands for a task of no known instance, in the form of the files and without the record.

    Args:
        record: the task's.
        instance_id: the entry's; the record's own, or a new one where that has none.
    """
    metrics = record.llm_metrics
    status = AIWorkerInstanceStatus.RETIRED_COMPLETED if record.success else AIWorkerInstanceStatus.RETIRED_ERROR
    return {
        "instance_id": instance_id,
        "definition_id": record.definition_id,
        "creation_timestamp": str(record.timestamp_start),
        "retirement_timestamp": str(record.timestamp_end),
        "final_status": status.value,
        "retirement_reason": "stateless task" if instance_id.startswith(STATELESS_PREFIX) else "task logged",
        "session_token_usage": {
            "input_tokens": tokens_of({"total_tokens": metrics.get("input_tokens")}),
            "output_tokens": tokens_of({"total_tokens": metrics.get("output_tokens")}),
            "total_tokens": tokens_of(metrics),
        },
    } | ({"owner": record.owner} if record.owner else {})
