"""The pieces of work that threads give to the shared file, and that one thread may do for many."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from typing import Protocol

from ai_wm.ratelimit import counters, stored_tickets
from ai_wm.ratelimit.base import Reservation
from ai_wm.ratelimit.counters import CachedRow, ReservationRequest, StoredHold, Unserved
from ai_wm.ratelimit.presence import Presence
from ai_wm.ratelimit.tickets import Waiting
from ai_wm.ratelimit.wait_queue import WaitQueue


class Account(Protocol):
    """The part of a definition's account at a limiter that its work needs."""

    definition_id: str
    known: CachedRow | None
    queue: WaitQueue

    def answer(self, outcome: object) -> Reservation | Waiting:
        """What a thread gets for its attempt."""


@dataclass(slots=True)
class ReserveWork:
    """A reservation to be made.

    It is tried by one statement first, which does in the usual case (`try_fast`), and else in a transaction.
    """

    account: Account
    call: ReservationRequest
    presence: Presence

    # The clock is read inside the transaction: readings come in the order of the transactions, whatever process they
    # are of.  For a statement by itself it is read shortly before; if another comes between, a transaction decides.

    def try_fast(self, connection: sqlite3.Connection) -> StoredHold | None:
        known = self.account.known
        if known is None or self.call.ticket is not None:
            return None
        return counters.add_fast(connection, self.call, known, self.presence.clock.now())

    def in_transaction(self, connection: sqlite3.Connection) -> StoredHold | Unserved:
        first = self.account.known is None
        time = self.presence.time(connection)
        outcome, self.account.known = counters.reserve(connection, self.call, time, first=first)
        return outcome


@dataclass(slots=True, eq=False)
class UndoWork:
    """The end of an attempt that was interrupted: what it may have reserved is taken back."""

    account: Account
    sequence: int
    holder: int

    def try_fast(self, connection: sqlite3.Connection) -> bool:
        counters.undo(connection, self.account.definition_id, self.sequence, self.holder)
        return True


@dataclass(slots=True, eq=False)
class EndWork:
    """The end of a call: its real tokens and cost, or None if it is taken back.  One statement is all that it takes."""

    account: Account
    hold: StoredHold
    settled: tuple[int, int] | None

    @property
    def holder(self) -> int:
        return self.hold.holder

    def try_fast(self, connection: sqlite3.Connection) -> bool:
        if self.settled is None:
            counters.release(connection, self.hold)
        else:
            counters.settle(connection, self.hold, *self.settled)
        return True

    in_transaction = try_fast


@dataclass(slots=True, eq=False)
class LeaveWork:
    """The end of a wait: its ticket is taken away."""

    account: Account
    number: int
    holder: int

    def try_fast(self, connection: sqlite3.Connection) -> bool:
        stored_tickets.give_back(connection, self.account.definition_id, self.number, self.holder)
        return True


AnyWork = ReserveWork | EndWork
"""What threads wait for together."""

LeftWork = EndWork | LeaveWork | UndoWork
"""What is left to whoever comes next."""
