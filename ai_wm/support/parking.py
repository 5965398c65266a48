"""Parking: a call that waits for room under its limits, and whose caller is a task of an event loop, holds no thread.

The call runs in a worker thread.  Where it would have to wait it raises `Parked` instead, having sent nothing yet; its
place in the queue stays.  The task waits for its turn on the event loop, and then the call begins anew, in a thread.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from typing import Protocol

Wake = Callable[[], object]


class Place(Protocol):
    """A place in a queue of callers that wait."""

    seconds: float

    def call_when_woken(self, wake: Wake) -> None:
        """Has ``wake`` called, at any moment and in any thread, when it is worth another attempt."""

    def woken(self) -> bool:
        """Whether the caller was woken since it last asked."""

    def leave(self) -> None:
        """Gives the place up."""


class Parked(BaseException):
    """Raised through a call that is to begin anew once its turn has come; nothing may catch it for good.

    Args:
        place: where it waits.
    """

    def __init__(self, place: Place) -> None:
        super().__init__("the call waits for its turn")
        self.place = place


class Parking:
    """The places that a call has in queues, by queue.

    Args:
        check: the host's own, called now and then while the call waits; raises to cancel.
    """

    def __init__(self, check: Callable[[], None] | None) -> None:
        self.check = check
        self.places: dict[object, Place] = {}

    def leave(self) -> None:
        """Gives all places up."""
        while self.places:
            self.places.popitem()[1].leave()


parking: ContextVar[Parking | None] = ContextVar("ai_wm_parking", default=None)
"""Where the call of this thread can be parked; None if it waits in its thread, as it does once something was sent."""
