"""Connections that are kept for the next call: how many, how long, and what becomes of broken ones."""

from __future__ import annotations

import contextlib
import gc
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from ai_wm.providers import Clients, connections, http1
from ai_wm.providers.connections import Connections
from ai_wm.providers.network import interruptible
from ai_wm.providers.transport import Transport
from tests.ai_wm import interrupts
from tests.ai_wm.providers.loopback import Loopback, reply
from tests.ai_wm.providers.support import at, body_of

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi"


@pytest.fixture
def client() -> Iterator[httpx.Client]:
    with interruptible(None), httpx.Client(transport=Connections(ssl.create_default_context()), timeout=5) as made:
        yield made


def post(client: httpx.Client, server: Loopback) -> httpx.Response:
    return client.post(server.url, content=b"{}")


def test_time_outs_are_named_after_what_was_waited_for(client: httpx.Client, server: Loopback) -> None:
    server.will(lambda connection: server.stopping.wait(5))
    with pytest.raises(httpx.ReadTimeout):
        client.post(server.url, content=b"{}", timeout=0.1)
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        address, large = f"http://127.0.0.1:{deaf.getsockname()[1]}", b"x" * 50_000_000
        with pytest.raises(httpx.WriteTimeout):
            client.post(address, content=large, timeout=httpx.Timeout(5, write=0.1))


def test_a_connection_that_the_server_closed_is_not_used_again(client: httpx.Client, server: Loopback) -> None:
    def once(connection: socket.socket) -> None:
        connection.sendall(OK)
        connection.shutdown(socket.SHUT_RDWR)

    server.will(once)
    for _ in range(3):
        assert post(client, server).text == "hi"
        time.sleep(0.02)
    assert server.connections == 3


# The library may be interrupted while it closes a socket, which is closed when it is collected then.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning", "ignore::ResourceWarning")
def test_a_connection_whose_reply_was_interrupted_is_not_used_again(
    client: httpx.Client, server: Loopback, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An interrupt leaves a connection in the middle of a reply, which the next request must not read."""
    monkeypatch.setattr(interrupts, "PACKAGE", http1.__file__)
    server.judges(lambda received: OK)
    for line in range(1000):
        at_line = interrupts.InterruptAt(line)
        with contextlib.suppress(KeyboardInterrupt), at_line:
            post(client, server)
        assert post(client, server).status_code == 200, at_line.where
        if not at_line.where:
            break
    assert line > 30
    gc.collect()


def test_connections_are_not_kept_for_ever(
    client: httpx.Client, server: Loopback, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.will(OK)
    post(client, server)
    post(client, server)
    assert server.connections == 1
    monkeypatch.setattr(connections, "KEEP_SECONDS", -1.0)
    post(client, server)
    assert server.connections == 2
    post(client, server)
    assert server.connections == 3


@pytest.mark.parametrize(("end", "connections"), [(b"2\r\nhi\r\n0\r\n\r\n", 1), (b"2\r\nhi\r\n", 2), (b"5\r\nhi", 2)])
def test_a_reply_that_is_left_costs_the_connection_if_its_end_has_not_come(
    client: httpx.Client, server: Loopback, end: bytes, connections: int
) -> None:
    server.will(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\nx\r\n" + end, OK)
    with client.stream("POST", server.url, content=b"{}") as reply:
        chunks = reply.iter_raw()
        assert next(chunks) == b"x"
    assert post(client, server).text == "hi"
    assert server.connections == connections


def test_a_request_goes_out_in_one_piece(client: httpx.Client, server: Loopback) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening, ThreadPoolExecutor(1) as pool:
        asked = pool.submit(client.post, f"http://127.0.0.1:{listening.getsockname()[1]}/", content=b"{}")
        connection, _ = listening.accept()
        with connection:
            received = connection.recv(65536)
            connection.sendall(OK)
            assert asked.result().text == "hi"
    assert received.startswith(b"POST / HTTP/1.1\r\n")
    assert received.endswith(b"\r\n\r\n{}")


def test_a_reply_to_a_request_that_was_not_read_to_its_end_is_read(client: httpx.Client) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening, ThreadPoolExecutor(1) as pool:
        address = f"http://127.0.0.1:{listening.getsockname()[1]}/"
        asked = pool.submit(client.post, address, content=b"x" * 30_000_000)
        connection, _ = listening.accept()
        connection.sendall(b"HTTP/1.1 413 Too Large\r\ncontent-length: 2\r\n\r\nno")
        connection.close()  # with most of the request unread, which resets it
        assert asked.result().status_code == 413
    assert not any(client._transport._idle.values())  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "reply",
    [OK + b"HTTP/1.1 200 OK\r\n", b"HTTP/1.0 200 OK\r\n\r\nhi", OK.replace(b"\r\n\r", b"\r\nconnection: close\r\n\r")],
)
def test_a_connection_that_is_used_up_is_not_used_again(client: httpx.Client, server: Loopback, reply: bytes) -> None:
    def once(connection: socket.socket) -> None:
        connection.sendall(reply)
        if b"HTTP/1.0" in reply:
            connection.shutdown(socket.SHUT_WR)

    server.will(once)
    for number in range(1, 4):
        assert post(client, server).text == "hi"
        assert server.connections == number


@pytest.mark.parametrize(
    ("reply", "why"),
    [
        (b"", "without sending a response"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhi", "without sending complete"),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nhi\r\n", "incomplete"),
        (b"HTTP/1.1 101 Switching\r\n\r\n", "switches"),
        (b"hello there\r\n\r\n", "illegal status line"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\nhi", "Content-Length"),
        (b"HTTP/1.1 200 OK\r\nx: " + b"y" * 2 * http1.MOST_HEAD_BYTES, "too long"),
    ],
)
def test_what_is_no_reply_of_http_is_a_protocol_error(
    client: httpx.Client, server: Loopback, reply: bytes, why: str
) -> None:
    def once(connection: socket.socket) -> None:
        connection.sendall(reply)
        connection.shutdown(socket.SHUT_WR)

    server.will(once)
    with pytest.raises(httpx.RemoteProtocolError, match=why):
        post(client, server)
    assert not any(client._transport._idle.values())  # type: ignore[attr-defined]


def test_a_reply_in_chunks_after_one_that_only_informs(client: httpx.Client, server: Loopback) -> None:
    server.will(
        b"HTTP/1.1 103 Early Hints\r\n\r\n"
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\nh\r\n1\r\ni\r\n0\r\n\r\n"
    )
    for _ in range(3):
        assert post(client, server).text == "hi"
    assert server.connections == 1


def test_many_threads_share_the_connections(client: httpx.Client, server: Loopback) -> None:
    server.will(OK)
    with ThreadPoolExecutor(16) as pool:
        assert set(pool.map(lambda _: post(client, server).text, range(400))) == {"hi"}
    assert len(server.received) == 400
    assert server.connections <= 16


def test_few_connections_are_kept(client: httpx.Client, server: Loopback, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "KEEP_CONNECTIONS", 1)
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


def test_a_connection_that_the_server_ends_with_its_reply_is_not_used_again(tmp_path: Path) -> None:
    """The end of TLS came in the same packet as the reply, and the next call failed."""
    with tls_server(tmp_path, OK):  # which makes the certificate
        pass
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "cert.pem", tmp_path / "key.pem")
    over = threading.Event()

    def serve(plain: socket.socket) -> None:
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        secure = context.wrap_bio(incoming, outgoing, server_side=True)

        def step(action: Callable[[], object]) -> None:
            while True:
                try:
                    action()
                    break
                except ssl.SSLWantReadError:
                    plain.sendall(outgoing.read())
                    incoming.write(plain.recv(65536))

        with plain:
            step(secure.do_handshake)
            got = bytearray()
            while not got.endswith(b"{}"):  # head and body come one after the other
                step(lambda: got.extend(secure.read(65536)))
            secure.write(OK)
            with contextlib.suppress(ssl.SSLWantReadError):
                secure.unwrap()
            plain.sendall(outgoing.read())
            over.wait(10)

    with socket.create_server(("127.0.0.1", 0)) as listening:

        def accept() -> None:
            while True:
                try:
                    plain, _ = listening.accept()
                except OSError:
                    return
                threading.Thread(target=serve, args=[plain], daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        trusting = ssl.create_default_context(cafile=tmp_path / "cert.pem")
        with httpx.Client(transport=Connections(trusting), timeout=5) as client:
            url = f"https://127.0.0.1:{listening.getsockname()[1]}/"
            assert [client.post(url, content=b"{}").text for _ in range(3)] == ["hi"] * 3
        over.set()
        listening.shutdown(socket.SHUT_RDWR)


def transport_of(url: str) -> object:
    transport = Transport()
    try:
        return transport.carrier(url)
    finally:
        transport.close()


def test_calls_go_by_the_proxy_that_the_variables_name(
    monkeypatch: pytest.MonkeyPatch, clients: Clients, server: Loopback
) -> None:
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
