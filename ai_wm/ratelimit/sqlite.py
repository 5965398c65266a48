"""The rate limiter that processes share through a SQLite file, so that its counters survive restarts."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import count
from pathlib import Path
from threading import Lock
from time import monotonic
from typing import Final

from ai_wm.ratelimit import counters, holders, stored_tickets
from ai_wm.ratelimit.base import (
    CEILING,
    Demand,
    LimitPolicy,
    Reservation,
    Use,
    cost_units,
    slots_refused,
    subject_of,
    token_count,
)
from ai_wm.ratelimit.counters import CachedRow, Counters, ReservationRequest, StoredHold, Unserved
from ai_wm.ratelimit.database import Database, FileBusyError
from ai_wm.ratelimit.deferred import DeferredCounts, NoLimits, OpenCall, limits_nothing
from ai_wm.ratelimit.exclusive import ExclusiveCounts
from ai_wm.ratelimit.leases import has_exclusive
from ai_wm.ratelimit.left_work import LeftWorks
from ai_wm.ratelimit.past_uses import PastUses
from ai_wm.ratelimit.presence import Presence
from ai_wm.ratelimit.tickets import HEARTBEAT, Patience, Ticket, Waiting
from ai_wm.ratelimit.wait_queue import FOREIGN_CLOCK_POLL, Check, WaitQueue
from ai_wm.ratelimit.windows import Windows, usage_of
from ai_wm.ratelimit.works import AnyWork, EndWork, LeaveWork, ReserveWork, UndoWork
from ai_wm.support.group_commit import GroupCommit
from ai_wm.support.group_commit import Ticket as Work
from neuroscript import NeuroScriptError, get_logger

_log = get_logger("ai_wm.limits")

# The end of a call of another process, or that of a wait, may make room at any time, and nobody tells this process.
# The first waiting caller looks after 5 ms, then ever more rarely, up to twenty times a second.
FIRST_POLL: Final = 0.005
LAST_POLL: Final = 0.05
# The system's clock may be set while a caller sleeps.
LONGEST_POLL: Final = 5.0
PEEK_SECONDS: Final = 1.0
"""For so long a caller that is not the first of all only looks whether it is by now, which writes nothing."""
_TRIES: Final = 20
"""How often the thread that works for others finds the file locked before each of them waits by itself."""
_NO_LIMITS = NoLimits()


class SQLiteRateLimiter:
    """A `RateLimiter` in a SQLite file that any number of processes share; a reservation is one transaction.

    Calls without limits are counted when they are over, up to half a second later (`deferred`).  A limiter that is busy
    and alone with the file counts in memory, and writes up to a tenth of a second later (`exclusive`).  Else the end of
    a call is counted at once, by this thread or by another one of this process that has the file at that moment.

    Nothing is opened before it is needed.  Calls of a process that died count as they were reserved, and its slots
    are given back, by whoever is refused because of them, and when a limiter starts.  Callers that wait are served in
    order of arrival, whatever process they are of.

    A file that is removed, replaced or cut short while it is used is error 26, for this limiter for good; the next one
    counts again what it lost, as far as ``past_uses`` know it.

    Args:
        path: the file, such as ``ai_worker_limits.sqlite3``.  Files ``….lease`` beside it show who is alive.
        clock: seconds since the epoch, the same in all processes; by default time passes as a clock says that nobody
            can set (`clocks`).  Where it goes backwards time stands still instead until it goes on, and among several
            limiters the slowest counts, so that no window is ever cut short.
        past_uses: gives what was used in the last day, for a file that knows less when this limiter begins, since
            somebody removed, emptied or replaced it; None: nobody knows.
    """

    def __init__(
        self,
        path: Path | str,
        clock: Callable[[], float] | None = None,
        past_uses: PastUses | None = None,
    ) -> None:
        self.path = Path(path)
        self._database = Database(self.path)
        self._presence = Presence(self._database, clock, past_uses)
        self._lock = Lock()
        self._accounts: dict[str, _Account] = {}
        self._group: GroupCommit[AnyWork] = GroupCommit(self._execute)
        self._left = LeftWorks(self._database, self._presence)
        self._deferred = DeferredCounts(self._count_deferred, self._not_counted)
        self._calls = count()
        # Without records of the calls, those that a process takes with it when it dies would be lost.
        self._exclusive = (
            None if past_uses is None else ExclusiveCounts(self._database, self._presence, self._not_counted)
        )

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
            NeuroScriptError: 26 if the file cannot be read or written or is not there any more, 18 if it is damaged.
        """
        account = self._accounts.get(definition_id) or self._account(definition_id)
        if not self._presence.looked_back:
            self._presence.look_back()
        if limits_nothing(policy):
            return self._deferred.reservation(definition_id, account.unlimited, token_count(tokens), cost_units(cost))
        if self._deferred.waiting:
            self._deferred.flush()
        demand = Demand(policy, tokens, cost)
        if not account.queue and self._exclusive is not None and self._exclusive.knows(definition_id):
            reservation = self._in_memory(self._exclusive, account, demand)
            if reservation is not None:
                return reservation
        return account.queue.reserve(
            account.attempt, demand, definition_id, name, wait_seconds, flight_seconds, again, cancelled
        )

    def acquire_slot(self, definition_id: str, policy: LimitPolicy, instance_id: str, *, name: str = "") -> None:
        """Take a slot for an active instance; see `RateLimiter.acquire_slot`."""
        limit = policy.max_concurrent_active_instances or 0
        used = self._take_slot(definition_id, limit, instance_id)
        if used and self._presence.reclaim():
            used = self._take_slot(definition_id, limit, instance_id)
        if used:
            raise slots_refused(subject_of(definition_id, name), limit, used)

    def release_slot(self, definition_id: str, instance_id: str) -> None:
        """Give an instance's slot back; see `RateLimiter.release_slot`."""
        if self._database.exists:
            with self._transaction() as connection:
                holders.free_slot(connection, definition_id, instance_id)

    def active_slots(self, definition_id: str) -> int:
        """Count the slots that are taken; see `RateLimiter.active_slots`."""
        if not self._database.exists:
            return 0
        of = self._slot_holders(definition_id)
        if any(number != self._presence.number for number in of) and self._presence.reclaim():
            of = self._slot_holders(definition_id)
        return len(of)

    def usage(self, definition_id: str) -> dict[str, float]:
        """Read the counters of a definition; see `RateLimiter.usage`."""
        account = self._account(definition_id)
        self._presence.catch_up()
        if not self._presence.is_ours and has_exclusive(self.path):
            self._presence.enrolled()  # who counts in memory sees that, and writes it
        self._left.sweep()
        self._deferred.flush()  # ends what was forgotten, too
        waiting, unlimited = len(account.queue), len(account.unlimited)
        self._deferred.flush()
        if self._database.exists:
            self._presence.reclaim()
        slots = self.active_slots(definition_id)
        if self._database.exists:
            with self._transaction() as connection:
                row = Counters.find(connection, definition_id)
                if row is not None:
                    row.tick(self._presence.time(connection))
                    row.expire(connection)
                    row.store(connection)
                    row.in_flight += unlimited
                    waiting += stored_tickets.count_of_others(connection, row.key, self._presence.number)
                    return usage_of(row, slots, waiting)
        nothing = Windows()
        nothing.in_flight = unlimited
        return usage_of(nothing, slots, waiting)

    def changed(self, definition_id: str) -> None:
        """Let all waiting callers of a definition look again; see `RateLimiter.changed`."""
        with self._lock:
            accounts = list(self._accounts.items())
        for known_as, account in accounts:
            if known_as == definition_id or known_as.startswith(CEILING):
                account.queue.wake_all()

    def forget(self, definition_id: str, known_as: str = "") -> None:
        """End the waits of a definition that was removed; see `RateLimiter.forget`."""
        with self._lock:
            account = self._accounts.pop(definition_id, None)
        if account is not None:
            account.queue.close("the definition was removed")
        if not self._database.exists:
            return
        try:
            # What was used stays counted; it leaves the file once it has aged out.
            self._deferred.flush()
            with self._transaction() as connection:
                counters.mark_removed(connection, definition_id, known_as)
                time = self._presence.time(connection)
            self._presence.tidy(time)
        except NeuroScriptError as error:
            _log.warning("what a removed definition used is not known as such: %s", error)

    def inherit(self, definition_id: str, known_as: str) -> None:
        """Count on what a removed definition used; see `RateLimiter.inherit`."""
        if not self._database.exists:
            return
        try:
            if self._database.autocommit(lambda connection: counters.was_removed(connection, known_as)):
                with self._transaction() as connection:
                    counters.inherit(connection, definition_id, known_as)
        except NeuroScriptError as error:
            _log.warning("what a removed definition used is not counted for the one that was added: %s", error)

    def close(self) -> None:
        """Give back what this limiter holds and close the file; see `RateLimiter.close`.

        A call that is settled later is not counted any more.
        """
        self._presence.expect_end()
        try:
            self._deferred.flush()
        except NeuroScriptError as error:
            self._not_counted(error)
        with self._lock:
            accounts, self._accounts = list(self._accounts.values()), {}
        for account in accounts:
            account.queue.close("the rate limiter was closed")
        if self._exclusive is not None:
            self._exclusive.leave()
        self._presence.end()
        self._database.close()

    # --- one attempt ---

    def _attempt(
        self,
        account: _Account,
        demand: Demand,
        ticket: Ticket | None,
        patience: Patience,
        check: Check,
    ) -> Reservation | Waiting:
        """Make an attempt, and another one where a process that died stood in the way."""
        if ticket is not None:
            self._hear(account)
            waiting = self._peek(account, ticket)
            if waiting is not None:
                return waiting
        outcome = self._try(account, demand, ticket, patience, check)
        if isinstance(outcome, Reservation) or (ticket is not None and not self._presence.reclaims_again):
            return outcome
        refusal = outcome.refusal
        hindered = outcome.before or self._presence.held_back or (refusal is not None and refusal.in_flight)
        if hindered and self._presence.reclaim():
            ticket = outcome.ticket
            outcome = self._try(account, demand, ticket, patience, check)
            if isinstance(outcome, Reservation) and ticket is not None:
                ticket.used()
        self._left.sweep()
        return outcome

    def _in_memory(self, exclusive: ExclusiveCounts, account: _Account, demand: Demand) -> Reservation | None:
        """Reserve without the file; None if the file has to decide."""
        call = self._request(account, demand, self._presence.number, None, None)
        try:
            hold = exclusive.reserve(call)
            return None if hold is None else Reservation(account, hold)
        except BaseException:  # raised again; the call may be counted already when an interrupt comes
            self._left.add(UndoWork(account, call.sequence, call.holder))
            raise

    def _request(
        self, account: _Account, demand: Demand, holder: int, ticket: int | None, patience: Patience | None
    ) -> ReservationRequest:
        tokens, cost, sequence = token_count(demand.tokens), cost_units(demand.cost), self._sequence(holder)
        return ReservationRequest(
            account.definition_id, demand.policy, tokens, cost, holder, sequence, ticket, patience
        )

    def _sequence(self, holder: int) -> int:
        """A number that tells a call from all others: holders have numbers of their own, for good; so have calls."""
        return holder << 32 | next(self._calls) & 0xFFFFFFFF

    def _try(
        self,
        account: _Account,
        demand: Demand,
        ticket: Ticket | None,
        patience: Patience,
        check: Check,
    ) -> Reservation | Waiting:
        holder = self._presence.enrolled()
        call = self._request(account, demand, holder, None if ticket is None else ticket.number, patience)
        work = ReserveWork(account, call, self._presence)
        self._database.check_there()
        outcome: Reservation | Waiting
        try:
            try:
                outcome = self._group.submit(work)
            except FileBusyError:
                outcome = self._database.patiently(lambda: self._group.submit(work), check)
        except Exception:
            raise
        except BaseException:  # raised again; the call may be in the file already when an interrupt comes
            self._left.add(UndoWork(account, call.sequence, holder))
            if not self._database.lock.locked():
                self._left.sweep(tries=1)
            raise
        if isinstance(outcome, Waiting):
            account.looked = monotonic()
            if ticket is not None and outcome.ticket is None:
                return replace(outcome, ticket=ticket)
        elif self._exclusive is not None:
            self._exclusive.consider(account.definition_id)
        return outcome

    def _peek(self, account: _Account, ticket: Ticket) -> Waiting | None:
        """Look whether others wait before a caller still, without a transaction."""
        blocked = account.queue.blocked
        if blocked is None or not blocked.before or monotonic() - account.looked > PEEK_SECONDS:
            return None
        before = self._database.autocommit(
            lambda connection: stored_tickets.count_before(connection, account.definition_id, ticket.number)
        )
        self._left.sweep()
        return Waiting(blocked.refusal, before, ticket) if before else None

    def _hear(self, account: _Account) -> None:
        """Let the file know from time to time that the callers of this process still wait."""
        now = monotonic()
        if now - account.heard >= HEARTBEAT:
            account.heard = now
            numbers = account.queue.numbers()
            with self._transaction() as connection:
                stored_tickets.heard_of(connection, account.definition_id, numbers, self._presence.number)

    def _execute(self, tickets: list[Work[AnyWork]]) -> None:
        """Do the work of some threads, and before it what was left to whoever comes: one statement or transaction."""
        left = self._left.ours()
        touching = {each.account.definition_id for each in (*left, *(each.work for each in tickets))}
        if len(tickets) == 1 and not left:
            fast = self._database.autocommit(tickets[0].work.try_fast, tries=_TRIES, touching=touching)
            if fast is not None:
                tickets[0].succeed(fast if fast is True else tickets[0].work.account.answer(fast))
                self._left.sweep()
                return
        outcomes: list[object] = []

        def hand_out() -> None:
            for ticket, outcome in zip(tickets, outcomes, strict=True):
                # Made here and not by the thread that waits: if that is interrupted meanwhile, nobody holds the
                # reservation, and it is given back.
                if not ticket.done:
                    ticket.succeed(outcome if outcome is True else ticket.work.account.answer(outcome))

        with self._database.transaction(tries=_TRIES, touching=touching) as connection:
            done = self._left.try_in(connection, left)
            for each in tickets:
                outcomes.append(each.work.try_fast(connection) or each.work.in_transaction(connection))
            self._database.commit(connection, hand_out)
        self._left.done(done)
        self._left.sweep()

    def _take_slot(self, definition_id: str, limit: int, instance_id: str) -> int:
        holder = self._presence.enrolled()
        with self._transaction() as connection:
            return holders.take_slot(connection, definition_id, limit, instance_id, holder)

    def _slot_holders(self, definition_id: str) -> list[int]:
        with self._transaction() as connection:
            return holders.slot_holders(connection, definition_id)

    def _account(self, definition_id: str) -> _Account:
        with self._lock:
            found = self._accounts.get(definition_id)
            if found is None:
                found = self._accounts[definition_id] = _Account(self, definition_id)
            return found

    def _poll_interval(self, outcome: Waiting, turn: int) -> float:
        longest = FOREIGN_CLOCK_POLL if self._presence.clock.is_foreign else LONGEST_POLL
        if outcome.before or outcome.refusal is None or outcome.refusal.in_flight:
            return min(FIRST_POLL * 1.3 ** min(turn, 10), LAST_POLL, longest)
        return longest

    # --- calls without limits ---

    def _count_deferred(self, calls: list[OpenCall], written: Callable[[], None]) -> None:
        holder = self._presence.enrolled()
        with self._transaction() as connection:
            for finished in calls:
                account = self._account(finished.definition_id)
                call = ReservationRequest(
                    finished.definition_id, _NO_LIMITS, finished.tokens, finished.cost, holder, self._sequence(holder)
                )
                work = ReserveWork(account, call, self._presence)
                hold = work.try_fast(connection) or work.in_transaction(connection)
                assert isinstance(hold, StoredHold), hold
                counters.settle(connection, hold, finished.tokens, finished.cost)
            self._database.commit(connection, written)

    def _not_counted(self, error: Exception) -> None:
        _log.warning("calls without limits are not counted yet: %s", error)

    # --- the end of a call ---

    def _finish(self, account: _Account, hold: StoredHold, settled: tuple[int, int] | None) -> None:
        if hold.holder != self._presence.number:
            return
        if self._exclusive is not None and self._exclusive.end(account.definition_id, hold, settled):
            if account.queue:
                account.queue.wake()
            return
        work = EndWork(account, hold, settled)
        if self._database.lock.locked():  # whoever is there does this too; waiting for it would take longer
            self._left.leave(work)
            return
        try:
            try:
                self._group.submit(work)
            except FileBusyError:
                self._database.patiently(lambda: self._group.submit(work))
        except BaseException:  # whatever it is, it goes on; the call is over, and must not count as in flight for good
            self._left.add(work)
            raise
        if account.queue:
            account.queue.wake()

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._database.transaction() as connection:
            yield connection
        self._left.sweep()


class _Account:
    """One definition at one limiter: its waiting callers, and what its reservations and tickets talk to."""

    __slots__ = ("_limiter", "definition_id", "heard", "known", "looked", "queue", "unlimited")

    def __init__(self, limiter: SQLiteRateLimiter, definition_id: str) -> None:
        self._limiter = limiter
        self.definition_id = definition_id
        self.queue = WaitQueue(limiter._poll_interval)
        self.known: CachedRow | None = None
        self.unlimited: set[OpenCall] = set()  # the calls in flight that no limit looks at
        self.looked = 0.0
        """When a caller that waits last made an attempt, rather than looking whether it is its turn."""
        self.heard = monotonic()
        """When the file was last told that callers still wait."""

    def attempt(self, demand: Demand, ticket: Ticket | None, patience: Patience, check: Check) -> Reservation | Waiting:
        """Make an attempt; see `Attempt`."""
        return self._limiter._attempt(self, demand, ticket, patience, check)

    def answer(self, outcome: object) -> Reservation | Waiting:
        """What a thread gets for its attempt."""
        if isinstance(outcome, StoredHold):
            return Reservation(self, outcome)
        assert isinstance(outcome, Unserved), outcome
        ticket = None if outcome.ticket is None else Ticket(self, outcome.ticket)
        return Waiting(outcome.refusal, outcome.before, ticket)

    def settle_hold(self, hold: StoredHold, tokens: int, cost: int) -> None:
        self._limiter._finish(self, hold, (tokens, cost))

    def release_hold(self, hold: StoredHold) -> None:
        self._limiter._finish(self, hold, None)

    def write_hold(self, hold: StoredHold) -> None:
        if self._limiter._exclusive is not None:
            self._limiter._exclusive.flush()

    def abandon_hold(self, hold: StoredHold, use: Use | None) -> None:
        self._limiter._left.leave(EndWork(self, hold, use))

    def abandon_ticket(self, number: int) -> None:
        self._limiter._left.leave(LeaveWork(self, number, self._limiter._presence.number))
