"""The default store: two JSON files in one directory, for any number of threads and processes.

Beside the two files it keeps a directory, ``ai_worker_state``, with its lock and its journals (`ai_wm.store.journal`):
what live instances did, and what was changed in retired ones since the file was written.  Every change is made with the
lock held: what other processes did since is read first, then the change is planned, written, synced and applied to the
index of the records, most of which is on disk (`ai_wm.store.index_file`).  Readers ask the file system whether anything
changed, a few microseconds' work, and take the lock only if so.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping, Sequence
from pathlib import Path
from typing import Any, Final

from ai_wm.data.provider_names import provider_names
from ai_wm.data.record_filter import RecordFilter
from ai_wm.data.types import (
    AIWorkerDefinition,
    AIWorkerInstance,
    AIWorkerInstanceStatus,
    AIWorkerPerformanceSummary,
    PerformanceRecord,
    RetiredInstanceInfo,
    SupervisorFeedback,
    Timestamp,
    TokenUsageMetrics,
)
from ai_wm.store import changes, engine
from ai_wm.store.base import T
from ai_wm.store.change_maker import ChangeMaker
from ai_wm.store.engine import StorageEngine
from ai_wm.store.files import FileSystem
from ai_wm.store.index import RecordIndex
from ai_wm.store.index_entries import Place
from ai_wm.store.index_tables import StaleIndexError
from ai_wm.store.removed_definitions import RemovedDefinition, in_order
from ai_wm.store.rows import Row, script_record
from ai_wm.store.state_directory import StateDirectory
from ai_wm.store.tidying import tidy_up
from ai_wm.support.waiting import cancel_check
from neuroscript import ErrorCode, NeuroScriptError, get_logger

_FLUSH_SECONDS: Final = 0.8
"""How long the summaries in the definitions file may lag; the promise is a second."""

_SPARE_BYTES: Final = 1 << 16
"""So many wasted bytes are no reason yet to tidy up while the store is in use."""

_ATTEMPTS: Final = 5

_DEAD_SECONDS: Final = 0.8
"""How often it is found out whether the processes of live instances are alive, at most; the promise is a second."""

_LOG = get_logger("ai_wm.store")


class JsonStore:
    """A `Store` in JSON files that people and other programs can read.

    Opening it reads the files, or makes them, cuts off a tail that a crash tore, and stores the instances of processes
    that died.  In a directory that cannot be written to it can be read; whatever would write is error 25.

    Args:
        directory: where the files are; made if it does not exist.
        clock: seconds since 1970, for the moment at which instances of dead processes are retired.
        files: the calls to write with.
        providers: gives the names of the providers that definitions may have besides the built-in ones; by default
            those that installed packages offer.

    Raises:
        NeuroScriptError: 18 if a file is not valid, naming the place; 25 or 26 if it cannot be read.
    """

    def __init__(
        self,
        directory: str | os.PathLike[str],
        *,
        clock: Callable[[], float] = time.time,
        files: FileSystem | None = None,
        providers: Callable[[], Iterable[str]] = provider_names,
    ) -> None:
        self._directory = Path(directory).absolute()
        self._process = os.getpid()
        self._closed = False
        self._mutex = threading.RLock()
        self._timer: threading.Timer | None = None
        self._buried = time.monotonic()
        files = files or FileSystem()
        self._state = StateDirectory(self._directory, files)
        self._engine = StorageEngine(self._directory, self._state, files, clock, providers)
        self._changes = ChangeMaker(self._engine, self._state, self._mutex, self._check, self._flush_soon)
        try:
            self._engine.indexes.look_ahead()
            with self._locked():
                self._engine.load(self._engine.summaries.read())
                self._engine.start()
            self._tidy_after_starting()
        except BaseException:  # raised again, once what was begun is undone
            self._state.close()
            raise

    # Definitions

    def definitions(self) -> Mapping[str, AIWorkerDefinition]:
        """Every definition by id; see `Store.definitions`."""
        self._check()
        # Every call of a model asks this, so only the definitions file is looked at.
        if self._engine.definitions_changed():
            with self._locked():
                self._engine.refresh()
        return self._engine.summaries.definitions

    def change_definitions(self, change: Callable[[MutableMapping[str, AIWorkerDefinition]], T]) -> T:
        """Change definitions in one step; see `Store.change_definitions`."""
        self._check_writable("change the worker definitions")
        with self._locked():
            self._engine.refresh()
            result = self._engine.change_definitions(change)
            written = not self._engine.summaries.outdated(self._engine.index)
        if not written:
            self._flush_soon()
        return result

    # Live instances

    def start_instance(self, instance: AIWorkerInstance, run_id: str = "") -> None:
        """Note that an instance was spawned; see `Store.start_instance`."""
        self._make(changes.StartInstance(instance, run_id), cancel_check())

    def set_session_usage(self, instance_id: str, usage: TokenUsageMetrics) -> None:
        """Note the token usage of a live instance; see `Store.set_session_usage`."""
        self._make(changes.SetUsage(instance_id, usage))

    def retire_instance(
        self,
        instance_id: str,
        *,
        final_status: AIWorkerInstanceStatus,
        reason: str,
        retired_at: Timestamp,
        usage: TokenUsageMetrics | None = None,
        records: Sequence[PerformanceRecord] | None = None,
        is_resumed: bool = False,
    ) -> RetiredInstanceInfo:
        """End a live instance and store it as an entry; see `Store.retire_instance`."""
        change = changes.RetireInstance(instance_id, final_status, reason, retired_at, usage, records, is_resumed)
        result: RetiredInstanceInfo = self._make(change)
        return result

    # Records

    def add_record(
        self,
        record: PerformanceRecord,
        usage: TokenUsageMetrics | None = None,
        *,
        then: Callable[[], object] | None = None,
    ) -> None:
        """Store the record of one task; see `Store.add_record`."""
        self._make(changes.AddRecord(record, usage, then))

    def add_feedback(self, task_id: str, feedback: SupervisorFeedback) -> PerformanceRecord:
        """Attach feedback to the record of a task; see `Store.add_feedback`."""
        result: PerformanceRecord = self._make(changes.AddFeedback(task_id, feedback), cancel_check())
        return result

    def record(self, task_id: str) -> PerformanceRecord | None:
        """The record of a task; see `Store.record`."""

        def find(index: RecordIndex) -> list[Place]:
            place = index.find_task(task_id)
            return [] if place is None else [place]

        found = list(self._read(find))
        return PerformanceRecord.parse(found[0]) if found else None

    def records(self, definition_id: str, where: RecordFilter | None = None) -> list[PerformanceRecord]:
        """The records of a definition, newest first; see `Store.records`."""
        return [PerformanceRecord.parse(record) for record in self._select(definition_id, where)]

    def record_maps(self, definition_id: str, where: RecordFilter | None = None) -> list[dict[str, Any]]:
        """The records of a definition as scripts see them; see `Store.record_maps`."""
        return [script_record(record) for record in self._select(definition_id, where)]

    def rows(self, definition_id: str, where: RecordFilter | None = None) -> list[Row]:
        """The figures of the records of a definition; see `Store.rows`."""
        return self._ask(lambda index: index.rows(definition_id, where or RecordFilter()))

    def removed(self) -> list[RemovedDefinition]:
        """The removed definitions that have records; see `Store.removed`."""
        recorded = self._ask(lambda index: index.recorded_definitions())
        return in_order(self._engine.removed.read(), recorded, self.definitions())

    def instance_records(self, instance_id: str) -> list[PerformanceRecord]:
        """The records of one instance in the order logged; see `Store.instance_records`."""
        found = self._read(lambda index: index.places_of_instance(instance_id))
        return [PerformanceRecord.parse(record) for record in found]

    def entries(self) -> Iterator[RetiredInstanceInfo]:
        """Every stored entry, oldest first; see `Store.entries`.  What is stored while iterating is not given."""
        found = self._ask(lambda index: self._engine.reader().entries(index.stored()))
        return map(RetiredInstanceInfo.parse, found)

    def summary(self, definition_id: str) -> AIWorkerPerformanceSummary:
        """Add up the tasks of a definition; see `Store.summary`."""
        return self._ask(lambda index: self._engine.summaries.summary(index, definition_id))

    def set_aside(self) -> list[Path]:
        """The files of entries that were not valid, and were set aside with their original bytes, oldest or not."""
        return self._engine.bad_entries.kept()

    def _select(self, definition_id: str, where: RecordFilter | None) -> Iterator[dict[str, Any]]:
        return self._read(lambda index: index.select(definition_id, where or RecordFilter()))

    def _read(self, find: Callable[[RecordIndex], list[Place]]) -> Iterator[dict[str, Any]]:
        """Read the records at the places that a question to the index gives."""
        reader, places = self._ask(lambda index: (self._engine.reader(), find(index)))
        return reader.read(places)

    def _ask(self, question: Callable[[RecordIndex], T]) -> T:
        """Ask the index, brought up to date, something that must all be answered from one state.

        Raises:
            NeuroScriptError: 18, once, if entries that were stored have disappeared from the file; 26 if the index
                cannot be read.
        """
        self._freshen()
        self._tell_of_loss()
        cause = ""
        for _ in range(_ATTEMPTS):
            try:
                with self._mutex, self._engine.index.reading():
                    return question(self._engine.index)
            except StaleIndexError as error:
                cause = str(error)
            with self._locked():
                self._engine.stale = True
                self._engine.refresh()
        raise self._engine.failure(OSError(cause))

    def _tell_of_loss(self) -> None:
        if self._engine.lost:
            with self._mutex:
                lost, self._engine.lost = self._engine.lost, ""
            if lost:
                raise NeuroScriptError(ErrorCode.CONFIGURATION, lost)

    # The whole

    def sync(self) -> None:
        """Wait until all that was stored is durable; see `Store.sync`."""
        if self._closed:  # which made it so
            return
        with self._locked():
            self._changes.sync()
        self._changes.awaiting.tell()

    def reload(self) -> None:
        """Read everything from the files again; see `Store.reload`."""
        with self._locked():
            self._engine.load(self._engine.summaries.read())
            self._engine.start()

    def save(self) -> None:
        """Bring the files up to date; see `Store.save`."""
        self._check_writable("save the AI workers")
        tidy_up(self._engine, self._locked)
        with self._locked():
            self._engine.refresh()
            self._engine.summaries.check_file()
            try:
                self._engine.adopt()
            except OSError as error:
                raise self._engine.failure(error) from error
            self._engine.write_definitions()
        self._tell_of_loss()

    def close(self) -> None:
        """Bring the files up to date and close them; see `Store.close`.  Closing twice does nothing."""
        if self._closed or os.getpid() != self._process:
            return
        timer = self._timer
        if timer is not None:
            timer.cancel()
        try:
            if self._state.writable:
                tidy_up(self._engine, self._locked)
        except NeuroScriptError:
            if not self._closed:  # else another thread closes it
                raise
        finally:
            self._close()

    def _close(self) -> None:
        try:
            with self._state.locked(), self._mutex:
                try:
                    if not self._closed and self._state.writable:
                        if self._changes.awaiting:
                            self._changes.sync()
                        self._engine.finish()
                finally:
                    self._shut()  # with the lock: no thread is about to take it
        finally:
            with self._mutex:
                self._shut()
            self._changes.awaiting.tell()

    def _shut(self) -> None:
        if not self._closed:
            self._closed = True
            self._engine.close()
            self._state.close()

    # Changing

    def _make(self, change: changes.Change, check: Callable[[], None] | None = None) -> Any:
        """Make a change; one that records what has happened already is not to be cancelled, and has no check."""
        self._check_writable("store the performance data")
        change.check = check
        return self._changes.make(change)

    # Keeping up

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        self._check()
        with self._state.locked(cancel_check()), self._mutex:
            self._check()
            yield

    def _check(self) -> None:
        if self._closed:
            raise NeuroScriptError(ErrorCode.PRECONDITION_FAILED, f"the store in {self._directory} is closed")
        if os.getpid() != self._process:
            message = (
                f"the store in {self._directory} was opened by process {self._process}, of which this one is a fork; "
                "open a store of its own here"
            )
            raise NeuroScriptError(ErrorCode.PRECONDITION_FAILED, message)

    def _check_writable(self, doing: str) -> None:
        self._check()
        if not self._state.writable:
            message = (
                f"cannot {doing}: {self._directory} was not writable when it was opened; make it so, and open it anew"
            )
            raise NeuroScriptError(ErrorCode.PERMISSION_DENIED, message)

    def _freshen(self) -> None:
        """Read what other processes changed, if they did."""
        self._check()
        if self._engine.changed():
            with self._locked():
                self._engine.refresh()
        if time.monotonic() - self._buried >= _DEAD_SECONDS and self._someone_died():
            with self._locked():
                self._engine.recover()
            self._flush_soon()

    def _someone_died(self) -> bool:
        """Whether the process of a live instance is dead."""
        self._buried = time.monotonic()
        with self._mutex:
            return self._state.writable and self._engine.someone_died()

    def _tidy_after_starting(self) -> None:
        if self._state.writable:
            try:
                tidy_up(self._engine, self._locked)
            except (NeuroScriptError, OSError) as error:
                _LOG.warning("%s: not everything could be brought up to date: %s", self._directory, error)

    # Summaries

    def _flush_soon(self) -> None:
        with self._mutex:
            if self._timer is not None or self._closed:
                return
            timer = threading.Timer(_FLUSH_SECONDS, self._flush)
            timer.daemon = True
            timer.name = "ai_wm summaries"
            try:
                timer.start()
            except RuntimeError:  # the interpreter is shutting down; closing writes the summaries, or the next start
                return
            self._timer = timer

    def _flush(self) -> None:
        """Write the summaries, if they are out of date.  Runs in a thread of its own."""
        with self._mutex:
            self._timer = None
            self._engine.summaries.make_texts()
        try:
            with self._locked():
                if self._closed or os.getpid() != self._process:
                    return
                if self._changes.awaiting:
                    self._changes.sync()
                self._engine.refresh()
                self._engine.recover()
                if self._engine.index.pending >= engine.MOVE_ROWS:
                    self._engine.move()
                self._engine.flush()
            self._changes.awaiting.tell()
            tidy_up(self._engine, self._locked, spare=_SPARE_BYTES)
        except StaleIndexError:
            self._engine.stale = True  # all is read again by whoever comes next
        except (NeuroScriptError, OSError) as error:
            if not self._closed:
                _LOG.warning("%s: the summaries could not be written: %s", self._directory, error)
                if self._changes.awaiting:
                    self._flush_soon()
