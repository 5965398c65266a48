"""From a failed attempt to an error: which code, what is worth another attempt, and how long to wait for it."""

from __future__ import annotations

import json
import random
import re
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from ai_wm.providers.adapter import ErrorReply
from ai_wm.providers.base import Usage
from neuroscript import ErrorCode, NeuroScriptError

if TYPE_CHECKING:
    from ai_wm.keys import Secret

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
_FIRST_WAIT = 0.5
_LONGEST_WAIT = 8.0


class AttemptFailed(Exception):
    """One attempt failed.

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


def from_reply(status: int, reply: ErrorReply, retry_after: float | None = None, advice: str = "") -> AttemptFailed:
    """The failure that an unsuccessful reply means.

    Args:
        status: the HTTP status, or 200 where the failure was reported within a successful reply.
        reply: what the body says, without secrets.
        retry_after: the wait that the headers ask for, in seconds.
        advice: ``x-should-retry`` of the headers, with which a provider decides about retries itself.
    """
    if 200 <= status < 300:
        status = reply.status or 500
    wait = retry_after if retry_after is not None else reply.retry_after
    said = cut(reply.message) or _phrase(status)
    details: dict[str, Any] = {"status": status}
    if reply.kind:
        details["kind"] = reply.kind
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


def retry_after_seconds(headers: Mapping[str, str], now: Callable[[], float] = time.time) -> float | None:
    """The wait that the headers ask for: ``retry-after-ms``, or ``Retry-After`` in seconds or as a date (RFC 9110)."""
    for name, scale in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        value = headers.get(name, "").strip()
        if re.fullmatch(r"\d+(\.\d*)?", value):
            return float(value) * scale
    try:
        date = parsedate_to_datetime(headers.get("retry-after", ""))
    except ValueError:
        return None
    if date.tzinfo is None:
        date = date.replace(tzinfo=UTC)
    return max(0.0, (date - datetime.fromtimestamp(now(), UTC)).total_seconds())


class Attempts:
    """The attempts of one call: how many, how long between them, and by when all must be over.

    Args:
        timeout: seconds for everything together, waits included.
        max_retries: attempts after the first.
        check: called before each attempt and while waiting; raises to cancel.
        clock, sleep, chance: replaceable for tests.
    """

    def __init__(
        self,
        timeout: float,
        max_retries: int,
        check: Callable[[], None] | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self.timeout = timeout
        self.made = 0
        self._retries = max_retries
        self._check = check
        self._clock, self._sleep, self._chance = clock, sleep, chance
        self._deadline = clock() + timeout

    def begin(self) -> None:
        """Starts an attempt."""
        self.check()
        self.made += 1

    def check(self) -> None:
        """Raises what cancels the call, if anything does."""
        if self._check is not None:
            self._check()

    def remaining(self) -> float:
        """The seconds left; negative when the time is over."""
        return self._deadline - self._clock()

    def again(self, failure: AttemptFailed) -> bool:
        """Waits for another attempt, if there is one to make, and says whether.

        The wait doubles with every attempt up to 8 s.  Its upper 40% is random, so that callers that failed together
        do not come back together, while each wait stays longer than the one before.  What the provider asks for comes
        first.  A wait that would outlast the deadline is not begun.
        """
        if not failure.retry or self.made > self._retries:
            return False
        if failure.retry_after is not None:
            wait = failure.retry_after + 0.1 * self._chance()
        else:
            wait = min(_LONGEST_WAIT, _FIRST_WAIT * 2 ** (self.made - 1)) * (0.6 + 0.4 * self._chance())
        if wait >= self.remaining():
            return False
        end = self._clock() + wait
        while (left := end - self._clock()) > 0:
            self.check()
            self._sleep(min(left, 0.1) if self._check is not None else left)
        return True


class Redactor:
    """Takes a key out of texts, in the spellings in which a server may echo it."""

    def __init__(self, key: Secret | None) -> None:
        self._key = key

    def __call__(self, text: str) -> str:
        clear = self._key.get() if self._key is not None else ""
        if clear:
            for spelling in sorted({clear, quote(clear, safe=""), json.dumps(clear)[1:-1]}, key=len, reverse=True):
                text = text.replace(spelling, "***")
        return text

    def __repr__(self) -> str:
        return "Redactor(***)"


def cut(text: str, length: int = _MESSAGE_LENGTH) -> str:
    """``text`` in one line of at most ``length`` characters."""
    line = " ".join(text.split())
    return line if len(line) <= length else f"{line[: length - 1]}…"


def as_error(failure: AttemptFailed, attempts: int, redact: Redactor, where: str, **details: Any) -> NeuroScriptError:
    """The error that the caller sees when there are no more attempts; ``where`` names the provider and model."""
    known = {**failure.details, **details, "attempts": attempts}
    if failure.usage is not None:
        known["usage"] = failure.usage
    tries = f" (after {attempts} attempts)" if attempts > 1 else ""
    shown = {key: redact(value) if isinstance(value, str) else value for key, value in known.items() if value != ""}
    return NeuroScriptError(failure.code, f"{where}: {redact(failure.message)}{tries}", details=shown)


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "no reason given"
