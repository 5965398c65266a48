"""The time of a shared file: it passes as the slowest clock among the limiters that use the file says.

Every limiter measures how much time has passed, and no more: by the machine's steady clock, which nobody sets, or by a
clock that the host passed in.  What the calendar says matters only to a limiter that starts while no other is there.
So a clock that is fast, or jumps, ages nothing while another limiter knows better.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable
from typing import Final

from ai_wm.ratelimit.base import MICROSECONDS
from neuroscript import get_logger

_log = get_logger("ai_wm.limits")

JUMP: Final = 60 * MICROSECONDS
"""A clock that is so much ahead of what it should be has jumped."""

if sys.platform == "win32":
    _nanoseconds = time.monotonic_ns  # goes on while the machine sleeps
else:
    # On Linux only this one goes on while the machine sleeps, on macOS the other one does.
    _STEADY: Final = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)

    def _nanoseconds() -> int:
        return time.clock_gettime_ns(_STEADY)


def steady() -> int:
    """Microseconds by a clock of the machine that all of its processes share and nobody can set."""
    return _nanoseconds() // 1000


class FileClock:
    """What one limiter knows of the time of a file.

    Args:
        host: seconds since the epoch by the host's clock; ``None``: the system's.
    """

    def __init__(self, host: Callable[[], float] | None) -> None:
        self._host = host
        self._started = False
        self._shift = 0  # of the file's time to the steady clock
        self._agreed = (0, 0)  # the time when it last agreed with the others, and what the host's clock said then
        self._calendar = 0  # what the system's clock was ahead of the steady clock

    @property
    def is_foreign(self) -> bool:
        """Whether the host passed it in, so that it may jump at any time."""
        return self._host is not None

    def now(self) -> int:
        """The time of the file by this clock alone, in microseconds."""
        if self._host is None:
            return steady() + self._shift
        then, reading = self._agreed
        return then + self._read() - reading

    def ahead(self) -> int:
        """How far the file's time is ahead of the steady clock by this clock alone."""
        return self._shift if self._host is None else self.now() - steady()

    def agree(self, others: Iterable[int], steadily: int) -> int:
        """Take the slowest of this clock and the others, and go on from there.

        Args:
            others: the time of the file by the other limiters that are there.
            steadily: the steady clock, as the others' times were taken by it.

        Returns:
            the time of the file.
        """
        slowest = min(others, default=None)
        then, reading_then = self._agreed
        reading = self._read() if self._host is not None or not self._started else 0
        if not self._started:
            now = reading if slowest is None else slowest
            self._started = True
            self._calendar = reading - steadily
        else:
            own = steadily + self._shift if self._host is None else then + reading - reading_then
            now = own if slowest is None else min(own, slowest)
            # Where a clock was set back, time stands still until it goes on.
            now = max(now, then)
            self._warn(own - now, steadily)
        self._shift, self._agreed = now - steadily, (now, reading)
        return now

    def _read(self) -> int:
        return round((self._host or time.time)() * MICROSECONDS)

    def _warn(self, ahead: int, steadily: int) -> None:
        if self._host is None:
            calendar = self._read() - steadily
            ahead, self._calendar = calendar - self._calendar, calendar
        if ahead > JUMP:
            _log.warning(
                "the clock of this process went forward by %.0f s at once; what was used under limits stays counted "
                "as long as if it had not",
                ahead / MICROSECONDS,
            )
