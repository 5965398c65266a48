"""The directory of the indexes on disk: finding the one that belongs to the files as they are, and making one."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from ai_wm.store.files import read_at
from ai_wm.store.filling import Filling
from ai_wm.store.index_file import SUFFIX, UNFINISHED, IndexFile
from ai_wm.store.index_tables import Mark, checksum
from ai_wm.store.journal import Journals
from ai_wm.store.performance_file import FileState, PerformanceFile
from ai_wm.support.process_lock import ProcessLock, try_hold
from neuroscript.private_files import make_own_directory

INDEX_DIRECTORY: Final = "index"

_AHEAD_BYTES: Final = 1 << 23
"""A performance file of at least so many bytes is compared with its index before the store is locked."""

_WAIT_SECONDS: Final = 120.0
_POLL_SECONDS: Final = 0.05
"""How long, and how often, a start looks whether another process has made an index."""


class IndexDirectory:
    """The indexes of a store on disk; at most one of them belongs to its files.

    Args:
        path: the directory; it need not exist.
        performance: the performance file.
        journals: the journals, of which the amendments are in the index too.
        writable: whether the store may be written.
    """

    def __init__(self, path: Path, performance: PerformanceFile, journals: Journals, *, writable: bool) -> None:
        self.path = path
        self._performance = performance
        self._journals = journals
        self._writable = writable
        self._verified = Mark()
        """How far the performance file was read to compare it with an index, without the lock."""

    def find(self, state: FileState, *, verify: bool) -> tuple[IndexFile | None, list[IndexFile]]:
        """Find the index that belongs to the performance file, and those that belong to an earlier state of it.

        What is no index is removed.  The caller holds the store's lock.

        Args:
            state: the performance file, as it was opened.
            verify: whether to compare an index with the whole file, though it belongs to the file of that name.
        """
        found, others = None, []
        for path, disk in self._all():
            if disk is None:
                if self._writable:
                    with contextlib.suppress(OSError):
                        path.unlink(missing_ok=True)
            elif found is None and self._belongs(disk.mark, state, verify=verify):
                found = disk
            else:
                others.append(disk)
        self._verified = Mark()
        return found, others

    def is_any(self) -> bool:
        """Whether there is an index."""
        found = False
        for _, disk in self._all():
            if disk is not None:
                found = True
                disk.close()
        return found

    def _all(self) -> Iterator[tuple[Path, IndexFile | None]]:
        """All indexes; None for one that cannot be opened."""
        try:
            names = sorted(os.listdir(self.path))
        except OSError:
            return
        for name in names:
            if name.endswith(SUFFIX):
                path = self.path / name
                try:
                    yield path, IndexFile.open(path)
                except (OSError, sqlite3.Error, ValueError, TypeError, KeyError):
                    yield path, None

    def _belongs(self, mark: Mark, state: FileState, *, verify: bool) -> bool:
        """Whether an index covers a beginning of the performance file and of the amendments."""
        reader = state.reader
        if reader is None or not state.own or state.seen is None or mark.tail > state.size:
            return False
        if read_at(reader.number, 2, mark.tail) not in ((b",\n", b"\n]", b"") if mark.count else (b"]\n",)):
            return False
        amended = mark.amended_to - mark.amended_from
        if self._journals.amendments_checksum(0, amended) != mark.amended_checksum:
            return False
        if mark.seal == state.seen or (not verify and mark.inode == state.seen[0]):
            return True
        known = self._verified
        if known.inode != state.seen[0] or known.tail > mark.tail:
            known = Mark()
        return checksum(reader.number, known.tail, mark.tail, known.checksum) == mark.checksum

    def hold(self) -> ProcessLock | None:
        """Keep others from moving the mark, tidying up, and making an index ahead; None if one does.

        It is None too where the performance file is none that an index on disk could belong to.
        """
        state = self._performance.state
        if not self._writable or state.reader is None or not (state.own and state.writable) or state.torn:
            return None
        return self._hold()

    def _hold(self) -> ProcessLock | None:
        try:
            make_own_directory(self.path)
            return try_hold(self.path / "index.lock")
        except OSError:
            return None

    def look_ahead(self) -> None:
        """Do what takes time at a start before the store is locked: compare a large file with its index, or make one.

        What others append meanwhile is read when the store is locked.
        """
        state = self._performance.open()
        if state.reader is None or state.seen is None or not state.own or state.size < _AHEAD_BYTES:
            return
        deadline = time.monotonic() + _WAIT_SECONDS
        while not self._is_verified(state):
            lock = self._hold() if self._writable and state.writable else None
            if lock is not None:
                try:
                    self._make_ahead(state)
                finally:
                    lock.release()
                return
            if not self._writable or not state.writable or time.monotonic() > deadline:
                return
            time.sleep(_POLL_SECONDS)  # another process makes one

    def _is_verified(self, state: FileState) -> bool:
        """Whether there is an index that belongs to the performance file, which was read for that if need be."""
        assert state.reader is not None
        assert state.seen is not None
        for _, disk in self._all():
            if disk is not None:
                mark = disk.mark
                disk.close()
                if mark.seal == state.seen:
                    return True
                crc = checksum(state.reader.number, 0, mark.tail)
                if crc == mark.checksum:
                    self._verified = Mark(inode=state.seen[0], tail=mark.tail, checksum=crc)
                    return True
        return False

    def _make_ahead(self, state: FileState) -> None:
        for left in self.path.glob(f"*{UNFINISHED}*"):  # by a process that died; whoever makes one holds the lock
            left.unlink(missing_ok=True)
        filling = Filling(self.path, UNFINISHED)
        with contextlib.suppress(sqlite3.Error, OSError):
            if not self._performance.scan(state, filling.put, repair=False):
                filling.discard()
                return
            disk = filling.end(self.mark(state)).disk
            if disk is not None and state.seen is not None:
                self._verified = Mark(inode=state.seen[0], tail=disk.mark.tail, checksum=disk.mark.checksum)
                disk.publish()

    def mark(self, state: FileState) -> Mark:
        """The mark of an index that covers the performance file as it was read, and no amendments."""
        if state.reader is None or state.seen is None:
            return Mark()
        crc = checksum(state.reader.number, 0, state.tail)
        return Mark(inode=state.seen[0], tail=state.tail, count=state.count, checksum=crc)
