"""Queues, and what is put into them."""

from __future__ import annotations

from neuroscript.errors import ErrorCode, NeuroScriptError
from neuroscript.jobs.embedded import wakeups
from neuroscript.jobs.embedded.completion import count_rating, end, make_tallies, reopen, tallies, unfinished
from neuroscript.jobs.embedded.rows import (
    JOB_FIELDS,
    JOBS,
    QUEUE_FIELDS,
    find_job,
    find_queue,
    job_of,
    no_job,
    no_queue,
    queue_number,
    queue_of,
)
from neuroscript.jobs.embedded.schema import (
    ATTEMPTS,
    BACKING_OFF,
    DELAYED,
    MEASURE,
    RATED,
    RATING,
    READY,
    STAGE,
    STATE_OF,
    TIMED,
    WAITING,
)
from neuroscript.jobs.embedded.values import (
    check_number,
    check_text,
    check_whole,
    digest,
    error_of,
    stored,
    stored_error,
)
from neuroscript.jobs.embedded.wakeups import TIMERS, ends_topic, process_topic, ready_topic
from neuroscript.jobs.engine import CANCELLED, DONE, ENDS, RUNNING, Job, Queue

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any, Final

    from neuroscript.jobs.embedded.database import Transaction

_LONGEST: Final = 10 * 366 * 86400.0
_LATEST: Final = 32503680000.0  # the year 3000
_MOST_ATTEMPTS: Final = 1000
_MOST_SLOTS: Final = 1000
_LONGEST_NOTE: Final = 10_000
_SETTINGS: Final = {
    "worker": "worker",
    "least": "min",
    "most": "max",
    "attempts": "max_attempts",
    "lease": "lease_seconds",
    "backoff": "backoff_seconds",
    "backoff_most": "max_backoff_seconds",
    "max_jobs": "max_jobs",
    "note": "note",
}
"""The settings of a queue, and what they are called where queues are made."""


def checked_queue(queue: Queue) -> Queue:
    """A queue whose settings are possible.

    Raises:
        NeuroScriptError: 4 or 7 if they are not.
    """
    check_text(queue.name, "the name of a queue")
    check_text(queue.owner, "the owner of a queue", empty=True)
    check_text(queue.worker, "the worker of a queue", empty=True)
    check_text(queue.note, "the note of a queue", empty=True, most=_LONGEST_NOTE)
    check_whole(queue.most, "the number of jobs at once", 0, _MOST_SLOTS)
    check_whole(queue.least, "the number of slots that are kept", 0, _MOST_SLOTS)
    if queue.least > queue.most:
        message = f"a queue keeps at least {queue.least} slots, but has at most {queue.most}"
        raise NeuroScriptError(ErrorCode.ARG_MISMATCH, message)
    check_whole(queue.attempts, "the number of attempts", 1, _MOST_ATTEMPTS)
    check_number(queue.lease, "the lease in seconds", 0.1, _LONGEST)
    check_number(queue.backoff, "the seconds between attempts", 0, _LONGEST)
    check_number(queue.backoff_most, "the most seconds between attempts", 0, _LONGEST)
    if queue.max_jobs is not None:
        check_whole(queue.max_jobs, "the number of unfinished jobs", 1, 1 << 53)
    return queue


def create(work: Transaction, queue: Queue) -> bool:
    """Makes a queue; false if there is one just like it."""
    row = work.execute(
        f"SELECT {QUEUE_FIELDS} FROM queues WHERE owner = ? AND name = ?", (queue.owner, queue.name)
    ).fetchone()
    if row is not None:
        known = queue_of(row)
        other = [name for name in _SETTINGS if getattr(known, name) != getattr(queue, name)]
        if other:
            told = ", ".join(
                f"{_SETTINGS[name]} {getattr(known, name)!r} and not {getattr(queue, name)!r}" for name in other
            )
            message = f"there is a queue {queue.name!r} with other settings: {told}"
            raise NeuroScriptError(ErrorCode.DUPLICATE, f"{message}; take another name, or delete that one first")
        return False
    values = [getattr(queue, name) for name in QUEUE_FIELDS.split(", ")[:-1]]
    [number] = work.execute(
        f"INSERT INTO queues ({QUEUE_FIELDS}) VALUES ({', '.join('?' * 13)}) RETURNING number", (*values, work.now)
    ).fetchone()
    make_tallies(work, number)
    work.topics.add(ready_topic(queue.name))
    return True


def delete(work: Transaction, owner: str, name: str) -> None:
    """Removes a queue and its jobs."""
    number = queue_number(work, owner, name)
    left = unfinished(work, number)
    if left:
        message = f"the queue {name!r} has {left} unfinished job{'s' if left > 1 else ''}"
        raise NeuroScriptError(ErrorCode.PRECONDITION_FAILED, f"{message}; cancel them or wait for them first")
    for table in ("payloads", "results"):
        work.execute(f"DELETE FROM {table} WHERE number IN (SELECT number FROM jobs WHERE queue = ?)", (number,))
    work.execute("DELETE FROM jobs WHERE queue = ?", (number,))
    work.execute("DELETE FROM tallies WHERE queue = ?", (number,))
    work.execute("DELETE FROM queues WHERE number = ?", (number,))
    work.topics.add(ends_topic(owner, name))


def all_queues(work: Transaction, owner: str | None) -> list[Queue]:
    """The queues of an owner, or of all."""
    where, given = ("WHERE owner = ?", (owner,)) if owner is not None else ("", ())
    rows = work.execute(f"SELECT {QUEUE_FIELDS} FROM queues {where} ORDER BY name, owner", given).fetchall()
    return [queue_of(row) for row in rows]


def set_paused(work: Transaction, owner: str, name: str, paused: bool) -> int:
    """Pauses a queue, or lets it go on; gives its number."""
    number = queue_number(work, owner, name)
    work.execute("UPDATE queues SET paused = ? WHERE number = ?", (paused, number))
    if paused:
        rows = work.execute(
            "SELECT DISTINCT process FROM jobs WHERE queue = ? AND end_number = 0 AND stage = 'running' AND begun = 0",
            (number,),
        ).fetchall()
        work.topics.update(process_topic(process) for [process] in rows)
    else:
        work.topics.add(ready_topic(name))
    return number


def stats(work: Transaction, owner: str, name: str) -> dict[str, Any]:
    """What `JobEngine.stats` gives."""
    number = queue_number(work, owner, name)
    sums = tallies(work, number)
    counts = dict.fromkeys(STATE_OF.values(), 0)
    for stage, state in STATE_OF.items():
        counts[state] += int(sums[STAGE + stage])
    measures = {each.removeprefix(MEASURE): total for each, total in sums.items() if each.startswith(MEASURE)}
    timed, rated = sums.get(TIMED, 0), sums.get(RATED, 0)
    first = [
        work.execute(
            "SELECT created FROM jobs WHERE stage = 'ready' AND queue = ? AND priority = ? ORDER BY number LIMIT 1",
            (number, priority),
        ).fetchone()
        for priority in range(1, 6)
    ]
    oldest = min((row[0] for row in first if row is not None), default=work.now)
    return {
        **counts,
        "waiting": int(sums[STAGE + WAITING]),
        "oldest_seconds": max(work.now - oldest, 0.0),
        "measures": measures,
        "mean_seconds": measures.get("seconds", 0.0) / timed if timed else 0.0,
        "rated": int(rated),
        "mean_rating": sums.get(RATING, 0) / rated if rated else None,
        "attempts": int(sums.get(ATTEMPTS, 0)),
    }


# --- jobs -------------------------------------------------------------------------------------------------------------


class Submission:
    """A job that is to be put into its queue: checked, and its payload written.

    Args:
        job: the job; its id, queue, owner, submitter, payload, priority, not_before, deadline and attempts count.
        attempts: how many attempts it may have; None: what its queue says.

    Raises:
        NeuroScriptError: 4 or 7 if it is not possible.
    """

    def __init__(self, job: Job, attempts: int | None) -> None:
        self.id = check_text(job.id, "the id of a job")
        what = f"of the job {job.id!r}"
        self.queue = check_text(job.queue, f"the queue {what}")
        self.owner = check_text(job.owner, f"the owner {what}", empty=True)
        self.submitter = check_text(job.submitter, f"the submitter {what}", empty=True)
        self.priority = check_whole(job.priority, f"the priority {what}", 1, 5)
        self.not_before = float(check_number(job.not_before, f"not_before {what}", 0, _LATEST))
        self.deadline = float(check_number(job.deadline, f"the deadline {what}", 0, _LATEST))
        self.attempts = attempts
        if attempts is not None:
            check_whole(attempts, f"the number of attempts {what}", 1, _MOST_ATTEMPTS)
        self.payload = stored(job.payload, f"the payload {what}")
        self.digest = digest(job.payload)

    def put(self, work: Transaction) -> bool:
        """Puts it into its queue; false if it is there already."""
        row = work.execute(
            "SELECT number, attempts, max_jobs FROM queues WHERE owner = ? AND name = ?", (self.owner, self.queue)
        ).fetchone()
        if row is None:
            raise no_queue(work, self.owner, self.queue)
        number, attempts, max_jobs = row
        known = work.execute(
            "SELECT queue, digest FROM jobs WHERE owner = ? AND id = ?", (self.owner, self.id)
        ).fetchone()
        if known is not None:
            if tuple(known) != (number, self.digest):
                other = "another payload" if known[0] == number else "another queue"
                message = f"there is a job {self.id!r} already, with {other}; an id stands for one job for ever"
                raise NeuroScriptError(ErrorCode.DUPLICATE, f"{message}: take another one")
            return False
        if max_jobs is not None and unfinished(work, number) >= max_jobs:
            message = f"the queue {self.queue!r} holds {max_jobs} unfinished jobs, which is all that it may"
            raise NeuroScriptError(ErrorCode.RESOURCE_EXHAUSTION, f"{message}; wait for some to end")
        stage = DELAYED if self.not_before > work.now else READY
        [job] = work.execute(
            "INSERT INTO jobs (queue, owner, id, submitter, digest, stage, priority, not_before, deadline, attempts, "
            "created) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING number",
            (
                *(number, self.owner, self.id, self.submitter, self.digest, stage, self.priority, self.not_before),
                *(self.deadline, self.attempts or attempts, work.now),
            ),
        ).fetchone()
        work.execute("INSERT INTO payloads VALUES (?, ?)", (job, self.payload))
        if stage == READY:
            work.topics.add(ready_topic(self.queue))
        soon = work.now + wakeups.FALLBACK_SECONDS  # until when everybody looks anyway
        if 0 < self.deadline < soon or (stage == DELAYED and self.not_before < soon):
            work.topics.add(TIMERS)
        return True


def list_jobs(
    work: Transaction,
    owner: str | None,
    queue: str | None,
    states: Iterable[str],
    submitter: str | None,
    limit: int,
    after: str,
) -> list[Job]:
    """What `JobEngine.list` gives."""
    wanted = set(states)
    stages = [stage for stage, state in STATE_OF.items() if state in wanted]
    conditions: list[str] = []
    given: list[Any] = []
    of_queue: tuple[str, Any] = ("queues.name = ?", queue)
    if owner is not None and queue is not None:
        of_queue = "jobs.queue = ?", queue_number(work, owner, queue)
    for condition, value in (("jobs.owner = ?", owner), of_queue, ("submitter = ?", submitter)):
        if value is not None:
            conditions.append(condition)
            given.append(value)
    if wanted:
        conditions.append(f"stage IN ({', '.join('?' * len(stages))})")
        given += stages
    if after:
        row = work.execute(
            "SELECT min(number) FROM jobs WHERE id = ? AND (? IS NULL OR owner = ?)", (after, owner, owner)
        ).fetchone()
        if row[0] is None:
            raise no_job(work, owner or "", after)
        conditions.append("jobs.number < ?")
        given.append(row[0])
    where = f"WHERE {' AND '.join(conditions)}" if conditions else ""
    rows = work.execute(
        f"SELECT {JOB_FIELDS} FROM {JOBS} {where} ORDER BY jobs.number DESC LIMIT ?", (*given, limit)
    ).fetchall()
    return [job_of(row) for row in rows]


def cancel(work: Transaction, owner: str, id: str, why: str) -> Job:
    """Cancels a job that has not started; notifies the process of one that runs."""
    number, stage = _locate(work, owner, id)
    if stage == RUNNING:
        [process] = work.execute(
            "UPDATE jobs SET cancel_reason = ifnull(cancel_reason, ?) WHERE number = ? RETURNING process", (why, number)
        ).fetchone()
        work.topics.add(process_topic(process))
    elif stage not in ENDS:
        message = f"the job was cancelled{f': {why}' if why else ''}"
        end(work, number, CANCELLED, error=stored_error(error_of(ErrorCode.CANCELLED, message)))
    return find_job(work, owner, id)


def retry(work: Transaction, owner: str, id: str, attempts: int | None) -> Job:
    """Gives a job that has ended, and is not done, further attempts."""
    number, stage = _locate(work, owner, id)
    job = find_job(work, owner, id)
    if stage not in ENDS or stage == DONE:
        what = "is done" if stage == DONE else "has not ended"
        message = f"the job {id!r} {what}; only one that failed, expired or was cancelled is tried again"
        raise NeuroScriptError(ErrorCode.PRECONDITION_FAILED, message)
    queue = find_queue(work, owner, job.queue)
    reopen(work, number, job.used + (attempts or queue.attempts))
    work.topics |= {ready_topic(job.queue), ends_topic(owner, job.queue), TIMERS}
    return find_job(work, owner, id)


def wake(work: Transaction, owner: str, id: str) -> None:
    """Lets a job start that waits for a person or rests; one that runs, as soon as it says that it waits."""
    number, stage = _locate(work, owner, id)
    if stage in (WAITING, BACKING_OFF):
        work.execute("UPDATE jobs SET stage = ?, waits_for = '' WHERE number = ?", (READY, number))
        work.topics.add(ready_topic(find_job(work, owner, id).queue))
    elif stage == RUNNING:
        work.execute("UPDATE jobs SET woken = 1 WHERE number = ?", (number,))


def rate(work: Transaction, owner: str, id: str, feedback: Mapping[str, Any]) -> None:
    """Keeps what somebody says of a job that has ended."""
    number, stage = _locate(work, owner, id)
    if stage not in ENDS:
        message = f"the job {id!r} has not ended, so there is no result to rate"
        raise NeuroScriptError(ErrorCode.PRECONDITION_FAILED, message)
    text = stored(dict(feedback), f"what is said of the job {id!r}")
    [queue, before] = work.execute("SELECT queue, feedback FROM jobs WHERE number = ?", (number,)).fetchone()
    work.execute("UPDATE jobs SET feedback = ? WHERE number = ?", (text, number))
    count_rating(work, queue, before, text)


def _locate(work: Transaction, owner: str, id: str) -> tuple[int, str]:
    """The number and the stage of a job."""
    row = work.execute("SELECT number, stage FROM jobs WHERE owner = ? AND id = ?", (owner, id)).fetchone()
    if row is None:
        raise no_job(work, owner, id)
    return row[0], row[1]
