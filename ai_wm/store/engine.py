"""The storage engine of `JsonStore`: its files and the index of them in memory, kept in step.

Unless said otherwise, the caller holds the store's lock and its mutex.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Callable, Iterable, MutableMapping
from pathlib import Path
from typing import Any, Final

from ai_wm.data.types import AIWorkerDefinition, Timestamp
from ai_wm.store import changes
from ai_wm.store.bad_entries import BadEntries
from ai_wm.store.base import T
from ai_wm.store.definition_table import DefinitionChanges
from ai_wm.store.definitions_file import DefinitionsFile, FileContent
from ai_wm.store.definitions_journal import DefinitionsJournal, Line
from ai_wm.store.files import FileSystem, io_error, signature
from ai_wm.store.filling import Filling
from ai_wm.store.in_flight import has_notes
from ai_wm.store.index import RecordIndex
from ai_wm.store.index_directory import INDEX_DIRECTORY, IndexDirectory
from ai_wm.store.index_entries import Place
from ai_wm.store.index_file import IndexFile
from ai_wm.store.index_tables import Mark, StaleIndexError, checksum
from ai_wm.store.journal import Journals
from ai_wm.store.performance_file import FileState, PerformanceFile
from ai_wm.store.record_reader import RecordReader
from ai_wm.store.removed_definitions import RemovedFile, notes_on
from ai_wm.store.rows import IndexedEntry
from ai_wm.store.state_directory import StateDirectory
from ai_wm.store.summaries import Summaries
from neuroscript import NeuroScriptError, get_logger

DEFINITIONS_FILE: Final = "ai_worker_definitions.json"
PERFORMANCE_FILE: Final = "ai_worker_performance_data.json"

WASTE_SHARE: Final = 4
"""The file is written anew when what is wasted in it is more than one part in so many of its size."""

MOVE_ROWS: Final = 4000
"""So many rows and entries in memory are moved to the index on disk."""

_FIRST_LOST: Final = 5
"""How many ids of lost entries are named."""

_LOG = get_logger("ai_wm.store")


class StorageEngine:
    """The definitions, the performance data and the journals of one directory, with their index.

    Args:
        directory: where the files are.
        state: the state directory beside them.
        files: the calls to write with.
        clock: seconds since 1970, for the moment at which instances of dead processes are retired.
        providers: gives the names of the providers that definitions may have besides the built-in ones.
    """

    def __init__(
        self,
        directory: Path,
        state: StateDirectory,
        files: FileSystem,
        clock: Callable[[], float],
        providers: Callable[[], Iterable[str]],
    ) -> None:
        self._directory = directory
        self._state = state
        self._clock = clock
        path = directory / PERFORMANCE_FILE
        self.bad_entries = BadEntries(path, state.path, files, writable=state.writable)
        bad = self.bad_entries
        self.performance = PerformanceFile(path, files, state.write_note, state.read_note, bad.set_aside, bad.keep)
        self.journals = Journals(state.path, files)
        self.indexes = IndexDirectory(
            state.path / INDEX_DIRECTORY, self.performance, self.journals, writable=state.writable
        )
        self.index = RecordIndex()
        self.summaries = Summaries(
            DefinitionsFile(directory / DEFINITIONS_FILE, state.path, files, providers, writable=state.writable),
            DefinitionsJournal(state.path, files),
        )
        self.removed = RemovedFile(state.path, files)
        self.stale = False
        """Whether something may have been written or read that the index does not hold: then all is read again."""
        self.lost = ""
        """What was found missing in the performance file, until somebody is told."""

    # Reading

    def changed(self) -> bool:
        """Whether other processes changed anything that was not read yet.  Needs neither the lock nor the mutex.

        Raises:
            NeuroScriptError: 25 or 26 if the files cannot be asked.
        """
        try:
            return self.performance.changed() or self.journals.changed() or self.summaries.changed() or self.stale
        except OSError as error:
            raise self._unreadable(error) from error

    def definitions_changed(self) -> bool:
        """Whether other processes changed the definitions, as `changed`."""
        try:
            return self.summaries.changed()
        except OSError as error:
            raise self._unreadable(error) from error

    def _unreadable(self, error: OSError) -> NeuroScriptError:
        return io_error(error, "read the files of the AI workers", self._directory)

    def refresh(self) -> None:
        """Read what other processes have changed.

        Raises:
            NeuroScriptError: 18 if a file is not valid, 25 or 26 if it cannot be read.
        """
        stale, self.stale = self.stale, True
        try:
            if stale or not self._catch_up():
                self.load(verify=stale or self.performance.state.edited)
            self.stale = False
            if self.summaries.changed():
                self.summaries.refresh(self.index)
        except OSError as error:
            raise self._unreadable(error) from error

    def _catch_up(self) -> bool:
        """Read what other processes appended; False if that is not all that they did."""
        try:
            if self.performance.changed():
                with self.index.reading():
                    pass  # nobody has moved the mark
                if not self.performance.refresh(self._put):
                    return False
            return self.journals.read(self.index)
        except StaleIndexError:
            return False

    def _put(self, indexed: IndexedEntry, offset: int, length: int) -> None:
        if self.index.is_amended(indexed.instance_id):
            self.journals.forget_amendments()  # they come after whatever the file says
        self.index.put(indexed, offset, length)

    def load(self, definitions: tuple[FileContent, list[Line]] | None = None, *, verify: bool = True) -> None:
        """Read all records anew.

        Args:
            definitions: what to put in the place of the loaded definitions; None: nothing.
            verify: whether to compare an index on disk with the whole file, though it belongs to the file of that name.

        Raises:
            NeuroScriptError: 18 if the performance file is not valid, 23, 25 or 26 if it or a journal cannot be read;
                then everything stays as it was.
        """
        if self._state.writable:
            try:
                self.journals.restore(self.index, amended=self.performance.is_same_file())
            except OSError as error:
                raise self._unreadable(error) from error
        state = self.performance.open()
        self.journals.close_amendments()
        disk, others = self.indexes.find(state, verify=verify)
        try:
            index, state = self._read(state, disk)
            self.stale = True  # from here on, what is read of the journals is in the new index alone
            self.journals.forget(index.amended_to - index.amended_from)
            self.journals.read(index)
        except (OSError, sqlite3.Error, StaleIndexError) as error:
            raise self._unreadable(error if isinstance(error, OSError) else OSError(str(error))) from error
        self._miss([RecordIndex(other) for other in others], index)
        before, self.index, self.performance.state, self.stale = self.index, index, state, False
        if before.disk is not None:
            before.disk.close()
        for other in others:
            other.remove()
        if definitions is None:
            self.summaries.recount(index)
        else:
            self.summaries.take(index, *definitions)

    def _read(self, state: FileState, disk: IndexFile | None) -> tuple[RecordIndex, FileState]:
        """Read the performance file into a new index, from the mark of the one on disk on."""
        if disk is not None:
            index = RecordIndex(disk)
            state.tail, state.count = disk.mark.tail, disk.mark.count
            if self.performance.scan(state, index.put, repair=self._state.writable):
                return index, state
            state = self.performance.open()
        if state.own or state.reader is None:
            filling = Filling(self.indexes.path if self._state.writable and state.writable else None)
            if self.performance.scan(state, filling.put, repair=self._state.writable):
                return filling.end(self.indexes.mark(state)), state
            state = self.performance.open()
        filling = Filling(None)
        self.performance.scan_foreign(state, filling.put)
        return filling.end(Mark()), state

    def _miss(self, others: list[RecordIndex], index: RecordIndex) -> None:
        """Notice entries that were stored, and are not in the file any more."""
        lost: dict[str, None] = {}
        for known in [*others, self.index]:
            with contextlib.suppress(StaleIndexError, sqlite3.Error):
                lost |= {each: None for each in known.instances(index.disk) if not index.knows_instance(each)}
        if lost:
            first = ", ".join(list(lost)[:_FIRST_LOST])
            self._lose(f"{len(lost)} entries that were stored are not in it any more: {first}")

    def _lose(self, what: str) -> None:
        self.lost = (
            f"{self.performance.path}: {what}; if they were taken out on purpose, go on: this is said once; else put "
            "the newer file back"
        )
        _LOG.error("%s", self.lost)

    def move(self, *, seal: bool = False) -> bool:
        """Move what is stored from memory to the index on disk, if nobody tidies up at this moment.

        Args:
            seal: whether the performance file is closed in this state.

        Returns:
            whether all of it is on disk.
        """
        lock = self.indexes.hold()
        if lock is None:
            return False
        try:
            return self.move_holding(seal=seal)
        finally:
            lock.release()

    def move_holding(self, *, seal: bool = False) -> bool:
        """The same as `move` for a caller that holds the indexes."""
        index, disk, state = self.index, self.index.disk, self.performance.state
        if disk is None and self.indexes.is_any():
            self.stale = True  # another process has made one
            return False
        if disk is not None and not disk.is_current and not disk.is_private:
            self.stale = True
            return False
        assert state.reader is not None
        assert state.seen is not None
        try:
            self.performance.sync()
            self.journals.sync_amendments()
            old = Mark() if disk is None else disk.mark
            covered = old.amended_to - old.amended_from
            mark = index.mark(
                Mark(
                    inode=state.seen[0],
                    tail=state.tail,
                    count=state.count,
                    checksum=checksum(state.reader.number, old.tail, state.tail, old.checksum),
                    amended_to=index.amended_from + self.journals.amendments,
                    amended_checksum=self.journals.amendments_checksum(
                        covered, self.journals.amendments, old.amended_checksum
                    ),
                    seal=signature(os.fstat(state.reader.number)) if seal else None,
                )
            )
            if disk is not None and mark == disk.mark:
                return True
            with self.performance.telling():
                before, self.stale = self.stale, True  # until it is done
                if disk is not None:
                    try:
                        disk.write(index.batch(), mark)
                    except (OSError, sqlite3.Error):  # all is as before
                        self.stale = before
                        raise
                    index.moved(disk)
                else:
                    index.fill(IndexFile.create(self.indexes.path))
                    index.filled(mark)
                self.stale = before and disk is not None
        except (OSError, sqlite3.Error) as error:
            _LOG.debug("the index in %s could not be brought up to date: %s", self.indexes.path, error)
            return False
        except StaleIndexError:
            self.stale = True
            return False
        return True

    def reader(self) -> RecordReader:
        """What reads records at the places that the index gives at this moment.

        Raises:
            NeuroScriptError: 23, 25 or 26 if what was changed cannot be read.
        """
        try:
            amendments = self.journals.amendments_reader()
        except OSError as error:
            raise self._unreadable(error) from error
        return RecordReader(self.performance.path, self.performance.state.reader, amendments, self.index.amended_from)

    def record(self, place: Place) -> dict[str, Any]:
        """Read the record at a place."""
        return next(iter(self.reader().read([place])))

    def stored(self, instance_id: str) -> dict[str, Any] | None:
        """Read the entry of an instance that is not live; None if there is none."""
        found = self.index.stored_entry(instance_id)
        return None if found is None else next(iter(self.reader().entries(iter([found]))), None)

    # Writing

    def prepare(self, *, starting: bool) -> None:
        """Prepare the files for a change.

        Args:
            starting: whether it starts an instance, so that this store needs a journal of its own.
        """
        if starting:
            self.journals.begin()
        if self.summaries.unmarked:
            # From here on, what the file's summaries count beyond the records could not be told any more.
            self.summaries.check_file()
            self.write_definitions()

    def adopt(self) -> None:
        """Give the performance file this program's form, if it has another or is not there.

        Raises:
            OSError: if it could not be written; then everything is as before.
        """
        if self.performance.state.own:
            return
        stale, self.stale = self.stale, True
        new = self.performance.new_file()
        try:
            reader = self.reader()
            for entry in self.index.stored():
                new.add(reader.line(entry))
            self.performance.put_in_place(new)
        except OSError:
            self.stale = stale
            raise
        finally:
            new.discard()
        self.journals.cut_amendments(self.journals.amendments)
        self.load()

    @property
    def waste(self) -> int:
        """The bytes of superseded lines, and of amendments that are not in the performance file."""
        state = self.performance.state
        return max(0, state.tail - self.index.live_bytes if state.count else 0) + self.journals.amendments

    def is_wasteful(self, spare: int = 0) -> bool:
        """Whether so much is wasted that it pays to write the file anew.

        Args:
            spare: so many bytes are none.
        """
        state, waste = self.performance.state, self.waste
        return state.own and waste > spare and waste * WASTE_SHARE >= state.tail and self.bad_entries.failed is None

    def change_definitions(self, change: Callable[[MutableMapping[str, AIWorkerDefinition]], T]) -> T:
        """Change definitions durably; the file follows at once if it is small, else with the next `flush`.

        Raises:
            NeuroScriptError: what ``change`` raises; 4, 18, 25 or 26 if it cannot be stored; then all is as it was.
        """
        self.summaries.check_file()

        def noted(definitions: MutableMapping[str, AIWorkerDefinition]) -> T:
            result = change(definitions)
            made = definitions.made() if isinstance(definitions, DefinitionChanges) else ()
            self.removed.note(notes_on(made, lambda each: self.index.totals(each).tasks, self._clock()))
            return result

        result = self.summaries.change(self.index, noted)
        if self.summaries.small:
            try:
                self.flush()
            except NeuroScriptError as error:
                _LOG.warning("a change of worker definitions is stored, but not in their file yet: %s", error.message)
        return result

    def write_definitions(self) -> None:
        """Write the definitions file, with summaries that count only what is on the disk.

        Raises:
            NeuroScriptError: 25 or 26 if it failed; then the file is as it was.
        """
        try:
            self.performance.sync()
            self.journals.sync_amendments()
        except OSError as error:
            raise self.failure(error) from error
        self.summaries.write(self.index)

    def flush(self) -> None:
        """Write the definitions file if it is out of date."""
        if self.summaries.outdated(self.index):
            self.summaries.check_file()
            self.write_definitions()

    def failure(self, error: OSError) -> NeuroScriptError:
        """The error for performance data that could not be stored."""
        return io_error(error, "store the performance data", self.performance.path)

    # Beginning and end

    def start(self) -> None:
        """Put the files in order when the store is opened or reloaded.

        Nothing is lost if that fails: a warning is logged, and it is tried again the next time.
        """
        if not self._state.writable:
            return
        try:
            self._recover()
            state = self.performance.state
            if not state.own and (not state.count or self.journals.has_amendments):
                self.adopt()
            if not self.lost:
                self._count_lost()
            self.flush()
        except (NeuroScriptError, OSError) as error:
            _LOG.warning("%s: not everything could be brought up to date: %s", self._directory, error)

    def _count_lost(self) -> None:
        """Notice by the marks of the summaries that records are missing which no index knew."""
        short = 0
        for definition_id, definition in self.summaries.definitions.items():
            covered = definition.aggregate_performance_summary.counted.get("records", 0)
            if isinstance(covered, int):
                short += max(0, covered - self.index.stored_records(definition_id))
        if short:
            _LOG.warning(
                "%s: %d records that the summaries of %s count are not in it%s; if the definitions came without their "
                "records, or those were taken out on purpose, go on: this is said once",
                self.performance.path,
                short,
                DEFINITIONS_FILE,
                ", but what a process that died noted of its calls comes back now"
                if has_notes(self._state.path)
                else "",
            )
            self.write_definitions()

    def someone_died(self) -> bool:
        """Whether the process of a live instance is dead.  Needs no lock.

        Raises:
            NeuroScriptError: 25 or 26 if that cannot be found out.
        """
        try:
            return self.journals.someone_died(self.index)
        except OSError as error:
            raise self._unreadable(error) from error

    def recover(self) -> None:
        """Store the live instances of processes that died since.

        Nothing is lost if that fails: a warning is logged, and it is tried again the next time.
        """
        try:
            self.refresh()
            if self.journals.someone_died(self.index):
                self._recover()
        except (NeuroScriptError, OSError) as error:
            _LOG.warning("%s: the instances of a dead process could not be stored: %s", self._directory, error)

    def _recover(self) -> None:
        """Store the live instances of processes that died."""
        dead = self.journals.dead_owners()
        try:
            for lock, names in dead:
                found = [live for live in self.index.live_instances() if live.owner in names]
                if found:
                    self.adopt()
                    now = Timestamp.from_unix(self._clock())
                    entries = [changes.recovered(live, now) for live in found]
                    offsets = self.performance.append([line for _, line in entries])
                    for live, (indexed, line), offset in zip(found, entries, offsets, strict=True):
                        self.index.put(indexed, offset, len(line))
                        if not live.run:
                            _LOG.warning("instance %s was not retired: %s", indexed.instance_id, changes.RECOVERED)
                self.journals.remove(lock, names)
        finally:
            for lock, _ in dead:
                lock.release()

    def finish(self) -> None:
        """Bring the files up to date for the last time, and close this store's journal.

        Raises:
            NeuroScriptError: 18, 25 or 26 if that failed; nothing is lost then.
        """
        try:
            self.refresh()
            if not self.index.is_anything_amended and self.journals.has_amendments:
                self.journals.cut_amendments(self.journals.amendments)  # a crash left a line that is none
            if self.journals.has_amendments:
                self.adopt()
            self.flush()
            self.performance.trim()
            if self.performance.state.count:
                self.move(seal=True)
        except OSError as error:
            raise io_error(error, "bring the files of the AI workers up to date", self._directory) from error
        finally:
            self.journals.close(self.index)

    def close(self) -> None:
        """Close the performance file, as soon as nobody reads from it any more, and the index."""
        self.performance.state = FileState()
        self.summaries.close()
        if self.index.disk is not None:
            self.index.disk.close()
