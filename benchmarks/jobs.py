"""How fast the embedded job engine is.

    python benchmarks/jobs.py [--jobs 500] [--markdown] [--directory DIR]

Every job does nothing; its submission, its end and the acknowledgement of its end are on the disk when they are said to
be, so the figures are those of the disk.  The first row says how long that takes for itself.  The directory should be
on the disk that counts.  Exits with status 1 if a figure misses its target.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import tables

from neuroscript.jobs import Attempt, EmbeddedEngine, Job, Outcome, Queue

JOBS_A_SECOND = 500
LATENCY = 0.010
SUBMITTERS = 4
CONSUMERS = 2

BESIDE = """
import os, sys
from neuroscript.jobs import EmbeddedEngine, Outcome
def body(attempt):
    if attempt.job.payload == "hold":
        attempt.cancel.wait(60)
        return Outcome(state="cancelled")
    return Outcome(state="done", result=attempt.job.payload)
engine = EmbeddedEngine.open(sys.argv[1])
engine.serve("q", body)
print("ready", flush=True)
sys.stdin.readline()
os._exit(1)
"""


class Beside:
    """A process that serves the queue."""

    def __init__(self, directory: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", BESIDE, directory], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        assert self._process.stdout is not None
        self._process.stdout.readline()

    def kill(self) -> None:
        self._process.kill()
        self._process.communicate()


def no_op(attempt: Attempt) -> Outcome:
    return Outcome(state="done", result=attempt.job.payload)


def disk(directory: Path, count: int) -> list[float]:
    """Seconds that the disk takes for four kilobytes at the end of a file."""
    taken = []
    with open(directory / "disk", "wb", buffering=0) as file:
        for _ in range(count):
            file.write(b"x" * 4096)
            began = time.perf_counter()
            os.fsync(file.fileno())
            taken.append(time.perf_counter() - began)
    return taken


def latencies(engine: EmbeddedEngine, name: str, count: int) -> list[float]:
    """Seconds from the call that submits a job to the one that gives its result, one job after the other."""
    taken = []
    for n in range(count):
        began = time.perf_counter()
        engine.submit(f"{name}-{n}", "q", n)
        engine.wait("", f"{name}-{n}", 60)
        taken.append(time.perf_counter() - began)
    while (job := engine.wait_next("", "q", 0)) is not None:
        engine.acknowledge("", [job.id])
    return taken


def throughput(engine: EmbeddedEngine, name: str, count: int, *, together: bool) -> tuple[float, float]:
    """Jobs a second from the first submission to the last acknowledgement, and processor seconds of this process."""

    def submit(share: range) -> None:
        if together:
            engine.submit_all([Job(id=f"{name}-{n}", queue="q", payload=n) for n in share])
        else:
            for n in share:
                engine.submit(f"{name}-{n}", "q", n)

    def consume() -> None:
        while True:
            job = engine.wait_next("", "q", 60)
            if job is not None:
                engine.acknowledge("", [job.id])
            elif not any(thread.is_alive() for thread in submitters):
                return

    shares = [range(count)] if together else [range(start, count, SUBMITTERS) for start in range(SUBMITTERS)]
    submitters = [threading.Thread(target=submit, args=(share,)) for share in shares]
    consumers = [threading.Thread(target=consume) for _ in range(CONSUMERS)]
    began, used = time.perf_counter(), time.process_time()
    for thread in (*submitters, *consumers):
        thread.start()
    for thread in (*submitters, *consumers):
        thread.join()
    taken = time.perf_counter() - began
    return count / taken, (time.process_time() - used) / count


def until_running(engine: EmbeddedEngine, id: str) -> None:
    while engine.get("", id).state != "running":
        time.sleep(0.001)


def reactions(engine: EmbeddedEngine, beside: Beside) -> dict[str, list[float]]:
    """Seconds until what was told a process beside, or happened to it, has had its effect."""
    taken: dict[str, list[float]] = {"pause, while a job runs": [], "cancel, into a job that runs": []}
    for n in range(20):
        engine.submit(f"hold-{n}", "q", "hold")
        until_running(engine, f"hold-{n}")
        began = time.perf_counter()
        engine.pause("", "q")
        taken["pause, while a job runs"].append(time.perf_counter() - began)
        engine.resume("", "q")
        began = time.perf_counter()
        engine.cancel("", f"hold-{n}")
        engine.wait("", f"hold-{n}", 60)
        taken["cancel, into a job that runs"].append(time.perf_counter() - began)
    engine.submit("last", "q", "hold")
    until_running(engine, "last")
    engine.serve("q", no_op)
    began = time.perf_counter()
    beside.kill()
    engine.wait("", "last", 60)
    taken["kill, until the job is done elsewhere"] = [time.perf_counter() - began]
    return taken


def spread(values: list[float]) -> tuple[str, str]:
    """The middle of some seconds, and what 99 of 100 stay below."""
    most = sorted(values)[min(len(values) - 1, len(values) * 99 // 100)]
    return tables.seconds(statistics.median(values)), tables.seconds(most)


def measure(directory: Path, jobs: int, markdown: bool) -> bool:
    """Prints the tables; whether all targets are met."""
    met = True
    times, rates = [("write to the disk", *spread(disk(directory, 200)))], []

    def judged(met_here: bool) -> str:
        nonlocal met
        met = met and met_here
        return "" if met_here else "missed"

    def run(place: str, serve: Callable[[EmbeddedEngine, Path], object]) -> None:
        with EmbeddedEngine.open(directory / place) as engine:
            engine.create(Queue(name="q", most=4))
            served = serve(engine, directory / place)
            found = latencies(engine, "latency", jobs // 2)
            times.append((f"submit to result, served {place}", *spread(found)))
            judged(statistics.median(found) < LATENCY)
            for name, together in (("one by one", False), ("all at once", True)):
                rate, used = throughput(engine, name, jobs, together=together)
                mark = judged(rate >= JOBS_A_SECOND)
                rates.append((f"{name}, served {place}", f"{rate:.0f}", tables.seconds(used), mark))
            if isinstance(served, Beside):
                for name, values in reactions(engine, served).items():
                    times.append((name, *spread(values)))

    run("in the process", lambda engine, _: engine.serve("q", no_op))
    run("by a process beside", lambda _, place: Beside(place))
    print(tables.heading(f"Jobs that do nothing, {tables.machine()}", markdown=markdown))
    print(tables.table(("", "middle", "99 %"), times, markdown=markdown))
    print()
    head = (f"{jobs} jobs", "jobs a second", "processor time a job, here", "")
    print(tables.table(head, rates, markdown=markdown))
    return met


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=500)
    parser.add_argument("--markdown", action="store_true")
    parser.add_argument("--directory", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.directory) as directory:
        return 0 if measure(Path(directory), options.jobs, options.markdown) else 1


if __name__ == "__main__":
    sys.exit(main())
