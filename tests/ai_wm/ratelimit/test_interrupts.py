"""Ctrl-C at any moment of what a limiter does: nothing stays held, nothing is lost, and nobody waits for ever."""

from __future__ import annotations

import contextlib
import gc
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from ai_wm.ratelimit import Reservation
from ai_wm.support.parking import Parked, Parking, parking
from neuroscript.errors import NeuroScriptError

from .interrupts import Interrupt
from .support import NO_LIMITS, AnyLimiter, Clock, Policy, make_limiter, until

DAY = 86_400
BY_DAY = Policy(max_tokens_per_minute=100, max_tokens_per_day=1000, max_cost_per_day=100.0)
BY_MINUTE = Policy(max_tokens_per_minute=100, max_requests_per_minute=20)


@dataclass
class Use:
    """A call that is over: when it was reserved, and what it used; costs in eighths."""

    stamp: int
    tokens: int
    cost: int


class Scene:
    """One definition of a limiter, the calls of it that are held, and those that are over."""

    def __init__(self, limiter: AnyLimiter, clock: Clock, definition: str) -> None:
        self.limiter = limiter
        self.clock = clock
        self.id = definition
        self.policy = BY_DAY
        self.held: list[tuple[Reservation, Use]] = []
        self.over: list[Use] = []
        self.parking = Parking(None)

    def reserve(self, tokens: int = 10, wait: float | None = None, cancelled: Callable[[], None] | None = None) -> None:
        """Reserve a call, at an eighth a token, and keep it."""
        reservation = self.limiter.reserve(
            self.id, self.policy, tokens=tokens, cost=tokens / 8, wait_seconds=wait, cancelled=cancelled
        )
        self.held.append((reservation, Use(self.clock.microseconds, tokens, tokens)))

    def settle(self, tokens: int = 7, cost: int = 4) -> None:
        """Settle the call that has been held for longest, unless that is done."""
        reservation, use = self.held[0]
        reservation.settle(tokens, cost / 8)
        self.held.pop(0)
        self.over.append(Use(use.stamp, tokens, cost))

    def settle_again(self) -> None:
        """Settle what an interrupt kept from being settled."""
        reservation, use = self.held[0]
        if reservation.open:
            self.settle()
        else:
            self.held.pop(0)
            self.over.append(Use(use.stamp, 7, 4))

    def call(self, tokens: int = 7) -> None:
        """Make a whole call."""
        self.reserve()
        reservation, use = self.held.pop()
        reservation.settle(tokens, 0.5)
        self.over.append(Use(use.stamp, tokens, 4))

    def check(self, where: str, *more: Use) -> None:
        """Make sure that what is counted is what was used, and perhaps one of some uses more."""
        gc.collect()
        counted = self.limiter.usage(self.id)
        uses = [use for _, use in self.held]
        expected = [self._counts([*self.over, *extra], uses) for extra in ([], *([use] for use in more))]
        assert counted in expected, f"interrupted at {where}: {counted} is none of {expected}"

    def _counts(self, over: list[Use], held: list[Use]) -> dict[str, float]:
        now = self.clock.microseconds
        minute, day = now - 60_000_000, now - DAY * 1_000_000
        return {
            "requests_last_minute": sum(use.stamp > minute for use in over + held),
            "requests_last_day": sum(use.stamp > day for use in over + held),
            "tokens_last_minute": sum(use.tokens for use in over if use.stamp > minute) + sum(u.tokens for u in held),
            "tokens_last_day": sum(use.tokens for use in over if use.stamp > day) + sum(use.tokens for use in held),
            "cost_last_day": (sum(use.cost for use in over if use.stamp > day) + sum(use.cost for use in held)) / 8,
            "calls_in_flight": len(held),
            "active_instances": 0,
            "waiting": 0,
        }

    def go_on(self) -> None:
        """Make sure that calls go on as ever: what is held can be settled, and all that is left be used up."""
        while self.held:
            self.settle()
        if self.policy is NO_LIMITS:
            return
        self.clock.pass_(60)
        for tokens in (60, 40):
            self.reserve(tokens)
        self.settle()
        self.settle()


class Case:
    """Something that is interrupted; what comes before it and after it is not."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.where = ""
        """Where it was interrupted."""

    def prepare(self) -> None:
        """Set the scene."""

    def operate(self) -> None:
        """What is interrupted."""
        raise NotImplementedError

    def finish(self) -> list[Use]:
        """What the caller does after an interrupt; returns what may be counted besides what is known."""
        return []


class Reserving(Case):
    def operate(self) -> None:
        self.scene.reserve()


class BeingRefused(Case):
    def prepare(self) -> None:
        self.scene.reserve(100)

    def operate(self) -> None:
        with contextlib.suppress(NeuroScriptError):
            self.scene.reserve()


class Waiting(Case):
    """The call that is in the way is settled while the other one waits."""

    def prepare(self) -> None:
        self.scene.reserve(100)

    def operate(self) -> None:
        self.scene.reserve(10, wait=60, cancelled=self.make_room)

    def make_room(self) -> None:
        if len(self.scene.over) == 0:
            self.scene.settle()

    def finish(self) -> list[Use]:
        if not self.scene.over:
            self.scene.settle_again()
        return []


class GivingUp(Waiting):
    """A call that is cancelled while it waits."""

    def operate(self) -> None:
        with contextlib.suppress(TimeoutError):
            super().operate()

    def make_room(self) -> None:
        raise TimeoutError


class BeingParked(Waiting):
    """A call that does not wait in its thread, and begins anew when it is its turn."""

    def operate(self) -> None:
        token = parking.set(self.scene.parking)
        try:
            with pytest.raises(Parked) as raised:
                self.scene.reserve(10, wait=60)
            place = raised.value.place
            del raised
            self.scene.settle()
            assert place.woken()
            self.scene.reserve(10, wait=60)
        finally:
            parking.reset(token)

    def finish(self) -> list[Use]:
        self.scene.parking.leave()
        return super().finish()


class Settling(Case):
    def prepare(self) -> None:
        self.scene.reserve()

    def operate(self) -> None:
        self.scene.settle()

    def finish(self) -> list[Use]:
        if self.scene.held:
            self.scene.settle_again()
        return []


class SettlingAndForgetting(Settling):
    def finish(self) -> list[Use]:
        now, forgotten = self.scene.clock.microseconds, len(self.scene.held)
        self.scene.held.clear()
        return [Use(now, 7, 4)] * forgotten


class SettlingWhatWasSent(Settling):
    """A call that was sent counts as what was reserved if nobody says what it used."""

    def prepare(self) -> None:
        self.scene.reserve()
        self.scene.held[0][0].sent = True

    def finish(self) -> list[Use]:
        if self.scene.held:
            self.scene.held.clear()
            gc.collect()
            used = self.scene.limiter.usage(self.scene.id)["tokens_last_day"]
            assert used in (7, 10)
            self.scene.over.append(Use(self.scene.clock.microseconds, int(used), 4 if used == 7 else 10))
        return []


class Releasing(Settling):
    def operate(self) -> None:
        self.scene.held[0][0].release()
        self.scene.held.clear()

    def finish(self) -> list[Use]:
        while self.scene.held:
            self.scene.held.pop()[0].release()
        return []


class ReleasingAndForgetting(Releasing):
    def prepare(self) -> None:
        super().prepare()
        self.scene.held[0][0].sent = True

    def finish(self) -> list[Use]:
        forgotten = len(self.scene.held)
        self.scene.held.clear()
        return [Use(self.scene.clock.microseconds, 10, 10)] * forgotten


class LeavingABlock(Releasing):
    def operate(self) -> None:
        with self.scene.held[0][0]:
            pass
        self.scene.held.clear()


class EndingWhatWasForgotten(Case):
    """What destructors leave to the next who comes."""

    def prepare(self) -> None:
        scene = self.scene
        for sent in (True, False):
            scene.reserve()
            scene.held[-1][0].sent = sent
        lock = getattr(scene.limiter, "_database", scene.limiter)
        with getattr(lock, "lock", None) or lock._lock:  # keeps the destructors from doing it themselves
            scene.held.clear()
            gc.collect()
        scene.over.append(Use(scene.clock.microseconds, 10, 10))

    def operate(self) -> None:
        self.scene.limiter.usage(self.scene.id)


class TakingSlots(Case):
    def operate(self) -> None:
        self.scene.limiter.acquire_slot(self.scene.id, BY_DAY, "instance")
        self.scene.limiter.release_slot(self.scene.id, "instance")

    def finish(self) -> list[Use]:
        self.scene.limiter.release_slot(self.scene.id, "instance")
        return []


class Changing(Case):
    def operate(self) -> None:
        self.scene.limiter.changed(self.scene.id)
        self.scene.reserve()


class RemovingAndAdding(Case):
    def prepare(self) -> None:
        self.scene.call()
        self.old = self.scene.id
        self.scene.id += " anew"

    def operate(self) -> None:
        self.scene.limiter.forget(self.old, self.old)
        self.scene.limiter.inherit(self.scene.id, self.old)

    def finish(self) -> list[Use]:
        self.operate()
        return []


class Ageing(Case):
    """Calls that are over and calls in flight leave the minute, and then the day."""

    seconds = (20, 61)

    def prepare(self) -> None:
        for seconds in self.seconds:
            self.scene.call()
            self.scene.call(5)
            self.scene.reserve()
            self.scene.reserve()
            self.scene.held.pop()[0].release()
            self.scene.call(3)
            self.scene.clock.pass_(seconds)

    def operate(self) -> None:
        self.scene.limiter.usage(self.scene.id)


class AgeingByTheMinute(Ageing):
    """Without a limit by the day, calls that are over are counted together by the minute."""

    def prepare(self) -> None:
        self.scene.policy = BY_MINUTE
        super().prepare()


class AgeingByTheDay(Ageing):
    seconds = (20, DAY + 61)

    def prepare(self) -> None:
        super().prepare()
        self.scene.limiter.usage(self.scene.id)
        self.scene.call()

    def operate(self) -> None:
        self.scene.settle()
        super().operate()

    def finish(self) -> list[Use]:
        if len(self.scene.held) == 2:
            self.scene.settle_again()
        return []


class WithoutLimits(Settling):
    def prepare(self) -> None:
        self.scene.policy = NO_LIMITS

    def operate(self) -> None:
        self.scene.reserve()
        self.scene.settle()
        self.scene.limiter.usage(self.scene.id)


class WithoutLimitsForgotten(WithoutLimits):
    def finish(self) -> list[Use]:
        forgotten = len(self.scene.held)
        self.scene.held.clear()
        return [Use(self.scene.clock.microseconds, 7, 4)] * forgotten


CASES = [
    Reserving, BeingRefused, Waiting, GivingUp, BeingParked, Settling, SettlingAndForgetting, SettlingWhatWasSent,
    Releasing, ReleasingAndForgetting, LeavingABlock, EndingWhatWasForgotten, TakingSlots, Changing, RemovingAndAdding,
    Ageing, AgeingByTheMinute, AgeingByTheDay, WithoutLimits, WithoutLimitsForgotten,
]  # fmt: skip


def everywhere(
    make: Callable[[], AnyLimiter], clock: Clock, case: type[Case], stride: int, each_call: bool, warm: int = 0
) -> Iterator[Case]:
    """Do something again and again, interrupted some moments later each time, until it is not interrupted any more.

    ``warm`` calls come before, after which a busy limiter counts in memory.
    """
    at, interrupted = 0, True
    while interrupted:
        limiter = make()
        scene = Scene(limiter, clock, f"{case.__name__} {at}")
        for _ in range(warm):
            limiter.reserve(scene.id, BY_DAY, tokens=0).release()
        acting = case(scene)
        acting.prepare()
        interrupt = Interrupt(at, each_call=each_call)
        with contextlib.suppress(KeyboardInterrupt), interrupt:
            acting.operate()
        acting.where = interrupt.where
        yield acting
        limiter.close()
        at, interrupted = at + stride, bool(interrupt.where)
    assert at > stride


MOMENTS = pytest.mark.parametrize(
    ("kind", "stride", "each_call"),
    [
        ("memory", 1, False),
        ("sqlite", 11, False),
        ("exclusive", 11, False),
        pytest.param("memory", 1, True, marks=pytest.mark.slow),
        pytest.param("sqlite", 1, False, marks=pytest.mark.slow),
        pytest.param("sqlite", 1, True, marks=pytest.mark.slow),
        pytest.param("exclusive", 1, False, marks=pytest.mark.slow),
        pytest.param("exclusive", 1, True, marks=pytest.mark.slow),
    ],
)


@pytest.fixture(autouse=True)
def _quick_collection() -> Iterator[None]:
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@MOMENTS
@pytest.mark.parametrize("case", CASES)
def test_what_is_counted_is_what_was_used(
    tmp_path: Path,
    clock: Clock,
    case: type[Case],
    kind: str,
    stride: int,
    each_call: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("ai_wm.ratelimit.exclusive.BUSY_SECONDS", 3600.0)

    def make() -> AnyLimiter:
        limiter = make_limiter(kind, tmp_path, clock)
        limiter.reserve("other", BY_DAY, tokens=1).release()
        return limiter

    for acting in everywhere(make, clock, case, stride, each_call, 2 * (kind == "exclusive")):
        more = acting.finish()
        acting.scene.check(acting.where, *more)
        if not more:
            acting.scene.go_on()
            acting.scene.check(acting.where)


class Neighbour:
    """Another thread, which waits for room while this one is interrupted."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.served = False
        self.thread = threading.Thread(target=self._wait)
        self.thread.start()

    def _wait(self) -> None:
        with self.scene.limiter.reserve(self.scene.id, BY_DAY, tokens=10, wait_seconds=60):
            self.served = True


class EndingBefore(Settling):
    """The end of a call makes room for another thread."""

    def prepare(self) -> None:
        self.scene.reserve(100)
        self.neighbour = Neighbour(self.scene)
        until(lambda: self.scene.limiter.usage(self.scene.id)["waiting"] == 1)


class ForgettingBefore(EndingBefore):
    """A call that is interrupted at its end, and then forgotten, makes room for another thread."""

    def finish(self) -> list[Use]:
        self.scene.held.clear()
        gc.collect()
        return []


class WaitingBefore(Waiting):
    """A call that waits before that of another thread."""

    def make_room(self) -> None:
        if not hasattr(self, "neighbour"):
            self.neighbour = Neighbour(self.scene)
            until(lambda: self.scene.limiter.usage(self.scene.id)["waiting"] == 2)
        super().make_room()

    def finish(self) -> list[Use]:
        if not hasattr(self, "neighbour"):
            self.neighbour = Neighbour(self.scene)
        return super().finish()


@pytest.mark.parametrize(
    ("kind", "stride"),
    [("memory", 7), ("sqlite", 41), *(pytest.param(kind, 1, marks=pytest.mark.slow) for kind in ("memory", "sqlite"))],
)
@pytest.mark.parametrize("case", [EndingBefore, ForgettingBefore, WaitingBefore])
def test_who_waits_at_the_same_time_is_served(
    tmp_path: Path, clock: Clock, case: type[Case], kind: str, stride: int
) -> None:
    for acting in everywhere(lambda: make_limiter(kind, tmp_path, clock), clock, case, stride, False):
        acting.finish()
        neighbour = acting.neighbour  # type: ignore[attr-defined]
        neighbour.thread.join(20)
        assert neighbour.served, acting.where
