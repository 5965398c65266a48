"""Conversations: the history of an instance, and its turns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ai_wm.calls.runner import Runner, Task
from ai_wm.calls.tool_host import ToolHost
from ai_wm.calls.turn import CallOptions, Check, StreamCallback, Turn
from ai_wm.data.settings import check_overrides, effective_config
from ai_wm.data.types import AIWorkerDefinition, AIWorkerDefinitionStatus, AIWorkerInstanceStatus, PerformanceRecord
from ai_wm.providers.base import Message
from ai_wm.store import Store
from ai_wm.support.aio import in_thread
from ai_wm.workers.definitions import Definitions
from neuroscript.errors import ErrorCode, NeuroScriptError

if TYPE_CHECKING:
    from ai_wm.workers.instances import LiveInstance


class ConversationManager:
    """The conversation of one instance: what was said, and saying more.

    Get one with ``manager.conversation(instance_id)``.  Every method raises error 19 once the instance is retired, and
    those that change the history do so while a turn is going on.
    """

    def __init__(self, live: LiveInstance, turns: Turns, tools: ToolHost | None = None) -> None:
        self._live = live
        self._turns = turns
        self._tools = tools

    @property
    def instance_id(self) -> str:
        """The instance whose conversation this is."""
        return self._live.instance_id

    @property
    def history(self) -> list[Message]:
        """What was said so far, the oldest first; a list of its own."""
        with self._live.lock:
            self._live.check_alive()
            return list(self._live.history)

    def ask(
        self,
        message: str,
        config_overrides: Mapping[str, Any] | None = None,
        *,
        tools: ToolHost | None = None,
        stream: StreamCallback | None = None,
        check: Check | None = None,
        context: Sequence[str] = (),
    ) -> str:
        """One turn: says something to the model and gives its reply.

        Args:
            message: what to say.
            config_overrides: settings on top of the instance's, for this turn.
            tools: where the tools that the model may call come from; None: those of the manager, if it has any.
            stream: gets the reply's text in pieces as they come.
            check: called now and then while waiting; raises to cancel.
            context: texts that go to the model ahead of the message this once and do not enter the history.

        Raises:
            NeuroScriptError: 19 retired, or a turn is going on, or its context is full; 20 and 46 by the limits; 18 no
                key; 22, 34, 37 or 41 for a file context; 16, 31, 40, 45, 47 as the model failed; 44 cancelled.  The
                history is then as it was before.
        """
        notes = tuple(Message(role="user", content=text) for text in context)
        options = CallOptions(tools=tools or self._tools, stream=stream, check=check, context=notes)
        return self._turns.ask(self._live, message, config_overrides, options)

    async def aask(self, message: str, config_overrides: Mapping[str, Any] | None = None, **options: Any) -> str:
        """`ask` for asyncio and trio hosts: in a worker thread, ended when the waiting task is cancelled."""
        return await in_thread(self.ask, message, config_overrides, **options)

    def add_user_message(self, text: str) -> None:
        """Adds a message of the user to the history without asking the model."""
        self._live.append(Message(role="user", content=_text(text)))

    def add_model_message(self, text: str) -> None:
        """Adds a message of the model to the history, as if it had said that."""
        self._live.append(Message(role="assistant", content=_text(text)))

    def add_tool_result(self, tool_call_id: str, content: str, *, name: str = "", is_error: bool = False) -> None:
        """Adds the result of a tool that the model had asked for, by the id of the call."""
        self._live.append(
            Message(role="tool", content=_text(content), tool_call_id=tool_call_id, name=name, is_error=is_error)
        )

    def clear(self) -> None:
        """Forgets what was said; an instance whose context was full can go on."""
        self._live.clear()

    def __repr__(self) -> str:
        return f"ConversationManager(instance_id={self.instance_id!r})"


def _text(text: Any) -> str:
    if not isinstance(text, str):
        raise NeuroScriptError(ErrorCode.ARG_MISMATCH, f"a message is a string, not {type(text).__name__}")
    return text


@dataclass(frozen=True, slots=True)
class Turns:
    """Runs the turns of conversations with the parts of one manager."""

    definitions: Definitions
    runner: Runner
    store: Store

    def ask(self, live: LiveInstance, message: str, overrides: Mapping[str, Any] | None, options: CallOptions) -> str:
        """One turn of an instance: busy, then idle again, or in the state that the failure means."""
        prompt = Message(role="user", content=_text(message))
        overrides = check_overrides(overrides)
        live.begin_turn()
        task: Task | None = None
        status, last_error = AIWorkerInstanceStatus.IDLE, ""
        said: Sequence[Message] = ()
        try:
            definition = self.definitions.find(live.definition_id)
            task = self._task(live, prompt, overrides, options)
            turn, _ = self.runner.run(task, definition, effective_config(live.config, overrides), self._ready)
            said = (prompt, *turn.messages)
        except NeuroScriptError as error:
            status, last_error = _state_after(error), error.message
            raise
        finally:
            live.end_turn(status, last_error, said, self.runner.clock.now())
            if task is not None:
                task.tell()
        assert turn.response is not None
        return turn.response.text

    def _task(self, live: LiveInstance, prompt: Message, overrides: Mapping[str, Any], options: CallOptions) -> Task:
        known: dict[str, Any] = {
            "prompt_char_length": len(prompt.content),
            "history_messages": len(live.history),
        }
        if live.file_contexts:
            known["file_contexts"] = list(live.file_contexts)
        if overrides:
            known["config_overrides"] = sorted(overrides)

        def log(turn: Turn, record: PerformanceRecord) -> None:
            used = turn.usage
            live.count(
                used.input_tokens,
                used.output_tokens,
                lambda usage: self.store.add_record(record, usage),
            )

        return Task(
            messages=(*live.opening(options.check), *live.history, *options.context, prompt),
            known=known,
            options=options,
            overrides=(live.overrides, overrides),
            log=log,
            instance_id=live.instance_id,
        )

    def _ready(self, id_or_name: str) -> AIWorkerDefinition:
        """A fallback, if it may take part in a conversation now."""
        definition = self.definitions.find(id_or_name)
        if definition.status is not AIWorkerDefinitionStatus.ACTIVE or not definition.can_chat:
            raise NeuroScriptError(
                ErrorCode.PRECONDITION_FAILED,
                f"the definition {definition.name!r} is not active, or not for conversations",
            )
        return definition


def _state_after(error: NeuroScriptError) -> AIWorkerInstanceStatus:
    match error.code:
        case ErrorCode.CONTEXT_FULL:
            return AIWorkerInstanceStatus.CONTEXT_FULL
        case ErrorCode.RATE_LIMITED | ErrorCode.BUDGET_EXCEEDED:
            whole_day = error.details.get("limit") == "max_tokens_per_day"
            return AIWorkerInstanceStatus.TOKEN_LIMIT_REACHED if whole_day else AIWorkerInstanceStatus.RATE_LIMITED
        case ErrorCode.CANCELLED | ErrorCode.ARG_MISMATCH:
            return AIWorkerInstanceStatus.IDLE
    return AIWorkerInstanceStatus.ERROR
