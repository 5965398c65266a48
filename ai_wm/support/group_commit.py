"""Group commit: threads that want to write at the same time share one write and one sync.

The first thread that comes leads: it does the work of all that wait, while those that come later gather for the next
turn.  So a single thread pays nothing for it, and sixteen pay for one sync together.  When a leader is done it wakes
those whose work is done, and one of the others to lead next; nobody is woken in vain.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import Any, Generic, TypeVar
from weakref import WeakSet

WorkT = TypeVar("WorkT")


class Ticket(Generic[WorkT]):
    """One caller's piece of work, and its result or error."""

    __slots__ = ("_error", "_result", "done", "sleeping", "work")

    def __init__(self, work: WorkT) -> None:
        self.work = work
        self.done = False
        self.sleeping: threading.Lock | None = None
        """The lock that its thread waits to acquire until another thread releases it; None while it is awake."""
        self._result: Any = None
        self._error: BaseException | None = None

    def succeed(self, result: Any) -> None:
        """Mark the work as done, with its result."""
        self._result, self.done = result, True

    def fail(self, error: BaseException) -> None:
        """Mark the work as failed with an error, unless it is marked already."""
        if not self.done:
            self._error, self.done = error, True

    def outcome(self) -> Any:
        """Return the result, or raise the error."""
        if self._error is not None:
            raise self._error
        return self._result


class GroupCommit(Generic[WorkT]):
    """Batches the work of many threads, and lets one of them at a time do it for all.

    Args:
        execute: does the work of some tickets, in order, and settles every one of them.  If it raises, the tickets not
            settled fail with the error that it raised.  If it is interrupted, the work of others that is not settled is
            done by the next leader.
    """

    def __init__(self, execute: Callable[[list[Ticket[WorkT]]], None]) -> None:
        self._execute = execute
        self._begin()
        _groups.add(self)

    def _begin(self) -> None:
        self._lock = threading.Lock()
        self._waiting: list[Ticket[WorkT]] = []
        self._batch: list[Ticket[WorkT]] = []  # what the leader does
        self._leader: Ticket[WorkT] | None = None

    def submit(self, work: WorkT) -> Any:
        """Do a piece of work together with that of others; returns its result or raises its error."""
        ticket = Ticket(work)
        try:
            try:
                with self._lock:
                    self._waiting.append(ticket)
                    if self._leader is None:
                        self._leader = ticket
                if self._leader is not ticket:
                    self._sleep(ticket)
                if not ticket.done:
                    self._lead()
            finally:
                self._leave(ticket)
        except BaseException:  # raised again; an interrupt may have come while it left
            self._leave(ticket)
            raise
        return ticket.outcome()

    def _sleep(self, ticket: Ticket[WorkT]) -> None:
        """Wait until a ticket is done or becomes the leader's."""
        with self._lock:
            if ticket.done:
                return
            if self._leader is None:
                self._leader = ticket
                return
            asleep = ticket.sleeping = threading.Lock()
            asleep.acquire()
        asleep.acquire()

    def _lead(self) -> None:
        with self._lock:
            self._batch = batch = self._waiting
            self._waiting = []
        try:
            self._execute(batch)
        except Exception as error:
            for each in batch:
                each.fail(error)
            raise
        for each in batch:
            if not each.done:
                each.fail(RuntimeError("the work was not done"))

    def _leave(self, ticket: Ticket[WorkT]) -> None:
        """Wake those whose work is done, and hand the lead on, if this thread had it, however it ended.

        An interrupt may cut this short; doing it again finishes it.
        """
        with self._lock:
            ticket.sleeping = None
            if self._leader is ticket:
                batch = self._batch
                if len(batch) > 1 or batch is self._waiting:
                    undone = [each for each in batch if not each.done and each is not ticket]
                    self._waiting = undone + [each for each in self._waiting if each not in batch]
                    for each in batch:
                        if each.done:
                            _wake(each)
                self._batch = []
                sleeping = [each for each in self._waiting if each.sleeping is not None] if self._waiting else []
                self._leader = sleeping[0] if sleeping else None
            if self._leader is not None:
                _wake(self._leader)


def _wake(ticket: Ticket[Any]) -> None:
    asleep = ticket.sleeping
    if asleep is not None:
        if asleep.locked():
            asleep.release()
        ticket.sleeping = None


# In the child of a fork there is none of the threads that waited or led.
_groups: WeakSet[GroupCommit[Any]] = WeakSet()


def _after_fork() -> None:
    for group in list(_groups):
        group._begin()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
