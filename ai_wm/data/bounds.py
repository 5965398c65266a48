"""Bounds on untrusted input: values that scripts write, and texts and counts that servers report.

A script's value out of bounds is refused; a server's is cut, or replaced by the estimate that was reserved.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final, TypeVar

from ai_wm.data.fields import Timestamp
from ai_wm.data.types import PerformanceRecord
from neuroscript import ErrorCode, NeuroScriptError

T = TypeVar("T")

MOST_BYTES: Final = 64 * 1024
"""The most bytes of JSON in one field of a definition or record from a script."""

MOST_TOKENS: Final = 1_000_000_000
MOST_COST: Final = 1_000_000.0
MOST_PRICE: Final = 10_000.0
"""The largest price of a call, or of a token."""

MOST_RATING: Final = 1_000_000.0
MOST_DURATION_MS: Final = 366 * 86_400_000
EARLIEST: Final = Timestamp(2000)
_AHEAD: Final = timedelta(days=1)

SHORT: Final = 256
"""The most characters of a name or word from a server."""

_NUMBERS: Final = frozenset({bool, int, float, type(None)})

_UNCOUNTED_INPUT: Final = 1_000_000
"""The most input tokens that a provider may count in addition to the request, for text that it adds itself."""

_MOST_OUTPUT: Final = 1_000_000
"""The most tokens of one reply, thinking included, without another limit; five times the limit of current models."""


def check_size(value: Any, what: str) -> None:
    """Raises an error for a value larger than `MOST_BYTES` as JSON.

    Raises:
        NeuroScriptError: 4.
    """
    if isinstance(value, Mapping) and len(value) < 100 and all(map(_is_small, value.values())):
        return
    size = len(json.dumps(value, ensure_ascii=False, default=str).encode("utf-8", "replace"))
    if size > MOST_BYTES:
        raise _beyond(what, f"{size} bytes of JSON", f"at most {MOST_BYTES}")


def _is_small(value: Any) -> bool:
    return type(value) in _NUMBERS or (type(value) is str and len(value) < 100)


def check_number(value: Any, what: str, least: float, most: float) -> None:
    """Raises an error for a number out of bounds; other values are left to the validation of their field.

    Raises:
        NeuroScriptError: 4.
    """
    if isinstance(value, int | float) and not isinstance(value, bool) and not least <= value <= most:
        raise _beyond(what, f"{value!r}"[:60], f"a number from {least:g} to {most:g}")


def check_record(record: PerformanceRecord, now: datetime) -> None:
    """Raises an error for a script's record with values that no task can have.

    Raises:
        NeuroScriptError: 4 naming the field.
    """
    check_number(record.cost_incurred, "cost_incurred", 0, MOST_COST)
    check_number(record.duration_ms, "duration_ms", 0, MOST_DURATION_MS)
    for name, value in record.llm_metrics.items():
        check_number(value, f"llm_metrics.{name}"[:80], -MOST_TOKENS, MOST_TOKENS)
    for name in ("timestamp_start", "timestamp_end"):
        moment: Timestamp = getattr(record, name)
        if not moment.is_zero and not EARLIEST <= moment <= now + _AHEAD:
            raise _beyond(name, str(moment), f"a time from {EARLIEST} to a day from now")
    if record.supervisor_feedback is not None:
        check_number(record.supervisor_feedback.rating, "rating", -MOST_RATING, MOST_RATING)
    check_size(record.to_script(), f"the record of task {record.task_id[:60]!r}")


def storable(value: T) -> T:
    """Makes a value storable as UTF-8: lone surrogates become U+FFFD."""
    return _storable(value)  # type: ignore[no-any-return]


def short(text: T, most: int = SHORT) -> T:
    """Truncates an implausibly long text from a server; any other value is returned unchanged."""
    if not isinstance(text, str) or (len(text) <= most and text.isascii()):
        return text
    cut: Any = storable(text[: most + 1])
    return cut if len(cut) <= most else f"{cut[: most - 1]}…"  # type: ignore[return-value]


def is_believable(input_tokens: int, output_tokens: int, sent_bytes: int, max_output: Any, attempts: int) -> bool:
    """Whether token counts that a server reports for a call are plausible.

    Args:
        input_tokens: the tokens of input that it counts.
        output_tokens: those of output.
        sent_bytes: how long the text was that it was sent; no token is shorter than a byte.
        max_output: ``max_output_tokens`` of the call, if it is set.
        attempts: how often the call was sent.
    """
    limit = max_output if type(max_output) is int and max_output > _MOST_OUTPUT else _MOST_OUTPUT
    times = max(1, attempts)
    return 0 <= input_tokens <= times * (sent_bytes + _UNCOUNTED_INPUT) and 0 <= output_tokens <= times * limit


def bounded_cost(cost: float) -> float:
    """Clamps a cost to the range from 0 to `MOST_COST`, so that it can be added up."""
    if 0.0 <= cost <= MOST_COST:
        return cost
    return MOST_COST if cost > 0 else 0.0


def _storable(value: Any) -> Any:
    if isinstance(value, str):
        if value.isascii():
            return value
        try:
            value.encode()
        except UnicodeEncodeError:
            return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        return value
    if isinstance(value, Mapping):
        return {_storable(key): _storable(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_storable(item) for item in value]
    return value


def _beyond(what: str, given: str, expected: str) -> NeuroScriptError:
    return NeuroScriptError(
        ErrorCode.ARG_MISMATCH, f"{what} is beyond reason: {given}; expected {expected}", details={"field": what}
    )
