"""The calls that a journaled run may make and the time that it has for them, over all its starts."""

from __future__ import annotations

import time

from neuroscript.errors import ErrorCode, NeuroScriptError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from neuroscript.journal.accounts import Membership
    from neuroscript.journal.entries import RunInfo
    from neuroscript.journal.terms import RunTerms


class CallBudget:
    """Counts the calls of a run, and refuses those that its terms, or a budget that it shares, do not allow.

    Args:
        info: the run.
        terms: what holds for it.
        calls: how many calls its journal has.
    """

    def __init__(self, info: RunInfo, terms: RunTerms, calls: int) -> None:
        self._info = info
        self._terms = terms
        self.calls = calls
        self.shared: Membership | None = None
        """The part of the run in a budget that it shares."""

    def count(self, tool: str) -> None:
        """Counts a call that is about to be made.

        Raises:
            NeuroScriptError: 46 if no more may be made, or the time is over.
        """
        most, together = self._terms.max_calls, self._together()
        if most is not None and self.calls >= most:
            what = f"it has made all the calls that it may make (max_calls {most})"
            raise self._refused(tool, what, "max_calls", most, self.calls)
        left = self._seconds_left()
        if left is not None and left[0] < 0:
            raise self._refused(tool, f"its time is over: {left[1]} (deadline)", "deadline", self.deadline, 0)
        if together is not None and self.shared is not None and not self.shared.add_call():
            what = (
                f"all runs that share its budget have made the calls that they may make together (max_calls {together})"
            )
            raise self._refused(tool, what, "max_calls", together, self.shared.sums().calls)
        self.calls += 1

    @property
    def deadline(self) -> float | None:
        """The seconds after the first start in which the run may make calls; None without a limit."""
        known = [self._terms.deadline] if self._terms.deadline is not None else []
        if self.shared is not None and self.shared.budget.deadline is not None:
            known.append(self.shared.budget.deadline - self._info.started)
        return min(known, default=None)

    def told(self) -> dict[str, Any]:
        """What scripts are told of it; None where there is no limit."""
        calls, most, together = self.calls, self._terms.max_calls, self._together()
        if together is not None and self.shared is not None:
            calls, most = self.shared.sums().calls, together if most is None else min(most, together)
        seconds = max(time.time() - self._info.started, 0.0)
        return {"calls": calls, "max_calls": most, "seconds": seconds, "deadline": self.deadline}

    def _together(self) -> int | None:
        return None if self.shared is None else self.shared.budget.max_calls

    def _seconds_left(self) -> tuple[float, str] | None:
        """The seconds until the time is over, and in words when that is."""
        now, own = time.time(), self._terms.deadline
        found = []
        if own is not None:
            found.append((self._info.started + own - now, f"{own:g} seconds after its first start"))
        if self.shared is not None and self.shared.budget.deadline is not None:
            found.append((self.shared.budget.deadline - now, "that of the run whose budget it shares"))
        return min(found, default=None)

    def _refused(self, tool: str, problem: str, limit: str, value: Any, used: int) -> NeuroScriptError:
        return NeuroScriptError(
            ErrorCode.BUDGET_EXCEEDED,
            f"the budget of the run {self._info.run_id!r} does not allow {tool}: {problem}",
            details={"limit": limit, "value": value, "used": used},
        )
