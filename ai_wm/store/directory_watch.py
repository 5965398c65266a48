"""Whether a name in a directory may have been made, removed or replaced, found out by one look at the directory."""

from __future__ import annotations

import os
import time
from pathlib import Path


class DirectoryWatch:
    """The time of the last change in a directory, as far as it was taken note of.

    Looking and taking note are two steps: whoever looks meanwhile finds the change too.

    Args:
        directory: the directory.
    """

    __slots__ = ("_name", "_noted")

    def __init__(self, directory: Path) -> None:
        self._name = str(directory)
        self._noted = 0

    def look(self) -> int | None:
        """What to give to `note` once the names were looked at; None if they are as they were then.

        Raises:
            FileNotFoundError: if there is no directory.
        """
        changed = os.stat(self._name).st_mtime_ns
        if changed == self._noted:
            return None
        # Another change shortly after the last might not show by the time.
        return changed if time.time_ns() - changed > _grain(changed) else 0

    def note(self, look: int) -> None:
        """Take note of the changes that were found; 0: whoever looks next is to find one in any case."""
        self._noted = look


def _grain(changed: int) -> int:
    """Nanoseconds after which one more change of a directory shows in its time, whatever the file system."""
    return 20_000_000 if changed % 1_000_000_000 else 3_000_000_000
