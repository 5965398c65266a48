"""Leases: how processes that share the file know which of them are alive.

Every limiter that shares a file holds an operating system's lock on a lease file of its own.  The system drops the lock
however the process ends, so whoever can take it knows that its owner is gone.  Unlike a process number, a lease can
never belong to somebody else later: its name is used once.

One limiter at a time may hold the exclusive lock as well, on a file whose name they all know: it counts in memory then.
"""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Final
from uuid import uuid4

from ai_wm.support.process_lock import ProcessLock, try_hold
from neuroscript.private_files import NotAPlainFileError

LONGEST_WAIT: Final = 2.0
"""How long whoever has the exclusive lock is waited for, which gives it up soon unless its process is stopped."""

_NAME: Final = re.compile("[0-9a-f]{32}")


class Lease:
    """The lease of one limiter, held from now until `end` or the end of the process.

    Args:
        shared: the file that is shared; lease files lie beside it and start with its name.

    Raises:
        OSError: if the lease file cannot be made.
    """

    def __init__(self, shared: Path) -> None:
        self.name = uuid4().hex
        self._lock = try_hold(_path(shared, self.name))

    def end(self) -> None:
        """Give the lease up and remove its file.  May be called twice."""
        lock, self._lock = self._lock, None
        if lock is not None:
            lock.remove()


def is_held(shared: Path, name: object) -> bool:
    """Whether the owner of a lease is alive.  The lease file of a dead one is removed.

    Args:
        shared: the file that is shared.
        name: the lease's, as the file says it, which may have come from anywhere.

    Raises:
        OSError: if the lease file cannot be opened.
    """
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        return False
    path = _path(shared, name)
    if not path.exists():
        return False
    try:
        lock = try_hold(path)
    except NotAPlainFileError:  # which nobody holds a lease by
        return False
    if lock is None:
        return True
    lock.remove()
    return False


def try_exclusive(shared: Path) -> ProcessLock | None:
    """Take the exclusive lock; None if another limiter has it.

    Raises:
        OSError: if its file cannot be opened.
    """
    return try_hold(_exclusive_path(shared))


def has_exclusive(shared: Path) -> bool:
    """Whether a limiter has the exclusive lock, or had it when its process died."""
    return _exclusive_path(shared).exists()


def end_exclusive(shared: Path) -> bool:
    """Whether a limiter had the exclusive lock when its process died, which is said once.

    Raises:
        OSError: if its file cannot be opened.
    """
    held = try_exclusive(shared) if has_exclusive(shared) else None
    if held is not None:
        held.remove()
    return held is not None


def await_exclusive(shared: Path) -> None:
    """Wait until no other limiter has the exclusive lock: one that had it has written all its calls then.

    Args:
        shared: the file that is shared, in which whoever calls this is enrolled, so that nobody takes it meanwhile.

    Raises:
        OSError: if its file cannot be opened.
    """
    pause, until = 0.001, time.monotonic() + LONGEST_WAIT
    while (held := try_exclusive(shared)) is None and time.monotonic() < until:
        time.sleep(pause)
        pause = min(2 * pause, 0.02)
    if held is not None:
        held.remove()


def _exclusive_path(shared: Path) -> Path:
    return shared.with_name(f"{shared.name}.exclusive")


def _path(shared: Path, name: str) -> Path:
    return shared.with_name(f"{shared.name}.{name}.lease")
