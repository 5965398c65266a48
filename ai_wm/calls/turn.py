"""Turns: one worker's answer to a task, with all its rounds of tool calls."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from ai_wm.calls.ceilings import Holds
from ai_wm.calls.continuing import Continuations
from ai_wm.calls.estimating import Estimate, estimate_of
from ai_wm.calls.pricing import PriceSource, cost_of_call, fallback_cost
from ai_wm.calls.streaming import CallStream
from ai_wm.calls.task import Task, subject_of
from ai_wm.calls.tool_host import WorkerTools
from ai_wm.data.bounds import is_believable, short
from ai_wm.data.headers import headers_of, secret_texts
from ai_wm.data.settings import CallSettings
from ai_wm.data.types import STATELESS_PREFIX, AIWorkerDefinition, AIWorkerDefinitionStatus, PerformanceRecord
from ai_wm.keys import Secret, redact
from ai_wm.keys.approvals import Server, Standing
from ai_wm.keys.grant import KeyGrant
from ai_wm.providers.base import LLMRequest, LLMResponse, Message, Progress, Usage
from ai_wm.providers.estimates import cut_off_usage, stated_output, with_output
from ai_wm.support.ids import ExactId, new_id
from ai_wm.support.parking import parking
from neuroscript import ErrorCode, NeuroScriptError

if TYPE_CHECKING:
    from ai_wm.calls.embedding import EmbeddedTexts
    from ai_wm.calls.structured import StructuredReply

MAX_DEPTH = 8
"""How deep models may call tools that ask models."""

MOST_NESTED = 256
"""How many models may be asked by the tools of one call, and by the tools of these, all together."""


class _Nesting:
    """The calls inside one call: how deep this thread is, and how many there were in all."""

    __slots__ = ("asked", "depth")

    def __init__(self, depth: int, asked: list[int]) -> None:
        self.depth = depth
        self.asked = asked


_nesting: ContextVar[_Nesting | None] = ContextVar("ai_wm_turns_inside_one_another", default=None)

MOST_TOOL_CALLS: Final = 128
"""Tools that a model may ask for in one reply; no model of today asks for a tenth."""

_NOTHING: Final = ("", "", "")

_NONE: Final = (0, 0.0, 0.0)
"""No tokens, no cost, no charge."""

_MOST_NAMES: Final = 5
"""Names of tools that a message lists."""

_NO_USE: Final = Usage()

_PLENTY: Final = 1_000_000
"""The number of tokens up to which a count of input or of output is accepted without a closer check."""


class Turn:
    """The state of one worker's answer to a task: its rounds, the tokens they used, and the last round's reservation.

    Args:
        task: the task to answer.
        definition: the worker, as it is now.
        stream: tells the host of the call; None: nothing is streamed.

    Raises:
        NeuroScriptError: 4 for a setting that does not fit.
    """

    # An instance with so many attributes shares no keys with others, so that its dictionary would grow at each call.
    __slots__ = (
        "_asked_inside", "_config", "_counted", "_failed", "_hold", "_keyless", "_lost", "_offered",
        "_round", "_sent", "_settled", "_tools", "_unsent", "_usage_note", "admitting", "attempts", "config",
        "continuations", "cost", "cost_source", "counted", "definition", "draft", "embedded", "idempotency_key",
        "instance_id", "journaled", "messages",
        "needs_record", "output_limit", "progress", "record", "response", "rounds", "secrets", "server", "settings",
        "stream", "structured", "task", "task_id", "tools_called", "usage",
    )  # fmt: skip

    def __init__(self, task: Task, definition: AIWorkerDefinition, stream: CallStream | None = None) -> None:
        self.task = task
        self.definition = definition
        self.stream = stream
        self.config = task.configure(definition)
        self.settings = CallSettings.of(self.config)
        self.structured: StructuredReply | None = None
        """What the reply must be, if the configuration has a schema."""
        if self.config.get("schema") is not None:
            from ai_wm.calls.structured import StructuredReply

            repairs, check = self.settings.schema_repairs, task.options.check
            self.structured = StructuredReply(self.config, str(definition.provider), self.subject, repairs, check)
            self.config = self.structured.request_config(self.config)
        self.embedded: EmbeddedTexts | None = None
        """The texts to embed, and their vectors so far."""
        if task.embed:
            from ai_wm.calls.embedding import EmbeddedTexts

            self.embedded = EmbeddedTexts(task.embed, str(definition.provider), self.subject)
        task.turns += 1
        journal = task.options.journal
        self.task_id = new_id() if journal is None else journal.id(f"task {task.turns}")
        """The id of its record."""
        stateless_id = new_id() if journal is None else journal.id(f"instance {task.turns}")
        self.instance_id = task.instance_id or f"{STATELESS_PREFIX}{stateless_id}"
        self.journaled: list[tuple[int, ...]] = []
        """The rounds in the journal of the run that no record accounts for."""
        self.idempotency_key = ""
        """By which a server may know the request of the round again."""
        self.counted: tuple[Usage, float, str, int, bool] | None = None
        """What the last round used: tokens, cost, the source of that, the requests, and whether any was sent."""
        if stream is not None:
            stream.begin(definition, self.instance_id)
        self.usage = _NO_USE
        self.cost = 0.0
        self.cost_source = ""
        self.attempts = 0
        self.rounds = 0
        """The number of calls begun; a turn without one gets no record."""
        self._unsent = 0  # of these, the ones whose request was not sent after all
        self.tools_called: list[str] = []
        self.messages: list[Message] = []
        """The messages that the rounds added to the conversation: tool calls, their results, and the reply."""
        self.response: LLMResponse | None = None
        """The reply, once there is one."""
        self.continuations = Continuations(self.subject)
        """The pauses of its replies."""
        self.secrets: set[Secret] = set()
        """The secrets that were sent: the keys, and the values of headers."""
        if "headers" in self.config:
            self.secrets.update(map(Secret, secret_texts(headers_of(self.config))))
        self.draft: PerformanceRecord | None = None
        """The record that is being stored."""
        self.needs_record = False
        """Whether a record is to be stored: a request was sent, or could not be."""
        self.record: PerformanceRecord | None = None
        """The record that was stored."""
        allow, clearance = definition.tool_allowlist, task.options.clearance
        is_trusted = not allow or clearance is None or clearance.standing(definition) is not Standing.NOBODY
        self._tools = WorkerTools(
            task.options.tools,
            allow,
            definition.tool_denylist,
            definition.name or definition.definition_id,
            is_trusted,
        )
        self._offered = self._tools.definitions
        self._usage_note = ""
        self._asked_inside = [0]
        self.progress = Progress()
        """How far the round has come."""
        self.admitting: Callable[[Turn, Sequence[Usage | None], float], None] | None = None
        """Reserves the request of a round that is sent once more."""
        self.server: Server | None = None
        """Where its requests go; None where only the client knows it."""
        self._hold: Holds | None = None
        self._sent = False
        self._failed: tuple[Usage | None, ...] = ()
        """What the requests of the round used whose reservations are settled."""
        self._settled: tuple[int, float, float] = _NONE
        """Tokens, cost and charge of these."""
        self._counted = True
        """Whether the use of the round's requests is known, or nothing of it was sent."""
        self._round: tuple[int, float, float] = _NONE
        """Tokens, cost and charge of all requests of the round."""
        self._lost = True
        self.output_limit: int | None = None
        """The limit of output that requests are sent with for the sake of limits; None: that of the configuration."""
        self._config = self.config
        """The configuration that requests are sent with: it may have a limit of output more."""
        self._keyless: LLMRequest | None = None

    @property
    def tool_rounds(self) -> int:
        """How often results of tools were sent back; -1 before the first call."""
        if self.embedded is not None:
            return min(0, self.rounds - 1)
        repairs = self.structured.repairs if self.structured is not None else 0
        return self.rounds - 1 - self._unsent - self.continuations.count - repairs

    @property
    def subject(self) -> str:
        """The worker's name for error messages."""
        return subject_of(self.definition)

    @property
    def unasked(self) -> str:
        """The beginning of a message that refuses a request of this turn."""
        return f"{self.subject} was not asked{' again' if self.rounds else ''}"

    def request(self, grant: KeyGrant | None = None) -> LLMRequest:
        """Builds the request of the next round, with its key if there is a grant of one.

        Raises:
            NeuroScriptError: 38 in a tool of a model that was asked in a tool, and so on, beyond `MAX_DEPTH`, or
                `MOST_NESTED` in all.
        """
        nesting = _nesting.get()
        if nesting is not None:
            self._check_nesting(nesting)
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
            config=self._config,
            api_key=None if grant is None or by_address else grant.secret,
            key_grant=grant.key_for if grant is not None and by_address else None,
            environment=grant is None or grant.takes_environment,
            session=task.instance_id or self.definition.definition_id,
            check=task.options.check,
            progress=self.progress,
            admit=self.admit if has_key else None,  # what is kept here must not refer to the turn
            on_reply=task.options.on_reply,
            takes_any_reply=self.structured is not None,
            embed=() if self.embedded is None else self.embedded.batch,
            idempotency_key=self.idempotency_key,
        )
        if not has_key:
            self._keyless = request
        return request

    def _check_nesting(self, nesting: _Nesting) -> None:
        if nesting.depth >= MAX_DEPTH:
            what = f"{MAX_DEPTH} deep already"
        elif nesting.asked[0] >= MOST_NESTED:
            what = f"{MOST_NESTED} times already within one call"
        else:
            return
        message = f"{self.unasked}: models call tools that ask models, {what}"
        raise NeuroScriptError(ErrorCode.NESTING_DEPTH_EXCEEDED, message)

    # --- what is reserved for a round, and what it really used ---

    def refresh(self) -> None:
        """Takes the limits of the definition as they are now, while the turn waits for room under them.

        Raises:
            NeuroScriptError: 19 if it is not active any more, or gone.
        """
        try:
            found = self.task.ready(ExactId(self.definition.definition_id))
        except NeuroScriptError as error:
            if error.code != ErrorCode.KEY_NOT_FOUND:
                raise
            message = f"{self.subject} was removed while a call of it waited for its limits"
            raise NeuroScriptError(ErrorCode.PRECONDITION_FAILED, message) from error
        if found.status is not AIWorkerDefinitionStatus.ACTIVE:
            message = f"the definition {found.name!r} is {found.status.value}; only active ones are asked"
            raise NeuroScriptError(ErrorCode.PRECONDITION_FAILED, message)
        if found.rate_limits != self.definition.rate_limits:
            self.definition = self.definition.model_copy(update={"rate_limits": found.rate_limits})

    def limit_output(self, most: int | None) -> None:
        """Has requests sent with a limit of output; None: with that of the configuration, if it has one."""
        self.output_limit = most
        if most is None and self._config is self.config:
            return
        self._config = self.config if most is None else with_output(self.config, most)
        self._keyless = None

    def hold(self, holds: Holds) -> None:
        """Takes over the reservations for the next round."""
        self._hold, self._sent, self._counted, self._lost = holds, False, True, True
        self.counted, self._keyless = None, self._keyless if self.task.options.journal is None else None
        self._failed, self._settled, self._round = (), _NONE, _NONE
        progress = self.progress
        progress.attempts, progress.usages, progress.began, progress.produced = 1, None, False, 0

    def settle_request(self, used: Sequence[Usage | None], price_source: PriceSource | None) -> None:
        """Settles the reservation of a request that has failed, before the same is sent again.

        Args:
            used: the tokens that it used, for which it may be billed; None for one of which nobody knows.
            price_source: published prices.
        """
        self._lost, self._failed = any(usage is None for usage in used), (*self._failed, *used)
        self._round = self._bill(self._failed, 1, price_source)[:3] if self._failed else _NONE
        self.settle()
        self._settled = self._round

    def admit(self, used: Sequence[Usage | None], left: float) -> None:
        """Makes room for the request of a round that is sent once more; see `LLMRequest.admit`."""
        if self.admitting is not None:
            self.admitting(self, used, left)

    def hold_request(self, holds: Holds) -> None:
        """Takes over the reservations for the request that is sent once more."""
        holds.sent()
        self._hold, self._lost = holds, True

    def begin(self, key: Secret | None) -> None:
        """Notes that a round begins, with its key; from now on the turn gets a record."""
        self.rounds += 1
        self.continuations.begin()
        if self.structured is not None:
            self.structured.begin()
        nesting = _nesting.get()
        if nesting is not None:
            nesting.asked[0] += 1
        if self.rounds == 1 and parking.get() is not None:
            parking.set(None)  # from now on the call cannot begin anew
        if key is not None:
            self.secrets.add(key)

    def sent(self) -> None:
        """Notes that the request is about to be sent; the round counts whatever its outcome."""
        if self._hold is not None:
            self._hold.sent()
        self._sent, self._counted, self.needs_record = True, False, True

    def not_sent(self) -> None:
        """Notes that the request was not sent after all, so that nothing is counted."""
        self._sent = False
        self._unsent += 1
        self.continuations.not_sent()
        if self.structured is not None:
            self.structured.not_sent()

    def count(
        self,
        usages: Sequence[Usage | None],
        attempts: int,
        price_source: PriceSource | None,
        *,
        model: str = "",
        tier: str = "",
    ) -> None:
        """Adds the tokens and the cost of a round, by each billed request, to those of the turn.

        Args:
            usages: the tokens of each request, as the server counts them; None for one that was cut off before anything
                of its reply came, so that nobody knows: it counts as what was reserved.
            attempts: how many requests were sent.
            price_source: published prices.
            model: the model that answered, as the provider names it.
            tier: how the provider says that it served the request.
        """
        tokens, cost, charged, used, source = self._bill(usages, attempts, price_source, model, tier)
        self._round, self._lost = (tokens, cost, charged), None in usages[len(self._failed) :]
        usage = used if self.usage is _NO_USE else self.usage + used
        source = source if self.cost_source != "unknown" else "unknown"
        self.counted = used, cost, source, attempts, self._sent
        total, attempts = self.cost + cost, self.attempts + attempts
        # In one step, so that an interrupt leaves all of it or nothing.
        self.usage, self.cost, self.cost_source, self.attempts, self._counted = usage, total, source, attempts, True

    def _bill(
        self,
        usages: Sequence[Usage | None],
        attempts: int,
        price_source: PriceSource | None,
        model: str = "",
        tier: str = "",
    ) -> tuple[int, float, float, Usage, str]:
        """Works out what some requests used: tokens, cost, what the ceilings are charged, usage, source of the cost."""
        definition, hold = self.definition, self._hold
        first = usages[0]
        if len(usages) == 1 and first is not None:  # mostly
            usage, lost = self._believed(first, attempts), 0
            found, known = [usage], [first]
        else:
            each = attempts if len(usages) == 1 else 1
            found = [self.reserved if usage is None else self._believed(usage, each) for usage in usages]
            usage = found[0] if len(found) == 1 else sum(found, Usage())
            known = [each for each in usages if each is not None]
            lost = len(usages) - len(known)
        models, claimed = (model, definition.model_name), bool(definition.owner)
        cost, source = cost_of_call(definition, found, models, price_source, tier=tier, claimed=claimed)
        if lost and hold is not None and not hold.fallback_price:  # of what is lost, nobody knows the cost either
            part = (
                cost_of_call(definition, known, models, price_source, tier=tier, claimed=claimed)[0] if known else 0.0
            )
            cost = max(cost, part + lost * hold.cost)
        charged = cost
        if hold is not None and hold.fallback_price:
            charged = fallback_cost(usage.input_tokens, usage.output_tokens)
        elif hold is not None and hold.cost and source == "unknown":  # the price of a tier that nobody publishes
            cost = charged = max(cost, hold.cost)
        return usage.total_tokens, cost, charged, usage, source

    def _believed(self, usage: Usage, attempts: int) -> Usage:
        """The reported usage, or the reserved amount if the report is implausible."""
        if not usage.unusable and 0 <= usage.input_tokens <= _PLENTY and 0 <= usage.output_tokens <= _PLENTY:
            return usage
        size = self._estimate.input_most
        most = stated_output(self._config)
        if not usage.unusable and is_believable(usage.input_tokens, usage.output_tokens, 4 * size, most, attempts):
            return usage
        why = f" ({usage.unusable})" if usage.unusable else ""
        self._usage_note = f"the server's count of tokens is beyond reason{why}; what was reserved counts instead"
        return self.reserved

    @property
    def is_open(self) -> bool:
        """Whether something of it is still to be counted, recorded or settled."""
        return self._hold is not None or not self._counted or self.needs_record

    def count_cut_off(self, price_source: PriceSource | None, details: Mapping[str, Any], given_up: bool) -> None:
        """Adds the use of a round that has failed or was cut off.

        Args:
            price_source: published prices.
            details: the details of its error.
            given_up: whether the model may have gone on, where neither the error nor the client tells more.
        """
        if self._counted:
            return
        progress, usage = self.progress, details.get("usage")
        usages: Sequence[Usage | None] | None = details.get("usages")
        if not usages:
            usages = (usage,) if isinstance(usage, Usage) else progress.usages
        if usages is None:
            request = self.request()
            if progress.began:
                usages = (cut_off_usage(request, Usage(), progress.produced),)
            else:
                usages = (None,) if given_up else ()
        attempts = details.get("attempts")
        self.count(usages or (Usage(),), attempts if isinstance(attempts, int) else progress.attempts, price_source)

    @property
    def reserved_cost(self) -> float:
        """The cost reserved for the round, in the currency; 0 without a budget."""
        return 0.0 if self._hold is None else self._hold.cost

    @property
    def reserved(self) -> Usage:
        """The tokens reserved for the round, as a usage."""
        given, produced = self.reserved_tokens
        return Usage(input_tokens=given, output_tokens=produced, estimated=True)

    @property
    def reserved_tokens(self) -> tuple[int, int]:
        """The tokens reserved for the round: input and output."""
        estimate = self._estimate
        return estimate.input_tokens, estimate.output_tokens

    @property
    def _estimate(self) -> Estimate:
        return self._hold.estimate if self._hold is not None else estimate_of(self.request(), self.config, (), (), None)

    @property
    def round_use(self) -> tuple[int, float, float]:
        """Tokens, cost and charge of the round; at least what was reserved where its use is not known."""
        tokens, cost, charged = self._round
        hold = self._hold
        if self._lost and hold is not None:
            return max(tokens, hold.tokens), max(cost, hold.cost), max(charged, hold.cost)
        return tokens, cost, charged

    def repeat(self, usage: Usage, counted: Mapping[str, Any], *, is_recorded: bool) -> None:
        """Takes a round from the journal of the run as if it had been made now.

        Args:
            usage: the tokens that it used.
            counted: ``cost``, ``source`` of that, ``attempts``, and whether any was ``sent``.
            is_recorded: whether a record accounts for it already.
        """
        self.begin(None)
        self._counted = True
        if not counted["sent"]:
            self.not_sent()
        if is_recorded:
            return
        self.needs_record = True
        source = counted["source"] if self.cost_source != "unknown" else "unknown"
        self.usage = usage if self.usage is _NO_USE else self.usage + usage
        self.cost, self.cost_source = self.cost + counted["cost"], source
        self.attempts += counted["attempts"]

    def settle(self) -> None:
        """Settles the reservation with the actual use of the round; releases it if no request was sent.

        It may be called again after it was interrupted.
        """
        hold = self._hold
        if hold is None:
            return
        try:
            if self._sent:
                (tokens, cost, charged), before = self._round, self._settled
                if self._failed:  # of which the reservations are settled
                    tokens, cost, charged = tokens - before[0], cost - before[1], charged - before[2]
                hold.settle(tokens, max(0.0, cost), max(0.0, charged), self._lost)
            else:
                hold.release()
        except Exception:  # the limiter tries again itself
            self._hold = None
            raise
        self._hold = None

    # --- what a reply says ---

    def take(self, response: LLMResponse) -> bool:
        """Adds a round's reply to the conversation; returns whether it is the last one.

        It is not if it calls tools, has paused, does not fit the schema and is to be sent back, or embeds only some of
        the texts.

        Raises:
            NeuroScriptError: 16 if it asks for tools once more than ``max_tool_rounds``, or for very many at once, or
                does not fit the schema and may not be sent back any more.
        """
        self._keyless = None
        if self.embedded is not None:
            if not self.embedded.take(response):
                return False
            self.response = replace(response, text=self.embedded.summary, vectors=())
            return True
        self.messages.append(response.as_message())
        if self.continuations.pauses(response):
            return False
        response = self.continuations.whole(response)
        if not response.tool_calls:
            if self.structured is not None:
                problems = self.structured.take(response, self.messages, self.cost, self.secrets)
                if problems:
                    if self.stream is not None:
                        self.stream.repair(problems)
                    return False
            self.response = response
            return True
        if len(response.tool_calls) > MOST_TOOL_CALLS:
            message = f"{self.subject} asked for {len(response.tool_calls)} tools at once; {MOST_TOOL_CALLS} are run"
            raise NeuroScriptError(ErrorCode.LLM_ERROR, message)
        if self.tool_rounds >= self.settings.max_tool_rounds:
            names = [*dict.fromkeys(short(redact(call.name, self.secrets), 64) for call in response.tool_calls)]
            asked = ", ".join(names[:_MOST_NAMES]) + (", …" if len(names) > _MOST_NAMES else "")
            raise NeuroScriptError(
                ErrorCode.LLM_ERROR,
                f"{self.subject} still asked for tools ({asked}) after {self.settings.max_tool_rounds} rounds; "
                "raise max_tool_rounds, or tell the model to answer with what it has",
            )
        return False

    def run_tools(self, response: LLMResponse) -> None:
        """Runs the tools that a reply asks for, and adds their results to the conversation for the next round."""
        above = _nesting.get()
        inside = _Nesting(1, self._asked_inside) if above is None else _Nesting(above.depth + 1, above.asked)
        try:
            try:
                _nesting.set(inside)
                self._run_tools(response)
            finally:
                _nesting.set(above)
        finally:
            _nesting.set(above)  # if an interrupt came before

    def _run_tools(self, response: LLMResponse) -> None:
        check = self.task.options.check
        for call in response.tool_calls:
            if check is not None:
                check()
            name = short(redact(call.name, self.secrets))
            self.tools_called.append(name)
            if self.stream is not None:
                self.stream.tool_call(name)
            result = self._tools.run(call)
            if result.is_error and self.secrets:  # it may repeat what the model wrote, and the model the key
                result = replace(result, content=redact(result.content, self.secrets))
            self.messages.append(result)
        if check is not None:  # of a run that was cancelled meanwhile, nothing more is sent
            check()

    def metrics(self) -> dict[str, Any]:
        """Returns ``llm_metrics`` of the turn's record."""
        usage, response = self.usage, self.response
        said = (response.request_id, response.service_tier, response.provider_finish_reason) if response else _NOTHING
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
            "request_id": said[0] and short(said[0]),
            "service_tier": said[1] and short(said[1]),
            "provider_finish_reason": said[2] and short(said[2]),
            "other_choices": response.other_choices if response is not None else "",
            "tool_rounds": self.tool_rounds,
            "continuations": self.continuations.count,
            "schema_repairs": self.structured.repairs if self.structured is not None else 0,
            "tool_calls": self.tools_called and self.tools_called[:MOST_TOOL_CALLS],
            "usage_note": self._usage_note,
            "output_limit": self.output_limit,
            "usage_estimated": usage.estimated,
            **dict(usage.by_kind),
        }
        for key, value in more.items():
            if value and value != -1:
                metrics[key] = value
        return metrics
