"""Maps failures of providers to error codes, and tells whether a retry may help."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any

from ai_wm.keys import Secret, redact
from ai_wm.providers.adapter import ErrorReply
from ai_wm.providers.base import Usage
from ai_wm.providers.meanings import meaning_of
from neuroscript import NeuroScriptError

_MESSAGE_LENGTH = 500
_ENCODED = re.compile(r"[A-Za-z0-9+/]{200,}={0,2}")
LONGEST_RETRY_AFTER = 86_400.0
"""The most seconds that a server may ask the caller to wait; a longer wait counts as this."""

SAMPLE_LENGTH = 200
"""The most characters shown of an unusable reply, or of a server's own name for a kind of error."""


class AttemptFailed(Exception):
    """The failure of one attempt at a call, raised before it is decided whether to retry.

    Args:
        code: the code of the error raised when there are no more attempts.
        message: a description of the failure.
        retry: whether another attempt can succeed.
        once: whether only one more attempt is worthwhile.
        retry_after: the seconds that the provider asks to wait.
        details: further facts for the error.
        usage: the tokens that the attempt is known to have cost.

    ``usages`` holds the usage of each attempt of the call, ``text`` the part of the model's answer received so far,
    ``generated`` a whole answer that the provider refuses for its form.
    """

    def __init__(
        self,
        code: int,
        message: str,
        *,
        retry: bool = False,
        once: bool = False,
        retry_after: float | None = None,
        details: Mapping[str, Any] | None = None,
        usage: Usage | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.retry = retry
        self.once = once
        self.retry_after = retry_after
        self.details = dict(details or {})
        self.usage = usage
        self.usages: tuple[Usage | None, ...] = ()
        self.text = self.generated = ""


def from_reply(
    status: int,
    reply: ErrorReply,
    secrets: Iterable[Secret],
    retry_after: float | None = None,
    advice: str = "",
) -> AttemptFailed:
    """Maps an unsuccessful reply to a failure.

    Args:
        status: the HTTP status, or 200 where the failure was reported within a successful reply.
        reply: the parsed body.
        secrets: the keys that may be in it.
        retry_after: the wait that the headers ask for, in seconds.
        advice: ``x-should-retry`` of the headers, with which a provider decides about retries itself.
    """
    if 200 <= status < 300:
        status = reply.status
    wait = retry_after if retry_after is not None else reply.retry_after
    if wait is not None:
        wait = None if math.isnan(wait) else min(max(wait, 0.0), LONGEST_RETRY_AFTER)
    said = cut(reply.message, secrets) or _phrase(status)
    details: dict[str, Any] = {"status": status} if status else {}
    if reply.kind:
        details["kind"] = cut(reply.kind, secrets, SAMPLE_LENGTH)
    if wait is not None:
        details["retry_after_seconds"] = wait
    meaning = meaning_of(status, reply, said)
    if meaning.filtered:
        details["finish_reason"] = "refusal" if reply.kind.lower() == "refusal" else "content_filter"
        details["refusal"] = said
    retry = (meaning.retry or advice == "true") and advice != "false" and not reply.final
    failure = AttemptFailed(
        meaning.code, meaning.text, retry=retry, once=meaning.once, retry_after=wait, details=details
    )
    failure.generated = reply.generated
    return failure


def cut(text: str, secrets: Iterable[Secret], length: int = _MESSAGE_LENGTH) -> str:
    """Masks keys and attachments in a text from outside, and shortens it to one line for a message.

    Args:
        text: the text.
        secrets: the keys that may be in it.
        length: the most characters of the line.
    """
    line = " ".join(_without_files(redact(text, secrets)).split())
    return line if len(line) <= length else f"{line[: length - 1]}…"


def _without_files(text: str) -> str:
    """Puts a word in the place of what looks like a file in base64, since a server may repeat an attachment."""
    return _ENCODED.sub(lambda found: "(base64)" if _is_mixed(found[0]) else found[0], text)


def _is_mixed(run: str) -> bool:
    return not run.islower() and not run.isupper() and any(map(str.isdecimal, run))


def as_error(
    failure: AttemptFailed, attempts: int, secrets: Iterable[Secret], where: str, **details: Any
) -> NeuroScriptError:
    """Makes the error that the caller gets when there are no more attempts; ``where`` names provider and model."""
    known = {key: value for key, value in {**failure.details, **details}.items() if value != ""}
    tries = f" (after {attempts} attempts)" if attempts > 1 else ""
    error = NeuroScriptError(
        failure.code,
        redact(f"{where}: {failure.message}{tries}", secrets),
        details=redact({**known, "attempts": attempts}, secrets),
    )
    if failure.usage is not None:
        error.details["usage"] = failure.usage
    if failure.usages:
        error.details["usages"] = failure.usages
    return error


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "no reason given"
