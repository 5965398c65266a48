"""Deferred counting: calls without limits are written to the shared file together, a moment after they are over.

Most definitions have no limits, and a call of theirs need not wait for the file twice.  Their counters matter as soon
as a limit is set, and to whoever looks at them: then, and when the limiter is closed, what has not been written yet is
written first.  A process that dies takes the calls of its last moment with it, uncounted.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final
from weakref import WeakSet

from ai_wm.ratelimit.base import LimitPolicy, Reservation, Use

FLUSH_SECONDS: Final = 0.5
"""How long a call may be over without being in the file."""

MAX_CALLS: Final = 1000
"""So many calls are written at once, without waiting for the time."""


class OpenCall:
    """A call without limits: the estimates of its tokens and its cost in billionths, and once it is over the real ones.

    It is in the set ``flying`` of its definition until it is over.
    """

    __slots__ = ("cost", "definition_id", "flying", "tokens")

    def __init__(self, definition_id: str, flying: set[OpenCall], tokens: int, cost: int) -> None:
        self.definition_id = definition_id
        self.flying = flying
        self.tokens = tokens
        self.cost = cost


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
        write: writes some calls to the file, in one transaction, and calls its second argument once that is committed,
            even if an interrupt comes; if it raises before, they are tried again with the next ones.
        failed: called with the error if a write by the timer failed, since nobody waits for that.
    """

    def __init__(
        self, write: Callable[[list[OpenCall], Callable[[], None]], None], failed: Callable[[Exception], None]
    ) -> None:
        self._write = write
        self._failed = failed
        self._begin()
        _counts.add(self)

    def _begin(self) -> None:
        self._writing = threading.Lock()  # taken before the other one, and held while the file is written
        self._lock = threading.Lock()
        self._calls: dict[OpenCall, None] = {}  # over, and to be written
        self._taken: dict[OpenCall, None] = {}  # of those, the ones that are being written
        self._abandoned: deque[tuple[OpenCall, Use]] = deque()
        self._timer: threading.Timer | None = None

    def reservation(self, definition_id: str, flying: set[OpenCall], tokens: int, cost: int) -> Reservation:
        """Make the reservation of a call; it is in ``flying``, the set of its definition, while it is in flight."""
        call = OpenCall(definition_id, flying, tokens, cost)
        reservation = Reservation(self, call)  # made before it counts: an interrupt may come
        flying.add(call)
        return reservation

    def settle_hold(self, hold: OpenCall, tokens: int, cost: int) -> None:
        """Count a call that is over; it is written within `FLUSH_SECONDS`."""
        with self._lock:
            self._end(hold, tokens, cost)
            full = len(self._calls) >= MAX_CALLS
            if self._timer is None and not full:
                timer = threading.Timer(FLUSH_SECONDS, self._on_time)
                timer.daemon = True
                timer.start()
                self._timer = timer  # not before: an interrupt may come, and the others would wait for it
        if full:
            self.flush()

    def release_hold(self, hold: OpenCall) -> None:
        hold.flying.discard(hold)

    def write_hold(self, hold: OpenCall) -> None:
        pass  # it is counted once it is over

    def abandon_hold(self, hold: OpenCall, use: Use | None) -> None:
        # A destructor may run in the very thread that holds the lock, and must not wait for it then.
        if use is None:
            hold.flying.discard(hold)
        else:
            self._abandoned.append((hold, use))

    def _end(self, call: OpenCall, tokens: int, cost: int) -> None:
        if call in call.flying and call not in self._taken:
            call.tokens = tokens
            call.cost = cost
            self._calls[call] = None
            call.flying.discard(call)

    def flush(self) -> None:
        """Write all calls that are not written yet; raises what writing raises."""
        with self._writing:
            while True:
                with self._lock:
                    self._take()
                if not self._taken:
                    return
                self._write(list(self._taken), self._written)

    def _take(self) -> None:
        while self._abandoned:
            call, use = self._abandoned[0]
            self._end(call, *use)
            self._abandoned.popleft()
        timer, self._timer = self._timer, None
        if timer is not None:
            timer.cancel()
        if not self._taken:  # else these could not be written the last time
            self._taken = self._calls
        if self._taken is self._calls:
            self._calls = {}

    def _written(self) -> None:
        for call in self._taken:
            call.flying.discard(call)  # an interrupt may have come before that
        self._taken = {}

    @property
    def waiting(self) -> bool:
        """Whether there are calls to write, or being written just now."""
        return bool(self._calls or self._taken or self._abandoned) or self._writing.locked()

    def _on_time(self) -> None:
        try:
            self.flush()
        except Exception as error:  # there is nobody here to tell but the log; the next call tries again
            self._failed(error)


# After a fork the child has a copy of what the parent writes, and none of its threads.
_counts: WeakSet[DeferredCounts] = WeakSet()


def _after_fork() -> None:
    for counts in list(_counts):
        counts._begin()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
