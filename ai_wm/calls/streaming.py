"""Streaming: events that tell a host about a call in progress: pieces of text, tool calls, tokens used and the end."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from contextvars import ContextVar
from threading import Event
from typing import Any, Final

from ai_wm.data.bounds import short
from ai_wm.data.types import AIWorkerDefinition, PerformanceRecord
from ai_wm.logs import CALLS
from ai_wm.providers.base import Usage
from ai_wm.support.ids import new_id
from neuroscript import ErrorCode, NeuroScriptError, StreamEvent

StreamCallback = Callable[[StreamEvent], object]
"""Gets each event of a call as it comes."""

_WATCH_SECONDS: Final = 0.05
"""How often a thread of a batch whose event waits to be passed on looks whether the batch is over, in seconds."""

_relay: ContextVar[StreamCallback | None] = ContextVar("ai_wm_stream_relay", default=None)

in_callback: ContextVar[bool] = ContextVar("ai_wm_in_a_stream_callback", default=False)
"""Whether this is called by a stream callback, so that a call which it is told of is in flight."""


class CallStream:
    """Reports one call in progress, and its end, to the host's callback.

    An exception of the host's callback makes the call fail with error 21, unless it has failed already.

    Args:
        callback: gets the events.
        asked: the name or id of the worker that was asked for.
    """

    def __init__(self, callback: StreamCallback, asked: str) -> None:
        self._callback = callback
        self._names: dict[str, Any] = {"call_id": new_id(), "worker": str(asked)}
        self._usage, self._cost = Usage(), 0.0
        self._before, self._cost_before = Usage(), 0.0
        self._record: PerformanceRecord | None = None
        self._over = False
        self.is_silent = False
        """Whether nothing is reported, since what happens is repeated from the journal of a run."""

    def begin(self, definition: AIWorkerDefinition, instance_id: str) -> None:
        """Sets the definition and instance that the following events are about."""
        self._names |= {
            "worker": definition.name,
            "worker_id": definition.definition_id,
            "instance_id": instance_id,
        }
        self._before, self._cost_before = self._usage, self._cost

    def turn_failed(self, usage: Usage, cost: float, record: PerformanceRecord | None) -> None:
        """Notes that a worker gave no answer, and how much it has used."""
        self._count(usage, cost)
        self._record = record

    def text(self, text: str) -> None:
        """Reports a piece of the reply."""
        self._tell(kind="delta", text=text)

    def repair(self, problems: str) -> None:
        """Reports that the text of the last round does not fit the schema, and is sent back with its problems."""
        self._tell(kind="repair", text=short(problems))

    def tool_call(self, name: str) -> None:
        """Reports that a tool is about to run."""
        self._tell(kind="tool_call", tool=short(name))

    def round_over(self, usage: Usage, cost: float) -> None:
        """Reports the use of a round, and adds it to the total.

        Args:
            usage: the tokens that the worker has used so far.
            cost: the cost of these tokens.
        """
        before, cost_before = self._usage, self._cost
        self._count(usage, cost)
        self._tell(
            kind="usage",
            input_tokens=self._usage.input_tokens - before.input_tokens,
            output_tokens=self._usage.output_tokens - before.output_tokens,
            cost=self._cost - cost_before,
        )

    def done(self, record: PerformanceRecord) -> None:
        """Reports that the call has succeeded."""
        self._record = record
        self._end(0)

    def failed(self, error: BaseException) -> None:
        """Reports that the call has failed or was cut off, unless its end has been reported already."""
        if self._over:
            return
        try:
            self._end(code_of(error))
        except Exception as failure:  # the call has ended already, and by another failure
            if getattr(failure, "code", None) == ErrorCode.CANCELLED:
                return  # the batch that it is one of was cut off, and has told it
            CALLS.warning("the stream callback failed at the end of a call that had failed: %s", type(failure).__name__)

    def _count(self, usage: Usage, cost: float) -> None:
        self._usage, self._cost = self._before + usage, self._cost_before + cost

    def _end(self, code: int) -> None:
        record, self._over = self._record, True
        self._tell(
            kind="done",
            code=code,
            task_id=record.task_id if record is not None else "",
            input_tokens=self._usage.input_tokens,
            output_tokens=self._usage.output_tokens,
            cost=self._cost,
        )

    def _tell(self, **fields: Any) -> None:
        if self.is_silent:
            return
        try:
            in_callback.set(True)
            try:
                given = self._callback(StreamEvent(**self._names, **fields))
            finally:
                in_callback.set(False)
            if inspect.iscoroutine(given):
                given.close()
                raise TypeError("it is asynchronous; give it to Interpreter(on_stream=…), and run programs with arun")
        except NeuroScriptError:
            raise
        except Exception as error:  # the host's own callback: the model is not to blame for what it raises
            raise NeuroScriptError(
                ErrorCode.TOOL_EXECUTION_FAILED, f"the stream callback failed: {type(error).__name__}: {error}"
            ) from error


def code_of(error: BaseException) -> int:
    """The code of the error that ended a call: 44 if it was cut off, unless the run exceeded a limit."""
    if not isinstance(error, NeuroScriptError):  # the exception that ends a run has the error of the run
        error = getattr(error, "error", error)
    return int(error.code if isinstance(error, NeuroScriptError) else ErrorCode.CANCELLED)


class _Passed:
    """An event in transit from a thread of a batch to the thread that waits for the batch."""

    __slots__ = ("error", "event", "over")

    def __init__(self, event: StreamEvent) -> None:
        self.event = event
        self.over = Event()
        self.error: Exception | None = None


class StreamRelay:
    """Passes the events of a batch's calls to the host in the thread that waits for the batch and belongs to the run.

    A call continues once its event was processed, so that a slow host slows the replies down and they do not pile up.

    Args:
        callback: receives the events.
        put: makes the waiting thread call a function.
        stopped: set when that thread no longer waits.
    """

    def __init__(self, callback: StreamCallback, put: Callable[[Callable[[], None]], object], stopped: Event) -> None:
        self._callback = callback
        self._put = put
        self._stopped = stopped
        self._open: dict[str, StreamEvent] = {}

    def tell(self, event: StreamEvent) -> None:
        """Passes an event to the waiting thread; called by the threads of the batch.

        Raises:
            NeuroScriptError: 44 if the batch is over; any exception of the callback.
        """
        passed = _Passed(event)
        self._put(lambda: self._deliver(passed))
        while not passed.over.wait(_WATCH_SECONDS):
            if self._stopped.is_set():
                raise NeuroScriptError(ErrorCode.CANCELLED, "the batch was cancelled")
        if passed.error is not None:
            raise passed.error

    def _deliver(self, passed: _Passed) -> None:
        event = passed.event
        if event.kind == "done":
            self._open.pop(event.call_id, None)
        else:
            self._open[event.call_id] = _if_cut_off(event, self._open.get(event.call_id))
        try:
            self._callback(event)
        except Exception as error:  # raised in the call whose event it is
            passed.error = error
        passed.over.set()

    def cut_off(self) -> None:
        """Reports that the calls still running were cut off; called by the waiting thread before it leaves."""
        opened, self._open = self._open, {}
        for ended in opened.values():
            try:
                self._callback(ended)
            except Exception as failure:  # the batch has ended already, and by another failure
                CALLS.warning("the stream callback failed when a batch was cut off: %s", type(failure).__name__)

    def use_in_thread(self) -> None:
        """Makes calls by tools in this thread of the batch use the relay too."""
        _relay.set(self.tell)


def _if_cut_off(event: StreamEvent, before: StreamEvent | None) -> StreamEvent:
    """The final event to report if the call is cut off after ``event``; ``before`` is the final event before that."""
    used = event.kind == "usage"
    return StreamEvent(
        kind="done",
        call_id=event.call_id,
        worker=event.worker,
        worker_id=event.worker_id,
        instance_id=event.instance_id,
        input_tokens=(before.input_tokens if before is not None else 0) + (event.input_tokens if used else 0),
        output_tokens=(before.output_tokens if before is not None else 0) + (event.output_tokens if used else 0),
        cost=(before.cost if before is not None else 0.0) + (event.cost if used else 0.0),
        code=int(ErrorCode.CANCELLED),
    )


def relayed(callback: StreamCallback | None) -> StreamCallback | None:
    """The callback for a call that begins in this thread: the relay if the thread belongs to a batch."""
    return callback if callback is None else _relay.get() or callback
