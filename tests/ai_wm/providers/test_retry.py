"""Retries: waits and deadlines, on a clock that the tests turn."""

from __future__ import annotations

from email.utils import formatdate

import pytest

from ai_wm.providers.errors import AttemptFailed
from ai_wm.providers.retry import Attempts, reset_seconds, retry_after_seconds
from tests.ai_wm.providers.support import Clock


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


NOW = 1_780_000_000.0
USED_UP = [
    ({"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "6m0s"}, 360.0),
    ({"x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "7.66s"}, 7.66),
    ({"x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "120ms"}, 0.12),
    ({"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "1h2m3s"}, 3723.0),
    ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": str(int((NOW + 42) * 1000))}, 42.0),  # OpenRouter
    ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": str(int(NOW + 42))}, 42.0),
    ({"ratelimit-remaining": "0", "ratelimit-reset": "42"}, 42.0),
    (
        {
            "anthropic-ratelimit-requests-remaining": "0",
            "anthropic-ratelimit-requests-reset": "2026-05-28T20:27:20Z",
            "anthropic-ratelimit-tokens-remaining": "16000",
            "anthropic-ratelimit-tokens-reset": "2026-05-28T23:00:00Z",
        },
        40.0,
    ),
    ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": str(int(NOW - 5))}, 0.0),
    ({"x-ratelimit-remaining": "3", "x-ratelimit-reset": "42"}, None),
    ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": "soon"}, None),
    ({"x-ratelimit-remaining": "0"}, None),
    ({}, None),
]


@pytest.mark.parametrize(("headers", "seconds"), USED_UP)
def test_limits_that_are_used_up_tell_when_they_are_not(headers: dict[str, str], seconds: float | None) -> None:
    found = reset_seconds(headers, lambda: NOW)
    assert found == (None if seconds is None else pytest.approx(seconds))
