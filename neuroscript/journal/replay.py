"""One journaled run: answers its calls from the journal as far as that goes, and writes those that come after it."""

from __future__ import annotations

import json
import time
from contextlib import contextmanager
from dataclasses import replace
from types import MappingProxyType

from neuroscript.approval import refused
from neuroscript.errors import ErrorCode, NeuroScriptError
from neuroscript.journal import codec
from neuroscript.journal.accounts import UNITS
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
from neuroscript.journal.books import apply_committed
from neuroscript.journal.call_budget import CallBudget
from neuroscript.journal.entries import BEGUN, DONE, DROPPED, ERROR, EVENTS, ONCE, PART, READ, Entry, path_text
from neuroscript.journal.ids import id_in
from neuroscript.journal.known import KnownCalls
from neuroscript.journal.ledger import SPENT, Ledger
from neuroscript.journal.payloads import Piece, has_piece, pieces_of, write_pieces
from neuroscript.journal.places import Place, below, place_in
from neuroscript.journal.terms import FIRST
from neuroscript.logs import get_logger
from neuroscript.tools.recovery import NOT_DONE, UNKNOWN

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from typing import Any, NoReturn

    from neuroscript.approval import Approval
    from neuroscript.journal.accounts import Membership
    from neuroscript.journal.codec import Border
    from neuroscript.journal.entries import Path, RunInfo
    from neuroscript.journal.payloads import Apply, LostCall, PieceKind
    from neuroscript.journal.store import JournalStore
    from neuroscript.tools.recovery import CallRecovery

CLOCK = "the clock"
OVER_BUDGET = "over budget"
"""The note of a call that was not made since the run's budget was used up."""

_LOG = get_logger("neuroscript.journal")
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
        kinds: what becomes of the pieces that tools have committed with the ends of calls, by kind.
        lost: what accounts for attempts whose end is not known, by the tool of their entries.
    """

    def __init__(
        self,
        journal: JournalStore,
        info: RunInfo,
        border: Border,
        stop: Callable[[NeuroScriptError], NoReturn],
        fire: Callable[[str, Any, str], None],
        approver: Callable[[Approval], bool | None] | None = None,
        kinds: Mapping[str, PieceKind] = MappingProxyType({}),
        lost: Mapping[str, LostCall] = MappingProxyType({}),
    ) -> None:
        self._journal = journal
        self.terms = journal.terms_of(info.run_id)
        self._approver = approver
        self.is_suspended = False
        """Whether this start ended since a person has to decide something."""
        self._border = border
        self._stop = stop
        self.info = info
        self._fire = fire
        self._restored = {kind: restore for kind, (_, restore) in kinds.items() if restore is not None}
        self.has_returned = False
        """Whether it is over for good."""
        apply_committed(journal, kinds, lost, info.run_id)
        entries = journal.entries(info.run_id)
        self._known = KnownCalls(entries)
        self._ledger = Ledger(entries)
        for entry in entries:
            if entry.state == BEGUN and entry.note and entry.tool in lost:
                self.spend_for(*lost[entry.tool](entry.note))
        if info.ended:
            self._forget_failed()
        self._budget = CallBudget(info, self.terms, sum(map(_is_counted, self._known)))
        self._granted = {
            json.loads(entry.note)[0].lower()
            for entry in self._known
            if entry.tool == APPROVAL and rule_of(entry).endswith(FIRST) and (answer_in(info, entry) or [False])[0]
        }
        self._settling: dict[Callable[[], object], None] = {}
        self._is_settled = False
        self._root = Place(self, ())
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
        recovery: CallRecovery | None = None,
        met: Callable[[Entry], None] | None = None,
        in_parts: bool = False,
    ) -> Any:
        """Makes a call, or gives what it gave before.

        Args:
            tool: its name.
            effect: one of `entries.EFFECTS` but ``pure``.
            arguments: its arguments, a value of the language.
            do: makes it.
            index: its place among calls that go on side by side; None for the next one in order.
            recovery: finds out whether the call was done, where its end is unknown.
            met: gets what the journal knows of the call, before it is answered with that or made again.
            in_parts: whether whatever it does outside is done by calls within it.  The beginning of the first of them
                waits for the disk, and with it this one's, which does not wait by itself.

        Raises:
            NeuroScriptError: what the call failed with, now or before.
        """
        path = self._next() if index is None else (*self._here().path, index)
        hashed = codec.digest(arguments, self._border)
        known = self._meet(path, tool, hashed)
        if known is not None and met is not None:
            met(known)
        if known is not None and known.state in (DONE, ERROR):
            self._restore(known)
        if known is not None and known.state == DONE:
            result = codec.decode(known.result, self._border)
            self._fire_again(path)
            return result
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
        # One that is made again keeps its beginning, so that what `id_here` gives is the same.
        begun = time.time() if known is None else known.begun
        entry = Entry(path, tool, hashed, effect, BEGUN, begun=begun)
        with below(self, path, begun) as place:
            try:
                if recovery is not None:
                    note = codec.encode(recovery.prepare(), self._border)
                    entry = Entry(path, tool, hashed, effect, BEGUN, note=note, begun=begun)
                if effect != READ and in_parts:
                    self._note_down(entry)
                elif effect != READ:
                    self._begin(entry)
                result = do()
                stored = codec.encode(result, self._border)
            except NeuroScriptError as error:
                self._end_with(place, entry, ERROR, codec.encode_error(error))
                raise
            self._end_with(place, entry, DONE, stored)
        return result

    # --- for tools ------------------------------------------------------------------------------------------------

    def attach(self, piece: Piece, apply: Apply | None = None) -> None:
        """Has the call that is being made commit something with its end.

        Args:
            piece: what it commits.
            apply: applies it, once the end is durable; what it raises is left to the next start.  It is given a
                function that it has called, in any thread, when what it did is durable as well: until then the journal
                is what the piece is kept in.
        """
        self._here().pieces.append((piece, apply))

    def at_end(self, settle: Callable[[], object]) -> None:
        """Has a function called when this start of the run ends, once, to make durable what pieces were applied to."""
        self._settling[settle] = None

    def settle(self) -> None:
        """Makes durable what the pieces of this start were applied to; after that none is marked as applied."""
        for settle in self._settling:
            try:
                settle()
            except NeuroScriptError as error:
                _LOG.warning("what the run %s has done is kept by its journal alone: %s", self.info.run_id, error)
        self._is_settled = True

    def id_here(self, purpose: str) -> str:
        """An id for the call that is being made, the same one if it is made again since its end is unknown."""
        place = self._here()
        return id_in(self.info, f"{path_text(place.path)} {place.begun!r} {purpose}")

    @property
    def path(self) -> Path:
        """Where the running code stands."""
        return self._here().path

    @contextmanager
    def within(self, index: int) -> Iterator[None]:
        """A place of its own below the call that is being made, for calls that are counted apart.

        Args:
            index: its number, which no call of that one and no other such place has.
        """
        place = self._here()
        with below(self, (*place.path, index), place.begun):
            yield

    def spend(self, amounts: dict[str, float]) -> None:
        """Says what the call that is being made has spent, of what is counted over all starts of the run."""
        self.attach(Piece(SPENT, json.dumps(amounts)))

    def spend_for(self, key: str, amounts: dict[str, float]) -> None:
        """Adds what was spent by something that leaves no entry, once for a key, durably with the next call."""
        self._note_down(self._ledger.add(key, amounts))

    def spent(self, what: str) -> float:
        """How much of something all starts of the run have spent so far."""
        return self._ledger.total(what)

    def event(self, name: str, payload: Any, source: str, run: Callable[[], None]) -> None:
        """Runs the handlers of an event that a tool or the host fires; it is fired again where it was."""
        path = self._next()
        known = self._meet(path, EVENTS + name, codec.digest([payload, source], self._border))
        if known is None:
            stored = codec.encode([payload, source], self._border)
            digest = codec.digest([payload, source], self._border)
            self._end(Entry(path, EVENTS + name, digest, READ, DONE, stored, begun=time.time(), ended=time.time()))
        with below(self, path):
            run()

    def moment(self, now: int) -> int:
        """A moment in nanoseconds since 1970: the one given, or what it was before."""
        found: int = self.call(CLOCK, READ, None, lambda: now)
        return found

    def new_id(self) -> str:
        """An id that no other has, the same one whenever the run is replayed."""
        self._ids += 1
        return id_in(self.info, str(self._ids))

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
        asks = self.terms.ask_before and not tool.startswith(PART)
        rule, holds_on = self.terms.rule_for(tool) if asks else ("", False)
        if not rule or (holds_on and tool.lower() in self._granted):
            self._known.take(before)
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
            raise self._stop(waiting_for(shown, self.terms))
        entry = answered(self.info, entry, bool(yes), by, "")
        self._begin(entry)
        return entry

    # --- the budget -----------------------------------------------------------------------------------------------

    def budget(self) -> dict[str, Any]:
        """What the run has used of its budget, and what it may use; None where there is no limit."""
        return self._budget.told()

    def share(self, shared: Membership) -> None:
        """Counts what the run uses in a budget that it shares, from now on, with what it has used before."""
        shared.begin(round(self.spent("cost") * UNITS), int(self.spent("tokens")), self._budget.calls)
        self._budget.shared = shared

    @property
    def shared(self) -> Membership | None:
        """The part of the run in a budget that several runs share; None if it shares none."""
        return self._budget.shared

    def _spend(self, path: Path, tool: str, hashed: str) -> None:
        """Counts a call that is about to be made, or refuses it where the budget of the run is used up."""
        if tool in _UNCOUNTED or tool.startswith(PART):
            return
        try:
            self._budget.count(tool)
        except NeuroScriptError as error:
            now = time.time()
            stored = codec.encode_error(error)
            self._end(Entry(path, tool, hashed, READ, ERROR, stored, OVER_BUDGET, begun=now, ended=now))
            raise

    # --- replaying ------------------------------------------------------------------------------------------------

    def _next(self) -> Path:
        place = self._here()
        place.count += 1
        return (*place.path, place.count)

    def _here(self) -> Place:
        """Where the running code stands."""
        place = place_in(self)
        return self._root if place is None else place

    def _meet(self, path: Path, tool: str, arguments: str) -> Entry | None:
        """The entry at a path, which has to be that of this call; None where the journal ends."""
        known = self._known.take(path)
        if known is not None and (known.tool != tool or known.arguments != arguments):
            same = "with other arguments" if known.tool == tool else f"where it was {known.tool}"
            self._diverged(f"call {path_text(path)} is {tool} now, {same}")
        return known

    def check_met(self) -> None:
        """Ends the run if it is over and its journal is not: then it took another way."""
        if self._known:
            entry = self._known.first()
            self._diverged(f"it is over, and has not made call {path_text(entry.path)}, {entry.tool}")

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
        resolve = self.terms.to_type("resolve", self.info.run_id, path)
        self.is_suspended = True
        raise self._stop(
            NeuroScriptError(
                ErrorCode.PRECONDITION_FAILED,
                f"nobody knows whether call {path} of the run {self.info.run_id!r}, {entry.tool}, was done before it "
                f"was stopped; look, and decide: {resolve} --done JSON, or --repeat, or --fail",
                details={"run_id": self.info.run_id, "path": path, "open": True, "suspended": True},
            )
        )

    def _restore(self, entry: Entry) -> None:
        """Puts back what a call, which is not made again, has left in the process that made it."""
        for path in self._known.below(entry.path):
            inner = self._known.get(path)
            self._restore(inner if inner is not None else Entry(path, "", "", READ, DONE))
        if not any(has_piece(entry.payload, kind) for kind in self._restored):
            return
        for piece in pieces_of(entry.payload):
            restore = self._restored.get(piece.kind)
            if restore is not None:
                try:
                    restore(self, piece.what)
                except NeuroScriptError as error:
                    self._stop(error)

    def _fire_again(self, above: Path) -> None:
        """Runs the handlers of the events that were fired within a call that is not made again."""
        if self._known.has_within(above):
            if self._known.has_events_within(above):
                self._fire_within(above)
            self._known.drop_within(above)

    def _fire_within(self, above: Path) -> None:
        with below(self, above) as place:
            for path in self._known.below(above):
                entry = self._known.get(path)
                if entry is not None and entry.tool.startswith(EVENTS):
                    payload, source = codec.decode(entry.result, self._border)
                    place.count = path[-1] - 1
                    self._fire(entry.tool.removeprefix(EVENTS), payload, source)
                elif self._known.has_events_within(path):
                    self._fire_within(path)

    def _forget_failed(self) -> None:
        """Takes out the calls that are made again since the run ended by their failure."""
        for entry in self._known.take_failed():
            self._note_down(self._ledger.take_over(entry))
            self._note_down(replace(entry, state=DROPPED, applied=True))

    # --- writing --------------------------------------------------------------------------------------------------

    def _begin(self, entry: Entry) -> None:
        self._write(lambda: self._journal.begin(self.info.run_id, self.info.fence, entry))

    def _end(self, entry: Entry) -> None:
        # The end of a part is durable with whatever comes next: the beginning of another, or the end of the whole.
        durable = (entry.effect != READ or bool(entry.payload)) and not entry.tool.startswith(PART)
        self._write(lambda: self._journal.end(self.info.run_id, self.info.fence, entry, durable=durable))

    def _note_down(self, entry: Entry | None) -> None:
        """Writes an entry that need not be durable before the next one."""
        if entry is not None:
            run_id, fence = self.info.run_id, self.info.fence
            self._write(lambda: self._journal.end(run_id, fence, entry, durable=False))

    def _end_with(self, place: Place, begun: Entry, state: str, result: str) -> None:
        """Ends a call with what it commits, which is applied once that is durable."""
        pieces = [piece for piece, _ in place.pieces]
        todo = [apply for _, apply in place.pieces if apply is not None]
        paths = [begun.path, *(path for piece in pieces for path in piece.covers)]
        payload = write_pieces(pieces) if pieces else ""
        is_applied = not todo and any(piece.kind != SPENT for piece in pieces)
        call = begun.path, begun.tool, begun.arguments, begun.effect
        entry = Entry(*call, state, result, begun.note, payload, is_applied, begun.begun, time.time())
        self._end(entry)
        self._ledger.note(entry)
        if not todo:
            return
        left = todo.copy()

        def applied() -> None:
            left.pop()
            if not left and not self._is_settled:
                self._mark_applied(paths)

        try:
            for apply in todo:
                apply(applied)
        except NeuroScriptError as error:
            _LOG.warning("what call %s has done is noted by its journal alone: %s", path_text(entry.path), error)

    def _mark_applied(self, paths: list[Path]) -> None:
        """Notes that pieces need not be applied again; the thread that this is called in may be anybody's."""
        try:
            self._journal.mark_applied(self.info.run_id, paths)
        except NeuroScriptError as error:
            _LOG.warning("the next start of %s does once more what was done: %s", self.info.run_id, error)

    def _write(self, write: Callable[[], None]) -> None:
        try:
            write()
        except NeuroScriptError as error:  # a run that cannot be journaled must not go on
            self._stop(error)


def _is_counted(entry: Entry) -> bool:
    """Whether an entry counts as a call of the run."""
    is_call = entry.tool not in _UNCOUNTED and not entry.tool.startswith((PART, EVENTS))
    return is_call and entry.note != OVER_BUDGET
