"""Doing a task: with the definition asked for or a fallback, recorded and told of whatever becomes of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ai_wm.calls.fallbacks import try_in_turn
from ai_wm.calls.recording import Tried, record_of, tell_completed, tell_failed
from ai_wm.calls.turn import CallOptions, ModelCalls, Turn
from ai_wm.data.types import STATELESS_PREFIX, AIWorkerDefinition, PerformanceRecord
from ai_wm.providers.base import Message
from ai_wm.support.clock import Clock
from ai_wm.support.events import Events
from ai_wm.support.ids import new_id
from neuroscript import NeuroScriptError


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What is to be done, before it is known who does it.

    Args:
        messages: the conversation; the last message is what the model answers.
        known: what a record says of the input.
        options: what belongs to this call alone.
        overrides: settings on top of the definition's, later ones on top of earlier ones.
        log: stores a record, and counts what its turn used.
        instance_id: whose turn it is; empty for a stateless task.
    """

    messages: tuple[Message, ...]
    known: Mapping[str, Any]
    options: CallOptions
    overrides: Sequence[Mapping[str, Any]]
    log: Callable[[Turn, PerformanceRecord], object]
    instance_id: str = ""
    told: list[Callable[[], None]] = field(default_factory=list)

    def tell(self) -> None:
        """Fires the events of this task.  Call it when nothing is held any more: who listens may do anything."""
        while self.told:
            self.told.pop(0)()


@dataclass(frozen=True, slots=True)
class Runner:
    """Does tasks with the parts of one manager."""

    calls: ModelCalls
    clock: Clock
    events: Events

    def run(
        self,
        task: Task,
        definition: AIWorkerDefinition,
        config: dict[str, Any],
        ready: Callable[[str], AIWorkerDefinition],
    ) -> tuple[Turn, PerformanceRecord]:
        """The turn that gave the answer, and its record.

        Args:
            task: what to do.
            definition: who is to do it.
            config: its effective configuration; the ``fallbacks`` in it are tried where it fails.
            ready: gives a fallback ready for use, or raises.

        Raises:
            NeuroScriptError: 20 or 46 refused by the limits; 18 no key; 16, 31, 40, 44, 45 or 47 from the call; 25 or
                26 where the record cannot be stored.
        """

        def attempt(
            worker: AIWorkerDefinition, config: dict[str, Any], tried: Sequence[Tried]
        ) -> tuple[Turn, PerformanceRecord]:
            return self._attempt(task, worker, config, tried)

        return try_in_turn(definition, config, task.overrides, ready, attempt)

    def _attempt(
        self, task: Task, definition: AIWorkerDefinition, config: dict[str, Any], tried: Sequence[Tried]
    ) -> tuple[Turn, PerformanceRecord]:
        instance_id = task.instance_id or f"{STATELESS_PREFIX}{new_id()}"
        session = task.instance_id or definition.definition_id
        stop = self.clock.measure()
        record: PerformanceRecord | None = None
        try:
            with Turn(self.calls, definition, config, session, task.options) as turn:
                try:
                    turn.run(task.messages)
                except BaseException as error:  # an interrupted call was made as well, and is counted
                    if turn.called:
                        failed = record_of(turn, stop(), instance_id, task.known, error=error, tried=tried)
                        task.log(turn, failed)
                        record = failed
                    raise
                made = record_of(turn, stop(), instance_id, task.known, tried=tried)
                task.log(turn, made)
                record = made
        except NeuroScriptError as error:
            failure, known = error, record
            task.told.append(lambda: tell_failed(self.events, definition, instance_id, failure, known))
            raise
        task.told.append(lambda: tell_completed(self.events, definition, made))
        return turn, made
