"""Conversations as the provider takes them that is asked next, whatever has happened before."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ai_wm.providers import Clients, anthropic, google, ollama, openai, responses
from ai_wm.providers.adapter import Adapter, origin
from ai_wm.providers.base import LLMRequest, LLMResponse, Message, ToolCallRequest
from ai_wm.providers.history import NO_RESULT, Form, conversation
from neuroscript import NeuroScriptError
from tests.ai_wm.helpers import raises_code, worker
from tests.ai_wm.providers.loopback import Loopback, Received, reply, serve
from tests.ai_wm.providers.support import WEATHER, at, body_of, request, user
from tests.ai_wm.providers.wire import asking, call, calling, completion, plain, sent

ADAPTERS: dict[str, Adapter] = {
    "anthropic": anthropic,
    "custom": openai,
    "google": google,
    "ollama": ollama,
    "openai": openai,
    "responses": responses,
}


def said(text: str, *calls: ToolCallRequest, **more: Any) -> Message:
    return Message(role="assistant", content=text, tool_calls=calls, **more)


def asked(call_id: str, name: str = "weather.Now") -> ToolCallRequest:
    return ToolCallRequest(id=call_id, name=name, arguments={"city": "Rome"})


def result(call_id: str, content: str = "20 C") -> Message:
    return Message(role="tool", content=content, tool_call_id=call_id, name="weather.Now")


def shaped(*messages: Message, provider: str = "custom", **form: Any) -> list[Message]:
    return conversation(request(provider, *messages), Form(**form))


def texts(messages: list[Message]) -> list[tuple[str, str]]:
    return [(message.role, message.content) for message in messages]


@pytest.mark.parametrize("blank", ["", " ", "\n\t", "\u00a0"])
def test_texts_that_say_nothing_are_left_out(blank: str) -> None:
    made = shaped(user("a"), said(blank), user(blank), said("b"), user("c"))
    assert texts(made) == [("user", "a"), ("assistant", "b"), ("user", "c")]


@pytest.mark.parametrize("provider", ["anthropic", "google"])
@pytest.mark.parametrize("blank", ["", " \n"])
def test_a_prompt_that_says_nothing_is_refused_where_the_provider_would(provider: str, blank: str) -> None:
    with raises_code(4, "empty or white space"):
        ADAPTERS[provider].build(request(provider, user("a"), said("b"), user(blank)))
    assert openai.build(request("custom", user(blank))).body["messages"] == [{"role": "user", "content": blank}]


def test_each_call_has_one_result_right_behind_it_and_in_its_place() -> None:
    made = shaped(
        user("a"), said("", asked("1"), asked("2"), asked("3")), result("3", "c"), result("1", "a"), user("b")
    )
    assert texts(made)[2:5] == [("tool", "a"), ("tool", NO_RESULT), ("tool", "c")]
    assert made[3].is_error
    assert [message.tool_call_id for message in made[2:5]] == [item.id for item in made[1].tool_calls]


def test_results_of_calls_that_are_not_there_are_told_as_text() -> None:
    made = shaped(result("9", "20 C"), user("a"), said("", asked("1")), result("1"), result("8", "30 C"), user("b"))
    assert texts(made)[0] == ("user", "The result of weather.Now: 20 C")
    assert ("user", "The result of weather.Now: 30 C") in texts(made)


def test_ids_are_unique_in_the_conversation_and_tie_results_to_calls() -> None:
    turn = (said("", asked("functions.weather:0"), asked("functions.weather:0")),)
    turn += (result("functions.weather:0", "a"), result("functions.weather:0", "b"))
    made = shaped(user("x"), *turn, user("y"), *turn, user("z"))
    calls = [item.id for message in made for item in message.tool_calls]
    results = [message.tool_call_id for message in made if message.role == "tool"]
    assert len(set(calls)) == 4
    assert results == calls


@pytest.mark.parametrize(
    ("provider", "rule"),
    [("anthropic", r"[a-zA-Z0-9_-]{1,64}"), ("openai", r".{1,40}"), ("custom", r"[a-zA-Z0-9]{9}")],
)
@pytest.mark.parametrize("given", ["functions.weather:0", "call|" + "x" * 90, "chatcmpl-tool-" + "0" * 32, "ü", ""])
def test_ids_of_another_provider_become_ones_that_the_next_takes(provider: str, rule: str, given: str) -> None:
    messages = (user("x"), said("", asked(given)), result(given), user("y"))
    body = ADAPTERS[provider].build(request(provider, *messages, tools=(WEATHER,))).body
    if provider == "anthropic":
        ids = [body["messages"][1]["content"][0]["id"], body["messages"][2]["content"][0]["tool_use_id"]]
    else:
        ids = [body["messages"][1]["tool_calls"][0]["id"], body["messages"][2]["tool_call_id"]]
    assert ids[0] == ids[1]
    assert re.fullmatch(rule, ids[0])
    again = ADAPTERS[provider].build(request(provider, *messages, user("z"), tools=(WEATHER,))).body
    assert str(again["messages"][:2]) == str(body["messages"][:2])  # a history keeps its ids, for the provider's cache


def test_a_servers_own_ids_go_back_as_they_came(server: Loopback) -> None:
    own = "functions.str__ToUpper:0"
    first = calling(call({"input_string": "hey"}, own))
    with asking(server.will(*plain(first, completion())), tool_allowlist=["str.*"]) as manager:
        manager.execute_stateless_task("w", "Shout hey.")
    messages = sent(server)["messages"]
    assert messages[1]["tool_calls"][0]["id"] == messages[2]["tool_call_id"] == own


def test_what_another_server_wanted_to_see_again_is_dropped() -> None:
    first = completion("x", message={"reasoning_content": "hm", "tool_calls": [call({}, name="weather_Now")]})
    one = request("custom", user("a"), tools=(WEATHER,), config={"base_url": "http://one/v1"})
    turn = (user("a"), openai.parse(first, one).as_message(), result("call_1"), user("b"))

    def messages(**changes: Any) -> Any:
        fields = {"config": one.config, "tools": (WEATHER,), **changes}
        return openai.build(request("custom", *turn, **fields)).body["messages"]

    assert messages()[1]["reasoning_content"] == "hm"
    assert messages()[1]["tool_calls"][0]["id"] == "call_1"
    for changes in ({"config": {"base_url": "http://two/v1"}}, {"model": "m-2"}):
        assert "reasoning_content" not in messages(**changes)[1]
        assert messages(**changes)[1]["tool_calls"][0]["id"] != "call_1"


SIGNED: dict[str, Any] = {
    "anthropic": {
        **body_of("anthropic"),
        "content": [
            {"type": "thinking", "thinking": "", "signature": "sig=="},
            {"type": "text", "text": ""},
            {"type": "redacted_thinking", "data": "x"},
            {"type": "text", "text": " \n"},
            {"type": "tool_use", "id": "toolu_1", "name": "weather_Now", "input": {"city": "Rome"}},
        ],
        "stop_reason": "tool_use",
    },
    "google": {
        **body_of("google"),
        "candidates": [
            {
                "content": {
                    "parts": [
                        {"text": "", "thoughtSignature": "c2ln"},
                        {"text": ""},
                        {"functionCall": {"name": "weather_Now", "args": {"city": "Rome"}}, "thoughtSignature": "c2"},
                    ]
                },
                "finishReason": "STOP",
            }
        ],
    },
}


def test_empty_text_beside_signed_thinking() -> None:
    for provider, adapter in (("anthropic", anthropic), ("google", google)):
        one = request(provider, user("a"), tools=(WEATHER,))
        response = adapter.parse(SIGNED[provider], one)
        (item,) = response.tool_calls
        turn = (user("a"), response.as_message(), result(item.id), user("b"))
        body = adapter.build(request(provider, *turn, tools=(WEATHER,))).body
        if provider == "anthropic":
            kinds = [block["type"] for block in body["messages"][1]["content"]]
            assert kinds == ["thinking", "redacted_thinking", "tool_use"]
            assert body["messages"][1]["content"][0] == SIGNED["anthropic"]["content"][0]
        else:
            assert body["contents"][1]["parts"] == [
                SIGNED["google"]["candidates"][0]["content"]["parts"][n] for n in (0, 2)
            ]
        # Asked next is another model, to which the signatures mean nothing.
        other = str(adapter.build(request(provider, *turn, tools=(WEATHER,), model="m-2")).body)
        assert "sig==" not in other
        assert "c2ln" not in other


def test_a_signed_answer_goes_back_signed_to_google() -> None:
    parts = [{"text": "Yes."}, {"text": "", "thoughtSignature": "c2ln"}]
    body = body_of("google")
    body["candidates"][0]["content"]["parts"] = parts
    one = request("google", user("a"))
    turn = (user("a"), google.parse(body, one).as_message(), user("b"))
    assert google.build(request("google", *turn)).body["contents"][1]["parts"] == parts


@pytest.mark.parametrize("provider", ["anthropic", "custom", "google"])
def test_a_conversation_that_the_model_begins(provider: str) -> None:
    body = ADAPTERS[provider].build(request(provider, said("Hello, I am Ada."), user("Hi."))).body
    roles = [message["role"] for message in body.get("messages", body.get("contents"))]
    assert roles == ["user", "model" if provider == "google" else "assistant", "user"]


def test_compatible_servers_get_turns_that_alternate() -> None:
    made = shaped(user("a"), user("b"), said("c"), said("d"), user("e"), alternate=True)
    assert texts(made) == [("user", "a\n\nb"), ("assistant", "c\n\nd"), ("user", "e")]


def test_a_history_with_tools_where_there_are_none_by_now() -> None:
    turn = (user("a"), said("", asked("1")), result("1"), user("b"))
    body = anthropic.build(request("anthropic", *turn)).body
    assert body["tools"] == [{"name": "weather_Now", "input_schema": {"type": "object"}}]
    assert body["tool_choice"] == {"type": "none"}
    assert "tools" not in anthropic.build(request("anthropic")).body


@pytest.mark.parametrize("provider", sorted(ADAPTERS))
def test_a_system_prompt_that_says_nothing_is_left_out(provider: str) -> None:
    body = ADAPTERS[provider].build(request(provider, system=" \n")).body
    assert "system" not in body
    assert "systemInstruction" not in body
    assert all(message["role"] != "system" for message in body.get("messages", []))


def test_an_empty_result_of_a_tool() -> None:
    turn = (user("a"), said("", asked("1")), result("1", " "), user("b"))
    sent_ = anthropic.build(request("anthropic", *turn, tools=(WEATHER,))).body["messages"][2]["content"][0]
    assert sent_ == {"type": "tool_result", "tool_use_id": "1", "content": []}


def strict(received: Received) -> bytes:
    """Anthropic's rules for a history."""
    messages = received.json["messages"]
    pending: list[str] = []
    for message in messages:
        blocks = message["content"]
        results = [block["tool_use_id"] for block in blocks if block["type"] == "tool_result"]
        wrong = results != pending or any(block["type"] == "text" and not block["text"].strip() for block in blocks)
        pending = [block["id"] for block in blocks if block["type"] == "tool_use"]
        if wrong or not all(re.fullmatch(r"[a-zA-Z0-9_-]+", each) for each in pending):
            return reply({"type": "error", "error": {"type": "invalid_request_error", "message": "no"}}, 400)
    return reply(body_of("anthropic", "from the spare"))


def test_a_fallback_goes_on_with_the_history_of_another_provider() -> None:
    first = calling(
        call({"input_string": "a"}, "functions.str__ToUpper:0"),
        call("{broken", "functions.str__ToUpper:1"),
        message={"reasoning_content": "hm"},
    )
    with serve() as one, serve() as two:
        one.will(*plain(first, completion("A")), reply({"error": "down"}, 500))
        two.judges(strict)
        fallback = {"fallbacks": ["spare"], "max_retries": 0}
        with asking(one, base_config=fallback, tool_allowlist=["str.*"]) as manager:
            manager.add_worker_definition(
                worker("spare", provider="anthropic", model_name="m-2", base_config={"base_url": two.url})
            )
            chat = manager.conversation(manager.spawn_worker_instance("w").instance_id)
            assert chat.ask("Shout a.") == "A"
            chat.add_model_message("")
            assert chat.ask("And now?") == "from the spare"
            # And back again.
            one.will(reply(completion("back")))
            assert chat.ask("And now?") == "back"
    assert [message["role"] for message in sent(one)["messages"]] == [
        "user", "assistant", "tool", "tool", "assistant", "user", "assistant", "user",
    ]  # fmt: skip


# --- Whatever a history holds ---


TEXTS = st.sampled_from(["", " ", "hello", "\ud83d", "👋"])
CALLS = st.lists(
    st.builds(
        ToolCallRequest,
        id=st.sampled_from(["", "a", "b", "functions.x:0", "x" * 100]),
        name=st.sampled_from(["weather.Now", "", "weird name!"]),
        arguments=st.just({}) | st.just({"city": "Rome"}),
        problem=st.sampled_from(["", "broken"]),
    ),
    max_size=3,
).map(tuple)
DATA = st.none() | st.sampled_from(
    [{"origin": "elsewhere", "parts": [1], "content": [2], "output": [3], "reasoning": {"reasoning": "x"}}]
)
MESSAGES = st.lists(
    st.builds(lambda text: Message(role="user", content=text), TEXTS)
    | st.builds(
        lambda text, calls, data: Message(role="assistant", content=text, tool_calls=calls, provider_data=data),
        TEXTS,
        CALLS,
        DATA,
    )
    | st.builds(
        lambda text, given: Message(role="tool", content=text, tool_call_id=given),
        TEXTS,
        st.sampled_from(["", "a", "b"]),
    ),
    max_size=8,
)


@pytest.mark.parametrize("provider", sorted(ADAPTERS))
@given(messages=MESSAGES)
def test_any_history_can_be_sent(provider: str, messages: list[Message]) -> None:
    whole = (*messages, user("and now?"))
    asked_ = request("openai" if provider == "responses" else provider, *whole, tools=(WEATHER,))
    body = ADAPTERS[provider].build(asked_).body
    shown = body.get("messages", body.get("contents", body.get("input")))
    assert shown
    made = conversation(asked_, Form(own_ids=True))
    ids = [item.id for message in made for item in message.tool_calls]
    assert len(set(ids)) == len(ids)
    assert [message.tool_call_id for message in made if message.role == "tool"] == ids
    assert made[-1] == whole[-1]


def test_requests_of_a_host_without_messages_are_refused(clients: Clients, server: Loopback) -> None:
    empty = LLMRequest(provider="custom", model="m", messages=(), config=at(server, "custom").config)
    with pytest.raises(NeuroScriptError):
        clients.for_provider("custom").complete(empty)


def test_a_reply_becomes_a_message_with_all_that_belongs_to_it() -> None:
    response = LLMResponse(
        text="x", finish_reason="stop", usage=body_usage(), model="m", tool_calls=(asked("1"),), provider_data={"a": 1}
    )
    message = response.as_message()
    assert (message.content, message.tool_calls, message.provider_data) == ("x", response.tool_calls, {"a": 1})


def body_usage() -> Any:
    return openai.parse(completion(), request("custom")).usage


SIGNED_ID = "call_1__thought__" + "CsMBAQ+/" * 20 + "=="


@pytest.mark.parametrize(("provider", "adapter"), [("anthropic", anthropic), ("custom", openai), ("openai", openai)])
def test_ids_go_back_to_the_server_that_gave_them_as_they_came(provider: str, adapter: Any) -> None:
    call = ToolCallRequest(id=SIGNED_ID, name="look", arguments={})
    asked = request(provider, user("x"))
    for own in (True, False):
        data = {"origin": origin(asked) if own else "another"}
        history = (
            user("x"),
            Message(role="assistant", content="", tool_calls=(call,), provider_data=data),
            Message(role="tool", content="seen", tool_call_id=SIGNED_ID, name="look"),
        )
        assert json.dumps(adapter.build(request(provider, *history)).body).count(SIGNED_ID) == (2 if own else 0)
