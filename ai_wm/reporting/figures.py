"""The figures of workers' records: sums, rates and percentiles, of any group of them and by day."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

from ai_wm.manager import AIWorkerManager
from ai_wm.store.rows import Row
from ai_wm.support.ids import ExactId

MOST_BINS: Final = 92
"""A longer period is shown in bins of several days."""

DAY: Final = 86_400 * 1_000_000_000
"""A day in nanoseconds."""

_SHORT_ID: Final = 8
_FREE: Final = 1e-12
_SAMPLE: Final = 20
"""So many of a worker's newest tasks without cost are read to see whether their price was known."""


@dataclass(frozen=True, slots=True)
class Figures:
    """What some records add up to; None where there is nothing to take a mean of.

    Times are in milliseconds, ``success`` is a share from 0 to 1, ``quality`` the mean of the ratings.
    """

    tasks: int = 0
    failed: int = 0
    tokens: int = 0
    cost: float = 0.0
    median_ms: float | None = None
    slow_ms: float | None = None
    """The time that 95 % of the tasks did not exceed."""
    quality: float | None = None
    rated: int = 0
    last: int = 0
    """The start of the last task, in nanoseconds since 1970; 0 for none."""

    @property
    def success(self) -> float | None:
        return (self.tasks - self.failed) / self.tasks if self.tasks else None


def figures_of(rows: Iterable[Row]) -> Figures:
    """Adds up records."""
    some = list(rows)
    times = sorted(row.duration_ms for row in some)
    ratings = [row.rating for row in some if row.rating is not None]
    return Figures(
        tasks=len(some),
        failed=sum(not row.success for row in some),
        tokens=sum(row.tokens for row in some),
        cost=math.fsum(row.cost for row in some),
        median_ms=percentile(times, 0.5),
        slow_ms=percentile(times, 0.95),
        quality=math.fsum(rating / len(ratings) for rating in ratings) if ratings else None,
        rated=len(ratings),
        last=max((row.start for row in some), default=0),
    )


def percentile(ordered: Sequence[float], share: float) -> float | None:
    """Returns the smallest value that a share of the values does not exceed (nearest rank); None of no values."""
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)] if ordered else None


@dataclass(slots=True)
class WorkerRows:
    """A worker with the records of a period."""

    definition_id: str
    label: str
    """Its name; where several have it, or it is not known, with the beginning of its id."""
    is_removed: bool = False
    rows: list[Row] = field(default_factory=list)
    has_unknown_prices: bool = False
    """Whether the cost of some tasks counts as 0 only because their price was not known."""


def workers_with_rows(
    manager: AIWorkerManager, names: Sequence[str], since: datetime, until: datetime
) -> list[WorkerRows]:
    """Returns workers with their records of a period.

    Args:
        manager: knows them.
        names: the names or ids of those that are wanted, removed ones too; empty for all that there are, and those
            removed ones that have records in the period.
        since: the beginning of the period.
        until: its end.

    Raises:
        NeuroScriptError: 9 for a name that stands for no worker.
    """
    known = [(each.definition_id, each.name, False) for each in manager.list_worker_definitions()]
    gone = [(each.definition_id, each.name, True) for each in manager.removed_worker_definitions()]
    wanted = {_id_of(manager, name): None for name in names}
    chosen = [each for each in known + gone if not names or each[0] in wanted]
    made = []
    for definition_id, name, is_removed in chosen:
        period = {"since": since, "until": until}
        rows = manager.performance_rows(ExactId(definition_id), period)
        if rows or not is_removed or names:
            free = {**period, "success": True, "cost_incurred_lt": _FREE, "limit": _SAMPLE}
            sample = manager.performance_record_maps(ExactId(definition_id), free) if rows else []
            unknown = any(record["llm_metrics"].get("cost_source") == "unknown" for record in sample)
            made.append(WorkerRows(definition_id, name, is_removed, rows, unknown))
    _tell_apart(made)
    return made


def _id_of(manager: AIWorkerManager, name: str) -> str:
    removed = manager.removed_worker_definition(name)
    return manager.get_worker_definition(name).definition_id if removed is None else removed.definition_id


def _tell_apart(workers: Sequence[WorkerRows]) -> None:
    """Adds the beginning of the id to names that several have, and puts it in place of those that are not known."""
    names = [worker.label for worker in workers]
    for worker in workers:
        short = worker.definition_id[:_SHORT_ID]
        if not worker.label:
            worker.label = short
        elif names.count(worker.label) > 1:
            worker.label = f"{worker.label} ({short})"


# --- days ---


@dataclass(frozen=True, slots=True)
class Bins:
    """The days of a period (UTC), in bins of one day or, in a long period, of several.

    Args:
        first: the first day.
        count: how many bins there are.
        days: how many days are in each.
    """

    first: date
    count: int
    days: int

    @classmethod
    def of(cls, since: datetime, until: datetime) -> Bins:
        """Makes the bins of a period."""
        first, last = since.astimezone(UTC).date(), until.astimezone(UTC).date()
        total = max(1, (last - first).days + 1)
        days = 1 if total <= MOST_BINS else 7 if total <= 7 * MOST_BINS else math.ceil(total / MOST_BINS)
        return cls(first, math.ceil(total / days), days)

    def start(self, number: int) -> date:
        """Returns the first day of a bin."""
        return self.first + timedelta(days=self.days * number)

    def split(self, rows: Iterable[Row]) -> list[list[Row]]:
        """Divides records among the bins, by the day on which they began."""
        bins: list[list[Row]] = [[] for _ in range(self.count)]
        begin = (self.first - date(1970, 1, 1)).days
        for row in rows:
            number = (row.start // DAY - begin) // self.days
            bins[min(max(number, 0), self.count - 1)].append(row)
        return bins

    def __iter__(self) -> Iterator[date]:
        return (self.start(number) for number in range(self.count))


def first_moment(workers: Iterable[WorkerRows], since: datetime) -> datetime:
    """Returns when the first record began, if there is one and it is later than the beginning of the period."""
    first = min((row.start for worker in workers for row in worker.rows), default=None)
    return since if first is None else max(since, datetime.fromtimestamp(first / 1e9, UTC))


def failures(
    manager: AIWorkerManager, workers: Iterable[WorkerRows], since: datetime, until: datetime, limit: int
) -> list[tuple[str, dict[str, Any]]]:
    """Returns the newest failed tasks of a period, each with the label of its worker."""
    wanted = {"since": since, "until": until, "success": False, "limit": limit}
    found = [
        (worker.label, record)
        for worker in workers
        if any(not row.success for row in worker.rows)
        for record in manager.performance_record_maps(ExactId(worker.definition_id), wanted)
    ]
    return sorted(found, key=lambda each: each[1]["timestamp_start"], reverse=True)[:limit]
