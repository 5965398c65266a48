"""What other processes do in the tests of the shared file.  Each answers on its standard output."""

from __future__ import annotations

import json
import signal
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from ai_wm.ratelimit import Demand, SQLiteRateLimiter
from ai_wm.ratelimit.wait_queue import Waiter, WaitQueue
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


def compete(path: Path, policy_file: str, threads: str, hold: str) -> None:
    """Make calls of 10 tokens, waiting for each, under the policy that a file holds, until that is gone.

    Print, for each: when it was asked for, when it had its ticket (0 if it needed none), when it was reserved in the
    time of the shared file, and when it was sure to be over.
    """
    limiter, tickets = SQLiteRateLimiter(path), threading.local()
    enter = WaitQueue.enter

    def watched(queue: WaitQueue, waiter: Waiter) -> None:
        tickets.drawn = time.monotonic()
        enter(queue, waiter)

    WaitQueue.enter = watched  # type: ignore[method-assign]

    def demand() -> Demand:
        return Demand(Policy(**json.loads(Path(policy_file).read_text())), 10, 0.0)

    def work(_: int) -> list[tuple[float, float, int, float]]:
        made = []
        while True:
            try:
                asked, tickets.drawn = time.monotonic(), 0.0
                held = limiter.reserve("d", demand().policy, tokens=10, wait_seconds=100_000, again=demand)
            except FileNotFoundError:
                return made
            stamp = held._hold.stamp
            time.sleep(float(hold))
            held.settle(10)
            made.append((asked, tickets.drawn, stamp, time.monotonic()))

    print("ready", flush=True)
    sys.stdin.readline()
    with ThreadPoolExecutor(int(threads)) as pool:
        print(json.dumps(list(pool.map(work, range(int(threads))))), flush=True)
    limiter.close()


def stream(path: Path, tokens: str) -> None:
    """Make small calls in four threads as fast as the limits allow, for ever."""
    limiter = SQLiteRateLimiter(path)
    policy = Policy(max_tokens_per_minute=100)

    def work(_: int) -> None:
        while True:
            with limiter.reserve("d", policy, tokens=int(tokens), wait_seconds=600):
                time.sleep(0.005)

    with ThreadPoolExecutor(4) as pool:
        print("ready", flush=True)
        list(pool.map(work, range(4)))


def wait(path: Path, seconds: str) -> None:
    """Wait for all of the limit; print how it ended."""
    limiter = SQLiteRateLimiter(path)
    print("ready", flush=True)
    try:
        limiter.reserve("d", Policy(max_tokens_per_minute=100), tokens=100, wait_seconds=float(seconds)).release()
        print("served", flush=True)
    except RateLimitedError as error:
        print(error.message, flush=True)
    limiter.close()


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)  # it is ignored where the tests run in the background
    globals()[sys.argv[1]](Path(sys.argv[2]), *sys.argv[3:])
