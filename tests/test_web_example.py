"""The web service among the examples: it streams what comes, and a client that hangs up leaves nothing running."""

from __future__ import annotations

import importlib.util
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from ai_wm import AIWorkerManager
from tests.ai_wm.helpers import worker
from tests.ai_wm.providers.loopback import Loopback, events, serve
from tests.ai_wm.providers.wire import chunk

pytest.importorskip("fastapi", reason="the example needs it")
uvicorn = pytest.importorskip("uvicorn", reason="the example needs it")

EXAMPLE = Path(__file__).parent.parent / "examples" / "web.py"
LONG = 30
BOUND = LONG / 3
"""Seconds within which a program must have ended: generous, since the machine may be busy."""


class Service:
    """The service, running; its models are those of a server that the test commands."""

    def __init__(self, directory: Path, models: Loopback) -> None:
        spec = importlib.util.spec_from_file_location("web_example", EXAMPLE)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        self.manager = AIWorkerManager(directory)
        config = {"base_url": f"{models.url}/v1", "on_limit": "wait", "max_retries": 0, "max_output_tokens": 50}
        prices = {"input_cost_per_token": 0.0, "output_cost_per_token": 0.0}
        for name, limits in (("helper", {}), ("limited", {"max_requests_per_minute": 1})):
            self.manager.add_worker_definition(
                worker(
                    name, provider="custom", model_name="m", base_config=config, cost_metrics=prices, rate_limits=limits
                )
            )
        module.app.state.manager = self.manager
        self.server = uvicorn.Server(uvicorn.Config(module.app, host="127.0.0.1", port=0, log_level="warning"))
        self.thread = threading.Thread(target=self.server.run, daemon=True)
        self.thread.start()
        deadline = time.monotonic() + LONG
        while not self.server.started:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        port = self.server.servers[0].sockets[0].getsockname()[1]
        self.url = f"http://127.0.0.1:{port}/run"

    @contextmanager
    def running(self, program: str) -> Iterator[Iterator[dict[str, Any]]]:
        """Posts a program; gives the lines of the reply, and hangs up at the end of the block."""
        with (
            httpx.Client(timeout=LONG, trust_env=False) as client,
            client.stream("POST", self.url, content=program) as got,
        ):
            assert got.status_code == 200
            yield (json.loads(line) for line in got.iter_lines())

    def records(self, name: str = "helper") -> list[Any]:
        return self.manager.get_performance_records_for_definition(name)

    def close(self) -> None:
        self.server.should_exit = True
        self.thread.join(LONG)
        assert not self.thread.is_alive()


@pytest.fixture
def models() -> Iterator[Loopback]:
    with serve() as server:
        yield server


@pytest.fixture
def service(tmp_path: Path, models: Loopback) -> Iterator[Service]:
    made = Service(tmp_path, models)
    try:
        yield made
    finally:
        models.stopping.set()
        made.close()


def wait_until(condition: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + BOUND
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.01)


def streams(models: Loopback, *pieces: str, go_on: threading.Event | None = None) -> None:
    """Has the model say the pieces; where ``go_on`` is given, the last one only once it is set."""

    def answer(connection: Any) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-type: text/event-stream\r\n\r\n")
        *first, last = events(*(chunk({"content": piece}) for piece in pieces), chunk({}, "stop"), "[DONE]")
        for event in first[: len(pieces)]:
            connection.sendall(event)
        if go_on is not None:
            while not (go_on.wait(0.02) or models.stopping.is_set()):
                pass
        for event in (*first[len(pieces) :], last):
            connection.sendall(event)
        connection.shutdown(1)

    models.will(answer)


ASKING = 'command\nemit "asking"\nask "helper", "hello" into said\nemit said\nendcommand\n'


def test_what_a_program_tells_comes_as_it_comes(service: Service, models: Loopback) -> None:
    go_on = threading.Event()
    streams(models, "Well, ", "then", go_on=go_on)
    with service.running(ASKING) as lines:
        assert next(lines) == {"emit": "asking"}
        assert [next(lines)["delta"], next(lines)["delta"]] == ["Well, ", "then"]
        assert not go_on.is_set()  # the model has not ended
        go_on.set()
        assert list(lines) == [{"emit": "Well, then"}, {"done": True}]


def test_what_is_wrong_with_a_program_is_told(service: Service) -> None:
    with service.running('command\nfail "no"\nendcommand\n') as lines:
        (line,) = lines
        assert (line["error"], line["line"]) == ("no", 2)
    with service.running("command\n") as lines:
        assert next(lines)["error"]


STAGES = {
    "between statements": 'command\nemit "begun"\nwhile true\nset x = 1\nendwhile\nendcommand\n',
    "in a tool that waits": 'command\nemit "begun"\ncall tool.time.Sleep(25)\nendcommand\n',
    "before the model answers": f"{ASKING}",
    "in a batch": 'command\nemit "begun"\nset r = tool.AIWorker.ExecuteBatch("helper", ["a", "b"], 2)\nendcommand\n',
    "waiting for a limit": (
        'command\nask "limited", "one" into said\nemit "begun"\nask "limited", "two" into said\nendcommand\n'
    ),
}
CALLS = {"before the model answers": 1, "in a batch": 2}


@pytest.mark.parametrize("stage", STAGES)
def test_a_client_that_hangs_up_ends_its_program(service: Service, models: Loopback, stage: str) -> None:
    asked = threading.Semaphore(0)

    def silent(connection: Any) -> None:
        asked.release()
        models.stopping.wait(LONG)

    if stage == "waiting for a limit":
        streams(models, "yes")
    else:
        models.will(silent)
    begun = time.monotonic()
    threads = {thread.name for thread in threading.enumerate()}
    with service.running(STAGES[stage]) as lines:
        while "emit" not in next(lines):
            pass
        for _ in range(CALLS.get(stage, 0)):
            assert asked.acquire(timeout=BOUND)
    wait_until(lambda: service.server.server_state.tasks == set(), "the program goes on")
    assert time.monotonic() - begun < BOUND
    for record in service.records():
        assert (record.success, record.llm_metrics["usage_estimated"]) == (False, True)
    assert len(service.records()) == CALLS.get(stage, 0)
    usage = service.manager.limit_usage("limited")
    assert (usage["calls_in_flight"], usage["waiting"]) == (0, 0)
    left = {thread.name for thread in threading.enumerate() if "batch" in thread.name} - threads
    assert not left


def test_a_client_that_hangs_up_in_the_middle_of_a_reply_ends_it(service: Service, models: Loopback) -> None:
    streams(models, "Well, ", "then", go_on=threading.Event())
    with service.running(ASKING) as lines:
        assert [next(lines), next(lines)["delta"]] == [{"emit": "asking"}, "Well, "]
    wait_until(service.records, "the call is not recorded")
    (record,) = service.records()
    assert (record.success, record.llm_metrics["usage_estimated"], record.llm_metrics["output_tokens"]) == (
        False,
        True,
        64,
    )
    # And the service goes on.
    streams(models, "again")
    with service.running(ASKING) as lines:
        assert [*lines][-1] == {"done": True}
