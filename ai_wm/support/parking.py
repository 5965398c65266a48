"""Parking: lets a call from an event loop wait for room under its limits without blocking a thread.

The call runs in a worker thread.  Where it would have to wait it raises `Parked` instead, having sent nothing yet; its
place in the queue stays.  The task waits for its turn on the event loop, and then the call begins anew, in a thread.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from typing import Protocol

Wake = Callable[[], object]


class Place(Protocol):
    """Protocol of a place in a queue of waiting callers."""

    seconds: float

    def call_when_woken(self, wake: Wake) -> None:
        """Registers ``wake``, which is called from any thread when another attempt is worthwhile."""

    def woken(self) -> bool:
        """Whether another attempt is worthwhile now; calling it also shows that the caller still waits."""

    def leave(self) -> None:
        """Gives the place in the queue up."""


class Parked(BaseException):
    """Raised to unwind a call that has to wait and start again when its turn comes; it must not be suppressed.

    Args:
        place: its place in the queue.
    """

    def __init__(self, place: Place) -> None:
        super().__init__("the call waits for its turn")
        self.place = place


class Parking:
    """The places of one call in queues, by queue.

    Args:
        check: the host's own, called now and then while the call waits; raises to cancel.
    """

    def __init__(self, check: Callable[[], None] | None) -> None:
        self.check = check
        self.places: dict[object, Place] = {}

    def leave(self) -> None:
        """Gives all places up."""
        for queue, place in list(self.places.items()):
            place.leave()
            self.places.pop(queue, None)


parking: ContextVar[Parking | None] = ContextVar("ai_wm_parking", default=None)
"""Where the call of this thread can be parked; None if it waits in its thread, as it does once something was sent."""
