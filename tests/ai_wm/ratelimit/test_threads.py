"""Many threads on one limiter: never over a limit, and all of it used."""

from __future__ import annotations

import gc
import random
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from ai_wm.ratelimit import SQLiteRateLimiter
from neuroscript.errors import RateLimitedError

from .support import ROOMY, AnyLimiter, Policy


def test_threads_together_use_the_limit_exactly(limiter: AnyLimiter) -> None:
    policy = Policy(max_requests_per_minute=300, max_tokens_per_day=2_950)

    def work(seed: int) -> tuple[int, int]:
        chance, made, used = random.Random(seed), 0, 0
        while True:
            try:
                reservation = limiter.reserve("d", policy, tokens=10)
            except RateLimitedError:
                return made, used
            if chance.random() < 0.2:
                reservation.release()
                continue
            reservation.settle(10)
            made, used = made + 1, used + 10

    with ThreadPoolExecutor(16) as pool:
        results = list(pool.map(work, range(16)))
    assert sum(made for made, _ in results) == 295
    assert limiter.usage("d")["tokens_last_day"] == sum(used for _, used in results) == 2_950


def test_what_ends_while_the_file_is_in_use_is_counted_by_whoever_uses_it(tmp_path: Path) -> None:
    path, limits = tmp_path / "limits.sqlite3", Policy(max_requests_per_minute=10, max_tokens_per_day=100)
    limiter, other = SQLiteRateLimiter(path), SQLiteRateLimiter(path)
    used, unused = (limiter.reserve("d", limits, tokens=20) for _ in range(2))
    with limiter._transaction():  # as another thread of this process may be in one at any moment
        used.settle(7)
        unused.release()
    counted = other.usage("d")
    assert (counted["calls_in_flight"], counted["requests_last_day"], counted["tokens_last_day"]) == (0, 1, 7)
    other.close()
    limiter.close()


def test_slots_taken_by_many_threads_are_never_too_many(limiter: AnyLimiter) -> None:
    policy = Policy(max_concurrent_active_instances=5)
    taken = threading.Semaphore(5)

    def work(number: int) -> int:
        made = 0
        for turn in range(10):
            instance = f"{number}-{turn}"
            try:
                limiter.acquire_slot("d", policy, instance)
            except RateLimitedError:
                continue
            assert taken.acquire(blocking=False)
            made += 1
            taken.release()
            limiter.release_slot("d", instance)
        return made

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(work, range(8))) > 0
    assert limiter.active_slots("d") == 0


def test_reservations_forgotten_in_cycles_while_others_work_are_all_given_back(limiter: AnyLimiter) -> None:
    """The collector runs at any moment, in the middle of a reservation too; it must neither block nor lose one."""

    def work(_: int) -> None:
        for _ in range(40):
            cycle: list[object] = [limiter.reserve("d", ROOMY, tokens=1)]
            cycle.append(cycle)
            limiter.reserve("d", ROOMY, tokens=1).settle(1)

    thresholds = gc.get_threshold()
    gc.set_threshold(5)
    try:
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(work, range(4)))
    finally:
        gc.set_threshold(*thresholds)
    gc.collect()
    usage = limiter.usage("d")
    assert usage["calls_in_flight"] == 0
    assert usage["requests_last_minute"] == 160
