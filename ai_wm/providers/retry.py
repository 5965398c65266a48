"""The retry policy of a call: the number of attempts, the delays between them, and the deadline."""

from __future__ import annotations

import random
import re
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

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
