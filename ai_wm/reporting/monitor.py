"""What the workers of a directory are doing now, whichever processes they work for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from ai_wm.data.types import AIWorkerDefinition, AIWorkerDefinitionStatus
from ai_wm.manager import AIWorkerManager
from ai_wm.reporting.figures import Figures, figures_of
from ai_wm.store.rows import Row
from ai_wm.support.ids import ExactId

LATELY: Final = timedelta(hours=1)
"""The period that latency and errors are of."""

_SHORT_ID: Final = 8


@dataclass(frozen=True, slots=True)
class Gauge:
    """How much of a limit is used; a limit of 0 is none."""

    used: float
    limit: float = 0
    window: str = ""

    @property
    def share(self) -> float:
        """The part of the limit that is used; 0 without a limit."""
        return self.used / self.limit if self.limit else 0.0


@dataclass(frozen=True, slots=True)
class Watched:
    """A worker at one moment."""

    definition_id: str
    name: str
    status: str
    model: str
    instances: Gauge
    in_flight: int
    waiting: int
    requests: tuple[Gauge, Gauge]
    """Of the last minute and the last 24 hours."""
    tokens: tuple[Gauge, Gauge]
    budget: Gauge
    """The cost of the last 24 hours."""
    lately: Figures
    today: Figures
    """Since midnight, by the clock of this machine."""

    @property
    def is_busy(self) -> bool:
        return bool(self.in_flight or self.waiting)


@dataclass(frozen=True, slots=True)
class Look:
    """What was seen at a moment."""

    moment: datetime
    workers: Sequence[Watched]

    @property
    def lately(self) -> tuple[int, int]:
        """Tasks of the last hour, and failed ones."""
        return sum(each.lately.tasks for each in self.workers), sum(each.lately.failed for each in self.workers)


def tightest(gauges: Sequence[Gauge]) -> Gauge:
    """Returns the gauge that is nearest its limit; without limits, the first."""
    limited = [gauge for gauge in gauges if gauge.limit]
    return max(limited, key=lambda gauge: gauge.share) if limited else gauges[0]


@dataclass(slots=True)
class _Kept:
    """The rows of a worker's tasks, and by what it is seen that there are others."""

    seen: object
    since: datetime
    rows: list[Row] = field(default_factory=list)


class Monitor:
    """Looks at the workers of a manager's directory again and again.

    Args:
        manager: reads what all processes wrote there.
    """

    def __init__(self, manager: AIWorkerManager) -> None:
        self._manager = manager
        self._kept: dict[str, _Kept] = {}

    def look(self, now: datetime) -> Look:
        """Looks at all workers that are not archived.

        Args:
            now: the moment, with the offset of the clock by which days begin.

        Raises:
            NeuroScriptError: 18, 25 or 26 if the files cannot be read.
        """
        midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
        definitions = [
            each
            for each in self._manager.list_worker_definitions()
            if each.status is not AIWorkerDefinitionStatus.ARCHIVED
        ]
        names = [each.name for each in definitions]
        self._kept = {
            key: kept for key, kept in self._kept.items() if key in {each.definition_id for each in definitions}
        }
        return Look(
            now, [self._watched(each, now, midnight, unique=names.count(each.name) == 1) for each in definitions]
        )

    def newest(self, definition_id: str, count: int) -> list[dict[str, Any]]:
        """Returns the newest records of a worker."""
        return self._manager.performance_record_maps(ExactId(definition_id), {"limit": count})

    def _watched(self, definition: AIWorkerDefinition, now: datetime, midnight: datetime, *, unique: bool) -> Watched:
        usage = self._manager.limit_usage(ExactId(definition.definition_id))
        limits = definition.rate_limits
        rows = self._rows(definition, min(midnight, now - LATELY))
        begin, hour = round(midnight.timestamp() * 1e9), round((now - LATELY).timestamp() * 1e9)
        summary = definition.aggregate_performance_summary
        active = max(int(usage["active_instances"]), summary.active_instances_count)
        return Watched(
            definition_id=definition.definition_id,
            name=definition.name if unique else f"{definition.name} ({definition.definition_id[:_SHORT_ID]})",
            status=str(definition.status),
            model=f"{definition.provider}/{definition.model_name}",
            instances=Gauge(active, limits.max_concurrent_active_instances or 0),
            in_flight=int(usage["calls_in_flight"]),
            waiting=int(usage["waiting"]),
            requests=(
                Gauge(usage["requests_last_minute"], limits.max_requests_per_minute or 0, "min"),
                Gauge(usage["requests_last_day"], limits.max_requests_per_day or 0, "24 h"),
            ),
            tokens=(
                Gauge(usage["tokens_last_minute"], limits.max_tokens_per_minute or 0, "min"),
                Gauge(usage["tokens_last_day"], limits.max_tokens_per_day or 0, "24 h"),
            ),
            budget=Gauge(usage["cost_last_day"], limits.max_cost_per_day or 0, "24 h"),
            lately=figures_of(row for row in rows if row.start >= hour),
            today=figures_of(row for row in rows if row.start >= begin),
        )

    def _rows(self, definition: AIWorkerDefinition, since: datetime) -> list[Row]:
        """The tasks since a moment, read again only where there are others than at the last look."""
        summary = definition.aggregate_performance_summary
        seen = summary.total_tasks_attempted, summary.last_activity_timestamp, summary.total_cost_incurred
        kept = self._kept.get(definition.definition_id)
        if kept is None or kept.seen != seen or kept.since > since:
            rows = self._manager.performance_rows(ExactId(definition.definition_id), {"since": since})
            kept = self._kept[definition.definition_id] = _Kept(seen, since, rows)
        return kept.rows
