"""How time and memory grow with the size of a program, its values, its output and the number of interpreters.

    python benchmarks/scale.py [--rounds N] [--markdown]

Each row doubles one size three times.  Time is processor time, the minimum of N rounds in which the sizes take turns;
memory is the most that was allocated at once, by `tracemalloc` in a run of its own.  What is linear doubles each time,
what is constant stays.
"""

from __future__ import annotations

import argparse
import gc
import os
import tracemalloc
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from time import process_time

import tables
from parse import fresh, program

from neuroscript import Interpreter

DOUBLINGS = 3
Run = Callable[[], object]

VALUES = """
func list_by_index(needs n) means
  set xs = []
  set i = 0
  while i < n
    set xs[i] = i
    set i = i + 1
  endwhile
  set total = 0
  for each x in xs
    set total = total + x
  endfor
  return total
endfunc

func list_by_append(needs n) means
  set box.xs = []
  set i = 0
  while i < n
    set box.xs = tool.list.Append(box.xs, i)
    set i = i + 1
  endwhile
  return len(box.xs)
endfunc

func map_entries(needs n) means
  set m = {}
  set i = 0
  while i < n
    set m["k" + i] = i
    set i = i + 1
  endwhile
  set total = 0
  set i = 0
  while i < n
    set total = total + m["k" + i]
    set i = i + 1
  endwhile
  return total
endfunc

func text_by_character(needs n) means
  set s = ""
  set i = 0
  while i < n
    set s = s + "x"
    set i = i + 1
  endwhile
  return len(s)
endfunc

func text_walked(needs text) means
  set spaces = 0
  set i = 0
  while i < len(text)
    if text[i] == " "
      set spaces = spaces + 1
    endif
    set i = i + 1
  endwhile
  return spaces
endfunc

func emitted(needs n) means
  set i = 0
  while i < n
    emit "line " + i
    set i = i + 1
  endwhile
endfunc

func recursion(needs n) means
  if n == 0
    return 0
  endif
  return 1 + recursion(n - 1)
endfunc

func json_both_ways(needs text) means
  return len(tool.json.Stringify(tool.json.Parse(text)))
endfunc

func list_passed(needs n) means
  set xs = tool.list.Repeat(1, n)
  set i = 0
  set total = 0
  while i < 20000
    set total = total + first(xs)
    set i = i + 1
  endwhile
  return total
endfunc

func first(needs xs) means
  set copy = xs
  return copy[0]
endfunc

func sorted(needs xs) means
  return len(tool.list.Sort(xs))
endfunc
"""

SMALL = """
func main(needs topic) means
  on error do
    set answer = "no answer: " + system_error_message
    clear_error
  endon
  set answer = "nothing about " + topic
  must len(topic) < 100
  return answer
endfunc
"""


@dataclass(frozen=True, slots=True)
class Case:
    """Something whose size can be doubled: ``prepare`` makes what is to be run of the size."""

    name: str
    smallest: int
    unit: str
    prepare: Callable[[int], Run]

    @property
    def sizes(self) -> list[int]:
        """The sizes, each twice the one before."""
        return [self.smallest << doubling for doubling in range(DOUBLINGS + 1)]


@dataclass(slots=True)
class Growth:
    """Seconds and bytes for each size."""

    seconds: list[float] = field(default_factory=list)
    memory: list[int] = field(default_factory=list)


def _calling(procedure: str, argument: Callable[[int], object] = int) -> Callable[[int], Run]:
    """A run of a procedure of `VALUES`."""

    def prepare(size: int) -> Run:
        interpreter = Interpreter(plugins=False, emit=lambda value: None)
        interpreter.load(VALUES, "values.ns")
        given = argument(size)
        return lambda: interpreter.run(procedure, given)

    return prepare


def _loading(source: Callable[[int], str]) -> Callable[[int], Run]:
    """A load of a program of so many bytes, which was never compiled before; its procedures can be called then."""

    def prepare(size: int) -> Run:
        text = source(size)
        return lambda: Interpreter(plugins=False).load(fresh(text), "program.ns")

    return prepare


def _compiling(source: Callable[[int], str]) -> Callable[[int], Run]:
    """A load of such a program, and what the first calls of all its procedures would wait for."""

    def prepare(size: int) -> Run:
        text = source(size)

        def run() -> None:
            interpreter = Interpreter(plugins=False)
            interpreter.load(fresh(text), "program.ns")
            interpreter.loader.compile_all()

        return run

    return prepare


def _one_procedure(size: int) -> str:
    line = "  set total = total + item.price * {} - len(name)\n"
    body = "".join(line.format(number) for number in range(size // len(line)))
    return f"func main(needs item, name) means\n  set total = 0\n{body}  return total\nendfunc\n"


def _blocks(depth: int) -> str:
    opened = "".join("  " * level + f"if n > {level}\n" for level in range(depth))
    return f"func main(needs n) means\n{opened}set n = 0\n" + "endif\n" * depth + "endfunc\n"


def _interpreters(own_program: bool) -> Callable[[int], Run]:
    """So many interpreters, alive at once, each of which has loaded a program and run it."""

    def prepare(size: int) -> Run:
        def run() -> None:
            made = []
            for _ in range(size):
                interpreter = Interpreter(plugins=False)
                interpreter.load(fresh(SMALL) if own_program else SMALL, "small.ns")
                interpreter.run("main", "tides")
                made.append(interpreter)

        return run

    return prepare


def _words(size: int) -> str:
    return ("a b é 😀 " * size)[:size]


def _handlers(size: int) -> Run:
    interpreter = Interpreter(plugins=False)
    interpreter.load("\n".join('on event "tick" do\n  set x = 1\nendon' for _ in range(size)), "handlers.ns")
    return lambda: interpreter.emit_event("tick")


def _nested_json(size: int) -> str:
    return "[" + ",".join('{"id": 17, "tags": ["a", "b"], "price": 2.5}' for _ in range(size)) + "]"


CASES = (
    Case("load many procedures", 12_500, "bytes", _loading(program)),
    Case("… and compile all of them", 12_500, "bytes", _compiling(program)),
    Case("load one long procedure", 6_250, "bytes", _loading(_one_procedure)),
    Case("… and compile it", 6_250, "bytes", _compiling(_one_procedure)),
    Case("load nested blocks", 12, "levels", _loading(_blocks)),
    Case("list, by index", 50_000, "items", _calling("list_by_index")),
    Case("list in a map, by Append", 25_000, "items", _calling("list_by_append")),
    Case("list, sorted", 25_000, "items", _calling("sorted", lambda size: [n * 7919 % size for n in range(size)])),
    Case("list, passed 20,000 times", 10_000, "items", _calling("list_passed")),
    Case("map", 20_000, "entries", _calling("map_entries")),
    Case("string, by character", 50_000, "characters", _calling("text_by_character")),
    Case("string, read by index", 25_000, "characters", _calling("text_walked", _words)),
    Case("JSON, read and written", 2_500, "objects", _calling("json_both_ways", _nested_json)),
    Case("emit", 20_000, "values", _calling("emitted")),
    Case("recursion", 60, "calls", _calling("recursion")),
    Case("event handlers", 250, "handlers", _handlers),
    Case("interpreters, one program", 125, "interpreters", _interpreters(own_program=False)),
    Case("interpreters, a program each", 125, "interpreters", _interpreters(own_program=True)),
)


def measure(case: Case, rounds: int) -> Growth:
    """Time and memory for each of a case's sizes."""
    growth = Growth()
    runs = [case.prepare(size) for size in case.sizes]
    best = [float("inf")] * len(runs)
    for _ in range(rounds):
        for index, run in enumerate(runs):
            gc.collect()
            turns, start = 0, process_time()
            while (elapsed := process_time() - start) < 0.003 or not turns:  # the clock's own steps are coarse
                run()
                turns += 1
            best[index] = min(best[index], elapsed / turns)
    growth.seconds = best
    for run in runs:
        gc.collect()
        tracemalloc.start()
        before = tracemalloc.get_traced_memory()[0]
        run()
        growth.memory.append(tracemalloc.get_traced_memory()[1] - before)
        tracemalloc.stop()
    return growth


def factors(values: Sequence[float]) -> str:
    """How much each value is of the one before."""
    return " ".join(f"{after / before:.1f}" for before, after in pairwise(values))


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--markdown", action="store_true")
    options = parser.parse_args()
    os.environ["NEUROSCRIPT_NO_CACHE"] = "1"  # compiling is measured, and the user's cache left alone
    rows = []
    for case in CASES:
        growth = measure(case, options.rounds)
        most, taken, used = case.sizes[-1], growth.seconds[-1], growth.memory[-1]
        rows.append(
            [
                case.name,
                f"{case.smallest:,} … {most:,} {case.unit}",
                tables.seconds(taken),
                tables.seconds(taken / most),
                factors(growth.seconds),
                tables.size(used),
                tables.size(used / most),
                factors(growth.memory),
            ]
        )
    head = ["what", "sizes", "time", "each", "by doubling", "memory", "each", "by doubling"]
    print(tables.table(head, rows, markdown=options.markdown))


if __name__ == "__main__":
    main()
