"""NeuroScript beside Python alone, on each version of Python: the ratios of `kinds.py`.

    python benchmarks/versions.py [--rounds N] [--markdown]

The Pythons are this one and those of `make test-others`, in `.cache/venv-*`; NEUROSCRIPT_PYTHONS names others: the
commands that start them, one beside the other with ``:`` between.  Each is compared with itself: a row tells what
NeuroScript costs there, not how fast that Python is.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import tables

from neuroscript import __version__

HERE = Path(__file__).parent
VERSION = """
import platform, sys
free = not getattr(sys, "_is_gil_enabled", lambda: True)()
print(platform.python_version() + ", free-threaded" * free)
"""


def pythons() -> list[list[str]]:
    """The commands that start the Pythons."""
    if named := os.environ.get("NEUROSCRIPT_PYTHONS"):
        return [shlex.split(command) for command in named.split(":")]
    others = sorted((HERE.parent / ".cache").glob("venv-*/bin/python"))
    return [[sys.executable], *([str(python)] for python in others)]


def figures(python: list[str], rounds: int) -> dict[str, Any]:
    """What `kinds.py` finds on one Python: the version, and the ratios by group and program.

    Raises:
        subprocess.CalledProcessError: it failed; what it wrote to standard error has been shown.
    """
    kinds = [str(HERE / "kinds.py"), "--json", "--rounds", str(rounds)]
    version, found = (
        subprocess.run([*python, *arguments], stdout=subprocess.PIPE, text=True, check=True).stdout
        for arguments in (["-c", VERSION], kinds)
    )
    return {"version": version.strip(), "groups": json.loads(found)}


def row(found: dict[str, Any]) -> list[str]:
    """A row of the table."""
    from language import mean

    groups: dict[str, dict[str, float]] = found["groups"]
    every = {name: ratio for group in groups.values() for name, ratio in group.items()}
    worst = max(every, key=lambda name: every[name])
    means = [tables.ratio(mean(group.values())) for group in (*groups.values(), every)]
    return [found["version"], *means, f"{tables.ratio(every[worst])} ({worst})", str(len(every))]


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--markdown", action="store_true")
    options = parser.parse_args()
    rows = [row(figures(python, options.rounds)) for python in pythons()]
    head = ["Python", "scripts", "kinds", "unseen", "all", "worst", "programs"]
    print(f"{tables.machine().rpartition(', ')[0]}; neuroscript {__version__}.  {options.rounds} rounds.\n")
    print(tables.table(head, rows, markdown=options.markdown))


if __name__ == "__main__":
    main()
