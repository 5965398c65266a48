"""Finds out which jobs that wait for a person go on, since somebody has decided what they asked."""

from __future__ import annotations

import time

from neuroscript.errors import NotFoundError
from neuroscript.jobs.engine import PENDING
from neuroscript.jobs.views import owner_hash, read_run_id, run_id_of
from neuroscript.journal.entries import BEGUN, ONCE, SUSPENDED

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

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
        after = ""
        while True:
            page = self._engine.list(owner, queue, states=(PENDING,), limit=_PAGE, after=after)
            yield from (job for job in page if job.waits_for)
            if len(page) < _PAGE:
                return
            after = page[-1].id

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
