"""What ``neuroscript test`` prints: a line for each test and the failures at the end, or lines of JSON."""

from __future__ import annotations

import json
import os
import sys
from typing import Any, Protocol

from neuroscript.cli.report import error_map, print_json
from neuroscript.errors import NeuroScriptError
from neuroscript.observing.masking import Mask
from neuroscript.output import one_line, write, write_line
from neuroscript.records import field, record
from neuroscript.testing.cases import SUFFIX, Case
from neuroscript.testing.coverage import Coverage
from neuroscript.testing.differences import mask_of, shown
from neuroscript.testing.runner import Outcome
from neuroscript.values import to_json

_SLOW = 1.0  # seconds from which on it is worth to tell how long a test took
_MOST_LINES = 20  # of what a failed test emitted
_COLOURS = {"passed": "32", "failed": "31;1", "head": "1"}


@record()
class Tally:
    """How the tests ended, all together.

    Attributes:
        outcomes: of the tests that were run.
        broken: why files could not be loaded, by name.
        deselected: how many tests were left out by ``-k``.
        recorded: how many replies of models were recorded.
        seconds: how long it took.
        cancelled: whether a signal ended it.
    """

    outcomes: list[Outcome] = field(default_factory=list)
    broken: dict[str, str] = field(default_factory=dict)
    deselected: int = 0
    recorded: int = 0
    seconds: float = 0.0
    cancelled: bool = False

    @property
    def failed(self) -> int:
        """How many tests failed."""
        return sum(not outcome.passed for outcome in self.outcomes)

    @property
    def passed(self) -> int:
        """How many tests passed."""
        return len(self.outcomes) - self.failed

    def add(self, outcome: Outcome) -> None:
        """Counts the outcome of a test; one that was interrupted has none."""
        if not outcome.cancelled:
            self.outcomes.append(outcome)


class OutcomeReport(Protocol):
    """Where the outcomes of tests go."""

    def begin(self, case: Case) -> None: ...

    def outcome(self, outcome: Outcome) -> None: ...

    def broken(self, file: str, error: NeuroScriptError, text: str) -> None: ...

    def end(self, tally: Tally, coverage: Coverage | None) -> None: ...


def make_outcome_report(format_name: str) -> OutcomeReport:
    """Makes the report that ``--format`` names."""
    return JsonLinesOutcomes() if format_name == "jsonl" else TextOutcomes()


class TextOutcomes:
    """A line for each test as it ends, then what failed and why, all on standard output."""

    def __init__(self) -> None:
        self._file = ""
        self._coloured = sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"

    def begin(self, case: Case) -> None:
        if case.program.name != self._file:
            self._file = case.program.name
            self._line(one_line(self._file), "head")
        sys.stdout.flush()

    def outcome(self, outcome: Outcome) -> None:
        if outcome.cancelled:
            return
        seconds = f"  {outcome.seconds:.1f} s" if _shows_time(outcome.seconds) else ""
        done = f"  golden file {outcome.golden}" if outcome.golden else ""
        self._coloured_text("  ok    " if outcome.passed else "  FAIL  ", outcome.word)
        write_line(sys.stdout, f"{outcome.case.name}{seconds}{done}")
        sys.stdout.flush()

    def broken(self, file: str, error: NeuroScriptError, text: str) -> None:
        self._file = ""
        self._line(f"{one_line(file)} cannot be loaded", "failed")
        write_line(sys.stdout, _indented(text))

    def end(self, tally: Tally, coverage: Coverage | None) -> None:
        for outcome in tally.outcomes:
            if not outcome.passed:
                self._failure(outcome)
        if coverage is not None:
            write_line(sys.stdout, "")
            for row in coverage.table():
                write_line(sys.stdout, row)
        if tally.outcomes or tally.broken or coverage is not None:
            write_line(sys.stdout, "")
        good = bool(tally.outcomes) and not (tally.failed or tally.broken or tally.cancelled)
        self._line(_summary(tally), "passed" if good else "failed")
        sys.stdout.flush()

    def _failure(self, outcome: Outcome) -> None:
        write_line(sys.stdout, "")
        self._line(f"FAIL {one_line(outcome.case.identity)}", "failed")
        for failure in outcome.failures:
            if failure.phase not in ("test", "output"):
                write_line(sys.stdout, f"  in {'an event handler' if ' ' in failure.phase else failure.phase}:")
            write_line(sys.stdout, _indented(failure.text))
        if outcome.emitted and not any(failure.phase == "output" for failure in outcome.failures):
            lines = "\n".join(outcome.emitted).split("\n")
            left_out = len(lines) - _MOST_LINES
            write_line(sys.stdout, "  emitted:" if left_out <= 0 else f"  emitted (the last {_MOST_LINES} lines):")
            for line in lines[-_MOST_LINES:]:
                write_line(sys.stdout, f"  | {one_line(line)}")

    def _line(self, text: str, colour: str) -> None:
        self._coloured_text(text, colour)
        write_line(sys.stdout, "")

    def _coloured_text(self, text: str, colour: str) -> None:
        if self._coloured:
            sys.stdout.write(f"\x1b[{_COLOURS[colour]}m")
        write(sys.stdout, text)
        if self._coloured:
            sys.stdout.write("\x1b[0m")


class JsonLinesOutcomes:
    """One JSON object a line: one for each test, one for each file that cannot be loaded, and a summary."""

    def begin(self, case: Case) -> None:
        """Says nothing yet."""

    def outcome(self, outcome: Outcome) -> None:
        if outcome.cancelled:
            return
        case = outcome.case
        row: dict[str, Any] = {
            "test": case.identity,
            "file": case.program.name,
            "name": case.name,
            "line": case.line,
            "outcome": outcome.word,
            "seconds": round(outcome.seconds, 6),
            "emitted": outcome.emitted,
            "failures": [],
        }
        if outcome.golden:
            row["golden"] = outcome.golden
        for failure in outcome.failures:
            told: dict[str, Any] = {"phase": failure.phase, "text": failure.text}
            if failure.error is not None:
                told["error"] = error_map(failure.error)
                mask = mask_of(failure.error.operands)
                told["operands"] = [
                    {"source": operand.text, "value": _json_of(operand.value, mask), "text": shown(operand.value, mask)}
                    for operand in failure.error.operands
                ]
            row["failures"].append(told)
        print_json(row)

    def broken(self, file: str, error: NeuroScriptError, text: str) -> None:
        print_json({"file": file, "outcome": "broken", "error": error_map(error), "text": text})

    def end(self, tally: Tally, coverage: Coverage | None) -> None:
        if coverage is not None:
            print_json({"coverage": coverage.to_map()})
        summary = {
            "passed": tally.passed,
            "failed": tally.failed,
            "broken": len(tally.broken),
            "deselected": tally.deselected,
            "recorded": tally.recorded,
            "interrupted": tally.cancelled,
            "seconds": round(tally.seconds, 6),
        }
        print_json({"summary": summary})


def _json_of(value: Any, mask: Mask) -> Any:
    """A value as JSON; its text where it is too large or too deep for that, or a secret is masked in it."""
    try:
        made = to_json(value)
    except NeuroScriptError:
        return shown(value, mask)
    text = json.dumps(made, ensure_ascii=False)
    return made if mask.text(text) == text else shown(value, mask)


def _indented(text: str) -> str:
    return "\n".join(f"  {row}" if row else "" for row in text.split("\n"))


def _shows_time(seconds: float) -> bool:
    """Whether somebody at a terminal is to see how long a run took; a file is the same whatever the machine does."""
    return seconds >= _SLOW and sys.stdout.isatty()


def _summary(tally: Tally) -> str:
    parts = []
    if tally.outcomes:
        parts.append(f"{tally.passed} passed")
    if tally.failed:
        parts.append(f"{tally.failed} failed")
    if tally.broken:
        count = len(tally.broken)
        parts.append(f"{count} file{'' if count == 1 else 's'} cannot be loaded")
    if tally.deselected:
        parts.append(f"{tally.deselected} left out")
    if tally.recorded:
        parts.append(f"{tally.recorded} repl{'y' if tally.recorded == 1 else 'ies'} recorded")
    if tally.cancelled:
        parts.append("interrupted")
    if not tally.outcomes and not tally.broken and not tally.cancelled:
        what = f"no tests: procedures test_… in files that end in {SUFFIX}"
        parts.insert(0, what if not tally.deselected else "no tests")
    if _shows_time(tally.seconds):
        parts.append(f"{tally.seconds:.1f} s")
    return ", ".join(parts)
