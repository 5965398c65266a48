"""What a call through a provider costs beside the same call by hand, on one local server.

    python benchmarks/providers.py [--calls N] [--parallel N] [--markdown]

The server runs in a process of its own and answers every call at once with the same OpenAI reply.  By hand means
``httpx.Client``, one client kept, ``post`` and ``json``.  A managed call is one of a worker with limits, a budget and
prices: in memory, or on the disk, where its record is durable and its limits are shared with other processes.  All ways
are measured in turn, round by round, in one run: the time that passes and the time of the processor, the median of the
rounds and the least.  Other libraries are measured the same way where they are installed:
`pip install openai litellm "pydantic-ai-slim[openai]"`.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import multiprocessing
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from importlib.util import find_spec
from typing import Any, NamedTuple

import httpx
import tables

from ai_wm import AIWorkerManager
from ai_wm.providers import Clients
from ai_wm.providers.base import LLMRequest, Message

PROMPT = "Tell me of the sea, please, in a few words."
WORDS = ["The", " sea", " is", " wide", " and", " deep", "."] * 4
HEAD = {"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "m"}
USAGE = {"prompt_tokens": 12, "completion_tokens": 28, "total_tokens": 40}
MESSAGE = {"role": "assistant", "content": "".join(WORDS)}
REPLY = {**HEAD, "choices": [{"index": 0, "message": MESSAGE, "finish_reason": "stop"}], "usage": USAGE}
CHUNKS = [
    *({**HEAD, "choices": [{"index": 0, "delta": {"content": word}, "finish_reason": None}]} for word in WORDS),
    {**HEAD, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]},
    {**HEAD, "choices": [], "usage": USAGE},
]


async def answer(reader: Any, writer: Any) -> None:
    """Answers the requests of one connection: a reply, or a stream where one is asked for."""
    body = json.dumps(REPLY).encode()
    whole = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%s" % (len(body), body)
    events = b"".join(b"data: %s\n\n" % json.dumps(chunk).encode() for chunk in CHUNKS) + b"data: [DONE]\n\n"
    stream = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: %d\r\n\r\n%s" % (
        len(events),
        events,
    )
    with contextlib.suppress(ConnectionError, EOFError):
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
            asked = await reader.readexactly(length)
            writer.write(stream if b'"stream":true' in asked or b'"stream": true' in asked else whole)
            await writer.drain()
    writer.close()


def serve(listening: socket.socket) -> None:
    """The server's process."""
    import asyncio

    async def run() -> None:
        server = await asyncio.start_server(answer, sock=listening)
        await server.serve_forever()

    asyncio.run(run())


@contextmanager
def server() -> Iterator[str]:
    """The address of a running server."""
    with socket.create_server(("127.0.0.1", 0), backlog=512) as listening:
        process = multiprocessing.get_context("fork").Process(target=serve, args=(listening,), daemon=True)
        process.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}/v1"
        finally:
            process.terminate()
            process.join()


Call = Callable[[], Any]


def worker(url: str, stack: ExitStack, directory: str | None = None) -> AIWorkerManager:
    """A manager with the worker ``w``, in memory or on the default store in a directory."""
    manager = stack.enter_context(AIWorkerManager(sandbox_dir=directory))
    manager.add_worker_definition(
        {
            "name": "w",
            "provider": "openai",
            "model_name": "m",
            "auth": {"method": "none"},
            "interaction_models": ["both"],
            "base_config": {"base_url": url},
            "rate_limits": {"max_requests_per_minute": 10**6, "max_tokens_per_day": 10**9, "max_cost_per_day": 10**6},
            "cost_metrics": {"input_cost_per_token": 0.000001, "output_cost_per_token": 0.000002},
        }
    )
    return manager


def ways(url: str, stack: ExitStack, on_disk: AIWorkerManager) -> dict[str, Call]:
    """Each way of making the call; the first is by hand."""
    in_memory = worker(url, stack)
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=256)
    bare = stack.enter_context(httpx.Client(limits=limits, timeout=60))
    body = {"model": "m", "messages": [{"role": "user", "content": PROMPT}]}
    headers = {"authorization": "Bearer sk-x"}
    clients = stack.enter_context(Clients())
    client = clients.for_provider("openai")
    asked = LLMRequest(
        provider="openai", model="m", messages=(Message(role="user", content=PROMPT),), config={"base_url": url}
    )

    def by_hand() -> str:
        reply = bare.post(f"{url}/chat/completions", json=body, headers=headers)
        return str(reply.json()["choices"][0]["message"]["content"])

    made: dict[str, Call] = {
        "httpx by hand": by_hand,
        "ai_wm client": lambda: client.complete(asked).text,
        "managed, in memory": lambda: in_memory.execute_stateless_task("w", PROMPT)[0],
        "managed, on disk": lambda: on_disk.execute_stateless_task("w", PROMPT)[0],
    }
    if find_spec("openai"):
        import openai

        sdk = stack.enter_context(openai.OpenAI(base_url=url, api_key="sk-x"))
        made["openai SDK"] = lambda: sdk.chat.completions.create(**body).choices[0].message.content
    if find_spec("litellm"):
        litellm: Any = __import__("litellm")
        made["litellm"] = lambda: (
            litellm.completion(model="openai/m", messages=body["messages"], api_base=url, api_key="sk-x")
            .choices[0]
            .message.content
        )
    if find_spec("pydantic_ai"):
        from pydantic_ai import Agent
        from pydantic_ai.models.openai import OpenAIChatModel
        from pydantic_ai.providers.openai import OpenAIProvider

        agent = Agent(OpenAIChatModel("m", provider=OpenAIProvider(base_url=url, api_key="sk-x")))
        made["pydantic-ai"] = lambda: agent.run_sync(PROMPT).output
    return made


def streams(url: str, stack: ExitStack) -> dict[str, Call]:
    """A streamed reply, by hand and through the client; both connect anew, since both stop at the end marker."""
    bare = stack.enter_context(httpx.Client(timeout=60))
    body = {"model": "m", "messages": [{"role": "user", "content": PROMPT}], "stream": True}
    client = stack.enter_context(Clients()).for_provider("openai")
    asked = LLMRequest(
        provider="openai", model="m", messages=(Message(role="user", content=PROMPT),), config={"base_url": url}
    )

    def by_hand() -> str:
        text = []
        with bare.stream("POST", f"{url}/chat/completions", json=body) as reply:
            for line in reply.iter_lines():
                if line == "data: [DONE]":
                    break
                if line.startswith("data: "):
                    for choice in json.loads(line[6:])["choices"]:
                        text.append(choice["delta"].get("content", ""))
        return "".join(text)

    return {
        "httpx by hand": by_hand,
        "ai_wm client": lambda: "".join(delta.text for delta in client.stream(asked)),
    }


class Taken(NamedTuple):
    """Seconds of a call: passed and of the processor, the median and the least."""

    median: float
    least: float
    processor_median: float
    processor_least: float


def in_turn(calls: dict[str, Call], rounds: int) -> dict[str, Taken]:
    """What each way takes, all tried in every round."""
    passed: dict[str, list[float]] = {name: [] for name in calls}
    processor: dict[str, list[float]] = {name: [] for name in calls}
    for number in range(rounds + 10):
        for name, call in calls.items():
            used, start = time.thread_time(), time.perf_counter()
            said = call()
            took, used = time.perf_counter() - start, time.thread_time() - used
            if number >= 10:  # the first ones connect and warm up
                passed[name].append(took)
                processor[name].append(used)
            assert said == MESSAGE["content"], (name, said)
    return {
        name: Taken(statistics.median(times), min(times), statistics.median(processor[name]), min(processor[name]))
        for name, times in passed.items()
    }


def at_once(calls: dict[str, Call], manager: AIWorkerManager, parallel: int, rounds: int) -> dict[str, list[float]]:
    """Calls a second of each way with ``parallel`` threads, and of the manager's batches, in each round."""
    count = parallel * 8
    prompts = [PROMPT] * count
    with ThreadPoolExecutor(parallel) as pool:
        made = {
            name: lambda call=call: list(pool.map(lambda _: call(), range(count))) for name, call in calls.items()
        } | {"a batch, on disk": lambda: manager.execute_batch("w", prompts, max_parallel=parallel)}
        rates: dict[str, list[float]] = {name: [] for name in made}
        for _ in range(rounds):
            for name, work in made.items():
                start = time.perf_counter()
                work()
                rates[name].append(count / (time.perf_counter() - start))
    return rates


def import_seconds(what: str) -> float:
    """The best of five new processes that import ``what``."""
    program = f"import time; start = time.perf_counter(); {what}; print(time.perf_counter() - start)"
    runs = [subprocess.run([sys.executable, "-c", program], capture_output=True, check=True) for _ in range(5)]
    return min(float(run.stdout) for run in runs)


def milliseconds(seconds: float, base: float) -> str:
    """A time, and what it is more than another."""
    return f"{seconds * 1e3:.3f} ms ({(seconds - base) * 1e3:+.3f})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=300, help="rounds of single calls")
    parser.add_argument("--parallel", type=int, default=64, help="threads")
    parser.add_argument("--markdown", action="store_true")
    options = parser.parse_args()
    os.environ["NO_PROXY"] = "127.0.0.1"
    os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # else it looks for prices on the network
    with server() as url, ExitStack() as stack:
        manager = worker(url, stack, stack.enter_context(tempfile.TemporaryDirectory()))
        calls = ways(url, stack, manager)
        single = in_turn(calls, options.calls)
        streamed = in_turn(streams(url, stack), options.calls)
        together = at_once({name: calls[name] for name in list(calls)[:4]}, manager, options.parallel, 7)
    print(f"{tables.machine()}.  {options.calls} rounds; in brackets what is more than by hand.")
    for title, figures in (("one call", single), ("one streamed call", streamed)):
        base = figures["httpx by hand"]
        rows = [
            [name, *(milliseconds(each, of_base) for each, of_base in zip(taken, base, strict=True))]
            for name, taken in figures.items()
        ]
        head = [title, "median", "least", "processor, median", "processor, least"]
        print(f"\n{tables.table(head, rows, markdown=options.markdown)}")
    best, middle = max(together["httpx by hand"]), statistics.median(together["httpx by hand"])
    rows = [
        [
            name,
            f"{max(rates):,.0f}/s ({max(rates) / best:.0%})",
            f"{statistics.median(rates):,.0f}/s ({statistics.median(rates) / middle:.0%})",
        ]
        for name, rates in together.items()
    ]
    print(f"\n{tables.table([f'{options.parallel} at once', 'best', 'median'], rows, markdown=options.markdown)}")
    plain, ours = import_seconds("import httpx, pydantic"), import_seconds("import httpx, pydantic, ai_wm")
    rows = [
        ["httpx, pydantic", f"{plain * 1e3:.0f} ms"],
        ["and ai_wm", f"{ours * 1e3:.0f} ms ({(ours - plain) * 1e3:+.0f})"],
    ]
    print(f"\n{tables.table(['import', ''], rows, markdown=options.markdown)}")


if __name__ == "__main__":
    main()
