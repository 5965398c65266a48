"""Measures everything that docs/performance.md shows.

    python benchmarks/performance.py            prints the tables
    python benchmarks/performance.py --write    puts them into the page

A table stands in the page between `<!-- begin NAME -->` and `<!-- end NAME -->`, where NAME is the benchmark that makes
it, without `.py`.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
PAGE = HERE.parent / "docs" / "performance.md"
SECTION = re.compile(r"(<!-- begin (\w+) -->\n).*?(<!-- end \2 -->)", re.DOTALL)


def output(name: str) -> str:
    """What a benchmark prints as Markdown.

    Raises:
        subprocess.CalledProcessError: it failed; what it wrote to standard error has been shown.
    """
    command = [sys.executable, str(HERE / f"{name}.py"), "--markdown"]
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout.strip()


def filled(page: str, tables: dict[str, str]) -> str:
    """A page with these tables in their places."""
    return SECTION.sub(lambda found: f"{found[1]}\n{tables[found[2]]}\n\n{found[3]}", page)


def main() -> None:
    """Runs the benchmarks that the page names."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    page = PAGE.read_text(encoding="utf-8")
    tables = {}
    for found in SECTION.finditer(page):
        name = found[2]
        print(f"== {name}", flush=True)
        tables[name] = output(name)
        print(tables[name], flush=True)
    if options.write:
        PAGE.write_text(filled(page, tables), encoding="utf-8")


if __name__ == "__main__":
    main()
