"""The protocol of a journal: where the calls of runs are kept, so that a run that was stopped goes on."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from dataclasses import replace
from getpass import getuser

from neuroscript.errors import ErrorCode, NeuroScriptError, NotFoundError
from neuroscript.journal import codec
from neuroscript.journal.approvals import APPROVAL, BEFORE, answered, approval_of, until_of
from neuroscript.journal.entries import (
    BEGUN,
    DONE,
    ERROR,
    FINAL,
    PART,
    REFUSED,
    path_text,
    read_path,
)
from neuroscript.journal.ids import budget_id
from neuroscript.journal.ledger import SPENT
from neuroscript.journal.payloads import LOST, Piece, pieces_of, write_pieces
from neuroscript.journal.terms import RunTerms
from neuroscript.values import from_host

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any, Self

    from neuroscript.approval import Approval
    from neuroscript.journal.accounts import Accounts
    from neuroscript.journal.entries import Entry, Header, Path, RunInfo

_NOTHING: Any = object()


class JournalStore(ABC):
    """Keeps the calls of runs.

    `neuroscript.Journal` is the one of this package, a file of SQLite; another one takes its place by these methods.
    It knows nothing of what the tools do: their payloads are opaque to it.

    Args:
        terms: what holds for the runs that are started with it.

    Attributes:
        terms: likewise; a host may set others before it starts a run.
        terms_of_runs: what holds, instead of that, for some runs by their ids.
    """

    def __init__(self, terms: RunTerms | None = None) -> None:
        self.terms = terms if terms is not None else RunTerms()
        self.terms_of_runs: dict[str, RunTerms] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def terms_of(self, run_id: str) -> RunTerms:
        """What holds for a run that is started now."""
        return self.terms_of_runs.get(run_id, self.terms)

    @abstractmethod
    def claim(self, run_id: str, header: Header, *, other_program: bool = False) -> RunInfo:
        """Makes this process the owner of a run, which is made if there is none of that id.

        Args:
            run_id: its id.
            header: what it is to be.
            other_program: whether a run of another program goes on with this one.

        Returns:
            what is known of it, with the fencing number of this start; ``ended`` is 0 unless the last start failed, so
            that this one goes on at the failure.

        Raises:
            NeuroScriptError: 19 if it is going on elsewhere, or was of another program; 42 if it was of another
                procedure, other arguments or globals.
        """

    @abstractmethod
    def release(self, run_id: str) -> None:
        """Gives up a run that was claimed."""

    @abstractmethod
    def entries(self, run_id: str) -> list[Entry]:
        """The calls of a run, in the order in which they began."""

    @abstractmethod
    def begin(self, run_id: str, fence: int, entry: Entry) -> None:
        """Writes that a call begins; it is durable when this returns, with all that was written before.

        Raises:
            NeuroScriptError: 19 if the run has been taken over.
        """

    @abstractmethod
    def end(self, run_id: str, fence: int, entry: Entry, *, durable: bool) -> None:
        """Writes how a call ended.

        Args:
            run_id: the run.
            fence: the number of the start.
            entry: the entry with its end.
            durable: whether it is to be durable when this returns; otherwise it is with the next one that is.

        Raises:
            NeuroScriptError: 19 if the run has been taken over.
        """

    @abstractmethod
    def finish(self, run_id: str, fence: int, state: str, result: str, why: str) -> None:
        """Writes how a run ended, durably.

        Raises:
            NeuroScriptError: 19 if the run has been taken over.
        """

    @abstractmethod
    def runs(self) -> list[RunInfo]:
        """All runs, the latest start first."""

    @abstractmethod
    def run(self, run_id: str) -> RunInfo:
        """What is known of a run.

        Raises:
            NeuroScriptError: 9 if there is none of that id.
        """

    def find(self, run_id: str) -> RunInfo | None:
        """As `run`; None if there is no run of that id."""
        try:
            return self.run(run_id)
        except NotFoundError:
            return None

    @abstractmethod
    def is_going_on(self, run_id: str) -> bool:
        """Whether a process owns a run now, rather than having died with it."""

    # --- what a person decides ------------------------------------------------------------------------------------

    def resolve(self, run_id: str, path: str, *, done: Any = _NOTHING, repeat: bool = False, fail: str = "") -> None:
        """Decides about a call of which nobody knows whether it was done; the next start goes on with that.

        Args:
            run_id: the run.
            path: the call, as errors name it: ``3/1``.
            done: the result that it gave, a Python value: it was done.
            repeat: whether it was not done, and is made again.
            fail: the message of the error that it is to fail with.

        Raises:
            NeuroScriptError: 4 unless just one of the three is given; 9 if there is no such run or call; 19 if the run
                is going on, or the call's end is known.
        """
        if (done is not _NOTHING) + bool(repeat) + bool(fail) != 1:
            raise NeuroScriptError(ErrorCode.ARG_MISMATCH, "one of done, repeat and fail is wanted")
        found = self._entry(run_id, path)
        if found.state != BEGUN:
            message = f"the end of call {path} of the run {run_id!r} is known: it is {found.state}"
            raise NeuroScriptError(ErrorCode.PRECONDITION_FAILED, message)
        if repeat:
            self.decide(run_id, found.path, None)
            return
        state, stored = DONE, "" if fail else codec.encode(from_host(done))
        if fail:
            state = ERROR
            stored = codec.encode_error(NeuroScriptError(ErrorCode.TOOL_EXECUTION_FAILED, fail))
        self.decide(run_id, found.path, replace(found, state=state, result=stored, ended=time.time()))

    def approvals(self, run_id: str) -> list[Approval]:
        """What a run has asked people, in order; without ``answer`` where nobody has answered yet."""
        info = self.run(run_id)
        return [approval_of(info, entry) for entry in self.entries(run_id) if entry.tool == APPROVAL]

    def approve(self, run_id: str, path: str = "", *, by: str = "", why: str = "") -> None:
        """Says yes to what a run waits for; the next start goes on with that.

        Args:
            run_id: the run.
            path: the call that waits; it may be left out where there is one.
            by: who says so; by default the user of this process.
            why: what they say about it.

        Raises:
            NeuroScriptError: 9 if there is no such run or call; 19 if nothing waits there, it is too late, or the run
                is going on.
        """
        self._answer(run_id, path, True, by, why)

    def refuse(self, run_id: str, path: str = "", *, by: str = "", why: str = "") -> None:
        """Says no to what a run waits for, as `approve`; the call fails with error 48."""
        self._answer(run_id, path, False, by, why)

    def _answer(self, run_id: str, path: str, yes: bool, by: str, why: str) -> None:
        info = self._unfinished(run_id)
        waiting = [each for each in self.entries(run_id) if each.tool == APPROVAL and not approval_of(info, each).by]
        if path:
            where = self._path(path)
            waiting = [each for each in waiting if each.path in (where, (*where, BEFORE))]
        if len(waiting) != 1:
            at = f"call {path} of the run {run_id!r}" if path else f"the run {run_id!r}"
            names = ", ".join(approval_of(info, each).path for each in waiting)
            problem = f"waits for several: name one of {names}" if waiting else "waits for no approval"
            if path and not waiting:
                others = ", ".join(each.path for each in self.approvals(run_id) if each.answer is None)
                problem += f"; what waits is call {others}" if others else ""
            raise NeuroScriptError(ErrorCode.PRECONDITION_FAILED, f"{at} {problem}")
        [entry] = waiting
        until = until_of(entry)
        if until and time.time() > until:
            message = f"it is too late: call {approval_of(info, entry).path} of the run {run_id!r} has timed out"
            raise NeuroScriptError(ErrorCode.PRECONDITION_FAILED, message)
        self.decide(run_id, entry.path, answered(info, entry, yes, by or _user(), why))

    def cancel(self, run_id: str, *, why: str = "") -> None:
        """Ends a run that is not going on for good: it is never resumed.

        Attempts of its calls whose end is not known are accounted for when the next run starts in the journal, or by
        `neuroscript.Interpreter.apply_committed`.

        Raises:
            NeuroScriptError: 9 if there is no such run; 19 if it has returned, or is going on.
        """
        self._unfinished(run_id)
        for entry in self.entries(run_id):
            if entry.state == BEGUN and entry.note and entry.tool.startswith(PART):
                payload = write_pieces([Piece(LOST + entry.tool, entry.note)])
                self.decide(run_id, entry.path, replace(entry, payload=payload, applied=False))
        self.end_run(run_id, REFUSED, why)

    @abstractmethod
    def remove(self, run_id: str) -> None:
        """Removes a run that is over for good, with its calls and all that the journal keeps for it.

        Its id is free then.  Jobs that count in its budget and start later are refused.

        Raises:
            NeuroScriptError: 9 if there is no such run; 19 if it may go on, is going on, or has left what was not
                applied yet (see `neuroscript.Interpreter.apply_committed`).
        """

    def remove_older(self, seconds: float) -> list[str]:
        """Removes the runs that have been over for good for so long; gives their ids.

        A run is kept that has left what was not applied yet.
        """
        removed = []
        for info in self.runs():
            if info.state in FINAL and info.ended and info.ended < time.time() - seconds:
                try:
                    self.remove(info.run_id)
                except NeuroScriptError as error:
                    if error.code not in (ErrorCode.PRECONDITION_FAILED, ErrorCode.KEY_NOT_FOUND):
                        raise  # else somebody else is at it
                else:
                    removed.append(info.run_id)
        kept = {budget_id(info) for info in self.runs()}
        for account in self.accounts.idle(time.time() - seconds):
            if account not in kept:  # of a run without a journal, whose jobs are long over
                self.accounts.remove(account)
        return removed

    def _unfinished(self, run_id: str) -> RunInfo:
        info = self.run(run_id)
        if info.state in FINAL:
            raise NeuroScriptError(ErrorCode.PRECONDITION_FAILED, f"the run {run_id!r} is over: it is {info.state}")
        return info

    def _entry(self, run_id: str, path: str) -> Entry:
        self.run(run_id)
        where = self._path(path)
        found = next((entry for entry in self.entries(run_id) if entry.path == where), None)
        if found is None:
            raise NeuroScriptError(ErrorCode.KEY_NOT_FOUND, f"the run {run_id!r} has no call {path}")
        return found

    def _path(self, path: str) -> Path:
        try:
            return read_path(path)
        except ValueError:
            raise NeuroScriptError(ErrorCode.KEY_NOT_FOUND, f"{path!r} is no call; one is 3, or 3/1") from None

    @abstractmethod
    def end_run(self, run_id: str, state: str, why: str) -> None:
        """Writes, durably, that a run is over which nobody owns.

        Raises:
            NeuroScriptError: 9 if there is no such run; 19 if it is going on.
        """

    @abstractmethod
    def decide(self, run_id: str, path: Path, entry: Entry | None) -> None:
        """Writes what a person decided of a call: its end, or None to have it made again.

        Raises:
            NeuroScriptError: 9 if there is no such call; 19 if the run is going on.
        """

    @abstractmethod
    def unapplied(self) -> Iterator[tuple[str, Entry]]:
        """The calls whose payload has not been applied, with their runs."""

    @abstractmethod
    def mark_applied(self, run_id: str, paths: list[Path]) -> None:
        """Notes that payloads have been applied."""

    def private_paths(self) -> list[str]:
        """Paths of files that no script may reach, absolute."""
        return []

    @property
    @abstractmethod
    def accounts(self) -> Accounts:
        """The accounts of the budgets that its runs share with the jobs that they start."""

    @abstractmethod
    def close(self) -> None:
        """Closes it; runs that are going on can write no more."""


def check_removable(info: RunInfo, unapplied: Iterable[Entry]) -> None:
    """Checks that a run may be removed.

    Args:
        info: the run.
        unapplied: its calls that have committed what was perhaps not applied.

    Raises:
        NeuroScriptError: 19 if it may go on, or has left something that is not applied yet.
    """
    if info.state not in FINAL:
        message = (
            f"the run {info.run_id!r} is {info.state} and may go on; only one that has returned or was cancelled is "
            f"removed: neuroscript runs cancel {info.run_id}"
        )
        raise NeuroScriptError(ErrorCode.PRECONDITION_FAILED, message)
    for entry in unapplied:
        if any(piece.kind != SPENT for piece in pieces_of(entry.payload)):
            message = (
                f"call {path_text(entry.path)} of the run {info.run_id!r} has committed what is not applied yet, such "
                "as a record; neuroscript runs remove does it, or Interpreter.apply_committed(journal)"
            )
            raise NeuroScriptError(ErrorCode.PRECONDITION_FAILED, message)


def _user() -> str:
    try:
        return getuser()
    except (KeyError, OSError):  # a container's user without a name
        return "somebody"
