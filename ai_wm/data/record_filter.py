"""Filters for queries of performance records."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from datetime import datetime
from typing import Any

from ai_wm.data.fields import Timestamp
from ai_wm.data.totals import to_nanoseconds
from ai_wm.data.type_words import described_type
from ai_wm.data.types import STATELESS_PREFIX
from neuroscript import ErrorCode, NeuroScriptError


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordFilter:
    """The conditions on the records that a query returns; None is no condition.

    ``since`` and ``until`` are nanoseconds since 1970, compared with the task's start and including the moment itself;
    ``duration_ms_gt`` and the like are strict.  ``limit`` is how many at most, the newest.  ``owners`` are those whose
    tasks are given, the empty one standing for tasks without an owner; no script can set it.
    """

    task_id: str | None = None
    instance_id: str | None = None
    stateless: bool | None = None
    success: bool | None = None
    duration_ms_gt: float | None = None
    duration_ms_lt: float | None = None
    cost_incurred_gt: float | None = None
    cost_incurred_lt: float | None = None
    since: int | None = None
    until: int | None = None
    limit: int | None = None
    owners: frozenset[str] | None = None

    @classmethod
    def parse(cls, filters: Mapping[str, Any] | RecordFilter | None) -> RecordFilter:
        """Reads filters that scripts and hosts give as maps.

        ``since`` and ``until`` are RFC 3339 text or datetimes; ``instance_id`` may be ``"stateless"`` for all stateless
        tasks.

        Raises:
            NeuroScriptError: 4 for an unknown filter or a value of the wrong kind, naming the filter.
        """
        if filters is None or isinstance(filters, RecordFilter):
            return filters or cls()
        if not isinstance(filters, Mapping):
            raise _bad("filters", "a map", filters)
        known = [item.name for item in fields(cls) if item.name != "owners"]
        values: dict[str, Any] = {}
        for name, value in filters.items():
            if name not in known:
                message = f"unknown filter {name!r} of performance records; there are {', '.join(known)}"
                raise NeuroScriptError(ErrorCode.ARG_MISMATCH, message, details={"field": str(name)})
            if value is not None:
                values[name] = _filter_value(name, value)
        if values.get("instance_id") == STATELESS_PREFIX.rstrip("-"):
            return replace(cls(**{**values, "instance_id": None}), stateless=True)
        return cls(**values)


def _filter_value(name: str, value: Any) -> Any:
    match name:
        case "task_id" | "instance_id":
            if isinstance(value, str):
                return value
            raise _bad(name, "a string", value)
        case "success" | "stateless":
            if isinstance(value, bool):
                return value
            raise _bad(name, "true or false", value)
        case "since" | "until":
            try:
                moment = value if isinstance(value, datetime) else Timestamp.parse(value)
            except (TypeError, ValueError) as error:
                raise _bad(name, "a time such as 2025-06-15T09:30:00Z", value) from error
            return to_nanoseconds(moment)
        case "limit":
            if isinstance(value, int | float) and not isinstance(value, bool) and value >= 1 and value == value // 1:
                return int(value)
            raise _bad(name, "a whole number from 1 up", value)
        case _:
            if isinstance(value, int | float) and not isinstance(value, bool) and not math.isnan(value):
                return value
            raise _bad(name, "a number", value)


def _bad(name: str, expected: str, value: Any) -> NeuroScriptError:
    shown = repr(value) if type(value) in (str, int, float) else described_type(value)
    message = f"filter {name} of performance records: expected {expected}, got {shown[:80]}"
    return NeuroScriptError(ErrorCode.ARG_MISMATCH, message, details={"field": name})
