"""The calls that a journal has of a run, and that this start of it has not met again so far."""

from __future__ import annotations

import threading

from neuroscript.journal.entries import EVENTS
from neuroscript.journal.failures import failed_calls
from neuroscript.journal.ledger import LEDGER

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from neuroscript.journal.entries import Entry, Path


class KnownCalls:
    """What is left to be met again, and what was within what.  Safe to use from many threads.

    Args:
        entries: all entries of the run.
    """

    def __init__(self, entries: Iterable[Entry]) -> None:
        self._lock = threading.Lock()
        self._calls = {entry.path: entry for entry in entries if entry.path[0] != LEDGER}
        self._within: dict[Path, set[Path]] = {}  # of each place, those just below it
        self._with_events: set[Path] = set()
        for path, entry in self._calls.items():
            for size in range(1, len(path)):
                self._within.setdefault(path[:size], set()).add(path[: size + 1])
                if entry.tool.startswith(EVENTS):
                    self._with_events.add(path[:size])

    def __bool__(self) -> bool:
        return bool(self._calls)

    def __iter__(self) -> Iterator[Entry]:
        return iter(self._calls.values())

    def first(self) -> Entry:
        """The first call, of some."""
        return min(self._calls.items())[1]

    def get(self, path: Path) -> Entry | None:
        """The call at a path; None if there is none, or it was met."""
        return self._calls.get(path)

    def take(self, path: Path) -> Entry | None:
        """The same, which is met now."""
        with self._lock:
            return self._calls.pop(path, None)

    def take_failed(self) -> list[Entry]:
        """The calls by which the run ended, and which are made again."""
        found = [self.take(path) for path in failed_calls(self._calls, self._within)]
        return [entry for entry in found if entry is not None]

    def has_within(self, above: Path) -> bool:
        """Whether anything was done within a call, or in a place."""
        return above in self._within

    def has_events_within(self, above: Path) -> bool:
        """Whether events were fired there."""
        return above in self._with_events

    def below(self, above: Path) -> list[Path]:
        """The calls and places just below one, in order."""
        return sorted(self._within.get(above, ()))

    def drop_within(self, above: Path) -> None:
        """Forgets what was done within a call that is not made again: it belongs to the call."""
        for path in self._within.get(above, ()):
            self.take(path)
            self.drop_within(path)
