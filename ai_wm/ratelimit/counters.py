"""The arithmetic of sliding windows on the shared file; what `windows` does in memory.

Every function works inside one write transaction, on the row of one definition.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

from ai_wm.ratelimit.base import DAY, MINUTE, LimitPolicy, Refusal
from ai_wm.ratelimit.windows import OVERDUE_RETRY, exact_day, exceeded, refusal_of

_COLUMNS = (
    "key, clock_offset, now, sequence, exact, minute_edge, day_edge, "
    "minute_requests, minute_tokens, day_requests, day_tokens, day_cost, in_flight"
)


@dataclass(frozen=True, slots=True)
class StoredHold:
    """One call in flight: the key of its row in ``entries``, and what was reserved for it."""

    definition: int
    stamp: int
    sequence: int
    tokens: int
    cost: int
    holder: int


@dataclass(slots=True)
class Counters:
    """The row of one definition, as it is in the file until `store`."""

    key: int
    clock_offset: int
    now: int
    sequence: int
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
        """The row of a definition, if there is one."""
        row = connection.execute(f"SELECT {_COLUMNS} FROM definitions WHERE id = ?", (definition_id,)).fetchone()
        return None if row is None else cls(*row)

    @classmethod
    def load(cls, connection: sqlite3.Connection, definition_id: str) -> Counters:
        """The row of a definition, made if there is none."""
        found = cls.find(connection, definition_id)
        if found is None:
            connection.execute("INSERT INTO definitions(id) VALUES (?)", (definition_id,))
            found = cls.find(connection, definition_id)
            assert found is not None
        return found

    def store(self, connection: sqlite3.Connection) -> None:
        """Write the row back."""
        connection.execute(
            "UPDATE definitions SET clock_offset = ?, now = ?, sequence = ?, exact = ?, minute_edge = ?, day_edge = ?, "
            "minute_requests = ?, minute_tokens = ?, day_requests = ?, day_tokens = ?, day_cost = ?, in_flight = ? "
            "WHERE key = ?",
            (
                self.clock_offset,
                self.now,
                self.sequence,
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

    def advance(self, connection: sqlite3.Connection, reading: int) -> None:
        """Let what is too old leave the windows.

        Args:
            connection: inside a transaction.
            reading: the clock, in microseconds.  Where it went backwards, time stands still until it goes on.
        """
        now = reading + self.clock_offset
        if now < self.now:
            self.clock_offset += self.now - now
            now = self.now
        self.now = now
        if now - MINUTE > self.minute_edge:
            self._leave_minute(connection, now - MINUTE)
        if now - DAY > self.day_edge:
            self._leave_day(connection, now - DAY)

    def refusal(self, connection: sqlite3.Connection, policy: LimitPolicy, tokens: int, cost: int) -> Refusal | None:
        """Why a call does not fit now, or ``None`` if it does."""
        found = exceeded(policy, self, tokens, cost)
        if not found:
            return None
        return refusal_of(found, lambda limit, amount: self._frees(connection, limit, amount), self.in_flight > 0)

    def add(
        self, connection: sqlite3.Connection, policy: LimitPolicy, tokens: int, cost: int, holder: int
    ) -> StoredHold:
        """Count one more call of ``holder``, now."""
        self.exact = int(exact_day(policy))
        self.sequence += 1
        self.minute_requests += 1
        self.minute_tokens += tokens
        self.day_requests += 1
        self.day_tokens += tokens
        self.day_cost += cost
        self.in_flight += 1
        connection.execute(
            "INSERT INTO entries VALUES (?, ?, ?, ?, ?, ?)", (self.key, self.now, self.sequence, tokens, cost, holder)
        )
        return StoredHold(self.key, self.now, self.sequence, tokens, cost, holder)

    def _leave_minute(self, connection: sqlite3.Connection, edge: int) -> None:
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

    def _leave_day(self, connection: sqlite3.Connection, edge: int) -> None:
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


def settle(connection: sqlite3.Connection, hold: StoredHold, tokens: int, cost: int) -> None:
    """Replace a call's estimates by what it really used.  Nothing happens if it is over or its definition is gone."""
    changed = connection.execute(
        "UPDATE entries SET tokens = ?, cost = ?, holder = 0 "
        "WHERE definition = ? AND stamp = ? AND sequence = ? AND holder = ?",
        (tokens, cost, hold.definition, hold.stamp, hold.sequence, hold.holder),
    ).rowcount
    if changed:
        # Out of a window, only what the call still held of it is taken back.
        connection.execute(
            "UPDATE definitions SET in_flight = in_flight - 1, "
            "minute_tokens = minute_tokens - :held_tokens + CASE WHEN :stamp > minute_edge THEN :tokens ELSE 0 END, "
            "day_tokens = day_tokens - :held_tokens + CASE WHEN :stamp > day_edge THEN :tokens ELSE 0 END, "
            "day_cost = day_cost - :held_cost + CASE WHEN :stamp > day_edge THEN :cost ELSE 0 END WHERE key = :key",
            {**_held(hold), "tokens": tokens, "cost": cost},
        )


def release(connection: sqlite3.Connection, hold: StoredHold) -> None:
    """Take a call back, as if it had never been made.  Nothing happens if it is over or its definition is gone."""
    changed = connection.execute(
        "DELETE FROM entries WHERE definition = ? AND stamp = ? AND sequence = ? AND holder = ?",
        (hold.definition, hold.stamp, hold.sequence, hold.holder),
    ).rowcount
    if changed:
        connection.execute(
            "UPDATE definitions SET in_flight = in_flight - 1, "
            "minute_requests = minute_requests - (:stamp > minute_edge), minute_tokens = minute_tokens - :held_tokens, "
            "day_requests = day_requests - (:stamp > day_edge), day_tokens = day_tokens - :held_tokens, "
            "day_cost = day_cost - :held_cost WHERE key = :key",
            _held(hold),
        )


def _held(hold: StoredHold) -> dict[str, int]:
    return {"key": hold.definition, "stamp": hold.stamp, "held_tokens": hold.tokens, "held_cost": hold.cost}


def release_all(connection: sqlite3.Connection, holder: int) -> None:
    """Take back all calls and slots of a holder that is gone, and its name."""
    held = connection.execute(
        "SELECT definition, stamp, sequence, tokens, cost, holder FROM entries WHERE holder > 0 AND holder = ?",
        (holder,),
    ).fetchall()
    for row in held:
        release(connection, StoredHold(*row))
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
    """Take a slot for an instance.  Returns 0, or the number of slots taken if there is none left."""
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
    """Who holds the slots of a definition, one entry a slot."""
    rows = connection.execute(
        "SELECT holder FROM slots WHERE definition = (SELECT key FROM definitions WHERE id = ?)", (definition_id,)
    )
    return [holder for (holder,) in rows]


def enrol(connection: sqlite3.Connection, lease: str) -> int:
    """Enter a limiter by the name of its lease; returns its number."""
    number = connection.execute("INSERT INTO holders(lease) VALUES (?)", (lease,)).lastrowid
    assert number is not None
    return number


def other_holders(connection: sqlite3.Connection, holder: int) -> list[tuple[int, str]]:
    """The numbers and leases of all limiters but one."""
    return connection.execute("SELECT id, lease FROM holders WHERE id != ?", (holder,)).fetchall()
