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
from ai_wm.providers.meanings import meaning_of
from neuroscript.errors import NeuroScriptError

if TYPE_CHECKING:
    from ai_wm.keys import Secret

_MESSAGE_LENGTH = 500
_FIRST_WAIT = 0.5
_LONGEST_WAIT = 8.0


class AttemptFailed(Exception):
    """One attempt failed.

    Args:
        code: of the error that it becomes when there are no more attempts.
        message: what happened.
        retry: whether another attempt can succeed.
        once: one more attempt is worth making, and no second.
        retry_after: the seconds that the provider asks to wait.
        details: further facts for the error.
        usage: the tokens that the attempt is known to have cost.
    """

    text = ""
    """What had come of the model's answer."""

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


def from_reply(status: int, reply: ErrorReply, retry_after: float | None = None, advice: str = "") -> AttemptFailed:
    """The failure that an unsuccessful reply means.

    Args:
        status: the HTTP status, or 200 where the failure was reported within a successful reply.
        reply: what the body says, without secrets.
        retry_after: the wait that the headers ask for, in seconds.
        advice: ``x-should-retry`` of the headers, with which a provider decides about retries itself.
    """
    if 200 <= status < 300:
        status = reply.status
    wait = retry_after if retry_after is not None else reply.retry_after
    said = cut(reply.message) or _phrase(status)
    details: dict[str, Any] = {"status": status} if status else {}
    if reply.kind:
        details["kind"] = reply.kind
    if wait is not None:
        details["retry_after_seconds"] = wait
    meaning = meaning_of(status, reply, said)
    retry = (meaning.retry or advice == "true") and advice != "false" and not reply.final
    return AttemptFailed(meaning.code, meaning.text, retry=retry, once=meaning.once, retry_after=wait, details=details)


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
        self._once = False
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
        if not failure.retry or self.made > self._retries or (failure.once and self._once):
            return False
        self._once = self._once or failure.once
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
