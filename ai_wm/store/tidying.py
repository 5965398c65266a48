"""Tidying up: the performance file is written anew without superseded lines and with all amendments.

That takes seconds when the file is large, and nobody waits for it: the new file is written beside the old one while all
processes go on appending to that, from what the index on disk holds.  Only then is the store locked, what was appended
meanwhile is copied as it is, and the new file is put in the old one's place.  One process tidies up at a time, and
while it does the mark of the index on disk stays where it is, so everything behind the mark is what was appended.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Final

from ai_wm.store.files import io_error, read_at
from ai_wm.store.index_file import IndexFile
from ai_wm.store.index_tables import Mark, StaleIndexError, StoredEntry, connect, stored_entries
from ai_wm.store.new_file import NewFile
from neuroscript import get_logger

if TYPE_CHECKING:
    from ai_wm.store.engine import StorageEngine

_REMOVED_AT_ONCE: Final = 50_000

_LOG = get_logger("ai_wm.store")


def tidy_up(engine: StorageEngine, locked: Callable[[], AbstractContextManager[None]], *, spare: int = 0) -> None:
    """Write the performance file anew, if enough of it is wasted and nobody else does.

    Args:
        engine: the engine of the store; the caller has not locked it.
        locked: locks the store, and this process's part of it.
        spare: so many wasted bytes are none.

    Raises:
        NeuroScriptError: 25 or 26 if it failed; then all is as it was.
    """
    with locked():
        engine.refresh()
        if not engine.is_wasteful(spare):
            return
        lock = engine.indexes.hold()
        if lock is None:
            return
        moved = engine.move_holding()
        if not moved and engine.stale:  # the index on disk was another's, or was removed
            engine.refresh()
            moved = engine.move_holding()
        if not moved or engine.index.disk is None:
            lock.release()
            return
        disk, reader = engine.index.disk, engine.reader()
    try:
        new = engine.performance.new_file()
        try:
            places = _NewPlaces(disk)
            try:
                for entries in places.stored(disk.mark.amended_from):
                    placed = []
                    for entry in entries:
                        line = reader.line(entry)
                        placed.append((entry.number, new.add(line), len(line)))
                    places.add(placed)
            finally:
                places.close()
            new.flush(sync=True)
            with locked():
                engine.refresh()  # so that little is left to be read when it counts
            with locked():
                in_place = _put_in_place(engine, disk, new)
            if in_place:
                _remove_old_places(disk)
        finally:
            new.discard()
    except OSError as error:
        raise io_error(error, "tidy up the performance data", engine.performance.path) from error
    except sqlite3.Error as error:
        _LOG.debug("%s: not tidied up: %s", engine.performance.path, error)
    finally:
        lock.release()


def _put_in_place(engine: StorageEngine, disk: IndexFile, new: NewFile) -> bool:
    """Put the new file in the place of the old one, unless that is another by now; whether it was done."""
    engine.refresh()
    old, mark, state = engine.index.disk, disk.mark, engine.performance.state
    if old is not disk or state.reader is None or state.seen is None or state.seen[0] != mark.inode:
        return False  # another program wrote the file meanwhile, or removed the index
    with contextlib.suppress(StaleIndexError):
        appended = state.count - mark.count
        tail, checksum, count = new.tail, new.checksum, new.count
        new.add_lines(read_at(state.reader.number, state.tail - mark.tail, mark.tail), appended)
        engine.stale = True  # from here on, the index in memory has the places of the old file
        engine.performance.put_in_place(new)
        engine.journals.cut_amendments(mark.amended_to - mark.amended_from)
        seen = engine.performance.state.seen
        assert seen is not None
        tidied = Mark(
            inode=seen[0],
            tail=tail,
            count=count,
            checksum=checksum,
            stored=mark.stored,
            live_bytes=tail,
            amended_from=mark.amended_to,
            amended_to=mark.amended_to,
        )
        with engine.performance.telling():
            disk.switch_places(tidied)
        engine.index.relocate(mark.tail)
        engine.stale = False
        return True
    return False


def _remove_old_places(disk: IndexFile) -> None:
    """Remove the places in the old file, little by little: readers wait for whoever writes to the index."""
    with contextlib.closing(connect(disk.path)) as connection:
        [(last,)] = connection.execute("SELECT coalesce(max(number), 0) FROM places_old").fetchall()
        for number in range(0, last + 1, _REMOVED_AT_ONCE):
            connection.execute("DELETE FROM places_old WHERE number < ?", (number,))
        connection.execute("DROP TABLE places_old")


class _NewPlaces:
    """The places of entries in a file that is being written, collected beside those in use.

    Args:
        index: whose entries they are.
    """

    def __init__(self, index: IndexFile) -> None:
        self._connection = connect(index.path)
        self._connection.executescript(
            "DROP TABLE IF EXISTS places_old; DROP TABLE IF EXISTS places_new; CREATE TABLE places_new "
            "(number INTEGER PRIMARY KEY, offset INTEGER NOT NULL, length INTEGER NOT NULL);"
        )

    def add(self, places: Iterable[tuple[int, int, int]]) -> None:
        """Add the number, offset and length of some entries."""
        self._connection.execute("BEGIN IMMEDIATE")
        self._connection.executemany("INSERT INTO places_new VALUES (?, ?, ?)", places)
        self._connection.commit()

    def stored(self, amended_from: int) -> Iterator[list[StoredEntry]]:
        """The entries of the index in slices; nothing may be written to it meanwhile but this object's places."""
        return stored_entries(self._connection, amended_from)

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()
