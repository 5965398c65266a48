"""Answers a prompt: all steps from finding the definition to storing the record, for tasks and conversations."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from ai_wm.calls import call_log
from ai_wm.calls.authorization import Authorization, Authorizer
from ai_wm.calls.ceilings import Holds
from ai_wm.calls.fallbacks import Tried, asks_next, workers_of
from ai_wm.calls.recording import MOST_ERROR_CHARACTERS, completed, failed, in_flight, record_of
from ai_wm.calls.replies import safe_reply
from ai_wm.calls.reserving import Reserving, explain_refusal
from ai_wm.calls.streaming import CallStream
from ai_wm.calls.task import Task
from ai_wm.calls.transcript import logged_call
from ai_wm.calls.turn import Turn
from ai_wm.data.bounds import short
from ai_wm.data.types import PerformanceRecord
from ai_wm.keys import StreamMask, redact_error
from ai_wm.keys.grant import KeyGrant
from ai_wm.logs import CALLS, DEBUG, INFO, LIMITS, STORE
from ai_wm.providers import Clients
from ai_wm.providers.base import LLMClient, LLMRequest, LLMResponse, Message, Usage
from ai_wm.providers.estimates import byte_length
from ai_wm.support.clock import Clock, Span
from ai_wm.support.events import Events
from neuroscript import ErrorCode, NeuroScriptError

if TYPE_CHECKING:
    from ai_wm.calls.structured import StructuredReply
    from ai_wm.providers.fakes import ModelFakes
    from ai_wm.store.in_flight import CallsInFlight
    from ai_wm.store.prompt_log import LoggedCall

_GIVEN_UP = frozenset({ErrorCode.TIMEOUT, ErrorCode.CANCELLED})
"""The failures after which the model may have gone on, at an unknown cost, unless its client tells more."""


class Answer(NamedTuple):
    """The answer to a prompt, with its record.

    Args:
        text: the model's reply.
        record: the record of the turn that gave it.
        messages: the messages that the turn adds to a conversation after the prompt.
        structured: the value of the reply, if the call has a schema.
        vectors: the embeddings, if texts were to be embedded.
    """

    text: str
    record: PerformanceRecord
    messages: tuple[Message, ...]
    structured: StructuredReply | None = None
    vectors: Sequence[Sequence[float]] = ()

    @property
    def reply(self) -> Any:
        """What the call gives: the value of the reply if the call has a schema, else the text."""
        return self.text if self.structured is None else self.structured.value


@dataclass(frozen=True, slots=True, kw_only=True)
class Runner:
    """Answers prompts with the services of one manager.

    Args:
        authorizer: says whether a call may go where it goes, and finds its key, at each round anew.
        reserving: reserves each round.
        clients: finds who answers for which provider.
        in_flight: notes the calls that are under way, for the case that the process dies; None where nothing is kept.
        clock: the moments and durations in records.
        events: the events fired for successes and failures.
        log: keeps what was said in each call; None: nothing does.
        fakes: who answers in place of models, in tests, and records their replies.
    """

    authorizer: Authorizer
    reserving: Reserving
    clients: Clients
    in_flight: CallsInFlight | None
    clock: Clock
    events: Events
    log: Callable[[LoggedCall], object] | None = None
    fakes: ModelFakes | None = None

    def run(self, task: Task) -> Answer:
        """Answers a prompt, in the steps and the order of the design document (section 2.4).

        Where a definition fails in a way that another one may not, its fallbacks take the same steps, one after the
        other.  Tools that the model asks for are run, and their results sent in a further round, of its own
        reservation.  No lock is held while a model is called, and whatever happens, what was reserved is settled or
        given back, and a call that was begun is recorded.

        Raises:
            NeuroScriptError: by step 1 what ``task.ready`` raises; 4 for a setting that does not fit; 10 for a call
                that a script may not make; 20 or 46 by step 2; 18 or 34 by step 3; 16, 31, 40, 44, 45 or 47 by step 4;
                25 or 26 by steps 6 and 7.  Where fallbacks failed too it is the error of the definition asked for,
                whose ``details`` tell of them; 21 for what the host's stream callback raises.
        """
        callback = task.options.on_stream
        stream = None if callback is None else CallStream(callback, task.worker)
        told, journal = CALLS.isEnabledFor(INFO), task.options.journal
        try:
            tried: list[Tried] = []
            first: NeuroScriptError | None = None
            # 1. The definition exists, is active and supports this use.
            for definition in workers_of(task, tried):
                turn, stop = Turn(task, definition, stream), self.clock.measure()
                if told and first is not None:
                    call_log.falls_back(turn, tried[0].name, first)
                try:
                    try:
                        authorization = self.authorizer.authorize(turn)
                        turn.server, turn.admitting = authorization.server, self._admit
                        while True:
                            if journal is None:
                                # 2. and 3. Room under its limits, and its key.
                                grant = self._prepare(turn, authorization)
                                # 4. The call, with a conversation made for it.
                                response = self._call(turn, grant)
                                # 5. What it cost.
                                self._count(turn, response)
                            else:
                                prepare = partial(self._prepare, turn, authorization)
                                response = journal.round(turn, prepare, partial(self._send, turn))
                            if told and CALLS.isEnabledFor(DEBUG):
                                call_log.round_over(turn)
                            if stream is not None:
                                stream.round_over(turn.usage, turn.cost)
                            if turn.take(response):
                                break
                            turn.settle()
                            turn.run_tools(response)
                        # 6. The record, and with it the summary of the definition.
                        record = self._record(turn, stop(), tried)
                        # 7. The counters of its limits.
                        turn.settle()
                    except BaseException as error:  # an interrupted call was made as well, and counts
                        if isinstance(error, NeuroScriptError):
                            turn.continuations.keep_text(error, turn.secrets)
                        self._end_failed(turn, stop(), tried, error)
                        if not isinstance(error, NeuroScriptError) or not asks_next(
                            error, is_fallback=first is not None
                        ):
                            raise
                        first = first or error
                        tried.append(Tried(definition.definition_id, definition.name, int(error.code), error.message))
                    else:
                        task.events.append(completed(definition, record))
                        if turn.output_limit is not None and response.finish_reason == "length":
                            call_log.cut_short(turn)
                        if told:
                            call_log.answered(turn, record)
                        if stream is not None:
                            stream.done(record)
                        # 8. The output and the record.
                        said = turn.response.text if turn.response is not None else response.text
                        vectors = turn.embedded.vectors if turn.embedded is not None else ()
                        return Answer(said, record, tuple(turn.messages), turn.structured, vectors)
                finally:
                    if turn.is_open:  # the end itself was interrupted
                        self._end_failed(turn, stop(), tried, sys.exc_info()[1] or KeyboardInterrupt())
            assert first is not None
            if len(tried) > 1:
                first.details["fallbacks"] = [item.to_map() for item in tried[1:]]
            raise first
        except BaseException as error:  # however it ends, the host is told of it
            if stream is not None:
                stream.failed(error)
            raise

    def tell(self, task: Task) -> None:
        """Fires the events of a task; to be called when no lock is held."""
        while task.events:
            self.events.fire(*task.events.pop(0))

    def _prepare(self, turn: Turn, authorization: Authorization) -> KeyGrant:
        """Reserves a round, and finds its key."""
        # 2. Its limits have room, which is reserved.
        holds = self._reserve(turn)
        turn.hold(holds)
        if turn.task.options.journal is not None:  # it has no record until the run goes on
            holds.write()
        if LIMITS.isEnabledFor(DEBUG):
            call_log.reserved(turn, holds.tokens, holds.cost)
        # 3. Its key, for the address that the call goes to.
        grant = authorization.grant()
        if CALLS.isEnabledFor(DEBUG):
            call_log.asked(turn)
        return grant

    def _send(self, turn: Turn, grant: KeyGrant) -> LLMResponse:
        """Makes the call of a round, and counts what it cost."""
        response = self._call(turn, grant)
        self._count(turn, response)
        return response

    def _reserve(self, turn: Turn) -> Holds:
        try:
            return self.reserving.reserve(turn)
        except NeuroScriptError as refusal:
            explain_refusal(turn, refusal)
            raise

    def _call(self, turn: Turn, grant: KeyGrant) -> LLMResponse:
        """Makes one call of the model.  Its error shows no key; the known use of a failed call is counted first."""
        request = turn.request(grant)
        turn.begin(grant.secret)
        if grant.takes_environment and grant.is_for_an_address:
            turn.secrets.update(self.clients.environment_secrets(request.provider))
        if self.in_flight is not None and turn.task.options.journal is None:
            self.in_flight.begin(in_flight(turn, self.clock.seconds()))
        try:
            client = self.clients.for_provider(request.provider, request.model)
            if any(message.attachments for message in request.messages):
                _check_takes_attachments(client, request)
            if request.embed:
                _check_embeds(client, request)
            turn.sent()
            response = client.complete(request) if turn.stream is None else _streamed(client, request, turn)
            if isinstance(response, LLMResponse):
                reply = safe_reply(response, turn.secrets, for_script=turn.task.options.clearance is not None)
                if self.fakes is not None and self.fakes.records:
                    # Into a file go no keys, also where the host itself would be shown what its own server repeats.
                    self.fakes.keep(request, safe_reply(response, turn.secrets, for_script=True), turn.secrets)
                return reply
            failure = _broken(request, f"gave {type(response).__name__}; expected an LLMResponse")
        except NeuroScriptError as error:
            failure = error
        except Exception as error:  # a host's own client is foreign code: whatever it raises, the model has failed
            failure = _broken(request, f"failed: {type(error).__name__}: {error}")
            failure.__cause__ = error
        except BaseException:  # the run was cancelled, or the process is to end: it goes on, and what was sent counts
            turn.count_cut_off(self.reserving.price_source, {}, given_up=True)
            raise
        turn.needs_record = True
        if failure.details.get("attempts") == 0:
            turn.not_sent()
        # Out of the handler, so that an error which shows the key is not the context of the one that does not.
        turn.count_cut_off(self.reserving.price_source, failure.details, given_up=failure.code in _GIVEN_UP)
        failure.details.pop("usage", None)
        failure.details.pop("usages", None)
        shown = redact_error(failure, turn.secrets)
        if len(shown.message) > MOST_ERROR_CHARACTERS:
            shown.message = short(shown.message, MOST_ERROR_CHARACTERS)
        raise shown

    def _admit(self, turn: Turn, used: Sequence[Usage | None], left: float) -> None:
        """Settles a request that has failed and reserves the next one, which counts like any other.

        Raises:
            NeuroScriptError: 20 or 46 if it has no room.
        """
        turn.settle_request(used, self.reserving.price_source)
        turn.hold_request(self.reserving.reserve(turn, left))

    def _count(self, turn: Turn, response: LLMResponse) -> None:
        turn.count(
            response.usages or (response.usage,),
            response.attempts,
            self.reserving.price_source,
            model=response.model,
            tier=response.service_tier,
        )

    def _record(
        self, turn: Turn, span: Span, tried: list[Tried], error: BaseException | None = None
    ) -> PerformanceRecord:
        if turn.task.options.journal is not None:
            return self._commit(turn, span, tried, error)
        begun = turn.draft is not None
        record = turn.draft = turn.draft if turn.draft is not None else record_of(turn, span, tried, error)
        try:
            turn.task.store(record, turn.usage, None)
        except NeuroScriptError as failure:
            # An interrupt came while it was stored, and nobody knew whether it was; now it is known.
            if not begun or failure.code != ErrorCode.DUPLICATE:
                turn.needs_record = False
                raise
        turn.record, turn.needs_record = record, False
        if self.in_flight is not None:
            self.in_flight.end(turn.task_id)
        if self.log is not None and not turn.task.embed:
            self.log(logged_call(turn, record))
        if STORE.isEnabledFor(DEBUG):
            call_log.recorded(turn, record)
        return record

    def _commit(self, turn: Turn, span: Span, tried: list[Tried], error: BaseException | None) -> PerformanceRecord:
        """Makes the record of a turn, which is stored once the call that it belongs to is over in the journal."""
        journal = turn.task.options.journal
        assert journal is not None
        record = turn.record = turn.draft = journal.record(turn, lambda: record_of(turn, span, tried, error))
        turn.needs_record = False
        after = None
        if self.log is not None and not turn.task.embed:
            after = partial(self.log, logged_call(turn, record))
        turn.task.store(record, turn.usage, lambda made, usage: journal.commit(turn, made, usage, after))
        return record

    def _end_failed(self, turn: Turn, span: Span, tried: list[Tried], error: BaseException) -> None:
        """Ends a failed turn: stores a failed record, updates the counters and fires the event, unless already done.

        Raises:
            NeuroScriptError: 25 or 26 where the failure cannot be recorded; an interruption goes before that.
        """
        failure = error
        try:
            turn.count_cut_off(self.reserving.price_source, {}, given_up=True)
            if turn.task.options.journal is not None and not isinstance(error, NeuroScriptError):
                turn.needs_record = False  # the turn goes on with the run, and its record comes then
            if turn.needs_record:
                self._record(turn, span, tried, error)
        except NeuroScriptError as unrecorded:
            if isinstance(error, NeuroScriptError):
                failure = unrecorded
                raise
            CALLS.warning("the interrupted call of %s has no record: %s", turn.subject, unrecorded)
        finally:
            if self.in_flight is not None and turn.draft is None:  # it was not sent
                self.in_flight.withdraw(turn.task_id)
            try:
                turn.settle()
                if self.in_flight is not None and turn.draft is not None and turn.record is None:
                    self.in_flight.counted(turn.task_id)
            except Exception as unsettled:  # a host's own limiter may raise anything; what ended the turn matters more
                # What was reserved counts until the limiter has tried again.
                CALLS.warning("a call of %s is not settled under its limits yet: %s", turn.subject, unsettled)
            if CALLS.isEnabledFor(INFO) or LIMITS.isEnabledFor(INFO):
                call_log.ended(turn, span, error)
            if turn.stream is not None:
                turn.stream.turn_failed(turn.usage, turn.cost, turn.record)
            if isinstance(failure, NeuroScriptError):
                turn.task.events.append(failed(turn.definition, turn.instance_id, failure, turn.record))


def _check_takes_attachments(client: LLMClient, request: LLMRequest) -> None:
    """Raises error 35 for a client that does not say that it takes attachments, and would leave them out."""
    if not getattr(client, "takes_attachments", False):
        from ai_wm.providers.content_parts import refuse_attachments

        refuse_attachments(request)


def _check_embeds(client: LLMClient, request: LLMRequest) -> None:
    """Raises error 35 for a client that does not say that it embeds texts."""
    if not getattr(client, "embeds", False):
        from ai_wm.providers.embeddings import no_embeddings

        raise no_embeddings(request, "its client embeds no texts")


def _streamed(client: LLMClient, request: LLMRequest, turn: Turn) -> LLMResponse | None:
    stream, progress, deltas = turn.stream, turn.progress, client.stream(request)
    assert stream is not None
    mask = StreamMask(turn.secrets) if turn.secrets and turn.task.options.clearance is not None else None
    response = None
    try:
        for delta in deltas:
            if request.check is not None:
                request.check()
            progress.began = True
            progress.produced += byte_length(delta.text)
            text = mask.take(delta.text) if mask is not None else delta.text
            if text:
                stream.text(text)
            response = delta.response or response
        rest = mask.end() if mask is not None else ""
        if rest:
            stream.text(rest)
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


def _broken(request: LLMRequest, what: str) -> NeuroScriptError:
    return NeuroScriptError(ErrorCode.LLM_ERROR, f"the client for {request.provider}/{request.model} {what}")
