"""Of several choices that a request asks for, the first is the answer, however they come."""

from __future__ import annotations

from typing import Any

import pytest

from ai_wm.providers import Clients
from tests.ai_wm.helpers import raises_code
from tests.ai_wm.providers.loopback import Loopback, events, reply, streamed
from tests.ai_wm.providers.support import at, collect
from tests.ai_wm.providers.wire import USAGE, asking, sse

GOOGLE_USAGE = {"promptTokenCount": 9, "candidatesTokenCount": 3, "totalTokenCount": 12}

# The pieces of the choices as they come: of each event, the index and the text.
ORDERS: list[list[list[tuple[int, str]]]] = [
    [[(0, "A")], [(1, "x")], [(0, "B")]],
    [[(1, "x")], [(0, "A")], [(1, "y")], [(0, "B")]],
    [[(1, "x"), (0, "A")], [(0, "B"), (1, "y")]],
    [[(0, "A"), (0, "B")]],
]


def chat_event(pieces: list[tuple[int, str]]) -> dict[str, Any]:
    choices = [{"index": index, "delta": {"content": text}} for index, text in pieces]
    return {"object": "chat.completion.chunk", "choices": choices}


def google_event(pieces: list[tuple[int, str]]) -> dict[str, Any]:
    # Google leaves out an index of 0.
    candidates = [
        {"content": {"parts": [{"text": text}]}, **({"index": index} if index else {})} for index, text in pieces
    ]
    return {"candidates": candidates}


@pytest.mark.parametrize("order", ORDERS)
def test_a_chat_stream(server: Loopback, clients: Clients, order: list[list[tuple[int, str]]]) -> None:
    ends = [{"choices": [{"index": index, "delta": {}, "finish_reason": "stop"}]} for index in (1, 0)]
    server.will(sse(*map(chat_event, order), *ends, {"choices": [], "usage": USAGE}))
    text, response = collect(clients.for_provider("custom").stream(at(server, "custom", n=2)))
    assert (text, response.text) == ("AB", "AB")
    assert (response.usage.input_tokens, response.usage.output_tokens) == (9, 3)


@pytest.mark.parametrize("order", ORDERS)
def test_a_stream_of_google(server: Loopback, clients: Clients, order: list[list[tuple[int, str]]]) -> None:
    ends = [{"index": 1, "finishReason": "STOP"}, {"finishReason": "STOP"}]
    server.will(streamed(events(*map(google_event, order), {"candidates": ends, "usageMetadata": GOOGLE_USAGE})))
    text, response = collect(clients.for_provider("google").stream(at(server, "google", candidateCount=2)))
    assert (text, response.text) == ("AB", "AB")
    assert (response.usage.input_tokens, response.usage.output_tokens) == (9, 3)


def test_the_end_of_another_choice_is_not_the_end(server: Loopback, clients: Clients) -> None:
    early = {"choices": [{"index": 1, "delta": {"content": "x"}, "finish_reason": "length"}]}
    late = {"choices": [{"index": 0, "delta": {"content": "A"}, "finish_reason": "stop"}], "usage": USAGE}
    server.will(sse(early, late))
    text, response = collect(clients.for_provider("custom").stream(at(server, "custom", n=2)))
    assert (text, response.finish_reason) == ("A", "stop")


def test_a_whole_reply(server: Loopback, clients: Clients) -> None:
    choices = [
        {"index": index, "message": {"content": text}, "finish_reason": "stop"} for index, text in ((1, "x"), (0, "A"))
    ]
    server.will(reply({"choices": choices, "usage": USAGE}))
    assert clients.for_provider("custom").complete(at(server, "custom", n=2)).text == "A"


def test_a_whole_reply_of_google(server: Loopback, clients: Clients) -> None:
    candidates = [
        {"index": 1, "content": {"parts": [{"text": "x"}]}, "finishReason": "STOP"},
        {"content": {"parts": [{"text": "A"}]}, "finishReason": "STOP"},
    ]
    server.will(reply({"candidates": candidates, "usageMetadata": GOOGLE_USAGE}))
    assert clients.for_provider("google").complete(at(server, "google", candidateCount=2)).text == "A"


def test_the_only_choice_is_the_answer_whatever_its_index(server: Loopback, clients: Clients) -> None:
    server.will(sse({"choices": [{"index": 1, "delta": {"content": "A"}, "finish_reason": "stop"}], "usage": USAGE}))
    assert collect(clients.for_provider("custom").stream(at(server, "custom")))[0] == "A"


# --- Failures of other choices ---

FAILED = [
    ({"error": {"message": "the model crashed", "code": 500}}, "the model crashed"),
    ({"finish_reason": "content_filter"}, "content_filter"),
    ({"finish_reason": "error"}, "error"),
]


def chat_answer(stream: bool, *choices: dict[str, Any]) -> Any:
    part = "delta" if stream else "message"
    made = [{"index": index, part: {"content": ""}, **choice} for index, choice in enumerate(choices)]
    if not stream:
        return reply({"choices": made, "usage": USAGE})
    return sse(*({"choices": [choice]} for choice in reversed(made)), {"choices": [], "usage": USAGE})


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(("failed", "said"), FAILED)
def test_a_choice_that_failed_beside_the_answer_is_told(
    failed: dict[str, Any], said: str, stream: bool, server: Loopback, clients: Clients
) -> None:
    whole = {("delta" if stream else "message"): {"content": "A"}, "finish_reason": "stop"}
    server.will(chat_answer(stream, whole, failed, {"finish_reason": "stop"}))
    client, asked = clients.for_provider("custom"), at(server, "custom", n=3)
    response = collect(client.stream(asked))[1] if stream else client.complete(asked)
    assert (response.text, response.finish_reason) == ("A", "stop")
    assert response.other_choices == f"choice 1: {said}"


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(("failed", "said"), FAILED)
def test_the_answer_that_failed_is_a_failure(
    failed: dict[str, Any], said: str, stream: bool, server: Loopback, clients: Clients
) -> None:
    whole = {("delta" if stream else "message"): {"content": "B"}, "finish_reason": "stop"}
    client = clients.for_provider("custom")
    for choices, several in (((failed, whole), 2), ((failed,), None)):
        server.will(chat_answer(stream, *choices))
        asked = at(server, "custom", max_retries=0, **({} if several is None else {"n": several}))
        with raises_code(16, said.replace("_", ".")):
            collect(client.stream(asked)) if stream else client.complete(asked)


@pytest.mark.parametrize("provider", ["custom", "google"])
@pytest.mark.parametrize("stream", [False, True])
def test_the_only_choice_that_failed_is_a_failure_whatever_its_index(
    provider: str, stream: bool, server: Loopback, clients: Clients
) -> None:
    word = {"finishReason": "SAFETY"} if provider == "google" else {"finish_reason": "content_filter"}
    body = {("candidates" if provider == "google" else "choices"): [{"index": 1, "message": {"content": ""}, **word}]}
    server.will(streamed(events(body)) if stream else reply(body))
    client, asked = clients.for_provider(provider), at(server, provider, max_retries=0)
    with raises_code(16, "safety|content.filter"):
        collect(client.stream(asked)) if stream else client.complete(asked)


@pytest.mark.parametrize("stream", [False, True])
def test_a_candidate_of_googles_that_was_filtered_is_told(stream: bool, server: Loopback, clients: Clients) -> None:
    candidates = [
        {"content": {"parts": [{"text": "A"}]}, "finishReason": "STOP"},
        {"index": 1, "finishReason": "SAFETY", "finishMessage": "not nice"},
        {"index": 2, "finishReason": "RECITATION"},
    ]
    body = {"candidates": candidates, "usageMetadata": GOOGLE_USAGE}
    server.will(streamed(events(body)) if stream else reply(body))
    client, asked = clients.for_provider("google"), at(server, "google", candidateCount=3)
    response = collect(client.stream(asked))[1] if stream else client.complete(asked)
    assert (response.text, response.other_choices) == ("A", "choice 1: not nice; choice 2: RECITATION")


def test_the_record_says_how_other_choices_failed(server: Loopback) -> None:
    server.will(chat_answer(False, {"message": {"content": "A"}, "finish_reason": "stop"}, FAILED[0][0]))
    with asking(server, base_config={"base_url": server.url, "n": 2}) as manager:
        assert manager.execute_stateless_task("w", "hello")[0] == "A"
        (record,) = manager.get_performance_records_for_definition("w")
    assert record.llm_metrics["other_choices"] == "choice 1: the model crashed"


# --- One answer in several choices, where one was asked for ---

LOOK = {"id": "a", "type": "function", "function": {"name": "look", "arguments": '{"at": "x"}'}}


def split(*messages: tuple[dict[str, Any], str]) -> dict[str, list[bytes] | bytes]:
    """Choices as one reply, as one chunk, and as a chunk for each."""
    made = [{"index": at, "finish_reason": word} for at, (_, word) in enumerate(messages)]
    plain = [{**choice, "message": message} for choice, (message, _) in zip(made, messages, strict=True)]
    pieces = [{**choice, "delta": message} for choice, (message, _) in zip(made, messages, strict=True)]
    calls = [{**piece, "delta": {**piece["delta"]}} for piece in pieces]
    return {
        "plain": reply({"choices": plain, "usage": USAGE}),
        "one chunk": events({"choices": calls, "usage": USAGE}, "[DONE]"),
        "chunks": events(*({"choices": [call]} for call in calls), {"choices": [], "usage": USAGE}, "[DONE]"),
    }


def read(answer: Any, server: Loopback, clients: Clients) -> Any:
    client, asked = clients.for_provider("custom"), at(server, "custom", max_retries=0)
    if isinstance(answer, bytes):
        server.will(answer)
        return client.complete(asked)
    server.will(streamed(answer))
    said, response = collect(client.stream(asked))
    assert said == response.text
    return response


@pytest.mark.parametrize("form", ["plain", "one chunk", "chunks"])
def test_calls_in_another_choice_than_the_text(form: str, server: Loopback, clients: Clients) -> None:
    answers = split(({"content": "Let me look."}, "tool_calls"), ({"tool_calls": [LOOK]}, "tool_calls"))
    response = read(answers[form], server, clients)
    assert (response.text, response.finish_reason) == ("Let me look.", "tool_calls")
    assert [(call.id, call.name, call.arguments) for call in response.tool_calls] == [("a", "look", {"at": "x"})]


@pytest.mark.parametrize("form", ["plain", "one chunk", "chunks"])
@pytest.mark.parametrize(
    "other", [({"content": "ZZ"}, "stop"), ({"tool_calls": [LOOK]}, "tool_calls"), ({}, "content_filter")]
)
def test_another_choice_adds_nothing_to_a_whole_answer(
    other: tuple[dict[str, Any], str], form: str, server: Loopback, clients: Clients
) -> None:
    response = read(split(({"content": "ok"}, "stop"), other)[form], server, clients)
    assert (response.text, response.finish_reason, response.tool_calls) == ("ok", "stop", ())


def test_the_end_may_be_counted_otherwise_than_the_text(server: Loopback, clients: Clients) -> None:
    pieces = [{"index": 1, "delta": {"content": "A"}}, {"index": 0, "delta": {}, "finish_reason": "stop"}]
    response = read(events(*({"choices": [piece]} for piece in pieces), "[DONE]"), server, clients)
    assert (response.text, response.finish_reason) == ("A", "stop")


@pytest.mark.parametrize("delta", [{}, {"role": "assistant"}, {"role": "assistant", "content": ""}])
def test_a_whole_message_beside_an_empty_piece(delta: Any, server: Loopback, clients: Clients) -> None:
    message = {"role": "assistant", "tool_calls": [LOOK]}
    choice = {"index": 0, "delta": delta, "message": message, "finish_reason": "tool_calls"}
    response = read(events({"choices": [choice]}, "[DONE]"), server, clients)
    assert [call.arguments for call in response.tool_calls] == [{"at": "x"}]
