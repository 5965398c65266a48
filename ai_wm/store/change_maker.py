"""Making changes: those of many threads in groups, each with one write and one sync, and then in the index."""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Callable, Iterator
from threading import RLock
from typing import Any

from ai_wm.store import changes
from ai_wm.store.awaiting_sync import AwaitingSync
from ai_wm.store.engine import StorageEngine
from ai_wm.store.index_tables import StaleIndexError
from ai_wm.store.state_directory import StateDirectory
from ai_wm.support.group_commit import GroupCommit, Ticket
from neuroscript import NeuroScriptError


class ChangeMaker:
    """Makes the changes of all threads of a process, those that come together in one group.

    Args:
        engine: the files and the index of them.
        state: the lock of the store.
        mutex: held while the index is used.
        check: raises if the store may not be changed any more.
        then: called when changes were made, with the lock held.
    """

    def __init__(
        self,
        engine: StorageEngine,
        state: StateDirectory,
        mutex: RLock,
        check: Callable[[], None],
        then: Callable[[], None],
    ) -> None:
        self._engine = engine
        self._state = state
        self._mutex = mutex
        self._check = check
        self._then = then
        self._unapplied = False
        """Whether a change was stored that could not be applied to the index."""
        self._group: GroupCommit[changes.Change] = GroupCommit(self._execute)
        self.awaiting = AwaitingSync()

    def make(self, change: changes.Change) -> Any:
        """Make a change together with those of other threads; returns its result or raises its error."""
        return self._group.submit(change)

    def sync(self) -> None:
        """Make durable what was stored without waiting for that, by any process; with the lock held.

        Raises:
            NeuroScriptError: 25 or 26 if that failed.
        """
        try:
            self._engine.performance.sync()
        except OSError as error:
            raise self._engine.failure(error) from error
        self.awaiting.synced()

    def _execute(self, tickets: list[Ticket[changes.Change]]) -> None:
        """Make the changes of some threads, in rounds: those that touch the same thing come in different ones."""
        try:
            with self._state.locked(lambda: _drop_cancelled(tickets)):
                self._execute_locked(tickets)
        except NeuroScriptError as error:  # the lock was not to be had, or all callers were cancelled
            for ticket in tickets:
                ticket.fail(error)
        self.awaiting.tell()

    def _execute_locked(self, tickets: list[Ticket[changes.Change]]) -> None:
        waiting = deque(ticket for ticket in tickets if not ticket.done)
        try:
            self._check()
            with self._mutex:
                self._engine.refresh()
                starting = any(isinstance(ticket.work, changes.StartInstance) for ticket in waiting)
                self._engine.prepare(starting=starting)
        except (NeuroScriptError, OSError) as error:
            failure = error if isinstance(error, NeuroScriptError) else self._engine.failure(error)
            for ticket in waiting:
                ticket.fail(failure)
            return
        while waiting:
            self._store(self._round(waiting))
        self._then()

    def _round(self, waiting: deque[Ticket[changes.Change]]) -> list[tuple[Ticket[changes.Change], changes.Plan]]:
        with self._mutex:
            try:
                try:
                    return self._plan(waiting)
                except StaleIndexError:
                    self._engine.stale = True
                    self._engine.refresh()
                    return self._plan(waiting)
            except (NeuroScriptError, OSError, StaleIndexError) as error:
                failure = error if isinstance(error, NeuroScriptError) else self._engine.failure(OSError(str(error)))
                while waiting:
                    waiting.popleft().fail(failure)
                return []

    def _plan(self, waiting: deque[Ticket[changes.Change]]) -> list[tuple[Ticket[changes.Change], changes.Plan]]:
        """Plan the first changes, up to one that touches the same as another.

        With the store locked and read up to date, nobody else changes the index.
        """
        planned, failed, touched = [], [], set[str]()
        for ticket in waiting:
            about = ticket.work.touches(self._engine.index)
            if not touched.isdisjoint(about):
                break
            try:
                plan = ticket.work.plan(self._engine)
            except StaleIndexError:
                raise
            except Exception as error:  # whatever it is, it is that caller's alone
                failed.append((ticket, error))
            else:
                touched.update(about)
                planned.append((ticket, plan))
        for _ in range(len(planned) + len(failed)):
            waiting.popleft()
        for ticket, failure in failed:
            ticket.fail(failure)
        return planned

    def _store(self, planned: list[tuple[Ticket[changes.Change], changes.Plan]]) -> None:
        """Make planned changes durable, and then apply them."""
        self._engine.stale = True  # until everything written is applied; if this is interrupted, all is read again
        for name in dict.fromkeys(plan.journal for _, plan in planned if plan.journal):
            group = [(ticket, plan) for ticket, plan in planned if plan.journal == name]
            self._store_in_journal(name, group)
        group = [(ticket, plan) for ticket, plan in planned if plan.indexed is not None]
        if group:
            self._store_in_file(group)
        self._engine.stale = self._unapplied
        self._unapplied = False

    def _store_in_journal(self, name: str, group: list[tuple[Ticket[changes.Change], changes.Plan]]) -> None:
        try:
            places = self._engine.journals.append([(plan.about, plan.line) for _, plan in group], name)
        except OSError as error:
            failure = self._engine.failure(error)
            for ticket, _ in group:
                ticket.fail(failure)
            return
        self.awaiting.stored(ticket.work.then for ticket, _ in group)
        with _stored(group), self._mutex:
            for (_, plan), place in zip(group, places, strict=True):
                try:
                    if plan.apply is not None:
                        plan.apply(place)
                except StaleIndexError:
                    self._unapplied = True

    def _store_in_file(self, group: list[tuple[Ticket[changes.Change], changes.Plan]]) -> None:
        try:
            if not self._engine.performance.state.own:
                with self._mutex:
                    self._engine.adopt()
            durable = any(ticket.work.then is None for ticket, _ in group)
            offsets = self._engine.performance.append([plan.line for _, plan in group], durable=durable)
        except OSError as error:
            failure = self._engine.failure(error)
            for ticket, _ in group:
                ticket.fail(failure)
            return
        self.awaiting.wait(ticket.work.then for ticket, _ in group)
        if durable:
            self.awaiting.synced()
        with _stored(group), self._mutex:
            for (_, plan), offset in zip(group, offsets, strict=True):
                assert plan.indexed is not None
                try:
                    self._engine.index.put(plan.indexed, offset, len(plan.line))
                    if plan.recovered:
                        self._engine.summaries.recovered(self._engine.index, plan.indexed.rows[0])
                except StaleIndexError:
                    self._unapplied = True
                self._engine.journals.ended(plan.indexed.instance_id, self._engine.index)


def _drop_cancelled(tickets: list[Ticket[changes.Change]]) -> None:
    """Fail the tickets whose callers were cancelled; raises when none is left to wait for."""
    failure = None
    for ticket in tickets:
        if not ticket.done and ticket.work.check is not None:
            try:
                ticket.work.check()
            except NeuroScriptError as error:
                failure = error
                ticket.fail(error)
    if failure is not None and all(ticket.done for ticket in tickets):
        raise failure


@contextlib.contextmanager
def _stored(group: list[tuple[Ticket[changes.Change], changes.Plan]]) -> Iterator[None]:
    """Context manager in which changes that are on the disk are applied; they succeed, also if it is interrupted."""
    try:
        yield
    finally:
        for ticket, plan in group:
            ticket.succeed(plan.result)
