"""The budget of a run: what its calls may cost and how many tokens they may use, reserved before each call.

With a journal it counts over all starts of the run, without one from its start.  A run that shares its budget with jobs
reserves each call in the account of all of them as well, which other processes reserve in too.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from threading import Condition, Lock
from time import monotonic
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar
from weakref import WeakSet

from ai_wm.ratelimit.base import COST_UNITS, cost_units, token_count
from neuroscript import ErrorCode, NeuroScriptError

if TYPE_CHECKING:
    from neuroscript.journal import JournaledRun, Membership

MAX_COST: Final = "max_cost_per_run"
MAX_TOKENS: Final = "max_tokens_per_run"

BUDGET: Final = "budget"
"""The key in the details of a refusal that says whose budget it was: `OF_RUN` or `OF_ALL`."""

OF_RUN: Final = "run"
OF_ALL: Final = "shared"

_CHECK_SECONDS: Final = 0.1
_SHARED_SECONDS: Final = 0.02
"""How often it is looked whether calls of other processes have left room."""


_Number = TypeVar("_Number", int, float)


class _Amount(NamedTuple):
    """Costs in billionths of the currency, and tokens."""

    cost: int = 0
    tokens: int = 0

    def plus(self, other: _Amount) -> _Amount:
        return _Amount(self.cost + other.cost, self.tokens + other.tokens)


class _Room(NamedTuple):
    """A budget at one moment: who shares it, the most of each amount, what is used, and what calls in flight hold."""

    whose: str
    most: tuple[int | None, int | None]
    used: _Amount
    held: _Amount

    def lacks(self, need: _Amount, *, in_flight: bool = True) -> str:
        """The name of the limit that leaves no room for a call; empty if there is room."""
        for name, most, used, held, more in zip(
            (MAX_COST, MAX_TOKENS), self.most, self.used, self.held, need, strict=True
        ):
            if most is not None and used + more + (held if in_flight else 0) > most:
                return name
        return ""


class RunBudget:
    """How much the calls of one run may still use.  Safe to use from many threads.

    Args:
        max_cost: the most that all of them may cost together, in the currency; None is no limit.
        max_tokens: the most tokens that they may use together; likewise.
        cost: what earlier starts of the run have spent.
        tokens: the tokens that they have used.
        shared: the part of the run in a budget that it shares with others.
    """

    def __init__(
        self,
        max_cost: float | None = None,
        max_tokens: int | None = None,
        *,
        cost: float = 0.0,
        tokens: int = 0,
        shared: Membership | None = None,
    ) -> None:
        self.max_cost = max_cost
        self.max_tokens = max_tokens
        self._shared = shared
        self._changed = Condition()
        self._waiting: deque[object] = deque()
        self._used = _Amount(cost_units(cost), token_count(tokens))
        self._open: WeakSet[Share] = WeakSet()
        self._lost: deque[tuple[_Amount, Membership | None, int]] = deque()

    def limits(self) -> tuple[float | None, int | None]:
        """The most cost and tokens that one call could have at all; None without a limit."""
        costs, tokens = [self.max_cost], [self.max_tokens]
        if self._shared is not None and not self._shared.owns:
            costs.append(self._shared.budget.max_cost)
            tokens.append(self._shared.budget.max_tokens)
        return _least(costs), _least(tokens)

    def limit(self, max_cost: float | None, max_tokens: int | None) -> None:
        """Takes other limits from now on."""
        self.max_cost, self.max_tokens = max_cost, max_tokens

    def join(self, shared: Membership) -> None:
        """Counts in a budget that is shared from now on, what was used before and is in flight included."""
        with self._changed:
            self._count_lost()
            shared.begin(*self._used)
            for share in self._open:
                if share.open:
                    share.join(shared, shared.hold(*share.amount))
            self._shared = shared

    def reserve(
        self,
        cost: float,
        tokens: int,
        unasked: str,
        wait_seconds: float = 0.0,
        check: Callable[[], None] | None = None,
    ) -> Share:
        """Reserves the most that a call may use.

        Where calls in flight hold what is left, it waits for them: for those of this process in order of arrival.

        Args:
            cost: the highest cost that it may have, in the currency.
            tokens: the most tokens.
            unasked: who was not asked, as the beginning of a message.
            wait_seconds: how long to wait at most.
            check: called ten times a second while waiting; raises to end the wait.

        Raises:
            NeuroScriptError: 46 if so much is not left.
        """
        share = Share(self, _Amount(cost_units(cost), token_count(tokens)))
        end = monotonic() + wait_seconds
        self._admit(share, unasked, wait_seconds, end, check)
        if share.shared is None:
            return share
        try:
            self._reserve_shared(share, share.shared, unasked, wait_seconds, end, check)
        except BaseException:  # whatever it was, the run gets back what it held
            share.release()
            raise
        return share

    def _admit(self, share: Share, unasked: str, waited: float, end: float, check: Callable[[], None] | None) -> None:
        """Reserves in the run's own budget."""
        with self._changed:
            self._waiting.append(share)
            try:
                while True:
                    room = self._room()
                    if not room.lacks(share.amount) and self._waiting[0] is share:
                        share.shared = self._shared
                        self._open.add(share)
                        return
                    left = end - monotonic()
                    spent = room.lacks(share.amount, in_flight=False)
                    if spent or left <= 0:
                        raise _refused(
                            room, spent or room.lacks(share.amount) or MAX_COST, share.amount, unasked, waited
                        )
                    self._changed.wait(min(left, _CHECK_SECONDS))
                    if check is not None:
                        check()
            finally:
                self._waiting.remove(share)
                self._changed.notify_all()

    def _reserve_shared(
        self,
        share: Share,
        shared: Membership,
        unasked: str,
        waited: float,
        end: float,
        check: Callable[[], None] | None,
    ) -> None:
        """Reserves in the budget that the run shares."""
        most = self._most_of_all(shared)
        while True:
            number, sums = shared.reserve(*share.amount, *most)
            if number:
                share.number = number
                return
            room = _Room(OF_ALL, most, _Amount(sums.cost, sums.tokens), _Amount(sums.held_cost, sums.held_tokens))
            left = end - monotonic()
            spent = room.lacks(share.amount, in_flight=False)
            if spent or left <= 0:
                raise _refused(room, spent or room.lacks(share.amount), share.amount, unasked, waited)
            with self._changed:
                self._changed.wait(min(left, _SHARED_SECONDS))
            if check is not None:
                check()

    def _most_of_all(self, shared: Membership) -> tuple[int | None, int | None]:
        """The limits of the budget that the run shares."""
        owned = self if shared.owns else shared.budget
        return None if owned.max_cost is None else cost_units(owned.max_cost), owned.max_tokens

    def _room(self) -> _Room:
        """What there is of the run's own budget."""
        self._count_lost()
        held = _Amount()
        for share in self._open:
            if share.open:
                held = held.plus(share.amount)
        return _Room(
            OF_RUN, (None if self.max_cost is None else cost_units(self.max_cost), self.max_tokens), self._used, held
        )

    def _count_lost(self) -> None:
        """Counts the calls whose shares were lost."""
        while self._lost:
            amount, shared, number = self._lost[0]
            self._used = self._used.plus(amount)
            self._lost.popleft()
            if shared is not None:
                shared.settle(number, *amount)

    def told(self) -> dict[str, Any]:
        """What was used, what may be used, and what is left of that; with a shared budget, of all that share it."""
        with self._changed:
            rooms, shared = [self._room()], self._shared
        if shared is not None:
            sums = shared.sums()
            used, held = _Amount(sums.cost, sums.tokens), _Amount(sums.held_cost, sums.held_tokens)
            rooms.append(_Room(OF_ALL, self._most_of_all(shared), used, held))
        told: dict[str, Any] = {}
        for index, (name, scale) in enumerate((("cost", COST_UNITS), ("tokens", 1))):
            bound = [
                (most - room.used[index] - room.held[index], most)
                for room in rooms
                if (most := room.most[index]) is not None
            ]
            left, most = min(bound, default=(None, None))
            told[name] = _scaled(rooms[-1].used[index], scale)
            told[f"max_{name}"] = None if most is None else _scaled(most, scale)
            told[f"{name}_left"] = None if left is None else _scaled(max(left, 0), scale)
        return told

    def end(self, share: Share, used: _Amount) -> None:
        """Replaces what is held for a call by what it used; once only."""
        with self._changed:
            if not share.open:
                return
            self._used, share.open = self._used.plus(used), False
            self._open.discard(share)
            self._changed.notify_all()
        if share.shared is not None and share.number:
            share.shared.settle(share.number, *used)

    def lose(self, share: Share) -> None:
        """Counts a call whose share was lost; may be called from a destructor, which must wait for no lock."""
        used = share.amount if share.sent else _Amount()
        self._lost.append((used, share.shared if share.number else None, share.number))


class Share:
    """The part of a run's budget that is reserved for one call.

    Attributes:
        amount: what is reserved.
        open: whether it is neither settled nor released.
        sent: whether the request was sent, so that a share that is lost counts as reserved.
        shared: the run's part in a budget that it shares, if the call is reserved there as well.
        number: the number of the reservation there; 0 while there is none.
    """

    __slots__ = ("__weakref__", "_budget", "amount", "number", "open", "sent", "shared")

    def __init__(self, budget: RunBudget, amount: _Amount) -> None:
        self._budget = budget
        self.amount = amount
        self.sent = False
        self.shared: Membership | None = None
        self.number = 0
        self.open = True

    def join(self, shared: Membership, number: int) -> None:
        """Takes the reservation of a call that was in flight before its run shared its budget."""
        self.shared, self.number = shared, number

    def settle(self, tokens: int, cost: float) -> None:
        """Replaces what is reserved by what the call used."""
        self._budget.end(self, _Amount(cost_units(cost), token_count(tokens)))

    def release(self) -> None:
        """Returns the whole reservation to the budget."""
        self._budget.end(self, _Amount())

    def __del__(self) -> None:
        if getattr(self, "open", False) and (self.sent or self.number):
            self._budget.lose(self)


class RunBudgets:
    """The budgets of the runs of one interpreter, which are one after another."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._run: object = None
        self._budget: RunBudget | None = None

    def of(
        self,
        run: object,
        journal: JournaledRun | None,
        max_cost: float | None,
        max_tokens: int | None,
    ) -> RunBudget:
        """The budget of a run, made when it is first asked for; a call outside of any run gets one of its own.

        Args:
            run: identifies the run; None outside of any.
            journal: its journal, which knows what earlier starts have spent.
            max_cost: the most that it may cost.
            max_tokens: the most tokens that it may use.
        """
        with self._lock:
            if self._budget is None or run is None or run is not self._run:
                budget = RunBudget(max_cost, max_tokens)
                if journal is not None:
                    cost, tokens = journal.spent("cost"), int(journal.spent("tokens"))
                    budget = RunBudget(max_cost, max_tokens, cost=cost, tokens=tokens, shared=journal.shared)
                self._run, self._budget = run, budget
            elif (self._budget.max_cost, self._budget.max_tokens) != (max_cost, max_tokens):
                self._budget.limit(max_cost, max_tokens)
            return self._budget


def _least(limits: list[_Number | None]) -> _Number | None:
    """The smallest of some limits, of which each may be missing."""
    return min((limit for limit in limits if limit is not None), default=None)


def is_of_run(error: NeuroScriptError) -> bool:
    """Whether an error is the end of the budget of a run, under which no other call of the run may be made either."""
    return error.code == ErrorCode.BUDGET_EXCEEDED and error.details.get("limit") in (MAX_COST, MAX_TOKENS)


def _refused(room: _Room, limit: str, need: _Amount, unasked: str, waited: float) -> NeuroScriptError:
    """The refusal of a call: it names the budget, what is used of it, held and left, and how to raise it."""
    index, scale = (0, COST_UNITS) if limit == MAX_COST else (1, 1)
    most, used, held, more = (
        _scaled(number, scale) for number in (room.most[index] or 0, room.used[index], room.held[index], need[index])
    )
    left = max(0, most - used - held)
    who = "this run" if room.whose == OF_RUN else "this run and those that share its budget"
    may, are = ("cost", "spent") if limit == MAX_COST else ("use", "used")
    what = "" if limit == MAX_COST else " tokens"
    together = "" if room.whose == OF_RUN else " together"
    flight = f", calls in flight may {may} {held:g} more" if held else ""
    note = f"; it waited {waited:g} s for them" if held and waited else ""
    flag = "--max-cost" if limit == MAX_COST else "--max-tokens"
    return NeuroScriptError(
        ErrorCode.BUDGET_EXCEEDED,
        f"{unasked}: {who} may {may} {most:g}{what}{together} ({limit}); {used:g} are {are}{flight}, {left:g} are "
        f"left, and this call may {may} {more:g}{note}; raise it with {flag} or WorkerPolicy({limit}=…)",
        details={"limit": limit, BUDGET: room.whose, "value": most, "used": used, "held": held, "left": left},
    )


def _scaled(number: int, scale: int) -> float:
    return number if scale == 1 else number / scale
