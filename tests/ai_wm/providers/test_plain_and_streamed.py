"""What a server says in plain JSON, or refuses, means and costs the same whether a stream was asked for or not."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ai_wm.providers import Clients
from neuroscript import NeuroScriptError
from tests.ai_wm.providers.loopback import Loopback, events, reply, streamed
from tests.ai_wm.providers.support import at, collect
from tests.ai_wm.providers.wire import USAGE, chunk, completion

pytestmark = pytest.mark.usefixtures("quick")

NOTHING = {"object": "chat.completion", "choices": [], "usage": {"prompt_tokens": 7, "completion_tokens": 9}}

BODIES: dict[str, tuple[str, Any]] = {
    "a reply": ("custom", completion()),
    "no choices": ("custom", NOTHING),
    "a failed reply": ("custom", completion("p", "error")),
    "a list of chunks": ("custom", [chunk({"content": "Hi"}), chunk({"content": " you"}, "stop", usage=USAGE)]),
    "a list of chunks without an end": ("custom", [chunk({"content": "Hi"}, usage=USAGE)]),
    "one chunk": ("custom", chunk({"content": "Hi"}, "stop", usage=USAGE)),
    "a shape that is not given": ("custom", {"choices": [{"index": 0, "message": 7}], "usage": USAGE}),
    "an error": ("custom", {"error": {"message": "Incorrect API key provided", "code": 401}}),
    "a detail": ("custom", {"detail": "Not authenticated"}),
    "Google with nothing": ("google", {"usageMetadata": {"promptTokenCount": 12}}),
    "Anthropic with a bad block": ("anthropic", {"type": "message", "content": [7], "usage": {"input_tokens": 9}}),
    "Responses that failed": (
        "responses",
        {"object": "response", "status": "failed", "error": {"code": "server_error"}},
    ),
}


def outcome(clients: Clients, server: Loopback, provider: str, *, stream: bool) -> tuple[Any, ...]:
    """What becomes of a call: the text, the code, the requests that it took, and the tokens that it cost."""
    start = len(server.received)
    more = {"api": "responses"} if provider == "responses" else {}
    provider = "openai" if more else provider
    client, asked = clients.for_provider(provider), at(server, provider, **more)
    try:
        response = collect(client.stream(asked))[1] if stream else client.complete(asked)
    except NeuroScriptError as error:
        usage = error.details.get("usage")
        counted = (usage.input_tokens, usage.output_tokens) if usage else None
        return error.code, error.details.get("text"), len(server.received) - start, counted
    return response.text, response.usage, len(server.received) - start


@pytest.mark.parametrize("case", BODIES)
@pytest.mark.parametrize("content_type", ["application/json", "text/event-stream"])
def test_one_json_body(case: str, content_type: str, clients: Clients, server: Loopback) -> None:
    provider, body = BODIES[case]
    server.will(reply(body, content_type=content_type))
    plain = outcome(clients, server, provider, stream=False)
    assert outcome(clients, server, provider, stream=True) == plain


def test_a_list_of_chunks_is_read(clients: Clients, server: Loopback) -> None:
    server.will(reply(BODIES["a list of chunks"][1]))
    assert outcome(clients, server, "custom", stream=True)[0] == "Hi you"
    server.will(streamed(events(BODIES["a list of chunks"][1], "[DONE]")))
    assert outcome(clients, server, "custom", stream=True)[0] == "Hi you"


def test_a_reply_without_choices_is_counted_once(clients: Clients, server: Loopback) -> None:
    server.will(reply(NOTHING))
    assert outcome(clients, server, "custom", stream=True) == (16, None, 1, (7, 9))


REFUSALS: list[tuple[str, Any]] = [
    ("custom", {"error": {"message": "Incorrect API key provided", "code": 401}}),
    ("custom", {"error": {"message": "Rate limit reached", "code": 429}}),
    ("custom", {"error": {"message": "internal error", "code": 500}}),
    ("anthropic", {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}),
    (
        "anthropic",
        {"type": "error", "error": {"type": "invalid_request_error", "message": "prompt is too long: 9 tokens > 8"}},
    ),
    ("google", {"error": {"code": 429, "message": "Resource exhausted", "status": "RESOURCE_EXHAUSTED"}}),
    ("responses", {"type": "error", "code": "rate_limit_exceeded", "message": "Rate limit reached"}),
]


@pytest.mark.parametrize(("provider", "body"), REFUSALS)
def test_a_refusal_costs_nothing(provider: str, body: Any, clients: Clients, server: Loopback) -> None:
    server.will(streamed(events(body)))
    assert outcome(clients, server, provider, stream=True)[3] is None
    server.will(reply(body))
    assert outcome(clients, server, provider, stream=False)[3] is None


def test_a_refusal_after_an_empty_beginning_costs_nothing(clients: Clients, server: Loopback) -> None:
    server.will(streamed(events(chunk({"role": "assistant"}), REFUSALS[1][1])))
    assert outcome(clients, server, "custom", stream=True)[3] is None


def test_a_failure_after_the_first_words_is_counted(clients: Clients, server: Loopback) -> None:
    server.will(streamed(events(chunk({"content": "Hi"}), REFUSALS[0][1])))
    counted = outcome(clients, server, "custom", stream=True)[3]
    assert min(counted) > 0


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("content_type", ["application/json", "text/plain", "text/event-stream"])
@pytest.mark.parametrize(
    ("body", "code", "attempts"),
    [
        (json.dumps({"detail": "Not authenticated"}), 45, 1),
        ('"Unauthorized"', 45, 1),
        ("Unauthorized", 45, 1),
        ("Rate limit exceeded, retry later", 20, 3),
        ("The model will not answer this today", 16, None),
    ],
)
def test_words_under_a_status_of_success(
    body: str, code: int, attempts: int | None, content_type: str, stream: bool, clients: Clients, server: Loopback
) -> None:
    server.will(reply(body, content_type=content_type))
    found = outcome(clients, server, "custom", stream=stream)
    assert found[0] == code
    if attempts is not None:
        assert found[2:] == (attempts, None)


@pytest.mark.parametrize("stream", [False, True])
def test_bytes_that_are_not_utf_8_become_replacement_characters(
    stream: bool, clients: Clients, server: Loopback
) -> None:
    server.will(reply(json.dumps(completion("caf\u00e9"), ensure_ascii=False).encode("latin-1")))
    assert outcome(clients, server, "custom", stream=stream)[0] == "caf\ufffd"


def test_a_body_that_came_is_not_called_empty(clients: Clients, server: Loopback) -> None:
    server.will(streamed(events(chunk({"role": "assistant"}), chunk({}, "length", usage=USAGE), "[DONE]")))
    with pytest.raises(NeuroScriptError, match="cut at its length limit") as caught:
        collect(clients.for_provider("custom").stream(at(server, "custom")))
    assert "empty" not in caught.value.message


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(("status", "attempts"), [(500, 3), (400, 1)])
def test_a_refusal_that_says_what_it_cost(
    status: int, attempts: int, stream: bool, clients: Clients, server: Loopback
) -> None:
    server.will(reply({"error": {"message": "boom"}, "usage": USAGE}, status))
    found = outcome(clients, server, "custom", stream=stream)
    assert found == (16, None, attempts, (9 * attempts, 3 * attempts))


@pytest.mark.parametrize("stream", [False, True])
def test_a_reply_of_googles_without_candidates_has_no_output(stream: bool, clients: Clients, server: Loopback) -> None:
    body = {"candidates": [], "usageMetadata": {"promptTokenCount": 10, "totalTokenCount": 10}}
    server.will(streamed(events(body)) if stream else reply(body))
    code, _, attempts, counted = outcome(clients, server, "google", stream=stream)
    assert (code, counted) == (16, (10 * attempts, 0))
