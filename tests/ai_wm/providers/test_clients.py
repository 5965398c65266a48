"""Who answers for which provider."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import EntryPoint, EntryPoints
from typing import Any

import pytest

from ai_wm.providers import Clients, provider_names
from ai_wm.providers.base import Delta, LLMClient, LLMRequest, LLMResponse, Message, Usage, check_request
from ai_wm.providers.echo import EchoClient
from ai_wm.providers.http import HTTPClient
from ai_wm.providers.scripted import ScriptedClient
from neuroscript.errors import NeuroScriptError
from tests.ai_wm.providers.loopback import Loopback, reply
from tests.ai_wm.providers.support import at, body_of, request, user


class Parrot:
    """A client as a host or a package may write one."""

    closed = False

    def complete(self, request: LLMRequest) -> LLMResponse:
        text = request.messages[-1].content
        return LLMResponse(text=text, finish_reason="stop", usage=Usage(), model="parrot")

    def stream(self, request: LLMRequest) -> Iterator[Delta]:
        yield Delta(response=self.complete(request))

    def close(self) -> None:
        self.closed = True


def offer(monkeypatch: pytest.MonkeyPatch, **factories: str) -> None:
    """Pretends that installed packages offer these providers."""
    points = [EntryPoint(name, value, "ai_wm.providers") for name, value in factories.items()]
    monkeypatch.setattr("ai_wm.data.provider_names.entry_points", lambda **wanted: EntryPoints(points).select(**wanted))


def test_the_built_in_models(clients: Clients) -> None:
    assert isinstance(clients.for_provider("local", "echo"), EchoClient)
    assert isinstance(clients.for_provider("local", "scripted"), ScriptedClient)
    assert clients.for_provider("local", "echo") is clients.for_provider("local", "echo")


def test_every_client_is_one(clients: Clients) -> None:
    made = [clients.for_provider(name, "some-model") for name in provider_names()]
    assert all(isinstance(client, LLMClient) for client in made)
    assert isinstance(clients.for_provider("openai"), HTTPClient)


def test_a_hosts_own_client_comes_first_and_is_not_closed() -> None:
    parrot = Parrot()
    with Clients({"openai": parrot, "local": parrot}) as clients:
        assert clients.for_provider("openai", "m") is parrot
        assert clients.for_provider("local", "echo") is parrot
    assert not parrot.closed


def test_a_package_offers_a_provider(monkeypatch: pytest.MonkeyPatch) -> None:
    offer(monkeypatch, parrot=f"{__name__}:Parrot")
    assert "parrot" in provider_names()
    with Clients() as clients:
        client = clients.for_provider("parrot", "any")
        assert isinstance(client, Parrot)
        assert client.complete(request("parrot", user("hi"))).text == "hi"
    assert client.closed


@pytest.mark.parametrize("factory", [f"{__name__}:nothing", "no_such_module:x", "builtins:dict"])
def test_a_package_whose_provider_cannot_be_made(factory: str, monkeypatch: pytest.MonkeyPatch) -> None:
    offer(monkeypatch, broken=factory)
    with Clients() as clients, pytest.raises(NeuroScriptError, match="broken") as caught:
        clients.for_provider("broken")
    assert caught.value.code == 18


def test_an_unknown_provider_and_the_nearest_name(clients: Clients) -> None:
    with pytest.raises(NeuroScriptError, match="did you mean 'openai'") as caught:
        clients.for_provider("openia")
    assert caught.value.code == 40


def test_nothing_is_made_after_closing(clients: Clients) -> None:
    clients.close()
    clients.close()
    with pytest.raises(NeuroScriptError) as caught:
        clients.for_provider("openai")
    assert caught.value.code == 19


def test_nothing_of_the_network_is_imported_before_it_is_needed() -> None:
    program = (
        "import sys, ai_wm\n"
        "from ai_wm.providers import Clients\n"
        "from ai_wm.providers.base import LLMRequest, Message\n"
        "ask = LLMRequest(provider='local', model='echo', messages=(Message(role='user', content='hi'),))\n"
        "with Clients() as clients:\n"
        "    assert clients.for_provider('local', 'echo').complete(ask).text == 'echo: hi'\n"
        "assert not {'httpx', 'ssl', 'pydantic', 'xllamacpp'} & set(sys.modules), sorted(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)


def test_a_model_that_keeps_failing_is_not_asked_for_a_while(clients: Clients, server: Loopback) -> None:
    client = clients.for_provider("openai")
    ask = at(server.will(reply("", 500)), "openai", max_retries=0)
    errors = []
    for _ in range(6):
        with pytest.raises(NeuroScriptError) as caught:
            client.complete(ask)
        errors.append(caught.value)
    assert len(server.received) == 5
    assert (errors[-1].code, errors[-1].details["cooling_down"]) == (16, True)
    assert 0 < errors[-1].details["retry_after_seconds"] <= 1


def test_refused_requests_do_not_cool_down(clients: Clients, server: Loopback) -> None:
    client = clients.for_provider("openai")
    for _ in range(10):
        with pytest.raises(NeuroScriptError):
            client.complete(at(server.will(reply({"error": "no"}, 400)), "openai"))
    assert client.complete(at(server.will(reply(body_of("openai"))), "openai")).text == "Hi there"


@pytest.mark.parametrize(
    ("message", "words"),
    [
        (Message(role="user", content=b"bytes"), "message 0 (user) holds bytes; content is text"),  # type: ignore[arg-type]
        (Message(role="user", content=[{"type": "image"}]), "holds a list"),  # type: ignore[arg-type]
        (Message(role="system", content="x"), "the role 'system'"),  # type: ignore[arg-type]
    ],
)
def test_content_is_text_and_roles_are_known(message: Any, words: str, clients: Clients) -> None:
    for provider in provider_names():
        model = "echo" if provider == "local" else "m"
        with pytest.raises(NeuroScriptError) as caught:
            clients.for_provider(provider, model).complete(request(provider, message, model=model))
        assert words in caught.value.message
        assert caught.value.code == 4


def test_a_request_needs_a_message_and_a_system_prompt_is_text() -> None:
    with pytest.raises(NeuroScriptError, match="no messages"):
        check_request(LLMRequest(provider="openai", model="m", messages=()))
    with pytest.raises(NeuroScriptError, match="system_prompt"):
        check_request(request("openai", config={"system_prompt": 3}))


@pytest.mark.parametrize(
    ("config", "named"),
    [
        ({"temperature": "hot"}, "temperature"),
        ({"max_output_tokens": 0}, "max_output_tokens"),
        ({"top_k": 1.5}, "top_k"),
        ({"stop": 3}, "stop"),
        ({"seed": True}, "seed"),
        ({"timeout_seconds": 0}, "timeout_seconds"),
        ({"timeout_seconds": "1"}, "timeout_seconds"),
        ({"max_retries": -1}, "max_retries"),
        ({"response_format": "xml"}, "response_format"),
        ({"metadata": {1, 2}}, "not JSON"),
        ({"metadata": float("nan")}, "not JSON"),
    ],
)
def test_options_that_cannot_be_used_are_named(config: dict[str, Any], named: str, clients: Clients) -> None:
    for provider in ("anthropic", "google", "ollama", "openai"):
        with pytest.raises(NeuroScriptError, match=named) as caught:
            clients.for_provider(provider).complete(request(provider, config=config))
        assert caught.value.code == 4


def test_a_tool_choice_must_be_an_offered_tool(clients: Clients) -> None:
    from tests.ai_wm.providers.support import WEATHER

    with pytest.raises(NeuroScriptError, match="tool_choice"):
        clients.for_provider("openai").complete(request("openai", tools=(WEATHER,), config={"tool_choice": "fs.Read"}))
