"""The journal of the definitions: changes that are durable before the file of the definitions follows.

``definitions.log`` in the state directory is a file of JSON lines of two kinds.  One says what a change did::

    {"changes": [[id, digest of what was there or "", the definition or null], …]}

The other says which state of the file of the definitions holds everything up to there::

    {"written": digest of the file, "file": [inode, length, time of change]}

It begins with one of the second kind.  A process that reads the journal's new lines knows what others changed, and
whether the file on the disk is one that they wrote, without reading the file.  When the journal has grown twice as long
as the file it is begun anew with all definitions and its last lines; and at once, with the definitions alone, when
somebody edited the file, or when the journal holds a key, which is to be in no more files than it must.

So it tells all definitions if the file is lost.  Its first line names no file, the digest is "", if they are all there
are; it is `PARTIAL` if those with keys are not among them.

Lines begin and end with a line end, so that one broken off by a crash spoils no other.  Whoever reads or writes holds
the store's lock.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple

from ai_wm.data.types import AIWorkerDefinition
from ai_wm.store.definition_table import DefinitionChange
from ai_wm.store.files import Descriptor, FileSystem, atomic_write, read_at
from neuroscript import ErrorCode, NeuroScriptError, get_logger

DEFINITIONS_JOURNAL: Final = "definitions.log"

PARTIAL: Final = "partial"
"""The digest in the first line of a journal that tells all definitions but those with keys."""

SUMMARY_KEY: Final = AIWorkerDefinition.file_key("aggregate_performance_summary")

Signature = tuple[int, int, int]

_LOG = get_logger("ai_wm.store")


class JournaledChange(NamedTuple):
    """What became of one definition: ``was`` is the digest of what was there, ``new`` its form in the file or None."""

    definition_id: str
    was: str
    new: dict[str, Any] | None

    @property
    def digest(self) -> str:
        """The digest of what is there now; "" for nothing."""
        return "" if self.new is None else digest_of(self.new)


@dataclass(frozen=True, slots=True)
class Written:
    """The file of the definitions was written, and holds all that comes before this line."""

    digest: str
    file: Signature | None


Line = Written | list[JournaledChange]


def file_form(definition: AIWorkerDefinition) -> dict[str, Any]:
    """A definition as the journal holds it: in the form of the file, without the summary."""
    form = definition.to_file()
    form.pop(SUMMARY_KEY, None)
    return form


def digest_of(form: dict[str, Any]) -> str:
    """A digest of a definition in the form of the file, whatever its summary."""
    form = {key: value for key, value in form.items() if key != SUMMARY_KEY}
    return hashlib.sha256(json.dumps(form, sort_keys=True).encode()).hexdigest()[:24]


def journaled(changes: Iterable[DefinitionChange]) -> list[JournaledChange]:
    """Convert changes to the journal's form.

    Raises:
        NeuroScriptError: 4 for a definition that JSON has no form for.
    """
    try:
        return [
            JournaledChange(
                change.definition_id,
                "" if change.old is None else digest_of(change.old.to_file()),
                None if change.new is None else file_form(change.new),
            )
            for change in changes
        ]
    except (ValueError, RecursionError) as error:
        raise _unwritable(error) from error


class DefinitionsJournal:
    """The journal of the definitions of one store.

    Args:
        directory: the state directory.
        files: the calls to write with.
    """

    def __init__(self, directory: Path, files: FileSystem) -> None:
        self.path = directory / DEFINITIONS_JOURNAL
        self._name = str(self.path)
        self._files = files
        self._seen: tuple[int, int] | None = None
        """The inode and length of the file as far as it was read; None if there was none."""
        self._lines: list[Line] = []
        """What the file on the disk may not hold: the last line of the second kind, and those behind it."""
        self._first: Line | None = None
        self._held: Descriptor | None = None
        """The file that was read, open so that no other gets its inode (on Windows none could be put in its place)."""

    @property
    def is_complete(self) -> bool:
        """Whether it tells all definitions, as far as it was read."""
        return is_complete([] if self._first is None else [self._first])

    @property
    def is_begun(self) -> bool:
        """Whether it tells all definitions, or all but those with keys."""
        return isinstance(self._first, Written) and self._first.digest in ("", PARTIAL)

    @property
    def length(self) -> int:
        """The length of the journal in bytes, as far as it was read."""
        return 0 if self._seen is None else self._seen[1]

    def changed(self) -> bool:
        """Whether there is something that was not read.  Needs no lock."""
        return self._now() != self._seen

    def _now(self) -> tuple[int, int] | None:
        try:
            status = os.lstat(self._name)
        except FileNotFoundError:
            return None
        return (status.st_ino, status.st_size)

    # Reading

    def read(self) -> list[Line] | None:
        """Read the lines that are new; None if the journal was begun anew, so that all must be read.

        Raises:
            OSError: if it cannot be read.
        """
        now, seen = self._now(), self._seen
        if now == seen:
            return []
        if now is None or seen is None or now[0] != seen[0] or now[1] < seen[1]:
            return None
        with contextlib.closing(Descriptor(self._files.open(self.path, os.O_RDONLY))) as file:
            data = read_at(file.number, now[1] - seen[1], seen[1])
        self._seen = (seen[0], seen[1] + len(data))
        lines = self._parse(data)
        for line in lines:
            self._remember(line)
        return lines

    def read_all(self) -> list[Line]:
        """Read the whole journal, from the first line of the second kind on.

        Raises:
            OSError: if it cannot be read.
        """
        self._seen, self._lines, self._first = None, [], None
        try:
            file = Descriptor(self._files.open(self.path, os.O_RDONLY))
        except FileNotFoundError:
            return []
        status = os.fstat(file.number)
        data = read_at(file.number, status.st_size, 0)
        self._hold(file)
        self._seen = (status.st_ino, len(data))
        lines = self._parse(data)
        while lines and not isinstance(lines[0], Written):
            _LOG.warning("%s does not begin with the state of the file; its first line is not read", self.path)
            del lines[0]
        self._first = lines[0] if lines else None
        for line in lines:
            self._remember(line)
        return lines

    def expect(self, found: Written, changes: list[JournaledChange]) -> None:
        """Take note of the file as it is, if somebody else wrote it, and of what it does not hold."""
        self._lines = [found, changes] if changes else [found]

    def _remember(self, line: Line) -> None:
        if isinstance(line, Written):
            self._lines.clear()
        self._lines.append(line)

    def _parse(self, data: bytes) -> list[Line]:
        lines = []
        for text in data.split(b"\n"):
            if text:
                try:
                    lines.append(_read_line(text))
                except (ValueError, TypeError, KeyError, RecursionError):
                    _LOG.warning("%s: a line was broken off by a crash and is not read", self.path)
        return lines

    # Writing

    def append(self, changes: list[JournaledChange], before: Written, *, first: bool) -> None:
        """Append a change and sync it; the journal is made if there is none.

        Args:
            changes: the change.
            before: the state of the file of the definitions, with which a new journal begins.
            first: whether there were no definitions before.

        Raises:
            NeuroScriptError: 4 for a definition that JSON has no form for.
            OSError: if it could not be stored; then nothing is.
        """
        if self._seen is None:
            self._begin([Written("", None), before, changes] if first else [before, changes])
        else:
            self._write(_write_line(changes), self._files.write_for_good)
            self._remember(changes)

    def mark(self, written: Written) -> None:
        """Note that the file is about to be written; it need not survive a crash.

        Raises:
            OSError: if it could not be noted.
        """
        if self._seen is not None:
            self._write(_write_line(written), self._files.write_at)

    def settle(self, written: Written) -> None:
        """Take the changes as written, now that the file that was noted is in place."""
        self._remember(written)

    def begin(self, definitions: list[JournaledChange], keep: int, *, complete: bool) -> None:
        """Begin the journal anew, with all definitions, the last state of the file, and what that does not hold.

        Args:
            definitions: the definitions as they are, each as an addition.
            keep: how many bytes of the lines before may stay, by which older states of the file are known.
            complete: whether these are all definitions, also those with keys.

        Raises:
            NeuroScriptError: 4 for a definition that JSON has no form for.
            OSError: if that failed; then it is as before.
        """
        lines = list(self._lines)
        if keep and self._seen is not None:
            lines = self._last_lines(keep) + lines
        first = Written("" if complete else PARTIAL, None)
        self._begin([first, definitions, *lines] if definitions else [first, *lines])

    def _last_lines(self, keep: int) -> list[Line]:
        """The last lines before those that the file may not hold, from one of the second kind on."""
        with contextlib.closing(Descriptor(self._files.open(self.path, os.O_RDONLY))) as file:
            lines = self._parse(read_at(file.number, self.length, 0))
        last = max((number for number, line in enumerate(lines) if isinstance(line, Written)), default=0)
        size, start = 0, last
        for number in range(last - 1, -1, -1):
            line = lines[number]
            size += len(_write_line(line))
            if size > keep:
                break
            if isinstance(line, Written) and line.digest not in ("", PARTIAL):
                start = number
        return lines[start:last]

    def restore(self) -> None:
        """Write the journal anew if somebody removed it: what the file does not hold.

        Raises:
            OSError: if that failed; it is tried again the next time.
        """
        if self._seen is not None and self._now() is None:
            _LOG.warning("%s was removed while it was in use; it is written anew", self.path)
            self._begin(list(self._lines))  # what else it told is in the file

    def _begin(self, lines: list[Line]) -> None:
        data = b"".join(map(_write_line, lines))
        with atomic_write(self._files, self.path) as descriptor:
            self._files.write_at(descriptor, data, 0)
            inode = os.fstat(descriptor).st_ino
        self._seen, self._lines, self._first = (inode, len(data)), [], lines[0]
        with contextlib.suppress(FileNotFoundError):  # removed in this moment; then it is written anew
            self._hold(Descriptor(self._files.open(self.path, os.O_RDONLY)))
        for line in lines:
            self._remember(line)

    def _hold(self, file: Descriptor) -> None:
        self.close()
        if sys.platform == "win32":
            file.close()
        else:
            self._held = file

    def close(self) -> None:
        """Close the file, which is opened again when it is used."""
        held, self._held = self._held, None
        if held is not None:
            held.close()

    def _write(self, data: bytes, write: Any) -> None:
        assert self._seen is not None
        inode, start = self._seen
        with contextlib.closing(Descriptor(self._files.open(self.path, os.O_RDWR))) as file:
            try:
                write(file.number, data, start)
            except BaseException:  # raised again, once what was begun is undone
                with contextlib.suppress(OSError):
                    self._files.truncate(file.number, start)
                raise
        self._seen = (inode, start + len(data))


def is_complete(lines: Sequence[Line]) -> bool:
    """Whether the lines of a journal tell all definitions."""
    return bool(lines) and isinstance(lines[0], Written) and not lines[0].digest


def _read_line(text: bytes) -> Line:
    line = json.loads(text)
    if "written" in line:
        file = line.get("file")
        return Written(str(line["written"]), None if file is None else (int(file[0]), int(file[1]), int(file[2])))
    return [_read_change(*change) for change in line["changes"]]


def _read_change(definition_id: Any, was: Any, new: Any) -> JournaledChange:
    if not isinstance(definition_id, str) or not isinstance(was, str) or not isinstance(new, dict | None):
        raise TypeError("not a change of a definition")
    return JournaledChange(definition_id, was, new)


def _write_line(line: Line) -> bytes:
    content: Any = {"written": line.digest, "file": line.file} if isinstance(line, Written) else {"changes": line}
    try:
        return b"\n" + json.dumps(content, separators=(",", ":"), allow_nan=False).encode() + b"\n"
    except (ValueError, RecursionError) as error:
        raise _unwritable(error) from error


def _unwritable(error: Exception) -> NeuroScriptError:
    return NeuroScriptError(
        ErrorCode.ARG_MISMATCH,
        f"the definition cannot be written as JSON ({error}); leave out the numbers that are not finite or have "
        "thousands of digits, and nest its values less deeply",
    )
