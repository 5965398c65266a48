"""The cool-down of a model that keeps failing, on a clock that the tests turn."""

from __future__ import annotations

from ai_wm.providers.breaker import FAILURES_IN_A_ROW, FIRST_PAUSE, LONGEST_PAUSE, Breaker
from tests.ai_wm.providers.support import Clock


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
