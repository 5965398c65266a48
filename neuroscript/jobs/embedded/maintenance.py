"""Maintains an engine's directory: leases, deadlines, processes that have died."""

from __future__ import annotations

import math
import os
import threading
import time
from functools import partial

from neuroscript.errors import NeuroScriptError
from neuroscript.jobs.embedded import attempts, clock, liveness, wakeups
from neuroscript.jobs.embedded.timers import apply_timers, seconds_to_next_timer
from neuroscript.jobs.embedded.wakeups import TIMERS, Receiver, process_topic
from neuroscript.logs import get_logger

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Final

    from neuroscript.jobs.embedded.attempts import Claim
    from neuroscript.jobs.embedded.database import Database
    from neuroscript.jobs.embedded.serving import EmbeddedAttempt
    from neuroscript.jobs.embedded.wakeups import Notifier, Sender

_HEARTBEATS: Final = 4
"""Heartbeats in a lease."""

_SOON: Final = 0.005
_log = get_logger("neuroscript.jobs")


def maintain(database: Database, directory: str, name: str = "", process: int = 0) -> float:
    """Does what is due: by time, and for processes that have died or have not been heard of.

    Args:
        database: the file.
        directory: where the locks of processes lie.
        name: the name of this process there.
        process: its number.

    Returns:
        the seconds until something is due by time, at most `FALLBACK_SECONDS`.
    """
    with database.failing("looked after"):
        for each in liveness.dead(directory, database.read(attempts.names_of), name):
            database.write(partial(attempts.remove_dead, name=each), durable=True)
            liveness.remove(directory, each)
    silence = database.read(lambda work: attempts.seconds_to_silence(work, process))
    if silence is not None and silence <= 0:
        database.write(lambda work: attempts.take_from_silent(work, process), durable=True)
        silence = None
    return min(apply_due_timers(database), wakeups.FALLBACK_SECONDS if silence is None else max(silence, _SOON))


def apply_due_timers(database: Database) -> float:
    """Does what is due by time; the seconds until more is, at most `FALLBACK_SECONDS`."""
    following = database.read(seconds_to_next_timer)
    if following is not None and following <= 0:
        database.write(apply_timers, durable=True)
        following = database.read(seconds_to_next_timer)
    return wakeups.FALLBACK_SECONDS if following is None else min(max(following, _SOON), wakeups.FALLBACK_SECONDS)


class Membership:
    """This process among those that wait and serve: its lock, its receiver, and the thread that looks after all.

    Args:
        database: the file.
        directory: where the locks of processes lie.
        notifier: what wakes the threads of this process.
        sender: what wakes others.
        running: the attempts that this process makes.

    Attributes:
        process: its number.
    """

    def __init__(
        self,
        database: Database,
        directory: str,
        notifier: Notifier,
        sender: Sender,
        running: Callable[[], list[EmbeddedAttempt]],
    ) -> None:
        self._database = database
        self._directory = directory
        self._running = running
        self._process_lock = liveness.ProcessLock(directory)
        self._closed = False
        try:
            self._receiver = Receiver(directory, self._process_lock.name, notifier)
            sender.leave_out(os.path.basename(self._receiver.path))
            try:
                self.process = database.write(
                    lambda work: attempts.join(work, self._process_lock.name, os.getpid()), durable=False
                )
            except BaseException:
                self._receiver.close()
                raise
        except BaseException:
            self._process_lock.leave()
            raise
        self._renewed = self._following = time.monotonic()
        self._waiter = notifier.waiter(TIMERS, process_topic(self.process))
        self._thread = threading.Thread(target=self._maintain, name="neuroscript-jobs-maintenance", daemon=True)
        self._thread.start()

    def watch_leases(self, claimed: list[Claim]) -> None:
        """Looks after jobs that this process has just taken, which renewed its leases."""
        self._renewed = time.monotonic()
        now = clock.wall()
        soon = min(
            min(each.lease / _HEARTBEATS, each.job.deadline - now if each.job.deadline else wakeups.FALLBACK_SECONDS)
            for each in claimed
        )
        if self._renewed + soon < self._following:
            self._waiter.notify()

    def _maintain(self) -> None:
        with self._waiter:
            while not self._closed:
                try:
                    seconds = self._run_once()
                except NeuroScriptError as error:
                    if self._closed:
                        return
                    _log.warning("the job queues cannot be looked after just now: %s", error.message)
                    seconds = wakeups.FALLBACK_SECONDS
                self._following = time.monotonic() + seconds
                self._waiter.wait(seconds)

    def _run_once(self) -> float:
        seconds = wakeups.FALLBACK_SECONDS
        self._following = math.inf  # so that whoever takes a job meanwhile has it looked again
        running = self._running()
        if running:
            seconds = self._renew_leases(running)
            seconds = min(seconds, self._update_attempts(running))
        self._receiver.watch(set(self._database.read(attempts.names_of).values()) - {os.getpid()})
        return min(seconds, self.maintain())

    def maintain(self) -> float:
        """Does what is due in the directory; the seconds until more is."""
        return maintain(self._database, self._directory, self._process_lock.name, self.process)

    def _update_attempts(self, running: list[EmbeddedAttempt]) -> float:
        """Has attempts end that should; the seconds until it is to be looked again."""
        seconds = wakeups.FALLBACK_SECONDS
        known = self._database.read(lambda work: attempts.running_of(work, self.process))
        for attempt in running:
            attempt.update(known)
            if attempt.job.deadline:
                left = attempt.job.deadline - clock.wall()
                if left <= 0:
                    attempt.cancel.cancel("its deadline has passed")
                else:
                    seconds = min(seconds, left)
        if self._database.read(lambda work: attempts.is_asked(work, self.process)):
            begun = [attempt.place for attempt in self._running() if attempt.entered]
            self._database.write(lambda work: attempts.note_begun(work, begun), durable=False)
            return _SOON  # others may have been taken, and not have begun yet
        return seconds

    def _renew_leases(self, running: list[EmbeddedAttempt]) -> float:
        """Renews the leases if it is time to; the seconds until it is again."""
        lease = min(attempt.claimed.lease for attempt in running)
        left = self._renewed + lease / _HEARTBEATS - time.monotonic()
        if left > 0:
            return left
        try:
            self._database.write(lambda work: attempts.renew(work, self.process), durable=False)
        except NeuroScriptError:
            if time.monotonic() - self._renewed > lease:
                for attempt in running:
                    attempt.cancel.cancel("the lease of the job could not be renewed, so that it may run elsewhere")
            raise
        self._renewed = time.monotonic()
        return lease / _HEARTBEATS

    def leave(self) -> None:
        """Leaves the others, and gives back what this process has.

        Where the file cannot be written others do it for this process, since it holds its own file no longer.
        """
        self._closed = True
        self._waiter.notify()
        if threading.current_thread() is not self._thread:
            self._thread.join(wakeups.FALLBACK_SECONDS)
        try:
            self._database.write(lambda work: attempts.leave(work, self.process), durable=True)
        except NeuroScriptError as error:
            _log.warning("the job queues were left without a word to other processes: %s", error.message)
        finally:
            self._receiver.close()
            self._process_lock.leave()
