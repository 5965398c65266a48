"""An interpreter whose every effect is noted, and the things that a run can be busy with when it is cancelled."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from neuroscript import CancelledError, Function, Interpreter, Limits, NeuroScriptError, ToolContext
from neuroscript.runtime.errors import Stop

LONG = 30
"""Seconds that what is running takes at least if nobody cancels it."""


class World:
    """An interpreter that notes every effect, tells when the long one has begun, and can end a blocking tool.

    Attributes:
        effects: what the script and the host's code did for it, in order.
        started: set when what is to be cancelled is running.
        release: ends a tool that blocks.
    """

    def __init__(self, sandbox: Path, limits: Limits) -> None:
        self.effects: list[str] = []
        self.started = threading.Event()
        self.release = threading.Event()
        self.slow_emit = self.slow_report = False
        self.interpreter = Interpreter(
            plugins=False,
            sandbox=sandbox,
            limits=limits,
            emit=self.emit,
            whisper=lambda name, value: self.effects.append("whisper"),
            prompt=self.prompt,
            on_error=self.report,
        )
        self.interpreter.set_asker(self.ask)
        self.register()

    def emit(self, value: Any) -> Any:
        if value == "started":
            self.started.set()
            return None
        if value == "slow":
            self.block()
            return None
        if value == "slow async":
            return self.block_async()
        self.effects.append(f"emit {value}")
        return None

    def block(self) -> None:
        self.started.set()
        assert self.release.wait(LONG)

    async def block_async(self) -> None:
        self.started.set()
        try:
            await asyncio.sleep(LONG)
        finally:
            self.effects.append("task ended")

    def prompt(self, question: str) -> str:
        if question == "slow":
            self.block()
        else:
            self.effects.append("prompt")
        return "answer"

    def report(self, error: NeuroScriptError) -> None:
        self.effects.append("on_error")

    def ask(self, ctx: ToolContext, who: Any, prompt: str, config: Any, whispered: Any) -> str:
        if prompt == "slow":
            self.started.set()
            woken = threading.Event()
            with ctx.cancel_token.on_cancel(woken.set):
                assert woken.wait(LONG)
            ctx.check()
        self.effects.append("ask")
        return "reply"

    def register(self) -> None:
        interpreter = self.interpreter

        @interpreter.tool("host.Note")
        def note(text: str) -> str:
            self.effects.append(f"tool {text}")
            return text

        @interpreter.tool("host.NoteInside")
        def note_inside(ctx: ToolContext, text: str) -> str:
            self.effects.append(f"tool {text}")
            return text

        @interpreter.tool("host.Block")
        def block(value: int) -> int:
            self.block()
            return value

        @interpreter.tool("host.BlockInside")
        def block_inside(ctx: ToolContext, value: int) -> int:
            self.block()
            for effect in (
                lambda: ctx.emit("late"),
                lambda: ctx.emit_event("after", 1),
                lambda: ctx.prompt("late?"),
                lambda: interpreter.run("effects"),
                lambda: ctx.call_procedure("effects", [], {}),
                lambda: ctx.call_host(self.effects.append, "call_host"),
                lambda: ctx.files.write("late.txt", b"late"),
            ):
                with pytest.raises(Stop):
                    effect()
            return value

        @interpreter.tool("host.Fail")
        def fail(value: int) -> int:
            self.block()
            raise ValueError("at the same moment")

        @interpreter.tool("host.Async")
        async def wait(value: int) -> int:
            await self.block_async()
            return value

        @interpreter.tool("host.Call")
        def call(ctx: ToolContext, function: Function) -> Any:
            result = ctx.call(function)
            self.effects.append("after the call")
            return result


PROGRAM = """
on event "after" do
  emit "an event"
endon
on event "slow" do
  call tool.host.Block(1)
  emit "the rest of a handler"
endon
on event "slow" do
  emit "another handler"
endon
func effects means
  emit "late"
  whisper "somebody", "late"
  call tool.host.Note("late")
  call tool.host.NoteInside("late")
  call tool.event.Emit("after")
  promptuser "late?" into x
  ask "late?" into x
endfunc
func spins means
  call tool.host.Note("started")
  emit "started"
  while true
  endwhile
endfunc
func blocks(optional x) means
  return tool.host.Block(1)
endfunc
func fails means
  return tool.host.Fail(1)
endfunc
func main means
  on error do
    call effects()
    clear_error
  endon
  {statement}
  call effects()
  return "success"
endfunc
"""

STARTED = 'emit "started"\n  '

RUNNING = {
    "a loop": STARTED + "while true\n  endwhile",
    "a loop of short tools": STARTED + "set i = 0\n  while true\n    set i = tool.math.Add(i, 1)\n  endwhile",
    "a sleep": STARTED + "call tool.time.Sleep(30)",
    "a regular expression": STARTED + 'set t = tool.str.Repeat("ab", 2500000)\n  while true\n'
    '    set x = tool.regex.Match("a[ab]{20}c", t)\n  endwhile',
    "a walk over files": STARTED + 'while true\n    set x = tool.fs.Walk(".")\n  endwhile',
    "a tool that blocks": "set x = tool.host.Block(1)",
    "a tool that blocks, in a tool's argument": "set x = tool.host.Note(tool.str.Concat([tool.host.Block(1)]))",
    "a tool that blocks, in an argument that needs no check": 'set x = tool.host.Note("a" + blocks())',
    "a tool that blocks and uses its context": "set x = tool.host.BlockInside(1)",
    "a tool that blocks and fails": "set x = tool.host.Fail(1)",
    "a tool that blocks, tried": "set x = tool.error.Try(fails)",
    "an asynchronous tool": "set x = tool.host.Async(1)",
    "an emit callback": 'emit "slow"',
    "an asynchronous emit callback": 'emit "slow async"',
    "a question to the person": 'promptuser "slow" into x',
    "a question to a model": 'ask "slow" into x',
    "an event handler": 'call tool.event.Emit("slow")',
    "a procedure that a tool calls": "set x = tool.host.Call(spins)",
    "a procedure that a library tool calls": "set x = tool.list.Map([1], blocks)",
}

BEFORE = {"a procedure that a tool calls": ["tool started"]}
"""Effects before the run is cancelled."""

ENDING = {
    "an asynchronous tool": ["task ended"],
    "an asynchronous emit callback": ["task ended"],
}
"""Effects of cancelling itself."""


def in_thread(world: World, cancel: Callable[[], None], run: Callable[[], Any]) -> None:
    """Runs in this thread, and cancels from another one."""

    def other() -> None:
        assert world.started.wait(LONG)
        cancel()
        world.release.set()

    thread = threading.Thread(target=other)
    thread.start()
    try:
        run()
    finally:
        thread.join()


def expect_cancelled(run: Callable[[], Any]) -> None:
    with pytest.raises(CancelledError) as raised:
        run()
    assert raised.value.code == 44
