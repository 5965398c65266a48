"""No key in any output of any failure: everything that comes out is searched."""

from __future__ import annotations

import base64
import json
import logging
import pickle
import traceback
from collections.abc import Iterator
from urllib.parse import quote

import httpx
import pytest

from ai_wm.keys import Secret
from ai_wm.providers import Clients
from neuroscript.errors import NeuroScriptError
from tests.ai_wm.providers.loopback import Answer, Loopback, events, reply, streamed
from tests.ai_wm.providers.support import KEY, REMOTE, at, collect, error_of, request, stream_of, stream_type


def answers(provider: str) -> dict[str, Answer]:
    """Replies of every kind, each of which says the key, as some servers do."""
    kind = stream_type(provider)
    made: dict[str, Answer] = {
        f"status {status}": reply(error_of(provider, f"Incorrect API key provided: {KEY}", KEY), status)
        for status in (400, 401, 403, 404, 413, 422, 429, 500, 529)
    }
    long = "x" * 190
    begun = stream_of(provider, "one ", "two ", "three")[:2]
    made |= {
        "text": reply(f"no such key {KEY}", 401, content_type="text/plain"),
        "page": reply(f"<html>{KEY}</html>", content_type="text/html"),
        "cut in the middle of the key": reply(f"{long}{KEY}{long}"),
        "cut error": reply(error_of(provider, f"{'y' * 480}{KEY}"), 400),
        "percent-encoded": reply(f"key={quote(KEY)}", 500),
        "redirect": reply("", 302, {"location": f"https://elsewhere/?key={KEY}"}),
        "request id": reply(error_of(provider, "no"), 400, {"request-id": KEY, "x-request-id": KEY}),
        "wrong shape": reply({"choices": KEY, "content": KEY, "candidates": KEY, "message": KEY}),
        "reported in the stream": streamed(
            [*begun, *(events(error_of(provider, f"bad key {KEY}")) if provider != "ollama" else _line(KEY))],
            content_type=kind,
        ),
        "garbled stream": streamed([*begun, b"data: {" + KEY.encode() + b"\n\n"], content_type=kind),
        "cut stream": streamed(begun, end=False, content_type=kind),
    }
    return made


def _line(text: str) -> list[bytes]:
    return [json.dumps({"error": text}).encode() + b"\n"]


@pytest.fixture
def _output(caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]) -> Iterator[None]:
    """Searches what is written and logged: by this package at every level, by the libraries below it from INFO up.

    At DEBUG `httpcore` logs the headers of every reply, whatever is in them.
    """
    with caplog.at_level(logging.DEBUG):
        yield
    logged = [
        logging.Formatter().format(record)
        for record in caplog.get_records("call")
        if record.levelno > logging.DEBUG or record.name.startswith("ai_wm")
    ]
    written = capfd.readouterr()
    assert_clean("\n".join([*logged, written.out, written.err]))


def assert_clean(text: str) -> None:
    spellings = (KEY, quote(KEY, safe=""), base64.b64encode(KEY.encode()).decode(), KEY[:20], KEY[-20:])
    for spelling in spellings:
        assert spelling not in text, text


def everything_about(error: BaseException) -> str:
    """The error with all that is chained to it, as any program might show it."""
    parts = []
    seen: BaseException | None = error
    while seen is not None:
        parts += [str(seen), repr(seen), repr(seen.args), repr(vars(seen))]
        seen = seen.__cause__ or seen.__context__
    parts.append("".join(traceback.format_exception(error)))
    if isinstance(error, NeuroScriptError):
        parts.append(json.dumps(error.details, default=repr))
        parts.append(repr(pickle.loads(pickle.dumps(error))))
    return "\n".join(parts)


@pytest.mark.parametrize("provider", REMOTE)
@pytest.mark.usefixtures("quick", "_output")
def test_no_failure_shows_the_key(provider: str, clients: Clients, server: Loopback) -> None:
    client = clients.for_provider(provider)
    for number, (what, answer) in enumerate(answers(provider).items()):
        for mode in ("complete", "stream"):
            # Each case is a model of its own, so that no cool-down stands in the way of the next.
            asked = request(
                provider, model=f"m-{number}-{mode}", config={**at(server, provider).config, "timeout_seconds": 5}
            )
            server.will(answer)
            with pytest.raises(NeuroScriptError) as caught:
                client.complete(asked) if mode == "complete" else collect(client.stream(asked))
            shown = everything_about(caught.value)
            assert_clean(shown)
            assert caught.value.__cause__ is None, what
            assert caught.value.__context__ is None, what


@pytest.mark.parametrize("key", [f"{KEY}\n", f"{KEY} {KEY}", f"{KEY}\r\nX-Evil: 1", f"{KEY}é", f"{KEY}\x00"])
@pytest.mark.usefixtures("_output")
def test_a_key_that_cannot_be_sent_is_not_shown_either(key: str, clients: Clients, server: Loopback) -> None:
    asked = request("openai", api_key=Secret(key), config=at(server, "openai").config)
    with pytest.raises(NeuroScriptError) as caught:
        clients.for_provider("openai").complete(asked)
    assert caught.value.code == 45
    assert_clean(everything_about(caught.value))
    assert not server.received


@pytest.mark.usefixtures("quick", "_output")
def test_a_connection_that_fails_does_not_show_the_key() -> None:
    def broken(request: httpx.Request) -> httpx.Response:
        raise httpx.ReadError(f"cannot read, sent {dict(request.headers)}", request=request)

    with Clients(transport=httpx.MockTransport(broken)) as clients, pytest.raises(NeuroScriptError) as caught:
        clients.for_provider("anthropic").complete(request("anthropic"))
    assert_clean(everything_about(caught.value))


def test_requests_and_clients_do_not_show_the_key(clients: Clients, server: Loopback) -> None:
    asked = at(server, "openai")
    client = clients.for_provider("openai")
    assert_clean("\n".join((repr(asked), str(asked), repr(client), repr(vars(client)), repr(clients))))
