"""Callers of an event loop: they wait without a thread, and their calls do not begin anew for nothing."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import pytest

from ai_wm.ratelimit import Demand
from ai_wm.support.aio import in_thread
from neuroscript.errors import ErrorCode, NeuroScriptError, RateLimitedError, StateError

from .support import AnyLimiter, Policy

TEN = Policy(max_tokens_per_minute=10)


async def waiting(limiter: AnyLimiter, number: int) -> None:
    while limiter.usage("d")["waiting"] != number:
        await asyncio.sleep(0.005)


def caller(limiter: AnyLimiter, begun: list[int], number: int = 0, **options: Any) -> Callable[..., None]:
    """A call that notes each time it begins, and is over at once when it is served."""

    def call(check: Callable[[], None]) -> None:
        begun.append(number)
        options.setdefault("wait_seconds", 60)
        limiter.reserve("d", TEN, tokens=10, cancelled=check, **options).release()

    return call


def test_calls_that_wait_begin_anew_when_it_is_their_turn_alone(
    limiter: AnyLimiter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ai_wm.ratelimit.wait_queue.HEARTBEAT", 0.05)
    begun: list[int] = []
    threads: list[int] = []

    async def main() -> None:
        held = limiter.reserve("d", TEN, tokens=10)
        tasks = []
        for number in range(20):
            tasks.append(asyncio.create_task(in_thread(caller(limiter, begun, number), check=lambda: None)))
            await waiting(limiter, number + 1)
        begun.clear()
        await asyncio.sleep(0.5)
        assert set(begun) <= {0}, "only the first looks whether it fits"
        threads.append(threading.active_count())
        held.release()
        await asyncio.gather(*tasks)

    asyncio.run(main())
    order = list(dict.fromkeys(begun))
    assert order == list(range(20))
    assert threads[0] < 20


def test_a_task_that_is_cancelled_while_it_waits_holds_nobody_up(limiter: AnyLimiter) -> None:
    begun: list[int] = []

    async def main() -> None:
        held = limiter.reserve("d", TEN, tokens=10)
        tasks = []
        for number in range(3):
            tasks.append(asyncio.create_task(in_thread(caller(limiter, begun, number))))
            await waiting(limiter, number + 1)
        tasks[0].cancel()
        tasks[1].cancel()
        with pytest.raises(asyncio.CancelledError):
            await tasks[0]
        held.release()
        await asyncio.wait_for(tasks[2], 20)

    asyncio.run(main())
    assert limiter.usage("d")["waiting"] == 0


def test_a_host_that_cancels_ends_the_wait_with_its_own_error(limiter: AnyLimiter) -> None:
    stop = threading.Event()

    def check() -> None:
        if stop.is_set():
            raise NeuroScriptError(ErrorCode.CANCELLED, "the host cancelled the run")

    async def main() -> None:
        held = limiter.reserve("d", TEN, tokens=10)
        tasks = []
        for number in range(2):
            tasks.append(asyncio.create_task(in_thread(caller(limiter, []), check=check)))
            await waiting(limiter, number + 1)
        stop.set()
        for task in tasks:
            with pytest.raises(NeuroScriptError, match="the host cancelled the run"):
                await asyncio.wait_for(task, 20)
        held.release()

    asyncio.run(main())
    assert limiter.usage("d")["waiting"] == 0


def test_a_change_and_the_end_of_the_time_are_seen_without_a_thread(limiter: AnyLimiter) -> None:
    disabled = False

    def again() -> Demand:
        if disabled:
            raise StateError(ErrorCode.PRECONDITION_FAILED, "the definition is disabled")
        return Demand(TEN, 10, 0.0)

    async def main() -> None:
        nonlocal disabled
        held = limiter.reserve("d", TEN, tokens=10)
        first = asyncio.create_task(in_thread(caller(limiter, [], wait_seconds=None, flight_seconds=0.3)))
        await waiting(limiter, 1)
        others = []
        for number in range(2):
            others.append(asyncio.create_task(in_thread(caller(limiter, [], again=again))))
            await waiting(limiter, number + 2)
        with pytest.raises(RateLimitedError, match=r"waited 0.3 s for calls in flight"):
            await asyncio.wait_for(first, 20)
        disabled = True
        for other in others:
            with pytest.raises(StateError, match="the definition is disabled"):
                await asyncio.wait_for(other, 20)
        held.release()

    asyncio.run(main())
    assert limiter.usage("d")["waiting"] == 0
