"""Rows of the index, and the maps that scripts see, made from the JSON of entries without pydantic models.

A hundred thousand records are read when a store is opened, and as many may answer one query.  Models cost ten times
what these functions do, so they are made only of what is handed out as models, and of entries that are not as this
program writes them: those in the other spelling, and those that are wrong and need an explanation.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from ai_wm.data.fields import INT64_MAX, Timestamp, both_spellings
from ai_wm.data.totals import NEVER, to_nanoseconds, tokens_of
from ai_wm.data.types import (
    AIWorkerInstanceStatus,
    Model,
    PerformanceRecord,
    RetiredInstanceInfo,
    SupervisorFeedback,
    TokenUsageMetrics,
)
from neuroscript import ErrorCode, NeuroScriptError


class Row(NamedTuple):
    """The row of a record in the index.

    ``start`` and ``end`` are nanoseconds since 1970, ``cost`` is in the currency of the prices, and ``rating`` is None
    without feedback.
    """

    task_id: str
    definition_id: str
    start: int
    end: int
    duration_ms: int
    tokens: int
    cost: float
    rating: float | None
    success: bool
    owner: str = ""
    """Whose scripts ran the task; empty for the host's."""


class IndexedEntry(NamedTuple):
    """The part of an entry that the index keeps: its ids, and a row for each record."""

    instance_id: str
    definition_id: str
    rows: list[Row]


_TEXT: Final = (str,)
_COUNT: Final = (int,)
_NUMBER: Final = (int, float)
_MAP: Final = (dict,)
_RECORD_TYPES: Final[dict[str, tuple[type, ...]]] = {
    "task_id": _TEXT,
    "instance_id": _TEXT,
    "definition_id": _TEXT,
    "timestamp_start": _TEXT,
    "timestamp_end": _TEXT,
    "duration_ms": _COUNT,
    "success": (bool,),
    "input_context": _MAP,
    "llm_metrics": _MAP,
    "cost_incurred": _NUMBER,
    "output_summary": _TEXT,
    "error_details": _TEXT,
    "supervisor_feedback": _MAP,
    "owner": _TEXT,
}
_REQUIRED: Final = frozenset({"task_id", "definition_id", "timestamp_start", "timestamp_end", "duration_ms", "success"})
_ENTRY_TYPES: Final[dict[str, tuple[type, ...]]] = {
    "instance_id": _TEXT,
    "definition_id": _TEXT,
    "creation_timestamp": _TEXT,
    "retirement_timestamp": _TEXT,
    "final_status": _TEXT,
    "retirement_reason": _TEXT,
    "session_token_usage": _MAP,
    "initial_file_contexts": (list,),
    "performance_records": (list,),
    "owner": _TEXT,
}
_FEEDBACK_TYPES: Final[dict[str, tuple[type, ...]]] = {
    "rating": _NUMBER,
    "comments": _TEXT,
    "correction_instructions": _TEXT,
    "supervisor_agent_id": _TEXT,
    "feedback_timestamp": _TEXT,
}
_USAGE_TYPES: Final[dict[str, tuple[type, ...]]] = {
    "input_tokens": _COUNT,
    "output_tokens": _COUNT,
    "total_tokens": _COUNT,
}
_LARGEST: Final = sys.float_info.max
_STATUSES: Final = frozenset(status.value for status in AIWorkerInstanceStatus)


def _other_spellings(model: type[Model]) -> frozenset[str]:
    keys = {info.serialization_alias or name for name, info in model.model_fields.items()}
    return frozenset(str(choice) for key in keys for choice in both_spellings(key).choices) - keys


_OTHER_SPELLINGS: Final = frozenset().union(
    *map(_other_spellings, (PerformanceRecord, RetiredInstanceInfo, SupervisorFeedback, TokenUsageMetrics))
)


def normal_entry(entry: Any) -> tuple[dict[str, Any], IndexedEntry]:
    """Check an entry that was read from a file, and bring it to the usual spelling.

    Returns:
        the entry, itself if it is in the usual spelling, and what the index keeps of it.

    Raises:
        NeuroScriptError: 4, naming the field that is wrong.
    """
    if type(entry) is dict:
        indexed = _indexed(entry)
        if indexed is not None:
            return entry, indexed
    usual = RetiredInstanceInfo.parse(entry).to_file()
    indexed = _indexed(usual)
    if indexed is None:
        message = "retired instance: a value is out of bounds: a number, a time, or an id that is no text"
        raise NeuroScriptError(ErrorCode.ARG_MISMATCH, message)
    return usual, indexed


def _indexed(entry: dict[str, Any]) -> IndexedEntry | None:
    """What the index keeps of an entry in the usual spelling and with values of the right types; None for any other."""
    if not _fits(entry, _ENTRY_TYPES):
        return None
    instance_id = entry.get("instance_id")
    usage = entry.get("session_token_usage")
    if not instance_id or entry.get("final_status", "retired_completed") not in _STATUSES:
        return None
    if usage is not None and not is_usage(usage):
        return None
    if any(type(path) is not str for path in entry.get("initial_file_contexts", ())):
        return None
    if not (_is_time(entry.get("creation_timestamp")) and _is_time(entry.get("retirement_timestamp"))):
        return None
    rows = []
    for record in entry.get("performance_records", ()):
        row = record_row(record) if type(record) is dict else None
        if row is None:
            return None
        rows.append(row)
    definition_id = entry.get("definition_id", "")
    return IndexedEntry(instance_id, definition_id, rows) if is_text(instance_id, definition_id) else None


def record_row(record: dict[str, Any]) -> Row | None:
    """Make the row of a record in the form of the files; None if its spelling or its types are not the usual ones."""
    if not (_fits(record, _RECORD_TYPES) and record.keys() >= _REQUIRED):
        return None
    start, end = nanoseconds(record["timestamp_start"]), nanoseconds(record["timestamp_end"])
    duration, cost = record["duration_ms"], record.get("cost_incurred", 0)
    if start is None or end is None or not 0 <= duration <= INT64_MAX or not 0 <= cost <= _LARGEST:
        return None
    rating = None
    feedback = record.get("supervisor_feedback")
    if feedback is not None:
        if not (_fits(feedback, _FEEDBACK_TYPES) and _is_time(feedback.get("feedback_timestamp"))):
            return None
        given = feedback.get("rating", 0)
        if not -_LARGEST <= given <= _LARGEST:
            return None
        rating = float(given)
    tokens = tokens_of(record.get("llm_metrics", {}))
    task_id, definition_id, owner = record["task_id"], record["definition_id"], record.get("owner", "")
    if not task_id or not is_text(task_id, definition_id, owner):
        return None
    return Row(task_id, definition_id, start, end, duration, tokens, float(cost), rating, record["success"], owner)


def is_text(*texts: str) -> bool:
    """Whether texts can be written as UTF-8: halves of surrogate pairs cannot."""
    for text in texts:
        if not text.isascii():
            try:
                text.encode()
            except UnicodeEncodeError:
                return False
    return True


def row_of(record: PerformanceRecord) -> Row | None:
    """Make the row of a record; None if it has a key in two spellings, or a value that cannot be counted."""
    feedback = record.supervisor_feedback
    if has_two_spellings(record) or not is_text(record.task_id, record.definition_id, record.owner):
        return None
    if not 0 <= record.cost_incurred <= _LARGEST or not 0 <= record.duration_ms <= INT64_MAX:
        return None
    if feedback is not None and not -_LARGEST <= feedback.rating <= _LARGEST:
        return None
    return Row(
        record.task_id,
        record.definition_id,
        to_nanoseconds(record.timestamp_start),
        to_nanoseconds(record.timestamp_end),
        record.duration_ms,
        tokens_of(record.llm_metrics),
        float(record.cost_incurred),
        None if feedback is None else float(feedback.rating),
        record.success,
        record.owner,
    )


def has_two_spellings(record: PerformanceRecord) -> bool:
    """Whether a record has a key in a second spelling, which would hide what it is read as."""
    return not _OTHER_SPELLINGS.isdisjoint(record.unknown)


def _fits(data: Mapping[str, Any], types: Mapping[str, tuple[type, ...]]) -> bool:
    for key, value in data.items():
        expected = types.get(key)
        if expected is None:
            if key in _OTHER_SPELLINGS:
                return False
        elif type(value) not in expected:
            return False
    return True


def is_usage(usage: Mapping[str, Any]) -> bool:
    """Whether a map is the token usage of a session in the form of the files."""
    return _fits(usage, _USAGE_TYPES) and all(0 <= usage.get(key, 0) <= INT64_MAX for key in _USAGE_TYPES)


def _is_time(text: str | None) -> bool:
    return text is None or nanoseconds(text) is not None


_DAYS: dict[str, int] = {}
"""The nanoseconds at which the days met so far begin: records come in days."""


def nanoseconds(text: str) -> int | None:
    """Convert RFC 3339 text to nanoseconds since 1970, as `to_nanoseconds` does; None if it is not RFC 3339."""
    day = _DAYS.get(text[:10])
    # The usual form, 2025-06-15T09:30:00.123456789Z, without a datetime; everything else the long way.
    if day is not None and text[-1:] == "Z" and text[10:11] == "T" and text[13:14] == text[16:17] == ":":
        hour, minute, second, fraction = text[11:13], text[14:16], text[17:19], text[20:-1]
        digits = hour + minute + second + fraction
        marked = text[19:20] == ("." if fraction else "Z")
        if digits.isdecimal() and digits.isascii() and len(fraction) <= 9 and marked:
            clock = int(hour), int(minute), int(second)
            if len(second) == 2 and clock < (24,) and clock[1] < 60 and clock[2] < 60:
                whole = (clock[0] * 60 + clock[1]) * 60 + clock[2]
                return day + whole * 1_000_000_000 + (int(fraction.ljust(9, "0")) if fraction else 0)
    try:
        moment = Timestamp.parse(text)
    except ValueError:
        return None
    result = to_nanoseconds(moment)
    if text[:4] > "1678" and text[:4] < "2262" and len(_DAYS) < 10_000:
        midnight = datetime(int(text[:4]), int(text[5:7]), int(text[8:10]), tzinfo=UTC)
        _DAYS[text[:10]] = to_nanoseconds(midnight)
    return NEVER if moment.is_zero else result


_RECORD_SHAPE: Final[dict[str, Any]] = PerformanceRecord(task_id="-").to_script() | {"task_id": ""}
_FEEDBACK_SHAPE: Final[dict[str, Any]] = SupervisorFeedback().to_script()


def script_record(record: dict[str, Any]) -> dict[str, Any]:
    """Convert a record in the form of the files to that of `PerformanceRecord.to_script`; they may share containers."""
    result = _RECORD_SHAPE | {"input_context": {}, "llm_metrics": {}} | record
    feedback = result["supervisor_feedback"]
    if feedback is not None:
        result["supervisor_feedback"] = _FEEDBACK_SHAPE | feedback
    result.pop("owner", None)
    return result
