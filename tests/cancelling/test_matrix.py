"""Whoever cancels and whatever is running, the run ends with error 44 and nothing follows.

The matrix: each of `CANCELLERS` ends each of `RUNNING`, in a thread's run and in a task's.
"""

from __future__ import annotations

import asyncio
import signal
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from neuroscript import CancelToken, LimitError, Limits

from .world import BEFORE, ENDING, LONG, PROGRAM, RUNNING, World, expect_cancelled, in_thread

BOUND = LONG / 3
"""Seconds within which a cancelled run must have ended: generous, since the machine may be busy."""


def by_cancel(world: World, loop: bool) -> None:
    """Another thread calls the interpreter's `cancel`."""
    in_thread(world, world.interpreter.cancel, lambda: expect_cancelled(lambda: go(world, loop)))


def by_token(world: World, loop: bool) -> None:
    """Another thread cancels the parent of the token that the run was given."""
    parent = CancelToken()
    token = CancelToken(parent)
    in_thread(world, parent.cancel, lambda: expect_cancelled(lambda: go(world, loop, token)))


def by_signal(world: World, loop: bool) -> None:
    """A signal handler cancels, in the main thread."""
    token = CancelToken()

    def send() -> None:
        main = threading.main_thread().ident
        assert main is not None
        while not token.wait(0.05):  # one that comes just before the thread blocks does not wake it
            signal.pthread_kill(main, signal.SIGUSR1)

    async def task() -> Any:
        asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, token.cancel, "a signal")
        return await world.interpreter.arun("main", cancel=token)

    if loop:
        in_thread(world, send, lambda: expect_cancelled(lambda: asyncio.run(task())))
        return
    before = signal.signal(signal.SIGUSR1, lambda *_: token.cancel("a signal"))
    try:
        in_thread(world, send, lambda: expect_cancelled(lambda: world.interpreter.run("main", cancel=token)))
    finally:
        signal.signal(signal.SIGUSR1, before)


def by_deadline(world: World, loop: bool) -> None:
    """The run's time is over; what follows is the same, but the error is that of a limit."""

    def release() -> None:
        runtime = world.interpreter.runtime
        while runtime.running and not runtime.fuel.token.cancelled:
            time.sleep(0.005)

    def run() -> None:
        with pytest.raises(LimitError, match="max_wall_seconds") as raised:
            go(world, loop)
        assert raised.value.code == 37

    in_thread(world, release, run)


def by_task(world: World, loop: bool) -> None:
    """The host's task is cancelled."""

    async def main() -> None:
        task = asyncio.create_task(world.interpreter.arun("main"))
        while not world.started.is_set():
            await asyncio.sleep(0.005)
        task.cancel()
        await asyncio.sleep(0)  # now the task has been told
        world.release.set()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())


def go(world: World, loop: bool, token: CancelToken | None = None) -> Any:
    if loop:
        return asyncio.run(world.interpreter.arun("main", cancel=token))
    return world.interpreter.run("main", cancel=token)


CANCELLERS = {
    "another thread": by_cancel,
    "a token's parent": by_token,
    "a signal": by_signal,
    "the host's task": by_task,
    "a deadline": by_deadline,
}


@pytest.mark.parametrize("loop", [False, True], ids=["thread", "asyncio"])
@pytest.mark.parametrize("canceller", CANCELLERS)
@pytest.mark.parametrize("running", RUNNING)
def test_nothing_follows_when_a_run_is_cancelled(files: Path, running: str, canceller: str, loop: bool) -> None:
    if canceller == "the host's task" and not loop:
        pytest.skip("a thread's run has no task")
    wall = 0.5 if canceller == "a deadline" else None
    world = World(files, Limits(max_steps=None, max_wall_seconds=wall))
    with world.interpreter as interpreter:
        interpreter.load(PROGRAM.format(statement=RUNNING[running]))
        begun = time.monotonic()
        CANCELLERS[canceller](world, loop)
        assert time.monotonic() - begun < BOUND
        assert world.effects == [*BEFORE.get(running, []), *ENDING.get(running, [])]
        assert not (files / "late.txt").exists()
        # The interpreter stays usable, and its tools have their effects again.
        interpreter.load('func fine means\n  call tool.host.Note("fine")\n  return 1\nendfunc\n')
        assert interpreter.run("fine") == 1
        assert world.effects[-1] == "tool fine"
