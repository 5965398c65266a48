"""What a program costs in NeuroScript, in Python and in the other languages that Python applications embed.

    python benchmarks/language.py [--rounds N] [--markdown]

`pip install neuroscript[bench]` brings the others; what is not installed is left out.  The programs are in
`benchmarks/comparison/programs`, the same algorithm in each language, and must give the same result.  All run in turn
in this process (pydantic-monty in its own worker processes).  Parsing, compiling and warming up are not timed.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence

import tables
from comparison.measure import Cell, installed, measure
from comparison.runtimes import RUNTIMES, Runtime
from comparison.work import GROUPS, HOST_CALLS, Work

Results = dict[str, dict[str, Cell]]


def versions(runtimes: Sequence[Runtime]) -> str:
    """The packages and their versions."""
    return ", ".join(dict.fromkeys(f"{runtime.package} {runtime.version}" for runtime in runtimes))


def ratios(works: Sequence[Work], runtimes: Sequence[Runtime], results: Results, *, markdown: bool) -> str:
    """How many times CPython's time the others took: of the fastest rounds, and of the middle ones in parentheses."""
    base, *others = runtimes
    rows = []
    for work in works:
        cells = results[work.name]
        python = cells[base.name]
        row = [work.name, f"{tables.seconds(python.minimum)} ({tables.seconds(python.median)})"]
        for cell in (cells[runtime.name] for runtime in others):
            least, middle = cell.minimum / python.minimum, cell.median / python.median
            row.append(f"{tables.ratio(least)} ({tables.ratio(middle)})")
        rows.append(row)
    return tables.table(["program", *(runtime.name for runtime in runtimes)], rows, markdown=markdown)


def per_call(runtimes: Sequence[Runtime], results: Results, *, markdown: bool) -> str:
    """Nanoseconds for each turn of the loops that call the host, the loop itself among them."""
    rows = []
    for work in HOST_CALLS:
        cells = [results[work.name][runtime.name] for runtime in runtimes]
        rows.append([work.name, *(f"{cell.minimum / work.calls * 1e9:,.0f}" for cell in cells)])
    return tables.table(["ns a call", *(runtime.name for runtime in runtimes)], rows, markdown=markdown)


def main() -> None:
    """Prints the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--budget", type=float, default=1.5, help="seconds for each runtime and program after 3 rounds")
    parser.add_argument("--markdown", action="store_true")
    options = parser.parse_args()
    os.environ["NEUROSCRIPT_NO_CACHE"] = "1"  # loading is not measured, and the user's cache left alone
    there, missing = installed(RUNTIMES)
    markdown: bool = options.markdown
    print(f"{tables.machine()}; {versions(there)}.  {options.rounds} rounds.")
    if missing:
        print(f"Not installed: {', '.join(runtime.name for runtime in missing)}.")
    for title, works in GROUPS.items():
        results = {work.name: measure(work, there, options.rounds, options.budget) for work in works}
        print("\n" + tables.heading(title, markdown=markdown) + "\n")
        print(ratios(works, there, results, markdown=markdown))
        if works is HOST_CALLS:
            print("\n" + per_call(there, results, markdown=markdown))
        print("\n" + "\n".join(f"* `{work.name}` {work.about}" for work in works))


if __name__ == "__main__":
    main()
