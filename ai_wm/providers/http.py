"""The client of every provider reached over HTTP: a wire adapter, the transport, and retries."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from importlib import import_module
from typing import Any, cast

from ai_wm.data.bounds import short
from ai_wm.data.headers import headers_of, secret_texts
from ai_wm.data.settings import DEFAULT_RETRIES
from ai_wm.keys import Secret, redact
from ai_wm.keys.clouds import CloudKey
from ai_wm.logs import CALLS, INFO, tell
from ai_wm.providers.adapter import Adapter, BadReply, ErrorReply, StreamError, WireRequest
from ai_wm.providers.amend import amended, amendment_for, hint_for, lasting
from ai_wm.providers.aws_events import MEDIA_TYPE, aws_events
from ai_wm.providers.base import Delta, LLMRequest, LLMResponse, Usage, check_request
from ai_wm.providers.breaker import Breaker
from ai_wm.providers.clouds import at_deployment, region_of, without_settings
from ai_wm.providers.endpoints import ADAPTERS, addresses, endpoint_of, joined, shown, wire_format
from ai_wm.providers.error_bodies import readable
from ai_wm.providers.errors import SAMPLE_LENGTH, AttemptFailed, as_error, cut, from_reply
from ai_wm.providers.estimates import byte_length, cut_off_usage, estimate_input
from ai_wm.providers.options import check_shape, number, stall_seconds, timeout_seconds
from ai_wm.providers.pace import Pace, Target
from ai_wm.providers.received import Received
from ai_wm.providers.retry import Attempts, retry_after_seconds
from ai_wm.providers.sse import WHOLE, json_lines, sse_events
from ai_wm.providers.transport import Reply, Transport, in_time
from ai_wm.providers.wire_json import problem_of, read_json
from ai_wm.support.recent import Recent
from neuroscript import ErrorCode, NeuroScriptError

MOST_REMEMBERED = 1024
"""Servers and models of which a client remembers how they want to be asked; a program may name ever new ones."""

_SHOWN_BYTES = 64 * 1024
_LONGEST = 2000
_STREAMS = ("text/event-stream", "application/x-ndjson", MEDIA_TYPE)
_STREAM_BEGINS = (b"data:", b"event:", b": ")
_GATEWAY_TIMEOUTS = frozenset({504, 524})
_PRODUCED = frozenset({ErrorCode.LLM_ERROR, ErrorCode.TIMEOUT})
"""The failures of a request that was sent after which its output may be billed."""
_NO_ROOM = frozenset({ErrorCode.RATE_LIMITED, ErrorCode.BUDGET_EXCEEDED, ErrorCode.RESOURCE_EXHAUSTION})
_PARSERS = {"sse": sse_events, "ndjson": json_lines, "aws": aws_events}
_KEY = re.compile(r"[\x21-\x7e]+")


@dataclass(slots=True)
class _Exchange:
    """The state of one call with its attempts: the request, the address, and the text and cost of failed attempts."""

    request: LLMRequest
    addresses: tuple[str, ...]
    wire: WireRequest
    content: bytes = field(repr=False)
    adapter: Adapter
    attempts: Attempts
    headers: Mapping[str, str] = field(repr=False)
    amended: tuple[str, ...] = ()
    asked: str = ""
    text: str = ""
    broken: AttemptFailed | None = None
    wasted: list[Usage | None] = field(default_factory=list)
    counted: int = 0
    key: Secret | None = None
    renewed: bool = False

    @property
    def where(self) -> str:
        """The provider and the model, for messages."""
        return f"{self.request.provider}/{self.request.model}"

    @property
    def target(self) -> Target:
        """The server and the model, as the circuit breaker identifies them."""
        return self.addresses[0], self.request.model

    def book(self, *usages: Usage | None) -> None:
        """Reports the usage of the call so far, in case it is abandoned without an error that tells it.

        Args:
            usages: what the attempt that is under way has used, beside those that have failed.
        """
        if self.request.progress is not None:
            self.request.progress.attempts = self.attempts.made
            self.request.progress.usages = (*self.wasted, *usages)

    def admitted(self, failure: AttemptFailed) -> bool:
        """Whether the limits have room for one more request after a failure; if not, the failure says so."""
        admit = self.request.admit
        if admit is None:
            return True
        used, self.counted = tuple(self.wasted[self.counted :]), len(self.wasted)
        try:
            admit(used, max(0.0, self.attempts.remaining()))
        except NeuroScriptError as refused:
            if refused.code not in _NO_ROOM:
                raise
            failure.message += f"; it was not sent again: {refused.message}"
            failure.retry = False
            return False
        return True

    @property
    def secrets(self) -> tuple[Secret, ...]:
        """The keys sent to the server, which may repeat them."""
        own = map(Secret, secret_texts(self.headers)) if self.headers else ()
        return (*own,) if self.key is None else (self.key, *own)


class HTTPClient:
    """A client that reaches a provider over HTTP, in the wire format of an adapter.

    Args:
        provider: which wire format is spoken: ``anthropic``, ``custom``, ``google``, ``ollama`` or ``openai``.
        transport: what sends the calls; shared by all clients of a manager.
        breaker: who refuses calls to a model that keeps failing; shared likewise.
        environ: where the provider's variable for its address is looked up; by default the process's own.

    Its calls raise `NeuroScriptError` with the codes 4 (an option), 16, 18, 20, 31, 40, 45 and 47.  ``details`` holds
    ``provider``, ``model``, ``attempts`` and, as far as known, ``status``, ``kind``, ``request_id``, ``address``,
    ``retry_after_seconds``, ``text`` (what had come of the reply), ``usage`` and ``usages`` (the tokens that the failed
    attempts cost, together and each).
    """

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
        self._amendments: Recent[Target, tuple[str, ...]] = Recent(MOST_REMEMBERED)

    def complete(self, request: LLMRequest) -> LLMResponse:
        """Sends a request and returns the whole reply."""
        exchange = self._start(request, stream=False)
        while True:
            exchange.attempts.begin()
            body = b""
            try:
                with self._send(exchange) as reply:
                    body = reply.body()
                    response = self._finished(exchange, self._parsed(body, exchange), reply)
                self._answered(exchange)
                return response
            except (AttemptFailed, BadReply, StreamError) as error:
                failure = _failure(exchange, error, body)
                # A reply that came and cannot be read, or that the provider has filtered, was produced all the same.
                if failure.usage is not None or (exchange.attempts.sent and _may_cost(error, failure)):
                    exchange.wasted.append(failure.usage)
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
            response = None
            try:
                with self._send(exchange) as reply:
                    received.begun = True
                    received.streaming = _media_type(reply) in _STREAMS
                    for name, event in _events(exchange, reply):
                        received.streaming = name != WHOLE
                        new = received.take(parser.feed(name, event))
                        if new:
                            yield Delta(text=new)
                        if parser.done:
                            break
                    if not parser.ended():
                        raise AttemptFailed(ErrorCode.LLM_ERROR, "the stream ended before its end marker", retry=True)
                    new = received.end()
                    response = self._finished(exchange, parser.response(), reply)
                self._answered(exchange)
                if new:
                    yield Delta(text=new)
                yield Delta(response=response)
                return
            except (AttemptFailed, BadReply, StreamError) as error:
                failure = _failure(exchange, error)
                # A stream that is broken is worth another attempt; what was never one is not.
                broken = isinstance(error, BadReply) and received.streaming and not error.final
                failure.retry = failure.retry or broken
                # What the server has ended itself is no less than it has produced; what was cut off may be more.
                booked = cut_off_usage if isinstance(error, AttemptFailed) else _completed
                unseen = _may_cost(error, failure)
            except BaseException:  # as above; who listens may have raised it, or listens no more
                used = cut_off_usage(request, parser.usage, parser.produced) if received.begun else None
                if response is not None:
                    used = response.usages[-1] if response.usages else response.usage
                exchange.book(*[used] * exchange.attempts.sent)
                raise
            if received.begun and (parser.produced or parser.usage.is_reported or not unseen):
                exchange.wasted.append(booked(request, parser.usage, parser.produced))
            elif exchange.attempts.sent and unseen:
                exchange.wasted.append(None)  # whatever the model has thought by then, nobody knows
            given = exchange.text = received.given
            if exchange.broken is not None and received.diverged:
                failure.code, failure.details = exchange.broken.code, exchange.broken.details
                failure.message = f"{exchange.broken.message}; {failure.message}"
            exchange.broken = failure
            self._go_on(exchange, failure)

    def _parsed(self, body: bytes, exchange: _Exchange) -> LLMResponse:
        """The response in a whole body, even if that is a stream that was not requested."""
        request, adapter = exchange.request, exchange.adapter
        if not body.lstrip().startswith(_STREAM_BEGINS) and (
            adapter.stream_format != "ndjson" or b"\n" not in body.strip()
        ):
            return adapter.parse(_json(body), request)
        parser = adapter.stream_parser(request)
        for name, event in _events_in(exchange, in_time(body, exchange.attempts)):
            parser.feed(name, event)
        if not parser.ended():
            raise BadReply("it is a stream that ends before its end marker", _text(body), usage=parser.usage)
        return parser.response()

    def _start(self, request: LLMRequest, *, stream: bool) -> _Exchange:
        check_request(request)
        config = request.config
        found = addresses(self._provider, self._endpoint, config, self._environ)
        urls = tuple(server.url for server in found)
        adapter = _adapter(wire_format(self._provider, config, found))
        wire = adapter.build(without_settings(self._provider, request), stream=stream)
        if self._provider == "azure":
            wire = at_deployment(wire, urls[0], request)
        known = self._amendments.get((urls[0], request.model)) or ()
        if known:
            wire = replace(wire, body=amended(wire.body, known))
        attempts = Attempts(
            timeout_seconds(config),
            int(number(config, "max_retries", DEFAULT_RETRIES)),
            request.check,
            stall=stall_seconds(config) if stream else None,
        )
        exchange = _Exchange(request, urls, wire, _content(request, wire), adapter, attempts, headers_of(config), known)
        wait = self._breaker.refused_for(*exchange.target)
        if wait is not None:
            raise NeuroScriptError(
                ErrorCode.LLM_ERROR,
                f"{exchange.where} has kept failing and is left alone for another {wait:.1f} s",
                details={"retry_after_seconds": wait, "cooling_down": True, "attempts": 0, **_names(exchange)},
            )
        exchange.book()
        return exchange

    def _send(self, exchange: _Exchange) -> Reply:
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
                if exchange.amended:
                    self._amendments.put(exchange.target, lasting(exchange.amended))
                return reply
            # A plain refusal costs nothing; a gateway that gives up leaves the model at work.
            exchange.attempts.sent = reply.status in _GATEWAY_TIMEOUTS
            with reply:
                said = self._said(exchange, reply)
                failure = self._refusal(exchange, reply, said)
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

    def _post(self, exchange: _Exchange, address: str) -> Reply:
        """Sends the request to one address.

        Everything about the request is known here, and nothing of it has left the process yet.  The key is had only by
        naming the very address that the request is sent to, so that no way to set an address leads round its approval;
        the headers of the definition go where it is had.
        """
        headers, url = {**exchange.wire.headers, **exchange.headers}, joined(address, exchange.wire.path)
        # The name of a model at Bedrock may have slashes, which are sent encoded; whether the key may be sent there is
        # judged as if they parted the path.
        exchange.key = key = exchange.request.key_for(url.replace("%2F", "/") if self._provider == "bedrock" else url)
        if isinstance(key, CloudKey):
            region = region_of(exchange.request.config, self._environ) if self._provider == "bedrock" else ""
            proof = key.headers(url, exchange.content, region)
            if isinstance(proof, str):
                raise AttemptFailed(ErrorCode.AUTHENTICATION, proof)
            headers |= proof
        elif key:
            if not _KEY.fullmatch(key.get()):
                raise AttemptFailed(
                    ErrorCode.AUTHENTICATION,
                    "the key has characters that cannot be sent, such as spaces or a line end",
                )
            if self._provider == "azure":
                headers["api-key"] = key.get()
            else:
                headers[exchange.adapter.key_header] = exchange.adapter.key_prefix + key.get()
        exchange.asked = shown(address, exchange.wire.path)
        return self._transport.post(url, headers, exchange.content, exchange.attempts)

    def _amend(self, exchange: _Exchange, said: ErrorReply, status: int) -> bool:
        """Amends a request that was refused for its form, if the refusal asks for a known amendment."""
        openai = ADAPTERS[self._provider] == "openai"
        found = (
            amendment_for(exchange.wire.body, said, exchange.amended) if openai and status in (400, 404, 422) else None
        )
        if found is None:
            return False
        exchange.amended = (*exchange.amended, found.name)
        exchange.wire = replace(exchange.wire, body=amended(exchange.wire.body, [found.name], exchange.where))
        exchange.content = _content(exchange.request, exchange.wire)
        return True

    def _said(self, exchange: _Exchange, reply: Reply) -> ErrorReply:
        """Parses the body of an unsuccessful reply."""
        body, secrets = reply.beginning(), exchange.secrets
        try:
            events = list(sse_events([body])) if body.startswith(_STREAM_BEGINS) else [("", _json(body))]
            said = exchange.adapter.parse_error(events[0][1]) if events else ErrorReply()
        except BadReply:
            said = ErrorReply()
        kind = reply.headers.get("x-amzn-errortype", "").partition(":")[0]  # of AWS, which has it nowhere else
        if kind:
            said = replace(said, kind=f"{kind} {said.kind}".strip())
        if said.message:
            return said
        return replace(said, message=cut(readable(redact(_text(body), secrets)), secrets, _LONGEST))

    def _refusal(self, exchange: _Exchange, reply: Reply, said: ErrorReply) -> AttemptFailed:
        failure = from_reply(
            reply.status,
            said,
            exchange.secrets,
            retry_after_seconds(reply.headers),
            reply.headers.get("x-should-retry", ""),
        )
        failure.details["request_id"] = cut(_request_id(exchange, reply), exchange.secrets, SAMPLE_LENGTH)
        if reply.status in (404, 405):
            failure.details["address"] = exchange.asked
            failure.message += f" (asked at {exchange.asked})"
        return failure

    def _finished(self, exchange: _Exchange, response: LLMResponse, reply: Reply) -> LLMResponse:
        usage = response.usage
        if not (usage.input_tokens and usage.output_tokens):
            # Some compatible servers do not count, or not all.  Limits need a number, and none would mean "free".
            produced = sum(byte_length(str(call.arguments)) for call in response.tool_calls)
            usage = _completed(exchange.request, usage, byte_length(response.text) + produced)
            response = replace(response, usage=usage)
        check_shape(exchange.request, response)
        exchange.book(usage)
        usages = (*exchange.wasted, usage) if exchange.wasted else ()
        return replace(
            response,
            usage=_sum(usages) if usages else usage,
            usages=usages,
            request_id=short(_request_id(exchange, reply) or response.request_id),
            attempts=exchange.attempts.made,
            model=short(response.model),
            service_tier=short(response.service_tier),
            provider_finish_reason=short(response.provider_finish_reason),
        )

    def _answered(self, exchange: _Exchange) -> None:
        self._breaker.answered(*exchange.target)
        self._pace.answered(exchange.target)

    def _go_on(self, exchange: _Exchange, failure: AttemptFailed) -> None:
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
            failure.usage = _sum(exchange.wasted)
            failure.usages = tuple(exchange.wasted)
        if exchange.text:
            failure.details["text"] = exchange.text
        raise as_error(failure, exchange.attempts.made, exchange.secrets, where=exchange.where, **_names(exchange))


@cache
def _adapter(name: str) -> Adapter:
    return cast(Adapter, import_module(f"ai_wm.providers.{name}"))


def _events(exchange: _Exchange, reply: Reply) -> Iterator[tuple[str, Any]]:
    if _media_type(reply) == "text/html":
        raise BadReply("it is an HTML page, not a stream", _text(reply.beginning()))
    return _events_in(exchange, reply.chunks())


def _events_in(exchange: _Exchange, chunks: Iterable[bytes]) -> Iterator[tuple[str, Any]]:
    return _PARSERS[exchange.adapter.stream_format](chunks)


def _request_id(exchange: _Exchange, reply: Reply) -> str:
    return next((reply.headers[name] for name in exchange.adapter.request_id_headers if name in reply.headers), "")


def _renewed(exchange: _Exchange, status: int, said: ErrorReply) -> bool:
    """Makes the key of a cloud identity anew, once in a call, if the server says that it is not valid any more."""
    key = exchange.key
    expired = status == 401 or (status in (400, 403) and "expiredtoken" in said.kind.lower())
    if not expired or exchange.renewed or not isinstance(key, CloudKey):
        return False
    exchange.renewed = True
    return not key.renew()


def _may_cost(error: Exception, failure: AttemptFailed) -> bool:
    """Whether output that nobody has counted may be billed for a request that was sent, and failed."""
    if isinstance(error, StreamError):  # the server says itself that it has none, unless it holds it back
        return error.reply.cause == "content_filter"
    return failure.code in _PRODUCED


def _failure(exchange: _Exchange, error: AttemptFailed | BadReply | StreamError, body: bytes = b"") -> AttemptFailed:
    if isinstance(error, AttemptFailed):
        return error
    secrets = exchange.secrets
    if isinstance(error, StreamError):
        failure = from_reply(200, error.reply, secrets)
    else:
        sample = redact(error.sample or _text(body), secrets)
        page = readable(sample)
        is_page = page != sample
        seen = f"; it begins with {cut(sample, secrets, 40 if is_page else SAMPLE_LENGTH)!r}" if sample else ""
        if is_page or not sample:  # mostly another server than was meant
            seen = f" ({cut(page, secrets, SAMPLE_LENGTH) or 'an empty body'}, from {exchange.asked}){seen}"
        message = f"the reply is not what the API promises: {cut(str(error), secrets)}{seen}"
        failure = AttemptFailed(ErrorCode.LLM_ERROR, message)
    failure.usage = error.usage if error.usage is not None and error.usage.is_reported else None
    failure.text = error.text
    return failure


def _completed(request: LLMRequest, usage: Usage, produced: int) -> Usage:
    """The usage of a reply whose server reported it only in part or not at all; missing counts are estimated.

    ``produced`` is the bytes of all that the model has written.
    """
    return replace(
        usage,
        input_tokens=usage.input_tokens or estimate_input(request),
        output_tokens=max(usage.output_tokens, -(-produced // 4)),
        estimated=True,
    )


def _sum(usages: Sequence[Usage | None]) -> Usage:
    return sum((usage for usage in usages if usage is not None), Usage())


def _content(request: LLMRequest, wire: WireRequest) -> bytes:
    try:
        return json.dumps(wire.body, allow_nan=False, separators=(",", ":")).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise NeuroScriptError(
            ErrorCode.ARG_MISMATCH, f"the request to {request.provider}/{request.model} is not JSON: {error}"
        ) from error


def _json(body: bytes) -> Any:
    try:
        return read_json(body)
    except (ValueError, RecursionError) as error:
        problem = (
            "it is not JSON" if isinstance(error, UnicodeDecodeError | json.JSONDecodeError) else problem_of(error)
        )
        raise BadReply(problem if body.strip() else "it is empty", _text(body)) from None


def _media_type(reply: Reply) -> str:
    return reply.headers.get("content-type", "").partition(";")[0].strip().lower()


def _text(body: bytes) -> str:
    return body[:_SHOWN_BYTES].decode(errors="replace")


def _log_retry(exchange: _Exchange, code: int, status: int) -> None:
    attempt = exchange.attempts.made + 1
    why = f"error {int(code)}, status {status}" if status else f"error {int(code)}"
    fields: dict[str, Any] = {"attempt": attempt, "code": int(code), "status": status, **_names(exchange)}
    message = "%s is asked again, attempt %d, after %s"
    tell(CALLS, INFO, "retry", message, (exchange.where, attempt, why), fields, exchange.secrets)


def _names(exchange: _Exchange) -> dict[str, str]:
    return {"provider": exchange.request.provider, "model": exchange.request.model}
