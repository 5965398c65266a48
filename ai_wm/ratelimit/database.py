"""The SQLite file of the counters: its schema, its transactions, and its failures in words.

The file is in WAL mode with ``synchronous=NORMAL``: a committed transaction is in the system's cache and survives the
death of any process, and the file stays valid when the machine loses power.  What a loss of power may take are the
counters of the last moments, in which the calls that they counted may have been lost as well.  Waiting for the disk at
every reservation would cost a hundred times as much and protect nothing more.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import random
import sqlite3
import time
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from threading import Lock
from typing import Protocol, TypeVar
from weakref import WeakSet

from ai_wm.ratelimit.schema import SCHEMA_VERSION, is_ours, upgrade
from neuroscript import ErrorCode, NeuroScriptError
from neuroscript.private_files import NotAPlainFileError, check_plain, make_private_directory, open_private

T = TypeVar("T")

PAGE_BYTES = 1024

BUSY_SECONDS = 30.0
"""How long to wait for a file that another program has locked."""

_ANEW = (
    "stop the programs that use it and delete it with its -wal and -shm files: the counters of the last day then start "
    "anew"
)

_making = Lock()
"""Held while a file is made, so that no connection of this process has it open: closing it would take its locks."""


class FileBusyError(Exception):
    """Another program has the file locked; nothing was done."""


class WriteBehind(Protocol):
    """What is written a moment later than it happened, and before anything else that the file is used for."""

    def take(self, touching: Collection[str] | None) -> bool:
        """Prepare to write, with the lock of the database held; whether there is anything.

        Args:
            touching: the ids of the definitions whose sums may be changed next; None: any.
        """

    def write(self, connection: sqlite3.Connection) -> None:
        """Write it, inside a transaction."""

    def written(self) -> None:
        """Note that the transaction is committed."""


class Database:
    """One connection to the file, which all threads of this process use in turn.  It is opened when first needed.

    ``with database.transaction() as connection`` is one write transaction: committed at the end of the block unless the
    block rolled it back itself, rolled back if it raises.  What finds the file locked is tried again for `BUSY_SECONDS`
    (`patiently`), and meanwhile keeps nobody else from the connection.
    Failures of the file become `NeuroScriptError`: 18 where it is not ours or damaged, 23 where it is no regular file,
    26 where it cannot be read or written, stays locked, or is not there any more.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.lock = Lock()
        self.behind: WriteBehind | None = None
        """What is to be written before the file is used."""
        self._connection: sqlite3.Connection | None = None
        self._identity: _Identity | None = None
        self._generation = ""
        self._lost = ""
        _databases.add(self)

    @property
    def exists(self) -> bool:
        """Whether there is a file to read."""
        return self._connection is not None or self.path.exists()

    @property
    def is_empty(self) -> bool:
        """Whether nothing was ever written to the file, or somebody emptied it."""
        try:
            return self._connection is None and self.path.stat().st_size == 0
        except FileNotFoundError:
            return True
        except OSError as error:
            raise self.explained(error) from error

    @contextlib.contextmanager
    def transaction(
        self,
        *,
        tries: int = 0,
        check: Callable[[], None] | None = None,
        touching: Collection[str] | None = None,
    ) -> Iterator[sqlite3.Connection]:
        """A write transaction, to be entered by ``with``.

        Args:
            touching: the ids of the definitions whose sums it may change; None: any.
            tries: as for `patiently`.
            check: as for `patiently`.
        """
        pauses = self._pauses(tries, check)
        while True:
            # Both are left however the block ends, by no code of Python's that an interrupt could keep from it; and a
            # generator ends its blocks where the ``with`` of the caller is interrupted before it is entered.
            try:
                with self.lock:
                    self.check_there(thoroughly=True)
                    connection = self._connection or self._open()
                    with connection:
                        if self._begins(connection):
                            if self.behind is not None and self.behind.take(touching):
                                self.behind.write(connection)
                            yield connection
                            self.commit(connection)
                            return
            except (sqlite3.Error, OSError) as error:
                failure = self._busy_or(error)
                if not isinstance(failure, FileBusyError):
                    raise failure from error
            next(pauses)

    def _begins(self, connection: sqlite3.Connection) -> bool:
        try:
            connection.execute("BEGIN IMMEDIATE")
        except sqlite3.Error as error:
            if not isinstance(self._busy_or(error), FileBusyError):
                raise
            return False
        return True

    def commit(self, connection: sqlite3.Connection, then: Callable[[], None] | None = None) -> None:
        """Commit the transaction of this thread, unless it is over.

        Args:
            connection: the transaction's.
            then: called once the transaction is committed, even if an interrupt comes; twice, perhaps, if it comes
                meanwhile.
        """
        if not connection.in_transaction:
            return
        try:
            # Where the file system allows no WAL, whoever reads the file keeps it from being committed.
            self.patiently(lambda: self._run(lambda: connection.execute("COMMIT")))
            if self.behind is not None:
                self.behind.written()
            if then is not None:
                then()
        except Exception:
            raise
        except BaseException:  # raised again, once it is said what was done
            if then is not None and not connection.in_transaction:
                then()
            raise

    def directly(self, statement: Callable[[sqlite3.Connection], T]) -> T:
        """Run one statement that is a transaction by itself, whatever is to be written before others.

        Raises:
            FileBusyError: if another program has the file locked.
            NeuroScriptError: 18 or 26, as the class says.
        """
        with self.lock:
            return self._run(lambda: statement(self._connection or self._open()))

    def autocommit(
        self,
        statement: Callable[[sqlite3.Connection], T],
        *,
        tries: int = 0,
        touching: Collection[str] | None = None,
    ) -> T:
        """Run one statement that is a transaction by itself, or in one with what is to be written before it.

        Args:
            statement: runs it, to its end.
            tries: as for `patiently`.
            touching: as for `transaction`.

        Returns:
            what ``statement`` returned.

        Raises:
            NeuroScriptError: 18 or 26, as the class says.
        """

        def attempt() -> T:
            with self.lock:
                if self.behind is None or not self.behind.take(touching):
                    return self._run(lambda: statement(self._connection or self._open()))
            with self.transaction(tries=tries, touching=touching) as connection:
                return statement(connection)

        return self.patiently(attempt, tries=tries)

    def patiently(self, action: Callable[[], T], check: Callable[[], None] | None = None, *, tries: int = 0) -> T:
        """Run something that may find the file locked; again while another program has it locked.

        SQLite's own waiting sleeps for whole milliseconds, up to a hundred of them; a transaction here takes less than
        a tenth of one.  The pauses are random, so that no process waits in step with another.

        Args:
            action: raises `FileBusyError` if it did nothing since the file is locked.
            check: called before each pause; raises to end the waiting.
            tries: after so many that is raised; 0: it is tried for `BUSY_SECONDS`.

        Raises:
            NeuroScriptError: 26 if the file stays locked.
        """
        pauses = self._pauses(tries, check)
        while True:
            try:
                return action()
            except FileBusyError:
                next(pauses)

    def _pauses(self, tries: int, check: Callable[[], None] | None) -> Iterator[None]:
        """The pauses between the attempts of `patiently`; raises after the last."""
        pause, began = 0.0002, time.monotonic()
        for made in itertools.count(1):
            if made == tries:
                raise FileBusyError
            if not tries and (waited := time.monotonic() - began) > BUSY_SECONDS:
                raise self._still_locked(waited)
            if check is not None:
                check()
            time.sleep(random.random() * pause)
            pause = min(pause * 1.5, 0.005)
            yield

    def check_there(self, *, thoroughly: bool = False) -> None:
        """Refuse to go on with a file that is not the one that was opened.

        Args:
            thoroughly: whether to look at the files beside it too.

        Raises:
            NeuroScriptError: 26.
        """
        identity = self._identity
        if identity is not None and not self._lost:
            self._lost = identity.lost(thoroughly)
        if self._lost:
            raise self._not_there()

    def _run(self, statement: Callable[[], T]) -> T:
        try:
            return statement()
        except (sqlite3.Error, OSError) as error:
            raise self._busy_or(error) from error

    def _busy_or(self, error: sqlite3.Error | OSError) -> Exception:
        """What to raise for a failure: that the file is locked, or the failure in words."""
        if getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_BUSY:
            return FileBusyError()
        return self.explained(error)

    def close(self) -> None:
        """Close the connection.  May be called twice; the next transaction opens it again."""
        with self.lock:
            self._disconnect()

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        self._identity = None  # once it is opened again, it is known by what is in it
        if connection is not None:
            connection.close()

    def _open(self) -> sqlite3.Connection:
        if self._lost:
            raise self._not_there()
        connection = self._connect()
        try:
            # What is in the file may have come from anywhere.
            connection.execute("PRAGMA trusted_schema=OFF")
            connection.execute("PRAGMA cell_size_check=ON")
            # Only a new file takes it.  A transaction writes whole pages with their checksums: with small ones, a
            # reservation and its end take 28 µs instead of 39.
            connection.execute(f"PRAGMA page_size={PAGE_BYTES}")
            connection.execute("PRAGMA journal_mode=WAL").fetchone()
            connection.execute("PRAGMA synchronous=NORMAL")
            self._prepare(connection)
            generation = str(connection.execute("SELECT MIN(generation) FROM file").fetchone()[0])
            if self._generation not in ("", generation):
                self._lost = "was replaced by another"
                raise self._not_there()
            self._identity, self._generation = _Identity(self.path), generation
        except BaseException:  # whatever it is, it goes on; only the connection must not stay open
            connection.close()
            raise
        self._connection = connection
        return connection

    def _connect(self) -> sqlite3.Connection:
        """Connect to the file, which nobody but the user may read, and which SQLite would follow links to.

        SQLite gives the files beside it the same permissions, and follows no link to them.
        """
        make_private_directory(self.path.parent)
        with _making:
            if not check_plain(self.path):
                flags = os.O_RDWR | os.O_CREAT | os.O_EXCL
                with contextlib.suppress(FileExistsError):  # another process was faster
                    os.close(open_private(self.path, flags))
            return sqlite3.connect(self.path, timeout=0, isolation_level=None, check_same_thread=False)

    def _prepare(self, connection: sqlite3.Connection) -> None:
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        if version > SCHEMA_VERSION:
            message = f"{self.path} was written by a newer version of this program; update this one"
            raise NeuroScriptError(ErrorCode.CONFIGURATION, message)
        if version == SCHEMA_VERSION:
            ours = is_ours(connection)
        else:
            connection.execute("BEGIN IMMEDIATE")
            ours = upgrade(connection)
            if ours:
                connection.execute("COMMIT")
        if not ours:
            message = (
                f"{self.path}, which counts what the workers use, holds tables or triggers that this program did not "
                f"make; {_ANEW}"
            )
            raise NeuroScriptError(ErrorCode.CONFIGURATION, message)

    def _not_there(self) -> NeuroScriptError:
        message = (
            f"{self.path}, which counts what the workers use, {self._lost} while this program used it, so it cannot "
            "be known what is left of the limits; stop the programs that use it and start them again, and remove the "
            "file only while none of them runs"
        )
        return NeuroScriptError(ErrorCode.IO_FAILED, message)

    def _still_locked(self, waited: float) -> NeuroScriptError:
        message = (
            f"{self.path}, which counts what the workers use, is locked by another program, and still was after "
            f"{waited:.1f} s; find the program that has it open (on Linux and macOS `lsof` lists it), let it finish "
            f"or end it, and try again"
        )
        return NeuroScriptError(ErrorCode.IO_FAILED, message)

    def explained(self, error: sqlite3.Error | OSError) -> NeuroScriptError:
        if isinstance(error, NotAPlainFileError):
            message = (
                f"{error.filename}, which counts what the workers use, cannot be opened: {error.strerror}; remove it, "
                "or put the real one in its place"
            )
            return NeuroScriptError(ErrorCode.PATH_TYPE_MISMATCH, message)
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if code in (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT):
            message = f"{self.path}, which counts what the workers use, is damaged ({error}); {_ANEW}"
            return NeuroScriptError(ErrorCode.CONFIGURATION, message)
        advice = {
            sqlite3.SQLITE_FULL: "make room on the disk",
            sqlite3.SQLITE_READONLY: "it and its directory must be writable",
            sqlite3.SQLITE_CANTOPEN: "its directory must exist and be writable",
            sqlite3.SQLITE_BUSY: "another program has it locked; try again when that is done with it",
        }.get(code, "check the disk that it is on")
        message = f"{self.path}, which counts what the workers use, cannot be read or written ({error}); {advice}"
        return NeuroScriptError(ErrorCode.IO_FAILED, message)


class _Identity:
    """Which file a path led to when it was opened, and whether it still does."""

    __slots__ = ("_beside", "_file", "_path", "_size")

    def __init__(self, path: Path) -> None:
        self._path = str(path)
        found = os.stat(path)
        self._file = (found.st_ino, found.st_dev)
        self._size = found.st_size
        self._beside = (0, 0)  # the file that holds what was written last
        with contextlib.suppress(FileNotFoundError):
            beside = os.stat(f"{path}-wal")
            self._beside = (beside.st_ino, beside.st_dev)

    def lost(self, thoroughly: bool) -> str:
        """What became of the file, if it is not the same any more."""
        known = self._size  # read before the file is looked at: other threads do so too
        try:
            found = os.stat(self._path)
            if (found.st_ino, found.st_dev) != self._file:
                return "was replaced by another"
            if found.st_size < known:
                return "was cut short"
            self._size = found.st_size
            if thoroughly and self._beside != (0, 0):
                beside = os.stat(f"{self._path}-wal")
                if (beside.st_ino, beside.st_dev) != self._beside:
                    return "was replaced by another"
        except FileNotFoundError:
            return "was removed"
        return ""


# An open SQLite connection must not cross a fork.  All are closed before one and opened again when next needed.
_databases: WeakSet[Database] = WeakSet()
_held: list[Database] = []


def _before_fork() -> None:
    for database in list(_databases):
        database.lock.acquire()
        _held.append(database)
        database._disconnect()


def _after_fork() -> None:
    while _held:
        _held.pop().lock.release()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_parent=_after_fork, after_in_child=_after_fork)
