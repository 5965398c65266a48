"""The ends of jobs, which stay until somebody has acknowledged them."""

from __future__ import annotations

from neuroscript.jobs.embedded.attempts import renew
from neuroscript.jobs.embedded.rows import job_numbered, queue_number
from neuroscript.jobs.embedded.wakeups import ends_topic

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Final

    from neuroscript.jobs.embedded.database import Transaction
    from neuroscript.jobs.engine import Job

_UNACKNOWLEDGED: Final = "end_number > 0 AND acknowledged = 0"


def find(work: Transaction, owner: str, queue: str, submitter: str | None, process: int) -> tuple[int, bool]:
    """The number of the job whose end comes next, 0 if there is none, and whether there is anything to wait for.

    Something is: a job that has not ended, and an end that another process holds, since that may come back.  What this
    process holds is in its own hands.
    """
    number = queue_number(work, owner, queue)
    also, given = ("AND submitter = ?", (submitter,)) if submitter is not None else ("", ())

    def first(condition: str, *values: int) -> int:
        statement = f"SELECT number FROM jobs WHERE queue = ? {also} AND {condition} LIMIT 1"
        row = work.execute(statement, (number, *given, *values)).fetchone()
        return row[0] if row is not None else 0

    found = first(f"{_UNACKNOWLEDGED} AND holder = 0 ORDER BY end_number")
    more = found or first("end_number = 0") or first(f"{_UNACKNOWLEDGED} AND holder NOT IN (0, ?)", process)
    return found, bool(more)


def hand_out(work: Transaction, owner: str, queue: str, submitter: str | None, process: int) -> Job | None:
    """Hands the earliest end to a process; None if another was faster."""
    number, _ = find(work, owner, queue, submitter, process)
    if not number:
        return None
    renew(work, process)
    work.execute("UPDATE jobs SET holder = ? WHERE number = ?", (process, number))
    return job_numbered(work, number)


def acknowledge(work: Transaction, owner: str, ids: Sequence[str]) -> None:
    """Notes that ends have been taken note of."""
    for id in ids:
        row = work.execute(
            "UPDATE jobs SET acknowledged = 1, holder = 0 WHERE owner = ? AND id = ? AND end_number > 0 "
            "RETURNING queue",
            (owner, id),
        ).fetchone()
        if row is not None:
            [name] = work.execute("SELECT name FROM queues WHERE number = ?", row).fetchone()
            work.topics.add(ends_topic(owner, name))


def give_back(work: Transaction, owner: str, id: str, process: int) -> None:
    """Lets an end be handed out again that this process was handed."""
    row = work.execute(
        "UPDATE jobs SET holder = 0 WHERE owner = ? AND id = ? AND holder = ? AND holder > 0 RETURNING queue",
        (owner, id, process),
    ).fetchone()
    if row is not None:
        [name] = work.execute("SELECT name FROM queues WHERE number = ?", row).fetchone()
        work.topics.add(ends_topic(owner, name))
