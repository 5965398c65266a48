"""Group commit: threads that want to write at the same time share one write and one sync.

The first thread that comes does the work of all that wait, while those that come later gather for the next turn.  So a
single thread pays nothing for it, and sixteen pay for one sync together.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, Generic, TypeVar

WorkT = TypeVar("WorkT")


class Ticket(Generic[WorkT]):
    """One caller's piece of work, and how it ended."""

    __slots__ = ("_error", "_result", "done", "work")

    def __init__(self, work: WorkT) -> None:
        self.work = work
        self.done = False
        self._result: Any = None
        self._error: BaseException | None = None

    def succeed(self, result: Any) -> None:
        """It is done, for good."""
        self._result, self.done = result, True

    def fail(self, error: BaseException) -> None:
        """It was not done, and left nothing behind.  The first verdict counts."""
        if not self.done:
            self._error, self.done = error, True

    def outcome(self) -> Any:
        """The result, or the error raised."""
        if self._error is not None:
            raise self._error
        return self._result


class GroupCommit(Generic[WorkT]):
    """Hands the work of many threads to one of them at a time.

    Args:
        execute: does the work of some tickets, in order, and settles every one of them.  If it raises, the tickets not
            settled fail with what it raised.
    """

    def __init__(self, execute: Callable[[list[Ticket[WorkT]]], None]) -> None:
        self._execute = execute
        self._turn = threading.Condition()
        self._waiting: list[Ticket[WorkT]] = []
        self._busy = False

    def submit(self, work: WorkT) -> Any:
        """Do a piece of work together with that of others; returns its result or raises its error."""
        ticket = Ticket(work)
        with self._turn:
            self._waiting.append(ticket)
            while self._busy and not ticket.done:
                self._turn.wait()
            if ticket.done:
                return ticket.outcome()
            self._busy = True
            tickets, self._waiting = self._waiting, []
        error: BaseException = RuntimeError("the work was not done")
        try:
            self._execute(tickets)
        except BaseException as raised:
            error = raised
            raise
        finally:
            for each in tickets:
                each.fail(error)
            with self._turn:
                self._busy = False
                self._turn.notify_all()
        return ticket.outcome()
