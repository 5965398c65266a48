"""Sessions: live instances, each with its state and its conversation."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from threading import Condition, RLock
from typing import Any

from ai_wm.calls.task import Check
from ai_wm.data.types import (
    AIWorkerDefinition,
    AIWorkerInstance,
    AIWorkerInstanceStatus,
    RetiredInstanceInfo,
    Timestamp,
    TokenUsageMetrics,
)
from ai_wm.providers.base import Message
from ai_wm.workers.file_contexts import FileContexts
from neuroscript import ErrorCode, NeuroScriptError


class Session:
    """A live instance, which holds a conversation: its state and what was said.  Safe to use from many threads."""

    def __init__(
        self,
        instance_id: str,
        definition: AIWorkerDefinition,
        overrides: Mapping[str, Any],
        config: Mapping[str, Any],
        files: FileContexts,
        created: Timestamp,
        owner: str = "",
    ) -> None:
        self.instance_id = instance_id
        self.definition_id = definition.definition_id
        self.name = definition.name
        self.limits_id = definition.limits_id
        self.owner = owner
        self.overrides = dict(overrides)
        self.config = dict(config)
        self.history: list[Message] = []
        self.lock = RLock()
        self._turn_over = Condition(self.lock)
        self._files = files
        self._created = created
        self._active = created
        self._status = AIWorkerInstanceStatus.INITIALIZING
        self._usage = TokenUsageMetrics()
        self._last_error = ""
        self._turn: object = None
        self._retired = False
        self.is_resumed = False
        """Whether the journal of its run has brought it back, so that the store has it as suspended."""
        self.wake: Callable[[Check | None], None] | None = None
        """Takes the slot of an instance that was suspended, before it is used; None where it has one."""

    @property
    def file_contexts(self) -> Sequence[str]:
        """The paths of the files that go to the model ahead of the conversation."""
        return self._files.paths

    @property
    def status(self) -> AIWorkerInstanceStatus:
        """The state of the instance."""
        return self._status

    def snapshot(self) -> AIWorkerInstance:
        """Returns a snapshot of the instance."""
        with self.lock:
            return AIWorkerInstance(
                instance_id=self.instance_id,
                definition_id=self.definition_id,
                status=self._status,
                creation_timestamp=self._created,
                last_activity_timestamp=self._active,
                session_token_usage=self._usage,
                current_config=dict(self.config),
                active_file_contexts=list(self.file_contexts),
                last_error=self._last_error,
                owner=self.owner,
            )

    # --- what may be done now ---

    def check_alive(self) -> None:
        """Raises error 19 if the instance is retired."""
        if self._retired:
            raise stale(self.instance_id)

    def check_free(self) -> None:
        """Raises error 19 if the instance is retired, or a turn is going on."""
        self.check_alive()
        if self._turn is not None:
            raise NeuroScriptError(
                ErrorCode.PRECONDITION_FAILED,
                f"the instance {self.instance_id} is in a turn; wait until its reply is there",
            )

    # --- turns ---

    def begin_turn(self, turn: object) -> None:
        """Begins a turn: makes the instance busy.

        Args:
            turn: what tells this turn from others; whoever begins it ends it, also if this was interrupted.

        Raises:
            NeuroScriptError: 19 if it is retired, busy, or its context is full.
        """
        with self.lock:
            self.check_free()
            if self._status is AIWorkerInstanceStatus.BUSY:
                message = f"the instance {self.instance_id} is marked busy; set its status to idle first"
                raise NeuroScriptError(ErrorCode.PRECONDITION_FAILED, message)
            if self._status is AIWorkerInstanceStatus.CONTEXT_FULL:
                message = f"the context of the instance {self.instance_id} is full; clear its conversation or retire it"
                raise NeuroScriptError(ErrorCode.PRECONDITION_FAILED, message)
            self._turn, self._status = turn, AIWorkerInstanceStatus.BUSY

    def end_turn(
        self, turn: object, status: AIWorkerInstanceStatus, last_error: str, said: Sequence[Message], now: Timestamp
    ) -> None:
        """Ends a turn, if it is going on, and adds what was said to the history; nothing was if it failed."""
        with self.lock:
            if self._turn is not turn:
                return
            if said:
                self._files.keep()
            history = [*self.history, *said] if said else self.history
            # In one step, so that an interrupt leaves all of it or nothing.
            self.history, self._turn, self._status, self._last_error, self._active = (
                history, None, status, last_error, now,
            )  # fmt: skip
            self._turn_over.notify_all()

    def opening(self, check: Check | None) -> tuple[Message, ...]:
        """Returns the file contexts, read when first sent, which go to the model ahead of the conversation."""
        return self._files.messages(check)

    def count(self, input_tokens: int, output_tokens: int, log: Callable[[TokenUsageMetrics], object]) -> None:
        """Adds tokens to those of the session, once ``log`` has noted the new sum."""
        with self.lock:
            usage = self._usage.plus(input_tokens, output_tokens)
            try:
                log(usage)
            except NeuroScriptError as error:
                if error.code == ErrorCode.DUPLICATE:  # it was noted before, by a call that was interrupted
                    self._usage = usage
                raise
            self._usage = usage

    def opened(self) -> tuple[Message, ...]:
        """The file contexts as they go to the model from now on."""
        return self._files.kept

    # --- from outside ---

    def append(self, message: Message) -> None:
        """Adds a message to the history."""
        with self.lock:
            self.check_free()
            self.history.append(message)

    def clear(self) -> None:
        """Empties the history."""
        with self.lock:
            self.check_free()
            self.history.clear()
            if self._status is AIWorkerInstanceStatus.CONTEXT_FULL:
                self._status = AIWorkerInstanceStatus.IDLE

    def set_status(self, status: AIWorkerInstanceStatus, last_error: str | None, now: Timestamp) -> None:
        """Sets the state, and with the state ``error`` the last error if one is given; any other state clears it."""
        with self.lock:
            self.check_free()
            self._status, self._active = status, now
            if status is not AIWorkerInstanceStatus.ERROR:
                self._last_error = ""
            elif last_error is not None:
                self._last_error = last_error

    @property
    def usage(self) -> TokenUsageMetrics:
        """The tokens that the session has used."""
        return self._usage

    def begin_anew(self) -> None:
        """Puts the instance back to its start, from where the journal of its run goes on."""
        with self.lock:
            self.is_resumed = True
            self.history, self._turn, self._last_error = [], None, ""
            self._status, self._usage = AIWorkerInstanceStatus.IDLE, TokenUsageMetrics()

    def restore(
        self,
        said: Sequence[Message],
        status: AIWorkerInstanceStatus,
        last_error: str,
        used: tuple[int, int],
        opening: Sequence[Message],
    ) -> None:
        """Puts a turn back that the journal of the run has.

        Args:
            said: what was said.
            status: the state after it.
            last_error: why it failed, if it did.
            used: the tokens of input and output.
            opening: the file contexts that were sent.
        """
        with self.lock:
            if said:
                self._files.put_back(tuple(opening))
            self.history = [*self.history, *said]
            self._usage = self._usage.plus(*used)
            self._status, self._last_error = status, last_error

    def suspend(self) -> None:
        """Lets go of the session, which the journal of its run brings back."""
        with self.lock:
            self._retired = True
            self.history.clear()

    def retire(self, store: Callable[[], RetiredInstanceInfo], wait_seconds: float = 0.0) -> RetiredInstanceInfo:
        """Ends the session for good, once ``store`` has stored it.

        Raises:
            NeuroScriptError: 19 if it is retired, or in a turn that does not end within ``wait_seconds``; what
                ``store`` raises, and then it goes on living.
        """
        with self.lock:
            self._turn_over.wait_for(lambda: self._turn is None, wait_seconds)
            self.check_free()
            info = store()
            self._retired = True
            self.history.clear()
            return info


def stale(instance_id: str) -> NeuroScriptError:
    """Makes the error for an instance that is retired."""
    return NeuroScriptError(
        ErrorCode.PRECONDITION_FAILED, f"the instance {instance_id} is retired and its handle is stale; spawn another"
    )
