"""The processor time of work that is done in other processes."""

from __future__ import annotations

import os
from pathlib import Path
from time import clock_gettime, perf_counter, process_time

_THREADS = Path("/proc/self/task")
_LISTED = (_THREADS / str(os.getpid()) / "children").exists()  # by Linux


def with_children() -> float:
    """The processor time of this process and of those that it has started; the time of day where no system tells."""
    if not _LISTED:
        return perf_counter()
    children = [int(pid) for thread in _THREADS.iterdir() for pid in (thread / "children").read_text().split()]
    return sum(map(_of, children), process_time())


def _of(pid: int) -> float:
    return clock_gettime((~pid << 3) | 2)  # what clock_getcpuclockid(3) gives for all threads of a process
