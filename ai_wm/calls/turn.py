"""Calling a model under a definition's limits: reserve, find the key, call, count, settle.

A `Turn` is one prompt to one definition with all its rounds of tool calls.  No lock is held while a model is called.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from ai_wm.calls.pricing import PriceSource, cost_of_call, estimate_cost, is_priced
from ai_wm.calls.tool_host import ToolHost, WorkerTools
from ai_wm.data.settings import CallSettings
from ai_wm.data.types import AIWorkerDefinition, APIKeySource
from ai_wm.keys import Secret, redact
from ai_wm.providers import Clients
from ai_wm.providers.base import LLMClient, LLMRequest, LLMResponse, Message, ToolDefinition, Usage, estimate_tokens
from ai_wm.ratelimit import RateLimiter, Reservation
from neuroscript.errors import ErrorCode, NeuroScriptError

FALLBACK_CODES = frozenset(
    {ErrorCode.LLM_ERROR, ErrorCode.RATE_LIMITED, ErrorCode.TIMEOUT, ErrorCode.PROVIDER_NOT_FOUND}
)
"""The failures after which the definitions in ``fallbacks`` are tried."""

MAX_DEPTH = 8
"""How deep models may call tools that ask models."""

_depth: ContextVar[int] = ContextVar("ai_wm_turns_inside_one_another", default=0)

StreamCallback = Callable[[str], object]
"""Gets each piece of a reply's text as it comes."""

Check = Callable[[], None]
"""Raises when the caller was cancelled."""


@dataclass(frozen=True, slots=True)
class ModelCalls:
    """What calling a model takes.

    Args:
        limiter: counts what each definition uses.
        clients: who answers for which provider.
        resolve_key: finds the key of a definition, at each call anew.
        price_source: published prices; None takes those of the price library, if it is installed.
    """

    limiter: RateLimiter
    clients: Clients
    resolve_key: Callable[[APIKeySource], Secret | None]
    price_source: PriceSource | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CallOptions:
    """What belongs to one call and not to its worker.

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


class Turn:
    """One prompt to one definition: all its rounds, what they used, and what is reserved for the one in flight.

    As a context manager it settles what was called, and releases what was not, whatever happens in the block.

    Args:
        calls: what calling takes.
        definition: the worker as it is now.
        config: its effective configuration.
        session: what the call belongs to: the instance, else the definition.
        options: the rest.
    """

    def __init__(
        self,
        calls: ModelCalls,
        definition: AIWorkerDefinition,
        config: Mapping[str, Any],
        session: str,
        options: CallOptions,
    ) -> None:
        self.definition = definition
        self.called = False
        """Whether a call was begun; before that, there is nothing to record."""
        self.usage = Usage()
        self.cost = 0.0
        self.cost_source = ""
        self.attempts = 0
        self.rounds = 0
        self.tools_called: list[str] = []
        self.messages: list[Message] = []
        """What the rounds added to the conversation: requests for tools, their results, and the reply."""
        self.response: LLMResponse | None = None
        self._calls = calls
        self._config = dict(config)
        self._settings = CallSettings.of(config)
        self._session = session
        self._options = options
        self._hold: Reservation | None = None
        self._in_flight = False
        self._round: tuple[int, float] = (0, 0.0)
        self._unsettled: NeuroScriptError | None = None

    def run(self, messages: Sequence[Message]) -> LLMResponse:
        """Calls the model, and again with the results of the tools that it asks for.

        Raises:
            NeuroScriptError: 20 and 46 refused by the limits; 18 no key; 40 unknown provider or model; 16, 31, 45, 47
                as the model or its provider failed; 44 cancelled.
        """
        depth = _depth.get()
        if depth >= MAX_DEPTH:
            raise NeuroScriptError(
                ErrorCode.NESTING_DEPTH_EXCEEDED,
                f"{self._subject} was not asked: models call tools that ask models, {MAX_DEPTH} deep already",
            )
        token = _depth.set(depth + 1)
        try:
            return self._rounds(messages)
        finally:
            _depth.reset(token)

    def _rounds(self, messages: Sequence[Message]) -> LLMResponse:
        tools = WorkerTools(self._options.tools, self.definition.tool_allowlist, self.definition.tool_denylist)
        offered = tools.definitions
        while True:
            response = self._send((*messages, *self.messages), offered)
            self.messages.append(response.as_message())
            if not response.tool_calls:
                self.response = response
                return response
            if self.rounds > self._settings.max_tool_rounds:
                asked = ", ".join(call.name for call in response.tool_calls)
                raise NeuroScriptError(
                    ErrorCode.LLM_ERROR,
                    f"{self._subject} still asked for tools ({asked}) after {self._settings.max_tool_rounds} rounds; "
                    "raise max_tool_rounds, or tell the model to answer with what it has",
                )
            for call in response.tool_calls:
                if self._options.check is not None:
                    self._options.check()
                self.tools_called.append(call.name)
                self.messages.append(tools.run(call))

    def settle(self) -> None:
        """Puts the real counts of the round that is over in place of what was reserved for it."""
        hold, self._hold = self._hold, None
        if hold is not None:
            if self._in_flight:
                hold.settle(*self._round)
            else:
                hold.release()

    def settle_aside(self) -> None:
        """`settle` in the middle of something that must not fail because of it; if it fails, the block's end does."""
        try:
            self.settle()
        except NeuroScriptError as error:
            self._unsettled = error

    def metrics(self) -> dict[str, Any]:
        """What a record's ``llm_metrics`` says of this turn."""
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

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.settle()
        if self._unsettled is not None:
            raise self._unsettled

    @property
    def _subject(self) -> str:
        return f"worker {self.definition.name or self.definition.definition_id!r}"

    def _send(self, messages: tuple[Message, ...], offered: tuple[ToolDefinition, ...]) -> LLMResponse:
        """One round: reserve, find the key, call, count.  What was reserved for it is settled later."""
        self.settle()
        self._in_flight, self._round = False, (0, 0.0)
        definition = self.definition
        request = self._request(messages, offered, None)
        tokens = estimate_tokens(request)
        self._hold = self._calls.limiter.reserve(
            definition.definition_id,
            definition.rate_limits,
            tokens=tokens,
            cost=self._estimated_cost(tokens),
            wait_seconds=self._settings.wait_seconds,
            cancelled=self._options.check,
            name=definition.name,
        )
        key = self._calls.resolve_key(definition.auth)
        self.called = True
        self.rounds += 1
        try:
            client = self._calls.clients.for_provider(request.provider, request.model)
            self._in_flight = True
            response = self._exchange(client, request if key is None else self._request(messages, offered, key))
        except NeuroScriptError as error:
            failure = error
        else:
            self._count(response.usages or (response.usage,), response.attempts, response.model, response.service_tier)
            return response
        # Out of the handler, so that an error which shows the key is not the context of the one that does not.
        usage, attempts = failure.details.pop("usage", None), failure.details.get("attempts")
        usages = failure.details.pop("usages", None) or (usage if isinstance(usage, Usage) else Usage(),)
        self._count(usages, attempts if isinstance(attempts, int) else 1)
        raise _without_key(failure, key)

    def _request(
        self, messages: tuple[Message, ...], offered: tuple[ToolDefinition, ...], key: Secret | None
    ) -> LLMRequest:
        return LLMRequest(
            provider=self.definition.provider.value,
            model=self.definition.model_name,
            messages=messages,
            tools=offered,
            config=self._config,
            api_key=key,
            session=self._session,
            check=self._options.check,
        )

    def _estimated_cost(self, tokens: int) -> float:
        # Only a budget asks for it, and published prices take a while to look up.
        if not self.definition.rate_limits.max_cost_per_day:
            return 0.0
        definition, model = self.definition, self.definition.model_name
        if not is_priced(definition, model, self._calls.price_source):
            raise NeuroScriptError(
                ErrorCode.CONFIGURATION,
                f"{self._subject} has a budget (max_cost_per_day), but nobody knows the price of the model {model!r}: "
                "give its prices in cost_metrics (0 for a model that costs nothing), or install the extra 'prices' for "
                "published ones",
                details={"field": "cost_metrics"},
            )
        return estimate_cost(definition, model, tokens=tokens, price_source=self._calls.price_source)

    def _exchange(self, client: LLMClient, request: LLMRequest) -> LLMResponse:
        try:
            response = _streamed(client, request, self._options) if self._options.stream else client.complete(request)
        except NeuroScriptError:
            raise
        except Exception as error:  # a host's own client is foreign code: whatever it raises, the model has failed
            raise NeuroScriptError(
                ErrorCode.LLM_ERROR,
                f"the client for {request.provider}/{request.model} failed: {type(error).__name__}: {error}",
            ) from error
        if not isinstance(response, LLMResponse):
            raise NeuroScriptError(
                ErrorCode.LLM_ERROR,
                f"the client for {request.provider}/{request.model} gave {type(response).__name__}; "
                "expected an LLMResponse",
            )
        return response

    def _count(self, usages: Sequence[Usage], attempts: int, model: str = "", tier: str = "") -> None:
        """Counts one call: the tokens of each request that was billed, priced each by itself."""
        models = (model, self.definition.model_name)
        cost, source = cost_of_call(self.definition, usages, models, self._calls.price_source, tier=tier)
        usage = sum(usages, Usage())
        self._round = (usage.total_tokens, cost)
        self.usage += usage
        self.cost += cost
        self.attempts += attempts
        if self.cost_source != "unknown":
            self.cost_source = source


def _streamed(client: LLMClient, request: LLMRequest, options: CallOptions) -> LLMResponse:
    deltas = client.stream(request)
    response = None
    try:
        for delta in deltas:
            if options.check is not None:
                options.check()
            if delta.text and options.stream is not None:
                _hand_on(options.stream, delta.text)
            response = delta.response or response
    finally:
        # A stream that is left early must let go of its connection now and not when it is collected.
        close = getattr(deltas, "close", None)
        if callable(close):
            close()
    if response is None:
        raise NeuroScriptError(
            ErrorCode.LLM_ERROR, f"the stream of {request.provider}/{request.model} ended without its last piece"
        )
    return response


def _hand_on(stream: StreamCallback, text: str) -> None:
    try:
        stream(text)
    except NeuroScriptError:
        raise
    except Exception as error:  # the host's own callback: the model is not to blame for what it raises
        raise NeuroScriptError(
            ErrorCode.TOOL_EXECUTION_FAILED, f"the stream callback failed: {type(error).__name__}: {error}"
        ) from error


def _without_key(error: NeuroScriptError, key: Secret | None) -> NeuroScriptError:
    """The error, or one without its causes if it or anything behind it shows the key."""
    if key is None:
        return error
    link: BaseException | None = error
    while link is not None:
        shown = f"{link!r} {link} {getattr(link, 'details', '')}"
        if redact(shown, [key]) != shown:
            return NeuroScriptError(error.code, redact(error.message, [key]), details=_hidden(error.details, key))
        link = link.__cause__ or link.__context__
    return error


def _hidden(value: Any, key: Secret) -> Any:
    match value:
        case str():
            return redact(value, [key])
        case Mapping():
            return {name: _hidden(item, key) for name, item in value.items()}
        case list() | tuple():
            return [_hidden(item, key) for item in value]
    return value
