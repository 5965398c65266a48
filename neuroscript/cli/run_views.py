"""What ``neuroscript runs`` shows: a table of runs, one run with its calls on a time line, and lines of JSON."""

from __future__ import annotations

import json
import time

from neuroscript.cli.actions import table
from neuroscript.cli.report import moment
from neuroscript.journal.approvals import APPROVAL, approval_of
from neuroscript.journal.entries import BEGUN, ERROR, RUN_STATES, RUNNING, SUSPENDED, WAITING, path_text
from neuroscript.journal.terms import runs_command
from neuroscript.output import clipped, one_line, shortened

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any, Final

    from neuroscript.journal import Entry, Journal, RunInfo

STOPPED: Final = "stopped"
"""The state of a run that nobody ended and no process goes on with."""
STATES: Final = (*RUN_STATES, STOPPED)
"""The states of runs that people see."""

_LINE: Final = 32  # columns of the time line
_MOST_GAP: Final = 0.1  # of the busy time, which a pause takes of the time line
_MARKS: Final = {WAITING: "?", BEGUN: "…", ERROR: "x"}
_WHY: Final = 100
_NAME: Final = 60


def state_of(info: RunInfo, going_on: bool) -> str:
    """The state of a run for people: one that runs in no process has been stopped."""
    return STOPPED if info.state == RUNNING and not going_on else info.state


def runs_table(runs: Sequence[tuple[RunInfo, str]], journal: Journal) -> Iterator[str]:
    """The lines of a list of runs with their states, and what those of them wait for that a person is asked about."""
    rows = [("run", "state", "calls", "starts", "last start", "why")]
    for info, state in runs:
        name, why = one_line(shortened(info.run_id, _NAME)), one_line(clipped(_why(info, state, journal), _WHY))
        rows.append((name, state, str(info.entries), str(info.starts), moment(info.since), why))
    yield from table(rows)


def _why(info: RunInfo, state: str, journal: Journal) -> str:
    """Why a run does not go on, in short."""
    if state == STOPPED:
        return f"its process is gone ({info.owner}); it goes on when it is resumed"
    if state == SUSPENDED:
        asked = [each for each in journal.approvals(info.run_id) if each.answer is None]
        if asked:
            return "waits for " + ", ".join(f"call {each.path}: {each.what}" for each in asked)
    return info.why


def run_map(info: RunInfo, state: str) -> dict[str, Any]:
    """A run as JSON values."""
    return {
        "run_id": info.run_id,
        "state": state,
        "procedure": info.header.procedure,
        "calls": info.entries,
        "starts": info.starts,
        "owner": info.owner,
        "started": info.started,
        "last_start": info.since,
        "ended": info.ended or None,
        "why": info.why,
        "terms": _public_terms(info.terms),
        "versions": info.header.versions,
    }


def _public_terms(terms: str) -> dict[str, Any]:
    held: dict[str, Any] = json.loads(terms) if terms else {}
    held.pop("mark", None)
    return held


def entry_map(info: RunInfo, entry: Entry) -> dict[str, Any]:
    """A call as JSON values, without its arguments and its result."""
    row: dict[str, Any] = {
        "call": path_text(entry.path),
        "tool": entry.tool,
        "effect": entry.effect,
        "state": entry.state,
        "begun": entry.begun,
        "ended": entry.ended or None,
    }
    if entry.tool == APPROVAL:
        asked = approval_of(info, entry)
        row |= {"call": asked.path, "what": asked.what, "details": asked.details, "answer": asked.answer}
        row |= {"by": asked.by, "why": asked.why, "until": asked.until or None}
    return row


def run_lines(info: RunInfo, state: str, entries: Sequence[Entry], most: int | None, where: str = "") -> Iterator[str]:
    """The lines that show a run: what it is, what it waits for, and its last calls on a time line.

    Args:
        info: the run.
        state: its state, as `state_of` says.
        entries: its calls.
        most: how many of them are shown, the last ones; None: all.
        where: the option that names the journal's directory, for the commands that are told.
    """
    what = info.header.procedure or "command blocks"
    starts = f"{info.starts} start{'' if info.starts == 1 else 's'}"
    yield f"run      {one_line(info.run_id)}: {state}"
    yield f"program  {one_line(what)}, {info.header.versions}"
    yield f"started  {moment(info.started)}, {starts}, the last on {moment(info.since)} by {one_line(info.owner)}"
    if info.ended:
        yield f"ended    {moment(info.ended)}{': ' if info.why else ''}{one_line(info.why)}"
    elif state == STOPPED:
        yield f"stopped  its process is gone; to go on: {one_line(_next_step(info, where))}"
    terms = _public_terms(info.terms)
    for name in ("max_calls", "deadline", "approval_seconds", "ask_before"):
        if name in terms:
            value = terms[name]
            yield f"terms    {name} {', '.join(value) if isinstance(value, list) else format(value, 'g')}"
    for entry in entries:
        if entry.tool == APPROVAL:
            yield from _approval_lines(info, entry)
    left_out = 0 if most is None else max(len(entries) - most, 0)
    shown = entries[left_out:]
    if shown:
        yield ""
    if left_out:
        yield f"… {left_out} earlier calls (--all shows them)"
    yield from _picture(shown)


def _next_step(info: RunInfo, where: str) -> str:
    """How a run that was stopped goes on."""
    from neuroscript.jobs.views import read_run_id

    job = read_run_id(info.run_id)
    if job is None:
        return runs_command("resume", info.run_id, where=where)
    return f"neuroscript serve --queue {job[1]}{' ' if where else ''}{where}, or the run that submitted the job"


def _approval_lines(info: RunInfo, entry: Entry) -> Iterator[str]:
    asked = approval_of(info, entry)
    about = "" if asked.details is None else f" {one_line(json.dumps(asked.details, ensure_ascii=False, default=str))}"
    question = f"call {asked.path}: {one_line(asked.what)}{about}"
    if asked.answer is None:
        until = f", until {moment(asked.until)}" if asked.until else ""
        yield f"waits    {question}, since {moment(asked.asked)}{until}"
        return
    said = f": {one_line(asked.why)}" if asked.why else ""
    word = "approved" if asked.answer else "refused"
    yield f"{word:9}{question}, by {one_line(asked.by)} on {moment(asked.answered)}{said}"


def _picture(entries: Sequence[Entry]) -> Iterator[str]:
    if not entries:
        return
    scale = _Scale(entries)
    rows = [("call", "tool", scale.heading, "state", "")]
    for entry in entries:
        seconds = _duration(entry.ended - entry.begun) if entry.ended else ""
        name = "  " * (len(entry.path) - 1) + one_line(shortened(entry.tool, _NAME))
        rows.append((path_text(entry.path), name, scale.bar(entry), entry.state, seconds))
    yield from table(rows)


def _duration(seconds: float) -> str:
    if seconds < 1:
        return f"{max(seconds, 0) * 1000:.1f} ms"
    return f"{seconds:.1f} s" if seconds < 600 else f"{seconds / 60:.0f} min"


class _Scale:
    """Where moments stand on the time line: pauses, as between two starts, are made short."""

    def __init__(self, entries: Sequence[Entry]) -> None:
        self._now = time.time()
        spans = sorted((entry.begun, max(self._end(entry), entry.begun)) for entry in entries)
        busy: list[list[float]] = []
        for begun, ended in spans:
            if busy and begun <= busy[-1][1]:
                busy[-1][1] = max(busy[-1][1], ended)
            else:
                busy.append([begun, ended])
        total = sum(ended - begun for begun, ended in busy)
        most = max(total * _MOST_GAP, 1e-6)
        self._stretches: list[tuple[float, float, float]] = []
        at, last = 0.0, busy[0][0]
        for begun, ended in busy:
            at += min(begun - last, most)
            self._stretches.append((begun, ended, at))
            at, last = at + ended - begun, ended
        self._length = max(at, 1e-6)
        self.heading = f"{moment(busy[0][0])[11:]} to {moment(last)[11:]}".ljust(_LINE)

    def _end(self, entry: Entry) -> float:
        if entry.ended:
            return entry.ended
        return self._now if entry.state == SUSPENDED else entry.begun

    def _column(self, when: float) -> int:
        place = 0.0
        for begun, ended, at in self._stretches:
            if when < begun:
                break
            place = at + min(when, ended) - begun
        return min(int(place / self._length * _LINE), _LINE - 1)

    def bar(self, entry: Entry) -> str:
        """The row of a call: a bar from its beginning to its end, or a mark where it has none."""
        first = self._column(entry.begun)
        last = self._column(max(self._end(entry), entry.begun))
        mark = _MARKS.get(entry.state, "")
        bar = "=" * (last - first) + (mark or "=")
        return (" " * first + bar).ljust(_LINE)
