"""Runs that survive: a journal of their calls, by which a run that was stopped goes on."""

from __future__ import annotations

from neuroscript.journal.entries import Entry, Header, RunInfo
from neuroscript.journal.sqlite import Journal
from neuroscript.journal.store import JournalStore

__all__ = ["Entry", "Header", "Journal", "JournalStore", "RunInfo"]
