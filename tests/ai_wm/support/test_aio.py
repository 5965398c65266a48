"""Tasks and turns from an event loop."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import pytest

from ai_wm import AIWorkerManager
from tests.ai_wm.helpers import Gate, raises_code, worker


def test_tasks_and_turns_run_beside_each_other(manager: AIWorkerManager) -> None:
    manager.add_worker_definition(worker("w"))
    conversation = manager.conversation(manager.spawn_worker_instance("w").instance_id)

    async def main() -> list[str]:
        task = manager.aexecute_stateless_task("w", "a task", {"temperature": 0})
        turn = conversation.aask("a turn")
        result, reply = await asyncio.gather(task, turn)
        return [result.output, reply]

    assert asyncio.run(main()) == ["echo: a task", "echo: a turn"]


def test_errors_come_through(manager: AIWorkerManager) -> None:
    async def main() -> None:
        await manager.aexecute_stateless_task("nobody", "hello")

    with raises_code(9):
        asyncio.run(main())


def test_the_loop_goes_on_while_a_model_is_called(tmp_path: Path) -> None:
    gate = Gate()
    with AIWorkerManager(tmp_path, clients={"openai": gate}) as manager:
        manager.add_worker_definition(worker("w", provider="openai"))

        async def main() -> str:
            task = asyncio.create_task(manager.aexecute_stateless_task("w", "hello"))
            while not gate.entered.acquire(blocking=False):
                await asyncio.sleep(0.001)
            gate.open.set()
            return (await task).output

        assert asyncio.run(main()) == "hello"


def test_a_cancelled_waiter_goes_on_at_once_and_the_call_ends_by_itself(manager: AIWorkerManager) -> None:
    limits = {"max_requests_per_minute": 1}
    manager.add_worker_definition(worker("w", rate_limits=limits, base_config={"on_limit": "wait"}))
    manager.execute_stateless_task("w", "hello")

    async def main() -> None:
        await asyncio.wait_for(manager.aexecute_stateless_task("w", "hello"), 0.1)

    with pytest.raises(asyncio.TimeoutError):
        asyncio.run(main())
    over = threading.Event()
    for _ in range(500):
        if manager.limit_usage("w")["waiting"] == 0:
            break
        over.wait(0.01)
    assert manager.limit_usage("w")["waiting"] == 0
    assert manager.performance_summary("w").total_tasks_attempted == 1
