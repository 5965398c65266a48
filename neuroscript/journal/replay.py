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
from types import MappingProxyType

from neuroscript.errors import ErrorCode, NeuroScriptError
from neuroscript.journal import codec
from neuroscript.journal.entries import BEGUN, DONE, ERROR, IDEMPOTENT, ONCE, READ, Entry, path_text
from neuroscript.journal.payloads import Piece, pieces_of, write_pieces
from neuroscript.logs import get_logger
from neuroscript.tools.recovery import NOT_DONE, UNKNOWN

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from typing import Any, NoReturn

    from neuroscript.journal.codec import Border
    from neuroscript.journal.entries import Path, RunInfo
    from neuroscript.journal.payloads import PieceKind
    from neuroscript.journal.store import JournalStore
    from neuroscript.tools.recovery import CallRecovery

CLOCK = "the clock"
_place: ContextVar[_Place | None] = ContextVar("neuroscript_journal_place", default=None)
EVENT = "event"
SPENT = "spent"
_LEDGER = 0
"""The first part of the paths of what was spent, which no call has."""
_LOG = get_logger("neuroscript.journal")


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
        kinds: what becomes of the pieces that tools have committed with the ends of calls, by kind.
    """

    def __init__(
        self,
        journal: JournalStore,
        info: RunInfo,
        border: Border,
        stop: Callable[[NeuroScriptError], NoReturn],
        fire: Callable[[str, Any, str], None],
        kinds: Mapping[str, PieceKind] = MappingProxyType({}),
    ) -> None:
        self._journal = journal
        self._border = border
        self._stop = stop
        self.info = info
        self._fire = fire
        self._lock = threading.Lock()
        self._kinds = kinds
        self.has_returned = False
        """Whether it is over for good."""
        self._apply_rest()
        entries = journal.entries(info.run_id)
        self._known = {entry.path: entry for entry in entries if entry.path[0] != _LEDGER}  # and not met again so far
        self._spent = [json.loads(entry.result) for entry in entries if entry.path[0] == _LEDGER]
        self._within: dict[Path, set[Path]] = {}  # of each place, those just below it
        for path in self._known:
            for size in range(1, len(path)):
                self._within.setdefault(path[:size], set()).add(path[: size + 1])
        if info.ended:
            self._forget_last_failure()
        self._root = _Place(self, (), None)
        self._ids = 0

    @property
    def is_replaying(self) -> bool:
        """Whether there are calls in the journal that have not been met again."""
        return bool(self._known)

    def call(
        self,
        tool: str,
        effect: str,
        arguments: Any,
        do: Callable[[], Any],
        index: int | None = None,
        recovery: CallRecovery | None = None,
        met: Callable[[Entry], None] | None = None,
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
        # One that is made again keeps its beginning, so that what `id_here` gives is the same.
        begun = time.time() if known is None else known.begun
        entry = Entry(path, tool, hashed, effect, BEGUN, begun=begun)
        with self._below(path, begun) as place:
            try:
                if recovery is not None:
                    entry = replace(entry, note=codec.encode(recovery.prepare(), self._border))
                if effect != READ:
                    self._begin(entry)
                result = do()
                stored = codec.encode(result, self._border)
            except NeuroScriptError as error:
                self._end_with(place, replace(entry, state=ERROR, result=codec.encode_error(error)))
                raise
            self._end_with(place, replace(entry, state=DONE, result=stored))
        return result

    # --- for tools ------------------------------------------------------------------------------------------------

    def attach(self, piece: Piece, apply: Callable[[], None] | None = None) -> None:
        """Has the call that is being made commit something with its end.

        Args:
            piece: what it commits.
            apply: applies it, once the end is durable; what it raises is left to the next start.
        """
        self._here().pieces.append((piece, apply))

    def id_here(self, purpose: str) -> str:
        """An id for the call that is being made, the same one if it is made again since its end is unknown."""
        place = self._here()
        return self._id(f"{path_text(place.path)} {place.begun!r} {purpose}")

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
        with self._below((*place.path, index), place.begun):
            yield

    def spend(self, amounts: dict[str, float]) -> None:
        """Adds to what all starts of the run have spent; it is durable with the next call that is."""
        with self._lock:
            self._spent.append(amounts)
            path = (_LEDGER, len(self._spent))
        moment = time.time()
        entry = Entry(path, SPENT, "", READ, DONE, json.dumps(amounts), begun=moment, ended=moment)
        self._write(lambda: self._journal.end(self.info.run_id, self.info.fence, entry, durable=False))

    def spent(self, what: str) -> float:
        """How much of something all starts of the run have spent so far."""
        with self._lock:
            return float(sum(amounts.get(what, 0) for amounts in self._spent))

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
        return self._id(str(self._ids))

    def _id(self, of: str) -> str:
        made = hmac.digest(self.info.header.seed.encode(), f"{self.info.run_id} {of}".encode(), "sha256")
        return str(uuid.UUID(bytes=made[:16], version=4))

    # --- replaying ------------------------------------------------------------------------------------------------

    def _next(self) -> Path:
        place = self._here()
        place.count += 1
        return (*place.path, place.count)

    def _here(self) -> _Place:
        """Where the running code stands; what a tool runs under another journal stands there as well."""
        place = _place.get()
        while place is not None and place.run is not self:
            place = place.outer
        return self._root if place is None else place

    @contextmanager
    def _below(self, path: Path, begun: float = 0.0) -> Iterator[_Place]:
        """A place below a path, where a call began at some time."""
        place = _Place(self, path, _place.get(), begun)
        before = _place.set(place)
        try:
            yield place
        finally:
            _place.reset(before)

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
        raise self._stop(
            NeuroScriptError(
                ErrorCode.PRECONDITION_FAILED,
                f"nobody knows whether call {path} of the run {self.info.run_id!r}, {entry.tool}, was done before it "
                f"was stopped; look, and decide: neuroscript runs resolve {self.info.run_id} {path} --done JSON, or "
                "--repeat, or --fail",
                details={"run_id": self.info.run_id, "path": path, "open": True},
            )
        )

    def _restore(self, entry: Entry) -> None:
        """Puts back what a call, which is not made again, has left in the process that made it."""
        for path in sorted(self._within.get(entry.path, ())):
            below = self._known.get(path)
            self._restore(below if below is not None else Entry(path, "", "", READ, DONE))
        for piece in pieces_of(entry.payload):
            kind = self._kinds.get(piece.kind)
            if kind is not None and kind[1] is not None:
                try:
                    kind[1](self, piece.what)
                except NeuroScriptError as error:
                    self._stop(error)

    def _fire_again(self, above: Path) -> None:
        """Runs the handlers of the events that were fired within a call that is not made again."""
        if above not in self._within:
            return
        self._fire_within(above)
        self._drop_within(above)

    def _fire_within(self, above: Path) -> None:
        with self._below(above) as place:
            for path in sorted(self._within.get(above, ())):
                entry = self._known.get(path)
                if entry is not None and entry.tool.startswith(f"{EVENT} "):
                    payload, source = codec.decode(entry.result, self._border)
                    place.count = path[-1] - 1
                    self._fire(entry.tool.removeprefix(f"{EVENT} "), payload, source)
                else:
                    self._fire_within(path)

    def _drop_within(self, above: Path) -> list[Path]:
        """Forgets what callbacks did within a call that is not made again: it belongs to the call."""
        dropped = []
        for path in self._within.get(above, ()):
            with self._lock:
                if self._known.pop(path, None) is not None:
                    dropped.append(path)
            dropped += self._drop_within(path)
        return dropped

    def _forget_last_failure(self) -> None:
        """Forgets the call by whose failure the run ended, with those above and below it that failed by it.

        They are made again; what was done within them before is not.
        """
        last = max(self._known.values(), key=lambda entry: max(entry.begun, entry.ended), default=None)
        if last is None or last.state != ERROR:
            return
        forgotten: list[Path] = []
        for size in range(len(last.path) - 1, 0, -1):
            above = self._known.get(last.path[:size])
            if above is None or above.state != ERROR:
                break
            forgotten.append(above.path)
        self._forget(last.path, forgotten)
        for path in forgotten:
            self._known.pop(path, None)
        self._write(lambda: self._journal.forget(self.info.run_id, forgotten))

    def _forget(self, failed: Path, forgotten: list[Path]) -> None:
        """Forgets a call that failed, and the last one below it if that is what it failed by, or may be made again."""
        forgotten.append(failed)
        for path in sorted(self._within.get(failed, ()), reverse=True):
            entry = self._known.get(path)
            if entry is None:  # a place of calls that went on side by side
                for each in self._within.get(path, ()):
                    if each in self._known and self._known[each].state == ERROR:
                        self._forget(each, forgotten)
            elif entry.tool.startswith(f"{EVENT} ") or entry.effect == READ:  # told of the failure
                forgotten += [path, *self._drop_within(path)]
            elif entry.state == ERROR:
                self._forget(path, forgotten)
                return
            else:
                if entry.effect == IDEMPOTENT:
                    forgotten += [path, *self._drop_within(path)]
                return

    # --- writing --------------------------------------------------------------------------------------------------

    def _begin(self, entry: Entry) -> None:
        self._write(lambda: self._journal.begin(self.info.run_id, self.info.fence, entry))

    def _end(self, entry: Entry) -> None:
        durable = entry.effect != READ or bool(entry.payload)
        self._write(lambda: self._journal.end(self.info.run_id, self.info.fence, entry, durable=durable))

    def _end_with(self, place: _Place, entry: Entry) -> None:
        """Ends a call with what it commits, which is applied once that is durable."""
        pieces = [piece for piece, _ in place.pieces]
        todo = [apply for _, apply in place.pieces if apply is not None]
        payload = write_pieces(pieces) if pieces else ""
        self._end(replace(entry, ended=time.time(), payload=payload, applied=bool(pieces) and not todo))
        if not todo:
            return
        try:
            for apply in todo:
                apply()
        except NeuroScriptError as error:
            _LOG.warning("what call %s has done is noted by its journal alone: %s", path_text(entry.path), error)
            return
        paths = [path for piece in pieces for path in piece.covers]
        self._journal.mark_applied(self.info.run_id, [entry.path, *paths])

    def _apply_rest(self) -> None:
        """Applies what earlier starts have committed, and perhaps not applied."""
        for run_id, entry in list(self._journal.unapplied()):
            if run_id != self.info.run_id:
                continue
            pieces = pieces_of(entry.payload)
            known = [(self._kinds.get(piece.kind), piece.what) for piece in pieces]
            for kind, what in known:
                if kind is not None and kind[0] is not None:
                    kind[0](what)
            if all(kind is not None for kind, _ in known):
                paths = [path for piece in pieces for path in piece.covers]
                self._journal.mark_applied(run_id, [entry.path, *paths])

    def _write(self, write: Callable[[], None]) -> None:
        try:
            write()
        except NeuroScriptError as error:  # a run that cannot be journaled must not go on
            self._stop(error)


class _Place:
    """Where the calls of a part of the run stand: the path above them, and how many there have been.

    Attributes:
        run: whose place it is.
        outer: the place around it, which may be another run's.
        begun: when the call at the path began.
        pieces: what the call commits with its end, and what applies that.
    """

    __slots__ = ("begun", "count", "outer", "path", "pieces", "run")

    def __init__(self, run: JournaledRun, path: Path, outer: _Place | None, begun: float = 0.0) -> None:
        self.run = run
        self.path = path
        self.outer = outer
        self.begun = begun
        self.count = 0
        self.pieces: list[tuple[Piece, Callable[[], None] | None]] = []
