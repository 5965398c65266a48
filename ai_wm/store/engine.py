"""The storage engine of `JsonStore`: its files and the index of them in memory, kept in step.

Unless said otherwise, the caller holds the store's lock and its mutex.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, MutableMapping
from pathlib import Path
from typing import Any, Final

from ai_wm.data.types import AIWorkerDefinition, Timestamp
from ai_wm.store import changes
from ai_wm.store.base import T
from ai_wm.store.definitions_file import DefinitionsFile, FileContent
from ai_wm.store.definitions_journal import DefinitionsJournal, Line
from ai_wm.store.files import FileSystem, io_error, read_at
from ai_wm.store.index import Place, RecordIndex
from ai_wm.store.journal import Journals
from ai_wm.store.json_array import read_line, write_line
from ai_wm.store.performance_file import FileState, PerformanceFile
from ai_wm.store.rows import IndexedEntry
from ai_wm.store.state_directory import StateDirectory
from ai_wm.store.summaries import Summaries
from neuroscript import NeuroScriptError, get_logger

DEFINITIONS_FILE: Final = "ai_worker_definitions.json"
PERFORMANCE_FILE: Final = "ai_worker_performance_data.json"

_SPARE_LINES: Final = 1000
_SPARE_BYTES: Final = 1 << 16
"""So many superseded lines, and bytes of amendments, are no reason yet to write the performance file anew."""

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
        self.performance = PerformanceFile(directory / PERFORMANCE_FILE, files, state.write_note, state.read_note)
        self.journals = Journals(state.path, files)
        self.index = RecordIndex()
        self.summaries = Summaries(
            DefinitionsFile(directory / DEFINITIONS_FILE, state.path, files, providers, writable=state.writable),
            DefinitionsJournal(state.path, files),
        )
        self.stale = False
        """Whether something may have been written or read that the index does not hold: then all is read again."""

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
            if stale or not self.performance.refresh(self._put):
                self.load()
            else:
                self.journals.read(self.index)
            self.stale = False
            if self.summaries.changed():
                self.summaries.refresh(self.index)
        except OSError as error:
            raise self._unreadable(error) from error

    def _put(self, indexed: IndexedEntry, offset: int, length: int) -> None:
        if self.index.is_amended(indexed.instance_id):
            self.journals.forget_amendments()  # they come after whatever the file says
        self.index.put(indexed, offset, length)

    def load(self, definitions: tuple[FileContent, list[Line]] | None = None) -> None:
        """Read all records anew.

        Args:
            definitions: what to put in the place of the loaded definitions; None: nothing.

        Raises:
            NeuroScriptError: 18 if the performance file is not valid, 23, 25 or 26 if it or a journal cannot be read;
                then everything stays as it was.
        """
        if self._state.writable:
            try:
                self.journals.restore(self.index, amended=self.performance.is_same_file())
            except OSError as error:
                raise self._unreadable(error) from error
        index = RecordIndex()
        performance = self.performance.load(index.put, repair=self._state.writable)
        self.stale = True  # from here on, what is read of the journals is in the new index alone
        self.journals.forget()
        try:
            self.journals.read(index)
        except OSError as error:
            raise self._unreadable(error) from error
        self.index, self.performance.state, self.stale = index, performance, False
        if definitions is None:
            self.summaries.recount(index)
        else:
            self.summaries.take(index, *definitions)

    def record(self, place: Place) -> dict[str, Any]:
        """Read the record at a place."""
        if place.record is not None:
            return place.record
        reader = self.performance.state.reader
        assert reader is not None
        entry = read_line(read_at(reader.number, place.length, place.offset))
        record: dict[str, Any] = entry["performance_records"][place.ordinal]
        return record

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
        if not self.performance.state.own:
            self._rewrite()

    def _rewrite(self) -> None:
        """Write the performance file anew: in this program's form, without superseded lines, with all amendments.

        Raises:
            OSError: if it could not be written; then everything is as before.
        """
        stale, self.stale = self.stale, True
        try:
            self.performance.rewrite(self._lines(), self.index.move)
        except OSError:
            self.stale = stale
            raise
        self.index.settle()
        self.stale = stale
        self.journals.remove_amendments()

    def _lines(self) -> Iterator[tuple[str, bytes]]:
        reader = self.performance.state.reader
        for entry in self.index.stored():
            assert reader is not None
            line = read_at(reader.number, entry.length, entry.offset)
            yield entry.instance_id, write_line(entry.amended(read_line(line))) if entry.amendments else line

    def compact(self, *, adopt: bool = False) -> None:
        """Write the performance file anew if it holds superseded lines or lacks amendments, or if there is none.

        Args:
            adopt: bring a file written elsewhere into this program's form too.

        Raises:
            NeuroScriptError: 25 or 26 if it failed; then all is as it was.
        """
        state = self.performance.state
        superseded = state.count > self.index.stored_count() or self.journals.has_amendments
        if not superseded and (state.own or (state.count and not adopt)):
            return
        try:
            self._rewrite()
        except OSError as error:
            raise io_error(error, "tidy up the performance data", self.performance.path) from error

    @property
    def wasteful(self) -> bool:
        """Whether superseded lines and amendments take so much room that it pays to write the file anew."""
        state = self.performance.state
        many = state.count > 2 * self.index.stored_count() + _SPARE_LINES
        return many or self.journals.amendments > state.tail // 4 + _SPARE_BYTES

    def change_definitions(self, change: Callable[[MutableMapping[str, AIWorkerDefinition]], T]) -> T:
        """Change definitions durably; the file follows at once if it is small, else with the next `flush`.

        Raises:
            NeuroScriptError: what ``change`` raises; 4, 18, 25 or 26 if it cannot be stored; then all is as it was.
        """
        self.summaries.check_file()
        result = self.summaries.change(self.index, change)
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
            self.compact()
            self.flush()
        except (NeuroScriptError, OSError) as error:
            _LOG.warning("%s: not everything could be brought up to date: %s", self._directory, error)

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
                    for (indexed, line), offset in zip(entries, offsets, strict=True):
                        self.index.put(indexed, offset, len(line))
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
            self.compact()
            self.flush()
            self.performance.trim()
        except OSError as error:
            raise io_error(error, "bring the files of the AI workers up to date", self._directory) from error
        finally:
            self.journals.close(self.index)

    def close(self) -> None:
        """Close the performance file, as soon as nobody reads from it any more."""
        self.performance.state = FileState()
