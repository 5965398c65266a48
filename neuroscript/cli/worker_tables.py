"""The tables of ``neuroscript workers``: as wide as the terminal, coloured only on one."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Sequence
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

PIPE_WIDTH = 160
"""Columns where the output is no terminal and ``COLUMNS`` says nothing."""

_KEY_STYLES = {"Found": "green", "Not Found": "red", "Error Resolving": "red", "Not Configured": "dim"}
_STATUS_STYLES = {"active": "green", "disabled": "yellow", "archived": "dim"}


def workers(rows: Sequence[dict[str, Any]]) -> None:
    """One line a worker."""
    table = _table("name", "model", "status", "for", "key", "#tasks", "#ok", "#tokens", "#cost")
    for row in rows:
        summary = row["aggregate_performance_summary"]
        table.add_row(
            _cell(row["name"], "bold"),
            _cell(f"{row['provider']}/{row['model_name']}"),
            _cell(row["status"], _STATUS_STYLES.get(row["status"], "")),
            _cell(_uses(row)),
            _cell(row["api_key_status"], _KEY_STYLES.get(row["api_key_status"], "")),
            *_totals(summary),
        )
    _print(table)


def worker(row: dict[str, Any]) -> None:
    """All that is known of one worker: a line a field."""
    table = Table(box=None, show_header=False, pad_edge=False)
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
    _print(table)


def records(rows: Sequence[dict[str, Any]]) -> None:
    """One line a record."""
    table = _table("started", "task", "in", "result", "#ms", "#tokens", "#cost", "#rating", "output")
    for row in rows:
        stateless = row["instance_id"].startswith("stateless-")
        feedback = row["supervisor_feedback"] or {}
        metrics = row["llm_metrics"]
        table.add_row(
            _cell(row["timestamp_start"][:19].replace("T", " ")),
            _cell(row["task_id"][:8]),
            _cell("task" if stateless else row["instance_id"][:8]),
            _cell("ok", "green") if row["success"] else _cell("failed", "red"),
            _cell(str(row["duration_ms"])),
            _cell(_count(metrics.get("total_tokens", 0))),
            _cell(_cost(row["cost_incurred"], metrics.get("cost_source"))),
            _cell(f"{feedback['rating']:g}" if feedback else ""),
            _cell(row["output_summary"] if row["success"] else row["error_details"]),
        )
    _print(table)


def summaries(rows: Sequence[dict[str, Any]]) -> None:
    """One line a worker, and their sum."""
    table = _table("name", "#tasks", "#ok", "#tokens", "#cost", "#mean ms", "#quality", "#spawned", "#active", "last")
    table.show_footer = len(rows) > 1
    for row in rows:
        last = row["last_activity_timestamp"]
        table.add_row(
            _cell(row["name"], "bold"),
            *_totals(row),
            _cell(f"{row['average_duration_ms']:.0f}"),
            _cell(f"{row['average_quality_score']:.2f}" if row["average_quality_score"] else ""),
            _cell(_count(row["total_instances_spawned"])),
            _cell(_count(row["active_instances_count"])),
            _cell("" if last.startswith("0001-") else last[:19].replace("T", " ")),
        )
    tasks = sum(row["total_tasks_attempted"] for row in rows)
    whole = {
        "total_tasks_attempted": tasks,
        "average_success_rate": sum(row["successful_tasks"] for row in rows) / tasks if tasks else 0,
        "total_tokens_processed": sum(row["total_tokens_processed"] for row in rows),
        "total_cost_incurred": sum(row["total_cost_incurred"] for row in rows),
    }
    for column, footer in zip(table.columns, [_cell("all", "bold"), *_totals(whole)], strict=False):
        column.footer = footer
    _print(table)


def keys(rows: Sequence[dict[str, Any]]) -> None:
    """One line a worker's key."""
    table = _table("name", "provider", "method", "place", "key")
    for row in rows:
        status = row["api_key_status"]
        if row["method"] == "none":
            status = "not needed"
        table.add_row(
            _cell(row["name"], "bold"),
            _cell(row["provider"]),
            _cell(row["method"]),
            _cell(row["place"]),
            _cell(status, _KEY_STYLES.get(status, "dim")),
        )
    _print(table)


def _table(*headings: str) -> Table:
    """A table with these columns; ``#`` marks a number's, which is never cut."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in headings:
        number = heading.startswith("#")
        table.add_column(
            heading.removeprefix("#"),
            justify="right" if number else "left",
            no_wrap=True,
            overflow="ellipsis",
            min_width=len(heading) - 1 if number else None,
        )
    return table


def _print(table: Table) -> None:
    width = shutil.get_terminal_size((PIPE_WIDTH, 24)).columns
    Console(file=sys.stdout, width=width, highlight=False).print(table)


def _cell(text: Any, style: str = "") -> Text:
    # What a model wrote must not steer the terminal: neither markup nor control characters are obeyed.
    return Text("".join(char if char.isprintable() else " " for char in str(text)), style=style)


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
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
