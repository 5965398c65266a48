"""Bodies that cannot be read: the error shows the beginning of what came, fit to be read and without secrets."""

from __future__ import annotations

import gzip
import json
import socket
from collections.abc import Callable
from typing import Any

import pytest

from ai_wm.providers import Clients
from neuroscript.errors import NeuroScriptError
from tests.ai_wm.providers.loopback import Answer, Loopback, events, reply, streamed
from tests.ai_wm.providers.support import KEY, REMOTE, at, body_of, collect, request, stream_of, stream_type
from tests.ai_wm.providers.test_aws_events import event as aws_event

BEGIN = "; it begins with "


def cut_off(raw: bytes, content_type: str = "application/json", **headers: str) -> Answer:
    """A reply whose connection ends before the length that was announced."""

    def send(connection: socket.socket) -> None:
        fields = {"content-type": content_type, "content-length": str(len(raw) + 100), **headers}
        lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in fields.items())
        connection.sendall(f"HTTP/1.1 200 OK\r\n{lines}\r\n".encode() + raw)
        connection.shutdown(socket.SHUT_RDWR)

    return send


def failure(clients: Clients, server: Loopback, provider: str, *, stream: bool, **more: Any) -> NeuroScriptError:
    client = clients.for_provider(provider)
    asked = at(server, provider, max_retries=0, **more)
    with pytest.raises(NeuroScriptError) as caught:
        collect(client.stream(asked)) if stream else client.complete(asked)
    assert KEY not in f"{caught.value} {caught.value.details}"
    return caught.value


def compressed(body: bytes, damage: Callable[[bytes], bytes]) -> bytes:
    return reply(damage(gzip.compress(body)), headers={"content-encoding": "gzip"})


TEXT = json.dumps(body_of("custom")).encode()
BODIES: list[tuple[str, Answer, str]] = [
    ("a wrong length", cut_off(TEXT[:60]), '{"id": "chatcmpl-1"'),
    ("a wrong length of a stream", cut_off(b'data: {"a": 1}\n\n', "text/event-stream"), 'data: {"a": 1}'),
    ("a wrong length of nothing but space", cut_off(b" \n\n"), ""),
    ("JSON cut", reply(TEXT[:60]), '{"id": "chatcmpl-1"'),
    ("JSON with a key in it", reply(b'{"your key": "' + KEY.encode() + b'", '), '{"your key": "***"'),
    ("a page", reply("<html><title>Log in</title>", content_type="text/html"), "<html><title>Log in</title>"),
    ("a page said to be JSON", reply("<html><title>Log in</title>"), "<html><title>Log in</title>"),
    ("not compressed at all", compressed(TEXT, lambda raw: TEXT), '{"id": "chatcmpl-1"'),
    ("compressed wrongly at its end", compressed(TEXT * 9, lambda raw: raw[:-8] + b"\0" * 8), '{"id": "chatcmpl-1"'),
    ("compressed and cut", compressed(TEXT * 9, lambda raw: raw[:-8]), '{"id": "chatcmpl-1"'),
    ("compressed and cut by its length", cut_off(gzip.compress(TEXT)[:-8], content_encoding="gzip"), '{"id": "chat'),
    ("control characters", reply(b"\x00\x1b[31m\xff\xfered\x07"), "[31m red"),
]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(("answer", "shown"), [pytest.param(*row[1:], id=row[0]) for row in BODIES])
def test_the_beginning_is_shown(answer: Answer, shown: str, stream: bool, clients: Clients, server: Loopback) -> None:
    error = failure(clients, server.will(answer), "custom", stream=stream)
    assert error.code == 16
    assert error.message.isprintable()
    assert len(error.message) < 700
    assert (shown in error.message.partition(BEGIN)[2]) if shown else BEGIN not in error.message


@pytest.mark.parametrize("provider", REMOTE)
def test_a_stream_that_breaks_shows_how_it_began(provider: str, clients: Clients, server: Loopback) -> None:
    pieces = stream_of(provider, "Hi ", "there")
    server.will(streamed(pieces[:1], end=False, content_type=stream_type(provider)))
    error = failure(clients, server, provider, stream=True)
    beginning = " ".join(pieces[0].decode().split())
    assert beginning[:60] in error.message.partition(BEGIN)[2].replace("\\'", "'")


def test_a_delta_of_anthropics_before_its_start(clients: Clients, server: Loopback) -> None:
    piece = {"type": "input_json_delta", "partial_json": "{}"}
    delta = {"type": "content_block_delta", "index": 0, "delta": piece}
    server.will(streamed(events(delta, names=["content_block_delta"])))
    message = failure(clients, server, "anthropic", stream=True).message
    assert "a piece of content block 0 came before its start" in message
    assert '"input_json_delta"' in message.partition(BEGIN)[2]


@pytest.mark.parametrize("place", [4, -10, -1], ids=["prelude", "payload", "checksum"])
def test_an_event_of_bedrocks_with_a_wrong_checksum(place: int, clients: Clients, server: Loopback) -> None:
    raw = bytearray(aws_event("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": f"Hi {KEY}"}}))
    raw[place] ^= 1
    server.will(streamed([bytes(raw)], content_type="application/vnd.amazon.eventstream"))
    config = {"aws_region": "eu-west-1", "base_url": server.url, "max_retries": 0}
    with pytest.raises(NeuroScriptError, match="checksum") as caught:
        collect(clients.for_provider("bedrock").stream(request("bedrock", config=config)))
    shown = caught.value.message.partition(BEGIN)[2]
    assert "contentBlockDelta" in shown
    assert KEY not in caught.value.message
    assert caught.value.message.isprintable()


# --- Text among the events of a stream ---


def with_line(line: str) -> list[bytes]:
    """A stream that ends as it should, with a bare line in it behind the first text."""
    first, second, *rest = stream_of("custom", "Hi", " there")
    return [first, second, f"{line}\n\n".encode(), *rest]


TEXTS = [
    ("Internal Server Error", 16),
    ("upstream connect error or disconnect/reset before headers. reset reason: connection termination", 16),
    ("error: the model crashed", 16),
    ("Unauthorized", 45),
    ("<html><title>502</title></html>", 16),
]
LINES = [
    *TEXTS,
    ('{"message": "Internal Server Error"}', 16),
    ('{"error": {"message": "Internal Server Error"}}', 16),
    ('{"detail": "Internal Server Error"}', 16),
    ('{"nobody": "knows"}', 16),
    ('["nobody"]', 16),
    ('{"broken', 16),
]
FINE = [": a comment", "event: message", "id: 7", "id", "retry: 10", "x-own: field", "data", "data:", "ping", " "]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(("line", "code"), LINES)
def test_a_line_of_text_in_a_stream_is_a_failure(
    line: str, code: int, stream: bool, clients: Clients, server: Loopback
) -> None:
    pieces = with_line(line)
    if (line, code) in TEXTS:  # after which nothing but the end comes
        pieces = [*pieces[:3], b"data: [DONE]\n\n"]
    server.will(streamed(pieces) if stream else reply(b"".join(pieces), content_type="text/event-stream"))
    error = failure(clients, server, "custom", stream=stream)
    assert error.code == code
    words = json.loads(line) if line.startswith('{"') and "broken" not in line else line
    said = next(iter(words.values())) if isinstance(words, dict) else words
    assert (said["message"] if isinstance(said, dict) else said)[:60] in error.message
    if stream:
        assert error.details["text"] == "Hi"


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("line", [*FINE, *(line for line, _ in TEXTS)])
def test_what_the_standard_passes_over_is_no_failure(
    line: str, stream: bool, clients: Clients, server: Loopback
) -> None:
    pieces = with_line(line)
    server.will(streamed(pieces) if stream else reply(b"".join(pieces), content_type="text/event-stream"))
    client, asked = clients.for_provider("custom"), at(server, "custom", max_retries=0)
    assert (collect(client.stream(asked))[1] if stream else client.complete(asked)).text == "Hi there"


@pytest.mark.parametrize("line", ["Internal Server Error", '{"message": "Internal Server Error"}', '{"detail": "x"}'])
def test_a_line_of_text_among_lines_of_json(line: str, clients: Clients, server: Loopback) -> None:
    first, *rest = stream_of("ollama", "Hi", " there")
    server.will(streamed([first, f"{line}\n".encode(), *rest], content_type="application/x-ndjson"))
    assert failure(clients, server, "ollama", stream=True).code == 16


def test_a_chunk_without_its_field_is_a_chunk(clients: Clients, server: Loopback) -> None:
    first, second, third, *rest = stream_of("custom", "Hi", " there")
    server.will(streamed([first, second, third.removeprefix(b"data: "), *rest]))
    assert collect(clients.for_provider("custom").stream(at(server, "custom")))[0] == "Hi there"
