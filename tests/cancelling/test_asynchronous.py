"""Runs begun by a task: the host's asynchronous functions run on its loop, and nothing outlives the task.

The same tests run under asyncio and trio, with anyio's names for both; what only one of them has follows.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from typing import Any

import anyio
import pytest

from neuroscript import (
    CancelledError,
    CancelToken,
    Function,
    Interpreter,
    Limits,
    NeuroScriptError,
    StreamEvent,
    ToolContext,
)
from neuroscript.threads import Job, ThreadPool

LONG = 30


@pytest.fixture(params=["asyncio", "trio"])
def backend(request: pytest.FixtureRequest) -> str:
    pytest.importorskip(request.param)
    return str(request.param)


def run(backend: str, main: Callable[[], Awaitable[Any]]) -> Any:
    return anyio.run(main, backend=backend)


PROGRAM = """
on event "tick" as e do
  emit e.payload
  fail "in a handler"
endon
func twice(needs x) means
  return x * 2
endfunc
func everything(needs x) means
  emit "one"
  promptuser "who?" into name
  call tool.event.Emit("tick", 5)
  return [name, tool.host.Later(x), tool.host.Now(x), tool.host.Call(twice), tool.host.Again(x)]
endfunc
func slow means
  on error do
    emit "late"
    clear_error
  endon
  call tool.host.Slow()
  emit "late"
endfunc
func sleeps means
  emit "started"
  call tool.time.Sleep(60)
endfunc
func blocks means
  emit "started"
  call tool.host.Block()
  emit "late"
endfunc
func get means
  return twice
endfunc
"""


class Host:
    """An interpreter whose host has asynchronous functions; notes in which thread each was called."""

    def __init__(self, **options: Any) -> None:
        self.threads: dict[str, int] = {}
        self.effects: list[Any] = []
        self.release = threading.Event()
        self.started = threading.Event()
        self.interpreter = interpreter = Interpreter(
            plugins=False, emit=self.emit, prompt=self.prompt, on_error=self.on_error, **options
        )

        @interpreter.tool("host.Later")
        async def later(x: int) -> int:
            self.note("async tool")
            await anyio.sleep(0)
            return x + 1

        @interpreter.tool("host.Now")
        def now(x: int) -> int:
            self.note("tool")
            return x + 2

        @interpreter.tool("host.Call")
        async def call(ctx: ToolContext, function: Function) -> int:
            return int(ctx.call(function, 4))

        @interpreter.tool("host.Again")
        async def again(x: int) -> int:
            return int(await interpreter.arun("twice", x))

        @interpreter.tool("host.Slow")
        async def slow() -> None:
            self.started.set()
            try:
                await anyio.sleep(LONG)
            finally:
                self.effects.append("tool ended")

        @interpreter.tool("host.Block")
        def block() -> None:
            assert self.release.wait(LONG)
            self.effects.append("tool ended")

        interpreter.load(PROGRAM)

    def note(self, what: str) -> None:
        self.threads[what] = threading.get_ident()

    async def emit(self, value: Any) -> None:
        self.note("emit")
        await anyio.sleep(0)
        self.effects.append(value)
        if value == "started":
            self.started.set()

    async def prompt(self, question: str) -> str:
        self.note("prompt")
        await anyio.sleep(0)
        return question + " me"

    async def on_error(self, error: NeuroScriptError) -> None:
        self.note("on_error")
        self.effects.append(error.message)


def test_asynchronous_functions_run_on_the_loop_and_others_in_a_worker_thread(backend: str) -> None:
    host = Host()

    async def main() -> None:
        assert await host.interpreter.arun("everything", 5) == ["who? me", 6, 7, 8, 10]

    run(backend, main)
    assert host.effects == ["one", 5, "in a handler"]
    here = threading.get_ident()
    assert host.threads.pop("tool") != here
    assert host.threads == dict.fromkeys(["emit", "prompt", "on_error", "async tool"], here)


def test_without_a_task_they_run_on_a_loop_of_their_own() -> None:
    host = Host()
    assert host.interpreter.run("everything", 5) == ["who? me", 6, 7, 8, 10]
    assert host.effects == ["one", 5, "in a handler"]


def test_functions_and_command_scripts_are_awaited_too(backend: str) -> None:
    host = Host()

    async def main() -> None:
        twice = await host.interpreter.arun("get")
        assert await host.interpreter.acall(twice, 21) == 42
        assert await host.interpreter.acall(twice, x=3) == 6
        await host.interpreter.aexecute("command\n  emit tool.host.Later(1)\nendcommand\n")

    run(backend, main)
    assert host.effects == [2]


def test_errors_are_those_of_a_run(backend: str) -> None:
    host = Host()

    @host.interpreter.tool("host.Bad")
    async def bad() -> None:
        raise ValueError("no luck")

    async def main() -> None:
        with pytest.raises(NeuroScriptError, match="there is no procedure 'missing'"):
            await host.interpreter.arun("missing")
        with pytest.raises(NeuroScriptError, match=r"tool\.host\.Bad failed: ValueError: no luck") as raised:
            await host.interpreter.aexecute("command\n\n  call tool.host.Bad()\nendcommand\n")
        assert (raised.value.code, raised.value.line) == (21, 3)
        assert isinstance(raised.value.__cause__, ValueError)

    run(backend, main)


def test_the_loop_goes_on_while_scripts_run(backend: str) -> None:
    """More runs than threads that the host's libraries have: all wait at the same time, and hold up nothing else."""
    hosts = [Host() for _ in range(60)]

    async def main() -> None:
        async def one(host: Host) -> None:
            with pytest.raises(CancelledError):
                await host.interpreter.arun("sleeps", cancel=token)

        token = CancelToken()
        async with anyio.create_task_group() as group:
            for host in hosts:
                group.start_soon(one, host)
            with anyio.fail_after(LONG):
                while not all(host.effects for host in hosts):
                    await anyio.sleep(0.01)
            assert await anyio.to_thread.run_sync(lambda: 5) == 5
            token.cancel()

    run(backend, main)


@pytest.mark.parametrize("procedure", ["slow", "sleeps", "blocks"])
def test_cancelling_the_task_ends_the_run_before_it_goes_on(backend: str, procedure: str) -> None:
    host = Host()
    after: list[str] = []

    async def main() -> None:
        async def one() -> None:
            try:
                await host.interpreter.arun(procedure)
            finally:
                after.append("task ended")
                host.effects.append("task ended")

        async with anyio.create_task_group() as group:
            group.start_soon(one)
            with anyio.fail_after(LONG):
                while not host.started.is_set():
                    await anyio.sleep(0.005)
            threading.Timer(0.1, host.release.set).start()
            group.cancel_scope.cancel()

    run(backend, main)
    assert after == ["task ended"]
    # The tool that blocks ends before the task does, and nothing follows it.
    assert (
        host.effects
        == {
            "slow": ["tool ended", "task ended"],
            "sleeps": ["started", "task ended"],
            "blocks": ["started", "tool ended", "task ended"],
        }[procedure]
    )
    host.interpreter.load("func fine means\n  return 1\nendfunc\n")
    assert host.interpreter.run("fine") == 1


def test_a_time_limit_of_the_host_ends_a_run(backend: str) -> None:
    host = Host()

    async def main() -> None:
        with pytest.raises(TimeoutError), anyio.fail_after(0.1):
            await host.interpreter.arun("slow")

    run(backend, main)
    assert host.effects == ["tool ended"]


@pytest.mark.parametrize("how", ["token", "interpreter", "deadline"])
def test_a_run_of_a_task_is_cancelled_from_elsewhere(backend: str, how: str) -> None:
    host = Host(limits=Limits(max_wall_seconds=0.2 if how == "deadline" else None))
    token = CancelToken()
    cancel = {"token": token.cancel, "interpreter": host.interpreter.cancel, "deadline": lambda: None}[how]

    async def main() -> None:
        threading.Thread(target=lambda: (host.started.wait(LONG), cancel())).start()
        with pytest.raises(NeuroScriptError) as raised:
            await host.interpreter.arun("slow", cancel=token)
        assert raised.value.code == (37 if how == "deadline" else 44)

    run(backend, main)
    assert host.effects == ["tool ended"]


def test_context_variables_of_the_task_reach_both_threads(backend: str) -> None:
    request: ContextVar[str] = ContextVar("request", default="none")
    seen: list[str] = []
    with Interpreter(plugins=False) as interpreter:

        @interpreter.tool("host.Sync")
        def sync() -> None:
            seen.append(request.get())

        @interpreter.tool("host.Async")
        async def asynchronous() -> None:
            seen.append(request.get())

        async def main() -> None:
            request.set("mine")
            await interpreter.aexecute("command\n  call tool.host.Sync()\n  call tool.host.Async()\nendcommand\n")

        run(backend, main)
    assert seen == ["mine", "mine"]


def test_a_host_function_is_called_on_the_loop_for_a_tool(backend: str) -> None:
    host = Host()
    pieces: list[tuple[str, int]] = []

    async def on_piece(text: str) -> str:
        await anyio.sleep(0)
        pieces.append((text, threading.get_ident()))
        return text.upper()

    @host.interpreter.tool("host.Stream")
    def stream(ctx: ToolContext) -> str:
        return str(ctx.call_host(on_piece, "a")) + str(ctx.call_host(str.upper, "b"))

    host.interpreter.load("func stream means\n  return tool.host.Stream()\nendfunc\n")
    assert run(backend, lambda: host.interpreter.arun("stream")) == "AB"
    assert pieces == [("a", threading.get_ident())]


# --- replies while they come ---


def streams(interpreter: Interpreter, after_first: Callable[[ToolContext], object] = lambda ctx: None) -> None:
    """Has ``ask`` answered in two pieces; the end of the call is told whatever happens."""

    def asker(ctx: ToolContext, who: object, prompt: str, config: object, whispered: object) -> str:
        told = ctx.on_stream
        assert told is not None
        try:
            told(StreamEvent(kind="delta", call_id="7", worker="w", text="it "))
            after_first(ctx)
            told(StreamEvent(kind="delta", call_id="7", worker="w", text="is"))
        finally:
            told(StreamEvent(kind="done", call_id="7", worker="w"))
        return "it is"

    interpreter.set_asker(asker)
    interpreter.load('func main means\n  ask "what?" into reply\n  return reply\nendfunc\n')


def test_an_asynchronous_stream_callback_runs_on_the_loop(backend: str) -> None:
    heard: list[tuple[str, str, int]] = []

    async def on_stream(event: StreamEvent) -> None:
        await anyio.sleep(0)
        heard.append((event.kind, event.text, threading.get_ident()))

    with Interpreter(plugins=False, on_stream=on_stream) as interpreter:
        streams(interpreter)
        assert run(backend, lambda: interpreter.arun("main")) == "it is"
    here = threading.get_ident()
    assert heard == [("delta", "it ", here), ("delta", "is", here), ("done", "", here)]


def test_what_an_asynchronous_stream_callback_raises_is_error_21(backend: str) -> None:
    async def on_stream(event: StreamEvent) -> None:
        await anyio.sleep(0)
        if event.kind == "delta":
            raise ValueError("the socket is gone")

    with Interpreter(plugins=False, on_stream=on_stream) as interpreter:
        streams(interpreter)
        with pytest.raises(NeuroScriptError, match="the socket is gone") as error:
            run(backend, lambda: interpreter.arun("main"))
    assert error.value.code == 21


def test_a_cancelled_run_tells_the_end_of_its_call_and_nothing_else(backend: str) -> None:
    heard: list[str] = []

    async def on_stream(event: StreamEvent) -> None:
        await anyio.sleep(0)
        heard.append(event.kind)

    token = CancelToken()
    with Interpreter(plugins=False, on_stream=on_stream) as interpreter:
        streams(interpreter, lambda ctx: token.cancel())
        with pytest.raises(CancelledError):
            run(backend, lambda: interpreter.arun("main", cancel=token))
    assert heard == ["delta", "done"]


def test_a_cancelled_task_is_told_the_end_of_its_call(backend: str) -> None:
    heard: list[str] = []

    async def on_stream(event: StreamEvent) -> None:
        await anyio.sleep(0)
        heard.append(event.kind)

    with Interpreter(plugins=False, on_stream=on_stream) as interpreter:
        streams(interpreter, lambda ctx: ctx.sleep(LONG))

        async def main() -> None:
            async with anyio.create_task_group() as group:
                group.start_soon(interpreter.arun, "main")
                while not heard:
                    await anyio.sleep(0.001)
                group.cancel_scope.cancel()

        run(backend, main)
    assert heard == ["delta", "done"]


def test_a_stream_callback_that_never_ends_does_not_keep_a_cancelled_run(
    backend: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A queue that nobody empties any more is what a client leaves behind that hangs up."""
    monkeypatch.setattr("neuroscript.runtime.namespace._LAST_SECONDS", 0.05)
    ended: list[str] = []

    async def on_stream(event: StreamEvent) -> None:
        try:
            if event.kind == "done":
                await anyio.sleep(LONG)
        finally:
            ended.append(event.kind)

    token = CancelToken()
    with Interpreter(plugins=False, on_stream=on_stream) as interpreter:
        streams(interpreter, lambda ctx: token.cancel())
        with pytest.raises(CancelledError):
            run(backend, lambda: interpreter.arun("main", cancel=token))
    assert ended == ["delta", "done"]


def test_a_run_outside_of_a_task_is_refused() -> None:
    with Interpreter(plugins=False) as interpreter:
        interpreter.load("func main means\nendfunc\n")
        waiting = interpreter.arun("main")
        with pytest.raises(RuntimeError, match="awaited in a task of asyncio or trio"):
            waiting.send(None)


GONE = """
func main means
  on error do
    clear_error
  endon
  call tool.host.Gone()
  return system_error_message
endfunc
"""


def test_a_task_that_was_cancelled_by_others_is_a_failure_of_its_tool() -> None:
    host = Host()

    @host.interpreter.tool("host.Gone")
    async def gone() -> None:
        raise asyncio.CancelledError

    host.interpreter.load(GONE)
    message = "tool.host.Gone failed: TaskCancelled: its task was cancelled"
    assert asyncio.run(host.interpreter.arun("main")) == message
    assert host.interpreter.run("main") == message


def test_asyncio_cancelled_twice_waits_for_the_tool_all_the_same() -> None:
    host = Host()

    async def main() -> None:
        task = asyncio.create_task(host.interpreter.arun("blocks"))
        while not host.started.is_set():
            await asyncio.sleep(0.005)
        for _ in range(3):
            task.cancel()
            await asyncio.sleep(0.01)
        assert not task.done()
        host.release.set()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert host.effects == ["started", "tool ended"]


def test_a_task_that_waits_for_the_interpreter_is_cancelled_at_once() -> None:
    host = Host()

    async def main() -> None:
        first = asyncio.create_task(host.interpreter.arun("blocks"))
        while not host.started.is_set():
            await asyncio.sleep(0.005)
        second = asyncio.create_task(host.interpreter.arun("twice", 1))
        await asyncio.sleep(0.02)
        second.cancel()
        with pytest.raises(asyncio.CancelledError):
            await second
        assert not first.done()
        host.release.set()
        await first

    asyncio.run(main())
    assert host.effects == ["started", "tool ended", "late"]


# --- the threads ------------------------------------------------------------------------------------------------------


def test_a_thread_is_used_again() -> None:
    host = Host()

    async def main() -> set[int]:
        for _ in range(20):
            await host.interpreter.aexecute("command\n  set x = tool.host.Now(1)\nendcommand\n")
            threads.add(host.threads["tool"])
        return threads

    threads: set[int] = set()
    assert len(asyncio.run(main())) == 1


def test_a_pool_does_so_many_jobs_at_a_time_and_the_others_in_turn() -> None:
    pool, gate, done = ThreadPool(most=2), threading.Event(), threading.Semaphore(0)
    running: list[int] = []

    def job(number: int, extra: bool = False) -> Job:
        def work() -> None:
            running.append(number)
            assert gate.wait(LONG)

        return Job(work, done.release, extra)

    jobs = [job(number) for number in range(5)]
    for each in jobs:
        pool.start(each)
    pool.start(job(9, extra=True))
    while len(running) < 3:
        pass
    assert sorted(running) == [0, 1, 9]
    assert pool.withdraw(jobs[3]) is True
    assert pool.withdraw(jobs[0]) is False
    gate.set()
    for _ in range(5):
        assert done.acquire(timeout=LONG)
    assert running[3:] == [2, 4]
