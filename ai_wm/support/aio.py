"""Blocking calls for asyncio and trio hosts: run in worker threads, and cancelled together with the waiting task."""

from __future__ import annotations

import asyncio
import functools
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, TypeVar

from ai_wm.support.parking import Parked, Parking, Place, parking
from neuroscript import ErrorCode, NeuroScriptError

if TYPE_CHECKING:
    from anyio import CapacityLimiter

T = TypeVar("T")

MOST_THREADS: Final = 1000
"""Calls of an event loop that are in a thread at a time; they take none of the host's own."""


async def in_thread(function: Callable[..., T], *args: Any, check: Callable[[], None] | None = None, **named: Any) -> T:
    """Runs a function in a worker thread, and awaits its result without blocking the event loop.

    While it waits for room under its limits it holds no thread.  If the waiting task is cancelled, the call ends at the
    next look at the ``check`` which it is given, and gives back what it holds; the task ends after that.
    """
    stopped = threading.Event()
    places = Parking(check)

    def look() -> None:
        if stopped.is_set():
            raise NeuroScriptError(ErrorCode.CANCELLED, "the task that waited for this call was cancelled")
        if check is not None:
            check()

    def call() -> T:
        parking.set(places)
        return function(*args, check=look, **named)

    try:
        while True:
            try:
                return await _finished(call, stopped)
            except Parked as parked:
                place = parked.place
            await _turn_of(place)
    finally:
        places.leave()


async def _finished(call: Callable[[], T], stopped: threading.Event) -> T:
    """Runs a function in a thread and waits for its end, even if the task is cancelled, which ``stopped`` tells."""
    from anyio import CancelScope, Event, create_task_group, sleep_forever, to_thread
    from anyio.lowlevel import checkpoint

    over, soon = Event(), _soon()
    results: list[T] = []
    errors: list[BaseException] = []

    def work() -> None:
        try:
            results.append(call())
        except BaseException as error:  # whatever it is, it is raised where the task waits
            errors.append(error)
        soon(over.set)

    async def watch() -> None:
        try:
            await sleep_forever()
        finally:
            stopped.set()

    async with create_task_group() as group:
        group.start_soon(watch)
        try:
            await to_thread.run_sync(work, limiter=_limiter())
        except BaseException:  # asyncio's own cancelling heeds no shield
            stopped.set()
            with CancelScope(shield=True):
                await over.wait()
            raise
        cancelled = stopped.is_set()
        group.cancel_scope.cancel()
    if cancelled:
        await checkpoint()  # which raises
    stopped.clear()
    try:
        if errors:
            raise errors[0]
        return results[0]
    finally:
        errors.clear()  # the error's traceback leads here, and would keep it alive


async def _turn_of(place: Place) -> None:
    """Waits until another attempt is worthwhile."""
    from anyio import Event, move_on_after

    while True:
        event = Event()
        place.call_when_woken(functools.partial(_soon(), event.set))
        with move_on_after(place.seconds):
            await event.wait()
        if place.woken():
            return


def _soon() -> Callable[[Callable[[], object]], None]:
    """Returns a function that schedules a callback on this event loop from any thread, if the loop still runs."""
    trio = sys.modules.get("trio")
    if trio is not None and trio.lowlevel.in_trio_run():
        soon, over = trio.lowlevel.current_trio_token().run_sync_soon, trio.RunFinishedError
    else:
        soon, over = asyncio.get_running_loop().call_soon_threadsafe, RuntimeError

    def call(function: Callable[[], object]) -> None:
        with suppress(over):
            soon(function)

    return call


def _limiter() -> CapacityLimiter:
    """The capacity limiter of this event loop."""
    limiters = _limiters()
    try:
        found: CapacityLimiter = limiters.get()
    except LookupError:
        from anyio import CapacityLimiter

        found = CapacityLimiter(MOST_THREADS)
        limiters.set(found)
    return found


@functools.cache
def _limiters() -> Any:
    from anyio.lowlevel import RunVar

    return RunVar("ai_wm_threads")
