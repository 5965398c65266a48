"""The queues as the scripts of one interpreter reach them: those of its owner, under what they may do."""

from __future__ import annotations

import json
import math
import time
import uuid
from dataclasses import replace
from functools import cached_property, partial

from neuroscript.errors import ConflictError, ErrorCode, NeuroScriptError, NotFoundError
from neuroscript.jobs.engine import CANCELLED, DONE, EXPIRED, Job
from neuroscript.jobs.failures import failure_of
from neuroscript.jobs.given import read_filters, read_job, read_queue
from neuroscript.jobs.grants import Grant
from neuroscript.jobs.payload import Order, fetched, is_same, told, write_payload
from neuroscript.jobs.programs import check_procedure, keep_program
from neuroscript.jobs.views import job_map, queue_map, status_map
from neuroscript.journal.payloads import Piece
from neuroscript.journal.sharing import share_budget

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Final, Protocol

    from neuroscript.jobs.contents import Contents
    from neuroscript.jobs.engine import JobEngine, Queue
    from neuroscript.jobs.given import GivenJob
    from neuroscript.journal.store import JournalStore
    from neuroscript.runtime.context import ToolContext

    class Server(Protocol):
        """What does jobs in this process."""

        def serve(self, queue: Queue) -> None:
            """Does the jobs of a queue, if it wants that of processes that use it."""
            ...

        def stop(self, queue: Queue) -> None:
            """Does no more of its jobs."""
            ...


END: Final = "jobs.end"
"""The kind of the pieces by which a journaled run commits that it has taken note of a job's end."""

MOST_DEPTH: Final = 8
"""How far jobs may descend from one another by submitting."""

MOST_QUEUES: Final = 100
"""How many queues an owner's scripts may have."""

_ID: Final = 20
"""The characters of ids that are made: hexadecimal digits of a random number."""

_FOR_EVER: Final = 10 * 366 * 86_400.0


class JobAccess:
    """The queues of one owner.

    Args:
        engine: keeps them.
        contents: keeps what is too large for payloads.
        server: does jobs in this process.
        owner: gives whose they are, which may depend on the program; asked when a tool is first called.
        journal: keeps the jobs' runs.
        queues: where the scripts are those of a job: the queues of the jobs that it descends from, its own last.
    """

    def __init__(
        self,
        engine: JobEngine,
        contents: Contents,
        server: Server,
        owner: Callable[[], str],
        journal: JournalStore,
        queues: tuple[str, ...] = (),
    ) -> None:
        self.engine = engine
        self.contents = contents
        self._find_owner = owner
        self._server = server
        self._queues = queues
        self._journal = journal
        self._handed_out: set[str] = set()  # the jobs whose ends a journaled run was given and has not noted down yet

    @cached_property
    def owner(self) -> str:
        """Whose queues they are."""
        return self._find_owner()

    # --- queues ---------------------------------------------------------------------------------------------------

    def create(self, name: str, settings: dict[str, Any]) -> bool:
        """Makes a queue; false if there is one just like it.

        Raises:
            NeuroScriptError: 4 for settings that do not fit; 42 if there is one with others; 37 if there are too many.
        """
        queue = read_queue(name, settings, self.owner)
        known = {each.name for each in self.engine.queues(self.owner)}
        if name not in known and len(known) >= MOST_QUEUES:
            message = f"there are {len(known)} queues already, which is as many as scripts may have; delete one"
            raise NeuroScriptError(ErrorCode.RESOURCE_EXHAUSTION, message)
        return self.engine.create(queue)

    def delete(self, name: str) -> None:
        """Removes a queue."""
        queue = self.engine.queue(self.owner, name)
        self.engine.delete(self.owner, name)
        self._server.stop(queue)

    def queue_maps(self) -> list[dict[str, Any]]:
        """The queues, by name."""
        return [queue_map(queue) for queue in self.engine.queues(self.owner)]

    def status(self, name: str) -> dict[str, Any]:
        """What has become of the jobs of a queue."""
        return status_map(self.engine.queue(self.owner, name), self.engine.stats(self.owner, name))

    def resume(self, name: str) -> None:
        """Lets the jobs of a queue start again."""
        self.engine.resume(self.owner, name)
        self._server.serve(self.engine.queue(self.owner, name))

    # --- submitting -----------------------------------------------------------------------------------------------

    def submit(self, ctx: ToolContext, name: str, given: list[dict[str, Any]], *, many: bool) -> list[str]:
        """Puts jobs into a queue, all or none; gives their ids.

        Raises:
            NeuroScriptError: 9 if there is no such queue; 4 for a job that does not fit; 42 for an id that another job
                has; 37 if the queue is full, or jobs descend too far from one another.
        """
        queue = self._queue_to_fill(name)
        if len(self._queues) >= MOST_DEPTH:
            chain = " → ".join(self._queues)
            message = f"jobs submit jobs {MOST_DEPTH} deep ({chain}), which is as far as they may"
            raise NeuroScriptError(ErrorCode.RESOURCE_EXHAUSTION, message)
        read = [read_job(each, f"job {number}" if many else "the job") for number, each in enumerate(given, 1)]
        journal = ctx.journal
        terms = None if journal is None else journal.terms
        grant = Grant.of(ctx.interpreter, terms)
        program = ""
        for job in read:
            if "procedure" in job.work:
                check_procedure(ctx.interpreter, job.work["procedure"], job.work["args"])
                program = program or keep_program(ctx.interpreter, self.contents)
        budget = share_budget(ctx, self._journal)
        usual = Order(work={}, grant=grant, queues=(*self._queues, name), budget=budget)
        submitter = "" if journal is None else journal.info.run_id
        latest = _FOR_EVER if terms is None or terms.deadline is None else terms.deadline
        ends = 0.0 if journal is None or latest == _FOR_EVER else journal.info.started + latest
        jobs = []
        for number, job in enumerate(read):
            made = str(uuid.uuid4()) if journal is None else journal.id_here(f"job {number}")
            order = replace(usual, work=_with_worker(job, queue), metadata=job.metadata)
            if "procedure" in job.work:
                order = replace(order, program=program)
            jobs.append(self._job(job.id or made.replace("-", "")[:_ID], queue, job, order, submitter, ends))
            ctx.charge_written(_size(jobs[-1].payload))
        self._put(jobs)
        self._server.serve(queue)
        return [job.id for job in jobs]

    def _queue_to_fill(self, name: str) -> Queue:
        try:
            return self.engine.queue(self.owner, name)
        except NotFoundError as error:
            message = f'{error.message}; make it first: call tool.WorkQueue.Create("{name}")'
            raise NeuroScriptError(ErrorCode.KEY_NOT_FOUND, message) from None

    def _job(self, id: str, queue: Queue, given: GivenJob, order: Order, submitter: str, ends: float) -> Job:
        deadline = min(filter(None, (given.deadline, ends)), default=0.0)
        job = Job(
            id=id,
            queue=queue.name,
            owner=self.owner,
            submitter=submitter,
            priority=given.priority,
            not_before=given.not_before,
            deadline=deadline,
            attempts=given.attempts or queue.attempts,
        )
        return replace(job, payload=write_payload(order, job, self.contents))

    def _put(self, jobs: list[Job]) -> None:
        """Puts jobs into their queue, without those that a start under other terms has put there already."""
        try:
            self.engine.submit_all(jobs)
        except ConflictError:
            rest = [job for job in jobs if not self._is_there(job)]
            if len(rest) == len(jobs):
                raise
            self.engine.submit_all(rest)

    def _is_there(self, job: Job) -> bool:
        try:
            known = self.engine.get(self.owner, job.id)
        except NotFoundError:
            return False
        return known.queue == job.queue and is_same(known.payload, job.payload)

    # --- jobs -----------------------------------------------------------------------------------------------------

    def get(self, id: str) -> dict[str, Any]:
        """One job."""
        return job_map(self.engine.get(self.owner, id), self.contents)

    def list(self, ctx: ToolContext, given: dict[str, Any]) -> list[dict[str, Any]]:
        """The jobs that filters let through, the latest submitted first."""
        filters = read_filters(given)
        submitter = None
        if filters.get("mine"):
            submitter = "" if ctx.journal is None else ctx.journal.info.run_id
        found = find_jobs(self.engine, self.owner, filters, submitter, ctx.check)
        return [job_map(job, self.contents) for job in found]

    def cancel(self, id: str, why: str) -> dict[str, Any]:
        """Cancels a job."""
        return job_map(self.engine.cancel(self.owner, id, why), self.contents)

    def rate(self, id: str, rating: float, comment: str) -> None:
        """Keeps what the script says of a job's result."""
        if not math.isfinite(rating):
            raise NeuroScriptError(ErrorCode.ARG_MISMATCH, f"the rating is {rating!r}; expected a finite number")
        self.engine.rate(self.owner, id, {"rating": rating, "comment": comment[:2_000], "by": "a program"})

    def result(self, id: str) -> Any:
        """What a job gave.

        Raises:
            NeuroScriptError: what it failed with; 19 if it was cancelled, or has not ended; 31 if it expired.
        """
        job = self.engine.get(self.owner, id)
        if job.state == DONE:
            return fetched(job.result, self.contents)
        if not job.has_ended:
            message = f"the job {id!r} is {job.state}, and has no result yet; wait for it: tool.Job.Wait({id!r})"
            raise NeuroScriptError(ErrorCode.PRECONDITION_FAILED, message)
        if job.state == CANCELLED:
            raise NeuroScriptError(ErrorCode.PRECONDITION_FAILED, f"the job {id!r} was cancelled, and has no result")
        if job.state == EXPIRED:
            raise NeuroScriptError(ErrorCode.TIMEOUT, f"the job {id!r} expired: its deadline passed before it was done")
        raise failure_of(job.error or {}, id)

    # --- waiting --------------------------------------------------------------------------------------------------

    def wait(self, ctx: ToolContext, id: str, timeout: float | None) -> dict[str, Any]:
        """Waits until a job has ended, or the time is over."""
        job = self.engine.get(self.owner, id)
        if not job.has_ended:
            self._may_wait(self.engine.queue(self.owner, job.queue))
            job = self.engine.wait(self.owner, id, self._seconds(ctx, timeout), ctx.check)
        return job_map(job, self.contents)

    def wait_next(self, ctx: ToolContext, name: str, timeout: float | None) -> dict[str, Any] | None:
        """Waits for the end of a job that nobody has taken note of, and takes note of it.

        In a journaled run it is noted with the call's entry, so that an end is neither lost nor handed out twice.
        """
        self._may_wait(self._queue_to_fill(name))
        journal = ctx.journal
        submitter = None if journal is None else journal.info.run_id
        seconds = self._seconds(ctx, timeout)
        job = self.engine.wait_next(self.owner, name, seconds, submitter=submitter, check=ctx.check)
        if job is None:
            return None
        try:
            found = job_map(job, self.contents)
            if journal is None:
                self.engine.acknowledge(self.owner, [job.id])
            else:
                what = json.dumps([self.owner, job.id])
                self._handed_out.add(job.id)
                journal.attach(Piece(END, what), partial(self._apply, what))
        except BaseException:
            self.engine.give_back(self.owner, job.id)
            raise
        return found

    def _apply(self, what: str, is_durable: Callable[[], None]) -> None:
        self.acknowledge(what)
        is_durable()

    def acknowledge(self, what: str) -> None:
        """Takes note of the end that a piece of a journal tells of."""
        owner, id = json.loads(what)
        self._handed_out.discard(id)
        try:
            self.engine.acknowledge(owner, [id])
        except NotFoundError:  # its queue has been deleted since
            return

    def close(self) -> None:
        """Lets the ends be handed out again that a run was given, and could not note down."""
        for id in self._handed_out:
            self.engine.give_back(self.owner, id)
        self._handed_out.clear()

    def _may_wait(self, queue: Queue) -> None:
        """Refuses a wait that could never end; has this process do the jobs that are waited for."""
        if queue.name in self._queues:
            message = (
                f"a job of the queue {queue.name!r} would wait for another one there, perhaps for its own place; "
                "submit the jobs that a job waits for to another queue"
            )
            raise NeuroScriptError(ErrorCode.PRECONDITION_FAILED, message)
        self._server.serve(queue)

    def _seconds(self, ctx: ToolContext, timeout: float | None) -> float:
        """How long a wait may take: what the script says, and what the run has left."""
        if timeout is not None and not timeout >= 0:
            raise NeuroScriptError(ErrorCode.ARG_MISMATCH, f"the timeout is {timeout!r}; expected 0 or more seconds")
        most = [_FOR_EVER if timeout is None else min(timeout, _FOR_EVER)]
        journal = ctx.journal
        if journal is not None and journal.terms.deadline is not None:
            most.append(max(journal.info.started + journal.terms.deadline - time.time(), 0.0))
        return min(most)


def find_jobs(
    engine: JobEngine,
    owner: str | None,
    filters: dict[str, Any],
    submitter: str | None = None,
    check: Callable[[], object] | None = None,
) -> list[Job]:
    """The jobs that filters let through (`read_filters`), the latest submitted first."""
    found: list[Job] = []
    after, page = "", max(filters["limit"], 200)
    while True:
        jobs = engine.list(
            owner, filters.get("queue"), states=filters["states"], submitter=submitter, limit=page, after=after
        )
        found += [job for job in jobs if _passes(job, filters)]
        if len(jobs) < page or len(found) >= filters["limit"]:
            return found[: filters["limit"]]
        after = jobs[-1].id
        if check is not None:
            check()


def _passes(job: Job, filters: dict[str, Any]) -> bool:
    names = [name for name in ("worker", "procedure", "metadata") if name in filters]
    if names:
        what = told(job.payload)
        for name in names:
            wanted = filters[name]
            if name == "metadata":
                if any(what[name].get(key) != value for key, value in wanted.items()):
                    return False
            elif what[name] != wanted:
                return False
    rating = (job.feedback or {}).get("rating")
    least, most = filters.get("min_rating"), filters.get("max_rating")
    if rating is None:
        return least is None and most is None
    return (least is None or rating >= least) and (most is None or rating <= most)


def _with_worker(job: GivenJob, queue: Queue) -> dict[str, Any]:
    """The work of a job, with the queue's worker where it names none: the mark is for the worker too."""
    if "prompt" in job.work and "worker" not in job.work and queue.worker:
        return {**job.work, "worker": queue.worker}
    return job.work


def _size(payload: Any) -> int:
    return len(json.dumps(payload))
