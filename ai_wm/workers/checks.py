"""Checks of workers: one small call that shows what works and what does not, and the list of a provider's models."""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from ai_wm.calls.authorization import Authorization
from ai_wm.calls.reserving import is_free
from ai_wm.calls.runner import Runner
from ai_wm.calls.task import CallOptions, Check, Task
from ai_wm.data.settings import effective_config
from ai_wm.data.types import (
    AIWorkerDefinition,
    AIWorkerDefinitionStatus,
    APIKeySource,
    APIKeyStatus,
    PerformanceRecord,
)
from ai_wm.keys import redact, redact_error
from ai_wm.keys.approvals import Approvals, KeyUse, Server, Standing
from ai_wm.keys.sources import source_name
from ai_wm.providers.account_limits import AccountLimit, account_limits
from ai_wm.providers.base import LLMRequest, Message, ModelInfo
from ai_wm.providers.estimates import stated_output, with_output
from ai_wm.providers.options import timeout_seconds
from ai_wm.store import Store
from ai_wm.support.clock import Clock
from ai_wm.support.ids import ExactId
from ai_wm.workers.advice import Facts, advice_on
from ai_wm.workers.definitions import Definitions
from neuroscript import ErrorCode, NeuroScriptError, StreamEvent

PROMPT: Final = "This is a test of the connection. Answer with the single word OK."
OUTPUT_TOKENS: Final = 512
"""The most output of a test: a word, and what models that think write before it; with less, some refuse the request."""

LIST_SECONDS: Final = 10.0
"""How long a test waits for the list of models, which it reads where a model was not found."""

_NEAR: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerTest:
    """The outcome of one real call of a worker.

    Args:
        name: the worker.
        provider: its provider.
        model_name: the model that was asked for.
        address: where it was asked; empty for a model in this process, or where only a client of the host knows it.
        proxy: the proxy on the way, without user name and password; empty for none.
        key_source: where the key comes from, such as ``env:OPENAI_API_KEY``, ``inline`` or ``none``; never the key.
        key_status: whether it is there.
        model_used: the model that answered, as the server names it.
        first_token_ms: the milliseconds until the first text came; None if none did.
        duration_ms: the milliseconds of the whole call, from the same moment by the same clock; a little more than the
            record's, which leaves out what is done before and after.
        attempts: how many requests were sent.
        input_tokens: as the server counts them.
        output_tokens: likewise.
        cost: of the call.
        cost_source: ``cost_metrics``, ``published``, ``unknown``, or ``free`` for models on this machine.
        finish_reason: as in records.
        account_limits: what the account may use, where the server tells.
        task_id: the call's performance record; empty if no call was begun.
        error: what the call failed with; None if it succeeded.
        advice: what to do next, a sentence each.
        near_models: models of the provider with a similar name, where the model was not found.
    """

    name: str
    provider: str
    model_name: str
    address: str = ""
    proxy: str = ""
    key_source: str = ""
    key_status: str = ""
    model_used: str = ""
    first_token_ms: int | None = None
    duration_ms: int = 0
    attempts: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost: float = 0.0
    cost_source: str = ""
    finish_reason: str = ""
    account_limits: tuple[AccountLimit, ...] = ()
    task_id: str = ""
    error: NeuroScriptError | None = field(default=None, compare=False)
    advice: tuple[str, ...] = ()
    near_models: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether the call succeeded."""
        return self.error is None

    def to_map(self) -> dict[str, Any]:
        """Returns the outcome as a map of JSON values."""
        names = [name for name in self.__slots__ if name not in ("account_limits", "error")]
        found = {name: getattr(self, name) for name in names}
        found |= {"advice": list(self.advice), "near_models": list(self.near_models)}
        limits, error = [asdict(limit) for limit in self.account_limits], self.error
        failure = None
        if error is not None:
            details = {key: value for key, value in error.details.items() if isinstance(value, str | int | float)}
            failure = {"code": int(error.code), "name": error.name, "message": error.message, "details": details}
        return {"ok": self.ok, **found, "account_limits": limits, "error": failure}


class _Seen:
    """What is seen of a call while it goes on."""

    def __init__(self, clock: Clock) -> None:
        self.address = ""
        self.limits: tuple[AccountLimit, ...] = ()
        self.first_token_ms: int | None = None
        self.record: PerformanceRecord | None = None
        self.duration_ms: int | None = None
        self._clock = clock
        self._stop = clock.measure()

    @property
    def milliseconds(self) -> int:
        """The milliseconds since the call has begun, never less than at the first text."""
        return max(self._stop().duration_ms, self.first_token_ms or 0)

    def begin(self, definition: AIWorkerDefinition) -> dict[str, Any]:
        """Begins with the call, of which this gives the configuration."""
        config = _small(definition)
        self._stop = self._clock.measure()
        return config

    def event(self, event: StreamEvent) -> None:
        if event.kind == "delta" and event.text and self.first_token_ms is None:
            self.first_token_ms = self.milliseconds

    def end(self, record: PerformanceRecord) -> None:
        """Ends with the call, of which this is the record."""
        self.record, self.duration_ms = record, self.milliseconds

    def reply(self, address: str, status: int, headers: Mapping[str, str]) -> None:
        self.address, self.limits = address, account_limits(headers) or self.limits


@dataclass(frozen=True, slots=True)
class WorkerChecks:
    """Tests the workers of one manager, and lists the models of their providers, for the host alone.

    A definition that lacks the host's mark gets no key, and no address but this machine's, as from a script.

    Args:
        definitions: finds the worker.
        runner: makes the call.
        store: keeps the call's record.
        key_status: tells whether a key is there.
        trusts_file: whether definitions without a mark are the host's all the same.
    """

    definitions: Definitions
    runner: Runner
    store: Store
    key_status: Callable[[APIKeySource], APIKeyStatus]
    trusts_file: bool

    def test(self, id_or_name: str, check: Check | None = None) -> WorkerTest:
        """Makes one small call of a worker, under its limits, recorded as any call, and returns what was found.

        Raises:
            NeuroScriptError: 9 unknown worker; 44 cancelled; 25 and 26 if the record cannot be written.
        """
        definition = self.definitions.find(id_or_name)
        seen = _Seen(self.runner.clock)

        def keep(record: PerformanceRecord, _used: object, _add: object) -> None:
            seen.end(record)
            self.store.add_record(record)

        task = Task(
            worker=ExactId(definition.definition_id),
            ready=self._ready,
            configure=seen.begin,
            messages=(Message(role="user", content=PROMPT),),
            known={"prompt_char_length": len(PROMPT), "worker_test": True},
            options=CallOptions(on_stream=seen.event, on_reply=seen.reply, check=check),
            store=keep,
        )
        error = None
        try:
            self.runner.run(task)
        except NeuroScriptError as failure:
            if failure.code in (ErrorCode.CANCELLED, ErrorCode.PERMISSION_DENIED, ErrorCode.IO_FAILED):
                raise
            error = failure
        finally:
            self.runner.tell(task)
        return self._outcome(definition, seen, error, check)

    def models(self, id_or_name: str, check: Check | None = None, most_seconds: float = math.inf) -> list[ModelInfo]:
        """Asks a worker's provider which models it has.

        Args:
            id_or_name: the worker, of which the address, the key and the headers are used.
            check: called now and then while waiting; raises to cancel.
            most_seconds: the most time, where that is less than the worker's ``timeout_seconds``.

        Raises:
            NeuroScriptError: 9 unknown worker; 10 where its key may not be sent; 35 where the provider has no list; 16,
                18, 20, 31, 40 and 45 as for a call.
        """
        definition = self.definitions.find(id_or_name)
        config = dict(definition.base_config)
        if most_seconds < timeout_seconds(config):
            config["timeout_seconds"] = most_seconds
        use, approvals = self._use_of(definition, config)
        approvals.check(use, None if use.server is None else use.server.address)
        grant = Authorization(use, approvals, self.runner.authorizer.resolve_key).grant()
        request = LLMRequest(
            provider=str(definition.provider),
            model=definition.model_name,
            messages=(),
            config=config,
            api_key=None if grant.is_for_an_address else grant.secret,
            key_grant=grant.key_for if grant.is_for_an_address else None,
            check=check,
        )
        secrets = () if grant.secret is None else (grant.secret,)
        try:
            return self.runner.clients.list_models(request)
        except NeuroScriptError as error:
            failure = error
        except Exception as error:  # a client of the host's or of a package is foreign code
            message = f"the client for {request.provider} failed: {type(error).__name__}: {error}"
            failure = NeuroScriptError(ErrorCode.LLM_ERROR, redact(message, secrets))
        raise redact_error(failure, secrets)

    def _ready(self, id_or_name: str) -> AIWorkerDefinition:
        definition = self.definitions.find(id_or_name)
        if definition.status is not AIWorkerDefinitionStatus.ACTIVE:
            message = f"the definition {definition.name!r} is {definition.status.value}; only active ones are asked"
            raise NeuroScriptError(ErrorCode.PRECONDITION_FAILED, message)
        use, approvals = self._use_of(definition, definition.base_config)
        approvals.check(use, None if use.server is None else use.server.address)
        return definition

    def _use_of(self, definition: AIWorkerDefinition, config: Mapping[str, Any]) -> tuple[KeyUse, Approvals]:
        use, approvals = self.runner.authorizer.use_of(definition, config, None)
        if not self._is_trusted(definition):
            use.standing = Standing.NOBODY
        return use, approvals

    def _is_trusted(self, definition: AIWorkerDefinition) -> bool:
        return self.trusts_file or self.definitions.standing_of(definition) != "untrusted"

    def _outcome(
        self, definition: AIWorkerDefinition, seen: _Seen, error: NeuroScriptError | None, check: Check | None
    ) -> WorkerTest:
        record = seen.record
        metrics = {} if record is None else record.llm_metrics
        method = str(definition.auth.method)
        server = self._server(definition)
        asked = seen.address or ("" if error is None else str(error.details.get("address", "")))
        address = asked or ("" if server is None else server.url.partition("?")[0])
        free = record is not None and not record.cost_incurred and is_free(definition, server)
        facts = Facts(
            name=definition.name or definition.definition_id,
            definition=definition,
            address=address,
            proxy=self.runner.clients.proxy(address) if address else "",
            key_source=source_name(definition.auth) or method,
            key_status=self._key_status(definition),
            models=self._model_names(definition, error, check),
        )
        near: list[str] = []
        if error is not None and definition.model_name not in facts.models:
            near = difflib.get_close_matches(definition.model_name, facts.models, _NEAR, 0.4)
        return WorkerTest(
            name=facts.name,
            provider=str(definition.provider),
            model_name=definition.model_name,
            address=address,
            proxy=facts.proxy,
            key_source=facts.key_source,
            key_status=facts.key_status,
            model_used=metrics.get("model_used", "") if error is None else "",
            first_token_ms=seen.first_token_ms,
            duration_ms=seen.milliseconds if seen.duration_ms is None else seen.duration_ms,
            attempts=metrics.get("attempts", 0),
            input_tokens=metrics.get("input_tokens", 0),
            output_tokens=metrics.get("output_tokens", 0),
            cost=0.0 if record is None else record.cost_incurred,
            cost_source="free" if free else metrics.get("cost_source", ""),
            finish_reason=metrics.get("finish_reason", "") if error is None else "",
            account_limits=seen.limits,
            task_id="" if record is None else record.task_id,
            error=error,
            advice=() if error is None else tuple(advice_on(error, facts)),
            near_models=tuple(near),
        )

    def _server(self, definition: AIWorkerDefinition) -> Server | None:
        """Where calls of a worker go; None where nobody can tell."""
        try:
            return self.runner.clients.server(str(definition.provider), definition.base_config)
        except NeuroScriptError:  # it is invalid, of which the test's own error tells
            return None

    def _key_status(self, definition: AIWorkerDefinition) -> str:
        """Whether the key is there; it is not looked for where the definition gets none."""
        given = self._is_trusted(definition) and self.runner.authorizer.permits_key(definition)
        return str(self.key_status(definition.auth) if given else APIKeyStatus.NOT_APPROVED)

    def _model_names(
        self, definition: AIWorkerDefinition, error: NeuroScriptError | None, check: Check | None
    ) -> tuple[str, ...]:
        """The names of the provider's models, where the model was not found and there is a list."""
        if error is None or error.code != ErrorCode.PROVIDER_NOT_FOUND:
            return ()
        try:
            return tuple(model.id for model in self.models(ExactId(definition.definition_id), check, LIST_SECONDS))
        except NeuroScriptError as failure:
            if failure.code == ErrorCode.CANCELLED:
                raise
            return ()  # the test has its error already, to which a list would only add


def _small(definition: AIWorkerDefinition) -> dict[str, Any]:
    """The configuration of a test: the worker's own, for a short text, without waiting and without other workers."""
    config = effective_config(
        definition.base_config, {"fallbacks": [], "on_limit": "refuse", "response_format": "text"}
    )
    config.pop("schema", None)
    limit = OUTPUT_TOKENS + _thinking_budget(config)
    stated = stated_output(config)
    return config if stated is not None and stated <= limit else with_output(config, limit)


def _thinking_budget(config: Mapping[str, Any]) -> int:
    """The tokens that a configuration sets apart for thinking, which count towards the limit of output."""
    inner = config.get("generationConfig")
    places = (config, inner) if isinstance(inner, Mapping) else (config,)
    names = (
        ("thinking", "budget_tokens"),
        ("reasoning", "max_tokens"),
        ("thinkingConfig", "thinkingBudget"),
        ("thinkingConfig", "thinking_budget"),
    )
    found = [
        budget
        for place in places
        for outer, name in names
        if isinstance(settings := place.get(outer), Mapping) and type(budget := settings.get(name)) is int
    ]
    return max([0, *found])
