"""The SQLite file of the counters: its schema, its transactions, and its failures in words.

The file is in WAL mode with ``synchronous=NORMAL``: a committed transaction is in the system's cache and survives the
death of any process, and the file stays valid when the machine loses power.  What a loss of power may take are the
counters of the last moments, in which the calls that they counted may have been lost as well.  Waiting for the disk at
every reservation would cost a hundred times as much and protect nothing more.
"""

from __future__ import annotations

import contextlib
import os
import random
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import TypeVar
from weakref import WeakSet

from neuroscript import ErrorCode, NeuroScriptError
from neuroscript.private_files import NotAPlainFileError, check_plain, make_private_directory, open_private

T = TypeVar("T")

SCHEMA_VERSION = 2
PAGE_BYTES = 1024

BUSY_SECONDS = 30.0
"""How long to wait for a file that another program has locked."""

# ``entries``: one row a call, in the order in which they leave the windows; ``holder`` is whose call it is while it is
# in flight, else 0, and ``sequence`` tells calls of one moment from each other.  ``buckets``: calls of definitions
# without a limit by the day, one row a minute, ``stamp`` its end.  ``definitions``: the sums over the windows.  A row
# is in the minute's sums if its stamp is above ``minute_edge``, in the day's if above ``day_edge``.  Times are in
# microseconds, costs in billionths.
#
# Triggers count a call that is added, replace what it reserved by what it used when it ends, and take back one that is
# deleted while it is in flight; out of a window, only what a call still held of it is taken back.  So each of these is
# one statement.  Every page that a transaction changes costs it two writes, so there is no index: who looks for the
# calls of a holder goes through those of the definitions with calls in flight.  Version 1 had an index and no triggers.
_SCHEMA = """
CREATE TABLE IF NOT EXISTS definitions(
  key INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE,
  clock_offset INTEGER NOT NULL DEFAULT 0, now INTEGER NOT NULL DEFAULT 0,
  exact INTEGER NOT NULL DEFAULT 0, minute_edge INTEGER NOT NULL DEFAULT -4611686018427387904,
  day_edge INTEGER NOT NULL DEFAULT -4611686018427387904,
  minute_requests INTEGER NOT NULL DEFAULT 0, minute_tokens INTEGER NOT NULL DEFAULT 0,
  day_requests INTEGER NOT NULL DEFAULT 0, day_tokens INTEGER NOT NULL DEFAULT 0, day_cost INTEGER NOT NULL DEFAULT 0,
  in_flight INTEGER NOT NULL DEFAULT 0);
CREATE TABLE IF NOT EXISTS entries(
  definition INTEGER NOT NULL, stamp INTEGER NOT NULL, sequence INTEGER NOT NULL,
  tokens INTEGER NOT NULL, cost INTEGER NOT NULL, holder INTEGER NOT NULL,
  PRIMARY KEY(definition, stamp, sequence)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS buckets(
  definition INTEGER NOT NULL, stamp INTEGER NOT NULL,
  requests INTEGER NOT NULL, tokens INTEGER NOT NULL, cost INTEGER NOT NULL,
  PRIMARY KEY(definition, stamp)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS slots(
  definition INTEGER NOT NULL, instance TEXT NOT NULL, holder INTEGER NOT NULL,
  PRIMARY KEY(definition, instance)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS holders(id INTEGER PRIMARY KEY AUTOINCREMENT, lease TEXT NOT NULL UNIQUE);
DROP INDEX IF EXISTS held
"""
_TRIGGERS = (
    """
    CREATE TRIGGER IF NOT EXISTS added AFTER INSERT ON entries BEGIN
      UPDATE definitions SET now = new.stamp,
        minute_requests = minute_requests + 1, minute_tokens = minute_tokens + new.tokens,
        day_requests = day_requests + 1, day_tokens = day_tokens + new.tokens, day_cost = day_cost + new.cost,
        in_flight = in_flight + 1
      WHERE key = new.definition;
    END
    """,
    """
    CREATE TRIGGER IF NOT EXISTS ended AFTER UPDATE OF holder ON entries WHEN old.holder > 0 BEGIN
      UPDATE definitions SET in_flight = in_flight - 1,
        minute_tokens = minute_tokens - old.tokens + CASE WHEN new.stamp > minute_edge THEN new.tokens ELSE 0 END,
        day_tokens = day_tokens - old.tokens + CASE WHEN new.stamp > day_edge THEN new.tokens ELSE 0 END,
        day_cost = day_cost - old.cost + CASE WHEN new.stamp > day_edge THEN new.cost ELSE 0 END
      WHERE key = new.definition;
    END
    """,
    """
    CREATE TRIGGER IF NOT EXISTS taken_back AFTER DELETE ON entries WHEN old.holder > 0 BEGIN
      UPDATE definitions SET in_flight = in_flight - 1,
        minute_requests = minute_requests - (old.stamp > minute_edge), minute_tokens = minute_tokens - old.tokens,
        day_requests = day_requests - (old.stamp > day_edge), day_tokens = day_tokens - old.tokens,
        day_cost = day_cost - old.cost
      WHERE key = old.definition;
    END
    """,
)


def _plain_text(sql: str) -> str:
    """The text of a statement as SQLite keeps it, all blanks alike."""
    return " ".join(sql.replace("IF NOT EXISTS", "").split())


_MADE = [_plain_text(each) for each in (*_SCHEMA.split(";"), *_TRIGGERS) if "CREATE" in each]
_SEQUENCE = "CREATE TABLE sqlite_sequence(name,seq)"
"""What SQLite makes itself where a table numbers its rows."""
_ALLOWED = [
    sorted([_SEQUENCE, *made])
    # The second is what version 1 left: it had a column more.
    for made in (_MADE, [each.replace(" exact ", " sequence INTEGER NOT NULL DEFAULT 0, exact ") for each in _MADE])
]
_ANEW = (
    "stop the programs that use it and delete it with its -wal and -shm files: the counters of the last day then start "
    "anew"
)

_making = Lock()
"""Held while a file is made, so that no connection of this process has it open: closing it would take its locks."""


class Database:
    """One connection to the file, which all threads of this process use in turn.  It is opened when first needed.

    ``with database as connection`` is one write transaction: committed at the end of the block unless the block rolled
    it back itself, rolled back if it raises.  Whatever finds the file locked is tried again for `BUSY_SECONDS`.
    Failures of the file become `NeuroScriptError`: 18 where it is not ours or damaged, 23 where it is no regular file,
    26 where it cannot be read or written or stays locked.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.lock = Lock()
        self._connection: sqlite3.Connection | None = None
        _databases.add(self)

    @property
    def exists(self) -> bool:
        """Whether there is a file to read."""
        return self._connection is not None or self.path.exists()

    def __enter__(self) -> sqlite3.Connection:
        self.lock.acquire()
        try:
            return self._patiently(self._begin)
        except BaseException as error:  # whatever it is, it goes on; only nothing must stay locked
            if self._connection is not None:
                self._connection.rollback()
            self.lock.release()
            if isinstance(error, sqlite3.Error | OSError):
                raise self.explained(error) from error
            raise

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        connection = self._connection
        assert connection is not None
        try:
            if connection.in_transaction:
                # Where the file system allows no WAL, whoever reads the file keeps a transaction from being committed.
                self._patiently(lambda: connection.execute("COMMIT" if error is None else "ROLLBACK"))
        except BaseException as failure:  # whatever it is, it goes on; only no transaction must stay open
            connection.rollback()
            if isinstance(failure, sqlite3.Error):
                raise self.explained(failure) from failure
            raise
        finally:
            self.lock.release()
        if isinstance(error, sqlite3.Error | OSError):
            raise self.explained(error) from error

    def autocommit(self, statement: Callable[[sqlite3.Connection], T]) -> T:
        """Run one statement that is a transaction by itself.

        Args:
            statement: runs it, to its end.

        Returns:
            what ``statement`` returned.

        Raises:
            NeuroScriptError: 18 or 26, as the class says.
        """
        with self.lock:
            try:
                return self._patiently(lambda: statement(self._connection or self._open()))
            except (sqlite3.Error, OSError) as error:
                raise self.explained(error) from error

    def close(self) -> None:
        """Close the connection.  May be called twice; the next transaction opens it again."""
        with self.lock:
            self._disconnect()

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _open(self) -> sqlite3.Connection:
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
        if version == SCHEMA_VERSION:
            self._check(connection)
            return
        if version > SCHEMA_VERSION:
            message = f"{self.path} was written by a newer version of this program; update this one"
            raise NeuroScriptError(ErrorCode.CONFIGURATION, message)
        connection.execute("BEGIN IMMEDIATE")
        for statement in (*_SCHEMA.split(";"), *_TRIGGERS):
            connection.execute(statement)
        connection.execute(f"PRAGMA user_version={SCHEMA_VERSION}")
        self._check(connection)
        connection.execute("COMMIT")

    def _check(self, connection: sqlite3.Connection) -> None:
        """Refuse a file whose tables and triggers are not those that this program makes, since they would not count."""
        rows = connection.execute("SELECT sql, rootpage FROM sqlite_master").fetchall()
        found = [_plain_text(sql) for sql, _ in rows if sql is not None]
        pages = [page for _, page in rows if page]
        if sorted(found) not in _ALLOWED or len(pages) != len(set(pages)):
            message = (
                f"{self.path}, which counts what the workers use, holds tables or triggers that this program did not "
                f"make; {_ANEW}"
            )
            raise NeuroScriptError(ErrorCode.CONFIGURATION, message)

    def _begin(self) -> sqlite3.Connection:
        connection = self._connection or self._open()
        connection.execute("BEGIN IMMEDIATE")
        return connection

    def _patiently(self, action: Callable[[], T]) -> T:
        """Run something that finds the file locked at most at its beginning; again while another program has it locked.

        SQLite's own waiting sleeps for whole milliseconds, up to a hundred of them; a transaction here takes less than
        a tenth of one.  The pauses are random, so that no process waits in step with another.

        Raises:
            NeuroScriptError: 26 if the file stays locked.
        """
        pause, began = 0.0002, time.monotonic()
        while True:
            try:
                return action()
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
                    raise
                waited = time.monotonic() - began
                if waited > BUSY_SECONDS:
                    raise self._still_locked(waited) from error
            time.sleep(random.random() * pause)
            pause = min(pause * 1.5, 0.005)

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
