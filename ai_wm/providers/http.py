"""The client of every provider that is reached over HTTP: an adapter, the transport, and retries between them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from importlib import import_module
from typing import Any, cast

from ai_wm.data.settings import DEFAULT_RETRIES
from ai_wm.keys import Secret
from ai_wm.providers.adapter import Adapter, BadReply, ErrorReply, StreamError, WireRequest
from ai_wm.providers.base import Delta, LLMRequest, LLMResponse, Usage, check_request, estimate_input, estimate_text
from ai_wm.providers.breaker import Breaker
from ai_wm.providers.endpoints import ADAPTERS, base_url, endpoint_of
from ai_wm.providers.errors import SAMPLE_LENGTH, AttemptFailed, as_error, cut, from_reply
from ai_wm.providers.options import number, timeout_seconds
from ai_wm.providers.retry import Attempts, retry_after_seconds
from ai_wm.providers.sse import json_lines, sse_events
from ai_wm.providers.transport import Reply, Transport
from neuroscript import ErrorCode, NeuroScriptError

_SHOWN_BYTES = 64 * 1024
_STREAMS = ("text/event-stream", "application/x-ndjson")
_KEY = re.compile(r"[\x21-\x7e]+")


@dataclass(slots=True)
class _Exchange:
    """One call with its attempts: what is sent, where to, and what the attempts that failed have cost."""

    request: LLMRequest
    base_url: str
    wire: WireRequest
    content: bytes
    attempts: Attempts
    stream: bool
    key: Secret | None = None
    wasted: Usage = field(default_factory=Usage)

    @property
    def where(self) -> str:
        return f"{self.request.provider}/{self.request.model}"

    @property
    def secrets(self) -> tuple[Secret, ...]:
        """The keys that the server gets, and may repeat."""
        return () if self.key is None else (self.key,)

    @property
    def url(self) -> str:
        """Where the request is sent."""
        return f"{self.base_url}/{self.wire.path}"


class HTTPClient:
    """A `LLMClient` over HTTP.

    Args:
        provider: which wire format is spoken: ``anthropic``, ``custom``, ``google``, ``ollama`` or ``openai``.
        transport: what sends the calls; shared by all clients of a manager.
        breaker: who refuses calls to a model that keeps failing; shared likewise.
        environ: where the provider's variable for its address is looked up; by default the process's own.

    Its calls raise `NeuroScriptError` with the codes 4 (an option), 16, 18, 20, 31, 40, 45 and 47.  ``details`` holds
    ``provider``, ``model``, ``attempts`` and, as far as known, ``status``, ``kind``, ``request_id``,
    ``retry_after_seconds`` and ``usage`` (the tokens that the failed attempts cost).
    """

    def __init__(
        self,
        provider: str,
        transport: Transport,
        breaker: Breaker | None = None,
        environ: Mapping[str, str] | None = None,
    ) -> None:
        self._adapter = cast(Adapter, import_module(f"ai_wm.providers.{ADAPTERS[provider]}"))
        self._endpoint = endpoint_of(provider)
        self._environ = environ
        self._transport = transport
        self._breaker = breaker if breaker is not None else Breaker()

    def complete(self, request: LLMRequest) -> LLMResponse:
        """The reply, when it is complete."""
        exchange = self._start(request, stream=False)
        while True:
            exchange.attempts.begin()
            body = b""
            try:
                with self._send(exchange) as reply:
                    body = reply.body()
                    response = self._finished(exchange, self._adapter.parse(_json(body), request), reply)
                self._breaker.answered(exchange.base_url, request.model)
                return response
            except (AttemptFailed, BadReply, StreamError) as error:
                failure = _failure(exchange, error, body)
            self._go_on(exchange, failure)

    def stream(self, request: LLMRequest) -> Iterator[Delta]:
        """The reply in pieces as they come; the last one carries the whole response.

        A stream that breaks is asked for again.  What was delivered already is not delivered twice; if the second
        reply begins differently, nobody can take back the first, and the call fails.
        """
        exchange = self._start(request, stream=True)
        given = ""
        while True:
            exchange.attempts.begin()
            parser = self._adapter.stream_parser(request)
            received = _Received(given)
            try:
                with self._send(exchange) as reply:
                    received.begun = True
                    received.streaming = _media_type(reply) in _STREAMS
                    for name, event in self._events(reply):
                        received.streaming = True
                        new = received.take(parser.feed(name, event))
                        if new:
                            yield Delta(text=new)
                        if parser.done:
                            break
                    if not parser.ended():
                        raise AttemptFailed(ErrorCode.LLM_ERROR, "the stream ended before its end marker", retry=True)
                    received.end()
                    response = self._finished(exchange, parser.response(), reply)
                self._breaker.answered(exchange.base_url, request.model)
                yield Delta(response=response)
                return
            except (AttemptFailed, BadReply, StreamError) as error:
                failure = _failure(exchange, error)
                # A stream that is broken is worth another attempt; what was never one is not.
                failure.retry = failure.retry or (isinstance(error, BadReply) and received.streaming)
            if received.begun:
                exchange.wasted += _partial(request, parser.usage, received.text)
            given = received.given
            self._go_on(exchange, failure)

    def _start(self, request: LLMRequest, *, stream: bool) -> _Exchange:
        check_request(request)
        config = request.config
        url = base_url(request.provider, self._endpoint, config, self._environ)
        wire = self._adapter.build(request, stream=stream)
        try:
            content = json.dumps(wire.body, allow_nan=False, separators=(",", ":")).encode()
        except (TypeError, ValueError, RecursionError) as error:
            raise NeuroScriptError(
                ErrorCode.ARG_MISMATCH, f"the request to {request.provider}/{request.model} is not JSON: {error}"
            ) from error
        attempts = Attempts(timeout_seconds(config), int(number(config, "max_retries", DEFAULT_RETRIES)), request.check)
        exchange = _Exchange(request, url, wire, content, attempts, stream)
        wait = self._breaker.refused_for(url, request.model)
        if wait is not None:
            raise NeuroScriptError(
                ErrorCode.LLM_ERROR,
                f"{exchange.where} has kept failing and is left alone for another {wait:.1f} s",
                details={"retry_after_seconds": wait, "cooling_down": True, "attempts": 0, **_names(exchange)},
            )
        return exchange

    def _send(self, exchange: _Exchange) -> Reply:
        """One attempt: sends the request and gives the reply, if it is a successful one.

        Everything about the request is known here, and nothing of it has left the process yet.  The key is had only by
        naming the very address that the request is sent to, so that no way to set an address leads round its approval.
        """
        headers, url = dict(exchange.wire.headers), exchange.url
        exchange.key = key = exchange.request.key_for(url)
        if key:
            if not _KEY.fullmatch(key.get()):
                raise AttemptFailed(
                    ErrorCode.AUTHENTICATION,
                    "the key has characters that cannot be sent, such as spaces or a line end",
                )
            headers[self._adapter.key_header] = self._adapter.key_prefix + key.get()
        reply = self._transport.post(url, headers, exchange.content, exchange.attempts, stream=exchange.stream)
        if not 200 <= reply.status < 300:
            with reply:
                raise self._refusal(exchange, reply)
        return reply

    def _refusal(self, exchange: _Exchange, reply: Reply) -> AttemptFailed:
        body = reply.beginning()
        try:
            said = self._adapter.parse_error(_json(body))
        except BadReply:
            said = ErrorReply()
        if not said.message:
            said = replace(said, message=cut(_text(body), exchange.secrets, SAMPLE_LENGTH))
        failure = from_reply(
            reply.status,
            said,
            exchange.secrets,
            retry_after_seconds(reply.headers),
            reply.headers.get("x-should-retry", ""),
        )
        failure.details["request_id"] = cut(self._request_id(reply), exchange.secrets, SAMPLE_LENGTH)
        return failure

    def _events(self, reply: Reply) -> Iterator[tuple[str, Any]]:
        if _media_type(reply) == "text/html":
            raise BadReply("the reply is an HTML page, not a stream", _text(reply.beginning()))
        if self._adapter.stream_format == "sse":
            return sse_events(reply.chunks())
        return json_lines(reply.chunks())

    def _finished(self, exchange: _Exchange, response: LLMResponse, reply: Reply) -> LLMResponse:
        usage = response.usage
        if not usage.total_tokens:
            # Some compatible servers do not count.  Limits need a number, and none would mean "free".
            usage = _partial(exchange.request, usage, response.text)
        return LLMResponse(
            text=response.text,
            finish_reason=response.finish_reason,
            usage=usage + exchange.wasted if exchange.wasted.total_tokens else usage,
            model=response.model,
            tool_calls=response.tool_calls,
            request_id=self._request_id(reply) or response.request_id,
            attempts=exchange.attempts.made,
        )

    def _request_id(self, reply: Reply) -> str:
        return next((reply.headers[name] for name in self._adapter.request_id_headers if name in reply.headers), "")

    def _go_on(self, exchange: _Exchange, failure: AttemptFailed) -> None:
        """Waits for the next attempt, or raises the error that the call ends with."""
        if exchange.attempts.again(failure):
            return
        status = failure.details.get("status", 0)
        if failure.code == ErrorCode.TIMEOUT or status >= 500 or status in (408, 429) or (failure.retry and not status):
            self._breaker.failed(exchange.base_url, exchange.request.model)
        elif status:
            self._breaker.answered(exchange.base_url, exchange.request.model)
        if exchange.wasted.total_tokens:
            failure.usage = exchange.wasted
        raise as_error(failure, exchange.attempts.made, exchange.secrets, where=exchange.where, **_names(exchange))


class _Received:
    """The text of one attempt at a stream, beside what earlier attempts have delivered already."""

    def __init__(self, given: str) -> None:
        self.begun = False
        self.streaming = False
        self._given = given
        self._place = 0
        self._pieces: list[str] = []

    @property
    def text(self) -> str:
        """What this attempt has brought."""
        return self.given[: self._place]

    @property
    def given(self) -> str:
        """What has been delivered by now."""
        return self._given + "".join(self._pieces)

    def take(self, piece: str) -> str:
        """Takes the next piece and gives what of it has not been delivered yet."""
        repeated = self._given[self._place : self._place + len(piece)]
        if not piece.startswith(repeated):
            raise self._diverged()
        self._place += len(piece)
        new = piece[len(repeated) :]
        if new:
            self._pieces.append(new)
        return new

    def end(self) -> None:
        """The reply is complete: it must not be shorter than what was delivered."""
        if self._place < len(self._given):
            raise self._diverged()

    @staticmethod
    def _diverged() -> AttemptFailed:
        return AttemptFailed(
            ErrorCode.LLM_ERROR,
            "the stream broke after a part of the reply was delivered, and the next attempt brought another reply",
        )


def _failure(exchange: _Exchange, error: AttemptFailed | BadReply | StreamError, body: bytes = b"") -> AttemptFailed:
    if isinstance(error, AttemptFailed):
        return error
    if isinstance(error, StreamError):
        return from_reply(200, error.reply, exchange.secrets)
    wrong = cut(str(error), exchange.secrets)
    sample = cut(error.sample or _text(body), exchange.secrets, SAMPLE_LENGTH)
    shown = f"; it begins with {sample!r}" if sample else ""
    return AttemptFailed(ErrorCode.LLM_ERROR, f"the reply is not what the API promises: {wrong}{shown}")


def _partial(request: LLMRequest, usage: Usage, text: str) -> Usage:
    """The tokens of a reply that was not counted, or not to its end: what is known, the rest estimated."""
    return replace(
        usage,
        input_tokens=usage.input_tokens or estimate_input(request),
        output_tokens=max(usage.output_tokens, estimate_text(text)),
    )


def _json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        raise BadReply("it is not JSON" if body.strip() else "it is empty", _text(body)) from None


def _media_type(reply: Reply) -> str:
    return reply.headers.get("content-type", "").partition(";")[0].strip().lower()


def _text(body: bytes) -> str:
    return body[:_SHOWN_BYTES].decode(errors="replace")


def _names(exchange: _Exchange) -> dict[str, str]:
    return {"provider": exchange.request.provider, "model": exchange.request.model}
