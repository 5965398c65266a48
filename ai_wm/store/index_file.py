"""The index of the performance data on disk: a SQLite file that may be deleted at any time, because it can be rebuilt.

It holds a row of numbers for each record, and the place of each entry's line, up to a **mark**: an offset in the
performance file and one in the journal of amendments.  What follows the mark is in the memory of each process
(`ai_wm.store.index`), until whoever holds the store's lock moves it here.  Nothing acknowledged depends on the file.

Every file has a name of its own, so that a process which still reads a deleted one shares neither journal nor locks
with its successor.  For the same reason it is not in WAL mode, whose side files are shared by name: someone who
removes one of those would damage what all processes read.  Commits are rare here, so readers hardly wait for them.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import sqlite3
import tempfile
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final, Self

from ai_wm.data.record_filter import RecordFilter
from ai_wm.data.totals import Totals
from ai_wm.store.index_tables import (
    BUSY_SECONDS,
    DEFINITIONS,
    FORMAT,
    HIDDEN,
    INDEXES,
    PLACED,
    ROWS,
    SLICE,
    TABLES,
    Batch,
    IndexedPlace,
    IndexedRow,
    Mark,
    PlacedRow,
    StaleIndexError,
    StoredEntry,
    bound,
    connect,
    row_from,
    span_from,
    stored_entries,
    stored_text,
)
from neuroscript.private_files import check_plain, make_own_directory, open_private

SUFFIX: Final = ".sqlite3"
UNFINISHED: Final = ".new"
"""The suffix of an index that is still being filled by a process that has not locked the store."""


class IndexFile:
    """A connection to an index on disk.  The store's mutex must guard it.

    Made by `create`, `create_private` and `open`.
    """

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self.path = path
        self._connection = connection
        self._private: tempfile.TemporaryDirectory[str] | None = None
        self._reading = False
        self._hiding = False
        self._inode = os.stat(path).st_ino
        self.changes = 0
        """The number of the state that this process knows; reading another is refused."""
        self.mark = Mark()
        self.definitions: dict[str, int] = {}
        """The numbers of the definitions that have records here."""

    # Making and opening

    @classmethod
    def create(cls, directory: Path, suffix: str = SUFFIX) -> Self:
        """Make an empty index under a new name; it is valid after the first `write`.

        Raises:
            OSError, sqlite3.Error: if it cannot be made.
        """
        make_own_directory(directory)
        path = directory / f"{uuid.uuid4().hex}{suffix}"
        os.close(open_private(path, os.O_RDWR | os.O_CREAT | os.O_EXCL))
        try:
            made = cls(connect(path), path)
            made._connection.executescript(TABLES)
            return made
        except BaseException:  # raised again, once what was begun is undone
            path.unlink(missing_ok=True)
            raise

    @classmethod
    def create_private(cls) -> Self:
        """Make an empty index that no other process sees, and that is removed with this object."""
        directory = tempfile.TemporaryDirectory(prefix="ai_wm-index-", ignore_cleanup_errors=True)
        made = cls.create(Path(directory.name))
        made._private = directory
        return made

    @classmethod
    def open(cls, path: Path) -> Self:
        """Open an index.

        Raises:
            OSError, sqlite3.Error, ValueError, TypeError, KeyError: if it is none, or of another version.
        """
        if not check_plain(path):  # no link is followed
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))
        opened = cls(connect(path), path)
        try:
            opened._read_state()
        except BaseException:  # raised again; only the file must not stay open
            opened.close()
            raise
        return opened

    def _read_state(self) -> None:
        database = self._connection
        [version] = database.execute("PRAGMA user_version").fetchone()
        if version != FORMAT:
            raise ValueError(f"version {version} of the index")
        with self._transaction("BEGIN"):
            self.changes, text = database.execute("SELECT changes, mark FROM state").fetchone()
            self.definitions = {name: number for number, name in database.execute(DEFINITIONS)}
        facts = json.loads(text)
        seal = facts.pop("seal")
        self.mark = Mark(**facts, seal=None if seal is None else tuple(seal))

    @property
    def is_private(self) -> bool:
        """Whether no other process sees it."""
        return self._private is not None

    @property
    def is_current(self) -> bool:
        """Whether its name still stands for it."""
        try:
            return os.stat(self.path).st_ino == self._inode
        except OSError:
            return False

    def close(self) -> None:
        """Close the file, and remove it if it is private."""
        self._connection.close()
        if self._private is not None:
            self._private.cleanup()

    def publish(self) -> None:
        """Close an unfinished index, and give it a name by which it is found.

        Raises:
            OSError: if that failed.
        """
        self.close()
        self.path.replace(self.path.with_suffix(SUFFIX))

    def remove(self) -> None:
        """Close the file and remove it, if the system permits that."""
        self.close()
        with contextlib.suppress(OSError):
            if self.is_current:
                self.path.unlink()
        with contextlib.suppress(OSError):
            Path(f"{self.path}-journal").unlink(missing_ok=True)

    # Reading

    @contextlib.contextmanager
    def reading(self) -> Iterator[None]:
        """Context manager within which the state known to this process is read, and no other; it may be nested.

        Raises:
            StaleIndexError: if another process has changed the index, or it cannot be read.
        """
        if self._reading:
            yield
            return
        self._reading, database = True, self._connection
        try:
            if database.in_transaction:  # an interrupt came between
                database.rollback()
            database.execute("BEGIN")
            [changes] = database.execute("SELECT changes FROM state").fetchone()
            if changes != self.changes:
                raise StaleIndexError("the index on disk was changed")
            yield
        except sqlite3.Error as error:
            raise self.failed(error) from error
        finally:
            self._reading = False
            with contextlib.suppress(sqlite3.Error):  # it is closed if it could not be read
                database.rollback()

    def failed(self, error: sqlite3.Error) -> StaleIndexError:
        """Remove the file, which cannot be read, so that it is made anew; returns the error to raise."""
        self.remove()
        return StaleIndexError(str(error))

    @contextlib.contextmanager
    def _transaction(self, begin: str) -> Iterator[None]:
        database = self._connection
        if database.in_transaction:  # an interrupt came between
            database.rollback()
        database.execute(begin)
        try:
            yield
        except BaseException:  # raised again, once what was begun is undone
            database.rollback()
            raise
        database.commit()

    def _all(self, query: str, *values: Any) -> list[Any]:
        try:
            return self._connection.execute(query, values).fetchall()
        except sqlite3.Error as error:
            raise self.failed(error) from error

    def totals(self, definition_id: str) -> Totals:
        """The totals of a definition's records here."""
        for (text,) in self._all("SELECT totals FROM definitions WHERE definition = ?", definition_id):
            return Totals.from_mark(json.loads(text))
        return Totals()

    def last_end(self, definition_id: str, default: int) -> int:
        """When the last task of a definition ended, in nanoseconds."""
        number = self.definitions.get(definition_id)
        [(found,)] = self._all(f"SELECT max(r.end) FROM rows r WHERE r.definition = ? AND {HIDDEN}", number)
        return default if found is None else int(found)

    def entry(self, instance_id: str) -> IndexedPlace | None:
        """The entry of an instance; None if it is not here."""
        query = (
            "SELECT e.number, e.instance, d.definition, p.offset, p.length FROM entries e "
            "JOIN places p ON p.number = e.number JOIN definitions d ON d.number = e.definition WHERE e.instance = ?"
        )
        for found in self._all(query, instance_id):
            return IndexedPlace(*found)
        return None

    def has_instance(self, instance_id: str) -> bool:
        """Whether there is an entry of an instance."""
        return bool(self._all("SELECT 1 FROM entries WHERE instance = ?", instance_id))

    def has_task(self, task_id: str) -> bool:
        """Whether there is a record of a task."""
        return bool(self._all(f"SELECT 1 FROM rows r WHERE r.task = ? AND {HIDDEN} LIMIT 1", task_id))

    def rows_of(self, entry: int) -> list[IndexedRow]:
        """The rows of an entry that are not hidden, in the order logged."""
        found = self._all(f"{ROWS} WHERE r.entry = ? AND {HIDDEN} ORDER BY r.ordinal", entry)
        return [row_from(each) for each in found]

    def row(self, entry: int, ordinal: int) -> IndexedRow | None:
        """One row of an entry; None if it is not here, or hidden."""
        found = self._all(f"{ROWS} WHERE r.entry = ? AND r.ordinal = ? AND {HIDDEN}", entry, ordinal)
        return row_from(found[0]) if found else None

    def record_count(self, entry: int) -> int:
        """How many records an entry has here, hidden ones too."""
        [(found,)] = self._all("SELECT coalesce(max(ordinal) + 1, 0) FROM rows WHERE entry = ?", entry)
        return int(found)

    def is_amended(self, entry: int, since: int) -> bool:
        """Whether an entry has amendments from an offset in their journal on."""
        return bool(self._all("SELECT 1 FROM rows WHERE entry = ? AND span >= ? LIMIT 1", entry, since))

    def placed_task(self, task_id: str) -> list[PlacedRow]:
        """The rows of a task that are not hidden, the last first."""
        return self._placed("r.task = ?", [task_id], None)

    def placed_entry(self, entry: int) -> list[PlacedRow]:
        """The rows of an entry that are not hidden."""
        return self._placed("r.entry = ?", [entry], None)

    def _placed(self, condition: str, values: list[Any], limit: int | None) -> list[PlacedRow]:
        cut = "" if limit is None else f" LIMIT {min(limit, 2**62)}"
        query = f"{PLACED} WHERE {condition} AND {HIDDEN} ORDER BY r.start DESC, r.number DESC{cut}"
        return [
            PlacedRow(instance, entry, ordinal, offset, length, span_from(span, extent), start, number)
            for instance, entry, ordinal, offset, length, span, extent, start, number in self._all(query, *values)
        ]

    def select(self, definition_id: str, where: RecordFilter) -> list[PlacedRow]:
        """The places of the rows of a definition that pass a filter and are not hidden, newest first."""
        return self._placed(*self._condition(definition_id, where), where.limit)

    def rows(self, definition_id: str, where: RecordFilter) -> list[IndexedRow]:
        """The rows of a definition that pass a filter, but for its limit, and are not hidden; in no order."""
        condition, values = self._condition(definition_id, where)
        return [row_from(each) for each in self._all(f"{ROWS} WHERE {condition} AND {HIDDEN}", *values)]

    def recorded_definitions(self) -> list[str]:
        """The ids of the definitions that have rows here that are not hidden."""
        some = f"EXISTS (SELECT 1 FROM rows r WHERE r.definition = d.number AND {HIDDEN})"
        return [definition for (definition,) in self._all(f"SELECT d.definition FROM definitions d WHERE {some}")]

    def _condition(self, definition_id: str, where: RecordFilter) -> tuple[str, list[Any]]:
        """The condition on a definition's rows, and its values."""
        conditions, values = ["r.definition = ?"], [self.definitions.get(definition_id)]
        for condition, value in (
            ("r.task = ?", where.task_id),
            ("r.entry = (SELECT number FROM entries WHERE instance = ?)", where.instance_id),
            ("r.stateless = ?", where.stateless),
            ("r.success = ?", where.success),
            ("r.duration > ?", where.duration_ms_gt),
            ("r.duration < ?", where.duration_ms_lt),
            ("r.cost > ?", where.cost_incurred_gt),
            ("r.cost < ?", where.cost_incurred_lt),
            ("r.start >= ?", where.since),
            ("r.start <= ?", where.until),
        ):
            if value is not None:
                conditions.append(condition)
                values.append(bound(value))
        if where.owners is not None:
            conditions.append(f"r.owner IN ({','.join('?' * len(where.owners))})")
            values.extend(map(stored_text, where.owners))  # type: ignore[arg-type]
        return " AND ".join(conditions), values

    def stored(self, amended_from: int) -> Iterator[list[StoredEntry]]:
        """The entries here in their order, in slices, with the amendments from an offset in their journal on."""
        try:
            yield from stored_entries(self._connection, amended_from)
        except sqlite3.Error as error:
            raise self.failed(error) from error

    def instances(self) -> Iterator[str]:
        """The ids of the entries here, in their order."""
        last = 0
        while found := self._all(
            "SELECT number, instance FROM entries WHERE number > ? ORDER BY number LIMIT ?", last, SLICE
        ):
            last = found[-1][0]
            yield from (instance for _, instance in found)

    def last_numbers(self) -> tuple[int, int]:
        """The largest numbers of an entry and of a row."""
        [(entry,)] = self._all("SELECT coalesce(max(number), 0) FROM entries")
        [(row,)] = self._all("SELECT coalesce(max(number), 0) FROM rows")
        return entry, row

    def hide(self, number: int) -> None:
        """Hide a row, because memory holds a newer state of it, until the next `write`."""
        self._connection.execute("INSERT OR IGNORE INTO temp.hidden VALUES (?)", (number,))
        self._hiding = True

    # Writing

    def write(self, batch: Batch, mark: Mark, *, wait_seconds: float = 0.1) -> None:
        """Move a batch here.

        Raises:
            sqlite3.Error: if it could not be written, or others read for longer than that; then all is as before.
            StaleIndexError: if another process has changed the index.
        """
        with self._changing(mark, wait_seconds):
            self.add(batch)

    @contextlib.contextmanager
    def _changing(self, mark: Mark, wait_seconds: float, *, keep_hidden: bool = False) -> Iterator[None]:
        """Context manager for a transaction that ends in a new state, and after which no row is hidden any more."""
        database = self._connection
        database.execute(f"PRAGMA busy_timeout = {int(wait_seconds * 1000)}")
        known = len(self.definitions)
        try:
            with self._transaction("BEGIN IMMEDIATE"):
                found = database.execute("SELECT changes FROM state").fetchone()
                if found is not None and found[0] != self.changes:
                    raise StaleIndexError("the index on disk was changed")
                yield
                database.execute("DELETE FROM state")
                database.execute("INSERT INTO state VALUES (?, ?)", (self.changes + 1, json.dumps(asdict(mark))))
            self.changes, self.mark = self.changes + 1, mark
            if self._hiding and not keep_hidden:
                database.execute("DELETE FROM temp.hidden")
                self._hiding = False
        except BaseException:  # raised again, once what was begun is undone
            self.definitions = {name: number for name, number in self.definitions.items() if number <= known}
            raise
        finally:
            database.execute(f"PRAGMA busy_timeout = {int(BUSY_SECONDS * 1000)}")

    def add(self, batch: Batch) -> None:
        """Put a batch in without a transaction of its own."""
        database = self._connection
        for definition in (
            {each.definition_id for each in batch.entries}
            | {each.row.definition_id for each, _ in batch.rows}
            | batch.totals.keys()
        ):
            if definition not in self.definitions:
                number = self.definitions[definition] = len(self.definitions) + 1
                database.execute("INSERT INTO definitions VALUES (?, ?, '{}')", (number, stored_text(definition)))
        numbers = self.definitions
        database.executemany("DELETE FROM rows WHERE number = ?", [(number,) for number in batch.removed])
        database.executemany(
            "INSERT OR REPLACE INTO entries VALUES (?, ?, ?)",
            [(each.number, stored_text(each.instance_id), numbers[each.definition_id]) for each in batch.entries],
        )
        database.executemany(
            "INSERT OR REPLACE INTO places VALUES (?, ?, ?)",
            [(each.number, each.offset, each.length) for each in batch.entries],
        )
        database.executemany(
            "INSERT OR REPLACE INTO rows VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [
                (
                    each.number,
                    stored_text(each.row.task_id),
                    each.entry,
                    each.ordinal,
                    numbers[each.row.definition_id],
                    each.row.start,
                    each.row.end,
                    each.row.duration_ms,
                    each.row.tokens,
                    each.row.cost,
                    each.row.rating,
                    each.row.success,
                    stored_text(each.row.owner),
                    stateless,
                    *(each.span or (None, None)),
                )
                for each, stateless in batch.rows
            ],
        )
        database.executemany(
            "UPDATE definitions SET totals = ? WHERE number = ?",
            [(json.dumps(totals.to_mark()), numbers[definition]) for definition, totals in batch.totals.items()],
        )

    def finish(self, mark: Mark, totals: dict[str, Totals]) -> None:
        """Make what was put in with `add` a valid index."""
        with self._changing(mark, BUSY_SECONDS):
            self.add(Batch([], [], [], totals))
            self._connection.execute(f"PRAGMA user_version = {FORMAT}")

    def begin(self) -> None:
        """Begin to fill the file from the beginning, with `add`, without a look at what is there already."""
        self._connection.execute("PRAGMA synchronous = OFF")
        self._connection.execute("BEGIN")

    def order(self) -> list[tuple[list[int], int]]:
        """End what `begin` began, and make the file searchable.

        Returns:
            for every instance with more than one entry, the numbers of those that are superseded, and of the last.
        """
        self._connection.commit()
        self._connection.execute("PRAGMA synchronous = FULL")
        for statement in INDEXES.split(";")[:-1]:
            self._connection.execute(statement)
        doubled = self._all("SELECT instance FROM entries GROUP BY instance HAVING count(*) > 1")
        result = []
        for (instance,) in doubled:
            numbers = [
                n for (n,) in self._all("SELECT number FROM entries WHERE instance = ? ORDER BY number", instance)
            ]
            result.append((numbers[:-1], numbers[-1]))
        return result

    def supersede(self, numbers: Sequence[int], by: int) -> None:
        """Remove entries with their rows, and give another the place of the first in the order."""
        for number in numbers:
            for table in ("entries", "places"):
                self._connection.execute(f"DELETE FROM {table} WHERE number = ?", (number,))
            self._connection.execute("DELETE FROM rows WHERE entry = ?", (number,))
        for table in ("entries", "places"):
            self._connection.execute(f"UPDATE {table} SET number = ? WHERE number = ?", (numbers[0], by))
        self._connection.execute("UPDATE rows SET entry = ? WHERE entry = ?", (numbers[0], by))

    def name_of(self, number: int) -> tuple[str, str]:
        """The instance and the definition of an entry."""
        query = "SELECT e.instance, d.definition FROM entries e JOIN definitions d ON d.number = e.definition"
        [(instance, definition)] = self._all(f"{query} WHERE e.number = ?", number)
        return instance, definition

    def place_of(self, number: int) -> tuple[int, int] | None:
        """The offset and length of an entry's line; None if it is not here."""
        for offset, length in self._all("SELECT offset, length FROM places WHERE number = ?", number):
            return offset, length
        return None

    # New places, while the performance file is written anew

    def switch_places(self, mark: Mark) -> None:
        """Put the places that `NewPlaces` collected in the place of the old ones.

        Raises:
            sqlite3.Error, StaleIndexError: if that failed.
        """
        with self._changing(mark, BUSY_SECONDS, keep_hidden=True):
            self._connection.execute("ALTER TABLE places RENAME TO places_old")
            self._connection.execute("ALTER TABLE places_new RENAME TO places")
