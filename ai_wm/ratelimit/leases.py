"""Leases: how processes that share the file know which of them are alive.

Every limiter that shares a file holds an operating system's lock on a lease file of its own.  The system drops the lock
however the process ends, so whoever can take it knows that its owner is gone.  Unlike a process number, a lease can
never belong to somebody else later: its name is used once.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final
from uuid import uuid4

from ai_wm.support.process_lock import try_hold
from neuroscript.private_files import NotAPlainFileError

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


def _path(shared: Path, name: str) -> Path:
    return shared.with_name(f"{shared.name}.{name}.lease")
