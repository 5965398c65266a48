"""A thousand runs, each cancelled at some moment in some way: no effect follows, and nothing is left behind."""

from __future__ import annotations

import asyncio
import gc
import random
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from neuroscript import CancelledError, CancelToken, Interpreter, LimitError, Limits
from neuroscript.runtime.deadlines import DEADLINES
from neuroscript.threads import POOL

ROUNDS = 1000
LONG = 30

PROGRAM = """
on event "tick" do
  emit "tick"
endon
func one(needs n) means
  call tool.host.Note(n)
  return n
endfunc
func main means
  on error do
    emit "error"
    clear_error
  endon
  while true
    call tool.host.Note(1)
    emit 2
    call tool.host.Later(3)
    call tool.event.Emit("tick")
    call tool.list.Map([1, 2], one)
    whisper "x", 4
    call tool.time.Sleep(0.0005)
  endwhile
endfunc
"""


@pytest.mark.slow
def test_a_thousand_cancels_leave_nothing_behind() -> None:
    chance = random.Random(20)
    before = set(threading.enumerate())

    def others() -> list[threading.Thread]:
        """The threads that are there besides those that are kept for the next run."""
        return [
            each for each in threading.enumerate() if each not in before and not each.name.startswith("neuroscript-")
        ]

    effects: list[int] = []
    running: set[Any] = set()
    parent = CancelToken()

    def note(value: Any = None, *_: Any) -> None:
        effects.append(1)

    def make(wall: float | None) -> Interpreter:
        interpreter = Interpreter(
            plugins=False, emit=note, whisper=note, limits=Limits(max_steps=None, max_wall_seconds=wall)
        )
        interpreter.tool("host.Note")(lambda x: note(x))

        @interpreter.tool("host.Later")
        async def later(x: int) -> None:
            task = asyncio.current_task()
            running.add(task)
            try:
                await asyncio.sleep(0.0005)
                effects.append(1)
            finally:
                running.discard(task)

        interpreter.load(PROGRAM)
        return interpreter

    def in_thread(wait: float) -> None:
        interpreter, token = make(None), CancelToken(parent)
        cancel = chance.choice([token.cancel, interpreter.cancel])
        counted: list[int] = []

        def other() -> None:
            time.sleep(wait)
            while not interpreter.runtime.running:
                time.sleep(0)
            cancel()
            counted.append(len(effects))

        thread = threading.Thread(target=other)
        thread.start()
        with pytest.raises(CancelledError):
            interpreter.run("main", cancel=token)
        thread.join()
        assert len(effects) <= counted[0] + 1

    def by_task(wait: float) -> None:
        interpreter = make(None)

        async def main() -> None:
            task = asyncio.create_task(interpreter.arun("main"))
            await asyncio.sleep(wait)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            count = len(effects)
            await asyncio.sleep(0.002)
            assert len(effects) == count
            assert asyncio.all_tasks() == {asyncio.current_task()}

        asyncio.run(main())

    def by_token_in_task(wait: float) -> None:
        interpreter, token = make(None), CancelToken(parent)
        timer = threading.Timer(wait, token.cancel)
        timer.start()
        with pytest.raises(CancelledError):
            asyncio.run(interpreter.arun("main", cancel=token))
        timer.join()

    def by_deadline(wait: float) -> None:
        with pytest.raises(LimitError):
            make(wait).run("main")

    ways: list[Callable[[float], None]] = [in_thread, by_task, by_token_in_task, by_deadline]
    for _ in range(ROUNDS):
        chance.choice(ways)(chance.random() * 0.012)
        assert not running
    gc.collect()
    assert not parent._children
    assert not parent._callbacks
    assert not [entry for entry in DEADLINES._heap if not entry[2].removed]
    assert POOL._busy == 0
    end = time.monotonic() + LONG
    while (left := others()) and time.monotonic() < end:
        time.sleep(0.05)
    assert not left
    assert len(POOL._idle) < 10
