"""What happens to jobs by time alone: they become ready, or their deadline passes."""

from __future__ import annotations

from neuroscript.errors import ErrorCode
from neuroscript.jobs.embedded.completion import end
from neuroscript.jobs.embedded.schema import BACKING_OFF, DELAYED, READY
from neuroscript.jobs.embedded.values import error_of, stored_error
from neuroscript.jobs.embedded.wakeups import ready_topic
from neuroscript.jobs.engine import EXPIRED

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

    from neuroscript.jobs.embedded.database import Transaction

EXPIRED_ERROR: Final = (ErrorCode.TIMEOUT, "its deadline passed before it was done")
_DUE: Final = "end_number = 0 AND deadline > 0 AND stage != 'running'"


def seconds_to_next_timer(work: Transaction) -> float | None:
    """The seconds until time changes the state of a job; None if it changes none."""
    execute = work.execute
    found = []
    for statement, now in (
        ("SELECT min(not_before) FROM jobs WHERE stage = 'delayed'", work.now),
        ("SELECT min(backoff_until) FROM jobs WHERE stage = 'backing_off'", work.machine),
        (f"SELECT min(deadline) FROM jobs WHERE {_DUE}", work.now),
    ):
        [moment] = execute(statement).fetchone()
        if moment is not None:
            found.append(moment - now)
    return min(found, default=None)


def apply_timers(work: Transaction) -> None:
    """Does what time has brought about."""
    execute = work.execute
    due = execute(f"SELECT number, queue FROM jobs WHERE {_DUE} AND deadline <= ?", (work.now,)).fetchall()
    for number, _ in due:
        end(work, number, EXPIRED, error=stored_error(error_of(*EXPIRED_ERROR)))
    for stage, column, now in ((DELAYED, "not_before", work.now), (BACKING_OFF, "backoff_until", work.machine)):
        queues = execute(
            "SELECT DISTINCT name FROM queues JOIN jobs ON jobs.queue = queues.number "
            f"WHERE stage = '{stage}' AND {column} <= ?",
            (now,),
        ).fetchall()
        if queues:
            execute(f"UPDATE jobs SET stage = '{READY}' WHERE stage = '{stage}' AND {column} <= ?", (now,))
            work.topics.update(ready_topic(name) for [name] in queues)
