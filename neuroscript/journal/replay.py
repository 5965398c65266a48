"""One journaled run: answers its calls from the journal as far as that goes, and writes those that come after it."""

from __future__ import annotations

import hmac
import threading
import time
import uuid
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import replace

from neuroscript.errors import ErrorCode, NeuroScriptError
from neuroscript.journal import codec
from neuroscript.journal.entries import BEGUN, DONE, ERROR, ONCE, READ, Entry, path_text
from neuroscript.tools.recovery import NOT_DONE, UNKNOWN

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any, NoReturn

    from neuroscript.journal.codec import Border
    from neuroscript.journal.entries import Path, RunInfo
    from neuroscript.journal.store import JournalStore
    from neuroscript.tools.recovery import BoundRecovery

CLOCK = "the clock"
_place: ContextVar[_Place | None] = ContextVar("neuroscript_journal_place", default=None)
EVENT = "event"


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
    """

    def __init__(
        self,
        journal: JournalStore,
        info: RunInfo,
        border: Border,
        stop: Callable[[NeuroScriptError], NoReturn],
        fire: Callable[[str, Any, str], None],
    ) -> None:
        self._journal = journal
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
        self._root = _Place(self, ())
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
        raise self._stop(
            NeuroScriptError(
                ErrorCode.PRECONDITION_FAILED,
                f"nobody knows whether call {path} of the run {self.info.run_id!r}, {entry.tool}, was done before it "
                f"was stopped; look, and decide: neuroscript runs resolve {self.info.run_id} {path} --done JSON, or "
                "--repeat, or --fail",
                details={"run_id": self.info.run_id, "path": path, "open": True},
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


class _Place:
    """Where the calls of a part of the run stand: the path above them, and how many there have been."""

    __slots__ = ("count", "path", "run")

    def __init__(self, run: JournaledRun, path: Path) -> None:
        self.run = run
        self.path = path
        self.count = 0
