"""Ends jobs, and keeps the sums of their queue."""

from __future__ import annotations

from neuroscript.jobs.embedded.schema import ATTEMPTS, MEASURE, RATED, RATING, STAGE, STAGES, TIMED, UNFINISHED
from neuroscript.jobs.embedded.values import numbers_of, read_map
from neuroscript.jobs.embedded.wakeups import end_topic, ends_topic
from neuroscript.journal.codec import to_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from neuroscript.jobs.embedded.database import Transaction

SECONDS = "seconds"


def end(
    work: Transaction,
    number: int,
    state: str,
    *,
    result: str | None = None,
    error: str | None = None,
    measures: Mapping[str, Any] | None = None,
) -> None:
    """Ends a job, which thereby becomes the last of the ends that `wait_next` hands out.

    Args:
        work: the transaction.
        number: the job's number.
        state: how it ends.
        result: the text of what it gave.
        error: the text of its error; None leaves that of its last attempt, unless it is done.
        measures: what it has used; None leaves what is known.
    """
    execute = work.execute
    [end_number] = execute("UPDATE machine SET ends = ends + 1 RETURNING ends").fetchone()
    held = None if measures is None else to_text(measures)
    [queue, owner, id, known] = execute(
        "UPDATE jobs SET stage = ?, ended = ?, end_number = ?, process = 0, holder = 0, acknowledged = 0, "
        "waits_for = '', cancel_reason = NULL, error = CASE WHEN ? = 'done' THEN NULL ELSE ifnull(?, error) END, "
        "measures = ifnull(?, measures) WHERE number = ? RETURNING queue, owner, id, measures",
        (state, work.now, end_number, state, error, held, number),
    ).fetchone()
    if result is not None:
        execute("REPLACE INTO results VALUES (?, ?)", (number, result))
    count_measures(work, queue, read_map(known) or {}, 1)
    [name] = execute("SELECT name FROM queues WHERE number = ?", (queue,)).fetchone()
    work.topics |= {end_topic(owner, id), ends_topic(owner, name)}


def reopen(work: Transaction, number: int, attempts: int) -> None:
    """Takes back the end of a job, which gets so many attempts, counted from its first."""
    execute = work.execute
    [queue, measures, feedback] = execute(
        "SELECT queue, measures, feedback FROM jobs WHERE number = ?", (number,)
    ).fetchone()
    count_measures(work, queue, read_map(measures) or {}, -1)
    count_rating(work, queue, feedback, None)
    execute(
        "UPDATE jobs SET stage = CASE WHEN not_before > :now THEN 'delayed' ELSE 'ready' END, attempts = :attempts, "
        "ended = 0, end_number = 0, holder = 0, acknowledged = 0, feedback = NULL, "
        "deadline = CASE WHEN deadline <= :now THEN 0 ELSE deadline END WHERE number = :number",
        {"now": work.now, "attempts": attempts, "number": number},
    )
    execute("DELETE FROM results WHERE number = ?", (number,))


def make_tallies(work: Transaction, queue: int) -> None:
    """Makes the sums of a new queue."""
    for stage in STAGES:
        work.execute("INSERT INTO tallies VALUES (?, ?, 0)", (queue, STAGE + stage))


def add_to_tally(work: Transaction, queue: int, name: str, amount: float) -> None:
    """Adds to a sum of a queue."""
    work.execute(
        "INSERT INTO tallies VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET value = value + excluded.value",
        (queue, name, amount),
    )


def tallies(work: Transaction, queue: int) -> dict[str, float]:
    """The sums of a queue."""
    return dict(work.execute("SELECT name, value FROM tallies WHERE queue = ?", (queue,)).fetchall())


def unfinished(work: Transaction, queue: int) -> int:
    """How many jobs of a queue have not ended."""
    [count] = work.execute(
        f"SELECT sum(value) FROM tallies WHERE queue = ? AND name IN ({', '.join('?' * len(UNFINISHED))})",
        (queue, *(STAGE + stage for stage in UNFINISHED)),
    ).fetchone()
    return int(count)


def count_measures(work: Transaction, queue: int, measures: Mapping[str, Any], sign: int) -> None:
    """Adds the measures of a job that has ended, or takes them away."""
    numbers = numbers_of(measures)
    for name, amount in numbers.items():
        add_to_tally(work, queue, MEASURE + name, sign * amount)
    if SECONDS in numbers:
        add_to_tally(work, queue, TIMED, sign)


def count_rating(work: Transaction, queue: int, before: str | None, now: str | None) -> None:
    """Replaces the rating of a job by another in the sums."""
    for text, sign in ((before, -1), (now, 1)):
        rating = numbers_of(read_map(text) or {}).get("rating")
        if rating is not None:
            add_to_tally(work, queue, RATED, sign)
            add_to_tally(work, queue, RATING, sign * rating)


def count_attempt(work: Transaction, queue: int) -> None:
    """Counts an attempt that begins."""
    add_to_tally(work, queue, ATTEMPTS, 1)
