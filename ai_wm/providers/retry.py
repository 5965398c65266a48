"""The retry policy of a call: the number of attempts, the delays between them, and the deadline."""

from __future__ import annotations

import random
import re
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

from ai_wm.providers.errors import AttemptFailed

_FIRST_WAIT = 0.5
_LONGEST_WAIT = 8.0


class Attempts:
    """The attempts of one call: their number, the delays between them, and the deadline of all.

    Args:
        timeout: seconds for everything together, waits included.
        max_retries: attempts after the first.
        check: called before each attempt and while waiting; raises to cancel.
        stall: the seconds that a stream may be silent; None: as long as there is time.
        clock, sleep, chance: replaceable for tests.

    Attributes:
        sent: whether something of the attempt that is under way has been sent, and not been refused: it may cost
            something, whatever becomes of it.
        asked: the address that the attempt is sent to, without its query; empty before the first.
        proxy: the proxy on the way there, without user name and password; empty for none.
    """

    def __init__(
        self,
        timeout: float,
        max_retries: int,
        check: Callable[[], None] | None = None,
        *,
        stall: float | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self.timeout = timeout
        self.stall = stall
        self.made = 0
        self.sent = False
        self.asked = self.proxy = ""
        self._retries = max_retries
        self._once = False
        self._check = check
        self._clock, self._sleep, self._chance = clock, sleep, chance
        self._deadline = clock() + timeout

    def begin(self) -> None:
        """Starts an attempt."""
        self.check()
        self.made += 1
        self.sent = False

    def check(self) -> None:
        """Raises the caller's error if the call is cancelled."""
        if self._check is not None:
            self._check()

    def remaining(self) -> float:
        """Returns the seconds left until the deadline; negative after it."""
        return self._deadline - self._clock()

    def again(self, failure: AttemptFailed) -> bool:
        """Waits before another attempt, if there is to be one, and tells whether there is.

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


_RESETS: Final = (
    ("x-ratelimit-remaining-requests", "x-ratelimit-reset-requests"),  # OpenAI, Groq
    ("x-ratelimit-remaining-tokens", "x-ratelimit-reset-tokens"),
    ("anthropic-ratelimit-requests-remaining", "anthropic-ratelimit-requests-reset"),
    ("anthropic-ratelimit-tokens-remaining", "anthropic-ratelimit-tokens-reset"),
    ("anthropic-ratelimit-input-tokens-remaining", "anthropic-ratelimit-input-tokens-reset"),
    ("anthropic-ratelimit-output-tokens-remaining", "anthropic-ratelimit-output-tokens-reset"),
    ("x-ratelimit-remaining", "x-ratelimit-reset"),  # OpenRouter, GitHub
    ("ratelimit-remaining", "ratelimit-reset"),
)
"""The headers with what is left under a limit, and those with the time at which it is full again."""
_DURATION: Final = re.compile(r"(?:(\d+)h)?(?:(\d+)m(?!s))?(?:(\d+(?:\.\d+)?)s)?(?:(\d+(?:\.\d+)?)ms)?")
_A_YEAR: Final = 366 * 86_400.0


def reset_seconds(headers: Mapping[str, str], now: Callable[[], float] = time.time) -> float | None:
    """Reads the wait from headers of limits that are used up, where the provider asks for none; None if there are none.

    Their time is a duration (``6m0s``), a number of seconds, or a moment: since 1970 in seconds or milliseconds, or by
    RFC 3339.
    """
    waits = [
        _seconds_until(headers.get(reset, "").strip(), now())
        for left, reset in _RESETS
        if headers.get(left, "").strip() == "0"
    ]
    return max((wait for wait in waits if wait is not None), default=None)


def _seconds_until(text: str, now: float) -> float | None:
    if re.fullmatch(r"\d{1,15}(\.\d+)?", text):
        number = float(text)
        moment = number / 1000 if number > 1e11 else number
        return max(0.0, moment - now) if moment > _A_YEAR else number
    found = _DURATION.fullmatch(text) if text else None
    if found is not None:
        hours, minutes, seconds, thousandths = (float(part or 0) for part in found.groups())
        return hours * 3600 + minutes * 60 + seconds + thousandths / 1000
    try:
        date = datetime.fromisoformat(text)
    except ValueError:
        return None
    return max(0.0, (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp() - now)


def retry_after_seconds(headers: Mapping[str, str], now: Callable[[], float] = time.time) -> float | None:
    """Reads the wait from headers: ``retry-after-ms``, or ``Retry-After`` in seconds or as a date (RFC 9110)."""
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
