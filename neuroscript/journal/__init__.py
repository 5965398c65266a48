"""Runs that survive: a journal of their calls, by which a run that was stopped goes on."""

from __future__ import annotations

from neuroscript.journal.base import Journal
from neuroscript.journal.entries import Entry, Header, RunInfo

__all__ = ["Entry", "Header", "Journal", "RunInfo"]
