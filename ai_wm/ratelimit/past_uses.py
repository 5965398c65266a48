"""What was used before a limiter began: comparing the shared file with what is known from elsewhere.

A file that was removed, cut short or replaced by an older copy between two runs knows less than the records of the
calls do.  It is brought up to what they say, so that nobody gets a second allowance; what it knows beyond that stays.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Mapping
from typing import Final, NamedTuple

from ai_wm.ratelimit.base import MICROSECONDS, cost_units, token_count
from ai_wm.ratelimit.counters import Counters

_OWN: Final = 1 << 32
"""The sequences of calls that a limiter made begin here; those below are for calls that are counted later."""


class PastUse(NamedTuple):
    """A request that was made before: whose, when (seconds since the epoch), and what it used."""

    definition_id: str
    moment: float
    tokens: int
    cost: float


PastUses = Callable[[Mapping[str, float] | None], Iterable[PastUse]]
"""Gives what was used in the last day.

Its argument says when the last call that the file knows was made, by definition, in seconds since the epoch; where it
knows all calls, the result may be empty.  None: there is no file, so the uses of all definitions are asked for.  The
uses may be read while they are iterated over; `NeuroScriptError` says that they cannot be read.
"""


def last_counted(connection: sqlite3.Connection) -> dict[str, float]:
    """When the last call of each definition was made, in seconds since the epoch."""
    rows = connection.execute("SELECT id, now - clock_offset FROM definitions").fetchall()
    return {definition_id: moment / MICROSECONDS for definition_id, moment in rows}


def make_up(connection: sqlite3.Connection, uses: Iterable[PastUse], time: int) -> int:
    """Count what the file does not know of the last day, so that each sum is what it was or what the uses add up to.

    Args:
        connection: inside a transaction.
        uses: what was used.
        time: the time of the file.

    Returns:
        how many requests were added.
    """
    by_definition: dict[str, list[PastUse]] = {}
    for use in sorted(uses, key=lambda use: use.moment, reverse=True):
        by_definition.setdefault(use.definition_id, []).append(use)
    return sum(_make_up(connection, definition_id, of, time) for definition_id, of in by_definition.items())


def _make_up(connection: sqlite3.Connection, definition_id: str, uses: list[PastUse], time: int) -> int:
    """Do so for one definition.  What a file lost are the newest calls, so these are added, newest first."""
    row = Counters.load(connection, definition_id)
    row.tick(time)
    row.recount(connection)
    row.expire(connection)
    calls = []
    for use in uses:
        stamp = min(round(use.moment * MICROSECONDS) + row.clock_offset, row.now)
        if stamp > row.day_edge:
            calls.append((stamp, token_count(use.tokens), cost_units(use.cost)))
    requests = len(calls) - row.day_requests
    tokens = sum(call[1] for call in calls) - row.day_tokens
    cost = sum(call[2] for call in calls) - row.day_cost
    # The record of a call may be there a moment before its real use is counted.
    if requests <= 0 and (row.in_flight or (tokens <= 0 and cost <= 0)):
        return 0
    row.exact = 1
    row.store(connection)
    (sequence,) = connection.execute(
        "SELECT COALESCE(MAX(sequence), -1) + 1 FROM entries WHERE definition = ? AND sequence < ?", (row.key, _OWN)
    ).fetchone()
    for number, (stamp, used, paid) in enumerate(calls[: max(0, requests)], sequence):
        used, paid = min(used, max(0, tokens)), min(paid, max(0, cost))
        tokens, cost = tokens - used, cost - paid
        connection.execute("INSERT INTO entries VALUES (?, ?, ?, ?, ?, 0)", (row.key, stamp, number, used, paid))
    if tokens > 0 or cost > 0:
        connection.execute(
            "INSERT INTO buckets VALUES (?, ?, 0, ?, ?) ON CONFLICT DO UPDATE SET tokens = tokens + excluded.tokens, "
            "cost = cost + excluded.cost",
            (row.key, calls[0][0], max(0, tokens), max(0, cost)),
        )
    row.recount(connection)
    row.store(connection)
    return max(0, requests)
