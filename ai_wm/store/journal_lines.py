"""The lines of a journal of live instances: writing them, and applying them to an index."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, Final

from ai_wm.data.fields import ZERO_TIME
from ai_wm.store.index import RecordIndex
from ai_wm.store.index_entries import JournaledInstance
from ai_wm.store.index_tables import Span
from ai_wm.store.json_array import write_line
from ai_wm.store.rows import is_text, is_usage, nanoseconds, record_row

AMENDMENTS: Final = "amendments.jsonl"
"""The journal of what was added to and changed in entries of the performance file.  It is nobody's own."""


def start_line(live: JournaledInstance) -> bytes:
    """The journal line for an instance that starts."""
    return write_line({"start": {key: value for key, value in asdict(live).items() if key not in ("owner", "records")}})


def record_line(instance_id: str, record: dict[str, Any], usage: dict[str, Any] | None) -> bytes:
    """The journal line for a task; ``usage`` is the session's with it."""
    return write_line({"instance_id": instance_id, "record": record} | ({} if usage is None else {"usage": usage}))


def usage_line(instance_id: str, usage: dict[str, Any]) -> bytes:
    """The journal line for a session's token usage."""
    return write_line({"instance_id": instance_id, "usage": usage})


def changed_line(instance_id: str, record: dict[str, Any]) -> bytes:
    """The journal line for a record that was changed, which it holds whole."""
    return write_line({"instance_id": instance_id, "changed": record})


def lines_of(live: JournaledInstance) -> list[bytes]:
    """The journal lines that describe a live instance from its start to this moment."""
    return [start_line(live)] + [record_line(live.instance_id, record, None) for record in live.records]


def apply_line(line: dict[str, Any], owner: str, index: RecordIndex, place: Span) -> None:
    """Apply a line of a journal to an index.

    Lines of an owner's journal about an instance that is stored by now are passed over, and so are values that no store
    writes.

    Args:
        line: the line, parsed.
        owner: the file name of the journal.
        index: what to change.
        place: where the line is in the file.
    """
    match line:
        case {"start": dict(fields)}:
            _start(fields, owner, index)
        case {"instance_id": str(instance_id)} if index.knows_instance(instance_id):
            live = index.live(instance_id)
            if owner != (AMENDMENTS if live is None else live.owner):
                return
            record, changed, usage = line.get("record"), line.get("changed"), line.get("usage")
            row = record_row(record) if isinstance(record, dict) else None
            if row is not None and isinstance(record, dict) and not index.knows_task(row.task_id):
                index.add_record(instance_id, record, row, place)
            if isinstance(changed, dict):
                _change(instance_id, changed, index, place)
            if live is not None and isinstance(usage, dict) and is_usage(usage):
                live.usage = usage


def _start(fields: dict[str, Any], owner: str, index: RecordIndex) -> None:
    files, usage = fields.get("initial_file_contexts", []), fields.get("usage", {})
    created = str(fields.get("creation_timestamp", ""))
    live = JournaledInstance(
        instance_id=str(fields.get("instance_id", "")),
        definition_id=str(fields.get("definition_id", "")),
        creation_timestamp=str(ZERO_TIME) if nanoseconds(created) is None else created,
        initial_file_contexts=[str(file) for file in files] if isinstance(files, list) else [],
        owner=owner,
        usage=usage if isinstance(usage, dict) and is_usage(usage) else {},
        scripts=str(fields.get("scripts", "")),
        run=str(fields.get("run", "")),
    )
    if not live.instance_id or not is_text(live.instance_id, live.definition_id, live.scripts, live.run):
        return
    if index.live(live.instance_id) is not None:
        index.drop(live.instance_id)  # the owner began its journal anew and died before it removed the old one
    elif index.knows_instance(live.instance_id):
        return
    index.start(live)


def _change(instance_id: str, record: dict[str, Any], index: RecordIndex, place: Span) -> None:
    row = record_row(record)
    ordinal = None if row is None else index.ordinal_in(instance_id, row.task_id)
    if row is not None and ordinal is not None:
        index.replace_record(instance_id, ordinal, record, row, place)
