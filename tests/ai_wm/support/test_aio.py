"""Tasks and turns from an event loop."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import anyio
import pytest

from ai_wm import AIWorkerManager, LLMRequest
from tests.ai_wm.helpers import Answers, Gate, raises_code, worker


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


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
@pytest.mark.parametrize("kind", ["task", "turn"])
def test_calls_that_wait_for_their_limit_hold_no_thread_and_come_in_order(
    tmp_path: Path, backend: str, kind: str
) -> None:
    most, opened = 60, threading.Event()
    asked: list[int] = []

    def answer(request: LLMRequest) -> str:
        asked.append(int(request.messages[-1].content))
        assert opened.wait(10)
        return "yes"

    with AIWorkerManager(tmp_path, clients={"openai": Answers(answer)}) as manager:
        config = {"on_limit": "wait", "limit_wait_seconds": 20}
        limits = {"max_tokens_per_minute": 10_000}  # one reservation, or many calls of a few tokens
        manager.add_worker_definition(worker("w", provider="openai", base_config=config, rate_limits=limits))
        conversations = [manager.conversation(manager.spawn_worker_instance("w").instance_id) for _ in range(most)]

        async def call(number: int) -> None:
            if kind == "task":
                await manager.aexecute_stateless_task("w", str(number), {"max_output_tokens": 9_000})
            else:
                await conversations[number].aask(str(number), {"max_output_tokens": 9_000})

        async def main() -> None:
            before = threading.active_count()
            async with anyio.create_task_group() as group:
                for number in range(most):
                    group.start_soon(call, number)
                    while len(asked) + manager.limit_usage("w")["waiting"] <= number:
                        await anyio.sleep(0.001)
                assert await anyio.to_thread.run_sync(lambda: True)  # one of the host's own forty is free
                await anyio.sleep(0.2)
                assert threading.active_count() < before + most // 2
                opened.set()

        anyio.run(main, backend=backend)
    assert asked == list(range(most))


def test_a_cancelled_waiter_goes_on_at_once_and_leaves_the_queue(manager: AIWorkerManager) -> None:
    limits = {"max_requests_per_minute": 1}
    manager.add_worker_definition(worker("w", rate_limits=limits, base_config={"on_limit": "wait"}))
    manager.execute_stateless_task("w", "hello")

    async def main() -> None:
        await asyncio.wait_for(manager.aexecute_stateless_task("w", "hello"), 0.1)

    with pytest.raises(asyncio.TimeoutError):
        asyncio.run(main())
    assert manager.limit_usage("w")["waiting"] == 0
    assert manager.performance_summary("w").total_tasks_attempted == 1
