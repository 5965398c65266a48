"""Exclusive counting: a limiter that has the shared file to itself counts in memory, and writes a moment later.

A call that takes a millisecond need not wait for the file twice, if nobody else looks at the file meanwhile.  A limiter
that is busy and finds no other one enrolled takes a lock beside the file, keeps the sums of its definitions in memory,
and writes its calls together, ten times a second.

* **Others.**  A limiter that comes enrols itself in the file first and then waits for the lock.  The one that holds it
  sees that at its next writing and gives the lock up, so neither ever counts without the other's calls.
* **Everything else** that the file is read or written for writes the calls before it, in the same transaction.  Only
  calls that fit, of definitions for which nobody waits, are counted in memory.
* **A process that dies** takes the calls of its last tenth of a second with it.  Whoever starts next counts them again
  from their records (`past_uses`), so only a limiter that has those may count like this.
"""

from __future__ import annotations

import atexit
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Final
from weakref import WeakSet

from ai_wm.ratelimit import holders
from ai_wm.ratelimit.base import MINUTE, Use
from ai_wm.ratelimit.counters import LAG, Counters, ReservationRequest, StoredHold, release, settle
from ai_wm.ratelimit.database import Database, FileBusyError
from ai_wm.ratelimit.leases import LONGEST_WAIT, try_exclusive
from ai_wm.ratelimit.presence import Presence
from ai_wm.ratelimit.windows import exact_day, exceeded
from ai_wm.support.process_lock import ProcessLock
from neuroscript import NeuroScriptError

WRITE_SECONDS: Final = 0.1
"""How long a call may be counted without being in the file."""

BUSY_SECONDS: Final = 0.05
"""A limiter is busy while its calls are no further apart."""

_TRUST_SECONDS: Final = LONGEST_WAIT / 2
"""For so long the file is trusted to have shown that nobody else is there.

A process that was stopped, or found the file locked, may be late; who came meanwhile does not wait for it for ever.
"""

_AGAIN_SECONDS: Final = 1.0
"""How long a limiter that was not alone goes on before it looks again."""

_QUIET_TURNS: Final = 5
"""After so many turns without a call to write, the lock is given up."""

_ADD: Final = "INSERT OR IGNORE INTO entries VALUES (?, ?, ?, ?, ?, ?)"
_END: Final = "UPDATE entries SET holder = 0 WHERE definition = ? AND stamp = ? AND sequence = ? AND holder = ?"


@dataclass(frozen=True, slots=True)
class _Call:
    """A call that is not in the file yet: what it holds or has used, and the sums in which it is counted."""

    hold: StoredHold
    row: Counters
    tokens: int
    cost: int
    is_over: bool = False


class ExclusiveCounts:
    """The calls that one limiter counted in memory.

    Args:
        database: the file; it writes them before anything else that it is used for.
        presence: the limiter's.
        failed: called with the error if they could not be written when it was time, since nobody waits for that.
    """

    def __init__(self, database: Database, presence: Presence, failed: Callable[[Exception], None]) -> None:
        self._database = database
        self._presence = presence
        self._failed = failed
        self._begin()
        database.behind = self
        _all.add(self)

    def _begin(self) -> None:
        # A destructor may run in the very thread that holds the lock, and comes here by the database.
        self._lock = threading.RLock()
        self._entering = threading.Lock()
        self._rows: dict[str, Counters] = {}  # the sums by definition, with the pending calls
        self._pending: dict[int, _Call] = {}
        self._taken: dict[int, _Call] = {}  # the calls that are being written
        self._held: ProcessLock | None = None
        self._left = threading.Event()
        self._last = self._looked = -_AGAIN_SECONDS
        self._alone = 0.0  # when nobody else was there

    # --- calls ---

    def knows(self, definition_id: str) -> bool:
        """Whether calls of a definition may be counted in memory now."""
        return definition_id in self._rows and self._presence.is_ours

    def reserve(self, call: ReservationRequest) -> StoredHold | None:
        """Count a call if it fits for certain; None if the file has to decide."""
        with self._lock:
            row = self._rows.get(call.definition_id)
            if row is None or time.monotonic() - self._alone > _TRUST_SECONDS:
                return None
            stamp = self._presence.clock.now() + row.clock_offset
            if (
                stamp < row.now
                or row.minute_edge <= stamp - MINUTE - LAG
                or row.exact != exact_day(call.policy)
                or exceeded(call.policy, row, call.tokens, call.cost)
            ):
                return None
            hold = StoredHold(row.key, stamp, call.sequence, call.tokens, call.cost, call.holder)
            self._pending[call.sequence] = _Call(hold, row, call.tokens, call.cost)
            row.now = stamp
            row.minute_requests += 1
            row.day_requests += 1
            row.minute_tokens += call.tokens
            row.day_tokens += call.tokens
            row.day_cost += call.cost
            row.in_flight += 1
            row.flight_tokens += call.tokens
            row.flight_cost += call.cost
            return hold

    def end(self, definition_id: str, hold: StoredHold, used: Use | None) -> bool:
        """End a call, of which the sums in memory are to go on.

        Args:
            definition_id: whose call it is.
            hold: the call.
            used: its real tokens and cost; None takes it back.

        Returns:
            whether that was done; False leaves it to the file alone.
        """
        if not self._rows and not self._pending:
            return False
        try:
            with self._lock:
                call = self._pending.get(hold.sequence)
                if call is not None:
                    self._end_pending(call, used)
                    return True
                if definition_id not in self._rows or hold.sequence in self._taken:
                    return False
            if self._database.lock.locked():
                return False
            self._database.directly(lambda connection: self._end_in_file(connection, definition_id, hold, used))
        except FileBusyError:
            return False
        except BaseException:  # raised again; after an interrupt the sums may not be what they should
            self._rows = {}
            raise
        return True

    def _end_pending(self, call: _Call, used: Use | None) -> None:
        if call.is_over:
            return
        if used is None:
            del self._pending[call.hold.sequence]
        else:  # in one step: an interrupt may come
            self._pending[call.hold.sequence] = _Call(call.hold, call.row, *used, is_over=True)
        _end(call.row, call.hold, used)

    def _end_in_file(
        self, connection: sqlite3.Connection, definition_id: str, hold: StoredHold, used: Use | None
    ) -> None:
        ended = release(connection, hold) if used is None else settle(connection, hold, *used)
        with self._lock:
            row = self._rows.get(definition_id)
            if row is not None and ended:
                _end(row, hold, used)

    # --- the file; its lock is held ---

    def take(self, touching: Collection[str] | None) -> bool:
        """Stop counting in memory for some definitions, or for all; whether there are calls to write."""
        if self._rows or self._pending:
            with self._lock:
                if touching is None:
                    self._rows = {}
                for definition_id in touching or ():
                    self._rows.pop(definition_id, None)
                self._taken.update(self._pending)
                self._pending = {}
        return bool(self._taken)

    def write(self, connection: sqlite3.Connection) -> None:
        """Write the calls that were taken, inside a transaction."""
        calls = list(self._taken.values())
        connection.executemany(_ADD, [(*call.hold[:3], call.tokens, call.cost, call.hold.holder) for call in calls])
        connection.executemany(_END, [(*call.hold[:3], call.hold.holder) for call in calls if call.is_over])

    def written(self) -> None:
        """Note that the transaction is committed."""
        self._taken = {}

    # --- being alone ---

    def consider(self, definition_id: str) -> None:
        """Count the next calls of a definition in memory, if the limiter is busy and alone with the file."""
        now = time.monotonic()
        last, self._last = self._last, now
        if now - last > BUSY_SECONDS or (self._held is None and not self._enter(now)):
            return
        try:
            self._database.autocommit(
                lambda connection: self._keep(Counters.find(connection, definition_id), definition_id),
                tries=1,
                touching=(),
            )
        except (NeuroScriptError, FileBusyError):  # the call is counted; the next one finds out what is wrong
            self._rows = {}

    def _keep(self, row: Counters | None, definition_id: str) -> None:
        with self._lock:
            if row is not None and not row.waiting and self._held is not None:
                # Where another thread was faster, calls may be counted there that are not in this row.
                self._rows.setdefault(definition_id, row)

    def _enter(self, now: float) -> bool:
        """Take the lock, unless another limiter is there."""
        if now - self._looked < _AGAIN_SECONDS or not self._entering.acquire(blocking=False):
            return False
        try:
            self._looked = now
            if self._held is not None or not (self._is_alone() or (self._presence.reclaim() and self._is_alone())):
                return False
            held = try_exclusive(self._database.path)
            if held is None:
                return False
            if not self._is_alone():  # one that enrolled before it was taken may not have waited for it
                held.remove()
                return False
            self._left = threading.Event()
            self._held = held
            threading.Thread(target=self._keep_up, args=(self._left,), name="ai_wm limits", daemon=True).start()
        except (NeuroScriptError, FileBusyError, OSError, RuntimeError):  # the file goes on as it was used before
            self.leave()
            return False
        finally:
            self._entering.release()
        return True

    def _is_alone(self) -> bool:
        looked = time.monotonic()
        others = self._database.autocommit(
            lambda connection: holders.others(connection, self._presence.number), tries=1, touching=()
        )
        if not others:
            self._alone = looked
        return not others

    def _keep_up(self, left: threading.Event) -> None:
        """Write the calls from time to time, until another limiter comes or there are none; in a thread of its own."""
        quiet = 0
        while not left.wait(WRITE_SECONDS):
            quiet = 0 if self._pending or self._taken else quiet + 1
            try:
                if quiet == _QUIET_TURNS or not self._is_alone():
                    break
            except FileBusyError:
                continue
            except NeuroScriptError as error:
                self._failed(error)
                break
        if not left.is_set():
            self.leave()

    def flush(self) -> None:
        """Write all calls; raises what writing raises."""
        if self._pending or self._taken:
            with self._database.transaction(touching=()):
                pass  # which writes them

    def leave(self) -> None:
        """Write all calls and give the lock up.  May be called at any time."""
        with self._lock:
            held, self._held = self._held, None
            self._rows = {}
            self._left.set()
        try:
            self.flush()
        except NeuroScriptError as error:
            self._failed(error)
        if held is not None:
            held.remove()


def _end(row: Counters, hold: StoredHold, used: Use | None) -> None:
    """Take the end of a call into the sums, as the triggers of the file do (`schema`)."""
    in_minute, in_day = hold.stamp > row.minute_edge, hold.stamp > row.day_edge
    tokens, cost = used or (0, 0)
    if used is None:
        row.minute_requests -= in_minute
        row.day_requests -= in_day
    row.minute_tokens += tokens * in_minute - hold.tokens
    row.day_tokens += tokens * in_day - hold.tokens
    row.day_cost += cost * in_day - hold.cost
    row.in_flight -= 1
    row.flight_tokens -= hold.tokens
    row.flight_cost -= hold.cost


# What is counted in memory is written before a fork, of which the child is another limiter, and before the process
# ends.
_all: WeakSet[ExclusiveCounts] = WeakSet()


def _leave_all() -> None:
    for counts in list(_all):
        counts.leave()


def _after_fork() -> None:
    for counts in list(_all):
        counts._begin()


atexit.register(_leave_all)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_leave_all, after_in_child=_after_fork)
