"""Whose time it is: the script's counts against its limit, the host's does not.

The clock stands still but for what tools and the host's functions put it forward, so that nothing depends on the
machine.
"""

from __future__ import annotations

from typing import Any

import pytest

from neuroscript import ArgSpec, Function, Interpreter, LimitError, Limits, ToolContext, ToolSpec, ToolValue
from neuroscript.runtime import budget

LIMIT = 60.0
HOUR = 3600.0

# Between two portions of steps the clock is looked at; so many steps have it looked at for certain.
LOOK = "\n  set i = 0\n  while i < 20000\n    set i = i + 1\n  endwhile\n"


class Clock:
    """Stands still, unless it is put forward."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now

    def forward(self, seconds: float = HOUR) -> None:
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(budget, "perf_counter", made)
    return made


@pytest.fixture
def interpreter(clock: Clock) -> Interpreter:
    """An interpreter whose host takes an hour for everything, and a pure tool in which the script spends time."""

    def slow(*_: Any) -> None:
        clock.forward()

    def prompt(question: str) -> str:
        clock.forward()
        return "answer"

    made = Interpreter(
        plugins=False,
        limits=Limits(max_seconds=LIMIT),
        globals={"direct": ToolValue("host.Direct")},
        emit=slow,
        whisper=slow,
        prompt=prompt,
        on_error=slow,
    )

    def ask(ctx: ToolContext, who: Any, question: str, config: Any, whispered: Any) -> str:
        return prompt(question)

    made.set_asker(ask)

    def spend(ctx: Any, seconds: float) -> None:
        clock.forward(seconds)
        ctx.check()

    made.tools.register(ToolSpec(name="script.Spend", args=(ArgSpec("seconds", "float"),), pure=True), spend)  # type: ignore[arg-type]

    @made.tool("host.Direct")
    def direct(x: int) -> int:
        clock.forward()
        return x

    @made.tool("host.WithContext")
    def with_context(ctx: ToolContext, x: int) -> int:
        clock.forward()
        return x

    @made.tool("host.Asynchronous")
    async def asynchronous(x: int) -> int:
        clock.forward()
        return x

    @made.tool("host.Fails")
    def fails(ctx: ToolContext) -> None:
        clock.forward()
        raise ValueError("after an hour")

    @made.tool("host.Calls")
    def calls(ctx: ToolContext, function: Function, times: int = 1) -> None:
        for _ in range(times):
            clock.forward()
            ctx.call(function)

    @made.tool("host.Runs")
    def runs(ctx: ToolContext) -> None:
        clock.forward()
        made.run("spends")
        clock.forward()

    @made.tool("host.Checks")
    def checks(ctx: ToolContext) -> None:
        clock.forward()
        ctx.check()

    @made.tool("host.Fires")
    def fires(ctx: ToolContext) -> None:
        clock.forward()
        ctx.emit_event("tick")
        clock.forward()

    @made.tool("host.Emits")
    def emits(ctx: ToolContext) -> None:
        clock.forward()
        ctx.emit("x")

    return made


OURS = """
func nothing() means
endfunc
func spends() means
  call tool.script.Spend(50)
endfunc
func emits() means
  emit "x"
endfunc
func caught() means
  on error do
    clear_error
  endon
  call tool.host.Fails()
endfunc
"""

HOST_TIME = {
    "a tool that is called directly": "set x = tool.host.Direct(1)",
    "one with named arguments": "set x = tool.host.Direct(x: 1)",
    "one that is a value": "set x = direct(1)",
    "one that takes the context": "set x = tool.host.WithContext(1)",
    "an asynchronous one": "set x = tool.host.Asynchronous(1)",
    "one that fails": "call caught()",
    "one that calls the script": "call tool.host.Calls(nothing, 3)",
    "one whose call emits": "call tool.host.Calls(emits, 3)",
    "one that fires an event": "call tool.host.Fires()",
    "one that emits": "call tool.host.Emits()",
    "one that looks whether it is cancelled": "call tool.host.Checks()",
    "emit": 'emit "x"',
    "whisper": 'whisper "somebody", "x"',
    "promptuser": 'promptuser "who?" into x',
    "ask": 'ask "how?" into x',
}


@pytest.mark.parametrize("statement", HOST_TIME.values(), ids=HOST_TIME)
def test_the_hosts_time_is_not_the_scripts(interpreter: Interpreter, clock: Clock, statement: str) -> None:
    interpreter.load(f"{OURS}\nfunc main() means\n  {statement}{LOOK}  {statement}{LOOK}  return true\nendfunc")
    start = clock.now
    assert interpreter.run("main") is True
    assert clock.now - start >= 2 * HOUR


def test_the_time_of_the_error_callback_is_not_the_scripts(interpreter: Interpreter, clock: Clock) -> None:
    interpreter.load(
        f'on event "tick" do\n  set x = 1 / 0\nendon\nfunc main() means\n  call tool.host.Fires(){LOOK}\nendfunc'
    )
    interpreter.run("main")
    assert clock.now > 3 * HOUR


# What the script spends 50 of its 60 seconds in; twice is too much.
SCRIPT_TIME = {
    "a library function": "call tool.script.Spend(50)",
    "a procedure": "call spends()",
    "a procedure that a tool calls": "call tool.host.Calls(spends)",
    "a handler of an event that a tool fires": "call tool.host.Fires()",
    "a procedure that a tool calls as the host does": "call tool.host.Runs()",
    "a procedure, after a tool": "set x = tool.host.WithContext(1)\n  call spends()",
}


@pytest.mark.parametrize("statement", SCRIPT_TIME.values(), ids=SCRIPT_TIME)
def test_the_scripts_time_is_limited_wherever_it_is_spent(interpreter: Interpreter, statement: str) -> None:
    handler = 'on event "tick" do\n  call tool.script.Spend(50)\nendon'
    interpreter.load(
        f"{OURS}\n{handler}\n"
        f"func once() means\n  {statement}{LOOK}  return true\nendfunc\n"
        f"func twice() means\n  {statement}{LOOK}  {statement}{LOOK}  return true\nendfunc"
    )
    assert interpreter.run("once") is True
    with pytest.raises(LimitError, match="used up its 60 seconds"):
        interpreter.run("twice")
    assert interpreter.run("once") is True
