"""Replies as they may be used: keys masked, and ends that nobody knows told in the log."""

from __future__ import annotations

from typing import Any

import pytest

from ai_wm.calls.replies import safe_reply
from ai_wm.keys import Secret
from ai_wm.providers.base import LLMResponse, ToolCallRequest, Usage

KEY = "sk-proj-0123456789abcdefghij"


def response(**fields: Any) -> LLMResponse:
    return LLMResponse(**{"text": "hi", "finish_reason": "stop", "usage": Usage(), "model": "m", **fields})


def test_a_reply_without_a_key_is_the_same_reply() -> None:
    given = response(tool_calls=(ToolCallRequest(id="1", name="look", arguments={"at": ["x"]}),))
    assert safe_reply(given, {Secret(KEY)}, for_script=True) is given
    assert safe_reply(given, (), for_script=True) is given


def test_a_host_gets_the_text_as_it_came_and_a_script_without_the_key() -> None:
    given = response(text=f"It is {KEY}.", model=f"m-{KEY[:10]}")
    for for_script, text in ((False, f"It is {KEY}."), (True, "It is ***.")):
        made = safe_reply(given, {Secret(KEY)}, for_script=for_script)
        assert (made.text, made.model) == (text, "m-***")


def test_the_key_in_the_arguments_of_a_tool_reaches_no_tool() -> None:
    call = ToolCallRequest(id=KEY, name=KEY, arguments={"path": {KEY: [1, None, KEY]}}, problem=f"bad: {KEY[:12]}")
    (made,) = safe_reply(response(tool_calls=(call,)), {Secret(KEY)}, for_script=False).tool_calls
    masked = ToolCallRequest(id="***", name="***", arguments={"path": {"***": [1, None, "***"]}}, problem="bad: ***")
    assert made == masked


@pytest.mark.parametrize("word", ["something_new", "", f"ended by {KEY}\nforged"])
def test_an_end_that_nobody_knows_is_told_in_the_log(word: str, caplog: pytest.LogCaptureFixture) -> None:
    given = response(finish_reason="unknown", provider_finish_reason=word)
    safe_reply(given, {Secret(KEY)}, for_script=True)
    (record,) = caplog.records
    said = "a finish reason that nobody knows" if word else "no finish reason"
    assert record.getMessage().startswith(f"a reply ended with {said}; it is noted as unknown")
    assert not word or word not in record.getMessage()  # a server may say anything there
