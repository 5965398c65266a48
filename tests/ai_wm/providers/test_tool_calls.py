"""Tool calls as models write them and servers send them."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ai_wm.providers import anthropic, bedrock, google, ollama, openai, responses
from ai_wm.providers.adapter import Adapter
from ai_wm.providers.base import Message, ToolCallRequest
from ai_wm.providers.exchange import content_of
from ai_wm.providers.options import ToolNames
from ai_wm.providers.tool_calls import CallPieces, cut_call, read_arguments, tool_calls
from tests.ai_wm.providers.loopback import Loopback, events, lines, streamed
from tests.ai_wm.providers.support import WEATHER, body_of, request, stream_type, user
from tests.ai_wm.providers.wire import UPPER, asking, chunk, record_of, sse


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ('{"a": 1}', {"a": 1}),
        (' {"a": 1}\n', {"a": 1}),
        ({"a": 1}, {"a": 1}),
        ("", {}),
        (" \n", {}),
        (None, {}),
        ("null", {}),
        ("{}", {}),
        ('{}{"a": 1}', {"a": 1}),
        ('"{\\"a\\": 1}"', {"a": 1}),
        ('{"a": "two\nlines\tand a tab"}', {"a": "two\nlines\tand a tab"}),
        ('{"a": "\ud83d\ude00"}', {"a": "😀"}),
        (r'{"a": "\ud83d\ude00"}', {"a": "😀"}),
        (r'{"a\ud83d": ["\ude00 b"]}', {"a\ufffd": ["\ufffd b"]}),
        ({"a": "\ud83d"}, {"a": "\ufffd"}),
        ('{"a": "NaN, -Infinity"}', {"a": "NaN, -Infinity"}),
    ],
)
def test_arguments_that_can_be_read(written: Any, read: dict[str, Any]) -> None:
    assert read_arguments(written) == (read, "")


@pytest.mark.parametrize(
    ("written", "problem"),
    [
        ('{"a": 1', "not JSON (Expecting ',' delimiter at character 7)"),
        ("{'a': 1}", "not JSON"),
        ("city: Rome", "not JSON"),
        ("[1]", "not a JSON object, but [1]"),
        ([1], "not a JSON object, but [1]"),
        ("7", "not a JSON object, but 7"),
        ('"Rome"', 'not a JSON object, but "Rome"'),
        (True, "not a JSON object, but true"),
        ("[" * 100_000, "not JSON"),
        ('{"a": ' + "1" * 5000 + "}", "a whole number in it has too many digits"),
        ('{"a": 1e999}', "not JSON (a number in it is not finite or too large): {"),
        ('{"a": [{"b": NaN}]}', "not finite"),
        ({"a": -float("inf")}, "not finite"),
    ],
)
def test_arguments_that_cannot_be_read(written: Any, problem: str) -> None:
    read, found = read_arguments(written)
    assert read == {}
    assert problem in found
    assert len(found) < 400


def test_ids_are_made_up_where_they_are_missing_or_the_same() -> None:
    asked = request("custom", tools=(WEATHER,))
    calls = tool_calls([(given, "weather_Now", "{}") for given in ("a", "a", "", None, 7, True, "b")], asked)
    assert [call.id for call in calls] == ["a", "call_1_2", "call_1_3", "call_1_4", "7", "call_1_6", "b"]
    assert {call.name for call in calls} == {"weather.Now"}


def test_which_call_a_cut_reply_ends_in() -> None:
    whole = ToolCallRequest(id="a", name="one", arguments={"x": 1})
    empty = ToolCallRequest(id="b", name="two", arguments={})
    broken = ToolCallRequest(id="c", name="three", arguments={}, problem="not JSON")
    assert [cut_call(calls) for calls in ((), (whole,), (empty, whole), (whole, empty), (whole, broken))] == [
        "", "", "", "two", "three",
    ]  # fmt: skip


# --- In pieces ---


def piece(**fields: Any) -> dict[str, Any]:
    """A piece of a call: ``index``, ``id``, ``name``, ``args``."""
    made = {key: fields[key] for key in ("index", "id") if key in fields}
    function = {wire: fields[key] for key, wire in (("name", "name"), ("args", "arguments")) if key in fields}
    return {**made, "type": "function", "function": function}


F, G = "weather_Now", "other_Tool"
# Each stream is a list of events, each a list of pieces; and the calls that they are.
STREAMS: dict[str, tuple[list[list[dict[str, Any]]], list[tuple[str, Any]]]] = {
    "OpenAI": (
        [
            [piece(index=0, id="a", name=F, args="")],
            [piece(index=0, args='{"x"')],
            [piece(index=0, args=": 1}")],
            [piece(index=1, id="b", name=F, args="")],
            [piece(index=1, args='{"x": 2}')],
        ],
        [(F, {"x": 1}), (F, {"x": 2})],
    ),
    "OpenAI, interleaved": (
        [
            [piece(index=0, id="a", name=F, args=""), piece(index=1, id="b", name=G, args="")],
            [piece(index=1, args='{"x": 2'), piece(index=0, args='{"x": 1')],
            [piece(index=0, args="}"), piece(index=1, args="}")],
        ],
        [(F, {"x": 1}), (G, {"x": 2})],
    ),
    "whole calls under one index": (
        [[piece(index=0, id="", name=F, args='{"x": 1}')], [piece(index=0, id="", name=F, args='{"x": 2}')]],
        [(F, {"x": 1}), (F, {"x": 2})],
    ),
    "whole calls without index and id": (
        [[piece(name=F, args='{"x": 1}')], [piece(name=F, args='{"x": 2}')]],
        [(F, {"x": 1}), (F, {"x": 2})],
    ),
    "whole calls in one event": (
        [[piece(name=F, args='{"x": 1}'), piece(name=F, args='{"x": 2}'), piece(name=G, args="")]],
        [(F, {"x": 1}), (F, {"x": 2}), (G, {})],
    ),
    "whole calls in one event, one index": (
        [[piece(index=0, name=F, args='{"x": 1}'), piece(index=0, name=F, args='{"x": 2}')]],
        [(F, {"x": 1}), (F, {"x": 2})],
    ),
    "objects instead of text": (
        [[piece(index=0, id="a", name=F, args={"x": 1}), piece(index=0, id="b", name=F, args={"x": 2})]],
        [(F, {"x": 1}), (F, {"x": 2})],
    ),
    "one index, ids tell": (
        [
            [piece(index=0, id="a", name=F, args="")],
            [piece(index=0, id="a", args='{"x": 1}')],
            [piece(index=0, id="b", name=F, args="")],
            [piece(index=0, id="b", args='{"x": 2}')],
        ],
        [(F, {"x": 1}), (F, {"x": 2})],
    ),
    "one index, ids tell, interleaved": (
        [
            [piece(index=0, id="a", name=F, args="")],
            [piece(index=0, id="b", name=G, args="")],
            [piece(index=0, id="a", args='{"x": 1}')],
            [piece(index=0, id="b", args='{"x": 2}')],
        ],
        [(F, {"x": 1}), (G, {"x": 2})],
    ),
    "one index, in pieces, only names tell": (
        [
            [piece(index=0, name=F, args='{"x"')],
            [piece(index=0, args=": 1}")],
            [piece(index=0, name=F, args="")],
            [piece(index=0, args='{"x": 2}')],
        ],
        [(F, {"x": 1}), (F, {"x": 2})],
    ),
    "another id with every piece": (
        [
            [piece(index=0, id="a", name=F, args="")],
            [piece(index=0, id="b", args='{"x"')],
            [piece(index=0, id="c", args=": 1}")],
        ],
        [(F, {"x": 1})],
    ),
    "another id and the name with every piece": (
        [
            [piece(index=0, id="a", name=F, args="")],
            [piece(index=0, id="b", name=F, args='{"x"')],
            [piece(index=0, id="c", name=F, args=": 1}")],
        ],
        [(F, {"x": 1})],
    ),
    "the name with every piece": (
        [[piece(index=0, id="a", name=F, args='{"x"')], [piece(index=0, id="a", name=F, args=": 1}")]],
        [(F, {"x": 1})],
    ),
    "an empty name with every piece": (
        [[piece(index=0, id="a", name=F, args='{"x"')], [piece(index=0, id="", name="", args=": 1}")]],
        [(F, {"x": 1})],
    ),
    "one id for all calls": (
        [[piece(index=0, id="x", name=F, args='{"x": 1}')], [piece(index=1, id="x", name=F, args='{"x": 2}')]],
        [(F, {"x": 1}), (F, {"x": 2})],
    ),
    "the index begins at one": (
        [[piece(index=1, id="a", name=F, args="{}")], [piece(index=2, id="b", name=G, args="{}")]],
        [(F, {}), (G, {})],
    ),
    "the index is null": (
        [[piece(index=None, id="a", name=F, args='{"x"')], [piece(index=None, args=": 1}")]],
        [(F, {"x": 1})],
    ),
    "the name comes behind the id": (
        [
            [piece(index=0, id="a"), piece(index=1, id="b")],
            [piece(index=0, name=F), piece(index=1, name=G)],
            [piece(index=0, args="{}"), piece(index=1, args='{"x": 2}')],
        ],
        [(F, {}), (G, {"x": 2})],
    ),
    "two calls without arguments, one index": (
        [[piece(index=0, id="a", name=F, args="")], [piece(index=0, id="b", name=F, args="")]],
        [(F, {}), (F, {})],
    ),
    "the name in pieces, with the rest of it the arguments": (
        [[piece(index=0, id="a", name="weather_")], [piece(index=0, name="Now", args='{"x": 1}')]],
        [(F, {"x": 1})],
    ),
    "the name in pieces, and the same id with each": (
        [
            [piece(index=0, id="a", name="wea", args="")],
            [piece(index=0, id="a", name="ther_", args="")],
            [piece(index=0, id="a", name="Now", args="")],
            [piece(index=0, args='{"x": 1}')],
        ],
        [(F, {"x": 1})],
    ),
    "names in pieces, interleaved": (
        [
            [piece(index=0, id="a", name="weather_"), piece(index=1, id="b", name="other_")],
            [piece(index=1, name="Tool", args='{"x": 2}'), piece(index=0, name="Now", args='{"x": 1}')],
        ],
        [(F, {"x": 1}), (G, {"x": 2})],
    ),
    "names in pieces, without index and id": (
        [[piece(name="weather_")], [piece(name="Now", args='{"x": 1}')], [piece(name=G, args='{"x": 2}')]],
        [(F, {"x": 1}), (G, {"x": 2})],
    ),
    "names that are no pieces": (
        [[piece(index=0, name="weather_")], [piece(index=0, name="Then", args='{"x": 1}')]],
        [("weather_", {}), ("Then", {"x": 1})],
    ),
    "tools of which one's name goes on with the other's": (
        [[piece(index=0, name="get")], [piece(index=0, name="All", args='{"x": 1}')]],
        [("get", {}), ("All", {"x": 1})],
    ),
    "a tool's name that goes on with what is none": (
        [[piece(index=0, name="get")], [piece(index=0, name="Al")], [piece(index=0, name="l", args='{"x": 1}')]],
        [("getAll", {"x": 1})],
    ),
    "arguments of null": ([[piece(index=0, id="a", name=F, args=None)]], [(F, {})]),
}


@pytest.mark.parametrize("stream", list(STREAMS))
def test_calls_in_pieces(stream: str) -> None:
    pieces, expected = STREAMS[stream]
    asked = request("custom", tools=tuple(replace(WEATHER, name=name) for name in (F, G, "get", "All", "getAll")))
    parts = CallPieces(ToolNames(asked).offered)
    for event in pieces:
        parts.take(event)
    calls = tool_calls(
        [(call["id"], call["function"]["name"], call["function"]["arguments"]) for call in parts.calls], asked
    )
    assert [(call.name, call.arguments) for call in calls] == expected
    assert all(not call.problem for call in calls)
    assert len({call.id for call in calls}) == len(calls)


def test_a_tool_whose_name_comes_in_pieces_is_run(server: Loopback) -> None:
    head, rest = piece(index=0, id="a", name="str__"), piece(index=0, name="ToUpper", args='{"input_string": "x"}')
    first = sse(chunk({"tool_calls": [head]}), chunk({"tool_calls": [rest]}), chunk(finish="tool_calls"))
    with asking(server.will(first, sse(chunk({"content": "X"}, "stop"))), tool_allowlist=["str.*"]) as manager:
        manager.execute_stateless_task("w", "go", on_stream=lambda event: None)
        assert record_of(manager).llm_metrics["tool_calls"] == [UPPER]


@given(st.lists(st.dictionaries(st.text(max_size=3), st.integers(0, 9), max_size=2), min_size=1, max_size=4), st.data())
def test_however_openais_calls_are_cut(arguments: list[dict[str, int]], data: st.DataObject) -> None:
    parts = CallPieces()
    for index, value in enumerate(arguments):
        parts.take([piece(index=index, id=f"id{index}", name=F, args="")])
        text = json.dumps(value)
        while text:
            size = data.draw(st.integers(1, len(text)))
            parts.take([piece(index=index, args=text[:size])])
            text = text[size:]
    assert [read_arguments(call["function"]["arguments"])[0] for call in parts.calls] == arguments
    assert parts.produced == sum(len(json.dumps(value)) for value in arguments)


# --- Malformed arguments, for every provider ---


def malformed(provider: str) -> Any:
    """A reply with a call whose arguments are no object, plain or as events of a stream."""
    if provider == "anthropic":
        return {
            **body_of("anthropic"),
            "content": [{"type": "tool_use", "id": "toolu_1", "name": UPPER, "input": "{broken"}],
            "stop_reason": "tool_use",
        }
    if provider == "google":
        body = body_of("google")
        body["candidates"][0]["content"]["parts"] = [{"functionCall": {"name": UPPER, "args": "{broken"}}]
        return body
    function = {"name": UPPER, "arguments": "{broken"}
    return {
        **body_of("ollama"),
        "message": {"role": "assistant", "content": "", "tool_calls": [{"function": function}]},
    }


BROKEN_STREAM = [
    {"type": "message_start", "message": {**body_of("anthropic"), "content": [], "stop_reason": None}},
    {"type": "content_block_start", "index": 0, "content_block": {"type": "thinking", "thinking": ""}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "signature_delta", "signature": "sig=="}},
    {
        "type": "content_block_start",
        "index": 1,
        "content_block": {"type": "tool_use", "id": "t", "name": UPPER, "input": {}},
    },
    {"type": "content_block_delta", "index": 1, "delta": {"type": "input_json_delta", "partial_json": '{"input_s'}},
    {"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": {"output_tokens": 3}},
    {"type": "message_stop"},
]


@pytest.mark.parametrize("provider", ["anthropic", "google", "ollama"])
def test_the_model_is_told_what_is_wrong_with_its_arguments(provider: str, server: Loopback) -> None:
    if provider == "anthropic":
        first = streamed(events(*BROKEN_STREAM))
        second = streamed(events({**body_of("anthropic"), "type": "message"}))
    else:
        kind = stream_type(provider)
        made = lines if provider == "ollama" else events
        first = streamed(made(malformed(provider)), content_type=kind)
        second = streamed(made(body_of(provider)), content_type=kind)
    with asking(server.will(first, second), provider, tool_allowlist=["str.*"]) as manager:
        manager.execute_stateless_task("w", "go", on_stream=lambda event: None)
        assert record_of(manager).llm_metrics["tool_calls"] == [UPPER]
    assert "was not run: the arguments are not JSON" in json.dumps(server.received[1].json)
    if provider == "anthropic":
        # The thinking goes back signed, and the call with an object, which the API demands.
        block = server.received[1].json["messages"][1]["content"]
        assert block[0]["signature"] == "sig=="
        assert block[1]["input"] == {}


def calling(provider: str, arguments: str) -> dict[str, Any]:
    """A reply as it is read from the wire, with a call whose arguments are the given JSON text."""
    given = json.loads(arguments)
    if provider == "anthropic":
        block = {"type": "tool_use", "id": "t", "name": "weather_Now", "input": given}
        return {**body_of("anthropic"), "content": [{"type": "thinking", "thinking": "so"}, block]}
    if provider == "bedrock":
        content = [{"toolUse": {"toolUseId": "t", "name": "weather_Now", "input": given}}]
        return {"output": {"message": {"role": "assistant", "content": content}}, "stopReason": "tool_use"}
    if provider == "google":
        parts = [{"functionCall": {"name": "weather_Now", "args": given}, "thoughtSignature": "sig"}]
        return {"candidates": [{"content": {"parts": parts}, "finishReason": "STOP"}]}
    if provider == "ollama":
        call = {"function": {"name": "weather_Now", "arguments": given}}
        return {**body_of("ollama"), "message": {"role": "assistant", "content": "", "tool_calls": [call]}}
    if provider == "responses":
        item = {"type": "function_call", "call_id": "t", "name": "weather_Now", "arguments": arguments}
        return {"status": "completed", "output": [item]}
    call = {"id": "t", "type": "function", "function": {"name": "weather_Now", "arguments": arguments}}
    return {"choices": [{"message": {"role": "assistant", "tool_calls": [call]}, "finish_reason": "tool_calls"}]}


SPEAKING: dict[str, tuple[Adapter, str]] = {
    "anthropic": (anthropic, "anthropic"),
    "bedrock": (bedrock, "bedrock"),
    "custom": (openai, "custom"),
    "google": (google, "google"),
    "ollama": (ollama, "ollama"),
    "openai": (openai, "openai"),
    "responses": (responses, "openai"),
}


def sent_back(form: str, arguments: str) -> tuple[ToolCallRequest, str]:
    """The call of a reply, and the body of the request that follows it."""
    adapter, provider = SPEAKING[form]
    asked = request(provider, user("x"), tools=(WEATHER,))
    answer = adapter.parse(calling(form, arguments), asked)
    (call,) = answer.tool_calls
    told = Message(role="tool", content="done", tool_call_id=call.id, name=call.name)
    after = request(provider, user("x"), answer.as_message(), told, tools=(WEATHER,))
    return call, content_of(after, adapter.build(after)).decode()


@pytest.mark.parametrize("number", ["1e999", "-1e999", "NaN", "Infinity"])
@pytest.mark.parametrize("form", sorted(SPEAKING))
def test_arguments_with_numbers_that_are_not_finite_are_not_run_nor_sent_back(form: str, number: str) -> None:
    call, body = sent_back(form, f'{{"num1": 1, "num2": {number}}}')
    assert call.arguments == {}
    assert "not finite" in call.problem
    assert "Infinity" not in body
    assert "NaN" not in body
    assert "num2" not in body


@pytest.mark.parametrize(
    ("arguments", "sent"),
    [(r'{"num1":"\ud83d"}', "\ufffd"), (r'{"num1":"\ude00 x"}', "\ufffd x"), (r'{"num1":"\ud83d\ude00"}', "😀")],
)
@pytest.mark.parametrize("form", sorted(SPEAKING))
def test_half_a_character_in_arguments_goes_back_as_the_replacement_character(
    form: str, arguments: str, sent: str
) -> None:
    call, body = sent_back(form, arguments)
    assert (call.arguments, call.problem) == ({"num1": sent}, "")
    if form in ("custom", "openai", "responses"):
        (text,) = re.findall(r'"arguments":("(?:[^"\\]|\\.)*")', body)
        assert json.loads(json.loads(text)) == {"num1": sent}
    else:
        assert json.dumps(sent, ensure_ascii=False) in body


ADAPTERS: dict[str, Adapter] = {"anthropic": anthropic, "custom": openai, "google": google, "ollama": ollama}


@pytest.mark.parametrize("provider", sorted(ADAPTERS))
def test_a_call_with_a_problem_goes_back_in_a_form_that_the_provider_takes(provider: str) -> None:
    call = ToolCallRequest(id="a", name="weather.Now", arguments={}, problem="not JSON")
    told = Message(role="tool", content="not JSON", tool_call_id="a", name="weather.Now", is_error=True)
    turn = (user("x"), Message(role="assistant", content="", tool_calls=(call,)), told, user("y"))
    body = json.dumps(ADAPTERS[provider].build(request(provider, *turn, tools=(WEATHER,))).body)
    assert "not JSON" in body
    assert "{broken" not in body
