"""The manager of AI workers: a facade for definitions, instances, tasks, records and limits."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from ai_wm.calls.pricing import PriceSource
from ai_wm.calls.streaming import StreamCallback
from ai_wm.calls.task import CallOptions, Check
from ai_wm.calls.tool_host import ToolHost
from ai_wm.data.policy import WorkerPolicy
from ai_wm.data.record_filter import RecordFilter
from ai_wm.data.settings import with_schema
from ai_wm.data.types import (
    AIWorkerDefinition,
    AIWorkerInstance,
    AIWorkerInstanceStatus,
    AIWorkerPerformanceSummary,
    APIKeyStatus,
    PerformanceRecord,
    RetiredInstanceInfo,
    TokenUsageMetrics,
)
from ai_wm.providers.base import LLMClient, Message, ModelInfo
from ai_wm.ratelimit import RateLimiter
from ai_wm.scripts.access import ScriptAccess
from ai_wm.scripts.files import NoFiles, ScriptFiles
from ai_wm.scripts.rights import owner_of_path
from ai_wm.store import Store
from ai_wm.store.removed_definitions import RemovedDefinition
from ai_wm.store.rows import Row as RecordRow
from ai_wm.support import progress
from ai_wm.support.aio import in_thread
from ai_wm.support.events import Listener
from ai_wm.wiring import wire
from ai_wm.workers.batch import read_tasks
from ai_wm.workers.conversation import ConversationManager
from ai_wm.workers.embedding import EmbeddingResult
from ai_wm.workers.stateless import TaskResult
from neuroscript import ErrorCode, NeuroScriptError

if TYPE_CHECKING:
    import httpx

    from ai_wm.providers.fakes import ModelFakes
    from ai_wm.store.prompt_log import LoggedCall, PromptLog
    from ai_wm.workers.checks import WorkerChecks, WorkerTest

CLOSE_WAIT_SECONDS = 5.0
"""How long closing waits for a turn that is going on."""


class AIWorkerManager:
    """Manages AI workers: definitions, instances, tasks, their records and limits.  Safe to use from many threads.

    No lock is held while a model is called.

    Args:
        sandbox_dir: the directory of its files, which is made if it is missing; file contexts must lie in it.  Without
            one nothing is written, and everything ends with the manager.
        clients: the host's own clients by provider; they come before the built-in ones and are not closed.
        clock: seconds since 1970, like ``time.time``, for time stamps, durations and limits.
        price_source: published prices, in place of those of the price library.
        store: keeps definitions and records in place of the files; it is closed with the manager.
        limiter: counts in place of the file of limits; it is closed with the manager.
        transport: an ``httpx`` transport that all HTTP goes through.
        environ: the variables for keys, for the addresses and headers of providers, and for proxies; by default the
            process's own, and the system's settings for proxies.  A given ``transport`` goes its own way.
        config_dir: where key files are; by default the user's configuration directory for neuroscript.
        tools: where the tools that models may call come from, for calls that do not name any.
        policy: what scripts may do with the workers, through whichever interpreter; by default `WorkerPolicy`'s own
            defaults.  The host's own calls of these methods are not bound by it.
        model_directories: where model files may lie, besides the sandbox, that a script's definition names.
        files_dir: where file contexts, attachments and model files are, if not in ``sandbox_dir``.
        store_script_definitions: whether definitions that scripts add are stored; otherwise they end with the manager.
        needs_marks: whether the host's own calls, as those of scripts, give a definition that came with a file or was
            edited there no key, and no address but this machine's.
        prompt_log: keeps prompts and replies; None: nobody does.
        on_call: is told of each call that was made, with its prompt and reply, in the thread that made it.
        fakes: who answers in place of models, in tests.

    Raises:
        NeuroScriptError: 18 if a file is not valid, which is then left alone; 23, 25, 26 if the directory is no use.
    """

    def __init__(
        self,
        sandbox_dir: str | os.PathLike[str] | None = None,
        *,
        clients: Mapping[str, LLMClient] | None = None,
        clock: Callable[[], float] | None = None,
        price_source: PriceSource | None = None,
        store: Store | None = None,
        limiter: RateLimiter | None = None,
        transport: httpx.BaseTransport | None = None,
        environ: Mapping[str, str] | None = None,
        config_dir: str | os.PathLike[str] | None = None,
        tools: ToolHost | None = None,
        policy: WorkerPolicy | None = None,
        model_directories: Sequence[str | os.PathLike[str]] = (),
        files_dir: str | os.PathLike[str] | None = None,
        store_script_definitions: bool = True,
        needs_marks: bool = False,
        prompt_log: PromptLog | None = None,
        on_call: Callable[[LoggedCall], object] | None = None,
        fakes: ModelFakes | None = None,
    ) -> None:
        self.policy = policy if policy is not None else WorkerPolicy()
        self._model_directories = tuple(Path(directory).resolve() for directory in model_directories)
        self._sandbox = Path(sandbox_dir).resolve() if sandbox_dir is not None else None
        self._tools = tools
        self._closed = False
        self.prompt_log = prompt_log
        self.on_call = on_call
        self._wiring = wire(
            self._sandbox,
            clients=clients,
            clock=clock,
            price_source=price_source,
            store=store,
            limiter=limiter,
            transport=transport,
            environ=environ,
            config_dir=config_dir,
            policy=self.policy,
            files=Path(files_dir).resolve() if files_dir is not None else self._sandbox,
            store_script_definitions=store_script_definitions,
            needs_marks=needs_marks,
            prompt_log=prompt_log,
            on_call=on_call,
            fakes=fakes,
        )
        self._definitions = self._wiring.definitions
        self._instances = self._wiring.instances
        self._records = self._wiring.records
        self._store = self._wiring.store

    @property
    def sandbox_dir(self) -> Path | None:
        """The directory of the manager's files; None if it keeps nothing."""
        return self._sandbox

    @property
    def private_paths(self) -> tuple[str, ...]:
        """The manager's files and those of the keys, which scripts must neither reach nor see: for `Protection`."""
        return self._wiring.private_paths

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self, reason: str = "manager closed") -> None:
        """Retires what is left (``retired_completed``), saves, and closes files and connections.

        Args:
            reason: why what is left is retired.

        Raises:
            NeuroScriptError: what failed first; everything else is closed all the same.
        """
        if self._closed:
            return
        self._closed = True
        try:
            self._instances.retire_all(reason, CLOSE_WAIT_SECONDS)
        finally:
            self._wiring.close()

    def script_access(
        self,
        owner: str,
        policy: WorkerPolicy | None = None,
        files: ScriptFiles | None = None,
        *,
        unowned_are_ours: bool | None = None,
        assumes_prices: bool = False,
    ) -> ScriptAccess:
        """Makes the access by which scripts reach this manager; `register_ai_worker_tools` makes one an interpreter.

        Args:
            owner: whose scripts they are.
            policy: what they may do; None: what the manager's policy grants.
            files: the files that they may read.
            unowned_are_ours: whether what carries neither mark nor owner is this owner's; None: where the owner is the
                directory of the manager's files.
            assumes_prices: whether ``max_cost_per_run`` is a ceiling that nobody chose, under which a price that is not
                known is assumed rather than refused.
        """
        if unowned_are_ours is None:
            unowned_are_ours = self._sandbox is not None and owner == owner_of_path(self._sandbox)
        return ScriptAccess.make(
            self._wiring,
            owner,
            policy if policy is not None else self.policy,
            files if files is not None else NoFiles(),
            unowned_are_ours=unowned_are_ours,
            assumes_prices=assumes_prices,
            model_directories=self._model_directories,
        )

    def owner_of_instance(self, instance_id: str) -> str | None:
        """Returns whose scripts spawned an instance, also for a while once it is retired.

        Empty for the host's own, None where nobody knows.
        """
        return self._instances.owner_of(instance_id)

    def on_event(self, listener: Listener) -> Callable[[], None]:
        """Subscribes ``listener(name, payload)`` to every event; the function returned unsubscribes it."""
        return self._wiring.events.subscribe(listener)

    # --- definitions -------------------------------------------------------------------------------------------------

    def add_worker_definition(self, definition: Mapping[str, Any] | AIWorkerDefinition) -> str:
        """Adds a definition, a mapping in either spelling or a model, and saves it.  Returns its id.

        Raises:
            NeuroScriptError: 4 for a value that does not fit, naming the field; 42 if the id or name is taken; 25 and
                26 if it cannot be written.
        """
        self._check_open()
        return self._definitions.add(definition)

    def ensure_worker_definition(self, definition: Mapping[str, Any] | AIWorkerDefinition) -> str:
        """Adds a definition, or changes what is given and differs in the one that there is.  Returns its id.

        It is one step, which no other thread or process comes between; if nothing differs, nothing is written.  What is
        not given stays as it is, and so do the status and the counters.  Of ``base_config``, ``rate_limits``,
        ``cost_metrics`` and ``metadata`` the keys that are given change, and None takes a key out; other values are
        replaced.

        Args:
            definition: a mapping in either spelling, or a model, with all that a new definition needs.  The one that
                there is has its ``definition_id``, if that is given and known, or else its ``name``.  Definitions that
                scripts made are never meant.

        Raises:
            NeuroScriptError: 4 for a value that does not fit, and for neither name nor id; 9 if several archived ones
                have the name; 11 for the name of one with another id; 42 if the id or name is taken; 25 and 26 if it
                cannot be written.
        """
        self._check_open()
        return self._definitions.ensure(definition)

    def get_worker_definition(self, id_or_name: str) -> AIWorkerDefinition:
        """Returns a copy of a definition, with its current summary.

        Raises:
            NeuroScriptError: 9 if there is none.
        """
        return self._definitions.get(id_or_name)

    def list_worker_definitions(self, filters: Mapping[str, Any] | None = None) -> list[AIWorkerDefinition]:
        """Returns copies of the definitions that pass the filters, sorted by name.

        Args:
            filters: ``definition_id`` or ``id``, ``name`` and ``model_name`` (contain), ``provider``, ``status``,
                ``interaction_models_contains``, ``capabilities_contains``, ``capabilities_contains_all``.

        Raises:
            NeuroScriptError: 4 for an unknown filter, or a value that does not fit it.
        """
        return self._definitions.select(filters)

    def list_worker_definitions_for_display(self, filters: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
        """Returns definitions as maps with snake_case keys, ``can_chat`` and ``api_key_status``, inline keys masked."""
        return self._definitions.for_display(filters, self._key_status)

    def active_definitions(self) -> list[AIWorkerDefinition]:
        """Returns the active definitions, not copied: they must not be changed, and their summaries may lag."""
        return self._definitions.active()

    def key_status(self, id_or_name: str) -> APIKeyStatus:
        """Says whether the key of a definition is there, without showing it; error 9 if there is no such definition."""
        return self._key_status(self._definitions.find(id_or_name))

    def _key_status(self, definition: AIWorkerDefinition) -> APIKeyStatus:
        # Whether a key exists is no secret to the host, whatever scripts may do with it.
        if definition.auth_is_implied and not self._wiring.authorizer.permits_key(definition):
            return APIKeyStatus.NOT_APPROVED
        return self._wiring.key_status(definition.auth)

    def update_worker_definition(
        self, id_or_name: str, updates: Mapping[str, Any], *, merge: bool = False
    ) -> AIWorkerDefinition:
        """Changes a definition, wholly or not at all, and saves it.  Returns it as it is now.

        Args:
            id_or_name: the definition.
            updates: the fields that change, each with its new value.
            merge: whether maps are merged into the old ones key by key, where None takes a key out, as in a JSON merge
                patch (RFC 7396); otherwise they replace them.

        Raises:
            NeuroScriptError: 9 unknown; 4 for a key or value that does not fit; 11 for the id and the summary; 42 if
                the new name is taken; 25 and 26 if it cannot be written.
        """
        self._check_open()
        return self._definitions.update(id_or_name, updates, merge=merge)

    def standing(self, id_or_name: str) -> str:
        """Returns whose a definition is: ``host``, ``script`` or ``untrusted``.

        One is untrusted that came with a file or was edited there.

        Raises:
            NeuroScriptError: 9 if there is none.
        """
        standing = self._definitions.standing(id_or_name)
        return "host" if standing == "untrusted" and self.policy.trust_file else standing

    def trust_worker_definition(
        self, id_or_name: str, *, shown: AIWorkerDefinition | None = None
    ) -> AIWorkerDefinition:
        """Makes a definition the host's, as it is now, whoever made it.

        Scripts may ask it then, and its key goes to its address.  Look at both first.

        Args:
            id_or_name: the definition.
            shown: the definition as it was looked at; if it is another by now, it is not trusted.

        Raises:
            NeuroScriptError: 9 unknown; 19 if it is not as shown; 42 if the host has another of that name; 25 and 26 if
                it cannot be written.
        """
        self._check_open()
        return self._definitions.trust(id_or_name, shown)

    def remove_worker_definition(self, id_or_name: str) -> None:
        """Removes a definition.  Its records stay.

        Raises:
            NeuroScriptError: 9 unknown; 19 while it has active instances; 25 and 26 if it cannot be written.
        """
        self._check_open()
        with self._instances.lock:
            self._definitions.remove(id_or_name)

    def load_worker_definitions_from_file(self) -> int:
        """Reads definitions and performance data again, and returns the number of definitions.  Raises as at start."""
        self._check_open()
        self._definitions.reload()
        return len(self._store.definitions())

    def save_worker_definitions_to_file(self) -> int:
        """Writes all definitions, their summaries up to date.  Returns how many there are.

        Raises:
            NeuroScriptError: 25 and 26 if they cannot be written.
        """
        self._check_open()
        self._store.save()
        return len(self._store.definitions())

    # --- instances ---------------------------------------------------------------------------------------------------

    def spawn_worker_instance(
        self,
        id_or_name: str,
        config_overrides: Mapping[str, Any] | None = None,
        file_contexts: Sequence[str] | None = None,
    ) -> AIWorkerInstance:
        """Starts an instance of a definition.

        Args:
            id_or_name: the definition.
            config_overrides: settings on top of its ``base_config``.
            file_contexts: files of the sandbox that go to the model ahead of the conversation, in place of the
                definition's default ones.

        Raises:
            NeuroScriptError: 9 unknown definition; 19 not active or not conversational; 20 at the limit of concurrent
                instances; 4 for what does not fit; 25 and 26 if it cannot be noted.
        """
        self._check_open()
        return self._instances.spawn(id_or_name, config_overrides, file_contexts).snapshot()

    def get_worker_instance(self, instance_id: str) -> AIWorkerInstance:
        """Returns a snapshot of a live instance.

        Raises:
            NeuroScriptError: 9 if there is none, 19 if it is retired.
        """
        return self._instances.find(instance_id).snapshot()

    def list_active_worker_instances(self, filters: Mapping[str, Any] | None = None) -> list[AIWorkerInstance]:
        """Returns the live instances that pass the filters (``instance_id definition_id status``), the oldest first.

        Raises:
            NeuroScriptError: 4 for an unknown filter, or a value that does not fit it.
        """
        return self._instances.select(filters)

    def conversation(self, instance_id: str) -> ConversationManager:
        """Returns the conversation of a live instance.

        Raises:
            NeuroScriptError: 9 if there is no such instance, 19 if it is retired.
        """
        return ConversationManager(self._instances.find(instance_id), self._wiring.conversations, self._tools)

    def retire_worker_instance(
        self,
        instance_id: str,
        reason: str = "",
        final_status: str = AIWorkerInstanceStatus.RETIRED_COMPLETED,
        final_session_token_usage: Mapping[str, Any] | TokenUsageMetrics | None = None,
        performance_records: Sequence[Mapping[str, Any] | PerformanceRecord] | None = None,
    ) -> RetiredInstanceInfo:
        """Ends an instance: stores it with its usage and records, frees its slot, makes its handle stale.

        Args:
            instance_id: the instance.
            reason: why, in words.
            final_status: a retired state, ``context_full`` or ``token_limit_reached``; anything else is stored as
                ``retired_exhausted``, with a warning in the log.
            final_session_token_usage: what to store in place of the tokens counted.
            performance_records: what to store in place of the records logged.

        Raises:
            NeuroScriptError: 9 unknown; 19 retired, or in a turn; 4 for usage or records that do not fit; 25 and 26 if
                it cannot be written, and then it goes on living.
        """
        self._check_open()
        return self._instances.retire(
            instance_id,
            reason=reason,
            final_status=final_status,
            usage=final_session_token_usage,
            records=performance_records,
        )

    def retire_worker_instances(self, instance_ids: Sequence[str], reason: str) -> None:
        """Retires those of some instances that still live, as ``retired_completed``; waits a little for their turns.

        Raises:
            NeuroScriptError: the first failure, once all were tried.
        """
        if not self._closed:
            self._instances.retire_all(reason, CLOSE_WAIT_SECONDS, instance_ids)

    def suspend_worker_instance(self, instance_id: str) -> None:
        """Lets go of an instance whose run is not over and has a journal; the run brings it back when it goes on."""
        if not self._closed:
            self._instances.suspend(instance_id)

    def update_instance_status(self, instance_id: str, status: str, last_error: str | None = None) -> None:
        """Sets the state of a live instance.

        Raises:
            NeuroScriptError: 9 unknown; 19 retired or in a turn; 4 for an unknown state, or a retired one.
        """
        self._check_open()
        self._instances.set_status(instance_id, status, last_error)

    def update_instance_token_usage(self, instance_id: str, input_tokens: int, output_tokens: int) -> None:
        """Adds tokens to a live instance's session.

        Raises:
            NeuroScriptError: 9 unknown; 19 retired; 4 for numbers that are not whole or are negative.
        """
        self._check_open()
        self._instances.add_usage(instance_id, input_tokens, output_tokens)

    # --- tasks -------------------------------------------------------------------------------------------------------

    def execute_stateless_task(
        self,
        id_or_name: str,
        prompt: str,
        config_overrides: Mapping[str, Any] | None = None,
        *,
        tools: ToolHost | None = None,
        on_stream: StreamCallback | None = None,
        check: Check | None = None,
        context: Sequence[str] = (),
        schema: Mapping[str, Any] | None = None,
    ) -> TaskResult:
        """Gives a worker one prompt.  Returns the output and the task's record.

        Args:
            id_or_name: the definition.
            prompt: what the model is asked.
            config_overrides: settings on top of the definition's, for this call.
            tools: where the tools that the model may call come from; None: those of the manager, if it has any.
            on_stream: gets the `StreamEvent`s of the call as they come; None: nothing is streamed.
            check: called now and then while waiting; raises to cancel.
            context: texts that go to the model ahead of the prompt.
            schema: a JSON Schema that the reply must fit, as the setting ``schema``; the result then has its ``value``.

        Raises:
            NeuroScriptError: 9 unknown; 19 not active, or not for stateless tasks; 20 and 46 by the limits; 18 no key;
                16, 31, 40, 45, 47 as the model failed; 44 cancelled; 25 and 26 if the record cannot be written.
        """
        self._check_open()
        notes = tuple(Message(role="user", content=text) for text in context)
        options = CallOptions(tools=tools or self._tools, on_stream=on_stream, check=check, context=notes)
        return self._wiring.tasks.execute(id_or_name, prompt, with_schema(config_overrides, schema), options)

    async def aexecute_stateless_task(
        self, id_or_name: str, prompt: str, config_overrides: Mapping[str, Any] | None = None, **options: Any
    ) -> TaskResult:
        """Runs `execute_stateless_task` in a worker thread, for asyncio and trio hosts; cancelling the task ends it."""
        return await in_thread(self.execute_stateless_task, id_or_name, prompt, config_overrides, **options)

    def execute_batch(
        self,
        id_or_name: str,
        prompts: Sequence[str],
        max_parallel: int = 8,
        *,
        config_overrides: Mapping[str, Any] | None = None,
        tools: ToolHost | None = None,
        on_stream: StreamCallback | None = None,
        check: Check | None = None,
        show_progress: bool | None = None,
        schema: Mapping[str, Any] | None = None,
    ) -> list[TaskResult | NeuroScriptError]:
        """Gives a worker many prompts, at most ``max_parallel`` (1 to 256) at once.

        Args:
            id_or_name: the definition.
            prompts: the prompts.
            max_parallel: how many run at once.
            config_overrides: settings on top of the definition's, for all of them.
            tools: where the tools that the model may call come from.
            on_stream: gets the `StreamEvent`s of all the calls, in this thread; None: nothing is streamed.
            check: called now and then while waiting; raises to cancel.
            show_progress: whether progress is shown on the standard error; None: where that is a terminal and nothing
                is streamed.
            schema: a JSON Schema that every reply must fit, as the setting ``schema``.

        Returns:
            for each prompt, in order, what `execute_stateless_task` gives, or the `NeuroScriptError` that it raised.

        Raises:
            NeuroScriptError: 4, 9 or 19 where no prompt could run; 44 if cancelled.
        """
        self._check_open()
        return self._wiring.batches.execute(
            id_or_name,
            prompts,
            max_parallel,
            with_schema(config_overrides, schema),
            CallOptions(tools=tools or self._tools, on_stream=on_stream, check=check),
            functools.partial(progress.display, shown=False if show_progress is None and on_stream else show_progress),
        )

    def execute_all(
        self,
        tasks: Sequence[Mapping[str, Any]],
        max_parallel: int = 8,
        *,
        tools: ToolHost | None = None,
        on_stream: StreamCallback | None = None,
        check: Check | None = None,
        show_progress: bool | None = None,
    ) -> list[TaskResult | NeuroScriptError]:
        """Gives several workers a prompt each, at most ``max_parallel`` (1 to 256) at once.

        Args:
            tasks: mappings with ``worker`` (an id or name), ``prompt`` and, if need be, ``config_overrides``.
            max_parallel: how many run at once.
            tools: as `execute_batch` takes it, like those below.
            on_stream: gets the `StreamEvent`s of all the calls, in this thread.
            check: called now and then while waiting; raises to cancel.
            show_progress: whether progress is shown on the standard error.

        Returns:
            for each task, in order, what `execute_stateless_task` gives, or the `NeuroScriptError` that it raised.

        Raises:
            NeuroScriptError: 4 for a task that does not fit, naming it by its index, before any call; 44 if cancelled.
        """
        self._check_open()
        return self._wiring.batches.execute_all(
            read_tasks(tasks),
            max_parallel,
            CallOptions(tools=tools or self._tools, on_stream=on_stream, check=check),
            functools.partial(progress.display, shown=False if show_progress is None and on_stream else show_progress),
        )

    def embed(
        self,
        id_or_name: str,
        texts: Sequence[str],
        config_overrides: Mapping[str, Any] | None = None,
        *,
        check: Check | None = None,
    ) -> EmbeddingResult:
        """Embeds texts with a worker.  Returns one vector for each, in their order, and the record of the call.

        Args:
            id_or_name: the definition, whose model is one for embeddings.
            texts: the texts, none of them empty.
            config_overrides: settings on top of the definition's, such as ``dimensions``.
            check: called now and then while waiting; raises to cancel.

        Raises:
            NeuroScriptError: 4 for texts that do not fit; 9 unknown; 19 not active; 35 for a provider without
                embeddings; 37 for too many; 20 and 46 by the limits; 18 no key; 16, 31, 40, 45 as the model failed; 44
                cancelled; 25 and 26 if the record cannot be written.
        """
        self._check_open()
        return self._wiring.embeddings.embed(id_or_name, texts, config_overrides, CallOptions(check=check))

    async def aembed(self, id_or_name: str, texts: Sequence[str], *args: Any, **options: Any) -> EmbeddingResult:
        """Runs `embed` in a worker thread, for asyncio and trio hosts; cancelling the task ends it."""
        return await in_thread(self.embed, id_or_name, texts, *args, **options)

    # --- checks ------------------------------------------------------------------------------------------------------

    def test_worker(self, id_or_name: str, *, check: Check | None = None) -> WorkerTest:
        """Makes one small call of a worker, under its limits and recorded as any call, and returns what was found.

        A failed call is no exception, but an outcome with its ``error`` and ``advice``.  A definition that came with a
        file or was edited there (`standing`) gets no key here, and no address but this machine's.

        Args:
            id_or_name: the definition, whatever its interaction models.
            check: called now and then while waiting; raises to cancel.

        Raises:
            NeuroScriptError: 9 unknown; 44 cancelled; 25 and 26 if the record cannot be written.
        """
        self._check_open()
        return self._checks.test(id_or_name, check)

    def list_models(self, id_or_name: str, *, check: Check | None = None) -> list[ModelInfo]:
        """Asks the provider of a worker, at the worker's address and with its key, which models it has.

        That is no call of a model: it has no record, and counts under no limit.  ``timeout_seconds`` of the worker
        bounds it.  Definitions that are not the host's are treated as by `test_worker`.

        Args:
            id_or_name: the definition.
            check: called now and then while waiting; raises to cancel.

        Raises:
            NeuroScriptError: 9 unknown; 10 if its key may not be sent there; 35 where there is no such list; 16, 18,
                20, 31, 40 and 45 as for a call; 44 cancelled.
        """
        self._check_open()
        return self._checks.models(id_or_name, check)

    # --- performance -------------------------------------------------------------------------------------------------

    def log_performance_record(self, record: PerformanceRecord | Mapping[str, Any]) -> str:
        """Logs the record of a task done elsewhere; the definition's name will do for its id.  Returns the task's id.

        Raises:
            NeuroScriptError: 4 for a value that does not fit; 9 unknown definition; 42 if the task has a record
                already; 25 and 26 if it cannot be written.
        """
        self._check_open()
        return self._records.log(record)

    def log_feedback(
        self,
        task_id: str,
        rating: float,
        comments: str = "",
        correction_instructions: str = "",
        supervisor_agent_id: str = "",
    ) -> PerformanceRecord:
        """Attaches a judgement to a task, in place of an earlier one.  Returns the task's record with it.

        Raises:
            NeuroScriptError: 9 if there is no such task; 4 for a value that does not fit; 25 and 26 if it cannot be
                written.
        """
        self._check_open()
        return self._records.add_feedback(
            task_id,
            rating=rating,
            comments=comments,
            correction_instructions=correction_instructions,
            supervisor_agent_id=supervisor_agent_id,
        )

    def get_performance_records_for_definition(
        self, id_or_name: str, filters: Mapping[str, Any] | RecordFilter | None = None
    ) -> list[PerformanceRecord]:
        """Returns the records of a definition that pass the filters, live instances' included, the newest first.

        Args:
            id_or_name: the definition, or one that was removed (`removed_worker_definitions`).
            filters: ``task_id``, ``instance_id`` (or ``stateless``), ``success``, ``duration_ms_gt``,
                ``duration_ms_lt``, ``cost_incurred_gt``, ``cost_incurred_lt``, ``since``, ``until``, ``limit``.

        Raises:
            NeuroScriptError: 9 unknown definition; 4 for an unknown filter, or a value that does not fit it.
        """
        return self._records.select(id_or_name, filters)

    def performance_record_maps(
        self, id_or_name: str, filters: Mapping[str, Any] | RecordFilter | None = None
    ) -> list[dict[str, Any]]:
        """Returns the same records as maps with snake_case keys, several times as fast."""
        return self._records.select_maps(id_or_name, filters)

    def performance_rows(
        self, id_or_name: str, filters: Mapping[str, Any] | RecordFilter | None = None
    ) -> list[RecordRow]:
        """Returns the figures of the same records, without their texts, for which no record is read.

        A `RecordRow` has ``task_id``, ``definition_id``, ``start`` and ``end`` in nanoseconds since 1970,
        ``duration_ms``, ``tokens``, ``cost``, ``rating`` (None without feedback), ``success`` and ``owner``.
        """
        return self._records.rows(id_or_name, filters)

    def removed_worker_definitions(self) -> list[RemovedDefinition]:
        """Returns the definitions that were removed and have records, the last removed first.

        A `RemovedDefinition` has ``definition_id``, ``name``, ``owner`` and ``removed``, the moment in RFC 3339.
        """
        return self._records.removed()

    def removed_worker_definition(self, id_or_name: str) -> RemovedDefinition | None:
        """Returns the removed definition that an id or a name stands for; None where it stands for one there is.

        Raises:
            NeuroScriptError: 9 if there is none, nor was; or several removed ones had the name.
        """
        return self._records.find_removed(id_or_name)

    def performance_summary(self, id_or_name: str) -> AIWorkerPerformanceSummary:
        """Returns the current summary of a definition's tasks; error 9 if there is no such definition."""
        return self._records.summary(id_or_name)

    def limit_usage(self, id_or_name: str) -> dict[str, float]:
        """Returns what a definition uses of its limits now (`RateLimiter.usage`); error 9 if there is none."""
        return self._wiring.limiter.usage(self._definitions.find(id_or_name).limits_id)

    def save_performance_data(self) -> int:
        """Tidies the stored performance data.  Returns how many records are stored.

        Raises:
            NeuroScriptError: 25 and 26 if it cannot be written.
        """
        self._check_open()
        self._store.save()
        return self._records.count()

    def load_performance_data(self) -> int:
        """Reads the performance data again.  Returns how many records are stored.

        Raises:
            NeuroScriptError: 18 if a file is not valid; then what was loaded stays.
        """
        self._check_open()
        self._definitions.reload()
        return self._records.count()

    # --- inside ------------------------------------------------------------------------------------------------------

    @functools.cached_property
    def _checks(self) -> WorkerChecks:
        from ai_wm.workers.checks import WorkerChecks  # which most programs never need

        made = self._wiring
        return WorkerChecks(made.definitions, made.tasks.runner, made.store, made.key_status, self.policy.trust_file)

    def _check_open(self) -> None:
        if self._closed:
            raise NeuroScriptError(ErrorCode.PRECONDITION_FAILED, "the worker manager is closed; make another one")
