"""Reading a whole performance file into a new index, in memory while it is small and on disk when it is large."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Final

from ai_wm.store.index import RecordIndex
from ai_wm.store.index_file import SUFFIX, IndexFile
from ai_wm.store.index_tables import Mark
from ai_wm.store.rows import IndexedEntry

MOST_IN_MEMORY: Final = 20_000
"""So many rows and entries are kept in memory before they go to the disk."""


class Filling:
    """An index that is being filled with the entries of a file.

    Args:
        directory: where a large one is made; None for one that only this process sees.
        suffix: that of its name.
    """

    def __init__(self, directory: Path | None, suffix: str = SUFFIX) -> None:
        self._directory = directory
        self._suffix = suffix
        self._disk: IndexFile | None = None
        self._index = RecordIndex()

    def put(self, indexed: IndexedEntry, offset: int, length: int) -> None:
        """Add an entry.

        Raises:
            OSError, sqlite3.Error: if there is no room for it anywhere.
        """
        self._index.put(indexed, offset, length)
        if self._index.pending >= MOST_IN_MEMORY:
            if self._disk is None:
                self._disk = self._make()
            self._index.fill(self._disk)

    def _make(self) -> IndexFile:
        if self._directory is not None:
            try:
                return IndexFile.create(self._directory, self._suffix)
            except (OSError, sqlite3.Error):
                pass  # a disk that is full, or a directory that may not be written: the index is this process's own
        return IndexFile.create_private()

    def discard(self) -> None:
        """Remove what was filled."""
        if self._disk is not None:
            self._disk.remove()

    def end(self, mark: Mark) -> RecordIndex:
        """End it.

        Args:
            mark: how far the files are covered.

        Returns:
            the index.
        """
        if self._disk is not None:
            self._index.filled(mark)
        return self._index
