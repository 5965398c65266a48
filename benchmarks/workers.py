"""What the manager adds to a call of the built-in echo model.

    python benchmarks/workers.py [--rounds N]

Times are medians.  "in memory" is a manager without a directory; "on disk" has its records durable and its limits in
the shared file when the call returns, so the time that the disk takes to sync (shown beside it) is part of it.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ai_wm import AIWorkerManager, LLMRequest, Message
from ai_wm.providers.echo import EchoClient
from neuroscript import Interpreter

PROMPT = "Say hello to everybody."
WORKER = {
    "name": "w",
    "provider": "local",
    "model_name": "echo",
    "auth": {"method": "none"},
    "interaction_models": ["both"],
    "rate_limits": {"max_requests_per_minute": 10**6, "max_tokens_per_day": 10**9, "max_cost_per_day": 10**6},
    "cost_metrics": {"input_cost_per_token": 0.000001, "output_cost_per_token": 0.000002},
}


def median(work: Callable[[], object], rounds: int) -> float:
    """Microseconds."""
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return statistics.median(times) * 1e6


def sync_time(directory: Path, rounds: int) -> float:
    """Microseconds that the disk takes to make a line durable."""
    with open(directory / "probe", "ab", buffering=0) as file:
        sync: Callable[[int], None] = getattr(os, "fdatasync", os.fsync)

        def line() -> None:
            file.write(b"x" * 600)
            sync(file.fileno())

        return median(line, rounds)


def calls(manager: AIWorkerManager) -> dict[str, Callable[[], object]]:
    """What is measured of one manager."""
    conversation = manager.conversation(manager.spawn_worker_instance("w").instance_id)

    def turn() -> None:
        conversation.ask(PROMPT)
        conversation.clear()

    def life() -> None:
        manager.retire_worker_instance(manager.spawn_worker_instance("w").instance_id)

    return {
        "stateless task": lambda: manager.execute_stateless_task("w", PROMPT),
        "turn of a conversation": turn,
        "spawn and retire": life,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=500)
    rounds = parser.parse_args().rounds
    client = EchoClient()
    request = LLMRequest(provider="local", model="echo", messages=(Message(role="user", content=PROMPT),))
    bare = median(lambda: client.complete(request), rounds)
    print(f"{'bare call':32}{bare:10.1f} us")
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        print(f"{'a sync of this disk':32}{sync_time(directory, rounds):10.1f} us")
        for place, made in (("in memory", AIWorkerManager()), ("on disk", AIWorkerManager(directory / "sandbox"))):
            with made as manager:
                manager.add_worker_definition(WORKER)
                for what, work in calls(manager).items():
                    work()
                    print(f"{f'{what}, {place}':32}{median(work, rounds):10.1f} us")
                start = time.perf_counter()
                manager.execute_batch("w", [PROMPT] * rounds, max_parallel=16)
                each = (time.perf_counter() - start) / rounds * 1e6
                print(f"{f'a task in a batch, {place}':32}{each:10.1f} us")

    def register() -> None:
        with Interpreter() as interpreter:
            interpreter.load_plugins()

    def without() -> None:
        with Interpreter(plugins=False):
            pass

    register()
    registered: Any = median(register, rounds) - median(without, rounds)
    print(f"{'registering the tools':32}{registered:10.1f} us")


if __name__ == "__main__":
    main()
