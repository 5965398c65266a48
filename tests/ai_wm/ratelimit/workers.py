"""What other processes do in the tests of the shared file.  Each answers on its standard output."""

from __future__ import annotations

import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from ai_wm.ratelimit import SQLiteRateLimiter
from neuroscript.errors import RateLimitedError

from .support import ROOMY, Policy


def hold(path: Path, call_tokens: str) -> None:
    """Reserve a call and take a slot, say so, and hang until killed."""
    limiter = SQLiteRateLimiter(path)
    reservation = limiter.reserve("d", ROOMY, tokens=int(call_tokens))
    settled = limiter.reserve("d", ROOMY, tokens=5)
    settled.settle(5)
    limiter.acquire_slot("d", ROOMY, f"instance-{call_tokens}")
    print("held", flush=True)
    threading.Event().wait()
    reservation.release()


def exhaust(path: Path, threads: str, requests: str, tokens: str) -> None:
    """Reserve from many threads until refused; print how many calls succeeded."""
    limiter = SQLiteRateLimiter(path)
    policy = Policy(max_requests_per_day=int(requests), max_tokens_per_day=int(tokens))

    def work(_: int) -> int:
        made = 0
        while True:
            try:
                limiter.reserve("d", policy, tokens=7).settle(7)
            except RateLimitedError:
                return made
            made += 1

    print("ready", flush=True)
    sys.stdin.readline()
    with ThreadPoolExecutor(int(threads)) as pool:
        print(sum(pool.map(work, range(int(threads)))), flush=True)
    limiter.close()


def churn(path: Path) -> None:
    """Make calls of one token for ever; print how many are over, after each."""
    limiter = SQLiteRateLimiter(path)
    policy = Policy(max_requests_per_day=1_000_000)
    made = 0
    while True:
        limiter.reserve("d", policy, tokens=1_000)
        abandoned = limiter.reserve("d", policy, tokens=1_000)
        limiter.reserve("d", policy, tokens=1_000).settle(1)
        made += 1
        print(made, flush=True)
        del abandoned


def take_turns(path: Path, turns: str) -> None:
    """Wait for the only slot of tokens again and again; print how often it was had."""
    limiter = SQLiteRateLimiter(path)
    for _ in range(int(turns)):
        with limiter.reserve("d", Policy(max_tokens_per_minute=10), tokens=10, wait_seconds=60):
            pass
    print(turns, flush=True)
    limiter.close()


if __name__ == "__main__":
    globals()[sys.argv[1]](Path(sys.argv[2]), *sys.argv[3:])
