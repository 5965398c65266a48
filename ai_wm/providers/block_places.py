"""Tells the content blocks of a stream apart, whatever indexes its server gives them."""

from __future__ import annotations

from typing import Any


class Places:
    """The places of a reply's content blocks, in the order of the reply.

    The APIs number the blocks.  Some gateways give several blocks the same number, which their starts alone part then,
    or give none at all.
    """

    def __init__(self) -> None:
        self._kinds: dict[int, str] = {}
        self._at: dict[int, int] = {}
        self._last: int | None = None

    def begin(self, index: Any, kind: str) -> int:
        """Returns the place of a block that starts.

        Args:
            index: its number as the server gives it; anything but an integer counts as none.
            kind: what it holds.
        """
        place = index if type(index) is int else -1
        if place < 0 or place in self._kinds:
            place = max(self._kinds, default=-1) + 1
        if type(index) is int:
            self._at[index] = place
        self._kinds[place] = kind
        self._last = place
        return place

    def started(self, index: Any) -> int | None:
        """Returns the place of the block that started last under an index, or at all if there is no index."""
        return self._at.get(index) if type(index) is int else self._last

    def find(self, index: Any, kind: str) -> int | None:
        """Returns the place of the block that a piece of this kind goes on with; None if it begins one."""
        place = self.started(index)
        if place is not None and self._kinds[place] != kind:
            place = self._last
        return place if place is not None and self._kinds[place] == kind else None
