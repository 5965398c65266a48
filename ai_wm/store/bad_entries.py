"""Entries of the performance file that are JSON but not valid: set aside in the quarantine, and passed over."""

from __future__ import annotations

from pathlib import Path

from ai_wm.store.files import FileSystem
from ai_wm.store.quarantine import QUARANTINE, set_aside
from neuroscript import get_logger

_LOG = get_logger("ai_wm.store")


class BadEntries:
    """The entries of a file that are not valid, kept in the quarantine with their original bytes.

    Args:
        source: the file that they are in.
        state: the state directory.
        files: the calls to write with.
        writable: whether the store may be written; if not, what is wrong is only logged.
    """

    def __init__(self, source: Path, state: Path, files: FileSystem, *, writable: bool) -> None:
        self._source = source
        self._state = state
        self._files = files
        self._writable = writable
        self.failed: OSError | None = None
        """The error by which an entry could not be kept, so that its file must not be written anew."""

    def set_aside(self, data: bytes, line: int, column: int, entry: int, why: str) -> None:
        """Keep an entry, and log a warning.

        Args:
            data: its bytes.
            line: where it is in the file, from 1.
            column: where it is in the line, from 1.
            entry: which one it is, from 1.
            why: what is wrong with it.
        """
        kept = "it is left where it is, because the store is only read"
        if self._writable:
            try:
                place = set_aside(self._files, self._state, self._source.stem, data)
                kept = f"it is kept in {place}; correct it and put it back into the file to have it read"
            except OSError as error:
                self.failed = error
                kept = f"it cannot be kept in the quarantine ({error}), so the file is not tidied up"
        _LOG.warning(
            "%s: line %d, column %d (entry %d) is set aside: %s; %s", self._source, line, column, entry, why[:300], kept
        )

    def keep(self, data: bytes) -> Path:
        """Keep bytes that are cut out of the file; returns where.

        Raises:
            OSError: if they could not be stored for good.
        """
        return set_aside(self._files, self._state, self._source.stem, data)

    def kept(self) -> list[Path]:
        """The files of everything that was set aside, in any file of the store, and not removed since."""
        return sorted((self._state / QUARANTINE).glob("*.json"))
