"""What happens to jobs by time alone: they become ready, or their deadline passes."""

from __future__ import annotations

from neuroscript.errors import ErrorCode
from neuroscript.jobs.endings import end
from neuroscript.jobs.engine import EXPIRED
from neuroscript.jobs.schema import DELAYED, READY, RESTING
from neuroscript.jobs.values import error_of, stored_error
from neuroscript.jobs.wakeups import ready_topic

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

    from neuroscript.jobs.database import Transaction

EXPIRED_ERROR: Final = (ErrorCode.TIMEOUT, "its deadline passed before it was done")
_PENDING_DUE: Final = "ending = 0 AND deadline > 0 AND stage != 'running'"


def seconds_to_next(work: Transaction) -> float | None:
    """The seconds until time changes the state of a job; None if it changes none."""
    execute = work.execute
    found = []
    for statement, now in (
        ("SELECT min(not_before) FROM jobs WHERE stage = 'delayed'", work.now),
        ("SELECT min(rest) FROM jobs WHERE stage = 'resting'", work.machine),
        (f"SELECT min(deadline) FROM jobs WHERE {_PENDING_DUE}", work.now),
    ):
        [moment] = execute(statement).fetchone()
        if moment is not None:
            found.append(moment - now)
    return min(found, default=None)


def settle(work: Transaction) -> None:
    """Does what time has brought about."""
    execute = work.execute
    due = execute(f"SELECT number, queue FROM jobs WHERE {_PENDING_DUE} AND deadline <= ?", (work.now,)).fetchall()
    for number, _ in due:
        end(work, number, EXPIRED, error=stored_error(error_of(*EXPIRED_ERROR)))
    for stage, column, now in ((DELAYED, "not_before", work.now), (RESTING, "rest", work.machine)):
        queues = execute(
            "SELECT DISTINCT name FROM queues JOIN jobs ON jobs.queue = queues.number "
            f"WHERE stage = '{stage}' AND {column} <= ?",
            (now,),
        ).fetchall()
        if queues:
            execute(f"UPDATE jobs SET stage = '{READY}' WHERE stage = '{stage}' AND {column} <= ?", (now,))
            work.topics.update(ready_topic(name) for [name] in queues)
