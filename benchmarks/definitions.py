"""What worker definitions cost as they grow in number.  Run: ``python benchmarks/definitions.py [--markdown]``.

Each row doubles the number of definitions three times.  Times are by the clock, on the disk of ``--directory``; each is
for one operation: the mean of the last thousand additions before that number is reached, and medians of the others.
The file of the definitions is written by the way, once a second at most, and is part of the mean.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from time import perf_counter

import tables

from ai_wm import AIWorkerManager
from ai_wm.data.types import AIWorkerDefinition, PerformanceRecord
from ai_wm.store import JsonStore

SIZES = (1250, 2500, 5000, 10_000)
LAST = 1000


def definition(number: int, name: str = "") -> AIWorkerDefinition:
    """A definition as people write them."""
    return AIWorkerDefinition.parse(
        {
            "definition_id": f"00000000-0000-4000-8000-{number:012}",
            "name": name or f"worker {number}",
            "provider": "openai",
            "model_name": "gpt-4o-mini",
            "auth": {"method": "env_var", "value": "OPENAI_API_KEY"},
            "base_config": {"temperature": 0.2, "max_output_tokens": 800, "system_prompt": "You are a reviewer."},
            "metadata": {"team": "search"},
        }
    )


def added(add: Callable[[AIWorkerDefinition], object]) -> Iterator[float]:
    """Add definitions up to the largest size; gives the time of one at each size."""
    began = 0.0
    for number in range(SIZES[-1]):
        made = definition(number)
        if number + LAST in SIZES:
            began = perf_counter()
        add(made)
        if number + 1 in SIZES:
            yield (perf_counter() - began) / LAST


def median(work: Callable[[int], object], times: int = 50) -> float:
    """The median of some calls."""
    taken = []
    for number in range(times):
        began = perf_counter()
        work(number)
        taken.append(perf_counter() - began)
    return statistics.median(taken)


def in_a_store(directory: Path) -> dict[str, list[float]]:
    """What a store costs, and another one on the same directory, which sees the changes and logs its own tasks."""
    rows: dict[str, list[float]] = {
        "add a definition": [],
        "change one": [],
        "another process: see the change": [],
        "another process: log a task": [],
        "write the file": [],
        "start": [],
    }
    store, other = JsonStore(directory), JsonStore(directory)

    def put(made: AIWorkerDefinition) -> None:
        store.change_definitions(lambda all_: all_.update({made.definition_id: made}))

    for size, taken in zip(SIZES, added(put), strict=True):
        rows["add a definition"].append(taken)
        rows["change one"].append(median(lambda number, size=size: put(definition(number, f"changed {size}"))))
        other.definitions()
        seen = []
        for number in range(50):
            put(definition(number, f"seen {size}"))
            began = perf_counter()
            other.definitions()
            seen.append(perf_counter() - began)
        rows["another process: see the change"].append(statistics.median(seen))
        logged = [PerformanceRecord(definition_id=definition(number).definition_id) for number in range(50)]
        rows["another process: log a task"].append(
            median(lambda number, logged=logged: other.add_record(logged[number]))
        )
        rows["write the file"].append(median(lambda _: store.save(), 5))
        began = perf_counter()
        JsonStore(directory).close()
        rows["start"].append(perf_counter() - began)
    store.close()
    other.close()
    return rows


def in_a_manager(directory: Path) -> dict[str, list[float]]:
    """What a manager's own checks add."""
    with AIWorkerManager(directory) as manager:
        return {"add by a manager": list(added(manager.add_worker_definition))}


def main() -> None:
    """Print the table."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--markdown", action="store_true", help="print the table as Markdown")
    arguments.add_argument("--directory", type=Path, help="where to write; a temporary directory by default")
    given = arguments.parse_args()
    with (
        tempfile.TemporaryDirectory(dir=given.directory) as first,
        tempfile.TemporaryDirectory(dir=given.directory) as second,
    ):
        rows = in_a_store(Path(first)) | in_a_manager(Path(second))
    print(
        tables.table(
            ("definitions", *(f"{size:,}" for size in SIZES), "by doubling"),
            [
                (
                    name,
                    *map(tables.seconds, taken),
                    " ".join(tables.ratio(after / before) for before, after in pairwise(taken)),
                )
                for name, taken in rows.items()
            ],
            markdown=given.markdown,
        )
    )
    print()
    print(tables.machine())


if __name__ == "__main__":
    main()
