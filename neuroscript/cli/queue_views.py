"""What ``neuroscript queues`` shows: tables of queues and jobs, one of them in full, and lines of JSON."""

from __future__ import annotations

import json

from neuroscript.cli.actions import table
from neuroscript.cli.report import moment
from neuroscript.errors import NeuroScriptError
from neuroscript.jobs.views import fetched_result, run_id_of, status_map, summary_map
from neuroscript.output import clipped, one_line, shortened
from neuroscript.values import text_of, to_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import Any, Final

    from neuroscript.jobs.contents import Contents
    from neuroscript.jobs.engine import Job, Queue

_WHAT: Final = 100  # characters of what a job is, in a table
_PART: Final = 40  # of that, its prompt or its metadata
_ID: Final = 40
_TEXT: Final = 2_000  # characters of a prompt or a result in full
_COUNTS: Final = ("pending", "running", "done", "failed", "cancelled", "expired")


def queue_row(queue: Queue, stats: Mapping[str, Any]) -> dict[str, Any]:
    """A queue as JSON values: its settings and its numbers."""
    return {
        **status_map(queue, stats),
        "owner": queue.owner,
        "worker": queue.worker,
        "min": queue.least,
        "max": queue.most,
        "max_attempts": queue.attempts,
        "backoff_seconds": queue.backoff,
        "lease_seconds": queue.lease,
        "max_jobs": queue.max_jobs,
        "note": queue.note,
        "created": queue.created,
    }


def queues_table(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """The lines of a list of queues."""
    lines: list[tuple[str, ...]] = [("queue", "state", *_COUNTS, "waiting", "cost", "worker")]
    for row in rows:
        state = "paused" if row["paused"] else "open"
        counts = [str(row[name]) for name in (*_COUNTS, "waiting")]
        lines.append((one_line(row["name"]), state, *counts, f"{row['cost']:.4f}", one_line(row["worker"] or "-")))
    yield from table(lines)


def queue_lines(row: Mapping[str, Any]) -> Iterator[str]:
    """The lines that show a queue."""
    yield f"queue    {one_line(row['name'])}: {'paused' if row['paused'] else 'open'}"
    yield f"owner    {one_line(row['owner'] or 'nobody')}, made on {moment(row['created'])}"
    if row["note"]:
        yield f"note     {one_line(row['note'])}"
    worker = f"worker {one_line(row['worker'])}" if row["worker"] else "the default worker"
    at_once = f"{row['max']} at once" if row["max"] else "none where they are submitted (neuroscript serve does them)"
    yield f"serves   {at_once}, {row['max_attempts']} attempts, {worker}"
    yield "jobs     " + ", ".join(f"{row[name]} {name}" for name in _COUNTS)
    if row["waiting"]:
        yield f"waits    {row['waiting']} pending jobs wait for a person: neuroscript runs list --state suspended"
    if row["oldest_seconds"]:
        yield f"oldest   the oldest job that could start was submitted {row['oldest_seconds']:.0f} s ago"
    yield (
        f"took     cost {row['cost']:.4f}, {row['tokens']} tokens, {row['seconds']:.1f} s in all, "
        f"{row['mean_seconds']:.2f} s a job, {row['attempts']} attempts"
    )
    if row["mean_rating"] is not None:
        yield f"rated    {row['mean_rating']:.2f} on average"


def job_row(job: Job) -> dict[str, Any]:
    """A job as JSON values, without its result."""
    row = to_json(summary_map(job))
    del row["result"]
    moments = {name: getattr(job, name) or None for name in ("created", "started", "ended", "not_before", "deadline")}
    return {**row, **moments, "owner": job.owner, "submitter": job.submitter, "run_id": run_id_of(job)}


def whole_job_row(job: Job, contents: Contents) -> dict[str, Any]:
    """A job as JSON values, with its result where that can be written so, else its text."""
    try:
        result = fetched_result(job, contents)
    except NeuroScriptError as error:
        result = f"({error.message})"
    try:
        plain = to_json(result)
    except NeuroScriptError:
        plain = text_of(result)
    return {**job_row(job), "result": plain}


def jobs_table(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """The lines of a list of jobs."""
    lines = [("job", "state", "attempts", "seconds", "cost", "submitted", "what")]
    for row in rows:
        attempts = f"{row['attempts']} of {row['max_attempts']}"
        state = "waiting" if row["waits_for"] else row["state"]
        numbers = (f"{row['seconds']:.2f}", f"{row['cost']:.4f}", moment(row["created"]))
        lines.append((one_line(shortened(row["id"], _ID)), state, attempts, *numbers, _what(row)))
    yield from table(lines)


def _what(row: Mapping[str, Any]) -> str:
    """What a job is in short, with what tells it from others like it; of one that failed or waits, why."""
    what = clipped(f"{row['procedure']}()" if row["procedure"] else row["prompt"], _PART)
    if row["metadata"]:
        what += f" {clipped(_json(row['metadata']), _PART)}"
    why = row["error"]["message"] if row["error"] else row["waits_for"]
    return one_line(clipped(f"{what}: {why}" if why else what, _WHAT))


def job_lines(row: Mapping[str, Any], where: str = "") -> Iterator[str]:
    """The lines that show a job in full.

    Args:
        row: the job, as `whole_job_row` gives it.
        where: the option that names the directory, for the commands that are told.
    """
    yield f"job      {one_line(row['id'])}: {row['state']}"
    yield f"queue    {one_line(row['queue'])}, priority {row['priority']}, of {one_line(row['owner'] or 'nobody')}"
    yield f"run      {one_line(row['run_id'])} (neuroscript runs show shows its calls)"
    if row["submitter"]:
        yield f"from     the run {one_line(row['submitter'])}"
    told = [f"{name} {moment(row[name])}" for name in ("created", "started", "ended", "deadline") if row[name]]
    yield f"times    {', '.join(told)}"
    yield f"attempts {row['attempts']} of {row['max_attempts']}, {row['seconds']:.2f} s"
    yield f"took     cost {row['cost']:.4f}, {row['tokens']} tokens"
    if row["waits_for"]:
        yield f"waits    {one_line(row['waits_for'])}{' ' if where else ''}{where}"
    yield from _lesson(row)


def lessons_lines(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """The lines of what ended jobs have taught, the latest first."""
    for number, row in enumerate(rows):
        if number:
            yield ""
        yield f"{one_line(row['id'])}: {row['state']}, {row['seconds']:.2f} s, cost {row['cost']:.4f}"
        yield from _lesson(row)


def _lesson(row: Mapping[str, Any]) -> Iterator[str]:
    """What was asked, who did it, what came of it, and what was said of that."""
    if row["procedure"]:
        yield f"asked    the procedure {one_line(row['procedure'])}"
    else:
        whom = one_line(row["worker"]) or "the default worker"
        yield f"asked    {whom}: {one_line(shortened(row['prompt'], _TEXT))}"
    if row["metadata"]:
        yield f"metadata {_json(row['metadata'])}"
    if row["state"] == "done":
        result = row["result"]
        yield f"gave     {one_line(shortened(result, _TEXT)) if isinstance(result, str) else _json(result)}"
    if row["error"]:
        error = row["error"]
        yield f"error    {error.get('code')} ({error.get('name')}): {one_line(str(error.get('message')))}"
    if row["feedback"]:
        said = row["feedback"]
        comment = f": {one_line(str(said['comment']))}" if said.get("comment") else ""
        yield f"rated    {said.get('rating')} by {one_line(str(said.get('by', 'somebody')))}{comment}"


def _json(value: Any) -> str:
    return one_line(shortened(json.dumps(value, ensure_ascii=False, default=str), _TEXT))
