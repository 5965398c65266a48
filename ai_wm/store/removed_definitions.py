"""The names of definitions that were removed, by which their records can still be found.

``removed.log`` in the state directory is a file of JSON lines, one for each definition that had records when it was
removed.  A line is written before the definition goes: where a crash comes between, it tells of one that is still
there, and is passed over.  Lines begin and end with a line end, so that one broken off by a crash spoils no other.
Whoever writes holds the store's lock.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Container, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple

from ai_wm.data.fields import Timestamp
from ai_wm.store.definition_table import DefinitionChange
from ai_wm.store.files import Descriptor, FileSystem, io_error, read_at

REMOVED_FILE: Final = "removed.log"

_TEXTS: Final = ("definition_id", "name", "owner", "removed")


class RemovedDefinition(NamedTuple):
    """A definition that was removed and has records.

    ``name`` and ``removed`` (when, in RFC 3339) are empty where it was taken out of the file by hand.
    ``owner`` is whose scripts had made it; empty for the host's.
    """

    definition_id: str
    name: str = ""
    owner: str = ""
    removed: str = ""


def notes_on(
    changes: Iterable[DefinitionChange], has_records: Callable[[str], object], seconds: float
) -> list[RemovedDefinition]:
    """Makes the notes on what is being removed and has records.

    Args:
        changes: what is being changed.
        has_records: whether there are records of the definition with an id.
        seconds: the moment, in seconds since 1970.
    """
    gone = [
        each.old for each in changes if each.new is None and each.old is not None and has_records(each.definition_id)
    ]
    moment = str(Timestamp.from_unix(seconds))
    return [RemovedDefinition(each.definition_id, each.name, each.owner, moment) for each in gone]


def in_order(
    noted: Iterable[RemovedDefinition], recorded: Iterable[str], kept: Container[str]
) -> list[RemovedDefinition]:
    """Returns the definitions that have records and are gone, the last removed first, those without a note last.

    Args:
        noted: the notes, of one definition the last counts.
        recorded: the ids of the definitions that have records.
        kept: the ids of the definitions that there are.
    """
    notes = {note.definition_id: note for note in noted}
    gone = [notes.get(each, RemovedDefinition(each)) for each in recorded if each not in kept]
    return sorted(gone, key=lambda each: (each.removed, each.name, each.definition_id), reverse=True)


class RemovedFile:
    """The file of the notes on removed definitions.

    Args:
        directory: the state directory.
        files: the calls to write with.
    """

    def __init__(self, directory: Path, files: FileSystem) -> None:
        self._path = directory / REMOVED_FILE
        self._files = files

    def note(self, removed: Iterable[RemovedDefinition]) -> None:
        """Adds notes, durably.

        Raises:
            NeuroScriptError: 23, 25 or 26 if they cannot be written.
        """
        lines = b"".join(b"\n" + json.dumps(each._asdict()).encode() + b"\n" for each in removed)
        if not lines:
            return
        try:
            file = Descriptor(self._files.open(self._path, os.O_RDWR | os.O_CREAT))
            length = os.fstat(file.number).st_size
            self._files.write_for_good(file.number, lines, length)
            file.close()
            if not length:
                self._files.sync_directory(self._path.parent)
        except OSError as error:
            raise io_error(error, "store the worker definitions", self._path) from error

    def read(self) -> list[RemovedDefinition]:
        """Reads the notes; a line that is not one is passed over.

        Raises:
            NeuroScriptError: 23, 25 or 26 if the file cannot be read.
        """
        try:
            file = Descriptor(self._files.open(self._path, os.O_RDONLY))
            content = read_at(file.number, os.fstat(file.number).st_size, 0)
            file.close()
        except FileNotFoundError:
            return []
        except OSError as error:
            raise io_error(error, "read the names of removed workers", self._path) from error
        found = []
        for line in content.split(b"\n"):
            with suppress(ValueError, RecursionError):
                value = json.loads(line)
                if isinstance(value, dict) and all(isinstance(value.get(key), str) for key in _TEXTS):
                    found.append(RemovedDefinition(*(value[key] for key in _TEXTS)))
        return found
