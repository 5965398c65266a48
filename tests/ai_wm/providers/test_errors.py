"""Waiting, deadlines and the cool-down, on a clock that the tests turn."""

from __future__ import annotations

from email.utils import formatdate

import pytest

from ai_wm.providers.breaker import FAILURES_IN_A_ROW, FIRST_PAUSE, LONGEST_PAUSE, Breaker
from ai_wm.providers.errors import AttemptFailed, Attempts, Redactor, cut, retry_after_seconds
from tests.ai_wm.providers.support import KEY, request


class Clock:
    """A clock that sleeping moves."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


def attempts(clock: Clock, timeout: float = 60, retries: int = 5, chance: float = 0.5) -> Attempts:
    made = Attempts(timeout, retries, clock=clock, sleep=clock.sleep, chance=lambda: chance)
    made.begin()
    return made


@pytest.mark.parametrize("chance", [0.0, 0.5, 0.999])
def test_waits_double_with_jitter_up_to_a_bound(chance: float) -> None:
    clock = Clock()
    tries = attempts(clock, timeout=1000, retries=8, chance=chance)
    while tries.again(AttemptFailed(16, "no", retry=True)):
        tries.begin()
    assert len(clock.slept) == 8
    for wait, bound in zip(clock.slept, [0.5, 1, 2, 4, 8, 8, 8, 8], strict=True):
        assert wait == pytest.approx(bound * (0.6 + 0.4 * chance))


def test_waits_grow_whatever_the_dice_say() -> None:
    low, high = Clock(), Clock()
    attempts(high, chance=0.999).again(AttemptFailed(16, "no", retry=True))
    second = attempts(low, chance=0.0)
    second.begin()
    second.again(AttemptFailed(16, "no", retry=True))
    assert low.slept[0] > 1.1 * high.slept[0]


def test_what_the_provider_asks_for_comes_first() -> None:
    clock = Clock()
    assert attempts(clock).again(AttemptFailed(20, "no", retry=True, retry_after=17))
    assert 17 <= clock.slept[0] < 17.2


def test_no_wait_is_begun_that_outlasts_the_deadline() -> None:
    clock = Clock()
    assert not attempts(clock, timeout=5).again(AttemptFailed(20, "no", retry=True, retry_after=5))
    assert not attempts(clock, timeout=0.1).again(AttemptFailed(16, "no", retry=True))
    assert clock.slept == []


def test_no_retries_or_nothing_to_retry() -> None:
    assert not attempts(Clock(), retries=0).again(AttemptFailed(16, "no", retry=True))
    assert not attempts(Clock()).again(AttemptFailed(45, "no"))


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "30"}, 30.0),
        ({"retry-after": " 1.5 "}, 1.5),
        ({"retry-after": formatdate(1_000_060, usegmt=True)}, 60.0),
        ({"retry-after": formatdate(900_000, usegmt=True)}, 0.0),
        ({"retry-after": "Mon, 12 Jan 1970 13:46:45 -0000"}, 5.0),
        ({"retry-after-ms": "250", "retry-after": "30"}, 0.25),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "-5"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": ""}, None),
        ({}, None),
    ],
)
def test_retry_after(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after_seconds(headers, now=lambda: 1_000_000.0) == seconds


def test_a_key_is_taken_out_in_each_spelling() -> None:
    from ai_wm.keys import Secret

    redact = Redactor(Secret('a"b/c+d'))
    assert redact('x a"b/c+d y a%22b%2Fc%2Bd z a\\"b/c+d') == "x *** y *** z ***"
    assert Redactor(request("openai").api_key)(f"Incorrect API key: {KEY}.") == "Incorrect API key: ***."
    assert KEY not in repr(Redactor(request("openai").api_key))


def test_messages_are_one_short_line() -> None:
    assert cut("a\n  b\tc") == "a b c"
    assert len(cut("word " * 1000)) <= 500


class TestCoolDown:
    def failing(self) -> tuple[Clock, Breaker]:
        clock = Clock()
        breaker = Breaker(clock)
        for _ in range(FAILURES_IN_A_ROW):
            assert breaker.refused_for("http://a", "m") is None
            breaker.failed("http://a", "m")
        return clock, breaker

    def test_a_model_that_keeps_failing_is_left_alone(self) -> None:
        _, breaker = self.failing()
        assert breaker.refused_for("http://a", "m") == FIRST_PAUSE

    def test_others_are_not(self) -> None:
        _, breaker = self.failing()
        assert breaker.refused_for("http://a", "other") is None
        assert breaker.refused_for("http://b", "m") is None

    def test_after_the_pause_one_call_goes_to_see(self) -> None:
        clock, breaker = self.failing()
        clock.now += FIRST_PAUSE
        assert breaker.refused_for("http://a", "m") is None
        assert breaker.refused_for("http://a", "m") == FIRST_PAUSE
        breaker.answered("http://a", "m")
        assert breaker.refused_for("http://a", "m") is None

    def test_the_pause_doubles_up_to_a_bound(self) -> None:
        clock, breaker = self.failing()
        pauses = []
        for _ in range(8):
            pause = breaker.refused_for("http://a", "m")
            assert pause is not None
            pauses.append(pause)
            clock.now += pause
            assert breaker.refused_for("http://a", "m") is None
            breaker.failed("http://a", "m")
        assert pauses == [1, 2, 4, 8, 16, 32, LONGEST_PAUSE, LONGEST_PAUSE]

    def test_one_answer_ends_the_count(self) -> None:
        breaker = Breaker(Clock())
        for _ in range(FAILURES_IN_A_ROW - 1):
            breaker.failed("http://a", "m")
        breaker.answered("http://a", "m")
        breaker.failed("http://a", "m")
        assert breaker.refused_for("http://a", "m") is None
