"""Attempts at jobs: who may make one, how it ends, and what becomes of those of processes that are gone."""

from __future__ import annotations

import heapq
import random

from neuroscript.errors import MOST_TEXT, ErrorCode, NeuroScriptError
from neuroscript.jobs.embedded import wakeups
from neuroscript.jobs.embedded.completion import count_attempt, end
from neuroscript.jobs.embedded.rows import job_numbered
from neuroscript.jobs.embedded.schema import BACKING_OFF, READY, WAITING
from neuroscript.jobs.embedded.timers import EXPIRED_ERROR
from neuroscript.jobs.embedded.values import error_of, stored_error, whole
from neuroscript.jobs.embedded.wakeups import TIMERS, ends_topic, pause_topic, ready_topic
from neuroscript.jobs.engine import CANCELLED, DONE, EXPIRED, FAILED, Job, Outcome
from neuroscript.journal.codec import to_text
from neuroscript.output import shortened
from neuroscript.records import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any, Final

    from neuroscript.jobs.embedded.database import Transaction

_JITTER: Final = 0.2
_MOST_DOUBLINGS: Final = 60


@record(frozen=True)
class Claim:
    """A job that this process may attempt.

    Args:
        number: its number.
        job: the job; its attempt is the fencing number.
        lease: after how many seconds of silence this process loses it.
    """

    number: int
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


def claim(work: Transaction, process: int, name: str, owner: str | None, most: int) -> list[Claim]:
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
        claimed.append(Claim(number, job_numbered(work, number), leases[queue]))
    if claimed:
        renew(work, process)
    return claimed


def running_of(work: Transaction, process: int) -> dict[tuple[int, int], str | None]:
    """What a process runs: by number and attempt, why somebody cancelled it; None if nobody did."""
    rows = work.execute(
        "SELECT number, attempt, cancel_reason FROM jobs WHERE process = ? AND stage = 'running'", (process,)
    ).fetchall()
    return {(number, attempt): cancel_reason for number, attempt, cancel_reason in rows}


def finish(
    work: Transaction,
    process: int,
    claimed: Claim,
    outcome: Outcome,
    *,
    result: str | None = None,
    seconds: float = 0.0,
    cut_off: bool = False,
) -> bool:
    """Notes how an attempt ended; false if the job is no longer that of this attempt.

    Args:
        work: the transaction.
        process: the number of this process.
        claimed: the attempt.
        outcome: how it ended.
        result: the text of what it gave.
        seconds: how long it took, for jobs that say nothing of it.
        cut_off: whether this process ended it, because it stops.
    """
    number, attempt, now = claimed.number, claimed.job.attempt, work.now
    row = work.execute(
        "SELECT cancel_reason FROM jobs WHERE number = ? AND attempt = ? AND process = ? AND stage = 'running'",
        (number, attempt, process),
    ).fetchone()
    if row is None:
        return False
    [cancel_reason] = row
    measures = {"seconds": seconds, **outcome.measures}
    if outcome.state == CANCELLED or (cancel_reason is not None and outcome.state != DONE):
        end(work, number, CANCELLED, error=_cancelled(cancel_reason or ""), measures=measures)
    elif 0 < claimed.job.deadline <= now:
        end(work, number, EXPIRED, error=stored_error(error_of(*EXPIRED_ERROR)), measures=measures)
    elif outcome.state == DONE:
        end(work, number, DONE, result=result, measures=measures)
    elif outcome.state == FAILED:
        _fail(work, claimed, outcome, measures)
    else:
        _put_back(work, claimed, outcome, measures, cut_off)
    return True


def _cancelled(why: str) -> str | None:
    """The error of a job that was cancelled."""
    return stored_error(error_of(ErrorCode.CANCELLED, f"the job was cancelled{f': {why}' if why else ''}"))


def _fail(work: Transaction, claimed: Claim, outcome: Outcome, measures: dict[str, Any]) -> None:
    error = stored_error(outcome.error)
    [used, attempts] = work.execute("SELECT used, attempts FROM jobs WHERE number = ?", (claimed.number,)).fetchone()
    if outcome.retry and used < attempts:
        work.execute(
            "UPDATE jobs SET error = ?, measures = ? WHERE number = ?", (error, to_text(measures), claimed.number)
        )
        _back_off(work, claimed.number, used)
    else:
        end(work, claimed.number, FAILED, error=error, measures=measures)


def _back_off(work: Transaction, number: int, used: int) -> None:
    """Has a job start again after a pause."""
    [backoff, most] = work.execute(
        "SELECT backoff, backoff_most FROM queues JOIN jobs ON jobs.queue = queues.number WHERE jobs.number = ?",
        (number,),
    ).fetchone()
    pause = min(backoff * 2.0 ** min(used - 1, _MOST_DOUBLINGS), most) * random.uniform(1 - _JITTER, 1 + _JITTER)
    pause = min(pause, most)
    work.execute(
        "UPDATE jobs SET stage = ?, process = 0, backoff_until = ? WHERE number = ?",
        (BACKING_OFF, work.machine + pause, number),
    )
    if pause < wakeups.FALLBACK_SECONDS:
        work.topics.add(TIMERS)


def _put_back(work: Transaction, claimed: Claim, outcome: Outcome, measures: dict[str, Any], cut_off: bool) -> None:
    """Has a job wait for a person, or start again: an attempt that costs none."""
    number = claimed.number
    [used, woken] = work.execute(
        "UPDATE jobs SET used = used - 1, measures = ? WHERE number = ? RETURNING used, woken",
        (to_text(measures), number),
    ).fetchone()
    if outcome.waits_for and not woken:
        waits_for = shortened(whole(outcome.waits_for), MOST_TEXT)
        work.execute(
            "UPDATE jobs SET stage = ?, process = 0, waits_for = ? WHERE number = ?", (WAITING, waits_for, number)
        )
    elif cut_off or woken:
        work.execute("UPDATE jobs SET stage = ?, process = 0 WHERE number = ?", (READY, number))
        work.topics.add(ready_topic(claimed.job.queue))
    else:  # or a body that always wants to start again would do nothing else
        _back_off(work, number, used + 1)


def is_asked(work: Transaction, process: int) -> bool:
    """Whether somebody who pauses a queue waits for a process to say that what it took has begun."""
    return bool(
        work.execute(
            "SELECT 1 FROM jobs JOIN queues ON queues.number = jobs.queue "
            "WHERE process = ? AND stage = 'running' AND begun = 0 AND paused = 1 LIMIT 1",
            (process,),
        ).fetchone()
    )


def note_begun(work: Transaction, begun: Iterable[tuple[int, int]]) -> None:
    """Notes that attempts have begun, given by number and attempt, for whoever pauses their queue."""
    for place in begun:
        row = work.execute(
            "UPDATE jobs SET begun = 1 WHERE number = ? AND attempt = ? AND stage = 'running' RETURNING queue", place
        ).fetchone()
        if row is not None:
            work.topics.add(pause_topic(row[0]))


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
        "INSERT INTO processes (name, pid, heartbeat) VALUES (?, ?, ?) RETURNING number", (name, pid, work.machine)
    ).fetchone()
    work.topics.add(TIMERS)
    return int(number)


def names_of(work: Transaction) -> dict[str, int]:
    """The names of the processes that have entered, and their ids with the system."""
    return dict(work.execute("SELECT name, pid FROM processes").fetchall())


def renew(work: Transaction, process: int) -> None:
    """Says that a process lives.

    Raises:
        NeuroScriptError: 19 if others took it for dead, because somebody removed the file that it holds.
    """
    if work.execute("UPDATE processes SET heartbeat = ? WHERE number = ?", (work.machine, process)).rowcount == 0:
        message = "this process is taken for dead by others, since its file among those of the job queues was removed"
        raise NeuroScriptError(ErrorCode.PRECONDITION_FAILED, f"{message}; open the job queues anew")


def leave(work: Transaction, process: int) -> None:
    """Takes a process out that stops: its jobs go on elsewhere, and the attempts at them cost none."""
    rows = work.execute("SELECT number FROM jobs WHERE process = ? AND stage = 'running'", (process,)).fetchall()
    for [number] in rows:
        work.execute("UPDATE jobs SET used = used - 1 WHERE number = ?", (number,))
        _release(work, number, "")
    _release_ends(work, process)
    work.execute("DELETE FROM processes WHERE number = ?", (process,))


def remove_dead(work: Transaction, name: str) -> None:
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


def seconds_to_silence(work: Transaction, own: int) -> float | None:
    """The seconds until another process will not have been heard of for the lease of one of its jobs."""
    [moment] = work.execute(
        "SELECT min(heartbeat + lease) FROM processes JOIN jobs ON jobs.process = processes.number "
        "JOIN queues ON queues.number = jobs.queue WHERE stage = 'running' AND processes.number != ?",
        (own,),
    ).fetchone()
    return None if moment is None else moment - work.machine


def take_from_silent(work: Transaction, own: int) -> None:
    """Takes jobs from processes that have not been heard of for their lease."""
    rows = work.execute(
        "SELECT jobs.number, pid FROM processes JOIN jobs ON jobs.process = processes.number "
        "JOIN queues ON queues.number = jobs.queue WHERE stage = 'running' AND processes.number != ? "
        "AND heartbeat + lease <= ?",
        (own, work.machine),
    ).fetchall()
    for number, pid in rows:
        _release(work, number, f"the process {pid} that did it was not heard of for longer than the lease")


def after_boot(work: Transaction, boot: str) -> None:
    """Frees all that processes had before the machine was started again; all rests are over."""
    for [name] in work.execute("SELECT name FROM processes").fetchall():
        remove_dead(work, name)
    work.execute("UPDATE jobs SET stage = ? WHERE stage = 'backing_off'", (READY,))
    work.execute("UPDATE machine SET boot = ?", (boot,))


def free_impossible_backoffs(work: Transaction) -> None:
    """Ends pauses that are longer than any of their queue: those of an earlier boot, where boots have no names."""
    work.execute(
        "UPDATE jobs SET stage = ? WHERE stage = 'backing_off' AND backoff_until > ? + "
        "(SELECT backoff_most FROM queues WHERE queues.number = jobs.queue)",
        (READY, work.machine),
    )


def _release(work: Transaction, number: int, why: str) -> None:
    """Has a job go on elsewhere, unless it is over with it."""
    job = job_numbered(work, number)
    [cancel_reason] = work.execute("SELECT cancel_reason FROM jobs WHERE number = ?", (number,)).fetchone()
    if cancel_reason is not None:
        end(work, number, CANCELLED, error=_cancelled(cancel_reason))
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
