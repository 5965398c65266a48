"""Calls that were cut at the length limit by servers that do not say so: they are not run without arguments."""

from __future__ import annotations

from typing import Any

import pytest

from ai_wm.providers import anthropic, openai, responses
from ai_wm.providers.adapter import BadReply
from ai_wm.providers.base import LLMRequest, LLMResponse
from tests.ai_wm.providers.response_wire import called, response, stream_events
from tests.ai_wm.providers.support import WEATHER, request
from tests.ai_wm.providers.wire import call, calling, chunk

LIMIT = 64
APIS = ("anthropic", "custom", "openai", "responses")


def asked(api: str, **config: Any) -> LLMRequest:
    provider = {"responses": "openai"}.get(api, api)
    return request(provider, tools=(WEATHER,), config={"max_output_tokens": LIMIT, **config})


def answer(api: str, arguments: str, spent: int, *, stream: bool, **config: Any) -> LLMResponse:
    """What comes of a reply with one call, whose server ends it as if the call were whole."""
    wanted = asked(api, **config)
    if api == "responses":
        whole = response(called(arguments), usage={"input_tokens": 9, "output_tokens": spent})
        events = stream_events(whole)
        module: Any = responses
    elif api == "anthropic":
        usage = {"input_tokens": 9, "output_tokens": spent}
        block: dict[str, Any] = {"type": "tool_use", "id": "c", "name": "weather_Now", "input": {}}
        given = {"city": "Rome"} if arguments.endswith("}") else {}
        whole = {"role": "assistant", "content": [{**block, "input": given}], "stop_reason": "tool_use", "usage": usage}
        piece = {"type": "input_json_delta", "partial_json": arguments}
        events = [
            {"type": "message_start", "message": {**whole, "content": []}},
            {"type": "content_block_start", "index": 0, "content_block": block},
            {"type": "content_block_delta", "index": 0, "delta": piece},
            {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": usage},
            {"type": "message_stop"},
        ]
        module = anthropic
    else:
        usage = {"prompt_tokens": 9, "completion_tokens": spent}
        whole = calling(call(arguments, name="weather_Now"), usage=usage)
        piece = {"tool_calls": [{"index": 0, **call(arguments, name="weather_Now")}]}
        events = [chunk(piece), chunk({}, "tool_calls", usage=usage)]
        module = openai
    if not stream:
        found: LLMResponse = module.parse(whole, wanted)
        return found
    parser = module.stream_parser(wanted)
    for event in events:
        parser.feed(event.get("type", ""), event)
    last: LLMResponse = parser.response()
    return last


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "streamed"])
@pytest.mark.parametrize("arguments", ["", '{"city": "Ro'])
@pytest.mark.parametrize("api", APIS)
def test_a_call_that_ends_at_the_limit_was_cut(api: str, arguments: str, stream: bool) -> None:
    with pytest.raises(BadReply, match=r"cut at its length limit within .* weather\.Now") as found:
        answer(api, arguments, LIMIT, stream=stream)
    assert (found.value.final, found.value.usage and found.value.usage.output_tokens) == (True, LIMIT)


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "streamed"])
@pytest.mark.parametrize("api", APIS)
def test_other_calls_are_whole(api: str, stream: bool) -> None:
    for arguments, spent in (('{"city": "Rome"}', LIMIT), ("", LIMIT - 1)):
        found = answer(api, arguments, spent, stream=stream)
        assert (found.finish_reason, len(found.tool_calls)) == ("tool_calls", 1)


def test_the_limit_that_is_sent_to_anthropic_counts_where_the_definition_has_none() -> None:
    sent = anthropic.build(asked("anthropic", max_output_tokens=None)).body["max_tokens"]
    with pytest.raises(BadReply, match="cut at its length limit"):
        answer("anthropic", "", sent, stream=False, max_output_tokens=None)
    assert answer("anthropic", "", sent - 1, stream=False, max_output_tokens=None).tool_calls
