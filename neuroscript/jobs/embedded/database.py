"""The file of an embedded engine: its transactions, and what waits for the disk."""

from __future__ import annotations

import errno
import os
import random
import sqlite3
import threading
import time
from contextlib import ExitStack, closing, contextmanager, suppress

from neuroscript.errors import ErrorCode, NeuroScriptError
from neuroscript.jobs.embedded import clock
from neuroscript.jobs.embedded.schema import SCHEMA, VERSION
from neuroscript.private_files import check_plain, open_private, sync_directory

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Final, TypeVar

    T = TypeVar("T")

FILE: Final = "jobs.sqlite3"
_BUSY_SECONDS: Final = 30.0
_LONGEST_PAUSE: Final = 0.005
_sync = getattr(os, "fdatasync", os.fsync)
_making = threading.Lock()
"""Held while a file is made: closing it would take the locks of this process's other connections to it."""


class Transaction:
    """What one operation does in the file; all of it happens, or nothing.

    Attributes:
        execute: runs a statement.
        now: the wall clock's time.
        machine: the machine's.
        topics: whose waiters are notified once it has happened.
    """

    __slots__ = ("execute", "machine", "now", "topics")

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.execute = connection.execute
        self.now = clock.wall()
        self.machine = clock.machine()
        self.topics: set[int] = set()


class Database:
    """The file.  Safe to use from many threads, and many processes at once.

    Waiting for the disk takes ten times as long as a transaction.  So SQLite does not wait for it at a commit, which
    would keep others from the file meanwhile; what has to survive a loss of power waits afterwards until SQLite's log
    is on the disk, and threads that wait together wait once.  The log keeps the order of the transactions: what is
    lost is always the last of them.

    Args:
        path: the file, which is made if it is missing.
        notify: called with the topics of a transaction that has been committed.

    Raises:
        NeuroScriptError: 18 if what is there is no such file, or one of a later version; 26 if it cannot be opened.
    """

    def __init__(self, path: str, notify: Callable[[set[int]], None]) -> None:
        self.path = path
        self._notify = notify
        self._process = os.getpid()
        self._closed = False
        self._reading = threading.Lock()
        self._writing = threading.Lock()
        self._syncing = threading.Lock()
        self._written = self._synced = 0  # transactions
        with self.failing("opened"):
            _make(path)
            self._identity = os.stat(path)
            with ExitStack() as opened:
                self._writer = opened.enter_context(closing(self._connect(0.0)))
                self._prepare()
                self._reader = opened.enter_context(closing(self._connect(_BUSY_SECONDS)))
                self._reader.execute("SELECT 1 FROM machine")  # which makes SQLite's log, if there is none
                log = open_private(f"{path}-wal", os.O_RDWR)
                self._log = opened.enter_context(open(log, "rb", buffering=0))
                self._opened = opened.pop_all()

    def _connect(self, timeout: float) -> sqlite3.Connection:
        return sqlite3.connect(
            self.path, timeout=timeout, isolation_level=None, check_same_thread=False, cached_statements=200
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
                    if execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone():
                        raise sqlite3.DatabaseError("it holds other tables")
                    for statement in SCHEMA.split("\n\n"):
                        execute(statement)
                    execute("INSERT INTO machine VALUES (?, 0)", (clock.boot(),))
                    execute(f"PRAGMA user_version = {VERSION}")
                    version = VERSION
                execute("COMMIT")
            for pragma in ("trusted_schema = OFF", "cell_size_check = ON", "synchronous = NORMAL"):
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
            with _rolling_back(self._reader):
                self._reader.execute("BEGIN")
                return operation(Transaction(self._reader))

    # --- writing --------------------------------------------------------------------------------------------------

    def write(self, operation: Callable[[Transaction], T], *, durable: bool) -> T:
        """Runs an operation that writes, and notifies who waits for what it changed.

        Args:
            operation: the operation; if it raises, nothing of it happens.
            durable: whether it is to survive a loss of power; so does then what was read in it.

        Raises:
            NeuroScriptError: what the operation raised; 26 if the file cannot be written.
        """
        with self.failing("written"):
            with self._writing:
                self.check_open()
                self._check_there()
                with _rolling_back(self._writer):
                    self._patiently("BEGIN IMMEDIATE")
                    work = Transaction(self._writer)
                    result = operation(work)
                    self._writer.execute("COMMIT")
                self._written += 1
                written = self._written
            try:
                if durable:
                    self._sync(written)
            finally:
                if work.topics:
                    self._notify(work.topics)
        return result

    def _sync(self, written: int) -> None:
        """Waits until so many transactions of this process are on the disk."""
        with self._syncing:
            if self._synced < written:
                self.check_open()
                written = self._written
                _sync(self._log.fileno())
                self._synced = written

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
        with self._reading, self._writing, self._syncing:
            self._opened.close()

    def _check_there(self) -> None:
        """Refuses to write into a file that others no longer find, so that what is written would be lost."""
        try:
            if os.path.samestat(os.stat(self.path), self._identity):
                return
        except FileNotFoundError:
            pass
        raise FileNotFoundError(errno.ENOENT, "it was removed or replaced while it was open; open the queues anew")

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


@contextmanager
def _rolling_back(connection: sqlite3.Connection) -> Iterator[None]:
    """Ends a transaction that was not committed, even one that an interrupt left behind the last time."""
    if connection.in_transaction:
        connection.execute("ROLLBACK")
    try:
        yield
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")


def _make(path: str) -> None:
    with _making:
        if not check_plain(path):
            with suppress(FileExistsError):  # another process was faster
                os.close(open_private(path, os.O_RDWR | os.O_CREAT | os.O_EXCL))
                sync_directory(os.path.dirname(path))
