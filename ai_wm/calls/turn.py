"""The task that a prompt sets, and the turn in which one worker answers it, with all its rounds of tool calls."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, Final

from ai_wm.calls.ceilings import Holds, RunBudget
from ai_wm.calls.clearance import Clearance
from ai_wm.calls.pricing import PriceSource, cost_of_call, fallback_cost
from ai_wm.calls.streaming import CallStream, StreamCallback
from ai_wm.calls.tool_host import ToolHost, WorkerTools
from ai_wm.data.bounds import is_believable, short
from ai_wm.data.settings import CallSettings
from ai_wm.data.types import STATELESS_PREFIX, AIWorkerDefinition, PerformanceRecord
from ai_wm.keys import Secret
from ai_wm.keys.grant import KeyGrant
from ai_wm.providers.base import LLMRequest, LLMResponse, Message, Usage, estimate_input, estimate_tokens
from ai_wm.support.ids import new_id
from neuroscript import ErrorCode, NeuroScriptError

MAX_DEPTH = 8
"""How deep models may call tools that ask models."""

_depth: ContextVar[int] = ContextVar("ai_wm_turns_inside_one_another", default=0)

MOST_TOOL_CALLS: Final = 128
"""Tools that a model may ask for in one reply; no model of today asks for a tenth."""

_PLENTY: Final = 1_000_000
"""Tokens up to which a count of input, and one of output, is not looked at closely."""

Check = Callable[[], None]
"""Raises when the caller was cancelled."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallOptions:
    """Options of one call, beside the configuration of its worker.

    Args:
        tools: where the tools that the model may call come from; None: it has none.
        on_stream: gets the events of the call as they come; None: nothing is streamed.
        check: called now and then while waiting; raises to cancel.
        context: messages that go along this once, ahead of the prompt.
        clearance: what the scripts that caused it may do; None: it is the host itself.
        budget: what the run that caused it may still spend; None: it has no ceiling.
    """

    tools: ToolHost | None = None
    on_stream: StreamCallback | None = None
    check: Check | None = None
    context: tuple[Message, ...] = ()
    clearance: Clearance | None = None
    budget: RunBudget | None = None


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


def subject_of(definition: AIWorkerDefinition) -> str:
    """How messages name a worker."""
    return f"worker {definition.name or definition.definition_id!r}"


class Turn:
    """The state of one worker's answer to a task: its rounds, the tokens they used, the reservation of the last one.

    Args:
        task: what is to be answered.
        definition: the worker, as it is now.
        stream: tells the host of the call; None: nothing is streamed.

    Raises:
        NeuroScriptError: 4 for a setting that does not fit.
    """

    def __init__(self, task: Task, definition: AIWorkerDefinition, stream: CallStream | None = None) -> None:
        self.task = task
        self.definition = definition
        self.stream = stream
        self.config = task.configure(definition)
        self.settings = CallSettings.of(self.config)
        self.instance_id = task.instance_id or f"{STATELESS_PREFIX}{new_id()}"
        if stream is not None:
            stream.begin(definition, self.instance_id)
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
        self._usage_note = ""
        self._hold: Holds | None = None
        self._sent = False
        self._round: tuple[int, float, float] = (0, 0.0, 0.0)
        self._lost = True
        self._keyless: LLMRequest | None = None

    @property
    def subject(self) -> str:
        """The worker as error messages name it."""
        return subject_of(self.definition)

    def request(self, grant: KeyGrant | None = None) -> LLMRequest:
        """Returns the request of the next round, with its key if there is a grant of one.

        Raises:
            NeuroScriptError: 38 in a tool of a model that was asked in a tool, and so on, beyond `MAX_DEPTH`.
        """
        if _depth.get() >= MAX_DEPTH:
            raise NeuroScriptError(
                ErrorCode.NESTING_DEPTH_EXCEEDED,
                f"{self.subject} was not asked: models call tools that ask models, {MAX_DEPTH} deep already",
            )
        task = self.task
        by_address = grant is not None and grant.is_for_an_address
        has_key = grant is not None and (by_address or grant.secret is not None)
        if self._keyless is not None and not has_key:
            return self._keyless
        request = LLMRequest(
            provider=str(self.definition.provider),
            model=self.definition.model_name,
            messages=(*task.messages, *self.messages),
            tools=self._offered,
            config=self.config,
            api_key=None if grant is None or by_address else grant.secret,
            key_grant=grant.key_for if grant is not None and by_address else None,
            session=task.instance_id or self.definition.definition_id,
            check=task.options.check,
        )
        if not has_key:
            self._keyless = request
        return request

    # --- what is reserved for a round, and what it really used ---

    def hold(self, holds: Holds) -> None:
        """Takes charge of what was reserved for the next round."""
        self._hold, self._sent, self._round, self._lost = holds, False, (0, 0.0, 0.0), True

    def begin(self, key: Secret | None) -> None:
        """Notes that a round begins, with its key: from now on there is something to record."""
        self.rounds += 1
        if key is not None:
            self.secrets.add(key)

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
        lost: bool = False,
    ) -> None:
        """Adds what a round used to what the turn used, with its cost: that of each request that was billed.

        Args:
            usages: the tokens of each request, as the server counts them.
            attempts: how many requests were sent.
            price_source: published prices.
            model: the model that answered, as the provider names it.
            tier: how the provider says that it served the request.
            lost: whether the call was given up, so that nobody knows what it really used.
        """
        definition = self.definition
        each = attempts if len(usages) == 1 else 1
        usages = [self._believed(usage, each) for usage in usages]
        usage = usages[0] if len(usages) == 1 else sum(usages, Usage())
        models, claimed = (model, definition.model_name), bool(definition.owner)
        cost, source = cost_of_call(definition, usages, models, price_source, tier=tier, claimed=claimed)
        assumed = self._hold is not None and self._hold.fallback_price
        charged = fallback_cost(usage.input_tokens, usage.output_tokens) if assumed else cost
        self._round, self._lost = (usage.total_tokens, cost, charged), lost
        self.usage = usage if self.rounds == 1 else self.usage + usage
        self.cost += cost
        self.attempts += attempts
        if self.cost_source != "unknown":
            self.cost_source = source

    def _believed(self, usage: Usage, attempts: int) -> Usage:
        """The usage, or what was reserved where no server can have counted so."""
        if not usage.unusable and 0 <= usage.input_tokens <= _PLENTY and 0 <= usage.output_tokens <= _PLENTY:
            return usage
        request = self.request()
        given = estimate_input(request)
        # A token of the estimate stands for four characters, each of at most four bytes.
        most = self.config.get("max_output_tokens")
        if not usage.unusable and is_believable(usage.input_tokens, usage.output_tokens, 16 * given, most, attempts):
            return usage
        reserved = self._hold.tokens if self._hold is not None else estimate_tokens(request)
        why = f" ({usage.unusable})" if usage.unusable else ""
        self._usage_note = f"the server's count of tokens is beyond reason{why}; what was reserved counts instead"
        given = min(given, reserved)
        return Usage(input_tokens=given, output_tokens=reserved - given)

    def settle(self) -> None:
        """Settles the reservation with what the round really used; releases it if no request was sent."""
        hold, self._hold = self._hold, None
        if hold is not None:
            if self._sent:
                hold.settle(*self._round, self._lost)
            else:
                hold.release()

    # --- what a reply says ---

    def take(self, response: LLMResponse) -> bool:
        """Adds a round's reply to the conversation; returns whether it is the last one, asking for no tools.

        Raises:
            NeuroScriptError: 16 if it asks for tools once more than ``max_tool_rounds``, or for very many at once.
        """
        self._keyless = None
        self.messages.append(response.as_message())
        if not response.tool_calls:
            self.response = response
            return True
        if len(response.tool_calls) > MOST_TOOL_CALLS:
            message = f"{self.subject} asked for {len(response.tool_calls)} tools at once; {MOST_TOOL_CALLS} are run"
            raise NeuroScriptError(ErrorCode.LLM_ERROR, message)
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
                if self.stream is not None:
                    self.stream.tool_call(call.name)
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
            "finish_reason": short(response.finish_reason) if response is not None else "error",
            "model_used": short(response.model) if response is not None else self.definition.model_name,
            "attempts": self.attempts,
            "cost_source": self.cost_source,
        }
        more = {
            "cache_read_tokens": usage.cache_read_tokens,
            "cache_write_tokens": usage.cache_write_tokens,
            "reasoning_tokens": usage.reasoning_tokens,
            "request_id": short(response.request_id) if response is not None else "",
            "service_tier": short(response.service_tier) if response is not None else "",
            "provider_finish_reason": short(response.provider_finish_reason) if response is not None else "",
            "tool_rounds": self.rounds - 1,
            "tool_calls": self.tools_called and [short(name) for name in self.tools_called[:MOST_TOOL_CALLS]],
            "usage_note": self._usage_note,
        }
        metrics.update((key, value) for key, value in more.items() if value and value != -1)
        return metrics
