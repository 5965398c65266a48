"""Failures as servers report them, wherever they put them: none is a success, and each says why."""

from __future__ import annotations

import json
import socket
from typing import Any

import pytest

from ai_wm.providers import Clients
from neuroscript import NeuroScriptError
from tests.ai_wm.helpers import raises_code
from tests.ai_wm.providers.loopback import Answer, Loopback, events, lines, reply, streamed
from tests.ai_wm.providers.support import at, body_of, collect, stream_of, stream_type
from tests.ai_wm.providers.wire import chunk, completion, sse

HALF = chunk({"content": "The answer"})
STOP = chunk({}, "stop")


def ndjson(*data: Any) -> Answer:
    return streamed(lines(*data), content_type="application/x-ndjson")


def raw(*pieces: str) -> Answer:
    return streamed([piece.encode() for piece in pieces])


def named(name: str, data: Any) -> str:
    return f"event: {name}\ndata: {data if isinstance(data, str) else json.dumps(data)}\n\n"


def data(*values: Any) -> str:
    return b"".join(events(*values)).decode()


def anthropic(*more: Any) -> Answer:
    """A stream of Anthropic's that begins with half an answer."""
    begun = [
        {"type": "message_start", "message": {**body_of("anthropic"), "content": [], "stop_reason": None}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": "The answer"}},
    ]
    return streamed(events(*begun, *more))


def google(**more: Any) -> dict[str, Any]:
    return {"candidates": [{"content": {"role": "model", "parts": [{"text": "The answer"}]}}], **more}


OVERLOADED = {"message": "Overloaded", "code": 529}

IN_STREAMS: list[tuple[str, str, Answer, int, str]] = [
    ("an error event after text", "custom", sse(HALF, {"error": OVERLOADED}), 16, "Overloaded"),
    (
        "an error beside null choices (LM Studio)",
        "custom",
        sse(HALF, {"choices": None, "error": {"message": "Model unloaded"}}),
        16,
        "Model unloaded",
    ),
    ("an error in the choice", "custom", sse(HALF, chunk({}, choice={"error": OVERLOADED})), 16, "Overloaded"),
    ("an error in the delta", "custom", sse(HALF, chunk({"error": OVERLOADED})), 16, "Overloaded"),
    (
        "an error in a vendor's key (Groq)",
        "custom",
        sse(HALF, chunk(x_groq={"error": "over capacity"})),
        16,
        "over capacity",
    ),
    ("a flat error", "custom", sse(HALF, {"code": 500, "msg": "network busy"}), 16, "network busy"),
    ("an error by name, in plain words", "custom", raw(data(HALF), named("error", "engine died")), 16, "engine died"),
    ("an error by name, without a word", "custom", raw(data(HALF), "event: error\ndata:\n\n", data("[DONE]")), 16, ""),
    (
        "an error as a bare line (googleapis/js-genai#1973)",
        "google",
        raw(data(google()), '{"error": {"code": 400, "message": "blocked", "status": "PROHIBITED_CONTENT"}}\n'),
        16,
        "blocked",
    ),
    (
        "an error as a bare body over many lines",
        "custom",
        raw(data(HALF), json.dumps({"error": {"message": "upstream gone"}}, indent=2)),
        16,
        "upstream gone",
    ),
    ("nothing but the end (lemonade#2826)", "custom", raw("data: [DONE]\n\n"), 16, "empty"),
    ("not even the end", "custom", raw(": nothing\n\n"), 16, "end marker"),
    ("a filter after text", "custom", sse(HALF, chunk({}, "content_filter")), 16, "refused or filtered"),
    (
        "a refusal among the parts",
        "custom",
        sse(chunk({"content": [{"type": "refusal", "refusal": "I can't."}]}), STOP),
        16,
        "I can't.",
    ),
    ("a refusal beside text", "custom", sse(HALF, chunk({"refusal": "Not that."}), STOP), 16, "Not that."),
    ("the limit told as an event", "custom", sse({"error": {"message": "Rate limit", "code": 429}}), 20, "Rate limit"),
    (
        "a context that does not fit told as an event",
        "custom",
        sse({"error": {"message": "Context size has been exceeded."}}),
        47,
        "Context size",
    ),
    (
        "a bad key told as an event (Dashscope)",
        "custom",
        sse({"code": "InvalidApiKey", "message": "Invalid API-key provided.", "request_id": "r"}),
        45,
        "Invalid API-key",
    ),
    (
        "Anthropic's own event",
        "anthropic",
        anthropic({"type": "error", "error": {"type": "overloaded_error", "message": "O"}}),
        16,
        "O",
    ),
    (
        "its error without the wrapping",
        "anthropic",
        anthropic({"type": "rate_limit_error", "message": "slow down"}),
        20,
        "slow down",
    ),
    (
        "a gateway's error without any",
        "anthropic",
        anthropic({"code": 503, "message": "no upstream"}),
        16,
        "no upstream",
    ),
    (
        "a gateway's error in Google's stream",
        "google",
        streamed(events(google(), {"code": 503, "message": "no upstream"})),
        16,
        "no upstream",
    ),
    (
        "a list with an error (Google)",
        "google",
        raw(json.dumps([{"error": {"code": 429, "message": "quota"}}])),
        20,
        "quota",
    ),
    (
        "a prompt that is blocked in the middle",
        "google",
        streamed(events({"promptFeedback": {"blockReason": "SAFETY"}})),
        16,
        "SAFETY",
    ),
    (
        "Ollama's runner dies",
        "ollama",
        ndjson({"model": "m", "message": {"content": "The"}, "done": False}, {"error": "runner terminated"}),
        16,
        "runner terminated",
    ),
    (
        "a gateway's error in Ollama's stream",
        "ollama",
        ndjson({"status": 502, "message": "bad gateway"}),
        16,
        "bad gateway",
    ),
    ("a model that is only loaded", "ollama", ndjson({**body_of("ollama", ""), "done_reason": "load"}), 16, "load"),
]


@pytest.mark.parametrize(
    ("provider", "answer", "code", "words"), [c[1:] for c in IN_STREAMS], ids=[c[0] for c in IN_STREAMS]
)
def test_no_failure_in_a_stream_is_a_success(
    provider: str, answer: Answer, code: int, words: str, clients: Clients, server: Loopback
) -> None:
    with raises_code(code) as caught:
        collect(clients.for_provider(provider).stream(at(server.will(answer), provider, max_retries=0)))
    assert words in caught.value.message


@pytest.mark.parametrize("provider", ["custom", "google", "ollama", "anthropic"])
@pytest.mark.usefixtures("quick")
def test_an_empty_answer_is_asked_for_once_more(provider: str, clients: Clients, server: Loopback) -> None:
    client = clients.for_provider(provider)
    response = client.complete(at(server.will(reply(body_of(provider, "")), reply(body_of(provider))), provider))
    assert (response.text, response.attempts, response.usage.total_tokens) == ("Hi there", 2, 24)
    server.received.clear()
    with raises_code(16, "gave no answer"):
        client.complete(at(server.will(reply(body_of(provider, ""))), provider, max_retries=5))
    assert len(server.received) == 2


@pytest.mark.parametrize("provider", ["custom", "google", "anthropic"])
def test_a_stream_that_breaks_after_its_end_is_whole(provider: str, clients: Clients, server: Loopback) -> None:
    pieces = stream_of(provider, "Hi ", "there")
    if provider == "custom":
        pieces = pieces[:-2]  # with the finish reason, without usage and [DONE]
    server.will(streamed(pieces, end=False, content_type=stream_type(provider)))
    text, response = collect(clients.for_provider(provider).stream(at(server, provider)))
    assert (text, response.finish_reason, response.attempts) == ("Hi there", "stop", 1)


@pytest.mark.parametrize("provider", ["custom", "google"])
def test_a_server_that_never_hangs_up(
    provider: str, clients: Clients, server: Loopback, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ai_wm.providers.http.LAST_WAIT", 0.1)
    pieces = stream_of(provider, "Hi ", "there")
    begun = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n"

    def answer(connection: socket.socket) -> None:
        connection.sendall(begun + b"".join(pieces[:-1] if provider == "custom" else pieces))
        server.stopping.wait(30)

    asked = at(server.will(answer), provider, timeout_seconds=20)
    text, response = collect(clients.for_provider(provider).stream(asked))
    assert (text, response.usage.total_tokens, response.attempts) == ("Hi there", 12, 1)


@pytest.mark.parametrize("whole", [True, False])
def test_pieces_under_the_name_of_a_message(whole: bool, clients: Clients, server: Loopback) -> None:
    pieces = [{"choices": [{"index": 0, "message": {"content": text}}]} for text in ("Hi ", "there")]
    server.will(sse(completion(), *pieces) if whole else sse(*pieces, STOP))
    text, response = collect(clients.for_provider("custom").stream(at(server, "custom")))
    assert (text, response.finish_reason) == ("Hi there", "stop")


def test_the_text_so_far_is_with_the_error(clients: Clients, server: Loopback) -> None:
    for answer in (sse(HALF, {"error": OVERLOADED}), sse(HALF, chunk({"refusal": "No."}), STOP)):
        with pytest.raises(NeuroScriptError) as caught:
            collect(clients.for_provider("custom").stream(at(server.will(answer), "custom", max_retries=0)))
        assert caught.value.details["text"] == "The answer"
