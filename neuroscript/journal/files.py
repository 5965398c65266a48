"""The journal in a directory, for the processes of one machine: what is appended, and the index of it."""

from __future__ import annotations

import hashlib
import os
import socket
import sqlite3
import threading
import time
from contextlib import contextmanager, suppress
from dataclasses import replace

from filelock import FileLock, Timeout

from neuroscript.errors import ErrorCode, NeuroScriptError
from neuroscript.journal.accounts import Accounts
from neuroscript.journal.entries import (
    DROPPED,
    FAILED,
    FINAL,
    RUNNING,
    Entry,
    Header,
    Path,
    RunInfo,
    path_text,
)
from neuroscript.journal.ids import budget_id
from neuroscript.journal.index import APPLIED_LINE, Index, entry_line, run_line
from neuroscript.journal.segments import Segment, line_of
from neuroscript.journal.store import JournalStore, check_removable
from neuroscript.private_files import make_own_directory, make_private_directory
from neuroscript.runtime.errors import nearest
from neuroscript.sandbox.protection import JOURNAL_DIRECTORY

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any, Final

    from neuroscript.journal.terms import RunTerms

LOCKS: Final = "locks"
_MOST_NAMES: Final = 1_000  # of runs among which the one is looked for that a wrong id means
_LARGEST: Final = 32 << 20
"""Bytes of a segment from which on a process begins another one."""

_PATIENCE: Final = 0.1
"""Seconds in which somebody who only looks whether a run is going on has let go of it."""


class _Claim:
    """A run that this process owns."""

    __slots__ = ("fence", "info", "lock", "number", "version")

    def __init__(self, lock: FileLock) -> None:
        self.lock = lock
        self.info: RunInfo | None = None
        self.fence = self.number = self.version = 0

    def begin(self, info: RunInfo, number: int) -> None:
        """Notes the start: its fencing number, and the last number of a call."""
        self.info, self.fence, self.number, self.version = info, info.fence, number, info.fence << 32

    def next_version(self) -> int:
        """A number that is higher than all before it, those of earlier starts too."""
        self.version += 1
        return self.version


class Journal(JournalStore):
    """A journal in a directory.  Safe to use from many threads and processes.

    Its files lie in a directory of their own there, which no file tool of a script reaches.

    Args:
        directory: where it lies; it is made if it is missing.
        terms: what holds for the runs that are started with it.
    """

    def __init__(self, directory: str | os.PathLike[str], terms: RunTerms | None = None) -> None:
        super().__init__(terms)
        self.directory = os.path.abspath(directory)
        self._files = os.path.join(self.directory, JOURNAL_DIRECTORY)
        self._lock = threading.RLock()
        self._segment: Segment | None = None
        self._owned: dict[str, _Claim] = {}
        self._accounts = Accounts(self._files)
        with self._failing("opened"):
            make_private_directory(self.directory)
            make_own_directory(self._files)
            make_own_directory(os.path.join(self._files, LOCKS))
            self._index = Index(self._files)

    @classmethod
    def open(cls, directory: str | os.PathLike[str], terms: RunTerms | None = None) -> Journal:
        """Opens the journal in a directory, which is made if it is missing.

        Raises:
            NeuroScriptError: 18 if what is there is no journal, or one of a later version; 26 if it cannot be opened.
        """
        return cls(directory, terms)

    # --- runs -----------------------------------------------------------------------------------------------------

    def claim(self, run_id: str, header: Header, *, other_program: bool = False) -> RunInfo:
        with self._lock:
            claim = self._hold(run_id)
            try:
                found = self._index.run(run_id)
                info = self._claimed(run_id, found, header, other_program)
                claim.begin(info, self._index.last_number(run_id))
                if info is not found:
                    going_on = replace(info, ended=0.0, result="", why="")
                    self._commit(run_line(claim.next_version(), going_on), False)
                return info
            except BaseException:
                self.release(run_id)
                raise

    def _claimed(self, run_id: str, found: RunInfo | None, header: Header, other_program: bool) -> RunInfo:
        owner, now = f"process {os.getpid()} on {socket.gethostname()}", time.time()
        terms = self.terms_of(run_id).stored(run_id)
        if found is None:
            return RunInfo(run_id, header, RUNNING, 1, owner, now, started=now, terms=terms, starts=1)
        _check_same(run_id, found.header, header, other_program)
        if found.state in FINAL:
            return found
        header = replace(found.header, program=header.program)
        changed: dict[str, Any] = {"state": RUNNING, "fence": found.fence + 1, "owner": owner, "since": now}
        changed["starts"] = found.starts + 1
        if found.state != FAILED:
            changed["ended"] = 0.0
        return replace(found, header=header, terms=terms, **changed)

    def _hold(self, run_id: str) -> _Claim:
        """Locks a run for this process; the system lets go of it however the process ends."""
        lock = self._lock_of(run_id)
        try:
            if run_id in self._owned:
                raise Timeout(lock.lock_file)
            lock.acquire(timeout=_PATIENCE, poll_interval=_PATIENCE / 10)
        except Timeout:
            self._catch_up()
            found = self._index.run(run_id)
            by = f" by {found.owner}, since {_moment(found.since)}" if found is not None else ""
            message = f"the run {run_id!r} is going on already{by}"
            raise NeuroScriptError(ErrorCode.PRECONDITION_FAILED, message) from None
        self._owned[run_id] = claim = _Claim(lock)
        try:
            self._catch_up()  # after that, so that nothing of its last owner is missing
        except BaseException:
            self.release(run_id)
            raise
        return claim

    def _lock_of(self, run_id: str) -> FileLock:
        name = hashlib.blake2b(run_id.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
        return FileLock(os.path.join(self._files, LOCKS, name), mode=0o600)

    def release(self, run_id: str) -> None:
        with self._lock:
            claim = self._owned.pop(run_id, None)
            if claim is not None:
                claim.lock.release()

    def finish(self, run_id: str, fence: int, state: str, result: str, why: str) -> None:
        with self._lock:
            claim = self._claim_of(run_id, fence)
            assert claim.info is not None
            info = replace(claim.info, state=state, result=result, why=why, ended=time.time())
            self._commit(run_line(claim.next_version(), info), True)

    def is_going_on(self, run_id: str) -> bool:
        with self._lock:
            if run_id in self._owned:
                return True
        lock = self._lock_of(run_id)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            return True
        lock.release()
        return False

    def runs(self) -> list[RunInfo]:
        with self._lock:
            self._catch_up()
            return self._index.runs()

    def run(self, run_id: str) -> RunInfo:
        found = self.find(run_id)
        if found is None:
            known = [info.run_id for info in self.runs()[:_MOST_NAMES]]
            message = f"there is no run {run_id!r} in the journal{nearest(run_id, known)}"
            raise NeuroScriptError(ErrorCode.KEY_NOT_FOUND, message)
        return found

    def find(self, run_id: str) -> RunInfo | None:
        with self._lock:
            self._catch_up()
            return self._index.run(run_id)

    # --- entries --------------------------------------------------------------------------------------------------

    def entries(self, run_id: str) -> list[Entry]:
        with self._lock:
            self._catch_up()
            return self._index.entries(run_id)

    def begin(self, run_id: str, fence: int, entry: Entry) -> None:
        self._put(run_id, fence, entry, True)

    def end(self, run_id: str, fence: int, entry: Entry, *, durable: bool) -> None:
        self._put(run_id, fence, entry, durable)

    def _put(self, run_id: str, fence: int, entry: Entry, durable: bool) -> None:
        with self._lock:
            claim = self._claim_of(run_id, fence)
            claim.number += 1
            line = entry_line(run_id, claim.next_version(), claim.number, entry)
        self._commit(line, durable)

    def _claim_of(self, run_id: str, fence: int) -> _Claim:
        """The claim of a start, which it may have lost."""
        claim = self._owned.get(run_id)
        if claim is None or claim.fence != fence:
            message = f"the run {run_id!r} has been taken over by a later start, or let go of, so this one ends"
            raise NeuroScriptError(ErrorCode.PRECONDITION_FAILED, message)
        return claim

    def decide(self, run_id: str, path: Path, entry: Entry | None) -> None:
        with self._decision(run_id) as claim:
            known = next((each for each in self._index.entries(run_id) if each.path == path), None)
            if known is None:
                message = f"the run {run_id!r} has no call {path_text(path)}"
                raise NeuroScriptError(ErrorCode.KEY_NOT_FOUND, message)
            line = entry_line(run_id, claim.next_version(), 0, entry or replace(known, state=DROPPED))
            self._commit(line, True)

    def end_run(self, run_id: str, state: str, why: str) -> None:
        with self._decision(run_id) as claim:
            assert claim.info is not None
            info = replace(claim.info, state=state, why=why, ended=time.time())
            self._commit(run_line(claim.next_version(), info), True)

    def remove(self, run_id: str) -> None:
        with self._lock:
            self.run(run_id)  # before a lock file is made for it
            claim = self._hold(run_id)
            try:
                info = self.run(run_id)
                left = [entry for of, entry in self._index.unapplied() if of == run_id]
                check_removable(info, left)
                self._index.remove(run_id)
                self._accounts.remove(budget_id(info))
                with suppress(OSError):  # where a file that is open cannot be removed
                    os.unlink(claim.lock.lock_file)  # while it is held: who waits for it takes a new one
            finally:
                self.release(run_id)

    @contextmanager
    def _decision(self, run_id: str) -> Iterator[_Claim]:
        """Holds a run for what a person decides of it, as a start would."""
        with self._lock:
            claim = self._hold(run_id)
            try:
                found = self.run(run_id)
                claim.begin(replace(found, fence=found.fence + 1), 0)
                assert claim.info is not None
                self._commit(run_line(claim.next_version(), claim.info), False)
                yield claim
            finally:
                self.release(run_id)

    def unapplied(self) -> Iterator[tuple[str, Entry]]:
        with self._lock:
            self._catch_up()
            yield from self._index.unapplied()

    def mark_applied(self, run_id: str, paths: list[Path]) -> None:
        for path in paths:
            self._commit([APPLIED_LINE, run_id, path_text(path)], False)

    def private_paths(self) -> list[str]:
        return [self._files]

    @property
    def accounts(self) -> Accounts:
        return self._accounts

    def close(self) -> None:
        with self._lock:
            for run_id in list(self._owned):
                self.release(run_id)
            try:
                self._leave_segment()
            finally:
                self._index.close()
                self._accounts.close()

    # --- writing --------------------------------------------------------------------------------------------------

    def _commit(self, line: list[Any], durable: bool) -> None:
        """Appends a line, and waits for the disk if it is to be durable."""
        with self._failing("written"):
            data = line_of(line)
            with self._lock:
                segment = self._segment
                if segment is None or segment.size > _LARGEST:
                    self._leave_segment()
                    self._segment = segment = Segment(self._files)
                end = segment.append(data)
            if durable:
                segment.sync(end)

    def _leave_segment(self) -> None:
        """Folds this process's segment into the index, and removes it."""
        segment, self._segment = self._segment, None
        if segment is None:
            return
        durable = False
        try:
            with self._failing("written"):
                segment.sync(segment.size)
                self._index.catch_up(segment)
                durable = self._index.make_durable()
        finally:
            segment.close(remove=durable)
        with self._failing("written"):
            self._index.catch_up(tidy=True)
            self._index.forget_segments()

    def _catch_up(self) -> None:
        with self._failing("read"):
            self._index.catch_up(self._segment)

    @contextmanager
    def _failing(self, what: str) -> Iterator[None]:
        try:
            yield
        except (OSError, sqlite3.Error) as error:
            message = f"the journal in {self.directory} cannot be {what}: {error}"
            raise NeuroScriptError(ErrorCode.IO_FAILED, message) from error


def _check_same(run_id: str, known: Header, header: Header, other_program: bool) -> None:
    for what, name, other in (
        ("procedure", "procedure", "another"),
        ("arguments", "arguments", "other"),
        ("globals", "globals_", "other"),
    ):
        if getattr(known, name) != getattr(header, name):
            message = f"the run {run_id!r} was started with {other} {what}; take another id"
            raise NeuroScriptError(ErrorCode.DUPLICATE, message)
    if known.program != header.program and not other_program:
        message = f"the run {run_id!r} was started with another program, or other files that it uses"
        raise NeuroScriptError(
            ErrorCode.PRECONDITION_FAILED, f"{message}; --force-program goes on with this one all the same"
        )


def _moment(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds))
