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
from ai_wm.ratelimit.windows import OVERDUE_RETRY, exact_day, exceeded, refusal_of

LAG = MICROSECONDS
"""While calls fit, those that are too old are looked for no more often than this; until then the sums are too high."""

_UNLIMITED = 1 << 62

_COLUMNS = (
    "key, clock_offset, now, exact, minute_edge, day_edge, "
    "minute_requests, minute_tokens, day_requests, day_tokens, day_cost, in_flight"
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

    def store(self, connection: sqlite3.Connection) -> None:
        """Write the row back, as it is before any call that the same transaction adds."""
        connection.execute(
            "UPDATE definitions SET clock_offset = ?, now = ?, exact = ?, minute_edge = ?, day_edge = ?, "
            "minute_requests = ?, minute_tokens = ?, day_requests = ?, day_tokens = ?, day_cost = ?, in_flight = ? "
            "WHERE key = ?",
            (
                self.clock_offset,
                self.now,
                self.exact,
                self.minute_edge,
                self.day_edge,
                self.minute_requests,
                self.minute_tokens,
                self.day_requests,
                self.day_tokens,
                self.day_cost,
                self.in_flight,
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
        self.minute_requests, self.minute_tokens, self.in_flight = sums[:3]
        self.day_requests, self.day_tokens, self.day_cost = (
            one + other for one, other in zip(sums[3:], kept, strict=True)
        )

    def tick(self, reading: int) -> None:
        """Take a reading of the clock, in microseconds.  If it went back, time stands still until it is there again."""
        now = reading + self.clock_offset
        if now < self.now:
            self.clock_offset += self.now - now
            now = self.now
        self.now = now

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
  COUNT(*) FILTER (WHERE holder > 0), COUNT(*) FILTER (WHERE stamp > :day),
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
    """

    definition_id: str
    policy: LimitPolicy
    tokens: int
    cost: int
    holder: int
    sequence: int


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
AND day_requests < ? AND minute_tokens <= ? AND day_tokens <= ? AND day_cost <= ? AND in_flight < ?
"""


def reserve(
    connection: sqlite3.Connection, call: ReservationRequest, reading: int, *, first: bool
) -> tuple[StoredHold | Refusal, CachedRow]:
    """Count one more call, or find out why it does not fit.

    Args:
        connection: inside a transaction.
        call: what to count.
        reading: the clock, in microseconds.
        first: whether it is the limiter's first for the definition, before which nothing is known of the sums.

    Returns:
        the call or the refusal, and what to keep of the row for `add_fast`.
    """
    row = Counters.load(connection, call.definition_id)
    row.tick(reading)
    if first:
        row.recount(connection)
    row.expire(connection)
    refusal = row.refusal(connection, call.policy, call.tokens, call.cost)
    if refusal is None:
        row.exact = int(exact_day(call.policy))
    row.store(connection)
    known = CachedRow(row.key, row.clock_offset)
    if refusal is not None:
        return refusal, known
    hold = StoredHold(row.key, row.now, call.sequence, call.tokens, call.cost, call.holder)
    connection.execute("INSERT INTO entries VALUES (?, ?, ?, ?, ?, ?)", hold)
    return hold, known


def settle(connection: sqlite3.Connection, hold: StoredHold, tokens: int, cost: int) -> None:
    """Replace a call's estimates by what it really used.  Nothing happens if it is over or its definition is gone."""
    connection.execute(
        "UPDATE entries SET tokens = ?, cost = ?, holder = 0 "
        "WHERE definition = ? AND stamp = ? AND sequence = ? AND holder = ?",
        (tokens, cost, hold.definition, hold.stamp, hold.sequence, hold.holder),
    )


def release(connection: sqlite3.Connection, hold: StoredHold) -> None:
    """Take a call back, as if it had never been made.  Nothing happens if it is over or its definition is gone."""
    connection.execute(
        "DELETE FROM entries WHERE definition = ? AND stamp = ? AND sequence = ? AND holder = ?",
        (hold.definition, hold.stamp, hold.sequence, hold.holder),
    )


def end_all(connection: sqlite3.Connection, holder: int) -> None:
    """End all calls of a holder that is gone, give its slots back, and forget its name.

    Nobody knows what became of the calls: each counts as what was reserved for it.
    """
    connection.execute(
        "UPDATE entries SET holder = 0 "
        "WHERE definition IN (SELECT key FROM definitions WHERE in_flight > 0) AND holder = ?",
        (holder,),
    )
    connection.execute("DELETE FROM slots WHERE holder = ?", (holder,))
    connection.execute("DELETE FROM holders WHERE id = ?", (holder,))


def forget(connection: sqlite3.Connection, definition_id: str) -> None:
    """Drop everything of a definition."""
    row = connection.execute("SELECT key FROM definitions WHERE id = ?", (definition_id,)).fetchone()
    if row is not None:
        for table in ("entries", "buckets", "slots"):
            connection.execute(f"DELETE FROM {table} WHERE definition = ?", row)
        connection.execute("DELETE FROM definitions WHERE key = ?", row)


def take_slot(connection: sqlite3.Connection, definition_id: str, limit: int, instance_id: str, holder: int) -> int:
    """Take a slot for an instance.

    Returns:
        0, or the number of slots taken if there is none left; then the transaction is rolled back.
    """
    key = Counters.load(connection, definition_id).key
    new = connection.execute("INSERT OR IGNORE INTO slots VALUES (?, ?, ?)", (key, instance_id, holder)).rowcount
    used: int = connection.execute("SELECT COUNT(*) FROM slots WHERE definition = ?", (key,)).fetchone()[0]
    if not new or not limit or used <= limit:
        return 0
    connection.execute("ROLLBACK")
    return used - 1


def free_slot(connection: sqlite3.Connection, definition_id: str, instance_id: str) -> None:
    """Give an instance's slot back, whoever took it."""
    connection.execute(
        "DELETE FROM slots WHERE definition = (SELECT key FROM definitions WHERE id = ?) AND instance = ?",
        (definition_id, instance_id),
    )


def slot_holders(connection: sqlite3.Connection, definition_id: str) -> list[int]:
    """The numbers of the limiters that hold the slots of a definition, one for each slot."""
    rows = connection.execute(
        "SELECT holder FROM slots WHERE definition = (SELECT key FROM definitions WHERE id = ?)", (definition_id,)
    )
    return [holder for (holder,) in rows]


def register_holder(connection: sqlite3.Connection, lease: str) -> int:
    """Give a limiter its number in the file, under the name of its lease."""
    number = connection.execute("INSERT INTO holders(lease) VALUES (?)", (lease,)).lastrowid
    assert number is not None
    return number


def other_holders(connection: sqlite3.Connection, holder: int) -> list[tuple[int, str]]:
    """The numbers and leases of all limiters but one."""
    return connection.execute("SELECT id, lease FROM holders WHERE id != ?", (holder,)).fetchall()
