"""Against LiteLLM's proxy before llama.cpp: the formats of Gemini, Anthropic and OpenAI as a gateway speaks them.

The proxy needs libraries of other versions than this project's, and a virtual environment of its own: `make test-all`
makes it in ``.cache/litellm``.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest

from ai_wm.keys import Secret
from ai_wm.providers import Clients
from ai_wm.providers.base import LLMRequest, LLMResponse, Message
from neuroscript import NeuroScriptError
from tests.ai_wm.providers import tiny_model
from tests.ai_wm.providers.support import CITY, KEY, collect, user

pytestmark = pytest.mark.slow
pytest.importorskip("xllamacpp", reason="llama.cpp is missing: pip install 'neuroscript[local]'")
pytest.importorskip("gguf", reason="the gguf package, which makes the test's models, is missing")

PROGRAM = Path(__file__).parents[3] / ".cache" / "litellm" / "bin" / "litellm"
ENGINE_KEY = "sk-of-the-engine-0123456789"
CONTEXT = 1024
WORDS = 16
SCHEMA = {
    "type": "object",
    "properties": {"answer": {"type": "integer", "minimum": 0, "maximum": 9}},
    "required": ["answer"],
    "additionalProperties": False,
}


class Face(NamedTuple):
    """A format that the proxy speaks: the provider of ours that asks in it, and how the proxy asks the engine."""

    provider: str
    base: str = ""
    settings: dict[str, Any] = {}  # noqa: RUF012 - never changed
    route: str = "openai"
    # What gets lost on the way.
    tells_length: bool = True
    enforces_schema: bool = True
    stops: bool = True


FACES = {
    "chat": Face("custom", "/v1"),
    "chat of openai": Face("openai", "/v1"),
    "responses": Face("custom", "/v1", {"api": "responses"}, enforces_schema=False, stops=False),
    "responses by chat": Face("custom", "/v1", {"api": "responses"}, "hosted_vllm", enforces_schema=False, stops=False),
    "google": Face("google"),
    "google by chat": Face("google", route="hosted_vllm"),
    # Asked of a model of OpenAI's, the proxy goes to the engine's Responses API, and reads no status from it.
    "anthropic": Face("anthropic", tells_length=False, enforces_schema=False, stops=False),
    "anthropic by chat": Face("anthropic", route="hosted_vllm"),
}
MODES = ("complete", "stream")


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    if not PROGRAM.exists():
        pytest.skip("LiteLLM's proxy is not installed: make .cache/litellm/.installed")
    directory = tmp_path_factory.mktemp("litellm")
    engines = {
        "tiny": tiny_model.serve(tiny_model.write(directory / "tiny.gguf"), context=CONTEXT, key=ENGINE_KEY),
        "caller": tiny_model.serve(
            tiny_model.write(directory / "caller.gguf", calls_tools=True), context=CONTEXT, key=ENGINE_KEY
        ),
    }
    models = [
        _model(f"{name} by {route}", f"{route}/{name}", engine.listening_address, ENGINE_KEY)
        for name, engine in engines.items()
        for route in ("openai", "hosted_vllm")
    ]
    models.append(_model("refused", "openai/tiny", engines["tiny"].listening_address, "sk-wrong"))
    settings = {
        "model_list": models,
        "router_settings": {"num_retries": 0, "disable_cooldowns": True},
        "litellm_settings": {"telemetry": False},
        "general_settings": {"master_key": KEY},
    }
    config = directory / "config.yaml"
    config.write_text(json.dumps(settings))
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    command = [str(PROGRAM), "--config", str(config), "--host", "127.0.0.1", "--port", str(port)]
    with ExitStack() as stack:
        log = stack.enter_context((directory / "proxy.log").open("wb"))
        environ = {**kept, "LITELLM_LOCAL_MODEL_COST_MAP": "True"}
        process = stack.enter_context(subprocess.Popen(command, env=environ, stdout=log, stderr=log, cwd=directory))
        stack.callback(process.terminate)
        found = f"http://127.0.0.1:{port}"
        _wait_for(found, process, directory / "proxy.log")
        yield found


def _model(name: str, behind: str, address: str, key: str) -> dict[str, Any]:
    return {"model_name": name, "litellm_params": {"model": behind, "api_base": f"{address}/v1", "api_key": key}}


def _wait_for(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline and process.poll() is None:
        try:
            httpx.get(f"{url}/health/liveliness", trust_env=False).raise_for_status()
        except httpx.HTTPError:
            time.sleep(0.1)  # another program's start gives no event to wait for
        else:
            return
    pytest.fail(f"LiteLLM's proxy did not start: {log.read_text()[-2000:]}")


def ask(url: str, face: str, *messages: Message, model: str = "tiny", **config: Any) -> LLMRequest:
    """A request in the format ``face``; always for the most likely token, so that every format has the same text."""
    where = FACES[face]
    sampling = {"temperature": 0, "max_output_tokens": WORDS, "timeout_seconds": 60, "max_retries": 0}
    return LLMRequest(
        provider=where.provider,
        model=f"{model} by {where.route}" if model in ("tiny", "caller") else model,
        messages=messages or (user("hello"),),
        system="be brief",
        config={**sampling, "base_url": url + where.base, **where.settings, **config},
        api_key=Secret(KEY),
    )


def answer(clients: Clients, asked: LLMRequest, mode: str) -> LLMResponse:
    client = clients.for_provider(asked.provider, asked.model)
    return client.complete(asked) if mode == "complete" else collect(client.stream(asked))[1]


@pytest.mark.parametrize("face", FACES)
def test_real_text_and_real_counts_the_same_streamed(url: str, face: str, clients: Clients) -> None:
    asked = ask(url, face)
    whole = answer(clients, asked, "complete")
    assert len(whole.text.split()) == WORDS
    assert whole.finish_reason == ("length" if FACES[face].tells_length else "stop")
    assert whole.usage.output_tokens == WORDS
    assert 30 < whole.usage.input_tokens < 60
    deltas = list(clients.for_provider(asked.provider, asked.model).stream(asked))
    text, last = collect(deltas)
    assert text == last.text == whole.text
    assert last.finish_reason == whole.finish_reason
    assert replace(last.usage, cache_read_tokens=0) == replace(whole.usage, cache_read_tokens=0)
    assert len(deltas) > 3


def test_every_format_says_the_same(url: str, clients: Clients) -> None:
    said = {}
    for face in FACES:
        response = answer(clients, ask(url, face, user("one and the same question")), "complete")
        said[face] = (response.text.strip(), response.usage.input_tokens, response.usage.output_tokens)
    assert len(set(said.values())) == 1, said


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("choice", [None, "required"])
@pytest.mark.parametrize("face", FACES)
def test_a_tool_is_called_and_its_result_given(
    url: str, face: str, choice: str | None, mode: str, clients: Clients
) -> None:
    question = user("the weather?")
    config = {"model": "caller", "max_output_tokens": 400, "tool_choice": choice}
    response = answer(clients, replace(ask(url, face, question, **config), tools=(CITY,)), mode)
    assert (response.finish_reason, response.text) == ("tool_calls", "")
    (call,) = response.tool_calls
    assert (call.name, call.arguments, call.problem) == ("weather.Now", {"city": "Rome"}, "")
    told = Message(role="tool", content="20 C", tool_call_id=call.id, name=call.name)
    turn = (question, response.as_message(), told)
    later = answer(clients, replace(ask(url, face, *turn, **config), tools=(CITY,)), mode)
    assert later.usage.input_tokens > response.usage.input_tokens
    # The model knows nothing but to call again.
    assert later.tool_calls[0].arguments == {"city": "Rome"}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("face", [face for face, where in FACES.items() if where.enforces_schema])
def test_json_that_fits_a_schema(url: str, face: str, mode: str, clients: Clients) -> None:
    response = answer(clients, ask(url, face, response_format=SCHEMA, max_output_tokens=200), mode)
    assert response.finish_reason == "stop"
    assert set(json.loads(response.text)) == {"answer"}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("face", [face for face, where in FACES.items() if where.stops])
def test_a_stop_sequence(url: str, face: str, mode: str, clients: Clients) -> None:
    words = answer(clients, ask(url, face), mode).text.split()
    response = answer(clients, ask(url, face, stop=[words[2]]), mode)
    assert response.text.split() == words[: words.index(words[2])]
    assert response.finish_reason == "stop"


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("face", FACES)
def test_a_wrong_key(url: str, face: str, mode: str, clients: Clients) -> None:
    for wrong in ("sk-wrong-0123456789", "no-key-of-the-proxy-0123456789"):
        with pytest.raises(NeuroScriptError, match="refuses the key") as caught:
            answer(clients, replace(ask(url, face, max_retries=2), api_key=Secret(wrong)), mode)
        assert (caught.value.code, caught.value.details["attempts"]) == (45, 1)
        assert wrong not in str(caught.value)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("face", FACES)
def test_a_key_that_the_engine_behind_it_refuses(url: str, face: str, mode: str, clients: Clients) -> None:
    with pytest.raises(NeuroScriptError, match="Invalid API Key") as caught:
        answer(clients, ask(url, face, model="refused", max_retries=2), mode)
    assert (caught.value.code, caught.value.details["attempts"]) == (45, 1)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("face", FACES)
def test_a_model_that_is_not_there(url: str, face: str, mode: str, clients: Clients) -> None:
    with pytest.raises(NeuroScriptError, match="nobody") as caught:
        answer(clients, ask(url, face, model="nobody", max_retries=2), mode)
    assert (caught.value.code, caught.value.details["attempts"]) == (40, 1)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("face", FACES)
def test_a_conversation_that_does_not_fit(url: str, face: str, mode: str, clients: Clients) -> None:
    with pytest.raises(NeuroScriptError, match="context") as caught:
        answer(clients, ask(url, face, user("hello " * 2 * CONTEXT)), mode)
    assert caught.value.code == 47


@pytest.mark.parametrize("face", ["chat", "chat of openai", "anthropic"])
def test_the_list_of_models(url: str, face: str, clients: Clients) -> None:
    found = {model.id for model in clients.list_models(ask(url, face))}
    assert {"tiny by openai", "caller by hosted_vllm"} <= found


def test_a_list_of_models_that_the_format_of_google_lacks_there(url: str, clients: Clients) -> None:
    with pytest.raises(NeuroScriptError, match="the server has none") as caught:
        clients.list_models(ask(url, "google"))
    assert caught.value.code == 35
