"""One journaled run: answers its calls from the journal as far as that goes, and writes those that come after it."""

from __future__ import annotations

import hmac
import json
import threading
import time
import uuid
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import replace

from neuroscript.approval import refused
from neuroscript.errors import ErrorCode, NeuroScriptError
from neuroscript.journal import codec
from neuroscript.journal.approvals import (
    APPROVAL,
    BEFORE,
    TIME_OUT,
    answer_in,
    answered,
    approval_of,
    asked,
    rule_of,
    until_of,
    waiting_for,
)
from neuroscript.journal.entries import BEGUN, DONE, ERROR, ONCE, READ, Entry, path_text
from neuroscript.journal.terms import FIRST
from neuroscript.tools.recovery import NOT_DONE, UNKNOWN

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any, NoReturn

    from neuroscript.approval import Approval
    from neuroscript.journal.codec import Border
    from neuroscript.journal.entries import Path, RunInfo
    from neuroscript.journal.store import JournalStore
    from neuroscript.tools.recovery import BoundRecovery

CLOCK = "the clock"
_place: ContextVar[_Place | None] = ContextVar("neuroscript_journal_place", default=None)
EVENT = "event"
OVER_BUDGET = "over budget"
"""The note of a call that was not made since the run's budget was used up."""

_UNCOUNTED = frozenset({CLOCK, APPROVAL, "run.Budget"})


class JournaledRun:
    """The calls of one run, each at its path.

    A call within a call, as where a tool calls a procedure of the script, stands below it; calls that go on side by
    side have a place each below that of the call that makes them.  Threads that a call makes for them are run in a copy
    of its context (`contextvars.copy_context`), by which they know where they stand.

    Args:
        journal: where they are kept.
        info: the run, as it was claimed.
        border: what stands for handles and functions.
        stop: ends the run with an error that no handler of the script sees.
        fire: fires an event: its name, payload and source.
        approver: asks a person in the host's own user interface.
    """

    def __init__(
        self,
        journal: JournalStore,
        info: RunInfo,
        border: Border,
        stop: Callable[[NeuroScriptError], NoReturn],
        fire: Callable[[str, Any, str], None],
        approver: Callable[[Approval], bool | None] | None = None,
    ) -> None:
        self._journal = journal
        self.terms = journal.terms
        self._approver = approver
        self.is_suspended = False
        """Whether this start ended since a person has to decide something."""
        self._border = border
        self._stop = stop
        self.info = info
        self._fire = fire
        self._lock = threading.Lock()
        self._known = {entry.path: entry for entry in journal.entries(info.run_id)}  # that have not been met again
        self._within: dict[Path, list[Path]] = {}  # of each call, those that stand below it
        for path in self._known:
            if len(path) > 1:
                self._within.setdefault(path[:-1], []).append(path)
        if info.ended:
            self._forget_last_failure()
        self._calls = sum(_is_counted(entry) for entry in self._known.values())
        self._granted = {
            json.loads(entry.note)[0].lower()
            for entry in self._known.values()
            if entry.tool == APPROVAL and rule_of(entry).endswith(FIRST) and (answer_in(info, entry) or [False])[0]
        }
        self._root = _Place(self, ())
        self._ids = 0

    @property
    def is_replaying(self) -> bool:
        """Whether there are calls in the journal that have not been met again."""
        return bool(self._known)

    @property
    def is_silent(self) -> bool:
        """Whether what is emitted now was emitted before, and is not wanted again."""
        return bool(self._known) and not self.terms.repeats_output

    def call(
        self,
        tool: str,
        effect: str,
        arguments: Any,
        do: Callable[[], Any],
        index: int | None = None,
        recovery: BoundRecovery | None = None,
    ) -> Any:
        """Makes a call, or gives what it gave before.

        Args:
            tool: its name.
            effect: one of `entries.EFFECTS` but ``pure``.
            arguments: its arguments, a value of the language.
            do: makes it.
            index: its place among calls that go on side by side; None for the next one in order.
            recovery: finds out whether the call was done, where its end is unknown.

        Raises:
            NeuroScriptError: what the call failed with, now or before.
        """
        path = self._next() if index is None else (*self._here().path, index)
        hashed = codec.digest(arguments, self._border)
        known = self._meet(path, tool, hashed)
        if known is not None and known.state == DONE:
            self._fire_again(path)
            return codec.decode(known.result, self._border)
        if known is not None and known.state == ERROR:
            self._fire_again(path)
            raise codec.decode_error(known.result)
        if known is not None and effect == ONCE:
            found = recovery.recover(codec.decode(known.note, self._border)) if recovery and known.note else UNKNOWN
            if found is UNKNOWN:
                self._open_end(known)
            if found is not NOT_DONE:
                self._end(replace(known, state=DONE, result=codec.encode(found, self._border), ended=time.time()))
                return found
        if known is None:
            self._spend(path, tool, hashed)
        self._ask_before(path, tool, arguments, hashed)
        note = codec.encode(recovery.prepare(), self._border) if recovery is not None else ""
        entry = Entry(path, tool, hashed, effect, BEGUN, note=note, begun=time.time())
        if effect != READ:
            self._begin(entry)
        with self._below(path):
            try:
                result = do()
                stored = codec.encode(result, self._border)
            except NeuroScriptError as error:
                self._end(replace(entry, state=ERROR, result=codec.encode_error(error), ended=time.time()))
                raise
        self._end(replace(entry, state=DONE, result=stored, ended=time.time()))
        return result

    def event(self, name: str, payload: Any, source: str, run: Callable[[], None]) -> None:
        """Runs the handlers of an event that a tool or the host fires; it is fired again where it was."""
        path = self._next()
        known = self._meet(path, f"{EVENT} {name}", codec.digest([payload, source], self._border))
        if known is None:
            stored = codec.encode([payload, source], self._border)
            digest = codec.digest([payload, source], self._border)
            self._end(Entry(path, f"{EVENT} {name}", digest, READ, DONE, stored, begun=time.time(), ended=time.time()))
        with self._below(path):
            run()

    def moment(self, now: int) -> int:
        """A moment in nanoseconds since 1970: the one given, or what it was before."""
        found: int = self.call(CLOCK, READ, None, lambda: now)
        return found

    def new_id(self) -> str:
        """An id that no other has, the same one whenever the run is replayed."""
        self._ids += 1
        made = hmac.digest(self.info.header.seed.encode(), f"{self.info.run_id} {self._ids}".encode(), "sha256")
        return str(uuid.UUID(bytes=made[:16], version=4))

    # --- what a person is asked -----------------------------------------------------------------------------------

    def approval(self, what: str, details: Any, seconds: float | None = None) -> Approval:
        """Asks a person for a yes, for the program; the run is suspended until there is an answer.

        Args:
            what: what is to be done, in words.
            details: more about it, a value of the language.
            seconds: the time in which somebody has to answer; None: what the terms of the run say.

        Raises:
            NeuroScriptError: 48 if it is refused.
        """
        return self._approved(self._next(), what, details, "", seconds)

    def _ask_before(self, path: Path, tool: str, arguments: Any, hashed: str) -> None:
        """Asks for a yes before a call, if the terms of the run want one; a refusal is how the call ends."""
        before = (*path, BEFORE)
        rule, holds_on = self.terms.rule_for(tool) if self.terms.ask_before else ("", False)
        if not rule or (holds_on and tool.lower() in self._granted):
            self._known.pop(before, None)
            return
        try:
            self._approved(before, tool, arguments, rule, None)
        except NeuroScriptError as error:
            now = time.time()
            self._end(Entry(path, tool, hashed, READ, ERROR, codec.encode_error(error), begun=now, ended=now))
            raise
        if holds_on:
            self._granted.add(tool.lower())

    def _approved(self, path: Path, what: str, details: Any, rule: str, seconds: float | None) -> Approval:
        seconds = seconds if seconds is not None else self.terms.approval_seconds
        entry = asked(path, what, details, rule, 0.0 if seconds is None else time.time() + seconds, self._border)
        known = self._meet(path, APPROVAL, entry.arguments)
        if known is not None and answer_in(self.info, known) is None:
            known = replace(known, state=entry.state, result="")  # a yes that is not this user's is none
        if known is None:
            self._begin(entry)
        entry = known or entry
        if answer_in(self.info, entry) is None:
            entry = self._answered(entry)
        shown = approval_of(self.info, entry)
        if not shown.answer:
            raise refused(shown)
        return shown

    def _answered(self, entry: Entry) -> Entry:
        """The answer to an approval that has none, from the host or by the time that has passed; else ends the run."""
        until, yes, by = until_of(entry), None, "the host"
        shown = approval_of(self.info, entry)
        if until and time.time() > until:
            yes, by = False, TIME_OUT
        elif self._approver is not None:
            yes = self._approver(shown)
        if yes is None:
            self.is_suspended = True
            raise self._stop(waiting_for(shown))
        entry = answered(self.info, entry, bool(yes), by, "")
        self._begin(entry)
        return entry

    # --- the budget -----------------------------------------------------------------------------------------------

    def budget(self) -> dict[str, Any]:
        """What the run has used of its budget, and what it may use; None where there is no limit."""
        told = {
            "calls": self._calls,
            "max_calls": self.terms.max_calls,
            "seconds": max(time.time() - self.info.started, 0.0),
            "deadline": self.terms.deadline,
        }
        counted = self._journal.budget
        more = dict(counted(self.info.run_id)) if counted is not None else {}
        return {**dict.fromkeys(("cost", "max_cost", "tokens", "max_tokens")), **told, **more}

    def _spend(self, path: Path, tool: str, hashed: str) -> None:
        """Counts a call that is about to be made, or refuses it where the budget of the run is used up."""
        if tool in _UNCOUNTED:
            return
        terms, problem = self.terms, ""
        if terms.max_calls is not None and self._calls >= terms.max_calls:
            problem = f"it has made all the calls that it may make (max_calls {terms.max_calls})"
        elif terms.deadline is not None and time.time() > self.info.started + terms.deadline:
            problem = f"its time is over: {terms.deadline:g} seconds after its first start (deadline)"
        if not problem:
            self._calls += 1
            return
        error = NeuroScriptError(
            ErrorCode.BUDGET_EXCEEDED, f"the budget of the run {self.info.run_id!r} does not allow {tool}: {problem}"
        )
        now = time.time()
        stored = codec.encode_error(error)
        self._end(Entry(path, tool, hashed, READ, ERROR, stored, OVER_BUDGET, begun=now, ended=now))
        raise error

    # --- replaying ------------------------------------------------------------------------------------------------

    def _next(self) -> Path:
        place = self._here()
        place.count += 1
        return (*place.path, place.count)

    def _here(self) -> _Place:
        """Where the running code stands; a run that a tool starts under another journal stands in that."""
        place = _place.get()
        return place if place is not None and place.run is self else self._root

    @contextmanager
    def _below(self, path: Path) -> Iterator[_Place]:
        place = _Place(self, path)
        outer = _place.set(place)
        try:
            yield place
        finally:
            _place.reset(outer)

    def _meet(self, path: Path, tool: str, arguments: str) -> Entry | None:
        """The entry at a path, which has to be that of this call; None where the journal ends."""
        with self._lock:
            known = self._known.pop(path, None)
        if known is not None and (known.tool != tool or known.arguments != arguments):
            same = "with other arguments" if known.tool == tool else f"where it was {known.tool}"
            self._diverged(f"call {path_text(path)} is {tool} now, {same}")
        return known

    def check_met(self) -> None:
        """Ends the run if it is over and its journal is not: then it took another way."""
        if self._known:
            path, entry = min(self._known.items())
            self._diverged(f"it is over, and has not made call {path_text(path)}, {entry.tool}")

    def _diverged(self, how: str) -> NoReturn:
        message = (
            f"the run {self.info.run_id!r} took another way than the journal: {how}; what a program does may depend"
        )
        self._stop(
            NeuroScriptError(ErrorCode.PRECONDITION_FAILED, f"{message} on nothing but its arguments and its calls")
        )

    def _open_end(self, entry: Entry) -> NoReturn:
        """Ends the run at a call that may have been made, and may not be made twice."""
        path = path_text(entry.path)
        self.is_suspended = True
        raise self._stop(
            NeuroScriptError(
                ErrorCode.PRECONDITION_FAILED,
                f"nobody knows whether call {path} of the run {self.info.run_id!r}, {entry.tool}, was done before it "
                f"was stopped; look, and decide: neuroscript runs resolve {self.info.run_id} {path} --done JSON, or "
                "--repeat, or --fail",
                details={"run_id": self.info.run_id, "path": path, "open": True, "suspended": True},
            )
        )

    def _fire_again(self, above: Path) -> None:
        """Runs the handlers of the events that were fired within a call that is not made again."""
        if above not in self._within:
            return
        with self._below(above) as place:
            for path in sorted(self._within[above]):
                entry = self._known.get(path)
                if entry is not None and entry.tool.startswith(f"{EVENT} "):
                    payload, source = codec.decode(entry.result, self._border)
                    place.count = path[-1] - 1
                    self._fire(entry.tool.removeprefix(f"{EVENT} "), payload, source)
        self._drop_within(above)

    def _drop_within(self, above: Path) -> None:
        """Forgets what callbacks did within a call that is not made again: it belongs to the call."""
        for path in self._within.get(above, ()):
            with self._lock:
                self._known.pop(path, None)
            self._drop_within(path)

    def _forget_last_failure(self) -> None:
        """Forgets the call by whose failure the run ended, and those above it, so that they are made again."""
        last = max(self._known.values(), key=lambda entry: max(entry.begun, entry.ended), default=None)
        if last is None or last.state != ERROR:
            return
        for size in range(len(last.path), 0, -1):
            above = self._known.get(last.path[:size])
            if above is None or above.state != ERROR:
                break
            del self._known[above.path]

    # --- writing --------------------------------------------------------------------------------------------------

    def _begin(self, entry: Entry) -> None:
        self._write(lambda: self._journal.begin(self.info.run_id, self.info.fence, entry))

    def _end(self, entry: Entry) -> None:
        durable = entry.effect != READ
        self._write(lambda: self._journal.end(self.info.run_id, self.info.fence, entry, durable=durable))

    def _write(self, write: Callable[[], None]) -> None:
        try:
            write()
        except NeuroScriptError as error:  # a run that cannot be journaled must not go on
            self._stop(error)


def _is_counted(entry: Entry) -> bool:
    """Whether an entry counts as a call of the run."""
    return entry.tool not in _UNCOUNTED and not entry.tool.startswith(f"{EVENT} ") and entry.note != OVER_BUDGET


class _Place:
    """Where the calls of a part of the run stand: the path above them, and how many there have been."""

    __slots__ = ("count", "path", "run")

    def __init__(self, run: JournaledRun, path: Path) -> None:
        self.run = run
        self.path = path
        self.count = 0
