"""What the tests of the suite share."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from neuroscript import ErrorCode, NeuroScriptError
from neuroscript.jobs import Attempt, Job, JobEngine, Outcome, Queue
from tests.jobs.place import PATIENCE

BRISK = Queue(name="q", lease=0.5, backoff=0.01, backoff_most=0.05)
"""A queue whose leases and pauses are short."""

SLOW = Queue(name="q", lease=600.0, backoff=600.0, backoff_most=600.0)
"""One whose leases and pauses do not end while a test runs."""


@contextmanager
def refused(code: ErrorCode, *words: str) -> Iterator[None]:
    """Something fails with an error of this code, whose message has these words."""
    with pytest.raises(NeuroScriptError) as caught:
        yield
    assert caught.value.code == code, caught.value.message
    for word in words:
        assert word in caught.value.message


def hold(attempt: Attempt) -> Outcome:
    """Goes on until it is told to end."""
    attempt.cancel.wait(PATIENCE)
    return Outcome(state="cancelled" if attempt.is_cancelled else "failed", error={"message": attempt.cancel.reason})


def fail(attempt: Attempt) -> Outcome:
    """Fails with an error that another attempt may mend."""
    return Outcome(state="failed", error={"code": 26, "message": f"attempt {attempt.job.attempt}"}, retry=True)


def until(condition: Callable[[], bool]) -> None:
    """Waits until something is so."""
    over = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < over
        time.sleep(0.005)


def is_running(engine: JobEngine, *ids: str) -> Callable[[], bool]:
    return lambda: all(engine.get("", id).state == "running" for id in ids)


def ended(engine: JobEngine, id: str) -> Job:
    """The job once it has ended."""
    job = engine.wait("", id, PATIENCE)
    assert job.has_ended, job
    return job


def ends(engine: JobEngine, queue: str = "q", **also: Any) -> list[str]:
    """The ids of the ends that are handed out now, all acknowledged."""
    found = []
    while (job := engine.wait_next("", queue, 0, **also)) is not None:
        engine.acknowledge("", [job.id])
        found.append(job.id)
    return found


def asking(job: Job) -> tuple[str, int]:
    """What a job waits for, and since which attempt."""
    return job.waits_for, job.attempt


def take(engine: JobEngine, timeout: float) -> list[str]:
    """The id of the next end, acknowledged."""
    job = engine.wait_next("", "q", timeout)
    if job is None:
        return []
    engine.acknowledge("", [job.id])
    return [job.id]
