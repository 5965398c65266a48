"""Spreading the retries of calls that a provider has refused with the same ``Retry-After``.

They were sent away together and would all come back at the same moment, to be sent away again.  So each gets a moment
of its own behind the wait that the provider asked for, as far apart as the calls were that it let through before.
"""

from __future__ import annotations

import random
import time
from collections import deque
from collections.abc import Callable
from threading import Lock

from ai_wm.support.recent import Recent

# Nobody waits longer than this behind the one before.
LONGEST_STEP = 1.0
# How much slower than what was let through, since a limit counts what comes, and that is never quite even.
_MARGIN = 1.25
_REMEMBERED = 64
_LEAST_WINDOW = 1.0
MOST_PACED = 1024
"""Models that are remembered; a program may name ever new ones."""

Target = tuple[str, str]
"""The address and the model."""


class Pace:
    """Spreads the calls that wait for the same model.  Safe for use from many threads."""

    def __init__(
        self, clock: Callable[[], float] = time.monotonic, chance: Callable[[], float] = random.random
    ) -> None:
        self._clock, self._chance = clock, chance
        self._lock = Lock()
        self._answered: Recent[Target, deque[float]] = Recent(MOST_PACED)
        self._next: Recent[Target, float] = Recent(MOST_PACED)

    def answered(self, target: Target) -> None:
        """Notes that a call was let through."""
        times = self._answered.get(target)
        if times is None:
            times = deque(maxlen=_REMEMBERED)
            self._answered.put(target, times)
        times.append(self._clock())

    def wait(self, target: Target, asked: float, longest: float) -> float:
        """Returns the seconds that a refused call waits.

        Args:
            target: what was called.
            asked: the wait that the provider asks for.
            longest: what is left of the call's own time; a turn behind the others is not worth failing for.
        """
        with self._lock:
            now = self._clock()
            # As many as were let through within the window are let through in the next.
            window = max(asked, _LEAST_WINDOW)
            let_through = sum(1 for moment in [*(self._answered.get(target) or ())] if now - moment <= window)
            step = min(LONGEST_STEP, _MARGIN * window / max(1, let_through))
            turn = max(now + asked, self._next.get(target) or 0.0)
            wait = turn - now + 0.1 * step * self._chance()
            if wait < longest:
                self._next.put(target, turn + step)
                return wait
        return asked + max(0.0, 0.9 * longest - asked) * self._chance()
