"""Times of programs in every runtime, taken in turn."""

from __future__ import annotations

import gc
import statistics
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from importlib.util import find_spec

from comparison.runtimes import Runner, Runtime
from comparison.work import Work

WARM_UP = 10  # CPython 3.11 specialises a function of `while` loops from its eighth call on
LEAST = 3  # rounds that also the slowest runtime takes part in


@dataclass(slots=True)
class Cell:
    """What one runtime took for one program: seconds of each round."""

    times: list[float] = field(default_factory=list)

    @property
    def minimum(self) -> float:
        """The fastest round."""
        return min(self.times)

    @property
    def median(self) -> float:
        """The middle round."""
        return statistics.median(self.times)


class Different(Exception):
    """A runtime gave another result than the first one."""


def installed(runtimes: Iterable[Runtime]) -> tuple[list[Runtime], list[Runtime]]:
    """The runtimes whose packages are there, and those whose are not."""
    there: list[Runtime] = []
    missing: list[Runtime] = []
    for runtime in runtimes:
        (there if find_spec(runtime.module.partition(".")[0]) else missing).append(runtime)
    return there, missing


def measure(work: Work, runtimes: Sequence[Runtime], rounds: int, budget: float) -> dict[str, Cell]:
    """Runs a program in every runtime, one after the other, so many times.

    Each runtime's own warm-up is over before the first round: its function has been called with something small.
    A runtime that the program is beyond has no part in it.  Whoever has used up ``budget`` seconds sits out the rounds
    after the third.

    Raises:
        Different: the results are not all the same.
    """
    able = [runtime for runtime in runtimes if runtime.name not in work.beyond]
    cells = {runtime.name: Cell() for runtime in able}
    with ExitStack() as stack:
        runners: list[tuple[Runtime, Runner]] = []
        for runtime in able:
            runner = runtime.runner(work, stack)
            for _ in range(WARM_UP):
                runner(work.small)
            runners.append((runtime, runner))
        first, runner = runners[0]
        wanted = work.same(first.plain(runner(work.full)))
        for number in range(rounds):
            turn = number % len(runners)
            for runtime, runner in runners[turn:] + runners[:turn]:
                times = cells[runtime.name].times
                if len(times) >= LEAST and sum(times) > budget:
                    continue
                gc.collect()
                start = runtime.clock()
                result = runner(work.full)
                times.append(runtime.clock() - start)
                found = work.same(runtime.plain(result))
                if found != wanted:
                    raise Different(f"{work}: {runtime.name} gives {found!r}, {first.name} {wanted!r}")
    return cells
