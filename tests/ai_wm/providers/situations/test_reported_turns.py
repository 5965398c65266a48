"""What models and servers do with tool calls, and what histories hold."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ai_wm.providers import Clients
from ai_wm.providers.base import Message, ToolCallRequest
from tests.ai_wm.helpers import raises_code
from tests.ai_wm.providers.loopback import Loopback, Received, reply
from tests.ai_wm.providers.support import WEATHER, at, body_of, collect, request, user
from tests.ai_wm.providers.wire import (
    TOOLS,
    UPPER,
    asking,
    call,
    calling,
    chunk,
    completion,
    plain,
    record_of,
    sent,
    sse,
)

ROME = {"city": "Rome"}
OSLO = {"city": "Oslo"}


def piece(arguments: str = "", name: str | None = None, **more: Any) -> dict[str, Any]:
    function: dict[str, Any] = {"arguments": arguments} | ({} if name is None else {"name": name})
    return {"tool_calls": [{"function": function, **more}]}


W = "weather_Now"
STREAMS: list[tuple[str, list[dict[str, Any]], list[Any]]] = [
    (
        "a head without arguments, pieces without an id (aichat#1495)",
        [piece("", W, index=0, id="a", type="function"), piece('{"city": ', index=0), piece('"Rome"}', index=0)],
        [ROME],
    ),
    (
        "ids that change from piece to piece",
        [piece('{"city"', W, index=0, id="a"), piece(': "Rome"', index=0, id="b"), piece("}", index=0, id="c")],
        [ROME],
    ),
    (
        "the same, without an index",
        [piece('{"city"', W, id="a"), piece(': "Rome"', id="b"), piece("}", id="c")],
        [ROME],
    ),
    (
        "the second head under the index of the first, its tail under its own (agno#8879)",
        [piece(json.dumps(ROME), W, index=0, id="a"), piece('{"city":', W, index=0, id="b"), piece('"Oslo"}', index=1)],
        [ROME, OSLO],
    ),
    (
        "the name in every piece (agentscope-java#1223)",
        [piece('{"city": "Rome"', W, index=0, id="a"), piece("}", W, index=0, id=None)],
        [ROME],
    ),
    (
        "in pieces and then once more as a whole",
        [
            piece('{"city": ', W, index=0, id="a"),
            piece('"Rome"}', index=0),
            piece('{"city": "Rome"}', W, index=0, id="a"),
        ],
        [ROME],
    ),
    (
        "the same call twice, with ids of their own",
        [piece(json.dumps(ROME), W, index=0, id="a"), piece(json.dumps(ROME), W, index=1, id="b")],
        [ROME, ROME],
    ),
    (
        "pieces of two calls in turns",
        [
            piece('{"city": ', W, index=0, id="a"),
            piece('{"city": ', W, index=1, id="b"),
            piece('"Rome"}', index=0),
            piece('"Oslo"}', index=1),
        ],
        [ROME, OSLO],
    ),
    (
        "arguments as an object",
        [{"tool_calls": [{"index": 0, "id": "a", "function": {"name": W, "arguments": ROME}}]}],
        [ROME],
    ),
    (
        "an index as a text",
        [piece(json.dumps(ROME), W, index="0", id="a"), piece(json.dumps(OSLO), W, index="1", id="b")],
        [ROME, OSLO],
    ),
    (
        "an empty object before the arguments",
        [piece("{}", W, index=0, id="a"), piece(json.dumps(ROME), index=0)],
        [ROME],
    ),
    ("no arguments at all", [piece("", W, index=0, id="a")], [{}]),
    ("the form before tools", [{"function_call": {"name": W, "arguments": json.dumps(ROME)}}], [ROME]),
    (
        "the form before tools, in pieces (oh-my-pi#1692)",
        [
            {"function_call": {"name": W, "arguments": ""}},
            {"function_call": {"arguments": '{"city": '}},
            {"function_call": {"arguments": '"Rome"}'}},
        ],
        [ROME],
    ),
    (
        "both forms of one call",
        [
            {"function_call": {"name": W, "arguments": '{"city": '}} | piece('{"city": ', W, index=0, id="a"),
            {"function_call": {"arguments": '"Rome"}'}} | piece('"Rome"}', index=0),
        ],
        [ROME],
    ),
    *(
        (
            f"the name {word!r} in later pieces (litellm#12513)",
            [piece('{"city": ', W, index=0, id="a"), piece('"Rome"}', word, index=0, id=word_as_id)],
            [ROME],
        )
        for word in ("null", "None", "none", "undefined", "")
        for word_as_id in ("", "null", "None", None)
    ),
]


@pytest.mark.parametrize(("deltas", "arguments"), [item[1:] for item in STREAMS], ids=[item[0] for item in STREAMS])
@pytest.mark.parametrize("word", ["tool_calls", "stop"])
def test_calls_in_pieces(
    deltas: list[dict[str, Any]], arguments: list[Any], word: str, clients: Clients, server: Loopback
) -> None:
    server.will(sse(chunk({"role": "assistant", "content": None}), *map(chunk, deltas), chunk({}, word)))
    asked = request("custom", tools=(WEATHER,), config=at(server, "custom").config)
    _, response = collect(clients.for_provider("custom").stream(asked))
    assert [(item.name, item.arguments, item.problem) for item in response.tool_calls] == [
        ("weather.Now", each, "") for each in arguments
    ]
    assert len({item.id for item in response.tool_calls}) == len(arguments)
    assert response.finish_reason == "tool_calls"


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("weather_Now", "weather.Now"),
        ("weather.Now", "weather.Now"),
        ("functions.weather_Now", "weather.Now"),  # gpt-oss
        ("functions.weather_Now:0", "weather.Now"),  # Kimi
        ("default_api:weather_Now", "weather.Now"),  # Gemini
        ("default_api.weather_Now", "weather.Now"),
        ("weather_Now<|channel|>json", "weather.Now"),  # gpt-oss behind vLLM
        ("functions.other", "functions.other"),
        ("other:0", "other:0"),
    ],
)
def test_marks_around_the_name_of_a_tool(given: str, name: str, clients: Clients, server: Loopback) -> None:
    asked = request("custom", tools=(WEATHER,), config=at(server, "custom").config)
    server.will(reply(calling(call(ROME, name=given))))
    assert [item.name for item in clients.for_provider("custom").complete(asked).tool_calls] == [name]


BROKEN = [
    "",
    "null",
    "[]",
    '"x"',
    "{",
    '{"a": 1,}',
    "{'input_string': 'hey'}",
    "```json\n{}\n```",
    "NaN",
    '{"a": 1}{"b": 2}',
]


def test_a_call_without_its_wrapping(clients: Clients, server: Loopback) -> None:
    asked = request("custom", tools=(WEATHER,), config=at(server, "custom").config)
    server.will(reply(calling({"id": "a", "name": W, "arguments": ROME})))
    (made,) = clients.for_provider("custom").complete(asked).tool_calls
    assert (made.id, made.name, made.arguments) == ("a", "weather.Now", ROME)


@pytest.mark.parametrize(
    "content",
    [
        ["Hi ", "there"],
        [{"type": "text", "text": "Hi there"}],
        [{"text": "Hi "}, {"type": "output_text", "text": "there"}],
    ],
)
def test_a_text_in_parts(content: Any, clients: Clients, server: Loopback) -> None:
    client = clients.for_provider("custom")
    assert client.complete(at(server.will(reply(completion(content))), "custom")).text == "Hi there"
    server.will(sse(chunk({"content": content}), chunk({}, "stop")))
    assert collect(client.stream(at(server, "custom")))[0] == "Hi there"


@pytest.mark.parametrize("arguments", BROKEN)
def test_broken_arguments_go_back_to_the_model(arguments: str, server: Loopback) -> None:
    server.will(*plain(calling(call(arguments)), calling(call({"input_string": "hey"})), completion("It is HEY.")))
    with asking(server, **TOOLS) as manager:
        assert manager.execute_stateless_task("w", "Shout hey.").output == "It is HEY."
        assert record_of(manager).llm_metrics["tool_calls"] == [UPPER, UPPER]
    first = sent(server, 1)["messages"]
    assert json.loads(first[1]["tool_calls"][0]["function"]["arguments"]) == {}
    assert first[2]["role"] == "tool"
    assert len(server.received) == 3


def test_a_call_of_a_tool_that_is_not_there(server: Loopback) -> None:
    server.will(*plain(calling(call({}, name="rm_rf")), calling(call({}, name="")), completion("Sorry.")))
    with asking(server, **TOOLS) as manager:
        assert manager.execute_stateless_task("w", "Clean up.").output == "Sorry."
    assert [message["role"] for message in sent(server)["messages"]] == [
        "user",
        "assistant",
        "tool",
        "assistant",
        "tool",
    ]


@pytest.mark.parametrize(
    ("provider", "body", "status"),
    [
        ("custom", {"error": {"message": "Failed to call a function.", "code": "tool_use_failed"}}, 400),
        ("custom", completion("", "function_call_filter: MALFORMED_FUNCTION_CALL"), 200),
        ("google", {"candidates": [{"finishReason": "MALFORMED_FUNCTION_CALL", "finishMessage": "bad"}]}, 200),
        ("ollama", {"error": "error parsing tool call: raw='{\"a\"', err=unexpected end of JSON input"}, 500),
    ],
)
@pytest.mark.usefixtures("quick")
def test_a_stop_for_a_malformed_call_is_tried_once_more(
    provider: str, body: Any, status: int, clients: Clients, server: Loopback
) -> None:
    client = clients.for_provider(provider)
    assert client.complete(at(server.will(reply(body, status), reply(body_of(provider))), provider)).attempts == 2
    server.received.clear()
    with raises_code(16, "malformed tool call"):
        client.complete(at(server.will(reply(body, status)), provider, max_retries=5))
    assert len(server.received) == 2


# --- Histories ---


def mistral(received: Received) -> bytes:
    """Mistral's rules: the order of roles, and ids of nine letters and digits."""
    before = ""
    for message in received.json["messages"]:
        role = message["role"]
        if (role == "user" and before == "tool") or (role == "tool" and before not in ("assistant", "tool")):
            said = f"Unexpected role '{role}' after role '{before}'"
            return reply({"object": "error", "message": said, "type": "invalid_request_error", "code": "3230"}, 400)
        for each in message.get("tool_calls") or ():
            if len(each["id"]) != 9 or not each["id"].isalnum():
                return reply({"object": "error", "message": "Tool call id has to be defined", "code": "3280"}, 400)
        before = role
    return reply(completion("Fine."))


def test_an_answer_that_said_nothing_between_a_result_and_a_prompt(server: Loopback) -> None:
    answers = iter([calling(call({"input_string": "hey"}, "aaaaaaaaa")), completion("")])

    def judge(received: Received) -> bytes:
        return reply(next(answers)) if len(server.received) < 3 else mistral(received)

    with asking(server.judges(judge), **TOOLS) as manager:
        conversation = manager.conversation(manager.spawn_worker_instance("w").instance_id)
        assert conversation.ask("Shout hey.") == ""  # after results a model may have nothing more to say
        assert conversation.ask("And now?") == "Fine."


def test_calls_of_another_provider_after_a_fallback(clients: Clients, server: Loopback) -> None:
    theirs = ToolCallRequest(id="toolu_01_with-signs", name="weather.Now", arguments=ROME)
    history = (
        user("Rome?"),
        Message(role="assistant", content="", tool_calls=(theirs,), provider_data={"origin": "anthropic x "}),
        Message(role="tool", content="", tool_call_id=theirs.id, name="weather.Now"),
        user("And?"),
    )
    asked = request("custom", *history, tools=(WEATHER,), config=at(server.judges(mistral), "custom").config)
    assert clients.for_provider("custom").complete(asked).text == "Fine."


@pytest.mark.parametrize("provider", ["anthropic", "custom", "google", "ollama", "openai"])
@pytest.mark.parametrize("blank", ["", " ", "\n\n"])
def test_white_space_beside_calls_is_not_sent(provider: str, blank: str, clients: Clients, server: Loopback) -> None:
    server.will(reply(body_of(provider)))
    calls = (ToolCallRequest(id="aaaaaaaaa", name="weather.Now", arguments=ROME),)
    turn = (
        Message(role="assistant", content=blank, tool_calls=calls),
        Message(role="tool", content="20 C", tool_call_id="aaaaaaaaa", name="weather.Now"),
    )
    asked = request(provider, user("q"), *turn, tools=(WEATHER,), config=at(server, provider).config)
    clients.for_provider(provider).complete(asked)
    said = [
        item
        for item in sent(server).get("messages", sent(server).get("contents"))
        if item["role"] in ("assistant", "model")
    ]
    texts = json.dumps(said)
    assert '" "' not in texts
    assert '"\\n\\n"' not in texts


@pytest.mark.parametrize("provider", ["anthropic", "custom", "google", "ollama", "openai"])
def test_half_a_character_breaks_no_request(provider: str, clients: Clients, server: Loopback) -> None:
    """Strict servers refuse a whole request for it (claude-code#3277, elizaOS/eliza#18079)."""
    server.will(reply(body_of(provider)))
    given = at(server, provider)
    asked = request(provider, user("cut \ud83d off, whole \ud83d\ude00"), system="\udc00", config=given.config)
    assert clients.for_provider(provider).complete(asked).text == "Hi there"
    text = server.received[-1].body.decode()
    assert "\\ud83d" not in text
    assert "cut \ufffd off, whole \U0001f600" in text


@pytest.mark.parametrize("provider", ["anthropic", "custom", "google", "ollama", "openai"])
def test_a_conversation_begun_by_the_assistant_with_gaps(provider: str, clients: Clients, server: Loopback) -> None:
    server.will(reply(body_of(provider)))
    messages = [
        Message(role="assistant", content="Hello!"),
        user("a"),
        user(" "),
        Message(role="assistant", content=""),
    ]
    orphan = Message(role="tool", content="20 C", tool_call_id="gone", name="weather.Now")
    asked = request(provider, *messages, orphan, user("b"), config=at(server, provider).config)
    assert clients.for_provider(provider).complete(asked).text == "Hi there"
    for text in ("Hello!", "20 C", '"b"' if provider in ("google", "anthropic") else "b"):
        assert text in server.received[-1].body.decode()
