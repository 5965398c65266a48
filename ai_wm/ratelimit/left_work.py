"""The work that was left to whoever uses the shared file next: ends of calls and of waits.

A destructor may run in the very thread that is inside a transaction, an interrupt may cut an end short, and where the
file is in use it takes longer to wait for it than to leave the end to whoever is there.
"""

from __future__ import annotations

import sqlite3
from collections import deque
from collections.abc import Iterable
from contextlib import suppress

from ai_wm.ratelimit.database import Database, FileBusyError
from ai_wm.ratelimit.presence import Presence
from ai_wm.ratelimit.works import LeftWork
from neuroscript import NeuroScriptError, get_logger

_log = get_logger("ai_wm.limits")


class LeftWorks:
    """What one limiter left over.

    Whoever has used the file calls `sweep` after it, so nothing stays behind.

    Args:
        database: the file.
        presence: the limiter's.
    """

    def __init__(self, database: Database, presence: Presence) -> None:
        self._database = database
        self._presence = presence
        self._works: deque[LeftWork] = deque()

    def add(self, work: LeftWork) -> None:
        """Leave work to whoever comes next.  May be called by a destructor."""
        self._works.append(work)

    def leave(self, work: LeftWork) -> None:
        """Leave work to whoever is inside the file at this moment, or else do it."""
        self._works.append(work)
        if not self._database.lock.locked():
            self._do()

    def ours(self) -> list[LeftWork]:
        """What was left in this process, and not in one that it was forked from."""
        return list(self._works) if self._works and self._presence.is_ours else []

    def try_in(self, connection: sqlite3.Connection, works: list[LeftWork]) -> list[LeftWork]:
        """Do what can be done of some work in a transaction that is not to fail by it; returns it for `done`."""
        return [work for work in works if self._ends(work, connection)]

    def _ends(self, work: LeftWork, connection: sqlite3.Connection) -> bool:
        try:
            if work.holder == self._presence.number:
                work.try_fast(connection)
        except (sqlite3.Error, OSError):
            if not connection.in_transaction:
                raise
            return False
        return True

    def done(self, works: Iterable[LeftWork]) -> None:
        """Note that work was done, and let those try again who waited for it."""
        for work in works:
            with suppress(ValueError):
                self._works.remove(work)
            work.account.queue.wake()

    def sweep(self, *, tries: int = 0) -> None:
        """Do what was left; what fails is left for the next time.

        Args:
            tries: as for `Database.patiently`.
        """
        if self._works:
            self._do(tries)

    def _do(self, tries: int = 0) -> None:
        left = list(self._works)  # another thread may do the same, which does no harm
        mine = [work for work in left if work.holder == self._presence.number] if self._presence.is_ours else []
        touching = [work.account.definition_id for work in mine]
        try:
            if len(mine) == 1:
                self._database.autocommit(mine[0].try_fast, tries=tries, touching=touching)
            elif mine:
                with self._database.transaction(tries=tries, touching=touching) as connection:
                    for work in mine:
                        work.try_fast(connection)
        except FileBusyError:
            return
        except NeuroScriptError as error:
            _log.warning("what a call held of its limits was not given back yet: %s", error)
            return
        self.done(left)
