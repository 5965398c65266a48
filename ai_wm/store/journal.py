"""Journals: files of JSON lines that make durable what the performance file does not hold yet.

Every store that has live instances keeps a journal of its own in the state directory: ``start`` an instance, ``record``
a task, note its session's ``usage``, replace a ``changed`` record.  It is named ``<owner>-<number>.jsonl``, and the
store holds the lock ``<owner>.lock`` for as long as it is open; whoever finds the lock free finds the instances of a
dead process, and stores them (`JsonStore` does, when it starts).  When an instance is retired it goes into the
performance file, and what its owner's journal says of it is passed over from then on.

What is added to or changed in an entry that the performance file holds already, feedback above all, goes as ``record``
and ``changed`` lines into one more journal, ``amendments.jsonl``, which all processes share: so it costs the bytes of
one record, however many the entry has.  The performance file takes the amendments in when it is written anew, and the
journal is removed after that.  If a crash comes between, the same lines are applied again, which changes nothing.

Whoever appends to a journal holds the store's lock and has read all of it.  Lines begin and end with a line end, so
that a line broken off by a crash spoils no other.  When most of a store's own journal is about instances that ended, it
begins the next one and removes it.
"""

from __future__ import annotations

import contextlib
import os
import re
import sys
import time
import uuid
from pathlib import Path
from typing import Final

from ai_wm.store.directory_watch import DirectoryWatch
from ai_wm.store.files import Descriptor, FileSystem, atomic_write, read_at
from ai_wm.store.index import RecordIndex
from ai_wm.store.index_entries import JournaledInstance
from ai_wm.store.index_tables import Span, checksum
from ai_wm.store.journal_lines import AMENDMENTS, apply_line, lines_of
from ai_wm.store.json_array import read_line
from ai_wm.support.process_lock import ProcessLock, try_hold
from neuroscript import get_logger

_SUFFIX: Final = ".jsonl"
_LOCK_SUFFIX: Final = ".lock"
_OWNER: Final = re.compile("[0-9a-f]{32}")

_TIDY_BYTES: Final = 1 << 20
"""A journal with more than this about instances that ended is begun anew."""

_RECENT_SECONDS: Final = 86400
"""A process whose lock was removed is taken for dead when its journal did not change for so long."""

_LOG = get_logger("ai_wm.store")


class Journals:
    """All journals of a state directory, and this store's own among them.

    Unless said otherwise, the caller holds the store's lock.

    Args:
        directory: the state directory.
        files: the calls to write with.
    """

    def __init__(self, directory: Path, files: FileSystem) -> None:
        self._directory = directory
        self._folder = str(directory)
        self._files = files
        self._offsets: dict[str, int] = {}
        """How far each journal was read."""
        self._watch = DirectoryWatch(directory)
        self._paths: dict[str, str] = {}
        """The journals that were in the directory when a change in it was last found."""
        self._owner = ""
        self._alive: ProcessLock | None = None
        self._number = 0
        self._descriptor: Descriptor | None = None
        self._amendments: Descriptor | None = None
        """The journal of amendments, once it was read or written."""
        self._bytes: dict[str, int] = {}
        """How much of this store's journal is about each of its live instances."""

    @property
    def own_name(self) -> str:
        """The file name of this store's journal; "" if it has none."""
        return _own_name(self._owner, self._number) if self._owner else ""

    @property
    def amendments(self) -> int:
        """The length of the journal of amendments in bytes, as far as it was read."""
        return self._offsets.get(AMENDMENTS, 0)

    @property
    def has_amendments(self) -> bool:
        """Whether there is a journal of amendments, if only with a line that a crash tore."""
        return AMENDMENTS in self._offsets

    def owns(self, live: JournaledInstance | None) -> bool:
        """Whether a live instance is in this store's journal.  Needs no lock."""
        return live is not None and bool(self._owner) and live.owner == self.own_name

    # Writing

    def begin(self) -> None:
        """Make this store's journal, if there is none yet.

        Raises:
            OSError: if it cannot be made.
        """
        if self._owner:
            return
        owner = uuid.uuid4().hex
        self._alive = try_hold(self._directory / f"{owner}{_LOCK_SUFFIX}")
        if self._alive is None:
            raise OSError(f"the lock of the new journal {owner} is held already")
        try:
            self._descriptor = self._create(_own_name(owner, 1))
        except BaseException:  # raised again, once what was begun is undone
            self._alive.release()
            self._alive = None
            raise
        self._owner, self._number = owner, 1

    def _create(self, name: str) -> Descriptor:
        path = self._directory / name
        file = Descriptor(self._files.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL))
        try:
            self._files.sync_directory(self._directory)
        except BaseException:  # raised again, once what was begun is undone
            path.unlink()
            raise
        self._offsets[name] = 0
        return file

    def append(self, lines: list[tuple[str, bytes]], name: str = "") -> list[Span]:
        """Append lines to a journal and sync them.  All of it must have been read.

        Args:
            lines: each with the instance that it is about.
            name: whose journal; "" for this store's own.

        Returns:
            where each line is in the file.

        Raises:
            OSError: if they could not be stored; then nothing is.
        """
        own = not name or name == self.own_name
        name = name or self.own_name
        if own:
            file = self._descriptor
            assert file is not None
            self._hold_again()
        elif name in self._offsets:
            file = Descriptor(self._files.open(self._directory / name, os.O_RDWR))
        else:
            file = self._create(name)
            if name == AMENDMENTS:
                self._amendments = file
        data = b"".join(b"\n" + line + b"\n" for _, line in lines)
        start = self._offsets[name]
        try:
            self._files.write_for_good(file.number, data, start)
        except BaseException:  # raised again, once what was begun is undone
            with contextlib.suppress(OSError):
                self._files.truncate(file.number, start)
            raise
        self._offsets[name] = start + len(data)
        if own:
            for instance_id, line in lines:
                self._bytes[instance_id] = self._bytes.get(instance_id, 0) + len(line) + 2
        spans = []
        for _, line in lines:
            spans.append(Span(start + 1, len(line)))
            start += len(line) + 2
        return spans

    def ended(self, instance_id: str, index: RecordIndex) -> None:
        """Note that an instance of this store was stored; if most of the journal is about such, begin it anew."""
        if self._descriptor is None:
            return
        self._bytes.pop(instance_id, None)
        with contextlib.suppress(OSError):  # only tidying: an instance that is stored is passed over when it is read
            size = os.fstat(self._descriptor.number).st_size
            if size > _TIDY_BYTES and size > 2 * sum(self._bytes.values()):
                self._renew(index)

    def _renew(self, index: RecordIndex) -> None:
        old, old_name = self._descriptor, self.own_name
        mine = [live for live in index.live_instances() if live.owner == old_name]
        lines = [(live.instance_id, line) for live in mine for line in lines_of(live)]
        new_name = _own_name(self._owner, self._number + 1)
        new = self._create(new_name)
        try:
            data = b"".join(line + b"\n" for _, line in lines)
            self._files.write_at(new.number, data, 0)
            self._files.sync_data(new.number)
        except BaseException:  # raised again, once what was begun is undone
            (self._directory / new_name).unlink()
            del self._offsets[new_name]
            raise
        self._descriptor, self._number = new, self._number + 1
        self._offsets[self.own_name] = len(data)
        self._offsets.pop(old_name, None)
        self._bytes = {}
        for instance_id, line in lines:
            self._bytes[instance_id] = self._bytes.get(instance_id, 0) + len(line)
        for live in mine:
            live.owner = self.own_name
        (self._directory / old_name).unlink(missing_ok=True)
        if old is not None:
            old.close()

    def sync_amendments(self) -> None:
        """Sync the amendments: a process that wrote some may have died before it did.

        Raises:
            OSError: if it could not be done.
        """
        if self.amendments:
            file = Descriptor(self._files.open(self._directory / AMENDMENTS, os.O_RDWR))
            self._files.sync_data(file.number)

    def cut_amendments(self, length: int) -> None:
        """Cut off the beginning of the journal of amendments, which the performance file holds now.

        Raises:
            OSError: if that failed; then they may be read again, which changes nothing.
        """
        path, rest = self._directory / AMENDMENTS, b""
        if AMENDMENTS not in self._offsets:
            return
        self._close_amendments_on_windows()
        if self.amendments > length:
            old = Descriptor(self._files.open(path, os.O_RDONLY))
            rest = read_at(old.number, self.amendments - length, length)
            old.close()
            with atomic_write(self._files, path) as descriptor:
                self._files.write_at(descriptor, rest, 0)
            self._offsets[AMENDMENTS] = len(rest)
        else:
            self._files.remove(path)
            del self._offsets[AMENDMENTS]
        self._amendments = None

    def _close_amendments_on_windows(self) -> None:
        """Windows removes no file that is open, and renames over none."""
        if sys.platform == "win32" and self._amendments is not None:
            self._amendments.close()

    def amendments_reader(self) -> Descriptor | None:
        """The journal of amendments, open for reading; None if there is none."""
        if self._amendments is None or self._amendments.number < 0:
            with contextlib.suppress(FileNotFoundError):
                self._amendments = Descriptor(self._files.open(self._directory / AMENDMENTS, os.O_RDONLY))
        return self._amendments

    def amendments_checksum(self, start: int, end: int, value: int = 0) -> int:
        """The CRC-32 of a part of the amendments, going on from that of what comes before; -1 if it is not there."""
        if start == end:
            return value
        file = self.amendments_reader()
        return -1 if file is None else checksum(file.number, start, end, value)

    # Reading

    def read(self, index: RecordIndex) -> bool:
        """Apply what is new in all journals to an index.

        Returns:
            False if amendments that were read are gone, so that everything must be read again.
        """
        sizes = self._sizes()
        if sizes == self._offsets:
            return True
        if self.restore(index, sizes):
            sizes = self._sizes()
        if sizes.get(AMENDMENTS, 0) < self._offsets.get(AMENDMENTS, 0):
            return False
        for gone in self._offsets.keys() - sizes.keys():
            del self._offsets[gone]
            for live in index.live_instances():
                if live.owner == gone:
                    index.drop(live.instance_id)
        for name in sorted(sizes):
            if sizes[name] != self._offsets.get(name, 0):
                self._read_one(name, index)
            self._offsets.setdefault(name, 0)
        return True

    def restore(self, index: RecordIndex, sizes: dict[str, int] | None = None, *, amended: bool = True) -> bool:
        """Write this store's journal and the amendments anew if somebody removed them; whether that was so.

        Nobody of this program removes the journal of a living process, nor the amendments before the performance file
        holds them, so that it is another file then.

        Args:
            index: what the journals held, as far as they were read.
            sizes: the journals that are there; None: look.
            amended: whether the performance file is still the one that the amendments in the index are to; if not,
                another process wrote it anew, with them, and removed their journal.

        Raises:
            OSError: if that failed; it is tried again the next time.
        """
        there = self._sizes() if sizes is None else sizes
        if self._offsets.keys() <= there.keys():
            return False
        restored = False
        if self._owner and self.own_name not in there:
            self._hold_again()
            self._renew(index)
            restored = True
        if amended and self.amendments and AMENDMENTS not in there and self._amendments is not None:
            data = read_at(self._amendments.number, self.amendments, 0)
            with atomic_write(self._files, self._directory / AMENDMENTS) as descriptor:
                self._files.write_at(descriptor, data, 0)
            self._amendments = None
            restored = True
        if restored:
            _LOG.warning("%s: journals were removed while they were in use; they are written anew", self._directory)
        return restored

    def _hold_again(self) -> None:
        """Make the lock of this store's journal anew if somebody removed it, or the others would take it for dead."""
        path = self._directory / f"{self._owner}{_LOCK_SUFFIX}"
        if not os.path.lexists(path):
            self._alive = try_hold(path) or self._alive

    def changed(self) -> bool:
        """Whether `read` would find anything new.  Needs no lock."""
        return self._sizes() != self._offsets

    def _sizes(self) -> dict[str, int]:
        """The journals and their lengths."""
        try:
            look = self._watch.look()
            if look is not None:
                names = [name for name in os.listdir(self._folder) if name.endswith(_SUFFIX)]
                self._paths = {name: os.path.join(self._folder, name) for name in names}
                self._watch.note(look)
            return {name: os.lstat(path).st_size for name, path in self._paths.items()}
        except FileNotFoundError:  # there is no directory; or one was removed just now, as whoever holds the lock sees
            self._watch.note(0)
            self._paths = {}
            return {}

    def close_amendments(self) -> None:
        """Let the amendments be opened anew: another file may have their name."""
        self._amendments = None

    def forget(self, amended: int) -> None:
        """Let the next `read` begin at the beginning of all journals, because the index will be a new one.

        Args:
            amended: how much of the amendments the new index holds.
        """
        self._offsets = dict.fromkeys(self._offsets, 0)
        if amended:
            self._offsets[AMENDMENTS] = amended

    def forget_amendments(self) -> None:
        """Let the next `read` apply all amendments again, because an entry that has some was written anew."""
        self._offsets[AMENDMENTS] = 0

    def _read_one(self, name: str, index: RecordIndex) -> None:
        offset = self._offsets.get(name, 0)
        try:
            descriptor = Descriptor(self._files.open(self._directory / name, os.O_RDONLY))
        except FileNotFoundError:
            return
        data = read_at(descriptor.number, max(0, os.fstat(descriptor.number).st_size - offset), offset)
        if name == AMENDMENTS:
            self._amendments = descriptor
        else:
            descriptor.close()
        place = offset
        for line in data.split(b"\n"):
            if line:
                self._take(name, line, Span(place, len(line)), index)
            place += len(line) + 1
        self._offsets[name] = offset + len(data)

    def _take(self, name: str, text: bytes, place: Span, index: RecordIndex) -> None:
        try:
            line = read_line(text)
        except (ValueError, RecursionError):
            _LOG.warning("%s: a line was broken off by a crash and is not read", self._directory / name)
            return
        apply_line(line, name, index, place)

    # Owners

    def dead_owners(self) -> list[tuple[ProcessLock, list[str]]]:
        """Find the journals of dead processes: of each owner the lock, held from now on, and the file names."""
        owners: dict[str, list[str]] = {}
        for path in sorted(self._directory.iterdir()):
            owner = path.stem.partition("-")[0]
            if _OWNER.fullmatch(owner) and owner != self._owner:
                owners.setdefault(owner, []).extend([path.name] if path.suffix == _SUFFIX else [])
        found = []
        for owner, names in owners.items():
            path = self._directory / f"{owner}{_LOCK_SUFFIX}"
            lock = try_hold(path) if os.path.lexists(path) or not self._is_recent(names) else None
            if lock is not None:
                found.append((lock, names))
        return found

    def _is_recent(self, names: list[str]) -> bool:
        """Whether one of the journals changed so lately that its process may be alive, though its lock was removed."""
        after = time.time() - _RECENT_SECONDS
        with contextlib.suppress(FileNotFoundError):
            return any(os.lstat(self._directory / name).st_mtime > after for name in names)
        return False

    def someone_died(self, index: RecordIndex) -> bool:
        """Whether the process of a live instance is dead.  Needs no lock.

        Raises:
            OSError: if that cannot be found out.
        """
        owners = {live.owner.partition("-")[0] for live in index.live_instances()} - {self._owner}
        for owner in owners:
            path = self._directory / f"{owner}{_LOCK_SUFFIX}"
            # Where the lock was removed the process may be alive: it makes it anew.
            lock = try_hold(path) if os.path.lexists(path) else None
            if lock is not None:
                lock.release()
                return True
        return False

    def remove(self, lock: ProcessLock, names: list[str]) -> None:
        """Remove the journals of a dead process, whose instances must be stored by now, and its lock."""
        for name in names:
            (self._directory / name).unlink(missing_ok=True)
            self._offsets.pop(name, None)
        lock.remove()

    def close(self, index: RecordIndex) -> None:
        """Close this store's journal, and remove it unless live instances are left in it."""
        alive, descriptor, name = self._alive, self._descriptor, self.own_name
        self._alive = self._descriptor = None
        self._owner = ""
        if descriptor is not None:
            descriptor.close()
        if alive is None:
            return
        if any(live.owner == name for live in index.live_instances()):
            alive.release()
        else:
            self.remove(alive, [name])


def _own_name(owner: str, number: int) -> str:
    return f"{owner}-{number:06}{_SUFFIX}"
