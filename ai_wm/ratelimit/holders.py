"""The limiters that share a file, and the slots that they hold."""

from __future__ import annotations

import sqlite3
from typing import NamedTuple

from ai_wm.ratelimit.counters import Counters


class Holder(NamedTuple):
    """A limiter in the file: its number, the name of its lease, and what it says of the time of the file."""

    number: int
    lease: str
    clock: int | None


def register(connection: sqlite3.Connection, lease: str, clock: int) -> int:
    """Give a limiter its number in the file, under the name of its lease."""
    number = connection.execute("INSERT INTO holders(lease, clock) VALUES (?, ?)", (lease, clock)).lastrowid
    assert number is not None
    return number


def others(connection: sqlite3.Connection, number: int) -> list[Holder]:
    """All limiters but one."""
    rows = connection.execute("SELECT id, lease, clock FROM holders WHERE id != ?", (number,)).fetchall()
    return [Holder(*row) for row in rows]


def set_clock(connection: sqlite3.Connection, number: int, clock: int) -> None:
    """Note what a limiter says of the time of the file."""
    connection.execute("UPDATE holders SET clock = ? WHERE id = ?", (clock, number))


def end_all(connection: sqlite3.Connection, number: int) -> None:
    """End all calls and waits of a limiter that is gone, give its slots back, and forget its name.

    Nobody knows what became of the calls: each counts as what was reserved for it.
    """
    connection.execute(
        "UPDATE entries SET holder = 0 "
        "WHERE definition IN (SELECT key FROM definitions WHERE in_flight > 0) AND holder = ?",
        (number,),
    )
    connection.execute("DELETE FROM tickets WHERE holder = ?", (number,))
    connection.execute("DELETE FROM slots WHERE holder = ?", (number,))
    connection.execute("DELETE FROM holders WHERE id = ?", (number,))


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
