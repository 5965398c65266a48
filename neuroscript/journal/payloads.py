"""What tools commit with the end of a call: pieces that a journal keeps without reading them."""

from __future__ import annotations

import json

from neuroscript.journal.entries import path_text, read_path
from neuroscript.records import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from neuroscript.journal.entries import Path
    from neuroscript.journal.replay import JournaledRun

    Apply = Callable[[Callable[[], None]], object]
    PieceKind = tuple[Callable[[str], object] | None, Callable[[JournaledRun, str], None] | None]
    LostCall = Callable[[str], tuple[str, dict[str, float]]]


LOST = "lost "
"""The beginning of the kinds of pieces that say what an attempt had noted whose run was cancelled before its end."""


@record(frozen=True)
class Piece:
    """One thing that a tool commits with the end of a call.

    Args:
        kind: by what it is told who applies it: ``ai_wm.record``.
        what: the thing, in the form of the tool.
        covers: the calls that are accounted for with it, and are marked applied with the call itself.
    """

    kind: str
    what: str
    covers: tuple[Path, ...] = ()


def write_pieces(pieces: list[Piece]) -> str:
    """Writes the payload of an entry."""
    return json.dumps([[piece.kind, piece.what, [path_text(path) for path in piece.covers]] for piece in pieces])


def has_piece(payload: str, kind: str) -> bool:
    """Whether a payload has a piece of a kind, without reading it."""
    return f'["{kind}", ' in payload


def pieces_of(payload: str) -> list[Piece]:
    """Reads what `write_pieces` gives; of no payload there are none."""
    if not payload:
        return []
    return [Piece(kind, what, tuple(map(read_path, covers))) for kind, what, covers in json.loads(payload)]
