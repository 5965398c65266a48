"""The tables of an index on disk, and the values that go in and out."""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple

from ai_wm.data.totals import Totals
from ai_wm.store.files import read_at
from ai_wm.store.rows import Row

FORMAT: Final = 1
"""The version of the tables; a file of another is rebuilt."""

_CHUNK: Final = 1 << 20
SLICE: Final = 2000
"""How many entries are read in one transaction."""

BUSY_SECONDS: Final = 20.0
"""How long a reader waits for another process's commit."""

TABLES: Final = """
CREATE TABLE state (changes INTEGER NOT NULL, mark TEXT NOT NULL);
CREATE TABLE definitions (number INTEGER PRIMARY KEY, definition TEXT NOT NULL UNIQUE, totals TEXT NOT NULL);
CREATE TABLE entries (number INTEGER PRIMARY KEY, instance TEXT NOT NULL, definition INTEGER NOT NULL);
CREATE TABLE places (number INTEGER PRIMARY KEY, offset INTEGER NOT NULL, length INTEGER NOT NULL);
CREATE TABLE rows (
  number INTEGER PRIMARY KEY, task TEXT NOT NULL, entry INTEGER NOT NULL, ordinal INTEGER NOT NULL,
  definition INTEGER NOT NULL, start INTEGER NOT NULL, end INTEGER NOT NULL, duration INTEGER NOT NULL,
  tokens INTEGER NOT NULL, cost REAL NOT NULL, rating REAL, success INTEGER NOT NULL, owner TEXT NOT NULL,
  stateless INTEGER NOT NULL, span INTEGER, span_length INTEGER
);
"""
INDEXES: Final = """
CREATE INDEX entries_instance ON entries (instance);
CREATE INDEX rows_task ON rows (task);
CREATE INDEX rows_entry ON rows (entry, ordinal);
CREATE INDEX rows_start ON rows (definition, start);
CREATE INDEX rows_amended ON rows (entry, ordinal) WHERE span IS NOT NULL;
"""
_COLUMNS: Final = (
    "r.number, r.task, r.entry, r.ordinal, d.definition, r.start, r.end, r.duration, r.tokens, r.cost, r.rating, "
    "r.success, r.owner, r.span, r.span_length"
)
ROWS: Final = f"SELECT {_COLUMNS} FROM rows r JOIN definitions d ON d.number = r.definition"
PLACED: Final = (
    "SELECT e.instance, r.entry, r.ordinal, p.offset, p.length, r.span, r.span_length, r.start, r.number FROM rows r "
    "JOIN entries e ON e.number = r.entry JOIN places p ON p.number = r.entry"
)
HIDDEN: Final = "NOT EXISTS (SELECT 1 FROM temp.hidden h WHERE h.number = r.number)"


class StaleIndexError(Exception):
    """The index on disk was changed by another process, or cannot be read: everything must be read again."""


class Span(NamedTuple):
    """The place of a line in the journal of amendments.

    ``offset`` counts from the first amendment ever made while this index was kept (`Mark.amended_from`).
    """

    offset: int
    length: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """The state of the files up to which an index covers them."""

    inode: int = 0
    """The performance file's."""
    tail: int = 0
    """The offset behind the last entry covered."""
    count: int = 0
    """The lines up to there, superseded ones too."""
    checksum: int = 0
    """The CRC-32 of the performance file up to there."""
    stored: int = 0
    """The entries up to there, each counted once."""
    live_bytes: int = 0
    """The bytes of the lines that are not superseded, with their separators."""
    amended_from: int = 0
    """Where the journal of amendments begins now: the bytes of it that were taken into the performance file."""
    amended_to: int = 0
    """The offset in that journal behind the last line covered, counted from the same beginning."""
    amended_checksum: int = 0
    """The CRC-32 of the part of the journal between the two."""
    seal: tuple[int, int, int] | None = None
    """The signature of the performance file when it was last closed, if nothing was behind the mark then."""


class IndexedRow(NamedTuple):
    """A row of a record, and where it is."""

    number: int
    entry: int
    ordinal: int
    row: Row
    span: Span | None


class PlacedRow(NamedTuple):
    """Where a record is, and what it is sorted by."""

    instance_id: str
    entry: int
    ordinal: int
    offset: int
    length: int
    span: Span | None
    start: int
    number: int


class IndexedPlace(NamedTuple):
    """An entry: its number, the id of its instance, its definition and the place of its line."""

    number: int
    instance_id: str
    definition_id: str
    offset: int
    length: int


class Batch(NamedTuple):
    """What is moved to the index in one transaction.  Rows and entries replace those of the same number."""

    entries: list[IndexedPlace]
    rows: list[tuple[IndexedRow, bool]]
    """Each with whether its entry is a stateless task."""
    removed: list[int]
    totals: dict[str, Totals]


def checksum(descriptor: int, start: int, end: int, value: int = 0) -> int:
    """Compute the CRC-32 of a part of a file, going on from that of what comes before it."""
    while start < end:
        data = read_at(descriptor, min(_CHUNK, end - start), start)
        if not data:
            return -1
        value, start = zlib.crc32(data, value), start + len(data)
    return value


class StoredEntry(NamedTuple):
    """An entry in the performance file: where its line is, and which records were added or changed since."""

    number: int
    offset: int
    length: int
    amendments: dict[int, Span]
    """By the ordinals of the records."""


def stored_entries(connection: sqlite3.Connection, amended_from: int) -> Iterator[list[StoredEntry]]:
    """The entries of an index in their order, in slices, each read in one step."""
    last = -1
    while True:
        places = connection.execute(
            "SELECT number, offset, length FROM places WHERE number > ? ORDER BY number LIMIT ?", (last, SLICE)
        ).fetchall()
        if not places:
            return
        first, last = places[0][0], places[-1][0]
        amended: dict[int, dict[int, Span]] = {}
        query = (
            "SELECT entry, ordinal, span, span_length FROM rows "
            "WHERE span IS NOT NULL AND span >= ? AND entry BETWEEN ? AND ?"
        )
        for entry, ordinal, span, length in connection.execute(query, (amended_from, first, last)):
            amended.setdefault(entry, {})[ordinal] = Span(span, length)
        yield [StoredEntry(number, offset, length, amended.get(number, {})) for number, offset, length in places]


DEFINITIONS: Final = "SELECT number, definition FROM definitions"


def connect(path: Path) -> sqlite3.Connection:
    name = f"{path.absolute().as_uri()}?mode=rw"  # only a file that is there
    connection = sqlite3.connect(name, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False, uri=True)
    for pragma in ("cache_size = -8000", "journal_mode = TRUNCATE", "trusted_schema = OFF"):
        connection.execute(f"PRAGMA {pragma}")
    connection.execute("CREATE TEMP TABLE hidden (number INTEGER PRIMARY KEY)")
    return connection


def row_from(found: Sequence[Any]) -> IndexedRow:
    number, task, entry, ordinal, definition, start, end, duration, tokens, cost, rating, success, owner = found[:13]
    row = Row(task, definition, start, end, duration, tokens, cost, rating, bool(success), owner)
    return IndexedRow(number, entry, ordinal, row, span_from(*found[13:15]))


def span_from(offset: int | None, length: int | None) -> Span | None:
    return None if offset is None or length is None else Span(offset, length)


def stored_text(text: str) -> str:
    """Halves of surrogate pairs become U+FFFD, as in the files."""
    if text.isascii():
        return text
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def bound(value: Any) -> Any:
    """A value as SQLite compares it: its integers have 64 bits."""
    if isinstance(value, str):
        return stored_text(value)
    return float(value) if isinstance(value, int) and not -(2**63) <= value < 2**63 else value
