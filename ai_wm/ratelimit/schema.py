"""The schema of the shared file of counters: making it, upgrading older ones, and refusing what is not ours."""

from __future__ import annotations

import re
import sqlite3

SCHEMA_VERSION = 3

# ``entries``: one row a call, in the order in which they leave the windows; ``holder`` is whose call it is while it is
# in flight, else 0, and ``sequence`` tells calls of one moment from each other.  ``buckets``: calls of definitions
# without a limit by the day, one row a minute, ``stamp`` its end.  ``definitions``: the sums over the windows, what the
# calls in flight hold of them, how many callers wait, the last number that one of them got, and as what a definition
# that was removed can be known again.  A row is in the minute's sums if its stamp is above ``minute_edge``, in the
# day's if above ``day_edge``.  ``holders``: the limiters that share the file; ``clock`` is how far the time of the file
# is ahead of the machine's steady clock by what the limiter says.  ``tickets``: the callers that wait, what the call
# needs, and when each was last heard of by the steady clock.  ``file``: tells this file from another in its place.
# Times are in microseconds, costs in billionths.
#
# Triggers count a call that is added, replace what it reserved by what it used when it ends, and take back one that is
# deleted while it is in flight; out of a window, only what a call still held of it is taken back.  So each of these is
# one statement.  Every page that a transaction changes costs it two writes, so there is no index on calls: who looks
# for the calls of a holder goes through those of the definitions with calls in flight.
#
# Version 1 had an index and no triggers, and a column more; neither that nor version 2 had tickets
# and the new columns.
_DEFINITIONS = """
CREATE TABLE definitions(
  key INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE,
  clock_offset INTEGER NOT NULL DEFAULT 0, now INTEGER NOT NULL DEFAULT 0,
  exact INTEGER NOT NULL DEFAULT 0, minute_edge INTEGER NOT NULL DEFAULT -4611686018427387904,
  day_edge INTEGER NOT NULL DEFAULT -4611686018427387904,
  minute_requests INTEGER NOT NULL DEFAULT 0, minute_tokens INTEGER NOT NULL DEFAULT 0,
  day_requests INTEGER NOT NULL DEFAULT 0, day_tokens INTEGER NOT NULL DEFAULT 0, day_cost INTEGER NOT NULL DEFAULT 0,
  in_flight INTEGER NOT NULL DEFAULT 0)"""
_HOLDERS = "CREATE TABLE holders(id INTEGER PRIMARY KEY AUTOINCREMENT, lease TEXT NOT NULL UNIQUE)"
_NEW_COLUMNS = {
    "definitions": (
        "flight_tokens INTEGER NOT NULL DEFAULT 0",
        "flight_cost INTEGER NOT NULL DEFAULT 0",
        "waiting INTEGER NOT NULL DEFAULT 0",
        "issued INTEGER NOT NULL DEFAULT 0",
        "removed TEXT NOT NULL DEFAULT ''",
    ),
    "holders": ("clock INTEGER",),
}
_CALLS = (
    """
    CREATE TABLE entries(
      definition INTEGER NOT NULL, stamp INTEGER NOT NULL, sequence INTEGER NOT NULL,
      tokens INTEGER NOT NULL, cost INTEGER NOT NULL, holder INTEGER NOT NULL,
      PRIMARY KEY(definition, stamp, sequence)) WITHOUT ROWID
    """,
    """
    CREATE TABLE buckets(
      definition INTEGER NOT NULL, stamp INTEGER NOT NULL,
      requests INTEGER NOT NULL, tokens INTEGER NOT NULL, cost INTEGER NOT NULL,
      PRIMARY KEY(definition, stamp)) WITHOUT ROWID
    """,
    """
    CREATE TABLE slots(
      definition INTEGER NOT NULL, instance TEXT NOT NULL, holder INTEGER NOT NULL,
      PRIMARY KEY(definition, instance)) WITHOUT ROWID
    """,
)
_TICKETS = """
CREATE TABLE tickets(
  definition INTEGER NOT NULL, number INTEGER NOT NULL, holder INTEGER NOT NULL,
  tokens INTEGER NOT NULL, cost INTEGER NOT NULL, seen INTEGER NOT NULL,
  PRIMARY KEY(definition, number)) WITHOUT ROWID"""
_FILE = "CREATE TABLE file(generation TEXT NOT NULL)"
_REMOVED = "CREATE INDEX removed ON definitions(removed) WHERE removed != ''"
_HELD = "CREATE INDEX held ON entries(holder, definition) WHERE holder > 0"
_SEQUENCE = "CREATE TABLE sqlite_sequence(name,seq)"
"""What SQLite makes itself where a table numbers its rows."""


def _call_triggers(added: str, ended: str, taken_back: str) -> tuple[str, ...]:
    """The triggers of calls, with what each sets besides the sums of the windows."""
    return (
        f"""
        CREATE TRIGGER added AFTER INSERT ON entries BEGIN
          UPDATE definitions SET now = new.stamp,
            minute_requests = minute_requests + 1, minute_tokens = minute_tokens + new.tokens,
            day_requests = day_requests + 1, day_tokens = day_tokens + new.tokens, day_cost = day_cost + new.cost,
            in_flight = in_flight + 1{added}
          WHERE key = new.definition;
        END
        """,
        f"""
        CREATE TRIGGER ended AFTER UPDATE OF holder ON entries WHEN old.holder > 0 BEGIN
          UPDATE definitions SET in_flight = in_flight - 1{ended},
            minute_tokens = minute_tokens - old.tokens + CASE WHEN new.stamp > minute_edge THEN new.tokens ELSE 0 END,
            day_tokens = day_tokens - old.tokens + CASE WHEN new.stamp > day_edge THEN new.tokens ELSE 0 END,
            day_cost = day_cost - old.cost + CASE WHEN new.stamp > day_edge THEN new.cost ELSE 0 END
          WHERE key = new.definition;
        END
        """,
        f"""
        CREATE TRIGGER taken_back AFTER DELETE ON entries WHEN old.holder > 0 BEGIN
          UPDATE definitions SET in_flight = in_flight - 1{taken_back},
            minute_requests = minute_requests - (old.stamp > minute_edge), minute_tokens = minute_tokens - old.tokens,
            day_requests = day_requests - (old.stamp > day_edge), day_tokens = day_tokens - old.tokens,
            day_cost = day_cost - old.cost
          WHERE key = old.definition;
        END
        """,
    )


_GIVEN_BACK = ", flight_tokens = flight_tokens - old.tokens, flight_cost = flight_cost - old.cost"
_TRIGGERS_2 = _call_triggers("", "", "")
_TRIGGERS = (
    *_call_triggers(
        ", flight_tokens = flight_tokens + new.tokens, flight_cost = flight_cost + new.cost", _GIVEN_BACK, _GIVEN_BACK
    ),
    """
    CREATE TRIGGER queued AFTER INSERT ON tickets BEGIN
      UPDATE definitions SET waiting = waiting + 1 WHERE key = new.definition;
    END
    """,
    """
    CREATE TRIGGER served AFTER DELETE ON tickets BEGIN
      UPDATE definitions SET waiting = waiting - 1 WHERE key = old.definition;
    END
    """,
)


def _with_new(table: str, sql: str) -> str:
    """The statement that makes a table with its new columns, as SQLite writes it when they are added."""
    return f"{sql[:-1]}, {', '.join(_NEW_COLUMNS[table])})"


def _plain_text(sql: str) -> str:
    """The text of a statement, all blanks alike."""
    return " ".join(sql.split())


def _plain(statements: tuple[str, ...]) -> list[str]:
    return [_plain_text(each) for each in statements]


def _of_version_1(definitions: str) -> str:
    return definitions.replace(" exact ", " sequence INTEGER NOT NULL DEFAULT 0, exact ")


_MADE = (
    _with_new("definitions", _DEFINITIONS),
    *_CALLS,
    _with_new("holders", _HOLDERS),
    _TICKETS,
    _FILE,
    _REMOVED,
    *_TRIGGERS,
)
_ALLOWED = [
    sorted([_SEQUENCE, *_plain(made)])
    # A file that was of version 1 keeps its column.
    for made in (_MADE, (_of_version_1(_MADE[0]), *_MADE[1:]))
]
_KNOWN = {
    _SEQUENCE,
    *_plain((*_MADE, _DEFINITIONS, _of_version_1(_DEFINITIONS), _of_version_1(_MADE[0]), _HOLDERS, _HELD)),
    *_plain(_TRIGGERS_2),
}
"""What a file of this version or an older one may hold."""


def is_ours(connection: sqlite3.Connection) -> bool:
    """Whether the tables and triggers are exactly those that this program makes, and nothing else."""
    found, pages = _found(connection)
    return sorted(found) in _ALLOWED and len(pages) == len(set(pages))


def upgrade(connection: sqlite3.Connection) -> bool:
    """Make what is missing, and bring what an older version made up to date, inside a transaction.

    Returns:
        whether that was possible: False if something is in the file that no version made.
    """
    found, _ = _found(connection)
    if not set(found) <= _KNOWN:
        return False
    # Until they are made anew, no trigger may do anything.
    names = connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall()
    for (name,) in names:
        connection.execute(f"DROP TRIGGER {name}")
    connection.execute("DROP INDEX IF EXISTS held")
    for table, old in (("definitions", _DEFINITIONS), ("holders", _HOLDERS)):
        if {_plain_text(old), _plain_text(_of_version_1(old))} & set(found):
            for column in _NEW_COLUMNS[table]:
                connection.execute(f"ALTER TABLE {table} ADD COLUMN {column}")
    for statement in _MADE:
        connection.execute(re.sub("CREATE (TABLE|INDEX|TRIGGER)", r"CREATE \1 IF NOT EXISTS", statement))
    connection.execute("INSERT INTO file SELECT lower(hex(randomblob(16))) WHERE NOT EXISTS (SELECT 1 FROM file)")
    connection.execute(
        "UPDATE definitions SET waiting = (SELECT COUNT(*) FROM tickets WHERE definition = key), (flight_tokens, "
        "flight_cost) = (SELECT COALESCE(SUM(tokens), 0), COALESCE(SUM(cost), 0) FROM entries WHERE definition = key "
        "AND holder > 0) WHERE in_flight > 0"
    )
    connection.execute(f"PRAGMA user_version={SCHEMA_VERSION}")
    return is_ours(connection)


def _found(connection: sqlite3.Connection) -> tuple[list[str], list[int]]:
    rows = connection.execute("SELECT sql, rootpage FROM sqlite_master").fetchall()
    return [_plain_text(str(sql)) for sql, _ in rows if sql is not None], [page for _, page in rows if page]
