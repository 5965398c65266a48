"""Runs for asynchronous hosts: the script in a worker thread, the host's asynchronous functions on its event loop.

The task that begins a run waits for it without blocking its loop, and does not end before the run has.  A script's call
of an asynchronous function of the host becomes a task of that loop, for which the worker thread waits.  The differences
between asyncio and trio are confined to `_AsyncioHost` and `_TrioHost`.
"""

from __future__ import annotations

import asyncio
import os
import sys
import types
from collections import deque
from contextlib import AbstractContextManager, nullcontext, suppress
from contextvars import copy_context
from queue import SimpleQueue
from threading import get_ident
from typing import TYPE_CHECKING, Any, Protocol, TypeVar
from weakref import WeakKeyDictionary

from neuroscript.cancellation import CancelToken
from neuroscript.runtime.runs import is_inside_run
from neuroscript.threads import POOL, Job
from neuroscript.tools.awaiting import TaskCancelled, host_loop

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

T = TypeVar("T")

_TURNS = 4
"""Turns of its loop for which a task looks whether a run is over before it sleeps: as many as take a little longer than
a short run.  Measured, waking up from sleep takes 5 µs more."""

_REASON = "the host's task was cancelled"


async def run_in_worker(function: Callable[[CancelToken], T], cancel: CancelToken | None) -> T:
    """Calls ``function`` with a token in a worker thread, and awaits its end in the calling task.

    If the task is cancelled, so is the token; the task goes on being cancelled when the function has ended.

    Args:
        function: runs a script and ends when the token is cancelled.
        cancel: cancels the token.

    Raises:
        RuntimeError: outside of a task of asyncio or trio.
    """
    host = _host()
    token = CancelToken(cancel)
    context = copy_context()
    results: list[T] = []
    errors: list[BaseException] = []

    def work() -> None:
        host_loop.set(host)
        try:
            results.append(function(token))
        except BaseException as error:  # whatever it is, it is raised where the host waits
            errors.append(error)

    await host.wait_for(Job(lambda: context.run(work), host.finished, is_inside_run()), token)
    try:
        if errors:
            raise errors[0]
        return results[0]
    finally:
        errors.clear()  # the error's traceback leads here, and would keep it alive


class _Host(Protocol):
    """The host's task that waits for a run, and its event loop."""

    def finished(self) -> None:
        """Signals to the task, from the worker's thread, that the run is over."""

    async def wait_for(self, job: Job, token: CancelToken) -> None:
        """Starts a job and waits until it is done; a cancelled task cancels the token, and still waits for the end."""

    def runs_here(self) -> bool:
        """Whether the calling thread is the event loop's."""

    def wait(self, awaitable: Any, cancel: CancelToken | None) -> Any:
        """Runs an awaitable as a task of the loop; called in a script's thread, which waits for its result."""


def _host() -> _Host:
    trio = sys.modules.get("trio")
    if trio is not None:
        try:
            trio.lowlevel.current_task()
        except RuntimeError:
            pass
        else:
            return _TrioHost(trio)
    try:
        return _AsyncioHost(asyncio.get_running_loop())
    except RuntimeError:
        raise RuntimeError("arun, aexecute and acall are awaited in a task of asyncio or trio") from None


class _Outcome:
    """The result or error of a task on the host's loop, passed to the waiting thread."""

    __slots__ = ("_error", "_over", "_value")

    def __init__(self) -> None:
        self._over: SimpleQueue[None] = SimpleQueue()
        self._value: Any = None
        self._error: BaseException | None = None

    def set(self, value: Any = None, error: BaseException | None = None) -> None:
        self._value, self._error = value, error
        self._over.put(None)

    def get(self) -> Any:
        self._over.get()
        error, self._error = self._error, None
        if error is None:
            return self._value
        try:
            raise error
        finally:
            del error  # this frame is in its traceback


@types.coroutine
def _turn() -> Generator[None, None, None]:
    """Yields to the other tasks of the event loop."""
    yield


def _cancelled() -> TaskCancelled:
    return TaskCancelled("its task was cancelled")


class _AsyncioHost:
    """An asyncio task that waits for a run."""

    __slots__ = ("_done", "_loop", "_over", "_thread", "_waker")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._waker = _waker_of(loop)
        self._thread = get_ident()
        self._over = False
        self._done: asyncio.Future[None]

    def finished(self) -> None:
        self._soon(self._finish)

    def _finish(self) -> None:
        self._over = True
        if not self._done.done():
            self._done.set_result(None)

    async def wait_for(self, job: Job, token: CancelToken) -> None:
        self._done = self._loop.create_future()
        POOL.start(job)
        try:
            for _ in range(_TURNS):
                await _turn()
                if self._over:
                    return
            await self._done
        except asyncio.CancelledError:
            token.cancel(_REASON)
            if not POOL.withdraw(job):
                await self._wait_shielded()
            raise

    async def _wait_shielded(self) -> None:
        """Waits for the end of the run, even if the task is cancelled repeatedly meanwhile."""
        while not self._over:
            self._done = self._loop.create_future()
            try:
                with _shield():
                    await self._done
            except asyncio.CancelledError:
                continue

    def runs_here(self) -> bool:
        return get_ident() == self._thread

    def wait(self, awaitable: Any, cancel: CancelToken | None) -> Any:
        loop, outcome, context = self._loop, _Outcome(), copy_context()
        tasks: list[asyncio.Task[Any]] = []

        async def body() -> Any:
            return await awaitable

        def start() -> None:
            task = loop.create_task(body(), context=context)
            task.add_done_callback(finish)
            tasks.append(task)

        def finish(task: asyncio.Task[Any]) -> None:
            if task.cancelled():
                close = getattr(awaitable, "close", None)
                if close is not None:  # it may not have begun
                    close()
                outcome.set(error=_cancelled())
            elif (error := task.exception()) is not None:
                outcome.set(error=error)
            else:
                outcome.set(task.result())
            tasks.clear()

        def stop() -> None:
            for task in tasks:
                task.cancel()

        if not self._soon(start):
            raise RuntimeError("the event loop of the host is closed")
        if cancel is None:
            return outcome.get()
        with cancel.on_cancel(lambda: self._soon(stop)):
            return outcome.get()

    def _soon(self, callback: Callable[[], object]) -> bool:
        """Schedules a callback on the loop; False if the loop is closed although a task of it was waiting."""
        if self._loop.is_closed():
            return False
        if self._waker is not None:
            self._waker.soon(callback)
            return True
        try:
            self._loop.call_soon_threadsafe(callback)
        except RuntimeError:
            return False
        return True


class _Waker:
    """Schedules functions on an event loop from other threads, by an ``eventfd`` that the loop watches.

    The loop's own way, `call_soon_threadsafe`, writes to a socket and reads it until it is empty; measured on Linux, a
    thread's answer reaches a task in 14 µs instead of 53.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._calls: deque[Callable[[], object]] = deque()
        self._counter = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        loop.add_reader(self._counter, self._call)

    def soon(self, callback: Callable[[], object]) -> None:
        self._calls.append(callback)
        os.eventfd_write(self._counter, 1)

    def _call(self) -> None:
        os.eventfd_read(self._counter)
        while self._calls:
            self._calls.popleft()()

    def __del__(self) -> None:
        os.close(self._counter)


_wakers: WeakKeyDictionary[asyncio.AbstractEventLoop, _Waker | None] = WeakKeyDictionary()


def _waker_of(loop: asyncio.AbstractEventLoop) -> _Waker | None:
    """The waker of a loop; None if the system or the loop does not support one."""
    try:
        return _wakers[loop]
    except KeyError:
        pass
    waker = None
    if hasattr(os, "eventfd"):
        with suppress(NotImplementedError):  # a loop that cannot watch files
            waker = _Waker(loop)
    _wakers[loop] = waker
    return waker


def _shield() -> AbstractContextManager[object]:
    """Shields from the cancellation of an anyio scope, which would be repeated in every iteration of the loop."""
    anyio = sys.modules.get("anyio")
    return nullcontext() if anyio is None else anyio.CancelScope(shield=True)


class _TrioHost:
    """A trio task that waits for a run."""

    __slots__ = ("_done", "_nursery", "_thread", "_token", "_trio")

    def __init__(self, trio: Any) -> None:
        self._trio = trio
        self._token = trio.lowlevel.current_trio_token()
        self._thread = get_ident()
        self._done = trio.Event()
        self._nursery: Any = None

    def finished(self) -> None:
        self._soon(self._done.set)

    async def wait_for(self, job: Job, token: CancelToken) -> None:
        async with self._trio.open_nursery() as self._nursery:
            POOL.start(job)
            try:
                await self._done.wait()
            except self._trio.Cancelled:
                token.cancel(_REASON)
                if not POOL.withdraw(job):
                    with self._trio.CancelScope(shield=True):
                        await self._done.wait()
                raise

    def runs_here(self) -> bool:
        return get_ident() == self._thread

    def wait(self, awaitable: Any, cancel: CancelToken | None) -> Any:
        # Where there is a token, it cancels alone: the end of a call is told of even if the host's task was cancelled.
        scope = self._trio.CancelScope(shield=cancel is not None)
        outcome, context = _Outcome(), copy_context()

        async def body() -> None:
            try:
                with scope:
                    outcome.set(await awaitable)
                if scope.cancelled_caught:
                    outcome.set(error=_cancelled())
            except self._trio.Cancelled:
                outcome.set(error=_cancelled())
                raise
            except BaseException as error:  # it is raised in the thread that waits for it
                outcome.set(error=error)

        if not self._soon(lambda: context.run(self._nursery.start_soon, body)):
            raise RuntimeError("the event loop of the host has ended")
        if cancel is None:
            return outcome.get()
        with cancel.on_cancel(lambda: self._soon(scope.cancel)):
            return outcome.get()

    def _soon(self, callback: Callable[[], object]) -> bool:
        """Schedules a callback on the loop; False if the loop has ended although a task of it was waiting."""
        try:
            self._token.run_sync_soon(callback)
        except self._trio.RunFinishedError:
            return False
        return True
