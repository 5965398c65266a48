"""Server-sent events, proxies, silence, cancelling and retries."""

from __future__ import annotations

import socket
import threading
import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor

import anyio
import httpx
import pytest

from ai_wm import AIWorkerManager
from ai_wm.providers import Clients
from neuroscript import Interpreter
from tests.ai_wm.helpers import manager_of, raises_code, worker
from tests.ai_wm.providers.loopback import Loopback, Received, reply, streamed
from tests.ai_wm.providers.support import REMOTE, at, body_of, collect, request, stream_of, stream_type
from tests.ai_wm.providers.wire import (
    asking,
    completion,
)


@pytest.mark.parametrize("provider", ["anthropic", "custom", "google", "openai"])
@pytest.mark.parametrize(
    "pulse", [b"event: ping\ndata:\n\n", b"data: \n\n", b"event: ping\ndata: pong\n\n", b": alive\n\n", b"data:\n\n\n"]
)
def test_sse_empty_data(provider: str, pulse: bytes, clients: Clients, server: Loopback) -> None:
    pieces = [pulse, *(part for piece in stream_of(provider, "Hi ", "there") for part in (piece, pulse))]
    text, response = collect(clients.for_provider(provider).stream(at(server.will(streamed(pieces)), provider)))
    assert (text, response.finish_reason) == ("Hi there", "stop")


@pytest.mark.parametrize("provider", ["custom", "ollama"])
@pytest.mark.parametrize("exempt", ["localhost,127.0.0.1", "127.0.0.0/8", "*"])
def test_socks_variable(
    provider: str, exempt: str, clients: Clients, server: Loopback, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALL_PROXY", "socks5://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", exempt)
    server.will(reply(body_of(provider)))
    assert clients.for_provider(provider).complete(at(server, provider)).text == "Hi there"


def test_stall_60_silence_has_the_whole_time_of_the_call() -> None:
    waits: list[dict[str, float]] = []

    def answer(asked: httpx.Request) -> httpx.Response:
        waits.append(asked.extensions["timeout"])
        return httpx.Response(
            200, content=b"".join(stream_of("custom", "Hi")), headers={"content-type": "text/event-stream"}
        )

    with Clients(transport=httpx.MockTransport(answer)) as clients:
        config = {"base_url": "http://models.invalid/v1", "timeout_seconds": 600}
        collect(clients.for_provider("custom").stream(request("custom", config=config)))
    assert waits[0]["read"] > 500


@pytest.mark.slow
@pytest.mark.parametrize("provider", REMOTE)
def test_stall_60(provider: str, clients: Clients, server: Loopback) -> None:
    pieces = stream_of(provider, "Hi ", "there")

    def think(connection: socket.socket) -> None:
        connection.sendall(
            b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-type: %s\r\n\r\n" % stream_type(provider).encode()
        )
        connection.sendall(pieces[0])
        server.stopping.wait(63)
        connection.sendall(b"".join(pieces[1:]))
        connection.shutdown(socket.SHUT_RDWR)

    asked = at(server.will(think), provider, timeout_seconds=600)
    assert collect(clients.for_provider(provider).stream(asked))[0] == "Hi there"


class Silent:
    """A server that reads a request, perhaps begins to answer, and then says nothing; ``left`` is set when the client
    has closed the connection."""

    def __init__(self, server: Loopback, beginning: bytes = b"") -> None:
        self.asked, self.left = threading.Event(), threading.Event()

        def wait(connection: socket.socket) -> None:
            connection.sendall(beginning)
            self.asked.set()
            connection.settimeout(30)
            try:
                gone = connection.recv(1) == b""
            except ConnectionResetError:  # closed with something unread
                gone = True
            if gone:
                self.left.set()

        server.will(wait)


BEGUN = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n" + stream_of("custom", "Hi")[1]


@pytest.mark.parametrize("beginning", [b"", BEGUN], ids=["no reply", "a stream begun"])
def test_cancel_silent(beginning: bytes, server: Loopback) -> None:
    silent = Silent(server, beginning)
    with Interpreter() as interpreter:
        manager_of(interpreter).add_worker_definition(
            worker("w", provider="custom", model_name="m", base_config={"base_url": f"{server.url}/v1"})
        )
        interpreter.load('func main() means\nask "w", "hello" into answer\nreturn answer\nendfunc')
        threading.Thread(target=lambda: silent.asked.wait(10) and interpreter.cancel()).start()
        with raises_code(44):
            interpreter.run("main")
    assert silent.left.wait(5)


def test_cancel_silent_by_check_and_from_asyncio(server: Loopback) -> None:
    class Cancelled(Exception):
        pass

    def check() -> None:
        if silent.asked.is_set():
            raise Cancelled

    silent = Silent(server)
    asked = at(server, "custom")
    object.__setattr__(asked, "check", check)
    with Clients() as clients, pytest.raises(Cancelled):
        clients.for_provider("custom").complete(asked)
    assert silent.left.wait(5)

    async def impatient(manager: AIWorkerManager) -> None:
        with anyio.move_on_after(0.3):
            await manager.aexecute_stateless_task("w", "hello")

    again = Silent(server)
    with asking(server) as manager:
        anyio.run(impatient, manager)
        assert again.left.wait(5)


def test_retry_after_herd(clients: Clients, server: Loopback) -> None:
    let_through: deque[float] = deque(maxlen=5)
    lock = threading.Lock()

    def judge(received: Received) -> bytes:
        with lock:
            now = time.monotonic()
            if len(let_through) == 5 and now - let_through[0] < 1:
                return reply({"error": {"message": "Rate limit reached"}}, 429, {"retry-after": "1"})
            let_through.append(now)
        return reply(completion())

    client = clients.for_provider("custom")
    asked = at(server.judges(judge), "custom")
    with ThreadPoolExecutor(20) as pool:
        replies = list(pool.map(lambda _: client.complete(asked), range(20)))
    assert [response.text for response in replies] == ["Hi there"] * 20
