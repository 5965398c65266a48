"""Against aimock, a mock server in Node: every wire format, those of the clouds too, with tool calls in each one."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from ai_wm.keys import Secret
from ai_wm.providers import Clients
from ai_wm.providers.base import LLMClient, LLMRequest, Message, ToolDefinition
from neuroscript.errors import NeuroScriptError
from tests.ai_wm.providers.support import KEY, REMOTE, WEATHER, collect, user

VERSION = "1.43.0"
# Beside the virtual environments of other Pythons; `npm install --prefix .cache/aimock @copilotkit/aimock@…` fills it.
PREFIX = Path(__file__).parents[3] / ".cache" / "aimock"
OPENAI_MODELS = {"openai": "/v1", "custom": "/v1", "groq": "/openai/v1", "openrouter": "/api/v1"}
"""The path below which each provider that speaks as OpenAI does is served."""
VERTEX = {"project": "p", "location": "global"}
FACES: dict[str, tuple[str, dict[str, Any]]] = {
    **{provider: (provider, {}) for provider in (*REMOTE, "groq", "openrouter")},
    "responses": ("openai", {"api": "responses"}),
    "azure": ("azure", {}),
    "azure, dated": ("azure", {"api_version": "2024-10-21"}),
    "azure, responses": ("azure", {"api": "responses"}),
    "bedrock": ("bedrock", {"aws_region": "eu-west-1"}),
    "vertex": ("vertex", VERTEX),
}
"""The wire formats: the provider of each, and the settings that choose it."""
MODELS = {
    "anthropic": "claude-opus-5",
    "bedrock": "anthropic.claude-opus-5-v1:0",
    "google": "gemini-3-pro",
    "vertex": "gemini-3-pro",
}
SCHEMA = {
    "type": "object",
    "properties": {"answer": {"type": "integer"}},
    "required": ["answer"],
    "additionalProperties": False,
}
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
    {"match": {"userMessage": "seven"}, "response": {"content": '{"answer": 7}'}},
    {"match": {"inputText": "meaning"}, "response": {"embedding": [0.5, 0.25, -0.125]}},
    {"match": {"userMessage": "sea"}, "response": {"content": "The sea is wide and deep, and it is never still."}},
]


def _program() -> Path:
    """aimock's server, installed where npm is and the run is one of continuous integration."""
    program = PREFIX / "node_modules" / ".bin" / "llmock"
    if _version() == VERSION:
        return program
    command = f"npm install --prefix .cache/aimock @copilotkit/aimock@{VERSION}"
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip(f"npm is missing, and with it aimock; with it: {command}")
    if not os.environ.get("CI"):
        pytest.skip(f"aimock {VERSION} is not installed: {command}")
    PREFIX.mkdir(parents=True, exist_ok=True)
    arguments = ["install", "--no-audit", "--no-fund", "--prefix", str(PREFIX), f"@copilotkit/aimock@{VERSION}"]
    with FileLock(PREFIX / ".lock", timeout=150):  # the tests may run in several processes
        if _version() != VERSION:
            done = subprocess.run([npm, *arguments], capture_output=True, text=True, timeout=120, check=False)
            assert done.returncode == 0, f"npm is there, and cannot install aimock: {done.stderr}"
    return program


def _version() -> str:
    """The version that is installed; empty if there is none."""
    about = PREFIX / "node_modules" / "@copilotkit" / "aimock" / "package.json"
    return str(json.loads(about.read_text(encoding="utf-8"))["version"]) if about.exists() else ""


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    program = _program()
    fixtures = tmp_path_factory.mktemp("aimock") / "fixtures.json"
    fixtures.write_text(json.dumps({"fixtures": FIXTURES}))
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [str(program), "-p", str(port), "-f", str(fixtures), "--log-level", "warn", "--strict", "-c", "7"]
    environ = {**os.environ, "AIMOCK_API_KEYS": KEY}
    with subprocess.Popen(command, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
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


def client_of(clients: Clients, face: str) -> LLMClient:
    return clients.for_provider(FACES[face][0])


def ask(url: str, face: str, *messages: Message, **config: Any) -> LLMRequest:
    provider, settings = FACES[face]
    version = "/v1" if provider == "vertex" else OPENAI_MODELS.get(provider, "")
    return LLMRequest(
        provider=provider,
        model=MODELS.get(provider, "gpt-6"),
        messages=messages,
        tools=(WEATHER, CLOCK),
        config={"base_url": url + version, **settings, **config},
        api_key=Secret(KEY),
    )


@pytest.mark.parametrize("face", FACES)
def test_a_reply_and_the_same_streamed(url: str, face: str, clients: Clients) -> None:
    client = client_of(clients, face)
    whole = client.complete(ask(url, face, user("Tell me of the sea.")))
    assert whole.text == "The sea is wide and deep, and it is never still."
    assert whole.finish_reason == "stop"
    deltas = list(client.stream(ask(url, face, user("Tell me of the sea."))))
    text, last = collect(deltas)
    assert text == last.text == whole.text
    assert last.finish_reason == "stop"
    assert len(deltas) > 3


@pytest.mark.parametrize("mode", ["complete", "stream"])
@pytest.mark.parametrize("face", FACES)
def test_two_tools_at_once_and_the_answer_from_their_results(url: str, face: str, mode: str, clients: Clients) -> None:
    client = client_of(clients, face)

    def call(*messages: Message) -> Any:
        asked = ask(url, face, *messages)
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


@pytest.mark.parametrize("face", FACES)
def test_a_limit_of_the_provider(url: str, face: str, clients: Clients) -> None:
    with pytest.raises(NeuroScriptError, match="Rate limit exceeded") as caught:
        client_of(clients, face).complete(ask(url, face, user("too fast"), max_retries=0))
    assert caught.value.code == 20


@pytest.mark.parametrize("mode", ["complete", "stream"])
@pytest.mark.parametrize("face", FACES)
def test_json_that_fits_a_schema(url: str, face: str, mode: str, clients: Clients) -> None:
    client, asked = (
        client_of(clients, face),
        ask(url, face, user("Three and four as JSON: seven."), response_format=SCHEMA),
    )
    asked = replace(asked, tools=())
    response = client.complete(asked) if mode == "complete" else collect(client.stream(asked))[1]
    assert json.loads(response.text) == {"answer": 7}


@pytest.mark.parametrize("mode", ["complete", "stream"])
@pytest.mark.parametrize("face", FACES)
def test_a_wrong_key(url: str, face: str, mode: str, clients: Clients) -> None:
    client, wrong = client_of(clients, face), "sk-wrong-0123456789"
    asked = replace(ask(url, face, user("Tell me of the sea.")), api_key=Secret(wrong))
    with pytest.raises(NeuroScriptError, match="refuses the key") as caught:
        client.complete(asked) if mode == "complete" else collect(client.stream(asked))
    assert (caught.value.code, caught.value.details["attempts"]) == (45, 1)
    assert wrong not in str(caught.value)


@pytest.mark.parametrize("face", ["openai", "custom", "openrouter", "azure", "azure, dated"])
def test_embeddings(url: str, face: str, clients: Clients) -> None:
    asked = replace(ask(url, face), tools=(), embed=("the meaning of life", "the meaning of the sea"))
    response = client_of(clients, face).complete(asked)
    assert response.vectors == ((0.5, 0.25, -0.125),) * 2
    assert response.usage.input_tokens > 0


@pytest.mark.parametrize("face", ["openai", "custom", "openrouter", "ollama", "anthropic"])
def test_the_list_of_models(url: str, face: str, clients: Clients) -> None:
    found = [model.id for model in clients.list_models(ask(url, face))]
    assert any("gpt-4o" in name for name in found), found
