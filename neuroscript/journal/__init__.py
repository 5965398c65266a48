"""Runs that survive: a journal of their calls, by which a run that was stopped goes on.

Tools that have more to keep than their results use the `JournaledRun` of their call context.
"""

from __future__ import annotations

from neuroscript.journal.accounts import Accounts, Membership, SharedBudget
from neuroscript.journal.codec import decode, encode
from neuroscript.journal.entries import BEGUN, IDEMPOTENT, PART, READ, Entry, Header, RunInfo
from neuroscript.journal.files import Journal
from neuroscript.journal.payloads import Piece
from neuroscript.journal.replay import JournaledRun
from neuroscript.journal.sharing import share_budget
from neuroscript.journal.store import JournalStore
from neuroscript.journal.terms import RunTerms
from neuroscript.tools.recovery import NOT_DONE, UNKNOWN

__all__ = [
    "BEGUN",
    "IDEMPOTENT",
    "NOT_DONE",
    "PART",
    "READ",
    "UNKNOWN",
    "Accounts",
    "Entry",
    "Header",
    "Journal",
    "JournalStore",
    "JournaledRun",
    "Membership",
    "Piece",
    "RunInfo",
    "RunTerms",
    "SharedBudget",
    "decode",
    "encode",
    "share_budget",
]
