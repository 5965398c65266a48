"""Calls of models under the journal of a run: each round is an entry, and the records are committed with the call.

A round that is in the journal is not sent again.  One that was begun, and whose end is not known, is sent once more;
the lost attempt gets a record of its own, of what was reserved for it.  The record of a turn is committed with the end
of the journaled call that it belongs to, and stored after that: whatever comes between, the next start stores it.
So storing it need not wait for the disk: until it is there, the record is durable in the journal.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, Final

from ai_wm.calls.recording import INTERRUPTED, attempt_in_flight, lost_record
from ai_wm.calls.stored_forms import reply_map, reply_of, usage_map, usage_of
from ai_wm.data.types import PerformanceRecord, TokenUsageMetrics
from ai_wm.providers.base import LLMResponse
from ai_wm.store import Store
from neuroscript import ErrorCode, NeuroScriptError
from neuroscript.journal import BEGUN, IDEMPOTENT, PART, READ, Piece, decode, encode

if TYPE_CHECKING:
    from ai_wm.calls.turn import Turn
    from ai_wm.keys.grant import KeyGrant
    from ai_wm.support.clock import Clock
    from neuroscript.journal import Entry, JournaledRun

RECORD: Final = "ai_wm.record"
"""The kind of the pieces that commit records."""

SPAWNED: Final = "ai_wm.spawned"
"""The kind of those that tell of an instance that was spawned."""

SAID: Final = "ai_wm.said"
"""The kind of those that tell of a turn of a conversation."""

ROUND: Final = f"{PART}model"
"""The tool of the entries that rounds are."""

_RECORD: Final = f"{PART}record"
_TASK: Final = "task"
_COUNTED: Final = "counted"


class CallJournal:
    """The journal of one run, as calls of models use it.

    Args:
        run: the run.
        store: keeps the records.
        clock: for the moments in records.
    """

    def __init__(self, run: JournaledRun, store: Store, clock: Clock) -> None:
        self.run = run
        self._store = store
        self._clock = clock
        self._noted: tuple[PerformanceRecord, str] | None = None
        """The record that was made last, and its text."""
        run.at_end(store.sync)

    # --- rounds -------------------------------------------------------------------------------------------------------

    def id(self, purpose: str) -> str:
        """An id that the call which is made now keeps when it is made again."""
        return self.run.id_here(purpose)

    def round(
        self, turn: Turn, prepare: Callable[[], KeyGrant], send: Callable[[KeyGrant], LLMResponse]
    ) -> LLMResponse:
        """Gives the reply of a turn's next round: the one in the journal, or that of a request sent now.

        Args:
            turn: the turn.
            prepare: reserves the round and finds its key.
            send: sends it and counts what it used.

        Raises:
            NeuroScriptError: what the round failed with, now or before.
        """
        attempt = _Attempt(self, turn, prepare, send)
        try:
            found = self.run.call(
                ROUND, IDEMPOTENT, [turn.definition.definition_id], attempt.make, recovery=attempt, met=attempt.met
            )
        except NeuroScriptError as error:
            counted = error.details.pop(_COUNTED, None)
            if not attempt.is_new:
                self._repeat(turn, attempt, counted)
            raise
        if attempt.reply is not None:
            return attempt.reply
        self._repeat(turn, attempt, found[_COUNTED])
        return reply_of(found["reply"])

    def _repeat(self, turn: Turn, attempt: _Attempt, counted: dict[str, Any] | None) -> None:
        if turn.stream is not None:
            turn.stream.is_silent = True
        if counted is not None:
            turn.repeat(usage_of(counted["usage"]), counted, is_recorded=attempt.is_recorded)

    def interrupted(self, turn: Turn, call: dict[str, Any]) -> None:
        """Records an attempt that was cut off, with what it has used as far as that is known."""
        tokens, cost, charged = turn.round_use
        spent = _amounts_of(call)
        given = turn.counted[0] if turn.counted is not None else None
        if given is not None:
            call["llm_metrics"] |= {
                "input_tokens": given.input_tokens, "output_tokens": given.output_tokens, "total_tokens": tokens,
            }  # fmt: skip
            call["cost_incurred"] = cost
            spent = _amounts(tokens, charged)
        record = lost_record(call, turn.definition, None, self._clock.now(), why=INTERRUPTED)
        self._add(record, None, None)
        self.run.spend_for(call["task_id"], spent)

    # --- records ------------------------------------------------------------------------------------------------------

    def record(self, turn: Turn, make: Callable[[], PerformanceRecord]) -> PerformanceRecord:
        """The record of a turn, the same one if the turn is repeated from the journal."""
        made: list[PerformanceRecord] = []

        def do() -> str:
            made.append(make())
            return json.dumps(made[0].to_file())

        text: str = self.run.call(_RECORD, READ, turn.task_id, do)
        record = made[0] if made else PerformanceRecord.parse(json.loads(text))
        self._noted = record, text
        return record

    def commit(
        self,
        turn: Turn,
        record: PerformanceRecord,
        usage: TokenUsageMetrics | None,
        after: Callable[[], object] | None = None,
    ) -> None:
        """Commits the record of a turn with the end of the call that it belongs to.

        Args:
            turn: the turn.
            record: its record.
            usage: the usage of the session with it, of a conversation.
            after: called once it is stored.
        """

        def apply(applied: Callable[[], None]) -> None:
            self._add(record, usage, applied)
            if after is not None:
                after()

        noted = self._noted
        text = noted[1] if noted is not None and noted[0] is record else json.dumps(record.to_file())
        what = f'{{"record": {text}, "usage": {json.dumps(None if usage is None else usage.to_file())}}}'
        self.run.attach(Piece(RECORD, what, tuple(turn.journaled)), apply)

    def _add(self, record: PerformanceRecord, usage: TokenUsageMetrics | None, then: Callable[[], None] | None) -> None:
        try:
            self._store.add_record(record, usage, then=then)
        except NeuroScriptError as error:
            if error.code != ErrorCode.DUPLICATE:
                raise
            self._store.sync()
            if then is not None:
                then()

    # --- conversations ------------------------------------------------------------------------------------------------

    def keep(self, kind: str, what: Mapping[str, Any]) -> None:
        """Keeps with the end of the call that is made what it leaves in this process.

        Args:
            kind: what it is about.
            what: a value of the language, from which it is put back where the call is not made again.
        """
        self.run.attach(Piece(kind, encode(dict(what))))

    # --- batches ------------------------------------------------------------------------------------------------------

    def tasks(self) -> AbstractContextManager[None]:
        """Where the tasks of a batch are, each by its index; the batch's threads are made in it."""
        return self.run.within(0)

    def told_of(self, index: int) -> AbstractContextManager[None]:
        """Where the handlers of the events of a task are, which run in the thread that waits for the batch."""
        return self.run.within(index + 1)

    def task(self, index: int, arguments: list[Any], do: Callable[[], Any]) -> Any:
        """Makes one task of a batch, or gives what it gave before; values of the language."""
        return self.run.call(_TASK, IDEMPOTENT, arguments, do, index=index)


def apply_record(store: Store, what: str) -> None:
    """Stores a record that an earlier start has committed, unless it is there."""
    stored = json.loads(what)
    try:
        store.add_record(PerformanceRecord.parse(stored["record"]))
    except NeuroScriptError as error:
        if error.code != ErrorCode.DUPLICATE:
            raise
        store.sync()  # the start that stored it may not have waited for the disk


def account_for_lost(note: str, add_lost: Callable[[dict[str, Any]], object]) -> tuple[str, dict[str, float]]:
    """Records an attempt whose end is not known, unless that has been done.

    Args:
        note: what it had noted.
        add_lost: records it.

    Returns:
        a key of the attempt, and what it counts for in the budget of its run: what was reserved.
    """
    call = decode(note)
    try:
        add_lost(call)
    except NeuroScriptError as error:
        if error.code != ErrorCode.DUPLICATE:
            raise
    return call["task_id"], _amounts_of(call)


def _amounts_of(call: Mapping[str, Any]) -> dict[str, float]:
    """What was reserved for an attempt."""
    return _amounts(call["llm_metrics"]["total_tokens"], call["charged"])


def _amounts(tokens: int, charged: float) -> dict[str, float]:
    """What a request counts for in the budget of its run."""
    return {"cost": charged, "tokens": tokens}


class _Attempt:
    """One round of a turn as it meets the journal.

    Attributes:
        is_new: whether it is made now.
        is_recorded: of one that the journal has, whether a record accounts for it.
        reply: the reply of one that is made now.
    """

    def __init__(
        self,
        journal: CallJournal,
        turn: Turn,
        prepare: Callable[[], KeyGrant],
        send: Callable[[KeyGrant], LLMResponse],
    ) -> None:
        self._journal = journal
        self._turn = turn
        self._prepare = prepare
        self._send = send
        self._call: dict[str, Any] = {}
        self._grant: KeyGrant | None = None
        self.is_new = False
        self.is_recorded = False
        self.reply: LLMResponse | None = None

    def met(self, entry: Entry) -> None:
        """Takes what the journal knows of the round."""
        if entry.state == BEGUN:  # its attempt was accounted for when the run started
            return
        self.is_recorded = entry.applied
        if not entry.applied:
            self._turn.journaled.append(entry.path)

    def prepare(self) -> dict[str, Any]:
        """Reserves the round; gives the record that the attempt gets if it is lost."""
        turn, journal = self._turn, self._journal
        self.is_new = True
        if turn.stream is not None:
            turn.stream.is_silent = False
        turn.journaled.append(journal.run.path)
        self._grant = self._prepare()
        turn.idempotency_key = journal.id("attempt")
        self._call = attempt_in_flight(turn, journal._clock.seconds())
        return self._call

    def recover(self, before: Any) -> Any:
        """Never called: a round may always be made again."""
        raise AssertionError  # pragma: no cover

    def make(self) -> dict[str, Any]:
        """Sends the round."""
        turn, journal = self._turn, self._journal
        assert self._grant is not None
        try:
            self.reply = self._send(self._grant)
        except NeuroScriptError as error:
            error.details[_COUNTED] = self._counted()
            raise
        except BaseException:  # the run ends here, and goes on with this round once more
            journal.interrupted(turn, self._call)
            raise
        return {"reply": reply_map(self.reply, turn.secrets), _COUNTED: self._counted()}

    def _counted(self) -> dict[str, Any] | None:
        """What the round has used, in a form that can be kept; None if it was not sent."""
        turn = self._turn
        if turn.counted is None:
            return None
        usage, cost, source, attempts, sent = turn.counted
        if sent:
            tokens, _, charged = turn.round_use
            self._journal.run.spend(_amounts(tokens, charged))
        return {"usage": usage_map(usage), "cost": cost, "source": source, "attempts": attempts, "sent": sent}
