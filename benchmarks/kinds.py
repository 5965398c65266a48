"""The programs of many kinds in NeuroScript and in Python alone: the quick part of `language.py`.

    python benchmarks/kinds.py [--rounds N] [--json] [NAME …]

The figure is the ratio of the two smallest processor times; both have to give the same value.  A program is left out
where a package that it needs is not installed.
"""

from __future__ import annotations

import argparse
import json
import os
import sys

import tables
from comparison.measure import measure
from comparison.runtimes import RUNTIMES
from comparison.work import KINDS, SCRIPTS, SUITES
from language import OWN, mean, ratio

from neuroscript import NeuroScriptError

GROUPS = {"scripts": SCRIPTS, "kinds": KINDS, "unseen": SUITES}


def main() -> None:
    """Prints a line for each program, and the mean of each group."""
    names = [work.name for works in GROUPS.values() for work in works]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(names)}")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--json", action="store_true", help="the ratios by group and program, and nothing else")
    options = parser.parse_args()
    if unknown := set(options.names) - set(names):
        parser.error(f"no such program: {', '.join(sorted(unknown))}")
    os.environ["NEUROSCRIPT_NO_CACHE"] = "1"
    groups: dict[str, dict[str, float]] = {}
    for title, works in GROUPS.items():
        found = groups[title] = {}
        for work in works:
            if options.names and work.name not in options.names:
                continue
            try:
                cells = measure(work, RUNTIMES[:2], options.rounds, budget=10)
            except NeuroScriptError as error:
                if not isinstance(error.__cause__, ModuleNotFoundError):
                    raise
                print(f"{work.name:12} is left out: {error.__cause__}", file=sys.stderr)
                continue
            figure = found[work.name] = ratio({work.name: cells}, work, OWN) or 0.0
            if not options.json:
                python, own = (tables.seconds(cell.minimum) for cell in cells.values())
                print(f"{work.name:12} Python {python:>8}  NeuroScript {own:>8}  ratio {figure:6.2f}", flush=True)
        if found and not options.json:
            print(f"{title}: geometric mean {mean(found.values()):.2f}, worst {max(found.values()):.2f}")
    if options.json:
        print(json.dumps(groups))
        return
    every = [figure for found in groups.values() for figure in found.values()]
    print(f"geometric mean {mean(every):.2f}, worst {max(every):.2f}")


if __name__ == "__main__":
    main()
