"""Arguments of tool calls that come in pieces, also where a server sends them again as a whole."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ai_wm.providers import Clients
from ai_wm.providers.argument_pieces import ArgumentPieces, joined
from tests.ai_wm.providers import response_wire
from tests.ai_wm.providers.loopback import Loopback, events, streamed
from tests.ai_wm.providers.support import WEATHER, at, collect, request
from tests.ai_wm.providers.wire import chunk, sse

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-99, 99) | st.text('{}[]"\\ab: ,\n', max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text('{}"\\a', max_size=4), inner, max_size=3),
    max_leaves=8,
)
OBJECTS = st.dictionaries(st.text('{}"\\ab', max_size=4), VALUES, max_size=4)


@st.composite
def written(draw: st.DrawFn) -> tuple[dict[str, Any], list[str]]:
    """An object, and its text in pieces."""
    value = draw(OBJECTS)
    text = json.dumps(value, indent=draw(st.sampled_from([None, 1])))
    ends = sorted(draw(st.sets(st.integers(1, len(text) - 1), max_size=6)))
    return value, [text[start:end] for start, end in zip([0, *ends], [*ends, len(text)], strict=True)]


@given(written())
def test_pieces_of_an_object(made: tuple[dict[str, Any], list[str]]) -> None:
    assert joined(made[1]) == "".join(made[1])


@given(written(), st.integers(1, 3), st.sampled_from([None, 2]))
def test_an_object_that_comes_again(made: tuple[dict[str, Any], list[str]], times: int, indent: int | None) -> None:
    value, pieces = made
    assert json.loads(joined([*pieces, *[json.dumps(value, indent=indent)] * times])) == value


@given(written(), st.data())
def test_a_whole_object_that_completes_its_pieces(made: tuple[dict[str, Any], list[str]], data: st.DataObject) -> None:
    value, pieces = made
    begun = pieces[: data.draw(st.integers(0, len(pieces)))]
    assert json.loads(joined([*begun, "".join(pieces)])) == value


@given(written())
def test_pieces_of_which_each_holds_all_before_it(made: tuple[dict[str, Any], list[str]]) -> None:
    value, pieces = made
    cumulative = ["".join(pieces[: number + 1]) for number in range(len(pieces))]
    assert json.loads(joined(cumulative)) == value


@pytest.mark.parametrize(
    ("pieces", "text"),
    [
        ([], ""),
        ([" "], " "),
        (["", '{"a": 1}'], '{"a": 1}'),
        (["{}", '{"a"', ": 1}"], '{"a": 1}'),
        (['{"a": 1}', "\n"], '{"a": 1}\n'),
        # Another object is no repetition, and is told as what it is.
        (['{"a": 1}', '{"a": 2}'], '{"a": 1}{"a": 2}'),
        (['{"a":', '{"a":', "1}}"], '{"a":{"a":1}}'),
        (['{"a"', '{"b": 1}'], '{"a"{"b": 1}'),
    ],
)
def test_texts(pieces: list[str], text: str) -> None:
    assert joined(pieces) == text


def test_pieces_may_be_cleared() -> None:
    arguments = ArgumentPieces()
    arguments.add('{"a": 1}')
    assert arguments
    assert arguments.is_whole()
    arguments.clear()
    assert not arguments
    assert not arguments.is_whole()
    assert arguments.text() == ""


# --- Over the wire ---

WHOLE = '{"city": "Rome"}'
PIECES: dict[str, list[str]] = {
    "once": ['{"city": ', '"Rome"}'],
    "again as a whole": ['{"city": ', '"Rome"}', WHOLE],
    "the whole twice": ["", WHOLE, WHOLE],
    "with other white space": ['{"city":', '"Rome"}', WHOLE],
    "each with all before it": ['{"city"', '{"city": "Ro', WHOLE],
    "begun, then whole": ['{"ci', WHOLE],
}


def chat_stream(pieces: list[str], again: dict[str, Any] | None = None, *, late: bool = False) -> Any:
    function = {"name": "weather_Now", "arguments": ""}
    deltas = [{"tool_calls": [{"index": 0, "id": "a", "type": "function", "function": function}]}]
    deltas += [{"tool_calls": [{"index": 0, **(again or {}), "function": {"arguments": text}}]} for text in pieces]
    *earlier, last = map(chunk, deltas)
    if late:
        last["choices"][0]["finish_reason"] = "tool_calls"
        return sse(*earlier, last)
    return sse(*earlier, last, chunk({}, "tool_calls"))


def anthropic_stream(pieces: list[str]) -> Any:
    block = {"type": "tool_use", "id": "a", "name": "weather_Now", "input": {}}
    message = {"type": "message", "role": "assistant", "content": [], "usage": {"input_tokens": 9}}
    sent: list[dict[str, Any]] = [
        {"type": "message_start", "message": message},
        {"type": "content_block_start", "index": 0, "content_block": block},
        *(
            {"type": "content_block_delta", "index": 0, "delta": {"type": "input_json_delta", "partial_json": text}}
            for text in pieces
        ),
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": {"output_tokens": 3}},
        {"type": "message_stop"},
    ]
    return streamed(events(*sent, names=[each["type"] for each in sent]))


def responses_stream(pieces: list[str]) -> Any:
    whole = response_wire.response(response_wire.called(""))
    sent = response_wire.stream_events(whole)
    added = next(each for each in sent if each["type"] == "response.output_item.added")
    deltas = [{"type": "response.function_call_arguments.delta", "output_index": 0, "delta": text} for text in pieces]
    # Servers that repeat themselves mostly leave out the item that would tell.
    return response_wire.sse(
        sent[0], added, *deltas, {"type": "response.completed", "response": {**whole, "output": []}}
    )


def calls_of(provider: str, answer: Any, clients: Clients, server: Loopback, **config: Any) -> list[Any]:
    asked = request(provider, tools=(WEATHER,), config=at(server.will(answer), provider, **config).config)
    found = collect(clients.for_provider(provider).stream(asked))[1].tool_calls
    return [(call.name, call.arguments, call.problem) for call in found]


ROME = [("weather.Now", {"city": "Rome"}, "")]


@pytest.mark.parametrize("case", PIECES)
@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize("again", [{}, {"id": "a"}, {"id": ""}])
def test_chat_completions(case: str, again: dict[str, Any], late: bool, clients: Clients, server: Loopback) -> None:
    assert calls_of("custom", chat_stream(PIECES[case], again, late=late), clients, server) == ROME


@pytest.mark.parametrize("case", PIECES)
def test_the_messages_api(case: str, clients: Clients, server: Loopback) -> None:
    assert calls_of("anthropic", anthropic_stream(PIECES[case]), clients, server) == ROME


@pytest.mark.parametrize("case", PIECES)
def test_the_responses_api(case: str, clients: Clients, server: Loopback) -> None:
    assert calls_of("openai", responses_stream(PIECES[case]), clients, server, api="responses") == ROME
