"""What was stored without waiting for the disk, and who wants to know when it is there."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from threading import Lock

Told = Callable[[], object]
"""Called when something is durable."""


class AwaitingSync:
    """The callers that are to be told when what they stored is durable.

    `tell` is called without the store's lock, everything else with it.  Whoever is told must not use the store.
    """

    def __init__(self) -> None:
        self._waiting: list[Told] = []
        self._due: deque[Told] = deque()
        self._telling = Lock()

    def __bool__(self) -> bool:
        return bool(self._waiting)

    def wait(self, callers: Iterable[Told | None]) -> None:
        """Note callers whose changes are written; None for those that are not to be told."""
        self._waiting += filter(None, callers)

    def synced(self) -> None:
        """Note that all that was written is on the disk."""
        self._due += self._waiting
        self._waiting = []

    def stored(self, callers: Iterable[Told | None]) -> None:
        """Note callers whose changes are on the disk already, whatever else is."""
        self._due += filter(None, callers)

    def tell(self) -> None:
        """Call those whose changes are durable; when this returns none is being called by another thread either."""
        if self._due or self._telling.locked():
            with self._telling:
                while self._due:
                    self._due.popleft()()
