"""The index of the performance data: a row of numbers for each record, the offset of each entry, and the totals.

The records themselves stay on the disk, apart from those that the performance file does not hold yet.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from ai_wm.data.record_filter import RecordFilter
from ai_wm.data.totals import NEVER, Totals
from ai_wm.data.types import STATELESS_PREFIX
from ai_wm.store.rows import IndexedEntry, Row

_ALIVE: Final = 1
_SUCCESS: Final = 2
_LIVE: Final = -1
"""The offset of an entry that is not in the file: a live instance."""
_NO_ROWS: Final[Sequence[int]] = ()
_NONE: Final[Mapping[int, dict[str, Any]]] = {}


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


class Place(NamedTuple):
    """Where a record is: ``record`` itself if it is in memory, else the one of that ordinal in a line of the file."""

    entry: int
    ordinal: int
    offset: int
    length: int
    record: dict[str, Any] | None


class StoredEntry(NamedTuple):
    """An entry in the performance file: where its line is, and what was added or changed since, by the ordinals."""

    instance_id: str
    offset: int
    length: int
    amendments: Mapping[int, dict[str, Any]]

    def amended(self, entry: dict[str, Any]) -> dict[str, Any]:
        """The entry with its amendments, given what its line holds."""
        own, amendments = entry.get("performance_records", []), self.amendments
        count = max(len(own), *(ordinal + 1 for ordinal in amendments))
        records = [amendments[ordinal] if ordinal in amendments else own[ordinal] for ordinal in range(count)]
        return entry | {"performance_records": records}


class RecordIndex:
    """The records of all definitions in columns, with their entries and totals.  The store's mutex must guard it.

    An entry is known by its ``instance_id``, keeps its number when a later line supersedes it, and so its place in the
    order of the entries.  It is live, or stored in the file; a stored one may have amendments that the file does not
    hold yet: records added or changed since.
    """

    def __init__(self) -> None:
        self._definitions: dict[str, int] = {}
        self._definition_names: list[str] = []
        self._totals: list[Totals] = []
        self._stored: list[int] = []
        self._active: list[int] = []
        self._stale_last: set[int] = set()
        self._touched: set[int] = set()
        self._rows_of_definition: list[array[int]] = []
        # One element an entry.
        self._entries: dict[str, int] = {}
        self._names: list[str] = []
        self._offset = array("q")
        self._length = array("q")
        self._entry_definition = array("i")
        self._first_row = array("i")
        self._row_count = array("i")
        self._live: dict[int, JournaledInstance] = {}
        self._amendments: dict[int, dict[int, dict[str, Any]]] = {}
        """Of stored entries, by the ordinals of the records."""
        self._scattered: dict[int, list[int]] = {}
        """The rows of entries whose rows are not in one piece: those to which records were added one by one."""
        # One element a row.
        self._tasks: dict[str, int] = {}
        self._task_ids: list[str] = []
        self._entry = array("i")
        self._ordinal = array("i")
        self._definition = array("i")
        self._start = array("q")
        self._end = array("q")
        self._duration = array("q")
        self._tokens = array("q")
        self._cost = array("d")
        self._rating = array("d")
        self._flags = bytearray()

    # Entries

    def __len__(self) -> int:
        return len(self._entries)

    def put(self, indexed: IndexedEntry, offset: int, length: int) -> None:
        """Add an entry whose line is in the file, in the place of a live or stored one of that id."""
        instance_id, rows = indexed.instance_id, _NO_ROWS
        number = self._entries.get(instance_id)
        if number is None:
            number = self._new_entry(instance_id)
        else:
            if number in self._live:
                # It comes last now, in the order of the file, whenever it was started.
                self._entries[instance_id] = self._entries.pop(instance_id)
            rows = self._clear_entry(number)
        definition = self._definition_number(indexed.definition_id)
        self._offset[number], self._length[number], self._entry_definition[number] = offset, length, definition
        self._count_spawned(number, definition, 1)
        if not self._fit(rows, indexed.rows):
            rows = range(len(self._flags), len(self._flags) + len(indexed.rows))
        self._first_row[number], self._row_count[number] = (rows[0] if rows else 0), len(rows)
        for ordinal, (row_number, row) in enumerate(zip(rows, indexed.rows, strict=True)):
            self._set_row(row_number, number, ordinal, row)
            self._stored[self._definition[row_number]] += 1

    def _fit(self, numbers: Sequence[int], rows: list[Row]) -> bool:
        """Whether the rows can take the numbers of others: as many, in one piece, and of the same definitions."""
        if len(numbers) != len(rows) or (numbers and numbers[-1] - numbers[0] != len(numbers) - 1):
            return False
        names, owner = self._definition_names, self._definition
        return all(names[owner[number]] == row.definition_id for number, row in zip(numbers, rows, strict=True))

    def drop(self, instance_id: str) -> None:
        """Remove an entry."""
        number = self._entries.pop(instance_id)
        self._clear_entry(number)
        self._first_row[number] = self._row_count[number] = 0
        self._offset[number], self._length[number] = _LIVE, 0

    def move(self, instance_id: str, offset: int, length: int) -> None:
        """Note that the line of an entry is elsewhere now, because the file was written anew."""
        number = self._entries[instance_id]
        self._offset[number], self._length[number] = offset, length

    def stored(self) -> Iterator[StoredEntry]:
        """Every entry in the file, in the order in which they were first stored."""
        for instance_id, number in self._entries.items():
            if self._offset[number] != _LIVE:
                amendments = self._amendments.get(number)
                kept = dict(amendments) if amendments else _NONE
                yield StoredEntry(instance_id, self._offset[number], self._length[number], kept)

    def stored_count(self) -> int:
        """How many entries are in the file."""
        return len(self._entries) - len(self._live)

    def knows_instance(self, instance_id: str) -> bool:
        """Whether there is an entry of that id, live or stored."""
        return instance_id in self._entries

    def is_amended(self, instance_id: str) -> bool:
        """Whether a stored entry has amendments that are not in the file."""
        return self._entries.get(instance_id, -1) in self._amendments

    def settle(self) -> None:
        """Forget all amendments, because the file holds them now."""
        self._amendments.clear()

    def _new_entry(self, instance_id: str) -> int:
        number = self._entries[instance_id] = len(self._names)
        self._names.append(instance_id)
        self._offset.append(_LIVE)
        self._length.append(0)
        self._entry_definition.append(-1)
        self._first_row.append(0)
        self._row_count.append(0)
        return number

    def _clear_entry(self, number: int) -> Sequence[int]:
        """Uncount an entry, and clear its rows, whose numbers may be used for others."""
        rows, definition = self._rows_of(number), self._entry_definition[number]
        self._count_spawned(number, definition, -1)
        if self._live.pop(number, None) is not None:
            self._active[definition] -= 1
        else:
            for row in rows:
                self._stored[self._definition[row]] -= 1
        for row in rows:
            self._clear_row(row)
        self._amendments.pop(number, None)
        self._scattered.pop(number, None)
        return rows

    def _count_spawned(self, number: int, definition: int, by: int) -> None:
        self._touched.add(definition)
        if not self._names[number].startswith(STATELESS_PREFIX):
            self._totals[definition].spawned += by

    # Live instances

    def start(self, live: JournaledInstance) -> None:
        """Add a live instance that has no records yet."""
        number = self._new_entry(live.instance_id)
        definition = self._definition_number(live.definition_id)
        self._entry_definition[number] = definition
        self._count_spawned(number, definition, 1)
        self._live[number], self._scattered[number] = live, []
        self._active[definition] += 1

    def live(self, instance_id: str) -> JournaledInstance | None:
        """The live instance of that id, whichever process owns it; None if there is none."""
        number = self._entries.get(instance_id)
        return None if number is None else self._live.get(number)

    def live_instances(self) -> list[JournaledInstance]:
        """The live instances of all processes."""
        return list(self._live.values())

    # Records

    def add_record(self, instance_id: str, record: dict[str, Any], row: Row) -> None:
        """Add a record to an entry, behind those that it has; to a stored one as an amendment."""
        number, row_number = self._entries[instance_id], len(self._flags)
        rows = self._scattered.get(number)
        if rows is None:
            rows = self._scattered[number] = list(self._rows_of(number))
        self._set_row(row_number, number, len(rows), row)
        live = self._live.get(number)
        if live is None:
            self._amendments.setdefault(number, {})[len(rows)] = record
            self._stored[self._definition[row_number]] += 1
        else:
            live.records.append(record)
        rows.append(row_number)

    def replace_record(self, instance_id: str, ordinal: int, record: dict[str, Any], row: Row) -> None:
        """Put a record of the same definition in the place of one of an entry; in a stored one as an amendment."""
        number = self._entries[instance_id]
        row_number = self._rows_of(number)[ordinal]
        self._clear_row(row_number)
        self._set_row(row_number, number, ordinal, row)
        live = self._live.get(number)
        if live is None:
            self._amendments.setdefault(number, {})[ordinal] = record
        else:
            live.records[ordinal] = record

    # Rows

    def _rows_of(self, number: int) -> Sequence[int]:
        """The numbers of an entry's rows, in the order of its records."""
        first = self._first_row[number]
        return self._scattered.get(number) or range(first, first + self._row_count[number])

    def _set_row(self, number: int, entry: int, ordinal: int, row: Row) -> None:
        definition = self._definition_number(row.definition_id)
        rating = math.nan if row.rating is None else row.rating
        flags = _ALIVE | (_SUCCESS if row.success else 0)
        if number == len(self._flags):
            self._task_ids.append(row.task_id)
            self._entry.append(entry)
            self._ordinal.append(ordinal)
            self._definition.append(definition)
            self._start.append(row.start)
            self._end.append(row.end)
            self._duration.append(row.duration_ms)
            self._tokens.append(row.tokens)
            self._cost.append(row.cost)
            self._rating.append(rating)
            self._flags.append(flags)
            self._rows_of_definition[definition].append(number)
        else:
            self._task_ids[number] = row.task_id
            self._entry[number], self._ordinal[number] = entry, ordinal
            self._start[number], self._end[number], self._duration[number] = row.start, row.end, row.duration_ms
            self._tokens[number], self._cost[number], self._rating[number] = row.tokens, row.cost, rating
            self._flags[number] = flags
        self._tasks[row.task_id] = number
        self._count(definition, row)

    def _count(self, definition: int, row: Row) -> None:
        self._touched.add(definition)
        totals = self._totals[definition]
        totals.tasks += 1
        totals.successes += row.success
        totals.duration_ms.add(row.duration_ms)
        totals.tokens += row.tokens
        if row.cost:
            totals.cost.add(row.cost)
        if row.rating is not None:
            totals.rated += 1
            totals.rating.add(row.rating)
        if row.end > totals.last:
            totals.last = row.end

    def _clear_row(self, number: int) -> None:
        definition = self._definition[number]
        self._touched.add(definition)
        totals = self._totals[definition]
        totals.tasks -= 1
        totals.successes -= bool(self._flags[number] & _SUCCESS)
        totals.duration_ms.remove(self._duration[number])
        totals.tokens -= self._tokens[number]
        totals.cost.remove(self._cost[number])
        if not math.isnan(self._rating[number]):
            totals.rated -= 1
            totals.rating.remove(self._rating[number])
        if self._end[number] == totals.last:
            self._stale_last.add(definition)
        self._flags[number] = 0
        if self._tasks.get(self._task_ids[number]) == number:
            del self._tasks[self._task_ids[number]]

    # Questions

    def knows_task(self, task_id: str) -> bool:
        """Whether there is a record of a task."""
        return task_id in self._tasks

    def find_task(self, task_id: str) -> Place | None:
        """Where the record of a task is; None if there is none."""
        number = self._tasks.get(task_id)
        return None if number is None else self.place(number)

    def ordinal_in(self, instance_id: str, task_id: str) -> int | None:
        """The ordinal of a task's record in an entry, from 0; None if it is not there."""
        row = self._tasks.get(task_id)
        if row is not None and self._entry[row] == self._entries.get(instance_id):
            return self._ordinal[row]
        # Elsewhere: files that another program wrote may hold a task twice.
        rows = self.rows_of_instance(instance_id)
        return next((self._ordinal[row] for row in rows if self._task_ids[row] == task_id), None)

    def place(self, row: int) -> Place:
        """Where the record is that a row stands for."""
        entry, ordinal = self._entry[row], self._ordinal[row]
        live, amendments = self._live.get(entry), self._amendments.get(entry, _NONE)
        record = amendments.get(ordinal) if live is None else live.records[ordinal]
        return Place(entry, ordinal, self._offset[entry], self._length[entry], record)

    def instance_of(self, place: Place) -> str:
        """The id of the entry that a record is in."""
        return self._names[place.entry]

    def totals(self, definition_id: str) -> Totals:
        """The totals of a definition's records, live ones too, and of the instances spawned from it.

        They are the index's own: change nothing in them.
        """
        number = self._definition_number(definition_id)
        totals = self._totals[number]
        if number in self._stale_last:
            self._stale_last.discard(number)
            totals.last = max((self._end[row] for row in self._alive(number)), default=NEVER)
        return totals

    def touched(self) -> set[str]:
        """The definitions whose totals may have changed since this was last asked."""
        touched, self._touched = self._touched, set()
        return {self._definition_names[number] for number in touched}

    def stored_records(self, definition_id: str) -> int:
        """How many records of a definition are in stored entries, amendments included."""
        return self._stored[self._definition_number(definition_id)]

    def active_count(self, definition_id: str) -> int:
        """How many instances of a definition are live."""
        return self._active[self._definition_number(definition_id)]

    def select(self, definition_id: str, where: RecordFilter) -> list[int]:
        """The rows of a definition that pass a filter, newest first.

        Of records that started together, the last row comes first.
        """
        number = self._definition_number(definition_id)
        rows: Any = self._candidates(number, where)
        if where.success is not None:
            flags, wanted = self._flags, _ALIVE | (_SUCCESS if where.success else 0)
            rows = [row for row in rows if flags[row] == wanted]
        for column, above, below in (
            (self._duration, where.duration_ms_gt, where.duration_ms_lt),
            (self._cost, where.cost_incurred_gt, where.cost_incurred_lt),
        ):
            if above is not None:
                rows = [row for row in rows if column[row] > above]
            if below is not None:
                rows = [row for row in rows if column[row] < below]
        start = self._start
        if where.since is not None:
            rows = [row for row in rows if start[row] >= where.since]
        if where.until is not None:
            rows = [row for row in rows if start[row] <= where.until]
        if where.stateless is not None:
            rows = [row for row in rows if self._is_stateless(row) is where.stateless]
        result = sorted(rows, key=lambda row: (start[row], row), reverse=True)
        return result if where.limit is None else result[: where.limit]

    def _candidates(self, definition: int, where: RecordFilter) -> list[int]:
        """The living rows of a definition, by the narrowest way that the filter offers."""
        if where.task_id is not None:
            row = self._tasks.get(where.task_id)
            rows = [] if row is None else [row]
        elif where.instance_id is not None:
            rows = self.rows_of_instance(where.instance_id)
        else:
            return self._alive(definition)
        rows = [row for row in rows if self._definition[row] == definition]
        if where.instance_id is not None and where.task_id is not None:
            rows = [row for row in rows if self._names[self._entry[row]] == where.instance_id]
        return rows

    def rows_of_instance(self, instance_id: str) -> list[int]:
        """The rows of one entry, in the order logged."""
        number = self._entries.get(instance_id)
        return [] if number is None else list(self._rows_of(number))

    def _alive(self, definition: int) -> list[int]:
        flags, rows = self._flags, self._rows_of_definition[definition]
        alive = [row for row in rows if flags[row]]
        if len(alive) < len(rows) // 2:
            self._rows_of_definition[definition] = array("i", alive)
        return alive

    def _is_stateless(self, row: int) -> bool:
        return self._names[self._entry[row]].startswith(STATELESS_PREFIX)

    def _definition_number(self, definition_id: str) -> int:
        number = self._definitions.get(definition_id)
        if number is None:
            number = len(self._definition_names)
            self._definitions[definition_id] = number
            self._definition_names.append(definition_id)
            self._totals.append(Totals())
            self._stored.append(0)
            self._active.append(0)
            self._rows_of_definition.append(array("i"))
        return number
