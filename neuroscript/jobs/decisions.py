"""Has jobs follow what somebody decides about runs: they go on when it is answered, and end with the run."""

from __future__ import annotations

import time

from neuroscript.errors import NotFoundError
from neuroscript.jobs.engine import PENDING, RUNNING
from neuroscript.jobs.views import owner_hash, read_run_id, run_id_of
from neuroscript.journal.entries import BEGUN, ONCE, SUSPENDED

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from neuroscript.jobs.engine import Job, JobEngine
    from neuroscript.journal.store import JournalStore

_PAGE = 1_000


def wake_job_of(engine: JobEngine, run_id: str) -> bool:
    """Has the job go on whose run somebody has decided about; false if the run is no job's."""
    named = read_run_id(run_id)
    if named is None:
        return False
    hashed, queue, job = named
    for each in engine.queues(None):
        if each.name == queue and owner_hash(each.owner) == hashed:
            engine.wake(each.owner, job)
            return True
    return False


def cancel_jobs_of(engine: JobEngine, run_id: str, why: str = "") -> int:
    """Cancels the jobs that a run has submitted and that have not ended, and those that they have submitted.

    Args:
        engine: keeps the jobs.
        run_id: the run, which is over.
        why: why it is.

    Returns:
        how many jobs were cancelled.
    """
    cancelled = 0
    for job in [*_pages(engine, None, None, states=(PENDING, RUNNING), submitter=run_id)]:
        engine.cancel(job.owner, job.id, why)
        cancelled += 1 + cancel_jobs_of(engine, run_id_of(job), why)
    return cancelled


def _pages(engine: JobEngine, owner: str | None, queue: str | None, **wanted: Any) -> Iterator[Job]:
    """All jobs that `JobEngine.list` would give, however many."""
    after = ""
    while True:
        page = engine.list(owner, queue, limit=_PAGE, after=after, **wanted)
        yield from page
        if len(page) < _PAGE:
            return
        after = page[-1].id


class Decisions:
    """Looks at the jobs that wait, now and then, for decisions that nobody told the engine of.

    Args:
        engine: keeps the jobs.
        journal: has the decisions.
    """

    def __init__(self, engine: JobEngine, journal: JournalStore) -> None:
        self._engine = engine
        self._journal = journal
        self._seen: dict[str, int] = {}  # of each run that waits, how many decisions there were

    def look(self, owner: str, queue: str) -> int:
        """Wakes the jobs of a queue that need not wait any longer; returns how many."""
        if not self._engine.stats(owner, queue).get("waiting"):
            return 0
        woken = 0
        for job in self._waiting(owner, queue):
            if self._is_decided(job):
                self._engine.wake(owner, job.id)
                woken += 1
        return woken

    def _waiting(self, owner: str, queue: str) -> Iterator[Job]:
        return (job for job in _pages(self._engine, owner, queue, states=(PENDING,)) if job.waits_for)

    def _is_decided(self, job: Job) -> bool:
        """Whether its run would get further: a decision has been made since it was looked at, or a time is over."""
        run_id = run_id_of(job)
        try:
            info = self._journal.run(run_id)
        except NotFoundError:
            return True  # its journal is gone, and it begins again
        if info.state != SUSPENDED:
            return True
        decisions = info.fence - info.starts  # each start raises both numbers, and a decision the first one
        before = self._seen.get(run_id)
        self._seen[run_id] = decisions
        open_ = [each for each in self._journal.approvals(run_id) if each.answer is None]
        if any(each.until and time.time() > each.until for each in open_):
            return True
        if before is not None:
            return decisions > before
        unknown = any(entry.state == BEGUN and entry.effect == ONCE for entry in self._journal.entries(run_id))
        return not open_ and not unknown
