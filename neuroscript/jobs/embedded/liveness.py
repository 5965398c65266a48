"""Which processes use an engine's directory: each holds a lock for its life, which the system takes from the dead."""

from __future__ import annotations

import os
import secrets
from contextlib import suppress

from filelock import FileLock, Timeout

from neuroscript.errors import ErrorCode, NeuroScriptError
from neuroscript.jobs.embedded.wakeups import PORT, SOCKET

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Final

LOCK: Final = ".lock"


class ProcessLock:
    """A file that this process has locked as long as it lives.

    Args:
        directory: where those of all processes lie.

    Attributes:
        name: what it is known by there.
    """

    def __init__(self, directory: str) -> None:
        self._directory = directory
        while True:
            self.name = secrets.token_hex(6)
            self._lock = _lock(directory, self.name)
            # Somebody who sees the file before it is locked takes it for that of a dead process, and removes it.
            with suppress(Timeout):
                self._lock.acquire(timeout=0)
                if os.path.exists(self._lock.lock_file):
                    return
                self._lock.release()

    def leave(self) -> None:
        """Unlocks and removes it."""
        remove(self._directory, self.name)
        self._lock.release()


def dead(directory: str, entered: Iterable[str], own: str) -> Iterator[str]:
    """Finds processes that have died.

    Args:
        directory: where those of all processes lie.
        entered: the names that are entered elsewhere, perhaps of processes whose file is gone.
        own: the name of this process.

    Returns:
        their names; each is held until the next is asked for, so that one process at a time sees to it.
    """
    for name in sorted({*_names(directory), *entered} - {own}):
        lock = _lock(directory, name)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            continue
        try:
            yield name
        finally:
            lock.release()


def anybody(directory: str) -> bool:
    """Whether a process that uses the directory lives."""
    names = _names(directory)
    return bool(names - set(dead(directory, (), "")))


def _names(directory: str) -> set[str]:
    return {name for name, suffix in map(os.path.splitext, os.listdir(directory)) if suffix == LOCK}


def remove(directory: str, name: str) -> None:
    """Removes the files of a process."""
    for suffix in (SOCKET, PORT, PORT + ".new", LOCK):
        with suppress(OSError):
            os.unlink(os.path.join(directory, name + suffix))


def elsewhere(directory: str) -> NeuroScriptError:
    """The error of a directory that two machines use at once."""
    message = f"the job queues in {directory} are in use by a process of another machine, or of another boot of it"
    return NeuroScriptError(
        ErrorCode.PRECONDITION_FAILED, f"{message}; the embedded engine serves the processes of one machine"
    )


def _lock(directory: str, name: str) -> FileLock:
    return FileLock(os.path.join(directory, name + LOCK), mode=0o600, thread_local=False)
