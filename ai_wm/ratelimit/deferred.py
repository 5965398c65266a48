"""Deferred counting: calls without limits are written to the shared file together, a moment after they are over.

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

from ai_wm.ratelimit.base import LimitPolicy, Reservation, Use

FLUSH_SECONDS: Final = 0.5
"""How long a call may be over without being in the file."""

MAX_CALLS: Final = 1000
"""So many calls are written at once, without waiting for the time."""


@dataclass(frozen=True, slots=True)
class FinishedCall:
    """A call that is over: its real tokens, and its cost in billionths of the currency."""

    definition_id: str
    tokens: int
    cost: int


@dataclass(frozen=True, slots=True)
class NoLimits:
    """The policy under which such calls are counted: no limit at all."""

    max_requests_per_minute: int | None = None
    max_requests_per_day: int | None = None
    max_tokens_per_minute: int | None = None
    max_tokens_per_day: int | None = None
    max_cost_per_day: float | None = None
    max_concurrent_active_instances: int | None = None
    max_concurrent_calls: int | None = None


def limits_nothing(policy: LimitPolicy) -> bool:
    """Whether a policy limits no calls (it may limit instances)."""
    return not (
        policy.max_requests_per_minute
        or policy.max_requests_per_day
        or policy.max_tokens_per_minute
        or policy.max_tokens_per_day
        or policy.max_cost_per_day
        or policy.max_concurrent_calls
    )


class DeferredCounts:
    """Collects the finished calls of one limiter that have no limits, and writes them in batches.

    Args:
        write: writes some calls to the file, in one transaction; if it raises, they are tried again with the next ones.
        failed: called with the error if a write by the timer failed, since nobody waits for that.
    """

    def __init__(self, write: Callable[[list[FinishedCall]], None], failed: Callable[[Exception], None]) -> None:
        self._write = write
        self._failed = failed
        self._begin()
        _counts.add(self)

    def _begin(self) -> None:
        self._writing = threading.Lock()  # taken before the other one, and held while the file is written
        self._lock = threading.Lock()
        self._calls: list[FinishedCall] = []
        self._timer: threading.Timer | None = None

    def reservation(self, definition_id: str, open_calls: set[object]) -> Reservation:
        """Make the reservation of a call; it is in ``open_calls``, the set of its definition, while it is in flight."""
        hold = Unlimited()
        open_calls.add(hold)
        return Reservation(_DeferredLedger(self, definition_id, open_calls), hold)

    def add(self, finished: FinishedCall) -> None:
        """Count a call that is over; it is written within `FLUSH_SECONDS`."""
        with self._lock:
            self._calls.append(finished)
            full = len(self._calls) >= MAX_CALLS
            if self._timer is None and not full:
                self._timer = threading.Timer(FLUSH_SECONDS, self._on_time)
                self._timer.daemon = True
                self._timer.start()
        if full:
            self.flush()

    def add_later(self, finished: FinishedCall) -> None:
        """Count a call that is over with the next ones; may be called from a destructor."""
        self._calls.append(finished)

    def drop(self, definition_id: str) -> None:
        """Forget the calls of a definition that are not written yet."""
        with self._lock:
            self._calls = [finished for finished in self._calls if finished.definition_id != definition_id]

    def flush(self) -> None:
        """Write all calls that are not written yet; raises what writing raises."""
        with self._writing:
            with self._lock:
                timer, self._timer = self._timer, None
                finished, self._calls = self._calls, []
            try:
                if timer is not None:
                    timer.cancel()
                if finished:
                    self._write(finished)
            except BaseException:  # raised again, once the calls are where they were
                with self._lock:
                    self._calls[:0] = finished
                raise

    @property
    def waiting(self) -> bool:
        """Whether there are calls to write, or being written just now."""
        return bool(self._calls) or self._writing.locked()

    def _on_time(self) -> None:
        try:
            self.flush()
        except Exception as error:  # there is nobody here to tell but the log; the next call tries again
            self._failed(error)


class Unlimited:
    """A call in flight that no limit looks at, so that nothing is reserved for it."""

    __slots__ = ()
    tokens = 0
    cost = 0


class _DeferredLedger:
    """The `Ledger` of calls without limits."""

    __slots__ = ("_counts", "_definition_id", "_open")

    def __init__(self, counts: DeferredCounts, definition_id: str, open_calls: set[object]) -> None:
        self._counts = counts
        self._definition_id = definition_id
        self._open = open_calls

    def settle_hold(self, hold: object, tokens: int, cost: int) -> None:
        self._open.discard(hold)
        self._counts.add(FinishedCall(self._definition_id, tokens, cost))

    def release_hold(self, hold: object) -> None:
        self._open.discard(hold)

    def abandon_hold(self, hold: object, use: Use | None) -> None:
        self._open.discard(hold)
        if use is not None:
            self._counts.add_later(FinishedCall(self._definition_id, *use))


# After a fork the child has a copy of what the parent writes, and none of its threads.
_counts: WeakSet[DeferredCounts] = WeakSet()


def _after_fork() -> None:
    for counts in list(_counts):
        counts._begin()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
