"""What a program costs in NeuroScript, in Python and in the other languages that Python applications embed.

    python benchmarks/language.py [--rounds N] [--markdown]

`pip install neuroscript[bench]` brings the others; what is not installed is left out.  The programs are in
`benchmarks/comparison/programs`, the same algorithm in each language, and must give the same result.  All run in turn
in this process, and what is measured is its processor time; pydantic-monty works in processes of its own, whose time
is added; how long a host waits for it is another column.  Parsing, compiling and warming up are not timed.
"""

from __future__ import annotations

import argparse
import math
import os
from collections.abc import Iterable, Sequence

import tables
from comparison.measure import Cell, installed, measure
from comparison.runtimes import RUNTIMES, Runtime
from comparison.work import HOST_CALLS, KINDS, MICRO, SCRIPTS, SUITES, Work

Results = dict[str, dict[str, Cell]]
ALL_KINDS = (*SCRIPTS, *KINDS, *SUITES)
OWN = "NeuroScript"


def versions(runtimes: Sequence[Runtime]) -> str:
    """The packages and their versions."""
    return ", ".join(dict.fromkeys(f"{runtime.package} {runtime.version}" for runtime in runtimes))


def ratio(results: Results, work: Work, runtime: str) -> float | None:
    """How many times CPython's time a runtime took, in their fastest rounds; nothing if the program is beyond it."""
    cells = results[work.name]
    return cells[runtime].minimum / cells[RUNTIMES[0].name].minimum if runtime in cells else None


def mean(ratios: Iterable[float]) -> float:
    """The geometric mean."""
    logarithms = [math.log(ratio) for ratio in ratios]
    return math.exp(sum(logarithms) / len(logarithms))


def found(results: Results, works: Iterable[Work], runtime: str) -> list[float]:
    """The ratios of the programs that a runtime can run."""
    return [figure for work in works if (figure := ratio(results, work, runtime)) is not None]


def shared(works: Iterable[Work], runtimes: Sequence[Runtime]) -> list[Work]:
    """The programs that every runtime can run."""
    return [work for work in works if not any(runtime.name in work.beyond for runtime in runtimes)]


def ratios(works: Sequence[Work], runtimes: Sequence[Runtime], results: Results, *, markdown: bool) -> str:
    """CPython's time for each program, and how many times that the others took."""
    rows = [
        [
            work.name,
            tables.seconds(results[work.name][runtimes[0].name].minimum),
            *(_figure(ratio(results, work, runtime.name)) for runtime in runtimes[1:]),
        ]
        for work in works
    ]
    return tables.table(["program", *(runtime.name for runtime in runtimes)], rows, markdown=markdown)


def means(works: Sequence[Work], runtimes: Sequence[Runtime], results: Results, *, markdown: bool) -> str:
    """The geometric means and the worst ratio of each runtime."""
    everyone = shared(works, runtimes)
    groups = {
        f"mean of the {len(works)}, or what it can": works,
        f"mean of the {len(everyone)} that all can": everyone,
        f"mean of the first {len(SCRIPTS) + len(KINDS)}": (*SCRIPTS, *KINDS),
        f"mean of the last {len(SUITES)}": SUITES,
    }
    names = [runtime.name for runtime in runtimes]
    rows = [[title, *(_figure(mean(found(results, group, name))) for name in names)] for title, group in groups.items()]
    rows.append(["worst", *(_figure(max(found(results, works, name))) for name in names)])
    rows.append(["how many it can", *(str(len(found(results, works, name))) for name in names)])
    return tables.table(["geometric", *names], rows, markdown=markdown)


def in_words(works: Sequence[Work], runtimes: Sequence[Runtime], results: Results) -> str:
    """What was measured, as a paragraph."""
    everyone = shared(works, runtimes)
    others = ", ".join(
        f"{tables.ratio(mean(found(results, everyone, runtime.name)))} {runtime.name}"
        for runtime in runtimes[1:]
        if runtime.name != OWN
    )
    own = {work.name: figure for work in works if (figure := ratio(results, work, OWN)) is not None}
    worst = max(own, key=own.__getitem__)
    everyone_own, unseen = (mean(found(results, group, OWN)) for group in (everyone, SUITES))
    return (
        f"Measured over {len(works)} programs of many kinds, every check on: {tables.ratio(mean(own.values()))} times"
        f" the time of the same program in Python (geometric mean), {tables.ratio(own[worst])} times at worst"
        f" (`{worst}`); {tables.ratio(unseen)} times over the {len(SUITES)} written last, tasks of public suites among"
        f" them, that the compiler was not tuned for.  Over the {len(everyone)} that every runtime can run NeuroScript"
        f" takes {tables.ratio(everyone_own)} times Python's time; the others: {others}."
    )


def per_call(runtimes: Sequence[Runtime], results: Results, *, markdown: bool) -> str:
    """Nanoseconds for each turn of the loops that call the host, the loop itself among them."""
    rows = []
    for work in HOST_CALLS:
        cells = [results[work.name][runtime.name] for runtime in runtimes]
        rows.append([work.name, *(f"{cell.minimum / work.calls * 1e9:,.0f}" for cell in cells)])
    return tables.table(["ns a call", *(runtime.name for runtime in runtimes)], rows, markdown=markdown)


def notes(works: Iterable[Work], runtimes: Sequence[Runtime]) -> str:
    """What the programs do, and why some are beyond a runtime."""
    lines = []
    for work in works:
        reasons: dict[str, list[str]] = {}
        for runtime in runtimes:
            if runtime.name in work.beyond:
                reasons.setdefault(work.beyond[runtime.name], []).append(runtime.name)
        why = "".join(f"; – {', '.join(names)}: {reason}" for reason, names in reasons.items())
        lines.append(f"* `{work.name}` {work.about}{why}")
    return "\n".join(lines)


def _figure(value: float | None) -> str:
    return "–" if value is None else tables.ratio(value)


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
    groups = {"Programs of many kinds": ALL_KINDS, "One thing at a time": MICRO, "Calls of the host": HOST_CALLS}
    summary = ""
    for title, works in groups.items():
        results = {work.name: measure(work, there, options.rounds, options.budget) for work in works}
        print("\n" + tables.heading(title, markdown=markdown) + "\n")
        print(ratios(works, there, results, markdown=markdown))
        if works is ALL_KINDS:
            print("\n" + means(works, there, results, markdown=markdown))
            summary = in_words(works, there, results)
        if works is HOST_CALLS:
            print("\n" + per_call(there, results, markdown=markdown))
        print("\n" + notes(works, there), flush=True)
    print("\n" + summary)


if __name__ == "__main__":
    main()
