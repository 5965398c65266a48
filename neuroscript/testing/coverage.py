"""Coverage by line: which statements of the programs under test were begun."""

from __future__ import annotations

import html
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from neuroscript.output import one_line
from neuroscript.records import record


@record(frozen=True)
class FileCoverage:
    """The coverage of one file.

    Attributes:
        file: its name.
        hits: how often the statement on each line was begun, by line, for every line that a statement begins on.
    """

    file: str
    hits: dict[int, int]

    @property
    def covered(self) -> int:
        """How many of the lines were run."""
        return sum(1 for count in self.hits.values() if count)

    @property
    def percent(self) -> float:
        """How much of the lines was run, from 0 to 100."""
        return percent(self.covered, len(self.hits))

    @property
    def missing(self) -> list[int]:
        """The lines that were not run."""
        return [line for line, count in sorted(self.hits.items()) if not count]


class Coverage:
    """Collects which lines were run."""

    def __init__(self) -> None:
        self._lines: dict[str, list[int]] = {}
        self._hits: dict[tuple[str, int], int] = {}
        self._left_out: set[str] = set()
        self._texts: dict[str, str] = {}

    def add_lines(self, file: str, lines: list[int]) -> None:
        """Notes the lines of a file that statements begin on."""
        self._lines[file] = lines

    def note(self, file: str, line: int) -> None:
        """Notes that a statement was begun."""
        place = file, line
        self._hits[place] = self._hits.get(place, 0) + 1

    def add_texts(self, texts: Mapping[str, str]) -> None:
        """Notes the texts of files, by name, to show lines of them."""
        self._texts.update(texts)

    def leave_out(self, file: str) -> None:
        """Leaves a file out of the reports: the files of tests themselves are not under test."""
        self._left_out.add(file)

    def files(self) -> list[FileCoverage]:
        """The coverage of each file under test, by name."""
        return [
            FileCoverage(file, {line: self._hits.get((file, line), 0) for line in lines})
            for file, lines in sorted(self._lines.items())
            if file not in self._left_out and lines
        ]

    # --- reports -----------------------------------------------------------------------------------------------------

    def table(self) -> list[str]:
        """A table for people: file, lines, how many were run, and which were not."""
        files = self.files()
        if not files:
            return ["coverage: the tests use no file but themselves (:: uses: NAME.ns)"]
        total = sum(len(one.hits) for one in files)
        run = sum(one.covered for one in files)
        rows = [(one_line(one.file), len(one.hits), one.percent, ranges(one.missing)) for one in files]
        rows += [("total", total, percent(run, total), "")] if len(files) > 1 else []
        width = max(len("file"), *(len(row[0]) for row in rows))
        lines = [f"{'file':{width}}  lines    run  not run"]
        lines += [f"{name:{width}}  {count:5}  {part:4.0f}%  {missing}".rstrip() for name, count, part, missing in rows]
        return lines

    def to_map(self) -> dict[str, Any]:
        """The coverage as JSON values."""
        files = self.files()
        total, run = sum(len(one.hits) for one in files), sum(one.covered for one in files)
        return {
            "files": {
                one.file: {
                    "lines": len(one.hits),
                    "covered": one.covered,
                    "percent": round(one.percent, 2),
                    "missing": one.missing,
                    "hits": {str(line): count for line, count in sorted(one.hits.items())},
                }
                for one in files
            },
            "lines": total,
            "covered": run,
            "percent": round(percent(run, total), 2),
        }

    def json(self) -> str:
        """The coverage as a JSON document."""
        return json.dumps(self.to_map(), indent=2) + "\n"

    def lcov(self) -> str:
        """The coverage in the format of lcov, which editors and services read."""
        rows = []
        for one in self.files():
            rows += ["TN:", f"SF:{one_line(os.path.abspath(one.file))}"]
            rows += [f"DA:{line},{count}" for line, count in sorted(one.hits.items())]
            rows += [f"LF:{len(one.hits)}", f"LH:{one.covered}", "end_of_record"]
        return "".join(f"{row}\n" for row in rows)

    def html(self) -> str:
        """The coverage as one page: the table, and the text of each file with its lines marked."""
        return "".join(self._page())

    def _page(self) -> Iterator[str]:
        files = self.files()
        yield _HEAD
        yield "<table><tr><th>file<th>lines<th>run<th>not run"
        for number, one in enumerate(files):
            name, missing = html.escape(one.file), ranges(one.missing)
            yield f'\n<tr><td><a href="#f{number}">{name}</a><td>{len(one.hits)}<td>{one.percent:.0f}%<td>{missing}'
        yield "\n</table>\n"
        for number, one in enumerate(files):
            yield f'<h2 id="f{number}">{html.escape(one.file)}</h2>\n<pre>'
            text = self._texts.get(one.file, "").replace("\r\n", "\n").replace("\r", "\n")
            for line, source in enumerate(text.removesuffix("\n").split("\n"), 1):
                count = one.hits.get(line)
                kind = "" if count is None else ' class="run"' if count else ' class="not"'
                times = "" if not count else f"{count}×"
                yield f"<span{kind}><i>{line:5} {times:>7}  </i>{html.escape(source)}</span>\n"
            yield "</pre>\n"


def percent(part: int, whole: int) -> float:
    """A part in hundredths of the whole; all of nothing is 100."""
    return 100.0 * part / whole if whole else 100.0


def ranges(numbers: Iterable[int]) -> str:
    """Numbers in order, with those that follow one another as ranges: ``3-5, 9``."""
    found: list[list[int]] = []
    for number in numbers:
        if found and number == found[-1][-1] + 1:
            found[-1][1:] = [number]
        else:
            found.append([number])
    return ", ".join("-".join(map(str, one)) for one in found)


_HEAD = """<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Coverage</title>
<style>
:root { color-scheme: light dark; --run: #d9f2df; --not: #fbdcdc }
@media (prefers-color-scheme: dark) { :root { --run: #163d22; --not: #552222 } }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 70rem; margin: 2rem auto; padding: 0 1rem }
th, td { text-align: left; padding: 0.2rem 1.5rem 0.2rem 0; vertical-align: top }
pre { overflow-x: auto; font-size: 13px } span { display: inline-block; min-width: 100% }
i { opacity: 0.5; font-style: normal; user-select: none }
.run { background: var(--run) } .not { background: var(--not) }
</style>
<h1>Coverage</h1>
"""
