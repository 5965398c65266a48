"""Blocking calls for asyncio and trio hosts: run in worker threads, and cancelled with the task that waits."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from typing import Any, TypeVar

from neuroscript import ErrorCode, NeuroScriptError

T = TypeVar("T")


async def in_thread(function: Callable[..., T], *args: Any, check: Callable[[], None] | None = None, **named: Any) -> T:
    """Runs a function in a worker thread, and waits for it without blocking the event loop.

    If the waiting task is cancelled it goes on at once; the call ends by itself the next time that it looks at the
    ``check`` which it is given, and gives back what it holds.
    """
    from anyio import to_thread

    stopped = threading.Event()

    def look() -> None:
        if stopped.is_set():
            raise NeuroScriptError(ErrorCode.CANCELLED, "the task that waited for this call was cancelled")
        if check is not None:
            check()

    try:
        return await to_thread.run_sync(functools.partial(function, *args, check=look, **named), abandon_on_cancel=True)
    finally:
        stopped.set()
