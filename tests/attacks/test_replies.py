"""A provider's server whose replies cost more than an answer is worth: in time, memory, or what they leave behind."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ai_wm import AIWorkerManager, WorkerPolicy, register_ai_worker_tools
from ai_wm.providers import Clients
from ai_wm.providers.adapter import BadReply
from ai_wm.providers.chat_stream import ChatStream
from ai_wm.providers.sse import json_lines, sse_events
from ai_wm.providers.tool_calls import MOST_CALLS, CallPieces
from ai_wm.providers.wire_json import MOST_VALUES, read_json
from neuroscript import Interpreter, Limits, NeuroScriptError, StreamEvent
from tests.ai_wm.providers.loopback import Loopback, events, reply, serve, streamed
from tests.ai_wm.providers.support import at, body_of, collect

MANY = 200_000


@pytest.fixture
def clients() -> Iterator[Clients]:
    with Clients() as made:
        yield made


@pytest.fixture
def server() -> Iterator[Loopback]:
    with serve() as running:
        yield running


@pytest.mark.parametrize("value", ["{}", "[]", "1", '{"a":1}', '"ab"', "[[]]"])
def test_a_body_of_many_values_is_not_parsed(clients: Clients, server: Loopback, value: str) -> None:
    """A reply of 32 MB would become objects of a gigabyte."""
    body = b'{"choices": [' + f"{value},".encode() * (MOST_VALUES + 1) + b"1]}"
    server.will(reply(body))
    tracemalloc.start()
    try:
        with pytest.raises(NeuroScriptError) as caught:
            clients.for_provider("openai").complete(at(server, "openai"))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert caught.value.code == 16
    assert f"holds more than {MOST_VALUES} values" in caught.value.message
    assert len(server.received) == 1  # it would be no better the next time
    assert peak < 6 * len(body)


@pytest.mark.parametrize("read", [sse_events, json_lines])
def test_a_stream_of_many_values_is_not_parsed(read: Any) -> None:
    """One event would take the memory of a whole machine."""
    line = b"[" + b"{}," * MOST_VALUES + b"1]\n\n"
    with pytest.raises(BadReply, match="more than"):
        list(read([b"data: " + line]))
    with pytest.raises(BadReply, match="more than"):
        list(read([line]))


@pytest.mark.parametrize("line", [b"data: ab\n", b"data:\n"])
def test_an_event_of_many_lines(line: bytes) -> None:
    """The lines of an event that never ends would be kept, each as a text of its own."""
    with pytest.raises(BadReply, match="more than"):
        list(sse_events([line * (MOST_VALUES + 1)]))


def test_a_stream_in_a_body_is_read_as_long_as_there_is_time(clients: Clients, server: Loopback) -> None:
    """A body that has come whole would be taken apart long after the call was cancelled or out of time."""
    event = {"choices": [{"index": 0, "delta": {"content": "x"}, "finish_reason": None}]}
    body = f"data: {json.dumps(event)}\n\n".encode() * 20_000
    done = f"data: {json.dumps(event).replace('null', json.dumps('stop'))}\n\ndata: [DONE]\n\n"
    fed = 0

    def check() -> None:
        if fed > 1000:
            raise NeuroScriptError(44, "the run was cancelled")

    class Counting(ChatStream):
        def feed(self, name: str, event: Any) -> str:
            nonlocal fed
            fed += 1
            return super().feed(name, event)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ai_wm.providers.openai.ChatStream", Counting)
        server.will(reply(body + done.encode()))
        with pytest.raises(NeuroScriptError, match="cancelled"):
            clients.for_provider("openai").complete(replace(at(server, "openai"), check=check))
    assert 1000 < fed < 3000


def test_the_values_of_an_honest_reply_are_read() -> None:
    value = [{"token": "a", "logprob": -0.5}] * 100_000
    assert read_json(json.dumps(value)) == value


def piece(**function: Any) -> dict[str, Any]:
    return {"index": 0, "function": function}


@pytest.mark.parametrize(
    "parts",
    [
        [piece(name="f", arguments='{"a": ['), *[piece(name="f", arguments="{},")] * MANY],
        [piece(name="f", arguments="x")] * MANY,
        [piece(name="f", arguments='{"a": "'), *[piece(name="f", arguments="\\")] * MANY],
        [piece(name="f", arguments='{"a": "' + "x" * 1_000_000 + '"'), *[piece(name="f", arguments="{}")] * MANY],
        [{"index": 0, "id": str(n), "function": {"name": "f", "arguments": "y"}} for n in range(MANY)],
    ],
    ids=["objects", "letters", "backslashes", "ends", "ids"],
)
def test_a_call_in_many_pieces(parts: list[dict[str, Any]]) -> None:
    """Each piece would copy, and read as JSON, all that came before it, long after the call's time was over."""
    calls = CallPieces()
    for part in parts:
        calls.take([part])
    assert [call["function"]["name"] for call in calls.calls] == ["f"]
    whole = "".join(part["function"]["arguments"] for part in parts)
    assert calls.calls[0]["function"]["arguments"] == whole


def test_a_reply_of_many_calls(clients: Clients, server: Loopback) -> None:
    """Every call would be run, answered and sent back."""
    call = {"id": "", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    body = body_of("openai")
    body["choices"][0]["message"]["tool_calls"] = [call] * (MOST_CALLS + 1)
    server.will(reply(body))
    with pytest.raises(NeuroScriptError, match=f"more than {MOST_CALLS} tool calls"):
        clients.for_provider("openai").complete(at(server, "openai"))
    chunk = {"choices": [{"index": 0, "delta": {"tool_calls": [{**call, "index": n} for n in range(MOST_CALLS + 1)]}}]}
    server.will(streamed(events(json.dumps(chunk))))
    with pytest.raises(NeuroScriptError, match=f"more than {MOST_CALLS} tool calls"):
        collect(clients.for_provider("openai").stream(at(server, "openai")))


@pytest.mark.parametrize("key", ["reasoning", "reasoning_content", "reasoning_details"])
def test_reasoning_in_many_pieces(clients: Clients, server: Loopback, key: str) -> None:
    """Each piece would copy all that came before it."""
    parser = ChatStream(at(server, "openai"))
    part: Any = "thought" if key != "reasoning_details" else [{"type": "reasoning.text", "text": "thought"}]
    for _ in range(MANY):
        parser.feed("", {"choices": [{"index": 0, "delta": {key: part}}]})
    assert parser.produced >= 7 * MANY
    if key == "reasoning_details":
        more = {"choices": [{"index": 0, "delta": {key: [{}] * MOST_VALUES}}]}
        with pytest.raises(BadReply, match="more than"):
            parser.feed("", more)


def test_a_servers_names_are_short(clients: Clients, server: Loopback) -> None:
    """A name of megabytes would stand in the log, the records and every later request."""
    body = body_of("openai")
    body |= {"model": "m" * 1_000_000, "id": "i" * 1_000_000, "service_tier": "t" * 1_000_000}
    body["choices"][0]["message"]["tool_calls"] = [
        {"id": "c" * 1_000_000, "type": "function", "function": {"name": "n" * 1_000_000, "arguments": "{}"}}
    ]
    server.will(reply(body))
    response = clients.for_provider("openai").complete(at(server, "openai"))
    call = response.tool_calls[0]
    for text in (response.model, response.request_id, response.service_tier, call.id, call.name):
        assert 0 < len(text) <= 256


# --- what a script gets and leaves ------------------------------------------------------------------------------------

ASKING = {
    "ask": 'ask "w", "hello" into x',
    "a task": 'set x = tool.AIWorker.ExecuteStatelessTask("w", "hello")',
    "a batch": 'set x = tool.AIWorker.ExecuteBatch("w", ["hello"])',
    "a conversation": 'set i = tool.AIWorkerInstance.Spawn("w")\nask i.conversation_manager_handle, "hello" into x',
}


def run(body: str, manager: AIWorkerManager, **limits: Any) -> None:
    with Interpreter(plugins=False, limits=Limits(**limits), emit=lambda value: None) as interpreter:
        register_ai_worker_tools(interpreter, manager, policy=WorkerPolicy(manage="all"))
        lines = "\n".join(f"  {line}" for line in body.split("\n"))
        interpreter.load(f"func main() means\n{lines}\nendfunc\n")
        interpreter.run("main")


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[AIWorkerManager]:
    with AIWorkerManager(tmp_path) as made:
        made.add_worker_definition(
            {
                "name": "w",
                "provider": "local",
                "model_name": "scripted",
                "auth": {"method": "none"},
                "interaction_models": ["stateless_task", "conversational"],
                "base_config": {"replies": ["y" * 2000]},
            }
        )
        yield made


@pytest.mark.parametrize("body", ASKING.values(), ids=ASKING)
def test_a_reply_longer_than_a_string_may_be(manager: AIWorkerManager, body: str) -> None:
    """A server would put into a variable what no statement of the program could."""
    run(body, manager, max_string=2000)
    with pytest.raises(NeuroScriptError) as caught:
        run(body, manager, max_string=1999)
    assert caught.value.code == 37
    assert "2000 characters" in caught.value.message
    assert "max_output_tokens" in caught.value.message


STORING = {
    "records": 'call tool.AIWorker.LogPerformance("t" + i, "stateless-1", "w", "2025-06-15T09:30:00Z", '
    '"2025-06-15T09:30:01Z", 1000, true, {"k": "x" * 1000})',
    "definitions": 'call tool.AIWorkerDefinition.Add(name: "n" + i, provider: "local", model_name: "echo", '
    'auth: {"method": "none"}, interaction_models: ["stateless_task"], metadata: {"k": "x" * 1000})',
    "instances": 'set s = tool.AIWorkerInstance.Spawn("w", {"system_prompt": "x" * 1000})',
}


@pytest.mark.parametrize("body", STORING.values(), ids=STORING)
def test_what_a_script_stores_counts_as_written(manager: AIWorkerManager, body: str, tmp_path: Path) -> None:
    """A script would fill the disk past the limit on what it may write."""
    loop = f"set i = 0\nwhile i < 50\n  set i = i + 1\n  {body}\nendwhile"
    with pytest.raises(NeuroScriptError) as caught:
        run(loop, manager, max_written_bytes=20_000)
    assert caught.value.code == 37
    assert "it may write 20000" in caught.value.message
    assert sum(file.stat().st_size for file in tmp_path.rglob("*") if file.is_file()) < 300_000


def test_a_record_of_an_ended_run_names_no_class(manager: AIWorkerManager) -> None:
    """A script would read the names of the interpreter's own classes."""

    def stop(event: StreamEvent) -> None:
        interpreter.cancel()

    with Interpreter(plugins=False, on_stream=stop) as interpreter:
        register_ai_worker_tools(interpreter, manager)
        interpreter.load('func main() means\n  ask "w", "hello" into x\nendfunc\n')
        with pytest.raises(NeuroScriptError):
            interpreter.run("main")
    said = [record.error_details for record in manager.get_performance_records_for_definition("w")]
    assert said
    assert all("Stop" not in text for text in said), said
