"""The tables of ``neuroscript workers``: no wider than a terminal, coloured only on one, and whole anywhere else."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from ai_wm.reporting import formats
from ai_wm.reporting.monitor import Gauge, Watched, tightest
from neuroscript.cli import columns_of, visible

GAP = 2

_NEARLY_FULL = 0.8
_MANY_FAILED = 0.1

_KEY_STYLES = {"Found": "green", "Not Found": "red", "Error Resolving": "red", "Not Configured": "dim"}
_STANDING_STYLES = {"host": "", "script": "dim", "untrusted": "red"}
_STATUS_STYLES = {"active": "green", "disabled": "yellow", "archived": "dim"}


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table.

    Args:
        heading: its name.
        number: it stands to the right and is never shortened.
        shrink: the width down to which it may be shortened; None: not at all.
        drop: where the table is too wide, the columns with the highest of these go first; 0 stays.
    """

    heading: str
    number: bool = False
    shrink: int | None = None
    drop: int = 0


def workers(rows: Sequence[dict[str, Any]]) -> None:
    """Prints workers, one a line."""
    columns = (
        Column("name", shrink=10),
        Column("model", shrink=12, drop=4),
        Column("status", drop=3),
        Column("for", drop=6),
        Column("key", drop=5),
        Column("whose", drop=7),
        *_TOTALS,
    )
    cells = [
        [
            _cell(row["name"], "bold"),
            _cell(f"{row['provider']}/{row['model_name']}"),
            _cell(row["status"], _STATUS_STYLES.get(row["status"], "")),
            _cell(_uses(row)),
            _key(row["auth"]["method"], row["api_key_status"]),
            _cell(row.get("standing", ""), _STANDING_STYLES.get(row.get("standing", ""), "")),
            *_totals(row["aggregate_performance_summary"]),
        ]
        for row in rows
    ]
    _print(columns, cells)


def worker(row: dict[str, Any]) -> None:
    """Prints everything about one worker, a field a line."""
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, GAP, 0, 0))
    table.add_column(no_wrap=True, style="bold")
    table.add_column(overflow="fold")
    for key, value in row.items():
        if value in ("", None, [], {}):
            continue
        if isinstance(value, dict):
            shown = {name: item for name, item in value.items() if item not in ("", None, [], {}, 0)}
            for index, (name, item) in enumerate(shown.items()):
                table.add_row(_cell(key if index == 0 else ""), _cell(f"{name}: {_plain(item)}"))
        else:
            table.add_row(_cell(key), _cell(_plain(value)))
    _console().print(table)


def records(rows: Sequence[dict[str, Any]]) -> None:
    """Prints records, one a line."""
    columns = (
        Column("started"),
        Column("task", drop=7),
        Column("in", drop=6),
        Column("result"),
        Column("ms", number=True, drop=4),
        Column("tokens", number=True, drop=3),
        Column("cost", number=True, drop=2),
        Column("rating", number=True, drop=5),
        Column("output", shrink=12),
    )
    cells = []
    for row in rows:
        stateless = row["instance_id"].startswith("stateless-")
        feedback = row["supervisor_feedback"] or {}
        metrics = row["llm_metrics"]
        cells.append(
            [
                _cell(row["timestamp_start"][:19].replace("T", " ")),
                _cell(row["task_id"][:8]),
                _cell("task" if stateless else row["instance_id"][:8]),
                _cell("ok", "green") if row["success"] else _cell("failed", "red"),
                _cell(str(row["duration_ms"])),
                _cell(_count(metrics.get("total_tokens", 0))),
                _cell(_cost(row["cost_incurred"], metrics.get("cost_source"))),
                _cell(f"{feedback['rating']:g}" if feedback else ""),
                _cell(row["output_summary"] if row["success"] else row["error_details"]),
            ]
        )
    _print(columns, cells)


def summaries(rows: Sequence[dict[str, Any]]) -> None:
    """Prints the summaries of workers, one a line, and their sum."""
    columns = (
        Column("name", shrink=10),
        *_TOTALS,
        Column("mean ms", number=True, drop=4),
        Column("quality", number=True, drop=3),
        Column("spawned", number=True, drop=6),
        Column("active", number=True, drop=5),
        Column("last", drop=7),
    )
    cells = []
    for row in rows:
        last = row["last_activity_timestamp"]
        cells.append(
            [
                _cell(row["name"], "bold"),
                *_totals(row),
                _cell(f"{row['average_duration_ms']:.0f}"),
                _cell(f"{row['average_quality_score']:.2f}" if row["average_quality_score"] else ""),
                _cell(_count(row["total_instances_spawned"])),
                _cell(_count(row["active_instances_count"])),
                _cell("" if last.startswith("0001-") else last[:19].replace("T", " ")),
            ]
        )
    if len(rows) > 1:
        cells.append([_cell("all", "bold"), *_totals(_sum(rows)), *[_cell("")] * 5])
    _print(columns, cells)


def removed(rows: Sequence[dict[str, Any]]) -> None:
    """Prints removed workers, one a line."""
    columns = (Column("name", shrink=10), Column("id"), Column("removed", drop=3), *_TOTALS)
    cells = [
        [
            _cell(row["name"] or "?", "bold"),
            _cell(row["definition_id"]),
            _cell(row["removed"][:19].replace("T", " ") or "?"),
            *_totals(row),
        ]
        for row in rows
    ]
    _print(columns, cells)


def watched(workers: Sequence[Watched]) -> None:
    """Prints workers at one moment, one a line."""
    columns = (
        Column("name", shrink=10),
        Column("instances", number=True, drop=4),
        Column("requests", number=True, drop=2),
        Column("tokens", number=True, drop=3),
        Column("in flight", number=True, drop=6),
        Column("waiting", number=True),
        Column("today", number=True),
        Column("median", number=True, drop=5),
        Column("95 %", number=True, drop=7),
        Column("failed", number=True),
    )
    _print(columns, [watched_cells(each) for each in workers])


def watched_cells(worker: Watched) -> list[Text]:
    """The cells of a worker at one moment: what it uses of its limits, and how its tasks go."""
    lately = worker.lately
    return [
        _cell(worker.name, "bold" if worker.status == "active" else "dim"),
        gauge_cell([worker.instances]),
        gauge_cell(worker.requests),
        gauge_cell(worker.tokens),
        _cell(worker.in_flight or "–", "green" if worker.in_flight else "dim"),
        _cell(worker.waiting or "–", "yellow" if worker.waiting else "dim"),
        _budget_cell(worker),
        _cell(formats.milliseconds(lately.median_ms), "" if lately.tasks else "dim"),
        _cell(formats.milliseconds(lately.slow_ms), "" if lately.tasks else "dim"),
        _cell(f"{lately.failed} of {lately.tasks}" if lately.tasks else "–", _share_style(lately.failed, lately.tasks)),
    ]


def gauge_cell(gauges: Sequence[Gauge]) -> Text:
    """The cell of the limit that is nearest; with its window where that is not the first."""
    gauge = tightest(gauges)
    used = formats.count(gauge.used)
    if not gauge.limit:
        return _cell(used if gauge.used else "–", "" if gauge.used else "dim")
    window = "" if gauge is gauges[0] else f" in {gauge.window}"
    return _cell(f"{used} / {formats.count(gauge.limit)}{window}", _full_style(gauge))


def _budget_cell(worker: Watched) -> Text:
    cost = formats.cost(worker.today.cost)
    if not worker.budget.limit:
        return _cell(cost if worker.today.cost else "–", "" if worker.today.cost else "dim")
    return _cell(f"{cost}, {formats.share(worker.budget.share)} of {worker.budget.limit:g}", _full_style(worker.budget))


def _full_style(gauge: Gauge) -> str:
    return "bold red" if gauge.share >= 1 else "yellow" if gauge.share >= _NEARLY_FULL else ""


def _share_style(failed: int, tasks: int) -> str:
    return "dim" if not tasks else "" if not failed else "red" if failed / tasks >= _MANY_FAILED else "yellow"


def _sum(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    tasks = sum(row["total_tasks_attempted"] for row in rows)
    return {
        "total_tasks_attempted": tasks,
        "average_success_rate": sum(row["successful_tasks"] for row in rows) / tasks if tasks else 0,
        "total_tokens_processed": sum(row["total_tokens_processed"] for row in rows),
        "total_cost_incurred": sum(row["total_cost_incurred"] for row in rows),
    }


def keys(rows: Sequence[dict[str, Any]]) -> None:
    """Prints the key sources of workers, one a line."""
    columns = (
        Column("name", shrink=10),
        Column("provider", drop=1),
        Column("method"),
        Column("place", shrink=12),
        Column("key"),
    )
    cells = [
        [
            _cell(row["name"], "bold"),
            _cell(row["provider"]),
            _cell(row["method"]),
            _cell(row["place"]),
            _key(row["method"], row["api_key_status"]),
        ]
        for row in rows
    ]
    _print(columns, cells)


_TOTALS = (
    Column("tasks", number=True),
    Column("ok", number=True),
    Column("tokens", number=True, drop=2),
    Column("cost", number=True, drop=1),
)


def _print(columns: Sequence[Column], rows: Sequence[Sequence[Text]]) -> None:
    """Prints a table that fits: columns that can go are left out, and then those that can shrink are shortened."""
    console = _console()
    width = [max([len(column.heading), *(row[index].cell_len for row in rows)]) for index, column in enumerate(columns)]
    least = [
        width[index] if column.shrink is None else min(width[index], column.shrink)
        for index, column in enumerate(columns)
    ]
    kept = list(range(len(columns)))
    while (left := console.width + GAP - sum(least[index] + GAP for index in kept)) < 0:
        candidates = [index for index in kept if columns[index].drop]
        if not candidates:
            break
        kept.remove(max(candidates, key=lambda index: columns[index].drop))
    table = Table(box=None, pad_edge=False, padding=(0, GAP, 0, 0), header_style="dim")
    for index in kept:
        table.add_column(
            columns[index].heading,
            justify="right" if columns[index].number else "left",
            no_wrap=True,
            overflow="ellipsis",
            width=least[index] + (more := max(0, min(left, width[index] - least[index]))),
        )
        left -= more
    for row in rows:
        table.add_row(*(row[index] for index in kept))
    console.print(table)


def _console() -> Console:
    return Console(file=sys.stdout, width=columns_of(sys.stdout), highlight=False, soft_wrap=False)


def _key(method: str, status: str) -> Text:
    return _cell("not needed", "dim") if method == "none" else _cell(status, _KEY_STYLES.get(status, ""))


def _cell(text: Any, style: str = "") -> Text:
    # What a model wrote must not steer the terminal: neither markup nor control characters are obeyed.
    return Text(visible(str(text)).replace("\n", " ").replace("\t", " "), style=style)


def _totals(summary: dict[str, Any]) -> list[Text]:
    tasks = summary["total_tasks_attempted"]
    return [
        _cell(_count(tasks)),
        _cell(f"{summary['average_success_rate']:.0%}" if tasks else ""),
        _cell(_count(summary["total_tokens_processed"])),
        _cell(_cost(summary["total_cost_incurred"])),
    ]


def _uses(row: dict[str, Any]) -> str:
    models = row["interaction_models"]
    tasks = "both" in models or "stateless_task" in models
    return " ".join(word for word, applies in (("chat", row["can_chat"]), ("tasks", tasks)) if applies)


def _count(number: int) -> str:
    return f"{number:,}" if number else "0"


def _cost(cost: float, source: str | None = None) -> str:
    if source == "unknown":
        return "?"
    return f"{cost:.4f}" if cost else "0"


def _plain(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.10g}"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
