"""Against aimock, a mock server in Node: Gemini's and Ollama's formats, and tool calls in every one."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ai_wm.keys import Secret
from ai_wm.providers import Clients
from ai_wm.providers.base import LLMClient, LLMRequest, Message, ToolDefinition
from neuroscript.errors import NeuroScriptError
from tests.ai_wm.providers.support import KEY, REMOTE, WEATHER, collect, user

VERSION = "1.43.0"
# Beside the virtual environments of other Pythons; `npm install --prefix .cache/aimock @copilotkit/aimock@…` fills it.
PREFIX = Path(__file__).parents[3] / ".cache" / "aimock"
# The wire formats; ``responses`` is ``openai`` in that API.
FACES = (*REMOTE, "responses")
CLOCK = ToolDefinition(name="clock.Now", description="The time.", parameters={"type": "object", "properties": {}})

FIXTURES = [
    {"match": {"userMessage": "weather and time", "hasToolResult": True}, "response": {"content": "20 C at noon."}},
    {
        "match": {"userMessage": "weather and time"},
        "response": {
            "toolCalls": [
                {"name": "weather_Now", "arguments": '{"city": "Rome"}'},
                {"name": "clock_Now", "arguments": "{}"},
            ]
        },
    },
    {
        "match": {"userMessage": "too fast"},
        "response": {"error": {"message": "Rate limit exceeded.", "type": "rate_limit_error"}, "status": 429},
    },
    {"match": {"userMessage": "sea"}, "response": {"content": "The sea is wide and deep, and it is never still."}},
]


def _program() -> Path:
    """aimock's server, installed where npm is and the run is one of continuous integration."""
    program = PREFIX / "node_modules" / ".bin" / "llmock"
    if program.exists():
        return program
    command = f"npm install --prefix .cache/aimock @copilotkit/aimock@{VERSION}"
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip(f"npm is missing, and with it aimock; with it: {command}")
    if not os.environ.get("CI"):
        pytest.skip(f"aimock is not installed: {command}")
    PREFIX.mkdir(parents=True, exist_ok=True)
    arguments = ["install", "--no-audit", "--no-fund", "--prefix", str(PREFIX), f"@copilotkit/aimock@{VERSION}"]
    try:
        subprocess.run([npm, *arguments], capture_output=True, text=True, timeout=120, check=True)
    except subprocess.SubprocessError as error:
        pytest.skip(f"aimock cannot be installed here: {error}")
    return program


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    program = _program()
    fixtures = tmp_path_factory.mktemp("aimock") / "fixtures.json"
    fixtures.write_text(json.dumps({"fixtures": FIXTURES}))
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [str(program), "-p", str(port), "-f", str(fixtures), "--log-level", "warn", "--strict", "-c", "7"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            _wait_for(port, process)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.05)  # another program's start gives no event to wait for
        else:
            return
    pytest.fail("aimock did not start")


def client_of(clients: Clients, provider: str) -> LLMClient:
    return clients.for_provider("openai" if provider == "responses" else provider)


def ask(url: str, provider: str, *messages: Message, **config: Any) -> LLMRequest:
    if provider == "responses":
        provider, config = "openai", {**config, "api": "responses"}
    base = f"{url}/v1" if provider in ("openai", "custom") else url
    return LLMRequest(
        provider=provider,
        model={"google": "gemini-3-pro", "anthropic": "claude-opus-5"}.get(provider, "gpt-6"),
        messages=messages,
        tools=(WEATHER, CLOCK),
        config={"base_url": base, **config},
        api_key=Secret(KEY),
    )


@pytest.mark.parametrize("provider", FACES)
def test_a_reply_and_the_same_streamed(url: str, provider: str, clients: Clients) -> None:
    client = client_of(clients, provider)
    whole = client.complete(ask(url, provider, user("Tell me of the sea.")))
    assert whole.text == "The sea is wide and deep, and it is never still."
    assert whole.finish_reason == "stop"
    deltas = list(client.stream(ask(url, provider, user("Tell me of the sea."))))
    text, last = collect(deltas)
    assert text == last.text == whole.text
    assert last.finish_reason == "stop"
    assert len(deltas) > 3


@pytest.mark.parametrize("mode", ["complete", "stream"])
@pytest.mark.parametrize("provider", FACES)
def test_two_tools_at_once_and_the_answer_from_their_results(
    url: str, provider: str, mode: str, clients: Clients
) -> None:
    client = client_of(clients, provider)

    def call(*messages: Message) -> Any:
        asked = ask(url, provider, *messages)
        return client.complete(asked) if mode == "complete" else collect(client.stream(asked))[1]

    question = user("What are the weather and time in Rome?")
    response = call(question)
    assert response.finish_reason == "tool_calls"
    assert [(made.name, made.arguments) for made in response.tool_calls] == [
        ("weather.Now", {"city": "Rome"}),
        ("clock.Now", {}),
    ]
    assert len({made.id for made in response.tool_calls}) == 2
    results = [
        Message(role="tool", content=text, tool_call_id=made.id, name=made.name)
        for made, text in zip(response.tool_calls, ("20 C", "12:00"), strict=True)
    ]
    assert call(question, response.as_message(), *results).text == "20 C at noon."


@pytest.mark.parametrize("provider", FACES)
def test_a_limit_of_the_provider(url: str, provider: str, clients: Clients) -> None:
    with pytest.raises(NeuroScriptError, match="Rate limit exceeded") as caught:
        client_of(clients, provider).complete(ask(url, provider, user("too fast"), max_retries=0))
    assert caught.value.code == 20
