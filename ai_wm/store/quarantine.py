"""Entries of files that are set aside because they are not valid: their bytes are kept in files of their own."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Final

from ai_wm.store.files import FileSystem, atomic_write

QUARANTINE: Final = "quarantine"
"""The directory of what was set aside, in the state directory."""


def set_aside(files: FileSystem, state: Path, kind: str, data: bytes) -> Path:
    """Keep bytes in a file in the quarantine, which only the user may read; doing it again changes nothing.

    Args:
        files: the calls to write with.
        state: the state directory.
        kind: what the bytes are, for the name of the file.
        data: the bytes.

    Returns:
        the file.

    Raises:
        OSError: if they could not be stored for good.
    """
    directory = state / QUARANTINE
    path = directory / f"{kind}-{hashlib.sha256(data).hexdigest()[:16]}.json"
    if os.path.lexists(path) and path.stat().st_size == len(data):
        return path
    files.make_directory(directory)
    with atomic_write(files, path) as descriptor:
        files.write_at(descriptor, data, 0)
    return path
