"""Sliding windows in the shared file: the statements that count, settle, release and expire calls.

`windows` does the same in memory.  Moments are in microseconds, costs in billionths of the currency.

The sums in the row of a definition are kept up by triggers (`database`), so that a call that fits and the end of a call
are one statement each, which is a transaction by itself.  Everything else works inside a transaction of the caller's.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from typing import NamedTuple

from ai_wm.ratelimit.base import CALLS_LIMIT, DAY, MICROSECONDS, MINUTE, LimitPolicy, Refusal, cost_units
from ai_wm.ratelimit.stored_tickets import ahead_of, draw, drop_silent, give_back, has, need
from ai_wm.ratelimit.tickets import Patience
from ai_wm.ratelimit.windows import OVERDUE_RETRY, exact_day, exceeded, refusal_of

LAG = MICROSECONDS
"""While calls fit, those that are too old are looked for no more often than this; until then the sums are too high."""

_UNLIMITED = 1 << 62
_COLUMNS = (
    "key, clock_offset, now, exact, minute_edge, day_edge, "
    "minute_requests, minute_tokens, day_requests, day_tokens, day_cost, in_flight, flight_tokens, flight_cost, waiting"
)


class StoredHold(NamedTuple):
    """One call in flight: the key of its row in ``entries``, and what was reserved for it."""

    definition: int
    stamp: int
    sequence: int
    tokens: int
    cost: int
    holder: int


@dataclass(slots=True)
class Counters:
    """The row of sums of one definition, read from the file; changes go back with `store`."""

    key: int
    clock_offset: int
    now: int
    exact: int
    minute_edge: int
    day_edge: int
    minute_requests: int
    minute_tokens: int
    day_requests: int
    day_tokens: int
    day_cost: int
    in_flight: int
    flight_tokens: int
    flight_cost: int
    waiting: int
    stamp: int = 0
    """When a call that is added now began: never before one that was added earlier."""

    @classmethod
    def find(cls, connection: sqlite3.Connection, definition_id: str) -> Counters | None:
        """Read the row of a definition, if there is one.

        Raises:
            sqlite3.DatabaseError: if it does not hold what this program writes.
        """
        row = connection.execute(f"SELECT {_COLUMNS} FROM definitions WHERE id = ?", (definition_id,)).fetchone()
        if row is None:
            return None
        if not all(type(value) is int for value in row):
            raise _corrupt("a counter is no whole number")
        return cls(*row)

    @classmethod
    def load(cls, connection: sqlite3.Connection, definition_id: str) -> Counters:
        """Read the row of a definition, or make it if there is none."""
        found = cls.find(connection, definition_id)
        if found is None:
            connection.execute("INSERT INTO definitions(id) VALUES (?)", (definition_id,))
            found = cls.find(connection, definition_id)
            assert found is not None
        return found

    def sums(self) -> tuple[int, ...]:
        """What is counted, and how its time differs from the file's."""
        return (
            self.clock_offset, self.minute_requests, self.minute_tokens, self.day_requests, self.day_tokens,
            self.day_cost, self.in_flight, self.flight_tokens, self.flight_cost, self.waiting,
        )  # fmt: skip

    def store(self, connection: sqlite3.Connection) -> None:
        """Write the row back, as it is before any call that the same transaction adds."""
        connection.execute(
            "UPDATE definitions SET clock_offset = ?, now = ?, exact = ?, minute_edge = ?, day_edge = ?, "
            "minute_requests = ?, minute_tokens = ?, day_requests = ?, day_tokens = ?, day_cost = ?, in_flight = ?, "
            "flight_tokens = ?, flight_cost = ?, waiting = ? WHERE key = ?",
            (
                self.clock_offset,
                max(self.now, self.stamp),
                self.exact,
                self.minute_edge,
                self.day_edge,
                self.minute_requests,
                self.minute_tokens,
                self.day_requests,
                self.day_tokens,
                self.day_cost,
                self.in_flight,
                self.flight_tokens,
                self.flight_cost,
                self.waiting,
                self.key,
            ),
        )

    def recount(self, connection: sqlite3.Connection) -> None:
        """Add the sums up anew from the calls; `tick` comes before, `expire` after.

        A file that came from elsewhere may have sums that its calls do not add up to: they would run out while those
        calls leave the windows, and room would be given back that nobody had taken.

        Raises:
            sqlite3.DatabaseError: if a call is not what this program writes.
        """
        self.minute_edge = min(self.minute_edge, self.now - MINUTE)
        self.day_edge = min(self.day_edge, self.now - DAY)
        span = {"key": self.key, "minute": self.minute_edge, "day": self.day_edge}
        *sums, wrong = connection.execute(_RECOUNT, span).fetchone()
        if wrong:
            raise _corrupt("a call has tokens or a cost that no call has")
        *kept, wrong = connection.execute(_RECOUNT_BUCKETS, span).fetchone()
        if wrong:
            raise _corrupt("a minute has tokens or a cost that no minute has")
        self.minute_requests, self.minute_tokens, self.in_flight, self.flight_tokens, self.flight_cost = sums[:5]
        self.day_requests, self.day_tokens, self.day_cost = (
            one + other for one, other in zip(sums[5:], kept, strict=True)
        )
        (self.waiting,) = connection.execute(
            "SELECT COUNT(*) FROM tickets WHERE definition = ?", (self.key,)
        ).fetchone()

    def tick(self, time: int) -> None:
        """Take the time of the file.  If it is behind, time stands still until it is there again.

        A call may have been stamped a moment ahead, by one whose clock had not been compared with the others.
        """
        now = time + self.clock_offset
        if now < self.now - LAG:
            self.clock_offset += self.now - now
            now = self.now
        self.stamp, self.now = max(now, self.now), now

    def expire(self, connection: sqlite3.Connection) -> None:
        """Take calls that are too old out of the windows."""
        if self.now - MINUTE > self.minute_edge:
            self._expire_from_minute(connection, self.now - MINUTE)
        if self.now - DAY > self.day_edge:
            self._expire_from_day(connection, self.now - DAY)

    def refusal(self, connection: sqlite3.Connection, policy: LimitPolicy, tokens: int, cost: int) -> Refusal | None:
        """The refusal of a call that does not fit now, or ``None`` if it does."""
        found = exceeded(policy, self, tokens, cost)
        if not found:
            return None
        return refusal_of(found, lambda limit, amount: self._frees(connection, limit, amount), self.in_flight > 0)

    def _expire_from_minute(self, connection: sqlite3.Connection, edge: int) -> None:
        span = (self.key, self.minute_edge, edge)
        self.minute_edge = edge
        requests, tokens, over = connection.execute(
            "SELECT COUNT(*), SUM(tokens) FILTER (WHERE holder = 0), COUNT(*) FILTER (WHERE holder = 0) "
            "FROM entries WHERE definition = ? AND stamp > ? AND stamp <= ?",
            span,
        ).fetchone()
        if not requests:
            return
        self.minute_requests -= requests
        self.minute_tokens -= tokens or 0
        if over and not self.exact:
            where = "definition = ? AND stamp > ? AND stamp <= ? AND holder = 0"
            connection.execute(
                f"INSERT INTO buckets SELECT definition, (stamp / {MINUTE} + 1) * {MINUTE}, COUNT(*), SUM(tokens), "
                f"SUM(cost) FROM entries WHERE {where} GROUP BY 2 ON CONFLICT DO UPDATE SET requests = requests + "
                "excluded.requests, tokens = tokens + excluded.tokens, cost = cost + excluded.cost",
                span,
            )
            connection.execute(f"DELETE FROM entries WHERE {where}", span)

    def _expire_from_day(self, connection: sqlite3.Connection, edge: int) -> None:
        span = (self.key, self.day_edge, edge)
        self.day_edge = edge
        requests, tokens, cost = connection.execute(
            "SELECT COUNT(*), SUM(tokens) FILTER (WHERE holder = 0), SUM(cost) FILTER (WHERE holder = 0) "
            "FROM entries WHERE definition = ? AND stamp > ? AND stamp <= ?",
            span,
        ).fetchone()
        if requests:
            self.day_requests -= requests
            self.day_tokens -= tokens or 0
            self.day_cost -= cost or 0
        # Calls that were in flight when they left the day, and are over now, are older than the span.
        connection.execute("DELETE FROM entries WHERE definition = ? AND stamp <= ? AND holder = 0", (self.key, edge))
        requests, tokens, cost = connection.execute(
            "SELECT SUM(requests), SUM(tokens), SUM(cost) FROM buckets WHERE definition = ? AND stamp <= ?",
            (self.key, edge),
        ).fetchone()
        if requests:
            self.day_requests -= requests
            self.day_tokens -= tokens
            self.day_cost -= cost
            connection.execute("DELETE FROM buckets WHERE definition = ? AND stamp <= ?", (self.key, edge))

    def _frees(self, connection: sqlite3.Connection, limit: str, amount: int) -> int:
        """Microseconds until ``amount`` of a limit's window is free; reads no more rows than it takes."""
        if limit == CALLS_LIMIT:
            return OVERDUE_RETRY
        if limit.endswith("_minute"):
            window = MINUTE
            rows = connection.execute(
                "SELECT stamp, 1, tokens, cost FROM entries WHERE definition = ? AND stamp > ? ORDER BY stamp",
                (self.key, self.minute_edge),
            )
        else:
            window = DAY
            rows = connection.execute(
                "SELECT stamp, requests, tokens, cost FROM buckets WHERE definition = :key AND stamp > :edge UNION ALL "
                "SELECT stamp, 1, tokens, cost FROM entries WHERE definition = :key AND stamp > :edge ORDER BY stamp",
                {"key": self.key, "edge": self.day_edge},
            )
        column = 1 if "requests" in limit else 3 if "cost" in limit else 2
        for row in rows:
            amount -= row[column]
            if amount <= 0:
                leaves: int = row[0] + window
                return leaves - self.now
        return OVERDUE_RETRY


_WRONG = (
    "COALESCE(MAX(typeof(stamp) != 'integer' OR typeof(tokens) != 'integer' OR tokens < 0 "
    "OR typeof(cost) != 'integer' OR cost < 0), 0)"
)
_RECOUNT = f"""
SELECT COUNT(*) FILTER (WHERE stamp > :minute), COALESCE(SUM(tokens) FILTER (WHERE stamp > :minute OR holder > 0), 0),
  COUNT(*) FILTER (WHERE holder > 0), COALESCE(SUM(tokens) FILTER (WHERE holder > 0), 0),
  COALESCE(SUM(cost) FILTER (WHERE holder > 0), 0), COUNT(*) FILTER (WHERE stamp > :day),
  COALESCE(SUM(tokens) FILTER (WHERE stamp > :day OR holder > 0), 0),
  COALESCE(SUM(cost) FILTER (WHERE stamp > :day OR holder > 0), 0), {_WRONG}
FROM entries WHERE definition = :key
"""
_RECOUNT_BUCKETS = f"""
SELECT COALESCE(SUM(requests), 0), COALESCE(SUM(tokens), 0), COALESCE(SUM(cost), 0),
  {_WRONG} OR COALESCE(MAX(typeof(requests) != 'integer' OR requests < 0), 0)
FROM buckets WHERE definition = :key AND stamp > :day
"""


def _corrupt(what: str) -> sqlite3.DatabaseError:
    error = sqlite3.DatabaseError(what)
    error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
    return error


@dataclass(slots=True)
class ReservationRequest:
    """One call for which room is to be reserved.

    Args:
        definition_id: whose call it is.
        policy: its limits.
        tokens: the estimate of its tokens.
        cost: the estimate of its cost, in billionths.
        holder: the number of the limiter that makes it.
        sequence: tells it from all other calls of the holder.
        ticket: its number in the order of arrival, if it waits already.
        patience: whether it may wait; ``None`` for a call that is over already and is only to be counted.
    """

    definition_id: str
    policy: LimitPolicy
    tokens: int
    cost: int
    holder: int
    sequence: int
    ticket: int | None = None
    patience: Patience | None = None


class Unserved(NamedTuple):
    """The answer to a call that was not reserved, as `Waiting` gives it on; with the number of a ticket it drew now."""

    refusal: Refusal | None
    before: int
    ticket: int | None


class CachedRow(NamedTuple):
    """The columns of a definition's row that rarely change, kept between calls; to be checked before each use."""

    key: int
    clock_offset: int


def add_fast(
    connection: sqlite3.Connection, call: ReservationRequest, known: CachedRow, reading: int
) -> StoredHold | None:
    """Count one more call, now, by a single statement; it works in the usual case alone.

    Args:
        connection: the file; no transaction is needed.
        call: what to count.
        known: what was last seen of the row.
        reading: the clock, in microseconds.

    Returns:
        the call, or None if `reserve` has to decide: it does not seem to fit, or the row, the limits or the clock were
        changed, or it is a while since calls that are too old were taken out.
    """
    policy, need = call.policy, call.tokens or 1
    budget, stamp = policy.max_cost_per_day, reading + known.clock_offset
    added = connection.execute(
        _ADD,
        (
            stamp,
            call.sequence,
            call.tokens,
            call.cost,
            call.holder,
            known.key,
            call.definition_id,
            known.clock_offset,
            exact_day(policy),
            stamp,
            stamp - MINUTE - LAG,
            policy.max_requests_per_minute or _UNLIMITED,
            policy.max_requests_per_day or _UNLIMITED,
            (policy.max_tokens_per_minute or _UNLIMITED) - need,
            (policy.max_tokens_per_day or _UNLIMITED) - need,
            cost_units(budget) - (call.cost or 1) if budget else _UNLIMITED,
            policy.max_concurrent_calls or _UNLIMITED,
        ),
    ).rowcount
    return StoredHold(known.key, stamp, call.sequence, call.tokens, call.cost, call.holder) if added > 0 else None


_ADD = """
INSERT INTO entries SELECT key, ?, ?, ?, ?, ? FROM definitions
WHERE key = ? AND id = ? AND clock_offset = ? AND exact = ? AND now <= ? AND minute_edge > ? AND minute_requests < ?
AND waiting = 0 AND day_requests < ? AND minute_tokens <= ? AND day_tokens <= ? AND day_cost <= ? AND in_flight < ?
"""


def reserve(
    connection: sqlite3.Connection, call: ReservationRequest, time: int, *, first: bool
) -> tuple[StoredHold | Unserved, CachedRow]:
    """Count one more call, or find out why it does not fit, and let it draw a ticket if it may wait.

    Args:
        connection: inside a transaction.
        call: what to count.
        time: the time of the file.
        first: whether it is the limiter's first for the definition, before which nothing is known of the sums.

    Returns:
        the call, or why it was not counted; and what to keep of the row for `add_fast`.
    """
    row = Counters.load(connection, call.definition_id)
    kept = row.sums()
    row.tick(time)
    if first:
        row.recount(connection)
    row.expire(connection)
    known = CachedRow(row.key, row.clock_offset)
    ticket, ahead = call.ticket, None
    if row.waiting and call.patience is not None:
        drop_silent(connection, row.key)
        if ticket is not None and not has(connection, row.key, ticket):
            ticket = None
        ahead = ahead_of(connection, row.key, ticket)
        (row.waiting,) = connection.execute("SELECT waiting FROM definitions WHERE key = ?", (row.key,)).fetchone()
    if ahead is None:
        refusal = row.refusal(connection, call.policy, call.tokens, call.cost)
    else:
        refusal = row.refusal(connection, call.policy, ahead.tokens, ahead.cost)
    if refusal is None and ahead is None:
        row.exact = int(exact_day(call.policy))
        row.store(connection)
        if ticket is not None:
            give_back(connection, call.definition_id, ticket, call.holder)
        hold = StoredHold(row.key, row.stamp, call.sequence, call.tokens, call.cost, call.holder)
        connection.execute("INSERT INTO entries VALUES (?, ?, ?, ?, ?, ?)", hold)
        return hold, known
    if row.sums() != kept:  # what changes nothing is not written, since callers that wait look again and again
        row.store(connection)
    before = 0 if ahead is None else ahead.before
    drawn = None
    if ticket is not None:
        need(connection, row.key, ticket, call.tokens, call.cost)
    elif call.patience is not None and not call.patience.ends_with(refusal, before):
        drawn = draw(connection, row.key, call.holder, call.tokens, call.cost)
    return Unserved(refusal, before, drawn), known


def settle(connection: sqlite3.Connection, hold: StoredHold, tokens: int, cost: int) -> bool:
    """Replace a call's estimates by what it really used.

    Returns:
        False if nothing happened, since it is over or its definition is gone.
    """
    changed = connection.execute(
        "UPDATE entries SET tokens = ?, cost = ?, holder = 0 "
        "WHERE definition = ? AND stamp = ? AND sequence = ? AND holder = ?",
        (tokens, cost, hold.definition, hold.stamp, hold.sequence, hold.holder),
    )
    return changed.rowcount > 0


def release(connection: sqlite3.Connection, hold: StoredHold) -> bool:
    """Take a call back, as if it had never been made; returns as `settle`."""
    changed = connection.execute(
        "DELETE FROM entries WHERE definition = ? AND stamp = ? AND sequence = ? AND holder = ?",
        (hold.definition, hold.stamp, hold.sequence, hold.holder),
    )
    return changed.rowcount > 0


def undo(connection: sqlite3.Connection, definition_id: str, sequence: int, holder: int) -> None:
    """Take a call back of which only its sequence is known.  Nothing happens if it is over or was never made."""
    connection.execute(
        "DELETE FROM entries WHERE definition = (SELECT key FROM definitions WHERE id = ?) AND sequence = ? "
        "AND holder = ? AND holder > 0",
        (definition_id, sequence, holder),
    )


def mark_removed(connection: sqlite3.Connection, definition_id: str, known_as: str) -> None:
    """Note as what a definition that was removed can be known again."""
    connection.execute("UPDATE definitions SET removed = ? WHERE id = ?", (known_as, definition_id))


def was_removed(connection: sqlite3.Connection, known_as: str) -> bool:
    """Whether a removed definition can be known as that again."""
    found = connection.execute("SELECT 1 FROM definitions WHERE removed = ? AND removed != ''", (known_as,))
    return found.fetchone() is not None


def inherit(connection: sqlite3.Connection, definition_id: str, known_as: str) -> None:
    """Let a definition that was added go on from the counters of one that was removed, unless it has its own."""
    connection.execute("UPDATE definitions SET removed = '' WHERE id = ?", (definition_id,))
    connection.execute(
        "UPDATE OR IGNORE definitions SET id = ?, removed = '' WHERE key = (SELECT key FROM definitions "
        "WHERE removed = ? AND removed != '' ORDER BY now DESC LIMIT 1)",
        (definition_id, known_as),
    )


def tidy(connection: sqlite3.Connection, time: int) -> bool:
    """Drop what has aged out of all windows: some calls, or a definition of which nothing is left.

    Args:
        connection: inside a transaction, which this does not make long.
        time: the time of the file.

    Returns:
        whether there may be more.
    """
    row = connection.execute(
        "SELECT key FROM definitions WHERE in_flight = 0 AND waiting = 0 AND now - clock_offset <= ? "
        "AND NOT EXISTS (SELECT 1 FROM slots WHERE definition = key) LIMIT 1",
        (time - DAY,),
    ).fetchone()
    if row is None:
        return False
    gone = connection.execute(
        "DELETE FROM entries WHERE definition = :key AND (stamp, sequence) IN "
        "(SELECT stamp, sequence FROM entries WHERE definition = :key ORDER BY stamp, sequence LIMIT 1000)",
        {"key": row[0]},
    ).rowcount
    if gone < 1000:
        connection.execute("DELETE FROM buckets WHERE definition = ?", row)
        connection.execute("DELETE FROM definitions WHERE key = ?", row)
    return True
