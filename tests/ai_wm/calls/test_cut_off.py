"""Calls that are cut off: whoever ends them and however far they are, they end soon, and the books are right.

The matrix: each of `ENDINGS` ends a call in each of `STAGES`.
"""

from __future__ import annotations

import asyncio
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from ai_wm import AIWorkerManager, PerformanceRecord, WorkerPolicy, register_ai_worker_tools
from neuroscript import (
    CancelledError,
    CancelToken,
    ErrorCode,
    Interpreter,
    LimitError,
    Limits,
    NeuroScriptError,
    StreamEvent,
)
from tests.ai_wm.helpers import worker
from tests.ai_wm.providers.loopback import Answer, events, reply, serve
from tests.ai_wm.providers.wire import chunk, completion

LONG = 30
"""Seconds that a call takes if nothing ends it."""

BOUND = LONG / 3
"""Seconds within which it must have ended: generous, since the machine may be busy."""

RESERVED = 2 + 4 + 50
"""What is reserved for "hello" with ``max_output_tokens`` 50: its bytes by four, four for the message, the reply."""

CUT_OFF = 2 + 4 + 64
"""What counts of a stream that had begun: the input, and 64 tokens at least."""

HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: "


class Stage:
    """How far a call is when it is ended.  ``reached`` is set then; it is ended early if ``over`` is."""

    def __init__(self) -> None:
        self.reached, self.over = threading.Event(), threading.Event()

    def trickle(self, connection: socket.socket, piece: bytes) -> None:
        self.reached.set()
        while not self.over.wait(0.05):
            connection.sendall(piece)


def silent(stage: Stage, connection: socket.socket) -> None:
    """The server has the request, and says nothing."""
    stage.reached.set()
    stage.over.wait(LONG)


def dripping_head(stage: Stage, connection: socket.socket) -> None:
    """The head of the reply comes a byte at a time, and never ends."""
    connection.sendall(HEAD)
    stage.trickle(connection, b"x")


def endless_100(stage: Stage, connection: socket.socket) -> None:
    """The server says that the request goes on, again and again."""
    stage.trickle(connection, b"HTTP/1.1 100 Continue\r\n\r\n")


def half_a_body(stage: Stage, connection: socket.socket) -> None:
    """A part of the body has come."""
    connection.sendall(reply(completion("a long answer"))[:-20])
    stage.reached.set()
    stage.over.wait(LONG)


def dripping_body(stage: Stage, connection: socket.socket) -> None:
    """The body comes a byte at a time."""
    connection.sendall(HEAD + b"application/json\r\ncontent-length: 100000\r\n\r\n{")
    stage.trickle(connection, b" ")


STAGES: dict[str, Callable[[Stage, socket.socket], None]] = {
    each.__name__: each for each in (silent, dripping_head, endless_100, half_a_body, dripping_body)
}


def by_cancel(world: World) -> None:
    """Another thread cancels the run."""
    world.then(world.interpreter.cancel)
    with pytest.raises(CancelledError):
        world.interpreter.run("main")


def cancel_task(world: World, call: Callable[[], Coroutine[Any, Any, object]]) -> None:
    async def main() -> None:
        task = asyncio.create_task(call())
        while not world.stage.reached.is_set():
            await asyncio.sleep(0.005)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())


def by_task(world: World) -> None:
    """The host's task is cancelled."""
    cancel_task(world, lambda: world.interpreter.arun("main"))


def by_task_of_manager(world: World) -> None:
    """The task that waits for the manager itself is cancelled."""
    cancel_task(world, lambda: world.manager.aexecute_stateless_task("w", "hello"))


def by_deadline(world: World) -> None:
    """The time of the run is over."""
    world.limit_time(0.5)
    with pytest.raises(LimitError, match="max_wall_seconds"):
        world.interpreter.run("main")


def by_timeout(world: World) -> None:
    """The time of the call is over."""
    with pytest.raises(NeuroScriptError) as raised:
        world.manager.execute_stateless_task("w", "hello", {"timeout_seconds": 0.5})
    assert raised.value.code == ErrorCode.TIMEOUT


def by_signal(world: World) -> None:
    """A person presses Ctrl-C."""

    def interrupt() -> None:
        while not world.over:
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
            time.sleep(1)

    world.then(interrupt)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            world.manager.execute_stateless_task("w", "hello")
        world.over = True
    finally:
        signal.signal(signal.SIGINT, before)


def by_batch(world: World) -> None:
    """A batch is cancelled that the call is in."""
    token = CancelToken()
    world.then(token.cancel)
    with pytest.raises(NeuroScriptError) as raised:
        world.manager.execute_batch("w", ["hello"], check=token.check)
    assert raised.value.code == ErrorCode.CANCELLED


ENDINGS: dict[str, Callable[[World], None]] = {
    each.__name__.removeprefix("by_"): each
    for each in (by_cancel, by_task, by_task_of_manager, by_deadline, by_timeout, by_signal, by_batch)
}


class World:
    """A script that asks a worker of a server, which is at some stage of its reply when the call ends."""

    def __init__(self, directory: Path, url: str, stage: Stage, config: dict[str, Any]) -> None:
        self.stage, self.over = stage, False
        self.threads: list[threading.Thread] = []
        self.directory = directory
        self.manager = AIWorkerManager(directory)
        self.interpreter = Interpreter(plugins=False)
        base = {"base_url": url, "max_output_tokens": 50, "timeout_seconds": LONG, "max_retries": 0, **config}
        limits = {"max_tokens_per_day": 1000}
        definition = worker("w", provider="custom", model_name="m", base_config=base, rate_limits=limits)
        self.manager.add_worker_definition(definition)
        self.limit_time(None)

    def limit_time(self, seconds: float | None) -> None:
        self.interpreter.close()
        self.interpreter = Interpreter(plugins=False, limits=Limits(max_wall_seconds=seconds))
        register_ai_worker_tools(self.interpreter, self.manager, policy=WorkerPolicy())
        self.interpreter.load('func main() means\n  ask "w", "hello" into said\n  return said\nendfunc\n')

    def then(self, action: Callable[[], object]) -> None:
        """Does something in another thread once the call is at its stage."""

        def wait() -> None:
            if self.stage.reached.wait(LONG):
                action()

        self.threads.append(threading.Thread(target=wait, daemon=True))
        self.threads[-1].start()

    def record(self) -> PerformanceRecord:
        deadline = time.monotonic() + BOUND
        while not (found := self.manager.get_performance_records_for_definition("w")):
            assert time.monotonic() < deadline, "the call was not recorded"
            time.sleep(0.01)
        (record,) = found
        return record

    def expect(self, tokens: int) -> None:
        """The call is booked: its record and its limits say the same, and nothing is in flight."""
        record, deadline = self.record(), time.monotonic() + BOUND
        while (usage := self.manager.limit_usage("w"))["calls_in_flight"]:
            assert time.monotonic() < deadline, "the call is in flight still"
            time.sleep(0.01)
        metrics = record.llm_metrics
        assert (record.success, metrics["total_tokens"], metrics.get("usage_estimated", False)) == (
            False,
            tokens,
            tokens > 0,
        )
        assert (usage["requests_last_day"], usage["tokens_last_day"]) == (1, tokens)

    def close(self) -> None:
        self.over = True
        self.stage.over.set()
        for thread in self.threads:
            thread.join(LONG)
        self.interpreter.close()
        self.manager.close()
        assert not list((self.directory / "ai_worker_state").glob("in-flight-*"))


@contextmanager
def asked(directory: Path, answer: Callable[[Stage, socket.socket], None], **config: Any) -> Iterator[World]:
    """A world whose server answers so."""
    stage = Stage()
    with serve() as server:
        respond: Answer = lambda connection: answer(stage, connection)  # noqa: E731
        server.will(respond)
        world = World(directory, f"{server.url}/v1", stage, config)
        try:
            yield world
        finally:
            world.close()


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("stage", STAGES)
def test_a_call_that_is_cut_off_ends_and_counts_as_reserved(tmp_path: Path, stage: str, ending: str) -> None:
    with asked(tmp_path, STAGES[stage]) as world:
        begun = time.monotonic()
        ENDINGS[ending](world)
        assert time.monotonic() - begun < BOUND
        world.expect(RESERVED)


# --- streams ---


def streaming(stage: Stage, connection: socket.socket) -> None:
    """Two pieces of the text have come."""
    connection.sendall(HEAD + b"text/event-stream\r\n\r\n")
    for event in events(chunk({"content": "Well, "}), chunk({"content": "then"})):
        connection.sendall(event)
    stage.over.wait(LONG)


def long_stream(stage: Stage, connection: socket.socket) -> None:
    """A text of 400 letters has come, of which a token is four, and a quarter more is booked."""
    connection.sendall(HEAD + b"text/event-stream\r\n\r\n" + events(chunk({"content": "x" * 400}))[0])
    stage.over.wait(LONG)


def broken_stream(stage: Stage, connection: socket.socket) -> None:
    connection.sendall(HEAD + b"text/event-stream\r\n\r\n" + events(chunk({"content": "Well"}))[0])
    connection.shutdown(socket.SHUT_RDWR)


def stream(world: World, check: Callable[[], None] | None = None, **overrides: Any) -> None:
    world.manager.execute_stateless_task(
        "w", "hello", overrides, on_stream=lambda event: world.stage.reached.set(), check=check
    )


@pytest.mark.parametrize(("answer", "tokens"), [(streaming, CUT_OFF), (long_stream, 6 + 125)])
def test_of_a_stream_that_is_cancelled_what_came_counts_and_a_quarter(
    tmp_path: Path, answer: Callable[[Stage, socket.socket], None], tokens: int
) -> None:
    with asked(tmp_path, answer) as world:
        token = CancelToken()
        world.then(token.cancel)
        with pytest.raises(CancelledError):
            stream(world, token.check)
        world.expect(tokens)


def test_a_callback_that_raises_cuts_the_stream_off(tmp_path: Path) -> None:
    def fail(event: StreamEvent) -> None:
        raise ValueError("enough")

    with asked(tmp_path, streaming) as world:
        with pytest.raises(NeuroScriptError, match="the stream callback failed"):
            world.manager.execute_stateless_task("w", "hello", on_stream=fail)
        world.expect(CUT_OFF)


def test_a_stream_that_breaks_is_cut_off(tmp_path: Path) -> None:
    with asked(tmp_path, broken_stream) as world:
        with pytest.raises(NeuroScriptError, match="the stream ended before its end"):
            stream(world)
        world.expect(CUT_OFF)


def test_a_stream_may_be_silent_for_stall_seconds(tmp_path: Path) -> None:
    with asked(tmp_path, streaming, stall_seconds=0.2) as world:
        with pytest.raises(NeuroScriptError, match=r"silent for 0\.2 s \(stall_seconds\)") as raised:
            stream(world)
        assert raised.value.code == ErrorCode.TIMEOUT
        world.expect(CUT_OFF)


def test_stall_seconds_do_not_bound_the_wait_for_a_reply_as_a_whole(tmp_path: Path) -> None:
    def late(stage: Stage, connection: socket.socket) -> None:
        stage.over.wait(0.5)
        connection.sendall(reply(completion("at last")))

    with asked(tmp_path, late, stall_seconds=0.1) as world:
        assert world.manager.execute_stateless_task("w", "hello").output == "at last"


# --- what costs nothing ---


@pytest.mark.parametrize("status", [400, 401, 404, 429, 500, 503])
def test_a_plain_refusal_costs_nothing(tmp_path: Path, status: int) -> None:
    def refuse(stage: Stage, connection: socket.socket) -> None:
        connection.sendall(reply({"error": {"message": "no"}}, status))

    with asked(tmp_path, refuse) as world:
        with pytest.raises(NeuroScriptError):
            world.manager.execute_stateless_task("w", "hello")
        world.expect(0)


def test_a_connection_that_is_refused_costs_nothing(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    world = World(tmp_path, f"http://127.0.0.1:{port}/v1", Stage(), {})
    with pytest.raises(NeuroScriptError, match="could not be made"):
        world.manager.execute_stateless_task("w", "hello")
    world.expect(0)
    world.close()


def test_a_connection_that_is_lost_may_have_cost_what_was_reserved(tmp_path: Path) -> None:
    def hang_up(stage: Stage, connection: socket.socket) -> None:
        connection.shutdown(socket.SHUT_RDWR)

    with asked(tmp_path, hang_up) as world:
        with pytest.raises(NeuroScriptError, match="the connection broke"):
            world.manager.execute_stateless_task("w", "hello")
        world.expect(RESERVED)


@contextmanager
def unanswering(backlog: int) -> Iterator[socket.socket]:
    """A server that takes connections as far as the system does it by itself, and never says a word."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen(backlog)
        yield server


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_call_that_waits_for_its_connection_is_cancelled_and_costs_nothing(tmp_path: Path, scheme: str) -> None:
    with unanswering(0) as server:
        address = server.getsockname()
        waiting = [socket.socket() for _ in range(4 if scheme == "http" else 0)]
        for each in waiting:  # they fill the queue, so that the next one gets no answer
            each.setblocking(False)
            each.connect_ex(address)
        world = World(tmp_path, f"{scheme}://127.0.0.1:{address[1]}/v1", Stage(), {})
        token = CancelToken()
        threading.Timer(0.3, token.cancel).start()
        begun = time.monotonic()
        with pytest.raises(CancelledError):
            world.manager.execute_stateless_task("w", "hello", check=token.check)
        assert time.monotonic() - begun < BOUND
        world.expect(0)
        world.close()
        for each in waiting:
            each.close()


def test_a_server_that_does_not_read_does_not_keep_a_call(tmp_path: Path) -> None:
    with unanswering(8) as server:
        world = World(tmp_path, f"http://127.0.0.1:{server.getsockname()[1]}/v1", Stage(), {})
        token = CancelToken()
        begun: list[float] = []

        def cancel_while_it_writes() -> None:
            select.select([server], [], [], LONG)  # a connection is there
            time.sleep(0.3)
            begun.append(time.monotonic())
            token.cancel()

        threading.Thread(target=cancel_while_it_writes).start()
        with pytest.raises(CancelledError):
            world.manager.execute_stateless_task("w", "x" * 100, {"user": "y" * 16_000_000}, check=token.check)
        assert time.monotonic() - begun[0] < BOUND
        assert world.record().llm_metrics["usage_estimated"]
        world.close()


# --- a process that dies ---

DYING = """
import sys
from ai_wm import AIWorkerManager

manager = AIWorkerManager(sys.argv[1])
instance = manager.spawn_worker_instance("w") if sys.argv[2] == "turn" else None
if instance is None:
    manager.execute_stateless_task("w", "hello")
else:
    manager.conversation(instance.instance_id).ask("hello")
"""


@pytest.mark.parametrize("kind", ["task", "turn"])
def test_the_call_of_a_process_that_died_is_recorded_as_lost(tmp_path: Path, kind: str) -> None:
    with asked(tmp_path, silent) as world:
        world.manager.update_worker_definition(
            "w", {"cost_metrics": {"input_cost_per_token": 0.5, "output_cost_per_token": 1.0}}
        )
        process = subprocess.Popen([sys.executable, "-c", DYING, str(tmp_path), kind])
        assert world.stage.reached.wait(LONG)
        process.kill()
        process.wait(LONG)
        world.manager.close()
        world.manager = AIWorkerManager(tmp_path)
        record = world.record()
        assert record.llm_metrics["lost"] is True
        assert record.error_details.startswith("lost: ")
        most_input = len("hello") + 2 * 32  # no token is shorter than a byte; the marks around messages
        assert record.cost_incurred == most_input * 0.5 + 50 * 1.0
        world.expect(RESERVED)
        usage = world.manager.limit_usage("w")
        assert (usage["active_instances"], usage["cost_last_day"]) == (0, record.cost_incurred)


def test_a_lost_call_of_a_worker_without_limits_is_counted_too(tmp_path: Path) -> None:
    """A limit that is set later knows of it."""
    with asked(tmp_path, silent) as world:
        prices = {"input_cost_per_token": 0.5, "output_cost_per_token": 1.0}
        world.manager.update_worker_definition("w", {"cost_metrics": prices, "rate_limits": {"max_tokens_per_day": 0}})
        process = subprocess.Popen([sys.executable, "-c", DYING, str(tmp_path), "task"])
        assert world.stage.reached.wait(LONG)
        process.kill()
        process.wait(LONG)
        world.manager.close()
        world.manager = AIWorkerManager(tmp_path)
        world.expect(RESERVED)
        assert world.manager.limit_usage("w")["cost_last_day"] == world.record().cost_incurred == 6 * 0.5 + 50 * 1.0


def test_a_call_that_is_over_is_not_lost(tmp_path: Path) -> None:
    with AIWorkerManager(tmp_path) as manager:
        manager.add_worker_definition(worker("w"))
        for _ in range(300):  # more than the file of calls in flight keeps
            manager.execute_stateless_task("w", "x" * 500)
        sizes = [path.stat().st_size for path in (tmp_path / "ai_worker_state").glob("in-flight-*.log")]
        assert sizes
        assert sizes[0] < 100_000
        copies = {path.name: path.read_bytes() for path in (tmp_path / "ai_worker_state").glob("in-flight-*.log")}
    for name, content in copies.items():  # as they were when the process is taken to have died
        (tmp_path / "ai_worker_state" / name).write_bytes(content)
    with AIWorkerManager(tmp_path) as manager:
        assert len(manager.get_performance_records_for_definition("w")) == 300
        assert all(record.success for record in manager.get_performance_records_for_definition("w"))
