"""``neuroscript workers records``: finding records, by their texts too, and those of removed workers."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ai_wm.support.ids import ExactId
from neuroscript.cli import complain

if TYPE_CHECKING:
    from ai_wm.manager import AIWorkerManager

_TEXTS = ("output_summary", "error_details", "task_id", "instance_id")
_METRICS = ("model_used", "finish_reason")
_FEEDBACK = ("comments", "correction_instructions", "supervisor_agent_id")


def find(manager: AIWorkerManager, options: argparse.Namespace) -> list[dict[str, Any]]:
    """Returns the records that the options ask for, the newest first; says where the worker was removed."""
    filters: dict[str, Any] = {"since": options.since, "until": options.until}
    if options.failed:
        filters["success"] = False
    if options.search is None:
        filters["limit"] = options.limit
    removed = manager.removed_worker_definition(options.name)
    if removed is None:
        definition_id = manager.get_worker_definition(options.name).definition_id
        others = [each for each in manager.removed_worker_definitions() if each.name == options.name]
        for other in others:
            complain(f"a removed worker had that name too, and has records: {other.definition_id}")
    else:
        definition_id = removed.definition_id
        known_as = f"worker {removed.name!r}" if removed.name else f"the worker {definition_id}"
        when = f" on {removed.removed[:10]}" if removed.removed else ""
        complain(f"{known_as} was removed{when}; these are the records of {definition_id}")
    found = manager.performance_record_maps(ExactId(definition_id), filters)
    if options.search is not None:
        wanted = options.search.casefold()
        found = [record for record in found if any(wanted in said.casefold() for said in _said(record))]
        found = found[: options.limit]
    return found


def _said(record: dict[str, Any]) -> Iterator[str]:
    """The texts of a record that a search looks at."""
    metrics, feedback = record["llm_metrics"], record["supervisor_feedback"] or {}
    for source, keys in ((record, _TEXTS), (metrics, _METRICS), (feedback, _FEEDBACK)):
        yield from (said for key in keys if isinstance(said := source.get(key), str))
