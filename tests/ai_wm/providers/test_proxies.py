"""Proxies by the usual variables, and what is exempt from them."""

from __future__ import annotations

import base64
import socket
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from ai_wm.providers import Clients
from ai_wm.providers.proxies import is_exempt, proxy_for
from tests.ai_wm.helpers import raises_code
from tests.ai_wm.providers.loopback import Loopback, reply
from tests.ai_wm.providers.support import REMOTE, at, body_of

EXEMPT = [
    # everything: curl, requests, httpx
    ("https://anything", "*"),
    ("https://host", "other,*"),
    ("http://10.1.2.3:8080", "*:8080"),
    # names, and what is below them: all three
    ("https://api.example.com", "example.com"),
    ("https://api.example.com", ".example.com"),
    ("https://example.com", ".example.com"),
    ("https://api.example.com", "*.example.com"),
    ("https://API.Example.COM.", "EXAMPLE.com"),
    ("https://api.example.com", "example.com."),
    ("http://localhost:8080/v1", "localhost,127.0.0.1"),
    # with a port: requests, httpx
    ("https://api.example.com", "api.example.com:443"),
    ("https://api.example.com:8443", "example.com:8443"),
    ("https://api.example.com:8443", ".example.com:8443"),
    ("https://api.example.com:8443", "*.example.com:8443"),
    ("https://api.example.com", "example.com:"),
    ("http://localhost:8080", "localhost:8080"),
    # with a scheme: httpx
    ("https://api.example.com", "all://example.com"),
    ("https://api.example.com", "https://example.com"),
    ("https://api.example.com", "https://example.com/"),
    ("https://api.example.com:8443", "https://example.com:8443"),
    # addresses: all three
    ("http://127.0.0.1:8080", "localhost, 127.0.0.1"),
    ("http://127.0.0.1:8080", "127.0.0.1:8080"),
    ("http://[::1]:8080", "::1"),
    ("http://[::1]:8080", "[::1]"),
    ("http://[::1]:8080", "[::1]:8080"),
    ("http://[::1]", "[0:0:0:0:0:0:0:1]:80"),
    ("http://[::ffff:127.0.0.1]:8080", "127.0.0.1:8080"),
    ("http://127.0.0.1", "::ffff:127.0.0.1"),
    # networks: curl, requests
    ("http://127.0.0.9", "127.0.0.0/8"),
    ("http://10.1.2.3", "10.0.0.0/8 example.com"),
    ("http://10.1.2.3", "10.9.9.9/8"),
    ("http://10.1.2.3", "http://10.0.0.0/8"),
    ("http://127.0.0.1:8080", "127.0.0.0/8:8080"),
    ("http://127.0.0.1", "127.0.0.0/8:80"),
    ("https://10.1.2.3", "0.0.0.0/0:443"),
    ("http://[fd00::7]", "fd00::/8"),
    ("http://[fd00::7]", "[fd00::]/8"),
    ("http://[fd00::7]", "[fd00::/8]"),
    ("http://[fd00::7]:8080", "[fd00::]/8:8080"),
    ("http://[fd00::7]:8080", "[fd00::/8]:8080"),
]
NOT_EXEMPT = [
    ("https://api.example.com", ""),
    ("https://api.example.com", "ample.com"),
    ("https://api.example.com", "example.com.evil"),
    ("https://api.example.com", "api.example.com:8443"),
    ("https://api.example.com", "example.com:port"),
    ("https://api.example.com", "example.com:443443"),
    ("https://api.example.com", "http://example.com"),
    ("https://api.example.com", "."),
    ("https://api.example.com", "*:8443"),
    ("http://127.0.0.1:8080", "127.0.0.1:8081"),
    ("http://127.0.0.1:8080", "127.0.0.0/8:8081"),
    ("http://127.0.0.1:8080", "127.0.0.0/8:http"),
    ("http://128.0.0.1:8080", "127.0.0.0/8:8080"),
    ("http://[::1]:8080", "[::1]:8081"),
    ("http://[::1]:8080", "[::1"),
    ("http://[::1]:8080", "[]:8080"),
    ("http://[fd00::7]:8080", "[fd00::]/8:8081"),
    ("http://[fe80::7]:8080", "[fd00::]/8:8080"),
    ("http://11.0.0.1", "10.0.0.0/8"),
    ("http://host", "10.0.0.0/8,300.0.0.0/8,/"),
    ("http://10.1.2.3", "10.0.0.0/99,10.0.0.0/x"),
    ("http://127.0.0.1", "localhost"),
    ("http://1.2.3.45", "1.2.3.4"),
    ("http://[fd00::7]", "0.0.0.0/0"),
]


@pytest.mark.parametrize(("url", "exemptions"), EXEMPT)
def test_what_is_exempt(url: str, exemptions: str) -> None:
    assert is_exempt(url, exemptions)


@pytest.mark.parametrize(("url", "exemptions"), NOT_EXEMPT)
def test_what_is_not(url: str, exemptions: str) -> None:
    assert not is_exempt(url, exemptions)


@pytest.mark.parametrize(
    ("variables", "url", "proxy"),
    [
        ({}, "https://a", None),
        ({"HTTPS_PROXY": "http://p:1"}, "https://a", "http://p:1"),
        ({"HTTPS_PROXY": "http://p:1"}, "http://a", None),
        ({"HTTP_PROXY": "http://p:1", "ALL_PROXY": "socks5://q:2"}, "http://a", "http://p:1"),
        ({"HTTP_PROXY": "http://p:1", "ALL_PROXY": "socks5://q:2"}, "https://a", "socks5://q:2"),
        ({"https_proxy": "http://small:1", "HTTPS_PROXY": "http://large:1"}, "https://a", "http://small:1"),
        ({"HTTPS_PROXY": "p:1"}, "https://a", "http://p:1"),
        ({"ALL_PROXY": "socks://p:1"}, "https://a", "socks5://p:1"),
        ({"HTTP_PROXY": " http://p:1 "}, "http://a", "http://p:1"),
        ({"HTTPS_PROXY": "  "}, "https://a", None),
        ({"ALL_PROXY": "http://p:1", "no_proxy": "a"}, "https://a", None),
        ({"ALL_PROXY": "http://p:1", "no_proxy": "", "NO_PROXY": "a"}, "https://a", "http://p:1"),
        ({"https_proxy": "", "HTTPS_PROXY": "http://p:1"}, "https://a", None),
        ({"HTTP_PROXY": "http://p:1", "REQUEST_METHOD": "GET"}, "http://a", None),
        ({"http_proxy": "http://p:1", "REQUEST_METHOD": "GET"}, "http://a", "http://p:1"),
    ],
)
def test_which_proxy(variables: dict[str, str], url: str, proxy: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    assert proxy_for(url, variables) == proxy  # those of a host
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert proxy_for(url) == proxy


@pytest.mark.parametrize("provider", REMOTE)
def test_a_call_goes_by_an_http_proxy(
    provider: str, clients: Clients, server: Loopback, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", server.url.replace("http://", "http://user:pass%21@"))
    asked = at(server.will(reply(body_of(provider))), provider, base_url="http://models.invalid/v1")
    for _ in range(2):
        assert clients.for_provider(provider).complete(asked).text == "Hi there"
    received = server.received[0]
    assert received.path.startswith("http://models.invalid/")
    assert received.headers["proxy-authorization"] == f"Basic {base64.b64encode(b'user:pass!').decode()}"
    assert server.connections == 1  # kept for the next call


@dataclass
class Tunnel:
    """A proxy that joins connections: by CONNECT, or by SOCKS version 5."""

    address: str = ""
    wanted: list[str] = field(default_factory=list)


@contextmanager
def tunnel(kind: str, target: int) -> Iterator[Tunnel]:
    """Runs a tunnel: ``connect``, ``socks``, or ``refusal``, one of SOCKS that refuses everybody.

    Whatever is wanted, it joins to the port ``target`` of this machine.
    """
    state = Tunnel()

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            client: socket.socket = self.request
            if kind == "connect":
                head = b""
                while b"\r\n\r\n" not in head:
                    head += client.recv(4096)
                state.wanted.append(head.split()[1].decode())
                client.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
            else:
                client.recv(262)
                client.sendall(b"\x05\xff" if kind == "refusal" else b"\x05\x00")
                if kind == "refusal":
                    return
                wanted = client.recv(262)
                host, port = wanted[5 : 5 + wanted[4]].decode(), int.from_bytes(wanted[-2:], "big")
                if wanted[3] == 1:
                    host = socket.inet_ntoa(wanted[4:8])
                state.wanted.append(f"{host}:{port}")
                client.sendall(b"\x05\x00\x00\x01\x7f\x00\x00\x01\x00\x00")
            with socket.create_connection(("127.0.0.1", target)) as other:
                threading.Thread(target=pump, args=(other, client), daemon=True).start()
                pump(client, other)

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True
        block_on_close = False

        def handle_error(self, request: Any, client_address: Any) -> None:
            """A broken connection is no news here."""

    with Server(("127.0.0.1", 0), Handler) as running:
        state.address = f"127.0.0.1:{running.server_address[1]}"
        thread = threading.Thread(target=running.serve_forever, args=(0.005,), daemon=True)
        thread.start()
        try:
            yield state
        finally:
            running.shutdown()
            thread.join()


def pump(source: socket.socket, target: socket.socket) -> None:
    try:
        while piece := source.recv(65536):
            target.sendall(piece)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        return  # one side has hung up


def test_a_call_goes_by_a_socks_proxy(clients: Clients, server: Loopback, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("socksio", reason="the extra 'socks' is not installed")
    server.will(reply(body_of("custom")))
    with tunnel("socks", int(server.url.rpartition(":")[2])) as proxy:
        monkeypatch.setenv("ALL_PROXY", f"socks5://{proxy.address}")
        asked = at(server, "custom", base_url="http://models.invalid/v1")
        for _ in range(2):
            assert clients.for_provider("custom").complete(asked).text == "Hi there"
    assert proxy.wanted == ["models.invalid:80"]
    assert server.received[0].headers["host"] == "models.invalid"


def test_an_https_call_is_tunnelled(server: Loopback, clients: Clients, monkeypatch: pytest.MonkeyPatch) -> None:
    with tunnel("connect", int(server.url.rpartition(":")[2])) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://{proxy.address}")
        # The server behind it speaks no TLS, which is as far as this goes.
        with raises_code(16):
            clients.for_provider("custom").complete(
                at(server, "custom", base_url="https://models.invalid/v1", max_retries=0)
            )
    assert proxy.wanted == ["models.invalid:443"]


def test_a_socks_proxy_without_its_extra_names_the_extra(
    clients: Clients, server: Loopback, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "socksio", None)
    monkeypatch.setenv("ALL_PROXY", "socks5://user:hunter2@127.0.0.1:9")
    with raises_code(18, r"neuroscript\[socks\]") as caught:
        clients.for_provider("custom").complete(at(server, "custom", base_url="http://models.invalid/v1"))
    assert caught.value.details["attempts"] == 1
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("proxy", ["ftp://user:hunter2@p:1", "http://user:hunter2@[::1", "http://user:hunter2@p:port"])
def test_a_proxy_that_cannot_be_used(
    proxy: str, clients: Clients, server: Loopback, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", proxy)
    with raises_code(18, "the proxy that the usual variables name") as caught:
        clients.for_provider("custom").complete(at(server, "custom", base_url="http://models.invalid/v1"))
    assert "hunter2" not in str(caught.value)


def test_a_socks_proxy_that_refuses(clients: Clients, server: Loopback, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("socksio", reason="the extra 'socks' is not installed")
    asked = at(server, "custom", base_url="http://models.invalid", max_retries=0)
    with tunnel("refusal", 9) as proxy:
        monkeypatch.setenv("ALL_PROXY", f"socks5://{proxy.address}")
        with raises_code(16, f"the proxy socks5://{proxy.address} did not make the connection"):
            clients.for_provider("custom").complete(asked)


def test_a_silent_socks_proxy_ends_at_the_deadline(
    clients: Clients, server: Loopback, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("socksio", reason="the extra 'socks' is not installed")
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        monkeypatch.setenv("ALL_PROXY", f"socks5://127.0.0.1:{deaf.getsockname()[1]}")
        asked = at(server, "custom", base_url="http://models.invalid/v1", timeout_seconds=0.4)
        with raises_code(31):
            clients.for_provider("custom").complete(asked)


# --- Addresses ---


@pytest.mark.parametrize("served", ["/v1/chat/completions", "/chat/completions", "/api/v1/chat/completions"])
@pytest.mark.parametrize("written", ["", "/", "/v1", "/v1/", "/v1/chat/completions", "/api", "/chat/completions"])
@pytest.mark.parametrize("status", [404, 405])
def test_a_server_is_found_where_it_has_its_api(
    served: str, written: str, status: int, clients: Clients, server: Loopback
) -> None:
    server.judges(
        lambda received: reply(body_of("custom")) if received.path == served else reply("404 page not found", status)
    )
    found = {
        "/v1/chat/completions": ("", "/", "/v1", "/v1/", "/v1/chat/completions"),
        "/chat/completions": ("", "/", "/chat/completions"),
        "/api/v1/chat/completions": ("/api",),
    }[served]
    client = clients.for_provider("custom")
    asked = at(server, "custom", base_url=server.url + written)
    if written in found:
        assert client.complete(asked).text == "Hi there"
        server.received.clear()
        client.complete(asked)
        assert [received.path for received in server.received] == [served]  # what was found is kept
    else:
        with raises_code(40 if status == 404 else 16, "asked at") as caught:
            client.complete(asked)
        assert caught.value.details["attempts"] == len(server.received)


def test_a_model_that_is_not_there_is_not_looked_for_elsewhere(clients: Clients, server: Loopback) -> None:
    error = {"object": "error", "message": "The model `m-1` does not exist.", "type": "NotFoundError", "code": 404}
    with raises_code(40, "does not exist"):
        clients.for_provider("custom").complete(at(server.will(reply(error, 404)), "custom", base_url=server.url))
    assert len(server.received) == 1


def test_the_version_of_azures_api(clients: Clients, server: Loopback) -> None:
    base = f"{server.url}/openai/deployments/d?api-version=2024-10-21"
    clients.for_provider("custom").complete(at(server.will(reply(body_of("custom"))), "custom", base_url=base))
    assert server.received[0].path == "/openai/deployments/d/chat/completions?api-version=2024-10-21"
