"""Jobs and queues as scripts and people see them: maps with fixed keys, whatever state they are in."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime

from neuroscript.jobs.engine import DONE
from neuroscript.jobs.payload import fetched, told
from neuroscript.values import TimeDate

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from neuroscript.jobs.contents import Contents
    from neuroscript.jobs.engine import Job, Queue

_RUN = "job"


def run_id_of(job: Job) -> str:
    """The id of the journaled run that a job is."""
    return f"{_RUN}:{owner_hash(job.owner)}:{job.queue}:{job.id}"


def read_run_id(run_id: str) -> tuple[str, str, str] | None:
    """The hash of the owner, the queue and the id of the job that a run is; None if it is no job's."""
    parts = run_id.split(":", 3)
    return (parts[1], parts[2], parts[3]) if len(parts) == 4 and parts[0] == _RUN else None


def owner_hash(owner: str) -> str:
    """A short name for an owner."""
    return hashlib.blake2b(owner.encode("utf-8", "surrogatepass"), digest_size=4).hexdigest()


def job_map(job: Job, contents: Contents) -> dict[str, Any]:
    """A job as scripts see it, in values of the language."""
    return {
        **summary_map(job),
        "result": fetched_result(job, contents),
        "created": _moment(job.created),
        "started": _moment(job.started) if job.started else None,
        "ended": _moment(job.ended) if job.ended else None,
        "deadline": _moment(job.deadline) if job.deadline else None,
    }


def fetched_result(job: Job, contents: Contents) -> Any:
    """What a job gave; nil unless it is done.

    Raises:
        NeuroScriptError: 9 or 10 if it is kept elsewhere, and not there as it was.
    """
    return fetched(job.result, contents) if job.state == DONE else None


def summary_map(job: Job) -> dict[str, Any]:
    """What is known of a job but its result and its times."""
    what = told(job.payload)
    return {
        "id": job.id,
        "queue": job.queue,
        "state": job.state,
        "result": None,
        "error": None if job.error is None else dict(job.error),
        "worker": what["worker"],
        "prompt": what["prompt"],
        "procedure": what["procedure"],
        "metadata": what["metadata"],
        "feedback": None if job.feedback is None else dict(job.feedback),
        "priority": job.priority,
        "attempts": job.used,
        "max_attempts": job.attempts,
        "cost": _amount(job.measures, "cost", 0.0),
        "tokens": int(_amount(job.measures, "tokens", 0)),
        "seconds": _amount(job.measures, "seconds", 0.0),
        "waits_for": job.waits_for,
    }


def queue_map(queue: Queue) -> dict[str, Any]:
    """A queue as scripts see it."""
    return {
        "name": queue.name,
        "worker": queue.worker,
        "paused": queue.paused,
        "min": queue.least,
        "max": queue.most,
        "max_attempts": queue.attempts,
        "max_jobs": queue.max_jobs,
        "note": queue.note,
        "created": _moment(queue.created),
    }


def status_map(queue: Queue, stats: Mapping[str, Any]) -> dict[str, Any]:
    """What has become of the jobs of a queue."""
    measures: Mapping[str, Any] = stats.get("measures") or {}
    states = ("pending", "waiting", "running", "done", "failed", "cancelled", "expired")
    return {
        "name": queue.name,
        "paused": queue.paused,
        **{state: int(stats.get(state) or 0) for state in states},
        "oldest_seconds": float(stats.get("oldest_seconds") or 0.0),
        "cost": float(_amount(measures, "cost", 0.0)),
        "tokens": int(_amount(measures, "tokens", 0)),
        "seconds": float(_amount(measures, "seconds", 0.0)),
        "mean_seconds": float(stats.get("mean_seconds") or 0.0),
        "mean_rating": stats.get("mean_rating"),
        "attempts": int(stats.get("attempts") or 0),
    }


def _amount(measures: Mapping[str, Any], name: str, none: float) -> float:
    value = measures.get(name)
    return value if isinstance(value, int | float) else none


def _moment(seconds: float) -> TimeDate:
    return TimeDate.of(datetime.fromtimestamp(seconds, UTC))
