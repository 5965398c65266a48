"""The state directory of a store, beside its two files, with its lock, its note and its journals."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

from ai_wm.store.files import DENIED, Descriptor, FileSystem, io_error, read_at
from ai_wm.store.store_lock import StoreLock
from neuroscript import get_logger

STATE_DIRECTORY: Final = "ai_worker_state"

_NOTE_BYTES: Final = 96

_LOG = get_logger("ai_wm.store")


class StateDirectory:
    """The lock of a store, and the note that its processes leave for each other.

    Args:
        parent: the store's directory; made if it does not exist.
        files: the calls to write with.

    Raises:
        NeuroScriptError: 26 if it cannot be made, 25 if that is for want of permission and there is no ``parent``.
    """

    def __init__(self, parent: Path, files: FileSystem) -> None:
        self.path = parent / STATE_DIRECTORY
        self._files = files
        self._lock: StoreLock | None = None
        self._note: Descriptor | None = None
        try:
            self._lock = StoreLock(self.path / "store.lock", files)
            with contextlib.suppress(FileNotFoundError):  # removed in this moment; it is made with the first note
                self._open_note()
        except OSError as error:
            self.close()
            if error.errno not in DENIED or not parent.is_dir():
                raise io_error(error, "open the store of AI workers", self.path) from error
            _LOG.warning("%s cannot be written to (%s); the store is only read", parent, os.strerror(error.errno))

    @property
    def writable(self) -> bool:
        """Whether the store may be written; if not, there is no lock, and it is only read."""
        return self._lock is not None

    def locked(self, check: Callable[[], None] | None = None) -> contextlib.AbstractContextManager[None]:
        """Context manager that keeps all other threads and processes out; it may be nested.

        Args:
            check: called while waiting; ends the wait by raising.

        Raises:
            NeuroScriptError: 26 as `StoreLock.held`.
        """
        return contextlib.nullcontext() if self._lock is None else self._lock.held(check)

    def _open_note(self) -> None:
        old, self._note = self._note, Descriptor(self._files.open(self.path / "store.note", os.O_RDWR | os.O_CREAT))
        if old is not None:
            old.close()

    def write_note(self, text: bytes) -> None:
        """Leave a note of at most 96 bytes, in the place of the last.  It need not survive a crash.

        Raises:
            OSError: if it could not be written.
        """
        if self._lock is None:
            return
        if (
            self._note is None or not os.fstat(self._note.number).st_nlink
        ):  # removed: the other processes look elsewhere
            self._open_note()
        assert self._note is not None
        self._files.write_at(self._note.number, text.ljust(_NOTE_BYTES), 0)

    def read_note(self) -> bytes:
        """Read the last note; empty if there is none."""
        return b"" if self._note is None else read_at(self._note.number, _NOTE_BYTES, 0).strip()

    def close(self) -> None:
        """Close the lock and the note."""
        for held in (self._lock, self._note):
            if held is not None:
                held.close()
        self._lock = self._note = None
