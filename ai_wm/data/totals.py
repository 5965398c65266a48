"""Exact summaries of performance records: sums without rounding, and a stored mark of the records that they count.

Sums are exact.  Counts, durations and tokens are ints; costs and ratings are added as the exact binary values of their
floats (`ExactSum`), so that a sum depends neither on the order of its terms nor on what was added and taken away again,
and is rounded once, when it is read.  Means are rounded once likewise.  Whatever was added, reading never fails and
gives a finite number: beyond the largest float a sum, a mean and a mark stay at that.

A definition's summary is what its stored and live records add up to, and beside that what the summary in its file
counts *beyond* them: the Go package counts tasks whose records it does not store.  The **mark**, ``counted`` in the
summary in the file, holds that remainder and the number of stored records that the summary covers.  So, reading a file:

* with a mark: the remainder is the mark's, and every record stored is counted once, whether it was stored before the
  mark was written or after.  If fewer records are stored than the mark covers (someone took the file away, or cut it),
  the file's summary holds, and the remainder is what it counts beyond the records that are left.  How many are
  missing is in the remainder too: a record that comes back, of a call that a process made before it died, is taken out
  of it.
* without one (a file written elsewhere): if the file's total is at least the number of stored records, the file's
  summary holds, and the remainder is what it counts beyond them; else the records alone count.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any, Final, Self

from ai_wm.data.fields import INT64_MAX, ZERO_TIME, Timestamp
from ai_wm.data.types import AIWorkerPerformanceSummary

OUTPUT_SUMMARY_CHARACTERS: Final = 256
"""How much of a reply a record keeps."""

NEVER: Final = -(2**63)
"""The zero time, in the nanoseconds in which moments are compared."""

_LARGEST: Final = sys.float_info.max
_LARGEST_INT: Final = int(_LARGEST)

_SCALE: Final = 1074 + 53
"""`ExactSum` counts in units of 2**-1127: every finite float is a whole number of them, mantissa digits included."""


class ExactSum:
    """An exact sum of floats, from which terms can be removed again; reading it rounds once, like `math.fsum`."""

    __slots__ = ("_units",)

    def __init__(self, terms: Iterable[float] = ()) -> None:
        self._units = 0
        for term in terms:
            self.add(term)

    def add(self, term: float) -> None:
        """Adds a finite number."""
        self._units += _units(term)

    def remove(self, term: float) -> None:
        """Subtracts a finite number that was added."""
        self._units -= _units(term)

    def plus(self, other: ExactSum) -> ExactSum:
        """Returns the sum of two sums."""
        result = ExactSum()
        result._units = self._units + other._units
        return result

    def minus(self, other: ExactSum) -> ExactSum:
        """Returns the difference of two sums."""
        result = ExactSum()
        result._units = self._units - other._units
        return result

    def times(self, factor: int) -> ExactSum:
        """Returns the sum multiplied by a whole number."""
        result = ExactSum()
        result._units = self._units * factor
        return result

    def over(self, count: int) -> float:
        """Returns the mean of ``count`` terms, rounded once; 0 for a count of 0."""
        return _quotient(self._units, count << _SCALE) if count else 0.0

    def terms(self) -> list[float]:
        """Returns a few floats, mostly one, that add up to exactly this; the largest float for more than that."""
        result, rest = [], self._units
        if abs(rest) > _LARGEST_UNITS:
            return [float(self)]
        while rest:
            term = rest / (1 << _SCALE)
            if not term:
                break
            result.append(term)
            rest -= _units(term)
        return result

    def __float__(self) -> float:
        return _quotient(self._units, 1 << _SCALE)

    def __bool__(self) -> bool:
        return self._units != 0

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ExactSum) and self._units == other._units

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"ExactSum({self.terms()})"


def _units(term: float) -> int:
    if isinstance(term, int):
        return max(-_LARGEST_INT, min(int(term), _LARGEST_INT)) << _SCALE
    mantissa, exponent = math.frexp(term)
    return int(mantissa * 9007199254740992.0) << (exponent + _SCALE - 53)


_LARGEST_UNITS: Final = _units(_LARGEST)


def _quotient(units: int, by: int) -> float:
    """Divides, and rounds once; what no float is large enough for becomes the largest, with its sign."""
    try:
        return units / by
    except OverflowError:
        return _LARGEST if units > 0 else -_LARGEST


@dataclass(slots=True)
class Totals:
    """The totals of a set of records.

    ``rated`` counts those with feedback, ``spawned`` instances; ``last`` is in nanoseconds.  ``missing`` counts those
    whose records were stored once and are not any more.
    """

    tasks: int = 0
    successes: int = 0
    duration_ms: ExactSum = field(default_factory=ExactSum)
    tokens: int = 0
    cost: ExactSum = field(default_factory=ExactSum)
    rated: int = 0
    rating: ExactSum = field(default_factory=ExactSum)
    spawned: int = 0
    last: int = NEVER
    missing: int = 0

    def plus(self, other: Totals) -> Totals:
        """Returns the totals of both sets of records."""
        return Totals(
            self.tasks + other.tasks,
            self.successes + other.successes,
            self.duration_ms.plus(other.duration_ms),
            self.tokens + other.tokens,
            self.cost.plus(other.cost),
            self.rated + other.rated,
            self.rating.plus(other.rating),
            self.spawned + other.spawned,
            max(self.last, other.last),
            self.missing + other.missing,
        )

    def without(self, returned: Totals) -> Totals:
        """Returns the totals without some records that were missing and came back; those missing are fewer then.

        With the records, the totals stay what they were, though these may say less than those that were missing did.
        """
        return Totals(
            max(0, self.tasks - returned.tasks),
            max(0, self.successes - returned.successes),
            self.duration_ms.minus(returned.duration_ms),
            max(0, self.tokens - returned.tokens),
            self.cost.minus(returned.cost),
            self.rated,
            self.rating,
            self.spawned,
            self.last,
            max(0, self.missing - returned.tasks),
        )

    def summary(self, active: int = 0) -> AIWorkerPerformanceSummary:
        """Converts the totals to the summary of a definition with ``active`` live instances."""
        return AIWorkerPerformanceSummary(
            total_tasks_attempted=min(self.tasks, INT64_MAX),
            successful_tasks=min(self.successes, INT64_MAX),
            failed_tasks=min(max(0, self.tasks - self.successes), INT64_MAX),
            average_success_rate=_quotient(self.successes, self.tasks) if self.tasks else 0.0,
            average_duration_ms=self.duration_ms.over(self.tasks),
            total_tokens_processed=min(self.tokens, INT64_MAX),
            total_cost_incurred=float(self.cost),
            average_quality_score=self.rating.over(self.rated),
            last_activity_timestamp=from_nanoseconds(self.last),
            total_instances_spawned=min(self.spawned, INT64_MAX),
            active_instances_count=active,
        )

    def to_mark(self) -> dict[str, Any]:
        """Converts the totals to JSON without loss; zeros are left out."""
        result: dict[str, Any] = {}
        for name in (item.name for item in fields(self)):
            value = getattr(self, name)
            if isinstance(value, ExactSum):
                value = value.terms()
            elif name == "last":
                value = "" if value == NEVER else str(from_nanoseconds(value))
            else:
                value = min(value, INT64_MAX)
            if value:
                result[name] = value
        return result

    @classmethod
    def from_mark(cls, mark: Mapping[str, Any]) -> Self:
        """Reads the totals that `to_mark` wrote.

        Raises:
            ValueError, TypeError: if it was not written by that.
        """
        values: dict[str, Any] = {}
        for item in fields(cls):
            value = mark.get(item.name)
            if value is None:
                continue
            if item.name == "last":
                values[item.name] = to_nanoseconds(Timestamp.parse(value))
            elif item.name in ("duration_ms", "cost", "rating"):
                values[item.name] = ExactSum(_term(term) for term in value)
            elif isinstance(value, int):
                values[item.name] = min(max(0, value), INT64_MAX)
            else:
                raise TypeError(f"{item.name} must be a whole number, not {value!r}")
        return cls(**values)


def _term(value: Any) -> float:
    """Reads a term of a mark's sum."""
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value:
        raise TypeError(f"{type(value).__name__} is no term of a sum")
    return min(max(value, -_LARGEST), _LARGEST)


def beyond_records(summary: AIWorkerPerformanceSummary, stored: int, records: Totals) -> Totals:
    """Computes the part of a stored summary that no known record explains, by the rules in the module's docstring.

    Args:
        summary: as read from the file, its mark included, which must be one that `mark_of` gave.
        stored: how many records of the definition are stored.
        records: what its records, stored and live, add up to.
    """
    mark = summary.counted
    covered = mark.get("records")
    if isinstance(covered, int) and stored >= covered:
        return Totals.from_mark(mark.get("beyond", {}))
    if summary.total_tasks_attempted < stored or is_blank(summary):
        return Totals()
    beyond = _difference(summary, records)
    if isinstance(covered, int):
        beyond.missing = min(beyond.tasks, covered - stored)
        beyond.last = to_nanoseconds(summary.last_activity_timestamp)
    return beyond


def is_blank(summary: AIWorkerPerformanceSummary) -> bool:
    """Whether a summary counts no tasks and no instances."""
    return not (summary.total_tasks_attempted or summary.total_instances_spawned)


def _difference(summary: AIWorkerPerformanceSummary, records: Totals) -> Totals:
    """The totals to add to the totals of the records in order to get the summary."""
    tasks = max(0, summary.total_tasks_attempted - records.tasks)
    # Ratings are not counted in the file: tasks beyond the records are taken as rated, if the mean says that some were.
    score = summary.average_quality_score
    rated = tasks if score and score != records.rating.over(records.rated) else 0
    rating = ExactSum([score]).times(rated + records.rated).minus(records.rating) if rated else ExactSum()
    last = to_nanoseconds(summary.last_activity_timestamp)
    duration, cost = ExactSum([summary.average_duration_ms]).times(summary.total_tasks_attempted), ExactSum()
    if summary.total_cost_incurred != float(records.cost):  # else it differs by its own rounding only
        cost = ExactSum([summary.total_cost_incurred]).minus(records.cost)
    return Totals(
        tasks=tasks,
        successes=max(0, summary.successful_tasks - records.successes),
        duration_ms=duration.minus(records.duration_ms) if tasks else ExactSum(),
        tokens=max(0, summary.total_tokens_processed - records.tokens),
        cost=cost,
        rated=rated,
        rating=rating,
        spawned=max(0, summary.total_instances_spawned - records.spawned),
        last=last if last > records.last else NEVER,
    )


def mark_of(stored: int, beyond: Totals) -> dict[str, Any]:
    """Makes the mark of a summary: the number of stored records that it covers, and its totals beyond them."""
    rest = beyond.to_mark()
    return {"records": stored, "beyond": rest} if rest else {"records": stored}


def tokens_of(llm_metrics: Mapping[str, Any]) -> int:
    """Returns the tokens of a call: ``total_tokens``, or the sum of input and output; 0 where unknown."""
    total = _count(llm_metrics.get("total_tokens"))
    if total is not None:
        return total
    parts = (_count(llm_metrics.get("input_tokens")), _count(llm_metrics.get("output_tokens")))
    return min(sum(part for part in parts if part), INT64_MAX)


def _count(value: Any) -> int | None:
    if type(value) is int or (type(value) is float and value.is_integer()):
        return int(value) if 0 <= value <= INT64_MAX else None
    return None


def output_summary(reply: str) -> str:
    """Returns the part of a reply that is kept in its record."""
    return reply[:OUTPUT_SUMMARY_CHARACTERS]


def to_nanoseconds(moment: datetime) -> int:
    """Converts a time to nanoseconds since 1970, clamped to 64 bits (the years 1678 to 2262)."""
    return max(NEVER, min(INT64_MAX, Timestamp.of(moment).unix_nanoseconds))


def from_nanoseconds(nanoseconds: int) -> Timestamp:
    """Converts nanoseconds since 1970 to a time; `NEVER` becomes the zero time."""
    if nanoseconds == NEVER:
        return ZERO_TIME
    seconds, rest = divmod(nanoseconds, 1_000_000_000)
    whole = Timestamp.from_unix(seconds)
    return Timestamp(
        whole.year, whole.month, whole.day, whole.hour, whole.minute, whole.second, rest // 1000, nanosecond=rest % 1000
    )
