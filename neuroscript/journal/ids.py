"""Ids that a run makes: the same ones whenever it is replayed, and no other run's."""

from __future__ import annotations

import hmac
import uuid

TYPE_CHECKING = False
if TYPE_CHECKING:
    from neuroscript.journal.entries import RunInfo


def id_in(info: RunInfo, of: str) -> str:
    """The id of something in a run.

    Args:
        info: the run.
        of: what it is the id of.
    """
    made = hmac.digest(info.header.seed.encode(), f"{info.run_id} {of}".encode(), "sha256")
    return str(uuid.UUID(bytes=made[:16], version=4))


def budget_id(info: RunInfo) -> str:
    """The id of the budget of a run, which another run of the same name, after this one was removed, has not."""
    return id_in(info, "budget")
