"""What a provider's failure becomes: the error's code, its message, and whether another attempt may help."""

from __future__ import annotations

import pytest

from ai_wm.keys import Secret
from ai_wm.providers.adapter import ErrorReply
from ai_wm.providers.errors import AttemptFailed, as_error, cut, from_reply
from tests.ai_wm.providers.support import KEY


def test_messages_are_one_short_line() -> None:
    assert cut("a\n  b\tc", ()) == "a b c"
    assert len(cut("word " * 1000, ())) <= 500


@pytest.mark.parametrize("length", range(150, 210))
def test_a_key_is_masked_before_the_text_is_cut(length: int) -> None:
    masked = "x" * length + "***"
    assert cut("x" * length + KEY, [Secret(KEY)], 200) == (masked if len(masked) <= 200 else f"{masked[:199]}…")


@pytest.mark.parametrize(
    ("status", "reply", "code", "retry"),
    [
        (401, ErrorReply(message="no"), 45, False),
        (403, ErrorReply(message="no"), 45, False),
        (400, ErrorReply(message="bad key", kind="API_KEY_INVALID"), 45, False),
        (404, ErrorReply(message="no such model"), 40, False),
        (413, ErrorReply(), 47, False),
        (400, ErrorReply(message="This model's maximum context length is 8192 tokens"), 47, False),
        (429, ErrorReply(message="slow down"), 20, True),
        (429, ErrorReply(message="pay", final=True), 20, False),
        (408, ErrorReply(), 16, True),
        (500, ErrorReply(), 16, True),
        (302, ErrorReply(), 16, False),
        (400, ErrorReply(message="no"), 16, False),
        (200, ErrorReply(message="overloaded", status=529), 16, True),
        (200, ErrorReply(message="something"), 16, True),
    ],
)
def test_codes_and_retries(status: int, reply: ErrorReply, code: int, retry: bool) -> None:
    failure = from_reply(status, reply, ())
    assert (failure.code, failure.retry) == (code, retry)


def test_a_provider_may_decide_about_retries_itself() -> None:
    assert from_reply(400, ErrorReply(), (), advice="true").retry
    assert not from_reply(500, ErrorReply(), (), advice="false").retry


def test_an_error_says_where_and_how_often_and_leaves_out_what_is_not_known() -> None:
    failure = AttemptFailed(16, "it broke", details={"status": 500, "request_id": ""})
    error = as_error(failure, 3, (), "openai/m", provider="openai")
    assert (error.code, error.message) == (16, "openai/m: it broke (after 3 attempts)")
    assert error.details == {"status": 500, "provider": "openai", "attempts": 3}
