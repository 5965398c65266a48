"""What it costs a host to run a program, from a thread and from a task, and a program to call the host.

    python benchmarks/embedding.py [--rounds N] [--markdown]

The fastest rounds count.  Those of `run`, `arun` and `asyncio.to_thread` take turns, so that what else the machine does
meets all of them.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import time
from collections.abc import Awaitable, Callable

import tables

from neuroscript import CancelToken, Interpreter, Limits

PROGRAM = """
func nothing means
endfunc
func calls(needs n) means
  set i = 0
  while i < n
    set i = tool.host.Next(i)
  endwhile
  return i
endfunc
func awaits(needs n) means
  set i = 0
  while i < n
    set i = tool.host.Later(i)
  endwhile
  return i
endfunc
"""
RUNS, CALLS, AWAITS = 300, 50_000, 300


def make(limits: Limits | None = None) -> Interpreter:
    """An interpreter with two tools that add one."""
    interpreter = Interpreter(plugins=False, limits=limits)

    @interpreter.tool("host.Next")
    def following(x: int) -> int:
        return x + 1

    @interpreter.tool("host.Later")
    async def later(x: int) -> int:
        return x + 1

    interpreter.load(PROGRAM)
    return interpreter


async def measure(rounds: int) -> dict[str, float]:
    """Seconds for one of each."""
    plain, bounded, token = make(), make(Limits(max_wall_seconds=60)), CancelToken()

    async def repeated(count: int, work: Callable[[], Awaitable[object]]) -> None:
        for _ in range(count):
            await work()

    async def at_once(work: Callable[[], object]) -> None:
        for _ in range(RUNS):
            work()

    works: dict[str, tuple[int, Callable[[], Awaitable[object]]]] = {
        "`run` of an empty procedure": (RUNS, lambda: at_once(lambda: plain.run("nothing"))),
        "the same with `cancel=token`": (RUNS, lambda: at_once(lambda: plain.run("nothing", cancel=token))),
        "the same with `max_wall_seconds`": (RUNS, lambda: at_once(lambda: bounded.run("nothing"))),
        "`await arun`": (RUNS, lambda: repeated(RUNS, lambda: plain.arun("nothing"))),
        "`await asyncio.to_thread(run, …)`": (
            RUNS,
            lambda: repeated(RUNS, lambda: asyncio.to_thread(plain.run, "nothing")),
        ),
        "a call of a tool, `int → int`, and a loop's turn": (CALLS, lambda: plain.arun("calls", CALLS)),
        "a call of an asynchronous tool on the host's loop": (AWAITS, lambda: plain.arun("awaits", AWAITS)),
    }
    best = dict.fromkeys(works, float("inf"))
    for _ in range(rounds):
        for name, (count, work) in works.items():
            start = time.perf_counter()
            await work()
            best[name] = min(best[name], (time.perf_counter() - start) / count)
    return best


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--markdown", action="store_true")
    options = parser.parse_args()
    os.environ["NEUROSCRIPT_NO_CACHE"] = "1"
    found = asyncio.run(measure(options.rounds))
    print(f"{tables.machine()}.  {options.rounds} rounds.\n")
    rows = [[name, f"{seconds * 1e6:,.2f}"] for name, seconds in found.items()]
    print(tables.table(["", "µs"], rows, markdown=options.markdown))


if __name__ == "__main__":
    main()
