"""Streams of the Responses API whose server numbers and names the items wrongly or not at all: no item is lost."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ai_wm.providers import Clients, responses
from ai_wm.providers.adapter import BadReply
from ai_wm.providers.base import LLMResponse, Usage
from tests.ai_wm.providers.loopback import Loopback
from tests.ai_wm.providers.response_wire import called, message, reasoning, response, sse, stream_events
from tests.ai_wm.providers.support import WEATHER, at, collect, request

Event = dict[str, Any]

REPLIES = {
    "two messages": response(message("One.", 1), message("Two.", 2)),
    "two calls": response(called({"city": "Rome"}, 1), called({"city": "Oslo"}, 2)),
    "a message, a call": response(message("I look."), called({"city": "Rome"})),
    "reasoning, a call": response(reasoning(), called({"city": "Rome"})),
    "reasoning, a message, two calls": response(
        reasoning(1, "Hm."), message("I look."), called({"city": "Rome"}, 1), called({"city": "Oslo"}, 2)
    ),
}


def all_0(event: Event) -> Event:
    return {**event, "output_index": 0} if "output_index" in event else event


def without_index(event: Event) -> Event:
    return {key: value for key, value in event.items() if key != "output_index"}


def without_item_id(event: Event) -> Event:
    made = {key: value for key, value in event.items() if key != "item_id"}
    if isinstance(made.get("item"), dict):
        made["item"] = {key: value for key, value in made["item"].items() if key != "id"}
    return made


def other_ids(event: Event) -> Event:
    """An id of its own for every event, as some gateways make them up."""
    made = dict(event)
    if "item_id" in made:
        made["item_id"] = f"id_{event['sequence_number']}"
    if isinstance(made.get("item"), dict):
        made["item"] = {**made["item"], "id": f"id_{event['sequence_number']}"}
    return made


NUMBERED: dict[str, Callable[[Event], Event]] = {
    "all 0": all_0,
    "all 0, no ids": lambda event: without_item_id(all_0(event)),
    "all 0, other ids": lambda event: other_ids(all_0(event)),
    "no index": without_index,
    "no index, no ids": lambda event: without_item_id(without_index(event)),
    "other ids": other_ids,
}
ENDS: dict[str, Callable[[Event], Event]] = {
    "empty": lambda whole: {**whole, "output": []},
    "absent": lambda whole: {key: value for key, value in whole.items() if key != "output"},
    "hollow": lambda whole: {**whole, "output": [{"type": "message", "role": "assistant", "content": []}]},
}


def streamed(events: list[Event]) -> tuple[str, LLMResponse]:
    parser = responses.stream_parser(request("openai", tools=(WEATHER,)))
    text = "".join([parser.feed(event["type"], event) for event in events])
    return text, parser.response()


def said_in(found: LLMResponse) -> tuple[str, list[Any]]:
    return found.text, [(call.id, call.arguments) for call in found.tool_calls]


def kept_in(found: LLMResponse) -> list[tuple[str, Any]]:
    output = (found.provider_data or {}).get("output", [])
    return [(item["type"], item.get("encrypted_content")) for item in output]


@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS)
@pytest.mark.parametrize("number", NUMBERED.values(), ids=NUMBERED)
@pytest.mark.parametrize("whole", REPLIES.values(), ids=REPLIES)
def test_no_item_is_lost(whole: Event, number: Callable[[Event], Event], end: Callable[[Event], Event]) -> None:
    events = [number(event) for event in stream_events(whole)]
    events[-1] = {**events[-1], "response": end(whole)}
    text, found = streamed(events)
    expected = responses.parse(whole, request("openai", tools=(WEATHER,)))
    assert said_in(found) == said_in(expected)
    assert kept_in(found) == kept_in(expected)
    assert text == found.text


@pytest.mark.parametrize("number", [all_0, without_index], ids=["all 0", "no index"])
@pytest.mark.parametrize("name", ["two messages", "two calls", "a message, a call"])
def test_no_item_is_lost_where_none_is_said_to_be_done(name: str, number: Callable[[Event], Event]) -> None:
    whole = REPLIES[name]
    events = [number(event) for event in stream_events(whole) if event["type"] != "response.output_item.done"]
    events[-1] = {**events[-1], "response": {**whole, "output": []}}
    text, found = streamed(events)
    assert said_in(found) == said_in(responses.parse(whole, request("openai", tools=(WEATHER,))))
    assert text == found.text


@pytest.mark.parametrize("number", NUMBERED.values(), ids=NUMBERED)
def test_pieces_alone_are_a_reply(number: Callable[[Event], Event], clients: Clients, server: Loopback) -> None:
    whole = response(message("Hi there"))
    pieces = [event for event in stream_events(whole) if event["type"] == "response.output_text.delta"]
    end = {"type": "response.completed", "response": ENDS["hollow"](whole)}
    server.will(sse(*map(number, pieces), end))
    text, found = collect(clients.for_provider("openai").stream(at(server, "openai", api="responses")))
    assert (text, found.text, found.attempts) == ("Hi there", "Hi there", 1)


@pytest.mark.parametrize("hollow", [{"content": []}, {"content": [{"type": "output_text", "text": ""}]}], ids=str)
def test_a_whole_message_without_its_text_takes_nothing_away(hollow: Event) -> None:
    whole = response(message("Hi there"))
    events = stream_events(whole)
    events[-2] = {**events[-2], "item": {**events[-2]["item"], **hollow}}
    events[-1] = {**events[-1], "response": {**whole, "output": [events[-2]["item"]]}}
    text, found = streamed(events)
    assert (text, found.text) == ("Hi there", "Hi there")


@pytest.mark.parametrize("output", [{"text": "Hi"}, [{"type": "message", "content": {"text": "Hi"}}]], ids=str)
def test_what_an_output_costs_that_cannot_be_read(output: Any) -> None:
    whole = response(message("Hi there"))
    events = stream_events(whole)
    events[-1] = {**events[-1], "response": {**whole, "output": output}}
    with pytest.raises(BadReply) as caught:
        streamed(events)
    assert caught.value.usage == Usage(input_tokens=9, output_tokens=3)


def test_a_whole_item_that_comes_twice_is_one() -> None:
    whole = REPLIES["a message, a call"]
    events = [event for event in stream_events(whole) for _ in range(1 + (event["type"].endswith("item.done")))]
    events[-1] = {**events[-1], "response": {**whole, "output": []}}
    text, found = streamed(events)
    assert said_in(found) == said_in(responses.parse(whole, request("openai", tools=(WEATHER,))))
    assert text == "I look."


def test_items_that_come_in_turns_under_one_number() -> None:
    whole = REPLIES["two calls"]
    events = [all_0(event) for event in stream_events(whole)]
    begun, rest = events[:2], events[2:-1]
    halves = [rest[: len(rest) // 2], rest[len(rest) // 2 :]]
    mixed = [event for pair in zip(*halves, strict=True) for event in pair]
    end = {**events[-1], "response": {**whole, "output": []}}
    assert said_in(streamed([*begun, *mixed, end])[1]) == said_in(
        responses.parse(whole, request("openai", tools=(WEATHER,)))
    )
