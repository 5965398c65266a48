"""The index of a journal, a file of SQLite, into which what processes have appended is folded when somebody asks."""

from __future__ import annotations

import os
import sqlite3

from neuroscript.errors import ErrorCode, NeuroScriptError
from neuroscript.journal import segments
from neuroscript.journal.entries import DROPPED, FORMAT, Entry, Header, RunInfo, path_text, read_path
from neuroscript.private_files import check_plain, open_private

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any, Final

    from neuroscript.journal.segments import Segment

FILE: Final = "index.sqlite3"
RUN_LINE: Final = "run"
ENTRY_LINE: Final = "entry"
APPLIED_LINE: Final = "applied"
_BUSY_SECONDS: Final = 30.0
_SCHEMA: Final = """
CREATE TABLE runs (
    run_id TEXT PRIMARY KEY, version INTEGER, procedure TEXT, arguments TEXT, globals TEXT, program TEXT, seed TEXT,
    versions TEXT, state TEXT, fence INTEGER, owner TEXT, since REAL, result TEXT, why TEXT, started REAL, ended REAL,
    terms TEXT, starts INTEGER
) WITHOUT ROWID;
CREATE TABLE entries (
    run_id TEXT, path TEXT, version INTEGER, number INTEGER, tool TEXT, arguments TEXT, effect TEXT, state TEXT,
    result TEXT, note TEXT, payload TEXT, applied INTEGER, begun REAL, ended REAL, PRIMARY KEY (run_id, path)
) WITHOUT ROWID;
CREATE TABLE segments (name TEXT PRIMARY KEY, end INTEGER) WITHOUT ROWID;
CREATE INDEX unapplied ON entries (run_id) WHERE applied = 0 AND payload != ''
"""
_CALLS: Final = f"SELECT count(*) FROM entries WHERE entries.run_id = runs.run_id AND entries.state != '{DROPPED}'"
_RUN: Final = (
    "run_id, procedure, arguments, globals, program, seed, versions, state, fence, owner, since, result, why, started, "
    f"ended, terms, starts, ({_CALLS})"
)
_ENTRY: Final = "path, tool, arguments, effect, state, result, note, payload, applied, begun, ended"
_PUT_RUN: Final = (
    f"REPLACE INTO runs SELECT {', '.join('?' * 18)} WHERE NOT EXISTS "
    "(SELECT 1 FROM runs WHERE run_id = ? AND version > ?)"
)
_PUT_ENTRY: Final = (
    f"INSERT INTO entries VALUES ({', '.join('?' * 14)}) ON CONFLICT DO UPDATE SET version = excluded.version, "
    "tool = excluded.tool, arguments = excluded.arguments, effect = excluded.effect, state = excluded.state, "
    "result = excluded.result, note = excluded.note, payload = excluded.payload, applied = excluded.applied, "
    "begun = excluded.begun, ended = excluded.ended WHERE excluded.version >= entries.version"
)


def run_line(version: int, info: RunInfo) -> list[Any]:
    """What is appended of a run."""
    head = info.header
    return [
        *(RUN_LINE, info.run_id, version, head.procedure, head.arguments, head.globals_, head.program, head.seed),
        *(head.versions, info.state, info.fence, info.owner, info.since, info.result, info.why, info.started),
        *(info.ended, info.terms, info.starts),
    ]


def entry_line(run_id: str, version: int, number: int, entry: Entry) -> list[Any]:
    """What is appended of a call."""
    return [
        *(ENTRY_LINE, run_id, path_text(entry.path), version, number, entry.tool, entry.arguments, entry.effect),
        *(entry.state, entry.result, entry.note, entry.payload, int(entry.applied), entry.begun, entry.ended),
    ]


class Index:
    """The tables of a journal.

    What SQLite has is not waited for: it is in a segment until SQLite's file is durable, and each line of a segment may
    be folded in again, since a line of an earlier version changes nothing.

    Args:
        directory: the directory of the journal's files.

    Raises:
        NeuroScriptError: 18 if what is there is no journal, or one of a later version.
        OSError, sqlite3.Error: if it cannot be opened.
    """

    def __init__(self, directory: str) -> None:
        self._directory = directory
        self.path = path = os.path.join(directory, FILE)
        check_plain(path)
        os.close(open_private(path, os.O_RDWR | os.O_CREAT))
        self._database = sqlite3.connect(
            path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False, cached_statements=64
        )
        try:
            self._prepare()
        except BaseException:
            self._database.close()
            raise

    def _prepare(self) -> None:
        execute = self._database.execute
        try:
            [version] = execute("PRAGMA user_version").fetchone()
            if version == 0:
                execute("PRAGMA journal_mode = WAL")
                execute("BEGIN IMMEDIATE")
                [version] = execute("PRAGMA user_version").fetchone()  # another process may have been faster
                if version == 0:
                    for statement in _SCHEMA.split(";"):
                        execute(statement)
                    execute(f"PRAGMA user_version = {FORMAT}")
                    version = FORMAT
                execute("COMMIT")
            execute("PRAGMA synchronous = NORMAL")
        except sqlite3.OperationalError:
            raise
        except sqlite3.DatabaseError as error:
            message = f"{self.path} is no journal: {error}"
            raise NeuroScriptError(ErrorCode.CONFIGURATION, message) from error
        if version != FORMAT:
            message = f"{self.path} is a journal of version {version}; this release reads version {FORMAT}"
            raise NeuroScriptError(ErrorCode.CONFIGURATION, message)

    # --- folding in -----------------------------------------------------------------------------------------------

    def catch_up(self, own: Segment | None = None, *, tidy: bool = False) -> None:
        """Folds in what processes have appended since the last time, this one's own segment too.

        Args:
            own: the segment of this process.
            tidy: whether segments of processes that have died are removed, and SQLite's file is made durable for it.

        Raises:
            NeuroScriptError: 26 if a segment is damaged.
            OSError, sqlite3.Error: if that fails.
        """
        names = segments.names_in(self._directory)
        if not names:
            return
        known = dict(self._database.execute("SELECT name, end FROM segments").fetchall())
        adopted = {}
        try:
            for name in names:
                path = os.path.join(self._directory, name)
                lock = segments.adopt(path) if own is None or name != own.name else None
                if lock is not None:
                    adopted[name] = lock
                start: int | None = known.get(name, 0)
                while start is not None:
                    try:
                        lines, end = segments.read(path, start, whole=lock is not None)
                    except FileNotFoundError:  # another process has folded it in, and removed it
                        break
                    start = self._fold(name, start, lines, end) if lines else None
            if tidy and (adopted or own is not None):
                tidy = self.make_durable()
            for name, lock in adopted.items():
                if tidy and os.path.lexists(os.path.join(self._directory, name)):
                    segments.remove(os.path.join(self._directory, name), lock)
        finally:
            for lock in adopted.values():
                lock.release()

    def _fold(self, name: str, start: int, lines: Iterable[list[Any]], end: int) -> int | None:
        """Folds lines in, unless another process has folded some of them meanwhile: a run of theirs may be removed.

        Returns:
            where to read again; None if they are folded in.
        """
        execute = self._database.execute
        execute("BEGIN IMMEDIATE")
        try:
            row = execute("SELECT end FROM segments WHERE name = ?", (name,)).fetchone()
            there = 0 if row is None else int(row[0])
            if there != start:
                execute("ROLLBACK")
                return there
            for kind, *row in lines:
                if kind == ENTRY_LINE:
                    execute(_PUT_ENTRY, row)
                elif kind == RUN_LINE:
                    execute(_PUT_RUN, (*row, row[0], row[1]))
                elif kind == APPLIED_LINE:
                    execute("UPDATE entries SET applied = 1 WHERE run_id = ? AND path = ?", row)
            execute("INSERT INTO segments VALUES (?, ?) ON CONFLICT DO UPDATE SET end = excluded.end", (name, end))
            execute("COMMIT")
        except BaseException:
            if self._database.in_transaction:
                execute("ROLLBACK")
            raise
        return None

    def remove(self, run_id: str) -> None:
        """Removes a run and its calls, which no line that is still to be folded in brings back."""
        execute = self._database.execute
        execute("BEGIN IMMEDIATE")
        try:
            execute("DELETE FROM entries WHERE run_id = ?", (run_id,))
            execute("DELETE FROM runs WHERE run_id = ?", (run_id,))
            execute("COMMIT")
        except BaseException:
            if self._database.in_transaction:
                execute("ROLLBACK")
            raise

    def make_durable(self) -> bool:
        """Makes SQLite's file durable; false if somebody reads it just now, so that it has to wait."""
        busy, _, _ = self._database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        return not busy

    def forget_segments(self) -> None:
        """Forgets segments that are no longer there."""
        gone = [row for row in self._database.execute("SELECT name FROM segments") if not self._has(row[0])]
        self._database.executemany("DELETE FROM segments WHERE name = ?", gone)

    def _has(self, name: str) -> bool:
        return os.path.lexists(os.path.join(self._directory, name))

    # --- asking ---------------------------------------------------------------------------------------------------

    def runs(self) -> list[RunInfo]:
        """All runs, the latest start first."""
        rows = self._database.execute(f"SELECT {_RUN} FROM runs ORDER BY since DESC, run_id").fetchall()
        return [_run(row) for row in rows]

    def run(self, run_id: str) -> RunInfo | None:
        """A run, or None."""
        row = self._database.execute(f"SELECT {_RUN} FROM runs WHERE run_id = ?", (run_id,)).fetchone()
        return _run(row) if row is not None else None

    def entries(self, run_id: str) -> list[Entry]:
        """The calls of a run, in the order in which they began."""
        rows = self._database.execute(
            f"SELECT {_ENTRY} FROM entries WHERE run_id = ? AND state != '{DROPPED}' ORDER BY number, path", (run_id,)
        ).fetchall()
        return [_entry(row) for row in rows]

    def last_number(self, run_id: str) -> int:
        """The highest number of a call of a run."""
        [found] = self._database.execute("SELECT max(number) FROM entries WHERE run_id = ?", (run_id,)).fetchone()
        return found or 0

    def unapplied(self) -> list[tuple[str, Entry]]:
        """The calls whose payload has not been applied, with their runs."""
        rows = self._database.execute(
            f"SELECT run_id, {_ENTRY} FROM entries WHERE applied = 0 AND payload != '' ORDER BY run_id, number"
        ).fetchall()
        return [(run_id, _entry(row)) for run_id, *row in rows]

    def close(self) -> None:
        """Closes the file."""
        self._database.close()


def _run(row: tuple[Any, ...]) -> RunInfo:
    run_id, procedure, arguments, globals_, program, seed, versions, *rest = row
    return RunInfo(run_id, Header(procedure, arguments, globals_, program, seed, versions), *rest)


def _entry(row: Any) -> Entry:
    path, tool, arguments, effect, state, result, note, payload, applied, begun, ended = row
    where = read_path(path)
    return Entry(where, tool, arguments, effect, state, result, note, payload, bool(applied), begun, ended)
