"""Ctrl-C at any line of a call: nothing stays held or open, and whatever was sent is counted and recorded."""

from __future__ import annotations

from contextlib import suppress
from itertools import count
from pathlib import Path

import pytest

from ai_wm import AIWorkerManager
from tests.ai_wm.helpers import Answers, worker
from tests.ai_wm.interrupts import InterruptAt

LIMITS = {"max_tokens_per_day": 100_000, "max_cost_per_day": 1000.0, "max_requests_per_minute": 1000}
PRICES = {"input_cost_per_token": 0.001, "output_cost_per_token": 0.001}


class Books:
    """A worker with limits, a conversation with it, and what must be true of its books at any moment.

    Args:
        manager: whose worker it is.
        name: its name.
        client: answers for it, and for others.
    """

    def __init__(self, manager: AIWorkerManager, name: str, client: Answers) -> None:
        self.manager, self.name, self.client = manager, name, client
        client.requests.clear()
        manager.add_worker_definition(worker(name, provider="openai", rate_limits=LIMITS, cost_metrics=PRICES))
        self.conversation = manager.conversation(manager.spawn_worker_instance(name).instance_id)

    def call(self, kind: str) -> None:
        if kind == "task":
            self.manager.execute_stateless_task(self.name, "hello")
        elif kind == "turn":
            self.conversation.ask("hello")
        else:
            self.conversation.ask("hello", on_stream=lambda event: None)

    def problem(self) -> str:
        """What is wrong with the books; empty if nothing is."""
        usage = self.manager.limit_usage(self.name)
        records = self.manager.get_performance_records_for_definition(self.name)
        tokens = sum(record.llm_metrics["total_tokens"] for record in records)
        cost = sum(record.cost_incurred for record in records)
        if usage["calls_in_flight"]:
            return "a call is still in flight"
        if not len(self.client.requests) <= len(records) == usage["requests_last_day"]:
            return f"{len(self.client.requests)} sent, {len(records)} recorded, {usage['requests_last_day']} counted"
        if usage["tokens_last_day"] != tokens or abs(usage["cost_last_day"] - cost) > 1e-9:
            return f"{usage} but the records say {tokens} and {cost}"
        if tokens < 15 * len(self.client.requests):
            return f"{tokens} tokens for {len(self.client.requests)} requests"
        if self.manager.get_worker_instance(self.conversation.instance_id).status == "busy":
            return "the turn is still open"
        return ""


@pytest.mark.parametrize("kind", ["task", "turn", "streamed turn"])
@pytest.mark.parametrize("place", ["memory", pytest.param("disk", marks=pytest.mark.slow)])
def test_a_call_that_is_interrupted_anywhere_leaves_the_books_in_order(tmp_path: Path, place: str, kind: str) -> None:
    client, problems = Answers(), []
    with AIWorkerManager(tmp_path if place == "disk" else None, clients={"openai": client}) as manager:
        for line in count():
            books = Books(manager, f"w{line}", client)
            interrupt = InterruptAt(line)
            with suppress(KeyboardInterrupt), interrupt:
                books.call(kind)
            problem = books.problem()
            if not problem:
                assert books.conversation.ask("again") == "yes"
                problem = books.problem()
            if problem:
                problems.append(f"{interrupt.where}: {problem}")
            if not interrupt.where:
                break
    assert not problems, "\n".join(problems)
