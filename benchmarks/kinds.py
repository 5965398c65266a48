"""Programs of many kinds that nobody tuned for, as NeuroScript and as the same algorithm in Python.

    python benchmarks/kinds.py [--rounds N] [NAME …]

Each runs in turn with its twin, warm; the figure is the ratio of the two smallest processor times.  Both have to give
the same value.
"""

from __future__ import annotations

import argparse
import gc
import importlib.util
import json
import math
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from time import process_time
from typing import Any

from comparison.work import orders

from neuroscript import Interpreter

PROGRAMS = Path(__file__).parent / "kinds"
NAMES = tuple(sorted(path.stem for path in PROGRAMS.glob("*.ns")))


def people(count: int) -> str:
    """Lines of a file of names, ages and cities."""
    return "\n".join(f" name{i} ,{(i * 37) % 90},{('Rome', 'Oslo', 'Lima')[i % 3]}" for i in range(count))


def prose(lines: int) -> str:
    """Lines of words."""
    return "\n".join(" ".join(f"Word{(i * j * 31) % 57}" for j in range(1, 9)) for i in range(lines))


GIVEN: dict[str, Any] = {
    "arithmetic": 200,
    "callbacks": 5000,
    "csv": people(2000),
    "distance": 8,
    "errors": 4000,
    "events": 2000,
    "groups": 3000,
    "json": orders(400),
    "mandelbrot": 40,
    "memo": 100,
    "nbody": 300,
    "queens": 7,
    "queue": 1000,
    "records": 1500,
    "runs": 2000,
    "search": 25,
    "spectral": 25,
    "states": 8000,
    "table": 1000,
    "templates": 1500,
    "trees": 1500,
    "words": prose(600),
}
"""The argument of each program."""


def in_python(name: str) -> Callable[[Any], Any]:
    """The Python twin of a program."""
    spec = importlib.util.spec_from_file_location(f"kinds_{name}", PROGRAMS / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    found: Callable[[Any], Any] = getattr(module, name)
    return found


def in_neuroscript(name: str) -> Callable[[Any], Any]:
    """A program, loaded, with the two host tools that some of them call."""
    notes: Counter[str] = Counter()
    interpreter = Interpreter(plugins=False)

    @interpreter.tool("bench.Note")
    def note(key: str, value: int) -> None:
        notes[key] += value

    @interpreter.tool("bench.Noted")
    def noted() -> dict[str, Any]:
        found = dict(notes)
        notes.clear()
        return found

    interpreter.load((PROGRAMS / f"{name}.ns").read_text(encoding="utf-8"), name)
    return lambda given: interpreter.run(name, given)


def comparable(name: str, value: Any) -> Any:
    """A result in a form that is equal whoever wrote it."""
    return json.loads(value) if name == "json" else value


def seconds(work: Callable[[], object]) -> float:
    """The processor time of one run, with the garbage of others collected before."""
    gc.collect()
    start = process_time()
    work()
    return process_time() - start


def measure(name: str, rounds: int) -> tuple[float, float]:
    """The smallest times of a program in Python and in NeuroScript."""
    given, twins = GIVEN[name], (in_python(name), in_neuroscript(name))
    first, second = (comparable(name, twin(given)) for twin in twins)
    if first != second:
        raise SystemExit(f"{name}: the results differ")
    for _ in range(3):  # CPython specialises what is called again
        for twin in twins:
            twin(given)
    times = [[seconds(lambda twin=twin: twin(given)) for twin in twins] for _ in range(rounds)]  # type: ignore[misc]
    return min(pair[0] for pair in times), min(pair[1] for pair in times)


def main() -> None:
    """Prints a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", default=NAMES, metavar="NAME")
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    ratios = []
    for name in options.names:
        python, own = measure(name, options.rounds)
        ratios.append(own / python)
        print(f"{name:12} Python {python * 1e3:8.2f} ms  NeuroScript {own * 1e3:8.2f} ms  ratio {own / python:6.2f}")
    mean = math.exp(sum(map(math.log, ratios)) / len(ratios))
    print(f"geometric mean {mean:.2f}, worst {max(ratios):.2f}")


if __name__ == "__main__":
    main()
