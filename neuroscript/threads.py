"""A thread pool that reuses threads, since starting one takes longer than most programs run."""

from __future__ import annotations

import os
import threading
from _thread import allocate_lock
from collections import deque

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

MOST_THREADS = 1000
"""Pieces of work that are done at a time; others wait for their turn, and hold no thread."""

_IDLE_SECONDS = 10.0  # after which a thread that has nothing to do ends


class Job:
    """A function for a thread of a pool to run.

    Args:
        work: the function to run; it must not raise.
        then: called when it has returned and the thread is free for other work.
        extra: whether the job runs in addition to the pool's limit, because a job that counts towards the limit waits
            for it.
    """

    __slots__ = ("extra", "then", "work")

    def __init__(self, work: Callable[[], None], then: Callable[[], object], extra: bool = False) -> None:
        self.work = work
        self.then = then
        self.extra = extra


class ThreadPool:
    """A pool of daemon threads, started when needed and ended after some seconds of idleness.

    Args:
        most: the jobs that are done at a time.
    """

    def __init__(self, most: int = MOST_THREADS) -> None:
        self._most = most
        self._forget()
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._forget)

    def _forget(self) -> None:
        """Resets the pool, since a forked process has none of the threads."""
        self._lock = allocate_lock()
        self._idle: deque[Worker] = deque()
        self._waiting: deque[Job] = deque()
        self._busy = 0

    def start(self, job: Job) -> None:
        """Runs a job at once, or when a thread becomes free if the pool is at its limit."""
        if not job.extra:
            with self._lock:
                if self._busy >= self._most:
                    self._waiting.append(job)
                    return
                self._busy += 1
        try:
            worker = self._idle.pop()  # the latest, whose memory is still in the processor's cache
        except IndexError:
            worker = Worker(self)
            threading.Thread(target=worker.run, name="neuroscript-worker", daemon=True).start()
        worker.job = job
        worker.gate.release()

    def withdraw(self, job: Job) -> bool:
        """Removes a waiting job from the queue; False if it is not waiting."""
        with self._lock:
            try:
                self._waiting.remove(job)
            except ValueError:
                return False
            return True

    def finished(self, worker: Worker, job: Job) -> Job | None:
        """Returns the next job for a worker that has finished one; without one, marks the worker as idle."""
        if not job.extra:
            with self._lock:
                if self._waiting:
                    return self._waiting.popleft()
                self._busy -= 1
        self._idle.append(worker)
        return None

    def retire(self, worker: Worker) -> bool:
        """Removes a worker from the idle ones; False if it has just been given a job."""
        try:
            self._idle.remove(worker)
        except ValueError:
            return False
        return True


class Worker:
    """One thread of a pool, which runs its assigned job each time its gate is opened."""

    __slots__ = ("_pool", "gate", "job")

    def __init__(self, pool: ThreadPool) -> None:
        self._pool = pool
        self.gate = allocate_lock()
        self.gate.acquire()
        self.job: Job | None = None

    def run(self) -> None:
        """Runs one job after another, until none has come for some seconds."""
        while True:
            if not self.gate.acquire(timeout=_IDLE_SECONDS):
                if self._pool.retire(self):
                    return
                self.gate.acquire()
            job, self.job = self.job, None
            while job is not None:
                job.work()
                then, job = job.then, self._pool.finished(self, job)
                then()
                del then  # or what it holds would live until the next job


POOL = ThreadPool()
"""The threads of the process that scripts of asynchronous hosts run in."""
