"""A circuit breaker: refuses calls of a model that keeps failing, for a cool-down period.

After five calls in a row that failed on the provider's side (no connection, 429, 5xx, no reply in time; each with all
its attempts), further calls fail at once, so that fallbacks are tried without delay and a struggling server is spared.
After one second one call is let through to see.  If it fails too the pause doubles, up to a minute; any reply ends it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock

FAILURES_IN_A_ROW = 5
FIRST_PAUSE = 1.0
LONGEST_PAUSE = 60.0
MOST_STATES = 1000
"""Models that are remembered; beyond that, those that failed first are forgotten."""


@dataclass(slots=True)
class _State:
    failures: int = 0
    pause: float = 0.0
    until: float = 0.0


class Breaker:
    """Tracks models that keep failing, by base URL and model.  Safe for use from many threads."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = Lock()
        self._states: dict[tuple[str, str], _State] = {}

    def refused_for(self, base_url: str, model: str) -> float | None:
        """Returns the seconds for which calls are still refused; ``None`` if this call is allowed.

        The first one to ask after a pause goes; the others are refused until its outcome is known.
        """
        if (base_url, model) not in self._states:
            return None
        with self._lock:
            state = self._states.get((base_url, model))
            if state is None or state.failures < FAILURES_IN_A_ROW:
                return None
            now = self._clock()
            if now < state.until:
                return state.until - now
            state.until = now + state.pause
            return None

    def failed(self, base_url: str, model: str) -> float:
        """Counts a call that failed on the provider's side.

        Returns:
            the seconds for which the model is left alone from now on; 0 if it is not.
        """
        with self._lock:
            state = self._states.setdefault((base_url, model), _State())
            if len(self._states) > MOST_STATES:  # a program may name ever new models
                del self._states[next(iter(self._states))]
            state.failures += 1
            if state.failures >= FAILURES_IN_A_ROW:
                state.pause = min(LONGEST_PAUSE, state.pause * 2 if state.pause else FIRST_PAUSE)
                state.until = self._clock() + state.pause
            return state.pause

    def answered(self, base_url: str, model: str) -> None:
        """Resets the count of failures, since the provider answered, even if with a refusal."""
        if (base_url, model) in self._states:
            with self._lock:
                self._states.pop((base_url, model), None)
