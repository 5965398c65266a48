"""A small HTTP server on the loopback interface that answers what a test tells it to, byte by byte if need be."""

from __future__ import annotations

import json
import socket
import socketserver
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

_REASONS = {200: "OK", 301: "Moved Permanently", 400: "Bad Request", 429: "Too Many Requests"}


@dataclass(frozen=True)
class Received:
    """A request as it arrived."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


Answer = bytes | Callable[[socket.socket], None]


@dataclass
class Loopback:
    """The running server: ``url``, what it ``received``, and the ``answers`` it gives in order, the last one again."""

    url: str = ""
    answers: list[Answer] = field(default_factory=list)
    received: list[Received] = field(default_factory=list)
    connections: int = 0
    stopping: threading.Event = field(default_factory=threading.Event)

    def will(self, *answers: Answer) -> Loopback:
        self.answers[:] = answers
        return self

    def judges(self, judge: Callable[[Received], bytes]) -> Loopback:
        """Answers each request with what ``judge`` makes of it, as a server does that has rules."""
        return self.will(lambda connection: connection.sendall(judge(self.received[-1])))

    def next_answer(self) -> Answer:
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


def reply(
    body: Any, status: int = 200, headers: dict[str, str] | None = None, content_type: str = "application/json"
) -> bytes:
    """A whole reply.  A body that is not bytes is sent as JSON, a text as it is."""
    raw = body if isinstance(body, bytes) else body.encode() if isinstance(body, str) else json.dumps(body).encode()
    lines = {"content-type": content_type, "content-length": str(len(raw)), **(headers or {})}
    return _head(status, lines) + raw


def streamed(pieces: Iterable[bytes], *, end: bool = True, content_type: str = "text/event-stream") -> Answer:
    """A chunked reply; with ``end=False`` the connection is closed in the middle of it."""

    def send(connection: socket.socket) -> None:
        connection.sendall(_head(200, {"content-type": content_type, "transfer-encoding": "chunked"}))
        for piece in pieces:
            connection.sendall(b"%x\r\n%s\r\n" % (len(piece), piece))
        if end:
            connection.sendall(b"0\r\n\r\n")
        else:
            connection.shutdown(socket.SHUT_RDWR)

    return send


def events(*data: Any, names: Iterable[str] = ()) -> list[bytes]:
    """Server-sent events, one for each value; texts stay as they are, everything else becomes JSON."""
    named = [f"event: {name}\n" for name in names] or [""] * len(data)
    texts = [value if isinstance(value, str) else json.dumps(value) for value in data]
    return [f"{name}data: {text}\n\n".encode() for name, text in zip(named, texts, strict=True)]


def lines(*data: Any) -> list[bytes]:
    """One JSON object a line."""
    return [json.dumps(value).encode() + b"\n" for value in data]


@contextmanager
def serve() -> Iterator[Loopback]:
    """Runs a server for the time of the block."""
    state = Loopback(answers=[reply({"error": "the test set no answer"}, 500)])

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            state.connections += 1
            while (request := _read(self.rfile)) is not None:
                state.received.append(request)
                answer = state.next_answer()
                try:
                    if isinstance(answer, bytes):
                        self.connection.sendall(answer)
                    else:
                        answer(self.connection)
                except OSError:
                    return  # the client went away, which is what some tests are about

    class Server(socketserver.ThreadingTCPServer):
        request_queue_size = 128  # with the five of the default, sixteen clients at once find a full queue
        daemon_threads = True
        block_on_close = False
        allow_reuse_address = True

        def handle_error(self, request: Any, client_address: Any) -> None:
            """A broken connection is no news here."""

    with Server(("127.0.0.1", 0), Handler) as server:
        state.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, args=(0.005,), daemon=True)
        thread.start()
        try:
            yield state
        finally:
            state.stopping.set()
            server.shutdown()
            thread.join()


def _read(stream: Any) -> Received | None:
    try:
        first = stream.readline().decode().split()
        if len(first) != 3:
            return None
        headers: dict[str, str] = {}
        while line := stream.readline().decode("latin-1").strip():
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
        return Received(first[0], first[1], headers, stream.read(int(headers.get("content-length", 0))))
    except OSError:
        return None


def _head(status: int, headers: dict[str, str]) -> bytes:
    rows = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"HTTP/1.1 {status} {_REASONS.get(status, 'Status')}\r\n{rows}\r\n".encode()
