"""Conversations: running the turns of a session, and the interface to it for hosts and scripts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, overload

from ai_wm.calls.clearance import Clearance
from ai_wm.calls.journaling import SAID
from ai_wm.calls.runner import Runner
from ai_wm.calls.stored_forms import message_map
from ai_wm.calls.streaming import StreamCallback
from ai_wm.calls.task import AddRecord, AttachmentReader, CallOptions, CallsOfRun, Check, Task
from ai_wm.calls.tool_host import ToolHost
from ai_wm.data.attachments import check_together
from ai_wm.data.setting_names import read_overrides
from ai_wm.data.settings import at_current_address, effective_config, fallback_overrides, with_schema
from ai_wm.data.type_words import described_type
from ai_wm.data.types import (
    AIWorkerDefinition,
    AIWorkerDefinitionStatus,
    AIWorkerInstanceStatus,
    PerformanceRecord,
    TokenUsageMetrics,
)
from ai_wm.providers.base import Message, Usage
from ai_wm.store import Store
from ai_wm.support.aio import in_thread
from ai_wm.support.ids import ExactId
from ai_wm.workers.attaching import facts_of, taken_from
from ai_wm.workers.definitions import Definitions
from ai_wm.workers.session import Session
from neuroscript import ErrorCode, NeuroScriptError


class ConversationManager:
    """The conversation of one instance: its history, and asking the model more.

    Get one with ``manager.conversation(instance_id)``.  Every method raises error 19 once the instance is retired, and
    those that change the history do so while a turn is going on.
    """

    def __init__(self, session: Session, conversations: Conversations, tools: ToolHost | None = None) -> None:
        self._session = session
        self._conversations = conversations
        self._tools = tools

    @property
    def session(self) -> Session:
        """The instance itself, for the parts of the manager."""
        return self._session

    @property
    def instance_id(self) -> str:
        """The id of the instance whose conversation this is."""
        return self._session.instance_id

    @property
    def history(self) -> list[Message]:
        """The messages so far, the oldest first, in a new list."""
        with self._session.lock:
            self._session.check_alive()
            return list(self._session.history)

    @overload
    def ask(
        self,
        message: str,
        config_overrides: Mapping[str, Any] | None = None,
        *,
        tools: ToolHost | None = None,
        on_stream: StreamCallback | None = None,
        check: Check | None = None,
        context: Sequence[str] = (),
        schema: None = None,
    ) -> str: ...

    @overload
    def ask(
        self,
        message: str,
        config_overrides: Mapping[str, Any] | None = None,
        *,
        tools: ToolHost | None = None,
        on_stream: StreamCallback | None = None,
        check: Check | None = None,
        context: Sequence[str] = (),
        schema: Mapping[str, Any],
    ) -> Any: ...

    def ask(
        self,
        message: str,
        config_overrides: Mapping[str, Any] | None = None,
        *,
        tools: ToolHost | None = None,
        on_stream: StreamCallback | None = None,
        check: Check | None = None,
        context: Sequence[str] = (),
        schema: Mapping[str, Any] | None = None,
    ) -> Any:
        """Sends the model a message with the conversation before it, and returns the reply.

        Args:
            message: what to say.
            config_overrides: settings on top of the instance's, for this turn.
            tools: where the tools that the model may call come from; None: those of the manager, if it has any.
            on_stream: gets the `StreamEvent`s of the turn as they come; None: nothing is streamed.
            check: called now and then while waiting; raises to cancel.
            context: texts that go to the model ahead of the message this once and do not enter the history.
            schema: a JSON Schema that the reply must fit, as the setting ``schema``.

        Returns:
            the text of the reply; with a schema the value.

        Raises:
            NeuroScriptError: 19 retired, or a turn is going on, or its context is full; 20 and 46 by the limits; 18 no
                key; 22, 34, 37 or 41 for a file context, and these, 4, 23 or 35 for an attachment; 16, 31, 40, 45, 47
                as the model failed; 44 cancelled.  The history is then as it was before.
        """
        notes = tuple(Message(role="user", content=text) for text in context)
        options = CallOptions(tools=tools or self._tools, on_stream=on_stream, check=check, context=notes)
        return self._conversations.ask(self._session, message, with_schema(config_overrides, schema), options)

    @overload
    async def aask(
        self,
        message: str,
        config_overrides: Mapping[str, Any] | None = None,
        *,
        schema: Mapping[str, Any],
        **options: Any,
    ) -> Any: ...

    @overload
    async def aask(self, message: str, config_overrides: Mapping[str, Any] | None = None, **options: Any) -> str: ...

    async def aask(self, message: str, config_overrides: Mapping[str, Any] | None = None, **options: Any) -> Any:
        """Runs `ask` in a worker thread, for asyncio and trio hosts; cancelling the waiting task ends it."""
        return await in_thread(self.ask, message, config_overrides, **options)

    def add_user_message(self, text: str) -> None:
        """Adds a message of the user to the history without asking the model."""
        self._session.append(Message(role="user", content=_text(text)))

    def add_model_message(self, text: str) -> None:
        """Adds a message of the model to the history, as if it had said that."""
        self._session.append(Message(role="assistant", content=_text(text)))

    def add_tool_result(self, tool_call_id: str, content: str, *, name: str = "", is_error: bool = False) -> None:
        """Adds the result of a tool that the model had asked for, by the id of the call."""
        self._session.append(
            Message(role="tool", content=_text(content), tool_call_id=tool_call_id, name=name, is_error=is_error)
        )

    def clear(self) -> None:
        """Empties the history; an instance whose context was full can go on."""
        self._session.clear()

    def __repr__(self) -> str:
        return f"ConversationManager(instance_id={self.instance_id!r})"


def _text(text: Any) -> str:
    if not isinstance(text, str):
        raise NeuroScriptError(ErrorCode.ARG_MISMATCH, f"a message is a string, not {described_type(text)}")
    return text


@dataclass(frozen=True, slots=True)
class Conversations:
    """Runs the turns of conversations with the services of one manager."""

    definitions: Definitions
    runner: Runner
    store: Store
    attachments: AttachmentReader

    def ask(self, session: Session, message: str, overrides: Mapping[str, Any] | None, options: CallOptions) -> Any:
        """Runs one turn of an instance, which is busy meanwhile, and then idle or in the state that the failure means.

        Returns:
            the reply: its text, or with a schema the value.

        Raises:
            NeuroScriptError: 4 for what does not fit; 19 retired, or a turn is going on, or its context is full; 9 if
                its definition was removed; 22, 34, 37 or 41 for a file context; what `Runner.run` raises.
        """
        prompt = Message(role="user", content=_text(message))
        given = read_overrides(overrides)
        named = sorted(given)
        if "attach" in given:
            given, attached = taken_from(given)
            read = options.attachments or self.attachments
            prompt = replace(prompt, attachments=read(attached, options.check))
        turn, task, journal = object(), None, options.journal
        before = session.usage
        status, last_error = AIWorkerInstanceStatus.IDLE, ""
        said: Sequence[Message] = ()
        try:
            try:
                if session.wake is not None:
                    session.wake(options.check)
                session.begin_turn(turn)
                task = self._task(session, prompt, given, named, options)
                answer = self.runner.run(task)
                said = (prompt, *answer.messages)
            except NeuroScriptError as error:
                status, last_error = _state_after(error), error.message
                raise
            finally:
                session.end_turn(turn, status, last_error, said, self.runner.clock.now())
        finally:
            session.end_turn(turn, status, last_error, said, self.runner.clock.now())  # if that was interrupted
            if journal is not None:
                _keep(journal, session, said, status, last_error, before)
            if task is not None:
                self.runner.tell(task)
        return answer.reply

    def _task(
        self,
        session: Session,
        prompt: Message,
        overrides: Mapping[str, Any],
        named: Sequence[str],
        options: CallOptions,
    ) -> Task:
        kept = tuple(each for message in session.history for each in message.attachments)
        if prompt.attachments and kept:
            check_together((*kept, *prompt.attachments), "the conversation with this prompt")
        known: dict[str, Any] = {
            "prompt_char_length": len(prompt.content),
            "history_messages": len(session.history),
        }
        if session.file_contexts:
            known["file_contexts"] = list(session.file_contexts)
        if named:
            known["config_overrides"] = named
        known |= facts_of(prompt.attachments)
        own, clearance = session.definition_id, options.clearance

        def configure(definition: AIWorkerDefinition) -> dict[str, Any]:
            is_fallback = definition.definition_id != own
            layers = [session.overrides, overrides]
            if is_fallback:
                layers = [fallback_overrides(layer) for layer in layers]
            if clearance is not None:
                return clearance.configure(definition, *layers)
            if is_fallback:
                return effective_config(definition.base_config, *layers)
            return effective_config(
                at_current_address(session.config, session.overrides, definition.base_config), overrides
            )

        def store(record: PerformanceRecord, used: Usage, add: AddRecord | None) -> None:
            put = add or self.store.add_record
            session.count(used.input_tokens, used.output_tokens, lambda usage: put(record, usage))

        return Task(
            worker=ExactId(own),
            ready=lambda name: self._ready(name, own, clearance),
            configure=configure,
            messages=(*session.opening(options.check), *session.history, *options.context, prompt),
            known=known,
            options=options,
            store=store,
            instance_id=session.instance_id,
        )

    def _ready(self, id_or_name: str, own: str, clearance: Clearance | None) -> AIWorkerDefinition:
        """The instance's own definition, which was checked when it was spawned, or a fallback that may chat now."""
        definition = (self.definitions if clearance is None else clearance).find(id_or_name)
        if definition.definition_id == own:
            return definition
        if definition.status is not AIWorkerDefinitionStatus.ACTIVE or not definition.can_chat:
            raise NeuroScriptError(
                ErrorCode.PRECONDITION_FAILED,
                f"the definition {definition.name!r} is not active, or not for conversations",
            )
        return definition


def _keep(
    journal: CallsOfRun,
    session: Session,
    said: Sequence[Message],
    status: AIWorkerInstanceStatus,
    last_error: str,
    before: TokenUsageMetrics,
) -> None:
    """Keeps a turn in the journal of its run."""
    used = session.usage
    is_first = len(session.history) == len(said)
    journal.keep(
        SAID,
        {
            "instance_id": session.instance_id,
            "said": [message_map(message) for message in said],
            "status": str(status.value),
            "last_error": last_error,
            "used": [used.input_tokens - before.input_tokens, used.output_tokens - before.output_tokens],
            "opening": [message_map(message) for message in session.opened()] if is_first else [],
        },
    )


def _state_after(error: NeuroScriptError) -> AIWorkerInstanceStatus:
    match error.code:
        case ErrorCode.CONTEXT_FULL:
            return AIWorkerInstanceStatus.CONTEXT_FULL
        case ErrorCode.RATE_LIMITED | ErrorCode.BUDGET_EXCEEDED:
            return _state_under(error.details.get("limit"))
        case ErrorCode.CANCELLED | ErrorCode.ARG_MISMATCH:
            return AIWorkerInstanceStatus.IDLE
        case ErrorCode.RESOURCE_EXHAUSTION if "limit" in error.details:  # the conversation is too large for its limits
            return _state_under(error.details["limit"])
    return AIWorkerInstanceStatus.ERROR


def _state_under(limit: object) -> AIWorkerInstanceStatus:
    if limit == "max_tokens_per_day":
        return AIWorkerInstanceStatus.TOKEN_LIMIT_REACHED
    return AIWorkerInstanceStatus.RATE_LIMITED
