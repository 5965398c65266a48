"""Leases: how processes that share the file know which of them are alive.

Every limiter that shares a file holds an operating system's lock on a lease file of its own.  The system drops the lock
however the process ends, so whoever can take it knows that its owner is gone.  Unlike a process number, a lease can
never belong to somebody else later: its name is used once.
"""

from __future__ import annotations

import contextlib
from pathlib import Path
from uuid import uuid4

from filelock import FileLock, Timeout


class Lease:
    """The lease of one limiter, held from now until `end` or the end of the process.

    Args:
        shared: the file that is shared; lease files lie beside it and start with its name.

    Raises:
        OSError: if the lease file cannot be made.
    """

    def __init__(self, shared: Path) -> None:
        self.name = uuid4().hex
        self._path = _path(shared, self.name)
        self._lock = FileLock(self._path, thread_local=False)
        self._lock.acquire(blocking=False)

    def end(self) -> None:
        """Give the lease up and remove its file.  May be called twice."""
        self._lock.release()
        _remove(self._path)


def is_held(shared: Path, name: str) -> bool:
    """Whether the owner of a lease is alive.  The lease file of a dead one is removed.

    Args:
        shared: the file that is shared.
        name: the lease's.
    """
    path = _path(shared, name)
    if not path.exists():
        return False
    lock = FileLock(path, thread_local=False)
    try:
        lock.acquire(blocking=False)
    except Timeout:
        return True
    lock.release()
    _remove(path)
    return False


def _path(shared: Path, name: str) -> Path:
    return shared.with_name(f"{shared.name}.{name}.lease")


def _remove(path: Path) -> None:
    # Somebody else may have removed it, or may be looking at it now (which Windows does not allow); a file that stays
    # behind is free and means nothing.
    with contextlib.suppress(OSError):
        path.unlink()
