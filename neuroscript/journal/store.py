"""The protocol of a journal: where the calls of runs are kept, so that a run that was stopped goes on."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from dataclasses import replace

from neuroscript.errors import ErrorCode, NeuroScriptError
from neuroscript.journal import codec
from neuroscript.journal.entries import BEGUN, DONE, ERROR, read_path
from neuroscript.values import from_host

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any, Self

    from neuroscript.journal.entries import Entry, Header, Path, RunInfo

_NOTHING: Any = object()


class JournalStore(ABC):
    """Keeps the calls of runs.

    `neuroscript.Journal` is the one of this package, a file of SQLite; another one takes its place by these methods.
    It knows nothing of what the tools do: their payloads are opaque to it.
    """

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    @abstractmethod
    def claim(self, run_id: str, header: Header, *, other_program: bool = False) -> RunInfo:
        """Makes this process the owner of a run, which is made if there is none of that id.

        Args:
            run_id: its id.
            header: what it is to be.
            other_program: whether a run of another program goes on with this one.

        Returns:
            what is known of it, with the fencing number of this start.

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
        try:
            where = read_path(path)
        except ValueError:
            raise NeuroScriptError(ErrorCode.KEY_NOT_FOUND, f"{path!r} is no call; one is 3, or 3/1") from None
        self.run(run_id)
        found = next((entry for entry in self.entries(run_id) if entry.path == where), None)
        if found is None:
            raise NeuroScriptError(ErrorCode.KEY_NOT_FOUND, f"the run {run_id!r} has no call {path}")
        if found.state != BEGUN:
            message = f"the end of call {path} of the run {run_id!r} is known: it is {found.state}"
            raise NeuroScriptError(ErrorCode.PRECONDITION_FAILED, message)
        if repeat:
            self.decide(run_id, where, None)
            return
        state, stored = DONE, "" if fail else codec.encode(from_host(done))
        if fail:
            state = ERROR
            stored = codec.encode_error(NeuroScriptError(ErrorCode.TOOL_EXECUTION_FAILED, fail))
        self.decide(run_id, where, replace(found, state=state, result=stored, ended=time.time()))

    @abstractmethod
    def decide(self, run_id: str, path: Path, entry: Entry | None) -> None:
        """Writes what a person decided of a call: its end, or None to have it made again.

        Raises:
            NeuroScriptError: 9 if there is no such call; 19 if the run is going on.
        """

    @abstractmethod
    def forget(self, run_id: str, paths: list[Path]) -> None:
        """Takes calls out, which are made again; it is durable with the next call that is."""

    @abstractmethod
    def unapplied(self) -> Iterator[tuple[str, Entry]]:
        """The calls whose payload has not been applied, with their runs."""

    @abstractmethod
    def mark_applied(self, run_id: str, paths: list[Path]) -> None:
        """Notes that payloads have been applied."""

    @abstractmethod
    def close(self) -> None:
        """Closes it; runs that are going on can write no more."""
