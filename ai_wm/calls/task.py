"""Tasks: a prompt to be answered, with the options of the call."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from ai_wm.calls.clearance import Clearance
from ai_wm.calls.run_budget import RunBudget
from ai_wm.calls.streaming import StreamCallback
from ai_wm.calls.tool_host import ToolHost
from ai_wm.data.types import AIWorkerDefinition, PerformanceRecord
from ai_wm.providers.base import Message, ReplyCallback, Usage

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from ai_wm.data.attachments import Attachment
    from ai_wm.data.types import TokenUsageMetrics

Check = Callable[[], None]
"""Raises when the caller was cancelled."""

AttachmentReader = Callable[[Any, Check | None], "tuple[Attachment, ...]"]
"""Reads what the setting ``attach`` names; what is given last may raise to cancel."""


AddRecord = Callable[[PerformanceRecord, "TokenUsageMetrics | None"], object]
"""Stores a record, with the usage of its session if it has one."""


class CallsOfRun(Protocol):
    """The journal of a run, as its calls use it: `ai_wm.calls.journaling.CallJournal`, which knows of turns."""

    def id(self, purpose: str) -> str:
        """An id that the call which is made now keeps when it is made again."""

    def round(self, turn: Any, prepare: Callable[[], Any], send: Callable[[Any], Any]) -> Any:
        """Gives the reply of a turn's next round."""

    def record(self, turn: Any, make: Callable[[], PerformanceRecord]) -> PerformanceRecord:
        """The record of a turn."""

    def commit(
        self,
        turn: Any,
        record: PerformanceRecord,
        usage: TokenUsageMetrics | None,
        after: Callable[[], object] | None = None,
    ) -> None:
        """Commits the record of a turn with the end of the call that it belongs to."""

    def keep(self, kind: str, what: Mapping[str, Any]) -> None:
        """Keeps with the end of the call what it leaves in this process."""

    def tasks(self) -> AbstractContextManager[None]:
        """Where the tasks of a batch are."""

    def told_of(self, index: int) -> AbstractContextManager[None]:
        """Where the handlers of the events of a task are."""

    def task(self, index: int, arguments: list[Any], do: Callable[[], Any]) -> Any:
        """Makes one task of a batch, or gives what it gave before."""


@dataclass(slots=True, kw_only=True)  # each call makes one, which takes half the time where it is not frozen
class CallOptions:
    """Options of one call, in addition to the configuration of its worker.

    Args:
        tools: the source of the tools that the model may call; None: it has none.
        on_stream: receives the events of the call as they occur; None: nothing is streamed.
        check: called at intervals while waiting; raises to cancel.
        on_reply: receives address, status and headers of each reply of a server; None: nobody wants them.
        context: messages sent ahead of the prompt in this call only.
        clearance: the rights of the scripts that caused the call; None: the host itself caused it.
        budget: the budget of the run that caused the call; None: nothing of it is counted for a run.
        attachments: reads what the call attaches; None: as the host itself reads it.
        journal: the journal of the run that caused the call; None: it has none.
    """

    tools: ToolHost | None = None
    on_stream: StreamCallback | None = None
    check: Check | None = None
    on_reply: ReplyCallback | None = None
    context: tuple[Message, ...] = ()
    clearance: Clearance | None = None
    budget: RunBudget | None = None
    attachments: AttachmentReader | None = None
    journal: CallsOfRun | None = None


@dataclass(slots=True, kw_only=True)
class Task:
    """A prompt to be answered, by the worker asked for or by a fallback.

    Args:
        worker: the id or name of the definition asked for.
        ready: finds a definition by id or name, and raises if it may not answer this prompt.
        configure: returns the effective configuration with which a definition answers it.
        messages: the conversation; the model answers the last message.
        known: facts about the input for the record.
        options: the options of this call.
        store: stores a record, with the tokens that its turn used, by the function given, else in the store.
        instance_id: the instance whose turn it is; empty for a stateless task.
        embed: texts that are to be embedded, in place of a conversation to be answered.
        events: the events of this task, fired when no lock is held any more, since a listener may do anything.
        turns: how many workers have been asked.
    """

    worker: str
    ready: Callable[[str], AIWorkerDefinition]
    configure: Callable[[AIWorkerDefinition], dict[str, Any]]
    messages: tuple[Message, ...]
    known: Mapping[str, Any]
    options: CallOptions
    store: Callable[[PerformanceRecord, Usage, AddRecord | None], object]
    instance_id: str = ""
    embed: tuple[str, ...] = ()
    events: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    turns: int = 0


def subject_of(definition: AIWorkerDefinition) -> str:
    """Returns the name of a worker for messages."""
    return f"worker {definition.name or definition.definition_id!r}"
