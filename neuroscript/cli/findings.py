"""What ``neuroscript doctor`` finds."""

from __future__ import annotations

from neuroscript.records import record

FINE, NOTE, PROBLEM = "ok", "note", "problem"
"""What a finding says: all is well, something is not there that need not be, something is in the way."""


@record(frozen=True)
class Finding:
    """One thing that was looked at.

    Args:
        level: `FINE`, `NOTE` or `PROBLEM`.
        subject: what was looked at, in a word or two.
        told: what was found.
        cure: what to do about it; empty for nothing.
    """

    level: str
    subject: str
    told: str
    cure: str = ""
