"""The index of the performance data: a row of numbers for each record, the place of each entry, and the totals.

Most of it is on disk (`ai_wm.store.index_file`).  In memory are live instances, what the files hold behind the mark of
the index on disk, and the totals of the definitions that were asked for.  A row in memory hides the one of the same
number on disk.  The records themselves stay in the performance file and in the journals.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final

from ai_wm.data.record_filter import RecordFilter
from ai_wm.data.totals import NEVER, Totals
from ai_wm.data.types import STATELESS_PREFIX
from ai_wm.store.index_entries import Counts, Entry, EntryRow, JournaledInstance, Place, passes
from ai_wm.store.index_file import IndexFile
from ai_wm.store.index_tables import Batch, IndexedPlace, IndexedRow, Mark, PlacedRow, Span, StoredEntry
from ai_wm.store.rows import IndexedEntry, Row

_NOTHING: Final = contextlib.nullcontext()
_SEPARATOR: Final = 2
"""The bytes of a comma and a line end."""


class RecordIndex:
    """The records of all definitions, with their entries and totals.  The store's mutex must guard it.

    An entry is known by its ``instance_id``, and keeps its place in the order of the entries when a later line
    supersedes it.  It is live, or stored in the file; a stored one may have amendments that the file does not hold yet:
    records added or changed since.

    Args:
        disk: the part on disk; None while there is none.

    Every question may raise `StaleIndexError`, if another process has changed the part on disk.
    """

    def __init__(self, disk: IndexFile | None = None) -> None:
        self.disk = disk
        mark = disk.mark if disk is not None else Mark()
        self.stored_count = mark.stored
        """How many entries are in the file."""
        self.live_bytes = mark.live_bytes
        """The bytes of the lines in the file that are not superseded, with their separators."""
        self.amended_from = mark.amended_from
        """Where the journal of amendments begins, counted as the spans are."""
        self.amended_to = mark.amended_to
        """Where the amendments end that are on disk."""
        self.pending = 0
        """How many rows and entries in memory could be moved to the disk."""
        self._last_entry, self._last_row = (0, 0) if disk is None else disk.last_numbers()
        self._loading = False
        self._counts: dict[str, Counts] = {}
        self._changed: set[str] = set()
        """The definitions whose totals on disk are out of date."""
        self._touched: set[str] = set()
        self._entries: dict[str, Entry] = {}
        self._tasks: dict[str, list[EntryRow]] = {}
        self._rows_of_definition: dict[str, dict[int, EntryRow]] = {}
        self._absent = ""
        """The id of an instance that is not on disk: the one that was asked for last, and is likely to be put next."""
        self._removed: list[int] = []
        """The numbers of rows on disk that are no more."""

    def reading(self) -> contextlib.AbstractContextManager[None]:
        """Context manager for questions that must all be answered from one state."""
        return _NOTHING if self.disk is None else self.disk.reading()

    # Entries

    def put(self, indexed: IndexedEntry, offset: int, length: int) -> None:
        """Add an entry whose line is in the file, in the place of a live or stored one of that id."""
        instance_id, old = indexed.instance_id, dict[int, EntryRow]()
        entry, self._absent = self._entry(instance_id), ""
        if entry is None:
            entry = self._entries[instance_id] = Entry(self._next_entry(), instance_id, indexed.definition_id)
        else:
            old = self._clear(entry)
            if entry.live is not None:
                # It comes last now, in the order of the file, whenever it was started.
                del self._entries[instance_id]
                entry = self._entries[instance_id] = Entry(self._next_entry(), instance_id, indexed.definition_id)
        entry.definition_id, entry.offset, entry.length, entry.whole = indexed.definition_id, offset, length, True
        self.stored_count += 1
        self.live_bytes += length + _SEPARATOR
        self.pending += 1
        self._count_spawned(entry, 1)
        for ordinal, row in enumerate(indexed.rows):
            before = old.get(ordinal)
            same = before is not None and before.row.definition_id == row.definition_id
            number = old.pop(ordinal).number if same else self._next_row()
            self._add_row(entry, number, ordinal, row, None)
        entry.count = len(indexed.rows)
        if not self._loading:
            self._removed.extend(row.number for row in old.values())

    def drop(self, instance_id: str) -> None:
        """Remove a live instance."""
        self._clear(self._entries[instance_id])
        del self._entries[instance_id]

    def stored(self) -> Iterator[StoredEntry]:
        """Every entry in the file, in the order in which they were first stored, as they are now.

        It must be read to its end within `reading`.
        """
        mine: dict[int, StoredEntry] = {}
        for entry in self._entries.values():
            if entry.live is None:
                spans = {row.ordinal: row.span for row in entry.rows.values() if row.span is not None}
                mine[entry.number] = StoredEntry(entry.number, entry.offset, entry.length, spans)
        last = 0
        if self.disk is not None:
            last = self.disk.last_numbers()[0]
            for some in self.disk.stored(self.amended_from):
                for one in some:
                    own = mine.get(one.number)
                    if own is None:
                        yield one
                    elif own.offset == one.offset:
                        yield own._replace(amendments=one.amendments | own.amendments)
                    else:
                        yield own
        for number in sorted(mine):
            if number > last:
                yield mine[number]

    def instances(self, apart_from: IndexFile | None) -> Iterator[str]:
        """The ids of all stored entries, apart from those in an index on disk."""
        if self.disk is not None and (apart_from is None or self.disk.path != apart_from.path):
            yield from self.disk.instances()
        yield from [each for each, entry in self._entries.items() if entry.live is None]

    @property
    def is_anything_amended(self) -> bool:
        """Whether an entry has amendments that are not in the file."""
        on_disk = self.disk is not None and self.disk.mark.amended_to > self.amended_from
        return on_disk or any(row.span for entry in self._entries.values() for row in entry.rows.values())

    def stored_entry(self, instance_id: str) -> StoredEntry | None:
        """The entry of an instance that is not live, as it is in the file; None if there is none."""
        entry = self._entry(instance_id) if self.knows_instance(instance_id) else None
        if entry is None or entry.live is not None:
            return None
        found = [each for each in self.stored() if each.number == entry.number]
        return found[0] if found else None

    def knows_instance(self, instance_id: str) -> bool:
        """Whether there is an entry of that id, live or stored."""
        if instance_id in self._entries:
            return True
        if self.disk is None:
            return False
        known = self.disk.has_instance(instance_id)
        if not known:
            self._absent = instance_id
        return known

    def is_amended(self, instance_id: str) -> bool:
        """Whether a stored entry has amendments that are not in the file."""
        entry = self._entries.get(instance_id)
        if entry is not None and any(row.span is not None for row in entry.rows.values()):
            return True
        if self.disk is None or self._loading or (entry is not None and entry.whole):
            return False
        found = self.disk.entry(instance_id)
        return found is not None and self.disk.is_amended(found.number, self.amended_from)

    def _entry(self, instance_id: str) -> Entry | None:
        """The entry of that id; one that is on disk only gets a place in memory, without its rows."""
        entry = self._entries.get(instance_id)
        if entry is None and self.disk is not None and not self._loading and instance_id != self._absent:
            found = self.disk.entry(instance_id)
            if found is not None:
                count = self.disk.record_count(found.number)
                entry = Entry(found.number, instance_id, found.definition_id, found.offset, found.length)
                entry.count, entry.whole = count, False
                self._entries[instance_id] = entry
                self.pending += 1
        return entry

    def _clear(self, entry: Entry) -> dict[int, EntryRow]:
        """Uncount an entry, and take its rows out; those that are on disk are hidden."""
        self._count_spawned(entry, -1)
        if entry.live is None:
            self.stored_count -= 1
            self.live_bytes -= entry.length + _SEPARATOR
        else:
            self._of(entry.definition_id).active -= 1
            self._touched.add(entry.definition_id)
        rows = {row.ordinal: row for row in self._rows(entry)}
        for row in rows.values():
            self._take_out(row)
        entry.rows, entry.count = {}, 0
        return rows

    def _count_spawned(self, entry: Entry, by: int) -> None:
        if not entry.instance_id.startswith(STATELESS_PREFIX):
            self._totals_for(entry, entry.definition_id).spawned += by

    def _next_entry(self) -> int:
        self._last_entry += 1
        return self._last_entry

    def _next_row(self) -> int:
        self._last_row += 1
        return self._last_row

    # Live instances

    def start(self, live: JournaledInstance) -> None:
        """Add a live instance that has no records yet."""
        entry = Entry(self._next_entry(), live.instance_id, live.definition_id, live=live)
        self._entries[live.instance_id] = entry
        self._count_spawned(entry, 1)
        self._of(live.definition_id).active += 1
        self._touched.add(live.definition_id)

    def live(self, instance_id: str) -> JournaledInstance | None:
        """The live instance of that id, whichever process owns it; None if there is none."""
        entry = self._entries.get(instance_id)
        return None if entry is None else entry.live

    def live_instances(self) -> list[JournaledInstance]:
        """The live instances of all processes."""
        return [entry.live for entry in self._entries.values() if entry.live is not None]

    # Records

    def add_record(self, instance_id: str, record: dict[str, Any], row: Row, span: Span | None = None) -> None:
        """Add a record to an entry, behind those that it has; to a stored one as an amendment.

        Args:
            instance_id: that of the entry.
            record: the record, in the form of the files.
            row: its row.
            span: where its line is in the file of the journal, of an amendment.
        """
        entry = self._entry(instance_id)
        assert entry is not None
        if entry.live is not None:
            entry.live.records.append(record)
        self._add_row(entry, self._next_row(), entry.count, row, self._amendment(entry, span))
        entry.count += 1

    def replace_record(
        self, instance_id: str, ordinal: int, record: dict[str, Any], row: Row, span: Span | None = None
    ) -> None:
        """Put a record of the same definition in the place of one of an entry; in a stored one as an amendment."""
        entry = self._entry(instance_id)
        assert entry is not None
        old = entry.rows.get(ordinal)
        if old is None:
            assert self.disk is not None
            found = self.disk.row(entry.number, ordinal)
            assert found is not None
            old = EntryRow(found.number, ordinal, found.row, entry, found.span)
        self._take_out(old)
        if entry.live is not None:
            entry.live.records[ordinal] = record
        self._add_row(entry, old.number, ordinal, row, self._amendment(entry, span))

    def _amendment(self, entry: Entry, span: Span | None) -> Span | None:
        """The span of an amendment, counted as the index on disk counts it."""
        if entry.live is not None or span is None:
            return None
        return Span(span.offset + self.amended_from, span.length)

    # Rows

    def _rows(self, entry: Entry) -> list[EntryRow]:
        """An entry's rows, in the order of its records."""
        rows = list(entry.rows.values())
        if not entry.whole and self.disk is not None:
            found = self.disk.rows_of(entry.number)
            rows += [EntryRow(each.number, each.ordinal, each.row, entry, each.span) for each in found]
        return sorted(rows, key=lambda row: row.ordinal)

    def _add_row(self, entry: Entry, number: int, ordinal: int, row: Row, span: Span | None) -> None:
        made = entry.rows[ordinal] = EntryRow(number, ordinal, row, entry, span)
        self._tasks.setdefault(row.task_id, []).append(made)
        self._rows_of_definition.setdefault(row.definition_id, {})[number] = made
        if entry.live is None:
            self.pending += 1
        totals, counts = self._totals_for(entry, row.definition_id), self._of(row.definition_id)
        totals.tasks += 1
        totals.successes += row.success
        totals.duration_ms.add(row.duration_ms)
        totals.tokens += row.tokens
        if row.cost:
            totals.cost.add(row.cost)
        if row.rating is not None:
            totals.rated += 1
            totals.rating.add(row.rating)
        if row.end >= totals.last:
            totals.last = row.end
            counts.stored_stale = counts.stored_stale and totals is counts.live
            counts.live_stale = counts.live_stale and totals is counts.stored

    def _take_out(self, row: EntryRow) -> None:
        """Uncount a row, take it out of memory, and hide the one on disk."""
        found, entry = row.row, row.entry
        totals = self._totals_for(entry, found.definition_id)
        totals.tasks -= 1
        totals.successes -= found.success
        totals.duration_ms.remove(found.duration_ms)
        totals.tokens -= found.tokens
        if found.cost:
            totals.cost.remove(found.cost)
        if found.rating is not None:
            totals.rated -= 1
            totals.rating.remove(found.rating)
        if entry.rows.get(row.ordinal) is row:
            del entry.rows[row.ordinal]
            same = self._tasks[found.task_id]
            same.remove(row)
            if not same:
                del self._tasks[found.task_id]
            del self._rows_of_definition[found.definition_id][row.number]
        elif self.disk is not None:
            self.disk.hide(row.number)
        if found.end >= totals.last:
            counts = self._of(found.definition_id)
            counts.stored_stale = counts.stored_stale or totals is counts.stored
            counts.live_stale = counts.live_stale or totals is counts.live

    def _of(self, definition_id: str) -> Counts:
        counts = self._counts.get(definition_id)
        if counts is None:
            known = self.disk is not None and not self._loading
            counts = Counts(self.disk.totals(definition_id) if known and self.disk is not None else Totals())
            self._counts[definition_id] = counts
        return counts

    def _totals_for(self, entry: Entry, definition_id: str) -> Totals:
        """The totals to change for an entry's rows."""
        counts = self._of(definition_id)
        self._touched.add(definition_id)
        if entry.live is not None:
            return counts.live
        self._changed.add(definition_id)
        return counts.stored

    # Questions

    def knows_task(self, task_id: str) -> bool:
        """Whether there is a record of a task."""
        return task_id in self._tasks or (self.disk is not None and self.disk.has_task(task_id))

    def find_task(self, task_id: str) -> Place | None:
        """Where the record of a task is, the last one if another program wrote several; None if there is none."""
        found = [self._placed(row) for row in self._tasks.get(task_id, ())]
        if self.disk is not None:
            found += self.disk.placed_task(task_id)
        return self._place(max(found, key=lambda row: row.number)) if found else None

    def ordinal_in(self, instance_id: str, task_id: str) -> int | None:
        """The ordinal of a task's record in an entry, from 0; None if it is not there."""
        entry = self._entries.get(instance_id)
        in_memory = [row.ordinal for row in self._tasks.get(task_id, ()) if row.entry is entry]
        if in_memory:
            return min(in_memory)
        if self.disk is None or (entry is not None and entry.whole):
            return None
        found = [row.ordinal for row in self.disk.placed_task(task_id) if row.instance_id == instance_id]
        return min(found, default=None)

    def totals(self, definition_id: str) -> Totals:
        """The totals of a definition's records, live ones too, and of the instances spawned from it.

        They are the index's own: change nothing in them.
        """
        counts = self._of(definition_id)
        self._find_last(definition_id, counts)
        return counts.stored.plus(counts.live) if counts.live.tasks or counts.live.spawned else counts.stored

    def _find_last(self, definition_id: str, counts: Counts) -> None:
        """Find out when the last tasks ended, if the last ones known are gone."""
        for totals, stale in ((counts.stored, counts.stored_stale), (counts.live, counts.live_stale)):
            if stale:
                rows = self._rows_of_definition.get(definition_id, {}).values()
                mine = [row.row.end for row in rows if (row.entry.live is None) is (totals is counts.stored)]
                totals.last = max(mine, default=NEVER)
        if counts.stored_stale and self.disk is not None:
            counts.stored.last = max(counts.stored.last, self.disk.last_end(definition_id, NEVER))
        counts.stored_stale = counts.live_stale = False

    def stored_records(self, definition_id: str) -> int:
        """How many records of a definition are in stored entries, amendments included."""
        return self._of(definition_id).stored.tasks

    def active_count(self, definition_id: str) -> int:
        """How many instances of a definition are live."""
        return self._of(definition_id).active

    def select(self, definition_id: str, where: RecordFilter) -> list[Place]:
        """The records of a definition that pass a filter, newest first.

        Of records that started together, the last one comes first.
        """
        mine = self._rows_of_definition.get(definition_id, {}).values()
        found = [self._placed(row) for row in mine if passes(row, where)]
        if self.disk is not None:
            found += self.disk.select(definition_id, where)
        found.sort(key=lambda row: (row.start, row.number), reverse=True)
        return [self._place(row) for row in (found if where.limit is None else found[: where.limit])]

    def rows(self, definition_id: str, where: RecordFilter) -> list[Row]:
        """The same as `select` in rows, for which no file is read."""
        mine = self._rows_of_definition.get(definition_id, {}).values()
        found = [(row.number, row.row) for row in mine if passes(row, where)]
        if self.disk is not None:
            found += [(each.number, each.row) for each in self.disk.rows(definition_id, where)]
        found.sort(key=lambda each: (each[1].start, each[0]), reverse=True)
        return [row for _, row in (found if where.limit is None else found[: where.limit])]

    def recorded_definitions(self) -> set[str]:
        """The ids of the definitions that have records."""
        found = {each for each, rows in self._rows_of_definition.items() if rows}
        return found if self.disk is None else found | set(self.disk.recorded_definitions())

    def places_of_instance(self, instance_id: str) -> list[Place]:
        """The records of one entry, in the order logged."""
        entry = self._entries.get(instance_id)
        found = [] if entry is None else [self._placed(row) for row in entry.rows.values()]
        if self.disk is not None and (entry is None or not entry.whole):
            on_disk = self.disk.entry(instance_id)
            found += [] if on_disk is None else self.disk.placed_entry(on_disk.number)
        return [self._place(row) for row in sorted(found, key=lambda row: row.ordinal)]

    def _placed(self, row: EntryRow) -> PlacedRow:
        entry = row.entry
        where = entry.instance_id, entry.number, row.ordinal, entry.offset, entry.length
        return PlacedRow(*where, row.span, row.row.start, row.number)

    def _place(self, row: PlacedRow) -> Place:
        live = self.live(row.instance_id)
        record = None if live is None else live.records[row.ordinal]
        span = row.span if row.span is not None and row.span.offset >= self.amended_from else None
        return Place(row.instance_id, row.ordinal, row.offset, row.length, span, record)

    def touched(self) -> set[str]:
        """The definitions whose totals may have changed since this was last asked."""
        touched, self._touched = self._touched, set()
        return touched

    # Moving to the disk

    def batch(self) -> Batch:
        """Everything stored that is in memory only, to be moved to the disk."""
        stored = [entry for entry in self._entries.values() if entry.live is None]
        rows = [
            (
                IndexedRow(row.number, entry.number, row.ordinal, row.row, row.span),
                entry.instance_id.startswith(STATELESS_PREFIX),
            )
            for entry in stored
            for row in entry.rows.values()
        ]
        places = [
            IndexedPlace(entry.number, entry.instance_id, entry.definition_id, entry.offset, entry.length)
            for entry in stored
        ]
        for definition_id in self._changed:
            self._find_last(definition_id, self._counts[definition_id])
        return Batch(places, rows, self._removed, self.stored_totals())

    def stored_totals(self) -> dict[str, Totals]:
        """The totals that on disk are out of date."""
        return {definition_id: self._counts[definition_id].stored for definition_id in self._changed}

    def moved(self, disk: IndexFile) -> None:
        """Forget what was moved to the disk."""
        self.disk = disk
        for entry in [entry for entry in self._entries.values() if entry.live is None]:
            for row in entry.rows.values():
                same = self._tasks[row.row.task_id]
                same.remove(row)
                if not same:
                    del self._tasks[row.row.task_id]
                del self._rows_of_definition[row.row.definition_id][row.number]
            del self._entries[entry.instance_id]
        self._changed, self._removed, self.pending = set(), [], 0

    def fill(self, disk: IndexFile) -> None:
        """Move everything to a new index that is being filled; until `filled`, nothing may be asked."""
        if not self._loading:
            self._loading = True
            disk.begin()
        disk.add(self.batch()._replace(totals={}))
        changed = self._changed
        self.moved(disk)
        self._changed = changed

    def filled(self, mark: Mark) -> None:
        """End what `fill` began: find the entries that later ones supersede, and make the index on disk valid.

        Args:
            mark: up to where it covers the files; the counts of entries and bytes are this object's own.
        """
        disk = self.disk
        assert disk is not None
        disk.add(self.batch()._replace(totals={}))
        changed = self._changed
        self.moved(disk)
        for numbers, by in disk.order():
            for number in numbers:
                for each in disk.rows_of(number):
                    ended = Entry(number, "", each.row.definition_id)
                    self._take_out(EntryRow(each.number, each.ordinal, each.row, ended))
                instance_id, definition_id = disk.name_of(number)
                self._count_spawned(Entry(number, instance_id, definition_id), -1)
                self.stored_count -= 1
                place = disk.place_of(number)
                self.live_bytes -= 0 if place is None else place[1] + _SEPARATOR
            disk.supersede(numbers, by)
        self._loading = False
        self._changed = changed
        for definition_id in changed:
            self._find_last(definition_id, self._counts[definition_id])
        disk.finish(self.mark(mark), self.stored_totals())
        self._changed = set()

    def relocate(self, tail: int) -> None:
        """Note that the file was written anew, with what the index on disk covers tidied up, and the rest as it was.

        Args:
            tail: where that rest began in the old file; its new beginning is the index's mark.
        """
        disk = self.disk
        assert disk is not None
        mark, last = disk.mark, disk.last_numbers()[0]
        live_bytes = mark.live_bytes
        for entry in self._entries.values():
            if entry.live is None:
                place = disk.place_of(entry.number) if entry.number <= last else None
                if entry.offset >= tail:
                    entry.offset += mark.tail - tail
                    live_bytes += entry.length + _SEPARATOR - (0 if place is None else place[1] + _SEPARATOR)
                elif place is not None:
                    entry.offset, entry.length = place
        self.live_bytes, self.amended_from, self.amended_to = live_bytes, mark.amended_from, mark.amended_to

    def mark(self, mark: Mark) -> Mark:
        """A mark with the counts as they are in memory."""
        return replace(mark, stored=self.stored_count, live_bytes=self.live_bytes, amended_from=self.amended_from)
