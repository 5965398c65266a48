"""Ctrl-C at any line of a call: nothing stays held or open, and whatever was sent is counted and recorded."""

from __future__ import annotations

from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from ai_wm import AIWorkerManager, LLMRequest, LLMResponse, ToolCallRequest, Usage
from neuroscript import ErrorCode, NeuroScriptError
from tests.ai_wm.helpers import Answers, worker
from tests.ai_wm.interrupts import InterruptAt
from tests.ai_wm.providers.loopback import reply, serve
from tests.ai_wm.providers.loopback import streamed as streamed_reply
from tests.ai_wm.providers.support import body_of, stream_of

LIMITS = {"max_tokens_per_day": 100_000, "max_cost_per_day": 1000.0, "max_requests_per_minute": 1000}
PRICES = {"input_cost_per_token": 0.001, "output_cost_per_token": 0.001}


KINDS = ["task", "turn", "streamed turn", "failure", "with a tool", "repair", "repair that fails"]


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
        with suppress(NeuroScriptError):
            match kind:
                case "task":
                    self.manager.execute_stateless_task(self.name, "hello")
                case "turn":
                    self.conversation.ask("hello")
                case "streamed turn":
                    self.conversation.ask("hello", on_stream=lambda event: None)
                case "failure":
                    self.conversation.ask("fail")
                case "repair":
                    self.conversation.ask("a value", schema={"type": "object"})
                case "repair that fails":
                    self.conversation.ask("no value", schema={"type": "object"}, on_stream=lambda event: None)
                case "with a tool":
                    self.manager.execute_stateless_task(self.name, "use it")

    def problem(self) -> str:
        """What is wrong with the books; empty if nothing is."""
        usage = self.manager.limit_usage(self.name)
        records = self.manager.get_performance_records_for_definition(self.name)
        tokens = sum(record.llm_metrics["total_tokens"] for record in records)
        cost = sum(record.cost_incurred for record in records)
        if usage["calls_in_flight"]:
            return "a call is still in flight"
        attempts = sum(record.llm_metrics["attempts"] for record in records)
        if not len(self.client.requests) <= attempts == usage["requests_last_day"]:
            return f"{len(self.client.requests)} sent, {attempts} recorded, {usage['requests_last_day']} counted"
        if usage["tokens_last_day"] != tokens or abs(usage["cost_last_day"] - cost) > 1e-9:
            return f"{usage} but the records say {tokens} and {cost}"
        if tokens < 15 * sum(request.messages[-1].content != "fail" for request in self.client.requests):
            return f"{tokens} tokens for {len(self.client.requests)} requests"
        if self.manager.get_worker_instance(self.conversation.instance_id).status == "busy":
            return "the turn is still open"
        return ""


def answer(request: LLMRequest) -> Any:
    """Fails, calls a tool, or says yes, as the conversation asks."""
    last = request.messages[-1]
    if last.content == "fail":
        raise NeuroScriptError(ErrorCode.LLM_ERROR, "no")
    if last.content.startswith("Your last reply"):  # it was sent back
        return '{"n": 1}' if request.messages[-3].content == "a value" else "no"
    if last.content == "use it":
        call = ToolCallRequest(id="1", name="math.Add", arguments={"num1": 1, "num2": 2})
        usage = Usage(input_tokens=10, output_tokens=5)
        return LLMResponse(text="", finish_reason="tool_calls", usage=usage, model=request.model, tool_calls=(call,))
    return "yes"


@pytest.mark.parametrize(
    "kind", ["task", "turn", "streamed turn", "failure", "with a tool", "repair", "repair that fails"]
)
@pytest.mark.parametrize(
    ("place", "stride"),
    [
        ("memory", 3),
        ("disk", 97),
        pytest.param("memory", 1, marks=pytest.mark.slow),
        pytest.param("disk", 3, marks=pytest.mark.slow),
    ],
)
def test_a_call_that_is_interrupted_anywhere_leaves_the_books_in_order(
    tmp_path: Path, place: str, stride: int, kind: str
) -> None:
    client, problems = Answers(answer), []
    with AIWorkerManager(tmp_path if place == "disk" else None, clients={"openai": client}) as manager:
        for line in count(0, stride):
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


# A connection that an interrupt leaves in the middle of its making is closed when it is collected.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning", "ignore::ResourceWarning")
@pytest.mark.parametrize("stride", [211, pytest.param(23, marks=pytest.mark.slow)])
@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
def test_a_call_over_the_network_that_is_interrupted_anywhere_is_counted(stride: int, streamed: bool) -> None:
    """The first request is refused and sent again; what reached the server is never uncounted."""
    with serve() as server, AIWorkerManager() as manager:
        busy = reply({"error": {"message": "busy"}}, 503, {"retry-after": "0"})
        content = streamed_reply(stream_of("custom", "Hi ", "there")) if streamed else reply(body_of("custom"))
        for line in count(0, stride):
            name, interrupt = f"w{line}", InterruptAt(line)
            config = {"base_url": f"{server.url}/v1"}
            definition = worker(name, provider="custom", base_config=config, rate_limits=LIMITS, cost_metrics=PRICES)
            manager.add_worker_definition(definition)
            prompt = f"prompt {line}."
            server.will(busy, content)
            on_stream = (lambda event: None) if streamed else None
            with suppress(KeyboardInterrupt), interrupt:
                manager.execute_stateless_task(name, prompt, on_stream=on_stream)
            usage, records = manager.limit_usage(name), manager.get_performance_records_for_definition(name)
            tokens = sum(record.llm_metrics["total_tokens"] for record in records)
            received = [each for each in server.received if prompt.encode() in each.body]
            assert usage["calls_in_flight"] == 0, interrupt.where
            assert usage["tokens_last_day"] == tokens, interrupt.where
            assert len(received) <= usage["requests_last_day"] <= 2, interrupt.where
            assert tokens >= 12 or len(received) < 2, interrupt.where
            if not interrupt.where:
                break
