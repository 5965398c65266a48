"""Runs: one at a time, those inside one another, their depth and budget, cancellation from another thread."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import pytest

from neuroscript import CancelledError, Function, Interpreter, LimitError, Limits, NeuroScriptError, ToolContext
from neuroscript.runtime.errors import Stop

DOWN = """
func down(needs n) means
  if n == 0
    return 0
  endif
  return 1 + down(n - 1)
endfunc
func deep(needs n) means
  if n == 0
    return tool.list.Map([1], down)
  endif
  return deep(n - 1)
endfunc
func main means
  call deep(400)
  return tool.host.Down(300)
endfunc
"""
COUNT = """
func count(needs n) means
  set i = 0
  while i < n
    set i = i + 1
  endwhile
  return i
endfunc
"""


def in_thread(work: Callable[[], Any]) -> Any:
    """What the work gives in a thread of its own; fails where it hangs."""
    results: list[Any] = []

    def guarded() -> None:
        try:
            results.append(work())
        except NeuroScriptError as error:
            results.append(error)

    thread = threading.Thread(target=guarded, daemon=True)
    thread.start()
    thread.join(20)
    assert results, "it hangs"
    return results[0]


# --- call depth ------------------------------------------------------------------------------------------------------


def test_depth_that_an_earlier_tool_call_had_does_not_count() -> None:
    with Interpreter(plugins=False) as interpreter:

        @interpreter.tool("host.Down")
        def down(n: int) -> int:
            return interpreter.run("down", n)

        interpreter.load(DOWN)
        assert interpreter.run("main") == 300


def test_a_recursion_through_the_host_meets_the_same_limit() -> None:
    turns: list[int] = []
    with Interpreter(plugins=False, limits=Limits(max_depth=50)) as interpreter:

        @interpreter.tool("host.Again")
        def again(n: int) -> int:
            turns.append(n)
            return interpreter.run("main", n + 1)

        interpreter.load("func main(needs n) means\n  return tool.host.Again(n)\nendfunc\n")
        with pytest.raises(LimitError, match="more than 50 deep"):
            interpreter.run("main", 1)
        assert len(turns) == 50


def test_a_recursion_through_an_emit_sink_meets_it_too() -> None:
    with Interpreter(plugins=False, limits=Limits(max_depth=40)) as interpreter:
        interpreter.emit_sink = lambda value: interpreter.run("main", value + 1)
        interpreter.load("func main(needs n) means\n  emit n\nendfunc\n")
        with pytest.raises(LimitError, match="more than 40 deep"):
            interpreter.run("main", 1)


EVENTS = """
on event "again" do
  call tool.event.Emit("again")
endon
func main means
  call tool.event.Emit("again")
endfunc
"""
LATE_EVENTS = """
func main means
  on event "x" do
    call tool.event.Emit("x")
  endon
  call tool.event.Emit("x")
endfunc
"""
HANDLERS = """
func main means
  on error do
    call main()
  endon
  fail "again"
endfunc
"""


@pytest.mark.parametrize(
    "more",
    [
        "func main(optional x) means\n  return tool.list.Map([1], main)\nendfunc\n",
        "func main(optional x) means\n  return tool.list.SortBy([1, 2], main)\nendfunc\n",
        "func main(optional x, y) means\n  return tool.list.Reduce([1, 2], main, 0)\nendfunc\n",
        "func main means\n  set f = main\n  return f()\nendfunc\n",
        'func main means\n  set m = {"f": main}\n  return m.f()\nendfunc\n',
        EVENTS,
        LATE_EVENTS,
        HANDLERS,
    ],
)
def test_every_kind_of_recursion_ends_in_the_depth_limit(more: str) -> None:
    with Interpreter(plugins=False, on_error=lambda error: None) as interpreter:
        interpreter.load(more)
        with pytest.raises(LimitError, match="more than 500 deep"):
            interpreter.run("main")
        interpreter.load("func fine means\n  return 1\nendfunc\n")
        assert interpreter.run("fine") == 1


# --- threads ---------------------------------------------------------------------------------------------------------


def test_runs_of_several_threads_wait_for_one_another() -> None:
    with Interpreter(plugins=False) as interpreter:
        interpreter.load(COUNT)
        results: list[int] = []
        threads = [
            threading.Thread(target=lambda n=n: results.append(interpreter.run("count", n)))
            for n in range(20_000, 20_004)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sorted(results) == [20_000, 20_001, 20_002, 20_003]


@pytest.mark.parametrize("statement", ["while true\n  endwhile", "call tool.time.Sleep(60)", "call tool.host.Wait()"])
def test_cancel_ends_a_run_from_another_thread(statement: str) -> None:
    started = threading.Event()
    with Interpreter(plugins=False, emit=lambda value: started.set(), limits=Limits(max_steps=None)) as interpreter:

        @interpreter.tool("host.Wait")
        def wait(ctx: ToolContext) -> None:
            while True:
                ctx.check()

        interpreter.load(
            f'func main means\n  on error do\n    clear_error\n  endon\n  emit "started"\n  {statement}\nendfunc\n'
        )
        outcome: list[BaseException] = []

        def run() -> None:
            with pytest.raises(CancelledError) as raised:
                interpreter.run("main")
            outcome.append(raised.value)

        thread = threading.Thread(target=run)
        thread.start()
        assert started.wait(10)
        interpreter.cancel()
        thread.join(10)
        assert [(error.code, error.line) for error in outcome] == [(44, 6)]  # type: ignore[attr-defined]


def test_cancelling_nothing_does_nothing() -> None:
    with Interpreter(plugins=False) as interpreter:
        interpreter.load("func main means\n  return 1\nendfunc\n")
        interpreter.cancel()
        assert interpreter.run("main") == 1


ASYNC = """
on event "seen" as ev do
  emit ev.payload
endon
func plus_one(needs x) means
  return x + 1
endfunc
func main(needs what) means
  if what == "event"
    return tool.host.Event(1)
  else if what == "run"
    return tool.host.Run(1)
  endif
  return tool.host.Call(plus_one)
endfunc
"""


@pytest.mark.parametrize(("what", "result"), [("event", 1), ("run", 2), ("call", 6)])
@pytest.mark.parametrize("loop", [False, True], ids=["no loop", "inside a loop"])
def test_async_tools_call_back_into_the_run_that_waits_for_them(what: str, result: int, loop: bool) -> None:
    emitted: list[Any] = []
    with Interpreter(plugins=False, emit=emitted.append) as interpreter:

        @interpreter.tool("host.Event")
        async def event(ctx: ToolContext, x: int) -> int:
            await asyncio.sleep(0)
            interpreter.emit_event("seen", x)
            ctx.emit_event("seen", x + 1)
            return x

        @interpreter.tool("host.Run")
        async def run(x: int) -> int:
            return await asyncio.to_thread(interpreter.run, "plus_one", x)

        @interpreter.tool("host.Call")
        async def call(ctx: ToolContext, function: Function) -> int:
            return ctx.call(function, 5)

        async def main() -> Any:
            return interpreter.run("main", what)

        interpreter.load(ASYNC)
        assert in_thread(lambda: asyncio.run(main()) if loop else interpreter.run("main", what)) == result
    assert emitted == ([1, 2] if what == "event" else [])


def test_a_thread_that_a_tool_started_uses_its_context_while_the_run_waits() -> None:
    emitted: list[Any] = []
    with Interpreter(plugins=False, emit=emitted.append) as interpreter:

        @interpreter.tool("host.Thread")
        def thread(ctx: ToolContext, function: Function) -> int:
            def work() -> int:
                ctx.emit("hello")
                ctx.emit_event("seen", 7)
                return ctx.call(function, 1)

            return in_thread(work)

        interpreter.load(ASYNC + "func start means\n  return tool.host.Thread(plus_one)\nendfunc\n")
        assert in_thread(lambda: interpreter.run("start")) == 2
    assert emitted == ["hello", 7]


# --- the budget ------------------------------------------------------------------------------------------------------

SPIN = """
func spin(optional x) means
  while true
  endwhile
endfunc
"""
ENDLESS = """
func main means
  set sum = 0
  while true
    set sum = sum + tool.host.Count(100)
  endwhile
endfunc
"""
SWALLOWED = """
func main means
  {statement}
  for each x in [1, 2]
    set seen = x
  endfor
  return seen
endfunc
"""
FUNCTIONS = """
func twice(needs x) means
  return x * 2
endfunc
func bad(needs x) means
  return x / 0
endfunc
func functions means
  return {"twice": twice, "bad": bad, "spin": spin}
endfunc
"""


@pytest.mark.parametrize("through", ["sink", "tool", "tool with context"])
def test_the_end_of_a_run_cannot_be_swallowed_by_the_host(through: str) -> None:
    swallowed: list[BaseException] = []
    with Interpreter(plugins=False, limits=Limits(max_steps=1000)) as interpreter:

        def spin(value: Any = None) -> None:
            try:
                interpreter.run("spin")
            except BaseException as error:
                swallowed.append(error)

        @interpreter.tool("host.Spin")
        def plain(x: int) -> int:
            spin()
            return x

        @interpreter.tool("host.SpinInside")
        def inside(ctx: ToolContext, x: int) -> int:
            spin()
            return x

        interpreter.emit_sink = spin
        statement = {
            "sink": "emit 1",
            "tool": "call tool.host.Spin(1)",
            "tool with context": "call tool.host.SpinInside(1)",
        }[through]
        interpreter.load(SPIN + SWALLOWED.format(statement=statement))
        with pytest.raises(LimitError, match="1000 steps") as raised:
            interpreter.run("main")
        assert type(swallowed[0]) is Stop
        assert [frame.procedure for frame in raised.value.stack] == ["spin", "main"]
        interpreter.load("func fine means\n  return 1\nendfunc\n")
        assert interpreter.run("fine") == 1


def test_runs_inside_one_another_share_their_steps() -> None:
    with Interpreter(plugins=False, limits=Limits(max_steps=1000)) as interpreter:

        @interpreter.tool("host.Count")
        def count(n: int) -> int:
            return interpreter.run("count", n)

        interpreter.load(COUNT + ENDLESS)
        with pytest.raises(LimitError) as raised:
            interpreter.run("main")
        assert [frame.procedure for frame in raised.value.stack] == ["count", "main"]


# --- tools that the host calls itself --------------------------------------------------------------------------------


def test_a_tool_called_by_the_host_makes_a_run_of_what_it_calls() -> None:
    with Interpreter(plugins=False, limits=Limits(max_steps=1000)) as interpreter:
        interpreter.load(SPIN + FUNCTIONS)
        functions = interpreter.run("functions")
        call = interpreter.tools.call
        context = interpreter.host_context()
        assert call("list.Map", [1, 2], functions["twice"], context=context) == [2, 4]
        with pytest.raises(LimitError, match="1000 steps"):
            call("list.Map", [1], functions["spin"], context=context)
        with pytest.raises(NeuroScriptError, match="division by zero") as raised:
            call("list.Map", [1], functions["bad"], context=context)
        assert raised.value.line == 11


def test_a_context_outside_a_run_has_no_budget_to_use_up() -> None:
    with Interpreter(
        plugins=False, limits=Limits(max_seconds=0, max_emitted=3), emit=lambda value: None
    ) as interpreter:
        context = interpreter.host_context()
        context.check()
        for _ in range(5):
            context.emit("ab")
        with pytest.raises(LimitError, match="more than 3 characters"):
            context.emit("abcd")
