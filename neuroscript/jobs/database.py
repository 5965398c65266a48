"""The file of an embedded engine: its transactions, which threads that come together make together."""

from __future__ import annotations

import os
import random
import sqlite3
import threading
import time
from contextlib import contextmanager, suppress

from neuroscript.errors import ErrorCode, NeuroScriptError
from neuroscript.jobs import clock
from neuroscript.jobs.schema import SCHEMA, VERSION
from neuroscript.private_files import check_plain, open_private

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any, Final, TypeVar

    T = TypeVar("T")

FILE: Final = "jobs.sqlite3"
_BUSY_SECONDS: Final = 30.0
_LONGEST_PAUSE: Final = 0.005
_making = threading.Lock()
"""Held while a file is made: closing it would take the locks of this process's other connections to it."""


class Transaction:
    """What one operation does in the file; all of it happens, or nothing.

    Attributes:
        execute: runs a statement.
        now: the wall clock's time.
        machine: the machine's.
        topics: what is rung for once it has happened.
    """

    __slots__ = ("execute", "machine", "now", "topics")

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.execute = connection.execute
        self.now = clock.wall()
        self.machine = clock.machine()
        self.topics: set[int] = set()


class _Request:
    """An operation that a thread waits for."""

    __slots__ = ("durable", "error", "gate", "leads", "operation", "result")

    def __init__(self, operation: Callable[[Transaction], Any], durable: bool) -> None:
        self.operation = operation
        self.durable = durable
        self.gate = threading.Lock()
        self.gate.acquire()
        self.leads = False
        self.result: Any = None
        self.error: BaseException | None = None


class Database:
    """The file.  Safe to use from many threads, and many processes at once.

    Waiting for the disk takes a hundred times as long as an operation.  So threads that come while one waits are
    gathered, and one of them does what all of them want in one transaction.

    Args:
        path: the file, which is made if it is missing.
        ring: called with the topics of a transaction that has been committed.

    Raises:
        NeuroScriptError: 18 if what is there is no such file, or one of a later version; 26 if it cannot be opened.
    """

    def __init__(self, path: str, ring: Callable[[set[int]], None]) -> None:
        self.path = path
        self._ring = ring
        self._process = os.getpid()
        self._closed = False
        self._lock = threading.Lock()  # of the two following
        self._waiting: list[_Request] = []
        self._led = False
        self._reading = threading.Lock()
        self._writing = threading.Lock()
        with self.failing("opened"):
            _make(path)
            self._writer = self._connect()
            try:
                self._prepare()
                self._reader = self._connect()
            except BaseException:
                self._writer.close()
                raise

    def _connect(self) -> sqlite3.Connection:
        return sqlite3.connect(
            self.path, timeout=0, isolation_level=None, check_same_thread=False, cached_statements=200
        )

    def _prepare(self) -> None:
        execute = self._writer.execute
        try:
            [version] = self._patiently("PRAGMA user_version").fetchone()
            if version == 0:
                self._patiently("PRAGMA journal_mode = WAL")
                self._patiently("BEGIN IMMEDIATE")
                [version] = execute("PRAGMA user_version").fetchone()  # another process may have been faster
                if version == 0:
                    for statement in SCHEMA.split("\n\n"):
                        execute(statement)
                    execute("INSERT INTO machine VALUES (?, 0)", (clock.boot(),))
                    execute(f"PRAGMA user_version = {VERSION}")
                    version = VERSION
                execute("COMMIT")
            for pragma in ("trusted_schema = OFF", "cell_size_check = ON", "synchronous = FULL"):
                execute(f"PRAGMA {pragma}")
        except sqlite3.OperationalError:
            raise
        except sqlite3.DatabaseError as error:
            message = f"{self.path} is no file of job queues: {error}"
            raise NeuroScriptError(ErrorCode.CONFIGURATION, message) from error
        if version != VERSION:
            message = f"{self.path} holds job queues of version {version}; this release reads version {VERSION}"
            raise NeuroScriptError(ErrorCode.CONFIGURATION, message)

    # --- reading --------------------------------------------------------------------------------------------------

    def read(self, operation: Callable[[Transaction], T]) -> T:
        """Runs what only reads, and sees one state of the file."""
        self.check_open()
        with self.failing("read"), self._reading:
            self.check_open()
            self._reader.execute("BEGIN")
            try:
                return operation(Transaction(self._reader))
            finally:
                if self._reader.in_transaction:
                    self._reader.execute("ROLLBACK")

    # --- writing --------------------------------------------------------------------------------------------------

    def write(self, operation: Callable[[Transaction], T], *, durable: bool) -> T:
        """Runs an operation that writes.

        Args:
            operation: the operation; if it raises, nothing of it happens.  It may be called again if the transaction
                of several failed.
            durable: whether it waits for the disk.

        Raises:
            NeuroScriptError: what the operation raised; 26 if the file cannot be written.
        """
        self.check_open()
        request = _Request(operation, durable)
        with self._lock:
            self._waiting.append(request)
            leads, self._led = not self._led, True
        try:
            if not leads:
                request.gate.acquire()
                leads = request.leads
            if leads:
                self._lead()
        except BaseException:  # an interrupt, in whatever line
            with self._lock:
                if request in self._waiting:
                    self._waiting.remove(request)
                leads = leads or request.leads
            if leads:
                self._pass_on()
            raise
        if leads:
            self._pass_on()
        if request.error is not None:
            raise request.error
        result: T = request.result
        return result

    def _lead(self) -> None:
        """Does what all threads that wait want."""
        with self._lock:
            batch, self._waiting = self._waiting, []
        topics: set[int] = set()
        try:
            with self.failing("written"), self._writing:
                topics = self._commit(batch)
        except Exception as error:
            for request in batch:
                request.error = request.error or error
        except BaseException:
            message = f"what was written to {self.path} was interrupted, and nothing of it happened; try again"
            for request in batch:
                request.error = request.error or NeuroScriptError(ErrorCode.IO_FAILED, message)
            raise
        finally:
            for request in batch:
                request.gate.release()
        if topics:
            self._ring(topics)

    def _pass_on(self) -> None:
        """Has a thread that has come meanwhile lead."""
        with self._lock:
            if self._waiting:
                following = self._waiting[0]
                following.leads = True
                following.gate.release()
            else:
                self._led = False

    def _commit(self, batch: list[_Request]) -> set[int]:
        self.check_open()
        execute = self._writer.execute
        durable = any(request.durable for request in batch)
        execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
        self._patiently("BEGIN IMMEDIATE")
        try:
            topics: set[int] = set()
            for request in batch:
                topics |= self._apply(request, alone=len(batch) == 1)
            execute("COMMIT")
        except BaseException:
            if self._writer.in_transaction:
                execute("ROLLBACK")
            raise
        return topics

    def _apply(self, request: _Request, alone: bool) -> set[int]:
        execute = self._writer.execute
        if not alone:
            execute("SAVEPOINT one")
        work = Transaction(self._writer)
        try:
            request.result = request.operation(work)
        except NeuroScriptError as error:
            if alone:
                raise
            request.error = error
            execute("ROLLBACK TO one")
            work.topics.clear()
        if not alone:
            execute("RELEASE one")
        return work.topics

    def _patiently(self, statement: str) -> sqlite3.Cursor:
        """Runs a statement that may find the file locked by another process, until it does not.

        SQLite's own waiting sleeps for up to a tenth of a second; most transactions take some milliseconds.
        """
        pause, began = 0.0002, time.monotonic()
        while True:
            try:
                return self._writer.execute(statement)
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() - began > _BUSY_SECONDS:
                    raise
            time.sleep(random.random() * pause)
            pause = min(pause * 1.5, _LONGEST_PAUSE)

    # --- its end --------------------------------------------------------------------------------------------------

    def close(self) -> None:
        """Closes the file, once what is being done in it is done."""
        if self._closed or self.is_of_another_process:
            return
        self._closed = True
        with self._reading:
            self._reader.close()
        with self._writing:
            self._writer.close()

    @property
    def is_of_another_process(self) -> bool:
        """Whether this process was forked from the one that opened it."""
        return os.getpid() != self._process

    def check_open(self) -> None:
        """Refuses to go on once it has been closed.

        Raises:
            NeuroScriptError: 19 if it has been closed, or was opened by another process.
        """
        if self._closed:
            raise NeuroScriptError(ErrorCode.PRECONDITION_FAILED, f"the job engine on {self.path} has been closed")
        if self.is_of_another_process:
            message = f"the job engine on {self.path} was opened by another process, of which this one was forked"
            raise NeuroScriptError(ErrorCode.PRECONDITION_FAILED, f"{message}; open one here")

    @contextmanager
    def failing(self, what: str) -> Iterator[None]:
        """Puts failures of the file into words."""
        try:
            yield
        except (OSError, sqlite3.Error) as error:
            message = f"the job queues in {self.path} cannot be {what}: {error}"
            raise NeuroScriptError(ErrorCode.IO_FAILED, message) from error


def _make(path: str) -> None:
    with _making:
        if not check_plain(path):
            with suppress(FileExistsError):  # another process was faster
                os.close(open_private(path, os.O_RDWR | os.O_CREAT | os.O_EXCL))
