"""``neuroscript queues``: the work queues in a directory, their jobs, and what a person does about them."""

from __future__ import annotations

import os
import sys
import time

from neuroscript.cli.actions import PAUSE, add_actions, said
from neuroscript.cli.host import find_place
from neuroscript.cli.journaling import directory_option
from neuroscript.cli.options import json_value, whole_number
from neuroscript.cli.parser import did_you_mean
from neuroscript.cli.report import print_json
from neuroscript.cli.status import OK, UsageError
from neuroscript.output import one_line, write_line
from neuroscript.records import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterable, Iterator
    from typing import Any, TypeVar

    from neuroscript.jobs import Job, JobEngine, Queue
    from neuroscript.jobs.contents import Contents

    Found = TypeVar("Found")

SUMMARY = "list work queues and their jobs, and pause, cancel or retry them"

_JOBS = 100  # that are shown unless more are wanted
_LATEST = 1_000  # jobs among which one is found by the beginning of its id


@record(frozen=True)
class _Place:
    """The queues in a directory."""

    path: str
    engine: JobEngine
    contents: Contents

    def queue(self, options: argparse.Namespace) -> Queue:
        """The queue that the options name.

        Raises:
            UsageError: if there is none, naming the nearest; or there are several, of different owners.
        """
        queues = self.engine.queues(options.owner)
        found = [queue for queue in queues if queue.name == options.queue]
        if not found:
            names = sorted({queue.name for queue in queues})
            meant = did_you_mean(options.queue, names) or (f"; there are {', '.join(names)}" if names else "")
            raise UsageError(f"there is no queue {options.queue!r}{meant}")
        return _only(found, lambda queue: queue.owner, f"queue {options.queue!r}")

    def job(self, options: argparse.Namespace) -> Job:
        """The job that the options name.

        Raises:
            UsageError: if there is none, or there are several.
        """
        from neuroscript.errors import NotFoundError

        found, owners = [], {queue.owner for queue in self.engine.queues(options.owner)}
        for owner in sorted(owners):
            try:
                found.append(self.engine.get(owner, options.job))
            except NotFoundError:
                continue
        if not found:
            latest = self.engine.list(options.owner, limit=_LATEST)
            found = [job for job in latest if job.id.startswith(options.job)]
            if len(found) > 1:
                raise UsageError(f"{len(found)} jobs have an id that begins with {options.job!r}; write more of it")
            if not found:
                hint = did_you_mean(options.job, [job.id for job in latest])
                raise UsageError(f"there is no job {options.job!r}{hint}; neuroscript queues jobs QUEUE lists them")
        return _only(found, lambda job: job.owner, f"job {options.job!r}")


def _only(found: list[Found], owner: Callable[[Found], str], what: str) -> Found:
    if len(found) > 1:
        owners = ", ".join(one_line(owner(each) or "nobody") for each in found)
        raise UsageError(f"there are {len(found)} of the name: the {what} of {owners}; say whose: --owner OWNER")
    return found[0]


def configure(parser: argparse.ArgumentParser) -> None:
    """Declares the arguments."""
    add_actions(parser, _ACTIONS, "the programs that use the queues were run")


def run(options: argparse.Namespace) -> int:
    """Does what the action says; returns the exit status."""
    from neuroscript.sandbox.protection import JOBS_DIRECTORY

    place = find_place(options)
    if not os.path.isdir(os.path.join(place.path, JOBS_DIRECTORY)):
        raise UsageError(f"there are no queues in {place.path}; name the directory: --workers DIR or --sandbox DIR")
    from neuroscript.jobs.contents import FileContents, contents_directory
    from neuroscript.jobs.embedded import EmbeddedEngine

    with EmbeddedEngine.open(place.path) as engine:
        contents = FileContents(contents_directory(engine.private_paths()))
        return _ACTIONS[options.action][2](_Place(place.path, engine, contents), options)


def _declare_owner(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--owner", metavar="OWNER", help="whose queues, where several have one of the name")


def _declare_queue(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("queue", metavar="QUEUE", help="the name of the queue")
    _declare_owner(parser)


def _declare_job(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("job", metavar="JOB", help="the id of the job, or what it begins with")
    _declare_owner(parser)


# --- looking ----------------------------------------------------------------------------------------------------------


def _follow(options: argparse.Namespace, look: Callable[[], tuple[bool, Iterable[str]]]) -> int:
    """Shows what a look gives; with ``--follow`` what later ones give too, until one says that it was the last.

    Args:
        options: with ``follow`` and ``format``.
        look: gives whether it was the last look, and the lines.
    """
    while True:
        last, lines = look()
        for line in lines:
            write_line(sys.stdout, line)
        sys.stdout.flush()
        if last or not options.follow:
            return OK
        time.sleep(PAUSE)


def _declare_list(parser: argparse.ArgumentParser) -> None:
    _declare_owner(parser)
    parser.add_argument("--follow", action="store_true", help="go on, and show each queue whose numbers change")


def _list(place: _Place, options: argparse.Namespace) -> int:
    from neuroscript.cli.queue_views import queue_row, queues_table

    shown: dict[tuple[str, str], Any] = {}

    def look() -> tuple[bool, Iterable[str]]:
        found = []
        for queue in place.engine.queues(options.owner):
            row = queue_row(queue, place.engine.stats(queue.owner, queue.name))
            key, seen = (queue.owner, queue.name), {**row, "oldest_seconds": 0}
            if shown.get(key) != seen:
                found.append(row)
            shown[key] = seen
        if options.format == "jsonl":
            return False, _printed(found)
        return False, queues_table(found) if found else ()

    return _follow(options, look)


def _declare_show(parser: argparse.ArgumentParser) -> None:
    _declare_queue(parser)
    parser.add_argument("--follow", action="store_true", help="go on until no job is left to be done")


def _show(place: _Place, options: argparse.Namespace) -> int:
    from neuroscript.cli.queue_views import queue_lines, queue_row

    shown: list[Any] = [None]

    def look() -> tuple[bool, Iterable[str]]:
        queue = place.queue(options)
        row = queue_row(queue, place.engine.stats(queue.owner, queue.name))
        last = not row["pending"] and not row["running"]
        seen = {**row, "oldest_seconds": 0}
        if shown[0] == seen:
            return last, ()
        first, shown[0] = shown[0] is None, seen
        if options.format == "jsonl":
            return last, _printed([row])
        return last, [*([] if first else [""]), *queue_lines(row)]

    return _follow(options, look)


def _declare_jobs(parser: argparse.ArgumentParser) -> None:
    _declare_queue(parser)
    parser.add_argument(
        "--state",
        metavar="STATE",
        action="append",
        default=[],
        help="only jobs in this state; may be given several times",
    )
    parser.add_argument("--limit", metavar="N", type=whole_number, default=_JOBS, help="the latest (default: 100)")
    parser.add_argument("--follow", action="store_true", help="go on, and show each job whose state changes")


def _jobs(place: _Place, options: argparse.Namespace) -> int:
    from neuroscript.cli.queue_views import job_row, jobs_table
    from neuroscript.jobs.given import read_states

    states = read_states(options.state)
    queue = place.queue(options)
    shown: dict[str, tuple[str, int]] = {}

    def look() -> tuple[bool, Iterable[str]]:
        jobs = place.engine.list(queue.owner, queue.name, states=states, limit=max(options.limit, 1))
        new = [job for job in reversed(jobs) if shown.get(job.id) != (job.state, job.attempt)]
        shown.update((job.id, (job.state, job.attempt)) for job in new)
        rows = [job_row(job) for job in new]
        if options.format == "jsonl":
            return False, _printed(rows)
        return False, jobs_table(rows) if rows else ()

    return _follow(options, look)


def _declare_one_job(parser: argparse.ArgumentParser) -> None:
    _declare_job(parser)
    parser.add_argument("--follow", action="store_true", help="go on until it has ended")


def _job(place: _Place, options: argparse.Namespace) -> int:
    from neuroscript.cli.queue_views import job_lines, whole_job_row

    options.job = place.job(options).id
    shown: list[Any] = [None]

    def look() -> tuple[bool, Iterable[str]]:
        job = place.job(options)
        seen = (job.state, job.attempt, job.waits_for)
        if shown[0] == seen:
            return job.has_ended, ()
        first, shown[0] = shown[0] is None, seen
        row = whole_job_row(job, place.contents)
        if options.format == "jsonl":
            return job.has_ended, _printed([row])
        return job.has_ended, [*([] if first else [""]), *job_lines(row, directory_option(options))]

    return _follow(options, look)


def _declare_lessons(parser: argparse.ArgumentParser) -> None:
    _declare_queue(parser)
    parser.add_argument(
        "--state",
        metavar="STATE",
        action="append",
        default=[],
        help="only those that ended so; may be given several times",
    )
    parser.add_argument("--worker", metavar="NAME", help="only what this worker did")
    parser.add_argument("--procedure", metavar="NAME", help="only what this procedure did")
    parser.add_argument(
        "--metadata",
        metavar="NAME=JSON",
        action="append",
        default=[],
        help="only what has this metadata; may be given several times",
    )
    parser.add_argument("--min-rating", metavar="N", type=float, help="only what was rated so well")
    parser.add_argument("--max-rating", metavar="N", type=float, help="only what was rated no better")
    parser.add_argument("--limit", metavar="N", type=whole_number, default=_JOBS, help="the latest (default: 100)")


def _lessons(place: _Place, options: argparse.Namespace) -> int:
    from neuroscript.cli.queue_views import lessons_lines, whole_job_row
    from neuroscript.jobs.access import find_jobs
    from neuroscript.jobs.engine import ENDS
    from neuroscript.jobs.given import read_states

    queue = place.queue(options)
    filters: dict[str, Any] = {
        "queue": queue.name,
        "states": read_states(options.state) or list(ENDS),
        "limit": max(options.limit, 1),
    }
    for name in ("worker", "procedure", "min_rating", "max_rating"):
        if getattr(options, name) is not None:
            filters[name] = getattr(options, name)
    if options.metadata:
        filters["metadata"] = dict(map(_pair, options.metadata))
    rows = [whole_job_row(job, place.contents) for job in find_jobs(place.engine, queue.owner, filters)]
    for line in _printed(rows) if options.format == "jsonl" else lessons_lines(rows):
        write_line(sys.stdout, line)
    return OK


def _pair(text: str) -> tuple[str, Any]:
    name, separator, value = text.partition("=")
    if not name or not separator:
        raise UsageError(f"--metadata: NAME=JSON is wanted, such as batch=7, not {text!r}")
    return name, json_value(value, f"--metadata {name}")


def _printed(rows: Iterable[dict[str, Any]]) -> Iterator[str]:
    """Prints rows as lines of JSON; there are no other lines then."""
    for row in rows:
        print_json(row)
    return iter(())


# --- acting -----------------------------------------------------------------------------------------------------------


def _pause(place: _Place, options: argparse.Namespace) -> int:
    queue = place.queue(options)
    place.engine.pause(queue.owner, queue.name)
    return _said_of_queue(options, "paused", "no more of its jobs start; those that run go on")


def _resume(place: _Place, options: argparse.Namespace) -> int:
    queue = place.queue(options)
    place.engine.resume(queue.owner, queue.name)
    return _said_of_queue(options, "resumed", "its jobs start again where it is served")


def _delete(place: _Place, options: argparse.Namespace) -> int:
    queue = place.queue(options)
    place.engine.delete(queue.owner, queue.name)
    return _said_of_queue(options, "deleted", "its jobs and their results are gone")


def _said_of_queue(options: argparse.Namespace, what: str, more: str) -> int:
    return said(options, {"queue": options.queue, "done": what}, f"{options.queue} is {what}: {more}")


def _declare_cancel(parser: argparse.ArgumentParser) -> None:
    _declare_job(parser)
    parser.add_argument("--why", metavar="TEXT", default="", help="what is said about it")


def _cancel(place: _Place, options: argparse.Namespace) -> int:
    job = place.job(options)
    if job.has_ended:
        raise UsageError(f"the job {job.id!r} has ended: it is {job.state}")
    after = place.engine.cancel(job.owner, job.id, options.why)
    line = f"{job.id} is cancelled" if after.has_ended else f"{job.id} is told to end"
    return said(options, {"job": job.id, "done": "cancelled", "state": after.state}, line)


def _declare_retry(parser: argparse.ArgumentParser) -> None:
    _declare_job(parser)
    parser.add_argument("--attempts", metavar="N", type=whole_number, help="further attempts (default: as at first)")


def _retry(place: _Place, options: argparse.Namespace) -> int:
    from neuroscript.jobs.views import run_id_of
    from neuroscript.journal import Journal
    from neuroscript.journal.entries import REFUSED

    job = place.job(options)
    with Journal.open(place.path) as journal:
        info = journal.find(run_id_of(job))
    if info is not None and info.state == REFUSED:
        message = f"the run of the job {job.id!r} was cancelled for good (neuroscript runs cancel)"
        raise UsageError(f"{message}, and would be again; submit the job anew, with another id")
    place.engine.retry(job.owner, job.id, options.attempts)
    line = f"{job.id} is pending again; what its run did before is not done again"
    return said(options, {"job": job.id, "done": "retried"}, line)


_ACTIONS: dict[
    str, tuple[str, Callable[[argparse.ArgumentParser], None], Callable[[_Place, argparse.Namespace], int]]
] = {
    "list": ("list the queues, with the numbers of their jobs", _declare_list, _list),
    "show": ("show a queue: its settings, and what has become of its jobs", _declare_show, _show),
    "jobs": ("list the jobs of a queue", _declare_jobs, _jobs),
    "job": ("show a job: what was asked, and what came of it", _declare_one_job, _job),
    "lessons": ("show what ended jobs were asked, gave and cost, and how they were rated", _declare_lessons, _lessons),
    "pause": ("have no more jobs of a queue start", _declare_queue, _pause),
    "resume": ("let the jobs of a paused queue start again", _declare_queue, _resume),
    "delete": ("remove a queue with its jobs", _declare_queue, _delete),
    "cancel": ("cancel a job", _declare_cancel, _cancel),
    "retry": ("give a job that failed, expired or was cancelled further attempts", _declare_retry, _retry),
}
