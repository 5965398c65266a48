"""The file of the performance data: reading it, appending to it, writing it anew.  `json_array` describes its form.

An append costs one write and one sync, whatever the size of the file.  It goes into padding that is there already,
where possible: the file's length does not change then, and the sync need not wait for the file system's own journal
(measured on ext4: 150 µs instead of 245).  Whatever fails while appending is undone before the error is raised.

Nor is the file's status asked for between appends: on Linux a file whose times were read gets new ones with the
next write, to the nanosecond, and the sync takes half as long again (165 to 185 µs instead of 120).  What other
processes did shows in a note that every one leaves after each change, in the bytes at the tail, and in the directory's
time, which tells whether the file was replaced; its own times are compared now and then.
"""

from __future__ import annotations

import contextlib
import errno
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Final

from ai_wm.store.files import DENIED, Descriptor, FileSystem, io_error, read_at, signature, signature_at
from ai_wm.store.json_array import (
    HEAD,
    PADDING_LINE,
    ArrayReader,
    Put,
    SetAside,
    Unreadable,
    is_torn,
    read_from,
    scan_lines,
    whole_entries,
    write_line,
)
from ai_wm.store.new_file import NewFile
from ai_wm.store.rows import IndexedEntry, normal_entry
from neuroscript import ErrorCode, NeuroScriptError, get_logger

PADDING_STEP: Final = 16384
"""The file grows in steps of this many bytes while it is in use."""

_COPIED_AT_ONCE: Final = 1 << 20

_TRIVIAL: Final = len(b'{"instance_id":"')
"""So many bytes of a broken line say nothing, and are not kept."""

_LOOK_SECONDS: Final = 0.25
"""How often the file is checked for changes in place by other programs, in seconds."""

_LOG = get_logger("ai_wm.store")


@dataclass(slots=True)
class FileState:
    """The state of the file when it was last read or written.  ``reader`` is the file that offsets point into.

    ``own`` says that the lines are in the file itself.  If not, the file was written elsewhere and its entries are kept
    as lines in a temporary file, until the first append or tidying up puts those in its place.
    """

    reader: Descriptor | None = None
    own: bool = False
    writable: bool = False
    tail: int = len(HEAD)
    count: int = 0
    size: int = 0
    """Its length with the padding, as far as known: only a wish to keep within it depends on that."""
    seen: tuple[int, int, int] | None = None
    """Its signature when it was loaded; None if there is none."""
    note: bytes = b""
    """The note that goes with this state."""
    directory: int = 0
    """When the directory had last changed, in nanoseconds."""
    idle: tuple[bytes, tuple[int, int, int]] | None = None
    """A signature, and the note that stood when it was taken."""
    torn: bool = False
    """Whether there is a torn tail that could not be cut, because the file is not to be written."""
    edited: bool = False
    """Whether something other than an append was done to it."""

    @property
    def closing(self) -> bytes:
        """The bytes behind the last entry of a file that is whole."""
        return b"\n]\n" if self.count else b"]\n"


class PerformanceFile:
    """The file of retired instances and stateless tasks.

    Unless said otherwise, the caller holds the store's lock.

    Args:
        path: where it is; it need not exist.
        files: the calls to write with.
        note: leaves a note for other processes of this program.
        noted: reads the last note left.
        set_aside: called for every element that is no entry.
        keep: keeps bytes that are cut out of the file, and returns where.
    """

    def __init__(
        self,
        path: Path,
        files: FileSystem,
        note: Callable[[bytes], None],
        noted: Callable[[], bytes],
        set_aside: SetAside,
        keep: Callable[[bytes], Path],
    ) -> None:
        self.path = path
        self._files = files
        self._note = note
        self._noted = noted
        self._set_aside = set_aside
        self._keep = keep
        self._name, self._folder = str(path), str(path.parent)
        self._looked = 0.0
        self.state = FileState()

    # Reading

    def changed(self) -> bool:
        """Whether the file was changed by others.  Needs no lock: a write that is going on counts as a change."""
        state = self.state
        if state.reader is None or not state.own or state.torn:
            return self._signature() != state.seen
        if self._noted() != state.note or state.edited:
            return True
        if read_at(state.reader.number, len(state.closing), state.tail) != state.closing:
            return True
        return self._replaced(state) or self._edited(state)

    def is_same_file(self) -> bool:
        """Whether the name still stands for the file that was read or written last, which is kept open."""
        now, seen = self._signature(), self.state.seen
        return self.state.own and now is not None and seen is not None and now[0] == seen[0]

    def _signature(self) -> tuple[int, int, int] | None:
        return signature_at(self._name)

    def _replaced(self, state: FileState) -> bool:
        """Whether the name stands for another file now."""
        directory = os.stat(self._folder).st_mtime_ns
        if directory == state.directory:
            return False
        now = self._signature()
        if now is None or state.seen is None or now[0] != state.seen[0]:
            return True
        state.directory = directory
        return False

    def _edited(self, state: FileState) -> bool:
        """Whether the file was changed in place by something that leaves no note.  Checked now and then."""
        now = time.monotonic()
        if now - self._looked < _LOOK_SECONDS:
            return False
        self._looked, before, idle = now, state.note, state.idle
        found = self._signature()
        if found is None or self._noted() != before:
            return True
        if idle is not None and idle[0] == before and idle[1] != found:
            state.edited = True
            return True
        state.idle = (before, found)
        return False

    def open(self) -> FileState:
        """Open the file, to be read with `scan` or `scan_foreign`; `state` stays as it is.

        Returns:
            the state to go on with; one without a reader if there is no file.

        Raises:
            NeuroScriptError: 23 if it is no regular file, 25 or 26 if it cannot be read.
        """
        note = self._noted()
        try:
            directory = os.stat(self._folder).st_mtime_ns
            descriptor, writable = self._open()
        except FileNotFoundError:
            return FileState()
        except OSError as error:
            raise io_error(error, "read the performance data", self.path) from error
        seen = signature(os.fstat(descriptor.number))
        own = read_at(descriptor.number, len(HEAD), 0) == HEAD
        return FileState(descriptor, own, writable, size=seen[1], seen=seen, note=note, directory=directory)

    def scan(self, state: FileState, put: Put, *, repair: bool) -> bool:
        """Read the entries behind those that a state counts, if the file has the form that this program gives it.

        Args:
            state: where to begin; brought up to date.
            put: called for every entry.
            repair: whether to cut a torn tail off; if not, it is only left out.

        Returns:
            False if the file has another form, so that it must be read with `scan_foreign`.
        """
        if state.reader is None or not state.own:
            return state.reader is None
        descriptor = state.reader.number
        lines = scan_lines(descriptor, put, state.tail, state.count, self._set_aside)
        if not lines.usual:
            return False
        state.tail, state.count = lines.tail, lines.count
        if not lines.closed:
            rest = read_from(descriptor, lines.tail)
            if not is_torn(rest, lines.tail):
                return False
            repair = repair and state.writable
            whole, broken = whole_entries(rest)
            if whole and not repair:
                return False
            self._cut(state, whole, broken, put, repair=repair)
        return True

    def refresh(self, put: Put) -> bool:
        """Read what other processes appended.

        Args:
            put: called for every entry that is new.

        Returns:
            False if that is not all that happened to the file, so that it must be loaded again.
        """
        if not self.changed():
            return True
        state, note, now = self.state, self._noted(), self._signature()
        if state.reader is None or not state.own or state.torn or state.edited:
            return False
        if now is None or state.seen is None or now[0] != state.seen[0]:
            return False
        lines = scan_lines(state.reader.number, put, state.tail, state.count, self._set_aside)
        state.tail, state.count, state.size, state.note = lines.tail, lines.count, now[1], note
        return lines.closed and lines.usual

    def _open(self) -> tuple[Descriptor, bool]:
        try:
            return Descriptor(self._files.open(self.path, os.O_RDWR)), True
        except OSError as error:
            if error.errno not in DENIED:
                raise
            return Descriptor(self._files.open(self.path, os.O_RDONLY)), False

    def _cut(
        self, state: FileState, whole: list[tuple[IndexedEntry, bytes]], broken: bytes, put: Put, *, repair: bool
    ) -> None:
        """Deal with a tail that a crash tore, or that looks so.

        Args:
            state: that of the file up to the tail; brought up to date.
            whole: the entries in the tail that are whole, with their lines.
            broken: the other bytes in it.
            put: called for every entry that is whole.
            repair: whether to cut it off.
        """
        try:
            kept = "not read"
            if repair:
                kept = f"cut off, and kept in {self._keep(broken)}" if len(broken) > _TRIVIAL else "cut off"
            if broken:
                _LOG.warning(
                    "%s: the last write was broken off by a crash, or the file is damaged; %d bytes behind entry %d "
                    "are %s; %d whole entries behind them are kept",
                    self.path,
                    len(broken),
                    state.count,
                    kept,
                    len(whole),
                )
            if not repair or state.reader is None:
                state.torn = True
            elif whole:
                self._write_without_damage(state, whole, put)
            else:
                # First the cut: whatever comes between leaves a file that ends behind a whole entry.
                self._files.truncate(state.reader.number, state.tail)
                self._files.write_at(state.reader.number, state.closing, state.tail)
                self._files.sync_data(state.reader.number)
                state.size = state.tail + len(state.closing)
                self._leave_note(state)
        except OSError as error:
            raise io_error(error, "repair the end of the performance data", self.path) from error

    def _write_without_damage(self, state: FileState, whole: list[tuple[IndexedEntry, bytes]], put: Put) -> None:
        """Write the file anew with what was read of it, and the entries that follow the damage."""
        assert state.reader is not None
        new = self.new_file()
        try:
            for offset in range(len(HEAD), state.tail, _COPIED_AT_ONCE):
                new.add_lines(read_at(state.reader.number, min(_COPIED_AT_ONCE, state.tail - offset), offset), 0)
                new.flush()
            new.count = state.count
            for indexed, line in whole:
                put(indexed, new.add(line), len(line))
            before = self.state
            self.put_in_place(new)
            made, self.state = self.state, before  # the index in use is still about the old file
            for item in fields(FileState):
                setattr(state, item.name, getattr(made, item.name))
        finally:
            new.discard()

    def scan_foreign(self, state: FileState, put: Put) -> None:
        """Read a file of another layout: its entries go as lines into a temporary file that has no name.

        Args:
            state: that of the file; brought up to date, it says where the lines are.
            put: called for every entry.

        Raises:
            NeuroScriptError: 18 where the file is not valid JSON.
        """
        source = state.reader
        assert source is not None
        state.own, state.count, state.tail = False, 0, 0
        reader = ArrayReader(source.number, self.path)
        if not reader.first():
            return  # an empty file holds no entries, and there is nothing to lose
        with tempfile.TemporaryFile() as temporary:
            for value, line, column in reader:
                try:
                    if isinstance(value, Unreadable):
                        raise NeuroScriptError(ErrorCode.ARG_MISMATCH, value.why)
                    entry, indexed = normal_entry(value)
                except NeuroScriptError as error:
                    self._set_aside(reader.raw, line, column, reader.count, error.message)
                    continue
                data = write_line(entry)
                temporary.write(data + b"\n")
                put(indexed, state.tail, len(data))
                state.tail += len(data) + 1
                state.count += 1
            temporary.flush()
            state.reader = Descriptor(os.dup(temporary.fileno()))

    # Writing

    def append(self, lines: Sequence[bytes], *, durable: bool = True) -> list[int]:
        """Append entries and sync them.  The file must be as last read, and in this program's form (`rewrite`).

        Args:
            lines: the lines, without their ends.
            durable: whether to wait until they are on the disk, with all that was appended before.

        Raises:
            OSError: if they could not be stored; then the file is as before.
        """
        state = self.state
        assert state.reader is not None
        assert state.own
        if not state.writable:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(self.path))
        descriptor, start = state.reader.number, state.tail
        body = (b",\n" if state.count else b"") + b",\n".join(lines)
        data = body + b"\n]\n"
        need = start + len(data)
        write = self._files.write_for_good if durable else self._files.write_at
        try:
            if need <= state.size:
                write(descriptor, data, start)
            else:
                state.size = self._grow(write, descriptor, data, start)
        except BaseException:  # raised again, once what was begun is undone
            self._roll_back(start, need)
            raise
        offsets, offset = [], start + (2 if state.count else 0)
        for line in lines:
            offsets.append(offset)
            offset += len(line) + 2
        state.tail, state.count = start + len(body), state.count + len(lines)
        self._leave_note(state)
        return offsets

    def _grow(self, write: Callable[[int, bytes, int], None], descriptor: int, data: bytes, start: int) -> int:
        """Write beyond the padding, and add some for the writes to come; without, if that is all there is room for.

        Returns:
            the new length of the file.
        """
        room = -(start + len(data)) % PADDING_STEP
        padding = (PADDING_LINE * (room // len(PADDING_LINE) + 1))[-room:] if room else b""
        try:
            write(descriptor, data + padding, start)
        except OSError:
            write(descriptor, data, start)
            return start + len(data)
        return start + len(data) + room

    def _roll_back(self, start: int, need: int) -> None:
        """Put back what was at the tail, after a write failed.

        If this fails too, the file has a torn tail, which the next access finds and cuts.
        """
        state = self.state
        assert state.reader is not None
        descriptor = state.reader.number
        with contextlib.suppress(OSError):
            now = os.fstat(descriptor).st_size
            over = max(0, min(now, need) - start - len(state.closing))
            # These bytes are there already: writing over them takes no room.
            padding = (PADDING_LINE * (over // len(PADDING_LINE) + 1))[-over:] if over else b""
            self._files.write_at(descriptor, state.closing + padding, start)
            if now > state.size:
                self._files.truncate(descriptor, max(state.size, start + len(state.closing)))
            self._files.sync_data(descriptor)
            self._leave_note(state)

    def new_file(self) -> NewFile:
        """Begin a file to put in the place of this one.  Needs no lock, but two at a time are not possible."""
        return NewFile(self.path.with_name(self.path.name + ".tmp"), self._files)

    def put_in_place(self, new: NewFile) -> None:
        """Put a file that was written beside this one in its place.

        Raises:
            OSError: if that failed; then everything is as before.
        """
        new.end(self.path)
        self._note(b"?")  # before the file is another: no process may go by an old note
        self._release()
        self._files.replace(new.path, self.path)
        seen, directory = signature(os.fstat(new.file.number)), os.stat(self._folder).st_mtime_ns
        self.state = FileState(new.file, True, True, new.tail, new.count, size=seen[1], seen=seen, directory=directory)
        self._leave_note(self.state)

    def _release(self) -> None:
        """Windows renames over no file that is open; what is lost by closing it is read again."""
        if sys.platform == "win32" and self.state.reader is not None:
            self.state.reader.close()
            self.state = FileState()

    def trim(self) -> None:
        """Cut the padding off."""
        state = self.state
        if state.reader is None or not state.own or not state.writable:
            return
        end = state.tail + len(state.closing)
        if os.fstat(state.reader.number).st_size > end:
            self._files.truncate(state.reader.number, end)
            state.size = end
            self._leave_note(state)

    def sync(self) -> None:
        """Sync the file: a process that wrote to it may have died before it did."""
        if self.state.reader is not None and self.state.own and self.state.writable:
            self._files.sync_data(self.state.reader.number)

    @contextlib.contextmanager
    def telling(self) -> Iterator[None]:
        """Context manager for a change of what belongs to the file: other processes notice it, however it ends."""
        with contextlib.suppress(OSError):
            self._note(b"?")
        yield
        self._leave_note(self.state)

    def _leave_note(self, state: FileState) -> None:
        """Leave a note of this change, so that other processes need not read the whole file again."""
        note = b"%d %d" % (state.tail, time.time_ns())
        with contextlib.suppress(OSError):  # without the note other processes only read the whole file again
            self._note(note)
            state.note = note
