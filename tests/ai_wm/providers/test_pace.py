"""When calls go again that were sent away together, on a clock that the tests turn."""

from __future__ import annotations

from ai_wm.providers.pace import LONGEST_STEP, Pace

TARGET = ("http://a/v1", "m")


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def paced(clock: Clock) -> Pace:
    return Pace(clock, chance=lambda: 0.0)


def waits(pace: Pace, count: int, asked: float = 1.0, longest: float = 60.0) -> list[float]:
    return [pace.wait(TARGET, asked, longest) for _ in range(count)]


def test_each_gets_a_moment_of_its_own_as_far_apart_as_calls_were_let_through() -> None:
    clock = Clock()
    pace = paced(clock)
    for _ in range(5):
        pace.answered(TARGET)
    assert waits(pace, 4) == [1.0, 1.25, 1.5, 1.75]


def test_nobody_goes_before_the_wait_that_was_asked_for() -> None:
    clock = Clock()
    pace = paced(clock)
    waits(pace, 3)
    clock.now += 50
    assert waits(pace, 1, asked=7.0) == [7.0]


def test_a_step_has_a_bound() -> None:
    assert waits(paced(Clock()), 3, asked=20.0) == [20.0, 20.0 + LONGEST_STEP, 20.0 + 2 * LONGEST_STEP]


def test_a_turn_behind_the_others_is_not_worth_failing_for() -> None:
    pace = paced(Clock())
    found = waits(pace, 6, asked=1.0, longest=3.0)
    assert found[:2] == [1.0, 2.0]
    assert all(1.0 <= wait < 3.0 for wait in found)


def test_other_models_and_addresses_have_their_own() -> None:
    pace = paced(Clock())
    waits(pace, 3)
    assert pace.wait(("http://a/v1", "other"), 1.0, 60.0) == 1.0
    assert pace.wait(("http://b/v1", "m"), 1.0, 60.0) == 1.0


def test_what_was_long_ago_does_not_count() -> None:
    clock = Clock()
    pace = paced(clock)
    for _ in range(10):
        pace.answered(TARGET)
    clock.now += 30
    assert waits(pace, 2) == [1.0, 1.0 + LONGEST_STEP]
