"""Waits, in a script's thread, for awaitables that asynchronous functions of the host return."""

from __future__ import annotations

from contextvars import ContextVar, copy_context

from neuroscript.errors import ErrorCode, NeuroScriptError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Protocol

    from neuroscript.cancellation import CancelToken

    class HostLoop(Protocol):
        """The event loop of the host's task that waits for a run."""

        def runs_here(self) -> bool:
            """Whether the calling thread is that of the loop, which it must not block."""

        def wait(self, awaitable: Any, cancel: CancelToken | None) -> Any:
            """Runs an awaitable as a task of the loop and returns its result; ``cancel`` cancels the task.

            Raises:
                TaskCancelled: if the task was cancelled.
            """


host_loop: ContextVar[HostLoop | None] = ContextVar("neuroscript_host_loop", default=None)
"""The loop of the host that the running code works for; None where a run was not begun by a task."""


class TaskCancelled(Exception):
    """Raised if the task of an asynchronous function was cancelled."""


def wait_for(awaitable: Any, cancel: CancelToken | None = None) -> Any:
    """Waits for an awaitable and returns its result.

    It runs on the event loop of the host, where the run was begun there, and else on one of its own.

    Args:
        awaitable: the awaitable that an asynchronous function returned.
        cancel: cancels it.

    Raises:
        CancelledError: 44 if ``cancel`` has ended it.
    """
    loop = host_loop.get()
    try:
        if loop is not None and not loop.runs_here():
            return loop.wait(awaitable, cancel)
        return _on_own_loop(awaitable, cancel)
    except TaskCancelled:
        if cancel is None or not cancel.cancelled:
            raise
        raise NeuroScriptError(ErrorCode.CANCELLED, "the run was cancelled") from None


def _on_own_loop(awaitable: Any, cancel: CancelToken | None) -> Any:
    """Runs an awaitable on a new event loop, in another thread if this one has a running loop."""
    import asyncio

    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return _run(awaitable, cancel)
    from concurrent.futures import ThreadPoolExecutor

    # With the context of the caller, so that what the tool calls is known to belong to the run that waits for it; but
    # the loop of this thread is not free for it meanwhile.
    context = copy_context()
    context.run(host_loop.set, None)
    with ThreadPoolExecutor(1, thread_name_prefix="neuroscript-tool") as pool:
        return pool.submit(context.run, _run, awaitable, cancel).result()


def _run(awaitable: Any, cancel: CancelToken | None) -> Any:
    import asyncio

    async def wait() -> Any:
        if cancel is None:
            return await awaitable
        task, loop = asyncio.current_task(), asyncio.get_running_loop()
        assert task is not None
        with cancel.on_cancel(lambda: loop.call_soon_threadsafe(task.cancel)):
            return await awaitable

    try:
        return asyncio.run(wait())
    except asyncio.CancelledError:
        raise TaskCancelled("its task was cancelled") from None
