"""Measures everything that docs/performance.md and README.md show.

    python benchmarks/performance.py                     prints the tables
    python benchmarks/performance.py --write             puts them into the pages
    python benchmarks/performance.py --write language    only those of one benchmark

A table stands in a page between `<!-- begin NAME -->` and `<!-- end NAME -->`, where NAME is the benchmark that makes
it, without `.py`.  `measured` is the last paragraph of `language`.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
PAGE = HERE.parent / "docs" / "performance.md"
README = HERE.parent / "README.md"
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

    def place(found: re.Match[str]) -> str:
        return f"{found[1]}\n{tables[found[2]]}\n\n{found[3]}" if found[2] in tables else found[0]

    return SECTION.sub(place, page)


def main() -> None:
    """Runs the benchmarks that the page names."""
    names = [found[2] for found in SECTION.finditer(PAGE.read_text(encoding="utf-8"))]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(names)}")
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    if unknown := set(options.names) - set(names):
        parser.error(f"no such benchmark: {', '.join(sorted(unknown))}")
    tables = {}
    for name in options.names or names:
        print(f"== {name}", flush=True)
        tables[name] = output(name)
        print(tables[name], flush=True)
    if "language" in tables:
        tables["language"], _, tables["measured"] = tables["language"].rpartition("\n\n")
    if options.write:
        for page in (PAGE, README):
            page.write_text(filled(page.read_text(encoding="utf-8"), tables), encoding="utf-8")


if __name__ == "__main__":
    main()
