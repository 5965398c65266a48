"""What a journal costs a run: a call that is written down, beside the same call without, and one that is replayed.

    python benchmarks/journal.py [--rounds 15] [--calls 200] [--markdown] [--directory DIR]

The model answers at once, in this process.  A round is a run with a journal and one without, each of so many calls, in
alternation; the directory should be on the disk that counts, since what is written down is waited for.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import tables

from ai_wm import AIWorkerManager, LLMRequest, LLMResponse, Usage, register_ai_worker_tools
from neuroscript import Interpreter, Journal, NeuroScriptError

REPLAYED = 1000
PROGRAM = """\
func asks(needs count) means
  set i = 0
  while i < count
    ask "w", "one" into reply
    set i = i + 1
  endwhile
  call tool.host.End()
endfunc

func reads(needs count) means
  set i = 0
  while i < count
    call tool.host.Read(i)
    set i = i + 1
  endwhile
  call tool.host.End()
endfunc

func acts(needs count) means
  set i = 0
  while i < count
    call tool.host.Act(i)
    set i = i + 1
  endwhile
  call tool.host.End()
endfunc
"""
WORKER: dict[str, Any] = {
    "name": "w",
    "provider": "custom",
    "model_name": "m",
    "auth": {"method": "none"},
    "interaction_models": ["both"],
    "cost_metrics": {"input_cost_per_token": 1e-6, "output_cost_per_token": 2e-6},
    "base_config": {"base_url": "http://127.0.0.1:9/v1", "max_output_tokens": 50},
}


class AtOnce:
    """A client that answers at once."""

    def complete(self, request: LLMRequest) -> LLMResponse:
        usage = Usage(input_tokens=10, output_tokens=5)
        return LLMResponse(text="yes", finish_reason="stop", usage=usage, model="m")


class Host:
    """Starts the program; its last call fails where it is to be replayed."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.fails = False

    @contextmanager
    def open(self) -> Iterator[tuple[Interpreter, Journal]]:
        with (
            Interpreter(plugins=False) as interpreter,
            AIWorkerManager(self.directory / "workers", clients={"custom": AtOnce()}) as manager,
            Journal.open(self.directory / "journal") as journal,
        ):
            interpreter.tool("host.Read", effect="read")(read)
            interpreter.tool("host.Act", effect="idempotent")(act)
            interpreter.tool("host.End", effect="idempotent")(self.end)
            register_ai_worker_tools(interpreter, manager)
            manager.ensure_worker_definition(WORKER)
            interpreter.load(PROGRAM)
            yield interpreter, journal

    def end(self) -> None:
        """Ends the program."""
        if self.fails:
            raise NeuroScriptError(1001, "it is to go on later")


def read(number: int) -> int:
    """Looks at something."""
    return number


def act(number: int) -> int:
    """Does something."""
    return number


def timed(run: Callable[[], object]) -> tuple[float, float]:
    """Seconds by the clock and of the processor."""
    began, used = time.perf_counter(), time.process_time()
    run()
    return time.perf_counter() - began, time.process_time() - used


def written(host: Host, rounds: int, calls: int) -> list[tuple[str, ...]]:
    """What calls take with a journal and without."""
    rows = []
    with host.open() as (interpreter, journal):
        for name, procedure in (("ask", "asks"), ("tool that acts", "acts"), ("tool that reads", "reads")):
            taken: dict[bool, list[tuple[float, float]]] = {False: [], True: []}
            for number in range(-2, rounds):  # two that do not count
                for kept in (False, True):
                    place: dict[str, Any] = {"run_id": f"{name} {number}", "journal": journal} if kept else {}
                    found = timed(lambda: interpreter.run(procedure, calls, **place))  # noqa: B023 - run at once
                    if number >= 0:
                        taken[kept].append(found)
            cells = []
            for part in (0, 1):
                without, with_one = ([each[part] / calls for each in taken[kept]] for kept in (False, True))
                more = [after - before for before, after in zip(without, with_one, strict=True)]
                cells += [statistics.median(without), statistics.median(with_one), statistics.median(more), min(more)]
            rows.append((name, *map(shown, (*cells[:4], *cells[6:]))))
    return rows


def shown(value: float) -> str:
    return f"{value * 1e3:.3f} ms"


def replayed(host: Host) -> list[tuple[str, ...]]:
    """What calls take that are in the journal."""
    rows = []
    for name, procedure in (("ask", "asks"), ("tool that acts", "acts"), ("tool that reads", "reads")):
        run: dict[str, Any] = {"run_id": f"{name} replayed"}
        with host.open() as (interpreter, journal):
            host.fails = True
            try:
                interpreter.run(procedure, REPLAYED, **run, journal=journal)
            except NeuroScriptError as error:
                if error.code != 1001:
                    raise
            host.fails = False
        with host.open() as (interpreter, journal):
            entries = len(journal.entries(run["run_id"]))
            _, used = timed(lambda: interpreter.run(procedure, REPLAYED, **run, journal=journal))  # noqa: B023
        rows.append((name, f"{used / REPLAYED * 1e6:.1f} µs", f"{used / entries * 1e6:.1f} µs"))
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--calls", type=int, default=200)
    parser.add_argument("--markdown", action="store_true")
    parser.add_argument("--directory", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.directory) as directory:
        host = Host(Path(directory))
        print(f"{tables.machine()}.  {options.rounds} rounds of {options.calls} calls.\n")
        head = ("one call", "without", "with a journal", "more", "least more", "processor, more", "least")
        print(tables.table(head, written(host, options.rounds, options.calls), markdown=options.markdown))
        print()
        head = (f"{REPLAYED} calls again", "processor time a call", "an entry")
        print(tables.table(head, replayed(host), markdown=options.markdown))


if __name__ == "__main__":
    sys.exit(main())
