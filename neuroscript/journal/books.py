"""Applies what the calls of runs have committed, and perhaps not applied, such as the records of what they cost."""

from __future__ import annotations

from itertools import groupby
from operator import itemgetter

from neuroscript.journal.entries import FINAL
from neuroscript.journal.ledger import SPENT
from neuroscript.journal.payloads import LOST, pieces_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from neuroscript.journal.payloads import LostCall, PieceKind
    from neuroscript.journal.store import JournalStore


def apply_committed(
    journal: JournalStore, kinds: Mapping[str, PieceKind], lost: Mapping[str, LostCall], run_id: str = ""
) -> None:
    """Applies what calls have committed, and perhaps not applied, of runs that are over and of one that starts.

    Args:
        journal: where they are.
        kinds: what becomes of a piece, by its kind; a call with a piece of another kind is left to who knows that.
        lost: what accounts for attempts whose end is not known, by the tool of their entries.
        run_id: the run that starts.

    Raises:
        NeuroScriptError: what applying it raises.
    """
    known: dict[str, Callable[[str], object] | None] = {kind: apply for kind, (apply, _) in kinds.items()}
    known |= {LOST + tool: account for tool, account in lost.items()}
    for of, found in groupby(list(journal.unapplied()), key=itemgetter(0)):
        if of != run_id and journal.run(of).state not in FINAL:
            continue
        for _, entry in found:
            pieces = [piece for piece in pieces_of(entry.payload) if piece.kind != SPENT]
            for piece in pieces:
                apply = known.get(piece.kind)
                if apply is not None:
                    apply(piece.what)
            if pieces and all(piece.kind in known for piece in pieces):
                journal.mark_applied(of, [entry.path, *(path for piece in pieces for path in piece.covers)])
