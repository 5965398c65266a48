"""Mapping a provider's failures to errors: which code each becomes, and whether another attempt may help."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any

from ai_wm.keys import Secret, redact
from ai_wm.providers.adapter import ErrorReply
from ai_wm.providers.base import Usage
from neuroscript import ErrorCode, NeuroScriptError

# What providers say when the conversation does not fit; they have no common code for it.
_CONTEXT_FULL = re.compile(
    r"context_length_exceeded|exceed_context_size|context_window_exceeded|request_too_large"
    r"|prompt is too long|input is too long|too many (input )?tokens"
    r"|(maximum|available|model'?s?) (context|input) (length|size|window)"
    r"|exceeds? (the |its )?(model'?s? )?(maximum |available )?(context|input token)"
    r"|(input|prompt) (length|token count|tokens?)[^.]{0,60}exceeds?"
    r"|context (the )?overflows|greater than the context length",
    re.IGNORECASE,
)
# Google says so with status 400.
_BAD_KEY = re.compile(r"\bAPI_KEY_INVALID\b")
_CONTEXT_STATUS = (400, 413, 422, 500)

_MESSAGE_LENGTH = 500
LONGEST_RETRY_AFTER = 86_400.0
"""Seconds that a server may ask to wait for; whatever it says beyond that is none of the caller's time."""

SAMPLE_LENGTH = 200
"""How many characters of a reply that is no good, or of a server's own words for a kind of error, are shown."""


class AttemptFailed(Exception):
    """The failure of one attempt at a call, before it is known whether there will be another.

    Args:
        code: of the error that it becomes when there are no more attempts.
        message: what happened.
        retry: whether another attempt can succeed.
        retry_after: the seconds that the provider asks to wait.
        details: further facts for the error.
        usage: the tokens that the attempt is known to have cost.
    """

    def __init__(
        self,
        code: int,
        message: str,
        *,
        retry: bool = False,
        retry_after: float | None = None,
        details: Mapping[str, Any] | None = None,
        usage: Usage | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.retry = retry
        self.retry_after = retry_after
        self.details = dict(details or {})
        self.usage = usage


def from_reply(
    status: int,
    reply: ErrorReply,
    secrets: Iterable[Secret],
    retry_after: float | None = None,
    advice: str = "",
) -> AttemptFailed:
    """The failure that an unsuccessful reply means.

    Args:
        status: the HTTP status, or 200 where the failure was reported within a successful reply.
        reply: what the body says.
        secrets: the keys that may be in it.
        retry_after: the wait that the headers ask for, in seconds.
        advice: ``x-should-retry`` of the headers, with which a provider decides about retries itself.
    """
    if 200 <= status < 300:
        status = reply.status or 500
    wait = retry_after if retry_after is not None else reply.retry_after
    if wait is not None:
        wait = None if math.isnan(wait) else min(max(wait, 0.0), LONGEST_RETRY_AFTER)
    said = cut(reply.message, secrets) or _phrase(status)
    details: dict[str, Any] = {"status": status}
    if reply.kind:
        details["kind"] = cut(reply.kind, secrets, SAMPLE_LENGTH)
    if wait is not None:
        details["retry_after_seconds"] = wait
    code, text, retry = _meaning(status, f"{reply.kind} {reply.message}", said)
    retry = (retry or advice == "true") and advice != "false" and not reply.final
    return AttemptFailed(code, text, retry=retry, retry_after=wait, details=details)


def _meaning(status: int, searched: str, said: str) -> tuple[int, str, bool]:
    if status == 413 or (status in _CONTEXT_STATUS and _CONTEXT_FULL.search(searched)):
        return ErrorCode.CONTEXT_FULL, f"the conversation does not fit into the model's context: {said}", False
    if status in (401, 403) or _BAD_KEY.search(searched):
        return ErrorCode.AUTHENTICATION, f"the provider refuses the key (status {status}): {said}", False
    if status == 404:
        return ErrorCode.PROVIDER_NOT_FOUND, f"no such model or address (status 404): {said}", False
    if status == 429:
        return ErrorCode.RATE_LIMITED, f"the provider's limit is reached (status 429): {said}", True
    if status == 408 or status >= 500:
        return ErrorCode.LLM_ERROR, f"the provider failed (status {status}): {said}", True
    if 300 <= status < 400:
        return ErrorCode.LLM_ERROR, f"the server redirects (status {status}), which is not followed: {said}", False
    return ErrorCode.LLM_ERROR, f"the provider refuses the request (status {status}): {said}", False


def cut(text: str, secrets: Iterable[Secret], length: int = _MESSAGE_LENGTH) -> str:
    """A text from outside for a message: without keys, in one line of at most ``length`` characters."""
    line = " ".join(redact(text, secrets).split())
    return line if len(line) <= length else f"{line[: length - 1]}…"


def as_error(
    failure: AttemptFailed, attempts: int, secrets: Iterable[Secret], where: str, **details: Any
) -> NeuroScriptError:
    """The error that the caller sees when there are no more attempts; ``where`` names the provider and model."""
    known = {key: value for key, value in {**failure.details, **details}.items() if value != ""}
    tries = f" (after {attempts} attempts)" if attempts > 1 else ""
    error = NeuroScriptError(
        failure.code,
        redact(f"{where}: {failure.message}{tries}", secrets),
        details=redact({**known, "attempts": attempts}, secrets),
    )
    if failure.usage is not None:
        error.details["usage"] = failure.usage
    return error


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "no reason given"
