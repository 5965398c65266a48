"""Entries of the index in memory, with their rows, and the totals of definitions."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

from ai_wm.data.record_filter import RecordFilter
from ai_wm.data.totals import Totals
from ai_wm.data.types import STATELESS_PREFIX
from ai_wm.store.index_tables import Span
from ai_wm.store.rows import Row


@dataclass(slots=True)
class JournaledInstance:
    """A live instance as its journal describes it, in the form of the files."""

    instance_id: str
    definition_id: str
    creation_timestamp: str
    initial_file_contexts: list[str]
    owner: str
    """The file name of the journal that it is in."""
    usage: dict[str, Any] = field(default_factory=lambda: {"input_tokens": 0, "output_tokens": 0, "total_tokens": 0})
    records: list[dict[str, Any]] = field(default_factory=list)
    scripts: str = ""
    """Whose scripts spawned it; empty for the host's."""
    run: str = ""
    """The run with a journal that spawned it; empty for none."""


class Place(NamedTuple):
    """Where a record is.

    It is ``record`` itself if it is in memory; else in the line at ``span`` of the journal of amendments, if it has
    one; else the one of that ordinal in a line of the performance file.
    """

    instance_id: str
    ordinal: int
    offset: int
    length: int
    span: Span | None = None
    record: dict[str, Any] | None = None


@dataclass(slots=True, eq=False)
class Entry:
    """An entry in memory: live, or stored behind the mark; or one on disk of which some rows are in memory."""

    number: int
    instance_id: str
    definition_id: str
    offset: int = 0
    length: int = 0
    live: JournaledInstance | None = None
    count: int = 0
    """How many records it has."""
    rows: dict[int, EntryRow] = field(default_factory=dict)
    """Those in memory, by ordinal."""
    whole: bool = True
    """Whether all of its rows are in memory."""


@dataclass(slots=True, eq=False)
class EntryRow:
    number: int
    ordinal: int
    row: Row
    entry: Entry
    span: Span | None = None


@dataclass(slots=True)
class Counts:
    """What the records of a definition add up to."""

    stored: Totals
    live: Totals = field(default_factory=Totals)
    active: int = 0
    stored_stale: bool = False
    """Whether the newest stored record may be gone, so that the time of the last must be found anew."""
    live_stale: bool = False
    """The same of live records."""


def passes(row: EntryRow, where: RecordFilter) -> bool:
    """Whether a row passes a filter, but for its limit."""
    found, instance_id = row.row, row.entry.instance_id
    return (
        (where.task_id is None or found.task_id == where.task_id)
        and (where.instance_id is None or instance_id == where.instance_id)
        and (where.stateless is None or instance_id.startswith(STATELESS_PREFIX) is where.stateless)
        and (where.success is None or found.success is where.success)
        and (where.duration_ms_gt is None or found.duration_ms > where.duration_ms_gt)
        and (where.duration_ms_lt is None or found.duration_ms < where.duration_ms_lt)
        and (where.cost_incurred_gt is None or found.cost > where.cost_incurred_gt)
        and (where.cost_incurred_lt is None or found.cost < where.cost_incurred_lt)
        and (where.since is None or found.start >= where.since)
        and (where.until is None or found.start <= where.until)
        and (where.owners is None or found.owner in where.owners)
    )
