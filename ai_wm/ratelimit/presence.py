"""The presence of one limiter among those that share a file: its number, its lease, its clock, and what the dead left.

After a fork the child is somebody else, and gets a number and a lease of its own.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Mapping
from threading import Lock
from time import monotonic
from typing import Final
from weakref import WeakValueDictionary

from ai_wm.ratelimit import holders
from ai_wm.ratelimit.base import MICROSECONDS
from ai_wm.ratelimit.clocks import FileClock, steady
from ai_wm.ratelimit.counters import tidy
from ai_wm.ratelimit.database import Database
from ai_wm.ratelimit.leases import Lease, await_exclusive, end_exclusive, is_held
from ai_wm.ratelimit.past_uses import PastUse, PastUses, last_counted, make_up
from neuroscript import NeuroScriptError, get_logger

_log = get_logger("ai_wm.limits")

RECLAIM_SECONDS: Final = 0.25
"""How often a waiting caller looks whether another process died."""

_REFRESHED: Final = MICROSECONDS // 1000
_TIDIED: Final = 20

_clocks: WeakValueDictionary[str, FileClock] = WeakValueDictionary()
"""The clocks of this process's limiters by lease: one that the host passed in is read, whatever it said before."""


class Presence:
    """One limiter among those that share a file.

    Args:
        database: the file.
        host_clock: the clock that the host passed in, if it did.
        past_uses: gives what was used in the last day, for a file that may know less; None: nobody knows.
    """

    def __init__(
        self,
        database: Database,
        host_clock: Callable[[], float] | None,
        past_uses: PastUses | None,
    ) -> None:
        self.clock = FileClock(host_clock)
        self._database = database
        self._past_uses = past_uses
        self._uses: list[PastUse] | None = None  # of all definitions, where there was no file
        self._is_ending = False
        self._looking = Lock()
        self._lock = Lock()
        self._lease: Lease | None = None
        self._process = 0
        self._entered = 0  # the number, once the limiter is in the file
        self._looked = 0.0
        self._said = 0  # of the clock, in the file
        self.number = 0
        """The limiter's number in the file; 0 while it has none."""
        self.held_back = False
        """Whether another limiter's clock was slower when the time was last taken."""
        self.looked_back = past_uses is None
        """Whether it was looked once what was used before this limiter's first call."""

    @property
    def is_ours(self) -> bool:
        """Whether the limiter has its number in this process, not in the one that forked it."""
        return self.number > 0 and self._process == os.getpid()

    @property
    def _is_entered(self) -> bool:
        """Whether the limiter is in the file for this process, even if what it lacks is not made up yet."""
        return self._entered > 0 and self._process == os.getpid()

    def enrolled(self) -> int:
        """This limiter's number; it gets one if it has none."""
        if self.number and self._process == os.getpid():
            return self.number
        died_counting = self._enter()
        # Others have written what they had counted, and count no more without this limiter's calls: what a record says
        # now and the file does not is missing.  It is read with no lock held, from files that others may have locked.
        uses = self._missed()
        with self._lock:
            if self.is_ours:
                return self.number
            if self._is_entered:
                with self._database.transaction() as connection:
                    time = self._agreed(connection)
                    made_up = make_up(connection, uses, time)
                self.number = self._entered  # the last: an interrupt may come
        if not self.is_ours:  # it was closed meanwhile
            return self.enrolled()
        if made_up:
            _log.warning(
                "%s knew less of the last day than the records of the calls do, as if it had been removed, emptied or "
                "replaced by an older one%s; the requests that it lacked are counted again: %d",
                self._database.path,
                ", or since a process was killed that had not written its last calls" if died_counting else "",
                made_up,
            )
        self._past_uses, self._uses = None, None
        self.tidy(time)
        return self.number

    def _enter(self) -> bool:
        """Enrol the limiter in the file and wait for one that counts in memory; whether one had died doing that."""
        with self._lock:
            if self._is_entered:
                return False
            self.reclaim()
            died_counting = self._died_counting()
            lease = None
            try:
                with self._database.transaction() as connection:
                    lease = Lease(self._database.path)
                    self._agreed(connection)
                    self._said = self.clock.ahead()
                    number = holders.register(connection, lease.name, self._said)
                    is_alone = not holders.others(connection, number)
                if not is_alone:
                    self._await_others()
            except BaseException:  # raised again; only nobody must take it for alive
                if lease is not None:
                    lease.end()
                raise
            _clocks[lease.name] = self.clock
            self._lease, self._process, self.number = lease, os.getpid(), 0
            self._entered = number
        return died_counting

    def look_back(self) -> None:
        """Find out once, before the first call, what was used before, where there is no file that says so.

        Calls without limits get a record before they are counted: read later, those of this process would count twice.
        """
        with self._looking:
            if not self.looked_back:
                if self._past_uses is not None and self._database.is_empty:
                    self._uses = self._read(self._past_uses, None)
                self.looked_back = True

    def catch_up(self) -> None:
        """Have everything counted that was used before this limiter began, if there is anything."""
        if self._past_uses is not None:
            self.look_back()
            if self._uses or not self._database.is_empty:
                self.enrolled()

    def _missed(self) -> list[PastUse]:
        """What was used before and may be missing in the file."""
        if self._past_uses is None:
            return []
        self.look_back()
        if self._uses is not None:
            return self._uses
        counted = self._database.autocommit(last_counted)
        past_uses = self._past_uses
        return [] if past_uses is None else self._read(past_uses, counted)

    def _read(self, past_uses: PastUses, counted: Mapping[str, float] | None) -> list[PastUse]:
        """Read what was used before; nothing once the limiter ends, since the next one finds the same missing."""
        uses: list[PastUse] = []
        if self._is_ending:
            return uses
        try:
            for use in past_uses(counted):
                if self._is_ending:
                    return []
                uses.append(use)
        except NeuroScriptError as error:
            if not self._is_ending:  # else the records may be closed already
                _log.warning("what was used in the last day counts under no limit, since it cannot be read: %s", error)
            return []
        return uses

    def expect_end(self) -> None:
        """Note that the limiter is about to end: what is left is written, but nothing is read for it any more."""
        self._is_ending = True

    def time(self, connection: sqlite3.Connection) -> int:
        """The time of the file, as the slowest clock among the limiters that are there says; inside a transaction."""
        own = self.clock.now()
        time = self._agreed(connection)
        self.held_back = self.is_ours and own - time > MICROSECONDS
        said = self.clock.ahead()
        if self.is_ours and abs(said - self._said) > _REFRESHED:
            holders.set_clock(connection, self.number, said)
            self._said = said
        return time

    def _died_counting(self) -> bool:
        """Whether the process of a limiter died that counted in memory."""
        try:
            return end_exclusive(self._database.path)
        except OSError as error:
            raise self._database.explained(error) from error

    def _await_others(self) -> None:
        """Wait until nothing is counted that is not in the file, since another limiter was alone with it."""
        try:
            await_exclusive(self._database.path)
        except OSError as error:
            raise self._database.explained(error) from error

    def reclaim(self) -> bool:
        """End the calls and waits of limiters that are gone, and give back their slots; whether there were any."""
        self._looked = monotonic()
        database = self._database
        with database.transaction() as connection:
            others = holders.others(connection, self.number)
        try:
            dead = [holder.number for holder in others if not is_held(database.path, holder.lease)]
        except OSError as error:
            raise database.explained(error) from error
        if dead:
            with database.transaction() as connection:
                for number in dead:
                    holders.end_all(connection, number)
        return bool(dead)

    @property
    def reclaims_again(self) -> bool:
        """Whether it is time for a waiting caller to look again whether another process died."""
        return monotonic() - self._looked >= RECLAIM_SECONDS

    def tidy(self, time: int) -> None:
        """Drop some of what has aged out; the rest goes another time."""
        for _ in range(_TIDIED):
            with self._database.transaction() as connection:
                if not tidy(connection, time):
                    return

    def end(self) -> None:
        """Give back what this limiter holds."""
        with self._lock:
            lease, self._lease = self._lease, None
            number, self._entered, self.number = self._entered, 0, 0
        if lease is None or self._process != os.getpid():
            return
        try:
            with self._database.transaction() as connection:
                holders.end_all(connection, number)
        except NeuroScriptError as error:
            # With the lease given up, the next limiter on the file does the same.
            _log.warning("what this process held of the limits is given back later: %s", error)
        lease.end()

    def _agreed(self, connection: sqlite3.Connection) -> int:
        """The time of the file, by this limiter and the others."""
        others, steadily = [], steady()
        for holder in holders.others(connection, self._entered if self._is_entered else 0):
            clock = _clocks.get(holder.lease)
            if clock is not None and clock.is_foreign:
                others.append(clock.now())
            elif type(holder.clock) is int:
                others.append(steadily + holder.clock)
        return self.clock.agree(others, steadily)


# The limiters that this process has from the one that forked it are not its own.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_clocks.clear)
