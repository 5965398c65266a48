"""What happens on the wire: every way in which a call can fail, against a real server on the loopback interface."""

from __future__ import annotations

import gzip
import socket
import threading
import time
import zlib
from email.utils import formatdate

import httpx
import pytest

from ai_wm.providers import Clients
from ai_wm.providers.base import Usage
from ai_wm.providers.transport import MAX_REPLY_BYTES
from neuroscript.errors import ErrorCode, NeuroScriptError
from tests.ai_wm.providers.loopback import Loopback, events, reply, streamed
from tests.ai_wm.providers.support import REMOTE, at, body_of, collect, error_of, stream_of, stream_type

OK = reply(body_of("openai"))


def failure(clients: Clients, server: Loopback, provider: str = "openai", **config: object) -> NeuroScriptError:
    with pytest.raises(NeuroScriptError) as caught:
        clients.for_provider(provider).complete(at(server, provider, **config))
    return caught.value


def stream_failure(clients: Clients, server: Loopback, provider: str = "openai", **config: object) -> NeuroScriptError:
    with pytest.raises(NeuroScriptError) as caught:
        collect(clients.for_provider(provider).stream(at(server, provider, **config)))
    return caught.value


@pytest.mark.parametrize("provider", REMOTE)
def test_a_reply_and_the_same_reply_streamed(provider: str, clients: Clients, server: Loopback) -> None:
    client = clients.for_provider(provider)
    whole = client.complete(at(server.will(reply(body_of(provider, "Hi there"))), provider))
    assert (whole.text, whole.finish_reason, whole.model) == ("Hi there", "stop", "m-1-2026")
    assert whole.usage == Usage(input_tokens=9, output_tokens=3)
    server.will(streamed(stream_of(provider, "Hi ", "there"), content_type=stream_type(provider)))
    text, last = collect(client.stream(at(server, provider)))
    assert text == "Hi there"
    assert last == whole


@pytest.mark.parametrize("provider", REMOTE)
def test_a_key_is_sent_in_a_header_and_never_in_the_address(provider: str, clients: Clients, server: Loopback) -> None:
    request = at(server.will(reply(body_of(provider))), provider)
    clients.for_provider(provider).complete(request)
    received = server.received[0]
    assert request.api_key is not None
    key = request.api_key.get()
    name = {"anthropic": "x-api-key", "google": "x-goog-api-key"}.get(provider, "authorization")
    assert received.headers[name] == (key if name.startswith("x-") else f"Bearer {key}")
    assert key not in received.path
    assert key.encode() not in received.body


@pytest.mark.parametrize("provider", REMOTE)
@pytest.mark.parametrize(
    ("status", "code"),
    [(400, 16), (401, 45), (402, 16), (403, 45), (404, 40), (409, 16), (422, 16), (451, 16)],
)
def test_what_cannot_succeed_is_not_tried_again(
    provider: str, status: int, code: int, clients: Clients, server: Loopback
) -> None:
    error = failure(clients, server.will(reply(error_of(provider, "that is wrong"), status)), provider)
    assert error.code == code
    assert "that is wrong" in error.message
    assert error.details["attempts"] == len(server.received) == 1
    assert error.details["status"] == status


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504, 529])
@pytest.mark.usefixtures("quick")
def test_what_may_pass_is_tried_again(status: int, clients: Clients, server: Loopback) -> None:
    server.will(reply(error_of("openai", "wait"), status), reply("", status), OK)
    response = clients.for_provider("openai").complete(at(server, "openai"))
    assert (response.text, response.attempts) == ("Hi there", 3)


@pytest.mark.parametrize(("status", "code"), [(408, 16), (429, 20), (500, 16), (529, 16)])
@pytest.mark.usefixtures("quick")
def test_max_retries_bounds_the_attempts(status: int, code: int, clients: Clients, server: Loopback) -> None:
    error = failure(clients, server.will(reply(error_of("openai", "no"), status)))
    assert (error.code, error.details["attempts"], len(server.received)) == (code, 3, 3)
    server.received.clear()
    assert failure(clients, server, max_retries=0).details["attempts"] == len(server.received) == 1


def test_a_spent_quota_is_not_tried_again(clients: Clients, server: Loopback) -> None:
    error = failure(
        clients, server.will(reply(error_of("openai", "You exceeded your quota", "insufficient_quota"), 429))
    )
    assert (error.code, error.details["attempts"]) == (20, 1)


@pytest.mark.parametrize("advice", ["true", "false"])
@pytest.mark.usefixtures("quick")
def test_a_provider_may_decide_about_retries_itself(advice: str, clients: Clients, server: Loopback) -> None:
    status = 400 if advice == "true" else 500
    server.will(reply(error_of("openai", "no"), status, {"x-should-retry": advice}), OK)
    if advice == "true":
        assert clients.for_provider("openai").complete(at(server, "openai")).attempts == 2
    else:
        assert failure(clients, server).details["attempts"] == 1


@pytest.mark.parametrize("form", ["seconds", "date", "milliseconds"])
def test_retry_after_is_honoured_in_every_form(form: str, clients: Clients, server: Loopback) -> None:
    headers = {
        "seconds": {"retry-after": "1"},
        "date": {"retry-after": formatdate(time.time() + 1.9, usegmt=True)},
        "milliseconds": {"retry-after-ms": "600"},
    }[form]
    server.will(reply(error_of("openai", "slow down"), 429, headers), OK)
    start = time.monotonic()
    assert clients.for_provider("openai").complete(at(server, "openai")).attempts == 2
    assert time.monotonic() - start >= (0.6 if form == "milliseconds" else 0.85)


def test_a_wait_longer_than_the_deadline_is_not_begun(clients: Clients, server: Loopback) -> None:
    start = time.monotonic()
    error = failure(clients, server.will(reply(error_of("openai", "later"), 429, {"retry-after": "3600"})))
    assert time.monotonic() - start < 5
    assert (error.code, error.details["retry_after_seconds"], error.details["attempts"]) == (20, 3600.0, 1)


def test_google_puts_the_wait_into_the_body(clients: Clients, server: Loopback) -> None:
    info = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "0.3s"}
    body = {"error": {"code": 429, "message": "slow", "status": "RESOURCE_EXHAUSTED", "details": [info]}}
    server.will(reply(body, 429), reply(body_of("google")))
    start = time.monotonic()
    assert clients.for_provider("google").complete(at(server, "google")).attempts == 2
    assert time.monotonic() - start >= 0.3


@pytest.mark.usefixtures("quick")
def test_no_server_at_the_address(clients: Clients) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    nowhere = Loopback(url=f"http://127.0.0.1:{port}")
    error = failure(clients, nowhere)
    assert (error.code, error.details["attempts"]) == (16, 3)
    assert "connection" in error.message


@pytest.mark.usefixtures("quick")
def test_a_connection_that_breaks_before_the_reply_is_tried_again(clients: Clients, server: Loopback) -> None:
    server.will(lambda connection: connection.shutdown(socket.SHUT_RDWR), OK)
    assert clients.for_provider("openai").complete(at(server, "openai")).attempts == 2


@pytest.mark.usefixtures("quick")
def test_a_reply_that_breaks_off_is_tried_again(clients: Clients, server: Loopback) -> None:
    def cut(connection: socket.socket) -> None:
        connection.sendall(OK[:-20])
        connection.shutdown(socket.SHUT_RDWR)

    assert clients.for_provider("openai").complete(at(server.will(cut, OK), "openai")).attempts == 2


def test_a_server_that_does_not_answer_ends_at_the_deadline(clients: Clients, server: Loopback) -> None:
    def silent(connection: socket.socket) -> None:
        server.stopping.wait(5)

    server.will(silent)
    start = time.monotonic()
    error = failure(clients, server, timeout_seconds=0.3)
    assert error.code == 31
    assert "0.3 s" in error.message
    assert time.monotonic() - start < 2


def test_a_trickle_ends_at_the_deadline_too(clients: Clients, server: Loopback) -> None:
    def trickle(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n")
        while not server.stopping.wait(0.02):
            connection.sendall(b" ")

    start = time.monotonic()
    assert failure(clients, server.will(trickle), timeout_seconds=0.4).code == 31
    assert time.monotonic() - start < 2


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_redirects_are_not_followed(status: int, clients: Clients, server: Loopback) -> None:
    server.will(reply("", status, {"location": f"{server.url}/elsewhere"}), OK)
    error = failure(clients, server)
    assert (error.code, len(server.received)) == (16, 1)
    assert "redirect" in error.message


@pytest.mark.parametrize(
    "body", ["<html>Please log in</html>", "", "null", "[]", "{", '{"choices": []}', '{"choices": [{"message": 3}]}']
)
def test_a_reply_that_is_not_what_the_api_promises(body: str, clients: Clients, server: Loopback) -> None:
    error = failure(clients, server.will(reply(body)))
    assert (error.code, error.details["attempts"]) == (16, 1)
    assert "not what the API promises" in error.message
    assert body[:20] in error.message


def test_of_a_strange_reply_the_first_200_characters_are_shown(clients: Clients, server: Loopback) -> None:
    message = failure(clients, server.will(reply("strange " * 1000))).message
    assert "strange strange" in message
    assert len(message) < 400


def test_a_huge_refusal_is_still_a_refusal(clients: Clients, server: Loopback) -> None:
    def huge(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 401 No\r\ncontent-length: 99999999999\r\n\r\nbad key ")
        while True:
            connection.sendall(b" " * 1_000_000)

    error = failure(clients, server.will(huge))
    assert (error.code, error.details["status"]) == (45, 401)
    assert "bad key" in error.message


def test_a_huge_reply_is_not_read(clients: Clients, server: Loopback) -> None:
    def huge(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 99999999999\r\n\r\n")
        while True:
            connection.sendall(b" " * 1_000_000)

    error = failure(clients, server.will(huge))
    assert error.code == 16
    assert f"larger than {MAX_REPLY_BYTES >> 20} MiB" in error.message


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_compressed_replies_are_read_though_not_asked_for(encoding: str, clients: Clients, server: Loopback) -> None:
    pack = gzip.compress if encoding == "gzip" else zlib.compress
    body = reply(body_of("openai"))
    raw = pack(body.partition(b"\r\n\r\n")[2])
    server.will(reply(raw, headers={"content-encoding": encoding}))
    assert clients.for_provider("openai").complete(at(server, "openai")).text == "Hi there"
    assert server.received[0].headers["accept-encoding"] == "identity"


def test_a_compressed_bomb_does_not_go_off(clients: Clients, server: Loopback) -> None:
    bomb = gzip.compress(b" " * (MAX_REPLY_BYTES * 4))
    assert len(bomb) < 200_000
    error = failure(clients, server.will(reply(bomb, headers={"content-encoding": "gzip"})))
    assert "larger than" in error.message


def test_broken_compression(clients: Clients, server: Loopback) -> None:
    error = failure(clients, server.will(reply(b"no gzip", headers={"content-encoding": "gzip"})))
    assert (error.code, "compressed" in error.message) == (16, True)
    assert failure(clients, server.will(reply(b"?", headers={"content-encoding": "br"}))).code == 16


@pytest.mark.parametrize("provider", REMOTE)
@pytest.mark.parametrize("break_", ["cut", "truncated", "garbled", "reported"])
@pytest.mark.usefixtures("quick")
def test_a_broken_stream_is_an_error_and_what_came_is_accounted(
    provider: str, break_: str, clients: Clients, server: Loopback
) -> None:
    whole = stream_of(provider, "one ", "two ", "three ", "four")
    start = whole[: next(number for number, piece in enumerate(whole) if b"three" in piece) + 1]
    if break_ == "garbled":
        start.append(b'data: {"broken\n\n' if provider != "ollama" else b'{"broken\n')
    if break_ == "reported":
        report = error_of(provider, "the model fell over", "overloaded_error" if provider == "anthropic" else "")
        start += events(report) if provider != "ollama" else [b'{"error": "the model fell over"}\n']
    server.will(streamed(start, end=break_ != "cut", content_type=stream_type(provider)))
    error = stream_failure(clients, server, provider, max_retries=1)
    # A request that Google or OpenAI calls invalid in the middle of the stream is not worth another attempt.
    assert error.code == 16
    assert error.details["usage"].output_tokens >= 4 * len(server.received)
    assert error.details["usage"].input_tokens > 0
    if break_ == "reported":
        assert "the model fell over" in error.message


@pytest.mark.parametrize("provider", REMOTE)
@pytest.mark.usefixtures("quick")
def test_a_stream_that_breaks_goes_on_where_it_was(provider: str, clients: Clients, server: Loopback) -> None:
    whole = stream_of(provider, "one ", "two ", "three")
    broken = whole[: next(number for number, piece in enumerate(whole) if b"two" in piece) + 1]
    server.will(
        streamed(broken, end=False, content_type=stream_type(provider)),
        streamed(whole, content_type=stream_type(provider)),
    )
    text, response = collect(clients.for_provider(provider).stream(at(server, provider)))
    assert text == response.text == "one two three"
    assert response.attempts == 2
    # The reply's own 9 and 3 tokens, and those of the attempt that broke.
    assert response.usage.input_tokens > 9
    assert response.usage.output_tokens > 3


@pytest.mark.usefixtures("quick")
def test_a_second_attempt_that_says_something_else_is_an_error(clients: Clients, server: Loopback) -> None:
    server.will(streamed(stream_of("openai", "one ", "two")[:2], end=False), streamed(stream_of("openai", "other")))
    error = stream_failure(clients, server)
    assert error.code == 16
    assert "another reply" in error.message
    server.will(streamed(stream_of("openai", "one ", "two")[:3], end=False), streamed(stream_of("openai", "one")))
    assert "another reply" in stream_failure(clients, server).message


@pytest.mark.parametrize("provider", REMOTE)
def test_a_stream_that_stalls_ends_at_the_deadline(provider: str, clients: Clients, server: Loopback) -> None:
    def stall(connection: socket.socket) -> None:
        begun = b"".join(stream_of(provider, "one ", "two ", "three")[:2])
        head = b"HTTP/1.1 200 OK\r\ncontent-type: %s\r\n\r\n" % stream_type(provider).encode()
        connection.sendall(head + begun)
        server.stopping.wait(5)

    start = time.monotonic()
    error = stream_failure(clients, server.will(stall), provider, timeout_seconds=0.4)
    assert error.code == 31
    assert error.details["usage"].input_tokens > 0
    assert time.monotonic() - start < 2


def test_a_stream_without_end_ends_at_the_deadline(clients: Clients, server: Loopback) -> None:
    def endless(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n")
        piece = stream_of("openai", "and ")[1]
        while not server.stopping.wait(0.01):
            connection.sendall(piece)

    error = stream_failure(clients, server.will(endless), timeout_seconds=0.4)
    assert error.code == 31
    assert error.details["usage"].output_tokens > 5


def test_an_answer_that_is_no_stream(clients: Clients, server: Loopback) -> None:
    error = stream_failure(clients, server.will(reply("<html>hello</html>", content_type="text/html")))
    assert (error.code, error.details["attempts"]) == (16, 1)
    assert "<html>" in error.message
    assert stream_failure(clients, server.will(reply("{broken"))).details["attempts"] == 1


@pytest.mark.usefixtures("quick")
def test_a_stream_that_is_refused_at_first(clients: Clients, server: Loopback) -> None:
    server.will(reply(error_of("openai", "busy"), 503), streamed(stream_of("openai", "Hi")))
    assert collect(clients.for_provider("openai").stream(at(server, "openai")))[1].attempts == 2


def test_a_stream_that_is_left_early_is_closed(clients: Clients, server: Loopback) -> None:
    gone = threading.Event()

    def endless(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n")
        try:
            while not server.stopping.wait(0.005):
                connection.sendall(stream_of("openai", "and ")[1])
        except OSError:
            gone.set()

    stream = clients.for_provider("openai").stream(at(server.will(endless), "openai"))
    assert next(iter(stream)).text == "and "
    stream.close()  # type: ignore[attr-defined]
    assert gone.wait(5)


CONTEXT = {
    "openai": [
        (400, "This model's maximum context length is 8192 tokens. However, your messages resulted in 9000 tokens."),
        (400, "Your input exceeds the context window of this model. Please adjust your input and try again."),
    ],
    "anthropic": [
        (400, "prompt is too long: 210000 tokens > 200000 maximum"),
        (400, "input length and `max_tokens` exceed context limit: 188240 + 21333 > 200000"),
        (413, "Request exceeds the maximum allowed number of bytes."),
    ],
    "google": [(400, "The input token count (1200293) exceeds the maximum number of tokens allowed (1048576).")],
    "ollama": [
        (400, "the input length exceeds the context length"),
        (500, "input length exceeds maximum context length"),
    ],
    "custom": [
        (400, "request (5020 tokens) exceeds the available context size (256 tokens), try increasing it"),
        (400, "The number of tokens to keep from the initial prompt is greater than the context length"),
        (400, "Prompt contains 66385 tokens, too large for model with 32768 maximum context length"),
    ],
}


@pytest.mark.parametrize(
    ("provider", "status", "message"), [(name, *case) for name, cases in CONTEXT.items() for case in cases]
)
def test_a_conversation_that_does_not_fit(
    provider: str, status: int, message: str, clients: Clients, server: Loopback
) -> None:
    error = failure(clients, server.will(reply(error_of(provider, message), status)), provider)
    assert error.code == ErrorCode.CONTEXT_FULL
    assert error.details["attempts"] == 1


def test_the_code_for_a_full_context_is_enough(clients: Clients, server: Loopback) -> None:
    server.will(reply(error_of("openai", "no", "context_length_exceeded"), 400))
    assert failure(clients, server).code == 47


@pytest.mark.parametrize("message", ["temperature exceeds the maximum of 2", "max_tokens is too large: 99999"])
def test_other_limits_are_not_taken_for_a_full_context(message: str, clients: Clients, server: Loopback) -> None:
    assert failure(clients, server.will(reply(error_of("openai", message), 400))).code == 16


def test_connections_are_kept(clients: Clients, server: Loopback) -> None:
    server.will(OK)
    for _ in range(5):
        clients.for_provider("openai").complete(at(server, "openai"))
    assert (len(server.received), server.connections) == (5, 1)


def test_a_host_may_bring_its_own_transport(server: Loopback) -> None:
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, json=body_of("anthropic"))

    with Clients(transport=httpx.MockTransport(answer)) as clients:
        response = clients.for_provider("anthropic").complete(at(server, "anthropic"))
    assert response.text == "Hi there"
    assert not server.received
    assert seen[0].url.path == "/v1/messages"


def test_cancelling_ends_the_wait_between_attempts(clients: Clients, server: Loopback) -> None:
    class Cancelled(BaseException):
        pass

    def check() -> None:
        if server.received:
            raise Cancelled

    request = at(server.will(reply("", 503, {"retry-after": "30"})), "openai", timeout_seconds=100)
    object.__setattr__(request, "check", check)
    start = time.monotonic()
    with pytest.raises(Cancelled):
        clients.for_provider("openai").complete(request)
    assert time.monotonic() - start < 5


def test_the_request_id_is_the_providers(clients: Clients, server: Loopback) -> None:
    server.will(reply(body_of("openai"), headers={"x-request-id": "req-7"}))
    assert clients.for_provider("openai").complete(at(server, "openai")).request_id == "req-7"
    server.will(reply(error_of("anthropic", "no"), 400, {"request-id": "req-8"}))
    assert failure(clients, server, "anthropic").details["request_id"] == "req-8"


def test_a_reply_that_counts_no_tokens_is_estimated(clients: Clients, server: Loopback) -> None:
    body = body_of("openai", "twelve chars")
    del body["usage"]
    usage = clients.for_provider("custom").complete(at(server.will(reply(body)), "custom")).usage
    assert usage.input_tokens > 0
    assert usage.output_tokens == 3
