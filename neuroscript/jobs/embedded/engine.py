"""The job engine in a directory, for the processes of one machine."""

from __future__ import annotations

import atexit
import math
import os
import threading
import time
import weakref
from contextlib import suppress

from neuroscript.errors import ErrorCode, NeuroScriptError
from neuroscript.jobs.embedded import attempts, clock, liveness, outbox, queueing, wakeups
from neuroscript.jobs.embedded.database import FILE, Database
from neuroscript.jobs.embedded.maintenance import Membership, apply_due_timers, maintain
from neuroscript.jobs.embedded.rows import find_job, find_queue
from neuroscript.jobs.embedded.serving import EmbeddedServing
from neuroscript.jobs.embedded.values import check_number, check_text, check_whole
from neuroscript.jobs.embedded.wakeups import Notifier, Sender, end_topic, ends_topic, pause_topic
from neuroscript.jobs.engine import MIDDLE, STATES, Job, JobEngine, Queue
from neuroscript.private_files import make_own_directory, make_private_directory
from neuroscript.runtime.errors import nearest
from neuroscript.sandbox.protection import JOBS_DIRECTORY

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from typing import Any, Final, TypeVar

    from neuroscript.jobs.embedded.database import Transaction
    from neuroscript.jobs.embedded.serving import EmbeddedAttempt
    from neuroscript.jobs.embedded.wakeups import Waiter
    from neuroscript.jobs.engine import Attempt, Outcome

    T = TypeVar("T")

PROCESSES: Final = "processes"
_CHECK_SECONDS: Final = 0.08
_PAUSE_SECONDS: Final = 0.2
_PATIENCE: Final = 5.0
"""Seconds that `close` waits for bodies that were told to end."""

_PATIENCE_AT_EXIT: Final = 1.0


class EmbeddedEngine(JobEngine):
    """A job engine in a directory.  Safe to use from many threads, and from many processes of one machine.

    Its files lie in a directory of their own there, which no file tool of a script reaches.  What `submit`, `pause`,
    `acknowledge` and the end of a job have written survives a loss of power.

    Args:
        directory: where it lies; it is made if it is missing.

    Raises:
        NeuroScriptError: 18 if what is there is no file of job queues, or one of a later version; 19 if another
            machine uses it; 26 if it cannot be opened.
    """

    def __init__(self, directory: str | os.PathLike[str]) -> None:
        self.directory = os.path.abspath(directory)
        self._files = os.path.join(self.directory, JOBS_DIRECTORY)
        self._processes = os.path.join(self._files, PROCESSES)
        try:
            make_private_directory(self.directory)
            make_own_directory(self._files)
            make_own_directory(self._processes)
        except OSError as error:
            message = f"the job queues in {self._files} cannot be opened: {error}"
            raise NeuroScriptError(ErrorCode.IO_FAILED, message) from error
        self._notifier = Notifier()
        self._sender = Sender(self._processes)
        self._lock = threading.RLock()  # of what follows
        self._membership: Membership | None = None
        self._servings: list[EmbeddedServing] = []
        self._closed = False
        self._maintained = -math.inf
        self._database = Database(os.path.join(self._files, FILE), self._notify)
        try:
            self._check_boot()
        except BaseException:
            self._database.close()
            raise
        self._at_exit = _at_exit(weakref.ref(self))
        atexit.register(self._at_exit)

    @classmethod
    def open(cls, directory: str | os.PathLike[str]) -> EmbeddedEngine:
        """Opens the engine in a directory, which is made if it is missing.

        Raises:
            NeuroScriptError: 18 if what is there is no file of job queues, or one of a later version; 19 if another
                machine uses it; 26 if it cannot be opened.
        """
        return cls(directory)

    def _check_boot(self) -> None:
        """Frees what was running when the machine was last shut down; its clock has begun anew since."""
        boot = clock.boot()

        def known(work: Transaction) -> str:
            return str(work.execute("SELECT boot FROM machine").fetchone()[0])

        if self._database.read(known) == boot:
            if not boot:
                self._write(attempts.free_impossible_backoffs)
            return
        if liveness.anybody(self._processes):
            raise liveness.elsewhere(self._files)
        self._database.write(
            lambda work: attempts.after_boot(work, boot) if known(work) != boot else None, durable=True
        )

    def _notify(self, topics: set[int]) -> None:
        self._notifier.notify(topics)
        self._sender.send(topics)

    def _running(self) -> list[EmbeddedAttempt]:
        with self._lock:
            servings = list(self._servings)
        return [attempt for serving in servings for attempt in serving.attempts]

    def _join(self) -> Membership:
        """Makes this process one of those that others wake, and that see to one another."""
        with self._lock:
            if self._membership is None:
                with self._database.failing("joined"):
                    self._membership = Membership(
                        self._database, self._processes, self._notifier, self._sender, self._running
                    )
            return self._membership

    def _write(self, operation: Callable[[Transaction], T]) -> T:
        return self._database.write(operation, durable=True)

    def _read(self, operation: Callable[[Transaction], T]) -> T:
        """Reads, once what is due has happened."""
        if self._membership is None and time.monotonic() >= self._maintained:
            self._maintain()  # else a thread does
        else:
            apply_due_timers(self._database)
        return self._database.read(operation)

    def _maintain(self) -> None:
        """Sees to what is due by time, and to processes that have died."""
        self._maintained = time.monotonic() + wakeups.FALLBACK_SECONDS
        if self._membership is not None:
            self._membership.maintain()
        else:
            maintain(self._database, self._processes)

    # --- queues ---------------------------------------------------------------------------------------------------

    def create(self, queue: Queue) -> bool:
        queueing.checked_queue(queue)
        return self._write(lambda work: queueing.create(work, queue))

    def delete(self, owner: str, name: str) -> None:
        self._write(lambda work: queueing.delete(work, owner, name))

    def queue(self, owner: str, name: str) -> Queue:
        return self._database.read(lambda work: find_queue(work, owner, name))

    def queues(self, owner: str | None = None) -> list[Queue]:
        return self._database.read(lambda work: queueing.all_queues(work, owner))

    def pause(self, owner: str, name: str) -> None:
        number = self._write(lambda work: queueing.set_paused(work, owner, name, True))
        with self._notifier.waiter(pause_topic(number)) as waiter:
            if not self._database.read(lambda work: attempts.has_unbegun(work, number)):
                return
            self._join()
            while True:
                # Asked again: somebody may have taken a job just before the queue was paused.
                self._write(lambda work: queueing.set_paused(work, owner, name, True))
                waiter.wait(_PAUSE_SECONDS)
                if not self._database.read(lambda work: attempts.has_unbegun(work, number)):
                    return
                self._maintain()

    def resume(self, owner: str, name: str) -> None:
        self._write(lambda work: queueing.set_paused(work, owner, name, False))

    def stats(self, owner: str, name: str) -> dict[str, Any]:
        return self._read(lambda work: queueing.stats(work, owner, name))

    # --- jobs -----------------------------------------------------------------------------------------------------

    def submit(
        self,
        id: str,
        queue: str,
        payload: Any,
        *,
        owner: str = "",
        submitter: str = "",
        priority: int = MIDDLE,
        not_before: float = 0.0,
        deadline: float = 0.0,
        attempts: int | None = None,
    ) -> bool:
        job = Job(
            id=id,
            queue=queue,
            owner=owner,
            submitter=submitter,
            payload=payload,
            priority=priority,
            not_before=not_before,
            deadline=deadline,
        )
        return self._write(queueing.Submission(job, attempts).put)

    def submit_all(self, jobs: Sequence[Job]) -> list[bool]:
        submissions = [queueing.Submission(job, job.attempts or None) for job in jobs]
        return self._write(lambda work: [submission.put(work) for submission in submissions])

    def get(self, owner: str, id: str) -> Job:
        return self._read(lambda work: find_job(work, owner, id))

    def list(
        self,
        owner: str | None,
        queue: str | None = None,
        *,
        states: Iterable[str] = (),
        submitter: str | None = None,
        limit: int = 100,
        after: str = "",
    ) -> list[Job]:
        wanted = list(states)
        for state in wanted:
            if state not in STATES:
                message = f"a job has no state {state!r}{nearest(state, STATES)}; there are {', '.join(STATES)}"
                raise NeuroScriptError(ErrorCode.ARG_MISMATCH, message)
        check_whole(limit, "the number of jobs", 0, 1 << 53)
        return self._read(lambda work: queueing.list_jobs(work, owner, queue, wanted, submitter, limit, after))

    def cancel(self, owner: str, id: str, why: str = "") -> Job:
        check_text(why, "the reason", empty=True)
        apply_due_timers(self._database)
        return self._write(lambda work: queueing.cancel(work, owner, id, why))

    def retry(self, owner: str, id: str, attempts: int | None = None) -> Job:
        if attempts is not None:
            check_whole(attempts, "the number of further attempts", 1, 1000)
        apply_due_timers(self._database)
        return self._write(lambda work: queueing.retry(work, owner, id, attempts))

    def wake(self, owner: str, id: str) -> None:
        self._write(lambda work: queueing.wake(work, owner, id))

    def rate(self, owner: str, id: str, feedback: Mapping[str, Any]) -> None:
        self._write(lambda work: queueing.rate(work, owner, id, feedback))

    # --- their ends -----------------------------------------------------------------------------------------------

    def wait(self, owner: str, id: str, timeout: float, check: Callable[[], object] | None = None) -> Job:
        until = _moment(timeout)
        with self._notifier.waiter(end_topic(owner, id)) as waiter:
            while True:
                job = self.get(owner, id)
                left = until - time.monotonic()
                if job.has_ended or left <= 0:
                    return job
                self._join()
                self._pause(waiter, left, check)

    def wait_next(
        self,
        owner: str,
        queue: str,
        timeout: float,
        *,
        submitter: str | None = None,
        check: Callable[[], object] | None = None,
    ) -> Job | None:
        until = _moment(timeout)
        membership = self._join()
        with self._notifier.waiter(ends_topic(owner, queue)) as waiter:
            while True:
                found, more = self._read(lambda work: outbox.find(work, owner, queue, submitter, membership.process))
                if found:
                    job = self._database.write(
                        lambda work: outbox.hand_out(work, owner, queue, submitter, membership.process), durable=False
                    )
                    if job is not None:
                        return job
                    continue
                left = until - time.monotonic()
                if not more or left <= 0:
                    return None
                self._pause(waiter, left, check)

    def _pause(self, waiter: Waiter, left: float, check: Callable[[], object] | None) -> None:
        """Waits to be notified, some seconds at most, in case that a message is lost."""
        until = time.monotonic() + min(left, wakeups.FALLBACK_SECONDS)
        while True:
            if check is not None:
                check()
            remaining = until - time.monotonic()
            if remaining <= 0 or waiter.wait(remaining if check is None else min(remaining, _CHECK_SECONDS)):
                return

    def acknowledge(self, owner: str, ids: Sequence[str]) -> None:
        self._write(lambda work: outbox.acknowledge(work, owner, ids))

    def give_back(self, owner: str, id: str) -> None:
        with self._lock:
            membership = self._membership
        if membership is not None:
            self._database.write(lambda work: outbox.give_back(work, owner, id, membership.process), durable=False)

    # --- doing them -----------------------------------------------------------------------------------------------

    def serve(
        self,
        queue: str,
        body: Callable[[Attempt], Outcome],
        *,
        owner: str | None = "",
        least: int | None = None,
        most: int | None = None,
    ) -> EmbeddedServing:
        settings = self._settings(queue, owner)
        most = check_whole(settings.most if most is None else most, "the number of jobs at once", 0, 1000)
        least = check_whole(settings.least if least is None else least, "the number of threads", 0, 1000)
        membership = self._join()
        self._maintain()
        with self._lock:
            self._database.check_open()
            serving = EmbeddedServing(
                self._database,
                self._notifier,
                membership.process,
                queue,
                owner,
                body,
                min(least, most),
                most,
                membership.watch_leases,
            )
            self._servings = [*(each for each in self._servings if not each.has_stopped), serving]
        return serving

    def _settings(self, queue: str, owner: str | None) -> Queue:
        if owner is not None:
            return self.queue(owner, queue)
        found = [each for each in self.queues() if each.name == queue]
        return max(found, key=lambda each: each.most, default=Queue(name=queue))

    def private_paths(self) -> Sequence[str]:
        return [self._files]

    # --- its end --------------------------------------------------------------------------------------------------

    def close(self) -> None:
        self._close(_PATIENCE)

    def _close(self, patience: float) -> None:
        with self._lock:
            if self._closed or self._database.is_of_another_process:
                return
            self._closed = True
            servings = list(self._servings)
        atexit.unregister(self._at_exit)
        for serving in servings:
            serving.end(0.0, patience)
        try:
            if self._membership is not None:
                self._membership.leave()
        finally:
            self._database.close()
            self._notifier.notify_all()
            self._sender.close()


def _at_exit(engine: weakref.ref[EmbeddedEngine]) -> Callable[[], None]:
    """What is done when the interpreter ends without having closed an engine."""

    def close() -> None:
        found = engine()
        if found is not None:
            with suppress(NeuroScriptError):  # nobody is left to tell; what it held is free since it is gone
                found._close(_PATIENCE_AT_EXIT)

    return close


def _moment(timeout: float) -> float:
    return time.monotonic() + float(check_number(timeout, "the time-out in seconds", 0, 1e9))
