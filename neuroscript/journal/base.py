"""The protocol of a journal: where the calls of runs are kept, so that a run that was stopped goes on."""

from __future__ import annotations

from abc import ABC, abstractmethod

TYPE_CHECKING = False
if TYPE_CHECKING:
    import os
    from collections.abc import Iterator
    from typing import Self

    from neuroscript.journal.entries import Entry, Header, Path, RunInfo


class Journal(ABC):
    """Keeps the calls of runs.

    `open` gives the one of this package, a file of SQLite; another one takes its place by these methods.  It knows
    nothing of what the tools do: their payloads are opaque to it.
    """

    @staticmethod
    def open(directory: str | os.PathLike[str]) -> Journal:
        """Opens the journal in a directory, which is made if it is missing.

        Raises:
            NeuroScriptError: 18 if what is there is no journal, or one of a later version; 25 and 26 if it cannot be
                opened.
        """
        from neuroscript.journal.sqlite import SQLiteJournal

        return SQLiteJournal(directory)

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

    @abstractmethod
    def close(self) -> None:
        """Closes it; runs that are going on can write no more."""
