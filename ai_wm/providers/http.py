"""The client of every provider reached over HTTP: a wire adapter, the transport, and retries."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from functools import cache
from http import HTTPStatus
from importlib import import_module
from typing import Any, cast

from ai_wm.data.bounds import short
from ai_wm.data.headers import headers_of, joined_headers, key_header_of, secret_texts
from ai_wm.data.sdk_options import with_own_names
from ai_wm.data.settings import DEFAULT_RETRIES
from ai_wm.keys import Secret
from ai_wm.keys.clouds import CloudKey
from ai_wm.logs import CALLS, INFO, tell
from ai_wm.providers.adapter import Adapter, BadReply, ErrorReply, StreamError, StreamParser, whole_text
from ai_wm.providers.amend import amended, amendment_for, hint_for, lasting
from ai_wm.providers.amendments.embeddings import DIALECT as EMBEDDINGS
from ai_wm.providers.aws_events import MEDIA_TYPE, aws_events
from ai_wm.providers.base import Delta, LLMRequest, LLMResponse, ModelInfo, Usage, check_request
from ai_wm.providers.breaker import Breaker
from ai_wm.providers.clouds import at_deployment, dialect_of, proof_of, without_settings
from ai_wm.providers.content_parts import check_attachments
from ai_wm.providers.embeddings import embedding_adapter
from ai_wm.providers.ended_attempts import failure_of, is_refusal, may_cost, waste_whole
from ai_wm.providers.endpoints import AZURE_DEPLOYMENTS, addresses, endpoint_of, joined, servers_of, shown, wire_format
from ai_wm.providers.environment import environment_headers, environment_token
from ai_wm.providers.errors import AttemptFailed, as_error, cut
from ai_wm.providers.estimates import byte_length, cut_off_usage
from ai_wm.providers.exchange import Exchange, completed, content_of, total
from ai_wm.providers.failed_connections import refused_by_proxy
from ai_wm.providers.options import check_shape, number, stall_seconds, timeout_seconds, with_extra
from ai_wm.providers.pace import Pace
from ai_wm.providers.received import Received, take_late_usage
from ai_wm.providers.retry import Attempts
from ai_wm.providers.sse import WHOLE, json_lines, sse_events, without_pulses
from ai_wm.providers.transport import Reply, Transport, in_time
from ai_wm.providers.wire_http import (
    STREAM_BEGINS,
    json_of,
    key_field,
    refusal,
    request_id,
    said_in,
    text_of,
)
from ai_wm.support.recent import Recent
from neuroscript import Address, ErrorCode, NeuroScriptError

MOST_REMEMBERED = 1024
"""Servers and models of which a client remembers how they want to be asked; a program may name ever new ones."""

LAST_WAIT = 5.0
"""Seconds of silence after the end of a streamed reply, in which its usage may come; some servers never hang up."""

LATE_WAIT = 0.5
"""Seconds of silence after an end marker that came before any usage; with most servers the stream ends at once."""

_STREAMS = ("text/event-stream", "application/x-ndjson", MEDIA_TYPE)
_PARSERS = {"sse": sse_events, "ndjson": json_lines, "aws": aws_events}
_AMENDABLE = frozenset({400, 404, 422, 500})  # 500: of servers whose chat template fails
_GATEWAY_TIMEOUTS = frozenset({504, 524})


class HTTPClient:
    """A client that reaches a provider over HTTP, in the wire format of an adapter.

    Args:
        provider: the provider's name, which decides the address and the wire format.
        transport: what sends the calls; shared by all clients of a manager.
        breaker: who refuses calls to a model that keeps failing; shared likewise.
        environ: where the provider's variable for its address is looked up; by default the process's own.

    Its calls raise `NeuroScriptError` with the codes 4 (an option), 16, 18, 20, 31, 40, 45 and 47.  ``details`` holds
    ``provider``, ``model``, ``attempts`` and, as far as known, ``status``, ``kind``, ``request_id``, ``address``,
    ``proxy`` (on the way there), ``reason`` (why there was no connection: ``refused``, ``name``, ``tls``, ``proxy``,
    ``connect_timeout`` or ``unreachable``), ``retry_after_seconds``, ``text`` (what had come of the reply), ``usage``
    and ``usages`` (the tokens that the failed attempts cost, together and each).
    """

    takes_attachments = True
    embeds = True

    def __init__(
        self,
        provider: str,
        transport: Transport,
        breaker: Breaker | None = None,
        environ: Mapping[str, str] | None = None,
    ) -> None:
        self._provider = provider
        self._endpoint = endpoint_of(provider)
        self._environ = environ
        self._transport = transport
        self._breaker = breaker if breaker is not None else Breaker()
        self._pace = Pace()
        self._found: Recent[tuple[str, ...], str] = Recent(MOST_REMEMBERED)
        self._amendments: Recent[tuple[str, str, str], tuple[str, ...]] = Recent(MOST_REMEMBERED)

    def complete(self, request: LLMRequest) -> LLMResponse:
        """Sends a request and returns the whole reply."""
        exchange = self._start(request, stream=False)
        while True:
            exchange.attempts.begin()
            body, reply = b"", None
            try:
                with self._send(exchange) as reply:
                    body = reply.body()
                    response = self._finished(exchange, self._parsed(body, exchange), reply)
                self._answered(exchange)
                return response
            except (AttemptFailed, BadReply, StreamError) as error:
                failure = failure_of(exchange, error, body or _came(reply))
                if (answer := self._refused_answer(exchange, failure)) is not None:
                    return answer
                waste_whole(exchange, error, failure)
                if self._amend_within(exchange, error, failure):
                    continue
            except BaseException:  # whatever cuts the call off, it goes on; what was sent is booked
                exchange.book(*[None] * exchange.attempts.sent)
                raise
            self._go_on(exchange, failure)

    def stream(self, request: LLMRequest) -> Iterator[Delta]:
        """Sends a request and yields the reply in pieces as they come; the last piece carries the whole response.

        A stream that breaks is asked for again.  What was delivered already is not delivered twice; if the second
        reply begins differently, nobody can take back the first, and the call fails.
        """
        exchange = self._start(request, stream=True)
        given = ""
        while True:
            exchange.attempts.begin()
            parser = exchange.adapter.stream_parser(request)
            received = Received(given)
            whole = response = reply = None
            closed = False
            try:
                with self._send(exchange) as reply:
                    received.begun = True
                    received.streaming = _media_type(reply) in _STREAMS
                    incoming = _until_end(_events(exchange, reply), parser)
                    for name, event in incoming:
                        if name == WHOLE and not received.events:  # means what it means where no stream is asked for
                            received.streaming, received.whole = False, True
                            whole = exchange.adapter.parse(event, request)
                            break
                        received.streaming = name != WHOLE or received.events > 0
                        new = received.take(_text_in(exchange.adapter, parser, name, event, received.events))
                        received.events += 1
                        if new:
                            yield Delta(text=new)
                        if parser.done:
                            if not parser.usage.is_reported:
                                reply.wait_at_most(LATE_WAIT)
                                take_late_usage(incoming, parser)
                            break
                        if parser.ended():
                            reply.wait_at_most(LAST_WAIT)
                    closed = True
                    if whole is None and not parser.ended():
                        raise AttemptFailed(ErrorCode.LLM_ERROR, "the stream ended before its end marker", retry=True)
                    new = received.take(whole.text if whole is not None else "") + received.end()
                    response = self._finished(exchange, whole or parser.response(), reply)
                self._answered(exchange)
                if new:
                    yield Delta(text=new)
                yield Delta(response=response)
                return
            except (AttemptFailed, BadReply, StreamError) as error:
                failure = failure_of(exchange, error, b"" if received.diverged else _came(reply))
                if self._amend_within(exchange, error, failure, parser.produced):
                    if failure.usage is not None:
                        exchange.wasted.append(failure.usage)
                    continue
                answer = None if given or parser.produced else self._refused_answer(exchange, failure)
                if answer is not None:
                    yield Delta(text=answer.text)
                    yield Delta(response=answer)
                    return
                if whole is not None and failure.usage is None:
                    failure.usage = whole.usage
                # A stream that is broken is worth another attempt; what was never one is not.
                broken = isinstance(error, BadReply) and received.streaming and not error.final
                broken = broken and failure.code == ErrorCode.LLM_ERROR
                failure.retry = failure.retry or broken
                # What the server has ended itself is no less than it has produced; what was cut off may be more.
                booked = cut_off_usage if isinstance(error, AttemptFailed) else completed
                unseen = may_cost(error, failure)
                if received.whole:
                    waste_whole(exchange, error, failure)
                unknown = unseen or is_refusal(error, failure, received)
            except BaseException:  # as above; who listens may have raised it, or listens no more
                used = cut_off_usage(request, parser.usage, parser.produced) if received.begun else None
                if response is not None:
                    used = response.usages[-1] if response.usages else response.usage
                exchange.book(*[used] * exchange.attempts.sent)
                raise
            if received.begun and not received.whole and (parser.produced or parser.usage.is_reported or not unknown):
                used = parser.usage
                # As the server has counted: both, or, as Google's total tells, that there was no output.
                nothing = closed and exchange.dialect == "google" and not (parser.produced or used.output_tokens)
                exact = used.input_tokens and (nothing or (parser.ended() and used.output_tokens))
                exchange.wasted.append(used if exact else booked(request, used, parser.produced))
            elif failure.usage is not None and not received.begun:
                exchange.wasted.append(failure.usage)
            elif exchange.attempts.sent and unseen and not received.whole:
                exchange.wasted.append(None)  # whatever the model has thought by then, nobody knows
            given = exchange.text = received.given
            if exchange.broken is not None and received.diverged:
                failure.code, failure.details = exchange.broken.code, exchange.broken.details
                failure.message = f"{exchange.broken.message}; {failure.message}"
            exchange.broken = failure
            self._go_on(exchange, failure)

    def list_models(self, request: LLMRequest) -> list[ModelInfo]:
        """Asks the server which models it has.

        Raises:
            NeuroScriptError: 35 where the API has no list of models; what a call raises.
        """
        from ai_wm.providers.model_lists import read_models

        found = addresses(request.provider, self._endpoint, request.config, self._environ)
        adapter = _adapter(wire_format(self._provider, request.config, found, self._environ))
        return read_models(request, adapter, [server.url for server in found], self._transport, self._environ)

    def _parsed(self, body: bytes, exchange: Exchange) -> LLMResponse:
        """The response in a whole body, even if that is a stream that was not requested."""
        request, adapter = exchange.request, exchange.adapter
        if not body.lstrip().startswith(STREAM_BEGINS) and (
            adapter.stream_format != "ndjson" or b"\n" not in body.strip()
        ):
            return adapter.parse(json_of(body), request)
        parser = adapter.stream_parser(request)
        for before, (name, event) in enumerate(_events_in(exchange, in_time(body, exchange.attempts))):
            _text_in(adapter, parser, name, event, before)
        if not parser.ended():
            raise BadReply("it is a stream that ends before its end marker", text_of(body), usage=parser.usage)
        return parser.response()

    def _start(self, request: LLMRequest, *, stream: bool) -> Exchange:
        check_request(request)
        config = with_extra(with_own_names(request.config))
        if config.keys() != request.config.keys() or "extra_body" in config:
            request = replace(request, config=config)
        found = addresses(self._provider, self._endpoint, config, self._environ)
        urls = tuple(server.url for server in found)
        module = wire_format(self._provider, config, found, self._environ)
        dialect = dialect_of(module, request.model)
        check_attachments(request, dialect)
        if request.embed:
            dialect = EMBEDDINGS
        adapter = embedding_adapter(module, request) if request.embed else _adapter(module)
        wire = adapter.build(without_settings(self._provider, request), stream=stream)
        if self._provider == "azure":
            wire = at_deployment(wire, urls[0], request)
        known = self._amendments.get((urls[0], request.model, dialect)) or ()
        if known:
            wire = replace(wire, body=amended(wire.body, known))
        attempts = Attempts(
            timeout_seconds(config),
            int(number(config, "max_retries", DEFAULT_RETRIES)),
            request.check,
            stall=stall_seconds(config) if stream else None,
        )
        content, headers = content_of(request, wire), headers_of(config)
        exchange = Exchange(request, urls, wire, content, adapter, dialect, attempts, headers, known)
        wait = self._breaker.refused_for(*exchange.target)
        if wait is not None:
            raise NeuroScriptError(
                ErrorCode.LLM_ERROR,
                f"{exchange.where} has kept failing and is left alone for another {wait:.1f} s",
                details={"retry_after_seconds": wait, "cooling_down": True, "attempts": 0, **_names(exchange)},
            )
        exchange.book()
        return exchange

    def _send(self, exchange: Exchange) -> Reply:
        """Makes one attempt: sends the request, and returns the reply if it is successful.

        Where the address may be written in two ways the other is asked after a 404, and a request that is refused for
        its form is sent again as the server wants it.
        """
        left = list(exchange.addresses)
        found = self._found.get(exchange.addresses) if len(left) > 1 else None
        if found is not None:
            left.sort(key=lambda address: address != found)
        missed: AttemptFailed | None = None
        while True:
            address = left.pop(0)
            reply = self._post(exchange, address)
            if 200 <= reply.status < 300:
                if len(exchange.addresses) > 1 and address != found:
                    self._found.put(exchange.addresses, address)
                return reply
            exchange.refusals += 1
            # A plain refusal costs nothing; a gateway that gives up leaves the model at work.
            exchange.attempts.sent = reply.status in _GATEWAY_TIMEOUTS
            with reply:
                said = said_in(exchange.adapter, reply, exchange.secrets)
                failure = refusal(exchange.adapter, reply, said, exchange.secrets, exchange.asked)
            if reply.status == HTTPStatus.PROXY_AUTHENTICATION_REQUIRED and exchange.attempts.proxy:
                failure = refused_by_proxy(failure, cut(said.message, exchange.secrets), exchange.attempts)
            if reply.status in (404, 405) and "model" not in f"{said.kind} {said.message}".lower():
                if not left:
                    raise missed or failure
                missed = failure  # nobody knows where this server has its API
            elif self._amend(exchange, said, reply.status) or _renewed(exchange, reply.status, said):
                left.insert(0, address)
            else:
                hint = hint_for(exchange.wire.body, said)
                failure.message += f"; {hint}" if hint else ""
                raise failure
            if not exchange.admitted(failure):
                raise failure
            exchange.attempts.begin()

    def _post(self, exchange: Exchange, address: str) -> Reply:
        """Sends the request to one address.

        Everything about the request is known here, and nothing of it has left the process yet.  The key is had only by
        naming the very address that the request is sent to, so that no way to set an address leads round its approval;
        the headers of the definition go where it is had.
        """
        url = joined(address, exchange.wire.path)
        # The name of a model at Bedrock may have slashes, which are sent encoded; whether the key may be sent there is
        # judged as if they parted the path.
        exchange.key = key = exchange.request.key_for(url.replace("%2F", "/") if self._provider == "bedrock" else url)
        added, token = self._environments(exchange, url)
        headers = joined_headers(exchange.known_again, exchange.wire.headers, added, exchange.headers)
        if not key and token and not headers.keys() & {"authorization", exchange.adapter.key_header}:
            key = token
        if isinstance(key, CloudKey):
            headers |= proof_of(key, exchange.request, url, exchange.content, self._environ)
        elif key:
            name, prefix = self._key_header(exchange, url, key)
            headers[name] = key_field(prefix, key)
        exchange.asked = shown(address, exchange.wire.path)
        reply = self._transport.send(url, headers, exchange.content, exchange.attempts)
        if exchange.request.on_reply is not None:
            exchange.request.on_reply(exchange.asked, reply.status, reply.headers)
        return reply

    def _environments(self, exchange: Exchange, url: str) -> tuple[dict[str, str], Secret | None]:
        """The headers and the token that the environment adds to a request, if it goes to the provider's own address.

        What a call may not carry, or another server would get, is not read.
        """
        provider = exchange.request.provider
        if not exchange.request.environment or provider not in ("anthropic", "openai"):
            return {}, None
        address = Address.parse(url)
        if not any(server.scope.covers(address) for server in servers_of(provider, self._environ)[:1]):
            return {}, None
        added, token = environment_headers(provider, self._environ), environment_token(provider, self._environ)
        found = Secret(token) if token else None
        exchange.hidden = (*map(Secret, secret_texts(added)), *([found] if found else ()))
        return added, found

    def _key_header(self, exchange: Exchange, url: str, key: Secret) -> tuple[str, str]:
        """The header for the key, and what stands before the key."""
        said = key_header_of(exchange.request.config)
        if said is not None:
            return said
        if exchange.request.provider == "anthropic" and key.get() == environment_token("anthropic", self._environ):
            return "authorization", "Bearer "  # by whichever name it is had, that is what this token wants
        azure = exchange.request.provider == "azure" or AZURE_DEPLOYMENTS in url
        if azure and exchange.adapter.key_header == "Authorization":
            return "api-key", ""
        return exchange.adapter.key_header.lower(), exchange.adapter.key_prefix

    def _amend(self, exchange: Exchange, said: ErrorReply, status: int) -> bool:
        """Amends a request that was refused for its form, if the refusal asks for a known amendment."""
        if status not in _AMENDABLE:
            return False
        found = amendment_for(exchange.wire.body, said, exchange.amended, exchange.dialect)
        if found is None:
            return False
        exchange.amended = (*exchange.amended, found.name)
        exchange.wire = replace(exchange.wire, body=amended(exchange.wire.body, [found.name], exchange.where))
        exchange.content = content_of(exchange.request, exchange.wire)
        return True

    def _amend_within(self, exchange: Exchange, error: Exception, failure: AttemptFailed, produced: int = 0) -> bool:
        """Amends a request that was refused for its form within a successful reply, and tells whether to send it again.

        Args:
            exchange: the call.
            error: what has ended the attempt.
            failure: the same, as it is told where there is no amendment.
            produced: the bytes that the model has written; a reply that was begun is no refusal.
        """
        if not isinstance(error, StreamError) or produced or error.text or error.reply.cause:
            return False
        if self._amend(exchange, error.reply, error.reply.status or HTTPStatus.BAD_REQUEST):
            return exchange.admitted(failure)
        hint = hint_for(exchange.wire.body, error.reply)
        failure.message += f"; {hint}" if hint else ""
        return False

    def _refused_answer(self, exchange: Exchange, failure: AttemptFailed) -> LLMResponse | None:
        """The answer that a provider refuses for its form, where the caller judges answers itself; else None."""
        if not failure.generated or not exchange.request.takes_any_reply:
            return None
        self._answered(exchange)
        response = LLMResponse(
            text=whole_text(failure.generated),
            finish_reason="stop",
            usage=failure.usage or Usage(),
            model=exchange.request.model,
            request_id=str(failure.details.get("request_id", "")),
        )
        return self._finished(exchange, response)

    def _finished(self, exchange: Exchange, response: LLMResponse, reply: Reply | None = None) -> LLMResponse:
        usage = response.usage
        if exchange.request.embed and not usage.input_tokens:
            usage = completed(exchange.request, usage, 0)
            response = replace(response, usage=usage)
        elif not exchange.request.embed and not (usage.input_tokens and usage.output_tokens):
            # Some compatible servers do not count, or not all.  Limits need a number, and none would mean "free".
            produced = sum(byte_length(str(call.arguments)) for call in response.tool_calls)
            usage = completed(exchange.request, usage, byte_length(response.text) + produced)
            response = replace(response, usage=usage)
        if not exchange.request.embed:
            check_shape(exchange.request, response)
        exchange.book(usage)
        usages = (*exchange.wasted, usage) if exchange.wasted else ()
        return replace(
            response,
            usage=total(usages) if usages else usage,
            usages=usages,
            request_id=short((request_id(exchange.adapter, reply) if reply else "") or response.request_id),
            attempts=exchange.attempts.made,
            model=short(response.model),
            service_tier=short(response.service_tier),
            provider_finish_reason=short(response.provider_finish_reason),
            other_choices=cut(response.other_choices, exchange.secrets) if response.other_choices else "",
        )

    def _answered(self, exchange: Exchange) -> None:
        self._breaker.answered(*exchange.target)
        self._pace.answered(exchange.target)
        if kept := lasting(exchange.amended):
            self._amendments.put((*exchange.target, exchange.dialect), kept)

    def _go_on(self, exchange: Exchange, failure: AttemptFailed) -> None:
        """Waits before the next attempt, or raises the error that ends the call."""
        exchange.book()
        exchange.text = failure.text or exchange.text
        if failure.retry and failure.retry_after is not None:
            failure.retry_after = self._pace.wait(exchange.target, failure.retry_after, exchange.attempts.remaining())
        status = failure.details.get("status", 0)
        if exchange.attempts.again(failure) and exchange.admitted(failure):
            if CALLS.isEnabledFor(INFO):
                _log_retry(exchange, failure.code, status)
            return
        if failure.code == ErrorCode.TIMEOUT or status >= 500 or status in (408, 429) or (failure.retry and not status):
            pause = self._breaker.failed(*exchange.target)
            if pause and CALLS.isEnabledFor(INFO):
                message = "%s keeps failing and is left alone for %g s"
                fields: dict[str, Any] = {"seconds": pause, **_names(exchange)}
                tell(CALLS, INFO, "cool_down", message, (exchange.where, pause), fields, exchange.secrets)
        elif status:
            self._breaker.answered(*exchange.target)
        if exchange.wasted:
            failure.usage = total(exchange.wasted)
            failure.usages = tuple(exchange.wasted)
        if exchange.text:
            failure.details["text"] = exchange.text
        raise as_error(failure, exchange.attempts.made, exchange.secrets, where=exchange.where, **_names(exchange))


@cache
def _adapter(name: str) -> Adapter:
    return cast(Adapter, import_module(f"ai_wm.providers.{name}"))


def _events(exchange: Exchange, reply: Reply) -> Iterator[tuple[str, Any]]:
    if _media_type(reply) == "text/html":
        raise BadReply("it is an HTML page, not a stream", text_of(reply.beginning()))
    return _events_in(exchange, reply.chunks())


def _events_in(exchange: Exchange, chunks: Iterable[bytes]) -> Iterator[tuple[str, Any]]:
    return without_pulses(_PARSERS[exchange.adapter.stream_format](chunks))


def _until_end(events: Iterator[tuple[str, Any]], parser: StreamParser) -> Iterator[tuple[str, Any]]:
    """Yields the events of a stream; a connection that breaks once the reply is complete has lost nothing."""
    try:
        yield from events
    except AttemptFailed:
        if not parser.ended():
            raise


def _text_in(adapter: Adapter, parser: StreamParser, name: str, event: Any, number: int) -> str:
    """Feeds an event to the parser of its stream, and returns the text in it.

    Args:
        adapter: the wire format.
        parser: of the stream.
        name: of the event.
        event: what it holds.
        number: how many events came before it.

    Raises:
        BadReply, StreamError: as `StreamParser.feed`, and for a line of JSON among the events that brings nothing which
            an event could bring.
    """
    if name != WHOLE or not number:
        return parser.feed(name, event)
    before = parser.produced, parser.usage, parser.ended()
    sample = json.dumps(event, ensure_ascii=False)
    try:
        text = parser.feed(name, event)
    except BadReply as error:
        error.sample = error.sample or sample
        raise
    if text or (parser.produced, parser.usage, parser.ended()) != before:
        return text
    said = adapter.parse_error(event)
    if said.message:
        raise StreamError(said, usage=parser.usage)
    raise BadReply("the stream holds a line of JSON that is none of its events", sample, usage=parser.usage)


def _came(reply: Reply | None) -> bytes:
    """The beginning of what has come of a body; empty where there is no reply."""
    return b"" if reply is None else bytes(reply.came)


def _renewed(exchange: Exchange, status: int, said: ErrorReply) -> bool:
    """Makes the key of a cloud identity anew, once in a call, if the server says that it is not valid any more."""
    key = exchange.key
    expired = status == 401 or (status in (400, 403) and "expiredtoken" in said.kind.lower())
    if not expired or exchange.renewed or not isinstance(key, CloudKey):
        return False
    exchange.renewed = True
    return not key.renew()


def _media_type(reply: Reply) -> str:
    return reply.headers.get("content-type", "").partition(";")[0].strip().lower()


def _log_retry(exchange: Exchange, code: int, status: int) -> None:
    attempt = exchange.attempts.made + 1
    why = f"error {int(code)}, status {status}" if status else f"error {int(code)}"
    fields: dict[str, Any] = {"attempt": attempt, "code": int(code), "status": status, **_names(exchange)}
    message = "%s is asked again, attempt %d, after %s"
    tell(CALLS, INFO, "retry", message, (exchange.where, attempt, why), fields, exchange.secrets)


def _names(exchange: Exchange) -> dict[str, str]:
    return {"provider": exchange.request.provider, "model": exchange.request.model}
