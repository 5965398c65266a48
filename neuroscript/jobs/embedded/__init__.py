"""The job engine in a directory, for the processes of one machine."""

from __future__ import annotations

from neuroscript.jobs.embedded.engine import EmbeddedEngine

__all__ = ["EmbeddedEngine"]
