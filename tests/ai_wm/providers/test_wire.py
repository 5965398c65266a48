"""HTTP/1.1 as servers really speak it, well and badly, and the connections that are kept."""

from __future__ import annotations

import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from ai_wm.providers import Clients, wire
from ai_wm.providers.transport import Transport
from ai_wm.providers.wire import Connections
from tests.ai_wm.providers.loopback import Loopback, reply
from tests.ai_wm.providers.support import at, body_of

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi"


@pytest.fixture
def client() -> Iterator[httpx.Client]:
    with httpx.Client(transport=Connections(ssl.create_default_context()), timeout=5) as made:
        yield made


def post(client: httpx.Client, server: Loopback) -> httpx.Response:
    return client.post(server.url, content=b"{}")


BODIES = {
    "a length": (b"content-length: 5\r\n\r\nhello", True),
    "the same length twice": (b"content-length: 5\r\nContent-Length: 5\r\n\r\nhello", True),
    "chunks": (b"transfer-encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n", True),
    "chunks with extensions": (b'Transfer-Encoding: Chunked\r\n\r\n5;x="y"\r\nhello\r\n0 ;z\r\n\r\n', True),
    "chunks with trailers": (b"transfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nx-sum: 1\r\nx: 2\r\n\r\n", True),
    "chunks and a length": (b"content-length: 99\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", False),
    "bare line ends": (b"content-length: 5\n\nhello", True),
    "close": (b"connection: close\r\ncontent-length: 5\r\n\r\nhello", False),
    "more than it says": (b"content-length: 5\r\n\r\nhello, world", False),
}


@pytest.mark.parametrize("body", BODIES)
@pytest.mark.parametrize("piecewise", [False, True])
def test_where_a_body_ends(body: str, piecewise: bool, client: httpx.Client, server: Loopback) -> None:
    rest, kept = BODIES[body]
    answer = b"HTTP/1.1 200 OK\r\n" + rest

    def trickle(connection: socket.socket) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for place in range(0, len(answer), 3):
            connection.sendall(answer[place : place + 3])
            time.sleep(0.0005)

    server.will(trickle if piecewise else answer)
    for _ in range(2):
        assert post(client, server).text == "hello"
    assert server.connections == (1 if kept else 2)


def test_a_body_that_ends_with_the_connection(client: httpx.Client, server: Loopback) -> None:
    def answer(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\nhello")
        connection.shutdown(socket.SHUT_RDWR)

    server.will(answer)
    assert [post(client, server).text for _ in range(2)] == ["hello", "hello"]


@pytest.mark.parametrize("status", [204, 304])
def test_a_status_without_a_body(status: int, client: httpx.Client, server: Loopback) -> None:
    server.will(b"HTTP/1.1 %d x\r\n\r\n" % status)
    assert [post(client, server).content for _ in range(2)] == [b"", b""]
    assert server.connections == 1


def test_http_1_0_keeps_a_connection_only_where_it_says_so(client: httpx.Client, server: Loopback) -> None:
    server.will(OK.replace(b"1.1", b"1.0"))
    post(client, server)
    assert post(client, server).http_version == "HTTP/1.0"
    assert server.connections == 2
    server.will(OK.replace(b"1.1", b"1.0").replace(b"content", b"connection: Keep-Alive\r\ncontent"))
    post(client, server)
    post(client, server)
    assert server.connections == 3


def test_what_a_server_says_before_its_reply_is_passed_over(client: httpx.Client, server: Loopback) -> None:
    server.will(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n" + OK)
    assert post(client, server).text == "hi"


BROKEN = {
    "no HTTP": b"SSH-2.0-OpenSSH_9.6\r\n\r\n",
    "HTTP/2": b"HTTP/2 200\r\n\r\n",
    "a status of four digits": b"HTTP/1.1 2000 OK\r\n\r\n",
    "a line without a colon": b"HTTP/1.1 200 OK\r\nhello\r\n\r\n",
    "a space in a name": b"HTTP/1.1 200 OK\r\ncontent-length : 2\r\n\r\nhi",
    "a folded line": b"HTTP/1.1 200 OK\r\nx: 1\r\n 2\r\n\r\nhi",
    "a zero byte": b"HTTP/1.1 200 OK\r\nx: \0\r\n\r\nhi",
    "an endless head": b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 40_000,
    "a negative length": b"HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n",
    "a length in words": b"HTTP/1.1 200 OK\r\ncontent-length: two\r\n\r\n",
    "two lengths": b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\nhi!",
    "a huge length": b"HTTP/1.1 200 OK\r\ncontent-length: " + b"9" * 5000 + b"\r\n\r\n",
    "an unknown coding": b"HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n",
    "a negative chunk": b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n-2\r\nhi\r\n",
    "a chunk without a size": b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n\r\nhi\r\n",
    "a chunk that is longer": b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nhi!\r\n0\r\n\r\n",
    "an endless chunk line": b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2;" + b"x" * 10_000,
    "endless trailers": b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n" + b"x: y\r\n" * 40_000,
    "another protocol": b"HTTP/1.1 101 Switching\r\nupgrade: x\r\n\r\n",
    "nothing": b"",
    "half a head": b"HTTP/1.1 200 OK\r\ncontent-le",
    "half a body": b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhe",
    "half a chunk": b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhe",
    "chunks without an end": b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nhe\r\n",
}


@pytest.mark.parametrize("what", BROKEN)
def test_what_is_no_reply(what: str, client: httpx.Client, server: Loopback) -> None:
    def answer(connection: socket.socket) -> None:
        connection.sendall(BROKEN[what])
        connection.shutdown(socket.SHUT_WR)

    with pytest.raises(httpx.RemoteProtocolError):
        post(client, server.will(answer))
    server.will(OK)
    assert post(client, server).text == "hi"


@pytest.mark.parametrize(
    "header", [("x", "a\r\ny: b"), ("x", "a\nb"), ("x", "a\0b"), ("x y", "a"), ("x\r\ny", "a"), ("x:", "a"), ("", "a")]
)
def test_nothing_can_be_slipped_into_a_request(header: tuple[str, str], client: httpx.Client, server: Loopback) -> None:
    with pytest.raises(httpx.LocalProtocolError) as caught:
        client.post(server.will(OK).url, content=b"{}", headers=[header])
    assert "a" not in str(caught.value).split()
    assert not server.received


def test_time_outs_are_named_after_what_was_waited_for(client: httpx.Client, server: Loopback) -> None:
    server.will(lambda connection: server.stopping.wait(5))
    with pytest.raises(httpx.ReadTimeout):
        client.post(server.url, content=b"{}", timeout=0.1)
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        address, large = f"http://127.0.0.1:{deaf.getsockname()[1]}", b"x" * 50_000_000
        with pytest.raises(httpx.WriteTimeout):
            client.post(address, content=large, timeout=httpx.Timeout(5, write=0.1))


def test_a_server_that_refuses_before_it_has_read_everything_is_heard(client: httpx.Client, server: Loopback) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def refuse() -> None:
            connection, _ = listening.accept()
            connection.recv(1000)
            connection.sendall(b"HTTP/1.1 413 Too Large\r\ncontent-length: 2\r\nconnection: close\r\n\r\nno")
            connection.shutdown(socket.SHUT_WR)
            while connection.recv(1 << 20):
                pass
            connection.close()

        thread = threading.Thread(target=refuse)
        thread.start()
        response = client.post(f"http://127.0.0.1:{listening.getsockname()[1]}", content=b"x" * 3_000_000)
        thread.join()
    assert (response.status_code, response.text) == (413, "no")


def test_a_connection_that_the_server_closed_is_not_used_again(
    client: httpx.Client, server: Loopback, monkeypatch: pytest.MonkeyPatch
) -> None:
    def once(connection: socket.socket) -> None:
        connection.sendall(OK)
        connection.shutdown(socket.SHUT_RDWR)

    monkeypatch.setattr(wire, "_JUST_USED", -1.0)
    server.will(once)
    for _ in range(3):
        assert post(client, server).text == "hi"
        time.sleep(0.02)
    assert server.connections == 3


def test_connections_are_not_kept_for_ever(
    client: httpx.Client, server: Loopback, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.will(OK)
    post(client, server)
    monkeypatch.setattr(wire, "KEEP_SECONDS", -1.0)
    post(client, server)
    assert server.connections == 2


def test_a_reply_that_is_not_read_to_its_end_costs_the_connection(client: httpx.Client, server: Loopback) -> None:
    server.will(OK)
    with client.stream("POST", server.url, content=b"{}"):
        pass
    post(client, server)
    assert server.connections == 2


def test_many_threads_share_the_connections(client: httpx.Client, server: Loopback) -> None:
    server.will(OK)
    with ThreadPoolExecutor(16) as pool:
        assert set(pool.map(lambda _: post(client, server).text, range(400))) == {"hi"}
    assert len(server.received) == 400
    assert server.connections <= 16


def test_few_connections_are_kept(client: httpx.Client, server: Loopback, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "KEEP_CONNECTIONS", 1)
    server.will(OK)
    first = client.send(client.build_request("POST", server.url, content=b"{}"), stream=True)
    post(client, server)
    first.read()
    first.close()
    assert server.connections == 2
    post(client, server)
    assert server.connections == 2


def test_after_closing_a_reply_can_be_read_and_no_connection_is_kept(server: Loopback) -> None:
    transport = Connections(ssl.create_default_context())
    response = transport.handle_request(httpx.Request("POST", server.will(OK).url, content=b"{}"))
    transport.close()
    assert response.read() == b"hi"
    response.close()
    assert not any(transport._idle.values())


def test_only_http_is_spoken(client: httpx.Client) -> None:
    with pytest.raises(httpx.UnsupportedProtocol):
        client.post("ftp://127.0.0.1/x", content=b"{}")


# --- TLS and proxies ---


@contextmanager
def tls_server(directory: Path, answer: bytes) -> Iterator[int]:
    """A server with a certificate for 127.0.0.1 that it signed itself, in ``directory``/cert.pem; its port."""
    command = "openssl req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out cert.pem -days 1 -subj /CN=localhost"
    names = ["-addext", "subjectAltName=IP:127.0.0.1"]
    try:
        subprocess.run([*command.split(), *names], cwd=directory, check=True, capture_output=True)
    except FileNotFoundError:
        pytest.skip("openssl, which makes the certificate, is not installed")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(directory / "cert.pem", directory / "key.pem")
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            while True:
                try:
                    plain, _ = listening.accept()
                except OSError:
                    return
                try:
                    with context.wrap_socket(plain, server_side=True) as connection:
                        while connection.recv(65536):
                            connection.sendall(answer)
                except OSError:
                    continue  # a client that does not trust the certificate hangs up

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield listening.getsockname()[1]
        finally:
            listening.shutdown(socket.SHUT_RDWR)


def test_https_with_a_certificate_that_is_trusted_and_one_that_is_not(tmp_path: Path) -> None:
    with tls_server(tmp_path, OK) as port:
        url = f"https://127.0.0.1:{port}/"
        trusting = ssl.create_default_context(cafile=tmp_path / "cert.pem")
        with httpx.Client(transport=Connections(trusting), timeout=5) as client:
            assert [client.post(url, content=b"{}").text for _ in range(3)] == ["hi"] * 3
        with (
            httpx.Client(transport=Connections(ssl.create_default_context()), timeout=5) as client,
            pytest.raises(httpx.ConnectError, match="certificate verify failed"),
        ):
            client.post(url, content=b"{}")


def transport_of(url: str) -> object:
    transport = Transport()
    try:
        return transport.client(url)._transport
    finally:
        transport.close()


def test_a_proxy_is_left_to_httpx(monkeypatch: pytest.MonkeyPatch, clients: Clients, server: Loopback) -> None:
    assert isinstance(transport_of("http://models.invalid/v1"), Connections)
    monkeypatch.setenv("HTTP_PROXY", server.url)
    assert isinstance(transport_of("https://models.invalid/v1"), Connections)
    request = at(server.will(reply(body_of("openai"))), "openai", base_url="http://models.invalid/v1")
    assert clients.for_provider("openai").complete(request).text == "Hi there"
    assert server.received[0].path == "http://models.invalid/v1/chat/completions"


def test_nothing_is_kept_of_cookies(clients: Clients, server: Loopback) -> None:
    server.will(reply(body_of("openai"), headers={"set-cookie": "session=1; path=/"}))
    for _ in range(2):
        clients.for_provider("openai").complete(at(server, "openai"))
    assert "cookie" not in server.received[1].headers
