"""Append-only files of a journal: each process writes one, line by line, and waits for the disk only where it must.

A line is a checksum and a JSON value.  The file is made as large as it may become before it is written, so that a
write changes nothing but its own bytes: waiting for those is all that a durable line costs.
"""

from __future__ import annotations

import errno
import os
import threading
import time
import zlib
from itertools import count

from filelock import FileLock, Timeout

from neuroscript.errors import ErrorCode, NeuroScriptError
from neuroscript.journal.codec import from_text, to_bytes
from neuroscript.private_files import open_private, sync_directory

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import IO, Any, Final

SUFFIX: Final = ".log"
_LOCK: Final = ".lock"
_SIZE: Final = 1 << 20
"""Bytes that a file is made with, and grows by."""

_PART: Final = 1 << 14
"""Bytes that are read at once: mostly a few lines are new, and a megabyte of nothing follows."""

_sync = getattr(os, "fdatasync", os.fsync)
_numbers = count()


def line_of(value: Any) -> bytes:
    """A line for a JSON value."""
    text = to_bytes(value)
    return b"%08x %b\n" % (zlib.crc32(text), text)


class Segment:
    """The file that this process appends to.

    Args:
        directory: the directory of the journal's files.

    Raises:
        OSError: if it cannot be made, or there is no room for it.
    """

    def __init__(self, directory: str) -> None:
        self.name = f"{time.time_ns():016x}-{os.getpid()}-{next(_numbers)}{SUFFIX}"
        self.path = os.path.join(directory, self.name)
        self._lock = FileLock(self.path + _LOCK, mode=0o600)
        self._lock.acquire(timeout=0)  # before there is the file: one without a lock is that of a process that died
        self._writing = threading.Lock()
        self._syncing = threading.Lock()
        self._written = self._synced = self._room = 0
        try:
            self._file = open_private(self.path, os.O_RDWR | os.O_CREAT | os.O_EXCL)
            try:
                self._make_room(_SIZE)
                _sync(self._file)
                sync_directory(directory)
            except BaseException:
                os.close(self._file)
                os.unlink(self.path)
                raise
        except BaseException:
            self._lock.release()
            os.unlink(self.path + _LOCK)
            raise

    @property
    def size(self) -> int:
        """The bytes that have been written."""
        return self._written

    def append(self, line: bytes) -> int:
        """Writes a line, and gives what `sync` takes to wait for it.

        Raises:
            OSError: if it cannot be written; then nothing of it is.
        """
        with self._writing:
            end = self._written + len(line)
            if end > self._room:
                self._make_room(end + _SIZE)
            at = self._written
            while line:
                done = os.pwrite(self._file, line, at)
                at, line = at + done, line[done:]
            self._written = end
            return end

    def sync(self, end: int) -> None:
        """Waits until what has been written up to there is durable; threads that wait together wait once."""
        if self._synced >= end:
            return
        with self._syncing:
            if self._synced >= end:
                return
            written = self._written
            _sync(self._file)
            self._synced = written

    def _make_room(self, size: int) -> None:
        allocate = getattr(os, "posix_fallocate", None)
        if allocate is not None:
            try:
                allocate(self._file, self._room, size - self._room)
            except OSError as error:
                if error.errno not in (errno.EOPNOTSUPP, errno.EINVAL):
                    raise
                # a file system without that: the file grows as it is written
        self._room = size

    def close(self, *, remove: bool) -> None:
        """Closes the file; it is removed if all that is in it is elsewhere too."""
        with self._syncing:
            os.close(self._file)
        if remove:
            os.unlink(self.path)
        self._lock.release()
        if remove:
            os.unlink(self.path + _LOCK)


def names_in(directory: str) -> list[str]:
    """The names of the files in a directory, the oldest first."""
    return sorted(name for name in os.listdir(directory) if name.endswith(SUFFIX))


def adopt(path: str) -> FileLock | None:
    """The lock of a file whose process has died, held; None if its process lives."""
    lock = FileLock(path + _LOCK, mode=0o600)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return None
    return lock


def remove(path: str, lock: FileLock) -> None:
    """Removes a file that was adopted."""
    os.unlink(path)
    lock.release()
    os.unlink(path + _LOCK)


def read(path: str, offset: int, *, whole: bool) -> tuple[list[Any], int]:
    """Reads what has been appended to a file.

    Args:
        path: the file.
        offset: where to begin.
        whole: whether nobody is writing it, so that what follows a line that is cut off is damage.

    Returns:
        the values, and where they end.

    Raises:
        NeuroScriptError: 26 if the file is damaged.
        OSError: if it cannot be read.
    """
    descriptor = open_private(path, os.O_RDONLY)
    with open(descriptor, "rb") as file:
        file.seek(offset)
        content = file.read().rstrip(b"\0") if whole else _written(file)
    found: list[Any] = []
    for line in content.splitlines(keepends=True):
        value = _value(line)
        if value is None:
            rest = content[content.index(line) :].splitlines(keepends=True)
            if whole and any(_value(other) is not None for other in rest):
                message = f"the journal is damaged: {path} has a bad line at byte {offset}, with good ones after it"
                raise NeuroScriptError(
                    ErrorCode.IO_FAILED, f"{message}; move that file away to go on without what is in it"
                )
            break
        found.append(value)
        offset += len(line)
    return found, offset


def _written(file: IO[bytes]) -> bytes:
    """What is in a file that is being written, up to the bytes that are kept for what is to come."""
    parts, end = [], -1
    while end < 0 and (part := file.read(_PART)):
        end = part.find(b"\0")  # which no line has
        parts.append(part if end < 0 else part[:end])
    return b"".join(parts)


def _value(line: bytes) -> Any:
    """The value of a line; None if it is none, or not whole."""
    if not line.endswith(b"\n") or line[8:9] != b" ":
        return None
    text = line[9:-1]
    if line[:8] != b"%08x" % zlib.crc32(text):
        return None
    return from_text(text)
