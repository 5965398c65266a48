"""Streaming: what a host is told of the calls of its scripts, while they go on and when they end."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ai_wm import AIWorkerManager, Delta, LLMRequest, LLMResponse, Usage, register_ai_worker_tools
from neuroscript import CancelToken, Interpreter, Limits, NeuroScriptError, StreamEvent
from tests.ai_wm.helpers import Answers, raises_code, scripted, worker
from tests.ai_wm.providers.loopback import Loopback, events, reply, serve, streamed
from tests.ai_wm.providers.wire import chunk, sse

UPPER = {"tool_calls": [{"name": "str__ToUpper", "arguments": {"input_string": "hey"}}]}


class Host:
    """An interpreter that keeps the events, and the manager of its workers."""

    def __init__(self, client: Any = None, **options: Any) -> None:
        self.events: list[StreamEvent] = []
        self.threads: set[int] = set()
        self.client = client if client is not None else Answers(lambda request: request.messages[-1].content)
        self.manager = AIWorkerManager(clients={"openai": self.client})
        self.interpreter = Interpreter(plugins=False, **{"on_stream": self.hear, **options})
        register_ai_worker_tools(self.interpreter, self.manager)

    def hear(self, event: StreamEvent) -> None:
        self.events.append(event)
        self.threads.add(threading.get_ident())

    def run(self, body: str, **options: Any) -> Any:
        self.interpreter.load(f"func test() means\n{body}\nendfunc", replace=True)
        return self.interpreter.run("test", **options)

    def kinds(self) -> list[str]:
        return [event.kind for event in self.events]

    def text(self) -> str:
        return "".join(event.text for event in self.events)

    def calls(self) -> dict[str, list[StreamEvent]]:
        """The events of each call."""
        found: dict[str, list[StreamEvent]] = {}
        for event in self.events:
            found.setdefault(event.call_id, []).append(event)
        return found


@pytest.fixture
def server() -> Iterator[Loopback]:
    with serve() as running:
        yield running


@pytest.fixture
def make() -> Iterator[Callable[..., Host]]:
    made: list[Host] = []

    def make_host(*args: Any, **options: Any) -> Host:
        made.append(Host(*args, **options))
        return made[-1]

    yield make_host
    for host in made:
        host.interpreter.close()
        host.manager.close()


@pytest.fixture
def host(make: Callable[..., Host]) -> Host:
    return make()


WAYS = {
    "ask": 'ask "w", "a b" into r\nreturn r',
    "ask a conversation": """\
  set chat = tool.AIWorkerInstance.Spawn("w").conversation_manager_handle
  ask chat, "a b" into r
  return r""",
    "Conversation.Ask": """\
  set chat = tool.AIWorkerInstance.Spawn("w").conversation_manager_handle
  return tool.Conversation.Ask(chat, "a b")""",
    "ExecuteStatelessTask": 'return tool.AIWorker.ExecuteStatelessTask("w", "a b").output',
    "ExecuteBatch": 'return tool.AIWorker.ExecuteBatch("w", ["a b"])[0].output',
}
"""Every way by which a script asks a model."""


@pytest.mark.parametrize("way", WAYS)
def test_every_way_to_ask_is_streamed(host: Host, way: str) -> None:
    id_ = host.manager.add_worker_definition(worker("w", cost_metrics={"cost_per_call": 2}))
    assert host.run(WAYS[way]) == host.text() == "echo: a b"
    assert host.kinds() == ["delta", "delta", "delta", "usage", "done"]
    assert {(event.worker, event.worker_id) for event in host.events} == {("w", id_)}
    assert len(host.calls()) == 1
    assert host.threads == {threading.get_ident()}
    [record] = host.manager.get_performance_records_for_definition("w")
    usage, done = host.events[-2:]
    for event in (usage, done):
        assert (event.input_tokens, event.output_tokens, event.cost) == (2, 3, 2.0)
        assert event.instance_id == record.instance_id
    assert (done.ok, done.code, done.task_id) == (True, 0, record.task_id)


@pytest.mark.parametrize("way", WAYS)
def test_without_a_callback_nothing_is_streamed(make: Callable[..., Host], way: str) -> None:
    class Whole(Answers):
        def stream(self, request: LLMRequest) -> Iterator[Delta]:
            raise AssertionError("nobody listens")

    host = make(Whole(), on_stream=None)
    host.manager.add_worker_definition(worker("w", provider="openai"))
    assert host.run(WAYS[way]) == "yes"
    assert host.interpreter.host_context().on_stream is None


def test_each_call_has_its_id(host: Host) -> None:
    host.manager.add_worker_definition(worker("w"))
    host.run('ask "w", "one" into r\nask "w", "two" into r')
    texts = ["".join(event.text for event in events) for events in host.calls().values()]
    assert texts == ["echo: one", "echo: two"]
    assert host.kinds().count("done") == 2


def test_rounds_of_tools_belong_to_one_call(make: Callable[..., Host]) -> None:
    host = make()
    replies = [{"text": "Let me see.", **UPPER}, "It is HEY."]
    host.manager.add_worker_definition(scripted("w", replies, tool_allowlist=["str.*"]))
    assert host.run('ask "w", "go" into r\nreturn r') == "It is HEY."
    kinds = host.kinds()
    assert len(host.calls()) == 1
    assert [kind for kind in kinds if kind != "delta"] == ["usage", "tool_call", "usage", "done"]
    place = kinds.index("tool_call")
    assert host.events[place].tool == "str__ToUpper"
    assert "".join(event.text for event in host.events[:place]) == "Let me see."
    assert "".join(event.text for event in host.events[place:]) == "It is HEY."
    first, second = (event for event in host.events if event.kind == "usage")
    done = host.events[-1]
    assert first.input_tokens > 0
    assert second.input_tokens > 0
    assert first.input_tokens + second.input_tokens == done.input_tokens
    assert first.output_tokens + second.output_tokens == done.output_tokens


def test_a_fallback_goes_on_with_the_call(host: Host) -> None:
    failing = {"text": "", "error": {"code": 16, "message": "down", "details": {}}}
    first = host.manager.add_worker_definition(scripted("first", [failing], base_config={"fallbacks": ["second"]}))
    second = host.manager.add_worker_definition(worker("second"))
    assert host.run('ask "first", "x" into r\nreturn r') == host.text() == "echo: x"
    assert len(host.calls()) == 1
    assert host.kinds().count("done") == 1
    assert {event.worker_id for event in host.events} == {second}
    assert first not in {event.worker_id for event in host.events}


def test_the_worker_tells_where_a_fallback_takes_over(make: Callable[..., Host]) -> None:
    class Breaks(Answers):
        def stream(self, request: LLMRequest) -> Iterator[Delta]:
            yield Delta(text="half a")
            usage = Usage(input_tokens=7, output_tokens=2)
            raise NeuroScriptError(16, "gone", details={"usage": usage})

    host = make(Breaks())
    costs = {"cost_metrics": {"cost_per_call": 1}}
    host.manager.add_worker_definition(
        worker("first", provider="openai", base_config={"fallbacks": ["second"]}, **costs)
    )
    host.manager.add_worker_definition(worker("second", **costs))
    host.run('ask "first", "x" into r')
    assert [(event.worker, event.kind) for event in host.events] == [
        ("first", "delta"),
        ("second", "delta"),
        ("second", "delta"),
        ("second", "usage"),
        ("second", "done"),
    ]
    done = host.events[-1]
    assert (done.input_tokens, done.output_tokens, done.cost) == (7 + 1, 2 + 2, 2.0)


# --- failures ---------------------------------------------------------------------------------------------------------


def failing_with(code: int) -> dict[str, Any]:
    return {"error": {"code": code, "message": "it failed"}}


@pytest.mark.parametrize("code", [16, 31, 40, 45, 47])
@pytest.mark.parametrize("way", ["ask", "ask a conversation", "ExecuteStatelessTask"])
def test_a_failed_call_is_done_too(host: Host, way: str, code: int) -> None:
    host.manager.add_worker_definition(scripted("w", [failing_with(code)]))
    with raises_code(code):
        host.run(WAYS[way])
    [done] = host.events
    [record] = host.manager.get_performance_records_for_definition("w")
    assert (done.kind, done.ok, done.code, done.worker, done.task_id) == ("done", False, code, "w", record.task_id)


def test_a_refused_call_is_done_too(host: Host) -> None:
    host.manager.add_worker_definition(worker("w", rate_limits={"max_requests_per_minute": 1}))
    host.run('ask "w", "one" into r')
    host.events.clear()
    with raises_code(20):
        host.run('ask "w", "two" into r')
    assert [(event.kind, event.code, event.task_id) for event in host.events] == [("done", 20, "")]


@pytest.mark.parametrize("number", range(5))
@pytest.mark.parametrize("way", WAYS)
def test_what_the_callback_raises_is_error_21(make: Callable[..., Host], way: str, number: int) -> None:
    heard: list[StreamEvent] = []

    def fails_once(event: StreamEvent) -> None:
        heard.append(event)
        if len(heard) == number + 1:
            raise ValueError("the socket is gone")

    host = make(on_stream=fails_once)
    host.manager.add_worker_definition(worker("w"))
    body = WAYS[way] if way != "ExecuteBatch" else 'set r = tool.AIWorker.ExecuteBatch("w", ["a b"])[0]\nfail r'
    with raises_code(21, "the socket is gone"):
        host.run(body)
    assert [event.kind for event in heard].count("done") == 1
    assert heard[-1].kind == "done"
    assert heard[-1].code == (21 if number < 4 else 0)


def test_a_callback_that_fails_at_the_end_does_not_hide_why_the_call_failed(make: Callable[..., Host]) -> None:
    def fails(event: StreamEvent) -> None:
        raise ValueError("the socket is gone")

    host = make(on_stream=fails)
    host.manager.add_worker_definition(scripted("w", [failing_with(47)]))
    with raises_code(47):
        host.run('ask "w", "x" into r')


# --- cut off ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", ["delta", "usage"])
def test_a_cancelled_run_ends_its_call(make: Callable[..., Host], way: str, kind: str) -> None:
    token = CancelToken()
    heard: list[StreamEvent] = []

    def hear(event: StreamEvent) -> None:
        heard.append(event)
        if event.kind == kind:
            token.cancel("enough")

    host = make(on_stream=hear)
    host.manager.add_worker_definition(worker("w"))
    with raises_code(44):
        host.run(WAYS[way], cancel=token)
    assert [(event.kind, event.code) for event in heard if event.kind == "done"] == [("done", 44)]
    assert heard[-1].kind == "done"
    assert [event.kind for event in heard].count(kind) == 1


def test_a_run_whose_time_is_over_ends_its_call(make: Callable[..., Host]) -> None:
    class Slow(Answers):
        def stream(self, request: LLMRequest) -> Iterator[Delta]:
            yield Delta(text="one")
            while request.check is not None:
                threading.Event().wait(0.01)
                request.check()

    host = make(Slow(), limits=Limits(max_wall_seconds=0.2))
    host.manager.add_worker_definition(worker("w", provider="openai"))
    with raises_code(37):
        host.run('ask "w", "x" into r')
    assert [(event.kind, event.code) for event in host.events] == [("delta", 0), ("done", 37)]


def test_an_interrupt_ends_the_call() -> None:
    def interrupted(request: LLMRequest) -> str:
        raise KeyboardInterrupt

    events: list[StreamEvent] = []
    with AIWorkerManager(clients={"openai": Answers(interrupted)}) as manager:
        manager.add_worker_definition(worker("w", provider="openai"))
        with pytest.raises(KeyboardInterrupt):
            manager.execute_stateless_task("w", "x", on_stream=events.append)
    assert [(event.kind, event.code) for event in events] == [("done", 44)]


# --- batches ----------------------------------------------------------------------------------------------------------


def test_the_calls_of_a_batch_are_told_apart_and_told_in_the_thread_of_the_run(host: Host) -> None:
    host.manager.add_worker_definition(worker("w"))
    prompts = [f"number {number}" for number in range(20)]
    results = host.run(f'return tool.AIWorker.ExecuteBatch("w", {prompts}, max_parallel: 8)'.replace("'", '"'))
    assert [result["output"] for result in results] == [f"echo: {prompt}" for prompt in prompts]
    assert host.threads == {threading.get_ident()}
    ends = {}
    for told in host.calls().values():
        assert [event.kind for event in told] == ["delta", "delta", "delta", "usage", "done"]
        ends[told[-1].task_id] = "".join(event.text for event in told)
    assert [ends[result["task_id"]] for result in results] == [result["output"] for result in results]


def test_a_callback_that_fails_for_one_call_of_a_batch_fails_that_one(make: Callable[..., Host]) -> None:
    def hear(event: StreamEvent) -> None:
        if "bad" in event.text:
            raise ValueError("not that")

    host = make(on_stream=hear)
    host.manager.add_worker_definition(worker("w"))
    results = host.run('return tool.AIWorker.ExecuteBatch("w", ["good", "bad", "fine"])')
    assert [getattr(result, "code", 0) for result in results] == [0, 21, 0]


def test_a_cancelled_batch_ends_the_calls_that_were_going_on(make: Callable[..., Host]) -> None:
    token, together = CancelToken(), threading.Barrier(4)
    released = threading.Event()

    class Waits(Answers):
        def stream(self, request: LLMRequest) -> Iterator[Delta]:
            together.wait(20)
            yield Delta(text="begun")
            released.wait(20)
            yield from super().stream(request)

    heard: list[StreamEvent] = []

    def hear(event: StreamEvent) -> None:
        heard.append(event)
        if len(heard) == 4:
            token.cancel()

    host = make(Waits(), on_stream=hear)
    host.manager.add_worker_definition(worker("w", provider="openai"))
    try:
        with raises_code(44):
            host.run('return tool.AIWorker.ExecuteBatch("w", ["a", "b", "c", "d"])', cancel=token)
        begun, ended = heard[:4], heard[4:]
        assert [event.kind for event in begun] == ["delta"] * 4
        assert [(event.kind, event.code) for event in ended] == [("done", 44)] * 4
        assert {event.call_id for event in begun} == {event.call_id for event in ended}
    finally:
        released.set()
    host.interpreter.close()
    assert len(heard) == 8  # what ends in the background is nobody's any more


def test_models_that_tools_of_a_batch_ask_are_told_in_the_thread_of_the_run(host: Host) -> None:
    ask = {"tool_calls": [{"name": "AIWorker__ExecuteStatelessTask", "arguments": {"name": "inner", "prompt": "x"}}]}
    host.manager.add_worker_definition(scripted("outer", [ask, "done"], tool_allowlist=["AIWorker.Execute*"]))
    host.manager.add_worker_definition(worker("inner"))
    [result] = host.run('return tool.AIWorker.ExecuteBatch("outer", ["go"])')
    assert result["output"] == "done"
    assert host.threads == {threading.get_ident()}
    by_worker = {events[0].worker: [event.kind for event in events] for events in host.calls().values()}
    assert by_worker == {
        "outer": ["usage", "tool_call", "delta", "usage", "done"],
        "inner": ["delta", "delta", "usage", "done"],
    }


def test_a_host_s_own_call_takes_no_asynchronous_callback() -> None:
    async def on_stream(event: StreamEvent) -> None: ...

    with AIWorkerManager() as manager:
        manager.add_worker_definition(worker("w"))
        with raises_code(21, "it is asynchronous"):
            manager.execute_stateless_task("w", "a", on_stream=on_stream)


def test_a_call_of_a_batch_that_is_cut_off_in_a_later_round_tells_what_it_used(make: Callable[..., Host]) -> None:
    token, heard = CancelToken(), []

    def hear(event: StreamEvent) -> None:
        heard.append(event)
        if event.kind == "tool_call":
            token.cancel()

    host = make(on_stream=hear)
    replies = [{**UPPER, "usage": {"input_tokens": 70, "output_tokens": 7}}, "never"]
    costs = {"cost_per_call": 3}
    host.manager.add_worker_definition(scripted("w", replies, tool_allowlist=["str.*"], cost_metrics=costs))
    with raises_code(44):
        host.run('return tool.AIWorker.ExecuteBatch("w", ["a"])', cancel=token)
    assert [event.kind for event in heard] == ["usage", "tool_call", "done"]
    done = heard[-1]
    assert (done.code, done.input_tokens, done.output_tokens, done.cost) == (44, 70, 7, 3.0)


def test_the_batch_of_a_host_is_streamed_too() -> None:
    events: list[StreamEvent] = []
    with AIWorkerManager() as manager:
        manager.add_worker_definition(worker("w"))
        manager.execute_batch("w", ["a", "b"], on_stream=events.append)
    assert [event.kind for event in events].count("done") == 2


# --- from a server ----------------------------------------------------------------------------------------------------


def test_pieces_come_as_the_server_sends_them(server: Loopback, tmp_path: Path) -> None:
    """The first piece is with the host before the server sends the second one."""
    heard = threading.Event()

    def send(connection: Any) -> None:
        def pieces() -> Iterator[bytes]:
            yield from events(chunk({"content": "Hi "}))
            assert heard.wait(20)
            yield from events(chunk({"content": "there"}), chunk({}, "stop"), "[DONE]")

        answer = streamed(pieces())
        assert callable(answer)
        answer(connection)

    server.will(send)
    kinds: list[str] = []

    def hear(event: StreamEvent) -> None:
        kinds.append(event.kind)
        heard.set()

    with AIWorkerManager(tmp_path) as manager:
        config = {"base_url": server.url + "/v1"}
        manager.add_worker_definition(worker("w", provider="custom", model_name="m", base_config=config))
        assert manager.execute_stateless_task("w", "hello", on_stream=hear).output == "Hi there"
    assert kinds == ["delta", "delta", "usage", "done"]


def test_an_attempt_that_is_repeated_is_the_same_call(server: Loopback, tmp_path: Path) -> None:
    server.will(
        reply({"error": "busy"}, 503, {"retry-after-ms": "1"}), sse(chunk({"content": "Hi"}), chunk({}, "stop"))
    )
    events: list[StreamEvent] = []
    with AIWorkerManager(tmp_path) as manager:
        config = {"base_url": server.url + "/v1"}
        manager.add_worker_definition(worker("w", provider="custom", model_name="m", base_config=config))
        result = manager.execute_stateless_task("w", "hello", on_stream=events.append)
    assert result.record.llm_metrics["attempts"] == 2
    assert [event.kind for event in events] == ["delta", "usage", "done"]
    assert len({event.call_id for event in events}) == 1


def test_a_response_without_text_has_no_deltas() -> None:
    def silent(request: LLMRequest) -> LLMResponse:
        return LLMResponse(text="", finish_reason="stop", usage=Usage(input_tokens=1), model="m")

    events: list[StreamEvent] = []
    with AIWorkerManager(clients={"openai": Answers(silent)}) as manager:
        manager.add_worker_definition(worker("w", provider="openai"))
        manager.execute_stateless_task("w", "x", on_stream=events.append)
    assert [event.kind for event in events] == ["usage", "done"]
