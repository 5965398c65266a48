"""Work queues: jobs that are submitted now, and done by whoever serves their queue."""

from __future__ import annotations

from neuroscript.jobs.engine import Attempt, Job, JobEngine, Outcome, Queue, Serving

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from neuroscript.jobs.embedded import EmbeddedEngine
    from neuroscript.jobs.grants import Grant
    from neuroscript.jobs.host import JobHost, register_job_tools

__all__ = [
    "Attempt",
    "EmbeddedEngine",
    "Grant",
    "Job",
    "JobEngine",
    "JobHost",
    "Outcome",
    "Queue",
    "Serving",
    "register_job_tools",
]


def __getattr__(name: str) -> Any:
    """Imports what does jobs when it is first used: whoever looks at the tools does without."""
    if name == "EmbeddedEngine":
        from neuroscript.jobs.embedded import EmbeddedEngine

        return EmbeddedEngine
    if name == "Grant":
        from neuroscript.jobs.grants import Grant

        return Grant
    if name in ("JobHost", "register_job_tools"):
        from neuroscript.jobs import host

        return getattr(host, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
