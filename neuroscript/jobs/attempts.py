"""Attempts at jobs: who may make one, how it ends, and what becomes of those of processes that are gone."""

from __future__ import annotations

import heapq
import random

from neuroscript.errors import ErrorCode
from neuroscript.jobs.endings import count_attempt, end
from neuroscript.jobs.engine import CANCELLED, DONE, EXPIRED, FAILED, Job, Outcome
from neuroscript.jobs.moments import EXPIRED_ERROR
from neuroscript.jobs.rows import job_numbered
from neuroscript.jobs.schema import ASKING, READY, RESTING
from neuroscript.jobs.values import error_of, stored_error
from neuroscript.jobs.wakeups import MOMENTS, ends_topic, pause_topic, ready_topic
from neuroscript.journal.codec import to_text
from neuroscript.records import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Final

    from neuroscript.jobs.database import Transaction

_JITTER: Final = 0.2
_CANCELLED: Final = ErrorCode.CANCELLED


@record(frozen=True)
class Claimed:
    """A job that this process may attempt.

    Args:
        number: its number.
        queue: the number of its queue.
        job: the job; its attempt is the fencing number.
        lease: after how many seconds of silence this process loses it.
    """

    number: int
    queue: int
    job: Job
    lease: float


def has_ready(work: Transaction, name: str, owner: str | None) -> bool:
    """Whether a job of a queue could start."""
    return bool(
        work.execute(
            "SELECT 1 FROM queues WHERE name = ? AND (? IS NULL OR owner = ?) AND paused = 0 AND EXISTS "
            "(SELECT 1 FROM jobs WHERE stage = 'ready' AND queue = queues.number) LIMIT 1",
            (name, owner, owner),
        ).fetchone()
    )


def claim(work: Transaction, process: int, name: str, owner: str | None, most: int) -> list[Claimed]:
    """Takes jobs of a queue, the most urgent first.

    Args:
        work: the transaction.
        process: the number of this process.
        name: the name of the queue.
        owner: whose; None: of all owners.
        most: how many jobs.
    """
    execute = work.execute
    queues = execute(
        "SELECT number, lease FROM queues WHERE name = ? AND (? IS NULL OR owner = ?) AND paused = 0",
        (name, owner, owner),
    ).fetchall()
    leases = dict(queues)
    found: list[tuple[int, int, int, float]] = []
    for queue in leases:
        found += execute(
            "SELECT priority, number, queue, deadline FROM jobs WHERE stage = 'ready' AND queue = ? "
            "ORDER BY priority, number LIMIT ?",
            (queue, most),
        ).fetchall()
    claimed = []
    for _, number, queue, deadline in heapq.nsmallest(most, found):
        if 0 < deadline <= work.now:
            end(work, number, EXPIRED, error=stored_error(error_of(*EXPIRED_ERROR)))
            continue
        execute(
            "UPDATE jobs SET stage = 'running', attempt = attempt + 1, used = used + 1, process = ?, begun = 0, "
            "woken = 0, started = CASE WHEN started = 0 THEN ? ELSE started END WHERE number = ?",
            (process, work.now, number),
        )
        count_attempt(work, queue)
        claimed.append(Claimed(number, queue, job_numbered(work, number), leases[queue]))
    if claimed:
        execute("UPDATE processes SET seen = ? WHERE number = ?", (work.machine, process))
    return claimed


def is_current(work: Transaction, process: int, number: int, attempt: int) -> bool:
    """Whether a job is still that of an attempt."""
    return _row(work, process, number, attempt) is not None


def what_stops(work: Transaction, process: int, number: int, attempt: int) -> tuple[bool, str | None]:
    """Whether a job is still that of an attempt, and why somebody cancelled it; None if nobody did."""
    row = _row(work, process, number, attempt)
    return (False, None) if row is None else (True, row[0])


def _row(work: Transaction, process: int, number: int, attempt: int) -> Any:
    return work.execute(
        "SELECT stopping FROM jobs WHERE number = ? AND attempt = ? AND process = ? AND stage = 'running'",
        (number, attempt, process),
    ).fetchone()


def finish(
    work: Transaction, process: int, claimed: Claimed, outcome: Outcome, result: str | None, seconds: float
) -> bool:
    """Notes how an attempt ended; false if the job is no longer that of this attempt.

    Args:
        work: the transaction.
        process: the number of this process.
        claimed: the attempt.
        outcome: how it ended.
        result: the text of what it gave.
        seconds: how long it took, for jobs that say nothing of it.
    """
    number, attempt = claimed.number, claimed.job.attempt
    row = _row(work, process, number, attempt)
    if row is None:
        return False
    measures = {"seconds": seconds, **outcome.measures}
    error = stored_error(outcome.error)
    state = outcome.state
    if state == DONE:
        late = 0 < claimed.job.deadline <= work.now
        if late:
            end(work, number, EXPIRED, error=stored_error(error_of(*EXPIRED_ERROR)), measures=measures)
        else:
            end(work, number, DONE, result=result, measures=measures)
    elif state == CANCELLED or row[0] is not None:
        why = f": {row[0]}" if row[0] else ""
        told = stored_error(error_of(_CANCELLED, f"the job was cancelled{why}"))
        _stop(work, claimed, CANCELLED, told, measures)
    elif 0 < claimed.job.deadline <= work.now:
        end(work, number, EXPIRED, error=stored_error(error_of(*EXPIRED_ERROR)), measures=measures)
    elif state == FAILED:
        _fail(work, claimed, outcome, error, measures)
    else:
        _put_back(work, claimed, outcome, measures)
    return True


def _stop(work: Transaction, claimed: Claimed, state: str, error: str | None, measures: dict[str, Any]) -> None:
    end(work, claimed.number, state, error=error, measures=measures)


def _fail(work: Transaction, claimed: Claimed, outcome: Outcome, error: str | None, measures: dict[str, Any]) -> None:
    [used, attempts] = work.execute("SELECT used, attempts FROM jobs WHERE number = ?", (claimed.number,)).fetchone()
    if not outcome.retry or used >= attempts:
        end(work, claimed.number, FAILED, error=error, measures=measures)
        return
    [backoff, most] = work.execute(
        "SELECT backoff, backoff_most FROM queues WHERE number = ?", (claimed.queue,)
    ).fetchone()
    pause = min(backoff * 2.0 ** min(used - 1, 60), most) * random.uniform(1 - _JITTER, 1 + _JITTER)
    work.execute(
        "UPDATE jobs SET stage = ?, process = 0, rest = ?, error = ?, measures = ? WHERE number = ?",
        (RESTING, work.machine + min(pause, most), error, to_text(measures), claimed.number),
    )
    work.topics.add(MOMENTS)


def _put_back(work: Transaction, claimed: Claimed, outcome: Outcome, measures: dict[str, Any]) -> None:
    """Has a job wait for a person, or start again: an attempt that costs none."""
    [woken] = work.execute("SELECT woken FROM jobs WHERE number = ?", (claimed.number,)).fetchone()
    waits = outcome.waits_for and not woken
    work.execute(
        "UPDATE jobs SET stage = ?, process = 0, used = used - 1, waits_for = ?, measures = ? WHERE number = ?",
        (ASKING if waits else READY, outcome.waits_for if waits else "", to_text(measures), claimed.number),
    )
    if not waits:
        work.topics.add(ready_topic(claimed.job.queue))


def note_begun(work: Transaction, process: int, numbers: list[int]) -> None:
    """Notes that attempts of a process have begun, for whoever pauses their queue."""
    rows = work.execute("SELECT number, queue FROM jobs WHERE process = ? AND stage = 'running'", (process,)).fetchall()
    for number, queue in rows:
        if number in numbers:
            work.execute("UPDATE jobs SET begun = 1 WHERE number = ?", (number,))
        work.topics.add(pause_topic(queue))


def has_unbegun(work: Transaction, queue: int) -> bool:
    """Whether a process has taken a job of a queue and has not said that it began."""
    return bool(
        work.execute(
            "SELECT 1 FROM processes JOIN jobs ON jobs.process = processes.number "
            "WHERE stage = 'running' AND queue = ? AND begun = 0 LIMIT 1",
            (queue,),
        ).fetchone()
    )


# --- processes --------------------------------------------------------------------------------------------------------


def join(work: Transaction, name: str, pid: int) -> int:
    """Enters a process; gives its number."""
    [number] = work.execute(
        "INSERT INTO processes (name, pid, seen) VALUES (?, ?, ?) RETURNING number", (name, pid, work.machine)
    ).fetchone()
    return int(number)


def renew(work: Transaction, process: int) -> None:
    """Says that a process lives."""
    work.execute("UPDATE processes SET seen = ? WHERE number = ?", (work.machine, process))


def leave(work: Transaction, process: int) -> None:
    """Takes a process out that stops: its jobs go on elsewhere, and the attempts at them cost none."""
    rows = work.execute("SELECT number FROM jobs WHERE process = ? AND stage = 'running'", (process,)).fetchall()
    for [number] in rows:
        work.execute("UPDATE jobs SET used = used - 1 WHERE number = ?", (number,))
        _release(work, number, "")
    _release_ends(work, process)
    work.execute("DELETE FROM processes WHERE number = ?", (process,))


def bury(work: Transaction, name: str) -> None:
    """Takes a process out that has died; an attempt that it was at counts."""
    row = work.execute("SELECT number, pid FROM processes WHERE name = ?", (name,)).fetchone()
    if row is None:
        return
    process, pid = row
    for [number] in work.execute(
        "SELECT number FROM jobs WHERE process = ? AND stage = 'running'", (process,)
    ).fetchall():
        _release(work, number, f"the process {pid} that did it died")
    _release_ends(work, process)
    work.execute("DELETE FROM processes WHERE number = ?", (process,))


_SILENT: Final = (
    "SELECT jobs.number, pid FROM processes JOIN jobs ON jobs.process = processes.number "
    "JOIN queues ON queues.number = jobs.queue WHERE stage = 'running' AND seen + queues.lease < ? "
)


def has_silent(work: Transaction, own: int) -> bool:
    """Whether a process has not been heard of for the lease of one of its jobs."""
    return bool(work.execute(f"{_SILENT} AND processes.number != ? LIMIT 1", (work.machine, own)).fetchone())


def take_from_silent(work: Transaction, own: int) -> None:
    """Takes jobs from processes that have not been heard of for their lease."""
    rows = work.execute(f"{_SILENT} AND processes.number != ?", (work.machine, own)).fetchall()
    for number, pid in rows:
        _release(work, number, f"the process {pid} that did it was not heard of for longer than the lease")


def after_boot(work: Transaction, boot: str) -> None:
    """Frees all that processes had before the machine was started again; all rests are over."""
    for [name] in work.execute("SELECT name FROM processes").fetchall():
        bury(work, name)
    work.execute("UPDATE jobs SET rest = 0 WHERE stage = 'resting'")
    work.execute("UPDATE machine SET boot = ?", (boot,))


def _release(work: Transaction, number: int, why: str) -> None:
    """Has a job go on elsewhere, unless it is over with it."""
    job = job_numbered(work, number)
    [stopping] = work.execute("SELECT stopping FROM jobs WHERE number = ?", (number,)).fetchone()
    if stopping is not None:
        told = f"the job was cancelled{f': {stopping}' if stopping else ''}"
        end(work, number, CANCELLED, error=stored_error(error_of(_CANCELLED, told)))
    elif 0 < job.deadline <= work.now:
        end(work, number, EXPIRED, error=stored_error(error_of(*EXPIRED_ERROR)))
    elif job.used >= job.attempts:
        told = f"{why}, at attempt {job.used} of {job.attempts}"
        end(work, number, FAILED, error=stored_error(error_of(ErrorCode.EXECUTION_FAILED, told)))
    else:
        work.execute("UPDATE jobs SET stage = ?, process = 0 WHERE number = ?", (READY, number))
        work.topics.add(ready_topic(job.queue))


def _release_ends(work: Transaction, process: int) -> None:
    """Lets ends be handed out again that a process has not acknowledged."""
    queues = work.execute(
        "SELECT DISTINCT queues.owner, name FROM jobs JOIN queues ON queues.number = jobs.queue WHERE holder = ?",
        (process,),
    ).fetchall()
    if queues:
        work.execute("UPDATE jobs SET holder = 0 WHERE holder = ? AND holder > 0", (process,))
        work.topics.update(ends_topic(owner, name) for owner, name in queues)
