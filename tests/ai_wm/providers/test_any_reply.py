"""Whatever a server answers, an adapter either understands it or says that it does not; it never stumbles."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ai_wm.providers import anthropic, google, ollama, openai, responses
from ai_wm.providers.adapter import Adapter, BadReply, ErrorReply, StreamError
from ai_wm.providers.base import FINISH_REASONS, LLMResponse
from tests.ai_wm.providers.response_wire import called, message, reasoning, response, stream_events
from tests.ai_wm.providers.support import WEATHER, body_of, request

ADAPTERS: dict[str, Adapter] = {
    "anthropic": anthropic,
    "custom": openai,
    "google": google,
    "ollama": ollama,
    "openai": openai,
    "responses": responses,
}

# The provider of each wire format that is not called as its provider is.
PROVIDERS = {"responses": "openai"}

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 9) | st.floats(allow_nan=False) | st.sampled_from(["", "x", "stop"]),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["id", "text", "x"]), inner, max_size=2)
    ),
    max_leaves=4,
)


def rich_body(provider: str) -> Any:
    """A reply that has everything that the adapter reads."""
    if provider == "responses":
        items = (reasoning(1, "Hm."), message("x", 1, phase="commentary"), message(refusal=None), called({"city": "x"}))
        return response(*items, incomplete_details={"reason": "max_output_tokens"})
    body = copy.deepcopy(body_of(provider))
    if provider == "anthropic":
        body["content"] += [
            {"type": "thinking", "thinking": "x", "signature": "s"},
            {"type": "tool_use", "id": "t", "name": "weather_Now", "input": {"city": "x"}},
        ]
        body["usage"]["output_tokens_details"] = {"thinking_tokens": 1}
    elif provider == "google":
        part = {"functionCall": {"id": "f", "name": "weather_Now", "args": {"city": "x"}}, "thoughtSignature": "s"}
        body["candidates"][0]["content"]["parts"] += [part, {"text": "y", "thought": True}]
        body["promptFeedback"] = {"blockReason": "SAFETY"}
    elif provider == "ollama":
        body["message"]["tool_calls"] = [{"id": "x", "function": {"name": "weather_Now", "arguments": {"city": "x"}}}]
        body["message"]["thinking"] = "hm"
    else:
        body["choices"][0]["message"].update(
            refusal=None,
            reasoning_content="hm",
            tool_calls=[
                {"id": "x", "function": {"name": "weather_Now", "arguments": '{"city": 1}'}, "extra_content": {}}
            ],
        )
        body["usage"]["prompt_tokens_details"] = {"cached_tokens": 1}
    return body


def rich_stream(provider: str) -> list[Any]:
    """Events of a stream that use everything that the parser reads."""
    if provider == "anthropic":
        return [
            {"type": "message_start", "message": {**rich_body(provider), "content": []}},
            {"type": "content_block_start", "index": 0, "content_block": {"type": "thinking", "thinking": ""}},
            {"type": "content_block_delta", "index": 0, "delta": {"type": "thinking_delta", "thinking": "x"}},
            {"type": "content_block_delta", "index": 0, "delta": {"type": "signature_delta", "signature": "x"}},
            {"type": "content_block_start", "index": 1, "content_block": {"type": "tool_use", "id": "a", "name": "b"}},
            {"type": "content_block_delta", "index": 1, "delta": {"type": "input_json_delta", "partial_json": "{}"}},
            {"type": "content_block_start", "index": 2, "content_block": {"type": "text", "text": ""}},
            {"type": "content_block_delta", "index": 2, "delta": {"type": "text_delta", "text": "x"}},
            {"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": {"output_tokens": 3}},
            {"type": "message_stop"},
        ]
    if provider == "responses":
        return stream_events(response(reasoning(1, "Hm."), message("xy", 1), called({"city": "x"})))
    if provider in ("google", "ollama"):
        return [rich_body(provider), rich_body(provider)]
    function = {"name": "weather_Now", "arguments": "{"}
    call = {"index": 0, "id": "x", "function": function, "extra_content": {}}
    deltas = [
        {"content": "x", "refusal": None, "reasoning_content": "hm", "reasoning_details": [{}]},
        {"reasoning_content": "hm", "reasoning_details": [{}], "tool_calls": [call]},
        {"tool_calls": [{"index": 0, "function": {"arguments": "}"}}]},
    ]
    chunks = [{"id": "c", "model": "m", "choices": [{"index": 0, "delta": delta}]} for delta in deltas]
    end = {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}], "usage": rich_body(provider)["usage"]}
    return [*chunks, end, "[DONE]"]


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The path to every part of a JSON value."""
    inner: Any = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, item in inner for place in places(item, (*path, key)))]


def changed(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    """``value`` with another part at ``path``."""
    if not path:
        return new
    copied = copy.deepcopy(value)
    target = copied
    for key in path[:-1]:
        target = target[key]
    target[path[-1]] = new
    return copied


def check(found: LLMResponse) -> None:
    assert isinstance(found.text, str)
    assert isinstance(found.model, str)
    assert isinstance(found.request_id, str)
    assert found.finish_reason in FINISH_REASONS
    assert found.usage.input_tokens >= 0
    for call in found.tool_calls:
        assert isinstance(call.id, str)
        assert isinstance(call.name, str)
        assert isinstance(call.arguments, dict)


@pytest.mark.parametrize("provider", sorted(ADAPTERS))
@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_replies(provider: str, data: st.DataObject) -> None:
    adapter, body = ADAPTERS[provider], rich_body(provider)
    asked = request(PROVIDERS.get(provider, provider), tools=(WEATHER,))
    check(adapter.parse(body, asked))
    for _ in range(data.draw(st.integers(1, 2))):
        body = changed(body, data.draw(st.sampled_from(places(body))), data.draw(JSON))
    try:
        found = adapter.parse(body, asked)
    except (BadReply, StreamError):
        return
    check(found)
    adapter.build(request(asked.provider, *asked.messages, found.as_message(), tools=(WEATHER,)))


@pytest.mark.parametrize("provider", sorted(ADAPTERS))
@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_streams(provider: str, data: st.DataObject) -> None:
    events = rich_stream(provider)
    for _ in range(data.draw(st.integers(0, 2))):
        events = changed(events, data.draw(st.sampled_from(places(events)[1:])), data.draw(JSON))
    parser = ADAPTERS[provider].stream_parser(request(PROVIDERS.get(provider, provider), tools=(WEATHER,)))
    try:
        for event in events:
            assert isinstance(parser.feed("", event), str)
            assert parser.usage.total_tokens >= 0
        if parser.ended():
            check(parser.response())
    except (BadReply, StreamError):
        return


@pytest.mark.parametrize("provider", sorted(ADAPTERS))
@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_errors(provider: str, data: st.DataObject) -> None:
    details = [{"reason": "x", "retryDelay": "3s", "violations": [{"quotaId": "x"}]}]
    error = {"error": {"message": "m", "type": "t", "code": 400, "status": "s", "details": details}}
    body = changed(error, data.draw(st.sampled_from(places(error))), data.draw(JSON))
    reply = ADAPTERS[provider].parse_error(body)
    assert isinstance(reply, ErrorReply)
    assert isinstance(reply.message, str)
    assert isinstance(reply.kind, str)
    assert isinstance(reply.status, int)
