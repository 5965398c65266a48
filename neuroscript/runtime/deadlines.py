"""Deadlines: calls that one thread of the process makes when their moment has come."""

from __future__ import annotations

import os
import threading
from heapq import heapify, heappop, heappush
from itertools import count
from time import monotonic

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_IDLE_SECONDS = 10.0  # after which the thread ends, if there is nothing to wait for
_FEW = 64  # removed deadlines that are kept until their moment; more are cleared away when they are the most


class Deadline:
    """One call that is to be made; made by `Deadlines.add`."""

    __slots__ = ("_callback", "_deadlines")

    def __init__(self, deadlines: Deadlines, callback: Callable[[], object]) -> None:
        self._deadlines = deadlines
        self._callback: Callable[[], object] | None = callback

    def remove(self) -> None:
        """Calls it off, unless its moment has come."""
        if self._callback is not None:
            self._callback = None
            self._deadlines.clear_away()

    @property
    def removed(self) -> bool:
        """Whether it was called off."""
        return self._callback is None

    def fire(self) -> None:
        """Makes the call."""
        callback = self._callback
        if callback is not None:
            callback()


class Deadlines:
    """The deadlines of the process, and the thread that waits for the next one while there are some."""

    def __init__(self) -> None:
        self._changed = threading.Condition(threading.Lock())
        self._heap: list[tuple[float, int, Deadline]] = []
        self._numbers = count()
        self._removed = 0
        self._running = False
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._forget)

    def add(self, moment: float, callback: Callable[[], object]) -> Deadline:
        """Has ``callback`` called, in a thread of its own, at a moment of `time.monotonic`."""
        deadline = Deadline(self, callback)
        with self._changed:
            heappush(self._heap, (moment, next(self._numbers), deadline))
            if not self._running:
                self._running = True
                threading.Thread(target=self._wait, name="neuroscript-deadlines", daemon=True).start()
            elif self._heap[0][2] is deadline:
                self._changed.notify()
        return deadline

    def clear_away(self) -> None:
        """Counts a deadline that was called off, and drops those where they have become the most."""
        with self._changed:
            self._removed += 1
            if self._removed > _FEW and self._removed * 2 > len(self._heap):
                self._heap = [entry for entry in self._heap if not entry[2].removed]
                heapify(self._heap)
                self._removed = 0

    def _wait(self) -> None:
        while True:
            with self._changed:
                if not self._heap and not self._changed.wait_for(lambda: self._heap, _IDLE_SECONDS):
                    self._running = False
                    return
                moment, _, deadline = self._heap[0]
                left = moment - monotonic()
                if left > 0:
                    self._changed.wait(min(left, threading.TIMEOUT_MAX))
                    continue
                heappop(self._heap)
                self._removed -= deadline.removed
            deadline.fire()

    def _forget(self) -> None:
        """A process that was forked has neither the thread nor what it waited for."""
        self._changed = threading.Condition(threading.Lock())
        self._heap, self._removed, self._running = [], 0, False


DEADLINES = Deadlines()
