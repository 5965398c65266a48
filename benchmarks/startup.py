"""How long it takes until a program runs: whole processes, and programs that were compiled before.

    python benchmarks/startup.py [--rounds N] [--markdown]

The processes take turns; a figure is the wall time from start to end.  What a row costs is its minimum less that of
``python -c pass``.  Loads are those of one large program, each by an interpreter of its own.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter, process_time

import tables
from parse import program

from neuroscript import Interpreter, Limits
from neuroscript import loading as loading_module
from neuroscript.cache.memory import Cache

ROOT = Path(__file__).parent.parent
SOURCE_BYTES = 200_000

HELLO = """\
func main() means
  emit "hello"
endfunc
"""
TASK = """\
func main() means
  call tool.AIWorkerDefinition.Add(
    name: "echo", provider: "local", model_name: "echo",
    auth: {"method": "none"}, interaction_models: ["stateless_task"]
  )
  set reply = tool.AIWorker.ExecuteStatelessTask(name: "echo", prompt: "hello")
  emit reply.output
endfunc
"""

Command = tuple[list[str], dict[str, str]]


def commands(folder: Path) -> dict[str, Command]:
    """What is measured, each with what it adds to the environment; files are made in a folder."""
    hello, task = folder / "hello.ns", folder / "task.ns"
    hello.write_text(HELLO)
    task.write_text(TASK)
    run = ["-m", "neuroscript", "run"]
    quickstart = [*run, "--sandbox", str(folder / "sandbox"), str(ROOT / "examples" / "quickstart.ns")]
    return {
        "`python -c pass`": (["-c", "pass"], {}),
        "`import neuroscript`": (["-c", "import neuroscript"], {}),
        "… and an `Interpreter()`": (["-c", "import neuroscript; neuroscript.Interpreter()"], {}),
        "`neuroscript run hello.ns`, compiled before": ([*run, str(hello)], {}),
        "`neuroscript run hello.ns`, compiled anew": ([*run, str(hello)], {"NEUROSCRIPT_NO_CACHE": "1"}),
        "one task of a worker": ([*run, str(task)], {}),
        "`examples/quickstart.ns`": (quickstart, {}),
    }


def processes(rounds: int) -> dict[str, list[float]]:
    """The seconds of every process."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        environment = {key: value for key, value in os.environ.items() if key != "NEUROSCRIPT_NO_CACHE"}
        # Installed modules are compiled; those of a checkout are by the first round, if Python may keep them.
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        environment |= {"XDG_CACHE_HOME": str(folder / "cache"), "LOCALAPPDATA": str(folder / "cache")}
        found = commands(folder)
        taken: dict[str, list[float]] = {label: [] for label in found}
        for number in range(rounds + 1):
            for label, (arguments, more) in found.items():
                start = perf_counter()
                done = subprocess.run([sys.executable, *arguments], env=environment | more, capture_output=True)
                seconds = perf_counter() - start
                if done.returncode:
                    raise SystemExit(f"{label} failed: {done.stderr.decode()}")
                if number:  # the first fills the caches
                    taken[label].append(seconds)
    return taken


def loads(rounds: int) -> dict[str, float]:
    """The least processor seconds of loading a program, by where its code comes from."""
    source = program(SOURCE_BYTES)
    limits = Limits(max_source=None)
    taken: dict[str, list[float]] = {"compiled anew": [], "from the disk": [], "from the process": []}
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(rounds):
            for label, seconds in taken.items():
                if label != "from the process":
                    loading_module._CACHE = Cache()  # what another process would have
                made = Interpreter(plugins=False, limits=limits, cache=folder if label == "from the disk" else False)
                start = process_time()
                made.load(source, "program.ns")
                seconds.append(process_time() - start)
    return {label: min(seconds) for label, seconds in taken.items()}


def main() -> None:
    """Prints two tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--markdown", action="store_true")
    options = parser.parse_args()
    taken = processes(options.rounds)
    least = min(next(iter(taken.values())))
    rows = []
    for label, seconds in taken.items():
        above = f"+{(min(seconds) - least) * 1e3:.1f} ms"
        rows.append([label, f"{min(seconds) * 1e3:.1f} ms", f"{statistics.median(seconds) * 1e3:.1f} ms", above])
    print(tables.table(["process", "minimum", "median", "above `pass`"], rows, markdown=options.markdown))
    print()
    found = loads(options.rounds)
    rows = [[label, tables.seconds(one), f"{SOURCE_BYTES / one / 1e6:.1f} MB/s"] for label, one in found.items()]
    head = [f"loading {SOURCE_BYTES // 1000} KB of source", "time", "source"]
    print(tables.table(head, rows, markdown=options.markdown))


if __name__ == "__main__":
    main()
