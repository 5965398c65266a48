"""The built-in models: echo and scripted."""

from __future__ import annotations

from typing import Any

import pytest

from ai_wm.providers.base import LLMClient, LLMRequest, LLMResponse, Message, ToolCallRequest, Usage
from ai_wm.providers.echo import EchoClient
from ai_wm.providers.local import LocalClient
from ai_wm.providers.scripted import ScriptedClient
from neuroscript.errors import NeuroScriptError
from tests.ai_wm.providers.support import collect, request, user


def ask(*replies: Any, session: str = "", **more: Any) -> LLMRequest:
    return request("local", model="scripted", config={"replies": list(replies)}, session=session, **more)


def test_echo_repeats_the_last_user_message_and_counts_words() -> None:
    messages = (user("one two"), Message(role="assistant", content="three"), user("four  five"))
    response = EchoClient().complete(request("local", *messages, model="echo", system="be kind"))
    assert response.text == "echo: four  five"
    assert (response.finish_reason, response.model) == ("stop", "echo")
    assert response.usage == Usage(input_tokens=7, output_tokens=3)


def test_echo_streams_the_same() -> None:
    client, asked = EchoClient(), request("local", user("a  b\nc"), model="echo")
    assert collect(client.stream(asked)) == ("echo: a  b\nc", client.complete(asked))


def test_scripted_replies_come_in_order_and_then_again() -> None:
    client, asked = ScriptedClient(), ask("one", "two")
    assert [client.complete(asked).text for _ in range(5)] == ["one", "two", "one", "two", "one"]


def test_each_session_has_its_own_place() -> None:
    client = ScriptedClient()
    assert client.complete(ask("one", "two", session="a")).text == "one"
    assert client.complete(ask("one", "two", session="b")).text == "one"
    assert client.complete(ask("one", "two", session="a")).text == "two"


def test_a_different_list_starts_at_its_beginning() -> None:
    client = ScriptedClient()
    client.complete(ask("one", "two"))
    assert client.complete(ask("three", "four")).text == "three"


def test_a_reply_with_everything() -> None:
    call = {"name": "fs.Read", "arguments": {"path": "a"}}
    response = ScriptedClient().complete(
        ask({"text": "wait", "tool_calls": [call, {**call, "id": "x"}], "usage": {"input_tokens": 9}, "model": "big"})
    )
    assert (response.text, response.finish_reason, response.model) == ("wait", "tool_calls", "big")
    assert response.usage == Usage(input_tokens=9)
    first, second = response.tool_calls
    assert second == ToolCallRequest(id="x", name="fs.Read", arguments={"path": "a"})
    assert first.id != second.id


def test_a_failure() -> None:
    client = ScriptedClient()
    asked = ask({"error": {"code": 20, "message": "slow down", "details": {"usage": {"input_tokens": 3}}}}, "ok")
    with pytest.raises(NeuroScriptError, match="slow down") as caught:
        client.complete(asked)
    assert caught.value.code == 20
    assert caught.value.details == {"attempts": 1, "usage": Usage(input_tokens=3)}
    assert client.complete(asked).text == "ok"
    with pytest.raises(NeuroScriptError, match="broken") as caught:
        client.complete(ask({"error": "broken"}))
    assert caught.value.code == 16


def test_a_callable_sees_the_request() -> None:
    client = ScriptedClient(lambda asked: asked.messages[-1].content.upper())
    assert client.complete(request("local", user("hi"), model="scripted")).text == "HI"
    whole = LLMResponse(text="x", finish_reason="length", usage=Usage(), model="m")
    assert ScriptedClient(lambda _: whole).complete(request("local")) is whole
    assert ScriptedClient().complete(request("local", config={"replies": lambda _: {"text": "c"}})).text == "c"


def test_replies_given_to_the_client() -> None:
    client = ScriptedClient(["a", "b"])
    assert collect(client.stream(request("local")))[0] + client.complete(request("local")).text == "ab"


@pytest.mark.parametrize(
    ("replies", "words"),
    [
        (None, "there is nothing"),
        ([], "at least one reply"),
        ("text", "at least one reply"),
        ([3], r"replies\[0\].* is int"),
        ([{"txt": "a"}], "unknown key 'txt'"),
        ([{"text": 3}], "text of type int"),
        ([{"finish_reason": "done"}], "finish_reason 'done'"),
        ([{"tool_calls": "x"}], "tool_calls of type str"),
        ([{"tool_calls": [{"arguments": {}}]}], "tool call"),
        ([{"usage": {"tokens": 3}}], "usage"),
        ([{"usage": {"input_tokens": -3}}], r"usage\.input_tokens"),
        ([{"error": 3}], "error of type int"),
        ([{"error": {"code": "x"}}], "error code 'x'"),
    ],
)
def test_replies_that_cannot_be_used(replies: Any, words: str) -> None:
    with pytest.raises(NeuroScriptError, match=words) as caught:
        ScriptedClient().complete(request("local", model="scripted", config={"replies": replies}))
    assert caught.value.code == 18


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("temperature", "warm"),
        ("top_p", True),
        ("top_k", 1.5),
        ("max_output_tokens", 0),
        ("seed", "lucky"),
        ("stop", [""]),
        ("response_format", "xml"),
        ("timeout_seconds", 0),
        ("max_retries", -1),
        ("stall_seconds", "long"),
    ],
)
@pytest.mark.parametrize("client", [EchoClient(), ScriptedClient(), LocalClient()], ids=["echo", "scripted", "local"])
def test_settings_are_checked_as_other_providers_check_them(client: LLMClient, setting: str, value: Any) -> None:
    asked = request("local", config={"replies": ["yes"], setting: value})
    for call in (client.complete, lambda asked: collect(client.stream(asked))):
        with pytest.raises(NeuroScriptError, match=rf"base_config\.{setting} is") as caught:
            call(asked)
        assert caught.value.code == 4
