"""The journal in a file of SQLite, for the processes of one machine."""

from __future__ import annotations

import hashlib
import os
import socket
import sqlite3
import threading
import time
from pathlib import Path as FilePath

from filelock import FileLock, Timeout

from neuroscript.errors import ErrorCode, NeuroScriptError
from neuroscript.journal.entries import (
    FORMAT,
    RETURNED,
    RUNNING,
    Entry,
    Header,
    Path,
    RunInfo,
    path_text,
    read_path,
)
from neuroscript.journal.store import JournalStore
from neuroscript.private_files import make_private_directory, open_private

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any, Final

FILE: Final = "journal.sqlite3"
LOCKS: Final = "journal-locks"
_BUSY_SECONDS: Final = 30.0
_SCHEMA: Final = """
CREATE TABLE runs (
    run_id TEXT PRIMARY KEY, procedure TEXT, arguments TEXT, globals TEXT, program TEXT, seed TEXT, versions TEXT,
    state TEXT, fence INTEGER, owner TEXT, since REAL, result TEXT, why TEXT, started REAL, ended REAL
) WITHOUT ROWID;
CREATE TABLE entries (
    run_id TEXT, path TEXT, number INTEGER, tool TEXT, arguments TEXT, effect TEXT, state TEXT, result TEXT, note TEXT,
    payload TEXT, applied INTEGER, begun REAL, ended REAL, PRIMARY KEY (run_id, path)
) WITHOUT ROWID;
CREATE INDEX unapplied ON entries (run_id) WHERE applied = 0 AND payload != '';
"""
_RUN: Final = (
    "run_id, procedure, arguments, globals, program, seed, versions, state, fence, owner, since, result, why, started, "
    "ended, (SELECT count(*) FROM entries WHERE entries.run_id = runs.run_id)"
)
_ENTRY: Final = "path, tool, arguments, effect, state, result, note, payload, applied, begun, ended"


class Journal(JournalStore):
    """A journal in a directory.  Safe to use from many threads and processes.

    What is written between two durable writes is kept in memory and goes with the next one, so that what a crash
    loses is a tail.

    Args:
        directory: where its files are; it is made if it is missing.
    """

    def __init__(self, directory: str | os.PathLike[str]) -> None:
        self._directory = FilePath(directory)
        self._lock = threading.RLock()
        self._pending: list[tuple[str, tuple[Any, ...]]] = []
        self._numbers: dict[str, int] = {}
        self._owned: dict[str, FileLock] = {}
        try:
            make_private_directory(self._directory)
            make_private_directory(self._directory / LOCKS)
            path = self._directory / FILE
            os.close(open_private(path, os.O_RDWR | os.O_CREAT))
            self._database = sqlite3.connect(
                path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False, cached_statements=64
            )
        except (OSError, sqlite3.Error) as error:
            raise NeuroScriptError(
                ErrorCode.IO_FAILED, f"the journal in {directory} cannot be opened: {error}"
            ) from error
        self._database.execute("PRAGMA journal_mode = WAL")
        self._database.execute("PRAGMA synchronous = FULL")
        self._prepare()

    @classmethod
    def open(cls, directory: str | os.PathLike[str]) -> Journal:
        """Opens the journal in a directory, which is made if it is missing.

        Raises:
            NeuroScriptError: 18 if what is there is no journal, or one of a later version; 26 if it cannot be opened.
        """
        return cls(directory)

    def _prepare(self) -> None:
        try:
            self._database.execute("BEGIN IMMEDIATE")
            [version] = self._database.execute("PRAGMA user_version").fetchone()
            if version == 0:
                for statement in _SCHEMA.split(";"):
                    self._database.execute(statement)
                self._database.execute(f"PRAGMA user_version = {FORMAT}")
            self._database.execute("COMMIT")
        except sqlite3.DatabaseError as error:
            self._database.close()
            message = f"{self._directory / FILE} is no journal: {error}"
            raise NeuroScriptError(ErrorCode.CONFIGURATION, message) from error
        if version not in (0, FORMAT):
            self._database.close()
            message = f"{self._directory / FILE} has version {version}; this release reads version {FORMAT}"
            raise NeuroScriptError(ErrorCode.CONFIGURATION, message)

    # --- runs -----------------------------------------------------------------------------------------------------

    def claim(self, run_id: str, header: Header, *, other_program: bool = False) -> RunInfo:
        with self._lock:
            self._hold(run_id)
            try:
                return self._claimed(run_id, header, other_program)
            except BaseException:
                self.release(run_id)
                raise

    def _claimed(self, run_id: str, header: Header, other_program: bool) -> RunInfo:
        found = self._find(run_id)
        owner, now = f"process {os.getpid()} on {socket.gethostname()}", time.time()
        if found is None:
            fields = (header.procedure, header.arguments, header.globals_, header.program, header.seed, header.versions)
            self._write(
                f"INSERT INTO runs VALUES ({', '.join('?' * 15)})",
                (run_id, *fields, RUNNING, 1, owner, now, "", "", now, 0.0),
            )
            self._commit()
            self._numbers[run_id] = 0
            return self.run(run_id)
        _check_same(run_id, found.header, header, other_program)
        if found.state != RETURNED:
            self._write(
                "UPDATE runs SET state = ?, fence = fence + 1, owner = ?, since = ?, program = ? WHERE run_id = ?",
                (RUNNING, owner, now, header.program, run_id),
            )
            self._commit()
        self._numbers[run_id] = found.entries
        return self.run(run_id)

    def _hold(self, run_id: str) -> None:
        """Locks a run for this process; the system lets go of it however the process ends."""
        name = hashlib.blake2b(run_id.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
        lock = FileLock(self._directory / LOCKS / name, mode=0o600)
        try:
            if run_id in self._owned:
                raise Timeout(lock.lock_file)
            lock.acquire(timeout=0)
        except Timeout:
            found = self._find(run_id)
            by = f" by {found.owner}, since {_moment(found.since)}" if found is not None else ""
            message = f"the run {run_id!r} is going on already{by}"
            raise NeuroScriptError(ErrorCode.PRECONDITION_FAILED, message) from None
        self._owned[run_id] = lock

    def release(self, run_id: str) -> None:
        with self._lock:
            lock = self._owned.pop(run_id, None)
            if lock is not None:
                lock.release()

    def finish(self, run_id: str, fence: int, state: str, result: str, why: str) -> None:
        with self._lock:
            self._write(
                "UPDATE runs SET state = ?, result = ?, why = ?, ended = ? WHERE run_id = ? AND fence = ?",
                (state, result, why, time.time(), run_id, fence),
            )
            self._commit(run_id, fence)

    def runs(self) -> list[RunInfo]:
        with self._lock:
            rows = self._database.execute(f"SELECT {_RUN} FROM runs ORDER BY since DESC, run_id").fetchall()
        return [_run(row) for row in rows]

    def run(self, run_id: str) -> RunInfo:
        with self._lock:
            found = self._find(run_id)
        if found is None:
            raise NeuroScriptError(ErrorCode.KEY_NOT_FOUND, f"there is no run {run_id!r} in the journal")
        return found

    def _find(self, run_id: str) -> RunInfo | None:
        row = self._database.execute(f"SELECT {_RUN} FROM runs WHERE run_id = ?", (run_id,)).fetchone()
        return _run(row) if row is not None else None

    # --- entries --------------------------------------------------------------------------------------------------

    def entries(self, run_id: str) -> list[Entry]:
        with self._lock:
            rows = self._database.execute(
                f"SELECT {_ENTRY} FROM entries WHERE run_id = ? ORDER BY number", (run_id,)
            ).fetchall()
        return [_entry(row) for row in rows]

    def begin(self, run_id: str, fence: int, entry: Entry) -> None:
        with self._lock:
            self._put(run_id, entry)
            self._commit(run_id, fence)

    def end(self, run_id: str, fence: int, entry: Entry, *, durable: bool) -> None:
        with self._lock:
            self._put(run_id, entry)
            if durable:
                self._commit(run_id, fence)

    def _put(self, run_id: str, entry: Entry) -> None:
        number = self._numbers[run_id] = self._numbers.get(run_id, 0) + 1
        self._write(
            f"INSERT INTO entries VALUES ({', '.join('?' * 13)}) ON CONFLICT DO UPDATE SET "
            "arguments = excluded.arguments, state = excluded.state, result = excluded.result, note = excluded.note, "
            "payload = excluded.payload, applied = excluded.applied, begun = excluded.begun, ended = excluded.ended",
            (
                *(run_id, path_text(entry.path), number, entry.tool, entry.arguments, entry.effect, entry.state),
                *(entry.result, entry.note, entry.payload, int(entry.applied), entry.begun, entry.ended),
            ),
        )

    def decide(self, run_id: str, path: Path, entry: Entry | None) -> None:
        with self._lock:
            self._hold(run_id)
            try:
                where = (run_id, path_text(path))
                known = self._database.execute("SELECT 1 FROM entries WHERE run_id = ? AND path = ?", where).fetchone()
                if known is None:
                    message = f"the run {run_id!r} has no call {path_text(path)}"
                    raise NeuroScriptError(ErrorCode.KEY_NOT_FOUND, message)
                if entry is None:
                    self._write("DELETE FROM entries WHERE run_id = ? AND path = ?", where)
                else:
                    self._put(run_id, entry)
                self._commit()
            finally:
                self.release(run_id)

    def forget(self, run_id: str, paths: list[Path]) -> None:
        with self._lock:
            for path in paths:
                self._write("DELETE FROM entries WHERE run_id = ? AND path = ?", (run_id, path_text(path)))

    def unapplied(self) -> Iterator[tuple[str, Entry]]:
        with self._lock:
            rows = self._database.execute(
                f"SELECT run_id, {_ENTRY} FROM entries WHERE applied = 0 AND payload != '' ORDER BY run_id, number"
            ).fetchall()
        for run_id, *row in rows:
            yield run_id, _entry(row)

    def mark_applied(self, run_id: str, paths: list[Path]) -> None:
        with self._lock:
            for path in paths:
                self._write("UPDATE entries SET applied = 1 WHERE run_id = ? AND path = ?", (run_id, path_text(path)))

    def close(self) -> None:
        with self._lock:
            for run_id in list(self._owned):
                self.release(run_id)
            self._database.close()

    # --- writing --------------------------------------------------------------------------------------------------

    def _write(self, statement: str, values: tuple[Any, ...]) -> None:
        self._pending.append((statement, values))

    def _commit(self, run_id: str = "", fence: int = 0) -> None:
        """Writes what is pending in one transaction; that of a start that was overtaken is refused."""
        database, pending = self._database, self._pending
        try:
            database.execute("BEGIN IMMEDIATE")
            try:
                if run_id:
                    self._check_fence(run_id, fence)
                for statement, values in pending:
                    database.execute(statement, values)
                database.execute("COMMIT")
            except BaseException:
                if database.in_transaction:
                    database.execute("ROLLBACK")
                raise
        except sqlite3.Error as error:
            raise NeuroScriptError(ErrorCode.IO_FAILED, f"the journal cannot be written: {error}") from error
        finally:
            pending.clear()

    def _check_fence(self, run_id: str, fence: int) -> None:
        row = self._database.execute("SELECT fence FROM runs WHERE run_id = ?", (run_id,)).fetchone()
        if row is None or row[0] != fence:
            message = f"the run {run_id!r} has been taken over by a later start, so this one ends"
            raise NeuroScriptError(ErrorCode.PRECONDITION_FAILED, message)


def _check_same(run_id: str, known: Header, header: Header, other_program: bool) -> None:
    for what, name in (("procedure", "procedure"), ("arguments", "arguments"), ("globals", "globals_")):
        if getattr(known, name) != getattr(header, name):
            message = (
                f"the run {run_id!r} was started with another {what}"
                if name == "procedure"
                else (f"the run {run_id!r} was started with other {what}")
            )
            raise NeuroScriptError(ErrorCode.DUPLICATE, f"{message}; take another id")
    if known.program != header.program and not other_program:
        message = f"the run {run_id!r} was started with another program, or other files that it uses"
        raise NeuroScriptError(
            ErrorCode.PRECONDITION_FAILED, f"{message}; --force-program goes on with this one all the same"
        )


def _run(row: tuple[Any, ...]) -> RunInfo:
    run_id, procedure, arguments, globals_, program, seed, versions, *rest = row
    return RunInfo(run_id, Header(procedure, arguments, globals_, program, seed, versions), *rest)


def _entry(row: Any) -> Entry:
    path, tool, arguments, effect, state, result, note, payload, applied, begun, ended = row
    where = read_path(path)
    return Entry(where, tool, arguments, effect, state, result, note, payload, bool(applied), begun, ended)


def _moment(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds))
