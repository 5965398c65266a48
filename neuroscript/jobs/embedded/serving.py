"""Does the jobs of a queue in threads of this process."""

from __future__ import annotations

import queue
import threading
import time
from functools import partial

from neuroscript.cancellation import CancelToken
from neuroscript.errors import ErrorCode, NeuroScriptError
from neuroscript.jobs.embedded import attempts, wakeups
from neuroscript.jobs.embedded.values import error_of, stored
from neuroscript.jobs.embedded.wakeups import ready_topic
from neuroscript.jobs.engine import CANCELLED, DONE, FAILED, PENDING, Attempt, Outcome, Serving
from neuroscript.logs import get_logger

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Final

    from neuroscript.jobs.embedded.attempts import Claim
    from neuroscript.jobs.embedded.database import Database
    from neuroscript.jobs.embedded.wakeups import Notifier

_IDLE_SECONDS: Final = 10.0
_LONGEST_PAUSE: Final = 2.0
_PATIENCE: Final = 5.0
_log = get_logger("neuroscript.jobs")


class EmbeddedAttempt(Attempt):
    """An attempt that this process makes.

    Args:
        database: where it asks whether it is current.
        process: the number of this process.
        claimed: the job.
    """

    def __init__(self, database: Database, process: int, claimed: Claim) -> None:
        self.job = claimed.job
        self.cancel = CancelToken()
        self.claimed = claimed
        self.entered = False  # whether its body has been called
        self.cut_off = False  # whether it was ended because this process stops
        self.lost = False
        self._is_cancelled = False
        self._database = database
        self._process = process

    @property
    def place(self) -> tuple[int, int]:
        """The number of the job, and that of the attempt."""
        return self.claimed.number, self.job.attempt

    @property
    def is_cancelled(self) -> bool:
        if not self._is_cancelled and not self.lost:
            self.update(self._running())
        return self._is_cancelled

    @property
    def is_current(self) -> bool:
        return self.place in self._running()

    def _running(self) -> dict[tuple[int, int], str | None]:
        return self._database.read(lambda work: attempts.running_of(work, self._process))

    def update(self, running: Mapping[tuple[int, int], str | None]) -> None:
        """Has it end if it is none of those that run, or somebody cancelled it."""
        if self.place not in running:
            self.lost = True
            self.cancel.cancel("the job was taken from this process, which had not been heard of for its lease")
            return
        why = running[self.place]
        if why is not None:
            self._is_cancelled = True
            self.cancel.cancel(f"the job was cancelled{f': {why}' if why else ''}")


class EmbeddedServing(Serving):
    """A queue that is served.

    Args:
        database: the file.
        notifier: what wakes it.
        process: the number of this process.
        name: the name of the queue.
        owner: whose; None: of all owners.
        body: does one attempt.
        least: how many threads are kept.
        most: how many jobs are done at once.
        taken: called with jobs that have been taken, so that their leases and deadlines are looked after.
    """

    def __init__(
        self,
        database: Database,
        notifier: Notifier,
        process: int,
        name: str,
        owner: str | None,
        body: Callable[[Attempt], Outcome],
        least: int,
        most: int,
        taken: Callable[[list[Claim]], None],
    ) -> None:
        self._database = database
        self._process = process
        self._name = name
        self._owner = owner
        self._body = body
        self._least = least
        self._most = most
        self._taken = taken
        self._changed = threading.Condition()  # of what follows
        self._attempts: dict[EmbeddedAttempt, None] = {}
        self._threads = 0
        self._stopping = False
        self._abandoned = False
        self._handed: queue.SimpleQueue[EmbeddedAttempt | None] = queue.SimpleQueue()
        self._waiter = notifier.waiter(ready_topic(name))
        self._dispatcher = threading.Thread(target=self._dispatch, name=f"neuroscript-jobs-{name}", daemon=True)
        self._dispatcher.start()

    @property
    def busy(self) -> int:
        return len(self._attempts)

    @property
    def attempts(self) -> list[EmbeddedAttempt]:
        """The attempts that are being made."""
        with self._changed:
            return list(self._attempts)

    @property
    def has_stopped(self) -> bool:
        """Whether it starts no more jobs, and none runs."""
        return self._stopping and not self._attempts

    # --- taking jobs ----------------------------------------------------------------------------------------------

    def _dispatch(self) -> None:
        with self._waiter:
            while not self._stopping:
                free = self._most - self.busy
                try:
                    taken = self._take(free) if free > 0 else 0
                except NeuroScriptError as error:
                    if not self._stopping:
                        _log.warning("the queue %r cannot be served just now: %s", self._name, error.message)
                    taken = 0
                if not taken:
                    self._waiter.wait(wakeups.FALLBACK_SECONDS)

    def _take(self, free: int) -> int:
        """Takes jobs and has them done; gives how many."""
        if not self._database.read(lambda work: attempts.has_ready(work, self._name, self._owner)):
            return 0
        claimed = self._database.write(
            lambda work: attempts.claim(work, self._process, self._name, self._owner, free), durable=False
        )
        for each in claimed:
            self._start(EmbeddedAttempt(self._database, self._process, each))
        if claimed:
            self._taken(claimed)
        return len(claimed)

    def _start(self, attempt: EmbeddedAttempt) -> None:
        with self._changed:
            self._attempts[attempt] = None
            more = self._threads < len(self._attempts)
            self._threads += more
        if more:
            thread = threading.Thread(target=self._work, name=f"neuroscript-job-{self._name}", daemon=True)
            try:
                thread.start()
            except RuntimeError as error:  # the system gives no more
                _log.warning("there is no thread for the job %r of the queue %r: %s", attempt.job.id, self._name, error)
                with self._changed:
                    self._threads -= 1
                self._finish(attempt, Outcome(state=PENDING), None, 0.0)
                self._drop(attempt)
                return
        self._handed.put(attempt)

    def _drop(self, attempt: EmbeddedAttempt) -> None:
        """Forgets an attempt that is over."""
        with self._changed:
            del self._attempts[attempt]
            self._changed.notify_all()

    # --- doing them -----------------------------------------------------------------------------------------------

    def _work(self) -> None:
        while True:
            try:
                attempt = self._handed.get(timeout=None if self._threads <= self._least else _IDLE_SECONDS)
            except queue.Empty:
                with self._changed:
                    if self._threads > max(self._least, len(self._attempts)):
                        self._threads -= 1
                        return
                continue
            if attempt is None:
                return
            try:
                self._do(attempt)
            finally:
                self._drop(attempt)
                self._waiter.notify()

    def _do(self, attempt: EmbeddedAttempt) -> None:
        began = time.monotonic()
        attempt.entered = True
        try:
            outcome = self._body(attempt)
        except NeuroScriptError as error:
            outcome = Outcome(state=FAILED, error=error_of(error.code, error.message), retry=True)
        except BaseException as error:  # whatever it is, it is the job's, and not this thread's
            _log.debug("the body of a job of %r failed", self._name, exc_info=True)
            told = error_of(ErrorCode.INTERNAL, f"the body of the job failed: {type(error).__name__}: {error}")
            outcome = Outcome(state=FAILED, error=told, retry=True)
        outcome, result = _checked(attempt, outcome)
        self._finish(attempt, outcome, result, time.monotonic() - began)

    def _finish(self, attempt: EmbeddedAttempt, outcome: Outcome, result: str | None, seconds: float) -> None:
        """Notes the end of an attempt; tries again as long as that fails, and for some seconds if it is to stop."""
        noting = partial(
            attempts.finish,
            process=self._process,
            claimed=attempt.claimed,
            outcome=outcome,
            result=result,
            seconds=seconds,
            cut_off=attempt.cut_off,
        )
        pause, left = 0.1, _PATIENCE
        while True:
            try:
                noted = self._database.write(noting, durable=True)
            except NeuroScriptError as error:
                if self._abandoned or left <= 0:
                    _log.error("the end of the job %r is not noted: %s", attempt.job.id, error.message)
                    return
                told = "the end of the job %r cannot be noted, and is tried again: %s"
                _log.warning(told, attempt.job.id, error.message)
                time.sleep(pause)
                if self._stopping:
                    left -= pause
                pause = min(pause * 2, _LONGEST_PAUSE)
                continue
            if not noted:
                _log.info("what attempt %s at the job %r gave comes too late", attempt.job.attempt, attempt.job.id)
            return

    # --- stopping -------------------------------------------------------------------------------------------------

    def stop(self, grace: float = 0.0) -> None:
        self.end(grace, None)

    def end(self, grace: float, patience: float | None) -> None:
        """Stops; gives up waiting for bodies that do not end after so many seconds, if it is not None."""
        self._stopping = True
        self._waiter.notify()
        if threading.current_thread() is not self._dispatcher:
            self._dispatcher.join(patience)
        with self._changed:
            self._changed.wait_for(lambda: not self._attempts, grace)
        for attempt in self.attempts:
            attempt.cut_off = True
            attempt.cancel.cancel("the process stops serving the queue")
        with self._changed:
            if not self._changed.wait_for(lambda: not self._attempts, patience):
                self._abandoned = True
            threads, self._threads = self._threads, 0
        for _ in range(threads):
            self._handed.put(None)


def _checked(attempt: EmbeddedAttempt, outcome: Outcome) -> tuple[Outcome, str | None]:
    """An outcome that can be kept, and the text of its result."""
    try:
        if not isinstance(outcome, Outcome) or outcome.state not in (DONE, FAILED, CANCELLED, PENDING):
            raise NeuroScriptError(ErrorCode.TYPE, f"the body of the job gave no outcome, but {outcome!r:.200}")
        measures = dict(outcome.measures)
        stored(measures, "what the job used")
        if attempt.cut_off and outcome.state in (FAILED, CANCELLED):
            return Outcome(state=PENDING, measures=measures), None
        if outcome.state != DONE:
            return outcome, None
        return outcome, stored(outcome.result, "the result")
    except NeuroScriptError as error:
        return Outcome(state=FAILED, error=error_of(error.code, error.message)), None
