"""The rate limiter that processes share through a SQLite file, so that its counters survive restarts."""

from __future__ import annotations

import os
import sqlite3
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from threading import Lock

from ai_wm.ratelimit import counters
from ai_wm.ratelimit.base import (
    MICROSECONDS,
    Demand,
    LimitPolicy,
    Refusal,
    Reservation,
    cost_units,
    slots_refused,
    subject_of,
    token_count,
)
from ai_wm.ratelimit.counters import CachedRow, Counters, ReservationRequest, StoredHold
from ai_wm.ratelimit.database import Database
from ai_wm.ratelimit.deferred import DeferredCounts, FinishedCall, NoLimits, limits_nothing
from ai_wm.ratelimit.leases import Lease, is_held
from ai_wm.ratelimit.wait_queue import FOREIGN_CLOCK_POLL, WaitQueue
from ai_wm.ratelimit.windows import Windows, usage_of
from ai_wm.support.group_commit import GroupCommit, Ticket
from neuroscript import NeuroScriptError, get_logger

_log = get_logger("ai_wm.limits")

# While a call of another process is in flight its end may give room at any time, and nobody tells this process.  The
# first waiting caller looks after 5 ms, then ever more rarely, up to four times a second.
FIRST_POLL = 0.005
LAST_POLL = 0.25
# The system's clock may be set while a caller sleeps.
LONGEST_POLL = 5.0
_NO_LIMITS = NoLimits()


class SQLiteRateLimiter:
    """A `RateLimiter` in a SQLite file that any number of processes share; a reservation is one transaction.

    Calls without limits are counted when they are over, up to half a second later (`deferred`).

    Nothing is opened before it is needed.  Calls of a process that died count as they were reserved, and its slots
    are given back, by whoever is refused because of them, and when a limiter starts.  Callers that wait are served in
    order of arrival within a process; between processes those at the head of their queues take turns by chance.

    Args:
        path: the file, such as ``ai_worker_limits.sqlite3``.  Files ``….lease`` beside it show who is alive.
        clock: seconds since the epoch, the same in all processes.  Where it goes backwards time stands still instead
            until it goes on, so that no window is ever cut short.
    """

    def __init__(self, path: Path | str, clock: Callable[[], float] | None = None) -> None:
        self.path = Path(path)
        self._database = Database(self.path)
        self._clock = clock or time.time
        self._foreign_clock = clock is not None
        self._lock = Lock()
        self._accounts: dict[str, _Account] = {}
        self._group: GroupCommit[_Work] = GroupCommit(self._execute)
        self._abandoned: deque[_End] = deque()
        self._deferred = DeferredCounts(self._count_deferred, self._not_counted)
        self._calls = count()
        self._lease: Lease | None = None
        self._holder = 0
        self._process = 0

    def reserve(
        self,
        definition_id: str,
        policy: LimitPolicy,
        *,
        tokens: int,
        cost: float = 0.0,
        wait_seconds: float | None = None,
        flight_seconds: float = 0.0,
        again: Callable[[], Demand] | None = None,
        cancelled: Callable[[], None] | None = None,
        name: str = "",
    ) -> Reservation:
        """Reserve one call in all windows, or nothing; see `RateLimiter.reserve`.

        Raises:
            NeuroScriptError: 26 if the file cannot be read or written, 18 if it is damaged.
        """
        account = self._accounts.get(definition_id) or self._account(definition_id)
        tokens, units = token_count(tokens), cost_units(cost)
        if limits_nothing(policy):
            return self._deferred.reservation(definition_id, account.unlimited)
        if self._deferred.waiting:
            self._deferred.flush()
        subject = subject_of(definition_id, name)

        later = False

        def attempt() -> Reservation | Refusal:
            nonlocal later
            if later and again is not None:
                demand = again()
                return self._attempt(account, demand.policy, token_count(demand.tokens), cost_units(demand.cost))
            later = True
            return self._attempt(account, policy, tokens, units)

        seconds = flight_seconds if wait_seconds is None else wait_seconds
        if seconds <= 0:
            return account.queue.reserve_now(attempt, subject)
        return account.queue.wait(attempt, subject, seconds, cancelled, self._poll_interval)

    def acquire_slot(self, definition_id: str, policy: LimitPolicy, instance_id: str, *, name: str = "") -> None:
        """Take a slot for an active instance; see `RateLimiter.acquire_slot`."""
        limit = policy.max_concurrent_active_instances or 0
        used = self._take_slot(definition_id, limit, instance_id)
        if used and self._reclaim():
            used = self._take_slot(definition_id, limit, instance_id)
        if used:
            raise slots_refused(subject_of(definition_id, name), limit, used)

    def release_slot(self, definition_id: str, instance_id: str) -> None:
        """Give an instance's slot back; see `RateLimiter.release_slot`."""
        if self._database.exists:
            with self._transaction() as connection:
                counters.free_slot(connection, definition_id, instance_id)

    def active_slots(self, definition_id: str) -> int:
        """Count the slots that are taken; see `RateLimiter.active_slots`."""
        if not self._database.exists:
            return 0
        holders = self._slot_holders(definition_id)
        if any(holder != self._holder for holder in holders) and self._reclaim():
            holders = self._slot_holders(definition_id)
        return len(holders)

    def usage(self, definition_id: str) -> dict[str, float]:
        """Read the counters of a definition; see `RateLimiter.usage`."""
        account = self._account(definition_id)
        waiting, unlimited = len(account.queue), len(account.unlimited)
        self._deferred.flush()
        if self._database.exists:
            self._reclaim()
        slots = self.active_slots(definition_id)
        if self._database.exists:
            with self._transaction() as connection:
                row = Counters.find(connection, definition_id)
                if row is not None:
                    row.tick(self._now())
                    row.expire(connection)
                    row.store(connection)
                    row.in_flight += unlimited
                    return usage_of(row, slots, waiting)
        nothing = Windows()
        nothing.in_flight = unlimited
        return usage_of(nothing, slots, waiting)

    def changed(self, definition_id: str) -> None:
        """Let all waiting callers of a definition look again; see `RateLimiter.changed`."""
        account = self._accounts.get(definition_id)
        if account is not None:
            account.queue.wake_all()

    def forget(self, definition_id: str) -> None:
        """Drop the counters of a definition; see `RateLimiter.forget`."""
        with self._lock:
            account = self._accounts.pop(definition_id, None)
        if account is not None:
            account.queue.close("the definition was removed")
        self._deferred.drop(definition_id)
        if self._database.exists:
            with self._transaction() as connection:
                counters.forget(connection, definition_id)

    def close(self) -> None:
        """Give back what this limiter holds and close the file; see `RateLimiter.close`.

        A call that is settled later is not counted any more.
        """
        try:
            self._deferred.flush()
        except NeuroScriptError as error:
            self._not_counted(error)
        with self._lock:
            accounts, self._accounts = list(self._accounts.values()), {}
            lease, self._lease = self._lease, None
            holder, self._holder = self._holder, 0
        for account in accounts:
            account.queue.close("the rate limiter was closed")
        if lease is not None and self._process == os.getpid():
            try:
                with self._database as connection:
                    counters.end_all(connection, holder)
            except NeuroScriptError as error:
                # With the lease given up, the next limiter on the file does the same.
                _log.warning("what this process held of the limits is given back later: %s", error)
            lease.end()
        self._database.close()

    # --- one attempt ---

    def _attempt(self, account: _Account, policy: LimitPolicy, tokens: int, cost: int) -> Reservation | Refusal:
        outcome = self._try(account, policy, tokens, cost)
        if isinstance(outcome, Refusal) and outcome.in_flight and self._reclaim():
            outcome = self._try(account, policy, tokens, cost)
        return outcome

    def _try(self, account: _Account, policy: LimitPolicy, tokens: int, cost: int) -> Reservation | Refusal:
        holder = self._enrolled()
        # Holders have numbers of their own, for good; so have their calls.
        sequence = holder << 32 | next(self._calls) & 0xFFFFFFFF
        call = ReservationRequest(account.definition_id, policy, tokens, cost, holder, sequence)
        outcome: Reservation | Refusal = self._group.submit(_Reserve(account, call, self._now))
        return outcome

    def _execute(self, tickets: list[Ticket[_Work]]) -> None:
        """Do the work of some threads: one statement, or one transaction."""
        outcomes: list[StoredHold | Refusal | bool | None]
        outcomes = [self._database.autocommit(tickets[0].work.try_fast)] if len(tickets) == 1 else [None]
        if None in outcomes:
            with self._database as connection:
                works = (ticket.work for ticket in tickets)
                outcomes = [work.try_fast(connection) or work.in_transaction(connection) for work in works]
        for ticket, outcome in zip(tickets, outcomes, strict=True):
            # Made here and not by the thread that waits: if that is interrupted meanwhile, nobody holds the
            # reservation, and it is given back.
            held = isinstance(outcome, StoredHold)
            ticket.succeed(Reservation(ticket.work.account, outcome) if held else outcome)
        if self._abandoned:
            self._sweep()

    def _take_slot(self, definition_id: str, limit: int, instance_id: str) -> int:
        holder = self._enrolled()
        with self._transaction() as connection:
            return counters.take_slot(connection, definition_id, limit, instance_id, holder)

    def _slot_holders(self, definition_id: str) -> list[int]:
        with self._transaction() as connection:
            return counters.slot_holders(connection, definition_id)

    def _now(self) -> int:
        return round(self._clock() * MICROSECONDS)

    def _account(self, definition_id: str) -> _Account:
        with self._lock:
            return self._accounts.setdefault(definition_id, _Account(self, definition_id))

    def _poll_interval(self, refusal: Refusal, turn: int) -> float:
        longest = FOREIGN_CLOCK_POLL if self._foreign_clock else LONGEST_POLL
        return min(FIRST_POLL * 2 ** min(turn, 10), LAST_POLL, longest) if refusal.in_flight else longest

    # --- being alive, and what the dead leave behind ---

    def _enrolled(self) -> int:
        """This limiter's number in the file.  After a fork the child is somebody else and gets its own."""
        if self._holder and self._process == os.getpid():
            return self._holder
        with self._lock:
            if self._holder and self._process == os.getpid():
                return self._holder
            with self._database as connection:
                lease = Lease(self.path)
                try:
                    holder = counters.register_holder(connection, lease.name)
                except sqlite3.Error:
                    lease.end()
                    raise
            self._lease, self._holder, self._process = lease, holder, os.getpid()
        self._reclaim()
        return self._holder

    def _reclaim(self) -> bool:
        """End the calls of limiters that are gone, and give back their slots; whether there were any."""
        with self._database as connection:
            others = counters.other_holders(connection, self._holder)
        try:
            dead = [number for number, lease in others if not is_held(self.path, lease)]
        except OSError as error:
            raise self._database.explained(error) from error
        if dead:
            with self._database as connection:
                for number in dead:
                    counters.end_all(connection, number)
        return bool(dead)

    # --- calls without limits ---

    def _count_deferred(self, calls: list[FinishedCall]) -> None:
        holder = self._enrolled()
        with self._transaction() as connection:
            for finished in calls:
                account = self._account(finished.definition_id)
                sequence = holder << 32 | next(self._calls) & 0xFFFFFFFF
                call = ReservationRequest(
                    finished.definition_id, _NO_LIMITS, finished.tokens, finished.cost, holder, sequence
                )
                work = _Reserve(account, call, self._now)
                hold = work.try_fast(connection) or work.in_transaction(connection)
                assert isinstance(hold, StoredHold), hold
                counters.settle(connection, hold, finished.tokens, finished.cost)

    def _not_counted(self, error: Exception) -> None:
        _log.warning("calls without limits are not counted yet: %s", error)

    # --- the end of a call ---

    def _finish(self, account: _Account, hold: StoredHold, settled: tuple[int, int] | None) -> None:
        if hold.holder != self._holder:
            return
        work = _End(account, hold, settled)
        try:
            self._group.submit(work)
        except BaseException:  # whatever it is, it goes on; the call is over, and must not count as in flight for good
            self._abandoned.append(work)
            raise
        if account.queue:
            account.queue.wake()

    def _abandon(self, account: _Account, hold: StoredHold) -> None:
        # A destructor may run in the very thread that is inside a transaction, and must not wait for it then.  Whoever
        # is inside one looks at the queue again after it, so nothing stays behind.
        self._abandoned.append(_End(account, hold, None))
        if not self._database.lock.locked():
            self._sweep()

    def _sweep(self) -> None:
        """End the calls that could not be ended in time; what fails again is left for the next time."""
        while self._abandoned:
            work = self._abandoned.popleft()
            if work.hold.holder != self._holder or self._process != os.getpid():
                continue
            try:
                self._database.autocommit(work.try_fast)
            except NeuroScriptError as error:
                self._abandoned.appendleft(work)
                _log.warning("a reservation was not given back yet: %s", error)
                return
            work.account.queue.wake()

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._database as connection:
            yield connection
        if self._abandoned:
            self._sweep()


class _Account:
    """One definition at one limiter: its waiting callers, and what its reservations talk to."""

    __slots__ = ("_limiter", "definition_id", "known", "queue", "unlimited")

    def __init__(self, limiter: SQLiteRateLimiter, definition_id: str) -> None:
        self._limiter = limiter
        self.definition_id = definition_id
        self.queue = WaitQueue()
        self.known: CachedRow | None = None
        self.unlimited: set[object] = set()  # the calls in flight that no limit looks at

    def settle_hold(self, hold: StoredHold, tokens: int, cost: int) -> None:
        self._limiter._finish(self, hold, (tokens, cost))

    def release_hold(self, hold: StoredHold) -> None:
        self._limiter._finish(self, hold, None)

    def abandon_hold(self, hold: StoredHold) -> None:
        self._limiter._abandon(self, hold)


@dataclass(slots=True)
class _Reserve:
    """A reservation to be made.

    It is tried by one statement first, which does in the usual case (`try_fast`), and else in a transaction.
    """

    account: _Account
    call: ReservationRequest
    now: Callable[[], int]

    # The clock is read inside the transaction: readings come in the order of the transactions, whatever process they
    # are of.  For a statement by itself it is read shortly before; if another comes between, a transaction decides.

    def try_fast(self, connection: sqlite3.Connection) -> StoredHold | None:
        known = self.account.known
        return None if known is None else counters.add_fast(connection, self.call, known, self.now())

    def in_transaction(self, connection: sqlite3.Connection) -> StoredHold | Refusal:
        first = self.account.known is None
        outcome, self.account.known = counters.reserve(connection, self.call, self.now(), first=first)
        return outcome


@dataclass(slots=True)
class _End:
    """The end of a call: its real tokens and cost, or None if it is taken back.  One statement is all that it takes."""

    account: _Account
    hold: StoredHold
    settled: tuple[int, int] | None

    def try_fast(self, connection: sqlite3.Connection) -> bool:
        if self.settled is None:
            counters.release(connection, self.hold)
        else:
            counters.settle(connection, self.hold, *self.settled)
        return True

    in_transaction = try_fast


_Work = _Reserve | _End
