"""Durable writes, locks between processes, and the operating system's errors in words.

Everything that touches the disk for writing goes through `FileSystem`, so that tests can put one in its place that
fails where a disk would.
"""

from __future__ import annotations

import contextlib
import errno
import os
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from neuroscript import ErrorCode, NeuroScriptError
from neuroscript.private_files import NotAPlainFileError, make_own_directory, open_private

if sys.platform != "win32":
    import fcntl

    # On macOS fsync leaves the data in the drive's cache; this does not.
    _FULL_SYNC: int | None = getattr(fcntl, "F_FULLFSYNC", None)
else:
    _FULL_SYNC = None

_SEEKING: Final = threading.Lock()
"""Where there is no call to read or write at an offset, going there and doing it is one step."""

DENIED: Final = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})
"""The system's errors for a file or directory that may not be written."""

_FULL: Final = frozenset({errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC)})


def io_error(error: OSError, doing: str, path: Path) -> NeuroScriptError:
    """Convert an operating system's error to one of this package.

    Args:
        error: the system's.
        doing: what failed, such as ``store a performance record``.
        path: the file or directory.

    Returns:
        23 for a link, a pipe, a device or a directory in a file's place, 25 where permission is missing (a read-only
        directory too), 26 for everything else.
    """
    if isinstance(error, NotAPlainFileError):
        message = f"cannot {doing}: {error.filename}: {error.strerror}; remove it, or put the real one in its place"
        return NeuroScriptError(ErrorCode.PATH_TYPE_MISMATCH, message, details={"path": str(error.filename)})
    number = error.errno or 0
    reason = os.strerror(number) if number else str(error)
    if number in DENIED:
        advice = "make the file and its directory writable for this user"
        return NeuroScriptError(ErrorCode.PERMISSION_DENIED, f"cannot {doing}: {path}: {reason}; {advice}")
    advice = "free some space" if number in _FULL else "see whether the disk is in order"
    message = f"cannot {doing}: {path}: {reason}; nothing was changed; {advice} and try again"
    return NeuroScriptError(ErrorCode.IO_FAILED, message)


class FileSystem:
    """The system calls by which a store writes.  Offsets and lengths are bytes.

    Every method raises `OSError` if the system refuses.
    """

    def make_directory(self, path: Path) -> None:
        """Make a directory of the store's own and the missing ones above it, and sync their names to the disk."""
        for made in make_own_directory(path):
            self.sync_directory(Path(made).parent)

    def open(self, path: Path, flags: int) -> int:
        """Open a file that is nobody else's, and no link, pipe, device or directory.

        Args:
            path: the file.
            flags: those of `os.open`.

        Returns:
            the descriptor.
        """
        return open_private(path, flags)

    def write_at(self, descriptor: int, data: bytes, offset: int) -> None:
        """Write all of ``data`` at ``offset``.

        Raises:
            OSError: if not all could be written; some may have been.
        """
        view = memoryview(data)
        while view:
            written = self._pwrite(descriptor, view, offset)
            offset += written
            view = view[written:]

    def _pwrite(self, descriptor: int, data: memoryview, offset: int) -> int:
        if hasattr(os, "pwrite"):
            return os.pwrite(descriptor, data, offset)
        with _SEEKING:
            os.lseek(descriptor, offset, os.SEEK_SET)
            return os.write(descriptor, data)

    def write_for_good(self, descriptor: int, data: bytes, offset: int) -> None:
        """Write ``data`` and wait until it is on the disk.

        Raises:
            OSError: if not all could be written; some may have been.
        """
        self.write_at(descriptor, data, offset)
        self.sync_data(descriptor)

    def truncate(self, descriptor: int, length: int) -> None:
        """Cut a file to a length."""
        os.ftruncate(descriptor, length)

    def sync_data(self, descriptor: int) -> None:
        """Wait until what was written is on the disk, with as much of the metadata as reading it back needs."""
        if _FULL_SYNC is not None or not hasattr(os, "fdatasync"):
            self.sync(descriptor)
        else:
            os.fdatasync(descriptor)

    def sync(self, descriptor: int) -> None:
        """Wait until the file is on the disk, metadata too."""
        if sys.platform != "win32" and _FULL_SYNC is not None:
            fcntl.fcntl(descriptor, _FULL_SYNC)
        else:
            os.fsync(descriptor)

    def replace(self, source: Path, target: Path) -> None:
        """Rename ``source`` over ``target``, and sync the directory."""
        os.replace(source, target)
        self.sync_directory(target.parent)

    def remove(self, path: Path) -> None:
        """Remove a file, if it exists, and sync the directory."""
        path.unlink(missing_ok=True)
        self.sync_directory(path.parent)

    def sync_directory(self, path: Path) -> None:
        """Wait until names made or removed in a directory are on the disk.

        Windows has no such call and needs none.
        """
        if sys.platform == "win32":
            return
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def read_at(descriptor: int, length: int, offset: int) -> bytes:
    """Read ``length`` bytes from ``offset``; fewer only at the end of the file."""
    if not hasattr(os, "pread"):
        with _SEEKING:
            os.lseek(descriptor, offset, os.SEEK_SET)
            return os.read(descriptor, length)
    data = os.pread(descriptor, length, offset)
    while len(data) < length and (more := os.pread(descriptor, length - len(data), offset + len(data))):
        data += more
    return data


class Descriptor:
    """An open file, closed when nothing refers to it any more."""

    __slots__ = ("__weakref__", "number")

    def __init__(self, number: int) -> None:
        self.number = number

    def close(self) -> None:
        """Close the file now; closing twice does nothing."""
        number, self.number = self.number, -1
        if number >= 0:
            os.close(number)

    def __del__(self) -> None:
        if hasattr(self, "number"):  # an interrupt may have come before it was set
            self.close()


@contextlib.contextmanager
def atomic_write(files: FileSystem, path: Path, release: Callable[[], None] = lambda: None) -> Iterator[int]:
    """Context manager that replaces a file in one step, or leaves it as it was; yields a descriptor to write to.

    The new file is written beside it as ``<name>.tmp``, synced and renamed; if anything fails, ``path`` is as it was.
    The caller holds the lock, so the name is free; what a crash left under it is removed first.  Nobody but the user
    may read the new file, whatever the permissions of the old one.

    Args:
        files: the calls to write with.
        path: the file.
        release: called when all is written, before the renaming.
    """
    temporary = path.with_name(path.name + ".tmp")
    before = None
    with contextlib.suppress(FileNotFoundError):
        before = os.lstat(path)
    with contextlib.suppress(FileNotFoundError):
        os.unlink(temporary)
    descriptor = files.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL)
    try:
        try:
            yield descriptor
            make_younger(descriptor, before)
            files.sync(descriptor)
        finally:
            os.close(descriptor)
        release()
        files.replace(temporary, path)
    except BaseException:  # raised again, once what was begun is undone
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise


def make_younger(descriptor: int, before: os.stat_result | None) -> None:
    """Make the new file younger than the old one, whatever the clock's grain: other processes go by that."""
    if before is None or os.utime not in os.supports_fd:
        return
    now = os.stat(descriptor)
    if now.st_mtime_ns <= before.st_mtime_ns:
        os.utime(descriptor, ns=(now.st_atime_ns, before.st_mtime_ns + 1))


def signature(status: os.stat_result) -> tuple[int, int, int]:
    """The identity, length and time of change of a file, which tell one state of it from another."""
    return (status.st_ino, status.st_size, status.st_mtime_ns)


def signature_at(path: str) -> tuple[int, int, int] | None:
    """The `signature` of what has a name at this moment, links not followed; None if nothing has."""
    try:
        return signature(os.lstat(path))
    except FileNotFoundError:
        return None
