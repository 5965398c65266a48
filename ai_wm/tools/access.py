"""Helpers of the tools: reaching the manager, conversation handles, and converting results."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar
from types import TracebackType
from typing import TYPE_CHECKING, Any

from ai_wm.support.waiting import cancellable
from neuroscript import ErrorCode, NeuroScriptError, text_of

if TYPE_CHECKING:
    from pathlib import Path

    from ai_wm.calls.journaling import CallJournal
    from ai_wm.calls.task import CallOptions
    from ai_wm.providers.fakes import ModelFakes
    from ai_wm.scripts.access import ScriptAccess
    from ai_wm.workers.conversation import ConversationManager
    from ai_wm.workers.stateless import TaskResult
    from neuroscript import Handle, Interpreter, ToolContext

SERVICE = "ai_wm"
"""The name under which an interpreter holds its manager."""

ACCESS = "ai_wm_access"
"""The name of the function that gives the access of an interpreter's scripts to its manager."""

DIRECTORY = "worker_directory"
"""The service by which a host without this package's types, such as the command line, says where the workers' files
are if not in the sandbox: a mapping with ``path``, a directory, and ``stores_additions``, whether the definitions that
scripts add there outlive their run."""

FAKES = "model_fakes"
"""The service by which a host that runs tests says who answers in place of models: the arguments of `ModelFakes`."""

READ_TOOL = "fs.Read"
"""The tool by whose permission file contexts are permitted too."""

SHARED_BUDGET = "run_budget"
"""The service by which a host says that the interpreter's runs share a budget: see `neuroscript.journal.sharing`."""

KIND = "conversation"
"""The kind of a conversation's handle."""


STATUS, USED, RETIRED = "ai_wm.status", "ai_wm.used", "ai_wm.retired"
"""What the journal of a run keeps about an instance: that a status was set, tokens were added, it was retired."""

_ROW_BYTES = 512
"""Bytes of the names and the fields that a stored record, definition or instance has beside what the script gave."""

_interpreter: ContextVar[Interpreter | None] = ContextVar("ai_wm_calling_interpreter", default=None)


class calling:
    """Context manager for work of an interpreter.

    Its event handlers get the events that the work causes, and what the work waits for obeys the run's cancellation.
    """

    __slots__ = ("_cancellable", "_context", "_token")

    def __init__(self, ctx: ToolContext) -> None:
        self._context = ctx

    def __enter__(self) -> None:
        self._cancellable = cancellable(self._context.cancel_token.check)
        self._cancellable.__enter__()
        self._token = _interpreter.set(self._context.interpreter)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        _interpreter.reset(self._token)
        self._cancellable.__exit__(None, None, None)

    @staticmethod
    def interpreter() -> Interpreter | None:
        """Returns the interpreter that this thread works for; None outside of such a block."""
        return _interpreter.get()


def fakes_in(services: Mapping[str, Any]) -> ModelFakes | None:
    """Returns who answers in place of models, as the service `FAKES` says; None where nobody does."""
    given = services.get(FAKES)
    if given is None:
        return None
    from ai_wm.providers.fakes import ModelFakes

    return ModelFakes(**given)


def access_of(ctx: ToolContext) -> ScriptAccess:
    """Returns the manager as the scripts of the interpreter reach it, made now if this is the first need of it."""
    make: Callable[[], ScriptAccess] = ctx.services[ACCESS]
    return make()


def journal_of(ctx: ToolContext, access: ScriptAccess) -> CallJournal | None:
    """The journal of the run that is going on; None where it has none."""
    return None if ctx.journal is None else access.journal_of(ctx.journal)


def keep(ctx: ToolContext, kind: str, what: Mapping[str, Any]) -> None:
    """Keeps in the journal of the run, if it has one, what a call leaves in this process."""
    journal = journal_of(ctx, access_of(ctx))
    if journal is not None:
        journal.keep(kind, what)


def options_of(ctx: ToolContext, access: ScriptAccess, *, whispered: Sequence[str] = ()) -> CallOptions:
    """Makes the options of a call that a script makes: its model's tools, who hears of it, and how it is cancelled."""
    from ai_wm.calls.streaming import relayed

    interpreter = ctx.interpreter
    if ctx.journal is None and SHARED_BUDGET in interpreter.services:  # which nobody could keep
        message = (
            f"runs under the service {SHARED_BUDGET!r} share a budget by their journal; run it with run_id and journal"
        )
        raise NeuroScriptError(ErrorCode.CONFIGURATION, message)
    tools = access.tools(interpreter.tools, interpreter.policy, ctx)
    on_stream = relayed(ctx.on_stream)
    return access.options(
        ctx.run, tools=tools, check=ctx.check, on_stream=on_stream, whispered=whispered, journal=ctx.journal
    )


class InterpreterFiles:
    """The sandbox directory of an interpreter, as its file tools reach it."""

    def __init__(self, interpreter: Interpreter) -> None:
        self._interpreter = interpreter

    @property
    def root(self) -> Path | None:
        """The directory; None if the host gave none."""
        return self._interpreter.sandbox

    def refusal(self) -> str | None:
        """Why scripts may not read files; None if they may."""
        interpreter = self._interpreter
        tool = interpreter.tools.get(READ_TOOL)
        if tool is None:
            return f"there is no {READ_TOOL}"
        return interpreter.policy.refusal(tool.spec)

    def read(self, path: str, check: Callable[[], None] | None) -> str:
        """Reads the text of a file."""
        from ai_wm.workers.file_contexts import text_of

        interpreter = self._interpreter
        return text_of(path, interpreter.files if interpreter.sandbox is not None else None)

    def read_bytes(self, path: str, most: int, check: Callable[[], None] | None) -> bytes:
        """Reads the bytes of a file of at most so many."""
        from ai_wm.workers.attaching import no_sandbox

        interpreter = self._interpreter
        if interpreter.sandbox is None:
            raise no_sandbox(path)
        return interpreter.files.read_bytes(path, most)


def handle_of(ctx: ToolContext, conversation: ConversationManager) -> Handle:
    """Makes a handle for a conversation."""
    return ctx.handles.create(KIND, conversation)


def conversation_of(ctx: ToolContext, handle: Handle, instance_id: str | None = None) -> ConversationManager:
    """Returns the conversation behind a handle.

    Raises:
        NeuroScriptError: 7 if it is no conversation's handle; 19 if it is stale, or not that instance's.
    """
    conversation: ConversationManager = ctx.handles.get(handle, KIND)
    if instance_id is not None and conversation.instance_id != instance_id:
        raise NeuroScriptError(
            ErrorCode.PRECONDITION_FAILED,
            f"the handle belongs to the instance {conversation.instance_id}, not to {instance_id}",
        )
    return conversation


def charge(ctx: ToolContext, *values: Any) -> None:
    """Counts what a script has stored, about as large as it is in a file, against what its run may write.

    Raises:
        NeuroScriptError: 37 if that is too much.
    """
    ctx.charge_written(_ROW_BYTES + len(text_of(list(values)).encode(errors="replace")))


def checked_reply(ctx: ToolContext, reply: Any) -> Any:
    """A reply as a value of the script: a string, or with a schema anything that JSON has.

    Raises:
        NeuroScriptError: 37 if it is larger than a string, a list or a map may be.
    """
    if isinstance(reply, str):
        return _checked_text(ctx, reply)
    if isinstance(reply, list | dict):
        most = ctx.limits.max_items
        if most is not None and len(reply) > most:
            message = f"the reply has {len(reply)} items in one {'list' if isinstance(reply, list) else 'map'}"
            raise NeuroScriptError(ErrorCode.RESOURCE_EXHAUSTION, f"{message}; one has at most {most}")
        for item in reply.values() if isinstance(reply, dict) else reply:
            checked_reply(ctx, item)
    return reply


def _checked_text(ctx: ToolContext, reply: str) -> str:
    most = ctx.limits.max_string
    if most is not None and len(reply) > most:
        message = f"the reply has {len(reply)} characters; a string has at most {most}"
        raise NeuroScriptError(
            ErrorCode.RESOURCE_EXHAUSTION, f"{message}. A smaller max_output_tokens of the worker keeps replies short"
        )
    return reply


def task_map(ctx: ToolContext, result: TaskResult) -> dict[str, Any]:
    """Converts a task's result to the map that scripts see."""
    output, record = result
    metrics = record.llm_metrics
    return {
        "output": checked_reply(ctx, output),
        **({"value": checked_reply(ctx, result.value)} if result.is_structured else {}),
        "task_id": record.task_id,
        "cost": record.cost_incurred,
        "input_tokens": metrics.get("input_tokens", 0),
        "output_tokens": metrics.get("output_tokens", 0),
        "duration_ms": record.duration_ms,
        "finish_reason": metrics.get("finish_reason", ""),
    }
