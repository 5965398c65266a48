"""Calls that no limit looks at: they are counted when they are over, and written to the shared file a moment later.

Most definitions have no limits, and a call of theirs need not wait for the file twice.  Their counters matter as soon
as a limit is set, and to whoever looks at them: then, and when the limiter is closed, what has not been written yet is
written first.  A process that dies takes the calls of its last moment with it, uncounted.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final
from weakref import WeakSet

from ai_wm.ratelimit.base import LimitPolicy, Reservation

SECONDS: Final = 0.5
"""How long a call may be over without being in the file."""

MOST: Final = 1000
"""Calls that wait to be written; the next one writes them."""


@dataclass(frozen=True, slots=True)
class Spent:
    """A call that is over."""

    definition_id: str
    tokens: int
    cost: int


@dataclass(frozen=True, slots=True)
class NoLimits:
    """The policy of such calls."""

    max_requests_per_minute: int | None = None
    max_requests_per_day: int | None = None
    max_tokens_per_minute: int | None = None
    max_tokens_per_day: int | None = None
    max_cost_per_day: float | None = None
    max_concurrent_active_instances: int | None = None
    max_concurrent_calls: int | None = None


def limits_nothing(policy: LimitPolicy) -> bool:
    """Whether a policy has no limit that calls could exceed."""
    return not (
        policy.max_requests_per_minute
        or policy.max_requests_per_day
        or policy.max_tokens_per_minute
        or policy.max_tokens_per_day
        or policy.max_cost_per_day
        or policy.max_concurrent_calls
    )


class LateCounts:
    """The calls without limits of one limiter.

    Args:
        write: writes some calls to the file, in one transaction; it may raise, and is tried again then.
        failed: told of what it raised, where nobody waits for it.
    """

    def __init__(self, write: Callable[[list[Spent]], None], failed: Callable[[Exception], None]) -> None:
        self._write = write
        self._failed = failed
        self._begin()
        _counts.add(self)

    def _begin(self) -> None:
        self._writing = threading.Lock()  # taken before the other one, and held while the file is written
        self._lock = threading.Lock()
        self._spent: list[Spent] = []
        self._timer: threading.Timer | None = None

    def reservation(self, definition_id: str, open_calls: set[object]) -> Reservation:
        """Room for a call; ``open_calls`` holds those of its definition that are in flight."""
        hold = object()
        open_calls.add(hold)
        return Reservation(_Ledger(self, definition_id, open_calls), hold)

    def add(self, spent: Spent) -> None:
        """A call is over."""
        with self._lock:
            self._spent.append(spent)
            full = len(self._spent) >= MOST
            if self._timer is None and not full:
                self._timer = threading.Timer(SECONDS, self._on_time)
                self._timer.daemon = True
                self._timer.start()
        if full:
            self.flush()

    def drop(self, definition_id: str) -> None:
        """Forgets the calls of a definition."""
        with self._lock:
            self._spent = [spent for spent in self._spent if spent.definition_id != definition_id]

    def flush(self) -> None:
        """Writes what has not been written.  Raises what writing raises."""
        with self._writing:
            with self._lock:
                timer, self._timer = self._timer, None
                spent, self._spent = self._spent, []
            if timer is not None:
                timer.cancel()
            if not spent:
                return
            try:
                self._write(spent)
            except BaseException:
                with self._lock:
                    self._spent[:0] = spent
                raise

    @property
    def waiting(self) -> bool:
        """Whether there is anything to write, or to wait for."""
        return bool(self._spent) or self._writing.locked()

    def _on_time(self) -> None:
        try:
            self.flush()
        except Exception as error:  # there is nobody here to tell but the log; the next call tries again
            self._failed(error)


class _Ledger:
    """What the reservation of a call without limits talks to."""

    __slots__ = ("_counts", "_definition_id", "_open")

    def __init__(self, counts: LateCounts, definition_id: str, open_calls: set[object]) -> None:
        self._counts = counts
        self._definition_id = definition_id
        self._open = open_calls

    def settle_hold(self, hold: object, tokens: int, cost: int) -> None:
        self._open.discard(hold)
        self._counts.add(Spent(self._definition_id, tokens, cost))

    def release_hold(self, hold: object) -> None:
        self._open.discard(hold)

    abandon_hold = release_hold


# After a fork the child has a copy of what the parent writes, and none of its threads.
_counts: WeakSet[LateCounts] = WeakSet()


def _after_fork() -> None:
    for counts in list(_counts):
        counts._begin()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
