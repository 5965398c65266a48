"""A directory with workers and a journal, for tests of runs that are stopped and go on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ai_wm import AIWorkerManager, LLMRequest, LLMResponse, Usage, WorkerPolicy, register_ai_worker_tools
from ai_wm.providers.base import ToolCallRequest
from neuroscript import CancelToken, ErrorCode, Interpreter, Journal, NeuroScriptError, Policy, RunTerms, StreamEvent
from tests.ai_wm.helpers import Answers

DOWN = NeuroScriptError(ErrorCode.LLM_ERROR, "the server is down")


def reply(text: str = "yes", **fields: Any) -> LLMResponse:
    usage = Usage(input_tokens=10, output_tokens=5)
    return LLMResponse(text=text, finish_reason="stop", usage=usage, model="m", **fields)


def wants(tool: str, **arguments: Any) -> LLMResponse:
    return reply("", tool_calls=(ToolCallRequest(id="c", name=tool, arguments=arguments),))


class World:
    """A directory with workers and a journal, in which runs are started, each by a manager and an interpreter anew."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        (directory / "box").mkdir()
        self.policy = WorkerPolicy(owner="tests")
        self.client = Answers()
        self.acts: list[str] = []
        self.events: list[StreamEvent] = []
        self.emitted: list[Any] = []
        self.worker: dict[str, Any] = {}
        self.on_act: Callable[[str], object] = lambda word: None
        self.tools: dict[str, Callable[..., Any]] = {}

    @contextmanager
    def manager(self) -> Iterator[AIWorkerManager]:
        with AIWorkerManager(
            self.directory / "workers", clients={"custom": self.client}, policy=self.policy
        ) as manager:
            base = {"provider": "custom", "model_name": "m", "auth": {"method": "none"}, "interaction_models": ["both"]}
            prices = {"input_cost_per_token": 0, "output_cost_per_token": 0.01}
            config = {"base_url": "http://127.0.0.1:9/v1", "max_retries": 0, "max_output_tokens": 20}
            given = {"cost_metrics": prices, "base_config": config, "tool_allowlist": ["world.*"], **self.worker}
            manager.ensure_worker_definition({"name": "w", **base, **given})
            manager.ensure_worker_definition({"name": "v", **base, **given, "base_config": config})
            yield manager

    def start(
        self,
        program: str,
        answer: Callable[[LLMRequest], Any] = lambda request: reply(),
        *,
        run_id: str | None = "r",
        cancel: CancelToken | None = None,
        terms: RunTerms | None = None,
        **services: Any,
    ) -> Any:
        """Starts the run, or goes on with it; gives its result.  Without an id it has no journal."""
        self.client.answer = answer
        with (
            Interpreter(
                sandbox=self.directory / "box",
                plugins=False,
                policy=Policy(grants=("*",)),
                on_stream=self.events.append,
                emit=self.emitted.append,
                services=services,
            ) as interpreter,
            self.manager() as manager,
            Journal.open(self.directory / "state", terms) as journal,
        ):
            self.journal = journal
            self.register(interpreter, manager)
            interpreter.load(program, "p.ns")
            try:
                kept: dict[str, Any] = {} if run_id is None else {"run_id": run_id, "journal": journal}
                return interpreter.run("main", cancel=cancel, **kept)
            finally:
                interpreter.close()

    def register(self, interpreter: Interpreter, manager: AIWorkerManager, policy: WorkerPolicy | None = None) -> None:
        """Gives an interpreter the tools of the world and those for workers."""

        @interpreter.tool("world.Act")
        def act(word: str) -> str:
            """Acts."""
            self.acts.append(word)
            self.on_act(word)
            return f"acted {word}"

        for name, tool in self.tools.items():
            interpreter.tool(name, effect="idempotent")(tool)
        register_ai_worker_tools(interpreter, manager, policy=policy)

    def records(self) -> list[Any]:
        with self.manager() as manager:
            return [each for name in "wv" for each in manager.get_performance_records_for_definition(name)]

    @property
    def asked(self) -> list[str]:
        return [request.messages[-1].content for request in self.client.requests]


def raising(error: NeuroScriptError, when: Callable[[LLMRequest], bool]) -> Callable[[LLMRequest], Any]:
    def answer(request: LLMRequest) -> Any:
        if when(request):
            raise NeuroScriptError(error.code, error.message)
        last = request.messages[-1]
        if last.role == "user" and last.content.startswith("act"):
            return wants("world__Act", word=last.content)
        return reply(f"{len(request.messages)}: {last.content}")

    return answer


ALWAYS_UP = raising(DOWN, lambda request: False)
