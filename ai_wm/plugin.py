"""The plugin that gives an interpreter AI workers: the tools, the service ``ai_wm``, and an answer to ``ask``.

Found through the entry-point group ``neuroscript.plugins``.  Registering imports nothing heavy and opens nothing: the
tools' modules, the manager and the providers are imported when they are first needed.
"""

from __future__ import annotations

import os
import threading
import uuid
from functools import partial
from typing import TYPE_CHECKING, Any

from ai_wm.data.own_files import EDITORS_COPIES, OWN_FILES, own_files
from ai_wm.tools import GROUPS
from ai_wm.tools.access import ACCESS, DIRECTORY, FAKES, KIND, SERVICE, InterpreterFiles, calling
from neuroscript import ErrorCode, NeuroScriptError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from ai_wm.calls.run_budget import RunBudget, RunBudgets
    from ai_wm.data.policy import WorkerPolicy
    from ai_wm.manager import AIWorkerManager
    from ai_wm.scripts.access import ScriptAccess
    from ai_wm.tools.ask import Asker
    from ai_wm.workers.conversation import ConversationManager
    from neuroscript import Interpreter, Shape, ToolContext
    from neuroscript.journal import JournaledRun, Membership

POLICY = "worker_policy"
"""The service by which a host without this package's types, such as the command line, says what scripts may do: a
mapping from the fields of `WorkerPolicy` to values, and ``default_ceiling`` (see `policy_of`)."""

CHANGED = "worker_policy_changed"
"""The service by which such a host says that it grants something else from now on: a function that takes the mapping,
which the service `POLICY` holds then."""

PROMPT_LOG = "prompt_log"
"""The service by which such a host says, with true, that the user's log of prompts is kept if the user wants one."""

LISTENER = "call_listener"
"""The service by which a host is told of calls of models: a function, as `ai_wm.calls.listening` calls it."""

RIGHTS = "worker_rights"
"""The service that tells what scripts may do with workers, for the jobs that they submit to queues."""

METER = "run_meter"
"""The service by which the interpreter learns what the run that is going on costs; see `neuroscript.ToolContext`."""

REFUSALS = "primer_refusals"
"""The service with functions that tell the primer of a tool's name, or of ``"ask"``, whether every call is refused."""

ASKING = frozenset(
    {
        "ask",
        "AIWorker.ExecuteStatelessTask",
        "AIWorker.ExecuteBatch",
        "AIWorker.ExecuteAll",
        "AIWorkerInstance.Spawn",
        "Conversation.Ask",
    }
)
"""What reaches a model, and is refused where scripts may ask no worker."""

MANAGING = frozenset(f"AIWorkerDefinition.{name}" for name in ("Add", "Ensure", "Update", "Remove"))
"""What is refused where scripts may change no definition."""

EVENTS = "ai_wm."
"""The prefix of the manager's events, which no script may fire."""

CLOSED = "interpreter closed"
"""The reason for retiring the instances that a closing interpreter leaves."""


def register(interpreter: Interpreter) -> None:
    """The plugin's entry point: `register_ai_worker_tools` with a manager of the interpreter's own."""
    if SERVICE not in interpreter.services:
        register_ai_worker_tools(interpreter)


def register_ai_worker_tools(
    interpreter: Interpreter,
    manager: AIWorkerManager | None = None,
    *,
    default_worker: str | None = None,
    policy: WorkerPolicy | None = None,
) -> None:
    """Gives an interpreter the tools for AI workers, the service ``ai_wm``, and an answer to ``ask``.

    Args:
        interpreter: the interpreter.  When it is closed, the instances that it spawned and did not retire are retired.
        manager: the manager to use, which stays open when the interpreter is closed.  None: one of its own, made when
            it is first needed, with its files where the service ``worker_directory`` says, else in the interpreter's
            sandbox; without either it keeps everything in memory.
        default_worker: the id or name of the definition that an ``ask`` goes to which names none.
        policy: what scripts may do with workers, which the service ``worker_policy`` says from then on; None: what
            that service says already, else the manager's policy.
    """
    # First, since it loads the installed plugins: what is registered here comes after them and holds.
    services = interpreter.services
    if policy is not None:
        services[POLICY] = {name: getattr(policy, name) for name in type(policy).__dataclass_fields__}
    _connect(interpreter, _Connection(interpreter, manager is None, default_worker), manager)


def _connect(interpreter: Interpreter, connection: _Connection, manager: AIWorkerManager | None) -> None:
    """Gives an interpreter the tools for workers; without a manager the connection makes, or finds, it."""
    services = interpreter.services
    interpreter.tools.add_groups(GROUPS)
    interpreter.set_asker(connection.ask, _configuration, journals_requests=True)
    interpreter.on_close(connection.close)
    for name in (OWN_FILES, *EDITORS_COPIES):  # other workers' files may lie deeper in the sandbox
        interpreter.protect(name)
    for directory in (interpreter.sandbox, services.get(DIRECTORY, {}).get("path")):
        if directory is not None:
            interpreter.protect(own_files(directory))
    for path in manager.private_paths if manager is not None else ():
        interpreter.protect(path)
    interpreter.reserve_events(EVENTS)
    interpreter.handles.name_kind(KIND, lambda conversation: conversation.instance_id, connection.conversation)
    interpreter.on_pieces("ai_wm.record", apply=connection.apply_record)
    interpreter.on_lost("part model", lambda note: connection.access().account_for_lost(note))
    for kind in ("spawned", "said", "status", "used", "retired"):
        interpreter.on_pieces(f"ai_wm.{kind}", restore=partial(connection.restore, kind))
    services.setdefault(REFUSALS, []).append(connection.refuses)
    services[ACCESS] = connection.access
    services[METER] = connection
    services[CHANGED] = connection.change
    services[RIGHTS] = connection
    if manager is not None:
        services[SERVICE] = connection.use(manager)
    else:
        services.provide(SERVICE, connection.make)


def policy_of(given: Mapping[str, Any]) -> tuple[WorkerPolicy, bool]:
    """The policy in the service `POLICY`, and whether its ceiling is one that nobody chose.

    Args:
        given: fields of `WorkerPolicy` by name; ``default_ceiling`` set to true says that ``max_cost_per_run`` is the
            command line's own default, under which a model without a known price is not refused.

    Raises:
        NeuroScriptError: 4 for a field that is unknown, or a value that does not fit.
    """
    from ai_wm.data.policy import WorkerPolicy

    fields = dict(given)
    default_ceiling = fields.pop("default_ceiling", False)
    if not isinstance(default_ceiling, bool):
        message = f"the service {POLICY!r} has default_ceiling = {default_ceiling!r}; expected true or false"
        raise NeuroScriptError(ErrorCode.ARG_MISMATCH, message, details={"field": "default_ceiling"})
    return WorkerPolicy.parse(fields), default_ceiling


def _configuration() -> Shape:
    from ai_wm.tools.shapes import CONFIGURATION

    return CONFIGURATION


class _Connection:
    """One interpreter and its manager.

    Args:
        interpreter: the interpreter.
        own: whether the manager is made for it alone, and closed with it.
        default_worker: as `register_ai_worker_tools` takes it.
        find: gives the manager that it shares with another interpreter, when it is first needed.
    """

    def __init__(
        self,
        interpreter: Interpreter,
        own: bool,
        default_worker: str | None,
        find: Callable[[], AIWorkerManager] | None = None,
    ) -> None:
        self._interpreter = interpreter
        self._default_worker = default_worker
        self._own = own
        self._find = find
        self._making = threading.RLock()
        self._manager: AIWorkerManager | None = None
        self._asker: Asker | None = None
        self._budgets: RunBudgets | None = None
        self._access: ScriptAccess | None = None
        self._said: Mapping[str, Any] | None = None
        self._owner = ""
        self._spawned: dict[str, None] = {}
        self._runs: dict[str, JournaledRun] = {}
        """Of each instance of a run that has a journal, the run."""
        self._thread = threading.get_ident()
        self._unsubscribe: Callable[[], None] | None = None

    def make(self) -> AIWorkerManager:
        """The interpreter's manager, made or found when it is first needed; jobs may need it in several threads."""
        with self._making:
            if self._manager is not None:
                return self._manager
            return self._make() if self._find is None else self.use(self._find())

    def _make(self) -> AIWorkerManager:
        from ai_wm.calls.tool_host import ToolHost
        from ai_wm.manager import AIWorkerManager
        from ai_wm.tools.access import fakes_in

        interpreter = self._interpreter
        tools = ToolHost(
            interpreter.tools,
            lambda: interpreter.policy,
            interpreter.host_context(),
            lambda: self.access().rights.policy.model_tools,
        )
        options: dict[str, Any] = {"tools": tools, "fakes": fakes_in(interpreter.services)}
        if interpreter.services.get(PROMPT_LOG):
            from ai_wm.store.prompt_log import user_log

            options["prompt_log"] = user_log()
        if (listener := interpreter.services.get(LISTENER)) is not None:
            from ai_wm.calls.listening import Listening

            listening = Listening(listener)
            options["on_call"] = listening.add
            interpreter.on_close(listening.close)
        place: Mapping[str, Any] | None = interpreter.services.get(DIRECTORY)
        if place is None:
            return self.use(AIWorkerManager(interpreter.sandbox, **options))
        options |= {"files_dir": interpreter.sandbox, "store_script_definitions": place["stores_additions"]}
        return self.use(AIWorkerManager(place["path"], **options))

    def use(self, manager: AIWorkerManager) -> AIWorkerManager:
        """Listens to the manager, whose events the interpreter's handlers get."""
        self._manager = manager
        self._unsubscribe = manager.on_event(self._tell)
        return manager

    def access(self) -> ScriptAccess:
        """The manager as the interpreter's scripts reach it; anew where the host says something else in the service."""
        services = self._interpreter.services
        said: Mapping[str, Any] | None = services.get(POLICY)
        if self._access is None or said is not self._said:
            manager: AIWorkerManager = services[SERVICE]
            policy, default_ceiling = (None, False) if said is None else policy_of(said)
            self._owner = self._owner or self._default_owner()
            owner = (policy or manager.policy).owner or self._owner
            # What a manager keeps in memory, for one interpreter alone, is its scripts' unless it is the host's.
            unowned_are_ours = True if self._own and manager.sandbox_dir is None else None
            self._access = manager.script_access(
                owner,
                policy,
                InterpreterFiles(self._interpreter),
                unowned_are_ours=unowned_are_ours,
                assumes_prices=default_ceiling,
            )
            self._access.budgets = self._budgets = self._budgets or self._access.budgets
            self._said = said
        return self._access

    def change(self, given: Mapping[str, Any]) -> None:
        """Has scripts, and the models that they ask, get another policy from the next call on.

        Raises:
            NeuroScriptError: 4 as `policy_of`; then the policy stays what it is.
        """
        policy_of(given)
        # Another object, by which it is seen that it changed even where the host has changed its own in place.
        self._interpreter.services[POLICY] = dict(given)

    def refuses(self, name: str) -> bool:
        """Whether the policy refuses every call of a tool, or every ``ask``."""
        if self._manager is None and POLICY not in self._interpreter.services:
            return False  # the manager to be made will have the default policy
        policy = self._policy()
        return (name in ASKING and not policy.ask) or (name in MANAGING and policy.manage == "none")

    # --- the budget of the run that is going on ---

    def told(self) -> dict[str, Any]:
        """What the run that is going on has used, may use, and has left; see `neuroscript.ToolContext.run_budget`."""
        return self._budget().told()

    def join(self, shared: Membership) -> None:
        """Counts the run that is going on in a budget that it shares."""
        self._budget().join(shared)

    def _budget(self) -> RunBudget:
        """The budget of the run that is going on; a run that has asked nobody so far needs no manager for it."""
        context = self._interpreter.host_context()
        if self._access is not None:
            return self.access().budget_of(context.run, context.journal)
        from ai_wm.calls.run_budget import RunBudgets

        policy = self._policy()
        self._budgets = self._budgets or RunBudgets()
        return self._budgets.of(context.run, context.journal, policy.max_cost_per_run, policy.max_tokens_per_run)

    def _policy(self) -> WorkerPolicy:
        """What scripts may do, whether there is a manager yet or not."""
        said: Mapping[str, Any] | None = self._interpreter.services.get(POLICY)
        if said is not None:
            return policy_of(said)[0]
        if self._manager is not None:
            return self._manager.policy
        from ai_wm.data.policy import WorkerPolicy

        return WorkerPolicy()

    def _default_owner(self) -> str:
        """Whose scripts these are unless the host says it: those of the sandbox, else of the program."""
        from ai_wm.scripts.rights import owner_of_path

        interpreter = self._interpreter
        if interpreter.sandbox is not None:
            return owner_of_path(interpreter.sandbox)
        for program in interpreter.programs:
            if os.path.isfile(program.name):
                return owner_of_path(program.name)
        return f"interpreter-{uuid.uuid4()}"

    # --- jobs ---

    def policy(self) -> dict[str, Any]:
        """The policy under which scripts use workers, with their owner and ``default_ceiling``; JSON values."""
        said: Mapping[str, Any] = self._interpreter.services.get(POLICY) or {}
        policy, default_ceiling = self._policy(), said.get("default_ceiling", False)
        self._owner = self._owner or self._default_owner()
        return {**policy.to_map(), "owner": policy.owner or self._owner, "default_ceiling": default_ceiling}

    def both(self, ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> dict[str, Any]:
        """The intersection of two policies that `policy` gave, with the owner of the first one."""
        (one, default_one), (other, default_other) = policy_of(ours), policy_of(theirs)
        both = one.narrowed(other)
        binding = [
            is_default
            for policy, is_default in ((one, default_one), (other, default_other))
            if policy.max_cost_per_run == both.max_cost_per_run
        ]
        return {**both.to_map(), "owner": ours.get("owner"), "default_ceiling": all(binding)}

    def equip(self, interpreter: Interpreter, policy: Mapping[str, Any]) -> None:
        """Gives another interpreter of this process, which does a job, the same workers under a policy."""
        ours, services = self._interpreter.services, interpreter.services
        for name in (DIRECTORY, FAKES, PROMPT_LOG):
            if name in ours:
                services[name] = ours[name]
        connection = _Connection(interpreter, False, self._default_worker, lambda: ours[SERVICE])
        _connect(interpreter, connection, None)
        services[POLICY] = dict(policy)

    def ask(
        self, ctx: ToolContext, who: Any, prompt: str, config: dict[str, Any] | None, whispered: Sequence[Any]
    ) -> Any:
        """What answers ``ask``."""
        if self._asker is None:
            from ai_wm.tools.ask import Asker

            self._asker = Asker(self._default_worker)
        with calling(ctx):
            return self._asker(ctx, who, prompt, config, whispered)

    # --- journaled runs ---

    def conversation(self, instance_id: str) -> ConversationManager | None:
        """The conversation of an instance; None if it is retired."""
        access = self.access()
        try:
            return access.conversation(access.instances.live(instance_id))
        except NeuroScriptError:
            return None

    def apply_record(self, what: str) -> None:
        """Stores a record that an earlier start of a run has committed, unless it is there."""
        self.access().apply_record(what)

    def restore(self, kind: str, run: JournaledRun, what: str) -> None:
        """Puts back what a call of an earlier start of a run has left in its process."""
        from neuroscript.journal import decode

        found, instances = decode(what), self.access().instances
        instance_id = found["instance_id"]
        if kind == "spawned":
            instances.resume(found)
            self._spawned[instance_id] = None
            self._runs[instance_id] = run
        elif kind == "said":
            instances.said(found)
        elif kind == "status":
            instances.set_status(instance_id, found["status"], found["last_error"])
        elif kind == "used":
            instances.used(instance_id, *found["used"])
        else:
            instances.forget(instance_id)
            self._spawned.pop(instance_id, None)

    def _suspend(self) -> None:
        """Lets go of the instances whose runs are not over."""
        for instance_id, run in self._runs.items():
            if instance_id in self._spawned and not run.has_returned and self._manager is not None:
                self._manager.suspend_worker_instance(instance_id)
                self._spawned.pop(instance_id)

    def close(self) -> None:
        """Retires what the interpreter left, and closes what was made for it."""
        if self._unsubscribe is not None:
            self._unsubscribe()
        try:
            self._suspend()
            if self._manager is not None:
                if self._own:
                    self._manager.close(CLOSED)
                else:
                    self._manager.retire_worker_instances(list(self._spawned), CLOSED)
        finally:
            if self._asker is not None:
                self._asker.close()

    def _tell(self, name: str, payload: dict[str, Any]) -> None:
        """Fires an event of the manager in the interpreter, if the interpreter caused it.

        Events that a host causes in the thread that the interpreter was set up in are fired too, but for those about
        another owner's instances.  Those of other threads and interpreters are not: this interpreter may be running
        just now, and they would have to wait for it.
        """
        caller = calling.interpreter()
        if caller is self._interpreter:
            self._follow(name, payload)
            context = self._interpreter.host_context()
            if context.has_handlers(name):  # to convert a payload takes 2 µs
                context.emit_event(name, payload, SERVICE)
        elif caller is None and threading.get_ident() == self._thread and self._concerns_us(payload):
            self._interpreter.emit_event(name, payload, SERVICE)

    def _concerns_us(self, payload: dict[str, Any]) -> bool:
        """Whether an event that the host caused is about nobody's instance, the host's, or one of this owner's."""
        manager, instance_id = self._manager, payload.get("instance_id")
        if manager is None or not instance_id:
            return True
        owner = manager.owner_of_instance(instance_id)
        return not owner or (self._access is not None and self._access.rights.owns(owner))

    def _follow(self, name: str, payload: dict[str, Any]) -> None:
        if name == "ai_wm.instance.spawned":
            self._spawned[payload["instance_id"]] = None
            journal = self._interpreter.host_context().journal
            if journal is not None:
                self._runs[payload["instance_id"]] = journal
        elif name == "ai_wm.instance.retired":
            self._spawned.pop(payload["instance_id"], None)
