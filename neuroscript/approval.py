"""Approvals: what a program asks a person before it does something, and the answer."""

from __future__ import annotations

from neuroscript.errors import ErrorCode, NeuroScriptError
from neuroscript.records import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


@record(frozen=True)
class Approval:
    """One thing that a person is asked.

    Args:
        run_id: the run; empty for one without a journal.
        path: which of its calls asks, or is asked about: ``3/1``.
        what: what is to be done, in words of the program, or the name of a tool.
        details: what the program says of it, or the tool's arguments; Python values.
        asked: when, in seconds since 1970.
        until: when it is refused unless somebody answers; 0: never.
        answer: true or false; None while there is none.
        by: who answered.
        why: what they said.
        answered: when.
    """

    run_id: str
    path: str
    what: str
    details: Any = None
    asked: float = 0.0
    until: float = 0.0
    answer: bool | None = None
    by: str = ""
    why: str = ""
    answered: float = 0.0


def refused(approval: Approval) -> NeuroScriptError:
    """The error of a refusal, which a script may handle."""
    said = f": {approval.why}" if approval.why else ""
    details = {"path": approval.path, "by": approval.by, "why": approval.why}
    message = f"{approval.what!r} was refused by {approval.by}{said}"
    return NeuroScriptError(ErrorCode.APPROVAL_REFUSED, message, details=details)
