"""The task that a prompt sets, and the turn in which one worker answers it, with all its rounds of tool calls."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from ai_wm.calls.pricing import PriceSource, cost_of_call
from ai_wm.calls.tool_host import ToolHost, WorkerTools
from ai_wm.data.settings import CallSettings
from ai_wm.data.types import STATELESS_PREFIX, AIWorkerDefinition, PerformanceRecord
from ai_wm.keys import Secret
from ai_wm.providers.base import LLMRequest, LLMResponse, Message, Usage
from ai_wm.ratelimit import Reservation
from ai_wm.support.ids import new_id
from neuroscript import ErrorCode, NeuroScriptError

MAX_DEPTH = 8
"""How deep models may call tools that ask models."""

_depth: ContextVar[int] = ContextVar("ai_wm_turns_inside_one_another", default=0)

StreamCallback = Callable[[str], object]
"""Gets each piece of a reply's text as it comes."""

Check = Callable[[], None]
"""Raises when the caller was cancelled."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallOptions:
    """Options of one call, beside the configuration of its worker.

    Args:
        tools: where the tools that the model may call come from; None: it has none.
        stream: gets the reply's text in pieces.
        check: called now and then while waiting; raises to cancel.
        context: messages that go along this once, ahead of the prompt.
    """

    tools: ToolHost | None = None
    stream: StreamCallback | None = None
    check: Check | None = None
    context: tuple[Message, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A prompt that is to be answered, by the worker asked for or a fallback.

    Args:
        worker: the id or name of the definition asked for.
        ready: finds a definition by id or name, if it may answer this prompt; else it raises.
        configure: the effective configuration with which a definition answers it.
        messages: the conversation; the last message is what the model answers.
        known: what a record says of the input.
        options: what belongs to this call alone.
        store: stores a record, with the tokens that its turn used.
        instance_id: the instance whose turn it is; empty for a stateless task.
        events: the events of this task, to be fired when nothing is held any more: who listens may do anything.
    """

    worker: str
    ready: Callable[[str], AIWorkerDefinition]
    configure: Callable[[AIWorkerDefinition], dict[str, Any]]
    messages: tuple[Message, ...]
    known: Mapping[str, Any]
    options: CallOptions
    store: Callable[[PerformanceRecord, Usage], object]
    instance_id: str = ""
    events: list[tuple[str, dict[str, Any]]] = field(default_factory=list)


class Turn:
    """The state of one worker's answer to a task: its rounds, the tokens they used, the reservation of the last one.

    Args:
        task: what is to be answered.
        definition: the worker, as it is now.

    Raises:
        NeuroScriptError: 4 for a setting that does not fit.
    """

    def __init__(self, task: Task, definition: AIWorkerDefinition) -> None:
        self.task = task
        self.definition = definition
        self.config = task.configure(definition)
        self.settings = CallSettings.of(self.config)
        self.instance_id = task.instance_id or f"{STATELESS_PREFIX}{new_id()}"
        self.usage = Usage()
        self.cost = 0.0
        self.cost_source = ""
        self.attempts = 0
        self.rounds = 0
        """The calls begun; while there is none, there is nothing to record."""
        self.tools_called: list[str] = []
        self.messages: list[Message] = []
        """What the rounds added to the conversation: requests for tools, their results, and the reply."""
        self.response: LLMResponse | None = None
        """The reply, once there is one."""
        self.secrets: set[Secret] = set()
        """The keys that were sent."""
        self.recorded = False
        """Whether its record was begun; it is made once."""
        self.record: PerformanceRecord | None = None
        """The record that was stored."""
        self._tools = WorkerTools(task.options.tools, definition.tool_allowlist, definition.tool_denylist)
        self._offered = self._tools.definitions
        self._hold: Reservation | None = None
        self._sent = False
        self._round: tuple[int, float] = (0, 0.0)

    @property
    def subject(self) -> str:
        """The worker as error messages name it."""
        return f"worker {self.definition.name or self.definition.definition_id!r}"

    def request(self, key: Secret | None = None) -> LLMRequest:
        """Makes the request of the next round.

        Raises:
            NeuroScriptError: 38 in a tool of a model that was asked in a tool, and so on, beyond `MAX_DEPTH`.
        """
        if _depth.get() >= MAX_DEPTH:
            raise NeuroScriptError(
                ErrorCode.NESTING_DEPTH_EXCEEDED,
                f"{self.subject} was not asked: models call tools that ask models, {MAX_DEPTH} deep already",
            )
        task = self.task
        return LLMRequest(
            provider=str(self.definition.provider),
            model=self.definition.model_name,
            messages=(*task.messages, *self.messages),
            tools=self._offered,
            config=self.config,
            api_key=key,
            session=task.instance_id or self.definition.definition_id,
            check=task.options.check,
        )

    # --- what is reserved for a round, and what it really used ---

    def hold(self, reservation: Reservation) -> None:
        """Takes charge of the reservation for the next round."""
        self._hold, self._sent, self._round = reservation, False, (0, 0.0)

    def begin(self, request: LLMRequest) -> None:
        """Notes that a round begins: from now on there is something to record."""
        self.rounds += 1
        if request.api_key is not None:
            self.secrets.add(request.api_key)

    def sent(self) -> None:
        """Notes that the request is about to be sent: the round counts, whatever becomes of it."""
        self._sent = True

    def count(
        self,
        usages: Sequence[Usage],
        attempts: int,
        price_source: PriceSource | None,
        *,
        model: str = "",
        tier: str = "",
    ) -> None:
        """Adds what a round used to what the turn used, with its cost: that of each request that was billed.

        Args:
            usages: the tokens of each request.
            attempts: how many requests were sent.
            price_source: published prices.
            model: the model that answered, as the provider names it.
            tier: how the provider says that it served the request.
        """
        models = (model, self.definition.model_name)
        cost, source = cost_of_call(self.definition, usages, models, price_source, tier=tier)
        usage = sum(usages, Usage())
        self._round = (usage.total_tokens, cost)
        self.usage += usage
        self.cost += cost
        self.attempts += attempts
        if self.cost_source != "unknown":
            self.cost_source = source

    def settle(self) -> None:
        """Settles the reservation with what the round really used; releases it if no request was sent."""
        hold, self._hold = self._hold, None
        if hold is not None:
            if self._sent:
                hold.settle(*self._round)
            else:
                hold.release()

    # --- what a reply says ---

    def take(self, response: LLMResponse) -> bool:
        """Adds a round's reply to the conversation; returns whether it is the last one, asking for no tools.

        Raises:
            NeuroScriptError: 16 if it asks for tools once more than ``max_tool_rounds``.
        """
        self.messages.append(response.as_message())
        if not response.tool_calls:
            self.response = response
            return True
        if self.rounds > self.settings.max_tool_rounds:
            asked = ", ".join(call.name for call in response.tool_calls)
            raise NeuroScriptError(
                ErrorCode.LLM_ERROR,
                f"{self.subject} still asked for tools ({asked}) after {self.settings.max_tool_rounds} rounds; "
                "raise max_tool_rounds, or tell the model to answer with what it has",
            )
        return False

    def run_tools(self, response: LLMResponse) -> None:
        """Runs the tools that a reply asks for, and adds their results to the conversation for the next round."""
        check = self.task.options.check
        token = _depth.set(_depth.get() + 1)
        try:
            for call in response.tool_calls:
                if check is not None:
                    check()
                self.tools_called.append(call.name)
                self.messages.append(self._tools.run(call))
        finally:
            _depth.reset(token)

    def metrics(self) -> dict[str, Any]:
        """Returns what the turn's record says in ``llm_metrics``."""
        usage, response = self.usage, self.response
        metrics: dict[str, Any] = {
            "input_tokens": usage.input_tokens,
            "output_tokens": usage.output_tokens,
            "total_tokens": usage.total_tokens,
            "finish_reason": response.finish_reason if response is not None else "error",
            "model_used": response.model if response is not None else self.definition.model_name,
            "attempts": self.attempts,
            "cost_source": self.cost_source,
        }
        more = {
            "cache_read_tokens": usage.cache_read_tokens,
            "cache_write_tokens": usage.cache_write_tokens,
            "reasoning_tokens": usage.reasoning_tokens,
            "request_id": response.request_id if response is not None else "",
            "service_tier": response.service_tier if response is not None else "",
            "provider_finish_reason": response.provider_finish_reason if response is not None else "",
            "tool_rounds": self.rounds - 1,
            "tool_calls": self.tools_called,
        }
        metrics.update((key, value) for key, value in more.items() if value and value != -1)
        return metrics
