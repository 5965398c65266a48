"""The protocol of stores, which keep definitions and performance data through crashes.

A method that returns has done what it says for good: after it, neither a killed process nor a lost power supply takes
anything back.  A method that raises has done nothing.  Every method may be called from any thread, and other processes
may be at work on the same store; what they have finished is seen by the next call here.

A store adds its records up too, because only it sees every one of them once: `summary` and the filters of `records`
cover what is stored and what live instances, of any process, have logged so far.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, MutableMapping, Sequence
from typing import Any, Protocol, TypeVar

from ai_wm.data.record_filter import RecordFilter
from ai_wm.data.types import (
    AIWorkerDefinition,
    AIWorkerInstance,
    AIWorkerInstanceStatus,
    AIWorkerPerformanceSummary,
    PerformanceRecord,
    RetiredInstanceInfo,
    SupervisorFeedback,
    Timestamp,
    TokenUsageMetrics,
)
from ai_wm.store.removed_definitions import RemovedDefinition
from ai_wm.store.rows import Row

T = TypeVar("T")


class Store(Protocol):
    """Definitions and performance data, kept durably.

    The module's documentation says what every method promises.
    """

    # Definitions

    def definitions(self) -> Mapping[str, AIWorkerDefinition]:
        """Every definition by id, in the order of the file.

        The mapping, a `DefinitionTable`, and the definitions in it are shared: change neither, make copies
        (``model_copy(deep=True)``).  The mapping goes with what is changed later; what is iterated over does not.  The
        summary in the definitions may lag; `summary` gives the current one.
        """
        ...

    def change_definitions(self, change: Callable[[MutableMapping[str, AIWorkerDefinition]], T]) -> T:
        """Change definitions in one step that no other thread or process comes between.

        It costs what is changed, not what is there.

        Args:
            change: gets the current definitions, a `DefinitionChanges`, to put into, take out of, or replace in (the
                definitions themselves must not be modified; put changed copies).  It runs with the store locked: it
                must be quick and must not call the store.  If it raises, nothing is changed.  Summaries in the
                definitions are ignored: the store puts its own.

        Returns:
            what ``change`` returned, after the new state is durable; the file may follow by a second.

        Raises:
            NeuroScriptError: 4 for a definition that JSON has no form for, 25 or 26 if it cannot be written; then the
                stored and the loaded state are as before.
        """
        ...

    # Live instances

    def start_instance(self, instance: AIWorkerInstance, run_id: str = "") -> None:
        """Note that an instance was spawned.

        Its ``active_file_contexts`` become the ``initial_file_contexts`` of its entry.  If the process dies before the
        instance is retired, the next start stores it as ``retired_error``, with all its records, and a reason that says
        so.  One of a run with a journal, whose id is given, is stored as ``suspended`` instead: it may be retired
        later, when the run has gone on.

        Raises:
            NeuroScriptError: 42 if an instance of that id is known.
        """
        ...

    def set_session_usage(self, instance_id: str, usage: TokenUsageMetrics) -> None:
        """Note how many tokens the session of a live instance has used so far.

        Raises:
            NeuroScriptError: 9 if this store holds no such live instance.
        """
        ...

    def retire_instance(
        self,
        instance_id: str,
        *,
        final_status: AIWorkerInstanceStatus,
        reason: str,
        retired_at: Timestamp,
        usage: TokenUsageMetrics | None = None,
        records: Sequence[PerformanceRecord] | None = None,
        is_resumed: bool = False,
    ) -> RetiredInstanceInfo:
        """End a live instance and store it as an entry, with all its records.

        Args:
            instance_id: whose end it is.
            final_status: the status of the entry.
            reason: why it was retired.
            retired_at: when.
            usage: the session's tokens; None: those noted so far.
            records: the records to store; None: those logged so far.  When given, they replace those logged.
            is_resumed: whether it may be stored already: as suspended, or by an earlier start of its run that retired
                it; then that entry is replaced.

        Returns:
            the entry.

        Raises:
            NeuroScriptError: 9 if this store holds no such live instance, 42 if a record that is given is of a task of
                another instance.
        """
        ...

    # Records

    def add_record(
        self,
        record: PerformanceRecord,
        usage: TokenUsageMetrics | None = None,
        *,
        then: Callable[[], object] | None = None,
    ) -> None:
        """Store the record of one task.

        A record whose ``instance_id`` is a live instance's belongs to it; one of a retired instance is added to what
        is stored of that; any other is stored as an entry of its own.

        Args:
            record: the record, which must not be changed afterwards.
            usage: the session's token usage with this task included, noted in the same step (live instances only).
            then: called, in any thread, when the record is durable, for a caller that has it elsewhere until then and
                does not wait for the disk: within a second, or by `sync`.  None: it is durable when this returns.

        Raises:
            NeuroScriptError: 42 if a task of that id is known.
        """
        ...

    def add_feedback(self, task_id: str, feedback: SupervisorFeedback) -> PerformanceRecord:
        """Attach feedback to the record of a task, in the place of what it had.

        Returns:
            the record with it.

        Raises:
            NeuroScriptError: 9 if there is no such task.
        """
        ...

    def record(self, task_id: str) -> PerformanceRecord | None:
        """The record of a task, or None if there is none."""
        ...

    def records(self, definition_id: str, where: RecordFilter | None = None) -> list[PerformanceRecord]:
        """The records of a definition that pass the filter, newest first (by start)."""
        ...

    def record_maps(self, definition_id: str, where: RecordFilter | None = None) -> list[dict[str, Any]]:
        """The same as `records` in the form that scripts see (`PerformanceRecord.to_script`), several times as fast."""
        ...

    def rows(self, definition_id: str, where: RecordFilter | None = None) -> list[Row]:
        """The figures of the same records, without their texts, many times as fast again."""
        ...

    def removed(self) -> list[RemovedDefinition]:
        """The definitions that have records and are there no more, the last removed first."""
        ...

    def instance_records(self, instance_id: str) -> list[PerformanceRecord]:
        """The records of one instance, live or retired, in the order logged."""
        ...

    def entries(self) -> Iterator[RetiredInstanceInfo]:
        """Every stored entry, oldest first: retired instances and stateless tasks."""
        ...

    def summary(self, definition_id: str) -> AIWorkerPerformanceSummary:
        """Add up the tasks of a definition, as they are at this moment."""
        ...

    # The whole

    def sync(self) -> None:
        """Wait until all that was stored is durable.

        Raises:
            NeuroScriptError: 25 or 26 if the disk fails.
        """
        ...

    def reload(self) -> None:
        """Read everything from the files again.

        Raises:
            NeuroScriptError: 18 if a file is not valid; then the loaded state stays as it was.
        """
        ...

    def save(self) -> None:
        """Bring the files up to date, for people and other programs.

        The summaries are as they are at this moment.  Feedback is in the file of the records, and superseded entries
        are not, once they would waste much of it.

        Raises:
            NeuroScriptError: 25 or 26 if they cannot be written; nothing is lost then.
        """
        ...

    def close(self) -> None:
        """Bring the files up to date and close them.

        Live instances that were not retired are stored as ``retired_error`` at the next start.
        """
        ...
