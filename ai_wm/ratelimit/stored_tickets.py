"""Tickets in the shared file: who waits for a definition's limits, in the order of arrival of all processes.

A trigger keeps the number of tickets in the row of the definition, so that a call that fits while nobody waits pays
nothing for them.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from typing import NamedTuple

from ai_wm.ratelimit.base import MICROSECONDS
from ai_wm.ratelimit.clocks import steady
from ai_wm.ratelimit.tickets import TICKET_SECONDS

_LAST = 1 << 62


class Ahead(NamedTuple):
    """Who waits before a caller: how many, and what the first of them needs."""

    before: int
    tokens: int
    cost: int


def drop_silent(connection: sqlite3.Connection, definition: int) -> None:
    """Take the places of callers that have not been heard of for long, or were before the machine started anew."""
    now = steady()
    connection.execute(
        "DELETE FROM tickets WHERE definition = ? AND seen NOT BETWEEN ? AND ?",
        (definition, now - round(TICKET_SECONDS * MICROSECONDS), now + MICROSECONDS),
    )


def ahead_of(connection: sqlite3.Connection, definition: int, number: int | None) -> Ahead | None:
    """Who waits before a caller with a ticket, or before one without; None if it is its turn."""
    before, first = connection.execute(
        "SELECT COUNT(*), MIN(number) FROM tickets WHERE definition = ? AND number < ?",
        (definition, _LAST if number is None else number),
    ).fetchone()
    if not before:
        return None
    need = connection.execute(
        "SELECT tokens, cost FROM tickets WHERE definition = ? AND number = ?", (definition, first)
    ).fetchone()
    return Ahead(before, *need)


def count_before(connection: sqlite3.Connection, definition_id: str, number: int) -> int:
    """How many wait before a caller; reads only, and outside a transaction too."""
    (before,) = connection.execute(
        "SELECT COUNT(*) FROM tickets WHERE definition = (SELECT key FROM definitions WHERE id = ?) AND number < ?",
        (definition_id, number),
    ).fetchone()
    return int(before)


def count_of_others(connection: sqlite3.Connection, definition: int, holder: int) -> int:
    """How many callers of other limiters than one wait."""
    (others,) = connection.execute(
        "SELECT COUNT(*) FROM tickets WHERE definition = ? AND holder != ?", (definition, holder)
    ).fetchone()
    return int(others)


def has(connection: sqlite3.Connection, definition: int, number: int) -> bool:
    """Whether a ticket is still there."""
    row = connection.execute("SELECT 1 FROM tickets WHERE definition = ? AND number = ?", (definition, number))
    return row.fetchone() is not None


def draw(connection: sqlite3.Connection, definition: int, holder: int, tokens: int, cost: int) -> int:
    """Draw the next number for a call that has to wait."""
    connection.execute("UPDATE definitions SET issued = issued + 1 WHERE key = ?", (definition,))
    connection.execute(
        "INSERT INTO tickets SELECT key, issued, ?, ?, ?, ? FROM definitions WHERE key = ?",
        (holder, tokens, cost, steady(), definition),
    )
    (number,) = connection.execute("SELECT issued FROM definitions WHERE key = ?", (definition,)).fetchone()
    return int(number)


def need(connection: sqlite3.Connection, definition: int, number: int, tokens: int, cost: int) -> None:
    """Note what the call of a ticket needs by now."""
    connection.execute(
        "UPDATE tickets SET tokens = ?, cost = ? WHERE definition = ? AND number = ? AND (tokens != ? OR cost != ?)",
        (tokens, cost, definition, number, tokens, cost),
    )


def give_back(connection: sqlite3.Connection, definition_id: str, number: int, holder: int) -> None:
    """Take a ticket away, if it is still there."""
    connection.execute(
        "DELETE FROM tickets WHERE definition = (SELECT key FROM definitions WHERE id = ?) AND number = ? "
        "AND holder = ?",
        (definition_id, number, holder),
    )


def heard_of(connection: sqlite3.Connection, definition_id: str, numbers: Iterable[int], holder: int) -> None:
    """Note that the callers of some tickets still wait."""
    connection.execute(
        "UPDATE tickets SET seen = ? WHERE definition = (SELECT key FROM definitions WHERE id = ?) AND holder = ? "
        f"AND number IN ({','.join(map(str, numbers))})",
        (steady(), definition_id, holder),
    )
