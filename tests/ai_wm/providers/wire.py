"""What the servers that speak chat completions send, piece by piece, and managers whose workers ask them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ai_wm import AIWorkerManager, PerformanceRecord, ToolHost
from neuroscript import Interpreter
from tests.ai_wm.helpers import worker
from tests.ai_wm.providers.loopback import Answer, Loopback, events, reply, streamed

USAGE = {"prompt_tokens": 9, "completion_tokens": 3, "total_tokens": 12}
UPPER = "str__ToUpper"
TOOLS = {"tool_allowlist": ["str.*"]}


def completion(content: Any = "Hi there", finish: str | None = "stop", **more: Any) -> dict[str, Any]:
    """A ``chat.completion``; ``message`` and ``choice`` add to those, everything else to the body."""
    message = {"role": "assistant", "content": content, **more.pop("message", {})}
    choice = {"index": 0, "message": message, "finish_reason": finish, **more.pop("choice", {})}
    head = {"id": "chatcmpl-1", "object": "chat.completion", "created": 1_780_000_000, "model": "m-1"}
    return {**head, "choices": [choice], "usage": USAGE, **more}


def chunk(delta: dict[str, Any] | None = None, finish: str | None = None, **more: Any) -> dict[str, Any]:
    """A ``chat.completion.chunk``; ``choice`` adds to the choice, everything else to the chunk."""
    choice = {"index": 0, "delta": delta or {}, "finish_reason": finish, **more.pop("choice", {})}
    head = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1_780_000_000, "model": "m-1"}
    return {**head, "choices": [choice], **more}


def call(arguments: Any, call_id: str | None = "call_1", name: str = UPPER, **more: Any) -> dict[str, Any]:
    """A tool call as a message holds it; arguments that are no text are written as JSON."""
    text = arguments if isinstance(arguments, str) else json.dumps(arguments)
    given = {} if call_id is None else {"id": call_id}
    return {**given, "type": "function", "function": {"name": name, "arguments": text}, **more}


def calling(*calls: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A ``chat.completion`` that calls tools."""
    message = {"tool_calls": list(calls), **more.pop("message", {})}
    return completion(None, "tool_calls", message=message, **more)


def sse(*data: Any) -> Answer:
    """A stream of these events, with ``[DONE]`` behind them."""
    return streamed(events(*data, "[DONE]"))


def plain(*bodies: Any) -> list[bytes]:
    """Whole replies."""
    return [reply(body) for body in bodies]


@contextmanager
def asking(server: Loopback, provider: str = "custom", **definition: Any) -> Iterator[AIWorkerManager]:
    """A manager with the worker ``w`` that asks the server, and the tools of an interpreter."""
    base = server.url + ("/v1" if provider in ("openai", "custom") else "")
    config = {"base_url": base, **definition.pop("base_config", {})}
    with Interpreter() as interpreter:
        host = ToolHost(interpreter.tools, interpreter.policy, interpreter.host_context())
        with AIWorkerManager(tools=host) as manager:
            manager.add_worker_definition(
                worker("w", provider=provider, **{"model_name": "m-1", **definition}, base_config=config)
            )
            yield manager


def record_of(manager: AIWorkerManager) -> PerformanceRecord:
    """The newest record of the worker."""
    return manager.get_performance_records_for_definition("w")[0]


def sent(server: Loopback, number: int = -1) -> Any:
    """The body of a request that the server got."""
    return server.received[number].json
