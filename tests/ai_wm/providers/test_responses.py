"""The wire format of OpenAI's Responses API."""

from __future__ import annotations

from typing import Any

import pytest

from ai_wm.providers import openai, responses
from ai_wm.providers.adapter import BadReply, StreamError
from ai_wm.providers.base import LLMResponse, Message, ToolCallRequest, Usage
from ai_wm.providers.estimates import input_size
from tests.ai_wm.helpers import raises_code
from tests.ai_wm.providers.response_wire import called, message, reasoning, response, stream_events
from tests.ai_wm.providers.support import WEATHER, request, user
from tests.ai_wm.providers.test_openai import CLOSED, SCHEMA, TURN

ENCRYPTED = ["reasoning.encrypted_content"]
TOOL = {
    "type": "function",
    "name": "weather_Now",
    "description": "The weather at a place.",
    "parameters": WEATHER.parameters,
    "strict": False,
}


def body(*messages: Message, provider: str = "openai", model: str = "m-1", **config: Any) -> dict[str, Any]:
    asked = request(provider, *messages, model=model, config=config, tools=(WEATHER,), system="Be brief.")
    return responses.build(asked).body


def parse(reply: Any, provider: str = "openai", **config: Any) -> LLMResponse:
    return responses.parse(reply, request(provider, tools=(WEATHER,), config=config))


def streamed(*events: Any, provider: str = "openai") -> tuple[str, LLMResponse]:
    parser = responses.stream_parser(request(provider, tools=(WEATHER,)))
    text = "".join(parser.feed("", event) for event in events)
    assert parser.ended()
    return text, parser.response()


# --- Requests ---


def test_a_turn_with_two_tool_calls_and_their_results() -> None:
    call = responses.build(request("openai", *TURN, tools=(WEATHER,), system="Be brief."))
    assert call.path == "responses"
    assert call.body == {
        "model": "m-1",
        "instructions": "Be brief.",
        "input": [
            {"role": "user", "content": "Weather in Rome and Oslo?"},
            {"role": "assistant", "content": "Let me look."},
            {"type": "function_call", "call_id": "call_a", "name": "weather_Now", "arguments": '{"city": "Rome"}'},
            {"type": "function_call", "call_id": "call_b", "name": "weather_Now", "arguments": '{"city": "Oslo"}'},
            {"type": "function_call_output", "call_id": "call_a", "output": "20 C"},
            {"type": "function_call_output", "call_id": "call_b", "output": "no such place"},
        ],
        "tools": [TOOL],
        "store": False,
        "include": ENCRYPTED,
    }


@pytest.mark.parametrize(
    ("config", "sent"),
    [
        ({"temperature": 0.2, "top_p": 0.9}, {"temperature": 0.2, "top_p": 0.9}),
        ({"max_output_tokens": 50}, {"max_output_tokens": 50}),
        ({"max_completion_tokens": 50}, {"max_output_tokens": 50}),
        ({"max_tokens": 50}, {"max_output_tokens": 50}),
        ({"reasoning_effort": "low"}, {"reasoning": {"effort": "low"}}),
        (
            {"reasoning_effort": "low", "reasoning": {"summary": "auto"}},
            {"reasoning": {"effort": "low", "summary": "auto"}},
        ),
        ({"verbosity": "low"}, {"text": {"verbosity": "low"}}),
        (
            {"verbosity": "low", "response_format": "json"},
            {"text": {"verbosity": "low", "format": {"type": "json_object"}}},
        ),
        (
            {"service_tier": "flex", "parallel_tool_calls": False},
            {"service_tier": "flex", "parallel_tool_calls": False},
        ),
        (
            {"logprobs": True, "top_logprobs": 2},
            {"include": [*ENCRYPTED, "message.output_text.logprobs"], "top_logprobs": 2},
        ),
        ({"include": ["web_search_call.action.sources"]}, {"include": [*ENCRYPTED, "web_search_call.action.sources"]}),
        ({"include": None}, {"include": None}),
        ({"store": True, "n": 1}, {"store": True}),
        ({"api": "responses", "timeout_seconds": 3, "fallbacks": ["b"], "on_limit": "wait"}, {}),
    ],
    ids=str,
)
def test_settings(config: dict[str, Any], sent: dict[str, Any]) -> None:
    plain = body(user("Say JSON."))
    wanted = {key: value for key, value in {**plain, **sent}.items() if value is not None}
    assert body(user("Say JSON."), **config) == wanted


@pytest.mark.parametrize(
    "option",
    [
        {"seed": 7},
        {"top_k": 5},
        {"min_p": 0.1},
        {"logit_bias": {"1": 5}},
        {"presence_penalty": 0.5},
        {"frequency_penalty": 0.5},
        {"repetition_penalty": 1.1},
    ],
    ids=str,
)
def test_sampling_that_the_api_lacks_is_left_out_with_a_warning(
    option: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    name = next(iter(option))
    with caplog.at_level("WARNING"):
        assert body(model=f"of {name}", **option) == body(model=f"of {name}")
    assert [f"openai has no {name}" in record.getMessage() for record in caplog.records] == [True]
    assert body(provider="custom", **option)[name] == option[name]  # another server may know it


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"stop": ["END"]}, r"base_config\.stop .*takes no stop sequences.*api: 'chat'"),
        ({"max_output_tokens": 15}, r"base_config\.max_output_tokens is 15; expected at least 16"),
        ({"max_tokens": 1}, r"base_config\.max_output_tokens is 1; expected at least 16"),
        ({"n": 2}, r"base_config\.n is 2; expected 1"),
        ({"background": True}, r"base_config\.background is true; expected false"),
        ({"reasoning": {"max_tokens": 64}, "max_output_tokens": 64}, r"leaves nothing of max_output_tokens"),
        ({"tool_choice": "clock.Now"}, r"base_config\.tool_choice"),
        *(
            ({key: "x"}, rf"base_config\.{key} cannot be set")
            for key in ("input", "instructions", "messages", "model", "tools", "stream")
        ),
        *(({key: "x"}, rf"base_config\.{key} cannot be set") for key in ("conversation", "previous_response_id")),
    ],
    ids=str,
)
def test_settings_that_cannot_be_met_are_refused(config: dict[str, Any], said: str) -> None:
    with raises_code(4, said):
        responses.build(request("openai", config=config, tools=(WEATHER,)))


def test_other_servers_have_their_own_limits() -> None:
    sent = body(provider="custom", stop="END", max_output_tokens=1)
    assert (sent["stop"], sent["max_output_tokens"]) == (["END"], 1)


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ("auto", "auto"),
        ("none", "none"),
        ("any", "required"),
        ("weather.Now", {"type": "function", "name": "weather_Now"}),
        ({"type": "tool", "name": "weather.Now"}, {"type": "function", "name": "weather_Now"}),
    ],
    ids=str,
)
def test_tool_choice(given: Any, sent: Any) -> None:
    assert body(tool_choice=given)["tool_choice"] == sent


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ("json", {"type": "json_object"}),
        (SCHEMA, {"type": "json_schema", "name": "reply", "schema": SCHEMA}),
        (
            {"type": "json_schema", "json_schema": {"name": "my thing", "schema": SCHEMA, "strict": True}},
            {"type": "json_schema", "name": "my_thing", "schema": CLOSED, "strict": True},
        ),
    ],
    ids=str,
)
def test_response_format(given: Any, sent: Any) -> None:
    assert body(response_format=given)["text"] == {"format": sent}


def test_a_schema_of_no_object_is_told_in_the_instructions() -> None:
    sent = body(response_format={"type": "array", "items": {"type": "integer"}})
    assert "text" not in sent
    assert sent["instructions"].startswith("Be brief.")
    assert '"array"' in sent["instructions"]


@pytest.mark.parametrize(("text", "told"), [("Name a colour.", True), ("Name a colour in json.", False)])
def test_the_json_mode_finds_its_word_in_the_input(text: str, told: bool) -> None:
    first = body(user(text), response_format="json")["input"][0]
    assert (first["role"], "JSON" in first["content"]) == (("developer", True) if told else ("user", False))


@pytest.mark.parametrize(
    ("model", "include"),
    [("gpt-5.6", True), ("o3", True), ("m-1", True), ("gpt-4o-mini", False), ("ft:gpt-4.1:me::1", False)],
)
def test_models_that_do_not_reason_are_not_asked_for_reasoning(model: str, include: bool) -> None:
    assert ("include" in body(model=model)) == include


def test_compatible_servers_get_alternating_turns_and_items_they_all_read() -> None:
    said = Message(role="assistant", content="hi")
    sent = body(user("a file"), user("a question"), said, user("x"), provider="custom")["input"]
    assert [item["role"] for item in sent] == ["user", "assistant", "user"]
    assert sent[0]["content"] == "a file\n\na question"
    assert sent[1]["content"] == [{"type": "output_text", "text": "hi", "annotations": []}]


@pytest.mark.parametrize("call_id", ["c" * 64, "c" * 65, "toolu_01", "", "the same"])
def test_ids_of_calls_fit_and_are_unique(call_id: str) -> None:
    turns: list[Message] = []
    for city in ("Rome", "Oslo"):
        call = ToolCallRequest(id=call_id, name="weather.Now", arguments={"city": city})
        turns += [
            user(city),
            Message(role="assistant", content="", tool_calls=(call,)),
            Message(role="tool", content=f"fair in {city}", tool_call_id=call_id),
        ]
    sent = body(*turns)["input"]
    asked = [item["call_id"] for item in sent if item.get("type") == "function_call"]
    answered = {item["call_id"]: item["output"] for item in sent if item.get("type") == "function_call_output"}
    assert [answered[each] for each in asked] == ["fair in Rome", "fair in Oslo"]
    assert all(0 < len(each) <= 64 for each in asked)
    assert (asked[0] == call_id) == (0 < len(call_id) <= 64)


# --- Reasoning that goes back ---

CALLING = response(
    reasoning(1, "Look it up."),
    message("Let me look.", 1, phase="commentary"),
    called({"city": "Rome"}, 1),
    reasoning(2),
    called({"city": "Oslo"}, 2),
)
RESULTS = tuple(Message(role="tool", content="20 C", tool_call_id=f"call_{number}") for number in (1, 2))


def test_the_items_of_a_reply_go_back_as_they_came_within_the_turn_and_later() -> None:
    asked = user("Weather?")
    first = parse(CALLING).as_message()
    answer = parse(response(reasoning(3), message("Fair.", 3))).as_message()
    results = [{"type": "function_call_output", "call_id": f"call_{number}", "output": "20 C"} for number in (1, 2)]
    within = body(asked, first, *RESULTS)["input"]
    assert within == [{"role": "user", "content": "Weather?"}, *CALLING["output"], *results]
    later = body(asked, first, *RESULTS, answer, user("Thanks."))["input"]
    assert later == [*within, reasoning(3), message("Fair.", 3), {"role": "user", "content": "Thanks."}]


@pytest.mark.parametrize(
    ("items", "back"),
    [
        pytest.param([message()], [{"role": "assistant", "content": "Hi there"}], id="plain text"),
        pytest.param(
            [reasoning(encrypted=None), message()],
            [{"role": "assistant", "content": "Hi there"}],
            id="reasoning that nobody has kept",
        ),
        pytest.param([reasoning(), message(), reasoning(2)], [reasoning(), message()], id="reasoning that was cut"),
        pytest.param(
            [{**reasoning(encrypted=None), "content": [{"type": "reasoning_text", "text": "hm"}]}, message()],
            [
                {
                    "id": "rs_1",
                    "type": "reasoning",
                    "summary": [],
                    "content": [{"type": "reasoning_text", "text": "hm"}],
                },
                message(),
            ],
            id="reasoning in the open, and no null",
        ),
        pytest.param(
            [reasoning(encrypted=None), message(phase="final_answer")],
            [{key: value for key, value in message(phase="final_answer").items() if key != "id"}],
            id="a phase without its reasoning",
        ),
        pytest.param(
            [{"type": "compaction", "id": "cmp_1", "encrypted_content": "x"}, message()], None, id="other items"
        ),
    ],
)
def test_what_goes_back_of_a_reply(items: list[dict[str, Any]], back: list[dict[str, Any]] | None) -> None:
    sent = body(user("hi"), parse(response(*items)).as_message(), user("Go on."))["input"]
    assert sent[1:-1] == (items if back is None else back)


def test_reasoning_that_the_server_stores_goes_back_by_its_id() -> None:
    kept = parse(response(reasoning(encrypted=None), message()), store=True).as_message()
    sent = body(user("hi"), kept, user("Go on."), store=True)["input"]
    assert sent[1:-1] == [{"id": "rs_1", "type": "reasoning", "summary": []}, message()]


@pytest.mark.parametrize("other", [{"model": "m-2"}, {"provider": "custom"}, {"base_url": "https://other.example/v1"}])
def test_another_model_or_server_gets_text_and_calls_alone(other: dict[str, Any]) -> None:
    sent = body(user("Weather?"), parse(CALLING).as_message(), *RESULTS, **other)["input"]
    kinds = [item.get("type") or item["role"] for item in sent]
    assert "reasoning" not in kinds
    assert kinds.count("function_call") == kinds.count("function_call_output") == 2
    assert not any("id" in item for item in sent)


def test_a_conversation_goes_on_in_the_other_api() -> None:
    history = (user("Weather?"), parse(CALLING).as_message(), *RESULTS)
    there = openai.build(request("openai", *history, tools=(WEATHER,))).body["messages"]
    assert [each["role"] for each in there] == ["user", "assistant", "tool", "tool"]
    assert [call["id"] for call in there[1]["tool_calls"]] == ["call_1", "call_2"]
    chat = {"role": "assistant", "content": None, "reasoning_content": "hm", "tool_calls": []}
    chat["tool_calls"] = [{"id": "call_9", "function": {"name": "weather_Now", "arguments": '{"city": "Rome"}'}}]
    reply = {"choices": [{"message": chat, "finish_reason": "tool_calls"}]}
    from_chat = openai.parse(reply, request("openai", tools=(WEATHER,))).as_message()
    back = body(user("Weather?"), from_chat, Message(role="tool", content="20 C", tool_call_id="call_9"))["input"]
    assert [item.get("call_id") for item in back] == [None, "call_9", "call_9"]


def test_a_broken_call_goes_back_with_arguments_that_can_be_read() -> None:
    said = parse(response(reasoning(), called("{broken"))).as_message()
    assert "JSON" in said.tool_calls[0].problem
    result = Message(role="tool", content=said.tool_calls[0].problem, tool_call_id="call_1", is_error=True)
    assert body(user("hi"), said, result)["input"][2] == called({})


def test_a_merged_message_goes_back_with_all_its_text() -> None:
    one, other = (parse(response(reasoning(), message(text)), "custom").as_message() for text in ("one", "other"))
    sent = body(user("hi"), one, other, user("x"), provider="custom")["input"]
    assert [part["text"] for part in sent[1]["content"]] == ["one\n\nother"]


@pytest.mark.parametrize("size", [100, 10_000])
def test_the_estimate_of_the_input_counts_reasoning_and_counts_text_once(size: int) -> None:
    def measured(*items: dict[str, Any]) -> tuple[int, int, int]:
        asked = request("openai", user("hi"), parse(response(*items)).as_message(), user("x"), model="m-1")
        found = input_size(asked)
        return found.tokens, found.most, len(str(responses.build(asked).body["input"]))

    text = "w " * size
    plain, reasoned = measured(message(text)), measured(reasoning(encrypted="A" * size), message(text))
    assert reasoned[1] >= plain[1] + size
    assert reasoned[1] >= reasoned[2] - 200  # the most covers all that is sent
    assert reasoned[0] - plain[0] < (size / 3) + 200, "the text is counted once"


# --- Replies ---


def test_a_reply_with_parallel_tool_calls() -> None:
    found = parse(CALLING)
    assert (found.text, found.finish_reason, found.model) == ("Let me look.", "tool_calls", "m-1-2026")
    assert (found.request_id, found.service_tier) == ("resp_1", "default")
    assert found.tool_calls == (
        ToolCallRequest(id="call_1", name="weather.Now", arguments={"city": "Rome"}),
        ToolCallRequest(id="call_2", name="weather.Now", arguments={"city": "Oslo"}),
    )


def incomplete(reason: str | None, *items: dict[str, Any]) -> dict[str, Any]:
    return response(*items, status="incomplete", incomplete_details={"reason": reason} if reason else None)


@pytest.mark.parametrize(
    ("reply", "finish", "word"),
    [
        (response(message()), "stop", ""),
        (incomplete("max_output_tokens", message(status="incomplete")), "length", ""),
        (incomplete("max_messages", message()), "unknown", "max_messages"),
        (incomplete(None, message()), "unknown", "incomplete"),
    ],
    ids=str,
)
def test_ends(reply: dict[str, Any], finish: str, word: str) -> None:
    for found in (parse(reply), streamed(*stream_events(reply))[1]):
        assert (found.finish_reason, found.provider_finish_reason) == (finish, word)


@pytest.mark.parametrize(
    ("provider", "limit", "finish"), [("custom", 3, "length"), ("custom", 4, "stop"), ("openai", 3, "stop")]
)
def test_a_server_that_does_not_tell_that_it_has_cut_the_reply(provider: str, limit: int, finish: str) -> None:
    assert parse(response(message()), provider, max_tokens=limit).finish_reason == finish


def test_a_server_that_gives_no_status() -> None:
    assert parse(response(message(), status=None)).finish_reason == "unknown"


FAILED = {"status": "failed", "usage": None}


@pytest.mark.parametrize(
    ("reply", "cause", "status", "final", "said"),
    [
        (incomplete("content_filter", message("Well,")), "content_filter", 0, True, "content filter"),
        (response(message(refusal="I will not.")), "content_filter", 0, True, r"I will not\."),
        (response(error={"code": "server_error", "message": "Oops."}, **FAILED), "", 500, False, r"Oops\."),
        (response(error={"code": "rate_limit_exceeded", "message": "Slow."}, **FAILED), "", 429, False, "Slow"),
        (response(error={"code": "vector_store_timeout", "message": "Slow."}, **FAILED), "", 0, False, "Slow"),
        (response(error={"code": "invalid_prompt", "message": "No."}, **FAILED), "", 400, False, "No"),
        (response(error={"code": "bio_policy", "message": "No."}, **FAILED), "content_filter", 0, True, "No"),
        (response(error=None, metadata={"message": "mine"}, **FAILED), "", 0, False, "gives no reason"),
        ({"error": {"message": "Bad gateway", "code": 502}}, "", 502, False, "Bad gateway"),
        ({"detail": "Not here"}, "", 0, False, "Not here"),
    ],
    ids=lambda value: None if isinstance(value, dict) else str(value),
)
def test_failures(reply: dict[str, Any], cause: str, status: int, final: bool, said: str) -> None:
    with pytest.raises(StreamError, match=said) as caught:
        parse(reply)
    assert (caught.value.reply.cause, caught.value.reply.status, caught.value.reply.final) == (cause, status, final)
    if "status" in reply:
        with pytest.raises(StreamError, match=said) as again:
            streamed(*stream_events(reply))
        assert again.value.reply == caught.value.reply


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        ([], "not an object"),
        (response(output=None), "output"),
        (response(output={}), "output"),
        (response("x"), "an item of output"),
        (response(message(content="x")), "content"),
        (response(message(content=[{"type": "output_text", "text": 3}])), "text"),
        (response(status="queued"), "'queued'"),
        (response(status=3), "status"),
    ],
)
def test_replies_that_are_none(reply: Any, said: str) -> None:
    with pytest.raises(BadReply, match=said):
        parse(reply)


def test_a_reply_that_was_cut_while_the_model_reasoned() -> None:
    with pytest.raises(BadReply, match="before it had any text") as caught:
        parse(incomplete("max_output_tokens", reasoning()))
    assert (caught.value.usage, caught.value.final) == (Usage(input_tokens=9, output_tokens=3), True)


def test_arguments_that_were_cut() -> None:
    with pytest.raises(BadReply, match=r"within the arguments of a call of weather\.Now") as caught:
        parse(incomplete("max_output_tokens", called('{"city": "Ro', status="incomplete")))
    assert caught.value.usage == Usage(input_tokens=9, output_tokens=3)


def test_usage() -> None:
    usage = {
        "input_tokens": 2006,
        "input_tokens_details": {"cached_tokens": 1920, "cache_write_tokens": 80},
        "output_tokens": 300,
        "output_tokens_details": {"reasoning_tokens": 256},
        "total_tokens": 2306,
    }
    assert parse(response(message(), usage=usage)).usage == Usage(
        input_tokens=2006, cache_read_tokens=1920, cache_write_tokens=80, output_tokens=300, reasoning_tokens=256
    )


# --- Streams ---

TWO_MESSAGES = response(reasoning(1, "One.", "Two."), message("Looking.", 1), message("It is fair.", 2))


@pytest.mark.parametrize("pieces", [1, 2, 7])
@pytest.mark.parametrize("whole", [CALLING, TWO_MESSAGES, response(message()), response(message("Ünïcödé 漢字"))])
def test_a_stream_gives_what_the_reply_gives(whole: dict[str, Any], pieces: int) -> None:
    events = stream_events(whole, pieces)
    last = {**whole, "output": []}
    terse = [{key: value for key, value in event.items() if key != "output_index"} for event in events]
    for given in (events, terse, [*events[:-1], {**events[-1], "response": last}], [events[-1]], [whole]):
        text, found = streamed(*given)
        assert found == parse(whole)
        assert found.provider_data == parse(whole).provider_data
        assert text == found.text


@pytest.mark.parametrize("whole", [CALLING, TWO_MESSAGES])
def test_a_stream_whose_server_never_says_that_an_item_is_done(whole: dict[str, Any]) -> None:
    events = [event for event in stream_events(whole) if event["type"] != "response.output_item.done"]
    events[-1] = {**events[-1], "response": {**whole, "output": []}}
    text, found = streamed(*events)
    assert (text, found.text, found.tool_calls) == (parse(whole).text, text, parse(whole).tool_calls)


def test_unknown_events_are_ignored_and_the_end_is_the_last_event() -> None:
    events = stream_events(response(message()))
    parser = responses.stream_parser(request("openai"))
    for event in [{"type": "keepalive"}, *events[:-1], "[DONE]"]:
        parser.feed("", event)
    assert not parser.ended()
    parser.feed("", events[-1])
    assert parser.ended()


def test_all_that_the_model_writes_is_counted_as_it_comes() -> None:
    parser = responses.stream_parser(request("openai"))
    for event in stream_events(response(reasoning(1, "One.", encrypted="A" * 400), message("Hi"), called("{}")))[:-1]:
        parser.feed("", event)
    assert parser.produced == len("One.") + 300 + len("Hi") + len("{}")


@pytest.mark.parametrize(
    "event",
    [
        {"type": "error", "code": "server_error", "message": "Oops.", "param": None, "sequence_number": 3},
        {"type": "error", "error": {"type": "server_error", "message": "Oops."}},
        {"error": {"type": "server_error", "message": "Oops."}},
    ],
    ids=str,
)
def test_an_error_in_a_stream_keeps_what_came(event: dict[str, Any]) -> None:
    parser = responses.stream_parser(request("openai"))
    for before in stream_events(response(message()))[:5]:
        parser.feed("", before)
    with pytest.raises(StreamError, match=r"Oops\.") as caught:
        parser.feed("", event)
    assert (caught.value.reply.status, caught.value.text) == (500, "Hi t")
