"""What belongs to one run: the token that ends it, and the moment when its time is over."""

from __future__ import annotations

from time import monotonic

from neuroscript.cancellation import CancelToken
from neuroscript.errors import ErrorCode, NeuroScriptError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from neuroscript.journal.accounts import Membership
    from neuroscript.runtime.deadlines import Deadline


class RunState:
    """One run: its token, its deadline, and how it was ended.

    Attributes:
        token: ends the run when it is cancelled, as the deadline does.
        deadline: the moment, of `time.monotonic`, when the run's time is over; None without a limit.
        open: whether it is going on.
        shared: its part in a budget that it shares with jobs, if it has no journal.
    """

    __slots__ = ("_alarm", "_expired", "_seconds", "deadline", "open", "shared", "token")

    def __init__(self) -> None:
        self.token = CancelToken()
        self.deadline: float | None = None
        self._alarm: Deadline | None = None
        self._seconds = 0.0
        self._expired = False
        self.open = True
        self.shared: Membership | None = None

    def end_after(self, seconds: float) -> None:
        """Ends the run in so many seconds, whatever it is busy with; `close` calls it off."""
        from neuroscript.runtime.deadlines import DEADLINES

        self._seconds = seconds
        self.deadline = monotonic() + seconds
        self._alarm = DEADLINES.add(self.deadline, self._expire)

    def hold(self) -> None:
        """Stops the clock of the deadline, until `go_on`."""
        if self._alarm is not None:
            self._alarm.remove()

    def go_on(self, held: float) -> None:
        """Lets the clock of the deadline go on, so many seconds later."""
        if self._alarm is not None and self.deadline is not None and self.open:
            from neuroscript.runtime.deadlines import DEADLINES

            self.deadline += held
            self._alarm = DEADLINES.add(self.deadline, self._expire)

    def _expire(self) -> None:
        self._expired = not self.token.cancelled
        self.token.cancel()

    def close(self) -> None:
        """Notes that the run is over, and calls its deadline off."""
        self.open = False
        if self._alarm is not None:
            self._alarm.remove()

    def error(self) -> NeuroScriptError:
        """The error that ends the run: 37 if its time is over, 44 if it was cancelled."""
        if self._expired:
            message = f"the run has used up its {self._seconds:g} seconds of time by the clock (max_wall_seconds)"
            return NeuroScriptError(ErrorCode.RESOURCE_EXHAUSTION, message)
        return self.token.error()
