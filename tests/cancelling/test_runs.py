"""Tokens, deadlines and `cancel` as a host uses them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from neuroscript import CancelledError, CancelToken, Interpreter, LimitError, Limits, ToolContext

from .world import LONG, PROGRAM, RUNNING, World, expect_cancelled, in_thread

NAPS = """
func nap means
  call tool.time.Sleep(0.15)
endfunc
func long means
  call tool.time.Sleep(60)
endfunc
"""


COUNTING = """
func main(optional x) means
  while true
    call tool.host.Note("x")
  endwhile
endfunc
"""


@pytest.mark.parametrize("begin", ["run", "call", "execute", "run_commands", "emit_event"])
def test_a_token_that_is_cancelled_before_a_run_holds_for_it(world: World, begin: str) -> None:
    interpreter, token = world.interpreter, CancelToken()
    interpreter.load(PROGRAM.format(statement="set x = 1") + "func get means\n  return effects\nendfunc\n")
    effects = interpreter.run("get")
    interpreter.load('command\n  emit "late"\nendcommand\n')
    token.cancel("too late")
    runs: dict[str, Callable[[], Any]] = {
        "run": lambda: interpreter.run("main", cancel=token),
        "call": lambda: interpreter.call(effects, cancel=token),
        "execute": lambda: interpreter.execute('command\n  emit "late"\nendcommand\n', cancel=token),
        "run_commands": lambda: interpreter.run_commands(cancel=token),
        "emit_event": lambda: interpreter.emit_event("after", cancel=token),
    }
    with pytest.raises(CancelledError, match="the run was cancelled: too late"):
        runs[begin]()
    assert world.effects == []


def test_a_token_ends_every_run_that_it_was_given_to(tmp_path: Path) -> None:
    token = CancelToken()
    worlds = [World(tmp_path, Limits(max_steps=None)) for _ in range(4)]
    outcomes: list[int] = []

    def run(world: World) -> None:
        with pytest.raises(CancelledError) as raised:
            world.interpreter.run("main", cancel=token)
        outcomes.append(raised.value.code)

    threads = [threading.Thread(target=run, args=(world,)) for world in worlds]
    for world, thread in zip(worlds, threads, strict=True):
        world.interpreter.load(PROGRAM.format(statement=RUNNING["a sleep"]))
        thread.start()
    assert all(world.started.wait(LONG) for world in worlds)
    token.cancel()
    for thread in threads:
        thread.join(LONG)
    assert outcomes == [44] * 4


def test_no_tool_begins_after_cancel_has_returned(world: World) -> None:
    """The tool is so short that generated code calls it without a look at anything."""
    interpreter = world.interpreter
    interpreter.load(COUNTING)
    for _ in range(20):
        token = CancelToken()
        seen: list[int] = []

        def cancel(token: CancelToken = token, seen: list[int] = seen) -> None:
            while not world.effects:
                time.sleep(0)
            token.cancel()
            seen.append(len(world.effects))

        world.effects.clear()
        thread = threading.Thread(target=cancel)
        thread.start()
        with pytest.raises(CancelledError):
            interpreter.run("main", cancel=token)
        thread.join()
        # The one that had been found already may still have run.
        assert len(world.effects) <= seen[0] + 1


def test_a_run_that_waits_for_another_is_cancelled_too(world: World) -> None:
    token = CancelToken()
    world.interpreter.load(PROGRAM.format(statement=RUNNING["a tool that blocks"]) + COUNTING.replace("main", "other"))
    thread = threading.Thread(target=lambda: world.interpreter.run("main"))
    thread.start()
    assert world.started.wait(LONG)
    threading.Timer(0.1, token.cancel).start()
    with pytest.raises(CancelledError):
        world.interpreter.run("other", cancel=token)
    world.release.set()
    thread.join()


def test_a_run_inside_a_tool_of_another_interpreter_ends_with_it(world: World, tmp_path: Path) -> None:
    inner = World(tmp_path, Limits(max_steps=None))
    inner.interpreter.load(PROGRAM.format(statement=RUNNING["a loop"]))

    @world.interpreter.tool("host.Inner")
    def run(x: int) -> Any:
        return inner.interpreter.run("main")

    world.interpreter.load(PROGRAM.format(statement="set x = tool.host.Inner(1)"))

    def cancel() -> None:
        assert inner.started.wait(LONG)
        world.interpreter.cancel()

    thread = threading.Thread(target=cancel)
    thread.start()
    expect_cancelled(lambda: world.interpreter.run("main"))
    thread.join()
    assert (world.effects, inner.effects) == ([], [])


def test_a_token_of_a_part_of_a_run_ends_the_whole(world: World) -> None:
    token = CancelToken()

    @world.interpreter.tool("host.Part")
    def part(x: int) -> Any:
        threading.Timer(0.05, token.cancel).start()
        return world.interpreter.run("spins", cancel=token)

    world.interpreter.load(PROGRAM.format(statement="set x = tool.host.Part(1)"))
    expect_cancelled(lambda: world.interpreter.run("main"))
    assert world.effects == ["tool started"]


def test_a_failing_handler_of_a_cancelled_run_is_not_reported(world: World) -> None:
    world.interpreter.load(
        'on event "x" do\n  set x = tool.host.Fail(1)\nendon\n'
        'func start means\n  call tool.event.Emit("x")\n  call tool.host.Note("late")\nendfunc\n'
    )
    in_thread(world, world.interpreter.cancel, lambda: expect_cancelled(lambda: world.interpreter.run("start")))
    assert world.effects == []


def test_the_error_has_the_place_of_what_was_running(world: World) -> None:
    world.interpreter.load(
        "func main means\n  on error do\n    clear_error\n  endon\n\n  call tool.host.Fail(1)\nendfunc\n"
    )

    def run() -> None:
        with pytest.raises(CancelledError, match="the run was cancelled: enough") as raised:
            world.interpreter.run("main")
        assert [(frame.procedure, frame.line) for frame in raised.value.stack] == [("main", 6)]

    in_thread(world, lambda: world.interpreter.cancel("enough"), run)


def test_a_parameter_called_cancel_is_given_by_position(world: World) -> None:
    world.interpreter.load("func main(needs cancel) means\n  return cancel\nendfunc\n")
    assert world.interpreter.run("main", 5) == 5
    with pytest.raises(
        TypeError, match="cancel takes a CancelToken, not int; a parameter called so is given by position"
    ):
        world.interpreter.run("main", cancel=5)  # type: ignore[arg-type]


# --- deadlines ------------------------------------------------------------------------------------------------------


def test_tools_see_the_deadline_of_the_run(tmp_path: Path) -> None:
    seen: list[tuple[float | None, float | None]] = []
    for limit in (None, 60.0):
        with Interpreter(plugins=False, limits=Limits(max_wall_seconds=limit)) as interpreter:

            @interpreter.tool("host.Look")
            def look(ctx: ToolContext) -> None:
                seen.append((ctx.deadline, ctx.remaining()))

            interpreter.execute("command\n  call tool.host.Look()\nendcommand\n")
            context = interpreter.host_context()
            assert (context.deadline, context.remaining()) == (None, None)
    assert seen[0] == (None, None)
    deadline, remaining = seen[1]
    assert deadline is not None
    assert remaining is not None
    assert 0 < remaining <= 60
    assert abs(deadline - time.monotonic() - remaining) < 30


def test_each_run_has_its_own_deadline() -> None:
    with Interpreter(plugins=False, limits=Limits(max_wall_seconds=0.4)) as interpreter:
        interpreter.load(NAPS)
        for _ in range(4):
            interpreter.run("nap")
        with pytest.raises(LimitError, match=r"used up its 0\.4 seconds"):
            interpreter.run("long")
        interpreter.run("nap")


@pytest.mark.parametrize("wrong", ["5", -1, True, float("nan")])
def test_a_limit_of_the_clock_is_an_amount(wrong: Any) -> None:
    with pytest.raises(ValueError, match=r"Limits\.max_wall_seconds must be a number of 0 or more"):
        Limits(max_wall_seconds=wrong)
