"""What the calls of a run have spent over all its starts."""

from __future__ import annotations

import json
import threading
import time

from neuroscript.journal.entries import DONE, READ, Entry, path_text
from neuroscript.journal.payloads import has_piece, pieces_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Final

SPENT: Final = "spent"
"""The kind of pieces that say what a call has spent, and the tool of entries that say it of calls made again."""

LEDGER: Final = 0
"""The first part of the paths of such entries, which no call has."""


class Ledger:
    """Adds up what calls have spent: by the pieces of their entries, and by entries of its own for what has none.

    Args:
        entries: all entries of the run.
    """

    def __init__(self, entries: Iterable[Entry]) -> None:
        self._spent: dict[str, dict[str, float]] = {}
        self._count = 0
        self._lock = threading.Lock()
        for entry in entries:
            if entry.path[0] == LEDGER:
                self._count += 1
                self._spent[entry.arguments] = json.loads(entry.result)
            self.note(entry)

    def note(self, entry: Entry) -> None:
        """Counts what a call has spent that has ended."""
        for piece in pieces_of(entry.payload) if has_piece(entry.payload, SPENT) else ():
            if piece.kind == SPENT:
                with self._lock:
                    self._spent[_key_of(entry)] = json.loads(piece.what)

    def take_over(self, entry: Entry) -> Entry | None:
        """Counts on what a call has spent whose entry goes; gives the entry that says so, if it has spent anything."""
        with self._lock:
            amounts = self._spent.pop(_key_of(entry), None)
        return None if amounts is None else self.add(_key_of(entry), amounts)

    def add(self, key: str, amounts: dict[str, float]) -> Entry | None:
        """Counts what was spent by something without an entry; gives one to write, once for a key."""
        with self._lock:
            if key in self._spent:
                return None
            self._spent[key] = amounts
            self._count += 1
            path = (LEDGER, self._count)
        moment = time.time()
        return Entry(path, SPENT, key, READ, DONE, json.dumps(amounts), begun=moment, ended=moment)

    def total(self, what: str) -> float:
        """How much of something has been spent."""
        with self._lock:
            return float(sum(amounts.get(what, 0) for amounts in self._spent.values()))


def _key_of(entry: Entry) -> str:
    """What tells a call that has spent something from the one that is made in its place."""
    return f"{path_text(entry.path)} {entry.begun!r}"
