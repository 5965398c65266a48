"""Writing a whole performance file beside the one in use, to be put in its place."""

from __future__ import annotations

import contextlib
import errno
import os
import zlib
from pathlib import Path
from typing import Final

from ai_wm.store.files import Descriptor, FileSystem, make_younger
from ai_wm.store.json_array import HEAD

_BUFFER: Final = 1 << 20
_SYNC_BYTES: Final = 1 << 22
"""A new file is synced whenever it has grown by so much: who syncs the file in use may wait for all that is dirty."""


class NewFile:
    """A performance file that is written beside the one in use, one entry a line.

    What a crash leaves of it is removed by the next one.

    Args:
        path: where it is written.
        files: the calls to write with.
    """

    def __init__(self, path: Path, files: FileSystem) -> None:
        self.path = path
        self._files = files
        path.unlink(missing_ok=True)
        self.file = Descriptor(files.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL))
        self._buffer = bytearray(HEAD)
        self._written = self._unsynced = 0
        self.checksum = 0
        """The CRC-32 of what was written."""
        self.count = 0

    @property
    def tail(self) -> int:
        """The offset behind the last entry."""
        return self._written + len(self._buffer)

    def add(self, line: bytes) -> int:
        """Add an entry; returns the offset of its line."""
        if self.count:
            self._buffer += b",\n"
        offset = self.tail
        self._buffer += line
        self.count += 1
        if len(self._buffer) >= _BUFFER:
            self.flush()
        return offset

    def add_lines(self, data: bytes, count: int) -> None:
        """Add entries as they follow each other in a file, each with the separator in front of it."""
        self._buffer += data
        self.count += count

    def flush(self, *, sync: bool = False) -> None:
        """Write what was added, and wait until it is on the disk, if that is asked for."""
        data = bytes(self._buffer)
        self._files.write_at(self.file.number, data, self._written)
        self.checksum = zlib.crc32(data, self.checksum)
        self._written += len(data)
        self._unsynced += len(data)
        self._buffer.clear()
        if sync or self._unsynced >= _SYNC_BYTES:
            self._files.sync_data(self.file.number)
            self._unsynced = 0

    def end(self, instead: Path) -> None:
        """Write the end, and sync all.

        Args:
            instead: the file whose place it takes; it will be younger than that.

        Raises:
            OSError: if it could not be written, or somebody removed it.
        """
        self.flush()
        self._files.write_at(self.file.number, b"\n]\n" if self.count else b"]\n", self._written)
        before = None
        with contextlib.suppress(FileNotFoundError):
            before = os.lstat(instead)
        make_younger(self.file.number, before)
        self._files.sync(self.file.number)
        if os.lstat(self.path).st_ino != os.fstat(self.file.number).st_ino:
            raise FileNotFoundError(errno.ENOENT, "another file has its name now", str(self.path))

    def discard(self) -> None:
        """Remove the file, if it did not take the other's place."""
        with contextlib.suppress(OSError):
            if os.lstat(self.path).st_ino == os.fstat(self.file.number).st_ino:
                self.path.unlink()
