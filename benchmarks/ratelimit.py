"""How fast the rate limiters reserve and settle.

    python benchmarks/ratelimit.py [--seconds N]

A pair is one reservation against all five limits and its settlement.  Each figure is the best of three runs.  The
`full` rows compare a definition that made 200,000 (in memory) or 20,000 (on the file) calls in its windows with a fresh
one: a limiter that went through its calls would be slower there.  Exits with status 1 if a figure misses its target.
"""

from __future__ import annotations

import argparse
import multiprocessing
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

from ai_wm.data.types import RateLimitPolicy
from ai_wm.ratelimit import MemoryRateLimiter, RateLimiter, SQLiteRateLimiter
from neuroscript.errors import RateLimitedError

MANY = 1_000_000_000
POLICY = RateLimitPolicy.model_validate(
    {
        "max_requests_per_minute": MANY,
        "max_requests_per_day": MANY,
        "max_tokens_per_minute": MANY * 1000,
        "max_tokens_per_day": MANY * 1000,
        "max_cost_per_day": 1e6,
    }
)
EXHAUSTED = RateLimitPolicy.model_validate({"max_requests_per_day": 1})
MEMORY_TARGET = 50_000
SHARED_TARGET = 3_000
FULL_RATIO = 1.5


def pairs(limiter: RateLimiter, definition: str, seconds: float) -> float:
    """Pairs a second in one thread."""
    made, start = 0, time.perf_counter()
    while (spent := time.perf_counter() - start) < seconds:
        for _ in range(50):
            limiter.reserve(definition, POLICY, tokens=100, cost=0.001).settle(90, 0.0009)
        made += 50
    return made / spent


def fill(limiter: RateLimiter, definition: str, calls: int) -> None:
    """Make so many calls."""
    for _ in range(calls):
        limiter.reserve(definition, POLICY, tokens=100, cost=0.001).settle(90, 0.0009)


def refusals(limiter: RateLimiter, seconds: float) -> float:
    """Refused reservations a second."""
    if not limiter.usage("exhausted")["requests_last_day"]:
        limiter.reserve("exhausted", EXHAUSTED, tokens=1).settle(1)
    made, start = 0, time.perf_counter()
    while (spent := time.perf_counter() - start) < seconds:
        try:
            limiter.reserve("exhausted", EXHAUSTED, tokens=1)
        except RateLimitedError:
            made += 1
    return made / spent


def threaded(limiter: RateLimiter, threads: int, seconds: float) -> float:
    """Pairs a second of so many threads on one definition together."""
    rates: list[float] = []
    workers = [
        threading.Thread(target=lambda: rates.append(pairs(limiter, "threads", seconds))) for _ in range(threads)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return sum(rates)


def one_process(path: Path, threads: int, seconds: float, ready: object, rates: object) -> None:
    """What each process of `in_processes` does."""
    limiter = SQLiteRateLimiter(path)
    limiter.reserve("processes", POLICY, tokens=1).settle(1)
    ready.wait()  # type: ignore[attr-defined]
    rates.put(threaded(limiter, threads, seconds))  # type: ignore[attr-defined]
    limiter.close()


def in_processes(path: Path, processes: int, threads: int, seconds: float) -> float:
    """Pairs a second of so many processes on one definition together."""
    context = multiprocessing.get_context("spawn")
    ready, rates = context.Barrier(processes), context.Queue()
    workers = [
        context.Process(target=one_process, args=(path, threads, seconds, ready, rates)) for _ in range(processes)
    ]
    for worker in workers:
        worker.start()
    total: float = sum(rates.get() for _ in workers)
    for worker in workers:
        worker.join()
    return total


def best(measure: Callable[[], float]) -> float:
    """The best of three."""
    return max(measure() for _ in range(3))


def fullness(limiter: RateLimiter, calls: int, seconds: float) -> float:
    """How much longer a pair takes after so many calls; both are measured in turn, so that other load meets both."""
    fill(limiter, "full", calls)
    times = [(pairs(limiter, f"fresh {turn}", seconds / 2), pairs(limiter, "full", seconds / 2)) for turn in range(6)]
    return max(fresh for fresh, _ in times) / max(full for _, full in times)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=0.5, help="how long each run measures (default 0.5)")
    seconds = parser.parse_args().seconds
    missed = 0

    def show(name: str, value: float, target: float | None = None, *, ratio: bool = False) -> None:
        nonlocal missed
        met = target is None or (value <= target if ratio else value >= target)
        missed += not met
        number = f"{value:12.2f} x     " if ratio else f"{value:12,.0f} a second"
        goal = "" if target is None else f"  target {'at most' if ratio else 'at least'} {target:,g}"
        print(f"{name:44}{number}{goal}{'' if met else '  MISSED'}")

    memory = MemoryRateLimiter()
    show("memory, pairs", best(lambda: pairs(memory, "pairs", seconds)), MEMORY_TARGET)
    show("memory, full, time of a pair", fullness(memory, 200_000, seconds), FULL_RATIO, ratio=True)
    show("memory, refusals", best(lambda: refusals(memory, seconds)))
    show("memory, pairs, 16 threads", best(lambda: threaded(memory, 16, seconds)))
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "limits.sqlite3"
        shared = SQLiteRateLimiter(path)
        show("shared file, pairs", best(lambda: pairs(shared, "pairs", seconds)), SHARED_TARGET)
        show("shared file, full, time of a pair", fullness(shared, 20_000, seconds), FULL_RATIO, ratio=True)
        show("shared file, refusals", best(lambda: refusals(shared, seconds)))
        show("shared file, pairs, 16 threads", best(lambda: threaded(shared, 16, seconds)))
        show("shared file, pairs, 8 processes x 16 threads", in_processes(path, 8, 16, seconds * 3), SHARED_TARGET)
        shared.close()
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
