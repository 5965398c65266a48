"""Runs that survive: a journal of their calls, by which a run that was stopped goes on."""

from __future__ import annotations

from neuroscript.journal.entries import Entry, Header, RunInfo
from neuroscript.journal.files import Journal
from neuroscript.journal.store import JournalStore
from neuroscript.journal.terms import RunTerms

__all__ = ["Entry", "Header", "Journal", "JournalStore", "RunInfo", "RunTerms"]
