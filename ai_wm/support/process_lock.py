"""File locks that show whether another process is alive: the system releases one however its process ends."""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path
from typing import Any

from neuroscript.private_files import FILE_MODE, open_private

if sys.platform == "win32":
    from filelock import FileLock, Timeout
else:
    import fcntl


class ProcessLock:
    """A lock on a file, held until `release` or the end of the process; made by `try_hold`.

    Args:
        path: the file.
        held: the object that holds the lock: a descriptor, or a ``FileLock`` on systems without ``flock``.
    """

    def __init__(self, path: Path, held: Any) -> None:
        self.path = path
        self._held = held

    def release(self) -> None:
        """Release the lock; the file stays.  May be called twice."""
        held, self._held = self._held, None
        if isinstance(held, int):
            os.close(held)
        elif held is not None:
            held.release()

    def remove(self) -> None:
        """Release the lock and remove the file, if the system permits that.

        Somebody else may have removed it, or may have it open now (which Windows does not allow); a file that stays
        behind is free and means nothing.
        """
        self.release()
        with contextlib.suppress(OSError):
            self.path.unlink()

    def __del__(self) -> None:
        if hasattr(self, "_held"):  # an interrupt may have come before it was set
            self.release()


def try_hold(path: Path) -> ProcessLock | None:
    """Try to lock a file without waiting, creating it if it is missing; None if another process holds the lock.

    Two locks in the same process exclude each other, too.

    Raises:
        OSError: if the file cannot be opened; `NotAPlainFileError` if it is no regular file.
    """
    if sys.platform == "win32":
        lock = FileLock(path, timeout=0, thread_local=False, is_singleton=False, mode=FILE_MODE)
        try:
            lock.acquire()
        except Timeout:
            return None
        return ProcessLock(path, lock)
    while True:
        descriptor = open_private(path, os.O_RDWR | os.O_CREAT)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            current = os.fstat(descriptor).st_nlink > 0
        except BlockingIOError:
            os.close(descriptor)
            return None
        except BaseException:  # raised again; only the file must not stay open
            os.close(descriptor)
            raise
        if current:
            return ProcessLock(path, descriptor)
        os.close(descriptor)  # it was removed before it was locked; another file may have its name by now
