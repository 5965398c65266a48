"""Paces retries: spreads out calls of the same model that a provider refused with the same ``Retry-After``.

Calls refused together would all retry at the same moment and be refused again.  So each is retried at its own time
after the wait that the provider asked for, spaced at the rate at which earlier calls were accepted.
"""

from __future__ import annotations

import random
import time
from collections import deque
from collections.abc import Callable
from threading import Lock

from ai_wm.support.recent import Recent

# The longest time, in seconds, between a retry and the one before.
LONGEST_STEP = 1.0
# Retries are slower than accepted calls by this factor, since arrivals are never quite evenly spaced.
_MARGIN = 1.25
_REMEMBERED = 64
_LEAST_WINDOW = 1.0
MOST_PACED = 1024
"""The most models that are remembered, since a program may name ever new ones."""

Target = tuple[str, str]
"""The address and the model."""


class Pace:
    """Assigns retry times to the calls that wait for the same model.  Safe for use from many threads."""

    def __init__(
        self, clock: Callable[[], float] = time.monotonic, chance: Callable[[], float] = random.random
    ) -> None:
        self._clock, self._chance = clock, chance
        self._lock = Lock()
        self._answered: Recent[Target, deque[float]] = Recent(MOST_PACED)
        self._next: Recent[Target, float] = Recent(MOST_PACED)

    def answered(self, target: Target) -> None:
        """Notes that the provider accepted a call."""
        times = self._answered.get(target)
        if times is None:
            times = deque(maxlen=_REMEMBERED)
            self._answered.put(target, times)
        times.append(self._clock())

    def wait(self, target: Target, asked: float, longest: float) -> float:
        """Returns the seconds that a refused call has to wait before its retry.

        Args:
            target: the address and model of the call.
            asked: the wait that the provider asks for.
            longest: the time that the call has left; it never fails only because it is behind others.
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
