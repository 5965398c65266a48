"""Approvals: what a run asks a person, and what was answered, by whom and when."""

from __future__ import annotations

import json
import time
from dataclasses import replace

from neuroscript.approval import Approval
from neuroscript.errors import ErrorCode, NeuroScriptError
from neuroscript.journal import codec
from neuroscript.journal.entries import DONE, ONCE, WAITING, Entry, path_text
from neuroscript.journal.marks import mark_holds, mark_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Final

    from neuroscript.journal.entries import Path, RunInfo
    from neuroscript.journal.terms import RunTerms

APPROVAL: Final = "approval"
"""The tool of entries that are approvals."""

BEFORE: Final = -1
"""The place of a call's own approval below the call."""

TIME_OUT: Final = "the time-out"


def asked(path: Path, what: str, details: Any, rule: str, until: float, border: codec.Border | None) -> Entry:
    """The entry of an approval that nobody has given yet.

    Args:
        path: where it stands.
        what: what is asked.
        details: a value of the language.
        rule: the pattern of tools by which it is asked; empty for what the program asks itself.
        until: when it is refused; 0: never.
        border: what stands for handles and functions.
    """
    note = codec.to_text([what, codec.encode(details, border), rule, until])
    digest = codec.digest([what, details], border)
    return Entry(path, APPROVAL, digest, ONCE, WAITING, note=note, begun=time.time())


def rule_of(entry: Entry) -> str:
    """The pattern of tools by which an approval was asked."""
    rule: str = json.loads(entry.note)[2]
    return rule


def until_of(entry: Entry) -> float:
    """When an approval is refused unless somebody answers; 0: never."""
    until: float = json.loads(entry.note)[3]
    return until


def answered(info: RunInfo, entry: Entry, yes: bool, by: str, why: str) -> Entry:
    """The entry with an answer, which carries the mark of this user."""
    said = [yes, by, time.time(), why]
    mark = mark_of(APPROVAL, _covered(info, entry, said))
    result = codec.to_text([*said, mark])
    return replace(entry, state=DONE, result=result, ended=time.time())


def answer_in(info: RunInfo, entry: Entry) -> list[Any] | None:
    """The answer of an approval: yes or no, by whom, when, why; None if there is none with this user's mark."""
    if entry.state != DONE:
        return None
    try:
        *said, mark = json.loads(entry.result)
    except ValueError:
        return None
    return said if len(said) == 4 and mark_holds(mark, APPROVAL, _covered(info, entry, said)) else None


def _covered(info: RunInfo, entry: Entry, said: list[Any]) -> list[Any]:
    return [info.run_id, info.header.seed, path_text(entry.path), entry.arguments, entry.note, *said]


def approval_of(info: RunInfo, entry: Entry) -> Approval:
    """An entry as people and hosts see it."""
    what, details, _, until = json.loads(entry.note)
    said = answer_in(info, entry)
    path = entry.path[:-1] if entry.path[-1] == BEFORE else entry.path
    shown = Approval(info.run_id, path_text(path), what, codec.plain(details), entry.begun, until)
    if said is None:
        return shown
    yes, by, when, why = said
    return replace(shown, answer=yes, by=by, why=why, answered=when)


def waiting_for(approval: Approval, terms: RunTerms) -> NeuroScriptError:
    """The error that ends a start of a run until somebody has answered; no handler sees it."""
    run, path = approval.run_id, approval.path
    message = (
        f"the run {run!r} is suspended until somebody has answered about call {path}, {approval.what}: "
        f"{terms.to_type('show', run)}; then {terms.to_type('approve', run, path)}, or refuse, and "
        f"{terms.to_type('resume', run)}"
    )
    return NeuroScriptError(
        ErrorCode.PRECONDITION_FAILED, message, details={"run_id": run, "path": path, "suspended": True}
    )
