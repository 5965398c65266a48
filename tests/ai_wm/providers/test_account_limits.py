"""What providers tell of an account's limits in the headers of their replies."""

from __future__ import annotations

import pytest

from ai_wm.providers.account_limits import AccountLimit, account_limits
from tests.ai_wm.providers.support import KEY

DIALECTS = [
    pytest.param(
        {
            "x-ratelimit-limit-requests": "500",
            "x-ratelimit-remaining-requests": "499",
            "x-ratelimit-reset-requests": "120ms",
            "x-ratelimit-limit-tokens": "30000",
            "x-ratelimit-remaining-tokens": "29976",
            "x-ratelimit-reset-tokens": "6m0s",
        },
        [
            AccountLimit(what="requests", limit=500, remaining=499, reset="120ms"),
            AccountLimit(what="tokens", limit=30000, remaining=29976, reset="6m0s"),
        ],
        id="openai and groq",
    ),
    pytest.param(
        {
            "anthropic-ratelimit-requests-limit": "50",
            "anthropic-ratelimit-requests-remaining": "49",
            "anthropic-ratelimit-requests-reset": "2026-11-29T15:00:01Z",
            "anthropic-ratelimit-input-tokens-limit": "40000",
        },
        [
            AccountLimit(what="requests", limit=50, remaining=49, reset="2026-11-29T15:00:01Z"),
            AccountLimit(what="input tokens", limit=40000),
        ],
        id="anthropic",
    ),
    pytest.param(
        {"X-RateLimit-Limit": "20", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1764428400000"},
        [AccountLimit(what="requests", limit=20, remaining=0, reset="1764428400000")],
        id="openrouter",
    ),
    pytest.param(
        {"x-ratelimit-limit-requests-day": "14400", "x-ratelimit-remaining-tokens-minute": "59999.5"},
        [AccountLimit(what="requests day", limit=14400), AccountLimit(what="tokens minute", remaining=59999.5)],
        id="cerebras",
    ),
    pytest.param({"ratelimit-limit": "10"}, [AccountLimit(what="requests", limit=10)], id="the draft of the ietf"),
    pytest.param({"content-type": "application/json"}, [], id="nothing"),
]


@pytest.mark.parametrize(("headers", "limits"), DIALECTS)
def test_each_dialect(headers: dict[str, str], limits: list[AccountLimit]) -> None:
    assert list(account_limits(headers)) == limits


@pytest.mark.parametrize(
    "headers",
    [
        {"x-ratelimit-limit-requests": KEY},
        {"x-ratelimit-reset-requests": f"in {KEY}"},
        {f"x-ratelimit-limit-{KEY}": "5"},
        {"x-ratelimit-limit-requests": "9" * 400},
        {"x-ratelimit-limit-requests": "\x1b[2J"},
        {"x-ratelimit-limit-requests": "nan"},
    ],
)
def test_what_is_neither_a_known_word_nor_a_number_is_left_out(headers: dict[str, str]) -> None:
    assert account_limits(headers) == ()


def test_a_flood_of_headers_is_bounded() -> None:
    words = ("day", "hour", "input", "minute", "month", "output", "request", "token")
    headers = {f"x-ratelimit-limit-{a}-{b}": "1" for a in words for b in words}
    assert len(account_limits(headers)) == 32
