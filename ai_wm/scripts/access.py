"""The interface through which scripts, and the models that they call, use a worker manager.

Every tool, and ``ask``, goes through the access of its interpreter; the manager's own methods are the host's.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Self

from ai_wm.calls.journaling import CallJournal
from ai_wm.calls.run_budget import RunBudget, RunBudgets
from ai_wm.calls.streaming import StreamCallback
from ai_wm.calls.task import CallOptions, Check
from ai_wm.calls.tool_host import ToolHost
from ai_wm.data.bounds import check_size
from ai_wm.data.policy import WorkerPolicy
from ai_wm.data.script_settings import script_settings
from ai_wm.data.settings import check_overrides
from ai_wm.providers.base import Message
from ai_wm.scripts.definitions import ScriptDefinitions
from ai_wm.scripts.files import ScriptFiles, attachment_reader
from ai_wm.scripts.instances import ScriptInstances
from ai_wm.scripts.records import ScriptRecords
from ai_wm.scripts.rights import Rights
from ai_wm.support import progress
from ai_wm.support.ids import ExactId
from ai_wm.wiring import Wiring
from ai_wm.workers.batch import BatchTask, Progress, bad_overrides, read_tasks
from ai_wm.workers.conversation import ConversationManager
from ai_wm.workers.embedding import EmbeddingResult
from ai_wm.workers.session import Session
from ai_wm.workers.stateless import TaskResult
from neuroscript import ErrorCode, NeuroScriptError, Policy, ToolContext, ToolRegistry
from neuroscript.journal import JournaledRun

_SIZED_ELSEWHERE: Final = frozenset({"attach", "replies"})


class ScriptAccess:
    """The part of a worker manager that the scripts of one interpreter may use.

    Args:
        wiring: the services of the manager.
        rights: the rights of the scripts.
        files: the files that they may read.
    """

    def __init__(self, wiring: Wiring, rights: Rights, files: ScriptFiles) -> None:
        self._wiring = wiring
        self.rights = rights
        self.definitions = ScriptDefinitions(
            rights, wiring.definitions, wiring.instances, wiring.authorizer, wiring.key_status, wiring.store
        )
        self.records = ScriptRecords(rights, wiring.definitions, wiring.store, wiring.instances, wiring.clock)
        self.instances = ScriptInstances(rights, wiring.instances, self.records, files, wiring.read_as_host)
        self._attachments = attachment_reader(files)
        self.budgets = RunBudgets()
        """The budgets of the runs that cause the calls."""

    @classmethod
    def make(
        cls,
        wiring: Wiring,
        owner: str,
        policy: WorkerPolicy,
        files: ScriptFiles,
        *,
        unowned_are_ours: bool,
        assumes_prices: bool,
        model_directories: Sequence[Path],
    ) -> Self:
        """Makes the access for one owner's scripts; the arguments are those of `AIWorkerManager.script_access`."""
        rights = Rights(
            policy,
            owner,
            wiring.definitions,
            wiring.marks,
            wiring.clients.servers,
            unowned_are_ours=unowned_are_ours,
            assumes_prices=assumes_prices,
            model_path=wiring.clients.model_path,
            model_directories=(*model_directories, *([files.root] if files.root is not None else [])),
        )
        return cls(wiring, rights, files)

    # --- asking ---

    def tools(self, registry: ToolRegistry, policy: Policy, context: ToolContext) -> ToolHost:
        """Returns the source of the tools that models called by scripts may use."""
        return ToolHost(registry, policy, context, self.rights.policy.model_tools)

    def options(
        self,
        run: object,
        *,
        tools: ToolHost | None = None,
        check: Check | None = None,
        on_stream: StreamCallback | None = None,
        whispered: Sequence[str] = (),
        journal: JournaledRun | None = None,
    ) -> CallOptions:
        """Makes the options of a call: its tools, its callbacks, the rights of its scripts and the budget of its run.

        Args:
            run: identifies the run that causes the call.
            tools: the source of the tools that the model may call.
            check: called at intervals while waiting; raises to cancel.
            on_stream: receives the events of the call as they occur.
            whispered: texts that are sent to the model ahead of the prompt.
            journal: the journal of the run; None: it has none.
        """
        notes = tuple(Message(role="user", content=text) for text in whispered) if whispered else ()
        return CallOptions(
            tools=tools,
            on_stream=on_stream,
            check=check,
            context=notes,
            clearance=self.rights,
            budget=self.budget_of(run, journal),
            attachments=self._attachments,
            journal=None if journal is None else self.journal_of(journal),
        )

    def journal_of(self, run: JournaledRun) -> CallJournal:
        """The journal of a run as calls of models use it."""
        wiring = self._wiring
        return CallJournal(run, wiring.store, wiring.clock)

    def apply_record(self, what: str) -> None:
        """Stores a record that the journal of a run has committed, unless it is there."""
        from ai_wm.calls.journaling import apply_record

        apply_record(self._wiring.store, what)

    def account_for_lost(self, note: str) -> tuple[str, dict[str, float]]:
        """Records an attempt of a journaled run whose end is not known; see `neuroscript.Interpreter.on_lost`."""
        from ai_wm.calls.journaling import account_for_lost

        return account_for_lost(note, self._wiring.add_lost)

    def execute(
        self, id_or_name: str, prompt: str, overrides: Mapping[str, Any] | None, options: CallOptions
    ) -> TaskResult:
        """Sends one prompt to a worker, as a stateless task.

        Args:
            id_or_name: the definition.
            prompt: the prompt for the model.
            overrides: settings for this call.
            options: the rest of it, from `options`.

        Raises:
            NeuroScriptError: 10 for a worker or a setting that scripts may not ask or set; what
                `StatelessTasks.execute` raises.
        """
        worker, given = self._asked(id_or_name), self._settings(overrides)
        return self._wiring.tasks.execute(worker, prompt, given, options)

    def execute_batch(
        self,
        id_or_name: str,
        prompts: Sequence[str],
        max_parallel: int,
        overrides: Mapping[str, Any] | None,
        options: CallOptions,
    ) -> list[TaskResult | NeuroScriptError]:
        """Sends many prompts to a worker in parallel; returns one result or error for each, in order.

        Raises:
            NeuroScriptError: 10 as `execute`; what `Batches.execute` raises.
        """
        worker, given = self._asked(id_or_name), self._settings(overrides)
        return self._wiring.batches.execute(worker, prompts, max_parallel, given, options, _bar(options))

    def execute_all(
        self, tasks: Sequence[Mapping[str, Any]], max_parallel: int, options: CallOptions
    ) -> list[TaskResult | NeuroScriptError]:
        """Gives several workers a prompt each, in parallel; returns one result or error for each, in order.

        Args:
            tasks: maps ``worker``, ``prompt``, ``config_overrides`` (optional).
            max_parallel: how many run at once.
            options: the rest of each call, from `options`.

        Raises:
            NeuroScriptError: 4 for a task that does not fit, before any call; what `Batches.execute_all` raises.
        """
        checked: list[BatchTask | NeuroScriptError] = []
        for index, task in enumerate(read_tasks(tasks)):
            try:
                given = self._settings(task.overrides)
                checked.append(BatchTask(self._asked(task.worker), task.prompt, given))
            except NeuroScriptError as error:
                if error.code == ErrorCode.ARG_MISMATCH:
                    raise bad_overrides(index, error) from None
                checked.append(error)
        return self._wiring.batches.execute_all(checked, max_parallel, options, _bar(options))

    def embed(self, id_or_name: str, texts: Sequence[str], options: CallOptions) -> EmbeddingResult:
        """Embeds texts with a worker.

        Raises:
            NeuroScriptError: 10 as `execute`; what `Embeddings.embed` raises.
        """
        return self._wiring.embeddings.embed(self._asked(id_or_name), texts, None, options)

    def ask(
        self,
        conversation: ConversationManager,
        message: str,
        overrides: Mapping[str, Any] | None,
        options: CallOptions,
    ) -> Any:
        """Sends a message in a conversation, and returns the answer: its text, or with a schema the value.

        Raises:
            NeuroScriptError: 10 as `execute`; what `Conversations.ask` raises.
        """
        session, given = conversation.session, self._settings(overrides)
        self.rights.check_ask(self.rights.find(ExactId(session.definition_id)))
        return self._wiring.conversations.ask(session, message, given, options)

    def conversation(self, session: Session) -> ConversationManager:
        """Returns the conversation of an instance, which scripts get as a handle."""
        return ConversationManager(session, self._wiring.conversations)

    # --- inside ---

    def _asked(self, id_or_name: str) -> str:
        """The id of a worker, after a check that scripts may ask it."""
        definition = self.rights.find(id_or_name)
        self.rights.check_ask(definition)
        return ExactId(definition.definition_id)

    def _settings(self, overrides: Mapping[str, Any] | None) -> dict[str, Any]:
        if not overrides:
            return {}
        given = script_settings(check_overrides(overrides), self.rights.policy)
        sized = {name: value for name, value in given.items() if name not in _SIZED_ELSEWHERE}
        check_size(sized, "config_overrides")
        return given

    def budget_of(self, run: object, journal: JournaledRun | None) -> RunBudget:
        """The budget of a run, over all its starts if it has a journal.

        A call outside of any run gets a budget of its own.
        """
        policy, fakes = self.rights.policy, self._wiring.fakes
        limits = policy.max_cost_per_run, policy.max_tokens_per_run
        if fakes is not None and fakes.budgets is not None and limits != (None, None):
            shared: RunBudget = fakes.budgets.setdefault(limits, RunBudget(*limits))
            return shared
        return self.budgets.of(run, journal, *limits)


def _bar(options: CallOptions) -> Callable[[int], Progress]:
    """The progress bar of a batch; none where its replies are shown instead, or go elsewhere."""
    return functools.partial(progress.display, shown=None if options.on_stream is None else False)
