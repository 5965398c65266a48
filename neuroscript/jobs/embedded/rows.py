"""Finds queues and jobs in the tables, and makes records of them."""

from __future__ import annotations

from neuroscript.errors import ErrorCode, NeuroScriptError
from neuroscript.jobs.embedded.schema import STATE_OF
from neuroscript.jobs.embedded.values import read_map, read_value
from neuroscript.jobs.engine import Job, Queue
from neuroscript.runtime.errors import nearest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any, Final

    from neuroscript.jobs.embedded.database import Transaction

QUEUE_FIELDS: Final = (
    "name, owner, worker, least, most, attempts, lease, backoff, backoff_most, max_jobs, paused, note, created"
)
JOB_FIELDS: Final = (
    "jobs.id, queues.name, jobs.owner, submitter, payload, stage, priority, not_before, deadline, attempt, "
    "jobs.attempts, used, jobs.created, started, ended, result, error, waits_for, measures, feedback, acknowledged"
)
JOBS: Final = (
    "jobs JOIN queues ON queues.number = jobs.queue JOIN payloads ON payloads.number = jobs.number "
    "LEFT JOIN results ON results.number = jobs.number"
)
_MOST_NAMES: Final = 1000


def queue_of(row: Sequence[Any]) -> Queue:
    """The record of a row of `QUEUE_FIELDS`."""
    name, owner, worker, least, most, attempts, lease, backoff, backoff_most, max_jobs, paused, note, created = row
    return Queue(
        name=name,
        owner=owner,
        worker=worker,
        least=least,
        most=most,
        attempts=attempts,
        lease=lease,
        backoff=backoff,
        backoff_most=backoff_most,
        max_jobs=max_jobs,
        paused=bool(paused),
        note=note,
        created=created,
    )


def job_of(row: Sequence[Any]) -> Job:
    """The record of a row of `JOB_FIELDS`.

    A text that somebody has damaged is taken for none: a job without its payload fails for itself alone.
    """
    id, queue, owner, submitter, payload, stage, priority, not_before, deadline, attempt, attempts, used, *rest = row
    created, started, ended, result, error, waits_for, measures, feedback, acknowledged = rest
    return Job(
        id=id,
        queue=queue,
        owner=owner,
        submitter=submitter,
        payload=read_value(payload),
        state=STATE_OF[stage],
        priority=priority,
        not_before=not_before,
        deadline=deadline,
        attempt=attempt,
        attempts=attempts,
        used=used,
        created=created,
        started=started,
        ended=ended,
        result=read_value(result),
        error=read_map(error),
        waits_for=waits_for,
        measures=read_map(measures) or {},
        feedback=read_map(feedback),
        acknowledged=bool(acknowledged),
    )


def queue_number(work: Transaction, owner: str, name: str) -> int:
    """The number of a queue.

    Raises:
        NeuroScriptError: 9 if there is none of that name, naming the nearest.
    """
    row = work.execute("SELECT number FROM queues WHERE owner = ? AND name = ?", (owner, name)).fetchone()
    if row is None:
        raise no_queue(work, owner, name)
    return int(row[0])


def no_queue(work: Transaction, owner: str, name: str) -> NeuroScriptError:
    """The error of a queue that does not exist."""
    known = work.execute("SELECT name FROM queues WHERE owner = ? LIMIT ?", (owner, _MOST_NAMES)).fetchall()
    hint = nearest(name, [each for [each] in known]) if known else "; its owner has none"
    return NeuroScriptError(ErrorCode.KEY_NOT_FOUND, f"there is no queue {name!r}{hint}")


def find_queue(work: Transaction, owner: str, name: str) -> Queue:
    """A queue.

    Raises:
        NeuroScriptError: 9 if there is none of that name, naming the nearest.
    """
    row = work.execute(f"SELECT {QUEUE_FIELDS} FROM queues WHERE owner = ? AND name = ?", (owner, name)).fetchone()
    if row is None:
        raise no_queue(work, owner, name)
    return queue_of(row)


def find_job(work: Transaction, owner: str, id: str) -> Job:
    """A job.

    Raises:
        NeuroScriptError: 9 if there is none.
    """
    row = work.execute(f"SELECT {JOB_FIELDS} FROM {JOBS} WHERE jobs.owner = ? AND jobs.id = ?", (owner, id)).fetchone()
    if row is None:
        raise no_job(work, owner, id)
    return job_of(row)


def job_numbered(work: Transaction, number: int) -> Job:
    """The job of a number."""
    return job_of(work.execute(f"SELECT {JOB_FIELDS} FROM {JOBS} WHERE jobs.number = ?", (number,)).fetchone())


def no_job(work: Transaction, owner: str, id: str) -> NeuroScriptError:
    """The error of a job that does not exist."""
    known = work.execute(
        "SELECT id FROM jobs WHERE owner = ? ORDER BY number DESC LIMIT ?", (owner, _MOST_NAMES)
    ).fetchall()
    return NeuroScriptError(ErrorCode.KEY_NOT_FOUND, f"there is no job {id!r}{nearest(id, [each for [each] in known])}")
