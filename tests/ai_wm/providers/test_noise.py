"""What gateways add to good replies: errors that say nothing, and pulses that are sent as data."""

from __future__ import annotations

from typing import Any

import pytest

from ai_wm.providers import Clients
from ai_wm.providers.error_bodies import says_error
from tests.ai_wm.helpers import raises_code
from tests.ai_wm.providers.loopback import Loopback, events, reply, streamed
from tests.ai_wm.providers.response_wire import message, response, stream_events
from tests.ai_wm.providers.support import at, body_of, collect, stream_of, stream_type
from tests.ai_wm.providers.wire import USAGE, chunk

pytestmark = pytest.mark.usefixtures("quick")

PROVIDERS = ("anthropic", "custom", "google", "ollama", "responses")

NO_ERRORS: list[Any] = [
    None,
    False,
    0,
    "",
    " ",
    "null",
    "success",
    {},
    [],
    {"message": "", "type": "", "param": "", "code": None},
    {"message": None, "code": 0},
    {"code": 0, "message": "success", "request_id": "r-1"},
    {"code": "200", "message": "OK"},
    {"error": {"message": ""}},
    [{"message": ""}],
]
ERRORS: list[Any] = [
    True,
    "boom",
    500,
    {"message": "boom"},
    {"message": "", "code": 500},
    {"message": "", "code": "server_error"},
    {"message": "", "type": "server_error"},
    {"code": 0, "message": "boom"},
    {"metadata": {"raw": "boom"}},
    {"what": "boom"},
    [{"message": "boom"}],
]


@pytest.mark.parametrize("error", NO_ERRORS)
def test_errors_that_say_nothing(error: Any) -> None:
    assert not says_error(error)


@pytest.mark.parametrize("error", ERRORS)
def test_errors_that_say_something(error: Any) -> None:
    assert says_error(error)


def test_an_error_of_any_depth_is_one() -> None:
    nested: Any = ""
    for _ in range(10_000):
        nested = {"error": nested}
    assert says_error(nested)


def asked(server: Loopback, provider: str) -> tuple[str, Any]:
    if provider == "responses":
        return "openai", at(server, "openai", api="responses")
    return provider, at(server, provider)


def whole_of(provider: str) -> dict[str, Any]:
    return response(message()) if provider == "responses" else body_of(provider)


def pieces_of(provider: str) -> list[bytes]:
    if provider == "responses":
        return events(*stream_events(whole_of(provider)))
    return stream_of(provider, "Hi", " there")


def check_once(server: Loopback, found: Any) -> None:
    assert (found.text, found.usage.output_tokens, found.usage.estimated) == ("Hi there", 3, False)
    assert len(server.received) == 1


@pytest.mark.parametrize("error", NO_ERRORS)
@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_reply_with_an_error_that_says_nothing(provider: str, error: Any, clients: Clients, server: Loopback) -> None:
    server.will(reply({**whole_of(provider), "error": error}))
    name, request = asked(server, provider)
    check_once(server, clients.for_provider(name).complete(request))


@pytest.mark.parametrize("error", NO_ERRORS)
@pytest.mark.parametrize("place", ["chunk", "choice", "delta"])
def test_a_stream_with_errors_that_say_nothing(place: str, error: Any, clients: Clients, server: Loopback) -> None:
    chunks = [chunk({"content": "Hi"}), chunk({"content": " there"}), chunk({}, "stop", usage=USAGE)]
    for each in chunks:
        choice = each["choices"][0]
        {"chunk": each, "choice": choice, "delta": choice["delta"]}[place]["error"] = error
    server.will(streamed(events(*chunks, "[DONE]")))
    found = collect(clients.for_provider("custom").stream(at(server, "custom")))[1]
    check_once(server, found)


@pytest.mark.parametrize("streams", [False, True])
def test_an_error_beside_text_and_usage_loses_neither(streams: bool, clients: Clients, server: Loopback) -> None:
    failed = {"error": {"message": "boom", "code": 400}, "usage": USAGE}
    server.will(
        streamed(events(chunk({"content": "Hi there"}, **failed)))
        if streams
        else reply({**body_of("custom"), **failed})
    )
    client, request = clients.for_provider("custom"), at(server, "custom")
    with raises_code(16, "boom") as caught:
        collect(client.stream(request)) if streams else client.complete(request)
    assert caught.value.details["text"] == "Hi there"
    assert caught.value.details["usage"].output_tokens == 3


PULSES = [
    ": OPENROUTER PROCESSING",
    ":",
    "2024-04-07 20:20:50.554328",
    "2024-04-07T20:20:50Z",
    "ping - 2024-04-07 20:20:50.554328+00:00",
    "1712521250",
    "12.5",
    "ping",
    "PING",
    "keepalive",
    "keep-alive",
    "heartbeat",
    "[PING]",
    "[HEARTBEAT]",
    '"ping"',
    "true",
    "false",
    "null",
    "[]",
    '""',
]


def between(pieces: list[bytes], *more: bytes) -> list[bytes]:
    """The stream with more before each of its pieces."""
    return [part for piece in pieces for part in (*more, piece)]


@pytest.mark.parametrize("pulse", PULSES)
@pytest.mark.parametrize("provider", [name for name in PROVIDERS if name != "ollama"])
def test_pulses_sent_as_data(provider: str, pulse: str, clients: Clients, server: Loopback) -> None:
    server.will(streamed(between(pieces_of(provider), *events(pulse))))
    name, request = asked(server, provider)
    said, found = collect(clients.for_provider(name).stream(request))
    assert said == "Hi there"
    check_once(server, found)


@pytest.mark.parametrize("pulse", ["true", "1712521250", "[]", "ping", ": alive"])
def test_pulses_between_lines_of_json(pulse: str, clients: Clients, server: Loopback) -> None:
    pieces = between(stream_of("ollama", "Hi", " there"), pulse.encode() + b"\n")
    server.will(streamed(pieces, content_type=stream_type("ollama")))
    check_once(server, collect(clients.for_provider("ollama").stream(at(server, "ollama")))[1])


def test_a_pulse_and_a_chunk_in_one_event(clients: Clients, server: Loopback) -> None:
    pieces = [b"data: ping\n" + piece for piece in pieces_of("custom")]
    check_once(server, collect(clients.for_provider("custom").stream(at(server.will(streamed(pieces)), "custom")))[1])


@pytest.mark.parametrize("pulse", PULSES)
def test_a_stream_that_was_not_asked_for(pulse: str, clients: Clients, server: Loopback) -> None:
    server.will(streamed(between(pieces_of("custom"), *events(pulse))))
    check_once(server, clients.for_provider("custom").complete(at(server, "custom")))


@pytest.mark.parametrize(
    "words",
    [
        "Internal Server Error",
        '"Internal Server Error"',
        "upstream timed out",
        "[ERROR]",
        "ping failed",
        "2024-04-07 20:20:50 ERROR no worker is left",
        "404 page not found",
    ],
)
@pytest.mark.parametrize("provider", ["anthropic", "custom", "google", "responses"])
def test_words_of_a_failure_are_no_pulse(provider: str, words: str, clients: Clients, server: Loopback) -> None:
    pieces = pieces_of(provider)
    server.will(streamed([*pieces[:-2], *events(words), *pieces[-2:]]))
    name, request = asked(server, provider)
    with raises_code(16):
        collect(clients.for_provider(name).stream(request))
    assert len(server.received) == 3


@pytest.mark.parametrize("pulse", ["true", "ping", ": alive"])
def test_a_stream_of_pulses_alone_is_no_reply(pulse: str, clients: Clients, server: Loopback) -> None:
    with raises_code(16, "no server-sent event"):
        collect(clients.for_provider("custom").stream(at(server.will(streamed(events(pulse))), "custom")))
