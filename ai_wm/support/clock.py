"""A clock for time stamps and durations, which a host can replace."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from ai_wm.data.types import Timestamp


@dataclass(frozen=True, slots=True)
class Span:
    """A period of time: its start, its end, and its length in milliseconds."""

    start: Timestamp
    end: Timestamp
    duration_ms: int


class Clock:
    """Reads the time and measures durations, by the system's clocks or a host's.

    Args:
        seconds: seconds since 1970, as ``time.time`` gives them.  With a clock of its own a host decides durations
            too; otherwise they are measured with a clock that never jumps.
    """

    def __init__(self, seconds: Callable[[], float] | None = None) -> None:
        self.seconds = seconds or time.time
        self._ticks = seconds or time.perf_counter

    def now(self) -> Timestamp:
        """Returns the current time, with microsecond precision."""
        return Timestamp.from_unix(self.seconds())

    def measure(self) -> Callable[[], Span]:
        """Starts measuring a period; calling the result at its end returns the span."""
        start, began = self.now(), self._ticks()

        def stop() -> Span:
            seconds = max(0.0, self._ticks() - began)
            return Span(start, Timestamp.of(start + timedelta(seconds=seconds)), round(seconds * 1000))

        return stop
