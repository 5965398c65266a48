"""Looks after an engine's directory: leases, deadlines, processes that have died."""

from __future__ import annotations

import math
import os
import threading
import time
from functools import partial

from neuroscript.errors import NeuroScriptError
from neuroscript.jobs import attempts, clock, presence, wakeups
from neuroscript.jobs.moments import seconds_to_next, settle
from neuroscript.jobs.wakeups import MOMENTS, Ear, told_topic
from neuroscript.logs import get_logger

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Final

    from neuroscript.jobs.attempts import Claimed
    from neuroscript.jobs.database import Database
    from neuroscript.jobs.serving import EmbeddedAttempt
    from neuroscript.jobs.wakeups import Bell, Post

_BEATS: Final = 4
"""Heartbeats in a lease."""

_SOON: Final = 0.005
_log = get_logger("neuroscript.jobs")


def tend(database: Database, directory: str, name: str = "", process: int = 0) -> float:
    """Does what is due: by time, and for processes that have died or have not been heard of.

    Args:
        database: the file.
        directory: where the signs of processes lie.
        name: the name of this process there.
        process: its number.

    Returns:
        the seconds until something is due by time, at most `LOOK_SECONDS`.
    """
    with database.failing("looked after"):
        for each in presence.dead(directory, database.read(attempts.names_of), name):
            database.write(partial(attempts.bury, name=each), durable=True)
            presence.remove(directory, each)
    silence = database.read(lambda work: attempts.seconds_to_silence(work, process))
    if silence is not None and silence <= 0:
        database.write(lambda work: attempts.take_from_silent(work, process), durable=True)
        silence = None
    return min(settle_due(database), wakeups.LOOK_SECONDS if silence is None else max(silence, _SOON))


def settle_due(database: Database) -> float:
    """Does what is due by time; the seconds until more is, at most `LOOK_SECONDS`."""
    following = database.read(seconds_to_next)
    if following is not None and following <= 0:
        database.write(settle, durable=True)
        following = database.read(seconds_to_next)
    return wakeups.LOOK_SECONDS if following is None else min(max(following, _SOON), wakeups.LOOK_SECONDS)


class Member:
    """This process among those that wait and serve: its sign of life, its ear, and the thread that looks after all.

    Args:
        database: the file.
        directory: where the signs of processes lie.
        bell: what wakes the threads of this process.
        post: what wakes others.
        running: the attempts that this process makes.

    Attributes:
        process: its number.
    """

    def __init__(
        self, database: Database, directory: str, bell: Bell, post: Post, running: Callable[[], list[EmbeddedAttempt]]
    ) -> None:
        self._database = database
        self._directory = directory
        self._running = running
        self._presence = presence.Presence(directory)
        self._closed = False
        try:
            self._ear = Ear(directory, self._presence.name, bell)
            post.leave_out(os.path.basename(self._ear.path))
            try:
                self.process = database.write(
                    lambda work: attempts.join(work, self._presence.name, os.getpid()), durable=False
                )
            except BaseException:
                self._ear.close()
                raise
        except BaseException:
            self._presence.leave()
            raise
        self._beaten = self._following = time.monotonic()
        self._waiter = bell.waiter(MOMENTS, told_topic(self.process))
        self._thread = threading.Thread(target=self._tend, name="neuroscript-jobs-tending", daemon=True)
        self._thread.start()

    def look_after(self, claimed: list[Claimed]) -> None:
        """Looks after jobs that this process has just taken, which renewed its leases."""
        self._beaten = time.monotonic()
        now = clock.wall()
        soon = min(
            min(each.lease / _BEATS, each.job.deadline - now if each.job.deadline else wakeups.LOOK_SECONDS)
            for each in claimed
        )
        if self._beaten + soon < self._following:
            self._waiter.ring()

    def _tend(self) -> None:
        with self._waiter:
            while not self._closed:
                try:
                    seconds = self._look()
                except NeuroScriptError as error:
                    if self._closed:
                        return
                    _log.warning("the job queues cannot be looked after just now: %s", error.message)
                    seconds = wakeups.LOOK_SECONDS
                self._following = time.monotonic() + seconds
                self._waiter.wait(seconds)

    def _look(self) -> float:
        seconds = wakeups.LOOK_SECONDS
        self._following = math.inf  # so that whoever takes a job meanwhile has it looked again
        running = self._running()
        if running:
            seconds = self._beat(running)
            seconds = min(seconds, self._see_to(running))
        self._ear.watch(set(self._database.read(attempts.names_of).values()) - {os.getpid()})
        return min(seconds, self.tend())

    def tend(self) -> float:
        """Does what is due in the directory; the seconds until more is."""
        return tend(self._database, self._directory, self._presence.name, self.process)

    def _see_to(self, running: list[EmbeddedAttempt]) -> float:
        """Has attempts end that should; the seconds until it is to be looked again."""
        seconds = wakeups.LOOK_SECONDS
        known = self._database.read(lambda work: attempts.running_of(work, self.process))
        for attempt in running:
            attempt.told(known)
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

    def _beat(self, running: list[EmbeddedAttempt]) -> float:
        """Renews the leases if it is time to; the seconds until it is again."""
        lease = min(attempt.claimed.lease for attempt in running)
        left = self._beaten + lease / _BEATS - time.monotonic()
        if left > 0:
            return left
        try:
            self._database.write(lambda work: attempts.renew(work, self.process), durable=False)
        except NeuroScriptError:
            if time.monotonic() - self._beaten > lease:
                for attempt in running:
                    attempt.cancel.cancel("the lease of the job could not be renewed, so that it may run elsewhere")
            raise
        self._beaten = time.monotonic()
        return lease / _BEATS

    def leave(self) -> None:
        """Leaves the others, and gives back what this process has."""
        self._closed = True
        self._waiter.ring()
        if threading.current_thread() is not self._thread:
            self._thread.join(wakeups.LOOK_SECONDS)
        try:
            self._database.write(lambda work: attempts.leave(work, self.process), durable=True)
        finally:
            self._ear.close()
            self._presence.leave()
