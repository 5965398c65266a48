"""Work queues: jobs that are submitted now, and done by whoever serves their queue."""

from __future__ import annotations

from neuroscript.jobs.embedded import EmbeddedEngine
from neuroscript.jobs.engine import Attempt, Job, JobEngine, Outcome, Queue, Serving

__all__ = ["Attempt", "EmbeddedEngine", "Job", "JobEngine", "Outcome", "Queue", "Serving"]
