"""What has ended an attempt at a call: the failure that it makes, and the tokens that it may cost."""

from __future__ import annotations

from ai_wm.providers.adapter import BadReply, StreamError
from ai_wm.providers.errors import AttemptFailed, from_reply
from ai_wm.providers.estimates import divided
from ai_wm.providers.exchange import Exchange
from ai_wm.providers.received import Received
from ai_wm.providers.wire_http import begins_with, broken_promise, text_of
from neuroscript import ErrorCode

_PRODUCED = frozenset({ErrorCode.LLM_ERROR, ErrorCode.TIMEOUT})
"""The failures of a request that was sent after which its output may be billed."""


def may_cost(error: Exception, failure: AttemptFailed) -> bool:
    """Whether output that nobody has counted may be billed for a request that was sent, and failed."""
    if isinstance(error, StreamError):  # the server says itself that it has none, unless it holds it back
        return error.reply.cause == "content_filter"
    return failure.code in _PRODUCED


def is_refusal(error: Exception, failure: AttemptFailed, received: Received) -> bool:
    """Whether a stream of which nothing was produced is a refusal, which costs nothing, whatever its HTTP status."""
    return not isinstance(error, AttemptFailed) and (not received.events or failure.code not in _PRODUCED)


def waste_whole(exchange: Exchange, error: Exception, failure: AttemptFailed) -> None:
    """Counts the tokens of a whole reply that has failed, if it may be billed.

    What came and cannot be read, or was filtered by the provider, was produced all the same.
    """
    if failure.usage is not None or (exchange.attempts.sent and may_cost(error, failure)):
        exchange.wasted.append(failure.usage)


def failure_of(exchange: Exchange, error: AttemptFailed | BadReply | StreamError, body: bytes) -> AttemptFailed:
    """Converts what has ended an attempt; ``body`` is the beginning of what came, as far as there is any."""
    secrets = exchange.secrets
    if isinstance(error, AttemptFailed):
        error.message += begins_with(text_of(body), secrets)
        return error
    if isinstance(error, StreamError):
        failure = from_reply(200, error.reply, secrets)
    else:
        failure = broken_promise(error, body, secrets, exchange.asked)
    reported = error.usage is not None and error.usage.is_reported
    failure.usage = divided(exchange.request, error.usage) if reported and error.usage is not None else None
    failure.text = error.text
    return failure
