"""The files of a store and what is in memory of them, kept in step.

Unless said otherwise, the caller holds the store's lock and its mutex.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from ai_wm.data.types import AIWorkerDefinition, Timestamp
from ai_wm.store import changes
from ai_wm.store.definitions_file import DefinitionsFile, DefinitionsState
from ai_wm.store.files import FileSystem, io_error, read_at
from ai_wm.store.index import RecordIndex
from ai_wm.store.journal import Journals
from ai_wm.store.json_array import read_line
from ai_wm.store.performance_file import FileState, PerformanceFile
from ai_wm.store.state_directory import StateDirectory
from ai_wm.store.summaries import Summaries
from neuroscript.errors import NeuroScriptError

DEFINITIONS_FILE: Final = "ai_worker_definitions.json"
PERFORMANCE_FILE: Final = "ai_worker_performance_data.json"

_LOG = logging.getLogger("ai_wm.store")


class StorageEngine:
    """The definitions, the performance data and the journals of one directory.

    Args:
        directory: where the files are.
        state: its state directory.
        files: the calls to write with.
        clock: seconds since 1970, for the moment at which instances of dead processes are retired.
    """

    def __init__(self, directory: Path, state: StateDirectory, files: FileSystem, clock: Callable[[], float]) -> None:
        self._directory = directory
        self._state = state
        self._clock = clock
        self.performance = PerformanceFile(directory / PERFORMANCE_FILE, files, state.write_note, state.read_note)
        self.journals = Journals(state.path, files)
        self.index = RecordIndex()
        self.summaries = Summaries(DefinitionsFile(directory / DEFINITIONS_FILE, files))
        self.stale = False
        """Whether something was written that the index may not know: then all is read again."""

    # Reading

    def changed(self) -> bool:
        """Whether other processes did anything that was not taken in yet.  Needs neither the lock nor the mutex."""
        return self.performance.changed() or self.journals.changed() or self.summaries.changed() or self.stale

    def refresh(self, *, journals: bool = True) -> None:
        """Take in what other processes did, to live instances too or not.

        Raises:
            NeuroScriptError: 18 if a file is not valid, 25 or 26 if it cannot be read.
        """
        try:
            if self.stale or not self.performance.refresh(self.index.put):
                self.load(self.summaries.state)
            elif journals:
                self.journals.read(self.index)
            if self.summaries.changed():
                self.summaries.reload(self.index)
        except OSError as error:
            raise io_error(error, "read the files of the AI workers", self._directory) from error

    def load(self, definitions: DefinitionsState) -> None:
        """Read all records and take the definitions given.  If a file is not valid, everything stays as it was."""
        index = RecordIndex()
        performance = self.performance.load(index.put, repair=self._state.writable)
        # Nothing can fail from here on.
        self.journals.forget()
        self.journals.read(index)
        self.index, self.performance.state, self.stale = index, performance, False
        self.summaries.take(index, definitions)

    def entry(self, instance_id: str) -> dict[str, Any]:
        """An entry that is in the file."""
        place, reader = self.index.stored_at(instance_id), self.performance.state.reader
        assert place is not None
        assert reader is not None
        return read_line(read_at(reader.number, place[1], place[0]))

    # Writing

    def prepare(self, *, starting: bool) -> None:
        """Make what must be there before anything is added; a journal too, if an instance is starting."""
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
            self.performance.adopt(self.index.in_file(), self.index.move)

    def tidy(self, *, adopt: bool = False) -> None:
        """Drop superseded lines, and make the file if there is none or it is empty.

        Args:
            adopt: bring a file written elsewhere into this program's form too.

        Raises:
            NeuroScriptError: 25 or 26 if it failed; then all is as it was.
        """
        state = self.performance.state
        superseded = state.count > sum(1 for _ in self.index.in_file())
        if not superseded and (state.own or (state.count and not adopt)):
            return
        try:
            self.performance.adopt(self.index.in_file(), self.index.move)
        except OSError as error:
            raise io_error(error, "tidy up the performance data", self.performance.path) from error

    def write_definitions(self, definitions: dict[str, AIWorkerDefinition] | None = None) -> None:
        """Write the definitions with their summaries, which may only count what is on the disk.

        Raises:
            NeuroScriptError: 25 or 26 if it failed; then all is as it was.
        """
        try:
            self.performance.sync()
        except OSError as error:
            raise self.failure(error) from error
        self.summaries.write(self.index, definitions)

    def flush(self) -> None:
        """Write the summaries, if they lag."""
        if self.summaries.lag(self.index):
            self.summaries.check_file()
            self.write_definitions()

    def failure(self, error: OSError) -> NeuroScriptError:
        """Why performance data could not be stored."""
        return io_error(error, "store the performance data", self.performance.path)

    # Beginning and end

    def start(self) -> None:
        """What is put in order after everything was read.  It need not succeed: nothing is lost if it does not."""
        if not self._state.writable:
            return
        try:
            self._recover()
            self.tidy()
            summaries = self.summaries
            if summaries.lag(self.index) or summaries.state.incomplete or not summaries.state.seen:
                self.write_definitions()
        except (NeuroScriptError, OSError) as error:
            _LOG.warning("%s: not everything could be brought up to date: %s", self._directory, error)

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
        """Bring the files up to date for the last time, and let go of this store's journal."""
        try:
            self.refresh()
            self.tidy()
            self.flush()
            self.performance.trim()
        except OSError as error:
            raise io_error(error, "bring the files of the AI workers up to date", self._directory) from error
        finally:
            self.journals.close(self.index)

    def close(self) -> None:
        """Let go of the performance file, once nobody reads from it any more."""
        self.performance.state = FileState()
