"""Where running code stands among the calls of a journaled run."""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from neuroscript.journal.entries import Path
    from neuroscript.journal.payloads import Apply, Piece

_innermost: ContextVar[Place | None] = ContextVar("neuroscript_journal_place", default=None)


class Place:
    """Where the calls of a part of a run stand: the path above them, and how many there have been.

    Attributes:
        run: whose place it is.
        outer: the place around it, which may be another run's.
        begun: when the call at the path began.
        pieces: what the call commits with its end, and what applies that.
    """

    __slots__ = ("begun", "count", "outer", "path", "pieces", "run")

    def __init__(self, run: object, path: Path, outer: Place | None = None, begun: float = 0.0) -> None:
        self.run = run
        self.path = path
        self.outer = outer
        self.begun = begun
        self.count = 0
        self.pieces: list[tuple[Piece, Apply | None]] = []


def place_in(run: object) -> Place | None:
    """Where the running code stands in a run; what a tool runs under another journal stands there as well."""
    place = _innermost.get()
    while place is not None and place.run is not run:
        place = place.outer
    return place


@contextmanager
def below(run: object, path: Path, begun: float = 0.0) -> Iterator[Place]:
    """A place below a path of a run, where a call began at some time."""
    place = Place(run, path, _innermost.get(), begun)
    before = _innermost.set(place)
    try:
        yield place
    finally:
        _innermost.reset(before)
