"""Programs that ask models, each cancelled at some moment in some way: nothing is left behind, and all is booked."""

from __future__ import annotations

import asyncio
import gc
import os
import random
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from ai_wm import AIWorkerInstanceStatus, AIWorkerManager, register_ai_worker_tools
from neuroscript import CancelledError, CancelToken, Interpreter, LimitError, Limits, StreamEvent
from tests.ai_wm.helpers import worker
from tests.ai_wm.providers.loopback import events, reply, serve
from tests.ai_wm.providers.wire import chunk, completion

BOUND = 30

PROGRAM = """
func main(needs seed) means
  on error do
    clear_error
  endon
  set i = tool.AIWorkerInstance.Spawn("w")
  while true
    ask "w", "a task " + seed into said
    ask i.conversation_manager_handle, "a turn" into said
    ask "narrow", "waits for its limit" into said
    set r = tool.AIWorker.ExecuteBatch("w", ["a", "b", "c"], 3)
  endwhile
endfunc
"""


class Models:
    """A server that answers at once, late, a piece at a time, or never, as chance has it."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self.over = threading.Event()

    def __call__(self, connection: socket.socket) -> None:
        kind = self._chance.randrange(4)
        if kind == 0 and self._chance.random() < 0.5:
            self.over.wait(0.5)
        self.over.wait(0.02 * self._chance.random())
        if kind == 1:
            connection.sendall(
                b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
            )
            for event in events(chunk({"content": "Well"}), chunk({}, "stop"), "[DONE]"):
                connection.sendall(b"%x\r\n%s\r\n" % (len(event), event))
                self.over.wait(0.01)
            connection.sendall(b"0\r\n\r\n")
        elif kind == 2:
            for byte in reply(completion("well"))[:200]:
                connection.sendall(bytes([byte]))
            connection.shutdown(socket.SHUT_RDWR)
        else:
            connection.sendall(reply(completion("well")))


def open_sockets() -> int:
    count = 0
    for name in os.listdir("/proc/self/fd"):
        try:
            count += os.readlink(f"/proc/self/fd/{name}").startswith("socket:")
        except OSError:  # the one that lists them
            continue
    return count


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="open sockets are counted as Linux shows them")
@pytest.mark.parametrize("rounds", [40, pytest.param(1000, marks=pytest.mark.slow)])
def test_random_cancels_leave_nothing_behind(tmp_path: Path, rounds: int) -> None:
    chance = random.Random(11)
    before = set(threading.enumerate())
    with serve() as server, AIWorkerManager(tmp_path) as manager:
        models = Models(chance)
        server.will(models)
        config = {"base_url": f"{server.url}/v1", "max_output_tokens": 50, "max_retries": 1, "timeout_seconds": 20}
        limits = {"max_tokens_per_day": 1_000_000_000, "max_concurrent_active_instances": 10_000}
        narrow = {"max_requests_per_minute": 3}
        base = {"provider": "custom", "interaction_models": ["both"]}
        manager.add_worker_definition(worker("w", **base, base_config=config, rate_limits=limits))
        wait = {**config, "on_limit": "wait", "limit_wait_seconds": 20}
        manager.add_worker_definition(worker("narrow", **base, base_config=wait, rate_limits=narrow))

        def heard(event: StreamEvent) -> None:
            if chance.random() < 0.01:
                raise ValueError("a callback fails")

        def go(way: Callable[[Interpreter, float], None], seconds: float) -> None:
            wall = seconds if way is by_deadline else None
            stream = heard if chance.random() < 0.5 else None
            with Interpreter(
                plugins=False, limits=Limits(max_steps=None, max_wall_seconds=wall), on_stream=stream
            ) as made:
                register_ai_worker_tools(made, manager)
                made.load(PROGRAM)
                way(made, seconds)

        ways = (by_thread, by_token, by_task, by_deadline)
        for _ in range(rounds):
            go(chance.choice(ways), 0.15 * chance.random())
        models.over.set()

        deadline = time.monotonic() + BOUND
        while any(manager.limit_usage(name)[key] for name in ("w", "narrow") for key in ("calls_in_flight", "waiting")):
            assert time.monotonic() < deadline, "a call holds what was reserved for it"
            time.sleep(0.05)
        for each in manager.list_active_worker_instances():
            assert each.status is not AIWorkerInstanceStatus.BUSY, "a turn is open"
            manager.retire_worker_instance(each.instance_id)
        assert manager.limit_usage("w")["active_instances"] == 0
        records = {name: manager.get_performance_records_for_definition(name) for name in ("w", "narrow")}
        assert sum(map(len, records.values())) >= rounds
        booked = sum(record.llm_metrics["total_tokens"] for record in records["w"])
        assert manager.limit_usage("w")["tokens_last_day"] == booked
    gc.collect()
    deadline = time.monotonic() + BOUND
    while left := [
        each.name for each in threading.enumerate() if each not in before and not each.name.startswith("neuroscript-")
    ]:
        assert time.monotonic() < deadline, left
        time.sleep(0.05)
    assert not list((tmp_path / "ai_worker_state").glob("in-flight-*"))
    assert open_sockets() <= 2  # those of the event loops' own that Python keeps


def by_thread(interpreter: Interpreter, seconds: float) -> None:
    timer = threading.Timer(seconds, interpreter.cancel)
    timer.start()
    with pytest.raises(CancelledError):
        interpreter.run("main", "x")
    timer.join()


def by_token(interpreter: Interpreter, seconds: float) -> None:
    token = CancelToken()
    timer = threading.Timer(seconds, token.cancel)
    timer.start()
    with pytest.raises(CancelledError):
        interpreter.run("main", "x", cancel=token)
    timer.join()


def by_task(interpreter: Interpreter, seconds: float) -> None:
    async def main() -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(seconds):
                await interpreter.arun("main", "x")

    asyncio.run(main())


def by_deadline(interpreter: Interpreter, seconds: float) -> None:
    with pytest.raises(LimitError):
        interpreter.run("main", "x")
