"""Failed connections: the error names what was asked, the proxy on the way, and which of the two failed."""

from __future__ import annotations

import re
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from ai_wm.providers import Clients
from neuroscript.errors import NeuroScriptError
from tests.ai_wm.providers.loopback import Loopback, reply, streamed
from tests.ai_wm.providers.support import body_of, collect, request, stream_of

SECRET = "hunter2hunter2"
Behaviour = Callable[[socket.socket], None]


@contextmanager
def listening(behave: Behaviour) -> Iterator[int]:
    """Runs a server that does this with each connection, and gives its port."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        stopping = threading.Event()

        def run() -> None:
            while not stopping.is_set():
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with connection:
                    behave(connection)

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        try:
            yield server.getsockname()[1]
        finally:
            stopping.set()
            server.shutdown(socket.SHUT_RDWR)
            thread.join(5)


def read(connection: socket.socket) -> None:
    """Reads what a client sends before it waits: a request with its body, or one piece of another protocol.

    A connection that is closed while bytes of it are unread is reset, and its client may lose the answer.
    """
    received = connection.recv(65536)
    if not received[:1].isupper():  # TLS or SOCKS
        return
    while b"\r\n\r\n" not in received:
        received += connection.recv(65536)
    head, _, body = received.partition(b"\r\n\r\n")
    length = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
    missing = int(length[1]) - len(body) if length else 0
    while missing > 0:
        missing -= len(connection.recv(missing))


def hangs_up(connection: socket.socket) -> None:
    """Reads what comes, and closes the connection."""
    read(connection)


def resets(connection: socket.socket) -> None:
    read(connection)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def resets_within(connection: socket.socket) -> None:
    read(connection)
    connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: 999\r\n\r\n: begun\n")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def is_silent(connection: socket.socket) -> None:
    while connection.recv(65536):
        pass


def says(text: bytes) -> Behaviour:
    def behave(connection: socket.socket) -> None:
        read(connection)
        connection.sendall(text)

    return behave


def unused_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port: int = taken.getsockname()[1]
    return port


def failures(base_url: str, clients: Clients) -> Iterator[NeuroScriptError]:
    """The failure of a call plain and streamed, with a query in the address."""
    asked = request(
        "custom",
        config={"base_url": f"{base_url}/v1?api-version={SECRET}", "max_retries": 0, "timeout_seconds": 0.5},
    )
    client = clients.for_provider("custom")
    with pytest.raises(NeuroScriptError) as plain:
        client.complete(asked)
    with pytest.raises(NeuroScriptError) as streamed:
        collect(client.stream(asked))
    for caught in (plain, streamed):
        assert SECRET not in f"{caught.value} {caught.value.details}"
        yield caught.value


STRAIGHT = [
    ("http", None, 16, "refused"),
    ("https", None, 16, "refused"),
    ("https", says(b"this is no TLS"), 16, "tls"),
    ("http", hangs_up, 16, None),
    ("http", resets, 16, None),
    ("http", resets_within, 16, None),
    ("http", is_silent, 31, None),
    ("https", is_silent, 31, None),
]


@pytest.mark.parametrize(("scheme", "behave", "code", "reason"), STRAIGHT)
def test_the_address_is_named(
    scheme: str, behave: Behaviour | None, code: int, reason: str | None, clients: Clients
) -> None:
    with listening(behave or hangs_up) as port:
        port = port if behave else unused_port()
        asked = f"{scheme}://127.0.0.1:{port}/v1/chat/completions"
        for error in failures(f"{scheme}://127.0.0.1:{port}", clients):
            assert (error.code, error.details.get("reason")) == (code, reason)
            assert f"asked at {asked})" in error.message
            assert error.details["address"] == asked
            assert "proxy" not in error.details


def test_a_host_that_does_not_exist_is_named(clients: Clients) -> None:
    for error in failures("http://models.invalid:8080", clients):
        assert "(asked at http://models.invalid:8080/v1/chat/completions)" in error.message


PROXIES = [
    # the scheme of the address, that of the proxy, what the proxy does, and the words for it
    ("http", "http", None, "the connection to the proxy {proxy} could not be made"),
    ("https", "http", None, "the connection to the proxy {proxy} could not be made"),
    ("https", "http", hangs_up, "the connection to the proxy {proxy} broke"),
    ("https", "http", resets, "the connection to the proxy {proxy} broke"),
    ("https", "http", says(b"HTTP/1.1 403 Forbidden\r\n\r\n"), "the proxy {proxy} did not make the connection: 403"),
    ("https", "http", says(b"HTTP/1.1 407 Sign in\r\n\r\n"), "the proxy {proxy} did not make the connection: 407"),
    ("https", "http", says(b"HTTP/1.1 502 Bad Gateway\r\n\r\n"), "the proxy {proxy} did not make the connection: 502"),
    (
        "http",
        "http",
        says(reply("sign in first", 407)),
        "the proxy {proxy} refused the request (status 407): sign in first",
    ),
    ("http", "https", says(b"this is no TLS"), "the connection to the proxy {proxy} could not be made"),
    ("https", "https", says(b"this is no TLS"), "the connection to the proxy {proxy} could not be made"),
    ("http", "socks5", None, "the connection to the proxy {proxy} could not be made"),
    ("http", "socks5", says(b"\x05\xff"), "the proxy {proxy} did not make the connection"),
    ("https", "socks5", says(b"\x05\xff"), "the proxy {proxy} did not make the connection"),
    ("http", "socks5", hangs_up, "the proxy {proxy} did not make the connection"),
    ("http", "socks5", says(b"HTTP/1.1 400 Bad Request\r\n\r\n"), "the proxy {proxy} did not make the connection"),
]


@pytest.mark.parametrize(("scheme", "kind", "behave", "words"), PROXIES)
def test_the_proxy_that_failed_is_named(scheme: str, kind: str, behave: Behaviour | None, words: str) -> None:
    if kind == "socks5":
        pytest.importorskip("socksio", reason="the extra 'socks' is not installed")
    with listening(behave or hangs_up) as port:
        proxy = f"127.0.0.1:{port if behave else unused_port()}"
        asked = f"{scheme}://models.invalid/v1/chat/completions"
        with Clients(environ={"ALL_PROXY": f"{kind}://user:{SECRET}@{proxy}"}) as clients:
            for error in failures(f"{scheme}://models.invalid", clients):
                assert words.format(proxy=f"{kind}://{proxy}") in error.message
                assert f"(asked at {asked} by the proxy {kind}://{proxy})" in error.message
                assert (error.code, error.details["reason"]) == (16, "proxy")
                assert (error.details["address"], error.details["proxy"]) == (asked, f"{kind}://{proxy}")


BEHIND = [
    ("https", says(b"HTTP/1.1 200 OK\r\n\r\n"), 16, "the connection could not be made"),  # no TLS behind it
    ("http", hangs_up, 16, "the connection broke"),
    ("http", is_silent, 31, "no complete reply"),
]


@pytest.mark.parametrize(("scheme", "behave", "code", "words"), BEHIND)
def test_what_may_have_failed_behind_a_proxy(scheme: str, behave: Behaviour, code: int, words: str) -> None:
    with listening(behave) as port, Clients(environ={"ALL_PROXY": f"http://127.0.0.1:{port}"}) as clients:
        for error in failures(f"{scheme}://models.invalid", clients):
            assert error.code == code
            assert words in error.message
            assert f"by the proxy http://127.0.0.1:{port})" in error.message
            assert error.details.get("reason") != "proxy"


def test_a_kept_connection_that_breaks_is_not_the_proxys_fault(server: Loopback) -> None:
    asked = request("custom", config={"base_url": "http://models.invalid/v1", "max_retries": 0})
    server.will(streamed(stream_of("custom", "Hi")), lambda connection: connection.shutdown(socket.SHUT_RDWR))
    with Clients(environ={"HTTP_PROXY": server.url}) as made:
        collect(made.for_provider("custom").stream(asked))
        with pytest.raises(NeuroScriptError, match=f"broke.*by the proxy {server.url}"):
            made.for_provider("custom").complete(asked)


def test_a_managers_variables_are_not_those_of_the_process(
    clients: Clients, server: Loopback, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALL_PROXY", f"http://127.0.0.1:{unused_port()}")
    server.will(reply(body_of("custom", "Hi")))
    asked = request("custom", config={"base_url": f"{server.url}/v1", "max_retries": 0})
    with Clients(environ={}) as made:
        assert made.for_provider("custom").complete(asked).text == "Hi"
        assert made.proxy(server.url) == ""
    with Clients(environ={"HTTP_PROXY": server.url}) as made:
        there = request("custom", config={"base_url": "http://models.invalid/v1", "max_retries": 0})
        assert made.for_provider("custom").complete(there).text == "Hi"
        assert made.proxy("http://models.invalid") == server.url
    with pytest.raises(NeuroScriptError, match="the connection to the proxy"):
        clients.for_provider("custom").complete(asked)
